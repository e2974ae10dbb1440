//! New names of groups, with a form for each to accept or refuse it.
//!
//! Invariant: what is decided is the name that was shown; if it has changed since, nothing happens.

use axum::{Form, extract::Path, response::Response};
use directory::{decisions::Digest, derive::RenameState};
use serde::Deserialize;
use serde_json::json;

use super::{found, runs::applied};
use crate::{
    api::{actions, rename},
    audit,
    console::{
        page::{Refusal, Visit, sentence},
        words::{reason, segment},
    },
};

/// A group with a new name.
#[derive(Debug)]
pub(in crate::console) struct Line {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) new_name: String,
    pub(super) path: String,
    pub(super) what: String,
    pub(super) digest: String,
    pub(super) accepts: bool,
    pub(super) refuses: bool,
}

/// The new names of a directory's groups, for its page.
#[derive(Debug, Default)]
pub(in crate::console) struct Renames {
    pub(super) lines: Vec<Line>,
    /// A run is under way, so that the names are not known.
    pub(super) unknown: bool,
}

impl Line {
    fn of((rename, digest): (rename::Rename, Digest), base: &str) -> Self {
        Self {
            path: format!("{base}/groups/{}", segment(&rename.id)),
            what: sentence(&rename.what),
            digest: digest.0,
            accepts: rename.state != RenameState::Accepted,
            refuses: rename.state != RenameState::Refused,
            id: rename.id,
            name: rename.name,
            new_name: rename.new_name,
        }
    }
}

impl Renames {
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let rename = rename::Rename {
            id: "1".to_owned(),
            name: "<dev>".to_owned(),
            new_name: "Developers".to_owned(),
            state: RenameState::Waiting,
            what: "the provider calls it `Developers` now".to_owned(),
        };
        let line = Line::of((rename, Digest("abc".to_owned())), "/directories/entra");
        Self { lines: vec![line], unknown: true }
    }

    pub(super) fn of(renames: Option<Vec<(rename::Rename, Digest)>>, base: &str) -> Self {
        let unknown = renames.is_none();
        let lines = renames.into_iter().flatten().map(|rename| Line::of(rename, base));
        Self { lines: lines.collect(), unknown }
    }
}

#[derive(Deserialize)]
pub(in crate::console) struct Decided {
    group: String,
    digest: String,
    decision: String,
    #[serde(default)]
    reason: String,
}

/// Accepts or refuses a new name.
pub(in crate::console) async fn decide(
    visit: Visit,
    Path(name): Path<String>,
    Form(decided): Form<Decided>,
) -> Result<Response, Refusal> {
    let (_, head) = found(&visit, &name, "set-aside").await?;
    let back = format!("{}/set-aside", head.path);
    let Decided { group, digest, decision, reason: why } = decided;
    let accepts = match decision.as_str() {
        "accept" => true,
        "refuse" => false,
        _ => return Err(Refusal::bad_request("A new name is accepted or refused.")),
    };
    let (mut accept, mut refuse) = (Vec::new(), Vec::new());
    if accepts { &mut accept } else { &mut refuse }.push(group);
    let reason = reason(&why);
    let body = rename::Decide {
        accept,
        refuse,
        digest: Some(Digest(digest)),
        reason: reason.clone(),
        dry_run: false,
    };
    let done = match actions::decide_renames(visit.app(), &name, body).await {
        Ok(done) => done,
        // The name has changed since it was shown: it is shown again, and nothing happened.
        Err(problem) if problem.status == 409 => {
            return Ok(visit.failed(&back, sentence(&problem.detail)));
        }
        Err(problem) => return Err(problem.into()),
    };
    let told: Vec<_> = done
        .renames
        .iter()
        .map(|rename| json!({"id": rename.id, "before": rename.name, "after": rename.new_name}))
        .collect();
    let key = if accepts { "accepted" } else { "refused" };
    let detail = json!({key: told, "reason": reason});
    audit::record(visit.app(), &visit.actor(), "directory.renames", &head.name, detail).await;
    let text = if accepts {
        let flowed = done.report.map(|report| applied(&report.applied)).unwrap_or_default();
        format!(
            "Accepted: {flowed}. Products see a new group: give it the permissions of the old name there."
        )
    } else {
        "Refused: the group keeps its name. Another new name would wait here again.".to_owned()
    };
    Ok(visit.done(&back, text))
}
