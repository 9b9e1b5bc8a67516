//! What the ledger proves: how far it reaches, and what is missing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use store::Store;
use store::events::{Hour, Outstanding, SealedLines, Window, WindowState};

use super::plan::{Known, Position, Standing};

/// Why an hour is lost. Gaps with other reasons are tried again: a permission can come back, an event can not.
pub(crate) const LOST: &str = "JumpCloud keeps it no longer";

/// How completely an organization's events are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The first hour of the ledger.
    pub start: Option<Hour>,
    /// Events stored, by the ledger.
    pub stored: u64,
    /// The time of the newest event.
    pub newest: Option<Timestamp>,
    /// Everything before this moment is proven, but for the gaps; `None` if nothing is.
    pub sealed_to: Option<Timestamp>,
    /// Hours by state.
    pub open: u64,
    /// See [`WindowState::Sealed`].
    pub sealed: u64,
    /// Hours that are over, but neither sealed nor gaps: read or not, proven they are not (yet).
    pub unproven: u64,
    /// Hours that can not be read or proven, with the reason.
    pub gaps: Vec<(Hour, String)>,
    /// Hours that were read but differ from JumpCloud's count, with the difference.
    pub differing: Vec<(Hour, String)>,
}

/// Sums up the lines of one organization's ledger as of `now`.
pub fn coverage(windows: &[Window], now: Timestamp) -> Coverage {
    let mut coverage = Coverage::default();
    let lines: BTreeMap<i64, &Window> = windows.iter().map(|window| (window.hour.number(), window)).collect();
    let Some((first, _)) = lines.first_key_value() else { return coverage };
    coverage.start = Some(Hour::from_number(*first));
    let mut is_unbroken = true;
    for number in *first..=Hour::of(now).number() {
        let hour = Hour::from_number(number);
        let line = lines.get(&number).copied();
        if let Some(line) = line {
            // What the retention has removed was stored, and is no more.
            coverage.stored += if line.removed_at.is_none() { line.stored } else { 0 };
            coverage.newest = coverage.newest.max(line.last);
        }
        match line.map_or(WindowState::Open, |line| line.state) {
            WindowState::Sealed => coverage.sealed += 1,
            WindowState::Gap => {
                let reason = line.and_then(|line| line.reason.clone()).unwrap_or_default();
                coverage.gaps.push((hour, reason));
            }
            _ => {
                is_unbroken = false;
                if hour.end() <= now {
                    coverage.unproven += 1;
                } else {
                    coverage.open += 1;
                }
                if let Some(reason) = line.and_then(|line| line.reason.clone()) {
                    coverage.differing.push((hour, reason));
                }
            }
        }
        if is_unbroken {
            coverage.sealed_to = Some(hour.end());
        }
    }
    coverage
}

/// The same of all of an organization's ledger, without reading the lines that are sealed, which are almost all.
pub async fn coverage_of(store: &Store, org_id: &str, now: Timestamp) -> store::Result<Coverage> {
    let before = Hour::of(now).next();
    let sealed = store.event_windows_sealed(org_id, before).await?;
    let others: Vec<WindowState> = WindowState::ALL.into_iter().filter(|state| *state != WindowState::Sealed).collect();
    let mut others = store.event_windows_in(org_id, &others).await?;
    others.retain(|window| window.hour < before);
    match in_short(&sealed, &others, now) {
        Some(coverage) => Ok(coverage),
        None => Ok(coverage(&store.event_windows(org_id, Hour::from_number(0), before).await?, now)),
    }
}

/// Sums up lines of which the sealed ones are known in short; `None` if an hour between them has no line.
fn in_short(sealed: &SealedLines, others: &[Window], now: Timestamp) -> Option<Coverage> {
    let hours = || others.iter().map(|window| window.hour);
    let Some(first) = hours().chain(sealed.first).min() else { return Some(Coverage::default()) };
    let last = hours().chain(sealed.last).max().unwrap_or(first);
    let lines = i64::try_from(sealed.lines).ok()? + i64::try_from(others.len()).ok()?;
    if lines != last.number() - first.number() + 1 {
        return None;
    }
    let (start, sealed_lines, stored, newest) = (Some(first), sealed.lines, sealed.stored, sealed.newest);
    let mut coverage = Coverage { start, sealed: sealed_lines, stored, newest, ..Coverage::default() };
    for line in others {
        coverage.stored += if line.removed_at.is_none() { line.stored } else { 0 };
        coverage.newest = coverage.newest.max(line.last);
        if line.state == WindowState::Gap {
            coverage.gaps.push((line.hour, line.reason.clone().unwrap_or_default()));
        } else if let Some(reason) = &line.reason {
            coverage.differing.push((line.hour, reason.clone()));
        }
    }
    let mut not_proven: Vec<Hour> =
        others.iter().filter(|line| line.state != WindowState::Gap).map(|line| line.hour).collect();
    // Hours that have no line yet.
    not_proven.extend((last.number() + 1..=Hour::of(now).number()).map(Hour::from_number));
    coverage.unproven = not_proven.iter().filter(|hour| hour.end() <= now).count() as u64;
    coverage.open = not_proven.len() as u64 - coverage.unproven;
    let proven_to = not_proven.first().copied().unwrap_or(last.next());
    coverage.sealed_to = (proven_to > first).then(|| proven_to.start());
    Some(coverage)
}

