//! Connections that break, hang, drip and lie about their length; redirects; hosts that must not be reached.

use std::time::{Duration, Instant};

use super::{
    CANARY, all, client,
    clock::ManualClock,
    config,
    server::{Say, Server, answer, ok, rows, slice, v1},
};
use crate::{Client, Clock as _, Credential, Error, Hosts, Stage, clock::until, endpoints};

fn page(count: usize) -> Vec<u8> {
    let body = format!(r#"{{"totalCount":{count},"results":[{}]}}"#, rows(count).join(","));
    answer(200, "", body)
}

#[tokio::test]
async fn a_page_cut_after_any_byte_is_discarded_whole_and_asked_again() {
    cut_everywhere(0, page(3)).await;
}

#[tokio::test]
async fn a_cut_page_without_a_length_is_never_taken_for_a_whole_one() {
    // Without a content-length the end of the connection is the end of the body: only JSON can tell.
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let body = format!(r#"{{"totalCount":3,"results":[{}]}}"#, rows(3).join(","));
    cut_everywhere(head.len() + 1, [head, body.as_bytes()].concat()).await;
}

/// Reads a list whose answer is first cut and then whole, with the cut after each byte from `first` on.
async fn cut_everywhere(first: usize, whole: Vec<u8>) {
    let length = whole.len();
    let server = Server::start(move |_, n| {
        let end = if n % 2 == 0 { first + n / 2 } else { whole.len() };
        Say::Cut(whole[..end].to_vec())
    })
    .await;
    let client = client(&server);
    for cut in first..length {
        let (rows, pass) = all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
        assert_eq!((rows.len(), pass.pages), (3, 1), "cut after {cut} bytes");
    }
    assert_eq!(server.asked().len(), 2 * (length - first));
}

#[tokio::test]
async fn a_wrong_content_length_is_noticed_and_the_page_asked_again() {
    let whole = page(3);
    let text = String::from_utf8(whole.clone()).unwrap();
    let length: usize = text.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    for lie in [length - 1, 1, length + 1] {
        let wrong = text.replace(&format!("content-length: {length}"), &format!("content-length: {lie}")).into_bytes();
        let right = whole.clone();
        let server =
            Server::start(move |_, n| if n == 0 { Say::Cut(wrong.clone()) } else { Say::Bytes(right.clone()) }).await;
        let (rows, _) = all(&client(&server), endpoints::SYSTEMS, &[]).await.unwrap();
        assert_eq!(rows.len(), 3, "{lie} instead of {length}");
    }
}

#[tokio::test]
async fn hanging_and_dripping_answers_are_given_up_in_time() {
    let half = {
        let page = page(3);
        page[..page.len() / 2].to_vec()
    };
    let head = b"HTTP/1.1 200 OK\r\ncontent-".to_vec();
    for (name, say) in [("before headers", Vec::new()), ("in the headers", head), ("in the body", half)] {
        for drips in [false, true] {
            if drips && say.is_empty() {
                continue;
            }
            let bytes = say.clone();
            let server = Server::start(move |_, _| {
                if drips {
                    Say::Drip([bytes.clone(), vec![b' '; 1000]].concat(), Duration::from_millis(5))
                } else {
                    Say::Hang(bytes.clone())
                }
            })
            .await;
            let mut config = config(&server, ManualClock::new());
            config.limits.header_timeout = Duration::from_millis(150);
            config.limits.idle_timeout = Duration::from_millis(150);
            config.limits.page_timeout = Duration::from_millis(300);
            config.limits.max_attempts = 2;
            let begin = Instant::now();
            let error = Client::new(config).unwrap().read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
            assert!(matches!(error, Error::Unreachable { stage: Stage::Timeout, .. }), "{name}: {error}");
            assert_eq!(server.asked().len(), 2);
            assert!(begin.elapsed() < Duration::from_secs(5), "{name}");
        }
    }
}

#[tokio::test]
async fn a_hanging_request_does_not_hold_up_the_others() {
    let everything = rows(300);
    let server = Server::start(move |asked, _| match asked.path.as_str() {
        "/api/commands" => Say::Hang(Vec::new()),
        _ => v1(asked, &everything),
    })
    .await;
    let client = client(&server);
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.read(&endpoints::COMMANDS, &[], &[]).await.map(|_| ()) }
    });
    all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
    assert!(!hanging.is_finished());
    hanging.abort();
}

