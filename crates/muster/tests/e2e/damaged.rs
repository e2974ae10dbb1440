//! What is damaged in the database: told at once, and no further than it reaches.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use tokio::time::Instant;

use crate::service::Demo;

/// No command waits longer for what cannot come.
const AT_ONCE: Duration = Duration::from_secs(30);

fn database(demo: &Demo) -> Connection {
    Connection::open(demo.data.path().join("muster.db")).unwrap()
}

async fn ready(demo: &Demo) -> (u16, String) {
    let url = format!("{}health/ready", demo.file["console"]["url"].as_str().unwrap());
    let response = connect::http::local_client().unwrap().get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The open alerts of a kind.
fn open_alerts(demo: &Demo, kind: &str) -> Vec<Value> {
    let ran = demo.muster(&["alert", "list", "--json"]);
    let alerts: Value = serde_json::from_str(&ran.stdout).unwrap();
    let alerts = alerts["alerts"].as_array().unwrap().iter();
    alerts.filter(|alert| alert["kind"] == kind && alert["resolved"].is_null()).cloned().collect()
}

/// Looks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < AT_ONCE, "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_followed_is_told_at_once_until_it_can() {
    let demo = Demo::start(30, 5, 60, 14).await;
    assert_eq!(ready(&demo).await.0, 200);
    let floor = |seq: i64| database(&demo).execute("UPDATE base SET seq = ?1", [seq]).unwrap();
    floor(-1);
    demo.new_user("late@contoso.example").await;
    let commands: [&[&str]; 4] = [
        &["directory", "sync", "entra", "--wait"],
        &["directory", "preview", "entra"],
        &["directory", "explain", "entra", "late@contoso.example"],
        &["directory", "sync", "entra", "--user", "late@contoso.example"],
    ];
    for command in commands {
        let started = Instant::now();
        let ran = demo.muster(command);
        assert!(started.elapsed() < AT_ONCE, "{command:?} waited");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, 1, "{command:?}: {told}");
        for part in ["the change log cannot be followed", "muster repair"] {
            assert!(told.contains(part), "{command:?}: {told}");
        }
    }
    let (status, told) = ready(&demo).await;
    assert_eq!(status, 503, "{told}");
    assert!(told.contains("the change log cannot be followed"), "{told}");
    until("an alert", async || open_alerts(&demo, "not_served").len() == 1).await;
    let alert = &open_alerts(&demo, "not_served")[0];
    assert_eq!(alert["directory"], "entra", "{alert}");

    floor(0);
    until("ready again", async || ready(&demo).await.0 == 200).await;
    until("the alert is over", async || open_alerts(&demo, "not_served").is_empty()).await;
    assert_eq!(demo.sync(false).0, 0);
    let mut product = demo.product();
    product.synchronise().await;
    assert!(product.copy().users.contains_key("late@contoso.example"));
}

/// Rules that make user names of display names, from a file as an administrator writes it.
fn named_by_display_name(demo: &Demo, provider: &str) {
    let file = demo.data.path().join("rules.toml");
    let printed = demo.muster(&["directory", "rules", provider]).stdout;
    let mut rules: toml::Table = toml::from_str(&printed).unwrap();
    let by_name: toml::Value =
        toml::from_str::<toml::Table>("a = { attribute = \"display_name\" }").unwrap()["a"].clone();
    rules.insert("user_name".to_owned(), by_name);
    std::fs::write(&file, toml::to_string(&rules).unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let ran = demo.muster(&["directory", "rules", provider, "--set", file, "--yes"]);
    assert!(ran.code == 0 || ran.code == 3, "{ran:?}");
}

/// A display name that is a name as it is spelled and too long in lower case.
async fn a_name_that_grows_sets_one_person_aside(provider: simulator::Provider) {
    let (provider, domain) = match provider {
        simulator::Provider::Entra => ("entra", "contoso.example"),
        simulator::Provider::Google => ("google", "globex.example"),
        simulator::Provider::Okta => ("okta", "initech.example"),
    };
    let mut demo = Demo::of(provider, [20, 4, 30], 15).await;
    named_by_display_name(&demo, provider);
    for (no, name) in ["İ".repeat(200), "Ⱥ".repeat(200), "ß".repeat(255), "Grace Odd".to_owned()]
        .iter()
        .enumerate()
    {
        let login = format!("odd{no}@{domain}");
        let body = serde_json::json!({"login": login, "display_name": name});
        demo.control("POST", "users", body).await;
    }
    let (code, report) = demo.sync(true);
    assert!(code == 0 || code == 3, "{report}");
    assert_eq!(ready(&demo).await.0, 200);
    let shown = demo.muster(&["directory", "show", provider, "--json"]).stdout;
    assert!(shown.contains("in lower case"), "{shown}");
    let mut product = demo.product();
    product.synchronise().await;
    let served = product.copy().users.contains_key("grace odd");
    assert!(served, "the others are served");
    // A restart finds everything as it was.
    demo.kill();
    let (_server, url) = crate::service::serve(demo.data.path()).await;
    product.moved(Some(url));
    product.synchronise().await;
    assert!(product.copy().users.contains_key("grace odd"));
    let ran = crate::service::muster_in(demo.data.path(), &["directory", "preview", provider]);
    assert!(ran.code == 0 || ran.code == 3, "{ran:?}");
}

for_each_provider! { a_name_that_grows_sets_one_person_aside }

/// Damaged rows of one user, one group, one record and one entry: the server starts, everybody is served, an alert and
/// the report tell, and runs write them anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_are_told_of_and_everybody_is_served() {
    let mut demo = Demo::start(30, 6, 60, 16).await;
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    demo.kill();
    for damage in [
        "UPDATE served_user SET record = x'02FF' WHERE no = 3",
        "UPDATE served_group SET record = CAST(x'02' || record AS BLOB) WHERE no = 1",
        "UPDATE served_members SET members = x'01FF' WHERE grp = 2",
        "UPDATE mirror_person SET record = x'' WHERE no = 4",
        "UPDATE change_log SET change = x'03' WHERE seq = 2",
    ] {
        assert!(database(&demo).execute(damage, ()).unwrap() >= 1, "{damage}");
    }
    let looked = crate::service::muster_in(demo.data.path(), &["repair", "--json"]);
    assert_eq!(looked.code, 0, "{looked:?}");
    let found: Value = serde_json::from_str(&looked.stdout).unwrap();
    assert_eq!(found["found"].as_array().unwrap().len(), 5, "{found}");

    let (_server, url) = crate::service::serve(demo.data.path()).await;
    let running = crate::service::muster_in(demo.data.path(), &["repair"]);
    assert!(running.code == 1 && running.stderr.contains("another Muster server"), "{running:?}");
    product.moved(Some(url));
    product.full().await;
    assert_eq!(product.copy(), before, "everybody is served");
    until("an alert", async || open_alerts(&demo, "damaged").len() == 1).await;
    let alert = open_alerts(&demo, "damaged")[0].to_string();
    assert!(alert.contains("cannot be read") && alert.contains("muster repair"), "{alert}");
}

