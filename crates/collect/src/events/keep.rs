//! How long events are kept, and removing what is older: a little at a time, at the end of a run that has heard from
//! JumpCloud. What removing means for the ledger is in the store's `retention`.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use store::events::Removed;

use super::window::Hours;
use crate::error::Error;

/// A shorter time would let go of hours before they are counted again for the first time.
const SHORTEST: i64 = 1;

/// A run of the schedule removes for so long at most; the next one goes on.
const TURN: Duration = Duration::from_secs(5);

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Nothing is removed.
    #[default]
    Forever,
    /// For so many days after the event.
    Days(i64),
}

/// Why a text is not a time for which events are kept.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not how long events can be kept: say a number of days such as 400d, at least 1d, or forever")]
pub struct KeepError(String);

impl FromStr for Keep {
    type Err = KeepError;

    fn from_str(text: &str) -> Result<Self, KeepError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("forever") {
            return Ok(Self::Forever);
        }
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        // A hundred years are more than anybody means, and fit into every time that is reckoned from them.
        let days = days.filter(|days| (SHORTEST..=36_500).contains(days));
        days.map(Self::Days).ok_or_else(|| KeepError(text.to_owned()))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::Days(days) => write!(f, "{days}d"),
        }
    }
}

impl Keep {
    /// What is older than this is not kept at `now`; nothing, if everything is.
    pub fn since(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Forever => None,
            Self::Days(days) => now.checked_sub(SignedDuration::from_hours(days.saturating_mul(24))).ok(),
        }
    }
}

impl Hours {
    /// Removes what is older than it is to be kept; a run of the schedule (`in_turns`) only for a while. Does nothing as
    /// long as JumpCloud has not told its time in this run: a clock that is ahead would remove everything.
    pub(crate) async fn remove_old(&mut self, keep: Keep, in_turns: bool) -> Result<Removed, Error> {
        if self.client.clock_ahead().is_none() {
            return Ok(Removed::default());
        }
        let Some(since) = keep.since(self.now()) else { return Ok(Removed::default()) };
        let begun = Instant::now();
        let goes_on = || !in_turns || begun.elapsed() < TURN;
        let removed = self.writer.remove_before(since, self.clock.now(), goes_on).await?;
        if removed.events > 0 {
            let org_id = self.writer.org_id();
            tracing::info!(org_id, events = removed.events, hours = removed.windows, %keep, "old events removed");
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_forever_are_read_and_nonsense_is_explained() {
        for (text, keep) in [("400d", Keep::Days(400)), (" 1d ", Keep::Days(1)), ("Forever", Keep::Forever)] {
            let read: Keep = text.parse().unwrap();
            assert_eq!(read, keep);
            assert_eq!(read.to_string().parse::<Keep>().unwrap(), keep);
        }
        for bad in ["", "0d", "-3d", "400", "12h", "36501d", "99999999999999999999d", "d", "for ever"] {
            let refused = bad.parse::<Keep>().unwrap_err().to_string();
            assert!(refused.contains("400d"), "{refused}");
        }
    }

    #[test]
    fn no_moment_is_too_early_to_reckon_from() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(Keep::Days(2).since(now), Some("2026-11-20T10:00:00Z".parse().unwrap()));
        assert_eq!(Keep::Forever.since(now), None);
        assert_eq!(Keep::Days(36_500).since(Timestamp::MIN), None);
        for year in ["2038-01-19T03:14:08Z", "2100-02-28T23:59:59Z"] {
            let then: Timestamp = year.parse().unwrap();
            assert_eq!(then.duration_since(Keep::Days(400).since(then).unwrap()).as_hours(), 400 * 24);
        }
    }
}
