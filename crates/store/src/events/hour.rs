//! An hour in UTC: the unit in which events are asked for, counted and sealed.

use std::fmt;

use jiff::Timestamp;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// One hour in UTC, as the number of hours since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour that a moment lies in.
    pub fn of(at: Timestamp) -> Self {
        Self::of_ms(at.as_millisecond())
    }

    /// The hour that a moment lies in, given in milliseconds since 1970.
    pub fn of_ms(ms: i64) -> Self {
        Self(ms.div_euclid(HOUR_MS))
    }

    /// The hour with this number, counted from 1970.
    pub fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Hours since 1970.
    pub fn number(self) -> i64 {
        self.0
    }

    /// Its first moment, in milliseconds since 1970.
    pub fn start_ms(self) -> i64 {
        self.0.saturating_mul(HOUR_MS)
    }

    /// The first moment after it, in milliseconds since 1970.
    pub fn end_ms(self) -> i64 {
        self.start_ms().saturating_add(HOUR_MS)
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        moment(self.start_ms())
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        moment(self.end_ms())
    }

    /// The hour after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The hour before it.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::schema::time_text(self.start()))
    }
}

/// A moment from milliseconds since 1970; the nearest that there is if there is no such year.
pub(crate) fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_holds_its_first_millisecond_and_not_the_next_ones_also_before_1970() {
        for number in [-1, 0, 494_000] {
            let hour = Hour::from_number(number);
            assert_eq!(Hour::of_ms(hour.start_ms()), hour);
            assert_eq!(Hour::of_ms(hour.end_ms() - 1), hour);
            assert_eq!(Hour::of_ms(hour.end_ms()), hour.next());
            assert_eq!(hour.next().previous(), hour);
        }
        assert_eq!(Hour::of_ms(0).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
