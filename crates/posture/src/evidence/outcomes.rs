//! What the checks said: the numbers of the run that looked at the pack's snapshot, how the requirements stood by them, and
//! what was opened and resolved in the period.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use store::Parameter;

use super::PackError;
use super::exceptions::{Exceptions, texts};
use super::folder::PackFolder;
use super::reading::{Reading, integer, moment, text};
use super::rows::{RowFiles, canonical};
use crate::check::Check;
use crate::framework::{Framework, Numbers, RequirementStanding};
use crate::parameters::{ParameterSet, parameter_of};
use crate::run::{Organization, Posture};
use crate::standing::numbers;

/// A run of the checks.
#[derive(Debug, Clone)]
pub(super) struct CheckRun {
    pub number: i64,
    pub snapshot: i64,
    pub started_at: Timestamp,
}

/// What was opened and resolved in the period.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moves {
    pub opened: i64,
    pub resolved: i64,
    pub reopened: i64,
}

/// What the checks said.
#[derive(Debug)]
pub(super) struct Outcomes<'a> {
    /// The newest run by the pack's time; `None` when no check had run.
    pub run: Option<CheckRun>,
    /// The checks that serve the framework, with their numbers.
    pub checks: Vec<(&'a Check, Option<Numbers>, Moves)>,
    /// The requirements of the framework.
    pub requirements: Vec<RequirementStanding<'a>>,
}

impl<'a> Outcomes<'a> {
    pub(super) async fn read(
        posture: &'a Posture,
        framework: &'a Framework,
        organization: &Organization,
        reading: &Reading<'_>,
        exceptions: &Exceptions,
    ) -> Result<Self, PackError> {
        let mut run = None;
        let sql = "SELECT number, snapshot, started_at FROM posture_runs WHERE started_at <= :now ORDER BY number DESC LIMIT 1";
        reading
            .rows(sql, |row| {
                run = moment(&row[2]).map(|started_at| CheckRun {
                    number: integer(&row[0]),
                    snapshot: integer(&row[1]),
                    started_at,
                });
                Ok(())
            })
            .await?;
        let mut numbers = match &run {
            Some(run) => numbers(reading.store, &organization.org_id, Some(run.number)).await?,
            None => BTreeMap::new(),
        };
        for (check, excused) in &exceptions.excused {
            if let Some(numbers) = numbers.get_mut(check) {
                numbers.excused = (*excused).min(numbers.result.failed);
            }
        }
        let checks: Vec<&Check> = framework.checks(&posture.library).collect();
        let moves = moves(reading, &checks).await?;
        let requirements = framework.stand(&posture.library, &numbers, |check| {
            let used = numbers.get(&check.id).and_then(|numbers| parameters_of(&numbers.result.parameters));
            match used {
                Some(used) => ParameterSet::of(check, &used),
                None => posture.settings.parameters(check, &organization.names),
            }
        });
        let checks = checks
            .into_iter()
            .map(|check| (check, numbers.get(&check.id).cloned(), moves.get(&check.id).copied().unwrap_or_default()))
            .collect();
        Ok(Self { run, checks, requirements })
    }

    /// Writes the numbers and the standings into the pack.
    pub(super) fn write(&self, folder: &mut PackFolder) -> Result<(), PackError> {
        folder.write("findings/run.json", &canonical(&self.document())?)?;
        let names = [
            "check",
            "title",
            "severity",
            "standing",
            "passed",
            "failed",
            "accepted",
            "unknown",
            "not_applicable",
            "why_unknown",
            "opened_in_period",
            "resolved_in_period",
            "reopened_in_period",
            "parameters",
        ];
        let mut files = RowFiles::begin(folder, "findings/checks", &names.map(str::to_owned))?;
        for (check, numbers, moves) in &self.checks {
            let result = numbers.as_ref().map(|numbers| &numbers.result);
            files.push(&[
                json!(check.id),
                json!(check.title),
                json!(check.severity.word()),
                json!(crate::framework::Standing::of(numbers.as_ref()).word()),
                json!(result.map(|result| result.passed)),
                json!(result.map(|result| result.failed)),
                json!(numbers.as_ref().map(|numbers| numbers.excused)),
                json!(result.map(|result| result.unknown)),
                json!(result.map(|result| result.not_applicable)),
                json!(why_unknown(numbers.as_ref())),
                json!(moves.opened),
                json!(moves.resolved),
                json!(moves.reopened),
                json!(result.map(|result| result.parameters.clone())),
            ])?;
        }
        files.finish(folder)?;
        let names = ["requirement", "title", "standing", "checks", "demands"].map(str::to_owned);
        let mut files = RowFiles::begin(folder, "findings/requirements", &names)?;
        for standing in &self.requirements {
            let checks: Vec<String> = standing
                .checks
                .iter()
                .map(|behind| format!("{} ({}, {})", behind.check.id, behind.standing.word(), behind.marks))
                .collect();
            files.push(&[
                json!(standing.requirement.id),
                json!(standing.requirement.title),
                json!(standing.standing.word()),
                json!(checks.join("; ")),
                json!(standing.demands.join("; ")),
            ])?;
        }
        files.finish(folder)?;
        Ok(())
    }

    /// The run of the checks; null if there was none.
    fn document(&self) -> Value {
        json!(self.run.as_ref().map(|run| json!({
            "number": run.number, "snapshot": run.snapshot, "started_at": run.started_at,
        })))
    }
}

/// Why a check's outcome is unknown as a whole.
pub(super) fn why_unknown(numbers: Option<&Numbers>) -> Option<String> {
    match numbers {
        None => Some("it had not run by then".to_owned()),
        Some(numbers) => numbers.result.reason.clone(),
    }
}

async fn moves(reading: &Reading<'_>, checks: &[&Check]) -> Result<BTreeMap<String, Moves>, PackError> {
    let ids: Vec<String> = checks.iter().map(|check| check.id.clone()).collect();
    let sql = "SELECT check_id, action, COUNT(*) AS number FROM finding_history
               WHERE check_id IN (:checks) AND at >= :from AND at <= :to AND action IN ('opened', 'resolved', 'reopened')
               GROUP BY check_id, action";
    let mut moves: BTreeMap<String, Moves> = BTreeMap::new();
    reading
        .with("checks", texts(&ids))
        .rows(sql, |row| {
            let of = moves.entry(text(&row[0]).unwrap_or_default()).or_default();
            match text(&row[1]).as_deref() {
                Some("opened") => of.opened = integer(&row[2]),
                Some("resolved") => of.resolved = integer(&row[2]),
                _ => of.reopened = integer(&row[2]),
            }
            Ok(())
        })
        .await?;
    Ok(moves)
}

fn parameters_of(text: &str) -> Option<BTreeMap<String, Parameter>> {
    let values: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    Some(values.iter().filter_map(|(name, value)| Some((name.clone(), parameter_of(value)?))).collect())
}
