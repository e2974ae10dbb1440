//! Tokens in the admin API.

use axum::{Extension, extract::State, http::StatusCode};

use super::{
    Problem,
    bearer::{Bearer, By},
    extract::{Json, Path},
};
use crate::{
    app::App,
    service::token::{self, Add, Made, Summary},
};

/// All tokens: those that are not revoked first, then by name.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    Ok(Json(token::list(&app).await?))
}

/// Makes a token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", responses(
    (status = 201, description = "Made.", body = Made),
    (status = 409, description = "There is a token of that name, or there are too many."),
))]
pub(super) async fn add(
    State(app): State<App>,
    By(actor): By,
    Extension(bearer): Extension<Bearer>,
    Json(wanted): Json<Add>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let made = token::add(&app, &actor, &bearer.scopes, wanted).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes a token: it never works again.
#[utoipa::path(delete, path = "/tokens/{name}", tag = "tokens", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn revoke(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    token::revoke(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
