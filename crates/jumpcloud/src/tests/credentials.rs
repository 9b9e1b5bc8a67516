//! Credentials: tokens of service accounts, and that no secret shows anywhere.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::{
    CANARY, all, client,
    clock::ManualClock,
    config,
    server::{Asked, Say, Server, answer, ok, refuse, rows, v1},
};
use crate::{Client, Credential, Error, endpoints};

fn account(server: &Server, clock: Arc<ManualClock>) -> Client {
    let mut config = config(server, clock);
    config.credential = Credential::service_account("client-id", CANARY).unwrap();
    Client::new(config).unwrap()
}

fn is_token_call(asked: &Asked) -> bool {
    asked.path == "/oauth2/token"
}

fn token_calls(server: &Server) -> usize {
    server.asked().iter().filter(|asked| is_token_call(asked)).count()
}

/// Answers token calls with numbered tokens and everything else with `then`.
async fn with_tokens(expires_in: &'static str, then: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static) -> Server {
    let count = Mutex::new(0);
    Server::start(move |asked, n| {
        if !is_token_call(asked) {
            return then(asked, n);
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        ok(format!(r#"{{"access_token":"TOKEN-{count}","token_type":"bearer"{expires_in}}}"#))
    })
    .await
}

#[tokio::test]
async fn a_service_account_asks_for_one_token_for_everybody() {
    let everything = rows(2000);
    let server = with_tokens(r#","expires_in":3600"#, move |asked, _| v1(asked, &everything)).await;
    let client = account(&server, ManualClock::new());
    let lists =
        [endpoints::SYSTEMS, endpoints::SYSTEMUSERS, endpoints::COMMANDS].map(|endpoint| all(&client, endpoint, &[]));
    for list in futures::future::join_all(lists).await {
        assert_eq!(list.unwrap().0.len(), 2000);
    }
    assert_eq!(token_calls(&server), 1);
    let asked = server.asked();
    let token = asked.iter().find(|asked| is_token_call(asked)).unwrap();
    assert_eq!(token.method, "POST");
    assert_eq!(token.body, "grant_type=client_credentials&scope=api");
    let pair = data_encoding::BASE64.encode(format!("client-id:{CANARY}").as_bytes());
    assert_eq!(token.headers["authorization"], format!("Basic {pair}"));
    for asked in asked.iter().filter(|asked| !is_token_call(asked)) {
        assert_eq!(asked.headers["authorization"], "Bearer TOKEN-1");
        assert!(!asked.headers.contains_key("x-api-key"));
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let server = with_tokens(r#","expires_in":3600"#, |asked, _| v1(asked, &[])).await;
    let clock = ManualClock::new();
    let client = account(&server, clock.clone());
    for (minutes, calls) in [(0, 1), (58, 1), (2, 2), (58, 2), (70, 3)] {
        clock.advance(Duration::from_secs(60 * minutes));
        all(&client, endpoints::SYSTEMS, &[]).await.unwrap();
        assert_eq!(token_calls(&server), calls);
    }
}

#[tokio::test]
async fn senseless_lifetimes_do_not_make_a_token_call_for_each_request() {
    for expires_in in ["", r#","expires_in":0"#, r#","expires_in":-1"#, r#","expires_in":1e9"#, r#","expires_in":"x""#]
    {
        let everything = rows(1000);
        let server = with_tokens(expires_in, move |asked, _| v1(asked, &everything)).await;
        all(&account(&server, ManualClock::new()), endpoints::SYSTEMS, &[]).await.unwrap();
        assert_eq!(token_calls(&server), 1, "{expires_in}");
    }
}

#[tokio::test]
async fn a_401_renews_the_token_once_and_then_the_account_is_dead() {
    let everything = rows(1000);
    let server = with_tokens("", move |asked, _| match asked.headers["authorization"].as_str() {
        "Bearer TOKEN-1" => refuse(401, "Unauthorized"),
        _ => v1(asked, &everything),
    })
    .await;
    let client = account(&server, ManualClock::new());
    assert_eq!(all(&client, endpoints::SYSTEMS, &[]).await.unwrap().0.len(), 1000);
    assert_eq!(token_calls(&server), 2);

    let server = with_tokens("", |_, _| refuse(401, "Unauthorized")).await;
    let client = account(&server, ManualClock::new());
    for _ in 0..5 {
        assert_eq!(all(&client, endpoints::SYSTEMS, &[]).await.unwrap_err().code(), "key_rejected");
    }
    assert_eq!((token_calls(&server), server.asked().len()), (2, 4));
}

#[tokio::test]
async fn a_refused_service_account_is_dead_at_once() {
    for (status, body) in [
        (400, r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#),
        (401, r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#),
    ] {
        let server = Server::start(move |_, _| Say::Bytes(answer(status, "", body))).await;
        let client = account(&server, ManualClock::new());
        for _ in 0..5 {
            let error = client.read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
            let Error::KeyRejected(context) = &error else { panic!("{error}") };
            assert_eq!(context.endpoint, "oauth2/token");
            assert_eq!(context.message.as_deref(), Some("Client authentication failed"));
        }
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_for_another_reason_does_not_kill_the_account() {
    for (status, body, code) in [
        (403, "<html>blocked</html>", "not_permitted"),
        (400, r#"{"error":"invalid_scope"}"#, "bad_request"),
        (302, "", "redirected"),
    ] {
        let server = Server::start(move |_, _| Say::Bytes(answer(status, "", body))).await;
        let client = account(&server, ManualClock::new());
        for sent in 1..3 {
            let error = client.read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
            assert_eq!((error.code(), server.asked().len()), (code, sent));
        }
    }
}

#[tokio::test]
async fn a_busy_token_endpoint_is_waited_out() {
    let server = Server::start(|asked, n| match (is_token_call(asked), n) {
        (true, 0) => refuse(500, "busy"),
        (true, 1) => Say::Bytes(answer(429, "retry-after: 5\r\n", "")),
        (true, 2) => Say::Cut(b"HTTP/1.1 200".to_vec()),
        (true, _) => ok(r#"{"access_token":"TOKEN"}"#),
        (false, _) => v1(asked, &[]),
    })
    .await;
    all(&account(&server, ManualClock::new()), endpoints::SYSTEMS, &[]).await.unwrap();
    assert_eq!(token_calls(&server), 4);
}

#[tokio::test]
async fn a_token_answer_without_a_token_shows_nothing_of_itself() {
    for body in ["{}", "<html>", r#"{"token":"SECRET-TOKEN"}"#, r#"{"access_token":["SECRET-TOKEN"]}"#] {
        let server = Server::start(move |_, _| ok(body)).await;
        let error = account(&server, ManualClock::new()).read(&endpoints::SYSTEMS, &[], &[]).await.unwrap_err();
        assert_eq!(error.code(), "unexpected_shape");
        assert!(!format!("{error:?}").contains("SECRET-TOKEN"));
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Says back everything that it was sent, as an error and as a success.
fn echo(asked: &Asked, status: u16) -> Say {
    let everything = format!("{:?}", asked.headers);
    let json = serde_json::json!({ "message": everything, "results": everything }).to_string();
    let headers = format!("x-echo: {}\r\n", asked.headers.get("x-api-key").map_or("", String::as_str));
    let body = if asked.path.contains("html") { everything } else { json };
    Say::Bytes(answer(status, &headers, body))
}

#[tokio::test]
async fn no_secret_shows_in_any_error_debug_output_or_log() {
    const QUERY: &str = "username:$eq:mara.lind";
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // With a second dispatcher, log statements that other tests reach first still ask this one.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    // The other libraries log through `log`; without a bridge nothing of theirs would be seen.
    tracing_log::LogTracer::init().ok();

    let mut shown = String::new();
    for status in [200, 302, 400, 401, 402, 403, 404, 418, 429, 500, 503] {
        for is_account in [false, true] {
            let server = Server::start(move |asked, _| match (is_token_call(asked), status) {
                (true, 200 | 403) => ok(r#"{"access_token":"jca_TOKEN_CANARY"}"#),
                _ => echo(asked, status),
            })
            .await;
            let client = if is_account { account(&server, ManualClock::new()) } else { client(&server) };
            for endpoint in [endpoints::SYSTEMS, endpoints::USERGROUPS] {
                let error = client.read(&endpoint, &[], &[("filter", QUERY)]).await.err();
                let listed = all(&client, endpoint, &[]).await.unwrap_err();
                for error in error.iter().chain([&listed]) {
                    shown += &format!("{error} {error:?} {error:#?} {}\n", error.help());
                }
            }
            shown += &format!("{client:?} {:?} {:?}\n", client.calls(), client.waiting());
        }
    }
    let server = Server::start(|_, _| Say::Cut(Vec::new())).await;
    let mut config = config(&server, ManualClock::new());
    shown += &format!("{config:?}");
    config.limits.max_attempts = 1;
    shown += &format!("{:?}", Client::new(config).unwrap().read(&endpoints::SYSTEMS, &[], &[("filter", QUERY)]).await);

    assert!(shown.contains("[redacted]"), "the echo was not seen at all");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("asked JumpCloud") && log.contains("systems"), "the log was not seen at all");
    let basic = data_encoding::BASE64.encode(format!("client-id:{CANARY}").as_bytes());
    for (name, text) in [("errors", &shown), ("log", &log)] {
        for secret in [CANARY, "TOKEN_CANARY", &basic] {
            assert!(!text.contains(secret), "{name}: {}", text.lines().find(|line| line.contains(secret)).unwrap());
        }
    }
    assert!(!shown.contains("mara.lind"));
    let ours = log.lines().filter(|line| line.contains("jumpcloud::"));
    assert!(ours.clone().count() > 0);
    assert!(ours.into_iter().all(|line| !line.contains("mara.lind")));
}
