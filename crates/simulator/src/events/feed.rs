//! The events of one organization (or of the provider), hour by hour, with the hours that were asked for lately kept.
//! Responsible for putting together what is drawn, planted and changed by life. It never renders anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::episodes::{self, Cycle, Episode};
use super::hour::{self, Hour, Planted, Pools};
use super::part::Part;
use super::places::PlaceNumber;
use super::roster::{Roster, Things};
use super::slot::Slot;
use super::{catalogue, changes};
use crate::config::{Character, EventSpec, Lateness};
use crate::dice::{Dice, mix};
use crate::id::Id;
use crate::life::Change;
use crate::lock;
use crate::oddity::Oddity;
use crate::state::{Organization, Profile};
use crate::time::{DAY, HOUR};

/// How many slots are kept ready; about 32 bytes each.
const MOST_SLOTS_KEPT: usize = 1_000_000;
/// The inventory of events is renewed at most so often; who left is known at once all the same.
const ROSTER_LASTS: i64 = HOUR;

/// What decides the events of a feed and never changes.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) profile: Profile,
    pub(crate) events: EventSpec,
    pub(crate) lateness: Option<Lateness>,
    pub(crate) home: PlaceNumber,
    pub(crate) pools: Pools,
    /// Set for the feed of the multi-tenant portal.
    pub(crate) provider: Option<Id>,
    /// Whether any event is strange in itself.
    pub(crate) strange: bool,
}

/// The events of one organization or provider.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) source: Source,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rosters: Vec<Arc<Roster>>,
    gone: Arc<HashMap<Id, i64>>,
    /// Changes of life and bursts, by hour.
    planted: BTreeMap<i64, Vec<Planted>>,
    cycles: HashMap<i64, Arc<Cycle>>,
    hours: HashMap<i64, (Arc<Hour>, u64)>,
    slots_kept: usize,
    /// Number of events and time of the last publication, by hour; kept for all hours ever asked for.
    sums: HashMap<i64, (u64, i64)>,
    uses: u64,
    bursts: u64,
}

impl Source {
    /// Whether the organization has an oddity.
    pub(crate) fn has(&self, oddity: Oddity) -> bool {
        self.profile.oddities.has(oddity)
    }

    fn new(profile: Profile, events: EventSpec, provider: Option<Id>) -> Self {
        let has = |oddity| profile.oddities.has(oddity);
        let lateness = events.lateness.or_else(|| has(Oddity::LateEvents).then(Lateness::field));
        let strange = [Oddity::EventsWithoutId, Oddity::OddTimestamps, Oddity::OddValues, Oddity::StrayCharacters]
            .into_iter()
            .any(has);
        let pools = Pools::of(provider.is_some(), has(Oddity::UndocumentedEvents));
        let home = match profile.character {
            Character::Tidy => 0,
            Character::Neglected => 3,
            Character::Growing => 6,
        };
        Self { profile, events, lateness, home, pools, provider, strange }
    }
}

impl Feed {
    /// The feed of an organization.
    pub(crate) fn of(organization: &Organization, events: EventSpec) -> Self {
        let things = Arc::new(Things::of(organization));
        let roster = Roster::of(organization, i64::MIN, things);
        Self::new(Source::new(organization.profile.clone(), events, None), roster)
    }

    /// The feed of the multi-tenant portal.
    pub(crate) fn of_provider(provider: Id, organizations: &[Organization]) -> Option<Self> {
        let first = organizations.first()?;
        let profile = Profile { seed: mix(first.profile.seed ^ provider.entropy()), ..first.profile.clone() };
        let things = Arc::new(Things::of_provider(provider, organizations));
        let events = EventSpec { episodes: false, ..EventSpec::default() };
        Some(Self::new(Source::new(profile, events, Some(provider)), Roster::of_provider(things)))
    }

    fn new(source: Source, roster: Roster) -> Self {
        let inner = Inner { rosters: vec![Arc::new(roster)], ..Inner::default() };
        Self { source, inner: Mutex::new(inner) }
    }

    /// The events of the hour with this number (hours since 1970).
    pub(crate) fn hour(&self, number: i64) -> Arc<Hour> {
        let mut inner = lock(&self.inner);
        inner.uses += 1;
        let uses = inner.uses;
        if let Some((hour, used)) = inner.hours.get_mut(&number) {
            *used = uses;
            return Arc::clone(hour);
        }
        let hour = Arc::new(inner.draw(&self.source, number));
        inner.slots_kept += hour.slots.len();
        inner.sums.insert(number, (hour.slots.len() as u64, hour.complete_at));
        inner.hours.insert(number, (Arc::clone(&hour), uses));
        while inner.slots_kept > MOST_SLOTS_KEPT && inner.hours.len() > 2 {
            let oldest = inner.hours.iter().min_by_key(|(_, (_, used))| *used).map(|(number, _)| *number);
            let Some((dropped, _)) = oldest.and_then(|number| inner.hours.remove(&number)) else { break };
            inner.slots_kept -= dropped.slots.len();
        }
        hour
    }

    /// How many events an hour has and when the last of them can be read.
    pub(crate) fn sum(&self, number: i64) -> (u64, i64) {
        if let Some(sum) = lock(&self.inner).sums.get(&number) {
            return *sum;
        }
        let hour = self.hour(number);
        (hour.slots.len() as u64, hour.complete_at)
    }

