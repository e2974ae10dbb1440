//! What makes the change log answer fast: its runs, the entries that touched one member, former names.
//!
//! Invariants: written in the transaction that appends the entries; a first load adds one row for each person and
//! nothing for each membership; names that are served now are found in the snapshot and have no row here.

use std::collections::BTreeSet;

use directory::{
    change::{Change, LogEntry, MembersChange},
    decisions::Node,
    group::Group,
    id::{ChangeSeq, DirectoryId, Millis, ProviderId, RunId},
    name::fold,
    user::User,
};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError, base, change_log,
    db::{signed, small, unsigned},
    encoding::{LOG_GROUP, LOG_USER},
    meta,
    pack::{Packer, Unpacker},
    unreadable::readable,
};

/// A run that changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunRow {
    pub(crate) run: RunId,
    pub(crate) directory: DirectoryId,
    pub(crate) at: Millis,
    pub(crate) first: ChangeSeq,
    pub(crate) last: ChangeSeq,
}

/// An object as the index knows it: 0 and number of a person, 1 and number of a group.
pub(crate) fn object(node: Node) -> (i64, u32) {
    match node {
        Node::User(no) => (LOG_USER, no.0),
        Node::Group(no) => (LOG_GROUP, no.0),
    }
}

/// Enters a run with its changes, each with its position.
pub(crate) fn enter(
    transaction: &Transaction<'_>,
    row: &RunRow,
    changes: &[(ChangeSeq, &Change)],
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO log_run (run, directory, at, first, last) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            signed(row.run.0),
            row.directory.0,
            row.at.0,
            signed(row.first.0),
            signed(row.last.0),
        ))?;
    enter_members(transaction, row, changes)?;
    for (seq, change) in changes {
        enter_keys(transaction, row.directory, *seq, change)?;
    }
    Ok(())
}

fn enter_members(
    transaction: &Transaction<'_>,
    row: &RunRow,
    changes: &[(ChangeSeq, &Change)],
) -> Result<(), StoreError> {
    let mut touched: Vec<(i64, u32, u32)> = Vec::new();
    for (seq, change) in changes {
        let distance = u32::try_from(seq.0.saturating_sub(row.first.0)).unwrap_or(u32::MAX);
        if let Change::Members(members) = change {
            let nodes = members_touched(members).map(object);
            touched.extend(nodes.map(|(kind, no)| (kind, no, distance)));
        }
    }
    touched.sort_unstable();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO log_member (directory, kind, no, run, first, last, entries)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for of_one in touched.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (kind, no, _) = of_one[0];
        let last = row.first.0 + u64::from(of_one[of_one.len() - 1].2);
        let mut packer = Packer::default();
        packer.ascending(of_one.iter().map(|(_, _, distance)| *distance));
        insert.execute((
            row.directory.0,
            kind,
            no,
            signed(row.run.0),
            signed(row.first.0),
            signed(last),
            packer.0,
        ))?;
    }
    Ok(())
}

fn enter_keys(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    seq: ChangeSeq,
    change: &Change,
) -> Result<(), StoreError> {
    let Some((node, keys)) = keys_ended(change) else { return Ok(()) };
    let (kind, no) = object(node);
    let mut insert = transaction.prepare_cached(
        "INSERT INTO log_key (directory, kind, key, no, seq) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (directory, kind, key, no) DO UPDATE SET seq = excluded.seq",
    )?;
    for key in keys {
        insert.execute((directory.0, kind, key, no, signed(seq.0)))?;
    }
    Ok(())
}

/// Takes out what an entry entered, once nothing of it is in the log any more.
pub(crate) fn leave(transaction: &Transaction<'_>, entry: &LogEntry) -> Result<(), StoreError> {
    if let Change::Members(members) = &entry.change {
        // The row of a member goes with the last of its entries.
        let mut delete = transaction.prepare_cached(
            "DELETE FROM log_member WHERE directory = ?1 AND kind = ?2 AND no = ?3 AND run = ?4 AND last <= ?5",
        )?;
        for (kind, no) in members_touched(members).map(object) {
            let run = (entry.directory.0, kind, no, signed(entry.run.0), signed(entry.seq.0));
            delete.execute(run)?;
        }
    }
    if let Some((node, keys)) = keys_ended(&entry.change) {
        let (kind, no) = object(node);
        let mut delete = transaction.prepare_cached(
            "DELETE FROM log_key WHERE directory = ?1 AND kind = ?2 AND key = ?3 AND no = ?4 AND seq <= ?5",
        )?;
        for key in keys {
            delete.execute((entry.directory.0, kind, key, no, signed(entry.seq.0)))?;
        }
    }
    Ok(())
}

/// Enters a log that was written before there was an index, once.
pub(crate) fn complete(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    if meta::is_noted(transaction, "log_indexed")? {
        return Ok(());
    }
    // Of a repaired index what is left is of no use: it is made of the log alone.
    for table in ["log_run", "log_member", "log_key"] {
        transaction.execute(&format!("DELETE FROM {table}"), ())?;
    }
    let floor = base::floor(transaction).unwrap_or_default().seq;
    let mut seq = ChangeSeq(0);
    loop {
        let slice = change_log::read_after(transaction, seq, 50_000)?;
        let Some(last) = slice.last() else { break };
        seq = last;
        for run in slice.entries.chunk_by(|a, b| a.run == b.run) {
            let (first, last) = (&run[0], &run[run.len() - 1]);
            // Whether the run began here or is folded in part nobody knows any more: it is taken for folded, so that
            // it is not turned round.
            let is_cut = floor > ChangeSeq(0) && first.seq.0 == floor.0 + 1;
            let row = RunRow {
                run: first.run,
                directory: first.directory,
                at: first.at,
                first: if is_cut { floor } else { first.seq },
                last: last.seq,
            };
            let changes: Vec<_> = run.iter().map(|entry| (entry.seq, &entry.change)).collect();
            enter(transaction, &row, &changes)?;
        }
    }
    transaction.execute("INSERT INTO meta (name, value) VALUES ('log_indexed', '1')", ())?;
    Ok(())
}

