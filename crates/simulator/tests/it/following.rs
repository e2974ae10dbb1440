//! Whoever follows the deltas as the vendor's documents say (A3.2, A3.5) knows the truth, whatever is edited and whenever.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use simulator::Options;

use crate::tenant::{Tenant, Truth, ids, text};

/// A stream of numbers that depends on the seed only.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick(&mut self, from: &[String]) -> String {
        from[self.below(from.len())].clone()
    }
}

/// The objects that edits choose from, in whatever life.
struct Known {
    users: Vec<String>,
    groups: Vec<String>,
}

/// One random edit. It may be refused, as edits of what is deleted are.
async fn edit(tenant: &Tenant, known: &mut Known, dice: &mut Dice) {
    let number = dice.below(1_000_000);
    let (user, group) = (dice.pick(&known.users), dice.pick(&known.groups));
    let other = dice.pick(&known.groups);
    let (method, path, body) = match dice.below(14) {
        0 => ("POST", "users".to_owned(), json!({"login": format!("new{number}@contoso.example")})),
        1 => {
            ("POST", "groups".to_owned(), json!({"name": format!("New {number}"), "kind": "m365"}))
        }
        2 => ("POST", "groups".to_owned(), json!({"name": format!("New {number}")})),
        3 => ("PATCH", format!("users/{user}"), json!({"active": number.is_multiple_of(2)})),
        4 => (
            "PATCH",
            format!("users/{user}"),
            json!({"login": format!("re{number}@contoso.example")}),
        ),
        5 => ("PATCH", format!("groups/{group}"), json!({"name": format!("Renamed {number}")})),
        6 => ("DELETE", format!("users/{user}"), Value::Null),
        7 => ("POST", format!("users/{user}/restore"), Value::Null),
        8 => ("DELETE", format!("groups/{group}"), Value::Null),
        9 => ("POST", format!("groups/{group}/restore"), Value::Null),
        10 => ("PUT", format!("groups/{group}/groups/{other}"), Value::Null),
        11 => ("DELETE", format!("groups/{group}/groups/{other}"), Value::Null),
        12 => ("DELETE", format!("groups/{group}/users/{user}"), Value::Null),
        _ => ("PUT", format!("groups/{group}/users/{user}"), Value::Null),
    };
    let answer = tenant.control(method, &path, &body).await;
    assert!(answer.status < 500, "{method} {path}: {}", answer.text);
    match (answer.body["id"].as_str(), path.as_str()) {
        (Some(id), "users") => known.users.push(id.to_owned()),
        (Some(id), "groups") => known.groups.push(id.to_owned()),
        _ => {}
    }
}

/// What a follower knows.
#[derive(Debug, Default)]
struct Copy {
    users: BTreeMap<String, (String, bool)>,
    groups: BTreeMap<String, String>,
    members: BTreeSet<(String, String)>,
}

impl Copy {
    /// Hears one item; the id of an object that came into being, if it did.
    fn hear(&mut self, noun: &str, item: &Value) -> Option<String> {
        let id = text(&item["id"]);
        if item.get("@removed").is_some() {
            self.users.remove(&id);
            self.groups.remove(&id);
            self.members.retain(|(group, member)| *group != id && *member != id);
            return None;
        }
        for member in item["members@delta"].as_array().into_iter().flatten() {
            let edge = (id.clone(), text(&member["id"]));
            if member.get("@removed").is_some() {
                self.members.remove(&edge);
            } else {
                self.members.insert(edge);
            }
        }
        let is_new = if noun == "users" {
            let enabled = item["accountEnabled"] == true;
            self.users.insert(id.clone(), (text(&item["userPrincipalName"]), enabled)).is_none()
        } else if item.get("displayName").is_some() {
            self.groups.insert(id.clone(), text(&item["displayName"])).is_none()
        } else {
            false
        };
        is_new.then_some(id)
    }

    fn check(&self, truth: &Truth) {
        let users: BTreeMap<String, (String, bool)> = truth
            .users
            .iter()
            .map(|(id, user)| (id.clone(), (text(&user["login"]), user["active"] == true)))
            .collect();
        assert_eq!(self.users, users);
        let groups: BTreeMap<String, String> =
            truth.groups.iter().map(|(id, group)| (id.clone(), text(&group["name"]))).collect();
        assert_eq!(self.groups, groups);
        let known = |id: &String| users.contains_key(id) || groups.contains_key(id);
        let members: BTreeSet<(String, String)> =
            self.members.iter().filter(|(_, member)| known(member)).cloned().collect();
        let expected: BTreeSet<(String, String)> = truth
            .groups
            .keys()
            .flat_map(|group| {
                truth.members(group).into_iter().map(move |member| (group.clone(), member))
            })
            .collect();
        assert_eq!(members, expected);
    }
}

/// Follows a round while edits go on between its pages; the link for the next one.
async fn follow(
    tenant: &Tenant,
    (noun, link): (&str, &str),
    copy: &mut Copy,
    (known, dice): (&mut Known, &mut Dice),
    edits: usize,
) -> String {
    let mut link = link.to_owned();
    let mut appeared = Vec::new();
    loop {
        let page = tenant.get(&link).await;
        for item in page.rows() {
            appeared.extend(copy.hear(noun, item));
        }
        for _ in 0..edits {
            edit(tenant, known, dice).await;
        }
        match (page.next(), page.delta()) {
            (Some(next), None) => next.clone_into(&mut link),
            (None, Some(delta)) => {
                delta.clone_into(&mut link);
                break;
            }
            links => panic!("one link, never both: {links:?}"),
        }
    }
    // Memberships of whoever comes back from the bin may never be told, so they are asked for.
    for id in appeared {
        let answer = tenant.get(&format!("{noun}/{id}/memberOf?$select=id&$top=999")).await;
        if answer.status == 200 {
            copy.members.extend(ids(answer.rows()).into_iter().map(|group| (group, id.clone())));
        }
    }
    link
}

async fn story(seed: u64, delta_replay: f64) {
    let options = Options {
        users: 450,
        groups: 40,
        memberships: 3_000,
        seed,
        delta_replay,
        ..Tenant::options()
    };
    let tenant = Tenant::with(options).await;
    let truth = tenant.truth().await;
    let mut known = Known {
        users: truth.users.into_keys().take(30).collect(),
        groups: truth.groups.into_keys().take(15).collect(),
    };
    let mut dice = Dice(seed);
    let mut copy = Copy::default();
    let mut links = [
        ("users", "users/delta?$select=id,userPrincipalName,accountEnabled".to_owned()),
        ("groups", "groups/delta?$select=id,displayName,members".to_owned()),
    ];
    for round in 0..12 {
        // Edits go on in the first rounds; then it is quiet for a round, and the copy must be right.
        let edits = if round % 4 == 3 { 0 } else { 6 };
        for (noun, link) in &mut links {
            let chance = (&mut known, &mut dice);
            *link = follow(&tenant, (noun, link), &mut copy, chance, edits).await;
        }
        if edits == 0 {
            copy.check(&tenant.truth().await);
        }
    }
}

#[tokio::test]
async fn a_follower_knows_the_truth_after_any_edits() {
    for seed in 1..=3 {
        story(seed, 0.0).await;
    }
}

#[tokio::test]
async fn repeated_deliveries_do_no_harm() {
    for seed in 4..=6 {
        story(seed, 0.5).await;
    }
}
