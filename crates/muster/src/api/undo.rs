//! Undo: putting a directory back, letting it go again, and looking first.
//!
//! Invariant: who only looks changes nothing, and sees exactly what would be done now.

use axum::extract::State;
use directory::{
    change::Change,
    decisions::{Digest, Node},
    id::{ChangeSeq, Millis},
    plan::{Plan, changes_digest},
    report::{Applied, RunReport},
    snapshot::Directory,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Problem,
    entry::{group_change, user_change},
    extract::{Json, Path},
    preview::PreviewKind,
};
use crate::{
    app::App,
    service::connection::{keeper, named},
    task::commit::{
        self, Step,
        pin::{self, Preview},
    },
};

/// Changes listed.
const LINES_MAX: usize = 1_000;

/// To what a directory is put back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// A position of the change log: what was served after the last run that had ended there.
    pub to: u64,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Option<String>,
    /// The `digest` of a look at it: if it would change something else by now, nothing is done.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Only look.
    #[serde(default)]
    pub dry_run: bool,
}

/// That a directory follows its provider again.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unpin {
    /// Why, for the record.
    pub reason: Option<String>,
    /// The `digest` of a look at it: if it would change something else by now, nothing is done.
    pub digest: Option<Digest>,
    /// Only look.
    pub dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Undone {
    /// The position whose state is served; none when the pin is lifted.
    pub to: Option<ChangeSeq>,
    /// When that state came about.
    pub state_of: Option<Millis>,
    /// Counts of the changes.
    pub applied: Applied,
    /// The changes, some of them.
    pub changes: Vec<Line>,
    /// How many those are in all.
    pub changes_total: usize,
    /// What tells these changes from others.
    pub digest: Digest,
    /// What waits for an approval then.
    pub held: Vec<PreviewKind>,
    /// The report of the run; none when it was only looked at.
    pub report: Option<RunReport>,
}

/// One change.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = UndoneChange)]
pub struct Line {
    /// `user`, `group` or `members`.
    pub kind: String,
    /// The name of the person or group.
    pub name: String,
    /// What happens, in words.
    pub what: String,
}

/// Puts a directory back to what was served at a position of the log, or shows what that would do.
#[utoipa::path(post, path = "/directories/{name}/undo", tag = "decisions", responses(
    (status = 200, description = "Done.", body = Undone),
    (status = 409, description = "It cannot be put back there."),
))]
pub(super) async fn undo(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(undo): Json<Undo>,
) -> Result<Json<Undone>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    let to = ChangeSeq(undo.to);
    let preview = pin::preview_undo(&app, &keeper, to).await?;
    let served = app.served(row.id).unwrap_or_default();
    let mut undone = undone(&preview, &served);
    if !undo.dry_run {
        tracing::info!(directory = name, %to, reason = undo.reason, "a directory is put back");
        let step = Step::Undo(pin::Undo { to, reason: undo.reason, seen: undo.digest });
        undone.report = Some(commit::commit(&app, &keeper, step).await?);
    }
    Ok(Json(undone))
}

/// Lets a directory that was put back follow its provider again, or shows what that would do.
#[utoipa::path(post, path = "/directories/{name}/unpin", tag = "decisions", responses(
    (status = 200, description = "Done.", body = Undone),
    (status = 409, description = "It was not put back."),
))]
pub(super) async fn unpin(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(unpin): Json<Unpin>,
) -> Result<Json<Undone>, Problem> {
    let row = named(&app, &name).await?;
    let keeper = keeper(&app, row.id)?;
    let preview = pin::preview_unpin(&app, &keeper).await?;
    let served = app.served(row.id).unwrap_or_default();
    let mut undone = undone(&preview, &served);
    if !unpin.dry_run {
        tracing::info!(directory = name, reason = unpin.reason, "a directory is unpinned");
        let step = Step::Unpin(pin::Unpin { reason: unpin.reason, seen: unpin.digest });
        undone.report = Some(commit::commit(&app, &keeper, step).await?);
    }
    Ok(Json(undone))
}

fn undone(preview: &Preview, served: &Directory) -> Undone {
    let Preview { to, state_of, plan } = preview;
    Undone {
        to: *to,
        state_of: *state_of,
        applied: plan.applied,
        changes: plan
            .changes
            .iter()
            .take(LINES_MAX)
            .map(|change| line(change, plan, served))
            .collect(),
        changes_total: plan.changes.len(),
        digest: changes_digest(&plan.changes),
        held: plan.held.iter().map(PreviewKind::of).collect(),
        report: None,
    }
}

fn line(change: &Change, plan: &Plan, served: &Directory) -> Line {
    let (kind, name, what) = match change {
        Change::User { before, after, .. } => {
            let name = before.as_ref().or(after.as_ref()).map(|user| user.name().to_owned());
            ("user", name.unwrap_or_default(), user_change(before.as_deref(), after.as_deref()))
        }
        Change::Group { before, after, .. } => {
            let name = before.as_ref().or(after.as_ref()).map(|group| group.name().to_string());
            ("group", name.unwrap_or_default(), group_change(before.as_deref(), after.as_deref()))
        }
        Change::Members(members) => {
            let added = members.users_added.len() + members.groups_added.len();
            let removed = members.users_removed.len() + members.groups_removed.len();
            let name = group_name(Node::Group(members.group), plan, served);
            ("members", name, format!("{added} added, {removed} removed"))
        }
    };
    Line { kind: kind.to_owned(), name, what }
}

/// The name of a group that is served, or will be.
fn group_name(node: Node, plan: &Plan, served: &Directory) -> String {
    let Node::Group(no) = node else { return String::new() };
    if let Some(group) = served.group(no) {
        return group.name().to_string();
    }
    let made = plan.changes.iter().find_map(|change| match change {
        Change::Group { no: of, after: Some(group), .. } if *of == no => Some(group),
        _ => None,
    });
    made.map_or_else(|| format!("#{}", no.0), |group| group.name().to_string())
}
