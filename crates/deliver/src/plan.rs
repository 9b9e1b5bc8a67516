//! Which days or hours of an organization are to be written: a pure function of its ledger, of what the archive holds, and
//! of the time. Nothing that is in the archive is ever planned to be taken out of it without being in what takes its place.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use store::events::{Hour, Window, WindowState};
use store::{ArchivedUnit, UnitKey};

use crate::file::FORMAT;

/// How eager the archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A day when all of it is proven, or, if something is not, some hours after it: what the schedule does. An object is
    /// written about once.
    DayIsOver,
    /// Everything that is sealed, today included: what a person asks for.
    Now,
}

/// A day with more events has an object for each hour, so that a late event rewrites an hour and not all of it.
pub(crate) const LARGE_DAY: u64 = 1_000_000;
/// So long after its end, and after the last hour was sealed, a day waits for hours that are not proven.
const PATIENCE: SignedDuration = SignedDuration::from_hours(6);

const HOURS: i64 = 24;

/// A day or an hour that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub key: UnitKey,
    /// Its sealed windows, oldest first.
    pub windows: Vec<Window>,
    /// See [`ArchivedUnit::hours`].
    pub hours: u32,
    /// See [`ArchivedUnit::windows`].
    pub fingerprint: String,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// To be written, the oldest first.
    pub write: Vec<Unit>,
    /// To be removed when that is done: a day that has an object for each hour now.
    pub remove: Vec<UnitKey>,
    /// Days that wait until more of them is proven.
    pub waiting: u64,
}

/// Plans what is to be done for one organization. `windows` are its ledger's lines, `held` what the archive holds of it;
/// `again` writes also what has not changed.
pub(crate) fn plan(
    org_id: &str,
    windows: &[Window],
    held: &[ArchivedUnit],
    when: When,
    again: bool,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let mut days: BTreeMap<i64, Vec<&Window>> = BTreeMap::new();
    for window in windows {
        days.entry(window.hour.number().div_euclid(HOURS)).or_default().push(window);
    }
    for (day, windows) in days {
        let held: Vec<&ArchivedUnit> = held.iter().filter(|unit| unit.key.day == day).collect();
        plan_day(org_id, day, &windows, &held, (when, again, now), &mut plan);
    }
    plan
}

fn plan_day(
    org_id: &str,
    day: i64,
    windows: &[&Window],
    held: &[&ArchivedUnit],
    (when, again, now): (When, bool, Timestamp),
    plan: &mut Plan,
) {
    let sealed: Vec<Window> =
        windows.iter().filter(|window| is_to_hand(window)).map(|window| (*window).clone()).collect();
    if sealed.is_empty() {
        return;
    }
    let is_split = held.iter().any(|unit| unit.key.hour.is_some())
        || sealed.iter().map(|window| window.stored).sum::<u64>() > LARGE_DAY;
    let key = |hour| UnitKey { org_id: org_id.to_owned(), day, hour };
    let wanted: Vec<Unit> = if is_split {
        sealed.iter().map(|window| Unit::of(key(Some(hour_of_day(window.hour))), vec![window.clone()])).collect()
    } else {
        vec![Unit::of(key(None), sealed.clone())]
    };
    let hours = sealed.iter().fold(0, |hours, window| hours | bit(window.hour));
    // Windows that are reopened come back, and those that the retention has removed do not: in both cases the archive
    // keeps what it has.
    let holds_more = held.iter().any(|unit| unit.key.hour.is_none() && unit.hours & !hours != 0);
    if holds_more || !is_ripe(day, windows, when, now) {
        plan.waiting += 1;
        return;
    }
    for unit in wanted {
        let known = held.iter().find(|known| known.key == unit.key);
        if again || known.is_none_or(|known| known.windows != unit.fingerprint) {
            plan.write.push(unit);
        }
    }
    if is_split {
        plan.remove.extend(held.iter().filter(|unit| unit.key.hour.is_none()).map(|unit| unit.key.clone()));
    }
}

