//! Applications: Crowd clients with their password hash, addresses and ordered directories.

use directory::{
    id::{DirectoryId, Millis},
    name::fold,
};
use rusqlite::Transaction;

use crate::{StoreError, connections::refuse_taken, db::small};

/// An application to be let in.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// Its name, unique in any case.
    pub name: String,
    /// The argon2id hash of its password.
    pub password_hash: String,
    /// What it sees, in order.
    pub directories: Vec<DirectoryId>,
    /// Whether memberships come from all directories.
    pub aggregate: bool,
    /// From where it may call; everywhere when empty.
    pub addresses: Vec<String>,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The argon2id hash of its password.
    pub password_hash: String,
    /// What it sees, in order.
    pub directories: Vec<DirectoryId>,
    /// Whether memberships come from all directories.
    pub aggregate: bool,
    /// From where it may call; everywhere when empty.
    pub addresses: Vec<String>,
}

pub(crate) fn list(transaction: &Transaction<'_>) -> Result<Vec<ApplicationRow>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT id, name, password_hash, directories, aggregate, addresses FROM application ORDER BY id",
    )?;
    let mut rows = select.query(())?;
    let mut applications = Vec::new();
    while let Some(row) = rows.next()? {
        let json = StoreError::damaged("an application");
        applications.push(ApplicationRow {
            id: small(row.get(0)?)?,
            name: row.get(1)?,
            password_hash: row.get(2)?,
            directories: serde_json::from_str(&row.get::<_, String>(3)?).map_err(&json)?,
            aggregate: row.get(4)?,
            addresses: serde_json::from_str(&row.get::<_, String>(5)?).map_err(&json)?,
        });
    }
    Ok(applications)
}

pub(crate) fn add(
    transaction: &Transaction<'_>,
    new: &NewApplication,
    now: Millis,
) -> Result<(), StoreError> {
    refuse_taken(transaction, "application", &new.name)?;
    transaction.execute("UPDATE head SET application = application + 1", ())?;
    let json = |text: Result<String, _>| text.map_err(StoreError::damaged("an application"));
    transaction.execute(
        "INSERT INTO application (id, name, folded_name, password_hash, directories, aggregate, addresses, created)
         VALUES ((SELECT application FROM head), ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            &new.name,
            fold(&new.name),
            &new.password_hash,
            json(serde_json::to_string(&new.directories))?,
            new.aggregate,
            json(serde_json::to_string(&new.addresses))?,
            now.0,
        ),
    )?;
    Ok(())
}

pub(crate) fn remove(transaction: &Transaction<'_>, id: u32) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM application WHERE id = ?1", [id])?;
    Ok(())
}

pub(crate) fn set_password(
    transaction: &Transaction<'_>,
    id: u32,
    hash: &str,
) -> Result<(), StoreError> {
    let changed = transaction
        .execute("UPDATE application SET password_hash = ?2 WHERE id = ?1", (id, hash))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Removed) }
}
