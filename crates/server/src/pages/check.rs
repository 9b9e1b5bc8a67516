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
use crate::grid::{grouped, severity_tone};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, maybe_text, number, text};
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "checks.html")]
struct ChecksPage {
    frame: Frame,
    lines: Vec<CheckLine>,
    all: usize,
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

struct CheckLine {
    id: String,
    title: String,
    area: String,
    severity: &'static str,
    tone: &'static str,
    passed: String,
    failed: String,
    unknown: String,
    findings_href: String,
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
    let mut lines: Vec<(u8, u64, CheckLine)> = library
        .checks()
        .filter(|check| asked("area").is_none_or(|area| check.area == area))
        .filter(|check| asked("severity").is_none_or(|severity| check.severity.word() == severity))
        .filter(|check| framework.is_none_or(|framework| framework.served_by(check).next().is_some()))
        .filter(|check| search.is_empty() || check.id.contains(&search) || check.title.to_lowercase().contains(&search))
        .map(|check| {
            let counted = numbers.get(&check.id);
            let shown = |at: usize| counted.map_or_else(|| "–".to_owned(), |counted| grouped(counted[at]));
            let failed = counted.map_or(0, |counted| counted[1]);
            let line = CheckLine {
                id: check.id.clone(),
                title: check.title.clone(),
                area: check.area.replace(['-', '_'], " "),
                severity: check.severity.word(),
                tone: severity_tone(check.severity.word()),
                passed: shown(0),
                failed: shown(1),
                unknown: shown(2),
                findings_href: with_org(&format!("/findings?check={}", check.id), ctx.org_id.as_deref()),
            };
            (check.severity as u8, failed, line)
        })
        .collect();
    lines.sort_by(|a, b| (b.0, b.1, &a.2.id).cmp(&(a.0, a.1, &b.2.id)));
    let areas: std::collections::BTreeSet<&str> = library.checks().map(|check| check.area.as_str()).collect();
    let choice = |name: &str, value: &str, label: &str| Choice {
        is_chosen: ctx.query.get(name) == Some(value),
        value: value.to_owned(),
        label: label.to_owned(),
    };
    page(&ChecksPage {
        frame: Frame::of(&ctx, Section::Checks, "Checks").await?,
        all: library.checks().count(),
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
        lines: lines.into_iter().map(|(_, _, line)| line).collect(),
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
