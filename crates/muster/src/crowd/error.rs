//! What the Crowd protocol says when something cannot be done.
//!
//! Invariants: reasons and statuses are those of `protocols/crowd.md` 2.5; an internal cause never leaves
//! the server; a refusal to authenticate or of an address is plain text, everything else an error entity.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use directory::{counted::counted, view::Unservable};

use super::{negotiate::Representation, writer::Writer};
use crate::{hashing, peer::Origin};

/// A failure as the client is told.
#[derive(Debug)]
pub(super) enum CrowdError {
    /// No credentials, an unknown application, or a wrong password.
    Unauthenticated,
    /// The application may not call from there.
    Address {
        /// From where the call came.
        client: Origin,
        /// The application's name.
        application: String,
    },
    /// Too many wrong passwords came before; none is judged for so long.
    TooMany {
        /// In milliseconds.
        wait_ms: i64,
    },
    /// The path does not know this method, only those.
    Method(String),
    /// Everything else.
    Refused {
        /// HTTP's word for it.
        status: StatusCode,
        /// Crowd's word for it.
        reason: &'static str,
        /// What a person is told.
        message: String,
    },
}

impl CrowdError {
    pub(super) fn refused(
        status: StatusCode,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::Refused { status, reason, message: message.into() }
    }

    pub(super) fn illegal_argument(message: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "ILLEGAL_ARGUMENT", message)
    }

    pub(super) fn user_not_found(name: &str) -> Self {
        let message = format!("User <{name}> does not exist");
        Self::refused(StatusCode::NOT_FOUND, "USER_NOT_FOUND", message)
    }

    pub(super) fn group_not_found(name: &str) -> Self {
        let message = format!("Group <{name}> does not exist");
        Self::refused(StatusCode::NOT_FOUND, "GROUP_NOT_FOUND", message)
    }

    pub(super) fn membership_not_found(child: &str, parent: &str) -> Self {
        let message =
            format!("The child entity <{child}> is not a member of the parent <{parent}>");
        Self::refused(StatusCode::NOT_FOUND, "MEMBERSHIP_NOT_FOUND", message)
    }

    pub(super) fn token_expired() -> Self {
        let message = "the event token is not valid any more; synchronise everything";
        Self::refused(StatusCode::GONE, "EVENT_TOKEN_EXPIRED", message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::refused(StatusCode::INTERNAL_SERVER_ERROR, "OPERATION_FAILED", message)
    }

    pub(super) fn busy() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::refused(status, "OPERATION_FAILED", hashing::Busy.to_string())
    }

    pub(super) fn no_such_path() -> Self {
        Self::refused(StatusCode::NOT_FOUND, "UNSUPPORTED_OPERATION", "there is no such resource")
    }

    /// The same with status 400, as for things that a body names and for authentication.
    #[must_use]
    pub(super) fn into_bad_request(self) -> Self {
        match self {
            Self::Refused { reason, message, .. } => {
                Self::refused(StatusCode::BAD_REQUEST, reason, message)
            }
            other => other,
        }
    }

    /// The answer, in the representation that the client understands.
    pub(super) fn respond(&self, representation: Representation) -> Response<Body> {
        match self {
            Self::Unauthenticated => {
                let mut response =
                    plain(StatusCode::UNAUTHORIZED, "Application failed to authenticate");
                let challenge = HeaderValue::from_static("BASIC realm=\"Crowd REST Service\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
            Self::Address { client, application } => plain(
                StatusCode::FORBIDDEN,
                format!(
                    "Client with address \"{client}\" is forbidden from making requests to the \
                     application, {application}."
                ),
            ),
            Self::TooMany { wait_ms } => {
                let seconds = wait_ms.max(&1).unsigned_abs().div_ceil(1_000);
                let wait = counted(seconds, "second");
                let text = format!("Too many wrong passwords. Try again in {wait}.");
                let mut response = plain(StatusCode::TOO_MANY_REQUESTS, text);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Method(allowed) => {
                let message = "this resource does not know this method";
                let status = StatusCode::METHOD_NOT_ALLOWED;
                let mut response = entity(representation, status, "UNSUPPORTED_OPERATION", message);
                if let Ok(allowed) = HeaderValue::from_str(allowed) {
                    response.headers_mut().insert(header::ALLOW, allowed);
                }
                response
            }
            Self::Refused { status, reason, message } => {
                entity(representation, *status, reason, message)
            }
        }
    }
}

impl From<Unservable> for CrowdError {
    fn from(error: Unservable) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::refused(status, "OPERATION_FAILED", error.to_string())
    }
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn entity(
    representation: Representation,
    status: StatusCode,
    reason: &str,
    message: &str,
) -> Response<Body> {
    let mut writer = Writer::new(representation);
    writer.open("error");
    writer.text("reason", reason);
    writer.text("message", message);
    writer.close("error");
    let mut response = writer.into_response();
    *response.status_mut() = status;
    response
}
