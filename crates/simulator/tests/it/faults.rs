//! Faults, one by one, as far as a client sees them in whole answers; broken connections are in `wire.rs`.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::tenant::{Tenant, ids, send, text};

const LIST: &str = "users?$top=999&$select=id";

#[tokio::test]
async fn a_status_has_the_vendors_body_and_counts_down() {
    let tenant = Tenant::start().await;
    let fault = json!({"route": "/v1\\.0/users", "kind": "status", "status": 429,
                       "retry_after_s": 2, "times": 2});
    tenant.fault(fault).await;
    for _ in 0..2 {
        let answer = tenant.get(LIST).await;
        assert_eq!((answer.status, answer.code()), (429, "TooManyRequests"));
        assert_eq!(answer.header("retry-after"), "2");
        tenant.advance(2).await;
    }
    assert_eq!(tenant.get(LIST).await.status, 200);
    assert_eq!(tenant.get("groups?$top=1").await.status, 200);
    assert_eq!(tenant.violations("retry_before_retry_after").await, 0);
    let counters = tenant.tell("GET", "counters", Value::Null).await;
    assert_eq!((&counters["throttled"], &counters["faults"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn impatience_is_counted() {
    let tenant = Tenant::start().await;
    let fault =
        json!({"route": "users", "kind": "status", "status": 503, "retry_after_s": 60, "times": 1});
    tenant.fault(fault).await;
    assert_eq!(tenant.get(LIST).await.code(), "ServiceUnavailable");
    assert_eq!(tenant.get(LIST).await.status, 200);
    assert_eq!(tenant.violations("retry_before_retry_after").await, 1);
}

#[tokio::test]
async fn the_login_host_fails_in_its_own_words() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "oauth2", "kind": "status", "status": 503})).await;
    let answer = tenant.ask_token(&tenant.entra().tenant, &tenant.form()).await;
    assert_eq!((answer.status, &answer.body["error"]), (503, &json!("temporarily_unavailable")));
}

#[tokio::test]
async fn delay_then_the_truth() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "delay", "delay_ms": 150})).await;
    let begun = Instant::now();
    assert_eq!(tenant.get(LIST).await.rows().len(), 999);
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn html_and_broken_json_come_with_200() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "html", "times": 1})).await;
    let answer = tenant.get(LIST).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
    tenant.fault(json!({"route": "users", "kind": "invalid_json", "times": 1})).await;
    let answer = tenant.get(LIST).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/json"));
    assert!(answer.text.starts_with('{') && answer.body.is_null());
    assert_eq!(tenant.get(LIST).await.rows().len(), 999);
}

#[tokio::test]
async fn empty_has_the_vendors_shape() {
    let tenant = Tenant::start().await;
    let group = tenant.truth().await.group("Exactly one page").to_owned();
    let from = tenant.get("users/delta?$select=id&$deltatoken=latest").await;
    tenant.new_user("kept@contoso.example").await;
    tenant.fault(json!({"route": ".", "kind": "empty"})).await;
    for path in [LIST, "groups", &format!("groups/{group}/members")] {
        let answer = tenant.get(path).await;
        assert!(answer.rows().is_empty(), "{path}");
        assert!(answer.next().is_none() && answer.body["@odata.context"].is_string());
    }
    let (rows, link) = tenant.round(from.delta().unwrap()).await;
    assert!(rows.is_empty());
    tenant.tell("DELETE", "faults", Value::Null).await;
    assert_eq!(tenant.round(&link).await.0.len(), 1, "the change is not lost");
}

#[tokio::test]
async fn omit_leaves_a_share_out_of_lists_and_nothing_else() {
    let tenant = Tenant::start().await;
    let whole = ids(&tenant.all(LIST).await);
    tenant.fault(json!({"route": "users\\?", "kind": "omit", "share": 0.1, "seed": 3})).await;
    let part = ids(&tenant.all(LIST).await);
    assert!(part.is_subset(&whole) && (1_100..1_240).contains(&part.len()), "{}", part.len());
    assert_eq!(part, ids(&tenant.all(LIST).await), "always the same ones");
    let missing = whole.difference(&part).next().unwrap();
    assert_eq!(
        tenant.get(&format!("users/{missing}")).await.status,
        200,
        "still there when asked for"
    );
    tenant.tell("DELETE", "faults", Value::Null).await;
    let group = tenant.truth().await.group("All people").to_owned();
    tenant.fault(json!({"route": "/members", "kind": "omit", "share": 0.5})).await;
    let members = tenant.all(&format!("groups/{group}/members?$top=999&$select=id")).await;
    assert!((500..800).contains(&members.len()), "{}", members.len());
}

