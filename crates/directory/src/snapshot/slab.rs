//! A copy-on-write array by number: cloning costs one pointer per chunk, a write copies one chunk.
//!
//! Invariant: a clone never sees a later write. Numbers that were never written read as `None`.

use std::sync::Arc;

/// Entries per chunk: a chunk of pointers is 2 KiB, cheap to copy for one write.
const CHUNK: usize = 256;

type Chunk<T> = Arc<Vec<Option<Arc<T>>>>;

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slab<T: ?Sized> {
    chunks: Vec<Option<Chunk<T>>>,
    len: usize,
}

impl<T: ?Sized> Clone for Slab<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<T: ?Sized> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: ?Sized> Slab<T> {
    #[inline]
    pub(crate) fn get(&self, no: u32) -> Option<&Arc<T>> {
        let no = no as usize;
        self.chunks.get(no / CHUNK)?.as_ref()?[no % CHUNK].as_ref()
    }

    /// How many numbers have a value.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn set(&mut self, no: u32, value: Option<Arc<T>>) {
        let no = no as usize;
        if self.chunks.len() <= no / CHUNK {
            if value.is_none() {
                return;
            }
            self.chunks.resize(no / CHUNK + 1, None);
        }
        let chunk = self.chunks[no / CHUNK].get_or_insert_with(|| Arc::new(vec![None; CHUNK]));
        let slot = &mut Arc::make_mut(chunk)[no % CHUNK];
        self.len = self.len + usize::from(value.is_some()) - usize::from(slot.is_some());
        *slot = value;
    }

    /// All values with their numbers, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<T>)> {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let entries = chunk.as_deref().map(Vec::as_slice).unwrap_or_default();
            entries.iter().enumerate().filter_map(move |(i, value)| {
                let no = u32::try_from(at * CHUNK + i).expect("numbers are 32 bits wide");
                value.as_ref().map(|value| (no, value))
            })
        })
    }
}
