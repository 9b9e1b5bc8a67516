//! Removes events that are older than an organization wants to keep them. The ledger's lines and the counts stay: that
//! they were complete, and how many there were, can still be shown.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::hour::{DAY_MS, HOUR_MS, Hour, moment};
use super::months::{begin_of, empty_month, month_of};
use super::write::EventWriter;
use crate::db::Tx;
use crate::{Result, Store};

/// About how many events one transaction removes, so that nobody waits long for the writer.
const AT_ONCE: i64 = 20_000;

/// Lines of the ledger that one transaction makes.
const WINDOWS_AT_ONCE: usize = 500;

/// What was removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Windows whose events are gone.
    pub windows: u64,
    /// Events of the index.
    pub events: u64,
    /// Parts; one that holds a newer event as well stays until that is old.
    pub parts: u64,
    /// Names and other texts of the index that nothing refers to any more. They are removed when a tenth as many events
    /// as are left were removed since they were last.
    pub terms: u64,
    /// Months that were emptied at one stroke (PostgreSQL); their windows and events are counted above.
    pub months: u64,
    /// It was stopped before the end.
    pub has_more: bool,
}

impl Store {
    /// Before which moment an organization's events were removed by its retention; `None` if none were.
    pub async fn events_kept_from(&self, org_id: &str) -> Result<Option<Timestamp>> {
        let sql = "SELECT removed_before_ms FROM event_org WHERE org_id = $1";
        let rows = self.db.fetch(sql, vec![org_id.into()]).await?;
        Ok(rows.first().map(|row| row.integer(0)).filter(|ms| *ms > i64::MIN).map(moment))
    }
}

