//! Findings, and what programs decide about them.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::findings::{Acceptance, AcceptanceKind};

use super::{Keyset, LIST, Operation, body_of, json_answer, only};
use crate::problem::{Answered, Problem};
use crate::reading::Parameters;
use crate::visit::Ctx;

const COLUMNS: &[&str] = &[
    "number",
    "org_id",
    "check_id",
    "resource_type",
    "resource_id",
    "name",
    "severity",
    "state",
    "outcome",
    "reason",
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
];

pub(crate) const FINDINGS: Operation = Operation {
    method: "GET",
    path: "/api/v1/findings",
    summary: "Findings with their lives, by number.",
    query: &[
        LIST[0],
        LIST[1],
        LIST[2],
        ("state", "open, accepted or resolved; all, if it is not said."),
        ("severity", "critical, high, medium, low or info."),
        ("check", "Only of this check."),
    ],
    body: "",
    answer: r#"{"items": [{"number": 12, "check_id": "device-disk-unencrypted", "severity": "high", "state": "open"}], "next": null}"#,
};

pub(crate) const ACCEPT: Operation = Operation {
    method: "POST",
    path: "/api/v1/findings/accept",
    summary: "Accepts findings, all or none.",
    query: &[],
    body: r#"{"findings": [12, 13], "kind": "compensating_control", "why": "a kiosk in a locked room", "until": "2027-03-31T00:00:00Z"}"#,
    answer: r#"{"accepted": [12, 13]}"#,
};

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let (mut conditions, mut parameters) = (Vec::new(), Parameters::new());
    for (name, condition) in
        [("state", "state = :state"), ("severity", "severity = :severity"), ("check", "check_id = :check")]
    {
        if let Some(value) = ctx.query.get(name) {
            conditions.push(condition.to_owned());
            parameters.insert(name.to_owned(), value.into());
        }
    }
    let columns = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    Keyset { table: "findings", columns, keys: &["number"], conditions, parameters }.answer(&ctx).await
}

pub(crate) async fn accept(ctx: Ctx, body: Bytes) -> Answered {
    let body = body_of(&body)?;
    only(&body, &["findings", "kind", "why", "until"])?;
    let numbers: Option<Vec<i64>> =
        body["findings"].as_array().and_then(|numbers| numbers.iter().map(Value::as_i64).collect());
    let numbers = numbers.filter(|numbers| !numbers.is_empty() && numbers.len() <= 10_000);
    let numbers = numbers.ok_or_else(|| Problem::bad("findings is a list of 1 to 10000 numbers"))?;
    let kind = body["kind"].as_str().and_then(AcceptanceKind::of_word);
    let kind = kind.ok_or_else(|| Problem::bad("kind is compensating_control, false_positive or wont_fix"))?;
    let until = match &body["until"] {
        Value::Null => None,
        until => {
            let time = until.as_str().and_then(|until| until.parse::<Timestamp>().ok());
            Some(time.ok_or_else(|| Problem::bad("until is a time such as 2027-03-31T00:00:00Z"))?)
        }
    };
    let why = body["why"].as_str().unwrap_or_default().to_owned();
    let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let sql = format!("SELECT number FROM findings WHERE number IN ({})", list.join(", "));
    if ctx.read().everywhere().rows(sql).await?.len() != numbers.len() {
        return Err(Problem::not_found("a finding is not there, or named twice"));
    }
    let detail = json!({ "kind": kind.word(), "why": why, "until": until.map(|at| at.to_string()) });
    ctx.audit("finding.accept", &format!("findings {}", list.join(", ")), None, detail).await?;
    let acceptance = Acceptance { kind, why, by: ctx.by(), until, rule: None };
    ctx.app.store.accept_findings(&numbers, &acceptance, ctx.now).await?;
    json_answer(json!({ "accepted": numbers }))
}
