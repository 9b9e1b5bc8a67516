//! Where people are told what they should know.

use axum::extract::Path;
use serde_json::{Value, json};

use super::{Operation, get, json_answer, post, schema};
use crate::pages::notifications::{place, send_test, whole_only};
use crate::problem::Answered;
use crate::visit::Ctx;

pub(crate) const NOTIFICATIONS: Operation = get(
    "/api/v1/notifications",
    "Every notification with what it is told about and how sending goes, without its secret.",
    &[],
    || {
        schema::items(schema::object([
            ("id", schema::text("0192f0c0-a1b2-7c3d-8e9f-001122334455")),
            ("name", schema::text("on call")),
            ("kind", schema::text("slack")),
            ("address", schema::text("hooks.slack.com")),
            ("topics", schema::list(schema::text("credential"))),
            ("severity_id", schema::integer(4)),
            ("digest", schema::maybe(schema::text("0 7 * * 1"))),
            ("enabled", schema::flag(true)),
            ("last_sent_at", schema::maybe(schema::time("2026-11-20T06:00:00Z"))),
            ("failing_since", schema::maybe(schema::time("2026-11-20T06:00:00Z"))),
            ("failure", schema::maybe(schema::text("the server did not answer"))),
        ]))
    },
);

pub(crate) const TEST: Operation = post("/api/v1/notifications/{id}/test", "Sends a test message.", None, || {
    schema::object([("sent", schema::flag(true))])
});

pub(crate) async fn list(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    let all = ctx.app.store.notifications().await?;
    let items: Vec<Value> = all
        .iter()
        .map(|place| {
            let state = &place.state;
            json!({
                "id": place.id,
                "name": place.name,
                "kind": place.kind,
                "address": place.address,
                "topics": place.topics,
                "severity_id": place.severity,
                "digest": place.digest,
                "enabled": place.enabled,
                "last_sent_at": state.last_sent_at.map(|at| at.to_string()),
                "failing_since": state.failing_since.map(|at| at.to_string()),
                "failure": state.failure,
            })
        })
        .collect();
    json_answer(&json!({ "items": items }))
}

pub(crate) async fn test(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let place = place(&ctx, &id).await?;
    send_test(&ctx, &place).await?;
    json_answer(&json!({ "sent": true }))
}
