//! Failed authentications of every kind: each is one event, a line in the log and a count.
//!
//! Invariants: nothing that was given as a secret is part of one; a storm of them neither fills the log nor the memory.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use directory::{
    id::{MINUTE_MS, Millis},
    text::line,
};

use crate::peer::Origin;

/// Where somebody wanted to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The console's page.
    Console,
    /// An application, over the Crowd protocol.
    Crowd,
    /// The admin API, with a token.
    Api,
    /// A provider's notification.
    Hook,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Console, Self::Crowd, Self::Api, Self::Hook];

    /// Its name in logs and figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Crowd => "crowd",
            Self::Api => "api",
            Self::Hook => "hook",
        }
    }
}

/// How many failures, within [`WINDOW_MS`], are a sign of somebody who guesses.
pub const REPEATED_MIN: usize = 20;
/// How long failures count.
pub const WINDOW_MS: i64 = 10 * MINUTE_MS;
/// Failures that are remembered.
const RECENT_MAX: usize = 200;
/// Lines in the log within [`WINDOW_MS`], after which only figures go on.
const LINES_MAX: usize = 500;
/// Characters of a name in the log.
const NAME_CHARS_MAX: usize = 80;

/// Failures that are remembered and counted.
#[derive(Debug, Default)]
pub struct FailedSignIns {
    failed: [AtomicU64; Place::ALL.len()],
    refused: [AtomicU64; Place::ALL.len()],
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    failures: VecDeque<Failure>,
    /// Since when lines are counted, and how many were written since.
    lines: (Millis, usize),
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Millis,
    /// Where.
    pub place: Place,
    /// The name that was given, made safe to be shown.
    pub name: String,
    /// From where.
    pub origin: Origin,
}

impl FailedSignIns {
    /// Somebody gave a wrong name, password or token, or calls from where they may not.
    pub fn note(&self, place: Place, name: &str, origin: Origin, now: Millis) {
        self.failed[place as usize].fetch_add(1, Ordering::Relaxed);
        self.remember(
            Failure { at: now, place, name: line(name, NAME_CHARS_MAX).into(), origin },
            false,
        );
    }

    /// Somebody tried too often and was not judged.
    pub fn refused(&self, place: Place, name: &str, origin: Origin, now: Millis) {
        self.refused[place as usize].fetch_add(1, Ordering::Relaxed);
        self.remember(
            Failure { at: now, place, name: line(name, NAME_CHARS_MAX).into(), origin },
            true,
        );
    }

    /// How many failed and how many were refused unjudged, of each place.
    pub fn counts(&self) -> [(Place, u64, u64); Place::ALL.len()] {
        let count = |of: &[AtomicU64], place: Place| of[place as usize].load(Ordering::Relaxed);
        Place::ALL.map(|place| (place, count(&self.failed, place), count(&self.refused, place)))
    }

    /// The failures within the last [`WINDOW_MS`], newest last; no more than are remembered.
    pub fn recent(&self, now: Millis) -> Vec<Failure> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.failures.iter().filter(|one| now.since(one.at) < WINDOW_MS).cloned().collect()
    }

    fn remember(&self, failure: Failure, refused: bool) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, lines) = &mut recent.lines;
        if failure.at.since(*since) >= WINDOW_MS {
            (*since, *lines) = (failure.at, 0);
        }
        *lines += 1;
        if *lines <= LINES_MAX {
            tracing::warn!(
                place = failure.place.as_str(),
                name = failure.name,
                origin = %failure.origin,
                refused,
                "an authentication failed"
            );
        }
        if *lines == LINES_MAX {
            tracing::warn!("further failed authentications of the next minutes are only counted");
        }
        if recent.failures.len() >= RECENT_MAX {
            recent.failures.pop_front();
        }
        recent.failures.push_back(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_the_last_ones_remembered() {
        let failed = FailedSignIns::default();
        for no in 0..1_000 {
            failed.note(Place::Crowd, "a\nb\u{202e}", Origin::Unknown, Millis(no));
        }
        failed.refused(Place::Console, "ann", Origin::Unknown, Millis(1_000));
        assert_eq!(failed.counts()[1], (Place::Crowd, 1_000, 0));
        assert_eq!(failed.counts()[0], (Place::Console, 0, 1));
        let recent = failed.recent(Millis(1_000));
        assert_eq!(recent.len(), RECENT_MAX);
        assert!(!recent[0].name.contains(['\n', '\u{202e}']), "{:?}", recent[0]);
        assert!(failed.recent(Millis(WINDOW_MS + 1_000)).is_empty());
        for place in Place::ALL {
            assert_eq!(Place::ALL[place as usize], place);
        }
    }
}
