//! What the server does by itself.

use serde_json::Value;
use simulator::Provider;

use crate::{
    get,
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
