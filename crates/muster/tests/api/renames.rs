//! New names of single groups, for each provider: listed, accepted and refused by API, command line and console, each
//! with an entry in the audit log.

use std::process::{Command, Output};

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    ask, did, get,
    house::{House, Plan},
    shown::Browser,
};

fn muster(house: &House, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(arguments)
        .env("MUSTER_URL", &house.server().url)
        .env("MUSTER_TOKEN", &house.server().token)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What makes a group's served name another one at this provider.
fn renamed(house: &House, name: &str) -> Value {
    match house.provider {
        Provider::Google => json!({"email": format!("{name}@{}", house.domain())}),
        Provider::Entra | Provider::Okta => json!({"name": name}),
    }
}

/// Groups of the directory, by the provider's id, under the name that is served.
async fn served(house: &House, id: &str) -> String {
    let path = format!("/directories/{}/groups/{id}", house.provider.name());
    get(house, &path).await["name"].as_str().unwrap().to_owned()
}

async fn states(house: &House) -> Vec<(String, String, String)> {
    let path = format!("/directories/{}/renames", house.provider.name());
    let renames = get(house, &path).await;
    let mut states: Vec<_> = renames["renames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap().to_owned();
            (text("id"), text("new_name"), text("state"))
        })
        .collect();
    states.sort();
    states
}

