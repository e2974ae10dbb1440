//! Members of Okta's groups, groups of people, and assignments of the application.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    org::{Org, code, ids, link, next, rows},
    tenant::text,
};

#[tokio::test]
async fn members_are_whole_people_and_the_truth() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let mut counted = 0;
    for (id, group) in &truth.groups {
        let members = org.all(&format!("groups/{id}/users?limit=200")).await;
        assert_eq!(ids(&members), truth.members(id), "{}", group["name"]);
        assert_eq!(members.len(), truth.members(id).len(), "each once");
        assert!(group["groups"].as_array().unwrap().is_empty(), "no nesting");
        counted += if group["everybody"] == true { 0 } else { members.len() };
        if let Some(member) = members.first() {
            let listed = org.get(&format!("users/{}", text(&member["id"]))).await.body;
            for name in ["status", "profile", "credentials", "lastUpdated", "type"] {
                assert_eq!(member[name], listed[name]);
            }
        }
    }
    assert_eq!(counted, 6_000);
    let everyone = truth.group("Everyone");
    assert_eq!(truth.members(everyone).len(), 1_300);
    assert!(org.all(&format!("groups/{}/users", truth.group("Nobody yet"))).await.is_empty());
}

#[tokio::test]
async fn large_pages_of_large_groups_fail() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let everyone = format!("groups/{}/users", truth.group("Everyone"));
    for path in [everyone.clone(), format!("{everyone}?limit=500")] {
        let answer = org.get(&path).await;
        assert_eq!((answer.status, code(&answer)), (500, "E0000009"), "{path}");
    }
    assert_eq!(rows(&org.get(&format!("{everyone}?limit=200")).await).len(), 200);
    let page = format!("groups/{}/users?limit=1000", truth.group("Exactly one page"));
    let answer = org.get(&page).await;
    assert_eq!(rows(&answer).len(), 999);
    assert!(next(&answer).is_none() && link(&answer, "self").is_some());
}

#[tokio::test]
async fn a_group_that_goes_between_pages_is_not_found() {
    let org = Org::start().await;
    let half = org.truth().await.group("Half of the people").to_owned();
    let first = org.get(&format!("groups/{half}/users?limit=200")).await;
    let second = next(&first).unwrap();
    let victim = text(&rows(&first)[0]["id"]);
    org.tell("DELETE", &format!("groups/{half}/users/{victim}"), Value::Null).await;
    let kept = org.get(&second).await;
    assert!(ids(rows(&kept)).is_disjoint(&ids(rows(&first))), "nobody moves between pages");
    org.tell("DELETE", &format!("groups/{half}"), Value::Null).await;
    let answer = org.get(&second).await;
    assert_eq!((answer.status, code(&answer)), (404, "E0000007"));
    assert!(answer.body["errorSummary"].as_str().unwrap().contains("(UserGroup)"));
}

#[tokio::test]
async fn the_groups_of_a_person_are_told_in_one_answer() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let person = truth.members(truth.group("Half of the people")).first().unwrap().clone();
    let expected: BTreeSet<String> =
        truth.groups.keys().filter(|id| truth.members(id).contains(&person)).cloned().collect();
    let answer = org.get(&format!("users/{person}/groups")).await;
    assert_eq!(ids(rows(&answer)), expected);
    assert!(expected.contains(truth.group("Everyone")));
    org.tell("DELETE", &format!("users/{person}"), Value::Null).await;
    assert!(rows(&org.get(&format!("users/{person}/groups")).await).is_empty());
    org.tell("DELETE", &format!("users/{person}"), Value::Null).await;
    assert_eq!(code(&org.get(&format!("users/{person}/groups")).await), "E0000007");
}

#[tokio::test]
async fn the_application_is_assigned_directly_and_by_group() {
    let org = Org::start().await;
    let app = format!("apps/{}", org.okta().app_id);
    let label = org.get(&app).await.body;
    assert_eq!((&label["id"], &label["status"]), (&json!(org.okta().app_id), &json!("ACTIVE")));
    let document = org.tell("GET", "truth", Value::Null).await;
    let truth = org.truth().await;
    let set =
        |rows: &Value| -> BTreeSet<String> { rows.as_array().unwrap().iter().map(text).collect() };
    let (direct, groups) =
        (set(&document["assigned"]["users"]), set(&document["assigned"]["groups"]));
    assert!(!direct.is_empty() && groups.len() > 1);
    let listed = org.all(&format!("{app}/groups?limit=20&expand=group")).await;
    assert_eq!(ids(&listed), groups);
    assert_eq!(listed[0]["_embedded"]["group"]["id"], listed[0]["id"]);
    let mut expected = direct.clone();
    expected.extend(groups.iter().flat_map(|id| truth.members(id)));
    let users = org.all(&format!("{app}/users?limit=100")).await;
    assert_eq!(ids(&users), expected);
    assert_eq!(users.len(), expected.len());
    for user in &users {
        let id = text(&user["id"]);
        let scope = if direct.contains(&id) { "USER" } else { "GROUP" };
        assert_eq!((&user["scope"], &user["status"]), (&json!(scope), &json!("ACTIVE")));
        assert_eq!(user["credentials"]["userName"], truth.users[&id]["login"]);
        assert_eq!(user["_links"].get("group").is_some(), scope == "GROUP");
    }
    let embedded = org.get(&format!("{app}/users?limit=1&expand=user")).await;
    assert_eq!(rows(&embedded)[0]["_embedded"]["user"]["id"], rows(&embedded)[0]["id"]);
    for bad in ["users?limit=501", "groups?limit=201"] {
        assert_eq!(code(&org.get(&format!("{app}/{bad}")).await), "E0000001", "{bad}");
    }
    assert_eq!(rows(&org.get(&format!("{app}/users")).await).len(), 50, "by default");
    assert_eq!(code(&org.get("apps/0oaNothing/users").await), "E0000007");
    assert_eq!(rows(&org.get("apps").await).len(), 2);
}

#[tokio::test]
async fn assignments_come_and_go() {
    let org = Org::start().await;
    let app = format!("apps/{}", org.okta().app_id);
    let user = org.new_user("ann@initech.example").await;
    let group = org.new_group("Jira users").await;
    let path = format!("{app}/users/{user}");
    assert_eq!(code(&org.get(&path).await), "E0000007");
    org.tell("PUT", &format!("groups/{group}/users/{user}"), Value::Null).await;
    let done = org.tell("PUT", &format!("assignments/groups/{group}"), Value::Null).await;
    assert_eq!(done["changed"], true);
    assert_eq!(org.get(&path).await.body["scope"], "GROUP");
    org.tell("PUT", &format!("assignments/users/{user}"), Value::Null).await;
    assert_eq!(org.get(&path).await.body["scope"], "USER");
    assert_eq!(org.get(&format!("{app}/groups/{group}")).await.body["id"], group);
    org.tell("DELETE", &format!("users/{user}"), Value::Null).await;
    assert_eq!(code(&org.get(&path).await), "E0000007", "assignments end too");
    org.tell("POST", &format!("users/{user}/restore"), Value::Null).await;
    assert_eq!(code(&org.get(&path).await), "E0000007", "and do not come back");
    org.tell("DELETE", &format!("groups/{group}"), Value::Null).await;
    assert_eq!(code(&org.get(&format!("{app}/groups/{group}")).await), "E0000007");
}
