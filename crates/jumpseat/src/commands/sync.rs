//! `sync`: collects now, with progress on the terminal, and says what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use collect::events::{EventOptions, EventReport};
use collect::{Collector, Listener, Progress, SyncOptions, SyncReport};
use futures::StreamExt as _;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Connection, Outcome, TableRecord};
use tokio_util::sync::CancellationToken;

use super::{Global, audit};
use crate::context::{Context, this_person};
use crate::exit::{Exit, Problem, eprintln_quietly, exit_for};
use crate::output::{Format, printable, write_json, write_lines};
use crate::posture::check_what_was_left;
use crate::when::{parse_day, relative, span};

/// Organizations that are synced at the same time.
const AT_ONCE: usize = 4;

#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// Which connections; all that are enabled, if none is named.
    names: Vec<String>,
    /// What to collect; both, if not said.
    #[arg(long, value_enum)]
    stream: Option<StreamName>,
    /// Events: begin here (date or RFC 3339 time) instead of with the oldest that JumpCloud keeps.
    #[arg(long, value_name = "TIME", value_parser = parse_day)]
    since: Option<Timestamp>,
    /// Believe at once that many rows are gone, instead of waiting for a second sync to confirm it.
    #[arg(long)]
    accept_shrink: bool,
}

/// What a connection collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StreamName {
    /// Snapshots of users, devices and everything else.
    Inventory,
    /// Directory Insights events.
    Events,
}

/// One connection's events, done or failed.
pub(super) type EventsSynced = (Connection, Result<EventReport, collect::Error>);

/// One connection's sync, done or failed.
pub(super) type Synced = (Connection, Result<SyncReport, collect::Error>);

pub(super) async fn run(args: SyncArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let mut connections = context.named(&args.names).await?;
    if args.names.is_empty() {
        connections.retain(|connection| connection.enabled);
    }
    if connections.is_empty() {
        return Err(Problem::not_found(
            "there is nothing to sync",
            "Add a connection with `jumpseat connection add`, or look around with `jumpseat demo`.",
        ));
    }
    let named = connections.clone();
    let collector = context.collector("jumpseat sync")?;
    let options = SyncOptions { started_by: this_person(), accept_shrink: args.accept_shrink };
    let streams: &[&str] = match args.stream {
        None => &["inventory", "events"],
        Some(StreamName::Inventory) => &["inventory"],
        Some(StreamName::Events) => &["events"],
    };
    for connection in &named {
        let detail = json!({ "streams": streams, "accept_shrink": args.accept_shrink });
        let org_id = connection.org_id.as_deref();
        audit::note(&context, "connection.sync", &connection.name, org_id, detail).await?;
    }
    let cancel = cancel_on_signal();
    let synced = match args.stream {
        Some(StreamName::Events) => Vec::new(),
        _ => sync_all(&collector, connections.clone(), &options, &cancel).await,
    };
    let events = match args.stream {
        Some(StreamName::Inventory) => Vec::new(),
        _ => {
            // A credential that was just refused is not shown once more.
            connections.retain(|connection| {
                !synced.iter().any(|(other, result)| {
                    other.id == connection.id && result.as_ref().is_err_and(collect::Error::needs_a_person)
                })
            });
            let options = EventOptions { since: args.since, ..EventOptions::by(&this_person()) };
            sync_all_events(&collector, connections, &options, &cancel).await
        }
    };
    let org_ids: Vec<String> = named.iter().filter_map(|connection| connection.org_id.clone()).collect();
    if !cancel.is_cancelled() && !context.store.unchecked_snapshots().await?.is_empty() {
        check_what_was_left(&context.posture("jumpseat sync")?, Some(&org_ids)).await?;
    }
    if context.format == Format::Table {
        let inventory = synced.iter().flat_map(|(connection, result)| summary_lines(connection, result));
        let events = events.iter().flat_map(|(connection, result)| event_lines(connection, result));
        write_lines(&inventory.chain(events).collect::<Vec<_>>())?;
    } else {
        let inventory = synced.iter().map(|(connection, result)| summary_json(connection, result));
        let events = events.iter().map(|(connection, result)| event_json(connection, result));
        write_json(&Value::Array(inventory.chain(events).collect()))?;
    }
    context.store.close().await;
    let exits = synced.iter().map(exit_of_one).chain(events.iter().map(exit_of_events));
    Ok(worst(&exits.collect::<Vec<_>>()))
}

/// A token that Ctrl-C and a polite kill cancel; a second Ctrl-C ends the program at once.
pub(super) fn cancel_on_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(terminate) => terminate,
            Err(error) => {
                tracing::warn!(%error, "SIGTERM can not be listened for");
                return;
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
        if tokio::signal::ctrl_c().await.is_ok() {
            // Nothing committed can be lost by this; the next run tidies up.
            std::process::exit(Exit::Interrupted as i32);
        }
    });
    token
}

