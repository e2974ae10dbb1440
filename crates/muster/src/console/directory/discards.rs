//! Discarded changes, and taking discards back.
//!
//! Invariant: nobody takes one back without having seen what would become of it.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    response::Response,
};
use directory::decisions::Digest;
use serde::Deserialize;
use serde_json::json;

use super::{Head, found, frame, runs::applied};
use crate::{
    api::{
        actions,
        discard::{Discards, Object, Withdraw},
    },
    audit,
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{counted, kind, reason, segment},
    },
};

/// An object whose changes were discarded.
#[derive(Debug)]
struct Line {
    kind: &'static str,
    name: String,
    explain: String,
    /// The address of a look at this one alone.
    alone: String,
    what: String,
}

#[derive(Debug, Template)]
#[template(path = "directory/discards.html")]
pub(in crate::console) struct DiscardsPage {
    frame: Frame,
    head: Head,
    lines: Vec<Line>,
    /// The kind and id of the one that is meant, where it is not all.
    only: Option<(String, String)>,
    digest: String,
}

impl DiscardsPage {
    #[cfg(test)]
    pub(in crate::console) fn sample(only: Option<(String, String)>) -> Self {
        let line = Line {
            kind: "person",
            name: "<ann>".to_owned(),
            explain: "/".to_owned(),
            alone: "/".to_owned(),
            what: "Would wait for an approval again.".to_owned(),
        };
        Self {
            frame: Frame::sample(),
            head: Head::sample("waiting"),
            lines: vec![line],
            only,
            digest: "abc".to_owned(),
        }
    }

    fn of(visit: &Visit, head: Head, seen: Discards, only: Option<(String, String)>) -> Self {
        let line = |discarded: crate::api::discard::Discarded| Line {
            explain: format!("{}/explain?user={}", head.path, segment(&discarded.id)),
            alone: format!(
                "{}/discards?kind={}&id={}",
                head.path,
                discarded.kind,
                segment(&discarded.id)
            ),
            kind: kind(&discarded.kind),
            name: discarded.name,
            what: sentence(&discarded.what),
        };
        Self {
            frame: frame(visit, &head, "Discarded"),
            lines: seen.discarded.into_iter().map(line).collect(),
            only,
            digest: seen.digest.0,
            head,
        }
    }
}

/// Which discard is meant; all where none is named.
#[derive(Debug, Default, Deserialize)]
pub(in crate::console) struct Asked {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    id: String,
}

impl Asked {
    fn only(self) -> Option<(String, String)> {
        (!self.id.is_empty()).then_some((self.kind, self.id))
    }
}

fn objects(only: Option<&(String, String)>) -> Vec<Object> {
    let object = |(kind, id): &(String, String)| Object { kind: kind.clone(), id: id.clone() };
    only.map(object).into_iter().collect()
}

/// Shows what is discarded, and what would become of it.
pub(in crate::console) async fn look(
    visit: Visit,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "waiting").await?;
    let only = asked.only();
    let look = Withdraw { only: objects(only.as_ref()), dry_run: true, ..Withdraw::default() };
    match actions::withdraw(visit.app(), &name, look).await {
        Ok(seen) => show(&DiscardsPage::of(&visit, head, seen, only)),
        Err(problem) if problem.status == 409 => {
            Ok(visit.failed(&format!("{}/waiting", head.path), sentence(&problem.detail)))
        }
        Err(problem) => Err(problem.into()),
    }
}

#[derive(Deserialize)]
pub(in crate::console) struct Withdrawn {
    digest: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    reason: String,
}

/// Takes discards back.
pub(in crate::console) async fn withdraw(
    visit: Visit,
    Path(name): Path<String>,
    Form(withdrawn): Form<Withdrawn>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "waiting").await?;
    let back = format!("{}/waiting", head.path);
    let Withdrawn { digest, kind, id, reason: why } = withdrawn;
    let only = objects(Asked { kind, id }.only().as_ref());
    let reason = reason(&why);
    let detail = json!({"only": only, "digest": digest, "reason": reason});
    let body = Withdraw { only, digest: Some(Digest(digest)), reason, dry_run: false };
    let done = match actions::withdraw(visit.app(), &name, body).await {
        Ok(done) => done,
        // Something else would happen than was shown: it is shown again, and nothing happened.
        Err(problem) if problem.status == 409 => {
            return Ok(visit.failed(&back, sentence(&problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    };
    audit::record(visit.app(), &visit.actor(), "directory.withdraw", &head.name, detail).await;
    let count = counted(done.discarded.len() as u64, "discard");
    let flowed = done.report.map(|report| applied(&report.applied)).unwrap_or_default();
    Ok(visit
        .done(&back, format!("Withdrawn: {count}. {}.", sentence(&flowed).trim_end_matches('.'))))
}
