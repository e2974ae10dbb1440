//! What is to be looked at: what is dirty and what depends on it.
//!
//! Invariant: looking at this gives what looking at everything would. What depends on a group are the people below
//! it, where a rule makes them depend on it; what depends on a claim is whoever has the name.

use std::collections::BTreeSet;

use super::{Plan, Reason, digest::record_digest, issue::issue, names};
use crate::{
    decisions::Node,
    derive::Derive,
    id::{GroupNo, UserNo},
    mirror::Dirty,
    rules::NestedGroups,
};

/// What is to be looked at, discarded objects left out.
pub(super) struct Scope {
    pub(super) nodes: BTreeSet<Node>,
}

impl Scope {
    /// The dirty objects, whoever depends on them, and whoever has a name that one of them claims.
    pub(super) fn of(derive: &Derive<'_>, dirty: &Dirty, frozen: &BTreeSet<Node>) -> Self {
        let mut nodes = if dirty.all { everything(derive) } else { reached(derive, dirty) };
        nodes.retain(|node| !frozen.contains(node));
        Self { nodes }
    }

    pub(super) fn users(&self) -> impl Iterator<Item = UserNo> {
        self.nodes.iter().filter_map(|node| match node {
            Node::User(no) => Some(*no),
            Node::Group(_) => None,
        })
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = GroupNo> {
        self.nodes.iter().filter_map(|node| match node {
            Node::User(_) => None,
            Node::Group(no) => Some(*no),
        })
    }
}

fn everything(derive: &Derive<'_>) -> BTreeSet<Node> {
    let people = derive.mirror.people().map(|row| Node::User(row.no));
    let groups = derive.mirror.groups().map(|row| Node::Group(row.no));
    let unnumbered = derive.unnumbered().iter().map(|row| Node::Group(row.no));
    // Whoever is served and no longer in the mirror has to go.
    let users_served = derive.served.users_from(0).map(|(no, _)| Node::User(no));
    let groups_served = derive.served.groups_from(0).map(|(no, _)| Node::Group(no));
    people.chain(groups).chain(unnumbered).chain(users_served).chain(groups_served).collect()
}

fn reached(derive: &Derive<'_>, dirty: &Dirty) -> BTreeSet<Node> {
    let mut nodes: BTreeSet<Node> = dirty.nodes.union(&dirty.waiting).copied().collect();
    if derive.rules.people_follow_groups() {
        let touched = dirty.nodes.iter().chain(&dirty.members);
        let groups = touched.clone().filter_map(|node| match node {
            Node::Group(no) => Some(*no),
            Node::User(_) => None,
        });
        nodes.extend(people_below(derive, groups));
        nodes.extend(touched.filter(|node| matches!(node, Node::User(_))));
    }
    let mut work: Vec<Node> = nodes.iter().copied().collect();
    while let Some(node) = work.pop() {
        let claim = derive.claim_of(node);
        let holder = claim.and_then(|name| names::served_holder(derive, node, name.folded()));
        work.extend(holder.filter(|holder| nodes.insert(*holder)));
    }
    nodes
}

/// The people in these groups and in all groups below them.
fn people_below(derive: &Derive<'_>, groups: impl Iterator<Item = GroupNo>) -> BTreeSet<Node> {
    let mut seen: BTreeSet<u32> = groups.map(|no| no.0).collect();
    let mut work: Vec<u32> = seen.iter().copied().collect();
    let mut people = BTreeSet::new();
    while let Some(group) = work.pop() {
        let group = GroupNo(group);
        people.extend(derive.mirror.users_of(group).iter().map(|no| Node::User(UserNo(*no))));
        let below = derive.mirror.children_of(group).iter().copied();
        work.extend(below.filter(|no| seen.insert(*no)));
    }
    people
}

/// Sorts discarded objects into those that stay as they are and those of whom the provider said something
/// new, which are opened again. Objects whose record cannot be read stay as they are too.
pub(super) fn thaw(derive: &Derive<'_>, dirty: &Dirty, plan: &mut Plan) -> BTreeSet<Node> {
    let unreadable = derive.mirror.unreadable();
    let mut frozen = unreadable.clone();
    let looked_at =
        |node: &Node| dirty.all || dirty.nodes.contains(node) || dirty.waiting.contains(node);
    for node in unreadable.iter().filter(|node| looked_at(node)) {
        plan.issues.extend(issue(derive, *node, Reason::Damaged));
    }
    let judged = derive.decisions.discards.iter().filter(|(node, _)| !unreadable.contains(node));
    for (node, judged) in judged {
        if record_digest(derive, *node) == *judged {
            frozen.insert(*node);
            if looked_at(node) {
                plan.issues.extend(issue(derive, *node, Reason::Discarded));
            }
        } else {
            plan.decisions.discards.insert(*node, None);
        }
    }
    frozen
}

/// Whether groups in groups are dissolved.
pub(super) fn is_flat(derive: &Derive<'_>) -> bool {
    derive.rules.nested_groups == NestedGroups::Flattened
}
