//! Messages that are shown once, on the next page of whoever they concern.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::page::Flash;

/// Messages that wait at the most; whoever never looks loses theirs.
const WAITING_MAX: usize = 1_000;

/// Messages by the session that they are for.
#[derive(Debug, Default)]
pub(crate) struct Flashes(Mutex<HashMap<[u8; 32], Flash>>);

impl Flashes {
    pub(crate) fn put(&self, session: [u8; 32], flash: Flash) {
        let mut waiting = self.lock();
        if waiting.len() >= WAITING_MAX {
            waiting.clear();
        }
        waiting.insert(session, flash);
    }

    pub(crate) fn take(&self, session: &[u8; 32]) -> Option<Flash> {
        self.lock().remove(session)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Flash>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
