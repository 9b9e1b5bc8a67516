//! What holds for every check that comes with the program, whatever it is about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use posture::{Check, Library, Mode};
use serde_json::{Map, Value, json};
use store::LeaseHolder;
use store::events::{EventPage, EventRow, Hour, SealOutcome};
use store::findings::CheckOutcome;

use crate::bed::{ACME, Bed, run};

on_both_engines!(
    every_check_runs_and_reads_what_it_says,
    whatever_a_check_reads_makes_it_unknown_when_it_is_not_complete,
    nothing_passes_for_a_device_that_was_not_heard_of_for_long,
    nobody_is_dormant_by_hours_whose_events_were_removed,
);

/// Tables that are of the store, not of a snapshot.
const NOT_COLLECTED: &[&str] = &[
    "snapshots",
    "snapshot_tables",
    "runs",
    "connections",
    "events",
    "logins",
    "activity",
    "last_sign_ins",
    "windows",
    "event_counts",
    "event_types",
    "events_unmapped",
    "findings",
    "finding_history",
    "check_results",
    "posture_runs",
    "evidence_packs",
];

pub(crate) fn library() -> Library {
    Library::load(None).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// One row in every table, with nothing but what identifies it.
pub(crate) fn one_of_everything(bed: &Bed) -> Map<String, Value> {
    let is_derived = |name: &str| posture::derived::TABLES.iter().any(|table| table.name == name);
    let tables = bed.store.tables().iter().filter(|table| !is_derived(table.name));
    // Groups of users and of devices are one population somewhere, so that their ids differ.
    let id = |name: &str| if name == "device_groups" { "x2" } else { "x1" };
    tables.map(|table| (table.name.to_owned(), json!([{ "id": id(table.name) }]))).collect()
}

async fn every_check_runs_and_reads_what_it_says(bed: &Bed) {
    bed.snapshot(&Value::Object(one_of_everything(bed))).await;
    let posture = bed.posture(library(), "");
    let reports = run(&posture, Mode::Record, |_, _| ()).await;
    let mut wrong = Vec::new();
    for check in posture.library.checks() {
        let result = &reports[0].results[&check.id];
        let is_of_events = check.reads.iter().any(|table| NOT_COLLECTED.contains(&table.as_str()));
        if let Some(reason) =
            result.reason.as_ref().filter(|reason| !is_of_events || !reason.contains("events were never"))
        {
            wrong.push(format!("{}: {reason}", check.id));
        }
        let query =
            store::Query { sql: check.query.clone(), parameters: all_parameters(check), ..store::Query::default() };
        match bed.store.tables_read(&query).await {
            Err(error) => wrong.push(format!("{}: {error}", check.id)),
            Ok(read) => {
                let named: BTreeSet<String> = check.reads.iter().cloned().collect();
                if !read.is_subset(&named) {
                    wrong.push(format!("{} reads {read:?} and names {named:?}", check.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every name that a query can use, with some value.
fn all_parameters(check: &Check) -> BTreeMap<String, store::Parameter> {
    let mut all = BTreeMap::from([("now".to_owned(), store::Parameter::from("2026-11-20T00:00:00.000Z"))]);
    for (name, value) in &check.parameters {
        for ending in ["_ago", "_ahead"] {
            all.insert(format!("{name}{ending}"), store::Parameter::from("2026-11-20T00:00:00.000Z"));
        }
        all.insert(format!("{name}_count"), store::Parameter::from(0));
        all.insert(name.clone(), value.clone());
    }
    all
}

/// The collected tables that a name stands for, by way of views and derived tables.
pub(crate) fn sources(name: &str) -> Vec<String> {
    if let Some(view) = posture::derived::VIEWS.iter().find(|view| view.name == name) {
        return view.reads.iter().flat_map(|name| sources(name)).collect();
    }
    match name {
        "user_mfa_requirements" => {
            ["users", "authentication_policies", "group_memberships"].map(str::to_owned).to_vec()
        }
        _ if NOT_COLLECTED.contains(&name) => Vec::new(),
        _ => vec![name.to_owned()],
    }
}

async fn whatever_a_check_reads_makes_it_unknown_when_it_is_not_complete(bed: &Bed) {
    let library = library();
    let mut readers: BTreeMap<String, Vec<Check>> = BTreeMap::new();
    for check in library.checks() {
        for table in check.reads.iter().flat_map(|name| sources(name)).collect::<BTreeSet<_>>() {
            readers.entry(table).or_default().push(check.clone());
        }
    }
    assert!(!readers.is_empty());
    for (number, (table, checks)) in readers.into_iter().enumerate() {
        let state = ["not_permitted", "short", "failed", "not_licensed", "shrunken"][number % 5];
        let mut fixture = one_of_everything(bed);
        fixture.insert(format!("!{table}"), json!(state));
        bed.snapshot(&Value::Object(fixture)).await;
        let ids: Vec<String> = checks.iter().map(|check| check.id.clone()).collect();
        let posture = bed.posture(Library::of_checks(checks).unwrap(), "");
        let reports = run(&posture, Mode::Show, |check, row| {
            assert_eq!(row.outcome, CheckOutcome::Unknown, "{} says so although {table} is {state}", check.id);
        })
        .await;
        for id in ids {
            let result = &reports[0].results[&id];
            assert!(result.reason.is_some(), "{id} is believed although {table} is {state}");
            assert_eq!((result.passed, result.failed, result.not_applicable), (0, 0, 0), "{id}");
        }
    }
}

async fn nothing_passes_for_a_device_that_was_not_heard_of_for_long(bed: &Bed) {
    let mut fixture = one_of_everything(bed);
    fixture.insert("devices".to_owned(), json!([{
        "id": "x1", "hostname": "atlas", "os_family": "darwin", "os": "Mac OS X", "desktop": true, "last_contact": "2026-01-01T00:00:00Z",
        "disk_encrypted": true, "recovery_key_escrowed": true, "agent_full_disk_access": true, "ssh_root_login_allowed": false,
        "ssh_password_allowed": false, "os_major": 26, "os_minor": 1, "os_patch": 0, "agent_version": "3.0.0" }]));
    fixture.remove("device_contacts");
    bed.snapshot(&Value::Object(fixture)).await;
    let checks =
        library().checks().filter(|check| check.parameters.contains_key("fresh_days")).cloned().collect::<Vec<_>>();
    assert!(!checks.is_empty());
    let posture = bed.posture(Library::of_checks(checks).unwrap(), "");
    let mut passed = Vec::new();
    run(&posture, Mode::Show, |check, row| {
        if row.outcome == CheckOutcome::Pass && row.id.starts_with("x1") {
            passed.push(format!("{}: {}", check.id, row.reason));
        }
    })
    .await;
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}

async fn nobody_is_dormant_by_hours_whose_events_were_removed(bed: &Bed) {
    let (now, hours) = (bed.now(), |hours: i64| SignedDuration::from_hours(hours));
    let lease =
        bed.store.take_lease("events", "the test", &LeaseHolder::this_process("a test", "here"), now).await.unwrap();
    let mut writer = bed.store.event_writer(ACME, &lease, now).await.unwrap();
    for back in 1..=60_u8 {
        let window = Hour::of(now - hours(back.into()));
        let raw = format!(r#"{{"id":"{back:024x}"}}"#);
        let mut row = EventRow::bare([back; 16], &raw);
        row.time_ms = Some(window.start().as_millisecond());
        let page = EventPage { window, rows: &[row], position: None, is_last: true, mapping: 1 };
        writer.write_page(&page, now).await.unwrap();
        assert!(matches!(writer.seal(window, 1, None, now).await.unwrap(), SealOutcome::Sealed(_)));
    }
    let old = "2026-01-01T00:00:00Z";
    bed.snapshot(&json!({
        "organizations": [{ "id": ACME }],
        "users": [{ "id": "u1", "username": "mara", "activated": true, "suspended": false, "state": "ACTIVATED", "created_at": old }],
        "administrators": [{ "id": "a1", "email": "root@acme.example", "suspended": false, "created_at": old }],
    }))
    .await;
    let settings = "[parameters.user-dormant]\ndormant_days = 2\n[parameters.admin-dormant]\ndormant_days = 2\n";
    let outcomes = async || {
        let checks = library().checks().filter(|check| check.id.ends_with("-dormant")).cloned().collect::<Vec<_>>();
        let posture = bed.posture(Library::of_checks(checks).unwrap(), settings);
        let reports = run(&posture, Mode::Show, |_, _| ()).await;
        let results = &reports[0].results;
        assert_eq!(results.len(), 2, "{results:?}");
        results.values().map(|result| (result.failed, result.unknown)).collect::<Vec<_>>()
    };
    assert_eq!(outcomes().await, [(1, 0), (1, 0)], "nobody signed in, and that is proven");
    writer.remove_before(now - hours(20), now, || true).await.unwrap();
    assert_eq!(outcomes().await, [(0, 1), (0, 1)]);
}
