//! Figures over time, for charts: what runs that did something left behind.

use directory::{
    id::{DirectoryId, Millis},
    report::RunReport,
};

use crate::{Store, StoreError, db::signed, runs};

impl Store {
    /// Reports of runs since a time that changed something, failed or held, oldest first; the latest `limit`
    /// of them.
    pub fn telling_runs(
        &self,
        id: DirectoryId,
        since: Millis,
        limit: usize,
    ) -> Result<Vec<RunReport>, StoreError> {
        let mut all: Vec<RunReport> = self.0.main.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT report FROM run WHERE directory = ?1 AND at >= ?2 AND NOT quiet
                 ORDER BY id DESC LIMIT ?3",
            )?;
            let rows = select
                .query_map((id.0, since.0, signed(limit as u64)), |row| runs::text(row, 0))?;
            rows.map(|row| Ok(runs::shown(&row?))).collect()
        })?;
        all.reverse();
        Ok(all)
    }
}
