//! What one application sees: its directories in order, laid over each other, at one position of the log.
//!
//! Invariants: a name is owned by the first directory that has it, and [`UserAt`] and [`GroupAt`] always
//! point to that owner, so they are equal exactly when the names are. A membership is shown when the
//! member's owning directory says so; in an aggregated view, when any directory says so of that name. In
//! a flattened view no group is in another, and whoever is in a group through groups is in it.

mod difference;
mod frozen;
mod successors;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    iter::Peekable,
    sync::Arc,
};

pub use self::{
    difference::Difference,
    frozen::{Frozen, FrozenNames, renamed},
    successors::{PersonAt, Successors, is_same_person},
};
use crate::{
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, UserNo},
    name::Name,
    nesting,
    recent::Recent,
    snapshot::Directory,
    user::User,
};

/// Everything that is served, at one position of the change log.
#[derive(Clone, Debug)]
pub struct Published {
    /// Which store it comes from.
    pub instance: Box<str>,
    /// Changes when positions of the log lose their meaning, as after a restore.
    pub epoch: u64,
    /// The position of the log.
    pub head: ChangeSeq,
    /// All directories at that position.
    pub directories: BTreeMap<DirectoryId, Served>,
    /// What the latest entries up to that position touched.
    pub recent: Recent,
    /// Names frozen for applications, by the application's number.
    pub frozen: BTreeMap<u32, Frozen>,
    /// Who has taken the place of people who are gone.
    pub successors: Arc<Successors>,
    /// Directories without those who make way in them, as views in this order and with these frozen names need them.
    pub without_leavers: WithoutLeavers,
}

/// Directories without people who make way, by the order of directories and the application whose names are frozen.
pub type WithoutLeavers = BTreeMap<(Vec<DirectoryId>, Option<u32>), Arc<Remaining>>;

/// What is left of an order of directories when leavers have made way.
#[derive(Clone, Debug, Default)]
pub struct Remaining {
    /// Who has made way.
    leavers: Vec<PersonAt>,
    /// The directories that had some of them.
    directories: BTreeMap<DirectoryId, Arc<Directory>>,
}

impl Published {
    /// A directory as an application sees it, frozen names included.
    fn layer(&self, id: DirectoryId, frozen: Option<u32>) -> Option<&Arc<Directory>> {
        let frozen = frozen.and_then(|application| self.frozen.get(&application));
        let served = || self.directories.get(&id).map(|served| &served.directory);
        frozen.and_then(|frozen| frozen.directory(id)).or_else(served)
    }

    /// Leavers of an order of directories who hide an active account that is not known to be theirs, each with that account.
    pub fn hidden_accounts(
        &self,
        order: &[DirectoryId],
        gone: &BTreeSet<PersonAt>,
    ) -> Vec<(PersonAt, PersonAt)> {
        let layers: Vec<_> =
            order.iter().filter_map(|id| Some((*id, self.layer(*id, None)?))).collect();
        successors::waiting(&layers, &self.successors, gone)
    }

    /// Leavers of an order of directories who have made way, each with the account that has the name.
    pub fn taken_over(&self, order: &[DirectoryId]) -> Vec<(PersonAt, PersonAt)> {
        let layers: Vec<_> =
            order.iter().filter_map(|id| Some((*id, self.layer(*id, None)?))).collect();
        successors::taken_over(&layers, &self.successors)
    }

    /// What is left of directories in an order, when those who are gone have made way.
    pub fn remaining(&self, order: &[DirectoryId], frozen: Option<u32>) -> Remaining {
        let layers: Vec<_> =
            order.iter().filter_map(|id| Some((*id, self.layer(*id, frozen)?))).collect();
        let leavers = successors::leavers(&layers, &self.successors);
        let mut directories = BTreeMap::new();
        for (id, directory) in layers {
            let of_it: Vec<UserNo> =
                leavers.iter().filter(|leaver| leaver.0 == id).map(|leaver| leaver.1).collect();
            if of_it.is_empty() {
                continue;
            }
            // What does not fit is a fault of the log, which the follower finds; then everybody is as served.
            if let Some(without) = successors::without(directory, &of_it) {
                directories.insert(id, Arc::new(without));
            }
        }
        Remaining { leavers, directories }
    }
}

/// How an application sees its directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Memberships come from all directories, not only from the one that owns the name.
    pub aggregate: bool,
    /// Groups are shown without groups in them, with everybody who is in them through groups.
    pub flattened: bool,
    /// The application whose frozen user names are shown.
    pub frozen: Option<u32>,
}

