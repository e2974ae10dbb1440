//! Single sign-on sessions: short-lived, by the digest of their token.

use directory::id::{DirectoryId, Millis, ProviderId};
use rusqlite::Transaction;

use crate::{StoreError, db::small, unreadable::readable};

/// Sessions of one person; beyond that the oldest ends, so that a client that never logs out fills nothing.
const OF_PERSON_MAX: i64 = 100;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The SHA-256 of its token.
    pub token: [u8; 32],
    /// The directory of the person.
    pub directory: DirectoryId,
    /// The person's id at the provider.
    pub person: ProviderId,
    /// The SHA-256 of what the client is bound to.
    pub factors: [u8; 32],
    /// When it began.
    pub created: Millis,
    /// How long it lasts after its last use, in milliseconds.
    pub duration_ms: i64,
    /// When it ends.
    pub expires: Millis,
}

/// Keeps a new session, and forgets those that have ended by then.
pub(crate) fn start(transaction: &Transaction<'_>, session: &SessionRow) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM session WHERE expires <= ?1")?
        .execute([session.created.0])?;
    transaction
        .prepare_cached(
            "INSERT INTO session (token, directory, person, factors, created, duration_ms, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            session.token,
            session.directory.0,
            session.person.to_string(),
            session.factors,
            session.created.0,
            session.duration_ms,
            session.expires.0,
        ))?;
    transaction
        .prepare_cached(
            "DELETE FROM session WHERE token IN
             (SELECT token FROM session WHERE directory = ?1 AND person = ?2 AND token <> ?3
              ORDER BY created DESC LIMIT -1 OFFSET ?4)",
        )?
        .execute((
            session.directory.0,
            session.person.to_string(),
            session.token,
            OF_PERSON_MAX - 1,
        ))?;
    Ok(())
}

/// The session of a token; none that cannot be read.
pub(crate) fn find(
    transaction: &Transaction<'_>,
    token: &[u8; 32],
) -> Result<Option<SessionRow>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT directory, person, factors, created, duration_ms, expires FROM session WHERE token = ?1",
    )?;
    let found = readable(select.query([token])?, |row| {
        let person: String = row.get(1)?;
        let damaged = |_| StoreError::Damaged(format!("a session is of the person `{person}`"));
        Ok(SessionRow {
            token: *token,
            directory: DirectoryId(small(row.get(0)?)?),
            person: ProviderId::parse(&person).map_err(damaged)?,
            factors: row.get(2)?,
            created: Millis(row.get(3)?),
            duration_ms: row.get(4)?,
            expires: Millis(row.get(5)?),
        })
    });
    Ok(found?.pop())
}

/// Lets a session end at another time.
pub(crate) fn prolong(
    transaction: &Transaction<'_>,
    token: &[u8; 32],
    expires: Millis,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE session SET expires = ?2 WHERE token = ?1")?
        .execute((token, expires.0))?;
    Ok(())
}

/// Ends a session, if there is one.
pub(crate) fn end(transaction: &Transaction<'_>, token: &[u8; 32]) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM session WHERE token = ?1")?.execute([token])?;
    Ok(())
}

/// Ends all sessions of a person but one.
pub(crate) fn end_all(
    transaction: &Transaction<'_>,
    directory: DirectoryId,
    person: &ProviderId,
    except: Option<&[u8; 32]>,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "DELETE FROM session WHERE directory = ?1 AND person = ?2 AND (?3 IS NULL OR token <> ?3)",
        )?
        .execute((directory.0, person.to_string(), except))?;
    Ok(())
}
