//! What the control API means at Okta, and that lists stay the truth through many edits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    org::{Org, code, ids, next, rows},
    tenant::{Truth, text},
};

/// The statuses that one person goes through.
async fn status(org: &Org, user: &str) -> String {
    text(&org.get(&format!("users/{user}")).await.body["status"])
}

#[tokio::test]
async fn deleting_deactivates_first_and_removes_then() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let half = truth.group("Half of the people").to_owned();
    let user = truth.members(&half).first().unwrap().clone();
    let login = text(&truth.users[&user]["login"]);
    let path = format!("users/{user}");
    org.tell("DELETE", &path, Value::Null).await;
    let truth = org.truth().await;
    assert!(!truth.users.contains_key(&user));
    assert!(!truth.members(&half).contains(&user));
    assert_eq!(status(&org, &user).await, "DEPROVISIONED");
    assert!(!ids(&org.all("users?limit=200").await).contains(&user));
    let again = json!({"login": login});
    let answer = org.control("POST", "users", &again).await;
    assert_eq!(answer.status, 409, "the login stays theirs");
    org.tell("POST", &format!("{path}/restore"), Value::Null).await;
    assert_eq!(status(&org, &user).await, "ACTIVE");
    let truth = org.truth().await;
    assert!(truth.users.contains_key(&user) && !truth.members(&half).contains(&user));
    org.tell("DELETE", &path, Value::Null).await;
    org.tell("DELETE", &path, Value::Null).await;
    assert_eq!(code(&org.get(&path).await), "E0000007");
    assert_eq!(org.control("DELETE", &path, &Value::Null).await.status, 404);
    assert_eq!(org.control("POST", &format!("{path}/restore"), &Value::Null).await.status, 409);
    let new = text(&org.tell("POST", "users", again).await["id"]);
    assert_ne!(new, user, "an id is never used twice");
}

#[tokio::test]
async fn statuses_can_be_set() {
    let org = Org::start().await;
    let user = org.new_user("ann@initech.example").await;
    let path = format!("users/{user}");
    assert_eq!(status(&org, &user).await, "ACTIVE");
    for (body, expected, active) in [
        (json!({"active": false}), "SUSPENDED", false),
        (json!({"active": true}), "ACTIVE", true),
        (json!({"status": "LOCKED_OUT"}), "LOCKED_OUT", true),
        (json!({"active": true}), "LOCKED_OUT", true),
        (json!({"status": "STAGED"}), "STAGED", false),
        (json!({"active": false}), "STAGED", false),
        (json!({"status": "PROVISIONED"}), "PROVISIONED", true),
        (json!({"status": "RECOVERY"}), "RECOVERY", true),
        (json!({"status": "PASSWORD_EXPIRED"}), "PASSWORD_EXPIRED", true),
    ] {
        org.tell("PATCH", &path, body.clone()).await;
        assert_eq!(status(&org, &user).await, expected, "{body}");
        assert_eq!(org.truth().await.users[&user]["active"], active, "{body}");
    }
    let staged = json!({"login": "new@initech.example", "active": false});
    let staged = text(&org.tell("POST", "users", staged).await["id"]);
    assert_eq!(status(&org, &staged).await, "STAGED");
}

