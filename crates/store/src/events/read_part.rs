//! Reads texts out of parts, and parts one after the other.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::hour::Hour;
use super::part::{POSITION_BITS, Part};
use crate::beside::beside;
use crate::db::Db;
use crate::{Error, Result, Store};

/// Unpacked parts that a reader keeps, of a mebibyte each: events that follow each other in time are in few parts.
const KEPT: usize = 8;

/// Parts that are read at once.
const AHEAD: usize = 4;

/// One part: events as received, in the order in which they came.
#[derive(Debug, Clone)]
pub struct EventPart {
    /// Grows within the organization; a reader that has read a part goes on behind its number.
    pub number: i64,
    /// The hour that was asked for.
    pub asked: Hour,
    /// When it was stored.
    pub received_at: Option<Timestamp>,
    /// The events.
    pub texts: Vec<String>,
}

impl Store {
    /// The first part of an organization behind a number; begin with 0. Parts become visible in the order of their
    /// numbers, so nothing is missed by going on behind the last one.
    ///
    /// # Errors
    /// [`Error::Refused`] when the part is damaged.
    pub async fn next_event_part(&self, org_id: &str, after: i64) -> Result<Option<EventPart>> {
        let rows = self
            .db
            .fetch(
                "SELECT p.org, p.number, p.asked_hour, p.received_at FROM event_org o JOIN event_part p ON p.org = o.org
                 WHERE o.org_id = $1 AND p.number > $2 ORDER BY p.number LIMIT 1",
                vec![org_id.into(), after.into()],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let number = row.integer(1);
        let part = load(&self.db, row.integer(0), number).await?;
        let texts = (0..part.len()).filter_map(|position| part.text(position)).map(str::to_owned).collect();
        let asked = Hour::from_number(row.integer(2));
        Ok(Some(EventPart { number, asked, received_at: row.maybe_time(3), texts }))
    }
}

/// Takes single texts out of parts, and keeps the parts that it used last.
#[derive(Debug)]
pub(crate) struct Texts<'s> {
    db: &'s Db,
    kept: VecDeque<((i64, i64), Part)>,
}

impl<'s> Texts<'s> {
    pub(crate) fn new(db: &'s Db) -> Self {
        Self { db, kept: VecDeque::with_capacity(KEPT) }
    }

    /// The texts at these places, in their order. Parts are read and unpacked several at once: events that lie far from
    /// each other are in as many parts.
    pub(crate) async fn texts(&mut self, org: i64, places: &[(i64, usize)]) -> Result<Vec<String>> {
        let mut wanted: Vec<i64> = places.iter().map(|(number, _)| *number).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut texts = vec![None; places.len()];
        let mut missing = Vec::new();
        for number in wanted {
            match self.kept.iter().find(|(key, _)| *key == (org, number)) {
                Some((_, part)) => fill(&mut texts, places, number, part),
                None => missing.push(number),
            }
        }
        for some in missing.chunks(AHEAD) {
            let mut coming = Vec::with_capacity(some.len());
            for number in some.iter().copied() {
                let db = self.db.clone();
                coming.push(tokio::spawn(async move { load(&db, org, number).await }));
            }
            for (number, part) in some.iter().zip(coming) {
                let part = part.await.map_err(|_| Error::Refused("reading events was stopped".to_owned()))??;
                fill(&mut texts, places, *number, &part);
                self.kept.truncate(KEPT - 1);
                self.kept.push_front(((org, *number), part));
            }
        }
        let found = texts.into_iter().zip(places).map(|(text, (number, position))| {
            text.ok_or_else(|| {
                Error::Refused(format!("part {number} of organization {org} has no event {position}; restore a backup"))
            })
        });
        found.collect()
    }
}

/// Takes the texts that are in this part.
fn fill(texts: &mut [Option<String>], places: &[(i64, usize)], number: i64, part: &Part) {
    for (text, (_, position)) in texts.iter_mut().zip(places).filter(|(_, place)| place.0 == number) {
        *text = part.text(*position).map(str::to_owned);
    }
}

/// Reads and unpacks a part.
pub(crate) async fn load(db: &Db, org: i64, number: i64) -> Result<Part> {
    let rows = db
        .fetch(
            "SELECT p.content, r.packed FROM event_part p JOIN event_raw r ON r.org = p.org AND r.part = p.number
             WHERE p.org = $1 AND p.number = $2",
            vec![org.into(), number.into()],
        )
        .await?;
    let what = format!("part {number} of the events of organization {org}");
    let row = rows.into_iter().next().ok_or_else(|| Error::Refused(format!("{what} is missing; restore a backup")))?;
    beside(move || Part::unpack(row.bytes(1), row.bytes(0), &what)).await
}

/// The part's number and the position in it.
pub(crate) fn split_place(place: i64) -> (i64, usize) {
    let position = place & ((1 << POSITION_BITS) - 1);
    (place >> POSITION_BITS, usize::try_from(position).unwrap_or(0))
}
