//! Subscriptions: who is told when users or groups change (A7).
//!
//! Invariants: an address is told only after it answered the handshake; a subscription ends by the virtual clock. One
//! call tells of many changes. A subscription inside a batch is refused, since nobody can shake hands there.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Entra, check::read_body, error::GraphError, route::Route, token::Claims};
use crate::{
    clock::{parse_time, time_text},
    exchange::Call,
    provider::Controlled,
    tenant::{GroupTouch, Life, Member, Tenant, id::Guid},
    webhook::{Heard, Message, Tongue},
};

const MINUTE_MS: i64 = 60_000;
/// Longest life: just under 29 days.
const LIFE_MAX_MS: i64 = 41_760 * MINUTE_MS;
/// Shorter lives are raised to this.
const LIFE_MIN_MS: i64 = 45 * MINUTE_MS;
/// Subscriptions of one app in one tenant.
const SUBSCRIPTIONS_MAX: usize = 100;
/// Changes that one call tells.
const TOLD_MAX: usize = 100;
const STATE_SIGNS_MAX: usize = 128;

/// The subscriptions, and lifecycle events that are to be told.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Mutex<Registry>);

#[derive(Debug, Default)]
struct Registry {
    all: Vec<Subscription>,
    events: Vec<(Subscription, &'static str)>,
}

/// What a subscription is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Users,
    Groups,
    User(u32),
    Group(u32),
}

#[derive(Debug, Clone)]
struct Subscription {
    id: Guid,
    about: About,
    /// As the client wrote it.
    resource: String,
    change_type: String,
    url: String,
    lifecycle_url: Option<String>,
    state: Option<String>,
    expires_ms: i64,
    /// How far in the tenant's log it was told.
    told: usize,
}

/// A subscription as a client asks for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    change_type: String,
    notification_url: String,
    lifecycle_notification_url: Option<String>,
    resource: String,
    expiration_date_time: String,
    client_state: Option<String>,
    #[serde(rename = "latestSupportedTlsVersion")]
    _tls: Option<String>,
}

/// What can be changed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renewal {
    expiration_date_time: String,
}

/// A lifecycle event that control wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifecycle {
    event: String,
}

const EVENTS: [&str; 3] = ["missed", "reauthorizationRequired", "subscriptionRemoved"];

fn invalid(text: impl Into<String>) -> GraphError {
    GraphError::new(400, "ValidationError", text)
}

impl Subscription {
    fn wants(&self, change: &str) -> bool {
        self.change_type.split(',').any(|wanted| wanted.trim() == change)
    }

    fn document(&self, application: &str, creator: &str) -> Value {
        json!({
            "id": self.id.to_string(),
            "resource": self.resource,
            "applicationId": application,
            "changeType": self.change_type,
            "clientState": null,
            "notificationUrl": self.url,
            "notificationQueryOptions": null,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": time_text(self.expires_ms, "Z"),
            "creatorId": creator,
            "includeResourceData": null,
            "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": null,
            "encryptionCertificateId": null,
            "notificationUrlAppId": null,
        })
    }
}

impl Entra {
    /// The handshakes before a request to subscribe can be answered, if it is otherwise good.
    pub(super) fn handshakes(&self, call: &Call) -> Vec<Message> {
        let path: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
        let new = path.split_first().is_some_and(|(version, rest)| {
            *version == "v1.0" && Route::of(rest) == Some(Route::Subscriptions)
        });
        if !new || call.method != "POST" {
            return Vec::new();
        }
        let wanted = self.authenticate(call).and_then(|claims| self.wanted(call, &claims));
        let Ok((_, subscription)) = wanted else {
            return Vec::new();
        };
        let urls = [Some(&subscription.url), subscription.lifecycle_url.as_ref()];
        let shake = |url: &String| {
            let word = format!(
                "Validation: Testing client application reachability for subscription Request-Id: {}",
                self.request_id()
            );
            let encoded: String = url::form_urlencoded::byte_serialize(word.as_bytes()).collect();
            let sign = if url.contains('?') { '&' } else { '?' };
            Message {
                url: format!("{url}{sign}validationToken={encoded}"),
                method: "POST",
                headers: vec![("content-type".into(), "text/plain; charset=utf-8".to_owned())],
                body: Vec::new(),
                what: "handshake",
                word,
            }
        };
        urls.into_iter().flatten().map(shake).collect()
    }

