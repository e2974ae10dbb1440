//! The Crowd REST server: how products read people and groups (`protocols/crowd.md`).
//!
//! Invariants: every answer of these paths carries the version header; an application is authenticated
//! before anything is said about a path; an answer is made from one publication, whole or not at all;
//! nothing is ever written, since directories belong to their providers.

mod application;
mod auth;
mod authentication;
mod body;
mod call;
mod callers;
mod cookie;
mod cql;
mod date;
mod document;
mod endpoint;
mod entity;
mod error;
mod event;
mod forgetful;
mod group;
mod hosts;
mod json;
mod links;
mod negotiate;
mod reading;
mod relation;
mod restriction;
mod route;
mod search;
mod server_info;
mod session;
mod settings;
mod user;
mod webhook;
mod write;
mod writer;
mod xml;

use std::{any::Any, fmt, net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts},
    routing::any,
};
use directory::{
    id::{ChangeSeq, Millis},
    view::Published,
};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

pub use self::application::{
    AddressRule, Application, ApplicationId, ApplicationRegistry, InvalidAddressRule,
};
pub use self::callers::{Caller, Callers};
pub use self::endpoint::{ENDPOINTS, Endpoint, Method as EndpointMethod};
pub use self::session::{FactorsDigest, Session, Sessions, SessionsFailed, TokenDigest};
pub use self::settings::{Settings, Unchecked};
pub use self::webhook::{Webhook, Webhooks, WebhooksFailed};
use self::{
    auth::Authenticator,
    call::{Call, Parameters},
    error::CrowdError,
    event::Ahead,
    links::Links,
    negotiate::Representation,
    reading::FirstPages,
    route::Resource,
};
use crate::{failed_sign_ins::FailedSignIns, peer::Peer, sign_in::SignIn};

/// Without this header Java clients take an answer for one of another server.
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-embedded-crowd-version");
const VERSION: HeaderValue =
    HeaderValue::from_static(concat!("Muster/", env!("CARGO_PKG_VERSION")));
/// Answers must not be kept: a cached one would be a stale one.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("no-cache, no-store, no-transform");
/// What stands before `/rest`: the context path that administrators type from habit, or nothing.
const CONTEXTS: [&str; 2] = ["/crowd", ""];
/// What follows a context; with two slashes where a client joins its address and a path as they are.
const ROOTS: [&str; 2] = ["/rest/usermanagement", "//rest/usermanagement"];

/// What a whole list of people was of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The position of the log.
    pub seq: ChangeSeq,
    /// The view of it, as event tokens name it.
    pub view: String,
}

/// The whole lists that a client may have been served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLists {
    /// The position of the oldest; the view of the client's own latest, or else of the latest.
    pub oldest: Floor,
    /// The number of the latest.
    pub latest: u64,
    /// Whether there is just one.
    pub single: bool,
}

/// Whole lists whose reader came back with a token that was made after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedLists {
    /// The number of the latest that counted when the token was made.
    pub latest: u64,
    /// Whether it was the only one.
    pub single: bool,
    /// When the token was made.
    pub at: Millis,
}

/// Remembers from where each client has to be told (DESIGN.md 10.8).
pub trait Floors: Send + Sync {
    /// A whole list of people is about to be served to a client.
    ///
    /// # Errors
    /// When that cannot be remembered; the list must not be served then, or what changes while the client
    /// reads the rest would never be told.
    fn record(
        &self,
        application: ApplicationId,
        client: IpAddr,
        at: Millis,
        floor: &Floor,
    ) -> Result<(), FloorsFailed>;

    /// The lists that count for a client: its own last one within 24 hours, and all unfinished ones that were served
    /// to the application within 2 hours, to its own address too, behind which several products may stand.
    fn lists(&self, application: ApplicationId, client: IpAddr, at: Millis) -> Option<ReadLists>;

    /// A client uses a token: what it had read before the token was made is finished.
    fn finish(&self, application: ApplicationId, client: IpAddr, done: &FinishedLists);
}

/// Positions cannot be written; the cause is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was read cannot be remembered at the moment; see the server's log")]
pub struct FloorsFailed;

/// What the server needs from the service around it.
#[derive(Clone)]
pub struct Surroundings {
    /// What is served.
    pub published: Arc<ArcSwap<Published>>,
    /// Who may read.
    pub applications: Arc<ApplicationRegistry>,
    /// What was served to whom.
    pub floors: Arc<dyn Floors>,
    /// Keeps single sign-on sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Keeps webhooks.
    pub webhooks: Arc<dyn Webhooks>,
    /// Checks passwords.
    pub sign_in: Arc<dyn SignIn>,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    /// Where failed authentications are counted.
    pub failed_sign_ins: Arc<FailedSignIns>,
    /// What the operator chose.
    pub settings: Settings,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// The server's state; clones share it.
#[derive(Clone, Debug)]
pub struct CrowdState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    surroundings: Surroundings,
    authenticator: Authenticator,
    ahead: Ahead,
    pages: FirstPages,
}

