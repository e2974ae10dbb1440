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