    /// The subscription that a request asks for, if it may.
    fn wanted(&self, call: &Call, claims: &Claims) -> Result<(Wanted, Subscription), GraphError> {
        let wanted: Wanted = read_body(call)?;
        let now_ms = self.world.clock.now_ms();
        let about = self.about(&wanted.resource)?;
        let allowed = match about {
            About::Users | About::User(_) => claims.reads_users(),
            // More than reading them takes.
            About::Groups | About::Group(_) => {
                claims.any_role(&["Group.Read.All", "Group.ReadWrite.All"])
            }
        };
        if !allowed {
            return Err(GraphError::denied());
        }
        let mut changes = wanted.change_type.split(',').map(str::trim);
        if !changes.all(|change| matches!(change, "updated" | "deleted")) {
            return Err(invalid("Invalid 'changeType' attribute: it can be 'updated,deleted'."));
        }
        let urls = [Some(&wanted.notification_url), wanted.lifecycle_notification_url.as_ref()];
        if let Some(url) = urls.into_iter().flatten().find(|url| !may_be_called(url)) {
            return Err(invalid(format!(
                "Notification endpoint must be an HTTPS address: '{url}'."
            )));
        }
        if wanted.client_state.as_ref().is_some_and(|state| state.chars().count() > STATE_SIGNS_MAX)
        {
            return Err(invalid("Property 'clientState' has more than 128 characters."));
        }
        let told = {
            let tenant = self.world.read();
            log_len(&tenant, about)
        };
        let subscription = Subscription {
            id: self.request_id(),
            about,
            resource: wanted.resource.clone(),
            change_type: wanted.change_type.clone(),
            url: wanted.notification_url.clone(),
            lifecycle_url: wanted.lifecycle_notification_url.clone(),
            state: wanted.client_state.clone(),
            expires_ms: expiration(&wanted.expiration_date_time, now_ms)?,
            told,
        };
        Ok((wanted, subscription))
    }

    fn about(&self, resource: &str) -> Result<About, GraphError> {
        let tenant = self.world.read();
        let path: Vec<&str> = resource.trim_matches('/').split('/').collect();
        let found = match path.as_slice() {
            ["users" | "Users"] => Some(About::Users),
            ["groups" | "Groups"] => Some(About::Groups),
            ["users" | "Users", id] => tenant.user_by_key(id).map(About::User),
            ["groups" | "Groups", id] => tenant.group_by_key(id).map(About::Group),
            _ => return Err(invalid(format!("Resource '{resource}' is not supported."))),
        };
        found.ok_or_else(|| GraphError::not_found(resource))
    }

    /// `POST /subscriptions`.
    pub(super) fn subscribe(
        &self,
        call: &Call,
        claims: &Arc<Claims>,
    ) -> Result<Vec<u8>, GraphError> {
        let (wanted, subscription) = self.wanted(call, claims)?;
        let shakes = 1 + usize::from(subscription.lifecycle_url.is_some());
        if call.heard.len() != shakes {
            return Err(invalid("Subscription validation request failed. Nobody could be called."));
        }
        call.heard.iter().try_for_each(check_heard)?;
        let mut registry = crate::lock(&self.subscriptions.0);
        registry.drop_expired(self.world.clock.now_ms());
        if registry.all.len() >= SUBSCRIPTIONS_MAX {
            let text =
                format!("The app has reached its limit of {SUBSCRIPTIONS_MAX} subscriptions.");
            return Err(GraphError::new(403, "Forbidden", text));
        }
        let mut body = self.subscription_document(&subscription);
        body["clientState"] = json!(wanted.client_state);
        body["@odata.context"] =
            json!(format!("{}/v1.0/$metadata#subscriptions/$entity", call.base));
        registry.all.push(subscription);
        Ok(body.to_string().into_bytes())
    }

    fn subscription_document(&self, subscription: &Subscription) -> Value {
        let ids = (self.app.client_id.to_string(), self.app.object_id.to_string());
        subscription.document(&ids.0, &ids.1)
    }

    /// `GET /subscriptions`.
    pub(super) fn list_subscriptions(&self, call: &Call) -> Vec<u8> {
        let mut registry = crate::lock(&self.subscriptions.0);
        registry.drop_expired(self.world.clock.now_ms());
        let all: Vec<Value> =
            registry.all.iter().map(|one| self.subscription_document(one)).collect();
        let context = format!("{}/v1.0/$metadata#subscriptions", call.base);
        json!({"@odata.context": context, "value": all}).to_string().into_bytes()
    }

