//! When a stream runs: an interval such as `12h`, or a cron expression such as `0 6 * * 1-5` (in UTC).

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;

/// The shortest interval, in seconds: a typing error must not become a flood of requests.
const SHORTEST: i64 = 10;

/// When a stream runs.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// So long after the start of the run before.
    Every(SignedDuration),
    /// At these times, in UTC.
    Cron(Box<Cron>, String),
}

/// Why a text is not a schedule.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is neither an interval such as 12h, 30m or 60s nor a cron expression such as \"0 6 * * 1-5\": {why}")]
pub struct ScheduleError {
    text: String,
    why: String,
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let refused = |why: String| ScheduleError { text: text.to_owned(), why };
        if text.split_whitespace().count() >= 5 {
            let cron = Cron::from_str(text).map_err(|error| refused(error.to_string()))?;
            return Ok(Self::Cron(Box::new(cron), text.to_owned()));
        }
        // Days are 24 hours here: an interval, not a calendar.
        let hours = text
            .strip_suffix('d')
            .and_then(|days| days.trim().parse::<i64>().ok())
            .map(|days| format!("{}h", days * 24));
        let interval: SignedDuration =
            hours.as_deref().unwrap_or(text).parse().map_err(|error: jiff::Error| refused(error.to_string()))?;
        if interval.as_secs() < SHORTEST {
            return Err(refused(format!("the shortest interval is {SHORTEST}s")));
        }
        Ok(Self::Every(interval))
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {interval:#}"),
            Self::Cron(_, text) => write!(f, "at {text} (UTC)"),
        }
    }
}

impl Schedule {
    /// The next time after `now`, for a run that started at `last`. A time that was missed is made up for once, at once.
    pub fn next(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => {
                let Some(last) = last else { return Some(now) };
                // A last start in the future means that the clock was set back: start anew from now.
                let from = last.min(now);
                Some((from.checked_add(*interval).ok()?).max(now))
            }
            Self::Cron(cron, _) => next_cron(cron, now),
        }
    }

    /// The interval between runs, about: for telling whether a stream is late.
    pub fn interval(&self, now: Timestamp) -> SignedDuration {
        match self {
            Self::Every(interval) => *interval,
            Self::Cron(cron, _) => {
                let first = next_cron(cron, now);
                let second = first.and_then(|first| next_cron(cron, first));
                first.zip(second).map_or(SignedDuration::from_hours(24), |(first, second)| second.duration_since(first))
            }
        }
    }
}

fn next_cron(cron: &Cron, after: Timestamp) -> Option<Timestamp> {
    let next = cron.find_next_occurrence(&after.to_zoned(jiff::tz::TimeZone::UTC), false).ok()?;
    Some(next.timestamp())
}

/// How long to wait before trying a failed run again: a minute at first, doubling, never longer than the schedule's own
/// interval or an hour; what only a person can mend is probed every 15 minutes, and a licence that is missing once a day.
pub(crate) fn retry_after(failures: i64, error: Option<&Error>, interval: SignedDuration) -> Duration {
    let wait = match error {
        Some(Error::Ask(jumpcloud::Error::NotLicensed(_))) => SignedDuration::from_hours(24),
        Some(error) if error.needs_a_person() => SignedDuration::from_mins(15),
        _ => SignedDuration::from_mins(1_i64 << failures.clamp(1, 6).saturating_sub(1)).min(interval),
    };
    Duration::try_from(wait).unwrap_or(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn intervals_and_cron_expressions_are_read_and_nonsense_is_explained() {
        assert!(matches!("12h".parse(), Ok(Schedule::Every(interval)) if interval == SignedDuration::from_hours(12)));
        assert!(matches!("2d".parse(), Ok(Schedule::Every(interval)) if interval == SignedDuration::from_hours(48)));
        assert!(matches!("0 6 * * 1-5".parse(), Ok(Schedule::Cron(..))));
        for bad in ["", "soon", "1s", "-5h", "99 99 * * *", "30x"] {
            let refused = bad.parse::<Schedule>().unwrap_err().to_string();
            assert!(refused.contains("12h"), "{refused}");
        }
    }

    #[test]
    fn a_missed_interval_runs_once_and_at_once() {
        let every: Schedule = "1h".parse().unwrap();
        let now = at("2026-11-20T12:00:00Z");
        assert_eq!(every.next(Some(at("2026-11-20T11:30:00Z")), now), Some(at("2026-11-20T12:30:00Z")));
        assert_eq!(every.next(Some(at("2026-11-19T11:30:00Z")), now), Some(now));
        assert_eq!(every.next(None, now), Some(now));
    }

    #[test]
    fn a_clock_that_was_set_back_neither_stops_nor_floods_the_schedule() {
        let every: Schedule = "1h".parse().unwrap();
        let now = at("2026-11-20T12:00:00Z");
        assert_eq!(every.next(Some(at("2036-11-20T12:00:00Z")), now), Some(at("2026-11-20T13:00:00Z")));
    }

    #[test]
    fn a_cron_expression_is_in_utc() {
        let cron: Schedule = "30 2 * * *".parse().unwrap();
        assert_eq!(cron.next(None, at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T02:30:00Z")));
        assert_eq!(cron.interval(at("2026-03-29T00:00:00Z")), SignedDuration::from_hours(24));
    }

    #[test]
    fn failures_are_retried_more_and_more_slowly() {
        let hour = SignedDuration::from_hours(12);
        let waits: Vec<u64> = (1..9).map(|failures| retry_after(failures, None, hour).as_secs() / 60).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
        let place = Error::Place("x".to_owned());
        assert_eq!(retry_after(1, Some(&place), hour).as_secs(), 15 * 60);
        assert_eq!(retry_after(5, None, SignedDuration::from_secs(60)).as_secs(), 60);
    }
}
