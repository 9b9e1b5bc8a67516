//! Whether the period of a pack is covered: the snapshots in it and how far they lie apart, the hours of events and which of
//! them are proven. What is missing is told in words; the ledger itself goes into the pack.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::PackError;
use super::folder::PackFolder;
use super::reading::{Reading, Seen, integer, moment, text};
use super::rows::{RowFiles, value_of};

/// Snapshots may lie so far apart: evidence is asked for day by day, and a sync may take its time.
pub(super) const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(36);

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A part of the period of which something is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// It begins here …
    pub from: Timestamp,
    /// … and ends here.
    pub to: Timestamp,
    /// What is missing: inventory, events, or both for what lies in the future.
    pub of: &'static str,
    /// Why, in words.
    pub why: String,
}

/// How the period is covered.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Coverage {
    /// Snapshots in the period.
    pub snapshots: u64,
    /// Those of which something is missing.
    pub incomplete: u64,
    /// The longest time between two snapshots, in hours.
    pub longest_pause_hours: i64,
    /// Hours that begin in the period.
    pub hours: u64,
    /// Those whose events are proven to be complete, and are there.
    pub sealed: u64,
    /// Those whose events were proven to be complete and are not there any more; their counts are.
    pub removed: u64,
    /// Events stored of the period.
    pub events: i64,
    /// What is missing, in order.
    pub gaps: Vec<Gap>,
}

impl Coverage {
    /// Hours of which events are missing or not proven, for who reads the events themselves or only `counts` of them.
    pub(super) fn lacking_hours(&self, counts: bool) -> u64 {
        self.hours - self.sealed - if counts { self.removed } else { 0 }
    }

    /// Reads the ledger of the period into the pack.
    pub(super) async fn read(
        reading: &Reading<'_>,
        (from, to): (Timestamp, Timestamp),
        made_at: Timestamp,
        folder: &mut PackFolder,
    ) -> Result<Self, PackError> {
        let mut coverage = Self::default();
        // What has not happened yet is no gap of the collecting, but of the period.
        let end = to.min(made_at);
        coverage.read_snapshots(reading, (from, end), folder).await?;
        coverage.read_hours(reading, (from, end), folder).await?;
        if to > made_at {
            let why = format!("the period was not over when the pack was made, at {made_at:.0}");
            coverage.gaps.push(Gap { from: made_at.max(from), to, of: "everything", why });
        }
        coverage.gaps.sort_by(|a, b| (a.from, a.of).cmp(&(b.from, b.of)));
        Ok(coverage)
    }

    async fn read_snapshots(
        &mut self,
        reading: &Reading<'_>,
        (from, end): (Timestamp, Timestamp),
        folder: &mut PackFolder,
    ) -> Result<(), PackError> {
        let mut last = None;
        let before = "SELECT MAX(committed_at) AS committed_at FROM snapshots WHERE committed_at < :from";
        reading
            .rows(before, |row| {
                last = moment(&row[0]);
                Ok(())
            })
            .await?;
        let sql = "SELECT number, started_at, committed_at, complete, reason FROM snapshots
                   WHERE committed_at >= :from AND committed_at <= :to ORDER BY number";
        let mut files = None;
        reading
            .each(sql, |seen| {
                let cells = match seen {
                    Seen::Columns(names) => {
                        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                        files = Some(RowFiles::begin(folder, "ledger/snapshots", &names)?);
                        return Ok(());
                    }
                    Seen::Row(cells) => cells,
                };
                self.snapshots += 1;
                if let Some(at) = moment(&cells[2]) {
                    self.pause(last, at, from);
                    last = Some(at);
                    if integer(&cells[3]) == 0 {
                        self.incomplete += 1;
                        let why = text(&cells[4]).unwrap_or_else(|| "something is missing of it".to_owned());
                        let why = format!("the snapshot of {at:.0} is not complete: {why}");
                        self.gaps.push(Gap { from: at, to: at, of: "inventory", why });
                    }
                }
                let row: Vec<Value> = cells.into_iter().map(value_of).collect();
                files.as_mut().map_or(Ok(()), |files| files.push(&row))?;
                Ok(())
            })
            .await?;
        self.pause(last, end, from);
        files.map_or(Ok(0), |files| files.finish(folder))?;
        Ok(())
    }

