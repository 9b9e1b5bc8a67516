//! The life of a finding over snapshots: opened, seen, resolved, reopened, accepted.

use jiff::SignedDuration;
use serde_json::{Value, json};
use store::findings::{Acceptance, AcceptanceKind, Assignment};

use crate::bed::{Bed, mfa_check, users_check};

on_both_engines!(
    a_finding_is_opened_seen_resolved_and_reopened,
    one_bad_read_resolves_nothing_and_opens_nothing_again,
    unknown_neither_opens_nor_resolves,
    a_finding_that_stays_as_it_is_costs_no_row,
    an_acceptance_ends_at_its_time,
    an_acceptance_needs_a_rationale_and_acts_are_all_or_nothing,
    a_rule_accepts_findings_and_lets_go_of_them,
    a_persons_word_stands_above_rules,
    the_same_snapshot_twice_is_no_confirmation,
    severity_rises_as_coverage_falls,
    two_organizations_have_their_own_lives_and_parameters,
);

fn ann(mfa: &Value) -> Value {
    json!({ "users": [{ "id": "u1", "username": "ann", "mfa_configured": mfa }, { "id": "u2", "username": "bob", "mfa_configured": true }] })
}

async fn step(bed: &Bed, fixture: &Value) {
    bed.snapshot(fixture).await;
    bed.record(&[mfa_check()]).await;
}

async fn state(bed: &Bed) -> Vec<String> {
    let rows = bed.rows("SELECT state, outcome, reopened FROM findings WHERE resource_id = 'u1'").await;
    rows.into_iter().next().unwrap_or_default()
}

async fn actions(bed: &Bed) -> Vec<String> {
    let rows = bed.rows("SELECT action FROM finding_history ORDER BY at, action").await;
    rows.into_iter().flatten().collect()
}

async fn a_finding_is_opened_seen_resolved_and_reopened(bed: &Bed) {
    step(bed, &ann(&json!(false))).await;
    assert_eq!(state(bed).await, ["open", "fail", "0"]);
    let opened = bed.rows("SELECT opened_at, last_seen_at FROM findings").await;
    step(bed, &ann(&json!(false))).await;
    let seen = bed.rows("SELECT opened_at, last_seen_at FROM findings").await;
    assert_eq!(opened[0][0], seen[0][0]);
    assert!(opened[0][1] < seen[0][1], "{opened:?} {seen:?}");
    step(bed, &ann(&json!(true))).await;
    assert_eq!(state(bed).await, ["open", "pass", "0"]);
    assert_eq!(bed.rows("SELECT last_seen_at FROM findings").await[0][0], seen[0][1]);
    step(bed, &ann(&json!(true))).await;
    assert_eq!(state(bed).await, ["resolved", "pass", "0"]);
    step(bed, &ann(&json!(false))).await;
    assert_eq!(state(bed).await, ["open", "fail", "1"]);
    assert_eq!(actions(bed).await, ["opened", "resolved", "reopened"]);
    let runs = bed.rows("SELECT opened, resolved, reopened FROM posture_runs ORDER BY number").await;
    assert_eq!(runs, [["1", "0", "0"], ["0", "0", "0"], ["0", "0", "0"], ["0", "1", "0"], ["0", "0", "1"]]);
}

async fn one_bad_read_resolves_nothing_and_opens_nothing_again(bed: &Bed) {
    let gone = json!({ "users": [{ "id": "u2", "username": "bob", "mfa_configured": true }] });
    for _ in 0..3 {
        step(bed, &ann(&json!(false))).await;
        step(bed, &gone).await;
        assert_eq!(state(bed).await, ["open", "gone", "0"]);
        step(bed, &ann(&json!(false))).await;
        step(bed, &ann(&json!(true))).await;
    }
    step(bed, &ann(&json!(false))).await;
    assert_eq!(actions(bed).await, ["opened"]);
    step(bed, &gone).await;
    step(bed, &gone).await;
    assert_eq!(state(bed).await, ["resolved", "gone", "0"]);
}

