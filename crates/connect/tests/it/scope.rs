//! Reading only what an administrator chose, at the source.

use std::collections::BTreeSet;

use connect::Progress;
use directory::observation::{Member, Question, Verdict};
use serde_json::Value;

use crate::tenant::{Copy, Tenant, id, person};

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
        put(tenant, &outer, "users", &ann).await;
        let inner = if nested {
            let inner = tenant.new_group("Inside").await;
            put(tenant, &inner, "users", &ben).await;
            put(tenant, &outer, "groups", &inner).await;
            Some(inner)
        } else {
            put(tenant, &outer, "users", &ben).await;
            None
        };
        Self { outer, inner, people: vec![ann, ben], outsider }
    }

    fn groups(&self) -> BTreeSet<String> {
        self.inner.iter().chain([&self.outer]).cloned().collect()
    }
}

async fn put(tenant: &Tenant, group: &str, kind: &str, member: &str) {
    tenant.control("PUT", &format!("groups/{group}/{kind}/{member}"), Value::Null).await;
}

/// Only the chosen groups, those inside, and their people are read; who exists elsewhere is gone to the directory.
async fn only_the_chosen(tenant: Tenant, nested: bool) {
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
    let mut expected = vec![Verdict::Exists, Verdict::Gone];
    let other = truth.groups.keys().find(|group| !small.groups().contains(*group)).unwrap();
    for (group, verdict) in [(&small.outer, Verdict::Exists), (other, Verdict::Gone)] {
        questions.push(Question::Group(id(group)));
        expected.push(verdict);
    }
    questions
        .push(Question::Membership { group: id(&small.outer), member: person(&small.people[0]) });
    expected.push(Verdict::Exists);
    if let Some(inner) = &small.inner {
        questions.push(Question::Group(id(inner)));
        questions.push(Question::Membership {
            group: id(&small.outer),
            member: Member::Group(id(inner)),
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
    only_the_chosen(Tenant::start().await, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_groups_of_google() {
    only_the_chosen(Tenant::google().await, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_groups_of_okta() {
    only_the_chosen(Tenant::okta().await, false).await;
}
