//! Nothing that is not known passes: whatever a check reads can be refused, short, old or missing, and the check says
//! unknown. Every check and every table that it names is tried, none by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use collect::tables::{ALL, Ask, Collected};
use jiff::{SignedDuration, Timestamp};
use posture::{Check, Library, Mode, Posture, Request, Settings};
use serde_json::{Map, Value, json};
use simulator::{Config, Effect, FaultRule};
use store::schema::{Kind, Table};
use store::{Cell, LeaseHolder, Limits, Location, Query, Store};

use crate::support::Scene;

fn library() -> Library {
    Library::load(None).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The collected tables that a name in a check's front matter stands for.
fn sources(name: &str) -> BTreeSet<&'static str> {
    if let Some(view) = posture::derived::VIEWS.iter().find(|view| view.name == name) {
        return view.reads.iter().flat_map(|name| sources(name)).collect();
    }
    if name == posture::derived::USER_MFA_REQUIREMENTS.name {
        return ["users", "authentication_policies", "group_memberships"].into();
    }
    ALL.iter().map(|collected| collected.table.name).filter(|table| *table == name).collect()
}

/// Which checks read a table.
fn readers(library: &Library) -> BTreeMap<&'static str, Vec<&Check>> {
    let mut readers: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
    for check in library.checks() {
        for table in check.reads.iter().flat_map(|name| sources(name)).collect::<BTreeSet<_>>() {
            readers.entry(table).or_default().push(check);
        }
    }
    readers
}

fn collected(table: &str) -> &'static Collected {
    ALL.iter().find(|collected| collected.table.name == table).unwrap()
}

/// The endpoints that a table is filled from, and whether they are lists.
fn endpoints(table: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for source in collected(table).sources {
        match &source.ask {
            Ask::List { endpoint, .. } | Ask::ListEach { endpoint, .. } => _ = found.insert(rule_of(endpoint), true),
            Ask::ReadEach { endpoint, .. } => _ = found.insert(rule_of(endpoint), false),
            Ask::From { table, .. } => found.extend(endpoints(table)),
        }
    }
    found
}

