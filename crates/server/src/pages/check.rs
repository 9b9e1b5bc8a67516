//! Checks: the catalogue, and one check with its page, its query and its numbers.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use posture::{Check, Mode, ParameterSet, Request};
use serde_json::{Value, json};
use store::findings::Severity;

use super::parts::Moment;
use super::prose::Prose;
use crate::frame::{Frame, Section, page, see, with_org};
use crate::grid::{Grid, Look, Shown, column, grouped, severity_tone};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, maybe_text, number, text};
use crate::sheet::Sheet;
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "checks.html")]
struct ChecksPage {
    frame: Frame,
    grid: Grid,
    areas: Vec<Choice>,
    severities: Vec<Choice>,
    frameworks: Vec<Choice>,
    search: String,
    org_id: String,
    may_run: bool,
}

struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage {
    frame: Frame,
    id: String,
    severity: &'static str,
    tone: &'static str,
    resource: String,
    origin: String,
    tier: &'static str,
    reads: Vec<String>,
    parameters: Vec<(String, String)>,
    requirements: Vec<(String, String, String)>,
    why: Prose,
    how: Prose,
    fix: Prose,
    query: String,
    results: Vec<ResultLine>,
}

struct ResultLine {
    organization: String,
    passed: String,
    failed: String,
    unknown: String,
    not_applicable: String,
    reason: String,
    since: Moment,
    findings_href: String,
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let library = &ctx.app.posture.library;
    let asked = |name: &str| ctx.query.get(name);
    let sql = "SELECT check_id, SUM(passed), SUM(failed), SUM(unknown) FROM check_results WHERE until_run IS NULL GROUP BY check_id";
    let rows = ctx.read().rows(sql).await?;
    let numbers: BTreeMap<String, [u64; 3]> =
        rows.iter().map(|row| (text(row, 0), [1, 2, 3].map(|at| number(row, at).unsigned_abs()))).collect();
    let framework = match asked("framework") {
        Some(id) => Some(library.framework(id).ok_or_else(|| Problem::not_found("there is no such framework"))?),
        None => None,
    };
    let search = ctx.query.text("q").to_lowercase();
    let mut checks: Vec<&Check> = library
        .checks()
        .filter(|check| asked("area").is_none_or(|area| check.area == area))
        .filter(|check| asked("severity").is_none_or(|severity| check.severity.word() == severity))
        .filter(|check| framework.is_none_or(|framework| framework.served_by(check).next().is_some()))
        .filter(|check| search.is_empty() || check.id.contains(&search) || check.title.to_lowercase().contains(&search))
        .collect();
    let failed = |check: &Check| numbers.get(&check.id).map_or(0, |counted| counted[1]);
    checks.sort_by(|a, b| (b.severity, failed(b), &a.id).cmp(&(a.severity, failed(a), &b.id)));
    let row = |check: &&Check| {
        let counted = |at: usize| {
            let count = numbers.get(&check.id).map_or_else(|| "–".to_owned(), |counted| grouped(counted[at]));
            Shown::figure(count)
        };
        let findings = with_org(&format!("/findings?check={}", check.id), ctx.org_id.as_deref());
        let serving = library.frameworks().iter().filter(|framework| framework.served_by(check).next().is_some());
        vec![
            Shown::link(check.title.clone(), format!("/checks/{}", check.id)).class("wrap"),
            Shown::badge(check.severity.word(), severity_tone(check.severity.word())),
            Shown::text(check.id.clone()).class("code"),
            Shown::text(check.area.replace(['-', '_'], " ")),
            Shown { href: findings, ..counted(1) },
            counted(0),
            counted(2),
            Shown::text(check.resource.replace('_', " ")),
            Shown::text(serving.map(|framework| framework.name.as_str()).collect::<Vec<_>>().join(", ")).class("wrap"),
            Shown::text(check.reads.join(", ")).class("wrap"),
        ]
    };
    let mut sheet = Sheet {
        caption: "Checks".to_owned(),
        columns: vec![
            column("title", "Check", Look::Plain),
            column("severity", "Severity", Look::Severity),
            column("id", "Id", Look::Plain),
            column("area", "Area", Look::Plain),
            column("failed", "Fail", Look::Number),
            column("passed", "Pass", Look::Number),
            column("unknown", "Unknown", Look::Number),
            column("resource", "Looks at", Look::Plain).more(),
            column("frameworks", "Frameworks", Look::Plain).more(),
            column("reads", "Reads", Look::Plain).more(),
        ],
        rows: checks.iter().map(row).collect(),
        filters: vec![("q", "Search"), ("area", "Area"), ("severity", "Severity"), ("framework", "Framework")],
        empty: "No check is like that.".to_owned(),
        file: "checks".to_owned(),
    };
    if let Some(file) = sheet.export(&ctx).await {
        return file;
    }
    let areas: std::collections::BTreeSet<&str> = library.checks().map(|check| check.area.as_str()).collect();
    let choice = |name: &str, value: &str, label: &str| Choice {
        is_chosen: ctx.query.get(name) == Some(value),
        value: value.to_owned(),
        label: label.to_owned(),
    };
    page(&ChecksPage {
        frame: Frame::of(&ctx, Section::Checks, "Checks").await?,
        grid: sheet.grid(&ctx),
        areas: areas.into_iter().map(|area| choice("area", area, &area.replace(['-', '_'], " "))).collect(),
        severities: Severity::ALL
            .iter()
            .rev()
            .map(|severity| choice("severity", severity.word(), severity.word()))
            .collect(),
        frameworks: library
            .frameworks()
            .iter()
            .map(|framework| choice("framework", &framework.id, &framework.name))
            .collect(),
        search: ctx.query.text("q").to_owned(),
        org_id: ctx.org_id.clone().unwrap_or_default(),
        may_run: ctx.may(Permission::RunConnections),
    })
}