/// Whether a window is proven and its events are still stored.
fn is_to_hand(window: &Window) -> bool {
    window.state == WindowState::Sealed && window.removed_at.is_none() && window.identities.is_some()
}

fn is_ripe(day: i64, windows: &[&Window], when: When, now: Timestamp) -> bool {
    if when == When::Now {
        return true;
    }
    let end = Hour::from_number((day + 1).saturating_mul(HOURS)).start();
    let is_settled =
        |window: &&Window| window.state == WindowState::Sealed || window.removed_at.is_some() || window.is_lost;
    let is_proven = windows.len() == HOURS as usize && windows.iter().all(is_settled);
    // Old days are collected hour by hour as well: one is left alone until it has rested.
    let newest = windows.iter().filter_map(|window| window.sealed_at).fold(end, Timestamp::max);
    end <= now && (is_proven || newest.checked_add(PATIENCE).is_ok_and(|rested| rested <= now))
}

fn hour_of_day(hour: Hour) -> u8 {
    u8::try_from(hour.number().rem_euclid(HOURS)).expect("the hour of a day is less than 24")
}

pub(crate) fn bit(hour: Hour) -> u32 {
    1 << hour_of_day(hour)
}

impl Unit {
    fn of(key: UnitKey, windows: Vec<Window>) -> Self {
        let mut sha = Sha256::new();
        sha.update(format!("format {FORMAT}\n"));
        let mut hours = 0;
        for window in &windows {
            hours |= bit(window.hour);
            sha.update(format!(
                "{} {} {}\n",
                window.hour.number(),
                window.stored,
                window.identities.as_deref().unwrap_or_default()
            ));
        }
        Self { key, windows, hours, fingerprint: data_encoding::HEXLOWER.encode(&sha.finalize()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 20_777;

    fn window(hour: i64, state: WindowState, stored: u64) -> Window {
        Window {
            org_id: "o".to_owned(),
            hour: Hour::from_number(DAY * HOURS + hour),
            state,
            reason: None,
            asked_at: None,
            position: None,
            stored,
            duplicates: 0,
            late: 0,
            first: None,
            last: None,
            counted: Some(stored),
            sealed_at: None,
            identities: Some(format!("{stored:064x}")),
            verified_at: None,
            next_check_at: None,
            removed_at: None,
            is_lost: false,
        }
    }

    fn whole_day(stored: u64) -> Vec<Window> {
        (0..HOURS).map(|hour| window(hour, WindowState::Sealed, stored)).collect()
    }

    fn after_day(hours: i64) -> Timestamp {
        Hour::from_number((DAY + 1) * HOURS + hours).start()
    }

    fn held(plan: &Plan) -> Vec<ArchivedUnit> {
        let held = plan.write.iter().map(|unit| ArchivedUnit {
            key: unit.key.clone(),
            hours: unit.hours,
            windows: unit.fingerprint.clone(),
            events: 0,
            mapping: 1,
            written_at: None,
        });
        held.collect()
    }

    fn planned(windows: &[Window], held: &[ArchivedUnit], when: When, now: Timestamp) -> Plan {
        plan("o", windows, held, when, false, now)
    }

    #[test]
    fn a_day_is_one_unit_when_all_of_it_is_proven_and_nothing_is_done_again() {
        let windows = whole_day(10);
        let first = planned(&windows, &[], When::DayIsOver, after_day(0));
        assert_eq!((first.write.len(), first.write[0].key.hour, first.write[0].hours), (1, None, 0x00ff_ffff));
        assert_eq!(planned(&windows, &held(&first), When::DayIsOver, after_day(0)), Plan::default());
        assert_eq!(plan("o", &windows, &held(&first), When::DayIsOver, true, after_day(0)).write, first.write);
    }

    #[test]
    fn the_schedule_waits_for_the_day_and_its_proof_but_not_for_ever() {
        let mut windows = whole_day(10);
        assert_eq!(planned(&windows, &[], When::DayIsOver, after_day(-1)).waiting, 1);
        windows[7].state = WindowState::Gap;
        assert_eq!(planned(&windows, &[], When::DayIsOver, after_day(1)).waiting, 1);
        let late = planned(&windows, &[], When::DayIsOver, after_day(6));
        assert_eq!(late.write[0].windows.len(), 23);
        windows[7].is_lost = true;
        assert_eq!(planned(&windows, &[], When::DayIsOver, after_day(1)).write, late.write);
        // The last hours are not in the ledger yet.
        assert_eq!(planned(&windows[..20], &[], When::DayIsOver, after_day(0)).waiting, 1);
        assert_eq!(planned(&windows[..20], &[], When::Now, after_day(-3)).write[0].windows.len(), 19);
    }

    #[test]
    fn an_old_day_that_is_being_collected_is_not_written_after_each_hour() {
        let mut windows = whole_day(10);
        let collected_at = after_day(900);
        for window in &mut windows {
            window.sealed_at = Some(collected_at);
        }
        assert_eq!(planned(&windows[12..], &[], When::DayIsOver, collected_at).waiting, 1);
        assert_eq!(planned(&windows, &[], When::DayIsOver, collected_at).write.len(), 1);
        assert_eq!(planned(&windows[12..], &[], When::DayIsOver, after_day(906)).write.len(), 1);
    }

    #[test]
    fn a_reopened_window_is_waited_for_and_then_the_day_is_written_anew() {
        let mut windows = whole_day(10);
        let first = planned(&windows, &[], When::Now, after_day(0));
        windows[3].state = WindowState::Reopened;
        for when in [When::Now, When::DayIsOver] {
            let waiting = planned(&windows, &held(&first), when, after_day(100));
            assert_eq!((waiting.write.len(), waiting.waiting), (0, 1), "{when:?}");
        }
        windows[3] = window(3, WindowState::Sealed, 11);
        let again = planned(&windows, &held(&first), When::DayIsOver, after_day(100));
        assert_eq!(again.write[0].key, first.write[0].key);
        assert_ne!(again.write[0].fingerprint, first.write[0].fingerprint);
    }

    #[test]
    fn what_the_retention_has_removed_stays_in_the_archive() {
        let mut windows = whole_day(10);
        let first = planned(&windows, &[], When::DayIsOver, after_day(0));
        for window in &mut windows[..12] {
            window.removed_at = Some(after_day(1));
        }
        windows[20] = window(20, WindowState::Sealed, 12);
        assert!(planned(&windows, &held(&first), When::DayIsOver, after_day(100)).write.is_empty());
        // What was never archived is archived as far as it is there.
        assert_eq!(planned(&windows, &[], When::DayIsOver, after_day(100)).write[0].windows.len(), 12);
    }

    #[test]
    fn a_large_day_has_an_object_for_each_hour_and_stays_so() {
        let small = planned(&whole_day(10), &[], When::Now, after_day(0));
        let large = planned(&whole_day(50_000), &held(&small), When::Now, after_day(0));
        assert_eq!((large.write.len(), large.remove.len()), (24, 1));
        assert_eq!(large.write[5].key.hour, Some(5));
        let mut windows = whole_day(50_000);
        windows[5] = window(5, WindowState::Sealed, 50_001);
        windows[9].state = WindowState::Reopened;
        let again = planned(&windows, &held(&large), When::Now, after_day(0));
        assert_eq!(again.write.iter().map(|unit| unit.key.hour).collect::<Vec<_>>(), [Some(5)]);
        assert_eq!(planned(&whole_day(10), &held(&large), When::Now, after_day(0)).write.len(), 24);
    }

    #[test]
    fn a_unit_whose_writing_was_cut_short_is_written_again() {
        let windows = whole_day(10);
        let mut known = held(&planned(&windows, &[], When::Now, after_day(0)));
        known[0].windows = String::new();
        assert_eq!(planned(&windows, &known, When::Now, after_day(0)).write.len(), 1);
    }
}