/// One directory as served.
#[derive(Clone, Debug)]
pub struct Served {
    /// Its name.
    pub name: Box<str>,
    /// The first part of its users' keys.
    pub key: Box<str>,
    /// What is in it.
    pub directory: Arc<Directory>,
    /// Whether a first complete load was ever committed.
    pub served_once: bool,
    /// Whether it is about to be removed.
    pub removing: bool,
    /// Whether somebody or a group is missing, who is served and cannot be read from the store.
    pub incomplete: bool,
}

/// Why a view cannot be shown: an incomplete answer would make products delete people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unservable {
    /// The application sees no directory at all.
    #[error("the application has no directory")]
    NoDirectory,
    /// A directory of the application is not there.
    #[error("directory {0} of the application is not there")]
    Missing(DirectoryId),
    /// A directory has not been loaded completely yet.
    #[error("directory {0} has not been read completely yet")]
    NeverServed(Box<str>),
    /// A directory is being removed.
    #[error("directory {0} is being removed")]
    Removing(Box<str>),
    /// Somebody who is served cannot be read, and a list without them would make products delete them.
    #[error(
        "directory {0} is damaged in the database, so that a list would lack somebody; see `muster alert list`"
    )]
    Incomplete(Box<str>),
}

/// An application's directories laid over each other.
#[derive(Clone, Debug)]
pub struct View {
    published: Arc<Published>,
    layers: Vec<Layer>,
    shape: Shape,
    /// The first directory of which somebody is missing.
    incomplete: Option<Box<str>>,
    remaining: Option<Arc<Remaining>>,
}

#[derive(Clone, Debug)]
struct Layer {
    id: DirectoryId,
    name: Box<str>,
    key: Box<str>,
    directory: Arc<Directory>,
}

/// A person of a view, by the directory that owns the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserAt {
    layer: u32,
    /// The number within the owning directory.
    pub no: UserNo,
}

/// A group of a view, by the directory that owns the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupAt {
    layer: u32,
    /// The number within the owning directory.
    pub no: GroupNo,
}

/// How far reading a view in the order of names has come: a position in each directory.
#[derive(Clone, Debug, Default)]
pub struct Place(Vec<usize>);

impl View {
    /// Lays directories over each other, the first on top.
    ///
    /// # Errors
    /// [`Unservable`] when that would show less than there is.
    pub fn new(
        published: Arc<Published>,
        directories: &[DirectoryId],
        shape: Shape,
    ) -> Result<Self, Unservable> {
        let remaining = remaining(&published, directories, shape);
        let mut layers = Vec::with_capacity(directories.len());
        let mut incomplete = None;
        for id in directories {
            let served = published.directories.get(id).ok_or(Unservable::Missing(*id))?;
            if served.removing {
                return Err(Unservable::Removing(served.name.clone()));
            }
            if !served.served_once {
                return Err(Unservable::NeverServed(served.name.clone()));
            }
            if served.incomplete {
                incomplete.get_or_insert_with(|| served.name.clone());
            }
            let rest = remaining.as_ref().and_then(|remaining| remaining.directories.get(id));
            let directory = rest.or_else(|| published.layer(*id, shape.frozen));
            let directory = Arc::clone(directory.unwrap_or(&served.directory));
            let (name, key) = (served.name.clone(), served.key.clone());
            layers.push(Layer { id: *id, name, key, directory });
        }
        if layers.is_empty() {
            return Err(Unservable::NoDirectory);
        }
        Ok(Self { published, layers, shape, incomplete, remaining })
    }

    /// Whether lists of it lack nobody; who is there can be asked for one by one in any case.
    ///
    /// # Errors
    /// [`Unservable::Incomplete`] when they would.
    pub fn whole(&self) -> Result<(), Unservable> {
        self.incomplete.clone().map_or(Ok(()), |name| Err(Unservable::Incomplete(name)))
    }

    /// The people of its directories who are gone and have made way to somebody of a later one.
    pub fn leavers(&self) -> &[PersonAt] {
        self.remaining.as_ref().map_or(&[], |remaining| &remaining.leavers)
    }

    /// The publication that it shows.
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// The ids of its directories in order.
    pub fn directories(&self) -> impl Iterator<Item = DirectoryId> {
        self.layers.iter().map(|layer| layer.id)
    }

    /// One of its directories.
    pub fn directory(&self, id: DirectoryId) -> Option<&Arc<Directory>> {
        self.layers.iter().find(|layer| layer.id == id).map(|layer| &layer.directory)
    }

