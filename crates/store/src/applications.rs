//! Applications: Crowd clients with their password hash, addresses and ordered directories.

use directory::{
    change::Change,
    decisions::Node,
    id::{DirectoryId, Millis, UserNo},
    name::{Name, fold},
    view::{FrozenNames, renamed},
};
use rusqlite::{Row, Transaction};

use crate::{
    StoreError,
    connections::refuse_taken,
    damage::{Damage, Instead, Place},
    db::small,
    recover,
    unreadable::{Lenient, readable},
};

/// An application to be let in.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// Its name, unique in any case.
    pub name: String,
    /// The argon2id hash of its password.
    pub password_hash: String,
    /// What it sees, and how.
    pub sight: Sight,
    /// From where it may call; everywhere when empty.
    pub addresses: Vec<String>,
}

/// What an application sees, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Its directories, in order.
    pub directories: Vec<DirectoryId>,
    /// Whether memberships come from all directories.
    pub aggregate: bool,
    /// Whether people in nested groups are shown in the groups around.
    pub flattened: bool,
    /// Whether people keep the names under which it first knew them.
    pub frozen_names: bool,
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
    /// What it sees, and how.
    pub sight: Sight,
    /// From where it may call; everywhere when empty.
    pub addresses: Vec<String>,
    /// The key of the product that it was made for, where somebody said so.
    pub product: Option<String>,
    /// The columns that cannot be read; what stands in for them lets nobody in and shows nothing.
    pub unreadable: Vec<&'static str>,
}

pub(crate) fn list(transaction: &Transaction<'_>) -> Result<Vec<ApplicationRow>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT id, name, password_hash, directories, aggregate, flattened, frozen_names, addresses, product
         FROM application ORDER BY id",
    )?;
    let rows = select.query(())?;
    readable(rows, application)
}

/// What an application may see is one thing: with a part of it that cannot be read it sees no directory, and so gets
/// no lists; without its addresses nobody gets in.
fn application(row: &Row<'_>) -> Result<ApplicationRow, StoreError> {
    let id = small(row.get(0)?)?;
    let mut row = Lenient::new(row);
    let parsed = |json: &str| serde_json::from_str(json).ok();
    let name = row.get((1, "name"), || format!("application-{id}"));
    let mut password_hash = row.get((2, "password_hash"), String::new);
    let mut directories = row.parsed((3, "directories"), parsed, Vec::new);
    let aggregate = row.get((4, "aggregate"), || false);
    let flattened = row.get((5, "flattened"), || false);
    let frozen_names = row.get((6, "frozen_names"), || true);
    let addresses = row.parsed((7, "addresses"), |json| serde_json::from_str(json).ok(), Vec::new);
    let product = row.get((8, "product"), || None);
    let unreadable = row.unreadable;
    let lacks = |columns: &[&str]| unreadable.iter().any(|column| columns.contains(column));
    if lacks(&["aggregate", "flattened", "frozen_names"]) {
        directories.clear();
    }
    if lacks(&["addresses"]) {
        password_hash.clear();
    }
    let sight = Sight { directories, aggregate, flattened, frozen_names };
    Ok(ApplicationRow { id, name, password_hash, sight, addresses, product, unreadable })
}

pub(crate) fn add(
    transaction: &Transaction<'_>,
    new: &NewApplication,
    now: Millis,
) -> Result<u32, StoreError> {
    refuse_taken(transaction, "application", &new.name)?;
    transaction.execute("UPDATE head SET application = application + 1", ())?;
    transaction.execute(
        "INSERT INTO application (id, name, folded_name, password_hash, directories, aggregate, flattened,
                                  frozen_names, addresses, created)
         VALUES ((SELECT application FROM head), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            &new.name,
            fold(&new.name),
            &new.password_hash,
            json(&new.sight.directories)?,
            new.sight.aggregate,
            new.sight.flattened,
            new.sight.frozen_names,
            json(&new.addresses)?,
            now.0,
        ),
    )?;
    small(transaction.query_row("SELECT application FROM head", (), |row| row.get(0))?)
}

