//! Administrators of the console in the admin API: who there is, and one-time links for them.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, header},
};
use directory::id::Millis;
use serde::{Deserialize, Serialize};
use store::{Role, Store};

use crate::{api::Problem, app::App, console};

/// Somebody who may sign in to the console.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Their name.
    pub name: String,
    /// `administrator` or `reader`.
    pub role: Role,
    /// When they were made.
    pub created: Millis,
    /// When they last signed in.
    pub last_sign_in: Option<Millis>,
}

/// Whose password is to be chosen anew.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reset {
    /// Their name; without one, whoever follows the link makes a new administrator.
    pub name: Option<String>,
}

/// A one-time link.
#[derive(Debug, Serialize, Deserialize)]
pub struct Link {
    /// Where the password is chosen.
    pub link: String,
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    let rows = app.blocking(Store::administrators).await?;
    let all = rows.into_iter().map(|row| Summary {
        name: row.name,
        role: row.role,
        created: row.created,
        last_sign_in: row.last_sign_in,
    });
    Ok(Json(all.collect()))
}

pub(super) async fn reset(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Json<Reset>, JsonRejection>,
) -> Result<Json<Link>, Problem> {
    let Json(reset) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (name, role) = match reset.name {
        None => (None, Role::Administrator),
        Some(wanted) => {
            let name = wanted.clone();
            let row = app.blocking(move |store| store.administrator_named(&name)).await?;
            let row = row.ok_or_else(|| {
                Problem::not_found(format!(
                    "there is no administrator `{wanted}`; without a name the link makes a new one"
                ))
            })?;
            (Some(row.name), row.role)
        }
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = match &app.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{host}"),
    };
    Ok(Json(Link { link: console::link_for(&app, &base, name, role).await? }))
}
