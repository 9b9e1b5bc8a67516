//! Bodies that are odd as a whole or in single rows: never "everything is gone", and never a row lost in silence.

use std::sync::{Arc, Mutex};

use collect::{SyncOptions, silent};
use serde_json::{Value, json};
use simulator::Effect;
use store::schema::Table;
use store::{Outcome, TableState};
use tokio_util::sync::CancellationToken;

use crate::canned::{Canned, canned};
use crate::support::{Scenario, record, scenario, small, text};

#[tokio::test]
async fn an_odd_body_is_an_error_of_its_table_and_never_means_that_all_are_gone() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    for (endpoint, table) in [("/api/systemusers", "users"), ("/api/v2/usergroups", "user_groups")] {
        let before = scenario.ids(table).await;
        for body in [
            r#"{"results":null}"#,
            r#"{"results":null,"totalCount":24}"#,
            r#"{"results":{},"totalCount":24}"#,
            r#"{"error":"try later"}"#,
            r#"{"message":"try later","results":"none"}"#,
            "{}",
            "\"x\"",
            "null",
            "24",
            "true",
            "NaN",
            r#"{"totalCount":1,"results":[NaN]}"#,
            r#"{"totalCount":0,"results":[]} trailing"#,
            r#"{"totalCount":0,"results":["#,
            "[] []",
            "[1,2,3]",
            r#"[["a"]]"#,
            r#"{"totalCount":2,"results":["a","b"]}"#,
            " ",
            "\u{feff}",
        ] {
            scenario.world.faults().clear();
            scenario.spoil(endpoint, text(body));
            let report = scenario.sync().await;
            let spoiled = record(&report, table);
            assert_eq!((spoiled.state, spoiled.gone), (TableState::Failed, 0), "{table}: {body}");
            assert_eq!(scenario.ids(table).await, before, "{table}: {body}");
        }
        for effect in [Effect::EmptyBody, Effect::status(204)] {
            scenario.world.faults().clear();
            scenario.spoil(endpoint, effect.clone());
            let report = scenario.sync().await;
            assert_eq!((record(&report, table).state, report.outcome), (TableState::Failed, Outcome::Incomplete));
            assert_eq!(scenario.ids(table).await, before, "{table}: {effect:?}");
        }
    }
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}

