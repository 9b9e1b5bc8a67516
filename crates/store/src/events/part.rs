//! A part: some events as received, packed into one piece. Its filter tells quickly that an event is not in it.

use std::sync::Arc;

use crate::{Error, Result};

/// How many bytes of events a part holds, unless a single event is larger. Few enough that taking one event out of it
/// costs about a millisecond; many enough that their likeness makes them small.
pub(crate) const PART_BYTES: usize = 1 << 20;

/// Bits of a place that say where in its part an event stands.
pub(crate) const POSITION_BITS: u32 = 20;

/// Most events of a part.
pub(crate) const MOST_EVENTS: usize = 1 << POSITION_BITS;

/// zstd's level: its default, of which more costs more time than it saves space.
const LEVEL: i32 = 3;

/// Most bytes that a part unpacks to. A larger claim is a damaged part.
const MOST_BYTES: usize = 1 << 31;

/// Events gathered for one part, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The texts, a newline after each, for whoever looks at a part by hand.
    texts: Vec<u8>,
    lengths: Vec<u32>,
    /// What the events can be found by: identities, and the sources' ids one after the other, with their lengths.
    uids: Vec<[u8; 16]>,
    ids: String,
    id_lengths: Vec<usize>,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
}

/// A part as it is stored.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) events: usize,
    pub(crate) raw_bytes: u64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) content: [u8; 16],
    pub(crate) filter: Vec<u8>,
    pub(crate) packed: Vec<u8>,
}

impl Gathered {
    pub(crate) fn has_room_for(&self, text: &str) -> bool {
        self.lengths.is_empty() || (self.texts.len() + text.len() < PART_BYTES && self.lengths.len() < MOST_EVENTS)
    }

    /// Adds an event; returns its position.
    pub(crate) fn push(&mut self, text: &str, time_ms: i64, uid: [u8; 16], id: Option<&str>) -> usize {
        if self.lengths.is_empty() {
            (self.first_ms, self.last_ms) = (time_ms, time_ms);
        }
        self.first_ms = self.first_ms.min(time_ms);
        self.last_ms = self.last_ms.max(time_ms);
        self.texts.extend_from_slice(text.as_bytes());
        self.texts.push(b'\n');
        self.lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.uids.push(uid);
        if let Some(id) = id {
            self.ids.push_str(id);
            self.id_lengths.push(id.len());
        }
        self.lengths.len() - 1
    }

    /// Packs what was gathered: the number of events, their lengths (all four bytes, lowest first), then the texts.
    pub(crate) fn pack(mut self) -> Result<Packed> {
        let mut ids = self.ids.as_str();
        for length in self.id_lengths {
            let (id, others) = ids.split_at(length);
            self.uids.push(key_of_id(id));
            ids = others;
        }
        let count = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let mut plain = Vec::with_capacity(4 + self.lengths.len() * 4 + self.texts.len());
        plain.extend_from_slice(&count.to_le_bytes());
        for length in &self.lengths {
            plain.extend_from_slice(&length.to_le_bytes());
        }
        plain.extend_from_slice(&self.texts);
        let packed = zstd::bulk::compress(&plain, LEVEL)
            .map_err(|error| Error::Refused(format!("{} events can not be packed: {error}", self.lengths.len())))?;
        Ok(Packed {
            events: self.lengths.len(),
            raw_bytes: (self.texts.len() - self.lengths.len()) as u64,
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            content: hash_of(&plain),
            filter: filter_of(&self.uids),
            packed,
        })
    }
}

/// An unpacked part.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    plain: Arc<[u8]>,
    /// Where each text begins and ends.
    places: Arc<[(usize, usize)]>,
}

impl Part {
    /// Unpacks a part and holds it against its hash.
    ///
    /// # Errors
    /// What is stored is damaged.
    pub(crate) fn unpack(packed: &[u8], content: &[u8], what: &str) -> Result<Self> {
        let damaged = |why: &str| {
            Error::Refused(format!("{what} is damaged ({why}); restore a backup, or read these events again"))
        };
        let size = zstd::zstd_safe::get_frame_content_size(packed)
            .ok()
            .flatten()
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| damaged("no size"))?;
        if size > MOST_BYTES {
            return Err(damaged("too large"));
        }
        let plain = zstd::bulk::decompress(packed, size).map_err(|error| damaged(&error.to_string()))?;
        if hash_of(&plain) != content {
            return Err(damaged("its hash differs"));
        }
        let number = |at: usize| {
            let bytes: [u8; 4] = plain.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        let count = number(0).ok_or_else(|| damaged("it is too short"))?;
        let mut begin = 4 + count * 4;
        let mut places = Vec::with_capacity(count.min(MOST_EVENTS));
        for at in 0..count {
            let length = number(4 + at * 4).ok_or_else(|| damaged("it is too short"))?;
            places.push((begin, begin + length));
            begin += length + 1;
        }
        if begin != plain.len() {
            return Err(damaged("its lengths do not fit"));
        }
        Ok(Self { plain: plain.into(), places: places.into() })
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The event at a position.
    pub(crate) fn text(&self, position: usize) -> Option<&str> {
        let (begin, end) = *self.places.get(position)?;
        std::str::from_utf8(self.plain.get(begin..end)?).ok()
    }
}

fn hash_of(plain: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(plain).as_bytes()[..16]);
    hash
}

