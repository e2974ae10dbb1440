//! How many requests are in flight, and the pause that a throttled tenant gets.
//!
//! Invariants: when a provider asks to slow down, all requests to that tenant wait, not only the one that
//! was refused; the number in flight doubles until the first sign of trouble, then grows slowly, falls when answers
//! take longer and halves at each refusal; where a rate is given, it is not passed but for a small burst.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Answers that take so many times the best, and [`SLACK`] more, come from a provider that has too much to do.
const SLOWER: u32 = 3;
/// What an answer may take longer without meaning anything.
const SLACK: Duration = Duration::from_millis(50);
/// The share of a quota that may be used, where the vendor says how much is.
const QUOTA_SHARE: f64 = 0.85;
/// How long a quota takes to refill.
const QUOTA_PERIOD: Duration = Duration::from_secs(10);
/// Requests that may go out at once after a pause, beyond an even flow.
const BURST: u32 = 60;

/// Requests that somebody waits for may be so many more in flight than others.
const URGENT_MAX: u32 = 8;

tokio::task_local! {
    /// Set while somebody waits for an answer about a single person.
    static URGENT: ();
}

/// Does something whose requests do not queue behind those of a large read. A pause that the provider asked for is
/// kept by all.
pub fn urgently<T>(work: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    // Boxed: whoever waits holds no more than the box.
    URGENT.scope((), Box::pin(work))
}

/// Whether what is done now is urgent.
pub(crate) fn is_urgent() -> bool {
    URGENT.try_with(|()| ()).is_ok()
}

/// How fast a provider may be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed {
    /// In flight at the start.
    pub(crate) start: u32,
    /// In flight at the most.
    pub(crate) most: u32,
    /// In flight at the least.
    pub(crate) least: u32,
    /// Requests a minute at the most; none for no limit of ours.
    pub(crate) per_minute: Option<u32>,
}

/// The pace of requests to one tenant.
#[derive(Debug)]
pub(crate) struct Pace {
    speed: Speed,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    limit: u32,
    in_flight: u32,
    /// Successes since the limit last changed.
    successes: u32,
    /// There was no sign of trouble yet.
    rising: bool,
    /// How long answers take at present, and at best.
    latency: Option<(Duration, Duration)>,
    paused_until: Option<Instant>,
    /// When the next request is due in an even flow at the allowed rate.
    due: Option<Instant>,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a Pace);

impl Pace {
    pub(crate) fn new(speed: Speed) -> Self {
        let limit = speed.start;
        let state = State {
            limit,
            in_flight: 0,
            successes: 0,
            rising: true,
            latency: None,
            paused_until: None,
            due: None,
        };
        Self { speed, state: Mutex::new(state), wake: Notify::new() }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// Gives the time until which the provider asked to wait; it is to be tried again then.
    pub(crate) async fn enter(&self) -> Result<Permit<'_>, Instant> {
        loop {
            let woken = self.wake.notified();
            let (paused, early) = {
                let mut state = self.lock();
                let now = tokio_now();
                let paused = state.paused_until.filter(|until| *until > now);
                let more = if is_urgent() { URGENT_MAX } else { 0 };
                let full = state.in_flight >= state.limit + more;
                let early = if full || more > 0 { None } else { self.too_early(&state, now) };
                if paused.is_none() && !full && early.is_none() {
                    state.in_flight += 1;
                    if let Some(interval) = self.interval() {
                        state.due = Some(state.due.map_or(now, |due| due.max(now)) + interval);
                    }
                    return Ok(Permit(self));
                }
                (paused, early)
            };
            match (paused, early) {
                (Some(until), _) => return Err(until),
                (None, Some(until)) => tokio::time::sleep_until(until).await,
                (None, None) => woken.await,
            }
        }
    }

    fn interval(&self) -> Option<Duration> {
        self.speed.per_minute.map(|rate| Duration::from_mins(1) / rate)
    }

    /// When the next request may go, if not now.
    fn too_early(&self, state: &State, now: Instant) -> Option<Instant> {
        let ahead = self.interval()? * BURST;
        state.due.filter(|due| *due > now + ahead).map(|due| due - ahead)
    }

    /// A request was answered, so long after it was sent.
    pub(crate) fn succeeded(&self, latency: Duration) {
        let mut state = self.lock();
        let slow = state.is_slow(latency);
        state.successes += 1;
        if state.successes < state.limit {
            return;
        }
        state.successes = 0;
        let before = state.limit;
        state.limit = if slow {
            state.rising = false;
            (before * 3 / 4).max(self.speed.least)
        } else if state.rising {
            (before * 2).min(self.speed.most)
        } else {
            (before + 1).min(self.speed.most)
        };
        for _ in before..state.limit {
            self.wake.notify_one();
        }
    }

