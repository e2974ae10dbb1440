//! From which position of the change log each client has to be told again (DESIGN.md 10.8).

use directory::id::{ChangeSeq, DAY_MS, HOUR_MS, Millis};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError,
    db::{signed, unsigned},
};

/// How long a client's own whole user list counts.
const OWN_MS: i64 = DAY_MS;
/// How long the lists of an application's other addresses count, for clients behind rotating ones.
const OTHERS_MS: i64 = 2 * HOUR_MS;

/// Remembers that a whole user list of the position `seq` was served.
pub(crate) fn record(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    at: Millis,
    seq: ChangeSeq,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO floor (application, client, at, seq) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (application, client) DO UPDATE SET at = excluded.at, seq = excluded.seq",
        )?
        .execute((application, client, at.0, signed(seq.0)))?;
    transaction.prepare_cached("DELETE FROM floor WHERE at < ?1")?.execute([at.plus(-OWN_MS).0])?;
    Ok(())
}

/// The position from which this client has to be told, if one is known: of its own last list, or of the
/// oldest that any address of the application was served lately, whichever is older.
pub(crate) fn floor(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    now: Millis,
) -> Result<Option<ChangeSeq>, StoreError> {
    let seq: Option<Option<i64>> = transaction
        .prepare_cached(
            "SELECT MIN(seq) FROM floor WHERE application = ?1 AND ((client = ?2 AND at >= ?3) OR at >= ?4)",
        )?
        .query_row((application, client, now.plus(-OWN_MS).0, now.plus(-OTHERS_MS).0), |row| row.get(0))
        .optional()?;
    seq.flatten().map(|seq| unsigned(seq).map(ChangeSeq)).transpose()
}
