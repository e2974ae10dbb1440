//! The exact changes that turn the directory as served into the directory as wanted, under the guard.
//!
//! Invariants: pure; planning again after applying gives nothing new; looking at what is dirty gives what
//! looking at everything would; a kind that trips a limit waits and the rest flows; what waits is looked
//! at again next time, so a held plan is a difference and never a stored thing that ages.

mod edges;
pub mod guard;
mod names;
mod people;
pub mod pin;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::{
    edges::Presence,
    guard::{Held, Window},
    names::Claimant,
};
pub use self::{guard::HeldItem, names::NameTrouble};
use crate::{
    change::Change,
    decisions::{DecisionsChange, Digest, Node, PastNames},
    derive::{Basis, GroupVerdict, PersonVerdict},
    group::Group,
    id::{GroupNo, Millis, ProviderId, UserNo},
    mirror::Dirty,
    name::Name,
    observation::Attribute,
    report::{Applied, GuardKind},
    user::User,
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
    /// Who cannot be served, or not under the name that the rules make; of those looked at.
    pub issues: Vec<Issue>,
    /// What must be looked at again next time.
    pub pending: BTreeSet<Node>,
    /// Everything that was looked at.
    pub looked: BTreeSet<Node>,
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

/// Something about one object that an administrator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The object.
    pub node: Node,
    /// The provider's id.
    pub id: ProviderId,
    /// What the provider calls it.
    pub label: String,
    /// Whether it is served all the same.
    pub served: bool,
    /// What it is.
    pub reason: Reason,
}

/// What is the matter with one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It does not get the name that the rules make.
    Name(NameTrouble),
    /// The group has another name at the provider; the served one stays until the new one is accepted.
    GroupRenameWaits {
        /// The provider's name.
        name: String,
    },
    /// An administrator discarded its changes; it stays as served until the provider says more.
    Discarded,
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(NameTrouble::Unusable(problem)) => write!(f, "no name can be made: {problem}"),
            Self::Name(NameTrouble::Taken { name, holder }) => {
                write!(f, "the name `{name}` belongs to {holder}, which uses it still")
            }
            Self::Name(NameTrouble::Passes { name, holder }) => {
                write!(f, "the name `{name}` belonged to {holder}; that it passes on waits for an approval")
            }
            Self::GroupRenameWaits { name } => {
                write!(f, "the provider calls it `{name}` now; products hang permissions on the served name, which stays")
            }
            Self::Discarded => {
                f.write_str("its changes were discarded; it stays as served until the provider says something new")
            }
        }
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
    let mut plan = Plan::default();
    let frozen = thaw(basis, dirty, &mut plan);
    // What an administrator decided about, and what a discard no longer covers, has to be looked at too.
    let mut dirty = dirty.clone();
    dirty.nodes.extend(basis.decisions.accepted.keys().map(|no| Node::Group(*no)));
    dirty.nodes.extend(plan.decisions.discards.keys().copied());
    let dirty = &dirty;
    let scope = Scope::of(basis, dirty, &frozen);
    let passing = context.lifted.contains(&GuardKind::TakeOver);
    let mut users = people::draft_users(basis, &scope, context.now, (&mut plan.issues, passing));
    let mut groups = people::draft_groups(basis, &scope, context.now, (&mut plan.issues, passing));
    let mut guard = guard::Guard::new(basis, context);
    guard.hold_people(&mut users);
    guard.hold_groups(&mut groups);
    guard.hold_taken_names(&plan.issues);
    let mut sent_back = people::settle_user_names(basis, &mut users);
    sent_back.extend(people::settle_group_names(basis, &mut groups));
    let presence = Presence::new(basis.served, &users, &groups);
    let nodes = edges::nodes_to_look_at(basis, dirty, &scope, (&users, &groups));
    let mut edges = edges::differences(basis, &presence, &nodes, &frozen);
    guard.hold_edges(&mut edges);
    guard.hold_unconfirmed();
    plan.looked = scope.nodes;
    plan.pending.extend(sent_back);
    plan.held = guard.finish(&mut plan.pending);
    emit(users, groups, edges, &mut plan);
    plan.decisions.extend_with_names(basis, &plan.changes);
    plan.approved = guard::approved_part(context.lifted, &plan.applied);
    for issue in &plan.issues {
        // Whoever waits for a name must be looked at whenever something moves.
        if matches!(
            &issue.reason,
            Reason::Name(NameTrouble::Taken { .. } | NameTrouble::Passes { .. })
        ) {
            plan.pending.insert(issue.node);
        }
    }
    plan
}

