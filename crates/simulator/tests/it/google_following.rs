//! Many edits: the lists stay the truth, also while they are being paged through.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    tenant::{Truth, text},
    workspace::Workspace,
};

const USERS: &str = "users?customer=my_customer&maxResults=100";

/// A stream of numbers that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// One edit that may or may not be possible.
fn edit(dice: &mut Dice, users: &[String], groups: &[String], at: usize) -> Value {
    let (user, group, other) =
        (dice.pick(users).clone(), dice.pick(groups).clone(), dice.pick(groups).clone());
    let (method, path, body) = match dice.below(12) {
        0 => ("POST", "users".to_owned(), json!({"login": format!("new.{at}@globex.example")})),
        1 => ("DELETE", format!("users/{user}"), Value::Null),
        2 => ("POST", format!("users/{user}/restore"), Value::Null),
        3 => (
            "PATCH",
            format!("users/{user}"),
            json!({"login": format!("re.{at}@labs.globex.example")}),
        ),
        4 => (
            "PATCH",
            format!("users/{user}"),
            json!({"active": at.is_multiple_of(2), "last_name": format!("L{at}")}),
        ),
        5 => (
            "PATCH",
            format!("users/{user}"),
            json!({"login": format!("new.{}@globex.example", at / 2)}),
        ),
        6 => ("POST", "groups".to_owned(), json!({"name": format!("Group made {at}")})),
        7 => ("DELETE", format!("groups/{group}"), Value::Null),
        8 => ("PATCH", format!("groups/{group}"), json!({"name": format!("Renamed {at}")})),
        9 => ("PUT", format!("groups/{group}/groups/{other}"), Value::Null),
        10 => ("PUT", format!("groups/{group}/users/{user}"), Value::Null),
        _ => ("DELETE", format!("groups/{group}/users/{user}"), Value::Null),
    };
    json!({"method": method, "path": path, "body": body})
}

async fn compare(workspace: &Workspace, truth: &Truth) {
    let users = workspace.all("users", USERS).await;
    let listed: BTreeMap<String, String> =
        users.iter().map(|row| (text(&row["id"]), text(&row["primaryEmail"]))).collect();
    let expected: BTreeMap<String, String> =
        truth.users.iter().map(|(id, user)| (id.clone(), text(&user["login"]))).collect();
    assert_eq!(listed, expected);
    assert_eq!(users.len(), expected.len(), "each once");
    let groups = workspace.all("groups", "groups?customer=my_customer&maxResults=7").await;
    assert_eq!(groups.len(), truth.groups.len());
    for group in groups {
        let id = text(&group["id"]);
        assert_eq!(group["email"], truth.groups[&id]["email"]);
        let rows = workspace.all("members", &format!("groups/{id}/members")).await;
        assert_eq!(group["directMembersCount"], rows.len().to_string());
        let own =
            rows.iter().filter(|row| row.get("status").is_some() && row["type"] != "CUSTOMER");
        let own: BTreeSet<String> = own.map(|row| text(&row["id"])).collect();
        if truth.groups[&id]["everybody"] == false {
            assert_eq!(own, truth.members(&id), "{}", group["name"]);
        }
    }
}

#[tokio::test]
async fn lists_stay_the_truth() {
    let workspace = Workspace::start().await;
    let truth = workspace.truth().await;
    let mut users: Vec<String> = truth.users.keys().cloned().collect();
    let mut groups: Vec<String> = truth.groups.keys().cloned().collect();
    let mut dice = Dice(7);
    for round in 0..4 {
        let steps: Vec<Value> =
            (0..300).map(|at| edit(&mut dice, &users, &groups, round * 300 + at)).collect();
        let answer = workspace.tell("POST", "batch", json!(steps)).await;
        let results = answer["results"].as_array().unwrap();
        let done = results.iter().filter(|one| one["status"].as_u64() < Some(300)).count();
        assert!(done > 150, "most edits are possible: {done}");
        for (step, result) in steps.iter().zip(results) {
            let made = if step["path"] == "users" { &mut users } else { &mut groups };
            made.extend(result["id"].as_str().map(str::to_owned));
        }
        compare(&workspace, &workspace.truth().await).await;
    }
}

#[tokio::test]
async fn whom_nobody_touches_is_listed_once_while_others_change() {
    let workspace = Workspace::start().await;
    let before = workspace.truth().await;
    let users: Vec<String> = before.users.keys().cloned().collect();
    let groups: Vec<String> = before.groups.keys().cloned().collect();
    let mut dice = Dice(11);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut next: Option<String> = None;
    for round in 0.. {
        let page = workspace.page(USERS, next.as_deref()).await;
        assert_eq!(page.status, 200);
        for row in page.body["users"].as_array().unwrap() {
            *seen.entry(text(&row["id"])).or_default() += 1;
        }
        let steps: Vec<Value> =
            (0..20).map(|at| edit(&mut dice, &users, &groups, round * 20 + at)).collect();
        workspace.tell("POST", "batch", json!(steps)).await;
        match page.body["nextPageToken"].as_str() {
            Some(token) => next = Some(token.to_owned()),
            None => break,
        }
    }
    let after = workspace.truth().await;
    let untouched = before.users.iter().filter(|(id, user)| after.users.get(*id) == Some(*user));
    let mut count = 0;
    for (id, user) in untouched {
        // Deleted and restored people count as touched, and look the same afterwards.
        let times = seen.get(id).copied().unwrap_or_default();
        assert!(times <= 1, "{user}");
        count += times;
    }
    assert!(count > 1_000, "{count}");
}
