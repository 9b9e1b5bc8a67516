//! The ledger: what is known of each hour of an organization's events, and the proof that nothing is missing.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::hour::{Hour, moment};
use super::write::EventWriter;
use crate::db::{Db, Row};
use crate::schema::{Cell, storable};
use crate::{Result, Store};

/// How far the reading and proving of a window has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowState {
    /// Being read, or not read yet.
    Open,
    /// Read to its end; not proven.
    Read,
    /// Proven: as many events are stored as JumpCloud counts.
    Sealed,
    /// It was sealed, and then events came or the count changed; to be read again.
    Reopened,
    /// Can not be read or proven any more; the reason is told.
    Gap,
}

impl WindowState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Read, Self::Sealed, Self::Reopened, Self::Gap];

    /// Its word: `open`, `read`, `sealed`, `reopened` or `gap`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Sealed => "sealed",
            Self::Reopened => "reopened",
            Self::Gap => "gap",
        }
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The organization.
    pub org_id: String,
    /// The hour.
    pub hour: Hour,
    /// How far it has come.
    pub state: WindowState,
    /// Why it is a gap, was reopened, or could not be sealed.
    pub reason: Option<String>,
    /// When a page of it was asked for first; `None` if its events all came in pages of other hours.
    pub asked_at: Option<Timestamp>,
    /// Where reading goes on: the `search_after` behind the last page, as it was told. `None`: from the beginning.
    pub position: Option<String>,
    /// Events stored whose own time lies in this hour.
    pub stored: u64,
    /// Events that came again in pages of this hour and were dropped.
    pub duplicates: u64,
    /// Events of this hour that came after it had been sealed.
    pub late: u64,
    /// Time of its first event.
    pub first: Option<Timestamp>,
    /// Time of its last event.
    pub last: Option<Timestamp>,
    /// How many events JumpCloud counted when it was asked last.
    pub counted: Option<u64>,
    /// When it was sealed last.
    pub sealed_at: Option<Timestamp>,
    /// SHA-256 over the identities (16 bytes each, in ascending order), in hexadecimal digits, as it was sealed last.
    pub identities: Option<String>,
    /// When JumpCloud's count was equal last.
    pub verified_at: Option<Timestamp>,
    /// When it is to be counted again.
    pub next_check_at: Option<Timestamp>,
    /// Its events were removed then, by the retention.
    pub removed_at: Option<Timestamp>,
    /// A gap for good: JumpCloud has dropped its events. It is not tried again unless somebody asks.
    pub is_lost: bool,
}

/// What became of an attempt to seal a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealOutcome {
    /// It is sealed now.
    Sealed(Window),
    /// It is not; the texts say what differs, and the window's `reason` is the same.
    Differs(Window),
}

/// What the stored events of an hour say themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recomputed {
    /// How many there are.
    pub stored: u64,
    /// Time of the first.
    pub first: Option<Timestamp>,
    /// Time of the last.
    pub last: Option<Timestamp>,
    /// See [`Window::identities`].
    pub identities: String,
}

pub(super) const COLUMNS: &str =
    "o.org_id, w.hour, w.state, w.reason, w.asked_at, w.position, w.stored, w.duplicates, w.late,
    w.first_ms, w.last_ms, w.counted, w.sealed_at, w.identities, w.verified_at, w.next_check_at, w.removed_at,
    w.lost";

impl Window {
    pub(super) fn of(row: &Row) -> Self {
        let count = |at| u64::try_from(row.integer(at)).unwrap_or(0);
        Self {
            org_id: row.text(0),
            hour: Hour::from_number(row.integer(1)),
            state: WindowState::from_word(&row.text(2)).unwrap_or(WindowState::Open),
            reason: row.maybe_text(3),
            asked_at: row.maybe_time(4),
            position: row.maybe_text(5),
            stored: count(6),
            duplicates: count(7),
            late: count(8),
            first: row.maybe_integer(9).map(moment),
            last: row.maybe_integer(10).map(moment),
            counted: row.maybe_integer(11).and_then(|counted| u64::try_from(counted).ok()),
            sealed_at: row.maybe_time(12),
            identities: row.maybe_text(13),
            verified_at: row.maybe_time(14),
            next_check_at: row.maybe_time(15),
            removed_at: row.maybe_time(16),
            is_lost: row.boolean(17),
        }
    }
}

/// The sealed lines of a ledger, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SealedLines {
    /// How many there are.
    pub lines: u64,
    /// The first.
    pub first: Option<Hour>,
    /// The last.
    pub last: Option<Hour>,
    /// Events that are stored now.
    pub stored: u64,
    /// Time of the newest event.
    pub newest: Option<Timestamp>,
}

