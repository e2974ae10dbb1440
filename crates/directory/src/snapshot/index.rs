//! A copy-on-write sorted list of numbers, ordered by a text that the caller knows for each number.
//!
//! Invariant: sorted by text, no text twice. 4 bytes an entry: the texts stay where they are, so the same
//! list serves look-up by name, stable paging and ordered reading.

use std::{cmp::Ordering, sync::Arc};

/// A chunk that grows past this is split in two.
const CHUNK_MAX: usize = 1024;

/// Numbers in the order of their texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    chunks: Vec<Arc<Vec<u32>>>,
    len: usize,
}

impl Index {
    /// Builds the list from numbers that are already in order.
    pub(crate) fn from_sorted(numbers: &[u32]) -> Self {
        let chunks = numbers.chunks(CHUNK_MAX / 2).map(|c| Arc::new(c.to_vec())).collect();
        Self { chunks, len: numbers.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number whose text compares equal; `compare` says how a number's text stands to the sought one.
    pub(crate) fn find(&self, compare: impl Fn(u32) -> Ordering) -> Option<u32> {
        let (chunk, at) = self.position(compare).ok()?;
        Some(self.chunks[chunk][at])
    }

    /// Puts `no` at its place; nothing happens when its text is there already.
    pub(crate) fn insert(&mut self, no: u32, compare: impl Fn(u32) -> Ordering) {
        let Err((chunk, at)) = self.position(compare) else {
            return;
        };
        self.len += 1;
        if self.chunks.is_empty() {
            self.chunks.push(Arc::new(vec![no]));
            return;
        }
        let entries = Arc::make_mut(&mut self.chunks[chunk]);
        entries.insert(at, no);
        if entries.len() > CHUNK_MAX {
            let upper = entries.split_off(CHUNK_MAX / 2);
            self.chunks.insert(chunk + 1, Arc::new(upper));
        }
    }

    /// Takes the number out whose text compares equal.
    pub(crate) fn remove(&mut self, compare: impl Fn(u32) -> Ordering) {
        let Ok((chunk, at)) = self.position(compare) else {
            return;
        };
        self.len -= 1;
        let entries = Arc::make_mut(&mut self.chunks[chunk]);
        entries.remove(at);
        if entries.is_empty() {
            self.chunks.remove(chunk);
        }
    }

    /// All numbers in order, from the `start`th on.
    pub(crate) fn iter_from(&self, start: usize) -> impl Iterator<Item = u32> {
        let mut skip = start;
        let mut first = 0;
        while let Some(chunk) = self.chunks.get(first) {
            if skip < chunk.len() {
                break;
            }
            skip -= chunk.len();
            first += 1;
        }
        self.chunks[first..].iter().flat_map(|chunk| chunk.iter().copied()).skip(skip)
    }

    /// All numbers in order whose text comes after the sought one; `compare` as in [`Self::find`].
    pub(crate) fn iter_after(
        &self,
        compare: impl Fn(u32) -> Ordering,
    ) -> impl Iterator<Item = u32> {
        let (chunk, at) = match self.position(compare) {
            Ok((chunk, at)) => (chunk, at + 1),
            Err(place) => place,
        };
        let chunks = self.chunks.get(chunk..).unwrap_or_default();
        chunks.iter().flat_map(|chunk| chunk.iter().copied()).skip(at)
    }

    fn position(
        &self,
        compare: impl Fn(u32) -> Ordering,
    ) -> Result<(usize, usize), (usize, usize)> {
        let after = self.chunks.partition_point(|chunk| compare(chunk[0]) != Ordering::Greater);
        let chunk = after.saturating_sub(1);
        let Some(entries) = self.chunks.get(chunk) else {
            return Err((0, 0));
        };
        entries.binary_search_by(|no| compare(*no)).map(|at| (chunk, at)).map_err(|at| (chunk, at))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_sorted_set(edits in prop::collection::vec((any::<bool>(), 0_u32..3000), 0..4000)) {
            let mut index = Index::default();
            let mut model = BTreeSet::new();
            for (insert, no) in edits {
                if insert {
                    index.insert(no, |other| other.cmp(&no));
                    model.insert(no);
                } else {
                    index.remove(|other| other.cmp(&no));
                    model.remove(&no);
                }
            }
            prop_assert_eq!(index.len(), model.len());
            prop_assert_eq!(index.iter_from(0).collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(index.iter_from(7).count(), model.len().saturating_sub(7));
            prop_assert_eq!(index.iter_from(100_000).count(), 0);
            for no in [0, 1, 17, 2999] {
                prop_assert_eq!(index.find(|other| other.cmp(&no)), model.get(&no).copied());
                let after: Vec<u32> = model.range(no + 1..).copied().collect();
                prop_assert_eq!(index.iter_after(|other| other.cmp(&no)).collect::<Vec<_>>(), after);
            }
        }
    }
}
