//! The Google connector against the simulated organisation, over real sockets.

use std::collections::BTreeSet;

use connect::{Connector, Progress};
use directory::observation::{Attribute, Listing, Member, MembersListing, Question, Verdict};
use serde_json::{Value, json};

use crate::tenant::{Copy, Tenant, id, person, pull};

/// The organisation as the connector is to see it: everybody in the place of "everybody".
async fn truth(tenant: &Tenant) -> Copy {
    tenant.truth().await
}

/// Pulls whole and by turns until nothing is due, and must have the truth each time.
async fn agrees(tenant: &Tenant, connector: &Connector, copy: &mut Copy) {
    pull(connector, copy, None).await.unwrap();
    assert_eq!(*copy, truth(tenant).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_read_is_the_truth() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    assert!(observation.everything);
    let mut copy = Copy::default();
    copy.hear(&observation);
    assert_eq!(copy, truth(&tenant).await);
    let violations = tenant.violations().await;
    let bad = violations.as_object().unwrap().iter().any(|(_, count)| count != &json!(0));
    assert!(!bad, "{violations}");
    // A group's name for products is made of its address.
    let Listing::Complete(groups) = &observation.groups else { panic!("groups are complete") };
    for group in groups {
        let get = |attribute| group.attributes.get(attribute).unwrap_or_default();
        assert_eq!(get(Attribute::Mail).split('@').next(), Some(get(Attribute::MailNickname)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_seen_at_the_next_pull() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (mut cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let joiner = tenant.new_user("joiner@contoso.example").await;
    let group = copy.groups.keys().next().unwrap().clone();
    let leaver = copy.users.keys().next().unwrap().clone();
    for (method, path, body) in [
        ("PUT", format!("groups/{group}/users/{joiner}"), Value::Null),
        ("DELETE", format!("users/{leaver}"), Value::Null),
        ("PATCH", format!("users/{joiner}"), json!({"active": false, "first_name": "New"})),
    ] {
        tenant.control(method, &path, body).await;
        (cursor, _) = pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
        assert_eq!(copy, truth(&tenant).await, "{method} {path}");
    }
    assert!(copy.members.contains(&(group, joiner.clone())));
    assert_eq!(copy.users[&joiner], ("joiner@contoso.example".to_owned(), false));
    // A position that was made for other settings reads everything.
    let other = tenant.connector_with(&[("everyone_members", "ignore")]).unwrap();
    let (_, notes) = pull(&other, &mut copy, Some(&cursor)).await.unwrap();
    assert!(notes.iter().any(|note| note.contains("everything was read")), "{notes:?}");
}

/// Members are read in turns: what shows nowhere else is found when its group has its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_group_has_its_turn() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector_with(&[("requests_per_minute", "3000")]).unwrap();
    let mut cursor = connector.pull(None, &Progress::default()).await.unwrap().cursor.unwrap();
    let all: BTreeSet<String> = truth(&tenant).await.groups.into_keys().collect();
    let mut turned = BTreeSet::new();
    for _ in 0..5 {
        let observation = connector.pull(Some(&cursor), &Progress::default()).await.unwrap();
        assert!(observation.members.len() < all.len(), "not all at once");
        turned.extend(observation.members.iter().map(|members| members.group.to_string()));
        cursor = observation.cursor.unwrap();
    }
    assert_eq!(turned, all);
}

/// Reads in full while a fault strikes a few times, and must end with the truth.
async fn survives(fault: Value) {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    tenant.faults(json!([fault])).await;
    let mut copy = Copy::default();
    let (_, notes) = pull(&connector, &mut copy, None).await.unwrap();
    assert_eq!(copy, truth(&tenant).await, "under {fault}");
    let told = |note: &String| note.contains("repeated") || note.contains("slow down");
    assert!(notes.iter().any(told), "{fault}: {notes:?}");
    let violations = tenant.violations().await;
    assert_eq!(violations["retry_before_retry_after"], 0, "{violations}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_hours_are_survived() {
    let route = "directory";
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
    let tenant = Tenant::google().await;
    tenant.faults(json!([{"route": "directory", "kind": "duplicate"}])).await;
    agrees(&tenant, &tenant.connector(), &mut Copy::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_positions_may_expire() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    agrees(&tenant, &connector, &mut copy).await;
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    agrees(&tenant, &connector, &mut copy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_read_changes_nothing() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    tenant.faults(json!([{"route": "v1/groups", "kind": "status", "status": 403}])).await;
    let error = connector.pull(None, &Progress::default()).await.unwrap_err();
    assert!(error.to_string().contains("while reading groups"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_by_the_provider() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    let before = truth(&tenant).await;
    let people: Vec<&String> = before.users.keys().collect();
    let (group, member) = before
        .members
        .iter()
        .find(|(_, member)| before.users.contains_key(member) && member != people[0])
        .unwrap();
    let stranger = before
        .users
        .keys()
        .find(|user| !before.members.contains(&(group.clone(), (*user).clone())))
        .unwrap();
    let emptied = before.groups.keys().find(|known| *known != group).unwrap();
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
        Question::Group(id(emptied)),
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
    assert!(set.users.iter().any(|user| Member::User(user.clone()) == person(member)));
}

/// A member of type `CUSTOMER` is everybody, which neither a person's groups nor a member's look-up shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_in_a_group_that_has_everybody() {
    let tenant = Tenant::google().await;
    let connector = tenant.connector();
    let whole = tenant.control("GET", "truth", Value::Null).await;
    let group = whole["groups"].as_array().unwrap().iter().find(|group| group["everybody"] == true);
    let group = id(group.unwrap()["id"].as_str().unwrap());
    connector.pull(None, &Progress::default()).await.unwrap();
    let before = truth(&tenant).await;
    let user = before.users.keys().next().unwrap();
    let question =
        Question::Membership { group: group.clone(), member: person(user), nested: Vec::new() };
    assert_eq!(
        connector.confirm(std::slice::from_ref(&question)).await.unwrap(),
        [Verdict::Exists]
    );
    let direct = connector.memberships(&[id(user)]).await.unwrap();
    let expected: BTreeSet<String> =
        before.members.iter().filter(|(_, m)| m == user).map(|(g, _)| g.clone()).collect();
    let found = direct[0].1.as_ref().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(expected, found);
    tenant.control("DELETE", &format!("users/{user}"), Value::Null).await;
    assert_eq!(connector.confirm(&[question]).await.unwrap(), [Verdict::Gone]);
}

/// What the check says while something is wrong.
async fn refused(tenant: &Tenant, settings: &[(&str, &str)]) -> String {
    let connector = tenant.connector_with(settings).unwrap();
    let report = connector.probe(|_| {}).await;
    assert!(!report.succeeded(), "{report}");
    let step = report.steps.iter().find(|step| step.code.is_some());
    step.unwrap_or_else(|| panic!("{report}")).code.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_names_what_is_wrong() {
    let tenant = Tenant::google().await;
    let report = tenant.connector().probe(|_| {}).await;
    assert!(report.succeeded(), "{report}");
    assert_eq!(refused(&tenant, &[("subject", "nobody@contoso.example")]).await, "G-SUBJECT");
    assert_eq!(refused(&tenant, &[("customer", "C0nowhere")]).await, "G-CUSTOMER");
    for (what, code) in
        [("consent", "G-DWD"), ("role", "G-SUBJECT-ADMIN"), ("scope", "G-SCOPE-PART")]
    {
        tenant.control("POST", "revoke", json!({"what": what})).await;
        assert_eq!(refused(&tenant, &[]).await, code, "{what}");
        tenant.control("POST", "grant", json!({"what": what})).await;
        let report = tenant.connector().probe(|_| {}).await;
        assert!(report.succeeded(), "{what}: {report}");
    }
    tenant.control("POST", "expire", json!({"what": "secret"})).await;
    assert_eq!(refused(&tenant, &[]).await, "G-KEY");
}

/// A membership that shows in no list of groups is found by the audit log, when it is switched on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_says_which_groups_changed() {
    let tenant = Tenant::google().await;
    // So few requests are allowed that hardly any group has its turn.
    let slow = [("requests_per_minute", "3000"), ("members_share", "1")];
    let with_log = [slow[0], slow[1], ("reports", "on")];
    for (settings, found) in [(&slow[..], false), (&with_log[..], true)] {
        let connector = tenant.connector_with(settings).unwrap();
        let mut copy = Copy::default();
        let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
        // The last group in turn; one member goes and another one comes, so that their number stays.
        let truth = truth(&tenant).await;
        let group = truth.groups.keys().next_back().unwrap().clone();
        let outside = truth
            .users
            .keys()
            .find(|user| !truth.members.contains(&(group.clone(), (*user).clone())));
        let inside = truth.members.iter().find(|(g, m)| *g == group && truth.users.contains_key(m));
        let (Some(outside), Some((_, inside))) = (outside, inside) else { continue };
        for (method, user) in [("PUT", outside), ("DELETE", inside)] {
            tenant.control(method, &format!("groups/{group}/users/{user}"), Value::Null).await;
        }
        let observation = connector.pull(Some(&cursor), &Progress::default()).await.unwrap();
        let read = observation.members.iter().any(|one| one.group.to_string() == group);
        assert!(read || !found, "the log tells of it");
        copy.hear(&observation);
        if found {
            assert_eq!(copy, self::truth(&tenant).await);
        }
    }
}
