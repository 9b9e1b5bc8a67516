//! Settings and where each came from: command line, then `JUMPSEAT_*`, then `jumpseat.toml`, then defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use collect::events::Keep;
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::exit::Problem;

/// Everything that can be set for the whole program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder that holds the database and the master key of an embedded installation.
    pub data_dir: PathBuf,
    /// `postgres://…` to use PostgreSQL instead of a file in the data directory.
    #[serde(default)]
    pub store: Option<String>,
    /// This collector's name; connections may be pinned to it.
    pub collector: String,
    /// The most requests in flight at once, for each connection.
    pub max_in_flight: usize,
    /// The most requests a second, for each connection.
    #[serde(default)]
    pub requests_per_second: Option<f64>,
    /// How long events are kept: a number of days such as `400d`, or `forever`. A connection may say otherwise.
    pub keep_events: String,
    /// Accept a plain-http upstream on this machine.
    #[serde(deserialize_with = "switch")]
    pub allow_loopback_upstream: bool,
    /// A PEM file of certificate authorities to trust beside the system's.
    #[serde(default)]
    pub extra_ca_file: Option<PathBuf>,
    /// Parameters of checks and rules that accept findings; `posture.toml` in the data directory, if not said.
    #[serde(default)]
    pub posture_file: Option<PathBuf>,
    /// A provider that people can sign in to the console with.
    #[serde(default)]
    pub oidc: Option<Oidc>,
    /// What is logged, e.g. `warn` or `info,collect=debug`.
    pub log: String,
    /// `text` or `json`.
    pub log_format: String,
}

/// A provider of OpenID Connect, and who of those whom it knows is let in to the console.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oidc {
    /// The provider, exactly as it calls itself.
    pub issuer: String,
    /// What the provider calls this installation.
    pub client_id: String,
    /// The file with what proves it to the provider; a public client has none.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// What the button on the sign-in page calls the provider.
    #[serde(default = "usual_label")]
    pub label: String,
    /// What is asked for, with blanks between.
    #[serde(default = "usual_scopes")]
    pub scopes: String,
    /// The claim with a person's groups.
    #[serde(default = "usual_groups_claim")]
    pub groups_claim: String,
    /// Groups whose members are let in, with the role of each.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// Only addresses of these domains are linked and let in.
    #[serde(default)]
    pub domains: Vec<String>,
    /// The role of whoever has an address of these domains and is in none of the groups.
    #[serde(default)]
    pub default_role: Option<String>,
}

fn usual_label() -> String {
    "your company's account".to_owned()
}

fn usual_scopes() -> String {
    "openid email profile".to_owned()
}

fn usual_groups_claim() -> String {
    "groups".to_owned()
}

/// What the command line says of the settings.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_loopback_upstream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// Reads a switch: `true` and `false`, and 1 and 0 as environment variables have them.
fn switch<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Switch {
        Flag(bool),
        Number(u8),
    }
    match Switch::deserialize(value) {
        Ok(Switch::Flag(flag)) => Ok(flag),
        Ok(Switch::Number(number @ (0 | 1))) => Ok(number == 1),
        _ => Err(serde::de::Error::custom("it can be true or false (or 1 or 0)")),
    }
}

/// Environment variables with the prefix that are not settings but have a place of their own.
const NOT_SETTINGS: &[&str] =
    &["master_key", "config", "demo", "test_postgres", "test_program", "shared", "require_all"];

const KEYS: &[&str] = &[
    "data_dir",
    "store",
    "collector",
    "max_in_flight",
    "requests_per_second",
    "keep_events",
    "allow_loopback_upstream",
    "extra_ca_file",
    "posture_file",
    "oidc.issuer",
    "oidc.client_id",
    "oidc.client_secret_file",
    "oidc.label",
    "oidc.scopes",
    "oidc.groups_claim",
    "oidc.roles",
    "oidc.domains",
    "oidc.default_role",
    "log",
    "log_format",
];

/// Settings with the origin of each.
pub(crate) struct Loaded {
    pub config: Config,
    figment: Figment,
}

