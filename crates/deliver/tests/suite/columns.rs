//! Columns say what the OCSF text says, for every event type and for hostile ones.

use std::collections::BTreeSet;

use arrow_schema::{DataType, Fields};
use deliver::{Shape, reference, to_ocsf_1_1_0};
use ocsf::{Class, Received};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::read::{assert_same, events, file};
use crate::support::{LOGGED_MS, full, line, shared};

/// The OCSF text of every event type, with all fields and with hardly any.
fn every_type() -> Vec<String> {
    let received = Received { organization: Some("5f0000000000000000000001"), ..Received::at(LOGGED_MS) };
    let mut lines = Vec::new();
    for (number, known) in ocsf::event_types().iter().enumerate() {
        for variant in 0..2 {
            lines.push(line(&full(known.name, known.service, number * 2 + variant).to_string(), &received));
        }
        lines.push(line(&json!({ "event_type": known.name, "id": number.to_string() }).to_string(), &received));
    }
    for raw in
        [r#"{"event_type":"never_seen","service":"new","timestamp":"2026-11-20T08:00:00Z"}"#, "no event", "null", ""]
    {
        lines.push(line(raw, &received));
    }
    lines
}

fn class_of(line: &str) -> u16 {
    let event: Value = serde_json::from_str(line).unwrap();
    event["class_uid"].as_u64().unwrap().try_into().unwrap()
}

#[test]
fn every_event_type_reads_back_as_its_ocsf_text() {
    let lines = every_type();
    let found = events(file(Shape::Whole, &lines));
    assert_eq!(found.len(), lines.len());
    for (found, line) in found.iter().zip(&lines) {
        assert_same(found, &serde_json::from_str(line).unwrap(), line);
    }
    let classes: BTreeSet<u16> = lines.iter().map(|line| class_of(line)).collect();
    assert_eq!(classes, Class::ALL.iter().map(|class| class.uid).collect(), "a class occurs in no event type");
}

/// An event in OCSF 1.1.0.
fn older(line: &str) -> String {
    let (class_uid, older) = to_ocsf_1_1_0(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
    let older = String::from_utf8(older).unwrap();
    assert_eq!(class_of(&older), class_uid);
    older
}

#[test]
fn the_columns_of_a_class_hold_everything_of_its_events_in_ocsf_1_1_0() {
    let lines: Vec<String> = every_type().iter().map(|line| older(line)).collect();
    for class in Class::ALL {
        let of_class: Vec<String> = lines.iter().filter(|line| class_of(line) == class.uid).cloned().collect();
        let found = events(file(Shape::OfClass(class.uid), &of_class));
        for (found, line) in found.iter().zip(&of_class) {
            assert_same(found, &serde_json::from_str(line).unwrap(), line);
        }
        assert!(found[0]["time"].is_i64());
    }
}

#[test]
fn golden_and_recorded_events_read_back_as_their_ocsf_text() {
    let Some(golden) = shared("data/ocsf/examples/raw-events.ndjson") else { return };
    let raw = std::fs::read_to_string(golden).unwrap();
    let lines: Vec<String> = raw.lines().map(|raw| line(raw, &Received::at(LOGGED_MS))).collect();
    assert!(lines.len() > 30);
    for (found, line) in events(file(Shape::Whole, &lines)).iter().zip(&lines) {
        assert_same(found, &serde_json::from_str(line).unwrap(), line);
    }
}

#[test]
fn every_column_of_a_class_is_one_that_ocsf_1_1_0_gives_it_and_none_is_missing() {
    let Some(schema) = shared("data/ocsf/ocsf-1.1.0.json") else { return };
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let classes: Vec<&Value> = schema["classes"].as_object().unwrap().values().collect();
    for class in Class::ALL {
        let known = classes.iter().find(|known| known["uid"] == class.uid).unwrap();
        columns_are_known(Shape::OfClass(class.uid).schema().fields(), &known["attributes"], &schema, class.name);
        for name in known["attributes"].as_object().unwrap().keys() {
            let is_in = |shape: Shape| shape.schema().field_with_name(name).is_ok();
            assert_eq!(is_in(Shape::OfClass(class.uid)), is_in(Shape::Whole), "{} has {name}", class.name);
        }
    }
}

/// Fails for a column, or one in it, that is no attribute of these.
fn columns_are_known(columns: &Fields, known: &Value, schema: &Value, path: &str) {
    for column in columns {
        let attribute = known.get(column.name()).unwrap_or_else(|| panic!("{path} has no {}", column.name()));
        let element = match column.data_type() {
            DataType::List(element) => element.data_type(),
            other => other,
        };
        let DataType::Struct(inner) = element else { continue };
        let object = attribute["object_type"].as_str().or(attribute["type"].as_str()).unwrap();
        let path = format!("{path}.{}", column.name());
        columns_are_known(inner, &schema["objects"][object]["attributes"], schema, &path);
    }
}

#[test]
fn every_event_in_ocsf_1_1_0_satisfies_the_checker_and_loses_nothing() {
    let Some(checker) = shared("tools/ocsf-validate") else { return };
    let golden = std::fs::read_to_string(shared("data/ocsf/examples/raw-events.ndjson").unwrap()).unwrap();
    let mut lines = every_type();
    lines.extend(golden.lines().map(|raw| line(raw, &Received::at(LOGGED_MS))));
    let older: Vec<String> = lines.iter().map(|line| older(line)).collect();
    for (older, line) in older.iter().zip(&lines) {
        nothing_is_lost(older, line);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, older.join("\n")).unwrap();
    // Of what every feed has to have, 1.1.0 has no place for the id of the original event.
    let arguments = ["--feed", "--strict", "--ignore", "feed_field_missing", "--allow-duplicate-uid"];
    let arguments = [&arguments[..], &["--version", "1.1.0", "--allow-versions", "1.1.0"]].concat();
    let output = std::process::Command::new("python3").arg(checker).args(arguments).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every value of the newer event is in the older one, or in what it could not say.
fn nothing_is_lost(older: &str, newer: &str) {
    let (older, newer): (Value, Value) = (serde_json::from_str(older).unwrap(), serde_json::from_str(newer).unwrap());
    let lost = &older["unmapped"]["ocsf"];
    // What says which class, version and number it is must differ.
    const RENAMED: &[&str] = &[
        "class_uid",
        "class_name",
        "type_uid",
        "type_name",
        "activity_id",
        "metadata",
        "unmapped",
        "type_id",
        "auth_protocol_id",
    ];
    fn held(value: &Value, older: &Value, lost: &Value, path: &str) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter().filter(|(name, _)| !RENAMED.contains(&name.as_str())) {
                    let at = match name.as_str() {
                        "app_name" => &older["invoked_by"],
                        "lat" if lost["lat"].is_null() => &older["coordinates"][1],
                        "long" if lost["long"].is_null() => &older["coordinates"][0],
                        _ => &older[name],
                    };
                    held(value, at, &lost[name], &format!("{path}.{name}"));
                }
            }
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    if path == ".observables" {
                        assert_eq!(value["value"], older[at]["value"], "{path}");
                        continue;
                    }
                    held(value, &older[at], &lost[at], &format!("{path}[{at}]"));
                }
            }
            _ => assert!(value == older || value == lost, "{path}: {value} is neither {older} nor {lost}"),
        }
    }
    held(&newer, &older, lost, "");
    for (name, value) in newer["unmapped"].as_object().into_iter().flatten() {
        assert_eq!(&older["unmapped"][name], value, "unmapped.{name}");
    }
}

