//! What the promises are tried on: a fresh database of either engine with sealed windows of events, and a folder for the
//! archive.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use deliver::{Access, Archiver, Layout, Report, RunOptions, Settings, When};
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use ocsf::{MAPPING_VERSION, Mapper, Received};
use sqlx::{AssertSqlSafe, Connection as _};
use store::events::{EventPage, EventRow, Hour, SealOutcome};
use store::{Archive, ArchiveState, LeaseHolder, Location, Store};
use tokio_util::sync::CancellationToken;

/// A fresh database of one engine.
pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) async fn on_sqlite(promise: impl AsyncFnOnce(&Bed)) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("jumpseat.db"));
    promise(&Bed { store: Store::open(&location, &[]).await.unwrap(), folder }).await;
}

/// In a schema of its own that is dropped afterwards.
pub(crate) async fn on_postgres(promise: impl AsyncFnOnce(&Bed)) {
    let Some(url) = std::env::var("JUMPSEAT_TEST_POSTGRES").ok() else {
        let how = "set JUMPSEAT_TEST_POSTGRES=postgres://user@127.0.0.1/database to try this on PostgreSQL";
        assert!(std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(), "PostgreSQL is required: {how}");
        return eprintln!("skipped: {how}");
    };
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut admin = sqlx::PgConnection::connect(&url).await.expect("PostgreSQL at JUMPSEAT_TEST_POSTGRES");
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut admin).await.unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    let location = Location::Postgres(format!("{url}{mark}options[search_path]={schema}"));
    let bed = Bed { store: Store::open(&location, &[]).await.unwrap(), folder: tempfile::tempdir().unwrap() };
    let kept = AssertUnwindSafe(promise(&bed)).catch_unwind().await;
    bed.store.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).execute(&mut admin).await.unwrap();
    if let Err(panic) = kept {
        std::panic::resume_unwind(panic);
    }
}

/// A moment of the day that the tests are about.
pub(crate) fn at(hour: i64, minute: i64) -> Timestamp {
    "2026-11-20T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(hour * 60 + minute)
}

/// When that day is over and proven.
pub(crate) fn next_day() -> Timestamp {
    at(31, 0)
}

pub(crate) fn holder() -> LeaseHolder {
    LeaseHolder::this_process("test", "atlas")
}

/// A raw event of some type.
pub(crate) fn raw(number: usize, moment: Timestamp) -> String {
    let types = ocsf::event_types();
    let known = &types[number * 7 % types.len()];
    let mut event = crate::support::full(known.name, known.service, number);
    event["timestamp"] = moment.to_string().into();
    // It is of the organization that it is collected from.
    event.as_object_mut().unwrap().remove("organization");
    event.to_string()
}

impl Bed {
    /// Stores events as JumpCloud sends them in one hour, and seals it.
    pub(crate) async fn seal(&self, org_id: &str, hour: i64, events: &[String]) {
        let hour = Hour::of(at(hour, 0));
        let lease = self.store.take_lease(&format!("events {org_id}"), "the sync", &holder(), at(0, 0)).await.unwrap();
        let mut writer = self.store.event_writer(org_id, &lease, at(0, 0)).await.unwrap();
        let received = Received { organization: Some(org_id), ..Received::at(0) };
        let mut mappers: Vec<Mapper> = events.iter().map(|_| Mapper::new()).collect();
        let rows: Vec<EventRow<'_>> = mappers
            .iter_mut()
            .zip(events)
            .map(|(mapper, raw)| {
                let event = mapper.read(raw);
                let facts = event.facts();
                EventRow {
                    id: facts.id,
                    // As the sync does: a time outside the hour is a wrong one.
                    time_ms: facts.time_ms.filter(|at| (hour.start_ms()..=hour.end_ms()).contains(at)),
                    service: facts.service,
                    event_type: facts.event_type,
                    class_uid: facts.class_uid,
                    ..EventRow::bare(*event.uid(&received).as_bytes(), raw)
                }
            })
            .collect();
        let page = EventPage { window: hour, rows: &rows, position: None, is_last: true, mapping: MAPPING_VERSION };
        writer.write_page(&page, at(0, 0)).await.unwrap();
        let stored = self.store.event_window(org_id, hour).await.unwrap().map_or(0, |window| window.stored);
        let sealed = writer.seal(hour, stored, None, at(0, 0)).await.unwrap();
        assert!(matches!(sealed, SealOutcome::Sealed(_)), "{sealed:?}");
        self.store.release_lease(lease).await.unwrap();
    }

    /// A whole day with some events in each hour, sealed.
    pub(crate) async fn seal_day(&self, org_id: &str) {
        for hour in 0..24 {
            let events: Vec<String> =
                (0..5).map(|number| raw(hour * 5 + number, at(hour as i64, number as i64))).collect();
            self.seal(org_id, hour as i64, &events).await;
        }
    }

    /// Where the archive is.
    pub(crate) fn place(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    pub(crate) fn unsaved(&self, name: &str, url: &str, layout: Layout, endpoint: Option<String>) -> Archive {
        let settings = Settings {
            layout,
            region: Some("us-east-1".to_owned()),
            endpoint,
            without_raw: false,
            organizations: vec![],
        };
        Archive {
            id: format!("id of {name}"),
            name: name.to_owned(),
            url: url.to_owned(),
            settings: settings.to_text(),
            has_credential: false,
            created_at: at(0, 0),
            state: ArchiveState::default(),
        }
    }

    /// Adds an archive in the folder.
    pub(crate) async fn archive(&self, name: &str, layout: Layout) -> Archiver {
        std::fs::create_dir_all(self.place()).unwrap();
        let archive = self.unsaved(name, self.place().to_str().unwrap(), layout, None);
        self.save(&archive).await;
        Archiver::open(&self.store, &archive, None, &Access::default()).unwrap()
    }

    pub(crate) async fn save(&self, archive: &Archive) {
        let key = store::MasterKey::find(&self.folder.path().join("master.key"), |_| None).unwrap();
        self.store.add_archive(archive, None, &key).await.unwrap();
    }
}

/// Runs an archive after the day, as the schedule does.
pub(crate) async fn run(archiver: &Archiver) -> Report {
    run_when(archiver, When::DayIsOver, next_day()).await.unwrap()
}

pub(crate) async fn run_when(archiver: &Archiver, when: When, now: Timestamp) -> deliver::Result<Report> {
    archiver.run(RunOptions { when, again: false }, &holder(), || now, &CancellationToken::new()).await
}

/// Every file in a folder with what it holds, by its path within.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}
