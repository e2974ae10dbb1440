//! Deltas: complete rounds, changes, removals, and cursors that die.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::tenant::{Tenant, ids, send, text};

const GROUPS: &str = "groups/delta?$select=id,displayName,description,members";

async fn latest(tenant: &Tenant, path: &str) -> String {
    let answer = tenant.get(&format!("{path}&$deltatoken=latest")).await;
    assert!(answer.rows().is_empty());
    assert!(answer.next().is_none(), "a page has one link");
    answer.delta().unwrap().to_owned()
}

fn row<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    rows.iter().rev().find(|row| row["id"] == id).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_first_round_holds_everything() {
    let tenant = Tenant::start().await;
    let truth = tenant.truth().await;
    let mut page = tenant.get("users/delta?$select=id,displayName&$top=5").await;
    let mut seen = BTreeSet::new();
    loop {
        assert!(ids(page.rows()).len() <= 200);
        seen.extend(ids(page.rows()));
        assert!(page.next().is_some() != page.delta().is_some(), "one link, never both");
        let Some(next) = page.next().map(str::to_owned) else { break };
        assert!(next.contains("/users/delta?$skiptoken=") && !next.contains("select"), "{next}");
        page = tenant.get(&next).await;
    }
    assert_eq!(seen, truth.users.keys().cloned().collect());
    for spelling in ["users/delta()", "users/microsoft.graph.delta()"] {
        let answer = tenant.get(&format!("{spelling}?$select=id")).await;
        assert_eq!(answer.status, 200, "{spelling}");
    }
}

#[tokio::test]
async fn members_come_in_slices_that_add_up() {
    let tenant = Tenant::start().await;
    let truth = tenant.truth().await;
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut link = Some(GROUPS.to_owned());
    let mut slices_of_everyone = 0;
    while let Some(path) = link {
        let page = tenant.get(&path).await;
        let mut links: BTreeSet<(String, String)> = BTreeSet::new();
        for row in page.rows() {
            let group = text(&row["id"]);
            let known = members.entry(group.clone()).or_default();
            let slice = row["members@delta"].as_array();
            slices_of_everyone +=
                usize::from(group == truth.group("All people") && slice.is_some());
            for member in slice.into_iter().flatten() {
                links.insert((group.clone(), text(&member["id"])));
                let kind = text(&member["@odata.type"]);
                if kind == "#microsoft.graph.user" || kind == "#microsoft.graph.group" {
                    known.insert(text(&member["id"]));
                }
            }
        }
        assert!(links.len() <= 500, "{}", links.len());
        link = page.next().map(str::to_owned);
    }
    assert!(slices_of_everyone >= 3, "1,300 people do not fit on two pages");
    for (group, known) in &members {
        assert_eq!(*known, truth.members(group));
    }
    assert_eq!(members.len(), truth.groups.len());
}

#[tokio::test]
async fn changes_of_people_appear_once_they_are_made() {
    let tenant = Tenant::start().await;
    let from = latest(&tenant, "users/delta?$select=id,displayName,accountEnabled,mail").await;
    let (rows, again) = tenant.round(&from).await;
    assert!(rows.is_empty(), "nothing changed");
    let id = tenant.new_user("ann@contoso.example").await;
    let other = text(&json!(tenant.truth().await.users.keys().next().unwrap()));
    tenant.tell("PATCH", &format!("users/{other}"), json!({"active": false, "email": null})).await;
    let (rows, link) = tenant.round(&again).await;
    assert_eq!(ids(&rows), BTreeSet::from([id.clone(), other.clone()]));
    assert_eq!(row(&rows, &other)["accountEnabled"], false);
    assert_eq!(
        row(&rows, &other).get("mail"),
        Some(&Value::Null),
        "cleared, so null and not left out"
    );
    // The same link again delivers the same: nothing is consumed.
    assert_eq!(ids(&tenant.round(&again).await.0).len(), 2);
    // What was not selected does not surface.
    tenant.tell("PATCH", &format!("users/{id}"), json!({"department": "Sales"})).await;
    assert!(tenant.round(&link).await.0.is_empty());
    // With return=minimal only what changed is there.
    tenant.tell("PATCH", &format!("users/{id}"), json!({"display_name": "Ann New"})).await;
    let minimal = tenant.graph(Method::GET, &link).header("Prefer", "return=minimal");
    let answer = send(minimal).await;
    assert_eq!(answer.rows(), [json!({"id": id, "displayName": "Ann New"})]);
}

#[tokio::test]
async fn removals_say_how_final_they_are() {
    let mut tenant = Tenant::start().await;
    let users = "users/delta?$select=id,displayName";
    let id = tenant.new_user("leaver@contoso.example").await;
    let from = latest(&tenant, users).await;
    tenant.tell("DELETE", &format!("users/{id}"), Value::Null).await;
    assert_eq!(tenant.get(&format!("users/{id}")).await.status, 404);
    let (rows, from) = tenant.round(&from).await;
    assert_eq!(rows, [json!({"id": id, "@removed": {"reason": "changed"}})]);
    tenant.tell("POST", &format!("users/{id}/restore"), Value::Null).await;
    let (rows, _) = tenant.round(&from).await;
    assert_eq!(row(&rows, &id)["displayName"], "leaver@contoso.example", "whole again");
    tenant.tell("DELETE", &format!("users/{id}"), Value::Null).await;
    tenant.advance(29 * 86_400).await;
    tenant.log_in().await;
    let from = latest(&tenant, users).await;
    tenant.advance(2 * 86_400).await;
    tenant.log_in().await;
    let (rows, _) = tenant.round(&from).await;
    assert_eq!(rows, [json!({"id": id, "@removed": {"reason": "deleted"}})]);
    let answer = tenant.control("POST", &format!("users/{id}/restore"), &Value::Null).await;
    assert_eq!(answer.status, 409, "what left the bin cannot come back");
}

