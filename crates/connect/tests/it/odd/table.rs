//! A table of oddities by provider, record and field, and what becomes of the record.

use serde_json::{Value, json};
use simulator::Provider;

use super::{ALL, Seen, Small};

/// What becomes of an odd record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is read, with or without the field.
    Read,
    /// It says nothing: what was known stays.
    Kept,
    /// It is nobody's.
    Lost,
}
use Fate::{Kept, Lost, Read};

/// Texts that have something in them that is none.
const TEXTS: [&str; 7] = [
    "\"\\ud83d\"",
    "\"x\\udc00y\"",
    "\"a\u{1}b\u{7f}\nc\"",
    "\"\\u0000\"",
    "\" \"",
    "\"\\u202e\\u200b\"",
    "\"a\\x\"",
];
/// Values that are no texts.
const OTHERS: [&str; 7] = ["7", "1e999", "true", "{}", "[]", "[null]", "{\"a\":[[[[1]]]]}"];
/// Values that are no ids.
const IDS: [&str; 12] = [
    "null",
    "7",
    "true",
    "{}",
    "[\"a\"]",
    "\"\"",
    "\" \"",
    "\"\\u200b\"",
    "\"a\\nb\"",
    "\"\\ud83d\"",
    "\"..\"",
    "\"a/b?c\"",
];

/// Fields of people and of groups: those that hold a text, those that hold a list, and those that decide.
struct Fields {
    texts: &'static [&'static str],
    lists: &'static [&'static str],
    decide: &'static [&'static str],
}

fn people(provider: Provider) -> Fields {
    match provider {
        Provider::Entra => Fields {
            texts: &[
                "displayName",
                "mail",
                "department",
                "onPremisesImmutableId",
                "createdDateTime",
            ],
            lists: &["proxyAddresses", "otherMails"],
            decide: &["accountEnabled", "userPrincipalName", "userType", "@removed"],
        },
        Provider::Google => Fields {
            texts: &["orgUnitPath", "name.givenName", "name.fullName", "creationTime"],
            lists: &["aliases", "externalIds", "organizations", "phones", "languages"],
            decide: &["suspended", "archived", "primaryEmail", "isGuestUser"],
        },
        Provider::Okta => Fields {
            texts: &["profile.firstName", "profile.email", "created", "profile.title"],
            lists: &[],
            decide: &["status", "profile.login"],
        },
    }
}

fn groups(provider: Provider) -> Fields {
    match provider {
        Provider::Entra => Fields {
            texts: &["description", "mail", "onPremisesSamAccountName"],
            lists: &[],
            decide: &["displayName", "securityEnabled", "mailEnabled", "groupTypes", "visibility"],
        },
        Provider::Google => Fields {
            texts: &["description", "etag", "directMembersCount"],
            lists: &[],
            decide: &["name", "email"],
        },
        Provider::Okta => Fields {
            texts: &["profile.description", "created", "lastMembershipUpdated"],
            lists: &[],
            decide: &["profile.name", "type"],
        },
    }
}

/// Every oddity of a kind of record, with its fate.
fn cases(fields: &Fields) -> Vec<(Value, Fate)> {
    let set = |field: &str, raw: &str| json!({"set": {field: raw}});
    let mut cases = Vec::new();
    // All of them in one field, and some in each.
    let first = TEXTS.iter().chain(&OTHERS).map(|raw| (set(fields.texts[0], raw), Read));
    cases.extend(first);
    for field in &fields.texts[1..] {
        cases.extend(["\"\\ud83d\"", "7", "[null]", "{}"].map(|raw| (set(field, raw), Read)));
    }
    cases.extend(
        fields.texts.iter().map(|field| (json!({"set_base64": {*field: "Iv/DKCI="}}), Read)),
    );
    let long = format!("\"{}\"", "long ".repeat(200_000));
    cases.push((set(fields.texts[0], &long), Read));
    cases.push((json!({"add": {fields.texts[0]: "\"twice\""}}), Read));
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    cases.push((set(fields.texts[0], &deep), Read));
    cases.push((set("unknown", &deep), Read));
    for field in fields.lists {
        let odd = [
            "null",
            "[null]",
            "[7,{\"a\":1},\"x\",[]]",
            "\"x\"",
            "{}",
            "[{\"type\":7,\"value\":null}]",
        ];
        cases.extend(odd.iter().map(|raw| (set(field, raw), Read)));
    }
    for field in fields.decide {
        cases.extend(["7", "[null,7]", "[[]]"].iter().map(|raw| (set(field, raw), Kept)));
    }
    cases.extend(IDS.iter().map(|raw| (set("id", raw), Lost)));
    cases.push((set("id", &format!("\"{}\"", "x".repeat(300))), Lost));
    cases.push((json!({"remove": ["id"]}), Lost));
    cases.extend(["null", "17", "\"text\"", "[]", "{}"].map(|raw| (json!({"instead": raw}), Lost)));
    cases
}

