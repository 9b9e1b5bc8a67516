//! Findings, and what programs decide about them.

use axum::body::Bytes;
use axum::extract::Path;
use jiff::Timestamp;
use posture::ocsf::Finding;
use serde_json::{Value, json};
use store::findings::AcceptanceKind;

use super::{
    AFTER, Keyset, LIMIT, ORG, Operation, body_of, get, json_answer, objects, only, param, post, schema, whole,
};
use crate::problem::{Answered, Problem};
use crate::reading::Parameters;
use crate::triage::{Decision, decide};
use crate::visit::Ctx;

const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info"];
const STATES: &[&str] = &["open", "accepted", "resolved"];
const KINDS: &[&str] = &["compensating_control", "false_positive", "wont_fix"];

fn finding_schema() -> Value {
    let words = |example: &str| schema::maybe(schema::text(example));
    let time = || schema::maybe(schema::time("2026-11-20T06:00:00Z"));
    schema::object([
        ("number", schema::integer(12)),
        ("org_id", schema::text("5f0000000000000000000001")),
        ("check_id", schema::text("device-disk-unencrypted")),
        ("resource_type", schema::text("device")),
        ("resource_id", schema::text("5f0000000000000000000c01")),
        ("name", words("atlas")),
        ("severity", schema::word(SEVERITIES)),
        ("severity_id", schema::integer(5)),
        ("state", schema::word(STATES)),
        ("outcome", schema::text("fail")),
        ("reason", words("the disk is not encrypted")),
        ("evidence", schema::any(json!({ "disk_encrypted": false }))),
        ("opened_at", schema::time("2026-11-01T06:00:00Z")),
        ("last_seen_at", time()),
        ("resolved_at", time()),
        ("reopened", schema::integer(0)),
        ("owner", words("mara")),
        ("due_at", words("2026-12-31")),
        ("accepted_kind", schema::maybe(schema::word(KINDS))),
        ("accepted_why", words("a kiosk in a locked room")),
        ("accepted_by", words("mara")),
        ("accepted_until", time()),
    ])
}

pub(crate) const FINDINGS: Operation = get(
    "/api/v1/findings",
    "Findings with their lives, by number.",
    &[
        LIMIT,
        AFTER,
        ORG,
        param("state", "Where they are in their lives; all, if it is not said.", || schema::word(STATES)),
        param("severity", "How bad they are.", || schema::word(SEVERITIES)),
        param("check", "Only of this check.", || json!({ "type": "string" })),
    ],
    || schema::page(finding_schema()),
);

pub(crate) const FINDING: Operation = get("/api/v1/findings/{number}", "One finding with its life.", &[], || {
    let mut finding = finding_schema();
    finding["properties"]["history"] = schema::list(schema::object([
        ("at", schema::time("2026-11-01T06:00:00Z")),
        ("actor", schema::text("system")),
        ("action", schema::text("opened")),
        ("detail", schema::maybe(schema::text("the disk is not encrypted"))),
    ]));
    finding
});

fn numbers_schema() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": 10_000, "uniqueItems": true,
        "items": { "type": "integer", "minimum": 1, "maximum": i64::MAX },
        "examples": [[12, 13]],
    })
}

fn decided() -> Value {
    schema::object([("findings", schema::list(schema::integer(12)))])
}

pub(crate) const ACCEPT: Operation = post(
    "/api/v1/findings/accept",
    "Accepts findings, all or none.",
    Some(|| {
        let why = json!({ "type": "string", "pattern": "\\S", "examples": ["a kiosk in a locked room"] });
        let required = schema::object([("findings", numbers_schema()), ("kind", schema::word(KINDS)), ("why", why)]);
        schema::with_options(required, [("until", schema::maybe(schema::time("2027-03-31T00:00:00Z")))])
    }),
    decided,
);

pub(crate) const REOPEN: Operation = post(
    "/api/v1/findings/reopen",
    "Takes acceptances back, all or none.",
    Some(|| {
        let required = schema::object([("findings", numbers_schema())]);
        schema::with_options(required, [("why", schema::maybe(schema::text("the kiosk is gone")))])
    }),
    decided,
);