/// The runs of a directory that ended after a position, the newest first.
pub(crate) fn runs_after(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    seq: ChangeSeq,
) -> Result<Vec<RunRow>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT run, directory, at, first, last FROM log_run
         WHERE directory = ?1 AND last > ?2 ORDER BY last DESC",
    )?;
    let rows = select.query_map((directory.0, signed(seq.0)), run_row)?;
    rows.map(|row| row?).collect()
}

/// The last run of a directory that had ended at a position.
pub(crate) fn run_before(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    seq: ChangeSeq,
) -> Result<Option<RunRow>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT run, directory, at, first, last FROM log_run
         WHERE directory = ?1 AND last <= ?2 ORDER BY last DESC LIMIT 1",
    )?;
    select.query_row((directory.0, signed(seq.0)), run_row).optional()?.transpose()
}

/// One run, if it changed something and is still in the log.
pub(crate) fn run(transaction: &Transaction<'_>, run: RunId) -> Result<Option<RunRow>, StoreError> {
    let mut select = transaction
        .prepare_cached("SELECT run, directory, at, first, last FROM log_run WHERE run = ?1")?;
    select.query_row([signed(run.0)], run_row).optional()?.transpose()
}

/// The position of the log at a time: of the last entry committed at `at` or before.
pub(crate) fn seq_at(
    transaction: &Transaction<'_>,
    at: Millis,
) -> Result<Option<ChangeSeq>, StoreError> {
    let mut select = transaction
        .prepare_cached("SELECT last FROM log_run WHERE at <= ?1 ORDER BY at DESC, first DESC")?;
    let mut rows = select.query([at.0])?;
    while let Some(row) = rows.next()? {
        // An earlier position than was meant costs a look more and loses nothing.
        if let Ok(Ok(last)) = row.get(0).map(unsigned) {
            return Ok(Some(ChangeSeq(last)));
        }
    }
    Ok(None)
}

fn run_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<RunRow, StoreError>> {
    let (run, directory, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (first, last): (i64, i64) = (row.get(3)?, row.get(4)?);
    let read = || {
        Ok(RunRow {
            run: RunId(unsigned(run)?),
            directory: DirectoryId(small(directory)?),
            at: Millis(at),
            first: ChangeSeq(unsigned(first)?),
            last: ChangeSeq(unsigned(last)?),
        })
    };
    Ok(read())
}

/// The positions at which the memberships of a person or nested group were touched, from `low` to `high`.
pub(crate) fn member_entries(
    transaction: &Transaction<'_>,
    (directory, node): (DirectoryId, Node),
    (low, high): (ChangeSeq, ChangeSeq),
) -> Result<Vec<ChangeSeq>, StoreError> {
    let (kind, no) = object(node);
    let mut select = transaction.prepare_cached(
        "SELECT first, entries FROM log_member
         WHERE directory = ?1 AND kind = ?2 AND no = ?3 AND last >= ?4 AND first <= ?5 ORDER BY run",
    )?;
    let mut rows = select.query((directory.0, kind, no, signed(low.0), signed(high.0)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let first = unsigned(row.get(0)?)?;
        let packed = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let distances = Unpacker(packed)
            .ascending()
            .map_err(|_| StoreError::Damaged("the index of the change log".to_owned()))?;
        let positions =
            distances.into_iter().map(|distance| ChangeSeq(first + u64::from(distance)));
        found.extend(positions.filter(|seq| (low..=high).contains(seq)));
    }
    Ok(found)
}

/// People or groups that were once served under a key, the latest first.
pub(crate) fn once_called(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    key: &str,
) -> Result<Vec<Node>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT kind, no FROM log_key WHERE directory = ?1 AND kind IN (0, 1) AND key = ?2 ORDER BY seq DESC",
    )?;
    let rows = select.query((directory.0, key))?;
    readable(rows, |row| Ok(crate::members::node(row.get(0)?, small(row.get(1)?)?)))
}

fn members_touched(change: &MembersChange) -> impl Iterator<Item = Node> {
    let users = change.users_added.iter().chain(&change.users_removed).map(|no| Node::User(*no));
    let groups =
        change.groups_added.iter().chain(&change.groups_removed).map(|no| Node::Group(*no));
    users.chain(groups)
}

/// The keys under which an object is no longer served after a change.
fn keys_ended(change: &Change) -> Option<(Node, Vec<String>)> {
    let (node, before, after) = match change {
        Change::User { no, before, after } => {
            let keys = |user: &User| keys(user.id(), [user.folded_name(), &fold(user.email())]);
            (Node::User(*no), before.as_deref().map(keys), after.as_deref().map(keys))
        }
        Change::Group { no, before, after } => {
            let keys = |group: &Group| keys(group.id(), [group.folded_name()]);
            (Node::Group(*no), before.as_deref().map(keys), after.as_deref().map(keys))
        }
        Change::Members(_) => return None,
    };
    let after = after.unwrap_or_default();
    let mut ended: BTreeSet<String> = before?.into_iter().collect();
    ended.retain(|key| !after.contains(key));
    Some((node, ended.into_iter().collect()))
}

fn keys<const N: usize>(id: &ProviderId, folded: [&str; N]) -> Vec<String> {
    let folded = folded.into_iter().filter(|key| !key.is_empty()).map(str::to_owned);
    folded.chain([id.to_string()]).collect()
}
