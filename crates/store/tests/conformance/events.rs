//! Events: stored once and whole, whatever happens; counted, proven, found, and removed when they are old.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};
use store::events::{
    EventCursor, EventFilter, EventOrder, EventOutcome, EventPage, EventRow, EventWriter, Hour, PageWritten, Party,
    SealOutcome, WindowState,
};
use store::{Error, Store};

use crate::bed::{Bed, USERS, ask, begin, holder, lines, minute, row};

on_both_engines!(
    an_event_comes_out_as_it_went_in,
    events_are_written_and_read_in_tasks_of_their_own,
    what_came_before_is_dropped_and_counted_wherever_it_comes_again,
    an_event_counts_in_the_hour_of_its_own_time,
    an_event_without_a_time_counts_in_the_hour_that_was_asked_and_is_one_all_the_same,
    a_window_is_sealed_only_when_everything_is_equal,
    a_late_event_reopens_a_sealed_window,
    a_changed_count_reopens_a_sealed_window,
    a_gap_says_why_and_can_be_read_later,
    what_is_outstanding_is_found_without_what_is_settled,
    an_hour_that_was_given_up_is_tried_again_when_somebody_asks,
    a_writer_that_lost_its_lease_writes_nothing,
    a_page_that_fails_leaves_nothing_and_the_next_one_is_whole,
    two_organizations_do_not_see_each_others_events,
    a_search_finds_by_every_field_newest_first,
    pages_of_a_search_have_every_event_once,
    an_export_has_every_event_in_order_also_in_many_parts,
    thirty_thousand_events_of_one_millisecond_are_all_stored_and_found,
    an_event_is_found_by_its_id_and_by_its_identity,
    what_is_counted_over_a_time_is_what_a_search_finds,
    parts_are_read_one_after_the_other,
    sql_sees_events_and_joins_them_with_the_inventory,
    a_condition_on_time_means_the_same_however_it_is_asked,
    activity_tells_the_last_sign_in,
    the_last_sign_in_of_a_span_of_days_is_told,
    texts_that_no_database_likes_are_kept_to_the_last_byte,
    what_is_old_is_removed_and_its_proof_stays,
    an_hour_that_nobody_read_before_the_retention_passed_is_a_gap,
    removing_can_be_stopped_at_any_point_and_goes_on,
    a_month_that_is_old_for_everybody_is_emptied_at_one_stroke,
    names_go_with_the_last_event_that_has_them,
    an_index_that_is_made_anew_equals_one_that_was_made_so_from_the_start,
    a_damaged_part_is_told_and_not_taken_for_an_event,
    nothing_is_left_of_an_organization_that_is_removed,
    any_split_of_a_stream_into_pages_and_windows_stores_the_same,
);

/// An event of the tests, with all that a row borrows from.
#[derive(Debug, Clone)]
struct Event {
    number: u32,
    time_ms: Option<i64>,
    user: String,
    country: &'static str,
    is_failure: bool,
    raw: String,
}

/// An event at a minute of the tests' time.
fn event(number: u32, minutes: i64) -> Event {
    Event {
        number,
        time_ms: Some(minute(minutes).as_millisecond()),
        user: format!("user{}", number % 3),
        country: if number.is_multiple_of(2) { "DE" } else { "US" },
        is_failure: number.is_multiple_of(5),
        raw: format!(r#"{{"id":"{}","note":"Event {number}"}}"#, id_of(number)),
    }
}

fn id_of(number: u32) -> String {
    format!("{number:024x}")
}

fn uid_of(number: u32) -> [u8; 16] {
    let mut uid = [0; 16];
    uid.copy_from_slice(&Sha256::digest(number.to_be_bytes())[..16]);
    uid
}

impl Event {
    fn row(&self) -> EventRow<'_> {
        let id = &self.raw[7..31];
        EventRow {
            id: Some(id),
            time_ms: self.time_ms,
            service: Some("directory"),
            event_type: Some(if self.is_failure { "user_login_attempt" } else { "user_update" }),
            class_uid: if self.is_failure { 3002 } else { 3001 },
            activity_id: 1,
            activity_name: "Logon",
            severity_id: 1,
            is_mapped: !self.number.is_multiple_of(7),
            outcome: if self.is_failure { EventOutcome::Failure } else { EventOutcome::Success },
            mfa: Some(self.number.is_multiple_of(2)),
            user: Party { id: Some(&self.user), name: Some(&self.user) },
            device: Party { id: None, name: Some("laptop") },
            src_ip: Some(if self.country == "DE" { "192.0.2.1" } else { "198.51.100.7" }),
            country: Some(self.country),
            reason: self.is_failure.then_some("wrong password"),
            ..EventRow::bare(uid_of(self.number), &self.raw)
        }
    }
}

fn hour_of(minutes: i64) -> Hour {
    Hour::of(minute(minutes))
}

async fn writer(store: &Store, org_id: &str) -> EventWriter {
    let lease = store.take_lease(&format!("events {org_id}"), "the sync", &holder(), minute(0)).await.unwrap();
    store.event_writer(org_id, &lease, minute(0)).await.unwrap()
}

/// Writes events as one page of a window.
async fn put(writer: &mut EventWriter, window: Hour, events: &[Event]) -> PageWritten {
    put_at(writer, window, events, None, false).await.unwrap()
}

async fn put_at(
    writer: &mut EventWriter,
    window: Hour,
    events: &[Event],
    position: Option<&str>,
    is_last: bool,
) -> store::Result<PageWritten> {
    let rows: Vec<EventRow<'_>> = events.iter().map(Event::row).collect();
    writer.write_page(&EventPage { window, rows: &rows, position, is_last, mapping: 1 }, minute(1)).await
}

/// Stores some hours of events and seals them.
pub(crate) async fn seal_hours(store: &Store, org_id: &str, hours: i64) {
    let mut writer = writer(store, org_id).await;
    for hour in 0..hours {
        let events: Vec<Event> = (0..50).map(|n| event(1000 * hour as u32 + n, 60 * hour + i64::from(n))).collect();
        put(&mut writer, hour_of(60 * hour), &events).await;
        let sealed = writer.seal(hour_of(60 * hour), 50, None, minute(300)).await.unwrap();
        assert!(matches!(sealed, SealOutcome::Sealed(_)), "{sealed:?}");
    }
}

fn of(org_id: &str) -> EventFilter {
    EventFilter { org_ids: vec![org_id.to_owned()], ..EventFilter::default() }
}

/// Numbers of the events that a filter finds, newest first.
async fn found(store: &Store, filter: &EventFilter) -> Vec<u32> {
    let mut numbers = Vec::new();
    let each = |event: store::events::StoredEvent| {
        let raw = event.raw.unwrap();
        numbers.push(u32::from_str_radix(&raw[7..31], 16).unwrap());
        ControlFlow::Continue(())
    };
    store.export_events(filter, EventOrder::NewestFirst, true, each).await.unwrap();
    numbers
}

