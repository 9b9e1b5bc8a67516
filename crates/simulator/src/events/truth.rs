//! What is true of events: which were issued, when each could be read, counts and a hash over the identities.
//! Responsible for what a complete client must have. It never looks at rendered events.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::feed::Feed;
use super::hour::Hour;
use super::shapes;
use super::slot::{EventId, Slot, flag};
use crate::time::HOUR;

/// One event that was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IssuedEvent {
    /// Its id. Events that hide their id (see [`IssuedEvent::tells_id`]) have one all the same.
    pub id: EventId,
    /// Its time, epoch milliseconds: what ranges, order and retention go by.
    pub time: i64,
    /// When it can first be read, epoch milliseconds; before `time` when the clock of its source is ahead.
    pub published: i64,
    /// Its service.
    pub service: &'static str,
    /// Its type as it is told.
    pub event_type: &'static str,
    /// Whether the event shows its id.
    pub tells_id: bool,
    /// Whether this is the second document of an event that exists twice.
    pub repeated: bool,
}

/// Counts of a range of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Documents: what `/events/count` tells.
    pub documents: u64,
    /// Different events: what must be stored.
    pub events: u64,
    /// Different events by service.
    pub by_service: BTreeMap<&'static str, u64>,
    /// Different events by type.
    pub by_type: BTreeMap<&'static str, u64>,
    /// The wrapping sum of the 64-bit FNV-1a hashes of the ids' texts of the different events, so that order does not
    /// matter. [`EventCounts::hash_of`] hashes one id.
    pub hash: u64,
}

impl EventCounts {
    /// The 64-bit FNV-1a hash of an id's text.
    pub fn hash_of(id: &str) -> u64 {
        id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

impl Feed {
    /// Tells every document of `range` that can be read at `now`, in order.
    pub(crate) fn issued(&self, range: Range<i64>, now: i64, mut tell: impl FnMut(IssuedEvent)) {
        self.each(range, now, |_, slot| tell(self.describe(slot)));
    }

    /// Tells the same documents as JSON text.
    pub(crate) fn texts(&self, range: Range<i64>, now: i64, mut tell: impl FnMut(&str)) {
        let mut text = String::new();
        self.each(range, now, |hour, slot| {
            text.clear();
            shapes::write(&self.source, hour, slot, &mut text);
            tell(&text);
        });
    }

    pub(super) fn each(&self, range: Range<i64>, now: i64, mut tell: impl FnMut(&Hour, &Slot)) {
        if range.is_empty() {
            return;
        }
        for number in range.start.div_euclid(HOUR)..=(range.end - 1).div_euclid(HOUR) {
            let hour = self.hour(number);
            let first = hour.slots.partition_point(|slot| slot.time < range.start);
            for slot in hour.slots[first..].iter().take_while(|slot| slot.time < range.end) {
                if slot.published() <= now {
                    tell(&hour, slot);
                }
            }
        }
    }

    /// Counts the documents of `range` that can be read at `now`.
    pub(crate) fn counts(&self, range: Range<i64>, now: i64) -> EventCounts {
        let mut counts = EventCounts::default();
        let mut text = String::new();
        // A twin stands directly beside its original, but may be the only one that can be read yet.
        let mut last = None;
        self.issued(range, now, |event| {
            counts.documents += 1;
            if last.replace(event.id) == Some(event.id) {
                return;
            }
            counts.events += 1;
            *counts.by_service.entry(event.service).or_default() += 1;
            *counts.by_type.entry(event.event_type).or_default() += 1;
            text.clear();
            event.id.write(&mut text);
            counts.hash = counts.hash.wrapping_add(EventCounts::hash_of(&text));
        });
        counts
    }

    fn describe(&self, slot: &Slot) -> IssuedEvent {
        IssuedEvent {
            id: slot.id(),
            time: slot.time,
            published: slot.published(),
            service: slot.kind().service,
            event_type: slot.event_type(self.source.profile.oddities),
            tells_id: !slot.has(flag::NO_ID),
            repeated: slot.has(flag::TWIN),
        }
    }
}
