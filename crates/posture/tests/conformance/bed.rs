//! What the promises are tried on: a fresh database of either engine with the real tables, an organization written by hand,
//! and a clock that the test moves.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use posture::{Check, Library, Mode, OrganizationReport, Posture, Request, Row, Settings};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _};
use store::findings::CheckResult;
use store::{Cell, LeaseHolder, Limits, Location, Query, Store};

pub(crate) const ACME: &str = "org-acme";

/// A store, a clock, and the checks of one test.
pub(crate) struct Bed {
    pub(crate) store: Store,
    clock: Arc<Mutex<Timestamp>>,
    _folder: tempfile::TempDir,
}

pub(crate) async fn on_sqlite(promise: impl AsyncFnOnce(&Bed)) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("jumpseat.db"));
    promise(&Bed::new(&location, folder).await).await;
}

/// In a schema of its own that is dropped afterwards.
pub(crate) async fn on_postgres(promise: impl AsyncFnOnce(&Bed)) {
    let Some(url) = postgres_url() else { return };
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut admin = sqlx::PgConnection::connect(&url).await.expect("PostgreSQL at JUMPSEAT_TEST_POSTGRES");
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut admin).await.unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    let location = Location::Postgres(format!("{url}{mark}options[search_path]={schema}"));
    let bed = Bed::new(&location, tempfile::tempdir().unwrap()).await;
    let kept = AssertUnwindSafe(promise(&bed)).catch_unwind().await;
    bed.store.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).execute(&mut admin).await.unwrap();
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
    async fn new(location: &Location, folder: tempfile::TempDir) -> Self {
        let collected = collect::tables::ALL.iter().map(|collected| &collected.table);
        let tables: Vec<_> = collected.chain(posture::derived::TABLES.iter().copied()).collect();
        let store = Store::open(location, &tables).await.unwrap().with_views(posture::derived::VIEWS);
        let clock = Arc::new(Mutex::new("2026-11-20T08:00:00Z".parse().unwrap()));
        Self { store, clock, _folder: folder }
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    pub(crate) fn pass_hours(&self, hours: i64) {
        *self.clock.lock().unwrap() += SignedDuration::from_hours(hours);
    }

    /// Writes the next snapshot of an organization, an hour after the last.
    pub(crate) async fn snapshot_of(&self, org_id: &str, fixture: &Value) {
        self.pass_hours(1);
        let holder = LeaseHolder::this_process("a test", "here");
        posture::fixture::write(&self.store, org_id, fixture, &holder, self.now()).await.unwrap();
    }

    pub(crate) async fn snapshot(&self, fixture: &Value) {
        self.snapshot_of(ACME, fixture).await;
    }

    pub(crate) fn posture(&self, library: Library, settings: &str) -> Posture {
        let settings = Settings::read(settings, "posture.toml", &library).unwrap();
        let clock = Arc::clone(&self.clock);
        Posture {
            store: self.store.clone(),
            library: Arc::new(library),
            settings: Arc::new(settings),
            holder: LeaseHolder::this_process("a test", "here"),
            clock: Arc::new(move || *clock.lock().unwrap()),
        }
    }

    /// Runs checks and keeps what they find.
    pub(crate) async fn record(&self, checks: &[Check]) -> Vec<OrganizationReport> {
        self.record_with(checks, "").await
    }

    pub(crate) async fn record_with(&self, checks: &[Check], settings: &str) -> Vec<OrganizationReport> {
        let posture = self.posture(Library::of_checks(checks.to_vec()).unwrap(), settings);
        run(&posture, Mode::Record, |_, _| ()).await
    }

    /// Runs checks and tells their numbers in the first organization.
    pub(crate) async fn numbers(&self, check: &Check) -> CheckResult {
        let posture = self.posture(Library::of_checks([check.clone()]).unwrap(), "");
        let reports = run(&posture, Mode::Show, |_, _| ()).await;
        reports[0].results[&check.id].clone()
    }

    /// The answer of a query, as text. Whatever is asked, and whenever, what is kept is the same as what is read.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let rows = self.answer(sql, false).await;
        for _ in 0..2 {
            assert_eq!(self.answer(sql, true).await, rows, "kept: {sql}");
        }
        let key = "org_id, check_id, resource_type, severity, severity_id, state, outcome, accepted_kind";
        let count = |what, from| format!("SELECT {key}, {what} FROM {from} GROUP BY {key} ORDER BY {key}");
        assert_eq!(
            self.answer(&count("SUM(findings), MIN(first_opened_at)", "finding_counts"), true).await,
            self.answer(&count("COUNT(*), MIN(opened_at)", "findings"), false).await,
        );
        rows
    }

    async fn answer(&self, sql: &str, is_frequent: bool) -> Vec<Vec<String>> {
        let parameters =
            [("now".to_owned(), store::schema::time_text(self.now()).as_str().into())].into_iter().collect();
        let query = Query { sql: sql.to_owned(), parameters, is_frequent, ..Query::default() };
        let answer = self.store.query(&query, &Limits::default()).await.unwrap();
        let text = |cell: Cell| match cell {
            Cell::Null(_) => "-".to_owned(),
            Cell::Text(text) => text.to_string(),
            Cell::Integer(number) => number.to_string(),
            Cell::Real(number) => number.to_string(),
            Cell::Boolean(flag) => i64::from(flag).to_string(),
            Cell::Bytes(_) => "bytes".to_owned(),
        };
        answer.rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }
}

pub(crate) async fn run(posture: &Posture, mode: Mode, mut each: impl FnMut(&Check, &Row)) -> Vec<OrganizationReport> {
    let checks = posture.library.checks().collect();
    let request = Request { checks, org_ids: None, as_of: None, started_by: "tester".to_owned(), mode };
    posture.run(&request, |check, row, _| each(check, row)).await.unwrap()
}

/// A check over users whose query says `outcome` and `reason` by these expressions.
pub(crate) fn users_check(id: &str, front: &str, select: &str) -> Check {
    let text = format!(
        "---\nid: {id}\ntitle: A test\nseverity: medium\nresource: user\ntier: A\nreads: [users]\n{front}---\n\n## Why it matters\n\nx\n\n\
         ## How it is decided\n\nx\n\n## How to fix it\n\nx\n\n## Query\n\n```sql\n{select}\n```\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{id}.md"));
    std::fs::write(&path, text).unwrap();
    read(&path)
}

pub(crate) fn read(path: &Path) -> Check {
    Library::read_file(path).unwrap_or_else(|error| panic!("{error}"))
}

/// Users fail without MFA, and are unknown where it is not told.
pub(crate) fn mfa_check() -> Check {
    users_check(
        "mfa",
        "",
        "SELECT org_id, id, username AS name,
           CASE WHEN mfa_configured IS NULL THEN 'unknown' WHEN mfa_configured THEN 'pass' ELSE 'fail' END AS outcome,
           CASE WHEN mfa_configured IS NULL THEN 'not told' WHEN mfa_configured THEN 'it is on' ELSE 'it is off' END AS reason,
           mfa_configured
         FROM users",
    )
}
