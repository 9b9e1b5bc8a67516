//! Reads a secret: from a file, from standard input, or from the terminal without showing it. Never from an argument.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use secrecy::SecretString;

use crate::exit::Problem;

/// No secret is longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Reads a secret; `what` is what it is called. A line break at its end does not belong to it.
pub(super) fn read_secret(what: &str, file: Option<&Path>) -> Result<SecretString> {
    let mut text = String::new();
    match file {
        Some(path) if path == Path::new("-") => {
            std::io::stdin().take(LONGEST).read_to_string(&mut text).context("standard input can not be read")?;
        }
        Some(path) => {
            std::fs::File::open(path)
                .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
                .map_err(|error| Problem::unreadable(&format!("the file with the {what}"), path, &error))?;
        }
        None if std::io::stdin().is_terminal() => {
            text = rpassword::prompt_password(format!("{what} (not shown): "))
                .with_context(|| format!("the {what} can not be read from the terminal"))?;
        }
        None => {
            return Err(Problem::usage(format!("the {what} is needed: name a file with it, or - for standard input")));
        }
    }
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Problem::usage(format!("the {what} is empty")));
    }
    Ok(SecretString::from(text.to_owned()))
}
