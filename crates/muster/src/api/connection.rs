//! How a directory's provider is reached, and when: changed after it was connected.
//!
//! Invariant: settings and secret are checked together before either is kept; what was served stays until a pull with
//! them has succeeded.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{NewConnection, Schedule};

use crate::{
    api::{
        Problem,
        directory::{keeper, named},
    },
    app::App,
};

/// What is to be different.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Settings that change; null takes one away.
    pub settings: BTreeMap<String, Option<String>>,
    /// A new credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Changes how the provider is reached, and reads everything with it.
pub(super) async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Result<Json<Change>, JsonRejection>,
) -> Result<Json<BTreeMap<String, String>>, Problem> {
    let Json(change) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let row = named(&app, &name).await?;
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
    };
    app.check_settings(&checked).map_err(|error| Problem::bad_request(error.to_string()))?;
    let (id, kept) = (row.id, settings.clone());
    app.blocking(move |store| store.reconnect(id, &kept, secret.as_ref())).await?;
    let keeper = keeper(&app, id)?;
    keeper.settings_changed().await;
    app.watches.changed();
    if !row.paused {
        keeper.request(true);
    }
    Ok(Json(settings))
}

/// Changes when the provider is read.
pub(super) async fn set_schedule(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Result<Json<Schedule>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(schedule) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    if schedule.pull_every_s < 10 || schedule.full_every_s < schedule.pull_every_s {
        let detail = "pull_every_s is 10 seconds or more, and full_every_s is not less than that";
        return Err(Problem::bad_request(detail));
    }
    if schedule.notifications && app.public_url.is_none() {
        let detail = "a provider can tell of changes only if it can reach this server: set `public_url` in the \
                      configuration file (https://…), start the server again, and then switch notifications on";
        return Err(Problem::conflict(detail));
    }
    let row = named(&app, &name).await?;
    let id = row.id;
    app.blocking(move |store| store.set_schedule(id, &schedule)).await?;
    keeper(&app, id)?.settings_changed().await;
    app.watches.changed();
    Ok(StatusCode::NO_CONTENT)
}
