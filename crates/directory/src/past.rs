//! One person or group as it was: what is served now, with the newer entries of the log taken back one by one.
//!
//! Invariant: taking back all entries about the object that are newer than a position, the newest first, gives the
//! object as it was served at that position, gone or not.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    change::Change,
    decisions::Node,
    group::Group,
    id::{GroupNo, UserNo},
    snapshot::Directory,
    user::User,
};

/// A person with the groups that they were directly in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonThen {
    no: UserNo,
    /// As served; none when they were not.
    pub user: Option<Arc<User>>,
    /// The groups.
    pub groups: BTreeSet<GroupNo>,
}

/// A group with its direct members, and the groups that it was directly in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupThen {
    no: GroupNo,
    /// As served; none when it was not.
    pub group: Option<Arc<Group>>,
    /// People and groups in it.
    pub members: BTreeSet<Node>,
    /// The groups around it.
    pub parents: BTreeSet<GroupNo>,
}

impl PersonThen {
    /// As served now.
    pub fn now(directory: &Directory, no: UserNo) -> Self {
        let groups = directory.groups_of(no).iter().map(|group| GroupNo(*group)).collect();
        Self { no, user: directory.user(no).cloned(), groups }
    }

    /// Takes the newest entry back.
    pub fn take_back(&mut self, change: &Change) {
        match change {
            Change::User { no, before, .. } if *no == self.no => self.user.clone_from(before),
            Change::Members(members) => {
                let was = (&members.users_added, &members.users_removed);
                turn(
                    &mut self.groups,
                    members.group,
                    (was.0.contains(&self.no), was.1.contains(&self.no)),
                );
            }
            _ => {}
        }
    }
}

impl GroupThen {
    /// As served now.
    pub fn now(directory: &Directory, no: GroupNo) -> Self {
        let users = directory.users_of(no).iter().map(|user| Node::User(UserNo(*user)));
        let groups = directory.children_of(no).iter().map(|group| Node::Group(GroupNo(*group)));
        let parents = directory.parents_of(no).iter().map(|group| GroupNo(*group)).collect();
        Self {
            no,
            group: directory.group(no).cloned(),
            members: users.chain(groups).collect(),
            parents,
        }
    }

    /// Takes the newest entry back.
    pub fn take_back(&mut self, change: &Change) {
        match change {
            Change::Group { no, before, .. } if *no == self.no => self.group.clone_from(before),
            Change::Members(members) if members.group == self.no => {
                for no in &members.users_added {
                    self.members.remove(&Node::User(*no));
                }
                for no in &members.groups_added {
                    self.members.remove(&Node::Group(*no));
                }
                self.members.extend(members.users_removed.iter().map(|no| Node::User(*no)));
                self.members.extend(members.groups_removed.iter().map(|no| Node::Group(*no)));
            }
            Change::Members(members) => {
                let was = (&members.groups_added, &members.groups_removed);
                turn(
                    &mut self.parents,
                    members.group,
                    (was.0.contains(&self.no), was.1.contains(&self.no)),
                );
            }
            _ => {}
        }
    }
}

/// Takes back that an object joined or left a group.
fn turn(groups: &mut BTreeSet<GroupNo>, group: GroupNo, (joined, left): (bool, bool)) {
    if joined {
        groups.remove(&group);
    }
    if left {
        groups.insert(group);
    }
}
