//! Each fault does what its name says, to the calls it is meant for and to no others.

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

use serde_json::json;
use simulator::{Config, Effect, FaultBody, FaultRule, RateLimit, RetryAfter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, NOW, id_of, open};

const USERS: &str = "/api/systemusers?limit=20";

async fn with(effect: Effect) -> Client {
    let client = Client::demo().await;
    client.world().faults().add(FaultRule::new(effect).on("GET /api/systemusers"));
    client
}

/// Sends a request over a bare connection and gives what has come until it is closed or a second is silent.
async fn raw(client: &Client, path: &str) -> (String, bool) {
    let key = client.world().credentials(0).read_only;
    let mut stream = TcpStream::connect(client.running.url().trim_start_matches("http://")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&answer).into_owned(), true),
            Ok(Ok(count)) => answer.extend_from_slice(&buffer[..count]),
            Err(_) => return (String::from_utf8_lossy(&answer).into_owned(), false),
        }
    }
}

fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn a_status_comes_with_its_body_headers_and_retry_after() {
    for (retry_after, expected) in [
        (RetryAfter::Seconds(7), "7".to_owned()),
        (RetryAfter::Seconds(-5), "-5".to_owned()),
        (RetryAfter::Seconds(1_000_000_000_000), "1000000000000".to_owned()),
        (RetryAfter::Date(30), "Fri, 20 Nov 2026 08:00:30 GMT".to_owned()),
        (RetryAfter::Text("soon".to_owned()), "soon".to_owned()),
    ] {
        let client = with(Effect::too_many_requests(retry_after)).await;
        let answer = client.get(0, USERS).await;
        assert_eq!((answer.status, &answer.headers["retry-after"]), (429, &expected));
        assert_eq!(answer.json(), json!({"message": "Too Many Requests"}));
        assert_eq!(client.get(0, "/api/systems").await.status, 200);
    }
    let effect = Effect::Status {
        status: 503,
        body: FaultBody::Html,
        headers: vec![("x-extra".to_owned(), "1".to_owned())],
        retry_after: None,
    };
    let answer = with(effect).await.get(0, USERS).await;
    assert_eq!((answer.status, answer.headers["x-extra"].as_str()), (503, "1"));
    assert!(answer.headers["content-type"].starts_with("text/html") && answer.body.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn rules_hit_the_calls_they_are_meant_for() {
    let client = Client::demo().await;
    let world = client.world();
    let rule = FaultRule::new(Effect::status(500)).on("/api/v2/usergroups/*/members").organization(1).from(2).times(2);
    let number = world.faults().add(rule);
    let path = |organization: usize| {
        let group = world.oracle(organization).ids["usergroups"][0];
        format!("/api/v2/usergroups/{group}/members")
    };
    assert_eq!(client.get(0, &path(0)).await.status, 200);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get(1, &path(1)).await.status);
    }
    assert_eq!(statuses, [200, 500, 500, 200, 200]);
    assert_eq!(world.faults().hits(number), 2);
    world.faults().clear();

    let run = async || {
        let world = client.world();
        world.faults().clear();
        world.faults().add(FaultRule::new(Effect::status(502)).with_probability(0.3, 7));
        let mut hits = Vec::new();
        for _ in 0..60 {
            hits.push(client.get(0, "/api/commands").await.status == 502);
        }
        hits
    };
    let first = run().await;
    let count = first.iter().filter(|hit| **hit).count();
    assert!((6..=30).contains(&count), "{count} of 60");
    assert_eq!(first, run().await);
}

#[tokio::test]
async fn bodies_can_be_html_empty_or_any_text() {
    let answer = with(Effect::HtmlOk).await.get(0, USERS).await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    let answer = with(Effect::EmptyBody).await.get(0, USERS).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let text = "{\"results\":null}".to_owned();
    let answer = with(Effect::Text { body: text.clone(), content_type: None }).await.get(0, USERS).await;
    assert_eq!((answer.status, &answer.body), (200, &text));
    let effect = Effect::Text { body: "x".to_owned(), content_type: Some("text/plain".to_owned()) };
    assert_eq!(with(effect).await.get(0, USERS).await.headers["content-type"], "text/plain");
}

