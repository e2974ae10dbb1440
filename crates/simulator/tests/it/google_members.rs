//! Members of Google's groups.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    tenant::text,
    workspace::{Workspace, reason, set},
};

/// The ids of members of these types.
fn ids(rows: &[Value], kinds: &[&str]) -> BTreeSet<String> {
    let wanted = rows.iter().filter(|row| kinds.contains(&row["type"].as_str().unwrap()));
    wanted.filter(|row| row.get("status").is_some()).map(|row| text(&row["id"])).collect()
}

#[tokio::test]
async fn members_are_the_truth() {
    let workspace = Workspace::start().await;
    let truth = workspace.truth().await;
    for id in truth.groups.keys() {
        let rows = workspace.all("members", &format!("groups/{id}/members?maxResults=200")).await;
        let expected = truth.members(id);
        let everybody = truth.groups[id]["everybody"] == true;
        assert_eq!(rows.iter().any(|row| row["type"] == "CUSTOMER"), everybody);
        if !everybody {
            assert_eq!(ids(&rows, &["USER", "GROUP"]), expected, "{}", truth.groups[id]["name"]);
        }
    }
}

#[tokio::test]
async fn members_are_of_every_kind() {
    let workspace = Workspace::start().await;
    let truth = workspace.truth().await;
    let everybody = truth.groups.iter().find(|(_, group)| group["everybody"] == true).unwrap().0;
    let path = format!("groups/{everybody}/members?maxResults=200");
    let rows = workspace.all("members", &path).await;
    let of = |kind: &str, status: bool| {
        rows.iter().find(|row| row["type"] == kind && row.get("status").is_some() == status)
    };
    let customer = of("CUSTOMER", true).unwrap();
    assert!(customer.get("email").is_none());
    assert!(text(&customer["id"]).starts_with("C0"));
    let foreign = of("USER", false).unwrap();
    let answer = workspace.get(&format!("users/{}", text(&foreign["id"]))).await;
    assert_eq!(answer.status, 404, "no account of the organisation");
    let group = of("GROUP", false).unwrap();
    assert_eq!(workspace.get(&format!("groups/{}", text(&group["id"]))).await.status, 404);
    assert!(of("EXTERNAL", false).unwrap().get("id").is_none());
    assert_eq!(truth.members(everybody).len(), 1_300, "the truth counts everybody");
    let big =
        workspace.all("members", &format!("groups/{}/members", truth.group("All people"))).await;
    let statuses = big.iter().filter_map(|row| row["status"].as_str()).collect::<BTreeSet<_>>();
    assert_eq!(statuses, BTreeSet::from(["ACTIVE", "ARCHIVED", "SUSPENDED"]));
    assert_eq!(set(&big, "role").len(), 3);
    // Some memberships show an alias.
    let own = big.iter().filter(|row| row.get("status").is_some());
    let differ =
        own.filter(|row| truth.users[row["id"].as_str().unwrap()]["login"] != row["email"]);
    assert!(differ.count() > 0);
}

#[tokio::test]
async fn pages_of_members_are_sorted_bounded_and_last_an_hour() {
    let mut workspace = Workspace::start().await;
    let group = workspace.truth().await.group("All people").to_owned();
    let path = format!("groups/{group}/members");
    let first = workspace.get(&format!("{path}?maxResults=1000")).await;
    assert_eq!(first.body["members"].as_array().unwrap().len(), 200);
    let rows = workspace.all("members", &path).await;
    assert_eq!(rows.len(), 1_303);
    let token = text(&workspace.get(&path).await.body["nextPageToken"]);
    // Whom nobody touched is neither lost nor doubled when others leave between the pages.
    let leaver = rows.iter().find(|row| row.get("status").is_some()).unwrap();
    workspace
        .tell("DELETE", &format!("groups/{group}/users/{}", text(&leaver["id"])), Value::Null)
        .await;
    let second = workspace.page(&path, Some(&token)).await;
    assert_eq!(second.body["members"][0]["email"], rows[200]["email"]);
    workspace.advance(3_601).await;
    workspace.log_in().await;
    let late = workspace.page(&path, Some(&token)).await;
    assert_eq!((late.status, reason(&late)), (400, "invalid"));
    let empty = workspace.new_group("Empty").await;
    let page = workspace.get(&format!("groups/{empty}/members")).await;
    assert!(page.status == 200 && page.body.get("members").is_none());
    let gone = workspace.get("groups/gone@globex.example/members").await;
    assert_eq!((gone.status, reason(&gone)), (404, "notFound"));
    assert_eq!(gone.body["error"]["message"], "Resource Not Found: groupKey");
}

#[tokio::test]
async fn single_memberships_are_asked_for() {
    let workspace = Workspace::start().await;
    let outer = workspace.new_group("Outer").await;
    let inner = workspace.new_group("Inner").await;
    let ann = workspace.new_user("ann.direct@globex.example").await;
    let bob = workspace.new_user("bob.nested@globex.example").await;
    for path in [
        format!("groups/{outer}/users/{ann}"),
        format!("groups/{inner}/users/{bob}"),
        format!("groups/{outer}/groups/{inner}"),
    ] {
        workspace.tell("PUT", &path, Value::Null).await;
    }
    let circle =
        workspace.control("PUT", &format!("groups/{inner}/groups/{outer}"), &Value::Null).await;
    assert_eq!(circle.status, 400, "Google refuses circles: {}", circle.text);
    let has = async |member: &str| {
        let answer = workspace.get(&format!("groups/{outer}/hasMember/{member}")).await;
        answer.body["isMember"].as_bool().ok_or(answer.status)
    };
    assert_eq!(has(&ann).await, Ok(true));
    assert_eq!(has("bob.nested@globex.example").await, Ok(true), "at any depth");
    assert_eq!(has(&inner).await, Ok(true));
    assert_eq!(has("stranger@partner.example").await, Err(400));
    let direct = workspace.get(&format!("groups/{outer}/members/ann.direct@globex.example")).await;
    assert_eq!((direct.status, &direct.body["id"]), (200, &json!(ann)));
    let nested = workspace.get(&format!("groups/{outer}/members/{bob}")).await;
    assert_eq!((nested.status, reason(&nested)), (404, "notFound"));
    let flat = workspace
        .all("members", &format!("groups/{outer}/members?includeDerivedMembership=true"))
        .await;
    assert_eq!(set(&flat, "id"), BTreeSet::from([ann.clone(), bob.clone(), inner.clone()]));
    let of = workspace.all("groups", &format!("groups?userKey={bob}")).await;
    assert_eq!(set(&of, "id"), BTreeSet::from([inner.clone()]), "direct ones only");
    // Whoever is deleted is in no group, and is again when they return.
    workspace.tell("DELETE", &format!("users/{ann}"), Value::Null).await;
    assert_eq!(has(&ann).await, Err(400));
    assert_eq!(
        set(&workspace.all("members", &format!("groups/{outer}/members")).await, "id").len(),
        1
    );
    workspace.tell("POST", &format!("users/{ann}/restore"), Value::Null).await;
    assert_eq!(has(&ann).await, Ok(true));
    let owners =
        workspace.all("members", &format!("groups/{outer}/members?roles=OWNER,MANAGER")).await;
    assert!(owners.iter().all(|row| row["role"] != "MEMBER"));
    let wrong = workspace.get(&format!("groups/{outer}/members?roles=KING")).await;
    assert_eq!((wrong.status, reason(&wrong)), (400, "invalid"));
}
