//! What a run report says of every read: the clock, throttling, repeated requests.

use directory::counted::{agreeing, counted};
use directory::observation::Observation;

use crate::progress::Progress;

/// A clock that is off by more than this is worth a note.
const SKEW_MS: i64 = 120_000;

/// What is wrong with this server's clock, if it is.
pub(crate) fn clock(provider: &str, skew_ms: i64) -> Option<String> {
    (skew_ms.abs() > SKEW_MS).then(|| {
        let seconds = skew_ms / 1_000;
        format!("this server's clock differs from {provider}'s by {seconds} s; set it right (NTP)")
    })
}

/// Notes what reading cost and what was odd about it.
pub(crate) fn add(
    observation: &mut Observation,
    provider: &str,
    skew_ms: i64,
    progress: &Progress,
) {
    observation.notes.extend(clock(provider, skew_ms));
    let odd = std::mem::take(&mut *progress.odd());
    odd.tell(observation);
    observation.usage = progress.usage();
    let usage = observation.usage;
    if usage.throttled > 0 {
        let times = counted(usage.throttled, "time");
        let note = format!("{provider} asked {times} to slow down; all requests waited");
        observation.notes.push(note);
    }
    if usage.retries > 0 {
        let note = format!(
            "{} {} repeated, after errors or with a new token",
            counted(usage.retries, "request"),
            agreeing(usage.retries, "was", "were")
        );
        observation.notes.push(note);
    }
}
