//! `event verify`: the ledger of hours, and on request JumpCloud's counts and the stored events held against it anew.

use std::collections::HashMap;

use anyhow::Result;
use clap::Args;
use collect::events::{Recounted, coverage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::Connection;
use store::events::{Hour, Window, WindowState};

use crate::commands::Global;
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable};
use crate::when::{parse_day, parse_moment};

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat event verify
  jumpseat event verify Acme --from 2026-11-01 --to 2026-11-07 --output csv
  jumpseat event verify --recount",
    after_help = "Exit code 6 when an hour is not proven or a recount differs, \
0 otherwise. Hours that are not over, or whose quarter of an hour for late events is not, do not count."
)]
pub(in crate::commands) struct VerifyArgs {
    /// Which connections; all, if none is named.
    names: Vec<String>,
    /// From the hour of this time on; a week ago, if not said.
    #[arg(long, value_name = "TIME", value_parser = parse_day)]
    from: Option<Timestamp>,
    /// Until the hour of this time.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to: Option<Timestamp>,
    /// Ask JumpCloud again for its count of each hour, and count and hash what is stored. Changes nothing.
    #[arg(long)]
    recount: bool,
}

/// Hours that are shown unless said otherwise.
const USUAL: SignedDuration = SignedDuration::from_hours(7 * 24);
/// No hour is expected to be proven before.
const ALLOWANCE: SignedDuration = SignedDuration::from_mins(30);

pub(super) async fn run(args: &VerifyArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let connections = context.named(&args.names).await?;
    if connections.is_empty() {
        return Err(Problem::not_found("there is no connection yet", "Add one with `jumpseat connection add`."));
    }
    let from = Hour::of(args.from.unwrap_or_else(|| context.now.checked_sub(USUAL).unwrap_or(context.now)));
    let before = Hour::of(args.to.unwrap_or(context.now)).next();
    let mut sheet = Sheet::new(&[
        "connection",
        "hour",
        "state",
        "counted",
        "stored",
        "duplicates",
        "late",
        "sealed_at",
        "verified_at",
        "hash",
        "counted_now",
        "intact",
        "removed_at",
        "reason",
    ]);
    let mut exit = Exit::Ok;
    for connection in &connections {
        let Some(org_id) = &connection.org_id else { continue };
        let windows = context.store.event_windows(org_id, from, before).await?;
        let recounted = if args.recount { recount(&context, connection, &windows).await? } else { HashMap::new() };
        for window in &windows {
            let again = recounted.get(&window.hour);
            let is_ripe = window.hour.end() + ALLOWANCE <= context.now;
            if (is_ripe && window.state != WindowState::Sealed) || again.is_some_and(|again| differs(window, again)) {
                exit = Exit::Partial;
            }
            sheet.push(line(connection, window, again, context.format == Format::Table));
        }
        if context.format == Format::Table {
            tell(connection, &context.store.event_windows(org_id, Hour::from_number(0), before).await?, context.now);
        }
    }
    sheet.write(context.format)?;
    Ok(exit)
}

async fn recount(context: &Context, connection: &Connection, windows: &[Window]) -> Result<HashMap<Hour, Recounted>> {
    let collector = context.collector("jumpseat event verify")?;
    // An hour that is not over has another count every time.
    let over: Vec<Window> = windows.iter().filter(|window| window.hour.end() <= context.now).cloned().collect();
    let recounted = collector.recount(connection, &over).await?;
    Ok(recounted.into_iter().map(|again| (again.hour, again)).collect())
}

/// Events that JumpCloud has dropped since are no difference: the proof was made while they were there.
fn differs(window: &Window, again: &Recounted) -> bool {
    let is_more = again.counted.as_ref().is_ok_and(|counted| *counted > window.counted.unwrap_or(window.stored));
    again.is_intact == Some(false) || (window.state == WindowState::Sealed && is_more)
}

fn line(connection: &Connection, window: &Window, again: Option<&Recounted>, for_people: bool) -> Vec<Value> {
    let moment = |at: Option<Timestamp>| json!(at.map(store::schema::time_text));
    let hash = window.identities.as_deref();
    vec![
        json!(connection.name),
        json!(window.hour.to_string()),
        json!(window.state.word()),
        json!(window.counted),
        json!(window.stored),
        json!(window.duplicates),
        json!(window.late),
        moment(window.sealed_at),
        moment(window.verified_at),
        json!(hash.map(|hash| if for_people { &hash[..hash.len().min(12)] } else { hash })),
        again.map_or(Value::Null, |again| match &again.counted {
            Ok(counted) => json!(counted),
            Err(error) => json!(error.to_string()),
        }),
        again.map_or(Value::Null, |again| json!(again.is_intact)),
        moment(window.removed_at),
        json!(window.reason),
    ]
}

/// The sum of a ledger in words.
fn tell(connection: &Connection, windows: &[Window], now: Timestamp) {
    let sum = coverage(windows, now);
    let start = sum.start.map_or_else(|| "nothing yet".to_owned(), |start| format!("since {:.0}", start.start()));
    let sealed = sum.sealed_to.map_or_else(|| "nothing".to_owned(), |at| format!("everything before {at:.0}"));
    eprintln_quietly(&format!(
        "{}: {start}; {} events; {} hours sealed, {} not proven, {} gaps; proven: {sealed}",
        printable(&connection.name),
        sum.stored,
        sum.sealed,
        sum.unproven,
        sum.gaps.len(),
    ));
}
