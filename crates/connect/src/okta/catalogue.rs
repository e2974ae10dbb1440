//! Errors of Okta's token endpoint and API in the words of the catalogue (`protocols/providers.md` D0, D3).
//!
//! Invariant: branches on statuses and the vendor's codes; the vendor's own words are shown at the end, shortened.

use std::time::Duration;

use directory::id::Millis;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{settings::Settings, token::SCOPES};
use crate::{
    error::{ConnectError, Kind},
    garbled::{not_json, redirected, shortened, unsaid},
    http::{Answer, Setback},
    odd::loosely,
};

/// Both of the vendor's error documents.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDocument {
    error: String,
    error_description: String,
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(rename = "errorSummary")]
    summary: String,
}

/// The pause after too many requests at one time.
const CROWDED: Duration = Duration::from_secs(2);
/// The longest pause until a limit is reset.
const RESET_MAX_MS: i64 = 120_000;

impl ErrorDocument {
    /// Empty if the answer is no such document.
    pub(super) fn read(answer: &Answer) -> Self {
        loosely(&answer.body)
    }

    /// The API's code, such as `E0000004`.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// What it says, shortened.
    pub(super) fn details(&self) -> String {
        let said = [&self.code, &self.error, &self.summary, &self.error_description];
        let said: Vec<String> =
            said.iter().filter(|text| !text.is_empty()).map(|text| shortened(text)).collect();
        said.join(": ")
    }
}

/// The OAuth error of a failed answer.
pub(super) fn token_error(answer: &Answer) -> String {
    ErrorDocument::read(answer).error
}

/// What a failed request for a token means.
pub(super) fn token(answer: &Answer, settings: &Settings, scope: &str, now: Millis) -> Setback {
    if let Some(setback) = throttled(answer, now) {
        return setback;
    }
    let pause = answer.retry_after(now);
    let said = ErrorDocument::read(answer);
    let nowhere = answer.status.as_u16() == 404 || said.code == "E0000008";
    if nowhere {
        return Setback::Failed(no_organisation(settings), None);
    }
    let strange = redirected(answer, "Okta", "url").or_else(|| not_json(answer, "Okta"));
    if let Some(error) = strange {
        return Setback::Failed(error, pause);
    }
    if answer.status.is_server_error() {
        return Setback::Failed(server_error(&said), pause);
    }
    if said.error == "client_assertion_already_used" || words(&said).contains("already been used") {
        let text = "Okta took a request for a token for a repeated one; it is made anew";
        return Setback::Failed(ConnectError::new(Kind::Temporary, None, text), None);
    }
    let (code, text) = token_meaning(&said, settings, scope);
    let error = ConnectError::new(Kind::Refused, code, format!("{text} ({})", said.details()));
    Setback::Failed(error, pause)
}

fn words(said: &ErrorDocument) -> String {
    format!("{} {}", said.error_description, said.summary).to_lowercase()
}

