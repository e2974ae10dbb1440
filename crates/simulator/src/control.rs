//! The control API: what is true, edits, faults, expiry, consent, clock, lag and counters (`DESIGN.md`
//! section 8 and 10.16).
//!
//! Invariants: only this machine may call it; an edit is effective at once and shows through the vendor's
//! API as the vendor would show it; a refused request changes nothing and says what is wrong with it.

mod edit;
mod truth;

use std::net::SocketAddr;

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
    Providers,
    faults::FaultSpec,
    provider::{Controlled, Expiring, Granted, Simulated},
    world::World,
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

pub(crate) fn router(providers: Providers) -> Router {
    Router::new()
        .route("/__sim/{provider}/{*path}", axum::routing::any(handle))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(providers)
}

async fn handle(
    State(providers): State<Providers>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((provider, path)): Path<(String, String)>,
    method: Method,
    body: Bytes,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        let text = "the control API answers to this machine only".to_owned();
        return Refused(StatusCode::FORBIDDEN, text).into_response();
    }
    let found = providers.iter().find(|running| running.provider().name() == provider);
    let Some(found) = found else {
        let names: Vec<&str> = providers.iter().map(|running| running.provider().name()).collect();
        let text = format!(
            "there is no simulated provider {provider:?}; this simulator has {}",
            names.join(", ")
        );
        return Refused(StatusCode::NOT_FOUND, text).into_response();
    };
    if (&method, path.as_str()) == (&Method::GET, "truth") {
        let body = truth::document(&found.world().read());
        return ([("content-type", "application/json")], body).into_response();
    }
    let webhooks = &found.world().webhooks;
    if (&method, path.as_str()) == (&Method::POST, "webhooks/flush") {
        webhooks.flushed().await;
        return Json(webhooks.report()).into_response();
    }
    match control(&**found, &method, &path, &body) {
        Ok((status, document)) => {
            if method != Method::GET {
                webhooks.changed();
            }
            (status, Json(document)).into_response()
        }
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
#[serde(deny_unknown_fields)]
struct Consent {
    what: Granted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(default)]
    advance_s: u32,
    /// How far the provider's wall clock is ahead from now on.
    skew_s: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct LagSpec {
    list_ms: u32,
    delta_ms: u32,
}

fn control(provider: &dyn Simulated, method: &Method, path: &str, body: &[u8]) -> Answer {
    let world = provider.world();
    let segments: Vec<&str> = path.split('/').collect();
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["faults"]) => {
            let faults: Vec<Value> = world
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
                world.faults.add(specs, world.seed).map_err(|error| bad(error.to_string()))?;
            Ok((StatusCode::OK, json!({"armed": armed})))
        }
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            done()
        }
        (_, ["odd", id @ ..]) if id.len() <= 1 => odd(world, method, id.first().copied(), body),
        ("GET", ["counters"]) => {
            let report = serde_json::to_value(world.counters.report())
                .map_err(|error| bad(error.to_string()))?;
            Ok((StatusCode::OK, report))
        }
        ("DELETE", ["counters"]) => {
            world.counters.reset();
            done()
        }
        ("POST", ["expire"]) => {
            provider.expire(parsed::<Expire>(body)?.what);
            done()
        }
        ("POST", [verb @ ("revoke" | "grant")]) => {
            let what = parsed::<Consent>(body)?.what;
            if !provider.set_granted(what, *verb == "grant") {
                let name = provider.provider().name();
                return Err(bad(format!("{name} has nothing of that kind")));
            }
            done()
        }
        ("POST", ["clock"]) => {
            let time: Advance = parsed(body)?;
            world.clock.advance(time.advance_s);
            if let Some(skew_s) = time.skew_s {
                world.clock.set_skew(skew_s);
            }
            world.write().purge(world.clock.now_ms());
            Ok((StatusCode::OK, json!({"now_ms": world.clock.now_ms()})))
        }
        ("POST", ["lag"]) => {
            let lag: LagSpec = parsed(body)?;
            world.write().lag.set(i64::from(lag.list_ms), i64::from(lag.delta_ms));
            done()
        }
        ("POST", ["batch"]) => edit::batch(world, parsed(body)?),
        (_, ["webhooks"]) => webhooks(provider, method, body),
        _ => {
            if let Some(done) = provider.own_control(method.as_str(), &segments, body) {
                return own(done);
            }
            edit::one(&mut world.write(), world.clock.now_ms(), (method.as_str(), &segments), body)
        }
    }
}

/// What is odd on the wire: everything, or one object.
fn odd(world: &World, method: &Method, id: Option<&str>, body: &[u8]) -> Answer {
    match (method.as_str(), id) {
        ("GET", None) => Ok((StatusCode::OK, json!(world.odd.list()))),
        ("POST", None) => {
            let odd = world.make_odd(parsed(body)?).map_err(|error| bad(error.to_string()))?;
            Ok((StatusCode::OK, json!({"odd": odd})))
        }
        ("DELETE", id) => {
            world.end_odd(id);
            done()
        }
        _ => Err(Refused(StatusCode::NOT_FOUND, format!("there is no {method} of that"))),
    }
}

/// The answer to a request that only one provider has.
fn own(done: Controlled) -> Answer {
    let wrong = |(status, text)| {
        Refused(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), text)
    };
    done.map(|document| (StatusCode::OK, document)).map_err(wrong)
}

/// How word of changes is delivered, and what came of it.
fn webhooks(provider: &dyn Simulated, method: &Method, body: &[u8]) -> Answer {
    let webhooks = &provider.world().webhooks;
    match method.as_str() {
        "GET" => {
            let mut report = webhooks.report();
            report["registered"] = provider.registered();
            Ok((StatusCode::OK, report))
        }
        "POST" => {
            webhooks.set_manner(parsed(body)?).map_err(bad)?;
            done()
        }
        "DELETE" => {
            webhooks.reset();
            done()
        }
        _ => Err(Refused(StatusCode::NOT_FOUND, format!("there is no {method} webhooks"))),
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
