//! Events, newest first.

use axum::extract::Path;
use ocsf::Mapper;
use serde_json::{Value, json};
use store::events::{EventCursor, EventFilter, Named, StoredEvent};

use super::{AFTER, LIMIT, ORG, Operation, get, json_answer, limit, not_a_place, param, schema};
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

pub(crate) const EVENTS: Operation = get(
    "/api/v1/events",
    "Events, the newest first.",
    &[
        LIMIT,
        AFTER,
        ORG,
        param("from", "From this time on (RFC 3339 or a date).", time),
        param("to", "Before this time.", time),
        param("type", "Only of this type.", word),
        param("user", "Only with this user or administrator, by name or id.", word),
        param("device", "Only with this device, by name or id.", word),
    ],
    || schema::page(event_schema()),
);

pub(crate) const EVENT: Operation =
    get("/api/v1/events/{org_id}/{id}", "One event: as it is indexed, as OCSF and as it came.", &[], || {
        schema::object([
            ("event", event_schema()),
            ("ocsf", schema::any(json!({ "class_uid": 3002, "activity_id": 1 }))),
            ("raw", schema::any(json!({ "event_type": "user_login_attempt", "success": false }))),
        ])
    });

fn time() -> Value {
    json!({ "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "string", "format": "date" }] })
}

fn word() -> Value {
    json!({ "type": "string" })
}

fn event_schema() -> Value {
    let words = |example: &str| schema::maybe(schema::text(example));
    let party = |id: &str, name: &str| schema::object([("id", words(id)), ("name", words(name))]);
    schema::object([
        ("id", schema::text("0192f0c0-a1b2-7c3d-8e9f-001122334455")),
        ("org_id", schema::text("5f0000000000000000000001")),
        ("time", schema::time("2026-11-20T06:00:00.000Z")),
        ("service", words("directory")),
        ("type", words("user_login_attempt")),
        ("class_uid", schema::integer(3002)),
        ("outcome", schema::word(&["failure", "success", "other", "unknown"])),
        ("user", party("5f0000000000000000000a01", "mara.lind")),
        ("administrator", party("5f0000000000000000000b01", "admin@acme.example")),
        ("device", party("5f0000000000000000000c01", "atlas")),
        ("application", party("5f0000000000000000000d01", "Payroll")),
        ("target", party("5f0000000000000000000e01", "Staff")),
        ("src_ip", words("192.0.2.7")),
        ("country", words("DE")),
        ("reason", words("wrong password")),
    ])
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let time = |name: &str| match ctx.query.has(name).then(|| ctx.query.text(name)) {
        None => Ok(None),
        Some(text) => collect::when::parse_day(text).map(Some).map_err(Problem::bad),
    };
    let after = match ctx.query.get("after") {
        None => None,
        Some(text) => Some(text.parse::<EventCursor>().map_err(|_| not_a_place())?),
    };
    let filter = EventFilter {
        org_ids: ctx.read().event_organizations()?,
        from: time("from")?,
        to: time("to")?,
        types: ctx.query.all("type").map(str::to_owned).collect(),
        user: ctx.query.get("user").map(str::to_owned),
        device: ctx.query.get("device").map(str::to_owned),
        ..EventFilter::default()
    };
    let limit = usize::try_from(limit(&ctx)?).unwrap_or(usize::MAX);
    let found = ctx.app.store.search_events(&filter, after, limit, false).await?;
    let items: Vec<Value> = found.events.iter().map(object).collect();
    json_answer(&json!({ "items": items, "next": found.next.map(|next| next.to_string()) }))
}

pub(crate) async fn one(ctx: Ctx, Path((org_id, uid)): Path<(String, String)>) -> Answered {
    let event = ctx.read().everywhere().event(&org_id, &uid, None).await?;
    let raw = event.raw.as_deref().unwrap_or("null");
    let mut mapped = Vec::new();
    Mapper::default().read(raw).write_ocsf(&deliver::received(&event, true), &mut mapped);
    let document = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    json_answer(&json!({ "event": object(&event), "ocsf": document(&mapped), "raw": document(raw.as_bytes()) }))
}

fn object(event: &StoredEvent) -> Value {
    let party = |party: &Named| json!({ "id": party.id, "name": party.name });
    json!({
        "id": event.uid_text(),
        "org_id": event.org_id,
        "time": format!("{:.3}", event.time()),
        "service": event.service,
        "type": event.event_type,
        "class_uid": event.class_uid,
        "outcome": event.outcome.word(),
        "user": party(&event.user),
        "administrator": party(&event.administrator),
        "device": party(&event.device),
        "application": party(&event.application),
        "target": party(&event.target),
        "src_ip": event.src_ip,
        "country": event.country,
        "reason": event.reason,
    })
}
