//! Direct members of groups, packed in chunks: 1,000,000 memberships are some ten thousand rows.
//!
//! Invariants: a chunk holds members whose numbers share their upper 16 bits, ascending; an empty chunk has
//! no row. So a change costs the chunks it touches, at most 128 KiB each, whatever the size of the group.

use std::collections::BTreeMap;

use directory::{
    decisions::Node,
    id::{DirectoryId, GroupNo, UserNo},
};
use rusqlite::{CachedStatement, OptionalExtension, Row, Transaction};

use crate::{
    StoreError,
    pack::{Packer, Unpacker},
};

/// A table of this shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Table {
    Mirror,
    Served,
    Base,
}

/// Where a chunk is: group, kind of member (0 people, 1 groups), upper 16 bits of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkKey {
    group: u32,
    kind: u8,
    chunk: u32,
}

/// Edits of memberships, ordered by chunk; the value says whether the member is there afterwards.
pub(crate) type Edits = BTreeMap<ChunkKey, Vec<(u32, bool)>>;

/// The members of a chunk, if they can be read.
pub(crate) type Members = Result<Vec<u32>, StoreError>;

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror_members",
            Self::Served => "served_members",
            Self::Base => "base_members",
        }
    }

    /// All memberships of a directory; `instead` says what stands in a chunk that cannot be read. Returns whether each
    /// row says of which group it is.
    pub(crate) fn load(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        mut each: impl FnMut(GroupNo, Node),
        mut instead: impl FnMut(ChunkKey) -> Result<Vec<u32>, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut is_whole = true;
        let mut select = transaction.prepare(&format!(
            "SELECT grp, kind, chunk, members, sum FROM {} WHERE directory = ?1 ORDER BY grp, kind, chunk",
            self.name()
        ))?;
        let mut rows = select.query([id.0])?;
        while let Some(row) = rows.next()? {
            let (Ok(group), Ok(kind @ 0..=1), Ok(chunk)) = (row.get(0), row.get(1), row.get(2))
            else {
                is_whole = false;
                continue;
            };
            let key = ChunkKey { group, kind, chunk };
            let members = match packed(row, 3) {
                Ok(members) => members,
                Err(_) => instead(key)?,
            };
            for no in members {
                each(key.group(), node(key.kind, no));
            }
        }
        Ok(is_whole)
    }

    /// The members of one chunk.
    pub(crate) fn get(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        key: ChunkKey,
    ) -> Result<Vec<u32>, StoreError> {
        Statements::of(self, transaction)?.get(id, key)
    }

    /// Writes the members of one chunk, whatever was there.
    pub(crate) fn put(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        key: ChunkKey,
        members: &[u32],
    ) -> Result<(), StoreError> {
        Statements::of(self, transaction)?.put(id, key, members)
    }

    /// The chunks of one group; an error for each that cannot be read.
    pub(crate) fn of_group(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        group: GroupNo,
    ) -> Result<Vec<(ChunkKey, Members)>, StoreError> {
        let mut select = transaction.prepare_cached(&format!(
            "SELECT kind, chunk, members, sum FROM {} WHERE directory = ?1 AND grp = ?2",
            self.name()
        ))?;
        let mut rows = select.query((id.0, group.0))?;
        let mut chunks = Vec::new();
        while let Some(row) = rows.next()? {
            let (Ok(kind), Ok(chunk)) = (row.get(0), row.get(1)) else { continue };
            chunks.push((ChunkKey { group: group.0, kind, chunk }, packed(row, 2)));
        }
        Ok(chunks)
    }

    /// Replaces all members of a group.
    pub(crate) fn replace(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        group: GroupNo,
        members: impl IntoIterator<Item = Node>,
    ) -> Result<(), StoreError> {
        let delete = format!("DELETE FROM {} WHERE directory = ?1 AND grp = ?2", self.name());
        transaction.execute(&delete, (id.0, group.0))?;
        let mut edits = Edits::new();
        for member in members {
            let (key, no) = ChunkKey::of(group, member);
            edits.entry(key).or_default().push((no, true));
        }
        self.edit(transaction, id, edits)
    }

    /// Writes edits.
    pub(crate) fn edit(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        edits: Edits,
    ) -> Result<(), StoreError> {
        let mut statements = Statements::of(self, transaction)?;
        for (key, mut edits) in edits {
            edits.sort_by_key(|(no, _)| *no);
            let old = statements.get(id, key)?;
            let new = merged(&old, &edits);
            if new != old {
                statements.put(id, key, &new)?;
            }
        }
        Ok(())
    }
}

impl ChunkKey {
    /// The chunk in which a membership lies, and the member's number.
    pub(crate) fn of(group: GroupNo, member: Node) -> (Self, u32) {
        let (kind, no) = match member {
            Node::User(no) => (0, no.0),
            Node::Group(no) => (1, no.0),
        };
        (Self { group: group.0, kind, chunk: no >> 16 }, no)
    }

    pub(crate) fn group(self) -> GroupNo {
        GroupNo(self.group)
    }

    pub(crate) fn kind(self) -> u8 {
        self.kind
    }
}

pub(crate) fn node(kind: u8, no: u32) -> Node {
    if kind == 0 { Node::User(UserNo(no)) } else { Node::Group(GroupNo(no)) }
}

