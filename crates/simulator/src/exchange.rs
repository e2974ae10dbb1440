//! From an HTTP request to an answer of a provider: body limit, latency, faults, compression, counting.
//!
//! Invariant: what a fault does to the connection happens here and only here; the providers compute plain replies and
//! never wait.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};

use crate::chance::{draw, hash_bytes};
use crate::clock::http_date;
use crate::counters::Violation;
use crate::faults::{FaultKind, Picked};
use crate::provider::Simulated;
use crate::server::{Abort, Encrypted};
use crate::webhook::Heard;

/// Largest request body.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Bodies from this size on are compressed when the client allows it.
const GZIP_BYTES_MIN: usize = 1024;
/// Time for the part of a body that a cut leaves to go out.
const FLUSH: Duration = Duration::from_millis(20);
/// How long a hanging request hangs.
const HANG: Duration = Duration::from_mins(2);
/// The route under which replies of faults are counted.
const FAULT_ROUTE: &str = "(fault)";

/// One request, read.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Which host of the provider was asked: one of [`Simulated::hosts`].
    pub(crate) prefix: &'static str,
    /// Below the host's prefix, decoded, with its leading slash.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// Path and query from the root, as sent: what faults match.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Scheme and host as the client named them.
    pub(crate) origin: String,
    /// The origin and the prefix.
    pub(crate) base: String,
    /// Host and port as the client named them.
    pub(crate) host: String,
    pub(crate) picked: Picked,
    /// What was answered to the calls that [`Simulated::shakes`] names, in their order.
    pub(crate) heard: Vec<Heard>,
}

impl Call {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// An option of the query.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(option, _)| option == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What tells this request from others when it is asked again.
    pub(crate) fn fingerprint(&self) -> u64 {
        hash_bytes(format!("{} {}", self.method, self.target).as_bytes())
    }
}

/// One answer, before it meets the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The route's template, for counting.
    pub(crate) route: &'static str,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Whether the vendor refused the request for the number of requests.
    pub(crate) throttled: bool,
}

impl Reply {
    /// 200 with bytes of that type.
    pub(crate) fn new(route: &'static str, content_type: &'static str, body: Vec<u8>) -> Self {
        let content_type = Cow::Borrowed(content_type);
        Self { status: 200, route, content_type, body, headers: Vec::new(), throttled: false }
    }

    /// 200 with JSON.
    pub(crate) fn json(route: &'static str, body: &serde_json::Value) -> Self {
        Self::new(route, "application/json; charset=utf-8", body.to_string().into_bytes())
    }

    /// A page for people.
    pub(crate) fn html(status: u16, route: &'static str, body: &str) -> Self {
        Self { status, ..Self::new(route, "text/html; charset=utf-8", body.into()) }
    }

