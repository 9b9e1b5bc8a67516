//! `finding list` and `finding show`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use posture::ocsf::Finding;
use serde_json::{Value, json};
use store::{Limits, Parameter, Query};

use super::choose::{Choice, StateArg, numbered};
use crate::context::Context;
use crate::exit::{Exit, eprintln_quietly};
use crate::output::{Format, Sheet, printable, to_json, write_json, write_lines};
use crate::page::for_reading;
use crate::posture::load_library;
use crate::when::relative;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat finding list --severity high
  jumpseat finding list --check device-disk-unencrypted --connection Acme
  jumpseat finding list --news
  jumpseat finding list --state accepted")]
pub(in crate::commands) struct ListArgs {
    #[command(flatten)]
    choice: Choice,
    /// Where the findings are in their lives.
    #[arg(long, value_enum, default_value_t = StateArg::Open)]
    state: StateArg,
    /// What is new, resolved, reopened or changed since the last run of the checks.
    #[arg(long)]
    news: bool,
    /// Most findings.
    #[arg(long, default_value_t = 10_000)]
    limit: u64,
}

pub(super) async fn list(args: ListArgs, context: &Context) -> Result<Exit> {
    if args.news {
        return news(args, context).await;
    }
    let findings = args.choice.findings(context, args.state, args.limit).await?;
    let names = names(context).await?;
    let people = context.format == Format::Table;
    let columns: &[&str] = if people {
        &["number", "severity", "check", "name", "organization", "state", "since", "owner", "due", "reason"]
    } else {
        &[
            "number",
            "uid",
            "severity",
            "check",
            "org_id",
            "organization",
            "type",
            "resource_id",
            "name",
            "state",
            "outcome",
            "reason",
            "evidence",
            "opened_at",
            "last_seen_at",
            "resolved_at",
            "reopened",
            "owner",
            "due_at",
            "accepted_kind",
            "accepted_why",
            "accepted_by",
            "accepted_until",
        ]
    };
    let mut sheet = Sheet::new(columns);
    let is_cut = findings.len() as u64 == args.limit;
    for finding in findings {
        let organization = json!(names.get(&finding.org_id));
        sheet.push(if people {
            vec![
                json!(finding.number),
                json!(finding.severity),
                json!(finding.check_id),
                json!(finding.name),
                organization,
                json!(state_words(&finding)),
                json!(relative(finding.opened_at, context.now)),
                json!(finding.owner),
                json!(finding.due_at),
                json!(finding.reason),
            ]
        } else {
            document(&finding, organization)
        });
    }
    if people && sheet.is_empty() {
        eprintln_quietly("no finding is like that");
        return Ok(Exit::Ok);
    }
    if people { sheet.without_empty_columns() } else { sheet }.write(context.format)?;
    if is_cut {
        eprintln_quietly(&format!("there may be more findings than {}; raise --limit to see them", args.limit));
    }
    Ok(Exit::Ok)
}

/// Open findings whose things passed, or of which nobody can tell at the moment, are told as such.
fn state_words(finding: &Finding) -> String {
    match (finding.state.as_str(), finding.outcome.as_str()) {
        ("open", "pass" | "not_applicable") => "open, passes since the last sync".to_owned(),
        ("open", "gone") => "open, not there since the last sync".to_owned(),
        ("open", "unknown") => "open, not known now".to_owned(),
        (state, _) => state.to_owned(),
    }
}

fn document(finding: &Finding, organization: Value) -> Vec<Value> {
    let time = |at: Option<jiff::Timestamp>| json!(at.map(|at| at.to_string()));
    vec![
        json!(finding.number),
        json!(finding.uid()),
        json!(finding.severity),
        json!(finding.check_id),
        json!(finding.org_id),
        organization,
        json!(finding.resource_type),
        json!(finding.resource_id),
        json!(finding.name),
        json!(finding.state),
        json!(finding.outcome),
        json!(finding.reason),
        finding.evidence.clone(),
        time(Some(finding.opened_at)),
        time(finding.last_seen_at),
        time(finding.resolved_at),
        json!(finding.reopened),
        json!(finding.owner),
        json!(finding.due_at),
        json!(finding.accepted_kind),
        json!(finding.accepted_why),
        json!(finding.accepted_by),
        time(finding.accepted_until),
    ]
}

/// What people call each organization.
pub(super) async fn names(context: &Context) -> Result<BTreeMap<String, String>> {
    let connections = context.store.connections().await?;
    Ok(connections.into_iter().filter_map(|connection| Some((connection.org_id?, connection.name))).collect())
}

