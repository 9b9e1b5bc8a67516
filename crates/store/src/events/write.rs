//! Writes pages of events: the texts, the index, what is counted, the ledger and the position behind the page, all in one
//! transaction. An event that is stored already is dropped and counted.

use std::collections::{BTreeMap, HashSet};

use hashbrown::HashMap;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::activity::Activity;
use super::bulk::Bulk;
use super::hour::Hour;
use super::months::ensure_months;
use super::part::{Gathered, POSITION_BITS, Packed};
use super::row::EventRow;
use super::terms::{Dictionary, Tally, Term};
use crate::beside::beside;
use crate::db::Tx;
use crate::lease::Lease;
use crate::schema::{Cell, Kind};
use crate::{Error, Result, Store};

/// One page as it was received.
#[derive(Debug, Clone, Copy)]
pub struct EventPage<'a> {
    /// The hour that was asked for.
    pub window: Hour,
    /// The events, in the order in which they came.
    pub rows: &'a [EventRow<'a>],
    /// The `search_after` behind this page, kept as the window's position; `None` leaves the position as it is.
    pub position: Option<&'a str>,
    /// There is nothing behind this page, and the hour is over: the window is read to its end.
    pub is_last: bool,
    /// The version of the mapping that the rows were made with.
    pub mapping: u32,
}

/// What became of a page.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PageWritten {
    /// Events that were not there before.
    pub stored: u64,
    /// Events that were there already, or came twice in the page.
    pub duplicates: u64,
    /// Events that are older than what the retention keeps, and were not stored.
    pub expired: u64,
    /// Stored events that belong to another hour than the one asked for; they count there.
    pub elsewhere: u64,
    /// Stored events that came after their window had been sealed.
    pub late: u64,
    /// The windows that were reopened because of them.
    pub reopened: Vec<Hour>,
}

/// Writes one organization's events. There is one at a time: the lease sees to that.
#[derive(Debug)]
pub struct EventWriter {
    pub(crate) store: Store,
    pub(crate) lease: Lease,
    pub(crate) org: i64,
    pub(crate) org_id: String,
    /// See the column of that name.
    pub(crate) removed_before_ms: i64,
    /// The same.
    pub(crate) removed_to_ms: i64,
    /// See `event_org.unbroken_from` and the column behind it.
    pub(crate) unbroken: (i64, i64),
    /// `None` before the first page, and after a page that could not be written.
    pub(crate) dictionary: Option<Dictionary>,
    /// Months whose partition is known to be there (PostgreSQL).
    months: HashSet<i64>,
}

impl Store {
    /// Begins writing an organization's events; the lease must be one that no other writer of this organization has.
    pub async fn event_writer(&self, org_id: &str, lease: &Lease, now: Timestamp) -> Result<EventWriter> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        let known = tx
            .fetch(
                "SELECT org, removed_before_ms, unbroken_from, unbroken_to, removed_to_ms FROM event_org WHERE org_id = $1",
                vec![org_id.into()],
            )
            .await?;
        let (org, removed_before_ms, unbroken, removed_to_ms) = match known.first() {
            Some(row) => (row.integer(0), row.integer(1), (row.integer(2), row.integer(3)), row.integer(4)),
            None => {
                let org = tx.next_numbers("event_org", 1).await?;
                tx.execute(
                    "INSERT INTO event_org (org, org_id, parts, removed_before_ms) VALUES ($1, $2, 0, $3)",
                    vec![org.into(), org_id.into(), NOTHING_REMOVED.into()],
                )
                .await?;
                (org, NOTHING_REMOVED, (0, 0), NOTHING_REMOVED)
            }
        };
        tx.commit().await?;
        Ok(EventWriter {
            store: self.clone(),
            lease: lease.clone(),
            org,
            org_id: org_id.to_owned(),
            removed_before_ms,
            removed_to_ms,
            unbroken,
            dictionary: None,
            months: HashSet::new(),
        })
    }
}

/// `event_org.removed_before_ms` of an organization of which nothing was removed.
const NOTHING_REMOVED: i64 = i64::MIN;

