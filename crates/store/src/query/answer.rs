//! Running a checked query: on a connection that can only read, within its limits.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures::{Stream, TryStreamExt};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Executor as _, PgConnection, Row as _, SqlSafeStr as _,
    SqliteConnection, Statement as _, TypeInfo,
};

use super::{AnswerColumn, Limits};
use crate::db::{Db, row_of_sqlite, sqlite_options};
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

/// Where queries are asked: never on the connections that the program itself reads and writes with, and on none that can write.
#[derive(Clone, Debug)]
pub(crate) enum Asking {
    Sqlite { file: Arc<Path>, kept: SqlitePool },
    Postgres { kept: PgPool },
}

/// Connections that are kept: twice as many as processors is enough to keep those busy.
const MOST_KEPT: u32 = 4;

/// How long a connection is kept that nobody asks anything, with the memory of its page cache.
const KEPT_FOR: Duration = Duration::from_secs(30);

impl Asking {
    pub(crate) fn of(db: &Db, file: Option<&Path>) -> Self {
        match db {
            Db::Postgres(pool) => {
                let options = PgConnectOptions::clone(&pool.connect_options());
                let kept = PgPoolOptions::new()
                    .max_connections(MOST_KEPT)
                    .idle_timeout(KEPT_FOR)
                    .after_connect(|connection, _| Box::pin(async move { restrict(connection).await }));
                Self::Postgres { kept: kept.connect_lazy_with(options) }
            }
            Db::Sqlite { .. } => {
                let file: Arc<Path> = file.unwrap_or(Path::new("")).into();
                let kept = SqlitePoolOptions::new()
                    .max_connections(MOST_KEPT)
                    .idle_timeout(KEPT_FOR)
                    // A file does not hang up.
                    .test_before_acquire(false);
                Self::Sqlite { kept: kept.connect_lazy_with(asking_options(&file, false)), file }
            }
        }
    }

    /// Answers from a connection that is kept, after those that have asked before.
    pub(super) async fn ask_again(
        &self,
        sql: String,
        deadline: Instant,
        limits: &Limits,
        each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
    ) -> Result<bool> {
        match self {
            Self::Sqlite { kept, .. } => answer_sqlite(&mut *kept.acquire().await?, sql, deadline, limits, each).await,
            Self::Postgres { kept } => answer_postgres(&mut *kept.acquire().await?, sql, limits, each).await,
        }
    }

    /// Answers from a connection that is opened for this query alone, so that nobody waits for it. It is closed afterwards,
    /// which stops the server.
    pub(super) async fn ask_once(
        &self,
        sql: String,
        sorts_on_disk: bool,
        deadline: Instant,
        limits: &Limits,
        each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
    ) -> Result<bool> {
        match self {
            Self::Sqlite { file, .. } => {
                let mut connection = asking_options(file, sorts_on_disk).connect().await?;
                answer_sqlite(&mut connection, sql, deadline, limits, each).await
            }
            Self::Postgres { kept } => {
                let mut connection = kept.connect_options().connect().await?;
                restrict(&mut connection).await?;
                answer_postgres(&mut connection, sql, limits, each).await
            }
        }
    }

    /// Closes what is kept.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { kept, .. } => kept.close().await,
            Self::Postgres { kept } => kept.close().await,
        }
    }
}

/// A connection to a file that can only read.
fn asking_options(file: &Path, sorts_on_disk: bool) -> SqliteConnectOptions {
    sqlite_options(file)
        .read_only(true)
        // Few questions are the same to the letter once their answer is not.
        .statement_cache_capacity(16)
        .pragma("query_only", "ON")
        .pragma("trusted_schema", "OFF")
        // Negative: KiB. A join looks the same pages of an index up again and again, and has to read each of them anew where
        // they do not fit: over 100,000 users and 50,000 devices such a question takes three to six times as long with a
        // quarter of this. A scan pays for every page that is kept, so that twice as much makes filters slower.
        .pragma("cache_size", "-32768")
        // What is sorted stays in memory, where the next limit counts it, unless it may be large.
        .pragma("temp_store", if sorts_on_disk { "FILE" } else { "MEMORY" })
        .pragma("hard_heap_limit", ENGINE_MEMORY.to_string())
}

/// Answers from a SQLite connection, until the deadline or until the answer is dropped.
async fn answer_sqlite(
    connection: &mut SqliteConnection,
    sql: String,
    deadline: Instant,
    limits: &Limits,
    each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
) -> Result<bool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stopped));
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS, move || !stopped.load(Relaxed) && Instant::now() < deadline);
    let columns = columns_of(connection.prepare(AssertSqlSafe(sql.as_str()).into_sql_str()).await?.columns());
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
    answer(rows.map_err(Error::from).and_then(async |row| Ok(row_of_sqlite(&row)?.0)), &columns, limits, each).await
}

/// Makes a PostgreSQL connection one that can only read and that finds no table by its bare name.
async fn restrict(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let settings =
        "SET default_transaction_read_only = on; SET search_path = pg_catalog; SET standard_conforming_strings = on";
    sqlx::raw_sql(settings).execute(&mut *connection).await?;
    // Servers before version 14 and on some systems do not look whether the client is still there; the time limit remains.
    let _ = sqlx::raw_sql("SET client_connection_check_interval = 500").execute(connection).await;
    Ok(())
}

/// Answers from a PostgreSQL connection.
async fn answer_postgres(
    connection: &mut PgConnection,
    sql: String,
    limits: &Limits,
    each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
) -> Result<bool> {
    let longest = format!("SET statement_timeout = {}", limits.time.as_millis());
    sqlx::raw_sql(AssertSqlSafe(longest)).execute(&mut *connection).await?;
    let columns = columns_of(connection.prepare(AssertSqlSafe(sql.as_str()).into_sql_str()).await?.columns());
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
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
