//! The vendor's limits, which it tells in the headers of every answer, for each kind of request by itself.
//!
//! Invariant: of a limit no more than the chosen share is used within one of the vendor's periods, and the last tenth
//! is left to others whoever used the rest; so no refusal is provoked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use directory::id::Millis;
use reqwest::header::HeaderMap;
use url::Url;

/// What is left to others of a limit, in percent.
const RESERVE: u64 = 10;
/// Requests of one kind that may be sent before their limit is known.
const UNKNOWN: u64 = 8;
/// A period is not longer than this, whatever a header says.
const PERIOD_MAX_MS: i64 = 120_000;
/// The vendor's clock shows whole seconds.
const MARGIN_MS: i64 = 1_000;

/// Kinds of requests that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    Users,
    User,
    Groups,
    Group,
    Members,
    Apps,
    Logs,
    Hooks,
    Other,
}

/// What is known of all limits.
#[derive(Debug)]
pub(super) struct Limits {
    share: u64,
    buckets: Mutex<HashMap<Bucket, State>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Requests in a period; 0 while unknown.
    limit: u64,
    /// Requests that are left in the period, as far as we know.
    remaining: u64,
    /// When the period ends, by the vendor's clock.
    reset: Millis,
    /// Our requests in the period.
    used: u64,
}

impl Bucket {
    /// The kind of a request.
    pub(super) fn of(url: &str) -> Self {
        let parsed = Url::parse(url).ok();
        let path: Vec<&str> =
            parsed.as_ref().and_then(Url::path_segments).into_iter().flatten().collect();
        let api =
            path.windows(2).position(|two| two == ["api", "v1"]).map_or(path.len(), |at| at + 2);
        match &path[api..] {
            ["users"] => Self::Users,
            ["users", _] => Self::User,
            ["groups"] => Self::Groups,
            ["groups", _] => Self::Group,
            ["groups", _, "users"] => Self::Members,
            ["apps", ..] => Self::Apps,
            ["logs"] => Self::Logs,
            ["eventHooks", ..] => Self::Hooks,
            _ => Self::Other,
        }
    }
}

impl Limits {
    pub(super) fn new(share: u32) -> Self {
        Self { share: u64::from(share), buckets: Mutex::default() }
    }

    /// Counts a request that is about to be sent; or says for how long it must wait.
    pub(super) fn enter(&self, bucket: Bucket, vendor_now: Millis) -> Option<Duration> {
        let mut buckets = self.lock();
        let state = buckets.entry(bucket).or_default();
        if state.limit > 0 && vendor_now.0 >= state.reset.0 {
            // A period that nobody has told us of yet: as much as before is allowed in it.
            *state = State {
                remaining: state.limit,
                reset: vendor_now.plus(60_000),
                limit: state.limit,
                used: 0,
            };
        }
        let may = if state.limit == 0 {
            state.used < UNKNOWN
        } else {
            let ours = (state.limit * self.share / 100).max(1);
            state.used < ours && state.remaining > state.limit * RESERVE / 100
        };
        if may {
            state.used += 1;
            state.remaining = state.remaining.saturating_sub(1);
            return None;
        }
        if state.limit == 0 {
            // Nothing is known, and those who would tell are on their way or failed: slowly on.
            state.used = state.used.saturating_sub(1);
            return Some(Duration::from_millis(100));
        }
        let pause = (state.reset.since(vendor_now) + MARGIN_MS).clamp(50, PERIOD_MAX_MS);
        Some(Duration::from_millis(pause.unsigned_abs()))
    }

    /// Takes what the headers of an answer say.
    pub(super) fn heard(&self, bucket: Bucket, headers: &HeaderMap) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let (Some(limit), Some(remaining), Some(reset)) = (
            number("x-rate-limit-limit"),
            number("x-rate-limit-remaining"),
            number("x-rate-limit-reset"),
        ) else {
            return;
        };
        // Zero of zero: too many requests at one time, which says nothing of the limit.
        if limit == 0 {
            return;
        }
        let reset = Millis(i64::try_from(reset).unwrap_or_default().saturating_mul(1_000));
        let mut buckets = self.lock();
        let state = buckets.entry(bucket).or_default();
        if reset.since(state.reset) > MARGIN_MS || state.limit == 0 {
            // The first that we hear of this period.
            let used = if state.limit == 0 { state.used } else { 1 };
            *state = State { limit, remaining, reset, used };
        } else if state.reset.since(reset) <= MARGIN_MS {
            state.limit = limit;
            state.remaining = state.remaining.min(remaining);
        } else {
            // We had guessed the period's end.
            state.limit = limit;
            state.reset = reset;
            state.remaining = remaining;
        }
    }

    /// Requests a minute that our share of a limit allows, if the limit is known.
    pub(super) fn per_minute(&self, bucket: Bucket) -> Option<u32> {
        let limit = self.lock().get(&bucket)?.limit;
        (limit > 0).then(|| u32::try_from(limit * self.share / 100).unwrap_or(u32::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bucket, State>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(limit: u64, remaining: u64, reset_s: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-rate-limit-limit", limit),
            ("x-rate-limit-remaining", remaining),
            ("x-rate-limit-reset", reset_s),
        ] {
            headers.insert(name, HeaderValue::from(value));
        }
        headers
    }

    #[test]
    fn half_of_a_limit_is_used_and_the_next_period_begins_anew() {
        let limits = Limits::new(50);
        let now = Millis(1_000_000);
        assert_eq!(limits.enter(Bucket::Users, now), None);
        limits.heard(Bucket::Users, &headers(100, 99, 1_030));
        let sent = (0..200).filter(|_| limits.enter(Bucket::Users, now).is_none()).count();
        assert_eq!(sent, 49, "with the first one half of the limit");
        let pause = limits.enter(Bucket::Users, now).unwrap();
        assert_eq!(pause, Duration::from_secs(31));
        assert_eq!(limits.enter(Bucket::Groups, now), None, "other limits are others'");
        let later = Millis(1_031_000);
        let sent = (0..200).filter(|_| limits.enter(Bucket::Users, later).is_none()).count();
        assert_eq!(sent, 50);
        assert_eq!(limits.per_minute(Bucket::Users), Some(50));
    }

    #[test]
    fn the_last_tenth_is_left_to_others() {
        let limits = Limits::new(100);
        let now = Millis(1_000_000);
        limits.heard(Bucket::Logs, &headers(100, 12, 1_030));
        let sent = (0..50).filter(|_| limits.enter(Bucket::Logs, now).is_none()).count();
        assert_eq!(sent, 2);
        limits.heard(Bucket::Logs, &headers(0, 0, 1_030));
        assert_eq!(limits.per_minute(Bucket::Logs), Some(100), "too many at once is no limit");
    }

    #[test]
    fn requests_are_told_apart() {
        let of = |path: &str| Bucket::of(&format!("https://x.okta.com{path}"));
        assert_eq!(of("/api/v1/users?limit=200"), Bucket::Users);
        assert_eq!(of("/api/v1/users/00u1"), Bucket::User);
        assert_eq!(of("/api/v1/users/00u1/groups"), Bucket::Other);
        assert_eq!(of("/api/v1/groups/00g1/users?after=x"), Bucket::Members);
        assert_eq!(of("/api/v1/apps/0oa1/users"), Bucket::Apps);
        assert_eq!(of("/api/v1/logs"), Bucket::Logs);
        assert_eq!(of("/oauth2/v1/token"), Bucket::Other);
        assert_eq!(Bucket::of("http://127.0.0.1:1/okta/api/v1/groups"), Bucket::Groups);
    }
}
