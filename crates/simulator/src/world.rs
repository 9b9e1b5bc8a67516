//! The whole simulated world: organizations, keys, books, faults and the clock.
//! Responsible for the API that tests use beside HTTP, and for taking a call through admission to its route.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde::Serialize;

use crate::call::{Answer, Call};
use crate::clock::Clock;
use crate::config::Config;
use crate::credentials::{Access, Credentials, KeyRing};
use crate::dice::Dice;
use crate::events::episodes::Episode;
use crate::events::feed::Feed;
use crate::events::truth::{EventCounts, IssuedEvent};
use crate::faults::{Effect, Faults, Hit, Tamper};
use crate::id::Id;
use crate::life::{self, Change};
use crate::oddity::Oddity;
use crate::oracle::checks::{self, Look, Outcomes, Parameters, Reader, View};
use crate::oracle::{self, Oracle};
use crate::requests::{Forbidden, Judgement, Requests, Seen, judge};
use crate::state::{Organization, administrators};
use crate::{directory_insights, lock, oauth, v1, v2};

/// The state behind a running simulator. All methods may be called while it serves.
#[derive(Debug)]
pub struct World {
    clock: Clock,
    organizations: RwLock<Vec<Organization>>,
    provider: Option<Id>,
    keys: Mutex<KeyRing>,
    requests: Mutex<Requests>,
    faults: Faults,
    history: Mutex<Vec<Change>>,
    /// The events of the organizations, by number.
    feeds: Vec<Feed>,
    /// The events of the multi-tenant portal.
    portal: Option<Feed>,
}

/// What an organization is called.
#[derive(Clone, Debug, Serialize)]
pub struct OrganizationInfo {
    /// The organization id.
    pub id: Id,
    /// The display name.
    pub name: String,
}

/// What a route may look at.
pub(crate) struct Scene<'a> {
    pub(crate) call: &'a Call,
    pub(crate) access: Access,
    pub(crate) organization: &'a Organization,
    pub(crate) organizations: &'a [Organization],
    pub(crate) provider: Option<Id>,
    pub(crate) tamper: &'a Tamper,
    pub(crate) now: i64,
    /// Number of `organization`.
    pub(crate) shown: usize,
    pub(crate) feeds: &'a [Feed],
    pub(crate) portal: Option<&'a Feed>,
}

/// An answer with the faults that the wire must add.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) hits: Vec<Hit>,
    pub(crate) delay: Duration,
}

impl World {
    /// Grows the world. `World` is usually had from [`crate::Running::world`].
    pub fn new(config: &Config, clock: Clock) -> Self {
        let now = clock.now();
        let mut organizations: Vec<Organization> = config
            .organizations
            .iter()
            .enumerate()
            .map(|(number, spec)| Organization::grow(config.seed, number, spec, now))
            .collect();
        let provider =
            config.provider.then(|| Id::new(now - 86_400_000_000, Dice::of(config.seed, "provider", 0).next()));
        let feeds = organizations
            .iter()
            .zip(&config.organizations)
            .map(|(organization, spec)| Feed::of(organization, spec.events));
        let feeds = feeds.collect();
        let portal = provider.and_then(|provider| Feed::of_provider(provider, &organizations));
        let keys = KeyRing::new(config.seed, &organizations, config.provider);
        for (organization, credentials) in organizations.iter_mut().zip(&keys.credentials) {
            administrators::own_key(&mut organization.documents, administrators::READ_ONLY, &credentials.read_only);
            administrators::own_key(&mut organization.documents, administrators::ROLES[0], &credentials.administrator);
        }
        Self {
            clock,
            provider,
            feeds,
            portal,
            keys: Mutex::new(keys),
            organizations: RwLock::new(organizations),
            requests: Mutex::default(),
            faults: Faults::default(),
            history: Mutex::default(),
        }
    }

    /// Ids and names of the organizations, by number.
    pub fn organizations(&self) -> Vec<OrganizationInfo> {
        let organizations = self.read();
        let info = |organization: &Organization| OrganizationInfo {
            id: organization.profile.id,
            name: organization.profile.name.clone(),
        };
        organizations.iter().map(info).collect()
    }

    /// Id of the provider (MTP), when there is one.
    pub fn provider(&self) -> Option<Id> {
        self.provider
    }

