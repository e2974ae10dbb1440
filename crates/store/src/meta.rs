//! What the main database says of itself, and its counters.
//!
//! Invariants: what cannot be read here stops nothing: it is made anew so that no product is told less than before (a
//! new name or epoch makes products read everything once) and no number is given twice.

use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError,
    db::{Db, signed, unsigned},
};

/// The value of a name; none where it is missing or cannot be read.
pub(crate) fn get(db: &Db, name: &str) -> Result<Option<String>, StoreError> {
    db.read(|transaction| {
        let select = "SELECT value FROM meta WHERE name = ?1";
        let value = transaction.query_row(select, [name], |row| Ok(row.get::<_, String>(0).ok()));
        Ok(value.optional()?.flatten())
    })
}

/// The value of a name, made if there is none that can be read.
pub(crate) fn get_or_new(
    db: &Db,
    name: &str,
    make: impl FnOnce() -> String,
) -> Result<String, StoreError> {
    if let Some(value) = get(db, name)? {
        return Ok(value);
    }
    let value = make();
    set(db, name, &value)?;
    Ok(value)
}

/// Writes the value of a name.
pub(crate) fn set(db: &Db, name: &str, value: &str) -> Result<(), StoreError> {
    db.write(|transaction| {
        transaction.execute(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )?;
        Ok(())
    })
}

/// Whether something is noted as done, in whatever words.
pub(crate) fn is_noted(transaction: &Transaction<'_>, name: &str) -> Result<bool, StoreError> {
    let select = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?1)";
    Ok(transaction.query_row(select, [name], |row| row.get(0))?)
}

/// A counter of the head row, and the least that it may be: what rows have already.
struct Counter {
    column: &'static str,
    least: &'static str,
}

const COUNTERS: [Counter; 9] = [
    Counter {
        column: "seq",
        least: "max((SELECT coalesce(max(seq), 0) FROM change_log),
                    (SELECT coalesce(max(last), 0) FROM log_run WHERE typeof(last) = 'integer'),
                    (SELECT coalesce(max(seq), 0) FROM base WHERE typeof(seq) = 'integer'))",
    },
    Counter {
        column: "run",
        least: "max((SELECT coalesce(max(id), 0) FROM run), (SELECT coalesce(max(run), 0) FROM log_run))",
    },
    Counter {
        column: "at",
        least: "(SELECT coalesce(max(at), 0) FROM log_run WHERE typeof(at) = 'integer')",
    },
    Counter {
        column: "directory",
        least: "max((SELECT coalesce(max(id), 0) FROM connection),
                    (SELECT coalesce(max(number), 0) FROM kept_key WHERE typeof(number) = 'integer'))",
    },
    Counter { column: "application", least: "(SELECT coalesce(max(id), 0) FROM application)" },
    Counter { column: "webhook", least: "(SELECT coalesce(max(id), 0) FROM webhook)" },
    Counter { column: "alert", least: "(SELECT coalesce(max(id), 0) FROM alert)" },
    Counter { column: "channel", least: "(SELECT coalesce(max(id), 0) FROM alert_channel)" },
    Counter { column: "administrator", least: "(SELECT coalesce(max(id), 0) FROM administrator)" },
];

/// Numbers that may have been given and are in no row any more: beyond them a counter goes on that could not be read.
const MARGIN: i64 = 1_000;

/// The counters that cannot be read or lag behind the rows, with what they are to be.
pub(crate) fn wrong_counters(
    transaction: &Transaction<'_>,
) -> Result<Vec<(&'static str, i64)>, StoreError> {
    let mut wrong = Vec::new();
    for Counter { column, least } in COUNTERS {
        let select = format!("SELECT (SELECT {column} FROM head), {least}");
        let (found, least): (Option<i64>, i64) = transaction
            .query_row(&select, (), |row| Ok((row.get(0).ok().flatten(), row.get(1)?)))?;
        match found {
            Some(found) if found >= least.max(0) => {}
            // The log ends where it ends.
            _ if matches!(column, "seq" | "at") => wrong.push((column, least.max(0))),
            _ => wrong.push((column, least.max(0).saturating_add(MARGIN))),
        }
    }
    Ok(wrong)
}

/// Writes counters anew.
pub(crate) fn set_counters(
    transaction: &Transaction<'_>,
    counters: &[(&'static str, i64)],
) -> Result<(), StoreError> {
    if counters.is_empty() {
        return Ok(());
    }
    transaction.execute(
        "INSERT INTO head (one, seq, run, at, directory, application) VALUES (1, 0, 0, 0, 0, 0)
         ON CONFLICT (one) DO NOTHING",
        (),
    )?;
    for (column, value) in counters {
        transaction.execute(&format!("UPDATE head SET {column} = ?1"), [value])?;
    }
    Ok(())
}

/// Where the log begins, of a row that cannot be read: before its first entry.
pub(crate) fn mended_floor(
    transaction: &Transaction<'_>,
) -> Result<Option<(i64, i64)>, StoreError> {
    let floor = transaction.query_row("SELECT seq, at FROM base", (), |row| {
        Ok((row.get::<_, i64>(0).ok(), row.get::<_, i64>(1).ok()))
    });
    let (seq, at) = floor.optional()?.unwrap_or_default();
    let seq_is_read = seq.is_some_and(|seq| seq >= 0);
    if seq_is_read && at.is_some() {
        return Ok(None);
    }
    let head = "SELECT coalesce((SELECT min(seq) - 1 FROM change_log), (SELECT seq FROM head), 0)";
    let first: i64 = transaction.query_row(head, (), |row| Ok(row.get(0).unwrap_or_default()))?;
    Ok(Some((seq.filter(|_| seq_is_read).unwrap_or(first), at.unwrap_or_default())))
}

/// Writes where the log begins.
pub(crate) fn set_floor(
    transaction: &Transaction<'_>,
    (seq, at): (i64, i64),
) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO base (one, seq, at) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, at = excluded.at",
        (seq, at),
    )?;
    Ok(())
}

/// The end of the change log.
pub(crate) fn head(transaction: &Transaction<'_>) -> Result<u64, StoreError> {
    let read =
        transaction.query_row("SELECT seq FROM head", (), |row| Ok(row.get::<_, i64>(0).ok()));
    let read = read.optional()?.flatten().filter(|seq| *seq >= 0);
    let seq = if let Some(seq) = read {
        seq
    } else {
        let wrong = wrong_counters(transaction)?;
        wrong.iter().find(|(column, _)| *column == "seq").map_or(0, |(_, seq)| *seq)
    };
    unsigned(seq)
}

/// The epoch to begin with when none can be read: the next after the one that was seen last is taken then.
pub(crate) const NO_EPOCH: u64 = 0;

/// The epoch that the database is in; [`NO_EPOCH`] where it cannot be read.
pub(crate) fn epoch(text: &str) -> u64 {
    text.parse().ok().filter(|epoch| signed(*epoch) > 0).unwrap_or(NO_EPOCH)
}
