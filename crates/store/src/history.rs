//! The change log as an administrator reads it, and directories as they were.
//!
//! Invariants: who asks for one object reads that object's entries and no others, whatever the log holds; a state of
//! the past is what is served now with the newer entries turned round, so it needs nothing but those; what is not kept
//! is said, never guessed.

use std::collections::BTreeSet;

use directory::{
    change::{Change, LogEntry},
    decisions::Node,
    id::{ChangeSeq, DirectoryId, Millis, RunId},
    snapshot::Directory,
};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    Store, StoreError, base,
    change_log::{self, Read},
    damage::Damage,
    db::{signed, unsigned},
    encoding::{self, LOG_MEMBERS},
    log_index, served,
};

/// Which entries of the log.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Of this directory only.
    pub directory: Option<DirectoryId>,
    /// Of this person or group only; memberships are a person's entries too, and a group's.
    pub node: Option<(DirectoryId, Node)>,
    /// Of this run only.
    pub run: Option<RunId>,
    /// Committed at this time or later.
    pub since: Option<Millis>,
    /// Committed at this time or earlier.
    pub until: Option<Millis>,
    /// Numbered above this.
    pub after: Option<ChangeSeq>,
    /// Numbered below this.
    pub before: Option<ChangeSeq>,
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

impl LogOrder {
    fn sql(self) -> &'static str {
        match self {
            Self::OldestFirst => "ASC",
            Self::NewestFirst => "DESC",
        }
    }
}

/// A directory as it was after a run.
#[derive(Debug, Clone)]
pub struct Past {
    /// The position of the log: of the last entry of that run.
    pub seq: ChangeSeq,
    /// When the run was committed.
    pub at: Millis,
    /// What was served.
    pub directory: Directory,
}

impl Store {
    /// Entries of the log that a filter lets through, in its order; what cannot be read is left out and known as
    /// damage from then on.
    pub fn log_of(&self, filter: &LogFilter) -> Result<Vec<LogEntry>, StoreError> {
        let mut damaged = Vec::new();
        let entries = self.0.main.read(|transaction| {
            let read = log_of(transaction, filter)?;
            Ok(read.into_iter().filter_map(|read| read.map_err(|entry| damaged.push(entry)).ok()))
        })?;
        let entries = entries.collect();
        self.0.register.log(&damaged);
        Ok(entries)
    }

    /// The names that people and groups had after an entry, or the last ones before it; none where the log does not
    /// say.
    pub fn names_at(
        &self,
        directory: DirectoryId,
        nodes: &[Node],
        seq: ChangeSeq,
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.0.main.read(|transaction| {
            nodes.iter().map(|node| name_at(transaction, (directory, *node), seq)).collect()
        })
    }

    /// People and groups that were once served under a folded name, a mail address or an id, the latest first.
    pub fn once_called(&self, directory: DirectoryId, key: &str) -> Result<Vec<Node>, StoreError> {
        self.0.main.read(|transaction| log_index::once_called(transaction, directory, key))
    }

    /// The position of the log at a time.
    pub fn seq_at(&self, at: Millis) -> Result<ChangeSeq, StoreError> {
        self.0.main.read(|transaction| {
            let floor = base::floor(transaction)?;
            Ok(log_index::seq_at(transaction, at)?.map_or(floor.seq, |seq| seq.max(floor.seq)))
        })
    }

    /// A directory as it was served after the last run that had ended at a position.
    ///
    /// # Errors
    /// [`StoreError::NotKept`] when the log does not go back so far, [`StoreError::NotYet`] when it ends before.
    pub fn directory_at(&self, id: DirectoryId, seq: ChangeSeq) -> Result<Past, StoreError> {
        self.0.main.read(|transaction| directory_at(transaction, id, seq))
    }
}

