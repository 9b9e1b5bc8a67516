//! The schedule when the clock does not run as it should: it neither floods nor stops.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use collect::events::event_lease_name;
use collect::{Error, inventory_lease_name, run_schedule};
use simulator::{Character, Config, EventSpec, OrganizationSpec};
use store::{Asked, LeaseHolder, Outcome, StreamKind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{CORE, Scenario, scenario, small};

/// How many syncs have ended.
async fn ended(scenario: &Scenario) -> usize {
    let runs = scenario.collector.store.runs(None, 10_000).await.unwrap();
    runs.iter().filter(|run| run.outcome.is_some()).count()
}

/// Lets half a minute pass at most until this many syncs have ended in all; a busy machine may need longer for them.
async fn wait_for(scenario: &Scenario, syncs: usize, why: &str) {
    let mut seconds = 0;
    let patience = Instant::now();
    while ended(scenario).await < syncs {
        if seconds < 30 {
            scenario.clock.pass(Duration::from_secs(1));
            seconds += 1;
        }
        assert!(patience.elapsed() < Duration::from_secs(120), "{why}: {} of {syncs} syncs", ended(scenario).await);
    }
}

/// Lets time pass in steps; no sync may begin.
async fn nothing_for(scenario: &Scenario, minutes: u64, why: &str) {
    let before = scenario.collector.store.runs(None, 10_000).await.unwrap().len();
    for _ in 0..minutes {
        scenario.clock.pass(Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(scenario.collector.store.runs(None, 10_000).await.unwrap().len(), before, "{why}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_neither_floods_nor_stops_the_schedule() {
    const DAY: i64 = 86_400;
    let mut scenario = scenario(small()).await;
    scenario.only(CORE);
    scenario.clock.waiting_is_free.store(false, SeqCst);
    let stop = CancellationToken::new();
    let (collector, stopping) = (scenario.collector.clone(), stop.clone());
    let schedule = tokio::spawn(async move { run_schedule(&collector, &stopping).await });
    wait_for(&scenario, 1, "the first sync is due at once").await;
    nothing_for(&scenario, 50, "the schedule is hourly").await;
    scenario.clock.pass(Duration::from_secs(600));
    wait_for(&scenario, 2, "an hour has passed").await;
    let mut syncs = 2;
    for jump in [DAY, 3650 * DAY, -3650 * DAY, -DAY, -7 * DAY, 8 * DAY] {
        scenario.clock.set_by(jump);
        syncs += 1;
        wait_for(&scenario, syncs, &format!("the clock was set by {} days", jump / DAY)).await;
        nothing_for(&scenario, 50, &format!("one catch-up is enough after {} days", jump / DAY)).await;
        scenario.clock.pass(Duration::from_secs(600));
        syncs += 1;
        wait_for(&scenario, syncs, &format!("the next hour after {} days", jump / DAY)).await;
    }
    stop.cancel();
    schedule.await.unwrap().unwrap();
    assert_eq!(ended(&scenario).await, syncs);
    scenario.equals_oracle(0).await;
}

#[tokio::test]
async fn a_dead_key_is_probed_every_quarter_of_an_hour_and_no_more() {
    let mut scenario = scenario(small()).await;
    scenario.only(CORE);
    scenario.clock.waiting_is_free.store(false, SeqCst);
    scenario.world.revoke_all_keys();
    let stop = CancellationToken::new();
    let (collector, stopping) = (scenario.collector.clone(), stop.clone());
    let schedule = tokio::spawn(async move { run_schedule(&collector, &stopping).await });
    wait_for(&scenario, 1, "the first sync is due at once").await;
    for probe in 2..5 {
        nothing_for(&scenario, 14, "too early for a probe").await;
        scenario.clock.pass(Duration::from_secs(60));
        wait_for(&scenario, probe, "a quarter of an hour has passed").await;
    }
    assert_eq!(scenario.asked(), 4, "one request for each probe");
    scenario.world.restore_all_keys();
    scenario.clock.pass(Duration::from_secs(900));
    wait_for(&scenario, 5, "the key works again").await;
    stop.cancel();
    schedule.await.unwrap().unwrap();
    scenario.equals_oracle(0).await;
}

/// A scenario in which nothing runs by itself.
async fn idle() -> Scenario {
    let scenario = Scenario::core().await;
    scenario.clock.waiting_is_free.store(false, SeqCst);
    scenario.collector.store.set_schedule("connection-0", StreamKind::Inventory, "1h", None).await.unwrap();
    scenario
}

/// Mara wants the inventory now.
async fn ask(scenario: &Scenario) -> Asked {
    let asked = Asked { at: scenario.collector.clock.now(), by: "mara".to_owned() };
    assert!(scenario.collector.store.ask_for_run("connection-0", StreamKind::Inventory, &asked).await.unwrap());
    asked
}

/// The schedule of a process with this name.
fn start(scenario: &Scenario, name: &str, stop: &CancellationToken) -> JoinHandle<Result<(), Error>> {
    let mut collector = scenario.collector.clone();
    name.clone_into(&mut collector.name);
    collector.holder = LeaseHolder::this_process(name, name);
    let stop = stop.clone();
    tokio::spawn(async move { run_schedule(&collector, &stop).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_asks_for_is_run_once_and_by_a_process_that_may() {
    let scenario = idle().await;
    let store = &scenario.collector.store;
    let mut connection = scenario.stored(0).await;
    connection.collector = Some("there".to_owned());
    connection.enabled = false;
    store.update_connection(&connection, scenario.collector.clock.now()).await.unwrap();
    let asked = ask(&scenario).await;
    let again = store.ask_for_run("connection-0", StreamKind::Inventory, &asked).await.unwrap();
    assert!(!again, "it was asked for already");
    let stop = CancellationToken::new();
    let here = start(&scenario, "here", &stop);
    nothing_for(&scenario, 3, "it is pinned to another collector").await;
    let there = start(&scenario, "there", &stop);
    wait_for(&scenario, 1, "it was asked for").await;
    // The run has ended a moment before it is no longer asked for.
    while scenario.stream(0).await.asked.is_some() {
        tokio::task::yield_now().await;
    }
    nothing_for(&scenario, 30, "once is enough").await;
    let run = store.runs(None, 1).await.unwrap().remove(0);
    assert_eq!(run.started_by, "mara");
    assert!(run.collector.starts_with("there "), "{}", run.collector);
    stop.cancel();
    here.await.unwrap().unwrap();
    there.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_asked_for_is_left_to_the_next_process_when_this_one_stops() {
    let scenario = idle().await;
    scenario.world.faults().set_latency(Duration::from_millis(20));
    let asked = ask(&scenario).await;
    let stop = CancellationToken::new();
    let first = start(&scenario, "here", &stop);
    while scenario.asked() < 5 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    first.await.unwrap().unwrap();
    assert_eq!(scenario.stream(0).await.asked, Some(asked));
    scenario.world.faults().set_latency(Duration::ZERO);
    let stop = CancellationToken::new();
    let second = start(&scenario, "there", &stop);
    wait_for(&scenario, 2, "it is still asked for").await;
    stop.cancel();
    second.await.unwrap().unwrap();
    let outcomes: Vec<_> =
        scenario.collector.store.runs(None, 9).await.unwrap().into_iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Succeeded), Some(Outcome::Cancelled)]);
    scenario.equals_oracle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_stopped_by_a_word_in_the_store() {
    let scenario = idle().await;
    // The word is looked for once a second.
    scenario.world.faults().set_latency(Duration::from_millis(1500));
    let connection = scenario.stored(0).await;
    let stopping = async {
        while scenario.asked() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(scenario.collector.store.ask_to_stop(&inventory_lease_name(&connection)).await.unwrap());
    };
    let (ended, ()) = tokio::join!(scenario.try_sync(0), stopping);
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert!(!scenario.collector.store.ask_to_stop(&inventory_lease_name(&connection)).await.unwrap());
    scenario.world.faults().set_latency(Duration::ZERO);
    // The next one is not the one that was to stop.
    scenario.sync_completely().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_that_are_due_at_once_run_a_few_at_a_time_and_all_of_them() {
    const MANY: usize = 24;
    let organizations = (0..MANY).map(|number| {
        let mut spec = OrganizationSpec::new(&format!("Tenant {number}"), "tenant.example", Character::Tidy, 3, 2);
        spec.events = EventSpec { retention_days: 1, episodes: false, ..EventSpec::default() };
        spec
    });
    let scenario = scenario(Config { seed: 3, organizations: organizations.collect(), provider: false }).await;
    scenario.clock.waiting_is_free.store(false, SeqCst);
    let (store, now) = (&scenario.collector.store, scenario.collector.clock.now());
    for number in 0..MANY {
        let id = format!("connection-{number}");
        store.set_schedule(&id, StreamKind::Inventory, "1h", None).await.unwrap();
        store.set_schedule(&id, StreamKind::Events, "60s", Some(now)).await.unwrap();
    }
    let stop = CancellationToken::new();
    let (collector, stopping) = (scenario.collector.clone(), stop.clone());
    let schedule = tokio::spawn(async move { run_schedule(&collector, &stopping).await });
    let connections = store.connections().await.unwrap();
    let (mut most, patience) = (0, Instant::now());
    loop {
        let mut running = 0;
        for connection in &connections {
            let holder = store.lease_holder(&event_lease_name(connection), "here", now).await.unwrap();
            running += usize::from(holder.is_some());
        }
        most = most.max(running);
        let streams = store.streams(None).await.unwrap();
        if streams.iter().filter(|stream| stream.state.last_success_at.is_some()).count() == MANY {
            break;
        }
        assert!(patience.elapsed() < Duration::from_secs(120), "{most} at once");
    }
    stop.cancel();
    schedule.await.unwrap().unwrap();
    // Leases are looked at one after the other, so one that ends and one that begins may both be seen.
    assert!((1..=8).contains(&most), "{most} at once");
}
