//! System Insights: rows only from devices that report, pages that add up, filters by device.

use std::collections::BTreeSet;

use simulator::{Config, Size};

use crate::client::{Client, id_of, open};

#[tokio::test]
async fn every_table_pages_to_exactly_the_oracles_count() {
    let client = Client::demo().await;
    let key = client.world().credentials(1).read_only;
    let oracle = client.world().oracle(1);
    let tables = oracle.counts.iter().filter_map(|(name, count)| Some((name.strip_prefix("systeminsights/")?, *count)));
    let mut filled = 0;
    for (table, count) in tables {
        for limit in [10_000, 13] {
            let (rows, total) = client.all(&key, &format!("/api/v2/systeminsights/{table}"), limit, "skip").await;
            assert_eq!((rows.len() as u64, total), (count, Some(count)), "{table}");
            let unique: BTreeSet<String> = rows.iter().map(ToString::to_string).collect();
            assert_eq!(unique.len(), rows.len(), "{table} repeats rows");
        }
        filled += u64::from(count > 0);
    }
    assert!(filled >= 36, "only {filled} tables have rows");
    assert_eq!(client.get(1, "/api/v2/systeminsights/no_such_table").await.status, 404);
}

#[tokio::test]
async fn only_devices_with_system_insights_have_rows_and_a_filter_finds_theirs() {
    let client = Client::demo().await;
    let key = client.world().credentials(2).read_only;
    let (devices, _) = client.all(&key, "/api/systems", 100, "skip").await;
    let enabled: BTreeSet<String> =
        devices.iter().filter(|device| device["systemInsights"]["state"] == "enabled").map(id_of).collect();
    assert!(enabled.len() < devices.len());
    let (rows, _) = client.all(&key, "/api/v2/systeminsights/system_info?sort=system_id", 100, "skip").await;
    let reporting: Vec<String> = rows.iter().map(|row| row["system_id"].as_str().unwrap().to_owned()).collect();
    assert!(reporting.is_sorted() && reporting.iter().all(|id| enabled.contains(id)));
    let [first, second] = [&reporting[0], &reporting[1]];
    let table = "/api/v2/systeminsights/users?limit=100&filter";
    let (one, total) = open(&client.get(2, &format!("{table}=system_id:eq:{first}")).await);
    assert_eq!(one.len() as u64, total.unwrap());
    assert!(!one.is_empty() && one.iter().all(|row| row["system_id"] == **first));
    let (two, _) = open(&client.get(2, &format!("{table}=system_id:in:{first}|{second}")).await);
    assert!(two.len() > one.len());
    let (admins, _) = open(&client.get(2, &format!("{table}=system_id:eq:{first}&filter=admin:eq:true")).await);
    assert!(!admins.is_empty() && admins.iter().all(|row| row["admin"] == true && row["system_id"] == **first));
    let (direct, _) = open(&client.get(2, &format!("/api/v2/systeminsights/{first}/users?limit=100")).await);
    assert_eq!(direct, one);
}

#[tokio::test]
async fn an_organization_without_the_plan_gets_402() {
    let mut config = Config::demo(Size::Small);
    config.organizations[0].system_insights = false;
    let client = Client::start(config).await;
    assert_eq!(client.get(0, "/api/v2/systeminsights/apps").await.status, 402);
    assert_eq!(client.world().oracle(0).counts["systeminsights/apps"], 0);
}
