//! Rows of settings, and of what the server keeps beside users and groups, that cannot be read: one table says what is
//! read of each, and what is written in the place of what cannot be.
//!
//! Invariants: one unreadable row stops one object; nobody gets in by a row that cannot be read; what a repair writes
//! is what the readers put in the place of an unreadable value meanwhile, or the row is taken out.

use std::{collections::BTreeMap, fmt};

use directory::{id::DirectoryId, report::RunReport, rules::Rules};
use rusqlite::{Row, Rows, Transaction, types::ValueRef};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::{Pin, Role, Schedule, Scope, Store, StoreError, sealed::Key};

mod tables;

pub(crate) use tables::{MAIN, NEXT_GROUP, NEXT_USER, STATE};

/// A row that cannot be read, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    /// The kind of object, as an administrator calls it: `application`.
    pub kind: &'static str,
    /// The object's name, or its number where it has none that can be read.
    pub object: String,
    /// What of it cannot be read.
    pub columns: Vec<&'static str>,
    /// What a repair makes of it.
    pub remedy: String,
}

impl UnreadableRow {
    /// What cannot be read: lower case, no full stop.
    pub fn what(&self) -> String {
        format!("the {} of {} `{}`", self.columns.join(", "), self.kind, self.object)
    }
}

/// For an administrator: lower case, no full stop.
impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot be read; a stopped server's `muster repair --apply` does this: {}",
            self.what(),
            self.remedy
        )
    }
}

impl Store {
    /// Rows of settings that cannot be read: of directories, applications, administrators, tokens, channels and the like.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unreadable_settings(&self) -> Result<Vec<UnreadableRow>, StoreError> {
        self.0.main.read(|transaction| {
            let settings = MAIN.iter().filter(|table| table.is_settings);
            let mut found = Vec::new();
            for table in settings {
                found.extend(scan(transaction, &self.0.key, table)?.into_iter().map(|hit| hit.row));
            }
            Ok(found)
        })
    }
}

/// How a column is read.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    Text,
    OptionalText,
    Number,
    OptionalNumber,
    /// A number from 0 to 2^32.
    Small,
    /// 0 for a user, 1 for a group.
    Kind,
    Flag,
    Bytes,
    /// A SHA-256.
    Digest,
    /// A text of some form.
    Fits(fn(&str) -> bool),
    OptionalFits(fn(&str) -> bool),
    /// A text that is sealed for a purpose, which the row's number names.
    Sealed(fn(&str) -> String),
    OptionalSealed(fn(&str) -> String),
}

impl Check {
    /// Whether a value can be read.
    pub(crate) fn reads(self, value: ValueRef<'_>, (key, id): (&Key, &str)) -> bool {
        let text = || value.as_str().ok();
        let number = || value.as_i64().ok();
        match self {
            Self::OptionalText
            | Self::OptionalNumber
            | Self::OptionalFits(_)
            | Self::OptionalSealed(_)
                if value == ValueRef::Null =>
            {
                true
            }
            Self::Text | Self::OptionalText => text().is_some(),
            Self::Number | Self::OptionalNumber | Self::Flag => number().is_some(),
            Self::Small => number().is_some_and(|number| u32::try_from(number).is_ok()),
            Self::Kind => number().is_some_and(|number| (0..2).contains(&number)),
            Self::Bytes => value.as_blob().is_ok(),
            Self::Digest => value.as_blob().is_ok_and(|bytes| bytes.len() == 32),
            Self::Fits(fits) | Self::OptionalFits(fits) => text().is_some_and(fits),
            Self::Sealed(purpose) | Self::OptionalSealed(purpose) => {
                value.as_blob().is_ok_and(|sealed| key.unseal(&purpose(id), sealed).is_ok())
            }
        }
    }
}

/// Whether a text is the JSON of a value.
pub(crate) fn is_json<T: DeserializeOwned>(text: &str) -> bool {
    serde_json::from_str::<T>(text).is_ok()
}

/// What is written in the place of a column that cannot be read.
#[derive(Clone, Copy)]
pub(crate) struct Reset {
    /// As SQL sets it; `:empty` is a sealed text of nothing.
    pub(crate) set: &'static str,
    /// In words.
    pub(crate) told: &'static str,
}

