//! Errors: Okta's own envelope, those of OAuth, and refusals that are in a header only.
//!
//! Invariant: only `errorCode` is stable; each code has the status of Okta's table (C1.4).

use serde_json::{Value, json};

use super::JSON;
use crate::exchange::Reply;

/// One error of the API.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    pub(super) status: u16,
    code: &'static str,
    summary: String,
    causes: Vec<String>,
    /// `error` and `error_description` of a refusal that a header tells, without a body.
    challenge: Option<Box<Challenge>>,
    /// Whether the request was refused for the number of requests.
    pub(super) throttled: bool,
}

/// What `WWW-Authenticate` says.
#[derive(Debug, Clone)]
struct Challenge {
    scheme: &'static str,
    error: &'static str,
    description: String,
    scope: &'static str,
}

/// Codes with their status and usual words.
const KNOWN: [(&str, u16, &str); 18] = [
    ("E0000001", 400, "Api validation failed"),
    ("E0000003", 400, "The request body was not well-formed."),
    ("E0000004", 401, "Authentication failed"),
    ("E0000005", 403, "Invalid session"),
    ("E0000006", 403, "You do not have permission to perform the requested action"),
    ("E0000007", 404, "Not found: Resource not found"),
    ("E0000008", 404, "The requested path was not found"),
    ("E0000009", 500, "Internal Server Error"),
    ("E0000010", 503, "Service is in read only mode"),
    ("E0000011", 401, "Invalid token provided"),
    ("E0000013", 403, "Invalid client app id"),
    ("E0000015", 401, "You do not have permission to access the feature you are requesting"),
    ("E0000022", 405, "The endpoint does not support the provided HTTP method"),
    ("E0000031", 400, "Invalid search criteria."),
    ("E0000047", 429, "API call exceeded rate limit due to too many requests."),
    ("E0000053", 400, "Invalid filter"),
    ("E0000069", 403, "User Locked"),
    ("E0000100", 503, "Search is currently unavailable"),
];

impl ApiError {
    /// An error with the usual words.
    pub(super) fn code(code: &str) -> Self {
        let found = KNOWN.iter().find(|(known, ..)| *known == code).unwrap_or(&KNOWN[7]);
        let (code, status, summary) = *found;
        Self {
            status,
            code,
            summary: summary.to_owned(),
            causes: Vec::new(),
            challenge: None,
            throttled: code == "E0000047",
        }
    }

    /// 400: a parameter or a field is not as it should be.
    pub(super) fn validation(what: &str, cause: impl Into<String>) -> Self {
        let mut error = Self::code("E0000001");
        error.summary = format!("Api validation failed: {what}");
        error.causes = vec![cause.into()];
        error
    }

    /// 404: `kind` is Okta's name of it, such as `User`.
    pub(super) fn not_found(id: &str, kind: &str) -> Self {
        let mut error = Self::code("E0000007");
        error.summary = format!("Not found: Resource not found: {id} ({kind})");
        error
    }

    /// 400: a `filter` that is not understood.
    pub(super) fn filter(text: &str) -> Self {
        let mut error = Self::code("E0000053");
        error.summary = format!("Invalid filter '{text}'");
        error
    }

    /// 400: a `search` that is not understood.
    pub(super) fn search(text: &str) -> Self {
        let mut error = Self::code("E0000031");
        error.summary = format!("Invalid search criteria: {text}");
        error
    }

    fn challenged(status: u16, challenge: Challenge) -> Self {
        let mut error = Self::code(if status == 403 { "E0000006" } else { "E0000011" });
        error.status = status;
        error.challenge = Some(Box::new(challenge));
        error
    }

    /// 401: an access token that is none of ours, or no longer good.
    pub(super) fn bad_token(scheme: &'static str, description: &str) -> Self {
        let description = description.to_owned();
        let challenge = Challenge { scheme, error: "invalid_token", description, scope: "" };
        Self::challenged(401, challenge)
    }

    /// 401: a proof of possession that proves nothing.
    pub(super) fn bad_proof(description: &str) -> Self {
        let description = description.to_owned();
        let error = "invalid_dpop_proof";
        Self::challenged(401, Challenge { scheme: "DPoP", error, description, scope: "" })
    }

    /// 403: the access token lacks a scope.
    pub(super) fn scope(scheme: &'static str, scope: &'static str) -> Self {
        let description =
            "The access token provided does not contain the required scopes.".to_owned();
        let error = "insufficient_scope";
        Self::challenged(403, Challenge { scheme, error, description, scope })
    }

    /// What a fault asks for; a reason can name the code.
    pub(super) fn of_status(status: u16, reason: Option<&str>) -> Self {
        if reason == Some("insufficient_scope") {
            return Self { status, ..Self::scope("DPoP", "okta.users.read") };
        }
        if let Some(reason) = reason.filter(|reason| KNOWN.iter().any(|(code, ..)| code == reason))
        {
            let mut error = Self::code(reason);
            error.status = status;
            return error;
        }
        let mut error = Self::code(match status {
            400 => "E0000001",
            401 => "E0000011",
            403 => "E0000006",
            404 => "E0000007",
            405 => "E0000022",
            429 => "E0000047",
            503 => "E0000010",
            _ => "E0000009",
        });
        error.status = status;
        error
    }

    /// The reply; `base` is where the organisation is, `resource` what was asked for, `number` makes the error's id.
    pub(super) fn reply(
        &self,
        route: &'static str,
        (base, resource): (&str, &str),
        number: u64,
    ) -> Reply {
        let mut reply = match &self.challenge {
            Some(challenge) => {
                let Challenge { scheme, error, description, scope } = &**challenge;
                let header = format!(
                    "{scheme} authorization_uri=\"{base}/oauth2/v1/authorize\", realm=\"{base}\", \
                     scope=\"{scope}\", error=\"{error}\", error_description=\"{description}\", \
                     resource=\"{resource}\""
                );
                // All is in the header: a body of a type that it cannot have would be read as broken.
                Reply::new(route, "", Vec::new()).with_header("www-authenticate", header)
            }
            None => Reply::new(route, JSON, self.body(number).to_string().into_bytes()),
        };
        reply.status = self.status;
        reply.throttled = self.throttled;
        reply
    }

    fn body(&self, number: u64) -> Value {
        let causes: Vec<Value> =
            self.causes.iter().map(|cause| json!({"errorSummary": cause})).collect();
        json!({
            "errorCode": self.code,
            "errorSummary": self.summary,
            "errorLink": self.code,
            "errorId": error_id(number),
            "errorCauses": causes,
        })
    }
}

/// `oae` and what looks random.
fn error_id(number: u64) -> String {
    let draw = |at| crate::chance::draw(number, 0x0ae, at);
    crate::tenant::key::okta_signs("oae", 22, draw)
}

/// One error of the token endpoint.
#[derive(Debug)]
pub(super) struct OAuthError {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) description: String,
}

impl OAuthError {
    /// An error with its words.
    pub(super) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into() }
    }

    /// 401: the client is not who it says.
    pub(super) fn client(description: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", description)
    }

    /// The reply.
    pub(super) fn reply(&self, route: &'static str) -> Reply {
        let body = json!({"error": self.error, "error_description": self.description});
        let mut reply = Reply::new(route, JSON, body.to_string().into_bytes());
        reply.status = self.status;
        reply
    }
}
