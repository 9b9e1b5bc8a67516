//! Directory Insights: pages that follow each other by position, and what proves that one is whole.

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    client,
    clock::ManualClock,
    config,
    server::{Asked, Say, Server, answer, ok, refuse},
};
use crate::{Client, Error, EventQuery, SearchAfter};

fn query() -> EventQuery {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    EventQuery::range(at("2026-11-20T08:00:00Z"), at("2026-11-20T09:00:00Z"))
}

fn event(number: usize) -> String {
    format!(r#"{{"id":"{number:024x}","event_type":"user_login_attempt"}}"#)
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

/// How many events lie before the page that is asked for.
fn skipped(asked: &Asked) -> usize {
    body(asked)["search_after"][1].as_str().map_or(0, |text| text.parse::<usize>().unwrap() + 1)
}

/// Says a page of `count` events as the service does: at most `most` at once.
fn says(asked: &Asked, count: usize, most: usize) -> Say {
    let limit = most.min(body(asked)["limit"].as_u64().unwrap() as usize);
    let skip = skipped(asked);
    let rows: Vec<String> = (skip..count.min(skip + limit)).map(event).collect();
    let position = (skip + rows.len()).checked_sub(1).map_or("[]".to_owned(), |last| format!("[17951,\"{last}\"]"));
    let headers = format!("X-Result-Count: {}\r\nX-Limit: {limit}\r\nX-Search_after: {position}\r\n", rows.len());
    Say::Bytes(answer(200, &headers, format!("[{}]", rows.join(","))))
}

/// Reads a range to its end: the events, how many pages, and where it ended.
async fn all(client: &Client, query: EventQuery) -> Result<(Vec<String>, usize, Option<SearchAfter>), Error> {
    let (mut rows, mut pages) = (Vec::new(), 0);
    let mut stream = client.events(query);
    while let Some(page) = stream.next().await {
        let page = page?;
        rows.extend(page.rows().map(str::to_owned));
        pages += 1;
        if page.is_last {
            assert!(stream.next().await.is_none(), "something came after the last page");
            return Ok((rows, pages, page.next));
        }
    }
    panic!("the stream stopped without a last page or an error");
}

async fn read(handler: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static) -> Result<Vec<String>, Error> {
    let server = Server::start(handler).await;
    Ok(all(&client(&server), query()).await?.0)
}

#[tokio::test]
async fn every_event_comes_once_and_in_order_whatever_limit_is_in_force() {
    for (count, most) in
        [(0, 10), (1, 10), (9, 10), (10, 10), (11, 10), (30, 10), (25, 1), (4000, 1000), (10_000, 10_000)]
    {
        let server = Server::start(move |asked, _| says(asked, count, most)).await;
        let (rows, pages, next) = all(&client(&server), query()).await.unwrap();
        assert_eq!(rows, (0..count).map(event).collect::<Vec<_>>(), "{count} by {most}");
        // A total that is a multiple of the limit ends with an empty page.
        assert_eq!(pages, count / most + 1);
        assert_eq!(
            next.map(|next| next.as_str().to_owned()),
            count.checked_sub(1).map(|last| format!("[17951,\"{last}\"]"))
        );
    }
}

#[tokio::test]
async fn the_same_question_is_asked_for_every_page_with_the_position_letter_by_letter() {
    let position = r#"[1795161600123.50, "a\u0062", null,18446744073709551616]"#;
    let server = Server::start(move |_, before| {
        let rows = if before == 0 { "[{},{}]" } else { "[]" };
        Say::Bytes(answer(200, &format!("x-search_after: {position}\r\nx-limit: 2\r\n"), rows))
    })
    .await;
    all(&client(&server), query()).await.unwrap();
    let asked = server.asked();
    let [first, second] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!(
        first.body,
        r#"{"end_time":"2026-11-20T09:00:00.000Z","limit":10000,"service":["all"],"sort":"ASC","start_time":"2026-11-20T08:00:00.000Z"}"#
    );
    assert_eq!(second.body, format!("{},\"search_after\":{position}}}", first.body.strip_suffix('}').unwrap()));
}

#[tokio::test]
async fn a_pass_goes_on_from_where_an_earlier_one_ended() {
    let server = Server::start(|asked, _| says(asked, 25, 10)).await;
    let client = client(&server);
    let first = client.events(query()).next().await.unwrap().unwrap();
    let mut rest = query();
    rest.after = SearchAfter::parse(first.next.unwrap().as_str());
    assert_eq!(all(&client, rest).await.unwrap().0, (10..25).map(event).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_with_fewer_events_than_it_says_is_asked_for_again_and_never_believed() {
    let short = |_: &Asked| Say::Bytes(answer(200, "x-result-count: 3\r\n", "[{},{}]"));
    let rows = read(move |asked, before| if before < 2 { short(asked) } else { says(asked, 3, 10) }).await.unwrap();
    assert_eq!(rows.len(), 3);
    let error = read(move |asked, _| short(asked)).await.unwrap_err();
    assert!(matches!(&error, Error::UnexpectedShape { what, .. } if what.contains("says it has 3")), "{error}");
    assert_eq!(error.context().unwrap().attempts, 3);
}

#[tokio::test]
async fn a_full_page_without_a_position_is_an_error_and_not_the_end() {
    for header in ["", "x-search_after: []\r\n", "x-search_after: not a list\r\n"] {
        let error = read(move |_, _| Say::Bytes(answer(200, &format!("x-limit: 2\r\n{header}"), "[{},{}]"))).await;
        assert_eq!(error.unwrap_err().code(), "unexpected_shape", "{header}");
        // The last page needs none.
        let rows = read(move |_, _| Say::Bytes(answer(200, &format!("x-limit: 3\r\n{header}"), "[{},{}]"))).await;
        assert_eq!(rows.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn pages_that_lead_nowhere_are_noticed() {
    let full = |position: &str, rows: &str| {
        Say::Bytes(answer(200, &format!("x-limit: 3\r\nx-search_after: {position}\r\n"), rows))
    };
    let rows = |from: usize| format!("[{}]", (from..from + 3).map(event).collect::<Vec<_>>().join(","));
    // The same position twice, a circle of positions, and new positions with the same page.
    let standing = read(move |_, before| full("[1,\"a\"]", &rows(3 * before))).await.unwrap_err();
    let circle = read(move |_, before| full(&format!("[{}]", before % 3), &rows(3 * before))).await.unwrap_err();
    let same = read(move |_, before| full(&format!("[{before}]"), &rows(0))).await.unwrap_err();
    for error in [standing, circle, same] {
        assert_eq!(error.code(), "endless", "{error}");
    }
}

#[tokio::test]
async fn a_page_that_stops_short_of_more_is_seen_through_when_asked_to() {
    // Two events a page, though the limit in force is said to be ten thousand.
    let lies = |asked: &Asked| {
        let skip = skipped(asked);
        let rows: Vec<String> = (skip..7.min(skip + 2)).map(event).collect();
        let headers = format!("x-limit: 10000\r\nx-search_after: [1,\"{}\"]\r\n", skip + rows.len().max(1) - 1);
        Say::Bytes(answer(200, &headers, format!("[{}]", rows.join(","))))
    };
    let server = Server::start(move |asked, _| lies(asked)).await;
    let client = client(&server);
    assert_eq!(all(&client, query()).await.unwrap().0.len(), 2);
    let thorough = EventQuery { until_empty: true, ..query() };
    assert_eq!(all(&client, thorough).await.unwrap().0, (0..7).map(event).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_that_are_too_large_together_are_read_in_smaller_pages() {
    let large = |number: usize| format!("{{\"id\":{number},\"blob\":\"{}\"}}", "x".repeat(100_000));
    let server = Server::start(move |asked, _| {
        let (skip, limit) = (skipped(asked), body(asked)["limit"].as_u64().unwrap() as usize);
        let rows: Vec<String> = (skip..30.min(skip + limit)).map(large).collect();
        let headers = format!("x-limit: {limit}\r\nx-search_after: [1,\"{}\"]\r\n", (skip + rows.len()).max(1) - 1);
        Say::Bytes(answer(200, &headers, format!("[{}]", rows.join(","))))
    })
    .await;
    assert_eq!(all(&client(&server), query()).await.unwrap().0.len(), 30);
}

#[tokio::test]
async fn odd_events_stay_in_their_page_as_they_came() {
    let odd = ["null", "17", "\"x\"", "[]", "{\"a\":1e400}", "{\"a\":\"\u{1}\"}", "{\"a\":1}"];
    let rows = read(move |_, _| ok(format!("[{}]", odd.join(" ,\n")))).await.unwrap();
    assert_eq!(rows, odd);
    let bytes = read(|_, _| ok(b"[{\"a\":\"\xff\"},{}]")).await.unwrap();
    assert_eq!(bytes, ["{\"a\":\"\u{fffd}\"}", "{}"]);
}

#[tokio::test]
async fn half_an_answer_is_asked_for_again_wherever_it_was_cut() {
    let whole = format!("[{},{}]", event(0), event(1));
    for length in 0..whole.len() {
        let cut = whole[..length].to_owned();
        let rows = read(move |asked, before| if before == 0 { ok(&cut) } else { says(asked, 2, 10) }).await.unwrap();
        assert_eq!(rows.len(), 2, "cut after {length}");
    }
}

#[tokio::test]
async fn what_is_no_list_of_events_is_an_error_and_never_none() {
    for bad in ["{}", "null", "\"x\"", "{\"results\":[]}", "", "<html>"] {
        assert!(read(move |_, _| ok(bad)).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_count_is_a_number_or_an_error() {
    for (said, count) in [
        ("{\"count\":17}", Some(17)),
        ("{\"count\":\"42\"}", Some(42)),
        ("{\"count\":0,\"more\":1}", Some(0)),
        ("{\"count\":-1}", None),
        ("{\"count\":9223372036854775808}", None),
        ("{\"count\":1.5}", None),
        ("{\"count\":null}", None),
        ("{}", None),
    ] {
        let server = Server::start(move |_, _| ok(said)).await;
        assert_eq!(client(&server).count_events(&query()).await.ok(), count, "{said}");
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.path, "/insights/directory/v1/events/count");
        assert_eq!(body(&asked)["service"], serde_json::json!(["all"]));
    }
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_never_sent() {
    let server = Server::start(|asked, _| says(asked, 1, 10)).await;
    let client = client(&server);
    for end in ["2026-11-20T08:00:00Z", "2026-11-20T07:59:59Z", "1970-01-01T00:00:00Z"] {
        let empty = EventQuery { end: end.parse().unwrap(), ..query() };
        assert_eq!(all(&client, empty.clone()).await.unwrap_err().code(), "config");
        assert_eq!(client.count_events(&empty).await.unwrap_err().code(), "config");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_refused_position_is_told_apart_from_a_refused_key() {
    let expired = read(|_, _| refuse(400, "search_after is invalid")).await.unwrap_err();
    assert_eq!(expired.code(), "bad_request");
    assert_eq!(read(|_, _| refuse(402, "plan")).await.unwrap_err().code(), "not_licensed");
    assert_eq!(read(|_, _| refuse(403, "Forbidden")).await.unwrap_err().code(), "not_permitted");
    assert_eq!(read(|_, _| refuse(401, "Unauthorized")).await.unwrap_err().code(), "key_rejected");
}

#[tokio::test]
async fn the_clock_is_held_against_the_servers() {
    let server = Server::start(|_, _| Say::Bytes(answer(200, "date: Fri, 20 Nov 2026 10:00:00 GMT\r\n", "[]"))).await;
    let clock = ManualClock::new();
    let client = Client::new(config(&server, Arc::clone(&clock))).unwrap();
    assert_eq!(client.clock_ahead(), None);
    all(&client, query()).await.unwrap();
    let server_time: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    assert_eq!(client.clock_ahead(), Some(crate::Clock::now(&*clock).duration_since(server_time)));
}
