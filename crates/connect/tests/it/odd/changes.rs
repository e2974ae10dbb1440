//! Odd records among changes and among members.

use connect::Progress;
use directory::{
    id::Millis,
    mirror::{Mirror, State},
    observation::{Cursor, GroupMembers, Listing, Member, MembersListing, Observation},
};
use serde_json::{Value, json};
use simulator::Provider;

use super::{ALL, Seen, Small, state};
use crate::tenant::id;

/// A full read, and a mirror of it.
pub(super) async fn begun(small: &Small) -> (connect::Connector, Mirror, Cursor) {
    let connector = small.tenant.connector();
    let mut mirror = Mirror::default();
    let observation = small.observed(&connector).await;
    mirror.merge(&observation, Millis(1));
    (connector, mirror, observation.cursor.unwrap())
}

pub(super) async fn since(connector: &connect::Connector, cursor: &Cursor) -> Observation {
    connector.pull(Some(cursor), &Progress::default()).await.unwrap()
}

/// A change that says nothing is asked for by id; if that says nothing either, the person stays as they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_says_nothing_loses_nobody() {
    let fields = |provider| match provider {
        Provider::Entra => ["accountEnabled", "userPrincipalName", "@removed"].as_slice(),
        Provider::Google => &["suspended", "primaryEmail"],
        Provider::Okta => &["status", "profile.login"],
    };
    for provider in ALL {
        for field in fields(provider) {
            let small = Small::of(provider).await;
            let (connector, mut mirror, cursor) = begun(&small).await;
            let before = mirror.clone();
            let other = small.tenant.new_user("other@contoso.example").await;
            small.odd(&small.person, json!({"set": {*field: "[7]"}})).await;
            let observation = since(&connector, &cursor).await;
            let seen = Seen::of(&observation);
            assert!(seen.kept.contains_key(&small.person), "{provider:?} {field} {}", seen.notes);
            assert!(seen.people.contains_key(&other), "{provider:?} {field}");
            mirror.merge(&observation, Millis(2));
            let no = mirror.person_no(&id(&small.person)).unwrap();
            assert_eq!(mirror.person(no), before.person(no), "{provider:?} {field}");
            // Once it is good again, it is heard.
            small.sane().await;
            small
                .tenant
                .control("PATCH", &format!("users/{}", small.person), json!({"active": false}))
                .await;
            let observation =
                since(&connector, observation.cursor.as_ref().unwrap_or(&cursor)).await;
            assert_eq!(
                Seen::of(&observation).people[&small.person].enabled,
                Some(false),
                "{provider:?}"
            );
        }
    }
}

/// Entra: an item of a delta that is odd only there is read by its id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_odd_among_changes_only_is_read_by_id() {
    let small = Small::of(Provider::Entra).await;
    let (connector, _, cursor) = begun(&small).await;
    for (object, field) in [(&small.person, "accountEnabled"), (&small.group, "securityEnabled")] {
        let odd = json!({"route": "/delta", "set": {field: "\"yes\"", "displayName": "\"New\""}});
        small.odd(object, odd).await;
    }
    let other = small.tenant.new_user("other@contoso.example").await;
    small.tenant.put(&small.group, "users", &other).await;
    let observation = since(&connector, &cursor).await;
    let seen = Seen::of(&observation);
    assert!(seen.people.contains_key(&small.person) && seen.groups.contains_key(&small.group));
    assert!(seen.kept.is_empty() && seen.notes.contains("asked for by id"), "{}", seen.notes);
    // The words about members were good.
    let members = observation.members.iter().find(|one| one.group == id(&small.group)).unwrap();
    let MembersListing::Delta { added, .. } = &members.listing else { panic!("changes are read") };
    assert_eq!(added.users, [id(&other)]);
}

/// Entra: a word about a member that says nothing makes the group be read as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_about_a_member_that_says_nothing_lets_the_group_be_read() {
    for set in [json!({"id": "null"}), json!({"@removed": "7"}), json!({"@odata.type": "[]"})] {
        let small = Small::of(Provider::Entra).await;
        let (connector, mut mirror, cursor) = begun(&small).await;
        let (good, bad) = (
            small.tenant.new_user("good@contoso.example").await,
            small.tenant.new_user("bad@contoso.example").await,
        );
        small.tenant.put(&small.group, "users", &good).await;
        small.tenant.put(&small.group, "users", &bad).await;
        small.odd(&bad, json!({"route": "groups/delta", "set": set})).await;
        let observation = since(&connector, &cursor).await;
        assert_eq!(observation.reread, [id(&small.group)], "{set}");
        let merged = mirror.merge(&observation, Millis(2));
        let no = mirror.group_no(&id(&small.group)).unwrap();
        assert!(merged.reread.contains(&no), "{set}");
        let read: Vec<GroupMembers> = connector.members(&[id(&small.group)]).await.unwrap();
        let MembersListing::Complete(members) = &read[0].listing else { panic!("all are read") };
        assert!(members.users.contains(&id(&bad)) && members.users.contains(&id(&good)));
    }
}

