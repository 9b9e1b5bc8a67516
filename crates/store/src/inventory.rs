//! Versioned inventory rows: how a snapshot is written, committed or undone, and how a row's past is read.
//!
//! Every table has two SQL tables. `v_<name>` holds versions: the typed columns, from which snapshot on and until which
//! (exclusive) the version holds. `r_<name>` holds their `raw` JSON, apart, so that scanning the columns does not read it.
//! What a running snapshot writes carries its number, which no reader looks at before the snapshot is committed; so
//! committing is one row, and undoing finds all by the number.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use roaring::RoaringTreemap;
use serde_json::Value;

use crate::db::{Row, Statement, Tx};
use crate::layout::{FIXED_COLUMNS, has_snapshots, raws_name, reach_layout, versions_name};
use crate::lease::{Lease, end_work};
use crate::run::TableRecord;
use crate::schema::{Cell, Table, storable};
use crate::{Error, Result, Store};

/// `until_snapshot` of a version that still holds.
pub(crate) const OPEN: i64 = i64::MAX;

/// How many ids one look-up asks for. Always this many, so that the statement is prepared once.
const LOOKUP: usize = 128;

/// Bytes of JSON after which the log is folded beside the writing.
const FOLD_EVERY: usize = 4 << 20;

/// SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535.
const MOST_PARAMETERS: usize = 32_000;

/// A row's version as it stands: enough to tell whether what was received is new.
#[derive(Debug, Clone)]
pub struct Known {
    /// The version's row number.
    pub row_id: i64,
    /// Hash over the stored (redacted) JSON.
    pub content: [u8; 16],
    /// It was written by this very snapshot: the id came twice.
    pub fresh: bool,
}

/// A row to be written as a new version.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Identity within organization and table.
    pub id: Arc<str>,
    /// Which of the table's sources it came from.
    pub part: &'static str,
    /// See [`Known::content`].
    pub content: [u8; 16],
    /// The declared columns.
    pub cells: Vec<Cell>,
    /// The redacted JSON.
    pub raw: Arc<str>,
    /// The version that it replaces.
    pub replaces: Option<i64>,
    /// When an id comes twice with different content: true, the rows are different things and both are kept (the later
    /// one under a longer id); false, the later one is the row.
    pub distinguish: bool,
    /// What is stored under this id already is to be kept, whatever it holds: this row is known to be poorer.
    pub keep_stored: bool,
    /// It is certain that this snapshot has not written its id before. If nothing was stored of the table when it began
    /// ([`SnapshotWriter::begins_empty`]), such a row need not be looked up.
    pub first: bool,
}

/// What the reading of one source of one table has met so far.
#[derive(Debug, Default)]
pub struct Marks {
    /// Versions that were met again, by row number.
    pub seen: RoaringTreemap,
}

/// What became of a batch of rows.
#[derive(Debug, Default, Clone, Copy)]
pub struct Written {
    /// Ids that were not there before.
    pub new: u64,
    /// Ids whose content differs from the version before.
    pub changed: u64,
    /// Rows that turned out to be there already.
    pub unchanged: u64,
    /// Ids that came more than once in this pass.
    pub duplicates: u64,
}

/// One committed snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotInfo {
    /// Its number: higher is later, across all organizations.
    pub number: i64,
    /// The organization.
    pub org_id: String,
    /// When it became visible.
    pub committed_at: Timestamp,
    /// Every table was read completely.
    pub complete: bool,
}

/// One version of one asset, for its history.
#[derive(Debug, Clone)]
pub struct Version {
    /// The organization.
    pub org_id: String,
    /// Visible since this snapshot …
    pub from: Timestamp,
    /// … until this one, or still.
    pub until: Option<Timestamp>,
    /// The row as received, secrets removed.
    pub raw: Value,
}

/// Writes one snapshot of one organization. Nothing of it is visible before [`SnapshotWriter::commit`].
#[derive(Debug)]
pub struct SnapshotWriter {
    store: Store,
    lease: Lease,
    /// The snapshot's number.
    pub number: i64,
    org_id: String,
    /// Tables whose state at the beginning is known: whether nothing was stored of them.
    begins_empty: HashMap<&'static str, bool>,
    /// Bytes of JSON written since the log was last folded.
    unfolded: usize,
}

