//! The control API: edits, refusals, counters.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::Options;

use crate::tenant::{Tenant, send, text};

#[tokio::test]
async fn a_person_goes_through_their_life() {
    let tenant = Tenant::start().await;
    let fields = json!({
        "login": "Ann.Other@contoso.example", "email": "ann@contoso.example", "first_name": "Ann",
        "last_name": "Other", "display_name": "Ann Other", "active": true, "guest": false,
    });
    let created = tenant.control("POST", "users", &fields).await;
    assert_eq!(created.status, 201);
    let id = text(&created.body["id"]);
    let mut expected = fields.clone();
    expected["id"] = json!(id);
    assert_eq!(tenant.truth().await.users[&id], expected);
    let path = format!("users/{id}");
    tenant.tell("PATCH", &path, json!({"active": false, "last_name": null, "guest": true})).await;
    (expected["active"], expected["last_name"], expected["guest"]) =
        (json!(false), Value::Null, json!(true));
    assert_eq!(tenant.truth().await.users[&id], expected);
    let shown = tenant.get(&format!("{path}?$select=surname,accountEnabled,userType")).await;
    assert_eq!(shown.body["accountEnabled"], false);
    assert_eq!((&shown.body["surname"], &shown.body["userType"]), (&Value::Null, &json!("Guest")));
    tenant.tell("DELETE", &path, Value::Null).await;
    assert!(!tenant.truth().await.users.contains_key(&id));
    assert_eq!(tenant.get(&path).await.status, 404);
    // The login is free while its holder is in the bin, and the holder cannot return to it when it is taken.
    let second = tenant.new_user("ann.other@contoso.example").await;
    let restore = format!("{path}/restore");
    assert_eq!(tenant.control("POST", &restore, &Value::Null).await.status, 409);
    tenant.tell("DELETE", &format!("users/{second}"), Value::Null).await;
    tenant.tell("POST", &restore, Value::Null).await;
    assert_eq!(tenant.truth().await.users[&id], expected);
}

