//! Tokens for the admin API: made, listed, revoked.
//!
//! Invariants: a token is shown once, when it is made; nobody hands out a scope that they do not have.

use axum::{Extension, extract::State, http::StatusCode};
use directory::{
    id::{DAY_MS, Millis},
    resource_name,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApiTokenRow, NewApiToken, Scope, Store};
use utoipa::ToSchema;

use super::{
    Problem, audit,
    bearer::Bearer,
    extract::{Json, Path},
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
        let unreadable = crate::api::texts(&unreadable);
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
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses(
    (status = 200, description = "What was asked for.", body = Vec<Summary>),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Summary>>, Problem> {
    let rows = app.blocking(Store::api_tokens).await?;
    Ok(Json(rows.into_iter().map(Summary::from).collect()))
}

/// Makes a token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", responses(
    (status = 201, description = "Made.", body = Made),
    (status = 409, description = "There is a token of that name, or there are too many."),
))]
pub(super) async fn add(
    State(app): State<App>,
    Extension(bearer): Extension<Bearer>,
    Json(add): Json<Add>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    if let Some(scope) = add.scopes.iter().find(|scope| !bearer.scopes.contains(scope)) {
        return Err(Problem::lacks(&bearer.who, *scope));
    }
    let made = make(&app, add, bearer.who).await?;
    audit::say(|| json!({"after": detail(&made.summary)}));
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes a token: it never works again.
#[utoipa::path(delete, path = "/tokens/{name}", tag = "tokens", responses(
    (status = 204, description = "Done."),
))]
pub(super) async fn revoke(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let (wanted, now) = (in_use_named(&app, &name).await?, app.clock.now());
    let id = app.blocking(move |store| store.revoke_api_token(&wanted, now)).await?;
    let id = id.ok_or_else(|| {
        Problem::not_found(format!("no token `{name}` is in use; `muster token list` shows all"))
    })?;
    audit::say(|| json!({"before": {"id": id}}));
    Ok(StatusCode::NO_CONTENT)
}

/// How the token of a name that is in use is spelled.
async fn in_use_named(app: &App, name: &str) -> Result<String, Problem> {
    let mut rows = app.blocking(Store::api_tokens).await?;
    rows.retain(|row| row.revoked.is_none());
    let found = resource_name::find(rows, name, |row| &row.name).map(|row| row.name);
    found.ok_or_else(|| {
        Problem::not_found(format!("no token `{name}` is in use; `muster token list` shows all"))
    })
}

/// Makes a token for whoever may hand out its scopes.
///
/// # Errors
/// When name, scopes or days cannot be used.
pub(super) async fn make(app: &App, add: Add, made_by: String) -> Result<Made, Problem> {
    let rows = app.blocking(Store::api_tokens).await?;
    let in_use = rows.iter().filter(|row| row.revoked.is_none());
    let name = new_name(Named::Token, &add.name, in_use.map(|row| row.name.as_str()))?;
    let mut scopes = add.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Problem::bad_request("a token has one scope at least: read, write or admin"));
    }
    if add.days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        let detail =
            format!("a token works for 1 to {DAYS_MAX} days, or for ever without a number");
        return Err(Problem::bad_request(detail));
    }
    let now = app.clock.now();
    if rows.iter().filter(|row| row.revoked.is_none()).count() >= TOKENS_MAX {
        let detail = format!("there are {TOKENS_MAX} tokens already; revoke one first");
        return Err(Problem::conflict(detail));
    }
    let token = format!("{PREFIX}{}", entropy::token());
    let new = NewApiToken {
        name: name.clone(),
        hash: entropy::digest(&token),
        scopes,
        made_by,
        made: now,
        expires: add.days.map(|days| now.plus(i64::from(days) * DAY_MS)),
    };
    let row = app.blocking(move |store| store.add_api_token(&new)).await?;
    let row = row.ok_or_else(|| {
        Problem::conflict(format!(
            "there is a token `{name}` already; revoke it or choose another name"
        ))
    })?;
    Ok(Made { summary: row.into(), token })
}

/// What the audit log says of a token.
pub(crate) fn detail(token: &Summary) -> serde_json::Value {
    json!({"id": token.id, "scopes": token.scopes, "expires": token.expires})
}
