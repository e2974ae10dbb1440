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

/// How a place that takes a user or group finds whom it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finds {
    /// By any name, through `directory::reference`: several are answered with all, none with near names.
    Reference,
    /// By the provider's id alone, which fits one.
    Id,
    /// By text, as a search: a list of all that fit.
    Search,
}

/// Every place of the API that takes a user or group. A new one fails here until it says how it finds whom it means.
const PLACES: &[(&str, &str, Finds)] = &[
    ("GET /audit", "who", Finds::Search),
    ("GET /changes", "group", Finds::Reference),
    ("GET /changes", "user", Finds::Reference),
    ("GET /directories/{name}/explain", "user", Finds::Reference),
    ("GET /directories/{name}/explain/group", "group", Finds::Reference),
    ("GET /directories/{name}/groups/{id}", "id", Finds::Id),
    ("GET /directories/{name}/groups/{id}/users", "id", Finds::Id),
    ("GET /directories/{name}/history", "group", Finds::Reference),
    ("GET /directories/{name}/history", "user", Finds::Reference),
    ("GET /directories/{name}/users/{id}", "id", Finds::Id),
];

#[test]
fn every_place_that_takes_a_user_or_group_is_known() {
    let described = serde_json::to_value(muster::api::openapi::description()).unwrap();
    let mut found = std::collections::BTreeSet::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap();
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in parameters {
                let name = parameter["name"].as_str().unwrap();
                let names_one = ["user", "group", "who"].contains(&name)
                    || (name == "id" && (path.contains("/users/") || path.contains("/groups/")));
                if names_one {
                    found.insert((format!("{} {path}", method.to_uppercase()), name.to_owned()));
                }
            }
        }
    }
    let known = PLACES.iter().map(|(place, name, _)| ((*place).to_owned(), (*name).to_owned()));
    assert_eq!(found, known.collect());
}

/// Whoever is not found is told what is nearly called so, wherever a reference is taken; and groups are explained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slips_are_told_with_near_names_and_groups_are_explained() {
    let mut house = House::build(Provider::Entra, Plan::small(56)).await;
    let (token, domain) = (house.server().token.clone(), house.domain());
    let user = format!("quentin.marsh@{domain}");
    house.control("POST", "users", json!({"login": user, "display_name": "Quentin Marsh"})).await;
    house.control("POST", "groups", json!({"name": "Marketing Admins"})).await;
    house.read(false).await;
    for (place, name, finds) in PLACES.iter().filter(|(_, _, finds)| *finds == Finds::Reference) {
        assert_eq!(*finds, Finds::Reference);
        let (slip, near) = match *name {
            "user" => (format!("quentin.mrash@{domain}"), user.as_str()),
            _ => ("Marketing%20Admns".to_owned(), "Marketing Admins"),
        };
        let path = place.trim_start_matches("GET ").replace("{name}", "entra");
        let path = format!("{path}?{name}={slip}");
        let answer = ask(&house, Some(&token), ("GET", &path), Value::Null).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
        let told = answer.body["detail"].as_str().unwrap();
        assert!(told.contains(&format!("did you mean `{near}`?")), "{path}: {told}");
    }
    let explained = get(&house, "/directories/entra/explain/group?group=marketing%20admins").await;
    assert_eq!(
        (&explained["served"], &explained["name"]),
        (&json!(true), &json!("Marketing Admins"))
    );
    assert!(explained["because"][0].as_str().unwrap().contains("served as"), "{explained}");

    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(arguments)
            .env("MUSTER_URL", &house.server().url)
            .env("MUSTER_TOKEN", &token)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, said) = run(&["directory", "explain", "entra", "Marketing Admins"]);
    assert!(code == Some(0) && said.contains("the group Marketing Admins is served"), "{said}");
    let (code, said) = run(&["directory", "explain", "entra", &user]);
    assert!(code == Some(0) && said.contains("is served and active"), "{said}");
    let (code, said) = run(&["directory", "explain", "entra", "Marketing Admns"]);
    assert!(code == Some(1) && said.contains("did you mean `Marketing Admins`?"), "{said}");
    let (code, said) = run(&["directory", "sync", "entra", "--wait"]);
    assert!((code == Some(0) || code == Some(3)) && !said.contains("NAME"), "{said}");
}

/// A name in the rules that nobody has is told in a preview of the rules, and when they are saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slip_in_the_rules_is_told_before_and_when_they_are_saved() {
    let house = House::build(Provider::Entra, Plan::small(57)).await;
    let token = house.server().token.clone();
    let mut rules = get(&house, "/directories/entra").await["rules"].clone();
    rules["people"]["never"] = json!(["nobody.at.all@contoso.example"]);
    let preview = ("POST", "/directories/entra/preview?limit=0");
    let seen = ask(&house, Some(&token), preview, rules.clone()).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    let name = &seen.body["rule_names"][0];
    assert_eq!((&name["rule"], &name["means"]), (&json!("people.never"), &json!(0)), "{name}");
    let saved = ask(&house, Some(&token), ("PUT", "/directories/entra/rules"), rules).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    assert!(
        saved.body["notes"].to_string().contains("people.never means nobody"),
        "{}",
        saved.body
    );
}