#[tokio::test]
async fn a_byte_order_mark_is_tolerated() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    scenario.spoil("/api/systemusers", text(format!("\u{feff}{}", scenario.as_list("users", &[]).await)));
    let report = scenario.sync_completely().await;
    assert_eq!(record(&report, "users").unchanged, 24);
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_keep_what_is_stored() {
    let good = br#"{"totalCount":2,"results":[{"_id":"a","username":"ann"},{"_id":"b","username":"bob"}]}"#.to_vec();
    let utf_16: Vec<u8> = b"\xff\xfe".iter().copied().chain(good.iter().flat_map(|byte| [*byte, 0])).collect();
    let mut invalid = good.clone();
    let place = invalid.windows(3).position(|bytes| bytes == b"bob").unwrap();
    invalid[place] = 0xff;
    let users = Arc::new(Mutex::new(good.clone()));
    let said = Arc::clone(&users);
    let scenario = canned(move |path, _| match path {
        "/api/organizations" => Canned::body(r#"{"totalCount":1,"results":[{"_id":"0123456789abcdef01234567"}]}"#),
        "/api/organizations/0123456789abcdef01234567" => Canned::body(r#"{"_id":"0123456789abcdef01234567"}"#),
        "/api/users/getSelf" => Canned::body("{}"),
        "/api/systemusers" => Canned::body(said.lock().unwrap().clone()),
        _ => None,
    })
    .await;
    let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
    let sync = async || {
        let cancel = CancellationToken::new();
        scenario.collector.sync_inventory(&scenario.connection, &options, silent(), &cancel).await.unwrap()
    };
    assert_eq!(sync().await.outcome, Outcome::Succeeded);
    for body in [utf_16, invalid] {
        *users.lock().unwrap() = body;
        let report = sync().await;
        let users = record(&report, "users");
        assert_eq!((users.state, users.gone, users.held), (TableState::Failed, 0, 2));
    }
    *users.lock().unwrap() = good;
    assert_eq!(record(&sync().await, "users").unchanged, 2);
}

/// What a value may turn into.
fn other_types() -> [Value; 8] {
    [
        json!(7),
        json!(-1.5),
        json!("some text"),
        json!(true),
        json!(null),
        json!({"a": {"b": 1}}),
        json!([1, "two", {"three": 3}]),
        json!([]),
    ]
}

/// Puts a value at a JSON pointer, making the objects on the way.
fn put(row: &mut Value, at: &str, value: &Value) {
    let (parents, name) = at.rsplit_once('/').unwrap();
    let mut here = row;
    for parent in parents.split('/').skip(1) {
        if !here[parent].is_object() {
            here[parent] = json!({});
        }
        here = &mut here[parent];
    }
    here[name] = value.clone();
}

/// Rows that are like `model`, each with one declared or received field of another type.
fn mistyped(table: &Table, model: &Value) -> Vec<Value> {
    let declared = table.columns.iter().map(|column| column.at.to_owned());
    let received = model.as_object().unwrap().keys().map(|name| format!("/{name}"));
    let fields: std::collections::BTreeSet<String> = declared.chain(received).collect();
    let mut rows = Vec::new();
    for field in fields.iter().filter(|field| !matches!(field.as_str(), "/_id" | "/id" | "/organization")) {
        for value in other_types() {
            let mut row = model.clone();
            put(&mut row, field, &value);
            let id = format!("{:024x}", rows.len());
            (row["_id"], row["id"]) = (json!(id), json!(id));
            rows.push(row);
        }
    }
    rows
}

#[tokio::test]
async fn every_field_of_users_and_devices_may_change_its_type_and_every_row_is_stored() {
    for (table, endpoint) in [("users", "/api/systemusers"), ("devices", "/api/systems")] {
        let mut scenario = scenario(small()).await;
        scenario.only(&["users", "user_ssh_keys", "devices", "device_contacts", "device_local_users", "ip_addresses"]);
        scenario.sync_completely().await;
        let model = serde_json::from_str(&scenario.column(&format!("SELECT raw FROM {table}")).await[0]).unwrap();
        let rows = mistyped(scenario.collector.store.table(table).unwrap(), &model);
        assert!(rows.len() > 200, "{}", rows.len());
        let mut bodies: Vec<String> = rows.iter().map(Value::to_string).collect();
        let list = format!("{{\"totalCount\":{},\"results\":[{}]}}", rows.len(), bodies.join(","));
        scenario.spoil(endpoint, text(list));
        let report = scenario.sync_as(0, true, silent(), &CancellationToken::new()).await.unwrap();
        let read = record(&report, table);
        assert_eq!((read.state, read.read), (TableState::Complete, rows.len() as u64), "{:?}", read.reason);
        assert_eq!((read.quarantined, read.held), (0, rows.len() as u64));
        assert!(read.misfits > rows.len() as u64 / 4, "{} misfits", read.misfits);
        // What was sent is there to be read, whatever its columns could make of it. Members that are removed on purpose
        // are removed from both.
        let collected = scenario.collector.tables.iter().find(|collected| collected.table.name == table).unwrap();
        bodies = rows
            .into_iter()
            .map(|mut row| {
                collected.clean(&mut row);
                row.to_string()
            })
            .collect();
        bodies.sort();
        assert_eq!(scenario.column(&format!("SELECT raw FROM {table}")).await, bodies);
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_null_in_its_column_and_kept_in_raw() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["users"]);
    let row = r#"{"_id":"a1","username":{"is":"odd"},"email":17,"activated":"perhaps","created":[1]}"#;
    scenario.spoil("/api/systemusers", text(format!("{{\"totalCount\":1,\"results\":[{row}]}}")));
    let report = scenario.sync().await;
    assert_eq!((report.outcome, record(&report, "users").misfits), (Outcome::Succeeded, 3));
    let stored = scenario.ask("SELECT username, email, activated, created_at, raw FROM users").await.remove(0);
    assert_eq!(stored[..4], ["NULL", "17", "NULL", "NULL"]);
    let (sent, kept) =
        (serde_json::from_str::<Value>(row).unwrap(), serde_json::from_str::<Value>(&stored[4]).unwrap());
    assert_eq!(sent, kept);
}

#[tokio::test]
async fn large_numbers_keep_every_digit_and_impossible_ones_are_kept_aside() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["users"]);
    let row = r#"{"_id":"n1","unix_uid":9007199254740993,"big":18446744073709551615,"minus":-0,"username":123456789012345678}"#;
    let list = |rows: &[&str]| format!("{{\"totalCount\":{},\"results\":[{}]}}", rows.len(), rows.join(","));
    let huge = r#"{"_id":"n2","unix_uid":1e400}"#;
    scenario.spoil("/api/systemusers", text(list(&[row, huge])));
    let report = scenario.sync().await;
    let users = record(&report, "users");
    assert_eq!((users.state, users.quarantined, users.held), (TableState::Failed, 1, 1));
    let stored = scenario.ask("SELECT unix_uid, username, raw FROM users").await.remove(0);
    assert_eq!(stored[..2], ["9007199254740993", "123456789012345678"]);
    assert!(stored[2].contains("18446744073709551615"), "{}", stored[2]);
}

