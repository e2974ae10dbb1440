//! Administrators of the console, and the one-time links by which they come in.
//!
//! Invariants: there is always one with the role administrator once there was one; of passwords and links
//! only hashes are kept.

use directory::{id::Millis, name::fold, resource_name::composed};
use rusqlite::{Row, Transaction};
use serde::{Deserialize, Serialize};

use crate::{
    Change, Scope, Store, StoreError,
    db::small,
    unreadable::{Lenient, readable},
};

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Look at everything, change nothing.
    Reader,
}

impl Role {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Reader => "reader",
        }
    }

    /// A role by its name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Administrator, Self::Reader].into_iter().find(|role| role.as_str() == text)
    }
}

/// Somebody who may sign in to the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdministratorRow {
    /// The number, never given again.
    pub id: u32,
    /// The name, unique in any case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The argon2id hash of the password.
    pub password_hash: String,
    /// When they were made.
    pub created: Millis,
    /// When they last signed in.
    pub last_sign_in: Option<Millis>,
    /// The columns that cannot be read.
    pub unreadable: Vec<&'static str>,
}

impl AdministratorRow {
    /// Whether what says who they are and what they may do can be read: otherwise they do not get in.
    pub fn is_whole(&self) -> bool {
        const NEEDED: [&str; 3] = ["name", "role", "password_hash"];
        self.unreadable.iter().all(|column| !NEEDED.contains(column))
    }
}

/// A one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// The SHA-256 of its token.
    pub token: [u8; 32],
    /// For whom; without a name whoever follows it chooses one.
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When it stops working.
    pub expires: Millis,
    /// Its maker: it works only while they may make one.
    pub made_by: Maker,
}

impl InvitationRow {
    /// Returns its id in lists: the first 8 bytes of the digest, in hex.
    pub fn id(&self) -> String {
        let first = self.token.first_chunk().copied().map_or(0, u64::from_be_bytes);
        format!("{first:016x}")
    }
}

/// The maker of a one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// The server at its first start, for the first administrator: the link works while there is none.
    FirstStart,
    /// The server's own token.
    Server,
    /// The administrator of this name: the link dies with them and with their right.
    Administrator(String),
    /// The token of this name: the link dies with it.
    Token(String),
}

impl Maker {
    /// As it is kept. No name has a colon.
    fn text(&self) -> String {
        match self {
            Self::FirstStart => "first-start:".to_owned(),
            Self::Server => "server:".to_owned(),
            Self::Administrator(name) => format!("administrator:{name}"),
            Self::Token(name) => format!("token:{name}"),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':')? {
            ("first-start", "") => Self::FirstStart,
            ("server", "") => Self::Server,
            ("administrator", name) => Self::Administrator(name.to_owned()),
            ("token", name) => Self::Token(name.to_owned()),
            _ => return None,
        })
    }
}

const COLUMNS: &str = "id, name, role, password_hash, created, last_sign_in";

impl Store {
    /// Whether there is an administrator, readable or not: nobody becomes the first one by a damaged row.
    pub fn has_administrators(&self) -> Result<bool, StoreError> {
        self.0.main.read(|transaction| {
            let select = "SELECT EXISTS (SELECT 1 FROM administrator)";
            Ok(transaction.query_row(select, (), |row| row.get(0))?)
        })
    }

    /// All administrators, by name; also those of whom not everything can be read.
    pub fn administrators(&self) -> Result<Vec<AdministratorRow>, StoreError> {
        self.0.main.read(list)
    }

    /// An administrator by number; none whose row cannot be read.
    pub fn administrator(&self, id: u32) -> Result<Option<AdministratorRow>, StoreError> {
        self.0.main.read(|transaction| one(transaction, "id = ?1", id))
    }

    /// An administrator by name in any case, with accents written in either way; none whose row cannot be read.
    pub fn administrator_named(&self, name: &str) -> Result<Option<AdministratorRow>, StoreError> {
        self.0.main.read(|transaction| match one(transaction, "folded_name = ?1", fold(name))? {
            Some(row) => Ok(Some(row)),
            None => one(transaction, "folded_name = ?1", fold(&composed(name))),
        })
    }

    /// The link of a token, if it still works.
    pub fn invitation(
        &self,
        token: &[u8; 32],
        now: Millis,
    ) -> Result<Option<InvitationRow>, StoreError> {
        self.0.main.read(|transaction| invitation(transaction, token, now))
    }

