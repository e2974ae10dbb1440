//! Directories as an administrator set them up: provider, settings, secret, rules, schedule.

use std::collections::BTreeMap;

use directory::{
    id::{ChangeSeq, DirectoryId, Millis},
    name::fold,
    observation::Cursor,
    rules::Rules,
};
use rusqlite::{OptionalExtension, Row, Transaction};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    db::{Db, small},
    gone, json,
    sealed::Key,
    unreadable::{Lenient, readable},
};

/// When a directory is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// What changed is read every so many seconds.
    pub pull_every_s: u64,
    /// Everything is read every so many seconds.
    pub full_every_s: u64,
    /// Whether the provider is asked to tell of changes, so that pulls come sooner.
    pub notifications: bool,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { pull_every_s: 300, full_every_s: 7 * 24 * 3_600, notifications: false }
    }
}

/// The shortest time between two runs, in seconds.
const EVERY_S_MIN: u64 = 10;
/// The longest time between two runs, in seconds: 366 days.
const EVERY_S_MAX: u64 = 366 * 24 * 3_600;

/// Errors of a schedule that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Runs too close together, or too far apart.
    #[error("pull_every_s is {0}; it is {EVERY_S_MIN} seconds or more, and {EVERY_S_MAX} at most")]
    Pull(u64),
    /// Complete runs more often than runs, or too far apart.
    #[error(
        "full_every_s is {0}; it is not less than pull_every_s, and {EVERY_S_MAX} seconds at most"
    )]
    Full(u64),
}

impl Schedule {
    /// Returns the schedule if its periods are within their bounds.
    ///
    /// # Errors
    /// Names the period that is not, and the bounds.
    pub fn checked(self) -> Result<Self, ScheduleError> {
        if !(EVERY_S_MIN..=EVERY_S_MAX).contains(&self.pull_every_s) {
            return Err(ScheduleError::Pull(self.pull_every_s));
        }
        if !(self.pull_every_s..=EVERY_S_MAX).contains(&self.full_every_s) {
            return Err(ScheduleError::Full(self.full_every_s));
        }
        Ok(self)
    }
}

/// Says that a directory was put back and stays as it is (DESIGN.md 10.12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pin {
    /// The position of the log whose state is served.
    pub to: ChangeSeq,
    /// When that state came about.
    pub state_of: Millis,
    /// When the directory was put back.
    pub since: Millis,
    /// Why, in the administrator's words.
    pub reason: Option<String>,
}

/// A directory to be connected.
#[derive(Debug)]
pub struct NewConnection {
    /// Its name, unique in any case.
    pub name: String,
    /// Its provider: `entra`.
    pub provider: String,
    /// How the provider is reached.
    pub settings: BTreeMap<String, String>,
    /// The provider's credential.
    pub secret: SecretString,
    /// Its rules.
    pub rules: Rules,
    /// When it is read.
    pub schedule: Schedule,
    /// The first part of its users' keys; its number when there is none.
    pub key: Option<String>,
}

/// The key of a directory that was removed: the same tenant, connected again, has it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// The key.
    pub key: String,
    /// The provider.
    pub provider: String,
    /// How the provider was reached.
    pub settings: BTreeMap<String, String>,
    /// The directory's name, folded.
    pub folded_name: String,
}

/// A directory's settings and position.
#[derive(Debug, Clone)]
pub struct ConnectionRow {
    /// Its number.
    pub id: DirectoryId,
    /// Its name.
    pub name: String,
    /// Its provider.
    pub provider: String,
    /// How the provider is reached.
    pub settings: BTreeMap<String, String>,
    /// The provider's credential.
    pub secret: SecretString,
    /// Its rules.
    pub rules: Rules,
    /// When it is read.
    pub schedule: Schedule,
    /// Whether the schedule is stopped.
    pub paused: bool,
    /// Whether it is on its way out.
    pub removing: bool,
    /// Whether products may read it.
    pub served_once: bool,
    /// Where the next pull goes on.
    pub cursor: Option<Cursor>,
    /// When everything was last read.
    pub last_full_read: Option<Millis>,
    /// When the provider was last read with success.
    pub last_read: Option<Millis>,
    /// When the provider's credential stops working, if an administrator said so.
    pub expires: Option<Millis>,
    /// Where it was put back to, if it stays there.
    pub pin: Option<Pin>,
    /// The first part of its users' keys, the same as long as it is there.
    pub key: String,
    /// The columns that cannot be read; what stands in for them lets nothing be read or served that was not.
    pub unreadable: Vec<&'static str>,
}

