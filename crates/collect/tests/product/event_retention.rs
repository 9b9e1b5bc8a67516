//! Events that are older than they are to be kept: they go and stay away, their proof stays, and no clock lets them go early.

use std::time::Duration;

use collect::events::{EventOptions, EventReport, Keep};
use collect::silent;
use simulator::{Effect, FaultRule, Oddities};
use store::StreamKind;
use store::events::{EventFilter, WindowState};
use tokio_util::sync::CancellationToken;

use crate::event_support::{DAY, HOUR, busy};
use crate::support::{Scenario, scenario};

async fn keep(scenario: &Scenario, number: usize, keep: Keep) {
    let id = format!("connection-{number}");
    scenario.collector.store.set_keep(&id, StreamKind::Events, Some(&keep.to_string())).await.unwrap();
}

/// A run of the schedule, or more until nothing is left to do.
async fn settle(scenario: &Scenario, number: usize) -> EventReport {
    let options = EventOptions { budget: Some(Duration::from_secs(45)), ..EventOptions::by("system") };
    let connection = scenario.stored(number).await;
    for _ in 0..50 {
        let cancel = CancellationToken::new();
        let report = scenario.collector.sync_events(&connection, &options, silent(), &cancel).await.unwrap();
        let next = scenario.stream_of(number, StreamKind::Events).await.next_run_at.unwrap();
        if next > scenario.collector.clock.now() {
            return report;
        }
    }
    panic!("there is always more to do");
}

/// The time of the oldest event of an organization that is stored.
async fn oldest(scenario: &Scenario, number: usize) -> i64 {
    let held = scenario.collector.store.events_held(&scenario.id_of(number)).await.unwrap();
    held.oldest.unwrap().as_millisecond()
}

fn days_ago(scenario: &Scenario, days: u64) -> i64 {
    let hour = HOUR as i64 * 1000;
    (scenario.now_ms() - (days * DAY * 1000) as i64).div_euclid(hour) * hour
}

#[tokio::test]
async fn what_would_be_removed_at_once_is_not_even_read() {
    let scenario = scenario(busy(Oddities::clean())).await;
    keep(&scenario, 0, Keep::Days(3)).await;
    let report = settle(&scenario, 0).await;
    assert!(report.new > 100 && report.unproven.is_empty(), "{report:?}");
    assert!(oldest(&scenario, 0).await >= days_ago(&scenario, 3));
    assert_eq!(scenario.ledger().await[0].hour.start_ms(), days_ago(&scenario, 3));
    scenario.is_proven().await;
    // JumpCloud still has the older ones; they are not asked for again and again.
    for _ in 0..3 {
        scenario.clock.pass(Duration::from_secs(60));
        let asked = scenario.asked();
        let report = settle(&scenario, 0).await;
        // Two minutes are read again, and no more.
        assert!(report.duplicates < 10, "{}", report.duplicates);
        assert_eq!((report.removed, report.unproven.len()), (0, 0));
        assert!(scenario.asked() - asked <= 2, "{}", scenario.asked() - asked);
    }
    // A person who asks for more than is kept gets no more either.
    let options = EventOptions { since: Some(jiff::Timestamp::UNIX_EPOCH), ..EventOptions::by("test") };
    let cancel = CancellationToken::new();
    let connection = scenario.stored(0).await;
    scenario.collector.sync_events(&connection, &options, silent(), &cancel).await.unwrap();
    assert!(oldest(&scenario, 0).await >= days_ago(&scenario, 3));
    scenario.is_proven().await;
}

