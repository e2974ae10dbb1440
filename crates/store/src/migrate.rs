//! Schema versions: numbered, checksummed, forward only.
//!
//! Invariants: a database that a newer program wrote is refused, or served read-only when that program
//! said that this one may read it (`min_reader`); it is never changed.

use refinery::{Migration, Runner};
use rusqlite::{Connection, OptionalExtension};

use crate::{MAIN_FILE, STATE_FILE, StoreError, gone, log_index};

/// The schema that this program writes.
pub(crate) const SCHEMA: u32 = 19;
/// The oldest schema whose programs may still read what this one writes: older ones would serve users under the
/// number of their directory, and products delete whom they know by another key; or show leavers for their successors.
const MIN_READER: u32 = 19;

/// Brings the main database to [`SCHEMA`]; says whether it may be written.
pub(crate) fn main(connection: &mut Connection) -> Result<bool, StoreError> {
    let found = meta(connection, "schema")?;
    let min_reader = meta(connection, "min_reader")?;
    if found > SCHEMA {
        if min_reader > SCHEMA {
            return Err(StoreError::Newer { found, min_reader, known: SCHEMA });
        }
        return Ok(false);
    }
    run(
        connection,
        MAIN_FILE,
        &[
            ("V1__initial", include_str!("../migrations/main/V1__initial.sql")),
            ("V2__shapes", include_str!("../migrations/main/V2__shapes.sql")),
            ("V3__webhooks", include_str!("../migrations/main/V3__webhooks.sql")),
            ("V4__alerts", include_str!("../migrations/main/V4__alerts.sql")),
            ("V5__history", include_str!("../migrations/main/V5__history.sql")),
            ("V7__console", include_str!("../migrations/main/V7__console.sql")),
            ("V9__api_tokens", include_str!("../migrations/main/V9__api_tokens.sql")),
            ("V10__checksums", include_str!("../migrations/main/V10__checksums.sql")),
            ("V11__limits", include_str!("../migrations/main/V11__limits.sql")),
            ("V12__directory_keys", include_str!("../migrations/main/V12__directory_keys.sql")),
            ("V15__gone", include_str!("../migrations/main/V15__gone.sql")),
            (
                "V16__application_product",
                include_str!("../migrations/main/V16__application_product.sql"),
            ),
            ("V17__refused_names", include_str!("../migrations/main/V17__refused_names.sql")),
            ("V18__take_over", include_str!("../migrations/main/V18__take_over.sql")),
            ("V19__invitation_maker", include_str!("../migrations/main/V19__invitation_maker.sql")),
        ],
    )?;
    let transaction = connection.transaction()?;
    log_index::complete(&transaction)?;
    gone::complete(&transaction)?;
    transaction.commit()?;
    for (name, value) in [("schema", SCHEMA), ("min_reader", MIN_READER)] {
        connection.execute(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
            (name, value.to_string()),
        )?;
    }
    Ok(true)
}

/// Brings the database of short-lived state to its schema.
pub(crate) fn state(connection: &mut Connection) -> Result<bool, StoreError> {
    run(
        connection,
        STATE_FILE,
        &[
            ("V1__floors", include_str!("../migrations/state/V1__floors.sql")),
            ("V2__sessions", include_str!("../migrations/state/V2__sessions.sql")),
            ("V3__seen", include_str!("../migrations/state/V3__seen.sql")),
            ("V4__watch", include_str!("../migrations/state/V4__watch.sql")),
            ("V5__floor_views", include_str!("../migrations/state/V5__floor_views.sql")),
            ("V8__console", include_str!("../migrations/state/V8__console.sql")),
            ("V12__floor_lists", include_str!("../migrations/state/V12__floor_lists.sql")),
        ],
    )?;
    Ok(true)
}

fn run(
    connection: &mut Connection,
    file: &'static str,
    migrations: &[(&str, &str)],
) -> Result<(), StoreError> {
    let failed = |error| StoreError::Migration(Box::new(error));
    let migrations: Result<Vec<_>, _> =
        migrations.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    let migrations = migrations.map_err(failed)?;
    let known = migrations.iter().map(|migration| i64::from(migration.version())).max();
    let (found, known) = (newest(connection)?, known.unwrap_or_default());
    // Said before anything is tried: what is in the way is not that a migration is missing here.
    if found > known {
        let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let (found, known) = (small(found), small(known));
        return Err(StoreError::NewerMigration { file, found, known });
    }
    mend_history(connection, &migrations)?;
    Runner::new(&migrations).set_grouped(true).run(connection).map_err(failed)?;
    Ok(())
}