/// Syncs the inventory of several connections, a few at a time, each with its line of progress. The order stays.
pub(super) async fn sync_all(
    collector: &Collector,
    connections: Vec<Connection>,
    options: &SyncOptions,
    cancel: &CancellationToken,
) -> Vec<Synced> {
    with_progress(connections, |connection, listener| async move {
        let result = collector.sync_inventory(&connection, options, listener, cancel).await;
        (connection, result)
    })
    .await
}

/// The same for their events.
pub(super) async fn sync_all_events(
    collector: &Collector,
    connections: Vec<Connection>,
    options: &EventOptions,
    cancel: &CancellationToken,
) -> Vec<EventsSynced> {
    with_progress(connections, |connection, listener| async move {
        // An organization that the inventory has just found out is known to the store only.
        let known = collector.store.find_connection(&connection.id).await.ok().flatten();
        let connection = known.unwrap_or(connection);
        let result = collector.sync_events(&connection, options, listener, cancel).await;
        (connection, result)
    })
    .await
}

/// Works on several connections, a few at a time, each with its line of progress. The order stays.
pub(super) async fn with_progress<Done, Working: Future<Output = Done>>(
    connections: Vec<Connection>,
    work: impl Fn(Connection, Listener) -> Working,
) -> Vec<Done> {
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    futures::stream::iter(connections)
        .map(|connection| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_prefix(printable(&connection.name));
            let working = work(connection, progress_on(bar.clone()));
            async move {
                bar.set_style(
                    ProgressStyle::with_template("{spinner} {prefix:.bold}  {msg}  [{elapsed}]")
                        .expect("a fixed template"),
                );
                bar.enable_steady_tick(Duration::from_millis(120));
                let done = working.await;
                bar.finish_and_clear();
                done
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

fn event_lines(connection: &Connection, result: &Result<EventReport, collect::Error>) -> Vec<String> {
    let name = printable(&connection.name);
    match result {
        Ok(report) => {
            let calls: u64 = report.calls.iter().map(|call| call.calls).sum();
            let mut lines = vec![format!(
                "{name}: events in {}: {} new, {} again, {} late; {} hours proven, {calls} requests",
                span(report.took),
                report.new,
                report.duplicates,
                report.late,
                report.sealed,
            )];
            lines.extend(
                report.unproven.iter().take(10).map(|(hour, why)| format!("  not proven {hour}: {}", printable(why))),
            );
            lines
        }
        Err(error) => vec![
            format!("{name}: events failed: {}", printable(&error.to_string())),
            format!("  {}", printable(&error.help())),
        ],
    }
}

fn event_json(connection: &Connection, result: &Result<EventReport, collect::Error>) -> Value {
    match result {
        Ok(report) => json!({
            "connection": connection.name,
            "stream": "events",
            "org_id": report.org_id,
            "run": report.run,
            "outcome": report.outcome.word(),
            "seconds": report.took.as_secs_f64(),
            "requests": report.calls.iter().map(|call| call.calls).sum::<u64>(),
            "new": report.new,
            "duplicates": report.duplicates,
            "late": report.late,
            "hours_sealed": report.sealed,
            "not_proven": report.unproven.iter()
                .map(|(hour, why)| json!({ "hour": hour.to_string(), "reason": why })).collect::<Vec<_>>(),
        }),
        Err(error) => json!({
            "connection": connection.name,
            "stream": "events",
            "org_id": connection.org_id,
            "outcome": if matches!(error, collect::Error::Cancelled) { "cancelled" } else { "failed" },
            "error": { "code": error.code(), "message": error.to_string(), "help": error.help() },
        }),
    }
}

/// News of a sync as one line: rows in all, and what is being read.
fn progress_on(bar: ProgressBar) -> Listener {
    let read: Mutex<BTreeMap<&'static str, u64>> = Mutex::default();
    Arc::new(move |news| match news {
        Progress::Stage(stage) => bar.set_message(stage),
        Progress::Rows { table, read: count, told } => {
            let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
            read.insert(table, count);
            let sum: u64 = read.values().sum();
            let of = told.map(|told| format!(" of {told}")).unwrap_or_default();
            bar.set_message(format!("{sum} rows, {table} {count}{of}"));
        }
        Progress::Waiting(until) => bar.set_message(format!("JumpCloud asks us to wait until {until}")),
    })
}

/// Rows per table over its sources.
pub(super) fn table_sums(records: &[TableRecord]) -> Vec<(String, TableSum)> {
    let mut sums: Vec<(String, TableSum)> = Vec::new();
    for record in records {
        let at = match sums.iter().position(|(name, _)| *name == record.table) {
            Some(at) => at,
            None => {
                sums.push((record.table.clone(), TableSum::default()));
                sums.len() - 1
            }
        };
        let sum = &mut sums[at].1;
        sum.read += record.read;
        sum.new += record.new;
        sum.changed += record.changed;
        sum.gone += record.gone;
        sum.unchanged += record.unchanged;
        sum.held += record.held;
        if record.state != store::TableState::Complete {
            let part = if record.part.is_empty() { String::new() } else { format!("{}: ", record.part) };
            sum.lacking.push((
                record.shortfall().is_some(),
                format!("{part}{}", record.reason.as_deref().unwrap_or(record.state.word())),
            ));
        }
    }
    sums
}

/// What a sync did to one table.
#[derive(Debug, Default)]
pub(super) struct TableSum {
    pub(super) read: u64,
    pub(super) new: u64,
    pub(super) changed: u64,
    pub(super) gone: u64,
    pub(super) unchanged: u64,
    pub(super) held: u64,
    /// What was not read: whether it counts against completeness, and why.
    pub(super) lacking: Vec<(bool, String)>,
}

fn summary_lines(connection: &Connection, result: &Result<SyncReport, collect::Error>) -> Vec<String> {
    let name = printable(&connection.name);
    match result {
        Ok(report) => {
            let sums = table_sums(&report.tables);
            let total = |count: fn(&TableSum) -> u64| sums.iter().map(|(_, sum)| count(sum)).sum::<u64>();
            let complete = if report.outcome == Outcome::Succeeded { "complete" } else { "incomplete" };
            let calls: u64 = report.calls.iter().map(|call| call.calls).sum();
            let mut lines = vec![format!(
                "{name}: {complete} in {}, {} rows in {} tables ({} new, {} changed, {} gone), {calls} requests",
                span(report.took),
                total(|sum| sum.held),
                sums.len(),
                total(|sum| sum.new),
                total(|sum| sum.changed),
                total(|sum| sum.gone),
            )];
            for (table, sum) in &sums {
                for (counts, why) in &sum.lacking {
                    let mark = if *counts { "missing" } else { "without" };
                    lines.push(format!("  {mark} {table}: {}", printable(why)));
                }
            }
            lines
        }
        Err(error) => vec![
            format!("{name}: failed: {}", printable(&error.to_string())),
            format!("  {}", printable(&error.help())),
        ],
    }
}

pub(super) fn summary_json(connection: &Connection, result: &Result<SyncReport, collect::Error>) -> Value {
    match result {
        Ok(report) => {
            let tables: serde_json::Map<String, Value> = table_sums(&report.tables)
                .into_iter()
                .map(|(name, sum)| {
                    let lacking: Vec<Value> = sum.lacking.iter().map(|(_, why)| json!(why)).collect();
                    let value = json!({
                        "rows": sum.held, "read": sum.read, "new": sum.new, "changed": sum.changed, "gone": sum.gone,
                        "unchanged": sum.unchanged, "complete": lacking.is_empty(), "missing": lacking,
                    });
                    (name, value)
                })
                .collect();
            json!({
                "connection": connection.name,
                "stream": "inventory",
                "org_id": report.org_id,
                "run": report.run,
                "outcome": report.outcome.word(),
                "seconds": report.took.as_secs_f64(),
                "requests": report.calls.iter().map(|call| call.calls).sum::<u64>(),
                "retries": report.calls.iter().map(|call| call.retries).sum::<u64>(),
                "tables": tables,
            })
        }
        Err(error) => json!({
            "connection": connection.name,
            "stream": "inventory",
            "org_id": connection.org_id,
            "outcome": if matches!(error, collect::Error::Cancelled) { "cancelled" } else { "failed" },
            "error": { "code": error.code(), "message": error.to_string(), "help": error.help() },
        }),
    }
}

/// The exit code of several syncs: see [`worst`].
pub(super) fn exit_of(synced: &[Synced]) -> Exit {
    worst(&synced.iter().map(exit_of_one).collect::<Vec<_>>())
}

fn exit_of_one((_, result): &Synced) -> Exit {
    match result {
        Ok(report) if report.outcome == Outcome::Succeeded => Exit::Ok,
        Ok(_) => Exit::Partial,
        Err(error) => exit_for(error.code()),
    }
}

pub(super) fn exit_of_events((_, result): &EventsSynced) -> Exit {
    match result {
        Ok(report) if report.outcome == Outcome::Succeeded => Exit::Ok,
        Ok(_) => Exit::Partial,
        Err(error) => exit_for(error.code()),
    }
}

/// One exit code for several: the only one's own, or 6 when some of several failed.
pub(super) fn worst(exits: &[Exit]) -> Exit {
    match exits {
        all if all.iter().all(|exit| *exit == Exit::Ok) => Exit::Ok,
        all if all.contains(&Exit::Interrupted) => Exit::Interrupted,
        [only] => *only,
        [first, rest @ ..] if rest.iter().all(|exit| exit == first) => *first,
        _ => Exit::Partial,
    }
}

/// Tells what there is to know of a failed sync on standard error, for commands whose data is something else.
pub(super) fn tell_failures(synced: &[Synced]) {
    for (connection, result) in synced {
        if let Err(error) = result {
            eprintln_quietly(&format!("{}: {}", printable(&connection.name), printable(&error.to_string())));
        }
    }
}

/// When a stream runs next, in words.
pub(super) fn next_words(next: Option<jiff::Timestamp>, now: jiff::Timestamp) -> String {
    next.map_or_else(|| "-".to_owned(), |next| if next <= now { "now".to_owned() } else { relative(next, now) })
}
