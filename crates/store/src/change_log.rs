//! The change log: appended by runs, read in order.
//!
//! Invariants: numbers come from the head row under the writer's lock, so that a reader who saw number n
//! has seen all below it; whoever follows gets whole runs, since only those can be applied; what is found by
//! name, member, run or time is written with the entries (see [`crate::log_index`]).

use directory::{
    change::{Change, LogEntry},
    id::{ChangeSeq, DirectoryId, Millis, RunId},
};
use rusqlite::{Row, Transaction};

use crate::{
    StoreError,
    db::{signed, small, unsigned},
    encoding,
    log_index::{self, RunRow},
};

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
        log_index::enter(transaction, &row, changes)?;
    }
    Ok(ChangeSeq(seq))
}

/// Whole runs after `seq`, `limit` entries or a little more.
pub(crate) fn read_after(
    transaction: &Transaction<'_>,
    seq: ChangeSeq,
    limit: usize,
) -> Result<Vec<LogEntry>, StoreError> {
    let mut select = transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM change_log WHERE seq > ?1 ORDER BY seq"))?;
    let mut rows = select.query([signed(seq.0)])?;
    let mut entries: Vec<LogEntry> = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        if entries.len() >= limit && entries.last().is_some_and(|last| last.run != entry.run) {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// An entry as [`COLUMNS`] give it.
pub(crate) fn entry(row: &Row<'_>) -> Result<LogEntry, StoreError> {
    let change = row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(LogEntry {
        seq: ChangeSeq(unsigned(row.get(0)?)?),
        run: RunId(unsigned(row.get(1)?)?),
        at: Millis(row.get(2)?),
        directory: DirectoryId(small(row.get(3)?)?),
        change: encoding::unpack_change(row.get(4)?, small(row.get(5)?)?, change)?,
    })
}
