//! Findings: what is kept of a check's outcomes, and every finding's life and history. What an outcome means for a life is
//! decided by the caller; here it is written, all of a check's in one transaction.
//!
//! A finding that stays as it is costs no row. When it was last seen is the time of the organization's newest run as long
//! as `last_seen_at` is NULL. Passing things are counted, not stored.

mod acts;
mod count;
mod merge;
mod run;
pub(crate) mod views;

use jiff::Timestamp;

pub use acts::{Acceptance, AcceptanceKind, Assignment};
pub use merge::{CheckResult, FindingChange, FindingRow, KnownFinding, Muted};
pub use run::PostureRun;

use crate::Result;
use crate::db::Tx;
use crate::query::note_change;

/// What a check says of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckOutcome {
    /// As it should be.
    Pass,
    /// Not as it should be: a finding.
    Fail,
    /// It could not be decided; the reason says why.
    Unknown,
    /// The rule does not concern it.
    NotApplicable,
}

/// What is known of a finding's thing at the newest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// What the check said.
    As(CheckOutcome),
    /// The thing was not there, in a complete read.
    Gone,
}

/// How bad a finding is; the numbers are OCSF's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Should be seen.
    Info = 1,
    /// Hygiene.
    Low = 2,
    /// A control has a hole.
    Medium = 3,
    /// Takeover of one identity or device, or loss of logging.
    High = 4,
    /// Takeover of the organization by one missing step.
    Critical = 5,
}

impl CheckOutcome {
    /// Its word in a check's query.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Pass, Self::Fail, Self::Unknown, Self::NotApplicable].into_iter().find(|outcome| outcome.word() == word)
    }
}

impl Seen {
    /// Its word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::As(outcome) => outcome.word(),
            Self::Gone => "gone",
        }
    }

    fn of_word(word: &str) -> Self {
        CheckOutcome::of_word(word).map_or(Self::Gone, Self::As)
    }
}

impl Severity {
    /// All, from the least to the worst.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }

    fn number(self) -> i64 {
        self as i64
    }

    /// Reads OCSF's number; one that is none is [`Severity::Info`].
    pub fn of_number(number: i64) -> Self {
        Self::ALL.into_iter().find(|severity| severity.number() == number).unwrap_or(Self::Info)
    }
}

/// A line of a finding's history.
struct Line<'a> {
    finding: i64,
    run: Option<i64>,
    at: Timestamp,
    actor: &'a str,
    action: &'a str,
    detail: Option<String>,
}

/// Adds to a finding's history. Lines are never changed.
async fn note(tx: &mut Tx, line: Line<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO finding_event (finding, position, run, at, actor, action, detail)
         SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, $4, $5, $6 FROM finding_event WHERE finding = $1",
        vec![
            line.finding.into(),
            line.run.into(),
            line.at.into(),
            line.actor.into(),
            line.action.into(),
            line.detail.into(),
        ],
    )
    .await
    .map(drop)
}

/// Removes what is known of an organization's findings.
pub(crate) async fn purge(tx: &mut Tx, org_id: &str) -> Result<()> {
    let of_organization = "finding IN (SELECT number FROM finding WHERE org_id = $1)";
    for sql in [
        format!("DELETE FROM finding_event WHERE {of_organization}"),
        "DELETE FROM finding WHERE org_id = $1".to_owned(),
        "DELETE FROM finding_count WHERE org_id = $1".to_owned(),
        "DELETE FROM check_result WHERE org_id = $1".to_owned(),
        "DELETE FROM posture_run WHERE org_id = $1".to_owned(),
    ] {
        tx.execute(&sql, vec![org_id.into()]).await?;
    }
    note_change(tx).await
}