fn token_meaning(
    said: &ErrorDocument,
    settings: &Settings,
    scope: &str,
) -> (Option<&'static str>, String) {
    let words = words(said);
    let says = |some: &[&str]| some.iter().any(|word| words.contains(word));
    let client = settings.client_id.as_deref().unwrap_or_default();
    match said.error.as_str() {
        "invalid_client" if says(&["private_key_jwt", "authentication method", "client secret"]) => (
            Some("O-AUTHMETHOD"),
            "the app still uses a client secret; General > Client Credentials > Client authentication = Public key / \
             Private key"
                .to_owned(),
        ),
        "invalid_client" if says(&["client_id", "client id"]) => (
            Some("O-CLIENT"),
            format!("the organisation has no app with the client id {client}; is it another organisation's?"),
        ),
        "invalid_client" if says(&["expired", "iat", "'exp'", "future", "not yet valid"]) => (
            Some("O-CLOCK"),
            "Okta refuses the request as made at another time; set this server's clock right (NTP)".to_owned(),
        ),
        "invalid_client" if says(&["audience", "'aud'"]) => (
            Some("O-AUD"),
            format!(
                "the token endpoint goes by another address than {}; set `url` to the address under which the app \
                 was made (custom domain or okta.com)",
                settings.url
            ),
        ),
        "invalid_client" if says(&["signature", "kid", "key"]) => (
            Some("O-KEY"),
            "the public key is not registered with the app, or is inactive; General > Client Credentials > Add key: \
             paste the public JWK, and set it active"
                .to_owned(),
        ),
        "invalid_client" => {
            (Some("O-CLIENT"), format!("Okta does not accept the app {client} with this key"))
        }
        "unauthorized_client" | "unsupported_grant_type" => (
            Some("O-APPTYPE"),
            "the app is of the wrong type; make one with Create App Integration > API Services".to_owned(),
        ),
        "invalid_scope" => (
            Some("O-SCOPE"),
            format!("a scope is not granted; Okta API Scopes > Grant: {}", scope.replace(' ', ", ")),
        ),
        "invalid_dpop_proof" if says(&["iat", "expired", "future", "time"]) => (
            Some("O-CLOCK"),
            "Okta refuses the proof of possession as made at another time; set this server's clock right (NTP)"
                .to_owned(),
        ),
        "invalid_dpop_proof" | "use_dpop_nonce" => (
            Some("O-DPOP"),
            "the app demands proof of possession (DPoP) and does not accept ours; General Settings: untick \"Require \
             Demonstrating Proof of Possession (DPoP) header in token requests\""
                .to_owned(),
        ),
        "access_denied" => (
            Some("O-ZONE"),
            "a policy of the organisation keeps this server out; is the app limited to a network zone?".to_owned(),
        ),
        _ if said.code == "E0000013" => (
            Some("O-CLIENT"),
            format!("the organisation has no app with the client id {client}"),
        ),
        _ if said.code == "E0000015" => (Some("O-FEATURE"), feature()),
        _ => (None, "Okta refused the request for a token".to_owned()),
    }
}

/// What a failed request to the API means; `what` says what was being read.
pub(super) fn api(
    answer: &Answer,
    what: &str,
    continued: bool,
    settings: &Settings,
    now: Millis,
) -> Setback {
    if let Some(setback) = throttled(answer, now) {
        return setback;
    }
    let pause = answer.retry_after(now);
    let status = answer.status.as_u16();
    let said = ErrorDocument::read(answer);
    let challenge = answer.headers.get("www-authenticate").and_then(|text| text.to_str().ok());
    // What is wrong with an access token stands in a header, beside an empty body.
    let challenged = challenge.is_some_and(|text| text.contains("error=\""));
    let known = challenged || !said.code.is_empty() || !said.error.is_empty();
    let strange = redirected(answer, "Okta", "url")
        .or_else(|| (status != 407 && !known).then(|| not_json(answer, "Okta")).flatten());
    if let Some(error) = strange {
        return Setback::Failed(error.during(what), pause);
    }
    if status == 404 && !known {
        return Setback::Failed(unsaid("Okta", what), pause);
    }
    let lacks_scope = said.error == "insufficient_scope"
        || challenge.is_some_and(|text| text.contains("insufficient_scope"));
    let (kind, code, text) = api_meaning(status, lacks_scope, continued, &said, settings);
    let details = format!("{status} {}", said.details());
    let error = ConnectError::new(kind, code, text).saying(details).during(what);
    if status == 401 && code == Some("O-TOKEN") {
        Setback::Unauthorised(error)
    } else {
        Setback::Failed(error, pause)
    }
}

