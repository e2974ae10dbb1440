//! Who calls the admin API: the token that a request bears, and whether its scopes suffice.
//!
//! Invariants: tokens are compared as SHA-256 and in constant time; one that was revoked or has expired lets
//! nobody in from that moment on.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use directory::id::MINUTE_MS;
use store::{ApiTokenRow, Scope, Store};
use subtle::ConstantTimeEq;

use super::{Problem, openapi::BASE};
use crate::{app::App, entropy, failed_sign_ins::Place, peer::Peer};

/// What the token of `admin.json` is called.
const LOCAL: &str = "admin token";

/// The SHA-256 of the server's own token, which may do everything.
#[derive(Clone, Debug)]
pub struct TokenHash(Arc<[u8]>);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(entropy::digest(token).to_vec().into())
    }
}

/// Whoever calls.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    /// What the audit log calls them.
    pub(super) who: String,
    /// What they may do.
    pub(super) scopes: Vec<Scope>,
}

/// The scope that a request needs; `path` with or without the admin API's own.
pub(super) fn scope(method: &Method, path: &str) -> Scope {
    let path = path.strip_prefix(BASE).unwrap_or(path);
    let noun = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let looks = path.ends_with("/preview") || path.ends_with("/migration");
    match (noun, method) {
        _ if looks => Scope::Read,
        ("administrators" | "tokens", _) => Scope::Admin,
        (_, &Method::GET | &Method::HEAD) => Scope::Read,
        _ => Scope::Write,
    }
}

/// Lets a request through if its token may do what it asks for.
pub(super) async fn authenticate(
    State((app, local)): State<(App, TokenHash)>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = match given.and_then(|value| value.split_once(' ')) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
            entropy::digest(given.trim())
        }
        _ => return Problem::unauthorized().into_response(),
    };
    let bearer = match bearer(&app, &local, &given).await {
        Ok(Some(bearer)) => bearer,
        Ok(None) => {
            let (parts, _) = request.into_parts();
            let origin = Peer::of(&parts).client;
            app.failed_sign_ins.note(Place::Api, "token", origin, app.clock.now());
            return Problem::unauthorized().into_response();
        }
        Err(error) => return Problem::from(error).into_response(),
    };
    let needed = scope(request.method(), request.uri().path());
    if !bearer.scopes.contains(&needed) {
        return Problem::lacks(&bearer.who, needed).into_response();
    }
    request.extensions_mut().insert(bearer);
    next.run(request).await
}

async fn bearer(app: &App, local: &TokenHash, given: &[u8; 32]) -> anyhow::Result<Option<Bearer>> {
    if bool::from(given.ct_eq(&local.0)) {
        return Ok(Some(Bearer { who: LOCAL.to_owned(), scopes: Scope::ALL.to_vec() }));
    }
    let now = app.clock.now();
    // Asked for each time: a token that is revoked, by whichever replica, lets nobody in from then on.
    let rows = app.blocking(Store::api_tokens).await?;
    let fits = |row: &ApiTokenRow| bool::from(row.hash.ct_eq(given));
    let Some(row) = rows.into_iter().find(|row| fits(row) && row.works(now)) else {
        return Ok(None);
    };
    let stale = row.last_used.is_none_or(|used| now.since(used) >= MINUTE_MS);
    if stale && !app.store.read_only() {
        let id = row.id;
        app.blocking(move |store| store.api_token_used(id, now)).await?;
    }
    Ok(Some(Bearer { who: format!("token {}", row.name), scopes: row.scopes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_follow_method_and_noun() {
        assert_eq!(scope(&Method::GET, "/api/v1/directories"), Scope::Read);
        assert_eq!(scope(&Method::HEAD, "/directories/entra"), Scope::Read);
        assert_eq!(scope(&Method::POST, "/directories/entra/sync"), Scope::Write);
        assert_eq!(scope(&Method::POST, "/api/v1/directories/entra/preview"), Scope::Read);
        assert_eq!(scope(&Method::GET, "/api/v1/tokens"), Scope::Admin);
        assert_eq!(scope(&Method::DELETE, "/administrators/ann"), Scope::Admin);
    }
}
