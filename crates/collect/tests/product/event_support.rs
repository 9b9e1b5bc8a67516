//! What the tests of events start from, and how the store is held against the simulator's oracle: for every hour, the
//! identities that are stored are those of the events that were issued, no more and no less.

use std::collections::BTreeSet;
use std::time::Duration;

use collect::events::{Coverage, EventOptions, EventReport, coverage};
use collect::{Error, Listener, silent};
use jiff::Timestamp;
use ocsf::{Mapper, Received};
use sha2::{Digest as _, Sha256};
use simulator::{Character, Config, EventSpec, Oddities, OrganizationSpec};
use store::events::{Hour, Window, WindowState};
use tokio_util::sync::CancellationToken;

use crate::support::Scenario;

pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// One organization of 40 people that keeps its events for ten days.
pub(crate) fn busy(oddities: Oddities) -> Config {
    let mut spec = OrganizationSpec::new("Event Ltd", "event.example", Character::Growing, 40, 30);
    spec.oddities = oddities;
    spec.events = EventSpec { retention_days: 10, ..EventSpec::default() };
    Config { seed: 11, organizations: vec![spec], provider: true }
}

impl Scenario {
    /// The first hour of most tests: two days before the clock's start.
    pub(crate) fn since() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    pub(crate) async fn try_events(&self) -> Result<EventReport, Error> {
        self.events_as(silent(), &CancellationToken::new()).await
    }

    pub(crate) async fn events_as(&self, listener: Listener, cancel: &CancellationToken) -> Result<EventReport, Error> {
        let options = EventOptions { since: Some(Self::since()), ..EventOptions::by("test") };
        self.collector.sync_events(&self.stored(0).await, &options, listener, cancel).await
    }

    pub(crate) async fn sync_the_events(&self) -> EventReport {
        self.try_events().await.unwrap()
    }

    /// Lets time pass and syncs at the end of each step.
    pub(crate) async fn live(&self, steps: u64, step: u64) -> u64 {
        let mut late = 0;
        for _ in 0..steps {
            self.clock.pass(Duration::from_secs(step));
            late += self.sync_the_events().await.late;
        }
        late
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.collector.clock.now().as_millisecond()
    }

    /// The id of an organization.
    pub(crate) fn id_of(&self, number: usize) -> String {
        self.world.organizations()[number].id.to_string()
    }

    /// The whole ledger of the first organization.
    pub(crate) async fn ledger(&self) -> Vec<Window> {
        self.ledger_of(0).await
    }

    /// The whole ledger of an organization.
    pub(crate) async fn ledger_of(&self, number: usize) -> Vec<Window> {
        let end = Hour::from_number(i64::from(i32::MAX));
        self.collector.store.event_windows(&self.id_of(number), Hour::from_number(0), end).await.unwrap()
    }

    pub(crate) async fn coverage(&self) -> Coverage {
        coverage(&self.ledger().await, self.collector.clock.now())
    }

    /// How many events were issued in an hour and could be read by now, and the hash over their identities.
    pub(crate) fn issued(&self, hour: Hour) -> (u64, String) {
        self.issued_of(0, hour)
    }

    fn issued_of(&self, number: usize, hour: Hour) -> (u64, String) {
        let org_id = self.id_of(number);
        let received = Received { organization: Some(&org_id), ..Received::at(0) };
        let mut mapper = Mapper::new();
        let mut uids = BTreeSet::new();
        self.world.for_each_event_text(number, hour.start_ms()..hour.end_ms(), self.now_ms(), |text| {
            uids.insert(mapper.read(text).uid(&received).into_bytes());
        });
        let mut sha = Sha256::new();
        uids.iter().for_each(|uid| sha.update(uid));
        (uids.len() as u64, data_encoding::HEXLOWER.encode(&sha.finalize()))
    }

    /// Every hour from the ledger's first to now holds exactly what was issued.
    pub(crate) async fn events_equal_oracle(&self) {
        let first = self.ledger().await.first().unwrap().hour;
        let mut all = 0;
        let mut hour = first;
        while hour <= Hour::of(self.collector.clock.now()) {
            all += self.hour_equals_oracle(0, hour).await;
            hour = hour.next();
        }
        assert!(all > 100, "{all} events are no test");
    }

    /// An hour of an organization holds exactly what was issued; returns how many that are.
    pub(crate) async fn hour_equals_oracle(&self, number: usize, hour: Hour) -> u64 {
        let (count, identities) = self.issued_of(number, hour);
        let found = self.collector.store.recompute_window(&self.id_of(number), hour).await.unwrap();
        assert_eq!(found.stored, count, "events of {hour}");
        assert_eq!(found.identities, identities, "identities of {hour}");
        count
    }

    /// Whatever is called proven is true.
    pub(crate) async fn sealed_hours_are_true(&self) -> usize {
        let sealed: Vec<Window> =
            self.ledger().await.into_iter().filter(|window| window.state == WindowState::Sealed).collect();
        for window in &sealed {
            self.hour_equals_oracle(0, window.hour).await;
            assert_eq!(window.identities.as_ref(), Some(&self.issued(window.hour).1));
        }
        sealed.len()
    }

    /// Every hour that is over, and the allowance for late events with it, is sealed.
    pub(crate) async fn is_proven(&self) {
        let coverage = self.coverage().await;
        let ripe = self.collector.clock.now() - jiff::SignedDuration::from_mins(15);
        assert_eq!(coverage.sealed_to, Some(Hour::of(ripe).start()), "{:?}", coverage.differing);
        assert_eq!(coverage.gaps, []);
    }
}
