//! Okta's System Log and event hooks.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    org::{Org, code, encoded, next, rows},
    tenant::{Answer, send, text},
};

fn kinds(answer: &Answer) -> Vec<String> {
    rows(answer).iter().map(|event| text(&event["eventType"])).collect()
}

/// The server's time, as a client reads it.
async fn server_time(org: &Org) -> String {
    let user = org.new_user(&format!("{}@initech.example", crate::org::unique())).await;
    // To the millisecond, so that its own events lie before it.
    text(&org.get(&format!("users/{user}")).await.body["lastUpdated"])
}

#[tokio::test]
async fn every_edit_is_in_the_log() {
    let org = Org::start().await;
    let user = org.new_user("ann@initech.example").await;
    let group = org.new_group("Crew").await;
    let (person, crew) = (format!("users/{user}"), format!("groups/{group}"));
    let null = Value::Null;
    for (method, path, body) in [
        ("PUT", format!("{crew}/{person}"), null.clone()),
        ("DELETE", format!("{crew}/{person}"), null.clone()),
        ("PATCH", person.clone(), json!({"last_name": "Lee"})),
        ("PATCH", person.clone(), json!({"email": "ann@mail.initech.example"})),
        ("PATCH", person.clone(), json!({"active": false})),
        ("PATCH", person.clone(), json!({"active": true})),
        ("PATCH", person.clone(), json!({"status": "LOCKED_OUT"})),
        ("PATCH", person.clone(), json!({"status": "ACTIVE"})),
        ("PATCH", crew.clone(), json!({"name": "Crew 2"})),
        ("PUT", format!("assignments/{person}"), null.clone()),
        ("PUT", format!("assignments/{crew}"), null.clone()),
        ("DELETE", person.clone(), null.clone()),
        ("POST", format!("{person}/restore"), null.clone()),
        ("DELETE", person.clone(), null.clone()),
        ("DELETE", person.clone(), null.clone()),
        ("DELETE", crew.clone(), null.clone()),
    ] {
        org.tell(method, &path, body).await;
    }
    let answer = org.get("logs?limit=1000").await;
    assert_eq!(
        kinds(&answer),
        [
            "user.lifecycle.create",
            "user.lifecycle.activate",
            "group.lifecycle.create",
            "group.user_membership.add",
            "group.user_membership.remove",
            "user.account.update_profile",
            "user.account.update_profile",
            "user.account.update_primary_email",
            "user.lifecycle.suspend",
            "user.lifecycle.unsuspend",
            "user.account.lock",
            "user.account.unlock",
            "group.profile.update",
            "application.user_membership.add",
            "group.application_assignment.add",
            "user.lifecycle.deactivate",
            "user.lifecycle.reactivate",
            "user.lifecycle.deactivate",
            "user.lifecycle.delete.initiated",
            "user.lifecycle.delete.completed",
            "group.lifecycle.delete",
        ]
    );
    let ids: BTreeSet<String> = rows(&answer).iter().map(|one| text(&one["uuid"])).collect();
    assert_eq!(ids.len(), rows(&answer).len(), "each has an id of its own");
    let joined = &rows(&answer)[3];
    for name in ["published", "severity", "displayMessage", "version"] {
        assert!(joined[name].is_string(), "{name}");
    }
    assert_eq!(joined["outcome"]["result"], "SUCCESS");
    let of_kind = |kind: &str| {
        let targets = joined["target"].as_array().unwrap();
        text(&targets.iter().find(|one| one["type"] == kind).unwrap()["id"])
    };
    assert_eq!((of_kind("User"), of_kind("UserGroup")), (user, group));
}