/// A row that is to be stored.
pub(super) struct Fresh<'a> {
    pub(super) row: &'a EventRow<'a>,
    pub(super) time_ms: i64,
    /// Which of the page's parts, and where in it.
    pub(super) part: usize,
    pub(super) position: usize,
}

/// Rows that are to be written into the index.
#[derive(Clone, Copy)]
pub(super) struct IndexRows<'a> {
    pub(super) mapping: u32,
    pub(super) fresh: &'a [Fresh<'a>],
    /// The numbers of their terms, row after row.
    pub(super) terms: &'a [Option<i64>],
    /// The number that the first part has got.
    pub(super) first_part: i64,
}

/// Rows of the index.
pub(super) const EVENTS: Bulk = Bulk {
    into: "event (org, time_ms, uid, place, kind, outcome, mfa, user_term, administrator_term, device_term,
             application_term, target_term, origin_term, reason_term)",
    width: 14,
    tail: "",
};

/// Terms of a row.
pub(super) const TERMS: usize = 7;

/// A row's terms, in the order of the columns.
pub(super) fn terms_of<'a>(row: &EventRow<'a>) -> [Option<Term<'a>>; TERMS] {
    [
        Term::of(None, row.user.id, row.user.name),
        Term::of(None, row.administrator.id, row.administrator.name),
        Term::of(None, row.device.id, row.device.name),
        Term::of(None, row.application.id, row.application.name),
        Term::of(row.target_kind, row.target.id, row.target.name),
        Term::of(row.country, None, row.src_ip),
        Term::of(None, None, row.reason),
    ]
}

/// What a page adds to the counts.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) kinds: HashMap<i64, Tally>,
    /// By hour, kind and outcome.
    pub(super) hours: HashMap<(i64, i64, i64), i64>,
    windows: BTreeMap<Hour, Tally>,
    activity: Activity,
}

impl Counts {
    fn add(&mut self, row: &EventRow<'_>, time_ms: i64, kind: i64, terms: &[Option<i64>]) {
        let hour = Hour::of_ms(time_ms);
        let none = Tally { events: 0, first_ms: time_ms, last_ms: time_ms };
        for tally in [self.kinds.entry(kind).or_insert(none), self.windows.entry(hour).or_insert(none)] {
            tally.events += 1;
            tally.first_ms = tally.first_ms.min(time_ms);
            tally.last_ms = tally.last_ms.max(time_ms);
        }
        *self.hours.entry((hour.number(), kind, row.outcome.number())).or_insert(0) += 1;
        let &[user, administrator, device, application, _, origin, _] = terms else { return };
        // An address is known by its number; an event with a country and no address is nobody's activity.
        let address = origin.filter(|_| row.src_ip.is_some());
        let parties = [user, administrator, device, application, address];
        self.activity.add_event(parties, time_ms, row.class_uid, row.outcome);
    }
}

impl EventWriter {
    /// The organization.
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// The store that it writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stores a page in one transaction: after it, all of it is there or nothing is.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn write_page(&mut self, page: &EventPage<'_>, now: Timestamp) -> Result<PageWritten> {
        let mut dictionary = self.take_dictionary().await?;
        let mut written = PageWritten::default();
        let (fresh, packing) = self.fresh_of(page, &mut written).await?;
        // Lists and no closures across an await: else the future could not be proven to be `Send`.
        let terms: Vec<Option<Term<'_>>> = fresh.iter().flat_map(|fresh| terms_of(fresh.row)).collect();
        let (terms, new_terms) = dictionary.learn(&self.store, &terms).await?;
        let times: Vec<i64> = fresh.iter().map(|fresh| fresh.time_ms).collect();