/// What the planner needs of the ledger.
pub(crate) fn known(outstanding: &Outstanding) -> BTreeMap<i64, Known> {
    let missing = outstanding.missing.iter().map(|hour| (hour.number(), Known::unread()));
    missing.chain(outstanding.windows.iter().map(|window| (window.hour.number(), known_of(window)))).collect()
}

fn known_of(window: &Window) -> Known {
    let standing = match window.state {
        WindowState::Sealed => Standing::Sealed,
        // Where its events are gone here as well, there is nothing left to hold a count against.
        _ if window.is_lost || window.removed_at.is_some() => Standing::Lost,
        WindowState::Open | WindowState::Read | WindowState::Reopened | WindowState::Gap => Standing::Open,
    };
    let next_check = window.next_check_at.filter(|_| window.removed_at.is_none()).map(Timestamp::as_millisecond);
    Known { standing, position: Position::of(window.position.as_deref()), next_check }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(number: i64, state: WindowState, reason: Option<&str>) -> Window {
        Window {
            org_id: "o".to_owned(),
            hour: Hour::from_number(number),
            state,
            reason: reason.map(str::to_owned),
            asked_at: None,
            position: None,
            stored: 2,
            duplicates: 0,
            late: 0,
            first: None,
            last: Some(Hour::from_number(number).start()),
            counted: None,
            sealed_at: None,
            identities: None,
            verified_at: None,
            next_check_at: None,
            removed_at: None,
            is_lost: false,
        }
    }

    #[test]
    fn the_proof_reaches_to_the_first_hour_that_is_neither_sealed_nor_a_gap() {
        let now = Hour::from_number(106).start();
        let windows = [
            line(100, WindowState::Sealed, None),
            line(101, WindowState::Gap, Some(LOST)),
            line(102, WindowState::Sealed, None),
            line(103, WindowState::Read, Some("2 are stored, 3 are counted")),
            line(105, WindowState::Sealed, None),
            line(106, WindowState::Open, None),
        ];
        let coverage = coverage(&windows, now);
        assert_eq!(coverage.sealed_to, Some(Hour::from_number(103).start()));
        assert_eq!((coverage.sealed, coverage.unproven, coverage.open, coverage.stored), (3, 2, 1, 12));
        assert_eq!(coverage.gaps, [(Hour::from_number(101), LOST.to_owned())]);
        assert_eq!(coverage.differing.len(), 1);
        assert_eq!(coverage.newest, Some(now));
    }

    proptest! {
        #[test]
        fn a_ledger_in_short_is_as_the_whole_ledger(
            states in prop::collection::vec((0..WindowState::ALL.len(), any::<bool>(), any::<bool>()), 0..30),
            behind in 0..4_i64, missing in 0..60_usize,
        ) {
            let mut windows = Vec::new();
            for (at, (state, has_reason, is_removed)) in states.iter().enumerate().filter(|(at, _)| *at != missing) {
                let number = 100 + i64::try_from(at).unwrap();
                let state = WindowState::ALL[*state];
                let reason = (*has_reason && state != WindowState::Sealed).then_some("why");
                let removed_at = is_removed.then(|| Hour::from_number(500).start());
                windows.push(Window { removed_at, ..line(number, state, reason) });
            }
            let last = windows.last().map_or(100, |window| window.hour.number());
            let now = Hour::from_number(last + behind).start() + jiff::SignedDuration::from_mins(5);
            let (sealed, others): (Vec<Window>, Vec<Window>) =
                windows.iter().cloned().partition(|window| window.state == WindowState::Sealed);
            let short = SealedLines {
                lines: sealed.len() as u64,
                first: sealed.first().map(|window| window.hour),
                last: sealed.last().map(|window| window.hour),
                stored: sealed.iter().filter(|window| window.removed_at.is_none()).map(|window| window.stored).sum(),
                newest: sealed.iter().filter_map(|window| window.last).max(),
            };
            let is_broken = missing > 0 && missing + 1 < states.len();
            match in_short(&short, &others, now) {
                Some(found) => prop_assert_eq!(found, coverage(&windows, now)),
                None => prop_assert!(is_broken),
            }
        }
    }

    #[test]
    fn a_gap_is_tried_again_unless_the_events_are_gone() {
        let gap = line(1, WindowState::Gap, Some("not licensed"));
        assert_eq!(known_of(&gap).standing, Standing::Open);
        assert_eq!(known_of(&Window { is_lost: true, ..gap }).standing, Standing::Lost);
    }
}
