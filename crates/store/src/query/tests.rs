//! How a query is prepared, and what SQLite plans for it.

use sqlx::ConnectOptions as _;

use super::answer::ENGINE_MEMORY;
use super::*;
use crate::Location;
use crate::db::sqlite_options;
use crate::schema::Joined;

static USERS: Table = Table {
    name: "users",
    about: "",
    asset: Some("user"),
    label: "username",
    columns: &[text("username", "/username", ""), text("manager_id", "/manager", "")],
    joined: &[],
};
static DEVICES: Table = Table {
    name: "devices",
    about: "",
    asset: Some("device"),
    label: "hostname",
    columns: &[text("hostname", "/hostname", ""), text("user_id", "/user", "").linking()],
    joined: &[Joined { table: "contacts", by: "id", columns: &["seen_at"] }],
};
static CONTACTS: Table = Table {
    name: "contacts",
    about: "",
    asset: None,
    label: "id",
    columns: &[time("seen_at", "/seen", "")],
    joined: &[],
};
const TABLES: &[&Table] = &[&USERS, &DEVICES, &CONTACTS];

#[tokio::test]
async fn a_small_limit_of_one_query_leaves_nobody_else_short_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jumpseat.db");
    let store = Store::open(&Location::File(file.clone()), TABLES).await.unwrap();
    let query = Query { sql: "SELECT COUNT(*) FROM users".to_owned(), ..Query::default() };
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    store.query(&query, &limits).await.unwrap();
    let mut other = sqlite_options(&file).connect().await.unwrap();
    let limit: i64 = sqlx::query_scalar("PRAGMA hard_heap_limit").fetch_one(&mut other).await.unwrap();
    assert_eq!(limit.unsigned_abs(), ENGINE_MEMORY);
}

fn empty_view() -> View {
    let (home, now) = ("main.".to_owned(), "2026-11-20T00:00:00.000Z".to_owned());
    View { postgres: false, home, org_ids: None, snapshots: vec![], is_early: false, now }
}

fn prepared(sql: &str, view: &View) -> String {
    prepare(sql, &BTreeMap::new(), Known { tables: TABLES, views: &[] }, view).unwrap().sql
}

/// SQLite's plan for a query over one organization and over three, a step a line.
async fn plans(sql: &str) -> [String; 2] {
    plans_of(sql, false).await
}

async fn plans_of(sql: &str, is_early: bool) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("jumpseat.db"));
    let store = Store::open(&location, TABLES).await.unwrap();
    // Columns are indexed where there is a snapshot.
    let sql_of_a_snapshot = "INSERT INTO snapshot (number, org_id, connection_id, run_id, started_at, committed_at)
                                 VALUES (1, 'o0', 'c', 1, '2026-11-20', '2026-11-20')";
    store.db.execute(sql_of_a_snapshot, vec![]).await.unwrap();
    store.close().await;
    Store::open(&location, TABLES).await.unwrap().close().await;
    // Opened again, since what the planner is told counts from the next opening on.
    let store = Store::open(&location, TABLES).await.unwrap();
    let mut plans = [String::new(), String::new()];
    for (plan, organizations) in plans.iter_mut().zip([1, 3]) {
        let snapshots = (0..organizations).map(|at| (format!("o{at}"), 500 + at)).collect();
        let view = View { snapshots, is_early, ..empty_view() };
        let sql = format!("EXPLAIN QUERY PLAN {}", prepared(sql, &view));
        let steps = store.db.fetch(&sql, vec![]).await.unwrap();
        *plan = steps.iter().map(|step| step.text(3) + "\n").collect();
    }
    plans
}

#[tokio::test]
async fn a_row_is_looked_up_by_its_id() {
    for plan in plans("SELECT * FROM users WHERE id = 'x'").await {
        assert!(plan.contains("v_users_by_version (org_id=? AND id=?"), "{plan}");
    }
}

#[tokio::test]
async fn counting_and_filtering_read_only_the_versions_that_hold() {
    for plan in plans("SELECT COUNT(*) FROM users").await {
        assert!(plan.contains("COVERING INDEX v_users_by_snapshot (org_id=? AND until_snapshot>?)"), "{plan}");
    }
    for plan in plans("SELECT username FROM users WHERE username LIKE 'a%'").await {
        assert!(plan.contains("v_users_by_snapshot (org_id=? AND until_snapshot>?)"), "{plan}");
    }
}

