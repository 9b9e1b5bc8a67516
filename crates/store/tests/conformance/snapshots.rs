//! Snapshots: invisible until committed, then whole; what changed, what is gone, what it was at any time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use store::{Error, Limits, Query};

use crate::bed::{
    Bed, CONTACTS, DEVICES, Pass, USERS, ask, begin, complete, lease_of, lines, minute, row, sync_users, user, users_at,
};

on_both_engines!(
    a_snapshot_is_invisible_before_its_commit_and_whole_after_it,
    an_undone_snapshot_leaves_nothing_and_brings_back_what_it_closed,
    what_a_killed_writer_left_is_undone_by_the_next_one,
    a_process_that_dies_in_the_middle_leaves_nothing_and_its_files_are_private,
    unchanged_rows_write_no_row_at_all,
    a_changed_row_is_a_new_version_and_a_row_that_comes_back_is_there_again,
    the_history_of_a_row_tells_every_version_and_none_that_is_not_committed,
    at_every_time_the_answer_is_the_state_of_then,
    an_id_that_comes_twice_with_the_same_content_is_one_row,
    of_an_id_that_comes_twice_with_different_content_the_later_row_counts,
    rows_that_differ_under_one_id_are_kept_apart_where_an_id_is_not_one_thing,
    a_poorer_row_never_takes_the_place_of_a_richer_one,
    a_thousand_rows_in_one_batch_arrive,
    quarantined_rows_are_kept_as_they_came_and_go_with_an_undone_snapshot,
    two_organizations_are_written_at_the_same_time,
    the_same_id_in_two_organizations_is_two_things,
    purging_removes_one_organization_and_nothing_else,
    a_snapshot_that_was_purged_while_it_was_written_can_not_be_committed,
    an_incomplete_snapshot_says_what_is_missing,
);

async fn a_snapshot_is_invisible_before_its_commit_and_whole_after_it(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "o", minute(0), &[("1", "ada"), ("2", "bob")]).await;
    let mut pass = begin(&store, "o", minute(10)).await;
    pass.put(&USERS, vec![user("1", "ada.l"), user("3", "eve")]).await.unwrap();
    pass.mark_gone(&USERS).await.unwrap();

    let before = ["o 1 ada", "o 2 bob"];
    assert_eq!(users_at(&store, None).await, before);
    assert_eq!(users_at(&store, Some(minute(60))).await, before);
    assert_eq!(store.rows_held("o").await.unwrap()["users"], 2);
    assert_eq!(lines(&ask(&store, "SELECT COUNT(*) FROM snapshots").await.unwrap()), ["1"]);
    assert_eq!(store.versions(&USERS, "3", None).await.unwrap().len(), 0);

    pass.commit().await;
    assert_eq!(users_at(&store, None).await, ["o 1 ada.l", "o 3 eve"]);
    assert_eq!(users_at(&store, Some(minute(9))).await, before);
    assert_eq!(users_at(&store, Some(minute(-1))).await, [""; 0]);
}

async fn an_undone_snapshot_leaves_nothing_and_brings_back_what_it_closed(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "o", minute(0), &[("1", "ada"), ("2", "bob")]).await;
    let everything = "SELECT CAST(row_id AS TEXT), id, CAST(until_snapshot AS TEXT) FROM v_users ORDER BY row_id";
    let before = bed.behind(everything).await;
    let mut pass = begin(&store, "o", minute(10)).await;
    pass.put(&USERS, vec![user("1", "ada.l"), user("3", "eve")]).await.unwrap();
    pass.mark_gone(&USERS).await.unwrap();
    pass.undo().await;
    assert_eq!(bed.behind(everything).await, before);
    assert_eq!(bed.count("r_users").await, 2);
    assert_eq!(bed.count("snapshot").await, 1);
    assert_eq!(users_at(&store, None).await, ["o 1 ada", "o 2 bob"]);
}

