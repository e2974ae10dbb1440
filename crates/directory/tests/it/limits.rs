//! Limits by share and number: nothing ever passes beyond them, in whatever steps it comes.

use directory::{
    plan::guard::Window,
    report::{Applied, GuardKind},
    rules::{Rules, limits::Limits},
    snapshot::Size,
};
use proptest::prelude::*;

use crate::tenant::{Bench, Edit, Person, Tenant, no_limits};

/// Share, minimum and maximum of one limit.
type Three = (u32, u32, u32);

fn three() -> impl Strategy<Value = Three> {
    (0..3_000_u32, 0..12_u32, prop_oneof![Just(0), 0..15_u32])
}

fn tenant() -> Tenant {
    let mut tenant = Tenant::default();
    for no in 0..120 {
        let login = format!("p{no}");
        let person = Person { mail: String::new(), login, enabled: true, guest: false };
        tenant.apply(&Edit::Put(no, person));
    }
    for team in 0..60 {
        tenant.apply(&Edit::Team(team, format!("team {team}")));
        for no in 0..4 {
            tenant.apply(&Edit::Join(team, (team + no) % 100));
        }
    }
    tenant
}

/// The largest number that may pass, as the documentation says it.
fn most((share, min, max): Three, size: usize) -> u64 {
    let by_share = (size as u64 * u64::from(share)).div_euclid(10_000);
    let by_max = if max == 0 { by_share } else { by_share.min(u64::from(max)) };
    by_max.max(u64::from(min.max(1)) - 1)
}

fn removal() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => (0..120_u8).prop_map(Edit::Delete),
        4 => (0..60_u8).prop_map(Edit::DeleteTeam),
        6 => (0..60_u8, 0..100_u8).prop_map(|(team, no)| Edit::Leave(team, no)),
    ]
}

fn check(
    applied: u64,
    (limit, size): (Three, usize),
    (kind, bench): (GuardKind, &Bench),
) -> Result<(), TestCaseError> {
    let most = most(limit, size);
    prop_assert!(applied <= most, "{kind:?}: {applied} of {size} under {limit:?}");
    let held = bench.last.held.iter().any(|held| held.kind == kind);
    let near = bench.last.near.iter().find(|near| near.kind == kind);
    let expected = !held && applied > 0 && 2 * applied >= most;
    prop_assert_eq!(near.is_some(), expected, "{:?}: {} of {}", kind, applied, most);
    prop_assert!(near.is_none_or(|near| near.count == applied && near.passing == most));
    Ok(())
}

proptest! {
    #[test]
    fn no_more_than_a_limit_passes_in_a_day(
        (people, groups, memberships) in (three(), three(), three()),
        steps in prop::collection::vec(prop::collection::vec(removal(), 0..25), 1..6),
    ) {
        let limits = Limits {
            leaving_share: people.0, leaving_min: people.1, leaving_max: people.2,
            groups_share: groups.0, groups_min: groups.1, groups_max: groups.2,
            memberships_share: memberships.0, memberships_min: memberships.1,
            memberships_max: memberships.2,
            ..no_limits()
        };
        let mut tenant = tenant();
        let mut bench = Bench::new(Rules { limits, ..Rules::default() });
        bench.run(&tenant.listing(false), &tenant, &[]);
        let size: Size = bench.served.size();
        bench.window = Window { applied: Applied::default(), size };
        for edits in steps {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            bench.run(&tenant.delta(&before), &tenant, &[]);
            let all = bench.window.applied.plus(bench.last.applied);
            bench.window.applied = all;
            let left = all.users_removed + all.users_deactivated;
            check(left, (people, size.users), (GuardKind::PeopleLeaving, &bench))?;
            check(all.groups_removed, (groups, size.groups), (GuardKind::GroupsRemoved, &bench))?;
            // Memberships that go with a group that may go are no choice of the guard's.
            if all.groups_removed == 0 {
                let lost = (memberships, size.memberships);
                check(all.memberships_removed, lost, (GuardKind::MembershipsLost, &bench))?;
            }
        }
    }
}

#[test]
fn at_most_a_hundred_leave_a_large_directory_in_a_day() {
    let usual = Limits::default();
    assert_eq!(usual.leaving().passing(20_000), 100, "and not the 2,000 of a tenth");
    let mut tenant = Tenant::default();
    for no in 0..250_u8 {
        let person =
            Person { mail: String::new(), login: format!("p{no}"), enabled: true, guest: false };
        tenant.apply(&Edit::Put(no, person));
    }
    let mut bench = Bench::new(Rules::default());
    bench.run(&tenant.listing(false), &tenant, &[]);
    // The size of a day ago decides, so that a small fixture can stand for a large directory.
    bench.window =
        Window { applied: Applied::default(), size: Size { users: 20_000, ..bench.served.size() } };
    let (mut held, mut near) = (0, 0);
    for no in 0..140_u8 {
        let before = tenant.clone();
        tenant.apply(&Edit::Delete(no));
        bench.run(&tenant.delta(&before), &tenant, &[]);
        bench.window.applied = bench.window.applied.plus(bench.last.applied);
        held = bench.last.held.first().map_or(0, |held| held.count);
        near += usize::from(!bench.last.near.is_empty());
    }
    assert_eq!((bench.window.applied.users_deactivated, held), (100, 40));
    assert_eq!(near, 51, "from the 50th to the 100th");
}
