//! The two engines behind one face: running a statement with [`Cell`]s in and [`Cell`]s out.
//! The SQL of the callers is the same for both; what truly differs stands in this file.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Postgres, Row as _, Sqlite,
    Transaction, TypeInfo, ValueRef,
};
use tokio::sync::Mutex;

use crate::schema::{Cell, Kind};
use crate::{Error, Result, reserve};

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    /// One writer, since SQLite has one; readers beside it (write-ahead log).
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
        doubt: Doubt,
        /// Held while the log is being folded: SQLite lets nobody else do it meanwhile, and lets nobody wait for it.
        folding: Arc<Mutex<()>>,
    },
    Postgres(PgPool),
}

/// Whether the disk has refused something: then earlier pages of the log that were not flushed yet may be lost, and no later
/// flush brings them back or tells of it. Nothing more is built on them before all of the log is folded into the file.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    state: Arc<AtomicU8>,
    /// The database.
    path: Arc<Path>,
}

/// It has not.
const NONE: u8 = 0;
/// Another process has left a log or is at work: whether its flushes have succeeded is not known.
const FOUND_A_LOG: u8 = 1;
/// It has.
const FAILED: u8 = 2;

/// A transaction that may write. Dropped without [`Tx::commit`], it leaves nothing.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>, Doubt),
    Postgres(Transaction<'static, Postgres>),
}

/// One row of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Row(pub(crate) Vec<Cell>);

/// How long a writer waits for another process's write before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Negative: KiB. The inner pages of the indexes stay in memory while a large table is written.
pub(crate) const WRITER_CACHE: &str = "-16384";
/// A log of so many pages is folded into the file at the next commit.
const LONG_LOG: &str = "2000";

