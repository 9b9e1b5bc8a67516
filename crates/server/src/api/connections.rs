//! Connections, how they stand, what ran; testing and syncing them.

use axum::extract::Path;
use serde_json::{Value, json};
use store::{Connection, Outcome, Run};

use super::{LIST, Operation, json_answer, limit};
use crate::problem::{Answered, Problem};
use crate::sync_now;
use crate::visit::Ctx;

pub(crate) const CONNECTIONS: Operation = Operation {
    method: "GET",
    path: "/api/v1/connections",
    summary: "Every connection with its streams, worst first. No credential is ever part of it.",
    query: &[LIST[2]],
    body: "",
    answer: r#"{"items": [{"id": "0192…", "name": "Acme", "org_id": "5f0000000000000000000001", "streams": [{"stream": "inventory", "state": "Active"}]}]}"#,
};

pub(crate) const TEST: Operation = Operation {
    method: "POST",
    path: "/api/v1/connections/{id}/test",
    summary: "Tries everything that the connection needs, line by line.",
    query: &[],
    body: "",
    answer: r#"{"connects": true, "checks": [{"check": "credential", "result": "pass", "said": "…", "help": null, "ms": 12}]}"#,
};

pub(crate) const SYNC: Operation = Operation {
    method: "POST",
    path: "/api/v1/connections/{id}/sync",
    summary: "Starts a sync of both streams, unless they are syncing already. The runs tell how it goes.",
    query: &[],
    body: "",
    answer: r#"{"started": ["inventory", "events"]}"#,
};

pub(crate) const RUNS: Operation = Operation {
    method: "GET",
    path: "/api/v1/connections/{id}/runs",
    summary: "What ran for a connection, the newest first.",
    query: &[LIST[0]],
    body: "",
    answer: r#"{"items": [{"id": 4, "action": "sync", "outcome": "succeeded", "started_by": "system"}]}"#,
};

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let standings = ctx.read().standings(&ctx.app).await?;
    let mut connections = ctx.read().connections().await?;
    let rank = |connection: &Connection| {
        standings.iter().position(|standing| standing.connection.id == connection.id).unwrap_or(usize::MAX)
    };
    connections.sort_by_key(rank);
    let items: Vec<Value> = connections
        .iter()
        .map(|connection| {
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
                "org_id": connection.org_id,
                "org_name": connection.org_name,
                "region": connection.place.region,
                "api_url": connection.place.console_url,
                "enabled": connection.enabled,
                "owner_name": connection.owner_name,
                "credential": {
                    "kind": connection.credential_kind,
                    "last_four": connection.credential_last_four,
                    "expires_at": connection.credential_expires_at.map(|at| at.to_string()),
                },
                "streams": streams,
            })
        })
        .collect();
    json_answer(json!({ "items": items }))
}

pub(crate) async fn test(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    ctx.audit("connection.test", &connection.name, connection.org_id.as_deref(), json!({})).await?;
    let report = ctx.app.collector.test_and_note(&connection, &ctx.by()).await?;
    let checks: Vec<Value> = report
        .checks
        .iter()
        .map(|check| {
            let milliseconds = u64::try_from(check.took.as_millis()).unwrap_or(u64::MAX);
            json!({ "check": check.name, "result": check.grade.word(), "said": check.said, "help": check.help, "ms": milliseconds })
        })
        .collect();
    json_answer(json!({ "connects": report.connects(), "result": report.grade().word(), "checks": checks }))
}

pub(crate) async fn sync(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    ctx.audit("connection.sync", &connection.name, connection.org_id.as_deref(), json!({})).await?;
    let started = sync_now::ask(&ctx, &connection, sync_now::BOTH).await?;
    json_answer(json!({ "started": started }))
}

pub(crate) async fn runs(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let most = u32::try_from(limit(&ctx)?).map_err(Problem::internal)?;
    let items: Vec<Value> = ctx.read().runs(&connection, most).await?.iter().map(object).collect();
    json_answer(json!({ "items": items }))
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
