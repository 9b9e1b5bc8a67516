//! The reader against serde_json: it accepts the same texts and finds the same values.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json, json};

use super::{Kind, Tape, Text, Value, Writer, escape};

fn written(raw: &str) -> Option<String> {
    let mut tape = Tape::default();
    let value = tape.read(raw).ok()?;
    let mut out = Vec::new();
    Writer { out: &mut out }.value(value);
    out.pop_if(|last| *last == b',');
    Some(String::from_utf8(out).unwrap())
}

/// The value without what is empty.
fn cleaned(value: Json) -> Option<Json> {
    match value {
        Json::Null => None,
        Json::String(text) => (!text.is_empty()).then_some(Json::String(text)),
        Json::Array(elements) => {
            let kept: Vec<Json> = elements.into_iter().filter_map(cleaned).collect();
            (!kept.is_empty()).then_some(Json::Array(kept))
        }
        Json::Object(members) => {
            let kept: Map<String, Json> =
                members.into_iter().filter_map(|(name, member)| Some((name, cleaned(member)?))).collect();
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        other => Some(other),
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        any::<i32>().prop_map(|number| json!(f64::from(number) / 8.0)),
        any::<String>().prop_map(Json::String),
        "[a-z\"\\\\\u{1}\n]{0,20}".prop_map(Json::String),
    ];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::Array),
            prop::collection::vec(("[a-c\u{e4}\"]{0,9}", inner), 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_accepts_what_serde_json_accepts(text in "([\\[\\]{}:,\" ]|\"a\"|\\\\u[dD][89aAcC]00|\\\\[nu\"x]|true|null|-?[01][.eE+-]{0,2}[0-9]{0,2}|\u{e4}|\t){0,12}") {
        let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(Tape::default().read(&text).is_ok(), expected, "{}", text);
    }

    #[test]
    fn it_writes_the_value_that_it_read_without_what_is_empty(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let out = written(&text).unwrap();
        let got = (!out.is_empty()).then(|| serde_json::from_str::<Json>(&out).unwrap());
        prop_assert_eq!(got, cleaned(value));
        prop_assert!(!out.contains('\n'));
    }

    #[test]
    fn escaping_makes_a_string_of_any_text(text in any::<String>(), more in "[\u{0}-\u{20}\"\\\\a]{0,40}") {
        let text = text + &more;
        let mut out = b"x".to_vec();
        escape(&mut out, &text);
        let quoted = format!("\"{}\"", std::str::from_utf8(&out[1..]).unwrap());
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
    }
}

#[test]
fn escapes_are_decoded_and_a_lone_surrogate_is_replaced() {
    let mut tape = Tape::default();
    let value = tape.read(r#"{"\u0061b":"\ud83d\ude00\n\/","c":"\udc00x\ud800\u0041"}"#).unwrap();
    let text = |name| value.get(name).and_then(Value::string).map(|text: Text<'_>| text.text.to_owned());
    assert_eq!(text("ab").unwrap(), "\u{1f600}\n/");
    assert_eq!(text("c").unwrap(), "\u{fffd}x\u{fffd}A");
}

#[test]
fn an_object_with_thousands_of_names_is_read_once_and_its_last_names_count() {
    let mut raw = "{".to_owned();
    for number in 0..50_000 {
        let _ = write!(raw, "\"k{}\":{number},", number % 20_000);
    }
    raw.push_str("\"end\":1}");
    let out: Json = serde_json::from_str(&written(&raw).unwrap()).unwrap();
    assert_eq!(out.as_object().unwrap().len(), 20_001);
    assert_eq!((&out["k0"], &out["k19999"]), (&json!(40_000), &json!(39_999)));
}

#[test]
fn nesting_costs_no_stack() {
    let raw = "[".repeat(1_000_000);
    assert!(Tape::default().read(&raw).is_err());
    let raw = format!("{raw}1{}", "]".repeat(1_000_000));
    assert_eq!(Tape::default().read(&raw).unwrap().kind(), Kind::Array);
}