pub(crate) async fn show(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let library = &ctx.app.posture.library;
    let check = library.check(&id).ok_or_else(|| Problem::not_found("there is no such check"))?;
    let names = ctx.read().organization_names().await?;
    let sql = "SELECT org_id, passed, failed, unknown, not_applicable, reason, from_at FROM check_results
               WHERE until_run IS NULL AND check_id = :id ORDER BY failed DESC, org_id";
    let rows = ctx.read().ask(sql, Parameters::from([("id".to_owned(), id.as_str().into())])).await?.rows;
    let mut requirements = Vec::new();
    for framework in library.frameworks() {
        for (requirement, _) in framework.served_by(check) {
            let name = format!("{} {}", framework.name, requirement.id);
            requirements.push((name, requirement.title.clone(), format!("/frameworks/{}", framework.id)));
        }
    }
    page(&CheckPage {
        frame: Frame::of(&ctx, Section::Checks, check.title.clone()).await?,
        severity: check.severity.word(),
        tone: severity_tone(check.severity.word()),
        resource: check.resource.replace('_', " "),
        origin: check.origin.to_string(),
        tier: check.tier.about(),
        reads: check.reads.clone(),
        parameters: parameters_of(check),
        requirements,
        why: Prose::of(&check.why),
        how: Prose::of(&check.how),
        fix: Prose::of(&check.fix),
        query: check.query.clone(),
        results: rows
            .iter()
            .map(|row| {
                let org_id = text(row, 0);
                let count = |at| grouped(number(row, at).unsigned_abs());
                ResultLine {
                    organization: names.get(&org_id).cloned().unwrap_or_else(|| org_id.clone()),
                    passed: count(1),
                    failed: count(2),
                    unknown: count(3),
                    not_applicable: count(4),
                    reason: maybe_text(row, 5).unwrap_or_default(),
                    since: Moment::of(text(row, 6).parse().ok(), ctx.now),
                    findings_href: with_org(&format!("/findings?check={id}"), Some(&org_id)),
                }
            })
            .collect(),
        id: id.clone(),
    })
}

/// Runs all checks over what was collected, without collecting anything.
pub(crate) async fn run(ctx: Ctx) -> Answered {
    ctx.audit("check.run", "all checks", ctx.org_id.as_deref(), json!({})).await?;
    let posture = &ctx.app.posture;
    let org_ids = match (&ctx.org_id, &ctx.person.org_ids) {
        (Some(org_id), _) => Some(vec![org_id.clone()]),
        (None, within) => within.clone(),
    };
    let request = Request {
        checks: posture.library.checks().collect(),
        org_ids,
        as_of: None,
        started_by: ctx.by(),
        mode: Mode::Record,
    };
    let reports = posture.run(&request, |_, _, _| ()).await?;
    if let Some(why) = reports.into_iter().find_map(|report| report.not_recorded) {
        return Err(
            Problem::new(axum::http::StatusCode::CONFLICT, "held", why).help("Wait for it to end, then try again.")
        );
    }
    see("/checks?done=checked")
}

/// The parameters of a check with what they are unless somebody sets them, in words.
fn parameters_of(check: &Check) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let words = |value: &Value| match value {
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(", "),
        other => word(other),
    };
    let all = ParameterSet::of(check, &BTreeMap::new()).to_json();
    all.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), words(value))).collect()
}
