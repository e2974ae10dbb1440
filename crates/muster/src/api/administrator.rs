//! Administrators of the console in the admin API: who there is, and one-time links for them.
//!
//! Invariant: nobody learns or chooses somebody else's password; whoever is invited gets a one-time link.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use directory::{id::Millis, resource_name};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{AdministratorRow, Role, Store};
use utoipa::ToSchema;

use super::{
    Problem, audit,
    extract::{Json, Path},
};
use crate::{
    app::App,
    invitation,
    service::name::{Named, new_name},
};

/// Somebody who may sign in to the console.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Administrator)]
pub struct Summary {
    /// Their name.
    pub name: String,
    /// `administrator` or `reader`.
    pub role: Role,
    /// When they were made.
    pub created: Millis,
    /// When they last signed in.
    pub last_sign_in: Option<Millis>,
    /// What of them in the database cannot be read: they do not get in, and `muster repair` takes them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// Somebody who is to sign in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Their name; without one, whoever follows the link chooses it.
    #[serde(default)]
    pub name: Option<String>,
    /// As what.
    pub role: Role,
}

/// What somebody is to be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// As what they sign in.
    pub role: Role,
}

/// A one-time link.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Where the password is chosen, once, within 24 hours.
    pub link: String,
}

/// Who may sign in to the console.
#[utoipa::path(get, path = "/administrators", tag = "administrators", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    let rows = app.blocking(Store::administrators).await?;
    let all = rows.into_iter().map(|row| Summary {
        name: row.name,
        role: row.role,
        created: row.created,
        last_sign_in: row.last_sign_in,
        unreadable: super::texts(&row.unreadable),
    });
    Ok(Json(all.collect()))
}

/// Invites somebody: makes a one-time link where they choose a password.
#[utoipa::path(post, path = "/administrators", tag = "administrators", responses(
    (status = 201, description = "Made.", body = Link),
    (status = 409, description = "There is somebody of that name."),
))]
pub(super) async fn invite(
    State(app): State<App>,
    headers: HeaderMap,
    Json(invite): Json<Invite>,
) -> Result<(StatusCode, Json<Link>), Problem> {
    let role = invite.role;
    let link = make_link(&app, &base(&app, &headers), invite).await?;
    audit::say(|| json!({"role": role.as_str()}));
    Ok((StatusCode::CREATED, Json(link)))
}

/// Makes a one-time link where somebody chooses a password anew.
#[utoipa::path(post, path = "/administrators/{name}/link", tag = "administrators", responses(
    (status = 200, description = "Done.", body = Link),
))]
pub(super) async fn link(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Link>, Problem> {
    let row = row_named(&app, &name).await?;
    let link = invitation::link_for(&app, &base(&app, &headers), Some(row.name), row.role).await?;
    Ok(Json(Link { link }))
}

/// Gives somebody another role.
#[utoipa::path(put, path = "/administrators/{name}/role", tag = "administrators", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "Nobody could change anything any more."),
))]
pub(super) async fn set_role(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(NewRole { role }): Json<NewRole>,
) -> Result<StatusCode, Problem> {
    let row = row_named(&app, &name).await?;
    if !app
        .blocking(move |store| {
            crate::audit::quietly(store, |change| change.set_administrator_role(row.id, role))
        })
        .await?
    {
        return Err(last());
    }
    audit::say(|| json!({"before": row.role.as_str(), "after": role.as_str()}));
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of somebody's sessions.
#[utoipa::path(post, path = "/administrators/{name}/sign-out", tag = "administrators", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn sign_out(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = row_named(&app, &name).await?.id;
    app.blocking(move |store| store.end_console_sessions(id, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes somebody: they cannot sign in any more.
#[utoipa::path(delete, path = "/administrators/{name}", tag = "administrators", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "Nobody could change anything any more."),
))]
pub(super) async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let row = row_named(&app, &name).await?;
    if !app
        .blocking(move |store| {
            crate::audit::quietly(store, |change| change.remove_administrator(row.id))
        })
        .await?
    {
        return Err(last());
    }
    audit::say(|| json!({"before": {"role": row.role.as_str()}}));
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the link of an invitation; `base` is how people reach this server.
///
/// # Errors
/// When the name cannot be used, or is somebody's already.
pub(super) async fn make_link(app: &App, base: &str, invite: Invite) -> Result<Link, Problem> {
    let name = match invite.name {
        None => None,
        Some(name) => {
            let rows = app.blocking(Store::administrators).await?;
            let others = rows.iter().map(|row| row.name.as_str());
            Some(new_name(Named::Administrator, &name, others)?)
        }
    };
    Ok(Link { link: invitation::link_for(app, base, name, invite.role).await? })
}

fn last() -> Problem {
    Problem::conflict("that is the last administrator: nobody could change anything any more")
}

async fn row_named(app: &App, name: &str) -> Result<AdministratorRow, Problem> {
    let rows = app.blocking(Store::administrators).await?;
    resource_name::find(rows, name, |row| &row.name).ok_or_else(|| {
        Problem::not_found(format!(
            "there is no administrator `{name}`; without a name `muster admin reset` makes a new one"
        ))
    })
}

/// How people reach this server, without a slash at the end.
fn base(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match &app.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{host}"),
    }
}
