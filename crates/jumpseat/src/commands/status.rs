//! `status`: every stream of every connection and every archive, worst first; `--check` for monitoring.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use collect::condition::{Condition, State};
use collect::events::{Coverage, coverage_of, event_lease_name};
use collect::inventory_lease_name;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Archive, Stream, StreamKind};

use super::Global;
use super::sync::next_words;
use crate::context::{Context, this_host};
use crate::exit::{Exit, exit_of};
use crate::output::{Format, Sheet, printable, write_lines};
use crate::when::relative;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Set the exit code: 0 when everything is active, otherwise that of the worst stream.
    #[arg(long)]
    check: bool,
}

/// One line of the status: a stream of a connection, or an archive.
struct Line {
    condition: Condition,
    name: String,
    organization: Option<String>,
    what: &'static str,
    failing_since: Option<Timestamp>,
    last_success: Option<Timestamp>,
    next_run: Option<Timestamp>,
    /// That the checks have not run on its newest snapshot.
    unchecked: Option<Unchecked>,
    events: Option<Events>,
}

/// A snapshot whose checks have not run to their end.
struct Unchecked {
    committed_at: Timestamp,
    /// Somebody is at it.
    is_running: bool,
}

/// What there is to say of a connection's events.
struct Events {
    coverage: Coverage,
    /// How many were read with an older mapping.
    stale: u64,
    /// Those of types that the mapping does not know, by type.
    unmapped: BTreeMap<String, u64>,
    keep: String,
    kept_from: Option<Timestamp>,
}

pub(super) async fn run(args: StatusArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let mut lines = lines_of_streams(&context).await?;
    lines.extend(context.store.archives().await?.into_iter().map(line_of_archive));
    lines.sort_by(|a, b| (a.condition.state, &a.name).cmp(&(b.condition.state, &b.name)));
    let exit = lines.first().map_or(Exit::Ok, |line| exit_of(&line.condition));
    let people = context.format == Format::Table;
    let moment = |at: Option<Timestamp>| match at {
        None => Value::Null,
        Some(at) if people => json!(relative(at, context.now)),
        Some(at) => json!(at.to_string()),
    };
    let mut sheet = Sheet::new(&[
        "connection",
        "organization",
        "stream",
        "state",
        "since",
        "last_success",
        "next_run",
        "checks",
        "newest_event",
        "proven_to",
        "gaps",
        "unmapped",
        "older_mapping",
        "kept",
        "kept_from",
        "reason",
        "what_to_do",
    ]);
    let mut told = Vec::new();
    for line in &lines {
        let events = line.events.as_ref();
        let unmapped = events.map(|events| match people {
            // The types are in the table `events_unmapped` and in `event types`.
            true => json!(Some(events.unmapped.values().sum::<u64>()).filter(|events| *events > 0)),
            false => json!(events.unmapped),
        });
        sheet.push(vec![
            json!(line.name),
            json!(line.organization),
            json!(line.what),
            json!(line.condition.state.words()),
            moment(line.failing_since),
            moment(line.last_success),
            if people { json!(next_words(line.next_run, context.now)) } else { moment(line.next_run) },
            json!(line.unchecked.as_ref().map(|unchecked| if unchecked.is_running { "running" } else { "not run" })),
            moment(events.and_then(|events| events.coverage.newest)),
            moment(events.and_then(|events| events.coverage.sealed_to)),
            json!(events.map(|events| events.coverage.gaps.len())),
            unmapped.unwrap_or_default(),
            json!(events.map(|events| events.stale).filter(|stale| !people || *stale > 0)),
            // What is kept forever needs no column; since when it is kept follows from how long, for people.
            json!(events.map(|events| &events.keep).filter(|keep| !people || *keep != "forever")),
            moment(events.and_then(|events| events.kept_from).filter(|_| !people)),
            // Sentences have no room in a column: people read them below.
            if people { Value::Null } else { json!(line.condition.reason) },
            if people { Value::Null } else { json!(line.condition.help) },
        ]);
        if let Some(reason) = line.condition.reason.as_ref().filter(|_| people) {
            told.push(format!("{}, {}: {}", printable(&line.name), line.what, printable(reason)));
            told.extend(line.condition.help.as_ref().map(|help| format!("  {}", printable(help))));
        }
        if let Some(unchecked) = line.unchecked.as_ref().filter(|unchecked| people && !unchecked.is_running) {
            let since = relative(unchecked.committed_at, context.now);
            let name = printable(&line.name);
            told.push(format!("{name}, {}: the checks have not run on what was collected {since}", line.what));
            told.push(
                "  The findings are older. `jumpseat check run` runs them now; `serve` does when it starts.".to_owned(),
            );
        }
    }
    if sheet.is_empty() && people {
        write_lines(&[
            "no connection yet; add one with `jumpseat connection add`, or look around with `jumpseat demo`".to_owned(),
        ])?;
    } else if people {
        sheet.without_empty_columns().write(context.format)?;
        write_lines(&told)?;
    } else {
        sheet.write(context.format)?;
    }
    Ok(match args.check {
        // Whoever watches wants to hear that there is nothing to watch: a folder may be the wrong one.
        true if lines.is_empty() => Exit::Partial,
        true => exit,
        false => Exit::Ok,
    })
}

