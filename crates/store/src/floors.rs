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

/// What an application was last served a whole user list of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorRow {
    /// The position of the change log.
    pub seq: ChangeSeq,
    /// The view of it, in words of the caller's own.
    pub view: String,
}

/// Remembers that a whole user list was served.
pub(crate) fn record(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    at: Millis,
    floor: &FloorRow,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO floor (application, client, at, seq, view) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (application, client)
             DO UPDATE SET at = excluded.at, seq = excluded.seq, view = excluded.view",
        )?
        .execute((application, client, at.0, signed(floor.seq.0), &floor.view))?;
    transaction.prepare_cached("DELETE FROM floor WHERE at < ?1")?.execute([at.plus(-OWN_MS).0])?;
    Ok(())
}

/// From where this client has to be told, if that is known: the position of its own last list, or of the
/// oldest that any address of the application was served lately, whichever is older; and the view of its
/// own list, or of the latest.
pub(crate) fn floor(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    now: Millis,
) -> Result<Option<FloorRow>, StoreError> {
    let row: Option<(i64, String)> = transaction
        .prepare_cached(
            "SELECT MIN(seq) OVER (), view FROM floor
             WHERE application = ?1 AND ((client = ?2 AND at >= ?3) OR at >= ?4)
             ORDER BY client = ?2 DESC, at DESC LIMIT 1",
        )?
        .query_row((application, client, now.plus(-OWN_MS).0, now.plus(-OTHERS_MS).0), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    row.map(|(seq, view)| Ok(FloorRow { seq: ChangeSeq(unsigned(seq)?), view })).transpose()
}