impl Store {
    /// Begins a snapshot, after undoing what a run that died has left of this organization.
    pub async fn begin_snapshot(
        &self,
        org_id: &str,
        connection_id: &str,
        run_id: i64,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<SnapshotWriter> {
        self.undo_open_snapshots(org_id, lease).await?;
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        let number = tx.next_numbers("snapshot", 1).await?;
        tx.execute(
            "INSERT INTO snapshot (number, org_id, connection_id, run_id, started_at) VALUES ($1, $2, $3, $4, $5)",
            vec![number.into(), org_id.into(), connection_id.into(), run_id.into(), now.into()],
        )
        .await?;
        tx.execute(
            "UPDATE run SET snapshot = $1, org_id = $2 WHERE id = $3",
            vec![number.into(), org_id.into(), run_id.into()],
        )
        .await?;
        tx.commit().await?;
        Ok(SnapshotWriter {
            store: self.clone(),
            lease: lease.clone(),
            number,
            org_id: org_id.to_owned(),
            begins_empty: HashMap::new(),
            unfolded: 0,
        })
    }

    /// Removes what uncommitted snapshots of an organization have left; the caller holds the lease, so none is alive.
    pub async fn undo_open_snapshots(&self, org_id: &str, lease: &Lease) -> Result<()> {
        let open = self
            .db
            .fetch("SELECT number FROM snapshot WHERE org_id = $1 AND committed_at IS NULL", vec![org_id.into()])
            .await?;
        for snapshot in open {
            self.undo_snapshot(lease, org_id, snapshot.integer(0)).await?;
        }
        Ok(())
    }

    /// Removes what an uncommitted snapshot has written, table by table, then the snapshot itself.
    async fn undo_snapshot(&self, lease: &Lease, org_id: &str, number: i64) -> Result<()> {
        for table in self.tables.iter() {
            let (versions, raws) = (versions_name(table), raws_name(table));
            let mut tx = self.db.begin().await?;
            lease.check(&mut tx, None).await?;
            let written = "WHERE org_id = $1 AND until_snapshot = $2 AND from_snapshot = $3";
            let args = || vec![org_id.into(), OPEN.into(), number.into()];
            tx.execute(
                &format!("DELETE FROM {raws} WHERE row_id IN (SELECT row_id FROM {versions} {written})"),
                args(),
            )
            .await?;
            tx.execute(&format!("DELETE FROM {versions} {written}"), args()).await?;
            tx.execute(
                &format!("UPDATE {versions} SET until_snapshot = $1 WHERE org_id = $2 AND until_snapshot = $3"),
                vec![OPEN.into(), org_id.into(), number.into()],
            )
            .await?;
            tx.commit().await?;
        }
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, None).await?;
        tx.execute("DELETE FROM quarantine WHERE snapshot = $1", vec![number.into()]).await?;
        tx.execute("DELETE FROM snapshot WHERE number = $1", vec![number.into()]).await?;
        tx.commit().await
    }

