//! Errors of Google's token endpoint and API in the words of the catalogue (`protocols/providers.md` D0, D2).
//!
//! Invariant: a 403 is told from throttling by its reason; both of the vendor's envelopes are read; the
//! vendor's own words are shown at the end, shortened.

use directory::id::Millis;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{key::KeyFile, settings::Settings, token::SCOPES};
use crate::{
    error::{ConnectError, Kind},
    garbled::{not_json, redirected, shortened, unsaid},
    http::{Answer, Setback},
    odd::loosely,
};

/// The token endpoint's error document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenError {
    error: String,
    error_description: String,
}

/// The API's error document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDocument {
    error: ErrorBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: String,
    /// The newer envelope's word.
    status: String,
    errors: Vec<ErrorItem>,
    details: Vec<ErrorItem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorItem {
    reason: String,
}

/// Reasons that mean "too fast", whatever the status.
const THROTTLED: [&str; 6] = [
    "quotaExceeded",
    "userRateLimitExceeded",
    "rateLimitExceeded",
    "dailyLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
];

/// What a text means that a person met in Google's consoles.
pub(crate) fn page(text: &str) -> Option<ConnectError> {
    let lower = text.to_lowercase();
    let policy = ["disableserviceaccountkeycreation", "key creation is disabled"];
    policy.iter().any(|words| lower.contains(words)).then(|| {
        let say = "a policy of the organisation forbids keys of service accounts; an Organization Policy Administrator \
                   sets iam.disableServiceAccountKeyCreation to \"Not enforced\" for this project, then the key can be made";
        ConnectError::new(Kind::Refused, "G-KEYPOLICY", format!("{say} ({})", shortened(text.trim())))
    })
}

/// What a failed request for a token means.
pub(super) fn token(answer: &Answer, subject: &str, key: &KeyFile, now: Millis) -> Setback {
    let pause = answer.retry_after(now);
    if answer.status.as_u16() == 429 {
        return Setback::Throttled(pause);
    }
    let error = redirected(answer, "Google", "token_uri").or_else(|| not_json(answer, "Google"));
    if let Some(error) = error {
        return Setback::Failed(error, pause);
    }
    let said: TokenError = loosely(&answer.body);
    let details = format!("{}: {}", shortened(&said.error), shortened(&said.error_description));
    if answer.status.is_server_error() || said.error == "temporarily_unavailable" {
        let text = format!("Google has a temporary problem; it is tried again ({details})");
        return Setback::Failed(ConnectError::new(Kind::Temporary, "N-5XX", text), pause);
    }
    let (code, text) = token_meaning(&said, subject, key);
    let error = ConnectError::new(Kind::Refused, code, format!("{text} ({details})"));
    Setback::Failed(error, pause)
}

fn token_meaning(
    said: &TokenError,
    subject: &str,
    key: &KeyFile,
) -> (Option<&'static str>, String) {
    let description = said.error_description.to_lowercase();
    let says = |words: &str| description.contains(words);
    match said.error.as_str() {
        "unauthorized_client" => (
            Some("G-DWD"),
            format!(
                "the service account is not authorised to act for the domain with these scopes; Admin console > \
                 Security > API controls > Manage Domain Wide Delegation > Add new: client ID {}, scopes {}; it takes \
                 minutes, at times up to 24 h",
                key.client_id,
                SCOPES.join(",")
            ),
        ),
        "access_denied" => (
            Some("G-SCOPE-PART"),
            format!(
                "a scope is missing in the delegation of client ID {}; it needs all of {}",
                key.client_id,
                SCOPES.join(",")
            ),
        ),
        "admin_policy_enforced" => (
            Some("G-POLICY"),
            "a policy of the Workspace blocks this app; Admin console > Security > API controls > App access control"
                .to_owned(),
        ),
        "disabled_client" => {
            (Some("G-SA-OFF"), format!("the service account {} is disabled; enable it", key.email))
        }
        "deleted_client" => (
            Some("G-SA-GONE"),
            "the service account was deleted; restore it within 30 days, or make a new one and its delegation".to_owned(),
        ),
        "invalid_grant" if says("not found") => (
            Some("G-SA-GONE"),
            format!("the service account {} was deleted; make a new one and its delegation", key.email),
        ),
        "invalid_grant" if says("email") => (
            Some("G-SUBJECT"),
            format!(
                "there is no user {subject}; the setting `subject` is the primary address of an active administrator"
            ),
        ),
        "invalid_grant" if says("signature") => (
            Some("G-KEY"),
            "the key was deleted or belongs to another account; make a new key and give its file".to_owned(),
        ),
        "invalid_grant" if says("timeframe") || says("iat and exp") => (
            Some("G-CLOCK"),
            "Google refuses the request as made at another time; set this server's clock right (NTP)".to_owned(),
        ),
        "invalid_client" => {
            (Some("G-KEY"), "Google does not know the service account's key; make a new key".to_owned())
        }
        _ => (None, "Google refused the request for a token".to_owned()),
    }
}

