//! `check`: rules over what was collected.

mod docs;
mod list;
mod run;
mod test;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use store::findings::Severity;

use super::Global;
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(super) enum CheckCommand {
    /// Run checks on what was collected, now or in the past.
    Run(run::RunArgs),
    /// All checks, ours and your own.
    List(list::ListArgs),
    /// One check: why it matters, how it is decided, how to fix it, its query and its numbers.
    Show(list::ShowArgs),
    /// Try a check's file: what is wrong with it, and what it says.
    Test(test::TestArgs),
    /// Write the pages of all checks, frameworks and evidence items into a folder.
    #[command(hide = true)]
    Docs(docs::DocsArgs),
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SeverityArg {
    Critical,
    High,
    Medium,
    Low,
    Info,
}

impl From<SeverityArg> for Severity {
    fn from(word: SeverityArg) -> Self {
        match word {
            SeverityArg::Critical => Self::Critical,
            SeverityArg::High => Self::High,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::Low => Self::Low,
            SeverityArg::Info => Self::Info,
        }
    }
}

pub(super) async fn run(command: CheckCommand, global: &Global) -> Result<Exit> {
    match command {
        CheckCommand::Run(args) => run::run(args, global).await,
        CheckCommand::List(args) => list::list(args, global),
        CheckCommand::Show(args) => list::show(args, global).await,
        CheckCommand::Test(args) => test::run(args, global).await,
        CheckCommand::Docs(args) => docs::run(&args, global),
    }
}
