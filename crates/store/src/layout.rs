//! The SQL tables behind a collected table: how they are made, and how they are brought to what is declared now.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::db::{Tx, WRITER_CACHE};
use crate::migration::note_change;
use crate::schema::{Cell, Column, Index, Kind, Reader, Table};
use crate::{Result, Store};

/// The columns that every version table has beside the declared ones.
pub(crate) const FIXED_COLUMNS: [&str; 7] =
    ["row_id", "org_id", "id", "part", "from_snapshot", "until_snapshot", "content"];

/// The SQL table that holds a table's versions.
pub(crate) fn versions_name(table: &Table) -> String {
    format!("\"v_{}\"", table.name)
}

/// The SQL table that holds the `raw` JSON of a table's versions.
pub(crate) fn raws_name(table: &Table) -> String {
    format!("\"r_{}\"", table.name)
}

/// Creates tables that are not there yet, adds columns and indexes that were declared since, and fills the columns from
/// `raw`. The indexes of columns wait for the end of the first snapshot.
pub(crate) async fn prepare_tables(store: &Store) -> Result<()> {
    let indexed = has_snapshots(store).await?;
    reach_layout(store, indexed).await
}

/// Whether any snapshot of any organization was committed.
pub(crate) async fn has_snapshots(store: &Store) -> Result<bool> {
    let sql = "SELECT 1 FROM snapshot WHERE committed_at IS NOT NULL LIMIT 1";
    Ok(!store.db.fetch(sql, vec![]).await?.is_empty())
}

/// Brings every table to its layout, with the indexes of its columns or without.
pub(crate) async fn reach_layout(store: &Store, indexed: bool) -> Result<()> {
    let layouts: HashMap<String, String> = store
        .db
        .fetch("SELECT name, layout FROM table_layout", vec![])
        .await?
        .iter()
        .map(|row| (row.text(0), row.text(1)))
        .collect();
    if store.tables.iter().all(|table| layouts.get(table.name) == Some(&layout(table, indexed))) {
        return Ok(());
    }
    let postgres = store.db.is_postgres();
    let mut tx = store.db.begin().await?;
    let begins = match postgres {
        true => "LOCK TABLE table_layout IN EXCLUSIVE MODE",
        // What SQLite's planner is told needs its table. With little memory, an index is sorted in pieces beside the reading.
        false => "ANALYZE sqlite_schema; PRAGMA cache_size = -4096",
    };
    tx.run_script(begins).await?;
    let reached = reach_each(&mut tx, &store.tables, indexed, postgres).await;
    let ended = match postgres {
        true => Ok(()),
        false => tx.run_script(&format!("PRAGMA cache_size = {WRITER_CACHE}; ANALYZE sqlite_schema")).await,
    };
    reached.and(ended)?;
    tx.commit().await?;
    if layouts.is_empty() {
        return Ok(());
    }
    // A new index on a large table leaves a log as large, which every process would read through when it opens it.
    store.db.fold_log().await
}

/// Brings each table to its layout, under the lock.
async fn reach_each(tx: &mut Tx, tables: &[&Table], indexed: bool, postgres: bool) -> Result<()> {
    let mut is_noted = false;
    for table in tables {
        // Read again: another process may have been faster.
        let rows = tx.fetch("SELECT layout FROM table_layout WHERE name = $1", vec![table.name.into()]).await?;
        let layout = layout(table, indexed);
        let stored = rows.first().map(|row| row.text(0));
        if stored.as_ref() == Some(&layout) {
            continue;
        }
        // Other indexes disturb no program that has the database open, other columns do.
        if !is_noted && has_other_columns(stored.as_deref(), &layout) {
            note_change(tx).await?;
            is_noted = true;
        }
        match stored {
            None => create_table(tx, table, indexed, postgres).await?,
            Some(stored) => reshape_table(tx, table, &stored, indexed, postgres).await?,
        }
        tx.execute(
            "INSERT INTO table_layout (name, layout) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET layout = $2",
            vec![table.name.into(), layout.into()],
        )
        .await?;
    }
    Ok(())
}

/// A table's columns and indexes as text, a line each.
fn layout(table: &Table, indexed: bool) -> String {
    layout_lines(table, indexed).map(|line| line + "\n").collect()
}

fn layout_lines(table: &Table, indexed: bool) -> impl Iterator<Item = String> + '_ {
    table.columns.iter().map(layout_line).chain(indexes(table, indexed).into_iter().map(|index| index.layout_line()))
}

