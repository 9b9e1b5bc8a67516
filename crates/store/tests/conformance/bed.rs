//! What the promises are tried on: a fresh database of either engine, three small tables, and a writer that behaves like
//! the sync engine. Holds no promise itself.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Mutex;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use store::schema::{Joined, Reader, Table, boolean, integer, json, text, time};
use store::{
    Answer, Cell, Lease, LeaseHolder, Limits, Location, Marks, NewRow, Query, Result, SnapshotWriter, Store,
    TableRecord, TableState, Written,
};

pub(crate) static USERS: Table = Table {
    name: "users",
    about: "",
    asset: Some("user"),
    label: "username",
    columns: &[
        text("username", "/username", ""),
        boolean("mfa", "/mfa", ""),
        integer("age", "/age", ""),
        time("created_at", "/created", ""),
        json("tags", "/tags", ""),
    ],
    joined: &[],
};

pub(crate) static DEVICES: Table = Table {
    name: "devices",
    about: "",
    asset: Some("device"),
    label: "hostname",
    columns: &[text("hostname", "/hostname", ""), text("user_id", "/user", "")],
    joined: &[Joined { table: "device_contacts", by: "id", columns: &["active", "remote_ip"] }],
};

pub(crate) static CONTACTS: Table = Table {
    name: "device_contacts",
    about: "",
    asset: None,
    label: "id",
    columns: &[boolean("active", "/active", ""), text("remote_ip", "/ip", "")],
    joined: &[],
};

pub(crate) const TABLES: &[&Table] = &[&USERS, &DEVICES, &CONTACTS];

/// A fresh database of one engine.
pub(crate) struct Bed {
    pub(crate) location: Location,
    /// A folder of the test's own; on SQLite the database is in it.
    pub(crate) folder: tempfile::TempDir,
}

/// Runs a promise on SQLite.
pub(crate) async fn on_sqlite(promise: impl AsyncFnOnce(&Bed)) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("data").join("jumpseat.db"));
    promise(&Bed { location, folder }).await;
}

/// Runs a promise on PostgreSQL, in a schema of its own that is dropped afterwards.
pub(crate) async fn on_postgres(promise: impl AsyncFnOnce(&Bed)) {
    let Some(url) = postgres_url() else { return };
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut admin = sqlx::PgConnection::connect(&url).await.expect("PostgreSQL at JUMPSEAT_TEST_POSTGRES");
    let run = |sql: String| AssertSqlSafe(sql);
    sqlx::raw_sql(run(format!("CREATE SCHEMA {schema}"))).execute(&mut admin).await.unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    let location = Location::Postgres(format!("{url}{mark}options[search_path]={schema}"));
    let bed = Bed { location, folder: tempfile::tempdir().unwrap() };
    let kept = AssertUnwindSafe(promise(&bed)).catch_unwind().await;
    sqlx::raw_sql(run(format!("DROP SCHEMA {schema} CASCADE"))).execute(&mut admin).await.unwrap();
    if let Err(panic) = kept {
        std::panic::resume_unwind(panic);
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
fn postgres_url() -> Option<String> {
    let url = std::env::var("JUMPSEAT_TEST_POSTGRES").ok();
    if url.is_none() {
        let how = "set JUMPSEAT_TEST_POSTGRES=postgres://user@127.0.0.1/database to try this on PostgreSQL";
        assert!(std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(), "PostgreSQL is required: {how}");
        eprintln!("skipped: {how}");
    }
    url
}

impl Bed {
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.location, Location::Postgres(_))
    }

    /// Whether this test is the only one in its process. If not, it is run in one of its own and has to hold there:
    /// SQLite counts memory for a whole process.
    pub(crate) fn is_alone(&self, module: &str, promise: &str) -> bool {
        const ALONE: &str = "JUMPSEAT_TEST_ALONE";
        if std::env::var_os(ALONE).is_some() {
            return true;
        }
        let engine = if self.is_postgres() { "on_postgres" } else { "on_sqlite" };
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::{engine}::{promise}")])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        false
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.location {
            Location::File(path) => Some(path),
            Location::Postgres(_) => None,
        }
    }

    /// Opens the store with the three tables. Twice opened is as good as two processes.
    pub(crate) async fn open(&self) -> Store {
        self.open_with(TABLES).await
    }

    pub(crate) async fn open_with(&self, tables: &[&'static Table]) -> Store {
        Store::open(&self.location, tables).await.unwrap()
    }

    /// Reads the database behind the store's back; every value as text.
    pub(crate) async fn behind(&self, sql: &str) -> Vec<Vec<String>> {
        match &self.location {
            Location::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap();
                let text = |row: &sqlx::sqlite::SqliteRow, at| {
                    row.try_get_unchecked::<Option<String>, _>(at).unwrap().unwrap_or_default()
                };
                rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
            }
            Location::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap();
                let text = |row: &sqlx::postgres::PgRow, at| {
                    row.try_get_unchecked::<Option<String>, _>(at).unwrap().unwrap_or_default()
                };
                rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
            }
        }
    }

    /// How many rows a table of the database has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.behind(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await[0][0].parse().unwrap()
    }
}

/// A moment: this many minutes after the tests' beginning of time.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    "2026-11-20T06:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// A holder of leases on a machine called `atlas`, in this process.
pub(crate) fn holder() -> LeaseHolder {
    LeaseHolder::this_process("test", "atlas")
}