/// Statements prepared once for many chunks.
struct Statements<'a> {
    get: CachedStatement<'a>,
    put: CachedStatement<'a>,
    delete: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    fn of(table: Table, transaction: &'a Transaction<'_>) -> Result<Self, StoreError> {
        let name = table.name();
        let key = "directory = ?1 AND grp = ?2 AND kind = ?3 AND chunk = ?4";
        Ok(Self {
            get: transaction.prepare_cached(&format!("SELECT members, sum FROM {name} WHERE {key}"))?,
            put: transaction.prepare_cached(&format!(
                "INSERT INTO {name} (directory, grp, kind, chunk, members, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (directory, grp, kind, chunk)
                 DO UPDATE SET members = excluded.members, sum = excluded.sum"
            ))?,
            delete: transaction.prepare_cached(&format!("DELETE FROM {name} WHERE {key}"))?,
        })
    }

    fn get(&mut self, id: DirectoryId, key: ChunkKey) -> Result<Vec<u32>, StoreError> {
        let at = (id.0, key.group, key.kind, key.chunk);
        let members = self.get.query_row(at, |row| Ok(packed(row, 0))).optional()?;
        members.unwrap_or_else(|| Ok(Vec::new()))
    }

    fn put(&mut self, id: DirectoryId, key: ChunkKey, members: &[u32]) -> Result<(), StoreError> {
        if members.is_empty() {
            self.delete.execute((id.0, key.group, key.kind, key.chunk))?;
            return Ok(());
        }
        let (packed, sum) = pack(key, members)?;
        self.put.execute((id.0, key.group, key.kind, key.chunk, packed, sum))?;
        Ok(())
    }
}

/// `old` with `edits` (sorted) carried out; the last edit of a member counts.
fn merged(old: &[u32], edits: &[(u32, bool)]) -> Vec<u32> {
    let mut new = Vec::with_capacity(old.len() + edits.len());
    let mut kept = old.iter().copied().peekable();
    for edits in edits.chunk_by(|a, b| a.0 == b.0) {
        let (no, there) = edits[edits.len() - 1];
        while let Some(before) = kept.next_if(|k| *k < no) {
            new.push(before);
        }
        kept.next_if_eq(&no);
        new.extend(there.then_some(no));
    }
    new.extend(kept);
    new
}

/// A chunk's members and their checksum.
///
/// # Errors
/// When they would not be read as they are.
fn pack(key: ChunkKey, members: &[u32]) -> Result<(Vec<u8>, u32), StoreError> {
    let mut packer = Packer::default();
    packer.ascending(members.iter().copied());
    let sum = crc32fast::hash(&packer.0);
    if unpack(&packer.0, Some(sum)).is_ok_and(|read| read == members) {
        Ok((packer.0, sum))
    } else {
        Err(StoreError::NotReadable(format!("the members of group number {}", key.group)))
    }
}

/// The members of a row whose column `at` is the chunk and the next one its checksum.
fn packed(row: &Row<'_>, at: usize) -> Result<Vec<u32>, StoreError> {
    let chunk = row.get_ref(at)?.as_blob().map_err(|_| damaged())?;
    unpack(chunk, row.get(at + 1).map_err(|_| damaged())?)
}

/// Until schema 9 a chunk had no checksum.
fn unpack(chunk: &[u8], sum: Option<u32>) -> Result<Vec<u32>, StoreError> {
    if sum.is_some_and(|sum| sum != crc32fast::hash(chunk)) {
        return Err(damaged());
    }
    let mut unpacker = Unpacker(chunk);
    let members = unpacker.ascending().map_err(|_| damaged())?;
    if unpacker.0.is_empty() { Ok(members) } else { Err(damaged()) }
}

fn damaged() -> StoreError {
    StoreError::Damaged("memberships cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edits_merge_in_order_and_the_last_one_counts() {
        assert_eq!(merged(&[1, 3, 5], &[(2, true), (3, false), (5, true)]), [1, 2, 5]);
        assert_eq!(merged(&[], &[(2, true), (2, false)]), [0; 0]);
        assert_eq!(merged(&[7], &[(9, true)]), [7, 9]);
    }

    proptest! {
        #[test]
        fn a_chunk_is_read_as_it_was_written_and_a_damaged_one_refused(
            members in prop::collection::btree_set(any::<u16>(), 1..300),
            at: prop::sample::Index, flip in 1_u8..,
        ) {
            let members: Vec<u32> = members.into_iter().map(|no| 0x0003_0000 + u32::from(no)).collect();
            let (key, _) = ChunkKey::of(GroupNo(7), Node::User(UserNo(members[0])));
            let (mut packed, sum) = pack(key, &members).unwrap();
            prop_assert_eq!(unpack(&packed, Some(sum)).unwrap(), members);
            let at = at.index(packed.len());
            packed[at] ^= flip;
            prop_assert!(unpack(&packed, Some(sum)).is_err());
        }
    }

    #[test]
    fn a_chunk_of_an_older_version_is_read() {
        let mut packer = Packer::default();
        packer.ascending([3, 4, 900].into_iter());
        assert_eq!(unpack(&packer.0, None).unwrap(), [3, 4, 900]);
    }
}
