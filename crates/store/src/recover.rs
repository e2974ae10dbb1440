//! What was there, told by the rows around: the entries of the change log before and after, base, and what is served.
//!
//! Invariant: base and log fold to what is served, so what one of them cannot say the others do.

use std::{collections::BTreeSet, sync::Arc};

use directory::{
    change::{Change, MembersChange},
    decisions::Node,
    group::Group,
    id::{ChangeSeq, DirectoryId, GroupNo, ProviderId, UserNo},
    user::User,
};
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::{
    StoreError,
    damage::Instead,
    db::signed,
    encoding::{self, LOG_GROUP, LOG_MEMBERS, LOG_USER},
    members::{ChunkKey, Table, node},
};

/// A user or group as served at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    User(Arc<User>),
    Group(Arc<Group>),
}

impl State {
    pub(crate) fn id(&self) -> &ProviderId {
        match self {
            Self::User(user) => user.id(),
            Self::Group(group) => group.id(),
        }
    }
}

/// Rows of what is served, and of what old entries were folded into.
pub(crate) const SERVED: &str = "served";
pub(crate) const BASE: &str = "base";

/// The bytes of a column, if there are some.
pub(crate) fn blob<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a [u8], StoreError> {
    let value = row.get_ref(at)?;
    value.as_blob().map_err(|_| StoreError::Damaged("a record has another type".to_owned()))
}

/// The stored row of an object; none where there is none or it cannot be read.
pub(crate) fn row(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    prefix: &str,
    object: Node,
) -> Result<Option<State>, StoreError> {
    let (kind, no) = match object {
        Node::User(no) => ("user", no.0),
        Node::Group(no) => ("group", no.0),
    };
    let select = format!("SELECT record FROM {prefix}_{kind} WHERE directory = ?1 AND no = ?2");
    let state = transaction.prepare_cached(&select)?.query_row((id.0, no), |row| {
        let Ok(record) = blob(row, 0) else { return Ok(None) };
        Ok(match object {
            Node::User(_) => {
                encoding::unpack_user(record).ok().map(|user| State::User(Arc::new(user)))
            }
            Node::Group(_) => {
                encoding::unpack_group(record).ok().map(|group| State::Group(Arc::new(group)))
            }
        })
    });
    Ok(state.optional()?.flatten())
}

/// What the history says is served of an object now.
pub(crate) fn latest(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    object: Node,
) -> Result<(Option<State>, Instead), StoreError> {
    let entries = entries(transaction, id, object, None)?;
    let newest_is_read = entries.last().is_none_or(Option::is_some);
    let instead = if newest_is_read { Instead::History } else { Instead::Earlier };
    let state = match entries.into_iter().rev().flatten().next() {
        Some(change) => sides(&change).1,
        None => row(transaction, id, BASE, object)?,
    };
    Ok(match state {
        Some(state) => (Some(state), instead),
        None => (None, Instead::Nothing),
    })
}

/// The id of an object, wherever a row still tells it.
pub(crate) fn known_id(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    object: Node,
) -> Result<Option<ProviderId>, StoreError> {
    if let Some(state) = row(transaction, id, SERVED, object)? {
        return Ok(Some(state.id().clone()));
    }
    let mut told = entries(transaction, id, object, None)?.into_iter().rev().flatten();
    let told = told.find_map(|change| {
        let (before, after) = sides(&change);
        after.or(before)
    });
    let state = match told {
        Some(state) => Some(state),
        None => row(transaction, id, BASE, object)?,
    };
    Ok(state.map(|state| state.id().clone()))
}

/// What was served of an object after the entry at a position, as the rows after it tell; an error where they cannot.
pub(crate) fn after(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    object: Node,
    seq: ChangeSeq,
) -> Result<Option<State>, StoreError> {
    match entries(transaction, id, object, Some(seq))?.into_iter().next() {
        Some(Some(next)) => Ok(sides(&next).0),
        Some(None) => Err(lost(object)),
        None => stored(transaction, id, SERVED, object),
    }
}

/// What was served of an object before the entry at a position, as the rows before it tell.
pub(crate) fn before(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    object: Node,
    seq: ChangeSeq,
) -> Result<Option<State>, StoreError> {
    let older = entries_until(transaction, id, object, seq)?;
    match older.into_iter().next_back() {
        Some(Some(last)) => Ok(sides(&last).1),
        Some(None) => Err(lost(object)),
        None => stored(transaction, id, BASE, object),
    }
}

/// The row of an object, which must be readable if there is one.
fn stored(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    prefix: &str,
    object: Node,
) -> Result<Option<State>, StoreError> {
    let state = row(transaction, id, prefix, object)?;
    if state.is_none() && exists(transaction, id, prefix, object)? {
        return Err(lost(object));
    }
    Ok(state)
}

fn exists(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    prefix: &str,
    object: Node,
) -> Result<bool, StoreError> {
    let (kind, no) = match object {
        Node::User(no) => ("user", no.0),
        Node::Group(no) => ("group", no.0),
    };
    let select =
        format!("SELECT EXISTS (SELECT 1 FROM {prefix}_{kind} WHERE directory = ?1 AND no = ?2)");
    Ok(transaction.query_row(&select, (id.0, no), |row| row.get(0))?)
}

/// Entries about an object after a position (or all), oldest first; none for one that cannot be read.
fn entries(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    object: Node,
    after: Option<ChangeSeq>,
) -> Result<Vec<Option<Change>>, StoreError> {
    let low = after.map_or(0, |seq| signed(seq.0));
    of_kind(transaction, id, key(object), (low, i64::MAX))
}