/// Changes what an application sees. Names are frozen from now on, or not any more.
pub(crate) fn set_sight(
    transaction: &Transaction<'_>,
    id: u32,
    sight: &Sight,
) -> Result<(), StoreError> {
    let changed = transaction.execute(
        "UPDATE application SET directories = ?2, aggregate = ?3, flattened = ?4, frozen_names = ?5
         WHERE id = ?1",
        (id, json(&sight.directories)?, sight.aggregate, sight.flattened, sight.frozen_names),
    )?;
    if changed == 0 {
        return Err(StoreError::Removed);
    }
    if !sight.frozen_names {
        transaction.execute("DELETE FROM frozen_name WHERE application = ?1", [id])?;
    }
    Ok(())
}

pub(crate) fn remove(transaction: &Transaction<'_>, id: u32) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM application WHERE id = ?1", [id])?;
    transaction.execute("DELETE FROM frozen_name WHERE application = ?1", [id])?;
    transaction.execute("DELETE FROM webhook WHERE application = ?1", [id])?;
    Ok(())
}

pub(crate) fn set_product(
    transaction: &Transaction<'_>,
    id: u32,
    product: Option<&str>,
) -> Result<(), StoreError> {
    let changed =
        transaction.execute("UPDATE application SET product = ?2 WHERE id = ?1", (id, product))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Removed) }
}

pub(crate) fn set_addresses(
    transaction: &Transaction<'_>,
    id: u32,
    addresses: &[String],
) -> Result<(), StoreError> {
    let changed = transaction
        .execute("UPDATE application SET addresses = ?2 WHERE id = ?1", (id, json(&addresses)?))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Removed) }
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

/// Remembers, for applications with frozen names, how people who are renamed were called. Their first
/// name counts, and a name belongs to the first who had it.
pub(crate) fn freeze(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    changes: &[Change],
) -> Result<(), StoreError> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO frozen_name (application, directory, no, name, folded_name)
         SELECT id, ?1, ?2, ?3, ?4 FROM application WHERE frozen_names",
    )?;
    for (no, name) in changes.iter().filter_map(renamed) {
        insert.execute((directory.0, no.0, name, fold(name)))?;
    }
    Ok(())
}

/// Frozen names, by application.
pub(crate) type FrozenByApplication = Vec<(u32, FrozenNames)>;

/// The frozen names, by application, and those that cannot be read.
pub(crate) fn frozen(
    transaction: &Transaction<'_>,
) -> Result<(FrozenByApplication, Vec<Damage>), StoreError> {
    let mut damage = Vec::new();
    let mut select = transaction.prepare_cached(
        "SELECT application, directory, no, name FROM frozen_name ORDER BY application, directory, no",
    )?;
    let mut rows = select.query(())?;
    let mut all = FrozenByApplication::new();
    while let Some(row) = rows.next()? {
        let numbers = || {
            let no = UserNo(small(row.get(2)?)?);
            Ok::<_, StoreError>((small(row.get(0)?)?, DirectoryId(small(row.get(1)?)?), no))
        };
        // Whose name it was nobody can tell: a repair takes it out.
        let Ok((application, directory, no)) = numbers() else { continue };
        let name = row.get_ref(3)?.as_str().ok().and_then(|name| Name::parse(name).ok());
        let Some(name) = name else {
            damage.push(Damage {
                directory,
                place: Place::FrozenName,
                node: Node::User(no),
                id: recover::known_id(transaction, directory, Node::User(no))?,
                seq: None,
                instead: Instead::Served,
                mended: None,
            });
            continue;
        };
        if all.last().is_none_or(|(last, _)| *last != application) {
            all.push((application, FrozenNames::new()));
        }
        if let Some((_, names)) = all.last_mut() {
            names.insert((directory, no), name);
        }
    }
    Ok((all, damage))
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::damaged("an application"))
}