/// A member that says nothing is not a member who left: the provider is asked about them, and has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_says_nothing_has_not_left() {
    let lists = |provider| match provider {
        Provider::Entra => ("/members", "@odata.type"),
        Provider::Google => ("/members", "type"),
        Provider::Okta => ("groups/[^/]*/users", "id"),
    };
    for provider in ALL {
        let (route, kind) = lists(provider);
        for odd in [
            json!({"set": {kind: "7"}}),
            json!({"set": {"id": "null"}}),
            json!({"set": {"id": "\" \""}}),
            json!({"instead": "null"}),
        ] {
            let small = Small::of(provider).await;
            let (connector, mut mirror, _) = begun(&small).await;
            let mut odd = odd;
            odd["route"] = route.into();
            small.odd(&small.person, odd.clone()).await;
            let observation = small.observed(&connector).await;
            mirror.merge(&observation, Millis(2));
            assert!(mirror.unconfirmed().is_empty());
            let lacking: Vec<_> = mirror.unconfirmed_edges().collect();
            assert!(!lacking.is_empty(), "{provider:?} {odd}");
            // Asked about, the provider has the membership, or does not say.
            let questions: Vec<_> =
                mirror.questions(50).into_iter().map(|(_, question)| question).collect();
            let verdicts = connector.confirm(&questions).await.unwrap();
            assert!(
                !verdicts.contains(&directory::observation::Verdict::Gone),
                "{provider:?} {odd}"
            );
        }
    }
}

/// Somebody without a usable id counts as gone for no one: asked by id, the provider has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_with_a_record_that_is_nobodys_proves_nothing() {
    for provider in ALL {
        for raw in ["null", "7", "\" \"", "\"\\ud83d\""] {
            let small = Small::of(provider).await;
            let (connector, mut mirror, _) = begun(&small).await;
            let odd = json!({"set": {"id": raw}});
            small.odd(&small.person, odd.clone()).await;
            small.odd(&small.group, odd).await;
            let observation = small.observed(&connector).await;
            let Listing::Complete(people) = &observation.people else {
                panic!("everybody is read")
            };
            assert!(people.iter().all(|one| !one.id.to_string().trim().is_empty()));
            mirror.merge(&observation, Millis(2));
            let objects = [Member::User(id(&small.person)), Member::Group(id(&small.group))];
            for object in &objects {
                assert!(matches!(state(&mirror, object), Some(State::Unconfirmed { .. })));
            }
            let asked = mirror.questions(50);
            let questions: Vec<_> = asked.iter().map(|(_, question)| question.clone()).collect();
            let verdicts = connector.confirm(&questions).await.unwrap();
            assert!(
                !verdicts.contains(&directory::observation::Verdict::Gone),
                "{provider:?} {raw}"
            );
        }
    }
}

/// The logs of Okta and Google are hints: whatever an entry holds, the read completes and edits arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_entries_of_a_log_stop_nothing() {
    let entries = [
        (
            Provider::Okta,
            "eventType",
            "group.user_membership.add",
            ["target", "eventType", "published"],
        ),
        (Provider::Google, "name", "ADD_GROUP_MEMBER", ["parameters", "name", "type"]),
    ];
    for (provider, key, value, fields) in entries {
        for field in fields {
            let small = Small::of(provider).await;
            let (connector, _, cursor) = begun(&small).await;
            let newcomer = small.tenant.new_user("new@contoso.example").await;
            small.tenant.put(&small.group, "users", &newcomer).await;
            for raw in
                ["null", "7", "[null]", "[{\"id\":7,\"type\":[],\"name\":{}}]", "\"\\ud83d\""]
            {
                let odd = json!([{"id": value, "key": key, "set": {field: raw}}]);
                small.tenant.control("POST", "odd", odd).await;
                let observation = since(&connector, &cursor).await;
                assert!(
                    Seen::of(&observation).people.contains_key(&newcomer),
                    "{provider:?} {field} {raw}"
                );
                small.tenant.control("DELETE", "odd", Value::Null).await;
            }
        }
    }
}
