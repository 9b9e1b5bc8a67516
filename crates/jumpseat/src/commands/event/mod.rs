//! `event`: what happened in an organization.

mod filter;
mod normalize;
mod reindex;
mod search;
mod split;
mod tail;
mod types;
mod verify;
mod write;

use anyhow::Result;
use clap::Subcommand;

use super::Global;
use crate::exit::{Exit, Problem};

#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Find events, newest first.
    Search(search::SearchArgs),
    /// All events of a filter, oldest first, however many there are.
    Export(search::ExportArgs),
    /// The newest events; with -f also those that come.
    Tail(tail::TailArgs),
    /// The ledger: what was counted and stored of every hour, and what is not proven.
    Verify(verify::VerifyArgs),
    /// Raw Directory Insights events in, OCSF events out; needs no connection and stores nothing.
    Normalize(normalize::NormalizeArgs),
    /// Index stored events anew, as this version of the program understands them.
    Reindex(reindex::ReindexArgs),
    /// The event types that your organizations emit, documented or not.
    Types(types::TypesArgs),
}

pub(super) async fn run(command: EventCommand, global: &Global) -> Result<Exit> {
    let writes_events = matches!(command, EventCommand::Search(_) | EventCommand::Export(_) | EventCommand::Tail(_));
    if global.output().is_of_events() && !writes_events {
        return Err(Problem::usage(
            "--output ocsf, raw and parquet are for `event search`, `event export` and `event tail`",
        ));
    }
    match command {
        EventCommand::Search(args) => search::search(&args, global).await,
        EventCommand::Export(args) => search::export(&args, global).await,
        EventCommand::Tail(args) => tail::run(&args, global).await,
        EventCommand::Verify(args) => verify::run(&args, global).await,
        EventCommand::Normalize(args) => normalize::run(&args),
        EventCommand::Reindex(args) => reindex::run(&args, global).await,
        EventCommand::Types(args) => types::run(&args, global).await,
    }
}