    /// The committed snapshots of an organization, newest first.
    pub async fn snapshots(&self, org_id: &str, most: i64) -> Result<Vec<SnapshotInfo>> {
        let rows = self
            .db
            .fetch(
                "SELECT number, org_id, committed_at, complete FROM snapshot
                 WHERE org_id = $1 AND committed_at IS NOT NULL ORDER BY number DESC LIMIT $2",
                vec![org_id.into(), most.into()],
            )
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(SnapshotInfo {
                    number: row.integer(0),
                    org_id: row.text(1),
                    committed_at: row.maybe_time(2)?,
                    complete: row.boolean(3),
                })
            })
            .collect())
    }

    /// Every committed version of one id, oldest first, over all organizations that have it (ids are unique within one).
    pub async fn versions(&self, table: &Table, id: &str, org_id: Option<&str>) -> Result<Vec<Version>> {
        let sql = format!(
            "SELECT v.org_id, f.committed_at, u.committed_at, r.raw
             FROM {versions} v
             JOIN snapshot f ON f.number = v.from_snapshot AND f.committed_at IS NOT NULL
             LEFT JOIN snapshot u ON u.number = v.until_snapshot
             JOIN {raws} r ON r.row_id = v.row_id
             WHERE v.id = $1 AND v.org_id IN (SELECT DISTINCT org_id FROM snapshot) AND ($2 = '' OR v.org_id = $2)
             ORDER BY v.org_id, v.from_snapshot",
            versions = versions_name(table),
            raws = raws_name(table),
        );
        let rows = self.db.fetch(&sql, vec![id.into(), org_id.unwrap_or_default().into()]).await?;
        rows.iter()
            .map(|row| {
                let raw = serde_json::from_str(&row.text(3)).map_err(|error| {
                    Error::Refused(format!("the stored row {id} of {} is damaged: {error}", table.name))
                })?;
                let from = row.maybe_time(1).unwrap_or(Timestamp::UNIX_EPOCH);
                Ok(Version { org_id: row.text(0), from, until: row.maybe_time(2), raw })
            })
            .collect()
    }

    /// How many rows each table holds of one organization now.
    pub async fn rows_held(&self, org_id: &str) -> Result<BTreeMap<&'static str, u64>> {
        let mut held = BTreeMap::new();
        let Some(current) = self.snapshots(org_id, 1).await?.into_iter().next() else { return Ok(held) };
        for table in self.tables.iter() {
            let sql = format!(
                "SELECT COUNT(*) FROM {} WHERE org_id = $1 AND until_snapshot > $2 AND from_snapshot <= $2",
                versions_name(table)
            );
            let rows = self.db.fetch(&sql, vec![org_id.into(), current.number.into()]).await?;
            held.insert(table.name, u64::try_from(rows[0].integer(0)).unwrap_or(0));
        }
        Ok(held)
    }

    /// Removes everything that was collected of an organization. Whatever works on it at this moment commits nothing more.
    pub async fn purge_organization(&self, org_id: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        end_work(&mut tx, org_id).await?;
        for table in self.tables.iter() {
            let (versions, raws) = (versions_name(table), raws_name(table));
            tx.execute(
                &format!("DELETE FROM {raws} WHERE row_id IN (SELECT row_id FROM {versions} WHERE org_id = $1)"),
                vec![org_id.into()],
            )
            .await?;
            tx.execute(&format!("DELETE FROM {versions} WHERE org_id = $1"), vec![org_id.into()]).await?;
        }
        tx.execute("DELETE FROM quarantine WHERE org_id = $1", vec![org_id.into()]).await?;
        tx.execute(
            "DELETE FROM snapshot_table WHERE snapshot IN (SELECT number FROM snapshot WHERE org_id = $1)",
            vec![org_id.into()],
        )
        .await?;
        tx.execute("DELETE FROM snapshot WHERE org_id = $1", vec![org_id.into()]).await?;
        crate::events::purge(self, &mut tx, org_id).await?;
        crate::findings::purge(&mut tx, org_id).await?;
        tx.commit().await
    }
}

impl SnapshotWriter {
    /// Writes what follows from a committed snapshot as its own.
    pub(crate) fn of_committed(store: &Store, lease: &Lease, snapshot: &SnapshotInfo) -> Self {
        let (number, org_id) = (snapshot.number, snapshot.org_id.clone());
        Self { store: store.clone(), lease: lease.clone(), number, org_id, begins_empty: HashMap::new(), unfolded: 0 }
    }

    /// The organization that this snapshot is of.
    pub fn org_id(&self) -> &str {
        &self.org_id
    }

    /// Whether nothing was stored of a table before this snapshot. It is to be asked before the first row is written.
    pub async fn begins_empty(&mut self, table: &Table) -> Result<bool> {
        if let Some(empty) = self.begins_empty.get(table.name) {
            return Ok(*empty);
        }
        let sql = format!("SELECT 1 FROM {} WHERE org_id = $1 AND until_snapshot = $2 LIMIT 1", versions_name(table));
        let rows = self.store.db.fetch(&sql, vec![self.org_id.as_str().into(), OPEN.into()]).await?;
        self.begins_empty.insert(table.name, rows.is_empty());
        Ok(rows.is_empty())
    }

