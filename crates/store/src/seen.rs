//! Notices that an older copy of the main database was put in the place of a newer one.
//!
//! Invariant: positions of the log that products were told are never given again to something else under
//! the same epoch (DESIGN.md 10.8); an epoch that was used once is not used for another history.

use directory::id::ChangeSeq;
use rusqlite::OptionalExtension;

use crate::{
    StoreError,
    db::{Db, signed, unsigned},
};

/// The epoch to go on with, given what the main database says of itself.
pub(crate) fn epoch(state: &Db, epoch: u64, head: ChangeSeq) -> Result<u64, StoreError> {
    let seen: Option<(i64, i64)> = state.read(|transaction| {
        let row = transaction
            .query_row("SELECT epoch, seq FROM seen", (), |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    })?;
    let Some((seen_epoch, seen_seq)) = seen else { return Ok(epoch) };
    let (seen_epoch, seen_seq) = (unsigned(seen_epoch)?, ChangeSeq(unsigned(seen_seq)?));
    let goes_on = epoch == seen_epoch && head >= seen_seq;
    Ok(if goes_on { epoch } else { epoch.max(seen_epoch) + 1 })
}

/// Remembers how far the main database has come.
pub(crate) fn record(state: &Db, epoch: u64, head: ChangeSeq) -> Result<(), StoreError> {
    state.write(|transaction| {
        transaction
            .prepare_cached(
                "INSERT INTO seen (one, epoch, seq) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq",
            )?
            .execute((signed(epoch), signed(head.0)))?;
        Ok(())
    })
}
