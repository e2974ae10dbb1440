//! Changing what an application sees, after a look at what its product would do (DESIGN.md 10.10).
//!
//! Invariant: what would make a product delete or confuse many people waits until somebody names the
//! digest of exactly that.

use std::sync::Arc;

use directory::{
    decisions::Digest,
    rules::limits::Limits,
    view::{Difference, View},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApplicationRow, Sight, Store};
use utoipa::ToSchema;

use super::{change_one, numbers, row_named, shape, told};
use crate::{
    app::App,
    service::{Actor, ServiceError},
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

/// Shows what another sight would do to the application's product; changes nothing.
///
/// # Errors
/// When application or directories are not there.
pub async fn preview(app: &App, name: &str, change: &Change) -> Result<Effect, ServiceError> {
    let row = row_named(app, name).await?;
    let sight = wanted(app, &row, change).await?;
    look(app, &row, &sight).await
}

/// Changes what an application sees, unless that would cause concern that nobody approved; says what it does.
///
/// # Errors
/// When application or directories are not there.
pub async fn change(
    app: &App,
    actor: &Actor,
    name: &str,
    change: Change,
) -> Result<Effect, ServiceError> {
    let (app, actor, name) = (app.clone(), actor.clone(), name.to_owned());
    let running = app.clone();
    app.to_the_end(async move { changed(&running, &actor, &name, change).await }).await
}

async fn changed(
    app: &App,
    actor: &Actor,
    name: &str,
    change: Change,
) -> Result<Effect, ServiceError> {
    let row = row_named(app, name).await?;
    let sight = wanted(app, &row, &change).await?;
    let mut effect = look(app, &row, &sight).await?;
    let approved = effect.concerns.is_empty() || change.digest.as_ref() == Some(&effect.digest);
    if !approved {
        return Ok(effect);
    }
    let seen = row.sight;
    let setting = move |change: &store::Change<'_>, row: &ApplicationRow| {
        if row.sight != seen {
            return Err(ServiceError::conflict("somebody changed it meanwhile; look again"));
        }
        change.set_sight(row.id, &sight)?;
        Ok(json!({"before": told(&row.sight), "after": told(&sight)}))
    };
    change_one(app, actor, (name, "application.sight"), setting).await?;
    // Frozen names are published before the application asks for them.
    app.published_up_to_date().await?;
    effect.done = true;
    Ok(effect)
}

async fn wanted(app: &App, row: &ApplicationRow, change: &Change) -> Result<Sight, ServiceError> {
    let old = &row.sight;
    let directories = match &change.directories {
        Some(names) => numbers(&app.blocking(Store::connections).await?, names)?,
        None => old.directories.clone(),
    };
    Ok(Sight {
        directories,
        aggregate: change.aggregate.unwrap_or(old.aggregate),
        flattened: change.nested_groups.map_or(old.flattened, |nested| !nested),
        frozen_names: change.frozen_names.unwrap_or(old.frozen_names),
    })
}

async fn look(app: &App, row: &ApplicationRow, sight: &Sight) -> Result<Effect, ServiceError> {
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