    /// `GET`, `PATCH`, `DELETE /subscriptions/{id}` and `POST /subscriptions/{id}/reauthorize`.
    pub(super) fn subscription(&self, id: &str, call: &Call) -> Result<Vec<u8>, GraphError> {
        let now_ms = self.world.clock.now_ms();
        let mut registry = crate::lock(&self.subscriptions.0);
        registry.drop_expired(now_ms);
        let guid = Guid::parse(id);
        let at = registry.all.iter().position(|one| Some(one.id) == guid);
        let at = at.ok_or_else(|| {
            GraphError::new(404, "ResourceNotFound", format!("The object '{id}' was not found."))
        })?;
        match call.method.as_str() {
            "DELETE" => {
                registry.all.remove(at);
                return Ok(Vec::new());
            }
            // Nothing here is about data that would need it.
            "POST" => return Ok(Vec::new()),
            "PATCH" => {
                let renewal: Renewal = read_body(call)?;
                registry.all[at].expires_ms = expiration(&renewal.expiration_date_time, now_ms)?;
            }
            _ => {}
        }
        let mut body = self.subscription_document(&registry.all[at]);
        body["@odata.context"] =
            json!(format!("{}/v1.0/$metadata#subscriptions/$entity", call.base));
        Ok(body.to_string().into_bytes())
    }

    /// `POST webhooks/lifecycle` of the control API.
    pub(super) fn lifecycle(&self, body: &[u8]) -> Controlled {
        let wanted: Lifecycle = serde_json::from_slice(body)
            .map_err(|error| (400, format!("the body cannot be read: {error}")))?;
        let event = EVENTS.iter().find(|known| **known == wanted.event);
        let event = event.ok_or_else(|| (400, format!("event can be {}", EVENTS.join(", "))))?;
        let mut registry = crate::lock(&self.subscriptions.0);
        let told: Vec<_> = registry.all.iter().map(|one| (one.clone(), *event)).collect();
        registry.events.extend(told);
        if *event == "subscriptionRemoved" {
            registry.all.clear();
        }
        Ok(json!({}))
    }

    /// The subscriptions, for control.
    pub(super) fn subscriptions_report(&self) -> Value {
        let registry = crate::lock(&self.subscriptions.0);
        registry.all.iter().map(|one| self.subscription_document(one)).collect()
    }

    /// Messages about what changed since each subscription was last told.
    pub(super) fn notifications(&self, tongue: &mut Tongue) -> Vec<Message> {
        let mut by_url: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let tenant_id = self.app.tenant_id.to_string();
        let mut registry = crate::lock(&self.subscriptions.0);
        registry.drop_expired(self.world.clock.now_ms());
        let frame = |one: &Subscription, tongue: &mut Tongue| {
            let state = one.state.as_deref().map(|state| tongue.secret(state));
            json!({
                "subscriptionId": one.id.to_string(),
                "subscriptionExpirationDateTime": time_text(one.expires_ms, "Z"),
                "clientState": state,
                "tenantId": tenant_id,
            })
        };
        let tenant = self.world.read();
        for one in &mut registry.all {
            for (change, data) in changes(&tenant, one) {
                let mut told = frame(one, tongue);
                told["id"] = json!(self.request_id().to_string());
                told["changeType"] = json!(change);
                told["resource"] = data["@odata.id"].clone();
                told["resourceData"] = data;
                by_url.entry(one.url.clone()).or_default().push(told);
            }
            one.told = log_len(&tenant, one.about);
        }
        drop(tenant);
        let mut messages = Vec::new();
        for (url, told) in by_url {
            messages
                .extend(told.chunks(TOLD_MAX).map(|chunk| message(&url, "notification", chunk)));
        }
        for (one, event) in std::mem::take(&mut registry.events) {
            let mut told = frame(&one, tongue);
            told["lifecycleEvent"] = json!(event);
            told["resource"] = json!(one.resource);
            if let Some(url) = &one.lifecycle_url {
                messages.push(message(url, "lifecycle", &[told]));
            }
        }
        messages
    }
}

impl Registry {
    fn drop_expired(&mut self, now_ms: i64) {
        self.all.retain(|one| one.expires_ms > now_ms);
    }
}

fn message(url: &str, what: &'static str, told: &[Value]) -> Message {
    Message {
        url: url.to_owned(),
        method: "POST",
        headers: vec![("content-type".into(), "application/json; charset=utf-8".to_owned())],
        body: json!({"value": told}).to_string().into_bytes(),
        what,
        word: String::new(),
    }
}

