//! What single checks say of rows that the simulator does not make.

use std::collections::BTreeMap;

use posture::{Library, Mode};
use secrecy::SecretString;
use serde_json::{Value, json};
use store::{Connection, MasterKey, Place};

use crate::bed::{ACME, Bed, run};
use crate::shipped::library;

on_both_engines!(
    a_change_of_which_is_not_told_to_what_is_no_pass,
    a_group_with_an_address_outside_of_the_company_fails,
    a_key_that_is_known_to_never_expire_passes_and_one_of_which_nothing_is_told_does_not,
    a_renamed_connection_keeps_its_findings,
);

/// What a shipped check says of each thing: outcome and reason.
async fn said(bed: &Bed, check: &str, settings: &str) -> BTreeMap<String, (String, String)> {
    let library = library();
    let posture = bed.posture(Library::of_checks([library.check(check).unwrap().clone()]).unwrap(), settings);
    let mut said = BTreeMap::new();
    run(&posture, Mode::RecordAndShow, |_, row| {
        said.insert(row.id.clone(), (row.outcome.word().to_owned(), row.reason.clone()));
    })
    .await;
    said
}

async fn a_change_of_which_is_not_told_to_what_is_no_pass(bed: &Bed) {
    let user = |id: &str| json!({ "id": id, "username": id, "suspended": false, "state": "ACTIVATED" });
    let plan = |id: &str, state: Value, at: &str| json!({ "id": format!("p/{id}"), "user_id": id, "state": state, "scheduled_at": at });
    let (past, later) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    bed.snapshot(&json!({
        "users": [user("due"), user("later"), user("untold"), user("back"), user("nothing")],
        "scheduled_user_states": [
            plan("due", json!("SUSPENDED"), past), plan("later", json!("SUSPENDED"), later), plan("untold", Value::Null, past),
            plan("back", json!("ACTIVATED"), past)],
    }))
    .await;
    let said = said(bed, "user-scheduled-suspension-overdue", "").await;
    let outcome = |id: &str| said[id].0.as_str();
    assert_eq!(["due", "later", "untold", "back", "nothing"].map(outcome), ["fail", "pass", "unknown", "pass", "pass"]);
    assert!(said["untold"].1.contains("did not tell to which state"), "{said:?}");
}

async fn a_group_with_an_address_outside_of_the_company_fails(bed: &Bed) {
    bed.snapshot(&json!({
        "user_groups": [{ "id": "g1", "name": "Sales", "email": "sales@Acme.example" }, { "id": "g2", "name": "Old", "email": "old@mail.example" },
            { "id": "g3", "name": "None", "email": "" }],
        "device_groups": [{ "id": "d1", "name": "Labs", "email": "labs@acme.example.evil.example" }, { "id": "d2", "name": "Bare" }],
    }))
    .await;
    let check = "group-email-domain-unexpected";
    let said_of = |said: BTreeMap<String, (String, String)>| -> Vec<(String, String)> {
        said.into_iter().map(|(id, (outcome, _))| (id, outcome)).collect()
    };
    let pairs = |pairs: [(&str, &str); 5]| pairs.map(|(id, outcome)| (id.to_owned(), outcome.to_owned())).to_vec();
    let set = "[parameters]\ngroup-email-domain-unexpected.allowed_domains = [\"acme.example\"]\n";
    assert_eq!(
        said_of(said(bed, check, set).await),
        pairs([("d1", "fail"), ("d2", "not_applicable"), ("g1", "pass"), ("g2", "fail"), ("g3", "not_applicable")])
    );
    assert_eq!(
        said_of(said(bed, check, "").await),
        pairs([
            ("d1", "unknown"),
            ("d2", "not_applicable"),
            ("g1", "unknown"),
            ("g2", "unknown"),
            ("g3", "not_applicable")
        ])
    );
}

/// A connection to the organization, as if it had been added two weeks ago.
async fn connection(bed: &Bed, made: Option<&str>, expires: Option<&str>) -> Connection {
    let folder = tempfile::tempdir().unwrap();
    let master = MasterKey::find(&folder.path().join("master.key"), |_| None).unwrap();
    let connection = Connection {
        id: uuid::Uuid::now_v7().to_string(),
        name: "Acme".to_owned(),
        description: None,
        place: Place {
            region: None,
            console_url: "http://127.0.0.1:1".to_owned(),
            insights_url: "http://127.0.0.1:1".to_owned(),
        },
        org_id: Some(ACME.to_owned()),
        org_name: None,
        owner_name: None,
        owner_email: None,
        collector: None,
        enabled: true,
        credential_kind: "api_key".to_owned(),
        credential_last_four: "abcd".to_owned(),
        credential_client_id: None,
        credential_added_at: "2026-11-06T08:00:00Z".parse().unwrap(),
        credential_created_at: made.map(|at| at.parse().unwrap()),
        credential_expires_at: expires.map(|at| at.parse().unwrap()),
        created_at: "2026-11-06T08:00:00Z".parse().unwrap(),
    };
    let secret = SecretString::from("secret".to_owned());
    bed.store.add_connection(&connection, &secret, &master, &[]).await.unwrap();
    connection
}

async fn a_key_that_is_known_to_never_expire_passes_and_one_of_which_nothing_is_told_does_not(bed: &Bed) {
    bed.snapshot(&json!({})).await;
    let mut connection = connection(bed, None, None).await;
    let mut outcomes = Vec::new();
    let (made, soon, far) = (Some("2026-11-01T00:00:00Z"), Some("2026-11-24T00:00:00Z"), Some("2027-11-01T00:00:00Z"));
    for (made, expires) in [(None, None), (made, None), (made, soon), (made, far), (None, soon)] {
        connection.credential_created_at = made.map(|at| at.parse().unwrap());
        connection.credential_expires_at = expires.map(|at| at.parse().unwrap());
        bed.store.update_connection(&connection, bed.now()).await.unwrap();
        let said = said(bed, "connection-key-expiring", "").await;
        outcomes.push(said[&connection.id].0.clone());
    }
    assert_eq!(outcomes, ["unknown", "pass", "fail", "pass", "fail"]);
}

async fn a_renamed_connection_keeps_its_findings(bed: &Bed) {
    bed.snapshot(&json!({})).await;
    let mut connection = connection(bed, None, Some("2026-11-24T00:00:00Z")).await;
    said(bed, "connection-key-expiring", "").await;
    let found = bed.rows("SELECT number, resource_id, name FROM findings").await;
    assert_eq!(found, [["1", connection.id.as_str(), "Acme"]]);
    connection.name = "Acme Ltd".to_owned();
    bed.store.update_connection(&connection, bed.now()).await.unwrap();
    for _ in 0..2 {
        bed.snapshot(&json!({})).await;
        said(bed, "connection-key-expiring", "").await;
    }
    let found = bed.rows("SELECT number, name, state, reopened FROM findings").await;
    assert_eq!(found, [["1", "Acme Ltd", "open", "0"]]);
}
