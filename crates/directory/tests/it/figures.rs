//! The numbers that are shown of a directory, along random stories with decisions.

use std::collections::BTreeSet;

use directory::{
    decisions::Node,
    explain::explain,
    figures::{Count, Exceptions},
    mirror::Dirty,
    plan::{Context, guard::Window},
    preview,
    report::GuardKind,
    rules::{NestedGroups, Rules, limits::Limits},
    snapshot::Size,
};
use proptest::prelude::*;

use crate::{
    counts::{check, counted},
    house::{read, rules_of, settle},
    laws::{colliding_edit, edit, rounds},
    tenant::{Bench, Tenant, plain_rules},
};

/// What is explained of everybody adds up to what is counted.
fn check_explanations(bench: &Bench) {
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    let issues: Vec<_> = bench.issues.iter().cloned().collect();
    let mut size = Size::default();
    for row in bench.mirror.people() {
        let explained = explain(&basis, &issues, &row.record.id.to_string()).unwrap();
        assert_eq!(explained.served, bench.served.user(row.no).is_some());
        size.users += usize::from(explained.served);
        size.active_users += usize::from(explained.active);
        size.memberships += explained.groups.len();
        let reasons: Vec<String> = issues
            .iter()
            .filter(|issue| issue.node == Node::User(row.no))
            .map(|issue| issue.reason.to_string())
            .collect();
        assert!(reasons.iter().all(|reason| explained.because.contains(reason)));
    }
    let served = counted(&bench.served);
    assert_eq!((size.users, size.active_users), (served.users, served.active_users));
    assert_eq!(size.memberships, served.memberships);
}

proptest! {
    #[test]
    fn numbers_agree_with_mirror_and_snapshot(
        rounds in rounds(edit()),
        guarded in any::<bool>(),
        approved in any::<bool>(),
    ) {
        let rules = if guarded { strict_rules() } else { plain_rules(NestedGroups::Kept) };
        tell(rules, rounds, approved);
    }

    #[test]
    fn numbers_agree_where_names_collide(
        rounds in rounds(colliding_edit()),
        approved in any::<bool>(),
    ) {
        tell(strict_rules(), rounds, approved);
    }
}

/// Rules under which nearly everything waits.
fn strict_rules() -> Rules {
    let limits = Limits {
        leaving_share: 0,
        leaving_min: 1,
        groups_share: 0,
        groups_min: 1,
        memberships_share: 0,
        memberships_min: 1,
        renames_share: 0,
        renames_min: 1,
        reactivated_share: 0,
        blanked_share: 0,
        other_min: 1,
        ..Limits::default()
    };
    Rules { limits, grace_ms: 0, ..Rules::default() }
}

/// Every run checks its own numbers; what waits is discarded, or approved by the next run.
fn tell(rules: Rules, rounds: Vec<(Vec<crate::tenant::Edit>, bool)>, approved: bool) {
    use GuardKind::{GroupsRemoved, MembershipsLost, PeopleLeaving, TakeOver};
    let lifted = [GroupsRemoved, MembershipsLost, PeopleLeaving, TakeOver];
    let mut bench = Bench::new(rules);
    let mut tenant = Tenant::default();
    for (edits, full) in rounds {
        let before = tenant.clone();
        tenant.apply_all(&edits);
        let observation = if full { tenant.listing(false) } else { tenant.delta(&before) };
        let lifted = if approved && !full { &lifted[..] } else { &[] };
        bench.run(&observation, &tenant, lifted);
        check_explanations(&bench);
        // What waits is discarded: it is told of as that from then on.
        let digests: Vec<(Node, _)> = {
            let compiled = bench.compiled();
            let basis = bench.basis(&compiled);
            let items = bench.last.held.iter().flat_map(|held| &held.items);
            items
                .map(|item| (item.node, directory::plan::record_digest(&basis, item.node)))
                .collect()
        };
        if full && !digests.is_empty() {
            bench.decisions.discards.extend(digests);
            let plan = bench.plan(&Dirty::everything(), &[]);
            bench.issues.take(&plan, &Dirty::everything());
            check(&bench, &plan, &[]);
            bench.commit(plan);
        }
    }
}

