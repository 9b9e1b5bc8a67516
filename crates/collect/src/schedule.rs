//! When a stream runs: an interval such as `12h`, or a cron expression such as `0 6 * * 1-5` (in UTC).

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;

/// The shortest interval, in seconds: a typing error must not become a flood of requests.
const SHORTEST: i64 = 10;

/// Streams run earlier than their interval says by up to this share of it, and at most by so long.
const HEAD_START: (i32, SignedDuration) = (20, SignedDuration::from_mins(5));

/// When a stream runs.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// So long after the start of the run before, at the latest.
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

    /// The next time of a connection's stream, of which a run that started at `last` has ended now. Of many connections that
    /// were due together, each is then due at a time of its own, and none later than its interval says. A time of a cron
    /// expression is meant as it stands.
    pub(crate) fn next_of(&self, connection_id: &str, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => self.next(last.checked_sub(head_start(*interval, connection_id)).ok(), now),
            Self::Cron(..) => self.next(Some(last), now),
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

/// How much earlier than after this time a connection's turn comes: a share that is its own.
fn head_start(wait: SignedDuration, connection_id: &str) -> SignedDuration {
    let digest = blake3::hash(connection_id.as_bytes());
    let share = f64::from(u16::from_le_bytes([digest.as_bytes()[0], digest.as_bytes()[1]])) / f64::from(u16::MAX);
    (wait / HEAD_START.0).min(HEAD_START.1).mul_f64(share)
}

/// How long to wait before trying a failed run of a connection again: a minute at first, doubling, never longer than the
/// schedule's own interval or an hour; what only a person can mend is probed every 15 minutes, and a licence that is missing
/// once a day. What has failed together, because JumpCloud was down, does not come back together.
pub(crate) fn retry_after(
    failures: i64,
    error: Option<&Error>,
    interval: SignedDuration,
    connection_id: &str,
) -> Duration {
    let wait = match error {
        Some(Error::Ask(jumpcloud::Error::NotLicensed(_))) => SignedDuration::from_hours(24),
        Some(error) if error.needs_a_person() => SignedDuration::from_mins(15),
        _ => SignedDuration::from_mins(1_i64 << failures.clamp(1, 6).saturating_sub(1)).min(interval),
    };
    Duration::try_from(wait - head_start(wait, connection_id)).unwrap_or(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        let within = |wait: Duration, most: u64| (most * 19 / 20..=most).contains(&wait.as_secs());
        for (failures, minutes) in (1..).zip([1, 2, 4, 8, 16, 32, 32, 32]) {
            assert!(within(retry_after(failures, None, hour, "c"), minutes * 60), "{failures}");
        }
        let place = Error::Place("x".to_owned());
        assert!(within(retry_after(1, Some(&place), hour, "c"), 15 * 60));
        assert!(within(retry_after(5, None, SignedDuration::from_secs(60), "c"), 60));
    }

    #[test]
    fn connections_that_were_due_together_do_not_stay_so_and_none_runs_later_than_it_should() {
        const CONNECTIONS: usize = 500;
        let started = at("2026-11-20T12:00:00Z");
        for (interval, head_start) in [("60s", 3), ("1h", 180), ("12h", 300), ("7d", 300)] {
            let every: Schedule = interval.parse().unwrap();
            let due = |number: usize| every.next_of(&format!("connection-{number}"), started, started).unwrap();
            let latest = every.next(Some(started), started).unwrap();
            let mut earlier = BTreeSet::new();
            for number in 0..CONNECTIONS {
                assert_eq!(due(number), due(number), "it is each connection's own");
                earlier.insert(latest.duration_since(due(number)));
            }
            let most = SignedDuration::from_secs(head_start);
            assert!(earlier.len() > CONNECTIONS * 9 / 10, "{interval}: {} different times", earlier.len());
            assert!(earlier.iter().all(|earlier| (SignedDuration::ZERO..=most).contains(earlier)), "{interval}");
            assert!(earlier.last().is_some_and(|earlier| *earlier > most * 9 / 10), "{interval}");
        }
        // A run of an hour ago is made up for at once.
        let every: Schedule = "60s".parse().unwrap();
        assert_eq!(every.next_of("c", at("2026-11-20T11:00:00Z"), started), Some(started));
        let cron: Schedule = "0 6 * * *".parse().unwrap();
        assert_eq!(cron.next_of("c", started, started), Some(at("2026-11-21T06:00:00Z")));
    }

    #[test]
    fn what_has_failed_together_does_not_come_back_together() {
        let wait = |number: usize| retry_after(3, None, SignedDuration::from_hours(1), &format!("connection-{number}"));
        let waits: BTreeSet<u64> = (0..500).map(|number| wait(number).as_secs()).collect();
        assert!(waits.len() > 10 && waits.last() <= Some(&240) && waits.first() >= Some(&228), "{waits:?}");
    }
}