impl ConnectionRow {
    /// The columns that cannot be read and without which no run can be made.
    pub fn lacks(&self) -> Vec<&'static str> {
        const NEEDED: [&str; 6] = ["provider", "settings", "secret", "rules", "pin", "key"];
        self.unreadable.iter().copied().filter(|column| NEEDED.contains(column)).collect()
    }
}

const COLUMNS: &str = "id, name, provider, settings, secret, rules, schedule, paused, removing, served_once, \
                       cursor, last_full_read, last_read, expires, pin, key";

/// Everything that belongs to a directory beside its row.
pub(crate) const TABLES: [&str; 22] = [
    "gone_user",
    "mirror_person",
    "mirror_group",
    "mirror_members",
    "mirror_unconfirmed",
    "served_user",
    "served_group",
    "served_members",
    "past_name",
    "accepted_name",
    "refused_name",
    "take_over",
    "discard",
    "frozen_name",
    "change_log",
    "log_run",
    "log_member",
    "log_key",
    "base_user",
    "base_group",
    "base_members",
    "run",
];

pub(crate) fn list(
    transaction: &Transaction<'_>,
    key: &Key,
) -> Result<Vec<ConnectionRow>, StoreError> {
    let mut select =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM connection ORDER BY id"))?;
    let rows = select.query(())?;
    readable(rows, |row| connection(row, key))
}

pub(crate) fn get(
    db: &Db,
    key: &Key,
    id: DirectoryId,
) -> Result<Option<ConnectionRow>, StoreError> {
    db.read(|transaction| {
        let mut select = transaction
            .prepare_cached(&format!("SELECT {COLUMNS} FROM connection WHERE id = ?1"))?;
        let mut rows = select.query([id.0])?;
        rows.next()?.map(|row| connection(row, key)).transpose()
    })
}

pub(crate) fn add(
    transaction: &Transaction<'_>,
    key: &Key,
    new: &NewConnection,
    now: Millis,
) -> Result<ConnectionRow, StoreError> {
    let folded = fold(&new.name);
    refuse_taken(transaction, "connection", &new.name)?;
    transaction.execute("UPDATE head SET directory = directory + 1", ())?;
    let id =
        DirectoryId(small(
            transaction.query_row("SELECT directory FROM head", (), |row| row.get(0))?,
        )?);
    let directory_key = new.key.clone().unwrap_or_else(|| id.to_string());
    let taken: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM connection WHERE key = ?1)",
        [&directory_key],
        |row| row.get(0),
    )?;
    if taken {
        return Err(StoreError::KeyTaken(directory_key));
    }
    transaction.execute("DELETE FROM kept_key WHERE key = ?1", [&directory_key])?;
    transaction.execute(
        "INSERT INTO connection (id, name, folded_name, provider, settings, secret, rules, schedule, paused,
                                 removing, served_once, next_user, next_group, created, key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, FALSE, FALSE, FALSE, 0, 0, ?9, ?10)",
        (
            id.0,
            &new.name,
            folded,
            &new.provider,
            json::write("these settings", &new.settings)?,
            key.seal(&purpose(id), &new.secret),
            json::write("these rules", &new.rules)?,
            json::write("this schedule", &new.schedule)?,
            now.0,
            &directory_key,
        ),
    )?;
    Ok(ConnectionRow {
        id,
        name: new.name.clone(),
        provider: new.provider.clone(),
        settings: new.settings.clone(),
        secret: new.secret.clone(),
        rules: new.rules.clone(),
        schedule: new.schedule,
        paused: false,
        removing: false,
        served_once: false,
        cursor: None,
        last_full_read: None,
        last_read: None,
        expires: None,
        pin: None,
        key: directory_key,
        unreadable: Vec::new(),
    })
}

/// Refuses a name that another row of the table has in any case.
pub(crate) fn refuse_taken(
    transaction: &Transaction<'_>,
    table: &str,
    name: &str,
) -> Result<(), StoreError> {
    let taken: Option<i64> = transaction
        .query_row(&format!("SELECT id FROM {table} WHERE folded_name = ?1"), [fold(name)], |row| {
            row.get(0)
        })
        .optional()?;
    taken.map_or(Ok(()), |_| Err(StoreError::NameTaken(name.to_owned())))
}

pub(crate) fn remove(transaction: &Transaction<'_>, id: DirectoryId) -> Result<(), StoreError> {
    for table in TABLES {
        transaction.execute(&format!("DELETE FROM {table} WHERE directory = ?1"), [id.0])?;
    }
    gone::forget_all(transaction, id)?;
    transaction.execute(
        "INSERT OR REPLACE INTO kept_key (key, provider, settings, folded_name, number)
         SELECT key, provider, settings, folded_name, id FROM connection WHERE id = ?1",
        [id.0],
    )?;
    transaction.execute("DELETE FROM connection WHERE id = ?1", [id.0])?;
    Ok(())
}

