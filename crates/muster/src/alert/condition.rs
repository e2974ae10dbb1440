//! Whether something is the matter with a directory: a pure function of what is known of it.
//!
//! Invariants: what is not known changes nothing, neither for the better nor for the worse; an open alert is told again
//! only for what was not told of it before.

use directory::counted::counted;
use std::collections::BTreeSet;

use directory::{
    id::{DAY_MS, Millis},
    plan::Issue,
    report::{Outcome, RunKind, RunReport, UnreadableObject},
    text::line,
};
use store::{AlertRow, AlertText, Damage, Telling};

use crate::task::follow::NotServed;

use super::{
    Kind,
    credential::{Expiry, Source},
    utc,
};

/// So many reads in a row that fail are worth an alert.
pub const FAILURES_MIN: usize = 3;
/// People and groups named in one message.
const NAMED_MAX: usize = 10;
/// People and groups set aside that are remembered one by one.
const REMEMBERED_MAX: usize = 1_000;
/// Characters of one sentence.
const SENTENCE_CHARS_MAX: usize = 600;

/// What is known of a directory.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The time now.
    pub now: Millis,
    /// The directory's name.
    pub name: &'a str,
    /// Its provider.
    pub provider: &'a str,
    /// Whether its schedule is stopped.
    pub paused: bool,
    /// When the provider was last read with success.
    pub last_read: Option<Millis>,
    /// Its latest runs, newest first.
    pub runs: &'a [RunReport],
    /// Who cannot be served, or not under the name that the rules make.
    pub issues: &'a [Issue],
    /// When its credential stops working.
    pub expiry: Option<Expiry>,
    /// Why what is committed is not served, if it is not.
    pub not_served: Option<&'a NotServed>,
    /// What of it in the database cannot be read.
    pub damage: &'a [Damage],
}

/// How a matter stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not known, or not to be judged now.
    Unknown,
    /// All is well.
    Clear,
    /// Something is the matter.
    Standing(AlertText),
}

/// What is to be done about a matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// An alert begins.
    Raise(AlertText),
    /// There is more, or something else, to say of it.
    Change(AlertText, Telling),
    /// It is over.
    Resolve(String),
}

/// How a matter stands.
pub fn state(kind: Kind, facts: &Facts<'_>) -> State {
    match kind {
        Kind::Credential => credential(facts),
        Kind::NotServed => not_served(facts),
        Kind::Damaged => damaged(facts),
        // Nothing is read: nothing gets better or worse.
        _ if facts.paused => State::Unknown,
        Kind::Held => held(facts),
        Kind::Failing => failing(facts),
        Kind::SetAside => set_aside(facts),
        Kind::NearLimit => near_limit(facts),
        Kind::Unreadable => unreadable(facts),
    }
}

/// What is to be done, given how the matter stands and what was said of it.
pub fn step(kind: Kind, name: &str, open: Option<&AlertRow>, state: State) -> Step {
    match (open, state) {
        (_, State::Unknown) | (None, State::Clear) => Step::Nothing,
        (None, State::Standing(text)) => Step::Raise(text),
        (Some(_), State::Clear) => Step::Resolve(over(kind, name)),
        (Some(open), State::Standing(mut text)) => {
            let known = &open.text;
            let telling = if text.aspects.is_subset(&known.aspects) {
                Telling::Quietly
            } else {
                Telling::Again
            };
            text.aspects.extend(known.aspects.iter().cloned());
            if text == *known { Step::Nothing } else { Step::Change(text, telling) }
        }
    }
}

/// How it is said that a matter is over.
fn over(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Held => format!("nothing waits for a decision in `{name}` any more"),
        Kind::Failing => format!("`{name}` reads its provider again"),
        Kind::Credential => format!("the credential of `{name}` was renewed"),
        Kind::SetAside => format!("nobody is set aside in `{name}` any more"),
        Kind::NearLimit => {
            format!("less than half of each limit of `{name}` was used up within 24 hours")
        }
        Kind::Damaged => format!("everything of `{name}` in the database can be read again"),
        Kind::NotServed => format!("what is read of `{name}` is served again"),
        Kind::Unreadable => format!("everything in `{name}` can be read again"),
    }
}

