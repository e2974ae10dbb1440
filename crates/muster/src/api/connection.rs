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
use store::Schedule;
use utoipa::ToSchema;

use crate::{
    api::{
        Problem,
        bearer::By,
        directory::{Add, CHECK_PATIENCE},
        extract::{Json, Path},
    },
    app::App,
    service::{
        ServiceError,
        connection::{self, Reconnect},
    },
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

impl Change {
    /// The same, read.
    ///
    /// # Errors
    /// When the day cannot be read.
    pub(crate) fn read(self) -> Result<Reconnect, ServiceError> {
        let expires =
            self.expires.as_deref().map(day).transpose().map_err(ServiceError::invalid)?;
        let secret = self.secret.filter(|secret| !secret.is_empty()).map(SecretString::from);
        Ok(Reconnect { settings: self.settings, secret, expires })
    }
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
    By(actor): By,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<BTreeMap<String, String>>, Problem> {
    Ok(Json(connection::reconnect(&app, &actor, &name, change.read()?).await?))
}

/// Changes when the provider is read.
#[utoipa::path(put, path = "/directories/{name}/schedule", tag = "directories", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "The provider cannot reach this server, or the directory is being removed."),
))]
pub(super) async fn set_schedule(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(schedule): Json<Schedule>,
) -> Result<StatusCode, Problem> {
    connection::set_schedule(&app, &actor, &name, schedule).await?;
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
