//! Graph: who asks, what it costs, and which handler answers.
//!
//! Invariant: every request is authenticated and charged before it is looked at, also inside a batch; every answer has
//! the request's ids.

use std::sync::Arc;

use super::Entra;
use super::error::GraphError;
use super::login::audience_is_graph;
use super::query::Query;
use super::route::{Noun, Route, cost, key_syntax};
use super::token::{Claims, TokenError};
use crate::chance::hash_bytes;
use crate::exchange::{Call, Reply};

/// The content type of Graph's successes.
const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;\
                    IEEE754Compatible=false;charset=utf-8";

impl Entra {
    /// Answers a request below Graph's host.
    pub(super) fn answer_graph(&self, call: &Call) -> Reply {
        let claims = match self.authenticate(call) {
            Ok(claims) => claims,
            Err(error) => return self.graph_error(&error, call, "(unauthenticated)"),
        };
        self.answer_as(call, &claims)
    }

    /// Answers a request of an authenticated application; for single requests and for those inside a batch.
    pub(super) fn answer_as(&self, call: &Call, claims: &Arc<Claims>) -> Reply {
        let path = key_syntax(&call.path);
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let Some(("v1.0", below)) = segments.split_first().map(|(first, rest)| (*first, rest))
        else {
            let version = segments.first().copied().unwrap_or_default();
            let error = GraphError::bad_request(format!("Invalid version: {version}"));
            return self.graph_error(&error, call, "(no version)");
        };
        let Some(route) = Route::of(below) else {
            let error = GraphError::no_segment(below.last().copied().unwrap_or_default());
            return self.graph_error(&error, call, "(unknown)");
        };
        let template = route.template();
        if !route.allows(&call.method) {
            let error = GraphError::new(
                405,
                "Request_BadRequest",
                "Specified HTTP method is not allowed for the request target.",
            );
            return self.graph_error(&error, call, template);
        }
        let cost = cost(route, call);
        if cost > 0
            && let Err(error) = self.charge(cost, call)
        {
            return self.graph_error(&error, call, template);
        }
        let result = Query::read(call, route.family())
            .and_then(|query| self.dispatch(route, &query, call, claims));
        let mut reply = match result {
            Ok(body) => {
                let status = route.success(&call.method);
                Reply { status, ..Reply::new(template, JSON, body) }
            }
            Err(error) => self.graph_error(&error, call, template),
        };
        if route == Route::Count(Noun::Users) || route == Route::Count(Noun::Groups) {
            reply.content_type = "text/plain".into();
        }
        if cost > 0 {
            reply = reply.with_header("x-ms-resource-unit", cost.to_string());
        }
        self.identified(reply, call)
    }

    fn dispatch(
        &self,
        route: Route<'_>,
        query: &Query,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let (users, groups) = (claims.reads_users(), claims.reads_groups());
        let allowed = match route {
            Route::List(noun)
            | Route::Count(noun)
            | Route::Delta(noun)
            | Route::Get(noun, _)
            | Route::Deleted(noun) => match noun {
                Noun::Users => users,
                Noun::Groups => groups,
            },
            Route::Members { .. } => groups,
            Route::MemberOf { noun, .. } | Route::CheckMemberGroups(noun, _) => {
                groups && (noun == Noun::Groups || users)
            }
            Route::Batch
            | Route::ServicePrincipal(_)
            | Route::AssignedTo(_)
            | Route::Assignments(..)
            | Route::Subscriptions
            | Route::Subscription(_)
            | Route::Reauthorize(_) => true,
            _ => users || groups,
        };
        if !allowed {
            return Err(GraphError::denied());
        }
        match route {
            Route::List(noun) => self.list(noun, query, call),
            Route::Count(noun) => self.count(noun, query),
            Route::Delta(noun) => self.delta(noun, query, call, claims),
            Route::Get(noun, id) => self.get(noun, id, query, call),
            Route::Members { .. } => self.members(route, query, call, claims),
            Route::MemberOf { .. } => self.member_of(route, query, call, claims),
            Route::CheckMemberGroups(noun, id) => {
                self.check_member_groups((noun, id), call, claims)
            }
            Route::GetByIds => self.get_by_ids(query, call, claims),
            Route::Object(id) => self.object(id, query, call, claims),
            Route::Deleted(noun) => self.deleted(noun, query, call, claims),
            Route::DeletedItem(id) => self.deleted_item(id, query, call, claims),
            Route::Organization => Ok(self.organization(call)),
            Route::Batch => self.batch(call, claims),
            Route::ServicePrincipal(key) => self.service_principal(key, call, claims),
            Route::AssignedTo(key) => self.assigned_to(key, query, call, claims),
            Route::Assignments(noun, id) => self.assignments_of((noun, id), query, call, claims),
            Route::Subscriptions if call.method == "POST" => self.subscribe(call, claims),
            Route::Subscriptions => Ok(self.list_subscriptions(call)),
            Route::Subscription(id) | Route::Reauthorize(id) => self.subscription(id, call),
        }
    }