async fn an_event_comes_out_as_it_went_in(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let one = event(5, 3);
    let written = put(&mut writer, hour_of(3), std::slice::from_ref(&one)).await;
    assert_eq!(written, PageWritten { stored: 1, ..PageWritten::default() });
    let found = store.search_events(&of("o1"), None, 10, true).await.unwrap();
    let [stored] = found.events.as_slice() else { panic!("{found:?}") };
    assert_eq!(stored.raw.as_deref(), Some(one.raw.as_str()));
    assert_eq!((stored.org_id.as_str(), stored.uid, stored.time()), ("o1", uid_of(5), minute(3)));
    assert_eq!(
        (stored.service.as_deref(), stored.event_type.as_deref()),
        (Some("directory"), Some("user_login_attempt"))
    );
    assert_eq!((stored.class_uid, stored.activity_id, stored.activity_name.as_str()), (3002, 1, "Logon"));
    assert_eq!((stored.severity_id, stored.is_mapped, stored.mapping), (1, true, 1));
    assert_eq!((stored.outcome, stored.mfa), (EventOutcome::Failure, Some(false)));
    assert_eq!((stored.user.id.as_deref(), stored.user.name.as_deref()), (Some("user2"), Some("user2")));
    assert_eq!((stored.device.id.as_deref(), stored.device.name.as_deref()), (None, Some("laptop")));
    assert_eq!((stored.src_ip.as_deref(), stored.country.as_deref()), (Some("198.51.100.7"), Some("US")));
    assert_eq!(stored.reason.as_deref(), Some("wrong password"));
    assert_eq!(
        (&stored.administrator, &stored.target, &stored.target_kind),
        (&Default::default(), &Default::default(), &None)
    );
}

async fn events_are_written_and_read_in_tasks_of_their_own(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let events: Vec<Event> = (0..600).map(|n| event(n, i64::from(n) / 10)).collect();
    let written = tokio::spawn(async move {
        let stored = put(&mut writer, hour_of(0), &events).await.stored;
        let part = writer.store().next_event_part("o1", 0).await.unwrap().unwrap();
        let rows: Vec<EventRow<'_>> = part.texts.iter().map(|text| EventRow::bare([0; 16], text)).collect();
        writer.reindex_part(part.number, &rows, 2, minute(2)).await.unwrap();
        writer.renew_activity(minute(2)).await.unwrap();
        writer.outstanding(hour_of(0), hour_of(60), minute(0)..=minute(1), minute(2)).await.unwrap();
        writer.remove_before(minute(-600), minute(2), || true).await.unwrap();
        stored
    });
    assert_eq!(written.await.unwrap(), 600, "more than one statement holds");
    let read =
        tokio::spawn(async move { store.search_events(&of("o1"), None, 1_000, true).await.unwrap().events.len() });
    assert_eq!(read.await.unwrap(), 600);
}

async fn what_came_before_is_dropped_and_counted_wherever_it_comes_again(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let events: Vec<Event> = (0..10).map(|n| event(n, i64::from(n))).collect();
    let twice = [&events[..], &events[..4]].concat();
    let written = put(&mut writer, hour_of(0), &twice).await;
    assert_eq!((written.stored, written.duplicates), (10, 4), "within a page");
    let overlapping = [&events[5..], &[event(10, 10)]].concat();
    let written = put(&mut writer, hour_of(0), &overlapping).await;
    assert_eq!((written.stored, written.duplicates), (1, 5), "between pages");
    let written = put(&mut writer, hour_of(60), &events).await;
    assert_eq!((written.stored, written.duplicates), (0, 10), "between windows");
    drop(writer);
    let mut again = store
        .event_writer("o1", &store.take_lease("x", "x", &holder(), minute(0)).await.unwrap(), minute(0))
        .await
        .unwrap();
    let written = put(&mut again, hour_of(0), &events).await;
    assert_eq!((written.stored, written.duplicates), (0, 10), "by another writer");
    assert_eq!(found(&store, &of("o1")).await, (0..=10).rev().collect::<Vec<_>>());
    let window = store.event_window("o1", hour_of(0)).await.unwrap().unwrap();
    assert_eq!((window.stored, window.duplicates), (11, 4 + 5 + 10));
    assert_eq!(store.event_window("o1", hour_of(60)).await.unwrap().unwrap().duplicates, 10);
    assert_eq!(store.events_held("o1").await.unwrap().events, 11);
}

async fn an_event_counts_in_the_hour_of_its_own_time(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let written = put(&mut writer, hour_of(0), &[event(1, 5), event(2, 65), event(3, -1)]).await;
    assert_eq!((written.stored, written.elsewhere), (3, 2));
    for (minutes, first, asked) in [(5, 5, true), (65, 65, false), (-1, -1, false)] {
        let window = store.event_window("o1", hour_of(minutes)).await.unwrap().unwrap();
        assert_eq!((window.stored, window.state), (1, WindowState::Open));
        assert_eq!((window.first, window.last), (Some(minute(first)), Some(minute(first))));
        assert_eq!(window.asked_at.is_some(), asked);
    }
}

async fn an_event_without_a_time_counts_in_the_hour_that_was_asked_and_is_one_all_the_same(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let timeless = Event { time_ms: None, ..event(1, 0) };
    assert_eq!(put(&mut writer, hour_of(0), std::slice::from_ref(&timeless)).await.stored, 1);
    let again = put(&mut writer, hour_of(60), &[timeless]).await;
    assert_eq!((again.stored, again.duplicates), (0, 1));
    assert_eq!(store.event_window("o1", hour_of(0)).await.unwrap().unwrap().stored, 1);
    assert_eq!(found(&store, &of("o1")).await, [1]);
}

