//! The change log as an administrator reads it, and what is left of it when it is old.

use directory::id::{DAY_MS, Millis};
use muster::task::sweep;
use serde_json::{Value, json};
use simulator::Provider;
use store::Store;

use crate::{
    api, changes, get,
    house::{House, Plan},
    later,
};

/// What entries say, one a line.
fn said(entries: &Value) -> Vec<String> {
    let entries = entries.as_array().unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    entries.iter().map(|e| format!("{} {}", text(e, "kind"), text(e, "what"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_told_from_joining_to_leaving_also_when_they_are_gone() {
    let mut house = House::build(Provider::Entra, Plan::small(21)).await;
    let login = format!("zoe@{}", house.domain());
    let before = later(&house, 1_000).await;
    later(&house, 1_000).await;
    let zoe = house.new_user(&login).await;
    let team = house.new_group("Zebras").await;
    house.read(false).await;
    house.control("PUT", &format!("groups/{team}/users/{zoe}"), Value::Null).await;
    house.control("PATCH", &format!("users/{zoe}"), json!({"display_name": "Zoe Z"})).await;
    house.read(false).await;
    let joined = later(&house, 1_000).await;
    later(&house, 1_000).await;
    house.control("PATCH", &format!("groups/{team}"), json!({"description": "striped"})).await;
    house.control("DELETE", &format!("users/{zoe}"), Value::Null).await;
    house.read(false).await;
    later(&house, 20 * DAY_MS).await;
    house.read(false).await;

    let entries = changes(&house, &format!("/changes?user={login}")).await;
    let told = said(&entries);
    assert_eq!(told.len(), 6, "{entries:#}");
    assert_eq!(told[0], "user added");
    assert!(told[1].contains("display name") && told[2] == format!("members added 1: {login}"));
    assert!(told[3] == "user deactivated" && told[4] == "user removed", "{told:?}");
    assert_eq!(
        told[5],
        format!("members removed 1: {login}"),
        "a name that is not served any more"
    );
    let run = entries[1]["run"].as_u64().unwrap();
    assert_eq!(entries[2]["run"], run, "one run made both");
    let of_run = changes(&house, &format!("/changes?directory=entra&run={run}")).await;
    assert_eq!(of_run, json!([entries[1], entries[2]]));
    // Pages lead back and on by number.
    let last = entries[4]["seq"].as_u64().unwrap();
    let page = changes(&house, &format!("/changes?user={login}&before={last}&limit=2")).await;
    assert_eq!(page, json!([entries[2], entries[3]]));
    let next =
        changes(&house, &format!("/changes?user={login}&after={}&limit=1", page[0]["seq"])).await;
    assert_eq!(next, json!([entries[3]]));
    let span = format!("/changes?user={zoe}&since={}&until={}", before.0, joined.0);
    assert_eq!(said(&changes(&house, &span).await).len(), 3);
    assert!(
        said(&changes(&house, "/changes?group=zebras").await).contains(&"group added".to_owned())
    );

    let path = format!("/directories/entra/history?user={zoe}");
    let then = get(&house, &format!("{path}&at={}", joined.0)).await;
    let state = &then["state"]["user"];
    assert_eq!((&state["name"], &state["active"]), (&json!(login), &json!(true)));
    assert_eq!((&state["display_name"], &state["groups"]), (&json!("Zoe Z"), &json!(["Zebras"])));
    assert_eq!(then["entries"][2], entries[2]);
    assert_eq!(then["ended_by"]["what"], "deactivated");
    assert_eq!(get(&house, &path).await["state"], "nowhere");
    let early = get(&house, &format!("{path}&at={}", before.0)).await;
    assert_eq!((&early["state"], &early["entries"]), (&json!("nowhere"), &json!([])));
    let group = format!("/directories/entra/history?group=ZEBRAS&at={}", joined.0);
    let group = get(&house, &group).await;
    assert_eq!(group["state"]["group"]["users"], json!([login]));
    assert_eq!(group["state"]["group"]["description"], "");

    let (status, body) = api(&house, "GET", "/changes?user=nobody", Value::Null).await;
    assert_eq!((status.as_u16(), body["status"].as_u64()), (404, Some(404)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_the_history_is_folded_and_older_tokens_expire() {
    let mut house = House::build(Provider::Entra, Plan::small(22)).await;
    let id = house.directory();
    let start = later(&house, 1_000).await;
    house.edits(10).await;
    house.read(true).await;
    house.rest("edited").await;
    let cut = later(&house, 3 * DAY_MS).await;
    let login = format!("late@{}", house.domain());
    let late = house.new_user(&login).await;
    house.read(true).await;
    let before = house.copy().await;
    let app = house.server().app.clone();
    let served = app.served(id).unwrap();
    sweep::sweep(&app, cut).await.unwrap();
    let floor = app.blocking(Store::floor_of_log).await.unwrap();
    assert!(floor.at < cut && floor.seq.0 > 0);
    let folded = app.blocking(move |store| store.folded(id)).await.unwrap();
    assert_eq!(folded, *served);
    let entries = changes(&house, &format!("/changes?user={late}")).await;
    assert_eq!(entries[0]["what"], "added");
    let old = format!("/directories/entra/history?user={login}&at={}", start.0 - 1);
    let (status, body) = api(&house, "GET", &old, Value::Null).await;
    assert!(status == 404 && body["detail"].to_string().contains("history_days"), "{body}");
    assert_eq!(house.product.full_syncs, 1, "the product followed so far");
    drop((app, served));
    // Something happens that the product has not heard of when it is folded.
    house.control("PATCH", &format!("users/{late}"), json!({"display_name": "Later"})).await;
    house.read(true).await;
    sweep::sweep(&house.server().app.clone(), Millis(i64::MAX)).await.unwrap();
    house.restart().await;
    let after = house.rest("after everything was folded").await;
    assert_ne!(after, before);
    assert_eq!(house.product.full_syncs, 2, "its token was refused");
}