    /// The attacks that begin in a range of time.
    pub(crate) fn episodes(&self, from: i64, to: i64) -> Vec<Episode> {
        let mut inner = lock(&self.inner);
        let cycles = episodes::cycle_of(from)..=episodes::cycle_of(to);
        let cycles: Vec<Arc<Cycle>> = cycles.map(|number| inner.cycle(&self.source, number)).collect();
        let mut found: Vec<Episode> = cycles
            .iter()
            .flat_map(|cycle| cycle.episodes.iter())
            .filter(|episode| (from..to).contains(&episode.from))
            .cloned()
            .collect();
        found.sort_by_key(|episode| episode.from);
        found
    }

    /// Life went on in `from..now`: tells the changes as events and the future with the new inventory.
    pub(crate) fn live(&self, organization: &Organization, change: &Change, from: i64, now: i64) {
        let mut inner = lock(&self.inner);
        let last = inner.rosters.last().map(Arc::clone);
        let Some(last) = last else { return };
        let planted = changes::told(&self.source, organization, &last, change, from, now);
        for (slot, part) in planted {
            inner.planted.entry(slot.time.div_euclid(HOUR)).or_default().push((slot, part));
        }
        let leavers = change.users_left.iter().chain(&change.devices_removed).chain(&change.users_suspended);
        let leavers: Vec<Id> = leavers.copied().collect();
        if !leavers.is_empty() {
            let mut gone = HashMap::clone(&inner.gone);
            gone.extend(leavers.into_iter().map(|id| (id, from)));
            inner.gone = Arc::new(gone);
        }
        if now - last.since.max(now - 2 * ROSTER_LASTS) >= ROSTER_LASTS {
            let roster = Roster::of(organization, now, Arc::clone(&last.things));
            inner.rosters.push(Arc::new(roster));
        }
        inner.forget_old(now - 2 * self.source.events.retention_days as i64 * DAY);
        inner.invalidate(from);
    }

    /// Puts `count` events of one kind into the millisecond `at`.
    pub(crate) fn burst(&self, at: i64, count: u32) {
        let mut inner = lock(&self.inner);
        inner.bursts += 1;
        let kind = if self.source.provider.is_some() {
            catalogue::number_of("directory", "organization_update")
        } else {
            catalogue::number_of("directory", "user_update")
        };
        let mut dice = Dice::of(self.source.profile.seed ^ at as u64, "burst", inner.bursts);
        let slots = (0..count).map(|_| {
            let slot = hour::slot(&self.source, at, dice.next(), kind, &mut dice);
            (Slot { time: at, decimals: 3, ..slot }, Part::default())
        });
        inner.planted.entry(at.div_euclid(HOUR)).or_default().extend(slots);
        inner.invalidate(at);
    }
}

impl Inner {
    fn draw(&mut self, source: &Source, number: i64) -> Hour {
        let start = number * HOUR;
        let first = self.rosters.partition_point(|roster| roster.since <= start).saturating_sub(1);
        let rosters: Vec<Arc<Roster>> =
            self.rosters[first..].iter().take_while(|roster| roster.since < start + HOUR).map(Arc::clone).collect();
        let rosters = if rosters.is_empty() { vec![Arc::clone(&self.rosters[first])] } else { rosters };
        let mut planted = self.planted.get(&number).cloned().unwrap_or_default();
        if source.events.episodes {
            let cycle = episodes::cycle_of(start);
            // An attack that began at the end of a cycle goes on in the next.
            for cycle in [cycle - 1, cycle] {
                planted.extend(self.cycle(source, cycle).hours.get(&number).into_iter().flatten().cloned());
            }
        }
        hour::draw(source, number, rosters, Arc::clone(&self.gone), planted)
    }

    fn cycle(&mut self, source: &Source, number: i64) -> Arc<Cycle> {
        if let Some(cycle) = self.cycles.get(&number) {
            return Arc::clone(cycle);
        }
        let cycle = Arc::new(if source.events.episodes {
            episodes::plan(source, &self.rosters, number)
        } else {
            Cycle::default()
        });
        self.cycles.insert(number, Arc::clone(&cycle));
        cycle
    }

    /// What was worked out for times from here on holds no more.
    fn invalidate(&mut self, from: i64) {
        let hour = from.div_euclid(HOUR);
        let cycle = episodes::cycle_of(from) - 1;
        self.cycles.retain(|number, _| *number < cycle);
        self.sums.retain(|number, _| *number < hour);
        self.hours.retain(|number, _| *number < hour);
        self.slots_kept = self.hours.values().map(|(hour, _)| hour.slots.len()).sum();
    }

    /// What lies before any retention is not asked for again.
    fn forget_old(&mut self, before: i64) {
        let first = self.rosters.partition_point(|roster| roster.since <= before).saturating_sub(1);
        self.rosters.drain(..first);
        let hour = before.div_euclid(HOUR);
        self.planted = self.planted.split_off(&hour);
        self.sums.retain(|number, _| *number >= hour);
        if self.gone.len() > 10_000 {
            // Whoever is not in any roster any more cannot act.
            let known: HashSet<Id> = self
                .rosters
                .iter()
                .flat_map(|roster| {
                    roster.people.iter().map(|person| person.id).chain(roster.machines.iter().map(|machine| machine.id))
                })
                .collect();
            let kept = self.gone.iter().filter(|(id, _)| known.contains(id)).map(|(id, at)| (*id, *at)).collect();
            self.gone = Arc::new(kept);
        }
    }
}