fn identities(numbers: impl Iterator<Item = u32>) -> String {
    let mut uids: Vec<[u8; 16]> = numbers.map(uid_of).collect();
    uids.sort_unstable();
    Sha256::digest(uids.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_window_is_sealed_only_when_everything_is_equal(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let hour = hour_of(0);
    put_at(&mut writer, hour, &[event(1, 1), event(2, 2)], Some("after 2"), false).await.unwrap();
    assert_eq!(store.event_window("o1", hour).await.unwrap().unwrap().position.as_deref(), Some("after 2"));
    put_at(&mut writer, hour, &[event(3, 3)], Some("after 3"), true).await.unwrap();
    let window = store.event_window("o1", hour).await.unwrap().unwrap();
    assert_eq!((window.state, window.position.as_deref()), (WindowState::Read, Some("after 3")));
    let SealOutcome::Differs(window) = writer.seal(hour, 4, None, minute(2)).await.unwrap() else { panic!("sealed") };
    assert_eq!((window.state, window.counted), (WindowState::Read, Some(4)));
    assert_eq!(window.reason.as_deref(), Some("3 events are stored, JumpCloud counts 4"));
    let SealOutcome::Sealed(window) = writer.seal(hour, 3, Some(minute(9)), minute(2)).await.unwrap() else { panic!() };
    assert_eq!((window.state, window.stored, window.counted), (WindowState::Sealed, 3, Some(3)));
    assert_eq!((window.first, window.last, window.reason), (Some(minute(1)), Some(minute(3)), None));
    assert_eq!(window.identities, Some(identities(1..=3)));
    assert_eq!((window.sealed_at, window.verified_at), (Some(minute(2)), Some(minute(2))));
    assert_eq!(store.event_windows_due("o1", minute(8)).await.unwrap(), []);
    assert_eq!(store.event_windows_due("o1", minute(9)).await.unwrap().len(), 1);
    let empty = writer.seal(hour_of(60), 0, None, minute(2)).await.unwrap();
    assert!(matches!(empty, SealOutcome::Sealed(window) if window.identities == Some(identities(0..0))));
    // Behind the store's back an event disappears: the ledger still notes it.
    bed.behind("DELETE FROM event WHERE outcome = 1").await;
    let held = store.recompute_window("o1", hour).await.unwrap();
    assert!(held.stored < 3);
    let SealOutcome::Differs(window) = writer.seal(hour, held.stored, None, minute(3)).await.unwrap() else { panic!() };
    assert!(window.reason.unwrap().contains("the store is damaged"));
}

async fn a_late_event_reopens_a_sealed_window(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    put(&mut writer, hour_of(0), &[event(1, 1)]).await;
    writer.seal(hour_of(0), 1, None, minute(2)).await.unwrap();
    let again = put_at(&mut writer, hour_of(0), &[event(1, 1)], None, true).await.unwrap();
    assert_eq!(
        (again.late, store.event_window("o1", hour_of(0)).await.unwrap().unwrap().state),
        (0, WindowState::Sealed)
    );
    let late = put(&mut writer, hour_of(60), &[event(2, 2), event(3, 61)]).await;
    assert_eq!((late.late, late.reopened), (1, vec![hour_of(0)]));
    let window = store.event_window("o1", hour_of(0)).await.unwrap().unwrap();
    assert_eq!((window.state, window.late, window.stored), (WindowState::Reopened, 1, 2));
    assert!(window.reason.unwrap().contains("came after it had been sealed"));
    assert!(matches!(writer.seal(hour_of(0), 2, None, minute(3)).await.unwrap(), SealOutcome::Sealed(_)));
}

async fn a_changed_count_reopens_a_sealed_window(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    put_at(&mut writer, hour_of(0), &[event(1, 1)], Some("x"), true).await.unwrap();
    writer.seal(hour_of(0), 1, Some(minute(5)), minute(2)).await.unwrap();
    let SealOutcome::Differs(window) = writer.seal(hour_of(0), 2, None, minute(5)).await.unwrap() else { panic!() };
    assert_eq!((window.state, window.position, window.counted), (WindowState::Reopened, None, Some(2)));
    assert_eq!(window.verified_at, Some(minute(2)), "it was equal then, not now");
}

async fn a_gap_says_why_and_can_be_read_later(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    writer.seal(hour_of(0), 0, None, minute(2)).await.unwrap();
    writer.mark_gaps(&[hour_of(0), hour_of(60)], "not licensed", minute(3)).await.unwrap();
    let gaps = store.event_windows_in("o1", &[WindowState::Gap]).await.unwrap();
    assert_eq!(
        gaps.iter().map(|gap| (gap.hour, gap.reason.as_deref())).collect::<Vec<_>>(),
        [(hour_of(60), Some("not licensed"))]
    );
    put(&mut writer, hour_of(60), &[event(1, 61)]).await;
    let window = store.event_window("o1", hour_of(60)).await.unwrap().unwrap();
    assert_eq!((window.state, window.reason), (WindowState::Open, None));
    let window = writer.reopen(hour_of(60), "asked by a person", minute(4)).await.unwrap();
    assert_eq!((window.state, window.reason.as_deref()), (WindowState::Reopened, Some("asked by a person")));
}

/// Numbers of hours since the tests' first, of what is outstanding at a minute: lines, and hours without one.
async fn outstanding(writer: &mut EventWriter, from: i64, to: i64, at: i64) -> (Vec<i64>, Vec<i64>) {
    let due = minute(at - 14_400)..=minute(at);
    let found = writer.outstanding(hour_of(from * 60), hour_of(to * 60), due, minute(1)).await.unwrap();
    let number = |hour: Hour| hour.number() - hour_of(0).number();
    let mut lines: Vec<i64> = found.windows.iter().map(|window| number(window.hour)).collect();
    lines.sort_unstable();
    (lines, found.missing.into_iter().map(number).collect())
}

async fn what_is_outstanding_is_found_without_what_is_settled(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let hour = |number: i64| hour_of(number * 60);
    assert_eq!(outstanding(&mut writer, 0, 3, 0).await, (vec![], vec![0, 1, 2, 3]), "nothing is written yet");
    for number in 0..200 {
        let next = (number % 50 == 7).then(|| minute(number * 10));
        writer.seal(hour(number), 0, next, minute(1)).await.unwrap();
    }
    assert_eq!(outstanding(&mut writer, 0, 199, -1).await, (vec![], vec![]));
    assert_eq!(outstanding(&mut writer, 0, 199, 600).await, (vec![7, 57], vec![]), "those to be counted again by then");
    assert_eq!(outstanding(&mut writer, 0, 199, 14_400 + 71).await, (vec![57, 107, 157], vec![]), "too late for one");
    writer.mark_gaps(&[hour(203)], "not permitted", minute(1)).await.unwrap();
    writer.mark_lost(&[hour(204)], "gone", minute(1)).await.unwrap();
    put(&mut writer, hour(9), &[event(1, 9 * 60)]).await;
    assert_eq!(outstanding(&mut writer, 0, 206, -1).await, (vec![9, 203], vec![200, 201, 202, 205, 206]));
    assert_eq!(outstanding(&mut writer, -2, 200, -1).await, (vec![9], vec![-2, -1, 200]), "the ledger begins earlier");
    assert_eq!(outstanding(&mut writer, 0, 100, -1).await, (vec![9], vec![]), "a clock was set back");
    assert_eq!(outstanding(&mut writer, 0, 206, -1).await, (vec![9, 203], vec![200, 201, 202, 205, 206]));
    for number in [200, 201] {
        writer.seal(hour(number), 0, None, minute(1)).await.unwrap();
    }
    assert_eq!(outstanding(&mut writer, 0, 202, -1).await, (vec![9], vec![202]));
    let org = bed.behind("SELECT CAST(unbroken_to - unbroken_from AS TEXT) FROM event_org").await;
    assert_eq!(org, [["202"]], "nobody looks there again");
    if !bed.is_postgres() {
        let plan = bed
            .behind(
                "EXPLAIN QUERY PLAN SELECT w.position FROM event_window w WHERE w.org = 1 AND w.hour IN (
                   SELECT u.hour FROM event_window u WHERE u.org = 1 AND u.state <> 'sealed' AND u.removed_at IS NULL
                   AND NOT u.lost AND u.hour >= 1 AND u.hour <= 2)",
            )
            .await
            .concat()
            .join(" ");
        assert!(plan.contains("event_window_outstanding"), "{plan}");
    }
}

async fn an_hour_that_was_given_up_is_tried_again_when_somebody_asks(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    writer.mark_lost(&[hour_of(0), hour_of(60), hour_of(120)], "gone", minute(1)).await.unwrap();
    assert_eq!(outstanding(&mut writer, 0, 2, 0).await, (vec![], vec![]));
    assert_eq!(writer.retry_lost(hour_of(60), minute(1)).await.unwrap(), 2);
    assert_eq!(outstanding(&mut writer, 0, 2, 0).await, (vec![1, 2], vec![]));
    assert!(!store.event_window("o1", hour_of(60)).await.unwrap().unwrap().is_lost);
    put(&mut writer, hour_of(0), &[event(1, 3)]).await;
    let found = store.event_window("o1", hour_of(0)).await.unwrap().unwrap();
    assert_eq!((found.state, found.is_lost, found.reason), (WindowState::Open, false, None), "it came after all");
}

async fn a_writer_that_lost_its_lease_writes_nothing(bed: &Bed) {
    let store = bed.open().await;
    let lease = store.take_lease("events o1", "x", &holder(), minute(0)).await.unwrap();
    let mut slow = store.event_writer("o1", &lease, minute(0)).await.unwrap();
    store.take_lease("events o1", "x", &holder(), minute(5)).await.unwrap();
    assert!(matches!(put_at(&mut slow, hour_of(0), &[event(1, 1)], None, false).await, Err(Error::LeaseLost)));
    assert!(matches!(slow.seal(hour_of(0), 0, None, minute(5)).await, Err(Error::LeaseLost)));
    assert!(matches!(slow.mark_gaps(&[hour_of(0)], "x", minute(5)).await, Err(Error::LeaseLost)));
    assert!(matches!(slow.remove_before(minute(0), minute(5), || true).await, Err(Error::LeaseLost)));
    for table in ["event", "event_part", "event_raw", "event_term", "event_window", "event_count", "event_activity"] {
        assert_eq!(bed.count(table).await, 0, "{table}");
    }
}

async fn a_page_that_fails_leaves_nothing_and_the_next_one_is_whole(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    put(&mut writer, hour_of(0), &[event(1, 1)]).await;
    // The last statement of a page fails: everything before it has to go as well.
    bed.behind("ALTER TABLE event_raw RENAME TO elsewhere").await;
    put_at(&mut writer, hour_of(0), &[event(2, 2), event(5, 5)], Some("x"), true).await.unwrap_err();
    bed.behind("ALTER TABLE elsewhere RENAME TO event_raw").await;
    assert_eq!(found(&store, &of("o1")).await, [1]);
    let window = store.event_window("o1", hour_of(0)).await.unwrap().unwrap();
    assert_eq!((window.stored, window.position, window.state), (1, None, WindowState::Open));
    let written = put(&mut writer, hour_of(0), &[event(2, 2), event(5, 5)]).await;
    assert_eq!(written.stored, 2);
    assert_eq!(found(&store, &of("o1")).await, [5, 2, 1]);
    let users = store.search_events(&of("o1"), None, 9, false).await.unwrap().events;
    assert_eq!(
        users.iter().map(|event| event.user.name.clone().unwrap()).collect::<Vec<_>>(),
        ["user2", "user2", "user1"]
    );
}

async fn two_organizations_do_not_see_each_others_events(bed: &Bed) {
    let store = bed.open().await;
    put(&mut writer(&store, "o1").await, hour_of(0), &[event(1, 1), event(2, 4)]).await;
    // The same identity: it is one within its organization.
    put(&mut writer(&store, "o2").await, hour_of(0), &[event(1, 1), event(3, 3)]).await;
    assert_eq!(found(&store, &of("o1")).await, [2, 1]);
    assert_eq!(found(&store, &of("o2")).await, [3, 1]);
    let all = store.search_events(&EventFilter::default(), None, 3, true).await.unwrap();
    let seen: Vec<_> = all.events.iter().map(|event| (event.org_id.as_str(), event.time())).collect();
    assert_eq!(seen[..2], [("o1", minute(4)), ("o2", minute(3))]);
    assert_eq!(store.events_by_id(&id_of(1), &["o2".to_owned()]).await.unwrap().len(), 1);
    assert_eq!(store.events_by_id(&id_of(1), &[]).await.unwrap().len(), 2);
}

async fn a_search_finds_by_every_field_newest_first(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let events: Vec<Event> = (0..60).map(|n| event(n, i64::from(n) * 31)).collect();
    for day in events.chunks(20) {
        put(&mut writer, hour_of(0), day).await;
    }
    let expect =
        |holds: fn(&Event) -> bool| events.iter().rev().filter(|e| holds(e)).map(|e| e.number).collect::<Vec<_>>();
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (of("o1"), expect(|_| true)),
        (EventFilter { user: text("USER1"), ..of("o1") }, expect(|e| e.user == "user1")),
        (EventFilter { user: text("nobody"), ..of("o1") }, vec![]),
        (EventFilter { device: text("laptop"), user: text("user2"), ..of("o1") }, expect(|e| e.user == "user2")),
        (EventFilter { ip: text("192.0.2.1"), ..of("o1") }, expect(|e| e.country == "DE")),
        (EventFilter { country: text("US"), ..of("o1") }, expect(|e| e.country == "US")),
        (EventFilter { application: text("mail"), ..of("o1") }, vec![]),
        (EventFilter { outcomes: vec![EventOutcome::Failure], ..of("o1") }, expect(|e| e.is_failure)),
        (EventFilter { classes: vec![3002], ..of("o1") }, expect(|e| e.is_failure)),
        (EventFilter { types: vec!["user_update".to_owned()], ..of("o1") }, expect(|e| !e.is_failure)),
        (EventFilter { services: vec!["ldap".to_owned()], ..of("o1") }, vec![]),
        (EventFilter { text: text("event 1"), ..of("o1") }, expect(|e| e.number == 1 || (10..20).contains(&e.number))),
        (EventFilter { from: Some(minute(62)), to: Some(minute(124)), ..of("o1") }, vec![3, 2]),
        (
            EventFilter { country: text("DE"), classes: vec![3002], user: text("user0"), ..of("o1") },
            expect(|e| e.country == "DE" && e.is_failure && e.user == "user0"),
        ),
    ] {
        assert_eq!(found(&store, &filter).await, expected, "{filter:?}");
        let page = store.search_events(&filter, None, 5, true).await.unwrap();
        assert_eq!(page.events.len(), expected.len().min(5), "{filter:?}");
    }
}

