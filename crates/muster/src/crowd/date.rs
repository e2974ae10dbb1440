//! Dates as the protocol writes and reads them.
//!
//! Invariants: what is written is `xs:dateTime` in UTC with milliseconds; what is read without an offset
//! is UTC; anything that is not a date of the calendar is refused.

use directory::id::Millis;
use jiff::{civil::DateTime, tz::Offset};

/// The last millisecond of the year 9999.
const LAST: i64 = 253_402_300_799_999;
const DAY_MS: i64 = 86_400_000;

/// `2014-02-25T15:03:49.665Z`; years outside 1970 to 9999 are brought to the nearest end.
pub(super) fn to_text(at: Millis) -> [u8; 24] {
    let ms = at.0.clamp(0, LAST);
    let (year, month, day) = civil(ms / DAY_MS);
    let time = ms % DAY_MS;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], time / 3_600_000);
    put(&mut text[14..16], time / 60_000 % 60);
    put(&mut text[17..19], time / 1000 % 60);
    put(&mut text[20..23], time % 1000);
    text
}

fn put(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Year, month and day of a day after 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_year = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_of_year + 2) / 5 + 1;
    let month = if month_of_year < 10 { month_of_year + 3 } else { month_of_year - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A date of which parts may be missing at the end: `2010`, `2010-12-08T16`, `….181+1100`.
pub(super) fn parse(text: &str) -> Option<Millis> {
    let text = text.trim();
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let (clock, offset) = match time {
        None => ("00", Offset::UTC),
        Some(time) => {
            let end = time.find(['+', '-', 'Z', 'z']).unwrap_or(time.len());
            (&time[..end], offset(&time[end..])?)
        }
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = whole.splitn(3, ':');
    let hour = number(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| number(part, 2))?;
    let second = parts.next().map_or(Some(0), |part| number(part, 2))?;
    let civil = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        0,
    );
    let at = offset.to_timestamp(civil.ok()?).ok()?.as_millisecond();
    Some(Millis(at + milliseconds(fraction)?))
}

/// `1`, `18` and `181` are tenths, hundredths and thousandths; what is finer is dropped.
fn milliseconds(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<3}")[..3].parse().ok()
}

/// `+1100`, `+11:00`, `+11`, `Z` or nothing.
fn offset(text: &str) -> Option<Offset> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits[..2].parse::<i32>().ok()?, digits[2..].parse::<i32>().ok()?),
        _ => return None,
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

fn number(text: &str, digits_max: usize) -> Option<i16> {
    let digits = (1..=digits_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(ms: i64) -> String {
        String::from_utf8(to_text(Millis(ms)).to_vec()).unwrap()
    }

    #[test]
    fn dates_are_read_with_any_precision() {
        let read = |text: &str| parse(text).map(|at| super::tests::text(at.0));
        assert_eq!(read("2010").unwrap(), "2010-01-01T00:00:00.000Z");
        assert_eq!(read("2010-12").unwrap(), "2010-12-01T00:00:00.000Z");
        assert_eq!(read("2010-12-08T16").unwrap(), "2010-12-08T16:00:00.000Z");
        assert_eq!(read("2010-12-08T16:11:21.181+1100").unwrap(), "2010-12-08T05:11:21.181Z");
        assert_eq!(read("2010-12-08T16:11:21.5-01:30").unwrap(), "2010-12-08T17:41:21.500Z");
        for bad in ["", "x", "2010-13", "2010-02-30", "2010-12-08T25", "2010-12-08T16+1", "20100"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn dates_are_written_as_the_calendar_has_them(ms in 0..LAST) {
            let expected = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(text(ms), format!("{expected:.3}"));
            prop_assert_eq!(parse(&text(ms)), Some(Millis(ms)));
        }
    }
}