fn log_of(transaction: &Transaction<'_>, filter: &LogFilter) -> Result<Vec<Read>, StoreError> {
    let Some((low, high)) = bounds(transaction, filter)? else { return Ok(Vec::new()) };
    if let Some(of_one) = filter.node {
        let positions = positions(transaction, of_one, (low, high), filter)?;
        let select = format!("SELECT {} FROM change_log WHERE seq = ?1", change_log::COLUMNS);
        let mut select = transaction.prepare_cached(&select)?;
        let mut entries = Vec::with_capacity(positions.len());
        for seq in positions {
            let mut rows = select.query([signed(seq.0)])?;
            if let Some(row) = rows.next()? {
                entries.push(change_log::entry(row)?);
            }
        }
        return Ok(entries);
    }
    let Some(directory) = filter.directory else {
        return range(transaction, (low, high), filter.order, filter.limit);
    };
    // Run by run, so that the many entries of another directory are not looked at.
    let mut select = transaction.prepare_cached(&format!(
        "SELECT first, last FROM log_run WHERE directory = ?1 AND last >= ?2 AND first <= ?3 ORDER BY last {}",
        filter.order.sql()
    ))?;
    let mut rows = select.query((directory.0, signed(low.0), signed(high.0)))?;
    let mut entries = Vec::new();
    while entries.len() < filter.limit
        && let Some(row) = rows.next()?
    {
        // A run whose place in the log nobody can tell is left out until a repair has made the index anew.
        let place = (row.get(0).map(unsigned), row.get(1).map(unsigned));
        let (Ok(Ok(first)), Ok(Ok(last))) = place else { continue };
        let (first, last) = (ChangeSeq(first).max(low), ChangeSeq(last).min(high));
        let limit = filter.limit - entries.len();
        entries.extend(range(transaction, (first, last), filter.order, limit)?);
    }
    Ok(entries)
}

/// The first and the last position that a filter allows.
fn bounds(
    transaction: &Transaction<'_>,
    filter: &LogFilter,
) -> Result<Option<(ChangeSeq, ChangeSeq)>, StoreError> {
    let mut low = filter.after.unwrap_or_default().0.max(base::floor(transaction)?.seq.0) + 1;
    let mut high = filter.before.map_or(u64::MAX, |before| before.0.saturating_sub(1));
    if let Some(since) = filter.since {
        let earlier = log_index::seq_at(transaction, since.plus(-1))?;
        low = low.max(earlier.map_or(0, |seq| seq.0) + 1);
    }
    if let Some(until) = filter.until {
        high = high.min(log_index::seq_at(transaction, until)?.map_or(0, |seq| seq.0));
    }
    if let Some(run) = filter.run {
        let Some(row) = log_index::run(transaction, run)? else { return Ok(None) };
        low = low.max(row.first.0);
        high = high.min(row.last.0);
    }
    Ok((low <= high).then_some((ChangeSeq(low), ChangeSeq(high))))
}

fn range(
    transaction: &Transaction<'_>,
    (low, high): (ChangeSeq, ChangeSeq),
    order: LogOrder,
    limit: usize,
) -> Result<Vec<Read>, StoreError> {
    let mut select = transaction.prepare_cached(&format!(
        "SELECT {} FROM change_log WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq {} LIMIT ?3",
        change_log::COLUMNS,
        order.sql()
    ))?;
    let mut rows = select.query((signed(low.0), signed(high.0), signed(limit as u64)))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(change_log::entry(row)?);
    }
    Ok(entries)
}

/// The positions of entries about one object, as many as the filter wants.
fn positions(
    transaction: &Transaction<'_>,
    (directory, node): (DirectoryId, Node),
    (low, high): (ChangeSeq, ChangeSeq),
    filter: &LogFilter,
) -> Result<Vec<ChangeSeq>, StoreError> {
    let (kind, no) = log_index::object(node);
    let mut found: BTreeSet<ChangeSeq> =
        log_index::member_entries(transaction, (directory, node), (low, high))?
            .into_iter()
            .collect();
    let mut select = transaction.prepare_cached(&format!(
        "SELECT seq FROM change_log
         WHERE directory = ?1 AND kind = ?2 AND no = ?3 AND seq BETWEEN ?4 AND ?5 ORDER BY seq {} LIMIT ?6",
        filter.order.sql()
    ))?;
    let of_group = matches!(node, Node::Group(_)).then_some(LOG_MEMBERS);
    for kind in [Some(kind), of_group].into_iter().flatten() {
        let limit = signed(filter.limit as u64);
        let object = (directory.0, kind, no, signed(low.0), signed(high.0), limit);
        let seqs = select.query_map(object, |row| row.get::<_, i64>(0))?;
        for seq in seqs {
            found.insert(ChangeSeq(unsigned(seq?)?));
        }
    }
    Ok(match filter.order {
        LogOrder::OldestFirst => found.into_iter().take(filter.limit).collect(),
        LogOrder::NewestFirst => found.into_iter().rev().take(filter.limit).collect(),
    })
}

