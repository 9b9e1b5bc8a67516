//! What a check is, once its file was read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use store::Parameter;
use store::findings::Severity;

/// One rule over what was collected.
#[derive(Debug, Clone)]
pub struct Check {
    /// Never renamed, never used again for something else.
    pub id: String,
    /// What is wrong when it fails, short.
    pub title: String,
    /// The folder that it lies in, e.g. `users`.
    pub area: String,
    /// How bad a finding is; a row can say otherwise in a column `severity`.
    pub severity: Severity,
    /// What kind of thing it looks at.
    pub resource: String,
    /// Where its facts come from.
    pub tier: Tier,
    /// Every table that the query reads.
    pub reads: Vec<String>,
    /// Which control profiles it serves; `content/frameworks` says what they mean.
    pub profiles: Vec<String>,
    /// What can be set, with defaults.
    pub parameters: BTreeMap<String, Parameter>,
    /// All findings become worse the smaller the share of things that pass is.
    pub coverage_severity: bool,
    /// Why it matters.
    pub why: String,
    /// How it is decided.
    pub how: String,
    /// How to fix it.
    pub fix: String,
    /// The SELECT that gives one row for every thing of the population.
    pub query: String,
    /// Where the query begins in the file.
    pub query_line: usize,
    /// Where the file is.
    pub origin: Origin,
}

/// Where a check's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the program; the path within this repository.
    Ours(String),
    /// The user's own file.
    Own(PathBuf),
}

/// Where a check's facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "`about` says it")]
pub enum Tier {
    A,
    B,
    C,
    E,
    P,
}

impl Tier {
    pub(crate) const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::E, Self::P];

    /// Its letter.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::E => "E",
            Self::P => "P",
        }
    }

    /// What it means.
    pub fn about(self) -> &'static str {
        match self {
            Self::A => "documented API",
            Self::B => "API that works but is not documented",
            Self::C => "API that is named but not described: unknown until it can be read",
            Self::E => "events",
            Self::P => "Jumpseat's own state",
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ours(path) => path.fmt(f),
            Self::Own(path) => path.display().fmt(f),
        }
    }
}

/// Severity that the share of passing things raises findings to.
pub(crate) fn severity_of_coverage(coverage: f64) -> Severity {
    match coverage {
        share if share < 0.50 => Severity::Critical,
        share if share < 0.80 => Severity::High,
        share if share < 0.95 => Severity::Medium,
        _ => Severity::Low,
    }
}
