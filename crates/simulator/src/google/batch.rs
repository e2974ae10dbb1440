//! `POST /batch`: up to 1,000 requests in one, in parts of `multipart/mixed`.
//!
//! Invariant: each part is judged, counted and charged on its own; a part without credentials has those of the batch.
//! Faults that replace or bend an answer meet the parts too; those that break connections only the whole.

use std::io::Write as _;

use super::{Google, api_error, error::ApiError};
use crate::{
    chance::draw,
    counters::Violation,
    exchange::{Call, Reply, bend, replaced},
};

const ROUTE: &str = "/batch";
/// Most requests in a batch.
const PARTS_MAX: usize = 1_000;

/// One request of a batch.
struct Part {
    id: Option<String>,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Google {
    /// Answers a batch.
    pub(super) fn batch(&self, call: &Call) -> Reply {
        let Some(parts) = parts(call) else {
            let error = ApiError::malformed("Failed to parse batch request.", "body");
            return api_error(&error, ROUTE);
        };
        if parts.len() > PARTS_MAX {
            self.world.counters.violation(Violation::BatchTooLarge);
            let text = "The batch request has too many calls: the limit is 1000.";
            return api_error(&ApiError::malformed(text, "body"), ROUTE);
        }
        let boundary = format!("batch_{:016x}", draw(self.world.seed, 0xba7c, call.fingerprint()));
        let mut out = Vec::new();
        for part in &parts {
            let reply = self.answer_part(part, call);
            written(write!(out, "--{boundary}\r\nContent-Type: application/http\r\n"));
            if let Some(id) = &part.id {
                // `<id>` is answered as `<response-id>`.
                let id = id.strip_prefix('<').unwrap_or(id);
                written(write!(out, "Content-ID: <response-{id}"));
                out.extend_from_slice(if id.ends_with('>') { b"\r\n" } else { b">\r\n" });
            }
            written(write!(
                out,
                "\r\nHTTP/1.1 {} {}\r\nContent-Type: {}\r\n",
                reply.status,
                reason(reply.status),
                reply.content_type
            ));
            for (name, value) in &reply.headers {
                written(write!(out, "{name}: {value}\r\n"));
            }
            written(write!(out, "Content-Length: {}\r\n\r\n", reply.body.len()));
            out.extend_from_slice(&reply.body);
            out.extend_from_slice(b"\r\n");
        }
        written(write!(out, "--{boundary}--\r\n"));
        let mut reply = Reply::new(ROUTE, "", out);
        reply.content_type = format!("multipart/mixed; boundary={boundary}").into();
        reply
    }

    fn answer_part(&self, part: &Part, outer: &Call) -> Reply {
        let mut call = outer.clone();
        call.method.clone_from(&part.method);
        call.body = part.body.clone().into_bytes().into();
        for name in ["authorization", "if-none-match"] {
            call.headers.remove(name);
        }
        for (name, value) in &part.headers {
            if let (Ok(name), Ok(value)) = (
                axum::http::HeaderName::try_from(name.as_str()),
                axum::http::HeaderValue::try_from(value.as_str()),
            ) {
                call.headers.insert(name, value);
            }
        }
        // A part may name a whole address; only its path counts. Behind a prefix the prefix may be there or not.
        let target = part
            .target
            .split_once("://")
            .map_or(part.target.as_str(), |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
        let target = target.strip_prefix(outer.prefix).unwrap_or(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        call.set_address(path, query);
        call.target = format!("{}{target}", outer.prefix);
        call.picked = self.world.faults.pick(&call.target);
        self.world.counters.arrives(call.fingerprint(), self.world.clock.now_ms());
        let reply = if let Some(reply) = replaced(self, &call) {
            self.world.counters.faulted();
            reply
        } else {
            let mut reply = self.answer_one(&call, Some(outer));
            bend(self, &mut reply, &call);
            reply
        };
        self.world.counters.answered(&call.method, &reply);
        reply
    }
}

/// The parts of a batch, if its body can be read.
fn parts(call: &Call) -> Option<Vec<Part>> {
    let kind = call.header("content-type").filter(|kind| kind.starts_with("multipart/mixed"))?;
    let boundary = kind.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let body = std::str::from_utf8(&call.body).ok()?.replace("\r\n", "\n");
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body.split(delimiter.as_str());
    rest.next()?;
    for piece in rest {
        if piece.starts_with("--") {
            return Some(parts);
        }
        parts.push(part(piece.trim_start_matches('\n'))?);
    }
    None
}

fn part(text: &str) -> Option<Part> {
    let (outer, request) = text.split_once("\n\n")?;
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.trim_start().lines();
    let mut line = lines.next()?.split(' ');
    let (method, target) = (line.next()?.to_owned(), line.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    let id = outer.lines().filter_map(header).find(|(name, _)| name == "content-id");
    let headers = lines.filter_map(header).collect();
    let body = body.trim_end().to_owned();
    Some(Part { id: id.map(|(_, id)| id), method, target, headers, body })
}

/// Writing to memory does not fail.
fn written(result: std::io::Result<()>) {
    result.expect("writing to memory does not fail");
}

fn reason(status: u16) -> &'static str {
    let status = axum::http::StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}