fn held(facts: &Facts<'_>) -> State {
    // A run that did not look at everybody does not say that nothing waits.
    let looked = facts.runs.iter().find(|run| run.exceptions.is_some());
    let Some(run) = looked.or_else(|| last_success(facts)) else { return State::Unknown };
    if run.held.is_empty() {
        return State::Clear;
    }
    let name = facts.name;
    let mut details: Vec<String> =
        run.held.iter().map(|held| line(&held.why, SENTENCE_CHARS_MAX).into_owned()).collect();
    if run.held.iter().any(|held| held.approvable) {
        details.push(format!(
            "look at it with `muster directory preview {name}`, then approve or discard; products see these people \
             and groups as before until then"
        ));
    } else {
        details.push("only the provider can clear it up; it is asked again at each run".to_owned());
    }
    State::Standing(AlertText {
        aspects: run.held.iter().map(|held| held.kind.as_str().to_owned()).collect(),
        title: format!("changes in `{name}` wait for a decision"),
        details,
    })
}

fn failing(facts: &Facts<'_>) -> State {
    let pulls = facts.runs.iter().filter(|run| matches!(run.kind, RunKind::Full | RunKind::Delta));
    let failures: Vec<(&str, Option<&str>)> = pulls
        .take(FAILURES_MIN)
        .map_while(|run| match &run.outcome {
            Outcome::Failed { error, code } => Some((error.as_str(), code.as_deref())),
            _ => None,
        })
        .collect();
    let Some((error, code)) = failures.first() else {
        return if last_success(facts).is_some() { State::Clear } else { State::Unknown };
    };
    if failures.len() < FAILURES_MIN {
        return State::Unknown;
    }
    let name = facts.name;
    let since = match facts.last_read {
        Some(at) => {
            format!("it was last read at {}; products are served what was read then", utc(at))
        }
        None => "it was never read with success, so products get no answer from it".to_owned(),
    };
    State::Standing(AlertText {
        aspects: BTreeSet::from([code.unwrap_or("other").to_owned()]),
        title: format!("`{name}` cannot be read: {FAILURES_MIN} runs in a row failed"),
        details: vec![
            line(error, SENTENCE_CHARS_MAX).into_owned(),
            since,
            format!("try the connection step by step with `muster directory check {name}`"),
        ],
    })
}

fn credential(facts: &Facts<'_>) -> State {
    let Some(Expiry { at, source }) = facts.expiry else { return State::Clear };
    // A token that is in use has its whole idle time left.
    let days: &[i64] = match source {
        Source::Idle => &[7, 1, 0],
        Source::Certificate | Source::Told => &[30, 7, 1, 0],
    };
    let left = at.since(facts.now);
    let passed: BTreeSet<String> = days
        .iter()
        .filter(|days| left <= **days * DAY_MS)
        .map(|days| format!("{days} days"))
        .collect();
    if passed.is_empty() {
        return State::Clear;
    }
    let (name, on) = (facts.name, utc(at));
    let what = match source {
        Source::Certificate => "the certificate",
        Source::Told => "the credential",
        Source::Idle => "the API token",
    };
    let title = if left <= 0 {
        format!("{what} of `{name}` stopped working at {on}")
    } else if source == Source::Idle {
        format!("{what} of `{name}` is not used and stops working at {on}")
    } else {
        format!("{what} of `{name}` stops working at {on}")
    };
    let renew = match (source, facts.provider) {
        (Source::Idle, _) => format!(
            "Okta ends API tokens that were not used for 30 days: let the directory be read again (`muster directory \
             resume {name}`, `muster directory check {name}`)"
        ),
        (Source::Certificate, "entra") => format!(
            "make a new one with `muster directory key entra`, upload it, then `muster directory set {name} \
             --secret-file FILE`"
        ),
        _ => format!(
            "make a new one at the provider, then `muster directory set {name} --secret-file FILE --expires DATE`"
        ),
    };
    State::Standing(AlertText { aspects: passed, title, details: vec![renew] })
}

fn set_aside(facts: &Facts<'_>) -> State {
    let Some(run) = last_success(facts) else { return State::Unknown };
    if run.set_aside == 0 {
        return State::Clear;
    }
    let mut aside: Vec<&Issue> = facts.issues.iter().filter(|issue| issue.is_set_aside()).collect();
    aside.sort_by(|a, b| (&a.id, a.node).cmp(&(&b.id, b.node)));
    aside.dedup_by_key(|issue| issue.node);
    // After a start, who they are is known from the first run on.
    if aside.len() as u64 != run.set_aside {
        return State::Unknown;
    }
    let mut aspects: BTreeSet<String> =
        aside.iter().take(REMEMBERED_MAX).map(|issue| issue.id.to_string()).collect();
    if aside.len() > REMEMBERED_MAX {
        aspects.insert(format!("more than {}", aside.len().ilog2()));
    }
    let name = facts.name;
    let mut details: Vec<String> = aside
        .iter()
        .take(NAMED_MAX)
        .map(|issue| {
            line(&format!("{}: {}", issue.label, issue.reason), SENTENCE_CHARS_MAX).into_owned()
        })
        .collect();
    let more = aside.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    details.push(format!("`muster directory show {name}` lists them"));
    let title = match aside.len() {
        1 => format!("one person or group of `{name}` cannot be served"),
        count => format!("{} of `{name}` cannot be served", counted(count, "person or group")),
    };
    State::Standing(AlertText { aspects, title, details })
}

