//! The program `jumpseat`: reads the command line, runs the command, ends with its exit code.

mod commands;
mod config;
mod context;
mod exit;
mod output;
mod page;
mod posture;

use std::process::ExitCode;

use clap::Parser as _;
use collect::{condition, when};

/// Reading JSON is mostly allocating, and this allocator does it faster than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    let format = cli.global.output();
    match commands::run(cli) {
        Ok(code) => code.into(),
        Err(error) => exit::report(&error, format),
    }
}
