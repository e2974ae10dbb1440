//! Errors of Google's APIs, in the two envelopes that they have.
//!
//! Invariant: what the Admin SDK itself says has the old envelope (`errors[]`); what the gateway before it says (login,
//! scopes, a disabled API, malformed parameters, quotas) has `status` and mostly `details[]` as well.

use serde_json::{Value, json};

/// The name of the service in error details.
const SERVICE: &str = "admin.googleapis.com";

/// One error of an API.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    pub(super) status: u16,
    message: String,
    domain: &'static str,
    reason: &'static str,
    /// `location` and `locationType`.
    location: Option<(&'static str, &'static str)>,
    /// Canonical status and details; only the gateway's errors have them.
    gateway: Option<Box<(&'static str, Vec<Value>)>>,
    /// Whether the request was refused for the number of requests.
    pub(super) throttled: bool,
}

impl ApiError {
    fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let (message, throttled) = (message.into(), false);
        Self { status, message, domain: "global", reason, location: None, gateway: None, throttled }
    }

    fn gateway(mut self, canonical: &'static str, details: Vec<Value>) -> Self {
        self.gateway = Some(Box::new((canonical, details)));
        self
    }

    fn at(mut self, location: &'static str, kind: &'static str) -> Self {
        self.location = Some((location, kind));
        self
    }

    /// 400: a parameter is missing.
    pub(super) fn bad_request() -> Self {
        Self::new(400, "badRequest", "Bad Request")
    }

    /// 400: a value makes no sense; `what` names it if Google would.
    pub(super) fn invalid(what: &str) -> Self {
        let message =
            if what.is_empty() { "Invalid Input".into() } else { format!("Invalid Input: {what}") };
        Self::new(400, "invalid", message)
    }

    /// What is wrong with a channel.
    pub(super) fn about_channel(status: u16, reason: &'static str, message: String) -> Self {
        Self::new(status, reason, message)
    }

    /// 400: a parameter that the method does not have, or a value that its type does not have.
    pub(super) fn malformed(message: &str, parameter: &str) -> Self {
        let details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": parameter, "description": message}],
        })];
        Self::new(400, "badRequest", message).gateway("INVALID_ARGUMENT", details)
    }

    /// 400: the selection of fields names something that is not there.
    pub(super) fn field_selection(field: &str) -> Self {
        Self::new(400, "invalidParameter", format!("Invalid field selection {field}"))
            .at("fields", "parameter")
            .gateway("INVALID_ARGUMENT", Vec::new())
    }

    /// 401: no token.
    pub(super) fn login_required() -> Self {
        let message = "Request is missing required authentication credential. Expected OAuth 2 \
                       access token, login cookie or other valid authentication credential. See \
                       https://developers.google.com/identity/sign-in/web/devconsole-project.";
        Self::new(401, "required", message)
            .at("Authorization", "header")
            .gateway("UNAUTHENTICATED", vec![info("CREDENTIALS_MISSING", &json!({}))])
    }

    /// 401: a token that is none of ours, or no longer good.
    pub(super) fn bad_token() -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access \
                       token, login cookie or other valid authentication credential. See \
                       https://developers.google.com/identity/sign-in/web/devconsole-project.";
        Self::new(401, "authError", message)
            .at("Authorization", "header")
            .gateway("UNAUTHENTICATED", vec![info("ACCESS_TOKEN_EXPIRED", &json!({}))])
    }

    /// 403: the subject may not.
    pub(super) fn forbidden() -> Self {
        Self::new(403, "forbidden", "Not Authorized to access this resource/api")
    }

    /// 403: the token lacks a scope.
    pub(super) fn scopes() -> Self {
        let message = "Request had insufficient authentication scopes.";
        Self::new(403, "insufficientPermissions", message)
            .gateway("PERMISSION_DENIED", vec![info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", &json!({}))])
    }

    /// 403: the API is off in the project.
    pub(super) fn api_disabled(project: &str) -> Self {
        let link = format!(
            "https://console.developers.google.com/apis/api/{SERVICE}/overview?project={project}"
        );
        let message = format!(
            "Admin SDK API has not been used in project {project} before or it is disabled. Enable \
             it by visiting {link} then retry. If you enabled this API recently, wait a few \
             minutes for the action to propagate to our systems and retry."
        );
        let consumer = json!({"consumer": format!("projects/{project}"), "activationUrl": link});
        let mut error = Self::new(403, "accessNotConfigured", message)
            .gateway("PERMISSION_DENIED", vec![info("SERVICE_DISABLED", &consumer)]);
        error.domain = "usageLimits";
        error
    }

    /// 403: the domain does not let APIs in.
    pub(super) fn domain_cannot() -> Self {
        Self::new(403, "domainCannotUseApis", "Domain cannot use apis.")
    }

    /// 404: `what` is Google's name of the parameter, such as `userKey`.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "notFound", format!("Resource Not Found: {what}"))
    }

    /// Too many requests, in one of the ways in which Google says so.
    pub(super) fn quota(number: u64) -> Self {
        let mut error = match number % 3 {
            0 => Self::new(403, "quotaExceeded", "Request rate higher than configured."),
            1 => Self::new(403, "userRateLimitExceeded", "User Rate Limit Exceeded"),
            _ => {
                let message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per \
                               minute per user' of service 'admin.googleapis.com'.";
                Self::new(429, "rateLimitExceeded", message)
                    .gateway("RESOURCE_EXHAUSTED", vec![info("RATE_LIMIT_EXCEEDED", &json!({}))])
            }
        };
        error.domain = "usageLimits";
        error.throttled = true;
        error
    }

    /// What a fault asks for. A 403 is the one for a missing right unless a reason is named.
    pub(super) fn of_status(status: u16, reason: Option<&str>) -> Self {
        match (status, reason) {
            (403, Some("quotaExceeded")) => Self::quota(0),
            (403, Some("userRateLimitExceeded" | "rateLimitExceeded" | "dailyLimitExceeded")) => {
                Self::quota(1)
            }
            (403, Some("insufficientPermissions")) => Self::scopes(),
            (403, Some("accessNotConfigured")) => Self::api_disabled("0"),
            (403, Some("domainCannotUseApis")) => Self::domain_cannot(),
            (400, _) => Self::bad_request(),
            (401, _) => Self::bad_token(),
            (403, _) => Self::forbidden(),
            (404, _) => Self::not_found("userKey"),
            (429, _) => Self::quota(2),
            (500, _) => {
                Self::new(500, "internalError", "Internal Error").gateway("INTERNAL", Vec::new())
            }
            (502 | 504, _) => Self::new(status, "backendError", "Backend Error"),
            (503, _) => Self::new(503, "backendError", "Service unavailable. Please try again")
                .gateway("UNAVAILABLE", Vec::new()),
            _ => Self::new(status, "unknown", "Unknown Error."),
        }
    }

    /// The document.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut one =
            json!({"message": self.message, "domain": self.domain, "reason": self.reason});
        if self.reason == "authError" {
            // The old part of the envelope kept its old words.
            one["message"] = json!("Invalid Credentials");
        }
        if let Some((location, kind)) = &self.location {
            one["location"] = json!(location);
            one["locationType"] = json!(kind);
        }
        let mut error = json!({"code": self.status, "message": self.message, "errors": [one]});
        if let Some((canonical, details)) = self.gateway.as_deref() {
            error["status"] = json!(canonical);
            if !details.is_empty() {
                error["details"] = json!(details);
            }
        }
        json!({"error": error}).to_string().into_bytes()
    }
}

/// One `ErrorInfo`.
fn info(reason: &str, more: &Value) -> Value {
    let mut metadata = more.clone();
    metadata["service"] = json!(SERVICE);
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": metadata,
    })
}
