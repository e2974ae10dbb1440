//! Records that are nobody's: what they say is not known, and no change tells it once the provider says it well.

use directory::{
    id::Millis,
    observation::{Attribute, MembersListing, Observation},
};
use serde_json::json;
use simulator::Provider;

use super::{
    ALL, Seen, Small,
    changes::{begun, since},
};
use crate::tenant::id;

fn ways() -> [serde_json::Value; 4] {
    [
        json!({"set": {"id": "null"}}),
        json!({"set": {"id": "\" \""}}),
        json!({"remove": ["id"]}),
        json!({"instead": "7"}),
    ]
}

/// The whole members of a group that an observation has, if it has them.
fn whole(observation: &Observation, group: &str) -> Option<Vec<String>> {
    let found = observation.members.iter().find(|one| one.group == id(group))?;
    let MembersListing::Complete(set) = &found.listing else { return None };
    Some(set.users.iter().map(ToString::to_string).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_nobodys_is_told_as_lost() {
    for provider in ALL {
        for odd in ways() {
            let small = Small::of(provider).await;
            let (connector, _, cursor) = begun(&small).await;
            for object in [&small.person, &small.group] {
                let case = format!("{provider:?} {odd}");
                small.odd(object, odd.clone()).await;
                let observation = since(&connector, &cursor).await;
                // Google's people and groups are listed whole each time.
                let changes = provider != Provider::Google;
                assert_eq!(observation.lost_changes, changes, "{case}");
                // Read again from the same place when it is well, nothing is lost.
                small.sane().await;
                let observation = since(&connector, &cursor).await;
                assert!(!observation.lost_changes, "{case}");
                let seen = Seen::of(&observation);
                let is_there = seen.people.contains_key(object) || seen.groups.contains_key(object);
                assert!(is_there, "{case}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_asked_for_by_id_without_one_is_no_lost_change() {
    let small = Small::of(Provider::Entra).await;
    let (connector, _, cursor) = begun(&small).await;
    small.odd(&small.person, json!({"route": "/delta", "set": {"accountEnabled": "7"}})).await;
    let single = format!("/users/{}", small.person);
    small.odd(&small.person, json!({"route": single, "set": {"id": "null"}})).await;
    let observation = since(&connector, &cursor).await;
    assert!(!observation.lost_changes, "{:?}", observation.notes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_nobodys_is_found_without_a_change() {
    for odd in ways() {
        let small = Small::of(Provider::Entra).await;
        let mut odd = odd;
        odd["route"] = "/members".into();
        small.odd(&small.person, odd.clone()).await;
        let (connector, _, cursor) = begun(&small).await;
        // As long as it is odd, the group is read each time.
        let observation = since(&connector, &cursor).await;
        assert_eq!(whole(&observation, &small.group), Some(Vec::new()), "{odd}");
        small.tenant.control("DELETE", "odd", serde_json::Value::Null).await;
        let observation = since(&connector, &observation.cursor.unwrap()).await;
        assert_eq!(whole(&observation, &small.group), Some(vec![small.person.clone()]), "{odd}");
        let observation = since(&connector, &observation.cursor.unwrap()).await;
        assert_eq!(whole(&observation, &small.group), None, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_of_who_was_overlooked_are_asked_for() {
    for odd in ways() {
        let small = Small::of(Provider::Entra).await;
        for object in [&small.person, &small.group] {
            small.odd(object, odd.clone()).await;
        }
        let (connector, mut mirror, cursor) = begun(&small).await;
        assert_eq!(mirror.person_no(&id(&small.person)), None, "{odd}");
        small.sane().await;
        let observation = since(&connector, &cursor).await;
        assert!(observation.newcomers_doubted, "{odd}");
        let merged = mirror.merge(&observation, Millis(2));
        let no = mirror.person_no(&id(&small.person)).unwrap();
        assert!(merged.returned.contains(&no), "{odd}");
        let no = mirror.group_no(&id(&small.group)).unwrap();
        assert!(merged.reread.contains(&no) || whole(&observation, &small.group).is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newcomers_are_not_doubted_where_nobody_was_overlooked() {
    let small = Small::of(Provider::Entra).await;
    let (connector, mut mirror, cursor) = begun(&small).await;
    let new = small.tenant.new_user("new@contoso.example").await;
    let group = small.tenant.new_group("New ones").await;
    small.tenant.put(&group, "users", &new).await;
    let observation = since(&connector, &cursor).await;
    assert!(!observation.newcomers_doubted && !observation.lost_changes);
    let merged = mirror.merge(&observation, Millis(2));
    assert!(merged.returned.is_empty() && merged.reread.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_group_of_everybody_is_filled_once_it_can_be_read() {
    let small = Small::of(Provider::Okta).await;
    let seen = small.seen().await;
    let built_in = |record: &directory::observation::GroupRecord| {
        record.attributes.get(Attribute::State) == Some("BUILT_IN")
            && record.attributes.get(Attribute::DisplayName) == Some("Everyone")
    };
    let everyone = seen.groups.iter().find(|(_, record)| built_in(record)).unwrap().0.clone();
    small.odd(&everyone, json!({"set": {"type": "[7]"}})).await;
    let (connector, mut mirror, cursor) = begun(&small).await;
    small.sane().await;
    let observation = since(&connector, &cursor).await;
    let merged = mirror.merge(&observation, Millis(2));
    let no = mirror.group_no(&id(&everyone)).unwrap();
    assert!(merged.reread.contains(&no));
    let read = connector.members(&[id(&everyone)]).await.unwrap();
    let MembersListing::Complete(members) = &read[0].listing else { panic!("all are read") };
    assert!(members.users.contains(&id(&small.person)));
    let live = seen.people.len();
    assert_eq!(members.users.len(), live);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_group_that_is_kept_are_read() {
    let small = Small::of(Provider::Okta).await;
    small.odd(&small.group, json!({"set": {"profile.name": "[7]"}})).await;
    let observation = small.observed(&small.tenant.connector()).await;
    assert!(Seen::of(&observation).kept.contains_key(&small.group));
    assert_eq!(whole(&observation, &small.group), Some(vec![small.person.clone()]));
}
