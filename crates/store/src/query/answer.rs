//! Running a checked query: on a connection that can only read, within its limits.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Executor as _, PgConnection, Postgres, Row as _, SqlSafeStr as _,
    Sqlite, SqliteConnection, Statement as _, TypeInfo,
};

use super::{AnswerColumn, Limits, Query};
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
#[derive(Default)]
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

    /// Answers a query. One that is frequent gets a connection that is kept, after those that have asked before. Any other gets
    /// one that is opened for it alone, so that nobody waits for it, and that is closed afterwards, which stops the server.
    pub(super) async fn answer(
        &self,
        query: &Query,
        sql: String,
        deadline: Instant,
        limits: &Limits,
        mut each: impl FnMut(&[AnswerColumn], Option<Vec<Cell>>) -> ControlFlow<()>,
    ) -> Result<bool> {
        let mut connection = self.connection(query).await?;
        let stop = StopOnDrop::default();
        // Whoever asks has a type of their own here, of which there is to be little for each.
        let (columns, mut rows) = connection.ask(sql, &stop, deadline, limits).await?;
        if each(&columns, None).is_break() {
            return Ok(false);
        }
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            if count == limits.rows {
                return Ok(true);
            }
            count += 1;
            if each(&columns, Some(row)).is_break() {
                break;
            }
        }
        Ok(false)
    }

    async fn connection(&self, query: &Query) -> Result<Connection> {
        Ok(match (self, query.is_frequent) {
            (Self::Sqlite { kept, .. }, true) => Connection::SqliteKept(kept.acquire().await?),
            (Self::Sqlite { file, .. }, false) => {
                Connection::Sqlite(asking_options(file, query.sorts_on_disk).connect().await?)
            }
            (Self::Postgres { kept }, true) => Connection::PostgresKept(kept.acquire().await?),
            (Self::Postgres { kept }, false) => {
                let mut connection = kept.connect_options().connect().await?;
                restrict(&mut connection).await?;
                Connection::Postgres(connection)
            }
        })
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

/// What a query is asked on.
enum Connection {
    Sqlite(SqliteConnection),
    SqliteKept(PoolConnection<Sqlite>),
    Postgres(PgConnection),
    PostgresKept(PoolConnection<Postgres>),
}

/// The columns and the rows of an answer.
type Rows<'a> = (Vec<AnswerColumn>, BoxStream<'a, Result<Vec<Cell>>>);

impl Connection {
    async fn ask(&mut self, sql: String, stop: &StopOnDrop, deadline: Instant, limits: &Limits) -> Result<Rows<'_>> {
        match self {
            Self::Sqlite(connection) => ask_sqlite(connection, sql, stop, deadline).await,
            Self::SqliteKept(connection) => ask_sqlite(connection, sql, stop, deadline).await,
            Self::Postgres(connection) => ask_postgres(connection, sql, limits).await,
            Self::PostgresKept(connection) => ask_postgres(connection, sql, limits).await,
        }
    }
}

/// Asks a SQLite connection, until the deadline or until it is told to stop.
async fn ask_sqlite<'a>(
    connection: &'a mut SqliteConnection,
    sql: String,
    stop: &StopOnDrop,
    deadline: Instant,
) -> Result<Rows<'a>> {
    let stopped = Arc::clone(&stop.0);
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS, move || !stopped.load(Relaxed) && Instant::now() < deadline);
    let columns = columns_of(connection.prepare(AssertSqlSafe(sql.as_str()).into_sql_str()).await?.columns());
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
    Ok((columns, rows.map_err(Error::from).and_then(async |row| Ok(row_of_sqlite(&row)?.0)).boxed()))
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

/// Asks a PostgreSQL connection.
async fn ask_postgres<'a>(connection: &'a mut PgConnection, sql: String, limits: &Limits) -> Result<Rows<'a>> {
    let longest = format!("SET statement_timeout = {}", limits.time.as_millis());
    sqlx::raw_sql(AssertSqlSafe(longest)).execute(&mut *connection).await?;
    let columns = columns_of(connection.prepare(AssertSqlSafe(sql.as_str()).into_sql_str()).await?.columns());
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
    Ok((columns, rows.map_err(Error::from).and_then(async |row| cells_of_text(&row)).boxed()))
}

fn columns_of<C: sqlx::Column>(columns: &[C]) -> Vec<AnswerColumn> {
    columns.iter().map(|column| AnswerColumn { name: column.name().to_owned() }).collect()
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