/// Whether a layout has other columns than the stored one.
fn has_other_columns(stored: Option<&str>, layout: &str) -> bool {
    let is_column = |line: &&str| !line.starts_with(INDEX);
    stored.is_none_or(|stored| !stored.lines().filter(is_column).eq(layout.lines().filter(is_column)))
}

/// A column's name, kind and where its value comes from.
fn layout_line(column: &Column) -> String {
    format!("{} {:?} {}", column.name, column.kind, column.at)
}

/// Begins the layout line of an index; no column is called so, since names of columns are lower case.
const INDEX: &str = "INDEX ";

/// An index of a table's versions.
struct VersionIndex {
    name: String,
    unique: bool,
    /// One column, to be compared with whole values; the others are for finding versions.
    column: Option<&'static str>,
    columns: String,
    /// What SQLite's planner is told: how many rows there are, and how many of them agree in the first column, in the
    /// first two, and so on.
    stat: &'static str,
}

/// The indexes of a table's versions: those of every table, and, if `indexed`, those of its columns.
///
/// What finds versions is filled in the order in which rows come. A column's values come in any order: while many rows
/// arrive, an index on it would be written again with each batch. So it is made at once at the end of the first snapshot.
fn indexes(table: &Table, indexed: bool) -> Vec<VersionIndex> {
    let index = |name: &str, columns: &str, stat| VersionIndex {
        name: format!("v_{}_{name}", table.name),
        unique: false,
        column: None,
        columns: columns.to_owned(),
        stat,
    };
    let mut all = vec![
        // With both bounds of a version, so that only the row of the version that counts is read.
        VersionIndex {
            unique: true,
            ..index("by_version", "org_id, id, until_snapshot, from_snapshot", "1000000 200000 5 1 1")
        },
        // With the id, so that counting, and joining by id, reads no row.
        index("by_snapshot", "org_id, until_snapshot, from_snapshot, id", "1000000 200000 400 100 1"),
    ];
    if has_start_index(table) {
        all.push(index("by_start", "org_id, from_snapshot", "1000000 200000 150000"));
    }
    if !indexed {
        return all;
    }
    all.extend(table.columns.iter().filter_map(|column| {
        let known_by = table.asset.is_some() && column.name == table.label;
        let (more, stat) = match column.index {
            Index::None if !known_by => return None,
            Index::None | Index::Rows => ("until_snapshot", "1000000 20 5"),
            Index::Links => ("until_snapshot, from_snapshot, org_id, id", "1000000 20 5 4 4 1"),
        };
        let name = format!("on_{}", column.name);
        Some(VersionIndex { column: Some(column.name), ..index(&name, &format!("\"{}\", {more}", column.name), stat) })
    }));
    all
}

/// Whether a table has an index for reading the first snapshots of many. Links and details are many more than assets, and
/// mostly read through them.
pub(crate) fn has_start_index(table: &Table) -> bool {
    table.asset.is_some()
}

impl VersionIndex {
    fn layout_line(&self) -> String {
        format!("{INDEX}{} {}{}", self.name, if self.unique { "UNIQUE " } else { "" }, self.columns)
    }

    fn sql(&self, versions: &str, postgres: bool) -> String {
        let Self { name, columns, .. } = self;
        let kind = if self.unique { "UNIQUE INDEX" } else { "INDEX" };
        match self.column {
            // PostgreSQL's trees hold no value longer than a third of a page, and a name can be as long as somebody liked.
            Some(column) if postgres => {
                format!("CREATE INDEX IF NOT EXISTS \"{name}\" ON {versions} USING hash (\"{column}\")")
            }
            _ => format!("CREATE {kind} IF NOT EXISTS \"{name}\" ON {versions} ({columns})"),
        }
    }
}

async fn create_table(tx: &mut Tx, table: &Table, indexed: bool, postgres: bool) -> Result<()> {
    let (key, bytes) = if postgres { ("BIGINT PRIMARY KEY", "BYTEA") } else { ("INTEGER PRIMARY KEY", "BLOB") };
    let columns: String =
        table.columns.iter().map(|column| format!(", \"{}\" {}", column.name, sql_type(column.kind))).collect();
    let (versions, raws) = (versions_name(table), raws_name(table));
    tx.run_script(&format!(
        "CREATE TABLE {versions} (row_id {key}, org_id TEXT NOT NULL, id TEXT NOT NULL, part TEXT NOT NULL,
           from_snapshot BIGINT NOT NULL, until_snapshot BIGINT NOT NULL, content {bytes} NOT NULL{columns});
         CREATE TABLE {raws} (row_id {key}, raw TEXT NOT NULL);"
    ))
    .await?;
    create_indexes(tx, table, indexed, postgres).await
}

