//! Reading only what an administrator chose, at the source.

use std::collections::BTreeSet;

use connect::Progress;
use directory::observation::{Member, Question, Verdict};
use serde_json::{Value, json};

use crate::tenant::{Copy, Tenant, id, person};

const READING: [&str; 2] = ["User.Read.All", "GroupMember.Read.All"];

/// A group with a group inside, one person in each, and somebody who is in neither.
struct Small {
    outer: String,
    inner: Option<String>,
    people: Vec<String>,
    outsider: String,
}

impl Small {
    async fn made(tenant: &Tenant, nested: bool) -> Self {
        let ann = tenant.new_user("ann@contoso.example").await;
        let ben = tenant.new_user("ben@contoso.example").await;
        let outsider = tenant.new_user("cas@contoso.example").await;
        let outer = tenant.new_group("Chosen by name").await;
        tenant.put(&outer, "users", &ann).await;
        let inner = if nested {
            let inner = tenant.new_group("Inside").await;
            tenant.put(&inner, "users", &ben).await;
            tenant.put(&outer, "groups", &inner).await;
            Some(inner)
        } else {
            tenant.put(&outer, "users", &ben).await;
            None
        };
        Self { outer, inner, people: vec![ann, ben], outsider }
    }

    fn groups(&self) -> BTreeSet<String> {
        self.inner.iter().chain([&self.outer]).cloned().collect()
    }
}

