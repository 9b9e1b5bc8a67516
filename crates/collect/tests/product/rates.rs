//! Rate limits and bad hours of the service: obeyed, waited out, and nothing lost.

use std::time::Duration;

use simulator::{Effect, FaultRule, RateLimit, RetryAfter};
use store::Outcome;

use crate::support::{Scenario, scenario, small, started_minutes};

#[tokio::test]
async fn every_form_of_retry_after_is_obeyed_capped_and_nothing_is_lost() {
    for (told, least, most) in [
        (Some(RetryAfter::Seconds(30)), 30, 40),
        (Some(RetryAfter::Date(45)), 45, 60),
        (Some(RetryAfter::Seconds(-5)), 1, 10),
        (Some(RetryAfter::Seconds(1_000_000_000_000)), 3600, 3610),
        (Some(RetryAfter::Text("1e12".to_owned())), 1, 10),
        (None, 1, 10),
    ] {
        let scenario = Scenario::core().await;
        let effect = match &told {
            Some(told) => Effect::too_many_requests(told.clone()),
            None => Effect::status(429),
        };
        scenario.world.faults().add(FaultRule::new(effect).from(6).times(1));
        scenario.sync_completely().await;
        let log = scenario.world.requests().log;
        let at = log.iter().position(|seen| seen.status == 429).unwrap();
        let refused = log[at].at;
        // Requests that were on their way at that moment are there at the same time; the next ones come later.
        let next = log.iter().skip(at).map(|seen| seen.at - refused).find(|after| *after > 0).unwrap() / 1000;
        assert!((least..=most).contains(&next), "{told:?}: {next} s");
    }
}

#[tokio::test]
async fn a_token_bucket_is_kept_to_by_all_lists_together() {
    for retry_after in [true, false] {
        let scenario = scenario(small()).await;
        scenario.world.faults().set_rate_limit(Some(RateLimit { rate: 5.0, burst: 10.0, retry_after }));
        scenario.sync_completely().await;
        let requests = scenario.world.requests();
        assert!(requests.rate_limit_violations > 0, "the limit was met");
        assert!(
            requests.rate_limit_violations * 5 < requests.total,
            "{} refusals of {}",
            requests.rate_limit_violations,
            requests.total
        );
    }
}

#[tokio::test]
async fn a_short_burst_of_server_errors_is_retried_within_the_sync() {
    for status in [500, 502, 503, 504, 408] {
        let scenario = Scenario::core().await;
        let faults = scenario.world.faults();
        faults.add(FaultRule::new(Effect::status(status)).on("/api/systemusers").times(3));
        faults.add(FaultRule::new(Effect::status(status)).on("/api/v2/usergroups/*/members").times(4));
        let report = scenario.sync_completely().await;
        assert!(report.calls.iter().map(|call| call.retries).sum::<u64>() >= 5, "{status}");
    }
}

#[tokio::test]
async fn two_hours_of_unavailability_are_waited_out_with_few_requests_and_no_loss() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let before = scenario.visible().await;
    scenario.world.forget_requests();
    let down = scenario.spoil("*", Effect::status(503));
    let began = scenario.collector.clock.now();
    let mut waits = Vec::new();
    while scenario.collector.clock.now().duration_since(began).as_hours() < 2 {
        assert_eq!(scenario.try_sync(0).await.unwrap_err().code(), "unavailable");
        let wait = scenario.stream(0).await.next_run_at.unwrap().duration_since(scenario.collector.clock.now());
        waits.push(started_minutes(wait));
        scenario.clock.pass(Duration::try_from(wait).unwrap());
    }
    assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
    assert!(scenario.asked() < 100, "{} requests", scenario.asked());
    assert_eq!(scenario.visible().await, before);
    scenario.world.faults().remove(down);
    scenario.sync_completely().await;
    let outcome = scenario.stream(0).await.state.last_outcome;
    assert_eq!(outcome, Some(Outcome::Succeeded));
}