#[tokio::test]
async fn a_join_by_id_looks_rows_up_by_id() {
    for kind in ["JOIN", "LEFT JOIN"] {
        for condition in ["u.org_id = d.org_id AND u.id = d.user_id", "u.id = d.user_id"] {
            let sql = format!("SELECT d.hostname, u.username FROM devices d {kind} users u ON {condition}");
            for plan in plans(&sql).await {
                let by_id = plan.contains("v_users_by_version (org_id=? AND id=?");
                // Or the other way round, where the engine may choose.
                let by_column = kind == "JOIN" && plan.contains("v_devices_on_user_id (user_id=?");
                assert!(by_id || by_column, "{sql}\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn a_join_by_another_column_does_not_read_a_table_again_for_every_row() {
    let sql = "SELECT d.id FROM devices d LEFT JOIN users u ON u.manager_id = d.user_id WHERE u.id IS NULL";
    for plan in plans(sql).await {
        assert!(plan.contains("AUTOMATIC"), "{plan}");
    }
}

#[tokio::test]
async fn rows_that_nothing_refers_to_are_found_by_the_index_alone() {
    let sql = "SELECT u.id FROM users u LEFT JOIN devices d ON d.user_id = u.id WHERE d.id IS NULL";
    for plan in plans(sql).await {
        assert!(plan.contains("COVERING INDEX v_devices_on_user_id (user_id=? AND until_snapshot>?)"), "{plan}");
    }
}

#[tokio::test]
async fn whether_there_is_a_row_with_an_indexed_value_is_answered_by_the_index_alone() {
    for condition in ["d.user_id = u.id", "d.org_id = u.org_id AND d.user_id = u.id"] {
        let sql = format!("SELECT id FROM users u WHERE NOT EXISTS (SELECT 1 FROM devices d WHERE {condition})");
        for plan in plans(&sql).await {
            assert!(plan.contains("COVERING INDEX v_devices_on_user_id (user_id=?"), "{sql}\n{plan}");
        }
    }
}

#[tokio::test]
async fn an_asset_is_found_by_its_name() {
    for plan in plans("SELECT id FROM devices WHERE id = 'atlas' OR hostname = 'atlas'").await {
        assert!(plan.contains("v_devices_on_hostname (hostname=?") && plan.contains("by_version"), "{plan}");
    }
}

#[tokio::test]
async fn the_first_of_many_snapshots_are_read_by_what_had_begun() {
    for sql in ["SELECT username FROM users WHERE username LIKE 'a%'", "SELECT hostname FROM devices"] {
        for plan in plans_of(sql, true).await {
            assert!(plan.contains("_by_start (org_id=? AND from_snapshot<?)"), "{sql}\n{plan}");
        }
    }
    let sql = "SELECT d.hostname, u.username FROM devices d JOIN users u ON u.org_id = d.org_id AND u.id = d.user_id";
    for plan in plans_of(sql, true).await {
        assert!(plan.contains("v_users_by_version (org_id=? AND id=?"), "{plan}");
    }
}

#[tokio::test]
async fn columns_of_a_sister_table_are_looked_up_by_id() {
    for plan in plans("SELECT hostname, seen_at FROM devices WHERE seen_at < '2026'").await {
        assert!(plan.contains("v_contacts_by_version (org_id=? AND id=?"), "{plan}");
    }
}

#[tokio::test]
async fn columns_of_a_sister_table_are_looked_up_once_a_row_however_often_they_are_named() {
    for sql in [
        "SELECT hostname, seen_at, CASE WHEN seen_at IS NULL THEN 'never' WHEN seen_at < '2026' THEN 'long ago' END FROM devices",
        "WITH d AS (SELECT d.id, d.seen_at FROM devices d) SELECT id, seen_at, seen_at < '2026' FROM d",
        "SELECT d.seen_at, d.seen_at < '2026', d.seen_at IS NULL FROM devices d LEFT JOIN users u ON u.id = d.user_id",
    ] {
        for plan in plans(sql).await {
            assert_eq!(plan.matches("v_contacts_by_version (org_id=? AND id=?").count(), 1, "{sql}\n{plan}");
        }
    }
}

#[tokio::test]
async fn a_device_that_may_not_be_there_is_found_by_an_index_with_the_columns_of_its_sister_table() {
    let sql = "SELECT u.id, d.seen_at FROM users u LEFT JOIN devices d ON d.org_id = u.org_id AND d.user_id = u.id
                   WHERE d.seen_at IS NULL OR d.seen_at < '2026'";
    for plan in plans(sql).await {
        assert!(plan.contains("v_devices_on_user_id (user_id=?"), "{plan}");
    }
}

#[tokio::test]
async fn what_a_query_does_not_name_is_not_read() {
    for plan in plans("SELECT hostname FROM devices ORDER BY hostname").await {
        assert!(!plan.contains(" r ") && !plan.contains("contacts"), "{plan}");
    }
}

#[tokio::test]
async fn a_condition_on_the_time_of_events_alone_is_decided_on_the_ledger() {
    for (condition, added) in [
        ("time >= '2026-11-20T10:30:00Z'", "events.hour >= SUBSTR('2026-11-20T10:30:00Z', 1, 13)"),
        ("'2026-11-20' > time", "events.hour <= SUBSTR('2026-11-20', 1, 13) || ':00:00.000Z'"),
        ("events.time BETWEEN '2026-11-19' AND date('now')", "events.hour <= SUBSTR(date('now'), 1, 13)"),
        ("outcome = 'failure' AND (time = '2026-11-20' OR uid = 'x')", "events.hour >= SUBSTR('2026-11-20', 1, 13)"),
    ] {
        let sql = format!("SELECT uid FROM events WHERE {condition}");
        let prepared = prepared(&sql, &empty_view());
        assert!(prepared.contains(added), "{prepared}");
    }
}

#[tokio::test]
async fn what_a_condition_says_about_the_hour_is_added_only_where_it_is_surely_true() {
    let view = empty_view();
    for sql in [
        "SELECT uid FROM events WHERE time > 5",
        "SELECT uid FROM events WHERE NOT time > '2026'",
        "SELECT e.uid FROM events e, logins l WHERE time > '2026'",
        "SELECT uid FROM events e (a, time) WHERE time > '2026'",
        "SELECT uid FROM events e JOIN (SELECT '2026' AS time) d USING (time) WHERE time > '2026'",
        "SELECT username FROM users WHERE username > '2026'",
        "SELECT time > '2026' FROM events",
    ] {
        assert!(!prepared(sql, &view).contains("SUBSTR"), "{sql}");
    }
}
