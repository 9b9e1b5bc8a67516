//! What is told, to whom, how often: on a store whose streams stand as the test says, with a receiver that is a real server.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use deliver::notify::{Webhook, signature};
use futures::future::BoxFuture;
use serde_json::Value;
use store::{Connection, Location, Outcome, Place as JumpCloud, StreamKind, StreamState};

use super::*;

/// A clock that stands until it is set.
struct Standing(Mutex<Timestamp>);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

type Got = Arc<Mutex<Vec<(HeaderMap, String)>>>;

struct Scene {
    notifier: Notifier,
    looker: Looker,
    clock: Arc<Standing>,
    got: Got,
    answer: Arc<AtomicU16>,
    url: String,
    folder: tempfile::TempDir,
}

async fn take(State((got, answer)): State<(Got, Arc<AtomicU16>)>, headers: HeaderMap, body: String) -> Response {
    got.lock().unwrap().push((headers, body));
    let status = StatusCode::from_u16(answer.load(SeqCst)).unwrap();
    // Somebody who is not meant would get it, if it were followed.
    (status, [(header::LOCATION, "/elsewhere")], "the secret is s3cret-in-the-answer").into_response()
}

fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn key() -> SecretString {
    SecretString::from("whsec_CANARY")
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::File(folder.path().join("jumpseat.db")), &[]).await.unwrap();
        let clock = Arc::new(Standing(Mutex::new(noon())));
        let (got, answer) = (Got::default(), Arc::new(AtomicU16::new(200)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state((Arc::clone(&got), Arc::clone(&answer)));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let notifier = Notifier {
            store,
            key: Arc::new(MasterKey::find(&folder.path().join("master.key"), |_| None).unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            holder: LeaseHolder::this_process("test", "atlas"),
            access: Access { allow_loopback: true, ..Access::default() },
            library: Arc::new(posture::Library::load(None).unwrap()),
            console: Some("https://jumpseat.example.com/".parse().unwrap()),
        };
        Self { notifier, looker: Looker::default(), clock, got, answer, url, folder }
    }

    fn pass(&self, time: SignedDuration) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// A place that is told everything.
    fn place(&self, name: &str, digest: Option<&str>) -> NewPlace {
        NewPlace {
            name: name.to_owned(),
            place: Place::Webhook(Webhook { url: self.url.clone() }, key()),
            topics: Topic::ALL.to_vec(),
            severity: 4,
            digest: digest.map(str::to_owned),
        }
    }

    async fn connect(&self) {
        let connection = Connection {
            id: "c".to_owned(),
            name: "Acme".to_owned(),
            description: None,
            place: JumpCloud { region: None, console_url: String::new(), insights_url: String::new() },
            org_id: Some("o".to_owned()),
            org_name: Some("Acme <!channel>".to_owned()),
            owner_name: None,
            owner_email: None,
            collector: None,
            enabled: true,
            credential_kind: "api_key".to_owned(),
            credential_last_four: "1234".to_owned(),
            credential_client_id: None,
            credential_added_at: noon(),
            credential_created_at: None,
            credential_expires_at: None,
            created_at: noon(),
        };
        let secret = SecretString::from("jca_CANARY");
        let streams = [(StreamKind::Inventory, "1h".to_owned(), None), (StreamKind::Events, "60s".to_owned(), None)];
        self.notifier.store.add_connection(&connection, &secret, &self.notifier.key, &streams).await.unwrap();
    }

    /// A stream fails since then, or is well.
    async fn stream(&self, kind: StreamKind, failing_since: Option<Timestamp>) {
        let now = self.clock.now();
        let state = match failing_since {
            None => StreamState {
                last_outcome: Some(Outcome::Succeeded),
                last_success_at: Some(now),
                ..StreamState::default()
            },
            Some(since) => StreamState {
                last_outcome: Some(Outcome::Failed),
                failing_since: Some(since),
                failures: 1,
                failure_code: Some("key_rejected".to_owned()),
                failure: Some("JumpCloud rejects the key".to_owned()),
                failure_help: Some("Give it a new one.".to_owned()),
                ..StreamState::default()
            },
        };
        self.notifier.store.set_stream_state("c", kind, &state, None).await.unwrap();
    }

    /// Both streams fail or are well.
    async fn streams(&self, failing_since: Option<Timestamp>) {
        self.stream(StreamKind::Inventory, failing_since).await;
        self.stream(StreamKind::Events, failing_since).await;
    }

    /// Looks once; what has arrived since the last look.
    async fn look(&mut self) -> Vec<Value> {
        self.got.lock().unwrap().clear();
        self.notifier.look(&mut self.looker).await.unwrap();
        self.got.lock().unwrap().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_key_that_is_rejected_is_told_once_and_again_when_it_happens_again() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.streams(None).await;
    scene.notifier.add(scene.place("on call", None)).await.unwrap();
    assert!(scene.look().await.is_empty(), "all is well");
    scene.streams(Some(noon())).await;
    let told = scene.look().await;
    assert_eq!(told.len(), 1, "both streams fail for the same reason: {told:?}");
    let news = &told[0]["news"][0];
    assert_eq!(
        (&news["topic"], &news["url"]),
        (&"credential_rejected".into(), &"https://jumpseat.example.com/connections/c".into())
    );
    assert!(news["text"].as_str().unwrap().contains("Give it a new one."), "{news}");
    for _ in 0..3 {
        scene.pass(SignedDuration::from_mins(20));
        assert!(scene.look().await.is_empty(), "it was told");
    }
    // Another process knows what was told.
    scene.looker = Looker::default();
    assert!(scene.look().await.is_empty());
    scene.streams(None).await;
    assert!(scene.look().await.is_empty());
    scene.pass(SignedDuration::from_mins(1));
    scene.streams(Some(scene.clock.now())).await;
    assert_eq!(scene.look().await.len(), 1, "it has happened again");
}

#[tokio::test]
async fn a_message_is_signed_and_numbered() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.streams(Some(noon())).await;
    scene.notifier.add(scene.place("soar", None)).await.unwrap();
    scene.look().await;
    let (headers, body) = scene.got.lock().unwrap()[0].clone();
    assert_eq!(headers["x-jumpseat-signature"].to_str().unwrap(), signature(&key(), noon().as_second(), &body));
    assert_eq!(headers["x-jumpseat-id"].len(), 32);
    assert!(!body.contains("CANARY"));
}

#[tokio::test]
async fn a_place_that_takes_nothing_is_tried_again_later_and_loses_nothing() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.notifier.add(scene.place("on call", None)).await.unwrap();
    scene.streams(Some(noon())).await;
    scene.answer.store(503, SeqCst);
    assert_eq!(scene.look().await.len(), 1);
    assert!(scene.look().await.is_empty(), "not every minute");
    let place = scene.notifier.store.find_notification("On Call").await.unwrap().unwrap();
    let failure = place.state.failure.unwrap();
    assert!(failure.contains("503") && !failure.contains("s3cret"), "{failure}");
    scene.pass(SignedDuration::from_secs(61));
    assert_eq!(scene.look().await.len(), 1);
    scene.pass(SignedDuration::from_secs(61));
    assert!(scene.look().await.is_empty(), "longer each time");
    scene.answer.store(200, SeqCst);
    scene.pass(SignedDuration::from_secs(61));
    assert_eq!(scene.look().await.len(), 1, "nothing was lost");
    let place = scene.notifier.store.find_notification("on call").await.unwrap().unwrap();
    assert_eq!((place.state.failures, place.state.failing_since), (0, None));
    assert!(scene.look().await.is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new().await;
    scene.answer.store(302, SeqCst);
    let refused = scene.notifier.add(scene.place("on call", None)).await.unwrap_err().to_string();
    assert!(refused.contains("not followed"), "{refused}");
    assert_eq!(scene.got.lock().unwrap().len(), 1, "one request and no other");
    assert!(scene.notifier.store.notifications().await.unwrap().is_empty(), "what does not work is not saved");
}

#[tokio::test]
async fn a_digest_waits_for_its_time_and_tells_what_stands_then() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.streams(Some(noon())).await;
    scene.notifier.add(scene.place("board", Some("0 7 * * *"))).await.unwrap();
    assert!(scene.look().await.is_empty());
    scene.pass(SignedDuration::from_hours(18));
    assert!(scene.look().await.is_empty(), "it is six in the morning");
    scene.pass(SignedDuration::from_hours(2));
    assert_eq!(scene.look().await.len(), 1);
    scene.pass(SignedDuration::from_hours(24));
    assert!(scene.look().await.is_empty(), "nothing new stands");
}