/// The status that Okta's error document means by its code, where this is one; it can come with another status.
pub(super) fn meant(said: &Value) -> Option<StatusCode> {
    let oauth = said.get("error").is_some_and(Value::is_string);
    let code = said.get("errorCode").and_then(Value::as_str).or(oauth.then_some(""))?;
    Some(match code {
        "E0000047" => StatusCode::TOO_MANY_REQUESTS,
        "E0000004" | "E0000005" | "E0000011" | "E0000015" => StatusCode::UNAUTHORIZED,
        "E0000006" => StatusCode::FORBIDDEN,
        "E0000007" | "E0000008" | "E0000048" => StatusCode::NOT_FOUND,
        "E0000001" | "E0000003" | "E0000031" | "E0000053" => StatusCode::BAD_REQUEST,
        // What is not known is tried again, as any failure of a server.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    })
}

fn api_meaning(
    status: u16,
    lacks_scope: bool,
    continued: bool,
    said: &ErrorDocument,
    settings: &Settings,
) -> (Kind, Option<&'static str>, String) {
    let refused = |code, text: String| (Kind::Refused, Some(code), text);
    match (status, said.code.as_str()) {
        (400, _) if continued => {
            (Kind::PageExpired, None, "the position in the list has expired".to_owned())
        }
        (_, "E0000015") => refused("O-FEATURE", feature()),
        (401 | 403, "E0000004" | "E0000005") => refused(
            "O-ZONE",
            "Okta does not let this server in; is the token or the app limited to a network zone? Security > Networks, \
             or Security > API > Tokens"
                .to_owned(),
        ),
        (401, _) => refused(
            "O-TOKEN",
            if settings.client_id.is_some() {
                "Okta refused a fresh token; check this server's clock, and whether the app is still active"
            } else {
                "the API token is not valid: wrong, revoked, its maker was deactivated, or unused for 30 days; \
                 Security > API > Tokens makes a new one"
            }
            .to_owned(),
        ),
        (403, _) if lacks_scope => refused(
            "O-INSUFF",
            format!("the token lacks a scope; Okta API Scopes > Grant: {}", SCOPES.replace(' ', ", ")),
        ),
        (403, _) => refused(
            "O-ROLE",
            if settings.client_id.is_some() {
                "the app has no admin role that may read this; Admin roles > Edit assignments > Read-only Administrator"
            } else {
                "the API token's maker may not read this, or the token is limited to a network zone; give its maker \
                 the role Read-only Administrator"
            }
            .to_owned(),
        ),
        (404, "E0000008") => {
            let error = no_organisation(settings);
            (Kind::Refused, Some("O-URL"), error.to_string())
        }
        (404, _) => (Kind::NotFound, None, "Okta has no such object".to_owned()),
        (407, _) => refused(
            "N-PROXY",
            "the outbound proxy refused; check its credentials and allow-list".to_owned(),
        ),
        (500.., _) => {
            let (code, text) = trouble(said);
            (Kind::Temporary, Some(code), text.to_owned())
        }
        _ => (Kind::Protocol, None, "Okta refused the request".to_owned()),
    }
}

/// There is nothing of Okta's at the address.
pub(super) fn no_organisation(settings: &Settings) -> ConnectError {
    let text = format!(
        "there is no Okta organisation at {}; the setting `url` is its address without -admin and without a path, such \
         as https://example.okta.com",
        settings.url
    );
    ConnectError::new(Kind::Refused, "O-URL", text)
}

/// What a server error means.
fn trouble(said: &ErrorDocument) -> (&'static str, &'static str) {
    if said.code == "E0000010" {
        ("O-MAINT", "Okta is in read-only mode for maintenance; it is tried again")
    } else {
        ("N-5XX", "Okta has a temporary problem; it is tried again")
    }
}

fn server_error(said: &ErrorDocument) -> ConnectError {
    let (code, text) = trouble(said);
    ConnectError::new(Kind::Temporary, code, format!("{text} ({})", said.details()))
}

fn feature() -> String {
    "the organisation does not have a feature that reading needs; ask Okta".to_owned()
}

/// Whether an answer asks to slow down: until the limit is reset, or a moment after too many at one time.
fn throttled(answer: &Answer, now: Millis) -> Option<Setback> {
    if answer.status.as_u16() != 429 {
        return None;
    }
    let number = |name: &str| answer.headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    if crowded(answer) {
        return Some(Setback::Throttled(Some(CROWDED)));
    }
    let vendor_now = answer.date().unwrap_or(now);
    let reset = number("x-rate-limit-reset").map(|seconds| {
        let pause = Millis(seconds.saturating_mul(1_000)).since(vendor_now) + 1_000;
        Duration::from_millis(pause.clamp(0, RESET_MAX_MS).unsigned_abs())
    });
    Some(Setback::Throttled(reset.or_else(|| answer.retry_after(now))))
}

/// Whether an answer says that there are too many requests at one time, rather than in a minute.
pub(super) fn crowded(answer: &Answer) -> bool {
    answer.status.as_u16() == 429
        && answer.headers.get("x-rate-limit-limit").is_some_and(|limit| limit.as_bytes() == b"0")
}

/// What it means that requests are refused for their number, however long we wait.
pub(super) fn worn_out(error: ConnectError, crowded: bool) -> ConnectError {
    if error.code() != Some("N-429") {
        return error;
    }
    if crowded {
        let text = "Okta goes on refusing requests as too many at one time; the next run tries again; what else asks this \
                    organisation, and how much at once?";
        return ConnectError::new(error.kind, "O-CONC", text);
    }
    let text = "Okta's rate limit stays used up; the next run tries again; a higher limit helps (the app's or the token's \
                tab Rate limits), or a longer interval between runs";
    ConnectError::new(error.kind, "O-RATE", text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use reqwest::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    };

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        Answer {
            status,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
            latency: Duration::ZERO,
        }
    }

    fn settings() -> Settings {
        let pairs = [("url", "https://example.okta.com"), ("client_id", "0oa1")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Settings::read(&BTreeMap::from(pairs)).unwrap()
    }

    fn code(setback: Setback) -> String {
        match setback {
            Setback::Failed(error, _) => error.code().unwrap_or("none").to_owned(),
            Setback::Unauthorised(error) => format!("401 {}", error.code().unwrap_or("none")),
            Setback::Throttled(pause) => format!("wait {}", pause.map_or(0, |p| p.as_secs())),
        }
    }

    #[test]
    fn refused_tokens_are_told_apart() {
        let of = |status, error: &str, description: &str| {
            let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
            code(token(&answer(status, &[], &body), &settings(), SCOPES, Millis(0)))
        };
        let client = |description| of(401, "invalid_client", description);
        assert_eq!(client("Invalid value for 'client_id' parameter."), "O-CLIENT");
        assert_eq!(client("The client_assertion signature is invalid."), "O-KEY");
        assert_eq!(client("The kid is invalid."), "O-KEY");
        assert_eq!(client("The client_assertion token is expired."), "O-CLOCK");
        assert_eq!(client("The audience claim must be the endpoint."), "O-AUD");
        assert_eq!(client("The client must use private_key_jwt."), "O-AUTHMETHOD");
        assert_eq!(of(400, "unauthorized_client", ""), "O-APPTYPE");
        assert_eq!(of(400, "invalid_scope", ""), "O-SCOPE");
        assert_eq!(of(400, "invalid_dpop_proof", "x"), "O-DPOP");
        let body = r#"{"errorCode":"E0000008","errorSummary":"x"}"#;
        assert_eq!(code(token(&answer(404, &[], body), &settings(), SCOPES, Millis(0))), "O-URL");
        let page = answer(404, &[], "<html>");
        assert_eq!(code(token(&page, &settings(), SCOPES, Millis(0))), "O-URL");
    }

    #[test]
    fn answers_of_the_api_are_told_apart() {
        let of = |status, code_: &str| {
            let body = format!(r#"{{"errorCode":"{code_}","errorSummary":"x"}}"#);
            code(api(&answer(status, &[], &body), "users", false, &settings(), Millis(0)))
        };
        assert_eq!(of(401, "E0000011"), "401 O-TOKEN");
        assert_eq!(of(401, "E0000004"), "O-ZONE");
        assert_eq!(of(401, "E0000015"), "O-FEATURE");
        assert_eq!(of(403, "E0000006"), "O-ROLE");
        assert_eq!(of(404, "E0000008"), "O-URL");
        assert_eq!(of(404, "E0000007"), "none");
        assert_eq!(of(503, "E0000010"), "O-MAINT");
        assert_eq!(of(500, "E0000009"), "N-5XX");
        let scope = [("www-authenticate", r#"Bearer error="insufficient_scope""#)];
        let lacking = answer(403, &scope, r#"{"errorCode":"E0000006"}"#);
        assert_eq!(code(api(&lacking, "x", false, &settings(), Millis(0))), "O-INSUFF");
        let expired = [("www-authenticate", r#"DPoP error="invalid_token""#)];
        let expired = answer(401, &expired, "");
        assert_eq!(code(api(&expired, "x", false, &settings(), Millis(0))), "401 O-TOKEN");
        assert_eq!(
            code(api(&answer(404, &[], "<html>"), "x", false, &settings(), Millis(0))),
            "N-HTML"
        );
    }

    #[test]
    fn the_pause_ends_when_the_limit_is_reset() {
        let at = Millis(1_700_000_000_000);
        let of = |headers: &[(&'static str, &'static str)]| {
            code(api(&answer(429, headers, "{}"), "x", false, &settings(), at))
        };
        assert_eq!(
            of(&[("x-rate-limit-limit", "600"), ("x-rate-limit-reset", "1700000030")]),
            "wait 31"
        );
        assert_eq!(
            of(&[("x-rate-limit-limit", "0"), ("x-rate-limit-reset", "1700000030")]),
            "wait 2"
        );
        assert_eq!(of(&[("retry-after", "7")]), "wait 7");
    }
}
