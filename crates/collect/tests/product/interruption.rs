//! Syncs that end before their end, and collectors that get in each other's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use collect::{Error, Listener, Progress, SyncOptions, silent};
use jumpcloud::Credential;
use simulator::{Effect, FaultRule, RetryAfter};
use store::{LeaseHolder, Outcome};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::support::{CORE, Scenario, scenario, small};

/// A listener that cancels at the so-manieth piece of news: each page, then when all is written, then before the commit.
fn after_news(news: usize) -> (Listener, CancellationToken) {
    let (met, reached) = (AtomicUsize::new(0), CancellationToken::new());
    let cancel = reached.clone();
    let listener = move |_| {
        if met.fetch_add(1, SeqCst) + 1 == news {
            cancel.cancel();
        }
    };
    (Arc::new(listener), reached)
}

fn held(result: &Result<collect::SyncReport, Error>) -> bool {
    matches!(result, Err(Error::Store(store::Error::Held { .. })))
}

/// Every user that is there now has a history of committed snapshots that ends with what is there now.
async fn history_is_whole(scenario: &Scenario) {
    let store = &scenario.collector.store;
    let table = store.table("users").unwrap();
    for row in scenario.ask("SELECT id, raw FROM users").await {
        let versions = store.versions(table, &row[0], None).await.unwrap();
        let last = versions.last().unwrap_or_else(|| panic!("{} has no history", row[0]));
        assert_eq!((last.until, last.raw.to_string()), (None, row[1].clone()));
        assert!(versions.windows(2).all(|pair| pair[0].until == Some(pair[1].from)), "{}: {versions:?}", row[0]);
    }
}

#[tokio::test]
async fn a_sync_cancelled_at_any_point_leaves_nothing_visible_and_the_next_one_goes_on() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let mut cancelled = 0;
    for news in 1.. {
        scenario.world.advance(Duration::from_secs(6 * 3600));
        let before = scenario.visible().await;
        let (listener, reached) = after_news(news);
        match scenario.sync_as(0, false, listener, &reached).await {
            Ok(_) => break,
            Err(error) => assert_eq!(error.code(), "cancelled"),
        }
        cancelled += 1;
        assert_eq!(scenario.visible().await, before, "cancelled at {news}");
        let run = scenario.collector.store.runs(None, 1).await.unwrap().remove(0);
        assert_eq!(run.outcome, Some(Outcome::Cancelled));
    }
    assert!(cancelled >= 10, "{cancelled}");
    scenario.sync_completely().await;
    history_is_whole(&scenario).await;
}

#[tokio::test]
async fn a_sync_dropped_at_any_point_leaves_nothing_visible_and_the_next_one_cleans_up() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let mut dropped = 0;
    for news in 1.. {
        scenario.world.advance(Duration::from_secs(6 * 3600));
        let before = scenario.visible().await;
        let (listener, reached) = after_news(news);
        let never = CancellationToken::new();
        tokio::select! {
            biased;
            () = reached.cancelled() => dropped += 1,
            done = scenario.sync_as(0, false, listener, &never) => {
                done.unwrap();
                break;
            }
        }
        assert_eq!(scenario.visible().await, before, "dropped at {news}");
        // Nobody shows life any more, but for a minute nobody else may go on either.
        assert!(held(&scenario.try_sync(0).await), "dropped at {news}");
        scenario.clock.pass(Duration::from_secs(61));
        if news % 4 == 0 {
            scenario.sync_completely().await;
        }
    }
    assert!(dropped >= 10, "{dropped}");
    scenario.sync_completely().await;
    history_is_whole(&scenario).await;
    let runs = scenario.collector.store.runs(None, 1_000).await.unwrap();
    assert!(runs.iter().all(|run| run.outcome.is_some()), "every run has an end");
    assert_eq!(runs.iter().filter(|run| run.outcome == Some(Outcome::Interrupted)).count(), dropped);
}