#[test]
fn the_same_events_are_the_same_bytes_however_they_are_counted() {
    let lines = every_type();
    let first = file(Shape::Whole, &lines);
    assert_eq!(file(Shape::Whole, &lines), first);
    assert_ne!(file(Shape::Whole, &lines[1..]), first);
}

#[test]
fn an_attribute_without_a_column_is_told_by_its_name() {
    let mut file = deliver::EventFile::new(Shape::Whole).unwrap();
    let error = file.push(br#"{"time":1,"novelty":{"a":1}}"#).unwrap_err();
    assert!(error.to_string().contains("novelty"), "{error}");
}

#[test]
fn the_page_of_columns_has_every_column_once() {
    let page = reference();
    let columns: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let different: BTreeSet<&str> = columns.iter().copied().collect();
    assert_eq!(columns.len(), different.len());
    for field in Shape::Whole.schema().fields() {
        let is_told = columns.iter().any(|column| column.split(['.', '[']).next() == Some(field.name()));
        assert!(is_told, "{}", field.name());
    }
}

/// Values that nobody expects where they stand.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x1f\"\\\\\u{2028}]{0,8}".prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop_oneof![
                    Just("id".to_owned()),
                    Just("name".to_owned()),
                    Just("type".to_owned()),
                    Just("auth_methods".to_owned()),
                    Just("latitude".to_owned()),
                    Just("country_code".to_owned()),
                    Just("policies_applied".to_owned()),
                    any::<String>()
                ],
                inner,
                0..5
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn hostile_events_read_back_as_their_ocsf_text(
        number in 0_usize..1_000, replaced in prop::collection::vec((0_usize..60, hostile()), 1..6)
    ) {
        let known = ocsf::event_types();
        let known = &known[number % known.len()];
        let mut event = full(known.name, known.service, number);
        let names: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
        for (at, value) in replaced {
            event[&names[at % names.len()]] = value;
        }
        let line = line(&event.to_string(), &Received::at(LOGGED_MS));
        let expected: Value = serde_json::from_str(&line).unwrap();
        let found = events(file(Shape::Whole, std::slice::from_ref(&line)));
        assert_same(&found[0], &expected, &line);
        let older = older(&line);
        nothing_is_lost(&older, &line);
        let found = events(file(Shape::OfClass(class_of(&older)), std::slice::from_ref(&older)));
        assert_same(&found[0], &serde_json::from_str(&older).unwrap(), &older);
    }
}
