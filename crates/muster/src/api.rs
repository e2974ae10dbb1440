//! The admin REST API under `/api/v1`: what the command line uses, JSON, bearer token.
//!
//! Invariant: every answer that is not a success is `application/problem+json` with a `detail` that names
//! the thing and the next step; internals never leave.

pub mod actions;
pub mod administrator;
pub mod alert;
pub mod application;
mod audit;
pub mod change;
pub mod connection;
pub mod directory;
mod entry;
pub mod explain;
pub mod history;
pub mod migration;
pub mod person;
pub mod preview;
mod problem;
pub mod secret;
pub mod undo;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post, put},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use self::problem::Problem;
use crate::app::App;

/// The largest request body: settings and secrets are small.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest rules: they may name many people.
const RULES_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;
/// The largest product: its people with their groups.
const PRODUCT_BYTES_MAX: usize = 256 * BODY_BYTES_MAX;

/// The SHA-256 of the token that lets a caller in.
#[derive(Clone, Debug)]
pub struct TokenHash(Arc<[u8]>);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).to_vec().into())
    }

    fn admits(&self, token: &str) -> bool {
        bool::from(Sha256::digest(token.as_bytes()).ct_eq(&self.0))
    }
}

/// All routes of the admin API.
pub fn router(app: App, token: TokenHash) -> Router {
    // Who only looks is not written down.
    let looks = Router::new()
        .route(
            "/directories/{name}/preview",
            get(preview::pending)
                .post(preview::of_rules)
                .layer(DefaultBodyLimit::max(RULES_BYTES_MAX)),
        )
        .route(
            "/directories/{name}/migration",
            post(migration::check).layer(DefaultBodyLimit::max(PRODUCT_BYTES_MAX)),
        );
    let routes = Router::new()
        .route("/directories", get(directory::list).post(directory::add))
        .route("/directories/{name}", get(directory::show).delete(directory::remove))
        .route("/directories/{name}/status", get(directory::status))
        .route("/directories/{name}/check", post(directory::check))
        .route("/directories/{name}/sync", post(directory::sync))
        .route("/directories/{name}/sync/person", post(person::sync))
        .route("/directories/{name}/undo", post(undo::undo))
        .route("/directories/{name}/unpin", post(undo::unpin))
        .route("/directories/{name}/approve", post(directory::approve))
        .route("/directories/{name}/discard", post(directory::discard))
        .route("/directories/{name}/explain", get(explain::explain))
        .route("/directories/{name}/history", get(history::show))
        .route("/directories/{name}/pause", post(directory::pause))
        .route("/directories/{name}/resume", post(directory::resume))
        .route(
            "/directories/{name}/rules",
            put(directory::set_rules).layer(DefaultBodyLimit::max(RULES_BYTES_MAX)),
        )
        .route("/directories/{name}/schedule", put(connection::set_schedule))
        .route("/directories/{name}/connection", patch(connection::change))
        .route("/applications", get(application::list).post(application::add))
        .route("/applications/{name}", delete(application::remove))
        .route("/applications/{name}/sight", post(application::sight::change))
        .route("/applications/{name}/addresses", put(application::set_addresses))
        .route("/applications/{name}/password", post(application::new_password))
        .route("/alerts", get(alert::list))
        .route("/alerts/{id}/acknowledge", post(alert::acknowledge))
        .route("/alerts/channels", get(alert::channel::list).post(alert::channel::add))
        .route(
            "/alerts/channels/{name}",
            put(alert::channel::change).delete(alert::channel::remove),
        )
        .route("/alerts/channels/{name}/test", post(alert::channel::test))
        .route("/secrets/compare", post(secret::compare))
        .route("/changes", get(change::list))
        .route("/administrators", get(administrator::list))
        .route("/administrators/reset", post(administrator::reset))
        .route("/audit", get(audit::list))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), audit::write_down))
        .merge(looks)
        .fallback(async || Problem::not_found("there is no such address in the admin API"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(token, authenticate))
        .with_state(app);
    Router::new().nest("/api/v1", routes)
}

async fn authenticate(
    State(token): State<TokenHash>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    match given {
        Some((scheme, given))
            if scheme.eq_ignore_ascii_case("bearer") && token.admits(given.trim()) =>
        {
            next.run(request).await
        }
        _ => Problem::unauthorized().into_response(),
    }
}
