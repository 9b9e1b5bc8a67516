//! Everything that Jumpseat remembers, and reading it with SQL: one relational store, SQLite or PostgreSQL.
//!
//! The store knows nothing of JumpCloud: what is collected reaches it as [`schema::Table`] declarations and rows.

mod archive;
mod audit;
mod backup;
mod backup_folder;
mod beside;
mod connection;
mod db;
mod derived;
mod durable;
pub mod events;
mod evidence;
pub mod findings;
mod identity;
mod inventory;
pub mod json;
mod layout;
mod lease;
mod migration;
mod nearest;
mod notification;
mod parameters;
mod people;
mod query;
mod reserve;
mod run;
pub mod schema;
mod seal;
mod second_factor;
mod size;
mod throttle;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use archive::{Archive, ArchiveState, ArchivedObject, ArchivedUnit, UnitKey};
pub use audit::{AuditEntry, AuditLine, AuditProof};
pub use backup::StoreLook;
pub use backup_folder::{BackupFile, BackupManifest};
pub use beside::beside;
pub use connection::{Asked, Connection, Place, Stream, StreamKind, StreamState};
pub use derived::{DerivedView, TableShortfall};
pub use evidence::{EvidenceKey, EvidenceKeyRecord, EvidencePack, SnapshotOrigin};
pub use identity::Identity;
pub use inventory::{Known, Marks, NewRow, SnapshotInfo, SnapshotWriter, Version, Written};
pub use lease::{Lease, LeaseHolder, Numbering, stream_lease};
pub use nearest::{did_you_mean, nearest};
pub use notification::{Notification, NotificationState};
pub use parameters::Parameter;
pub use people::{ApiToken, NewSession, Person, Session};
pub use query::{Answer, AnswerColumn, FOLD_MARK, FOLDED, Limits, Query, SYSTEM_TABLES, SystemTable};
pub use run::{Action, CallRecord, Outcome, Run, RunEnd, RunSums, TableRecord, TableState};
pub use schema::Cell;
pub use seal::{MasterKey, MasterKeySource, Sealed};
pub use second_factor::SecondFactor;
pub use throttle::SignInFailures;

use db::Db;
use schema::Table;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database engine refused or failed.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
    /// There is no room for what is to be written.
    #[error("no space is left on the disk of {0}; nothing of what was being written was kept")]
    Full(String),
    /// The request can not be done; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The database was laid out by a newer program.
    #[error(
        "the database was laid out by {}; this is Jumpseat {own}, which does not know that layout and changed nothing: \
         use {}, or restore a backup that was made before it was upgraded",
        .program.as_ref().map_or_else(|| "a newer program".to_owned(), |program| format!("Jumpseat {program}")),
        .program.as_ref().map_or_else(|| "the newer program".to_owned(), |program| format!("Jumpseat {program} or a newer one")),
    )]
    Newer {
        /// Version of the program that changed the layout last, if it was noted.
        program: Option<String>,
        /// This program's version.
        own: &'static str,
    },
    /// Another program has changed the layout since this one opened the database.
    #[error(
        "Jumpseat {program} has changed the layout of the database since this program (Jumpseat {own}) opened it; nothing \
         more was written: end this one and start Jumpseat {program}"
    )]
    LayoutChanged {
        /// Version of the program that changed it.
        program: String,
        /// This program's version.
        own: &'static str,
    },
    /// Somebody else is doing this now.
    #[error("{what} is being done by {holder} since {since}")]
    Held {
        /// What is held, e.g. the inventory of an organization.
        what: String,
        /// Program, process and machine that hold it.
        holder: String,
        /// RFC 3339 time.
        since: String,
    },
    /// The lease was lost: another process took over, so nothing more may be written.
    #[error("another process has taken over this work; nothing more was written")]
    LeaseLost,
    /// A sealed secret does not open with this master key in this place.
    #[error("the stored credential can not be opened: {0}")]
    Seal(String),
    /// The master key can not be read or made.
    #[error("{0}")]
    MasterKey(String),
    /// The user's SQL is refused or failed.
    #[error("{0}")]
    Query(String),
    /// A query was stopped at one of its limits.
    #[error("the query was stopped: {0}")]
    QueryLimit(String),
    /// A file of the store can not be used.
    #[error("{path}: {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        // https://www.postgresql.org/docs/current/errcodes-appendix.html: disk_full
        match error.as_database_error().and_then(|error| error.code()) {
            Some(code) if code == "53100" => Self::Full("the PostgreSQL server".to_owned()),
            _ => Self::Database(error),
        }
    }
}

