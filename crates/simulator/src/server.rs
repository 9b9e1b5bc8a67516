//! The HTTP face: one loopback listener, ordinary headers, and faults that show on the wire.
//! Responsible for bytes and connections. What is answered is decided by `World`.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::call::{Answer, Call, HTML, JSON};
use crate::clock::Clock;
use crate::config::Config;
use crate::connection::Listener;
use crate::control;
use crate::dice::mix;
use crate::faults::{Effect, FaultBody, Hit};
use crate::time;
use crate::world::World;

/// No request of a reader needs more.
const MOST_REQUEST_BYTES: usize = 1 << 20;

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

/// A simulator that serves. It stops when it is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    world: Arc<World>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Grows the world and serves it at `address` (port 0 for any free port). Needs a running Tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: Config, clock: Clock, address: SocketAddr) -> io::Result<Running> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(&config, clock));
        let (stop, stopped) = watch::channel(false);
        let router = Router::new().fallback(serve).with_state(Arc::clone(&world));
        let listener = Listener { listener, stop: stopped.clone() };
        let task = tokio::spawn(accept(listener, router, Arc::clone(&world), stopped));
        tracing::info!(%address, organizations = world.organizations().len(), "the simulator serves");
        Ok(Running { address, world, stop, task })
    }
}

impl Running {
    /// The base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The state behind it.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    /// Stops serving: closes the listener and drops every connection, also those in the middle of an answer.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves every connection on a task of its own until everything is to end.
async fn accept(listener: Listener, router: Router, world: Arc<World>, mut stopped: watch::Receiver<bool>) {
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let service = TowerToHyperService::new(router.clone());
        let mut http = http1::Builder::new();
        // Every answer has one of its own, unless a fault takes it away.
        http.auto_date_header(false);
        http.title_case_headers(world.faults().spells_headers_as_documented());
        tokio::spawn(async move {
            // A connection that breaks is the client's business, or a fault on purpose.
            let _ = http.serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

/// Ends the count of a request in work, also when the client goes away first.
struct InWork<'a>(&'a World);

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.finished();
    }
}

async fn serve(State(world): State<Arc<World>>, request: Request) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let Ok(body) = to_bytes(body, MOST_REQUEST_BYTES).await else {
        return Ok(respond(Answer::message(413, "Payload Too Large"), 0, world.clock().now()).map(Body::from));
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let call = Call::new(head.method.as_str(), target, headers, body);
    if call.segments.first().is_some_and(|part| part == "__simulator") {
        let answer = control::route(&world, &call);
        return Ok(respond(answer, 0, world.clock().now()).map(Body::from));
    }
    let outcome = world.handle(&call);
    let _in_work = InWork(&world);
    let wait: u64 = outcome
        .hits
        .iter()
        .map(|hit| if let Effect::Latency { milliseconds } = hit.effect { milliseconds } else { 0 })
        .sum();
    let wait = outcome.delay + Duration::from_millis(wait);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    if outcome.hits.iter().any(|hit| hit.effect == Effect::HangBeforeHeaders) {
        std::future::pending::<()>().await;
    }
    Ok(spoil(outcome.answer, &outcome.hits, world.clock().now()))
}

/// Turns an answer into a response, with every fault that hits it.
fn spoil(answer: Answer, hits: &[Hit], now: i64) -> Response<Body> {
    let mut answer = answer;
    let mut extra: Vec<(String, String)> = Vec::new();
    let mut date_offset = 0;
    for hit in hits {
        match &hit.effect {
            Effect::Status { status, body, headers, retry_after } => {
                answer = refusal(*status, body);
                extra.extend(headers.iter().cloned());
                extra.extend(retry_after.iter().map(|value| ("retry-after".to_owned(), value.text(now))));
            }
            Effect::HtmlOk => answer = refusal(200, &FaultBody::Html),
            Effect::EmptyBody => answer = Answer::json(String::new()),
            Effect::Text { body, content_type } => {
                answer = Answer::json(body.clone());
                extra.extend(content_type.iter().map(|value| ("content-type".to_owned(), value.clone())));
            }
            Effect::Redirect { status, location } => {
                answer = Answer { status: *status, ..Answer::json(String::new()) };
                extra.push(("location".to_owned(), location.clone()));
            }
            Effect::DateOffset { seconds } => date_offset = *seconds,
            _ => {}
        }
    }
    let mut response = respond(answer, date_offset, now);
    for (name, value) in extra {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    for hit in hits {
        let Effect::Header { name, value } = &hit.effect else { continue };
        let Ok(name) = HeaderName::try_from(name.to_ascii_lowercase()) else { continue };
        response.headers_mut().remove(&name);
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    let (mut head, body) = response.into_parts();
    let shape = hits.iter().rev().find_map(|hit| match &hit.effect {
        Effect::HangMidBody { after } => {
            Some(pieces(body.slice(..(*after).min(body.len())), body.len().max(1), 0, End::Hang))
        }
        Effect::SlowDrip { bytes, milliseconds } => {
            Some(pieces(body.clone(), (*bytes).max(1), *milliseconds, End::Done))
        }
        Effect::Cut { after } => {
            head.headers.insert("content-length", HeaderValue::from(body.len()));
            Some(pieces(body.slice(..(*after).min(body.len())), body.len().max(1), 0, End::Cut))
        }
        Effect::ContentLength { delta } => {
            let length = (body.len() as i64 + delta).max(0) as u64;
            head.headers.insert("content-length", HeaderValue::from(length));
            Some(pieces(body.clone(), body.len().max(1), 0, End::Done))
        }
        Effect::GzipBomb { bytes } => {
            head.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            Some(bomb(*bytes))
        }
        _ => None,
    });
    Response::from_parts(head, shape.unwrap_or_else(|| Body::from(body)))
}

/// Adds the headers that every answer of the service has.
fn respond(answer: Answer, date_offset: i64, now: i64) -> Response<Bytes> {
    let hash = fingerprint(answer.body.as_bytes());
    let body = Bytes::from(answer.body);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let length = response.body().len();
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set("content-type", answer.content_type.to_owned());
    set("date", time::http_date(now + date_offset * time::SECOND));
    set("etag", format!("W/\"{length:x}-{hash:016x}\""));
    set("x-response-time", format!("{}.{:03}ms", 12 + hash % 30, hash % 1000));
    set("x-envoy-upstream-service-time", format!("{}", 13 + hash % 30));
    set("cf-ray", format!("{hash:016x}-SIM"));
    set("cache-control", "no-store".to_owned());
    set("pragma", "no-cache".to_owned());
    set("server", "cloudflare".to_owned());
    set("strict-transport-security", "max-age=31536000; includeSubdomains;".to_owned());
    set("x-content-type-options", "nosniff".to_owned());
    set("x-frame-options", "SAMEORIGIN".to_owned());
    set("x-xss-protection", "1; mode=block".to_owned());
    set("vary", "Accept-Encoding".to_owned());
    for (name, value) in answer.headers {
        set(name, value);
    }
    response
}

fn refusal(status: u16, body: &FaultBody) -> Answer {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
    let (content_type, body) = match body {
        FaultBody::Json => return Answer::message(status, reason),
        FaultBody::Html => (
            HTML,
            format!(
                "<!doctype html><html><head><title>{status} {reason}</title></head><body><h1>{reason}</h1></body></html>"
            ),
        ),
        FaultBody::Empty => (JSON, String::new()),
        FaultBody::Text(text) => (JSON, text.clone()),
    };
    Answer { status, headers: Vec::new(), content_type, body }
}

/// A cheap hash of a body for its etag.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash ^ u64::from_le_bytes(word))
    })
}

