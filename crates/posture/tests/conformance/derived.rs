//! What follows from the tables: access paths, administrators as users, local accounts, expirations, required MFA.

use posture::Mode;
use serde_json::json;

use crate::bed::{ACME, Bed, mfa_check, run};

on_both_engines!(
    every_way_to_a_thing_is_an_access_path,
    administrators_are_joined_to_users_by_link_then_by_address,
    local_accounts_know_their_user,
    everything_that_expires_is_one_list,
    required_mfa_is_worked_out_of_every_snapshot_once,
    a_derived_table_is_not_believed_when_its_source_is_short,
);

async fn every_way_to_a_thing_is_an_access_path(bed: &Bed) {
    let bind = |id: &str, from: (&str, &str), to: (&str, &str), sudo: bool| json!({ "id": id, "from_type": from.0, "from_id": from.1, "to_type": to.0, "to_id": to.1, "sudo_enabled": sudo });
    let member = |id: &str, group: &str, member: &str, kind: &str, is_direct: bool| json!({ "id": id, "group_id": group, "member_id": member, "member_type": kind, "is_direct": is_direct });
    bed.snapshot(&json!({
        "users": [{ "id": "u1", "username": "ann" }],
        "user_groups": [{ "id": "g1", "name": "Sales", "membership_method": "DYNAMIC_AUTOMATED" }],
        "device_groups": [{ "id": "dg1", "name": "Laptops" }],
        "devices": [{ "id": "d1", "hostname": "one" }, { "id": "d2", "hostname": "two" }],
        "device_local_users": [{ "id": "l1", "device_id": "d1", "username": "ann", "admin": true }],
        "associations": [
            bind("a1", ("user", "u1"), ("system", "d1"), true),
            bind("a2", ("user_group", "g1"), ("application", "app"), false),
            bind("a3", ("user_group", "g1"), ("system_group", "dg1"), false),
            bind("a4", ("user", "u1"), ("office_365", "m365"), false),
        ],
        "group_memberships": [
            member("m1", "g1", "u1", "user", false),
            member("m2", "dg1", "d2", "system", true),
        ],
    }))
    .await;
    let rows = bed
        .rows(
            "SELECT target_type, target_id, path, via_group_id, nested, dynamic, sudo, local_admin FROM access_paths
             WHERE user_id = 'u1' ORDER BY target_type, target_id, path",
        )
        .await;
    assert_eq!(
        rows,
        [
            ["application", "app", "user group Sales", "g1", "1", "1", "-", "-"],
            ["device", "d1", "direct", "-", "0", "0", "1", "1"],
            ["device", "d2", "user group Sales > device group Laptops", "g1", "1", "1", "0", "-"],
            ["directory", "m365", "direct", "-", "0", "0", "-", "-"],
        ]
    );
}

async fn administrators_are_joined_to_users_by_link_then_by_address(bed: &Bed) {
    bed.snapshot(&json!({
        "administrators": [
            { "id": "a1", "email": "Ann@acme.example" }, { "id": "a2", "email": "bob@acme.example" }, { "id": "a3", "email": "no@where.example" } ],
        "users": [
            { "id": "u1", "username": "ann", "email": "ann@acme.example" },
            { "id": "u2", "username": "bob", "email": "bob@acme.example" },
            { "id": "u3", "username": "bob2", "email": "robert@acme.example", "administrator_id": "a2" } ],
    }))
    .await;
    let rows = bed.rows("SELECT administrator_id, user_id FROM administrator_users ORDER BY 1, 2").await;
    assert_eq!(rows, [["a1", "u1"], ["a2", "u3"]]);
}

