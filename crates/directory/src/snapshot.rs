//! An immutable, indexed directory in memory: what every protocol reads people and groups from.
//!
//! Invariants: [`Directory::apply`] leaves the old snapshot as it was and costs what the changes cost, not
//! what the directory holds; every edge joins two objects that are there; both directions of an edge
//! agree; the ids and folded names of users are unique, and those of groups.

mod index;
mod search;
mod slab;

use std::{cmp::Ordering, sync::Arc};

use self::{index::Index, slab::Slab};
use crate::{
    change::{Change, MembersChange},
    group::Group,
    id::{GroupNo, ProviderId, UserNo, beginning},
    user::User,
};

/// The directory as served at one position of the change log.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: Slab<User>,
    groups: Slab<Group>,
    users_by_name: Index,
    users_by_id: Index,
    groups_by_name: Index,
    groups_by_id: Index,
    /// The four directions of edges; lists sorted by number.
    groups_of_user: Slab<[u32]>,
    users_of_group: Slab<[u32]>,
    children: Slab<[u32]>,
    parents: Slab<[u32]>,
    memberships: usize,
    nestings: usize,
    active_users: usize,
}

/// How many things a directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Size {
    /// People.
    pub users: usize,
    /// People who may log in.
    #[serde(default)]
    pub active_users: usize,
    /// Groups.
    pub groups: usize,
    /// People in groups, direct.
    pub memberships: usize,
    /// Groups in groups, direct.
    pub nestings: usize,
}

impl Size {
    /// Memberships of users and of groups together.
    pub fn all_memberships(&self) -> usize {
        self.memberships + self.nestings
    }
}

/// A change that does not fit the directory it is applied to: the log and the snapshot disagree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change log and directory disagree: {0}")]
pub struct Mismatch(pub String);

impl Directory {
    /// How many things it holds.
    pub fn size(&self) -> Size {
        Size {
            users: self.users.len(),
            active_users: self.active_users,
            groups: self.groups.len(),
            memberships: self.memberships,
            nestings: self.nestings,
        }
    }

    /// A person by number.
    #[inline]
    pub fn user(&self, no: UserNo) -> Option<&Arc<User>> {
        self.users.get(no.0)
    }

    /// A group by number.
    pub fn group(&self, no: GroupNo) -> Option<&Arc<Group>> {
        self.groups.get(no.0)
    }

    /// A person by folded user name ([`crate::name::fold`]).
    pub fn user_by_name(&self, folded: &str) -> Option<(UserNo, &Arc<User>)> {
        let no = self.users_by_name.find(|no| user_name(&self.users, no).cmp(folded))?;
        Some((UserNo(no), self.users.get(no)?))
    }

    /// A group by folded name.
    pub fn group_by_name(&self, folded: &str) -> Option<(GroupNo, &Arc<Group>)> {
        let no = self.groups_by_name.find(|no| group_name(&self.groups, no).cmp(folded))?;
        Some((GroupNo(no), self.groups.get(no)?))
    }

    /// A person by the provider's id.
    pub fn user_by_id(&self, id: &ProviderId) -> Option<(UserNo, &Arc<User>)> {
        let no = self.users_by_id.find(|no| user_id(&self.users, no).cmp(&Some(id)))?;
        Some((UserNo(no), self.users.get(no)?))
    }

    /// A group by the provider's id.
    pub fn group_by_id(&self, id: &ProviderId) -> Option<(GroupNo, &Arc<Group>)> {
        let no = self.groups_by_id.find(|no| group_id(&self.groups, no).cmp(&Some(id)))?;
        Some((GroupNo(no), self.groups.get(no)?))
    }

    /// All people in the order of their folded names, from the `start`th on.
    pub fn users_from(&self, start: usize) -> impl Iterator<Item = (UserNo, &Arc<User>)> {
        let named = self.users_by_name.iter_from(start);
        named.filter_map(|no| self.users.get(no).map(|user| (UserNo(no), user)))
    }

    /// All groups in the order of their folded names, from the `start`th on.
    pub fn groups_from(&self, start: usize) -> impl Iterator<Item = (GroupNo, &Arc<Group>)> {
        let named = self.groups_by_name.iter_from(start);
        named.filter_map(|no| self.groups.get(no).map(|group| (GroupNo(no), group)))
    }

