//! Connections, how they stand, what ran; testing and syncing them.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};
use store::{Connection, Outcome, Run};

use super::{LIMIT, ORG, Operation, body_of, get, json_answer, limit, only, post, schema, tagged};
use crate::problem::{Answered, Problem};
use crate::reading::Standing;
use crate::settings::{self, CHANGED_MEANWHILE, version_of};
use crate::sync_now;
use crate::visit::Ctx;

fn connection_schema() -> Value {
    let time = || schema::maybe(schema::time("2026-11-20T06:00:00Z"));
    let words = |example: &str| schema::maybe(schema::text(example));
    schema::object([
        ("id", schema::text("0192f0c0-a1b2-7c3d-8e9f-001122334455")),
        ("name", schema::text("Acme")),
        ("description", words("production")),
        ("org_id", words("5f0000000000000000000001")),
        ("org_name", words("Acme Inc")),
        ("region", words("us")),
        ("api_url", schema::text("https://console.jumpcloud.com")),
        ("enabled", schema::flag(true)),
        ("owner_name", words("Mara Lind")),
        ("owner_email", words("mara@acme.example")),
        ("collector", words("atlas")),
        (
            "credential",
            schema::object([
                ("kind", schema::word(&["api_key", "service_account"])),
                ("last_four", schema::text("a1b2")),
                ("expires_at", time()),
            ]),
        ),
        (
            "streams",
            schema::list(schema::object([
                ("stream", schema::word(&["inventory", "events"])),
                ("state", schema::text("Active")),
                ("reason", words("JumpCloud refused the key")),
                ("what_to_do", words("Rotate the key")),
                ("code", words("unauthorized")),
                ("schedule", schema::text("12h")),
                ("keep", words("400d")),
                ("last_success_at", time()),
                ("last_outcome", words("succeeded")),
                ("failing_since", time()),
                ("next_run_at", time()),
            ])),
        ),
    ])
}

fn run_schema() -> Value {
    let words = |example: &str| schema::maybe(schema::text(example));
    schema::object([
        ("id", schema::integer(4)),
        ("action", schema::text("sync")),
        ("started_by", schema::text("system")),
        ("started_at", schema::time("2026-11-20T06:00:00Z")),
        ("ended_at", schema::maybe(schema::time("2026-11-20T06:00:05Z"))),
        ("stage", schema::text("done")),
        ("outcome", words("succeeded")),
        ("error_code", words("unauthorized")),
        ("error", words("JumpCloud refused the key")),
        ("help", words("Rotate the key")),
        ("calls", schema::integer(120)),
        ("retries", schema::integer(0)),
        ("rate_limited", schema::integer(0)),
        ("bytes", schema::integer(1_048_576)),
    ])
}

pub(crate) const CONNECTIONS: Operation = get(
    "/api/v1/connections",
    "Every connection with its streams, worst first. No credential is ever part of it.",
    &[ORG],
    || schema::items(connection_schema()),
);

pub(crate) const CONNECTION: Operation = get(
    "/api/v1/connections/{id}",
    "One connection. Its ETag is the version of its settings: a change names it in If-Match.",
    &[],
    connection_schema,
);

pub(crate) const CHANGE: Operation = Operation {
    method: "PATCH",
    path: "/api/v1/connections/{id}",
    summary: "Changes settings of a connection, if it is still as it was read. What is not named stays; an empty text takes a setting away.",
    query: &[],
    body: Some(|| {
        schema::options([
            ("name", schema::text("Acme")),
            ("description", schema::text("production")),
            ("owner_name", schema::text("Mara Lind")),
            ("owner_email", schema::text("mara@acme.example")),
            ("collector", schema::text("")),
            ("inventory_every", schema::text("12h")),
            ("events_every", schema::text("60s")),
            ("keep_events", schema::text("400d")),
            ("enabled", schema::flag(true)),
        ])
    }),
    answer: connection_schema,
    if_match: true,
    is_file: false,
};

pub(crate) const TEST: Operation =
    post("/api/v1/connections/{id}/test", "Tries everything that the connection needs, line by line.", None, || {
        schema::object([
            ("connects", schema::flag(true)),
            ("result", schema::word(GRADES)),
            (
                "checks",
                schema::list(schema::object([
                    ("check", schema::text("credential")),
                    ("result", schema::word(GRADES)),
                    ("said", schema::text("the key is accepted")),
                    ("help", schema::maybe(schema::text("Give it the role Administrator (read only)"))),
                    ("ms", schema::integer(12)),
                ])),
            ),
        ])
    });

