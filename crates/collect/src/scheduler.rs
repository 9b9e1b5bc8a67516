//! Runs what is due, connection by connection, until told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Asked, Connection, Stream, StreamKind};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::events::{EventOptions, EventReport, Sharing, may_share};
use crate::progress::silent;
use crate::schedule::Schedule;
use crate::sync::{Collector, SyncOptions};

/// How often is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// Syncs of each stream that run at the same time; the others wait their turn.
const AT_ONCE: usize = 4;
/// An organization's events get so long at a time; then the others have their turn, and it goes on after them.
const EVENTS_TURN: Duration = Duration::from_secs(45);

/// Streams of events that are due within this time run with one that is due now, if one request may serve both: from then
/// on they are due together.
const NEAR: SignedDuration = SignedDuration::from_secs(30);

/// A failed run is tried again within this time, whatever its schedule says.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// A stream whose turn it is.
#[derive(Debug, Clone)]
struct Turn {
    connection: Connection,
    kind: StreamKind,
    /// Somebody wants it now; otherwise its time has come.
    asked: Option<Asked>,
}

/// Runs the streams of all enabled connections on their schedules, and those that somebody asks for, until `stop`. One
/// connection's failure is its own.
///
/// # Errors
/// The store can not be read any more.
pub async fn run_schedule(collector: &Collector, stop: &CancellationToken) -> Result<(), Error> {
    let mut running: HashMap<Id, (String, StreamKind)> = HashMap::new();
    let mut tasks = JoinSet::new();
    let sharing = Arc::new(Sharing::default());
    loop {
        let (due, near) = due(collector).await?;
        let near = Arc::new(near);
        for Turn { connection, kind, asked } in due {
            // A person who waits does not queue behind the schedule.
            let is_crowded = asked.is_none() && running.values().filter(|(_, other)| *other == kind).count() >= AT_ONCE;
            if is_crowded || running.values().any(|(id, other)| *id == connection.id && *other == kind) {
                continue;
            }
            let (id, collector, stop) = (connection.id.clone(), collector.clone(), stop.child_token());
            let (sharing, near) = (Arc::clone(&sharing), Arc::clone(&near));
            let task = tasks.spawn(async move {
                match (asked, kind) {
                    (Some(asked), kind) => run_asked(&collector, &connection, kind, &asked, &stop).await,
                    (None, StreamKind::Inventory) => {
                        run_inventory(&collector, &connection, "system", &stop).await;
                    }
                    (None, StreamKind::Events) => {
                        run_shared_events(&collector, &connection, &sharing, &near, &stop).await;
                    }
                }
            });
            running.insert(task.id(), (id, kind));
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

/// The streams of this collector's connections that somebody asks for or, if enabled, that are due, the longest overdue
/// first; and the connections whose events are or will be in a moment.
async fn due(collector: &Collector) -> Result<(Vec<Turn>, Vec<Connection>), Error> {
    let now = collector.clock.now();
    let mut streams = collector.store.streams(None).await?;
    streams.sort_by_key(|stream| (stream.asked.is_none(), stream.next_run_at));
    if !streams.iter().any(|stream| stream.asked.is_some() || is_due(stream, now)) {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut connections: HashMap<String, Connection> = collector
        .store
        .connections()
        .await?
        .into_iter()
        .map(|connection| (connection.id.clone(), connection))
        .collect();
    connections.retain(|_, connection| connection.collector.as_ref().is_none_or(|pinned| *pinned == collector.name));
    let (mut due, mut near) = (Vec::new(), Vec::new());
    for stream in &streams {
        let Some(connection) = connections.get(&stream.connection_id) else { continue };
        let turn = |asked| Turn { connection: connection.clone(), kind: stream.kind, asked };
        if stream.asked.is_some() {
            due.push(turn(stream.asked.clone()));
            continue;
        }
        if !connection.enabled {
            continue;
        }
        if is_due(stream, now) {
            due.push(turn(None));
        }
        // One that fails must not be the reason why the others have to ask again.
        let is_well = stream.kind == StreamKind::Events && stream.state.failures == 0;
        if is_well && stream.next_run_at.is_some_and(|next| next <= now + NEAR) {
            near.push(connection.clone());
            // A time of a cron expression is meant as it stands.
            let is_every = matches!(stream.schedule.parse(), Ok(Schedule::Every(interval)) if interval > NEAR);
            let together = |other: &Turn| other.kind == StreamKind::Events && may_share(&other.connection, connection);
            if is_every && !is_due(stream, now) && due.iter().any(together) {
                due.push(turn(None));
            }
        }
    }
    Ok((due, near))
}

/// Its time has come; or lies further ahead than its schedule could have put it, because the clock was set back since.
fn is_due(stream: &Stream, now: Timestamp) -> bool {
    let (Ok(schedule), Some(next)) = (stream.schedule.parse::<Schedule>(), stream.next_run_at) else { return false };
    let latest = schedule.next(Some(now), now).into_iter().chain(now.checked_add(LONGEST_RETRY).ok()).max();
    next <= now || latest.is_some_and(|latest| next > latest)
}

/// What somebody asked for. It stays asked for until it has ended: if this process dies or stops, another goes on.
async fn run_asked(
    collector: &Collector,
    connection: &Connection,
    kind: StreamKind,
    asked: &Asked,
    stop: &CancellationToken,
) {
    let result = match kind {
        StreamKind::Inventory => run_inventory(collector, connection, &asked.by, stop).await,
        StreamKind::Events => {
            let result = collector.sync_events(connection, &EventOptions::by(&asked.by), silent(), stop).await;
            tell_events(collector, connection, result, false, stop).await
        }
    };
    if matches!(result, Ended::Elsewhere) || stop.is_cancelled() {
        return;
    }
    if let Err(error) = collector.store.end_asked_run(&connection.id, kind, asked).await {
        tracing::error!(connection = connection.name, stream = kind.word(), %error, "it will be synced once more");
    }
}

/// Where a run came to its end.
enum Ended {
    /// Here, well or not.
    Here,
    /// Somebody else does it.
    Elsewhere,
}

async fn run_inventory(collector: &Collector, connection: &Connection, by: &str, stop: &CancellationToken) -> Ended {
    let options = SyncOptions { started_by: by.to_owned(), accept_shrink: false };
    match collector.sync_inventory(connection, &options, silent(), stop).await {
        Ok(report) => {
            tracing::info!(
                connection = connection.name,
                run = report.run,
                outcome = report.outcome.word(),
                seconds = report.took.as_secs_f64(),
                "inventory synced"
            );
            Ended::Here
        }
        Err(error) => tell(collector, connection, StreamKind::Inventory, error, stop).await,
    }
}

async fn run_shared_events(
    collector: &Collector,
    connection: &Connection,
    sharing: &Sharing,
    near: &[Connection],
    stop: &CancellationToken,
) -> Ended {
    let share = sharing.take(collector, connection, near).await;
    let is_shared = share.is_some();
    let options = EventOptions { budget: Some(EVENTS_TURN), ..EventOptions::by("system") };
    let result = collector.sync_shared_events(connection, &options, share, stop).await;
    tell_events(collector, connection, result, is_shared, stop).await
}

async fn tell_events(
    collector: &Collector,
    connection: &Connection,
    result: Result<EventReport, Error>,
    is_shared: bool,
    stop: &CancellationToken,
) -> Ended {
    match result {
        Ok(report) => {
            tracing::info!(
                connection = connection.name,
                outcome = report.outcome.word(),
                is_shared,
                new = report.new,
                sealed = report.sealed,
                left = report.left,
                removed = report.removed,
                seconds = report.took.as_secs_f64(),
                "events synced"
            );
            Ended::Here
        }
        Err(error) => tell(collector, connection, StreamKind::Events, error, stop).await,
    }
}

async fn tell(
    collector: &Collector,
    connection: &Connection,
    kind: StreamKind,
    error: Error,
    stop: &CancellationToken,
) -> Ended {
    match error {
        Error::Store(store::Error::Held { holder, .. }) => {
            tracing::debug!(connection = connection.name, stream = kind.word(), holder, "somebody else syncs it");
            // Look again later, not every second.
            tokio::select! {
                () = collector.clock.sleep(Duration::from_secs(10)) => {}
                () = stop.cancelled() => {}
            }
            Ended::Elsewhere
        }
        error => {
            let code = error.code();
            tracing::warn!(connection = connection.name, stream = kind.word(), %error, code, "sync failed");
            match error {
                Error::Store(store::Error::LeaseLost) => Ended::Elsewhere,
                _ => Ended::Here,
            }
        }
    }
}
