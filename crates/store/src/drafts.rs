//! Directories that are being connected: kept until they are, so that nothing typed is lost.
//!
//! Invariant: a draft is sealed as a whole and for its own id, since credentials are part of it.

use directory::id::Millis;
use rusqlite::Row;
use secrecy::SecretString;

use crate::{Store, StoreError, unreadable::readable};

/// A draft.
#[derive(Debug, Clone)]
pub struct DraftRow {
    /// Its id, which nobody can guess.
    pub id: String,
    /// When it was last changed.
    pub updated: Millis,
    /// What is in it.
    pub content: SecretString,
}

impl Store {
    /// All drafts that can be read, the latest changed first.
    pub fn drafts(&self) -> Result<Vec<DraftRow>, StoreError> {
        self.0.main.read(|transaction| {
            let mut select = transaction
                .prepare_cached("SELECT id, updated, sealed FROM draft ORDER BY updated DESC")?;
            readable(select.query(())?, |row| self.opened(row))
        })
    }

    /// One draft, if it can be read.
    pub fn draft(&self, id: &str) -> Result<Option<DraftRow>, StoreError> {
        self.0.main.read(|transaction| {
            let select = "SELECT id, updated, sealed FROM draft WHERE id = ?1";
            let mut select = transaction.prepare_cached(select)?;
            Ok(readable(select.query([id])?, |row| self.opened(row))?.pop())
        })
    }

    /// Keeps a draft.
    pub fn put_draft(&self, draft: &DraftRow) -> Result<(), StoreError> {
        let sealed = self.0.key.seal(&purpose(&draft.id), &draft.content);
        self.0.main.write(|transaction| {
            transaction.execute(
                "INSERT INTO draft (id, updated, sealed) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET updated = excluded.updated, sealed = excluded.sealed",
                (&draft.id, draft.updated.0, sealed),
            )?;
            Ok(())
        })
    }

    /// Forgets a draft.
    pub fn remove_draft(&self, id: &str) -> Result<(), StoreError> {
        self.0.main.write(|transaction| {
            transaction.execute("DELETE FROM draft WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    fn opened(&self, row: &Row<'_>) -> Result<DraftRow, StoreError> {
        let (id, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
        let content = self.0.key.unseal(&purpose(&id), &sealed)?;
        let updated = Millis(row.get(1).unwrap_or_default());
        Ok(DraftRow { id, updated, content })
    }
}

fn purpose(id: &str) -> String {
    format!("draft {id}")
}
