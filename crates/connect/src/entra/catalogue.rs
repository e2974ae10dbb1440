//! Errors of the login host and of Graph in the words of the catalogue (`protocols/providers.md` D0, D1).
//!
//! Invariant: branches on status and the vendor's codes only; the vendor's own words are shown at the end,
//! shortened, and never a body as a whole.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::wire::{ErrorBody, ErrorDocument};
use crate::{
    error::{ConnectError, Kind},
    garbled::{not_json, redirected, shortened, unsaid},
    http::{Answer, Setback},
    odd::loosely,
};

/// The login host's error document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoginError {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
    correlation_id: Option<String>,
}

impl LoginError {
    /// Empty if the answer is no such document.
    pub(super) fn read(answer: &Answer) -> Self {
        loosely(&answer.body)
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.error.is_empty() && self.code().is_none()
    }

    /// The vendor's number, the `nnn` of `AADSTSnnn`.
    pub(super) fn code(&self) -> Option<u32> {
        self.error_codes.first().copied().or_else(|| aadsts(&self.error_description))
    }

    /// Whether it asks to slow down.
    pub(super) fn asks_to_wait(&self) -> bool {
        self.code().is_some_and(|code| LOGIN_THROTTLED.contains(&code))
    }

    /// Whether it passes by itself.
    pub(super) fn is_temporary(&self) -> bool {
        self.code().is_some_and(|code| LOGIN_TEMPORARY.contains(&code))
            || ["temporarily_unavailable", "server_error"].contains(&self.error.as_str())
    }

    /// The number and the id by which the vendor finds the request again.
    pub(super) fn details(&self) -> String {
        let code =
            self.code().map_or_else(|| shortened(&self.error), |code| format!("AADSTS{code}"));
        match &self.correlation_id {
            Some(id) => format!("{code}, correlation id {}", shortened(id)),
            None => code,
        }
    }
}

/// Known codes of the login host: code, catalogue entry, what to say and do.
const LOGIN: [(u32, &str, &str); 27] = [
    (
        90_002,
        "E-TENANT",
        "the tenant does not exist in this cloud; copy the Directory (tenant) ID from Overview and check the cloud",
    ),
    (
        900_023,
        "E-TENANT-FMT",
        "that is not a tenant ID or domain; use a GUID or contoso.onmicrosoft.com",
    ),
    (
        50_059,
        "E-TENANT",
        "nothing tells the tenant; copy the Directory (tenant) ID from Overview and check the cloud",
    ),
    (50_194, "E-TENANT-FMT", "name your own tenant, by its ID or a verified domain"),
    (9_001_023, "E-TENANT-FMT", "name your own tenant, by its ID or a verified domain"),
    (90_038, "E-CLOUD", "this tenant lives in another Microsoft cloud; set `cloud`"),
    (900_382, "E-CLOUD", "this tenant lives in another Microsoft cloud; set `cloud`"),
    (900_432, "E-CLOUD", "this tenant lives in another Microsoft cloud; set `cloud`"),
    (
        500_011,
        "E-CLOUD",
        "the Graph address does not belong to this tenant's cloud; set `cloud`, or `graph` and `authority` together",
    ),
    (
        700_016,
        "E-APP",
        "there is no app with this client ID in that tenant; are IDs swapped, is it another tenant, was the app deleted?",
    ),
    (
        7_000_112,
        "E-APP-OFF",
        "the app is disabled; Enterprise apps > Properties > Enabled for users to sign in = Yes",
    ),
    (
        7_000_215,
        "E-SECRET",
        "the client secret is wrong; often the Secret ID was copied instead of the Value; make a new secret and copy its Value",
    ),
    (7_000_222, "E-SECRET-EXP", "the client secret has expired; make a new one and set a reminder"),
    (7_000_218, "E-SECRET-NONE", "no credential was sent; fill in the secret"),
    (
        700_025,
        "E-PUBLIC",
        "the app is registered as a public client; use the Web platform (confidential client)",
    ),
    (
        700_027,
        "E-CERT",
        "the certificate is not registered with the app, or the wrong key was used; Certificates & secrets > Certificates > \
         Upload certificate: the .cer file that belongs to the key",
    ),
    (
        700_024,
        "E-ASSERT-TIME",
        "the signed request is outside its validity; check this server's clock (NTP)",
    ),
    (70_011, "E-SCOPE", "the scope is wrong; report this"),
    (1_002_012, "E-SCOPE", "the scope is wrong; report this"),
    (
        53_003,
        "E-CA",
        "Conditional Access for workload identities blocks this server; allow its public IP address",
    ),
    (
        530_032,
        "E-CA",
        "Conditional Access for workload identities blocks this server; allow its public IP address",
    ),
    (
        530_035,
        "E-CA",
        "Conditional Access for workload identities blocks this server; allow its public IP address",
    ),
    (
        65_001,
        "E-CONSENT",
        "admin consent is missing; API permissions > Grant admin consent, then wait one or two minutes",
    ),
    (50_012, "E-CERT", UNPROVEN),
    (50_013, "E-CERT", UNPROVEN),
    (50_027, "E-CERT", UNPROVEN),
    (700_023, "E-CERT", UNPROVEN),
];

