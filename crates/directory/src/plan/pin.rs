//! The changes that put a directory back to how it was (DESIGN.md 10.12).
//!
//! Invariants: what is served afterwards is what was served then, but for the times of what had to be changed; names
//! that cease to be served enter the ledger as always, so that nobody inherits one when the pin is lifted. No guard: a
//! person asked for exactly this, and all of it counts as approved.

use std::sync::Arc;

use super::{Draft, Plan, edges::Edge, emit};
use crate::{
    decisions::Node,
    derive::Basis,
    group::Group,
    id::{GroupNo, Millis, UserNo},
    snapshot::Directory,
    user::{User, UserFields},
};

/// Plans the way from what is served to `target`.
pub fn towards(basis: &Basis<'_>, target: &Directory, now: Millis) -> Plan {
    let served = basis.served;
    let mut plan = Plan::default();
    let mut edges = Vec::new();
    for group in groups_of_both(served, target) {
        edge_differences(group, (served.users_of(group), target.users_of(group)), user, &mut edges);
        let children = (served.children_of(group), target.children_of(group));
        edge_differences(group, children, nested, &mut edges);
    }
    let mut users: Vec<Draft<User>> = Vec::new();
    for (no, then) in target.users_from(0) {
        let before = served.user(no);
        let after = match before {
            Some(before) if before.same_as(then) => Arc::clone(before),
            _ => restored_user(then, now),
        };
        let (node, id) = (Node::User(no), then.id().clone());
        users.push(Draft { node, id, before: before.cloned(), after: Some(after) });
    }
    let left = served.users_from(0).filter(|(no, _)| target.user(*no).is_none());
    users.extend(left.map(|(no, user)| {
        let (node, id) = (Node::User(no), user.id().clone());
        Draft { node, id, before: Some(Arc::clone(user)), after: None }
    }));
    users.sort_by_key(|draft| draft.node);
    emit(users, group_drafts(served, target, now), edges, &mut plan);
    plan.decisions.extend_with_names(basis, &plan.changes);
    plan.approved = plan.applied;
    plan
}

fn group_drafts(served: &Directory, target: &Directory, now: Millis) -> Vec<Draft<Group>> {
    let drafts = groups_of_both(served, target).into_iter().filter_map(|no| {
        let (before, then) = (served.group(no), target.group(no));
        let after = match (before, then) {
            (Some(before), Some(then)) if before.same_as(then) => Some(Arc::clone(before)),
            (_, Some(then)) => Some(restored_group(then, now)),
            (_, None) => None,
        };
        let id = before.or(then)?.id().clone();
        Some(Draft { node: Node::Group(no), id, before: before.cloned(), after })
    });
    drafts.collect()
}

/// The groups of either, ascending.
fn groups_of_both(served: &Directory, target: &Directory) -> Vec<GroupNo> {
    let both = served.groups_from(0).chain(target.groups_from(0));
    let mut groups: Vec<GroupNo> = both.map(|(no, _)| no).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn restored_user(then: &User, now: Millis) -> Arc<User> {
    let name = crate::name::Name::parse(then.name()).expect("a served name is a name");
    Arc::new(User::new(&UserFields {
        id: then.id(),
        name: &name,
        first_name: then.first_name(),
        last_name: then.last_name(),
        display_name: then.display_name(),
        email: then.email(),
        active: then.active(),
        created: then.created(),
        updated: now,
    }))
}

fn restored_group(then: &Group, now: Millis) -> Arc<Group> {
    let (id, name) = (then.id().clone(), then.name().clone());
    Arc::new(Group::new(id, name, then.description(), then.created(), now))
}

fn user(no: u32) -> Node {
    Node::User(UserNo(no))
}

fn nested(no: u32) -> Node {
    Node::Group(GroupNo(no))
}

/// The edges in which two ascending lists differ.
fn edge_differences(
    group: GroupNo,
    (before, after): (&[u32], &[u32]),
    node: fn(u32) -> Node,
    edges: &mut Vec<Edge>,
) {
    let edge = |no: u32, added| Edge { group, member: node(no), added, forced: false };
    let gone = before.iter().filter(|no| after.binary_search(no).is_err());
    edges.extend(gone.map(|no| edge(*no, false)));
    let came = after.iter().filter(|no| before.binary_search(no).is_err());
    edges.extend(came.map(|no| edge(*no, true)));
}