        let months = ensure_months(&self.store.db, &self.months, times.into_iter(), now).await?;
        self.months.extend(months);
        let mut tx = self.begin(now).await?;
        new_terms.write(&mut tx).await?;
        let first_part = self.take_part_numbers(&mut tx, packing.len()).await?;
        let rows = IndexRows { mapping: page.mapping, fresh: &fresh, terms: &terms, first_part };
        let counts = self.write_index(&mut tx, &EVENTS, rows, &mut dictionary).await?;
        dictionary.write_kinds(&mut tx, &counts.kinds).await?;
        self.write_counts(&mut tx, counts.hours).await?;
        counts.activity.write(&mut tx, self.org).await?;
        self.write_untimed(&mut tx, &fresh).await?;
        self.write_ledger(&mut tx, page, &counts.windows, &mut written, now).await?;
        for (number, packed) in (first_part..).zip(packing) {
            let packed = packed.await.map_err(|_| Error::Refused("packing events was stopped".to_owned()))??;
            self.write_part(&mut tx, number, packed, page, now).await?;
        }
        tx.commit().await?;
        self.dictionary = Some(dictionary);
        Ok(written)
    }

    pub(super) async fn begin(&self, now: Timestamp) -> Result<Tx> {
        let mut tx = self.store.db.begin().await?;
        self.lease.check(&mut tx, Some(now)).await?;
        Ok(tx)
    }

    /// Put back after a commit; one that is not has learned what was not written.
    pub(super) async fn take_dictionary(&mut self) -> Result<Dictionary> {
        match self.dictionary.take() {
            Some(dictionary) => Ok(dictionary),
            None => Dictionary::load(&self.store, self.org).await,
        }
    }

    /// The rows of a page that are not stored yet, and their parts, which are packed meanwhile.
    async fn fresh_of<'a>(
        &self,
        page: &EventPage<'a>,
        written: &mut PageWritten,
    ) -> Result<(Vec<Fresh<'a>>, Vec<JoinHandle<Result<Packed>>>)> {
        let mut known = self.stored_among(page).await?;
        let mut fresh: Vec<Fresh<'a>> = Vec::with_capacity(page.rows.len());
        let mut packing = Vec::new();
        let mut gathered = Gathered::default();
        for row in page.rows {
            let time_ms = row.time_ms.unwrap_or(page.window.start_ms());
            if time_ms < self.removed_before_ms {
                written.expired += 1;
                continue;
            }
            if !known.insert(row.uid) {
                written.duplicates += 1;
                continue;
            }
            if !gathered.has_room_for(row.raw) {
                packing.push(pack(std::mem::take(&mut gathered)));
            }
            let position = gathered.push(row.raw, time_ms, row.uid, row.id);
            fresh.push(Fresh { row, time_ms, part: packing.len(), position });
        }
        if !fresh.is_empty() {
            packing.push(pack(gathered));
        }
        written.stored = fresh.len() as u64;
        // The order of the key, so that the rows of a page are written next to each other.
        fresh.sort_unstable_by_key(|fresh| (fresh.time_ms, fresh.row.uid));
        Ok((fresh, packing))
    }

    /// Which of a page's identities are stored. Read before the transaction, as nobody else writes them.
    async fn stored_among(&self, page: &EventPage<'_>) -> Result<hashbrown::HashSet<[u8; 16]>> {
        // The same identity has the same time, so what is stored lies where the page's events would.
        let mut spans: BTreeMap<Hour, (i64, i64)> = BTreeMap::new();
        let mut untimed = Vec::new();
        for row in page.rows {
            match row.time_ms {
                Some(ms) => {
                    let span = spans.entry(Hour::of_ms(ms)).or_insert((ms, ms));
                    *span = (span.0.min(ms), span.1.max(ms));
                }
                None => untimed.push(row.uid),
            }
        }
        let mut known = hashbrown::HashSet::with_capacity(page.rows.len());
        let mut note = |row: crate::db::Row| {
            known.insert(row.bytes(0).try_into().unwrap_or_default());
        };
        for (first, last) in spans.into_values() {
            let sql = "SELECT uid FROM event WHERE org = $1 AND time_ms >= $2 AND time_ms <= $3";
            self.store.db.each(sql, vec![self.org.into(), first.into(), last.into()], &mut note).await?;
        }
        for uid in untimed {
            let sql = "SELECT uid FROM event_untimed WHERE org = $1 AND uid = $2";
            self.store.db.each(sql, vec![self.org.into(), Cell::Bytes(uid.to_vec())], &mut note).await?;
        }
        Ok(known)
    }

    /// Takes numbers for parts; returns the first. The organization's row stays locked until the commit, so parts become
    /// visible in the order of their numbers.
    async fn take_part_numbers(&self, tx: &mut Tx, count: usize) -> Result<i64> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = tx
            .fetch(
                "UPDATE event_org SET parts = parts + $2 WHERE org = $1 RETURNING parts",
                vec![self.org.into(), count.into()],
            )
            .await?;
        let last = rows.first().ok_or_else(|| {
            Error::Refused(format!("what was stored of organization {} was removed meanwhile", self.org_id))
        })?;
        Ok(last.integer(0) - count + 1)
    }

    pub(super) async fn write_index(
        &self,
        tx: &mut Tx,
        events: &Bulk,
        rows: IndexRows<'_>,
        dictionary: &mut Dictionary,
    ) -> Result<Counts> {
        let IndexRows { mapping, fresh, terms, first_part } = rows;
        let mut counts = Counts::default();
        events
            .run_made(tx, fresh.len(), |places| {
                let mut cells = Vec::with_capacity(places.len() * events.width);
                let terms = terms[places.start * TERMS..places.end * TERMS].chunks_exact(TERMS);
                for (Fresh { row, time_ms, part, position }, terms) in fresh[places].iter().zip(terms) {
                    let kind = dictionary.kind(row, mapping);
                    counts.add(row, *time_ms, kind, terms);
                    cells.push(Cell::Integer(self.org));
                    cells.push(Cell::Integer(*time_ms));
                    cells.push(Cell::Bytes(row.uid.to_vec()));
                    cells.push(Cell::Integer(place(first_part, *part, *position)));
                    cells.push(Cell::Integer(kind));
                    cells.push(Cell::Integer(row.outcome.number()));
                    cells.push(row.mfa.map_or(Cell::Null(Kind::Boolean), Cell::Boolean));
                    cells.extend(terms.iter().copied().map(Cell::from));
                }
                cells
            })
            .await?;
        Ok(counts)
    }

    pub(super) async fn write_counts(&self, tx: &mut Tx, hours: HashMap<(i64, i64, i64), i64>) -> Result<()> {
        const COUNTS: Bulk = Bulk {
            into: "event_count (org, hour, kind, outcome, events)",
            width: 5,
            tail: "ON CONFLICT (org, hour, kind, outcome) DO UPDATE SET events = event_count.events + excluded.events",
        };
        const DAY_COUNTS: Bulk = Bulk {
            into: "event_day_count (org, day, kind, outcome, events)",
            width: 5,
            tail: "ON CONFLICT (org, day, kind, outcome) DO UPDATE SET events = event_day_count.events + excluded.events",
        };
        let mut days: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
        for ((hour, kind, outcome), events) in &hours {
            // As SQL divides.
            *days.entry((hour / 24, *kind, *outcome)).or_insert(0) += events;
        }
        let mut hours: Vec<_> = hours.into_iter().collect();
        hours.sort_unstable();
        let cells = |((time, kind, outcome), events)| [self.org, time, kind, outcome, events].map(Cell::Integer);
        COUNTS.run(tx, hours.into_iter().flat_map(cells).collect()).await?;
        DAY_COUNTS.run(tx, days.into_iter().flat_map(cells).collect()).await
    }

    async fn write_untimed(&self, tx: &mut Tx, fresh: &[Fresh<'_>]) -> Result<()> {
        const UNTIMED: Bulk = Bulk { into: "event_untimed (org, uid, time_ms)", width: 3, tail: "" };
        let cells = fresh.iter().filter(|fresh| fresh.row.time_ms.is_none()).flat_map(|fresh| {
            [Cell::Integer(self.org), Cell::Bytes(fresh.row.uid.to_vec()), Cell::Integer(fresh.time_ms)]
        });
        UNTIMED.run(tx, cells.collect()).await
    }

    async fn write_part(
        &self,
        tx: &mut Tx,
        number: i64,
        part: Packed,
        page: &EventPage<'_>,
        now: Timestamp,
    ) -> Result<()> {
        tx.execute(
            "INSERT INTO event_part (org, number, asked_hour, received_at, events, raw_bytes, first_ms, last_ms, content, filter, mapping)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            vec![
                self.org.into(),
                number.into(),
                page.window.number().into(),
                now.into(),
                (part.events as u64).into(),
                part.raw_bytes.into(),
                part.first_ms.into(),
                part.last_ms.into(),
                Cell::Bytes(part.content.to_vec()),
                Cell::Bytes(part.filter),
                i64::from(page.mapping).into(),
            ],
        )
        .await?;
        tx.execute(
            "INSERT INTO event_raw (org, part, packed) VALUES ($1, $2, $3)",
            vec![self.org.into(), number.into(), Cell::Bytes(part.packed)],
        )
        .await?;
        Ok(())
    }

    /// Notes the page in the window that was asked, and its events in the windows that they belong to.
    async fn write_ledger(
        &self,
        tx: &mut Tx,
        page: &EventPage<'_>,
        windows: &BTreeMap<Hour, Tally>,
        written: &mut PageWritten,
        now: Timestamp,
    ) -> Result<()> {
        self.ensure_window(tx, page.window).await?;
        for (hour, tally) in windows {
            if *hour != page.window {
                self.ensure_window(tx, *hour).await?;
                written.elsewhere += tally.events.unsigned_abs();
            }
            let key = || vec![Cell::Integer(self.org), Cell::Integer(hour.number())];
            let before =
                tx.fetch("SELECT state, sealed_at FROM event_window WHERE org = $1 AND hour = $2", key()).await?;
            let before = before.first();
            let is_late = before.is_some_and(|row| row.maybe_text(1).is_some());
            if is_late {
                written.late += tally.events.unsigned_abs();
            }
            tx.execute(
                "UPDATE event_window SET stored = stored + $3, late = late + $4,
                   first_ms = CASE WHEN first_ms <= $5 THEN first_ms ELSE $5 END,
                   last_ms = CASE WHEN last_ms >= $6 THEN last_ms ELSE $6 END WHERE org = $1 AND hour = $2",
                [
                    key(),
                    vec![
                        tally.events.into(),
                        (if is_late { tally.events } else { 0 }).into(),
                        tally.first_ms.into(),
                        tally.last_ms.into(),
                    ],
                ]
                .concat(),
            )
            .await?;
            if before.is_some_and(|row| row.text(0) == "sealed") {
                let reason = format!("{} events came after it had been sealed", tally.events);
                tx.execute(
                    "UPDATE event_window SET state = 'reopened', reason = $3, position = NULL WHERE org = $1 AND hour = $2",
                    [key(), vec![reason.into()]].concat(),
                )
                .await?;
                written.reopened.push(*hour);
            }
        }
        tx.execute(
            "UPDATE event_window SET duplicates = duplicates + $3, asked_at = COALESCE(asked_at, $4),
               position = COALESCE($5, position),
               state = CASE WHEN state = 'sealed' OR removed_at IS NOT NULL THEN state WHEN $6 = 1 THEN 'read' WHEN state = 'gap' THEN 'open' ELSE state END,
               reason = CASE WHEN state = 'gap' AND removed_at IS NULL THEN NULL ELSE reason END, lost = FALSE
             WHERE org = $1 AND hour = $2",
            vec![
                self.org.into(),
                page.window.number().into(),
                written.duplicates.into(),
                now.into(),
                page.position.map(str::to_owned).into(),
                i64::from(page.is_last).into(),
            ],
        )
        .await?;
        Ok(())
    }

    pub(crate) async fn ensure_window(&self, tx: &mut Tx, hour: Hour) -> Result<()> {
        tx.execute(
            "INSERT INTO event_window (org, hour, state, stored, duplicates, late) VALUES ($1, $2, 'open', 0, 0, 0)
             ON CONFLICT (org, hour) DO NOTHING",
            vec![self.org.into(), hour.number().into()],
        )
        .await?;
        Ok(())
    }
}

fn pack(gathered: Gathered) -> JoinHandle<Result<Packed>> {
    tokio::spawn(beside(move || gathered.pack()))
}

/// See `event.place`.
pub(crate) fn place(first_part: i64, part: usize, position: usize) -> i64 {
    ((first_part + part as i64) << POSITION_BITS) | position as i64
}