impl Store {
    /// What the sealed lines of an organization before an hour come to.
    pub async fn event_windows_sealed(&self, org_id: &str, before: Hour) -> Result<SealedLines> {
        let sql = "SELECT COUNT(*), MIN(w.hour), MAX(w.hour), MAX(w.last_ms),
                     CAST(SUM(CASE WHEN w.removed_at IS NULL THEN w.stored ELSE 0 END) AS BIGINT)
                   FROM event_org o JOIN event_window w ON w.org = o.org
                   WHERE o.org_id = $1 AND w.hour < $2 AND w.state = 'sealed'";
        let rows = self.db.fetch(sql, vec![org_id.into(), before.number().into()]).await?;
        Ok(rows.first().map_or_else(SealedLines::default, |row| SealedLines {
            lines: row.integer(0).unsigned_abs(),
            first: row.maybe_integer(1).map(Hour::from_number),
            last: row.maybe_integer(2).map(Hour::from_number),
            newest: row.maybe_integer(3).map(moment),
            stored: row.integer(4).unsigned_abs(),
        }))
    }

    /// The ledger's lines of an organization from one hour on and before another, oldest first.
    pub async fn event_windows(&self, org_id: &str, from: Hour, before: Hour) -> Result<Vec<Window>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM event_org o JOIN event_window w ON w.org = o.org
             WHERE o.org_id = $1 AND w.hour >= $2 AND w.hour < $3 ORDER BY w.hour"
        );
        let rows = self.db.fetch(&sql, vec![org_id.into(), from.number().into(), before.number().into()]).await?;
        Ok(rows.iter().map(Window::of).collect())
    }

    /// One line of the ledger.
    pub async fn event_window(&self, org_id: &str, hour: Hour) -> Result<Option<Window>> {
        Ok(self.event_windows(org_id, hour, hour.next()).await?.pop())
    }

    /// The first hour of an organization's ledger.
    pub async fn first_event_window(&self, org_id: &str) -> Result<Option<Hour>> {
        let rows = self
            .db
            .fetch(
                "SELECT w.hour FROM event_org o JOIN event_window w ON w.org = o.org
                 WHERE o.org_id = $1 ORDER BY w.hour LIMIT 1",
                vec![org_id.into()],
            )
            .await?;
        Ok(rows.first().map(|row| Hour::from_number(row.integer(0))))
    }

    /// All lines of an organization that are in one of these states, oldest first.
    pub async fn event_windows_in(&self, org_id: &str, states: &[WindowState]) -> Result<Vec<Window>> {
        let words: Vec<String> = states.iter().map(|state| format!("'{}'", state.word())).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM event_org o JOIN event_window w ON w.org = o.org
             WHERE o.org_id = $1 AND w.state IN ({}) ORDER BY w.hour",
            words.join(",")
        );
        Ok(self.db.fetch(&sql, vec![org_id.into()]).await?.iter().map(Window::of).collect())
    }

    /// Sealed windows that are to be counted again by now, oldest first. Those whose events were removed are not.
    pub async fn event_windows_due(&self, org_id: &str, now: Timestamp) -> Result<Vec<Window>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM event_org o JOIN event_window w ON w.org = o.org
             WHERE o.org_id = $1 AND w.state = 'sealed' AND w.next_check_at <= $2 AND w.removed_at IS NULL ORDER BY w.hour"
        );
        Ok(self.db.fetch(&sql, vec![org_id.into(), now.into()]).await?.iter().map(Window::of).collect())
    }

    /// Counts and hashes the stored events of an hour anew. Equal to the ledger's line, unless something is wrong with
    /// the store.
    pub async fn recompute_window(&self, org_id: &str, hour: Hour) -> Result<Recomputed> {
        recompute(&self.db, org_id, hour).await
    }
}

async fn recompute(db: &Db, org_id: &str, hour: Hour) -> Result<Recomputed> {
    let (mut first, mut last) = (None, None);
    let mut uids: Vec<[u8; 16]> = Vec::new();
    db.each(
        "SELECT e.time_ms, e.uid FROM event_org o JOIN event e ON e.org = o.org
         WHERE o.org_id = $1 AND e.time_ms >= $2 AND e.time_ms < $3 ORDER BY e.time_ms",
        vec![org_id.into(), hour.start_ms().into(), hour.end_ms().into()],
        |row| {
            let at = row.integer(0);
            first.get_or_insert(at);
            last = Some(at);
            uids.push(row.bytes(1).try_into().unwrap_or_default());
        },
    )
    .await?;
    uids.sort_unstable();
    let mut sha = Sha256::new();
    for uid in &uids {
        sha.update(uid);
    }
    Ok(Recomputed {
        stored: uids.len() as u64,
        first: first.map(moment),
        last: last.map(moment),
        identities: data_encoding::HEXLOWER.encode(&sha.finalize()),
    })
}

