//! Registrations for word of changes: made, prolonged, ended, and nothing left behind.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use connect::{Callback, Connector, Subscription};
use directory::id::HOUR_MS;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::tenant::{Tenant, now};

type Heard = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// Our own address; it ends when dropped.
struct Listener {
    url: String,
    secret: SecretString,
    heard: Heard,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "validationToken")]
    word: Option<String>,
}

async fn hear(
    State(heard): State<Heard>,
    Query(handshake): Query<Handshake>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(word) = handshake.word {
        return ([(CONTENT_TYPE, "text/plain")], word).into_response();
    }
    if let Some(word) = headers.get("x-okta-verification-challenge") {
        return Json(json!({"verification": word.to_str().unwrap()})).into_response();
    }
    heard.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap_or_default()));
    StatusCode::ACCEPTED.into_response()
}

impl Listener {
    async fn start() -> Self {
        let heard = Heard::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/1", listener.local_addr().unwrap());
        let router = Router::new().fallback(hear).with_state(Arc::clone(&heard));
        #[expect(clippy::disallowed_methods, reason = "the listener owns its task")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, secret: SecretString::from("hush"), heard, task }
    }

    fn callback(&self) -> Callback<'_> {
        Callback { url: &self.url, secret: &self.secret }
    }

    /// What was heard after all was told that there was to tell.
    async fn heard(&self, tenant: &Tenant) -> Vec<(HeaderMap, Value)> {
        tenant.control("POST", "webhooks/flush", Value::Null).await;
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    async fn subscribe(&self, connector: &Connector, have: &[Subscription]) -> Vec<Subscription> {
        connector.subscribe(&self.callback(), have.to_vec()).await.unwrap()
    }
}

async fn registered(tenant: &Tenant) -> Vec<Value> {
    tenant.control("GET", "webhooks", Value::Null).await["registered"].as_array().unwrap().clone()
}

async fn requests(tenant: &Tenant) -> Value {
    tenant.control("GET", "counters", Value::Null).await["requests"].clone()
}

fn ids(all: &[Subscription]) -> Vec<&str> {
    all.iter().map(|one| one.id.as_str()).collect()
}

/// The same registrations, about to end.
fn ending(all: &[Subscription]) -> Vec<Subscription> {
    let soon = Some(now().plus(HOUR_MS));
    all.iter().map(|one| Subscription { expires: soon, ..one.clone() }).collect()
}

