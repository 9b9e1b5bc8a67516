//! What is asked again, when, and what is not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    all, client,
    clock::ManualClock,
    config,
    server::{Say, Server, answer, ok, refuse, rows, v1, v2},
};
use crate::{Client, Clock, Error, clock::until, endpoints};

#[tokio::test]
async fn a_rejected_key_is_never_sent_again() {
    let server = Server::start(|_, _| refuse(401, "Unauthorized: api key user not found")).await;
    let client = client(&server);
    for _ in 0..20 {
        let error = client.read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
        assert!(matches!(&error, Error::KeyRejected(context) if context.status == Some(401)));
        assert!(error.to_string().contains("api key user not found"));
    }
    assert!(all(&client.clone(), endpoints::SYSTEMUSERS, &[]).await.is_err());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_key_revoked_in_the_middle_of_a_list_stops_it_within_what_is_in_flight() {
    let everything = rows(50_000);
    let server =
        Server::start(move |asked, n| if n < 30 { v1(asked, &everything) } else { refuse(401, "Unauthorized") }).await;
    let error = all(&client(&server), endpoints::SYSTEMUSERS, &[]).await.unwrap_err();
    assert_eq!(error.code(), "key_rejected");
    assert!(server.asked().len() <= 30 + 10, "{}", server.asked().len());
}

#[tokio::test]
async fn a_refused_endpoint_does_not_stop_the_others_and_is_not_repeated() {
    for (status, code) in [
        (402, "not_licensed"),
        (403, "not_permitted"),
        (404, "not_found"),
        (410, "not_found"),
        (400, "bad_request"),
        (422, "bad_request"),
    ] {
        let server = Server::start(move |asked, _| match asked.path.as_str() {
            "/api/commands" => refuse(status, "Forbidden"),
            _ => v1(asked, &[]),
        })
        .await;
        let client = client(&server);
        let error = all(&client, endpoints::COMMANDS, &[]).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(error.context().unwrap().message.as_deref(), Some("Forbidden"));
        assert!(!error.help().is_empty());
        assert_eq!(server.asked().len(), 1);
        all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_organization_is_not_a_rejected_key() {
    let server = Server::start(|asked, _| match asked.headers.get("x-org-id") {
        Some(_) => v2(asked, &[]),
        None => refuse(401, "Unauthorized: no organization selected"),
    })
    .await;
    let without = client(&server);
    for _ in 0..2 {
        let error = without.read(&endpoints::USERGROUPS, &[], &[]).await.unwrap_err();
        assert_eq!(error.code(), "no_organization");
    }
    assert_eq!(server.asked().len(), 2);
    let mut config = config(&server, ManualClock::new());
    config.org_id = Some("5f1e2d3c4b5a697887766554".to_owned());
    let with = Client::new(config).unwrap();
    all(&with, endpoints::USERGROUPS, &[]).await.unwrap();
}

#[tokio::test]
async fn the_organization_is_named_wherever_that_is_allowed() {
    let server = Server::start(|asked, _| {
        let above = ["/api/organizations", "/api/users"].contains(&asked.path.as_str());
        match (asked.headers.get("x-org-id"), above) {
            (Some(_), true) => refuse(403, "Forbidden: organization selection not allowed via header"),
            (Some(id), false) if id == "5f1e2d3c4b5a697887766554" => v1(asked, &[]),
            (None, true) => v1(asked, &[]),
            _ => refuse(500, "no header"),
        }
    })
    .await;
    let mut config = config(&server, ManualClock::new());
    config.org_id = Some("5f1e2d3c4b5a697887766554".to_owned());
    let client = Client::new(config).unwrap();
    for endpoint in [endpoints::ORGANIZATIONS, endpoints::ADMINISTRATORS, endpoints::SYSTEMS] {
        all(&client, endpoint, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_route_that_refuses_the_organization_header_says_so() {
    let server = Server::start(|_, _| refuse(403, "Forbidden: organization selection not allowed via header")).await;
    let error = client(&server).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
    assert_eq!(error.code(), "organization_header_refused");
}

#[tokio::test]
async fn bursts_of_server_errors_are_waited_out() {
    for status in [408, 500, 502, 503, 504] {
        let everything = rows(950);
        let served = everything.clone();
        let server =
            Server::start(move |asked, n| if n % 5 < 2 { refuse(status, "busy") } else { v1(asked, &served) }).await;
        let client = client(&server);
        let (rows, pass) = all(&client, endpoints::SYSTEMUSERS, &[]).await.unwrap();
        assert_eq!(rows, everything);
        assert_eq!(pass.moved, None);
        let calls = client.calls();
        assert_eq!((calls[0].endpoint, calls[0].calls), ("systemusers", server.asked().len() as u64));
        assert!(calls[0].retries > 0);
        assert_eq!((calls[0].last_status, calls[0].rate_limited), (Some(200), 0));
    }
}

#[tokio::test]
async fn a_lasting_server_error_ends_after_every_attempt_with_growing_waits() {
    let clock = ManualClock::new();
    let begin = clock.now();
    let server =
        Server::start(|_, _| Say::Bytes(answer(502, "content-type: text/html\r\n", "<h1>Bad\x1b[2J gateway</h1>")))
            .await;
    let client = Client::new(config(&server, clock.clone())).unwrap();
    let error = client.read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "JumpCloud is unavailable (systems, status 502, 6 attempts: <h1>Bad\\u{1b}[2J gateway</h1>)"
    );
    assert_eq!(server.asked().len(), 6);
    let waited = until(begin, clock.now());
    assert!((31..=62).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn retry_after_of_a_server_error_is_obeyed_and_capped() {
    for (told, least, most) in [("20", 20, 20), ("1000000000000", 3600, 3600), ("-5", 1, 2)] {
        let clock = ManualClock::new();
        let begin = clock.now();
        let server = Server::start(move |asked, n| match n {
            0 => Say::Bytes(answer(503, &format!("retry-after: {told}\r\n"), "")),
            _ => v1(asked, &[]),
        })
        .await;
        let client = Client::new(config(&server, clock.clone())).unwrap();
        all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
        let waited = until(begin, clock.now()).as_secs();
        assert!((least..=most).contains(&waited), "{told}: {waited}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_obeyed_in_every_form_in_which_it_is_told() {
    for (told, least, most) in [
        ("retry-after: 7\r\n", 7, 8),
        ("retry-after: Sun, 22 Nov 2026 10:00:40 GMT\r\ndate: Sun, 22 Nov 2026 10:00:00 GMT\r\n", 40, 41),
        ("retry-after: Sun, 22 Nov 2026 09:00:00 GMT\r\n", 1, 3),
        ("", 1, 3),
        ("retry-after: -5\r\n", 1, 3),
        ("retry-after: 0\r\n", 1, 3),
        ("retry-after: soon\r\n", 1, 3),
        ("retry-after: 1000000000000\r\n", 3600, 3601),
        ("content-type: text/html\r\n", 1, 3),
    ] {
        let clock = ManualClock::new();
        let begin = clock.now();
        let server = Server::start(move |asked, n| match n {
            0 => Say::Bytes(answer(429, told, "<html>slow down</html>")),
            _ => v1(asked, &[]),
        })
        .await;
        let client = Client::new(config(&server, clock.clone())).unwrap();
        all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
        let waited = until(begin, clock.now()).as_secs();
        assert!((least..=most).contains(&waited), "{told:?}: {waited}");
        assert_eq!(client.calls()[0].rate_limited, 1);
    }
}

#[tokio::test]
async fn a_lasting_rate_limit_ends_with_when_to_try_again() {
    let server =
        Server::start(|_, _| Say::Bytes(answer(429, "retry-after: 3600\r\n", r#"{"message":"Too many"}"#))).await;
    let clock = ManualClock::new();
    let begin = clock.now();
    let client = Client::new(config(&server, clock.clone())).unwrap();
    let error = client.read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
    let Error::RateLimited { retry_at, context } = error else {
        panic!("{error}");
    };
    assert_eq!(context.message.as_deref(), Some("Too many"));
    assert!(retry_at > clock.now());
    assert_eq!(client.waiting(), Some(retry_at));
    assert!(until(begin, clock.now()) <= Duration::from_secs(2 * 3600));
    assert!(server.asked().len() <= 3);
}

#[tokio::test]
async fn a_rate_limited_organization_is_read_completely_and_hardly_refused() {
    struct Bucket {
        tokens: f64,
        at: Timestamp,
        refused: usize,
    }
    for retry_after in ["", "retry-after: 1\r\n"] {
        let clock = ManualClock::new();
        let begin = clock.now();
        let (rate, burst) = (10.0, 20.0);
        let bucket = Arc::new(Mutex::new(Bucket { tokens: burst, at: begin, refused: 0 }));
        let everything = rows(60_000);
        let (served, server_clock, state) = (everything.clone(), clock.clone(), bucket.clone());
        let server = Server::start(move |asked, _| {
            let mut bucket = state.lock().unwrap();
            let now = server_clock.now();
            bucket.tokens = (bucket.tokens + rate * until(bucket.at, now).as_secs_f64()).min(burst);
            bucket.at = now;
            if bucket.tokens < 1.0 {
                bucket.refused += 1;
                return Say::Bytes(answer(429, retry_after, ""));
            }
            bucket.tokens -= 1.0;
            v1(asked, &served)
        })
        .await;
        let client = Client::new(config(&server, clock.clone())).unwrap();
        let (rows, pass) = all(&client, endpoints::SYSTEMUSERS, &[]).await.unwrap();
        assert_eq!(rows.len(), everything.len());
        assert_eq!((rows == everything, pass.moved), (true, None));
        let refused = bucket.lock().unwrap().refused;
        assert!(refused < 60, "{refused} refusals in {} pages", pass.pages);
        let ideal = pass.pages as f64 / rate;
        let took = until(begin, clock.now()).as_secs_f64();
        assert!(took < ideal * 1.4, "{took} s instead of {ideal}");
    }
}

#[tokio::test]
async fn a_configured_rate_is_kept_by_all_lists_together() {
    let clock = ManualClock::new();
    let begin = clock.now();
    let everything = rows(3000);
    let server = Server::start(move |asked, _| v1(asked, &everything)).await;
    let mut config = config(&server, clock.clone());
    config.requests_per_second = Some(5.0);
    let client = Client::new(config).unwrap();
    let (one, two) = tokio::join!(all(&client, endpoints::SYSTEMS, &[]), all(&client, endpoints::SYSTEMUSERS, &[]));
    assert_eq!((one.unwrap().0.len(), two.unwrap().0.len()), (3000, 3000));
    let seconds = until(begin, clock.now()).as_secs_f64();
    assert!(seconds >= (server.asked().len() - 1) as f64 / 5.0 - 0.01, "{seconds}");
}

#[tokio::test]
async fn an_event_page_gives_rows_and_the_place_to_go_on() {
    let server = Server::start(|asked, _| {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/insights/directory/v1/events"));
        assert!(asked.body.contains(r#""service":["all"]"#));
        let headers = "X-Result-Count: 1\r\nX-Limit: 1000\r\nX-Search_after: [1763628845921,\"6740aa11bb22cc33dd44ee55\"]\r\ndate: Sun, 22 Nov 2026 08:00:00 GMT\r\n";
        Say::Bytes(answer(200, headers, r#"[{"id":"1","changes":[]}]"#))
    })
    .await;
    let body = serde_json::json!({ "service": ["all"] });
    let answer = client(&server).post(&endpoints::EVENTS, &[], &body).await.unwrap();
    assert_eq!(answer.rows().unwrap()[0].get(), r#"{"id":"1","changes":[]}"#);
    assert_eq!(answer.result_count, Some(1));
    assert_eq!(answer.search_after.unwrap().get(), r#"[1763628845921,"6740aa11bb22cc33dd44ee55"]"#);
    assert_eq!(answer.date, "2026-11-22T08:00:00Z".parse().ok());
}

#[tokio::test]
async fn requests_say_honestly_who_asks() {
    let server = Server::start(|_, _| ok("{}")).await;
    client(&server).read(&endpoints::SYSTEM, &["1"], &[("fields", "_id os")]).await.unwrap();
    let asked = server.asked().pop().unwrap();
    let agent = &asked.headers["user-agent"];
    assert!(agent.starts_with("jumpseat/") && agent.ends_with("(read-only)"), "{agent}");
    assert_eq!(asked.headers["accept"], "application/json");
    assert_eq!(asked.headers["x-api-key"], super::CANARY);
    assert_eq!(asked.query["fields"], "_id os");
    for coding in ["gzip", "br", "zstd"] {
        assert!(asked.headers["accept-encoding"].contains(coding));
    }
}
