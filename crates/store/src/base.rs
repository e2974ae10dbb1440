//! The base: old entries of the change log, folded into rows of the form in which directories are kept.
//!
//! Invariants: base and log fold to what is served, after every step; a step is a short transaction, so that a run
//! never waits long; what a step folds is in the log no more, nor in its index. A step may end within a run: then the
//! base is whole only with the rest of that run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use directory::{
    change::{Change, LogEntry, MembersChange},
    decisions::Node,
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, UserNo},
    snapshot::Directory,
    user::User,
};
use rusqlite::Transaction;

use crate::{
    Store, StoreError,
    change_log::{self, DamagedEntry},
    damage::Damage,
    db::{signed, unsigned},
    log_index,
    members::Table,
    recover::{self, State},
    runs,
    served::{self, Rows},
};

/// Memberships that are folded for each entry that a step may fold, or so many more as one entry needs.
const EDGES_PER_ENTRY: usize = 10;

/// Where the log begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Floor {
    /// Entries up to this one are not kept.
    pub seq: ChangeSeq,
    /// When the last of those was committed.
    pub at: Millis,
}

impl Store {
    /// Where the change log begins: what is older is known as one state only.
    pub fn floor_of_log(&self) -> Result<Floor, StoreError> {
        self.0.main.read(floor)
    }

    /// Folds at most `entries` of those committed before a time into the base; gives whether there are more.
    pub fn fold_some(&self, before: Millis, entries: usize) -> Result<bool, StoreError> {
        let more = self.0.main.write(|transaction| fold_some(transaction, before, entries))?;
        self.0.register.folded(self.floor_of_log()?.seq);
        Ok(more)
    }

    /// Forgets the reports of runs from before a time, but the last of each directory.
    pub fn forget_runs(&self, before: Millis) -> Result<(), StoreError> {
        self.0.main.write(|transaction| runs::forget(transaction, before))
    }

    /// What base and change log fold to: the same as [`Store::load_directory`], found the long way.
    pub fn folded(&self, id: DirectoryId) -> Result<Directory, StoreError> {
        self.0.main.read(|transaction| fold(transaction, id))
    }
}

