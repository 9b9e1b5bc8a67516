//! Runs what is due, connection by connection, until told to stop.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Connection, Stream, StreamKind};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::progress::silent;
use crate::schedule::Schedule;
use crate::sync::{Collector, SyncOptions};

/// How often is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// Syncs that run at the same time; the others wait their turn.
const AT_ONCE: usize = 4;

/// A failed run is tried again within this time, whatever its schedule says.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Runs the streams of all enabled connections on their schedules until `stop`. One connection's failure is its own.
///
/// # Errors
/// The store can not be read any more.
pub async fn run_schedule(collector: &Collector, stop: &CancellationToken) -> Result<(), Error> {
    let mut running: HashMap<Id, String> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        for connection in due(collector).await? {
            if running.len() >= AT_ONCE {
                break;
            }
            if running.values().any(|id| *id == connection.id) {
                continue;
            }
            let (id, collector, stop) = (connection.id.clone(), collector.clone(), stop.child_token());
            let task = tasks.spawn(async move { run_one(&collector, &connection, &stop).await });
            running.insert(task.id(), id);
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = collector.clock.sleep(LOOK) => {}
            Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                running.remove(&ended.map_or_else(|failure: JoinError| failure.id(), |(id, ())| id));
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// The enabled connections of this collector whose inventory is due, the longest overdue first.
async fn due(collector: &Collector) -> Result<Vec<Connection>, Error> {
    let now = collector.clock.now();
    let mut due: Vec<_> = collector
        .store
        .streams(None)
        .await?
        .into_iter()
        .filter(|stream| stream.kind == StreamKind::Inventory && is_due(stream, now))
        .collect();
    due.sort_by_key(|stream| stream.next_run_at);
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let connections = collector.store.connections().await?;
    Ok(due
        .iter()
        .filter_map(|stream| connections.iter().find(|connection| connection.id == stream.connection_id))
        .filter(|connection| connection.enabled)
        .filter(|connection| connection.collector.as_ref().is_none_or(|pinned| *pinned == collector.name))
        .cloned()
        .collect())
}

/// Its time has come; or lies further ahead than its schedule could have put it, because the clock was set back since.
fn is_due(stream: &Stream, now: Timestamp) -> bool {
    let (Ok(schedule), Some(next)) = (stream.schedule.parse::<Schedule>(), stream.next_run_at) else { return false };
    let latest = schedule.next(Some(now), now).into_iter().chain(now.checked_add(LONGEST_RETRY).ok()).max();
    next <= now || latest.is_some_and(|latest| next > latest)
}

async fn run_one(collector: &Collector, connection: &Connection, stop: &CancellationToken) {
    let options = SyncOptions { started_by: "system".to_owned(), accept_shrink: false };
    match collector.sync_inventory(connection, &options, silent(), stop).await {
        Ok(report) => tracing::info!(
            connection = connection.name,
            run = report.run,
            outcome = report.outcome.word(),
            seconds = report.took.as_secs_f64(),
            "inventory synced"
        ),
        Err(Error::Store(store::Error::Held { holder, .. })) => {
            tracing::debug!(connection = connection.name, holder, "somebody else syncs it");
            // Look again later, not every second.
            collector.clock.sleep(Duration::from_secs(10)).await;
        }
        Err(error) => {
            tracing::warn!(connection = connection.name, %error, code = error.code(), "inventory sync failed")
        }
    }
}
