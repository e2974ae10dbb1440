//! Google's throttle: queries per minute and user, and how many at once.
//!
//! Invariant: by the virtual clock, so that advancing it refills the buckets. A refused query does not count.

use std::collections::HashMap;

/// Queries per minute, user and project.
const QUERIES_PER_MINUTE: f64 = 2_400.0;
/// Queries of the whole organisation at once.
pub(super) const AT_ONCE_MAX: u64 = 20;

#[derive(Debug)]
struct Bucket {
    used: f64,
    at_ms: i64,
}

/// The buckets of all impersonated users of one API.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    by_subject: HashMap<u32, Bucket>,
}

impl Buckets {
    /// Counts a query of this user; whether it is within the quota.
    pub(super) fn spend(&mut self, subject: u32, now_ms: i64) -> bool {
        let bucket = self.by_subject.entry(subject).or_insert(Bucket { used: 0.0, at_ms: now_ms });
        let refilled = (now_ms - bucket.at_ms).max(0) as f64 * QUERIES_PER_MINUTE / 60_000.0;
        bucket.used = (bucket.used - refilled).max(0.0);
        bucket.at_ms = now_ms;
        if bucket.used + 1.0 > QUERIES_PER_MINUTE {
            return false;
        }
        bucket.used += 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_past_the_quota_and_refills_by_user() {
        let mut buckets = Buckets::default();
        assert!((0..2_400).all(|_| buckets.spend(1, 1_000)));
        assert!(!buckets.spend(1, 1_000));
        assert!(buckets.spend(2, 1_000));
        assert!(buckets.spend(1, 1_025));
        assert!(!buckets.spend(1, 1_025));
    }
}
