//! The directory as served: what folding the change log gives, kept so that a start need not fold; and the base
//! into which the log's old entries are folded, in the same form.

use std::sync::Arc;

use directory::{
    change::{Change, MembersChange},
    decisions::Node,
    id::{DirectoryId, GroupNo, UserNo},
    snapshot::Directory,
};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    StoreError,
    db::small,
    encoding,
    members::{ChunkKey, Edits, Table},
};

/// Rows of this form: what is served, and what old entries of the log were folded into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows {
    /// The directory at the end of the log.
    Served,
    /// The directory where the log begins; between two steps of folding, parts of a run may be missing.
    Base,
}

impl Rows {
    fn prefix(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Base => "base",
        }
    }

    fn members(self) -> Table {
        match self {
            Self::Served => Table::Served,
            Self::Base => Table::Base,
        }
    }
}

/// The directory as served at the end of the log.
pub(crate) fn load(
    transaction: &Transaction<'_>,
    id: DirectoryId,
) -> Result<Directory, StoreError> {
    let directory = Directory::default().apply(&rows(transaction, Rows::Served, id)?);
    directory.map_err(|error| StoreError::Damaged(error.to_string()))
}

/// All rows of a directory, as the changes that would make them.
pub(crate) fn rows(
    transaction: &Transaction<'_>,
    table: Rows,
    id: DirectoryId,
) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    let prefix = table.prefix();
    let mut select = transaction.prepare_cached(&format!(
        "SELECT no, record FROM {prefix}_user WHERE directory = ?1 ORDER BY no"
    ))?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let user =
            encoding::unpack_user(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let no = UserNo(small(row.get(0)?)?);
        changes.push(Change::User { no, before: None, after: Some(Arc::new(user)) });
    }
    let mut select = transaction.prepare_cached(&format!(
        "SELECT no, record FROM {prefix}_group WHERE directory = ?1 ORDER BY no"
    ))?;
    let mut rows = select.query([id.0])?;
    while let Some(row) = rows.next()? {
        let group =
            encoding::unpack_group(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let no = GroupNo(small(row.get(0)?)?);
        changes.push(Change::Group { no, before: None, after: Some(Arc::new(group)) });
    }
    let mut members: Option<MembersChange> = None;
    table.members().load(transaction, id, |group, member| {
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
    Ok(changes)
}

/// The name under which a person or group is served.
pub(crate) fn name(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    node: Node,
) -> Result<Option<String>, StoreError> {
    let (kind, no) = match node {
        Node::User(no) => ("user", no.0),
        Node::Group(no) => ("group", no.0),
    };
    let record: Option<Vec<u8>> = transaction
        .prepare_cached(&format!(
            "SELECT record FROM served_{kind} WHERE directory = ?1 AND no = ?2"
        ))?
        .query_row((id.0, no), |row| row.get(0))
        .optional()?;
    record
        .map(|record| match node {
            Node::User(_) => Ok(encoding::unpack_user(&record)?.name().to_owned()),
            Node::Group(_) => Ok(encoding::unpack_group(&record)?.name().to_string()),
        })
        .transpose()
}

/// Carries changes out on the stored rows.
pub(crate) fn write<'a>(
    transaction: &Transaction<'_>,
    table: Rows,
    id: DirectoryId,
    changes: impl IntoIterator<Item = &'a Change>,
) -> Result<(), StoreError> {
    let put = |kind: &str| {
        transaction.prepare_cached(&format!(
            "INSERT INTO {}_{kind} (directory, no, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (directory, no) DO UPDATE SET record = excluded.record",
            table.prefix()
        ))
    };
    let delete = |kind: &str| {
        transaction.prepare_cached(&format!(
            "DELETE FROM {}_{kind} WHERE directory = ?1 AND no = ?2",
            table.prefix()
        ))
    };
    let (mut put_user, mut put_group) = (put("user")?, put("group")?);
    let (mut delete_user, mut delete_group) = (delete("user")?, delete("group")?);
    let mut edits = Edits::new();
    for change in changes {
        match change {
            Change::User { no, after: Some(user), .. } => {
                put_user.execute((id.0, no.0, encoding::pack_user(user)?))?;
            }
            Change::User { no, after: None, .. } => {
                delete_user.execute((id.0, no.0))?;
            }
            Change::Group { no, after: Some(group), .. } => {
                put_group.execute((id.0, no.0, encoding::pack_group(group)?))?;
            }
            Change::Group { no, after: None, .. } => {
                delete_group.execute((id.0, no.0))?;
            }
            Change::Members(members) => edit(&mut edits, members),
        }
    }
    table.members().edit(transaction, id, edits)
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
