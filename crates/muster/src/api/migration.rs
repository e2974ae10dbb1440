//! The migration check: a product's people and groups against what rules would make of the provider's.
//!
//! Invariant: nothing of what was sent is kept.

use axum::extract::State;
use directory::migration::{self, Candidate, Migration, ProductGroups, ProductPerson};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Problem,
    directory::refused,
    extract::{Json, Path},
};
use crate::{
    app::App,
    service::connection::{keeper, named},
    task::commit,
};

/// Ways to make user names that may be tried beside the usual ones.
const CANDIDATES_MAX: usize = 20;

/// What a product has today.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Product {
    /// Its people.
    pub people: Vec<ProductPerson>,
    /// Its groups; those that people are in are known without.
    pub groups: Vec<String>,
    /// Ways to make user names that are tried beside that of the rules and the usual ones.
    pub candidates: Vec<Candidate>,
}

/// Whose account in a product would stay theirs, for each way to make user names and group names.
#[utoipa::path(post, path = "/directories/{name}/migration", tag = "people", responses(
    (status = 200, description = "What was asked for.", body = Migration),
    (status = 409, description = "It has not been read in full yet, or is being removed."),
    (status = 413, description = "The product is longer than 256 MiB."),
))]
pub(super) async fn check(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(product): Json<Product>,
) -> Result<Json<Migration>, Problem> {
    if product.people.is_empty() {
        return Err(Problem::bad_request("`people` names nobody; there is nothing to check"));
    }
    if product.candidates.len() > CANDIDATES_MAX {
        let detail = format!("`candidates` has at most {CANDIDATES_MAX} entries");
        return Err(Problem::bad_request(detail));
    }
    let row = named(&app, &name).await?;
    if !row.served_once {
        let detail = format!(
            "`{name}` has not been read in full yet; `muster directory sync {name} --wait` first"
        );
        return Err(Problem::conflict(detail));
    }
    let keeper = keeper(&app, row.id)?;
    let checked = commit::with_basis(&app, &keeper, move |basis| {
        let mut candidates = vec![Candidate::of(basis.rules.rules())];
        for candidate in Candidate::usual().into_iter().chain(product.candidates) {
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
        let groups = ProductGroups::of(&product.people).with(product.groups);
        migration::check(basis, (&product.people, &groups), &candidates)
    });
    let migration = checked.await?.map_err(|problems| refused(&problems))?;
    Ok(Json(migration))
}
