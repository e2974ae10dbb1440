//! How a directory's provider is reached, and when: changed after it was connected.
//!
//! Invariant: settings and secret are checked together before either is kept; what was served stays until a pull with
//! them has succeeded.

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use connect::{Connector, ProbeReport};
use directory::id::Millis;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{NewConnection, Schedule};
use utoipa::ToSchema;

use crate::{
    api::{
        Problem, audit,
        directory::{Add, CHECK_PATIENCE, keeper, named},
        extract::{Json, Path},
    },
    app::App,
    task::stopped::Stopped,
};

/// What is to be different.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ConnectionChange)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Settings that change; null takes one away.
    pub settings: BTreeMap<String, Option<String>>,
    /// A new credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The day on which the credential stops working, such as `2027-03-01`; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// Reads the day on which a credential stops working: its beginning, in UTC, so that nobody is late. Empty is none.
///
/// # Errors
/// Says how a day is written.
pub fn day(text: &str) -> Result<Option<Millis>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let day = text.trim().parse::<jiff::civil::Date>().ok();
    let begins = day.and_then(|day| format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().ok());
    begins
        .map(|at| Some(Millis(at.as_millisecond())))
        .ok_or_else(|| format!("`{text}` is no day such as 2027-03-01"))
}

/// A day as [`day`] reads it.
pub fn shown_day(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).ok();
    at.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// Changes how the provider is reached, and reads everything with it; gives all settings.
#[utoipa::path(patch, path = "/directories/{name}/connection", operation_id = "set_connection", tag = "directories", responses(
    (status = 200, description = "Done.", body = BTreeMap<String, String>),
    (status = 409, description = "It is being removed."),
))]
pub(super) async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<BTreeMap<String, String>>, Problem> {
    let row = named(&app, &name).await?;
    let expires = change.expires.as_deref().map(day).transpose().map_err(Problem::bad_request)?;
    let only_expires = expires.is_some() && change.settings.is_empty() && change.secret.is_none();
    let mut settings = row.settings.clone();
    for (key, value) in change.settings {
        match value {
            Some(value) => drop(settings.insert(key, value)),
            None => drop(settings.remove(&key)),
        }
    }
    let secret = change.secret.filter(|secret| !secret.is_empty()).map(SecretString::from);
    let checked = NewConnection {
        name: row.name,
        provider: row.provider,
        settings: settings.clone(),
        secret: secret.clone().unwrap_or(row.secret),
        rules: row.rules,
        schedule: row.schedule,
        key: None,
    };
    app.check_settings(&checked).map_err(|error| Problem::bad_request(error.to_string()))?;
    audit::say(
        || json!({"before": row.settings, "after": settings, "new_credential": secret.is_some()}),
    );
    let (id, kept) = (row.id, settings.clone());
    // What was known of the old credential's end does not hold for a new one.
    let expires = expires.or_else(|| secret.as_ref().map(|_| None));
    app.blocking(move |store| {
        if let Some(expires) = expires {
            crate::audit::quietly(store, |change| change.set_expires(id, expires))?;
        }
        if only_expires {
            Ok(())
        } else {
            crate::audit::quietly(store, |change| change.reconnect(id, &kept, secret.as_ref()))
        }
    })
    .await?;
    app.alerts.look();
    if only_expires {
        return Ok(Json(settings));
    }
    let keeper = keeper(&app, id)?;
    keeper.stop(Stopped::Reconnected);
    keeper.settings_changed().await;
    app.watches.changed();
    if !row.paused {
        keeper.request(true);
    }
    Ok(Json(settings))
}

/// Changes when the provider is read.
#[utoipa::path(put, path = "/directories/{name}/schedule", tag = "directories", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "The provider cannot reach this server, or the directory is being removed."),
))]
pub(super) async fn set_schedule(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(schedule): Json<Schedule>,
) -> Result<StatusCode, Problem> {
    let schedule = schedule.checked().map_err(|error| Problem::bad_request(error.to_string()))?;
    if schedule.notifications && app.public_url.is_none() {
        let detail = "a provider can tell of changes only if it can reach this server: set `public_url` in the \
                      configuration file (https://…), start the server again, and then switch notifications on";
        return Err(Problem::conflict(detail));
    }
    let row = named(&app, &name).await?;
    audit::say(|| json!({"before": row.schedule, "after": schedule}));
    let id = row.id;
    app.blocking(move |store| {
        crate::audit::quietly(store, |change| change.set_schedule(id, &schedule))
    })
    .await?;
    keeper(&app, id)?.settings_changed().await;
    app.watches.changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Checks settings and credential of a directory to be, step by step; keeps nothing.
#[utoipa::path(post, path = "/connections/check", operation_id = "check_settings", tag = "directories", responses(
    (status = 200, description = "Done.", body = ProbeReport),
))]
pub(super) async fn check(
    State(app): State<App>,
    Json(add): Json<Add>,
) -> Result<Json<ProbeReport>, Problem> {
    let secret = SecretString::from(add.secret);
    let connector = Connector::new(&add.provider, &add.settings, &secret, app.surroundings());
    let connector = connector.map_err(|error| Problem::bad_request(error.to_string()))?;
    let probing = connect::with_patience(CHECK_PATIENCE, connector.probe(|_| {}));
    Ok(Json(app.unless_stopping(probing).await?))
}