#[tokio::test]
async fn memberships_come_and_go() {
    let tenant = Tenant::start().await;
    let group = tenant.new_group("Team").await;
    let nested = tenant.new_group("Nested").await;
    let user = tenant.new_user("member@contoso.example").await;
    let edge = format!("groups/{group}/users/{user}");
    assert_eq!(tenant.tell("PUT", &edge, Value::Null).await, json!({"changed": true}));
    assert_eq!(tenant.tell("PUT", &edge, Value::Null).await, json!({"changed": false}));
    tenant.tell("PUT", &format!("groups/{group}/groups/{nested}"), Value::Null).await;
    assert_eq!(
        tenant.truth().await.members(&group),
        BTreeSet::from([user.clone(), nested.clone()])
    );
    // Whoever is in the bin is no member, and is one again when they return.
    tenant.tell("DELETE", &format!("users/{user}"), Value::Null).await;
    assert_eq!(tenant.truth().await.members(&group), BTreeSet::from([nested.clone()]));
    tenant.tell("POST", &format!("users/{user}/restore"), Value::Null).await;
    assert!(tenant.truth().await.members(&group).contains(&user));
    assert_eq!(tenant.tell("DELETE", &edge, Value::Null).await, json!({"changed": true}));
    assert_eq!(tenant.tell("DELETE", &edge, Value::Null).await, json!({"changed": false}));
    tenant.tell("DELETE", &format!("groups/{nested}"), Value::Null).await;
    let truth = tenant.truth().await;
    assert!(truth.members(&group).is_empty() && !truth.groups.contains_key(&nested));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let tenant = Tenant::start().await;
    let before = tenant.truth().await;
    let (user, taken) = {
        let mut users = before.users.iter();
        (users.next().unwrap().0.clone(), text(&users.next().unwrap().1["login"]))
    };
    let group = before.group("Nobody yet").to_owned();
    let nobody = "11111111-2222-4333-8444-555555555555";
    for (method, path, body, status) in [
        ("POST", "users".to_owned(), json!({"login": taken.to_uppercase()}), 409),
        ("POST", "users".to_owned(), json!({"login": 5}), 400),
        ("POST", "users".to_owned(), json!({"nonsense": "x"}), 400),
        ("POST", "users".to_owned(), Value::Null, 400),
        ("PATCH", format!("users/{user}"), json!({"login": taken}), 409),
        ("PATCH", format!("users/{user}"), json!({"login": null}), 400),
        ("PATCH", format!("users/{user}"), json!({"active": null}), 400),
        ("PATCH", format!("users/{nobody}"), json!({"active": false}), 404),
        ("DELETE", "users/nonsense".to_owned(), Value::Null, 404),
        ("POST", format!("users/{user}/restore"), Value::Null, 409),
        ("POST", "groups".to_owned(), json!({"name": ""}), 400),
        ("PUT", format!("groups/{group}/users/{nobody}"), Value::Null, 404),
        ("PUT", format!("groups/{nobody}/users/{user}"), Value::Null, 404),
        ("PUT", format!("groups/{group}/groups/{group}"), Value::Null, 400),
        ("PUT", format!("groups/{group}/pets/{user}"), Value::Null, 404),
        ("POST", "expire".to_owned(), json!({"what": "everything"}), 400),
        ("POST", "revoke".to_owned(), json!({}), 400),
        ("POST", "clock".to_owned(), json!({"advance_s": -1}), 400),
        ("POST", "lag".to_owned(), json!({"list": 5}), 400),
        ("POST", "batch".to_owned(), json!({"steps": []}), 400),
        ("GET", "nonsense".to_owned(), Value::Null, 404),
        ("DELETE", "truth".to_owned(), Value::Null, 404),
    ] {
        let answer = tenant.control(method, &path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        assert!(answer.body["error"].is_string(), "{method} {path}: {}", answer.text);
    }
    assert_eq!(tenant.truth().await, before);
    let control = &tenant.running.description().control;
    for (path, says) in [("google/truth", "entra"), ("okta/users", "entra"), ("", "__sim")] {
        let answer = send(tenant.http.get(format!("{control}/{path}"))).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(text(&answer.body["error"]).contains(says), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_batch_is_one_instant() {
    let tenant = Tenant::start().await;
    let ann = tenant.new_user("ann@contoso.example").await;
    let bob = tenant.new_user("bob@contoso.example").await;
    let group = tenant.new_group("Team").await;
    let from = tenant.get("users/delta?$select=id,userPrincipalName&$deltatoken=latest").await;
    let steps = json!([
        {"method": "PATCH", "path": format!("users/{ann}"), "body": {"login": "bob@contoso.example"}},
        {"method": "PATCH", "path": format!("users/{bob}"), "body": {"login": "ann@contoso.example"}},
        {"method": "PUT", "path": format!("groups/{group}/users/{ann}")},
        {"method": "DELETE", "path": "users/nonsense"},
    ]);
    let answer = tenant.tell("POST", "batch", steps).await;
    let statuses: Vec<u64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 200, 200, 404], "two people exchanged their logins");
    let truth = tenant.truth().await;
    assert_eq!(truth.users[&ann]["login"], "bob@contoso.example");
    assert_eq!(truth.users[&bob]["login"], "ann@contoso.example");
    assert_eq!(truth.members(&group), BTreeSet::from([ann.clone()]));
    assert_eq!(tenant.round(from.delta().unwrap()).await.0.len(), 2);
    // An exchange with somebody outside the batch is refused, and nobody loses their login by it.
    let third = truth.users.iter().find(|(id, _)| **id != ann && **id != bob).unwrap();
    let steps = json!([
        {"method": "PATCH", "path": format!("users/{ann}"), "body": {"login": "ann@contoso.example"}},
        {"method": "PATCH", "path": format!("users/{bob}"), "body": {"login": third.1["login"]}},
    ]);
    let answer = tenant.tell("POST", "batch", steps).await;
    assert_eq!(
        (&answer["results"][0]["status"], &answer["results"][1]["status"]),
        (&json!(409), &json!(409))
    );
    assert_eq!(tenant.truth().await, truth);
    let found = tenant.get("users/bob@contoso.example?$select=id").await;
    assert_eq!(found.body["id"], ann);
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let tenant = Tenant::start().await;
    tenant.tell("DELETE", "counters", Value::Null).await;
    tenant.get("users?$top=1").await;
    tenant.get("users?$top=2").await;
    tenant.get("groups/nonsense/members").await;
    let counters = tenant.tell("GET", "counters", Value::Null).await;
    assert_eq!(
        counters["requests"],
        json!({"GET /v1.0/users": 2, "GET /v1.0/groups/{id}/members": 1})
    );
    assert_eq!(counters["statuses"], json!({"200": 2, "404": 1}));
    assert!(counters["bytes"].as_u64().unwrap() > 200);
    assert_eq!(counters["throttled"], 0);
    tenant.tell("DELETE", "counters", Value::Null).await;
    assert_eq!(tenant.tell("GET", "counters", Value::Null).await["requests"], json!({}));
}

#[tokio::test]
async fn the_same_seed_makes_the_same_tenant() {
    let one = Tenant::start().await;
    let two = Tenant::start().await;
    let other = Tenant::with(Options { seed: 2, ..Tenant::options() }).await;
    assert_eq!(one.truth().await, two.truth().await);
    assert_eq!(one.entra().client_secret, two.entra().client_secret);
    assert_ne!(one.truth().await, other.truth().await);
    let description = serde_json::to_value(one.running.description()).unwrap();
    assert_eq!(description["control"], format!("{}/__sim", one.running.url()));
    assert_eq!(description["entra"]["graph"], format!("{}/entra/graph", one.running.url()));
}

#[tokio::test]
async fn only_this_machine_may_control() {
    // The address that this machine has towards others; connecting a datagram socket sends nothing.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let Some(own) = own.ok().filter(|own| !own.ip().is_loopback()) else {
        return; // A machine without a network has nobody to refuse.
    };
    let listen = "0.0.0.0:0".parse().unwrap();
    let running = simulator::start(Options { listen, ..Tenant::options() }).await.unwrap();
    let port = running.url().rsplit(':').next().unwrap();
    let ask = async |host: String| {
        send(crate::tenant::client().get(format!("http://{host}:{port}/__sim/entra/truth"))).await
    };
    assert_eq!(ask("127.0.0.1".to_owned()).await.status, 200);
    let refused = ask(own.ip().to_string()).await;
    assert_eq!(refused.status, 403);
    assert!(text(&refused.body["error"]).contains("this machine"));
}
