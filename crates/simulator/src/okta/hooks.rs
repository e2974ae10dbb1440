//! `eventHooks`: registered receivers of events.
//!
//! Invariant: a hook must be verified before anything is delivered to it, and a change of its address ends that. What
//! is due is found here; sending is [`Okta::deliver`]'s business, and challenging a receiver [`Okta::challenge`]'s.

use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    JSON, Okta,
    access::{Access, HOOKS, HOOKS_MANAGE},
    error::ApiError,
    events,
};
use crate::{
    chance::draw,
    exchange::{Call, Reply},
    tenant::{Tenant, key::okta_signs},
};

pub(super) const LIST: &str = "/api/v1/eventHooks";
pub(super) const ONE: &str = "/api/v1/eventHooks/{id}";
pub(super) const LIFECYCLE: &str = "/api/v1/eventHooks/{id}/lifecycle/{operation}";
/// Most hooks of an organisation.
const HOOKS_MAX: usize = 25;
/// Longest texts of a hook.
const TEXT_BYTES_MAX: usize = 1_024;

/// A hook as a client describes it.
#[derive(Debug, Clone, Deserialize)]
struct Wanted {
    name: String,
    events: Events,
    channel: Channel,
}

#[derive(Debug, Clone, Deserialize)]
struct Events {
    #[serde(rename = "type")]
    kind: String,
    items: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Channel {
    #[serde(rename = "type")]
    kind: String,
    version: String,
    config: Config,
}

#[derive(Debug, Clone, Deserialize)]
struct Config {
    uri: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default, rename = "authScheme")]
    auth_scheme: Option<AuthScheme>,
}

#[derive(Debug, Clone, Deserialize)]
struct Header {
    key: String,
    value: String,
}

#[derive(Debug, Clone, Deserialize)]
struct AuthScheme {
    #[serde(rename = "type")]
    kind: String,
    key: String,
    #[serde(default)]
    value: Option<String>,
}

/// A registered hook.
#[derive(Debug, Clone)]
struct Hook {
    id: String,
    wanted: Wanted,
    active: bool,
    verified: bool,
    created_ms: i64,
    updated_ms: i64,
}

#[derive(Debug, Default)]
struct State {
    hooks: Vec<Hook>,
    /// How many entries of the journal were looked at.
    seen: usize,
    /// How many deliveries were made.
    delivered: u64,
}

/// All hooks of an organisation.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    state: Mutex<State>,
}

/// Events on their way to a receiver.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delivery {
    pub(super) uri: String,
    /// Names and values, the secret one included.
    pub(super) headers: Vec<(String, String)>,
    /// The document (C7).
    pub(super) body: Value,
}

/// What is done with hooks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    List,
    One(&'a str),
    /// An operation of its life: `verify`, `activate`, `deactivate`.
    Lifecycle(&'a str, &'a str),
}

impl Okta {
    /// All requests below `eventHooks`.
    pub(super) fn hooks(
        &self,
        part: Part<'_>,
        call: &Call,
        access: &Access,
    ) -> Result<Reply, ApiError> {
        self.admit(access, if call.method == "GET" { HOOKS } else { HOOKS_MANAGE })?;
        if let ("POST", Part::Lifecycle(id, operation)) = (call.method.as_str(), part) {
            return self.hook_lifecycle((id, operation), call);
        }
        let now = self.world.clock.now_ms();
        let state = &mut crate::lock(&self.hooks.state);
        match (call.method.as_str(), part) {
            ("GET", Part::List) => {
                let rows = state.hooks.iter().map(|hook| hook.document(&call.base)).collect();
                Ok(document(LIST, &Value::Array(rows)))
            }
            ("POST", Part::List) => {
                if state.hooks.len() >= HOOKS_MAX {
                    let cause = format!("There are {HOOKS_MAX} event hooks already.");
                    return Err(ApiError::validation("eventHook", cause));
                }
                let wanted = wanted(&call.body)?;
                let number = self.world.next_number();
                let draws = |at| draw(self.world.seed ^ number, 0x3400, at);
                let id = okta_signs("who", 14, draws) + "5d7";
                let (active, verified) = (true, false);
                state.hooks.push(Hook {
                    id,
                    wanted,
                    active,
                    verified,
                    created_ms: now,
                    updated_ms: now,
                });
                let made = state.hooks.last().map(|hook| hook.document(&call.base));
                Ok(document(LIST, &made.unwrap_or_default()))
            }
            ("DELETE", Part::One(id)) => {
                let at = place(state, id)?;
                if state.hooks[at].active {
                    let cause = "An active event hook cannot be deleted; deactivate it first.";
                    return Err(ApiError::validation("eventHook", cause));
                }
                state.hooks.remove(at);
                Ok(Reply { status: 204, ..Reply::new(ONE, JSON, Vec::new()) })
            }
            ("PUT", Part::One(id)) => {
                let at = place(state, id)?;
                let wanted = wanted(&call.body)?;
                let hook = &mut state.hooks[at];
                hook.verified &= hook.wanted.channel.config.uri == wanted.channel.config.uri;
                (hook.wanted, hook.updated_ms) = (wanted, now);
                Ok(document(ONE, &hook.document(&call.base)))
            }
            ("GET", Part::One(id)) => {
                let at = place(state, id)?;
                Ok(document(ONE, &state.hooks[at].document(&call.base)))
            }
            _ => Err(ApiError::code("E0000022")),
        }
    }

