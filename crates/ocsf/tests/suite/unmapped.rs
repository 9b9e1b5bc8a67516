//! What is not mapped stays, as it came: only emptiness is left out, and no name is written twice.

use serde_json::{Value, json};

use crate::support::{LOGGED_MS, line, mapped};

#[test]
fn numbers_keep_every_digit_and_text_every_letter() {
    let raw = r#"{"event_type":"a","n":12345678901234567890.10,"t":"\u00e4\"\\/","e":1.0E+2}"#;
    let text = line(raw, &ocsf::Received::at(LOGGED_MS));
    assert!(text.contains(r#""unmapped":{"n":12345678901234567890.10,"t":"\u00e4\"\\/","e":1.0E+2}"#), "{text}");
}

#[test]
fn what_holds_nothing_is_not_written() {
    let event =
        mapped(r#"{"event_type":"a","n":null,"t":"","o":{"p":{"q":[]}},"l":[null,"",{"a":""}],"m":[0,null,false]}"#);
    assert_eq!(event["unmapped"], json!({"m": [0, false]}));
}

#[test]
fn of_a_name_that_is_there_twice_the_last_counts() {
    let raw = r#"{"event_type":"a","x":1,"x":{"y":1,"y":2,"y":null},"id":"1","id":"2"}"#;
    let text = line(raw, &ocsf::Received::at(LOGGED_MS));
    assert!(text.contains(r#""unmapped":{"x":{"y":2}}"#) && text.contains(r#""original_event_uid":"2""#), "{text}");
}

#[test]
fn a_line_end_within_an_event_does_not_end_the_line() {
    let text = line("{\n \"event_type\": \"a\",\r\n \"x\": { \"y\" :\t[ 1 , 2 ] } }\n", &ocsf::Received::at(LOGGED_MS));
    assert!(!text.contains(['\n', '\r', '\t']));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["unmapped"], json!({"x": {"y": [1, 2]}}));
}

#[test]
fn what_no_reader_of_json_would_take_is_written_as_text() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let raw = format!(r#"{{"event_type":"a","big":1e999,"deep":{deep},"half":"\ud800!"}}"#);
    let unmapped = &mapped(&raw)["unmapped"];
    assert_eq!((&unmapped["big"], &unmapped["half"]), (&"1e999".into(), &"\u{fffd}!".into()));
    let mut level = &unmapped["deep"];
    let mut levels = 1;
    while level.is_array() {
        level = &level[0];
        levels += 1;
    }
    assert!(levels < 70 && level.as_str().unwrap().starts_with("[[["), "{levels}");
}

#[test]
fn a_wrong_type_is_no_error_and_stays() {
    let raw = r#"{"event_type":"user_login_attempt","id":17,"success":"yes","mfa":"no","client_ip":"unknown","geoip":"FI",
        "initiated_by":["x"],"useragent":3,"auth_context":[1],"timestamp":{"a":1}}"#;
    let event = mapped(raw);
    assert_eq!((&event["status_id"], &event["metadata"]["original_event_uid"]), (&0.into(), &"17".into()));
    assert_eq!(
        event["unmapped"],
        json!({"success": "yes", "mfa": "no", "client_ip": "unknown", "geoip": "FI", "initiated_by": ["x"],
            "useragent": 3, "auth_context": [1], "timestamp": {"a": 1}})
    );
    assert_eq!(event["metadata"]["labels"], json!(["subject_missing", "time_substituted"]));
}

#[test]
fn an_initiator_keeps_what_the_actor_does_not_say() {
    let raw = r#"{"event_type":"user_unlocked","initiated_by":{"id":"1","type":"admin","email":"no address","username":"u",
        "name":"N","administrator":true}}"#;
    let event = mapped(raw);
    assert_eq!(event["actor"]["user"]["name"], "u");
    assert_eq!(event["unmapped"]["initiated_by"], json!({"email": "no address", "name": "N", "administrator": true}));
}
