//! Odd data: what one record holds that nobody expects is that record's own affair (DESIGN.md 12.3).
//!
//! Law: whatever a record holds, the read completes, every other record is as it would be without it, and nobody counts
//! as gone because of it.

mod answers;
mod changes;
mod lost;
mod random;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use connect::{Connector, Progress};
use directory::{
    id::Millis,
    mirror::{Mirror, State},
    observation::{GroupRecord, Listing, Member, MembersListing, Observation, PersonRecord},
};
use serde_json::{Value, json};
use simulator::{Options, Provider};

use crate::tenant::{Tenant, id};

/// The providers.
const ALL: [Provider; 3] = Provider::ALL;

/// What was seen of a small tenant.
#[derive(Debug, Clone, Default)]
struct Seen {
    people: BTreeMap<String, PersonRecord>,
    groups: BTreeMap<String, GroupRecord>,
    members: BTreeMap<String, BTreeSet<String>>,
    /// Objects that were kept, each with the reason.
    kept: BTreeMap<String, String>,
    notes: String,
}

fn text_of(member: &Member) -> String {
    let (Member::User(id) | Member::Group(id)) = member;
    id.to_string()
}

impl Seen {
    fn of(observation: &Observation) -> Self {
        let mut seen = Self { notes: observation.notes.join("\n"), ..Self::default() };
        if let Listing::Complete(put) | Listing::Delta { put, .. } = &observation.people {
            seen.people.extend(put.iter().map(|one| (one.id.to_string(), one.clone())));
        }
        if let Listing::Complete(put) | Listing::Delta { put, .. } = &observation.groups {
            seen.groups.extend(put.iter().map(|one| (one.id.to_string(), one.clone())));
        }
        for group in &observation.members {
            if let MembersListing::Complete(set) = &group.listing {
                let all = set.users.iter().chain(&set.groups).map(ToString::to_string);
                seen.members.insert(group.group.to_string(), all.collect());
            }
        }
        let kept = observation.kept.iter().map(|one| (text_of(&one.object), one.why.clone()));
        seen.kept.extend(kept);
        seen
    }

    /// The same without one object.
    fn without(&self, odd: &str) -> Self {
        let mut rest = Self { notes: String::new(), ..self.clone() };
        rest.people.remove(odd);
        rest.groups.remove(odd);
        rest.members.remove(odd);
        rest.kept.clear();
        rest.members.values_mut().for_each(|set| {
            set.remove(odd);
        });
        rest
    }

    fn assert_is(&self, other: &Self, case: &str) {
        assert_eq!(self.people, other.people, "{case}");
        assert_eq!(self.groups, other.groups, "{case}");
        for group in self.members.keys().chain(other.members.keys()) {
            let (own, others) = (self.members.get(group), other.members.get(group));
            assert_eq!(own, others, "{group} {case}");
        }
    }
}

/// A small tenant, somebody who is in a group, and that group.
struct Small {
    tenant: Tenant,
    provider: Provider,
    person: String,
    group: String,
}

impl Small {
    async fn of(provider: Provider) -> Self {
        let options = Options {
            providers: vec![provider],
            users: 40,
            groups: 40,
            memberships: 120,
            delta_replay: 0.0,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        let tenant = Tenant::with(options).await;
        let person = tenant.new_user("odd.one@contoso.example").await;
        let group = tenant.new_group("Odd ones").await;
        tenant.put(&group, "users", &person).await;
        Self { tenant, provider, person, group }
    }

    async fn observed(&self, connector: &Connector) -> Observation {
        connector.pull(None, &Progress::default()).await.unwrap()
    }

    async fn seen(&self) -> Seen {
        Seen::of(&self.observed(&self.tenant.connector()).await)
    }

    /// Makes one object odd, and nothing else.
    async fn odd(&self, id: &str, mut odd: Value) {
        odd["id"] = id.into();
        self.tenant.control("POST", "odd", json!([odd])).await;
    }

    async fn sane(&self) {
        self.tenant.control("DELETE", "odd", Value::Null).await;
    }

    /// The paths that people and groups are listed at.
    fn pages(&self) -> &'static str {
        match self.provider {
            Provider::Entra => "/v1.0/(users|groups)[?/]",
            Provider::Google => "/directory/v1/(users|groups)[?/]",
            Provider::Okta => "/api/v1/(users|groups)[?/]",
        }
    }
}

