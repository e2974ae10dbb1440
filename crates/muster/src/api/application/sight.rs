//! Changing what an application sees.

use axum::extract::State;

use crate::{
    api::{
        Problem,
        bearer::By,
        extract::{Json, Path},
    },
    app::App,
    service::application::sight::{self, Change, Effect},
};

/// Changes what an application sees, or shows what that would do to its product.
#[utoipa::path(post, path = "/applications/{name}/sight", operation_id = "set_sight", tag = "applications", responses(
    (status = 200, description = "Done.", body = Effect),
))]
pub(in crate::api) async fn change(
    State(app): State<App>,
    By(actor): By,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<Effect>, Problem> {
    Ok(Json(if change.dry_run {
        sight::preview(&app, &name, &change).await?
    } else {
        sight::change(&app, &actor, &name, change).await?
    }))
}