async fn pages_of_a_search_have_every_event_once(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    // Some at the same moment, so that a page ends between them.
    let events: Vec<Event> = (0..50).map(|n| event(n, i64::from(n / 8) * 40)).collect();
    put(&mut writer, hour_of(0), &events).await;
    for filter in [of("o1"), EventFilter { country: Some("DE".to_owned()), text: Some("note".to_owned()), ..of("o1") }]
    {
        let expected = found(&store, &filter).await;
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store.search_events(&filter, after, 3, true).await.unwrap();
            seen.extend(page.events.iter().map(|e| u32::from_str_radix(&e.raw.as_ref().unwrap()[7..31], 16).unwrap()));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse::<EventCursor>().unwrap());
        }
        assert_eq!(seen, expected);
        let unique: std::collections::BTreeSet<u32> = seen.iter().copied().collect();
        assert_eq!(unique.len(), if filter.country.is_some() { 25 } else { 50 });
    }
}

async fn an_export_has_every_event_in_order_also_in_many_parts(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    // Each more than a third of a part; the texts do not compress to nothing.
    let big = |n: u32| Event {
        raw: format!("{}{}\"}}", &event(n, 0).raw[..33], format!("{n:08}").repeat(50_000)),
        ..event(n, i64::from(n))
    };
    let events: Vec<Event> = (0..9).map(big).collect();
    put(&mut writer, hour_of(0), &events).await;
    assert!(bed.count("event_part").await > 3);
    let mut numbers = Vec::new();
    let exported = store
        .export_events(&of("o1"), EventOrder::OldestFirst, true, |event| {
            let expected = &events[numbers.len()];
            assert!(event.raw.as_ref() == Some(&expected.raw), "event {} differs", expected.number);
            numbers.push(expected.number);
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!((exported, numbers), (9, (0..9).collect()));
    let stopped = store.export_events(&of("o1"), EventOrder::OldestFirst, false, |_| ControlFlow::Break(())).await;
    assert_eq!(stopped.unwrap(), 1);
}

async fn thirty_thousand_events_of_one_millisecond_are_all_stored_and_found(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let events: Vec<Event> = (0..30_000).map(|n| event(n, 7)).collect();
    for page in events.chunks(10_000) {
        assert_eq!(put(&mut writer, hour_of(0), page).await.stored, 10_000);
    }
    assert!(matches!(writer.seal(hour_of(0), 30_000, None, minute(70)).await.unwrap(), SealOutcome::Sealed(_)));
    let count = store.export_events(&of("o1"), EventOrder::NewestFirst, false, |_| ControlFlow::Continue(())).await;
    assert_eq!(count.unwrap(), 30_000);
}

async fn an_event_is_found_by_its_id_and_by_its_identity(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    for page in 0..5 {
        let events: Vec<Event> = (0..40).map(|n| event(page * 40 + n, i64::from(page * 40 + n))).collect();
        put(&mut writer, hour_of(0), &events).await;
    }
    let [found] = &store.events_by_id(&id_of(77), &[]).await.unwrap()[..] else { panic!("not one") };
    assert_eq!((found.uid, found.raw.as_deref()), (uid_of(77), Some(event(77, 77).raw.as_str())));
    let [same] = &store.events_by_id(&found.uid_text(), &[]).await.unwrap()[..] else { panic!("not one") };
    assert_eq!(same, found);
    assert!(store.events_by_id(&id_of(7_777), &[]).await.unwrap().is_empty());
    assert!(store.events_by_id("'; --", &[]).await.unwrap().is_empty());
    // With its time it is found at once, and without it not at all.
    let uid = found.uid_text().parse().unwrap();
    assert_eq!(store.event_at("o1", uid, minute(77)).await.unwrap().as_ref(), Some(found));
    assert_eq!(store.event_at("o1", uid, minute(78)).await.unwrap(), None);
    assert_eq!(store.event_at("o2", uid, minute(77)).await.unwrap(), None);
}

async fn what_is_counted_over_a_time_is_what_a_search_finds(bed: &Bed) {
    let store = bed.open().await;
    for (org_id, first) in [("o1", 0), ("o2", 500)] {
        let events: Vec<Event> = (0..120).map(|n| event(first + n, i64::from(n) * 37)).collect();
        let mut writer = writer(&store, org_id).await;
        for page in events.chunks(50) {
            put(&mut writer, hour_of(0), page).await;
        }
    }
    let any = EventFilter::default;
    let filters = [
        any(),
        of("o2"),
        EventFilter { types: vec!["user_update".to_owned()], ..any() },
        EventFilter { classes: vec![3002], outcomes: vec![EventOutcome::Failure], ..of("o1") },
        EventFilter { services: vec!["radius".to_owned()], ..any() },
        of("o3"),
    ];
    for filter in filters {
        for (by_day, from, before) in [(false, 600, 2_400), (false, 0, 4_500), (true, -360, 4_000)] {
            let (from, before) = (hour_of(from), hour_of(before));
            let whole_days = |hour: Hour| Hour::from_number(hour.number() / 24 * 24);
            let (from, before) = if by_day { (whole_days(from), whole_days(before)) } else { (from, before) };
            let mut expected = store::events::EventTally::default();
            let mut types = std::collections::BTreeMap::<String, u64>::new();
            let moment = |hour: Hour| Some(hour.to_string().parse().unwrap());
            let within = EventFilter { from: moment(from), to: moment(before), ..filter.clone() };
            for event in store.search_events(&within, None, 1_000, false).await.unwrap().events {
                let hour = Hour::of(event.time());
                let counted = expected.times.entry(if by_day { whole_days(hour) } else { hour }).or_default();
                counted.0 += 1;
                counted.1 += u64::from(event.outcome == EventOutcome::Failure);
                *types.entry(event.event_type.unwrap_or_default()).or_default() += 1;
            }
            expected.types = types.into_iter().collect();
            expected.types.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
            assert_eq!(store.event_tally(&filter, from, before, by_day).await.unwrap(), expected, "{filter:?}");
        }
    }
}

async fn parts_are_read_one_after_the_other(bed: &Bed) {
    let store = bed.open().await;
    assert!(store.next_event_part("o1", 0).await.unwrap().is_none());
    let mut writer = writer(&store, "o1").await;
    put(&mut writer, hour_of(60), &[event(2, 61), event(1, 62)]).await;
    put(&mut writer, hour_of(0), &[event(2, 61)]).await;
    put(&mut writer, hour_of(0), &[event(3, 1)]).await;
    let first = store.next_event_part("o1", 0).await.unwrap().unwrap();
    assert_eq!((first.number, first.asked, first.texts), (1, hour_of(60), vec![event(2, 0).raw, event(1, 0).raw]));
    let second = store.next_event_part("o1", 1).await.unwrap().unwrap();
    assert_eq!((second.number, second.texts), (2, vec![event(3, 0).raw]), "a page of duplicates makes no part");
    assert!(store.next_event_part("o1", 2).await.unwrap().is_none());
}

async fn sql_sees_events_and_joins_them_with_the_inventory(bed: &Bed) {
    let store = bed.open().await;
    let mut pass = begin(&store, "o1", minute(0)).await;
    let known = row(&USERS, "user2", &serde_json::json!({"_id": "user2", "username": "mara"}));
    pass.put(&USERS, vec![known]).await.unwrap();
    pass.commit().await;
    let mut writer = writer(&store, "o1").await;
    put_at(&mut writer, hour_of(0), &(0..20).map(|n| event(n, i64::from(n))).collect::<Vec<_>>(), None, true)
        .await
        .unwrap();
    put(&mut writer, hour_of(1440), &[event(20, 1440)]).await;
    writer.seal(hour_of(0), 20, None, minute(2)).await.unwrap();
    for (sql, expected) in [
        (
            "SELECT COUNT(*), MIN(time), MAX(time) FROM events",
            vec!["21 2026-11-20T06:00:00.000Z 2026-11-21T06:00:00.000Z"],
        ),
        ("SELECT COUNT(*) FROM events WHERE day = '2026-11-20'", vec!["20"]),
        (
            "SELECT COUNT(*) FROM logins WHERE outcome = 'failure' AND day = '2026-11-20' AND user_name = 'user2'",
            vec!["1"],
        ),
        (
            "SELECT u.username, e.reason, e.country, e.mfa FROM events e JOIN users u ON u.org_id = e.org_id AND u.id = e.user_id WHERE e.class_uid = 3002 ORDER BY e.time",
            vec!["mara wrong password US false", "mara wrong password DE true"],
        ),
        (
            "SELECT state, stored, counted, hour, day FROM windows WHERE state = 'sealed'",
            vec!["sealed 20 20 2026-11-20T06:00:00.000Z 2026-11-20"],
        ),
        ("SELECT SUM(events) FROM event_counts WHERE outcome = 'failure'", vec!["5"]),
        (
            "SELECT event_type, SUM(events) FROM event_types GROUP BY event_type ORDER BY 1",
            vec!["user_login_attempt 5", "user_update 16"],
        ),
        ("SELECT SUM(events) FROM events_unmapped WHERE NOT mapped", vec!["3"]),
        ("SELECT uid FROM events ORDER BY time DESC LIMIT 1", vec![&*uid_text(20).leak()]),
    ] {
        assert_eq!(lines(&ask(&store, sql).await.unwrap()), expected, "{sql}");
    }
}

async fn a_condition_on_time_means_the_same_however_it_is_asked(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    // 2026-11-20T06:00Z and half an hour more each.
    let events: Vec<Event> = (0..100).map(|n| event(n, i64::from(n) * 30)).collect();
    put(&mut writer, hour_of(0), &events).await;
    for (condition, expected) in [
        ("time >= '2026-11-20T07:30:00.000Z'", 97),
        ("time > '2026-11-20T07:30:00.000Z'", 96),
        ("'2026-11-20T07:30:00.000Z' > e.time", 3),
        ("time <= '2026-11-20T07:30'", 3),
        ("time < '2026-11-21'", 36),
        ("time >= '2026-11-21' AND time < '2026-11-21T01'", 2),
        ("e.time BETWEEN '2026-11-20T07:30:00.000Z' AND '2026-11-20T08:00:00.000Z'", 2),
        ("time = '2026-11-20T08:00:00.000Z' OR e.hour = '2026-11-20T06:00:00.000Z'", 3),
        ("NOT time < '2026-11-21'", 64),
        ("time > '2026-11-20 08:00:00'", 100),
        ("time >= ''", 100),
        ("time < 'later'", 100),
        ("time > NULL", 0),
        ("time >= replace('2026/11/21', '/', '-')", 64),
    ] {
        let answer = ask(&store, &format!("SELECT COUNT(*) FROM events e WHERE {condition}")).await.unwrap();
        assert_eq!(lines(&answer), [expected.to_string()], "{condition}");
    }
    let joined = "SELECT COUNT(*), COUNT(e.uid) FROM (SELECT 1 AS one UNION ALL SELECT 2) d
                  LEFT JOIN events e ON d.one = 1 AND e.time < '2026-11-20T07:00' LEFT JOIN logins l ON l.time < '2026'";
    assert_eq!(lines(&ask(&store, joined).await.unwrap()), ["3 2"]);
}

fn uid_text(number: u32) -> String {
    uuid::Uuid::from_bytes(uid_of(number)).to_string()
}

async fn activity_tells_the_last_sign_in(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let sign_in = |n: u32, minutes, is_failure| Event { is_failure, user: "mara".to_owned(), ..event(n, minutes) };
    // Only failures are sign-ins in these tests, so their outcome is changed in the row.
    let events = [sign_in(1, 10, true), sign_in(2, 30, true), sign_in(3, 20, true), sign_in(4, 40, false)];
    let mut rows: Vec<EventRow<'_>> = events.iter().map(Event::row).collect();
    rows[1].outcome = EventOutcome::Success;
    rows[2].outcome = EventOutcome::Success;
    for row in rows {
        let page = EventPage { window: hour_of(0), rows: &[row], position: None, is_last: false, mapping: 1 };
        writer.write_page(&page, minute(1)).await.unwrap();
    }
    let sql =
        "SELECT role, id, events, failures, sign_ins, failed_sign_ins, first_at, last_at, last_sign_in_at FROM activity
               WHERE day = '2026-11-20' AND name = 'mara'";
    assert_eq!(
        lines(&ask(&store, sql).await.unwrap()),
        ["user mara 4 1 2 1 2026-11-20T06:10:00.000Z 2026-11-20T06:40:00.000Z 2026-11-20T06:30:00.000Z"]
    );
    let sql = "SELECT name, country, events FROM activity WHERE role = 'address' ORDER BY name";
    assert_eq!(lines(&ask(&store, sql).await.unwrap()), ["192.0.2.1 DE 2", "198.51.100.7 US 2"]);
}

async fn the_last_sign_in_of_a_span_of_days_is_told(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let days = |days: i64| days * 24 * 60;
    let events = [event(5, 10), event(10, 20), event(15, days(2)), event(20, days(2) + 30)];
    for event in events {
        let mut row = event.row();
        row.user = Party { id: Some("u1"), name: Some("mara") };
        // Only failures are sign-ins in these tests. The last one of the second day fails.
        row.outcome = if event.number == 20 { EventOutcome::Failure } else { EventOutcome::Success };
        if event.number == 5 {
            row.administrator = Party { id: Some("a1"), name: Some("root") };
        }
        let page = EventPage { window: hour_of(0), rows: &[row], position: None, is_last: false, mapping: 1 };
        writer.write_page(&page, minute(1)).await.unwrap();
    }
    for (role, since, until, expected) in [
        ("user", "2026-11-20", "2026-11-20", &["o1 u1 mara 2026-11-20T06:20:00.000Z"][..]),
        ("user", "2026-11-01", "2026-11-21", &["o1 u1 mara 2026-11-20T06:20:00.000Z"]),
        ("user", "2026-11-20", "2026-11-22", &["o1 u1 mara 2026-11-22T06:00:00.000Z"]),
        ("user", "2026-11-21", "2026-11-21", &[]),
        ("user", "2026-11-22", "2026-11-20", &[]),
        ("administrator", "2026-11-20", "2026-11-22", &["o1 a1 root 2026-11-20T06:10:00.000Z"]),
        ("administrator", "2026-11-21", "2026-11-22", &[]),
    ] {
        let sql = format!(
            "SELECT org_id, id, name, last_sign_in_at FROM last_sign_ins
             WHERE role = '{role}' AND since = '{since}' AND until = '{until}'"
        );
        assert_eq!(lines(&ask(&store, &sql).await.unwrap()), expected, "{role} {since} {until}");
    }
}

async fn texts_that_no_database_likes_are_kept_to_the_last_byte(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let raw = format!("{{\"id\":\"{}\",\"x\":\"\\u0000'; DROP TABLE event; -- \u{202e}\n\r\"}} ", id_of(1));
    let long = "ü".repeat(1_000);
    let nul = "a\0b";
    let one = event(1, 1);
    let row = EventRow {
        service: Some(nul),
        event_type: Some(&long),
        user: Party { id: Some(nul), name: Some(&long) },
        target_kind: Some("'"),
        target: Party { id: Some(""), name: Some("\u{7f}") },
        reason: Some("\0"),
        raw: &raw,
        ..one.row()
    };
    let page = EventPage { window: hour_of(0), rows: &[row], position: Some("[1,\"x\"]"), is_last: false, mapping: 1 };
    for stored in [1, 0] {
        assert_eq!(writer.write_page(&page, minute(1)).await.unwrap().stored, stored);
    }
    let found = store.search_events(&of("o1"), None, 9, true).await.unwrap().events;
    assert_eq!(found[0].raw.as_deref(), Some(raw.as_str()));
    assert_eq!(found[0].service.as_deref(), Some("a\\u0000b"));
    assert_eq!(found[0].user.name.as_deref(), Some(&*"ü".repeat(256)), "the index holds the beginning");
    assert_eq!(found[0].target.name.as_deref(), Some("\u{7f}"));
    let by_user = EventFilter { user: Some(long.clone()), ..of("o1") };
    assert_eq!(store.search_events(&by_user, None, 9, false).await.unwrap().events.len(), 1);
}

async fn what_is_old_is_removed_and_its_proof_stays(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let days: Vec<Event> = (0..72).map(|n| event(n, i64::from(n) * 60)).collect();
    for events in days.chunks(3) {
        let window = Hour::of_ms(events[0].time_ms.unwrap());
        put_at(&mut writer, window, events, None, true).await.unwrap();
    }
    for n in 0..30 {
        writer.seal(hour_of(n * 60), 1, Some(minute(0)), minute(2)).await.unwrap();
    }
    let removed = writer.remove_before(minute(40 * 60 + 59), minute(5_000), || true).await.unwrap();
    assert_eq!((removed.events, removed.windows), (40, 40));
    assert_eq!(removed.parts, 13, "the part of hours 39 to 41 is still needed");
    assert_eq!(found(&store, &of("o1")).await, (40..72).rev().collect::<Vec<_>>());
    let sealed = store.event_window("o1", hour_of(0)).await.unwrap().unwrap();
    assert_eq!((sealed.state, sealed.stored, sealed.identities), (WindowState::Sealed, 1, Some(identities(0..1))));
    assert_eq!(sealed.removed_at, Some(minute(5_000)));
    let unsealed = store.event_window("o1", hour_of(35 * 60)).await.unwrap().unwrap();
    assert_eq!(unsealed.state, WindowState::Gap);
    assert!(unsealed.reason.unwrap().contains("retention"));
    assert!(store.event_windows_due("o1", minute(9_000)).await.unwrap().is_empty());
    assert_eq!(store.events_held("o1").await.unwrap().events, 32);
    let counts = store.event_counts("o1", hour_of(0), hour_of(72 * 60), true).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.events).sum::<u64>(), 72, "counts stay");
    // What is read again from before is not stored again, by this writer and the next.
    assert_eq!(put(&mut writer, hour_of(0), &days[..2]).await, PageWritten { expired: 2, ..PageWritten::default() });
    assert_eq!(writer.remove_before(minute(40 * 60), minute(5_001), || true).await.unwrap(), Default::default());
    let lease = store.take_lease("x", "x", &holder(), minute(0)).await.unwrap();
    let mut next = store.event_writer("o1", &lease, minute(0)).await.unwrap();
    assert_eq!(put(&mut next, hour_of(0), &days[..2]).await.expired, 2);
    assert_eq!(put(&mut next, hour_of(60 * 72), &[event(99, 60 * 72)]).await.stored, 1);
    let numbers: Vec<i64> = bed
        .behind("SELECT CAST(number AS TEXT) FROM event_part")
        .await
        .iter()
        .map(|row| row[0].parse().unwrap())
        .collect();
    assert_eq!(numbers.iter().max(), Some(&25), "numbers of parts are never given again");
}

