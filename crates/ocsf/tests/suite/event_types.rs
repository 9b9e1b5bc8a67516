//! The table of event types against the lists of what JumpCloud documents and emits.

use std::collections::BTreeMap;

use ocsf::event_types;
use serde_json::json;

use crate::support::{full, mapped, shared};

#[test]
fn every_documented_event_type_is_in_the_table_and_every_other_one_is_taken_too() {
    let (Some(all), Some(specified)) =
        (shared("data/recordings/docs-examples/event-types.tsv"), shared("data/openapi/derived/di-event-types.csv"))
    else {
        return;
    };
    let known: BTreeMap<&str, u16> = event_types().iter().map(|line| (line.name, line.class.uid)).collect();
    let mut missing = Vec::new();
    let mut seen = 0;
    let all = std::fs::read_to_string(all).unwrap();
    let rows = all.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0], columns[1], columns[3].contains("spec"))
    });
    let specified = std::fs::read_to_string(specified).unwrap();
    let more = specified.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split(',').collect();
        (columns[1], columns[0], columns[3] == "spec")
    });
    for (name, service, is_documented) in rows.chain(more) {
        let event = mapped(&json!({"event_type": name, "service": service, "id": "1"}).to_string());
        let labels = event["metadata"]["labels"].as_array().unwrap();
        seen += 1;
        match known.get(name) {
            Some(3006) if name.ends_with("association_change") => assert_eq!(event["class_uid"], 3004),
            Some(class) => assert_eq!(event["class_uid"], *class, "{name}"),
            None => {
                assert_eq!(event["class_uid"], 6003, "{name}");
                assert!(labels.contains(&"event_type_unmapped".into()), "{name}");
                if is_documented {
                    missing.push(name);
                }
            }
        }
    }
    assert_eq!(missing, [""; 0], "documented, and not in event_types.csv");
    assert!(seen > 600);
}

#[test]
fn every_line_of_the_table_says_what_its_events_become() {
    for (number, line) in event_types().iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        let event = mapped(&full(line.name, line.service, 2 * number).to_string());
        let by_content = ["association_change", "access_management_association_change", "admin_update"];
        if !by_content.contains(&line.name) {
            assert_eq!(event["class_uid"], line.class.uid, "{}", line.name);
        }
        assert_eq!(event["raw_data_size"], event["raw_data"].as_str().unwrap().len());
    }
}

#[test]
fn an_unknown_type_keeps_everything_and_its_last_word_says_what_was_done() {
    for (name, activity) in [
        ("robot_create", "Create"),
        ("robots_export", "Read"),
        ("robot_arm_modified", "Update"),
        ("robot_deleted", "Delete"),
    ] {
        let event = mapped(&json!({"event_type": name, "id": "1", "robot": {"arms": [1, 2.50]}}).to_string());
        assert_eq!((&event["class_uid"], &event["activity_name"]), (&6003.into(), &activity.into()));
        assert_eq!(event["unmapped"], json!({"robot": {"arms": [1, 2.5]}}));
    }
    let event = mapped(r#"{"event_type":"Other"}"#);
    assert_eq!((&event["activity_id"], &event["activity_name"]), (&99.into(), &"other".into()));
}
