//! A node is its text's `Value` in every respect: what is read, written, removed and refused.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};
use store::schema::Reader;

use super::*;
use crate::rows::{Read, read_node, read_row};
use crate::tables::{ALL, Collected, secrets};

/// The plain way: serde_json's own tree.
fn plainly(collected: &Collected, reader: &Reader, text: &str, parent: Option<(&str, &str)>) -> Result<Read, String> {
    let mut row = serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?;
    if let (Some((name, id)), Value::Object(members)) = (parent, &mut row) {
        members.insert(name.to_owned(), json!(id));
    }
    Ok(read_row(collected, reader, "part", row))
}

fn by_node(collected: &Collected, reader: &Reader, text: &str, parent: Option<(&str, &str)>) -> Option<Read> {
    let mut row = Node::parse(text, &mut Order::default()).ok()?;
    if let Some((name, id)) = parent {
        row.insert(name, Node::Text(Cow::Owned(id.to_owned())));
    }
    Some(read_node(collected, reader, "part", row, text.len()))
}

fn assert_same(text: &str) {
    for collected in ALL {
        let reader = Reader::new(collected.table.columns);
        for parent in [None, Some(("group_id", "p\"\n1"))] {
            let name = collected.table.name;
            match (plainly(collected, &reader, text, parent), by_node(collected, &reader, text, parent)) {
                (Ok(Read::Row(expected, misfits)), Some(Read::Row(row, found))) => {
                    assert_eq!(row.raw, expected.raw, "{name}: {text}");
                    assert_eq!(
                        (&row.id, row.content, found),
                        (&expected.id, expected.content, misfits),
                        "{name}: {text}"
                    );
                    assert_eq!(row.cells, expected.cells, "{name}: {text}");
                    assert_eq!((row.part, row.distinguish), (expected.part, expected.distinguish), "{name}");
                }
                (Ok(Read::Nameless(expected)), Some(Read::Nameless(row))) => {
                    assert_eq!(row, expected, "{name}: {text}")
                }
                // Refused by both; by the node alone only what serde_json reads in a way of its own.
                (Err(_), None) => {}
                (Ok(_), None) if text.contains(PRIVATE_NAME) => {}
                (expected, found) => panic!("{name}: {text}: {} {}", expected.is_ok(), found.is_some()),
            }
        }
    }
}