/// The keys of directories that were removed, those connected first first.
pub(crate) fn kept_keys(transaction: &Transaction<'_>) -> Result<Vec<KeptKey>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT key, provider, settings, folded_name FROM kept_key ORDER BY number, key",
    )?;
    let rows = select.query(())?;
    // What cannot be read is forgotten: it stops no other directory from being connected.
    readable(rows, |row| {
        let (key, settings): (String, String) = (row.get(0)?, row.get(2)?);
        let settings = json::read(&format!("settings of key {key}"), &settings)?;
        Ok(KeptKey { key, provider: row.get(1)?, settings, folded_name: row.get(3)? })
    })
}

/// Sets one column of a directory's row.
pub(crate) fn set(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    column: &'static str,
    value: impl rusqlite::ToSql,
) -> Result<(), StoreError> {
    let changed = transaction
        .execute(&format!("UPDATE connection SET {column} = ?2 WHERE id = ?1"), (id.0, value))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Removed) }
}

/// Replaces how a directory's provider is reached, and its credential if one is given.
pub(crate) fn reconnect(
    transaction: &Transaction<'_>,
    key: &Key,
    id: DirectoryId,
    (settings, secret): (&BTreeMap<String, String>, Option<&SecretString>),
) -> Result<(), StoreError> {
    let json = json::write("these settings", settings)?;
    set(transaction, id, "settings", json)?;
    match secret {
        Some(secret) => set(transaction, id, "secret", key.seal(&purpose(id), secret)),
        None => Ok(()),
    }
}

fn connection(row: &Row<'_>, key: &Key) -> Result<ConnectionRow, StoreError> {
    let id = DirectoryId(small(row.get(0)?)?);
    let mut row = Lenient::new(row);
    let time =
        |row: &mut Lenient<'_, '_>, column| row.get::<Option<i64>>(column, || None).map(Millis);
    let name = row.get((1, "name"), || format!("directory-{id}"));
    let provider = row.get((2, "provider"), String::new);
    let settings = row.parsed((3, "settings"), parsed, BTreeMap::new);
    let secret = row.unsealed((4, "secret"), (key, &purpose(id)));
    let rules = row.parsed((5, "rules"), parsed, Rules::default);
    let schedule = row.parsed((6, "schedule"), parsed, Schedule::default);
    let paused = row.get((7, "paused"), || true);
    let removing = row.get((8, "removing"), || false);
    let served_once = row.get((9, "served_once"), || false);
    let cursor = row.get::<Option<String>>((10, "cursor"), || None).map(Cursor);
    let last_full_read = time(&mut row, (11, "last_full_read"));
    let last_read = time(&mut row, (12, "last_read"));
    let expires = time(&mut row, (13, "expires"));
    let json = row.get::<Option<String>>((14, "pin"), || None);
    let pin = json.as_deref().map(serde_json::from_str::<Pin>).transpose();
    let pin = pin.unwrap_or_else(|_| {
        row.unreadable.push("pin");
        None
    });
    let key = row.get((15, "key"), || format!("unreadable-{id}"));
    let unreadable = row.unreadable;
    // Under another key products would take its users for new ones.
    let served_once = served_once && !unreadable.contains(&"key");
    Ok(ConnectionRow {
        id,
        name,
        provider,
        settings,
        secret,
        rules,
        schedule,
        paused,
        removing,
        served_once,
        cursor,
        last_full_read,
        last_read,
        expires,
        pin,
        key,
        unreadable,
    })
}

fn parsed<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn purpose(id: DirectoryId) -> String {
    format!("secret of directory {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_outside_its_bounds_is_refused() {
        let year = 366 * 24 * 3_600;
        let of = |pull_every_s, full_every_s| {
            Schedule { pull_every_s, full_every_s, notifications: false }.checked()
        };
        assert!(Schedule::default().checked().is_ok());
        for (pull, full) in [(10, 10), (10, year), (year, year)] {
            assert!(of(pull, full).is_ok(), "{pull} {full}");
        }
        for pull in [0, 9, year + 1, u64::MAX / 1_000, i64::MAX.cast_unsigned(), u64::MAX] {
            assert_eq!(of(pull, year), Err(ScheduleError::Pull(pull)));
        }
        for full in [0, 299, year + 1, u64::MAX / 1_000, i64::MAX.cast_unsigned(), u64::MAX] {
            assert_eq!(of(300, full), Err(ScheduleError::Full(full)));
        }
    }
}
