//! Whom a reference means: nobody is guessed, by the admin API, the commands and the console, for each provider.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    ask, get,
    house::{House, Plan},
};

const SHARED: &str = "shared@desk.example";

async fn told(provider: Provider, seed: u64) {
    let mut house = House::build(provider, Plan::small(seed)).await;
    let (name, domain) = (provider.name(), house.domain());
    let mut ids = Vec::new();
    for login in ["desk.one", "desk.two", "desk.three"] {
        let body = json!({"login": format!("{login}@{domain}"), "display_name": "The Desk", "email":
            if provider == Provider::Google { format!("{login}@{domain}") } else { SHARED.to_owned() }});
        let made = house.control("POST", "users", body).await;
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    house.read(false).await;
    ids.sort();
    // At Google nobody shares an address, but a display name.
    let shared = if provider == Provider::Google { "the desk" } else { SHARED };
    let token = house.server().token.clone();
    let escaped = shared.replace(' ', "%20");
    let questions = [
        ("GET", format!("/directories/{name}/explain?user={escaped}"), Value::Null),
        ("GET", format!("/directories/{name}/history?user={escaped}"), Value::Null),
        ("GET", format!("/changes?directory={name}&user={escaped}"), Value::Null),
        ("GET", format!("/changes?user={escaped}"), Value::Null),
        ("POST", format!("/directories/{name}/sync/person"), json!({"user": shared})),
    ];
    for (method, path, body) in questions {
        let answer = ask(&house, Some(&token), (method, &path), body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{path}: {}", answer.body);
        let candidates = answer.body["candidates"].as_array().unwrap();
        let mut told: Vec<&str> =
            candidates.iter().map(|one| one["id"].as_str().unwrap()).collect();
        told.sort_unstable();
        assert_eq!(told, ids, "{path}");
        assert!(candidates.iter().all(|one| !one["matched"].as_array().unwrap().is_empty()));
    }
    let commands: [&[&str]; 4] = [
        &["directory", "explain", name, shared],
        &["directory", "history", name, shared],
        &["directory", "sync", name, "--user", shared],
        &["changes", "--user", shared],
    ];
    for arguments in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(arguments)
            .env("MUSTER_URL", &house.server().url)
            .env("MUSTER_TOKEN", &token)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(ids.iter().all(|id| said.contains(id)), "{arguments:?}: {said}");
    }
    // An id fits one alone, and a former name is found and marked.
    let path = format!("/directories/{name}/explain?user={}", ids[0]);
    assert_eq!(get(&house, &path).await["id"], ids[0].as_str());
    let before = get(&house, &path).await["name"].as_str().unwrap().to_owned();
    let body = json!({"login": format!("renamed@{domain}")});
    house.control("PATCH", &format!("users/{}", ids[0]), body).await;
    house.read(false).await;
    let path = format!("/directories/{name}/explain?user={before}");
    let explained = get(&house, &path).await;
    assert_eq!(explained["id"], ids[0].as_str());
    assert!(explained["because"].to_string().contains("former name"), "{explained}");
    let history = get(&house, &format!("/directories/{name}/history?user={before}")).await;
    assert_eq!(history["state"]["user"]["id"], ids[0].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_people_of_entra_are_not_guessed() {
    told(Provider::Entra, 51).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_people_of_google_are_not_guessed() {
    told(Provider::Google, 52).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_people_of_okta_are_not_guessed() {
    told(Provider::Okta, 53).await;
}

/// People whom only the provider knows yet, of one address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_whom_only_the_provider_knows_are_not_guessed() {
    for (provider, seed) in [(Provider::Entra, 54), (Provider::Okta, 55)] {
        let house = House::build(provider, Plan::small(seed)).await;
        let mut ids = Vec::new();
        for login in ["new.one", "new.two"] {
            let body = json!({"login": format!("{login}@{}", house.domain()), "email": SHARED});
            let made = house.control("POST", "users", body).await;
            ids.push(made["id"].as_str().unwrap().to_owned());
        }
        ids.sort();
        let token = house.server().token.clone();
        let path = format!("/directories/{}/sync/person", provider.name());
        let answer = ask(&house, Some(&token), ("POST", &path), json!({"user": SHARED})).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
        let candidates = answer.body["candidates"].as_array().unwrap();
        let mut told: Vec<&str> =
            candidates.iter().map(|one| one["id"].as_str().unwrap()).collect();
        told.sort_unstable();
        assert_eq!(told, ids, "{provider:?}");
    }
}