async fn an_hour_that_nobody_read_before_the_retention_passed_is_a_gap(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    for n in [0, 3, 30] {
        put(&mut writer, hour_of(n * 60), &[event(n as u32, n * 60)]).await;
    }
    writer.remove_before(minute(10 * 60), minute(40 * 60), || true).await.unwrap();
    let lines = store.event_windows("o1", hour_of(0), hour_of(10 * 60)).await.unwrap();
    assert_eq!(lines.len(), 10, "every hour is told of");
    assert!(lines.iter().all(|line| line.state == WindowState::Gap && line.removed_at.is_some()));
    assert!(lines[1].reason.as_ref().unwrap().contains("not read before the retention"), "{:?}", lines[1]);
    let (missing, windows) = outstanding(&mut writer, 0, 35, 40 * 60).await;
    assert!(missing.iter().chain(&windows).all(|hour| *hour >= 10), "{missing:?} {windows:?}");
    assert_eq!(store.events_kept_from("o1").await.unwrap(), Some(minute(10 * 60)));
    assert_eq!(store.events_kept_from("o2").await.unwrap(), None);
}

async fn removing_can_be_stopped_at_any_point_and_goes_on(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    for day in 0..80 {
        let minutes = day * 24 * 60;
        put(&mut writer, hour_of(minutes), &[event(day as u32, minutes)]).await;
    }
    let before = minute(70 * 24 * 60);
    let mut steps = 0;
    let mut events = 0;
    loop {
        // The next process knows no more than the database.
        let lease = store.take_lease(&format!("x{steps}"), "x", &holder(), minute(0)).await.unwrap();
        let mut next = store.event_writer("o1", &lease, minute(0)).await.unwrap();
        let mut left = 1;
        let removed = next
            .remove_before(before, minute(1), || {
                left -= 1;
                left >= 0
            })
            .await
            .unwrap();
        events += removed.events;
        // What is still there is not shown as if it were to stay, and is not stored again.
        assert_eq!(put(&mut next, hour_of(0), &[event(0, 0)]).await.expired, 1);
        if !removed.has_more {
            break;
        }
        steps += 1;
        assert!(steps < 100);
    }
    assert!(steps > 1, "{steps}");
    assert_eq!((events, bed.count("event").await, bed.count("event_raw").await), (70, 10, 10));
    let again = writer.remove_before(before, minute(2), || true).await.unwrap();
    assert_eq!((again.events, again.has_more), (0, false));
}

