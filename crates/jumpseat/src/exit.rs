//! Exit codes, and how an error is told: what failed and what to do, on standard error.

use std::path::Path;
use std::process::ExitCode;

use collect::condition::{Condition, State};
use serde_json::json;

use crate::output::{Format, json_text, printable};

/// How the program ends. `jumpseat --help` lists these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Error = 1,
    Usage = 2,
    CredentialRefused = 3,
    NotPermitted = 4,
    RateLimited = 5,
    Partial = 6,
    NotFound = 7,
    /// Findings at or above what was asked for.
    Findings = 8,
    Unreachable = 9,
    Integrity = 11,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that is the user's to mend: it knows its exit code and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    pub exit: Exit,
    pub code: String,
    pub message: String,
    pub help: Option<String>,
}

impl Problem {
    /// The command line asks for something that can not be.
    pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
        Self { exit: Exit::Usage, code: "usage".to_owned(), message: message.into(), help: None }.into()
    }

    /// A file that was named can not be read; `what` is what it is called, e.g. `the key file`.
    pub(crate) fn unreadable(what: &str, path: &Path, error: &std::io::Error) -> anyhow::Error {
        Self::usage(format!("{what} {} can not be read: {error}", path.display()))
    }

    /// What was named is not there.
    pub(crate) fn not_found(message: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
        Self { exit: Exit::NotFound, code: "not_found".to_owned(), message: message.into(), help: Some(help.into()) }
            .into()
    }
}

impl Problem {
    /// A name is not known: the nearest of the known ones is suggested, if one is near, and where all are to be seen.
    pub(crate) fn unknown_name<'a>(
        message: String,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
        list: &str,
    ) -> anyhow::Error {
        let meant = match store::nearest(written, known) {
            Some(near) => format!("Did you mean {near}? "),
            None => String::new(),
        };
        Self::not_found(message, format!("{meant}`{list}` shows all."))
    }
}

/// Exit code for a stable error code of the engine.
pub(crate) fn exit_for(code: &str) -> Exit {
    match code {
        "key_rejected" | "wrong_region" | "no_organization" | "organization_unclear" | "credential" | "sealed" => {
            Exit::CredentialRefused
        }
        "not_permitted" | "not_licensed" => Exit::NotPermitted,
        "rate_limited" => Exit::RateLimited,
        "incomplete" | "changed" => Exit::Partial,
        "not_found" => Exit::NotFound,
        "unreachable" | "unavailable" => Exit::Unreachable,
        "cancelled" => Exit::Interrupted,
        "query" | "usage" => Exit::Usage,
        _ => Exit::Error,
    }
}

/// The exit code of `status --check` for a stream.
pub(crate) fn exit_of(condition: &Condition) -> Exit {
    match condition.state {
        State::ActionRequired | State::Failing | State::Unreachable => {
            condition.code.as_deref().map_or(Exit::Error, exit_for)
        }
        State::Stalled | State::Late | State::Incomplete | State::Pending => Exit::Partial,
        State::Syncing | State::Active | State::Paused => Exit::Ok,
    }
}

/// Tells an error and returns its exit code. A closed pipe is no error: the reader has seen enough.
pub(crate) fn report(error: &anyhow::Error, format: Format) -> ExitCode {
    if error.chain().any(is_broken_pipe) {
        return Exit::Ok.into();
    }
    let (exit, code, help) = classify(error);
    let message = format!("{error:#}");
    if format == Format::Table {
        eprintln_quietly(&format!("error: {}", printable(&message)));
        if let Some(help) = help {
            eprintln_quietly(&format!("help: {}", printable(&help)));
        }
    } else {
        eprintln_quietly(&json_text(
            &json!({ "error": { "code": code, "message": message, "help": help, "exit": exit as u8 } }),
        ));
    }
    exit.into()
}

fn classify(error: &anyhow::Error) -> (Exit, String, Option<String>) {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return (problem.exit, problem.code.clone(), problem.help.clone());
    }
    if let Some(error) = error.downcast_ref::<collect::Error>() {
        return (exit_for(error.code()), error.code().to_owned(), Some(error.help()));
    }
    if let Some(error) = error.downcast_ref::<deliver::Error>()
        && !matches!(error, deliver::Error::Store(_))
    {
        return (exit_for(error.code()), error.code().to_owned(), error.help().map(str::to_owned));
    }
    let of_delivery = error.downcast_ref::<deliver::Error>().and_then(|error| match error {
        deliver::Error::Store(error) => Some(error),
        _ => None,
    });
    match of_delivery.or_else(|| error.downcast_ref::<store::Error>()) {
        Some(store::Error::Query(_)) => (Exit::Usage, "query".to_owned(), None),
        Some(store::Error::QueryLimit(_)) => (Exit::Error, "query_limit".to_owned(), None),
        Some(error) => {
            let code = match error {
                store::Error::Held { .. } => "held",
                store::Error::Full(_) => "disk_full",
                _ => "store",
            };
            (exit_for(code), code.to_owned(), error.help().map(str::to_owned))
        }
        None => (Exit::Error, "error".to_owned(), None),
    }
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes a line to standard error; if nobody can read it, that is no reason to fail.
pub(crate) fn eprintln_quietly(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
