//! Events of public samples and of JumpCloud's documentation, in the shapes in which they really come.

use std::path::Path;

use serde_json::Value;

use crate::support::{mapped, shared};

/// The raw events of the recordings; None if they are not there.
pub(crate) fn raw_events() -> Option<Vec<String>> {
    let folder = shared("data/recordings/events")?;
    let mut raw = Vec::new();
    walk(&folder, &mut |file| collect(&serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap(), &mut raw));
    Some(raw)
}

fn walk(folder: &Path, file: &mut impl FnMut(&Path)) {
    let mut entries: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, file);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            file(&path);
        }
    }
}

/// An event, a page of events, or an event as text within a test case.
fn collect(value: &Value, raw: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, raw)),
        Value::Object(_) if value["event_type"].is_string() => raw.push(value.to_string()),
        Value::Object(_) if value["input"]["message"].is_string() => {
            raw.push(value["input"]["message"].as_str().unwrap().to_owned());
        }
        Value::Object(_) => collect(&value["body"], raw),
        _ => {}
    }
}

#[test]
fn every_recorded_event_is_normalized_without_an_error() {
    let Some(raw) = raw_events() else { return };
    assert!(raw.len() >= 24, "{}", raw.len());
    for raw in raw {
        let source: Value = serde_json::from_str(&raw).unwrap();
        let event = mapped(&raw);
        assert_eq!(event["metadata"]["event_code"], source["event_type"], "{raw}");
        assert_eq!(event["raw_data"], raw.as_str());
        let labels = event["metadata"]["labels"].as_array().cloned().unwrap_or_default();
        let excused = ["event_type_unmapped", "id_missing", "subject_missing"];
        assert!(labels.iter().all(|label| excused.contains(&label.as_str().unwrap())), "{labels:?} of {raw}");
    }
}

#[test]
fn a_recorded_sign_in_and_a_recorded_unbinding_say_who_did_what_to_whom() {
    let Some(raw) = raw_events() else { return };
    let find = |kind: &str| mapped(raw.iter().find(|raw| raw.contains(&format!("\"event_type\":\"{kind}\""))).unwrap());
    let bound = find("association_change");
    assert_eq!((&bound["class_uid"], &bound["activity_id"]), (&3005.into(), &1.into()));
    assert_eq!(bound["user"]["name"], "john.doe");
    assert_eq!(bound["resources"][0]["name"], "JDOE-DESKTOP");
    assert_eq!(bound["actor"]["user"]["email_addr"], "maurice.moss@sekoia.io");
    let updated = find("user_update");
    assert_eq!((&updated["activity_name"], &updated["status"]), (&"Update".into(), &"Unknown".into()));
}
