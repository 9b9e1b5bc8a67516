//! Facts: what an index row says, borrowed from the event and never at odds with its OCSF text.

use ocsf::{Labels, Mapper, Named, Outcome, PersonKind, Received, Target};

use crate::support::{LOGGED_MS, full, mapped};

#[test]
fn a_failed_sign_in_of_an_administrator_says_who_where_and_why() {
    let raw = r#"{"id":"1","event_type":"admin_login_attempt","service":"directory","organization":"o",
        "timestamp":"2026-05-04T08:17:06.001999Z","client_ip":"198.51.100.23","success":false,"mfa":false,
        "error_message":"invalid \"password\"","geoip":{"country_code":"us","region_code":"CO"},
        "resource":{"id":"a1","type":"admin","email":"ada@example.com"}}"#;
    let mut mapper = Mapper::new();
    let facts = mapper.read(raw).facts();
    assert_eq!((facts.class_uid, facts.activity_id, facts.severity_id), (3002, 1, 3));
    assert_eq!((facts.time_ms, facts.outcome), (Some(1_777_882_626_001), Outcome::Failure));
    assert_eq!(facts.administrator, Named { id: Some("a1"), name: Some("ada@example.com") });
    assert_eq!((facts.user, facts.actor_kind), (Named::default(), PersonKind::Administrator));
    assert_eq!((facts.src_ip, facts.country, facts.region), (Some("198.51.100.23"), Some("US"), Some(("US", "CO"))));
    assert_eq!((facts.reason, facts.mfa), (Some("invalid \"password\""), Some(false)));
    assert_eq!(facts.labels, Labels::default());
}

#[test]
fn a_binding_says_user_administrator_device_and_target() {
    let raw = r#"{"id":"2","event_type":"association_change","service":"directory","organization":"o",
        "initiated_by":{"id":"a1","type":"admin","email":"ada@example.com"},"association":{"op":"remove","connection":
        {"from":{"name":"LT-1","type":"system","object_id":"c1"},"to":{"name":"jo","type":"user","object_id":"b3"}}}}"#;
    let mut mapper = Mapper::new();
    let facts = mapper.read(raw).facts();
    assert_eq!(facts.user, Named { id: Some("b3"), name: Some("jo") });
    assert_eq!(facts.administrator.id, Some("a1"));
    assert_eq!(facts.device, Named { id: Some("c1"), name: Some("LT-1") });
    assert_eq!(facts.target, Target { kind: Some("system"), id: Some("c1"), name: Some("LT-1") });
    assert_eq!((facts.time_ms, facts.outcome), (None, Outcome::Unknown));
}

#[test]
fn a_sign_in_by_saml_says_the_application() {
    let raw = full("sso_auth", "sso", 0).to_string();
    let mut mapper = Mapper::new();
    let facts = mapper.read(&raw).facts();
    assert_eq!(facts.application, Named { id: Some("a1"), name: Some("Chat") });
    assert_eq!(facts.device, Named { id: Some("c1"), name: Some("LT-1") });
}

#[test]
fn facts_and_text_never_disagree() {
    for (number, line) in ocsf::event_types().iter().enumerate() {
        for raw in [full(line.name, line.service, number).to_string(), format!(r#"{{"event_type":"{}"}}"#, line.name)] {
            let mut mapper = Mapper::new();
            let event = mapper.read(&raw);
            let (facts, text) = (event.facts(), mapped(&raw));
            assert_eq!(text["class_uid"], facts.class_uid, "{raw}");
            assert_eq!(text["activity_id"], facts.activity_id, "{raw}");
            assert_eq!(text["activity_name"], facts.activity_name, "{raw}");
            assert_eq!(text["severity_id"], facts.severity_id, "{raw}");
            if facts.class_uid != 2004 {
                assert_eq!(text["status_id"], facts.outcome as u8, "{raw}");
            }
            assert_eq!(text["metadata"]["uid"], event.uid(&Received::at(LOGGED_MS)).to_string());
            assert_eq!(text["is_mfa"].as_bool(), facts.mfa);
            assert_eq!(text["status_detail"].as_str(), facts.reason);
        }
    }
}
