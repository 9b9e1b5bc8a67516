//! What to ask next of an organization's events: newest hour first, what was missed behind it. Pure: it looks at the
//! ledger and at the time, and nothing it says depends on anything else. Asking is in `window.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A sealed hour that was not counted again by then never is: JumpCloud may keep its events no longer, and a count
/// without them would say nothing. The lowest plan keeps them for about fifteen days.
pub(crate) const TOO_OLD: i64 = 10 * DAY;

/// When an hour is read, proven and proven again. Durations in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Events may come so late after their hour and still be there when it is counted.
    pub lag: i64,
    /// An hour that is not over is read again by so much, because events do not come in the order of their times.
    pub overlap: i64,
    /// Sealed hours are counted again so long after their end.
    pub checks: [i64; 2],
}

impl Default for Rules {
    /// Counted after a quarter of an hour, again after a day and after three; two minutes are read again.
    fn default() -> Self {
        Self { lag: 15 * MINUTE, overlap: 2 * MINUTE, checks: [DAY, 3 * DAY] }
    }
}

impl Rules {
    /// When an hour that ends at `end` is counted next, after it was at `now`; never, after the last time.
    pub(crate) fn next_check(&self, end: i64, now: i64) -> Option<i64> {
        self.checks.iter().map(|after| end.saturating_add((*after).max(0))).find(|at| *at > now)
    }
}

/// How far the reading of one hour has come. Kept in the ledger as text that only this module reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Everything before this moment was read once, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_to: Option<i64>,
    /// A pass that is not at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Pass>,
    /// How often in a row the hour could not be proven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// It is not tried again before this moment, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<i64>,
}

/// One reading of a range, from one position to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    /// The range that is asked for, in milliseconds since 1970; the end is not part of it.
    pub from: i64,
    pub to: i64,
    /// Where the next page begins, in JumpCloud's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Position {
    /// The hour could not be proven at `now`: it is tried again later and later, from five minutes to a day.
    pub(crate) fn unproven(&self, now: i64) -> Self {
        let wait = ((5 * MINUTE) << self.tries.min(9)).min(DAY);
        Self {
            pass: None,
            tries: self.tries.saturating_add(1),
            wait_until: Some(now.saturating_add(wait)),
            ..self.clone()
        }
    }

    /// Reads what [`Position::text`] wrote; what can not be read is a beginning.
    pub(crate) fn of(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How an hour stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Being read, or read but not proven.
    Open,
    /// Proven.
    Sealed,
    /// Can not be proven any more.
    Lost,
}

/// What the ledger says of an hour that may need work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub standing: Standing,
    pub position: Position,
    /// When a sealed hour is counted again.
    pub next_check: Option<i64>,
}

impl Known {
    /// An hour that the ledger has no line for.
    pub(crate) fn unread() -> Self {
        Self { standing: Standing::Open, position: Position::default(), next_check: None }
    }
}

/// One thing to do about one hour (since 1970).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Read this range; the hour is not ready to be proven.
    Read { hour: i64, pass: Pass },
    /// Read what is left, if anything is, and hold the hour against JumpCloud's own count.
    Prove { hour: i64, rest: Option<Pass> },
    /// Count a sealed hour again.
    Check { hour: i64 },
}

impl Work {
    /// The hour that it is about.
    pub(crate) fn hour(&self) -> i64 {
        match self {
            Self::Read { hour, .. } | Self::Prove { hour, .. } | Self::Check { hour } => *hour,
        }
    }
}

/// Everything that there is to do at `now` about these hours, newest first. An hour that is not among them is settled.
pub(crate) fn plan(ledger: &BTreeMap<i64, Known>, now: i64, rules: &Rules) -> Vec<Work> {
    let current = now.div_euclid(HOUR);
    ledger.range(..=current).rev().filter_map(|(hour, known)| work(known, *hour, now, rules)).collect()
}

/// What there is to do about one hour.
fn work(known: &Known, hour: i64, now: i64, rules: &Rules) -> Option<Work> {
    let (begin, end) = (hour.checked_mul(HOUR)?, hour.checked_add(1)?.checked_mul(HOUR)?);
    let position = match known.standing {
        Standing::Lost => return None,
        Standing::Sealed => {
            let is_due = known.next_check.is_some_and(|at| at <= now) && end <= now;
            return (is_due && now < end.saturating_add(TOO_OLD)).then_some(Work::Check { hour });
        }
        Standing::Open => &known.position,
    };
    let is_ripe = end.saturating_add(rules.lag.max(0)) <= now;
    if is_ripe {
        // A clock that was set back must not make it wait for longer than it ever would.
        let waits = position.wait_until.is_some_and(|until| until > now && until <= now.saturating_add(DAY));
        return (!waits).then(|| Work::Prove { hour, rest: rest(position, begin, end, rules) });
    }
    let to = end.min(now);
    let pass = rest(position, begin, to, rules)?;
    // Once its hour is over and was read to the end, only lateness is left, and that is what the count is for.
    let was_read = position.pass.is_none() && position.read_to.is_some_and(|read_to| read_to >= end);
    let is_news = !was_read || now < end.saturating_add(rules.overlap.max(0));
    is_news.then_some(Work::Read { hour, pass })
}

