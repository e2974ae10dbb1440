//! Lists, pages and single reads.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::tenant::{Tenant, ids, send, text};

#[tokio::test]
async fn graph_shows_what_is_true() {
    let tenant = Tenant::start().await;
    let truth = tenant.truth().await;
    assert_eq!((truth.users.len(), truth.groups.len()), (1_300, 60));
    let select = "id,userPrincipalName,mail,givenName,surname,displayName,accountEnabled,userType";
    let users = tenant.all(&format!("users?$top=999&$select={select}")).await;
    assert_eq!(users.len(), 1_300, "nobody twice");
    for user in &users {
        let shown = json!({
            "id": user["id"], "login": user["userPrincipalName"], "email": user["mail"],
            "first_name": user["givenName"], "last_name": user["surname"],
            "display_name": user["displayName"], "active": user["accountEnabled"],
            "guest": user["userType"] == "Guest",
        });
        assert_eq!(truth.users[&text(&user["id"])], shown);
    }
    let groups = tenant.all("groups?$top=999&$select=id,displayName,description").await;
    assert_eq!(groups.len(), 60);
    let mut memberships = 0;
    for group in &groups {
        let id = text(&group["id"]);
        assert_eq!(truth.groups[&id]["name"], group["displayName"]);
        assert_eq!(truth.groups[&id]["description"], group["description"]);
        let members = tenant.all(&format!("groups/{id}/members?$select=id&$top=999")).await;
        let of = |kind: &str| {
            let kind = format!("#microsoft.graph.{kind}");
            let found = members.iter().filter(move |row| row["@odata.type"] == kind.as_str());
            found.map(|row| text(&row["id"])).collect::<BTreeSet<_>>()
        };
        memberships += of("user").len();
        assert_eq!(&of("user") | &of("group"), truth.members(&id));
        assert!(of("servicePrincipal").is_empty(), "v1.0 does not list them");
    }
    assert_eq!(memberships, 6_000);
}

#[tokio::test]
async fn pages_have_the_vendors_sizes() {
    let tenant = Tenant::start().await;
    let page = tenant.get("users").await;
    assert_eq!(page.rows().len(), 100);
    let properties: BTreeSet<&str> =
        page.rows()[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        properties,
        BTreeSet::from([
            "businessPhones",
            "displayName",
            "givenName",
            "id",
            "jobTitle",
            "mail",
            "mobilePhone",
            "officeLocation",
            "preferredLanguage",
            "surname",
            "userPrincipalName",
        ])
    );
    let page = tenant.get("users?$top=999&$select=id").await;
    assert_eq!(page.rows().len(), 999);
    assert_eq!(page.rows()[0].as_object().unwrap().len(), 1);
    assert!(text(&page.body["@odata.context"]).ends_with("/v1.0/$metadata#users(id)"));
    let next = page.next().unwrap();
    assert!(next.starts_with(&format!("{}/v1.0/users?", tenant.entra().graph)), "{next}");
    assert!(next.contains("$top=999") && next.contains("$skiptoken="), "{next}");
    let last = tenant.get(next).await;
    assert_eq!(last.rows().len(), 301);
    assert!(last.next().is_none());
    // A group of exactly one page, without a second one that holds anything.
    let group = tenant.truth().await.group("Exactly one page").to_owned();
    let members = tenant.all(&format!("groups/{group}/members?$select=id&$top=999")).await;
    assert_eq!(members.len(), 999);
}

#[tokio::test]
async fn options_that_the_vendor_refuses_are_refused() {
    let tenant = Tenant::start().await;
    for (path, status, code) in [
        ("users?$top=1000", 400, "Request_BadRequest"),
        ("users?$top=0", 400, "Request_BadRequest"),
        ("users?$top=x", 400, "Request_BadRequest"),
        ("users?$skip=10", 400, "Request_BadRequest"),
        ("users?$select=nonsense", 400, ""),
        ("users?$select=aboutMe", 501, "NotImplemented"),
        ("users?$count=true", 400, "Request_BadRequest"),
        ("users?$filter=displayName gt 'a'", 400, ""),
        ("users?$filter=endswith(mail,'a')", 400, "Request_UnsupportedQuery"),
        ("users?$skiptoken=nonsense", 400, "BadRequest"),
        ("nonsense", 400, "BadRequest"),
        ("users/11111111-2222-4333-8444-555555555555", 404, "Request_ResourceNotFound"),
        ("groups/nonsense/members", 404, "Request_ResourceNotFound"),
    ] {
        let answer = tenant.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(code.is_empty() || answer.code() == code, "{path}: {}", answer.text);
    }
    let group = tenant.truth().await.group("Exactly one page").to_owned();
    let cast = format!("groups/{group}/members/microsoft.graph.user?$select=id&$count=true");
    assert_eq!(tenant.get(&cast).await.status, 400);
    let eventual = tenant.graph(Method::GET, &cast).header("ConsistencyLevel", "eventual");
    let answer = send(eventual).await;
    assert_eq!(answer.body["@odata.count"], 999);
}

