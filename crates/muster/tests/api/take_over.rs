//! A leaver of the first directory of an application, and an account of that name in the second that nothing but the name
//! says to be theirs: it takes the place once that is approved (DESIGN.md 12.9). Told as a product reads it over HTTP.

use std::{
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use directory::report::{Outcome, RunReport};
use muster::{api, cli::demo, task::keeper::Keeper};
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::{Options, Provider, Running};
use store::Schedule;

use crate::{
    ask, did, get,
    house::{House, Plan},
    product::Product,
    shown::Browser,
};

/// A tenant of another provider, read into a second directory of the house.
struct Second {
    provider: Provider,
    running: Running,
    keeper: Arc<Keeper>,
}

impl Second {
    async fn connect(house: &House, provider: Provider) -> Self {
        let local = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options {
            providers: vec![provider],
            users: 10,
            groups: 3,
            memberships: 10,
            seed: 5,
            ..Options::new(local)
        };
        let running = simulator::start(options).await.unwrap();
        let app = &house.server().app;
        let mut add = demo::directories(running.description()).unwrap().remove(0);
        let never = 10_000_000;
        let schedule = Schedule { pull_every_s: never, full_every_s: never, ..Schedule::default() };
        add.schedule = Some(schedule);
        let row = api::directory::connect_directory(app, add).await.unwrap();
        let keeper = app.keeper(row.id).unwrap();
        while keeper.status().completed == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { provider, running, keeper }
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let base = &self.running.description().control;
        let url = format!("{base}/{}/{path}", self.provider.name());
        let request = connect::http::local_client().unwrap().request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn account(&self, login: &str, email: &str) -> String {
        let body = json!({"login": login, "display_name": login, "email": email});
        self.control("POST", "users", body).await["id"].as_str().unwrap().to_owned()
    }

    async fn read(&self, house: &House) -> RunReport {
        let ticket = self.keeper.request(false);
        while self.keeper.status().completed < ticket {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        house.wait(1_000);
        self.keeper.status().last.unwrap()
    }
}

/// The product sees both directories, this one first.
async fn sees(house: &mut House, order: [&str; 2]) {
    let application = muster::service::application::Add {
        name: "both".to_owned(),
        directories: order.map(str::to_owned).to_vec(),
        aggregate: false,
        nested_groups: true,
        frozen_names: false,
        addresses: Vec::new(),
        password: None,
        product: None,
    };
    let credentials = muster::service::application::add(
        &house.server().app,
        &muster::service::Actor::server("test"),
        application,
    )
    .await
    .unwrap();
    let url = format!("{}/crowd", house.server().url);
    house.product = Product::new(&url, credentials.name, credentials.password);
}

fn muster(house: &House, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(arguments)
        .env("MUSTER_URL", &house.server().url)
        .env("MUSTER_TOKEN", &house.server().token)
        .output()
        .unwrap()
}

async fn because(house: &House, directory: &str, id: &str) -> String {
    let path = format!("/directories/{directory}/explain?user={id}");
    get(house, &path).await["because"].to_string()
}

/// What the product has of a name: whose account, and whether it is active.
async fn seen(house: &mut House, name: &str) -> (String, bool) {
    let copy = house.copy().await;
    let person = &copy.users[name];
    (person.id.clone(), person.active)
}

fn held(report: &RunReport) -> u64 {
    let kinds: Vec<&str> = report.held.iter().map(|held| held.kind.as_str()).collect();
    assert!(kinds.iter().all(|kind| *kind == "take_over"), "{report:?}");
    assert_eq!(report.outcome == Outcome::Held, !kinds.is_empty());
    report.held.first().map_or(0, |held| held.count)
}

async fn waits_until_approved((first, second): (Provider, Provider), seed: u64) {
    let mut house = House::build(first, Plan::small(seed)).await;
    let second = Second::connect(&house, second).await;
    let (above, below) = (first.name(), second.provider.name());
    sees(&mut house, [above, below]).await;
    let domain = house.domain();
    let (ann, bob, cy) = (format!("ann@{domain}"), format!("bob@{domain}"), format!("cy@{domain}"));
    let leaver = house.new_user(&ann).await;
    let disabled = house.new_user(&bob).await;
    let known = house.new_user(&cy).await;
    let account = second.account(&ann, "ann.other@elsewhere.example").await;
    second.account(&bob, "bob.other@elsewhere.example").await;
    let same = second.account(&cy, &cy).await;
    house.read(false).await;
    assert_eq!(held(&second.read(&house).await), 0);
    assert_eq!(seen(&mut house, &ann).await, (leaver.clone(), true));

    // Ann and Cy leave, Bob is disabled: Cy's address says who the account is, nothing does of Ann, and Bob does not yield.
    house.deletes(&leaver).await;
    house.deletes(&known).await;
    house.control("PATCH", &format!("users/{disabled}"), json!({"active": false})).await;
    house.read(false).await;
    let report = second.read(&house).await;
    assert_eq!(held(&report), 1, "{report:?}");
    assert_eq!(seen(&mut house, &ann).await, (leaver.clone(), false), "the leaver stays in front");
    assert_eq!(seen(&mut house, &bob).await, (disabled.clone(), false));
    assert_eq!(seen(&mut house, &cy).await, (same.clone(), true));
    // Read in full or not, it waits.
    assert_eq!(held(&second.read(&house).await), 1);

    let told = because(&house, above, &leaver).await;
    assert!(
        told.contains(&format!("`{ann}` of directory {below} waits behind this leaver in both")),
        "{told}"
    );
    let told = because(&house, below, &account).await;
    assert!(
        told.contains(&format!("waits behind the leaver `{ann}` of directory {above} in both")),
        "{told}"
    );
    assert!(!because(&house, above, &disabled).await.contains("waits behind"));
    let told = because(&house, above, &known).await;
    assert!(told.contains("has made way to the account"), "{told}");
    let browser = Browser::sign_in(&house).await;
    let page = browser.page(&house, &format!("/directories/{above}/people/{leaver}")).await;
    assert!(page.contains("waits behind this leaver"), "{page}");
    let page = browser.page(&house, &format!("/directories/{below}/waiting")).await;
    assert!(page.contains("would take the place of the leaver"), "{page}");

    // Approved like every other kind, by the digest of what was seen.
    let token = house.server().token.clone();
    let path = format!("/directories/{below}/approve");
    let wrong = json!({"digest": "0000", "kind": "take_over"});
    assert_eq!(
        ask(&house, Some(&token), ("POST", &path), wrong).await.status,
        StatusCode::CONFLICT
    );
    let ran = muster(&house, &["directory", "preview", below, "--json"]);
    assert_eq!(ran.status.code(), Some(3), "{ran:?}");
    let preview: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let waiting = &preview["held"][0];
    assert_eq!(
        (&waiting["kind"], &waiting["items"][0]["id"]),
        (&json!("take_over"), &json!(account))
    );
    let digest = waiting["digest"].as_str().unwrap();
    let reads = house.product.full_syncs;
    let ran =
        muster(&house, &["directory", "approve", below, "--kind", "take_over", "--digest", digest]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert_eq!(seen(&mut house, &ann).await, (account.clone(), true), "the account is seen now");
    assert_eq!(house.product.full_syncs, reads + 1, "another owner is read in full once");
    assert_eq!(
        seen(&mut house, &bob).await,
        (disabled.clone(), false),
        "who is disabled does not yield"
    );
    assert_eq!(held(&second.read(&house).await), 0);
    assert!(because(&house, above, &leaver).await.contains("has made way to the account"));
    assert!(because(&house, below, &account).await.contains("has taken the place of the leaver"));
    let log = get(&house, "/audit?text=directory.approve").await;
    assert_eq!(log["items"][0]["object"], below, "{log:#}");

    // It holds over a restart and over reads of everything.
    house.restart().await;
    house.read(true).await;
    assert_eq!(seen(&mut house, &ann).await, (account.clone(), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_okta_waits_behind_a_leaver_of_entra() {
    waits_until_approved((Provider::Entra, Provider::Okta), 91).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_okta_waits_behind_a_leaver_of_google() {
    waits_until_approved((Provider::Google, Provider::Okta), 92).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_over_is_discarded_and_ends_when_the_leaver_comes_back() {
    let mut house = House::build(Provider::Entra, Plan::small(93)).await;
    let second = Second::connect(&house, Provider::Okta).await;
    let ann = format!("ann@{}", house.domain());
    let leaver = house.new_user(&ann).await;
    let account = second.account(&ann, "ann.other@elsewhere.example").await;
    house.read(false).await;
    second.read(&house).await;
    house.deletes(&leaver).await;
    house.read(false).await;
    assert_eq!(held(&second.read(&house).await), 0, "no application sees one behind the other");
    sees(&mut house, ["okta", "entra"]).await;
    assert_eq!(held(&second.read(&house).await), 0, "the account is in front");
    assert_eq!(seen(&mut house, &ann).await, (account.clone(), true));
    did(&house, "DELETE", "/applications/both", Value::Null).await;
    sees(&mut house, ["entra", "okta"]).await;
    assert_eq!(held(&second.read(&house).await), 1);

    did(&house, "POST", "/directories/okta/discard", json!({"kind": "take_over"})).await;
    assert_eq!(held(&second.read(&house).await), 0, "a discard asks no more");
    assert_eq!(seen(&mut house, &ann).await, (leaver.clone(), false));
    let look = did(&house, "POST", "/directories/okta/withdraw", json!({"dry_run": true})).await;
    assert_eq!(look["discarded"][0]["waits_for"], json!(["take_over"]), "{look}");
    did(&house, "POST", "/directories/okta/withdraw", json!({})).await;

    let approve = async |house: &House| {
        let preview = get(house, "/directories/okta/preview").await;
        let body = json!({"digest": preview["held"][0]["digest"], "kind": "take_over"});
        did(house, "POST", "/directories/okta/approve", body).await;
    };
    approve(&house).await;
    assert_eq!(seen(&mut house, &ann).await, (account.clone(), true));
    // The leaver comes back and is in front again; after another leave the account has to be approved anew.
    house.control("POST", &format!("users/{leaver}/restore"), Value::Null).await;
    house.read(false).await;
    assert_eq!(seen(&mut house, &ann).await, (leaver.clone(), true));
    assert_eq!(held(&second.read(&house).await), 0);
    house.deletes(&leaver).await;
    house.read(false).await;
    assert_eq!(held(&second.read(&house).await), 1);
    assert_eq!(seen(&mut house, &ann).await, (leaver.clone(), false));
    approve(&house).await;
    // An account that is disabled takes no place.
    second.control("PATCH", &format!("users/{account}"), json!({"active": false})).await;
    second.read(&house).await;
    assert_eq!(seen(&mut house, &ann).await, (leaver.clone(), false));
}