#[tokio::test]
async fn edits_that_okta_cannot_have_are_refused() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let user = org.new_user("ann@initech.example").await;
    let group = org.new_group("Gr\u{fc}ppe").await;
    let imported = json!({"name": "Gr\u{fc}ppe", "kind": "app"});
    org.tell("POST", "groups", imported).await;
    let everyone = truth.group("Everyone").to_owned();
    let other = truth.group("Exactly one page").to_owned();
    let person = format!("users/{user}");
    let null = Value::Null;
    for (method, path, body, expected) in [
        ("PUT", format!("groups/{group}/groups/{other}"), null.clone(), 400),
        ("PUT", format!("groups/{everyone}/users/{user}"), null.clone(), 400),
        ("DELETE", format!("groups/{everyone}"), null.clone(), 400),
        ("PATCH", format!("groups/{everyone}"), json!({"name": "All"}), 400),
        ("POST", "groups".to_owned(), json!({"name": "gR\u{dc}PPE"}), 409),
        ("POST", "groups".to_owned(), json!({"name": "A", "kind": "security"}), 400),
        ("POST", "groups".to_owned(), json!({"name": "A", "email": "a@initech.example"}), 400),
        ("POST", "groups".to_owned(), json!({"name": "x".repeat(256)}), 400),
        ("PATCH", person.clone(), json!({"guest": true}), 400),
        ("PATCH", person.clone(), json!({"status": "DEPROVISIONED"}), 400),
        ("PATCH", person.clone(), json!({"status": "ASLEEP"}), 400),
        ("PATCH", person.clone(), json!({"email": null}), 400),
        ("PATCH", person.clone(), json!({"last_name": "Party 🎉"}), 400),
        ("PATCH", person.clone(), json!({"first_name": "x".repeat(51)}), 400),
        ("PATCH", person.clone(), json!({"aliases": []}), 400),
        ("POST", "users".to_owned(), json!({"login": "ANN@initech.example"}), 409),
    ] {
        let answer = org.control(method, &path, &body).await;
        assert_eq!(answer.status, expected, "{method} {path} {body}: {}", answer.text);
        assert!(answer.body["error"].is_string());
    }
    org.tell("DELETE", &person, null.clone()).await;
    let answer = org.control("PUT", &format!("groups/{group}/users/{user}"), &null).await;
    assert_eq!(answer.status, 404, "who is deprovisioned joins nothing");
    assert_eq!(org.truth().await.groups.len(), truth.groups.len() + 2);
}

#[tokio::test]
async fn two_people_exchange_their_logins() {
    let org = Org::start().await;
    let one = org.new_user("one@initech.example").await;
    let two = org.new_user("two@initech.example").await;
    let steps = json!([
        {"method": "PATCH", "path": format!("users/{one}"), "body": {"login": "two@initech.example"}},
        {"method": "PATCH", "path": format!("users/{two}"), "body": {"login": "one@initech.example"}},
    ]);
    let answer = org.tell("POST", "batch", steps).await;
    assert!(answer["results"].as_array().unwrap().iter().all(|one| one["status"] == 200));
    assert_eq!(org.get("users/one@initech.example").await.body["id"], two);
}

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
    let (user, group) = (dice.pick(users).clone(), dice.pick(groups).clone());
    let (method, path, body) = match dice.below(12) {
        0 => ("POST", "users".to_owned(), json!({"login": format!("new.{at}@initech.example")})),
        1 | 2 => ("DELETE", format!("users/{user}"), Value::Null),
        3 => ("POST", format!("users/{user}/restore"), Value::Null),
        4 => {
            ("PATCH", format!("users/{user}"), json!({"login": format!("re.{at}@initech.example")}))
        }
        5 => (
            "PATCH",
            format!("users/{user}"),
            json!({"active": at.is_multiple_of(2), "last_name": format!("L{at}")}),
        ),
        6 => ("POST", "groups".to_owned(), json!({"name": format!("Group made {at}")})),
        7 => ("DELETE", format!("groups/{group}"), Value::Null),
        8 => ("PATCH", format!("groups/{group}"), json!({"name": format!("Renamed {at}")})),
        9 | 10 => ("PUT", format!("groups/{group}/users/{user}"), Value::Null),
        _ => ("DELETE", format!("groups/{group}/users/{user}"), Value::Null),
    };
    json!({"method": method, "path": path, "body": body})
}

async fn compare(org: &Org, truth: &Truth) {
    let users = org.all("users?limit=200").await;
    let listed: BTreeMap<String, String> =
        users.iter().map(|row| (text(&row["id"]), text(&row["profile"]["login"]))).collect();
    let expected: BTreeMap<String, String> =
        truth.users.iter().map(|(id, user)| (id.clone(), text(&user["login"]))).collect();
    assert_eq!(listed, expected);
    assert_eq!(users.len(), expected.len(), "each once");
    let groups = org.all("groups?limit=7").await;
    assert_eq!(groups.len(), truth.groups.len());
    for group in groups {
        let id = text(&group["id"]);
        assert_eq!(group["profile"]["name"], truth.groups[&id]["name"]);
        let members = org.all(&format!("groups/{id}/users?limit=200")).await;
        assert_eq!(ids(&members), truth.members(&id), "{}", group["profile"]["name"]);
    }
}

