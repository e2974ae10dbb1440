//! The change log in the admin API: by directory, person, group, run and time, with positions to page by.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use directory::{
    decisions::Node,
    id::{ChangeSeq, DirectoryId, Millis, RunId},
};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogOrder};

use crate::{
    api::{
        Problem,
        entry::Reader,
        history::{Who, find},
    },
    app::App,
};

/// Entries in one answer, unless asked for fewer.
pub(super) const LIMIT: usize = 200;
/// Entries in one answer at the most.
pub(super) const LIMIT_MAX: usize = 10_000;

/// Which changes. Answers are in the order of their numbers: whoever pages back asks for what is `before` the first
/// one shown, whoever follows for what is `after` the last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Of this directory only.
    pub directory: Option<String>,
    /// Of this person only, by user name, mail address or provider id; former ones too.
    pub user: Option<String>,
    /// Of this group only, by name or provider id; former ones too.
    pub group: Option<String>,
    /// Of this run only.
    pub run: Option<u64>,
    /// Committed at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Committed at this time or earlier, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Numbered above this: the first ones that follow it.
    pub after: Option<u64>,
    /// Numbered below this: the last ones before it.
    pub before: Option<u64>,
    /// At the most so many.
    pub limit: Option<usize>,
}

/// One change, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub seq: u64,
    /// The run that made it.
    #[serde(default)]
    pub run: u64,
    /// When it was committed, in milliseconds since 1970.
    pub at: Millis,
    /// The directory's name.
    pub directory: String,
    /// `user`, `group` or `members`.
    pub kind: String,
    /// The name of the person or group.
    pub name: String,
    /// What happened, in words.
    pub what: String,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let directory = match &wanted.directory {
        None => None,
        Some(name) => {
            let missing = || Problem::not_found(format!("there is no directory `{name}`"));
            Some(app.connection_named(name).await?.ok_or_else(missing)?.id)
        }
    };
    let node = match (&wanted.user, &wanted.group) {
        (None, None) => None,
        (Some(user), None) => Some(find(&app, directory, Who::User(user.clone())).await?),
        (None, Some(group)) => Some(find(&app, directory, Who::Group(group.clone())).await?),
        (Some(_), Some(_)) => {
            let detail = "either a person's changes or a group's can be asked for, not both";
            return Err(Problem::bad_request(detail));
        }
    };
    let filter = LogFilter {
        directory,
        node,
        run: wanted.run.map(RunId),
        since: wanted.since.map(Millis),
        until: wanted.until.map(Millis),
        after: wanted.after.map(ChangeSeq),
        before: wanted.before.map(ChangeSeq),
        // Whoever follows wants what comes next; whoever looks back wants the latest.
        order: if wanted.after.is_some() { LogOrder::OldestFirst } else { LogOrder::NewestFirst },
        limit: wanted.limit.unwrap_or(LIMIT).min(LIMIT_MAX),
    };
    Ok(Json(read(&app, filter).await?))
}

/// What happened to a person or group, newest first.
pub(super) async fn of(
    app: &App,
    directory: DirectoryId,
    node: Node,
    limit: usize,
) -> anyhow::Result<Vec<Entry>> {
    let order = LogOrder::NewestFirst;
    let node = Some((directory, node));
    let filter =
        LogFilter { directory: Some(directory), node, order, limit, ..LogFilter::default() };
    let mut entries = read(app, filter).await?;
    entries.reverse();
    Ok(entries)
}

/// Entries of the log ready to be read, oldest first.
async fn read(app: &App, filter: LogFilter) -> anyhow::Result<Vec<Entry>> {
    let published = app.published.load_full();
    let about = filter.node.map(|(_, node)| node);
    let read = move |store: &store::Store| {
        let mut entries = store.log_of(&filter)?;
        entries.sort_by_key(|entry| entry.seq);
        Reader { store, published: Arc::clone(&published), about }.entries(&entries)
    };
    app.blocking(read).await
}
