//! Protected people and groups, and the last active member of a protected group.
//!
//! Invariants: protection is judged by what is served, so that nobody loses it in the same run in which they lose
//! something else; whatever was approved, a protected group that has somebody active keeps one.

use crate::counted::counted;
use std::collections::BTreeSet;

use hashbrown::HashSet;

use super::{Draft, Drafted, Guard, HeldItem, aspects, future::Future, removed_item};
use crate::{
    decisions::Node,
    group::Group,
    id::{GroupNo, UserNo},
    name::fold,
    observation::Attribute,
    plan::edges::Edge,
    report::GuardKind,
    rules::expression::{Formula, Record},
    user::User,
};

const KIND: GuardKind = GuardKind::Protected;

impl Guard<'_> {
    /// Takes back what would happen to protected people.
    pub(super) fn hold_protected_people(&mut self, drafts: &mut [Draft<User>]) {
        if self.rules().protected_people.is_empty() || self.lifts(KIND) {
            return;
        }
        let mut items = Vec::new();
        for draft in drafts.iter_mut() {
            let leaving = aspects::aspect(GuardKind::PeopleLeaving, draft);
            let what = leaving.or_else(|| aspects::aspect(GuardKind::Renames, draft));
            let (leaves, what) = (leaving.is_some(), what.map(|what| what.to_string()));
            let (Some(what), Some(before), Node::User(no)) =
                (what, draft.before.clone(), draft.node)
            else {
                continue;
            };
            if !self.is_protected_person(no, &before) {
                continue;
            }
            let name = before.name().to_owned();
            items.push(HeldItem { node: draft.node, id: draft.id.clone(), name, what });
            if leaves {
                self.staying.insert(draft.node);
            }
            aspects::revert(GuardKind::PeopleLeaving, draft);
            aspects::revert(GuardKind::Renames, draft);
        }
        if !items.is_empty() {
            let why = format!("{} would be touched", counted(items.len(), "protected person"));
            self.hold(KIND, why, items);
        }
    }

    /// Takes back the removal and renaming of protected groups.
    pub(super) fn hold_protected_groups(&mut self, drafts: &mut [Draft<Group>]) {
        if self.rules().protected_groups.is_empty() || self.lifts(KIND) {
            return;
        }
        let mut items = Vec::new();
        for draft in drafts.iter_mut() {
            let (Some(before), Node::Group(no)) = (draft.before.clone(), draft.node) else {
                continue;
            };
            let what = match &draft.after {
                None => "would be removed".to_owned(),
                Some(after) if after.name() != before.name() => {
                    format!("would be renamed to {}", after.name())
                }
                Some(_) => continue,
            };
            if !self.is_protected_group(no) {
                continue;
            }
            let name = before.name().to_string();
            items.push(HeldItem { node: draft.node, id: draft.id.clone(), name, what });
            draft.after = Some(if let Some(after) = &draft.after {
                aspects::with_name_of(&before, after)
            } else {
                self.staying.insert(draft.node);
                before
            });
        }
        if !items.is_empty() {
            let why = format!("{} would be touched", counted(items.len(), "protected group"));
            self.hold(KIND, why, items);
        }
    }

    /// Holds what would leave a protected group without anybody active; approved, all but one may go.
    pub(super) fn hold_protected_members(&mut self, drafted: &mut Drafted<'_>) {
        if self.rules().protected_groups.is_empty() {
            return;
        }
        for group in self.touched(drafted) {
            let now = Future::now(self.served());
            let below = now.below(group);
            let had = now.active_in(&below);
            let future = Future::new(self.served(), drafted.users, drafted.edges);
            let goes = self.groups_gone.contains(&Node::Group(group));
            if goes || had.is_empty() || future.has_active(&future.below(group)) {
                continue;
            }
            let name = self.group_name(group);
            if self.lifts(KIND) {
                let id =
                    |no: &UserNo| self.derive.mirror.person(*no).map(|row| row.record.id.clone());
                let last = had.iter().copied().min_by_key(id);
                let why = format!(
                    "the last active member of {name} never goes; put somebody else in first"
                );
                let had = last.into_iter().collect();
                self.keep((GuardKind::LastMember, why), (&had, &below), drafted);
            } else {
                let why = format!("nobody active would be left in the protected group {name}");
                self.keep((KIND, why), (&had, &below), drafted);
            }
        }
    }

    /// Keeps these people active and in these groups, and the groups with them.
    fn keep(
        &mut self,
        (kind, why): (GuardKind, String),
        (people, below): (&BTreeSet<UserNo>, &BTreeSet<u32>),
        drafted: &mut Drafted<'_>,
    ) {
        let mut staying: HashSet<Node> = HashSet::new();
        let mut items = Vec::new();
        let taken = aspects::names_taken(drafted.groups, Group::folded_name);
        for draft in drafted.groups.iter_mut() {
            let Node::Group(no) = draft.node else { continue };
            let (Some(before), None) = (&draft.before, &draft.after) else { continue };
            if below.contains(&no.0) && !taken.contains(before.folded_name()) {
                items.extend(removed_item(draft.node, Some(before)));
                staying.insert(draft.node);
                draft.after.clone_from(&draft.before);
            }
        }
        let taken = aspects::names_taken(drafted.users, User::folded_name);
        for draft in drafted.users.iter_mut() {
            let Node::User(no) = draft.node else { continue };
            // Where an approved plan gives the name to somebody else nobody can be served under it.
            if !people.contains(&no) || aspects::gives_up_name(draft, &taken) {
                continue;
            }
            let what = aspects::aspect(GuardKind::PeopleLeaving, draft);
            let what = what.map(|what| what.to_string());
            if let (Some(what), Some(before)) = (what, &draft.before) {
                let name = before.name().to_owned();
                items.push(HeldItem { node: draft.node, id: draft.id.clone(), name, what });
                staying.insert(draft.node);
                aspects::revert(GuardKind::PeopleLeaving, draft);
            }
        }
        if !items.is_empty() {
            self.hold(kind, why.clone(), items);
        }
        self.groups_gone.retain(|node| !staying.contains(node));
        let left =
            drafted.users.iter().filter(|draft| draft.before.is_some() && draft.after.is_none());
        let left: HashSet<Node> = left.map(|draft| draft.node).collect();
        let gone = |node: &Node| left.contains(node) || self.groups_gone.contains(node);
        let kept = |edge: &Edge| {
            let group = Node::Group(edge.group);
            let member = match edge.member {
                Node::User(no) => people.contains(&no),
                Node::Group(no) => below.contains(&no.0),
            };
            let inside = member && below.contains(&edge.group.0);
            let held = inside || staying.contains(&edge.member) || staying.contains(&group);
            !edge.added && held && !gone(&group) && !gone(&edge.member)
        };
        let lost: Vec<Edge> =
            drafted.edges.iter().filter(|edge| kept(edge) && !edge.forced).copied().collect();
        drafted.edges.retain(|edge| !kept(edge));
        if !lost.is_empty() {
            self.hold_memberships(kind, why, &lost);
        }
    }

    /// The protected groups in which somebody would become inactive, or out of which something would go.
    fn touched(&self, drafted: &Drafted<'_>) -> BTreeSet<GroupNo> {
        let leaving = drafted.users.iter().filter(|draft| {
            let active =
                |user: &Option<std::sync::Arc<User>>| user.as_ref().is_some_and(|u| u.active());
            active(&draft.before) && !active(&draft.after)
        });
        let left = leaving.filter_map(|draft| match draft.node {
            Node::User(no) => Some(self.served().groups_of(no)),
            Node::Group(_) => None,
        });
        let lost = drafted.edges.iter().filter(|edge| !edge.added).map(|edge| edge.group.0);
        let mut seen: BTreeSet<u32> = left.flatten().copied().chain(lost).collect();
        let mut work: Vec<u32> = seen.iter().copied().collect();
        while let Some(no) = work.pop() {
            let above = self.served().parents_of(GroupNo(no)).iter().copied();
            work.extend(above.filter(|no| seen.insert(*no)));
        }
        seen.into_iter().map(GroupNo).filter(|no| self.is_protected_group(*no)).collect()
    }

    pub(super) fn is_protected_group(&self, no: GroupNo) -> bool {
        let groups = &self.rules().protected_groups;
        if groups.is_empty() {
            return false;
        }
        let by_name = self.served().group(no).is_some_and(|group| groups.has_name(group.name()));
        by_name || self.derive.group_row(no).is_some_and(|row| groups.has(&row.record))
    }

    fn is_protected_person(&self, no: UserNo, before: &User) -> bool {
        let people = &self.rules().protected_people;
        if people.logins.contains(before.folded_name()) {
            return true;
        }
        let row = self.derive.mirror.person(no);
        let login = row.and_then(|row| row.record.attributes.get(Attribute::Login));
        if login.is_some_and(|login| people.logins.contains(&*fold(login.trim()))) {
            return true;
        }
        if !people.groups.is_empty() && self.is_in(no, |name| people.groups.contains(name)) {
            return true;
        }
        row.is_some_and(|row| {
            let holds = |formula: &Formula| formula.holds(Record::User(&row.record)) == Ok(true);
            people.formulas.iter().any(holds)
        })
    }

    /// Whether somebody is served in a group of such a folded name, directly or through groups.
    fn is_in(&self, no: UserNo, named: impl Fn(&str) -> bool) -> bool {
        let mut work = self.served().groups_of(no).to_vec();
        let mut seen: BTreeSet<u32> = work.iter().copied().collect();
        while let Some(no) = work.pop() {
            if self.served().group(GroupNo(no)).is_some_and(|group| named(group.folded_name())) {
                return true;
            }
            let above = self.served().parents_of(GroupNo(no)).iter().copied();
            work.extend(above.filter(|no| seen.insert(*no)));
        }
        false
    }
}
