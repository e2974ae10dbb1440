//! The one error type of the admin API (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use directory::reference::Candidate;
use serde::{Deserialize, Serialize};
use store::Scope;
use utoipa::ToSchema;

use crate::{
    service::{Kind, ServiceError},
    task::{follow::NotServed, stopped::Stopped},
};

/// What went wrong, for the caller; the cause is logged where it happened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// Whom a reference fits that fits several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { status: status.as_u16(), title, detail: detail.into(), candidates: Vec::new() }
    }

    /// The request cannot be understood or carried out as it is.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What was asked for is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What was asked for does not fit how things stand.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// It takes longer than somebody who asked can wait, and goes on.
    pub(super) fn goes_on(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, detail)
    }

    /// A reference fits several users or groups.
    pub fn ambiguous(wanted: &str, candidates: Vec<Candidate>) -> Self {
        let detail = format!(
            "{} fit `{wanted}`; name one of them by its id, which fits it alone",
            candidates.len()
        );
        Self { candidates, ..Self::conflict(detail) }
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not know that method")
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "a body has 1 MiB at the most")
    }

    pub(super) fn unsupported_media_type() -> Self {
        let detail = "the body is to be JSON, and `Content-Type: application/json` to say so";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    pub(super) fn lacks(who: &str, scope: Scope) -> Self {
        ServiceError::lacks(who, scope).into()
    }

    pub(super) fn unauthorized() -> Self {
        let detail = "the admin API wants `Authorization: Bearer TOKEN` with a token that works: the server's own is \
                      in admin.json in its data directory, others are made by `muster token add`";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let status = match error.kind {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Provider => StatusCode::BAD_GATEWAY,
            Kind::GoesOn => StatusCode::GATEWAY_TIMEOUT,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { candidates: error.candidates, ..Self::new(status, error.detail) }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        ServiceError::from(stopped).into()
    }
}

impl From<NotServed> for Problem {
    fn from(not_served: NotServed) -> Self {
        ServiceError::from(not_served).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
