//! `config show`: the settings and where each came from.

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use crate::config::Loaded;
use crate::exit::Exit;
use crate::output::{Format, Sheet};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting, its value, and where that came from.
    Show,
}

pub(super) fn run(command: &ConfigCommand, loaded: &Loaded, format: Format) -> Result<Exit> {
    let ConfigCommand::Show = command;
    let mut sheet = Sheet::new(&["setting", "value", "from"]);
    for (key, value, origin) in loaded.origins()? {
        sheet.push(vec![Value::String(key), Value::String(value), Value::String(origin)]);
    }
    sheet.write(format)?;
    Ok(Exit::Ok)
}
