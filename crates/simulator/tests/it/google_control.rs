//! The control API of Google's organisation, and several providers at once.

use serde_json::{Value, json};
use simulator::{Options, Provider};

use crate::{
    tenant::{Tenant, Truth, client, send, text},
    workspace::Workspace,
};

#[tokio::test]
async fn a_person_goes_through_their_life() {
    let workspace = Workspace::start().await;
    let fields = json!({
        "login": "ann.other@globex.example", "email": "ann.other@globex.example",
        "first_name": "Ann", "last_name": "Other", "display_name": "Annie", "active": true,
        "guest": false,
    });
    let created = workspace.control("POST", "users", &fields).await;
    assert_eq!(created.status, 201);
    let id = text(&created.body["id"]);
    let mut expected = fields.clone();
    expected["id"] = json!(id);
    assert_eq!(workspace.truth().await.users[&id], expected);
    let path = format!("users/{id}");
    workspace.tell("PATCH", &path, json!({"active": false})).await;
    assert_eq!(workspace.get(&path).await.body["suspended"], true);
    assert_eq!(workspace.get(&path).await.body["suspensionReason"], "ADMIN");
    workspace.tell("PATCH", &path, json!({"active": true, "archived": true})).await;
    assert_eq!(workspace.get(&path).await.body["archived"], true);
    assert_eq!(workspace.truth().await.users[&id]["active"], false);
    workspace.tell("PATCH", &path, json!({"active": true})).await;
    // Login and e-mail are one.
    workspace.tell("PATCH", &path, json!({"email": "Ann.New@globex.example"})).await;
    for field in ["login", "email"] {
        expected[field] = json!("ann.new@globex.example");
    }
    assert_eq!(workspace.truth().await.users[&id], expected);
    workspace.tell("DELETE", &path, Value::Null).await;
    assert!(!workspace.truth().await.users.contains_key(&id));
    workspace.tell("POST", &format!("{path}/restore"), Value::Null).await;
    assert_eq!(workspace.truth().await.users[&id], expected);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let workspace = Workspace::start().await;
    let before = workspace.truth().await;
    let mut users = before.users.iter();
    let (user, taken) = (users.next().unwrap().0, text(&users.next().unwrap().1["login"]));
    let group = before.group("Nobody yet");
    let address = &before.groups[group]["email"];
    for (method, path, body, status) in [
        ("POST", "users".to_owned(), json!({"login": taken.to_uppercase()}), 409),
        ("POST", "users".to_owned(), json!({"login": address}), 409),
        ("POST", "users".to_owned(), json!({"login": "no address"}), 400),
        ("PATCH", format!("users/{user}"), json!({"email": null}), 400),
        ("PATCH", format!("users/{user}"), json!({"aliases": ["nonsense"]}), 400),
        ("PATCH", format!("users/{user}"), json!({"aliases": [taken]}), 409),
        ("PATCH", format!("users/{user}"), json!({"aliases": [address]}), 409),
        ("PATCH", "users/103".to_owned(), json!({"active": false}), 404),
        ("POST", "groups".to_owned(), json!({"name": "x", "email": taken}), 409),
        ("POST", "groups".to_owned(), json!({"name": "x", "kind": "m365"}), 400),
        ("PATCH", format!("groups/{group}"), json!({"email": "x"}), 400),
        ("PUT", format!("groups/{group}/groups/{group}"), Value::Null, 400),
        ("POST", "revoke".to_owned(), json!({"what": "everything"}), 400),
    ] {
        let answer = workspace.control(method, &path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        assert!(answer.body["error"].is_string());
    }
    assert_eq!(workspace.truth().await, before);
}

#[tokio::test]
async fn a_batch_exchanges_addresses() {
    let workspace = Workspace::start().await;
    let ann = workspace.new_user("ann@globex.example").await;
    let bob = workspace.new_user("bob@globex.example").await;
    let steps = json!([
        {"method": "PATCH", "path": format!("users/{ann}"), "body": {"login": "bob@globex.example"}},
        {"method": "PATCH", "path": format!("users/{bob}"), "body": {"login": "ann@globex.example"}},
    ]);
    let answer = workspace.tell("POST", "batch", steps).await;
    assert!(
        answer["results"].as_array().unwrap().iter().all(|one| one["status"] == 200),
        "{answer}"
    );
    let truth = workspace.truth().await;
    assert_eq!(truth.users[&ann]["login"], "bob@globex.example");
    assert_eq!(truth.users[&bob]["login"], "ann@globex.example");
    assert_eq!(workspace.get("users/ann@globex.example").await.body["id"], json!(bob));
    assert!(workspace.get(&format!("users/{ann}")).await.body.get("aliases").is_none());
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let workspace = Workspace::start().await;
    workspace.tell("DELETE", "counters", Value::Null).await;
    let page = workspace.get("users?customer=my_customer&maxResults=50").await;
    let token = text(&page.body["nextPageToken"]);
    workspace.page("users?customer=my_customer&maxResults=50", Some(&token)).await;
    workspace.get("groups/nonsense/members").await;
    let counters = workspace.tell("GET", "counters", Value::Null).await;
    assert_eq!(
        counters["requests"],
        json!({"GET /admin/directory/v1/users": 2,
               "GET /admin/directory/v1/groups/{groupKey}/members": 1})
    );
    assert_eq!(counters["statuses"], json!({"200": 2, "404": 1}));
    assert_eq!(workspace.violations("page_size_too_small").await, 1);
}

#[tokio::test]
async fn the_same_seed_makes_the_same_organisation() {
    let one = Workspace::start().await;
    let two = Workspace::start().await;
    let other = Workspace::with(Options { seed: 2, ..Workspace::options() }).await;
    assert_eq!(one.truth().await, two.truth().await);
    assert_ne!(one.truth().await, other.truth().await);
}

#[tokio::test]
async fn providers_run_beside_each_other() {
    let options = Options { providers: Provider::ALL.to_vec(), ..Tenant::options() };
    let running = simulator::start(options).await.unwrap();
    let description = serde_json::to_value(running.description()).unwrap();
    let control = text(&description["control"]);
    assert_eq!(description["google"]["api"], format!("{}/google/api", running.url()));
    assert_eq!(
        description["google"]["token_uri"],
        format!("{}/google/oauth2/token", running.url())
    );
    assert!(description["entra"]["graph"].is_string());
    let http = client();
    let mut logins = Vec::new();
    for provider in ["entra", "google"] {
        let answer = send(http.get(format!("{control}/{provider}/truth"))).await;
        let truth = Truth::read(&answer.body);
        assert_eq!((truth.users.len(), truth.groups.len()), (1_300, 60));
        logins.push(truth.users.values().map(|user| text(&user["login"])).collect::<Vec<_>>());
        let clock = format!("{control}/{provider}/clock");
        let answer = send(http.post(clock).json(&json!({"advance_s": 1}))).await;
        assert_eq!(answer.status, 200);
    }
    assert!(logins[0].iter().all(|login| !logins[1].contains(login)));
    let only = simulator::start(Workspace::options()).await.unwrap();
    let description = serde_json::to_value(only.description()).unwrap();
    assert!(description.get("entra").is_none());
}
