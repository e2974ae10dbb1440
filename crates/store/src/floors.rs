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

/// What an application was served a whole user list of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorRow {
    /// The position of the change log.
    pub seq: ChangeSeq,
    /// The view of it, in words of the caller's own.
    pub view: String,
}

/// The lists that count for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorLists {
    /// The position of the oldest, and the view of the client's own latest, or else of the latest.
    pub oldest: FloorRow,
    /// The number of the latest.
    pub latest: u64,
    /// Whether there is just one.
    pub single: bool,
}

/// Lists whose reader was heard of again: a token that was made after them has been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedLists {
    /// The number of the latest.
    pub latest: u64,
    /// Whether no other counted when the token was made.
    pub single: bool,
    /// When the token was made.
    pub at: Millis,
}

/// Remembers that a whole user list was served.
pub(crate) fn record(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    at: Millis,
    floor: &FloorRow,
) -> Result<(), StoreError> {
    // A list of the same position as an earlier one, or one that only the latest stands for, is not needed twice.
    transaction
        .prepare_cached(
            "DELETE FROM floor_list WHERE application = ?1 AND client = ?2
             AND ((seq = ?3 AND view = ?4) OR at < ?5)",
        )?
        .execute((application, client, signed(floor.seq.0), &floor.view, at.plus(-OTHERS_MS).0))?;
    transaction
        .prepare_cached(
            "INSERT INTO floor_list (application, client, at, seq, view) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((application, client, at.0, signed(floor.seq.0), &floor.view))?;
    transaction
        .prepare_cached("DELETE FROM floor_list WHERE at < ?1")?
        .execute([at.plus(-OWN_MS).0])?;
    Ok(())
}

/// The lists that count for a client, if there are any: its own latest within a day, and all unfinished ones that
/// any address of the application was served within two hours, its own too, since two products may stand behind
/// one address.
pub(crate) fn lists(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    now: Millis,
) -> Result<Option<FloorLists>, StoreError> {
    let row: Option<(i64, i64, i64, String)> = transaction
        .prepare_cached(
            "SELECT MIN(seq) OVER (), MAX(id) OVER (), COUNT(*) OVER (), view FROM floor_list
             WHERE application = ?1 AND ((at >= ?4 AND NOT finished) OR (at >= ?3 AND id =
                (SELECT MAX(id) FROM floor_list WHERE application = ?1 AND client = ?2)))
             ORDER BY client = ?2 DESC, id DESC LIMIT 1",
        )?
        .query_row((application, client, now.plus(-OWN_MS).0, now.plus(-OTHERS_MS).0), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    row.map(|(seq, latest, count, view)| {
        let oldest = FloorRow { seq: ChangeSeq(unsigned(seq)?), view };
        Ok(FloorLists { oldest, latest: unsigned(latest)?, single: count == 1 })
    })
    .transpose()
}

/// Marks the lists that a client was done with when the token was made that it uses now. A list that was
/// served to another address is its own only if no other counted.
pub(crate) fn finish(
    transaction: &Transaction<'_>,
    application: u32,
    client: &str,
    done: &FinishedLists,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "UPDATE floor_list SET finished = TRUE
             WHERE application = ?1 AND id <= ?3 AND at <= ?4 AND NOT finished
             AND (client = ?2 OR (?5 AND id = ?3))",
        )?
        .execute((application, client, signed(done.latest), done.at.0, done.single))?;
    Ok(())
}
