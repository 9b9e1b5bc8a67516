//! `check run`: what the checks say of everything that was collected.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use posture::{Mode, OrganizationReport, Posture, Request};
use serde_json::{Value, json};
use store::findings::{CheckOutcome, CheckResult, Severity};
use store::{Cell, Limits, Query};

use super::super::asset::org_of;
use super::list::Choice;
use super::{Global, SeverityArg};
use crate::commands::audit;
use crate::context::{Context, this_person};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet, printable};
use crate::when::parse_moment;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat check run
  jumpseat check run --framework soc2 --fail-on high
  jumpseat check run user-mfa-not-enrolled --rows --outcome unknown
  jumpseat check run --as-of 2026-11-01")]
pub(in crate::commands) struct RunArgs {
    /// Which checks; all, if none is named.
    ids: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    /// Only this organization, by id, name or connection.
    #[arg(long, visible_alias = "org")]
    connection: Option<String>,
    /// On what was collected by this time (date or RFC 3339 time).
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    as_of: Option<Timestamp>,
    /// End with exit code 8 when something of this severity or worse fails and is not accepted.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<SeverityArg>,
    /// Show every thing instead of numbers.
    #[arg(long)]
    rows: bool,
    /// With --rows: only things with this outcome.
    #[arg(long, value_enum, requires = "rows")]
    outcome: Option<OutcomeArg>,
}

/// What a check can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutcomeArg {
    Pass,
    Fail,
    Unknown,
    NotApplicable,
}

impl OutcomeArg {
    fn is(self, outcome: CheckOutcome) -> bool {
        matches!(
            (self, outcome),
            (Self::Pass, CheckOutcome::Pass)
                | (Self::Fail, CheckOutcome::Fail)
                | (Self::Unknown, CheckOutcome::Unknown)
                | (Self::NotApplicable, CheckOutcome::NotApplicable)
        )
    }
}

pub(super) async fn run(args: RunArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    if let Some(as_of) = args.as_of.filter(|as_of| *as_of > context.now) {
        return Err(Problem::usage(format!("--as-of {as_of} lies in the future: nothing can be known of it")));
    }
    let posture = context.posture("jumpseat check run")?;
    let checks = args.choice.of(&posture.library, &args.ids)?;
    let org_id = org_of(&context, args.connection.as_deref()).await?;
    // A part of the checks would make the others look as if they had been looked at.
    let is_everything = args.ids.is_empty() && args.choice.is_everything() && args.as_of.is_none();
    let request = Request {
        checks,
        org_ids: org_id.map(|org_id| vec![org_id]),
        as_of: args.as_of,
        started_by: this_person(),
        mode: match (is_everything, args.rows) {
            (true, false) => Mode::Record,
            (true, true) => Mode::RecordAndShow,
            (false, _) => Mode::Show,
        },
    };
    if is_everything {
        let org_id = request.org_ids.iter().flatten().next().cloned();
        audit::note(&context, "check.run", "all checks", org_id.as_deref(), json!({})).await?;
    }
    let accepted = accepted(&context).await?;
    let mut worst: BTreeMap<(String, String), Severity> = BTreeMap::new();
    let mut shown: Vec<(String, Vec<Value>)> = Vec::new();
    let reports = posture
        .run(&request, |check, row, columns| {
            let key = (row.org_id.clone(), check.id.clone());
            let severity = row.severity.unwrap_or(check.severity);
            if row.outcome == CheckOutcome::Fail && !accepted.contains(&(key.0.clone(), key.1.clone(), row.id.clone()))
            {
                worst.entry(key).and_modify(|worst| *worst = severity.max(*worst)).or_insert(severity);
            }
            if args.rows && args.outcome.is_none_or(|outcome| outcome.is(row.outcome)) {
                let evidence = Value::Object(row.evidence(columns));
                let cells = vec![
                    json!(row.org_id),
                    json!(check.id),
                    json!(row.id),
                    json!(row.name),
                    json!(row.outcome.word()),
                    json!((row.outcome == CheckOutcome::Fail).then(|| severity.word())),
                    json!(row.reason),
                    evidence,
                ];
                shown.push((format!("{} {}", row.org_id, check.id), cells));
            }
        })
        .await?;
    if args.rows {
        write_rows(shown, &reports, &context)?
    } else {
        write_numbers(&posture, &reports, &context)?
    }
    tell(&reports, is_everything, &context.nothing_collected(args.as_of));
    context.store.close().await;
    let limit: Option<Severity> = args.fail_on.map(Into::into);
    Ok(match limit {
        // A gate must not open because nothing was looked at.
        Some(_) if reports.is_empty() => Exit::Partial,
        Some(limit) if worst_of(&worst, &reports) >= Some(limit) => Exit::Findings,
        _ => Exit::Ok,
    })
}

/// The worst severity of what fails and is not accepted, with what low coverage adds.
fn worst_of(worst: &BTreeMap<(String, String), Severity>, reports: &[OrganizationReport]) -> Option<Severity> {
    worst
        .iter()
        .filter_map(|((org_id, check), severity)| {
            let report = reports.iter().find(|report| report.organization.org_id == *org_id)?;
            let result = report.results.get(check)?;
            // What a query gave before it turned out to be unusable does not count.
            (result.failed > 0).then(|| result.raised_severity.map_or(*severity, |raised| raised.max(*severity)))
        })
        .max()
}

