//! What clients did: requests by route, bytes, cost, and breaches of the vendor's etiquette.
//!
//! Invariant: counting never fails a request. Breaches ("violations") are counted only where a client could know
//! better: a retry before the `Retry-After` it was given, a token shown to a foreign host.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::exchange::Reply;

/// A client is forgiven this much impatience (clocks, rounding), in milliseconds.
pub(crate) const PATIENCE_MS: i64 = 20;
/// Requests that were under way when another one was throttled are forgiven for this long.
const IN_FLIGHT_MS: i64 = 1000;
/// Most paths whose `Retry-After` is remembered.
const WAITS_MAX: usize = 10_000;

/// Breaches of etiquette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The same request again, or any other one, before `Retry-After` was over.
    RetryBeforeRetryAfter,
    /// An `Authorization` header was sent to a host that a link or redirect named.
    TokenToForeignHost,
    /// A listing is being followed in pages of less than 100.
    PageSizeTooSmall,
    /// No `User-Agent`.
    MissingUserAgent,
    /// A batch with more than 20 requests.
    BatchTooLarge,
}

/// Violations by kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Violations {
    retry_before_retry_after: u64,
    token_to_foreign_host: u64,
    page_size_too_small: u64,
    missing_user_agent: u64,
    batch_too_large: u64,
}

#[derive(Debug, Default)]
struct Tally {
    requests: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    bytes: u64,
    resource_units: u64,
    throttled: u64,
    faults: u64,
    foreign_requests: u64,
    violations: Violations,
    /// By hash of method and target: when it may be asked again.
    waits: HashMap<u64, i64>,
    /// From when to when the whole application should be quiet.
    quiet: (i64, i64),
}

/// What `GET counters` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    requests: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    bytes: u64,
    peak_concurrency: u64,
    resource_units: u64,
    throttled: u64,
    faults: u64,
    foreign_requests: u64,
    violations: Violations,
}

/// The counters of one provider.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    tally: Mutex<Tally>,
    in_flight: AtomicU64,
    peak: AtomicU64,
}

/// Counts a request as under way until dropped.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a Counters);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    /// A request begins.
    pub(crate) fn enter(&self) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        InFlight(self)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &str, reply: &Reply) {
        let mut tally = crate::lock(&self.tally);
        *tally.requests.entry(format!("{method} {}", reply.route)).or_default() += 1;
        *tally.statuses.entry(reply.status).or_default() += 1;
        tally.throttled += u64::from(reply.throttled || reply.status == 429);
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// So many bytes of bodies were sent.
    pub(crate) fn sent(&self, bytes: u64) {
        crate::lock(&self.tally).bytes += bytes;
    }

    /// Resource units were spent.
    pub(crate) fn spent(&self, units: u64) {
        crate::lock(&self.tally).resource_units += units;
    }

    /// A fault happened to a request.
    pub(crate) fn faulted(&self) {
        crate::lock(&self.tally).faults += 1;
    }

    /// A request reached the foreign host; `token` if it showed one.
    pub(crate) fn foreign(&self, token: bool) {
        crate::lock(&self.tally).foreign_requests += 1;
        if token {
            self.violation(Violation::TokenToForeignHost);
        }
    }

    /// Etiquette was breached.
    pub(crate) fn violation(&self, violation: Violation) {
        let violations = &mut crate::lock(&self.tally).violations;
        *match violation {
            Violation::RetryBeforeRetryAfter => &mut violations.retry_before_retry_after,
            Violation::TokenToForeignHost => &mut violations.token_to_foreign_host,
            Violation::PageSizeTooSmall => &mut violations.page_size_too_small,
            Violation::MissingUserAgent => &mut violations.missing_user_agent,
            Violation::BatchTooLarge => &mut violations.batch_too_large,
        } += 1;
    }

    /// A client was told to wait with this request (a hash of method and target) until `until_ms`.
    pub(crate) fn told_to_wait(&self, request: u64, now_ms: i64, until_ms: i64) {
        let mut tally = crate::lock(&self.tally);
        if tally.waits.len() >= WAITS_MAX {
            tally.waits.retain(|_, until| *until > now_ms);
        }
        tally.waits.insert(request, until_ms);
        if until_ms > tally.quiet.1 {
            tally.quiet = (now_ms + IN_FLIGHT_MS, until_ms);
        }
    }

    /// A request arrives: counts a violation if its client was told to wait longer.
    pub(crate) fn arrives(&self, request: u64, now_ms: i64) {
        let mut tally = crate::lock(&self.tally);
        let same = tally.waits.remove(&request).is_some_and(|until| now_ms < until - PATIENCE_MS);
        let (from, until) = tally.quiet;
        if same || (from <= now_ms && now_ms < until - PATIENCE_MS) {
            drop(tally);
            self.violation(Violation::RetryBeforeRetryAfter);
        }
    }

    /// Everything counted so far.
    pub(crate) fn report(&self) -> Report {
        let tally = crate::lock(&self.tally);
        Report {
            requests: tally.requests.clone(),
            statuses: tally.statuses.clone(),
            bytes: tally.bytes,
            peak_concurrency: self.peak.load(Ordering::Relaxed),
            resource_units: tally.resource_units,
            throttled: tally.throttled,
            faults: tally.faults,
            foreign_requests: tally.foreign_requests,
            violations: tally.violations,
        }
    }

    /// Starts again from zero.
    pub(crate) fn reset(&self) {
        *crate::lock(&self.tally) = Tally::default();
        self.peak.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