/// What base and change log fold to.
///
/// # Errors
/// When one of their rows cannot be read.
pub(crate) fn fold(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<Directory, StoreError> {
    let mut flat = Flat::default();
    let mut damage = Vec::new();
    let base = served::rows(transaction, Rows::Base, id, &mut damage)?;
    for change in &base {
        flat.take(change);
    }
    let log = change_log::read_after(transaction, floor(transaction)?.seq, usize::MAX)?;
    if let Some(damage) = damage.first() {
        return Err(StoreError::Damaged(damage.to_string()));
    }
    if let Some(entry) = log.damaged.first() {
        return Err(StoreError::Damaged(Damage::of_entry(entry).to_string()));
    }
    let own = log.entries.iter().filter(|entry| entry.directory == id);
    own.for_each(|entry| flat.take(&entry.change));
    flat.directory()
}

/// Where the log begins.
pub(crate) fn floor(transaction: &Transaction<'_>) -> Result<Floor, StoreError> {
    let (seq, at): (i64, i64) = transaction
        .query_row("SELECT seq, at FROM base", (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Floor { seq: ChangeSeq(unsigned(seq)?), at: Millis(at) })
}

fn fold_some(
    transaction: &Transaction<'_>,
    before: Millis,
    max: usize,
) -> Result<bool, StoreError> {
    let floor = floor(transaction)?;
    let until = log_index::seq_at(transaction, Millis(before.0 - 1))?;
    let Some(until) = until.filter(|until| *until > floor.seq) else { return Ok(false) };
    let entries = oldest(transaction, (floor.seq, until), max)?;
    let entries = match entries {
        Oldest::Read(entries) => entries,
        Oldest::Damaged(entry) => return fold_damaged(transaction, &entry, until),
    };
    let Some(last) = entries.last() else { return Ok(false) };
    let mut changes: BTreeMap<DirectoryId, Vec<&Change>> = BTreeMap::new();
    for entry in &entries {
        changes.entry(entry.directory).or_default().push(&entry.change);
        log_index::leave(transaction, entry)?;
    }
    for (directory, changes) in changes {
        served::write(transaction, Rows::Base, directory, changes)?;
    }
    cut(transaction, last.seq, last.at)?;
    Ok(last.seq < until)
}

/// Folds one entry that cannot be read: the rows after it tell what it led to. Where they cannot either, what they
/// led to is folded with them.
fn fold_damaged(
    transaction: &Transaction<'_>,
    entry: &DamagedEntry,
    until: ChangeSeq,
) -> Result<bool, StoreError> {
    let id = entry.directory;
    if let (true, Node::Group(group)) = (entry.members, entry.node) {
        if let Ok(members) = recover::members_after(transaction, id, group, entry.seq) {
            Table::Base.replace(transaction, id, group, members)?;
        }
    } else if let Ok(after) = recover::after(transaction, id, entry.node, entry.seq) {
        let change = match (after, entry.node) {
            (Some(State::User(user)), Node::User(no)) => {
                Change::User { no, before: None, after: Some(user) }
            }
            (_, Node::User(no)) => Change::User { no, before: None, after: None },
            (Some(State::Group(group)), Node::Group(no)) => {
                Change::Group { no, before: None, after: Some(group) }
            }
            (_, Node::Group(no)) => Change::Group { no, before: None, after: None },
        };
        served::write(transaction, Rows::Base, id, [&change])?;
    }
    cut(transaction, entry.seq, entry.at)?;
    Ok(entry.seq < until)
}

/// Takes what was folded out of the log.
fn cut(transaction: &Transaction<'_>, last: ChangeSeq, at: Millis) -> Result<(), StoreError> {
    let seq = signed(last.0);
    transaction.execute("DELETE FROM change_log WHERE seq <= ?1", [seq])?;
    transaction.execute("DELETE FROM log_run WHERE at <= ?1 AND last <= ?2", (at.0, seq))?;
    transaction.execute("UPDATE base SET seq = ?1, at = ?2", (seq, at.0))?;
    Ok(())
}

/// The oldest entries, as many as can be read, or the one that cannot.
enum Oldest {
    Read(Vec<LogEntry>),
    Damaged(DamagedEntry),
}

/// The next entries to be folded.
fn oldest(
    transaction: &Transaction<'_>,
    (after, until): (ChangeSeq, ChangeSeq),
    max: usize,
) -> Result<Oldest, StoreError> {
    let mut select = transaction.prepare_cached(&format!(
        "SELECT {} FROM change_log WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
        change_log::COLUMNS
    ))?;
    let mut rows = select.query((signed(after.0), signed(until.0)))?;
    let (mut entries, mut edges) = (Vec::new(), 0);
    while entries.len() < max
        && edges < max * EDGES_PER_ENTRY
        && let Some(row) = rows.next()?
    {
        let entry = match change_log::entry(row)? {
            Ok(entry) => entry,
            Err(damaged) if entries.is_empty() => return Ok(Oldest::Damaged(damaged)),
            Err(_) => break,
        };
        if let Change::Members(members) = &entry.change {
            edges += members.edges();
        }
        entries.push(entry);
    }
    Ok(Oldest::Read(entries))
}

/// Objects and edges by number, which may be incomplete on the way.
#[derive(Debug, Default)]
struct Flat {
    users: BTreeMap<UserNo, Arc<User>>,
    groups: BTreeMap<GroupNo, Arc<Group>>,
    members: BTreeMap<GroupNo, BTreeSet<Node>>,
}

impl Flat {
    fn take(&mut self, change: &Change) {
        match change {
            Change::User { no, after: Some(user), .. } => {
                self.users.insert(*no, Arc::clone(user));
            }
            Change::User { no, after: None, .. } => {
                self.users.remove(no);
            }
            Change::Group { no, after: Some(group), .. } => {
                self.groups.insert(*no, Arc::clone(group));
            }
            Change::Group { no, after: None, .. } => {
                self.groups.remove(no);
            }
            Change::Members(change) => {
                let members = self.members.entry(change.group).or_default();
                members.extend(change.users_added.iter().map(|no| Node::User(*no)));
                members.extend(change.groups_added.iter().map(|no| Node::Group(*no)));
                for no in &change.users_removed {
                    members.remove(&Node::User(*no));
                }
                for no in &change.groups_removed {
                    members.remove(&Node::Group(*no));
                }
            }
        }
    }

    fn directory(self) -> Result<Directory, StoreError> {
        let users = self.users.into_iter();
        let users = users.map(|(no, user)| Change::User { no, before: None, after: Some(user) });
        let groups = self.groups.into_iter();
        let groups =
            groups.map(|(no, group)| Change::Group { no, before: None, after: Some(group) });
        let members = self.members.into_iter().map(|(group, members)| {
            let mut change = MembersChange::of(group);
            for member in members {
                match member {
                    Node::User(no) => change.users_added.push(no),
                    Node::Group(no) => change.groups_added.push(no),
                }
            }
            Change::Members(change)
        });
        let changes: Vec<Change> = users.chain(groups).chain(members).collect();
        let directory = Directory::default().apply(&changes);
        directory.map_err(|error| StoreError::Damaged(error.to_string()))
    }
}