/// The endpoint as a rule of the simulator names it.
fn rule_of(endpoint: &jumpcloud::Endpoint) -> String {
    let parts = endpoint.path().split('/').map(|part| if part.starts_with('{') { "*" } else { part });
    format!("{} {}", endpoint.method(), parts.collect::<Vec<_>>().join("/"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_or_short_is_unknown_in_every_check_that_reads_it_and_resolves_nothing() {
    let library = library();
    let scene = Scene::new(Config::single(8, 10, 2, 2)).await;
    let key = scene.world().credentials(0).administrator;
    let scene = scene.connected_by(&key).await;
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    assert!(scene.count("SELECT COUNT(*) FROM findings").await > 50);
    let refused = Effect::status(403);
    let short = Effect::Total { total: "1000".to_owned() };
    let mut untouched = Vec::new();
    // Some tables at a time, spread over the list, so that a table and what is read by its ids are rarely spoilt together.
    const ROUNDS: usize = 6;
    let readers: Vec<(&str, Vec<&Check>)> = readers(&library).into_iter().collect();
    for round in 0..ROUNDS {
        for (effect, of_objects) in [(&refused, true), (&short, false)] {
            let mut spoilt: Vec<(&str, &Vec<&Check>)> = Vec::new();
            for (table, checks) in readers.iter().skip(round).step_by(ROUNDS) {
                let endpoints = endpoints(table);
                let rules = endpoints.iter().filter(|(_, is_list)| **is_list || of_objects);
                let added = rules.map(|(rule, _)| scene.world().faults().add(FaultRule::new(effect.clone()).on(rule)));
                if added.count() > 0 {
                    spoilt.push((table, checks));
                }
            }
            scene.run(&["sync", "--stream", "inventory"]).await;
            scene.world().faults().clear();
            let bad = "SELECT DISTINCT table_name FROM snapshot_tables
                       WHERE snapshot = (SELECT MAX(number) FROM snapshots) AND state <> 'complete'";
            let bad = scene.run(&["sql", bad, "--output", "json"]).await.json();
            let is_bad = |table: &str| bad.as_array().unwrap().iter().any(|row| row["table_name"] == table);
            let told =
                "SELECT check_id, passed, failed, not_applicable, reason FROM check_results WHERE until_run IS NULL";
            let told = scene.run(&["sql", told, "--output", "json"]).await.json();
            for (table, checks) in spoilt {
                if !is_bad(table) {
                    untouched.push(format!("{table}: {effect:?}"));
                    continue;
                }
                for check in checks {
                    let row = told.as_array().unwrap().iter().find(|row| row["check_id"] == check.id.as_str());
                    let row = row.unwrap_or_else(|| panic!("{} says nothing of {table}", check.id));
                    let counted = json!([row["passed"], row["failed"], row["not_applicable"]]);
                    assert_eq!(counted, json!([0, 0, 0]), "{table}: {effect:?}: {row}");
                    assert!(row["reason"].is_string(), "{table}: {effect:?}: {row}");
                }
            }
            let resolved = scene.count("SELECT COUNT(*) FROM findings WHERE state = 'resolved'").await;
            assert_eq!(resolved, 0, "round {round}: {effect:?}");
        }
    }
    assert!(untouched.is_empty(), "the fault did not reach {untouched:#?}");
}

/// The scene's store, opened beside the program.
pub(crate) async fn store_of(scene: &Scene) -> Store {
    open(&Location::File(scene.data_dir().join("jumpseat.db"))).await
}

async fn open(location: &Location) -> Store {
    let tables = ALL.iter().map(|collected| &collected.table).chain(posture::derived::TABLES.iter().copied());
    let store = Store::open(location, &tables.collect::<Vec<_>>()).await.unwrap();
    store.with_views(posture::derived::VIEWS)
}

/// What checks say of each thing at a time.
async fn said(
    store: &Store,
    library: &Arc<Library>,
    checks: Vec<&Check>,
    now: Timestamp,
) -> BTreeMap<(String, String), String> {
    let posture = Posture {
        store: store.clone(),
        library: Arc::clone(library),
        settings: Arc::new(Settings::default()),
        holder: LeaseHolder::this_process("a test", "here"),
        clock: Arc::new(move || now),
    };
    let (org_ids, as_of, mode) = (None, None, Mode::Show);
    let request = Request { checks, org_ids, as_of, started_by: "tester".to_owned(), mode };
    let mut said = BTreeMap::new();
    let told = posture.run(&request, |check, row, _| {
        said.insert((check.id.clone(), row.id.clone()), row.outcome.word().to_owned());
    });
    told.await.unwrap();
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_of_devices_pass_for_nobody_when_they_are_old() {
    let scene = Scene::new(Config::single(20, 60, 4, 3)).await.synced().await;
    let store = store_of(&scene).await;
    let library = Arc::new(library());
    let checks = || library.checks().filter(|check| check.parameters.contains_key("fresh_days")).collect::<Vec<_>>();
    let now = Timestamp::now();
    let passing = |said: BTreeMap<(String, String), String>| -> BTreeSet<(String, String)> {
        said.into_iter().filter(|(_, word)| word == "pass").map(|(key, _)| key).collect()
    };
    let before = passing(said(&store, &library, checks(), now).await);
    let checks_that_pass: BTreeSet<&String> = before.iter().map(|(check, _)| check).collect();
    assert!(checks_that_pass.len() > 15, "{checks_that_pass:?}");
    let after = passing(said(&store, &library, checks(), now + SignedDuration::from_hours(24 * 20)).await);
    assert!(after.is_empty(), "{after:#?}");
}

/// Fields of which "none" is an answer, so that a fail becomes a pass when they are missing: check and field, and why.
const NONE_IS_AN_ANSWER: &[(&str, &str)] = &[
    ("commands.body_secret_kinds", "worked out when the command is read: nothing was found in it"),
    ("devices.primary_user_id", "the device has no primary user"),
    ("device_groups.rule_errors", "the rule has no error"),
    ("user_groups.rule_errors", "the rule has no error"),
    ("associations.from_id", "a part of the row's identity: without it there is no row"),
    ("associations.from_type", "a part of the row's identity: without it there is no row"),
    ("associations.to_id", "a part of the row's identity: without it there is no row"),
    ("associations.to_type", "a part of the row's identity: without it there is no row"),
    ("user_ssh_keys.user_id", "written by us: the user in whose row the key stands"),
    ("scheduled_user_states.user_id", "a part of the row's identity: without it there is no row"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_missing_turns_no_fail_into_a_pass() {
    let scene = Scene::new(Config::single(30, 40, 4, 3)).await;
    let key = scene.world().credentials(0).administrator;
    let scene = scene.connected_by(&key).await;
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    let original = fixture_of(&store_of(&scene).await).await;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&Location::File(folder.path().join("jumpseat.db"))).await;
    let library = Arc::new(library());
    let now = Timestamp::now();
    let write = async |tables: &Map<String, Value>| {
        let holder = LeaseHolder::this_process("a test", "here");
        posture::fixture::write(&store, "org", &Value::Object(tables.clone()), &holder, now).await.unwrap();
    };
    write(&original).await;
    let before = said(&store, &library, library.checks().collect(), now).await;
    // The first column of every table that a check names, then the second, and so on.
    let readers = readers(&library);
    let named = |table: &str| -> Vec<&str> {
        let checks = &readers[table];
        let columns = collected(table).table.columns.iter().map(|column| column.name);
        columns.filter(|column| checks.iter().any(|check| names(&check.query, column))).collect()
    };
    let columns: BTreeMap<&str, Vec<&str>> = readers.keys().map(|table| (*table, named(table))).collect();
    let most = columns.values().map(Vec::len).max().unwrap();
    assert!(columns.values().map(Vec::len).sum::<usize>() > 200, "{columns:?}");
    let mut wrong = BTreeSet::new();
    for at in 0..most {
        let mut without = original.clone();
        for (table, columns) in &columns {
            let Some(column) = columns.get(at) else { continue };
            for row in without[*table].as_array_mut().unwrap() {
                row.as_object_mut().unwrap().remove(*column);
            }
        }
        write(&without).await;
        for ((check, id), word) in said(&store, &library, library.checks().collect(), now).await {
            let was = before.get(&(check.clone(), id.clone())).map(String::as_str);
            if was == Some("fail") && word == "pass" {
                let reads: BTreeSet<&str> =
                    library.check(&check).unwrap().reads.iter().flat_map(|name| sources(name)).collect();
                let missing =
                    reads.iter().filter_map(|table| Some(format!("{table}.{}", columns.get(table)?.get(at)?)));
                wrong.insert(format!("{check}: {}", missing.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    let known = |line: &String| NONE_IS_AN_ANSWER.iter().any(|(field, _)| line.contains(field));
    wrong.retain(|line| !known(line));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether a query names a column.
fn names(query: &str, column: &str) -> bool {
    query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').any(|word| word == column)
}

/// Everything that was collected, as rows that a fixture can hold.
async fn fixture_of(store: &Store) -> Map<String, Value> {
    let mut tables = Map::new();
    for Collected { table, .. } in ALL {
        tables.insert(table.name.to_owned(), Value::Array(rows_of(store, table).await));
    }
    tables
}

async fn rows_of(store: &Store, table: &Table) -> Vec<Value> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let sql = format!("SELECT id, {} FROM {}", columns.join(", "), table.name);
    let limits = Limits { rows: u64::MAX, ..Limits::default() };
    let answer = store.query(&Query { sql, ..Query::default() }, &limits).await.unwrap();
    let value = |kind: Kind, cell: Cell| match (kind, cell) {
        (_, Cell::Null(_) | Cell::Bytes(_)) => Value::Null,
        (Kind::Json, Cell::Text(text)) => serde_json::from_str(&text).unwrap(),
        (_, Cell::Text(text)) => json!(&*text),
        (Kind::Boolean, Cell::Integer(number)) => json!(number == 1),
        (_, Cell::Integer(number)) => json!(number),
        (_, Cell::Real(number)) => json!(number),
        (_, Cell::Boolean(flag)) => json!(flag),
    };
    let mut rows = Vec::new();
    for cells in answer.rows {
        let kinds =
            std::iter::once(("id", Kind::Text)).chain(table.columns.iter().map(|column| (column.name, column.kind)));
        let members = kinds.zip(cells).map(|((name, kind), cell)| (name.to_owned(), value(kind, cell)));
        rows.push(Value::Object(members.filter(|(_, value)| !value.is_null()).collect()));
    }
    rows
}
