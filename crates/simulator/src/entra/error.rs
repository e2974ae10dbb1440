//! Graph's errors: status, code and message as the vendor words them.
//!
//! Invariant: every answer of Graph that is not a success has this envelope, with the request's ids and date.

use crate::clock::time_text;

/// Reasons that a fault can name: the code and the message.
const REASONS: [(&str, &str, &str); 5] = [
    (
        "InvalidAudience",
        "InvalidAuthenticationToken",
        "Access token validation failure. Invalid audience.",
    ),
    (
        "Authorization_IdentityNotFound",
        "Authorization_IdentityNotFound",
        "The identity of the calling application could not be established.",
    ),
    (
        "Request_ThrottledTemporarily",
        "Request_ThrottledTemporarily",
        "Your request is throttled temporarily.",
    ),
    (
        "syncStateNotFound",
        "syncStateNotFound",
        "The sync state generation is not found. The delta token is expired and data must be synchronized again.",
    ),
    ("PageSize", "Request_BadRequest", "Cannot query data for more than 120 users at a time."),
];

/// One error of Graph.
#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl GraphError {
    /// An error without special headers.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    /// The same error with a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// 400 for an option that the collection does not support.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    /// 400 for a request that makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// 404 for an object that does not exist.
    pub(crate) fn not_found(id: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects \
                 are not present."
            ),
        )
    }

    /// 400 for a path that Graph does not have.
    pub(crate) fn no_segment(segment: &str) -> Self {
        Self::new(400, "BadRequest", format!("Resource not found for the segment '{segment}'."))
    }

    /// 403 for a token whose roles do not suffice.
    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// The error that goes with a status, for injected faults; a reason is one of the vendor's codes.
    pub(crate) fn of_status(status: u16, reason: Option<&str>) -> Self {
        let special = REASONS.iter().find(|(reasons, ..)| Some(*reasons) == reason);
        if let Some((_, code, message)) = special {
            return Self::new(status, code, *message);
        }
        let (code, message) = match status {
            401 => {
                ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
            }
            403 => (
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ),
            404 => ("Request_ResourceNotFound", "Resource does not exist."),
            409 => ("Request_MultipleObjectsWithSameKeyValue", "A conflicting object exists."),
            410 => {
                ("resyncRequired", "Resync required. Replace any local items with the server's.")
            }
            429 => ("TooManyRequests", "Too Many Requests"),
            500 => ("InternalServerError", "An unexpected error occurred."),
            501 => ("NotImplemented", "Not implemented."),
            502 => ("BadGateway", "The gateway received an invalid answer."),
            503 => ("ServiceUnavailable", "The service is temporarily unavailable."),
            504 => ("GatewayTimeout", "The gateway timed out."),
            _ => ("Request_BadRequest", "The request is invalid."),
        };
        Self::new(status, code, message)
    }

    /// The body.
    pub(crate) fn body(&self, now_ms: i64, request_id: &str, client_request_id: &str) -> Vec<u8> {
        let body = serde_json::json!({ "error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": time_text(now_ms, ""),
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        }});
        body.to_string().into_bytes()
    }
}
