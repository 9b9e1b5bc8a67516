//! What is stored of a living organization is what was issued there, hour by hour, and says so itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use collect::events::EventOptions;
use collect::silent;
use simulator::{Lateness, Oddities, Oddity};
use store::{Action, Outcome};
use tokio_util::sync::CancellationToken;

use crate::event_support::{DAY, HOUR, MINUTE, busy};
use crate::support::{Scenario, scenario};

#[tokio::test]
async fn everything_issued_is_stored_once_and_every_hour_is_sealed() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let report = scenario.sync_the_events().await;
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert_eq!((report.sealed, report.duplicates, report.left), (47, 0, 0));
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
    // Nothing is asked twice that is proven: two minutes of the current hour, and no more.
    let asked = scenario.asked();
    let again = scenario.sync_the_events().await;
    assert_eq!((again.new, again.sealed), (0, 0));
    assert!(scenario.asked() - asked <= 2, "{}", scenario.asked() - asked);
    scenario.live(40, 7 * MINUTE).await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
    let runs = scenario.collector.store.runs(None, 1).await.unwrap();
    assert_eq!((runs[0].action, runs[0].outcome), (Action::Events, Some(Outcome::Succeeded)));
}

/// Checks ask for events, and the first inventory comes before the first events.
#[tokio::test]
async fn what_follows_a_snapshot_follows_the_first_events_as_well_and_no_others() {
    let mut scenario = scenario(busy(Oddities::clean())).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    scenario.collector.after_sync = Some(Arc::new(move |org_id| {
        tell.lock().unwrap().push(org_id);
        Box::pin(async {})
    }));
    let org_id = scenario.world.organizations()[0].id.to_string();
    scenario.sync_completely().await;
    assert_eq!(*told.lock().unwrap(), std::slice::from_ref(&org_id));
    scenario.sync_the_events().await;
    assert_eq!(*told.lock().unwrap(), vec![org_id; 2]);
    scenario.live(2, MINUTE).await;
    assert_eq!(told.lock().unwrap().len(), 2, "not after each poll");
}

#[tokio::test]
async fn a_fresh_event_is_stored_by_the_next_poll() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    for _ in 0..30 {
        scenario.live(1, MINUTE).await;
        scenario.events_equal_oracle().await;
    }
}

#[tokio::test]
async fn the_ledger_begins_with_the_oldest_event_that_is_kept_unless_a_person_says_otherwise() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let connection = scenario.stored(0).await;
    let sync = async |options: EventOptions| {
        scenario.collector.sync_events(&connection, &options, silent(), &CancellationToken::new()).await.unwrap()
    };
    scenario.sync_the_events().await;
    let first = scenario.ledger().await[0].hour;
    assert_eq!(first.start(), Scenario::since());
    let ten_days_ago = scenario.now_ms() - 10 * DAY as i64 * 1000;
    sync(EventOptions { since: Some(jiff::Timestamp::UNIX_EPOCH), ..EventOptions::by("test") }).await;
    let first = scenario.ledger().await[0].hour;
    let oldest = scenario.world.events(0, ten_days_ago..scenario.now_ms(), scenario.now_ms())[0].time;
    assert_eq!(first.number(), oldest.div_euclid(HOUR as i64 * 1000));
    scenario.is_proven().await;
    assert_eq!(scenario.coverage().await.stored, scenario.issued_in_all(ten_days_ago));
}

#[tokio::test]
async fn late_events_are_found_within_three_days_and_counted_as_late() {
    let mut config = busy(Oddities::clean());
    config.organizations[0].events.lateness = Some(Lateness::field());
    let scenario = scenario(config).await;
    scenario.sync_the_events().await;
    let born = scenario.now_ms();
    // Two days of life, then time for what is late by a day to be looked for.
    let mut late = scenario.live(2 * 24 * 3, 20 * MINUTE).await;
    let grown = scenario.now_ms();
    late += scenario.live(4 * 8, 3 * HOUR).await;
    assert!(late > 0, "nothing was late");
    scenario.lateness_is_told(born, grown).await;
    let settled = scenario.now_ms() - 4 * DAY as i64 * 1000;
    for window in scenario.ledger().await.iter().filter(|window| window.hour.end_ms() < settled) {
        assert_eq!(window.stored, scenario.issued(window.hour).0, "{}", window.hour);
    }
    scenario.sealed_hours_of_before(settled).await;
}