    /// How the directories are seen.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The frozen name of a person who was renamed, in a view with frozen names.
    pub fn frozen_name(&self, directory: DirectoryId, no: UserNo) -> Option<&Name> {
        self.published.frozen.get(&self.shape.frozen?)?.name(directory, no)
    }

    /// The numbers of a group's members and the directory that they are of, if no other object has a say:
    /// what [`View::users_of`] would copy.
    pub fn stored_users_of(&self, group: GroupAt) -> Option<(&Directory, &[u32])> {
        let directory = self.single()?;
        let plain = !self.shape.flattened || directory.children_of(group.no).is_empty();
        plain.then(|| (directory, directory.users_of(group.no)))
    }

    /// The directory, if there is only one.
    fn single(&self) -> Option<&Directory> {
        match self.layers.as_slice() {
            [only] => Some(&only.directory),
            _ => None,
        }
    }

    /// A person.
    ///
    /// # Panics
    /// When `at` comes from another view.
    pub fn user(&self, at: UserAt) -> &User {
        self.layers[at.layer as usize].directory.user(at.no).expect("the person is of this view")
    }

    /// A group.
    ///
    /// # Panics
    /// When `at` comes from another view.
    pub fn group(&self, at: GroupAt) -> &Group {
        self.layers[at.layer as usize].directory.group(at.no).expect("the group is of this view")
    }

    /// The directory that owns a person's name.
    pub fn owner(&self, at: UserAt) -> DirectoryId {
        self.layers[at.layer as usize].id
    }

    /// The name of the directory that owns a person's name.
    pub fn owner_name(&self, at: UserAt) -> &str {
        &self.layers[at.layer as usize].name
    }

    /// The first part of a person's key.
    pub fn directory_key(&self, at: UserAt) -> &str {
        &self.layers[at.layer as usize].key
    }

    /// The first part of what would be a group's key.
    pub fn directory_key_of_group(&self, at: GroupAt) -> &str {
        &self.layers[at.layer as usize].key
    }

    /// The directory whose users have keys that begin so.
    pub fn directory_with_key(&self, key: &str) -> Option<DirectoryId> {
        self.layers.iter().find(|layer| &*layer.key == key).map(|layer| layer.id)
    }

    /// The directory that owns a group's name.
    pub fn group_owner(&self, at: GroupAt) -> DirectoryId {
        self.layers[at.layer as usize].id
    }

    /// A person by folded name.
    pub fn user_named(&self, folded: &str) -> Option<UserAt> {
        self.layers().find_map(|(layer, directory)| {
            let (no, _) = directory.user_by_name(folded)?;
            Some(UserAt { layer, no })
        })
    }

    /// A group by folded name.
    pub fn group_named(&self, folded: &str) -> Option<GroupAt> {
        self.layers().find_map(|(layer, directory)| {
            let (no, _) = directory.group_by_name(folded)?;
            Some(GroupAt { layer, no })
        })
    }

    /// A person by directory and provider id, unless another directory owns the name.
    pub fn user_keyed(&self, directory: DirectoryId, id: &crate::id::ProviderId) -> Option<UserAt> {
        let layer = self.layers.iter().position(|layer| layer.id == directory)?;
        let (no, user) = self.layers[layer].directory.user_by_id(id)?;
        let at = UserAt { layer: u32::try_from(layer).ok()?, no };
        (self.user_named(user.folded_name()) == Some(at)).then_some(at)
    }

    /// A person by directory and number, unless another directory owns the name.
    pub fn user_numbered(&self, directory: DirectoryId, no: UserNo) -> Option<UserAt> {
        let user = self.directory(directory)?.user(no)?;
        let at = self.user_named(user.folded_name())?;
        (at.no == no && self.owner(at) == directory).then_some(at)
    }

    /// The next people in the order of their folded names, at most `max`; none at the end.
    pub fn next_users(&self, place: &mut Place, max: usize) -> Vec<UserAt> {
        place.0.resize(self.layers.len(), 0);
        if let Some(directory) = self.single() {
            let users = directory.users_from(place.0[0]).take(max);
            let users: Vec<_> = users.map(|(no, _)| UserAt { layer: 0, no }).collect();
            place.0[0] += users.len();
            return users;
        }
        let sources = self.layers().zip(&place.0).map(|((layer, directory), start)| {
            directory
                .users_from(*start)
                .map(move |(no, user)| (user.folded_name(), UserAt { layer, no }))
        });
        merge(sources.map(Iterator::peekable).collect(), &mut place.0, max)
    }