/// What a signed request is refused with that is not about the certificate as such.
const UNPROVEN: &str = "Microsoft refused the signed request for a token; do `tenant`, `client_id` and `authority` belong \
    together, and is the certificate the one that was uploaded?";

/// Codes of pages that an administrator meets in the browser: code, catalogue entry, what to say and do.
const PAGES: [(u32, &str, &str); 5] = [
    (
        50_011,
        "E-REDIRECT",
        "the redirect URI is not registered; Authentication > Web > add exactly the address that Microsoft names",
    ),
    (90_094, "E-CONSENT-ROLE", POWERLESS),
    (90_093, "E-CONSENT-ROLE", POWERLESS),
    (65_004, "E-CONSENT-CANCEL", CANCELLED),
    (
        65_005,
        "E-CONSENT",
        "the app asks for a permission that it was not given; API permissions > Add a permission",
    ),
];

const POWERLESS: &str =
    "your account may not grant this; a Privileged Role Administrator or Global Administrator must";
const CANCELLED: &str = "the administrator cancelled; press the button again";

/// Codes of the login host that pass by themselves.
const LOGIN_TEMPORARY: [u32; 3] = [90_033, 90_024, 50_033];
/// Codes of the login host that ask to slow down: of the tenant, and of a loop of requests.
const LOGIN_THROTTLED: [u32; 2] = [90_055, 50_196];

/// What a text means that a person met in the browser: a page's, or what the browser brought back.
pub(crate) fn page(text: &str) -> Option<ConnectError> {
    let code = aadsts(text);
    let known = PAGES.iter().chain(&LOGIN).find(|(known, ..)| Some(*known) == code);
    let lower = text.to_lowercase();
    let (entry, say) = match known {
        Some((_, entry, say)) => (*entry, *say),
        None if lower.contains("need admin approval") => ("E-CONSENT-ROLE", POWERLESS),
        None if ["error=permission_denied", "error=access_denied"]
            .iter()
            .any(|s| lower.contains(s)) =>
        {
            ("E-CONSENT-CANCEL", CANCELLED)
        }
        None => return None,
    };
    let details = code.map_or_else(|| shortened(text.trim()), |code| format!("AADSTS{code}"));
    Some(ConnectError::new(Kind::Refused, entry, format!("{say} ({details})")))
}

/// What a failed token request means.
pub(super) fn login(answer: &Answer, now: directory::id::Millis) -> Setback {
    let pause = answer.retry_after(now);
    if answer.status.as_u16() == 429 {
        return Setback::Throttled(pause);
    }
    if let Some(error) = not_json(answer, "the login host") {
        return Setback::Failed(error, pause);
    }
    let document = LoginError::read(answer);
    if document.asks_to_wait() {
        return Setback::Throttled(pause);
    }
    let code = document.code();
    let temporary = answer.status.is_server_error() || document.is_temporary();
    let details = document.details();
    let error = match LOGIN.iter().find(|(known, ..)| Some(*known) == code) {
        _ if temporary => {
            let text =
                format!("the login host has a temporary problem; it is tried again ({details})");
            ConnectError::new(Kind::Temporary, "N-5XX", text)
        }
        Some((_, entry, say)) => {
            ConnectError::new(Kind::Refused, *entry, format!("{say} ({details})"))
        }
        None if document.error == "invalid_tenant" => {
            ConnectError::new(Kind::Refused, "E-TENANT", format!("{} ({details})", LOGIN[0].2))
        }
        None => {
            let text = format!(
                "the login host answered {} to the request for a token ({details})",
                answer.status
            );
            ConnectError::new(Kind::Refused, None, text)
        }
    };
    Setback::Failed(error, pause)
}