impl Db {
    /// Opens or creates the SQLite file.
    ///
    /// # Errors
    /// [`Error::File`] when it is not a database, or damaged at its beginning.
    pub(crate) async fn sqlite(path: &Path) -> Result<Self> {
        let options = sqlite_options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .page_size(16_384)
            .pragma("cache_size", WRITER_CACHE)
            // An index over a large table is sorted beside the reading of its rows.
            .pragma("threads", "3")
            .pragma("wal_autocheckpoint", LONG_LOG)
            .pragma("journal_size_limit", "67108864");
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(600))
            // A file does not hang up: asking whether it is still there would only wait for its thread once more.
            .test_before_acquire(false)
            // A full disk ends a transaction inside SQLite, unseen by sqlx, which then refuses every further one on this
            // connection. Such a connection is closed, and the next writer gets a new one.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
        // Readers look up few rows each; the writer's cache is the one that is worth its memory.
        let for_reading = options.clone().pragma("cache_size", "-4096");
        let read = SqlitePoolOptions::new().max_connections(4).min_connections(0).test_before_acquire(false);
        let doubt = Doubt::of(path);
        // Every connection reads the whole schema, and who only asks needs no writer.
        let (write, read) = if has_log(path) {
            (pool.connect_lazy_with(options), connect(path, &read, &for_reading).await?)
        } else {
            (connect(path, &pool, &options).await?, read.connect_lazy_with(for_reading))
        };
        reserve::keep(path);
        Ok(Self::Sqlite { write, read, doubt, folding: Arc::default() })
    }

    /// Connects to PostgreSQL. The URL's password is never part of an error.
    pub(crate) async fn postgres(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| {
                Error::Refused(
                    "the PostgreSQL URL can not be read; it looks like postgres://user@host/database".to_owned(),
                )
            })?
            .disable_statement_logging()
            .application_name("jumpseat")
            // Our questions read few rows through many expressions: compiling those takes longer than reading.
            .options([("jit", "off")]);
        // Tried once without the pool, which tries for long and then says no more than that it waited.
        let tried = options.connect().await.map_err(|error| {
            Error::Refused(format!(
                "PostgreSQL at {}:{} can not be used: {error}",
                options.get_host(),
                options.get_port()
            ))
        })?;
        tried.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    /// True for PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once (a lock taken later can not wait).
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { write, doubt, folding, .. } => {
                doubt.settle(write, folding).await?;
                let begun = write.begin_with("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").await;
                Tx::Sqlite(doubt.note(begun)?, doubt.clone())
            }
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Begins a transaction whose commit does not wait for the disk: when the machine loses its power, what it wrote may be
    /// gone, whole, like everything after it. The next transaction of [`Db::begin`] makes it durable with its own. For what
    /// nobody reads before such a one has told of it, as the rows of a snapshot.
    pub(crate) async fn begin_hidden(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { write, doubt, folding, .. } => {
                doubt.settle(write, folding).await?;
                let begun = write.begin_with("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await;
                Tx::Sqlite(doubt.note(begun)?, doubt.clone())
            }
            Self::Postgres(pool) => {
                let mut tx = Tx::Postgres(pool.begin().await?);
                tx.execute("SET LOCAL synchronous_commit TO off", vec![]).await?;
                tx
            }
        })
    }

    /// Runs one writing statement in a transaction of its own; returns how many rows it touched.
    pub(crate) async fn execute(&self, sql: &str, args: Vec<Cell>) -> Result<u64> {
        let mut tx = self.begin().await?;
        let touched = tx.execute(sql, args).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// Folds SQLite's write-ahead log into the file, so that no process has to read through a long one.
    pub(crate) async fn fold_log(&self) -> Result<()> {
        if let Self::Sqlite { write, folding, .. } = self {
            let _alone = folding.lock().await;
            bind_sqlite("PRAGMA wal_checkpoint(TRUNCATE)", vec![]).execute(write).await?;
        }
        Ok(())
    }

    /// Writes into SQLite's log while none of it is folded into the file, for which there may be no room.
    pub(crate) async fn without_folding<T>(&self, writing: impl Future<Output = T>) -> T {
        let Self::Sqlite { write, doubt, .. } = self else { return writing.await };
        let fold_at = async |pages: &str| {
            let set = bind_sqlite(format!("PRAGMA wal_autocheckpoint = {pages}"), vec![]).execute(write).await;
            if let Err(error) = set {
                tracing::debug!(%error, "when the log is folded could not be set");
            }
        };
        let was_found = doubt.swap(FOUND_A_LOG, NONE);
        fold_at("0").await;
        let written = writing.await;
        fold_at(LONG_LOG).await;
        if was_found {
            doubt.swap(NONE, FOUND_A_LOG);
        }
        written
    }

    /// Folds what SQLite's write-ahead log holds now into the file while the writer goes on, who would otherwise wait for the
    /// disk each time that the log is long. If it is being folded already, nothing is done.
    pub(crate) fn fold_log_beside(&self) {
        let Self::Sqlite { read, doubt, folding, .. } = self else { return };
        let Ok(alone) = Arc::clone(folding).try_lock_owned() else { return };
        let (read, doubt) = (read.clone(), doubt.clone());
        tokio::spawn(async move {
            let folded = bind_sqlite("PRAGMA wal_checkpoint(PASSIVE)", vec![]).fetch_one(&read).await;
            // A disk that refuses is told of by the next write; what else went wrong, the writer's own folding makes good.
            if let Err(error) = doubt.note(folded) {
                tracing::debug!(%error, "the log could not be folded beside the writing");
            }
            drop(alone);
        });
    }

    /// Waits until what is being folded is in the file, so that a disk that refused it is known of.
    pub(crate) async fn folded(&self) {
        if let Self::Sqlite { folding, .. } = self {
            drop(folding.lock().await);
        }
    }

    /// Reads all rows of a statement.
    pub(crate) async fn fetch(&self, sql: &str, args: Vec<Cell>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite { read, .. } => {
                let mut connection = read.acquire().await?;
                let rows = bind_sqlite(sql, args).fetch_all(&mut *connection).await;
                // Dropping would give it back only later, and whoever asks next would open another, which reads the whole schema.
                connection.return_to_pool().await;
                rows?.iter().map(row_of_sqlite).collect()
            }
            Self::Postgres(pool) => {
                bind_postgres(sql, args).fetch_all(pool).await?.iter().map(row_of_postgres).collect()
            }
        }
    }

    /// Reads the rows of a statement one by one, so that memory does not grow with their number.
    pub(crate) async fn each(&self, sql: &str, args: Vec<Cell>, mut row: impl FnMut(Row)) -> Result<()> {
        match self {
            Self::Sqlite { read, .. } => {
                let mut rows = bind_sqlite(sql, args).fetch(read);
                while let Some(next) = rows.try_next().await? {
                    row(row_of_sqlite(&next)?);
                }
            }
            Self::Postgres(pool) => {
                let mut rows = bind_postgres(sql, args).fetch(pool);
                while let Some(next) = rows.try_next().await? {
                    row(row_of_postgres(&next)?);
                }
            }
        }
        Ok(())
    }

    /// Closes all connections; on SQLite this folds the write-ahead log back into the file.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Opens a file of SQLite.
