//! The description against the server: what is answered is what is described, of everything that is described.

use std::collections::BTreeSet;

use muster::api::openapi::description;
use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    Answer, ask, did, get,
    house::{House, Plan},
};

fn described() -> Value {
    serde_json::to_value(description()).unwrap()
}

/// All operations: method, path below the API's own, and what is said of it.
fn operations(described: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.strip_prefix("/api/v1").unwrap().to_owned();
            all.push((method.to_uppercase(), path, operation.clone()));
        }
    }
    all
}

/// Fails unless an answer is one that the description knows.
fn check(described: &Value, (method, template): (&str, &str), answer: &Answer) {
    let path = format!("/api/v1{template}");
    let operation = &described["paths"][&path][method.to_lowercase()];
    let status = answer.status.as_u16().to_string();
    let response = &operation["responses"][&status];
    assert!(
        response.is_object(),
        "{method} {template} is not said to answer {status}: {}",
        answer.body
    );
    let Some(content) = response["content"].as_object() else {
        assert!(answer.body.is_null(), "{method} {template} {status} is said to have no body");
        return;
    };
    let kind = answer.kind.split(';').next().unwrap();
    let schema =
        &content.get(kind).unwrap_or_else(|| panic!("{method} {template}: {kind}"))["schema"];
    let whole = json!({"components": described["components"], "allOf": [schema]});
    let validator = jsonschema::validator_for(&whole).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&answer.body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{method} {template}: {errors:?}\n{:#}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_wants_a_token_and_names_its_scope() {
    let house = House::build(Provider::Entra, Plan::small(61)).await;
    let described = described();
    let mut tokens = Vec::new();
    for scope in ["read", "write", "admin"] {
        let made = did(&house, "POST", "/tokens", json!({"name": scope, "scopes": [scope]})).await;
        tokens.push((scope, made["token"].as_str().unwrap().to_owned()));
    }
    let mut ids = BTreeSet::new();
    for (method, template, operation) in operations(&described) {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id.clone()), "two operations are called {id}");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{id} says nothing");
        let Some(needed) = operation["security"][0]["bearer"][0].as_str() else {
            assert_eq!(template, "/openapi.json", "{id} needs no token");
            continue;
        };
        let path = template.replace("{name}", "nobody").replace("{id}", "1");
        let at = (method.as_str(), path.as_str());
        let answer = ask(&house, None, at, Value::Null).await;
        assert_eq!(answer.status, 401, "{id}");
        check(&described, (&method, &template), &answer);
        for (scope, token) in &tokens {
            if *scope == needed {
                continue;
            }
            let answer = ask(&house, Some(token), at, Value::Null).await;
            assert_eq!(answer.status, 403, "{id} with {scope}");
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("scope `{needed}`")), "{detail}");
            check(&described, (&method, &template), &answer);
        }
    }
    assert!(ids.len() > 50, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_can_be_read_is_as_described() {
    let mut house = House::build(Provider::Entra, Plan::guarded(62)).await;
    let described = described();
    // Something of everything: a person who left, a held plan, an alert channel, tokens, an audit log.
    let truth = house.truth().await;
    for user in truth.users.iter().filter(|user| !user.guest).take(30) {
        house.control("DELETE", &format!("users/{}", user.id), Value::Null).await;
    }
    house.try_read(false).await;
    let channel =
        json!({"name": "ops", "kind": "webhook", "secret": "https://hooks.example.org/x"});
    did(&house, "POST", "/alerts/channels", channel).await;
    did(&house, "POST", "/tokens", json!({"name": "ci", "scopes": ["read"], "days": 3})).await;
    did(&house, "POST", "/administrators", json!({"name": "ann", "role": "reader"})).await;

    let users = get(&house, "/directories/entra/users?limit=1").await;
    let user = users["items"][0]["id"].as_str().unwrap().to_owned();
    let groups = get(&house, "/directories/entra/groups?limit=1").await;
    let group = groups["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        !get(&house, "/directories/entra/preview").await["held"].as_array().unwrap().is_empty()
    );
    let token = house.server().token.clone();
    for (method, template, operation) in operations(&described) {
        if method != "GET" || template == "/events" {
            continue;
        }
        let id = if template.contains("/groups/") { &group } else { &user };
        let name = if template.starts_with("/applications") { "product" } else { "entra" };
        let about = if template.ends_with("/explain") || template.ends_with("/history") {
            format!("?user={user}")
        } else if template.ends_with("/explain/group") {
            format!("?group={group}")
        } else {
            String::new()
        };
        let path = template.replace("{name}", name).replace("{id}", id) + &about;
        let answer = ask(&house, Some(&token), ("GET", &path), Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        check(&described, ("GET", &template), &answer);
        let long = operation["parameters"].as_array().is_some_and(|parameters| {
            parameters.iter().any(|parameter| parameter["name"] == "cursor")
        });
        assert_eq!(long, answer.body["items"].is_array(), "{template}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_a_problem_that_is_described() {
    let house = House::build(Provider::Okta, Plan::small(63)).await;
    let described = described();
    let token = house.server().token.clone();
    let wrong = [
        (
            ("PUT", "/directories/{name}/rules"),
            "/directories/okta/rules",
            json!({"no": "such"}),
            400,
        ),
        (("PUT", "/directories/{name}/rules"), "/directories/nobody/rules", json!({}), 404),
        (("POST", "/directories/{name}/sync"), "/directories/okta/sync", Value::Null, 415),
        (("POST", "/directories/{name}/approve"), "/directories/okta/approve", json!({}), 400),
        (("POST", "/directories/{name}/discard"), "/directories/okta/discard", json!({}), 409),
        (("POST", "/tokens"), "/tokens", json!({"name": "", "scopes": ["read"]}), 400),
        (("POST", "/tokens"), "/tokens", json!({"name": "x", "scopes": []}), 400),
        (("POST", "/tokens"), "/tokens", json!({"name": "x", "scopes": ["root"]}), 400),
        (("DELETE", "/tokens/{name}"), "/tokens/nobody", Value::Null, 404),
        (("GET", "/changes"), "/changes?cursor=x", Value::Null, 400),
        (("GET", "/changes"), "/changes?limit=-1", Value::Null, 400),
        (("GET", "/directories/{name}/explain"), "/directories/okta/explain", Value::Null, 400),
        (
            ("GET", "/directories/{name}/users/{id}"),
            "/directories/okta/users/%FF",
            Value::Null,
            400,
        ),
        (
            ("GET", "/directories/{name}/groups/{id}"),
            "/directories/okta/groups/1",
            Value::Null,
            404,
        ),
    ];
    for (operation, path, body, status) in wrong {
        let answer = ask(&house, Some(&token), (operation.0, path), body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.kind, "application/problem+json", "{path}");
        check(&described, operation, &answer);
    }
    let answer = ask(&house, Some(&token), ("PATCH", "/directories"), Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.kind.as_str()), (405, "application/problem+json"));
    let answer = ask(&house, Some(&token), ("GET", "/no/such/thing"), Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.kind.as_str()), (404, "application/problem+json"));
    let long = json!({"full": true, "x": "x".repeat(1 << 20)});
    let answer = ask(&house, Some(&token), ("POST", "/directories/okta/sync"), long).await;
    assert_eq!(answer.status, 413);
    check(&described, ("POST", "/directories/{name}/sync"), &answer);
    let open = ask(&house, None, ("GET", "/openapi.json"), Value::Null).await;
    assert_eq!((open.status.as_u16(), &open.body), (200, &described));
}
