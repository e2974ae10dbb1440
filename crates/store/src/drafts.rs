//! Directories that are being connected: kept until they are, so that nothing typed is lost.
//!
//! Invariant: a draft is sealed as a whole and for its own id, since credentials are part of it.

use directory::id::Millis;
use rusqlite::OptionalExtension;
use secrecy::SecretString;

use crate::{Store, StoreError};

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
    /// All drafts, the latest changed first.
    pub fn drafts(&self) -> Result<Vec<DraftRow>, StoreError> {
        let rows: Vec<(String, i64, Vec<u8>)> = self.0.main.read(|transaction| {
            let mut select = transaction
                .prepare_cached("SELECT id, updated, sealed FROM draft ORDER BY updated DESC")?;
            let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        rows.into_iter().map(|row| self.opened(row)).collect()
    }

    /// One draft.
    pub fn draft(&self, id: &str) -> Result<Option<DraftRow>, StoreError> {
        let row = self.0.main.read(|transaction| {
            let select = "SELECT id, updated, sealed FROM draft WHERE id = ?1";
            let row = transaction
                .query_row(select, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            Ok(row.optional()?)
        })?;
        row.map(|row| self.opened(row)).transpose()
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

    fn opened(
        &self,
        (id, updated, sealed): (String, i64, Vec<u8>),
    ) -> Result<DraftRow, StoreError> {
        let content = self.0.key.unseal(&purpose(&id), &sealed)?;
        Ok(DraftRow { id, updated: Millis(updated), content })
    }
}

fn purpose(id: &str) -> String {
    format!("draft {id}")
}
