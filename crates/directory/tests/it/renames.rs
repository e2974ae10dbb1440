//! New names of single groups: accepting one is following the provider for that group alone; a refused one stays away.

use std::collections::BTreeMap;

use directory::{
    decisions::{DecisionsChange, Node},
    derive::RenameState,
    id::GroupNo,
    mirror::Dirty,
    name::Name,
    plan::{Reason, Rename, record_digest, renames, renames_digest},
    rules::{GroupRenames, NestedGroups, Rules},
};
use proptest::prelude::*;

use crate::{
    laws::{check_nothing_is_left, colliding_edit, edit, rounds},
    tenant::{Bench, Edit, Tenant, group_id, plain_rules, shape},
};

fn kept() -> Rules {
    Rules { group_renames: GroupRenames::KeepAccepted, ..plain_rules(NestedGroups::Kept) }
}

fn listed(bench: &Bench) -> Vec<Rename> {
    let compiled = bench.compiled();
    renames(&bench.basis(&compiled))
}

/// Decides as `task::commit` does: decisions first, then a plan of everything.
fn decide(bench: &mut Bench, accept: &[&Rename], refuse: &[&Rename]) {
    let mut change = DecisionsChange::default();
    for rename in accept {
        change.accepted.insert(rename.group, Some(rename.name.clone()));
        change.refused.insert(rename.group, None);
    }
    for rename in refuse {
        change.refused.insert(rename.group, Some(rename.name.clone()));
        change.accepted.insert(rename.group, None);
    }
    bench.decisions.apply(&change);
    bench.now = bench.now.plus(1_000);
    let plan = bench.plan(&Dirty::everything(), &[]);
    bench.issues.take(&plan, &Dirty::everything());
    bench.commit(plan);
}

fn step(bench: &mut Bench, tenant: &mut Tenant, edits: &[Edit]) {
    let before = tenant.clone();
    tenant.apply_all(edits);
    bench.run(&tenant.delta(&before), tenant, &[]);
}

fn names(bench: &Bench) -> BTreeMap<GroupNo, String> {
    bench.served.groups_from(0).map(|(no, group)| (no, group.name().to_string())).collect()
}

fn three_teams() -> (Bench, Tenant) {
    let (mut bench, mut tenant) = (Bench::new(kept()), Tenant::default());
    let edits = [0, 1, 2].map(|no| Edit::Team(no, format!("team {no}")));
    step(&mut bench, &mut tenant, &edits);
    (bench, tenant)
}

#[test]
fn one_rename_is_accepted_and_one_refused_and_one_waits() {
    let (mut bench, mut tenant) = three_teams();
    assert_eq!(listed(&bench), []);
    let edits = [0, 1, 2].map(|no| Edit::Team(no, format!("new {no}")));
    step(&mut bench, &mut tenant, &edits);
    let seen = listed(&bench);
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|rename| rename.state == RenameState::Waiting), "{seen:?}");
    decide(&mut bench, &[&seen[0]], &[&seen[1]]);
    let served: Vec<String> = names(&bench).into_values().collect();
    assert_eq!(served, ["new 0", "team 1", "team 2"]);
    assert!(bench.decisions.accepted.is_empty(), "what is served is not kept as a decision");
    let states: Vec<_> = listed(&bench).iter().map(|one| (one.group, one.state)).collect();
    let expected = [(seen[1].group, RenameState::Refused), (seen[2].group, RenameState::Waiting)];
    assert_eq!(states, expected);
    let waiting: Vec<_> = bench
        .issues
        .iter()
        .filter(|issue| matches!(issue.reason, Reason::GroupRenameWaits { .. }))
        .map(|issue| issue.node)
        .collect();
    assert_eq!(waiting, [Node::Group(seen[2].group)], "a refused name asks nobody any more");
    check_nothing_is_left(&bench);
}

#[test]
fn a_refused_name_stays_away_until_it_is_another_one() {
    let (mut bench, mut tenant) = three_teams();
    step(&mut bench, &mut tenant, &[Edit::Team(0, "new".to_owned())]);
    let seen = listed(&bench);
    decide(&mut bench, &[], &[&seen[0]]);
    // Neither a later read, nor the old name in between, nor the rule about all asks or renames again.
    for name in ["new", "team 0", "new"] {
        step(&mut bench, &mut tenant, &[Edit::Team(0, name.to_owned())]);
        assert!(listed(&bench).iter().all(|one| one.state == RenameState::Refused));
    }
    bench.set_rules(plain_rules(NestedGroups::Kept), &[]);
    assert!(bench.served.group_by_name("team 0").is_some(), "refused for good");
    bench.set_rules(kept(), &[]);
    step(&mut bench, &mut tenant, &[Edit::Team(0, "newer".to_owned())]);
    let again = listed(&bench);
    assert_eq!((again[0].name.as_str(), again[0].state), ("newer", RenameState::Waiting));
    // Accepting after all is possible at any time, and forgets the refusal.
    step(&mut bench, &mut tenant, &[Edit::Team(0, "new".to_owned())]);
    let refused = listed(&bench);
    assert_eq!(refused[0].state, RenameState::Refused);
    decide(&mut bench, &[&refused[0]], &[]);
    assert!(bench.served.group_by_name("new").is_some());
    assert!(bench.decisions.refused.is_empty() && bench.decisions.accepted.is_empty());
    check_nothing_is_left(&bench);
}

