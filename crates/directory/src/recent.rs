//! What the latest entries of the change log touched: enough to answer "what happened since?".
//!
//! Invariant: complete from [`Recent::floor`] (exclusive) to the newest entry; whoever asks for less gets
//! no answer, never a wrong one. Bounded: the oldest runs are dropped past [`TOUCHED_MAX`].

use std::{collections::VecDeque, sync::Arc};

use crate::{
    change::{Change, LogEntry},
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, UserNo},
};

/// How many touched objects and edges are kept at the most, beyond the newest run.
pub const TOUCHED_MAX: usize = 500_000;

/// The latest entries of the change log, shared between snapshots.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    floor: ChangeSeq,
    entries: VecDeque<Arc<Touched>>,
    touched: usize,
}

/// One entry of the log, reduced to what it touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Its number.
    pub seq: ChangeSeq,
    /// When it was committed.
    pub at: Millis,
    /// The directory.
    pub directory: DirectoryId,
    /// What it touched.
    pub what: What,
}

/// What one entry touched. Names are as spelled; `None` where the object was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A person.
    User {
        /// The person.
        no: UserNo,
        /// The user name before.
        before: Option<Box<str>>,
        /// The user name after.
        after: Option<Box<str>>,
    },
    /// A group.
    Group {
        /// The group.
        no: GroupNo,
        /// The name before.
        before: Option<Box<str>>,
        /// The name after.
        after: Option<Box<str>>,
    },
    /// Memberships of one group, whether they came or went.
    Members {
        /// The group.
        group: GroupNo,
        /// People.
        users: Box<[UserNo]>,
        /// Nested groups.
        groups: Box<[GroupNo]>,
    },
}

impl Recent {
    /// Nothing yet, complete from `floor` on.
    pub fn from(floor: ChangeSeq) -> Self {
        Self { floor, entries: VecDeque::new(), touched: 0 }
    }

    /// The position from which (exclusive) everything is known.
    pub fn floor(&self) -> ChangeSeq {
        self.floor
    }

    /// The position of the newest entry.
    pub fn newest(&self) -> ChangeSeq {
        self.entries.back().map_or(self.floor, |entry| entry.seq)
    }

    /// The position of the log at a time: of the newest entry committed at or before `at`.
    pub fn seq_at(&self, at: Millis) -> ChangeSeq {
        let older = self.entries.partition_point(|entry| entry.at <= at);
        match older.checked_sub(1) {
            Some(last) => self.entries[last].seq,
            None => self.floor,
        }
    }

    /// The entries after `seq`, or `None` when some of them are not known any more.
    pub fn after(&self, seq: ChangeSeq) -> Option<impl Iterator<Item = &Touched>> {
        if seq < self.floor {
            return None;
        }
        let first = self.entries.partition_point(|entry| entry.seq <= seq);
        Some(self.entries.range(first..).map(|entry| &**entry))
    }

    /// Forgets what was touched up to a position: what an entry there touched is not known.
    pub fn forget_until(&mut self, seq: ChangeSeq) {
        while let Some(oldest) = self.entries.pop_front_if(|oldest| oldest.seq <= seq) {
            self.touched -= oldest.what.weight();
        }
        self.floor = self.floor.max(seq);
    }

    /// Takes the log's next entries.
    pub fn extend<'a>(&mut self, entries: impl IntoIterator<Item = &'a LogEntry>) {
        for entry in entries {
            let touched = Touched {
                seq: entry.seq,
                at: entry.at,
                directory: entry.directory,
                what: What::of(&entry.change),
            };
            self.touched += touched.what.weight();
            self.entries.push_back(Arc::new(touched));
        }
        while self.touched > TOUCHED_MAX
            && let Some(oldest) = self.entries.pop_front()
        {
            self.floor = oldest.seq;
            self.touched -= oldest.what.weight();
        }
    }
}

impl What {
    fn of(change: &Change) -> Self {
        match change {
            Change::User { no, before, after } => Self::User {
                no: *no,
                before: before.as_ref().map(|user| user.name().into()),
                after: after.as_ref().map(|user| user.name().into()),
            },
            Change::Group { no, before, after } => Self::Group {
                no: *no,
                before: before.as_ref().map(|group| group.name().as_str().into()),
                after: after.as_ref().map(|group| group.name().as_str().into()),
            },
            Change::Members(members) => Self::Members {
                group: members.group,
                users: members.users_added.iter().chain(&members.users_removed).copied().collect(),
                groups: members
                    .groups_added
                    .iter()
                    .chain(&members.groups_removed)
                    .copied()
                    .collect(),
            },
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::User { .. } | Self::Group { .. } => 1,
            Self::Members { users, groups, .. } => 1 + users.len() + groups.len(),
        }
    }
}
