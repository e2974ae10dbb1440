//! What happens, as it happens (server-sent events): changes of the log, and how directories' tasks stand.
//!
//! Invariant: whoever comes back with the `Last-Event-ID` of a change misses no change and hears none twice; how
//! a task stands is told anew to whoever comes, and then whenever it is different.

use std::{collections::BTreeMap, time::Duration};

use axum::{extract::State, http::HeaderMap, response::Response};
use directory::{
    error_chain::joined,
    id::{ChangeSeq, DirectoryId},
};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogOrder};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, change, entry, extract::Query};
use crate::{
    app::App,
    http::stream::{Told, stream},
    service::connection::named,
    task::Status,
};

/// How often a running task is looked at.
const PERIOD: Duration = Duration::from_millis(400);
/// Changes read at a time.
const BATCH: usize = 500;

/// What of it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Of this directory only.
    directory: Option<String>,
    /// Begin with the changes numbered above this; otherwise with those that are yet to come. A header
    /// `Last-Event-ID` comes before it.
    after: Option<u64>,
}

/// How the task of a directory stands: the data of an event `directory`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DirectoryEvent)]
pub struct Stands {
    /// The directory's name.
    pub directory: String,
    /// What its pull does.
    pub status: Status,
}

/// An event as it comes: its fields are texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// `change` or `directory`.
    pub event: String,
    /// The number of a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A change, or how a directory's task stands, as JSON.
    pub data: String,
}

/// Events: `change` with a change as its data and its number as its id, `directory` with how a directory's task
/// stands. Ends when the server stops, and after an hour: come again with the `Last-Event-ID`.
#[utoipa::path(get, path = "/events", tag = "changes",
    params(Wanted, ("Last-Event-ID" = Option<u64>, Header, description = "The id of the last event that came.")),
    responses(
        (status = 200, description = "Events until one side leaves.", body = Event, content_type = "text/event-stream"),
        (status = 404, description = "There is no such directory."),
    ),
)]
pub(super) async fn follow(
    State(app): State<App>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let only = match &wanted.directory {
        None => None,
        Some(name) => Some(named(&app, name).await?.id),
    };
    let last = headers.get("last-event-id");
    let last = last.map(|last| last.to_str().ok().and_then(|last| last.parse().ok()));
    let refused = || Problem::bad_request("`Last-Event-ID` is the number of a change");
    let last: Option<u64> = last.map(|last| last.ok_or_else(refused)).transpose()?;
    let after = last.or(wanted.after).map_or_else(|| app.published.load().head, ChangeSeq);
    let stop = app.stop.clone();
    Ok(stream(&stop, move |told| tell(app, only, after, told)))
}

async fn tell(app: App, only: Option<DirectoryId>, mut after: ChangeSeq, told: Told) {
    let mut followed = app.followed.subscribe();
    let mut stood = BTreeMap::new();
    loop {
        // What is committed meanwhile signals anew.
        followed.mark_unchanged();
        let Some(()) = changes(&app, only, &mut after, &told).await else { return };
        let Some(()) = standings(&app, only, &mut stood, &told).await else { return };
        tokio::select! {
            changed = followed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Tells what was committed and is served; `None` when nobody listens any more.
async fn changes(
    app: &App,
    only: Option<DirectoryId>,
    after: &mut ChangeSeq,
    told: &Told,
) -> Option<()> {
    let head = app.published.load().head;
    while *after < head {
        let filter = LogFilter {
            directory: only,
            after: Some(*after),
            before: Some(ChangeSeq(head.0 + 1)),
            order: LogOrder::OldestFirst,
            limit: BATCH,
            ..LogFilter::default()
        };
        let entries = match change::read(app, filter, entry::NAMES_MAX).await {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(
                    error = joined(error.as_ref()),
                    "events end: the change log cannot be read"
                );
                return None;
            }
        };
        for entry in &entries {
            let data = serde_json::to_string(entry).ok()?;
            if !told.tell_numbered("change", entry.seq, &data).await {
                return None;
            }
        }
        *after = match entries.last() {
            Some(last) if entries.len() == BATCH => ChangeSeq(last.seq),
            _ => head,
        };
    }
    Some(())
}

/// Tells how tasks stand that stood differently before; `None` when nobody listens any more.
async fn standings(
    app: &App,
    only: Option<DirectoryId>,
    stood: &mut BTreeMap<DirectoryId, Status>,
    told: &Told,
) -> Option<()> {
    let published = app.published.load_full();
    for (id, served) in &published.directories {
        let Some(keeper) = app.keeper(*id).filter(|_| only.is_none_or(|only| only == *id)) else {
            continue;
        };
        let status = keeper.status();
        if stood.get(id) == Some(&status) {
            continue;
        }
        let stands = Stands { directory: served.name.to_string(), status: status.clone() };
        let data = serde_json::to_string(&stands).ok()?;
        if !told.tell("directory", &data).await {
            return None;
        }
        stood.insert(*id, status);
    }
    Some(())
}
