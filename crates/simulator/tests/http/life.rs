//! Life goes on, repeatably, and the oracle says exactly what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Config, Size};

use crate::client::{Client, NOW, id_of};

const DAY: Duration = Duration::from_secs(86_400);

async fn snapshot(client: &Client, organization: usize, path: &str) -> BTreeMap<String, Value> {
    let key = client.world().credentials(organization).read_only;
    let (rows, _) = client.all(&key, path, 100, "skip").await;
    rows.into_iter().map(|row| (id_of(&row), row)).collect()
}

#[tokio::test]
async fn the_same_seed_and_clock_give_the_same_bytes_also_after_life_went_on() {
    let (one, two) = (Client::demo().await, Client::demo().await);
    for step in 0..3 {
        for organization in 0..3 {
            assert_eq!(json!(one.world().oracle(organization)), json!(two.world().oracle(organization)), "step {step}");
            for path in [
                "/api/systemusers?limit=100",
                "/api/systems?limit=100",
                "/api/v2/policyresults?limit=100",
                "/api/v2/systeminsights/apps?limit=1000",
            ] {
                let (left, right) = (one.get(organization, path).await, two.get(organization, path).await);
                assert_eq!(left.body, right.body, "{path} at step {step}");
                assert_eq!(left.headers, right.headers, "{path} at step {step}");
            }
        }
        assert_eq!(one.world().advance(DAY), two.world().advance(DAY));
    }
}

#[tokio::test]
async fn a_step_of_life_changes_exactly_what_it_says() {
    let client = Client::demo().await;
    for organization in 0..3 {
        for _ in 0..2 {
            let users = snapshot(&client, organization, "/api/systemusers").await;
            let devices = snapshot(&client, organization, "/api/systems").await;
            let change = client.world().advance(DAY)[organization].clone();
            let users_after = snapshot(&client, organization, "/api/systemusers").await;
            let devices_after = snapshot(&client, organization, "/api/systems").await;
            let texts = |ids: &[simulator::Id]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
            let new = |before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>| {
                after.keys().filter(|id| !before.contains_key(*id)).cloned().collect::<BTreeSet<_>>()
            };
            assert_eq!(new(&users, &users_after), texts(&change.users_joined));
            assert_eq!(new(&users_after, &users), texts(&change.users_left));
            let changed: BTreeSet<String> = users_after
                .iter()
                .filter(|(id, row)| users.get(*id).is_some_and(|before| before != *row))
                .map(|(id, _)| id.clone())
                .collect();
            assert_eq!(changed, texts(&change.users_changed));
            let reinstalled: Vec<_> = change.devices_reinstalled.iter().map(|(_, new)| *new).collect();
            let enrolled = [change.devices_enrolled.clone(), reinstalled].concat();
            assert_eq!(new(&devices, &devices_after), texts(&enrolled));
            assert_eq!(new(&devices_after, &devices), texts(&change.devices_removed));
            for (old, new) in &change.devices_reinstalled {
                let [old, new] = [old, new].map(|id| &devices_after[&id.to_string()]["serialNumber"]);
                assert_eq!(old, new);
            }
            for id in &change.mfa_removed {
                assert_eq!(users_after[&id.to_string()]["mfa"]["configured"], false);
            }
        }
    }
}

#[tokio::test]
async fn mutating_a_percentage_changes_exactly_that_share() {
    let client = Client::start(Config::single(400, 200, 3, 3)).await;
    let users = snapshot(&client, 0, "/api/systemusers").await;
    let devices = snapshot(&client, 0, "/api/systems").await;
    let change = client.world().mutate_percent(0, 2.5);
    assert_eq!((change.users_changed.len(), change.devices_changed.len()), (10, 5));
    let users_after = snapshot(&client, 0, "/api/systemusers").await;
    let devices_after = snapshot(&client, 0, "/api/systems").await;
    assert_eq!(users.iter().filter(|(id, row)| users_after[*id] != **row).count(), 10);
    assert_eq!(devices.iter().filter(|(id, row)| devices_after[*id] != **row).count(), 5);
}

#[tokio::test]
async fn a_neglected_organization_has_more_of_every_misconfiguration_than_a_tidy_one() {
    let client = Client::start(Config::demo(Size::Medium)).await;
    let shares = |organization: usize| {
        let oracle = client.world().oracle(organization);
        let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
        for entry in &oracle.misconfigurations {
            let rows = if entry.resource == "systems" { "systems" } else { "systemusers" };
            *shares.entry(entry.what).or_default() += 1.0 / oracle.counts[rows] as f64;
        }
        shares
    };
    let (tidy, neglected) = (shares(0), shares(1));
    for what in [
        "user_without_mfa",
        "global_sudo",
        "disk_not_encrypted",
        "stale_device",
        "unmanaged_local_admin",
        "password_never_expires",
        "policy_failed",
    ] {
        assert!(neglected[what] > 2.0 * tidy.get(what).copied().unwrap_or(0.0), "{what}");
    }
    assert!(!tidy.contains_key("admin_mfa_not_required") && neglected.contains_key("admin_mfa_not_required"));
}

