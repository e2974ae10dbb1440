//! Full reads and changes.

use connect::Progress;
use directory::observation::Listing;
use serde_json::{Value, json};
use simulator::{Options, Quotas};

use crate::tenant::{Copy, Tenant, pull};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_read_is_the_truth_and_the_next_changes_are_none() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let progress = Progress::default();
    let observation = connector.pull(None, &progress).await.unwrap();
    copy.hear(&observation);
    let truth = tenant.truth().await;
    assert_eq!(copy.users, truth.users);
    assert_eq!(copy.groups, truth.groups);
    assert_eq!(copy.members, truth.members);
    let counts = progress.counts();
    assert_eq!(
        (counts.users, counts.groups),
        (truth.users.len() as u64, truth.groups.len() as u64)
    );
    assert!(counts.requests >= 60 && counts.bytes > 0, "{counts:?}");

    progress.reset();
    let changes = connector.pull(observation.cursor.as_ref(), &progress).await.unwrap();
    assert_eq!(progress.counts().requests, 2, "one request for people, one for groups");
    assert!(matches!(&changes.people, Listing::Delta { .. }));
    copy.hear(&changes);
    assert_eq!(copy, truth);
    let violations = tenant.violations().await;
    assert!(violations.as_object().unwrap().values().all(|count| *count == 0), "{violations}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_edit_arrives_by_changes() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (mut cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let ann = tenant.new_user("ann@contoso.example").await;
    let ben = tenant.new_user("ben@contoso.example").await;
    let (team, inner) = (tenant.new_group("A team").await, tenant.new_group("Inner").await);
    let edits = [
        ("PUT", format!("groups/{team}/users/{ann}"), Value::Null),
        ("PUT", format!("groups/{team}/users/{ben}"), Value::Null),
        ("PUT", format!("groups/{team}/groups/{inner}"), Value::Null),
        (
            "PATCH",
            format!("users/{ann}"),
            json!({"login": "anna@contoso.example", "active": false}),
        ),
        ("PATCH", format!("groups/{team}"), json!({"name": "B team"})),
        ("DELETE", format!("groups/{team}/users/{ben}"), Value::Null),
        ("DELETE", format!("users/{ben}"), Value::Null),
        ("POST", format!("users/{ben}/restore"), Value::Null),
        ("DELETE", format!("groups/{team}/groups/{inner}"), Value::Null),
        ("DELETE", format!("groups/{inner}"), Value::Null),
        ("DELETE", format!("users/{ann}"), Value::Null),
    ];
    for (method, path, body) in edits {
        tenant.control(method, &path, body).await;
        cursor = pull(&connector, &mut copy, Some(&cursor)).await.unwrap().0;
        assert_eq!(copy, tenant.truth().await, "after {method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_group_comes_over_many_pages_and_in_many_pieces() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let group = tenant.new_group("Everybody").await;
    let edits: Vec<Value> = copy
        .users
        .keys()
        .map(|user| json!({"method": "PUT", "path": format!("groups/{group}/users/{user}")}))
        .collect();
    assert!(edits.len() > 999);
    tenant.control("POST", "batch", Value::Array(edits)).await;
    let mut by_changes = copy.clone();
    pull(&connector, &mut by_changes, Some(&cursor)).await.unwrap();
    let truth = tenant.truth().await;
    assert_eq!(by_changes, truth);
    pull(&connector, &mut copy, None).await.unwrap();
    assert_eq!(copy, truth);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_quota_is_kept_by_waiting() {
    let options = Options {
        users: 40,
        groups: 2_000,
        memberships: 4_000,
        quotas: Quotas::Vendor,
        ..Options::new("127.0.0.1:0".parse().unwrap())
    };
    let tenant = Tenant::with(options).await;
    let mut copy = Copy::default();
    // 2,000 lists of members cost 4,000 units, and a tenant of this size has 3,500 in 10 seconds.
    let (_, notes) = pull(&tenant.connector(), &mut copy, None).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
    // Graph says how much of the quota is used, and nobody had to be refused.
    assert!(!notes.iter().any(|note| note.contains("slow down")), "{notes:?}");
    let counters = tenant.control("GET", "counters", Value::Null).await;
    assert_eq!(counters["throttled"], 0, "{counters}");
    assert_eq!(counters["violations"]["token_to_foreign_host"], 0);
}