/// What a failed request to the API means; `what` says what was being read.
pub(super) fn api(answer: &Answer, what: &str, settings: &Settings, now: Millis) -> Setback {
    let pause = answer.retry_after(now);
    let status = answer.status.as_u16();
    let ErrorDocument { error: said } = loosely(&answer.body);
    let reasons: Vec<&str> = said
        .errors
        .iter()
        .chain(&said.details)
        .map(|item| item.reason.as_str())
        .chain([said.status.as_str()])
        .filter(|reason| !reason.is_empty())
        .collect();
    let is = |reason: &str| reasons.contains(&reason);
    if status == 429 || THROTTLED.iter().any(|reason| is(reason)) {
        return Setback::Throttled(pause);
    }
    if let Some(error) = redirected(answer, "Google", "api") {
        return Setback::Failed(error, pause);
    }
    if reasons.is_empty()
        && let Some(error) = not_json(answer, "Google")
    {
        return Setback::Failed(error, pause);
    }
    if status == 404 && reasons.is_empty() {
        return Setback::Failed(unsaid("Google", what), pause);
    }
    let (kind, code, text) = api_meaning(status, &is, &said.message, settings);
    let reason = reasons.first().copied().unwrap_or_default();
    let details = format!("{status} {}: {}", shortened(reason), shortened(&said.message));
    let error = ConnectError::new(kind, code, text).saying(details).during(what);
    if status == 401 { Setback::Unauthorised(error) } else { Setback::Failed(error, pause) }
}

