//! `completion` and `man`: generated from the command line's own description.

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
    clap_complete::generate(args.shell, &mut super::Cli::command(), "jumpseat", &mut std::io::stdout().lock());
    Ok(Exit::Ok)
}

pub(super) fn man() -> Result<Exit> {
    clap_mangen::Man::new(super::Cli::command()).render(&mut std::io::stdout().lock())?;
    Ok(Exit::Ok)
}
