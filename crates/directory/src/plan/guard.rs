//! The guard: which changes wait for a person (DESIGN.md sections 7 and 10.4).
//!
//! Invariants: what waits leaves the object as served in that respect and the rest flows; limits count
//! what was applied in the last 24 hours plus this plan, against the size 24 hours ago, whatever mixture
//! of runs it came in; a kind that a person approved for this very plan is lifted.

mod aspects;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Basis, Context, Draft, Issue, NameTrouble, Reason, edges::Edge, short_digest};
use crate::{
    decisions::{Digest, Node},
    group::Group,
    id::ProviderId,
    report::{Applied, GuardKind},
    snapshot::Size,
    user::User,
};

/// What was applied over the last 24 hours, approved changes left out, and how large the directory was
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What was applied.
    pub applied: Applied,
    /// The size 24 hours ago; of a younger directory, after its first run.
    pub size: Size,
}

/// One kind of change that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The kind.
    pub kind: GuardKind,
    /// How many objects or memberships wait.
    pub count: u64,
    /// Why, with the limit.
    pub why: String,
    /// What an approval has to name.
    pub digest: Digest,
    /// Whether an approval can let it pass.
    pub approvable: bool,
    /// The objects.
    pub items: Vec<HeldItem>,
}

/// One object that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HeldItem {
    /// The object.
    pub node: Node,
    /// The provider's id.
    pub id: ProviderId,
    /// The name it is served under, or what the provider calls it.
    pub name: String,
    /// What would happen to it.
    pub what: String,
}

pub(super) struct Guard<'a> {
    basis: &'a Basis<'a>,
    context: &'a Context<'a>,
    held: BTreeMap<GuardKind, (String, u64, Vec<HeldItem>)>,
    /// People who would have left: their memberships stay too.
    staying: BTreeSet<Node>,
}

/// A limit by share of a size.
struct Limit {
    share: u32,
    min: u32,
    size: usize,
    applied: u64,
}

impl Limit {
    /// Why `count` more is too many, if it is.
    fn passed_by(&self, count: u64, what: &str, min_binds: bool) -> Option<String> {
        let total = self.applied + count;
        let over_share = u128::from(total) * 10_000 > u128::from(self.share) * self.size as u128;
        if count == 0 || !over_share || (min_binds && total < u64::from(self.min)) {
            return None;
        }
        let percent = f64::from(self.share) / 100.0;
        let earlier = match self.applied {
            0 => String::new(),
            applied => format!(" beside {applied} in the last 24 h"),
        };
        Some(format!("{count} {what}{earlier}: more than {percent} % of {}", self.size))
    }
}

impl<'a> Guard<'a> {
    pub(super) fn new(basis: &'a Basis<'a>, context: &'a Context<'a>) -> Self {
        Self { basis, context, held: BTreeMap::new(), staying: BTreeSet::new() }
    }

    /// Holds what too many people would go through.
    pub(super) fn hold_people(&mut self, drafts: &mut [Draft<User>]) {
        let (limits, applied) = (&self.basis.rules.limits, &self.context.window.applied);
        let size = self.size().users;
        let limit = |share, min, applied| Limit { share, min, size, applied };
        let left = applied.users_removed + applied.users_deactivated;
        let kinds = [
            (GuardKind::PeopleLeaving, limit(limits.leaving_share, limits.leaving_min, left)),
            (
                GuardKind::Renames,
                limit(limits.renames_share, limits.renames_min, applied.users_renamed),
            ),
            (
                GuardKind::Reactivations,
                limit(limits.reactivated_share, limits.other_min, applied.users_reactivated),
            ),
            (
                GuardKind::Blanked,
                limit(limits.blanked_share, limits.other_min, applied.users_blanked),
            ),
        ];
        let taken = aspects::names_taken(drafts);
        for (kind, limit) in kinds {
            if !self.context.lifted.contains(&kind) {
                let goes_through = |draft: &Draft<User>| {
                    aspects::aspect(kind, draft).is_some() && !aspects::gives_up_name(draft, &taken)
                };
                let affected: Vec<usize> =
                    (0..drafts.len()).filter(|i| goes_through(&drafts[*i])).collect();
                self.hold_people_of_kind(kind, &limit, &affected, drafts);
            }
        }
    }

    fn hold_people_of_kind(
        &mut self,
        kind: GuardKind,
        limit: &Limit,
        affected: &[usize],
        drafts: &mut [Draft<User>],
    ) {
        let empties = kind == GuardKind::PeopleLeaving && self.empties(affected, drafts);
        let Some(mut why) = limit.passed_by(affected.len() as u64, aspects::words(kind), !empties)
        else {
            return;
        };
        if empties {
            why.push_str("; nobody active would be left");
        }
        let items = affected.iter().filter_map(|i| {
            let what = aspects::aspect(kind, &drafts[*i])?;
            let name = drafts[*i].before.as_ref()?.name().to_owned();
            Some(HeldItem { node: drafts[*i].node, id: drafts[*i].id.clone(), name, what })
        });
        self.hold(kind, why, items.collect());
        for i in affected {
            if kind == GuardKind::PeopleLeaving {
                self.staying.insert(drafts[*i].node);
            }
            aspects::revert(kind, &mut drafts[*i]);
        }
    }