/// Makes the indexes that are not there, and tells SQLite's planner what the tables look like when they are full: many
/// versions of few organizations, few of one id. Without it, the planner looks a row up by going through all that hold.
/// PostgreSQL finds out for itself.
async fn create_indexes(tx: &mut Tx, table: &Table, indexed: bool, postgres: bool) -> Result<()> {
    let versions = versions_name(table);
    let all = indexes(table, indexed);
    for index in &all {
        tx.run_script(&index.sql(&versions, postgres)).await?;
    }
    if postgres {
        return Ok(());
    }
    let table = table.name;
    let stats: String =
        all.iter().map(|VersionIndex { name, stat, .. }| format!("('v_{table}', '{name}', '{stat}'), ")).collect();
    tx.run_script(&format!(
        "DELETE FROM sqlite_stat1 WHERE tbl IN ('v_{table}', 'r_{table}');
         INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES {stats}('r_{table}', NULL, '1000000');"
    ))
    .await
}

fn sql_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Time | Kind::Json => "TEXT",
        Kind::Integer => "BIGINT",
        Kind::Real => "DOUBLE PRECISION",
        Kind::Boolean => "BOOLEAN",
    }
}

/// Brings a table from the `stored` layout to the declared one: indexes and columns are dropped and added, and added
/// columns filled from `raw`.
async fn reshape_table(tx: &mut Tx, table: &Table, stored: &str, indexed: bool, postgres: bool) -> Result<()> {
    let versions = versions_name(table);
    let stored: BTreeSet<&str> = stored.lines().collect();
    let declared: BTreeSet<String> = layout_lines(table, indexed).collect();
    // The index that `by_version` took the place of, from before indexes were part of the layout.
    tx.run_script(&format!("DROP INDEX IF EXISTS \"v_{}_by_id\"", table.name)).await?;
    for gone in stored.iter().filter(|line| !declared.contains(**line)) {
        let first_word = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        if let Some(index) = gone.strip_prefix(INDEX) {
            tx.run_script(&format!("DROP INDEX IF EXISTS \"{}\"", first_word(index))).await?;
        } else {
            // SQLite drops no column that an index is on.
            let name = first_word(gone);
            tx.run_script(&format!("DROP INDEX IF EXISTS \"v_{}_on_{name}\"", table.name)).await?;
            tx.run_script(&format!("ALTER TABLE {versions} DROP COLUMN \"{name}\"")).await?;
        }
    }
    let added: Vec<&Column> =
        table.columns.iter().filter(|column| !stored.contains(layout_line(column).as_str())).collect();
    for column in &added {
        let kind = sql_type(column.kind);
        tx.run_script(&format!("ALTER TABLE {versions} ADD COLUMN \"{}\" {kind}", column.name)).await?;
    }
    if !added.is_empty() {
        fill_from_raw(tx, table, &added).await?;
    }
    create_indexes(tx, table, indexed, postgres).await
}

/// Reads some columns of every row, of now and of the past, from its `raw`.
async fn fill_from_raw(tx: &mut Tx, table: &Table, columns: &[&Column]) -> Result<()> {
    let assignments: Vec<String> =
        columns.iter().enumerate().map(|(at, column)| format!("\"{}\" = ${}", column.name, at + 2)).collect();
    let update = format!("UPDATE {} SET {} WHERE row_id = $1", versions_name(table), assignments.join(", "));
    let page = format!("SELECT row_id, raw FROM {} WHERE row_id > $1 ORDER BY row_id LIMIT 500", raws_name(table));
    let reader = Reader::new(columns.iter().copied());
    let mut last = i64::MIN;
    loop {
        let rows = tx.fetch(&page, vec![last.into()]).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.integer(0);
        for row in rows {
            let raw: Value = serde_json::from_str(&row.text(1)).unwrap_or(Value::Null);
            let mut args = vec![Cell::Integer(row.integer(0))];
            args.extend(reader.cells(&raw).0);
            tx.execute(&update, args).await?;
        }
    }
}
