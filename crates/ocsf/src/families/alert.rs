//! JumpCloud's own alerts -> Detection Finding (2004). Here the status is the state of the finding, not an outcome.

use crate::blocks::finding::Finding;
use crate::blocks::resource::Resource;
use crate::event::Event;
use crate::event_type::EventType;
use crate::families::changes::changed_to;
use crate::field::Field;
use crate::json::{Text, Value};
use crate::mapping::{Labels, Mapping};
use crate::status::Status;

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let is_new = line.activity_id == 1;
    let state = if is_new { 1 } else { state(event) };
    if state == 4 && !is_new {
        mapping.is(mapping.class, 3, "Close", mapping.severity_id);
    }
    mapping.outcome = Status { id: state, is_finding: true, other: None, ..mapping.outcome };
    mapping.severity_id = severity(event);
    let resource = event.get(Field::Resource);
    let text = |key| resource.and_then(|resource| resource.text_of(key));
    let uid = text("id").or_else(|| event.text(Field::AlertId)).or_else(|| {
        mapping.labels.add(Labels::SUBJECT_MISSING);
        event.text(Field::Id)
    });
    mapping.finding = Some(Finding {
        uid: uid.unwrap_or(Text::ours("unknown")),
        is_new,
        title: event.text(Field::AlertTitle),
        category: event.text(Field::Category),
        desc: event.text(Field::Description),
        uid_alt: text("reference_id"),
    });
    mapping.resources.add(text("source_id").map(|uid| Resource {
        uid: Some(uid),
        kind: text("source_type"),
        ..Resource::default()
    }));
    mapping
}

/// `status_id` of a finding, by what it was changed to; 0 if that is not told.
fn state(event: &Event<'_>) -> u8 {
    let changed = ["status", "Status", "state"].iter().find_map(|field| changed_to(event, field)?);
    let told = changed.or_else(|| event.get(Field::Status)).or_else(|| event.get(Field::State));
    let Some(told) = told.and_then(Value::string) else { return 0 };
    match told.text.to_ascii_lowercase().as_str() {
        "new" | "open" | "opened" | "reopened" => 1,
        "acknowledged" | "in progress" | "in_progress" | "investigating" => 2,
        "suppressed" | "muted" | "ignored" | "dismissed" => 3,
        "resolved" | "closed" => 4,
        _ => 0,
    }
}

fn severity(event: &Event<'_>) -> u8 {
    let Some(text) = event.string(Field::Severity) else { return 0 };
    match text.text.trim_matches(['"', ' ']).to_ascii_lowercase().as_str() {
        "info" | "informational" => 1,
        "low" => 2,
        "medium" | "moderate" => 3,
        "high" => 4,
        "critical" => 5,
        _ => 0,
    }
}
