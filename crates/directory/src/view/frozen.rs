//! User names frozen for one application, for clients that know people by name only (DESIGN.md 10.15).
//!
//! Invariants: a frozen person has the name under which the application first knew them, whatever the
//! directory calls them now; somebody who was given such a name since is left out for this application,
//! so that nobody inherits what belongs to another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Served;
use crate::{
    change::{Change, MembersChange},
    id::{DirectoryId, GroupNo, UserNo},
    name::{Name, fold},
    snapshot::Directory,
    user::{User, UserFields},
};

/// The names of people who were renamed since an application knows them, by directory and number.
pub type FrozenNames = BTreeMap<(DirectoryId, UserNo), Name>;

/// Directories as an application with frozen names sees them.
#[derive(Clone, Debug, Default)]
pub struct Frozen {
    names: FrozenNames,
    directories: BTreeMap<DirectoryId, Arc<Directory>>,
}

impl Frozen {
    /// Gives people their old names in a copy of each directory that has any.
    pub fn new(names: FrozenNames, served: &BTreeMap<DirectoryId, Served>) -> Self {
        let mut of_directories: BTreeMap<DirectoryId, BTreeMap<UserNo, &Name>> = BTreeMap::new();
        for ((directory, no), name) in &names {
            of_directories.entry(*directory).or_default().insert(*no, name);
        }
        let directories = of_directories.into_iter().filter_map(|(id, names)| {
            let directory = &served.get(&id)?.directory;
            // What does not fit is a fault of the log, which the follower finds; then names are as served.
            let frozen = directory.apply(&renamings(directory, &names)).ok()?;
            Some((id, Arc::new(frozen)))
        });
        let directories = directories.collect();
        Self { names, directories }
    }

    /// The names.
    pub fn names(&self) -> &FrozenNames {
        &self.names
    }

    /// The name of a person who was renamed.
    pub fn name(&self, directory: DirectoryId, no: UserNo) -> Option<&Name> {
        self.names.get(&(directory, no))
    }

    pub(super) fn directory(&self, id: DirectoryId) -> Option<&Arc<Directory>> {
        self.directories.get(&id)
    }
}

fn renamings(directory: &Directory, names: &BTreeMap<UserNo, &Name>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut leaving: BTreeMap<GroupNo, Vec<UserNo>> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (no, name) in names {
        let Some(user) = directory.user(*no) else { continue };
        if user.folded_name() == name.folded() || !taken.insert(name.folded()) {
            continue;
        }
        changes.push(Change::User {
            no: *no,
            before: Some(Arc::clone(user)),
            after: Some(Arc::new(named(user, name))),
        });
        let newcomer = directory.user_by_name(name.folded());
        if let Some((no, user)) = newcomer.filter(|(no, _)| !is_renamed(directory, names, *no)) {
            for group in directory.groups_of(no) {
                leaving.entry(GroupNo(*group)).or_default().push(no);
            }
            changes.push(Change::User { no, before: Some(Arc::clone(user)), after: None });
        }
    }
    for (group, mut users) in leaving {
        users.sort_unstable();
        let users_removed = users;
        changes.push(Change::Members(MembersChange { users_removed, ..MembersChange::of(group) }));
    }
    changes
}

/// Whether somebody goes by another name than the directory's.
fn is_renamed(directory: &Directory, names: &BTreeMap<UserNo, &Name>, no: UserNo) -> bool {
    let frozen = names.get(&no).map(|name| name.folded());
    frozen.is_some() && frozen != directory.user(no).map(|user| user.folded_name())
}

fn named(user: &User, name: &Name) -> User {
    User::new(&UserFields {
        id: user.id(),
        name,
        first_name: user.first_name(),
        last_name: user.last_name(),
        display_name: user.display_name(),
        email: user.email(),
        active: user.active(),
        created: user.created(),
        updated: user.updated(),
    })
}

/// Whether a change of a person is a new name, not only a new spelling; gives the old one.
pub fn renamed(change: &Change) -> Option<(UserNo, &str)> {
    let Change::User { no, before: Some(before), after: Some(after) } = change else { return None };
    let old = before.name();
    (fold(old) != fold(after.name())).then_some((*no, old))
}
