//! Events and positions that are not what anybody expects: each is kept letter by letter or told, and the rest of its page
//! and its hour with it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use collect::events::EventOptions;
use collect::{Collector, silent};
use simulator::{Effect, FaultRule, Oddities, Oddity};
use store::events::{EventFilter, EventOrder, EventPage, Hour, WindowState};
use tokio_util::sync::CancellationToken;

use crate::canned::{Canned, canned};
use crate::event_support::{MINUTE, busy};
use crate::support::{Scenario, scenario};

const EVENTS: &str = "/insights/directory/v1/events";
const ORG: &str = "aaaaaaaaaaaaaaaaaaaaaaaa";

/// The texts of all events that are stored.
async fn texts(collector: &Collector) -> Vec<String> {
    let mut texts = Vec::new();
    let order = EventOrder::OldestFirst;
    let each = |event: store::events::StoredEvent| {
        texts.push(event.raw.unwrap());
        ControlFlow::Continue(())
    };
    collector.store.export_events(&EventFilter::default(), order, true, each).await.unwrap();
    texts
}

#[tokio::test]
async fn every_event_is_stored_letter_by_letter() {
    let odd = Oddities::field()
        .without(Oddity::LateEvents)
        .without(Oddity::RepeatedEvents)
        .with(Oddity::OddTimestamps)
        .with(Oddity::EventsWithoutId)
        .with(Oddity::OddValues)
        .with(Oddity::StrayCharacters)
        .with(Oddity::LargeMdmEvents);
    let scenario = scenario(busy(odd)).await;
    scenario.sync_the_events().await;
    let first = scenario.ledger().await[0].hour.start_ms();
    let mut issued = Vec::new();
    scenario.world.for_each_event_text(0, first..scenario.now_ms(), scenario.now_ms(), |text| {
        issued.push(text.to_owned());
    });
    let mut stored = texts(&scenario.collector).await;
    assert!(issued.len() > 500, "{}", issued.len());
    issued.sort();
    stored.sort();
    assert!(stored == issued, "{} texts are stored, {} were issued", stored.len(), issued.len());
}

#[tokio::test]
async fn monstrous_events_are_kept_and_the_rest_of_their_page_with_them() {
    let event = |number: u32, more: &str| {
        format!(
            r#"{{"id":"{number:024}","service":"directory","event_type":"user_login_attempt","organization":"{ORG}","timestamp":"2026-11-22T09:30:00.{number:03}Z",{more}}}"#
        )
    };
    let many = |one: &dyn Fn(usize) -> String, count: usize| (0..count).map(one).collect::<Vec<_>>().join(",");
    let rows = [
        event(1, r#""success":true"#),
        event(2, &format!(r#""error_message":"{}""#, "x".repeat(10 << 20))),
        event(3, &format!(r#""changes":{}{}"#, "[".repeat(10_000), "]".repeat(10_000))),
        event(4, &format!(r#""changes":[{}]"#, many(&|at| at.to_string(), 1_000_000))),
        event(5, &format!(r#""resource":{{{}}}"#, many(&|at| format!(r#""k{at}":{at}"#), 200_000))),
        event(6, r#""username":"a\u0000b","error_message":"\ud800 alone""#),
        event(7, r#""pid":9007199254740993,"repeat_count":1e400,"detail":-0,"error_code":18446744073709551616"#),
        event(8, "\"error_message\":\"a raw \u{1} and a raw \n line end\""),
        r#"{"id":9,"timestamp":{"a":[]},"service":["x"],"event_type":null,"success":"perhaps","initiated_by":7}"#
            .to_owned(),
    ];
    let page = format!("[{}]", rows.join(","));
    let scenario = canned(move |path, _| match path {
        "/api/organizations" => Canned::body(format!(r#"{{"totalCount":1,"results":[{{"_id":"{ORG}"}}]}}"#)),
        EVENTS => Canned::body(page.clone()),
        _ => None,
    })
    .await;
    let options = EventOptions { since: Some("2026-11-22T09:00:00Z".parse().unwrap()), ..EventOptions::by("test") };
    let cancel = CancellationToken::new();
    let report = scenario.collector.sync_events(&scenario.connection, &options, silent(), &cancel).await.unwrap();
    assert_eq!((report.new, report.unproven.len()), (9, 0));
    let stored: BTreeSet<String> = texts(&scenario.collector).await.into_iter().collect();
    for (at, row) in rows.iter().enumerate() {
        assert!(stored.contains(row), "event {} is not as it came", at + 1);
    }
}

#[tokio::test]
async fn a_position_that_expired_or_is_nonsense_loses_nothing() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let collector = &scenario.collector;
    let afters = [
        r#"["zzz"]"#.to_owned(),
        "[1]".to_owned(),
        r#"[9223372036854775807,"ffffffffffffffffffffffff"]"#.to_owned(),
        r#"[1,"a\nb"]"#.to_owned(),
        format!(r#"["{}"]"#, "a".repeat(50_000)),
        "no JSON".to_owned(),
        String::new(),
    ];
    let first = Hour::of(Scenario::since());
    let org_id = scenario.id_of(0);
    let now = collector.clock.now();
    let lease = collector.store.take_lease("test", "test", &collector.holder, now).await.unwrap();
    let mut writer = collector.store.event_writer(&org_id, &lease, now).await.unwrap();
    for (at, after) in afters.iter().enumerate() {
        let hour = Hour::from_number(first.number() + at as i64);
        let pass = serde_json::json!({ "from": hour.start_ms(), "to": hour.end_ms(), "after": after });
        let position = serde_json::json!({ "pass": pass }).to_string();
        let page = EventPage { window: hour, rows: &[], position: Some(&position), is_last: false, mapping: 1 };
        writer.write_page(&page, now).await.unwrap();
    }
    scenario.sync_the_events().await;
    scenario.clock.pass(Duration::from_secs(24 * 60 * MINUTE));
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}

#[tokio::test]
async fn a_position_never_goes_back_whatever_fails() {
    let scenario = scenario(busy(Oddities::clean())).await;
    let rule = |effect, seed| FaultRule { probability: 0.3, seed, ..FaultRule::new(effect) }.on(EVENTS);
    scenario.world.faults().add(rule(Effect::Cut { after: 2_000 }, 1));
    scenario.world.faults().add(rule(Effect::status(500), 2));
    scenario.world.faults().add(rule(Effect::ShortPages { rows: 2 }, 3));
    let read_to = |position: &Option<String>| {
        let position: serde_json::Value = serde_json::from_str(position.as_deref().unwrap_or("{}")).unwrap();
        position["read_to"].as_i64().unwrap_or(i64::MIN)
    };
    let mut moved = 0;
    let mut before = Vec::new();
    for _ in 0..30 {
        scenario.clock.pass(Duration::from_secs(7 * MINUTE));
        let _ = scenario.try_events().await;
        let after = scenario.ledger().await;
        for old in &before {
            let old: &store::events::Window = old;
            let new = after.iter().find(|line| line.hour == old.hour).expect("no line of the ledger goes");
            assert!(new.stored >= old.stored, "{}", old.hour);
            // What was sealed and is reopened is read from its beginning, and says so.
            if new.state != WindowState::Reopened {
                assert!(read_to(&new.position) >= read_to(&old.position), "{}: {old:?} {new:?}", old.hour);
            }
            moved += u32::from(read_to(&new.position) > read_to(&old.position));
        }
        before = after;
    }
    assert!(moved > 20, "{moved}");
    scenario.world.faults().clear();
    scenario.clock.pass(Duration::from_secs(24 * 60 * MINUTE));
    scenario.sync_the_events().await;
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}
