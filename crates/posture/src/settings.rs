//! What the user sets: parameters of checks, for all connections or one, and rules that accept findings. One TOML file, made
//! to be kept under version control.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use store::findings::{Acceptance, AcceptanceKind};
use store::{Parameter, did_you_mean};

use crate::check::Check;
use crate::content::{FileError, Library};
use crate::parameters::{ParameterSet, is_alike, parameter_of};

/// Everything that is set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    parameters: BTreeMap<String, BTreeMap<String, Parameter>>,
    connections: BTreeMap<String, BTreeMap<String, BTreeMap<String, Parameter>>>,
    mutes: Vec<Mute>,
}

/// A rule that accepts findings.
#[derive(Debug, Clone)]
pub struct Mute {
    /// What it is called in a finding's history; changes with every word of it.
    pub rule: String,
    check: String,
    connection: Option<String>,
    resource: Option<String>,
    kind: AcceptanceKind,
    why: String,
    by: String,
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    parameters: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    connection: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
    #[serde(default)]
    mute: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    check: String,
    connection: Option<String>,
    resource: Option<String>,
    kind: String,
    why: String,
    by: String,
    until: Option<String>,
}

impl Settings {
    /// Reads the file, if it is there.
    ///
    /// # Errors
    /// It names what does not exist, with the nearest that does.
    pub fn load(path: &Path, library: &Library) -> Result<Self, FileError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(&text, &path.display().to_string(), library),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(FileError { file: path.display().to_string(), line: 1, what: error.to_string() }),
        }
    }

    /// Reads the text of a file of this name.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn read(text: &str, file: &str, library: &Library) -> Result<Self, FileError> {
        let wrong = |line: usize, what: String| FileError { file: file.to_owned(), line, what };
        let line_of = |word: &str| text.lines().position(|line| line.contains(word)).map_or(1, |at| at + 1);
        let read: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let known = ["parameters", "connection", "mute", "check", "resource", "kind", "why", "by", "until"];
            let unknown = error.message().split('`').nth(1).filter(|_| error.message().contains("unknown field"));
            let hint = unknown.map(|word| did_you_mean(word, known));
            wrong(line, format!("{}{}", error.message(), hint.unwrap_or_default()))
        })?;
        let mut settings = Self::default();
        for (check, values) in &read.parameters {
            let set = set_of(library, check, values).map_err(|what| wrong(line_of(check), what))?;
            settings.parameters.insert(check.clone(), set);
        }
        for (connection, checks) in &read.connection {
            for (check, values) in checks {
                let set = set_of(library, check, values).map_err(|what| wrong(line_of(check), what))?;
                settings.connections.entry(connection.to_lowercase()).or_default().insert(check.clone(), set);
            }
        }
        for rule in read.mute {
            let line = line_of(&format!("{:?}", rule.check));
            settings.mutes.push(mute_of(rule, library).map_err(|what| wrong(line, what))?);
        }
        Ok(settings)
    }

    /// The parameters of a check for an organization that is known by these names.
    pub fn parameters(&self, check: &Check, names: &[String]) -> ParameterSet {
        let mut set = self.parameters.get(&check.id).cloned().unwrap_or_default();
        for name in names {
            if let Some(own) = self.connections.get(&name.to_lowercase()).and_then(|checks| checks.get(&check.id)) {
                set.extend(own.clone());
            }
        }
        ParameterSet::of(check, &set)
    }

    /// The rule that accepts a finding now, if one does.
    pub(crate) fn mute(&self, check: &str, names: &[String], id: &str, name: &str, now: Timestamp) -> Option<&Mute> {
        self.mutes.iter().find(|mute| {
            mute.until.is_none_or(|until| until > now)
                && is_like(&mute.check, check)
                && mute.connection.as_ref().is_none_or(|pattern| names.iter().any(|name| is_like(pattern, name)))
                && mute.resource.as_ref().is_none_or(|pattern| is_like(pattern, id) || is_like(pattern, name))
        })
    }
}

impl Mute {
    pub(crate) fn acceptance(&self) -> Acceptance {
        let rule = Some(self.rule.clone());
        Acceptance { kind: self.kind, why: self.why.clone(), by: self.by.clone(), until: self.until, rule }
    }
}

fn set_of(
    library: &Library,
    id: &str,
    values: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Parameter>, String> {
    let Some(check) = library.check(id) else {
        return Err(format!("there is no check {id}{}", did_you_mean(id, library.check_ids())));
    };
    let mut set = BTreeMap::new();
    for (name, value) in values {
        let Some(default) = check.parameters.get(name) else {
            let names: Vec<&str> = check.parameters.keys().map(String::as_str).collect();
            let hint = match names.as_slice() {
                [] => "; it has none".to_owned(),
                names => format!("{} (it has: {})", did_you_mean(name, names.iter().copied()), names.join(", ")),
            };
            return Err(format!("the check {id} has no parameter {name}{hint}"));
        };
        match parameter_of(value).filter(|value| is_alike(default, value)) {
            Some(value) => set.insert(name.clone(), value),
            None => {
                let like = crate::parameters::json_of(default);
                return Err(format!("{name} of {id} must be of the kind of its default {like}, not {value}"));
            }
        };
    }
    Ok(set)
}

fn mute_of(rule: Rule, library: &Library) -> Result<Mute, String> {
    if !library.checks().any(|check| is_like(&rule.check, &check.id)) {
        return Err(format!("no check is called {}{}", rule.check, did_you_mean(&rule.check, library.check_ids())));
    }
    let kinds = AcceptanceKind::ALL.map(AcceptanceKind::word).join(", ");
    let kind = AcceptanceKind::of_word(&rule.kind)
        .ok_or_else(|| format!("kind can be one of {kinds}, not {:?}", rule.kind))?;
    if rule.why.trim().is_empty() || rule.by.trim().is_empty() {
        return Err("a rule needs why (the rationale) and by (who answers for it)".to_owned());
    }
    let until = match &rule.until {
        None => None,
        Some(text) => {
            Some(moment(text).ok_or_else(|| format!("until is a date (2026-11-30) or a time, not {text:?}"))?)
        }
    };
    let text =
        format!("{:?}", (&rule.check, &rule.connection, &rule.resource, &rule.kind, &rule.why, &rule.by, &rule.until));
    let print = data_encoding::HEXLOWER.encode(&blake3::hash(text.as_bytes()).as_bytes()[..4]);
    Ok(Mute {
        rule: format!("{} {print}", rule.check),
        check: rule.check,
        connection: rule.connection,
        resource: rule.resource,
        kind,
        why: rule.why,
        by: rule.by,
        until,
    })
}

/// A time, or the end of a day in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T23:59:59.999Z").parse().ok())
}

/// Whether a text fits a pattern in which `*` stands for anything. Capitals make no difference.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
