//! What can go wrong with the store, said so that an operator knows what to do.

use std::{io, path::PathBuf};

/// A store that cannot be used, read or written. Nothing is half written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be made, read or written.
    #[error("the data directory {path} cannot be used: {source}; {advice}")]
    DataDirectory {
        /// The directory or the file in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// Another server has the data directory.
    #[error(
        "another Muster server uses the data directory {0}; stop it, or choose another with --data"
    )]
    InUse(PathBuf),
    /// The database was written by a later version, which this one must not read.
    #[error(
        "the database was written by a newer Muster (schema {found}, readable from schema {min_reader} on; this \
         one knows schema {known}); start that version, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The schema of the database.
        found: u32,
        /// The oldest schema whose program may read it.
        min_reader: u32,
        /// The schema of this program.
        known: u32,
    },
    /// The database has migrations that this version does not know: a later version wrote it.
    #[error(
        "the database {file} was written by a newer Muster (it has the migration V{found}, and this one knows none after \
         V{known}); start that version, or restore the backup made before the upgrade"
    )]
    NewerMigration {
        /// The database file.
        file: &'static str,
        /// The newest migration of the database.
        found: u32,
        /// The newest migration of this program.
        known: u32,
    },
    /// The database was written by a later version, which this one may read and must not write.
    #[error(
        "the database was written by a newer Muster; this one serves what is there and changes nothing; \
         start the newer version"
    )]
    ReadOnly,
    /// The migrations do not fit the database.
    #[error(
        "the database cannot be brought to this version: {0}; restore the backup made before the upgrade"
    )]
    Migration(#[source] Box<refinery::Error>),
    /// The key file is missing, open to others, or not the one that sealed the secrets.
    #[error("{0}")]
    Key(String),
    /// What is stored cannot be read.
    #[error(
        "the database is damaged: {0}; stop the server and look at it with `muster repair --data DIR`, or restore a backup"
    )]
    Damaged(String),
    /// What is to be stored could not be read again; nothing of the run is kept.
    #[error("{0} would not be read as it is written, so nothing of this run was kept; report this")]
    NotReadable(String),
    /// A directory or application has this name already.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// Another directory has the key.
    #[error("another directory has the key `{0}`; two directories have two keys")]
    KeyTaken(String),
    /// The directory or application is not there any more.
    #[error("it was removed meanwhile")]
    Removed,
    /// The log does not go back so far.
    #[error(
        "the history is kept from change {floor} on, and change {asked} is older; choose a later one, and see          `history_days` in the configuration"
    )]
    NotKept {
        /// The position that was asked for.
        asked: u64,
        /// The position from which on the log is whole.
        floor: u64,
    },
    /// The log does not reach so far.
    #[error("there is no change {asked} yet: the log ends at {head}")]
    NotYet {
        /// The position that was asked for.
        asked: u64,
        /// The end of the log.
        head: u64,
    },
    /// The database engine says so.
    #[error("the database failed: {0}")]
    Engine(#[from] rusqlite::Error),
}

impl StoreError {
    pub(crate) fn damaged(what: &'static str) -> impl Fn(serde_json::Error) -> Self {
        move |error| Self::Damaged(format!("{what}: {error}"))
    }
}
