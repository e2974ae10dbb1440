//! The change log: appended by runs, read in order.
//!
//! Invariants: numbers come from the head row under the writer's lock, so that a reader who saw number n
//! has seen all below it; whoever follows gets whole runs, since only those can be applied; what is found by
//! name, member, run or time is written with the entries (see [`crate::log_index`]).

use directory::{
    change::{Change, LogEntry},
    decisions::Node,
    id::{ChangeSeq, DirectoryId, GroupNo, Millis, RunId, UserNo},
};
use rusqlite::{Row, Transaction};

use crate::{
    StoreError,
    db::{signed, small, unsigned},
    encoding::{self, LOG_MEMBERS, LOG_USER},
    log_index::{self, RunRow},
    recover,
};

/// The directory of rows that do not say of which they are; no directory has this number.
pub(crate) const UNKNOWN: DirectoryId = DirectoryId(0);

/// What is read of an entry.
pub(crate) const COLUMNS: &str = "seq, run, at, directory, kind, no, change";

/// Appends the changes of one run; gives the new end of the log.
pub(crate) fn append(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    run: RunId,
    at: Millis,
    changes: &[Change],
) -> Result<ChangeSeq, StoreError> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO change_log (seq, run, at, directory, kind, no, change) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let (head, last) = transaction.query_row("SELECT seq, at FROM head", (), |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?))
    })?;
    let mut seq = unsigned(head)?;
    // A clock that was set back must not put the log out of order.
    let at = at.max(Millis(last));
    for change in changes {
        seq += 1;
        let (kind, no, packed) = encoding::pack_change(change)?;
        insert.execute((signed(seq), signed(run.0), at.0, directory.0, kind, no, packed))?;
    }
    if !changes.is_empty() {
        transaction.execute("UPDATE head SET seq = ?1, at = ?2", (signed(seq), at.0))?;
        let first = ChangeSeq(unsigned(head)? + 1);
        let row = RunRow { run, directory, at, first, last: ChangeSeq(seq) };
        let positions = (first.0..).map(ChangeSeq);
        let changes: Vec<_> = positions.zip(changes).collect();
        log_index::enter(transaction, &row, &changes)?;
    }
    Ok(ChangeSeq(seq))
}

/// A part of the log: whole runs.
#[derive(Debug, Default)]
pub struct LogSlice {
    /// What can be read.
    pub entries: Vec<LogEntry>,
    /// What cannot.
    pub damaged: Vec<DamagedEntry>,
}

impl LogSlice {
    /// The position of its last entry; none when it is empty.
    pub fn last(&self) -> Option<ChangeSeq> {
        let read = self.entries.last().map(|entry| entry.seq);
        read.max(self.damaged.last().map(|entry| entry.seq))
    }
}

/// An entry that cannot be read: what the columns around it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedEntry {
    /// Its number.
    pub seq: ChangeSeq,
    /// The run that made it.
    pub run: RunId,
    /// When that was committed.
    pub at: Millis,
    /// The directory.
    pub directory: DirectoryId,
    /// The user or group that it is about; of memberships, the group.
    pub node: Node,
    /// Whether it is about memberships.
    pub members: bool,
}

/// An entry, or what is known of it.
pub(crate) type Read = Result<LogEntry, DamagedEntry>;

/// Whole runs after `seq`, `limit` entries or a little more.
pub(crate) fn read_after(
    transaction: &Transaction<'_>,
    seq: ChangeSeq,
    limit: usize,
) -> Result<LogSlice, StoreError> {
    let mut select = transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM change_log WHERE seq > ?1 ORDER BY seq"))?;
    let mut rows = select.query([signed(seq.0)])?;
    let mut slice = LogSlice::default();
    let (mut count, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        let read = entry(row)?;
        let run = read.as_ref().map_or_else(|damaged| damaged.run, |entry| entry.run);
        if count >= limit && last.is_some_and(|last| last != run) {
            break;
        }
        (count, last) = (count + 1, Some(run));
        match read {
            Ok(entry) => slice.entries.push(entry),
            Err(damaged) => slice.damaged.push(damaged),
        }
    }
    Ok(slice)
}

/// An entry as [`COLUMNS`] give it. One that does not say of which directory it is belongs to [`UNKNOWN`], one that
/// does not say about whom is about a user whom nobody has.
pub(crate) fn entry(row: &Row<'_>) -> Result<Read, StoreError> {
    let seq = ChangeSeq(unsigned(row.get(0)?)?);
    let number = |at| row.get::<_, i64>(at).ok();
    let of_run = number(1).and_then(|run| unsigned(run).ok()).zip(number(2));
    let directory = number(3).and_then(|id| small(id).ok());
    let object = number(4)
        .filter(|kind| (LOG_USER..=LOG_MEMBERS).contains(kind))
        .zip(number(5).and_then(|no| small(no).ok()));
    let (kind, no) = object.unwrap_or((LOG_USER, u32::MAX));
    let change = recover::blob(row, 6).and_then(|bytes| encoding::unpack_change(kind, no, bytes));
    let is_whole = of_run.is_some() && directory.is_some() && object.is_some();
    let (run, at) = of_run.unwrap_or_default();
    let (run, at, directory) = (RunId(run), Millis(at), directory.map_or(UNKNOWN, DirectoryId));
    let Some(change) = change.ok().filter(|_| is_whole) else {
        let node = if kind == LOG_USER { Node::User(UserNo(no)) } else { Node::Group(GroupNo(no)) };
        let members = kind == LOG_MEMBERS;
        return Ok(Err(DamagedEntry { seq, run, at, directory, node, members }));
    };
    Ok(Ok(LogEntry { seq, run, at, directory, change }))
}
