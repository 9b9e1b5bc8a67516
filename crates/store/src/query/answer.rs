//! Running a checked query: on a connection of its own that can only read, within its limits.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use futures::{Stream, TryStreamExt};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Executor as _, Row as _, SqlSafeStr as _, Statement as _, TypeInfo,
};

use super::{AnswerColumn, Limits};
use crate::db::{row_of_sqlite, sqlite_options};
use crate::schema::{Cell, Kind};
use crate::{Error, Result};

/// Most memory of SQLite, in bytes. It counts the whole process and never raises a limit again, so that there is one for all: a
/// smaller one for a single query would leave everything else short from then on, syncs as well.
pub(super) const ENGINE_MEMORY: u64 = 512 << 20;

/// How many steps SQLite makes between two looks at the clock: a look costs little, a step can take a while (a function
/// over a long text is one).
const STEPS: i32 = 200;

/// Stops the engine when an answer is dropped before its end.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Answers from a SQLite connection that is opened for this query alone and can only read.
pub(super) async fn answer_sqlite(
    file: &Path,
    sql: String,
    sorts_on_disk: bool,
    deadline: Instant,
    limits: &Limits,
    each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
) -> Result<bool> {
    let mut connection = sqlite_options(file)
        .read_only(true)
        .pragma("query_only", "ON")
        .pragma("trusted_schema", "OFF")
        // Negative: KiB. A join looks the same pages of an index up again and again, and has to read each of them anew where
        // they do not fit: over 100,000 users and 50,000 devices such a question takes three to six times as long with a
        // quarter of this. A scan pays for every page that is kept, so that twice as much makes filters slower.
        .pragma("cache_size", "-32768")
        // What is sorted stays in memory, where the next limit counts it, unless it may be large.
        .pragma("temp_store", if sorts_on_disk { "FILE" } else { "MEMORY" })
        .pragma("hard_heap_limit", ENGINE_MEMORY.to_string())
        .connect()
        .await?;
    let stopped = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stopped));
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS, move || !stopped.load(Relaxed) && Instant::now() < deadline);
    let columns = columns_of(connection.prepare(AssertSqlSafe(sql.as_str()).into_sql_str()).await?.columns());
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut connection);
    answer(rows.map_err(Error::from).and_then(async |row| Ok(row_of_sqlite(&row)?.0)), &columns, limits, each).await
}

/// Answers from a PostgreSQL connection that is opened for this query alone, so that the collecting never waits for it,
/// and that is closed after it, which stops the server. It finds no table by its bare name.
pub(super) async fn answer_postgres(
    pool: &PgPool,
    sql: String,
    limits: &Limits,
    each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
) -> Result<bool> {
    let mut connection = pool.connect_options().connect().await?;
    let settings = format!(
        "SET default_transaction_read_only = on; SET search_path = pg_catalog; SET standard_conforming_strings = on;
         SET statement_timeout = {}",
        limits.time.as_millis()
    );
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await?;
    // Servers before version 14 and on some systems do not look whether the client is still there; the time limit remains.
    let _ = sqlx::raw_sql("SET client_connection_check_interval = 500").execute(&mut connection).await;
    let columns = columns_of(connection.prepare(AssertSqlSafe(sql.as_str()).into_sql_str()).await?.columns());
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut connection);
    answer(rows.map_err(Error::from).and_then(async |row| cells_of_text(&row)), &columns, limits, each).await
}

fn columns_of<C: sqlx::Column>(columns: &[C]) -> Vec<AnswerColumn> {
    columns.iter().map(|column| AnswerColumn { name: column.name().to_owned() }).collect()
}

/// Hands out the columns, then rows up to the limit.
async fn answer(
    rows: impl Stream<Item = Result<Vec<Cell>>>,
    columns: &[AnswerColumn],
    limits: &Limits,
    mut each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
) -> Result<bool> {
    let mut rows = std::pin::pin!(rows);
    if each(columns, None).is_break() {
        return Ok(false);
    }
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        if count == limits.rows {
            return Ok(true);
        }
        count += 1;
        if each(columns, Some(row)).is_break() {
            break;
        }
    }
    Ok(false)
}

/// Reads a row of PostgreSQL's simple protocol, which answers every type as text.
fn cells_of_text(row: &PgRow) -> Result<Vec<Cell>> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let Some(text) = row.try_get_unchecked::<Option<&str>, _>(column.ordinal())? else {
            cells.push(Cell::Null(Kind::Text));
            continue;
        };
        cells.push(match column.type_info().name() {
            "BOOL" => Cell::Boolean(text == "t"),
            "INT2" | "INT4" | "INT8" => text.parse().map_or_else(|_| text.into(), Cell::Integer),
            "FLOAT4" | "FLOAT8" => text.parse().map_or_else(|_| text.into(), Cell::Real),
            "NUMERIC" => match text.parse::<i64>() {
                Ok(number) => Cell::Integer(number),
                Err(_) => text.parse().map_or_else(|_| text.into(), Cell::Real),
            },
            _ => text.into(),
        });
    }
    Ok(cells)
}

/// About how many bytes a cell takes.
pub(super) fn size_of_cell(cell: &Cell) -> u64 {
    let more = match cell {
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
        Cell::Null(_) | Cell::Integer(_) | Cell::Real(_) | Cell::Boolean(_) => 0,
    };
    (size_of::<Cell>() + more) as u64
}

pub(super) fn too_much_memory(most: u64) -> Error {
    Error::QueryLimit(format!("it needed more than {} MiB of memory; narrow it down", most >> 20))
}

/// Turns an engine's error into words about the query.
pub(super) fn query_error(error: Error, deadline: Instant, limits: &Limits) -> Error {
    let Error::Database(inner) = &error else { return error };
    let words = inner.to_string();
    let text = words.to_lowercase();
    if Instant::now() >= deadline || text.contains("statement timeout") || text.contains("interrupted") {
        return Error::QueryLimit(format!("it ran longer than {} s; narrow it down", limits.time.as_secs()));
    }
    if ["out of memory", "too big", "memory alloc", "too large"].iter().any(|words| text.contains(words)) {
        return too_much_memory(ENGINE_MEMORY);
    }
    let words = inner.as_database_error().map_or(words, |database| database.message().to_owned());
    Error::Query(format!("the query failed: {words}"))
}