#[tokio::test]
async fn links_and_redirects_lead_astray() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "foreign_link", "times": 1})).await;
    let page = tenant.get("users?$top=200&$select=id").await;
    let link = page.next().unwrap().to_owned();
    assert!(!link.starts_with(tenant.running.url()), "{link}");
    tenant.fault(json!({"route": "groups", "kind": "redirect", "times": 1})).await;
    let answer = tenant.get("groups").await;
    assert_eq!(answer.status, 302);
    assert!(!answer.header("location").starts_with(tenant.running.url()));
    assert_eq!(tenant.violations("token_to_foreign_host").await, 0, "nobody followed yet");
    tenant.get(&link).await;
    assert_eq!(tenant.violations("token_to_foreign_host").await, 1);
    let counters = tenant.tell("GET", "counters", Value::Null).await;
    assert_eq!(counters["foreign_requests"], 1);
}

#[tokio::test]
async fn duplicate_and_replay_say_the_truth_more_than_once() {
    let tenant = Tenant::start().await;
    let whole = ids(&tenant.all(LIST).await);
    let group = tenant.truth().await.group("All people").to_owned();
    let from = tenant.get("users/delta?$select=id&$deltatoken=latest").await;
    let id = tenant.new_user("twice@contoso.example").await;
    let (_, link) = tenant.round(from.delta().unwrap()).await;
    tenant.fault(json!({"route": ".", "kind": "duplicate"})).await;
    let rows = tenant.all(LIST).await;
    assert!(rows.len() > whole.len() + 1);
    assert_eq!(ids(&rows).len(), whole.len() + 1);
    let members = tenant.all(&format!("groups/{group}/members?$top=999&$select=id")).await;
    assert!(members.len() > ids(&members).len());
    tenant.tell("DELETE", "faults", Value::Null).await;
    tenant.fault(json!({"route": "delta", "kind": "replay", "times": 1})).await;
    let (rows, link) = tenant.round(&link).await;
    assert_eq!(ids(&rows), BTreeSet::from([id]), "delivered once more");
    assert!(tenant.round(&link).await.0.is_empty());
}

#[tokio::test]
async fn hang_answers_nothing_and_holds_up_nobody_else() {
    let tenant = Tenant::start().await;
    tenant.fault(json!({"route": "users", "kind": "hang", "times": 1})).await;
    let hanging = send(tenant.graph(Method::GET, LIST));
    assert!(timeout(Duration::from_millis(100), hanging).await.is_err());
    assert_eq!(tenant.get(LIST).await.status, 200);
}

#[tokio::test]
async fn plans_are_checked_shown_and_forgotten() {
    let tenant = Tenant::start().await;
    for (bad, says) in [
        (json!([{"route": "(", "kind": "reset"}]), "regular expression"),
        (json!([{"route": "x", "kind": "nonsense"}]), "nonsense"),
        (json!([{"kind": "reset"}]), "route"),
        (json!([{"route": "x", "kind": "status", "status": 99}]), "status"),
        (json!([{"route": "x", "kind": "reset", "probability": 2.0}]), "probability"),
        (json!([{"route": "x", "kind": "reset", "often": 2}]), "often"),
        (json!({"route": "x", "kind": "reset"}), "cannot be read"),
    ] {
        let answer = tenant.control("POST", "faults", &bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(text(&answer.body["error"]).contains(says), "{bad}: {}", answer.text);
    }
    tenant
        .fault(json!({"route": "users", "kind": "status", "status": 500, "probability": 0.0}))
        .await;
    tenant.fault(json!({"route": "groups", "kind": "html", "times": 5})).await;
    tenant.get("groups").await;
    let plan = tenant.tell("GET", "faults", Value::Null).await;
    assert_eq!((&plan[1]["hits"], &plan[1]["fault"]["times"]), (&json!(1), &json!(4)));
    assert_eq!(tenant.get(LIST).await.status, 200, "probability 0 never happens");
    tenant.tell("DELETE", "faults", Value::Null).await;
    assert_eq!(tenant.tell("GET", "faults", Value::Null).await, json!([]));
    assert_eq!(tenant.get("groups").await.rows().len(), 60);
}