    /// All links that still work.
    pub fn invitations(&self, now: Millis) -> Result<Vec<InvitationRow>, StoreError> {
        self.0.main.read(|transaction| invitations(transaction, now))
    }
}

impl Change<'_> {
    /// Remembers that somebody signed in.
    pub fn signed_in(&self, id: u32, now: Millis) -> Result<(), StoreError> {
        let update = "UPDATE administrator SET last_sign_in = ?2 WHERE id = ?1";
        self.transaction.execute(update, (id, now.0))?;
        Ok(())
    }

    /// All administrators, as [`Store::administrators`].
    pub fn administrators(&self) -> Result<Vec<AdministratorRow>, StoreError> {
        list(self.transaction)
    }

    /// Removes an administrator; `false` when nobody could change anything any more then. One-time
    /// links for them and by them die with them.
    pub fn remove_administrator(&self, id: u32) -> Result<bool, StoreError> {
        let transaction = self.transaction;
        let removed = another(transaction, id)?;
        if removed {
            self.forget_links_for(id)?;
            self.forget_links_by(id)?;
            transaction.execute("DELETE FROM administrator WHERE id = ?1", [id])?;
        }
        Ok(removed)
    }

    /// Makes an administrator, or gives the one of that name another role and password.
    pub fn put_administrator(
        &self,
        name: &str,
        role: Role,
        password_hash: &str,
        now: Millis,
    ) -> Result<AdministratorRow, StoreError> {
        let transaction = self.transaction;
        transaction.execute("UPDATE head SET administrator = administrator + 1", ())?;
        transaction.execute(
            "INSERT INTO administrator (id, name, folded_name, role, password_hash, created)
                 VALUES ((SELECT administrator FROM head), ?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (folded_name) DO UPDATE
                 SET name = CASE typeof(name) WHEN 'text' THEN name ELSE excluded.name END,
                     role = excluded.role, password_hash = excluded.password_hash",
            (name, fold(name), role.as_str(), password_hash, now.0),
        )?;
        let row = one(transaction, "folded_name = ?1", fold(name))?.ok_or(StoreError::Removed)?;
        self.forget_links_for(row.id)?;
        // There is an administrator from now on.
        let first = Maker::FirstStart.text();
        transaction.execute("DELETE FROM invitation WHERE made_by = ?1", [first])?;
        Ok(row)
    }

    /// The link of a token, as [`Store::invitation`].
    pub fn invitation(
        &self,
        token: &[u8; 32],
        now: Millis,
    ) -> Result<Option<InvitationRow>, StoreError> {
        invitation(self.transaction, token, now)
    }

    /// Revokes the link of an id, and returns it.
    pub fn revoke_invitation(
        &self,
        id: &str,
        now: Millis,
    ) -> Result<Option<InvitationRow>, StoreError> {
        let found = invitations(self.transaction, now)?.into_iter().find(|row| row.id() == id);
        if let Some(row) = &found {
            self.use_up_invitation(&row.token)?;
        }
        Ok(found)
    }

    fn forget_links_for(&self, id: u32) -> Result<(), StoreError> {
        let delete =
            "DELETE FROM invitation WHERE name = (SELECT name FROM administrator WHERE id = ?1)";
        self.transaction.execute(delete, [id])?;
        Ok(())
    }

    fn forget_links_by(&self, id: u32) -> Result<(), StoreError> {
        let delete = "DELETE FROM invitation
                      WHERE made_by = (SELECT 'administrator:' || name FROM administrator WHERE id = ?1)";
        self.transaction.execute(delete, [id])?;
        Ok(())
    }

    /// Gives an administrator another password; links by which they could have chosen one die.
    pub fn set_administrator_password(&self, id: u32, hash: &str) -> Result<(), StoreError> {
        let transaction = self.transaction;
        self.forget_links_for(id)?;
        let update = "UPDATE administrator SET password_hash = ?2 WHERE id = ?1";
        let changed = transaction.execute(update, (id, hash))?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Removed) }
    }

    /// Gives an administrator another role; `false` when nobody could change anything any more then. Links for them die, and
    /// a reader's links for others.
    pub fn set_administrator_role(&self, id: u32, role: Role) -> Result<bool, StoreError> {
        let transaction = self.transaction;
        if role == Role::Reader && !another(transaction, id)? {
            return Ok(false);
        }
        self.forget_links_for(id)?;
        if role == Role::Reader {
            self.forget_links_by(id)?;
        }
        let update = "UPDATE administrator SET role = ?2 WHERE id = ?1";
        transaction.execute(update, (id, role.as_str()))?;
        Ok(true)
    }

    /// Keeps a one-time link in the place of all earlier ones for the same name.
    pub fn invite(&self, invitation: &InvitationRow, now: Millis) -> Result<(), StoreError> {
        let transaction = self.transaction;
        transaction.execute(
            "DELETE FROM invitation WHERE expires <= ?1 OR name IS ?2",
            (now.0, &invitation.name),
        )?;
        transaction.execute(
            "INSERT INTO invitation (token, name, role, expires, made_by) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                invitation.token,
                &invitation.name,
                invitation.role.as_str(),
                invitation.expires.0,
                invitation.made_by.text(),
            ),
        )?;
        Ok(())
    }

    /// Takes a link out of use; says whether it was in use, so that of two who follow it only one comes in.
    pub fn use_up_invitation(&self, token: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(self.transaction.execute("DELETE FROM invitation WHERE token = ?1", [token])? == 1)
    }
}

