//! Single sign-on sessions (`protocols/crowd.md` 3.9).
//!
//! Invariants: a session is a person's by the provider's id, so a new name keeps it and a newcomer to a
//! name never inherits one; it ends when the person leaves or is switched off; its token is shown once.

mod token;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use directory::{
    id::{DirectoryId, MINUTE_MS, Millis, ProviderId},
    view::{UserAt, View},
};

pub use self::token::{FactorsDigest, TokenDigest};
use super::{
    authentication,
    body::Element,
    call::{Call, find_user},
    entity::{Detail, Entity},
    error::CrowdError,
    writer::Writer,
};

/// Using a session writes its new end only when that is later by this, or by a tenth of its duration.
const PROLONG_MS: i64 = MINUTE_MS;

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What is kept of its token.
    pub token: TokenDigest,
    /// The directory of the person.
    pub directory: DirectoryId,
    /// The person's id at the provider.
    pub person: ProviderId,
    /// What the client is bound to.
    pub factors: FactorsDigest,
    /// When it began.
    pub created: Millis,
    /// How long it lasts after it was last used, in milliseconds.
    pub duration_ms: i64,
    /// When it ends unless it is used.
    pub expires: Millis,
}

/// Sessions cannot be read or written; the cause is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sessions cannot be kept at the moment; see the server's log")]
pub struct SessionsFailed;

/// Keeps sessions, over restarts and for all replicas.
pub trait Sessions: Send + Sync {
    /// Keeps a new session.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn start(&self, session: &Session) -> Result<(), SessionsFailed>;

    /// The session of a token, which may have ended by time.
    ///
    /// # Errors
    /// When nobody can tell.
    fn find(&self, token: &TokenDigest) -> Result<Option<Session>, SessionsFailed>;

    /// Lets a session end at another time.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn prolong(&self, token: &TokenDigest, expires: Millis) -> Result<(), SessionsFailed>;

    /// Ends a session, if there is one.
    ///
    /// # Errors
    /// When it may go on.
    fn end(&self, token: &TokenDigest) -> Result<(), SessionsFailed>;

    /// Ends all sessions of a person but one.
    ///
    /// # Errors
    /// When some may go on.
    fn end_all(
        &self,
        directory: DirectoryId,
        person: &ProviderId,
        except: Option<&TokenDigest>,
    ) -> Result<(), SessionsFailed>;
}

impl From<SessionsFailed> for CrowdError {
    fn from(error: SessionsFailed) -> Self {
        Self::failed(error.to_string())
    }
}

/// `POST /session`.
pub(super) async fn create(call: &Call) -> Result<Response<Body>, CrowdError> {
    let body = call.body.as_ref();
    let text = |name: &str| body.and_then(|body| body.text_of(name)).filter(|t| !t.is_empty());
    let name = text("username").or_else(|| text("userName"));
    let name = name.ok_or_else(|| CrowdError::illegal_argument("the body lacks a username"))?;
    let duration_ms = duration(call)?;
    let factors = factors(body)?;
    let view = call.view()?;
    let at = find_user(&view, name).map_err(|_| {
        let message = format!(
            "Account with name <{name}> failed to authenticate: User <{name}> does not exist"
        );
        authentication::refused(message)
    })?;
    authentication::require_active(&view, at)?;
    let validates = call.parameters.get("validate-password");
    if !validates.is_some_and(|text| text.eq_ignore_ascii_case("false")) {
        authentication::verify(call, &view, at, text("password").unwrap_or_default()).await?;
    }
    let token = token::new_token();
    let session = Session {
        token: TokenDigest::of(&token),
        directory: view.owner(at),
        person: view.user(at).id().clone(),
        factors,
        created: call.now,
        duration_ms,
        expires: call.now.plus(duration_ms),
    };
    call.sessions().start(&session)?;
    let detail = call.parameters.detail("user");
    let mut response = answer(call, &view, at, (&token, &session), detail);
    *response.status_mut() = StatusCode::CREATED;
    let location = format!("{}/session/{token}", call.links.base());
    // A base and a token are made of characters that a header takes.
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `POST /session/TOKEN`: whether it is valid for a client; using it makes it last.
pub(super) fn validate(call: &Call, token: &str) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let (mut session, at) = find(call, &view, token)?;
    if factors(call.body.as_ref())? != session.factors {
        let message = "Token does not validate.";
        return Err(CrowdError::refused(StatusCode::BAD_REQUEST, "INVALID_SSO_TOKEN", message));
    }
    let expires = call.now.plus(session.duration_ms);
    if expires.since(session.expires) >= PROLONG_MS.min(session.duration_ms / 10) {
        call.sessions().prolong(&session.token, expires)?;
        session.expires = expires;
    }
    Ok(answer(call, &view, at, (token, &session), call.parameters.detail("user")))
}

