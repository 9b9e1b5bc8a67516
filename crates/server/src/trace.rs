//! From which members of a raw event each field of its OCSF form comes. The mapper is a pure function, so that is found out by
//! asking it: a field comes from what it changes with.

use std::collections::BTreeMap;

use ocsf::{Mapper, Received};
use serde_json::Value;

/// Events with more values than this are not traced.
const MOST: usize = 500;

/// A field of the OCSF form.
#[derive(Debug, PartialEq)]
pub(crate) struct Traced {
    /// Its path, e.g. `actor.user.name`.
    pub(crate) path: String,
    pub(crate) value: Value,
    /// The members of the raw event that it comes from; none, if it is the same for every event or says how the event came
    /// here. The event's type decides on nearly everything, so it is named only where nothing else is.
    pub(crate) from: Vec<String>,
}

/// Traces every field; nothing, when the event is no JSON object or too large.
pub(crate) fn trace(raw: &str, received: &Received<'_>) -> Vec<Traced> {
    let received = Received { with_raw: false, ..*received };
    let Ok(event @ Value::Object(_)) = serde_json::from_str::<Value>(raw) else { return Vec::new() };
    let places = leaves(&event);
    if places.len() > MOST {
        return Vec::new();
    }
    let mut mapper = Mapper::default();
    let mut map = |event: &Value, received: &Received<'_>| -> BTreeMap<String, Value> {
        let mut text = Vec::new();
        mapper.read(&event.to_string()).write_ocsf(received, &mut text);
        let mapped: Value = serde_json::from_slice(&text).unwrap_or(Value::Null);
        leaves(&mapped).into_iter().map(|pointer| (named(&pointer), value_at(&mapped, &pointer))).collect()
    };
    let whole = map(&event, &received);
    // What stands in for a member that is not there is mostly equal to it, and would hide that it counts.
    let bare = Received { logged_ms: 0, organization: None, ..received };
    let known = map(&event, &bare);
    let mut from: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for pointer in &places {
        let mut without = event.clone();
        if let Some(member) = without.pointer_mut(pointer) {
            *member = Value::Null;
        }
        let changed = map(&without, &bare);
        for path in whole.keys() {
            if changed.get(path) != known.get(path) {
                from.entry(path).or_default().push(named(pointer));
            }
        }
    }
    whole
        .iter()
        // They are of the raw event as a whole.
        .filter(|(path, _)| !path.starts_with("raw_data"))
        .map(|(path, value)| {
            let mut from = from.remove(path.as_str()).unwrap_or_default();
            if from.len() > 1 {
                from.retain(|name| name != "event_type");
            }
            Traced { path: path.clone(), value: value.clone(), from }
        })
        .collect()
}

/// The JSON pointers of all values that are no object and no list with something in it.
fn leaves(document: &Value) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![(String::new(), document)]);
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (name, value) in members {
                    open.push((format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), value));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                open.extend(items.iter().enumerate().map(|(at, value)| (format!("{pointer}/{at}"), value)));
            }
            _ => found.push(pointer),
        }
    }
    found.sort();
    found
}

fn value_at(document: &Value, pointer: &str) -> Value {
    document.pointer(pointer).cloned().unwrap_or(Value::Null)
}

/// A pointer as people write paths.
fn named(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = r#"{
        "id": "1", "event_type": "user_login_attempt", "service": "directory", "timestamp": "2026-11-20T08:15:10.3Z",
        "initiated_by": { "id": "u1", "type": "user", "username": "mara.lind" },
        "client_ip": "192.0.2.7", "success": false, "what_we_do_not_know": { "deep": ["a", "b"] }
    }"#;

    #[test]
    fn a_field_comes_from_what_it_changes_with() {
        let traced = trace(LOGIN, &Received::at(0));
        let from = |path: &str| -> Vec<&str> {
            let found = traced.iter().find(|one| one.path == path).unwrap_or_else(|| panic!("no {path}: {traced:#?}"));
            found.from.iter().map(String::as_str).collect()
        };
        assert_eq!(from("src_endpoint.ip"), ["client_ip"]);
        assert_eq!(from("time"), ["timestamp"]);
        assert_eq!(from("status_id"), ["success"]);
        assert_eq!(from("class_uid"), ["event_type"]);
        assert!(from("metadata.product.vendor_name").is_empty(), "the same for every event");
        let deep = traced.iter().find(|one| one.from.iter().any(|name| name.contains("what_we_do_not_know")));
        assert!(deep.is_some_and(|one| one.path.starts_with("unmapped")), "{deep:?}");
    }

    #[test]
    fn what_is_no_event_is_not_traced() {
        assert!(trace("no JSON", &Received::at(0)).is_empty());
        assert!(trace("[]", &Received::at(0)).is_empty());
    }
}