    /// The claims of the request's token, if the token is good.
    pub(super) fn authenticate(&self, call: &Call) -> Result<Arc<Claims>, GraphError> {
        let header = call.header("authorization").unwrap_or_default();
        let token = header.strip_prefix("Bearer ").unwrap_or_default().trim();
        if token.is_empty() {
            return Err(Self::unauthenticated("Access token is empty.", call));
        }
        let claims = self.signer.verify(token).map_err(|error| {
            let message = match error {
                TokenError::Malformed => {
                    "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to \
                     be in JWS or JWE Compact Serialization Format."
                }
                TokenError::Signature => "Access token validation failure. Invalid signature.",
            };
            Self::unauthenticated(message, call)
        })?;
        if !audience_is_graph(&claims.aud, &call.base) {
            let message = "Access token validation failure. Invalid audience.";
            return Err(Self::unauthenticated(message, call));
        }
        let number = claims.number.parse().unwrap_or(0);
        if claims.exp * 1000 <= self.world.clock.now_ms() || !self.app.token_counts(number) {
            let message = "Lifetime validation failed, the token is expired.";
            return Err(Self::unauthenticated(message, call));
        }
        Ok(claims)
    }

    fn unauthenticated(message: &str, call: &Call) -> GraphError {
        let authority = call.base.replace("/entra/graph", "/entra/login");
        GraphError::new(401, "InvalidAuthenticationToken", message).with_header(
            "www-authenticate",
            format!(
                "Bearer realm=\"\", authorization_uri=\"{authority}/common/oauth2/authorize\", \
                 client_id=\"00000003-0000-0000-c000-000000000000\""
            ),
        )
    }

    /// Charges a request to the quota, if there is one.
    fn charge(&self, cost: u32, call: &Call) -> Result<(), GraphError> {
        self.world.counters.spent(u64::from(cost));
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        let (users, now) = (self.world.read().live_users, self.world.clock.now_ms());
        let verdict = crate::lock(bucket).spend(cost, users, now);
        let Some(seconds) = verdict.retry_after_s else {
            return Ok(());
        };
        let until = now + i64::from(seconds) * 1000;
        self.world.counters.told_to_wait(call.fingerprint(), now, until);
        let scope =
            format!("Tenant_Application/ReadWrite/{}/{}", self.app.client_id, self.app.tenant_id);
        Err(GraphError::of_status(429, None)
            .with_header("retry-after", seconds.to_string())
            .with_header("x-ms-throttle-scope", scope)
            .with_header("x-ms-throttle-information", "ResourceUnitLimitExceeded".to_owned())
            .with_header("x-ms-throttle-limit-percentage", format!("{:.2}", verdict.used)))
    }

    /// The reply for an error.
    pub(super) fn graph_error(
        &self,
        error: &GraphError,
        call: &Call,
        route: &'static str,
    ) -> Reply {
        let id = self.request_id().to_string();
        let client_id = call.header("client-request-id").unwrap_or(&id);
        let body = error.body(self.world.clock.now_ms(), &id, client_id);
        let mut reply = Reply::new(route, "application/json", body);
        reply.status = error.status;
        reply.headers.clone_from(&error.headers);
        reply.headers.push(("request-id", id.clone()));
        reply.headers.push(("client-request-id", client_id.to_owned()));
        reply
    }

    /// Adds the ids and the state of the quota to a reply.
    fn identified(&self, mut reply: Reply, call: &Call) -> Reply {
        if !reply.headers.iter().any(|(name, _)| *name == "request-id") {
            let id = self.request_id().to_string();
            let client_id = call.header("client-request-id").unwrap_or(&id).to_owned();
            reply.headers.push(("request-id", id));
            reply.headers.push(("client-request-id", client_id));
        }
        reply.headers.push(("odata-version", "4.0".to_owned()));
        if let Some(bucket) = &self.bucket
            && reply.status != 429
        {
            let users = self.world.read().live_users;
            let used = crate::lock(bucket).spend(0, users, self.world.clock.now_ms()).used;
            if used > 0.8 {
                reply.headers.push(("x-ms-throttle-limit-percentage", format!("{used:.2}")));
            }
        }
        reply
    }

    /// An object's number for omit faults: its id, so that it is lacking or not in all listings alike.
    pub(super) fn omit_number(id: crate::tenant::id::Guid) -> u64 {
        hash_bytes(&id.0)
    }
}
