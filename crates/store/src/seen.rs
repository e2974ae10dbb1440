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
    let seen = state.read(|transaction| {
        let row = transaction.query_row("SELECT epoch, seq FROM seen", (), |row| {
            Ok((row.get::<_, i64>(0), row.get::<_, i64>(1)))
        });
        Ok(row.optional()?)
    })?;
    let Some(seen) = seen else { return Ok(epoch) };
    let (Some(seen_epoch), Some(seen_seq)) = (number(seen.0), number(seen.1)) else {
        // What products were told nobody knows.
        return Ok(epoch + 1);
    };
    let seen_seq = ChangeSeq(seen_seq);
    let goes_on = epoch == seen_epoch && head >= seen_seq;
    Ok(if goes_on { epoch } else { epoch.max(seen_epoch) + 1 })
}

fn number(read: rusqlite::Result<i64>) -> Option<u64> {
    read.ok().and_then(|number| unsigned(number).ok())
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