#[test]
fn a_preview_says_how_many_are_served_under_other_rules() {
    let people: Vec<String> = (0..40).map(|no| format!("p{no:02}")).collect();
    let groups: Vec<String> = (0..20).map(|no| format!("[g{no:02}] | p{no:02}")).collect();
    let bench = settle("{}", &format!("{}\n{}", people.join("\n"), groups.join("\n")));
    let (now, new) = (
        bench.compiled(),
        directory::rules::compiled::Compiled::new(rules_of(
            r#"{"groups": {"only": [{"id": "g00"}, {"id": "g01"}]}, "user_name": {"attribute": "display_name"}}"#,
        ))
        .unwrap(),
    );
    let lifted = BTreeSet::new();
    let window = Window::default();
    let context = Context {
        now: bench.now,
        window: &window,
        lifted: &lifted,
        empty_read: false,
        take_overs: &[],
    };
    let preview = preview::of_rules(&bench.basis(&now), &new, &context);
    assert_eq!((preview.before.groups, preview.after.groups), (20, 20), "too many would go");
    assert_eq!(preview.approved.groups, 2, "under the rule itself");
    assert_eq!(preview.exceptions.other_name, Count { users: 40, groups: 0 }, "{preview:?}");
    assert_eq!(preview.told, Count { users: 40, groups: 20 });
}

#[test]
fn who_was_discarded_and_who_waits_is_counted_and_gone_people_are_not_told_of() {
    let people =
        |count: usize| (0..count).map(|no| format!("p{no:03}")).collect::<Vec<_>>().join("\n");
    let mut bench = settle("{}", &people(40));
    read(&mut bench, &people(20));
    let exceptions =
        |bench: &Bench| Exceptions::of(&bench.served, bench.issues.iter(), &bench.last.held);
    assert_eq!(exceptions(&bench).waiting, Count { users: 20, groups: 0 });
    let compiled = bench.compiled();
    let nodes: Vec<Node> = bench.last.held[0].items.iter().map(|item| item.node).collect();
    let digests = nodes
        .iter()
        .map(|node| (*node, directory::plan::record_digest(&bench.basis(&compiled), *node)))
        .collect();
    bench.decisions.discards = digests;
    let plan = bench.plan(&Dirty::everything(), &[]);
    bench.issues.take(&plan, &Dirty::everything());
    bench.commit(plan);
    let told = exceptions(&bench);
    assert_eq!((told.waiting, told.discarded.users), (Count::default(), 20));
    assert_eq!(told.sentences().len(), 1, "nothing stands beside it: {told:?}");
    let compiled = bench.compiled();
    assert_eq!(Count::told_by(bench.basis(&compiled).mirror).users, 20);
}

/// What was discarded stays as served, but not in a group that goes.
#[test]
fn a_group_that_goes_leaves_discarded_members_behind() {
    let people: Vec<String> = (0..40).map(|no| format!("p{no:02}")).collect();
    let here = people.join("\n");
    let mut bench = settle("{}", &format!("{here}\n[dev] | p00 p30 [ops]\n[ops] | p30"));
    let stay = people[..20].join("\n");
    read(&mut bench, &format!("{stay}\n[dev] | p00 [ops]\n[ops] |"));
    let digests: Vec<_> = {
        let compiled = bench.compiled();
        let basis = bench.basis(&compiled);
        let items = bench.last.held.iter().flat_map(|held| &held.items);
        let ops = bench.served.group_by_name("ops").unwrap().0;
        let nodes = items.map(|item| item.node).chain([Node::Group(ops)]);
        nodes.map(|node| (node, directory::plan::record_digest(&basis, node))).collect()
    };
    bench.decisions.discards.extend(digests);
    bench.set_rules(rules_of(r#"{"groups": {"except": [{"name": "dev"}]}}"#), &[]);
    assert!(bench.served.group_by_name("dev").is_none());
    let (no, _) = bench.served.user_by_name("p30@example.org").unwrap();
    let ops = bench.served.group_by_name("ops").unwrap().0;
    assert_eq!(bench.served.groups_of(no), [ops.0], "the other membership stays");
}