/// What a failed request to Graph means; `what` says what was being read.
pub(super) fn graph(answer: &Answer, what: &str, now: directory::id::Millis) -> Setback {
    let pause = answer.retry_after(now);
    let status = answer.status.as_u16();
    let document: ErrorDocument = loosely(&answer.body);
    let ErrorBody { code, message, inner_error } = document.error;
    if status == 429 || (status == 503 && code == "Request_ThrottledTemporarily") {
        return Setback::Throttled(pause);
    }
    if let Some(error) = redirected(answer, "Graph", "graph") {
        return Setback::Failed(error, pause);
    }
    if code.is_empty()
        && let Some(error) = not_json(answer, "Graph")
    {
        return Setback::Failed(error, pause);
    }
    if status == 404 && code.is_empty() {
        return Setback::Failed(unsaid("Graph", what), pause);
    }
    let mut details = format!("{status} {code}: {}", shortened(&message));
    if let Some(id) = inner_error.request_id {
        details = format!("{details}, request-id {}", shortened(&id));
    }
    let (kind, entry, say) = graph_meaning(status, &format!("{code} {message}").to_lowercase());
    let error = ConnectError::new(kind, entry, say).saying(details).during(what);
    if status == 401 { Setback::Unauthorised(error) } else { Setback::Failed(error, pause) }
}

/// The status that Graph's error document means by its code, where this is one; it can come with another status.
pub(super) fn meant(said: &Value) -> Option<StatusCode> {
    let error = said.get("error").filter(|error| error.is_object())?;
    let code = error["code"].as_str().unwrap_or_default().to_lowercase();
    let statuses = [
        ("toomanyrequests", StatusCode::TOO_MANY_REQUESTS),
        ("throttled", StatusCode::TOO_MANY_REQUESTS),
        ("activitylimitreached", StatusCode::TOO_MANY_REQUESTS),
        ("authenticationtoken", StatusCode::UNAUTHORIZED),
        ("unauthenticated", StatusCode::UNAUTHORIZED),
        ("authorization_", StatusCode::FORBIDDEN),
        ("denied", StatusCode::FORBIDDEN),
        ("notfound", StatusCode::NOT_FOUND),
        ("unsupported", StatusCode::BAD_REQUEST),
        ("badrequest", StatusCode::BAD_REQUEST),
        ("expiredpagetoken", StatusCode::BAD_REQUEST),
        ("resyncrequired", StatusCode::GONE),
    ];
    if code == "syncstatenotfound" {
        return Some(StatusCode::GONE);
    }
    let found = statuses.iter().find(|(part, _)| code.contains(part));
    // What is not known is tried again, as any failure of a server.
    Some(found.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status))
}

