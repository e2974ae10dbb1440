//! Runs: their reports, and the one transaction that commits what a run found.
//!
//! Invariants: mirror, directory, change log, decisions, cursor and report move together or not at all; a
//! run that found nothing writes its report and cursor only.

use directory::{
    change::Change,
    decisions::DecisionsChange,
    id::{ChangeSeq, DAY_MS, DirectoryId, Millis, RunId},
    mirror::{Mirror, MirrorChange},
    observation::Cursor,
    report::{Applied, Outcome, RunReport},
    snapshot::Size,
};
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::{
    Pin, StoreError, applications, change_log, connections,
    damage::{self, Damage},
    db::{signed, unsigned},
    decisions, json, mirror,
    served::{self, Rows},
    unreadable::readable,
};

/// How long the report of a run that did nothing is kept.
const QUIET_KEPT_MS: i64 = 30 * DAY_MS;

/// What a run commits.
#[derive(Debug)]
pub struct RunCommit<'a> {
    /// The directory.
    pub directory: DirectoryId,
    /// When.
    pub at: Millis,
    /// The mirror after the merge.
    pub mirror: &'a Mirror,
    /// What of it was touched.
    pub mirror_change: &'a MirrorChange,
    /// The directory's changes.
    pub changes: &'a [Change],
    /// What was decided with them.
    pub decisions: &'a DecisionsChange,
    /// Where the next pull goes on; `None` leaves the stored cursor.
    pub cursor: Option<&'a Cursor>,
    /// Whether everything was read.
    pub full_read: bool,
    /// Whether the provider was read at all.
    pub read: bool,
    /// Whether products may read the directory from now on.
    pub served_once: bool,
    /// What becomes of the pin.
    pub pin: PinChange<'a>,
    /// The report.
    pub report: &'a RunReport,
}

/// What a run does to the pin of its directory.
#[derive(Debug, Clone, Copy, Default)]
pub enum PinChange<'a> {
    /// It stays, or there is none.
    #[default]
    Stays,
    /// The directory was put back and stays there.
    Set(&'a Pin),
    /// The directory follows its provider again.
    Lifted,
}

/// What was applied within a window of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunWindow {
    /// The sum of what was applied, without what a person approved.
    pub applied: Applied,
    /// The directory's size when the window began; empty when it was not there yet.
    pub size_then: Size,
    /// The size after the directory's first run, if that lies within the window.
    pub first_size: Option<Size>,
}

/// Writes what a run found, over what stands in for rows that could not be read.
pub(crate) fn commit(
    transaction: &Transaction<'_>,
    run: &RunCommit<'_>,
    damage: &[Damage],
) -> Result<ChangeSeq, StoreError> {
    let id = run.directory;
    damage::mend(transaction, damage, run.full_read)?;
    let run_id = record(transaction, id, run.at, run.report)?;
    mirror::write(transaction, id, run.mirror, run.mirror_change)?;
    served::write(transaction, Rows::Served, id, run.changes)?;
    decisions::write(transaction, id, run.decisions)?;
    applications::freeze(transaction, id, run.changes)?;
    let seq = change_log::append(transaction, id, run_id, run.at, run.changes)?;
    if let Some(Cursor(cursor)) = run.cursor {
        connections::set(transaction, id, "cursor", cursor)?;
    }
    if run.read {
        connections::set(transaction, id, "last_read", run.at.0)?;
    }
    if run.full_read {
        connections::set(transaction, id, "last_full_read", run.at.0)?;
    }
    if run.served_once {
        connections::set(transaction, id, "served_once", true)?;
    }
    match run.pin {
        PinChange::Stays => {}
        PinChange::Set(pin) => {
            let json = json::write("the pin", pin)?;
            connections::set(transaction, id, "pin", json)?;
        }
        PinChange::Lifted => connections::set(transaction, id, "pin", None::<String>)?,
    }
    Ok(seq)
}

/// Writes a report; gives the run's number.
pub(crate) fn record(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    at: Millis,
    report: &RunReport,
) -> Result<RunId, StoreError> {
    let there: Option<i64> = transaction
        .query_row("SELECT id FROM connection WHERE id = ?1", [directory.0], |row| row.get(0))
        .optional()?;
    if there.is_none() {
        return Err(StoreError::Removed);
    }
    transaction.execute("UPDATE head SET run = run + 1", ())?;
    let run = unsigned(transaction.query_row("SELECT run FROM head", (), |row| row.get(0))?)?;
    let quiet = report.outcome == Outcome::Done && report.applied == Applied::default();
    let report = json::write("the report of this run", report)?;
    transaction
        .prepare_cached(
            "INSERT INTO run (id, directory, at, quiet, report) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((signed(run), directory.0, at.0, quiet, report))?;
    transaction
        .prepare_cached("DELETE FROM run WHERE directory = ?1 AND at < ?2 AND quiet")?
        .execute((directory.0, at.plus(-QUIET_KEPT_MS).0))?;
    Ok(RunId(run))
}

/// Forgets reports from before a time, but the last of each directory.
pub(crate) fn forget(transaction: &Transaction<'_>, before: Millis) -> Result<(), StoreError> {
    transaction.execute(
        "DELETE FROM run WHERE id IN (
             SELECT old.id FROM connection JOIN run AS old ON old.directory = connection.id
             WHERE old.at < ?1
               AND old.id < (SELECT MAX(id) FROM run AS any WHERE any.directory = connection.id))",
        [before.0],
    )?;
    Ok(())
}

