//! Applications in the admin API: products that may read directories.

pub mod sight;

use axum::{extract::State, http::StatusCode};

use super::{
    Problem,
    bearer::By,
    extract::{Json, Path},
};
use crate::{
    app::App,
    service::application::{self, Add, Addresses, Credentials, MadeFor, NewPassword, Summary},
};

/// All applications.
#[utoipa::path(get, path = "/applications", tag = "applications", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    Ok(Json(application::list(&app).await?))
}

/// One application.
#[utoipa::path(get, path = "/applications/{name}", tag = "applications", responses(
    (status = 200, description = "What was asked for.", body = Summary),
))]
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Summary>, Problem> {
    Ok(Json(application::show(&app, &name).await?))
}

/// Lets an application in.
#[utoipa::path(post, path = "/applications", tag = "applications", responses(
    (status = 201, description = "Made.", body = Credentials),
    (status = 404, description = "There is no such directory."),
    (status = 409, description = "There is an application of that name."),
))]
pub(super) async fn add(
    State(app): State<App>,
    By(actor): By,
    Json(add): Json<Add>,
) -> Result<(StatusCode, Json<Credentials>), Problem> {
    Ok((StatusCode::CREATED, Json(application::add(&app, &actor, add).await?)))
}

/// Shuts an application out.
#[utoipa::path(delete, path = "/applications/{name}", tag = "applications", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn remove(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    application::remove(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces from where an application may call.
#[utoipa::path(put, path = "/applications/{name}/addresses", tag = "applications", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn set_addresses(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(addresses): Json<Addresses>,
) -> Result<StatusCode, Problem> {
    application::set_addresses(&app, &actor, &name, addresses).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says which product an application was made for, so that names which it refuses are told.
#[utoipa::path(put, path = "/applications/{name}/product", tag = "applications", responses(
    (status = 204, description = "The product is kept."),
))]
pub(super) async fn set_product(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(product): Json<MadeFor>,
) -> Result<StatusCode, Problem> {
    application::set_product(&app, &actor, &name, product).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an application another password.
#[utoipa::path(post, path = "/applications/{name}/password", tag = "applications", responses(
    (status = 200, description = "Done.", body = Credentials),
))]
pub(super) async fn new_password(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(wanted): Json<NewPassword>,
) -> Result<Json<Credentials>, Problem> {
    Ok(Json(application::new_password(&app, &actor, &name, wanted).await?))
}