#[tokio::test]
async fn old_events_go_their_proof_stays_and_another_organization_keeps_its_own() {
    let mut config = busy(Oddities::clean());
    let mut other = config.organizations[0].clone();
    other.name = "Other Ltd".to_owned();
    config.organizations.push(other);
    let scenario = scenario(config).await;
    settle(&scenario, 0).await;
    settle(&scenario, 1).await;
    let sealed: Vec<_> = scenario.ledger().await.into_iter().filter(|line| line.state == WindowState::Sealed).collect();
    let others = scenario.collector.store.events_held(&scenario.id_of(1)).await.unwrap();
    keep(&scenario, 0, Keep::Days(4)).await;
    let removed = settle(&scenario, 0).await.removed;
    assert!(removed > 100, "{removed}");
    for _ in 0..4 {
        scenario.clock.pass(Duration::from_secs(11 * HOUR));
        let more = settle(&scenario, 0).await.removed;
        assert!(more > 0, "nothing went in eleven hours");
        let cut = days_ago(&scenario, 4);
        assert!(oldest(&scenario, 0).await >= cut);
        // All that is younger is there, and nothing of what is gone came back.
        for line in scenario.ledger().await.iter().filter(|line| line.hour.start_ms() >= cut) {
            scenario.hour_equals_oracle(0, line.hour).await;
        }
        let held = scenario.collector.store.events_held(&scenario.id_of(0)).await.unwrap();
        let filter = EventFilter { org_ids: vec![scenario.id_of(0)], ..EventFilter::default() };
        let found = scenario.collector.store.search_events(&filter, None, 1_000_000, false).await.unwrap();
        assert_eq!(found.events.len() as u64, held.events);
        // Nobody asks about what is gone.
        let again = settle(&scenario, 0).await;
        assert_eq!((again.removed, again.unproven.len()), (0, 0));
    }
    let ledger = scenario.ledger().await;
    for before in sealed {
        let after = ledger.iter().find(|line| line.hour == before.hour).unwrap();
        assert_eq!((after.state, after.stored), (WindowState::Sealed, before.stored), "{}", before.hour);
        assert_eq!(after.identities, before.identities);
    }
    assert!(scenario.coverage().await.gaps.is_empty());
    scenario.is_proven().await;
    let still = scenario.collector.store.events_held(&scenario.id_of(1)).await.unwrap();
    assert_eq!((still.events, still.oldest), (others.events, others.oldest));
    let run = scenario.collector.store.runs(None, 1).await.unwrap().remove(0);
    assert_eq!(run.org_id, Some(scenario.id_of(0)));
}

#[tokio::test]
async fn a_clock_that_is_ahead_of_jumpcloud_removes_nothing() {
    let scenario = scenario(busy(Oddities::clean())).await;
    settle(&scenario, 0).await;
    keep(&scenario, 0, Keep::Days(30)).await;
    let before = scenario.collector.store.events_held(&scenario.id_of(0)).await.unwrap();
    let ten_years = Effect::DateOffset { seconds: -86_400 * 3650 };
    let untold = Effect::Header { name: "date".to_owned(), value: None };
    for (effect, jump) in [(ten_years, 0), (untold, 9 * DAY as i64 / 10)] {
        scenario.clock.set_by(jump);
        scenario.world.faults().clear();
        scenario.world.faults().add(FaultRule::new(effect));
        if jump > 0 {
            keep(&scenario, 0, Keep::Days(1)).await;
        }
        let report = scenario.try_events().await.unwrap();
        assert_eq!(report.removed, 0);
        let after = scenario.collector.store.events_held(&scenario.id_of(0)).await.unwrap();
        assert_eq!(after.oldest, before.oldest);
    }
    scenario.world.faults().clear();
    assert!(settle(&scenario, 0).await.removed > 0, "the setting holds once the time is known");
}

#[tokio::test]
async fn a_connection_without_a_setting_follows_the_programs() {
    let mut scenario = scenario(busy(Oddities::clean())).await;
    settle(&scenario, 0).await;
    scenario.collector.settings.keep_events = Keep::Days(2);
    keep(&scenario, 0, Keep::Forever).await;
    assert_eq!(settle(&scenario, 0).await.removed, 0, "the connection's own word counts");
    scenario.collector.store.set_keep("connection-0", StreamKind::Events, None).await.unwrap();
    assert!(settle(&scenario, 0).await.removed > 100);
    assert!(oldest(&scenario, 0).await >= days_ago(&scenario, 2));
}