    /// Notes the time between two snapshots, of which the earlier one may lie before the period or not exist.
    fn pause(&mut self, last: Option<Timestamp>, next: Timestamp, from: Timestamp) {
        let begin = last.unwrap_or(from);
        let pause = next.duration_since(begin);
        if last.is_some() {
            self.longest_pause_hours = self.longest_pause_hours.max(pause.as_hours());
        }
        let is_long = pause > LONGEST_PAUSE || last.is_none() && pause > SignedDuration::ZERO;
        if is_long && next > from {
            let why = match last {
                Some(_) => format!("no snapshot for {} hours", pause.as_hours()),
                None => "nothing was collected before".to_owned(),
            };
            self.gaps.push(Gap { from: begin.max(from), to: next, of: "inventory", why });
        }
    }

    async fn read_hours(
        &mut self,
        reading: &Reading<'_>,
        (from, end): (Timestamp, Timestamp),
        folder: &mut PackFolder,
    ) -> Result<(), PackError> {
        let sql = "SELECT hour, state, reason, stored, counted, late, sealed_at, verified_at, identities, removed_at
                   FROM windows WHERE hour >= :from_hour AND hour <= :to ORDER BY hour";
        let first = hour_of(from);
        let mut expected = first;
        let mut files = None;
        let reading = reading.with("from_hour", store::schema::time_text(first).as_str().into());
        reading
            .each(sql, |seen| {
                let cells = match seen {
                    Seen::Columns(names) => {
                        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
                        files = Some(RowFiles::begin(folder, "ledger/hours", &names)?);
                        return Ok(());
                    }
                    Seen::Row(cells) => cells,
                };
                if let Some(hour) = moment(&cells[0]).filter(|hour| *hour <= end) {
                    self.missing(expected, hour);
                    expected = hour + HOUR;
                    self.hours += 1;
                    let removed_at = moment(&cells[9]);
                    if removed_at.is_none() {
                        self.events += integer(&cells[3]);
                    }
                    let (state, reason) = (text(&cells[1]).unwrap_or_default(), text(&cells[2]));
                    self.judge_hour(hour, &state, reason, removed_at.is_some());
                }
                let row: Vec<Value> = cells.into_iter().map(value_of).collect();
                files.as_mut().map_or(Ok(()), |files| files.push(&row))?;
                Ok(())
            })
            .await?;
        self.missing(expected, hour_of(end) + HOUR);
        files.map_or(Ok(0), |files| files.finish(folder))?;
        Ok(())
    }

    fn judge_hour(&mut self, hour: Timestamp, state: &str, reason: Option<String>, is_removed: bool) {
        let why = match (state, reason) {
            ("sealed", _) if is_removed => {
                self.removed += 1;
                "events were removed, as the retention says; their counts are kept".to_owned()
            }
            ("sealed", _) => {
                self.sealed += 1;
                return;
            }
            _ if is_removed => {
                "events were removed, as the retention says, and were not proven to be complete".to_owned()
            }
            ("gap", Some(reason)) => format!("events were not collected: {reason}"),
            ("gap", None) => "events were not collected".to_owned(),
            (_, Some(reason)) => format!("events are not proven to be complete: {reason}"),
            (_, None) => "events are not proven to be complete yet".to_owned(),
        };
        self.hour_gap(hour, hour + HOUR, why);
    }

    /// Notes the hours of which the ledger has no line.
    fn missing(&mut self, from: Timestamp, to: Timestamp) {
        let hours = to.duration_since(from).as_hours();
        if hours > 0 {
            self.hours += hours.unsigned_abs();
            self.hour_gap(from, to, "events were not collected".to_owned());
        }
    }

    /// Hours of the same reason that follow each other are one gap.
    fn hour_gap(&mut self, from: Timestamp, to: Timestamp, why: String) {
        match self.gaps.last_mut() {
            Some(last) if last.of == "events" && last.to == from && last.why == why => last.to = to,
            _ => self.gaps.push(Gap { from, to, of: "events", why }),
        }
    }

