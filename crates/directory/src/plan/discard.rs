//! Discards that a person may withdraw: which there are, and what would become of their objects without them.
//!
//! Invariant: an object whose discard is withdrawn goes through the guard like any other: a withdrawal releases what
//! flows, and what waited waits again.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Context, Plan, label, plan, short_digest};
use crate::{
    change::Change,
    decisions::{Decisions, Digest, Node},
    derive::{Basis, Derive},
    id::ProviderId,
    mirror::Dirty,
    report::GuardKind,
};

/// An object whose changes a person discarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discarded {
    /// The object.
    pub node: Node,
    /// The provider's id.
    pub id: ProviderId,
    /// The name it is served under, or what the provider calls it.
    pub name: String,
    /// What would become of it if the discard were withdrawn.
    pub then: Then,
}

/// What would become of an object without its discard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It would wait for an approval again.
    Waits(Vec<(GuardKind, String)>),
    /// It would be changed at once.
    Changes,
    /// It would stay as it is served.
    Stays,
}

/// The discards among `chosen`, or all of them, and what would happen if these were withdrawn together.
pub fn discarded(
    basis: &Basis<'_>,
    context: &Context<'_>,
    chosen: Option<&BTreeSet<Node>>,
) -> Vec<Discarded> {
    let is_chosen = |node: &Node| chosen.is_none_or(|chosen| chosen.contains(node));
    let discards = &basis.decisions.discards;
    let withdrawn: Vec<Node> = discards.keys().filter(|node| is_chosen(node)).copied().collect();
    if withdrawn.is_empty() {
        return Vec::new();
    }
    let kept: BTreeMap<Node, Digest> = discards
        .iter()
        .filter(|(node, _)| !is_chosen(node))
        .map(|(node, digest)| (*node, digest.clone()))
        .collect();
    let decisions = Decisions { discards: kept, ..basis.decisions.clone() };
    let without = Basis { decisions: &decisions, ..*basis };
    let plan = plan(&without, &Dirty::everything(), context);
    let changed = changed(&plan);
    let derive = Derive::new(*basis);
    let object = |node: Node| {
        let (id, name) = named(&derive, node)?;
        let kinds = plan.held.iter().flat_map(|held| {
            let items = held.items.iter().filter(move |item| item.node == node);
            items.map(|item| (held.kind, item.what.clone()))
        });
        let waits: Vec<_> = kinds.collect();
        let then = match (waits.is_empty(), changed.contains(&node)) {
            (false, _) => Then::Waits(waits),
            (true, true) => Then::Changes,
            (true, false) => Then::Stays,
        };
        Some(Discarded { node, id, name, then })
    };
    withdrawn.into_iter().filter_map(object).collect()
}

/// What tells this look at discards from others: another outcome has another digest.
pub fn discarded_digest(discarded: &[Discarded]) -> Digest {
    let mut hash = Sha256::new();
    for Discarded { node, id, name: _, then } in discarded {
        hash.update(format!("{node:?}\t{id}\t{then:?}\n"));
    }
    short_digest(hash)
}

/// The objects that a plan changes, or whose memberships.
fn changed(plan: &Plan) -> HashSet<Node> {
    let mut changed = HashSet::new();
    for change in &plan.changes {
        match change {
            Change::User { no, .. } => {
                changed.insert(Node::User(*no));
            }
            Change::Group { no, .. } => {
                changed.insert(Node::Group(*no));
            }
            Change::Members(members) => {
                changed.insert(Node::Group(members.group));
                let users = members.users_added.iter().chain(&members.users_removed);
                changed.extend(users.map(|no| Node::User(*no)));
                let groups = members.groups_added.iter().chain(&members.groups_removed);
                changed.extend(groups.map(|no| Node::Group(*no)));
            }
        }
    }
    changed
}

fn named(derive: &Derive<'_>, node: Node) -> Option<(ProviderId, String)> {
    let served = match node {
        Node::User(no) => {
            let user = derive.served.user(no);
            user.map(|user| (user.id().clone(), user.name().to_owned()))
        }
        Node::Group(no) => {
            let group = derive.served.group(no);
            group.map(|group| (group.id().clone(), group.name().to_string()))
        }
    };
    served.or_else(|| label(derive, node))
}
