//! Runs of events that end before their end: what was committed stays, and nothing comes twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use collect::{Error, Listener};
use simulator::{Effect, FaultRule, Oddities};
use store::Outcome;
use tokio_util::sync::CancellationToken;

use crate::event_support::{MINUTE, busy};
use crate::support::scenario;

/// A listener that cancels at the so-manieth piece of news.
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

#[tokio::test]
async fn a_run_that_is_stopped_at_any_point_goes_on_from_there() {
    let scenario = scenario(busy(Oddities::clean())).await;
    // Several pages an hour, so that hours are left in the middle.
    let small = Effect::PageLimit { rows: 5 };
    scenario.world.faults().add(FaultRule::new(small).on("/insights/directory/v1/events"));
    let mut cancelled = 0;
    for news in (1..60).cycle() {
        let (listener, reached) = after_news(news);
        match scenario.events_as(listener, &reached).await {
            Ok(_) => break,
            Err(Error::Cancelled) => cancelled += 1,
            Err(error) => panic!("{error}"),
        }
        scenario.sealed_hours_are_true().await;
        let run = scenario.collector.store.runs(None, 1).await.unwrap().remove(0);
        assert_eq!(run.outcome, Some(Outcome::Cancelled));
        scenario.clock.pass(Duration::from_secs(MINUTE));
    }
    assert!(cancelled >= 10, "{cancelled}");
    scenario.events_equal_oracle().await;
    scenario.sealed_hours_are_true().await;
}

#[tokio::test]
async fn a_run_that_is_dropped_at_any_point_goes_on_from_there() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let small = Effect::PageLimit { rows: 5 };
    scenario.world.faults().add(FaultRule::new(small).on("/insights/directory/v1/events"));
    let mut dropped = 0;
    for news in (1..60).cycle() {
        let (listener, reached) = after_news(news);
        let never = CancellationToken::new();
        tokio::select! {
            biased;
            () = reached.cancelled() => dropped += 1,
            result = scenario.events_as(listener, &never) => {
                if result.is_ok() {
                    break;
                }
            }
        }
        // The lease of the dropped run is this process's own: it ends by itself.
        scenario.clock.pass(Duration::from_secs(2 * MINUTE));
    }
    assert!(dropped >= 10, "{dropped}");
    scenario.events_equal_oracle().await;
}
