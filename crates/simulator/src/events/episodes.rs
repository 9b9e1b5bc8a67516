//! Attacks and misfortunes that detections must find, planted at known times, and near misses that they must not.
//! Responsible for when each happens and for telling the truth about it. What happens is written in `scripts`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use super::feed::Source;
use super::hour::Planted;
use super::roster::Roster;
use super::scripts::{SCRIPTS, Stage};
use super::slot::EventId;
use crate::dice::Dice;
use crate::id::Id;
use crate::time::{DAY, HOUR};

/// Every script is played once in so long.
const CYCLE: i64 = 28 * DAY;

/// One attack, as a detection should report it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Episode {
    /// The organization.
    pub organization: Id,
    /// What it is, in the words of the detections: `password-spray`, `impossible-travel`…
    pub kind: &'static str,
    /// Whether it stays just below what should be reported.
    pub near_miss: bool,
    /// Time of the first event, epoch milliseconds.
    pub from: i64,
    /// Time of the last event, epoch milliseconds.
    pub to: i64,
    /// Users, administrators and devices that act or suffer, in order of appearance.
    pub actors: Vec<Id>,
    /// Addresses it comes from.
    pub addresses: Vec<String>,
    /// The events, oldest first.
    pub events: Vec<EventId>,
}

/// The attacks of one cycle and their events by hour.
#[derive(Debug, Default)]
pub(crate) struct Cycle {
    pub(crate) episodes: Vec<Episode>,
    pub(crate) hours: HashMap<i64, Vec<Planted>>,
}

/// The number of the cycle that a time belongs to.
pub(crate) fn cycle_of(time: i64) -> i64 {
    time.div_euclid(CYCLE)
}

/// Works out a cycle: one performance of each script, at its own time, with the people of that time.
pub(crate) fn plan(source: &Source, rosters: &[Arc<Roster>], number: i64) -> Cycle {
    let mut cycle = Cycle::default();
    for (place, script) in SCRIPTS.iter().enumerate() {
        let seed = source.profile.seed ^ (place as u64).wrapping_mul(0x9e37_79b9);
        let mut dice = Dice::of(seed, script.kind, number as u64);
        let day = number * CYCLE + dice.below((CYCLE / DAY) as u64) as i64 * DAY;
        let Range { start, end } = script.hours;
        let from = day + start * HOUR + dice.below(((end - start) * HOUR) as u64) as i64;
        let later = rosters.partition_point(|roster| roster.since <= from);
        let Some(roster) = rosters.get(later.saturating_sub(1)) else { continue };
        let mut stage = Stage::new(source, roster, from, dice);
        if (script.play)(&mut stage).is_none() {
            // The organization has nobody for the part.
            continue;
        }
        let (mut events, actors, addresses) = stage.close();
        events.sort_by_key(|(slot, _)| slot.order());
        let (Some(first), Some(last)) = (events.first(), events.last()) else { continue };
        cycle.episodes.push(Episode {
            organization: source.profile.id,
            kind: script.kind,
            near_miss: script.near_miss,
            from: first.0.time,
            to: last.0.time,
            actors,
            addresses,
            events: events.iter().map(|(slot, _)| slot.id()).collect(),
        });
        for (slot, part) in events {
            cycle.hours.entry(slot.time.div_euclid(HOUR)).or_default().push((slot, part));
        }
    }
    cycle.episodes.sort_by_key(|episode| episode.from);
    cycle
}