#[tokio::test]
async fn lists_can_be_endless_stuck_empty_or_wrong_about_their_total() {
    let client = with(Effect::EndlessPages).await;
    for skip in [0, 100, 100_000] {
        let (rows, total) = open(&client.get(0, &format!("/api/systemusers?limit=50&skip={skip}")).await);
        assert_eq!(rows.len(), 50);
        assert!(total.unwrap() > skip + 50);
    }
    let client = with(Effect::SamePage).await;
    let first = client.get(0, USERS).await.body;
    assert_eq!(client.get(0, "/api/systemusers?limit=20&skip=20").await.body, first);
    let (rows, total) = open(&with(Effect::EmptyList).await.get(0, USERS).await);
    assert_eq!((rows.len(), total), (0, Some(0)));
    for total in ["-1", "\"42\"", "9223372036854775808"] {
        let client = with(Effect::Total { total: total.to_owned() }).await;
        assert!(client.get(0, USERS).await.body.starts_with(&format!("{{\"totalCount\":{total},\"results\":[{{")));
        client.world().faults().add(FaultRule::new(Effect::Total { total: total.to_owned() }).on("/api/v2/usergroups"));
        assert_eq!(client.get(0, "/api/v2/usergroups").await.headers["x-total-count"], total.trim_matches('"'));
    }
}

#[tokio::test]
async fn rows_can_move_between_pages_and_repeat_across_them() {
    let pages = async |effect: Effect| {
        let client = with(effect).await;
        let mut ids = Vec::new();
        for skip in (0..120).step_by(20) {
            let (rows, _) = open(&client.get(0, &format!("/api/systemusers?limit=20&skip={skip}")).await);
            ids.extend(rows.iter().map(id_of));
        }
        (ids, client.world().oracle(0).counts["systemusers"])
    };
    let (ids, count) = pages(Effect::DeleteAtHead).await;
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), unique.len() as u64), (unique.len(), count - 5));
    let (ids, count) = pages(Effect::InsertAtHead).await;
    assert!(ids.len() > ids.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(ids.len() as u64, count);
    let (ids, count) = pages(Effect::DuplicateRows).await;
    assert_eq!((ids.len() as u64, ids.iter().collect::<BTreeSet<_>>().len() as u64), (count + 5, count));
}

#[tokio::test]
async fn connections_can_be_cut_hang_drip_and_lie_about_their_length() {
    let client = with(Effect::Cut { after: 100 }).await;
    let (answer, closed) = raw(&client, USERS).await;
    assert!(closed && body_of(&answer).len() == 100, "{}", body_of(&answer).len());
    assert!(
        client
            .http
            .get(format!("{}{USERS}", client.running.url()))
            .header("x-api-key", client.world().credentials(0).read_only)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .is_err()
    );

    let client = with(Effect::HangBeforeHeaders).await;
    assert_eq!(raw(&client, USERS).await, (String::new(), false));
    assert_eq!(client.get(0, "/api/systems").await.status, 200);

    let client = with(Effect::HangMidBody { after: 50 }).await;
    let (answer, closed) = raw(&client, USERS).await;
    assert!(!closed && answer.starts_with("HTTP/1.1 200") && answer.contains("{\"totalCount\""));

    let client = with(Effect::SlowDrip { bytes: 1000, milliseconds: 1 }).await;
    assert_eq!(open(&client.get(0, USERS).await).0.len(), 20);

    let client = with(Effect::ContentLength { delta: 10 }).await;
    let (answer, closed) = raw(&client, USERS).await;
    let announced: usize =
        answer.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert!(closed && announced == body_of(&answer).len() + 10);
    let client = with(Effect::ContentLength { delta: -10 }).await;
    assert!(!raw(&client, USERS).await.0.ends_with("]}"));
}

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire_and_large_after_it() {
    let client = with(Effect::GzipBomb { bytes: 64 << 20 }).await;
    let key = client.world().credentials(0).read_only;
    let response =
        client.http.get(format!("{}{USERS}", client.running.url())).header("x-api-key", key).send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.bytes().await.unwrap();
    assert!(packed.len() < 200_000, "{}", packed.len());
    let mut expanded = 0;
    let mut decoder = flate2::read::GzDecoder::new(packed.as_ref());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match decoder.read(&mut buffer).unwrap() {
            0 => break,
            count => expanded += count,
        }
    }
    assert_eq!(expanded, 64 << 20);
}

