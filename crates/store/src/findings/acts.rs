//! What people do with findings: accept, take back, assign. Each act is a line of the finding's history.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::count::{CheckOf, recount};
use super::{Line, note};
use crate::db::Tx;
use crate::query::note_change;
use crate::schema::storable;
use crate::{Error, Result, Store};

/// Why a finding is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptanceKind {
    /// Something else covers the risk.
    CompensatingControl,
    /// The check is wrong about this thing.
    FalsePositive,
    /// The risk is taken.
    WontFix,
}

/// Somebody's word that a finding is to stay as it is.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// Why, in one of three words.
    pub kind: AcceptanceKind,
    /// Why, in the person's words.
    pub why: String,
    /// Who.
    pub by: String,
    /// Until when; then it is open again.
    pub until: Option<Timestamp>,
    /// The rule of the muting file, if a rule says it.
    pub rule: Option<String>,
}

/// Who is to mend a finding, and until when. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    /// Who; an empty text for nobody.
    pub owner: Option<String>,
    /// The date, as text; an empty text for none.
    pub due: Option<String>,
}

impl AcceptanceKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CompensatingControl, Self::FalsePositive, Self::WontFix];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::CompensatingControl => "compensating_control",
            Self::FalsePositive => "false_positive",
            Self::WontFix => "wont_fix",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Store {
    /// Accepts findings, all or none.
    ///
    /// # Errors
    /// A finding is not there, or the rationale is empty.
    pub async fn accept_findings(&self, numbers: &[i64], acceptance: &Acceptance, now: Timestamp) -> Result<()> {
        if acceptance.why.trim().is_empty() {
            return Err(Error::Refused("an acceptance needs a rationale: say why".to_owned()));
        }
        if acceptance.until.is_some_and(|until| until <= now) {
            return Err(Error::Refused("an acceptance can not end before it begins".to_owned()));
        }
        let mut tx = self.db.begin().await?;
        let mut checks = BTreeSet::new();
        for number in numbers {
            checks.insert(check_of(&mut tx, *number).await?);
            set_acceptance(&mut tx, *number, acceptance, None, now).await?;
        }
        recount(&mut tx, &checks).await?;
        tx.commit().await
    }

    /// Takes acceptances back, all or none.
    ///
    /// # Errors
    /// A finding is not there, or was not accepted.
    pub async fn reopen_findings(&self, numbers: &[i64], by: &str, why: Option<&str>, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let mut checks = BTreeSet::new();
        for finding in numbers.iter().copied() {
            checks.insert(check_of(&mut tx, finding).await?);
            let accepted = "SELECT accepted_rule FROM finding WHERE number = $1 AND accepted_at IS NOT NULL";
            let rows = tx.fetch(accepted, vec![finding.into()]).await?;
            let Some(row) = rows.first() else {
                return Err(Error::Refused(format!("finding {finding} is not accepted")));
            };
            if let Some(rule) = row.maybe_text(0) {
                return Err(Error::Refused(format!(
                    "finding {finding} is accepted by the rule {rule}, which would accept it again: change that rule"
                )));
            }
            clear_acceptance(&mut tx, finding).await?;
            let (action, detail) = ("acceptance_withdrawn", why.map(|why| storable(why).into_owned()));
            note(&mut tx, Line { finding, run: None, at: now, actor: by, action, detail }).await?;
        }
        recount(&mut tx, &checks).await?;
        tx.commit().await
    }

    /// Gives findings an owner and a date, all or none.
    ///
    /// # Errors
    /// A finding is not there.
    pub async fn assign_findings(
        &self,
        numbers: &[i64],
        assignment: &Assignment,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        let value = |text: &str| (!text.is_empty()).then(|| storable(text).into_owned());
        let mut tx = self.db.begin().await?;
        for finding in numbers.iter().copied() {
            check_of(&mut tx, finding).await?;
            for (column, action, given) in
                [("owner", "assigned", &assignment.owner), ("due_at", "due_set", &assignment.due)]
            {
                let Some(given) = given else { continue };
                let sql = format!("UPDATE finding SET {column} = $2 WHERE number = $1");
                tx.execute(&sql, vec![finding.into(), value(given).into()]).await?;
                let detail = value(given).or_else(|| Some("none".to_owned()));
                note(&mut tx, Line { finding, run: None, at: now, actor: by, action, detail }).await?;
            }
        }
        note_change(&mut tx).await?;
        tx.commit().await
    }
}

/// The check that a finding is of.
///
/// # Errors
/// There is no such finding.
async fn check_of(tx: &mut Tx, finding: i64) -> Result<CheckOf> {
    let rows = tx.fetch("SELECT org_id, check_id FROM finding WHERE number = $1", vec![finding.into()]).await?;
    let nothing = || Error::Refused(format!("there is no finding {finding}"));
    rows.first().map(|row| (row.text(0), row.text(1))).ok_or_else(nothing)
}

pub(super) async fn set_acceptance(
    tx: &mut Tx,
    finding: i64,
    acceptance: &Acceptance,
    run: Option<i64>,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "UPDATE finding SET accepted_kind = $2, accepted_why = $3, accepted_by = $4, accepted_at = $5, accepted_until = $6,
           accepted_rule = $7 WHERE number = $1",
        vec![
            finding.into(),
            acceptance.kind.word().into(),
            storable(&acceptance.why).into(),
            storable(&acceptance.by).into(),
            now.into(),
            acceptance.until.into(),
            acceptance.rule.clone().into(),
        ],
    )
    .await?;
    let until = acceptance.until.map(|until| format!(", until {until}")).unwrap_or_default();
    let detail = Some(format!("{}: {}{until}", acceptance.kind.word(), storable(&acceptance.why)));
    note(tx, Line { finding, run, at: now, actor: &acceptance.by, action: "accepted", detail }).await
}

pub(super) async fn clear_acceptance(tx: &mut Tx, finding: i64) -> Result<()> {
    tx.execute(
        "UPDATE finding SET accepted_kind = NULL, accepted_why = NULL, accepted_by = NULL, accepted_at = NULL,
           accepted_until = NULL, accepted_rule = NULL WHERE number = $1",
        vec![finding.into()],
    )
    .await
    .map(drop)
}
