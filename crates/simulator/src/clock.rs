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
    /// How far the provider's wall clock is ahead of ours.
    skew_ms: AtomicI64,
}

impl Clock {
    /// The provider's time now, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        real_ms() + self.advanced_ms.load(Ordering::Relaxed)
    }

    /// What the provider's clock on the wall shows: the real time, wrong by the skew. Clients meet it in `Date` headers,
    /// and when the times in what they signed are judged.
    pub(crate) fn wall_ms(&self) -> i64 {
        real_ms() + self.skew_ms()
    }

    /// How far the wall clock is ahead of the real time.
    pub(crate) fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Ordering::Relaxed)
    }

    /// Sets the wall clock wrong.
    pub(crate) fn set_skew(&self, seconds: i64) {
        self.skew_ms.store(seconds.saturating_mul(1000), Ordering::Relaxed);
    }

    /// Lets `seconds` pass at once.
    pub(crate) fn advance(&self, seconds: u32) {
        self.advanced_ms.fetch_add(i64::from(seconds) * 1000, Ordering::Relaxed);
    }
}

/// The real time, by which clients that do not share our clock make their credentials.
#[expect(clippy::disallowed_methods, reason = "the simulator's only reading of the real time")]
pub(crate) fn real_ms() -> i64 {
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

/// A time as headers of HTTP have it: `Mon, 23 Nov 2026 13:00:00 GMT`.
pub(crate) fn http_date(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day, second) = civil(ms);
    let weekday = DAYS[ms.div_euclid(86_400_000).rem_euclid(7) as usize];
    let month = MONTHS[(month - 1).rem_euclid(12) as usize];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Reads a time of RFC 3339, such as `2026-11-23T13:00:00.000Z` or with an offset, in milliseconds since 1970.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let part = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let bytes = text.as_bytes();
    if bytes.len() < 20 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut ms = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let padded = format!("{:0<3}", fraction.get(..digits)?);
        ms = padded.get(..3)?.parse().ok()?;
        rest = fraction.get(digits..)?;
    }
    let offset_minutes = match (rest, rest.get(..1)?) {
        ("Z", _) => 0,
        (rest, sign @ ("+" | "-")) if rest.len() == 6 => {
            let minutes: i64 =
                rest.get(1..3)?.parse::<i64>().ok()? * 60 + rest.get(4..6)?.parse::<i64>().ok()?;
            if sign == "+" { minutes } else { -minutes }
        }
        _ => return None,
    };
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some((((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_it_writes_and_offsets() {
        for ms in [0, 951_782_400_000, 1_795_438_800_000, 1_709_251_199_000] {
            assert_eq!(parse_time(&time_text(ms, ".000Z")), Some(ms));
        }
        assert_eq!(parse_time("1970-01-01T01:00:00.25+01:00"), Some(250));
        for bad in ["", "1970-01-01", "1970-01-01T01:00:00", "1970-13-01T01:00:00Z", "x"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn formats_times_around_leap_days() {
        assert_eq!(time_text(0, "Z"), "1970-01-01T00:00:00Z");
        assert_eq!(time_text(951_782_400_000, "Z"), "2000-02-29T00:00:00Z");
        assert_eq!(time_text(1_795_438_800_000, ""), "2026-11-23T13:00:00");
        assert_eq!(http_date(1_795_438_800_000), "Mon, 23 Nov 2026 13:00:00 GMT");
    }
}