#[tokio::test]
async fn redirects_dates_and_foreign_data_show_as_set() {
    for status in [301, 302, 307, 308] {
        let effect = Effect::Redirect { status, location: "http://elsewhere.example/".to_owned() };
        let answer = with(effect).await.get(0, USERS).await;
        assert_eq!((answer.status, answer.headers["location"].as_str()), (status, "http://elsewhere.example/"));
    }
    let client = with(Effect::DateOffset { seconds: 7200 }).await;
    assert_eq!(client.get(0, USERS).await.headers["date"], "Fri, 20 Nov 2026 10:00:00 GMT");
    assert_eq!(client.get(0, "/api/systems").await.headers["date"], "Fri, 20 Nov 2026 08:00:00 GMT");
    assert_eq!(NOW % 86_400_000, 8 * 3_600_000);
    let client = with(Effect::OtherOrganization { organization: 1 }).await;
    let (rows, _) = open(&client.get(0, USERS).await);
    assert_eq!(rows[0]["organization"], client.world().credentials(1).organization.to_string());
}

#[tokio::test]
async fn the_rate_limit_follows_the_clock_and_counts_violations() {
    let client = Client::demo().await;
    let world = client.world();
    world.faults().set_rate_limit(Some(RateLimit { rate: 2.0, burst: 3.0, retry_after: true }));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get(0, "/api/systems?limit=1").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(client.get(0, "/api/systems").await.headers["retry-after"], "1");
    assert_eq!(client.get(1, "/api/systems").await.status, 200);
    world.advance(Duration::from_secs(1));
    assert_eq!(client.get(0, "/api/systems").await.status, 200);
    assert_eq!(client.get(0, "/api/systems").await.status, 200);
    assert_eq!(client.get(0, "/api/systems").await.status, 429);
    assert_eq!(world.requests().rate_limit_violations, 4);
}

#[tokio::test]
async fn the_most_requests_at_one_time_are_counted() {
    let client = Client::start(Config::single(10, 10, 2, 2)).await;
    client.world().faults().add(FaultRule::new(Effect::Latency { milliseconds: 100 }));
    futures::future::join_all((0..5).map(|_| client.get(0, "/api/systems"))).await;
    assert_eq!(client.world().requests().most_in_flight, 5);
    assert_eq!(client.world().requests().in_flight, 0);
    client.world().faults().clear();
    client.world().faults().set_latency(Duration::from_millis(20));
    let started = std::time::Instant::now();
    client.get(0, "/api/systems").await;
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[tokio::test]
async fn stopping_ends_hanging_and_kept_alive_connections() {
    let client = with(Effect::HangBeforeHeaders).await;
    let key = client.world().credentials(0).read_only;
    let address = client.running.url().trim_start_matches("http://").to_owned();
    let mut hanging = TcpStream::connect(&address).await.unwrap();
    let request = format!("GET {USERS} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n");
    hanging.write_all(request.as_bytes()).await.unwrap();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    idle.write_all(request.replace("systemusers", "systems").as_bytes()).await.unwrap();
    let mut start = [0; 12];
    idle.read_exact(&mut start).await.unwrap();
    client.running.stop().await;
    for mut stream in [hanging, idle] {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "the connection is still open");
    }
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn every_effect_can_be_written_and_read_as_json() {
    for effect in [
        Effect::too_many_requests(RetryAfter::Date(5)),
        Effect::Status { status: 401, body: FaultBody::Text("x".to_owned()), headers: Vec::new(), retry_after: None },
        Effect::Latency { milliseconds: 1 },
        Effect::HangBeforeHeaders,
        Effect::HangMidBody { after: 1 },
        Effect::SlowDrip { bytes: 1, milliseconds: 1 },
        Effect::Cut { after: 1 },
        Effect::ContentLength { delta: -1 },
        Effect::HtmlOk,
        Effect::EmptyBody,
        Effect::Text { body: "x".to_owned(), content_type: None },
        Effect::EndlessPages,
        Effect::SamePage,
        Effect::Total { total: "-1".to_owned() },
        Effect::EmptyList,
        Effect::DeleteAtHead,
        Effect::InsertAtHead,
        Effect::DuplicateRows,
        Effect::GzipBomb { bytes: 1 << 30 },
        Effect::Redirect { status: 308, location: "/".to_owned() },
        Effect::DateOffset { seconds: 1 },
        Effect::OtherOrganization { organization: 1 },
    ] {
        let rule = FaultRule::new(effect).on("/api/*").organization(1).nth(3).with_probability(0.5, 9);
        let text = serde_json::to_string(&rule).unwrap();
        let again: FaultRule = serde_json::from_str(&text).unwrap();
        assert_eq!(json!(again), json!(rule));
        assert_eq!(again.effect, rule.effect);
    }
}
