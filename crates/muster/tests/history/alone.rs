//! One person now: a handful of requests in a directory of 20,000 people, also while everything is read.

use std::time::Duration;

use muster::task::Phase;
use serde_json::{Value, json};
use simulator::{Provider, Quotas};

use crate::{
    api,
    house::{House, Plan},
    later,
};

/// Requests that one person may cost: a token, the person, their groups, and each group that they have left.
const HANDFUL: u64 = 6;

fn large(seed: u64) -> Plan {
    Plan { users: 2_000, groups: 100, memberships: 8_000, quotas: Quotas::Off, ..Plan::small(seed) }
}

/// Reads one person and gives the answer.
async fn read(house: &House, who: &str) -> Value {
    let name = house.provider.name();
    let path = format!("/directories/{name}/sync/person");
    let (status, body) = api(house, "POST", &path, json!({"user": who})).await;
    assert_eq!(status.as_u16(), 200, "{who}: {body}");
    body
}

/// Requests to the provider since its counters were last set to zero.
async fn requests(house: &House) -> u64 {
    let counters = house.counters().await;
    let routes = counters["requests"].as_object().unwrap_or_else(|| panic!("{counters:#}"));
    routes.values().map(|count| count.as_u64().unwrap()).sum()
}

async fn reset(house: &House) {
    house.control("DELETE", "counters", Value::Null).await;
}

/// What one person's change comes to, from joining to leaving.
async fn one_person_at_a_time(provider: Provider) {
    let mut house = House::build(provider, large(41)).await;
    let login = format!("new.joiner@{}", house.domain());
    let new = house.new_user(&login).await;
    let truth = house.truth().await;
    // Everybody is in one of Google's groups already.
    let others = truth.groups.iter().filter(|group| !group.users.contains(&new));
    let groups: Vec<String> = others.take(2).map(|group| group.id.clone()).collect();
    for group in &groups {
        house.control("PUT", &format!("groups/{group}/users/{new}"), Value::Null).await;
    }
    reset(&house).await;
    let joined = read(&house, &login).await;
    assert!(requests(&house).await <= HANDFUL, "{:#}", house.counters().await);
    assert_eq!(joined["report"]["kind"], "person");
    assert_eq!(joined["report"]["applied"]["users_added"], 1, "{joined:#}");
    let everybody = truth.groups.iter().filter(|group| group.users.contains(&new)).count();
    let added = &joined["report"]["applied"]["memberships_added"];
    assert_eq!(*added, 2 + everybody, "{joined:#}");
    assert_eq!(
        (&joined["people"][0]["served"], &joined["people"][0]["active"]),
        (&json!(true), &json!(true))
    );

    // By mail and by id as well; a left group is asked about.
    house.control("PATCH", &format!("users/{new}"), json!({"display_name": "Newer Name"})).await;
    house.control("DELETE", &format!("groups/{}/users/{new}", groups[0]), Value::Null).await;
    reset(&house).await;
    let moved = read(&house, &new).await;
    assert!(requests(&house).await <= HANDFUL, "{:#}", house.counters().await);
    let applied = &moved["report"]["applied"];
    assert_eq!(
        (&applied["users_changed"], &applied["memberships_removed"]),
        (&json!(1), &json!(1))
    );
    let unknown = house.new_group("Not read yet").await;
    house.control("PUT", &format!("groups/{unknown}/users/{new}"), Value::Null).await;
    let noted = read(&house, &login.to_uppercase()).await;
    assert!(noted["report"]["notes"].to_string().contains("next run"), "{noted:#}");
    house.read(false).await;
    house.rest("the next run").await;

    house.control("DELETE", &format!("users/{new}"), Value::Null).await;
    reset(&house).await;
    let left = read(&house, &login).await;
    assert!(requests(&house).await <= HANDFUL, "{:#}", house.counters().await);
    assert_eq!(left["report"]["applied"]["users_deactivated"], 1, "{left:#}");
    assert_eq!(left["people"][0]["active"], false);
    house.rest("left").await;
    let (status, body) = {
        let path = format!("/directories/{}/sync/person", house.provider.name());
        api(&house, "POST", &path, json!({"user": "nobody@example.org"})).await
    };
    assert!(status == 404 && body["detail"].to_string().contains("nobody@example.org"), "{body}");
}

/// A person is read while everything is, and what is newest stands in the end.
async fn while_everything_is_read(provider: Provider) {
    let mut house = House::build(provider, large(42)).await;
    let login = format!("in.between@{}", house.domain());
    let id = house.new_user(&login).await;
    house.read(false).await;
    house.rest("before").await;
    // So slow that the read of everything is under way for long, and others wait in front of us.
    let slow = json!([{"route": house.route("members"), "kind": "delay", "delay_ms": 200, "times": 100_000}]);
    house.faults(slow).await;
    reset(&house).await;
    let ticket = house.request(true);
    let of_members = |counters: &Value| {
        let requests = counters["requests"].to_string();
        requests.contains("members") || requests.contains("groups/{id}/users")
    };
    while !of_members(&house.counters().await) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    house
        .control("PATCH", &format!("users/{id}"), json!({"display_name": "Changed Meanwhile"}))
        .await;
    let read = read(&house, &login).await;
    assert_eq!(read["report"]["applied"]["users_changed"], 1, "{read:#}");
    let status = house.server().app.keeper(house.directory()).unwrap().status();
    assert!(status.completed < ticket && status.phase == Phase::Reading, "{status:?}");
    let now = house.copy().await;
    assert_eq!(now.users[&login].display_name, "Changed Meanwhile");
    house.no_faults().await;
    house.ended(ticket).await;
    house.rest("after the read of everything").await;
}

/// An answer that lacks what is there is not believed.
async fn an_empty_list_of_groups_loses_nothing(provider: Provider) {
    let mut house = House::build(provider, Plan::small(43)).await;
    let before = house.rest("before").await;
    let (group, user) = before.members.iter().next().unwrap();
    assert!(!group.is_empty());
    let route = match provider {
        Provider::Entra => "memberOf",
        Provider::Google => "groups\\?.*userKey",
        Provider::Okta => "users/[^/]+/groups",
    };
    // Later than the last read, so that nobody asks twice.
    later(&house, 1_000).await;
    house.faults(json!([{"route": route, "kind": "empty", "times": 1}])).await;
    let read = read(&house, user).await;
    assert!(read["report"]["notes"].to_string().contains("not confirmed"), "{read:#}");
    house.has(&before, "after an answer that lacked everything").await;
}

for_each_provider!(
    one_person_at_a_time,
    while_everything_is_read,
    an_empty_list_of_groups_loses_nothing,
);