    /// `POST eventHooks/{id}/lifecycle/…`.
    fn hook_lifecycle(
        &self,
        (id, operation): (&str, &str),
        call: &Call,
    ) -> Result<Reply, ApiError> {
        if operation == "verify" {
            let uri = {
                let state = crate::lock(&self.hooks.state);
                state.hooks[place(&state, id)?].wanted.channel.config.uri.clone()
            };
            let number = self.world.next_number();
            let draws = |at| draw(self.world.seed ^ number, 0x3401, at);
            self.challenge(&uri, &okta_signs("", 32, draws))
                .map_err(|cause| ApiError::validation("eventHook", cause))?;
        }
        let state = &mut crate::lock(&self.hooks.state);
        let at = place(state, id)?;
        let hook = &mut state.hooks[at];
        match operation {
            "activate" => hook.active = true,
            "deactivate" => hook.active = false,
            "verify" => hook.verified = true,
            _ => return Err(ApiError::code("E0000008")),
        }
        hook.updated_ms = self.world.clock.now_ms();
        Ok(document(LIFECYCLE, &hook.document(&call.base)))
    }

    /// After an edit: finds what is due for each hook, and hands it over.
    pub(super) fn tell_hooks(&self) {
        let tenant = self.world.read();
        let mut state = crate::lock(&self.hooks.state);
        let due = due(&mut state, &tenant, self.world.seed);
        drop((state, tenant));
        for delivery in due {
            self.deliver(&delivery);
        }
    }

    /// Sends events to a receiver: a `POST` of the body with the headers, within 3 s, again once after a timeout or a
    /// 5xx (C7).
    ///
    /// This is where sending is to be plugged in; until then nothing is sent.
    #[expect(clippy::unused_self, reason = "what sends belongs to the organisation")]
    fn deliver(&self, delivery: &Delivery) {
        let _ = (&delivery.uri, &delivery.headers, &delivery.body);
    }

    /// Asks a receiver to prove itself: a `GET` with the header `x-okta-verification-challenge`, answered by
    /// `{"verification": challenge}` (C7). Says why it failed.
    ///
    /// This is where sending is to be plugged in; until then no receiver can be verified.
    #[expect(clippy::unused_self, reason = "what sends belongs to the organisation")]
    fn challenge(&self, uri: &str, challenge: &str) -> Result<(), String> {
        let _ = challenge;
        Err(format!("Event hook verification failed: {uri} was not reached; nothing is sent here."))
    }
}

fn document(route: &'static str, value: &Value) -> Reply {
    Reply::new(route, JSON, value.to_string().into_bytes())
}

fn place(state: &State, id: &str) -> Result<usize, ApiError> {
    let found = state.hooks.iter().position(|hook| hook.id == id);
    found.ok_or_else(|| ApiError::not_found(id, "EventHook"))
}

