//! What the demonstration tells of each organization's posture: the worst findings in words, two coverages with what is not
//! known, and the frameworks at a glance.

use std::collections::BTreeMap;

use ::posture::{Posture, Tally, numbers};
use anyhow::Result;
use serde_json::{Value, json};
use store::findings::CheckResult;
use store::{Cell, Limits, Parameter, Query};

use crate::output::printable;

/// How many findings are told.
const MOST: usize = 5;

/// The shares that everybody asks for first: in words, what is counted, the check behind it.
const COVERAGES: &[(&str, &str, &str)] =
    &[("MFA", "users", "user-mfa-not-enrolled"), ("disk encryption", "devices", "device-disk-unencrypted")];

/// One organization's posture.
#[derive(Debug)]
pub(super) struct Glance {
    /// Severity, title, how many, one of them, why.
    worst: Vec<Worst>,
    open: i64,
    coverages: Vec<(&'static str, &'static str, CheckResult)>,
    frameworks: Vec<(String, Tally)>,
}

#[derive(Debug)]
struct Worst {
    check: String,
    severity: String,
    title: String,
    count: i64,
    example: String,
    reason: String,
}

/// The posture of every organization, in this order.
pub(super) async fn glances(posture: &Posture, org_ids: &[Option<String>]) -> Result<Vec<Option<Glance>>> {
    let organizations = posture.organizations().await?;
    let mut glances = Vec::new();
    for org_id in org_ids {
        let Some(organization) = organizations.iter().find(|known| Some(&known.org_id) == org_id.as_ref()) else {
            glances.push(None);
            continue;
        };
        let numbers = numbers(&posture.store, &organization.org_id, None).await?;
        let coverages = COVERAGES
            .iter()
            .filter_map(|(words, what, check)| Some((*words, *what, numbers.get(*check)?.result.clone())))
            .collect();
        let frameworks = posture
            .library
            .frameworks()
            .iter()
            .map(|framework| {
                let tally = Tally::of(&posture.stand(framework, organization, &numbers));
                (format!("{} {}", framework.name, framework.version), tally)
            })
            .collect();
        let (worst, open) = worst(posture, &organization.org_id).await?;
        glances.push(Some(Glance { worst, open, coverages, frameworks }));
    }
    Ok(glances)
}

/// The checks with the worst open findings, and how many findings are open.
async fn worst(posture: &Posture, org_id: &str) -> Result<(Vec<Worst>, i64)> {
    let ask = |sql: &str, check: &str| Query {
        sql: sql.to_owned(),
        org_id: Some(org_id.to_owned()),
        parameters: BTreeMap::from([("check".to_owned(), Parameter::Text(check.to_owned()))]),
        ..Query::default()
    };
    let sql = "SELECT check_id, MAX(severity_id), COUNT(*) FROM findings WHERE state = 'open' AND outcome = 'fail'
               GROUP BY check_id ORDER BY 2 DESC, 3 DESC, 1";
    let answer = posture.store.query(&ask(sql, ""), &Limits::default()).await?;
    let mut worst = Vec::new();
    let mut open = 0;
    for row in answer.rows {
        let [Cell::Text(check), Cell::Integer(severity), Cell::Integer(count)] = row.as_slice() else { continue };
        open += count;
        if worst.len() == MOST {
            continue;
        }
        let sql = "SELECT name, reason, severity FROM findings
                   WHERE state = 'open' AND outcome = 'fail' AND check_id = :check ORDER BY severity_id DESC, name LIMIT 1";
        let example = posture.store.query(&ask(sql, check), &Limits::default()).await?;
        let text = |at: usize| match example.rows.first().map(|row| &row[at]) {
            Some(Cell::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        debug_assert!((1..=5).contains(severity), "the numbers of severities");
        let title = posture.library.check(check).map_or_else(|| check.to_string(), |check| check.title.clone());
        worst.push(Worst {
            check: check.to_string(),
            severity: text(2),
            title,
            count: *count,
            example: text(0),
            reason: text(1),
        });
    }
    Ok((worst, open))
}

impl Glance {
    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("  posture: {} open findings", self.open)];
        for worst in &self.worst {
            let more = if worst.count > 1 { format!(" and {} more", worst.count - 1) } else { String::new() };
            lines.push(format!(
                "    {:<8}  {}: {}{more} ({})",
                worst.severity,
                printable(&worst.title),
                printable(&worst.example),
                printable(&worst.reason)
            ));
        }
        for (words, what, result) in &self.coverages {
            lines.push(match (&result.reason, result.coverage()) {
                (Some(why), _) => format!("  {words}: unknown ({})", printable(why)),
                (None, Some(share)) => format!(
                    "  {words}: {} % of {} {what}; {} more are not known",
                    (share * 100.0).floor(),
                    result.passed + result.failed,
                    result.unknown
                ),
                (None, None) => format!("  {words}: no {what} can be told; {} are not known", result.unknown),
            });
        }
        let frameworks: Vec<String> = self
            .frameworks
            .iter()
            .map(|(name, tally)| {
                format!("{name} {} met, {} failed, {} unknown", tally.met, tally.failed, tally.unknown)
            })
            .collect();
        lines.extend(frameworks.chunks(3).map(|chunk| format!("  {}", chunk.join("; "))));
        lines
    }

    /// For programs.
    pub(super) fn document(&self) -> Value {
        let worst: Vec<Value> = self
            .worst
            .iter()
            .map(|worst| {
                json!({
                    "check": worst.check, "severity": worst.severity, "title": worst.title, "open": worst.count,
                    "example": worst.example, "reason": worst.reason,
                })
            })
            .collect();
        let coverages: Vec<Value> = self
            .coverages
            .iter()
            .map(|(words, _, result)| {
                json!({
                    "of": words, "passed": result.passed, "failed": result.failed, "unknown": result.unknown,
                    "coverage": result.coverage(), "reason": result.reason,
                })
            })
            .collect();
        let frameworks: Vec<Value> = self
            .frameworks
            .iter()
            .map(|(name, tally)| {
                json!({
                    "framework": name, "met": tally.met, "failed": tally.failed, "unknown": tally.unknown,
                    "not_applicable": tally.not_applicable,
                })
            })
            .collect();
        json!({ "open_findings": self.open, "worst": worst, "coverage": coverages, "frameworks": frameworks })
    }
}