async fn what_a_killed_writer_left_is_undone_by_the_next_one(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "o", minute(0), &[("1", "ada"), ("2", "bob")]).await;
    let mut killed = begin(&store, "o", minute(10)).await;
    killed.put(&USERS, vec![user("1", "mallory"), user("9", "mallory")]).await.unwrap();
    killed.mark_gone(&USERS).await.unwrap();
    drop(killed);

    let next = begin(&store, "o", minute(12)).await;
    assert_eq!(bed.count("v_users").await, 2);
    next.commit().await;
    assert_eq!(users_at(&store, None).await, ["o 1 ada", "o 2 bob"]);
}

/// What the child process of the next promise does; on its own it does nothing.
#[tokio::test]
async fn the_process_that_dies() {
    let Ok(place) = std::env::var("JUMPSEAT_TEST_DIE_AT") else { return };
    let location = if place.starts_with("postgres") {
        store::Location::Postgres(place)
    } else {
        store::Location::File(place.into())
    };
    let store = store::Store::open(&location, crate::bed::TABLES).await.unwrap();
    sync_users(&store, "o", minute(0), &[("1", "ada")]).await;
    let mut pass = begin(&store, "o", minute(10)).await;
    pass.put(&USERS, vec![user("1", "mallory")]).await.unwrap();
    std::process::abort();
}

async fn a_process_that_dies_in_the_middle_leaves_nothing_and_its_files_are_private(bed: &Bed) {
    use std::os::unix::fs::PermissionsExt;
    let place = match &bed.location {
        store::Location::File(path) => path.display().to_string(),
        store::Location::Postgres(url) => url.clone(),
    };
    let died = std::process::Command::new("sh")
        .args(["-c", "umask 000; ulimit -c 0; exec \"$0\" --exact snapshots::the_process_that_dies"])
        .arg(std::env::current_exe().unwrap())
        .env("JUMPSEAT_TEST_DIE_AT", place)
        .output()
        .unwrap();
    assert!(!died.status.success(), "{died:?}");

    if let Some(file) = bed.file() {
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = file.parent().unwrap();
        assert_eq!(mode(folder), 0o700);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
    let store = bed.open().await;
    assert_eq!(users_at(&store, None).await, ["o 1 ada"]);
    // No time has passed since, so only its death sets its lease free.
    let next = begin(&store, "o", minute(10)).await;
    assert_eq!(bed.count("v_users").await, 1);
    next.commit().await;
    assert_eq!(users_at(&store, None).await, ["o 1 ada"]);
}

async fn unchanged_rows_write_no_row_at_all(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "o", minute(0), &[("1", "ada"), ("2", "bob"), ("3", "eve")]).await;
    let before = (bed.count("v_users").await, bed.count("r_users").await);
    let mut pass = begin(&store, "o", minute(10)).await;
    let written = pass.put(&USERS, vec![user("1", "ada"), user("2", "bob"), user("3", "eve")]).await.unwrap();
    assert_eq!((written.new, written.changed, written.unchanged), (0, 0, 3));
    assert_eq!(pass.mark_gone(&USERS).await.unwrap(), 0);
    pass.commit().await;
    assert_eq!((bed.count("v_users").await, bed.count("r_users").await), before);
}

async fn a_changed_row_is_a_new_version_and_a_row_that_comes_back_is_there_again(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "o", minute(0), &[("1", "ada")]).await;
    sync_users(&store, "o", minute(10), &[("1", "ada.l")]).await;
    sync_users(&store, "o", minute(20), &[]).await;
    sync_users(&store, "o", minute(30), &[("1", "ada.l")]).await;
    for (at, expected) in [(0, vec!["o 1 ada"]), (10, vec!["o 1 ada.l"]), (20, vec![]), (30, vec!["o 1 ada.l"])] {
        assert_eq!(users_at(&store, Some(minute(at))).await, expected, "minute {at}");
        assert_eq!(users_at(&store, Some(minute(at + 9))).await, expected, "minute {}", at + 9);
    }
    assert_eq!(bed.count("v_users").await, 3);
}

