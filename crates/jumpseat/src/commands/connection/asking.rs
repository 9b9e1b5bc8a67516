//! Where JumpCloud is and what it is entered with: from the arguments, or from the person at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use collect::Settings;
use jumpcloud::Credential;
use store::Place;

use crate::exit::{Problem, eprintln_quietly};

#[derive(Debug, Clone, Default, Args)]
pub(in crate::commands) struct PlaceArgs {
    /// JumpCloud's region: us, eu or in.
    #[arg(long, conflicts_with = "api_url")]
    pub(super) region: Option<String>,
    /// Custom URL of the V1 and V2 API (https).
    #[arg(long, value_name = "URL")]
    pub(super) api_url: Option<String>,
    /// Custom URL of Directory Insights; the API's own, if not said.
    #[arg(long, value_name = "URL", requires = "api_url")]
    pub(super) insights_url: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub(in crate::commands) struct CredentialArgs {
    /// Read the API key from this file.
    #[arg(long, value_name = "FILE", group = "credential")]
    pub(super) api_key_file: Option<PathBuf>,
    /// Read the API key from standard input.
    #[arg(long, group = "credential")]
    pub(super) api_key_stdin: bool,
    /// A service account's client id.
    #[arg(long, value_name = "ID", group = "credential", requires = "client_secret_file")]
    pub(super) client_id: Option<String>,
    /// Read the service account's secret from this file.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    pub(super) client_secret_file: Option<PathBuf>,
}

/// The place that the arguments name, if they name one.
pub(super) fn place_of(args: &PlaceArgs, settings: &Settings) -> Result<Option<Place>> {
    let place = match (&args.region, &args.api_url) {
        (Some(region), _) => Settings::place_of_region(region),
        (None, Some(url)) => settings.place_of_urls(url, args.insights_url.as_deref()),
        (None, None) => return Ok(None),
    };
    place.map(Some).map_err(|error| Problem::usage(error.to_string()))
}

/// The place that the arguments name, or that the person at the terminal names.
pub(super) fn place_or_asked(args: &PlaceArgs, settings: &Settings) -> Result<Place> {
    if let Some(place) = place_of(args, settings)? {
        return Ok(place);
    }
    loop {
        match Settings::place_of_region(&ask("Region (us, eu, in)", Some("us"))?) {
            Ok(place) => return Ok(place),
            Err(error) => eprintln_quietly(&error.to_string()),
        }
    }
}

/// The credential that the arguments name, or that the person at the terminal types.
pub(super) fn credential_or_asked(args: &CredentialArgs) -> Result<Credential> {
    match credential_of(args)? {
        Some(credential) => Ok(credential),
        None => ask_credential(),
    }
}

/// The credential that the arguments name, if they name one.
pub(super) fn credential_of(args: &CredentialArgs) -> Result<Option<Credential>> {
    let read = |path: &Path| {
        warn_of_readers(path);
        std::fs::read_to_string(path).map_err(|error| Problem::unreadable("the credential file", path, &error))
    };
    let credential = if let (Some(id), Some(path)) = (&args.client_id, &args.client_secret_file) {
        Credential::service_account(id, &read(path)?)
    } else if let Some(path) = &args.api_key_file {
        Credential::api_key(&read(path)?)
    } else if args.api_key_stdin {
        let mut text = String::new();
        std::io::stdin().take(64 * 1024).read_to_string(&mut text).context("standard input can not be read")?;
        Credential::api_key(&text)
    } else {
        return Ok(None);
    };
    credential.map(Some).map_err(|error| Problem::usage(format!("this can not be a credential: {error}")))
}

/// A credential that others on this machine can read is used, and told.
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0) {
        eprintln_quietly(&format!(
            "warning: other users of this machine can read {}: chmod 600, or remove it",
            path.display()
        ));
    }
}

/// Asks for an API key without showing it.
pub(super) fn ask_credential() -> Result<Credential> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::usage(
            "a credential is needed: --api-key-file FILE, --api-key-stdin, or --client-id ID --client-secret-file FILE",
        ));
    }
    let key =
        rpassword::prompt_password("API key (not shown): ").context("the key can not be read from the terminal")?;
    Credential::api_key(&key).map_err(|error| Problem::usage(format!("this can not be a credential: {error}")))
}

pub(super) fn ask(what: &str, usual: Option<&str>) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return match usual {
            Some(_) if what.starts_with("Region") => {
                Err(Problem::usage("say where JumpCloud is: --region us|eu|in, or --api-url URL"))
            }
            _ => Err(Problem::usage(format!("{what} is needed"))),
        };
    }
    let hint = usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
    eprint_prompt(&format!("{what}{hint}: "));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the answer can not be read")?;
    let line = line.trim();
    Ok(if line.is_empty() { usual.unwrap_or_default().to_owned() } else { line.to_owned() })
}

fn eprint_prompt(text: &str) {
    use std::io::Write as _;
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{text}").and_then(|()| err.flush());
}