    /// Holds the removal of too many groups.
    pub(super) fn hold_groups(&mut self, drafts: &mut [Draft<Group>]) {
        let kind = GuardKind::GroupsRemoved;
        if self.context.lifted.contains(&kind) {
            return;
        }
        let limits = &self.basis.rules.limits;
        let limit = Limit {
            share: limits.leaving_share,
            min: limits.leaving_min,
            size: self.size().groups,
            applied: self.context.window.applied.groups_removed,
        };
        let gone: Vec<usize> = (0..drafts.len())
            .filter(|i| drafts[*i].before.is_some() && drafts[*i].after.is_none())
            .collect();
        let empties = gone.len() == self.basis.served.size().groups;
        let Some(why) = limit.passed_by(gone.len() as u64, aspects::words(kind), !empties) else {
            return;
        };
        let items = gone.iter().filter_map(|i| {
            let group = drafts[*i].before.as_ref()?;
            let name = group.name().to_string();
            let what = "would be removed".to_owned();
            Some(HeldItem { node: drafts[*i].node, id: group.id().clone(), name, what })
        });
        self.hold(kind, why, items.collect());
        for i in gone {
            self.staying.insert(drafts[i].node);
            let Draft { before, after, .. } = &mut drafts[i];
            after.clone_from(before);
        }
    }

    /// Names that would pass from one id to another always wait; [`super::names`] did not give them out.
    pub(super) fn hold_taken_names(&mut self, issues: &[Issue]) {
        let items: Vec<HeldItem> = issues
            .iter()
            .filter_map(|issue| match &issue.reason {
                Reason::Name(NameTrouble::Passes { name, holder }) => Some(HeldItem {
                    node: issue.node,
                    id: issue.id.clone(),
                    name: issue.label.clone(),
                    what: format!("would get the name {name}, which belonged to {holder}"),
                }),
                _ => None,
            })
            .collect();
        if !items.is_empty() {
            let why = format!("{} {}", items.len(), aspects::words(GuardKind::TakeOver));
            self.hold(GuardKind::TakeOver, why, items);
        }
    }

    /// Holds the loss of too many memberships, and the emptying of large groups.
    pub(super) fn hold_edges(&mut self, edges: &mut Vec<Edge>) {
        let staying = &self.staying;
        let group_stays = |edge: &Edge| staying.contains(&Node::Group(edge.group));
        // What goes with one of its ends goes, even if the other end is a person who waits.
        edges.retain(|edge| {
            edge.added || edge.forced || !(staying.contains(&edge.member) || group_stays(edge))
        });
        self.hold_emptied_groups(edges);
        let kind = GuardKind::MembershipsLost;
        if self.context.lifted.contains(&kind) {
            return;
        }
        let lost = edges.iter().filter(|edge| !edge.added).count() as u64;
        let choice: Vec<Edge> =
            edges.iter().filter(|edge| !edge.added && !edge.forced).copied().collect();
        let limits = &self.basis.rules.limits;
        let size = self.size();
        let limit = Limit {
            share: limits.memberships_share,
            min: limits.memberships_min,
            size: size.memberships + size.nestings,
            applied: self.context.window.applied.memberships_removed,
        };
        let Some(why) = limit.passed_by(lost, aspects::words(kind), true) else {
            return;
        };
        if choice.is_empty() {
            return;
        }
        self.hold_losses(kind, why, &choice);
        edges.retain(|edge| edge.added || edge.forced);
    }

    fn hold_emptied_groups(&mut self, edges: &mut Vec<Edge>) {
        let kind = GuardKind::GroupsEmptied;
        if self.context.lifted.contains(&kind) {
            return;
        }
        let mut balance: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for edge in edges.iter().filter(|edge| matches!(edge.member, Node::User(_))) {
            let (came, went) = balance.entry(edge.group.0).or_default();
            *came += usize::from(edge.added);
            *went += usize::from(!edge.added);
        }
        let emptied = |edge: &Edge| {
            let before = self.basis.served.users_of(edge.group).len();
            let (came, went) = balance.get(&edge.group.0).copied().unwrap_or_default();
            before >= self.basis.rules.limits.emptied_group_min as usize
                && came == 0
                && went == before
        };
        let lost: Vec<Edge> = edges
            .iter()
            .filter(|edge| !edge.added && !edge.forced && emptied(edge))
            .copied()
            .collect();
        if lost.is_empty() {
            return;
        }
        edges.retain(|edge| edge.added || edge.forced || !emptied(edge));
        let min = self.basis.rules.limits.emptied_group_min;
        let why = format!("groups with {min} or more members would be emptied");
        self.hold_losses(kind, why, &lost);
    }

