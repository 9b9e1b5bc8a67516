//! A world that lives: every sync equals the oracle, costs no more than what changed, and leaves a true history.

use std::time::Duration;

use jiff::Timestamp;
use simulator::Config;
use store::{Cell, Limits, Query};

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

/// Promise J6.
#[tokio::test]
async fn a_question_about_any_of_a_thousand_moments_is_answered_as_it_was_then() {
    const ALL: &str = "SELECT 'user', id, raw FROM users UNION ALL SELECT 'device', id, raw FROM devices
                       UNION ALL SELECT 'member', group_id, member_id FROM group_members ORDER BY 1, 2, 3";
    let mut config = small();
    config.organizations[0].users = 30;
    config.organizations[0].devices = 20;
    let mut scenario = scenario(config).await;
    scenario.only(CORE);
    let store = scenario.collector.store.clone();
    let answer = async |as_of| {
        let query = Query { sql: ALL.to_owned(), as_of, ..Query::default() };
        store.query(&query, &Limits::default()).await.unwrap().rows
    };
    let begun = scenario.collector.clock.now();
    let mut truths = Vec::new();
    for _ in 0..12 {
        let report = scenario.sync_completely().await;
        let rows = answer(None).await;
        let oracle = scenario.world.oracle(0);
        let ids = |kind: &str| -> Vec<String> {
            let of_kind = rows.iter().filter(|row| matches!(&row[0], Cell::Text(text) if **text == *kind));
            of_kind.map(|row| if let Cell::Text(id) = &row[1] { id.to_string() } else { String::new() }).collect()
        };
        assert_eq!(ids("user"), oracle.ids["systemusers"].iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(ids("device"), oracle.ids["systems"].iter().map(ToString::to_string).collect::<Vec<_>>());
        truths.push((store.snapshots(&report.org_id, 1).await.unwrap()[0].committed_at, rows));
        scenario.world.advance(Duration::from_secs(43_200));
    }
    assert!(truths.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 != two[1].1), "each one is another");
    let (from, to) = (begun.as_millisecond() - 86_400_000, scenario.now_ms() + 86_400_000);
    let mut state = 6_u64;
    for _ in 0..1_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let ms = from + i64::try_from((state >> 33) % (to - from).unsigned_abs()).unwrap();
        let at = Timestamp::from_millisecond(ms).unwrap();
        let expected = truths.iter().rev().find(|(committed_at, _)| *committed_at <= at).map(|(_, rows)| rows);
        let found = answer(Some(at)).await;
        assert!(found == *expected.unwrap_or(&Vec::new()), "as of {at}: {} rows", found.len());
    }
}
