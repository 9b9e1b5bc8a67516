//! The independent checker (`ocsf-validate`), in its strictest mode: golden inputs, recordings, every event type in a
//! full and in a bare form, and events with anything in their fields.

use std::io::Write as _;
use std::process::{Command, Stdio};

use ocsf::{Received, event_types};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::recordings;
use crate::support::{LOGGED_MS, full, line, shared};
use crate::totality::{any_json, mutated_event};

/// Checks what these raw events become; None if there is no checker.
fn check(raw: &[String], more: &[&str]) -> Option<()> {
    let checker = shared("tools/ocsf-validate")?;
    let received = Received { organization: Some("5f0000000000000000000001"), ..Received::at(LOGGED_MS) };
    let mut seen = std::collections::HashSet::new();
    let lines: Vec<String> = raw.iter().filter(|raw| seen.insert(*raw)).map(|raw| line(raw, &received)).collect();
    let arguments = ["--feed", "--strict", "--require", "3001,3002", "--allow-versions", "1.8.0"];
    let mut child = Command::new("python3")
        .arg(checker)
        .args(arguments)
        .args(more)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(lines.join("\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Some(())
}

#[test]
fn golden_inputs_recordings_and_every_event_type_have_no_errors() {
    let (Some(golden), Some(mut raw)) = (shared("data/ocsf/examples/raw-events.ndjson"), recordings::raw_events())
    else {
        return;
    };
    raw.extend(std::fs::read_to_string(golden).unwrap().lines().map(str::to_owned));
    for (number, line) in event_types().iter().enumerate() {
        raw.push(full(line.name, line.service, 2 * number).to_string());
        raw.push(full(line.name, line.service, 2 * number + 1).to_string());
        raw.push(json!({"event_type": line.name, "id": number, "timestamp": "2026-11-20T08:14:02Z"}).to_string());
    }
    for end in ["create", "view", "update", "remove", "Other"] {
        raw.push(full(&format!("robot_{end}"), "robots", raw.len()).to_string());
    }
    raw.extend([" ", "nonsense", "[1]", "{}"].map(str::to_owned));
    check(&raw, &[]);
}

#[test]
fn events_with_anything_in_their_fields_have_no_errors() {
    let mut runner = TestRunner::deterministic();
    let mut draw = |strategy: &proptest::strategy::BoxedStrategy<Value>| {
        strategy.new_tree(&mut runner).unwrap().current().to_string()
    };
    let (events, anything) = (mutated_event().boxed(), any_json().boxed());
    let mut raw: Vec<String> = (0..1500).map(|_| draw(&events)).collect();
    raw.extend((0..300).map(|_| draw(&anything)));
    check(&raw, &["--allow-duplicate-uid"]);
}
