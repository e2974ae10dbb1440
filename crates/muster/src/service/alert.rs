//! Alerts: what is the matter, and what was.

use directory::id::{DAY_MS, Millis};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{AlertRow, Change, Changed, Store};
use utoipa::{IntoParams, ToSchema};

use super::{Actor, ServiceError};
use crate::{app::App, task::alert::Status};

/// Ended alerts that are listed, unless asked for more.
const PAST_DAYS: u32 = 7;
/// Ended alerts that are listed at the most.
const PAST_DAYS_MAX: u32 = 400;

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
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
///
/// # Errors
/// When the store cannot be read.
pub async fn list(app: &App, wanted: &Wanted) -> Result<Alerts, ServiceError> {
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
    Ok(Alerts { status: app.alerts.status(), alerts })
}

/// Somebody looks after an alert.
///
/// # Errors
/// When no such alert is open.
pub async fn acknowledge(app: &App, actor: &Actor, id: &str) -> Result<(), ServiceError> {
    let missing = || {
        let detail = format!("no alert `{id}` is open; `muster alert list` shows all");
        ServiceError::not_found(detail)
    };
    let number: u32 = id.parse().map_err(|_| missing())?;
    let (running, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    let noting = move |change: &Change<'_>| {
        let open = change.acknowledge_alert(number, now)?;
        let entry = actor.entry(now, "alert.acknowledge", &number.to_string(), &json!({}));
        Ok(if open { Changed::Kept(true, entry) } else { Changed::Nothing(false) })
    };
    let open = app.to_the_end(async move {
        let open = running.change(noting).await?;
        running.alerts.look();
        Ok(open)
    });
    if open.await? { Ok(()) } else { Err(missing()) }
}
