//! `status`: every connection and stream, worst first; `--check` for monitoring.

use anyhow::Result;
use clap::Args;
use collect::events::{coverage, event_lease_name};
use collect::inventory_lease_name;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::StreamKind;
use store::events::Hour;

use super::Global;
use super::sync::next_words;
use crate::condition::Condition;
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

pub(super) async fn run(args: StatusArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let connections = context.store.connections().await?;
    let host = this_host();
    let mut rows = Vec::new();
    for stream in context.store.streams(None).await? {
        let Some(connection) = connections.iter().find(|connection| connection.id == stream.connection_id) else {
            continue;
        };
        let lease = match stream.kind {
            StreamKind::Inventory => inventory_lease_name(connection),
            StreamKind::Events => event_lease_name(connection),
        };
        let holder = context.store.lease_holder(&lease, &host, context.now).await?;
        let condition = Condition::of(connection, &stream, holder.as_deref(), context.now);
        let (mut stale, mut keep, mut kept_from) = (None, None, None);
        let proof = match (&connection.org_id, stream.kind) {
            (Some(org_id), StreamKind::Events) => {
                keep = Some(stream.keep.clone().unwrap_or_else(|| context.config.keep_events.clone()));
                kept_from = context.store.events_kept_from(org_id).await?;
                stale = Some(context.store.stale_events(org_id, ocsf::MAPPING_VERSION).await?);
                let windows = context.store.event_windows(org_id, Hour::from_number(0), Hour::of(context.now).next());
                Some(coverage(&windows.await?, context.now))
            }
            _ => None,
        };
        rows.push((condition, connection, stream, proof, stale, (keep, kept_from)));
    }
    rows.sort_by(|a, b| (a.0.state, &a.1.name).cmp(&(b.0.state, &b.1.name)));
    let exit = rows.first().map_or(Exit::Ok, |(condition, ..)| exit_of(condition));
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
        "newest_event",
        "proven_to",
        "gaps",
        "older_mapping",
        "kept",
        "kept_from",
        "reason",
        "what_to_do",
    ]);
    let mut told = Vec::new();
    for (condition, connection, stream, proof, stale, (keep, kept_from)) in &rows {
        let next = stream.next_run_at.filter(|_| connection.enabled);
        sheet.push(vec![
            json!(connection.name),
            json!(connection.org_name.as_ref().or(connection.org_id.as_ref())),
            json!(stream.kind.word()),
            json!(condition.state.words()),
            moment(stream.state.failing_since),
            moment(stream.state.last_success_at),
            if people { json!(next_words(next, context.now)) } else { moment(next) },
            moment(proof.as_ref().and_then(|proof| proof.newest)),
            moment(proof.as_ref().and_then(|proof| proof.sealed_to)),
            json!(proof.as_ref().map(|proof| proof.gaps.len())),
            json!(stale.filter(|stale| !people || *stale > 0)),
            // What is kept forever needs no column; since when it is kept follows from how long, for people.
            json!(keep.as_ref().filter(|keep| !people || *keep != "forever")),
            moment(kept_from.filter(|_| !people)),
            // Sentences have no room in a column: people read them below.
            if people { Value::Null } else { json!(condition.reason) },
            if people { Value::Null } else { json!(condition.help) },
        ]);
        if let Some(reason) = condition.reason.as_ref().filter(|_| people) {
            told.push(format!("{}, {}: {}", printable(&connection.name), stream.kind.word(), printable(reason)));
            told.extend(condition.help.as_ref().map(|help| format!("  {}", printable(help))));
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
    Ok(if args.check { exit } else { Exit::Ok })
}