///
/// # Errors
/// [`Error::File`] when it is not a database, or damaged at its beginning.
async fn connect(path: &Path, pool: &SqlitePoolOptions, options: &SqliteConnectOptions) -> Result<SqlitePool> {
    let begun = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Ok(connected) => return Ok(connected),
            // Two processes that open a new file at once both switch its log on, for which SQLite does not wait.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => {
                let what = error.as_database_error().map_or(error.to_string(), |error| error.message().to_owned());
                return Err(Error::File { path: path.to_owned(), what });
            }
        }
    }
}

/// Whether a file says of itself that it is written through a log (<https://www.sqlite.org/fileformat.html>, 1.3.3).
fn has_log(path: &Path) -> bool {
    let mut beginning = [0; 20];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && beginning[18..] == [2, 2]
}

/// A statement with its values, ready for [`Tx::run`]: with many values, making it so takes as long as running it.
pub(crate) enum Statement {
    Sqlite(SqliteQuery<'static>),
    Postgres(PostgresQuery<'static>),
}

impl Tx {
    pub(crate) async fn execute(&mut self, sql: &str, args: Vec<Cell>) -> Result<u64> {
        let statement = Statement::new(self.is_postgres(), sql, args);
        self.run(statement).await
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Runs a statement; returns how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<u64> {
        Ok(match (self, statement) {
            (Self::Sqlite(tx, doubt), Statement::Sqlite(query)) => {
                doubt.note(query.execute(&mut **tx).await)?.rows_affected()
            }
            (Self::Postgres(tx), Statement::Postgres(query)) => query.execute(&mut **tx).await?.rows_affected(),
            _ => return Err(Error::Refused("a statement was made for the other kind of database".to_owned())),
        })
    }

    pub(crate) async fn fetch(&mut self, sql: &str, args: Vec<Cell>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(tx, doubt) => {
                let rows = bind_sqlite(sql, args).fetch_all(&mut **tx).await;
                doubt.note(rows)?.iter().map(row_of_sqlite).collect()
            }
            Self::Postgres(tx) => {
                bind_postgres(sql, args).fetch_all(&mut **tx).await?.iter().map(row_of_postgres).collect()
            }
        }
    }

    /// Runs several statements without arguments, separated by `;`.
    pub(crate) async fn run_script(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(tx, doubt) => {
                doubt.note(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **tx).await).map(drop)?;
            }
            Self::Postgres(tx) => sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **tx).await.map(drop)?,
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx, doubt) => doubt.note(tx.commit().await)?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Takes the next `count` numbers of a named sequence; returns the first of them.
    pub(crate) async fn next_numbers(&mut self, sequence: &str, count: i64) -> Result<i64> {
        let rows = self
            .fetch(
                "INSERT INTO counter (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = counter.value + $2 RETURNING value",
                vec![sequence.into(), count.into()],
            )
            .await?;
        Ok(rows[0].integer(0) - count + 1)
    }
}

/// Whether PostgreSQL gave up waiting for a lock (`lock_not_available`).
pub(crate) fn is_locked_out(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03")
}

