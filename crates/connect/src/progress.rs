//! What a read has come to so far, for whoever watches.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use directory::observation::Usage;

use crate::odd::Odd;

/// Counters of one read; shared between the reader and those who watch.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) users: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) memberships: AtomicU64,
    pub(crate) groups_with_members: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) bytes: AtomicU64,
    odd: Mutex<Odd>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// People.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Memberships.
    pub memberships: u64,
    /// Groups whose members were read.
    pub groups_with_members: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Body bytes received, after decompression.
    pub bytes: u64,
}

impl Progress {
    /// Sets all counters to zero.
    pub fn reset(&self) {
        for counter in [
            &self.users,
            &self.groups,
            &self.memberships,
            &self.groups_with_members,
            &self.requests,
            &self.retries,
            &self.throttled,
            &self.bytes,
        ] {
            counter.store(0, Relaxed);
        }
        *self.odd() = Odd::default();
    }

    /// What was odd about what was read so far.
    pub(crate) fn odd(&self) -> MutexGuard<'_, Odd> {
        self.odd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a list held records that are nobody's, or say nothing: it proves nothing about whom it lacks.
    pub(crate) fn lost_some(&self) -> bool {
        self.odd().lacks_some()
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        Counts {
            users: self.users.load(Relaxed),
            groups: self.groups.load(Relaxed),
            memberships: self.memberships.load(Relaxed),
            groups_with_members: self.groups_with_members.load(Relaxed),
            requests: self.requests.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    /// Adds what another one counted of requests, and what was odd.
    pub(crate) fn absorb_requests(&self, other: &Self) {
        let odd = std::mem::take(&mut *other.odd());
        self.odd().absorb(odd);
        let usage = other.usage();
        self.requests.fetch_add(usage.requests, Relaxed);
        self.retries.fetch_add(usage.retries, Relaxed);
        self.throttled.fetch_add(usage.throttled, Relaxed);
        self.bytes.fetch_add(usage.bytes, Relaxed);
    }

    /// What reading has cost so far.
    pub fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Relaxed);
}
