//! How many requests are in flight, and the pause that a throttled tenant gets.
//!
//! Invariants: when a provider asks to slow down, all requests to that tenant wait, not only the one that
//! was refused; the number in flight grows slowly and halves at each refusal.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// In flight at the start.
const START: u32 = 16;
/// In flight at the most.
pub(crate) const MOST: u32 = 64;
/// In flight at the least.
const LEAST: u32 = 4;

/// The pace of requests to one tenant.
#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    limit: u32,
    in_flight: u32,
    /// Successes since the limit last changed.
    successes: u32,
    paused_until: Option<Instant>,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a Pace);

impl Default for Pace {
    fn default() -> Self {
        let state = State { limit: START, in_flight: 0, successes: 0, paused_until: None };
        Self { state: Mutex::new(state), wake: Notify::new() }
    }
}

impl Pace {
    /// Waits for its turn.
    pub(crate) async fn enter(&self) -> Permit<'_> {
        loop {
            let woken = self.wake.notified();
            let pause = {
                let mut state = self.lock();
                let pause = state.paused_until.filter(|until| *until > tokio_now());
                if pause.is_none() && state.in_flight < state.limit {
                    state.in_flight += 1;
                    return Permit(self);
                }
                pause
            };
            match pause {
                Some(until) => tokio::time::sleep_until(until).await,
                None => woken.await,
            }
        }
    }

    /// A request was answered in time.
    pub(crate) fn succeeded(&self) {
        let mut state = self.lock();
        state.successes += 1;
        if state.successes >= state.limit && state.limit < MOST {
            state.limit += 1;
            state.successes = 0;
            self.wake.notify_one();
        }
    }

    /// The provider asked to slow down: everybody waits `pause`.
    pub(crate) fn throttled(&self, pause: Duration) {
        let until = tokio_now() + pause;
        let mut state = self.lock();
        // One refusal halves the limit, not each of those that were in flight together.
        if state.paused_until.is_none_or(|paused| paused <= tokio_now()) {
            state.limit = (state.limit / 2).max(LEAST);
            state.successes = 0;
        }
        state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
        self.0.wake.notify_one();
    }
}

/// The runtime's clock, which tests can stop.
fn tokio_now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_pause_holds_everybody_and_the_limit_halves_once() {
        let pace = Pace::default();
        let first = pace.enter().await;
        pace.throttled(Duration::from_millis(120));
        pace.throttled(Duration::from_millis(60));
        drop(first);
        assert_eq!(pace.lock().limit, START / 2);
        let before = tokio_now();
        let _permit = pace.enter().await;
        assert!(tokio_now() - before >= Duration::from_millis(110));
    }

    #[tokio::test]
    async fn the_limit_holds_and_a_leaver_lets_the_next_in() {
        let pace = Pace::default();
        let mut permits = Vec::new();
        for _ in 0..START {
            permits.push(pace.enter().await);
        }
        assert!(pace.enter().now_or_never().is_none());
        permits.pop();
        assert!(pace.enter().now_or_never().is_some());
    }

    #[tokio::test]
    async fn successes_raise_the_limit_to_its_most() {
        let pace = Pace::default();
        for _ in 0..10_000 {
            pace.succeeded();
        }
        assert_eq!(pace.lock().limit, MOST);
    }
}
