//! Odd answers as a whole, answers about one object, and what is assigned.

use connect::{Connector, OnePerson, Progress};
use directory::observation::{Cursor, Member, MembersListing, Question, Verdict};
use serde_json::{Value, json};
use simulator::Provider;

use super::{ALL, Small};
use crate::tenant::{id, person};

/// A byte order mark before JSON is no captive portal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_order_mark_is_passed_over() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let plain = small.seen().await;
        small.tenant.faults(json!([{"route": ".", "kind": "byte_order_mark"}])).await;
        let marked = small.seen().await;
        marked.assert_is(&plain, provider.name());
        assert_eq!(marked.notes, plain.notes);
    }
}

/// An error with status 200 is told in the vendor's own words, and what passes is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_comes_as_a_success_is_told() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let plain = small.seen().await;
        let fault = |status: u16, times: Value| json!([{"route": small.pages(), "kind": "error_in_200", "status": status, "times": times}]);
        small.tenant.faults(fault(503, json!(2))).await;
        small.seen().await.assert_is(&plain, provider.name());
        small.tenant.control("DELETE", "faults", Value::Null).await;
        small.tenant.faults(fault(403, Value::Null)).await;
        let told = small
            .tenant
            .connector()
            .pull(None, &Progress::default())
            .await
            .unwrap_err()
            .to_string();
        let words = match provider {
            Provider::Entra => "Authorization_RequestDenied",
            Provider::Google => "Not Authorized",
            Provider::Okta => "E0000006",
        };
        assert!(told.contains(words) && told.contains("200"), "{told}");
        assert!(!told.contains("garbled") && !told.contains("captive"), "{told}");
        small.tenant.control("DELETE", "faults", Value::Null).await;
        // Nobody is gone because of such a word.
        small.tenant.faults(json!([{"route": ".", "kind": "error_in_200", "status": 404}])).await;
        let questions = [Question::Person(id(&small.person)), Question::Group(id(&small.group))];
        let verdicts = small.tenant.connector().confirm(&questions).await;
        assert!(verdicts.is_err() || !verdicts.unwrap().contains(&Verdict::Gone), "{provider:?}");
    }
}

/// Every question that a connector is asked beside a full read: what changed, objects and a membership, somebody's groups, a
/// group's members, and one person.
async fn everything_asked(small: &Small, connector: &Connector, cursor: &Cursor) -> Vec<String> {
    let (progress, person_id, group) = (Progress::default(), id(&small.person), id(&small.group));
    let membership = Question::Membership {
        group: group.clone(),
        member: person(&small.person),
        nested: Vec::new(),
    };
    let questions =
        [Question::Person(person_id.clone()), Question::Group(group.clone()), membership];
    let changed = connector.pull(Some(cursor), &progress).await;
    let changed = changed.map(|seen| {
        let seen = super::Seen::of(&seen);
        (seen.people, seen.groups, seen.kept)
    });
    let mut members = connector.members(std::slice::from_ref(&group)).await;
    if let Ok(Some(directory::observation::GroupMembers {
        listing: MembersListing::Complete(set),
        ..
    })) = members.as_mut().map(|read| read.first_mut())
    {
        set.users.sort();
    }
    vec![
        format!("{changed:?}"),
        format!("{:?}", connector.confirm(&questions).await),
        format!("{:?}", connector.memberships(std::slice::from_ref(&person_id)).await),
        format!("{members:?}"),
        format!("{:?}", connector.person(&small.person, Some(cursor), &progress).await),
    ]
}