/// A column that is read.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) check: Check,
    /// None where the whole row goes.
    pub(crate) reset: Option<Reset>,
}

/// A table of such rows.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What a row is, for an administrator.
    pub(crate) kind: &'static str,
    /// What finds a row, as SQL: joined with spaces.
    pub(crate) key: &'static str,
    /// The column with the object's name.
    pub(crate) label: Option<&'static str>,
    pub(crate) columns: &'static [Column],
    /// What taking a row out means.
    pub(crate) removed: Removed,
    /// Whether it has few rows, which are looked at while the server runs.
    pub(crate) is_settings: bool,
}

/// What becomes of a row of which a column without a substitute cannot be read.
#[derive(Clone, Copy)]
pub(crate) enum Removed {
    /// It is taken out; in words, what that means.
    TakenOut(&'static str),
    /// It is left as it is; in words, what there is to do.
    Kept(&'static str),
}

/// A row that cannot be read, and how it is found.
pub(crate) struct Hit {
    pub(crate) row: UnreadableRow,
    /// The row's key, as its table's SQL gives it.
    key: Option<Vec<u8>>,
    id: String,
    resets: Vec<&'static str>,
    goes: bool,
}

/// The rows of a table that cannot be read.
pub(crate) fn scan(
    transaction: &Transaction<'_>,
    key: &Key,
    table: &Table,
) -> Result<Vec<Hit>, StoreError> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let select = format!(
        "SELECT CAST({} AS BLOB), CAST({} AS BLOB), {} FROM {}",
        table.key,
        table.label.unwrap_or("NULL"),
        columns.join(", "),
        table.name
    );
    let mut select = transaction.prepare(&select)?;
    let mut rows = select.query(())?;
    let mut hits = Vec::new();
    while let Some(row) = rows.next()? {
        hits.extend(look(row, key, table)?);
    }
    Ok(hits)
}

fn look(row: &Row<'_>, key: &Key, table: &Table) -> Result<Option<Hit>, StoreError> {
    let found = row.get_ref(0)?.as_bytes_or_null().ok().flatten().map(<[u8]>::to_vec);
    let id = String::from_utf8_lossy(found.as_deref().unwrap_or_default()).into_owned();
    let mut bad = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if !column.check.reads(row.get_ref(at + 2)?, (key, &id)) {
            bad.push(column);
        }
    }
    if bad.is_empty() {
        return Ok(None);
    }
    let label = row.get_ref(1)?.as_bytes_or_null().ok().flatten();
    let label = label.map(|label| String::from_utf8_lossy(label).into_owned());
    let resets: Option<Vec<Reset>> = bad.iter().map(|column| column.reset).collect();
    let (remedy, resets, goes) = match (resets, table.removed) {
        (Some(resets), _) => {
            let told: Vec<&str> = resets.iter().map(|reset| reset.told).collect();
            (told.join("; "), resets.iter().map(|reset| reset.set).collect(), false)
        }
        (None, Removed::TakenOut(told)) => (told.to_owned(), Vec::new(), true),
        (None, Removed::Kept(told)) => (told.to_owned(), Vec::new(), false),
    };
    let row = UnreadableRow {
        kind: table.kind,
        object: label.filter(|label| !label.is_empty()).unwrap_or_else(|| id.clone()),
        columns: bad.iter().map(|column| column.name).collect(),
        remedy,
    };
    Ok(Some(Hit { row, key: found, id, resets, goes }))
}

/// Writes what stands in for a row's columns that cannot be read, or takes the row out.
pub(crate) fn mend(
    transaction: &Transaction<'_>,
    key: &Key,
    (table, hit): (&Table, &Hit),
) -> Result<(), StoreError> {
    let of_row = format!("CAST({} AS BLOB) IS :key", table.key);
    for set in &hit.resets {
        let update = format!("UPDATE {} SET {set} WHERE {of_row}", table.name);
        let mut update = transaction.prepare(&update)?;
        if set.contains(":empty") {
            let purpose = table.columns.iter().find_map(|column| match column.check {
                Check::Sealed(purpose) => Some(purpose(&hit.id)),
                _ => None,
            });
            let empty = key.seal(&purpose.unwrap_or_default(), &SecretString::from(""));
            update.execute(rusqlite::named_params! { ":key": hit.key, ":empty": empty })?;
        } else {
            update.execute(rusqlite::named_params! { ":key": hit.key })?;
        }
    }
    if hit.goes {
        let delete = format!("DELETE FROM {} WHERE {of_row}", table.name);
        transaction.execute(&delete, rusqlite::named_params! { ":key": hit.key })?;
    }
    Ok(())
}