/// Organization, check and thing of all findings that are accepted now.
async fn accepted(context: &Context) -> Result<HashSet<(String, String, String)>> {
    let sql = "SELECT org_id, check_id, resource_id FROM findings WHERE state = 'accepted'";
    let limits = Limits { rows: u64::MAX, ..Limits::default() };
    let answer = context.store.query(&Query { sql: sql.to_owned(), ..Query::default() }, &limits).await?;
    Ok(answer
        .rows
        .into_iter()
        .filter_map(|row| match <[Cell; 3]>::try_from(row) {
            Ok([Cell::Text(org_id), Cell::Text(check), Cell::Text(thing)]) => {
                Some((org_id.to_string(), check.to_string(), thing.to_string()))
            }
            _ => None,
        })
        .collect())
}

fn write_rows(shown: Vec<(String, Vec<Value>)>, reports: &[OrganizationReport], context: &Context) -> Result<()> {
    let mut sheet = Sheet::new(&["org_id", "check", "id", "name", "outcome", "severity", "reason", "evidence"]);
    let is_counted = |key: &str| {
        reports.iter().any(|report| {
            key.strip_prefix(&report.organization.org_id)
                .and_then(|check| report.results.get(check.trim_start()))
                .is_some_and(|result| result.passed + result.failed + result.unknown + result.not_applicable > 0)
        })
    };
    for (key, cells) in shown {
        if is_counted(&key) {
            sheet.push(cells);
        }
    }
    sheet.write(context.format)?;
    Ok(())
}

/// A check's numbers: for people over all organizations and only where there is something to see; for programs all.
fn write_numbers(posture: &Posture, reports: &[OrganizationReport], context: &Context) -> Result<()> {
    let people = context.format == Format::Table;
    if people {
        let mut sheet =
            Sheet::new(&["severity", "check", "title", "failed", "passed", "unknown", "coverage", "why_unknown"]);
        let mut rows = Vec::new();
        for check in posture.library.checks() {
            let results: Vec<&CheckResult> =
                reports.iter().filter_map(|report| report.results.get(&check.id)).collect();
            let sum = sum_of(&results);
            if sum.failed == 0 && sum.unknown == 0 && sum.reason.is_none() {
                continue;
            }
            let severity = sum.raised_severity.map_or(check.severity, |raised| raised.max(check.severity));
            rows.push((
                sum.failed == 0,
                std::cmp::Reverse(severity),
                vec![
                    json!(severity.word()),
                    json!(check.id),
                    json!(check.title),
                    json!(sum.failed),
                    json!(sum.passed),
                    json!(sum.unknown),
                    json!(percent(&sum)),
                    json!(sum.reason),
                ],
            ));
        }
        rows.sort_by_key(|(is_fine, severity, _)| (*is_fine, *severity));
        rows.into_iter().for_each(|(_, _, row)| sheet.push(row));
        sheet.without_empty_columns().write(context.format)?;
        return Ok(());
    }
    let mut sheet = Sheet::new(&[
        "org_id",
        "organization",
        "check",
        "severity",
        "passed",
        "failed",
        "unknown",
        "not_applicable",
        "coverage",
        "reason",
    ]);
    for report in reports {
        for (id, result) in &report.results {
            let own = posture.library.check(id).map(|check| check.severity);
            let severity = own.max(result.raised_severity);
            sheet.push(vec![
                json!(report.organization.org_id),
                json!(report.organization.names.first()),
                json!(id),
                json!(severity.map(Severity::word)),
                json!(result.passed),
                json!(result.failed),
                json!(result.unknown),
                json!(result.not_applicable),
                json!(result.coverage()),
                json!(result.reason),
            ]);
        }
    }
    sheet.write(context.format)?;
    Ok(())
}

fn sum_of(results: &[&CheckResult]) -> CheckResult {
    let mut sum = CheckResult::default();
    for result in results {
        sum.passed += result.passed;
        sum.failed += result.failed;
        sum.unknown += result.unknown;
        sum.not_applicable += result.not_applicable;
        sum.raised_severity = sum.raised_severity.max(result.raised_severity);
        sum.reason = sum.reason.or_else(|| result.reason.clone());
    }
    sum
}

/// Coverage rounded down, so that 100 % means all.
pub(super) fn percent(result: &CheckResult) -> Option<String> {
    result.coverage().map(|share| format!("{} %", (share * 100.0).floor()))
}

/// Says on standard error what a table does not.
fn tell(reports: &[OrganizationReport], is_everything: bool, nothing: &str) {
    for report in reports {
        let name = report.organization.names.first().map_or(report.organization.org_id.as_str(), String::as_str);
        let count = |count: fn(&CheckResult) -> bool| report.results.values().filter(|result| count(result)).count();
        let failing = count(|result| result.failed > 0);
        let undecided = count(|result| result.failed == 0 && (result.unknown > 0 || result.reason.is_some()));
        let clean = report.results.len() - failing - undecided;
        eprintln_quietly(&format!(
            "{}: {failing} checks fail, {undecided} can not be decided, {clean} are fine; as collected {}",
            printable(name),
            report.snapshot.committed_at
        ));
        if let Some(why) = report.not_recorded.as_ref().filter(|_| is_everything) {
            eprintln_quietly(&format!("  not recorded: {}", printable(why)));
        }
    }
    if reports.is_empty() {
        eprintln_quietly(nothing);
    } else if !is_everything {
        eprintln_quietly("a choice of checks, or the past, is shown but not recorded");
    }
}
