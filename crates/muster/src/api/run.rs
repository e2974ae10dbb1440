//! Runs of a directory, and the people and groups that they could not serve.

use axum::extract::State;
use directory::{id::RunId, report::RunReport};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Problem,
    directory::{IssueLine, issues_of},
    extract::{Json, Path, Query},
    page::{self, Page},
};
use crate::{app::App, service::connection::named};

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At the most so many on one page, up to 10000; 200 otherwise.
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    cursor: Option<String>,
}

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its number, as the change log names it.
    pub id: u64,
    /// What it did.
    #[serde(flatten)]
    pub report: RunReport,
}

/// Runs of a directory, newest first.
#[utoipa::path(get, path = "/directories/{name}/runs", operation_id = "runs", tag = "directories", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Page<Run>),
))]
pub(super) async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Run>>, Problem> {
    let id = named(&app, &name).await?.id;
    let before = page::position(wanted.cursor.as_deref())?.map(RunId);
    let limit = page::limit(wanted.limit);
    let mut runs = app.blocking(move |store| store.runs_before(id, before, limit + 1)).await?;
    let more = runs.len() > limit;
    runs.truncate(limit);
    let next = runs.last().filter(|_| more).map(|(id, _)| page::after(id.0));
    let items = runs.into_iter().map(|(id, report)| Run { id: id.0, report }).collect();
    Ok(Json(Page { items, next }))
}

/// People and groups that cannot be served, or not under the name that the rules make.
#[utoipa::path(get, path = "/directories/{name}/issues", tag = "people", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Page<IssueLine>),
))]
pub(super) async fn issues(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<IssueLine>>, Problem> {
    let id = named(&app, &name).await?.id;
    let last: String = page::position(wanted.cursor.as_deref())?.unwrap_or_default();
    let limit = page::limit(wanted.limit);
    let issues = issues_of(&app, id).await?;
    let mut found: Vec<(String, IssueLine)> = issues
        .iter()
        .map(IssueLine::of)
        .map(|line| (format!("{} {} {}", line.kind, line.id, line.why), line))
        .filter(|(place, _)| *place > last)
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| page::after(place));
    Ok(Json(Page { items: found.into_iter().map(|(_, line)| line).collect(), next }))
}
