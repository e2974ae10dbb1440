//! A directory is put back, stays so, and follows again when it is let go.

use directory::{id::DAY_MS, rules::limits::Limits};
use muster::task::sweep;
use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    api, changes, get,
    house::{House, Plan},
    later,
};

async fn post(house: &House, path: &str, body: Value) -> Value {
    let (status, answer) = api(house, "POST", &format!("/directories/{path}"), body).await;
    assert_eq!(status.as_u16(), 200, "{path}: {answer}");
    answer
}

/// The number of the last change.
async fn head(house: &House) -> u64 {
    changes(house, "/changes?limit=1").await[0]["seq"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_day_is_undone_and_reads_go_on_into_the_mirror() {
    let mut house = House::build(Provider::Entra, Plan::small(31)).await;
    let good = house.rest("a good day").await;
    let to = head(&house).await;
    house.edits(40).await;
    house.read(false).await;
    let bad = house.rest("a bad day").await;
    assert_ne!(good, bad);

    let look = post(&house, "entra/undo", json!({"to": to, "dry_run": true})).await;
    assert!(look["changes_total"].as_u64().unwrap() > 0 && look["report"].is_null(), "{look:#}");
    house.has(&bad, "after looking only").await;
    let done = post(&house, "entra/undo", json!({"to": to, "reason": "wrong script"})).await;
    assert_eq!(done["applied"], look["applied"]);
    assert_eq!(done["report"]["approved"], done["report"]["applied"]);
    assert!(done["report"]["notes"].to_string().contains("wrong script"), "{done:#}");
    house.has(&good, "put back").await;
    for full in [false, true] {
        house.edits(10).await;
        let report = house.read(full).await;
        assert!(report.notes.iter().any(|note| note.contains("pinned")), "{report:?}");
        assert!(report.read.users > 0);
        house.has(&good, "pinned").await;
    }
    let shown = get(&house, "/directories/entra").await;
    assert_eq!(
        (&shown["pin"]["to"], &shown["pin"]["reason"]),
        (&json!(to), &json!("wrong script"))
    );
    let decide = json!({"digest": "0000000000000000"});
    let (status, body) = api(&house, "POST", "/directories/entra/approve", decide).await;
    assert!(status == 409 && body["detail"].to_string().contains("unpin"), "{body}");
    house.restart().await;
    house.has(&good, "pinned, after a restart").await;

    let wanted = house.expected().await;
    let look = post(&house, "entra/unpin", json!({"dry_run": true})).await;
    assert!(look["report"].is_null() && look["changes_total"].as_u64().unwrap() > 0);
    house.has(&good, "after looking what the end of the pin would do").await;
    let done = post(&house, "entra/unpin", json!({})).await;
    assert_eq!(done["applied"], done["report"]["applied"]);
    house.has(&wanted, "let go").await;
    let (status, body) = api(&house, "POST", "/directories/entra/unpin", json!({})).await;
    assert!(status == 409 && body["detail"].to_string().contains("not pinned"), "{body}");
    house.edits(10).await;
    house.read(false).await;
    house.rest("following again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letting_go_is_guarded_and_what_is_not_there_cannot_be_gone_back_to() {
    let mut house = House::build(Provider::Google, Plan::guarded(32)).await;
    let good = house.rest("a good day").await;
    let to = head(&house).await;
    let (status, body) = api(&house, "POST", "/directories/google/undo", json!({"to": 0})).await;
    assert!(status == 404 && body["detail"].to_string().contains("nobody was served"), "{body}");
    let ahead = json!({"to": to + 1});
    let (status, body) = api(&house, "POST", "/directories/google/undo", ahead).await;
    assert!(status == 404 && body["detail"].to_string().contains("ends at"), "{body}");

    post(&house, "google/undo", json!({"to": to})).await;
    // A third of the people leaves while nobody looks.
    let truth = house.truth().await;
    let leaving: Vec<&String> = truth.users.iter().take(40).map(|user| &user.id).collect();
    for id in &leaving {
        house.control("DELETE", &format!("users/{id}"), Value::Null).await;
    }
    house.read(true).await;
    house.has(&good, "pinned").await;
    let look = post(&house, "google/unpin", json!({"dry_run": true})).await;
    assert_eq!(look["held"][0]["kind"], "people_leaving", "{look:#}");
    let done = post(&house, "google/unpin", json!({})).await;
    assert_eq!(done["report"]["outcome"], "held");
    house.has(&good, "let go, and held").await;

    let cut = later(&house, 3 * DAY_MS).await;
    sweep::sweep(&house.server().app.clone(), cut).await.unwrap();
    let (status, body) =
        api(&house, "POST", "/directories/google/undo", json!({"to": to - 1})).await;
    assert!(status == 404 && body["detail"].to_string().contains("history_days"), "{body}");
}

/// A run that was put back does not count against the limits of the day, nor does putting it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_undone_does_not_count_in_the_days_limits() {
    let unlimited = Plan::small(33);
    let limits = unlimited.limits.clone().unwrap();
    // Eight may leave in a day, and twice as many may not.
    let limits = Limits { leaving_share: 0, leaving_min: 11, ..limits };
    let mut house = House::build(Provider::Entra, Plan { limits: Some(limits), ..unlimited }).await;
    let good = house.rest("a good day").await;
    let to = head(&house).await;
    let truth = house.truth().await;
    let mut people = truth.users.iter().filter(|user| user.active && !user.guest);
    let mut eight = || people.by_ref().take(8).map(|user| user.id.clone()).collect::<Vec<_>>();
    leave(&house, &eight()).await;
    assert_eq!(house.read(false).await.held, []);
    post(&house, "entra/undo", json!({"to": to})).await;
    house.has(&good, "put back").await;
    let look = post(&house, "entra/unpin", json!({"dry_run": true})).await;
    assert_eq!(look["held"], json!([]), "the same people may go again: {look:#}");
    post(&house, "entra/unpin", json!({})).await;
    // They count now, however often they went.
    leave(&house, &eight()).await;
    let held = house.read(false).await.held;
    assert_eq!(held.iter().map(|held| held.count).collect::<Vec<_>>(), [8], "{held:?}");
}

async fn leave(house: &House, ids: &[String]) {
    for id in ids {
        house.control("DELETE", &format!("users/{id}"), Value::Null).await;
    }
}
