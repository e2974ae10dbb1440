//! What every simulated provider has, whatever it speaks: a tenant, a clock, a fault plan, counters and a speed.
//!
//! Invariant: nothing here waits on a client; the tenant's lock is held for one page at most. Knows no wire format.

use std::{
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    Options,
    chance::{below, draw},
    clock::Clock,
    counters::Counters,
    faults::Faults,
    odd::Odd,
    tenant::Tenant,
    webhook::Webhooks,
};

/// The state of one simulated provider that its wire code and the control API share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) odd: Odd,
    pub(crate) counters: Counters,
    pub(crate) webhooks: Webhooks,
    /// `http://host:port` of the listener that plays a foreign host.
    pub(crate) foreign: String,
    tenant: RwLock<Tenant>,
    latency_ms: u32,
    drawn: AtomicU64,
}

impl World {
    /// The world around a freshly generated tenant.
    pub(crate) fn new(options: &Options, tenant: Tenant, foreign: String) -> Self {
        Self {
            seed: options.seed,
            clock: Clock::default(),
            faults: Faults::default(),
            odd: Odd::default(),
            counters: Counters::default(),
            webhooks: Webhooks::default(),
            foreign,
            tenant: RwLock::new(tenant),
            latency_ms: options.latency_ms,
            drawn: AtomicU64::new(0),
        }
    }

    /// The model, for reading.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tenant> {
        self.tenant.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, for editing.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Tenant> {
        self.tenant.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, for reading, with the look-ups by login and by member.
    pub(crate) fn read_with_lookup(&self) -> RwLockReadGuard<'_, Tenant> {
        if !self.read().has_lookup() {
            self.write().ensure_lookup();
        }
        self.read()
    }

    /// The next number of a series without end, for ids and chance.
    pub(crate) fn next_number(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed)
    }

    /// How long the vendor thinks: about `latency_ms`, between half and one and a half of it.
    pub(crate) fn latency(&self) -> Duration {
        if self.latency_ms == 0 {
            return Duration::ZERO;
        }
        let word = draw(self.seed, 0x1a7e, self.next_number());
        let base = u64::from(self.latency_ms);
        Duration::from_millis(base / 2 + below(word, base + 1))
    }
}