    /// The next groups in the order of their folded names, at most `max`; none at the end.
    pub fn next_groups(&self, place: &mut Place, max: usize) -> Vec<GroupAt> {
        place.0.resize(self.layers.len(), 0);
        if let Some(directory) = self.single() {
            let groups = directory.groups_from(place.0[0]).take(max);
            let groups: Vec<_> = groups.map(|(no, _)| GroupAt { layer: 0, no }).collect();
            place.0[0] += groups.len();
            return groups;
        }
        let sources = self.layers().zip(&place.0).map(|((layer, directory), start)| {
            directory
                .groups_from(*start)
                .map(move |(no, group)| (group.folded_name(), GroupAt { layer, no }))
        });
        merge(sources.map(Iterator::peekable).collect(), &mut place.0, max)
    }

    /// A place `skip` objects from the start, if that can be had without reading them.
    pub fn place_at(&self, skip: usize) -> Option<Place> {
        self.single().map(|_| Place(vec![skip]))
    }

    /// A group's direct members, each once, in no particular order.
    pub fn users_of(&self, group: GroupAt) -> Vec<UserAt> {
        if self.shape.flattened {
            nesting::users_of(self, group)
        } else {
            self.said_users_of(group)
        }
    }

    /// The same as the directories say, however the view shows it.
    pub(crate) fn said_users_of(&self, group: GroupAt) -> Vec<UserAt> {
        if let Some(directory) = self.single() {
            let users = directory.users_of(group.no);
            return users.iter().map(|no| UserAt { layer: 0, no: UserNo(*no) }).collect();
        }
        let mut all = Vec::new();
        for (layer, directory, no) in self.groups_called(self.group(group).folded_name()) {
            for no in directory.users_of(no) {
                let user = directory.user(UserNo(*no)).map(|user| user.folded_name());
                let at = user.and_then(|name| self.user_named(name));
                all.extend(at.filter(|at| self.shape.aggregate || at.layer == layer));
            }
        }
        distinct(all)
    }

    /// The groups directly inside a group, each once, in no particular order.
    pub fn children_of(&self, group: GroupAt) -> Vec<GroupAt> {
        if self.shape.flattened { Vec::new() } else { self.said_children_of(group) }
    }

    /// The same as the directories say, however the view shows it.
    pub(crate) fn said_children_of(&self, group: GroupAt) -> Vec<GroupAt> {
        if let Some(directory) = self.single() {
            let groups = directory.children_of(group.no);
            return groups.iter().map(|no| GroupAt { layer: 0, no: GroupNo(*no) }).collect();
        }
        let mut all = Vec::new();
        for (layer, directory, no) in self.groups_called(self.group(group).folded_name()) {
            let children = directory.children_of(no);
            let named = self.resolve_groups(directory, children);
            all.extend(named.filter(|at| self.shape.aggregate || at.layer == layer));
        }
        distinct(all)
    }

    /// The groups that a person is directly in, each once, in no particular order.
    pub fn groups_of(&self, user: UserAt) -> Vec<GroupAt> {
        if self.shape.flattened {
            nesting::groups_of(self, user)
        } else {
            self.said_groups_of(user)
        }
    }

    /// The same as the directories say, however the view shows it.
    pub(crate) fn said_groups_of(&self, user: UserAt) -> Vec<GroupAt> {
        let owner = &self.layers[user.layer as usize].directory;
        if !self.shape.aggregate || self.layers.len() == 1 {
            return distinct(self.resolve_groups(owner, owner.groups_of(user.no)).collect());
        }
        let name = self.user(user).folded_name();
        let mut all = Vec::new();
        for (_, directory) in self.layers() {
            if let Some((no, _)) = directory.user_by_name(name) {
                all.extend(self.resolve_groups(directory, directory.groups_of(no)));
            }
        }
        distinct(all)
    }

    /// The groups that a group is directly in, each once, in no particular order.
    pub fn parents_of(&self, group: GroupAt) -> Vec<GroupAt> {
        if self.shape.flattened { Vec::new() } else { self.said_parents_of(group) }
    }

    /// The same as the directories say, however the view shows it.
    pub(crate) fn said_parents_of(&self, group: GroupAt) -> Vec<GroupAt> {
        let owner = &self.layers[group.layer as usize].directory;
        if !self.shape.aggregate || self.layers.len() == 1 {
            return distinct(self.resolve_groups(owner, owner.parents_of(group.no)).collect());
        }
        let mut all = Vec::new();
        for (_, directory, no) in self.groups_called(self.group(group).folded_name()) {
            all.extend(self.resolve_groups(directory, directory.parents_of(no)));
        }
        distinct(all)
    }

