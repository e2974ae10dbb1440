//! Alerts in the admin API: what is the matter, and who is told.

pub mod channel;

use axum::{extract::State, http::StatusCode};
use directory::id::{DAY_MS, Millis};
use serde::{Deserialize, Serialize};
use store::{AlertRow, Store};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Problem,
        extract::{Json, Path, Query},
    },
    app::App,
    task::alert::Status,
};

/// Ended alerts that are listed, unless asked for more.
const PAST_DAYS: u32 = 7;
/// Ended alerts that are listed at the most.
const PAST_DAYS_MAX: u32 = 400;

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Beside the open ones, those that ended within so many days, up to 400; 7 otherwise.
    #[param(required = false)]
    days: u32,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { days: PAST_DAYS }
    }
}

/// Alerts, and how the task that keeps them stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Alerts {
    /// How alerts stand.
    pub status: Status,
    /// The open ones first, then the newest.
    pub alerts: Vec<Alert>,
}

/// An alert.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Its number.
    pub id: u32,
    /// What is the matter: `held`, `failing`, `credential`, `set_aside`, `near_limit`, `unreadable`.
    pub kind: String,
    /// The directory's name when it was raised.
    pub directory: String,
    /// What is the matter, in one sentence.
    pub title: String,
    /// More about it, and what to do.
    pub details: Vec<String>,
    /// When it was raised.
    pub raised: Millis,
    /// When there was last something new.
    pub changed: Millis,
    /// When it ended.
    pub resolved: Option<Millis>,
    /// When somebody said that they look after it.
    pub acknowledged: Option<Millis>,
    /// The channels that know of it.
    pub told: Vec<String>,
}

/// What is the matter, and what was.
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Alerts),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Alerts>, Problem> {
    let days = i64::from(wanted.days.min(PAST_DAYS_MAX));
    let since = app.clock.now().plus(-days * DAY_MS);
    let read = move |store: &Store| {
        Ok((store.alerts(since)?, store.alerts_told(since)?, store.channels()?))
    };
    let (rows, told, channels) = app.blocking(read).await?;
    let shown = |row: AlertRow| Alert {
        told: told
            .iter()
            .filter(|told| told.alert == row.id && told.version == row.version)
            .filter_map(|told| channels.iter().find(|channel| channel.id == told.channel))
            .map(|channel| channel.name.clone())
            .collect(),
        id: row.id,
        kind: row.kind,
        directory: row.directory_name,
        title: row.text.title,
        details: row.text.details,
        raised: row.raised,
        changed: row.changed,
        resolved: row.resolved,
        acknowledged: row.acknowledged,
    };
    let alerts = rows.into_iter().map(shown).collect();
    Ok(Json(Alerts { status: app.alerts.status(), alerts }))
}

/// Somebody looks after an alert.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn acknowledge(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing =
        || Problem::not_found(format!("no alert `{id}` is open; `muster alert list` shows all"));
    let number: u32 = id.parse().map_err(|_| missing())?;
    let now = app.clock.now();
    if !app
        .blocking(move |store| {
            crate::audit::quietly(store, |change| change.acknowledge_alert(number, now))
        })
        .await?
    {
        return Err(missing());
    }
    app.alerts.look();
    Ok(StatusCode::NO_CONTENT)
}
