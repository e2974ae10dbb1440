//! Who calls the admin API: the token that a request bears, and whether its scopes suffice.
//!
//! Invariants: tokens are compared as SHA-256 and in constant time; one that was revoked or has expired lets
//! nobody in from that moment on.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use directory::id::MINUTE_MS;
use store::{ApiTokenRow, Maker, Scope, Store};
use subtle::ConstantTimeEq;

use super::Problem;
use crate::{app::App, entropy, failed_sign_ins::Place, peer::Peer, service::Actor};

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
    /// The server's own token, or another one.
    pub(super) maker: Maker,
    /// What they may do.
    pub(super) scopes: Vec<Scope>,
}

/// The caller of a request, as an actor.
#[derive(Debug)]
pub(super) struct By(pub(super) Actor);

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bearer = parts.extensions.get::<Bearer>().ok_or_else(Problem::unauthorized)?;
        let origin = Peer::of(parts).client;
        Ok(Self(Actor::new(bearer.maker.clone(), origin)))
    }
}

/// Lets a request through whose token works; whether its scopes suffice is said where the route is declared.
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
    request.extensions_mut().insert(bearer);
    next.run(request).await
}

async fn bearer(app: &App, local: &TokenHash, given: &[u8; 32]) -> anyhow::Result<Option<Bearer>> {
    if bool::from(given.ct_eq(&local.0)) {
        return Ok(Some(Bearer { maker: Maker::Server, scopes: Scope::ALL.to_vec() }));
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
    Ok(Some(Bearer { maker: Maker::Token(row.name), scopes: row.scopes }))
}