/// What a source's id is looked up by.
pub(crate) fn key_of_id(id: &str) -> [u8; 16] {
    hash_of(id.as_bytes())
}

/// Bits for each key, and how many of them are set: one look in about 300 at a part without the key is in vain. This is
/// a Bloom filter of our own because it is stored, and no library promises that its bits stay where they are.
const BITS: u64 = 12;
const PROBES: u64 = 6;

fn filter_of(keys: &[[u8; 16]]) -> Vec<u8> {
    let bytes = (keys.len() as u64 * BITS).div_ceil(8).max(8);
    let mut filter = vec![0_u8; usize::try_from(bytes).unwrap_or(8)];
    for key in keys {
        for bit in bits_of(key, bytes * 8) {
            filter[bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// False: no event with this key is in the part. True: there probably is.
pub(crate) fn may_hold(filter: &[u8], key: &[u8; 16]) -> bool {
    !filter.is_empty() && bits_of(key, filter.len() as u64 * 8).all(|bit| filter[bit / 8] & (1 << (bit % 8)) != 0)
}

/// Keys are hashes already: their halves are two independent numbers, and sums of them make the others.
fn bits_of(key: &[u8; 16], size: u64) -> impl Iterator<Item = usize> {
    let key = u128::from_le_bytes(*key);
    let (first, step) = (key as u64, (key >> 64) as u64 | 1);
    (0..PROBES).map(move |n| usize::try_from(first.wrapping_add(n.wrapping_mul(step)) % size).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_that_was_tampered_with_is_refused() {
        let mut gathered = Gathered::default();
        gathered.push("{\"a\":1}", 5, [1; 16], Some("x"));
        let part = gathered.pack().unwrap();
        assert!(Part::unpack(&part.packed, &[0; 16], "part 1").unwrap_err().to_string().contains("part 1 is damaged"));
        for at in 0..part.packed.len() {
            let mut bytes = part.packed.clone();
            bytes[at] ^= 0x10;
            if let Ok(read) = Part::unpack(&bytes, &part.content, "part 1") {
                assert_eq!(read.text(0), Some("{\"a\":1}"), "a bit that does not count may change, an event not");
            }
        }
    }

    proptest! {
        #[test]
        fn what_goes_into_a_part_comes_out_of_it_and_its_filter_never_denies_it(
            texts in prop::collection::vec(any::<String>(), 1..40), other in any::<[u8; 16]>(),
        ) {
            let mut gathered = Gathered::default();
            for (at, text) in texts.iter().enumerate() {
                let position = gathered.push(text, at as i64, key_of_id(&format!("u{at}")), Some(text));
                prop_assert_eq!(position, at);
            }
            let packed = gathered.pack().unwrap();
            prop_assert_eq!((packed.first_ms, packed.last_ms), (0, texts.len() as i64 - 1));
            let part = Part::unpack(&packed.packed, &packed.content, "it").unwrap();
            prop_assert_eq!(part.len(), texts.len());
            for (at, text) in texts.iter().enumerate() {
                prop_assert_eq!(part.text(at), Some(text.as_str()));
                prop_assert!(may_hold(&packed.filter, &key_of_id(text)));
                let uid = key_of_id(&format!("u{at}"));
                prop_assert!(may_hold(&packed.filter, &uid));
            }
            let _ = may_hold(&packed.filter, &other);
        }
    }

    #[test]
    fn few_looks_at_a_part_are_in_vain() {
        let keys: Vec<[u8; 16]> = (0..2_000).map(|n| key_of_id(&format!("in {n}"))).collect();
        let filter = filter_of(&keys);
        let vain = (0..10_000).filter(|n| may_hold(&filter, &key_of_id(&format!("out {n}")))).count();
        assert!(vain < 100, "{vain} of 10000");
    }
}
