//! Makes the index of stored events anew from their texts, part by part, when the mapping has become better. Identities and
//! times stay as they were stored, so the ledger and its seals do not change.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::activity::Activity;
use super::bulk::Bulk;
use super::hour::{DAY_MS, Hour};
use super::part::POSITION_BITS;
use super::read_part::{EventPart, split_place};
use super::row::{EventOutcome, EventRow};
use super::terms::{Kind, Term, kinds_of};
use super::write::{EVENTS, EventWriter, Fresh, IndexRows, TERMS, terms_of};
use crate::db::Tx;
use crate::{Error, Result, Store};

/// What making a part's index anew did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Reindexed {
    /// Index rows that were written.
    pub events: u64,
    /// Those that say something else now.
    pub changed: u64,
}

/// An index row as it was.
struct Before {
    time_ms: i64,
    uid: [u8; 16],
    position: usize,
    kind: i64,
    outcome: i64,
    mfa: Option<bool>,
    terms: [Option<i64>; TERMS],
}

impl Store {
    /// How many events of an organization were indexed with an older version of the mapping than this one.
    pub async fn stale_events(&self, org_id: &str, mapping: u32) -> Result<u64> {
        let rows = self
            .db
            .fetch(
                "SELECT CAST(COALESCE(SUM(p.events), 0) AS BIGINT) FROM event_org o JOIN event_part p ON p.org = o.org
                 WHERE o.org_id = $1 AND p.mapping < $2",
                vec![org_id.into(), i64::from(mapping).into()],
            )
            .await?;
        Ok(rows[0].integer(0).unsigned_abs())
    }

    /// A part of which the index rows were made with an older version of the mapping; `None` when there is none left.
    ///
    /// # Errors
    /// [`Error::Refused`] when the part is damaged.
    pub async fn next_stale_part(&self, org_id: &str, mapping: u32) -> Result<Option<EventPart>> {
        let rows = self
            .db
            .fetch(
                "SELECT p.number FROM event_org o JOIN event_part p ON p.org = o.org
                 WHERE o.org_id = $1 AND p.mapping < $2 ORDER BY p.mapping, p.number LIMIT 1",
                vec![org_id.into(), i64::from(mapping).into()],
            )
            .await?;
        match rows.first() {
            Some(row) => self.next_event_part(org_id, row.integer(0) - 1).await,
            None => Ok(None),
        }
    }
}

