//! An error about one object is that object's: it keeps what was known of it, is named, and is asked for again.

mod places;

use std::collections::BTreeSet;

use connect::{OnePerson, Progress};
use directory::observation::{Listing, Observation, Unread};
use serde_json::{Value, json};

use crate::tenant::{Copy, Tenant};

/// What can go wrong with one object for good: what the simulator does, and what is said of it.
fn troubles() -> Vec<(Value, &'static str)> {
    let status = |status: u16| json!({"kind": "status", "status": status, "reason": "forbidden"});
    vec![
        (status(403), "refuses it (403"),
        (status(500), "fails at it each time (500"),
        (status(503), "fails at it each time (503"),
        (json!({"kind": "status", "status": 404}), "shows the object all the same (404"),
        (json!({"kind": "truncate"}), "broke off"),
        (json!({"kind": "invalid_json"}), "ended early or is garbled"),
        (json!({"kind": "reset"}), "broke off"),
        (json!({"kind": "html", "status": 403}), "proxy refused"),
        (json!({"kind": "html"}), "something other than"),
        (json!({"kind": "redirect"}), "redirects requests elsewhere"),
        (
            json!({"kind": "status", "status": 503, "retry_after_s": 3_600}),
            "fails at it each time (503",
        ),
    ]
}

/// Which requests are for a group's members.
fn members(tenant: &Tenant, group: &str) -> String {
    let list = if tenant.is_okta() { "users" } else { "members" };
    format!("groups/{group}/{list}")
}

fn unread_groups(observation: &Observation) -> BTreeSet<String> {
    let ids = observation.unreadable.iter().map(|one| match &one.what {
        Unread::Members(id) => id.to_string(),
        other => panic!("{other:?} is no group's members"),
    });
    ids.collect()
}