fn check(case: &str, object: &str, fate: Fate, seen: &Seen) {
    let listed = seen.people.contains_key(object) || seen.groups.contains_key(object);
    assert_eq!(listed, fate == Read, "{case}\n{}", seen.notes);
    assert_eq!(seen.kept.contains_key(object), fate == Kept, "{case}\n{}", seen.notes);
    let wanted = match fate {
        Read => "",
        Kept => object,
        Lost => "without a usable id",
    };
    assert!(seen.notes.contains(wanted), "{case}\n{}", seen.notes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_record_is_its_own_affair() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let plain = small.seen().await;
        for (object, fields) in
            [(&small.person, people(provider)), (&small.group, groups(provider))]
        {
            let rest = plain.without(object);
            for (odd, fate) in cases(&fields) {
                let case: String =
                    format!("{provider:?} {fate:?} {odd}").chars().take(300).collect();
                small.odd(object, odd).await;
                let seen = small.seen().await;
                check(&case, object, fate, &seen);
                seen.without(object).assert_is(&rest, &case);
                small.sane().await;
            }
        }
        small.seen().await.assert_is(&plain, "sane again");
    }
}

/// What is shown of a record that could be read in part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_good_of_a_record_is_read() {
    use directory::observation::Attribute::{Aliases, DisplayName, GivenName, Mail, OtherMails};
    let small = Small::of(Provider::Entra).await;
    let set = json!({"set": {"displayName": "\"Ann \\ud83d\"", "mail": "7",
                             "otherMails": "[null,\"b@x\",7,\"a@x\"]", "givenName": "\"A\u{1}\""}});
    small.odd(&small.person, set).await;
    let seen = small.seen().await;
    let get = |attribute| seen.people[&small.person].attributes.get(attribute);
    assert_eq!(get(DisplayName), Some("Ann \u{FFFD}"));
    assert_eq!(
        (get(Mail), get(OtherMails), get(GivenName)),
        (None, Some("a@x\nb@x"), Some("A\u{1}"))
    );
    for part in [
        "`mail` holds a number",
        "`otherMails` holds null",
        "`otherMails` holds a number",
        "`displayName`",
    ] {
        assert!(
            seen.notes.contains(part) && seen.notes.contains(&small.person),
            "{part}\n{}",
            seen.notes
        );
    }
    let small = Small::of(Provider::Google).await;
    let set = json!({"set": {"aliases": "[null,\"a@x\"]", "name.givenName": "{}"}, "add": {"suspended": "true"}});
    small.odd(&small.person, set).await;
    let seen = small.seen().await;
    let person = &seen.people[&small.person];
    assert_eq!(
        (person.attributes.get(Aliases), person.attributes.get(GivenName)),
        (Some("a@x"), None)
    );
    assert_eq!(person.enabled, Some(false), "of a field that is there twice the last one counts");
}

/// Of many odd records some are named, and the others counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_have_an_end() {
    let small = Small::of(Provider::Entra).await;
    let everybody = small.seen().await.people.into_keys();
    let odd =
        everybody.map(|id| json!({"id": id, "set": {"mail": "7", "accountEnabled": "\"yes\""}}));
    small.tenant.control("POST", "odd", odd.collect()).await;
    let seen = small.seen().await;
    assert_eq!((seen.people.len(), seen.kept.len()), (0, 41));
    assert!(seen.notes.contains("41 records could not be used"), "{}", seen.notes);
    assert!(seen.notes.contains("and 31 more") && seen.notes.len() < 4_000, "{}", seen.notes);
}