impl Error {
    /// What a person can do about it, where it is known.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Full(_) => Some(
                "Make room on that disk, or keep events for a shorter time (`connection edit --keep-events`). What was committed before is safe; the next sync goes on from there.",
            ),
            Self::Held { .. } => Some("Wait for it to end, or stop that process."),
            _ => None,
        }
    }
}

/// Result with the store's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where the store is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL URL.
    Postgres(String),
}

/// An open store. Cheap to clone; all clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    asking: query::Asking,
    answers: Arc<query::KeptAnswers>,
    tables: Arc<[&'static Table]>,
    views: Arc<[&'static DerivedView]>,
    file: Option<Arc<Path>>,
    /// How often the layout had been changed when the store was opened.
    layout: i64,
}

impl Store {
    /// Opens the store, creates or upgrades its schema, and makes the given tables ready.
    ///
    /// # Errors
    /// The file or server can not be reached, or was written by a newer program.
    pub async fn open(location: &Location, tables: &[&'static Table]) -> Result<Self> {
        let (db, file) = match location {
            Location::File(path) => {
                prepare_file(path)?;
                (Db::sqlite(path).await?, Some(Arc::from(path.as_path())))
            }
            Location::Postgres(url) => (Db::postgres(url).await?, None),
        };
        let asking = query::Asking::of(&db, file.as_deref());
        let (tables, views, answers) = (tables.into(), Arc::default(), Arc::default());
        let mut store = Self { db, asking, answers, tables, views, file, layout: 0 };
        migration::migrate(&store).await?;
        layout::prepare_tables(&store).await?;
        store.layout = migration::layout_changes(&store).await?;
        Ok(store)
    }

    /// The same store with views that queries can read like tables. A view may read from those that stand before it.
    #[must_use]
    pub fn with_views(mut self, views: &[&'static DerivedView]) -> Self {
        self.views = views.into();
        self.answers = Arc::default();
        self
    }

    /// The views that queries can read.
    pub fn views(&self) -> &[&'static DerivedView] {
        &self.views
    }

    /// The tables that this store was opened with.
    pub fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// Finds a table by name.
    pub fn table(&self, name: &str) -> Option<&'static Table> {
        self.tables.iter().copied().find(|table| table.name == name)
    }

    /// Closes the store and folds its log back into the file.
    pub async fn close(&self) {
        self.asking.close().await;
        self.db.close().await;
    }
}

/// How every file of SQLite begins (<https://www.sqlite.org/fileformat.html>).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Makes the file's folder (mode 0700) and an empty file (mode 0600) before SQLite would make one that others can read.
fn prepare_file(path: &Path) -> Result<()> {
    use std::io::Read as _;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let failed = |what: String| Error::File { path: path.to_owned(), what };
    if path.is_dir() {
        return Err(failed("is a directory; a file is needed here".to_owned()));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        durable::make_folder(folder).map_err(|error| failed(format!("its folder can not be made: {error}")))?;
    }
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed(format!("can not be opened for writing: {error}")))?;
    // Somebody's file, perhaps by a link: neither its bytes nor its mode are ours to change.
    let mut beginning = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut beginning))
        .map_err(|error| failed(format!("can not be read: {error}")))?;
    if !beginning.is_empty() && beginning != SQLITE {
        return Err(failed("is not a database: it does not begin as a file of SQLite does".to_owned()));
    }
    let mode = file.metadata().map_err(|error| failed(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| failed(format!("its mode can not be set to 0600: {error}")))?;
    }
    Ok(())
}
