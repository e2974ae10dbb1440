//! Graph subscriptions: the handshake, what is told, and how they end (A7).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::Options;

use crate::{
    receiver::{Mood, Receiver, Told},
    tenant::{Tenant, send, text},
};

const IN_A_DAY: i64 = 86_400_000;

/// A time that long from now, as Graph reads it.
fn later(ms: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "a client asks for times by its own clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = jiff::Timestamp::from_millisecond(i64::try_from(now.as_millis()).unwrap() + ms);
    at.unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

async fn tenant() -> Tenant {
    let mut options = Tenant::options();
    options.entra_roles.push("Group.Read.All".to_owned());
    Tenant::with(options).await
}

fn wanted(receiver: &Receiver, resource: &str) -> Value {
    json!({
        "changeType": "updated,deleted",
        "notificationUrl": receiver.url,
        "lifecycleNotificationUrl": receiver.url,
        "resource": resource,
        "expirationDateTime": later(IN_A_DAY),
        "clientState": "hush",
    })
}

/// What is told after all that there is to tell was told.
async fn told(tenant: &Tenant, receiver: &Receiver) -> Vec<Told> {
    tenant.tell("POST", "webhooks/flush", Value::Null).await;
    receiver.take()
}

/// All notifications of some calls.
fn notifications(told: &[Told]) -> Vec<Value> {
    told.iter().flat_map(|one| one.body["value"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn an_address_is_told_what_changes_after_it_shook_hands() {
    let tenant = tenant().await;
    let receiver = Receiver::start().await;
    let made = tenant.post("subscriptions", &wanted(&receiver, "users")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = text(&made.body["id"]);
    assert_eq!(
        (&made.body["clientState"], &made.body["changeType"]),
        (&json!("hush"), &json!("updated,deleted"))
    );
    assert_eq!(made.body["applicationId"], tenant.entra().client_id);
    let made = tenant.post("subscriptions", &wanted(&receiver, "/groups")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(told(&tenant, &receiver).await.is_empty(), "nothing changed yet");

    let ann = tenant.new_user("ann@contoso.example").await;
    let calls = told(&tenant, &receiver).await;
    let all = notifications(&calls);
    assert_eq!(all.len(), 1, "{all:?}");
    let one = &all[0];
    assert_eq!((&one["subscriptionId"], &one["clientState"]), (&json!(id), &json!("hush")));
    assert_eq!(
        (&one["changeType"], &one["tenantId"]),
        (&json!("updated"), &json!(tenant.entra().tenant))
    );
    assert_eq!(one["resource"], format!("Users/{ann}"));
    assert_eq!(one["resourceData"]["id"], ann);
    assert_eq!(one["resourceData"]["@odata.type"], "#Microsoft.Graph.User");

    let team = tenant.new_group("Team").await;
    tenant.tell("PUT", &format!("groups/{team}/users/{ann}"), Value::Null).await;
    let all = notifications(&told(&tenant, &receiver).await);
    let group = all.iter().find(|one| one["resource"] == format!("Groups/{team}")).unwrap();
    assert!(
        group["resourceData"].get("members@delta").is_none_or(|members| members[0]["id"] == ann)
    );
    tenant.tell("DELETE", &format!("groups/{team}/users/{ann}"), Value::Null).await;
    let all = notifications(&told(&tenant, &receiver).await);
    assert_eq!(
        all[0]["resourceData"]["members@delta"],
        json!([{"id": ann, "@removed": "deleted"}])
    );
    // The bin is an update, the end is a deletion.
    tenant.tell("DELETE", &format!("users/{ann}"), Value::Null).await;
    assert_eq!(notifications(&told(&tenant, &receiver).await)[0]["changeType"], "updated");
}

#[tokio::test]
async fn a_storm_of_edits_is_told_in_few_calls() {
    let tenant = tenant().await;
    let receiver = Receiver::start().await;
    tenant.post("subscriptions", &wanted(&receiver, "users")).await;
    let users: Vec<String> = tenant.truth().await.users.into_keys().take(150).collect();
    let edits: Vec<Value> = users
        .iter()
        .map(|user| json!({"method": "PATCH", "path": format!("users/{user}"), "body": {"office": "B2"}}))
        .collect();
    tenant.tell("POST", "batch", Value::Array(edits)).await;
    let calls = told(&tenant, &receiver).await;
    assert_eq!(calls.len(), 2, "a hundred in each at most");
    let told: BTreeSet<String> =
        notifications(&calls).iter().map(|one| text(&one["resourceData"]["id"])).collect();
    assert_eq!(told, users.into_iter().collect());
}

#[tokio::test]
async fn without_a_good_handshake_there_is_no_subscription() {
    let tenant = tenant().await;
    let receiver = Receiver::start().await;
    for (mood, says) in [
        (Mood::WrongWord, "exactly match"),
        (Mood::Page, "text/plain"),
        (Mood::Status(500), "200 OK"),
        (Mood::Status(202), "200 OK"),
    ] {
        receiver.set(mood);
        let answer = tenant.post("subscriptions", &wanted(&receiver, "users")).await;
        assert_eq!((answer.status, answer.code()), (400, "ValidationError"), "{mood:?}");
        assert!(answer.text.contains(says), "{mood:?}: {}", answer.text);
    }
    let mut nowhere = wanted(&receiver, "users");
    nowhere["notificationUrl"] = json!("http://127.0.0.1:1/hooks");
    assert_eq!(tenant.post("subscriptions", &nowhere).await.status, 400);
    assert!(tenant.get("subscriptions").await.rows().is_empty());
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_refused() {
    let tenant = tenant().await;
    let receiver = Receiver::start().await;
    for (field, value) in [
        ("changeType", json!("created")),
        ("resource", json!("me/messages")),
        ("notificationUrl", json!("http://sync.example.org/hooks")),
        ("expirationDateTime", json!(later(-1_000))),
        ("expirationDateTime", json!(later(30 * IN_A_DAY))),
        ("expirationDateTime", json!("soon")),
        ("clientState", json!("x".repeat(129))),
        ("colour", json!("red")),
    ] {
        let mut body = wanted(&receiver, "users");
        body[field] = value.clone();
        let answer = tenant.post("subscriptions", &body).await;
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.text);
    }
    // The longest life there is, and one that is raised to the shortest.
    let mut body = wanted(&receiver, "users");
    body["expirationDateTime"] = json!(later(41_760 * 60_000));
    assert_eq!(tenant.post("subscriptions", &body).await.status, 201);
    body["expirationDateTime"] = json!(later(60_000));
    let raised = tenant.post("subscriptions", &body).await;
    assert!(text(&raised.body["expirationDateTime"]) > later(40 * 60_000), "{}", raised.text);
    // Reading groups is not enough to be told of them.
    let plain = Tenant::start().await;
    assert_eq!(plain.post("subscriptions", &wanted(&receiver, "users")).await.status, 201);
    let answer = plain.post("subscriptions", &wanted(&receiver, "groups")).await;
    assert_eq!((answer.status, answer.code()), (403, "Authorization_RequestDenied"));
}

#[tokio::test]
async fn a_subscription_is_prolonged_or_ends() {
    let mut tenant = tenant().await;
    let receiver = Receiver::start().await;
    let made = tenant.post("subscriptions", &wanted(&receiver, "users")).await;
    let path = format!("subscriptions/{}", text(&made.body["id"]));
    let until = later(2 * IN_A_DAY);
    let patch = tenant.graph(Method::PATCH, &path).json(&json!({"expirationDateTime": until}));
    let answer = send(patch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(text(&answer.body["expirationDateTime"])[..19], until[..19]);
    assert_eq!(answer.body["clientState"], Value::Null, "it is not shown again");
    let again = send(tenant.graph(Method::POST, &format!("{path}/reauthorize"))).await;
    assert_eq!(again.status, 204);
    tenant.advance(3 * 86_400).await;
    tenant.log_in().await;
    assert_eq!(tenant.get(&path).await.status, 404);
    tenant.new_user("late@contoso.example").await;
    assert!(told(&tenant, &receiver).await.is_empty());
    // Or by its owner.
    let mut body = wanted(&receiver, "users");
    body["expirationDateTime"] = json!(later(4 * IN_A_DAY));
    let made = tenant.post("subscriptions", &body).await;
    let path = format!("subscriptions/{}", text(&made.body["id"]));
    assert_eq!(send(tenant.graph(Method::DELETE, &path)).await.status, 204);
    assert_eq!(send(tenant.graph(Method::DELETE, &path)).await.status, 404);
    tenant.new_user("later@contoso.example").await;
    assert!(told(&tenant, &receiver).await.is_empty());
}

#[tokio::test]
async fn lifecycle_events_are_told() {
    let tenant = tenant().await;
    let receiver = Receiver::start().await;
    tenant.post("subscriptions", &wanted(&receiver, "users")).await;
    for event in ["missed", "reauthorizationRequired", "subscriptionRemoved"] {
        tenant.tell("POST", "webhooks/lifecycle", json!({"event": event})).await;
        let all = notifications(&told(&tenant, &receiver).await);
        assert_eq!(
            (&all[0]["lifecycleEvent"], &all[0]["clientState"]),
            (&json!(event), &json!("hush"))
        );
    }
    assert!(tenant.get("subscriptions").await.rows().is_empty());
    let wrong = tenant.control("POST", "webhooks/lifecycle", &json!({"event": "party"})).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn deliveries_can_be_lost_doubled_and_false() {
    let tenant = tenant().await;
    let receiver = Receiver::start().await;
    tenant.post("subscriptions", &wanted(&receiver, "users")).await;
    let storm = async |manner: Value| {
        tenant.tell("POST", "webhooks", manner).await;
        tenant.new_user(&format!("{}@contoso.example", tenant.truth().await.users.len())).await;
        told(&tenant, &receiver).await
    };
    assert_eq!(storm(json!({"duplicate": 1.0})).await.len(), 2);
    assert!(storm(json!({"lose": 1.0})).await.is_empty());
    let false_ones = notifications(&storm(json!({"wrong_secret": 1.0})).await);
    assert_ne!(false_ones[0]["clientState"], "hush");
    // Nobody is there for a while: it is tried again, and shown to control.
    receiver.set(Mood::Status(503));
    storm(json!({"attempts": 2})).await;
    let report = tenant.tell("GET", "webhooks", Value::Null).await;
    let statuses: Vec<&Value> = report["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .take(2)
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, [503, 503]);
    assert_eq!(report["registered"].as_array().unwrap().len(), 1);
    assert!(!report.to_string().contains("hush"));
    for wrong in [json!({"duplicate": 2}), json!({"attempts": 0}), json!({"speed": 1})] {
        assert_eq!(tenant.control("POST", "webhooks", &wrong).await.status, 400);
    }
}

#[tokio::test]
async fn nothing_is_subscribed_inside_a_batch() {
    let tenant = Tenant::with(Options { ..Tenant::options() }).await;
    let receiver = Receiver::start().await;
    let request = json!({"requests": [{
        "id": "1", "method": "POST", "url": "/subscriptions",
        "headers": {"Content-Type": "application/json"}, "body": wanted(&receiver, "users"),
    }]});
    let answer = tenant.post("$batch", &request).await;
    assert_eq!(answer.body["responses"][0]["status"], 400);
}
