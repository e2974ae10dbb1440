//! Memberships: which come and which go.
//!
//! Invariant: looked at by member, so that the cost follows what changed and not the size of a group of
//! everyone. An edge is wanted when the mirror has it (or, with nested groups dissolved, a path of
//! groups), or when a rule gives it, and both ends are served.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::{
    Draft,
    groups::Clusters,
    scope::{Scope, is_flat},
};
use crate::{
    anonymous::is_anonymous,
    change::MembersChange,
    decisions::Node,
    derive::Derive,
    group::Group,
    id::{GroupNo, UserNo},
    mirror::Dirty,
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

/// How somebody or a group is served once the drafts are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Being {
    Absent,
    Here,
    /// Here, without a name: in no group.
    Nameless,
}

/// Who is served once the drafts are applied.
pub(super) struct Presence<'a> {
    served: &'a Directory,
    users: HashMap<u32, Being>,
    /// By number, up to the last that is drafted: groups are asked for once for each membership.
    groups: Vec<Option<Being>>,
}

impl<'a> Presence<'a> {
    pub(super) fn new(
        served: &'a Directory,
        users: &[Draft<User>],
        groups: &[Draft<Group>],
    ) -> Self {
        let mut this = Self { served, users: HashMap::new(), groups: Vec::new() };
        for draft in users {
            if let Node::User(no) = draft.node {
                this.users.insert(no.0, being(draft.after.as_deref()));
            }
        }
        for draft in groups {
            if let Node::Group(no) = draft.node {
                let at = no.0 as usize;
                this.groups.resize(this.groups.len().max(at + 1), None);
                let here = draft.after.is_some();
                this.groups[at] = Some(if here { Being::Here } else { Being::Absent });
            }
        }
        this
    }

    fn of(&self, node: Node) -> Being {
        match node {
            Node::User(no) => self
                .users
                .get(&no.0)
                .copied()
                .unwrap_or_else(|| being(self.served.user(no).map(|user| &**user))),
            Node::Group(no) => match self.groups.get(no.0 as usize) {
                Some(Some(being)) => *being,
                _ if self.served.group(no).is_some() => Being::Here,
                _ => Being::Absent,
            },
        }
    }

    fn has(&self, node: Node) -> bool {
        self.of(node) != Being::Absent
    }
}

fn being(user: Option<&User>) -> Being {
    match user {
        None => Being::Absent,
        Some(user) if is_anonymous(user) => Being::Nameless,
        Some(_) => Being::Here,
    }
}

