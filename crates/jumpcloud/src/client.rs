//! The client: asks one thing or a list. Here is decided what is sent, what an answer means, and when a
//! credential is dead. Paging is in `list.rs`, how long a failed request is repeated in `patience.rs`.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::Stream;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    answer::Answer,
    calls::{CallCount, Calls},
    clock::{Clock, after},
    config::{ClientConfig, Limits},
    credential::{Credential, basic},
    endpoint::{Endpoint, Family, Method},
    error::{Context, Error, printable},
    hosts::Hosts,
    json::Flaw,
    list::{self, Listed},
    pace::{Pace, Turn},
    patience::{Again, Failure, Patience},
    retry::retry_after,
    token::{self, Token, Tokens},
    transport::{Lost, Reply, Transport},
};

/// A read-only JumpCloud client for one credential (and one organization). Cheap to clone; clones share the
/// connections, the pace and the fate of the credential.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl Client {
    /// Makes a client. Sends nothing. Must be used within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] when the settings cannot be used.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        if config.max_in_flight == 0 {
            return Err(Error::Config("max_in_flight must be at least 1".to_owned()));
        }
        if config.requests_per_second.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(Error::Config("requests_per_second must be more than 0".to_owned()));
        }
        config.credential.check().map_err(|error| Error::Config(error.to_string()))?;
        let header = |id: &String| {
            HeaderValue::from_str(id.trim())
                .map_err(|_| Error::Config("the organization id has characters that no id has".to_owned()))
        };
        let org_id = config.org_id.as_ref().map(header).transpose()?;
        let more_org_ids = config.more_org_ids.iter().map(header).collect::<Result<Vec<_>, _>>()?;
        let transport = Transport::new(&config.hosts, &config.limits, &config.extra_root_certificates)?;
        Ok(Self {
            inner: Arc::new(Inner {
                pace: Pace::new(config.clock.clone(), config.requests_per_second),
                hosts: config.hosts,
                credential: config.credential,
                org_id,
                more_org_ids,
                max_in_flight: config.max_in_flight,
                slots: Semaphore::new(config.max_in_flight),
                limits: config.limits,
                clock: config.clock,
                transport,
                tokens: Tokens::default(),
                calls: Calls::default(),
                has_succeeded: AtomicBool::new(false),
                rejected: OnceLock::new(),
                ahead: Mutex::new(None),
            }),
        })
    }

    /// Asks once: one object, or a single page of a list (for which the caller sets `limit` itself).
    /// `ids` fill the places of the path in order.
    ///
    /// # Errors
    /// Every [`Error`]; [`Error::Config`] when ids or endpoint do not fit.
    pub async fn read(&self, endpoint: &Endpoint, ids: &[&str], query: &[(&str, &str)]) -> Result<Answer, Error> {
        if endpoint.method != Method::Get {
            return Err(Error::Config(format!("{} is asked with a body", endpoint.name())));
        }
        let url = self.inner.url(endpoint, ids, query)?;
        self.inner.answer(endpoint, url, None).await
    }

    /// Asks one of the few reads that take a body: search and Directory Insights. Pages are the caller's.
    ///
    /// # Errors
    /// Every [`Error`]; [`Error::Config`] when the endpoint takes no body.
    pub async fn post(&self, endpoint: &Endpoint, query: &[(&str, &str)], body: &Value) -> Result<Answer, Error> {
        if endpoint.method != Method::Post {
            return Err(Error::Config(format!("{} takes no body", endpoint.name())));
        }
        let url = self.inner.url(endpoint, &[], query)?;
        self.inner.answer(endpoint, url, Some(body.to_string())).await
    }

    /// Reads a whole list, one pass: pages in order, and at last a [`Listed::End`] that says how it went.
    /// `limit`, `skip` and a stable `sort` are added; a stream that stops without `End` gave an error.
    pub fn list(
        &self,
        endpoint: &Endpoint,
        ids: &[&str],
        query: &[(&str, &str)],
    ) -> impl Stream<Item = Result<Listed, Error>> + Send + 'static + use<> {
        list::stream(self.inner.clone(), *endpoint, self.inner.url(endpoint, ids, query), query)
    }

    /// Returns how far this machine's clock is ahead of JumpCloud's, by the newest answer's `Date` (which has whole
    /// seconds); `None` before the first answer.
    pub fn clock_ahead(&self) -> Option<SignedDuration> {
        *self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Returns what was asked so far, by endpoint.
    pub fn calls(&self) -> Vec<CallCount> {
        self.inner.calls.all()
    }

    /// Returns until when a rate limit holds back every request, if one does.
    pub fn waiting(&self) -> Option<Timestamp> {
        self.inner.pace.held_until()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("hosts", &self.inner.hosts).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    hosts: Hosts,
    credential: Credential,
    org_id: Option<HeaderValue>,
    more_org_ids: Vec<HeaderValue>,
    pub(crate) max_in_flight: usize,
    slots: Semaphore,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    transport: Transport,
    pub(crate) pace: Pace,
    tokens: Tokens,
    calls: Calls,
    /// Something was answered as it was asked for.
    has_succeeded: AtomicBool,
    /// Set by the first 401 that counts; nothing is sent afterwards.
    rejected: OnceLock<Context>,
    /// See [`Client::clock_ahead`].
    ahead: Mutex<Option<SignedDuration>>,
}

impl Inner {
    /// Returns the URL without paging parameters.
    pub(crate) fn url(&self, endpoint: &Endpoint, ids: &[&str], query: &[(&str, &str)]) -> Result<Url, Error> {
        let path = endpoint.path_for(ids).map_err(|why| Error::Config(format!("{}: {why}", endpoint.name())))?;
        let mut url = if endpoint.is_insights() { self.hosts.insights.clone() } else { self.hosts.console.clone() };
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn answer(&self, endpoint: &Endpoint, url: Url, body: Option<String>) -> Result<Answer, Error> {
        let may_be_array = endpoint.family != Family::One;
        self.ask(endpoint, &url, body.as_deref(), |reply| Answer::of(endpoint.name(), reply, may_be_array)).await
    }

    /// Asks until there is an answer that `decode` accepts, or asking again cannot help.
    pub(crate) async fn ask<T>(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        body: Option<&str>,
        decode: impl Fn(&Reply) -> Result<T, Flaw>,
    ) -> Result<T, Error> {
        let mut patience = Patience::new(self);
        loop {
            let sent = patience.attempts;
            let failure = match self.attempt(endpoint, url, body, sent).await {
                Ok(reply) if reply.is_html() => self.flawed(endpoint, &reply, Flaw::NotJson, sent + 1),
                Ok(reply) => match decode(&reply) {
                    Ok(answer) => return Ok(answer),
                    Err(flaw) => self.flawed(endpoint, &reply, flaw, sent + 1),
                },
                Err(failure) => failure,
            };
            patience.again(failure).await?;
        }
    }

    async fn attempt(&self, endpoint: &Endpoint, url: &Url, body: Option<&str>, sent: u32) -> Result<Reply, Failure> {
        let mut context = Context::new(endpoint.name());
        context.attempts = sent;
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let turn = self.pace.turn().await;
        // After the waiting, during which a token may end and a credential may die.
        let token = self.token().await.map_err(Failure::never)?;

        let method = match endpoint.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = self.transport.request(method, url.clone()).headers(self.headers(endpoint, token.as_ref()));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_owned());
        }
        context.attempts += 1;
        let reply = self.exchange(request, &mut context).await?;
        self.judge(reply, context, turn, token.as_ref())
    }

    /// Sends one request and counts it; gives whatever answer came.
    async fn exchange(&self, request: reqwest::RequestBuilder, context: &mut Context) -> Result<Reply, Failure> {
        let endpoint = context.endpoint;
        let request = request
            .build()
            .map_err(|_| Failure::never(Error::Config(format!("{endpoint}: the request cannot be built"))))?;
        self.calls.sent(endpoint, context.attempts > 1, self.clock.now());
        let host = host_of(request.url());
        match self.transport.exchange(request).await {
            Ok(reply) => {
                let ms = u64::try_from(reply.elapsed.as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(endpoint, status = reply.status, duration_ms = ms, "asked JumpCloud");
                self.calls.answered(endpoint, reply.status);
                self.calls.received(endpoint, reply.body.len());
                if let Some(date) = reply.date() {
                    let ahead = self.clock.now().duration_since(date);
                    *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
                }
                context.status = Some(reply.status);
                Ok(reply)
            }
            Err(Lost::TooLarge) => {
                tracing::debug!(endpoint, "the answer is too large");
                Err(Failure::never(Error::TooLarge { limit: self.limits.max_body_bytes, context: context.clone() }))
            }
            Err(Lost::Unreachable { stage, why }) => {
                tracing::debug!(endpoint, %stage, "no answer from JumpCloud");
                context.message = Some(self.shown(&why));
                Err(Failure {
                    error: Error::Unreachable { host, stage, context: context.clone() },
                    again: Again::Later(None),
                })
            }
        }
    }

    /// Decides what an answer means.
    fn judge(&self, reply: Reply, mut context: Context, turn: Turn, token: Option<&Token>) -> Result<Reply, Failure> {
        if reply.status == 429 {
            let wait = self.told(&reply);
            self.pace.refused(turn, wait);
            context.message = self.message(&reply);
            let retry_at = self.pace.held_until().unwrap_or_else(|| self.clock.now());
            return Err(Failure { error: Error::RateLimited { retry_at, context }, again: Again::Limited });
        }
        self.pace.succeeded(turn);
        if reply.status == 200 || reply.status == 204 {
            self.has_succeeded.store(true, Ordering::Relaxed);
            return Ok(reply);
        }
        context.message = self.message(&reply);
        if reply.status == 401 && !selects_no_organization(&context) {
            if let Some(token) = token {
                self.tokens.discard(token.serial);
                return Err(Failure { error: Error::KeyRejected(context), again: Again::NewToken });
            }
            return Err(Failure::never(self.reject(context)));
        }
        Err(self.refusal(&reply, context))
    }

    /// Returns what a status other than success, 429 and a rejected credential means.
    fn refusal(&self, reply: &Reply, context: Context) -> Failure {
        let error = match reply.status {
            300..=399 => Error::Redirected { to_host: self.target(reply), context },
            401 => Error::NoOrganization(context),
            402 => Error::NotLicensed(context),
            403 if refuses_the_header(&context) => Error::OrganizationHeaderRefused(context),
            403 => Error::NotPermitted(context),
            404 | 410 => Error::NotFound(context),
            408 | 500..=599 => {
                return Failure { error: Error::Unavailable(context), again: Again::Later(self.told(reply)) };
            }
            400..=499 => Error::BadRequest(context),
            status => Error::UnexpectedShape { what: format!("status {status}"), context },
        };
        Failure::never(error)
    }

    fn flawed(&self, endpoint: &Endpoint, reply: &Reply, flaw: Flaw, attempts: u32) -> Failure {
        let context = Context { endpoint: endpoint.name(), status: Some(reply.status), message: None, attempts };
        match flaw {
            Flaw::Shape(what) => Failure::never(Error::UnexpectedShape { what, context }),
            Flaw::Damaged(what) => Failure { error: Error::UnexpectedShape { what, context }, again: Again::Damaged },
            Flaw::NotJson => {
                Failure { error: Error::NotJson { snippet: self.snippet(&reply.body), context }, again: Again::Damaged }
            }
        }
    }

    /// Notes that the credential is dead. The first reason stays.
    pub(crate) fn reject(&self, context: Context) -> Error {
        Error::KeyRejected(self.rejected.get_or_init(|| context).clone())
    }

    /// How long one request may be tried again now.
    pub(crate) fn patience(&self) -> Duration {
        let first = self.limits.first_success.filter(|_| !self.has_succeeded.load(Ordering::Relaxed));
        first.unwrap_or(self.limits.total_wait)
    }

    fn alive(&self) -> Result<(), Error> {
        match self.rejected.get() {
            Some(context) => Err(Error::KeyRejected(context.clone())),
            None => Ok(()),
        }
    }

    fn headers(&self, endpoint: &Endpoint, token: Option<&Token>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        match (&self.credential, token) {
            (_, Some(token)) => {
                let bearer = format!("Bearer {}", token.value.expose_secret());
                headers.insert(AUTHORIZATION, secret(&bearer));
            }
            (Credential::ApiKey(key), None) => {
                headers.insert("x-api-key", secret(key.expose_secret()));
            }
            (Credential::ServiceAccount { .. }, None) => {}
        }
        if let Some(org_id) = self.org_id.as_ref().filter(|_| endpoint.takes_organization()) {
            headers.insert("x-org-id", org_id.clone());
            // Several are for Directory Insights only.
            for more in self.more_org_ids.iter().filter(|_| endpoint.is_insights()) {
                headers.append("x-org-id", more.clone());
            }
        }
        headers
    }

    /// Returns a good token for a service account, asking for one if need be; nothing for an API key.
    async fn token(&self) -> Result<Option<Token>, Error> {
        self.alive()?;
        let Credential::ServiceAccount { client_id, client_secret } = &self.credential else {
            return Ok(None);
        };
        if let Some(token) = self.tokens.current(self.clock.now()) {
            return Ok(Some(token));
        }
        let _asking = self.tokens.asking.lock().await;
        self.alive()?;
        // Somebody else may have been faster.
        if let Some(token) = self.tokens.current(self.clock.now()) {
            return Ok(Some(token));
        }
        let pair = basic(client_id, client_secret);
        let authorization = secret(&format!("Basic {}", pair.expose_secret()));
        let mut patience = Patience::new(self);
        loop {
            let request = self
                .transport
                .request(reqwest::Method::POST, self.hosts.token.clone())
                .header(ACCEPT, "application/json")
                .header(AUTHORIZATION, authorization.clone())
                .form(&[("grant_type", "client_credentials"), ("scope", "api")]);
            match self.grant(request, patience.attempts + 1).await {
                Ok(token) => return Ok(Some(token)),
                Err(failure) => patience.again(failure).await?,
            }
        }
    }

    /// Sends one token request and keeps the token that it gives.
    async fn grant(&self, request: reqwest::RequestBuilder, attempts: u32) -> Result<Token, Failure> {
        let mut context = Context::new(token::ENDPOINT);
        context.attempts = attempts;
        let reply = self.exchange(request, &mut context).await?;
        match reply.status {
            200 => self.tokens.keep(&reply.body, self.clock.now()).map_err(|what| {
                // No snippet: the body may hold a token in a place where it is not expected.
                Failure::never(Error::UnexpectedShape { what: what.to_owned(), context })
            }),
            400 | 401 if reply.status == 401 || names_the_client(&reply.body) => {
                context.message = self.message(&reply);
                Err(Failure::never(self.reject(context)))
            }
            429 => {
                context.message = self.message(&reply);
                let wait = self.told(&reply);
                let retry_at = after(self.clock.now(), wait.unwrap_or_default());
                Err(Failure { error: Error::RateLimited { retry_at, context }, again: Again::Later(wait) })
            }
            _ => {
                context.message = self.message(&reply);
                Err(self.refusal(&reply, context))
            }
        }
    }

    fn told(&self, reply: &Reply) -> Option<Duration> {
        let value = reply.header("retry-after")?;
        retry_after(value, reply.date(), self.clock.now(), self.limits.max_wait)
    }

    /// Returns what an error's body says: `message`, else `error`, else its beginning.
    fn message(&self, reply: &Reply) -> Option<String> {
        let said = serde_json::from_slice::<Value>(&reply.body).ok().and_then(|body| {
            ["message", "error_description", "error"]
                .iter()
                .find_map(|name| body.get(name)?.as_str().map(str::to_owned))
        });
        let shown = match said {
            Some(said) => self.shown(&said),
            None => self.snippet(&reply.body),
        };
        Some(shown).filter(|shown| !shown.is_empty())
    }

    fn snippet(&self, body: &[u8]) -> String {
        // Far more than is shown, so that a credential in it is whole and can be found.
        let beginning = &body[..body.len().min(4096)];
        self.shown(&String::from_utf8_lossy(beginning))
    }

    /// Returns text from outside without any credential, printable and short.
    fn shown(&self, text: &str) -> String {
        printable(&self.tokens.scrub(self.credential.scrub(text)))
    }

    /// Returns the host of a redirect and nothing else of it.
    fn target(&self, reply: &Reply) -> String {
        let host = reply
            .header("location")
            .and_then(|text| Url::parse(text).ok())
            .and_then(|url| url.host_str().map(str::to_owned));
        match host {
            Some(host) => self.shown(&host),
            None => "the same host".to_owned(),
        }
    }
}

/// Returns the host of a URL, with its port if that is not the usual one of its scheme.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Returns a header value that HTTP libraries neither log nor compress.
fn secret(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).expect("credentials are checked to be visible ASCII");
    value.set_sensitive(true);
    value
}

/// Tells whether a token endpoint's error is about the client's id and secret (RFC 6749, section 5.2).
fn names_the_client(body: &[u8]) -> bool {
    let error =
        serde_json::from_slice::<Value>(body).ok().and_then(|body| body.get("error")?.as_str().map(str::to_owned));
    matches!(error.as_deref(), Some("invalid_client" | "unauthorized_client" | "invalid_grant"))
}

/// The 401 that a provider's administrator gets without `x-org-id`.
fn selects_no_organization(context: &Context) -> bool {
    says(context, "no organization selected")
}

/// The 403 of routes above organizations.
fn refuses_the_header(context: &Context) -> bool {
    says(context, "organization selection not allowed")
}

fn says(context: &Context, words: &str) -> bool {
    context.message.as_ref().is_some_and(|message| message.to_lowercase().contains(words))
}