/// Whether the answer to a handshake is as it must be.
fn check_heard(heard: &Heard) -> Result<(), GraphError> {
    let failed = |text: String| invalid(format!("Subscription validation request failed. {text}"));
    match heard.status {
        0 => return Err(failed("Notification endpoint could not be reached in time.".to_owned())),
        200 => {}
        status => {
            return Err(failed(format!("Must respond with 200 OK to this request, not {status}.")));
        }
    }
    if !heard.content_type.to_ascii_lowercase().starts_with("text/plain") {
        return Err(failed("The content type of the response must be text/plain.".to_owned()));
    }
    if heard.body != heard.word.as_bytes() {
        return Err(failed(
            "Response must exactly match validationToken query parameter.".to_owned(),
        ));
    }
    Ok(())
}

/// When a subscription ends that is asked to end then.
fn expiration(text: &str, now_ms: i64) -> Result<i64, GraphError> {
    let wanted = parse_time(text)
        .ok_or_else(|| invalid("Property 'expirationDateTime' is no date and time."))?;
    if wanted <= now_ms {
        return Err(invalid("Subscription expiration must be in the future."));
    }
    // A second for what clocks and the way here took.
    if wanted > now_ms + LIFE_MAX_MS + 1_000 {
        return Err(invalid(format!(
            "Subscription expiration can only be {} minutes in the future.",
            LIFE_MAX_MS / MINUTE_MS
        )));
    }
    Ok(wanted.max(now_ms + LIFE_MIN_MS))
}

/// Addresses that the vendor would call, and those on this machine.
fn may_be_called(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else {
        return false;
    };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (local && url.scheme() == "http")
}

fn log_len(tenant: &Tenant, about: About) -> usize {
    match about {
        About::Users | About::User(_) => tenant.user_log.len(),
        About::Groups | About::Group(_) => tenant.group_log.len(),
    }
}

/// What a subscription has not been told yet: the kind of change and the resource.
fn changes(tenant: &Tenant, one: &Subscription) -> Vec<(&'static str, Value)> {
    match one.about {
        About::Users => user_changes(tenant, one, |_| true),
        About::User(only) => user_changes(tenant, one, |at| at == only),
        About::Groups => group_changes(tenant, one, |_| true),
        About::Group(only) => group_changes(tenant, one, |at| at == only),
    }
}

fn kind_of(life: Life) -> &'static str {
    // Moving to the bin is an update.
    if life == Life::Gone { "deleted" } else { "updated" }
}

fn data(kind: &str, path: &str, id: Guid) -> Value {
    let path = format!("{path}/{id}");
    json!({"@odata.type": kind, "@odata.id": path, "id": id.to_string()})
}

fn user_changes(
    tenant: &Tenant,
    one: &Subscription,
    wanted: impl Fn(u32) -> bool,
) -> Vec<(&'static str, Value)> {
    let mut seen = HashSet::new();
    let fresh = tenant.user_log[one.told..].iter().map(|change| change.user);
    let fresh = fresh.filter(|user| wanted(*user) && seen.insert(*user));
    let told = fresh.map(|user| {
        let change = kind_of(tenant.life(Member::User(user)));
        (change, data("#Microsoft.Graph.User", "Users", tenant.user_id(user)))
    });
    told.filter(|(change, _)| one.wants(change)).collect()
}

fn group_changes(
    tenant: &Tenant,
    one: &Subscription,
    wanted: impl Fn(u32) -> bool,
) -> Vec<(&'static str, Value)> {
    let mut groups: BTreeMap<u32, Vec<Member>> = BTreeMap::new();
    for change in tenant.group_log[one.told..].iter().filter(|change| wanted(change.group)) {
        let members = groups.entry(change.group).or_default();
        if let GroupTouch::Member(member) = change.what
            && !members.contains(&member)
        {
            members.push(member);
        }
    }
    let told = groups.into_iter().map(|(group, members)| {
        let mut data = data("#Microsoft.Graph.Group", "Groups", tenant.group_id(group));
        let delta = members.into_iter().map(|member| {
            let mut one = json!({"id": tenant.member_id(member).to_string()});
            if !tenant.is_member(group, member) {
                one["@removed"] = json!("deleted");
            }
            one
        });
        let delta: Vec<Value> = delta.collect();
        if !delta.is_empty() {
            data["members@delta"] = json!(delta);
        }
        (kind_of(tenant.life(Member::Group(group))), data)
    });
    told.filter(|(change, _)| one.wants(change)).collect()
}