    /// The same reply with a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Answers one request of a client.
pub(crate) async fn serve(
    provider: Arc<dyn Simulated>,
    prefix: &'static str,
    request: Request<Body>,
) -> Response<Body> {
    let world = provider.world();
    let _in_flight = world.counters.enter();
    let Some(mut call) = read_call(prefix, request).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    if call.header("user-agent").is_none() {
        world.counters.violation(Violation::MissingUserAgent);
    }
    call.picked = world.faults.pick(&call.target);
    let wait = world.latency() + Duration::from_millis(call.picked.delay_ms);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    world.counters.arrives(call.fingerprint(), world.clock.now_ms());
    if call.picked.has(FaultKind::Hang) {
        world.counters.faulted();
        tokio::time::sleep(HANG).await;
        return Abort::response();
    }
    if call.picked.has(FaultKind::Reset) {
        world.counters.faulted();
        return Abort::response();
    }
    for message in provider.shakes(&call) {
        call.heard.push(world.webhooks.ask(&message).await);
    }
    let reply = answer(&*provider, &call);
    world.counters.answered(&call.method, &reply);
    send(&*provider, reply, &call)
}

/// The provider's reply, or that of a fault in its place.
fn answer(provider: &dyn Simulated, call: &Call) -> Reply {
    if let Some(reply) = replaced(provider, call) {
        provider.world().counters.faulted();
        return reply;
    }
    let mut reply = provider.answer(call);
    bend(provider, &mut reply, call);
    if call.picked.has(FaultKind::InvalidJson) {
        provider.world().counters.faulted();
        spoil(&mut reply.body);
    }
    if call.picked.has(FaultKind::ByteOrderMark) {
        provider.world().counters.faulted();
        reply.body.splice(0..0, *b"\xef\xbb\xbf");
    }
    reply
}

/// Puts into a true answer what is odd about the objects in it.
pub(crate) fn bend(provider: &dyn Simulated, reply: &mut Reply, call: &Call) {
    if reply.status == 200 && reply.content_type.contains("json") {
        provider.world().odd.bend(&call.target, &mut reply.body);
    }
}

/// The reply that a fault puts in the place of the true one.
pub(crate) fn replaced(provider: &dyn Simulated, call: &Call) -> Option<Reply> {
    let world = provider.world();
    if call.picked.has(FaultKind::Status) {
        let (status, retry_after_s) = call.picked.status;
        // That one is never the vendor's own.
        let mut reply = if status == 407 {
            let page =
                "<!DOCTYPE html><html><body><h1>Proxy Authentication Required</h1></body></html>";
            let challenge = "Basic realm=\"proxy\"".to_owned();
            Reply::html(status, FAULT_ROUTE, page).with_header("proxy-authenticate", challenge)
        } else {
            provider.failed(call, status)
        };
        reply.route = FAULT_ROUTE;
        if let Some(seconds) = retry_after_s {
            reply = provider.asks_to_wait(reply, call, seconds);
        }
        return Some(reply);
    }
    if call.picked.has(FaultKind::ErrorIn200) {
        let mut reply = provider.failed(call, call.picked.status.0);
        (reply.status, reply.route, reply.headers) = (200, FAULT_ROUTE, Vec::new());
        return Some(reply);
    }
    if call.picked.has(FaultKind::Html) {
        let page = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head>\
                    <body><h1>Please accept the terms of use</h1></body></html>";
        return Some(Reply::html(call.picked.page_status, FAULT_ROUTE, page));
    }
    if call.picked.has(FaultKind::Redirect) {
        let location = format!("{}{}", world.foreign, call.target);
        return Some(Reply::html(302, FAULT_ROUTE, "").with_header("location", location));
    }
    None
}

fn send(provider: &dyn Simulated, reply: Reply, call: &Call) -> Response<Body> {
    let world = provider.world();
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !reply.content_type.is_empty()
        && let Ok(value) = HeaderValue::from_str(&reply.content_type)
    {
        headers.insert("content-type", value);
    }
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            // Some vendors send a header more than once.
            headers.append(*name, value);
        }
    }
    if world.clock.skew_ms() != 0
        && let Ok(date) = HeaderValue::from_str(&http_date(world.clock.wall_ms()))
    {
        headers.insert("date", date);
    }
    let mut body = reply.body;
    if body.len() >= GZIP_BYTES_MIN && provider.compresses(call) {
        body = compressed(&body);
        headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
    }
    if call.picked.has(FaultKind::Truncate) {
        world.counters.faulted();
        let promised = draw(world.seed, 0x7c, call.fingerprint()) & 1 == 0;
        if promised {
            headers.insert("content-length", HeaderValue::from(body.len()));
        }
        body.truncate(body.len() / 2);
        world.counters.sent(body.len() as u64);
        *response.body_mut() = cut_short(body);
        return response;
    }
    world.counters.sent(body.len() as u64);
    *response.body_mut() = Body::from(body);
    response
}

/// A body that ends in a broken connection. The pause lets the part before it reach the client.
fn cut_short(part: Vec<u8>) -> Body {
    let first = stream::once(async { Ok(Bytes::from(part)) });
    let then = stream::once(async {
        tokio::time::sleep(FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(first.chain(then))
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Gzip at the fastest level.
fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

/// Breaks a body as JSON while it keeps looking like it.
fn spoil(body: &mut Vec<u8>) {
    let keep = body.len() * 2 / 3;
    body.truncate(keep);
    body.extend_from_slice(b"\", oops}");
}

async fn read_call(prefix: &'static str, request: Request<Body>) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.ok()?;
    let named = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let named = named.or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
    let name = named.unwrap_or("localhost").to_owned();
    let encrypted = parts.extensions.get::<Encrypted>().is_some()
        || parts.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let origin = format!("{}://{name}", if encrypted { "https" } else { "http" });
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let raw_path = parts.uri.path().strip_prefix(prefix).unwrap_or_default();
    let mut call = Call {
        method: parts.method.as_str().to_owned(),
        prefix,
        path: String::new(),
        query: Vec::new(),
        target,
        base: format!("{origin}{prefix}"),
        origin,
        host: name,
        headers: parts.headers,
        body,
        picked: Picked::default(),
        heard: Vec::new(),
    };
    call.set_address(raw_path, parts.uri.query().unwrap_or_default());
    Some(call)
}

/// A path without its encoding. A plus sign is itself in a path, and a space in a query.
pub(crate) fn decoded_path(path: &str) -> String {
    let path = format!("v={}", path.replace('+', "%2B").replace('&', "%26"));
    let decoded = url::form_urlencoded::parse(path.as_bytes()).next();
    decoded.map(|(_, path)| path.into_owned()).unwrap_or_default()
}

impl Call {
    /// Sets path and query from their encoded forms.
    pub(crate) fn set_address(&mut self, path: &str, query: &str) {
        self.path = decoded_path(path);
        self.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    }

    /// The path, encoded again for a link.
    pub(crate) fn encoded_path(&self) -> String {
        let mut out = String::with_capacity(self.path.len());
        for byte in self.path.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
                b'/' | b'-' | b'.' | b'_' | b'~' | b'$' | b'(' | b')' | b'@' => {
                    out.push(char::from(byte));
                }
                _ => write!(out, "%{byte:02X}").expect("writing to memory does not fail"),
            }
        }
        out
    }
}
