//! What the admin API does, as functions: the console does the same through the same code.
//!
//! Invariant: nothing is decided here; each function is one request of the admin API.

use axum::extract::State;
use connect::ProbeReport;
use directory::{
    decisions::{Digest, Node},
    id::DirectoryId,
    product_names::RefusedNames,
    report::RunReport,
    rules::Rules,
};

use super::{
    Problem,
    change::{self, Entry, Wanted},
    directory::{self as directories, Decide, Detail, Summary},
    discard::{self, Discards, Withdraw},
    explain::{self, Explained},
    extract::{Json, Path, Query},
    person,
    preview::{self, Preview},
    product_names,
    rename::{self, Rename, Renames},
    undo::{self, Undo, Undone, Unpin},
};
use crate::app::App;

fn named(name: &str) -> Path<String> {
    Path(name.to_owned())
}

/// All directories.
pub async fn directories(app: &App) -> Result<Vec<Summary>, Problem> {
    Ok(directories::list(State(app.clone())).await?.0)
}

/// One directory.
pub async fn directory(app: &App, name: &str) -> Result<Detail, Problem> {
    Ok(directories::show(State(app.clone()), named(name)).await?.0)
}

/// What waits in a directory.
pub async fn preview(app: &App, name: &str) -> Result<Preview, Problem> {
    let wanted = preview::Wanted { limit: Some(0), ..preview::Wanted::default() };
    Ok(preview::pending(State(app.clone()), named(name), Query(wanted)).await?.0)
}

/// Lets what waits pass.
pub async fn approve(app: &App, name: &str, decide: Decide) -> Result<RunReport, Problem> {
    Ok(directories::approve(State(app.clone()), named(name), Json(decide)).await?.0)
}

/// Keeps what waits as it is served.
pub async fn discard(app: &App, name: &str, decide: Decide) -> Result<RunReport, Problem> {
    Ok(directories::discard(State(app.clone()), named(name), Json(decide)).await?.0)
}

/// Takes discards back, or shows what that would do.
pub async fn withdraw(app: &App, name: &str, which: Withdraw) -> Result<Discards, Problem> {
    Ok(discard::withdraw(State(app.clone()), named(name), Json(which)).await?.0)
}

/// Returns the new names of groups, each with the digest of a decision about it alone; `None` while a run is under way.
pub async fn renames(app: &App, name: &str) -> Result<Option<Vec<(Rename, Digest)>>, Problem> {
    rename::shown(app, name).await
}

/// Accepts or refuses new names of groups, or shows what that would decide.
pub async fn decide_renames(
    app: &App,
    name: &str,
    decide: rename::Decide,
) -> Result<Renames, Problem> {
    Ok(rename::decide(State(app.clone()), named(name), Json(decide)).await?.0)
}

/// The position of the change log before a run.
pub async fn before_run(app: &App, name: &str, run: u64) -> Result<u64, Problem> {
    let wanted = Wanted {
        directory: Some(name.to_owned()),
        run: Some(run),
        after: Some(0),
        limit: Some(1),
        ..Wanted::default()
    };
    let first = changes(app, wanted).await?.first().map(|entry| entry.seq - 1);
    let nothing =
        || Problem::not_found(format!("`{name}` has no run {run}, or it changed nothing"));
    first.ok_or_else(nothing)
}

/// Puts a directory back to what was served at a position of the change log, or shows what that would do.
pub async fn undo(app: &App, name: &str, to: Undo) -> Result<Undone, Problem> {
    Ok(undo::undo(State(app.clone()), named(name), Json(to)).await?.0)
}

/// Lets a directory follow its provider again, or shows what that would do.
pub async fn unpin(app: &App, name: &str, how: Unpin) -> Result<Undone, Problem> {
    Ok(undo::unpin(State(app.clone()), named(name), Json(how)).await?.0)
}

/// Reads one person now.
pub async fn sync_person(app: &App, name: &str, user: &str) -> Result<person::OneRead, Problem> {
    let whom = person::Whom { user: user.to_owned() };
    Ok(person::sync(State(app.clone()), named(name), Json(whom)).await?.0)
}

/// Replaces a directory's rules.
pub async fn set_rules(app: &App, name: &str, rules: Rules) -> Result<RunReport, Problem> {
    Ok(directories::set_rules(State(app.clone()), named(name), Json(rules)).await?.0)
}

/// Checks a directory's connection.
pub async fn check(app: &App, name: &str) -> Result<ProbeReport, Problem> {
    Ok(directories::check(State(app.clone()), named(name)).await?.0)
}

/// Why somebody is or is not there.
pub async fn explain(app: &App, name: &str, user: &str) -> Result<Explained, Problem> {
    let query = Query(explain::Whom::of(user));
    Ok(explain::explain(State(app.clone()), named(name), query).await?.0)
}

/// Names that products refuse or change.
pub async fn product_names(app: &App, name: &str) -> Result<Vec<RefusedNames>, Problem> {
    Ok(product_names::list(State(app.clone()), named(name)).await?.0)
}

/// Changes, oldest first.
pub async fn changes(app: &App, wanted: Wanted) -> Result<Vec<Entry>, Problem> {
    Ok(change::list(State(app.clone()), Query(wanted)).await?.0.items)
}

/// What happened to a person or group, newest first.
pub async fn history(
    app: &App,
    directory: DirectoryId,
    node: Node,
    limit: usize,
) -> anyhow::Result<Vec<Entry>> {
    change::of(app, directory, node, limit).await
}
