//! Asks JumpCloud again how many events an hour has, and says whether the ledger still agrees. Changes nothing.

use futures::StreamExt as _;
use jumpcloud::{Client, EventQuery};
use store::Connection;
use store::events::{Hour, Window};

use crate::error::Error;
use crate::sync::{Clients, Collector};

/// Requests at the same time.
const AT_ONCE: usize = 4;

/// One hour, counted again.
#[derive(Debug)]
pub struct Recounted {
    /// The hour.
    pub hour: Hour,
    /// JumpCloud's count now, or why there is none.
    pub counted: Result<u64, jumpcloud::Error>,
    /// Whether the stored events, counted and hashed anew, agree with the ledger; `None` when the retention has removed them.
    pub is_intact: Option<bool>,
}

impl Collector {
    /// Counts these hours again, at JumpCloud and in the store. Ends early when the credential is refused.
    ///
    /// # Errors
    /// The connection's organization is not known, its credential can not be opened, or the store can not be read.
    pub async fn recount(&self, connection: &Connection, windows: &[Window]) -> Result<Vec<Recounted>, Error> {
        let (client, org_id) = self.open_for_events(connection, "a person", &mut Clients::default()).await?;
        let mut found = Vec::with_capacity(windows.len());
        let mut counts = futures::stream::iter(windows.to_vec())
            .map(move |window: Window| {
                let client = client.clone();
                async move {
                    let counted = count(&client, window.hour).await;
                    (window, counted)
                }
            })
            .buffered(AT_ONCE);
        while let Some((window, counted)) = counts.next().await {
            let recomputed = self.store.recompute_window(&org_id, window.hour).await?;
            let is_same = recomputed.stored == window.stored
                && window.identities.as_ref().is_none_or(|hash| {
                    window.state != store::events::WindowState::Sealed || *hash == recomputed.identities
                });
            let is_dead = matches!(counted, Err(jumpcloud::Error::KeyRejected(_)));
            found.push(Recounted {
                hour: window.hour,
                counted,
                is_intact: window.removed_at.is_none().then_some(is_same),
            });
            if is_dead {
                break;
            }
        }
        Ok(found)
    }
}

/// JumpCloud's count of one hour.
pub(crate) async fn count(client: &Client, hour: Hour) -> Result<u64, jumpcloud::Error> {
    client.count_events(&EventQuery::range(hour.start(), hour.end())).await
}