fn list(transaction: &Transaction<'_>) -> Result<Vec<AdministratorRow>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM administrator ORDER BY folded_name");
    let mut select = transaction.prepare_cached(&select)?;
    let rows = select.query(())?;
    readable(rows, administrator)
}

/// The links that work: not too old, readable, and made by somebody who still may make one.
fn invitations(
    transaction: &Transaction<'_>,
    now: Millis,
) -> Result<Vec<InvitationRow>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT token, name, role, expires, made_by FROM invitation WHERE expires > ?1 ORDER BY expires, token",
    )?;
    let rows = select.query([now.0])?;
    let mut found = readable(rows, |row| {
        let (role, made_by): (String, String) = (row.get(2)?, row.get(4)?);
        // A link that cannot be read lets nobody in.
        let unreadable = || StoreError::Damaged("a one-time link".to_owned());
        Ok(InvitationRow {
            token: row.get(0)?,
            name: row.get(1)?,
            role: Role::parse(&role).ok_or_else(unreadable)?,
            expires: Millis(row.get(3)?),
            made_by: Maker::parse(&made_by).ok_or_else(unreadable)?,
        })
    })?;
    let administrators = list(transaction)?;
    let tokens = crate::api_tokens::list(transaction)?;
    found.retain(|row| match &row.made_by {
        Maker::FirstStart => administrators.is_empty(),
        Maker::Server => true,
        Maker::Administrator(name) => administrators.iter().any(|maker| {
            maker.name == *name && maker.is_whole() && maker.role == Role::Administrator
        }),
        Maker::Token(name) => tokens.iter().any(|token| {
            token.name == *name && token.works(now) && token.scopes.contains(&Scope::Admin)
        }),
    });
    Ok(found)
}

fn invitation(
    transaction: &Transaction<'_>,
    token: &[u8; 32],
    now: Millis,
) -> Result<Option<InvitationRow>, StoreError> {
    Ok(invitations(transaction, now)?.into_iter().find(|row| row.token == *token))
}

/// Whether there is an administrator beside this one who can get in.
fn another(transaction: &Transaction<'_>, id: u32) -> Result<bool, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM administrator WHERE id <> ?1");
    let mut select = transaction.prepare_cached(&select)?;
    let others = readable(select.query([id])?, administrator)?;
    Ok(others.iter().any(|row| row.is_whole() && row.role == Role::Administrator))
}

fn one(
    transaction: &Transaction<'_>,
    which: &str,
    value: impl rusqlite::ToSql,
) -> Result<Option<AdministratorRow>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM administrator WHERE {which}");
    let mut select = transaction.prepare_cached(&select)?;
    let rows = readable(select.query([value])?, administrator)?;
    Ok(rows.into_iter().find(AdministratorRow::is_whole))
}

fn administrator(row: &Row<'_>) -> Result<AdministratorRow, StoreError> {
    let id = small(row.get(0)?)?;
    let mut row = Lenient::new(row);
    let name = row.get((1, "name"), || format!("administrator-{id}"));
    let role = row.parsed((2, "role"), Role::parse, || Role::Reader);
    let password_hash = row.get((3, "password_hash"), String::new);
    let created = Millis(row.get((4, "created"), || 0));
    let last_sign_in = row.get((5, "last_sign_in"), || None).map(Millis);
    let unreadable = row.unreadable;
    Ok(AdministratorRow { id, name, role, password_hash, created, last_sign_in, unreadable })
}