#[tokio::test]
async fn of_two_processes_one_tells() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.streams(Some(noon())).await;
    scene.notifier.add(scene.place("on call", None)).await.unwrap();
    let other = LeaseHolder::this_process("another", "borealis");
    let lease = scene.notifier.store.take_lease("notifications", "notifying", &other, noon()).await.unwrap();
    assert!(scene.look().await.is_empty());
    scene.notifier.store.release_lease(lease).await.unwrap();
    assert_eq!(scene.look().await.len(), 1);
}

#[tokio::test]
async fn a_stream_that_is_late_and_a_credential_that_expires_are_told() {
    let mut scene = Scene::new().await;
    scene.connect().await;
    scene.streams(None).await;
    scene.notifier.add(scene.place("on call", None)).await.unwrap();
    let titles = |told: &[Value]| -> Vec<String> {
        let all = told.iter().flat_map(|message| message["news"].as_array().unwrap().clone());
        all.map(|news| news["title"].as_str().unwrap().to_owned()).collect()
    };
    scene.pass(SignedDuration::from_mins(90));
    let told = titles(&scene.look().await);
    assert_eq!(told, ["the events stream of Acme is stalled", "the inventory stream of Acme is late"]);
    scene.pass(SignedDuration::from_mins(60));
    assert_eq!(titles(&scene.look().await), ["the inventory stream of Acme is stalled"]);
    let mut connection = scene.notifier.store.find_connection("c").await.unwrap().unwrap();
    connection.credential_expires_at = Some(scene.clock.now() + SignedDuration::from_hours(20 * 24));
    scene.notifier.store.update_connection(&connection, scene.clock.now()).await.unwrap();
    assert_eq!(titles(&scene.look().await), ["the credential of Acme expires on 2026-12-10 14:30 UTC"]);
    scene.pass(SignedDuration::from_hours(14 * 24));
    assert_eq!(titles(&scene.look().await).len(), 1, "a week before once more");
    connection.enabled = false;
    scene.notifier.store.update_connection(&connection, scene.clock.now()).await.unwrap();
    scene.pass(SignedDuration::from_hours(5 * 24 + 1));
    assert!(scene.look().await.is_empty(), "who pauses a connection knows");
}