/// Only the chosen groups, those inside, and their people are read; who exists elsewhere is gone to the directory.
async fn only_the_chosen(tenant: Tenant, nested: bool, outside: Verdict) {
    let small = Small::made(&tenant, nested).await;
    let settings = [("read", "groups"), ("groups", "chosen BY name; no such group")];
    let connector = tenant.connector_with(&settings).unwrap();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    assert!(observation.everything && observation.cursor.is_none());
    assert!(observation.notes.iter().any(|note| note.contains("`no such group`")));
    let mut copy = Copy::default();
    copy.hear(&observation);
    let truth = tenant.truth().await;
    let people: BTreeSet<String> = copy.users.keys().cloned().collect();
    assert_eq!(people, small.people.iter().cloned().collect());
    assert_eq!(copy.groups.keys().cloned().collect::<BTreeSet<_>>(), small.groups());
    for (id, user) in &copy.users {
        assert_eq!(truth.users.get(id), Some(user));
    }
    let inside = |(group, _): &&(String, String)| small.groups().contains(group);
    assert_eq!(copy.members, truth.members.iter().filter(inside).cloned().collect());
    let mut questions =
        vec![Question::Person(id(&small.people[1])), Question::Person(id(&small.outsider))];
    let mut expected = vec![Verdict::Exists, outside];
    let other = truth.groups.keys().find(|group| !small.groups().contains(*group)).unwrap();
    for (group, verdict) in [(&small.outer, Verdict::Exists), (other, Verdict::Gone)] {
        questions.push(Question::Group(id(group)));
        expected.push(verdict);
    }
    questions.push(Question::Membership {
        group: id(&small.outer),
        member: person(&small.people[0]),
        nested: Vec::new(),
    });
    expected.push(Verdict::Exists);
    if let Some(inner) = &small.inner {
        questions.push(Question::Group(id(inner)));
        questions.push(Question::Membership {
            group: id(&small.outer),
            member: Member::Group(id(inner)),
            nested: Vec::new(),
        });
        expected.extend([Verdict::Exists; 2]);
    }
    assert_eq!(connector.confirm(&questions).await.unwrap(), expected);
    // Chosen by id as well.
    let by_id = [("read", "groups"), ("groups", small.outer.as_str())];
    let connector = tenant.connector_with(&by_id).unwrap();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    let mut again = Copy::default();
    again.hear(&observation);
    assert_eq!(again, copy);
    // The connection to everything is as it was.
    let mut whole = Copy::default();
    let connector = tenant.connector();
    whole.hear(&connector.pull(None, &Progress::default()).await.unwrap());
    assert_eq!(whole, truth);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_groups_of_entra() {
    only_the_chosen(Tenant::start().await, true, Verdict::Gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_groups_of_google() {
    only_the_chosen(Tenant::google().await, true, Verdict::Gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_groups_of_okta() {
    only_the_chosen(Tenant::okta().await, false, Verdict::Unlisted).await;
}

/// People and groups that are assigned to the app, and the direct members of the groups; nested groups confer nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_assigned_to_the_app() {
    let tenant = Tenant::with_roles(&[READING[0], READING[1], "Application.Read.All"]).await;
    let app = tenant.running.description().entra.as_ref().unwrap().client_id.clone();
    let small = Small::made(&tenant, true).await;
    let alone = tenant.new_user("alone@contoso.example").await;
    for path in [format!("users/{alone}"), format!("groups/{}", small.outer)] {
        tenant.control("PUT", &format!("apps/{app}/{path}"), Value::Null).await;
    }
    let connector = tenant.connector_with(&[("read", "assigned")]).unwrap();
    let report = connector.probe(|_| {}).await;
    assert!(report.succeeded(), "{report}");
    let mut copy = Copy::default();
    copy.hear(&connector.pull(None, &Progress::default()).await.unwrap());
    let people: BTreeSet<String> = copy.users.keys().cloned().collect();
    // Ann is in the group itself, Ben in the group inside it.
    assert_eq!(people, BTreeSet::from([alone.clone(), small.people[0].clone()]));
    assert_eq!(copy.groups.keys().collect::<Vec<_>>(), [&small.outer]);
    assert!(copy.members.contains(&(small.outer.clone(), small.people[0].clone())));
    let truth = tenant.truth().await;
    assert!(copy.users.iter().all(|(id, user)| truth.users.get(id) == Some(user)), "whole records");
    let questions =
        [&alone, &small.people[0], &small.people[1]].map(|person| Question::Person(id(person)));
    // Graph has no question about one assignment, so that nobody is gone by one look at its lists.
    let expected = [Verdict::Exists, Verdict::Exists, Verdict::Unlisted];
    assert_eq!(connector.confirm(&questions).await.unwrap(), expected);
    // Another application's people, and none's.
    let other = "11111111-2222-4333-8444-555555555555";
    let settings = [("read", "assigned"), ("app", other)];
    let error = tenant.connector_with(&settings).unwrap().pull(None, &Progress::default()).await;
    assert!(error.unwrap_err().to_string().contains("no enterprise application"));
    tenant.control("PUT", &format!("apps/{other}/users/{}", small.outsider), Value::Null).await;
    let mut copy = Copy::default();
    let connector = tenant.connector_with(&settings).unwrap();
    copy.hear(&connector.pull(None, &Progress::default()).await.unwrap());
    assert_eq!(copy.users.keys().cloned().collect::<Vec<_>>(), [small.outsider]);
    // Without the permission nothing is concluded.
    tenant.control("POST", "roles", json!({"roles": READING})).await;
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    let error = connector.pull(None, &Progress::default()).await.unwrap_err();
    assert_eq!(error.code(), Some("E-CONSENT"));
    assert!(error.to_string().contains("Application.Read.All"), "{error}");
}

/// Who is in the scope through a group that hides its members would seem to have left it: nothing is read then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chosen_group_that_hides_its_members_is_not_taken_for_empty() {
    let options = simulator::Options {
        entra_hidden_members: simulator::HiddenMembers::Empty,
        users: 60,
        groups: 40,
        memberships: 200,
        ..simulator::Options::new("127.0.0.1:0".parse().unwrap())
    };
    let tenant = Tenant::with(options).await;
    let small = Small::made(&tenant, true).await;
    let inner = small.inner.clone().unwrap();
    tenant.control("PATCH", &format!("groups/{inner}"), json!({"hidden": true})).await;
    let settings = [("read", "groups"), ("groups", small.outer.as_str())];
    let connector = tenant.connector_with(&settings).unwrap();
    let error = connector.pull(None, &Progress::default()).await.unwrap_err();
    assert_eq!(error.code(), Some("E-HIDDEN"), "{error}");
    assert!(error.to_string().contains("`Inside`"), "{error}");
    let roles = [READING[0], READING[1], "Member.Read.Hidden"];
    tenant.control("POST", "roles", json!({"roles": roles})).await;
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    let mut copy = Copy::default();
    copy.hear(&connector.pull(None, &Progress::default()).await.unwrap());
    assert_eq!(copy.users.len(), 2);
}
