//! Runs: what history tells of every test, update and sync.

use store::{Action, CallRecord, Outcome, RunEnd, TableRecord};

use crate::bed::{Bed, DEVICES, USERS, ask, begin, complete, lines, minute};
use crate::connections::connection;

on_both_engines!(
    a_run_is_told_with_what_it_read_and_asked,
    runs_come_newest_first_and_of_one_connection_where_asked,
    a_sync_whose_process_is_gone_is_ended_as_interrupted_and_no_other_run,
);

fn end(outcome: Outcome) -> RunEnd {
    RunEnd { outcome, error_code: None, error: None, help: None, tables: vec![], calls: vec![], bytes: 0 }
}

async fn a_run_is_told_with_what_it_read_and_asked(bed: &Bed) {
    let store = bed.open().await;
    let run = store.start_run(&connection("1", "One"), Action::Sync, "system", "atlas", minute(0)).await.unwrap();
    store.set_stage(run, "reading").await.unwrap();
    assert_eq!(store.run(run).await.unwrap().unwrap().stage, "reading");
    let lease = begin(&store, "o", minute(0)).await;
    lease.undo().await;
    let call = |endpoint: &str, status| CallRecord {
        endpoint: endpoint.to_owned(),
        calls: 3,
        retries: 1,
        rate_limited: 1,
        last_status: status,
    };
    let ended = RunEnd {
        error: Some("devices".to_owned()),
        tables: vec![
            TableRecord { told: Some(7), read: 7, new: 3, changed: 2, unchanged: 2, ..complete(&USERS) },
            TableRecord {
                state: store::TableState::NotPermitted,
                reason: Some("403".to_owned()),
                ..complete(&DEVICES)
            },
        ],
        calls: vec![call("GET /a", Some(200)), call("GET /b", None)],
        bytes: u64::MAX,
        ..end(Outcome::Incomplete)
    };
    store.finish_run(run, &ended, minute(3)).await.unwrap();
    let read = store.run(run).await.unwrap().unwrap();
    assert_eq!(read.outcome, Some(Outcome::Incomplete));
    assert_eq!((read.started_at, read.ended_at), (minute(0), Some(minute(3))));
    assert_eq!((read.calls, read.retries, read.rate_limited), (6, 2, 2));
    assert_eq!(read.bytes, i64::MAX.cast_unsigned(), "as much as the database can count");
    let tables = store.run_tables(run).await.unwrap();
    assert_eq!((tables[0].told, tables[0].new, tables[1].told), (Some(7), 3, None));
    assert_eq!(tables[1].state, store::TableState::NotPermitted);
    assert_eq!(store.run_calls(run).await.unwrap()[1].last_status, None);
    let sql = "SELECT connection_name, action, started_by, outcome, calls FROM runs";
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["One sync system incomplete 6"]);
}

async fn runs_come_newest_first_and_of_one_connection_where_asked(bed: &Bed) {
    let store = bed.open().await;
    for (at, id) in [(0, "1"), (1, "2"), (2, "1")] {
        store.start_run(&connection(id, id), Action::Sync, "system", "atlas", minute(at)).await.unwrap();
    }
    let started = |runs: Vec<store::Run>| runs.into_iter().map(|run| run.started_at).collect::<Vec<_>>();
    assert_eq!(started(store.runs(None, 10).await.unwrap()), [minute(2), minute(1), minute(0)]);
    assert_eq!(started(store.runs(Some("1"), 10).await.unwrap()), [minute(2), minute(0)]);
    assert_eq!(started(store.runs(None, 1).await.unwrap()), [minute(2)]);
}

async fn a_sync_whose_process_is_gone_is_ended_as_interrupted_and_no_other_run(bed: &Bed) {
    let store = bed.open().await;
    let start =
        async |id, action| store.start_run(&connection(id, id), action, "system", "atlas", minute(0)).await.unwrap();
    let done = start("1", Action::Sync).await;
    store.finish_run(done, &end(Outcome::Succeeded), minute(1)).await.unwrap();
    let died = start("1", Action::Sync).await;
    let test = start("1", Action::Test).await;
    let other = start("2", Action::Sync).await;
    let mine = start("1", Action::Sync).await;
    assert_eq!(store.end_interrupted_runs("1", Action::Sync, mine, minute(5)).await.unwrap(), 1);
    let outcome = async |run| store.run(run).await.unwrap().unwrap().outcome;
    assert_eq!(outcome(done).await, Some(Outcome::Succeeded));
    assert_eq!(outcome(died).await, Some(Outcome::Interrupted));
    for run in [test, other, mine] {
        assert_eq!(outcome(run).await, None);
    }
}
