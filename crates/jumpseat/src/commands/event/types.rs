//! `event types`: the table by which events are mapped; with `--reference` as the page docs/ocsf-mapping.md.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::Global;
use crate::exit::Exit;
use crate::output::{Sheet, write_lines};

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat event types
  jumpseat event types --output csv > event-types.csv")]
pub(in crate::commands) struct TypesArgs {
    /// The whole mapping as a Markdown page.
    #[arg(long, hide = true)]
    reference: bool,
}

pub(super) fn run(args: &TypesArgs, global: &Global) -> Result<Exit> {
    if args.reference {
        write_lines(&ocsf::reference().lines().map(str::to_owned).collect::<Vec<_>>())?;
        return Ok(Exit::Ok);
    }
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