/// Reads rows one by one; what cannot be read is left out, and [`scan`] tells of it.
pub(crate) fn readable<T>(
    mut rows: Rows<'_>,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(one) => all.push(one),
            Err(error) if is_of_row(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// None in the place of a row that cannot be read.
pub(crate) fn or_none<T>(read: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    read.or_else(|error| if is_of_row(&error) { Ok(None) } else { Err(error) })
}

/// Whether an error says that a row cannot be read, rather than the database.
pub(crate) fn is_of_row(error: &StoreError) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    match error {
        StoreError::Damaged(_) | StoreError::Key(_) => true,
        StoreError::Engine(error) => matches!(
            error,
            InvalidColumnType(..)
                | FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | Utf8Error(..)
        ),
        _ => false,
    }
}

/// A row that is read column by column: what cannot be read is remembered and has a value that lets nobody in.
pub(crate) struct Lenient<'a, 'b> {
    row: &'a Row<'b>,
    pub(crate) unreadable: Vec<&'static str>,
}

impl<'a, 'b> Lenient<'a, 'b> {
    pub(crate) fn new(row: &'a Row<'b>) -> Self {
        Self { row, unreadable: Vec::new() }
    }

    /// The value of a column.
    pub(crate) fn get<T: rusqlite::types::FromSql>(
        &mut self,
        (at, name): (usize, &'static str),
        instead: impl FnOnce() -> T,
    ) -> T {
        self.take(name, self.row.get(at).map_err(StoreError::from), instead)
    }

    /// The value of a column that is a text of some form.
    pub(crate) fn parsed<T>(
        &mut self,
        (at, name): (usize, &'static str),
        parse: impl FnOnce(&str) -> Option<T>,
        instead: impl FnOnce() -> T,
    ) -> T {
        let read = self.row.get_ref(at).ok().and_then(|value| parse(value.as_str().ok()?));
        let read = read.ok_or_else(|| StoreError::Damaged(name.to_owned()));
        self.take(name, read, instead)
    }

    /// The text of a column that is sealed for a purpose; an empty one instead.
    pub(crate) fn unsealed(
        &mut self,
        (at, name): (usize, &'static str),
        (key, purpose): (&Key, &str),
    ) -> SecretString {
        let sealed: Result<Vec<u8>, _> = self.row.get(at).map_err(StoreError::from);
        let read = sealed.and_then(|sealed| key.unseal(purpose, &sealed));
        self.take(name, read, || SecretString::from(""))
    }

    fn take<T>(
        &mut self,
        name: &'static str,
        read: Result<T, StoreError>,
        instead: impl FnOnce() -> T,
    ) -> T {
        read.unwrap_or_else(|_| {
            self.unreadable.push(name);
            instead()
        })
    }
}

fn is_settings(text: &str) -> bool {
    is_json::<BTreeMap<String, String>>(text)
}

fn is_texts(text: &str) -> bool {
    is_json::<Vec<String>>(text)
}

fn is_scopes(text: &str) -> bool {
    text.split_whitespace().all(|scope| Scope::parse(scope).is_some())
}

fn is_maker(text: &str) -> bool {
    crate::Maker::parse(text).is_some()
}

fn is_role(text: &str) -> bool {
    Role::parse(text).is_some()
}

fn is_rules(text: &str) -> bool {
    is_json::<Rules>(text)
}

fn is_schedule(text: &str) -> bool {
    is_json::<Schedule>(text)
}

fn is_pin(text: &str) -> bool {
    is_json::<Pin>(text)
}

fn is_directories(text: &str) -> bool {
    is_json::<Vec<DirectoryId>>(text)
}

fn is_report(text: &str) -> bool {
    is_json::<RunReport>(text)
}