async fn a_month_that_is_old_for_everybody_is_emptied_at_one_stroke(bed: &Bed) {
    let store = bed.open().await;
    let mut one = writer(&store, "o1").await;
    let mut two = writer(&store, "o2").await;
    // Two months and a half, from 20 November on.
    for day in 0..75 {
        let minutes = day * 24 * 60;
        for writer in [&mut one, &mut two] {
            put(writer, hour_of(minutes), &[event(day as u32, minutes)]).await;
        }
        one.seal(hour_of(minutes), 1, None, minute(minutes + 90)).await.unwrap();
    }
    let before = minute(60 * 24 * 60);
    let removed = one.remove_before(before, minute(1), || true).await.unwrap();
    assert_eq!((removed.events, removed.windows, removed.months), (60, 60, 0), "others have events in them");
    assert_eq!(found(&store, &of("o2")).await.len(), 75, "what is another organization's stays");
    let removed = two.remove_before(before, minute(1), || true).await.unwrap();
    let months = if bed.is_postgres() { 2 } else { 0 };
    assert_eq!((removed.events, removed.windows, removed.months), (60, 60, months));
    for org_id in ["o1", "o2"] {
        assert_eq!(found(&store, &of(org_id)).await, (60..75).rev().collect::<Vec<_>>());
    }
    let sealed = store.event_window("o1", hour_of(0)).await.unwrap().unwrap();
    assert_eq!((sealed.state, sealed.identities), (WindowState::Sealed, Some(identities(0..1))));
    // The month's table is still there for what may yet come.
    let mut third = writer(&store, "o3").await;
    assert_eq!(put(&mut third, hour_of(0), &[event(0, 0)]).await.stored, 1);
    assert_eq!(found(&store, &of("o3")).await, [0]);
    if bed.is_postgres() {
        assert_eq!(bed.count("event_month_2026_11").await, 1);
    }
}

