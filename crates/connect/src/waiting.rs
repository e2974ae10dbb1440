//! Pauses that a provider asks for: who waits until when, for whoever looks, and for how long somebody will wait.
//!
//! Invariant: what is shown is true at that moment: a wait that ended or was given up shows nowhere.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use directory::id::Millis;

tokio::task_local! {
    /// How long a pause may be that is waited for.
    static PATIENCE: Duration;
}

/// Does something that fails rather than wait for longer than `longest` at the provider's request.
pub fn with_patience<T>(
    longest: Duration,
    work: impl Future<Output = T> + Send,
) -> impl Future<Output = T> + Send {
    // Boxed: whoever waits holds no more than the box.
    PATIENCE.scope(longest, Box::pin(work))
}

/// How long a pause may be that is waited for, if there is a limit.
pub(crate) fn patience() -> Option<Duration> {
    PATIENCE.try_with(|longest| *longest).ok()
}

/// A provider's request to wait that is being followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The provider, as people call it.
    pub who: &'static str,
    /// Until when.
    pub until: Millis,
}

/// The requests that wait at present because the provider asked for it; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    count: usize,
    last: Option<Wait>,
}

/// A wait that goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct Shown(Waits);

impl Waits {
    /// What is waited for now; the longest of several.
    pub fn now(&self) -> Option<Wait> {
        self.lock().last
    }

    pub(crate) fn begin(&self, who: &'static str, until: Millis) -> Shown {
        let mut waiting = self.lock();
        waiting.count += 1;
        let later = waiting.last.is_none_or(|last| last.until < until);
        if later {
            waiting.last = Some(Wait { who, until });
        }
        drop(waiting);
        Shown(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.count -= 1;
        if waiting.count == 0 {
            waiting.last = None;
        }
    }
}

/// A time of day in UTC, as sentences show it.
pub fn clock_time(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.strftime("%H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_shown_while_somebody_waits() {
        let waits = Waits::default();
        assert_eq!(waits.now(), None);
        let short = waits.begin("Okta", Millis(1_000));
        let long = waits.clone().begin("Okta", Millis(60_000));
        assert_eq!(waits.now(), Some(Wait { who: "Okta", until: Millis(60_000) }));
        drop(long);
        assert!(waits.now().is_some());
        drop(short);
        assert_eq!(waits.now(), None);
        assert_eq!(clock_time(Millis(58_800_000)), "16:20 UTC");
    }
}