impl EventWriter {
    /// Removes the events of all hours that ended before a moment, in several transactions, as long as `goes_on` says so
    /// between them. Stopped in between, it goes on the next time; where all is removed already, it asks nothing. A window
    /// that was not sealed becomes a gap.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    pub async fn remove_before(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        mut goes_on: impl FnMut() -> bool + Send,
    ) -> Result<Removed> {
        let end = Hour::of(before);
        let mut removed = Removed::default();
        if end.start_ms() <= self.removed_to_ms {
            return Ok(removed);
        }
        removed.has_more = true;
        // First, so that nothing of it is stored again while it is removed.
        let mut tx = self.begin(now).await?;
        tx.execute(
            "UPDATE event_org SET removed_before_ms = $2 WHERE org = $1 AND removed_before_ms < $2",
            vec![self.org.into(), end.start_ms().into()],
        )
        .await?;
        tx.commit().await?;
        self.removed_before_ms = self.removed_before_ms.max(end.start_ms());
        for month in self.months_to_remove(end).await? {
            if !goes_on() {
                return Ok(removed);
            }
            self.remove_month(month, now, &mut removed).await?;
        }
        while let Some(hours) = self.hours_to_remove(end).await? {
            if !goes_on() {
                return Ok(removed);
            }
            self.remove_hours(&hours, now, &mut removed).await?;
        }
        while goes_on() {
            if !self.remove_some_parts(end, now, &mut removed).await? {
                return self.finish(end, now, removed).await;
            }
        }
        Ok(removed)
    }

    /// The first moment of which events are still kept.
    pub fn kept_from(&self) -> Timestamp {
        moment(self.removed_before_ms)
    }

    /// What is left to do when no event is left to remove.
    async fn finish(&mut self, end: Hour, now: Timestamp, mut removed: Removed) -> Result<Removed> {
        if let Some(first) = self.store.first_event_window(&self.org_id).await?.filter(|first| *first < end) {
            // An hour that nobody has read and nobody will: it must not look as if it were still to come.
            for hours in self.missing(first, end.previous(), now).await?.chunks(WINDOWS_AT_ONCE) {
                let mut tx = self.begin(now).await?;
                for hour in hours {
                    self.ensure_window(&mut tx, *hour).await?;
                    self.mark_removed(&mut tx, *hour, hour.next(), now).await?;
                }
                tx.commit().await?;
            }
        }
        let mut tx = self.begin(now).await?;
        tx.execute(
            "DELETE FROM event_activity WHERE org = $1 AND day < $2",
            vec![self.org.into(), end.start_ms().div_euclid(DAY_MS).into()],
        )
        .await?;
        tx.commit().await?;
        removed.terms = self.remove_unused_terms(now).await?;
        let mut tx = self.begin(now).await?;
        tx.execute(
            "UPDATE event_org SET removed_to_ms = $2 WHERE org = $1",
            vec![self.org.into(), end.start_ms().into()],
        )
        .await?;
        tx.commit().await?;
        self.removed_to_ms = end.start_ms();
        removed.has_more = false;
        Ok(removed)
    }

    /// Months that lie wholly before an hour and have events that are to go; none on SQLite, which has no months.
    async fn months_to_remove(&self, end: Hour) -> Result<Vec<i64>> {
        if !self.store.db.is_postgres() {
            return Ok(Vec::new());
        }
        let rows = self
            .store
            .db
            .fetch(
                "SELECT DISTINCT hour / 24 FROM event_window WHERE org = $1 AND hour < $2 AND removed_at IS NULL AND stored > 0",
                vec![self.org.into(), end.number().into()],
            )
            .await?;
        let months: BTreeSet<i64> = rows.iter().map(|row| month_of(row.integer(0) * DAY_MS)).collect();
        Ok(months.into_iter().filter(|month| begin_of(month + 1) <= end.start_ms()).collect())
    }

    /// Empties a month's table at one stroke, if no other organization has events in it; else its rows go one by one later.
    async fn remove_month(&self, month: i64, now: Timestamp, removed: &mut Removed) -> Result<()> {
        let (from, to) = (Hour::of_ms(begin_of(month)), Hour::of_ms(begin_of(month + 1)));
        let mut tx = self.begin(now).await?;
        if !empty_month(&mut tx, self.org, month).await? {
            return Ok(());
        }
        let rows = tx
            .fetch(
                "SELECT COUNT(*), CAST(COALESCE(SUM(stored), 0) AS BIGINT) FROM event_window
                 WHERE org = $1 AND hour >= $2 AND hour < $3 AND removed_at IS NULL",
                vec![self.org.into(), from.number().into(), to.number().into()],
            )
            .await?;
        let (windows, events) = rows.first().map_or((0, 0), |row| (row.integer(0), row.integer(1)));
        tx.execute(
            "DELETE FROM event_untimed WHERE org = $1 AND time_ms >= $2 AND time_ms < $3",
            vec![self.org.into(), from.start_ms().into(), to.start_ms().into()],
        )
        .await?;
        self.mark_removed(&mut tx, from, to, now).await?;
        self.note_removed(&mut tx, events.unsigned_abs()).await?;
        tx.commit().await?;
        removed.windows += windows.unsigned_abs();
        removed.events += events.unsigned_abs();
        removed.months += 1;
        Ok(())
    }

    /// Some of the oldest windows that are to go; none when all are gone.
    async fn hours_to_remove(&self, end: Hour) -> Result<Option<Vec<i64>>> {
        let rows = self
            .store
            .db
            .fetch(
                "SELECT hour, stored FROM event_window WHERE org = $1 AND hour < $2 AND removed_at IS NULL
                 ORDER BY hour LIMIT 200",
                vec![self.org.into(), end.number().into()],
            )
            .await?;
        let mut events = 0;
        let hours: Vec<i64> = rows
            .iter()
            .take_while(|row| {
                let has_room = events == 0 || events + row.integer(1) <= AT_ONCE;
                events += row.integer(1);
                has_room
            })
            .map(|row| row.integer(0))
            .collect();
        Ok((!hours.is_empty()).then_some(hours))
    }

    async fn remove_hours(&self, hours: &[i64], now: Timestamp, removed: &mut Removed) -> Result<()> {
        let mut tx = self.begin(now).await?;
        let before = removed.events;
        for hour in hours {
            let span = || vec![self.org.into(), (hour * HOUR_MS).into(), ((hour + 1) * HOUR_MS).into()];
            let in_span = "org = $1 AND time_ms >= $2 AND time_ms < $3";
            removed.events += tx.execute(&format!("DELETE FROM event WHERE {in_span}"), span()).await?;
            tx.execute(&format!("DELETE FROM event_untimed WHERE {in_span}"), span()).await?;
            self.mark_removed(&mut tx, Hour::from_number(*hour), Hour::from_number(*hour).next(), now).await?;
            removed.windows += 1;
        }
        self.note_removed(&mut tx, removed.events - before).await?;
        tx.commit().await
    }

    /// Notes in the ledger that the events of these windows are gone. What was proven stays proven.
    async fn mark_removed(&self, tx: &mut Tx, from: Hour, before: Hour, now: Timestamp) -> Result<()> {
        tx.execute(
            "UPDATE event_window SET removed_at = $4, next_check_at = NULL,
               reason = CASE WHEN state IN ('sealed', 'gap') THEN reason
                 WHEN asked_at IS NULL AND stored = 0 THEN 'it was not read before the retention passed'
                 ELSE 'its events were removed by the retention before it was sealed' END,
               state = CASE WHEN state = 'sealed' THEN state ELSE 'gap' END
             WHERE org = $1 AND hour >= $2 AND hour < $3 AND removed_at IS NULL",
            vec![self.org.into(), from.number().into(), before.number().into(), now.into()],
        )
        .await
        .map(drop)
    }

    /// See `remove_unused_terms`.
    async fn note_removed(&self, tx: &mut Tx, events: u64) -> Result<()> {
        tx.execute(
            "UPDATE event_org SET removed_events = removed_events + $2 WHERE org = $1",
            vec![self.org.into(), events.into()],
        )
        .await
        .map(drop)
    }

    /// Removes some of the parts whose events are all old; says whether there were any.
    async fn remove_some_parts(&self, end: Hour, now: Timestamp, removed: &mut Removed) -> Result<bool> {
        let mut tx = self.begin(now).await?;
        let rows = tx
            .fetch(
                "SELECT number FROM event_part WHERE org = $1 AND last_ms < $2 ORDER BY number LIMIT 64",
                vec![self.org.into(), end.start_ms().into()],
            )
            .await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let numbers: Vec<String> = rows.iter().map(|row| row.integer(0).to_string()).collect();
        let numbers = numbers.join(",");
        let org = || vec![self.org.into()];
        tx.execute(&format!("DELETE FROM event_raw WHERE org = $1 AND part IN ({numbers})"), org()).await?;
        removed.parts +=
            tx.execute(&format!("DELETE FROM event_part WHERE org = $1 AND number IN ({numbers})"), org()).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// All tables that hold an organization's events, by its number.
const TABLES: [&str; 11] = [
    "event",
    "event_untimed",
    "event_part",
    "event_raw",
    "event_term",
    "event_kind",
    "event_count",
    "event_day_count",
    "event_activity",
    "event_stale_day",
    "event_window",
];

/// Removes everything of an organization's events, the ledger included.
pub(crate) async fn purge(store: &Store, tx: &mut Tx, org_id: &str) -> Result<()> {
    let Some(org) = store.event_organization(org_id).await? else { return Ok(()) };
    // The organization first: a writer that is under way needs its row, waits, and then finds it gone.
    tx.execute("DELETE FROM event_org WHERE org = $1", vec![org.into()]).await?;
    for table in TABLES {
        tx.execute(&format!("DELETE FROM {table} WHERE org = $1"), vec![org.into()]).await?;
    }
    Ok(())
}
