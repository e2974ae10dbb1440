//! Direct members of groups, packed in chunks: 1,000,000 memberships are some ten thousand rows.
//!
//! Invariants: a chunk holds members whose numbers share their upper 16 bits, ascending; an empty chunk has
//! no row. So a change costs the chunks it touches, at most 128 KiB each, whatever the size of the group.

use std::collections::BTreeMap;

use directory::{
    decisions::Node,
    id::{DirectoryId, GroupNo, UserNo},
};
use rusqlite::{CachedStatement, OptionalExtension, Transaction};

use crate::{
    StoreError,
    db::small,
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

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror_members",
            Self::Served => "served_members",
            Self::Base => "base_members",
        }
    }

    /// All memberships of a directory.
    pub(crate) fn load(
        self,
        transaction: &Transaction<'_>,
        id: DirectoryId,
        mut each: impl FnMut(GroupNo, Node),
    ) -> Result<(), StoreError> {
        let mut select = transaction.prepare(&format!(
            "SELECT grp, kind, members FROM {} WHERE directory = ?1 ORDER BY grp, kind, chunk",
            self.name()
        ))?;
        let mut rows = select.query([id.0])?;
        while let Some(row) = rows.next()? {
            let (group, kind) = (GroupNo(small(row.get(0)?)?), row.get::<_, u8>(1)?);
            for no in unpack(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)? {
                each(group, node(kind, no));
            }
        }
        Ok(())
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
            get: transaction.prepare_cached(&format!("SELECT members FROM {name} WHERE {key}"))?,
            put: transaction.prepare_cached(&format!(
                "INSERT INTO {name} (directory, grp, kind, chunk, members) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (directory, grp, kind, chunk) DO UPDATE SET members = excluded.members"
            ))?,
            delete: transaction.prepare_cached(&format!("DELETE FROM {name} WHERE {key}"))?,
        })
    }

    fn get(&mut self, id: DirectoryId, key: ChunkKey) -> Result<Vec<u32>, StoreError> {
        let at = (id.0, key.group, key.kind, key.chunk);
        let members =
            self.get.query_row(at, |row| Ok(unpack(row.get_ref(0)?.as_blob()?))).optional()?;
        members.unwrap_or_else(|| Ok(Vec::new()))
    }

    fn put(&mut self, id: DirectoryId, key: ChunkKey, members: &[u32]) -> Result<(), StoreError> {
        if members.is_empty() {
            self.delete.execute((id.0, key.group, key.kind, key.chunk))?;
            return Ok(());
        }
        let mut packer = Packer::default();
        packer.ascending(members.iter().copied());
        self.put.execute((id.0, key.group, key.kind, key.chunk, packer.0))?;
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

fn unpack(blob: &[u8]) -> Result<Vec<u32>, StoreError> {
    Unpacker(blob)
        .ascending()
        .map_err(|_| StoreError::Damaged("memberships cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_merge_in_order_and_the_last_one_counts() {
        assert_eq!(merged(&[1, 3, 5], &[(2, true), (3, false), (5, true)]), [1, 2, 5]);
        assert_eq!(merged(&[], &[(2, true), (2, false)]), [0; 0]);
        assert_eq!(merged(&[7], &[(9, true)]), [7, 9]);
    }
}
