//! Faults of Okta's organisation, in the vendor's shape.

use serde_json::{Value, json};

use crate::{
    org::{Org, SCOPES, code, ids, next, rows},
    tenant::send,
};

const USERS: &str = "users?limit=200";

#[tokio::test]
async fn a_status_has_oktas_body() {
    let org = Org::start().await;
    for (fault, expected) in [
        (json!({"status": 400}), "E0000001"),
        (json!({"status": 401}), "E0000011"),
        (json!({"status": 401, "reason": "E0000015"}), "E0000015"),
        (json!({"status": 403}), "E0000006"),
        (json!({"status": 404}), "E0000007"),
        (json!({"status": 429}), "E0000047"),
        (json!({"status": 500}), "E0000009"),
        (json!({"status": 502}), "E0000009"),
        (json!({"status": 503}), "E0000010"),
        (json!({"status": 503, "reason": "E0000100"}), "E0000100"),
    ] {
        let mut whole = json!({"route": "/users", "kind": "status", "times": 1});
        whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        org.fault(whole).await;
        let answer = org.get(USERS).await;
        assert_eq!((json!(answer.status), code(&answer)), (fault["status"].clone(), expected));
        assert!(!answer.header("x-rate-limit-reset").is_empty());
        assert_eq!(org.get(USERS).await.status, 200);
    }
    let fault = json!({"route": "/users", "kind": "status", "status": 429, "reason": "concurrency", "times": 1});
    org.fault(fault).await;
    let answer = org.get(USERS).await;
    assert_eq!(
        (answer.header("x-rate-limit-limit"), answer.header("x-rate-limit-remaining")),
        ("0", "0")
    );
    for (status, reason, expected) in [
        (401, Value::Null, "invalid_client"),
        (400, json!("invalid_scope"), "invalid_scope"),
        (403, Value::Null, "access_denied"),
    ] {
        let fault = json!({"route": "/token", "kind": "status", "status": status, "reason": reason, "times": 1});
        org.fault(fault).await;
        let answer = org.ask_with(&[]).await;
        assert_eq!((answer.status, &answer.body["error"]), (status, &json!(expected)));
    }
    org.fault(json!({"route": "/token", "kind": "status", "status": 503, "times": 1})).await;
    let answer = org.ask_with(&[]).await;
    assert_eq!((answer.status, code(&answer)), (503, "E0000010"));
}

#[tokio::test]
async fn lists_are_bent() {
    let org = Org::start().await;
    let whole = ids(&org.all(USERS).await);
    org.fault(json!({"route": "/users", "kind": "empty", "times": 1})).await;
    let page = org.get(USERS).await;
    assert!(rows(&page).is_empty() && next(&page).is_none());

    org.fault(json!({"route": "/users\\?", "kind": "omit", "share": 0.1, "seed": 3})).await;
    let part = ids(&org.all(USERS).await);
    assert!(part.is_subset(&whole) && (1_100..1_240).contains(&part.len()), "{}", part.len());
    let missing = whole.difference(&part).next().unwrap();
    assert_eq!(org.get(&format!("users/{missing}")).await.status, 200);
    org.tell("DELETE", "faults", Value::Null).await;

    org.fault(json!({"route": "/users", "kind": "duplicate"})).await;
    let all = org.all(USERS).await;
    assert!(all.len() > whole.len());
    assert_eq!(ids(&all), whole);
    org.tell("DELETE", "faults", Value::Null).await;

    org.fault(json!({"route": "after=", "kind": "replay"})).await;
    let all = org.all(USERS).await;
    assert_eq!(all.len(), 200 + 2 * (1_300 - 200), "each following page comes twice");
    assert_eq!(ids(&all), whole);
    org.tell("DELETE", "faults", Value::Null).await;

    let group = org.truth().await.group("Half of the people").to_owned();
    let members = format!("groups/{group}/users?limit=200");
    org.fault(json!({"route": "/groups/", "kind": "empty", "times": 1})).await;
    assert!(rows(&org.get(&members).await).is_empty());
    org.new_group("Logged").await;
    org.fault(json!({"route": "/logs", "kind": "empty", "times": 1})).await;
    let page = org.get("logs").await;
    assert!(rows(&page).is_empty() && next(&page).is_some(), "polling goes on");
    assert_eq!(rows(&org.get(&next(&page).unwrap()).await).len(), 1);
}

#[tokio::test]
async fn links_and_redirects_lead_astray() {
    let org = Org::start().await;
    org.fault(json!({"route": "/users", "kind": "foreign_link", "times": 1})).await;
    let link = next(&org.get(USERS).await).unwrap();
    assert!(!link.starts_with(org.running.url()), "{link}");
    let token = format!("SSWS {}", org.okta().token);
    send(org.http.get(&link).header("Authorization", token)).await;
    assert_eq!(org.violations("token_to_foreign_host").await, 1);
    org.fault(json!({"route": "/users", "kind": "redirect", "times": 1})).await;
    let answer = org.get(USERS).await;
    assert_eq!(answer.status, 302);
    assert!(!answer.header("location").starts_with(org.running.url()));
    org.fault(json!({"route": "/users", "kind": "invalid_json", "times": 1})).await;
    assert!(org.get(USERS).await.body.is_null());
    org.fault(json!({"route": "/users", "kind": "html", "times": 1})).await;
    assert!(org.get(USERS).await.header("content-type").starts_with("text/html"));
    for kind in ["truncate", "reset"] {
        org.fault(json!({"route": "/users", "kind": kind, "times": 1})).await;
        let sent = org.api(reqwest::Method::GET, USERS).send().await;
        let whole = match sent {
            Ok(response) => response.bytes().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(whole.is_err(), "{kind}");
    }
    assert_eq!(org.get(USERS).await.status, 200);
}

#[tokio::test]
async fn tokens_end_between_pages() {
    let mut org = Org::start().await;
    org.log_in(SCOPES).await;
    let first = org.get_bound(USERS).await;
    let second = next(&first).unwrap();
    org.tell("POST", "expire", json!({"what": "tokens"})).await;
    assert_eq!(org.get_bound(&second).await.status, 401);
    org.log_in(SCOPES).await;
    let page = org.get_bound(&second).await;
    assert_eq!(rows(&page).len(), 200, "the cursor is still good");
    assert!(ids(rows(&page)).is_disjoint(&ids(rows(&first))));
}

#[tokio::test]
async fn small_pages_and_nameless_clients_are_noted() {
    let org = Org::start().await;
    let page = org.get("users?limit=20").await;
    assert_eq!(org.violations("page_size_too_small").await, 0);
    org.get(&next(&page).unwrap()).await;
    assert_eq!(org.violations("page_size_too_small").await, 1);
    assert_eq!(org.violations("missing_user_agent").await, 0);
}