impl EventWriter {
    /// Writes the index rows of one part anew, in one transaction: `rows` are what the mapping says of its texts now, in
    /// their order. Counts follow at once; days on which somebody's activity changes are noted for
    /// [`EventWriter::renew_activity`]. Events that the retention removed stay removed.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over; [`Error::Refused`] when there are fewer rows than events.
    pub async fn reindex_part(
        &mut self,
        number: i64,
        rows: &[EventRow<'_>],
        mapping: u32,
        now: Timestamp,
    ) -> Result<Reindexed> {
        const AGAIN: Bulk = Bulk {
            tail: "ON CONFLICT (org, time_ms, uid) DO UPDATE SET kind = excluded.kind, outcome = excluded.outcome,
                     mfa = excluded.mfa, user_term = excluded.user_term, administrator_term = excluded.administrator_term,
                     device_term = excluded.device_term, application_term = excluded.application_term,
                     target_term = excluded.target_term, origin_term = excluded.origin_term, reason_term = excluded.reason_term",
            ..EVENTS
        };
        let before = self.index_of(number).await?;
        let kinds = kinds_of(&self.store.db, self.org).await?;
        let mut dictionary = self.take_dictionary().await?;
        let mut again = Vec::with_capacity(before.len());
        for old in &before {
            let row = rows.get(old.position).ok_or_else(|| {
                Error::Refused(format!("part {number} has an event {} and {} texts", old.position, rows.len()))
            })?;
            // An event is the one that it was, whatever the mapping says of its identity and time by now.
            again.push(EventRow { uid: old.uid, time_ms: Some(old.time_ms), ..*row });
        }
        let fresh: Vec<Fresh<'_>> = (again.iter().zip(&before))
            .map(|(row, old)| Fresh { row, time_ms: old.time_ms, part: 0, position: old.position })
            .collect();
        let terms: Vec<Option<Term<'_>>> = again.iter().flat_map(|row| terms_of(row)).collect();
        let (terms, new_terms) = dictionary.learn(&self.store, &terms).await?;

        let mut done = Reindexed { events: before.len() as u64, changed: 0 };
        let mut stale_days = BTreeSet::new();
        for ((row, old), terms) in again.iter().zip(&before).zip(terms.chunks_exact(TERMS)) {
            if says_something_else(row, terms, old, kinds.get(&old.kind)) {
                done.changed += 1;
                stale_days.insert(old.time_ms.div_euclid(DAY_MS));
            }
        }

        let mut tx = self.begin(now).await?;
        new_terms.write(&mut tx).await?;
        let rows = IndexRows { mapping, fresh: &fresh, terms: &terms, first_part: number };
        let mut counts = self.write_index(&mut tx, &AGAIN, rows, &mut dictionary).await?;
        let mut gone: HashMap<i64, i64> = HashMap::new();
        for old in &before {
            *counts.hours.entry((Hour::of_ms(old.time_ms).number(), old.kind, old.outcome)).or_insert(0) -= 1;
            *gone.entry(old.kind).or_insert(0) += 1;
        }
        let hours: Vec<i64> = counts.hours.keys().map(|(hour, ..)| *hour).collect();
        counts.hours.retain(|_, events| *events != 0);
        dictionary.write_kinds(&mut tx, &counts.kinds).await?;
        self.write_counts(&mut tx, counts.hours).await?;
        self.take_from_counts(&mut tx, &hours, &gone).await?;
        for day in stale_days {
            tx.execute(
                "INSERT INTO event_stale_day (org, day) VALUES ($1, $2) ON CONFLICT (org, day) DO NOTHING",
                vec![self.org.into(), day.into()],
            )
            .await?;
        }
        tx.execute(
            "UPDATE event_part SET mapping = $3 WHERE org = $1 AND number = $2",
            vec![self.org.into(), number.into(), i64::from(mapping).into()],
        )
        .await?;
        tx.commit().await?;
        self.dictionary = Some(dictionary);
        Ok(done)
    }

    /// The index rows of a part, in the order of the key.
    async fn index_of(&self, number: i64) -> Result<Vec<Before>> {
        let mut before = Vec::new();
        self.store
            .db
            .each(
                "SELECT e.time_ms, e.uid, e.place, e.kind, e.outcome, e.mfa, e.user_term, e.administrator_term, e.device_term,
                   e.application_term, e.target_term, e.origin_term, e.reason_term
                 FROM event_part p CROSS JOIN event e WHERE p.org = $1 AND p.number = $2 AND e.org = p.org
                   AND e.time_ms >= p.first_ms AND e.time_ms <= p.last_ms AND e.place >= $3 AND e.place < $4
                 ORDER BY e.time_ms, e.uid",
                vec![
                    self.org.into(),
                    number.into(),
                    (number << POSITION_BITS).into(),
                    ((number + 1) << POSITION_BITS).into(),
                ],
                |row| {
                    before.push(Before {
                        time_ms: row.integer(0),
                        uid: row.bytes(1).try_into().unwrap_or_default(),
                        position: split_place(row.integer(2)).1,
                        kind: row.integer(3),
                        outcome: row.integer(4),
                        mfa: matches!(row.0[5], crate::schema::Cell::Boolean(_)).then(|| row.boolean(5)),
                        terms: std::array::from_fn(|at| row.maybe_integer(6 + at)),
                    });
                },
            )
            .await?;
        Ok(before)
    }

    /// Takes events from their former kinds, and removes what counts nothing any more.
    async fn take_from_counts(&self, tx: &mut Tx, hours: &[i64], gone: &HashMap<i64, i64>) -> Result<()> {
        for (kind, events) in gone {
            tx.execute(
                "UPDATE event_kind SET events = events - $3 WHERE org = $1 AND number = $2",
                vec![self.org.into(), (*kind).into(), (*events).into()],
            )
            .await?;
        }
        if let (Some(first), Some(last)) = (hours.iter().min(), hours.iter().max()) {
            tx.execute(
                "DELETE FROM event_count WHERE org = $1 AND hour >= $2 AND hour <= $3 AND events <= 0",
                vec![self.org.into(), (*first).into(), (*last).into()],
            )
            .await?;
            tx.execute(
                "DELETE FROM event_day_count WHERE org = $1 AND day >= $2 AND day <= $3 AND events <= 0",
                vec![self.org.into(), (*first / 24).into(), (*last / 24).into()],
            )
            .await?;
        }
        tx.execute("DELETE FROM event_kind WHERE org = $1 AND events <= 0", vec![self.org.into()]).await?;
        Ok(())
    }

    /// Computes the activity of one noted day anew from the index; returns the day (since 1970), `None` when none is left.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn renew_activity(&mut self, now: Timestamp) -> Result<Option<i64>> {
        let db = &self.store.db;
        let noted = "SELECT day FROM event_stale_day WHERE org = $1 ORDER BY day LIMIT 1";
        let Some(day) = db.fetch(noted, vec![self.org.into()]).await?.first().map(|row| row.integer(0)) else {
            return Ok(None);
        };
        let kinds = kinds_of(db, self.org).await?;
        // A country without an address is nobody's activity.
        let nameless = "SELECT number FROM event_term WHERE org = $1 AND name = ''";
        let nameless: BTreeSet<i64> =
            db.fetch(nameless, vec![self.org.into()]).await?.iter().map(|row| row.integer(0)).collect();
        let mut activity = Activity::default();
        db.each(
            "SELECT time_ms, kind, outcome, user_term, administrator_term, device_term, application_term, origin_term
             FROM event WHERE org = $1 AND time_ms >= $2 AND time_ms < $3",
            vec![self.org.into(), (day * DAY_MS).into(), ((day + 1) * DAY_MS).into()],
            |row| {
                let parties = std::array::from_fn(|at| {
                    row.maybe_integer(3 + at).filter(|term| at < 4 || !nameless.contains(term))
                });
                let class_uid = kinds.get(&row.integer(1)).map_or(0, |kind| kind.class_uid);
                activity.add_event(parties, row.integer(0), class_uid, EventOutcome::from_number(row.integer(2)));
            },
        )
        .await?;
        let mut tx = self.begin(now).await?;
        for table in ["event_activity", "event_stale_day"] {
            tx.execute(&format!("DELETE FROM {table} WHERE org = $1 AND day = $2"), vec![self.org.into(), day.into()])
                .await?;
        }
        activity.write(&mut tx, self.org).await?;
        tx.commit().await?;
        Ok(Some(day))
    }
}

/// Whether a new row differs from the old one in more than the version of the mapping.
fn says_something_else(row: &EventRow<'_>, terms: &[Option<i64>], old: &Before, kind: Option<&Kind>) -> bool {
    *terms != old.terms
        || row.outcome.number() != old.outcome
        || row.mfa != old.mfa
        || kind.is_none_or(|kind| !kind.is_of(row, kind.mapping))
}
