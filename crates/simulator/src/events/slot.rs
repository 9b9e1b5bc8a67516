//! One event before it is written: when, which kind, and the number from which every detail follows.
//! Responsible for identity, order and visibility of events. Kept small, because an hour can hold very many.

use std::fmt;

use serde::{Serialize, Serializer};

use super::catalogue::{KINDS, Kind, KindNumber, RENAMED};
use crate::dice::mix;
use crate::id::Id;
use crate::oddity::{Oddities, Oddity};

/// No planted details.
pub(crate) const NO_PART: u32 = u32::MAX;

/// Bits of `Slot::flags`.
pub(crate) mod flag {
    /// The same event once more, as another document.
    pub(crate) const TWIN: u8 = 1;
    /// The event tells no id.
    pub(crate) const NO_ID: u8 = 2;
    /// The timestamp is told strangely or not at all.
    pub(crate) const ODD_TIME: u8 = 4;
    /// Values are null or of surprising types.
    pub(crate) const ODD_VALUES: u8 = 8;
    /// Strings hold stray characters.
    pub(crate) const STRAY: u8 = 16;
}

/// An event to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The event's time, epoch milliseconds: what ranges and order go by.
    pub(crate) time: i64,
    /// Makes the document unique and decides its details; a twin differs in the lowest bit.
    pub(crate) key: u64,
    /// Milliseconds from `time` until the event can be read; negative when the clock of its source is ahead.
    pub(crate) delay: i32,
    /// Place of planted details in the hour, or `NO_PART`.
    pub(crate) part: u32,
    pub(crate) kind: KindNumber,
    /// Decimals of the seconds in the timestamp.
    pub(crate) decimals: u8,
    pub(crate) flags: u8,
}

impl Slot {
    /// What results are sorted by.
    pub(crate) fn order(&self) -> (i64, u64) {
        (self.time, self.key)
    }

    pub(crate) fn kind(&self) -> &'static Kind {
        &KINDS[usize::from(self.kind)]
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The number that the event and its twin share.
    pub(crate) fn identity(&self) -> u64 {
        if self.has(flag::TWIN) { self.key ^ 1 } else { self.key }
    }

    /// When the event can first be read, epoch milliseconds.
    pub(crate) fn published(&self) -> i64 {
        self.time + i64::from(self.delay)
    }

    /// The event's id as it is told (events that hide it have one all the same).
    pub(crate) fn id(&self) -> EventId {
        let identity = self.identity();
        let long = || (mix(identity ^ 0x0055_5549), mix(identity ^ 0x4449_0055));
        match self.kind().service {
            "radius" => EventId::UpperUuid(long().0, long().1),
            "password_manager" | "access_management" => EventId::LowerUuid(long().0, long().1),
            _ => EventId::Hex(Id::new(self.time, identity)),
        }
    }

    /// The id of the document: the second part of `search_after`.
    pub(crate) fn document(&self) -> Id {
        Id::new(self.time, self.key)
    }

    /// Whether the event is told in its older form; only with the oddity about it.
    pub(crate) fn renamed(&self, oddities: Oddities) -> bool {
        oddities.has(Oddity::RenamedEvents) && mix(self.identity() ^ 0x0ddb) & 3 != 0
    }

    /// The event type as it is told.
    pub(crate) fn event_type(&self, oddities: Oddities) -> &'static str {
        let name = self.kind().name;
        if !self.renamed(oddities) {
            return name;
        }
        RENAMED.iter().find(|(published, _)| *published == name).map_or(name, |(_, seen)| *seen)
    }
}

/// The id of an event: 24 hexadecimal digits, or a UUID in upper case (RADIUS) or lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventId {
    /// An object id.
    Hex(Id),
    /// A UUID written in upper case.
    UpperUuid(u64, u64),
    /// A UUID written in lower case.
    LowerUuid(u64, u64),
}

impl EventId {
    /// Appends the id to a text.
    pub(crate) fn write(self, out: &mut String) {
        match self {
            Self::Hex(id) => id.write(out),
            Self::UpperUuid(high, low) => uuid(high, low, b"0123456789ABCDEF", out),
            Self::LowerUuid(high, low) => uuid(high, low, b"0123456789abcdef", out),
        }
    }
}

/// Appends a UUID of version 4.
pub(crate) fn uuid(high: u64, low: u64, digits: &[u8; 16], out: &mut String) {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0xc << 60)) | (0x8 << 60);
    for (place, nibble) in
        (0..16).map(|at| high >> (60 - 4 * at)).chain((0..16).map(|at| low >> (60 - 4 * at))).enumerate()
    {
        if matches!(place, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(char::from(digits[(nibble & 15) as usize]));
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(36);
        self.write(&mut text);
        formatter.write_str(&text)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
