//! The change log: appended by runs, read in order.
//!
//! Invariants: numbers come from the head row under the writer's lock, so that a reader who saw number n
//! has seen all below it; whoever reads gets whole runs, since only those can be applied.

use directory::{
    change::{Change, LogEntry},
    decisions::Node,
    id::{ChangeSeq, DirectoryId, Millis, RunId},
};
use rusqlite::{Row, Transaction, named_params};

use crate::{
    StoreError,
    db::{signed, small, unsigned},
    encoding::{self, LOG_GROUP, LOG_MEMBERS, LOG_USER},
};

/// Which entries of the log.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Of this directory only.
    pub directory: Option<DirectoryId>,
    /// Of this person or group only; a person's entries include memberships.
    pub node: Option<Node>,
    /// Committed at this time or later.
    pub since: Option<Millis>,
    /// Numbered above this.
    pub after: Option<ChangeSeq>,
    /// From which end.
    pub order: LogOrder,
    /// At the most so many.
    pub limit: usize,
}

/// From which end of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogOrder {
    /// From the beginning.
    #[default]
    OldestFirst,
    /// From the end.
    NewestFirst,
}

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
        let (kind, no, packed) = encoding::pack_change(change);
        insert.execute((signed(seq), signed(run.0), at.0, directory.0, kind, no, packed))?;
    }
    if !changes.is_empty() {
        transaction.execute("UPDATE head SET seq = ?1, at = ?2", (signed(seq), at.0))?;
    }
    Ok(ChangeSeq(seq))
}

/// Whole runs after `seq`, `limit` entries or a little more.
pub(crate) fn read_after(
    transaction: &Transaction<'_>,
    seq: ChangeSeq,
    limit: usize,
) -> Result<Vec<LogEntry>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT seq, run, at, directory, kind, no, change FROM change_log WHERE seq > ?1 ORDER BY seq",
    )?;
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

/// The entries that a filter lets through.
pub(crate) fn log_of(
    transaction: &Transaction<'_>,
    filter: &LogFilter,
) -> Result<Vec<LogEntry>, StoreError> {
    let order = match filter.order {
        LogOrder::OldestFirst => "ASC",
        LogOrder::NewestFirst => "DESC",
    };
    // A person's memberships lie in the rows of groups, which are looked into one by one.
    let (kind, no) = match filter.node {
        None => (None, None),
        Some(Node::User(no)) => (Some(LOG_USER), Some(no.0)),
        Some(Node::Group(no)) => (Some(LOG_GROUP), Some(no.0)),
    };
    let mut select = transaction.prepare_cached(&format!(
        "SELECT seq, run, at, directory, kind, no, change FROM change_log
         WHERE seq > :after AND at >= :since AND (:directory IS NULL OR directory = :directory)
           AND (:kind IS NULL OR kind = {LOG_MEMBERS} OR (kind = :kind AND no = :no))
         ORDER BY seq {order}"
    ))?;
    let mut rows = select.query(named_params! {
        ":after": signed(filter.after.unwrap_or_default().0),
        ":since": filter.since.map_or(i64::MIN, |since| since.0),
        ":directory": filter.directory.map(|id| id.0),
        ":kind": kind,
        ":no": no,
    })?;
    let mut entries = Vec::new();
    while entries.len() < filter.limit
        && let Some(row) = rows.next()?
    {
        let entry = entry(row)?;
        if filter.node.is_none_or(|node| touches(&entry.change, node)) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn touches(change: &Change, node: Node) -> bool {
    match (change, node) {
        (Change::User { no, .. }, Node::User(wanted)) => *no == wanted,
        (Change::Group { no, .. }, Node::Group(wanted)) => *no == wanted,
        (Change::Members(members), Node::User(wanted)) => {
            members.users_added.binary_search(&wanted).is_ok()
                || members.users_removed.binary_search(&wanted).is_ok()
        }
        (Change::Members(members), Node::Group(wanted)) => {
            members.group == wanted
                || members.groups_added.binary_search(&wanted).is_ok()
                || members.groups_removed.binary_search(&wanted).is_ok()
        }
        _ => false,
    }
}

fn entry(row: &Row<'_>) -> Result<LogEntry, StoreError> {
    let change = row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(LogEntry {
        seq: ChangeSeq(unsigned(row.get(0)?)?),
        run: RunId(unsigned(row.get(1)?)?),
        at: Millis(row.get(2)?),
        directory: DirectoryId(small(row.get(3)?)?),
        change: encoding::unpack_change(row.get(4)?, small(row.get(5)?)?, change)?,
    })
}