    /// Looks up what is stored now under these ids.
    pub async fn known(&self, table: &Table, ids: &[&str]) -> Result<HashMap<String, Known>> {
        let sql = lookup_sql(table);
        let mut known = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(LOOKUP) {
            for row in self.store.db.fetch(&sql, self.lookup_args(chunk)).await? {
                known.insert(row.text(0), self.known_of(&row));
            }
        }
        Ok(known)
    }

    fn lookup_args(&self, ids: &[&str]) -> Vec<Cell> {
        let mut args = Vec::with_capacity(LOOKUP + 2);
        args.push(self.org_id.as_str().into());
        args.push(OPEN.into());
        // The list is filled up with its last id, which finds nothing new.
        let last = ids.last().copied().unwrap_or_default();
        args.extend((0..LOOKUP).map(|at| Cell::from(ids.get(at).copied().unwrap_or(last))));
        args
    }

    fn known_of(&self, row: &Row) -> Known {
        Known { row_id: row.integer(1), content: hash_of(row.bytes(2)), fresh: row.integer(3) == self.number }
    }

    /// Writes rows as new versions, in one transaction. Rows that came before under the same id in this pass are found
    /// and counted as duplicates; `known` is what [`SnapshotWriter::known`] just found under the rows' ids, and `marks`
    /// tells which stored versions were met.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another process has taken over.
    pub async fn write(
        &mut self,
        table: &Table,
        rows: Vec<NewRow>,
        known: HashMap<String, Known>,
        marks: &Mutex<Marks>,
        now: Timestamp,
    ) -> Result<Written> {
        let mut written = Written::default();
        let mut tx = self.store.db.begin_hidden().await?;
        self.lease.check(&mut tx, Some(now)).await?;
        let rows = self.settle_duplicates(&mut tx, table, rows, known, marks, &mut written).await?;
        if !rows.is_empty() {
            self.unfolded += rows.iter().map(|row| row.raw.len()).sum::<usize>();
            self.close_versions(&mut tx, table, &rows).await?;
            insert_versions(&mut tx, table, &self.org_id, self.number, rows).await?;
        }
        tx.commit().await?;
        if self.unfolded >= FOLD_EVERY {
            self.unfolded = 0;
            self.store.db.fold_log_beside();
        }
        Ok(written)
    }

    /// Leaves one row for each id: see [`NewRow::distinguish`].
    async fn settle_duplicates(
        &self,
        tx: &mut Tx,
        table: &Table,
        rows: Vec<NewRow>,
        known: HashMap<String, Known>,
        marks: &Mutex<Marks>,
        written: &mut Written,
    ) -> Result<Vec<NewRow>> {
        // What this very snapshot has written under these ids.
        let mut fresh = known;
        fresh.retain(|_, known| known.fresh);
        let mut kept: Vec<NewRow> = Vec::with_capacity(rows.len());
        let mut place: HashMap<Arc<str>, usize> = HashMap::with_capacity(rows.len());
        let mut renamed = Vec::new();
        for mut row in rows {
            let met_before = row.replaces.is_some_and(|version| lock(marks).seen.contains(version.cast_unsigned()));
            let in_batch = place.get(&row.id).copied();
            let in_table = fresh.get(&*row.id);
            let same = in_batch.is_some_and(|at| kept[at].content == row.content)
                || in_table.is_some_and(|known| known.content == row.content);
            if in_batch.is_none() && in_table.is_none() && !met_before {
                if row.replaces.is_some() {
                    written.changed += 1
                } else {
                    written.new += 1
                }
                place.insert(row.id.clone(), kept.len());
                kept.push(row);
            } else if same || row.keep_stored {
                written.duplicates += 1;
            } else if row.distinguish {
                row.id = format!("{}~{}", row.id, data_encoding::HEXLOWER.encode(&row.content[..6])).into();
                row.replaces = None;
                renamed.push(row);
            } else if let Some(at) = in_batch {
                written.duplicates += 1;
                row.replaces = kept[at].replaces;
                kept[at] = row;
            } else {
                written.duplicates += 1;
                if let Some(known) = fresh.remove(&*row.id) {
                    // The version written a moment ago gives way; what it replaced stays replaced. It is counted already.
                    delete_version(tx, table, known.row_id).await?;
                    row.replaces = None;
                } else {
                    written.changed += 1;
                }
                place.insert(row.id.clone(), kept.len());
                kept.push(row);
            }
        }
        if !renamed.is_empty() {
            let ids: Vec<&str> = renamed.iter().map(|row| &*row.id).collect();
            let stored = self.open_versions(tx, table, &ids).await?;
            for row in renamed {
                if let Some(known) = stored.get(&*row.id) {
                    // The longer id holds a hash of the content, so a version under it is this very row.
                    if lock(marks).seen.insert(known.row_id.cast_unsigned()) && !known.fresh {
                        written.unchanged += 1;
                    } else {
                        written.duplicates += 1;
                    }
                } else if place.contains_key(&row.id) {
                    written.duplicates += 1;
                } else {
                    written.new += 1;
                    place.insert(row.id.clone(), kept.len());
                    kept.push(row);
                }
            }
        }
        Ok(kept)
    }