/// What differs between the ledger, the stored events and JumpCloud's count; nothing if all are equal.
fn difference(window: Option<&Window>, found: &Recomputed, counted: u64) -> Option<String> {
    let mut wrong = Vec::new();
    if found.stored != counted {
        wrong.push(format!("{} events are stored, JumpCloud counts {counted}", found.stored));
    }
    let noted = window.map(|window| (window.stored, window.first, window.last)).unwrap_or_default();
    if noted != (found.stored, found.first, found.last) {
        wrong.push(format!(
            "the ledger notes {} events and there are {}, or their first and last times differ: the store is damaged",
            noted.0, found.stored
        ));
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

impl EventWriter {
    /// Seals a window, or seals it again, if JumpCloud's count equals what is stored; count, first, last and the hash are
    /// computed anew from the stored events. A window whose count differs is not sealed: one that was is reopened, and
    /// is to be read from its beginning.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    pub async fn seal(
        &mut self,
        hour: Hour,
        counted: u64,
        next_check_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<SealOutcome> {
        let window = self.store.event_window(&self.org_id, hour).await?;
        // Nobody else writes this organization's events, as the lease is checked when the outcome is written.
        let found = recompute(&self.store.db, &self.org_id, hour).await?;
        let differs = difference(window.as_ref(), &found, counted);
        // It says something of what is there already. Should the machine lose its power before the next page, or the end of the
        // run, has made it durable, the window is as it was before, and is proven again.
        let mut tx = self.store.db.begin_hidden().await?;
        self.lease.check(&mut tx, Some(now)).await?;
        self.ensure_window(&mut tx, hour).await?;
        let key = || [Cell::Integer(self.org), Cell::Integer(hour.number()), Cell::from(counted)];
        match &differs {
            None => {
                tx.execute(
                    "UPDATE event_window SET counted = $3, state = 'sealed', lost = FALSE, reason = NULL, identities = $4, sealed_at = $5,
                       verified_at = $5, next_check_at = $6 WHERE org = $1 AND hour = $2",
                    [&key()[..], &[found.identities.into(), now.into(), next_check_at.into()]].concat(),
                )
                .await?
            }
            Some(reason) => {
                tx.execute(
                    "UPDATE event_window SET counted = $3, reason = $4,
                       position = CASE WHEN state = 'sealed' THEN NULL ELSE position END,
                       state = CASE WHEN state = 'sealed' THEN 'reopened' ELSE state END WHERE org = $1 AND hour = $2",
                    [&key()[..], &[reason.as_str().into()]].concat(),
                )
                .await?
            }
        };
        tx.commit().await?;
        let window = self.line(hour).await?;
        Ok(if differs.is_none() { SealOutcome::Sealed(window) } else { SealOutcome::Differs(window) })
    }

    /// Has a window read again from its beginning.
    pub async fn reopen(&mut self, hour: Hour, why: &str, now: Timestamp) -> Result<Window> {
        let mut tx = self.begin(now).await?;
        self.ensure_window(&mut tx, hour).await?;
        tx.execute(
            "UPDATE event_window SET state = 'reopened', lost = FALSE, reason = $3, position = NULL WHERE org = $1 AND hour = $2",
            vec![self.org.into(), hour.number().into(), storable(why).into()],
        )
        .await?;
        tx.commit().await?;
        self.line(hour).await
    }

    /// Notes that windows can not be read or proven, and why. A sealed window stays sealed: its proof was made.
    pub async fn mark_gaps(&mut self, hours: &[Hour], reason: &str, now: Timestamp) -> Result<()> {
        self.note_gaps(hours, reason, false, now).await
    }

    /// Notes that windows can never be read again, and why: they are gaps that [`EventWriter::outstanding`] leaves out.
    pub async fn mark_lost(&mut self, hours: &[Hour], reason: &str, now: Timestamp) -> Result<()> {
        self.note_gaps(hours, reason, true, now).await
    }

    async fn note_gaps(&self, hours: &[Hour], reason: &str, lost: bool, now: Timestamp) -> Result<()> {
        let mut tx = self.begin(now).await?;
        for hour in hours {
            self.ensure_window(&mut tx, *hour).await?;
            tx.execute(
                "UPDATE event_window SET state = 'gap', reason = $3, lost = $4 WHERE org = $1 AND hour = $2 AND state <> 'sealed'",
                vec![self.org.into(), hour.number().into(), storable(reason).into(), lost.into()],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Has lost windows from an hour on tried once more; returns how many. Those whose events the retention removed stay
    /// as they are.
    pub async fn retry_lost(&mut self, from: Hour, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin(now).await?;
        let retried = tx
            .execute(
                "UPDATE event_window SET lost = FALSE, position = NULL WHERE org = $1 AND hour >= $2 AND lost AND removed_at IS NULL",
                vec![self.org.into(), from.number().into()],
            )
            .await?;
        tx.commit().await?;
        Ok(retried)
    }

    async fn line(&self, hour: Hour) -> Result<Window> {
        let window = self.store.event_window(&self.org_id, hour).await?;
        window.ok_or_else(|| {
            crate::Error::Refused(format!("what was stored of organization {} was removed meanwhile", self.org_id))
        })
    }
}
