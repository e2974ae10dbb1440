//! A group that cannot be read keeps its members, is named, and is read when it can be again.

use std::time::Duration;

use directory::report::UnreadablePart;
use reqwest::Method;
use serde_json::{Value, json};
use simulator::Provider;

use crate::house::{House, Plan};

for_each_provider!(
    a_group_that_cannot_be_read_keeps_its_members_and_is_named,
    a_refused_question_confirms_nothing_and_names_the_user,
);

impl House {
    /// Alerts of a kind that are open, as soon as there are so many.
    async fn open_alerts(&self, kind: &str, count: usize) -> Vec<Value> {
        loop {
            let (_, alerts) = self.api(Method::GET, "/alerts", Value::Null).await;
            let is_it = |alert: &&Value| alert["kind"] == kind && alert["resolved"].is_null();
            let open = alerts["alerts"].as_array().unwrap().iter().filter(is_it);
            let open: Vec<Value> = open.cloned().collect();
            if open.len() == count {
                return open;
            }
            self.server().app.alerts.look();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Issues of what cannot be read.
    async fn unreadable(&self) -> Vec<Value> {
        let path = format!("/directories/{}", self.provider.name());
        let (_, detail) = self.api(Method::GET, &path, Value::Null).await;
        let issues = detail["issues"].as_array().unwrap().iter();
        issues.filter(|issue| issue["unreadable"] == true).cloned().collect()
    }
}

async fn a_group_that_cannot_be_read_keeps_its_members_and_is_named(provider: Provider) {
    let mut house = House::build(provider, Plan::small(11)).await;
    let truth = house.truth().await;
    let served = house.expected().await;
    let large = truth.groups.iter().max_by_key(|group| group.users.len()).unwrap();
    let (id, name) = (large.id.clone(), large.name.clone());
    let user = large.users[0].clone();
    let list = if provider == Provider::Okta { "users" } else { "members" };
    for status in [403, 500] {
        let route = format!("groups/{id}/{list}");
        house
            .faults(json!([{"route": route, "kind": "status", "status": status, "reason": "forbidden"}]))
            .await;
        let report = house.read(true).await;
        assert_eq!(report.unreadable_total, 1, "{report:?}");
        let object = &report.unreadable[0];
        assert_eq!((object.part, &object.id), (UnreadablePart::Members, &id));
        assert_eq!(object.name, name);
        assert!(report.notes.iter().any(|note| note.contains(&id)), "{:?}", report.notes);
        house.has(&served, "with a group that cannot be read").await;
        let issues = house.unreadable().await;
        assert_eq!(issues.len(), 1, "{issues:?}");
        assert_eq!(issues[0]["id"], id);
        assert!(issues[0]["why"].as_str().unwrap().contains("stay as they were"), "{issues:?}");
        let alerts = house.open_alerts("unreadable", 1).await;
        assert!(alerts[0].to_string().contains(&id), "{alerts:?}");
        let path = format!("/directories/{}/explain?user={user}", provider.name());
        let (_, explained) = house.api(Method::GET, &path, Value::Null).await;
        assert!(explained.to_string().contains("cannot be read at present"), "{explained}");
        // It is remembered over a restart, and by a read of what changed.
        house.restart().await;
        let report = house.read(false).await;
        assert_eq!(report.unreadable[0].id, id, "{report:?}");
        house.has(&served, "after a restart").await;
        assert_eq!(house.open_alerts("unreadable", 1).await.len(), 1);
        house.no_faults().await;
        let report = house.read(false).await;
        assert_eq!(report.unreadable, [], "{report:?}");
        assert!(house.unreadable().await.is_empty());
        house.open_alerts("unreadable", 0).await;
    }
    // What happened to it meanwhile arrives when it can be read.
    let route = format!("groups/{id}/{list}");
    house
        .faults(json!([{"route": route, "kind": "status", "status": 403, "reason": "forbidden"}]))
        .await;
    house.read(true).await;
    let login = format!("newcomer@{}", house.domain());
    let newcomer = house.new_user(&login).await;
    house.control("PUT", &format!("groups/{id}/users/{newcomer}"), Value::Null).await;
    house.control("DELETE", &format!("groups/{id}/users/{user}"), Value::Null).await;
    let report = house.read(false).await;
    assert_eq!(report.unreadable_total, 1, "{report:?}");
    house.no_faults().await;
    house.read(false).await;
    house.rest("when it can be read again").await;
}

/// A list lacks users, and the provider refuses to say whether they are gone.
async fn a_refused_question_confirms_nothing_and_names_the_user(provider: Provider) {
    let mut house = House::build(provider, Plan::small(12)).await;
    let (served, truth) = (house.expected().await, house.truth().await);
    let refused = |route: &str| json!({"route": route, "kind": "status", "status": 403, "reason": "forbidden"});
    house
        .faults(json!([
            {"route": house.route("users"), "kind": "omit", "share": 0.2, "seed": 3},
            refused("/users/[^/?]{20,}([?]|$)"),
            refused("getByIds"),
        ]))
        .await;
    let report = house.read(true).await;
    house.has(&served, "while questions are refused").await;
    assert!(report.unreadable_total > 0, "{report:?}");
    for object in &report.unreadable {
        assert_eq!(object.part, UnreadablePart::User, "{object:?}");
        assert!(truth.users.iter().any(|user| user.id == object.id), "{object:?}");
        assert!(object.error.contains("403"), "{object:?}");
    }
    let alerts = house.open_alerts("unreadable", 1).await;
    assert!(alerts[0].to_string().contains(&report.unreadable[0].id), "{alerts:?}");
    house.no_faults().await;
    let report = house.read(true).await;
    assert_eq!(report.unreadable, [], "{report:?}");
    house.open_alerts("unreadable", 0).await;
    house.rest("when questions are answered").await;
}
