//! The same event is the same event: whichever key it was read with, whenever, and with every version of the mapping.

use ocsf::{Mapper, Received};

use crate::support::{LOGGED_MS, line, mapped};

const RAW: &str = r#"{"id":"660000000000000000000001","event_type":"user_lockout","service":"directory","organization":"5f","timestamp":"2026-05-04T08:16:06.495Z","z":1}"#;

#[test]
fn the_same_raw_text_gives_the_same_bytes() {
    let received = Received::at(LOGGED_MS);
    assert_eq!(line(RAW, &received), line(RAW, &received));
}

#[test]
fn the_uid_depends_on_tenant_service_id_and_time_and_on_nothing_else() {
    let uid = |raw: &str| Mapper::new().read(raw).uid(&Received { organization: Some("other"), ..Received::at(7) });
    let known = uid(RAW);
    assert_eq!(known, Mapper::new().read(RAW).uid(&Received::at(LOGGED_MS)));
    assert_eq!(known, uid(&RAW.replace("user_lockout", "user_unlocked").replace("\"z\":1", "\"z\":2")));
    for (part, other) in [("\"5f\"", "\"5e\""), ("directory", "systems"), ("01\"", "02\""), (".495", ".496")] {
        assert_ne!(known, uid(&RAW.replace(part, other)), "{part}");
    }
}

#[test]
fn an_event_without_an_organization_belongs_to_its_connection() {
    let raw = r#"{"id":"1","event_type":"user_lockout"}"#;
    let received = Received { organization: Some("5f\"1"), ..Received::at(LOGGED_MS) };
    let event: serde_json::Value = serde_json::from_str(&line(raw, &received)).unwrap();
    assert_eq!(event["metadata"]["tenant_uid"], "5f\"1");
    assert!(mapped(raw)["metadata"]["tenant_uid"].is_null());
}

#[test]
fn without_raw_data_its_size_and_hash_stay() {
    let received = Received { with_raw: false, ..Received::at(LOGGED_MS) };
    let event: serde_json::Value = serde_json::from_str(&line(RAW, &received)).unwrap();
    assert!(event["raw_data"].is_null());
    assert_eq!(event["raw_data_size"], RAW.len());
    assert_eq!(event["raw_data_hash"], mapped(RAW)["raw_data_hash"]);
}

#[test]
fn one_mapper_reads_long_and_short_events_after_one_another() {
    let mut mapper = Mapper::new();
    let long = format!(r#"{{"event_type":"a_b","x":"{}\n","y":[{}1]}}"#, "\\u00e4".repeat(500), "1,".repeat(500));
    for raw in [RAW, &long, "nonsense", RAW, "", &long, RAW] {
        let mut out = Vec::new();
        mapper.read(raw).write_ocsf(&Received::at(LOGGED_MS), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), line(raw, &Received::at(LOGGED_MS)));
    }
}
