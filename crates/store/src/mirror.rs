//! The mirror's rows.

use directory::{
    decisions::Node,
    id::{DirectoryId, GroupNo, Millis},
    mirror::{EdgeRow, Mirror, MirrorChange, NextNumbers},
};
use hashbrown::HashMap;
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError,
    db::small,
    encoding,
    members::{ChunkKey, Edits, Table, node},
};

pub(crate) fn load(transaction: &Transaction<'_>, id: DirectoryId) -> Result<Mirror, StoreError> {
    let next = transaction
        .query_row("SELECT next_user, next_group FROM connection WHERE id = ?1", [id.0], |row| {
            Ok(NextNumbers { user: row.get(0)?, group: row.get(1)? })
        })
        .optional()?
        .ok_or(StoreError::Removed)?;
    let mut people = Vec::new();
    let mut select = transaction
        .prepare_cached("SELECT no, record FROM mirror_person WHERE directory = ?1 ORDER BY no")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let record = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        people.push(encoding::unpack_person(small(row.get(0)?)?, record)?);
    }
    let mut groups = Vec::new();
    let mut select = transaction
        .prepare_cached("SELECT no, record FROM mirror_group WHERE directory = ?1 ORDER BY no")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let record = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        groups.push(encoding::unpack_mirror_group(small(row.get(0)?)?, record)?);
    }
    let unconfirmed = unconfirmed(transaction, id)?;
    let mut edges = Vec::new();
    Table::Mirror.load(transaction, id, |group, member| {
        let unconfirmed_since = unconfirmed.get(&(group, member)).copied();
        edges.push(EdgeRow { group, member, unconfirmed_since });
    })?;
    Ok(Mirror::from_rows(next, people, groups, edges))
}

fn unconfirmed(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<HashMap<(GroupNo, Node), Millis>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT grp, kind, no, since FROM mirror_unconfirmed WHERE directory = ?1",
    )?;
    let mut rows = select.query([id.0])?;
    let mut unconfirmed = HashMap::new();
    while let Some(row) = rows.next()? {
        let key = (GroupNo(small(row.get(0)?)?), node(row.get(1)?, small(row.get(2)?)?));
        unconfirmed.insert(key, Millis(row.get(3)?));
    }
    Ok(unconfirmed)
}

/// Writes the touched rows as they are in `mirror` now.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    mirror: &Mirror,
    change: &MirrorChange,
) -> Result<(), StoreError> {
    if change.is_empty() {
        return Ok(());
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO mirror_person (directory, no, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
    )?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM mirror_person WHERE directory = ?1 AND no = ?2")?;
    for no in &change.people {
        match mirror.person(*no) {
            Some(row) => put.execute((id.0, no.0, encoding::pack_person(row)?))?,
            None => delete.execute((id.0, no.0))?,
        };
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO mirror_group (directory, no, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
    )?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM mirror_group WHERE directory = ?1 AND no = ?2")?;
    for no in &change.groups {
        match mirror.group(*no) {
            Some(row) => put.execute((id.0, no.0, encoding::pack_mirror_group(row)?))?,
            None => delete.execute((id.0, no.0))?,
        };
    }
    write_edges(transaction, id, mirror, change)?;
    let next = mirror.next_numbers();
    transaction.execute(
        "UPDATE connection SET next_user = ?2, next_group = ?3
         WHERE id = ?1 AND (next_user <> ?2 OR next_group <> ?3)",
        (id.0, next.user, next.group),
    )?;
    Ok(())
}

fn write_edges(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    mirror: &Mirror,
    change: &MirrorChange,
) -> Result<(), StoreError> {
    let mut doubt = transaction.prepare_cached(
        "INSERT INTO mirror_unconfirmed (directory, grp, kind, no, since) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (directory, grp, kind, no) DO UPDATE SET since = excluded.since",
    )?;
    let mut believe = transaction.prepare_cached(
        "DELETE FROM mirror_unconfirmed WHERE directory = ?1 AND grp = ?2 AND kind = ?3 AND no = ?4",
    )?;
    let doubted = unconfirmed(transaction, id)?;
    let mut edits = Edits::new();
    for (group, member) in &change.edges {
        let edge = mirror.edge(*group, *member);
        let (key, no) = ChunkKey::of(*group, *member);
        edits.entry(key).or_default().push((no, edge.is_some()));
        let kind = u8::from(matches!(member, Node::Group(_)));
        match edge.and_then(|edge| edge.unconfirmed_since) {
            Some(since) => {
                doubt.execute((id.0, group.0, kind, no, since.0))?;
            }
            None if doubted.contains_key(&(*group, *member)) => {
                believe.execute((id.0, group.0, kind, no))?;
            }
            None => {}
        }
    }
    Table::Mirror.edit(transaction, id, edits)
}
