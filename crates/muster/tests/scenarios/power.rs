//! Power that is gained waits, whoever the provider is (DESIGN.md 12.7).

use directory::report::{GuardKind, Outcome, RunReport};
use muster::task::commit::{self, Choice, Decision, Step};
use serde_json::Value;
use simulator::Provider;

use crate::house::{House, Plan};

/// Approves what gains power.
async fn approve(house: &House) -> RunReport {
    let app = &house.server().app;
    let keeper = app.keeper(house.directory()).unwrap();
    let preview = commit::foretell(app, &keeper, None).await.unwrap();
    let held = preview.held.into_iter().find(|held| held.kind == GuardKind::Privileged).unwrap();
    let choice = Choice { digest: held.digest, kind: Some(held.kind) };
    let decision = Decision { approve: Some(choice), ..Decision::default() };
    commit::commit(app, &keeper, Step::Decision(decision)).await.unwrap()
}

fn waits(report: &RunReport) -> &str {
    assert_eq!(report.outcome, Outcome::Held, "{report:?}");
    assert_eq!(report.held.len(), 1, "{report:?}");
    assert_eq!(report.held[0].kind, GuardKind::Privileged);
    &report.held[0].why
}

pub(crate) async fn s16_a_group_of_administrators_waits(provider: Provider) {
    const NAME: &str = "jira-administrators";
    let mut house = House::build(provider, Plan::small(16)).await;
    house.rest("before").await;
    let truth = house.truth().await;
    let mut people = truth.users.iter().filter(|user| user.active && !user.guest);
    let (ann, bob) = (people.next().unwrap().clone(), people.next().unwrap().clone());
    let group = house.new_group(NAME).await;
    let inside = house.new_group("inner circle").await;
    house.control("PUT", &format!("groups/{group}/users/{}", ann.id), Value::Null).await;
    for full in [false, true] {
        let report = house.try_read(full).await;
        assert!(waits(&report).contains("name that gives power"), "{report:?}");
        assert!(report.held[0].sample.iter().any(|name| name == NAME), "{report:?}");
        assert!(!house.copy().await.groups.contains_key(NAME), "nobody is made administrator");
    }
    approve(&house).await;
    let copy = house.rest("approved").await;
    assert!(copy.groups.contains_key(NAME));
    house.read(false).await;
    house.read(true).await;

    // Directly, and by a group inside where the provider has such.
    house.control("PUT", &format!("groups/{group}/users/{}", bob.id), Value::Null).await;
    let report = house.try_read(false).await;
    assert!(waits(&report).contains("1 person would come"), "{report:?}");
    let has = |copy: &crate::expected::Copy| {
        copy.members.contains(&(NAME.to_owned(), bob.login.to_lowercase()))
    };
    assert!(!has(&house.copy().await));
    approve(&house).await;
    house.rest("bob is approved").await;
    let nested =
        house.try_control("PUT", &format!("groups/{group}/groups/{inside}"), Value::Null).await;
    if !nested.0.is_success() {
        return;
    }
    house.read(false).await;
    let eve = people.next().unwrap();
    house.control("PUT", &format!("groups/{inside}/users/{}", eve.id), Value::Null).await;
    let report = house.try_read(true).await;
    assert!(waits(&report).contains("1 person would come"), "{report:?}");
    approve(&house).await;
    house.rest("eve is approved").await;
}
