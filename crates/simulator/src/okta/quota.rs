//! Okta's rate limits: so many requests in windows of a minute, by endpoint and by token or app.
//!
//! Invariants: by the virtual clock; a window begins with its first request; a refused request does not count. One
//! token or app has its share of a limit, and all together have the limit. Who asks again before the time they were
//! told is noted.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::Quotas;

const WINDOW_MS: i64 = 60_000;
/// Requests of the whole organisation at once.
pub(super) const AT_ONCE_MAX: u64 = 75;
/// Requests that were under way when another one was refused are forgiven for this long.
const IN_FLIGHT_MS: i64 = 1_000;
/// The limit that the headers name while none is enforced: clients that keep to it are not kept by it.
const UNENFORCED: u32 = 1_000_000;
/// How long Okta suggests to wait when too many requests are under way.
const SUGGESTED_MS: i64 = 2_000;

/// What is counted together (C4, the column of Workforce Identity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    Users,
    User,
    /// The list of groups and members of groups.
    Groups,
    Group,
    Apps,
    App,
    Logs,
    Other,
}

impl Bucket {
    /// Requests a minute.
    pub(super) fn limit(self) -> u32 {
        match self {
            Self::Users => 600,
            Self::User => 2_000,
            Self::Groups | Self::App => 500,
            Self::Group => 1_000,
            Self::Apps => 100,
            Self::Logs => 120,
            Self::Other => 1_200,
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// The whole organisation.
    Everybody,
    /// The API token.
    Token,
    /// The service app.
    App,
}

/// How a request fared, and what the headers say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Seconds since 1970.
    pub(super) reset_s: i64,
    pub(super) refused: bool,
    /// Whether the client had been told to wait longer.
    pub(super) impatient: bool,
}

#[derive(Debug)]
struct Window {
    began_ms: i64,
    used: u32,
}

#[derive(Debug, Default)]
struct State {
    windows: HashMap<(Bucket, Who), Window>,
    /// When somebody was told to wait, and until when.
    told: HashMap<(Bucket, Who), (i64, i64)>,
}

/// The limits of an organisation.
#[derive(Debug)]
pub(super) struct Limits {
    enforced: bool,
    percent: u32,
    state: Mutex<State>,
}

impl Limits {
    /// Limits of which one token or app may use so much.
    pub(super) fn new(quotas: Quotas, percent: u32) -> Self {
        Self { enforced: quotas == Quotas::Vendor, percent, state: Mutex::default() }
    }

    /// The share of a limit.
    fn share(&self, bucket: Bucket, who: Who) -> u32 {
        if !self.enforced {
            return UNENFORCED;
        }
        match who {
            Who::Everybody => bucket.limit(),
            Who::Token | Who::App => (bucket.limit() * self.percent / 100).max(1),
        }
    }

    /// Counts a request, with so many under way.
    pub(super) fn spend(&self, bucket: Bucket, who: Who, under_way: u64, now_ms: i64) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.share(bucket, who);
        let told = state.told.get(&(bucket, who)).copied();
        let impatient = told.is_some_and(|(since, until)| {
            now_ms > since + IN_FLIGHT_MS && now_ms < until - crate::counters::PATIENCE_MS
        });
        if !self.enforced {
            let reset_s = seconds(now_ms + WINDOW_MS);
            return Verdict { limit, remaining: limit - 1, reset_s, refused: false, impatient };
        }
        if under_way > AT_ONCE_MAX {
            let reset_s = seconds(now_ms + SUGGESTED_MS);
            return Verdict { limit: 0, remaining: 0, reset_s, refused: true, impatient };
        }
        let mut left = u32::MAX;
        let mut reset_ms = now_ms;
        for one in [Who::Everybody, who] {
            let window =
                state.windows.entry((bucket, one)).or_insert(Window { began_ms: now_ms, used: 0 });
            if now_ms >= window.began_ms + WINDOW_MS {
                *window = Window { began_ms: now_ms, used: 0 };
            }
            let free = self.share(bucket, one).saturating_sub(window.used);
            if free <= left {
                left = free;
                reset_ms = window.began_ms + WINDOW_MS;
            }
            if who == Who::Everybody {
                break;
            }
        }
        let reset_s = seconds(reset_ms);
        if left == 0 {
            if told.is_none_or(|(_, until)| until <= now_ms) {
                state.told.insert((bucket, who), (now_ms, reset_ms));
            }
            return Verdict { limit, remaining: 0, reset_s, refused: true, impatient };
        }
        let counted: &[Who] = if who == Who::Everybody { &[who] } else { &[Who::Everybody, who] };
        for one in counted {
            if let Some(window) = state.windows.get_mut(&(bucket, *one)) {
                window.used += 1;
            }
        }
        Verdict { limit, remaining: left - 1, reset_s, refused: false, impatient }
    }

    /// Refuses a request for a while, because a fault says so.
    pub(super) fn pause(&self, bucket: Bucket, who: Who, now_ms: i64, until_ms: i64) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let told = state.told.insert((bucket, who), (now_ms, until_ms));
        let impatient = told.is_some_and(|(since, until)| {
            now_ms > since + IN_FLIGHT_MS && now_ms < until - crate::counters::PATIENCE_MS
        });
        let limit = self.share(bucket, who);
        Verdict { limit, remaining: 0, reset_s: seconds(until_ms), refused: true, impatient }
    }
}

/// Whole seconds, not before the time.
fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000) + i64::from(ms.rem_euclid(1000) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_runs_out_and_comes_back_with_the_window() {
        let limits = Limits::new(Quotas::Vendor, 50);
        let ask = |who, now| limits.spend(Bucket::Users, who, 1, now);
        for at in 0..300_u32 {
            let verdict = ask(Who::App, 5_500 + i64::from(at));
            assert_eq!((verdict.refused, verdict.remaining), (false, 299 - at));
            assert_eq!((verdict.limit, verdict.reset_s), (300, 66));
        }
        let refused = ask(Who::App, 6_000);
        assert!(refused.refused && !refused.impatient && refused.remaining == 0);
        assert!(!ask(Who::Token, 6_000).refused, "another token has a share of its own");
        assert!(!limits.spend(Bucket::Groups, Who::App, 1, 6_000).refused, "each bucket by itself");
        assert!(!ask(Who::App, 6_900).impatient, "it may have been under way");
        assert!(ask(Who::App, 8_000).impatient);
        let served = ask(Who::App, 65_500);
        assert!(!served.refused && !served.impatient);
    }

    #[test]
    fn too_many_at_once_are_refused_with_zeros() {
        let limits = Limits::new(Quotas::Vendor, 50);
        let verdict = limits.spend(Bucket::User, Who::App, AT_ONCE_MAX + 1, 0);
        assert_eq!((verdict.limit, verdict.remaining, verdict.refused), (0, 0, true));
        let off = Limits::new(Quotas::Off, 50);
        assert!((0..5_000).all(|_| !off.spend(Bucket::Logs, Who::App, 500, 0).refused));
    }
}