#[tokio::test]
async fn the_secret_goes_to_the_host_that_it_was_given_for_and_rests_sealed() {
    let scene = Scene::new().await;
    let place = scene.notifier.add(scene.place("soar", None)).await.unwrap();
    scene.got.lock().unwrap().clear();
    let mut moved = place.clone();
    moved.settings = moved.settings.replace("127.0.0.1", "localhost");
    assert_ne!(moved.settings, place.settings);
    assert!(scene.notifier.test(&moved).await.is_err());
    moved.address = moved.address.replace("127.0.0.1", "localhost");
    assert!(scene.notifier.test(&moved).await.is_err(), "it is sealed for the other host");
    assert!(scene.got.lock().unwrap().is_empty());
    scene.notifier.store.close().await;
    let stored = std::fs::read(scene.folder.path().join("jumpseat.db")).unwrap();
    assert!(!stored.windows(6).any(|part| part == b"CANARY"));
}

#[tokio::test]
async fn names_are_unique_and_topics_and_digests_are_checked() {
    let scene = Scene::new().await;
    scene.notifier.add(scene.place("on call", None)).await.unwrap();
    let refused = async |new: NewPlace| scene.notifier.add(new).await.unwrap_err().to_string();
    assert!(refused(scene.place("On Call", None)).await.contains("already"));
    assert!(refused(scene.place("\u{202e}x", None)).await.contains("visible"));
    assert!(refused(scene.place("board", Some("soon"))).await.contains("digest"));
    assert!(refused(NewPlace { topics: Vec::new(), ..scene.place("board", None) }).await.contains("topics"));
}
