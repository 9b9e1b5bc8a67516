//! Answers that come broken, slowly, never, or far too large.

use std::time::Duration;

use collect::events::EventOptions;
use collect::{SyncOptions, silent};
use jumpcloud::{Credential, Limits};
use simulator::{Effect, FaultBody, FaultRule};
use store::{Outcome, StreamKind, TableState};
use tokio_util::sync::CancellationToken;

use crate::support::{CORE, Scenario, record, scenario, scenario_with, small, text};

#[tokio::test]
async fn a_page_that_is_cut_anywhere_is_read_again_and_never_stored_in_part() {
    let mut scenario = scenario(small()).await;
    scenario.only(&["users"]);
    for after in (0..12).chain((12..60_000).step_by(4_999)) {
        scenario.world.faults().clear();
        scenario.world.faults().add(FaultRule::new(Effect::Cut { after }).on("/api/systemusers"));
        let report = scenario.sync().await;
        let users = record(&report, "users");
        // A cut behind the last byte is none.
        if users.state == TableState::Complete {
            assert!(after > 20_000);
            break;
        }
        assert_eq!((users.state, users.read), (TableState::Failed, 0), "cut after {after} bytes");
        assert!(scenario.ids("users").await.is_empty(), "cut after {after} bytes");
        scenario.world.faults().clear();
    }
    for after in [0, 1, 100, 10_000, 20_000] {
        scenario.world.faults().clear();
        scenario.world.advance(Duration::from_secs(3600));
        scenario.world.faults().add(FaultRule::new(Effect::Cut { after }).on("/api/systemusers").times(2));
        scenario.sync_completely().await;
    }
}

#[tokio::test]
async fn a_later_page_that_is_cut_leaves_whole_pages_only() {
    let scenario = Scenario::many_users().await;
    scenario.world.faults().add(FaultRule::new(Effect::Cut { after: 5_000 }).on("/api/systemusers").from(2));
    let report = scenario.sync().await;
    assert_eq!((report.outcome, record(&report, "users").state), (Outcome::Incomplete, TableState::Failed));
    assert_eq!(scenario.ids("users").await.len(), 100);
    scenario.world.faults().clear();
    scenario.sync_completely().await;
}

/// Short enough for a test, long enough for a busy machine.
fn impatient() -> Limits {
    Limits {
        header_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(2),
        page_timeout: Duration::from_secs(3),
        max_attempts: 2,
        ..Limits::default()
    }
}

#[tokio::test]
async fn an_answer_that_hangs_or_drips_is_given_up_in_time_and_asked_again() {
    let mut scenario = scenario_with(small(), impatient()).await;
    scenario.only(CORE);
    for effect in
        [Effect::HangBeforeHeaders, Effect::HangMidBody { after: 100 }, Effect::SlowDrip { bytes: 1, milliseconds: 5 }]
    {
        let rule = scenario.world.faults().add(FaultRule::new(effect.clone()).on("/api/systemusers").times(1));
        scenario.sync_completely().await;
        assert_eq!(scenario.world.faults().hits(rule), 1, "{effect:?}");
        scenario.world.faults().clear();
    }
}

#[tokio::test]
async fn a_list_that_never_answers_costs_only_itself() {
    let mut scenario = scenario_with(small(), impatient()).await;
    scenario.only(CORE);
    scenario.sync_completely().await;
    let before = scenario.ids("users").await;
    scenario.spoil("/api/systemusers", Effect::HangBeforeHeaders);
    let report = scenario.sync().await;
    let users = record(&report, "users");
    assert_eq!((users.state, users.gone), (TableState::Failed, 0));
    assert!(users.reason.as_deref().unwrap().contains("waiting for the answer"), "{users:?}");
    assert_eq!(scenario.ids("users").await, before);
    let others = report.tables.iter().filter(|table| table.table != "users");
    for other in others {
        assert_eq!(other.state, TableState::Complete, "{}", other.table);
    }
}

#[tokio::test]
async fn a_web_page_instead_of_json_is_retried_and_then_named_never_taken_for_nothing() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    scenario.world.faults().add(FaultRule::new(Effect::HtmlOk).on("/api/systemusers").times(2));
    scenario.sync_completely().await;
    scenario.world.faults().clear();
    scenario.spoil("/api/systemusers", Effect::HtmlOk);
    let report = scenario.sync().await;
    let users = record(&report, "users");
    assert_eq!((users.state, users.gone), (TableState::Failed, 0));
    assert!(users.reason.as_deref().unwrap().contains("not JSON"), "{users:?}");
    scenario.equals_oracle(0).await;
    // A captive portal in front of everything fails the whole sync, with the same words.
    scenario.spoil("*", Effect::HtmlOk);
    assert_eq!(scenario.try_sync(0).await.unwrap_err().code(), "not_json");
    scenario.equals_oracle(0).await;
}

