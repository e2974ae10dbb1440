//! The guard: which changes wait for a person (DESIGN.md sections 7 and 10.4).
//!
//! Invariants: what waits leaves the object as served in that respect and the rest flows; limits count
//! what was applied in the last 24 hours plus this plan, against the size 24 hours ago, whatever mixture
//! of runs it came in; a kind that a person approved for this very plan is lifted.

mod aspects;
mod future;
mod losses;
mod privileged;
mod protected;
mod seats;

use crate::counted::counted;
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt::Write as _,
    sync::Arc,
};

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Context, Draft, Issue, NameTrouble, Reason, edges::Edge, short_digest};
use crate::{
    decisions::{Digest, Node},
    derive::Derive,
    group::Group,
    id::{GroupNo, ProviderId},
    report::{Applied, GuardKind, NearLimit},
    rules::{compiled::Compiled, limits::Threshold},
    snapshot::{Directory, Size},
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
    derive: &'a Derive<'a>,
    context: &'a Context<'a>,
    held: BTreeMap<GuardKind, (String, u64, Vec<HeldItem>)>,
    /// People who would have left: their memberships stay too.
    staying: HashSet<Node>,
    /// Whether a group comes, so that the directory is not emptied of groups whatever goes.
    groups_come: bool,
    /// Groups that go, whoever is in them.
    groups_gone: HashSet<Node>,
    /// Limits of which at least half is used up.
    near: BTreeMap<GuardKind, NearLimit>,
    /// The forms of the names of protected groups that are served, once they are asked for.
    protected_forms: OnceCell<HashSet<String>>,
}

/// A plan on its way.
struct Drafted<'a> {
    users: &'a mut [Draft<User>],
    groups: &'a mut [Draft<Group>],
    edges: &'a mut Vec<Edge>,
}

/// A limit, the size that it is measured against, and how much of it is used up already.
#[derive(Clone, Copy)]
struct Limit {
    of: Threshold,
    size: usize,
    /// What was applied in the last 24 hours.
    applied: u64,
}

impl Limit {
    /// The same limit whatever its minimum.
    fn without_min(self) -> Self {
        Self { of: Threshold { min: 0, ..self.of }, ..self }
    }

    /// Why `count` more is too many, if it is.
    fn passed_by(&self, count: u64, kind: GuardKind) -> Option<String> {
        if count == 0 || self.applied + count <= self.of.passing(self.size) {
            return None;
        }
        let earlier = match self.applied {
            0 => String::new(),
            applied => format!(" beside {applied} in the last 24 h"),
        };
        let told = aspects::told(kind, count);
        Some(format!("{told}{earlier}: {}", self.of.told(self.size)))
    }
}

impl<'a> Guard<'a> {
    pub(super) fn new(derive: &'a Derive<'a>, context: &'a Context<'a>) -> Self {
        Self {
            derive,
            context,
            held: BTreeMap::new(),
            staying: HashSet::new(),
            groups_come: false,
            groups_gone: HashSet::new(),
            near: BTreeMap::new(),
            protected_forms: OnceCell::new(),
        }
    }

