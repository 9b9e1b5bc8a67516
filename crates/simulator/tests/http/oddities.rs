//! Oddities are off in a clean organization and show when switched on.

use std::time::Duration;

use serde_json::Value;
use simulator::{Character, Config, Oddities, Oddity, OrganizationSpec};

use crate::client::{Client, id_of, open};

async fn with(oddity: Option<Oddity>) -> Client {
    let mut spec = OrganizationSpec::new("Odd Ltd", "odd.example", Character::Growing, 200, 200);
    spec.oddities = oddity.into_iter().fold(Oddities::clean(), Oddities::with);
    Client::start(Config { seed: 3, organizations: vec![spec], provider: true }).await
}

async fn rows(client: &Client, path: &str) -> Vec<Value> {
    let key = client.world().credentials(0).administrator;
    client.all(&key, path, 100, "skip").await.0
}

#[tokio::test]
async fn member_pages_are_short_or_hold_null_and_the_total_is_still_right() {
    for (oddity, odd) in [(None, false), (Some(Oddity::ShortMemberPages), true)] {
        let client = with(oddity).await;
        let oracle = client.world().oracle(0);
        let mut short = 0;
        for group in &oracle.ids["usergroups"] {
            let rows = rows(&client, &format!("/api/v2/usergroups/{group}/members")).await;
            let members = oracle.pairs["usergroup_members"].iter().filter(|(parent, _)| parent == group).count();
            assert_eq!(rows.iter().filter(|row| row.is_object()).count(), members);
            let path = format!("/api/v2/usergroups/{group}/members?limit=20");
            let answer = client.get(0, &path).await;
            let (page, total) = open(&answer);
            let full = page.iter().filter(|row| row.is_object()).count();
            short += usize::from(total.unwrap() > 20 && full < 20);
        }
        assert_eq!(short > 0, odd);
    }
}

#[tokio::test]
async fn contact_gaps_old_rows_and_null_attributes_show_only_when_switched_on() {
    let clean = with(None).await;
    let users = rows(&clean, "/api/systemusers").await;
    assert!(users.iter().all(|user| user["state"].is_string() && user["mfaEnrollment"].is_object()));
    assert!(rows(&clean, "/api/systems").await.iter().all(|device| device.get("lastContact").is_some()));
    assert!(rows(&clean, "/api/v2/usergroups").await.iter().all(|group| group["attributes"].is_object()));

    let users = rows(&with(Some(Oddity::OldRowsLackState)).await, "/api/systemusers").await;
    assert!(users.iter().any(|user| user.get("state").is_none() && user.get("mfaEnrollment").is_none()));
    let odd = with(Some(Oddity::LastContactGaps)).await;
    let devices = rows(&odd, "/api/systems").await;
    assert!(devices.iter().any(|device| device.get("lastContact").is_none()));
    let since = rows(&odd, "/api/systems?filter=lastContact:$gt:2026-01-01T00:00:00Z").await;
    assert!(!since.is_empty() && since.iter().all(|device| device["active"] == false));
    let odd = with(Some(Oddity::NullAttributes)).await;
    assert!(rows(&odd, "/api/v2/usergroups").await.iter().any(|group| group["attributes"].is_null()));
    let mdm = odd.world().oracle(0).ids["applemdms"][0];
    let devices = rows(&odd, &format!("/api/v2/applemdms/{mdm}/devices")).await;
    assert!(devices.iter().any(|device| device["securityInfo"] == serde_json::json!({})));
}

#[tokio::test]
async fn reinstalled_devices_share_a_serial_number() {
    let serials = async |oddity| {
        let devices = rows(&with(oddity).await, "/api/systems").await;
        let unique: std::collections::BTreeSet<String> =
            devices.iter().map(|device| device["serialNumber"].to_string()).collect();
        devices.len() - unique.len()
    };
    assert_eq!(serials(None).await, 0);
    assert_eq!(serials(Some(Oddity::ReinstalledDevices)).await, 5);
}

#[tokio::test]
async fn parents_vanish_and_services_are_unavailable_in_bursts_when_switched_on() {
    let client = with(Some(Oddity::VanishingParents)).await;
    let devices = rows(&client, "/api/systems").await;
    let mut gone = 0;
    for device in &devices {
        gone += usize::from(client.get(0, &format!("/api/v2/systems/{}/memberof", id_of(device))).await.status == 404);
    }
    assert!((1..40).contains(&gone), "{gone}");
    let client = with(Some(Oddity::UnavailableBursts)).await;
    let mut refused = 0;
    for _ in 0..80 {
        refused += usize::from(client.get(0, "/api/commands").await.status == 503);
    }
    assert_eq!(refused, 4);
}

