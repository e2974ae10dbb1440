//! `POST /$batch`: up to 20 requests in one, each judged, charged and throttled on its own.
//!
//! Invariant: the order of the responses is shuffled by the seed; a request whose predecessor failed gets 424. Faults
//! that replace or bend an answer meet the inner requests too; those that break connections only the outer one.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Entra;
use super::check::read_body;
use super::error::GraphError;
use super::token::Claims;
use crate::chance::{below, draw};
use crate::counters::Violation;
use crate::exchange::{Call, Reply, bend, replaced};

/// Most requests in a batch.
const BATCH_MAX: usize = 20;

#[derive(Deserialize)]
struct BatchBody<'a> {
    #[serde(borrow)]
    requests: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: Option<std::collections::BTreeMap<String, String>>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
    #[serde(default, rename = "dependsOn")]
    depends_on: Option<Vec<String>>,
}

impl Entra {
    /// Answers a batch.
    pub(super) fn batch(&self, call: &Call, claims: &Arc<Claims>) -> Result<Vec<u8>, GraphError> {
        let body: BatchBody<'_> = read_body(call)?;
        if body.requests.len() > BATCH_MAX {
            self.world.counters.violation(Violation::BatchTooLarge);
            return Err(GraphError::new(
                400,
                "BadRequest",
                format!("Number of batch request steps exceeds the maximum value of {BATCH_MAX}."),
            ));
        }
        let mut answers: Vec<(String, Reply)> = Vec::with_capacity(body.requests.len());
        for item in &body.requests {
            if answers.iter().any(|(id, _)| *id == item.id) {
                return Err(GraphError::new(400, "BadRequest", "Request ids must be unique."));
            }
            let failed = item.depends_on.iter().flatten().any(|wanted| {
                answers
                    .iter()
                    .find(|(id, _)| id == wanted)
                    .is_none_or(|(_, reply)| reply.status >= 400)
            });
            let reply = if failed {
                let error =
                    GraphError::new(424, "FailedDependency", "A request it depends on failed.");
                self.graph_error(&error, call, "(batch)")
            } else {
                self.answer_item(item, call, claims)
            };
            answers.push((item.id.clone(), reply));
        }
        shuffle(&mut answers, draw(self.world.seed, 0xba, call.fingerprint()));
        let mut out = format!(
            "{{\"@odata.context\":\"{}/v1.0/$metadata#microsoft.graph.batchResponse\",\"responses\":[",
            call.base
        )
        .into_bytes();
        for (at, (id, reply)) in answers.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_item(&mut out, id, reply);
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    fn answer_item(&self, item: &Item<'_>, outer: &Call, claims: &Arc<Claims>) -> Reply {
        let mut call = outer.clone();
        call.method.clone_from(&item.method);
        call.body = item.body.map_or_else(Default::default, |body| {
            axum::body::Bytes::copy_from_slice(body.get().as_bytes())
        });
        for name in ["consistencylevel", "prefer"] {
            call.headers.remove(name);
        }
        for (name, value) in item.headers.iter().flatten() {
            if let (Ok(name), Ok(value)) = (
                axum::http::HeaderName::try_from(name.as_str()),
                axum::http::HeaderValue::try_from(value.as_str()),
            ) {
                call.headers.insert(name, value);
            }
        }
        let url = format!("/v1.0/{}", item.url.trim_start_matches('/'));
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        call.set_address(path, query);
        call.target = format!("/entra/graph{url}");
        call.picked = self.world.faults.pick(&call.target);
        self.world.counters.arrives(call.fingerprint(), self.world.clock.now_ms());
        let reply = match replaced(self, &call) {
            _ if item.url.contains("$batch") => self.graph_error(
                &GraphError::bad_request("A batch cannot hold a batch."),
                &call,
                "(batch)",
            ),
            Some(reply) => {
                self.world.counters.faulted();
                reply
            }
            None => {
                let mut reply = self.answer_as(&call, claims);
                bend(self, &mut reply, &call);
                reply
            }
        };
        self.world.counters.answered(&call.method, &reply);
        reply
    }
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], seed: u64) {
    for at in (1..items.len()).rev() {
        items.swap(at, below(draw(seed, 0x5f, at as u64), at as u64 + 1) as usize);
    }
}

fn write_item(out: &mut Vec<u8>, id: &str, reply: &Reply) {
    let mut headers = serde_json::Map::new();
    headers.insert("Content-Type".to_owned(), "application/json".into());
    for (name, value) in &reply.headers {
        let name = match *name {
            "retry-after" => "Retry-After",
            "location" => "Location",
            name => name,
        };
        headers.insert(name.to_owned(), value.as_str().into());
    }
    let head = serde_json::json!({ "id": id, "status": reply.status, "headers": headers });
    let head = head.to_string();
    out.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    out.extend_from_slice(b",\"body\":");
    if reply.content_type.starts_with("application/json") {
        out.extend_from_slice(&reply.body);
    } else {
        crate::json::push_text(out, &String::from_utf8_lossy(&reply.body));
    }
    out.push(b'}');
}
