//! Alert channels in the admin API.

use axum::{extract::State, http::StatusCode};

use crate::{
    api::{
        Problem,
        bearer::By,
        extract::{Json, Path},
    },
    app::App,
    service::channel::{self, Definition, Summary, Tried},
};

/// Who is told of alerts.
#[utoipa::path(get, path = "/alerts/channels", operation_id = "list_channels", tag = "alerts", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(in crate::api) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    Ok(Json(channel::list(&app).await?))
}

/// Tells somebody else too.
#[utoipa::path(post, path = "/alerts/channels", operation_id = "add_channel", tag = "alerts", responses(
    (status = 201, description = "Made.", body = Summary),
    (status = 409, description = "There is a channel of that name, or there are too many."),
))]
pub(in crate::api) async fn add(
    State(app): State<App>,
    By(actor): By,
    Json(wanted): Json<Definition>,
) -> Result<(StatusCode, Json<Summary>), Problem> {
    Ok((StatusCode::CREATED, Json(channel::add(&app, &actor, wanted).await?)))
}

/// Changes a channel.
#[utoipa::path(put, path = "/alerts/channels/{name}", operation_id = "change_channel", tag = "alerts", responses(
    (status = 200, description = "Done.", body = Summary),
))]
pub(in crate::api) async fn change(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(wanted): Json<Definition>,
) -> Result<Json<Summary>, Problem> {
    Ok(Json(channel::change(&app, &actor, &name, wanted).await?))
}

/// Tells a channel nothing any more.
#[utoipa::path(delete, path = "/alerts/channels/{name}", operation_id = "remove_channel", tag = "alerts", responses(
    (status = 204, description = "Done."),
))]
pub(in crate::api) async fn remove(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    channel::remove(&app, &actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a channel something now; what waits for it is told too if that goes well.
#[utoipa::path(post, path = "/alerts/channels/{name}/test", operation_id = "test_channel", tag = "alerts", responses(
    (status = 200, description = "Done.", body = Tried),
))]
pub(in crate::api) async fn test(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Tried>, Problem> {
    Ok(Json(channel::test(&app, &name).await?))
}