#[tokio::test]
async fn the_control_face_offers_the_same_over_http() {
    let client = Client::demo().await;
    let control = |method: &str, path: &str, body: Value| {
        let method = method.parse().unwrap();
        let request = client.http.request(method, format!("{}/__simulator{path}", client.running.url()));
        async move { crate::client::read(request.body(body.to_string()).send().await.unwrap()).await }
    };
    let oracle = control("GET", "/oracle?organization=1", json!({})).await.json();
    assert_eq!(oracle[0], json!(client.world().oracle(1)));
    assert_eq!(
        control("GET", "/credentials", json!({})).await.json()[0]["read_only"],
        client.world().credentials(0).read_only
    );
    let changes = control("POST", "/advance", json!({"seconds": 3600, "steps": 2})).await.json();
    assert_eq!(changes.as_array().unwrap().len(), 6);
    assert_eq!(client.world().clock().now(), NOW + 3_600_000);
    let rule = json!({"endpoint": "GET /api/systems", "times": 1, "effect": {"kind": "status", "status": 503}});
    assert_eq!(control("POST", "/faults", rule).await.json()["number"], 1);
    assert_eq!(client.get(0, "/api/systems").await.status, 503);
    assert_eq!(client.get(0, "/api/systems").await.status, 200);
    assert_eq!(control("GET", "/faults", json!({})).await.json()[0]["hits"], 1);
    control("DELETE", "/faults", json!({})).await;
    assert_eq!(control("POST", "/faults", json!({"effect": {"kind": "nonsense"}})).await.status, 400);
    assert_eq!(control("POST", "/limit", json!({"rate": 1.0, "burst": 1.0})).await.status, 200);
    assert_eq!(client.get(0, "/api/systems").await.status, 200);
    assert_eq!(client.get(0, "/api/systems").await.status, 429);
    let requests = control("GET", "/requests", json!({})).await.json();
    assert_eq!(requests["by_endpoint"]["GET /api/systems"], 4);
    assert_eq!(requests["by_status"]["429"], 1);
    assert_eq!(requests["rate_limit_violations"], 1);
    assert_eq!(requests["writes_attempted"], 0);
}

#[tokio::test]
async fn misconfigurations_can_be_seen_in_the_rows_and_no_others_can() {
    let client = Client::demo().await;
    for organization in 0..3 {
        let users = snapshot(&client, organization, "/api/systemusers").await;
        let devices = snapshot(&client, organization, "/api/systems").await;
        let oracle = client.world().oracle(organization);
        let planted = |what: &str| -> BTreeSet<String> {
            oracle
                .misconfigurations
                .iter()
                .filter(|entry| entry.what == what)
                .map(|entry| entry.id.to_string())
                .collect()
        };
        let active = |user: &Value| user["activated"] == true && user["suspended"] == false;
        let users_with = |test: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
            users.iter().filter(|(_, row)| test(row)).map(|(id, _)| id.clone()).collect()
        };
        assert_eq!(planted("user_without_mfa"), users_with(&|user| active(user) && user["mfa"]["configured"] == false));
        let exclusion = users_with(&|user| active(user) && user["mfa"]["exclusion"] == true);
        assert_eq!(planted("mfa_exclusion"), exclusion);
        assert_eq!(planted("global_sudo"), users_with(&|user| user["sudo"] == true));
        assert_eq!(planted("account_locked"), users_with(&|user| user["account_locked"] == true));
        let never = users_with(&|user| active(user) && user["password_never_expires"] == true);
        assert_eq!(planted("password_never_expires"), never);
        let devices_with = |test: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
            devices.iter().filter(|(_, row)| test(row)).map(|(id, _)| id.clone()).collect()
        };
        assert_eq!(planted("disk_not_encrypted"), devices_with(&|device| device["fde"]["active"] == false));
        let contact = |device: &Value| device["lastContact"].as_str().map(ToOwned::to_owned);
        // 14 days before the time of the tests.
        let stale = devices_with(&|device| contact(device).is_some_and(|at| at.as_str() < "2026-11-06T08:00:00.000Z"));
        assert_eq!(planted("stale_device"), stale);
        let silent = devices_with(&|device| device.get("lastContact").is_some_and(Value::is_null));
        assert_eq!(planted("never_contacted"), silent);
        assert_eq!(planted("ssh_root_login"), devices_with(&|device| device["allowSshRootLogin"] == true));
        assert_eq!(planted("no_policy_bound"), devices_with(&|device| device["isPolicyBound"] == false));
        let local = devices_with(&|device| {
            let accounts = device["userMetrics"].as_array().cloned().unwrap_or_default();
            accounts.iter().any(|user| user["admin"] == true && user["managed"] == false && user["suspended"] == false)
        });
        assert_eq!(planted("unmanaged_local_admin"), local);
        let mut serials: BTreeMap<String, usize> = BTreeMap::new();
        devices.values().for_each(|device| *serials.entry(device["serialNumber"].to_string()).or_default() += 1);
        let twice = devices_with(&|device| serials[&device["serialNumber"].to_string()] > 1);
        assert_eq!(planted("duplicate_serial"), twice);
    }
}