    /// For the record in the pack.
    pub(super) fn document(&self) -> Value {
        json!({
            "snapshots": self.snapshots, "incomplete_snapshots": self.incomplete,
            "longest_pause_hours": self.longest_pause_hours, "allowed_pause_hours": LONGEST_PAUSE.as_hours(),
            "hours": self.hours, "hours_proven": self.sealed, "hours_removed": self.removed, "events": self.events, "gaps": self.gaps,
        })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, of, why } = self;
        if from == to { write!(f, "{of}: {why}") } else { write!(f, "{of}, {from:.0} to {to:.0}: {why}") }
    }
}

fn hour_of(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(3_600)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_pause_of_a_day_and_a_half_is_none_and_a_longer_one_is_a_gap() {
        let mut coverage = Coverage::default();
        let from = at("2026-11-01T00:00:00Z");
        coverage.pause(Some(at("2026-11-03T00:00:00Z")), at("2026-11-04T12:00:00Z"), from);
        assert!(coverage.gaps.is_empty());
        coverage.pause(Some(at("2026-11-04T12:00:00Z")), at("2026-11-06T01:00:00Z"), from);
        assert_eq!(coverage.gaps[0].why, "no snapshot for 37 hours");
        assert_eq!(coverage.longest_pause_hours, 37);
    }

    #[test]
    fn an_hour_whose_events_were_removed_is_a_gap_for_all_but_counts() {
        let mut coverage = Coverage { hours: 3, ..Coverage::default() };
        let hours = ["2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z", "2026-11-01T02:00:00Z"].map(at);
        coverage.judge_hour(hours[0], "sealed", None, true);
        coverage.judge_hour(hours[1], "sealed", None, true);
        coverage.judge_hour(hours[2], "sealed", None, false);
        assert_eq!((coverage.sealed, coverage.removed), (1, 2));
        assert_eq!((coverage.lacking_hours(false), coverage.lacking_hours(true)), (2, 0));
        let [gap] = &coverage.gaps[..] else { panic!("{:?}", coverage.gaps) };
        assert_eq!((gap.from, gap.to, gap.of), (hours[0], hours[2], "events"));
        assert!(gap.why.contains("retention"), "{}", gap.why);
        coverage.judge_hour(hours[2], "gap", Some("refused".to_owned()), true);
        assert_eq!(coverage.removed, 2, "what was never proven is not proven by its counts");
    }

    #[test]
    fn what_lies_before_the_first_snapshot_is_a_gap_and_what_lies_before_the_period_is_none() {
        let mut coverage = Coverage::default();
        let from = at("2026-11-01T00:00:00Z");
        coverage.pause(None, at("2026-11-01T06:00:00Z"), from);
        assert_eq!(coverage.gaps[0].why, "nothing was collected before");
        let mut coverage = Coverage::default();
        coverage.pause(Some(at("2026-10-31T20:00:00Z")), at("2026-11-01T06:00:00Z"), from);
        assert!(coverage.gaps.is_empty());
    }

    #[test]
    fn hours_that_miss_for_the_same_reason_are_one_gap() {
        let mut coverage = Coverage::default();
        coverage.missing(at("2026-11-01T00:00:00Z"), at("2026-11-01T05:00:00Z"));
        coverage.judge_hour(at("2026-11-01T05:00:00Z"), "sealed", None, false);
        for hour in 6..9 {
            coverage.judge_hour(at(&format!("2026-11-01T0{hour}:00:00Z")), "open", None, false);
        }
        assert_eq!(coverage.gaps.len(), 2);
        assert_eq!(coverage.gaps[1].to, at("2026-11-01T09:00:00Z"));
        assert_eq!((coverage.hours, coverage.sealed), (5, 1), "judged hours are counted where they are read");
    }

    #[test]
    fn an_hour_begins_where_it_begins_also_before_1970() {
        assert_eq!(hour_of(at("2026-11-01T05:59:59.9Z")), at("2026-11-01T05:00:00Z"));
        assert_eq!(hour_of(at("1969-12-31T23:30:00Z")), at("1969-12-31T23:00:00Z"));
    }
}