pub(crate) const ASSIGN: Operation = post(
    "/api/v1/findings/assign",
    "Gives findings to somebody, until a date, all or none. What is not named stays; an empty text takes it away.",
    Some(|| {
        let due = json!({
            "anyOf": [{ "type": "string", "format": "date" }, { "type": "string", "maxLength": 0 }],
            "examples": ["2026-12-31"],
        });
        let required = schema::object([("findings", numbers_schema())]);
        schema::with_options(required, [("owner", schema::maybe(schema::text("mara"))), ("due", schema::maybe(due))])
    }),
    decided,
);

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let (mut conditions, mut parameters) = (Vec::new(), Parameters::new());
    for (name, condition, words) in [
        ("state", "state = :state", Some(STATES)),
        ("severity", "severity = :severity", Some(SEVERITIES)),
        ("check", "check_id = :check", None),
    ] {
        if let Some(words) = words.filter(|words| ctx.query.has(name) && !words.contains(&ctx.query.text(name))) {
            return Err(Problem::bad(format!("{name} is {}", words.join(", "))));
        }
        if let Some(value) = ctx.query.get(name) {
            conditions.push(condition.to_owned());
            parameters.insert(name.to_owned(), value.into());
        }
    }
    let columns = Finding::COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    let keyset = Keyset { table: "findings", columns, keys: &["number"], conditions, parameters };
    let mut page = keyset.read(&ctx).await?;
    page["items"].as_array_mut().into_iter().flatten().for_each(read_evidence);
    json_answer(&page)
}

pub(crate) async fn one(ctx: Ctx, Path(number): Path<i64>) -> Answered {
    let parameters = || Parameters::from([("number".to_owned(), store::Parameter::Integer(number))]);
    let reading = ctx.read().everywhere();
    let sql = format!("SELECT {} FROM findings WHERE number = :number", Finding::COLUMNS.join(", "));
    let found = objects(&reading.ask(sql, parameters()).await?).into_iter().next();
    let mut finding = found.ok_or_else(|| Problem::not_found(format!("there is no finding {number}")))?;
    read_evidence(&mut finding);
    let sql = "SELECT at, actor, action, detail FROM finding_history WHERE finding = :number ORDER BY at";
    finding["history"] = Value::Array(objects(&reading.ask(sql, parameters()).await?));
    json_answer(&finding)
}

/// The evidence is kept as text, and is JSON.
fn read_evidence(finding: &mut Value) {
    let read = finding["evidence"].as_str().and_then(|text| serde_json::from_str(text).ok());
    finding["evidence"] = read.unwrap_or(Value::Null);
}

/// The findings that a decision is about.
fn numbers_of(body: &Value) -> Result<Vec<i64>, Problem> {
    let numbers: Option<Vec<i64>> = body["findings"].as_array().and_then(|numbers| numbers.iter().map(whole).collect());
    numbers.ok_or_else(|| Problem::bad("findings is a list of numbers"))
}

/// A text that may be left out.
fn maybe_text(body: &Value, name: &str) -> Result<Option<String>, Problem> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::bad(format!("{name} is a text"))),
    }
}

pub(crate) async fn accept(ctx: Ctx, body: Bytes) -> Answered {
    let body = body_of(&body)?;
    only(&body, ["findings", "kind", "why", "until"])?;
    let numbers = numbers_of(&body)?;
    let kind = body["kind"].as_str().and_then(AcceptanceKind::of_word);
    let kind = kind.ok_or_else(|| Problem::bad(format!("kind is {}", KINDS.join(", "))))?;
    let until = match maybe_text(&body, "until")? {
        None => None,
        Some(until) => {
            let until = until.parse::<Timestamp>();
            Some(until.map_err(|_| Problem::bad("until is a time such as 2027-03-31T00:00:00Z"))?)
        }
    };
    let why = maybe_text(&body, "why")?.filter(|why| !why.trim().is_empty());
    let why = why.ok_or_else(|| Problem::bad("why says why they may stay"))?;
    decide(&ctx, &numbers, Decision::Accept { kind, why, until }).await?;
    json_answer(&json!({ "findings": numbers }))
}

pub(crate) async fn reopen(ctx: Ctx, body: Bytes) -> Answered {
    let body = body_of(&body)?;
    only(&body, ["findings", "why"])?;
    let numbers = numbers_of(&body)?;
    decide(&ctx, &numbers, Decision::Reopen { why: maybe_text(&body, "why")? }).await?;
    json_answer(&json!({ "findings": numbers }))
}

pub(crate) async fn assign(ctx: Ctx, body: Bytes) -> Answered {
    let body = body_of(&body)?;
    only(&body, ["findings", "owner", "due"])?;
    let numbers = numbers_of(&body)?;
    let decision = Decision::Assign { owner: maybe_text(&body, "owner")?, due: maybe_text(&body, "due")? };
    decide(&ctx, &numbers, decision).await?;
    json_answer(&json!({ "findings": numbers }))
}
