//! Push channels: who is told when users change (B7).
//!
//! Invariants: the first message of a channel is `sync` and has no body; a channel ends by the virtual clock and cannot
//! be prolonged. Nothing tells of groups or members.

use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Google,
    access::{Access, Audience, USERS},
    error::ApiError,
    parameters::Parameters,
};
use crate::{
    chance::{draw, hash_bytes},
    clock::http_date,
    exchange::Call,
    tenant::{
        ADMIN, Member, Tenant,
        journal::{Entry, Happening},
    },
    webhook::{Message, Tongue},
};

/// How long a channel lives that does not say, in seconds.
const LIFE_S: i64 = 2 * 3_600;
/// The longest life, in seconds; longer ones are cut.
const LIFE_MAX_S: i64 = 2 * 86_400;
const ID_SIGNS_MAX: usize = 64;
const TOKEN_SIGNS_MAX: usize = 256;
const EVENTS: [&str; 5] = ["add", "delete", "makeAdmin", "undelete", "update"];

/// The channels.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<Vec<Channel>>);

#[derive(Debug, Clone)]
struct Channel {
    id: String,
    resource: String,
    uri: String,
    address: String,
    token: Option<String>,
    /// All events without one.
    event: Option<&'static str>,
    domain: Option<String>,
    expires_ms: i64,
    /// Number of the last message.
    number: u64,
    /// How far in the journal it was told.
    told: usize,
}

/// A channel as a client asks for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    id: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    address: String,
    token: Option<String>,
    #[serde(default)]
    params: serde_json::Map<String, Value>,
}

/// The channel that a client wants to stop.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stopped {
    id: String,
    resource_id: String,
}

impl Google {
    /// `POST users/watch`.
    pub(super) fn watch(&self, call: &Call, access: &Access) -> Result<Vec<u8>, ApiError> {
        self.admit(access, USERS)?;
        let names = ["customer", "domain", "event"];
        let more = [
            "maxResults",
            "orderBy",
            "pageToken",
            "projection",
            "customFieldMask",
            "query",
            "showDeleted",
            "sortOrder",
            "viewType",
        ];
        let known: Vec<&str> = names.iter().chain(&more).copied().collect();
        let given = Parameters::read(call, &known)?;
        self.may_read(access, Audience::Administrators)?;
        let domain = self.scope(&given)?;
        let event = given.choice("event", &EVENTS)?;
        let wanted: Wanted = body_of(call)?;
        let ttl = wanted.checked()?;
        let now_ms = self.world.clock.now_ms();
        let mut channels = crate::lock(&self.channels.0);
        channels.retain(|one| one.expires_ms > now_ms);
        if channels.iter().any(|one| one.id == wanted.id) {
            let text = format!("Channel id {} not unique", wanted.id);
            return Err(ApiError::about_channel(400, "channelIdNotUnique", text));
        }
        let parameters = names.iter().filter_map(|name| Some((*name, given.get(name)?)));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters).append_pair("alt", "json");
        let uri = format!("{}/admin/directory/v1/users?{}", call.base, query.finish());
        let channel = Channel {
            resource: format!("{:016x}", draw(self.world.seed, 0xc4a, hash_bytes(uri.as_bytes()))),
            id: wanted.id,
            uri,
            address: wanted.address,
            token: wanted.token,
            event,
            domain,
            expires_ms: now_ms + ttl * 1_000,
            number: 0,
            told: self.world.read().journal.len(),
        };
        let body = json!({
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource,
            "resourceUri": channel.uri,
            "token": channel.token,
            "expiration": channel.expires_ms.to_string(),
        });
        channels.push(channel);
        drop(channels);
        self.world.webhooks.changed();
        Ok(body.to_string().into_bytes())
    }

    /// `POST channels/stop`.
    pub(super) fn stop_channel(&self, call: &Call, access: &Access) -> Result<Vec<u8>, ApiError> {
        self.admit(access, USERS)?;
        let stopped: Stopped = body_of(call)?;
        let now_ms = self.world.clock.now_ms();
        let mut channels = crate::lock(&self.channels.0);
        channels.retain(|one| one.expires_ms > now_ms);
        let is = |one: &Channel| one.id == stopped.id && one.resource == stopped.resource_id;
        let Some(at) = channels.iter().position(is) else {
            let text = format!("Channel '{}' not found for project", stopped.id);
            return Err(ApiError::about_channel(404, "notFound", text));
        };
        channels.remove(at);
        Ok(Vec::new())
    }

    /// The channels, for control.
    pub(super) fn channels_report(&self) -> Value {
        let channels = crate::lock(&self.channels.0);
        let report = channels.iter().map(|one| {
            json!({
                "id": one.id, "resourceId": one.resource, "address": one.address, "event": one.event,
                "expiration": one.expires_ms.to_string(),
            })
        });
        report.collect()
    }

    /// Messages about what happened since each channel was last told.
    pub(super) fn messages(&self, tongue: &mut Tongue) -> Vec<Message> {
        let now_ms = self.world.clock.now_ms();
        let mut channels = crate::lock(&self.channels.0);
        channels.retain(|one| one.expires_ms > now_ms);
        let tenant = self.world.read();
        let mut messages = Vec::new();
        for channel in channels.iter_mut() {
            if channel.number == 0 {
                messages.push(channel.message("sync", Vec::new(), tongue));
            }
            let fresh = &tenant.journal[channel.told.min(tenant.journal.len())..];
            channel.told = tenant.journal.len();
            for (state, user) in fresh.iter().filter_map(happened) {
                if let Some(body) = channel.told_of(&tenant, state, user) {
                    messages.push(channel.message(state, body, tongue));
                }
            }
        }
        messages
    }
}

