//! `finding`: what the checks found, and what people do with it.

mod act;
mod choose;
mod export;
mod list;

use anyhow::Result;
use clap::Subcommand;

use super::Global;
use crate::context::Context;
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(super) enum FindingCommand {
    /// Findings, worst first; open ones, if not said.
    List(list::ListArgs),
    /// One finding: why, the values behind it, how to fix it, and its history.
    Show(list::ShowArgs),
    /// Accept findings: they stay, but no longer count as open.
    Accept(act::AcceptArgs),
    /// Take acceptances back.
    Reopen(act::ReopenArgs),
    /// Give findings an owner or a due date.
    Assign(act::AssignArgs),
    /// Write findings for other programs.
    Export(export::ExportArgs),
}

pub(super) async fn run(command: FindingCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let exit = match command {
        FindingCommand::List(args) => list::list(args, &context).await,
        FindingCommand::Show(args) => list::show(args, &context).await,
        FindingCommand::Accept(args) => act::accept(args, &context).await,
        FindingCommand::Reopen(args) => act::reopen(args, &context).await,
        FindingCommand::Assign(args) => act::assign(args, &context).await,
        FindingCommand::Export(args) => export::export(args, &context).await,
    }?;
    context.store.close().await;
    Ok(exit)
}
