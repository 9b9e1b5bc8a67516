//! The audit log, the newest line first.

use serde_json::{Value, json};

use super::{LIST, Operation, json_answer, limit};
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

pub(crate) const AUDIT: Operation = Operation {
    method: "GET",
    path: "/api/v1/audit",
    summary: "The audit log, the newest line first, with the hashes that chain its lines.",
    query: &[LIST[0], LIST[1]],
    body: "",
    answer: r#"{"items": [{"number": 7, "actor": "mara", "action": "connection.rotate", "outcome": "done"}], "next": null}"#,
};

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let most = u32::try_from(limit(&ctx)?).map_err(Problem::internal)?;
    let before = match ctx.query.get("after") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Problem::bad("after is not the next of a page"))?),
    };
    let lines = ctx.app.store.audit_lines(before, "", ctx.person.org_ids.as_deref(), most).await?;
    let next = lines.last().filter(|_| lines.len() == most as usize).map(|line| line.number.to_string());
    let items: Vec<Value> = lines
        .iter()
        .map(|line| {
            let entry = &line.entry;
            json!({
                "number": line.number, "at": entry.at.to_string(), "actor": entry.actor, "actor_kind": entry.actor_kind,
                "address": entry.address, "org_id": entry.org_id, "action": entry.action, "object": entry.object,
                "detail": entry.detail, "outcome": entry.outcome, "request_id": entry.request_id,
                "previous": line.previous, "hash": line.hash,
            })
        })
        .collect();
    json_answer(json!({ "items": items, "next": next }))
}
