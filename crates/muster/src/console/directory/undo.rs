//! Putting a directory back to how it was before a run, and letting it follow its provider again.
//!
//! Invariant: nobody does either without having seen what it would change.

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
        Problem, actions,
        undo::{Undo, Undone, Unpin},
    },
    audit,
    console::{
        page::{Frame, Refusal, Visit, sentence, show},
        words::{absolute, count, kind, reason},
    },
};

/// Changes shown.
const LINES_MAX: usize = 200;

/// A change that would be made.
#[derive(Debug)]
struct Line {
    kind: &'static str,
    name: String,
    what: String,
}

#[derive(Debug, Template)]
#[template(path = "directory/undo.html")]
pub(in crate::console) struct UndoPage {
    frame: Frame,
    head: Head,
    /// The position to go back to; none where the pin would be lifted.
    to: Option<u64>,
    state_of: String,
    /// What would happen, in words.
    what: String,
    lines: Vec<Line>,
    /// How many changes that is in all, where not all are shown.
    total: Option<String>,
    /// What would wait for an approval.
    held: Vec<String>,
    /// What tells these changes from others.
    digest: String,
}

impl UndoPage {
    #[cfg(test)]
    pub(in crate::console) fn sample(to: Option<u64>) -> Self {
        let line = Line { kind: "person", name: "<ann>".to_owned(), what: "Removed.".to_owned() };
        Self {
            frame: Frame::sample(),
            head: Head::sample("runs"),
            to,
            state_of: "2026-11-24 16:00 UTC".to_owned(),
            what: "1 person removed".to_owned(),
            lines: vec![line],
            total: Some("2,000".to_owned()),
            held: vec!["Many people would leave.".to_owned()],
            digest: "abc".to_owned(),
        }
    }

    fn of(visit: &Visit, head: Head, seen: &Undone) -> Self {
        let line = |line: &crate::api::undo::Line| Line {
            kind: kind(&line.kind),
            name: line.name.clone(),
            what: sentence(&line.what),
        };
        let shown = seen.changes.len().min(LINES_MAX);
        Self {
            frame: frame(visit, &head, "Put back"),
            to: seen.to.map(|to| to.0),
            state_of: seen.state_of.map(absolute).unwrap_or_default(),
            what: applied(&seen.applied),
            lines: seen.changes.iter().take(LINES_MAX).map(line).collect(),
            total: (seen.changes_total > shown).then(|| count(seen.changes_total)),
            digest: seen.digest.0.clone(),
            held: seen.held.iter().map(|kind| sentence(&kind.why)).collect(),
            head,
        }
    }
}

/// Which run is taken back; the pin is lifted where none is named.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Asked {
    run: Option<u64>,
}

/// Shows what would change.
pub(in crate::console) async fn look(
    visit: Visit,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "runs").await?;
    let app = visit.app();
    let seen = match asked.run {
        Some(run) => match actions::before_run(app, &name, run).await {
            Ok(to) => {
                actions::undo(app, &name, Undo { to, reason: None, digest: None, dry_run: true })
                    .await
            }
            Err(problem) => Err(problem),
        },
        None => actions::unpin(app, &name, Unpin { dry_run: true, ..Unpin::default() }).await,
    };
    match seen {
        Ok(seen) => show(&UndoPage::of(&visit, head, &seen)),
        Err(problem) => refused(&visit, &head, problem),
    }
}

#[derive(Deserialize)]
pub(in crate::console) struct Back {
    to: u64,
    digest: String,
    #[serde(default)]
    reason: String,
}

/// Puts the directory back.
pub(in crate::console) async fn put_back(
    visit: Visit,
    Path(name): Path<String>,
    Form(back): Form<Back>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "runs").await?;
    let (to, reason) = (back.to, reason(&back.reason));
    let digest = Some(Digest(back.digest));
    let undo = Undo { to, reason: reason.clone(), digest, dry_run: false };
    let done = match actions::undo(visit.app(), &name, undo).await {
        Ok(done) => done,
        Err(problem) => return refused(&visit, &head, problem),
    };
    let detail = json!({"to": to, "reason": reason});
    audit::record(visit.app(), &visit.actor(), "directory.undo", &head.name, detail).await;
    let text = format!("Put back: {}. It stays so until you let it go on.", told(&done));
    Ok(visit.done(&head.path, text))
}

#[derive(Deserialize)]
pub(in crate::console) struct Onward {
    digest: String,
    #[serde(default)]
    reason: String,
}

/// Lets the directory follow its provider again.
pub(in crate::console) async fn go_on(
    visit: Visit,
    Path(name): Path<String>,
    Form(onward): Form<Onward>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "runs").await?;
    let reason = reason(&onward.reason);
    let digest = Some(Digest(onward.digest));
    let unpin = Unpin { reason: reason.clone(), digest, dry_run: false };
    let done = match actions::unpin(visit.app(), &name, unpin).await {
        Ok(done) => done,
        Err(problem) => return refused(&visit, &head, problem),
    };
    let detail = json!({"reason": reason});
    audit::record(visit.app(), &visit.actor(), "directory.unpin", &head.name, detail).await;
    let text = format!("The directory follows its provider again: {}.", told(&done));
    Ok(visit.done(&head.path, text))
}

/// What a run did in the end.
fn told(done: &Undone) -> String {
    applied(&done.report.as_ref().map_or(done.applied, |report| report.applied))
}

/// What cannot be done now is said on the page of runs.
fn refused(visit: &Visit, head: &Head, problem: Problem) -> Result<Response, Refusal> {
    match problem.status {
        404 | 409 => Ok(visit.failed(&format!("{}/runs", head.path), sentence(&problem.detail))),
        _ => Err(problem.into()),
    }
}