async fn by_all_ways(provider: Provider, seed: u64) {
    let mut house = House::build(provider, Plan::small(seed)).await;
    let name = provider.name();
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = house.new_group(&format!("Kept {number}")).await;
        house
            .control("PATCH", &format!("groups/{id}"), renamed(&house, &format!("kept-{number}")))
            .await;
        ids.push(id);
    }
    house.read(false).await;
    assert_eq!(states(&house).await, []);
    for (number, id) in ids.iter().enumerate() {
        let body = renamed(&house, &format!("new-{number}"));
        house.control("PATCH", &format!("groups/{id}"), body).await;
    }
    house.read(false).await;
    let waiting: Vec<_> = states(&house).await;
    assert_eq!(waiting.len(), 5, "{waiting:?}");
    assert!(waiting.iter().all(|(_, _, state)| state == "waiting"), "{waiting:?}");

    // By the admin API, by the name that products see; a look first, whose digest holds for what was seen only.
    let path = format!("/directories/{name}/renames");
    let token = house.server().token.clone();
    let look = json!({"accept": ["kept-0"], "refuse": [ids[1]], "dry_run": true});
    let seen = did(&house, "POST", &path, look).await;
    assert!(seen["report"].is_null() && seen["renames"].as_array().unwrap().len() == 2, "{seen}");
    assert_eq!(served(&house, &ids[0]).await, "kept-0", "a look changes nothing");
    let wrong = json!({"accept": ["kept-0"], "refuse": [ids[1]], "digest": "0000"});
    assert_eq!(
        ask(&house, Some(&token), ("POST", &path), wrong).await.status,
        StatusCode::CONFLICT
    );
    let body = json!({"accept": ["kept-0"], "refuse": [ids[1]], "digest": seen["digest"], "reason": "a slip"});
    let done = did(&house, "POST", &path, body).await;
    assert!(done["report"]["notes"].to_string().contains("kept-0 to new-0 (a slip)"), "{done}");
    assert_eq!(served(&house, &ids[0]).await, "new-0");
    assert_eq!(served(&house, &ids[1]).await, "kept-1");

    // By the command line: the list, then each verb.
    let ran = muster(&house, &["directory", "renames", name]);
    let said = text(&ran.stdout);
    assert!(ran.status.success() && said.contains(&ids[2]) && said.contains("new-2"), "{said}");
    assert!(
        said.contains("was refused") && said.contains("permissions given to the old name"),
        "{said}"
    );
    let ran =
        muster(&house, &["directory", "renames", name, "--accept", "kept-2", "--refuse", "kept-3"]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let ran = muster(&house, &["directory", "renames", name, "--json"]);
    let listed: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(listed["renames"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(served(&house, &ids[2]).await, "new-2");
    let again = muster(&house, &["directory", "renames", name, "--accept", "new-2"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("no new name to decide about"), "{again:?}");

    // By the console, with a form for each group.
    let browser = Browser::sign_in(&house).await;
    let page = browser.page(&house, &format!("/directories/{name}/set-aside")).await;
    let form = page.split("<form").find(|form| form.contains(&format!("value=\"{}\"", ids[4])));
    let digest = form.unwrap().split("name=\"digest\" value=\"").nth(1).unwrap();
    let digest = digest.split('"').next().unwrap();
    let form = format!("group={}&digest={digest}&decision=accept", ids[4]);
    let to = format!("/directories/{name}/renames");
    let page = browser.post(&house, &to, form.clone()).await;
    assert!(page.contains("Products see a new group"), "{page}");
    assert_eq!(served(&house, &ids[4]).await, "new-4");
    let page = browser.post(&house, &to, form).await;
    assert!(page.contains("no new name to decide about"), "what is done is not done again: {page}");
    let page = browser.page(&house, &format!("/directories/{name}/groups/{}", ids[1])).await;
    assert!(page.contains("was refused"), "the page of the group says so: {page}");

    // What was refused stays so, and can be accepted after all; another name asks again.
    house.read(true).await;
    let expected = [
        (ids[1].clone(), "new-1".to_owned(), "refused".to_owned()),
        (ids[3].clone(), "new-3".to_owned(), "refused".to_owned()),
    ];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(states(&house).await, expected);
    let body = renamed(&house, "newer-1");
    house.control("PATCH", &format!("groups/{}", ids[1]), body).await;
    house.read(false).await;
    let asked = (ids[1].clone(), "newer-1".to_owned(), "waiting".to_owned());
    assert!(states(&house).await.contains(&asked));
    did(&house, "POST", &path, json!({"accept": [ids[3]]})).await;
    assert_eq!(served(&house, &ids[3]).await, "new-3");

    let log = get(&house, "/audit?text=renames").await;
    let entries = log["items"].as_array().unwrap();
    assert_eq!(entries.len(), 4, "one entry for each decision, none for a look: {log:#}");
    assert!(
        entries
            .iter()
            .all(|entry| entry["action"] == "directory.renames" && entry["object"] == name)
    );
    let first = &entries[3]["detail"];
    assert_eq!(first["accepted"], json!([{"id": ids[0], "before": "kept-0", "after": "new-0"}]));
    assert_eq!(first["refused"], json!([{"id": ids[1], "before": "kept-1", "after": "new-1"}]));
    assert_eq!(first["reason"], "a slip");
    assert_eq!(entries[1]["who"], "ann");
    assert_eq!(entries[1]["detail"]["accepted"][0]["after"], "new-4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_names_of_entra_groups_are_decided_one_by_one() {
    by_all_ways(Provider::Entra, 81).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_names_of_google_groups_are_decided_one_by_one() {
    by_all_ways(Provider::Google, 82).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_names_of_okta_groups_are_decided_one_by_one() {
    by_all_ways(Provider::Okta, 83).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_is_decided_for_a_group_that_is_named_and_by_whoever_may() {
    let mut house = House::build(Provider::Entra, Plan::small(84)).await;
    let mut ids = Vec::new();
    for name in ["first", "second", "third"] {
        ids.push(house.new_group(name).await);
    }
    house.read(false).await;
    // The first is renamed to what the second is still served as, and the second to something else.
    for (id, name) in [(&ids[0], "second"), (&ids[1], "moved on")] {
        house.control("PATCH", &format!("groups/{id}"), json!({"name": name})).await;
    }
    house.read(false).await;
    let token = house.server().token.clone();
    let path = "/directories/entra/renames";
    for verb in ["accept", "refuse"] {
        let answer = ask(&house, Some(&token), ("POST", path), json!({verb: ["second"]})).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
        let mut told: Vec<&str> = answer.body["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        told.sort_unstable();
        let mut both = [ids[0].as_str(), ids[1].as_str()];
        both.sort_unstable();
        assert_eq!(told, both, "whoever fits is shown");
        let ran =
            muster(&house, &["directory", "renames", "entra", &format!("--{verb}"), "second"]);
        let said = text(&ran.stderr);
        assert!(
            ran.status.code() == Some(1) && ids[..2].iter().all(|id| said.contains(id)),
            "{said}"
        );
    }
    for (body, status) in [
        (json!({}), 400),
        (json!({"accept": ["first"], "refuse": [ids[0]]}), 400),
        (json!({"accept": ["nobody"]}), 404),
        (json!({"accept": [" "]}), 404),
        (json!({"refuse": ["third"]}), 409),
        (json!({"refuse": [ids[2]]}), 409),
        (json!({"approve": ["first"]}), 400),
    ] {
        let answer = ask(&house, Some(&token), ("POST", path), body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.body);
    }
    // A name that is in use is accepted and served once it is free.
    did(&house, "POST", path, json!({"accept": [ids[0]]})).await;
    assert_eq!(served(&house, &ids[0]).await, "first");
    let accepted = (ids[0].clone(), "second".to_owned(), "accepted".to_owned());
    assert!(states(&house).await.contains(&accepted));

    let reader = did(&house, "POST", "/tokens", json!({"name": "r", "scopes": ["read"]})).await;
    let reader = reader["token"].as_str().unwrap().to_owned();
    let body = json!({"refuse": [ids[1]]});
    assert_eq!(ask(&house, Some(&reader), ("GET", path), Value::Null).await.status, 200);
    assert_eq!(ask(&house, Some(&reader), ("POST", path), body.clone()).await.status, 403);
    assert_eq!(ask(&house, None, ("GET", path), Value::Null).await.status, 401);
    // Nothing is decided while the directory is put back.
    let head = house.server().app.store.head().unwrap().0;
    did(&house, "POST", "/directories/entra/undo", json!({"to": head})).await;
    let pinned = ask(&house, Some(&token), ("POST", path), body.clone()).await;
    assert_eq!(pinned.status, StatusCode::CONFLICT);
    assert!(pinned.body["detail"].as_str().unwrap().contains("pinned"), "{}", pinned.body);
    did(&house, "POST", "/directories/entra/unpin", json!({})).await;
    // A restart forgets no decision.
    did(&house, "POST", path, body).await;
    house.restart().await;
    let refused = (ids[1].clone(), "moved on".to_owned(), "refused".to_owned());
    assert!(states(&house).await.contains(&refused) && states(&house).await.contains(&accepted));
}
