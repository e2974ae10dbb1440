//! Each rule that was asked about a person, with its answer.
//!
//! Invariant: in the order in which the rules are asked; a rule that says nothing about anybody is not listed.

use serde::{Deserialize, Serialize};

use super::is_out;
use crate::{
    derive::{Derive, Out, PersonVerdict},
    mirror::{PersonRow, State},
    observation::{Attribute, PersonKind},
    plan::{Issue, Reason},
    rules::{Disabled, Guests, Who},
};

/// A rule that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Asked {
    /// The rule, such as `people.filter`.
    pub rule: String,
    /// What it said, lower case, no full stop.
    pub answer: String,
    /// Whether it decided that the person is not served, or not as usual.
    pub decided: bool,
}

pub(super) fn asked(
    derive: &Derive<'_>,
    row: &PersonRow,
    (verdict, issues): (&PersonVerdict, &[&Issue]),
) -> Vec<Asked> {
    let mut list = List::default();
    let rules = derive.rules;
    let record = &row.record;
    if let State::Absent { .. } = row.state {
        let gone = |out: &Out| matches!(out, Out::Gone { .. } | Out::NeverServed);
        let over = match row.state {
            State::Absent { since, .. } if derive.grace_over(since) => "the grace period is over",
            _ => "the grace period lasts",
        };
        let answer = format!("gone at the provider; {over}; {}", vanished(derive));
        list.add("vanished", answer, is_out(verdict, gone));
    }
    let login = record.attributes.get(Attribute::Login).unwrap_or_default();
    if !rules.never.is_empty() {
        let out = is_out(verdict, |out| *out == Out::Never);
        list.add("people.never", names(login, out), out);
    }
    let always = rules.always.contains(&*crate::name::fold(login.trim()));
    if !rules.always.is_empty() {
        list.add("people.always", names(login, always), false);
    }
    let guest = record.kind == PersonKind::Guest;
    let answer = match (guest, rules.guests) {
        (false, _) => "no guest",
        (true, Guests::Included) => "a guest, and guests are served",
        (true, Guests::Excluded) if always => "a guest, and let in by name",
        (true, Guests::Excluded) => "a guest, and guests are left out",
    };
    list.add("guests", answer.to_owned(), is_out(verdict, |out| *out == Out::Guest));
    if !rules.units.is_empty() {
        let unit = record.attributes.get(Attribute::OrganisationalUnit).unwrap_or("no unit");
        let out = is_out(verdict, |out| matches!(out, Out::Unit { .. }));
        list.add("people.units", format!("in {unit}, which is {}", meant(!out)), out);
    }
    if rules.people.who != Who::Everybody {
        let member = derive.is_member(row.no);
        let word = if member { "in a group whose members are served" } else { "in no such group" };
        list.add("people.who", word.to_owned(), is_out(verdict, |out| *out == Out::NotMember));
    }
    if let Some(filter) = &rules.filter {
        let answer = match filter.holds(crate::rules::expression::Record::User(record)) {
            Ok(true) => "the condition holds".to_owned(),
            Ok(false) => "the condition does not hold".to_owned(),
            Err(failure) => format!("the condition cannot be worked out: {failure}"),
        };
        let filtered = |out: &Out| matches!(out, Out::Filtered | Out::FilterFailed { .. });
        list.add("people.filter", answer, is_out(verdict, filtered));
    }
    if record.enabled == Some(false) {
        let answer = match rules.disabled {
            Disabled::Inactive => "disabled at the provider, so served inactive",
            Disabled::LeftOut => "disabled at the provider, so left out",
        };
        list.add("disabled", answer.to_owned(), is_out(verdict, |out| *out == Out::Disabled));
    }
    if let PersonVerdict::Wanted { claim, .. } = verdict {
        let answer = match claim {
            Ok(name) => format!("makes {name}"),
            Err(problem) => problem.to_string(),
        };
        list.add("user_name", answer, claim.is_err());
    }
    for issue in issues {
        let rule = match issue.reason {
            Reason::Unreadable { .. } => "what can be read",
            _ => "names in use",
        };
        list.add(rule, issue.reason.to_string(), issue.is_set_aside());
    }
    list.0
}

/// Rules that were asked, in order.
#[derive(Default)]
pub(super) struct List(Vec<Asked>);

impl List {
    pub(super) fn into_asked(self) -> Vec<Asked> {
        self.0
    }

    pub(super) fn add(&mut self, rule: &str, answer: String, decided: bool) {
        self.0.push(Asked { rule: rule.to_owned(), answer, decided });
    }
}

fn names(login: &str, named: bool) -> String {
    format!("{} `{login}`", if named { "names" } else { "does not name" })
}

fn meant(meant: bool) -> &'static str {
    if meant { "served" } else { "not served" }
}

fn vanished(derive: &Derive<'_>) -> &'static str {
    use crate::rules::Vanished;
    match derive.rules.vanished {
        Vanished::Removed => "inactive until then, removed after",
        Vanished::KeptInactive => "kept, inactive",
        Vanished::Kept => "kept as before",
        Vanished::Anonymised => "inactive until then, without name and address after",
    }
}
