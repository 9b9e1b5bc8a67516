//! Which findings are meant: by number, or by what they have in common.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::{Args, ValueEnum};
use posture::ocsf::Finding;
use serde_json::Value;
use store::findings::Severity;
use store::{Cell, Limits, Parameter, Query};

use super::super::asset::org_of;
use super::super::check::SeverityArg;
use crate::context::Context;
use crate::exit::Problem;

/// What findings have in common.
#[derive(Debug, Clone, Args)]
pub(super) struct Choice {
    /// Only of this check.
    #[arg(long)]
    pub check: Option<String>,
    /// Only of this organization, by id, name or connection.
    #[arg(long, visible_alias = "org")]
    pub connection: Option<String>,
    /// Only of this severity or worse.
    #[arg(long, value_enum)]
    pub severity: Option<SeverityArg>,
    /// Only about things of this kind, e.g. device.
    #[arg(long = "type", value_name = "TYPE")]
    pub resource_type: Option<String>,
    /// Only about things with this in their name or id.
    #[arg(long, value_name = "TEXT")]
    pub resource: Option<String>,
    /// Only of this owner.
    #[arg(long)]
    pub owner: Option<String>,
}

/// Where a finding is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StateArg {
    /// Failing and not accepted.
    Open,
    /// Somebody has said that it may stay.
    Accepted,
    /// Over.
    Resolved,
    /// All of them.
    Any,
}

impl Choice {
    pub(super) fn is_empty(&self) -> bool {
        self.check.is_none()
            && self.connection.is_none()
            && self.severity.is_none()
            && self.resource_type.is_none()
            && self.resource.is_none()
            && self.owner.is_none()
    }

    /// The findings that are meant, worst first.
    pub(super) async fn findings(&self, context: &Context, state: StateArg, most: u64) -> Result<Vec<Finding>> {
        let mut conditions = vec!["1 = 1"];
        let mut parameters: BTreeMap<String, Parameter> = BTreeMap::new();
        let mut set = |name: &str, value: Parameter| parameters.insert(name.to_owned(), value);
        if let Some(check) = &self.check {
            conditions.push("check_id = :check");
            set("check", check.as_str().into());
        }
        if let Some(severity) = self.severity {
            conditions.push("severity_id >= :severity");
            set("severity", Parameter::Integer(Severity::from(severity) as i64));
        }
        if let Some(kind) = &self.resource_type {
            conditions.push("resource_type = :kind");
            set("kind", kind.as_str().into());
        }
        if let Some(text) = &self.resource {
            conditions.push("(resource_id = :thing OR LOWER(name) LIKE '%' || LOWER(:thing) || '%')");
            set("thing", text.as_str().into());
        }
        if let Some(owner) = &self.owner {
            conditions.push("owner = :owner");
            set("owner", owner.as_str().into());
        }
        match state {
            StateArg::Open => conditions.push("state = 'open'"),
            StateArg::Accepted => conditions.push("state = 'accepted'"),
            StateArg::Resolved => conditions.push("state = 'resolved'"),
            StateArg::Any => {}
        }
        let org_id = org_of(context, self.connection.as_deref()).await?;
        let order = "severity_id DESC, opened_at DESC, number";
        read(context, &conditions.join(" AND "), order, parameters, org_id, most).await
    }
}

/// Findings by number, in that order; each must be there.
pub(super) async fn numbered(context: &Context, numbers: &[i64]) -> Result<Vec<Finding>> {
    let list = Parameter::List(numbers.iter().map(|number| Parameter::Integer(*number)).collect());
    let parameters = BTreeMap::from([("numbers".to_owned(), list)]);
    let found = read(context, "number IN (:numbers)", "number", parameters, None, u64::MAX).await?;
    if let Some(missing) = numbers.iter().find(|number| !found.iter().any(|finding| finding.number == **number)) {
        let help = "`jumpseat finding list` shows them.";
        return Err(Problem::not_found(format!("there is no finding {missing}"), help));
    }
    Ok(found)
}

pub(super) async fn read(
    context: &Context,
    condition: &str,
    order: &str,
    parameters: BTreeMap<String, Parameter>,
    org_id: Option<String>,
    most: u64,
) -> Result<Vec<Finding>> {
    let sql = format!("SELECT {} FROM findings WHERE {condition} ORDER BY {order}", Finding::COLUMNS.join(", "));
    let query = Query { sql, parameters, org_id, ..Query::default() };
    let limits = Limits { rows: most, ..Limits::default() };
    let answer = context.store.query(&query, &limits).await?;
    Ok(answer.rows.iter().map(|row| finding_of(row)).collect())
}

fn finding_of(row: &[Cell]) -> Finding {
    let maybe = |at: usize| match &row[at] {
        Cell::Text(text) => Some(text.to_string()),
        _ => None,
    };
    let text = |at: usize| maybe(at).unwrap_or_default();
    let integer = |at: usize| match row[at] {
        Cell::Integer(number) => number,
        _ => 0,
    };
    let time = |at: usize| maybe(at).and_then(|text| text.parse().ok());
    Finding {
        number: integer(0),
        org_id: text(1),
        check_id: text(2),
        resource_type: text(3),
        resource_id: text(4),
        name: text(5),
        severity: text(6),
        severity_id: integer(7),
        state: text(8),
        outcome: text(9),
        reason: text(10),
        evidence: serde_json::from_str(&text(11)).unwrap_or(Value::Null),
        opened_at: time(12).unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        last_seen_at: time(13),
        resolved_at: time(14),
        reopened: integer(15),
        owner: maybe(16),
        due_at: maybe(17),
        accepted_kind: maybe(18),
        accepted_why: maybe(19),
        accepted_by: maybe(20),
        accepted_until: time(21),
    }
}
