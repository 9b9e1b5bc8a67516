//! Several organizations in one request: fewer requests, the same events, and nobody pays for another's trouble.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use collect::run_schedule;
use secrecy::SecretString;
use simulator::{Character, Config, EventSpec, Oddities, OrganizationSpec};
use store::events::{Hour, WindowState};
use store::{Connection, StreamKind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::event_support::{HOUR, MINUTE};
use crate::support::{Scenario, scenario};

const EVENTS: &str = "POST /insights/directory/v1/events";
const ORGANIZATIONS: usize = 4;

/// Organizations of one provider, one of them almost silent, and a schedule that only collects their events.
struct Provider {
    scenario: Scenario,
    stop: CancellationToken,
    schedule: JoinHandle<Result<(), collect::Error>>,
}

impl Provider {
    async fn start() -> Self {
        let organizations = (0..ORGANIZATIONS)
            .map(|number| {
                let name = format!("Tenant {number}");
                let mut spec = OrganizationSpec::new(&name, "tenant.example", Character::Growing, 30, 10);
                spec.oddities = Oddities::clean();
                let per_user_day = if number == 3 { 0.02 } else { 60.0 };
                spec.events = EventSpec { per_user_day, retention_days: 2, episodes: false, ..EventSpec::default() };
                spec
            })
            .collect();
        let scenario = scenario(Config { seed: 5, organizations, provider: true }).await;
        scenario.clock.waiting_is_free.store(false, SeqCst);
        for number in 0..ORGANIZATIONS {
            let connection = scenario.stored(number).await;
            give_the_key(&scenario, &connection).await;
        }
        let (stop, collector) = (CancellationToken::new(), scenario.collector.clone());
        let stopping = stop.clone();
        let schedule = tokio::spawn(async move { run_schedule(&collector, &stopping).await });
        let provider = Self { scenario, stop, schedule };
        provider.settle().await;
        provider
    }

    /// Waits until nothing is due. The schedule looks once a second, and may just have looked.
    async fn settle(&self) {
        let patience = Instant::now();
        for looked in 1_u64.. {
            if looked.is_multiple_of(50) {
                self.scenario.clock.pass(Duration::from_secs(1));
            }
            let now = self.scenario.collector.clock.now();
            let streams = self.scenario.collector.store.streams(None).await.unwrap();
            if !streams.iter().any(|stream| stream.next_run_at.is_some_and(|next| next <= now)) {
                return;
            }
            assert!(patience.elapsed() < Duration::from_secs(120), "something is always due: {streams:?}");
            tokio::task::yield_now().await;
        }
    }

    /// Lets the schedule run for so long; no event may wait for longer than two polls meanwhile.
    async fn live(&self, seconds: u64) {
        let until = self.scenario.now_ms() + i64::try_from(seconds).unwrap() * 1000;
        while self.scenario.now_ms() < until {
            self.scenario.clock.pass(Duration::from_secs(10));
            self.settle().await;
        }
        let (hour, until) = (Hour::of(self.scenario.collector.clock.now()), self.scenario.now_ms() - 130_000);
        for number in 0..ORGANIZATIONS {
            let id = self.scenario.id_of(number);
            let stored = self.scenario.collector.store.recompute_window(&id, hour).await.unwrap().stored;
            let issued = self.scenario.world.event_counts(number, hour.start_ms()..until, until).events;
            assert!(stored >= issued, "organization {number}: {stored} of {issued}");
        }
    }

    fn asked(&self) -> u64 {
        self.scenario.world.requests().by_endpoint.get(EVENTS).copied().unwrap_or(0)
    }

    /// All hours that are ripe are sealed for each organization by itself, and hold what was issued.
    async fn ends_well(self) {
        self.stop.cancel();
        self.schedule.await.unwrap().unwrap();
        let ripe = Hour::of(self.scenario.collector.clock.now() - jiff::SignedDuration::from_mins(16));
        // What JumpCloud is about to drop may be gone before it is read.
        let day = Hour::from_number(ripe.number() - 24);
        let mut all = 0;
        for number in 0..ORGANIZATIONS {
            let ledger = self.scenario.ledger_of(number).await;
            assert!(ledger.len() >= 24 || number == 3, "{}", ledger.len());
            for line in ledger.iter().filter(|line| day <= line.hour && line.hour < ripe) {
                assert_eq!(line.state, WindowState::Sealed, "{number} {}: {:?}", line.hour, line.reason);
                let count = self.scenario.hour_equals_oracle(number, line.hour).await;
                assert_eq!(line.counted, Some(count), "counted for itself");
                all += count;
            }
        }
        assert!(all > 500, "{all}");
    }
}

/// Gives a connection the provider's key; its events are due at once, its inventory never.
async fn give_the_key(scenario: &Scenario, connection: &Connection) {
    let store = &scenario.collector.store;
    let key = scenario.world.credentials(0).mtp.unwrap();
    let mut connection = connection.clone();
    connection.credential_last_four = key[key.len() - 4..].to_owned();
    let now = scenario.collector.clock.now();
    let secret = SecretString::from(key);
    store.replace_credential(&connection, &secret, &scenario.collector.key, now).await.unwrap();
    store.set_schedule(&connection.id, StreamKind::Events, "60s", Some(now)).await.unwrap();
    store.set_schedule(&connection.id, StreamKind::Inventory, "1h", None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_a_minute_serves_all_organizations_of_a_key() {
    let provider = Provider::start().await;
    provider.live(20 * MINUTE).await;
    let asked = provider.asked();
    provider.live(30 * MINUTE).await;
    let asked = provider.asked() - asked;
    assert!((20..=40).contains(&asked), "{asked} requests in 30 minutes, alone it would be 120");
    provider.live(HOUR).await;
    provider.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_the_key_does_not_see_fails_alone() {
    let provider = Provider::start().await;
    provider.live(6 * MINUTE).await;
    let scenario = &provider.scenario;
    let mut foreign = scenario.stored(0).await;
    foreign.id = "connection-9".to_owned();
    foreign.name = "Foreign".to_owned();
    foreign.org_id = Some("0".repeat(24));
    let key = scenario.world.credentials(0).mtp.unwrap();
    scenario.add(&foreign, &key).await;
    give_the_key(scenario, &foreign).await;
    for _ in 0..4 {
        provider.live(4 * MINUTE).await;
        for number in 0..ORGANIZATIONS {
            let state = scenario.stream_of(number, StreamKind::Events).await.state;
            assert_eq!(state.failures, 0, "organization {number}");
            // Where time passes while a run is on its way, an hour may have to be proven again: that is nobody's failure.
            let code = state.failure_code.filter(|code| code != "incomplete");
            assert_eq!(code, None, "organization {number}");
        }
    }
    assert!(scenario.stream_of(9, StreamKind::Events).await.state.failures > 0);
    let asked = provider.asked();
    provider.live(10 * MINUTE).await;
    assert!(provider.asked() - asked <= 14, "the others ask together again: {}", provider.asked() - asked);
    provider.live(HOUR).await;
    provider.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_in_one_organization_does_not_hold_up_the_others() {
    let provider = Provider::start().await;
    provider.live(6 * MINUTE).await;
    let at = provider.scenario.now_ms() + 30_000;
    provider.scenario.world.burst_of_events(1, at, 30_000);
    provider.live(3 * MINUTE).await;
    let stored = provider.scenario.ledger_of(1).await.iter().map(|line| line.stored).max().unwrap();
    assert!(stored >= 30_000, "{stored}");
    provider.live(75 * MINUTE).await;
    provider.ends_well().await;
}