#[tokio::test]
async fn polling_never_ends_and_misses_nothing() {
    let org = Org::start().await;
    let since = server_time(&org).await;
    let filter = encoded(
        "eventType eq \"user.lifecycle.delete.completed\" or eventType eq \"group.lifecycle.delete\"",
    );
    let path = format!("logs?since={since}&sortOrder=ASCENDING&limit=1000&filter={filter}");
    let first = org.get(&path).await;
    assert!(rows(&first).is_empty());
    let mut link = next(&first).unwrap();
    let user = org.new_user("ann@initech.example").await;
    for round in 0..3 {
        let group = org.new_group(&format!("G{round}")).await;
        org.tell("DELETE", &format!("groups/{group}"), Value::Null).await;
        let page = org.get(&link).await;
        assert_eq!(kinds(&page), ["group.lifecycle.delete"]);
        assert_eq!(rows(&page)[0]["target"][0]["id"], group);
        link = next(&page).unwrap();
        let empty = org.get(&link).await;
        assert!(rows(&empty).is_empty());
        link = next(&empty).unwrap();
    }
    org.tell("DELETE", &format!("users/{user}"), Value::Null).await;
    org.tell("DELETE", &format!("users/{user}"), Value::Null).await;
    assert_eq!(kinds(&org.get(&link).await), ["user.lifecycle.delete.completed"]);
    // In small pages, each event once.
    let path = format!("logs?since={since}&limit=2");
    let (mut page, mut seen) = (org.get(&path).await, Vec::new());
    while !rows(&page).is_empty() {
        seen.extend(rows(&page).iter().map(|one| text(&one["uuid"])));
        page = org.get(&next(&page).unwrap()).await;
    }
    let whole = org.get(&format!("logs?since={since}&limit=1000")).await;
    let whole: Vec<String> = rows(&whole).iter().map(|one| text(&one["uuid"])).collect();
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn bounded_requests_end_and_can_fall() {
    let org = Org::start().await;
    let since = server_time(&org).await;
    for at in 0..5 {
        org.new_group(&format!("G{at}")).await;
    }
    let until = "2999-01-01T00:00:00Z";
    let path = format!("logs?since={since}&until={until}&limit=2");
    let (mut page, mut seen) = (org.get(&path).await, rows(&org.get(&path).await).to_vec());
    while let Some(link) = next(&page) {
        page = org.get(&link).await;
        seen.extend_from_slice(rows(&page));
    }
    assert_eq!(seen.len(), 5);
    let falling = org.get(&format!("logs?since={since}&sortOrder=DESCENDING&limit=3")).await;
    let order: Vec<String> = rows(&falling).iter().map(|one| text(&one["uuid"])).collect();
    let wanted: Vec<String> = seen.iter().rev().take(3).map(|one| text(&one["uuid"])).collect();
    assert_eq!(order, wanted);
    let rest = org.get(&next(&falling).unwrap()).await;
    assert_eq!(rows(&rest).len(), 2);
    assert!(next(&rest).is_none());
    let group = text(&seen[0]["target"][0]["id"]);
    let filter = encoded(&format!("target.id eq \"{group}\" and not_a.field eq \"x\""));
    let answer = org.get(&format!("logs?filter={filter}")).await;
    assert_eq!((answer.status, code(&answer)), (400, "E0000053"));
    let filter = encoded(&format!("target.id eq \"{group}\" and eventType sw \"group.\""));
    assert_eq!(rows(&org.get(&format!("logs?filter={filter}")).await).len(), 1);
    let word = org.get("logs?q=g3&limit=10").await;
    assert_eq!(rows(&word).len(), 1);
}

#[tokio::test]
async fn the_log_reaches_back_180_days() {
    let org = Org::start().await;
    org.new_group("Old").await;
    let now = server_time(&org).await;
    let day = |text: &str, back: u32| {
        // The year before is always older than 180 days.
        let year: u32 = text[..4].parse().unwrap();
        format!("{}{}", year - back, &text[4..])
    };
    let answer = org.get(&format!("logs?since={}", day(&now, 1))).await;
    assert_eq!((answer.status, code(&answer)), (400, "E0000053"));
    for (query, expected) in [
        ("limit=1001", "E0000001"),
        ("since=yesterday", "E0000001"),
        ("sortOrder=UP", "E0000001"),
        (&format!("since={now}&until={}", day(&now, 1)), "E0000001"),
    ] {
        let answer = org.get(&format!("logs?{query}")).await;
        assert_eq!((answer.status, code(&answer)), (400, expected), "{query}");
    }
    assert!(rows(&org.get("logs").await).len() > 1);
    org.advance(29 * 86_400).await;
    assert!(rows(&org.get("logs").await).is_empty(), "seven days by default");
    for _ in 0..6 {
        org.advance(29 * 86_400).await;
        org.get("logs").await;
    }
    let link = org.get(&format!("logs?until=2999-01-01T00:00:00Z&since={now}")).await;
    assert_eq!(link.status, 400, "too old now");
}

#[tokio::test]
async fn events_may_be_late() {
    let org = Org::start().await;
    let since = server_time(&org).await;
    org.tell("POST", "lag", json!({"delta_ms": 10_000})).await;
    for at in 0..20 {
        org.new_group(&format!("G{at}")).await;
    }
    let path = format!("logs?since={since}&limit=1000");
    let first = org.get(&path).await;
    assert!(rows(&first).is_empty());
    org.advance(11).await;
    let second = org.get(&next(&first).unwrap()).await;
    let some = rows(&second).len();
    assert!((1..20).contains(&some), "{some}");
    org.advance(20).await;
    let third = org.get(&next(&second).unwrap()).await;
    assert_eq!(some + rows(&third).len(), 20, "the late ones come behind the others");
    let earliest = rows(&third).iter().map(|one| text(&one["published"])).min().unwrap();
    let latest = rows(&second).iter().map(|one| text(&one["published"])).max().unwrap();
    assert!(earliest < latest, "although they happened before");
}

/// A hook as a client registers it.
fn hook(uri: &str) -> Value {
    json!({
        "name": "Muster",
        "events": {"type": "EVENT_TYPE", "items": ["group.lifecycle.delete"]},
        "channel": {"type": "HTTP", "version": "1.0.0", "config": {
            "uri": uri,
            "headers": [{"key": "X-Other", "value": "v"}],
            "authScheme": {"type": "HEADER", "key": "Authorization", "value": "secret"},
        }},
    })
}

#[tokio::test]
async fn hooks_are_kept_and_not_verified_without_a_receiver() {
    let org = Org::start().await;
    let post = async |path: &str, body: &Value| send(org.api(Method::POST, path).json(body)).await;
    let made = post("eventHooks", &hook("https://muster.example/hook")).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let id = text(&made.body["id"]);
    assert!(id.starts_with("who") && id.len() == 20, "{id}");
    assert_eq!(
        (&made.body["status"], &made.body["verificationStatus"]),
        (&json!("ACTIVE"), &json!("UNVERIFIED"))
    );
    assert!(!made.text.contains("secret"), "the secret is not shown again");
    assert_eq!(made.body["channel"]["config"]["authScheme"]["key"], "Authorization");
    let path = format!("eventHooks/{id}");
    assert_eq!(org.get(&path).await.body, made.body);
    assert_eq!(rows(&org.get("eventHooks").await).len(), 1);
    let verified = post(&format!("{path}/lifecycle/verify"), &json!({})).await;
    assert_eq!((verified.status, code(&verified)), (400, "E0000001"));
    let mut other = hook("https://muster.example/other");
    other["name"] = json!("Other");
    let changed = send(org.api(Method::PUT, &path).json(&other)).await;
    assert_eq!(changed.body["name"], "Other");
    let kept = send(org.api(Method::DELETE, &path)).await;
    assert_eq!((kept.status, code(&kept)), (400, "E0000001"), "it is active");
    let off = post(&format!("{path}/lifecycle/deactivate"), &json!({})).await;
    assert_eq!(off.body["status"], "INACTIVE");
    assert_eq!(send(org.api(Method::DELETE, &path)).await.status, 204);
    assert_eq!(code(&org.get(&path).await), "E0000007");
    for (name, value) in [
        ("name", json!("")),
        ("events", json!({"type": "EVENT_TYPE", "items": []})),
        ("events", json!({"type": "OTHER", "items": ["a"]})),
        ("channel", hook("http://muster.example/plain")["channel"].clone()),
        ("channel", Value::Null),
    ] {
        let mut body = hook("https://muster.example/hook");
        body[name] = value.clone();
        let answer = post("eventHooks", &body).await;
        assert_eq!((answer.status, code(&answer)), (400, "E0000001"), "{name} {value}");
    }
    let answer = send(org.api(Method::POST, "eventHooks").body("not json")).await;
    assert_eq!((answer.status, code(&answer)), (400, "E0000003"));
    assert_eq!(post("eventHooks", &hook("http://127.0.0.1:9/hook")).await.status, 200);
}