async fn names_go_with_the_last_event_that_has_them(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    let mut events: Vec<Event> = (0..40).map(|n| event(n, i64::from(n) * 24 * 60)).collect();
    for (at, event) in events.iter_mut().enumerate() {
        event.user = format!("person{}", at / 10);
    }
    put(&mut writer, hour_of(0), &events).await;
    let names = async || {
        let rows = bed.behind("SELECT DISTINCT name FROM event_term WHERE name LIKE 'person%' ORDER BY name").await;
        rows.concat()
    };
    assert_eq!(names().await, ["person0", "person1", "person2", "person3"]);
    let removed = writer.remove_before(minute(2 * 24 * 60), minute(1), || true).await.unwrap();
    assert_eq!((removed.events, removed.terms), (2, 0), "too little to read the rest for");
    let removed = writer.remove_before(minute(21 * 24 * 60), minute(1), || true).await.unwrap();
    assert_eq!((removed.events, removed.terms), (19, 2));
    assert_eq!(names().await, ["person2", "person3"]);
    assert_eq!(found(&store, &EventFilter { user: Some("person3".to_owned()), ..of("o1") }).await.len(), 10);
    let again = Event { user: "person0".to_owned(), ..event(90, 39 * 24 * 60) };
    put(&mut writer, hour_of(39 * 24 * 60), &[again]).await;
    assert_eq!(found(&store, &EventFilter { user: Some("person0".to_owned()), ..of("o1") }).await, [90]);
    let removed = writer.remove_before(minute(400 * 24 * 60), minute(1), || true).await.unwrap();
    assert_eq!((removed.events, bed.count("event_term").await), (20, 0), "{removed:?}");
}

