//! Reads an organization's events one after the other at the pace of whoever asks, which a search and an export do not.

use super::hour::Hour;
use super::row::StoredEvent;
use super::search::{EventFilter, EventOrder, Reading};
use crate::{Result, Store};

/// The events of some hours of an organization with their texts, oldest first.
pub struct EventReader<'s>(Reading<'s>);

impl Store {
    /// Begins to read the events of an organization from one hour on and before another.
    pub async fn event_reader(&self, org_id: &str, from: Hour, before: Hour) -> Result<Option<EventReader<'_>>> {
        let Some(org) = self.event_organization(org_id).await? else { return Ok(None) };
        let filter = EventFilter { from: Some(from.start()), to: Some(before.start()), ..EventFilter::default() };
        let mut reading = Reading::plan(self, org, org_id.to_owned(), &filter, EventOrder::OldestFirst, None).await?;
        reading.with_raw = true;
        Ok(Some(EventReader(reading)))
    }

    /// The organizations of which events are stored, each with the first hour that the retention has not removed.
    pub async fn organizations_with_events(&self) -> Result<Vec<(String, Hour)>> {
        let sql = "SELECT org_id, removed_before_ms FROM event_org ORDER BY org_id";
        let rows = self.db.fetch(sql, vec![]).await?;
        Ok(rows.iter().map(|row| (row.text(0), Hour::of_ms(row.integer(1)))).collect())
    }
}

impl std::fmt::Debug for EventReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventReader")
    }
}

impl EventReader<'_> {
    /// The next events, at most `most`; none at the end.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when a part is damaged.
    pub async fn next(&mut self, most: usize) -> Result<Vec<StoredEvent>> {
        self.0.next(most).await
    }
}