/// The latest reports, newest first.
pub(crate) fn latest(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    count: usize,
) -> Result<Vec<RunReport>, StoreError> {
    let mut select = transaction
        .prepare_cached("SELECT report FROM run WHERE directory = ?1 ORDER BY id DESC LIMIT ?2")?;
    let rows = select.query_map((directory.0, signed(count as u64)), |row| text(row, 0))?;
    rows.map(|row| Ok(shown(&row?))).collect()
}

/// The latest report that fits.
pub(crate) fn latest_where(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    fits: impl Fn(&RunReport) -> bool,
) -> Result<Option<RunReport>, StoreError> {
    let mut select = transaction
        .prepare_cached("SELECT report FROM run WHERE directory = ?1 ORDER BY id DESC")?;
    let mut rows = select.query([directory.0])?;
    while let Some(row) = rows.next()? {
        let Ok(report) = report(&text(row, 0)?) else { continue };
        if fits(&report) {
            return Ok(Some(report));
        }
    }
    Ok(None)
}

/// Runs numbered below one, newest first.
pub(crate) fn before(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    before: Option<RunId>,
    count: usize,
) -> Result<Vec<(RunId, RunReport)>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT id, report FROM run WHERE directory = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let below = before.map_or(i64::MAX, |before| signed(before.0));
    let rows = select.query((directory.0, below, signed(count as u64)))?;
    readable(rows, |row| Ok((RunId(unsigned(row.get(0)?)?), shown(&text(row, 1)?))))
}

/// What was applied since a time and is still so: what was put back since does not count, nor does it help that
/// something else was put back. Runs are looked at from the newest on, so that of an undo that was itself undone
/// nothing is left.
pub(crate) fn window(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    since: Millis,
) -> Result<RunWindow, StoreError> {
    let before: Option<String> = transaction
        .prepare_cached(
            "SELECT report FROM run WHERE directory = ?1 AND at < ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row((directory.0, since.0), |row| text(row, 0))
        .optional()?;
    // A report that cannot be read counts for nothing.
    let size_then =
        before.as_deref().and_then(|json| report(json).ok()).map(|report| report.size_after);
    let mut select = transaction.prepare_cached(
        "SELECT run.report, log_run.first FROM run LEFT JOIN log_run ON log_run.run = run.id
         WHERE run.directory = ?1 AND run.at >= ?2 AND NOT run.quiet ORDER BY run.id DESC",
    )?;
    let rows = select.query_map((directory.0, since.0), |row| {
        Ok((text(row, 0)?, row.get::<_, Option<i64>>(1).unwrap_or_default()))
    })?;
    let mut window = RunWindow { size_then: size_then.unwrap_or_default(), ..RunWindow::default() };
    let mut put_back_to: Option<ChangeSeq> = None;
    for row in rows {
        let (text, first) = row?;
        let Ok(report) = report(&text) else { continue };
        // The oldest one's, in the end.
        if size_then.is_none() && report.size_after != Size::default() {
            window.first_size = Some(report.size_after);
        }
        // A run that the log does not know any more counts.
        let first = first.and_then(|first| unsigned(first).ok()).map(ChangeSeq);
        if put_back_to.is_some_and(|to| first.is_some_and(|first| first > to)) {
            continue;
        }
        window.applied = window.applied.plus(report.applied.minus(report.approved));
        put_back_to = report.put_back_to.or(put_back_to);
    }
    Ok(window)
}

/// The text of a column, whatever bytes it has.
pub(crate) fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(at)?.as_bytes().unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// A report for whoever looks; of one that cannot be read, that.
pub(crate) fn shown(json: &str) -> RunReport {
    report(json).unwrap_or_else(|error| {
        let outcome = Outcome::Failed { error: error.to_string(), code: None };
        RunReport { outcome, ..RunReport::default() }
    })
}

fn report(json: &str) -> Result<RunReport, StoreError> {
    json::read("a report", json)
}