async fn an_index_that_is_made_anew_equals_one_that_was_made_so_from_the_start(bed: &Bed) {
    let store = bed.open().await;
    let events: Vec<Event> = (0..60).map(|n| event(n, i64::from(n) * 50)).collect();
    let poor =
        |event: &'_ Event| EventRow::<'static> { time_ms: event.time_ms, ..EventRow::bare(uid_of(event.number), "") };
    let mut old = writer(&store, "o1").await;
    for page in events.chunks(7) {
        // The first mapping knew no user, and took failures of one country for sign-ins.
        let rows: Vec<EventRow<'_>> = (page.iter())
            .map(|event| EventRow {
                id: event.row().id,
                service: Some("directory"),
                class_uid: if event.country == "DE" { 3002 } else { 0 },
                outcome: if event.country == "DE" { EventOutcome::Success } else { EventOutcome::Unknown },
                device: Party { id: None, name: Some("laptop") },
                raw: &event.raw,
                ..poor(event)
            })
            .collect();
        let page = EventPage { window: hour_of(0), rows: &rows, position: None, is_last: false, mapping: 1 };
        old.write_page(&page, minute(1)).await.unwrap();
    }
    let mut new = writer(&store, "o2").await;
    let rows: Vec<EventRow<'_>> = events.iter().map(Event::row).collect();
    let page = EventPage { window: hour_of(0), rows: &rows, position: None, is_last: false, mapping: 2 };
    new.write_page(&page, minute(1)).await.unwrap();
    let SealOutcome::Sealed(sealed) = old.seal(hour_of(0), 2, None, minute(2)).await.unwrap() else {
        panic!("differs")
    };
    assert_eq!((store.stale_events("o1", 2).await.unwrap(), store.stale_events("o2", 2).await.unwrap()), (60, 0));

    let mut done = 0;
    while let Some(part) = store.next_stale_part("o1", 2).await.unwrap() {
        let numbers = part.texts.iter().map(|text| u32::from_str_radix(&text[7..31], 16).unwrap());
        let again: Vec<&Event> = numbers.map(|number| &events[usize::try_from(number).unwrap()]).collect();
        // A mapping that reads another identity and no time at all changes neither.
        let rows: Vec<EventRow<'_>> =
            again.iter().map(|event| EventRow { uid: [9; 16], time_ms: None, ..event.row() }).collect();
        let reindexed = old.reindex_part(part.number, &rows, 2, minute(3)).await.unwrap();
        assert_eq!((reindexed.events, reindexed.changed), (rows.len() as u64, rows.len() as u64));
        done += reindexed.events;
        assert_eq!(store.stale_events("o1", 2).await.unwrap(), 60 - done, "what is done stays done");
    }
    while old.renew_activity(minute(3)).await.unwrap().is_some() {}
    assert_eq!(all_of(&store, "o1").await, all_of(&store, "o2").await);
    assert_eq!(store.event_window("o1", hour_of(0)).await.unwrap(), Some(sealed), "its proof holds as it was");
    let of_user = |org_id: &str| EventFilter { user: Some("user2".to_owned()), ..of(org_id) };
    assert_eq!(found(&store, &of_user("o1")).await, found(&store, &of_user("o2")).await);
    // Once more changes nothing but the version.
    let part = store.next_stale_part("o1", 3).await.unwrap().unwrap();
    let rows: Vec<EventRow<'_>> = events[..part.texts.len()].iter().map(Event::row).collect();
    assert_eq!(old.reindex_part(part.number, &rows, 3, minute(3)).await.unwrap().changed, 0);
    assert_eq!(old.renew_activity(minute(3)).await.unwrap(), None);
}

async fn a_damaged_part_is_told_and_not_taken_for_an_event(bed: &Bed) {
    let store = bed.open().await;
    let mut writer = writer(&store, "o1").await;
    put(&mut writer, hour_of(0), &[event(1, 1)]).await;
    bed.behind("UPDATE event_part SET content = event_part.filter").await;
    let error = store.search_events(&of("o1"), None, 9, true).await.unwrap_err().to_string();
    assert!(error.contains("part 1") && error.contains("damaged"), "{error}");
    assert_eq!(store.search_events(&of("o1"), None, 9, false).await.unwrap().events.len(), 1);
    bed.behind("DELETE FROM event_raw").await;
    let error = store.search_events(&of("o1"), None, 9, true).await.unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
}

async fn nothing_is_left_of_an_organization_that_is_removed(bed: &Bed) {
    let store = bed.open().await;
    put(&mut writer(&store, "o1").await, hour_of(0), &[event(1, 1)]).await;
    let mut other = writer(&store, "o2").await;
    put(&mut other, hour_of(0), &[event(1, 1), Event { time_ms: None, ..event(2, 0) }]).await;
    store.purge_organization("o2").await.unwrap();
    for table in ["event", "event_part", "event_raw", "event_window", "event_org", "event_kind"] {
        assert_eq!(bed.count(table).await, 1, "{table}");
    }
    assert_eq!(bed.count("event_untimed").await, 0);
    let error = put_at(&mut other, hour_of(0), &[event(3, 3)], None, false).await.unwrap_err().to_string();
    assert!(error.contains("nothing more was written"), "{error}");
}

/// What is stored of an organization: events with their texts, ledger without times of the process, counts, activity.
async fn all_of(store: &Store, org_id: &str) -> Vec<String> {
    let mut all = Vec::new();
    let each = |event: store::events::StoredEvent| {
        all.push(format!("{} {} {:?} {:?}", event.time_ms, event.uid_text(), event.user, event.raw));
        ControlFlow::Continue(())
    };
    store.export_events(&of(org_id), EventOrder::OldestFirst, true, each).await.unwrap();
    for window in store.event_windows(org_id, Hour::from_number(0), Hour::from_number(1 << 30)).await.unwrap() {
        if window.stored > 0 {
            let hash = store.recompute_window(org_id, window.hour).await.unwrap();
            all.push(format!(
                "{} {} {:?} {:?} {}",
                window.hour, window.stored, window.first, window.last, hash.identities
            ));
            assert_eq!((window.stored, window.first, window.last), (hash.stored, hash.first, hash.last));
        }
    }
    for sql in [
        format!(
            "SELECT hour, event_type, outcome, SUM(events) FROM event_counts WHERE org_id = '{org_id}' GROUP BY hour, event_type, outcome ORDER BY hour, event_type, outcome"
        ),
        format!(
            "SELECT day, role, name, events, failures, failed_sign_ins, first_at, last_at FROM activity WHERE org_id = '{org_id}' ORDER BY day, role, name"
        ),
        format!(
            "SELECT event_type, mapped, events, first_at, last_at FROM event_types WHERE org_id = '{org_id}' ORDER BY event_type, mapped"
        ),
    ] {
        all.extend(lines(&ask(store, &sql).await.unwrap()));
    }
    let (filter, first, last) = (of(org_id), Hour::from_number(0), Hour::from_number(24 << 20));
    let by_hour = store.event_tally(&filter, first, last, false).await.unwrap();
    let by_day = store.event_tally(&filter, first, last, true).await.unwrap();
    assert_eq!(by_hour.types, by_day.types);
    all.push(format!("{by_day:?}"));
    all
}

async fn any_split_of_a_stream_into_pages_and_windows_stores_the_same(bed: &Bed) {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let store = bed.open().await;
    let runtime = tokio::runtime::Handle::current();
    // A page: which window is asked, and which events come (some again, in any order).
    let page = (-2_i64..5, prop::collection::vec(0_u32..40, 0..15));
    let streams = prop::collection::vec(page, 1..8);
    let cases = if bed.is_postgres() { 6 } else { 24 };
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let orgs = std::cell::Cell::new(0);
    let timed = |n: u32| event(n, i64::from(n) * 7 - 60);
    let tried = tokio::task::block_in_place(|| {
        runner.run(&streams, |pages| {
            orgs.set(orgs.get() + 1);
            let (split, whole) = (format!("split{}", orgs.get()), format!("whole{}", orgs.get()));
            runtime.block_on(async {
                let mut one = writer(&store, &split).await;
                let mut came: BTreeMap<u32, Event> = BTreeMap::new();
                for (window, numbers) in &pages {
                    let events: Vec<Event> = numbers.iter().map(|n| timed(*n)).collect();
                    put(&mut one, hour_of(window * 60), &events).await;
                    came.extend(numbers.iter().map(|n| (*n, timed(*n))));
                }
                let came: Vec<Event> = came.into_values().collect();
                put(&mut writer(&store, &whole).await, hour_of(0), &came).await;
                assert_eq!(all_of(&store, &split).await, all_of(&store, &whole).await);
            });
            Ok(())
        })
    });
    tried.unwrap();
}
