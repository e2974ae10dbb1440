//! Graph's throttle: resource units in a bucket whose size depends on the tenant's.
//!
//! Invariant: by the virtual clock, so that advancing it refills the bucket. A full bucket holds the quota of 10 s and
//! refills in 10 s; calls made while throttled still count, down to 80 % below empty.

/// Resource units per 10 s for a tenant with so many users: small, medium, large.
fn quota(users: usize) -> f64 {
    match users {
        0..50 => 3500.0,
        50..=500 => 5000.0,
        _ => 8000.0,
    }
}

/// How a request fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// Seconds to wait if the request is refused.
    pub(super) retry_after_s: Option<u32>,
    /// Share of the quota in use, 0 to 1.8.
    pub(super) used: f64,
}

/// The bucket of one application in one tenant.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// Units used and not yet refilled.
    used: f64,
    at_ms: i64,
}

impl Bucket {
    /// Spends units for a request.
    pub(super) fn spend(&mut self, units: u32, users: usize, now_ms: i64) -> Verdict {
        let quota = quota(users);
        let refilled = (now_ms - self.at_ms).max(0) as f64 * quota / 10_000.0;
        self.used = (self.used - refilled).max(0.0);
        self.at_ms = now_ms;
        let refused = self.used + f64::from(units) > quota;
        self.used = (self.used + f64::from(units)).min(quota * 1.8);
        let used = self.used / quota;
        // Long enough that a fifth of the quota is free again.
        let wait = ((used - 0.8).max(0.0) * 10.0).ceil().max(1.0);
        #[expect(clippy::cast_sign_loss, reason = "between 1 and 10")]
        let wait = wait as u32;
        Verdict { retry_after_s: refused.then_some(wait), used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_past_the_quota_and_refills() {
        let mut bucket = Bucket::default();
        for _ in 0..4000 {
            assert_eq!(bucket.spend(2, 1000, 1_000_000).retry_after_s, None);
        }
        let verdict = bucket.spend(2, 1000, 1_000_000);
        assert_eq!(verdict.retry_after_s, Some(3));
        assert!(verdict.used > 1.0);
        assert_eq!(bucket.spend(2, 1000, 1_003_000).retry_after_s, None);
    }
}
