//! The provider's bad hours: products keep what they have, and the report says what happened.

use serde_json::{Value, json};

use crate::{expected::Oracle, random::assert_same, service::Demo};

/// Strikes while a synchronisation runs, and expects words in its report; then the fault is over, and the
/// directory is what it should be.
async fn strikes(fault: Value, full: bool, words: &str) {
    let demo = Demo::start(300, 40, 2_000, 5).await;
    let mut oracle = Oracle::default();
    oracle.expect(&demo.truth().await);
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    demo.new_user("new@contoso.example").await;
    demo.faults(json!([fault])).await;
    let (code, report) = demo.sync(full);
    let failed = report["outcome"].get("failed").is_some();
    assert_eq!(code == 1, failed, "{report}");
    assert!(report.to_string().contains(words), "`{words}` is not in {report}");
    let mut after = demo.product();
    after.synchronise().await;
    let copy = after.copy();
    for (name, person) in &before.users {
        assert_eq!(copy.users.get(name), Some(person), "{name} was lost under {fault}");
    }
    assert!(before.members.is_subset(&copy.members), "memberships were lost under {fault}");
    assert!(
        before.groups.iter().all(|group| copy.groups.contains_key(group.0)),
        "groups were lost under {fault}"
    );
    demo.no_faults().await;
    let (code, report) = demo.sync(full);
    assert_eq!(code, 0, "{report}");
    product.synchronise().await;
    assert_same(&product.copy(), &oracle.expect(&demo.truth().await), &format!("after {fault}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling() {
    strikes(
        json!({"route": "graph", "kind": "status", "status": 429, "retry_after_s": 1, "times": 2}),
        true,
        "slow down",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_unavailable_for_a_while() {
    strikes(
        json!({"route": "graph", "kind": "status", "status": 503, "times": 3}),
        false,
        "were repeated",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_unavailable_for_long() {
    strikes(json!({"route": "users", "kind": "status", "status": 503}), false, "temporary problem")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_pages() {
    strikes(json!({"route": "graph", "kind": "truncate", "times": 4}), true, "were repeated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections() {
    strikes(json!({"route": "members", "kind": "reset", "times": 4}), true, "were repeated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_next_link() {
    strikes(json!({"route": "graph", "kind": "foreign_link"}), true, "leads to another host").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_of_users() {
    strikes(json!({"route": "v1.0/users\\?", "kind": "empty"}), true, "held").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_of_groups() {
    strikes(json!({"route": "v1.0/groups\\?", "kind": "empty"}), true, "held").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_lists_of_members() {
    strikes(json!({"route": "members", "kind": "empty"}), true, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_silently_lack_a_tenth() {
    strikes(
        json!({"route": "graph/v1.0/(users|groups)\\?", "kind": "omit", "share": 0.1, "seed": 3}),
        true,
        "the list was wrong",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_expires_in_the_middle_and_an_expired_position() {
    let demo = Demo::start(300, 40, 2_000, 5).await;
    let mut oracle = Oracle::default();
    oracle.expect(&demo.truth().await);
    demo.control("POST", "expire", json!({"what": "tokens"})).await;
    let (code, report) = demo.sync(true);
    assert_eq!(code, 0, "{report}");
    assert!(report.to_string().contains("new token"), "{report}");
    let gone = demo.truth().await.users.iter().find(|user| !user.guest).unwrap().id.clone();
    demo.control("DELETE", &format!("users/{gone}"), Value::Null).await;
    demo.control("POST", "expire", json!({"what": "cursors"})).await;
    let (code, report) = demo.sync(false);
    assert_eq!(code, 0, "{report}");
    assert!(report.to_string().contains("everything was read again"), "{report}");
    let mut product = demo.product();
    product.synchronise().await;
    assert_same(&product.copy(), &oracle.expect(&demo.truth().await), "after an expired position");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_starts_again_with_what_products_were_told() {
    let mut demo = Demo::start(200, 20, 1_000, 6).await;
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    demo.kill();
    let (_server, url) = crate::service::serve(demo.data.path()).await;
    let crowd = &demo.file["crowd"];
    let text = |key: &str| crowd[key].as_str().unwrap().to_owned();
    let mut after = crate::product::Product::new(
        &format!("{url}/crowd"),
        text("application"),
        text("password"),
    );
    after.synchronise().await;
    assert_eq!(after.copy(), before);
}