    /// What stands under these ids inside the transaction.
    async fn open_versions(&self, tx: &mut Tx, table: &Table, ids: &[&str]) -> Result<HashMap<String, Known>> {
        let sql = lookup_sql(table);
        let mut open = HashMap::new();
        for chunk in ids.chunks(LOOKUP) {
            for row in tx.fetch(&sql, self.lookup_args(chunk)).await? {
                open.insert(row.text(0), self.known_of(&row));
            }
        }
        Ok(open)
    }

    async fn close_versions(&self, tx: &mut Tx, table: &Table, rows: &[NewRow]) -> Result<()> {
        let replaced: Vec<i64> = rows.iter().filter_map(|row| row.replaces).collect();
        close(tx, table, self.number, &replaced).await
    }

    /// Marks as gone every stored row of one part that was not met. Only a complete read may call this.
    pub async fn mark_gone(&mut self, table: &Table, part: &str, marks: &Marks, now: Timestamp) -> Result<u64> {
        let gone = self.missing(table, part, marks).await?;
        for chunk in gone.chunks(5_000) {
            let mut tx = self.store.db.begin_hidden().await?;
            self.lease.check(&mut tx, Some(now)).await?;
            close(&mut tx, table, self.number, chunk).await?;
            tx.commit().await?;
        }
        Ok(gone.len() as u64)
    }

    /// How many rows of one part were stored before this snapshot.
    pub async fn held_before(&self, table: &Table, part: &str) -> Result<u64> {
        let sql = format!(
            "SELECT COUNT(*) FROM {} WHERE org_id = $1 AND until_snapshot >= $2 AND from_snapshot < $2 AND part = $3",
            versions_name(table)
        );
        let rows =
            self.store.db.fetch(&sql, vec![self.org_id.as_str().into(), self.number.into(), part.into()]).await?;
        Ok(u64::try_from(rows[0].integer(0)).unwrap_or(0))
    }

