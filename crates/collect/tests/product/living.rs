//! A world that lives: every sync equals the oracle, costs no more than what changed, and leaves a true history.

use std::time::Duration;

use simulator::Config;

use crate::support::{CORE, record, scenario, small, written};

#[tokio::test]
async fn a_second_sync_with_nothing_changed_writes_no_row() {
    let scenario = scenario(small()).await;
    let first = scenario.sync_completely().await;
    assert!(written(&first) > 500, "{}", written(&first));
    let second = scenario.sync_completely().await;
    assert_eq!(written(&second), 0);
    let unchanged: u64 = second.tables.iter().map(|table| table.unchanged).sum();
    assert_eq!(unchanged, written(&first));
}

#[tokio::test]
async fn one_percent_of_changes_costs_one_percent_of_writes() {
    let mut scenario = scenario(Config::single(200, 200, 4, 4)).await;
    scenario.only(CORE);
    scenario.sync_completely().await;
    let change = scenario.world.mutate_percent(0, 1.0);
    assert_eq!((change.users_changed.len(), change.devices_changed.len()), (2, 2));
    let report = scenario.sync_completely().await;
    assert_eq!((record(&report, "users").changed, record(&report, "devices").changed), (2, 2));
    assert!(written(&report) <= 12, "{}", written(&report));
    for id in change.users_changed {
        let table = scenario.collector.store.table("users").unwrap();
        assert_eq!(scenario.collector.store.versions(table, &id.to_string(), None).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn every_sync_of_a_living_organization_equals_the_oracle_and_gone_is_what_left() {
    let mut config = small();
    config.organizations[0].users = 60;
    config.organizations[0].devices = 50;
    let mut scenario = scenario(config).await;
    scenario.only(CORE);
    scenario.sync_completely().await;
    let (mut left, mut removed) = (0, 0);
    for step in 0..10 {
        let change = scenario.world.advance(Duration::from_secs(86_400)).remove(0);
        let report = scenario.sync_completely().await;
        let (users, devices) = (record(&report, "users"), record(&report, "devices"));
        assert_eq!(users.gone, change.users_left.len() as u64, "step {step}");
        assert_eq!(users.new, change.users_joined.len() as u64, "step {step}");
        assert_eq!(devices.gone, change.devices_removed.len() as u64, "step {step}");
        let enrolled = change.devices_enrolled.len() + change.devices_reinstalled.len();
        assert_eq!(devices.new, enrolled as u64, "step {step}");
        left += change.users_left.len();
        removed += change.members_removed.len();
        let store = &scenario.collector.store;
        let now = store.snapshots(&report.org_id, 1).await.unwrap()[0].committed_at;
        for id in &change.users_left {
            let versions = store.versions(store.table("users").unwrap(), &id.to_string(), None).await.unwrap();
            assert_eq!(versions.last().unwrap().until, Some(now), "{id} left in step {step}");
        }
        for id in &change.users_joined {
            let versions = store.versions(store.table("users").unwrap(), &id.to_string(), None).await.unwrap();
            assert_eq!((versions.len(), versions[0].from, versions[0].until), (1, now, None), "step {step}");
        }
    }
    assert!(left > 3 && removed > 3, "{left} left, {removed} memberships ended");
}

#[tokio::test]
async fn everything_that_is_collected_follows_a_living_organization() {
    let scenario = scenario(small()).await;
    for _ in 0..4 {
        scenario.sync_completely().await;
        scenario.world.advance(Duration::from_secs(7 * 86_400));
    }
    scenario.sync_completely().await;
    assert_eq!(written(&scenario.sync_completely().await), 0);
}
