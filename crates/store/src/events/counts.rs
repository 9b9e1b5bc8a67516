//! How many events there are, without reading them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::hour::{Hour, moment};
use super::row::EventOutcome;
use super::search::{EventFilter, list};
use super::terms::kinds_of;
use crate::schema::Cell;
use crate::{Result, Store};

/// How many events of one kind ended in one way in an hour or on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCount {
    /// The first hour that was counted.
    pub from: Hour,
    /// The service.
    pub service: String,
    /// The event type.
    pub event_type: String,
    /// OCSF class.
    pub class_uid: u16,
    /// OCSF activity.
    pub activity_id: u8,
    /// The outcome.
    pub outcome: EventOutcome,
    /// How many events.
    pub events: u64,
}

/// A type of events that an organization emits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypeSeen {
    /// The service; empty if events of the type name none.
    pub service: String,
    /// The type; empty if the events name none.
    pub event_type: String,
    /// OCSF class.
    pub class_uid: u16,
    /// The mapping knows it.
    pub is_mapped: bool,
    /// How many events came.
    pub events: u64,
    /// Time of the first.
    pub first: Timestamp,
    /// Time of the last.
    pub last: Timestamp,
}

/// How many events there were over a time, of several organizations together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTally {
    /// Events, and those of them that failed, by the hour or by the first hour of the day; what has none is left out.
    pub times: BTreeMap<Hour, (u64, u64)>,
    /// Events by type, the most frequent type first; an empty text where events name none.
    pub types: Vec<(String, u64)>,
}

/// What is stored of an organization's events, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventsHeld {
    /// Events that are stored now.
    pub events: u64,
    /// Time of the newest.
    pub newest: Option<Timestamp>,
    /// Time of the oldest.
    pub oldest: Option<Timestamp>,
    /// Windows by state: open, read, sealed, reopened, gap.
    pub windows: [u64; 5],
}

impl Store {
    /// Counts of an organization by kind and outcome, by hour or by UTC day, from one hour on and before another. Counts
    /// stay when the retention removes the events.
    pub async fn event_counts(&self, org_id: &str, from: Hour, before: Hour, by_day: bool) -> Result<Vec<EventCount>> {
        let Some(org) = self.event_organization(org_id).await? else { return Ok(Vec::new()) };
        let hours = if by_day { 24 } else { 1 };
        let kinds = kinds_of(&self.db, org).await?;
        // Summed by numbers; what they stand for is known without a join.
        let sql = format!(
            "SELECT hour / {hours}, kind, outcome, CAST(SUM(events) AS BIGINT) FROM event_count
             WHERE org = $1 AND hour >= $2 AND hour < $3 GROUP BY hour / {hours}, kind, outcome ORDER BY 1, 2, 3"
        );
        let rows = self.db.fetch(&sql, vec![org.into(), from.number().into(), before.number().into()]).await?;
        Ok(rows
            .iter()
            .map(|row| {
                let kind = kinds.get(&row.integer(1)).cloned().unwrap_or_default();
                EventCount {
                    from: Hour::from_number(row.integer(0) * hours),
                    service: kind.service,
                    event_type: kind.event_type,
                    class_uid: kind.class_uid,
                    activity_id: kind.activity_id,
                    outcome: EventOutcome::from_number(row.integer(2)),
                    events: row.integer(3).unsigned_abs(),
                }
            })
            .collect())
    }

