//! What follows from the collected tables: views that queries read like tables, and tables that a program works out of a
//! committed snapshot and stores as versions of it. What follows and how is the caller's.

use jiff::Timestamp;

use crate::inventory::{OPEN, SnapshotWriter};
use crate::layout::{raws_name, versions_name};
use crate::lease::Lease;
use crate::query::note_change;
use crate::schema::{Column, Table};
use crate::{Error, Result, SnapshotInfo, Store};

/// A view over the collected tables: nothing of it is stored, so that it can be read as of any snapshot.
#[derive(Debug)]
pub struct DerivedView {
    /// SQL name.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its columns; `at` is not used.
    pub columns: &'static [Column],
    /// The tables and views that it reads.
    pub reads: &'static [&'static str],
    /// The SELECT behind it, in SQL that both engines read. `{now}` is the time of the query; see `events::views`.
    pub sql: &'static str,
}

/// A source of a table that a snapshot did not read completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShortfall {
    /// The table.
    pub table: String,
    /// Which of its sources; empty where there is one.
    pub part: String,
    /// The state's word, e.g. `not_permitted`.
    pub state: String,
    /// Why, in words.
    pub reason: Option<String>,
}

impl Store {
    /// The newest committed snapshot of every organization at a time (now, if `None`), or of one organization.
    pub async fn snapshots_held(&self, as_of: Option<Timestamp>, org_id: Option<&str>) -> Result<Vec<SnapshotInfo>> {
        let sql = "SELECT s.number, s.org_id, s.committed_at, s.complete FROM snapshot s
                   WHERE s.number IN (SELECT MAX(number) FROM snapshot WHERE committed_at IS NOT NULL
                     AND ($1 = '' OR committed_at <= $1) AND ($2 = '' OR org_id = $2) GROUP BY org_id)
                   ORDER BY s.org_id";
        let as_of = as_of.map(crate::schema::time_text).unwrap_or_default();
        let rows = self.db.fetch(sql, vec![as_of.into(), org_id.unwrap_or_default().into()]).await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                let (number, org_id, complete) = (row.integer(0), row.text(1), row.boolean(3));
                Some(SnapshotInfo { number, org_id, committed_at: row.maybe_time(2)?, complete })
            })
            .collect())
    }

    /// What a snapshot knows of each of its tables: every table that it has looked at, and what is short of it.
    pub async fn tables_of_snapshot(&self, snapshot: i64) -> Result<(Vec<String>, Vec<TableShortfall>)> {
        let sql =
            "SELECT table_name, part, state, reason FROM snapshot_table WHERE snapshot = $1 ORDER BY table_name, part";
        let (mut tables, mut short) = (Vec::new(), Vec::new());
        for row in self.db.fetch(sql, vec![snapshot.into()]).await? {
            let (table, state) = (row.text(0), row.text(2));
            if tables.last() != Some(&table) {
                tables.push(table.clone());
            }
            if state != "complete" {
                short.push(TableShortfall { table, part: row.text(1), state, reason: row.maybe_text(3) });
            }
        }
        Ok((tables, short))
    }

    /// Whether events of an organization were ever asked for.
    pub async fn has_windows(&self, org_id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM event_window w JOIN event_org o ON o.org = w.org WHERE o.org_id = $1 LIMIT 1";
        Ok(!self.db.fetch(sql, vec![org_id.into()]).await?.is_empty())
    }

    /// Begins to write a table that follows from a committed snapshot, anew if it was written before. The rows become
    /// versions of this snapshot; they count from [`Store::note_derived`] on.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    pub async fn begin_derived(&self, snapshot: &SnapshotInfo, table: &Table, lease: &Lease) -> Result<SnapshotWriter> {
        if table.asset.is_some() {
            return Err(Error::Refused(format!("{} are collected, not worked out", table.name)));
        }
        let (versions, raws) = (versions_name(table), raws_name(table));
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, None).await?;
        let written = "WHERE org_id = $1 AND until_snapshot = $2 AND from_snapshot = $3";
        let args = || vec![snapshot.org_id.as_str().into(), OPEN.into(), snapshot.number.into()];
        tx.execute(&format!("DELETE FROM {raws} WHERE row_id IN (SELECT row_id FROM {versions} {written})"), args())
            .await?;
        tx.execute(&format!("DELETE FROM {versions} {written}"), args()).await?;
        tx.execute(
            &format!("UPDATE {versions} SET until_snapshot = $1 WHERE org_id = $2 AND until_snapshot = $3"),
            vec![OPEN.into(), snapshot.org_id.as_str().into(), snapshot.number.into()],
        )
        .await?;
        note_change(&mut tx).await?;
        tx.commit().await?;
        Ok(SnapshotWriter::of_committed(self, lease, snapshot))
    }

    /// Notes that a table was worked out of a snapshot, or why it could not be.
    pub async fn note_derived(
        &self,
        snapshot: i64,
        table: &Table,
        shortfall: Option<&str>,
        rows: u64,
        lease: &Lease,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, None).await?;
        let state = if shortfall.is_some() { "dependent" } else { "complete" };
        tx.execute(
            "INSERT INTO snapshot_table (snapshot, table_name, part, state, reason, rows_held) VALUES ($1, $2, '', $3, $4, $5)
             ON CONFLICT (snapshot, table_name, part) DO UPDATE SET state = $3, reason = $4, rows_held = $5",
            vec![
                snapshot.into(),
                table.name.into(),
                state.into(),
                shortfall.map(ToOwned::to_owned).into(),
                rows.into(),
            ],
        )
        .await?;
        note_change(&mut tx).await?;
        tx.commit().await
    }
}
