//! A tenant of people, groups and memberships for benchmarks; the same numbers give the same tenant.

use directory::{
    id::ProviderId,
    observation::{
        Attribute, Attributes, GroupKind, GroupMembers, GroupRecord, Listing, MemberSet,
        MembersListing, Observation, PersonKind, PersonRecord,
    },
};

pub(crate) const USERS: u32 = 100_000;
pub(crate) const GROUPS: u32 = 10_000;
pub(crate) const MEMBERS_EACH: u32 = 100;

pub(crate) fn user_id(no: u32) -> ProviderId {
    ProviderId::parse(&format!("{no:08x}-0000-4000-8000-000000000001")).expect("a GUID")
}

pub(crate) fn group_id(no: u32) -> ProviderId {
    ProviderId::parse(&format!("{no:08x}-0000-4000-8000-000000000002")).expect("a GUID")
}

pub(crate) fn person(no: u32) -> PersonRecord {
    let department = ["R&D", "Sales", "Support", "Finance"][no as usize % 4];
    PersonRecord {
        id: user_id(no),
        kind: PersonKind::Member,
        enabled: Some(true),
        attributes: Attributes::pack([
            (Attribute::Department, department),
            (Attribute::Login, format!("person{no}@example.org").as_str()),
            (Attribute::Mail, format!("person{no}@example.org").as_str()),
            (Attribute::DisplayName, format!("Person Number {no}").as_str()),
            (Attribute::GivenName, "Person"),
            (Attribute::Surname, "Number"),
        ]),
    }
}

pub(crate) fn observation() -> Observation {
    observation_of(USERS)
}

pub(crate) fn observation_of(users: u32) -> Observation {
    let people = (0..users).map(person);
    let groups = (0..GROUPS).map(|no| GroupRecord {
        id: group_id(no),
        kind: GroupKind::Security,
        hidden_members: false,
        attributes: Attributes::pack([(Attribute::DisplayName, format!("group {no}").as_str())]),
    });
    let members = (0..GROUPS).map(|group| GroupMembers {
        group: group_id(group),
        listing: MembersListing::Complete(MemberSet {
            users: (0..MEMBERS_EACH).map(|i| user_id((group * 37 + i * 997) % users)).collect(),
            groups: Vec::new(),
        }),
    });
    Observation {
        people: Listing::Complete(people.collect()),
        groups: Listing::Complete(groups.collect()),
        members: members.collect(),
        ..Observation::default()
    }
}