async fn entra() -> Tenant {
    Tenant::with_roles(&["User.Read.All", "GroupMember.Read.All", "Group.Read.All"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graph_subscriptions_are_made_prolonged_and_ended() {
    let (tenant, listener) = (entra().await, Listener::start().await);
    let connector = tenant.connector();
    let first = listener.subscribe(&connector, &[]).await;
    let mut about: Vec<&str> = first.iter().map(|one| one.about.as_str()).collect();
    about.sort_unstable();
    assert_eq!(about, ["groups", "users"]);
    assert!(first.iter().all(|one| one.expires.unwrap().since(now()) > 48 * HOUR_MS));
    let before = requests(&tenant).await;
    assert_eq!(listener.subscribe(&connector, &first).await, first);
    assert_eq!(requests(&tenant).await, before, "nothing to do is done without a word");
    let prolonged = listener.subscribe(&connector, &ending(&first)).await;
    assert_eq!(ids(&prolonged), ids(&first));
    assert!(prolonged.iter().all(|one| one.expires.unwrap().since(now()) > 48 * HOUR_MS));
    assert_eq!(registered(&tenant).await.len(), 2);
    // The provider has dropped them: they are made anew.
    tenant.control("POST", "webhooks/lifecycle", json!({"event": "subscriptionRemoved"})).await;
    let heard = listener.heard(&tenant).await;
    assert!(
        heard.iter().all(|(_, body)| body["value"][0]["lifecycleEvent"] == "subscriptionRemoved")
    );
    let anew = listener.subscribe(&connector, &ending(&prolonged)).await;
    assert!(anew.iter().all(|one| !ids(&first).contains(&one.id.as_str())));
    connector.unsubscribe(&anew).await.unwrap();
    connector.unsubscribe(&anew).await.unwrap();
    assert!(registered(&tenant).await.is_empty());
}

/// A storm of edits comes in few calls (S12), each with the secret that was registered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_edits_is_heard_in_few_calls() {
    let (tenant, listener) = (entra().await, Listener::start().await);
    listener.subscribe(&tenant.connector(), &[]).await;
    let users = tenant.truth().await.users;
    let edits: Vec<Value> = users
        .keys()
        .map(|user| json!({"method": "PATCH", "path": format!("users/{user}"), "body": {"office": "B2"}}))
        .collect();
    tenant.control("POST", "batch", Value::Array(edits)).await;
    let heard = listener.heard(&tenant).await;
    assert_eq!(heard.len(), 1);
    let told = heard[0].1["value"].as_array().unwrap();
    assert_eq!(told.len(), users.len());
    assert!(told.iter().all(|one| one["clientState"] == "hush"));
}

/// What could be registered ends when the rest could not: nobody would remember it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_fails_leaves_nothing_behind() {
    let listener = Listener::start().await;
    let tenant = Tenant::with_roles(&["User.Read.All", "GroupMember.Read.All"]).await;
    let connector = tenant.connector();
    for _ in 0..2 {
        let error = connector.subscribe(&listener.callback(), Vec::new()).await.unwrap_err();
        assert_eq!(error.code(), Some("E-CONSENT"), "{error}");
        assert!(error.to_string().contains("Group.Read.All"), "{error}");
        assert!(registered(&tenant).await.is_empty());
    }
    let tenant = Tenant::with_roles(&["Group.Read.All"]).await;
    let connector = tenant.connector();
    let error = connector.subscribe(&listener.callback(), Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("User.Read.All"), "{error}");
    assert!(registered(&tenant).await.is_empty(), "the one for groups was ended again");
    // Nobody answers the handshake.
    let tenant = entra().await;
    let url = "http://127.0.0.1:1/hooks/1";
    let secret = SecretString::from("hush");
    let callback = Callback { url, secret: &secret };
    let error = tenant.connector().subscribe(&callback, Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains(url) && error.to_string().contains("reachable"), "{error}");
    assert!(!error.to_string().contains("hush"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_channels_are_opened_replaced_and_stopped() {
    let (tenant, listener) = (Tenant::google().await, Listener::start().await);
    let connector = tenant.connector();
    let first = listener.subscribe(&connector, &[]).await;
    assert_eq!(first.len(), 4);
    assert!(first.iter().all(|one| one.resource.is_some()));
    assert!(first.iter().all(|one| one.expires.unwrap().since(now()) > 40 * HOUR_MS));
    let heard = listener.heard(&tenant).await;
    assert!(heard.iter().all(|(headers, _)| headers["x-goog-resource-state"] == "sync"));
    assert_eq!(heard.len(), 4);
    assert_eq!(listener.subscribe(&connector, &first).await, first);
    let user = tenant.new_user("new@globex.example").await;
    let heard = listener.heard(&tenant).await;
    let (headers, body) = &heard[0];
    assert_eq!((heard.len(), &body["id"]), (1, &json!(user)));
    assert_eq!(
        (&headers["x-goog-resource-state"], &headers["x-goog-channel-token"]),
        (&"add".parse().unwrap(), &"hush".parse().unwrap())
    );
    // A channel cannot be prolonged: the next ones are open before the old ones are closed.
    let next = listener.subscribe(&connector, &ending(&first)).await;
    assert!(next.iter().all(|one| !ids(&first).contains(&one.id.as_str())));
    let open: Vec<Value> = registered(&tenant).await.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(open, ids(&next));
    // When one cannot be opened, the others are closed again and the old ones stay.
    tenant.faults(json!([{"route": "event=undelete", "kind": "status", "status": 403}])).await;
    let failed = connector.subscribe(&listener.callback(), ending(&next)).await;
    assert!(failed.unwrap_err().to_string().contains("reading on schedule goes on"));
    let open: Vec<Value> = registered(&tenant).await.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(open, ids(&next));
    connector.unsubscribe(&next).await.unwrap();
    connector.unsubscribe(&next).await.unwrap();
    assert!(registered(&tenant).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn okta_event_hooks_are_verified_kept_and_ended() {
    let (tenant, listener) = (Tenant::okta().await, Listener::start().await);
    let connector = tenant.connector();
    let first = listener.subscribe(&connector, &[]).await;
    assert_eq!(first.len(), 1);
    assert_eq!(registered(&tenant).await[0]["verified"], true);
    assert_eq!(listener.subscribe(&connector, &first).await, first);
    let user = tenant.new_user("new@initech.example").await;
    let group = tenant.new_group("Told of").await;
    tenant.control("PUT", &format!("groups/{group}/users/{user}"), Value::Null).await;
    let heard = listener.heard(&tenant).await;
    assert!(heard.iter().all(|(headers, _)| headers["authorization"] == "hush"));
    let events: Vec<&Value> =
        heard.iter().flat_map(|(_, body)| body["data"]["events"].as_array().unwrap()).collect();
    let about = |kind: &str, id: &str| {
        events.iter().any(|event| {
            let targets = event["target"].as_array().unwrap();
            event["eventType"] == kind && targets.iter().any(|target| target["id"] == id)
        })
    };
    assert!(about("user.lifecycle.create", &user), "{events:?}");
    assert!(about("group.user_membership.add", &group), "{events:?}");
    connector.unsubscribe(&first).await.unwrap();
    connector.unsubscribe(&first).await.unwrap();
    assert!(registered(&tenant).await.is_empty());
    // Nobody answers the challenge: the hook is not left behind, and reading goes on by schedule.
    let secret = SecretString::from("hush");
    let callback = Callback { url: "http://127.0.0.1:1/hooks/1", secret: &secret };
    let error = connector.subscribe(&callback, Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("reading on schedule goes on"), "{error}");
    assert!(registered(&tenant).await.is_empty());
}
