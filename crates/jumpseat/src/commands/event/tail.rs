//! `event tail`: the newest events, and with `-f` those that a running `jumpseat serve` stores from now on.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use jiff::SignedDuration;
use store::events::StoredEvent;

use super::filter::FilterArgs;
use super::write::{EventWriter, object};
use crate::commands::Global;
use crate::commands::sync::cancel_on_signal;
use crate::context::{Context, clock};
use crate::exit::{Exit, Problem};
use crate::output::{Format, json_text, printable, write_lines};

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Events come in any order: those that happened so long ago are still looked for.
const OVERLAP: SignedDuration = SignedDuration::from_hours(2);
/// The most events of one look.
const AT_ONCE: usize = 10_000;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat event tail
  jumpseat event tail -f --outcome failure
  jumpseat event tail -f --output ocsf")]
pub(in crate::commands) struct TailArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Go on with events as they are stored, until stopped. Those that happened more than two hours before are left out.
    #[arg(long, short)]
    follow: bool,
    /// How many of the newest events to begin with.
    #[arg(long, short = 'n', default_value_t = 20)]
    lines: usize,
}

pub(super) async fn run(args: &TailArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let mut filter = args.filter.filter(&context).await?;
    let format = context.format;
    if format == Format::Parquet {
        return Err(Problem::usage("--output parquet is for `event search` and `event export`: a file has an end"));
    }
    if format == Format::Csv {
        return Err(Problem::usage(
            "--output csv is for `event search` and `event export`; `event tail` writes lines of text or JSON",
        ));
    }
    let with_raw = EventWriter::needs_raw(format);
    let first = context.store.search_events(&filter, None, args.lines, with_raw).await?;
    write(format, first.events.iter().rev())?;
    if !args.follow {
        return Ok(Exit::Ok);
    }
    let (clock, cancel) = (clock(), cancel_on_signal());
    let mut seen: HashSet<[u8; 16]> = HashSet::new();
    let mut is_first = true;
    while !cancel.is_cancelled() {
        filter.from = clock.now().checked_sub(OVERLAP).ok();
        let found = context.store.search_events(&filter, None, AT_ONCE, with_raw).await?;
        // What was there before is not news.
        let fresh = found.events.iter().rev().filter(|event| !is_first && !seen.contains(&event.uid));
        write(format, fresh)?;
        seen = found.events.iter().map(|event| event.uid).collect();
        is_first = false;
        tokio::select! {
            () = clock.sleep(LOOK) => {}
            () = cancel.cancelled() => {}
        }
    }
    Ok(Exit::Interrupted)
}

/// Writes some events at once; as lines also for people, since nobody knows how wide the next ones are.
fn write<'a>(format: Format, events: impl Iterator<Item = &'a StoredEvent>) -> Result<()> {
    if format.is_of_events() {
        let mut writer = EventWriter::new(format)?;
        for event in events {
            writer.write(event)?;
        }
        return Ok(writer.flush()?);
    }
    let lines: Vec<String> =
        events.map(|event| if format == Format::Table { line(event) } else { json_text(&object(event)) }).collect();
    Ok(write_lines(&lines)?)
}

fn line(event: &StoredEvent) -> String {
    let text = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| printable(text));
    let who = [&event.user, &event.administrator, &event.device];
    let who = who.into_iter().find_map(|party| party.name.as_ref().or(party.id.as_ref()));
    let what = event.target.name.as_ref().or(event.application.name.as_ref());
    format!(
        "{:.3}  {:7}  {:32}  {:24}  {:24}  {}",
        event.time(),
        event.outcome.word(),
        text(event.event_type.as_ref()),
        text(who),
        text(what),
        text(event.src_ip.as_ref()),
    )
}