#[tokio::test]
async fn a_page_token_is_bound_to_its_query_and_dies() {
    let mut tenant = Tenant::start().await;
    let page = tenant.get("users?$top=200&$select=id").await;
    let next = page.next().unwrap().to_owned();
    assert_eq!(tenant.get(&next).await.rows().len(), 200);
    assert_eq!(tenant.get(&next).await.rows().len(), 200, "a page may be asked for again");
    let (address, token) = next.split_once("$skiptoken=").unwrap();
    assert_eq!(tenant.get(&format!("{address}$skiptoken=A{token}")).await.status, 400);
    let other = format!("users?$top=200&$select=id,mail&$skiptoken={token}");
    assert_eq!(tenant.get(&other).await.status, 400);
    tenant.advance(7_200).await;
    tenant.log_in().await;
    let answer = tenant.get(&next).await;
    assert_eq!((answer.status, answer.code()), (400, "Directory_ExpiredPageToken"));
}

#[tokio::test]
async fn small_pages_that_are_followed_are_a_violation() {
    let tenant = Tenant::start().await;
    let page = tenant.get("users?$top=1&$select=id").await;
    assert_eq!(tenant.violations("page_size_too_small").await, 0, "a look is none");
    tenant.get(page.next().unwrap()).await;
    assert_eq!(tenant.violations("page_size_too_small").await, 1);
}

#[tokio::test]
async fn filters_and_counts_answer_from_the_whole_collection() {
    let tenant = Tenant::start().await;
    let truth = tenant.truth().await;
    let guests = truth.users.values().filter(|user| user["guest"] == true).count();
    let request = tenant.graph(Method::GET, "users/$count?$filter=userType eq 'Guest'");
    let answer = send(request.header("ConsistencyLevel", "eventual")).await;
    assert_eq!(answer.text, guests.to_string());
    let (id, user) = truth.users.iter().next().unwrap();
    let name = text(&user["login"]).replace('\'', "''");
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let found =
        tenant.all(&format!("users?$select=id&$filter=userPrincipalName eq '{encoded}'")).await;
    assert_eq!(ids(&found), BTreeSet::from([id.clone()]));
    let one = tenant.get(&format!("users/{id}?$select=id,userPrincipalName")).await;
    assert_eq!(one.body["userPrincipalName"], user["login"]);
}

#[tokio::test]
async fn lists_lag_as_long_as_they_are_told_to() {
    let tenant = Tenant::start().await;
    tenant.tell("POST", "lag", json!({"list_ms": 60_000, "delta_ms": 30_000})).await;
    let from = tenant.get("users/delta?$deltatoken=latest&$select=id").await;
    let id = tenant.new_user("late@contoso.example").await;
    let listed = || async { ids(&tenant.all("users?$top=999&$select=id").await).contains(&id) };
    assert!(!listed().await);
    assert_eq!(tenant.get(&format!("users/{id}")).await.status, 200, "single reads do not lag");
    let (rows, _) = tenant.round(from.delta().unwrap()).await;
    assert!(rows.is_empty());
    tenant.advance(31).await;
    let (rows, _) = tenant.round(from.delta().unwrap()).await;
    assert_eq!(ids(&rows), BTreeSet::from([id.clone()]));
    assert!(!listed().await);
    tenant.advance(30).await;
    assert!(listed().await);
}

#[tokio::test]
async fn edits_between_pages_disturb_only_what_they_touch() {
    let tenant = Tenant::start().await;
    let before = tenant.truth().await;
    let page = tenant.get("users?$top=200&$select=id").await;
    let mut rows = page.rows().to_vec();
    let mut next = page.next().map(str::to_owned);
    let mut touched = BTreeSet::new();
    let mut victims = before.users.keys();
    while let Some(link) = next {
        touched.insert(tenant.new_user(&format!("new{}@contoso.example", rows.len())).await);
        for _ in 0..3 {
            let id = victims.next().unwrap();
            tenant.tell("PATCH", &format!("users/{id}"), json!({"first_name": "New"})).await;
            touched.insert(id.clone());
        }
        let id = victims.next().unwrap();
        tenant.tell("DELETE", &format!("users/{id}"), serde_json::Value::Null).await;
        touched.insert(id.clone());
        let page = tenant.get(&link).await;
        rows.extend_from_slice(page.rows());
        next = page.next().map(str::to_owned);
    }
    let untouched: Vec<String> =
        rows.iter().map(|row| text(&row["id"])).filter(|id| !touched.contains(id)).collect();
    let expected: Vec<&String> = before.users.keys().filter(|id| !touched.contains(*id)).collect();
    assert_eq!(untouched.len(), expected.len(), "exactly once each");
    assert_eq!(untouched.iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());
}
