//! Where people are told what they should know.

use axum::extract::Path;
use serde_json::{Value, json};

use super::{Operation, json_answer};
use crate::pages::notifications::{place, send_test, whole_only};
use crate::problem::Answered;
use crate::visit::Ctx;

pub(crate) const NOTIFICATIONS: Operation = Operation {
    method: "GET",
    path: "/api/v1/notifications",
    summary: "Every notification with what it is told about and how sending goes, without its secret.",
    query: &[],
    body: "",
    answer: r#"{"items": [{"name": "on call", "kind": "slack", "address": "hooks.slack.com", "enabled": true}]}"#,
};

pub(crate) const TEST: Operation = Operation {
    method: "POST",
    path: "/api/v1/notifications/{id}/test",
    summary: "Sends a test message.",
    query: &[],
    body: "",
    answer: r#"{"sent": true}"#,
};

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
    json_answer(json!({ "items": items }))
}

pub(crate) async fn test(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let place = place(&ctx, &id).await?;
    send_test(&ctx, &place).await?;
    json_answer(json!({ "sent": true }))
}