async fn the_history_of_a_row_tells_every_version_and_none_that_is_not_committed(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "o", minute(0), &[("1", "ada"), ("2", "bob")]).await;
    sync_users(&store, "o", minute(10), &[("1", "ada.l"), ("2", "bob")]).await;
    sync_users(&store, "o", minute(20), &[("2", "bob")]).await;
    let versions = store.versions(&USERS, "1", Some("o")).await.unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.from, v.until, v.raw["username"].as_str().unwrap())).collect();
    assert_eq!(told, [(minute(0), Some(minute(10)), "ada"), (minute(10), Some(minute(20)), "ada.l")]);

    let mut pass = begin(&store, "o", minute(30)).await;
    pass.put(&USERS, vec![user("1", "mallory"), user("2", "mallory")]).await.unwrap();
    assert_eq!(store.versions(&USERS, "1", None).await.unwrap().len(), 2);
    assert_eq!(store.versions(&USERS, "2", None).await.unwrap()[0].until, None);
    assert!(store.versions(&USERS, "2", Some("another")).await.unwrap().is_empty());
    pass.undo().await;
}

/// What one organization's pass does.
#[derive(Debug, Clone)]
struct Step {
    second_organization: bool,
    /// Batches of ids with what their rows hold; an id can come again in a later batch.
    batches: Vec<BTreeMap<u8, u8>>,
    complete: bool,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Committed,
    Undone,
    Killed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![4 => Just(Fate::Committed), 1 => Just(Fate::Undone), 1 => Just(Fate::Killed)];
    let batches = prop::collection::vec(prop::collection::btree_map(0..6_u8, 0..3_u8, 0..5), 0..3);
    let step = (any::<bool>(), batches, prop::bool::weighted(0.7), fate).prop_map(
        |(second_organization, batches, complete, fate)| Step { second_organization, batches, complete, fate },
    );
    prop::collection::vec(step, 1..10)
}

async fn at_every_time_the_answer_is_the_state_of_then(bed: &Bed) {
    let store = bed.open().await;
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let case = std::sync::atomic::AtomicUsize::new(0);
    runner
        .run(&steps(), |steps| {
            let case = case.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(hold(&store, case, &steps)));
            Ok(())
        })
        .unwrap();
}

/// Does the steps to the store and to a model of it, and compares the two at every time.
async fn hold(store: &store::Store, case: usize, steps: &[Step]) {
    // Two organizations with the same ids; those of other cases are in the same tables as well.
    let organizations = [format!("a{case}"), format!("b{case}")];
    let mut now: BTreeMap<(String, u8), u8> = BTreeMap::new();
    let mut past = Vec::new();
    for (at, step) in (1_i64..).zip(steps) {
        let org_id = &organizations[usize::from(step.second_organization)];
        let mut pass = begin(store, org_id, minute(10 * at)).await;
        for rows in &step.batches {
            let rows = rows.iter().map(|(id, value)| user(&id.to_string(), &value.to_string())).collect();
            pass.put(&USERS, rows).await.unwrap();
        }
        if step.complete {
            pass.mark_gone(&USERS).await.unwrap();
        }
        match step.fate {
            Fate::Committed => pass.commit().await,
            Fate::Undone => pass.undo().await,
            Fate::Killed => drop(pass),
        }
        if step.fate == Fate::Committed {
            if step.complete {
                now.retain(|(org, id), _| org != org_id || step.batches.iter().any(|rows| rows.contains_key(id)));
            }
            now.extend(step.batches.iter().flatten().map(|(id, value)| ((org_id.clone(), *id), *value)));
        }
        past.push((minute(10 * at), now.clone()));
    }
    for (at, state) in past {
        let expected: Vec<String> = state.iter().map(|((org, id), value)| format!("{org} {id} {value}")).collect();
        for as_of in [at, at + jiff::SignedDuration::from_secs(599)] {
            let sql = format!(
                "SELECT org_id, id, username FROM users WHERE org_id IN ('{}', '{}') ORDER BY org_id, id",
                organizations[0], organizations[1]
            );
            let query = Query { sql, as_of: Some(as_of), ..Default::default() };
            let answer = store.query(&query, &Limits::default()).await.unwrap();
            assert_eq!(lines(&answer), expected, "as of {as_of}: {steps:?}");
        }
    }
}

