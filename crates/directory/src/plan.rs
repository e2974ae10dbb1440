//! The exact changes that turn the directory as served into the directory as wanted, under the guard.
//!
//! Invariants: pure; planning again after applying gives nothing new; looking at what is dirty gives what
//! looking at everything would; a kind that trips a limit waits and the rest flows; what waits is looked
//! at again next time, so a held plan is a difference and never a stored thing that ages.

mod accept;
mod digest;
mod discard;
mod edges;
mod emit;
mod empty;
mod groups;
pub mod guard;
mod issue;
mod ledger;
mod names;
mod people;
pub mod pin;
mod rename;
mod scope;
mod settle;
mod take_over;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

pub use self::{
    accept::accepted_by_rules,
    digest::{changes_digest, record_digest},
    discard::{Discarded, Then, discarded, discarded_digest},
    guard::HeldItem,
    issue::{Issue, Issues, Reason},
    names::NameTrouble,
    rename::{Rename, renames, renames_digest},
    take_over::WaitingTakeOver,
};
pub(crate) use self::{digest::short_digest, issue::label};
use self::{
    edges::{Graph, Presence},
    guard::{Held, Window},
    scope::Scope,
};
use crate::{
    change::Change,
    decisions::{DecisionsChange, Digest, Node},
    derive::{Basis, Derive, Out},
    id::{Millis, ProviderId},
    mirror::Dirty,
    report::{Applied, GuardKind, NearLimit},
};

/// What planning has to know beside the [`Basis`].
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time that new and changed objects carry.
    pub now: Millis,
    /// What was applied in the last 24 hours.
    pub window: &'a Window,
    /// Kinds that a person approved for this very plan.
    pub lifted: &'a BTreeSet<GuardKind>,
    /// Whether a full read came back without people.
    pub empty_read: bool,
    /// Accounts that leavers of other directories hide from products.
    pub take_overs: &'a [WaitingTakeOver],
}

/// The changes that may be made, and what waits.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What flows: users, groups, memberships.
    pub changes: Vec<Change>,
    /// What has to be written of the decisions with it.
    pub decisions: DecisionsChange,
    /// What waits for a person.
    pub held: Vec<Held>,
    /// Limits of which half or more is used up by what flows.
    pub near: Vec<NearLimit>,
    /// Who cannot be served, or not under the name that the rules make; of those looked at.
    pub issues: Vec<Issue>,
    /// What must be looked at again next time.
    pub pending: BTreeSet<Node>,
    /// Everything that was looked at.
    pub looked: BTreeSet<Node>,
    /// Why those go, or become inactive, whom the rules do not mean; of those looked at and served.
    pub left: BTreeMap<Node, Out>,
    /// Counts of `changes`.
    pub applied: Applied,
    /// The part of `applied` that a person approved.
    pub approved: Applied,
}

impl Plan {
    /// The digest of all that waits, which an approval of everything names; `None` when nothing waits.
    pub fn digest(&self) -> Option<Digest> {
        let mut hash = Sha256::new();
        for held in &self.held {
            hash.update(held.kind.as_str());
            hash.update(&held.digest.0);
        }
        (!self.held.is_empty()).then(|| short_digest(hash))
    }
}

/// A change of one object on its way through the guard.
#[derive(Clone, Debug)]
struct Draft<T> {
    node: Node,
    id: ProviderId,
    before: Option<Arc<T>>,
    after: Option<Arc<T>>,
}

/// Plans what is dirty; with [`Dirty::all`], everything.
pub fn plan(basis: &Basis<'_>, dirty: &Dirty, context: &Context<'_>) -> Plan {
    let derive = &Derive::new(*basis);
    let mut plan = Plan::default();
    let frozen = scope::thaw(derive, dirty, &mut plan);
    // What an administrator decided about, and what a discard no longer covers, has to be looked at too.
    let mut dirty = dirty.clone();
    dirty.nodes.extend(basis.decisions.accepted.keys().map(|no| Node::Group(*no)));
    dirty.nodes.extend(plan.decisions.discards.keys().copied());
    let dirty = &dirty;
    let scope = Scope::of(derive, dirty, &frozen);
    let mut notes = Notes { issues: std::mem::take(&mut plan.issues), ..Notes::default() };
    let passing = context.lifted.contains(&GuardKind::TakeOver);
    let mut users = people::draft_users(derive, &scope, context.now, (&mut notes, passing));
    let (mut groups, clusters) =
        groups::draft_groups(derive, &scope, context.now, (&mut notes, passing));
    let mut guard = guard::Guard::new(derive, context);
    guard.hold_people(&mut users);
    guard.hold_groups(&mut groups);
    guard.hold_taken_names(&notes.issues);
    notes.issues.extend(settle::user_names(derive, &mut users));
    notes.issues.extend(settle::group_names(derive, &mut groups));
    let presence = Presence::new(basis.served, &users, &groups);
    let graph = Graph::new(derive, &clusters, &presence);
    let nodes = graph.nodes_to_look_at(dirty, &scope, (&users, &groups));
    let mut edges = graph.differences(&nodes, &frozen);
    guard.hold_edges(&mut users, &mut groups, &mut edges);
    empty::leave_out(&mut guard, (&mut groups, &clusters), &mut edges, &mut notes);
    guard.hold_unconfirmed();
    plan.decisions.take_overs = guard.hold_take_overs(&frozen);
    plan.looked = scope.nodes;
    (plan.held, plan.near) = guard.finish(&mut notes.pending);
    emit::emit((users, groups, edges), &mut plan);
    plan.decisions.extend_with_names(basis.decisions, &plan.changes);
    plan.approved = guard::approved_part(context.lifted, &plan.applied);
    notes.pending.extend(notes.issues.iter().filter(|issue| waits(issue)).map(|issue| issue.node));
    Notes { issues: plan.issues, pending: plan.pending, left: plan.left } = notes;
    plan
}

/// Whoever waits for a name must be looked at whenever something moves.
fn waits(issue: &Issue) -> bool {
    matches!(&issue.reason, Reason::Name(NameTrouble::Taken { .. } | NameTrouble::Passes { .. }))
}

/// What is noted on the way.
#[derive(Debug, Default)]
struct Notes {
    issues: Vec<Issue>,
    pending: BTreeSet<Node>,
    left: BTreeMap<Node, Out>,
}
