//! The numbers that are shown of a plan, counted again from mirror and snapshot; each run of a bench checks its own.

use std::collections::BTreeSet;

use directory::{
    decisions::Node,
    derive::{Derive, GroupVerdict, PersonVerdict},
    figures::{Count, Exceptions},
    plan::{Context, Issue, Plan, Reason},
    preview::{self, Preview, Query},
    report::{Applied, GuardKind},
    snapshot::{Directory, Size},
};

use crate::tenant::Bench;

/// What a directory holds, counted one by one.
pub(crate) fn counted(served: &Directory) -> Size {
    let groups: Vec<_> = served.groups_from(0).map(|(no, _)| no).collect();
    Size {
        users: served.users_from(0).count(),
        active_users: served.users_from(0).filter(|(_, user)| user.active()).count(),
        groups: groups.len(),
        memberships: groups.iter().map(|no| served.users_of(*no).len()).sum(),
        nestings: groups.iter().map(|no| served.children_of(*no).len()).sum(),
    }
}

/// Whether counts of changes lead from one size to the other.
fn leads(before: Size, applied: &Applied, after: Size) -> bool {
    let all = |size: Size| (size.memberships + size.nestings) as u64;
    before.users as u64 + applied.users_added == after.users as u64 + applied.users_removed
        && before.groups as u64 + applied.groups_added
            == after.groups as u64 + applied.groups_removed
        && all(before) + applied.memberships_added == all(after) + applied.memberships_removed
}

/// Checks every number that is shown of a plan before it is applied. The bench has taken in the plan's issues.
pub(crate) fn check(bench: &Bench, plan: &Plan, lifted: &[GuardKind]) {
    let after = bench.served.apply(&plan.changes).unwrap();
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    let lifted: BTreeSet<GuardKind> = lifted.iter().copied().collect();
    let context = Context {
        now: bench.now,
        window: &bench.window,
        lifted: &lifted,
        empty_read: false,
        take_overs: &[],
    };
    let preview = preview::of_run(&basis, &context);
    assert_eq!(preview.before, counted(&bench.served), "what a preview calls served now");
    assert_eq!(preview.after, counted(&after), "what a preview calls served then");
    assert!(leads(preview.before, &plan.applied, preview.after), "{:?} {preview:?}", plan.applied);
    assert_eq!(preview.applied, plan.applied);
    // The report of the run counts from issues that were kept from run to run.
    let reported = Exceptions::of(&after, bench.issues.iter(), &plan.held);
    assert_eq!(preview.exceptions, reported, "a preview and the run's report");
    check_exceptions(bench, plan, (&after, &reported));
    check_lines(&preview);
    if plan.held.is_empty() {
        assert_eq!(preview.approved, preview.after);
    }
}

/// Whom the rules want and who is not served, or not so, one by one.
fn check_exceptions(bench: &Bench, plan: &Plan, (after, told): (&Directory, &Exceptions)) {
    let compiled = bench.compiled();
    let basis = bench.basis(&compiled);
    let derive = Derive::new(basis);
    let waiting: BTreeSet<Node> =
        plan.held.iter().flat_map(|held| &held.items).map(|item| item.node).collect();
    assert_eq!(told.waiting, Count::of(waiting.iter().copied()));
    let frozen: BTreeSet<Node> = plan
        .issues
        .iter()
        .filter(|issue| issue.reason == Reason::Discarded)
        .map(|issue| issue.node)
        .collect();
    assert_eq!(told.discarded, Count::of(frozen.iter().copied()));
    let damaged = bench.mirror.unreadable();
    assert_eq!(told.damaged, Count::of(damaged.iter().copied()));
    let (mut aside, mut other) = (BTreeSet::new(), BTreeSet::new());
    for row in bench.mirror.people() {
        let node = Node::User(row.no);
        let PersonVerdict::Wanted { claim, .. } = derive.person(row) else { continue };
        let name = after.user(row.no).map(|user| user.name());
        match (name, claim.ok()) {
            (None, _) => drop(aside.insert(node)),
            (Some(name), Some(claim)) if name == claim.as_str() => {}
            (Some(_), _) => drop(other.insert(node)),
        }
    }
    for row in bench.mirror.groups() {
        let node = Node::Group(row.no);
        let GroupVerdict::Wanted { claim, waiting_name } = derive.group(row) else { continue };
        let name = after.group(row.no).map(|group| group.name());
        match (name, claim.ok()) {
            (None, _) => drop(aside.insert(node)),
            (Some(name), Some(claim)) if *name == claim && waiting_name.is_none() => {}
            (Some(_), _) => drop(other.insert(node)),
        }
    }
    // What is damaged, or looks like another name, is served under its own name.
    let about_names =
        |issue: &&Issue| matches!(issue.reason, Reason::Name(_) | Reason::GroupRenameWaits { .. });
    let issue = |served: bool| -> BTreeSet<Node> {
        let issues = bench.issues.iter().filter(|issue| !served || about_names(issue));
        let nodes = issues.map(|issue| issue.node);
        let there = |node: &Node| match node {
            Node::User(no) => after.user(*no).is_some(),
            Node::Group(no) => after.group(*no).is_some(),
        };
        nodes.filter(|node| there(node) == served && !frozen.contains(node)).collect()
    };
    // Whoever the rules want and is not served is set aside, waits, or is part of another group.
    for node in aside.difference(&issue(false)) {
        let merged = matches!(node, Node::Group(_)) && plan.issues.iter().all(|i| i.node != *node);
        assert!(
            waiting.contains(node) || frozen.contains(node) || merged,
            "{node:?} is not told of"
        );
    }
    for node in issue(false) {
        assert!(aside.contains(&node) || plan.left.contains_key(&node), "{node:?} is set aside");
    }
    for node in other.difference(&issue(true)) {
        // What cannot be read from the store claims no name; it is told of as damaged.
        let explained = waiting.contains(node) || frozen.contains(node) || damaged.contains(node);
        assert!(explained, "{node:?} keeps another name");
    }
    for node in issue(true) {
        assert!(other.contains(&node), "{node:?} is said to keep another name");
    }
    assert_eq!(told.other_name, Count::of(issue(true)));
}

/// The lines of a preview say what its counts say.
fn check_lines(preview: &Preview) {
    let with = |kind: &str, effect: &str| {
        let (kind, effect) = (Some(kind.to_owned()), Some(effect.to_owned()));
        preview.page(&Query { kind, effect, ..Query::default() }).total as u64
    };
    let applied = &preview.applied;
    let lines = [
        ("user", "added", applied.users_added),
        ("user", "removed", applied.users_removed),
        ("group", "added", applied.groups_added),
        ("group", "removed", applied.groups_removed),
        ("user", "waits", preview.exceptions.waiting.users),
        ("group", "waits", preview.exceptions.waiting.groups),
    ];
    for (kind, effect, number) in lines {
        assert_eq!(with(kind, effect), number, "{kind} {effect}: {preview:?}");
    }
}