#[test]
fn refusals_go_with_their_group() {
    let (mut bench, mut tenant) = three_teams();
    step(&mut bench, &mut tenant, &[Edit::Team(0, "new".to_owned())]);
    let seen = listed(&bench);
    decide(&mut bench, &[], &[&seen[0]]);
    step(&mut bench, &mut tenant, &[Edit::DeleteTeam(0)]);
    assert!(bench.decisions.refused.is_empty(), "{:?}", bench.decisions.refused);
    check_nothing_is_left(&bench);
}

#[test]
fn an_accepted_name_that_is_in_use_waits_for_it() {
    let (mut bench, mut tenant) = three_teams();
    step(&mut bench, &mut tenant, &[Edit::Team(0, "team 1".to_owned())]);
    let seen = listed(&bench);
    decide(&mut bench, &[&seen[0]], &[]);
    assert!(bench.served.group_by_name("team 0").is_some());
    assert_eq!(listed(&bench)[0].state, RenameState::Accepted);
}

#[test]
fn groups_whose_changes_were_discarded_are_not_listed() {
    let (mut bench, mut tenant) = three_teams();
    step(&mut bench, &mut tenant, &[Edit::Team(0, "new".to_owned())]);
    let compiled = bench.compiled();
    let node = Node::Group(bench.served.group_by_id(&group_id(0)).unwrap().0);
    let digest = record_digest(&bench.basis(&compiled), node);
    bench.decisions.discards.insert(node, digest);
    assert_eq!(listed(&bench), []);
}

#[test]
fn a_digest_of_new_names_tells_names_states_and_groups_apart() {
    let (mut bench, mut tenant) = three_teams();
    step(
        &mut bench,
        &mut tenant,
        &[Edit::Team(0, "new".to_owned()), Edit::Team(1, "b".to_owned())],
    );
    let seen = listed(&bench);
    let changed = |change: &dyn Fn(&mut Rename)| {
        let mut one = seen[0].clone();
        change(&mut one);
        renames_digest(&[one])
    };
    let mut digests = vec![
        renames_digest(&seen),
        changed(&|_| {}),
        changed(&|one| one.name = Name::parse("other").unwrap()),
        changed(&|one| one.served = Name::parse("other").unwrap()),
        changed(&|one| one.state = RenameState::Refused),
        changed(&|one| one.group = GroupNo(77)),
    ];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 6);
}

/// Edits, and then one of the new names that came of them.
fn check(rounds: Vec<(Vec<Edit>, bool)>, which: usize) -> Result<(), TestCaseError> {
    let (mut bench, mut tenant) = (Bench::new(kept()), Tenant::default());
    for (edits, full) in rounds {
        let before = tenant.clone();
        tenant.apply_all(&edits);
        let observation = if full { tenant.listing(false) } else { tenant.delta(&before) };
        bench.run(&observation, &tenant, &[]);
    }
    let seen = listed(&bench);
    for rename in &seen {
        let served = bench.served.group(rename.group).unwrap();
        prop_assert_eq!(served.name(), &rename.served);
        prop_assert_ne!(served.name(), &rename.name);
    }
    if seen.is_empty() {
        return Ok(());
    }
    let chosen = &seen[which % seen.len()];
    let others: Vec<&Rename> = seen.iter().filter(|one| one.group != chosen.group).collect();

    // Following the provider for exactly this group: the rule for all, with every other new name refused.
    let mut following = bench.clone();
    following.rules.group_renames = GroupRenames::Follow;
    decide(&mut following, &[], &others);
    let mut accepting = bench.clone();
    decide(&mut accepting, &[chosen], &[]);
    prop_assert_eq!(shape(&accepting.served), shape(&following.served));
    check_nothing_is_left(&accepting);
    for (no, name) in names(&accepting) {
        let before = bench.served.group(no).map(|group| group.name().to_string());
        prop_assert!(no == chosen.group || before == Some(name), "another group is renamed");
    }

    let mut refusing = bench.clone();
    decide(&mut refusing, &[], &[chosen]);
    prop_assert_eq!(shape(&refusing.served), shape(&bench.served), "who refuses changes nothing");
    // Another read, of everything and of nothing, leaves it so; a rule for all too.
    refusing.run(&tenant.listing(true), &tenant, &[]);
    refusing.set_rules(plain_rules(NestedGroups::Kept), &[]);
    let still = refusing.served.group(chosen.group).map(|group| group.name());
    prop_assert_eq!(still, Some(&chosen.served));
    check_nothing_is_left(&refusing);
    // A new name asks again.
    refusing.set_rules(kept(), &[]);
    let team = (0..8).find(|no| group_id(*no) == chosen.id).unwrap();
    step(&mut refusing, &mut tenant, &[Edit::Team(team, "yet another name".to_owned())]);
    let asked = listed(&refusing).into_iter().find(|one| one.group == chosen.group).unwrap();
    prop_assert_eq!((asked.name.as_str(), asked.state), ("yet another name", RenameState::Waiting));
    Ok(())
}

proptest! {
    #[test]
    fn accepting_one_rename_is_following_that_group_alone(rounds in rounds(edit()), which in 0..8_usize) {
        check(rounds, which)?;
    }

    #[test]
    fn accepting_one_rename_holds_when_names_collide(rounds in rounds(colliding_edit()), which in 0..4_usize) {
        check(rounds, which)?;
    }
}