/// Settings that cannot be read, one object of each kind: nobody gets in by them, everybody else is served, lists, the
/// alert and `muster repair` name them; a look changes nothing, `--apply` makes both databases whole, and the next run
/// serves the directory as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repair_makes_both_databases_whole() {
    let mut demo = Demo::start(30, 6, 60, 17).await;
    let mut product = demo.product();
    product.synchronise().await;
    let before = product.copy();
    let made = demo.muster(&["token", "add", "ci", "--scope", "read", "--json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    demo.kill();
    let state = Connection::open(demo.data.path().join("state.db")).unwrap();
    for damage in [
        "UPDATE application SET addresses = x'00FF' WHERE name = 'demo-entra'",
        "UPDATE api_token SET scopes = 'every' WHERE name = 'ci'",
        "UPDATE connection SET schedule = '{', last_read = 'x'",
        "UPDATE head SET run = 'x', alert = -1",
        "UPDATE served_user SET record = x'02FF' WHERE no = (SELECT MIN(no) FROM served_user)",
        "UPDATE served_user SET no = 'x' WHERE no = (SELECT MAX(no) FROM served_user)",
        "UPDATE log_run SET first = x'00'",
    ] {
        assert!(database(&demo).execute(damage, ()).unwrap() >= 1, "{damage}");
    }
    let insert = "INSERT INTO caller VALUES (99, 1, 1, 'x', 'a', 'b')";
    assert_eq!(state.execute(insert, ()).unwrap(), 1);
    drop(state);

    // As it is, the server starts: everybody is served, and nobody gets in by what cannot be read.
    let (server, url) = crate::service::serve(demo.data.path()).await;
    product.moved(Some(url.clone()));
    product.full().await;
    assert_eq!(product.copy(), before, "everybody is served");
    let http = connect::http::local_client().unwrap();
    let ask = http.get(format!("{url}/api/v1/directories"));
    let status = ask.bearer_auth(made["token"].as_str().unwrap()).send().await.unwrap().status();
    assert_eq!(status, 401, "a token that cannot be read lets nobody in");
    until("an alert", async || open_alerts(&demo, "damaged").len() == 2).await;
    let alerts = open_alerts(&demo, "damaged");
    let settings = alerts.iter().find(|alert| alert["directory"] == "").unwrap().to_string();
    for part in ["demo-entra", "addresses", "ci", "scopes", "muster repair"] {
        assert!(settings.contains(part), "no {part} in {settings}");
    }
    for list in [&["application", "list"][..], &["token", "list"], &["directory", "list"]] {
        let told = demo.muster(list).stdout;
        assert!(told.contains("cannot be read") && told.contains("muster repair"), "{told}");
    }
    drop(server);

    let repair = |arguments: &[&str]| {
        let ran = crate::service::muster_in(demo.data.path(), arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    let looked: Value = serde_json::from_str(&repair(&["repair", "--json"])).unwrap();
    let told = looked["found"].to_string();
    for part in
        ["demo-entra", "schedule", "scopes", "application's calls", "index of the change log"]
    {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let again: Value = serde_json::from_str(&repair(&["repair", "--json"])).unwrap();
    assert_eq!(looked, again, "a look changes nothing");
    assert!(repair(&["repair", "--apply"]).contains("start the server"));

    let (server, url) = crate::service::serve(demo.data.path()).await;
    product.moved(Some(url));
    // A run that needs no provider, which went with the demo: everybody is planned anew.
    let file = demo.data.path().join("rules.toml");
    std::fs::write(&file, demo.muster(&["directory", "rules", "entra"]).stdout).unwrap();
    let set = ["directory", "rules", "entra", "--set", file.to_str().unwrap(), "--yes"];
    let ran = demo.muster(&set);
    assert!(ran.code == 0 || ran.code == 3, "{ran:?}");
    product.full().await;
    assert_eq!(product.copy(), before, "the directory is whole");
    until("no alert", async || open_alerts(&demo, "damaged").is_empty()).await;
    drop(server);
    assert!(repair(&["repair"]).contains("everything can be read"));
}