async fn held(pass: Pass) -> Vec<String> {
    let store = pass.store.clone();
    pass.commit().await;
    users_at(&store, None).await
}

async fn an_id_that_comes_twice_with_the_same_content_is_one_row(bed: &Bed) {
    let store = bed.open().await;
    let mut pass = begin(&store, "o", minute(0)).await;
    let written = pass.put(&USERS, vec![user("1", "ada"), user("1", "ada")]).await.unwrap();
    assert_eq!((written.new, written.duplicates), (1, 1));
    let again = pass.put(&USERS, vec![user("1", "ada")]).await.unwrap();
    assert_eq!((again.new, again.changed), (0, 0));
    assert_eq!(held(pass).await, ["o 1 ada"]);
}

async fn of_an_id_that_comes_twice_with_different_content_the_later_row_counts(bed: &Bed) {
    let store = bed.open().await;
    let mut pass = begin(&store, "o", minute(0)).await;
    let first = pass.put(&USERS, vec![user("1", "ada"), user("1", "ada.b")]).await.unwrap();
    let second = pass.put(&USERS, vec![user("1", "ada.c"), user("2", "bob"), user("1", "ada.d")]).await.unwrap();
    assert_eq!((first.new, first.changed, first.duplicates), (1, 0, 1));
    assert_eq!((second.new, second.changed, second.duplicates), (1, 0, 2), "an id is new once");
    assert_eq!(held(pass).await, ["o 1 ada.d", "o 2 bob"]);

    // The same over a stored version, which is met unchanged at first.
    let mut pass = begin(&store, "o", minute(10)).await;
    let same = pass.put(&USERS, vec![user("1", "ada.d"), user("2", "bob")]).await.unwrap();
    let other = pass.put(&USERS, vec![user("1", "ada.e")]).await.unwrap();
    let again = pass.put(&USERS, vec![user("1", "ada.f")]).await.unwrap();
    assert_eq!((same.unchanged, other.changed, other.new, again.changed, again.new), (2, 1, 0, 0, 0));
    assert_eq!(pass.mark_gone(&USERS).await.unwrap(), 0);
    assert_eq!(held(pass).await, ["o 1 ada.f", "o 2 bob"]);
    assert_eq!(store.versions(&USERS, "1", None).await.unwrap().len(), 2);
}

