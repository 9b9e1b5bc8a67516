//! Runs what is due, connection by connection, until told to stop.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{Connection, StreamKind};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::progress::silent;
use crate::schedule::Schedule;
use crate::sync::{Collector, SyncOptions};

/// How often is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// Syncs that run at the same time; the others wait their turn.
const AT_ONCE: usize = 4;

/// Runs the streams of all enabled connections on their schedules until `stop`. One connection's failure is its own.
///
/// # Errors
/// The store can not be read any more.
pub async fn run_schedule(collector: &Collector, stop: &CancellationToken) -> Result<(), Error> {
    let running: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut tasks = JoinSet::new();
    loop {
        for connection in due(collector).await? {
            let mut now_running = running.lock().unwrap_or_else(PoisonError::into_inner);
            if now_running.len() >= AT_ONCE || !now_running.insert(connection.id.clone()) {
                continue;
            }
            let (collector, stop, running) = (collector.clone(), stop.child_token(), Arc::clone(&running));
            tasks.spawn(async move {
                run_one(&collector, &connection, &stop).await;
                running.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection.id);
            });
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = collector.clock.sleep(LOOK) => {}
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
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
        .filter(|stream| stream.kind == StreamKind::Inventory && stream.schedule.parse::<Schedule>().is_ok())
        .filter(|stream| stream.next_run_at.is_some_and(|next| next <= now))
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
