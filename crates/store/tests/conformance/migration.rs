//! Opening: an empty place, one of an older or a newer program, and places that can not be used.

use std::os::unix::fs::PermissionsExt as _;

use store::events::{EventFilter, Hour};
use store::findings::{Acceptance, AcceptanceKind, CheckResult, FindingChange, FindingRow, Severity};
use store::{Error, Location, Store};

use crate::bed::{Bed, TABLES, ask, holder, lines, minute, on_sqlite, sync_users};
use crate::events::seal_hours;

on_both_engines!(
    a_newer_schema_is_refused_and_left_as_it_is,
    what_a_newer_program_laid_out_is_not_undone_by_an_older_one,
    a_program_that_still_runs_is_told_that_the_layout_was_changed,
    an_empty_database_is_opened_by_several_processes_at_once,
    what_an_older_program_has_found_and_received_is_counted,
);

const OWN: &str = env!("CARGO_PKG_VERSION");

async fn a_newer_schema_is_refused_and_left_as_it_is(bed: &Bed) {
    bed.open().await.close().await;
    let steps = bed.count("schema_version").await;
    bed.behind("INSERT INTO schema_version (version) VALUES (99)").await;
    let refused = Store::open(&bed.location, TABLES).await.unwrap_err();
    assert!(matches!(refused, Error::Newer { .. }), "{refused:?}");
    bed.behind("UPDATE layout_change SET program = '99.1.0'").await;
    let refused = Store::open(&bed.location, TABLES).await.unwrap_err().to_string();
    for words in ["laid out by Jumpseat 99.1.0", "changed nothing", "use Jumpseat 99.1.0 or a newer one", OWN] {
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(bed.count("schema_version").await, steps + 1);
}

async fn what_a_newer_program_laid_out_is_not_undone_by_an_older_one(bed: &Bed) {
    bed.open().await.close().await;
    bed.behind("UPDATE layout_change SET program = '99.1.0'").await;
    bed.open().await.close().await;
    bed.behind("UPDATE table_layout SET layout = 'more Text /more' WHERE name = 'users'").await;
    let layouts = bed.behind("SELECT name, layout FROM table_layout ORDER BY name").await;
    let refused = Store::open(&bed.location, TABLES).await.unwrap_err();
    assert!(matches!(&refused, Error::Newer { program: Some(program), .. } if program == "99.1.0"), "{refused:?}");
    assert_eq!(bed.behind("SELECT name, layout FROM table_layout ORDER BY name").await, layouts);
}

async fn a_program_that_still_runs_is_told_that_the_layout_was_changed(bed: &Bed) {
    let old = bed.open().await;
    let taken = old.take_lease("x", "the sync", &holder(), minute(0)).await.unwrap();
    old.release_lease(taken).await.unwrap();
    bed.behind("UPDATE layout_change SET program = '99.1.0', changes = changes + 1").await;
    let refused = old.take_lease("x", "the sync", &holder(), minute(0)).await.unwrap_err();
    assert!(matches!(refused, Error::LayoutChanged { .. }), "{refused:?}");
    assert!(refused.to_string().contains("start Jumpseat 99.1.0"), "{refused}");
    bed.open().await.take_lease("x", "the sync", &holder(), minute(0)).await.unwrap();
}

async fn an_empty_database_is_opened_by_several_processes_at_once(bed: &Bed) {
    let opened = futures::future::join_all((0..4).map(|_| Store::open(&bed.location, TABLES))).await;
    for store in opened {
        assert_eq!(store.unwrap().tables().len(), 3);
    }
    let steps = bed.behind("SELECT DISTINCT version FROM schema_version").await.len() as i64;
    assert_eq!(bed.count("schema_version").await, steps, "each step was taken once");
}

async fn what_an_older_program_has_found_and_received_is_counted(bed: &Bed) {
    let store = bed.open().await;
    seal_hours(&store, "a", 30).await;
    sync_users(&store, "a", minute(0), &[("1", "ada"), ("2", "bob"), ("3", "cid")]).await;
    let lease = store.take_lease("posture a", "the checks", &holder(), minute(1)).await.unwrap();
    let run = store.begin_posture_run("a", 1, 1, "tester", &lease, minute(1)).await.unwrap();
    for (check, raised) in [("raised", Some(Severity::High)), ("plain", None)] {
        let found = ["1", "2", "3"].map(|id| {
            FindingChange::Opened(FindingRow {
                resource_id: id.to_owned(),
                name: id.to_owned(),
                severity: Severity::Low,
                reason: "why".to_owned(),
                evidence: "{}".to_owned(),
                content: [0; 16],
            })
        });
        let result = CheckResult { failed: 3, raised_severity: raised, ..CheckResult::default() };
        store
            .merge_findings(&run, check, "user", found.into(), vec![], vec![], &result, &lease, minute(1))
            .await
            .unwrap();
    }
    store.end_posture_run(&run, &["raised", "plain"], &lease, minute(1)).await.unwrap();
    let (kind, until) = (AcceptanceKind::WontFix, Some(minute(1_000_000)));
    let acceptance = Acceptance { kind, why: "x".to_owned(), by: "ann".to_owned(), until, rule: None };
    store.accept_findings(&[2], &acceptance, minute(2)).await.unwrap();
    let counts = "SELECT check_id, severity, state, accepted_kind, outcome, findings FROM finding_counts ORDER BY 1, 3";
    let counted = lines(&ask(&store, counts).await.unwrap());
    assert_eq!(
        counted,
        ["plain low open NULL fail 3", "raised high accepted wont_fix fail 1", "raised high open NULL fail 2"]
    );
    let (first, last) = (Hour::from_number(0), Hour::from_number(24 << 20));
    let tally = store.event_tally(&EventFilter::default(), first, last, true).await.unwrap();
    assert_eq!(tally.times.values().map(|(events, _)| events).sum::<u64>(), 1_500);
    store.close().await;
    bed.behind(
        "DROP INDEX finding_by_severity; DROP INDEX finding_of_resource; ALTER TABLE finding DROP COLUMN effective_severity;
         DROP TABLE finding_count; DROP TABLE event_day_count; DELETE FROM schema_version WHERE version >= 18",
    )
    .await;
    let store = bed.open().await;
    assert_eq!(lines(&ask(&store, counts).await.unwrap()), counted);
    assert_eq!(store.event_tally(&EventFilter::default(), first, last, true).await.unwrap(), tally);
}

/// Opens a file that can not be used; returns what is said about it.
async fn refused(path: impl Into<std::path::PathBuf>) -> String {
    let path = path.into();
    let error = Store::open(&Location::File(path.clone()), TABLES).await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.contains(&path.display().to_string()), "{words}");
    words
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_refused_in_words() {
    on_sqlite(async |bed| assert!(refused(bed.folder.path()).await.contains("is a directory"))).await;
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_is_refused_in_words() {
    on_sqlite(async |bed| {
        let file = bed.folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(refused(file.join("data").join("jumpseat.db")).await.contains("folder can not be made"));
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_is_refused_in_words() {
    // A place where not even the superuser can make a file.
    assert!(refused("/proc/jumpseat.db").await.contains("can not be opened for writing"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_in_words_and_not_touched() {
    on_sqlite(async |bed| {
        let file = bed.folder.path().join("notes.txt");
        let notes = "not a database, but my notes\n".repeat(200);
        std::fs::write(&file, &notes).unwrap();
        let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let before = mode();
        let link = bed.folder.path().join("jumpseat.db");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            assert!(refused(path).await.contains("not a database"));
            assert_eq!(std::fs::read_to_string(&file).unwrap(), notes);
            assert_eq!(mode(), before, "who may read it was changed");
        }
    })
    .await;
}

#[tokio::test]
async fn a_postgres_that_is_not_there_is_named_at_once() {
    let nowhere = Location::Postgres("postgres://me@127.0.0.1:1/x".to_owned());
    let error = Store::open(&nowhere, TABLES).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_wrong_postgres_url_is_refused_without_telling_its_password() {
    for url in ["postgres://me:CANARY@127.0.0.1:1/x", "postgres://me:CANARY@127.0.0.1:port/x", "mysql://me:CANARY@h/x"]
    {
        let error = Store::open(&Location::Postgres(url.to_owned()), TABLES).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error:?}");
    }
}
