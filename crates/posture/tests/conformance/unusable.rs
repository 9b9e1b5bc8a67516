//! A query that can not be relied on makes its check unknown, and the others go on.

use posture::Library;
use serde_json::json;

use crate::bed::{Bed, mfa_check, run, users_check};

on_both_engines!(
    what_a_query_must_not_do_makes_its_check_unknown_and_the_others_go_on,
    one_organizations_bad_rows_do_not_spoil_another,
    a_parameter_is_a_value_and_never_sql,
    a_finding_of_a_check_that_broke_stays_as_it_is,
    a_finding_whose_check_is_gone_is_no_longer_seen,
);

async fn what_a_query_must_not_do_makes_its_check_unknown_and_the_others_go_on(bed: &Bed) {
    bed.snapshot(&json!({ "users": [{ "id": "u1", "username": "ann", "mfa_configured": false }, { "id": "u2", "username": "bob", "mfa_configured": true }] })).await;
    let select = |outcome: &str, reason: &str, from: &str| {
        format!("SELECT org_id, id, username AS name, {outcome} AS outcome, {reason} AS reason FROM {from}")
    };
    let cases = [
        ("wrong-word", select("'passed'", "'x'", "users"), "passed"),
        ("null-outcome", select("CAST(NULL AS TEXT)", "'x'", "users"), "NULL"),
        ("null-reason", select("'fail'", "CAST(NULL AS TEXT)", "users"), "reason"),
        ("twice", format!("{0} UNION ALL {0}", select("'pass'", "'x'", "users")), "more than once"),
        ("no-such-column", select("'pass'", "nothing", "users"), "nothing"),
        ("no-such-table", select("'pass'", "'x'", "userz"), "did you mean users?"),
        (
            "not-named",
            "SELECT org_id, id, hostname AS name, 'pass' AS outcome, 'x' AS reason FROM devices".to_owned(),
            "reads devices",
        ),
        ("other-columns", "SELECT id, org_id FROM users".to_owned(), "columns"),
        ("no-parameter", select("'pass'", ":nobody", "users"), ":nobody"),
        ("changes", "DELETE FROM users".to_owned(), "SELECT"),
        (
            "no-organization",
            "SELECT CAST(NULL AS TEXT) AS org_id, id, username AS name, 'pass' AS outcome, 'x' AS reason FROM users"
                .to_owned(),
            "org_id",
        ),
        (
            "not-asked",
            "SELECT 'other' AS org_id, id, username AS name, 'pass' AS outcome, 'x' AS reason FROM users".to_owned(),
            "not asked",
        ),
        (
            "bad-severity",
            "SELECT org_id, id, username AS name, 'fail' AS outcome, 'x' AS reason, 'awful' AS severity FROM users"
                .to_owned(),
            "awful",
        ),
    ];
    let mut checks: Vec<_> = cases.iter().map(|(id, sql, _)| users_check(id, "", sql)).collect();
    checks.push(mfa_check());
    let reports = bed.record(&checks).await;
    for (id, _, words) in cases {
        let result = &reports[0].results[id];
        let reason = result.reason.as_deref().unwrap_or_else(|| panic!("{id} is believed: {result:?}"));
        assert!(reason.contains(words), "{id}: {reason}");
        assert_eq!((result.passed, result.failed), (0, 0), "{id}");
    }
    assert_eq!(bed.rows("SELECT check_id FROM findings").await, [["mfa"]]);
}

async fn one_organizations_bad_rows_do_not_spoil_another(bed: &Bed) {
    let user = |id: &str, name: &str| json!({ "users": [{ "id": id, "username": name }] });
    bed.snapshot_of("org-a", &user("u1", "fail")).await;
    bed.snapshot_of("org-b", &user("u1", "nonsense")).await;
    let check =
        users_check("name", "", "SELECT org_id, id, username AS name, username AS outcome, 'x' AS reason FROM users");
    let reports = bed.record(&[check]).await;
    assert_eq!((reports[0].results["name"].failed, &reports[0].results["name"].reason), (1, &None));
    assert!(reports[1].results["name"].reason.as_ref().unwrap().contains("nonsense"));
    assert_eq!(bed.rows("SELECT org_id FROM findings").await, [["org-a"]]);
}

async fn a_parameter_is_a_value_and_never_sql(bed: &Bed) {
    bed.snapshot(&json!({ "users": [{ "id": "u1", "username": "x' OR '1'='1" }, { "id": "u2", "username": "b\\" }] }))
        .await;
    let check = users_check(
        "named",
        "parameters:\n  name: \"\"\n  names: []\n",
        "SELECT org_id, id, username AS name, CASE WHEN username = :name OR username IN (:names) THEN 'fail' ELSE 'pass' END AS outcome,
           CAST(:names_count AS TEXT) || ' names' AS reason FROM users",
    );
    let failed = async |settings: &str| {
        let posture = bed.posture(Library::of_checks([check.clone()]).unwrap(), settings);
        let reports = run(&posture, posture::Mode::Show, |_, _| ()).await;
        let result = &reports[0].results["named"];
        assert_eq!(result.reason, None);
        result.failed
    };
    assert_eq!(failed("").await, 0);
    assert_eq!(failed("[parameters.named]\nname = \"' OR 1 = 1 --\"\n").await, 0);
    assert_eq!(failed("[parameters.named]\nname = \"x' OR '1'='1\"\n").await, 1);
    assert_eq!(failed("[parameters.named]\nnames = [\"x' OR '1'='1\", 'b\\']\n").await, 2);
}

async fn a_finding_of_a_check_that_broke_stays_as_it_is(bed: &Bed) {
    let fixture = json!({ "users": [{ "id": "u1", "username": "ann", "mfa_configured": false }] });
    bed.snapshot(&fixture).await;
    bed.record(&[mfa_check()]).await;
    for _ in 0..3 {
        bed.snapshot(&fixture).await;
        let mut broken = mfa_check();
        broken.query = "SELECT nothing FROM users".to_owned();
        bed.record(&[broken]).await;
    }
    assert_eq!(bed.rows("SELECT state, outcome FROM findings").await, [["open", "unknown"]]);
}

async fn a_finding_whose_check_is_gone_is_no_longer_seen(bed: &Bed) {
    let fixture = json!({ "users": [{ "id": "u1", "username": "ann", "mfa_configured": false }] });
    bed.snapshot(&fixture).await;
    bed.record(&[mfa_check()]).await;
    let seen = bed.rows("SELECT last_seen_at FROM findings").await;
    for _ in 0..2 {
        bed.snapshot(&fixture).await;
        bed.record(&[]).await;
    }
    assert_eq!(bed.rows("SELECT last_seen_at FROM findings WHERE state = 'open' AND outcome = 'unknown'").await, seen);
    assert_eq!(bed.rows("SELECT COUNT(*) FROM check_results WHERE until_run IS NULL").await, [["0"]]);
    bed.record(&[mfa_check()]).await;
    assert_eq!(bed.rows("SELECT state, outcome, reopened FROM findings").await, [["open", "fail", "0"]]);
}
