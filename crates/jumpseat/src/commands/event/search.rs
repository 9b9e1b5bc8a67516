//! `event search` and `event export`: the newest events of a filter, or all of them.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use store::events::{EventFilter, EventOrder};

use super::filter::FilterArgs;
use super::write::{EventWriter, NewFile};
use crate::commands::{Global, audit};
use crate::context::Context;
use crate::exit::{Exit, eprintln_quietly};
use crate::output::{Format, printable};

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat event search --outcome failure --class 3002 --from 2026-11-01
  jumpseat event search --user mara.lind --output ocsf
  jumpseat event search --type association_change --text Engineering --limit 20")]
pub(in crate::commands) struct SearchArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// How many events at most.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat event export --from 2026-11-01 --to 2026-11-30 --output ocsf | gzip > november.jsonl.gz
  jumpseat event export --output raw > everything.jsonl
  jumpseat event export --from 2026-11-01 --output parquet --file november.parquet")]
pub(in crate::commands) struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Write to this file instead of standard output; it takes its place when it is whole, or not at all.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) async fn search(args: &SearchArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let filter = args.filter.filter(&context).await?;
    let with_raw = EventWriter::needs_raw(context.format);
    let found = context.store.search_events(&filter, None, args.limit, with_raw).await?;
    let mut writer = EventWriter::new(context.format)?;
    let mut events: Vec<_> = found.events.iter().collect();
    if context.format == Format::Parquet {
        // Files of events are in the order of their times.
        events.reverse();
    }
    for event in events {
        writer.write(event)?;
    }
    writer.finish()?;
    if found.events.is_empty() {
        eprintln_quietly(
            "no event is like this: `jumpseat event types` lists what there is, `jumpseat event verify` the hours that are proven",
        );
    }
    if found.next.is_none() {
        tell_removed(&context, &filter).await?;
    }
    if found.next.is_some() && context.format == Format::Table {
        eprintln_quietly(&format!("the newest {}; there may be more: --limit, or narrow it down", found.events.len()));
    }
    Ok(Exit::Ok)
}

pub(super) async fn export(args: &ExportArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let filter = args.filter.filter(&context).await?;
    // A table must be measured before it can be written; an export is of any size.
    let format = if context.format == Format::Table { Format::Jsonl } else { context.format };
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
    let detail = serde_json::json!({ "from": time(filter.from), "to": time(filter.to) });
    audit::note(&context, "export", "events", None, detail).await?;
    let file = args.file.as_deref().map(NewFile::begin).transpose()?;
    let mut writer = match &file {
        Some(file) => EventWriter::to(format, file.out()?)?,
        None => EventWriter::new(format)?,
    };
    let mut failed = None;
    let with_raw = EventWriter::needs_raw(format);
    context
        .store
        .export_events(&filter, EventOrder::OldestFirst, with_raw, |event| match writer.write(&event) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })
        .await?;
    if let Some(error) = failed {
        return Err(error);
    }
    writer.finish()?;
    if let Some(file) = file {
        file.finish()?;
    }
    tell_removed(&context, &filter).await?;
    Ok(Exit::Ok)
}

/// Says on standard error since when events are there, where the retention has removed some of the time that is asked for.
async fn tell_removed(context: &Context, filter: &EventFilter) -> Result<()> {
    let mut told: Vec<String> = Vec::new();
    for connection in context.store.connections().await? {
        let Some(org_id) = connection.org_id else { continue };
        if told.contains(&org_id) || !(filter.org_ids.is_empty() || filter.org_ids.contains(&org_id)) {
            continue;
        }
        let kept_from = context.store.events_kept_from(&org_id).await?;
        if let Some(kept_from) = kept_from.filter(|kept| filter.from.is_none_or(|from| from < *kept)) {
            eprintln_quietly(&format!(
                "{}: events before {kept_from:.0} were removed by the retention; `jumpseat event verify` still tells their hours",
                printable(&connection.name)
            ));
        }
        told.push(org_id);
    }
    Ok(())
}
