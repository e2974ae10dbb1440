//! Undo: the directory as it was served at an earlier position, as a plan (DESIGN.md 10.12).
//!
//! Invariants: applying the plan gives exactly the people, groups and memberships of the target, times of change
//! aside; numbers and ids are those of the target, since neither is ever given twice. What a person asked for counts
//! as approved: it does not use up the limits of the next 24 hours.

use std::sync::Arc;

use super::{Draft, Plan, edges::Edge, emit};
use crate::{
    decisions::{Decisions, Node},
    group::Group,
    id::{GroupNo, Millis, UserNo},
    snapshot::Directory,
    user::{User, UserFields},
};

/// Plans the way from what is served to an earlier state of it, as at `now`.
pub fn pin(served: &Directory, target: &Directory, decisions: &Decisions, now: Millis) -> Plan {
    let mut users = Vec::new();
    for (no, before) in served.users_from(0) {
        let after = target.user(no).map(|user| as_before(before, user, now));
        users.push(draft(Node::User(no), Some(before), after, before.id()));
    }
    for (no, user) in target.users_from(0).filter(|(no, _)| served.user(*no).is_none()) {
        let after = Arc::new(copy(user, user.created(), now));
        users.push(draft(Node::User(no), None, Some(after), user.id()));
    }
    let mut groups = Vec::new();
    for (no, before) in served.groups_from(0) {
        let after = target.group(no).map(|group| {
            if before.same_as(group) { Arc::clone(before) } else { Arc::new(group_at(group, now)) }
        });
        groups.push(draft(Node::Group(no), Some(before), after, before.id()));
    }
    for (no, group) in target.groups_from(0).filter(|(no, _)| served.group(*no).is_none()) {
        groups.push(draft(Node::Group(no), None, Some(Arc::new(group_at(group, now))), group.id()));
    }
    users.sort_by_key(|draft| draft.node);
    groups.sort_by_key(|draft| draft.node);
    let mut plan = Plan::default();
    emit::emit((users, groups, edges(served, target)), &mut plan);
    plan.decisions.extend_with_names(decisions, &plan.changes);
    plan.approved = plan.applied;
    plan
}

fn draft<T>(
    node: Node,
    before: Option<&Arc<T>>,
    after: Option<Arc<T>>,
    id: &crate::id::ProviderId,
) -> Draft<T> {
    Draft { node, id: id.clone(), before: before.cloned(), after }
}

fn as_before(before: &Arc<User>, user: &User, now: Millis) -> Arc<User> {
    if before.same_as(user) {
        Arc::clone(before)
    } else {
        Arc::new(copy(user, before.created(), now))
    }
}

fn copy(user: &User, created: Millis, updated: Millis) -> User {
    let name = crate::name::Name::parse(user.name()).expect("what was served has a usable name");
    User::new(&UserFields {
        id: user.id(),
        name: &name,
        first_name: user.first_name(),
        last_name: user.last_name(),
        display_name: user.display_name(),
        email: user.email(),
        active: user.active(),
        created,
        updated,
    })
}

fn group_at(group: &Group, now: Millis) -> Group {
    Group::new(group.id().clone(), group.name().clone(), group.description(), group.created(), now)
}

/// The memberships in which the two differ.
fn edges(served: &Directory, target: &Directory) -> Vec<Edge> {
    let mut edges = Vec::new();
    let numbers = |directory: &Directory| -> Vec<GroupNo> {
        directory.groups_from(0).map(|(no, _)| no).collect()
    };
    let mut groups = numbers(served);
    groups.extend(numbers(target));
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let mut differ = |now: &[u32], then: &[u32], node: fn(u32) -> Node| {
            let mut push = |no: u32, added: bool| {
                edges.push(Edge { group, member: node(no), added, forced: false });
            };
            then.iter().filter(|no| now.binary_search(no).is_err()).for_each(|no| push(*no, true));
            now.iter().filter(|no| then.binary_search(no).is_err()).for_each(|no| push(*no, false));
        };
        differ(served.users_of(group), target.users_of(group), |no| Node::User(UserNo(no)));
        differ(served.children_of(group), target.children_of(group), |no| Node::Group(GroupNo(no)));
    }
    edges
}
