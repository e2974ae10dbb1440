//! Changing what an application sees, after a look at what its product would do (DESIGN.md 10.10).
//!
//! Invariant: what would make a product delete or confuse many people waits until somebody names the
//! digest of exactly that.

use std::sync::Arc;

use axum::extract::State;
use directory::{
    decisions::Digest,
    rules::limits::Limits,
    view::{Difference, View},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApplicationRow, Sight};
use utoipa::ToSchema;

use super::{numbers, refresh, row_named, shape, told};
use crate::{
    api::{
        Problem, audit,
        extract::{Json, Path},
    },
    app::App,
};

/// What is to be different; what is not named stays.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = SightChange)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// The directories, in the order in which the application sees them.
    pub directories: Option<Vec<String>>,
    /// Whether memberships come from all directories.
    pub aggregate: Option<bool>,
    /// Whether it is shown groups in groups.
    pub nested_groups: Option<bool>,
    /// Whether people keep the names under which it first knew them.
    pub frozen_names: Option<bool>,
    /// The digest of what a look at it showed.
    pub digest: Option<Digest>,
    /// Only look.
    pub dry_run: bool,
}

/// What changes for the application's product.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SightEffect)]
pub struct Effect {
    /// People, groups and memberships that come and go.
    pub difference: Difference,
    /// Why a person should look at it first; empty when there is no reason to.
    pub concerns: Vec<String>,
    /// What names this very change.
    pub digest: Digest,
    /// Whether it was done.
    pub done: bool,
}

/// Changes what an application sees, or shows what that would do to its product.
#[utoipa::path(post, path = "/applications/{name}/sight", operation_id = "set_sight", tag = "applications", responses(
    (status = 200, description = "Done.", body = Effect),
))]
pub(in crate::api) async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<Effect>, Problem> {
    let row = row_named(&app, &name).await?;
    let old = &row.sight;
    let directories = match &change.directories {
        Some(names) => numbers(&app, names).await?,
        None => old.directories.clone(),
    };
    let sight = Sight {
        directories,
        aggregate: change.aggregate.unwrap_or(old.aggregate),
        flattened: change.nested_groups.map_or(old.flattened, |nested| !nested),
        frozen_names: change.frozen_names.unwrap_or(old.frozen_names),
    };
    let mut effect = look(&app, &row, &sight).await?;
    let approved = effect.concerns.is_empty() || change.digest.as_ref() == Some(&effect.digest);
    if change.dry_run || !approved {
        return Ok(Json(effect));
    }
    audit::say(|| json!({"before": told(&row.sight), "after": told(&sight)}));
    let id = row.id;
    app.blocking(move |store| store.set_sight(id, &sight)).await?;
    // Frozen names are published before the application asks for them.
    app.published_up_to_date().await?;
    refresh(&app).await?;
    effect.done = true;
    Ok(Json(effect))
}

async fn look(app: &App, row: &ApplicationRow, sight: &Sight) -> Result<Effect, Problem> {
    let published = app.published.load_full();
    let (id, old, new) = (row.id, row.sight.clone(), sight.clone());
    let looking = tokio::task::spawn_blocking(move || {
        let view =
            |sight: &Sight| View::new(Arc::clone(&published), &sight.directories, shape(id, sight));
        match (view(&old), view(&new)) {
            (Ok(old), Ok(new)) => {
                let difference = Difference::between(&old, &new);
                let concerns = difference.concerns(&Limits::default());
                (difference, concerns)
            }
            (_, Err(reason)) => {
                let concern = format!("the product would get no answer for now: {reason}");
                (Difference::default(), vec![concern])
            }
            // What was never shown cannot be missed.
            (Err(_), Ok(_)) => (Difference::default(), Vec::new()),
        }
    });
    let (difference, concerns) =
        looking.await.map_err(|error| anyhow::anyhow!("comparing views panicked: {error}"))?;
    let digest = difference.digest();
    Ok(Effect { difference, concerns, digest, done: false })
}