/// A row as the sync engine makes it.
pub(crate) fn row(table: &Table, id: &str, raw: &Value) -> NewRow {
    let text = raw.to_string();
    let mut content = [0; 16];
    content.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    NewRow {
        id: id.into(),
        part: "",
        content,
        cells: Reader::new(table.columns).cells(raw).0,
        raw: text.into(),
        replaces: None,
        distinguish: false,
        keep_stored: false,
        first: false,
    }
}

/// A user row.
pub(crate) fn user(id: &str, username: &str) -> NewRow {
    row(&USERS, id, &serde_json::json!({ "_id": id, "username": username, "mfa": true }))
}

/// What a complete read of a table says of itself.
pub(crate) fn complete(table: &Table) -> TableRecord {
    TableRecord {
        table: table.name.to_owned(),
        part: String::new(),
        state: TableState::Complete,
        reason: None,
        optional: false,
        told: None,
        read: 0,
        new: 0,
        changed: 0,
        gone: 0,
        unchanged: 0,
        duplicates: 0,
        misfits: 0,
        quarantined: 0,
        held: 0,
    }
}

/// One snapshot under way, written the way the sync engine writes.
pub(crate) struct Pass {
    pub(crate) store: Store,
    pub(crate) lease: Lease,
    pub(crate) writer: SnapshotWriter,
    marks: HashMap<&'static str, Mutex<Marks>>,
    now: Timestamp,
}

/// The name of the lease of an organization.
pub(crate) fn lease_of(org_id: &str) -> String {
    format!("inventory {org_id}")
}

/// Begins a snapshot of an organization.
pub(crate) async fn begin(store: &Store, org_id: &str, now: Timestamp) -> Pass {
    let lease = store.take_lease(&lease_of(org_id), "the sync", &holder(), now).await.unwrap();
    let writer = store.begin_snapshot(org_id, "connection", 0, &lease, now).await.unwrap();
    Pass { store: store.clone(), lease, writer, marks: HashMap::new(), now }
}

impl Pass {
    /// Writes one batch.
    pub(crate) async fn put(&mut self, table: &'static Table, rows: Vec<NewRow>) -> Result<Written> {
        let marks = self.marks.entry(table.name).or_default();
        let ids: Vec<&str> = rows.iter().map(|row| &*row.id).collect();
        let known = self.writer.known(table, &ids).await?;
        let mut changed = Vec::new();
        let mut unchanged = 0;
        for mut row in rows {
            match known.get(&*row.id) {
                Some(stored) if stored.content == row.content || row.keep_stored => {
                    if !stored.fresh && marks.get_mut().unwrap().seen.insert(stored.row_id.cast_unsigned()) {
                        unchanged += 1;
                    }
                }
                Some(stored) => {
                    row.replaces = (!stored.fresh).then_some(stored.row_id);
                    changed.push(row);
                }
                None => changed.push(row),
            }
        }
        let mut written = Written::default();
        if !changed.is_empty() {
            written = self.writer.write(table, changed, known, marks, self.now).await?;
        }
        written.unchanged += unchanged;
        Ok(written)
    }

    /// Marks as gone what was not met.
    pub(crate) async fn mark_gone(&mut self, table: &'static Table) -> Result<u64> {
        let marks = self.marks.entry(table.name).or_default().get_mut().unwrap();
        self.writer.mark_gone(table, "", marks, self.now).await
    }

    /// Commits the snapshot and gives the lease back.
    pub(crate) async fn commit(self) {
        let records: Vec<TableRecord> = TABLES.iter().copied().map(complete).collect();
        self.writer.commit(&records, self.now).await.unwrap();
        self.store.release_lease(self.lease).await.unwrap();
    }

    /// Undoes the snapshot and gives the lease back.
    pub(crate) async fn undo(self) {
        self.writer.undo().await.unwrap();
        self.store.release_lease(self.lease).await.unwrap();
    }
}

/// A whole snapshot in which the users are these and no others.
pub(crate) async fn sync_users(store: &Store, org_id: &str, now: Timestamp, users: &[(&str, &str)]) {
    let mut pass = begin(store, org_id, now).await;
    pass.put(&USERS, users.iter().map(|(id, name)| user(id, name)).collect()).await.unwrap();
    pass.mark_gone(&USERS).await.unwrap();
    pass.commit().await;
}

/// Asks, now and of all organizations.
pub(crate) async fn ask(store: &Store, sql: &str) -> Result<Answer> {
    store.query(&Query { sql: sql.to_owned(), ..Query::default() }, &Limits::default()).await
}

/// An answer's rows as text, cells with a blank between.
pub(crate) fn lines(answer: &Answer) -> Vec<String> {
    answer.rows.iter().map(|row| row.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
}

fn word(cell: &Cell) -> String {
    match cell {
        Cell::Null(_) => "NULL".to_owned(),
        Cell::Text(text) => text.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Boolean(flag) => flag.to_string(),
        Cell::Bytes(bytes) => format!("{bytes:?}"),
    }
}

/// `id username` of every user, as it was then or is now.
pub(crate) async fn users_at(store: &Store, as_of: Option<Timestamp>) -> Vec<String> {
    let sql = "SELECT org_id, id, username FROM users ORDER BY org_id, id".to_owned();
    lines(&store.query(&Query { sql, as_of, ..Default::default() }, &Limits::default()).await.unwrap())
}
