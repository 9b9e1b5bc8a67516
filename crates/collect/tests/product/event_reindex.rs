//! A better mapping: what an older one indexed is read again from what was received.

use std::ops::ControlFlow;

use collect::silent;
use simulator::Oddities;
use store::LeaseHolder;
use store::events::{EventFilter, EventOrder, EventRow, StoredEvent};
use tokio_util::sync::CancellationToken;

use crate::event_support::busy;
use crate::support::{Scenario, scenario};

async fn all(scenario: &Scenario) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    let each = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let store = &scenario.collector.store;
    store.export_events(&EventFilter::default(), EventOrder::OldestFirst, false, each).await.unwrap();
    events
}

#[tokio::test]
async fn what_an_older_mapping_did_not_understand_is_found_after_it_was_indexed_anew() {
    let scenario = scenario(busy(Oddities::clean())).await;
    scenario.sync_the_events().await;
    let (store, org_id, now) = (&scenario.collector.store, scenario.id_of(0), scenario.collector.clock.now());
    let before = all(&scenario).await;
    let types = store.event_types_seen(&org_id).await.unwrap();
    // An older mapping that understood nothing.
    let lease = store.take_lease("older", "a test", &LeaseHolder::this_process("test", "here"), now).await.unwrap();
    let mut writer = store.event_writer(&org_id, &lease, now).await.unwrap();
    let (mut number, mut parts) = (0, 0);
    while let Some(part) = store.next_event_part(&org_id, number).await.unwrap() {
        let rows: Vec<EventRow<'_>> = part.texts.iter().map(|text| EventRow::bare([0; 16], text)).collect();
        writer.reindex_part(part.number, &rows, 0, now).await.unwrap();
        (number, parts) = (part.number, parts + 1);
    }
    while writer.renew_activity(now).await.unwrap().is_some() {}
    assert!(all(&scenario).await.iter().all(|event| event.user.name.is_none() && event.class_uid == 0));

    let stopped = CancellationToken::new();
    stopped.cancel();
    let ended = scenario.collector.reindex_events(&org_id, &silent(), &stopped).await;
    assert!(matches!(ended, Err(collect::Error::Cancelled)), "{ended:?}");
    let report = scenario.collector.reindex_events(&org_id, &silent(), &CancellationToken::new()).await.unwrap();
    let events = before.len() as u64;
    assert_eq!((report.parts, report.events, report.changed), (parts, events, events));
    assert_eq!(all(&scenario).await, before);
    assert_eq!(store.event_types_seen(&org_id).await.unwrap(), types);
    let again = scenario.collector.reindex_events(&org_id, &silent(), &CancellationToken::new()).await.unwrap();
    assert_eq!(again.parts, 0, "there is nothing left to do");
    scenario.events_equal_oracle().await;
    scenario.is_proven().await;
}
