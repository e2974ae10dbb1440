//! The provider's bad hours: nothing is lost, nothing is invented, and the words are plain.

use serde_json::{Value, json};

use crate::tenant::{Copy, Tenant, pull};

/// Reads in full and by changes while a fault strikes a few times, and must end with the truth.
async fn survives(fault: Value) {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    tenant.faults(json!([fault])).await;
    let mut copy = Copy::default();
    let (cursor, notes) = pull(&connector, &mut copy, None).await.unwrap();
    assert_eq!(copy, tenant.truth().await, "a full read under {fault}");
    assert!(
        notes.iter().any(|note| note.contains("repeated") || note.contains("slow down")),
        "{notes:?}"
    );
    tenant.new_user("new@contoso.example").await;
    tenant.control("DELETE", "faults", Value::Null).await;
    tenant.faults(json!([fault])).await;
    pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert_eq!(copy, tenant.truth().await, "changes under {fault}");
    let violations = tenant.violations().await;
    assert_eq!(violations["token_to_foreign_host"], 0, "{violations}");
    assert_eq!(violations["retry_before_retry_after"], 0, "{violations}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling() {
    survives(
        json!({"route": "graph", "kind": "status", "status": 429, "retry_after_s": 1, "times": 3}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_unavailable() {
    survives(json!({"route": "graph", "kind": "status", "status": 503, "times": 4})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_bodies() {
    survives(json!({"route": "graph", "kind": "truncate", "times": 5})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break() {
    survives(json!({"route": "graph", "kind": "reset", "times": 5})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_captive_portal() {
    survives(json!({"route": "graph", "kind": "html", "times": 3})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbled_json() {
    survives(json!({"route": "graph", "kind": "invalid_json", "times": 3})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_not_followed() {
    survives(json!({"route": "graph", "kind": "redirect", "times": 3})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_twice_count_once() {
    let tenant = Tenant::start().await;
    tenant
        .faults(
            json!([{"route": "graph", "kind": "duplicate"}, {"route": "delta", "kind": "replay"}]),
        )
        .await;
    let mut copy = Copy::default();
    let connector = tenant.connector();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
    tenant.new_user("new@contoso.example").await;
    let (cursor, _) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_expires_between_pages_is_renewed_once() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    let (_, notes) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert!(notes.iter().any(|note| note.contains("new token")), "{notes:?}");
    // And in the middle of a full read with many requests in flight.
    tenant.faults(json!([{"route": "members", "kind": "delay", "delay_ms": 30}])).await;
    let expire = async {
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    };
    let (done, ()) = tokio::join!(pull(&connector, &mut copy, None), expire);
    done.unwrap();
    assert_eq!(copy, tenant.truth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_position_means_reading_everything_again() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let gone = copy.users.keys().next().unwrap().clone();
    tenant.control("DELETE", &format!("users/{gone}"), Value::Null).await;
    tenant.control("POST", "expire", json!({"what": "cursors"})).await;
    let (cursor, notes) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert!(notes.iter().any(|note| note.contains("everything was read again")), "{notes:?}");
    assert_eq!(copy, tenant.truth().await);
    // After more than seven days of silence too.
    tenant.control("POST", "clock", json!({"advance_s": 8 * 86_400})).await;
    let (_, notes) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert!(notes.iter().any(|note| note.contains("everything was read again")), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_another_host_is_refused_and_sees_no_token() {
    let tenant = Tenant::start().await;
    tenant.faults(json!([{"route": "v1.0/users", "kind": "foreign_link"}])).await;
    let error = pull(&tenant.connector(), &mut Copy::default(), None).await.unwrap_err();
    assert!(error.to_string().contains("leads to another host"), "{error}");
    assert_eq!(tenant.violations().await["token_to_foreign_host"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_stays_down_fails_the_read_in_words() {
    let tenant = Tenant::start().await;
    tenant.faults(json!([{"route": "v1.0/users", "kind": "status", "status": 503}])).await;
    let error = pull(&tenant.connector(), &mut Copy::default(), None).await.unwrap_err();
    assert_eq!(error.code(), Some("N-5XX"));
    assert!(error.to_string().contains("temporary problem"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_without_an_end_are_not_believed() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    tenant.new_user("new@contoso.example").await;
    tenant.faults(json!([{"route": "users/delta", "kind": "empty", "times": 1}])).await;
    // Whatever the vendor's empty answer leads to, the new user is not lost.
    let cursor = pull(&connector, &mut copy, Some(&cursor)).await.map_or(cursor, |(next, _)| next);
    pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
}
