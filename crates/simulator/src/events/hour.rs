//! One hour of one organization: which events happen in it, when exactly, and when each can be read.
//! Responsible for drawing slots repeatably. What the events say is decided by `shapes`.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::{KINDS, KindNumber, Origin};
use super::feed::Source;
use super::part::Part;
use super::places::PLACES;
use super::rhythm;
use super::roster::Roster;
use super::slot::{NO_PART, Slot, flag};
use crate::config::Lateness;
use crate::dice::Dice;
use crate::id::Id;
use crate::oddity::Oddity;
use crate::time::{DAY, HOUR, SECOND};

/// Every documented type occurs at least once in so many days.
const CYCLE: i64 = 28;

/// The events of one hour, sorted.
#[derive(Debug)]
pub(crate) struct Hour {
    pub(crate) slots: Vec<Slot>,
    pub(crate) parts: Vec<Part>,
    /// The rosters that hold in this hour, oldest first.
    pub(crate) rosters: Vec<Arc<Roster>>,
    /// Who and what is gone, and since when.
    pub(crate) gone: Arc<HashMap<Id, i64>>,
    /// When the last of the events can be read.
    pub(crate) complete_at: i64,
}

/// Kinds by how common they are, for people and for machines.
#[derive(Debug)]
pub(crate) struct Pools {
    people: Pool,
    machines: Pool,
    /// Every kind that occurs.
    all: Vec<KindNumber>,
}

#[derive(Debug)]
struct Pool {
    kinds: Vec<KindNumber>,
    /// Sums of the weights up to and with each kind.
    sums: Vec<u32>,
}

impl Pool {
    fn of(kinds: impl Iterator<Item = KindNumber>) -> Self {
        let kinds: Vec<KindNumber> = kinds.collect();
        let mut sum = 0;
        let sums = kinds
            .iter()
            .map(|kind| {
                sum += KINDS[usize::from(*kind)].weight;
                sum
            })
            .collect();
        Self { kinds, sums }
    }

    fn pick(&self, dice: &mut Dice) -> Option<KindNumber> {
        let point = dice.below(u64::from(*self.sums.last()?)) as u32;
        self.kinds.get(self.sums.partition_point(|sum| *sum <= point)).copied()
    }

    fn weight(&self) -> f64 {
        f64::from(self.sums.last().copied().unwrap_or(0))
    }
}

impl Pools {
    /// The kinds that a source emits.
    pub(crate) fn of(portal: bool, undocumented: bool) -> Self {
        let emitted = |number: &KindNumber| match KINDS[usize::from(*number)].origin {
            Origin::Documented => !portal,
            Origin::Portal => portal,
            Origin::Undocumented => !portal && undocumented,
        };
        let all: Vec<KindNumber> = (0..KINDS.len() as KindNumber).filter(emitted).collect();
        let by =
            |machine: bool| all.iter().copied().filter(move |number| KINDS[usize::from(*number)].by_machine == machine);
        Self { people: Pool::of(by(false)), machines: Pool::of(by(true)), all: all.clone() }
    }
}

/// What is put into an hour beside what is drawn.
pub(crate) type Planted = (Slot, Part);

/// Draws the hour with this number (hours since 1970).
pub(crate) fn draw(
    source: &Source,
    number: i64,
    rosters: Vec<Arc<Roster>>,
    gone: Arc<HashMap<Id, i64>>,
    planted: Vec<Planted>,
) -> Hour {
    let start = number * HOUR;
    let mut dice = Dice::of(source.profile.seed, "hour", number as u64);
    let mut slots = Vec::new();
    match source.events.per_hour {
        Some(count) => {
            let machines =
                source.pools.machines.weight() / (source.pools.machines.weight() + source.pools.people.weight());
            let by_machine = (count as f64 * machines) as u64;
            fill(source, start, &source.pools.machines, by_machine, &mut dice, &mut slots);
            fill(source, start, &source.pools.people, count - by_machine, &mut dice, &mut slots);
        }
        None => {
            let users = rosters.first().map_or(0, |roster| roster.people.len()) as f64;
            let daily = if source.provider.is_some() { 40.0 } else { users * source.events.per_user_day };
            let whole = source.pools.people.weight() + source.pools.machines.weight();
            let ahead = PLACES[usize::from(source.home)].hours;
            for (pool, share) in
                [(&source.pools.people, rhythm::people(start, ahead)), (&source.pools.machines, rhythm::MACHINES)]
            {
                let wanted = daily * pool.weight() / whole.max(1.0) * share;
                // Up to 15 % more or less, so that no two days are alike.
                let wanted = wanted * (0.85 + dice.below(301) as f64 / 1000.0);
                let count = wanted as u64 + u64::from(dice.permille((wanted.fract() * 1000.0) as u32));
                fill(source, start, pool, count, &mut dice, &mut slots);
            }
            parade(source, number, &mut slots);
        }
    }
    let mut parts = Vec::with_capacity(planted.len());
    for (slot, part) in planted {
        slots.push(Slot { part: parts.len() as u32, ..slot });
        parts.push(part);
    }
    if source.has(Oddity::RepeatedEvents) {
        twins(source, &mut slots);
    }
    slots.sort_unstable_by_key(Slot::order);
    let complete_at = slots.iter().map(Slot::published).max().unwrap_or(i64::MIN);
    Hour { slots, parts, rosters, gone, complete_at }
}

