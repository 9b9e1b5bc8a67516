//! `completion` and `man`: generated from the command line's own description.

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completion(args: &CompletionArgs) -> Result<Exit> {
    // It takes a reader that has seen enough for a reason to panic.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "jumpseat", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Ok)
}

pub(super) fn man() -> Result<Exit> {
    clap_mangen::Man::new(super::Cli::command()).render(&mut std::io::stdout().lock())?;
    Ok(Exit::Ok)
}