/// The newest migration of a database; 0 in a new one.
fn newest(connection: &Connection) -> Result<i64, StoreError> {
    if !has_table(connection, HISTORY)? {
        return Ok(0);
    }
    let newest =
        "SELECT MAX(version) FROM refinery_schema_history WHERE typeof(version) = 'integer'";
    let newest: Option<i64> = connection.query_row(newest, (), |row| row.get(0))?;
    Ok(newest.unwrap_or_default())
}

/// Where the migrations that were applied are noted.
const HISTORY: &str = "refinery_schema_history";
/// In the place of a time that cannot be read.
const UNKNOWN_TIME: &str = "1970-01-01T00:00:00Z";

/// Writes notes of applied migrations anew that cannot be read: they were applied in the order of their rows, so each
/// row tells which one it is.
fn mend_history(connection: &mut Connection, known: &[Migration]) -> Result<(), StoreError> {
    if !has_table(connection, HISTORY)? {
        return Ok(());
    }
    let mut known: Vec<&Migration> = known.iter().collect();
    known.sort_by_key(|migration| migration.version());
    let transaction = connection.transaction()?;
    let mut damaged = Vec::new();
    {
        let select =
            "SELECT rowid, version, name, applied_on, checksum FROM refinery_schema_history
                      ORDER BY rowid";
        let mut select = transaction.prepare(select)?;
        let mut rows = select.query(())?;
        let mut known = known.into_iter();
        while let Some(row) = rows.next()? {
            let Some(migration) = known.next() else { break };
            let text = |at: usize| row.get_ref(at).ok().and_then(|value| value.as_str().ok());
            let version = row.get(1).ok() == Some(i64::from(migration.version()));
            let name = text(2) == Some(migration.name());
            let checksum = text(4).and_then(|sum| sum.parse::<u64>().ok());
            let time = text(3).filter(|time| is_time(time)).map(str::to_owned);
            let is_read = row.get_ref(1)?.as_i64().is_ok() && text(2).is_some();
            let is_read = is_read && checksum.is_some() && time.is_some();
            // One that can be read and says something else is another history: that is refused below.
            let is_this = u8::from(version)
                + u8::from(name)
                + u8::from(checksum == Some(migration.checksum()))
                >= 2;
            if !is_read || (is_this && !(version && name && checksum == Some(migration.checksum())))
            {
                let time = time.unwrap_or_else(|| UNKNOWN_TIME.to_owned());
                damaged.push((row.get::<_, i64>(0)?, migration, time));
            }
        }
    }
    let update =
        "UPDATE refinery_schema_history SET version = ?2, name = ?3, applied_on = ?4, checksum = ?5
                  WHERE rowid = ?1";
    for (row, migration, time) in damaged {
        let sum = migration.checksum().to_string();
        transaction.execute(update, (row, migration.version(), migration.name(), time, sum))?;
    }
    Ok(transaction.commit()?)
}

/// Whether a text is a time as migrations are noted with: `2026-11-30T21:49:00.123456789Z`.
fn is_time(text: &str) -> bool {
    let number =
        |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let within = |at: (usize, usize), low, high| {
        number(at.0, at.1).is_some_and(|part: u32| (low..=high).contains(&part))
    };
    let days = match (number(5, 7), number(0, 4)) {
        (Some(4 | 6 | 9 | 11), _) => 30,
        (Some(2), Some(year))
            if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
        {
            29
        }
        (Some(2), _) => 28,
        _ => 31,
    };
    let separators = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')];
    let rest = text.get(19..).unwrap_or_default();
    let fraction =
        rest.strip_suffix('Z').map(|fraction| fraction.strip_prefix('.').unwrap_or(fraction));
    text.is_ascii()
        && separators
            .iter()
            .all(|(at, mark)| text.get(*at..=*at) == Some(mark.encode_utf8(&mut [0; 4])))
        && within((0, 4), 0, 9_999)
        && within((5, 7), 1, 12)
        && within((8, 10), 1, days)
        && within((11, 13), 0, 23)
        && within((14, 16), 0, 59)
        && within((17, 19), 0, 59)
        && fraction.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        && (rest == "Z" || (3..=11).contains(&rest.len()))
}

fn has_table(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let select = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    Ok(connection.query_row(select, [name], |row| row.get(0))?)
}

/// A number of the `meta` table; 0 in a new database, and the number of the newest migration where it cannot be read.
fn meta(connection: &Connection, name: &str) -> Result<u32, StoreError> {
    if !has_table(connection, "meta")? {
        return Ok(0);
    }
    let value = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
            Ok(row.get::<_, String>(0).ok())
        })
        .optional()?;
    let Some(value) = value else { return Ok(0) };
    // What cannot be read is the newest migration: each raises the schema to its own number.
    match value.and_then(|value| value.parse().ok()) {
        Some(number) => Ok(number),
        None => Ok(u32::try_from(newest(connection)?).unwrap_or(u32::MAX)),
    }
}
