//! The directory as served: what folding the change log gives, kept so that a start need not fold.

use std::sync::Arc;

use directory::{
    change::{Change, MembersChange},
    decisions::Node,
    id::{DirectoryId, GroupNo, UserNo},
    snapshot::Directory,
};
use rusqlite::Transaction;

use crate::{
    StoreError,
    db::small,
    encoding,
    members::{ChunkKey, Edits, Table},
};

pub(crate) fn load(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<Directory, StoreError> {
    let mut changes = Vec::new();
    let mut select = transaction
        .prepare_cached("SELECT no, record FROM served_user WHERE directory = ?1 ORDER BY no")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let user =
            encoding::unpack_user(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let no = UserNo(small(row.get(0)?)?);
        changes.push(Change::User { no, before: None, after: Some(Arc::new(user)) });
    }
    let mut select = transaction
        .prepare_cached("SELECT no, record FROM served_group WHERE directory = ?1 ORDER BY no")?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let group =
            encoding::unpack_group(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let no = GroupNo(small(row.get(0)?)?);
        changes.push(Change::Group { no, before: None, after: Some(Arc::new(group)) });
    }
    let mut members: Option<MembersChange> = None;
    Table::Served.load(transaction, id, |group, member| {
        if members.as_ref().is_none_or(|members| members.group != group) {
            changes.extend(members.replace(MembersChange::of(group)).map(Change::Members));
        }
        let Some(members) = &mut members else { return };
        match member {
            Node::User(no) => members.users_added.push(no),
            Node::Group(no) => members.groups_added.push(no),
        }
    })?;
    changes.extend(members.map(Change::Members));
    let directory = Directory::default().apply(&changes);
    directory.map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Carries the changes of one run out on the stored rows.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    changes: &[Change],
) -> Result<(), StoreError> {
    let mut put_user = transaction.prepare_cached(
        "INSERT INTO served_user (directory, no, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
    )?;
    let mut put_group = transaction.prepare_cached(
        "INSERT INTO served_group (directory, no, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
    )?;
    let mut delete_user =
        transaction.prepare_cached("DELETE FROM served_user WHERE directory = ?1 AND no = ?2")?;
    let mut delete_group =
        transaction.prepare_cached("DELETE FROM served_group WHERE directory = ?1 AND no = ?2")?;
    let mut edits = Edits::new();
    for change in changes {
        match change {
            Change::User { no, after: Some(user), .. } => {
                put_user.execute((id.0, no.0, encoding::pack_user(user)))?;
            }
            Change::User { no, after: None, .. } => {
                delete_user.execute((id.0, no.0))?;
            }
            Change::Group { no, after: Some(group), .. } => {
                put_group.execute((id.0, no.0, encoding::pack_group(group)))?;
            }
            Change::Group { no, after: None, .. } => {
                delete_group.execute((id.0, no.0))?;
            }
            Change::Members(members) => edit(&mut edits, members),
        }
    }
    Table::Served.edit(transaction, id, edits)
}

fn edit(edits: &mut Edits, change: &MembersChange) {
    let users = [(&change.users_removed, false), (&change.users_added, true)];
    let groups = [(&change.groups_removed, false), (&change.groups_added, true)];
    let users =
        users.iter().flat_map(|(list, there)| list.iter().map(|no| (Node::User(*no), *there)));
    let groups =
        groups.iter().flat_map(|(list, there)| list.iter().map(|no| (Node::Group(*no), *there)));
    for (member, there) in users.chain(groups) {
        let (key, no) = ChunkKey::of(change.group, member);
        edits.entry(key).or_default().push((no, there));
    }
}
