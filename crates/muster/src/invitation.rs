//! One-time links, by which administrators come in: the first one, an invited one, and whoever lost a password.
//!
//! Invariants: of a link only the digest is kept; it works once, and a new one takes the old one's place.

use directory::id::{DAY_MS, HOUR_MS};
use store::{InvitationRow, Role, Store};

use crate::{app::App, entropy};

/// How long the link of the first start works.
const FIRST_MS: i64 = 7 * DAY_MS;
/// How long other links work.
const LINK_MS: i64 = 24 * HOUR_MS;

/// Where the first administrator is made.
#[derive(Debug, Clone)]
pub struct FirstLink(pub String);

/// A link for the first administrator, if there is none yet.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn first_link(app: &App, base: &str) -> anyhow::Result<Option<FirstLink>> {
    if app.store.read_only() || app.blocking(Store::has_administrators).await? {
        return Ok(None);
    }
    make(app, base, (None, Role::Administrator), FIRST_MS).await.map(FirstLink).map(Some)
}

/// A link by which somebody gets in, in that role: by name, or under a name of their choice.
///
/// # Errors
/// When the store cannot be written.
pub async fn link_for(
    app: &App,
    base: &str,
    name: Option<String>,
    role: Role,
) -> anyhow::Result<String> {
    make(app, base, (name, role), LINK_MS).await
}

async fn make(
    app: &App,
    base: &str,
    (name, role): (Option<String>, Role),
    life_ms: i64,
) -> anyhow::Result<String> {
    let token = entropy::token();
    let now = app.clock.now();
    let row =
        InvitationRow { token: entropy::digest(&token), name, role, expires: now.plus(life_ms) };
    app.blocking(move |store| crate::audit::quietly(store, |change| change.invite(&row, now)))
        .await?;
    Ok(format!("{base}/first-start/{token}"))
}