/// The memberships as wanted.
pub(super) struct Graph<'a> {
    derive: &'a Derive<'a>,
    clusters: &'a Clusters,
    presence: &'a Presence<'a>,
    /// The groups that everybody is in, as served, and those of each addition.
    everyone: Vec<u32>,
    additions: Vec<Vec<u32>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(
        derive: &'a Derive<'a>,
        clusters: &'a Clusters,
        presence: &'a Presence<'a>,
    ) -> Self {
        let rules = derive.rules;
        let number = |at: &usize| derive.made_no(&rules.made[*at]).map(|no| clusters.of(no.0));
        let numbers = |places: &[usize]| places.iter().filter_map(number).collect();
        let everyone = numbers(&rules.everyone);
        let additions = rules.additions.iter().map(|(_, places)| numbers(places)).collect();
        Self { derive, clusters, presence, everyone, additions }
    }

    /// People and groups whose memberships may differ from what is served.
    pub(super) fn nodes_to_look_at(
        &self,
        dirty: &Dirty,
        scope: &Scope,
        (users, groups): (&[Draft<User>], &[Draft<Group>]),
    ) -> BTreeSet<Node> {
        let mut nodes = scope.nodes.clone();
        if dirty.all {
            return nodes;
        }
        nodes.extend(dirty.members.iter().copied());
        let turned = |before: bool, after: bool| before != after;
        let users = users.iter().filter(|d| turned(d.before.is_some(), d.after.is_some()));
        nodes.extend(users.map(|draft| draft.node));
        let drafted = groups.iter().filter(|d| turned(d.before.is_some(), d.after.is_some()));
        let mut changed: BTreeSet<GroupNo> = drafted.filter_map(|d| group_no(d.node)).collect();
        // Whoever is in a group that is served as part of another now, or was until now.
        let moved = dirty.nodes.iter().filter_map(|node| group_no(*node));
        let merging = !self.derive.rules.made.is_empty() || self.derive.rules.merges();
        changed.extend(moved.filter(|no| merging || self.clusters.has(no.0)));
        if is_flat(self.derive) {
            let touched = dirty.nodes.iter().chain(&dirty.members);
            changed.extend(touched.filter_map(|node| group_no(*node)));
        }
        // A group that the rules give has no members in the mirror: when it comes, whoever is given it is anyone.
        let given = |no: &GroupNo| {
            let head = self.clusters.of(no.0);
            self.everyone.contains(&head) || self.additions.iter().any(|all| all.contains(&head))
        };
        if changed.iter().any(given) {
            nodes.extend(self.derive.served.users_from(0).map(|(no, _)| Node::User(no)));
        }
        let parts = changed.iter().flat_map(|no| self.clusters.parts(self.clusters.of(no.0)));
        let parts: BTreeSet<u32> = parts.chain(changed.iter().map(|no| no.0)).collect();
        for no in &parts {
            let served = self.derive.served;
            nodes
                .extend(served.users_of(GroupNo(*no)).iter().map(|user| Node::User(UserNo(*user))));
            nodes.extend(served.children_of(GroupNo(*no)).iter().map(|c| Node::Group(GroupNo(*c))));
        }
        let below = if is_flat(self.derive) { self.below(parts) } else { parts };
        let mirror = self.derive.mirror;
        for group in below.into_iter().map(GroupNo) {
            nodes.extend(mirror.users_of(group).iter().map(|user| Node::User(UserNo(*user))));
            let children = mirror.children_of(group).iter().map(|no| self.clusters.of(*no));
            nodes.extend(children.map(|no| Node::Group(GroupNo(no))));
        }
        // What is inside a group is inside of whatever stands for it.
        let standing = nodes.iter().filter_map(|node| group_no(*node));
        let standing: Vec<Node> =
            standing.map(|no| Node::Group(GroupNo(self.clusters.of(no.0)))).collect();
        nodes.extend(standing);
        nodes
    }

    /// The memberships of these people and groups that come and go. Of what is frozen only those go whose other end
    /// goes.
    pub(super) fn differences(&self, nodes: &BTreeSet<Node>, frozen: &BTreeSet<Node>) -> Vec<Edge> {
        let mut edges = self.left_by_the_other_end(frozen);
        for node in nodes.iter().filter(|node| !frozen.contains(node)) {
            let served = match node {
                Node::User(no) => self.derive.served.groups_of(*no),
                Node::Group(no) => self.derive.served.parents_of(*no),
            };
            let there = self.presence.has(*node);
            let wanted = self.wanted_groups(*node);
            let mut push = |group: u32, added: bool| {
                let group = GroupNo(group);
                if !frozen.contains(&Node::Group(group)) || (!added && !there) {
                    let both_stay = there && self.presence.has(Node::Group(group));
                    let forced = !added && !both_stay;
                    edges.push(Edge { group, member: *node, added, forced });
                }
            };
            wanted.iter().filter(|g| served.binary_search(g).is_err()).for_each(|g| push(*g, true));
            served
                .iter()
                .filter(|g| wanted.binary_search(g).is_err())
                .for_each(|g| push(*g, false));
        }
        edges
    }

    /// The memberships of frozen people and groups in groups that go.
    fn left_by_the_other_end(&self, frozen: &BTreeSet<Node>) -> Vec<Edge> {
        let served = self.derive.served;
        let edges = frozen.iter().flat_map(|node| {
            let groups = match node {
                Node::User(no) => served.groups_of(*no),
                Node::Group(no) => served.parents_of(*no),
            };
            let gone = groups.iter().map(|no| GroupNo(*no));
            let gone = gone.filter(|no| !self.presence.has(Node::Group(*no)));
            gone.map(|group| Edge { group, member: *node, added: false, forced: true })
        });
        edges.collect()
    }

    /// Numbers of the served groups that an object should be in, ascending.
    fn wanted_groups(&self, node: Node) -> Vec<u32> {
        if self.presence.of(node) != Being::Here {
            return Vec::new();
        }
        let flat = is_flat(self.derive);
        let mut wanted: Vec<u32> = match node {
            Node::Group(_) if flat => Vec::new(),
            Node::Group(no) => {
                self.direct(self.clusters.parts(no.0).map(|part| Node::Group(GroupNo(part))))
            }
            Node::User(_) => self.direct(std::iter::once(node)),
        };
        if let Node::User(no) = node {
            if flat {
                wanted = self.above(wanted).into_iter().collect();
            }
            wanted.extend(&self.everyone);
            wanted.extend(self.derive.additions_of(no).flat_map(|at| &self.additions[at]));
        }
        wanted.retain(|no| {
            let group = Node::Group(GroupNo(*no));
            group != node && self.presence.has(group)
        });
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The groups, as served, that these are directly in.
    fn direct(&self, nodes: impl Iterator<Item = Node>) -> Vec<u32> {
        let parents = nodes.flat_map(|node| self.derive.mirror.parents_of(node));
        parents.map(|no| self.clusters.of(*no)).collect()
    }

    /// These groups and all above them, through groups that the provider has.
    fn above(&self, groups: Vec<u32>) -> BTreeSet<u32> {
        reach(groups, |no| {
            let parts = self.clusters.parts(no).filter(|part| self.derive.is_alive(GroupNo(*part)));
            self.direct(parts.map(|part| Node::Group(GroupNo(part))))
        })
    }

    /// These groups and all below them.
    fn below(&self, groups: BTreeSet<u32>) -> BTreeSet<u32> {
        reach(groups.into_iter().collect(), |no| {
            let children = self.derive.mirror.children_of(GroupNo(no)).iter();
            children.flat_map(|child| self.clusters.parts(self.clusters.of(*child))).collect()
        })
    }
}