/// How a body in pieces ends.
#[derive(Clone, Copy)]
enum End {
    Done,
    Cut,
    Hang,
}

/// A body sent in pieces with pauses (at least one turn of the runtime, so that each piece reaches the wire).
fn pieces(body: Bytes, size: usize, pause: u64, end: End) -> Body {
    Body::from_stream(stream::unfold((body, true), move |(mut rest, first)| async move {
        if !first {
            tokio::time::sleep(Duration::from_millis(pause.max(1))).await;
        }
        if rest.is_empty() {
            return match end {
                End::Done => None,
                End::Hang => std::future::pending().await,
                End::Cut => Some((Err(io::Error::other("the connection is cut on purpose")), (rest, false))),
            };
        }
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok(piece), (rest, false)))
    }))
}

/// A gzip body that expands to `[` and that many blanks, compressed while it is sent.
fn bomb(bytes: u64) -> Body {
    const BLOCK: usize = 1 << 20;
    let encoder = GzEncoder::new(Vec::new(), Compression::best());
    Body::from_stream(stream::unfold(Some((encoder, bytes, true)), move |state| async move {
        let (mut encoder, left, first) = state?;
        let mut block = vec![b' '; BLOCK.min(usize::try_from(left).unwrap_or(BLOCK))];
        if let (true, Some(start)) = (first, block.first_mut()) {
            *start = b'[';
        }
        if let Err(error) = encoder.write_all(&block) {
            return Some((Err(error), None));
        }
        let left = left - block.len() as u64;
        if left == 0 {
            return Some((encoder.finish().map(Bytes::from), None));
        }
        let ready = Bytes::from(std::mem::take(encoder.get_mut()));
        Some((Ok(ready), Some((encoder, left, false))))
    }))
}
