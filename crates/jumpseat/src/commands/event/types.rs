//! `event types`: the types that organizations emit, from the store; with `--known` the table by which events are mapped,
//! with `--reference` as the page docs/ocsf-mapping.md.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::Global;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Sheet, write_lines};
use crate::when::relative;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat event types
  jumpseat event types --known --output csv > event-types.csv")]
pub(in crate::commands) struct TypesArgs {
    /// Only these connections.
    names: Vec<String>,
    /// The types that the mapping knows instead, and what each becomes.
    #[arg(long, conflicts_with = "names")]
    known: bool,
    /// The whole mapping as a Markdown page.
    #[arg(long, hide = true)]
    reference: bool,
}

pub(super) async fn run(args: &TypesArgs, global: &Global) -> Result<Exit> {
    if args.reference {
        write_lines(&ocsf::reference().lines().map(str::to_owned).collect::<Vec<_>>())?;
        return Ok(Exit::Ok);
    }
    if args.known {
        return known(global);
    }
    let context = Context::open(global).await?;
    let mut sheet = Sheet::new(&["connection", "service", "event_type", "class", "mapped", "events", "first", "last"]);
    let moment = |at| match context.format {
        Format::Table => json!(relative(at, context.now)),
        _ => json!(at.to_string()),
    };
    for connection in context.named(&args.names).await? {
        let Some(org_id) = &connection.org_id else { continue };
        for seen in context.store.event_types_seen(org_id).await? {
            sheet.push(vec![
                json!(connection.name),
                json!(seen.service),
                json!(seen.event_type),
                json!(seen.class_uid),
                json!(seen.is_mapped),
                json!(seen.events),
                moment(seen.first),
                moment(seen.last),
            ]);
        }
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

fn known(global: &Global) -> Result<Exit> {
    let mut sheet = Sheet::new(&["event_type", "service", "class", "class_name", "activity", "severity", "source"]);
    for kind in ocsf::event_types() {
        sheet.push(vec![
            json!(kind.name),
            json!(kind.service),
            json!(kind.class.uid),
            json!(kind.class.name),
            json!(kind.activity_name),
            json!(kind.severity_id),
            json!(kind.source),
        ]);
    }
    sheet.write(global.output())?;
    Ok(Exit::Ok)
}