/// Kind, catalogue entry and words for a status of Graph and the vendor's (lower-case) code and message.
fn graph_meaning(status: u16, said: &str) -> (Kind, Option<&'static str>, &'static str) {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match status {
        401 if says(&["audience"]) => (
            Kind::Refused,
            Some("E-CLOUD"),
            "Graph refused the token as meant for another cloud; set `cloud`",
        ),
        401 => (
            Kind::Refused,
            Some("E-TOKEN"),
            "Graph refused a fresh token; check the cloud setting and this server's clock",
        ),
        403 => (
            Kind::Refused,
            Some("E-CONSENT"),
            "Graph does not allow this: an application permission or its admin consent is missing; API permissions > \
             User.Read.All and GroupMember.Read.All (Application, not Delegated) > Grant admin consent, then wait one \
             or two minutes",
        ),
        404 => (Kind::NotFound, None, "Graph has no such object"),
        410 => (
            Kind::CursorExpired,
            Some("E-RESYNC"),
            "the position in the list of changes has expired",
        ),
        400 if says(&["syncstatenotfound", "resyncrequired"]) => (
            Kind::CursorExpired,
            Some("E-RESYNC"),
            "the position in the list of changes has expired",
        ),
        400 if says(&[
            "expiredpagetoken",
            "pagetokennotfound",
            "badly formed token",
            "invalid token",
        ]) =>
        {
            (Kind::PageExpired, None, "the position in a list has expired")
        }
        400 if says(&["page size", "cannot query data for more than", "$top"]) => {
            (Kind::PageSize, None, "the page is larger than Graph gives")
        }
        400 if says(&["unsupported", "not supported"]) => {
            (Kind::Unsupported, None, "Graph does not have this function for this tenant")
        }
        501 => (Kind::Unsupported, None, "Graph does not have this function for this tenant"),
        500..=599 => (
            Kind::Temporary,
            Some("N-5XX"),
            "Microsoft Graph has a temporary problem; it is tried again",
        ),
        _ => (Kind::Protocol, None, "Graph refused the request"),
    }
}

/// The number in `AADSTS7000215: …`.
fn aadsts(description: &str) -> Option<u32> {
    let rest = description.split_once("AADSTS")?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use directory::id::Millis;
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

    fn failed(setback: Setback) -> ConnectError {
        match setback {
            Setback::Failed(error, _) | Setback::Unauthorised(error) => error,
            Setback::Throttled(_) => panic!("throttled"),
        }
    }

    #[test]
    fn codes_of_the_login_host_are_told_apart() {
        let cases = [
            (
                401,
                r#"{"error":"invalid_client","error_codes":[7000215]}"#,
                Some("E-SECRET"),
                Kind::Refused,
            ),
            (
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000222: x"}"#,
                Some("E-SECRET-EXP"),
                Kind::Refused,
            ),
            (400, r#"{"error":"invalid_tenant"}"#, Some("E-TENANT"), Kind::Refused),
            (
                400,
                r#"{"error":"unauthorized_client","error_codes":[700016]}"#,
                Some("E-APP"),
                Kind::Refused,
            ),
            (
                400,
                r#"{"error":"temporarily_unavailable","error_codes":[90033]}"#,
                Some("N-5XX"),
                Kind::Temporary,
            ),
            (502, "<html>", Some("N-5XX"), Kind::Temporary),
            (200, "<html>", Some("N-HTML"), Kind::Temporary),
            (400, r#"{"error":"new_error"}"#, None, Kind::Refused),
        ];
        for (status, body, code, kind) in cases {
            let error = failed(login(&answer(status, body), Millis(0)));
            assert_eq!((error.code(), error.kind), (code, kind), "{body}");
        }
    }

    #[test]
    fn answers_of_graph_are_told_apart() {
        let body = |code: &str, message: &str| {
            format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
        };
        let cases = [
            (403, body("Authorization_RequestDenied", "x"), Kind::Refused),
            (404, body("Request_ResourceNotFound", "x"), Kind::NotFound),
            (410, body("syncStateNotFound", "x"), Kind::CursorExpired),
            (400, body("syncStateNotFound", "x"), Kind::CursorExpired),
            (400, body("Directory_ExpiredPageToken", "x"), Kind::PageExpired),
            (
                400,
                body("Request_BadRequest", "Cannot query data for more than 120 users at a time."),
                Kind::PageSize,
            ),
            (501, body("NotImplemented", "x"), Kind::Unsupported),
            (504, body("GatewayTimeout", "x"), Kind::Temporary),
            (302, String::new(), Kind::Temporary),
            (404, "<html>".to_owned(), Kind::Temporary),
            (400, body("Request_BadRequest", "x"), Kind::Protocol),
        ];
        for (status, body, kind) in cases {
            assert_eq!(
                failed(graph(&answer(status, &body), "users", Millis(0))).kind,
                kind,
                "{status} {body}"
            );
        }
        assert!(matches!(graph(&answer(429, ""), "users", Millis(0)), Setback::Throttled(None)));
    }
}
