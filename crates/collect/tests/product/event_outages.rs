//! Times without events: a dead key, a machine that was off, a clock that jumps, a licence that is missing.

use std::time::Duration;

use secrecy::SecretString;
use simulator::{Effect, FaultRule, Oddities};
use store::StreamKind;

use crate::event_support::{DAY, HOUR, MINUTE, busy};
use crate::support::{scenario, started_minutes};

#[tokio::test]
async fn a_key_that_is_dead_for_two_days_costs_nothing_but_the_delay() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    let before = scenario.coverage().await.stored;
    scenario.world.revoke_all_keys();
    for failures in 1..=16 {
        scenario.clock.pass(Duration::from_secs(3 * HOUR));
        let asked = scenario.asked();
        assert_eq!(scenario.try_events().await.unwrap_err().code(), "key_rejected");
        assert!((1..=3).contains(&(scenario.asked() - asked)), "{}", scenario.asked() - asked);
        let stream = scenario.stream_of(0, StreamKind::Events).await;
        assert_eq!(stream.state.failures, failures);
        let wait = stream.next_run_at.unwrap().duration_since(scenario.collector.clock.now());
        assert_eq!(started_minutes(wait), 15);
    }
    assert_eq!(scenario.coverage().await.stored, before);
    let key = scenario.world.replace_api_key(0);
    let now = scenario.collector.clock.now();
    let (connection, secret) = (scenario.stored(0).await, SecretString::from(key));
    scenario.collector.store.replace_credential(&connection, &secret, &scenario.collector.key, now).await.unwrap();
    assert_eq!(scenario.stream_of(0, StreamKind::Events).await.next_run_at, Some(now));
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
    assert_eq!(scenario.stream_of(0, StreamKind::Events).await.state.failures, 0);
}

#[tokio::test]
async fn a_week_without_a_collector_is_caught_up_in_one_run() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    scenario.clock.pass(Duration::from_secs(7 * DAY + 17 * MINUTE));
    let report = scenario.sync_the_events().await;
    assert_eq!(report.unproven, []);
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

#[tokio::test]
async fn what_the_service_keeps_no_longer_is_a_gap_with_a_reason() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    scenario.clock.pass(Duration::from_secs(12 * DAY));
    scenario.sync_the_events().await;
    let coverage = scenario.coverage().await;
    assert!((46..=50).contains(&coverage.gaps.len()), "{:?}", coverage.gaps.len());
    assert!(coverage.gaps.iter().all(|(_, reason)| reason.contains("keeps it no longer")));
    assert!(coverage.gaps.windows(2).all(|two| two[0].0.next() == two[1].0));
    assert_eq!(coverage.unproven, 1, "the hour that has just ended");
    // It does not come back, and is not asked for again.
    let again = scenario.sync_the_events().await;
    assert_eq!((again.new, again.sealed), (0, 0));
}

#[tokio::test]
async fn a_clock_that_jumps_loses_nothing_and_asks_for_nothing_senseless() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    const DAYS: i64 = DAY as i64;
    for jump in [DAYS, -DAYS, -3 * DAYS, 3 * DAYS, HOUR as i64, -(HOUR as i64), -1, 1, 5 * DAYS, -5 * DAYS] {
        scenario.clock.set_by(jump);
        scenario.sync_the_events().await;
        scenario.live(5, 11 * MINUTE).await;
    }
    let refused = scenario.world.requests().by_status.get(&400).copied().unwrap_or(0);
    assert_eq!(refused, 0, "requests that the service does not accept");
    scenario.clock.set_by(6 * DAYS);
    scenario.sync_the_events().await;
    scenario.live(2, DAY).await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

#[tokio::test]
async fn a_licence_that_is_missing_is_told_and_asked_for_once_a_day() {
    let mut config = busy(Oddities::clean());
    config.organizations[0].directory_insights = false;
    let scenario = scenario(config).await;
    let asked = scenario.asked();
    assert_eq!(scenario.try_events().await.unwrap_err().code(), "not_licensed");
    assert_eq!(scenario.asked() - asked, 1);
    let stream = scenario.stream_of(0, StreamKind::Events).await;
    assert_eq!(stream.state.failure_code.as_deref(), Some("not_licensed"));
    let wait = stream.next_run_at.unwrap().duration_since(scenario.collector.clock.now());
    assert_eq!(started_minutes(wait).div_ceil(60), 24);
}

#[tokio::test]
async fn a_permission_that_is_taken_away_leaves_gaps_that_close_when_it_is_given_back() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    scenario.clock.pass(Duration::from_secs(5 * HOUR));
    scenario.world.faults().add(FaultRule::new(Effect::status(403)).on("/insights/directory/v1/events"));
    assert_eq!(scenario.try_events().await.unwrap_err().code(), "not_permitted");
    let coverage = scenario.coverage().await;
    assert_eq!(coverage.gaps.len(), 5, "{:?}", coverage.gaps);
    assert!(coverage.gaps.iter().all(|(_, reason)| reason.contains("not permitted")));
    scenario.world.faults().clear();
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}
