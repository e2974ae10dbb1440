//! Alerts in the admin API: what is the matter, and who is told.

pub mod channel;

use axum::{extract::State, http::StatusCode};

use crate::{
    api::{
        Problem,
        bearer::By,
        extract::{Json, Path, Query},
    },
    app::App,
    service::alert::{self, Alerts, Wanted},
};

/// What is the matter, and what was.
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(Wanted), responses(
    (status = 200, description = "What was asked for.", body = Alerts),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Alerts>, Problem> {
    Ok(Json(alert::list(&app, &wanted).await?))
}

/// Somebody looks after an alert.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn acknowledge(
    State(app): State<App>,
    By(actor): By,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    alert::acknowledge(&app, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
