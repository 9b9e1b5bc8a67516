//! Columns say what the OCSF text says, for every event type and for hostile ones.

use std::collections::BTreeSet;

use deliver::{Shape, reference};
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

#[test]
fn the_columns_of_a_class_hold_everything_of_its_events() {
    let lines = every_type();
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
fn every_attribute_of_a_class_is_one_that_ocsf_gives_it() {
    let Some(schema) = shared("data/ocsf/ocsf-1.8.0.json") else { return };
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let classes: Vec<&Value> = schema["classes"].as_object().unwrap().values().collect();
    for class in Class::ALL {
        let known = classes.iter().find(|known| known["uid"] == class.uid).unwrap();
        for field in Shape::OfClass(class.uid).schema().fields() {
            assert!(known["attributes"].get(field.name()).is_some(), "{} has no {}", class.name, field.name());
        }
        for name in known["attributes"].as_object().unwrap().keys() {
            let is_in = |shape: Shape| shape.schema().field_with_name(name).is_ok();
            assert_eq!(is_in(Shape::OfClass(class.uid)), is_in(Shape::Whole), "{} has {name}", class.name);
        }
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
        for shape in [Shape::Whole, Shape::OfClass(class_of(&line))] {
            let found = events(file(shape, std::slice::from_ref(&line)));
            assert_same(&found[0], &expected, &line);
        }
    }
}