#[tokio::test]
async fn oddities_of_the_service_lose_and_double_nothing() {
    let odd = Oddities::field()
        .without(Oddity::LateEvents)
        .with(Oddity::RepeatedEvents)
        .with(Oddity::OddTimestamps)
        .with(Oddity::EventsWithoutId)
        .with(Oddity::OddValues)
        .with(Oddity::StrayCharacters)
        .with(Oddity::LargeMdmEvents)
        .with(Oddity::SkewedClocks);
    for oddities in [odd, odd.with(Oddity::InclusiveEndTime)] {
        let scenario = scenario(busy(oddities)).await;
        let report = scenario.sync_the_events().await;
        assert_eq!(report.unproven, []);
        scenario.live(10, 25 * MINUTE).await;
        scenario.clock.pass(Duration::from_secs(MINUTE));
        scenario.sync_the_events().await;
        scenario.is_proven().await;
        assert!(scenario.sealed_hours_are_true().await >= 48);
    }
}

#[tokio::test]
async fn thirty_thousand_events_of_one_millisecond_are_all_stored() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let at = Scenario::since().as_millisecond() + 3 * HOUR as i64 * 1000 + 1_234_567;
    scenario.world.burst_of_events(0, at, 30_000);
    let report = scenario.sync_the_events().await;
    assert!(report.new > 30_000);
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

#[tokio::test]
async fn a_turn_that_is_over_goes_on_where_it_was() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let options =
        EventOptions { since: Some(Scenario::since()), budget: Some(Duration::ZERO), ..EventOptions::by("system") };
    let connection = scenario.stored(0).await;
    let mut turns = 0;
    loop {
        let cancel = CancellationToken::new();
        let report = scenario.collector.sync_events(&connection, &options, silent(), &cancel).await.unwrap();
        turns += 1;
        let next = scenario.stream_of(0, store::StreamKind::Events).await.next_run_at.unwrap();
        let is_due = next <= scenario.collector.clock.now();
        assert_eq!(is_due, report.left > 0, "what is left goes on at once");
        if report.left == 0 {
            break;
        }
    }
    assert!(turns > 10, "{turns}");
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

impl Scenario {
    /// How late events came can be asked, each hour's as a histogram: none came before it could be read, and none later than
    /// the sync after that, which came within 20 minutes.
    async fn lateness_is_told(&self, from: i64, before: i64) {
        let sql = format!(
            "SELECT 3 * CAST((julianday(stored_at) - julianday(time)) * 8 + 0.00001 AS INTEGER) AS hours, COUNT(*) AS events
             FROM events WHERE time >= '{}' AND time < '{}' GROUP BY hours",
            jiff::Timestamp::from_millisecond(from).unwrap(),
            jiff::Timestamp::from_millisecond(before).unwrap(),
        );
        let rows = self.ask(&sql).await;
        let number = |text: &String| text.parse::<i64>().unwrap();
        let told: Vec<(i64, usize)> = rows.iter().map(|row| (number(&row[0]), number(&row[1]) as usize)).collect();
        let issued = self.world.events(0, from..before, self.now_ms());
        let later_than = |ms: i64| issued.iter().filter(|event| event.published - event.time >= ms).count();
        assert_eq!(told.iter().map(|(_, events)| events).sum::<usize>(), issued.len());
        assert!(told.len() > 1, "{told:?}");
        for hours in [3, 6, 12] {
            let stored = told.iter().filter(|(late, _)| *late >= hours).map(|(_, events)| events).sum::<usize>();
            let bound = hours * HOUR as i64 * 1000;
            assert!(stored >= later_than(bound), "{hours} hours: {told:?}");
        }
        // What was readable soon was stored soon.
        let soon = told.iter().filter(|(late, _)| *late == 0).map(|(_, events)| events).sum::<usize>();
        assert!(soon >= issued.len() - later_than(15 * MINUTE as i64 * 1000), "{told:?}");
    }

    /// Events that were issued since and can be read, by the oracle's own count.
    fn issued_in_all(&self, from: i64) -> u64 {
        self.world.event_counts(0, from..self.now_ms(), self.now_ms()).events
    }

    async fn sealed_hours_of_before(&self, settled: i64) {
        for window in self.ledger().await.into_iter().filter(|window| window.hour.end_ms() < settled) {
            assert_eq!(window.state, store::events::WindowState::Sealed, "{}: {:?}", window.hour, window.reason);
            assert_eq!(window.identities, Some(self.issued(window.hour).1), "{}", window.hour);
        }
    }
}