#[tokio::test]
async fn removed_members_and_bindings_linger_for_a_minute_when_switched_on() {
    for (oddity, lingers) in [(None, false), (Some(Oddity::LingeringAssociations), true)] {
        let client = with(oddity).await;
        let key = client.world().credentials(0).read_only;
        let mut seen = false;
        for _ in 0..10 {
            let change = client.world().advance(Duration::from_secs(3600)).remove(0);
            for (group, user) in &change.members_removed {
                if !client.world().oracle(0).ids["systemusers"].contains(user) {
                    continue;
                }
                let path = format!("/api/v2/usergroups/{group}/members");
                let (rows, _) = client.all(&key, &path, 100, "skip").await;
                seen |= rows.iter().any(|row| row["to"]["id"] == user.to_string());
            }
        }
        assert_eq!(seen, lingers);
    }
}

#[tokio::test]
async fn hostile_strings_stand_in_names_when_asked_for_and_survive_json() {
    let mut spec = OrganizationSpec::new("Hostile Ltd", "hostile.example", Character::Growing, 150, 150);
    spec.hostile = true;
    let client = Client::start(Config { seed: 5, organizations: vec![spec], provider: false }).await;
    let users = rows(&client, "/api/systemusers").await;
    for part in ["<script>", "\u{1b}[31m", "=HYPERLINK", "DROP TABLE", "\u{202e}"] {
        assert!(users.iter().any(|user| user["displayname"].as_str().unwrap().contains(part)), "{part:?}");
    }
    for (path, field) in [
        ("/api/v2/usergroups", "name"),
        ("/api/systems", "displayName"),
        ("/api/applications", "displayLabel"),
        ("/api/commands", "name"),
        ("/api/v2/policies", "name"),
        ("/api/users", "firstname"),
        ("/api/v2/systeminsights/apps", "name"),
        ("/api/v2/systeminsights/users", "username"),
    ] {
        let hostile = |row: &Value| row[field].as_str().unwrap().contains(['<', '\'', '\u{1b}', '=', '|', '{', ':']);
        assert!(rows(&client, path).await.iter().any(hostile), "{path}");
    }
}

#[tokio::test]
async fn devices_without_users_answer_nothing_and_organizations_have_no_name_when_switched_on() {
    for (oddity, odd) in [(None, false), (Some(Oddity::EmptyBodies), true)] {
        let client = with(oddity).await;
        let devices = rows(&client, "/api/systems").await;
        let mut bodies = std::collections::BTreeSet::new();
        for device in devices.iter().take(100) {
            let answer = client.get(0, &format!("/api/v2/systems/{}/users", id_of(device))).await;
            bodies.insert(answer.body);
        }
        assert_eq!((bodies.contains(""), bodies.contains("[]")), (odd, !odd));
    }
    let client = with(Some(Oddity::UnnamedOrganizations)).await;
    let (organizations, _) = open(&client.get(0, "/api/organizations").await);
    assert!(organizations[0]["displayName"].is_null());
}

#[tokio::test]
async fn zero_time_and_missing_organizations_of_administrators_show_when_switched_on() {
    let client = with(Some(Oddity::ZeroTime)).await;
    let alerts = rows(&client, "/api/v2/alerts").await;
    assert!(alerts.iter().any(|alert| alert["lastOccurredAt"] == "0001-01-01T00:00:00Z"));
    for (oddity, odd) in [(None, false), (Some(Oddity::AdministratorsLackOrganization), true)] {
        let client = with(oddity).await;
        let mtp = client.world().credentials(0).mtp.unwrap();
        let (rows, _) = open(&client.get_with("/api/users", &[("x-api-key", &mtp)]).await);
        assert!(rows.iter().all(|row| row.get("organization").is_none() == odd));
    }
}

#[tokio::test]
async fn rules_of_the_service_can_be_switched_off() {
    let mut spec = OrganizationSpec::new("Smooth Ltd", "smooth.example", Character::Tidy, 150, 50);
    let off = [
        Oddity::MissingKeyRedirects,
        Oddity::DefaultPageOfTen,
        Oddity::ReadOnlyGaps,
        Oddity::OrganizationHeaderRefused,
        Oddity::CommandResultsLimit,
    ];
    spec.oddities = off.into_iter().fold(Oddities::clean(), Oddities::without);
    let client = Client::start(Config { seed: 3, organizations: vec![spec], provider: false }).await;
    let credentials = client.world().credentials(0);
    assert_eq!(client.get_with("/api/systemusers", &[]).await.status, 401);
    assert_eq!(open(&client.get(0, "/api/systemusers").await).0.len(), 100);
    let command = client.world().oracle(0).ids["commands"][0];
    assert_eq!(client.get(0, &format!("/api/v2/commands/{command}/systems")).await.status, 200);
    let id = credentials.organization.to_string();
    let headers = [("x-api-key", credentials.read_only.as_str()), ("x-org-id", id.as_str())];
    assert_eq!(client.get_with("/api/organizations", &headers).await.status, 200);
    let search = serde_json::json!({"limit": 1000});
    assert_eq!(client.post(0, "/api/search/commandresults", search).await.status, 200);
}
