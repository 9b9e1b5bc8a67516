//! A server with canned answers: what a test gives it, and empty lists for everything else. For bytes that the simulator
//! would never say, and for recorded exchanges.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::serve::ListenerExt as _;
use collect::Collector;
use jumpcloud::{Credential, Limits};
use secrecy::SecretString;
use store::{Connection, StreamKind};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::TestClock;
use crate::support::{collector, connection_to};

/// The body of an answer and, for bare lists, its total.
#[derive(Debug, Clone)]
pub(crate) struct Canned {
    pub(crate) body: Vec<u8>,
    pub(crate) total: Option<String>,
}

/// Gives the answer to a path with its query, or nothing for an empty list.
pub(crate) type Answers = dyn Fn(&str, &HashMap<String, String>) -> Option<Canned> + Send + Sync;

/// A server, and a collector with one connection to it.
pub(crate) struct CannedScenario {
    pub(crate) collector: Collector,
    pub(crate) connection: Connection,
    _folder: tempfile::TempDir,
    server: JoinHandle<()>,
}

impl Canned {
    /// A body without a total beside it.
    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Option<Self> {
        Some(Self { body: body.into(), total: None })
    }
}

/// Starts a server with these answers, and a collector for it.
pub(crate) async fn canned(
    answers: impl Fn(&str, &HashMap<String, String>) -> Option<Canned> + Send + Sync + 'static,
) -> CannedScenario {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(&TestClock::new(), &folder, Limits::default()).await;
    let (url, server) = serve(Arc::new(answers)).await;
    let connection = connect(&collector, &url, 0).await;
    CannedScenario { collector, connection, _folder: folder, server }
}

/// Stores a connection to a canned server.
pub(crate) async fn connect(collector: &Collector, url: &str, number: usize) -> Connection {
    let now = collector.clock.now();
    let connection = connection_to(url, number, &Credential::api_key("canned").unwrap(), now);
    let streams = [(StreamKind::Inventory, "1h".to_owned(), Some(now))];
    collector.store.add_connection(&connection, &SecretString::from("canned"), &collector.key, &streams).await.unwrap();
    connection
}

/// Serves canned answers on a free port.
pub(crate) async fn serve(answers: Arc<Answers>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Small answers are to go out at once.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let router = Router::new().fallback(answer).with_state(answers);
    (url, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

async fn answer(State(answers): State<Arc<Answers>>, request: Request) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let path = request.uri().path();
    let empty = if path.starts_with("/api/v2/") { "[]" } else { r#"{"totalCount":0,"results":[]}"# };
    let nothing = || Canned { body: empty.into(), total: Some("0".to_owned()) };
    let canned = answers(path, &query).unwrap_or_else(nothing);
    let mut response = Response::builder().header("content-type", "application/json; charset=utf-8");
    if let Some(total) = canned.total {
        response = response.header("x-total-count", total);
    }
    response.body(Body::from(canned.body)).unwrap()
}

impl Drop for CannedScenario {
    fn drop(&mut self) {
        self.server.abort();
    }
}
