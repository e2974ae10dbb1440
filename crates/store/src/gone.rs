//! Users who are gone at their provider and still in the mirror, and the accounts that were approved to take their places.
//!
//! Invariants: written with the mirror, so that it names exactly those whose row there says that they are gone; an approval
//! ends when its leaver comes back or is forgotten.

use std::collections::BTreeSet;

use directory::{
    id::{DirectoryId, UserNo},
    mirror::{PersonRow, State},
    observation::Attribute,
};
use rusqlite::{OptionalExtension, Transaction};

use crate::{StoreError, db::small, encoding, meta, unreadable::readable};

/// A user who is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneUser {
    /// The directory.
    pub directory: DirectoryId,
    /// The number there.
    pub no: UserNo,
    /// The employee number, as the provider last said it; empty when it never did.
    pub employee: String,
}

fn employee(row: &PersonRow) -> &str {
    row.record.attributes.get(Attribute::EmployeeId).unwrap_or_default().trim()
}

/// Enters rows of the mirror as they are now; none where it was forgotten.
pub(crate) fn write<'a>(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    people: impl Iterator<Item = (UserNo, Option<&'a PersonRow>)>,
) -> Result<(), StoreError> {
    let mut select = transaction.prepare_cached("SELECT no FROM gone_user WHERE directory = ?1")?;
    let known = readable(select.query([id.0])?, |row| Ok(row.get::<_, u32>(0)?))?;
    let known: BTreeSet<u32> = known.into_iter().collect();
    let mut put = transaction.prepare_cached(
        "INSERT INTO gone_user (directory, no, employee) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET employee = excluded.employee",
    )?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM gone_user WHERE directory = ?1 AND no = ?2")?;
    let mut end = transaction
        .prepare_cached("DELETE FROM take_over WHERE leaver_directory = ?1 AND leaver = ?2")?;
    for (no, row) in people {
        let gone = row.filter(|row| matches!(row.state, State::Absent { .. }));
        match gone {
            Some(row) => drop(put.execute((id.0, no.0, employee(row)))?),
            None if known.contains(&no.0) => {
                delete.execute((id.0, no.0))?;
                end.execute((id.0, no.0))?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Ends the approvals about all leavers of a directory.
pub(crate) fn forget_all(transaction: &Transaction<'_>, id: DirectoryId) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM take_over WHERE leaver_directory = ?1", [id.0])?;
    Ok(())
}

/// An approved take-over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApprovedTakeOver {
    /// The leaver's directory and number.
    pub leaver: (DirectoryId, UserNo),
    /// The account's directory and number.
    pub account: (DirectoryId, UserNo),
    /// The folded name for which it holds.
    pub name: String,
}

/// All approved take-overs. One that cannot be read is left out, so that it waits again.
pub(crate) fn take_overs(
    transaction: &Transaction<'_>,
) -> Result<Vec<ApprovedTakeOver>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT leaver_directory, leaver, directory, no, name FROM take_over ORDER BY 1, 2, 3, 4",
    )?;
    readable(select.query(())?, |row| {
        let number = |at: usize| small(row.get(at)?);
        Ok(ApprovedTakeOver {
            leaver: (DirectoryId(number(0)?), UserNo(number(1)?)),
            account: (DirectoryId(number(2)?), UserNo(number(3)?)),
            name: row.get(4)?,
        })
    })
}

/// Everybody who is gone, in order.
pub(crate) fn list(transaction: &Transaction<'_>) -> Result<Vec<GoneUser>, StoreError> {
    let mut select = transaction
        .prepare_cached("SELECT directory, no, employee FROM gone_user ORDER BY directory, no")?;
    readable(select.query(())?, |row| {
        Ok(GoneUser {
            directory: DirectoryId(small(row.get(0)?)?),
            no: UserNo(small(row.get(1)?)?),
            employee: row.get(2)?,
        })
    })
}

/// The employee number of one user, if the mirror knows it and can be read.
pub(crate) fn employee_of(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    no: UserNo,
) -> Result<Option<String>, StoreError> {
    let record: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT record FROM mirror_person WHERE directory = ?1 AND no = ?2")?
        .query_row((id.0, no.0), |row| Ok(row.get(0).ok()))
        .optional()?
        .flatten();
    let row = record.and_then(|record| encoding::unpack_person(no.0, &record).ok());
    Ok(row.map(|row| employee(&row).to_owned()).filter(|employee| !employee.is_empty()))
}

/// Enters whoever was gone before there was this table, once.
pub(crate) fn complete(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    if meta::is_noted(transaction, "gone_entered")? {
        return Ok(());
    }
    let mut select =
        transaction.prepare_cached("SELECT directory, no, record FROM mirror_person")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        // What cannot be read is told elsewhere.
        let (Ok(id), Ok(no), Ok(record)) = (row.get(0), row.get(1), row.get_ref(2)?.as_blob())
        else {
            continue;
        };
        let (id, no) = (DirectoryId(id), UserNo(no));
        if let Ok(known) = encoding::unpack_person(no.0, record)
            && matches!(known.state, State::Absent { .. })
        {
            write(transaction, id, std::iter::once((no, Some(&known))))?;
        }
    }
    transaction.execute("INSERT INTO meta (name, value) VALUES ('gone_entered', '1')", ())?;
    Ok(())
}