    /// Whether a person is directly in a group.
    pub fn is_member(&self, user: UserAt, group: GroupAt) -> bool {
        if self.shape.flattened {
            return nesting::groups_of(self, user).contains(&group);
        }
        self.edge_shown(user.layer, |directory| {
            let (user, _) = directory.user_by_name(self.user(user).folded_name())?;
            let (group, _) = directory.group_by_name(self.group(group).folded_name())?;
            directory.groups_of(user).binary_search(&group.0).ok()
        })
    }

    /// Whether a group is directly inside another.
    pub fn is_child(&self, child: GroupAt, parent: GroupAt) -> bool {
        !self.shape.flattened
            && self.edge_shown(child.layer, |directory| {
                let (child, _) = directory.group_by_name(self.group(child).folded_name())?;
                let (parent, _) = directory.group_by_name(self.group(parent).folded_name())?;
                directory.parents_of(child).binary_search(&parent.0).ok()
            })
    }

    /// Sorts people by folded name, the order in which lists are paged.
    pub fn sort_users(&self, users: &mut [UserAt]) {
        users.sort_unstable_by(|a, b| self.user(*a).folded_name().cmp(self.user(*b).folded_name()));
    }

    /// Sorts groups by folded name, the order in which lists are paged.
    pub fn sort_groups(&self, groups: &mut [GroupAt]) {
        groups.sort_unstable_by(|a, b| {
            self.group(*a).folded_name().cmp(self.group(*b).folded_name())
        });
    }

    /// Asks the member's owning directory about an edge, or all of them in an aggregated view.
    fn edge_shown(&self, owner: u32, has: impl Fn(&Directory) -> Option<usize>) -> bool {
        self.layers()
            .filter(|(layer, _)| self.shape.aggregate || *layer == owner)
            .any(|(_, directory)| has(directory).is_some())
    }

    fn layers(&self) -> impl Iterator<Item = (u32, &Directory)> {
        (0..).zip(&self.layers).map(|(no, layer)| (no, &*layer.directory))
    }

    fn groups_called<'a>(
        &'a self,
        folded: &'a str,
    ) -> impl Iterator<Item = (u32, &'a Directory, GroupNo)> {
        self.layers().filter_map(move |(layer, directory)| {
            directory.group_by_name(folded).map(|(no, _)| (layer, directory, no))
        })
    }

    fn resolve_groups<'a>(
        &'a self,
        directory: &'a Directory,
        numbers: &'a [u32],
    ) -> impl Iterator<Item = GroupAt> + 'a {
        let single = self.layers.len() == 1;
        numbers.iter().filter_map(move |no| {
            if single {
                return Some(GroupAt { layer: 0, no: GroupNo(*no) });
            }
            self.group_named(directory.group(GroupNo(*no))?.folded_name())
        })
    }
}

/// What is left when leavers have made way; as published, or found now for a view that nobody has yet.
fn remaining(
    published: &Published,
    directories: &[DirectoryId],
    shape: Shape,
) -> Option<Arc<Remaining>> {
    if directories.len() < 2 || published.successors.is_empty() {
        return None;
    }
    let known = published.without_leavers.get(&(directories.to_vec(), shape.frozen));
    Some(known.map_or_else(|| Arc::new(published.remaining(directories, shape.frozen)), Arc::clone))
}

/// Takes up to `max` objects in the order of their names; of equal names the topmost directory's.
fn merge<'a, T, I: Iterator<Item = (&'a str, T)>>(
    mut sources: Vec<Peekable<I>>,
    positions: &mut [usize],
    max: usize,
) -> Vec<T> {
    let mut taken = Vec::new();
    while taken.len() < max {
        let mut least: Option<&'a str> = None;
        for source in &mut sources {
            let Some((name, _)) = source.peek() else { continue };
            if least.is_none_or(|least| name.cmp(&least) == Ordering::Less) {
                least = Some(name);
            }
        }
        let Some(name) = least else { break };
        let mut owner = None;
        for (source, position) in sources.iter_mut().zip(&mut *positions) {
            if let Some((_, object)) = source.next_if(|(other, _)| *other == name) {
                *position += 1;
                owner = owner.or(Some(object));
            }
        }
        taken.extend(owner);
    }
    taken
}

fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