    pub(super) fn rules(&self) -> &'a Compiled {
        self.derive.rules
    }

    pub(super) fn served(&self) -> &'a Directory {
        self.derive.served
    }

    pub(super) fn context(&self) -> &'a Context<'a> {
        self.context
    }

    fn lifts(&self, kind: GuardKind) -> bool {
        self.context.lifted.contains(&kind)
    }

    /// Holds what too many people would go through.
    pub(super) fn hold_people(&mut self, drafts: &mut [Draft<User>]) {
        self.hold_protected_people(drafts);
        let (limits, applied) = (&self.derive.rules.limits, &self.context.window.applied);
        let size = self.size().users;
        let limit = |of, applied| Limit { of, size, applied };
        let left = applied.users_removed + applied.users_deactivated + applied.users_anonymised;
        let kinds = [
            (GuardKind::PeopleLeaving, limit(limits.leaving(), left)),
            (GuardKind::Renames, limit(limits.renames(), applied.users_renamed)),
            (GuardKind::Reactivations, limit(limits.reactivated(), applied.users_reactivated)),
            (GuardKind::Blanked, limit(limits.blanked(), applied.users_blanked)),
        ];
        let taken = aspects::names_taken(drafts, User::folded_name);
        for (kind, limit) in kinds {
            if self.lifts(kind) {
                self.note_use(kind, &limit, 0);
            } else {
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
        let limit = if empties { limit.without_min() } else { *limit };
        let Some(mut why) = self.judge(kind, &limit, affected.len() as u64) else { return };
        if empties {
            why.push_str("; nobody active would be left");
        }
        let items = affected.iter().filter_map(|i| {
            let what = aspects::aspect(kind, &drafts[*i])?.to_string();
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

    /// Holds the removal and renaming of too many groups.
    pub(super) fn hold_groups(&mut self, drafts: &mut [Draft<Group>]) {
        self.hold_protected_groups(drafts);
        self.hold_renames_to_power(drafts);
        self.hold_renamed_groups(drafts);
        self.groups_come =
            drafts.iter().any(|draft| draft.before.is_none() && draft.after.is_some());
        let gone: Vec<usize> = (0..drafts.len())
            .filter(|i| drafts[*i].before.is_some() && drafts[*i].after.is_none())
            .collect();
        let count = gone.len();
        let Some(why) = self.too_many_groups(count, count) else { return };
        let items =
            gone.iter().filter_map(|i| removed_item(drafts[*i].node, drafts[*i].before.as_deref()));
        let items = items.collect();
        self.hold(GuardKind::GroupsRemoved, why, items);
        for i in gone {
            self.staying.insert(drafts[i].node);
            let Draft { before, after, .. } = &mut drafts[i];
            after.clone_from(before);
        }
    }

    /// Why so many groups may not go, if they may not; `lost` of all that go are new to the guard.
    fn too_many_groups(&mut self, lost: usize, all: usize) -> Option<String> {
        let kind = GuardKind::GroupsRemoved;
        let before = self.context.window.applied.groups_removed;
        let of = self.rules().limits.groups();
        let limit = Limit { of, size: self.size().groups, applied: before };
        if self.lifts(kind) {
            self.note_use(kind, &limit, 0);
            return None;
        }
        let limit = Limit { applied: before + (all - lost) as u64, ..limit };
        let empties = !self.groups_come && all == self.served().size().groups;
        let limit = if empties { limit.without_min() } else { limit };
        self.judge(kind, &limit, lost as u64)
    }

    /// Why `count` more of a kind is too many, if it is; notes how much of the limit is used up otherwise.
    fn judge(&mut self, kind: GuardKind, limit: &Limit, count: u64) -> Option<String> {
        let why = limit.passed_by(count, kind);
        if why.is_none() {
            self.note_use(kind, limit, count);
        }
        why
    }

    /// Notes a limit of which half or more is used up, with `count` beside what was applied in the last 24 hours.
    fn note_use(&mut self, kind: GuardKind, limit: &Limit, count: u64) {
        let (total, passing) = (limit.applied + count, limit.of.passing(limit.size));
        if total > 0 && total.saturating_mul(2) >= passing {
            self.near.insert(kind, NearLimit { kind, count: total, passing });
        }
    }

    /// Holds the removal of groups that nobody would be in any more; gives those that stay.
    pub(super) fn hold_emptied(&mut self, empty: &[GroupNo]) -> BTreeSet<GroupNo> {
        let served = |no: &GroupNo| self.served().group(*no).is_some();
        let mut kept: BTreeSet<GroupNo> =
            empty.iter().filter(|no| self.staying.contains(&Node::Group(**no))).copied().collect();
        let (mut going, mut protected) = (Vec::new(), Vec::new());
        for no in empty.iter().filter(|no| served(no) && !kept.contains(no)) {
            let guarded = self.is_protected_group(*no) && !self.lifts(GuardKind::Protected);
            if guarded { &mut protected } else { &mut going }.push(*no);
        }
        let removed = self.held.get(&GuardKind::GroupsRemoved).map_or(0, |(_, count, _)| *count);
        let all = going.len() + usize::try_from(removed).unwrap_or_default();
        let items = |numbers: &[GroupNo]| -> Vec<HeldItem> {
            let group = |no: &GroupNo| self.derive.served.group(*no).map(|group| (*no, group));
            let groups = numbers.iter().filter_map(group);
            groups.filter_map(|(no, group)| removed_item(Node::Group(no), Some(&**group))).collect()
        };
        let (going_items, protected_items) = (items(&going), items(&protected));
        if !protected.is_empty() {
            let why = format!("{} would be removed", counted(protected.len(), "protected group"));
            self.hold(GuardKind::Protected, why, protected_items);
            kept.extend(protected);
        }
        if let Some(why) = self.too_many_groups(going.len(), all) {
            self.hold(GuardKind::GroupsRemoved, why, going_items);
            kept.extend(going);
        }
        kept
    }

    /// Holds too many new names of groups; names that an administrator accepted do not count.
    fn hold_renamed_groups(&mut self, drafts: &mut [Draft<Group>]) {
        let kind = GuardKind::GroupRenames;
        let taken = aspects::names_taken(drafts, Group::folded_name);
        let accepted = &self.derive.decisions.accepted;
        let renamed = |draft: &Draft<Group>| {
            let (Some(before), Some(after)) = (&draft.before, &draft.after) else { return false };
            let Node::Group(no) = draft.node else { return false };
            before.name() != after.name()
                && accepted.get(&no) != Some(after.name())
                && !taken.contains(before.folded_name())
        };
        let affected: Vec<usize> = (0..drafts.len()).filter(|i| renamed(&drafts[*i])).collect();
        let limits = &self.rules().limits;
        let limit = Limit {
            of: limits.renames(),
            size: self.size().groups,
            applied: self.context.window.applied.groups_renamed,
        };
        if self.lifts(kind) {
            return self.note_use(kind, &limit, 0);
        }
        let Some(why) = self.judge(kind, &limit, affected.len() as u64) else { return };
        let items = affected.iter().filter_map(|i| {
            let Draft { node, id, before, after } = &drafts[*i];
            let what = format!("would be renamed to {}", after.as_ref()?.name());
            Some(HeldItem {
                node: *node,
                id: id.clone(),
                name: before.as_ref()?.name().to_string(),
                what,
            })
        });
        self.hold(kind, why, items.collect());
        for i in affected {
            let Draft { before: Some(before), after: Some(after), .. } = &drafts[i] else {
                continue;
            };
            drafts[i].after = Some(aspects::with_name_of(before, after));
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
            let why = aspects::told(GuardKind::TakeOver, items.len());
            self.hold(GuardKind::TakeOver, why, items);
        }
    }

    /// What only a listing shows to be gone waits for the provider's own word.
    pub(super) fn hold_unconfirmed(&mut self) {
        let mirror = self.derive.mirror;
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
                "{} and {} are missing from the provider's lists; they stay as they are until the provider, asked for \
                 each, says that they are gone",
                counted(nodes, "person or group"),
                counted(edges, "membership")
            );
            self.hold(GuardKind::Unconfirmed, why, items);
        }
    }

    /// What waits, and in `pending` what must be looked at again; then the limits of which half or more is used up.
    pub(super) fn finish(mut self, pending: &mut BTreeSet<Node>) -> (Vec<Held>, Vec<NearLimit>) {
        self.near.retain(|kind, _| !self.held.contains_key(kind));
        let near = self.near.into_values().collect();
        let held = self.held.into_iter().map(|(kind, (why, count, mut items))| {
            items.sort();
            pending.extend(items.iter().map(|item| item.node));
            let mut hash = Sha256::new();
            hash.update(kind.as_str());
            let mut line = String::new();
            for HeldItem { node, id, what, .. } in &items {
                line.clear();
                write!(line, "\n{node:?}\t{id}\t{what}")
                    .expect("writing to a string does not fail");
                hash.update(&line);
            }
            Held {
                kind,
                count,
                why,
                digest: short_digest(hash),
                approvable: kind.is_approvable(),
                items,
            }
        });
        (held.collect(), near)
    }

    pub(super) fn hold(&mut self, kind: GuardKind, why: String, items: Vec<HeldItem>) {
        let count = items.len() as u64;
        self.hold_counted(kind, why, (items, count));
    }

    /// Holds items of a kind, beside those that wait already.
    fn hold_counted(&mut self, kind: GuardKind, why: String, (items, count): (Vec<HeldItem>, u64)) {
        match self.held.entry(kind) {
            Entry::Vacant(slot) => {
                slot.insert((why, count, items));
            }
            Entry::Occupied(mut slot) => {
                let (told, known, waiting) = slot.get_mut();
                if !why.is_empty() && *told != why {
                    *told = format!("{told}; {why}");
                }
                *known += count;
                waiting.extend(items);
            }
        }
    }

    pub(super) fn item(&self, node: Node, what: String) -> Option<HeldItem> {
        let (id, name) = match node {
            Node::User(no) => {
                let id = self.derive.mirror.person(no).map(|row| row.record.id.clone())?;
                let name = self.derive.served.user(no).map(|user| user.name().to_owned());
                (id, name)
            }
            Node::Group(no) => {
                let id = self.derive.group_row(no).map(|row| row.record.id.clone())?;
                let name = self.derive.served.group(no).map(|group| group.name().to_string());
                (id, name)
            }
        };
        let name = name.unwrap_or_else(|| id.to_string());
        Some(HeldItem { node, id, name, what })
    }

    /// The size that shares are taken of.
    fn size(&self) -> Size {
        let (then, now) = (self.context.window.size, self.derive.served.size());
        if then.users == 0 && then.groups == 0 { now } else { then }
    }

    /// Whether nobody active would be left.
    fn empties(&self, affected: &[usize], drafts: &[Draft<User>]) -> bool {
        let active = |user: &Option<Arc<User>>| user.as_ref().is_some_and(|user| user.active());
        let leaving = affected.iter().filter(|i| active(&drafts[**i].before)).count();
        let comes = drafts.iter().any(|draft| active(&draft.after) && !active(&draft.before));
        leaving > 0 && !comes && leaving == self.derive.served.size().active_users
    }
}

fn removed_item(node: Node, group: Option<&Group>) -> Option<HeldItem> {
    let group = group?;
    let (name, what) = (group.name().to_string(), "would be removed".to_owned());
    Some(HeldItem { node, id: group.id().clone(), name, what })
}

/// The part of what was applied that a person approved.
pub(super) fn approved_part(lifted: &BTreeSet<GuardKind>, applied: &Applied) -> Applied {
    let mut part = Applied::default();
    for kind in lifted {
        match kind {
            GuardKind::PeopleLeaving => {
                part.users_removed = applied.users_removed;
                part.users_deactivated = applied.users_deactivated;
                part.users_anonymised = applied.users_anonymised;
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
            GuardKind::GroupRenames => part.groups_renamed = applied.groups_renamed,
            GuardKind::EmptyRead
            | GuardKind::Unconfirmed
            | GuardKind::Seats
            | GuardKind::Protected
            | GuardKind::LastMember
            | GuardKind::Privileged => {}
        }
    }
    part
}
