//! A store from outside: looking at it without changing anything, and copying it while others write.

use std::path::Path;
use std::str::FromStr as _;

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};

use crate::db::{Db, sqlite_options};
use crate::migration::newest_step;
use crate::{Error, Location, Result, Store};

/// What a look at a store has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLook {
    /// The version of its schema; 0 if there is none yet.
    pub version: i64,
    /// The version that this program brings it to.
    pub known: i64,
    /// What the engine says is damaged; empty if nothing is.
    pub damage: Vec<String>,
    /// Its size, in bytes.
    pub bytes: u64,
}

impl Store {
    /// Looks at a store without opening it for work: nothing is made, upgraded or changed. `None` if there is no file yet.
    /// A thorough look at a file also compares its indexes with its tables, which takes as long as reading all of it.
    ///
    /// # Errors
    /// It can not be read at all.
    pub async fn look(location: &Location, thorough: bool) -> Result<Option<StoreLook>> {
        match location {
            Location::File(path) if !path.exists() => Ok(None),
            Location::File(path) => look_at_file(path, thorough).await.map(Some),
            Location::Postgres(url) => look_at_server(url).await.map(Some),
        }
    }

    /// Writes a copy of an embedded store to a new file, as it is at one moment, while others go on reading and writing.
    ///
    /// # Errors
    /// [`Error::Refused`] on PostgreSQL, which has programs of its own for that; [`Error::File`] when there is a file.
    pub async fn copy_into(&self, path: &Path) -> Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let (Db::Sqlite { .. }, Some(file)) = (&self.db, &self.file) else {
            return Err(Error::Refused("a store in PostgreSQL is backed up with pg_dump".to_owned()));
        };
        let failed = |error: std::io::Error| Error::File { path: path.to_owned(), what: error.to_string() };
        // SQLite writes into an empty file that is there, so that nobody else can ever read it.
        std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(failed)?;
        let mut connection = sqlite_options(file).connect().await?;
        let to = path.to_str().ok_or_else(|| Error::File {
            path: path.to_owned(),
            what: "the path is no text; choose another".to_owned(),
        })?;
        sqlx::query("VACUUM INTO $1").bind(to.to_owned()).execute(&mut connection).await?;
        connection.close().await?;
        // SQLite leaves it to the system when the copy reaches the disk.
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(failed)
    }

    /// The newest time that stands in the history, to tell a clock that was set back.
    pub async fn newest_run_at(&self) -> Result<Option<Timestamp>> {
        let rows = self.db.fetch("SELECT MAX(started_at) FROM run", vec![]).await?;
        Ok(rows.first().and_then(|row| row.maybe_time(0)))
    }
}

async fn look_at_file(path: &Path, thorough: bool) -> Result<StoreLook> {
    let unreadable = |error: sqlx::Error| Error::File {
        path: path.to_owned(),
        what: error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned()),
    };
    let bytes =
        std::fs::metadata(path).map_err(|error| Error::File { path: path.to_owned(), what: error.to_string() })?.len();
    let mut connection: SqliteConnection = sqlite_options(path).read_only(true).connect().await.map_err(unreadable)?;
    let check = if thorough { "PRAGMA integrity_check(20)" } else { "PRAGMA quick_check(20)" };
    let rows = sqlx::raw_sql(check).fetch_all(&mut connection).await.map_err(unreadable)?;
    let said = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<Vec<_>, _>>()?;
    let damage = said.into_iter().filter(|line| line != "ok").collect();
    let exists = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";
    let exists: i64 = sqlx::raw_sql(exists).fetch_one(&mut connection).await.map_err(unreadable)?.try_get(0)?;
    let version = match exists {
        0 => 0,
        _ => sqlx::raw_sql(VERSION).fetch_one(&mut connection).await.map_err(unreadable)?.try_get(0)?,
    };
    connection.close().await?;
    Ok(StoreLook { version, known: newest_step(), damage, bytes })
}

const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";

async fn look_at_server(url: &str) -> Result<StoreLook> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Refused("the PostgreSQL URL can not be read".to_owned()))?
        .disable_statement_logging();
    let mut connection: PgConnection = options.connect().await.map_err(|error| {
        let (host, port) = (options.get_host(), options.get_port());
        Error::Refused(format!("PostgreSQL at {host}:{port} can not be used: {error}"))
    })?;
    let exists = "SELECT to_regclass('schema_version') IS NOT NULL";
    let exists: bool = sqlx::raw_sql(exists).fetch_one(&mut connection).await?.try_get(0)?;
    let version = match exists {
        false => 0,
        true => sqlx::raw_sql(AssertSqlSafe(VERSION)).fetch_one(&mut connection).await?.try_get(0)?,
    };
    let size = "SELECT pg_database_size(current_database())";
    let bytes: i64 = sqlx::raw_sql(size).fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    Ok(StoreLook { version, known: newest_step(), damage: Vec::new(), bytes: bytes.unsigned_abs() })
}
