//! Single sign-on sessions, kept in the store.
//!
//! Invariant: what cannot be read or written is said, never guessed: a session is neither valid nor ended
//! because the disk failed.

use directory::id::{DirectoryId, Millis, ProviderId};
use store::{SessionRow, Store, StoreError};

use crate::crowd::{FactorsDigest, Session, Sessions, SessionsFailed, TokenDigest};

/// Sessions in the store; calls block.
#[derive(Debug)]
pub struct StoredSessions(Store);

impl StoredSessions {
    /// Sessions in this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, SessionsFailed> {
        tokio::task::block_in_place(|| work(&self.0)).map_err(|error| {
            tracing::error!(%error, "single sign-on sessions cannot be kept");
            SessionsFailed
        })
    }
}

impl Sessions for StoredSessions {
    fn start(&self, session: &Session) -> Result<(), SessionsFailed> {
        let row = SessionRow {
            token: session.token.0,
            directory: session.directory,
            person: session.person.clone(),
            factors: session.factors.0,
            created: session.created,
            duration_ms: session.duration_ms,
            expires: session.expires,
        };
        self.with(|store| store.start_session(&row))
    }

    fn find(&self, token: &TokenDigest) -> Result<Option<Session>, SessionsFailed> {
        let row = self.with(|store| store.session(&token.0))?;
        Ok(row.map(|row| Session {
            token: *token,
            directory: row.directory,
            person: row.person,
            factors: FactorsDigest(row.factors),
            created: row.created,
            duration_ms: row.duration_ms,
            expires: row.expires,
        }))
    }

    fn prolong(&self, token: &TokenDigest, expires: Millis) -> Result<(), SessionsFailed> {
        self.with(|store| store.prolong_session(&token.0, expires))
    }

    fn end(&self, token: &TokenDigest) -> Result<(), SessionsFailed> {
        self.with(|store| store.end_session(&token.0))
    }

    fn end_all(
        &self,
        directory: DirectoryId,
        person: &ProviderId,
        except: Option<&TokenDigest>,
    ) -> Result<(), SessionsFailed> {
        let except = except.map(|token| token.0);
        self.with(|store| store.end_sessions(directory, person, except.as_ref()))
    }
}