async fn unknown_neither_opens_nor_resolves(bed: &Bed) {
    step(bed, &ann(&Value::Null)).await;
    assert_eq!(state(bed).await, Vec::<String>::new());
    step(bed, &ann(&json!(false))).await;
    step(bed, &ann(&Value::Null)).await;
    step(bed, &ann(&Value::Null)).await;
    assert_eq!(state(bed).await, ["open", "unknown", "0"]);
    // A table that could not be read is the same, also when its rows are still there and look well.
    let mut refused = ann(&json!(true));
    refused["!users"] = json!("not_permitted");
    step(bed, &refused).await;
    step(bed, &refused).await;
    assert_eq!(state(bed).await, ["open", "unknown", "0"]);
    step(bed, &ann(&json!(false))).await;
    assert_eq!(state(bed).await, ["open", "fail", "0"]);
    assert_eq!(actions(bed).await, ["opened"]);
}

async fn a_finding_that_stays_as_it_is_costs_no_row(bed: &Bed) {
    for _ in 0..4 {
        step(bed, &ann(&json!(false))).await;
    }
    assert_eq!(bed.rows("SELECT COUNT(*) FROM finding_history").await, [["1"]]);
    assert_eq!(bed.rows("SELECT passed, failed, until_run FROM check_results").await, [["1", "1", "-"]]);
    assert_eq!(bed.rows("SELECT COUNT(*) FROM posture_runs").await, [["4"]]);
}

fn acceptance(why: &str, until: Option<jiff::Timestamp>) -> Acceptance {
    let (why, by) = (why.to_owned(), "ann".to_owned());
    Acceptance { kind: AcceptanceKind::CompensatingControl, why, by, until, rule: None }
}

async fn an_acceptance_ends_at_its_time(bed: &Bed) {
    step(bed, &ann(&json!(false))).await;
    let until = bed.now() + SignedDuration::from_hours(24);
    bed.store.accept_findings(&[1], &acceptance("a kiosk", Some(until)), bed.now()).await.unwrap();
    assert_eq!(state(bed).await[0], "accepted");
    step(bed, &ann(&json!(false))).await;
    assert_eq!(state(bed).await[0], "accepted");
    // At its time, without any run.
    bed.pass_hours(24);
    assert_eq!(state(bed).await[0], "open");
    step(bed, &ann(&json!(false))).await;
    assert_eq!(state(bed).await[0], "open");
    assert_eq!(actions(bed).await, ["accepted", "opened", "acceptance_expired"]);
}

async fn an_acceptance_needs_a_rationale_and_acts_are_all_or_nothing(bed: &Bed) {
    let fixture = json!({ "users": [
        { "id": "u1", "username": "ann", "mfa_configured": false }, { "id": "u2", "username": "bob", "mfa_configured": false } ] });
    step(bed, &fixture).await;
    let now = bed.now();
    assert!(bed.store.accept_findings(&[1], &acceptance("  ", None), now).await.is_err());
    assert!(bed.store.accept_findings(&[1, 99], &acceptance("both", None), now).await.is_err());
    assert_eq!(state(bed).await[0], "open");
    bed.store.accept_findings(&[1, 2], &acceptance("both", None), now).await.unwrap();
    assert_eq!(
        bed.rows("SELECT DISTINCT state, accepted_by, accepted_why FROM findings").await,
        [["accepted", "ann", "both"]]
    );
    let assignment = Assignment { owner: Some("bob".to_owned()), due: Some("2026-12-01".to_owned()) };
    bed.store.assign_findings(&[2], &assignment, "ann", now).await.unwrap();
    assert_eq!(bed.rows("SELECT owner, due_at FROM findings WHERE number = 2").await, [["bob", "2026-12-01"]]);
    bed.store.reopen_findings(&[2], "cid", None, now).await.unwrap();
    assert!(bed.store.reopen_findings(&[2], "cid", None, now).await.is_err());
    let actors =
        bed.rows("SELECT actor FROM finding_history WHERE finding = 2 AND action = 'acceptance_withdrawn'").await;
    assert_eq!(actors, [["cid"]]);
}

const RULE: &str =
    "[[mute]]\ncheck = \"m*\"\nresource = \"AN*\"\nkind = \"false_positive\"\nwhy = \"a robot\"\nby = \"it\"\n";