impl Doubt {
    /// What is to be thought of a file that is about to be opened.
    fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let is_there = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
        Self { state: Arc::new(AtomicU8::new(if is_there { FOUND_A_LOG } else { NONE })), path: path.into() }
    }

    /// Puts one state in another's place, if it is that.
    fn swap(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Notes what became of a write.
    fn note<T>(&self, done: Result<T, sqlx::Error>) -> Result<T> {
        done.map_err(|error| match kind(&error) {
            Some(SQLITE_FULL) => Error::Full(self.path.display().to_string()),
            Some(SQLITE_IOERR) => {
                self.state.store(FAILED, Ordering::SeqCst);
                error.into()
            }
            _ => error.into(),
        })
    }

    /// Writes and flushes anew what the log holds, if there is doubt.
    async fn settle(&self, write: &SqlitePool, folding: &Mutex<()>) -> Result<()> {
        let fold = match self.state.load(Ordering::SeqCst) {
            NONE => return Ok(()),
            // As far as it can be done without waiting for others, who may be at work.
            FOUND_A_LOG => "PRAGMA wal_checkpoint(PASSIVE)",
            _ => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let _alone = folding.lock().await;
        let row = bind_sqlite(fold, vec![]).fetch_one(write).await;
        // Its first column tells whether somebody was in the way.
        let is_in_the_way = row_of_sqlite(&self.note(row)?)?.integer(0) != 0;
        if is_in_the_way && self.state.load(Ordering::SeqCst) == FAILED {
            return Err(Error::Refused(
                "the disk has failed, and the database's log can not be made safe while it is being read; try again"
                    .to_owned(),
            ));
        }
        self.state.store(NONE, Ordering::SeqCst);
        Ok(())
    }
}

/// What kind of error SQLite tells: the lowest byte of its code; the others say more about it.
fn kind(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.map(|code| code & 0xff)
}

const SQLITE_BUSY: i32 = 5;
const SQLITE_IOERR: i32 = 10;
const SQLITE_FULL: i32 = 13;

/// Somebody else has the lock.
fn is_busy(error: &sqlx::Error) -> bool {
    kind(error) == Some(SQLITE_BUSY)
}

/// The options that every connection to a SQLite file has.
pub(crate) fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(512)
        .disable_statement_logging()
}

impl Statement {
    pub(crate) fn new(postgres: bool, sql: impl Into<Arc<str>>, args: Vec<Cell>) -> Self {
        match postgres {
            true => Self::Postgres(bind_postgres(sql, args)),
            false => Self::Sqlite(bind_sqlite(sql, args)),
        }
    }
}

type SqliteQuery<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;
type PostgresQuery<'q> = sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments>;

fn bind_sqlite<'q>(sql: impl Into<Arc<str>>, args: Vec<Cell>) -> SqliteQuery<'q> {
    let mut values = SqliteArguments::default();
    values.reserve(args.len(), 0);
    for arg in args {
        let added = match arg {
            Cell::Null(_) => values.add(None::<&str>),
            Cell::Text(text) => values.add(text),
            Cell::Integer(number) => values.add(number),
            Cell::Real(number) => values.add(number),
            Cell::Boolean(flag) => values.add(flag),
            Cell::Bytes(bytes) => values.add(bytes),
        };
        added.expect("text, numbers and bytes can always be handed to SQLite");
    }
    sqlx::query_with(AssertSqlSafe(sql.into()), values)
}

fn bind_postgres<'q>(sql: impl Into<Arc<str>>, args: Vec<Cell>) -> PostgresQuery<'q> {
    let mut query = sqlx::query(AssertSqlSafe(sql.into()));
    for arg in args {
        query = match arg {
            Cell::Null(Kind::Integer) => query.bind(None::<i64>),
            Cell::Null(Kind::Real) => query.bind(None::<f64>),
            Cell::Null(Kind::Boolean) => query.bind(None::<bool>),
            Cell::Null(Kind::Text | Kind::Time | Kind::Json) => query.bind(None::<String>),
            Cell::Text(text) => query.bind(text),
            Cell::Integer(number) => query.bind(number),
            Cell::Real(number) => query.bind(number),
            Cell::Boolean(flag) => query.bind(flag),
            Cell::Bytes(bytes) => query.bind(bytes),
        };
    }
    query
}

/// Reads a row by what each value is; a column declared BOOLEAN makes its 0 and 1 booleans again.
pub(crate) fn row_of_sqlite(row: &SqliteRow) -> Result<Row> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let value = row.try_get_raw(column.ordinal())?;
        let declared_boolean = column.type_info().name() == "BOOLEAN";
        cells.push(if value.is_null() {
            Cell::Null(if declared_boolean { Kind::Boolean } else { Kind::Text })
        } else {
            match value.type_info().name() {
                "INTEGER" | "BOOLEAN" if declared_boolean => {
                    Cell::Boolean(row.try_get_unchecked::<i64, _>(column.ordinal())? != 0)
                }
                "INTEGER" | "BOOLEAN" => Cell::Integer(row.try_get_unchecked(column.ordinal())?),
                "REAL" => Cell::Real(row.try_get_unchecked(column.ordinal())?),
                "BLOB" => Cell::Bytes(row.try_get_unchecked(column.ordinal())?),
                _ => row.try_get_unchecked::<&str, _>(column.ordinal())?.into(),
            }
        });
    }
    Ok(Row(cells))
}

