//! The one error type of the admin API (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use directory::error_chain::joined;
use directory::reference::Candidate;
use serde::{Deserialize, Serialize};
use store::Scope;
use utoipa::ToSchema;

use crate::task::{
    commit::{DecisionError, person::PersonError, settings::SettingsUnreadable},
    follow::NotServed,
    stopped::Stopped,
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
        let scope = scope.as_str();
        let detail = format!(
            "this needs the scope `{scope}`, which {who} lacks; `muster token add` with `--scope {scope}` makes one that has it"
        );
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn unauthorized() -> Self {
        let detail = "the admin API wants `Authorization: Bearer TOKEN` with a token that works: the server's own is \
                      in admin.json in its data directory, others are made by `muster token add`";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        if let Some(decision) = error.downcast_ref::<DecisionError>() {
            let missing = decision.is_missing();
            let problem = if missing { Self::not_found } else { Self::conflict };
            return problem(decision.to_string());
        }
        if let Some(person) = error.downcast_ref::<PersonError>() {
            let text = person.to_string();
            return match person {
                PersonError::NotServed => Self::conflict(text),
                PersonError::Several { wanted, candidates } => {
                    Self::ambiguous(wanted, candidates.clone())
                }
                PersonError::Nobody { .. } => Self::not_found(text),
                PersonError::Provider(_) => Self::new(StatusCode::BAD_GATEWAY, text),
            };
        }
        if let Some(unreadable) = error.downcast_ref::<SettingsUnreadable>() {
            return Self::conflict(unreadable.to_string());
        }
        if let Some(not_served) = error.downcast_ref::<NotServed>() {
            return not_served.clone().into();
        }
        if let Some(stopped) = error.downcast_ref::<Stopped>() {
            return (*stopped).into();
        }
        tracing::error!(error = joined(error.as_ref()), "a request to the admin API failed");
        let detail = "the server could not do it; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Shutdown => Self::new(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
            _ => Self::conflict(stopped.to_string()),
        }
    }
}

impl From<NotServed> for Problem {
    fn from(not_served: NotServed) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, not_served.to_string())
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
