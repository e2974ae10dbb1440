//! Decisions: past names, accepted and refused group names, discards; approved take-overs are only written here.

use directory::{
    decisions::{Decisions, DecisionsChange, Digest, Node, TakeOver},
    id::{DirectoryId, GroupNo, ProviderId},
    name::Name,
};
use rusqlite::{Row, Transaction};

use crate::{StoreError, members::node};

pub(crate) fn load(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<Decisions, StoreError> {
    let mut decisions = Decisions::default();
    let mut select = transaction
        .prepare_cached("SELECT kind, folded, holder FROM past_name WHERE directory = ?1")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let kind: u8 = row.get(0).map_err(|_| damaged(id, "a former name"))?;
        let what = if kind == 0 { "a former user name" } else { "a former group name" };
        let folded = text(row, 1, (id, what))?;
        let holder = ProviderId::parse(&text(row, 2, (id, what))?)
            .map_err(|_| damaged(id, &format!("{what}, `{folded}`")))?;
        let names = if kind == 0 {
            &mut decisions.past_user_names
        } else {
            &mut decisions.past_group_names
        };
        names.insert(folded.into_boxed_str(), holder);
    }
    let tables = [
        ("accepted", "accepted_name", &mut decisions.accepted),
        ("refused", "refused_name", &mut decisions.refused),
    ];
    for (decided, table, names) in tables {
        let select = format!("SELECT grp, name FROM {table} WHERE directory = ?1");
        let mut select = transaction.prepare_cached(&select)?;
        let mut rows = select.query([id.0])?;
        while let Some(row) = rows.next()? {
            let no = number(row, 0, (id, "a name"))?;
            let what = format!("the {decided} name of group number {no}");
            let name = Name::parse(&text(row, 1, (id, &what))?).map_err(|_| damaged(id, &what))?;
            names.insert(GroupNo(no), name);
        }
    }
    let mut select =
        transaction.prepare_cached("SELECT kind, no, digest FROM discard WHERE directory = ?1")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let what = (id, "a discard");
        let kind = u8::from(number(row, 0, what)? != 0);
        let no = number(row, 1, what)?;
        let of = if kind == 0 { "user" } else { "group" };
        let digest = text(row, 2, (id, &format!("the discard of {of} number {no}")))?;
        decisions.discards.insert(node(kind, no), Digest(digest));
    }
    Ok(decisions)
}

/// A text of a decision. One that cannot be read stops the directory's runs: without it they might do what somebody
/// refused, or give a name to somebody else.
fn text(row: &Row<'_>, at: usize, (id, what): (DirectoryId, &str)) -> Result<String, StoreError> {
    row.get(at).map_err(|_| damaged(id, what))
}

fn number(row: &Row<'_>, at: usize, (id, what): (DirectoryId, &str)) -> Result<u32, StoreError> {
    row.get(at).map_err(|_| damaged(id, what))
}

fn damaged(id: DirectoryId, what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} in directory {id} cannot be read"))
}

pub(crate) fn write(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    change: &DecisionsChange,
) -> Result<(), StoreError> {
    if change.is_empty() {
        return Ok(());
    }
    let mut free = transaction.prepare_cached(
        "DELETE FROM past_name WHERE directory = ?1 AND kind = ?2 AND folded = ?3",
    )?;
    let mut keep = transaction.prepare_cached(
        "INSERT INTO past_name (directory, kind, folded, holder) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (directory, kind, folded) DO UPDATE SET holder = excluded.holder",
    )?;
    let freed = [(0, &change.user_names_freed), (1, &change.group_names_freed)];
    for (kind, folded) in
        freed.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)))
    {
        free.execute((id.0, kind, folded))?;
    }
    let past = [(0, &change.user_names_past), (1, &change.group_names_past)];
    for (kind, (folded, holder)) in
        past.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)))
    {
        keep.execute((id.0, kind, folded, holder.to_string()))?;
    }
    for (table, names) in [("accepted_name", &change.accepted), ("refused_name", &change.refused)] {
        let mut put = transaction.prepare_cached(&format!(
            "INSERT INTO {table} (directory, grp, name) VALUES (?1, ?2, ?3)
             ON CONFLICT (directory, grp) DO UPDATE SET name = excluded.name"
        ))?;
        let mut delete = transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE directory = ?1 AND grp = ?2"))?;
        for (no, name) in names {
            match name {
                Some(name) => put.execute((id.0, no.0, name.as_str()))?,
                None => delete.execute((id.0, no.0))?,
            };
        }
    }
    let mut put = transaction.prepare_cached(
        "INSERT OR REPLACE INTO take_over (directory, no, leaver_directory, leaver, name)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for TakeOver { account, leaver, name } in &change.take_overs {
        put.execute((id.0, account.0, leaver.0.0, leaver.1.0, name))?;
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO discard (directory, kind, no, digest) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (directory, kind, no) DO UPDATE SET digest = excluded.digest",
    )?;
    let mut delete = transaction
        .prepare_cached("DELETE FROM discard WHERE directory = ?1 AND kind = ?2 AND no = ?3")?;
    for (object, digest) in &change.discards {
        let (kind, no) = match object {
            Node::User(no) => (0, no.0),
            Node::Group(no) => (1, no.0),
        };
        match digest {
            Some(digest) => put.execute((id.0, kind, no, &digest.0))?,
            None => delete.execute((id.0, kind, no))?,
        };
    }
    Ok(())
}
