//! `event`: what happened in an organization.

mod normalize;
mod split;
mod types;

use anyhow::Result;
use clap::Subcommand;

use super::Global;
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Raw Directory Insights events in, OCSF events out; needs no connection and stores nothing.
    Normalize(normalize::NormalizeArgs),
    /// The event types that are known, and what each becomes.
    Types(types::TypesArgs),
}

pub(super) fn run(command: &EventCommand, global: &Global) -> Result<Exit> {
    match command {
        EventCommand::Normalize(args) => normalize::run(args),
        EventCommand::Types(args) => types::run(args, global),
    }
}