fn name_at(
    transaction: &Transaction<'_>,
    (directory, node): (DirectoryId, Node),
    seq: ChangeSeq,
) -> Result<Option<String>, StoreError> {
    let (kind, no) = log_index::object(node);
    // The next entry about the object says what it was called until then.
    let next =
        "SELECT change FROM change_log WHERE directory = ?1 AND kind = ?2 AND no = ?3 AND seq > ?4
                ORDER BY seq LIMIT 1";
    let last =
        "SELECT change FROM change_log WHERE directory = ?1 AND kind = ?2 AND no = ?3 AND seq <= ?4
                ORDER BY seq DESC LIMIT 1";
    let entry = |select: &str| -> Result<Option<Change>, StoreError> {
        let packed: Option<Vec<u8>> = transaction
            .prepare_cached(select)?
            .query_row((directory.0, kind, no, signed(seq.0)), |row| Ok(row.get(0).ok()))
            .optional()?
            .flatten();
        Ok(packed.and_then(|packed| encoding::unpack_change(kind, no, &packed).ok()))
    };
    let next = entry(next)?;
    if let Some(name) = next.as_ref().and_then(|change| sides(change).0) {
        return Ok(Some(name));
    }
    if next.is_none()
        && let Some(name) = served::name(transaction, directory, node)?
    {
        return Ok(Some(name));
    }
    Ok(entry(last)?.and_then(|change| {
        let (before, after) = sides(&change);
        after.or(before)
    }))
}

/// The names before and after a change.
fn sides(change: &Change) -> (Option<String>, Option<String>) {
    match change {
        Change::User { before, after, .. } => {
            let name = |user: &std::sync::Arc<directory::user::User>| user.name().to_owned();
            (before.as_ref().map(name), after.as_ref().map(name))
        }
        Change::Group { before, after, .. } => {
            let name = |group: &std::sync::Arc<directory::group::Group>| group.name().to_string();
            (before.as_ref().map(name), after.as_ref().map(name))
        }
        Change::Members(_) => (None, None),
    }
}

fn directory_at(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    asked: ChangeSeq,
) -> Result<Past, StoreError> {
    let head: i64 = transaction.query_row("SELECT seq FROM head", (), |row| row.get(0))?;
    let head = unsigned(head)?;
    if asked.0 > head {
        return Err(StoreError::NotYet { asked: asked.0, head });
    }
    let floor = base::floor(transaction)?;
    let newer = log_index::runs_after(transaction, id, asked)?;
    // A run of which a part was folded cannot be turned round.
    let cut = newer.last().is_some_and(|oldest| oldest.first <= floor.seq);
    if asked < floor.seq || cut {
        let whole = if cut { newer.last().map_or(floor.seq, |run| run.last) } else { floor.seq };
        return Err(StoreError::NotKept { asked: asked.0, floor: whole.0 });
    }
    let (mut directory, _) = served::load(transaction, id)?;
    for run in newer {
        let span = (run.first, run.last);
        let entries = range(transaction, span, LogOrder::OldestFirst, usize::MAX)?;
        let turned: Result<Vec<Change>, StoreError> = entries
            .into_iter()
            .map(|read| match read {
                Ok(entry) => Ok(entry.change.turned_round()),
                Err(entry) => Err(StoreError::Damaged(Damage::of_entry(&entry).to_string())),
            })
            .collect();
        let turned = turned?;
        directory = directory
            .apply(&turned)
            .map_err(|error| StoreError::Damaged(format!("run {}: {error}", run.run.0)))?;
    }
    let last = log_index::run_before(transaction, id, asked)?;
    let (seq, at) = last.map_or((floor.seq, floor.at), |run| (run.last, run.at));
    Ok(Past { seq, at, directory })
}
