//! What other rules would make of a directory: planned from what is known, and thrown away.
//!
//! Invariant: nothing is written and nothing is sent; the plan is the one that a commit would make.

use std::{collections::BTreeSet, sync::Arc};

use directory::{
    decisions::Decisions,
    derive::{Appearance, Basis, Derive, Out, PersonVerdict},
    id::Millis,
    mirror::{Mirror, PersonRow},
    observation::Attribute,
    plan::{self, guard::Window},
    preview::{self, Preview},
    rules::{
        compiled::Compiled,
        limits::Limits,
        named::{self, RuleName},
    },
    snapshot::Directory,
};

use super::{planning::Planning, with_planning};
use crate::{
    app::App,
    task::keeper::{Keeper, Memory},
};

/// People who are shown as examples.
const EXAMPLES: usize = 10;

/// What rules would do.
#[derive(Debug)]
pub struct WhatIf {
    /// What would change, and what would wait.
    pub preview: Preview,
    /// Some people, as the rules would have them.
    pub examples: Vec<Example>,
    /// Guests who would be left out.
    pub guests: usize,
    /// People for whom no name could be made.
    pub nameless: usize,
    /// What in the rules may not be what was meant.
    pub warnings: Vec<String>,
    /// Past which changes would wait then.
    pub limits: Limits,
    /// Names in the rules that mean nobody, or several.
    pub rule_names: Vec<RuleName>,
}

/// Somebody, as rules would have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What the provider calls them.
    pub label: String,
    /// How they sign in at the provider.
    pub login: String,
    /// The user name that the rules make.
    pub name: Option<String>,
    /// The user name that is served now.
    pub served: Option<String>,
    /// Whether they may log in.
    pub active: bool,
    /// Why they would not be served.
    pub why_not: Option<String>,
}

/// What other rules would make of a directory.
///
/// # Errors
/// When the store cannot be read.
pub async fn what_if(app: &App, keeper: &Keeper, rules: Compiled) -> anyhow::Result<WhatIf> {
    let look = move |_: &App, planning: &Planning, memory: &Memory| {
        let preview = planning.foretell(memory, Some(&rules));
        Ok(looked_at(&Basis { rules: &rules, ..planning.basis(memory) }, preview))
    };
    with_planning(app, keeper, look).await
}

/// Names in a directory's rules, or in others, that mean nobody or several.
///
/// # Errors
/// When the store cannot be read.
pub async fn rule_names(
    app: &App,
    keeper: &Keeper,
    rules: Option<Compiled>,
) -> anyhow::Result<Vec<RuleName>> {
    let look = move |_: &App, planning: &Planning, memory: &Memory| {
        let basis = planning.basis(memory);
        Ok(match &rules {
            Some(rules) => named::doubtful(&Basis { rules, ..basis }),
            None => named::doubtful(&basis),
        })
    };
    with_planning(app, keeper, look).await
}

/// What rules would make of a directory that is not there yet.
pub fn afresh(mirror: &Mirror, rules: &Compiled, now: Millis) -> WhatIf {
    let (decisions, served) = (Decisions::default(), Arc::new(Directory::default()));
    let basis = Basis { mirror, rules, decisions: &decisions, served: &served, observed: now };
    let (window, lifted) = (Window::default(), BTreeSet::new());
    let context =
        plan::Context { now, window: &window, lifted: &lifted, empty_read: false, take_overs: &[] };
    looked_at(&basis, preview::of_run(&basis, &context))
}

fn looked_at(basis: &Basis<'_>, preview: Preview) -> WhatIf {
    let derive = Derive::new(*basis);
    let known = basis.mirror.people().count();
    let mut seen = WhatIf {
        preview,
        examples: Vec::new(),
        guests: 0,
        nameless: 0,
        warnings: basis.rules.warnings().iter().map(ToString::to_string).collect(),
        limits: basis.rules.limits.clone(),
        rule_names: named::doubtful(basis),
    };
    // From the beginning, the middle and the end.
    let step = known.div_ceil(EXAMPLES).max(1);
    for (at, row) in basis.mirror.people().enumerate() {
        let verdict = derive.person(row);
        match &verdict {
            PersonVerdict::Out(Out::Guest) => seen.guests += 1,
            PersonVerdict::Wanted { claim: Err(_), .. } => seen.nameless += 1,
            PersonVerdict::Out(_) | PersonVerdict::Wanted { .. } => {}
        }
        if at % step == 0 && seen.examples.len() < EXAMPLES {
            seen.examples.push(example(basis, row, &verdict));
        }
    }
    seen
}

fn example(basis: &Basis<'_>, row: &PersonRow, verdict: &PersonVerdict) -> Example {
    let attribute = |attribute| row.record.attributes.get(attribute).map(str::to_owned);
    let login = attribute(Attribute::Login).unwrap_or_default();
    let label = attribute(Attribute::DisplayName).unwrap_or_else(|| login.clone());
    let served = basis.served.user(row.no).map(|user| user.name().to_owned());
    let (name, active, why_not) = match verdict {
        PersonVerdict::Wanted { appearance: Appearance::Served(out), .. } => {
            (served.clone(), false, Some(out.to_string()))
        }
        PersonVerdict::Wanted { claim: Ok(name), active, .. } => {
            (Some(name.as_str().to_owned()), *active, None)
        }
        PersonVerdict::Wanted { claim: Err(problem), .. } => {
            (None, false, Some(problem.to_string()))
        }
        PersonVerdict::Out(out) => (None, false, Some(out.to_string())),
    };
    Example { label, login, name, served, active, why_not }
}