const GRADES: &[&str] = &["pass", "warn", "fail"];

pub(crate) const SYNC: Operation = post(
    "/api/v1/connections/{id}/sync",
    "Starts a sync of both streams, unless they are syncing already. The runs tell how it goes.",
    None,
    || schema::object([("started", schema::list(schema::word(&["inventory", "events"])))]),
);

pub(crate) const RUNS: Operation =
    get("/api/v1/connections/{id}/runs", "What ran for a connection, the newest first.", &[LIMIT], || {
        schema::items(run_schema())
    });

pub(crate) const RUN: Operation =
    get("/api/v1/runs/{number}", "One run, with what it read of each table and what it asked.", &[], || {
        schema::with_options(
            run_schema(),
            [
                (
                    "tables",
                    schema::list(schema::object([
                        ("table", schema::text("users")),
                        ("part", schema::text("")),
                        ("state", schema::text("complete")),
                        ("told", schema::maybe(schema::integer(250))),
                        ("read", schema::integer(250)),
                        ("new", schema::integer(2)),
                        ("changed", schema::integer(1)),
                        ("gone", schema::integer(0)),
                        ("unchanged", schema::integer(247)),
                        ("reason", schema::maybe(schema::text("JumpCloud does not permit it"))),
                    ])),
                ),
                (
                    "requests",
                    schema::list(schema::object([
                        ("request", schema::text("GET /api/systemusers")),
                        ("calls", schema::integer(3)),
                        ("retries", schema::integer(0)),
                        ("rate_limited", schema::integer(0)),
                        ("last_status", schema::maybe(schema::integer(200))),
                    ])),
                ),
            ],
        )
    });

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let standings = ctx.read().standings(&ctx.app).await?;
    let mut connections = ctx.read().connections().await?;
    let rank = |connection: &Connection| {
        standings.iter().position(|standing| standing.connection.id == connection.id).unwrap_or(usize::MAX)
    };
    connections.sort_by_key(rank);
    let items: Vec<Value> = connections.iter().map(|connection| connection_object(connection, &standings)).collect();
    json_answer(&json!({ "items": items }))
}

fn connection_object(connection: &Connection, standings: &[Standing]) -> Value {
    let own = standings.iter().filter(|standing| standing.connection.id == connection.id);
    let streams: Vec<Value> = own
        .map(|standing| {
            let (stream, state) = (&standing.stream, &standing.stream.state);
            json!({
                "stream": stream.kind.word(),
                "state": standing.condition.state.words(),
                "reason": standing.condition.reason,
                "what_to_do": standing.condition.help,
                "code": standing.condition.code,
                "schedule": stream.schedule,
                "keep": stream.keep,
                "last_success_at": state.last_success_at.map(|at| at.to_string()),
                "last_outcome": state.last_outcome.map(Outcome::word),
                "failing_since": state.failing_since.map(|at| at.to_string()),
                "next_run_at": stream.next_run_at.map(|at| at.to_string()),
            })
        })
        .collect();
    json!({
        "id": connection.id,
        "name": connection.name,
        "description": connection.description,
        "org_id": connection.org_id,
        "org_name": connection.org_name,
        "region": connection.place.region,
        "api_url": connection.place.console_url,
        "enabled": connection.enabled,
        "owner_name": connection.owner_name,
        "owner_email": connection.owner_email,
        "collector": connection.collector,
        "credential": {
            "kind": connection.credential_kind,
            "last_four": connection.credential_last_four,
            "expires_at": connection.credential_expires_at.map(|at| at.to_string()),
        },
        "streams": streams,
    })
}

pub(crate) async fn one(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let streams = ctx.app.store.streams(Some(&id)).await?;
    let standings = ctx.read().everywhere().standings(&ctx.app).await?;
    let tag = format!("\"{}\"", version_of(&connection, &streams));
    tagged(connection_object(&connection, &standings).to_string(), &tag)
}

