//! One entry of the append-only change log: what became of one object in one run.
//!
//! Invariants: a change carries what was before and what is after, so it can be shown, told to products
//! and turned round; folding all changes from the empty directory gives the directory as served; one run
//! has one entry per object at the most, and the membership changes of a group are one entry.

use std::sync::Arc;

use crate::{
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, RunId, UserNo},
    user::User,
};

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A person came (`before` is none), changed, or went (`after` is none).
    User {
        /// The person.
        no: UserNo,
        /// As served before.
        before: Option<Arc<User>>,
        /// As served from now on.
        after: Option<Arc<User>>,
    },
    /// A group came, changed or went; its edges are changes of their own.
    Group {
        /// The group.
        no: GroupNo,
        /// As served before.
        before: Option<Arc<Group>>,
        /// As served from now on.
        after: Option<Arc<Group>>,
    },
    /// Direct members of one group.
    Members(MembersChange),
}

impl Change {
    /// The change that takes this one back.
    #[must_use]
    pub fn turned_round(&self) -> Self {
        match self {
            Self::User { no, before, after } => {
                Self::User { no: *no, before: after.clone(), after: before.clone() }
            }
            Self::Group { no, before, after } => {
                Self::Group { no: *no, before: after.clone(), after: before.clone() }
            }
            Self::Members(members) => Self::Members(MembersChange {
                group: members.group,
                users_added: members.users_removed.clone(),
                users_removed: members.users_added.clone(),
                groups_added: members.groups_removed.clone(),
                groups_removed: members.groups_added.clone(),
            }),
        }
    }
}

/// Changes of one group's direct members; all lists sorted, without repetition, disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersChange {
    /// The group.
    pub group: GroupNo,
    /// People who became members.
    pub users_added: Vec<UserNo>,
    /// People who ceased to be.
    pub users_removed: Vec<UserNo>,
    /// Groups that became nested here.
    pub groups_added: Vec<GroupNo>,
    /// Groups that ceased to be.
    pub groups_removed: Vec<GroupNo>,
}

impl MembersChange {
    /// A change of `group` that does nothing yet.
    pub fn of(group: GroupNo) -> Self {
        Self {
            group,
            users_added: Vec::new(),
            users_removed: Vec::new(),
            groups_added: Vec::new(),
            groups_removed: Vec::new(),
        }
    }

    /// How many edges it touches.
    pub fn edges(&self) -> usize {
        self.users_added.len()
            + self.users_removed.len()
            + self.groups_added.len()
            + self.groups_removed.len()
    }
}

/// A change as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number over all directories.
    pub seq: ChangeSeq,
    /// The run that made it; a run's entries follow each other.
    pub run: RunId,
    /// When the run that made it was committed.
    pub at: Millis,
    /// The directory.
    pub directory: DirectoryId,
    /// What happened.
    pub change: Change,
}
