//! The control API: what is true, edits, faults, expiry, consent, clock, lag and counters (`DESIGN.md`
//! section 8 and 10.16).
//!
//! Invariants: only this machine may call it; an edit is effective at once and shows through the vendor's
//! API as the vendor would show it; a refused request changes nothing and says what is wrong with it.

mod edit;
mod truth;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    entra::{Entra, Grant},
    faults::FaultSpec,
};

/// Largest body: a batch of many edits.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A request that was refused.
#[derive(Debug)]
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

/// An answer: status and document.
type Answer = Result<(StatusCode, Value), Refused>;

pub(crate) fn router(entra: Arc<Entra>) -> Router {
    Router::new()
        .route("/__sim/{provider}/{*path}", axum::routing::any(handle))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(entra)
}

async fn handle(
    State(entra): State<Arc<Entra>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((provider, path)): Path<(String, String)>,
    method: Method,
    body: Bytes,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        let text = "the control API answers to this machine only".to_owned();
        return Refused(StatusCode::FORBIDDEN, text).into_response();
    }
    if provider != "entra" {
        let text =
            format!("there is no simulated provider {provider:?}; this simulator has \"entra\"");
        return Refused(StatusCode::NOT_FOUND, text).into_response();
    }
    if (&method, path.as_str()) == (&Method::GET, "truth") {
        let body = truth::document(&entra.read());
        return ([("content-type", "application/json")], body).into_response();
    }
    match control(&entra, &method, &path, &body) {
        Ok((status, document)) => (status, Json(document)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// What expires.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expire {
    what: Expiring,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expiring {
    Tokens,
    Cursors,
    Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    what: Granted,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Granted {
    Consent,
    Scope,
    Role,
    /// `grant` only: the expired secret is good again.
    Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct LagSpec {
    list_ms: u32,
    delta_ms: u32,
}

fn control(entra: &Entra, method: &Method, path: &str, body: &[u8]) -> Answer {
    let segments: Vec<&str> = path.split('/').collect();
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["faults"]) => {
            let faults: Vec<Value> = entra
                .faults
                .list()
                .into_iter()
                .map(|(spec, hits)| json!({"fault": spec, "hits": hits}))
                .collect();
            Ok((StatusCode::OK, Value::Array(faults)))
        }
        ("POST", ["faults"]) => {
            let specs: Vec<FaultSpec> = parsed(body)?;
            let armed =
                entra.faults.add(specs, entra.seed).map_err(|error| bad(error.to_string()))?;
            Ok((StatusCode::OK, json!({"armed": armed})))
        }
        ("DELETE", ["faults"]) => {
            entra.faults.clear();
            done()
        }
        ("GET", ["counters"]) => {
            let report = serde_json::to_value(entra.counters.report())
                .map_err(|error| bad(error.to_string()))?;
            Ok((StatusCode::OK, report))
        }
        ("DELETE", ["counters"]) => {
            entra.counters.reset();
            done()
        }
        ("POST", ["expire"]) => {
            match parsed::<Expire>(body)?.what {
                Expiring::Tokens => entra.app.expire_tokens(),
                Expiring::Cursors => entra.app.expire_cursors(),
                Expiring::Secret => entra.app.set_secret_expired(true),
            }
            done()
        }
        ("POST", [verb @ ("revoke" | "grant")]) => {
            let granted = *verb == "grant";
            match parsed::<Consent>(body)?.what {
                Granted::Consent => entra.app.set_granted(Grant::Consent, granted),
                Granted::Scope => entra.app.set_granted(Grant::Scope, granted),
                Granted::Role => entra.app.set_granted(Grant::Role, granted),
                Granted::Secret => entra.app.set_secret_expired(!granted),
            }
            done()
        }
        ("POST", ["clock"]) => {
            entra.clock.advance(parsed::<Advance>(body)?.advance_s);
            entra.write().purge(entra.clock.now_ms());
            Ok((StatusCode::OK, json!({"now_ms": entra.clock.now_ms()})))
        }
        ("POST", ["lag"]) => {
            let lag: LagSpec = parsed(body)?;
            entra.write().lag.set(i64::from(lag.list_ms), i64::from(lag.delta_ms));
            done()
        }
        ("POST", ["batch"]) => edit::batch(entra, parsed(body)?),
        _ => {
            edit::one(&mut entra.write(), entra.clock.now_ms(), (method.as_str(), &segments), body)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the end of every arm that has nothing to say")]
fn done() -> Answer {
    Ok((StatusCode::OK, json!({})))
}

fn bad(text: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, text.into())
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body cannot be read: {error}")))
}
