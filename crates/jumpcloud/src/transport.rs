//! One HTTP exchange: sends a request, reads the answer within limits of time and size, and says where it was
//! lost if it was. Neither retries nor understands the answer; that is `client.rs`.

use std::{
    error::Error as StdError,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use reqwest::{
    Certificate, Request, Response,
    header::{CONTENT_ENCODING, HeaderMap},
    redirect,
};
use tokio::time::{self, Instant as Deadline};

use crate::{
    config::Limits,
    error::{Error, Stage},
    hosts::Hosts,
    resolver::{ResolveError, Resolver},
    retry::http_date,
};

/// Honest about who asks: JumpCloud's administrators see it in their logs.
const USER_AGENT: &str = concat!("jumpseat/", env!("CARGO_PKG_VERSION"), " (read-only)");
/// More of an error's body is not worth reading.
const ERROR_BODY: usize = 64 * 1024;
/// Header limits of HTTP/2 and HTTP/1; real answers have about thirty headers and two kilobytes.
const HEADER_BYTES: u32 = 64 * 1024;
const HEADER_COUNT: usize = 100;

pub(crate) struct Transport {
    http: reqwest::Client,
    limits: Limits,
}

/// An answer, whatever its status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HeaderMap,
    /// After decompression. Of an error, perhaps only the beginning.
    pub(crate) body: Vec<u8>,
    pub(crate) elapsed: Duration,
}

impl Reply {
    /// Returns a header's value if it is there and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the server's own time.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        http_date(self.header("date")?)
    }

    /// Tells whether the answer claims to be a web page.
    pub(crate) fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
    }
}

/// Why there is no whole answer.
pub(crate) enum Lost {
    Unreachable { stage: Stage, why: String },
    TooLarge,
}

impl Transport {
    pub(crate) fn new(hosts: &Hosts, limits: &Limits, roots: &[Vec<u8>]) -> Result<Self, Error> {
        hosts.check().map_err(|error| Error::Config(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(limits.connect_timeout)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_idle_timeout(Duration::from_secs(60))
            .http1_max_headers(HEADER_COUNT)
            .http2_max_header_list_size(HEADER_BYTES)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(20))
            .dns_resolver(std::sync::Arc::new(Resolver::new(hosts.clone())));
        if hosts.are_loopback() {
            builder = builder.no_proxy();
        }
        for pem in roots {
            let found = Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| Error::Config("an extra root certificate is not in PEM form".to_owned()))?;
            builder = builder.tls_certs_merge(found);
        }
        let http =
            builder.build().map_err(|error| Error::Config(format!("cannot set up HTTPS: {}", innermost(&error))))?;
        Ok(Self { http, limits: limits.clone() })
    }

    /// Returns the builder of a request; the caller sets what it says.
    pub(crate) fn request(&self, method: reqwest::Method, url: url::Url) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    pub(crate) async fn exchange(&self, request: Request) -> Result<Reply, Lost> {
        let begin = Instant::now();
        let page_end = Deadline::now() + self.limits.page_timeout;
        let headers_end = page_end.min(Deadline::now() + self.limits.header_timeout);
        let response = time::timeout_at(headers_end, self.http.execute(request))
            .await
            .map_err(|_| late("no answer in time"))?
            .map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        // What reqwest has decoded is no longer called encoded.
        let encoding = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
        if let Some(encoding) = encoding.filter(|_| status < 300) {
            let why = format!("the answer is encoded as {encoding:?}, which was not asked for");
            return Err(Lost::Unreachable { stage: Stage::Interrupted, why });
        }
        let body = self.body(response, page_end).await?;
        Ok(Reply { status, headers, body, elapsed: begin.elapsed() })
    }

    async fn body(&self, mut response: Response, page_end: Deadline) -> Result<Vec<u8>, Lost> {
        let is_error = !response.status().is_success();
        let mut body = Vec::new();
        loop {
            let end = page_end.min(Deadline::now() + self.limits.idle_timeout);
            let chunk = match time::timeout_at(end, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body),
                // The status says enough; its explanation may stay incomplete.
                _ if is_error => return Ok(body),
                Ok(Err(error)) => return Err(lost(&error)),
                Err(_) => return Err(late("the rest of the answer did not come in time")),
            };
            if is_error && body.len() + chunk.len() > ERROR_BODY {
                return Ok(body);
            }
            if body.len() + chunk.len() > self.limits.max_body_bytes {
                return Err(Lost::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
    }
}

fn late(why: &str) -> Lost {
    Lost::Unreachable { stage: Stage::Timeout, why: why.to_owned() }
}

fn lost(error: &reqwest::Error) -> Lost {
    let in_chain = |found: fn(&(dyn StdError + 'static)) -> bool| chain(error).any(found);
    let stage = if in_chain(|e| e.is::<ResolveError>()) {
        Stage::Dns
    } else if in_chain(|e| e.is::<rustls::Error>()) {
        Stage::Tls
    } else if error.is_timeout() {
        Stage::Timeout
    } else if error.is_connect() {
        Stage::Connect
    } else {
        Stage::Interrupted
    };
    // Not the error's own text: that names the URL with its query.
    let why = innermost(error);
    Lost::Unreachable { stage, why }
}

/// Returns the cause of all causes, which names neither URL nor header.
fn innermost(error: &reqwest::Error) -> String {
    chain(error).skip(1).last().map_or_else(|| "unknown cause".to_owned(), ToString::to_string)
}

/// Returns an error and its causes. An I/O error hides the one it wraps from `source`, so look inside.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| cause(error))
}

fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
