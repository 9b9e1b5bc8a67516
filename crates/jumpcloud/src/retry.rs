//! How long to wait before asking again: the back-off curve and the `Retry-After` header. What is asked
//! again, and how often, is decided in `client.rs`; JumpCloud publishes no numbers.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use crate::clock::until;

/// Returns the waits between attempts: 1 s, doubling to 60 s, each with up to as much again of jitter.
pub(crate) fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(60))
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .build()
}

/// Returns a short random wait, so that programs told the same instant do not return in one step.
pub(crate) fn jitter() -> Duration {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_jitter()
        .build()
        .next()
        .unwrap_or_default()
}

/// Reads a `Retry-After` value: seconds, or an HTTP date, which is measured from the answer's own `date`
/// when there is one, so that a wrong clock here does no harm. `None` for anything senseless; capped.
pub(crate) fn retry_after(value: &str, date: Option<Timestamp>, now: Timestamp, cap: Duration) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let wait = value.parse().map_or(cap, Duration::from_secs);
        return Some(wait.min(cap));
    }
    let at = http_date(value)?;
    Some(until(date.unwrap_or(now), at).min(cap))
}

/// Reads an HTTP date (`Sun, 22 Nov 2026 10:00:00 GMT`).
pub(crate) fn http_date(value: &str) -> Option<Timestamp> {
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_or_date_and_capped() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let cap = Duration::from_secs(3600);
        let read = |value: &str| retry_after(value, None, now, cap);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(read("1000000000000"), Some(cap));
        assert_eq!(read("99999999999999999999999999"), Some(cap));
        assert_eq!(read("Sun, 22 Nov 2026 10:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 22 Nov 2026 09:00:30 GMT"), Some(Duration::ZERO));
        for senseless in ["", "-5", "soon", "1e12", "NaN", "0x10", "Sun, 99 Nov 2026"] {
            assert_eq!(read(senseless), None, "{senseless}");
        }
    }

    #[test]
    fn a_date_is_measured_against_the_clock_of_the_server() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let server = http_date("Sun, 22 Nov 2026 08:00:00 GMT");
        let wait = retry_after("Sun, 22 Nov 2026 08:00:30 GMT", server, now, Duration::from_secs(3600));
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }

    #[test]
    fn the_curve_doubles_up_to_its_cap_with_jitter() {
        let waits: Vec<_> = backoff().take(10).collect();
        for (wait, base) in waits.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]) {
            let base = Duration::from_secs(base);
            assert!(*wait >= base && *wait <= base * 2, "{waits:?}");
        }
    }
}
