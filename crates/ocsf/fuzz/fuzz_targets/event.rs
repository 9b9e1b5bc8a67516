//! Any text, read as an event: one line of JSON comes out, with the text in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocsf::{Mapper, Received};

fuzz_target!(|raw: &str| {
    let mut mapper = Mapper::new();
    let event = mapper.read(raw);
    let facts = event.facts();
    let mut line = Vec::new();
    event.write_ocsf(&Received::at(1_777_900_000_000), &mut line);
    assert!(!line.contains(&b'\n'));
    let written: serde_json::Value = serde_json::from_slice(&line).expect("what is written is JSON");
    assert_eq!(written["class_uid"], facts.class_uid);
    assert_eq!(written["raw_data"].as_str().unwrap_or_default(), raw);
});
