//! What rules would do, as a piece of a page: how many are served now, then, and once what waits is approved.

use askama::Template;
use directory::{preview::Preview, product_names::RefusedNames, snapshot::Size};

use super::{rules::resulting, runs::applied};
use crate::{
    api::{
        preview::{LookAlike, look_alikes},
        product_names,
    },
    console::{
        html,
        page::sentence,
        words::{count, counted},
    },
    task::commit::what_if::{Example, WhatIf},
};

/// Names that look alike on a page.
const ALIKE_SHOWN: usize = 10;

/// What rules would do, as a piece of a page.
#[derive(Debug, Template)]
#[template(path = "directory/what_if.html")]
pub(in crate::console) struct Outlook {
    told: String,
    rows: Vec<Row>,
    /// Whether there is nothing yet that could change.
    new: bool,
    /// Whether an approval would change what is served.
    waits: bool,
    guests: usize,
    nameless: usize,
    /// What would change at once, in words; none where there is nothing yet that could.
    change: Option<String>,
    held: Vec<String>,
    /// What in the rules may not be what was meant.
    warnings: Vec<String>,
    exceptions: Vec<String>,
    /// Names that products would refuse or change.
    refused: Vec<String>,
    /// Names that would look like another one.
    alike: Vec<String>,
    examples: Vec<Example>,
    /// What the limits come to.
    limits: String,
    problem: Option<String>,
}

/// How many of something are served now, would be at once, and once what waits is approved.
#[derive(Debug)]
struct Row {
    what: &'static str,
    now: String,
    then: String,
    approved: Option<String>,
}

impl Outlook {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        Self {
            told: "2,000 people and 210 groups".to_owned(),
            rows: vec![Row {
                what: "People",
                now: "2,000".to_owned(),
                then: "1,900".to_owned(),
                approved: Some("1,880".to_owned()),
            }],
            new: false,
            waits: true,
            guests: 90,
            nameless: 10,
            change: Some("1 person added".to_owned()),
            held: vec!["20 people would be renamed.".to_owned()],
            warnings: vec!["It looks like a pattern.".to_owned()],
            exceptions: vec!["3 people have another name than the rules make".to_owned()],
            refused: vec!["1 group name: Jira refuses it: `a<b`".to_owned()],
            alike: vec!["The user name `anne` would look like `ann`.".to_owned()],
            examples: vec![Example {
                label: "Ann".to_owned(),
                login: "ann@example.org".to_owned(),
                name: Some("ann".to_owned()),
                served: Some("anne".to_owned()),
                active: true,
                why_not: None,
            }],
            limits: "More than 40 people within a day wait for you.".to_owned(),
            problem: Some("A number, please.".to_owned()),
        }
    }

    /// What cannot be looked at, and why.
    pub(in crate::console) fn problem(problem: String) -> Self {
        Self {
            told: String::new(),
            rows: Vec::new(),
            new: true,
            waits: false,
            guests: 0,
            nameless: 0,
            change: None,
            held: Vec::new(),
            warnings: Vec::new(),
            exceptions: Vec::new(),
            refused: Vec::new(),
            alike: Vec::new(),
            examples: Vec::new(),
            limits: String::new(),
            problem: Some(problem),
        }
    }

    pub(in crate::console) fn of(seen: &WhatIf, new: bool) -> Self {
        let preview = &seen.preview;
        Self {
            told: format!(
                "{} and {}",
                counted(preview.told.users, "person"),
                counted(preview.told.groups, "group")
            ),
            rows: rows(preview),
            new,
            waits: preview.approved != preview.after,
            guests: seen.guests,
            nameless: seen.nameless,
            change: (!new).then(|| applied(&preview.applied)),
            held: preview.held.iter().map(|held| sentence(&held.why)).collect(),
            warnings: {
                let names = seen.rule_names.iter().map(|name| sentence(&name.to_string()));
                seen.warnings.iter().map(|text| sentence(text)).chain(names).collect()
            },
            exceptions: preview.exceptions.sentences(),
            refused: Vec::new(),
            alike: alike(preview),
            examples: seen.examples.clone(),
            limits: resulting(&seen.limits, preview.after),
            problem: None,
        }
    }

    /// The same with the names that products would refuse or change.
    #[must_use]
    pub(in crate::console) fn with_refused(self, names: &[RefusedNames]) -> Self {
        let refused = names.iter().map(|one| sentence(&product_names::line(one))).collect();
        Self { refused, ..self }
    }

    pub(in crate::console) fn html(&self) -> String {
        html::piece(self)
    }
}

/// The first names that would look like another one, and how many more there are.
fn alike(preview: &Preview) -> Vec<String> {
    let shown: Vec<LookAlike> = look_alikes(preview).into_iter().take(ALIKE_SHOWN).collect();
    let more = preview.look_alikes.len() - shown.len();
    let mut lines: Vec<String> = shown.iter().map(|one| sentence(&one.words())).collect();
    lines.extend((more > 0).then(|| format!("{more} more names would look like another one.")));
    lines
}

/// What is served, before and after.
fn rows(preview: &Preview) -> Vec<Row> {
    let (before, after) = (preview.before, preview.after);
    let approved = (preview.approved != after).then_some(preview.approved);
    let row = |what, number: fn(Size) -> usize| Row {
        what,
        now: count(number(before)),
        then: count(number(after)),
        approved: approved.map(|size| count(number(size))),
    };
    vec![
        row("People", |size| size.users),
        row("of them inactive", |size| size.users - size.active_users),
        row("Groups", |size| size.groups),
        row("Memberships", |size| size.all_memberships()),
    ]
}