    /// The vendor says what share of its quota is used: near the end everybody waits until some is free again, so
    /// that nobody is refused.
    pub(crate) fn pressure(&self, share: f64) {
        if share.is_finite() && share > QUOTA_SHARE {
            let pause = QUOTA_PERIOD.mul_f64((share - QUOTA_SHARE).min(1.0));
            let until = tokio_now() + pause;
            let mut state = self.lock();
            state.rising = false;
            state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
        }
    }

    /// The provider asked to slow down: everybody waits `pause`.
    pub(crate) fn throttled(&self, pause: Duration) {
        let until = tokio_now() + pause;
        let mut state = self.lock();
        // One refusal halves the limit, not each of those that were in flight together.
        if state.paused_until.is_none_or(|paused| paused <= tokio_now()) {
            state.limit = (state.limit / 2).max(self.speed.least);
            state.successes = 0;
            state.rising = false;
        }
        state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes how long an answer took; says whether answers take longer than they need to.
    fn is_slow(&mut self, latency: Duration) -> bool {
        let (usual, best) = self.latency.get_or_insert((latency, latency));
        *usual = (*usual * 15 + latency) / 16;
        // The best is forgotten slowly: a provider's good minute does not last.
        *best = (*best + *best / 1_024).min(latency);
        *usual > *best * SLOWER + SLACK
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

    async fn enter(pace: &Pace) -> Permit<'_> {
        loop {
            match pace.enter().await {
                Ok(permit) => return permit,
                Err(until) => tokio::time::sleep_until(until).await,
            }
        }
    }

    const SPEED: Speed = Speed { start: 16, most: 64, least: 4, per_minute: None };

    #[tokio::test]
    async fn a_pause_holds_everybody_and_the_limit_halves_once() {
        let pace = Pace::new(SPEED);
        let first = enter(&pace).await;
        pace.throttled(Duration::from_millis(120));
        pace.throttled(Duration::from_millis(60));
        drop(first);
        assert_eq!(pace.lock().limit, SPEED.start / 2);
        let before = tokio_now();
        let _permit = enter(&pace).await;
        assert!(tokio_now() - before >= Duration::from_millis(110));
    }

    #[tokio::test]
    async fn the_limit_holds_and_a_leaver_lets_the_next_in() {
        let pace = Pace::new(SPEED);
        let mut permits = Vec::new();
        for _ in 0..SPEED.start {
            permits.push(enter(&pace).await);
        }
        assert!(enter(&pace).now_or_never().is_none());
        permits.pop();
        assert!(enter(&pace).now_or_never().is_some());
    }

    #[tokio::test]
    async fn successes_raise_the_limit_to_its_most() {
        let pace = Pace::new(SPEED);
        for _ in 0..SPEED.start + 2 * SPEED.start {
            pace.succeeded(Duration::from_millis(80));
        }
        assert_eq!(pace.lock().limit, SPEED.most, "doubled twice");
        pace.throttled(Duration::ZERO);
        for _ in 0..SPEED.most / 2 {
            pace.succeeded(Duration::from_millis(80));
        }
        assert_eq!(pace.lock().limit, SPEED.most / 2 + 1, "then one by one");
    }

    #[tokio::test]
    async fn slow_answers_lower_the_limit_and_good_ones_raise_it_again() {
        let pace = Pace::new(SPEED);
        for _ in 0..200 {
            pace.succeeded(Duration::from_millis(80));
        }
        assert_eq!(pace.lock().limit, SPEED.most);
        for _ in 0..400 {
            pace.succeeded(Duration::from_millis(900));
        }
        let low = pace.lock().limit;
        assert!((SPEED.least..SPEED.most / 2).contains(&low), "{low}");
        for _ in 0..5_000 {
            pace.succeeded(Duration::from_millis(80));
        }
        assert_eq!(pace.lock().limit, SPEED.most);
    }

    #[tokio::test]
    async fn a_quota_that_is_nearly_used_up_is_left_to_refill() {
        let pace = Pace::new(SPEED);
        pace.pressure(0.8);
        assert!(enter(&pace).now_or_never().is_some());
        pace.pressure(0.86);
        let before = tokio_now();
        let _permit = enter(&pace).await;
        let waited = tokio_now() - before;
        assert!((90..500).contains(&waited.as_millis()), "{waited:?}");
    }

    #[tokio::test]
    async fn a_rate_is_kept_but_for_a_burst() {
        let pace = Pace::new(Speed { per_minute: Some(60_000), ..SPEED });
        let begun = tokio_now();
        for _ in 0..BURST + 50 {
            drop(enter(&pace).await);
        }
        assert!(tokio_now() - begun >= Duration::from_millis(45));
    }
}
