//! `history`: what ran, who started it, what it read, how it ended; `--run N` for one run in full.

use anyhow::Result;
use clap::Args;
use collect::events::event_lease_name;
use collect::inventory_lease_name;
use serde_json::{Value, json};
use store::{Outcome, Run};

use super::Global;
use crate::context::{Context, this_host};
use crate::exit::{Exit, Problem};
use crate::output::{Format, Sheet, printable, write_json, write_lines};
use crate::when::{relative, span};

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// One connection only.
    name: Option<String>,
    /// Everything about one run: its tables and its requests.
    #[arg(long, value_name = "N")]
    run: Option<i64>,
    /// How many runs, newest first.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(args: HistoryArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match args.run {
        Some(number) => one(number, &context).await,
        None => list(&args, &context).await,
    }
}

async fn list(args: &HistoryArgs, context: &Context) -> Result<Exit> {
    let connection = match &args.name {
        Some(name) => Some(context.one(name).await?.id),
        None => None,
    };
    let people = context.format == Format::Table;
    let mut sheet = Sheet::new(&[
        "run",
        "connection",
        "action",
        "started_by",
        "started",
        "duration",
        "stage",
        "outcome",
        "read",
        "new",
        "changed",
        "gone",
        "unchanged",
        "calls",
        "retries",
        "error",
    ]);
    let runs = context.store.runs(connection.as_deref(), args.limit).await?;
    let sums = context.store.run_sums(&runs.iter().map(|run| run.id).collect::<Vec<_>>()).await?;
    for run in runs {
        let sums = sums.get(&run.id).copied().unwrap_or_default();
        sheet.push(vec![
            json!(run.id),
            json!(run.connection_name),
            json!(run.action.word()),
            json!(run.started_by),
            if people { json!(relative(run.started_at, context.now)) } else { json!(run.started_at.to_string()) },
            duration(&run, people),
            json!(run.stage),
            json!(outcome(&run, context).await?),
            json!(sums.read),
            json!(sums.new),
            json!(sums.changed),
            json!(sums.gone),
            json!(sums.unchanged),
            json!(run.calls),
            json!(run.retries),
            json!(run.error),
        ]);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

/// How a run ended, or that it runs. One that nobody holds the lease of any more was killed; the next one will note it.
async fn outcome(run: &Run, context: &Context) -> Result<&'static str> {
    if let Some(outcome) = run.outcome {
        return Ok(outcome.word());
    }
    let Some(connection) = context.store.find_connection(&run.connection_id).await? else {
        return Ok(Outcome::Interrupted.word());
    };
    for lease in [inventory_lease_name(&connection), event_lease_name(&connection)] {
        let holder = context.store.lease_holder(&lease, &this_host(), context.now).await?;
        if holder.is_some_and(|holder| holder == run.collector) {
            return Ok("running");
        }
    }
    Ok(Outcome::Interrupted.word())
}

fn duration(run: &Run, people: bool) -> Value {
    match run.ended_at {
        None => Value::Null,
        Some(ended) if people => json!(span(ended.duration_since(run.started_at))),
        Some(ended) => json!(ended.duration_since(run.started_at).as_secs_f64()),
    }
}

async fn one(number: i64, context: &Context) -> Result<Exit> {
    let run = context
        .store
        .run(number)
        .await?
        .ok_or_else(|| Problem::not_found(format!("there is no run {number}"), "`jumpseat history` lists them."))?;
    let tables = context.store.run_tables(number).await?;
    let calls = context.store.run_calls(number).await?;
    if context.format != Format::Table {
        let tables: Vec<Value> = tables
            .iter()
            .map(|table| {
                json!({
                    "table": table.table, "part": table.part, "state": table.state.word(), "reason": table.reason, "told": table.told,
                    "read": table.read, "new": table.new, "changed": table.changed, "gone": table.gone, "unchanged": table.unchanged,
                    "duplicates": table.duplicates, "misfits": table.misfits, "quarantined": table.quarantined,
                })
            })
            .collect();
        let calls: Vec<Value> = calls
            .iter()
            .map(|call| json!({ "endpoint": call.endpoint, "calls": call.calls, "retries": call.retries, "rate_limited": call.rate_limited, "last_status": call.last_status }))
            .collect();
        write_json(&json!({
            "run": run.id, "connection": run.connection_name, "org_id": run.org_id, "action": run.action.word(), "started_by": run.started_by,
            "collector": run.collector, "started": run.started_at.to_string(), "ended": run.ended_at.map(|at| at.to_string()),
            "stage": run.stage, "outcome": outcome(&run, context).await?, "error_code": run.error_code, "error": run.error,
            "help": run.help, "bytes": run.bytes, "tables": tables, "calls": calls,
        }))?;
        return Ok(Exit::Ok);
    }
    let mut head = vec![
        format!("run {} of {}: {}", run.id, printable(&run.connection_name), run.action.word()),
        format!("started {} by {}, {}", run.started_at, printable(&run.started_by), printable(&run.collector)),
        format!(
            "{} after {}; {} requests, {} tried again, {} rate limited, {} KiB",
            run.outcome.map_or("running", store::Outcome::word),
            run.ended_at.map_or_else(|| "-".to_owned(), |ended| span(ended.duration_since(run.started_at))),
            run.calls,
            run.retries,
            run.rate_limited,
            run.bytes / 1024
        ),
    ];
    head.extend(run.error.iter().map(|error| format!("error: {}", printable(error))));
    head.extend(run.help.iter().map(|help| format!("help: {}", printable(help))));
    head.push(String::new());
    write_lines(&head)?;
    let mut sheet = Sheet::new(&[
        "table",
        "source",
        "state",
        "told",
        "read",
        "new",
        "changed",
        "gone",
        "unchanged",
        "duplicates",
        "reason",
    ]);
    for table in &tables {
        sheet.push(vec![
            json!(table.table),
            json!(table.part),
            json!(table.state.word()),
            json!(table.told),
            json!(table.read),
            json!(table.new),
            json!(table.changed),
            json!(table.gone),
            json!(table.unchanged),
            json!(table.duplicates),
            json!(table.reason),
        ]);
    }
    if !sheet.is_empty() {
        sheet.write(Format::Table)?;
    }
    let mut sheet = Sheet::new(&["request", "calls", "retries", "rate_limited", "last_status"]);
    for call in &calls {
        sheet.push(vec![
            json!(call.endpoint),
            json!(call.calls),
            json!(call.retries),
            json!(call.rate_limited),
            json!(call.last_status),
        ]);
    }
    if !sheet.is_empty() {
        write_lines(&[String::new()])?;
        sheet.write(Format::Table)?;
    }
    Ok(Exit::Ok)
}