#[tokio::test]
async fn lists_stay_the_truth() {
    let org = Org::start().await;
    let truth = org.truth().await;
    let mut users: Vec<String> = truth.users.keys().cloned().collect();
    let mut groups: Vec<String> = truth.groups.keys().cloned().collect();
    let mut dice = Dice(7);
    for round in 0..3 {
        let steps: Vec<Value> =
            (0..300).map(|at| edit(&mut dice, &users, &groups, round * 300 + at)).collect();
        let answer = org.tell("POST", "batch", json!(steps)).await;
        let results = answer["results"].as_array().unwrap();
        let done = results.iter().filter(|one| one["status"].as_u64() < Some(300)).count();
        assert!(done > 150, "most edits are possible: {done}");
        for (step, result) in steps.iter().zip(results) {
            let made = if step["path"] == "users" { &mut users } else { &mut groups };
            made.extend(result["id"].as_str().map(str::to_owned));
        }
        compare(&org, &org.truth().await).await;
    }
}

#[tokio::test]
async fn filters_tell_of_every_edit() {
    let org = Org::start().await;
    let before = org.truth().await;
    let users: Vec<String> = before.users.keys().cloned().collect();
    let groups: Vec<String> = before.groups.keys().cloned().collect();
    let since = org.all("users?limit=200").await;
    let since = since.iter().map(|row| text(&row["lastUpdated"])).max().unwrap();
    let mut dice = Dice(13);
    let steps: Vec<Value> = (0..200).map(|at| edit(&mut dice, &users, &groups, at)).collect();
    org.tell("POST", "batch", json!(steps)).await;
    let after = org.truth().await;
    let told = ids(&org.filtered("users", &format!("lastUpdated gt \"{since}\"")).await);
    for (id, user) in &after.users {
        if before.users.get(id) != Some(user) {
            assert!(told.contains(id), "{user}");
        }
    }
    let left = before.users.keys().filter(|id| !after.users.contains_key(*id));
    let mut erased = 0;
    for id in left {
        if org.get(&format!("users/{id}")).await.status == 404 {
            assert!(!told.contains(id), "only the log tells");
            erased += 1;
        } else {
            assert!(told.contains(id));
        }
    }
    let filter = format!("lastUpdated gt \"{since}\" or lastMembershipUpdated gt \"{since}\"");
    let told = ids(&org.filtered("groups", &filter).await);
    for (id, group) in &after.groups {
        if before.groups.get(id) != Some(group) && group["everybody"] == false {
            assert!(told.contains(id), "{}", group["name"]);
        }
    }
    println!("{erased} people were removed for ever");
}

#[tokio::test]
async fn whom_nobody_touches_is_listed_once_while_others_change() {
    let org = Org::start().await;
    let before = org.truth().await;
    let users: Vec<String> = before.users.keys().cloned().collect();
    let groups: Vec<String> = before.groups.keys().cloned().collect();
    let mut dice = Dice(11);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut page = org.get("users?limit=100").await;
    for round in 0.. {
        for row in rows(&page) {
            *seen.entry(text(&row["id"])).or_default() += 1;
        }
        let steps: Vec<Value> =
            (0..20).map(|at| edit(&mut dice, &users, &groups, round * 20 + at)).collect();
        org.tell("POST", "batch", json!(steps)).await;
        match next(&page) {
            Some(link) => page = org.get(&link).await,
            None => break,
        }
    }
    let after = org.truth().await;
    let untouched: BTreeSet<&String> = before
        .users
        .iter()
        .filter(|(id, user)| after.users.get(*id) == Some(*user))
        .map(|(id, _)| id)
        .collect();
    let mut count = 0;
    for id in untouched {
        let times = seen.get(id).copied().unwrap_or_default();
        assert!(times <= 1, "{id}");
        count += times;
    }
    assert!(count > 1_000, "{count}");
}
