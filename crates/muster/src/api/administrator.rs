//! Administrators of the console in the admin API.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
};

use super::{
    Problem,
    bearer::By,
    extract::{Json, Path},
};
use crate::{
    app::App,
    service::administrator::{self, Invite, Link, NewRole, Open, Summary},
};

/// Who may sign in to the console.
#[utoipa::path(get, path = "/administrators", tag = "administrators", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    Ok(Json(administrator::list(&app).await?))
}

/// One-time links that still work.
#[utoipa::path(get, path = "/invitations", tag = "administrators", responses(
    (status = 200, description = "What was asked for.", body = Vec<Open>),
))]
pub(super) async fn invitations(State(app): State<App>) -> Result<Json<Vec<Open>>, Problem> {
    Ok(Json(administrator::invitations(&app).await?))
}

/// Revokes a one-time link.
#[utoipa::path(delete, path = "/invitations/{id}", tag = "administrators", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn revoke(
    State(app): State<App>,
    By(actor): By,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    administrator::revoke(&app, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invites somebody: makes a one-time link where they choose a password.
#[utoipa::path(post, path = "/administrators", tag = "administrators", responses(
    (status = 201, description = "Made.", body = Link),
    (status = 409, description = "There is somebody of that name."),
))]
pub(super) async fn invite(
    State(app): State<App>,
    By(actor): By,
    headers: HeaderMap,
    Json(wanted): Json<Invite>,
) -> Result<(StatusCode, Json<Link>), Problem> {
    let link = administrator::invite(&app, &actor, &base(&app, &headers), wanted).await?;
    Ok((StatusCode::CREATED, Json(link)))
}

/// Makes a one-time link where somebody chooses a password anew.
#[utoipa::path(post, path = "/administrators/{name}/link", tag = "administrators", responses(
    (status = 200, description = "Done.", body = Link),
))]
pub(super) async fn link(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Link>, Problem> {
    Ok(Json(administrator::link(&app, &actor, &base(&app, &headers), &name).await?))
}

/// Gives somebody another role.
#[utoipa::path(put, path = "/administrators/{name}/role", tag = "administrators", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "Nobody could change anything any more."),
))]
pub(super) async fn set_role(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(role): Json<NewRole>,
) -> Result<StatusCode, Problem> {
    administrator::set_role(&app, &actor, &name, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of somebody's sessions.
#[utoipa::path(post, path = "/administrators/{name}/sign-out", tag = "administrators", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn sign_out(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    administrator::sign_out(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes somebody: they cannot sign in any more.
#[utoipa::path(delete, path = "/administrators/{name}", tag = "administrators", responses(
    (status = 204, description = "Done."),
    (status = 409, description = "Nobody could change anything any more."),
))]
pub(super) async fn remove(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    administrator::remove(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How people reach this server, without a slash at the end.
fn base(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match &app.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{host}"),
    }
}
