//! The right that a route needs, declared where the route is (DESIGN.md 11.2).
//!
//! Invariants: a route gets into the admin API only with its right; nothing is concluded from the text of an address; a
//! request to a route that takes no body has none.

use std::ops::AddAssign;

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, Request},
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use store::Scope;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{
    Problem,
    bearer::Bearer,
    openapi::{BEARER, operations_mut},
};
use crate::{app::App, service::actor::called};

/// The largest body of nothing: an empty object, with some space around it.
const NOTHING_BYTES_MAX: usize = 64;

/// The right that a route needs, and its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// How it is asked.
    pub method: Method,
    /// Where it is, with the names of what stands in the address in braces.
    pub path: String,
    /// The scope that it needs; none for routes for whoever asks.
    pub scope: Option<Scope>,
    /// Whether it changes something, and so writes one entry of the audit log; a look writes none.
    pub changes: bool,
}

/// Routes with their rights.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) router: OpenApiRouter<App>,
    pub(super) declared: Vec<Declared>,
}

impl Routes {
    /// Routes that look at something and change nothing, whatever their method.
    pub(super) fn look(self, scope: Scope, routes: UtoipaMethodRouter<App>) -> Self {
        self.with((Some(scope), false), routes)
    }

    /// Routes that change something.
    pub(super) fn change(self, scope: Scope, routes: UtoipaMethodRouter<App>) -> Self {
        self.with((Some(scope), true), routes)
    }

    /// Routes for whoever asks, token or not.
    pub(super) fn open(self, routes: UtoipaMethodRouter<App>) -> Self {
        self.with((None, false), routes)
    }

    /// The same with bodies of up to so many bytes.
    pub(super) fn bodies_up_to(mut self, bytes_max: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes_max));
        self
    }

    fn with(
        mut self,
        (scope, changes): (Option<Scope>, bool),
        (schemas, mut paths, mut methods): UtoipaMethodRouter<App>,
    ) -> Self {
        let mut takes_body = false;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations_mut(item) {
                takes_body |= operation.request_body.is_some();
                if let Some(scope) = scope {
                    let needed = SecurityRequirement::new(BEARER, [scope.as_str()]);
                    operation.security = Some(vec![needed]);
                }
                self.declared.push(Declared { method, path: path.clone(), scope, changes });
            }
        }
        if !takes_body {
            methods = methods.route_layer(middleware::from_fn(without_body));
        }
        if let Some(scope) = scope {
            let judge = move |request, next| judge(scope, request, next);
            methods = methods.route_layer(middleware::from_fn(judge));
        }
        self.router = self.router.routes((schemas, paths, methods));
        self
    }
}

impl AddAssign for Routes {
    fn add_assign(&mut self, other: Self) {
        self.router = std::mem::take(&mut self.router).merge(other.router);
        self.declared.extend(other.declared);
    }
}

/// Lets a request through whose token has the scope.
async fn judge(scope: Scope, request: Request, next: Next) -> Response {
    match request.extensions().get::<Bearer>() {
        Some(bearer) if bearer.scopes.contains(&scope) => next.run(request).await,
        Some(bearer) => Problem::lacks(&called(&bearer.maker), scope).into_response(),
        None => Problem::unauthorized().into_response(),
    }
}

/// Lets a request through that says nothing: what somebody means by a body that is not looked at would not be done.
async fn without_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let said = axum::body::to_bytes(body, NOTHING_BYTES_MAX).await;
    let nothing = said.is_ok_and(|said| matches!(said.trim_ascii(), b"" | b"{}"));
    if nothing {
        return next.run(Request::from_parts(parts, Body::empty())).await;
    }
    Problem::bad_request("this request takes no body; send none").into_response()
}
