//! Who is signed in to the console: short-lived, by the digest of the session's id.

use directory::id::Millis;
use rusqlite::{OptionalExtension, Row};

use crate::{
    Store, StoreError,
    db::small,
    unreadable::{or_none, readable},
};

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSessionRow {
    /// The SHA-256 of the session's id.
    pub token: [u8; 32],
    /// The administrator.
    pub administrator: u32,
    /// When they signed in.
    pub created: Millis,
    /// When they last did something.
    pub used: Millis,
    /// From which address they signed in.
    pub origin: String,
    /// With which browser.
    pub agent: String,
}

const COLUMNS: &str = "token, administrator, created, used, origin, agent";

impl Store {
    /// Keeps a session, and forgets those that were not used since `stale` or began before `old`.
    pub fn start_console_session(
        &self,
        session: &ConsoleSessionRow,
        (stale, old): (Millis, Millis),
    ) -> Result<(), StoreError> {
        self.0.state.write(|transaction| {
            transaction.execute(
                "DELETE FROM console_session WHERE used <= ?1 OR created <= ?2",
                (stale.0, old.0),
            )?;
            transaction.execute(
                "INSERT INTO console_session (token, administrator, created, used, origin, agent)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    session.token,
                    session.administrator,
                    session.created.0,
                    session.used.0,
                    &session.origin,
                    &session.agent,
                ),
            )?;
            Ok(())
        })
    }

    /// The session of a token; none that cannot be read.
    pub fn console_session(
        &self,
        token: &[u8; 32],
    ) -> Result<Option<ConsoleSessionRow>, StoreError> {
        self.0.state.read(|transaction| {
            let select = format!("SELECT {COLUMNS} FROM console_session WHERE token = ?1");
            let row = transaction.prepare_cached(&select)?.query_row([token], read).optional();
            or_none(row.map_err(StoreError::from).and_then(|row| row.map(whole).transpose()))
        })
    }

    /// The sessions of an administrator, the latest used first.
    pub fn console_sessions(&self, of: u32) -> Result<Vec<ConsoleSessionRow>, StoreError> {
        self.0.state.read(|transaction| {
            let select = format!(
                "SELECT {COLUMNS} FROM console_session WHERE administrator = ?1 ORDER BY used DESC"
            );
            let mut select = transaction.prepare_cached(&select)?;
            readable(select.query([of])?, |row| whole(read(row)?))
        })
    }

    /// Remembers that a session was used.
    pub fn use_console_session(&self, token: &[u8; 32], now: Millis) -> Result<(), StoreError> {
        self.0.state.write(|transaction| {
            let update = "UPDATE console_session SET used = ?2 WHERE token = ?1";
            transaction.prepare_cached(update)?.execute((token, now.0))?;
            Ok(())
        })
    }

    /// Ends one session.
    pub fn end_console_session(&self, token: &[u8; 32]) -> Result<(), StoreError> {
        self.0.state.write(|transaction| {
            transaction.execute("DELETE FROM console_session WHERE token = ?1", [token])?;
            Ok(())
        })
    }

    /// Ends all sessions of an administrator, or all but one.
    pub fn end_console_sessions(
        &self,
        administrator: u32,
        except: Option<&[u8; 32]>,
    ) -> Result<(), StoreError> {
        self.0.state.write(|transaction| {
            transaction.execute(
                "DELETE FROM console_session WHERE administrator = ?1 AND (?2 IS NULL OR token <> ?2)",
                (administrator, except),
            )?;
            Ok(())
        })
    }
}

type Columns = ([u8; 32], i64, i64, i64, String, String);

fn read(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn whole(
    (token, administrator, created, used, origin, agent): Columns,
) -> Result<ConsoleSessionRow, StoreError> {
    Ok(ConsoleSessionRow {
        token,
        administrator: small(administrator)?,
        created: Millis(created),
        used: Millis(used),
        origin,
        agent,
    })
}
