//! What waits for a person: the exact differences, approved or discarded by digest.
//!
//! Invariant: what is approved is what was seen; if it has changed since, nothing happens.

use askama::Template;
use axum::{Form, extract::Path, response::Response};
use directory::{
    decisions::Digest,
    figures::{Count, Exceptions},
    observation::Attribute,
    report::GuardKind,
};
use serde::Deserialize;
use serde_json::json;

use super::{Head, found, frame, runs::applied};
use crate::{
    api::{
        actions,
        directory::Decide,
        discard::Withdraw,
        preview::{PreviewItem, PreviewKind},
    },
    audit,
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{count, counted, query_part, reason},
    },
};

/// One kind of change that waits.
#[derive(Debug)]
struct Kind {
    key: &'static str,
    title: &'static str,
    count: String,
    why: String,
    digest: String,
    approvable: bool,
    items: Vec<Item>,
    more: bool,
}

#[derive(Debug)]
struct Item {
    name: String,
    path: String,
    what: String,
}

#[derive(Debug, Template)]
#[template(path = "directory/waiting.html")]
pub(in crate::console) struct WaitingPage {
    frame: Frame,
    head: Head,
    kinds: Vec<Kind>,
    digest: String,
    flowing: String,
    /// Objects whose changes were discarded.
    discards: usize,
    /// What else is not served as the provider said.
    rest: Vec<String>,
}

impl WaitingPage {
    #[cfg(test)]
    pub(in crate::console) fn sample() -> Self {
        let item =
            Item { name: "ann".to_owned(), path: "/".to_owned(), what: "deactivated".to_owned() };
        let kind = |approvable| Kind {
            key: "people_leaving",
            title: "People leave",
            count: "1".to_owned(),
            why: "Too many.".to_owned(),
            digest: "abc".to_owned(),
            approvable,
            items: vec![],
            more: true,
        };
        Self {
            frame: Frame::sample(),
            head: Head::sample("waiting"),
            kinds: vec![Kind { items: vec![item], ..kind(true) }, kind(false)],
            digest: "abc".to_owned(),
            flowing: "3 changes".to_owned(),
            discards: 2,
            rest: vec!["3 people have another name than the rules make.".to_owned()],
        }
    }
}

/// A kind in words.
fn title(kind: GuardKind) -> &'static str {
    match kind.as_str() {
        "empty_read" => "The provider's list came back empty",
        "unconfirmed" => "Missing from a list, and not confirmed by the provider",
        "people_leaving" => "Many people would become inactive or be removed",
        "groups_removed" => "Many groups would be removed",
        "memberships_lost" => "Many memberships would be taken away",
        "groups_emptied" => "Large groups would be emptied",
        "take_over" => "Names would pass from one to another",
        "renames" => "Many people would be renamed",
        "reactivations" => "Many people would become active again",
        "privileged" => "Groups or people would gain power in products",
        "blanked" => "Mail addresses or names would become blank",
        _ => "Changes that wait",
    }
}

impl Kind {
    fn of(kind: PreviewKind, base: &str) -> Self {
        let item = |item: PreviewItem| Item {
            path: format!("{base}/explain?user={}", query_part(&item.id)),
            name: if item.name.is_empty() { item.id } else { item.name },
            what: item.what,
        };
        Self {
            key: kind.kind.as_str(),
            title: title(kind.kind),
            count: count(kind.count),
            why: sentence(&kind.why),
            digest: kind.digest.0,
            approvable: kind.approvable,
            more: kind.count > kind.items.len() as u64,
            items: kind.items.into_iter().map(item).collect(),
        }
    }
}

pub(in crate::console) async fn show_waiting(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let (detail, head) = found(&visit, &name, "waiting").await?;
    let preview = actions::preview(visit.app(), &name).await?;
    let look = Withdraw { dry_run: true, ..Withdraw::default() };
    let discards = actions::withdraw(visit.app(), &name, look).await?.discarded.len();
    let mut rest = detail.summary.state.not_known();
    // What waits stands above, and what was discarded below.
    let none = Count::default();
    let others = Exceptions { waiting: none, discarded: none, ..preview.exceptions };
    rest.extend(others.sentences());
    rest.extend(attributes_pending(&preview.pending));
    if preview.held.is_empty() && preview.flowing > 0 {
        rest.push(format!("the next run brings {}", counted(preview.flowing as u64, "change")));
    }
    show(&WaitingPage {
        frame: frame(&visit, &head, "Waiting"),
        kinds: preview.held.into_iter().map(|kind| Kind::of(kind, &head.path)).collect(),
        digest: preview.digest.map(|digest| digest.0).unwrap_or_default(),
        flowing: counted(preview.flowing as u64, "change"),
        discards,
        rest: rest.iter().map(|line| sentence(line)).collect(),
        head,
    })
}

/// What the rules read and the next complete read brings.
fn attributes_pending(pending: &[Attribute]) -> Option<String> {
    let names: Vec<&str> = pending.iter().map(|attribute| attribute.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "the rules read what is known only after the next complete read: {}",
            names.join(", ")
        )
    })
}

#[derive(Deserialize)]
pub(in crate::console) struct Decided {
    digest: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    reason: String,
}

impl Decided {
    fn decide(self) -> Decide {
        let kind = serde_json::from_value(json!(self.kind)).ok();
        Decide { digest: Some(Digest(self.digest)), kind, reason: reason(&self.reason) }
    }
}

pub(in crate::console) async fn approve(
    visit: Visit,
    Path(name): Path<String>,
    Form(decided): Form<Decided>,
) -> Result<Response, Refusal> {
    decide(&visit, &name, decided, true).await
}

pub(in crate::console) async fn discard(
    visit: Visit,
    Path(name): Path<String>,
    Form(decided): Form<Decided>,
) -> Result<Response, Refusal> {
    decide(&visit, &name, decided, false).await
}

async fn decide(
    visit: &Visit,
    name: &str,
    decided: Decided,
    approve: bool,
) -> Result<Response, Refusal> {
    let (_, head) = found(visit, name, "waiting").await?;
    let back = format!("{}/waiting", head.path);
    let decide = decided.decide();
    let detail = json!({"digest": decide.digest, "kind": decide.kind, "reason": decide.reason});
    let done = if approve {
        actions::approve(visit.app(), name, decide).await
    } else {
        actions::discard(visit.app(), name, decide).await
    };
    let report = match done {
        Ok(report) => report,
        // What waits has changed since it was shown: it is shown again, and nothing happened.
        Err(problem) if problem.status == 409 => {
            return Ok(visit.failed(&back, sentence(&problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    };
    let action = if approve { "directory.approve" } else { "directory.discard" };
    audit::record(visit.app(), &visit.actor(), action, &head.name, detail).await;
    let done = applied(&report.applied);
    let text = if approve {
        format!("Approved: {done}.")
    } else {
        "Discarded: they stay as they are served, until the provider says something new about them or you withdraw it."
            .to_owned()
    };
    Ok(visit.done(&back, text))
}
