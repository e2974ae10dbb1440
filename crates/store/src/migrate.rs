//! Schema versions: numbered, checksummed, forward only.
//!
//! Invariants: a database that a newer program wrote is refused, or served read-only when that program
//! said that this one may read it (`min_reader`); it is never changed.

use refinery::{Migration, Runner};
use rusqlite::{Connection, OptionalExtension};

use crate::{MAIN_FILE, STATE_FILE, StoreError, gone, log_index};

/// The schema that this program writes.
pub(crate) const SCHEMA: u32 = 18;
/// The oldest schema whose programs may still read what this one writes: older ones would serve users under the
/// number of their directory, and products delete whom they know by another key; or show leavers for their successors.
const MIN_READER: u32 = 18;

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
        ],
    )?;
    let transaction = connection.transaction()?;
    log_index::complete(&transaction)?;
    gone::complete(&transaction)?;
    transaction.commit()?;
    for (name, value) in [("schema", SCHEMA), ("min_reader", MIN_READER)] {
        connection.execute(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
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
    Runner::new(&migrations).set_grouped(true).run(connection).map_err(failed)?;
    Ok(())
}

/// The newest migration of a database; 0 in a new one.
fn newest(connection: &Connection) -> Result<i64, StoreError> {
    if !has_table(connection, "refinery_schema_history")? {
        return Ok(0);
    }
    let newest = "SELECT MAX(version) FROM refinery_schema_history";
    let newest: Option<i64> = connection.query_row(newest, (), |row| row.get(0))?;
    Ok(newest.unwrap_or_default())
}

fn has_table(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let select = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    Ok(connection.query_row(select, [name], |row| row.get(0))?)
}

/// A number of the `meta` table; 0 in a new database.
fn meta(connection: &Connection, name: &str) -> Result<u32, StoreError> {
    if !has_table(connection, "meta")? {
        return Ok(0);
    }
    let value: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    value.map_or(Ok(0), |value| {
        value.parse().map_err(|_| StoreError::Damaged(format!("meta.{name} is `{value}`")))
    })
}
