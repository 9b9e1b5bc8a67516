//! Reads stored events again with the mapping as it is now, part by part. Asks JumpCloud for nothing. Stopped in between, it
//! goes on with the parts that are left.

use bumpalo::Bump;
use ocsf::{MAPPING_VERSION, Mapper, Received};
use tokio_util::sync::CancellationToken;

use super::page::row;
use super::sync::event_lease;
use crate::error::Error;
use crate::progress::{Listener, Progress};
use crate::sync::Collector;

/// What was indexed anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReindexReport {
    /// Parts that were read again.
    pub parts: u64,
    /// Their events.
    pub events: u64,
    /// Events of which the index says something else now.
    pub changed: u64,
}

impl Collector {
    /// Makes the index of an organization's events anew where an older mapping made it: one transaction a part.
    ///
    /// # Errors
    /// The organization's events are being synced, a part is damaged, or it was cancelled; what was done until then stays.
    pub async fn reindex_events(
        &self,
        org_id: &str,
        listener: &Listener,
        cancel: &CancellationToken,
    ) -> Result<ReindexReport, Error> {
        let what = format!("the events sync of {org_id}");
        let lease = self.store.take_lease(&event_lease(org_id), &what, &self.holder, self.clock.now()).await?;
        let result = self.reindex(org_id, &lease, listener, cancel).await;
        let released = self.store.release_lease(lease).await;
        let report = result?;
        released?;
        Ok(report)
    }

    async fn reindex(
        &self,
        org_id: &str,
        lease: &store::Lease,
        listener: &Listener,
        cancel: &CancellationToken,
    ) -> Result<ReindexReport, Error> {
        let mut report = ReindexReport::default();
        let told = self.store.stale_events(org_id, MAPPING_VERSION).await?;
        let mut writer = self.store.event_writer(org_id, lease, self.clock.now()).await?;
        let received = Received { organization: Some(org_id), with_raw: false, ..Received::at(0) };
        let mut mapper = Mapper::new();
        let mut texts = Bump::new();
        while let Some(part) = self.store.next_stale_part(org_id, MAPPING_VERSION).await? {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            texts.reset();
            let rows: Result<Vec<_>, Error> =
                part.texts.iter().map(|text| row(&mut mapper, text, &texts, &received, part.asked)).collect();
            let done = writer.reindex_part(part.number, &rows?, MAPPING_VERSION, self.clock.now()).await?;
            report.parts += 1;
            report.events += done.events;
            report.changed += done.changed;
            listener(Progress::Rows { table: "events", read: report.events, told: Some(told) });
        }
        while writer.renew_activity(self.clock.now()).await?.is_some() {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
        }
        Ok(report)
    }
}
