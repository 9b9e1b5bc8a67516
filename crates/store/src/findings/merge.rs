//! Writing what one check found in one run: the changed findings and the check's numbers, in one transaction.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::acts::{Acceptance, set_acceptance};
use super::count::recount;
use super::{CheckOutcome, Line, PostureRun, Seen, Severity, note};
use crate::db::Row;
use crate::inventory::{Insert, OPEN};
use crate::lease::Lease;
use crate::schema::{Cell, storable};
use crate::{Result, Store};

/// A finding as the database knows it before a run.
#[derive(Debug, Clone)]
pub struct KnownFinding {
    /// Its number.
    pub number: i64,
    /// Hash over name, severity, reason and evidence.
    pub content: [u8; 16],
    /// Its own severity, without what coverage adds.
    pub severity: Severity,
    /// How its thing stood at the last run.
    pub seen: Seen,
    /// It is over.
    pub is_resolved: bool,
    /// Since this snapshot it is no longer failing, but that was not confirmed by another one.
    pub passing_snapshot: Option<i64>,
    /// The rule that accepted it, if a rule did.
    pub accepted_rule: Option<String>,
    /// A person or a rule has accepted it.
    pub is_accepted: bool,
}

/// What a check said of a failing thing.
#[derive(Debug, Clone)]
pub struct FindingRow {
    /// Id of the thing within organization and check.
    pub resource_id: String,
    /// What people know it by.
    pub name: String,
    /// Its own severity.
    pub severity: Severity,
    /// Why it fails, with the values that led to it.
    pub reason: String,
    /// The values as a JSON object.
    pub evidence: String,
    /// Hash over all of these but the id.
    pub content: [u8; 16],
}

/// What a run changes in one finding.
#[derive(Debug, Clone)]
pub enum FindingChange {
    /// A thing fails that never did.
    Opened(FindingRow),
    /// A thing fails that did before: with other values, or again.
    Failing {
        /// The finding.
        number: i64,
        /// What the check says now.
        row: FindingRow,
        /// It was resolved.
        reopened: bool,
        /// Severity or reason differ from before.
        changed: bool,
    },
    /// A thing does not fail any more, or nobody can tell.
    NotFailing {
        /// The finding.
        number: i64,
        /// What is known of it.
        seen: Seen,
        /// Since which snapshot it does not fail.
        passing_snapshot: Option<i64>,
        /// That was confirmed.
        resolved: bool,
    },
}

/// A finding that a rule accepts.
#[derive(Debug, Clone)]
pub struct Muted {
    /// Id of the thing within organization and check.
    pub resource_id: String,
    /// How it is accepted; [`Acceptance::rule`] names the rule.
    pub acceptance: Acceptance,
}

/// A check's numbers in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckResult {
    /// Things that pass.
    pub passed: u64,
    /// Things that fail.
    pub failed: u64,
    /// Things of which nobody can tell.
    pub unknown: u64,
    /// Things that the rule does not concern.
    pub not_applicable: u64,
    /// Severity that the share of failing things raises all findings to.
    pub raised_severity: Option<Severity>,
    /// Why nothing can be told as a whole.
    pub reason: Option<String>,
    /// The parameters that were used, as a JSON object.
    pub parameters: String,
}

impl CheckResult {
    /// Counts one more thing.
    pub fn count(&mut self, outcome: CheckOutcome) {
        match outcome {
            CheckOutcome::Pass => self.passed += 1,
            CheckOutcome::Fail => self.failed += 1,
            CheckOutcome::Unknown => self.unknown += 1,
            CheckOutcome::NotApplicable => self.not_applicable += 1,
        }
    }

    /// The share of things that pass among those that pass or fail.
    pub fn coverage(&self) -> Option<f64> {
        let decided = self.passed + self.failed;
        (decided > 0).then(|| self.passed as f64 / decided as f64)
    }
}

impl Store {
    /// The findings of a check in an organization, by the id of their thing.
    pub async fn known_findings(&self, org_id: &str, check_id: &str) -> Result<HashMap<String, KnownFinding>> {
        let mut known = HashMap::new();
        self.db
            .each(
                "SELECT resource_id, number, content, severity, outcome, resolved_at, passing_snapshot, accepted_rule, accepted_at
                 FROM finding WHERE org_id = $1 AND check_id = $2",
                vec![org_id.into(), check_id.into()],
                |row| {
                    let finding = KnownFinding {
                        number: row.integer(1),
                        content: row.bytes(2).try_into().unwrap_or_default(),
                        severity: Severity::of_number(row.integer(3)),
                        seen: Seen::of_word(&row.text(4)),
                        is_resolved: row.maybe_text(5).is_some(),
                        passing_snapshot: row.maybe_integer(6),
                        accepted_rule: row.maybe_text(7),
                        is_accepted: row.maybe_text(8).is_some(),
                    };
                    known.insert(row.text(0), finding);
                },
            )
            .await?;
        Ok(known)
    }