#[tokio::test]
async fn bombs_and_endless_bodies_are_stopped_at_the_limit() {
    let mut scenario = scenario_with(small(), Limits { max_body_bytes: 1 << 20, ..Limits::default() }).await;
    scenario.only(CORE);
    scenario.sync_completely().await;
    let large = format!("{{\"totalCount\":0,\"results\":[]{}}}", " ".repeat(2 << 20));
    for effect in [Effect::GzipBomb { bytes: 1 << 27 }, text(large)] {
        scenario.world.faults().clear();
        scenario.spoil("/api/systemusers", effect);
        let asked = scenario.world.requests().by_endpoint["GET /api/systemusers"];
        let report = scenario.sync().await;
        let users = record(&report, "users");
        assert_eq!((users.state, users.gone, users.read), (TableState::Failed, 0, 0));
        assert!(users.reason.as_deref().unwrap().contains("larger than 1048576 bytes"), "{users:?}");
        assert_eq!(scenario.world.requests().by_endpoint["GET /api/systemusers"], asked + 1, "not asked again");
        scenario.equals_oracle(0).await;
    }
}

#[tokio::test]
async fn wrong_lengths_wrong_encodings_and_monstrous_headers_lose_nothing() {
    let scenario = Scenario::core().await;
    scenario.sync_completely().await;
    let body = FaultBody::Text(r#"{"totalCount":0,"results":[]}"#.to_owned());
    let with_all = |headers| Effect::Status { status: 200, body: body.clone(), headers, retry_after: None };
    let with = |name: &str, value: String| with_all(vec![(name.to_owned(), value)]);
    for effect in [
        Effect::ContentLength { delta: 50 },
        with("content-encoding", "gzip".to_owned()),
        with("content-encoding", "br".to_owned()),
        with("content-encoding", "zstd".to_owned()),
        with("content-encoding", "gzip, gzip".to_owned()),
        with("content-encoding", "aes128gcm".to_owned()),
        with("x-large", "x".repeat(1 << 20)),
        with_all((0..10_000).map(|number| (format!("x-{number}"), "1".to_owned())).collect()),
    ] {
        let shown = format!("{effect:?}").chars().take(80).collect::<String>();
        scenario.world.faults().clear();
        scenario.spoil("/api/systemusers", effect);
        let report = scenario.sync().await;
        let users = record(&report, "users");
        assert_eq!((users.state, users.gone), (TableState::Failed, 0), "{shown}: {:?}", users.reason);
        scenario.equals_oracle(0).await;
    }
    // Bytes in a header that are no text are harmless.
    scenario.world.faults().clear();
    let body = FaultBody::Text(scenario.as_list("users", &[]).await);
    let headers = vec![("x-total-count".to_owned(), "\u{ff}\u{fe}".to_owned())];
    scenario.spoil("/api/systemusers", Effect::Status { status: 200, body, headers, retry_after: None });
    assert_eq!(record(&scenario.sync_completely().await, "users").unchanged, 24);
}

#[tokio::test]
async fn a_person_is_told_within_seconds_that_nobody_answers_and_the_schedule_has_more_patience() {
    let mut scenario = scenario(small()).await;
    scenario.only(CORE);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let key = scenario.world.credentials(0).read_only;
    let mut dead = scenario.connection(0, &Credential::api_key(&key).unwrap());
    dead.id = "nobody".to_owned();
    dead.name = "Nobody".to_owned();
    dead.place = scenario.collector.settings.place_of_urls(&format!("http://{address}"), None).unwrap();
    scenario.add(&dead, &key).await;
    for (by, least, most) in [("mara", 3, 10), ("system", 31, 62)] {
        for kind in [StreamKind::Inventory, StreamKind::Events] {
            let begin = scenario.collector.clock.now();
            let cancel = CancellationToken::new();
            let error = match kind {
                StreamKind::Inventory => {
                    let options = SyncOptions { started_by: by.to_owned(), accept_shrink: false };
                    scenario.collector.sync_inventory(&dead, &options, silent(), &cancel).await.map(drop)
                }
                StreamKind::Events => {
                    let options = EventOptions::by(by);
                    scenario.collector.sync_events(&dead, &options, silent(), &cancel).await.map(drop)
                }
            }
            .unwrap_err();
            assert_eq!(error.code(), "unreachable");
            assert!(error.to_string().contains(&address.to_string()), "{error}");
            assert!(error.help().contains("firewall"), "{}", error.help());
            let waited = scenario.collector.clock.now().duration_since(begin).as_secs();
            assert!((least..=most).contains(&waited), "{by}, {}: {waited} s", kind.word());
        }
    }
}
