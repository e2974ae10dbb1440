//! Drafts of what each group would become, before the guard speaks, and which groups are served as one.
//!
//! Invariants: a group that is served as part of another has no draft of its own but the one that removes it; the
//! one that stands for all is whoever has the name already, even when the provider has it no longer, so that products
//! see no change as long as one of them is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hashbrown::{HashMap, HashSet};

use super::{
    Draft, Notes, Reason,
    issue::issue,
    names::{self, Claimant},
    scope::Scope,
};
use crate::{
    decisions::Node,
    derive::{Derive, GroupVerdict, Out},
    group::Group,
    id::{GroupNo, Millis},
    rules::compiled::is_made,
};

/// Which groups are served as one.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    stands_for: HashMap<u32, u32>,
    parts: HashMap<u32, Vec<u32>>,
    /// Groups that stand for one that the rules make.
    made: HashSet<u32>,
}

impl Clusters {
    /// The group that stands for this one in the directory as served.
    pub(super) fn of(&self, no: u32) -> u32 {
        self.stands_for.get(&no).copied().unwrap_or(no)
    }

    /// A group and those that are served as part of it.
    pub(super) fn parts(&self, no: u32) -> impl Iterator<Item = u32> {
        let parts = self.parts.get(&no).map(Vec::as_slice).unwrap_or_default();
        std::iter::once(no).chain(parts.iter().copied())
    }

    /// Whether a group is served as one with others.
    pub(super) fn has(&self, no: u32) -> bool {
        self.stands_for.contains_key(&no) || self.parts.contains_key(&no)
    }

    /// Whether a group stands for one that the rules make.
    pub(super) fn has_made(&self, no: u32) -> bool {
        self.made.contains(&no)
    }

    fn join(&mut self, part: GroupNo, into: GroupNo) {
        self.stands_for.insert(part.0, into.0);
        self.parts.entry(into.0).or_default().push(part.0);
    }
}

pub(super) fn draft_groups(
    derive: &Derive<'_>,
    scope: &Scope,
    now: Millis,
    (notes, passing): (&mut Notes, bool),
) -> (Vec<Draft<Group>>, Clusters) {
    let mut claimants = Vec::new();
    let mut outs: BTreeMap<GroupNo, Out> = BTreeMap::new();
    for no in scope.groups() {
        let node = Node::Group(no);
        let Some(row) = derive.group_row(no) else {
            outs.insert(no, Out::Unknown);
            continue;
        };
        match derive.group(row) {
            GroupVerdict::Out(out) => {
                outs.insert(no, out);
            }
            GroupVerdict::Wanted { claim, waiting_name } => {
                let current = derive.served.group(no).map(|group| group.name().clone());
                claimants.push(Claimant { node, id: &row.record.id, claim, current });
                let waits =
                    waiting_name.map(|name| Reason::GroupRenameWaits { name: name.to_string() });
                notes.issues.extend(waits.and_then(|reason| issue(derive, node, reason)));
            }
        }
    }
    let (clusters, standing) = merge(derive, &mut claimants, &mut outs);
    notes.pending.extend(
        clusters
            .stands_for
            .iter()
            .flat_map(|(part, into)| [Node::Group(GroupNo(*part)), Node::Group(GroupNo(*into))]),
    );
    let mut drafts = Vec::new();
    for (no, out) in outs {
        if let Some(group) = derive.served.group(no) {
            let stays = standing.contains(&no);
            let before = Some(Arc::clone(group));
            let after = before.clone().filter(|_| stays);
            if !stays {
                notes.left.insert(Node::Group(no), out);
            }
            drafts.push(Draft { node: Node::Group(no), id: group.id().clone(), before, after });
        }
    }
    let assigned = names::assign(derive, &claimants, passing);
    for (claimant, assigned) in claimants.iter().zip(assigned) {
        let node = claimant.node;
        let Node::Group(no) = node else { continue };
        let trouble = assigned.trouble;
        notes.issues.extend(trouble.and_then(|trouble| issue(derive, node, Reason::Name(trouble))));
        let before = derive.served.group(no).cloned();
        let after = assigned.name.as_ref().and_then(|name| group(derive, no, name, now));
        drafts.push(Draft { node, id: claimant.id.clone(), before, after });
    }
    drafts.sort_by_key(|draft| draft.node);
    (drafts, clusters)
}

