//! Memberships: which come and which go.
//!
//! Invariant: looked at by member, so that the cost follows what changed and not the size of a group of
//! everyone. An edge is wanted when the mirror has it (or, with nested groups dissolved, a path of
//! groups) and both ends are served.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::{Basis, Draft, Node, Scope};
use crate::{
    change::MembersChange,
    group::Group,
    id::{GroupNo, UserNo},
    mirror::{Dirty, State},
    rules::NestedGroups,
    snapshot::Directory,
    user::User,
};

/// One membership that comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) group: GroupNo,
    pub(super) member: Node,
    pub(super) added: bool,
    /// It goes because one of its ends goes.
    pub(super) forced: bool,
}

/// Who is served once the drafts are applied.
pub(super) struct Presence<'a> {
    served: &'a Directory,
    drafted: HashMap<Node, bool>,
}

impl<'a> Presence<'a> {
    pub(super) fn new(
        served: &'a Directory,
        users: &[Draft<User>],
        groups: &[Draft<Group>],
    ) -> Self {
        let users = users.iter().map(|draft| (draft.node, draft.after.is_some()));
        let groups = groups.iter().map(|draft| (draft.node, draft.after.is_some()));
        Self { served, drafted: users.chain(groups).collect() }
    }

    fn has(&self, node: Node) -> bool {
        self.drafted.get(&node).copied().unwrap_or_else(|| match node {
            Node::User(no) => self.served.user(no).is_some(),
            Node::Group(no) => self.served.group(no).is_some(),
        })
    }
}

/// People and groups whose memberships may differ from what is served.
pub(super) fn nodes_to_look_at(
    basis: &Basis<'_>,
    dirty: &Dirty,
    scope: &Scope,
    (users, groups): (&[Draft<User>], &[Draft<Group>]),
) -> BTreeSet<Node> {
    if dirty.all {
        return scope.nodes.clone();
    }
    let mut nodes = dirty.members.clone();
    let flattened = basis.rules.nested_groups == NestedGroups::Flattened;
    nodes.extend(users.iter().filter(|d| d.before.is_some() != d.after.is_some()).map(|d| d.node));
    // Dirty people are looked at too: their memberships may have waited while they did.
    nodes.extend(dirty.nodes.iter().copied());
    let mut turned: Vec<GroupNo> = Vec::new();
    for draft in groups {
        if let Node::Group(no) = draft.node
            && draft.before.is_some() != draft.after.is_some()
        {
            nodes.insert(draft.node);
            turned.push(no);
        }
    }
    if flattened {
        let nested = nodes.iter().filter_map(|node| match node {
            Node::Group(no) => Some(*no),
            Node::User(_) => None,
        });
        turned.extend(nested.collect::<Vec<_>>());
    }
    for no in turned {
        nodes.extend(basis.served.users_of(no).iter().map(|user| Node::User(UserNo(*user))));
        nodes.extend(basis.served.children_of(no).iter().map(|child| Node::Group(GroupNo(*child))));
        let below = if flattened { below(basis, no) } else { BTreeSet::from([no.0]) };
        for group in below.into_iter().map(GroupNo) {
            nodes.extend(basis.mirror.users_of(group).iter().map(|user| Node::User(UserNo(*user))));
            nodes.extend(basis.mirror.children_of(group).iter().map(|c| Node::Group(GroupNo(*c))));
        }
    }
    nodes
}

/// The memberships of these people and groups that come and go.
pub(super) fn differences(
    basis: &Basis<'_>,
    presence: &Presence<'_>,
    nodes: &BTreeSet<Node>,
    frozen: &BTreeSet<Node>,
) -> Vec<Edge> {
    let mut edges = Vec::new();
    for node in nodes.iter().filter(|node| !frozen.contains(node)) {
        let served = match node {
            Node::User(no) => basis.served.groups_of(*no),
            Node::Group(no) => basis.served.parents_of(*no),
        };
        let there = presence.has(*node);
        let wanted = if there { wanted_groups(basis, presence, *node) } else { Vec::new() };
        let mut push = |group: u32, added: bool| {
            let group = GroupNo(group);
            if !frozen.contains(&Node::Group(group)) {
                let both_stay = there && presence.has(Node::Group(group));
                let forced = !added && !both_stay;
                edges.push(Edge { group, member: *node, added, forced });
            }
        };
        wanted.iter().filter(|g| served.binary_search(g).is_err()).for_each(|g| push(*g, true));
        served.iter().filter(|g| wanted.binary_search(g).is_err()).for_each(|g| push(*g, false));
    }
    edges
}

/// Packs edges into one change per group, in the order of groups.
pub(super) fn pack(mut edges: Vec<Edge>) -> Vec<MembersChange> {
    edges.sort_unstable();
    let mut packed: Vec<MembersChange> = Vec::new();
    for edge in edges {
        if packed.last().is_none_or(|last| last.group != edge.group) {
            packed.push(MembersChange::of(edge.group));
        }
        let Some(last) = packed.last_mut() else {
            continue;
        };
        match (edge.member, edge.added) {
            (Node::User(no), true) => last.users_added.push(no),
            (Node::User(no), false) => last.users_removed.push(no),
            (Node::Group(no), true) => last.groups_added.push(no),
            (Node::Group(no), false) => last.groups_removed.push(no),
        }
    }
    packed
}

/// Numbers of the served groups that an object should be in, ascending.
fn wanted_groups(basis: &Basis<'_>, presence: &Presence<'_>, node: Node) -> Vec<u32> {
    let direct = basis.mirror.parents_of(node);
    let present =
        |no: &u32| presence.has(Node::Group(GroupNo(*no))) && Node::Group(GroupNo(*no)) != node;
    match (basis.rules.nested_groups, node) {
        (NestedGroups::Kept, _) => direct.iter().copied().filter(present).collect(),
        (NestedGroups::Flattened, Node::Group(_)) => Vec::new(),
        (NestedGroups::Flattened, Node::User(_)) => {
            above(basis, direct).into_iter().filter(present).collect()
        }
    }
}

/// These groups and all above them, through groups that the provider has.
fn above(basis: &Basis<'_>, groups: &[u32]) -> BTreeSet<u32> {
    reach(groups, |no| {
        let there = is_there(basis, GroupNo(no));
        if there { basis.mirror.parents_of(Node::Group(GroupNo(no))) } else { &[] }
    })
}

/// A group and all below it.
fn below(basis: &Basis<'_>, group: GroupNo) -> BTreeSet<u32> {
    reach(&[group.0], |no| basis.mirror.children_of(GroupNo(no)))
}

fn is_there(basis: &Basis<'_>, no: GroupNo) -> bool {
    let state = basis.mirror.group(no).map(|row| row.state);
    matches!(state, Some(State::Present | State::Unconfirmed { .. }))
}

/// All that can be reached; cycles end at what was visited.
fn reach<'a>(from: &[u32], next: impl Fn(u32) -> &'a [u32]) -> BTreeSet<u32> {
    let mut reached: BTreeSet<u32> = from.iter().copied().collect();
    let mut work = from.to_vec();
    while let Some(no) = work.pop() {
        work.extend(next(no).iter().copied().filter(|no| reached.insert(*no)));
    }
    reached
}
