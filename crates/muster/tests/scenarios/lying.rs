//! A provider that answers 200 with a part of its people, groups or members, and then recovers.
//!
//! Limits are off, so that nothing but evidence stands between the lie and the products. Each lie lasts for three runs,
//! whole ones and such by what changed, each with another part of the truth; meanwhile people join.

use serde_json::{Value, json};
use simulator::Provider;

use crate::{
    expected::Copy,
    house::{House, Plan},
};

/// Of a listing, the share that is not shown: all of it, a half, a tenth.
const HIDDEN: [f64; 3] = [1.0, 0.5, 0.1];

pub(crate) async fn told(provider: Provider) {
    let plan = Plan { users: 80, groups: 16, memberships: 300, ..Plan::small(15) };
    let mut house = House::build(provider, plan).await;
    let mut round = 0;
    for route in ["users", "groups", "members"] {
        for hidden in HIDDEN {
            round += 1;
            let lie = format!("round {round}: {hidden} of the {route} is hidden");
            let before = house.rest(&format!("before {lie}")).await;
            for (run, full) in [true, false, true].into_iter().enumerate() {
                joins(&house, round * 10 + run).await;
                let faults = json!([{"route": house.route(route), "kind": "omit", "share": hidden,
                    "seed": round * 10 + run, "times": 1_000_000}]);
                house.faults(faults).await;
                let report = house.try_read(full).await;
                let copy = house.copy().await;
                loses_nobody(
                    &before,
                    &copy,
                    &format!("{provider:?}, {lie}, run {run}: {report:?}"),
                );
                house.no_faults().await;
            }
            house.read(true).await;
            house.rest(&format!("recovered from {lie}")).await;
        }
    }
}

/// Somebody joins, and a group with them.
async fn joins(house: &House, no: usize) {
    let user = house.new_user(&format!("joiner{no}@{}", house.domain())).await;
    let group = house.new_group(&format!("joined{no}")).await;
    house.control("PUT", &format!("groups/{group}/users/{user}"), Value::Null).await;
}

/// Whoever was served is served, active if they were, and in all groups.
fn loses_nobody(before: &Copy, after: &Copy, when: &str) {
    for (name, person) in &before.users {
        let now = after.users.get(name);
        assert!(now.is_some_and(|now| now.id == person.id), "{when}: {name} was removed");
        assert!(
            !person.active || now.is_some_and(|now| now.active),
            "{when}: {name} was deactivated"
        );
    }
    for name in before.groups.keys() {
        assert!(after.groups.contains_key(name), "{when}: the group {name} was removed");
    }
    let lost: Vec<_> = before.members.difference(&after.members).collect();
    assert!(lost.is_empty(), "{when}: memberships were lost: {lost:?}");
    let lost: Vec<_> = before.nested.difference(&after.nested).collect();
    assert!(lost.is_empty(), "{when}: nested groups were lost: {lost:?}");
}
