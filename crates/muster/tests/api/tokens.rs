//! Tokens: shown once, kept as a hash, bound by scopes, ended by time and by hand; and what they leave in the audit log.

use std::sync::atomic::Ordering;

use directory::id::{DAY_MS, Millis};
use muster::{
    peer::Origin,
    service::{
        Actor,
        token::{self, Add},
    },
};
use serde_json::{Value, json};
use simulator::Provider;
use store::{Role, Scope};

use crate::{
    ask, did, get,
    house::{House, Plan},
};

async fn make(house: &House, name: &str, scopes: Value, days: Option<u32>) -> String {
    let body = json!({"name": name, "scopes": scopes, "days": days});
    did(house, "POST", "/tokens", body).await["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_works_until_it_ends_or_is_revoked_and_is_kept_as_a_hash() {
    let house = House::build(Provider::Entra, Plan::small(71)).await;
    let short = make(&house, "short", json!(["read"]), Some(1)).await;
    let long = make(&house, "Long", json!(["write", "read", "read"]), None).await;
    assert!(long.starts_with("muster_") && long != short);
    let status = async |token: &str, method: &str, path: &str| {
        ask(&house, Some(token), (method, path), Value::Null).await.status.as_u16()
    };
    assert_eq!(status(&short, "GET", "/directories").await, 200);
    assert_eq!(status(&short, "POST", "/directories/entra/pause").await, 403);
    assert_eq!(status(&short, "GET", "/tokens").await, 403);
    assert_eq!(status(&long, "POST", "/directories/entra/pause").await, 204);
    assert_eq!(status("muster_none", "GET", "/directories").await, 401);

    let tokens = get(&house, "/tokens").await;
    assert_eq!(tokens[0]["name"], "Long");
    assert_eq!(tokens[0]["scopes"], json!(["read", "write"]));
    assert_eq!(tokens[0]["made_by"], "admin token");
    assert!(tokens[0]["last_used"].is_i64() && tokens[0]["expires"].is_null());
    assert!(!tokens.to_string().contains(&long), "a token is shown once");
    let rows = house.server().app.store.api_tokens().unwrap();
    assert!(rows.iter().all(|row| row.hash.len() == 32));

    let again = json!({"name": "LONG", "scopes": ["read"]});
    let token = house.server().token.clone();
    assert_eq!(ask(&house, Some(&token), ("POST", "/tokens"), again).await.status, 409);
    did(&house, "DELETE", "/tokens/long", Value::Null).await;
    assert_eq!(status(&long, "GET", "/directories").await, 401);
    make(&house, "long", json!(["admin"]), None).await;
    assert_eq!(get(&house, "/tokens").await.as_array().unwrap().len(), 3);
    house.clock.fetch_add(DAY_MS, Ordering::SeqCst);
    assert_eq!(status(&short, "GET", "/directories").await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hands_out_more_than_they_have() {
    let house = House::build(Provider::Entra, Plan::small(72)).await;
    let admin = make(&house, "admin", json!(["admin"]), None).await;
    let more = json!({"name": "more", "scopes": ["admin", "write"]});
    let answer = ask(&house, Some(&admin), ("POST", "/tokens"), more).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body["detail"].as_str().unwrap().contains("scope `write`"), "{}", answer.body);
    let same = json!({"name": "same", "scopes": ["admin"]});
    assert_eq!(ask(&house, Some(&admin), ("POST", "/tokens"), same).await.status, 201);
    assert_eq!(get(&house, "/tokens").await[1]["made_by"], "token admin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_says_which_token_did_what_and_what_was_before() {
    let house = House::build(Provider::Entra, Plan::small(73)).await;
    let token = make(&house, "robot", json!(["read", "write"]), None).await;
    let schedule = json!({"pull_every_s": 600, "full_every_s": 86_400, "notifications": false});
    let at = ("PUT", "/directories/entra/schedule");
    assert_eq!(ask(&house, Some(&token), at, schedule.clone()).await.status, 204);
    let look = json!({"directories": ["entra"], "dry_run": true});
    let at = ("POST", "/applications/product/sight");
    assert_eq!(ask(&house, Some(&token), at, look).await.status, 200);
    let secret = json!({"secret": "planted-secret", "settings": {}});
    let at = ("PATCH", "/directories/entra/connection");
    assert_eq!(ask(&house, Some(&token), at, secret).await.status, 200);

    let log = get(&house, "/audit?who=token%20robot").await;
    let entries = log["items"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "a look is no change: {log:#}");
    assert_eq!(entries[0]["action"], "directory.connection");
    assert_eq!(entries[0]["detail"]["new_credential"], true);
    let entry = &entries[1];
    assert_eq!(
        (&entry["action"], &entry["object"]),
        (&json!("directory.schedule"), &json!("entra"))
    );
    assert_eq!(entry["detail"]["after"], schedule);
    assert_eq!(entry["detail"]["before"]["notifications"], false);
    assert_eq!(entry["origin"], "127.0.0.1");
    let whole = get(&house, "/audit").await.to_string();
    assert!(!whole.contains("planted-secret") && !whole.contains(&token));
    assert!(whole.contains("token.add"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_end_when_their_maker_leaves_or_becomes_a_reader() {
    let house = House::build(Provider::Entra, Plan::small(75)).await;
    let app = house.server().app.clone();
    let people = ["ann", "bob", "cid", "dan"];
    for name in people {
        let put = |change: &store::Change<'_>| {
            change.put_administrator(name, Role::Administrator, "hash", Millis(1))
        };
        crate::changed(&app.store, put).unwrap();
    }
    let mut tokens = Vec::new();
    for name in people {
        let actor = Actor::administrator(name, Origin::Unknown);
        let wanted = Add { name: format!("of {name}"), scopes: vec![Scope::Read], days: None };
        tokens.push(token::add(&app, &actor, &Scope::ALL, wanted).await.unwrap().token);
    }
    let status = async |token: &str| {
        ask(&house, Some(token), ("GET", "/directories"), Value::Null).await.status.as_u16()
    };
    did(&house, "DELETE", "/administrators/bob", Value::Null).await;
    did(&house, "PUT", "/administrators/cid/role", json!({"role": "reader"})).await;
    did(&house, "PUT", "/administrators/dan/role", json!({"role": "administrator"})).await;
    for (token, expected) in tokens.iter().zip([200, 401, 401, 200]) {
        assert_eq!(status(token).await, expected);
    }
    let log = get(&house, "/audit").await;
    let entry = |action: &str, object: &str| {
        let items = log["items"].as_array().unwrap();
        let fits = |item: &&Value| item["action"] == action && item["object"] == object;
        items.iter().find(fits).unwrap()["detail"]["tokens_revoked"].clone()
    };
    assert_eq!(entry("administrator.remove", "bob"), json!(["of bob"]));
    assert_eq!(entry("administrator.role", "cid"), json!(["of cid"]));
    assert_eq!(entry("administrator.role", "dan"), json!([]));
}