/// Packs edges into one change per group, in the order of groups; members in the order of their numbers.
pub(super) fn pack(edges: Vec<Edge>) -> Vec<MembersChange> {
    // They come by member, so that each list of a group grows in order, but for what was forced at the end.
    let mut packed: Vec<MembersChange> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    for edge in edges {
        let at = *places.entry(edge.group.0).or_insert_with(|| {
            packed.push(MembersChange::of(edge.group));
            packed.len() - 1
        });
        let change = &mut packed[at];
        match (edge.member, edge.added) {
            (Node::User(no), true) => change.users_added.push(no),
            (Node::User(no), false) => change.users_removed.push(no),
            (Node::Group(no), true) => change.groups_added.push(no),
            (Node::Group(no), false) => change.groups_removed.push(no),
        }
    }
    packed.sort_unstable_by_key(|change| change.group);
    for change in &mut packed {
        // Quick where they are in order already.
        for users in [&mut change.users_added, &mut change.users_removed] {
            users.sort_unstable();
        }
        for groups in [&mut change.groups_added, &mut change.groups_removed] {
            groups.sort_unstable();
        }
    }
    packed
}

fn group_no(node: Node) -> Option<GroupNo> {
    match node {
        Node::Group(no) => Some(no),
        Node::User(_) => None,
    }
}

/// All that can be reached; cycles end at what was visited.
fn reach(from: Vec<u32>, next: impl Fn(u32) -> Vec<u32>) -> BTreeSet<u32> {
    let mut reached: BTreeSet<u32> = from.iter().copied().collect();
    let mut work = from;
    while let Some(no) = work.pop() {
        work.extend(next(no).into_iter().filter(|no| reached.insert(*no)));
    }
    reached
}