#[tokio::test]
async fn nobody_listening_is_unreachable_at_connecting() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::start(|_, _| ok("{}")).await;
    let mut config = config(&server, ManualClock::new());
    config.hosts = Hosts::custom(&url, &url, true).unwrap();
    let error = Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
    let Error::Unreachable { host, stage, context } = &error else { panic!("{error}") };
    assert_eq!((*stage, context.attempts), (Stage::Connect, 6));
    assert_eq!(format!("http://{host}"), url);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn somebody_who_waits_is_told_within_seconds_unless_something_has_worked_before() {
    for (working, least, most) in [(0, 3, 10), (1, 31, 62)] {
        let server = Server::start(move |_, n| if n < working { ok("{}") } else { Say::Cut(Vec::new()) }).await;
        let clock = ManualClock::new();
        let mut config = config(&server, clock.clone());
        config.limits.first_success = Some(Duration::from_secs(10));
        let client = Client::new(config).unwrap();
        for _ in 0..working {
            client.read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap();
        }
        let begin = clock.now();
        let error = client.read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        let waited = until(begin, clock.now()).as_secs();
        assert!((least..=most).contains(&waited), "{working}: {waited} s");
    }
}

#[tokio::test]
async fn a_short_blip_is_survived_also_by_somebody_who_waits() {
    let server = Server::start(|_, n| if n < 2 { Say::Cut(Vec::new()) } else { ok("{}") }).await;
    let mut config = config(&server, ManualClock::new());
    config.limits.first_success = Some(Duration::from_secs(10));
    Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_custom_name_that_resolves_to_a_private_address_is_not_connected_to() {
    let server = Server::start(|_, _| ok("{}")).await;
    let port = server.url.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let mut config = config(&server, ManualClock::new());
    config.hosts = Hosts::custom(&url, &url, false).unwrap();
    let error = Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { stage: Stage::Dns, .. }), "{error}");
    assert!(error.to_string().contains("not public"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_unreachable_at_name_lookup() {
    let server = Server::start(|_, _| ok("{}")).await;
    let mut config = config(&server, ManualClock::new());
    let url = "https://gateway.invalid";
    config.hosts = Hosts::custom(url, url, false).unwrap();
    config.limits.max_attempts = 1;
    let error = Client::new(config).unwrap().read(&endpoints::SYSTEM, &["1"], &[]).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { stage: Stage::Dns | Stage::Timeout, .. }), "{error}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_carry_the_key_nowhere() {
    let thief = Server::start(|_, _| ok("{}")).await;
    let thief_port = thief.url.rsplit(':').next().unwrap().to_owned();
    for status in [301, 302, 303, 307, 308] {
        for target in [
            format!("{}/api/systems", thief.url),
            format!("http://localhost:{thief_port}/{CANARY}?key={CANARY}"),
            format!("//127.0.0.1:{thief_port}/"),
            format!("http://user:{CANARY}@127.0.0.1:{thief_port}/"),
            format!("http://[::1]:{thief_port}/"),
            "/login".to_owned(),
            "::::".to_owned(),
            String::new(),
        ] {
            let server = Server::start(move |_, _| {
                Say::Bytes(answer(status, &format!("location: {target}\r\n"), "<html>login</html>"))
            })
            .await;
            let client = client(&server);
            for account in [false, true] {
                let client = if account {
                    let mut config = config(&server, ManualClock::new());
                    config.credential = Credential::service_account("id", CANARY).unwrap();
                    Client::new(config).unwrap()
                } else {
                    client.clone()
                };
                let error = client.read(&endpoints::SYSTEMS, &[], &[("filter", "secret")]).await.unwrap_err();
                let Error::Redirected { to_host, .. } = &error else { panic!("{error}") };
                assert!(!to_host.contains(['/', ':', '@', '?']) || to_host == "[::1]", "{to_host}");
                assert!(!format!("{error} {error:?}").contains(CANARY));
            }
            assert_eq!(server.asked().len(), 2, "redirects are not asked again");
        }
    }
    assert_eq!(thief.connections(), 0);
}

#[tokio::test]
async fn a_slow_reader_loses_no_page_that_came_in_the_meantime() {
    use futures::StreamExt;
    let everything = rows(2000);
    let served = everything.clone();
    let server = Server::start(move |asked, _| v1(asked, &served)).await;
    let mut config = config(&server, ManualClock::new());
    config.limits.page_timeout = Duration::from_millis(400);
    let client = Client::new(config).unwrap();
    let mut stream = std::pin::pin!(client.list(&endpoints::SYSTEMS, &[], &[]));
    let mut count = 0;
    while let Some(listed) = stream.next().await {
        if let crate::Listed::Page(page) = listed.unwrap() {
            count += page.rows.len();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    assert_eq!(count, everything.len());
    assert!(client.calls()[0].retries == 0);
}

#[tokio::test]
async fn a_dropped_list_stops_asking() {
    use futures::StreamExt;
    let everything = rows(100_000);
    let server = Server::start(move |asked, _| {
        let page = slice(asked, &everything);
        ok(format!(r#"{{"totalCount":100000,"results":[{}]}}"#, page.join(",")))
    })
    .await;
    let client = client(&server);
    {
        let mut stream = std::pin::pin!(client.list(&endpoints::SYSTEMS, &[], &[]));
        for _ in 0..3 {
            stream.next().await.unwrap().unwrap();
        }
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(server.asked().len() <= 30, "{}", server.asked().len());
}