/// What is to be looked at, discarded objects left out.
struct Scope {
    nodes: BTreeSet<Node>,
}

impl Scope {
    /// The dirty objects, and whoever has a name that one of them claims.
    fn of(basis: &Basis<'_>, dirty: &Dirty, frozen: &BTreeSet<Node>) -> Self {
        let mut nodes: BTreeSet<Node> = if dirty.all {
            let people = basis.mirror.people().map(|row| Node::User(row.no));
            let groups = basis.mirror.groups().map(|row| Node::Group(row.no));
            // Whoever is served and no longer in the mirror has to go.
            let users_served = basis.served.users_from(0).map(|(no, _)| Node::User(no));
            let groups_served = basis.served.groups_from(0).map(|(no, _)| Node::Group(no));
            people.chain(groups).chain(users_served).chain(groups_served).collect()
        } else {
            let mut work: Vec<Node> = dirty.nodes.iter().copied().collect();
            let mut nodes: BTreeSet<Node> = dirty.nodes.clone();
            while let Some(node) = work.pop() {
                let claim = basis.claim_of(node);
                let holder =
                    claim.and_then(|name| names::served_holder(basis, node, name.folded()));
                work.extend(holder.filter(|holder| nodes.insert(*holder)));
            }
            nodes
        };
        nodes.retain(|node| !frozen.contains(node));
        Self { nodes }
    }

    fn users(&self) -> impl Iterator<Item = UserNo> {
        self.nodes.iter().filter_map(|node| match node {
            Node::User(no) => Some(*no),
            Node::Group(_) => None,
        })
    }

    fn groups(&self) -> impl Iterator<Item = GroupNo> {
        self.nodes.iter().filter_map(|node| match node {
            Node::User(_) => None,
            Node::Group(no) => Some(*no),
        })
    }
}

/// Sorts discarded objects into those that stay as they are and those of whom the provider said something
/// new, which are opened again.
fn thaw(basis: &Basis<'_>, dirty: &Dirty, plan: &mut Plan) -> BTreeSet<Node> {
    let mut frozen = BTreeSet::new();
    for (node, judged) in &basis.decisions.discards {
        if record_digest(basis, *node) == *judged {
            frozen.insert(*node);
            if dirty.all || dirty.nodes.contains(node) {
                plan.issues.extend(issue(basis, *node, Reason::Discarded));
            }
        } else {
            plan.decisions.discards.insert(*node, None);
        }
    }
    frozen
}

/// The digest of what the provider says about an object, memberships included; a discard names it.
pub fn record_digest(basis: &Basis<'_>, node: Node) -> Digest {
    let mut hash = Sha256::new();
    match node {
        Node::User(no) => {
            if let Some(row) = basis.mirror.person(no) {
                hash.update(row.record.attributes.as_bytes());
                hash.update(format!(
                    "{:?}{:?}{:?}",
                    row.record.kind, row.record.enabled, row.state
                ));
            }
        }
        Node::Group(no) => {
            if let Some(row) = basis.mirror.group(no) {
                hash.update(row.record.attributes.as_bytes());
                hash.update(format!("{:?}{:?}", row.record.kind, row.state));
            }
            for list in [basis.mirror.users_of(no), basis.mirror.children_of(no)] {
                for no in list {
                    hash.update(no.to_le_bytes());
                }
                hash.update([255]);
            }
        }
    }
    basis.mirror.parents_of(node).iter().for_each(|no| hash.update(no.to_le_bytes()));
    short_digest(hash)
}