/// A byte order mark is passed over and an error with status 200 is one, whatever was asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_answers_mean_the_same_to_every_question() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let connector = small.tenant.connector();
        let read = connector.pull(None, &Progress::default()).await.unwrap();
        let cursor = read.cursor.unwrap();
        let plain = everything_asked(&small, &connector, &cursor).await;
        assert!(plain.iter().all(|told| !told.starts_with("Err")), "{plain:?}");
        small.tenant.faults(json!([{"route": ".", "kind": "byte_order_mark"}])).await;
        assert_eq!(everything_asked(&small, &connector, &cursor).await, plain, "{provider:?}");
        small.tenant.control("DELETE", "faults", Value::Null).await;
        for status in [400, 403, 404] {
            let fault = json!([{"route": small.pages(), "kind": "error_in_200", "status": status}]);
            small.tenant.faults(fault).await;
            let told = everything_asked(&small, &connector, &cursor).await;
            assert!(!told[1].contains("Gone"), "{provider:?} {status}: {}", told[1]);
            let lacks = told[2].contains("Some([") && told[2] != plain[2];
            assert!(!lacks, "{provider:?} {status}: {}", told[2]);
            let empty = told[3].contains("users: []");
            assert!(!empty, "{provider:?} {status}: {}", told[3]);
            assert!(!told[4].contains("Gone"), "{provider:?} {status}: {}", told[4]);
            small.tenant.control("DELETE", "faults", Value::Null).await;
        }
    }
}

/// Only what is no JSON, or lacks what makes it a page, fails; then it is said what was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_page_is_named() {
    let small = Small::of(Provider::Entra).await;
    for odd in [json!({"value": "7"}), json!({"value": "null"}), json!({"@odata.nextLink": "7"})] {
        let odd = json!([{"route": "/v1.0/users\\?", "set": odd}]);
        small.tenant.control("POST", "odd", odd).await;
        let told = small
            .tenant
            .connector()
            .pull(None, &Progress::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(told.contains("while reading users") && told.contains("page 1"), "{told}");
        small.sane().await;
    }
    small.tenant.faults(json!([{"route": "groups\\?", "kind": "invalid_json"}])).await;
    let told =
        small.tenant.connector().pull(None, &Progress::default()).await.unwrap_err().to_string();
    assert!(told.contains("while reading groups") && told.contains("garbled"), "{told}");
}

/// Whatever single answers hold, nobody and no membership counts as gone because of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_answers_to_questions_make_nobody_gone() {
    for provider in ALL {
        let small = Small::of(provider).await;
        small.seen().await;
        let membership = Question::Membership {
            group: id(&small.group),
            member: person(&small.person),
            nested: Vec::new(),
        };
        let questions =
            [Question::Person(id(&small.person)), Question::Group(id(&small.group)), membership];
        for odd in [
            json!({"set": {"id": "null"}}),
            json!({"set": {"id": "\" \""}}),
            json!({"set": {"id": "\"\\ud83d\""}}),
            json!({"remove": ["id"]}),
            json!({"instead": "null"}),
            json!({"instead": "[]"}),
            json!({"instead": "\"text\""}),
            json!({"set": {"@odata.type": "7", "status": "7", "type": "{}", "displayName": "\"\u{1}\""}}),
        ] {
            small.odd(&small.person, odd.clone()).await;
            small.odd(&small.group, odd.clone()).await;
            let verdicts = small.tenant.connector().confirm(&questions).await.unwrap();
            assert!(!verdicts.contains(&Verdict::Gone), "{provider:?} {odd} {verdicts:?}");
            let groups = small.tenant.connector().memberships(&[id(&small.person)]).await.unwrap();
            let lacks = groups[0].1.as_ref().is_some_and(|all| !all.contains(&id(&small.group)));
            assert!(!lacks, "{provider:?} {odd}: a list with a group that is nobody's is no proof");
            small.sane().await;
        }
        let verdicts = small.tenant.connector().confirm(&questions).await.unwrap();
        assert_eq!(verdicts, [Verdict::Exists; 3], "{provider:?}");
    }
}