/// The hook that a body describes, if it is whole.
fn wanted(body: &[u8]) -> Result<Wanted, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| ApiError::code("E0000003"))?;
    let wrong = |what: &str, cause: &str| ApiError::validation(what, format!("{what}: {cause}"));
    let wanted: Wanted = serde_json::from_value(value)
        .map_err(|error| ApiError::validation("eventHook", error.to_string()))?;
    if wanted.name.trim().is_empty() || wanted.name.len() > TEXT_BYTES_MAX {
        return Err(wrong("name", "The field cannot be left blank"));
    }
    if wanted.events.kind != "EVENT_TYPE" || wanted.events.items.is_empty() {
        return Err(wrong("events", "must be of type EVENT_TYPE with at least one item"));
    }
    if wanted.channel.kind != "HTTP" || wanted.channel.version != "1.0.0" {
        return Err(wrong("channel", "must be of type HTTP and version 1.0.0"));
    }
    let config = &wanted.channel.config;
    let uri = url::Url::parse(&config.uri).ok().filter(|uri| {
        // Real ones must be https; here receivers on this machine are allowed.
        let loopback = match uri.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        uri.scheme() == "https" || (uri.scheme() == "http" && loopback)
    });
    if uri.is_none() || config.uri.len() > TEXT_BYTES_MAX {
        return Err(wrong("uri", "must be an https address"));
    }
    if config.auth_scheme.as_ref().is_some_and(|scheme| scheme.kind != "HEADER") {
        return Err(wrong("authScheme", "must be of type HEADER"));
    }
    Ok(wanted)
}

impl Hook {
    /// As Okta shows it: the secret is not shown.
    fn document(&self, base: &str) -> Value {
        let Wanted { name, events, channel } = &self.wanted;
        let own = format!("{base}/api/v1/eventHooks/{}", self.id);
        let headers: Vec<Value> = channel
            .config
            .headers
            .iter()
            .map(|header| json!({"key": header.key, "value": header.value}))
            .collect();
        let scheme = channel
            .config
            .auth_scheme
            .as_ref()
            .map(|scheme| json!({"type": scheme.kind, "key": scheme.key}));
        let operation = if self.active { "deactivate" } else { "activate" };
        json!({
            "id": self.id,
            "status": if self.active { "ACTIVE" } else { "INACTIVE" },
            "verificationStatus": if self.verified { "VERIFIED" } else { "UNVERIFIED" },
            "name": name,
            "description": null,
            "created": events::published(self.created_ms),
            "createdBy": "00u0admin0admin0G5d7",
            "lastUpdated": events::published(self.updated_ms),
            "events": {"type": events.kind, "items": events.items, "filter": null},
            "channel": {
                "type": channel.kind,
                "version": channel.version,
                "config": {
                    "uri": channel.config.uri,
                    "headers": headers,
                    "method": "POST",
                    "authScheme": scheme,
                },
            },
            "_links": {
                "self": {"href": own},
                "verify": {
                    "href": format!("{own}/lifecycle/verify"),
                    "hints": {"allow": ["POST"]},
                },
                operation: {
                    "href": format!("{own}/lifecycle/{operation}"),
                    "hints": {"allow": ["POST"]},
                },
            },
        })
    }
}

/// What happened since this was asked last, for each hook that is active, verified and interested.
fn due(state: &mut State, tenant: &Tenant, seed: u64) -> Vec<Delivery> {
    let seen = std::mem::replace(&mut state.seen, tenant.journal.len());
    let listening = |hook: &&Hook| hook.active && hook.verified;
    if !state.hooks.iter().any(|hook| listening(&hook)) {
        return Vec::new();
    }
    let happened: Vec<Value> =
        (seen..tenant.journal.len()).flat_map(|at| events::events(tenant, at)).collect();
    let mut due = Vec::new();
    let mut delivered = state.delivered;
    for hook in state.hooks.iter().filter(listening) {
        let items = &hook.wanted.events.items;
        let wanted = |event: &&Value| items.iter().any(|item| event["eventType"] == item.as_str());
        let wanted: Vec<Value> = happened.iter().filter(wanted).cloned().collect();
        let Some(last) = wanted.last() else {
            continue;
        };
        delivered += 1;
        let config = &hook.wanted.channel.config;
        let mut headers: Vec<(String, String)> =
            config.headers.iter().map(|one| (one.key.clone(), one.value.clone())).collect();
        if let Some(scheme) = &config.auth_scheme {
            headers.push((scheme.key.clone(), scheme.value.clone().unwrap_or_default()));
        }
        let number = draw(seed, 0x3402, delivered);
        let body = json!({
            "eventType": "com.okta.event_hook",
            "eventTypeVersion": "1.0",
            "cloudEventsVersion": "0.1",
            "source": format!("https://initech.example/api/v1/eventHooks/{}", hook.id),
            "eventId": format!("{:08x}-{:04x}-4000-8000-{:012x}", number >> 32, number & 0xffff, delivered),
            "eventTime": last["published"],
            "contentType": "application/json",
            "data": {"events": wanted},
        });
        due.push(Delivery { uri: config.uri.clone(), headers, body });
    }
    state.delivered = delivered;
    due
}