#[test]
fn odd_spellings_are_read_as_serde_json_reads_them() {
    let deep = |depth: usize| format!("{{\"id\":\"a\",\"x\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let mut texts: Vec<String> = [
        r#"{"id":"a","b":1,"a":{"z":1,"y":2,"z":3},"b":2,"b":{"c":[]}}"#,
        r#"{"id":"\u00e9\/\ud83d\ude00\u0000\"\\","na\u006de":"\n\u001f\u007f","name":"é"}"#,
        r#"{"id":"a","x":"\ud800"}"#,
        r#"{"id":1.0,"x":[1e5,-0,-0.0,0.1,1E-7,9007199254740993,18446744073709551615,18446744073709551616,-9223372036854775808,-9223372036854775809,123456789012345678901234567890]}"#,
        r#"{"id":"a","x":1E400}"#,
        r#" { "id" : "" , "_id" : true , "x" : [ ] , "y" : { } , "" : null } "#,
        r#"{"id":"a"} x"#,
        r#"{"id":"a","x":01}"#,
        r#"{"id":"a",}"#,
        "{\"id\":\"a\tb\"}",
        r#"{"$serde_json::private::RawValue":"[1]"}"#,
        r#"{"id":"a","x":{"$serde_json::private::Number":"1"}}"#,
        r#"{"id":"a","password":"S","params":[{"name":"adminPassword","value":"S"},{"name":"x","value":"1"}]}"#,
        r#"{"id":"a","deep":{"radius":{"reply":[{"name":"Class","value":"S"},1]}},"l":["-----BEGIN PRIVATE\u0020KEY-----S"]}"#,
        r#"{"id":"a","note":"-----BEGIN RSA PRIVATE KEY-----S","token":"1","totpSecret":{"a":1}}"#,
        r#"{"_id":"a","public_key":"","ssh_keys":[{"public_key":"ssh-ed25519 AAAA","name":"\u00e9"},3],"fingerprint":"mine"}"#,
        r#"{"_id":"a","public_key":[],"ssh_keys":{}}"#,
        r#"{"system_id":"a","collection_time":"2026-11-20T05:40:12.331Z","last_login":"17","install_time":"x","key":"AAAA","not_valid_after":"1893456000"}"#,
        r#"{"group_id":"g","to":{"id":"g","type":"user"},"from":{"id":"d","type":"system"},"user":"u","application":"a"}"#,
        r#"{"group_id":"g","id":"u","type":"user","paths":[[{"to":{"id":"u"}}],[{"to":{"id":"g"}},{"to":{"id":"u"}}]]}"#,
        r#"[1]"#,
        r#""text""#,
        "",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([deep(126), deep(127), deep(128), deep(200)]);
    texts.iter().for_each(|text| assert_same(text));
    let parsed = |depth| Node::parse(&deep(depth), &mut Order::default()).is_ok();
    assert!(parsed(126) && !parsed(127));
}

/// A text between quotes: letters as they are, and as escapes.
fn quoted() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        6 => "[a-zA-Z0-9_ ./:-]".boxed(),
        1 => "[é😀\u{7f}]".boxed(),
        1 => prop::sample::select(vec![r"\n", r"\/", r#"\""#, r"\\", r"\u0000", r"\u0061", r"\u00E9", r"\ud83d\ude00", r"\ud800"])
            .prop_map(str::to_owned)
            .boxed(),
    ];
    prop::collection::vec(letter, 0..6).prop_map(|letters| format!("\"{}\"", letters.concat()))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => quoted(),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(|number| format!("{number:e}")),
        2 => prop::sample::select(vec![
            "null", "true", "false", "0", "-0", "1", "-1", "1.0", "1e5", "1E400", "9007199254740993", "18446744073709551615",
            "18446744073709551616", "\"\"", "\"1\"", "\"true\"", "\"2026-11-20T06:31:05Z\"", "\"-----BEGIN PRIVATE KEY-----S\"",
            r#""PRIVATE\u0020KEY-----S""#, "\"adminPassword\"", "\"1893456000\"",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Names that the declarations and the rules of secrets know, in their usual spelling and with an escape, and others.
fn name() -> impl Strategy<Value = String> {
    let mut known: Vec<String> =
        ["_id", "id", "reply", "apiKey", "client_secret", "password", "public_key", "ssh_keys", "paths"]
            .into_iter()
            .chain([
                "name",
                "value",
                "to",
                "from",
                "type",
                "group_id",
                "system_id",
                "fingerprint",
                r"n\u0061me",
                r"\u005fid",
            ])
            .map(|name| format!("\"{name}\""))
            .collect();
    for column in ALL.iter().flat_map(|collected| collected.table.columns) {
        known.extend(column.at.split('/').skip(1).map(|name| format!("\"{name}\"")));
    }
    prop_oneof![6 => prop::sample::select(known), 1 => quoted()]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (prop::collection::vec((name(), value), 0..12), "[ \n]?").prop_map(|(members, space)| {
        let mut text = String::from("{");
        for (at, (name, value)) in members.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(text, "{comma}{space}{name}{space}:{value}{space}").unwrap();
        }
        text + "}"
    })
}

fn any_object() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(4, 40, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(",")));
        prop_oneof![list, object(inner)]
    });
    object(value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_object_gives_the_same_row_both_ways(text in any_object()) {
        assert_same(&text);
    }

    #[test]
    fn a_secret_is_seen_if_and_only_if_one_would_be_removed(text in any_object()) {
        if let (Ok(node), Ok(value)) = (Node::parse(&text, &mut Order::default()), serde_json::from_str::<Value>(&text)) {
            let mut cleaned = value.clone();
            secrets(&mut cleaned);
            prop_assert_eq!(crate::tables::holds_secret(&node), cleaned != value);
            prop_assert_eq!(node.to_value(), value.clone());
            prop_assert_eq!(Node::from(value).to_text(0), node.to_text(0));
        }
    }
}

proptest! {
    #[test]
    fn rows_of_one_list_are_sorted_alike_whatever_the_rows_before_them_had(
        rows in prop::collection::vec(prop::collection::vec((prop::sample::select(vec!["a", "ab", "b", "b\\u0000", "", "abcdefghi", "abcdefghj"]), 0..9), 0..6), 1..6),
    ) {
        let mut order = Order::default();
        for row in rows {
            let members: Vec<String> = row.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let text = format!("{{{}}}", members.join(","));
            let node = Node::parse(&text, &mut order).unwrap();
            prop_assert_eq!(node.to_value(), serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(node.to_text(0), serde_json::from_str::<Value>(&text).unwrap().to_string());
        }
    }
}