/// One person, read alone, is read in part or said to say nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_is_read_in_part() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let connector = small.tenant.connector();
        connector.pull(None, &Progress::default()).await.unwrap();
        let ask = async |key: &str| connector.person(key, None, &Progress::default()).await;
        let odd = json!({"set": {"mail": "7", "aliases": "[null]", "profile.title": "[]", "displayName": "\"\\ud83d\""}});
        small.odd(&small.person, odd).await;
        let read = ask(&small.person).await.unwrap();
        assert!(
            matches!(&read, OnePerson::There { record, .. } if record.id == id(&small.person)),
            "{read:?}"
        );
        let decides = json!({"set": {"accountEnabled": "7", "suspended": "7", "status": "7"}});
        small.odd(&small.person, decides).await;
        let told = ask(&small.person).await.unwrap_err().to_string();
        assert!(told.contains("cannot be used") && told.contains("a number"), "{told}");
    }
}

/// What is assigned to an application: an assignment that says nothing proves nobody's absence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_assignments_put_nobody_out() {
    let small = Small::of(Provider::Okta).await;
    let path = format!("assignments/users/{}", small.person);
    small.tenant.control("PUT", &path, Value::Null).await;
    let app = small.tenant.running.description().okta.clone().unwrap().app_id;
    let connector = small.tenant.connector_with(&[("read", "assigned"), ("app", &app)]).unwrap();
    let observe = async || connector.pull(None, &Progress::default()).await.unwrap();
    assert!(super::Seen::of(&observe().await).people.contains_key(&small.person));
    for (odd, there) in [
        (json!({"set": {"profile": "null", "_embedded": "7"}}), true),
        (json!({"route": "/apps/", "set": {"_embedded.user": "{\"id\":7}"}}), true),
        (json!({"route": "/apps/", "set": {"status": "7"}}), false),
        (json!({"route": "/apps/", "set": {"id": "null"}}), false),
    ] {
        small.odd(&small.person, odd.clone()).await;
        let seen = super::Seen::of(&observe().await);
        assert_eq!(seen.people.contains_key(&small.person), there, "{odd}");
        if !there {
            assert!(seen.notes.contains("assignment"), "{odd} {}", seen.notes);
            let verdict = connector.confirm(&[Question::Person(id(&small.person))]).await.unwrap();
            assert_ne!(verdict, [Verdict::Gone], "{odd}");
        }
        small.sane().await;
    }
}

/// Entra's assignments name a principal, not an object.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_assignments_of_entra_put_nobody_out() {
    let options = simulator::Options {
        users: 30,
        groups: 40,
        memberships: 60,
        entra_roles: ["User.Read.All", "GroupMember.Read.All", "Application.Read.All"]
            .map(str::to_owned)
            .to_vec(),
        ..simulator::Options::new("127.0.0.1:0".parse().unwrap())
    };
    let tenant = crate::tenant::Tenant::with(options).await;
    let (ann, ben) = (
        tenant.new_user("ann@contoso.example").await,
        tenant.new_user("ben@contoso.example").await,
    );
    let app = tenant.running.description().entra.clone().unwrap().client_id;
    for one in [&ann, &ben] {
        tenant.control("PUT", &format!("apps/{app}/users/{one}"), Value::Null).await;
    }
    let connector = tenant.connector_with(&[("read", "assigned"), ("app", &app)]).unwrap();
    for set in [
        json!({"principalId": "null"}),
        json!({"principalType": "7"}),
        json!({"principalId": "\" \""}),
    ] {
        let odd = json!([{"id": ann, "key": "principalId", "set": set}]);
        tenant.control("POST", "odd", odd).await;
        let seen = super::Seen::of(&connector.pull(None, &Progress::default()).await.unwrap());
        assert!(seen.people.contains_key(&ben) && !seen.people.contains_key(&ann), "{set}");
        let verdicts = connector
            .confirm(&[Question::Person(id(&ann)), Question::Person(id(&ben))])
            .await
            .unwrap();
        assert_ne!(verdicts[0], Verdict::Gone, "{set}");
        assert_eq!(verdicts[1], Verdict::Exists, "{set}");
        tenant.control("DELETE", "odd", Value::Null).await;
    }
    let _ = Member::User(id(&ann));
}