/// How an object stands in a mirror.
fn state(mirror: &Mirror, object: &Member) -> Option<State> {
    match object {
        Member::User(id) => mirror.person(mirror.person_no(id)?).map(|row| row.state),
        Member::Group(id) => mirror.group(mirror.group_no(id)?).map(|row| row.state),
    }
}

/// Both ways of reading agree: a sign that no JSON may hold, in a field that nobody reads, makes the quick one fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_of_reading_agree() {
    for provider in ALL {
        let small = Small::of(provider).await;
        let plain = small.seen().await;
        let raw = json!({"nobodys": "\"a\u{1}b\""});
        if provider == Provider::Okta {
            // Its pages are lists: then every record has such a field.
            let ids = plain.people.keys().chain(plain.groups.keys());
            let all = ids.map(|id| json!({"id": id, "set": raw})).collect();
            small.tenant.control("POST", "odd", Value::Array(all)).await;
        } else {
            let odd = json!([{"route": small.pages(), "set": raw}]);
            small.tenant.control("POST", "odd", odd).await;
        }
        let mended = small.seen().await;
        mended.assert_is(&plain, provider.name());
        assert_eq!(mended.kept, BTreeMap::new());
        assert!(
            !mended.notes.contains("odd") && !mended.notes.contains("their type"),
            "{}",
            mended.notes
        );
    }
}

/// Whoever was kept stays as they were; who was not known is set aside, and is somebody once the record is good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mirror_keeps_what_it_knew() {
    let field = |provider| match provider {
        Provider::Entra => ("accountEnabled", "displayName"),
        Provider::Google => ("suspended", "name"),
        Provider::Okta => ("status", "profile.name"),
    };
    for provider in ALL {
        let small = Small::of(provider).await;
        let connector = small.tenant.connector();
        let mut mirror = Mirror::default();
        mirror.merge(&small.observed(&connector).await, Millis(1));
        let known = Member::User(id(&small.person));
        let known_group = Member::Group(id(&small.group));
        let new = small.tenant.new_user("newcomer@contoso.example").await;
        let new_group = small.tenant.new_group("New ones").await;
        let before = mirror.clone();
        let (of_user, of_group) = field(provider);
        for (id, field) in [
            (&small.person, of_user),
            (&new, of_user),
            (&small.group, of_group),
            (&new_group, of_group),
        ] {
            small.odd(id, json!({"set": {field: "[17]"}})).await;
        }
        let observation = small.observed(&connector).await;
        let kept: BTreeSet<String> =
            observation.kept.iter().map(|one| text_of(&one.object)).collect();
        assert_eq!(
            kept,
            [&small.person, &new, &small.group, &new_group].into_iter().cloned().collect()
        );
        mirror.merge(&observation, Millis(2));
        for (object, known) in [(&known, true), (&known_group, true)] {
            assert_eq!(state(&mirror, object), Some(State::Present), "{provider:?} {known}");
        }
        let no = mirror.person_no(&id(&small.person)).unwrap();
        assert_eq!(mirror.person(no), before.person(no));
        assert!(mirror.unconfirmed().is_empty(), "{provider:?}");
        for object in [Member::User(id(&new)), Member::Group(id(&new_group))] {
            assert_eq!(state(&mirror, &object), Some(State::Mentioned), "{provider:?}");
        }
        // Merging it once more changes nothing, and what is good again is somebody.
        let merged = mirror.merge(&observation, Millis(3));
        assert!(merged.dirty.nodes.is_empty(), "{provider:?} {:?}", merged.dirty);
        small.sane().await;
        mirror.merge(&small.observed(&connector).await, Millis(4));
        assert_eq!(state(&mirror, &Member::User(id(&new))), Some(State::Present));
        assert_eq!(state(&mirror, &Member::Group(id(&new_group))), Some(State::Present));
    }
}
