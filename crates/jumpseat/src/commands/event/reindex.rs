//! `event reindex`: the index of stored events as the mapping of this program makes it.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::commands::sync::{cancel_on_signal, with_progress};
use crate::commands::{Global, audit};
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
    let cancel = cancel_on_signal();
    let connections = context.named(&args.names).await?.into_iter().filter(|connection| connection.org_id.is_some());
    audit::note(&context, "event.reindex", "events", None, json!({ "mapping": ocsf::MAPPING_VERSION })).await?;
    let done = with_progress(connections.collect(), |connection, listener| {
        let (collector, cancel) = (&collector, &cancel);
        async move {
            let org_id = connection.org_id.as_deref().unwrap_or_default();
            (collector.reindex_events(org_id, &listener, cancel).await, connection.name)
        }
    })
    .await;
    let mut sheet = Sheet::new(&["connection", "mapping", "parts", "events", "changed"]);
    let mut failed = None;
    for (result, name) in done {
        match result {
            Ok(report) => sheet.push(vec![
                json!(name),
                json!(ocsf::MAPPING_VERSION),
                json!(report.parts),
                json!(report.events),
                json!(report.changed),
            ]),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    sheet.write(context.format)?;
    failed.map_or(Ok(Exit::Ok), |error| Err(error.into()))
}