async fn rows_that_differ_under_one_id_are_kept_apart_where_an_id_is_not_one_thing(bed: &Bed) {
    let store = bed.open().await;
    let thing = |name: &str| store::NewRow { distinguish: true, ..user("1", name) };
    let mut pass = begin(&store, "o", minute(0)).await;
    let written = pass.put(&USERS, vec![thing("a"), thing("b"), thing("a"), thing("b")]).await.unwrap();
    assert_eq!((written.new, written.duplicates), (2, 2));
    pass.put(&USERS, vec![thing("c"), thing("b")]).await.unwrap();
    pass.commit().await;
    let names = "SELECT username FROM users ORDER BY username";
    assert_eq!(lines(&ask(&store, names).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(lines(&ask(&store, "SELECT COUNT(DISTINCT id) FROM users").await.unwrap()), ["3"]);

    let before = bed.count("v_users").await;
    let mut pass = begin(&store, "o", minute(10)).await;
    pass.put(&USERS, vec![thing("a"), thing("b")]).await.unwrap();
    pass.put(&USERS, vec![thing("c")]).await.unwrap();
    assert_eq!(pass.mark_gone(&USERS).await.unwrap(), 0);
    pass.commit().await;
    assert_eq!(bed.count("v_users").await, before, "the same rows again write nothing");

    // In another order, over several batches, none of them is lost.
    let mut pass = begin(&store, "o", minute(20)).await;
    for name in ["c", "b", "a"] {
        pass.put(&USERS, vec![thing(name)]).await.unwrap();
    }
    pass.mark_gone(&USERS).await.unwrap();
    pass.commit().await;
    assert_eq!(lines(&ask(&store, names).await.unwrap()), ["a", "b", "c"]);
}

async fn a_poorer_row_never_takes_the_place_of_a_richer_one(bed: &Bed) {
    let store = bed.open().await;
    let poor = || store::NewRow { keep_stored: true, ..user("1", "poor") };
    let mut pass = begin(&store, "o", minute(0)).await;
    pass.put(&USERS, vec![user("1", "rich"), poor()]).await.unwrap();
    pass.put(&USERS, vec![poor()]).await.unwrap();
    assert_eq!(held(pass).await, ["o 1 rich"]);

    let mut pass = begin(&store, "o", minute(10)).await;
    pass.put(&USERS, vec![poor()]).await.unwrap();
    assert_eq!(pass.mark_gone(&USERS).await.unwrap(), 0);
    assert_eq!(held(pass).await, ["o 1 rich"]);

    // Where nothing is stored, the poor row is better than none, and gives way to a rich one.
    let mut pass = begin(&store, "p", minute(0)).await;
    pass.put(&USERS, vec![poor(), user("1", "rich")]).await.unwrap();
    assert_eq!(held(pass).await, ["o 1 rich", "p 1 rich"]);
}

async fn a_thousand_rows_in_one_batch_arrive(bed: &Bed) {
    let store = bed.open().await;
    let mut pass = begin(&store, "o", minute(0)).await;
    let rows = |name: &str| (0..1_000).map(|id| user(&id.to_string(), name)).collect::<Vec<_>>();
    assert_eq!(pass.put(&USERS, rows("a")).await.unwrap().new, 1_000);
    pass.commit().await;
    let mut pass = begin(&store, "o", minute(10)).await;
    assert_eq!(pass.put(&USERS, rows("b")).await.unwrap().changed, 1_000);
    pass.commit().await;
    assert_eq!(
        lines(&ask(&store, "SELECT username, COUNT(*) FROM users GROUP BY username").await.unwrap()),
        ["b 1000"]
    );
}

async fn quarantined_rows_are_kept_as_they_came_and_go_with_an_undone_snapshot(bed: &Bed) {
    let store = bed.open().await;
    let mut pass = begin(&store, "o", minute(0)).await;
    pass.writer.quarantine(&USERS, 7, "it has no id", "{\"name\":\"a\0b\"}").await.unwrap();
    pass.commit().await;
    assert_eq!(
        bed.behind("SELECT org_id, table_name, reason, raw FROM quarantine").await,
        [["o", "users", "it has no id", "{\"name\":\"a\\u0000b\"}"]]
    );
    let mut pass = begin(&store, "o", minute(10)).await;
    pass.writer.quarantine(&USERS, 1, "again", "{}").await.unwrap();
    pass.undo().await;
    assert_eq!(bed.count("quarantine").await, 1);
}

async fn two_organizations_are_written_at_the_same_time(bed: &Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let write = async |store: &store::Store, org_id: &str| {
        for at in 0..4 {
            let mut pass = begin(store, org_id, minute(at)).await;
            for batch in 0..5 {
                let rows = (0..20).map(|id| user(&format!("{batch}.{id}"), &format!("{org_id}{at}"))).collect();
                pass.put(&USERS, rows).await.unwrap();
            }
            pass.mark_gone(&USERS).await.unwrap();
            pass.commit().await;
        }
    };
    tokio::join!(write(&here, "a"), write(&there, "b"), write(&there, "c"));
    let sql = "SELECT org_id, username, COUNT(*) FROM users GROUP BY org_id, username ORDER BY org_id";
    assert_eq!(lines(&ask(&here, sql).await.unwrap()), ["a a3 100", "b b3 100", "c c3 100"]);
}

async fn the_same_id_in_two_organizations_is_two_things(bed: &Bed) {
    let store = bed.open().await;
    for (org, name, active) in [("a", "ada", true), ("b", "bob", false)] {
        let mut pass = begin(&store, org, minute(0)).await;
        pass.put(&USERS, vec![user("1", name)]).await.unwrap();
        pass.put(&DEVICES, vec![row(&DEVICES, "1", &json!({ "hostname": name, "user": "1" }))]).await.unwrap();
        pass.put(&CONTACTS, vec![row(&CONTACTS, "1", &json!({ "active": active }))]).await.unwrap();
        pass.commit().await;
    }
    assert_eq!(users_at(&store, None).await, ["a 1 ada", "b 1 bob"]);
    let sql = "SELECT org_id, hostname, active FROM devices ORDER BY org_id";
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["a ada true", "b bob false"]);
    assert_eq!(store.versions(&USERS, "1", Some("b")).await.unwrap()[0].raw["username"], "bob");
    sync_users(&store, "a", minute(10), &[]).await;
    assert_eq!(users_at(&store, None).await, ["b 1 bob"]);
}

async fn purging_removes_one_organization_and_nothing_else(bed: &Bed) {
    let store = bed.open().await;
    sync_users(&store, "a", minute(0), &[("1", "ada")]).await;
    sync_users(&store, "a", minute(10), &[("1", "ada.l")]).await;
    sync_users(&store, "b", minute(0), &[("1", "bob")]).await;
    store.purge_organization("a").await.unwrap();
    assert_eq!(users_at(&store, None).await, ["b 1 bob"]);
    assert_eq!((bed.count("v_users").await, bed.count("r_users").await, bed.count("snapshot").await), (1, 1, 1));
    assert!(store.versions(&USERS, "1", Some("a")).await.unwrap().is_empty());
    sync_users(&store, "a", minute(20), &[("1", "new")]).await;
    assert_eq!(users_at(&store, None).await, ["a 1 new", "b 1 bob"]);
}

async fn a_snapshot_that_was_purged_while_it_was_written_can_not_be_committed(bed: &Bed) {
    let store = bed.open().await;
    let mut pass = begin(&store, "o", minute(0)).await;
    pass.put(&USERS, vec![user("1", "ada")]).await.unwrap();
    store.purge_organization("o").await.unwrap();
    let refused = pass.writer.commit(&[complete(&USERS)], minute(1)).await;
    assert!(matches!(refused, Err(Error::LeaseLost)), "{refused:?}");
    assert_eq!(bed.count("snapshot_table").await, 0);
}

async fn an_incomplete_snapshot_says_what_is_missing(bed: &Bed) {
    let store = bed.open().await;
    let pass = begin(&store, "o", minute(0)).await;
    let failed = store::TableRecord {
        state: store::TableState::Failed,
        reason: Some("the request failed".to_owned()),
        held: 5,
        ..complete(&DEVICES)
    };
    pass.writer.commit(&[complete(&USERS), failed], minute(0)).await.unwrap();
    assert!(!store.snapshots("o", 10).await.unwrap()[0].complete);
    let sql = "SELECT complete, reason FROM snapshots";
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["false devices: the request failed"]);
    let last = store.last_table_state("o", "devices", "").await.unwrap();
    assert_eq!(last, Some((store::TableState::Failed, 5)));
    assert!(store.lease_holder(&lease_of("o"), "atlas", minute(0)).await.unwrap().is_some());
}