#[tokio::test]
async fn changes_of_groups_carry_memberships() {
    let tenant = Tenant::start().await;
    let group = tenant.new_group("Team").await;
    let nested = tenant.new_group("Nested").await;
    let user = tenant.new_user("member@contoso.example").await;
    let from = latest(&tenant, GROUPS).await;
    tenant.tell("PUT", &format!("groups/{group}/users/{user}"), Value::Null).await;
    tenant.tell("PUT", &format!("groups/{group}/groups/{nested}"), Value::Null).await;
    let (rows, from) = tenant.round(&from).await;
    assert_eq!(ids(&rows), BTreeSet::from([group.clone()]), "the nested group did not change");
    let members = row(&rows, &group)["members@delta"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    assert!(members.contains(&json!({"@odata.type": "#microsoft.graph.user", "id": user})));
    assert!(members.contains(&json!({"@odata.type": "#microsoft.graph.group", "id": nested})));
    tenant.tell("DELETE", &format!("groups/{group}/users/{user}"), Value::Null).await;
    tenant.tell("PATCH", &format!("groups/{group}"), json!({"name": "Squad"})).await;
    let (rows, from) = tenant.round(&from).await;
    assert_eq!(row(&rows, &group)["displayName"], "Squad");
    let gone = json!([{
        "@odata.type": "#microsoft.graph.user", "id": user, "@removed": {"reason": "deleted"}
    }]);
    assert_eq!(row(&rows, &group)["members@delta"], gone);
    tenant.tell("DELETE", &format!("groups/{nested}"), Value::Null).await;
    let (rows, _) = tenant.round(&from).await;
    assert_eq!(row(&rows, &nested)["@removed"]["reason"], "deleted", "security groups have no bin");
}

#[tokio::test]
async fn a_restored_microsoft_365_group_comes_back_with_its_members() {
    let tenant = Tenant::start().await;
    let body = json!({"name": "Project", "kind": "m365"});
    let group = text(&tenant.tell("POST", "groups", body).await["id"]);
    let user = tenant.new_user("member@contoso.example").await;
    tenant.tell("PUT", &format!("groups/{group}/users/{user}"), Value::Null).await;
    let from = latest(&tenant, GROUPS).await;
    tenant.tell("DELETE", &format!("groups/{group}"), Value::Null).await;
    let (rows, from) = tenant.round(&from).await;
    assert_eq!(row(&rows, &group)["@removed"]["reason"], "changed");
    tenant.tell("POST", &format!("groups/{group}/restore"), Value::Null).await;
    let (rows, _) = tenant.round(&from).await;
    assert_eq!(row(&rows, &group)["members@delta"][0]["id"], user);
    assert_eq!(tenant.truth().await.members(&group), BTreeSet::from([user]));
}

#[tokio::test]
async fn cursors_expire() {
    let mut tenant = Tenant::start().await;
    for path in ["users/delta?$select=id", GROUPS] {
        let from = latest(&tenant, path).await;
        tenant.tell("POST", "expire", json!({"what": "cursors"})).await;
        let answer = tenant.get(&from).await;
        assert_eq!(answer.status, 410, "{}", answer.text);
        assert!(["syncStateNotFound", "resyncRequired"].contains(&answer.code()));
        // The reset link starts the whole round again.
        let location = answer.header("location");
        assert!(location.ends_with("?$deltatoken="), "{location}");
        assert!(!tenant.round(location).await.0.is_empty());
        let from = latest(&tenant, path).await;
        tenant.advance(8 * 86_400).await;
        tenant.log_in().await;
        let answer = tenant.get(&from).await;
        assert!([400, 410].contains(&answer.status), "{}", answer.text);
        assert_eq!(answer.code(), "syncStateNotFound");
    }
    assert_eq!(tenant.get("users/delta?$deltatoken=nonsense").await.status, 400);
    let page = tenant.get("users/delta?$select=id").await;
    let token = page.next().unwrap().split_once("$skiptoken=").unwrap().1;
    let answer = tenant.get(&format!("users/delta?$deltatoken={token}")).await;
    assert_eq!(answer.status, 400, "a page's token is not a round's");
}

#[tokio::test]
async fn a_round_repeats_what_was_delivered_if_told_to() {
    let options = simulator::Options { delta_replay: 1.0, ..Tenant::options() };
    let tenant = Tenant::with(options).await;
    let from = latest(&tenant, "users/delta?$select=id").await;
    let id = tenant.new_user("again@contoso.example").await;
    let (rows, link) = tenant.round(&from).await;
    assert_eq!(ids(&rows), BTreeSet::from([id.clone()]));
    let (rows, _) = tenant.round(&link).await;
    assert_eq!(ids(&rows), BTreeSet::from([id]), "delivered once more");
}
