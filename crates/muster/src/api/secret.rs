//! Whether a secret is the one that is kept, so that a file of settings can be compared with the server.
//!
//! Invariant: the answer is yes or no; nothing of what is kept leaves.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use axum::extract::State;
use directory::resource_name;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::Store;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::{
    api::{Problem, extract::Json},
    app::App,
};

/// Whose secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The credential of a directory's provider.
    Directory,
    /// The password of an application.
    Application,
    /// The address or password of an alert channel.
    Channel,
}

/// What is to be compared.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Whose secret.
    pub owner: Owner,
    /// The owner's name.
    pub name: String,
    /// The secret.
    pub secret: String,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Compared {
    /// Whether it is the one that is kept.
    pub same: bool,
}

/// Whether a secret is the one that is kept.
#[utoipa::path(post, path = "/secrets/compare", tag = "server", responses(
    (status = 200, description = "Done.", body = Compared),
    (status = 404, description = "There is no such owner."),
))]
pub(super) async fn compare(
    State(app): State<App>,
    Json(compare): Json<Compare>,
) -> Result<Json<Compared>, Problem> {
    let Compare { owner, name, secret } = compare;
    let missing = || Problem::not_found(format!("there is no {owner:?} `{name}`").to_lowercase());
    let kept: SecretString = match owner {
        Owner::Directory => app.connection_named(&name).await?.ok_or_else(missing)?.secret,
        Owner::Channel => {
            let rows = app.blocking(Store::channels).await?;
            resource_name::find(rows, &name, |row| &row.name).ok_or_else(missing)?.secret
        }
        Owner::Application => {
            let rows = app.blocking(Store::applications).await?;
            let row = resource_name::find(rows, &name, |row| &row.name);
            let hash = row.ok_or_else(missing)?.password_hash;
            return Ok(Json(Compared { same: verified(hash, secret).await? }));
        }
    };
    let same = bool::from(kept.expose_secret().as_bytes().ct_eq(secret.as_bytes()));
    Ok(Json(Compared { same }))
}

async fn verified(hash: String, password: String) -> anyhow::Result<bool> {
    let verifying = tokio::task::spawn_blocking(move || {
        let hash = PasswordHash::new(&hash).ok();
        hash.is_some_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        })
    });
    Ok(verifying.await?)
}