fn fill(source: &Source, start: i64, pool: &Pool, count: u64, dice: &mut Dice, slots: &mut Vec<Slot>) {
    slots.reserve(count as usize);
    for _ in 0..count {
        let Some(kind) = pool.pick(dice) else { return };
        slots.push(slot(source, start + dice.below(HOUR as u64) as i64, dice.next(), kind, dice));
    }
}

/// Makes a slot at a time: decides decimals, delay and strangeness.
pub(crate) fn slot(source: &Source, time: i64, key: u64, kind: KindNumber, dice: &mut Dice) -> Slot {
    let mut slot = Slot { time, key, delay: 0, part: NO_PART, kind, decimals: 3, flags: 0 };
    if source.has(Oddity::VaryingFractions) {
        slot.decimals = decimals(slot.kind().service, dice);
        let step = 10_i64.pow(3 - u32::from(slot.decimals.min(3)));
        slot.time -= slot.time.rem_euclid(step);
    }
    slot.delay = source.lateness.map_or(0, |lateness| delay(lateness, dice));
    if source.has(Oddity::SkewedClocks) && slot.kind().service == "systems" && dice.permille(50) {
        slot.delay = -((1 + dice.below(600)) as i32) * SECOND as i32;
    }
    if source.strange {
        for (oddity, flag, permille) in [
            (Oddity::EventsWithoutId, flag::NO_ID, 4),
            (Oddity::OddTimestamps, flag::ODD_TIME, 5),
            (Oddity::OddValues, flag::ODD_VALUES, 10),
            (Oddity::StrayCharacters, flag::STRAY, 10),
        ] {
            if source.has(oddity) && dice.permille(permille) {
                slot.flags |= flag;
            }
        }
    }
    slot
}

/// Decimals of a timestamp, as they differ by service.
fn decimals(service: &str, dice: &mut Dice) -> u8 {
    match (dice.below(40), service) {
        (0, _) => dice.below(10) as u8,
        (_, "radius") => 0,
        (_, "sso" | "mdm") => [9, 9, 9, 8, 7, 6, 3][dice.index(7)],
        _ => 3,
    }
}

/// Milliseconds until an event can be read.
fn delay(lateness: Lateness, dice: &mut Dice) -> i32 {
    let longest = DAY as f64 * 20.0;
    let milliseconds = |duration: std::time::Duration| (duration.as_millis() as f64).clamp(1.0, longest);
    if !dice.permille((lateness.share * 1000.0) as u32) {
        return dice.below(lateness.usual.as_millis() as u64 + 1).min(longest as u64) as i32;
    }
    let (least, most) = (milliseconds(lateness.least), milliseconds(lateness.most));
    // Even over the orders of magnitude: seconds are as likely as hours.
    let share = dice.below(1_000_000) as f64 / 1e6;
    (least * (most / least).max(1.0).powf(share)) as i32
}

/// The rare types: each once in a cycle, at its own time.
fn parade(source: &Source, number: i64, slots: &mut Vec<Slot>) {
    let length = CYCLE * DAY;
    let cycle = (number * HOUR).div_euclid(length);
    for kind in &source.pools.all {
        let mut dice = Dice::of(source.profile.seed ^ u64::from(*kind), "parade", cycle as u64);
        let time = cycle * length + dice.below(length as u64) as i64;
        if time.div_euclid(HOUR) == number {
            slots.push(slot(source, time, dice.next(), *kind, &mut dice));
        }
    }
}

/// Some events exist twice, and the second comes at another time.
fn twins(source: &Source, slots: &mut Vec<Slot>) {
    for position in 0..slots.len() {
        let original = slots[position];
        let mut dice = Dice::of(original.key, "twin", 0);
        if dice.permille(8) {
            let delay = original.delay.max(0) + source.lateness.map_or(0, |lateness| delay(lateness, &mut dice));
            slots.push(Slot { key: original.key ^ 1, delay, flags: original.flags | flag::TWIN, ..original });
        }
    }
}

impl Hour {
    /// The roster that holds at a time.
    pub(crate) fn roster(&self, time: i64) -> &Roster {
        let later = self.rosters.partition_point(|roster| roster.since <= time);
        &self.rosters[later.saturating_sub(1)]
    }

    /// Whether somebody or something is gone at a time.
    pub(crate) fn is_gone(&self, id: Id, time: i64) -> bool {
        !self.gone.is_empty() && self.gone.get(&id).is_some_and(|at| *at <= time)
    }

    /// The planted details of a slot.
    pub(crate) fn part(&self, slot: &Slot) -> Option<&Part> {
        self.parts.get(slot.part as usize)
    }
}