/// The status that Google's error document names, where this is one; it can come with another status.
pub(super) fn meant(said: &Value) -> Option<StatusCode> {
    let error = said.get("error").filter(|error| !error.is_null())?;
    let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    let failure = status.filter(|status| status.is_client_error() || status.is_server_error());
    // What is not known is tried again, as any failure of a server.
    Some(failure.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

fn api_meaning(
    status: u16,
    is: &impl Fn(&str) -> bool,
    message: &str,
    settings: &Settings,
) -> (Kind, Option<&'static str>, String) {
    let subject = &settings.subject;
    let refused = |code, text: String| (Kind::Refused, Some(code), text);
    let lower = message.to_lowercase();
    match status {
        400 if lower.contains("pagetoken") => {
            (Kind::PageExpired, None, "the position in the list has expired".to_owned())
        }
        410 => (Kind::PageExpired, None, "the position in the list has expired".to_owned()),
        400 if is("invalid") || is("badRequest") => refused(
            "G-CUSTOMER",
            "Google refuses the request: is the customer id wrong, or was no administrator impersonated? Leave the \
             setting `customer` away"
                .to_owned(),
        ),
        401 => refused("G-TOKEN", "Google refused a fresh token; check this server's clock".to_owned()),
        403 if is("accessNotConfigured") || is("SERVICE_DISABLED") => refused(
            "G-API-OFF",
            "the Admin SDK API is off in the service account's project; open the link in Google's words, Enable, and \
             wait a few minutes"
                .to_owned(),
        ),
        403 if is("insufficientPermissions") || is("ACCESS_TOKEN_SCOPE_INSUFFICIENT") => refused(
            "G-SCOPE-TOK",
            format!("the token lacks a scope; the delegation needs all of {}", SCOPES.join(",")),
        ),
        403 if is("domainCannotUseApis") => {
            refused("G-DOMAIN", "APIs are not available for this domain or its edition".to_owned())
        }
        403 => refused(
            "G-SUBJECT-ADMIN",
            format!(
                "{subject} may not read the directory; Admin console > Account > Admin roles: a role with Users > Read \
                 and Groups > Read, assigned to {subject}"
            ),
        ),
        404 if lower.contains("domain") || lower.contains("customer") => {
            refused("G-DOMAIN", "Google does not know this customer or domain".to_owned())
        }
        404 => (Kind::NotFound, None, "Google has no such object".to_owned()),
        500.. => (
            Kind::Temporary,
            Some("N-5XX"),
            "Google has a temporary problem; it is tried again".to_owned(),
        ),
        _ => (Kind::Protocol, None, "Google refused the request".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use reqwest::{StatusCode, header::HeaderMap};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            latency: std::time::Duration::ZERO,
        }
    }

    fn failed(status: u16, body: &str) -> (Kind, Option<String>) {
        let subject = ("subject".to_owned(), "admin@example.com".to_owned());
        let settings = Settings::read(&BTreeMap::from([subject])).unwrap();
        match api(&answer(status, body), "users", &settings, Millis(0)) {
            Setback::Failed(error, _) | Setback::Unauthorised(error) => {
                (error.kind, error.code().map(str::to_owned))
            }
            Setback::Throttled(_) => (Kind::Temporary, Some("throttled".to_owned())),
        }
    }

    #[test]
    fn a_403_is_judged_by_its_reason_in_either_envelope() {
        let old = |reason: &str| {
            format!(
                r#"{{"error":{{"code":403,"message":"x","errors":[{{"reason":"{reason}"}}]}}}}"#
            )
        };
        let new = |status: &str, reason: &str| {
            format!(
                r#"{{"error":{{"code":403,"message":"x","status":"{status}","details":[{{"@type":"t","reason":"{reason}"}}]}}}}"#
            )
        };
        let code = |body: &str| failed(403, body).1.unwrap();
        for reason in ["quotaExceeded", "userRateLimitExceeded", "rateLimitExceeded"] {
            assert_eq!(code(&old(reason)), "throttled", "{reason}");
        }
        assert_eq!(code(&new("RESOURCE_EXHAUSTED", "")), "throttled");
        assert_eq!(code(&old("forbidden")), "G-SUBJECT-ADMIN");
        assert_eq!(code(&old("insufficientPermissions")), "G-SCOPE-TOK");
        assert_eq!(
            code(&new("PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
            "G-SCOPE-TOK"
        );
        assert_eq!(code(&old("accessNotConfigured")), "G-API-OFF");
        assert_eq!(code(&new("PERMISSION_DENIED", "SERVICE_DISABLED")), "G-API-OFF");
        assert_eq!(code(&old("domainCannotUseApis")), "G-DOMAIN");
    }

    #[test]
    fn other_answers_are_told_apart() {
        let body = |message: &str| {
            format!(r#"{{"error":{{"message":"{message}","errors":[{{"reason":"invalid"}}]}}}}"#)
        };
        assert_eq!(failed(400, &body("Invalid Input: pageToken")).0, Kind::PageExpired);
        assert_eq!(failed(400, &body("Invalid Input")).1.unwrap(), "G-CUSTOMER");
        assert_eq!(failed(404, &body("Resource Not Found: groupKey")).0, Kind::NotFound);
        assert_eq!(failed(404, &body("Resource Not Found: domain")).1.unwrap(), "G-DOMAIN");
        assert_eq!(failed(503, &body("Service unavailable")).0, Kind::Temporary);
        assert_eq!(failed(404, "<html>").1.unwrap(), "N-HTML");
        assert_eq!(failed(302, "").1.unwrap(), "N-HTML");
        assert_eq!(failed(429, "").1.unwrap(), "throttled");
    }
}