#[tokio::test]
async fn a_cancelled_sync_asks_nothing_more_even_when_it_was_waiting_for_a_rate_limit() {
    let scenario = Scenario::core().await;
    scenario.clock.waiting_is_free.store(false, SeqCst);
    let limited = Effect::too_many_requests(RetryAfter::Seconds(600));
    let rule = scenario.world.faults().add(FaultRule::new(limited).from(6));
    let cancel = CancellationToken::new();
    let stop = async {
        while scenario.world.faults().hits(rule) == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(scenario.sync_as(0, false, silent(), &cancel), stop);
    assert_eq!(ended.unwrap_err().code(), "cancelled");
    let asked = scenario.asked();
    scenario.world.faults().clear();
    for _ in 0..10 {
        scenario.clock.pass(Duration::from_secs(600));
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(scenario.asked(), asked);
    scenario.sync_completely().await;
}

#[tokio::test]
async fn two_collectors_on_one_store_never_run_one_stream_twice_at_once() {
    let scenario = Scenario::core().await;
    let mut other = scenario.collector.clone();
    other.holder = LeaseHolder::this_process("the other one", "elsewhere");
    let connection = scenario.stored(0).await;
    let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
    for _ in 0..5 {
        let cancel = CancellationToken::new();
        let (one, two) = tokio::join!(
            scenario.collector.sync_inventory(&connection, &options, silent(), &cancel),
            other.sync_inventory(&connection, &options, silent(), &cancel),
        );
        assert!(one.is_ok() != two.is_ok() && (held(&one) || held(&two)), "{one:?} {two:?}");
        scenario.equals_oracle(0).await;
    }
    assert_eq!(scenario.ask("SELECT number FROM snapshots").await.len(), 5);
}

#[tokio::test]
async fn two_connections_that_find_out_to_mean_one_organization_do_not_write_at_the_same_time() {
    let mut scenario = scenario(small()).await;
    scenario.only(CORE);
    let key = scenario.world.credentials(0).administrator;
    for number in [1, 2] {
        let mut connection = scenario.connection(0, &Credential::api_key(&key).unwrap());
        (connection.id, connection.name) = (format!("connection-{number}"), format!("Connection {number}"));
        connection.org_id = None;
        scenario.add(&connection, &key).await;
    }
    let (one, two) = tokio::join!(scenario.try_sync(1), scenario.try_sync(2));
    assert!(one.is_ok() != two.is_ok() && (held(&one) || held(&two)), "{one:?} {two:?}");
    assert_eq!(scenario.ask("SELECT number FROM snapshots").await.len(), 1);
    scenario.equals_oracle(0).await;
    // Both know it now.
    for number in [1, 2] {
        scenario.try_sync(number).await.unwrap();
    }
    scenario.equals_oracle(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_collector_that_slept_through_its_lease_can_not_write_into_its_successors_work() {
    let scenario = Scenario::core().await;
    let sleeper = scenario.collector.clone();
    let connection = scenario.stored(0).await;
    let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
    let (fell_asleep, asleep) = oneshot::channel();
    let (wake, woken) = mpsc::channel::<()>();
    let sleep = Mutex::new(Some((fell_asleep, woken)));
    let listener: Listener = Arc::new(move |progress| {
        if let Progress::Rows { table: "users", .. } = progress
            && let Some((fell_asleep, woken)) = sleep.lock().unwrap().take()
        {
            fell_asleep.send(()).unwrap();
            woken.recv().unwrap();
        }
    });
    let (its_connection, its_options) = (connection.clone(), options.clone());
    let slept = tokio::spawn(async move {
        sleeper.sync_inventory(&its_connection, &its_options, listener, &CancellationToken::new()).await
    });
    asleep.await.unwrap();
    let mut successor = scenario.collector.clone();
    successor.holder = LeaseHolder::this_process("the successor", "elsewhere");
    let cancel = CancellationToken::new();
    assert!(held(&successor.sync_inventory(&connection, &options, silent(), &cancel).await));
    scenario.clock.pass(Duration::from_secs(61));
    successor.sync_inventory(&connection, &options, silent(), &cancel).await.unwrap();
    let before = scenario.visible().await;
    wake.send(()).unwrap();
    let error = slept.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "lease_lost");
    assert_eq!(scenario.visible().await, before);
    let state = scenario.stream(0).await.state;
    assert_eq!((state.last_outcome, state.failures), (Some(Outcome::Succeeded), 0));
    scenario.sync_completely().await;
}

#[tokio::test]
async fn a_connection_that_was_changed_during_its_sync_keeps_the_change() {
    let scenario = Scenario::core().await;
    let stale = scenario.stored(0).await;
    let mut edited = stale.clone();
    edited.enabled = false;
    edited.owner_name = Some("Ann".to_owned());
    let now = jumpcloud::Clock::now(&*scenario.collector.clock);
    scenario.collector.store.update_connection(&edited, now).await.unwrap();
    let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
    scenario.collector.sync_inventory(&stale, &options, silent(), &CancellationToken::new()).await.unwrap();
    let stored = scenario.stored(0).await;
    assert_eq!((stored.enabled, stored.owner_name.as_deref()), (false, Some("Ann")));
    assert_eq!(stored.org_name.as_deref(), Some("Benchmark Inc"), "what was learned is there as well");
}
