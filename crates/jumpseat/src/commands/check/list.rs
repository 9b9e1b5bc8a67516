//! `check list` and `check show`.

use anyhow::Result;
use clap::Args;
use posture::{Check, Library};
use serde_json::{Value, json};
use store::{Limits, Query};

use super::{Global, SeverityArg};
use crate::config::load;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::output::{Format, Sheet, to_json, write_json, write_lines};
use crate::page::write_page;
use crate::posture::load_library;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat check list --area devices
  jumpseat check list --framework soc2 --severity high")]
pub(in crate::commands) struct ListArgs {
    #[command(flatten)]
    choice: Choice,
}

/// Which checks.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Choice {
    /// Only checks that serve this framework, e.g. soc2.
    #[arg(long)]
    pub framework: Option<String>,
    /// Only checks of this severity or worse.
    #[arg(long, value_enum)]
    pub severity: Option<SeverityArg>,
    /// Only checks of this area, e.g. users.
    #[arg(long)]
    pub area: Option<String>,
}

impl Choice {
    pub(super) fn is_everything(&self) -> bool {
        self.framework.is_none() && self.severity.is_none() && self.area.is_none()
    }

    /// The chosen checks, or those of these ids.
    pub(super) fn of<'a>(&self, library: &'a Library, ids: &[String]) -> Result<Vec<&'a Check>> {
        for id in ids {
            named(library, id)?;
        }
        let framework = self.framework.as_ref().map(|id| super::super::framework::named(library, id)).transpose()?;
        let areas: std::collections::BTreeSet<&str> = library.checks().map(|check| check.area.as_str()).collect();
        if let Some(area) = self.area.as_ref().filter(|area| !areas.contains(area.as_str())) {
            let all: Vec<&str> = areas.into_iter().collect();
            return Err(Problem::not_found(
                format!("there is no area {area:?}"),
                format!("Areas: {}.", all.join(", ")),
            ));
        }
        Ok(library
            .checks()
            .filter(|check| ids.is_empty() || ids.contains(&check.id))
            .filter(|check| self.severity.is_none_or(|least| check.severity >= least.into()))
            .filter(|check| self.area.as_ref().is_none_or(|area| *area == check.area))
            .filter(|check| framework.is_none_or(|framework| framework.served_by(check).next().is_some()))
            .collect())
    }
}

/// The check of an id.
pub(super) fn named<'a>(library: &'a Library, id: &str) -> Result<&'a Check> {
    library.check(id).ok_or_else(|| {
        Problem::unknown_name(format!("there is no check {id:?}"), id, library.check_ids(), "jumpseat check list")
    })
}

pub(super) fn list(args: ListArgs, global: &Global) -> Result<Exit> {
    let config = load(&global.overrides(), global.config.as_deref())?.config;
    let library = load_library(&config)?;
    let mut checks = args.choice.of(&library, &[])?;
    checks.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let mut sheet = Sheet::new(&["id", "severity", "area", "looks_at", "title", "file"]);
    for check in checks {
        sheet.push(vec![
            json!(check.id),
            json!(check.severity.word()),
            json!(check.area),
            json!(check.resource),
            json!(check.title),
            json!(check.origin.to_string()),
        ]);
    }
    sheet.write(global.output())?;
    Ok(Exit::Ok)
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ShowArgs {
    /// The check's id.
    id: String,
}

pub(super) async fn show(args: ShowArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let library = load_library(&context.config)?;
    let check = named(&library, &args.id)?;
    let numbers = numbers(&context, &check.id).await?;
    if context.format == Format::Table {
        write_page(&check.title, &check.origin, &posture::check_text(check, &library))?;
        if !numbers.is_empty() {
            write_lines(&[String::new(), "NOW".to_owned()])?;
            let mut sheet =
                Sheet::new(&["organization", "passed", "failed", "unknown", "not_applicable", "why_unknown"]);
            numbers.into_iter().for_each(|row| sheet.push(row));
            sheet.write(context.format)?;
        }
        return Ok(Exit::Ok);
    }
    let parameters: serde_json::Map<String, Value> =
        match posture::ParameterSet::of(check, &Default::default()).to_json() {
            Value::Object(parameters) => parameters,
            _ => Default::default(),
        };
    let now: Vec<Value> = numbers
        .into_iter()
        .map(|row| {
            let [org_id, passed, failed, unknown, not_applicable, reason] = row.try_into().unwrap_or_default();
            json!({ "org_id": org_id, "passed": passed, "failed": failed, "unknown": unknown, "not_applicable": not_applicable, "reason": reason })
        })
        .collect();
    let served: Vec<Value> = library
        .frameworks()
        .iter()
        .flat_map(|framework| {
            framework.served_by(check).map(|(requirement, marks)| json!({ "framework": framework.id, "requirement": requirement.id, "marks": marks }))
        })
        .collect();
    write_json(&json!({
        "id": check.id, "title": check.title, "severity": check.severity.word(), "coverage_severity": check.coverage_severity,
        "area": check.area, "resource": check.resource, "tier": check.tier.word(), "reads": check.reads,
        "profiles": check.profiles, "parameters": parameters, "why": check.why, "how": check.how, "fix": check.fix,
        "query": check.query, "file": check.origin.to_string(), "requirements": served, "now": now,
    }))?;
    Ok(Exit::Ok)
}

/// A check's newest numbers in each organization.
async fn numbers(context: &Context, id: &str) -> Result<Vec<Vec<Value>>> {
    let sql = "SELECT org_id, passed, failed, unknown, not_applicable, reason FROM check_results
               WHERE check_id = :check AND until_run IS NULL ORDER BY org_id";
    let parameters = [("check".to_owned(), id.into())].into_iter().collect();
    let query = Query { sql: sql.to_owned(), parameters, ..Query::default() };
    let answer = context.store.query(&query, &Limits::default()).await?;
    Ok(answer.rows.into_iter().map(|row| row.into_iter().map(to_json).collect()).collect())
}