pub(crate) async fn change(ctx: Ctx, Path(id): Path<String>, body: Bytes) -> Answered {
    // Whether it is there is told before what is wrong with the change.
    ctx.read().connection(&id).await?;
    let body = body_of(&body)?;
    only(&body, TEXTS.iter().copied().chain(["enabled"]))?;
    let mut texts = Vec::new();
    for name in TEXTS {
        texts.push(match body.get(name) {
            None => None,
            Some(Value::String(text)) => Some(text.as_str()),
            Some(_) => return Err(Problem::bad(format!("{name} is a text"))),
        });
    }
    let enabled = match body.get("enabled") {
        None => None,
        Some(Value::Bool(enabled)) => Some(*enabled),
        Some(_) => return Err(Problem::bad("enabled is true or false")),
    };
    let version = ctx.if_match.trim().trim_matches('"');
    if version.is_empty() {
        let words = "a change of a connection names the version that it changes";
        let problem = Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", words);
        return Err(problem.help("Read the connection and send its ETag back as If-Match."));
    }
    let changed = settings::change(&ctx, "connection.update", &id, version, |mut fields| {
        let wanted = [
            &mut fields.name,
            &mut fields.description,
            &mut fields.owner_name,
            &mut fields.owner_email,
            &mut fields.collector,
            &mut fields.inventory_every,
            &mut fields.events_every,
            &mut fields.keep_events,
        ];
        for (text, field) in texts.into_iter().zip(wanted) {
            if let Some(text) = text {
                text.clone_into(field);
            }
        }
        fields.enabled = enabled.unwrap_or(fields.enabled);
        Ok(fields)
    });
    match changed.await {
        Ok(()) => one(ctx, Path(id)).await,
        Err(problem) if problem.code == CHANGED_MEANWHILE => {
            Err(Problem { status: StatusCode::PRECONDITION_FAILED, ..problem })
        }
        Err(problem) => Err(problem),
    }
}

/// Settings that are texts.
const TEXTS: [&str; 8] =
    ["name", "description", "owner_name", "owner_email", "collector", "inventory_every", "events_every", "keep_events"];

pub(crate) async fn test(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let report = crate::pages::connection::tested(&ctx, &connection).await?;
    let checks: Vec<Value> = report
        .checks
        .iter()
        .map(|check| {
            let milliseconds = u64::try_from(check.took.as_millis()).unwrap_or(u64::MAX);
            json!({ "check": check.name, "result": check.grade.word(), "said": check.said, "help": check.help, "ms": milliseconds })
        })
        .collect();
    json_answer(&json!({ "connects": report.connects(), "result": report.grade().word(), "checks": checks }))
}

pub(crate) async fn sync(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    ctx.audit("connection.sync", &connection.name, connection.org_id.as_deref(), json!({})).await?;
    let started = sync_now::ask(&ctx, &connection, sync_now::BOTH).await?;
    json_answer(&json!({ "started": started }))
}

pub(crate) async fn runs(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let most = u32::try_from(limit(&ctx)?).map_err(Problem::internal)?;
    let items: Vec<Value> = ctx.read().runs(&connection, most).await?.iter().map(object).collect();
    json_answer(&json!({ "items": items }))
}

pub(crate) async fn run(ctx: Ctx, Path(number): Path<i64>) -> Answered {
    let run = ctx.read().run(number).await?;
    let mut answer = object(&run);
    let tables = ctx.app.store.run_tables(number).await?;
    answer["tables"] = tables
        .iter()
        .map(|table| {
            json!({
                "table": table.table, "part": table.part, "state": table.state.word(), "told": table.told,
                "read": table.read, "new": table.new, "changed": table.changed, "gone": table.gone,
                "unchanged": table.unchanged, "reason": table.reason,
            })
        })
        .collect();
    let calls = ctx.app.store.run_calls(number).await?;
    answer["requests"] = calls
        .iter()
        .map(|call| {
            json!({
                "request": call.endpoint, "calls": call.calls, "retries": call.retries,
                "rate_limited": call.rate_limited, "last_status": call.last_status,
            })
        })
        .collect();
    json_answer(&answer)
}

fn object(run: &Run) -> Value {
    json!({
        "id": run.id,
        "action": run.action.word(),
        "started_by": run.started_by,
        "started_at": run.started_at.to_string(),
        "ended_at": run.ended_at.map(|at| at.to_string()),
        "stage": run.stage,
        "outcome": run.outcome.map(Outcome::word),
        "error_code": run.error_code,
        "error": run.error,
        "help": run.help,
        "calls": run.calls,
        "retries": run.retries,
        "rate_limited": run.rate_limited,
        "bytes": run.bytes,
    })
}
