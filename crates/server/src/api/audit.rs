//! The audit log, the newest line first.

use serde_json::{Value, json};

use super::{AFTER, LIMIT, Operation, get, json_answer, limit, not_a_place, schema};
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

pub(crate) const AUDIT: Operation = get(
    "/api/v1/audit",
    "The audit log, the newest line first, with the hashes that chain its lines.",
    &[LIMIT, AFTER],
    || {
        schema::page(schema::object([
            ("number", schema::integer(7)),
            ("at", schema::time("2026-11-20T06:00:00Z")),
            ("actor", schema::text("mara")),
            ("actor_kind", schema::text("person")),
            ("address", schema::text("192.0.2.7:50000")),
            ("org_id", schema::maybe(schema::text("5f0000000000000000000001"))),
            ("action", schema::text("connection.rotate")),
            ("object", schema::text("Acme")),
            ("detail", schema::any(json!({ "before": "api_key ****a1b2", "after": "****c3d4" }))),
            ("outcome", schema::text("done")),
            ("request_id", schema::text("0192f0c0a1b27c3d8e9f001122334455")),
            ("previous", schema::text("9f86d081884c7d65")),
            ("hash", schema::text("60303ae22b998861")),
        ]))
    },
);

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let most = u32::try_from(limit(&ctx)?).map_err(Problem::internal)?;
    let before = match ctx.query.get("after") {
        None => None,
        Some(text) => Some(text.parse::<i64>().map_err(|_| not_a_place())?),
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
    json_answer(&json!({ "items": items, "next": next }))
}