async fn a_rule_accepts_findings_and_lets_go_of_them(bed: &Bed) {
    bed.snapshot(&ann(&json!(false))).await;
    bed.record_with(&[mfa_check()], RULE).await;
    assert_eq!(
        bed.rows("SELECT state, accepted_why, accepted_by FROM findings").await,
        [["accepted", "a robot", "it"]]
    );
    bed.record_with(&[mfa_check()], RULE).await;
    assert!(bed.store.reopen_findings(&[1], "ann", None, bed.now()).await.is_err(), "the rule would accept it again");
    bed.record_with(&[mfa_check()], "").await;
    assert_eq!(state(bed).await[0], "open");
    assert_eq!(actions(bed).await, ["acceptance_withdrawn", "accepted", "opened"]);
    let over = format!("{RULE}until = \"2026-01-01\"\n");
    bed.record_with(&[mfa_check()], &over).await;
    assert_eq!(state(bed).await[0], "open");
}

async fn a_persons_word_stands_above_rules(bed: &Bed) {
    step(bed, &ann(&json!(false))).await;
    bed.store.accept_findings(&[1], &acceptance("a kiosk", None), bed.now()).await.unwrap();
    bed.record_with(&[mfa_check()], RULE).await;
    assert_eq!(bed.rows("SELECT accepted_why FROM findings").await, [["a kiosk"]]);
    bed.record_with(&[mfa_check()], "").await;
    assert_eq!(bed.rows("SELECT accepted_why FROM findings").await, [["a kiosk"]]);
}

async fn the_same_snapshot_twice_is_no_confirmation(bed: &Bed) {
    step(bed, &ann(&json!(false))).await;
    step(bed, &ann(&json!(true))).await;
    bed.record(&[mfa_check()]).await;
    bed.record(&[mfa_check()]).await;
    assert_eq!(state(bed).await, ["open", "pass", "0"]);
}

async fn severity_rises_as_coverage_falls(bed: &Bed) {
    let mut check = mfa_check();
    check.coverage_severity = true;
    bed.snapshot(&ann(&json!(false))).await;
    bed.record(&[check.clone()]).await;
    // Half of them pass.
    assert_eq!(bed.rows("SELECT severity FROM findings").await, [["high"]]);
    let mut fixture = ann(&json!(false));
    for number in 3..40 {
        let user = json!({ "id": format!("u{number}"), "username": format!("user{number}"), "mfa_configured": true });
        fixture["users"].as_array_mut().unwrap().push(user);
    }
    bed.snapshot(&fixture).await;
    bed.record(&[check]).await;
    assert_eq!(bed.rows("SELECT severity FROM findings").await, [["medium"]]);
    assert_eq!(bed.rows("SELECT COUNT(*) FROM finding_history").await, [["1"]]);
}

async fn two_organizations_have_their_own_lives_and_parameters(bed: &Bed) {
    let check = users_check(
        "age",
        "parameters:\n  max: 30\n",
        "SELECT org_id, id, username AS name, CASE WHEN unix_uid > :max THEN 'fail' ELSE 'pass' END AS outcome,
           'uid ' || CAST(unix_uid AS TEXT) || ', limit ' || CAST(:max AS TEXT) AS reason FROM users",
    );
    let fixture = json!({ "users": [{ "id": "u1", "username": "ann", "unix_uid": 40 }] });
    bed.snapshot_of("org-a", &fixture).await;
    bed.snapshot_of("org-b", &fixture).await;
    bed.record_with(&[check], "[connection.org-b.age]\nmax = 50\n").await;
    assert_eq!(bed.rows("SELECT org_id, reason FROM findings").await, [["org-a", "uid 40, limit 30"]]);
    let results = bed.rows("SELECT org_id, passed, failed, parameters FROM check_results ORDER BY org_id").await;
    assert_eq!(results, [["org-a", "0", "1", "{\"max\":30}"], ["org-b", "1", "0", "{\"max\":50}"]]);
    bed.store.purge_organization("org-a").await.unwrap();
    assert_eq!(bed.rows("SELECT COUNT(*) FROM findings").await, [["0"]]);
    assert_eq!(bed.rows("SELECT org_id FROM check_results").await, [["org-b"]]);
}