/// Entries about an object before a position.
fn entries_until(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    object: Node,
    seq: ChangeSeq,
) -> Result<Vec<Option<Change>>, StoreError> {
    of_kind(transaction, id, key(object), (0, signed(seq.0)))
}

fn key(object: Node) -> (i64, u32) {
    match object {
        Node::User(no) => (LOG_USER, no.0),
        Node::Group(no) => (LOG_GROUP, no.0),
    }
}

fn of_kind(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    (kind, no): (i64, u32),
    (after, before): (i64, i64),
) -> Result<Vec<Option<Change>>, StoreError> {
    let mut select = transaction.prepare_cached(
        "SELECT change FROM change_log
         WHERE directory = ?1 AND kind = ?2 AND no = ?3 AND seq > ?4 AND seq < ?5 ORDER BY seq",
    )?;
    let mut rows = select.query((id.0, kind, no, after, before))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let change = blob(row, 0).and_then(|bytes| encoding::unpack_change(kind, no, bytes));
        entries.push(change.ok());
    }
    Ok(entries)
}

fn sides(change: &Change) -> (Option<State>, Option<State>) {
    match change {
        Change::User { before, after, .. } => {
            (before.clone().map(State::User), after.clone().map(State::User))
        }
        Change::Group { before, after, .. } => {
            (before.clone().map(State::Group), after.clone().map(State::Group))
        }
        Change::Members(_) => (None, None),
    }
}

/// The members of a chunk as served now, as history or provider tell.
pub(crate) fn chunk(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    key: ChunkKey,
) -> Result<(Vec<u32>, Instead), StoreError> {
    let of_chunk = |member: &Node| ChunkKey::of(key.group(), *member).0 == key;
    let number = |member: Node| ChunkKey::of(key.group(), member).1;
    if let Ok(members) = members_before(transaction, id, key.group(), ChangeSeq(u64::MAX)) {
        let members = members.into_iter().filter(of_chunk).map(number);
        return Ok((members.collect(), Instead::History));
    }
    match Table::Mirror.get(transaction, id, key) {
        Ok(members) => Ok((members, Instead::Earlier)),
        Err(StoreError::Damaged(_)) => Ok((Vec::new(), Instead::Nothing)),
        Err(error) => Err(error),
    }
}

/// Who was in a group before the entry at a position: base and older entries.
pub(crate) fn members_before(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    group: GroupNo,
    seq: ChangeSeq,
) -> Result<BTreeSet<Node>, StoreError> {
    let mut members = stored_members(transaction, id, Table::Base, group)?;
    for entry in of_kind(transaction, id, (LOG_MEMBERS, group.0), (0, signed(seq.0)))? {
        let Some(Change::Members(change)) = entry else { return Err(lost(Node::Group(group))) };
        take(&mut members, &change);
    }
    Ok(members)
}

/// Who was in a group after the entry at a position: what is served, with newer entries taken back.
pub(crate) fn members_after(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    group: GroupNo,
    seq: ChangeSeq,
) -> Result<BTreeSet<Node>, StoreError> {
    let mut members = stored_members(transaction, id, Table::Served, group)?;
    let newer = of_kind(transaction, id, (LOG_MEMBERS, group.0), (signed(seq.0), i64::MAX))?;
    for entry in newer.into_iter().rev() {
        let turned = entry.map(|change| change.turned_round());
        let Some(Change::Members(change)) = turned else { return Err(lost(Node::Group(group))) };
        take(&mut members, &change);
    }
    Ok(members)
}

fn stored_members(
    transaction: &Transaction<'_>,
    id: DirectoryId,
    table: Table,
    group: GroupNo,
) -> Result<BTreeSet<Node>, StoreError> {
    let mut members = BTreeSet::new();
    for (key, numbers) in table.of_group(transaction, id, group)? {
        members.extend(numbers?.into_iter().map(|no| node(key.kind(), no)));
    }
    Ok(members)
}

/// Carries a change of members out.
pub(crate) fn take(members: &mut BTreeSet<Node>, change: &MembersChange) {
    let MembersChange { group: _, users_added, users_removed, groups_added, groups_removed } =
        change;
    let user = |no: &UserNo| Node::User(*no);
    let group = |no: &GroupNo| Node::Group(*no);
    for gone in users_removed.iter().map(user).chain(groups_removed.iter().map(group)) {
        members.remove(&gone);
    }
    members.extend(users_added.iter().map(user).chain(groups_added.iter().map(group)));
}

/// The change from one set of members to another.
pub(crate) fn difference(
    group: GroupNo,
    before: &BTreeSet<Node>,
    after: &BTreeSet<Node>,
) -> MembersChange {
    let mut change = MembersChange::of(group);
    for member in after.difference(before) {
        match member {
            Node::User(no) => change.users_added.push(*no),
            Node::Group(no) => change.groups_added.push(*no),
        }
    }
    for member in before.difference(after) {
        match member {
            Node::User(no) => change.users_removed.push(*no),
            Node::Group(no) => change.groups_removed.push(*no),
        }
    }
    change
}

fn lost(object: Node) -> StoreError {
    let object = match object {
        Node::User(no) => format!("user number {}", no.0),
        Node::Group(no) => format!("group number {}", no.0),
    };
    StoreError::Damaged(format!("the history of {object} cannot be read"))
}