async fn local_accounts_know_their_user(bed: &Bed) {
    bed.snapshot(&json!({
        "users": [{ "id": "u1", "username": "ann", "device_username": "annl" }],
        "device_local_users": [
            { "id": "1", "device_id": "d1", "username": "annl", "managed": true, "admin": false, "suspended": false },
            { "id": "2", "device_id": "d1", "username": "root", "managed": false, "admin": true },
            { "id": "3", "device_id": "d1", "username": "daemon", "managed": false, "admin": false } ],
        "insights_users": [{ "id": "i1", "device_id": "d1", "username": "daemon", "uid": "1", "shell": "/usr/sbin/nologin" }],
    }))
    .await;
    let rows = bed.rows("SELECT id, user_id, uid, is_admin, interactive FROM local_accounts ORDER BY id").await;
    assert_eq!(
        rows,
        [["d1/annl", "u1", "-", "0", "1"], ["d1/daemon", "-", "1", "0", "0"], ["d1/root", "-", "-", "1", "-"]]
    );
}

async fn everything_that_expires_is_one_list(bed: &Bed) {
    bed.snapshot(&json!({
        "applications": [{ "id": "app", "label": "Wiki", "idp_certificate_expires_at": "2026-11-30T09:00:00Z" }],
        "apple_mdms": [{ "id": "mdm", "push_certificate_expires_at": "2026-11-10T09:00:00Z" }],
        "administrators": [{ "id": "a1", "email": "ann@acme.example" }],
    }))
    .await;
    let rows = bed.rows("SELECT kind, id, name, days_left FROM expirations ORDER BY kind").await;
    // It is 09:00 on the 20th.
    assert_eq!(rows, [["apple_push", "mdm", "Apple MDM", "-10"], ["sso_certificate", "app", "Wiki", "10"]]);
}

async fn required_mfa_is_worked_out_of_every_snapshot_once(bed: &Bed) {
    let fixture = |disabled: bool| {
        json!({
            "users": [{ "id": "u1", "username": "ann", "mfa_required": false }, { "id": "u2", "username": "bob", "mfa_required": true }],
            "authentication_policies": [{
                "id": "p1", "name": "Everyone", "disabled": disabled, "policy_type": "user_portal", "effect": "allow",
                "mfa_required": true, "users_included": ["ALL"] }],
        })
    };
    let posture = bed.posture(posture::Library::of_checks([mfa_check()]).unwrap(), "");
    let rows = async || bed.rows("SELECT id, required, policy_id FROM user_mfa_requirements ORDER BY id").await;
    bed.snapshot(&fixture(false)).await;
    for _ in 0..2 {
        run(&posture, Mode::Show, |_, _| ()).await;
        assert_eq!(rows().await, [["u1", "1", "p1"], ["u2", "1", "p1"]]);
    }
    bed.snapshot(&fixture(true)).await;
    run(&posture, Mode::Show, |_, _| ()).await;
    assert_eq!(rows().await, [["u1", "-", "-"], ["u2", "1", "-"]]);
    bed.snapshot(&json!({ "users": [{ "id": "u2", "username": "bob", "mfa_required": true }] })).await;
    run(&posture, Mode::Show, |_, _| ()).await;
    assert_eq!(rows().await, [["u2", "1", "-"]]);
    let versions = bed.store.versions(&posture::derived::USER_MFA_REQUIREMENTS, "u2", Some(ACME)).await.unwrap();
    assert_eq!(versions.len(), 2, "what does not change makes no version");
}

async fn a_derived_table_is_not_believed_when_its_source_is_short(bed: &Bed) {
    bed.snapshot(&json!({ "users": [{ "id": "u1", "username": "ann" }], "!authentication_policies": "short" })).await;
    let mut check = mfa_check();
    check.reads = vec!["users".to_owned(), "user_mfa_requirements".to_owned()];
    check.query = "SELECT u.org_id, u.id, u.username AS name, 'pass' AS outcome, 'x' AS reason FROM users u
                   LEFT JOIN user_mfa_requirements r ON r.org_id = u.org_id AND r.id = u.id"
        .to_owned();
    let result = bed.numbers(&check).await;
    assert_eq!((result.passed, result.unknown), (0, 1));
    assert!(result.reason.as_ref().unwrap().contains("authentication_policies"), "{result:?}");
}