/// `GET /session/TOKEN`.
pub(super) fn show(call: &Call, token: &str) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let (session, at) = find(call, &view, token)?;
    Ok(answer(call, &view, at, (token, &session), Detail::Full))
}

/// `DELETE /session/TOKEN`, also of a session that is not there.
pub(super) fn end(call: &Call, token: &str) -> Result<Response<Body>, CrowdError> {
    call.sessions().end(&TokenDigest::of(token))?;
    Ok(no_content())
}

/// `DELETE /session?username=U[&exclude=TOKEN]`.
pub(super) fn end_all(call: &Call) -> Result<Response<Body>, CrowdError> {
    let view = call.view()?;
    let at = call.user(&view)?;
    let except = call.parameters.get("exclude").map(TokenDigest::of);
    call.sessions().end_all(view.owner(at), view.user(at).id(), except.as_ref())?;
    Ok(no_content())
}

/// A session that has not ended, with its person in the application's view.
fn find(call: &Call, view: &View, token: &str) -> Result<(Session, UserAt), CrowdError> {
    let unknown = || {
        let message = "Token does not exist.";
        CrowdError::refused(StatusCode::NOT_FOUND, "INVALID_SSO_TOKEN", message)
    };
    let session = call.sessions().find(&TokenDigest::of(token))?;
    let session = session.filter(|session| session.expires > call.now).ok_or_else(unknown)?;
    if let Some(at) = view.user_keyed(session.directory, &session.person) {
        let active = view.user(at).active();
        return if active { Ok((session, at)) } else { Err(unknown()) };
    }
    let published = view.published();
    let served = published.directories.get(&session.directory).ok_or_else(unknown)?;
    let (_, user) = served.directory.user_by_id(&session.person).ok_or_else(unknown)?;
    if !user.active() {
        return Err(unknown());
    }
    let message = format!("User does not have access to application {}", call.application.name);
    Err(CrowdError::refused(StatusCode::FORBIDDEN, "APPLICATION_ACCESS_DENIED", message))
}

fn factors(body: Option<&Element>) -> Result<FactorsDigest, CrowdError> {
    FactorsDigest::of(body)
        .ok_or_else(|| CrowdError::illegal_argument("there are too many validation factors"))
}

/// How long the session is to last, at most as long as the server lets any.
fn duration(call: &Call) -> Result<i64, CrowdError> {
    let longest = call.settings().session_ms;
    let Some(seconds) = call.parameters.get("duration") else { return Ok(longest) };
    let seconds = seconds.trim().parse::<i64>().ok().filter(|seconds| *seconds > 0);
    let bad = || CrowdError::illegal_argument("duration is not a number of seconds above zero");
    Ok(seconds.ok_or_else(bad)?.saturating_mul(1000).min(longest))
}

fn answer(
    call: &Call,
    view: &View,
    at: UserAt,
    (token, session): (&str, &Session),
    detail: Detail,
) -> Response<Body> {
    let mut writer = Writer::new(call.representation);
    writer.open("session");
    writer.attribute("expand", "user");
    // The token first, then the user: mod_authnz_crowd reads them in this order.
    writer.text("token", token);
    at.write(&mut writer, view, &call.links, detail);
    writer.link(&[call.links.base(), "/session/", token], "self");
    writer.date("created-date", session.created);
    writer.date("expiry-date", session.expires);
    writer.close("session");
    writer.into_response()
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
