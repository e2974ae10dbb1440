//! Tokens for the admin API: made, listed, revoked.
//!
//! Invariants: a token is shown once, when it is made; nobody hands out a scope that they do not have.

use directory::{
    id::{DAY_MS, Millis},
    resource_name,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApiTokenRow, Changed, NewApiToken, Scope, Store};
use utoipa::ToSchema;

use super::{
    Actor, ServiceError,
    name::{Named, new_name},
};
use crate::{app::App, entropy};

/// Tokens at the most that are not revoked.
const TOKENS_MAX: usize = 200;
/// The longest life of a token that ends.
const DAYS_MAX: u32 = 3_650;
/// What every token begins with, so that one that leaked is known for what it is.
const PREFIX: &str = "muster_";

/// A token in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Token)]
pub struct Summary {
    /// Its number.
    pub id: u32,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub made: Millis,
    /// When it stops working; never without a time.
    pub expires: Option<Millis>,
    /// When it was last used, to the minute.
    pub last_used: Option<Millis>,
    /// When it was revoked.
    pub revoked: Option<Millis>,
    /// What of it in the database cannot be read: nobody gets in by it, and `muster repair` takes it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

impl From<ApiTokenRow> for Summary {
    fn from(row: ApiTokenRow) -> Self {
        let ApiTokenRow {
            id,
            name,
            hash: _,
            scopes,
            made_by,
            made,
            expires,
            last_used,
            revoked,
            unreadable,
        } = row;
        let unreadable = super::texts(&unreadable);
        Self { id, name, scopes, made_by, made, expires, last_used, revoked, unreadable }
    }
}

/// A token to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub struct Add {
    /// What it is called, unique in any case among tokens that are not revoked.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// For how many days it works, up to 3650; for ever without a number.
    #[serde(default)]
    pub days: Option<u32>,
}

/// A token that was made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MadeToken)]
pub struct Made {
    /// What the list says of it.
    #[serde(flatten)]
    pub summary: Summary,
    /// The token; shown once.
    pub token: String,
}

/// All tokens: those that are not revoked first, then by name.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(app: &App) -> Result<Vec<Summary>, ServiceError> {
    let rows = app.blocking(Store::api_tokens).await?;
    Ok(rows.into_iter().map(Summary::from).collect())
}

/// Makes a token; `allowed` are the scopes that whoever makes it may hand out.
///
/// # Errors
/// When name, scopes or days cannot be used.
pub async fn add(
    app: &App,
    actor: &Actor,
    allowed: &[Scope],
    wanted: Add,
) -> Result<Made, ServiceError> {
    let Add { name, mut scopes, days } = wanted;
    if let Some(scope) = scopes.iter().find(|scope| !allowed.contains(scope)) {
        return Err(ServiceError::lacks(&actor.who, *scope));
    }
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(ServiceError::invalid("a token has one scope at least: read, write or admin"));
    }
    if days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        let detail =
            format!("a token works for 1 to {DAYS_MAX} days, or for ever without a number");
        return Err(ServiceError::invalid(detail));
    }
    let now = app.clock.now();
    let token = format!("{PREFIX}{}", entropy::token());
    let (hash, actor) = (entropy::digest(&token), actor.clone());
    let expires = days.map(|days| now.plus(i64::from(days) * DAY_MS));
    let adding = move |change: &store::Change<'_>| {
        let rows = change.api_tokens()?;
        let in_use = || rows.iter().filter(|row| row.revoked.is_none());
        let name = new_name(Named::Token, &name, in_use().map(|row| row.name.as_str()))?;
        if in_use().count() >= TOKENS_MAX {
            let detail = format!("there are {TOKENS_MAX} tokens already; revoke one first");
            return Err(ServiceError::conflict(detail));
        }
        let made_by = actor.who.clone();
        let new = NewApiToken { name, hash, scopes, made_by, made: now, expires };
        let summary = Summary::from(change.add_api_token(&new)?.ok_or_else(|| taken(&new.name))?);
        let after = json!({"after": {"id": summary.id, "scopes": summary.scopes, "expires": summary.expires}});
        let entry = actor.entry(now, "token.add", &summary.name, &after);
        Ok(Changed::Kept(Made { summary, token }, entry))
    };
    app.change(adding).await
}

fn taken(name: &str) -> ServiceError {
    ServiceError::conflict(format!(
        "there is a token `{name}` already; revoke it or choose another name"
    ))
}

/// Revokes a token: it never works again.
///
/// # Errors
/// When no token of that name is in use.
pub async fn revoke(app: &App, actor: &Actor, name: &str) -> Result<(), ServiceError> {
    let (name, actor, now) = (name.to_owned(), actor.clone(), app.clock.now());
    let revoking = move |change: &store::Change<'_>| {
        let mut rows = change.api_tokens()?;
        rows.retain(|row| row.revoked.is_none());
        let missing = || {
            let detail = format!("no token `{name}` is in use; `muster token list` shows all");
            ServiceError::not_found(detail)
        };
        let row = resource_name::find(rows, &name, |row| &row.name).ok_or_else(missing)?;
        change.revoke_api_token(&row.name, now)?;
        let before = json!({"before": {"id": row.id, "scopes": row.scopes}});
        let entry = actor.entry(now, "token.remove", &row.name, &before);
        Ok(Changed::Kept((), entry))
    };
    app.change(revoking).await
}
