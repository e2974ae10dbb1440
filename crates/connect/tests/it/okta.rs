//! The Okta connector against the simulated organisation, over real sockets.

use std::collections::BTreeSet;

use connect::{ConnectError, Connector, Progress};
use directory::observation::{Listing, MembersListing, Question, Verdict};
use serde_json::{Value, json};
use simulator::{Dpop, LinkHeaders, Options, Quotas};

use crate::tenant::{Copy, Tenant, id, person, pull};

async fn no_violations(tenant: &Tenant) {
    let violations = tenant.violations().await;
    let bad = violations.as_object().unwrap().iter().any(|(_, count)| count != &json!(0));
    assert!(!bad, "{violations}");
}

/// With the API token in the place of the service app.
fn by_token(tenant: &Tenant, more: &[(&str, &str)]) -> Result<Connector, ConnectError> {
    let token = tenant.running.description().okta.clone().unwrap().token;
    let mut settings = vec![("client_id", ""), ("key_id", ""), ("secret", token.as_str())];
    settings.extend_from_slice(more);
    tenant.connector_with(&settings)
}

async fn reads_the_truth(tenant: &Tenant, connector: &Connector) {
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    assert!(observation.everything);
    let mut copy = Copy::default();
    copy.hear(&observation);
    assert_eq!(copy, tenant.truth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_read_is_the_truth_whatever_the_credential() {
    let tenant = Tenant::okta().await;
    let jwk = tenant.running.description().okta.clone().unwrap().jwk_file;
    let jwk = std::fs::read_to_string(jwk).unwrap();
    reads_the_truth(&tenant, &tenant.connector()).await;
    reads_the_truth(&tenant, &tenant.connector_with(&[("secret", &jwk)]).unwrap()).await;
    reads_the_truth(&tenant, &by_token(&tenant, &[]).unwrap()).await;
    no_violations(&tenant).await;
}

/// An app without proofs of possession, and links that a proxy joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_apps_and_proxies_are_understood() {
    let options = Options {
        okta_dpop: Dpop::Optional,
        okta_links: LinkHeaders::Joined,
        ..Tenant::okta_options()
    };
    let tenant = Tenant::with(options).await;
    reads_the_truth(&tenant, &tenant.connector()).await;
    no_violations(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_seen_at_the_next_pull() {
    let tenant = Tenant::okta().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (mut cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let joiner = tenant.new_user("joiner@initech.example").await;
    let mut groups = copy.groups.keys();
    let (group, other) = (groups.next().unwrap().clone(), groups.next_back().unwrap().clone());
    let mut users = copy.users.keys();
    let (leaver, gone) = (users.next().unwrap().clone(), users.next_back().unwrap().clone());
    let fresh = tenant.new_group("Fresh").await;
    for (method, path, body) in [
        ("PUT", format!("groups/{fresh}/users/{joiner}"), Value::Null),
        ("PATCH", format!("groups/{fresh}"), json!({"description": "since today"})),
        ("DELETE", format!("users/{leaver}"), Value::Null),
        ("PATCH", format!("users/{joiner}"), json!({"active": false, "first_name": "New"})),
        ("DELETE", format!("groups/{fresh}"), Value::Null),
        // Deactivated, and then deleted for good, of which only the System Log tells.
        ("DELETE", format!("users/{gone}"), Value::Null),
        ("DELETE", format!("users/{gone}"), Value::Null),
        ("POST", format!("users/{leaver}/restore"), Value::Null),
    ] {
        tenant.control(method, &path, body).await;
        (cursor, _) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
        assert_eq!(copy, tenant.truth().await, "{method} {path}");
    }
    assert!(!copy.groups.contains_key(&fresh));
    assert!(copy.groups.contains_key(&group) && copy.groups.contains_key(&other));
    assert_eq!(copy.users[&joiner], ("joiner@initech.example".to_owned(), false));
    // A position that was made for other settings reads everything.
    let again = tenant.connector_with(&[("everyone_members", "ignore")]).unwrap();
    let (_, notes) = pull(&again, &mut copy, Some(&cursor)).await.unwrap();
    assert!(notes.iter().any(|note| note.contains("everything was read")), "{notes:?}");
    no_violations(&tenant).await;
}

/// Without the System Log nothing tells of who was deleted for good but a complete list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_log_complete_lists_are_compared() {
    let tenant = Tenant::okta().await;
    let connector = tenant.connector_with(&[("system_log", "off")]).unwrap();
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let group = copy.groups.keys().next_back().unwrap().clone();
    let fresh = tenant.new_group("Fresh").await;
    let member = copy.users.keys().next().unwrap().clone();
    tenant.control("PUT", &format!("groups/{fresh}/users/{member}"), Value::Null).await;
    let (cursor, _) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
    tenant.control("DELETE", &format!("groups/{fresh}"), Value::Null).await;
    let (_, notes) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert_eq!(copy, tenant.truth().await, "{notes:?}");
    assert!(copy.groups.contains_key(&group));
}

/// Reads in full while a fault strikes a few times, and must end with the truth.
async fn survives(fault: Value) {
    let tenant = Tenant::okta().await;
    let connector = tenant.connector();
    tenant.faults(json!([fault])).await;
    let mut copy = Copy::default();
    let (_, notes) = pull(&connector, &mut copy, None).await.unwrap();
    assert_eq!(copy, tenant.truth().await, "under {fault}");
    let told = |note: &String| note.contains("repeated") || note.contains("slow down");
    assert!(notes.iter().any(told), "{fault}: {notes:?}");
    let violations = tenant.violations().await;
    assert_eq!(violations["retry_before_retry_after"], 0, "{violations}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_hours_are_survived() {
    let route = "api/v1";
    for fault in [
        json!({"route": route, "kind": "status", "status": 429, "retry_after_s": 1, "times": 3}),
        json!({"route": route, "kind": "status", "status": 503, "times": 3}),
        json!({"route": route, "kind": "truncate", "times": 4}),
        json!({"route": route, "kind": "reset", "times": 4}),
        json!({"route": route, "kind": "html", "times": 3}),
        json!({"route": route, "kind": "invalid_json", "times": 3}),
        json!({"route": route, "kind": "redirect", "times": 3}),
    ] {
        survives(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_twice_count_once() {
    let tenant = Tenant::okta().await;
    tenant.faults(json!([{"route": "api/v1", "kind": "duplicate"}])).await;
    reads_the_truth(&tenant, &tenant.connector()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_positions_may_expire() {
    let tenant = Tenant::okta().await;
    let connector = tenant.connector();
    reads_the_truth(&tenant, &connector).await;
    for what in ["tokens", "cursors"] {
        tenant.control("POST", "expire", json!({"what": what})).await;
        reads_the_truth(&tenant, &connector).await;
    }
}

/// The vendor's limits are kept to without a single refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_are_never_met() {
    let options = Options { quotas: Quotas::Vendor, ..Tenant::okta_options() };
    let tenant = Tenant::with(options).await;
    reads_the_truth(&tenant, &tenant.connector()).await;
    let counters = tenant.control("GET", "counters", Value::Null).await;
    assert_eq!(counters["throttled"], 0, "{counters}");
    no_violations(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_by_the_provider() {
    let tenant = Tenant::okta().await;
    let connector = tenant.connector();
    connector.pull(None, &Progress::default()).await.unwrap();
    let before = tenant.truth().await;
    let people: Vec<&String> = before.users.keys().collect();
    let (group, member) = before
        .members
        .iter()
        .find(|(group, member)| {
            let size = before.members.iter().filter(|(one, _)| one == group).count();
            member != people[0] && size < 100
        })
        .unwrap();
    let stranger = before
        .users
        .keys()
        .find(|user| !before.members.contains(&(group.clone(), (*user).clone())))
        .unwrap();
    let emptied = tenant.new_group("To be deleted").await;
    tenant.control("DELETE", &format!("users/{}", people[0]), Value::Null).await;
    tenant.control("DELETE", &format!("groups/{emptied}"), Value::Null).await;
    let membership = |member: &str| Question::Membership {
        group: id(group),
        member: person(member),
        nested: Vec::new(),
    };
    let questions = [
        Question::Person(id(people[0])),
        Question::Person(id(people[1])),
        Question::Group(id(&emptied)),
        Question::Group(id(group)),
        membership(member),
        membership(stranger),
    ];
    let verdicts = connector.confirm(&questions).await.unwrap();
    let (gone, exists) = (Verdict::Gone, Verdict::Exists);
    assert_eq!(verdicts, [gone, exists, gone, exists, exists, gone]);
    // A refusal confirms nothing.
    tenant.faults(json!([{"route": "users/", "kind": "status", "status": 403}])).await;
    let verdicts = connector.confirm(&questions[..2]).await.unwrap();
    assert_eq!(verdicts, [Verdict::Unknown, Verdict::Unknown]);
    tenant.control("DELETE", "faults", Value::Null).await;
    let direct = connector.memberships(&[id(member)]).await.unwrap();
    assert!(direct[0].1.as_ref().unwrap().contains(&id(group)));
    let read = connector.members(&[id(group)]).await.unwrap();
    let MembersListing::Complete(set) = &read[0].listing else { panic!("complete") };
    assert!(set.users.contains(&id(member)));
}

/// Only what is assigned to an app, by itself or through a group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_assigned_to_an_app() {
    let tenant = Tenant::okta().await;
    let app = tenant.running.description().okta.clone().unwrap().app_id;
    let settings = [("read", "assigned"), ("app", app.as_str())];
    let connector = tenant.connector_with(&settings).unwrap();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    let truth = tenant.control("GET", "truth", Value::Null).await;
    let ids = |value: &Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let (direct, groups) = (ids(&truth["assigned"]["users"]), ids(&truth["assigned"]["groups"]));
    let mut people = direct;
    for group in truth["groups"].as_array().unwrap() {
        if groups.contains(group["id"].as_str().unwrap()) {
            people.extend(ids(&group["users"]));
        }
    }
    let mut copy = Copy::default();
    copy.hear(&observation);
    assert_eq!(copy.users.keys().cloned().collect::<BTreeSet<_>>(), people);
    assert_eq!(copy.groups.keys().cloned().collect::<BTreeSet<_>>(), groups);
    let Listing::Complete(_) = &observation.people else { panic!("complete") };
}