impl Wanted {
    /// Refuses what Google refuses; its life in seconds.
    fn checked(&self) -> Result<i64, ApiError> {
        let good = |sign: char| sign.is_ascii_alphanumeric() || "-_+/=".contains(sign);
        if self.id.is_empty() || self.id.len() > ID_SIGNS_MAX || !self.id.chars().all(good) {
            return Err(ApiError::about_channel(
                400,
                "invalid",
                "Invalid value for: id".to_owned(),
            ));
        }
        if self.kind != "web_hook" {
            let text = format!("Unknown channel type: {}", self.kind);
            return Err(ApiError::about_channel(400, "channelUnknown", text));
        }
        let address = url::Url::parse(&self.address).ok();
        let local = |url: &url::Url| {
            url.scheme() == "http"
                && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
        };
        if !address.is_some_and(|url| url.scheme() == "https" || local(&url)) {
            let text = "WebHook callback must be HTTPS: ".to_owned() + &self.address;
            return Err(ApiError::about_channel(400, "push.webhookUrlNotHttps", text));
        }
        if self.token.as_ref().is_some_and(|token| token.chars().count() > TOKEN_SIGNS_MAX) {
            return Err(ApiError::about_channel(
                400,
                "invalid",
                "Invalid value for: token".to_owned(),
            ));
        }
        let ttl = match self.params.get("ttl") {
            None => Some(LIFE_S),
            Some(Value::String(text)) => text.parse().ok(),
            // The guide writes a number.
            Some(number) => number.as_i64(),
        };
        let ttl = ttl.filter(|ttl| *ttl > 0);
        let wrong = || ApiError::about_channel(400, "invalid", "Invalid value for: ttl".to_owned());
        ttl.map(|ttl| ttl.min(LIFE_MAX_S)).ok_or_else(wrong)
    }
}

impl Channel {
    /// What a message says of a user, if the channel is about them and about that.
    fn told_of(&self, tenant: &Tenant, state: &str, user: u32) -> Option<Vec<u8>> {
        let login = tenant.texts.get(tenant.user(user).login).unwrap_or_default();
        let about = self.event.is_none_or(|event| event == state)
            && self.domain.as_ref().is_none_or(|domain| login.ends_with(domain));
        let tag =
            draw(tenant.seed, 0x7a6, u64::from(user) << 32 | u64::from(tenant.user(user).changed));
        let body = json!({
            "kind": "admin#directory#user",
            "id": tenant.key_of(Member::User(user)),
            "etag": format!("\"{tag:016x}\""),
            "primaryEmail": login,
        });
        about.then(|| body.to_string().into_bytes())
    }

    fn message(&mut self, state: &str, body: Vec<u8>, tongue: &mut Tongue) -> Message {
        // Numbers grow, but not one by one.
        self.number += if self.number == 0 { 1 } else { 1 + hash_bytes(&body) % 3 };
        let mut headers = vec![
            ("x-goog-channel-id".into(), self.id.clone()),
            ("x-goog-channel-expiration".into(), http_date(self.expires_ms)),
            ("x-goog-resource-id".into(), self.resource.clone()),
            ("x-goog-resource-uri".into(), self.uri.clone()),
            ("x-goog-resource-state".into(), state.to_owned()),
            ("x-goog-message-number".into(), self.number.to_string()),
        ];
        if let Some(token) = &self.token {
            headers.push(("x-goog-channel-token".into(), tongue.secret(token)));
        }
        if !body.is_empty() {
            headers.push(("content-type".into(), "application/json; charset=UTF-8".to_owned()));
        }
        let what = if state == "sync" { "sync" } else { "notification" };
        let (url, word) = (self.address.clone(), String::new());
        Message { url, method: "POST", headers, body, what, word }
    }
}

/// What a channel would call an entry of the journal, and the user.
fn happened(entry: &Entry) -> Option<(&'static str, u32)> {
    match entry.what {
        Happening::UserCreated(user) => Some(("add", user)),
        Happening::UserDeleted(user) => Some(("delete", user)),
        Happening::UserRestored(user) => Some(("undelete", user)),
        Happening::UserChanged { user, flags: (before, after), .. } => {
            let crowned = before & ADMIN == 0 && after & ADMIN != 0;
            Some((if crowned { "makeAdmin" } else { "update" }, user))
        }
        _ => None,
    }
}

fn body_of<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, ApiError> {
    serde_json::from_slice(&call.body)
        .map_err(|_| ApiError::malformed("Invalid JSON payload received.", "body"))
}

/// The path of `stop`, which is the vendor's own, odd as it is.
pub(super) const STOP: &str = "/admin/directory_v1/channels/stop";
