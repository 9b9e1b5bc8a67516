//! `event reindex`: the index of stored events as the mapping of this program makes it.

use anyhow::Result;
use clap::Args;
use collect::events::current_mapping;
use collect::silent;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::commands::Global;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Sheet;

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat event reindex
  jumpseat event reindex Acme",
    after_help = "A newer version of Jumpseat may understand events better. What it finds by, lists and counts was made when \
the events came; this makes it anew from what was received. Nothing is asked of JumpCloud, and no proof changes. It can be \
stopped at any time and goes on where it was. `jumpseat status --output json` says how many events are left."
)]
pub(in crate::commands) struct ReindexArgs {
    /// Which connections; all, if none is named.
    names: Vec<String>,
}

pub(super) async fn run(args: &ReindexArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let collector = context.collector("jumpseat event reindex")?;
    let mut sheet = Sheet::new(&["connection", "mapping", "parts", "events", "changed"]);
    for connection in context.named(&args.names).await? {
        let Some(org_id) = &connection.org_id else { continue };
        let report = collector.reindex_events(org_id, &silent(), &CancellationToken::new()).await?;
        sheet.push(vec![
            json!(connection.name),
            json!(current_mapping()),
            json!(report.parts),
            json!(report.events),
            json!(report.changed),
        ]);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}
