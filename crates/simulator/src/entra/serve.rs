//! From an HTTP request to an answer of the tenant: body limit, latency, faults, compression, counting.
//!
//! Invariant: what a fault does to the connection happens here and only here; the hosts below compute plain replies and
//! never wait.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};

use super::Entra;
use super::error::GraphError;
use crate::chance::{below, draw, hash_bytes};
use crate::counters::Violation;
use crate::faults::{FaultKind, Picked};
use crate::server::Abort;

/// Largest request body.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Bodies from this size on are compressed when the client allows it.
const GZIP_BYTES_MIN: usize = 1024;
/// Time for the part of a body that a cut leaves to go out.
const FLUSH: Duration = Duration::from_millis(20);
/// How long a hanging request hangs.
const HANG: Duration = Duration::from_mins(2);

/// The two hosts of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// Tokens and discovery.
    Login,
    /// The directory.
    Graph,
}

/// One request, read.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    /// Below the host's prefix, decoded, with its leading slash.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// Path and query from the root, as sent: what faults match.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// `http://host/entra/…`.
    pub(super) base: String,
    /// Host and port as the client named them.
    pub(super) host: String,
    pub(super) picked: Picked,
}

impl Call {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What tells this request from others when it is asked again.
    pub(super) fn fingerprint(&self) -> u64 {
        hash_bytes(format!("{} {}", self.method, self.target).as_bytes())
    }
}

/// One answer, before it meets the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The route's template, for counting.
    pub(super) route: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// 200 with bytes that are JSON.
    pub(super) fn bytes(route: &'static str, body: Vec<u8>) -> Self {
        let content_type = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
        Self { status: 200, route, content_type, body, headers: Vec::new() }
    }

    /// 200 with JSON.
    pub(super) fn json(route: &'static str, body: &serde_json::Value) -> Self {
        let mut reply = Self::bytes(route, body.to_string().into_bytes());
        reply.content_type = "application/json; charset=utf-8";
        reply
    }

    /// A page for people.
    pub(super) fn html(status: u16, route: &'static str, body: &str) -> Self {
        let content_type = "text/html; charset=utf-8";
        Self { status, route, content_type, body: body.into(), headers: Vec::new() }
    }

    /// The same reply with a header.
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Entra {
    /// Answers one request of a client.
    pub(crate) async fn serve(
        self: Arc<Self>,
        host: Host,
        request: Request<Body>,
    ) -> Response<Body> {
        let _in_flight = self.counters.enter();
        let Some(mut call) = read_call(host, request).await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE);
        };
        if call.header("user-agent").is_none() {
            self.counters.violation(Violation::MissingUserAgent);
        }
        call.picked = self.faults.pick(&call.target);
        let wait = self.latency() + Duration::from_millis(call.picked.delay_ms);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        self.counters.arrives(call.fingerprint(), self.clock.now_ms());
        if call.picked.has(FaultKind::Hang) {
            self.counters.faulted();
            tokio::time::sleep(HANG).await;
            return Abort::response();
        }
        if call.picked.has(FaultKind::Reset) {
            self.counters.faulted();
            return Abort::response();
        }
        let reply = self.answer(host, &call);
        self.counters.answered(&call.method, reply.route, reply.status);
        self.send(reply, &call)
    }

    /// The reply of a host, or of a fault in its place.
    fn answer(&self, host: Host, call: &Call) -> Reply {
        if let Some(reply) = self.replaced(host, call) {
            self.counters.faulted();
            return reply;
        }
        let mut reply = match host {
            Host::Login => self.answer_login(call),
            Host::Graph => self.answer_graph(call),
        };
        if call.picked.has(FaultKind::InvalidJson) {
            self.counters.faulted();
            spoil(&mut reply.body);
        }
        reply
    }

    /// The reply that a fault puts in the place of the true one.
    pub(super) fn replaced(&self, host: Host, call: &Call) -> Option<Reply> {
        let route = "(fault)";
        if call.picked.has(FaultKind::Status) {
            let (status, retry_after_s) = call.picked.status;
            let mut reply = match host {
                Host::Login => self.login_status(status, call),
                Host::Graph => self.graph_error(&GraphError::of_status(status), call, route),
            };
            reply.route = route;
            if let Some(seconds) = retry_after_s {
                let now = self.clock.now_ms();
                let until = now + i64::from(seconds) * 1000;
                self.counters.told_to_wait(call.fingerprint(), now, until);
                reply = reply.with_header("retry-after", seconds.to_string());
            }
            return Some(reply);
        }
        if call.picked.has(FaultKind::Html) {
            let page = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head>\
                        <body><h1>Please accept the terms of use</h1></body></html>";
            return Some(Reply::html(200, route, page));
        }
        if call.picked.has(FaultKind::Redirect) {
            let location = format!("{}{}", self.foreign, call.target);
            return Some(Reply::html(302, route, "").with_header("location", location));
        }
        None
    }

    /// How long the vendor thinks: about `latency_ms`, between half and one and a half of it.
    fn latency(&self) -> Duration {
        if self.latency_ms == 0 {
            return Duration::ZERO;
        }
        let number = self.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let word = draw(self.seed, 0x1a7e, number);
        let base = u64::from(self.latency_ms);
        Duration::from_millis(base / 2 + below(word, base + 1))
    }

    fn send(&self, reply: Reply, call: &Call) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(reply.content_type));
        for (name, value) in &reply.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(*name, value);
            }
        }
        let gzip = call.header("accept-encoding").is_some_and(|list| list.contains("gzip"));
        let mut body = reply.body;
        if gzip && body.len() >= GZIP_BYTES_MIN {
            body = compressed(&body);
            headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
        }
        if call.picked.has(FaultKind::Truncate) {
            self.counters.faulted();
            let promised = draw(self.seed, 0x7c, call.fingerprint()) & 1 == 0;
            if promised {
                headers.insert("content-length", HeaderValue::from(body.len()));
            }
            body.truncate(body.len() / 2);
            self.counters.sent(body.len() as u64);
            *response.body_mut() = cut_short(body);
            return response;
        }
        self.counters.sent(body.len() as u64);
        *response.body_mut() = Body::from(body);
        response
    }
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

async fn read_call(host: Host, request: Request<Body>) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.ok()?;
    let named = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let named = named.or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
    let name = named.unwrap_or("localhost").to_owned();
    let prefix = match host {
        Host::Login => "/entra/login",
        Host::Graph => "/entra/graph",
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let raw_path = parts.uri.path().strip_prefix(prefix).unwrap_or_default();
    let mut call = Call {
        method: parts.method.as_str().to_owned(),
        path: String::new(),
        query: Vec::new(),
        target,
        base: format!("http://{name}{prefix}"),
        host: name,
        headers: parts.headers,
        body,
        picked: Picked::default(),
    };
    call.set_address(raw_path, parts.uri.query().unwrap_or_default());
    Some(call)
}

impl Call {
    /// Sets path and query from their encoded forms.
    pub(super) fn set_address(&mut self, path: &str, query: &str) {
        // A plus sign is itself in a path, and a space in a query.
        let path = format!("v={}", path.replace('+', "%2B").replace('&', "%26"));
        let decoded = url::form_urlencoded::parse(path.as_bytes()).next();
        self.path = decoded.map(|(_, path)| path.into_owned()).unwrap_or_default();
        self.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    }

    /// The path, encoded again for a link.
    pub(super) fn encoded_path(&self) -> String {
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
