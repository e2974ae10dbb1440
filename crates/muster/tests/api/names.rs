//! Names that administrators give: refused where they cannot be addressed, whoever makes them; and those that were given
//! before that rule are shown and removed all the same.

use directory::{resource_name::path_form, text::visible};
use muster::cli::client::path_part;
use secrecy::SecretString;
use serde_json::{Value, json};
use simulator::Provider;
use store::{NewApiToken, NewApplication, NewChannel, NewConnection, Role, Scope, Sight};

use crate::{
    ask, did, get,
    house::{House, Plan},
};

/// Names that nobody can make.
fn bad() -> Vec<String> {
    let fixed = [
        "",
        " \t",
        ".",
        "..",
        " . ",
        "a/b",
        "/",
        "../x",
        "a\\b",
        "%2e",
        "%2E%2E",
        "%2f",
        "a;b",
        "a?b",
        "a#b",
        "a:b",
        "a\nb",
        "a\u{1b}[31m",
        "a\0",
        "\u{200b}",
        "a\u{200b}b",
        "\u{202e}abc",
        "a\u{a0}b",
        "\u{feff}",
        "a\u{2028}b",
        "-x",
        "--json",
        "~2e",
        "\u{301}",
        "\u{2800}",
    ];
    let long = ["x".repeat(65), "ü".repeat(65)];
    fixed.into_iter().map(str::to_owned).chain(long).collect()
}