    /// What only a listing shows to be gone waits for the provider's own word.
    pub(super) fn hold_unconfirmed(&mut self) {
        let mirror = self.basis.mirror;
        if self.context.empty_read {
            let why = "the provider answered a full read with no people at all; nothing of it was believed, \
                       and everything is read again at the next pull";
            self.hold(GuardKind::EmptyRead, why.to_owned(), Vec::new());
        }
        let mut items: Vec<HeldItem> = Vec::new();
        for node in mirror.unconfirmed() {
            let what = "is missing from the provider's list, and the provider has not said that it is gone";
            items.extend(self.item(*node, what.to_owned()));
        }
        let nodes = items.len();
        for (group, member) in mirror.unconfirmed_edges() {
            let group =
                mirror.group(group).map(|row| row.record.id.to_string()).unwrap_or_default();
            let what = format!("is missing from the list of members of group {group}");
            items.extend(self.item(member, what));
        }
        if !items.is_empty() {
            let edges = items.len() - nodes;
            let why = format!(
                "{nodes} people and groups and {edges} memberships are missing from the provider's lists; they \
                 stay as they are until the provider, asked for each, says that they are gone"
            );
            self.hold(GuardKind::Unconfirmed, why, items);
        }
    }

    /// What waits, and in `pending` what must be looked at again.
    pub(super) fn finish(self, pending: &mut BTreeSet<Node>) -> Vec<Held> {
        let held = self.held.into_iter().map(|(kind, (why, count, mut items))| {
            items.sort();
            pending.extend(items.iter().map(|item| item.node));
            let mut hash = Sha256::new();
            hash.update(kind.as_str());
            for item in &items {
                hash.update(format!("\n{:?}\t{}\t{}", item.node, item.id, item.what));
            }
            let approvable = !matches!(kind, GuardKind::EmptyRead | GuardKind::Unconfirmed);
            Held { kind, count, why, digest: short_digest(hash), approvable, items }
        });
        held.collect()
    }

    fn hold(&mut self, kind: GuardKind, why: String, items: Vec<HeldItem>) {
        let count = items.len() as u64;
        self.held.insert(kind, (why, count, items));
    }

    /// Holds lost memberships: one item per member, which is what must be looked at again.
    fn hold_losses(&mut self, kind: GuardKind, why: String, lost: &[Edge]) {
        let mut of_member: BTreeMap<Node, Vec<u32>> = BTreeMap::new();
        for edge in lost {
            of_member.entry(edge.member).or_default().push(edge.group.0);
        }
        let items = of_member.into_iter().filter_map(|(member, groups)| {
            let name = |no: &u32| {
                let group = self.basis.served.group(crate::id::GroupNo(*no));
                group.map(|group| group.name().to_string()).unwrap_or_default()
            };
            let groups: Vec<String> = groups.iter().map(name).collect();
            self.item(member, format!("would leave {}", groups.join(", ")))
        });
        let items = items.collect();
        self.held.insert(kind, (why, lost.len() as u64, items));
    }

    fn item(&self, node: Node, what: String) -> Option<HeldItem> {
        let (id, name) = match node {
            Node::User(no) => {
                let id = self.basis.mirror.person(no).map(|row| row.record.id.clone())?;
                let name = self.basis.served.user(no).map(|user| user.name().to_owned());
                (id, name)
            }
            Node::Group(no) => {
                let id = self.basis.mirror.group(no).map(|row| row.record.id.clone())?;
                let name = self.basis.served.group(no).map(|group| group.name().to_string());
                (id, name)
            }
        };
        let name = name.unwrap_or_else(|| id.to_string());
        Some(HeldItem { node, id, name, what })
    }

    /// The size that shares are taken of.
    fn size(&self) -> Size {
        let (then, now) = (self.context.window.size, self.basis.served.size());
        if then.users == 0 && then.groups == 0 { now } else { then }
    }

    /// Whether nobody active would be left.
    fn empties(&self, affected: &[usize], drafts: &[Draft<User>]) -> bool {
        let active = |user: &Option<Arc<User>>| user.as_ref().is_some_and(|user| user.active());
        let leaving = affected.iter().filter(|i| active(&drafts[**i].before)).count();
        let comes = drafts.iter().any(|draft| active(&draft.after) && !active(&draft.before));
        leaving > 0 && !comes && leaving == self.basis.served.size().active_users
    }
}

/// The part of what was applied that a person approved.
pub(super) fn approved_part(lifted: &BTreeSet<GuardKind>, applied: &Applied) -> Applied {
    let mut part = Applied::default();
    for kind in lifted {
        match kind {
            GuardKind::PeopleLeaving => {
                part.users_removed = applied.users_removed;
                part.users_deactivated = applied.users_deactivated;
                part.memberships_removed = applied.memberships_removed;
            }
            GuardKind::GroupsRemoved => {
                part.groups_removed = applied.groups_removed;
                part.memberships_removed = applied.memberships_removed;
            }
            GuardKind::MembershipsLost | GuardKind::GroupsEmptied => {
                part.memberships_removed = applied.memberships_removed;
            }
            GuardKind::Renames | GuardKind::TakeOver => part.users_renamed = applied.users_renamed,
            GuardKind::Reactivations => part.users_reactivated = applied.users_reactivated,
            GuardKind::Blanked => part.users_blanked = applied.users_blanked,
            GuardKind::EmptyRead | GuardKind::Unconfirmed => {}
        }
    }
    part
}