    /// All people whose folded name comes after `folded`, in the order of those names.
    pub fn users_after(&self, folded: &str) -> impl Iterator<Item = (UserNo, &Arc<User>)> {
        let named = self.users_by_name.iter_after(|no| user_name(&self.users, no).cmp(folded));
        named.filter_map(|no| self.users.get(no).map(|user| (UserNo(no), user)))
    }

    /// All groups whose folded name comes after `folded`, in the order of those names.
    pub fn groups_after(&self, folded: &str) -> impl Iterator<Item = (GroupNo, &Arc<Group>)> {
        let named = self.groups_by_name.iter_after(|no| group_name(&self.groups, no).cmp(folded));
        named.filter_map(|no| self.groups.get(no).map(|group| (GroupNo(no), group)))
    }

    /// The numbers of a group's direct members, ascending.
    #[inline]
    pub fn users_of(&self, group: GroupNo) -> &[u32] {
        edges(&self.users_of_group, group.0)
    }

    /// The numbers of the groups that a person is directly in, ascending.
    pub fn groups_of(&self, user: UserNo) -> &[u32] {
        edges(&self.groups_of_user, user.0)
    }

    /// The numbers of the groups directly inside a group, ascending.
    pub fn children_of(&self, group: GroupNo) -> &[u32] {
        edges(&self.children, group.0)
    }

    /// The numbers of the groups that a group is directly in, ascending.
    pub fn parents_of(&self, group: GroupNo) -> &[u32] {
        edges(&self.parents, group.0)
    }

