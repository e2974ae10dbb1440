//! Groups without members, where the rules leave them out.
//!
//! Invariants: decided last, from the memberships as they will be, held ones included, so that a group never goes
//! because of a loss that waits; a group that only has empty groups in it is empty; groups that the rules make
//! stay, and those that stand for them.

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::{HashMap, HashSet};

use super::{Draft, Notes, edges::Edge, groups::Clusters, guard::Guard};
use crate::{
    decisions::Node,
    derive::Out,
    group::Group,
    id::GroupNo,
    rules::{EmptyGroups, compiled::is_made},
    snapshot::Directory,
};

/// Leaves out the groups that have nobody in them.
pub(super) fn leave_out(
    guard: &mut Guard<'_>,
    (groups, clusters): (&mut Vec<Draft<Group>>, &Clusters),
    edges: &mut Vec<Edge>,
    notes: &mut Notes,
) {
    let (rules, served) = (guard.rules(), guard.served());
    if rules.empty_groups == EmptyGroups::Kept {
        return;
    }
    let members = Members::new(served, edges);
    let mut empty: BTreeMap<GroupNo, bool> = BTreeMap::new();
    let drafted: HashMap<Node, bool> =
        groups.iter().map(|draft| (draft.node, draft.after.is_some())).collect();
    let present = |no: GroupNo| {
        drafted.get(&Node::Group(no)).copied().unwrap_or_else(|| served.group(no).is_some())
    };
    let mut work: Vec<GroupNo> = groups.iter().filter_map(|draft| group_no(draft.node)).collect();
    work.extend(edges.iter().map(|edge| edge.group));
    while let Some(no) = work.pop() {
        if empty.contains_key(&no) || !present(no) {
            continue;
        }
        let is_empty = !members.has_anybody(no, &present);
        empty.insert(no, is_empty);
        if is_empty {
            work.extend(served.parents_of(no).iter().map(|parent| GroupNo(*parent)));
        }
    }
    let made: HashSet<Node> =
        groups.iter().filter(|draft| is_made(&draft.id)).map(|draft| draft.node).collect();
    let is_made = |no: &GroupNo| {
        let served = served.group(*no).is_some_and(|group| is_made(group.id()));
        served || made.contains(&Node::Group(*no)) || clusters.has_made(no.0)
    };
    let empty = empty.into_iter().filter(|(no, is_empty)| *is_empty && !is_made(no));
    let empty: Vec<GroupNo> = empty.map(|(no, _)| no).collect();
    let kept = guard.hold_emptied(&empty);
    let gone: HashSet<GroupNo> = empty.into_iter().filter(|no| !kept.contains(no)).collect();
    remove(served, &gone, (groups, edges), notes);
}

fn remove(
    served: &Directory,
    gone: &HashSet<GroupNo>,
    (groups, edges): (&mut Vec<Draft<Group>>, &mut Vec<Edge>),
    notes: &mut Notes,
) {
    for draft in groups.iter_mut() {
        if group_no(draft.node).is_some_and(|no| gone.contains(&no)) {
            draft.after = None;
        }
    }
    let drafted: HashSet<Node> = groups.iter().map(|draft| draft.node).collect();
    for no in gone {
        let node = Node::Group(*no);
        // Whether somebody comes into it is seen by looking at it.
        notes.pending.insert(node);
        if let Some(group) = served.group(*no) {
            notes.left.insert(node, Out::Memberless);
            if !drafted.contains(&node) {
                let before = Some(Arc::clone(group));
                groups.push(Draft { node, id: group.id().clone(), before, after: None });
            }
        }
    }
    groups.sort_by_key(|draft| draft.node);
    let touches = |edge: &Edge| {
        gone.contains(&edge.group) || group_no(edge.member).is_some_and(|no| gone.contains(&no))
    };
    edges.retain(|edge| !(edge.added && touches(edge)));
    let going: HashSet<(GroupNo, Node)> =
        edges.iter().filter(|edge| !edge.added).map(|edge| (edge.group, edge.member)).collect();
    let mut forced: Vec<Edge> = Vec::new();
    for no in gone {
        let above = served.parents_of(*no).iter().map(|up| (GroupNo(*up), Node::Group(*no)));
        let below = served.children_of(*no).iter().map(|down| (*no, Node::Group(GroupNo(*down))));
        let all = above.chain(below).filter(|edge| !going.contains(edge));
        forced.extend(all.map(|(group, member)| Edge {
            group,
            member,
            added: false,
            forced: true,
        }));
    }
    forced.sort_unstable();
    forced.dedup();
    edges.append(&mut forced);
}

/// Members as they will be.
struct Members<'a> {
    served: &'a Directory,
    /// People who come and people who go.
    users: HashMap<u32, (usize, usize)>,
    children: HashMap<u32, Vec<(u32, bool)>>,
}

impl<'a> Members<'a> {
    fn new(served: &'a Directory, edges: &[Edge]) -> Self {
        let mut this = Self { served, users: HashMap::new(), children: HashMap::new() };
        for edge in edges {
            match edge.member {
                Node::User(_) => {
                    let (came, went) = this.users.entry(edge.group.0).or_default();
                    *if edge.added { came } else { went } += 1;
                }
                Node::Group(no) => {
                    this.children.entry(edge.group.0).or_default().push((no.0, edge.added));
                }
            }
        }
        this
    }

    /// Whether anybody is in a group, directly or through groups that are served.
    fn has_anybody(&self, group: GroupNo, present: &impl Fn(GroupNo) -> bool) -> bool {
        let mut seen: HashSet<u32> = HashSet::new();
        seen.insert(group.0);
        let mut work = vec![group.0];
        while let Some(no) = work.pop() {
            let (came, went) = self.users.get(&no).copied().unwrap_or_default();
            if self.served.users_of(GroupNo(no)).len() + came > went {
                return true;
            }
            let changes = self.children.get(&no).map(Vec::as_slice).unwrap_or_default();
            let stays = |child: &u32| !changes.contains(&(*child, false));
            let children = self.served.children_of(GroupNo(no)).iter().copied().filter(stays);
            let added = changes.iter().filter(|(_, added)| *added).map(|(child, _)| *child);
            let next = children.chain(added).filter(|no| present(GroupNo(*no)));
            work.extend(next.filter(|no| seen.insert(*no)));
        }
        false
    }
}

fn group_no(node: Node) -> Option<GroupNo> {
    match node {
        Node::Group(no) => Some(no),
        Node::User(_) => None,
    }
}