/// What happened in the newest run of each organization.
async fn news(args: ListArgs, context: &Context) -> Result<Exit> {
    let org_id = super::super::asset::org_of(context, args.choice.connection.as_deref()).await?;
    let sql = "SELECT f.number, f.severity, f.check_id, f.name, f.org_id, h.action, h.at, COALESCE(h.detail, f.reason) AS detail
               FROM finding_history h JOIN findings f ON f.number = h.finding
               WHERE h.run IN (SELECT MAX(number) FROM posture_runs GROUP BY org_id)
                 AND (:check = '' OR f.check_id = :check) AND f.severity_id >= :severity
               ORDER BY f.severity_id DESC, f.number";
    let severity = args.choice.severity.map_or(1, |severity| store::findings::Severity::from(severity) as i64);
    let parameters = BTreeMap::from([
        ("check".to_owned(), Parameter::Text(args.choice.check.unwrap_or_default())),
        ("severity".to_owned(), Parameter::Integer(severity)),
    ]);
    let query = Query { sql: sql.to_owned(), parameters, org_id, ..Query::default() };
    super::super::sql::stream(context, &query, &Limits { rows: args.limit, ..Limits::default() }).await?;
    Ok(Exit::Ok)
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ShowArgs {
    /// The finding's number.
    number: i64,
}

pub(super) async fn show(args: ShowArgs, context: &Context) -> Result<Exit> {
    let findings = numbered(context, &[args.number]).await?;
    let Some(finding) = findings.first() else { return Ok(Exit::NotFound) };
    let library = load_library(&context.config)?;
    let check = library.check(&finding.check_id);
    let organization = names(context).await?.remove(&finding.org_id);
    let parameters = BTreeMap::from([("number".to_owned(), Parameter::Integer(finding.number))]);
    let sql = "SELECT at, actor, action, detail FROM finding_history WHERE finding = :number ORDER BY at, action";
    let query = Query { sql: sql.to_owned(), parameters, ..Query::default() };
    let history = context.store.query(&query, &Limits::default()).await?;
    let history: Vec<Vec<Value>> = history.rows.into_iter().map(|row| row.into_iter().map(to_json).collect()).collect();
    if context.format != Format::Table {
        let lines: Vec<Value> = history
            .into_iter()
            .map(|row| json!({ "at": row[0], "actor": row[1], "action": row[2], "detail": row[3] }))
            .collect();
        let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
        write_json(&json!({
            "number": finding.number, "uid": finding.uid(), "severity": finding.severity, "check": finding.check_id,
            "title": check.map(|check| &check.title), "org_id": finding.org_id, "organization": organization,
            "type": finding.resource_type, "resource_id": finding.resource_id, "name": finding.name, "state": finding.state,
            "outcome": finding.outcome, "reason": finding.reason, "evidence": finding.evidence,
            "opened_at": finding.opened_at.to_string(), "last_seen_at": time(finding.last_seen_at),
            "resolved_at": time(finding.resolved_at), "reopened": finding.reopened, "owner": finding.owner,
            "due_at": finding.due_at, "accepted_kind": finding.accepted_kind, "accepted_why": finding.accepted_why,
            "accepted_by": finding.accepted_by, "accepted_until": time(finding.accepted_until),
            "fix": check.map(|check| &check.fix), "history": lines,
        }))?;
        return Ok(Exit::Ok);
    }
    let title = check.map_or(finding.check_id.as_str(), |check| check.title.as_str());
    let mut lines = vec![
        format!("finding {}: {title}", finding.number),
        format!("{} ({} {})", finding.name, finding.resource_type.replace('_', " "), finding.resource_id),
        format!("organization {}", organization.as_deref().unwrap_or(&finding.org_id)),
        format!("{}, {}, since {}", finding.severity, state_words(finding), finding.opened_at),
        format!("why: {}", finding.reason),
    ];
    if let Value::Object(values) = &finding.evidence {
        lines.extend(values.iter().map(|(name, value)| format!("  {name} = {value}")));
    }
    lines.extend(finding.owner.iter().map(|owner| format!("owner: {owner}")));
    lines.extend(finding.due_at.iter().map(|due| format!("due: {due}")));
    if let (Some(kind), Some(why), Some(by)) = (&finding.accepted_kind, &finding.accepted_why, &finding.accepted_by) {
        let until = finding.accepted_until.map(|until| format!(" until {until}")).unwrap_or_default();
        lines.push(format!("accepted by {by}{until} ({}): {why}", kind.replace('_', " ")));
    }
    if let Some(check) = check {
        lines.extend([String::new(), "how to fix it:".to_owned()]);
        lines.extend(for_reading(&check.fix));
    }
    lines.extend([String::new(), "history:".to_owned()]);
    for row in history {
        let word = |at: usize| row[at].as_str().unwrap_or_default().to_owned();
        lines.push(
            format!("  {}  {}  by {}  {}", word(0), word(2).replace('_', " "), word(1), word(3)).trim_end().to_owned(),
        );
    }
    write_lines(&lines.iter().map(|line| printable(line)).collect::<Vec<_>>())?;
    Ok(Exit::Ok)
}
