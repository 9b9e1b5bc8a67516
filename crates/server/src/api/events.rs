//! Events, newest first.

use serde_json::{Value, json};
use store::events::{EventCursor, EventFilter, Named, StoredEvent};

use super::{LIST, Operation, json_answer, limit};
use crate::problem::{Answered, Problem};
use crate::visit::Ctx;

pub(crate) const EVENTS: Operation = Operation {
    method: "GET",
    path: "/api/v1/events",
    summary: "Events, the newest first.",
    query: &[
        LIST[0],
        LIST[1],
        LIST[2],
        ("from", "From this time on (RFC 3339 or a date)."),
        ("to", "Before this time."),
        ("type", "Only of this type."),
        ("user", "Only with this user or administrator, by name or id."),
        ("device", "Only with this device, by name or id."),
    ],
    body: "",
    answer: r#"{"items": [{"id": "0192…", "time": "2026-11-20T06:00:00.000Z", "type": "user_login_attempt", "outcome": "failure"}], "next": null}"#,
};

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let time = |name: &str| match ctx.query.get(name) {
        None => Ok(None),
        Some(text) => collect::when::parse_day(text).map(Some).map_err(Problem::bad),
    };
    let after = match ctx.query.get("after") {
        None => None,
        Some(text) => Some(text.parse::<EventCursor>().map_err(|_| Problem::bad("after is not the next of a page"))?),
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
    json_answer(json!({ "items": items, "next": found.next.map(|next| next.to_string()) }))
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