async fn lines_of_streams(context: &Context) -> Result<Vec<Line>> {
    let connections = context.store.connections().await?;
    let host = this_host();
    let mut lines = Vec::new();
    let unchecked = context.store.unchecked_snapshots().await?;
    for stream in context.store.streams(None).await? {
        let Some(connection) = connections.iter().find(|connection| connection.id == stream.connection_id) else {
            continue;
        };
        let lease = match stream.kind {
            StreamKind::Inventory => inventory_lease_name(connection),
            StreamKind::Events => event_lease_name(connection),
        };
        let holder = context.store.lease_holder(&lease, &host, context.now).await?;
        let events = match (&connection.org_id, stream.kind) {
            (Some(org_id), StreamKind::Events) => Some(events_of(context, org_id, &stream).await?),
            _ => None,
        };
        let snapshot = unchecked.iter().find(|snapshot| Some(&snapshot.org_id) == connection.org_id.as_ref());
        let unchecked = match snapshot.filter(|_| stream.kind == StreamKind::Inventory) {
            Some(snapshot) => {
                let lease = posture::lease_name(&snapshot.org_id);
                let is_running = context.store.lease_holder(&lease, &host, context.now).await?.is_some();
                Some(Unchecked { committed_at: snapshot.committed_at, is_running })
            }
            None => None,
        };
        lines.push(Line {
            condition: Condition::of(connection, &stream, holder.as_deref(), context.now),
            name: connection.name.clone(),
            organization: connection.org_name.as_ref().or(connection.org_id.as_ref()).cloned(),
            what: stream.kind.word(),
            failing_since: stream.state.failing_since,
            last_success: stream.state.last_success_at,
            next_run: stream.next_run_at.filter(|_| connection.enabled),
            unchecked,
            events,
        });
    }
    Ok(lines)
}

async fn events_of(context: &Context, org_id: &str, stream: &Stream) -> Result<Events> {
    let store = &context.store;
    let mut unmapped = BTreeMap::new();
    for seen in store.event_types_seen(org_id).await?.into_iter().filter(|seen| !seen.is_mapped) {
        *unmapped.entry(seen.event_type).or_default() += seen.events;
    }
    Ok(Events {
        coverage: coverage_of(store, org_id, context.now).await?,
        stale: store.stale_events(org_id, ocsf::MAPPING_VERSION).await?,
        unmapped,
        keep: stream.keep.clone().unwrap_or_else(|| context.config.keep_events.clone()),
        kept_from: store.events_kept_from(org_id).await?,
    })
}

fn line_of_archive(archive: Archive) -> Line {
    let state = archive.state;
    let fails = state.failures > 0;
    let word = match (fails, state.last_run_at) {
        (true, _) => State::Failing,
        (false, None) => State::Pending,
        (false, Some(_)) => State::Active,
    };
    let help = "`jumpseat serve` tries it again by itself, `jumpseat archive run` now; what it holds already stays.";
    Line {
        condition: Condition {
            state: word,
            reason: state.failure,
            help: fails.then(|| help.to_owned()),
            code: state.failure_code,
        },
        name: archive.name,
        organization: None,
        what: "archive",
        failing_since: state.failing_since,
        last_success: state.last_success_at,
        next_run: None,
        unchecked: None,
        events: None,
    }
}
