//! How busy an hour is: people work by day and on weekdays, machines do not care.
//! Responsible for two numbers an hour. Daylight saving is left out: no client can tell.

use crate::time::{DAY, HOUR};

/// Share of a working day's events in each local hour, in 1,000.
const WORKING_DAY: [u32; 24] =
    [2, 1, 1, 1, 2, 6, 22, 62, 118, 112, 92, 78, 66, 88, 84, 76, 66, 50, 30, 16, 11, 8, 5, 3];
/// How quiet weekends are, in 1,000.
const WEEKEND: u32 = 120;

/// The share of a working day's events of people in the hour that starts at `start`, for a place `ahead` of UTC.
pub(crate) fn people(start: i64, ahead: i64) -> f64 {
    let local = start + ahead * HOUR;
    // Day 0 was a Thursday.
    let weekday = (local.div_euclid(DAY) + 3).rem_euclid(7);
    let hour = local.rem_euclid(DAY) / HOUR;
    let share = f64::from(WORKING_DAY[hour as usize]) / 1000.0;
    if weekday >= 5 { share * f64::from(WEEKEND) / 1000.0 } else { share }
}

/// The share of a day's events of machines in any hour.
pub(crate) const MACHINES: f64 = 1.0 / 24.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_day_sums_up_and_a_weekend_is_quiet() {
        // 2026-11-20 is a Friday.
        let friday = 1_795_132_800_000;
        let sum = |day: i64| (0..24).map(|hour| people(day + hour * HOUR, 0)).sum::<f64>();
        assert!((sum(friday) - 1.0).abs() < 1e-9, "{}", sum(friday));
        assert!((sum(friday + DAY) - 0.12).abs() < 1e-9);
        assert!(people(friday + 8 * HOUR, 0) > 50.0 * people(friday + 2 * HOUR, 0));
    }
}