    /// The directory after the changes of one run, which must be the next one in the log.
    ///
    /// # Errors
    /// [`Mismatch`] when a change does not fit; the directory must then be loaded again.
    pub fn apply<'a>(
        &self,
        changes: impl IntoIterator<Item = &'a Change>,
    ) -> Result<Self, Mismatch> {
        let mut next = self.clone();
        let mut edges = EdgeEdits::default();
        // Names are taken out before any is put in, since two people may swap theirs in one run.
        let changes: Vec<&Change> = changes.into_iter().collect();
        for change in &changes {
            next.check_before(change)?;
            next.unname(change);
        }
        let mut named = Named::default();
        for change in &changes {
            match change {
                Change::User { no, before, after } => {
                    let active = |user: &Option<Arc<User>>| {
                        usize::from(user.as_ref().is_some_and(|u| u.active()))
                    };
                    next.active_users = next.active_users + active(after) - active(before);
                    next.users.set(no.0, after.clone());
                    named.users.extend(after.is_some().then_some(no.0));
                }
                Change::Group { no, after, .. } => {
                    next.groups.set(no.0, after.clone());
                    named.groups.extend(after.is_some().then_some(no.0));
                }
                Change::Members(change) => edges.add(change),
            }
        }
        next.name(&named)?;
        next.apply_edges(edges)?;
        for change in changes {
            next.check_gone(change)?;
        }
        Ok(next)
    }

    fn check_before(&self, change: &Change) -> Result<(), Mismatch> {
        let (fits, what) = match change {
            Change::User { no, before, .. } => {
                (self.users.get(no.0) == before.as_ref(), ("user", no.0))
            }
            Change::Group { no, before, .. } => {
                (self.groups.get(no.0) == before.as_ref(), ("group", no.0))
            }
            Change::Members(_) => return Ok(()),
        };
        if fits {
            Ok(())
        } else {
            Err(Mismatch(format!("{} {} is not as the log says", what.0, what.1)))
        }
    }

    /// Takes what a change replaces out of the name and id indexes.
    fn unname(&mut self, change: &Change) {
        match change {
            Change::User { before: Some(before), .. } => {
                let users = &self.users;
                let folded = before.folded_name();
                self.users_by_name.remove(|no| user_name(users, no).cmp(folded));
                self.users_by_id.remove(|no| user_id(users, no).cmp(&Some(before.id())));
            }
            Change::Group { before: Some(before), .. } => {
                let groups = &self.groups;
                let folded = before.folded_name();
                self.groups_by_name.remove(|no| group_name(groups, no).cmp(folded));
                self.groups_by_id.remove(|no| group_id(groups, no).cmp(&Some(before.id())));
            }
            _ => {}
        }
    }

    fn name(&mut self, named: &Named) -> Result<(), Mismatch> {
        let users = &self.users;
        let name = |no: u32| beginning(user_name(users, no).as_bytes());
        enter(&mut self.users_by_name, &named.users, name, |a, b| {
            user_name(users, a).cmp(user_name(users, b))
        });
        let id = |no: u32| user_id(users, no).map_or(0, ProviderId::beginning);
        enter(&mut self.users_by_id, &named.users, id, |a, b| {
            user_id(users, a).cmp(&user_id(users, b))
        });
        let groups = &self.groups;
        let name = |no: u32| beginning(group_name(groups, no).as_bytes());
        enter(&mut self.groups_by_name, &named.groups, name, |a, b| {
            group_name(groups, a).cmp(group_name(groups, b))
        });
        let id = |no: u32| group_id(groups, no).map_or(0, ProviderId::beginning);
        enter(&mut self.groups_by_id, &named.groups, id, |a, b| {
            group_id(groups, a).cmp(&group_id(groups, b))
        });
        let unique = self.users_by_name.len() == self.users.len()
            && self.users_by_id.len() == self.users.len()
            && self.groups_by_name.len() == self.groups.len()
            && self.groups_by_id.len() == self.groups.len();
        if unique {
            Ok(())
        } else {
            Err(Mismatch("two objects have one name or one id".to_owned()))
        }
    }

    fn apply_edges(&mut self, edits: EdgeEdits) -> Result<(), Mismatch> {
        let users_there = |edit: &EdgeEdit| self.users.get(edit.member).is_some();
        let groups_there = |edit: &EdgeEdit| self.groups.get(edit.member).is_some();
        check_ends(&self.groups, &edits.memberships, users_there)?;
        check_ends(&self.groups, &edits.nestings, groups_there)?;
        merge_edges(&mut self.groups_of_user, turned(&edits.memberships));
        let (came, went) = merge_edges(&mut self.users_of_group, edits.memberships);
        self.memberships = self.memberships + came - went;
        merge_edges(&mut self.parents, turned(&edits.nestings));
        let (came, went) = merge_edges(&mut self.children, edits.nestings);
        self.nestings = self.nestings + came - went;
        Ok(())
    }

    /// Whoever goes must have been taken out of all groups by the same run.
    fn check_gone(&self, change: &Change) -> Result<(), Mismatch> {
        let left_over = match change {
            Change::User { no, after: None, .. } => !self.groups_of(*no).is_empty(),
            Change::Group { no, after: None, .. } => {
                !self.users_of(*no).is_empty()
                    || !self.children_of(*no).is_empty()
                    || !self.parents_of(*no).is_empty()
            }
            _ => false,
        };
        if left_over {
            Err(Mismatch("an object went and left edges behind".to_owned()))
        } else {
            Ok(())
        }
    }
}

/// Two directories are equal when they serve the same objects, at the same numbers, with the same edges.
impl PartialEq for Directory {
    fn eq(&self, other: &Self) -> bool {
        self.size() == other.size()
            && self.users.iter().eq(other.users.iter())
            && self.groups.iter().eq(other.groups.iter())
            && self.groups.iter().all(|(no, _)| {
                let no = GroupNo(no);
                self.users_of(no) == other.users_of(no)
                    && self.children_of(no) == other.children_of(no)
                    && self.parents_of(no) == other.parents_of(no)
            })
            && self
                .users
                .iter()
                .all(|(no, _)| self.groups_of(UserNo(no)) == other.groups_of(UserNo(no)))
            && self.users_by_name.iter_from(0).eq(other.users_by_name.iter_from(0))
            && self.groups_by_name.iter_from(0).eq(other.groups_by_name.iter_from(0))
    }
}

impl Eq for Directory {}

/// Numbers whose names and ids have to enter the indexes.
#[derive(Default)]
struct Named {
    users: Vec<u32>,
    groups: Vec<u32>,
}

/// Edges that come and go.
#[derive(Default)]
struct EdgeEdits {
    memberships: Vec<EdgeEdit>,
    nestings: Vec<EdgeEdit>,
}

