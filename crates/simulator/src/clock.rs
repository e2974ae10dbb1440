//! The virtual clock of one simulated provider: the real time plus what control has advanced it by.
//!
//! Invariant: it never runs backwards by our doing. Everything that expires (tokens, cursors, the secret, the bin,
//! quota buckets) asks this clock, so that seven days pass in one request. It does not sleep.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, as the simulated provider sees them.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    advanced_ms: AtomicI64,
}

impl Clock {
    /// The provider's time now, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        real_ms() + self.advanced_ms.load(Ordering::Relaxed)
    }

    /// Lets `seconds` pass at once.
    pub(crate) fn advance(&self, seconds: u32) {
        self.advanced_ms.fetch_add(i64::from(seconds) * 1000, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the simulator's only reading of the real time")]
fn real_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// Splits milliseconds since 1970 into (year, month, day, second of the day), in UTC.
fn civil(ms: i64) -> (i64, i64, i64, i64) {
    let seconds = ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date by eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, second)
}

/// Writes `2026-11-23T13:00:00` followed by `end` (`Z`, or nothing).
pub(crate) fn write_time(out: &mut Vec<u8>, ms: i64, end: &str) {
    let (year, month, day, second) = civil(ms);
    for (value, width, separator) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, 0),
    ] {
        let mut scale = 10_i64.pow(width - 1);
        while scale > 0 {
            out.push(b'0' + (value / scale).rem_euclid(10) as u8);
            scale /= 10;
        }
        if separator != 0 {
            out.push(separator);
        }
    }
    out.extend_from_slice(end.as_bytes());
}

/// `2026-11-23T13:00:00` followed by `end`.
pub(crate) fn time_text(ms: i64, end: &str) -> String {
    let mut out = Vec::with_capacity(24);
    write_time(&mut out, ms, end);
    String::from_utf8(out).expect("digits and separators are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_times_around_leap_days() {
        assert_eq!(time_text(0, "Z"), "1970-01-01T00:00:00Z");
        assert_eq!(time_text(951_782_400_000, "Z"), "2000-02-29T00:00:00Z");
        assert_eq!(time_text(1_795_438_800_000, ""), "2026-11-23T13:00:00");
    }
}
