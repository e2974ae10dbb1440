//! The engine: connections, pragmas, and the difference between a reader and the one writer.
//!
//! Invariants: one writer at a time, in an immediate transaction; readers never wait for it (write-ahead
//! log). Only this module and `migrate` know that the engine is SQLite.

use std::{
    fs::{OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::StoreError;

/// Idle readers kept open.
const READERS_MAX: usize = 8;
/// How long one statement waits for another process (a backup) before it fails.
const BUSY: Duration = Duration::from_secs(30);

/// One database file.
#[derive(Debug)]
pub(crate) struct Db {
    path: PathBuf,
    /// Closed before the writer, which then moves the log into the file: a server that stopped in good
    /// order leaves one file.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    read_only: bool,
}

impl Db {
    /// Opens a file, making it if need be, and applies `migrate` to it, which says whether it may be
    /// written.
    pub(crate) fn open(
        path: &Path,
        migrate: impl FnOnce(&mut Connection) -> Result<bool, StoreError>,
    ) -> Result<Self, StoreError> {
        // For its owner only, whoever may look into the directory; what the engine puts beside it takes the same mode.
        // What cannot be made so (it is somebody else's) is opened as it is, or not, with the engine's own words.
        if let Ok(file) = OpenOptions::new().create(true).append(true).mode(0o600).open(path) {
            let _ = file.set_permissions(Permissions::from_mode(0o600));
        }
        let mut writer = Connection::open(path)?;
        prepare(&writer)?;
        // Every commit reaches the disk: products are told of it at once and must not be told less later.
        writer.pragma_update(None, "synchronous", "FULL")?;
        let may_write = migrate(&mut writer)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            read_only: !may_write,
        })
    }

    pub(crate) fn read_only(&self) -> bool {
        self.read_only
    }

    /// Runs `work` on one consistent state.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let mut reader = if let Some(reader) = idle {
            reader
        } else {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let reader = Connection::open_with_flags(&self.path, flags)?;
            prepare(&reader)?;
            reader
        };
        let done = {
            let transaction = reader.transaction()?;
            work(&transaction)?
        };
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_MAX {
            readers.push(reader);
        }
        Ok(done)
    }

    /// Runs `work` as the one writer; all of it is kept, or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write_if(|transaction| Ok((work(transaction)?, true)))
    }

    /// Runs `work` as the one writer; all of it is kept if it says so, else nothing.
    pub(crate) fn write_if<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(T, bool), E>,
    ) -> Result<T, E> {
        if self.read_only {
            return Err(StoreError::ReadOnly.into());
        }
        let mut writer = lock(&self.writer);
        let immediate = TransactionBehavior::Immediate;
        let begun = writer.transaction_with_behavior(immediate);
        let transaction = begun.map_err(StoreError::from)?;
        let (done, keep) = work(&transaction)?;
        if keep {
            transaction.commit().map_err(StoreError::from)?;
        }
        Ok(done)
    }
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    if !connection.is_readonly(rusqlite::MAIN_DB)? {
        connection.pragma_update(None, "journal_mode", "WAL")?;
    }
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number as the engine keeps it. Positions and counts never reach 2^63.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as the engine gave it.
pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number)
        .map_err(|_| StoreError::Damaged(format!("a position is negative: {number}")))
}

/// A small number as the engine gave it.
pub(crate) fn small(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number)
        .map_err(|_| StoreError::Damaged(format!("a number does not fit: {number}")))
}