/// What each of the admin API's creators takes, under a name.
fn creators(name: &str) -> [(&'static str, Value); 5] {
    [
        ("/directories", json!({"name": name, "provider": "okta", "settings": {}, "secret": "s"})),
        ("/applications", json!({"name": name, "directories": ["entra"]})),
        (
            "/alerts/channels",
            json!({"name": name, "kind": "slack", "secret": "https://hooks.example.org/x"}),
        ),
        ("/tokens", json!({"name": name, "scopes": ["read"]})),
        ("/administrators", json!({"name": name, "role": "reader"})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_creator_takes_a_name_that_cannot_be_addressed() {
    let house = House::build(Provider::Entra, Plan::small(81)).await;
    let token = house.server().token.clone();
    for name in bad() {
        for (path, body) in creators(&name) {
            let answer = ask(&house, Some(&token), ("POST", path), body).await;
            let detail = answer.body["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.status, 400, "{path} {name:?}: {detail}");
            assert!(detail.contains("cannot be the name of"), "{path} {name:?}: {detail}");
            assert_eq!(visible(&detail), detail, "{path} {name:?}: the message is on one line");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_kept_in_one_form_and_given_once_in_any_case() {
    let house = House::build(Provider::Entra, Plan::small(82)).await;
    let token = house.server().token.clone();
    // The directory needs settings; its name is judged first.
    for (path, body) in creators("  Zoe\u{308} Straße ").into_iter().skip(1) {
        let made = did(&house, "POST", path, body).await;
        if path == "/administrators" {
            let link = made["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            assert!(!link.is_empty());
            let hash = muster::hashing::hash("p".to_owned()).await.unwrap();
            let store = &house.server().app.store;
            let now = house.server().app.clock.now();
            crate::changed(store, |change| {
                change.put_administrator("boss", Role::Administrator, &hash, now)
            })
            .unwrap();
            crate::changed(store, |change| {
                change.put_administrator("Zoë Straße", Role::Reader, &hash, now)
            })
            .unwrap();
        } else {
            assert_eq!(made["name"], "Zoë Straße", "{path}");
        }
    }
    for again in ["zoë straße", "ZOË STRASSE", "zoe\u{308} Straße"] {
        for (path, body) in creators(again).into_iter().skip(1) {
            let answer = ask(&house, Some(&token), ("POST", path), body).await;
            assert_eq!(answer.status, 409, "{path} {again:?}: {}", answer.body);
        }
    }
    let (path, body) = creators("ENTRA")[0].clone();
    assert_eq!(ask(&house, Some(&token), ("POST", path), body).await.status, 409);
    for path in ["/applications", "/alerts/channels", "/tokens", "/administrators"] {
        let name = path_part("ZOE\u{308} strasse");
        did(&house, "DELETE", &format!("{path}/{name}"), Value::Null).await;
    }
}

/// Names as they could be given before they were checked.
fn old() -> Vec<String> {
    let fixed = [
        ".",
        "..",
        "...",
        "a/b",
        "..\\x",
        "%2e%2e",
        "%",
        "a;b",
        "a?b",
        "a#b",
        "a+b c",
        "\u{200b}",
        "a\u{200b}b",
        "\u{202e}abc",
        "new",
        "~2e",
        "~",
        "-x",
        "--json",
        "zoe\u{308}",
        "zoë",
    ];
    fixed.into_iter().map(str::to_owned).chain(["x".repeat(100)]).collect()
}

/// Keeps one of each kind under each name, past the admin API.
fn keep_all(house: &House, names: &[String]) {
    let store = &house.server().app.store;
    let now = house.server().app.clock.now();
    let entra = store.connections().unwrap().remove(0);
    crate::changed(store, |change| change.put_administrator("boss", Role::Administrator, "h", now))
        .unwrap();
    for (at, name) in names.iter().enumerate() {
        let sight = Sight {
            directories: vec![entra.id],
            aggregate: false,
            flattened: true,
            frozen_names: false,
        };
        let application = NewApplication {
            name: name.clone(),
            password_hash: "h".to_owned(),
            sight,
            addresses: Vec::new(),
        };
        crate::changed(store, |change| change.add_application(&application, now)).unwrap();
        let channel = NewChannel {
            name: name.clone(),
            kind: "slack".to_owned(),
            settings: std::collections::BTreeMap::new(),
            alerts: Vec::new(),
            secret: SecretString::from("https://hooks.example.org/x"),
        };
        crate::changed(store, |change| change.add_channel(&channel)).unwrap();
        let token = NewApiToken {
            name: name.clone(),
            hash: [u8::try_from(at).unwrap(); 32],
            scopes: vec![Scope::Read],
            made_by: "t".to_owned(),
            made: now,
            expires: None,
        };
        crate::changed(store, |change| change.add_api_token(&token)).unwrap().unwrap();
        crate::changed(store, |change| change.put_administrator(name, Role::Reader, "h", now))
            .unwrap();
        let directory = NewConnection {
            name: name.clone(),
            provider: entra.provider.clone(),
            settings: entra.settings.clone(),
            secret: entra.secret.clone(),
            rules: entra.rules.clone(),
            schedule: entra.schedule,
            key: None,
        };
        crate::changed(store, |change| change.add_connection(&directory, now)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_called_before_is_shown_and_removed() {
    let house = House::build(Provider::Entra, Plan::small(83)).await;
    keep_all(&house, &old());
    house.server().app.published_up_to_date().await.unwrap();
    let old = old();
    for path in ["/applications", "/directories"] {
        for name in &old {
            let shown = get(&house, &format!("{path}/{}", path_part(name))).await;
            assert_eq!(shown["name"], json!(name), "{path}");
        }
    }
    for path in ["/applications", "/alerts/channels", "/tokens", "/administrators", "/directories"]
    {
        let listed = get(&house, path).await.as_array().unwrap().len();
        for (gone, name) in old.iter().enumerate() {
            did(&house, "DELETE", &format!("{path}/{}", path_part(name)), Value::Null).await;
            let left = get(&house, path).await;
            // A token that was revoked stays in the list.
            let left = left.as_array().unwrap().iter().filter(|row| row["revoked"].is_null());
            let names: Vec<&Value> = left.map(|row| &row["name"]).collect();
            assert_eq!(names.len(), listed - gone - 1, "{path} {name:?}");
            assert!(!names.contains(&&json!(name)), "{path} {name:?}");
        }
    }
    let audited = get(&house, "/audit").await.to_string();
    for name in [".", "a/b"] {
        assert!(audited.contains(&format!("\"object\":\"{name}\"")), "{name}: {audited}");
    }
    assert_eq!(path_form("."), "~2e", "which docs/operators/running.md tells");
}
