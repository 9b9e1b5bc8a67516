//! Runs: every test, update and sync of a connection, with who started it, what was read, and how it ended.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::db::Row;
use crate::schema::Cell;
use crate::{Result, Store};

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Action {
    Test,
    Update,
    /// Of the inventory.
    Sync,
    Events,
}

/// What a run read, of all tables together, in rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `TableRecord`")]
pub struct RunSums {
    pub read: u64,
    pub new: u64,
    pub changed: u64,
    pub gone: u64,
    pub unchanged: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was read.
    Succeeded,
    /// The snapshot was committed, but something is missing; the run says what.
    Incomplete,
    /// Nothing was committed.
    Failed,
    /// A person or a signal stopped it.
    Cancelled,
    /// Its process died.
    Interrupted,
}

/// How completely one source of one table was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    /// Every row, held against the API's own total where it gives one.
    Complete,
    /// Refused with 403.
    NotPermitted,
    /// Refused with 402.
    NotLicensed,
    /// A request failed.
    Failed,
    /// Fewer or other rows came than the API's own total says, after reading again.
    Short,
    /// Suspiciously many rows are missing; held until a second read confirms it.
    Shrunken,
    /// Another table that it is asked by was not read completely.
    Dependent,
}

/// What one run read of one source of one table.
#[derive(Debug, Clone)]
pub struct TableRecord {
    /// Table name.
    pub table: String,
    /// The source's part; empty where a table has one source.
    pub part: String,
    /// How completely.
    pub state: TableState,
    /// Why not completely, in words.
    pub reason: Option<String>,
    /// A refusal of this source does not make the snapshot incomplete.
    pub optional: bool,
    /// The API's own total, where it gives one.
    pub told: Option<u64>,
    /// Rows received.
    pub read: u64,
    /// Rows that were not there before.
    pub new: u64,
    /// Rows whose content differs from before.
    pub changed: u64,
    /// Rows that are no longer there.
    pub gone: u64,
    /// Rows as before.
    pub unchanged: u64,
    /// Rows that came more than once.
    pub duplicates: u64,
    /// Values of another type than declared, stored as NULL (and as they came in `raw`).
    pub misfits: u64,
    /// Rows that could not be stored as rows; kept aside as they came.
    pub quarantined: u64,
    /// Rows held after this run.
    pub held: u64,
}

/// Requests to one endpoint during a run.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// Method and path template.
    pub endpoint: String,
    /// Requests sent, including those tried again.
    pub calls: u64,
    /// Requests tried again.
    pub retries: u64,
    /// Answers 429.
    pub rate_limited: u64,
    /// The newest answer's status.
    pub last_status: Option<u16>,
}

/// One run, as history shows it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the column names say it; see `RunEnd` for the rest")]
pub struct Run {
    pub id: i64,
    pub connection_id: String,
    pub connection_name: String,
    pub org_id: Option<String>,
    pub action: Action,
    /// `system` when the schedule started it.
    pub started_by: String,
    /// The process that does it.
    pub collector: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub stage: String,
    pub outcome: Option<Outcome>,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub help: Option<String>,
    pub calls: u64,
    pub retries: u64,
    pub rate_limited: u64,
    pub bytes: u64,
}

/// How a run ended and what it cost.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// Stable code of the error, if any.
    pub error_code: Option<String>,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// What was read.
    pub tables: Vec<TableRecord>,
    /// What was asked.
    pub calls: Vec<CallRecord>,
    /// Bytes received, after decompression.
    pub bytes: u64,
}

impl TableRecord {
    /// What this source lacks, in words; `None` when it is complete or its refusal was to be expected.
    pub fn shortfall(&self) -> Option<String> {
        let expected = self.optional && matches!(self.state, TableState::NotPermitted | TableState::NotLicensed);
        if self.state == TableState::Complete || expected {
            return None;
        }
        let name = if self.part.is_empty() { self.table.clone() } else { format!("{} ({})", self.table, self.part) };
        let reason = self.reason.as_deref().unwrap_or(self.state.word());
        Some(format!("{name}: {reason}"))
    }
}

macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word that stands in the database, in tables and in JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(Action { Test => "test", Update => "update", Sync => "sync", Events => "events" });
words!(Outcome {
    Succeeded => "succeeded",
    Incomplete => "incomplete",
    Failed => "failed",
    Cancelled => "cancelled",
    Interrupted => "interrupted",
});
words!(TableState {
    Complete => "complete",
    NotPermitted => "not_permitted",
    NotLicensed => "not_licensed",
    Failed => "failed",
    Short => "short",
    Shrunken => "shrunken",
    Dependent => "dependent",
});