    /// Counts events by the hour, or by the day, from one hour on and before another; of days both are the first hour. Of the
    /// filter the organizations, services, types, classes and outcomes count: who took part is not known here.
    pub async fn event_tally(
        &self,
        filter: &EventFilter,
        from: Hour,
        before: Hour,
        by_day: bool,
    ) -> Result<EventTally> {
        let (table, unit, hours) = if by_day { ("event_day_count", "day", 24) } else { ("event_count", "hour", 1) };
        let mut condition = format!("org = $1 AND {unit} >= $2 AND {unit} < $3");
        if !filter.outcomes.is_empty() {
            let outcomes: Vec<i64> = filter.outcomes.iter().map(|outcome| outcome.number()).collect();
            condition = format!("{condition} AND outcome IN ({})", list(&outcomes));
        }
        let (mut tally, mut types) = (EventTally::default(), BTreeMap::<String, u64>::new());
        for (org, _) in self.event_organizations(&filter.org_ids).await? {
            let args = || vec![Cell::Integer(org), (from.number() / hours).into(), (before.number() / hours).into()];
            let mut condition = condition.clone();
            if filter.asks_kind() {
                let kinds = kinds_of(&self.db, org).await?;
                let wanted: Vec<i64> =
                    kinds.iter().filter(|(_, kind)| filter.wants_kind(kind)).map(|(number, _)| *number).collect();
                condition = format!("{condition} AND kind IN ({})", list(&wanted));
            }
            // In the order of the key, so that nothing is sorted.
            let sql = format!(
                "SELECT {unit}, CAST(SUM(events) AS BIGINT),
                   CAST(SUM(CASE WHEN outcome = {} THEN events ELSE 0 END) AS BIGINT)
                 FROM {table} WHERE {condition} GROUP BY {unit}",
                EventOutcome::Failure.number()
            );
            for row in self.db.fetch(&sql, args()).await? {
                let counted = tally.times.entry(Hour::from_number(row.integer(0) * hours)).or_default();
                counted.0 += row.integer(1).unsigned_abs();
                counted.1 += row.integer(2).unsigned_abs();
            }
            let sql = format!(
                "SELECT k.event_type, CAST(SUM(c.events) AS BIGINT)
                 FROM (SELECT kind, SUM(events) AS events FROM {table} WHERE {condition} GROUP BY kind) c
                 JOIN event_kind k ON k.org = $1 AND k.number = c.kind GROUP BY k.event_type"
            );
            for row in self.db.fetch(&sql, args()).await? {
                *types.entry(row.text(0)).or_default() += row.integer(1).unsigned_abs();
            }
        }
        tally.types = types.into_iter().collect();
        tally.types.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
        Ok(tally)
    }

    /// What types of events an organization has emitted, by service and type.
    pub async fn event_types_seen(&self, org_id: &str) -> Result<Vec<EventTypeSeen>> {
        let rows = self
            .db
            .fetch(
                "SELECT k.service, k.event_type, k.class_uid, k.mapped, CAST(SUM(k.events) AS BIGINT), MIN(k.first_ms), MAX(k.last_ms)
                 FROM event_org o JOIN event_kind k ON k.org = o.org WHERE o.org_id = $1
                 GROUP BY k.service, k.event_type, k.class_uid, k.mapped ORDER BY 1, 2, 3, 4",
                vec![org_id.into()],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| EventTypeSeen {
                service: row.text(0),
                event_type: row.text(1),
                class_uid: u16::try_from(row.integer(2)).unwrap_or(0),
                is_mapped: row.boolean(3),
                events: row.integer(4).unsigned_abs(),
                first: moment(row.integer(5)),
                last: moment(row.integer(6)),
            })
            .collect())
    }

    /// What is stored of an organization's events.
    pub async fn events_held(&self, org_id: &str) -> Result<EventsHeld> {
        let Some(org) = self.event_organization(org_id).await? else { return Ok(EventsHeld::default()) };
        let rows = self
            .db
            .fetch(
                "SELECT state, COUNT(*), CAST(SUM(CASE WHEN removed_at IS NULL THEN stored ELSE 0 END) AS BIGINT),
                   MIN(CASE WHEN removed_at IS NULL THEN first_ms END), MAX(CASE WHEN removed_at IS NULL THEN last_ms END)
                 FROM event_window WHERE org = $1 GROUP BY state",
                vec![org.into()],
            )
            .await?;
        let mut held = EventsHeld::default();
        for row in rows {
            let state = super::WindowState::from_word(&row.text(0));
            if let Some(at) = super::WindowState::ALL.iter().position(|other| Some(*other) == state) {
                held.windows[at] = row.integer(1).unsigned_abs();
            }
            held.events += row.integer(2).unsigned_abs();
            let (first, last) = (row.maybe_integer(3).map(moment), row.maybe_integer(4).map(moment));
            held.oldest = held.oldest.into_iter().chain(first).min();
            held.newest = held.newest.into_iter().chain(last).max();
        }
        Ok(held)
    }

    /// An organization's number, if any of its events was ever to be written.
    pub(crate) async fn event_organization(&self, org_id: &str) -> Result<Option<i64>> {
        let rows = self.db.fetch("SELECT org FROM event_org WHERE org_id = $1", vec![org_id.into()]).await?;
        Ok(rows.first().map(|row| row.integer(0)))
    }
}
