//! Made-up events in the shapes of public samples, and the OCSF event that each must become.

use serde_json::Value;

use crate::support::{mapped, shared};

#[test]
fn every_golden_event_becomes_exactly_its_pair() {
    let Some(folder) = shared("data/ocsf/examples") else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (raw, expected) = (read("raw-events.ndjson"), read("ocsf-events.ndjson"));
    let mut pairs = 0;
    for (raw, expected) in raw.lines().zip(expected.lines()) {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let got = mapped(raw);
        let mut differences = Vec::new();
        compare("", &expected, &got, &mut differences);
        assert!(differences.is_empty(), "{raw}\n{}", differences.join("\n"));
        pairs += 1;
    }
    assert_eq!(pairs, 35);
}

/// Says where two values differ.
fn compare(path: &str, expected: &Value, got: &Value, differences: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            let names: std::collections::BTreeSet<&String> = expected.keys().chain(got.keys()).collect();
            for name in names {
                let side = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}.{name}"), &side(expected), &side(got), differences);
            }
        }
        _ if expected == got => {}
        _ => differences.push(format!("{path}: expected {expected}, got {got}")),
    }
}