    /// The stored rows of one part that were not met in this pass, by row number.
    pub async fn missing(&self, table: &Table, part: &str, marks: &Marks) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT row_id FROM {} WHERE org_id = $1 AND until_snapshot = $2 AND from_snapshot < $3 AND part = $4",
            versions_name(table)
        );
        let args = vec![self.org_id.as_str().into(), OPEN.into(), self.number.into(), part.into()];
        let mut missing = Vec::new();
        self.store
            .db
            .each(&sql, args, |row| {
                let row_id = row.integer(0);
                if !marks.seen.contains(row_id.cast_unsigned()) {
                    missing.push(row_id);
                }
            })
            .await?;
        Ok(missing)
    }

    /// Keeps a received row that can not be stored as one, with the reason.
    pub async fn quarantine(&mut self, table: &Table, position: u64, reason: &str, raw: &str) -> Result<()> {
        let mut tx = self.store.db.begin_hidden().await?;
        self.lease.check(&mut tx, None).await?;
        tx.execute(
            "INSERT INTO quarantine (snapshot, org_id, table_name, position, reason, raw) VALUES ($1, $2, $3, $4, $5, $6)",
            vec![
                self.number.into(),
                self.org_id.as_str().into(),
                table.name.into(),
                position.into(),
                storable(reason).into(),
                storable(raw).into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Makes the snapshot visible: one transaction, together with what is known of each table.
    pub async fn commit(self, tables: &[TableRecord], now: Timestamp) -> Result<()> {
        if !has_snapshots(&self.store).await? {
            reach_layout(&self.store, true).await?;
        }
        let incomplete: Vec<String> = tables.iter().filter_map(TableRecord::shortfall).collect();
        self.store.db.folded().await;
        let mut tx = self.store.db.begin().await?;
        self.lease.check(&mut tx, Some(now)).await?;
        for record in tables {
            tx.execute(
                "INSERT INTO snapshot_table (snapshot, table_name, part, state, reason, rows_held) VALUES ($1, $2, $3, $4, $5, $6)",
                vec![
                    self.number.into(),
                    record.table.as_str().into(),
                    record.part.as_str().into(),
                    record.state.word().into(),
                    record.reason.clone().into(),
                    record.held.into(),
                ],
            )
            .await?;
        }
        let reason = (!incomplete.is_empty()).then(|| incomplete.join("; "));
        let committed = tx
            .execute(
                "UPDATE snapshot SET committed_at = $1, complete = $2, reason = $3 WHERE number = $4",
                vec![now.into(), incomplete.is_empty().into(), reason.into(), self.number.into()],
            )
            .await?;
        if committed == 0 {
            return Err(Error::Refused("what this organization had was removed while it was being read".to_owned()));
        }
        tx.commit().await
    }

    /// Leaves nothing of this snapshot.
    pub async fn undo(self) -> Result<()> {
        self.store.undo_snapshot(&self.lease, &self.org_id, self.number).await
    }

    /// The store that it is written to.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Finds the open versions of [`LOOKUP`] ids: `$1` organization, `$2` [`OPEN`], then the ids. The list drives the join, so
/// that each id is one step into the unique index; as an IN list, planners without statistics read all open versions instead.
fn lookup_sql(table: &Table) -> String {
    let ids: Vec<String> = (3..3 + LOOKUP).map(|at| format!("(${at})")).collect();
    format!(
        "SELECT v.id, v.row_id, v.content, v.from_snapshot FROM (VALUES {}) w CROSS JOIN {} v
         WHERE v.org_id = $1 AND v.id = w.column1 AND v.until_snapshot = $2",
        ids.join(","),
        versions_name(table)
    )
}

async fn close(tx: &mut Tx, table: &Table, number: i64, rows: &[i64]) -> Result<()> {
    for chunk in rows.chunks(LOOKUP) {
        let last = chunk.last().copied().unwrap_or_default();
        let mut args = vec![Cell::Integer(number)];
        args.extend((0..LOOKUP).map(|at| Cell::Integer(chunk.get(at).copied().unwrap_or(last))));
        let sql = format!(
            "UPDATE {} SET until_snapshot = $1 WHERE row_id IN ({})",
            versions_name(table),
            placeholders(2, LOOKUP)
        );
        tx.execute(&sql, args).await?;
    }
    Ok(())
}

async fn delete_version(tx: &mut Tx, table: &Table, row_id: i64) -> Result<()> {
    tx.execute(&format!("DELETE FROM {} WHERE row_id = $1", raws_name(table)), vec![row_id.into()]).await?;
    tx.execute(&format!("DELETE FROM {} WHERE row_id = $1", versions_name(table)), vec![row_id.into()]).await?;
    Ok(())
}

async fn insert_versions(tx: &mut Tx, table: &Table, org_id: &str, number: i64, rows: Vec<NewRow>) -> Result<()> {
    let first = tx.next_numbers("row", i64::try_from(rows.len()).unwrap_or(i64::MAX)).await?;
    let columns: String = table.columns.iter().map(|column| format!(", \"{}\"", column.name)).collect();
    let mut versions = Insert::new(
        format!("{} ({}{columns})", versions_name(table), FIXED_COLUMNS.join(", ")),
        FIXED_COLUMNS.len() + table.columns.len(),
    );
    let mut raws = Insert::new(format!("{} (row_id, raw)", raws_name(table)), 2);
    let largest = 1_usize << (MOST_PARAMETERS / versions.width).max(1).ilog2().min(MOST_ROWS.ilog2());
    let (org_id, mut part): (Arc<str>, Arc<str>) = (org_id.into(), "".into());
    let mut left = rows.len();
    let mut rows = (first..).zip(rows);
    let postgres = tx.is_postgres();
    let mut next = |left: &mut usize| {
        // Powers of two keep the number of different statements, and so of preparations, small.
        let count = largest.min(1 << left.checked_ilog2()?);
        *left -= count;
        let (mut version_cells, mut raw_cells) =
            (Vec::with_capacity(count * versions.width), Vec::with_capacity(count * raws.width));
        for (row_id, row) in rows.by_ref().take(count) {
            version_cells.push(Cell::Integer(row_id));
            version_cells.push(Cell::Text(Arc::clone(&org_id)));
            version_cells.push(Cell::Text(row.id));
            if *part != *row.part {
                part = row.part.into();
            }
            version_cells.push(Cell::Text(Arc::clone(&part)));
            version_cells.push(Cell::Integer(number));
            version_cells.push(Cell::Integer(OPEN));
            version_cells.push(Cell::Bytes(row.content.to_vec()));
            version_cells.extend(row.cells);
            raw_cells.push(Cell::Integer(row_id));
            // JSON text holds NUL only as an escape.
            raw_cells.push(Cell::Text(row.raw));
        }
        Some([versions.statement(postgres, count, version_cells), raws.statement(postgres, count, raw_cells)])
    };
    let mut ready = next(&mut left);
    while let Some([versions, raws]) = ready {
        let insert = async {
            tx.run(versions).await?;
            tx.run(raws).await
        };
        // The next rows are laid out while the database takes these.
        let (inserted, following) = futures::join!(insert, async { next(&mut left) });
        inserted?;
        ready = following;
    }
    Ok(())
}

/// Rows that one statement inserts at most: more would cost nothing less, and their values would not stay in the
/// processor's cache between their making and their binding.
const MOST_ROWS: usize = 64;

/// Inserts rows that are new. When one of them can not be, nothing of the transaction may be committed.
pub(crate) struct Insert {
    /// The table and its columns.
    into: String,
    /// Values in a row.
    width: usize,
    /// The text for so many rows, which mostly is the next one as well.
    text: Option<(usize, Arc<str>)>,
}

impl Insert {
    pub(crate) fn new(into: String, width: usize) -> Self {
        Self { into, width, text: None }
    }

    /// Inserts any number of rows.
    pub(crate) async fn all(mut self, tx: &mut Tx, rows: Vec<Vec<Cell>>) -> Result<()> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        while left > 0 {
            // Powers of two keep the number of different statements, and so of preparations, small.
            let count = MOST_ROWS.min(1 << left.ilog2());
            let cells = rows.by_ref().take(count).flatten().collect();
            tx.run(self.statement(tx.is_postgres(), count, cells)).await?;
            left -= count;
        }
        Ok(())
    }

    fn statement(&mut self, postgres: bool, rows: usize, cells: Vec<Cell>) -> Statement {
        let text = match self.text.take() {
            Some((count, text)) if count == rows => text,
            _ => self.text_of(postgres, rows).into(),
        };
        self.text = Some((rows, Arc::clone(&text)));
        Statement::new(postgres, text, cells)
    }

    fn text_of(&self, postgres: bool, rows: usize) -> String {
        // SQLite looks every `$n` up by name among all the others, which takes minutes with thousands of them; `?` has no name.
        let values: Vec<String> = (0..rows)
            .map(|row| match postgres {
                true => format!("({})", placeholders(row * self.width + 1, self.width)),
                false => format!("({})", vec!["?"; self.width].join(",")),
            })
            .collect();
        // By itself, SQLite copies every page that many rows may change before it changes it, so that the statement alone could
        // be undone: as much writing as that of the rows.
        let verb = if postgres { "INSERT" } else { "INSERT OR FAIL" };
        format!("{verb} INTO {} VALUES {}", self.into, values.join(","))
    }
}

/// `$from, $from+1, …`
fn placeholders(from: usize, count: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(count * 6);
    for at in from..from + count {
        if at > from {
            text.push(',');
        }
        write!(text, "${at}").expect("writing to a String can not fail");
    }
    text
}

fn lock(marks: &Mutex<Marks>) -> MutexGuard<'_, Marks> {
    marks.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash_of(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}
