//! How frameworks stand in an organization, from the numbers that the checks' runs have left.

use std::collections::BTreeMap;

use store::findings::CheckResult;
use store::{Cell, Limits, Parameter, Query, Result, Store};

use crate::framework::{Framework, Numbers, RequirementStanding, Standing};
use crate::run::{Organization, Posture};

impl Posture {
    /// How a framework's requirements stand in an organization.
    pub fn stand<'a>(
        &'a self,
        framework: &'a Framework,
        organization: &Organization,
        numbers: &BTreeMap<String, Numbers>,
    ) -> Vec<RequirementStanding<'a>> {
        framework.stand(&self.library, numbers, |check| self.settings.parameters(check, &organization.names))
    }
}

/// How many requirements stand how.
#[derive(Debug, Default)]
pub struct Tally {
    /// As far as the checks can see.
    pub met: usize,
    /// Something fails.
    pub failed: usize,
    /// Nobody can tell.
    pub unknown: usize,
    /// There is nothing that they concern.
    pub not_applicable: usize,
}

impl Tally {
    /// Counts.
    pub fn of(standings: &[RequirementStanding<'_>]) -> Self {
        let count = |standing| standings.iter().filter(|other| other.standing == standing).count();
        Self {
            met: count(Standing::Met),
            failed: count(Standing::Failed),
            unknown: count(Standing::Unknown),
            not_applicable: count(Standing::NotApplicable),
        }
    }
}

/// The numbers of all checks in an organization, now or at a run. What was accepted is known only of now.
pub async fn numbers(store: &Store, org_id: &str, run: Option<i64>) -> Result<BTreeMap<String, Numbers>> {
    let sql = "SELECT check_id, passed, failed, unknown, not_applicable, reason, parameters FROM check_results
               WHERE from_run <= :run AND (until_run IS NULL OR until_run > :run)";
    let ask = |sql: &str, parameters: BTreeMap<String, Parameter>| Query {
        sql: sql.to_owned(),
        parameters,
        org_id: Some(org_id.to_owned()),
        is_frequent: true,
        ..Query::default()
    };
    let at = BTreeMap::from([("run".to_owned(), Parameter::Integer(run.unwrap_or(i64::MAX - 1)))]);
    let answer = store.query(&ask(sql, at), &Limits::default()).await?;
    let mut numbers = BTreeMap::new();
    let count = |cell: &Cell| match cell {
        Cell::Integer(number) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    };
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => Some(text.to_string()),
        _ => None,
    };
    for row in answer.rows {
        let result = CheckResult {
            passed: count(&row[1]),
            failed: count(&row[2]),
            unknown: count(&row[3]),
            not_applicable: count(&row[4]),
            reason: text(&row[5]),
            parameters: text(&row[6]).unwrap_or_default(),
            ..CheckResult::default()
        };
        numbers.insert(text(&row[0]).unwrap_or_default(), Numbers { result, excused: 0 });
    }
    if run.is_none() {
        let sql = "SELECT check_id, SUM(findings) FROM finding_counts
                   WHERE state = 'accepted' AND outcome = 'fail' AND accepted_kind <> 'wont_fix' GROUP BY check_id";
        for row in store.query(&ask(sql, BTreeMap::new()), &Limits::default()).await?.rows {
            if let Some(numbers) = numbers.get_mut(&text(&row[0]).unwrap_or_default()) {
                numbers.excused = count(&row[1]);
            }
        }
    }
    Ok(numbers)
}