impl Store {
    /// Writes down that a run has begun; returns its number.
    pub async fn start_run(
        &self,
        connection: &crate::Connection,
        action: Action,
        started_by: &str,
        collector: &str,
        now: Timestamp,
    ) -> Result<i64> {
        let mut tx = self.db.begin().await?;
        let id = tx.next_numbers("run", 1).await?;
        tx.execute(
            "INSERT INTO run (id, connection_id, connection_name, org_id, action, started_by, collector, started_at, stage,
                              calls, retries, rate_limited, bytes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'started', 0, 0, 0, 0)",
            vec![
                id.into(),
                connection.id.as_str().into(),
                connection.name.as_str().into(),
                connection.org_id.clone().into(),
                action.word().into(),
                started_by.into(),
                collector.into(),
                now.into(),
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Says what a run is doing now.
    pub async fn set_stage(&self, run: i64, stage: &str) -> Result<()> {
        self.db.execute("UPDATE run SET stage = $1 WHERE id = $2", vec![stage.into(), run.into()]).await.map(drop)
    }

    /// Writes down how a run ended.
    pub async fn finish_run(&self, run: i64, end: &RunEnd, now: Timestamp) -> Result<()> {
        let sum = |count: fn(&CallRecord) -> u64| end.calls.iter().map(count).sum::<u64>();
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE run SET ended_at = $1, stage = 'completed', outcome = $2, error_code = $3, error = $4, help = $5,
                            calls = $6, retries = $7, rate_limited = $8, bytes = $9 WHERE id = $10",
            vec![
                now.into(),
                end.outcome.word().into(),
                end.error_code.clone().into(),
                end.error.clone().into(),
                end.help.clone().into(),
                sum(|call| call.calls).into(),
                sum(|call| call.retries).into(),
                sum(|call| call.rate_limited).into(),
                end.bytes.into(),
                run.into(),
            ],
        )
        .await?;
        for (position, table) in (0_i64..).zip(&end.tables) {
            tx.execute(
                "INSERT INTO run_table (run_id, position, table_name, part, state, reason, told, read, new, changed, gone,
                                        unchanged, duplicates, misfits, quarantined)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                vec![
                    run.into(),
                    position.into(),
                    table.table.as_str().into(),
                    table.part.as_str().into(),
                    table.state.word().into(),
                    table.reason.clone().into(),
                    table.told.map(|told| i64::try_from(told).unwrap_or(i64::MAX)).into(),
                    table.read.into(),
                    table.new.into(),
                    table.changed.into(),
                    table.gone.into(),
                    table.unchanged.into(),
                    table.duplicates.into(),
                    table.misfits.into(),
                    table.quarantined.into(),
                ],
            )
            .await?;
        }
        for call in &end.calls {
            tx.execute(
                "INSERT INTO run_call (run_id, endpoint, calls, retries, rate_limited, last_status) VALUES ($1, $2, $3, $4, $5, $6)",
                vec![
                    run.into(),
                    call.endpoint.as_str().into(),
                    call.calls.into(),
                    call.retries.into(),
                    call.rate_limited.into(),
                    call.last_status.map(i64::from).into(),
                ],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Ends the unfinished syncs of a connection whose process is gone; the caller holds the lease, so none is alive.
    pub async fn end_interrupted_runs(
        &self,
        connection_id: &str,
        action: Action,
        but: i64,
        now: Timestamp,
    ) -> Result<u64> {
        self.db
            .execute(
                "UPDATE run SET ended_at = $1, outcome = 'interrupted', error = 'the process ended before the run did'
                 WHERE connection_id = $2 AND outcome IS NULL AND id <> $3 AND action = $4",
                vec![now.into(), connection_id.into(), but.into(), action.word().into()],
            )
            .await
    }

    /// Runs, newest first: of one connection or of all.
    pub async fn runs(&self, connection_id: Option<&str>, most: u32) -> Result<Vec<Run>> {
        let rows = self
            .db
            .fetch(
                "SELECT id, connection_id, connection_name, org_id, action, started_by, collector, started_at, ended_at, stage,
                        outcome, error_code, error, help, calls, retries, rate_limited, bytes
                 FROM run WHERE $1 = '' OR connection_id = $1 ORDER BY id DESC LIMIT $2",
                vec![connection_id.unwrap_or_default().into(), i64::from(most).into()],
            )
            .await?;
        Ok(rows.iter().map(run_of).collect())
    }

    /// One run by number.
    pub async fn run(&self, id: i64) -> Result<Option<Run>> {
        let rows = self
            .db
            .fetch(
                "SELECT id, connection_id, connection_name, org_id, action, started_by, collector, started_at, ended_at, stage,
                        outcome, error_code, error, help, calls, retries, rate_limited, bytes
                 FROM run WHERE id = $1",
                vec![id.into()],
            )
            .await?;
        Ok(rows.first().map(run_of))
    }

    /// What runs read in all their tables together, by their numbers. Runs without tables are not among them.
    pub async fn run_sums(&self, runs: &[i64]) -> Result<HashMap<i64, RunSums>> {
        let (Some(first), Some(last)) = (runs.iter().min(), runs.iter().max()) else { return Ok(HashMap::new()) };
        let sums = ["read", "new", "changed", "gone", "unchanged"].map(|name| format!("CAST(SUM({name}) AS BIGINT)"));
        let sql = format!(
            "SELECT run_id, {} FROM run_table WHERE run_id >= $1 AND run_id <= $2 GROUP BY run_id",
            sums.join(", ")
        );
        let rows = self.db.fetch(&sql, vec![(*first).into(), (*last).into()]).await?;
        let sums_of = |row: &Row| {
            let [read, new, changed, gone, unchanged] = [1, 2, 3, 4, 5].map(|at| row.integer(at).unsigned_abs());
            RunSums { read, new, changed, gone, unchanged }
        };
        Ok(rows.iter().map(|row| (row.integer(0), sums_of(row))).collect())
    }

    /// What a run read, table by table.
    pub async fn run_tables(&self, run: i64) -> Result<Vec<TableRecord>> {
        let rows = self
            .db
            .fetch(
                "SELECT table_name, part, state, reason, told, read, new, changed, gone, unchanged, duplicates, misfits, quarantined
                 FROM run_table WHERE run_id = $1 ORDER BY position",
                vec![run.into()],
            )
            .await?;
        let count = |row: &Row, at| u64::try_from(row.integer(at)).unwrap_or(0);
        Ok(rows
            .iter()
            .map(|row| TableRecord {
                table: row.text(0),
                part: row.text(1),
                state: TableState::from_word(&row.text(2)).unwrap_or(TableState::Failed),
                reason: row.maybe_text(3),
                optional: false,
                told: row.maybe_integer(4).and_then(|told| u64::try_from(told).ok()),
                read: count(row, 5),
                new: count(row, 6),
                changed: count(row, 7),
                gone: count(row, 8),
                unchanged: count(row, 9),
                duplicates: count(row, 10),
                misfits: count(row, 11),
                quarantined: count(row, 12),
                held: 0,
            })
            .collect())
    }

    /// What a run asked, endpoint by endpoint.
    pub async fn run_calls(&self, run: i64) -> Result<Vec<CallRecord>> {
        let rows = self
            .db
            .fetch(
                "SELECT endpoint, calls, retries, rate_limited, last_status FROM run_call WHERE run_id = $1 ORDER BY endpoint",
                vec![run.into()],
            )
            .await?;
        let count = |row: &Row, at| u64::try_from(row.integer(at)).unwrap_or(0);
        Ok(rows
            .iter()
            .map(|row| CallRecord {
                endpoint: row.text(0),
                calls: count(row, 1),
                retries: count(row, 2),
                rate_limited: count(row, 3),
                last_status: row.maybe_integer(4).and_then(|status| u16::try_from(status).ok()),
            })
            .collect())
    }

    /// The state in which one source of one table was left by the newest committed snapshot of an organization.
    pub async fn last_table_state(&self, org_id: &str, table: &str, part: &str) -> Result<Option<(TableState, u64)>> {
        let rows = self
            .db
            .fetch(
                "SELECT t.state, t.rows_held FROM snapshot_table t JOIN snapshot s ON s.number = t.snapshot
                 WHERE s.org_id = $1 AND s.committed_at IS NOT NULL AND t.table_name = $2 AND t.part = $3
                 ORDER BY s.number DESC LIMIT 1",
                vec![org_id.into(), table.into(), part.into()],
            )
            .await?;
        Ok(rows
            .first()
            .and_then(|row| Some((TableState::from_word(&row.text(0))?, u64::try_from(row.integer(1)).unwrap_or(0)))))
    }
}

fn run_of(row: &Row) -> Run {
    let count = |at| u64::try_from(row.integer(at)).unwrap_or(0);
    Run {
        id: row.integer(0),
        connection_id: row.text(1),
        connection_name: row.text(2),
        org_id: row.maybe_text(3),
        action: Action::from_word(&row.text(4)).unwrap_or(Action::Sync),
        started_by: row.text(5),
        collector: row.text(6),
        started_at: row.maybe_time(7).unwrap_or(Timestamp::UNIX_EPOCH),
        ended_at: row.maybe_time(8),
        stage: row.text(9),
        outcome: Outcome::from_word(&row.text(10)),
        error_code: row.maybe_text(11),
        error: row.maybe_text(12),
        help: row.maybe_text(13),
        calls: count(14),
        retries: count(15),
        rate_limited: count(16),
        bytes: count(17),
    }
}

impl From<Outcome> for Cell {
    fn from(outcome: Outcome) -> Self {
        outcome.word().into()
    }
}