/// One edge, seen from the object whose list it is in.
#[derive(Clone, Copy)]
struct EdgeEdit {
    owner: u32,
    member: u32,
    added: bool,
}

impl EdgeEdits {
    fn add(&mut self, change: &MembersChange) {
        let owner = change.group.0;
        let edit = |member, added| EdgeEdit { owner, member, added };
        self.memberships.extend(change.users_removed.iter().map(|user| edit(user.0, false)));
        self.memberships.extend(change.users_added.iter().map(|user| edit(user.0, true)));
        self.nestings.extend(change.groups_removed.iter().map(|child| edit(child.0, false)));
        self.nestings.extend(change.groups_added.iter().map(|child| edit(child.0, true)));
    }
}

fn turned(edits: &[EdgeEdit]) -> Vec<EdgeEdit> {
    edits.iter().map(|e| EdgeEdit { owner: e.member, member: e.owner, added: e.added }).collect()
}

/// Merges edits into the sorted lists they belong to; says how many edges came and went.
fn merge_edges(lists: &mut Slab<[u32]>, mut edits: Vec<EdgeEdit>) -> (usize, usize) {
    edits.sort_unstable_by_key(|edit| (edit.owner, edit.member));
    let (mut came, mut went) = (0, 0);
    for edits in edits.chunk_by(|a, b| a.owner == b.owner) {
        let owner = edits[0].owner;
        let old = edges(lists, owner);
        let mut new = Vec::with_capacity(old.len() + edits.len());
        let mut kept = old.iter().copied().peekable();
        for edit in edits {
            while let Some(before) = kept.next_if(|k| *k < edit.member) {
                new.push(before);
            }
            let was = kept.next_if_eq(&edit.member).is_some();
            came += usize::from(edit.added && !was);
            went += usize::from(!edit.added && was);
            new.extend(edit.added.then_some(edit.member));
        }
        new.extend(kept);
        lists.set(owner, (!new.is_empty()).then(|| Arc::from(new)));
    }
    (came, went)
}

fn check_ends(
    groups: &Slab<Group>,
    edits: &[EdgeEdit],
    member_there: impl Fn(&EdgeEdit) -> bool,
) -> Result<(), Mismatch> {
    let hangs =
        |edit: &&EdgeEdit| edit.added && (groups.get(edit.owner).is_none() || !member_there(edit));
    match edits.iter().find(hangs) {
        Some(edit) => Err(Mismatch(format!(
            "the edge of group {} and {} hangs in the air",
            edit.owner, edit.member
        ))),
        None => Ok(()),
    }
}

/// Enters numbers into an index; many at once are sorted in rather than inserted one by one. `begins` is the
/// beginning of a number's text: texts are far apart in memory, and few comparisons need more of them.
fn enter(
    index: &mut Index,
    numbers: &[u32],
    begins: impl Fn(u32) -> u64,
    compare: impl Fn(u32, u32) -> Ordering,
) {
    if numbers.len() > 64 && numbers.len() > index.len() / 8 {
        let all = index.iter_from(0).chain(numbers.iter().copied());
        let mut all: Vec<(u64, u32)> = all.map(|no| (begins(no), no)).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| compare(a.1, b.1)));
        all.dedup_by(|a, b| a.0 == b.0 && compare(a.1, b.1).is_eq());
        let all: Vec<u32> = all.into_iter().map(|(_, no)| no).collect();
        *index = Index::from_sorted(&all);
        return;
    }
    for no in numbers {
        index.insert(*no, |other| compare(other, *no));
    }
}

fn edges(lists: &Slab<[u32]>, owner: u32) -> &[u32] {
    lists.get(owner).map(|list| &**list).unwrap_or_default()
}

fn user_name(users: &Slab<User>, no: u32) -> &str {
    users.get(no).map(|user| user.folded_name()).unwrap_or_default()
}

fn user_id(users: &Slab<User>, no: u32) -> Option<&ProviderId> {
    users.get(no).map(|user| user.id())
}

fn group_name(groups: &Slab<Group>, no: u32) -> &str {
    groups.get(no).map(|group| group.folded_name()).unwrap_or_default()
}

fn group_id(groups: &Slab<Group>, no: u32) -> Option<&ProviderId> {
    groups.get(no).map(|group| group.id())
}