fn near_limit(facts: &Facts<'_>) -> State {
    let Some(run) = last_success(facts) else { return State::Unknown };
    if run.near.is_empty() {
        // What waits for having passed a limit is told as that, and is no good news here.
        return if run.held.is_empty() { State::Clear } else { State::Unknown };
    }
    let name = facts.name;
    let mut details: Vec<String> = run.near.iter().map(ToString::to_string).collect();
    details.push(format!(
        "nothing waits; if so many changes were not expected, look at them with `muster changes --directory {name}`"
    ));
    State::Standing(AlertText {
        aspects: run.near.iter().map(|near| near.kind.as_str().to_owned()).collect(),
        title: format!("half of a limit of `{name}` is used up"),
        details,
    })
}

fn not_served(facts: &Facts<'_>) -> State {
    let Some(NotServed { since, reason }) = facts.not_served else { return State::Clear };
    let (name, since) = (facts.name, utc(*since));
    State::Standing(AlertText {
        aspects: BTreeSet::from(["not_served".to_owned()]),
        title: format!("what is read of `{name}` is not served"),
        details: vec![
            format!("since {since} the change log cannot be followed: {}", line(reason, SENTENCE_CHARS_MAX)),
            "products are served what was published before; `/health/ready` answers 503, and nothing is read or decided \
             until it works again, which is tried every 5 seconds"
                .to_owned(),
        ],
    })
}

fn damaged(facts: &Facts<'_>) -> State {
    if facts.damage.is_empty() {
        return State::Clear;
    }
    let name = facts.name;
    let aspects = facts.damage.iter().take(REMEMBERED_MAX);
    let aspects = aspects.map(|damage| match damage.seq {
        Some(seq) => format!("entry {seq}"),
        None => format!("{:?} of {}", damage.place, damage.object()),
    });
    let told = facts.damage.iter().take(NAMED_MAX);
    let mut details: Vec<String> =
        told.map(|damage| line(&damage.to_string(), SENTENCE_CHARS_MAX).into_owned()).collect();
    let more = facts.damage.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    details.push(
        "look after the disk; `muster repair` shows all of it while the server is stopped, and what it would do"
            .to_owned(),
    );
    let title = match facts.damage.len() {
        1 => format!("a row of `{name}` in the database cannot be read"),
        count => format!("{} of `{name}` in the database cannot be read", counted(count, "row")),
    };
    State::Standing(AlertText { aspects: aspects.collect(), title, details })
}

fn unreadable(facts: &Facts<'_>) -> State {
    let is_read = |run: &&RunReport| {
        matches!(run.kind, RunKind::Full | RunKind::Delta)
            && !matches!(run.outcome, Outcome::Failed { .. })
    };
    let Some(run) = facts.runs.iter().find(is_read) else { return State::Unknown };
    if run.unreadable.is_empty() {
        return State::Clear;
    }
    let (name, total) = (facts.name, run.unreadable_total);
    let objects = &run.unreadable;
    let mut aspects: BTreeSet<String> =
        objects.iter().map(|object| format!("{} {}", object.part, object.id)).collect();
    if total > objects.len() as u64 {
        aspects.insert(format!("more than {}", total.ilog2()));
    }
    let mut details: Vec<String> = objects
        .iter()
        .take(NAMED_MAX)
        .map(|object| {
            let UnreadableObject { part, id, name, error } = object;
            line(&format!("{part} {name} ({id}): {error}"), SENTENCE_CHARS_MAX).into_owned()
        })
        .collect();
    let more = total.saturating_sub(NAMED_MAX as u64);
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    details.push(format!(
        "products are served what was last read of them; they are asked for again at each run; `muster directory show \
         {name}` lists them"
    ));
    let title = match total {
        1 => format!("one object of `{name}` cannot be read, and stays as it was"),
        count => format!("{count} objects of `{name}` cannot be read, and stay as they were"),
    };
    State::Standing(AlertText { aspects, title, details })
}

/// The latest run that did not fail.
fn last_success<'a>(facts: &Facts<'a>) -> Option<&'a RunReport> {
    facts.runs.iter().find(|run| !matches!(run.outcome, Outcome::Failed { .. }))
}

#[cfg(test)]
mod tests;
