//! Faults and quotas of Google's organisation.

use serde_json::{Value, json};
use simulator::{Options, Quotas};

use crate::{
    tenant::text,
    workspace::{Workspace, reason, set},
};

const USERS: &str = "users?customer=my_customer&maxResults=500";

#[tokio::test]
async fn a_status_has_googles_body() {
    let workspace = Workspace::start().await;
    for (fault, expected) in [
        (json!({"status": 403}), "forbidden"),
        (json!({"status": 403, "reason": "userRateLimitExceeded"}), "userRateLimitExceeded"),
        (json!({"status": 403, "reason": "quotaExceeded"}), "quotaExceeded"),
        (json!({"status": 403, "reason": "insufficientPermissions"}), "insufficientPermissions"),
        (json!({"status": 429, "retry_after_s": 1}), "rateLimitExceeded"),
        (json!({"status": 401}), "authError"),
        (json!({"status": 500}), "internalError"),
        (json!({"status": 503}), "backendError"),
    ] {
        let mut whole = json!({"route": "/users", "kind": "status", "times": 1});
        whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        workspace.fault(whole).await;
        let answer = workspace.get(USERS).await;
        assert_eq!((json!(answer.status), reason(&answer)), (fault["status"].clone(), expected));
        let wait = fault["retry_after_s"].is_u64();
        assert_eq!(answer.header("retry-after"), if wait { "1" } else { "" });
        workspace.advance(1).await;
        assert_eq!(workspace.get(USERS).await.status, 200);
    }
    let counters = workspace.tell("GET", "counters", Value::Null).await;
    assert_eq!(counters["throttled"], 3, "a 403 may be throttling");
    workspace
        .fault(json!({"route": "oauth2/token", "kind": "status", "status": 503, "times": 1}))
        .await;
    let answer = workspace.ask_with(&[]).await;
    assert_eq!((answer.status, &answer.body["error"]), (503, &json!("internal_failure")));
}

#[tokio::test]
async fn lists_are_bent() {
    let workspace = Workspace::start().await;
    let whole = set(&workspace.all("users", USERS).await, "id");
    workspace.fault(json!({"route": "/users", "kind": "empty", "times": 1})).await;
    let page = workspace.get(USERS).await;
    assert!(page.status == 200 && page.body.get("users").is_none());
    assert!(page.body.get("nextPageToken").is_none() && page.body["kind"].is_string());

    workspace.fault(json!({"route": "/users\\?", "kind": "omit", "share": 0.1, "seed": 3})).await;
    let part = set(&workspace.all("users", USERS).await, "id");
    assert!(part.is_subset(&whole) && (1_100..1_240).contains(&part.len()), "{}", part.len());
    let missing = whole.difference(&part).next().unwrap();
    assert_eq!(workspace.get(&format!("users/{missing}")).await.status, 200);
    workspace.tell("DELETE", "faults", Value::Null).await;

    workspace.fault(json!({"route": "/users", "kind": "duplicate"})).await;
    let rows = workspace.all("users", USERS).await;
    assert!(rows.len() > whole.len());
    assert_eq!(set(&rows, "id"), whole);
    workspace.tell("DELETE", "faults", Value::Null).await;

    workspace.fault(json!({"route": "pageToken", "kind": "replay"})).await;
    let rows = workspace.all("users", USERS).await;
    assert_eq!(rows.len(), 500 + 2 * 500 + 2 * 300, "each following page comes twice");
    assert_eq!(set(&rows, "id"), whole);
}

#[tokio::test]
async fn tokens_and_redirects_lead_astray() {
    let workspace = Workspace::start().await;
    workspace.fault(json!({"route": "/users", "kind": "foreign_link", "times": 1})).await;
    let token = text(&workspace.get(USERS).await.body["nextPageToken"]);
    let answer = workspace.page(USERS, Some(&token)).await;
    assert_eq!((answer.status, reason(&answer)), (400, "invalid"));
    workspace.fault(json!({"route": "/users", "kind": "redirect", "times": 1})).await;
    let answer = workspace.get(USERS).await;
    assert_eq!(answer.status, 302);
    assert!(!answer.header("location").starts_with(workspace.running.url()));
    workspace.fault(json!({"route": "/users", "kind": "invalid_json", "times": 1})).await;
    assert!(workspace.get(USERS).await.body.is_null());
    workspace.fault(json!({"route": "/users", "kind": "html", "times": 1})).await;
    assert!(workspace.get(USERS).await.header("content-type").starts_with("text/html"));
    for kind in ["truncate", "reset"] {
        workspace.fault(json!({"route": "/users", "kind": kind, "times": 1})).await;
        let url = format!("{}/admin/directory/v1/{USERS}", workspace.google().api);
        let sent = workspace.http.get(url).bearer_auth(workspace.token()).send().await;
        let whole = match sent {
            Ok(response) => response.bytes().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(whole.is_err(), "{kind}");
    }
    assert_eq!(workspace.get(USERS).await.status, 200);
}

#[tokio::test]
async fn the_quota_is_per_minute_and_user_and_has_several_faces() {
    let options = Options {
        users: 30,
        groups: 5,
        memberships: 60,
        quotas: Quotas::Vendor,
        ..Workspace::options()
    };
    let mut workspace = Workspace::with(options).await;
    let path = "users?customer=my_customer&maxResults=1&fields=kind";
    let mut faces = std::collections::BTreeSet::new();
    let mut served = 0;
    while faces.len() < 3 {
        let answer = workspace.get(path).await;
        if answer.status == 200 {
            served += 1;
            continue;
        }
        assert!([403, 429].contains(&answer.status), "{}", answer.text);
        assert_eq!(answer.header("retry-after"), "", "Google does not say how long");
        faces.insert(reason(&answer).to_owned());
    }
    assert!(served >= 2_400);
    assert_eq!(
        faces.iter().map(String::as_str).collect::<Vec<_>>(),
        ["quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"]
    );
    let counters = workspace.tell("GET", "counters", Value::Null).await;
    assert!(counters["throttled"].as_u64().unwrap() >= 3);
    // Another subject has a quota of their own, as has the Reports API.
    let boss = json!({"login": "boss@globex.example", "admin": true});
    workspace.tell("POST", "users", boss).await;
    workspace.log_in_with(&[("sub", json!("boss@globex.example"))]).await;
    assert_eq!(workspace.get(path).await.status, 200);
    workspace.log_in().await;
    workspace.advance(60).await;
    assert_eq!(workspace.get(path).await.status, 200);
}