impl CrowdState {
    /// A server in these surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        let authenticator = Authenticator::new(Arc::clone(&surroundings.failed_sign_ins));
        let (ahead, pages) = (Ahead::default(), FirstPages::default());
        Self(Arc::new(Shared { surroundings, authenticator, ahead, pages }))
    }

    fn surroundings(&self) -> &Surroundings {
        &self.0.surroundings
    }

    fn ahead(&self) -> &Ahead {
        &self.0.ahead
    }

    fn pages(&self) -> &FirstPages {
        &self.0.pages
    }
}

/// All paths of the protocol. Requests carry their peer ([`crate::peer`]).
pub fn router(state: CrowdState) -> Router {
    let mut router = Router::new();
    for context in CONTEXTS {
        for root in ROOTS.map(|root| format!("{context}{root}")) {
            router = router
                .route(&root, any(answer))
                .route(&format!("{root}/"), any(answer))
                .route(&format!("{root}/{{*path}}"), any(answer));
        }
        let path = format!("{context}{}", server_info::PATH);
        let show = move |state, request| server_info::show(context, state, request);
        router = router.route(&path, axum::routing::get(show));
    }
    router
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(SetResponseHeaderLayer::overriding(VERSION_HEADER, VERSION))
        .layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, CACHE_CONTROL))
        .with_state(state)
}

fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    // What happened was printed by the panic hook; nobody outside has to know.
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let error = CrowdError::refused(status, "OPERATION_FAILED", "the server failed; see its log");
    error.respond(Representation::Xml)
}

async fn answer(State(state): State<CrowdState>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let target = Target::of(parts.uri.path());
    // An error has to be written somehow even when the client accepts neither representation.
    let accepted = target.suffix.or_else(|| Representation::accepted(&parts.headers));
    let representation = accepted.unwrap_or(Representation::Xml);
    let answered = serve(state, &target, &parts, body, accepted).await;
    answered.unwrap_or_else(|error| error.respond(representation))
}

async fn serve(
    state: CrowdState,
    target: &Target<'_>,
    parts: &Parts,
    body: Body,
    accepted: Option<Representation>,
) -> Result<Response<Body>, CrowdError> {
    let surroundings = state.surroundings();
    let peer = Peer::of(parts);
    let authenticator = &state.0.authenticator;
    let applications = &surroundings.applications;
    let now = (surroundings.clock)();
    let application =
        authenticator.authenticate(applications, &parts.headers, peer.client, now).await?;
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    applications.callers().note(application.id, peer.client, agent.unwrap_or_default(), now);
    let (endpoint, resource) = target.resource().ok_or_else(CrowdError::no_such_path)?;
    let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
    if !endpoint.allows(method) {
        return Err(CrowdError::Method(endpoint.allowed()));
    }
    let representation = accepted.ok_or_else(|| {
        let message = "answers are application/xml or application/json";
        CrowdError::refused(StatusCode::NOT_ACCEPTABLE, "UNSUPPORTED_OPERATION", message)
    })?;
    let sends = matches!(*method, Method::POST | Method::PUT);
    let body = if sends { received(parts, body).await? } else { None };
    let call = Call {
        application,
        client: peer.client.key(),
        now,
        parameters: Parameters::of(parts.uri.query().unwrap_or_default()),
        representation,
        links: Links::of(parts, peer, target.context),
        body,
        state,
    };
    route::dispatch(&call, &resource, method).await
}

/// What was sent with a request, understood.
async fn received(parts: &Parts, body: Body) -> Result<Option<body::Element>, CrowdError> {
    let bytes = body::read(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let representation = Representation::of_body(&parts.headers).ok_or_else(|| {
        let message = "bodies are application/xml or application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        CrowdError::refused(status, "UNSUPPORTED_OPERATION", message)
    })?;
    body::parse(&bytes, representation)
}

/// What a path means.
struct Target<'a> {
    /// What stands before `/rest`.
    context: &'static str,
    /// The path behind the API's root, without its suffix.
    path: &'a str,
    suffix: Option<Representation>,
}

impl<'a> Target<'a> {
    fn of(path: &'a str) -> Self {
        let (path, suffix) = Representation::suffix(path);
        let behind = |context: &'static str| {
            let rest = path.strip_prefix(context)?;
            let path = ROOTS.iter().find_map(|root| rest.strip_prefix(root))?;
            Some(Self { context, path, suffix })
        };
        CONTEXTS.into_iter().find_map(behind).unwrap_or(Self { context: "", path: "", suffix })
    }

    fn resource(&self) -> Option<(&'static Endpoint, Resource)> {
        let path = self.path.strip_prefix('/')?;
        let (version, path) = path.split_once('/')?;
        if !matches!(version, "1" | "latest") {
            return None;
        }
        Resource::at(path)
    }
}
