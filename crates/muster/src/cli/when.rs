//! Times as administrators write them.

use directory::id::Millis;

use crate::cli::Usage;

/// A time, or a length of time before now.
///
/// # Errors
/// When it is neither.
pub fn when(text: &str, now: Millis) -> Result<Millis, Usage> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Millis(at.as_millisecond()));
    }
    let unit_ms = match text.chars().last() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => 0,
    };
    match text.get(..text.len().saturating_sub(1)).map(str::parse::<i64>) {
        Some(Ok(count)) if unit_ms > 0 && count >= 0 => {
            Ok(now.plus(-count.saturating_mul(unit_ms)))
        }
        _ => Err(Usage(format!(
            "`{text}` is neither a time such as 2026-11-23T09:00:00Z nor a length such as 24h"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lengths_are_understood() {
        let now = Millis(100_000_000);
        assert_eq!(when("1970-01-01T00:00:01Z", now).unwrap(), Millis(1_000));
        assert_eq!(when("90m", now).unwrap(), Millis(100_000_000 - 5_400_000));
        for bad in ["", "yesterday", "5", "-3h", "h"] {
            let error = when(bad, now).unwrap_err().to_string();
            assert!(error.contains("neither a time"), "{error}");
        }
    }
}