pub(crate) fn short_digest(hash: Sha256) -> Digest {
    use std::fmt::Write;
    let mut text = String::with_capacity(16);
    for byte in &hash.finalize()[..8] {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    Digest(text)
}

fn issue(basis: &Basis<'_>, node: Node, reason: Reason) -> Option<Issue> {
    let (id, attributes, served) = match node {
        Node::User(no) => {
            let record = &basis.mirror.person(no)?.record;
            (&record.id, &record.attributes, basis.served.user(no).is_some())
        }
        Node::Group(no) => {
            let record = &basis.mirror.group(no)?.record;
            (&record.id, &record.attributes, basis.served.group(no).is_some())
        }
    };
    let first = [Attribute::Login, Attribute::Mail, Attribute::DisplayName];
    let label = first
        .into_iter()
        .find_map(|a| attributes.get(a))
        .map_or_else(|| id.to_string(), str::to_owned);
    Some(Issue { node, id: id.clone(), label, served, reason })
}

/// Turns drafts and edges into changes and counts them.
fn emit(
    users: Vec<Draft<User>>,
    groups: Vec<Draft<Group>>,
    edges: Vec<edges::Edge>,
    plan: &mut Plan,
) {
    for Draft { node, before, after, .. } in users {
        let Node::User(no) = node else { continue };
        if !differs(before.as_ref(), after.as_ref(), User::same_as) {
            continue;
        }
        people::count_user(before.as_deref(), after.as_deref(), &mut plan.applied);
        plan.changes.push(Change::User { no, before, after });
    }
    for Draft { node, before, after, .. } in groups {
        let Node::Group(no) = node else { continue };
        if !differs(before.as_ref(), after.as_ref(), Group::same_as) {
            continue;
        }
        match (&before, &after) {
            (None, _) => plan.applied.groups_added += 1,
            (_, None) => plan.applied.groups_removed += 1,
            _ => plan.applied.groups_changed += 1,
        }
        plan.changes.push(Change::Group { no, before, after });
    }
    for members in edges::pack(edges) {
        plan.applied.memberships_added +=
            (members.users_added.len() + members.groups_added.len()) as u64;
        plan.applied.memberships_removed +=
            (members.users_removed.len() + members.groups_removed.len()) as u64;
        plan.changes.push(Change::Members(members));
    }
}

fn differs<T>(
    before: Option<&Arc<T>>,
    after: Option<&Arc<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    match (before, after) {
        (None, None) => false,
        (Some(before), Some(after)) => !same(before, after),
        _ => true,
    }
}

impl DecisionsChange {
    /// Enters the names that cease to be served into the ledger, and takes out those that are served again.
    fn extend_with_names(&mut self, basis: &Basis<'_>, changes: &[Change]) {
        let mut users = Ledger::default();
        let mut groups = Ledger::default();
        for change in changes {
            match change {
                Change::User { before, after, .. } => users.moved(
                    before.as_ref().map(|user| (user.folded_name(), user.id())),
                    after.as_ref().map(|user| user.folded_name()),
                ),
                Change::Group { no, before, after } => {
                    groups.moved(
                        before.as_ref().map(|group| (group.folded_name(), group.id())),
                        after.as_ref().map(|group| group.folded_name()),
                    );
                    if basis.decisions.accepted.contains_key(no) {
                        self.accepted.insert(*no, None);
                    }
                }
                Change::Members(_) => {}
            }
        }
        (self.user_names_past, self.user_names_freed) =
            users.finish(&basis.decisions.past_user_names);
        (self.group_names_past, self.group_names_freed) =
            groups.finish(&basis.decisions.past_group_names);
    }
}

/// A folded name and the id that it belongs to.
type HeldName = (Box<str>, ProviderId);

#[derive(Default)]
struct Ledger {
    left: BTreeMap<Box<str>, ProviderId>,
    taken: BTreeSet<Box<str>>,
}

impl Ledger {
    fn moved(&mut self, before: Option<(&str, &ProviderId)>, after: Option<&str>) {
        if before.map(|(name, _)| name) == after {
            return;
        }
        if let Some((name, id)) = before {
            self.left.insert(name.into(), id.clone());
        }
        self.taken.extend(after.map(Into::into));
    }

    /// The names that became past, and those that are past no more.
    fn finish(mut self, past: &PastNames) -> (Vec<HeldName>, Vec<Box<str>>) {
        self.left.retain(|name, _| !self.taken.contains(name));
        self.taken.retain(|name| past.contains_key(name));
        (self.left.into_iter().collect(), self.taken.into_iter().collect())
    }
}