/// Groups that go wrong, each in its own way.
async fn each_in_its_own_way(tenant: Tenant) {
    let truth = tenant.truth().await;
    let troubles = troubles();
    let with_members =
        |group: &&String| truth.members.iter().filter(|edge| edge.0 == **group).count() >= 2;
    let groups: Vec<String> =
        truth.groups.keys().filter(with_members).take(troubles.len()).cloned().collect();
    let broken: BTreeSet<String> = groups.iter().cloned().collect();
    assert_eq!(groups.len(), troubles.len());
    let mut copy = Copy::default();
    let read = tenant.connector().pull(None, &Progress::default()).await.unwrap();
    assert!(read.unreadable.is_empty(), "{:?}", read.unreadable);
    copy.hear(&read);
    let known = copy.clone();
    let faults = groups.iter().zip(&troubles).map(|(group, (fault, _))| {
        let mut fault = fault.clone();
        fault["route"] = json!(members(&tenant, group));
        fault
    });
    tenant.faults(faults.collect()).await;
    // Everything is read, but for these, which stay as they were.
    let read = tenant.connector().pull(None, &Progress::default()).await.unwrap();
    copy.hear(&read);
    assert_eq!(copy, known);
    assert!(read.everything);
    assert_eq!(unread_groups(&read), broken);
    for (group, (_, said)) in groups.iter().zip(&troubles) {
        let is_it = |what: &Unread| matches!(what, Unread::Members(id) if id.to_string() == *group);
        let error = &read.unreadable.iter().find(|one| is_it(&one.what)).unwrap().error;
        assert!(error.contains(said), "{error} does not say `{said}`");
        assert!(!error.to_lowercase().contains("role"), "{error} blames the administrator");
    }
    // What happens to them meanwhile is not lost, nor what happens elsewhere.
    let newcomer = tenant.new_user("newcomer@contoso.example").await;
    let healthy = truth.groups.keys().find(|group| !broken.contains(*group)).unwrap();
    for group in groups.iter().chain([healthy]) {
        tenant.put(group, "users", &newcomer).await;
    }
    let cursor = read.cursor.unwrap();
    let read = tenant.connector().pull(Some(&cursor), &Progress::default()).await.unwrap();
    copy.hear(&read);
    assert_eq!(unread_groups(&read), broken);
    assert!(copy.users.contains_key(&newcomer));
    assert!(copy.members.contains(&(healthy.clone(), newcomer.clone())));
    let kept = |group: &&(String, String)| broken.contains(&group.0);
    assert!(known.members.iter().filter(kept).all(|edge| copy.members.contains(edge)));
    // Another process goes on from there, when all is well again.
    tenant.control("DELETE", "faults", Value::Null).await;
    let cursor = read.cursor.unwrap();
    let read = tenant.connector().pull(Some(&cursor), &Progress::default()).await.unwrap();
    copy.hear(&read);
    assert!(read.unreadable.is_empty(), "{:?}", read.unreadable);
    assert_eq!(copy, tenant.truth().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_entra() {
    each_in_its_own_way(Tenant::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_google() {
    each_in_its_own_way(Tenant::google().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_okta() {
    each_in_its_own_way(Tenant::okta().await).await;
}

/// Where most are refused, that is about the tenant; so is a credential that is refused, for whatever object.
async fn most_of_them(tenant: Tenant, code: &str) {
    let groups: Vec<String> = tenant.truth().await.groups.into_keys().collect();
    let refused = |groups: &[String]| -> Value {
        let fault = |group: &String| json!({"route": members(&tenant, group), "kind": "status", "status": 403, "reason": "forbidden"});
        groups.iter().map(fault).collect()
    };
    for count in [groups.len(), groups.len() / 2 + 2] {
        tenant.faults(refused(&groups[..count])).await;
        let failed = tenant.connector().pull(None, &Progress::default()).await.unwrap_err();
        assert_eq!(failed.code(), Some(code), "{failed}");
        assert!(
            failed.to_string().contains("objects that were asked for were refused"),
            "{failed}"
        );
        tenant.control("DELETE", "faults", Value::Null).await;
    }
    tenant.faults(refused(&groups[..groups.len() / 2 - 2])).await;
    let read = tenant.connector().pull(None, &Progress::default()).await.unwrap();
    // Nobody asks Okta for the members of the group of everybody.
    assert!((groups.len() / 2 - 3..groups.len() / 2 - 1).contains(&read.unreadable.len()));
    tenant.control("DELETE", "faults", Value::Null).await;
    let route = members(&tenant, &groups[0]);
    tenant.faults(json!([{"route": route, "kind": "status", "status": 401}])).await;
    tenant.connector().pull(None, &Progress::default()).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn most_groups_of_entra() {
    most_of_them(Tenant::start().await, "E-CONSENT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn most_groups_of_google() {
    most_of_them(Tenant::google().await, "G-SUBJECT-ADMIN").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn most_groups_of_okta() {
    most_of_them(Tenant::okta().await, "O-ROLE").await;
}

/// Somebody whose groups cannot be read is read all the same.
async fn a_person_without_groups(tenant: Tenant, login: &str) {
    let user = tenant.new_user(login).await;
    let route = if tenant.is_entra() {
        format!("users/{user}/memberOf")
    } else if tenant.is_okta() {
        format!("users/{user}/groups")
    } else {
        format!("groups\\?userKey={user}")
    };
    for status in [403, 500] {
        let fault =
            json!({"route": route, "kind": "status", "status": status, "reason": "forbidden"});
        tenant.faults(json!([fault])).await;
        let read = tenant.connector().person(&user, None, &Progress::default()).await.unwrap();
        assert!(
            matches!(&read, OnePerson::There { record, groups: None } if record.id.to_string() == user),
            "{read:?}"
        );
        tenant.control("DELETE", "faults", Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_of_each_provider() {
    a_person_without_groups(Tenant::start().await, "one@contoso.example").await;
    a_person_without_groups(Tenant::google().await, "one@globex.example").await;
    a_person_without_groups(Tenant::okta().await, "one@initech.example").await;
}

/// Of what was chosen a group cannot be read: nobody who is in it seems to be gone.
async fn a_part_of_the_chosen(tenant: Tenant) {
    let groups: Vec<String> = tenant.truth().await.groups.into_keys().take(4).collect();
    let chosen = groups.join(";");
    let settings = [("read", "groups"), ("groups", chosen.as_str())];
    let connector = tenant.connector_with(&settings).unwrap();
    let mut copy = Copy::default();
    copy.hear(&connector.pull(None, &Progress::default()).await.unwrap());
    let before = copy.clone();
    let route = members(&tenant, &groups[1]);
    let fault = json!({"route": route, "kind": "status", "status": 403, "reason": "forbidden"});
    tenant.faults(json!([fault])).await;
    let read = connector.pull(None, &Progress::default()).await.unwrap();
    assert_eq!(unread_groups(&read), BTreeSet::from([groups[1].clone()]));
    assert!(matches!(read.people, Listing::Delta { .. }), "not all who are there are known");
    copy.hear(&read);
    assert_eq!(copy, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_groups_of_each_provider() {
    a_part_of_the_chosen(Tenant::start().await).await;
    a_part_of_the_chosen(Tenant::google().await).await;
    a_part_of_the_chosen(Tenant::okta().await).await;
}

/// One person among many who are asked for by their ids.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_cannot_be_completed() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let read = connector.pull(None, &Progress::default()).await.unwrap();
    let mut copy = Copy::default();
    copy.hear(&read);
    let group = copy.groups.keys().next().unwrap().clone();
    let fault = json!({"route": members(&tenant, &group), "kind": "status", "status": 403});
    tenant.faults(json!([fault])).await;
    let newcomer = tenant.new_user("delta@contoso.example").await;
    tenant.put(&group, "users", &newcomer).await;
    // The list of changes tells it without a question about the group: nothing is unreadable.
    let read = connector.pull(read.cursor.as_ref(), &Progress::default()).await.unwrap();
    assert!(read.unreadable.is_empty());
    copy.hear(&read);
    assert_eq!(copy, tenant.truth().await);
}