fn row_of_postgres(row: &PgRow) -> Result<Row> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let at = column.ordinal();
        cells.push(match column.type_info().name() {
            "BOOL" => row.try_get::<Option<bool>, _>(at)?.map_or(Cell::Null(Kind::Boolean), Cell::Boolean),
            "INT2" => row.try_get::<Option<i16>, _>(at)?.map_or(Cell::Null(Kind::Integer), |n| Cell::Integer(n.into())),
            "INT4" => row.try_get::<Option<i32>, _>(at)?.map_or(Cell::Null(Kind::Integer), |n| Cell::Integer(n.into())),
            "INT8" => row.try_get::<Option<i64>, _>(at)?.map_or(Cell::Null(Kind::Integer), Cell::Integer),
            "FLOAT8" => row.try_get::<Option<f64>, _>(at)?.map_or(Cell::Null(Kind::Real), Cell::Real),
            "BYTEA" => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Cell::Null(Kind::Text), Cell::Bytes),
            _ => row.try_get::<Option<&str>, _>(at)?.map_or(Cell::Null(Kind::Text), Cell::from),
        });
    }
    Ok(Row(cells))
}

impl Row {
    /// The integer at `at`; 0 where it is NULL.
    pub(crate) fn integer(&self, at: usize) -> i64 {
        match &self.0[at] {
            Cell::Integer(number) => *number,
            Cell::Boolean(flag) => i64::from(*flag),
            _ => 0,
        }
    }

    /// The integer at `at`, or `None` where it is NULL.
    pub(crate) fn maybe_integer(&self, at: usize) -> Option<i64> {
        match &self.0[at] {
            Cell::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The boolean at `at`; false where it is NULL.
    pub(crate) fn boolean(&self, at: usize) -> bool {
        matches!(&self.0[at], Cell::Boolean(true) | Cell::Integer(1..))
    }

    /// The text at `at`; empty where it is NULL.
    pub(crate) fn text(&self, at: usize) -> String {
        self.maybe_text(at).unwrap_or_default()
    }

    /// The text at `at`, or `None` where it is NULL.
    pub(crate) fn maybe_text(&self, at: usize) -> Option<String> {
        match &self.0[at] {
            Cell::Text(text) => Some(text.as_ref().to_owned()),
            _ => None,
        }
    }

    /// The time at `at`, or `None` where it is NULL.
    pub(crate) fn maybe_time(&self, at: usize) -> Option<jiff::Timestamp> {
        self.maybe_text(at).and_then(|text| text.parse().ok())
    }

    /// The bytes at `at`; empty where it is NULL.
    pub(crate) fn bytes(&self, at: usize) -> &[u8] {
        match &self.0[at] {
            Cell::Bytes(bytes) => bytes,
            _ => &[],
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Cow<'_, str>> for Cell {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for Cell {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null(Kind::Text), Self::from)
    }
}

impl From<Option<Cow<'_, str>>> for Cell {
    fn from(text: Option<Cow<'_, str>>) -> Self {
        text.map_or(Self::Null(Kind::Text), Self::from)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Option<i64>> for Cell {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null(Kind::Integer), Self::Integer)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

impl From<jiff::Timestamp> for Cell {
    fn from(at: jiff::Timestamp) -> Self {
        Self::from(crate::schema::time_text(at))
    }
}

impl From<Option<jiff::Timestamp>> for Cell {
    fn from(at: Option<jiff::Timestamp>) -> Self {
        at.map_or(Self::Null(Kind::Time), Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_only_asks_a_database_that_is_there_opens_no_writer() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jumpseat.db");
        let db = Db::sqlite(&file).await.unwrap();
        db.execute("CREATE TABLE t (x)", vec![]).await.unwrap();
        db.close().await;
        let db = Db::sqlite(&file).await.unwrap();
        let writers = || if let Db::Sqlite { write, .. } = &db { write.size() } else { 0 };
        assert!(db.fetch("SELECT x FROM t", vec![]).await.unwrap().is_empty());
        assert_eq!(writers(), 0);
        db.execute("INSERT INTO t VALUES (1)", vec![]).await.unwrap();
        assert_eq!(writers(), 1);
        db.close().await;
    }
}
