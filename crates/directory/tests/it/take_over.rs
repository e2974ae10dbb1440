//! Accounts that leavers of other directories hide: they wait with the guard's other kinds, and change nothing.

use std::collections::BTreeSet;

use directory::{
    decisions::{Node, TakeOver},
    id::{DirectoryId, ProviderId, UserNo},
    mirror::Dirty,
    plan::{Context, Plan, WaitingTakeOver, plan, record_digest},
    report::GuardKind,
    rules::NestedGroups,
};
use proptest::prelude::*;

use crate::{
    laws::{colliding_edit, rounds},
    tenant::{Bench, Edit, Person, Tenant, plain_rules},
};

fn waiting(account: u32, leaver: u32) -> WaitingTakeOver {
    let take_over = TakeOver {
        account: UserNo(account),
        leaver: (DirectoryId(9), UserNo(leaver)),
        name: "ann".into(),
    };
    let leaver = ProviderId::parse(&format!("left-{leaver}")).unwrap();
    WaitingTakeOver { take_over, directory: "first".into(), leaver }
}

fn planned(bench: &Bench, take_overs: &[WaitingTakeOver], lifted: &[GuardKind]) -> Plan {
    let compiled = bench.compiled();
    let lifted: BTreeSet<GuardKind> = lifted.iter().copied().collect();
    let context = Context {
        now: bench.now,
        window: &bench.window,
        lifted: &lifted,
        empty_read: false,
        take_overs,
    };
    plan(&bench.basis(&compiled), &Dirty::everything(), &context)
}

fn two_people() -> Bench {
    let mut tenant = Tenant::default();
    for (no, login) in ["ann", "bob"].iter().enumerate() {
        let (login, mail) = ((*login).to_owned(), String::new());
        let person = Person { login, mail, enabled: true, guest: false };
        tenant.apply(&Edit::Put(u8::try_from(no).unwrap(), person));
    }
    let mut bench = Bench::new(plain_rules(NestedGroups::Kept));
    bench.run(&tenant.listing(false), &tenant, &[]);
    bench
}

#[test]
fn a_take_over_waits_is_approved_or_discarded() {
    let bench = two_people();
    let all = [waiting(0, 4), waiting(1, 5)];
    let plan = planned(&bench, &all, &[]);
    assert_eq!(plan.changes, []);
    assert_eq!((plan.held.len(), plan.held[0].kind), (1, GuardKind::TakeOver));
    assert!(plan.held[0].approvable && plan.held[0].count == 2);
    let what = &plan.held[0].items[0].what;
    assert!(what.contains("directory first (left-4)"), "{what}");
    assert_eq!(plan.decisions.take_overs, [], "what waits is not decided");

    let approved = planned(&bench, &all, &[GuardKind::TakeOver]);
    assert!(approved.held.is_empty() && approved.changes.is_empty());
    let expected: Vec<TakeOver> = all.iter().map(|one| one.take_over.clone()).collect();
    assert_eq!(approved.decisions.take_overs, expected);

    let mut discarded = bench.clone();
    let compiled = bench.compiled();
    let node = Node::User(UserNo(0));
    let digest = record_digest(&bench.basis(&compiled), node);
    discarded.decisions.discards.insert(node, digest);
    let plan = planned(&discarded, &all, &[]);
    assert_eq!(plan.held[0].items.len(), 1);
    let approved = planned(&discarded, &all, &[GuardKind::TakeOver]);
    assert_eq!(approved.decisions.take_overs, expected[1..], "what was discarded is not approved");
}

#[test]
fn an_approval_of_one_leaver_is_none_of_another() {
    let bench = two_people();
    let digest = |one: WaitingTakeOver| planned(&bench, &[one], &[]).held[0].digest.clone();
    let elsewhere = WaitingTakeOver { directory: "other".into(), ..waiting(0, 4) };
    let mut digests = vec![
        digest(waiting(0, 4)),
        digest(waiting(0, 5)),
        digest(waiting(1, 4)),
        digest(elsewhere),
    ];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 4);
}

proptest! {
    /// Whatever else a plan does, a take-over neither adds to it nor takes from it.
    #[test]
    fn a_take_over_changes_nothing_of_the_directory(rounds in rounds(colliding_edit()), account in 0..6_u32) {
        let mut bench = Bench::new(plain_rules(NestedGroups::Kept));
        let mut tenant = Tenant::default();
        for (edits, _) in rounds {
            let before = tenant.clone();
            tenant.apply_all(&edits);
            bench.run(&tenant.delta(&before), &tenant, &[]);
        }
        let all = [waiting(account, 3)];
        for lifted in [&[][..], &[GuardKind::TakeOver]] {
            let (without, with) = (planned(&bench, &[], lifted), planned(&bench, &all, lifted));
            prop_assert_eq!(&with.changes, &without.changes);
            prop_assert_eq!(&with.issues, &without.issues);
            let known = bench.mirror.person(UserNo(account)).is_some();
            let items = |plan: &Plan| plan.held.iter().map(|held| held.items.len()).sum::<usize>();
            let waits = known && lifted.is_empty();
            prop_assert_eq!(items(&with), items(&without) + usize::from(waits));
        }
    }
}
