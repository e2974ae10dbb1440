//! Where providers call when something changed: `/hooks/NUMBER`, one address for each directory.
//!
//! Invariants: a call only makes the next pull come sooner, and nothing it says is believed; one without the secret
//! that was registered does nothing; what answers a handshake is known beforehand by whoever asks.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::any,
};
use directory::id::DirectoryId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::{app::App, failed_sign_ins::Place, peer::Peer, task::watch::Expected};

/// The largest call: a provider tells of many changes at once.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The longest text that a handshake repeats.
const ECHO_BYTES_MAX: usize = 4096;

/// The parameter of Graph's handshake.
#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "validationToken")]
    validation_token: Option<String>,
}

/// What a call means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing that concerns us.
    Nothing,
    /// It has not the secret that the provider was given.
    Foreign,
    /// Something changed.
    Changed,
    /// The registration is about to end, or has ended.
    Renew,
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/hooks/{directory}", any(called))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

async fn called(
    State(app): State<App>,
    Path(directory): Path<u32>,
    Query(handshake): Query<Handshake>,
    parts: Parts,
    body: Bytes,
) -> Response {
    let directory = DirectoryId(directory);
    let Some(expected) = app.watches.expected(directory) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (method, headers, peer) = (&parts.method, &parts.headers, Peer::of(&parts));
    if let Some(answer) = shaken(&expected, method, headers, handshake.validation_token) {
        return answer;
    }
    if *method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match meaning(&expected, headers, &body) {
        Meaning::Nothing => {}
        Meaning::Foreign => {
            let name = directory.0.to_string();
            app.failed_sign_ins.note(Place::Hook, &name, peer.client, app.clock.now());
        }
        Meaning::Changed => {
            if let Some(keeper) = app.keeper(directory) {
                keeper.hint();
            }
        }
        Meaning::Renew => app.watches.renew(directory),
    }
    // Whoever has the wrong secret learns nothing from the answer.
    match &*expected.provider {
        "entra" => StatusCode::ACCEPTED,
        _ => StatusCode::NO_CONTENT,
    }
    .into_response()
}

/// The answer to a handshake, if it is one.
fn shaken(
    expected: &Expected,
    method: &Method,
    headers: &HeaderMap,
    token: Option<String>,
) -> Option<Response> {
    match &*expected.provider {
        "entra" => {
            let token = token.filter(|token| token.len() <= ECHO_BYTES_MAX)?;
            let plain = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            Some((plain, Body::from(token)).into_response())
        }
        "okta" if method == Method::GET => {
            let challenge = headers.get("x-okta-verification-challenge")?.to_str().ok()?;
            Some(axum::Json(json!({"verification": challenge})).into_response())
        }
        _ => None,
    }
}

fn meaning(expected: &Expected, headers: &HeaderMap, body: &[u8]) -> Meaning {
    let header_is_right = |name: &str| {
        headers.get(name).is_some_and(|given| same(given.as_bytes(), &expected.secret))
    };
    match &*expected.provider {
        "entra" => graph_meaning(expected, body),
        "google" => {
            let state = headers.get("x-goog-resource-state").map(HeaderValue::as_bytes);
            let opened = state == Some(b"sync");
            if opened {
                Meaning::Nothing
            } else if !header_is_right("x-goog-channel-token") {
                Meaning::Foreign
            } else {
                Meaning::Changed
            }
        }
        _ if header_is_right("authorization") => Meaning::Changed,
        _ => Meaning::Foreign,
    }
}

/// Graph sends many notifications in one call, each with the secret.
fn graph_meaning(expected: &Expected, body: &[u8]) -> Meaning {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut meaning = Meaning::Nothing;
    for one in document["value"].as_array().into_iter().flatten() {
        let state = one["clientState"].as_str().unwrap_or_default();
        if !same(state.as_bytes(), &expected.secret) {
            meaning = if meaning == Meaning::Nothing { Meaning::Foreign } else { meaning };
            continue;
        }
        match one["lifecycleEvent"].as_str() {
            Some("reauthorizationRequired" | "subscriptionRemoved") => return Meaning::Renew,
            _ => meaning = Meaning::Changed,
        }
    }
    meaning
}

fn same(given: &[u8], secret: &SecretString) -> bool {
    given.ct_eq(secret.expose_secret().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn expected(provider: &str) -> Expected {
        Expected { provider: Arc::from(provider), secret: SecretString::from("hush") }
    }

    fn of(provider: &str, headers: &[(&'static str, &'static str)], body: &Value) -> Meaning {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
        });
        let body = serde_json::to_vec(body).unwrap();
        meaning(&expected(provider), &headers.collect(), &body)
    }

    #[test]
    fn only_calls_with_the_secret_mean_anything() {
        let graph = |state: &str| json!({"value": [{"clientState": state, "resource": "Users/1"}]});
        assert_eq!(of("entra", &[], &graph("hush")), Meaning::Changed);
        assert_eq!(of("entra", &[], &graph("hash")), Meaning::Foreign);
        assert_eq!(of("entra", &[], &json!({"value": "x"})), Meaning::Nothing);
        let ending =
            json!({"value": [{"clientState": "hush", "lifecycleEvent": "subscriptionRemoved"}]});
        assert_eq!(of("entra", &[], &ending), Meaning::Renew);
        let missed = json!({"value": [{"clientState": "hush", "lifecycleEvent": "missed"}]});
        assert_eq!(of("entra", &[], &missed), Meaning::Changed);
        let token = ("x-goog-channel-token", "hush");
        assert_eq!(
            of("google", &[token, ("x-goog-resource-state", "update")], &Value::Null),
            Meaning::Changed
        );
        assert_eq!(
            of("google", &[token, ("x-goog-resource-state", "sync")], &Value::Null),
            Meaning::Nothing
        );
        assert_eq!(
            of("google", &[("x-goog-resource-state", "update")], &Value::Null),
            Meaning::Foreign
        );
        assert_eq!(of("okta", &[("authorization", "hush")], &Value::Null), Meaning::Changed);
        assert_eq!(of("okta", &[("authorization", "hus")], &Value::Null), Meaning::Foreign);
    }

    #[test]
    fn handshakes_are_answered_as_each_vendor_wants_it() {
        let none = HeaderMap::new();
        let entra = expected("entra");
        let answer = shaken(&entra, &Method::POST, &none, Some("<b>x</b>".to_owned())).unwrap();
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        assert!(shaken(&entra, &Method::POST, &none, Some("x".repeat(5_000))).is_none());
        assert!(shaken(&entra, &Method::POST, &none, None).is_none());
        let okta = expected("okta");
        let challenge = HeaderMap::from_iter([(
            header::HeaderName::from_static("x-okta-verification-challenge"),
            header::HeaderValue::from_static("v"),
        )]);
        assert!(shaken(&okta, &Method::GET, &challenge, None).is_some());
        assert!(shaken(&okta, &Method::POST, &challenge, None).is_none());
        assert!(shaken(&expected("google"), &Method::GET, &challenge, Some("x".into())).is_none());
    }
}
