//! Whatever comes in, one line of valid OCSF comes out.

use ocsf::{Class, Mapper, Received};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{LOGGED_MS, full};

/// What holds for every OCSF event of ours, as far as this can be said without the schema; `checker` says the rest.
fn assert_valid(raw: &str) {
    let mut out = Vec::new();
    Mapper::new().read(raw).write_ocsf(&Received::at(LOGGED_MS), &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains('\n'), "{text}");
    let event: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("no {name}: {text}"));
    let class = Class::ALL.iter().find(|class| u64::from(class.uid) == number("class_uid")).unwrap();
    assert_eq!(event["class_name"], class.name);
    assert_eq!(number("type_uid"), number("class_uid") * 100 + number("activity_id"));
    assert!(number("severity_id") <= 5 && number("time") > 0 && event["message"].is_string());
    match class.activity(u8::try_from(number("activity_id")).unwrap()) {
        Some("Other") => assert_ne!(event["activity_name"], "Other"),
        caption => assert_eq!(event["activity_name"].as_str(), caption),
    }
    assert_eq!(event["raw_data"].as_str().unwrap_or_default(), raw);
    assert_eq!(event["raw_data_size"], raw.len());
    assert_no_emptiness(&event, &text);
    let mut mapper = Mapper::new();
    let facts = mapper.read(raw).facts();
    assert_eq!(u64::from(facts.class_uid), number("class_uid"));
}

fn assert_no_emptiness(value: &Value, text: &str) {
    match value {
        Value::Object(members) => {
            assert!(!members.is_empty(), "{text}");
            members.values().for_each(|member| assert_no_emptiness(member, text));
        }
        Value::Array(elements) => {
            assert!(!elements.is_empty(), "{text}");
            elements.iter().for_each(|element| assert_no_emptiness(element, text));
        }
        Value::String(letters) => assert!(!letters.is_empty(), "{text}"),
        Value::Null => panic!("null in {text}"),
        _ => {}
    }
}

/// Any JSON, with words that mean something more often than chance would have it.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("user".to_owned()),
        Just("system".to_owned()),
        Just("true".to_owned()),
        Just("Other".to_owned()),
        Just("1.5".to_owned()),
        Just("::1".to_owned()),
        Just("a@b.c".to_owned()),
        Just("{\"type\":\"totp\"}".to_owned()),
        Just("2026-01-01T00:00:00Z".to_owned()),
        Just("1969-01-01".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        word.prop_map(Value::String),
    ];
    let key = prop_oneof![
        Just("id".to_owned()),
        Just("type".to_owned()),
        Just("name".to_owned()),
        Just("email".to_owned()),
        Just("field".to_owned()),
        Just("to".to_owned()),
        Just("success".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An event of a known type of which some values, at any depth, are replaced by anything or taken away.
pub(crate) fn mutated_event() -> impl Strategy<Value = Value> {
    let types = ocsf::event_types();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(any_json())), 0..8);
    (0..types.len(), any::<bool>(), changes).prop_map(move |(number, odd, changes)| {
        let line = &types[number];
        let mut event = full(line.name, line.service, 2 * number + usize::from(odd));
        for (place, new) in changes {
            let mut paths = Vec::new();
            paths_of(&event, String::new(), &mut paths);
            paths.retain(|path| path != "/event_type");
            if paths.is_empty() {
                break;
            }
            replace(&mut event, &paths[place.index(paths.len())], new);
        }
        event
    })
}

fn paths_of(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            paths_of(member, format!("{path}/{name}"), paths);
        }),
        Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(place, element)| paths_of(element, format!("{path}/{place}"), paths));
        }
        _ => {}
    }
    if !path.is_empty() {
        paths.push(path);
    }
}

fn replace(event: &mut Value, path: &str, new: Option<Value>) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match (event.pointer_mut(parent), new) {
        (Some(Value::Object(members)), None) => {
            members.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        (_, new) => {
            if let Some(place) = event.pointer_mut(path) {
                *place = new.unwrap_or(Value::Null);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_becomes_valid_ocsf(raw in any::<String>()) {
        assert_valid(&raw);
    }

    #[test]
    fn any_json_becomes_valid_ocsf(value in any_json()) {
        assert_valid(&value.to_string());
    }

    #[test]
    fn any_object_of_any_type_of_event_becomes_valid_ocsf(
        members in prop::collection::vec((any::<String>(), any_json()), 0..5), kind in any_json(),
    ) {
        let mut members: Map<String, Value> = members.into_iter().collect();
        members.insert("event_type".to_owned(), kind);
        assert_valid(&Value::Object(members).to_string());
    }

    #[test]
    fn any_event_with_anything_in_its_fields_becomes_valid_ocsf(event in mutated_event()) {
        assert_valid(&event.to_string());
    }

    #[test]
    fn an_event_that_is_cut_anywhere_becomes_valid_ocsf(event in mutated_event(), at in any::<prop::sample::Index>()) {
        let text = event.to_string();
        let mut at = at.index(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        assert_valid(&text[..at]);
    }
}

#[test]
fn what_is_not_an_event_becomes_a_base_event_with_its_text() {
    for raw in [
        "",
        " ",
        "null",
        "[]",
        "17",
        "\"text\"",
        "{",
        "{}",
        "{\"event_type\":null}",
        "{\"event_type\":{}}",
        "\u{feff}{}",
    ] {
        assert_valid(raw);
        assert!(!Mapper::new().read(raw).is_event(), "{raw}");
        assert_eq!(Mapper::new().read(raw).facts().class_uid, 0);
    }
}
