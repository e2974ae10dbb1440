//! What the server does by itself.

use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    did, get,
    house::{House, Plan},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_say_when_they_last_did_something_and_that_they_run() {
    let mut house = House::build(Provider::Entra, Plan::small(31)).await;
    house.read(false).await;
    // Some tasks have their first round in a moment.
    let told = loop {
        let told = get(&house, "/tasks").await;
        let waits = |task: &Value| task["last"].is_null() && task["name"] != "callers";
        if !told["server"].as_array().unwrap().iter().any(waits) {
            break told;
        }
        tokio::task::yield_now().await;
    };
    let tasks = told["server"].as_array().unwrap();
    let names: Vec<&str> = tasks.iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["follow", "notify", "alert", "watch", "sweep", "callers"]);
    for task in tasks {
        assert!(task["running"] == true && task["problem"].is_null(), "{task}");
        assert!(!task["about"].as_str().unwrap().is_empty());
    }
    let pull = &told["directories"][0];
    assert_eq!((&pull["directory"], &pull["status"]["phase"]), (&"entra".into(), &"idle".into()));
    assert_eq!(pull["status"]["last"]["kind"], "delta");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_decision_leaves_waiting_and_takes_from_there_is_told_at_once() {
    let house = House::build(Provider::Entra, Plan::small(32)).await;
    let outcome = async || get(&house, "/directories/entra").await["last"]["outcome"].clone();
    assert_eq!(outcome().await, "done");
    let rules = json!({"people": {"filter": "user.login.startsWith('nobody')"}});
    let report = did(&house, "PUT", "/directories/entra/rules", rules).await;
    assert_eq!((&report["outcome"], outcome().await), (&"held".into(), "held".into()));
    let someone = get(&house, "/directories/entra/users?limit=1").await["items"][0]["id"].clone();
    let path = format!("/directories/entra/explain?user={}", someone.as_str().unwrap());
    let told = get(&house, &path).await["because"].to_string();
    assert!(told.contains("it waits for a decision: would be deactivated"), "{told}");
    let digest = get(&house, "/directories/entra/preview").await["digest"].clone();
    did(&house, "POST", "/directories/entra/approve", json!({"digest": digest})).await;
    assert_eq!(outcome().await, "done", "and nothing waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_found_nobody_is_seen_to_wait() {
    let mut house = House::build(Provider::Entra, Plan::small(33)).await;
    let fault = json!([{"route": "/users", "kind": "empty", "times": 1000}]);
    house.control("POST", "faults", fault).await;
    house.read(true).await;
    let preview = get(&house, "/directories/entra/preview").await;
    let kinds: Vec<&str> = preview["held"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|held| held["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"empty_read"), "{kinds:?}");
    house.control("DELETE", "faults", Value::Null).await;
    house.read(true).await;
    assert_eq!(get(&house, "/directories/entra/preview").await["held"], json!([]));
}
