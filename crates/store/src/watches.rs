//! Registrations at providers for word of changes: short-lived, made again when they are lost.

use directory::id::DirectoryId;
use rusqlite::{Row, Transaction};
use secrecy::SecretString;

use crate::{StoreError, db::small, sealed::Key, unreadable::readable};

/// What is registered for one directory.
#[derive(Debug, Clone)]
pub struct WatchRow {
    /// The directory.
    pub directory: DirectoryId,
    /// What each call carries.
    pub secret: SecretString,
    /// The registrations, as the connector gave them.
    pub registered: String,
}

const COLUMNS: &str = "directory, secret, registered";

pub(crate) fn list(transaction: &Transaction<'_>, key: &Key) -> Result<Vec<WatchRow>, StoreError> {
    let mut select = transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM watch"))?;
    let rows = select.query(())?;
    readable(rows, |row| watch(row, key))
}

pub(crate) fn get(
    transaction: &Transaction<'_>,
    key: &Key,
    directory: DirectoryId,
) -> Result<Option<WatchRow>, StoreError> {
    let mut select =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM watch WHERE directory = ?1"))?;
    Ok(readable(select.query([directory.0])?, |row| watch(row, key))?.pop())
}

pub(crate) fn set(
    transaction: &Transaction<'_>,
    key: &Key,
    row: &WatchRow,
) -> Result<(), StoreError> {
    let sealed = key.seal(&purpose(row.directory), &row.secret);
    transaction
        .prepare_cached(
            "INSERT INTO watch (directory, secret, registered) VALUES (?1, ?2, ?3)
             ON CONFLICT (directory) DO UPDATE SET secret = excluded.secret, registered = excluded.registered",
        )?
        .execute((row.directory.0, sealed, &row.registered))?;
    Ok(())
}

pub(crate) fn remove(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM watch WHERE directory = ?1")?.execute([directory.0])?;
    Ok(())
}

fn watch(row: &Row<'_>, key: &Key) -> Result<WatchRow, StoreError> {
    let directory = DirectoryId(small(row.get(0)?)?);
    let sealed: Vec<u8> = row.get(1)?;
    let secret = key.unseal(&purpose(directory), &sealed)?;
    Ok(WatchRow { directory, secret, registered: row.get(2)? })
}

fn purpose(directory: DirectoryId) -> String {
    format!("word of changes for directory {directory}")
}