/// The pass that reads what is left of an hour until `to`; nothing, if nothing is.
fn rest(position: &Position, begin: i64, to: i64, rules: &Rules) -> Option<Pass> {
    let within = |pass: &&Pass| begin <= pass.from && pass.from < pass.to && pass.to <= to;
    if let Some(pass) = position.pass.as_ref().filter(within) {
        return Some(pass.clone());
    }
    let from = position.read_to.map_or(begin, |read_to| read_to.saturating_sub(rules.overlap.max(0)).max(begin));
    (from < to).then_some(Pass { from, to, after: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 494_988 * HOUR;

    /// The plan for a ledger in which the hours from `start` on that are not named have no line.
    fn plan(ledger: &BTreeMap<i64, Known>, start: i64, now: i64, rules: &Rules) -> Vec<Work> {
        let mut all: BTreeMap<i64, Known> =
            (start..=now.div_euclid(HOUR)).map(|hour| (hour, Known::unread())).collect();
        all.extend(ledger.range(start..).map(|(hour, known)| (*hour, known.clone())));
        super::plan(&all, now, rules)
    }

    fn open(position: Position) -> Known {
        Known { standing: Standing::Open, position, next_check: None }
    }

    fn sealed(next_check: Option<i64>) -> Known {
        Known { standing: Standing::Sealed, position: Position::default(), next_check }
    }

    fn read_to(ms: i64) -> Position {
        Position { read_to: Some(ms), ..Position::default() }
    }

    fn pass(from: i64, to: i64) -> Pass {
        Pass { from, to, after: None }
    }

    #[test]
    fn the_newest_hour_comes_first_and_what_was_missed_follows_backwards() {
        let now = NOON + 30 * MINUTE;
        let hour = now / HOUR;
        let works = plan(&BTreeMap::new(), hour - 3, now, &Rules::default());
        assert_eq!(works[0], Work::Read { hour, pass: pass(NOON, now) });
        let hours: Vec<i64> = works.iter().map(Work::hour).collect();
        assert_eq!(hours, [hour, hour - 1, hour - 2, hour - 3]);
        assert!(works[1..].iter().all(|work| matches!(work, Work::Prove { rest: Some(_), .. })));
    }

    #[test]
    fn an_hour_is_read_forward_with_an_overlap_and_proven_when_its_lag_is_over() {
        let (rules, hour) = (Rules::default(), NOON / HOUR);
        let at = |minutes: i64, read: i64| {
            let ledger = BTreeMap::from([(hour, open(read_to(NOON + read * MINUTE)))]);
            plan(&ledger, hour, NOON + minutes * MINUTE, &rules).into_iter().find(|work| work.hour() == hour)
        };
        let minutes = |from: i64, to: i64| pass(NOON + from * MINUTE, NOON + to * MINUTE);
        assert_eq!(at(10, 5), Some(Work::Read { hour, pass: minutes(3, 10) }));
        assert_eq!(at(10, 1), Some(Work::Read { hour, pass: minutes(0, 10) }));
        assert_eq!(at(61, 59), Some(Work::Read { hour, pass: minutes(57, 60) }));
        assert_eq!(at(70, 60), None);
        assert_eq!(at(75, 60), Some(Work::Prove { hour, rest: Some(minutes(58, 60)) }));
        assert_eq!(at(3000, 20), Some(Work::Prove { hour, rest: Some(minutes(18, 60)) }));
    }

    #[test]
    fn a_pass_that_was_cut_off_is_taken_up_where_it_was() {
        let hour = NOON / HOUR;
        let begun = Pass { after: Some("[1,\"a\"]".to_owned()), ..pass(NOON, NOON + 20 * MINUTE) };
        let position = Position { pass: Some(begun.clone()), ..Position::default() };
        assert_eq!(Position::of(Some(&position.text())), position);
        let ledger = BTreeMap::from([(hour, open(position))]);
        let works = plan(&ledger, hour, NOON + 40 * MINUTE, &Rules::default());
        assert_eq!(works, [Work::Read { hour, pass: begun }]);
        assert_eq!(Position::of(Some("what?")), Position::default());
    }

    #[test]
    fn a_sealed_hour_is_counted_again_a_day_and_three_days_after_its_end() {
        let (rules, hour, end) = (Rules::default(), NOON / HOUR, NOON + HOUR);
        assert_eq!(rules.next_check(end, end + 15 * MINUTE), Some(end + DAY));
        assert_eq!(rules.next_check(end, end + DAY), Some(end + 3 * DAY));
        assert_eq!(rules.next_check(end, end + 3 * DAY), None);
        let ledger = BTreeMap::from([(hour, sealed(Some(end + DAY)))]);
        let works = |now| plan(&ledger, hour, now, &rules).into_iter().any(|work| work == Work::Check { hour });
        assert!(!works(end + DAY - 1));
        assert!(works(end + DAY));
        assert!(!works(end + 11 * DAY), "the events may be gone");
        assert!(
            plan(&BTreeMap::from([(hour, sealed(None))]), hour, end + 9 * DAY, &rules)
                .iter()
                .all(|work| work.hour() != hour)
        );
    }

    #[test]
    fn an_hour_that_can_not_be_proven_is_tried_again_less_and_less_often() {
        let hour = NOON / HOUR;
        let (mut position, mut now) = (read_to(NOON + HOUR), NOON + DAY);
        for minutes in [5, 10, 20, 40] {
            position = position.unproven(now);
            let due = |at| {
                let ledger = BTreeMap::from([(hour, open(position.clone()))]);
                plan(&ledger, hour, at, &Rules::default()).into_iter().any(|work| work.hour() == hour)
            };
            assert!(!due(now + minutes * MINUTE - 1));
            now += minutes * MINUTE;
            assert!(due(now));
        }
        assert_eq!(Position { tries: u32::MAX, ..position }.unproven(0).wait_until, Some(DAY));
    }

    #[test]
    fn a_clock_that_was_set_back_asks_for_nothing_that_lies_ahead() {
        let hour = NOON / HOUR;
        let ledger = BTreeMap::from([(hour, open(read_to(NOON + 50 * MINUTE))), (hour + 1, sealed(None))]);
        let works = plan(&ledger, hour, NOON + 10 * MINUTE, &Rules::default());
        assert_eq!(works, []);
    }

    fn any_moment() -> impl Strategy<Value = i64> {
        prop_oneof![NOON - 3 * DAY..NOON + 3 * DAY, any::<i64>()]
    }

    fn any_known() -> impl Strategy<Value = Known> {
        let standing = prop::sample::select(vec![Standing::Open, Standing::Sealed, Standing::Lost]);
        let begun = (any_moment(), any_moment(), prop::option::of("[a-z]{1,3}")).prop_map(|(from, to, after)| Pass {
            from,
            to,
            after,
        });
        let moment = || prop::option::of(any_moment());
        let position = (moment(), prop::option::of(begun), any::<u32>(), moment())
            .prop_map(|(read_to, pass, tries, wait_until)| Position { read_to, pass, tries, wait_until });
        (standing, position, moment()).prop_map(|(standing, position, next_check)| Known {
            standing,
            position,
            next_check,
        })
    }

    proptest! {
        #[test]
        fn no_clock_no_ledger_and_no_setting_asks_for_a_range_that_ends_before_it_begins(
            ledger in prop::collection::btree_map(NOON / HOUR - 80..NOON / HOUR + 80, any_known(), 0..60),
            jumps in prop::collection::vec(NOON - 4 * DAY..NOON + 4 * DAY, 1..6),
            (lag, overlap) in (any::<i64>(), any::<i64>()),
            before in 0_i64..100,
        ) {
            let rules = Rules { lag, overlap, ..Rules::default() };
            for now in jumps {
                let works = plan(&ledger, NOON / HOUR - before, now, &rules);
                for work in &works {
                    let (begin, end) = (work.hour() * HOUR, (work.hour() + 1) * HOUR);
                    let asked = match work {
                        Work::Read { pass, .. } => Some(pass),
                        Work::Prove { rest, .. } => rest.as_ref(),
                        Work::Check { .. } => None,
                    };
                    if let Some(asked) = asked {
                        prop_assert!(asked.from < asked.to, "{asked:?}");
                        prop_assert!(begin <= asked.from && asked.to <= end && asked.to <= now, "{asked:?}");
                    } else {
                        prop_assert!(end <= now, "an hour that is not over is counted");
                    }
                }
                prop_assert!(works.windows(2).all(|two| two[0].hour() > two[1].hour()));
            }
        }

        #[test]
        fn an_hour_that_is_proven_at_every_chance_is_proven_once_and_checked_twice(minutes in prop::collection::vec(1_i64..90, 200..400)) {
            let (rules, hour, end) = (Rules::default(), NOON / HOUR, NOON + HOUR);
            let mut ledger = BTreeMap::new();
            let (mut proven, mut checked, mut now) = (0, 0, NOON);
            for step in minutes {
                now += step * MINUTE;
                match plan(&ledger, hour, now, &rules).into_iter().find(|work| work.hour() == hour) {
                    Some(Work::Read { pass, .. }) => {
                        ledger.insert(hour, open(read_to(pass.to)));
                    }
                    Some(Work::Prove { .. }) => {
                        proven += 1;
                        ledger.insert(hour, sealed(rules.next_check(end, now)));
                    }
                    Some(Work::Check { .. }) => {
                        checked += 1;
                        ledger.insert(hour, sealed(rules.next_check(end, now)));
                    }
                    None => {}
                }
            }
            prop_assert_eq!(proven, 1);
            prop_assert_eq!(checked, if now >= end + 3 * DAY { 2 } else { i32::from(now >= end + DAY) });
        }
    }
}