/// Reads the settings.
///
/// # Errors
/// A key is unknown (the nearest known one is named), or a value is of another type.
pub(crate) fn load(overrides: &Overrides, file: Option<&Path>) -> Result<Loaded> {
    let defaults = Config {
        data_dir: usual_data_dir(),
        store: None,
        collector: "default".to_owned(),
        max_in_flight: 10,
        requests_per_second: None,
        keep_events: Keep::Forever.to_string(),
        allow_loopback_upstream: false,
        extra_ca_file: None,
        posture_file: None,
        oidc: None,
        log: "warn,sqlx=error".to_owned(),
        log_format: "text".to_owned(),
    };
    let toml = match file {
        Some(path) => {
            if !path.is_file() {
                return Err(Problem::not_found(
                    format!("there is no configuration file {}", path.display()),
                    "Check the path after --config.",
                ));
            }
            Toml::file_exact(path)
        }
        None => Toml::file("jumpseat.toml"),
    };
    let figment = Figment::from(Serialized::defaults(defaults))
        .merge(toml)
        .merge(Env::prefixed("JUMPSEAT_").ignore(NOT_SETTINGS).map(|name| in_its_table(name.as_str()).into()))
        .merge(Serialized::defaults(overrides));
    let config: Config = figment.extract().map_err(|error| explain(&error))?;
    if config.max_in_flight == 0 || config.max_in_flight > 100 {
        return Err(Problem::usage("max_in_flight must be between 1 and 100"));
    }
    if config.requests_per_second.is_some_and(|rate| !(0.01..=1000.0).contains(&rate)) {
        return Err(Problem::usage("requests_per_second must be between 0.01 and 1000"));
    }
    config.keep_events.parse::<Keep>().map_err(|error| Problem::usage(format!("keep_events: {error}")))?;
    Ok(Loaded { config, figment })
}

/// The setting that a variable of the environment is for: `oidc_issuer` is `issuer` in the table `oidc`.
fn in_its_table(name: &str) -> String {
    match name.split_at_checked("oidc_".len()) {
        Some((table, rest)) if table.eq_ignore_ascii_case("oidc_") => format!("oidc.{rest}"),
        _ => name.to_owned(),
    }
}

/// Turns figment's words into what, where and what to do.
fn explain(error: &figment::Error) -> anyhow::Error {
    let mut lines = Vec::new();
    for error in error.clone() {
        let place = error.metadata.as_ref().map(|metadata| format!(" ({})", metadata.name)).unwrap_or_default();
        lines.push(match &error.kind {
            figment::error::Kind::UnknownField(name, _) => {
                let path = error.path.iter().map(String::as_str).chain([name.as_str()]).collect::<Vec<_>>().join(".");
                let name = if error.path.last() == Some(name) { error.path.join(".") } else { path };
                let meant = store::nearest(&name, KEYS.iter().copied()).map_or_else(
                    || "; `jumpseat config show` lists all".to_owned(),
                    |near| format!("; did you mean {near}?"),
                );
                format!("unknown setting {name}{place}{meant}")
            }
            _ => format!("{error}{place}"),
        });
    }
    Problem::usage(format!("the configuration can not be used: {}", lines.join("; ")))
}

impl Loaded {
    /// Every setting with its value and where that came from.
    pub(crate) fn origins(&self) -> Result<Vec<(String, String, String)>> {
        let values = serde_json::to_value(&self.config).context("the settings can not be shown")?;
        Ok(KEYS
            .iter()
            .map(|key| {
                let origin = self.figment.find_metadata(key).map_or_else(
                    || "default".to_owned(),
                    |metadata| match &metadata.name {
                        name if name.contains("Overrides") => "command line".to_owned(),
                        name if name.contains("Config") => "default".to_owned(),
                        name => metadata
                            .source
                            .as_ref()
                            .map_or_else(|| name.to_string(), |source| format!("{name} {source}")),
                    },
                );
                let value = values.pointer(&format!("/{}", key.replace('.', "/"))).filter(|value| !value.is_null());
                let text = match value {
                    Some(serde_json::Value::String(text)) if *key == "store" => without_password(text),
                    Some(serde_json::Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => "-".to_owned(),
                };
                ((*key).to_owned(), text, origin)
            })
            .collect())
    }
}

/// A database URL that can be shown.
fn without_password(url: &str) -> String {
    // libpq takes the password as a parameter as well.
    let url = match url.split_once('?') {
        Some((before, parameters)) => {
            let kept: Vec<&str> =
                parameters.split('&').filter(|part| !part.to_lowercase().starts_with("password=")).collect();
            if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) }
        }
        None => url.to_owned(),
    };
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}://{user}:…@{}", &url[..scheme], &url[at + 1..])
        }
        _ => url,
    }
}

/// The platform's folder for a program's data, e.g. `~/.local/share/jumpseat`.
pub(crate) fn usual_data_dir() -> PathBuf {
    directories::ProjectDirs::from("", "", "jumpseat")
        .map_or_else(|| PathBuf::from("jumpseat-data"), |folders| folders.data_dir().to_owned())
}

/// The folder of the demonstration, which is wiped at each start.
pub(crate) fn demo_data_dir() -> PathBuf {
    let mut path = usual_data_dir().into_os_string();
    path.push("-demo");
    path.into()
}
