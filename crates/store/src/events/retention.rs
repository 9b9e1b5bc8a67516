//! Removes events that are older than an organization wants to keep them. The ledger's lines and the counts stay: that
//! they were complete, and how many there were, can still be shown.

use jiff::Timestamp;

use super::hour::{DAY_MS, HOUR_MS, Hour};
use super::write::EventWriter;
use crate::db::Tx;
use crate::{Result, Store};

/// About how many events one transaction removes, so that nobody waits long for the writer.
const AT_ONCE: i64 = 20_000;

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
}

impl EventWriter {
    /// Removes the events of all hours that ended before a moment, in several transactions. Stopped in between, it goes on
    /// the next time. A window that was not sealed becomes a gap.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    pub async fn remove_before(&mut self, before: Timestamp, now: Timestamp) -> Result<Removed> {
        let end = Hour::of(before);
        let mut removed = Removed::default();
        // First, so that nothing of it is stored again while it is removed.
        let mut tx = self.begin(now).await?;
        tx.execute(
            "UPDATE event_org SET removed_before_ms = $2 WHERE org = $1 AND removed_before_ms < $2",
            vec![self.org.into(), end.start_ms().into()],
        )
        .await?;
        tx.commit().await?;
        self.removed_before_ms = self.removed_before_ms.max(end.start_ms());
        while let Some(hours) = self.hours_to_remove(end).await? {
            self.remove_hours(&hours, now, &mut removed).await?;
        }
        self.remove_parts(end, now, &mut removed).await?;
        let mut tx = self.begin(now).await?;
        tx.execute(
            "DELETE FROM event_activity WHERE org = $1 AND day < $2",
            vec![self.org.into(), end.start_ms().div_euclid(DAY_MS).into()],
        )
        .await?;
        tx.commit().await?;
        removed.terms = self.remove_unused_terms(now).await?;
        Ok(removed)
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
            tx.execute(
                "UPDATE event_window SET removed_at = $3, next_check_at = NULL,
                   reason = CASE WHEN state IN ('sealed', 'gap') THEN reason ELSE 'its events were removed by the retention before it was sealed' END,
                   state = CASE WHEN state = 'sealed' THEN state ELSE 'gap' END WHERE org = $1 AND hour = $2",
                vec![self.org.into(), (*hour).into(), now.into()],
            )
            .await?;
            removed.windows += 1;
        }
        let events = removed.events - before;
        tx.execute(
            "UPDATE event_org SET removed_events = removed_events + $2 WHERE org = $1",
            vec![self.org.into(), events.into()],
        )
        .await?;
        tx.commit().await
    }

    async fn remove_parts(&self, end: Hour, now: Timestamp, removed: &mut Removed) -> Result<()> {
        loop {
            let mut tx = self.begin(now).await?;
            let rows = tx
                .fetch(
                    "SELECT number FROM event_part WHERE org = $1 AND last_ms < $2 ORDER BY number LIMIT 64",
                    vec![self.org.into(), end.start_ms().into()],
                )
                .await?;
            if rows.is_empty() {
                return Ok(());
            }
            let numbers: Vec<String> = rows.iter().map(|row| row.integer(0).to_string()).collect();
            let numbers = numbers.join(",");
            let org = || vec![self.org.into()];
            tx.execute(&format!("DELETE FROM event_raw WHERE org = $1 AND part IN ({numbers})"), org()).await?;
            removed.parts +=
                tx.execute(&format!("DELETE FROM event_part WHERE org = $1 AND number IN ({numbers})"), org()).await?;
            tx.commit().await?;
        }
    }
}

/// All tables that hold an organization's events, by its number.
const TABLES: [&str; 10] = [
    "event",
    "event_untimed",
    "event_part",
    "event_raw",
    "event_term",
    "event_kind",
    "event_count",
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