/// Takes those out of the claimants that are served as part of another; gives who stands for whom, and who stays for
/// others although nothing else speaks for it.
fn merge(
    derive: &Derive<'_>,
    claimants: &mut Vec<Claimant<'_>>,
    outs: &mut BTreeMap<GroupNo, Out>,
) -> (Clusters, BTreeSet<GroupNo>) {
    let mut clusters = Clusters::default();
    let mut standing = BTreeSet::new();
    if !derive.rules.merges()
        && derive.rules.made.is_empty()
        && !claimants.iter().any(|claimant| is_made(claimant.id))
        && !outs.keys().any(|no| derive.served.group(*no).is_some_and(|group| is_made(group.id())))
    {
        return (clusters, standing);
    }
    let mut by_name: BTreeMap<Box<str>, Vec<usize>> = BTreeMap::new();
    for (at, claimant) in claimants.iter().enumerate() {
        if let Ok(claim) = &claimant.claim {
            by_name.entry(claim.folded().into()).or_default().push(at);
        }
    }
    for (name, claims) in by_name {
        let numbers: Vec<GroupNo> =
            claims.iter().filter_map(|at| group_no(claimants[*at].node)).collect();
        let holder =
            names::served_holder(derive, Node::Group(GroupNo(0)), &name).and_then(group_no);
        let ids = claims.iter().map(|at| claimants[*at].id);
        let one_is_made = ids.clone().any(is_made)
            || holder
                .and_then(|no| derive.served.group(no))
                .is_some_and(|group| is_made(group.id()));
        if !derive.rules.merges() && !one_is_made {
            continue;
        }
        // Whoever has the name stands for all, unless it is to have another name from now on.
        let wants_other = |no: &GroupNo| {
            !numbers.contains(no)
                && claimants.iter().any(|claimant| claimant.node == Node::Group(*no))
        };
        let first = ids.zip(&numbers).min_by_key(|(id, _)| (is_made(id), *id)).map(|(_, no)| *no);
        let Some(stands) = holder.filter(|no| !wants_other(no)).or(first) else { continue };
        if outs.contains_key(&stands) {
            standing.insert(stands);
        }
        numbers.iter().filter(|no| **no != stands).for_each(|no| clusters.join(*no, stands));
        if one_is_made {
            clusters.made.insert(stands.0);
        }
    }
    claimants.retain(|claimant| {
        let Some(no) = group_no(claimant.node).filter(|no| clusters.stands_for.contains_key(&no.0))
        else {
            return true;
        };
        let into = derive.group_row(GroupNo(clusters.of(no.0))).map(|row| row.record.id.clone());
        outs.insert(no, into.map_or(Out::Unknown, |into| Out::Merged { into }));
        false
    });
    (clusters, standing)
}

fn group_no(node: Node) -> Option<GroupNo> {
    match node {
        Node::Group(no) => Some(no),
        Node::User(_) => None,
    }
}

fn group(
    derive: &Derive<'_>,
    no: GroupNo,
    name: &crate::name::Name,
    now: Millis,
) -> Option<Arc<Group>> {
    let record = &derive.group_row(no)?.record;
    let description = Derive::description(record);
    let before = derive.served.group(no);
    let created = before.map_or(now, |group| group.created());
    let wanted = Group::new(record.id.clone(), name.clone(), &description, created, now);
    match before {
        Some(before) if before.same_as(&wanted) => Some(Arc::clone(before)),
        _ => Some(Arc::new(wanted)),
    }
}