#[tokio::test]
async fn monstrous_rows_are_stored_or_kept_aside_and_the_rest_of_the_page_is_kept() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["users"]);
    scenario.sync_completely().await;
    let elements = vec!["0"; 1_000_000].join(",");
    let members: Vec<String> = (0..100_000).map(|number| format!("\"k{number}\":1")).collect();
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let stored = [
        format!("{{\"_id\":\"odd-long\",\"displayname\":\"{}\"}}", "a".repeat(10 << 20)),
        format!("{{\"_id\":\"odd-array\",\"attributes\":[{elements}]}}"),
        format!("{{\"_id\":\"odd-members\",\"attributes\":{{{}}}}}", members.join(",")),
        r#"{"_id":"odd-nul","username":"a\u0000b"}"#.to_owned(),
    ];
    let aside = [
        format!("{{\"_id\":\"odd-nested\",\"attributes\":{nested}}}"),
        r#"{"_id":"odd-surrogate","username":"\ud800"}"#.to_owned(),
        r#"{"username":"without an id"}"#.to_owned(),
    ];
    let more = [&stored[..], &aside[..]].concat();
    scenario.spoil("/api/systemusers", text(scenario.as_list("users", &more).await));
    let report = scenario.sync().await;
    let users = record(&report, "users");
    assert_eq!((users.state, users.quarantined, users.gone, users.unchanged), (TableState::Failed, 3, 0, 24));
    assert!(users.reason.as_deref().unwrap().contains("3 of 31 rows could not be read"), "{users:?}");
    let ids = scenario.ids("users").await;
    assert_eq!(ids.len(), 28);
    for id in ["odd-long", "odd-array", "odd-members", "odd-nul"] {
        assert!(ids.iter().any(|stored| stored == id), "{id}");
    }
    let lengths = scenario.ask("SELECT LENGTH(display_name) FROM users WHERE id = 'odd-long'").await;
    assert_eq!(lengths, [["10485760"]]);
    // And they leave like any other row.
    scenario.world.faults().clear();
    assert_eq!(record(&scenario.sync_completely().await, "users").gone, 4);
}

#[tokio::test]
async fn an_id_that_no_path_can_hold_ends_nothing_but_what_is_asked_by_it() {
    let scenario = scenario(small()).await;
    scenario.sync_completely().await;
    let odd = [
        r#"{"id":"../../users","name":"odd"}"#.to_owned(),
        format!("{{\"id\":\"{}\",\"name\":\"long\"}}", "9".repeat(3_000)),
        r#"{"id":"a\u0000b","name":"nul"}"#.to_owned(),
    ];
    let mut groups = scenario.column("SELECT raw FROM user_groups").await;
    groups.extend(odd);
    scenario.spoil("/api/v2/usergroups", text(format!("[{}]", groups.join(","))));
    let report = scenario.sync().await;
    assert_eq!(record(&report, "user_groups").state, TableState::Complete);
    let ids = scenario.ids("user_groups").await;
    assert_eq!(ids.len(), groups.len());
    assert!(ids.iter().all(|id| id.len() <= 400 && !id.contains('\0')), "{ids:?}");
    let members = report.tables.iter().find(|part| part.table == "group_members" && part.part == "user_group").unwrap();
    assert_eq!((members.state, members.gone), (TableState::Failed, 0));
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}