    /// Writes what a check found.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    #[expect(clippy::too_many_arguments, reason = "one check's news; a struct would only be taken apart again")]
    pub async fn merge_findings(
        &self,
        run: &PostureRun,
        check_id: &str,
        resource_type: &str,
        changes: Vec<FindingChange>,
        muted: Vec<Muted>,
        unmuted: Vec<i64>,
        result: &CheckResult,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<()> {
        let is_quiet = changes.is_empty() && muted.is_empty() && unmuted.is_empty();
        if is_quiet && self.stored_result(run, check_id).await?.as_ref() == Some(result) {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        let opened = changes.iter().filter(|change| matches!(change, FindingChange::Opened(_))).count();
        let mut next = match opened {
            0 => 0,
            count => tx.next_numbers("finding", i64::try_from(count).unwrap_or(i64::MAX)).await?,
        };
        let mut rows = Vec::with_capacity(opened);
        for change in changes {
            match change {
                FindingChange::Opened(row) => {
                    rows.push(cells_of_new(next, run, check_id, resource_type, row));
                    next += 1;
                }
                FindingChange::Failing { number, row, reopened, changed } => {
                    write_failing(&mut tx, run, number, row, reopened, changed).await?;
                }
                FindingChange::NotFailing { number, seen, passing_snapshot, resolved } => {
                    write_not_failing(&mut tx, run, number, seen, passing_snapshot, resolved).await?;
                }
            }
        }
        Insert::new(format!("finding ({NEW_COLUMNS})"), NEW_WIDTH).all(&mut tx, rows).await?;
        for Muted { resource_id, acceptance } in muted {
            let args = vec![run.org_id.as_str().into(), check_id.into(), resource_id.into()];
            let sql = "SELECT number FROM finding WHERE org_id = $1 AND check_id = $2 AND resource_id = $3";
            for row in tx.fetch(sql, args).await? {
                set_acceptance(&mut tx, row.integer(0), &acceptance, Some(run.number), run.started_at).await?;
            }
        }
        for finding in unmuted {
            super::acts::clear_acceptance(&mut tx, finding).await?;
            let (at, actor, action) = (run.started_at, "system", "acceptance_withdrawn");
            let detail = Some("no rule of the muting file matches it any more".to_owned());
            note(&mut tx, Line { finding, run: Some(run.number), at, actor, action, detail }).await?;
        }
        write_result(&mut tx, run, check_id, result).await?;
        recount(&mut tx, &BTreeSet::from([(run.org_id.clone(), check_id.to_owned())])).await?;
        tx.commit().await
    }

    /// Notes that nothing can be told of a check in this run: its findings stay as they are, neither seen nor gone.
    pub async fn merge_undecided(
        &self,
        run: &PostureRun,
        check_id: &str,
        result: &CheckResult,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        forget(&mut tx, run, check_id).await?;
        write_result(&mut tx, run, check_id, result).await?;
        recount(&mut tx, &BTreeSet::from([(run.org_id.clone(), check_id.to_owned())])).await?;
        tx.commit().await
    }

    /// The numbers of a check that hold.
    async fn stored_result(&self, run: &PostureRun, check_id: &str) -> Result<Option<CheckResult>> {
        let rows = self.db.fetch(STORED, key(run, check_id)).await?;
        Ok(rows.first().map(result_of))
    }
}

const NEW_COLUMNS: &str = "number, org_id, check_id, resource_type, resource_id, name, severity, effective_severity, \
                           reason, evidence, content, outcome, opened_at, opened_run, reopened";
const NEW_WIDTH: usize = 15;

fn cells_of_new(number: i64, run: &PostureRun, check_id: &str, resource_type: &str, row: FindingRow) -> Vec<Cell> {
    vec![
        number.into(),
        run.org_id.as_str().into(),
        check_id.into(),
        resource_type.into(),
        storable(&row.resource_id).into(),
        storable(&row.name).into(),
        row.severity.number().into(),
        row.severity.number().into(),
        storable(&row.reason).into(),
        row.evidence.into(),
        Cell::Bytes(row.content.to_vec()),
        "fail".into(),
        run.started_at.into(),
        run.number.into(),
        0_i64.into(),
    ]
}

async fn write_failing(
    tx: &mut crate::db::Tx,
    run: &PostureRun,
    number: i64,
    row: FindingRow,
    reopened: bool,
    changed: bool,
) -> Result<()> {
    let detail = if changed || reopened { Some(row.reason.clone()) } else { None };
    tx.execute(
        "UPDATE finding SET name = $2, severity = $3, reason = $4, evidence = $5, content = $6, outcome = 'fail',
           last_seen_at = NULL, passing_snapshot = NULL, resolved_at = NULL, reopened = reopened + $7
         WHERE number = $1",
        vec![
            number.into(),
            storable(&row.name).into(),
            row.severity.number().into(),
            storable(&row.reason).into(),
            row.evidence.into(),
            Cell::Bytes(row.content.to_vec()),
            i64::from(reopened).into(),
        ],
    )
    .await?;
    let action = match (reopened, changed) {
        (true, _) => "reopened",
        (false, true) => "changed",
        (false, false) => return Ok(()),
    };
    let (at, actor) = (run.started_at, "system");
    note(tx, Line { finding: number, run: Some(run.number), at, actor, action, detail }).await
}

async fn write_not_failing(
    tx: &mut crate::db::Tx,
    run: &PostureRun,
    number: i64,
    seen: Seen,
    passing_snapshot: Option<i64>,
    resolved: bool,
) -> Result<()> {
    tx.execute(
        "UPDATE finding SET outcome = $2, last_seen_at = COALESCE(last_seen_at, $3), passing_snapshot = $4, resolved_at = $5
         WHERE number = $1",
        vec![
            number.into(),
            seen.word().into(),
            run.before.unwrap_or(run.started_at).into(),
            passing_snapshot.into(),
            resolved.then_some(run.started_at).into(),
        ],
    )
    .await?;
    if !resolved {
        return Ok(());
    }
    let detail = Some(
        match seen {
            Seen::Gone => "it is no longer there",
            Seen::As(CheckOutcome::NotApplicable) => "the rule does not concern it any more",
            Seen::As(_) => "it passes, confirmed by a second sync",
        }
        .to_owned(),
    );
    let (at, actor) = (run.started_at, "system");
    note(tx, Line { finding: number, run: Some(run.number), at, actor, action: "resolved", detail }).await
}

/// Notes that nobody can tell of a check's findings any more.
pub(super) async fn forget(tx: &mut crate::db::Tx, run: &PostureRun, check_id: &str) -> Result<()> {
    tx.execute(
        "UPDATE finding SET outcome = 'unknown', last_seen_at = COALESCE(last_seen_at, $3)
         WHERE org_id = $1 AND check_id = $2 AND outcome = 'fail' AND resolved_at IS NULL",
        vec![run.org_id.as_str().into(), check_id.into(), run.before.unwrap_or(run.started_at).into()],
    )
    .await
    .map(drop)
}

const STORED: &str =
    "SELECT passed, failed, unknown, not_applicable, raised_severity, reason, parameters FROM check_result
                      WHERE org_id = $1 AND check_id = $2 AND until_run = $3";

fn key(run: &PostureRun, check_id: &str) -> Vec<Cell> {
    vec![run.org_id.as_str().into(), check_id.into(), OPEN.into()]
}

fn result_of(row: &Row) -> CheckResult {
    let count = |at| u64::try_from(row.integer(at)).unwrap_or(0);
    CheckResult {
        passed: count(0),
        failed: count(1),
        unknown: count(2),
        not_applicable: count(3),
        raised_severity: row.maybe_integer(4).map(Severity::of_number),
        reason: row.maybe_text(5),
        parameters: row.text(6),
    }
}

/// Writes a check's numbers, if they are not what they were.
async fn write_result(tx: &mut crate::db::Tx, run: &PostureRun, check_id: &str, result: &CheckResult) -> Result<()> {
    let key = || key(run, check_id);
    let rows = tx.fetch(STORED, key()).await?;
    if rows.first().map(result_of).as_ref() == Some(result) {
        return Ok(());
    }
    let end = "UPDATE check_result SET until_run = $4 WHERE org_id = $1 AND check_id = $2 AND until_run = $3";
    tx.execute(end, key().into_iter().chain([run.number.into()]).collect()).await?;
    tx.execute(
        "INSERT INTO check_result (org_id, check_id, from_run, until_run, passed, failed, unknown, not_applicable,
           raised_severity, reason, parameters)
         VALUES ($1, $2, $4, $3, $5, $6, $7, $8, $9, $10, $11)",
        key()
            .into_iter()
            .chain([
                run.number.into(),
                result.passed.into(),
                result.failed.into(),
                result.unknown.into(),
                result.not_applicable.into(),
                result.raised_severity.map(Severity::number).into(),
                result.reason.as_deref().map(storable).into(),
                result.parameters.as_str().into(),
            ])
            .collect(),
    )
    .await
    .map(drop)
}