    /// The keys of an organization.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn credentials(&self, organization: usize) -> Credentials {
        lock(&self.keys).credentials[organization].clone()
    }

    /// Generates a new read-only key; the old one is dead at once. Returns the new key.
    pub fn replace_api_key(&self, organization: usize) -> String {
        let mut organizations = self.write();
        let key = lock(&self.keys).replace(organization);
        let documents = &mut organizations[organization].documents;
        administrators::renew_key(documents, administrators::READ_ONLY, &key, self.clock.now());
        key
    }

    /// Ends one key or token.
    pub fn expire_key(&self, key: &str) {
        lock(&self.keys).expire(key);
    }

    /// Ends every key and token of every organization, as after a breach.
    pub fn revoke_all_keys(&self) {
        lock(&self.keys).revoke_all();
    }

    /// Makes every key that was ever issued work again.
    pub fn restore_all_keys(&self) {
        lock(&self.keys).restore_all();
    }

    /// The faults, to be added and cleared while the simulator runs.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How many requests tried to change something. A read-only client leaves this at 0.
    pub fn writes_attempted(&self) -> u64 {
        lock(&self.requests).writes_attempted
    }

    /// Every request outside the allowed reads: writes, secrets, unknown routes.
    pub fn forbidden_calls(&self) -> Vec<Forbidden> {
        lock(&self.requests).forbidden.clone()
    }

    /// The books: counters by endpoint and status, the log, and the most requests at one time.
    pub fn requests(&self) -> Requests {
        let mut requests = lock(&self.requests).clone();
        requests.rate_limit_violations = self.faults.rate_limit_violations();
        requests
    }

    /// Empties the books; requests in work stay counted as such.
    pub fn forget_requests(&self) {
        let mut requests = lock(&self.requests);
        let in_flight = requests.in_flight;
        *requests = Requests { in_flight, most_in_flight: in_flight, ..Requests::default() };
    }

    /// Moves the clock forward and lets life go on: people join, change and leave, devices are enrolled, wiped and
    /// installed anew, groups and bindings change, agents report. Returns what changed, by organization.
    pub fn advance(&self, by: Duration) -> Vec<Change> {
        // Organizations stay locked until everything is told, so that no reader sees half of it.
        let mut organizations = self.write();
        self.clock.advance(by);
        let now = self.clock.now();
        let from = now.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        let changes: Vec<Change> = organizations
            .iter_mut()
            .zip(&self.feeds)
            .map(|(organization, feed)| {
                let change = life::advance(organization, now);
                feed.live(organization, &change, from, now);
                change
            })
            .collect();
        drop(organizations);
        lock(&self.history).extend(changes.iter().cloned());
        changes
    }

    /// Changes details of exactly this share of the users and devices of an organization, chosen repeatably.
    /// Returns what changed.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn mutate_percent(&self, organization: usize, percent: f64) -> Change {
        let now = self.clock.now();
        let mut organizations = self.write();
        let change = life::mutate(&mut organizations[organization], percent);
        self.feeds[organization].live(&organizations[organization], &change, now, now);
        drop(organizations);
        lock(&self.history).push(change.clone());
        change
    }

    /// What is true of an organization now, computed from the state and not from answers.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn oracle(&self, organization: usize) -> Oracle {
        let organizations = self.read();
        let mut oracle = oracle::of(&organizations[organization]);
        oracle.changes =
            lock(&self.history).iter().filter(|change| change.organization == oracle.organization).cloned().collect();
        oracle
    }

    /// The same with what every check must say of every thing, seen in one way. This reads up to 90 days of events, so
    /// it takes longer than [`World::oracle`].
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn oracle_with_checks(&self, organization: usize, view: &View) -> Oracle {
        let mut oracle = self.oracle(organization);
        oracle.checks = self.checks(organization, view);
        oracle
    }

    /// What every check says of every thing now, by the check's id. Checks that lie outside are missing (see
    /// [`Check::is_outside`]).
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn checks(&self, organization: usize, view: &View) -> BTreeMap<&'static str, Outcomes> {
        let credentials = self.credentials(organization);
        let key = match view.reader {
            Reader::ReadOnly => &credentials.read_only,
            Reader::Administrator => &credentials.administrator,
        };
        let organizations = self.read();
        let look = Look::new(&organizations[organization], self.clock.now(), &self.feeds[organization], view, key);
        checks::all().filter_map(|check| Some((check.id, check.outcomes(&look)?))).collect()
    }

    /// Parameters under which every check says something of this organization, where the defaults say nothing.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn example_parameters(&self, organization: usize) -> Parameters {
        Parameters::example(&self.read()[organization])
    }

    /// Every event of an organization whose time lies in `range` (epoch milliseconds) and that can be read at `now`, in
    /// order; use `i64::MAX` for also those that are still on their way. Retention is left to the caller.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn events(&self, organization: usize, range: Range<i64>, now: i64) -> Vec<IssuedEvent> {
        let mut events = Vec::new();
        self.for_each_event(organization, range, now, |event| events.push(event));
        events
    }

    /// The same one by one, for ranges with very many events.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn for_each_event(&self, organization: usize, range: Range<i64>, now: i64, tell: impl FnMut(IssuedEvent)) {
        self.feeds[organization].issued(range, now, tell);
    }

    /// The same as JSON text, each event exactly as pages show it; for input of other programs and benchmarks.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn for_each_event_text(&self, organization: usize, range: Range<i64>, now: i64, tell: impl FnMut(&str)) {
        self.feeds[organization].texts(range, now, tell);
    }

    /// Counts of the same events by service and type, and a hash over their ids.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn event_counts(&self, organization: usize, range: Range<i64>, now: i64) -> EventCounts {
        self.feeds[organization].counts(range, now)
    }

    /// The events of the multi-tenant portal, as [`World::events`] tells those of an organization.
    pub fn portal_events(&self, range: Range<i64>, now: i64) -> Vec<IssuedEvent> {
        let mut events = Vec::new();
        self.portal.iter().for_each(|feed| feed.issued(range.clone(), now, |event| events.push(event)));
        events
    }

    /// The attacks and near misses that begin in `range` (epoch milliseconds), oldest first.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn episodes(&self, organization: usize, range: Range<i64>) -> Vec<Episode> {
        self.feeds[organization].episodes(range.start, range.end)
    }

    /// Puts `count` events of an organization into one millisecond.
    ///
    /// # Panics
    /// When there is no organization of that number.
    pub fn burst_of_events(&self, organization: usize, at: i64, count: u32) {
        self.feeds[organization].burst(at, count);
    }

    /// The clock of the world.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Takes a call through books, admission, limits and faults to its route.
    pub(crate) fn handle(&self, call: &Call) -> Outcome {
        let now = self.clock.now();
        let parts = call.parts();
        let endpoint = format!("{} {}", call.method, call.template());
        lock(&self.requests).begin(&endpoint);
        let judgement = judge(&call.method, &parts);
        let organizations = self.read();
        let admitted = lock(&self.keys).admit(call, &organizations, now);
        let number = admitted.as_ref().ok().and_then(|access| access.organization);
        let hits = self.faults.hit(&endpoint, &call.path, number);
        let mut outcome = Outcome { answer: Answer::not_found(), delay: self.faults.latency(), hits };
        outcome.answer = self.decide(call, judgement, admitted, &organizations, &outcome.hits, now);
        let target = call.query.iter().fold(call.path.clone(), |target, (name, value)| {
            let separator = if target.contains('?') { '&' } else { '?' };
            format!("{target}{separator}{name}={value}")
        });
        let status = outcome.hits.iter().find_map(|hit| hit.effect.status_shown()).unwrap_or(outcome.answer.status);
        lock(&self.requests).note(Seen { at: now, method: call.method.clone(), target, organization: number, status });
        outcome
    }

    /// Says that the last byte of an answer was sent, or given up.
    pub(crate) fn finished(&self) {
        lock(&self.requests).end();
    }

    /// The organizations, for reading.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Vec<Organization>> {
        self.organizations.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, for the token route.
    pub(crate) fn keys(&self) -> &Mutex<KeyRing> {
        &self.keys
    }

    /// What happened so far, for the control face.
    pub(crate) fn history(&self) -> Vec<Change> {
        lock(&self.history).clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Organization>> {
        self.organizations.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(
        &self,
        call: &Call,
        judgement: Judgement,
        admitted: Result<Access, Answer>,
        organizations: &[Organization],
        hits: &[Hit],
        now: i64,
    ) -> Answer {
        match judgement {
            Judgement::Write => {
                lock(&self.requests).forbid(&call.method, &call.path, true);
                return Answer::message(405, "Method Not Allowed");
            }
            Judgement::Secret => {
                lock(&self.requests).forbid(&call.method, &call.path, false);
                return Answer::forbidden();
            }
            Judgement::Read => {}
        }
        match call.parts().as_slice() {
            ["oauth2", "token"] => return oauth::token(self, call, now),
            ["login"] => {
                let page = "<!doctype html><title>Log in</title><p>Log in to continue.".to_owned();
                return Answer { content_type: crate::call::HTML, ..Answer::json(page) };
            }
            _ => {}
        }
        let access = match admitted {
            Ok(access) => access,
            Err(refusal) => return refusal,
        };
        let mut shown = access.organization.unwrap_or(0);
        if let Some(refusal) = access.organization.and_then(|number| self.faults.refuse(number, now)) {
            return refusal;
        }
        for hit in hits {
            if let Effect::OtherOrganization { organization } = &hit.effect {
                shown = *organization;
            }
        }
        let Some(organization) = organizations.get(shown) else { return Answer::not_found() };
        if organization.profile.oddities.has(Oddity::UnavailableBursts) && lock(&self.requests).total % 40 < 2 {
            return Answer::message(503, "Service Unavailable");
        }
        let tamper = Tamper::of(hits, organization.profile.oddities);
        let (provider, portal) = (self.provider, self.portal.as_ref());
        let (tamper, feeds) = (&tamper, self.feeds.as_slice());
        let scene = Scene { call, access, organization, organizations, provider, tamper, now, shown, feeds, portal };
        let parts = call.parts();
        let answer = match parts.as_slice() {
            ["api", "v2", rest @ ..] => v2::route(&scene, rest),
            ["api", rest @ ..] => v1::route(&scene, rest),
            ["insights", "directory", "v1", rest @ ..] => directory_insights::route(&scene, rest),
            _ => None,
        };
        answer.unwrap_or_else(|| {
            lock(&self.requests).forbid(&call.method, &call.path, false);
            Answer::not_found()
        })
    }
}
