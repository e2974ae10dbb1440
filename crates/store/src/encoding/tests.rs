//! What is written is what is read, for every form, over any Unicode; what is damaged is refused.

use directory::{mirror::Evidence, observation::Attribute};
use proptest::prelude::*;

use super::*;
use crate::odd_text::odd_text;

fn id() -> impl Strategy<Value = ProviderId> {
    let any = prop_oneof![
        odd_text(12),
        any::<u128>().prop_map(|guid| Uuid::from_u128(guid).to_string()),
        any::<u128>().prop_map(|guid| Uuid::from_u128(guid).as_simple().to_string()),
        "[a-zA-Z0-9]{1,200}",
    ];
    any.prop_filter_map("an id", |text| ProviderId::parse(&text).ok())
}

fn name() -> impl Strategy<Value = Name> {
    (odd_text(255), any::<bool>()).prop_filter_map("a name", |(text, lower)| {
        let name = Name::parse_cut(&text).ok()?;
        Some(if lower { name.lower_case() } else { name })
    })
}

prop_compose! {
    fn user()(
        id in id(), name in name(), texts in prop::array::uniform4(odd_text(1_500)),
        active: bool, created: i64, updated: i64,
    ) -> User {
        User::new(&UserFields {
            id: &id, name: &name, first_name: &texts[0], last_name: &texts[1], display_name: &texts[2],
            email: &texts[3], active, created: Millis(created), updated: Millis(updated),
        })
    }
}

prop_compose! {
    fn group()(id in id(), name in name(), text in odd_text(1_500), created: i64, updated: i64) -> Group {
        Group::new(id, name, &text, Millis(created), Millis(updated))
    }
}

fn state() -> impl Strategy<Value = State> {
    let since = || any::<i64>().prop_map(Millis);
    let evidence =
        prop::sample::select(vec![Evidence::Deleted, Evidence::Purged, Evidence::Confirmed]);
    prop_oneof![
        Just(State::Mentioned),
        Just(State::Present),
        since().prop_map(|since| State::Unconfirmed { since }),
        (since(), evidence).prop_map(|(since, evidence)| State::Absent { since, evidence }),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::vec((prop::sample::select(Attribute::ALL.to_vec()), odd_text(1_500)), 0..8)
        .prop_map(|values| Attributes::pack(values.iter().map(|(a, text)| (*a, text.as_str()))))
}

prop_compose! {
    fn person_row()(
        no: u32, state in state(), id in id(), enabled: Option<bool>, attributes in attributes(),
        kind in prop::sample::select(vec![PersonKind::Member, PersonKind::Guest, PersonKind::Unknown]),
    ) -> PersonRow {
        PersonRow { no: UserNo(no), state, record: PersonRecord { id, kind, enabled, attributes } }
    }
}

prop_compose! {
    fn group_row()(
        no: u32, state in state(), id in id(), hidden_members: bool, attributes in attributes(),
        kind in prop::sample::select(vec![
            GroupKind::Microsoft365, GroupKind::Security, GroupKind::MailSecurity,
            GroupKind::Distribution, GroupKind::Other,
        ]),
    ) -> GroupRow {
        GroupRow { no: GroupNo(no), state, record: GroupRecord { id, kind, hidden_members, attributes } }
    }
}

fn sides_of<T: std::fmt::Debug + Clone + 'static>(
    of: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Sides<T>> {
    let one = of.prop_map(Arc::new).boxed();
    prop_oneof![
        one.clone().prop_map(|after| (None, Some(after))),
        one.clone().prop_map(|before| (Some(before), None)),
        (one.clone(), one).prop_map(|(before, after)| (Some(before), Some(after))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let numbers = || {
        prop::collection::btree_set(any::<u32>(), 0..20)
            .prop_map(|set| set.into_iter().collect::<Vec<u32>>())
    };
    let users = move || numbers().prop_map(|list| list.into_iter().map(UserNo).collect());
    let groups = move || numbers().prop_map(|list| list.into_iter().map(GroupNo).collect());
    prop_oneof![
        (any::<u32>(), sides_of(user().boxed())).prop_map(|(no, (before, after))| Change::User {
            no: UserNo(no),
            before,
            after
        }),
        (any::<u32>(), sides_of(group().boxed())).prop_map(|(no, (before, after))| Change::Group {
            no: GroupNo(no),
            before,
            after
        }),
        (any::<u32>(), users(), users(), groups(), groups()).prop_map(
            |(no, users_added, users_removed, groups_added, groups_removed)| {
                Change::Members(MembersChange {
                    group: GroupNo(no),
                    users_added,
                    users_removed,
                    groups_added,
                    groups_removed,
                })
            }
        ),
    ]
}

/// A byte of a record with other bits.
fn flipped(bytes: &[u8], at: prop::sample::Index, flip: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= flip;
    bytes
}

proptest! {
    #[test]
    fn a_user_is_read_as_it_was_written(user in user(), at: prop::sample::Index, flip in 1_u8..) {
        let bytes = pack_user(&user).unwrap();
        prop_assert_eq!(unpack_user(&bytes).unwrap(), user);
        prop_assert!(unpack_user(&flipped(&bytes, at, flip)).is_err());
    }

    #[test]
    fn a_group_is_read_as_it_was_written(group in group(), at: prop::sample::Index, flip in 1_u8..) {
        let bytes = pack_group(&group).unwrap();
        prop_assert_eq!(unpack_group(&bytes).unwrap(), group);
        prop_assert!(unpack_group(&flipped(&bytes, at, flip)).is_err());
    }

    #[test]
    fn a_record_of_a_person_is_read_as_it_was_written(
        row in person_row(), at: prop::sample::Index, flip in 1_u8..,
    ) {
        let bytes = pack_person(&row).unwrap();
        let damaged = unpack_person(row.no.0, &flipped(&bytes, at, flip));
        prop_assert!(damaged.is_err());
        prop_assert_eq!(unpack_person(row.no.0, &bytes).unwrap(), row);
    }

    #[test]
    fn a_record_of_a_group_is_read_as_it_was_written(
        row in group_row(), at: prop::sample::Index, flip in 1_u8..,
    ) {
        let bytes = pack_mirror_group(&row).unwrap();
        let damaged = unpack_mirror_group(row.no.0, &flipped(&bytes, at, flip));
        prop_assert!(damaged.is_err());
        prop_assert_eq!(unpack_mirror_group(row.no.0, &bytes).unwrap(), row);
    }

    #[test]
    fn a_change_is_read_as_it_was_written(change in change(), at: prop::sample::Index, flip in 1_u8..) {
        let (kind, no, bytes) = pack_change(&change).unwrap();
        let damaged = unpack_change(kind, no, &flipped(&bytes, at, flip));
        prop_assert!(damaged.is_err());
        prop_assert_eq!(unpack_change(kind, no, &bytes).unwrap(), change);
    }

    /// What schema 9 and earlier wrote has no checksum.
    #[test]
    fn a_record_without_a_checksum_is_read(user in user(), group in group()) {
        let older = |mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() - SUM);
            bytes[0] = PLAIN;
            bytes
        };
        prop_assert_eq!(unpack_user(&older(pack_user(&user).unwrap())).unwrap(), user);
        prop_assert_eq!(unpack_group(&older(pack_group(&group).unwrap())).unwrap(), group);
    }
}
