//! `eventHooks`: registered receivers of events.
//!
//! Invariant: a hook must be verified before anything is delivered to it, and a change of its address ends that. What
//! is due is found here; calling is [`crate::webhook`]'s business.

use std::{borrow::Cow, sync::Mutex};

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
    webhook::{Message, Tongue},
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
            place(&crate::lock(&self.hooks.state), id)?;
            check_heard(call).map_err(|cause| ApiError::validation("eventHook", cause))?;
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

    /// What happened since this was asked last, for each hook that wants to know.
    pub(super) fn hook_messages(&self, tongue: &mut Tongue) -> Vec<Message> {
        let tenant = self.world.read();
        let mut state = crate::lock(&self.hooks.state);
        due(&mut state, &tenant, self.world.seed, tongue)
    }

    /// The call that a receiver must answer before it counts as verified: a `GET` with the header
    /// `x-okta-verification-challenge`, to which it says `{"verification": challenge}` (C7). Whether the request for it
    /// is let in is looked at afterwards: a proof of possession is good for one look.
    pub(super) fn challenge(&self, call: &Call) -> Option<Message> {
        let path: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
        let ["api", "v1", "eventHooks", id, "lifecycle", "verify"] = path[..] else { return None };
        if call.method != "POST" {
            return None;
        }
        let state = crate::lock(&self.hooks.state);
        let hook = state.hooks.get(place(&state, id).ok()?)?;
        let number = self.world.next_number();
        let word = okta_signs("", 32, |at| draw(self.world.seed ^ number, 0x3401, at));
        let mut headers = vec![("x-okta-verification-challenge".into(), word.clone())];
        headers.extend(hook.headers());
        Some(Message {
            url: hook.wanted.channel.config.uri.clone(),
            method: "GET",
            headers,
            body: Vec::new(),
            what: "challenge",
            word,
        })
    }

    /// The registered receivers, as control shows them.
    pub(super) fn hooks_report(&self) -> Value {
        let state = crate::lock(&self.hooks.state);
        let row = |hook: &Hook| {
            let uri = &hook.wanted.channel.config.uri;
            json!({"id": hook.id, "url": uri, "active": hook.active, "verified": hook.verified})
        };
        state.hooks.iter().map(row).collect()
    }
}

/// Whether a receiver said what it was to say; otherwise why it is not verified.
fn check_heard(call: &Call) -> Result<(), String> {
    let failed = |why: &str| Err(format!("Event hook verification failed: {why}"));
    let Some(heard) = call.heard.first() else { return failed("nobody could be called.") };
    if heard.status != 200 {
        return failed(&format!("the endpoint answered with status {}.", heard.status));
    }
    let said: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
    if said["verification"] != heard.word.as_str() {
        return failed("the endpoint did not return the verification value.");
    }
    Ok(())
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
    /// The headers that a client wants with every call, but for the secret.
    fn headers(&self) -> Vec<(Cow<'static, str>, String)> {
        let own = self.wanted.channel.config.headers.iter();
        own.map(|header| (header.key.clone().into(), header.value.clone())).collect()
    }

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
fn due(state: &mut State, tenant: &Tenant, seed: u64, tongue: &mut Tongue) -> Vec<Message> {
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
        let mut headers = hook.headers();
        headers.push(("content-type".into(), JSON.to_owned()));
        if let Some(scheme) = &hook.wanted.channel.config.auth_scheme {
            let secret = tongue.secret(scheme.value.as_deref().unwrap_or_default());
            headers.push((scheme.key.clone().into(), secret));
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
        due.push(Message {
            url: hook.wanted.channel.config.uri.clone(),
            method: "POST",
            headers,
            body: body.to_string().into_bytes(),
            what: "events",
            word: String::new(),
        });
    }
    state.delivered = delivered;
    due
}
