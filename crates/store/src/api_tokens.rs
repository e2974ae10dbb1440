//! Tokens for the admin API, and what each may do.
//!
//! Invariants: of a token only the SHA-256 is kept; a name belongs to one token that is not revoked, and a
//! revoked token never works again.

use directory::{id::Millis, name::fold};
use rusqlite::{OptionalExtension, Row, Transaction};
use serde::{Deserialize, Serialize};

use crate::{
    Change, Store, StoreError,
    db::small,
    unreadable::{Lenient, readable},
};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything but administrators and tokens.
    Read,
    /// Change everything but administrators and tokens.
    Write,
    /// Look at and change administrators and tokens.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// A scope by its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A token to be kept.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// What it is called, unique in any case among tokens that are not revoked.
    pub name: String,
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub made: Millis,
    /// When it stops working.
    pub expires: Option<Millis>,
}

/// A token.
#[derive(Debug, Clone)]
pub struct ApiTokenRow {
    /// Its number, never given again.
    pub id: u32,
    /// What it is called.
    pub name: String,
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub made: Millis,
    /// When it stops working.
    pub expires: Option<Millis>,
    /// When it was last used, to the minute.
    pub last_used: Option<Millis>,
    /// When it was revoked.
    pub revoked: Option<Millis>,
    /// The columns that cannot be read: nobody gets in by such a token.
    pub unreadable: Vec<&'static str>,
}

impl ApiTokenRow {
    /// Whether it works at a time.
    pub fn works(&self, now: Millis) -> bool {
        self.unreadable.is_empty()
            && self.revoked.is_none()
            && self.expires.is_none_or(|expires| now < expires)
    }
}

const COLUMNS: &str = "id, name, hash, scopes, made_by, made, expires, last_used, revoked";

impl Store {
    /// All tokens: those that are not revoked first, then by name.
    pub fn api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError> {
        self.0.main.read(list)
    }

    /// Remembers that a token was used.
    pub fn api_token_used(&self, id: u32, now: Millis) -> Result<(), StoreError> {
        self.0.main.write(|transaction| {
            let update = "UPDATE api_token SET last_used = ?2 WHERE id = ?1";
            transaction.execute(update, (id, now.0)).map(drop)?;
            Ok(())
        })
    }
}

impl Change<'_> {
    /// All tokens, as [`Store::api_tokens`].
    pub fn api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError> {
        list(self.transaction)
    }

    /// Keeps a token; `None` when there is one of that name that is not revoked.
    pub fn add_api_token(&self, new: &NewApiToken) -> Result<Option<ApiTokenRow>, StoreError> {
        let transaction = self.transaction;
        let folded = fold(&new.name);
        let taken: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM api_token WHERE folded_name = ?1 AND revoked IS NULL)",
            [&folded],
            |row| row.get(0),
        )?;
        if taken {
            return Ok(None);
        }
        // Rows are never deleted, so a number is never given again.
        let id = transaction.query_row(
                "INSERT INTO api_token (id, name, folded_name, hash, scopes, made_by, made, expires)
                 VALUES ((SELECT coalesce(max(id), 0) + 1 FROM api_token), ?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 RETURNING id",
                (
                    &new.name,
                    &folded,
                    new.hash,
                    joined(&new.scopes),
                    &new.made_by,
                    new.made.0,
                    new.expires.map(|at| at.0),
                ),
                |row| row.get::<_, i64>(0),
            )?;
        let select = format!("SELECT {COLUMNS} FROM api_token WHERE id = ?1");
        let mut select = transaction.prepare_cached(&select)?;
        let mut rows = select.query([id])?;
        rows.next()?.map(token).transpose()
    }

    /// Revokes the token of a name, in any case; gives its number, `None` when there is none to revoke.
    pub fn revoke_api_token(&self, name: &str, now: Millis) -> Result<Option<u32>, StoreError> {
        let transaction = self.transaction;
        let update = "UPDATE api_token SET revoked = ?2
                          WHERE folded_name = ?1 AND revoked IS NULL RETURNING id";
        let id = transaction
            .query_row(update, (fold(name), now.0), |row| row.get::<_, i64>(0))
            .optional()?;
        // Whom it invited does not come in any more.
        transaction.execute(
            "DELETE FROM invitation WHERE made_by IN
             (SELECT 'token:' || name FROM api_token WHERE id = ?1)",
            [id],
        )?;
        id.map(small).transpose()
    }
}

pub(crate) fn list(transaction: &Transaction<'_>) -> Result<Vec<ApiTokenRow>, StoreError> {
    let select =
        format!("SELECT {COLUMNS} FROM api_token ORDER BY revoked IS NOT NULL, folded_name, id");
    let mut select = transaction.prepare_cached(&select)?;
    let rows = select.query(())?;
    readable(rows, token)
}

fn joined(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn token(row: &Row<'_>) -> Result<ApiTokenRow, StoreError> {
    let id = small(row.get(0)?)?;
    let mut row = Lenient::new(row);
    let name = row.get((1, "name"), || format!("token-{id}"));
    // No token has this digest.
    let hash = row.get((2, "hash"), || [0; 32]);
    let scopes = |text: &str| text.split_whitespace().map(Scope::parse).collect();
    let scopes = row.parsed((3, "scopes"), scopes, Vec::new);
    let made_by = row.get((4, "made_by"), String::new);
    let made = Millis(row.get((5, "made"), || 0));
    let expires = row.get((6, "expires"), || Some(0)).map(Millis);
    let last_used = row.get((7, "last_used"), || None).map(Millis);
    let revoked = row.get((8, "revoked"), || Some(0)).map(Millis);
    let unreadable = row.unreadable;
    Ok(ApiTokenRow {
        id,
        name,
        hash,
        scopes,
        made_by,
        made,
        expires,
        last_used,
        revoked,
        unreadable,
    })
}
