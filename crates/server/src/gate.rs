//! In front of every route: who asks, may they, and did their own page ask. A handler behind it has nothing to check.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::SignedDuration;

use crate::App;
use crate::permission::Permission;
use crate::problem::Problem;
use crate::secret::{form_token, is_same, token_hash};
use crate::session::{self, IDLE};
use crate::visit::{By, Ctx, Pairs, Visit};

/// Who a route is open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Everybody, signed in or not.
    Nobody,
    /// People who may.
    Permission(Permission),
}

/// The request's number, which the outermost layer gives.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Largest form, in bytes.
const LARGEST_FORM: usize = 256 * 1024;
/// A session is noted as used at most this often.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);
/// A page waits at most this long until that is noted.
const PATIENCE: Duration = Duration::from_millis(20);

/// Whether an address is of the interface for programs.
pub(crate) fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

/// Lets a request through to its handler, or answers it.
pub(crate) async fn gate(State((app, needs)): State<(App, Needs)>, request: Request, next: Next) -> Response {
    match admit(&app, needs, request).await {
        Ok(request) => next.run(request).await,
        Err(Refusal::Problem(problem)) => problem.into_response(),
        Err(Refusal::Elsewhere(place)) => Redirect::to(&place).into_response(),
    }
}

enum Refusal {
    Problem(Problem),
    Elsewhere(String),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::Problem(error.into())
    }
}

async fn admit(app: &App, needs: Needs, request: Request) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    let now = app.now();
    let path = parts.uri.path().to_owned();
    let is_change = !matches!(parts.method, Method::GET | Method::HEAD);
    let bearer = bearer(&parts.headers);
    // What has neither a token nor a cookie is no browser that somebody else's page could use: it is told to sign in.
    let is_bare = is_api(&path) && session::token_of(app, &parts.headers).is_none();
    if is_change && bearer.is_none() && !is_bare {
        check_origin(&parts.headers)?;
    }
    let (body, form) = match is_change && is_form(&parts.headers) {
        true => {
            let bytes = to_bytes(body, LARGEST_FORM).await;
            let bytes = bytes.map_err(|_| {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the form is larger than any of ours")
            })?;
            (Body::empty(), Pairs::read(&bytes))
        }
        false => (body, Pairs::default()),
    };
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.to_string());
    let visit = Visit {
        app: app.clone(),
        address: address.unwrap_or_else(|| "unknown".to_owned()),
        agent: text_of(&parts.headers, header::USER_AGENT).chars().take(200).collect(),
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        host: text_of(&parts.headers, header::HOST),
        path,
        if_match: text_of(&parts.headers, header::IF_MATCH),
        query: Pairs::read(parts.uri.query().unwrap_or_default().as_bytes()),
        form,
        now,
    };
    // No name has one in it, and PostgreSQL takes none.
    if visit.path.contains("%00") || visit.query.has_nul() || visit.form.has_nul() {
        return Err(Problem::bad("there is a NUL in the address or in the form").into());
    }
    if let Needs::Permission(permission) = needs {
        let ctx = match bearer {
            Some(token) => of_token(app, &token, &visit).await?,
            None => of_session(app, &parts.headers, &visit, is_change).await?,
        };
        if is_api(&visit.path) {
            take_turn(app, &ctx)?;
        }
        if !ctx.may(permission) {
            return Err(Problem::forbidden(format!(
                "your role ({}) may not {}",
                ctx.role.label().to_lowercase(),
                permission.words()
            ))
            .help("An owner or administrator can give you another role.")
            .into());
        }
        parts.extensions.insert(ctx);
    }
    parts.extensions.insert(visit);
    Ok(Request::from_parts(parts, body))
}

/// Programs ask no faster than they may.
fn take_turn(app: &App, ctx: &Ctx) -> Result<(), Problem> {
    app.rate.take(ctx.identity(), ctx.now).map_err(|wait| {
        let seconds = wait.as_secs().max(0).unsigned_abs() + 1;
        let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "too many requests");
        problem.retry_after = Some(seconds);
        problem.help(format!("Wait {seconds} s, and ask for more items at once (limit) instead of more often."))
    })
}

/// Notes that somebody was here. While a sync writes, that can take a while: then it goes on beside the answer.
async fn note(touching: impl Future<Output = store::Result<()>> + Send + 'static) -> store::Result<()> {
    match tokio::time::timeout(PATIENCE, tokio::spawn(touching)).await {
        Ok(Ok(noted)) => noted,
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// Somebody at a browser.
async fn of_session(app: &App, headers: &HeaderMap, visit: &Visit, is_change: bool) -> Result<Ctx, Refusal> {
    let token = session::token_of(app, headers);
    let found = match &token {
        Some(token) => app.store.session(&token_hash(token), visit.now).await?,
        None => None,
    };
    let found = found.filter(|(session, _)| visit.now.duration_since(session.last_seen_at) < IDLE);
    let (Some((session, person)), Some(token)) = (found, token) else {
        return Err(sign_in_first(app, headers, visit, is_change).await?);
    };
    if visit.now.duration_since(session.last_seen_at) > TOUCH {
        let (store, id, now) = (app.store.clone(), session.id.clone(), visit.now);
        note(async move { store.touch_session(&id, now).await }).await?;
    }
    let form_token = form_token(&token);
    if is_change {
        let header = text_of_name(headers, "x-form-token");
        let given = if header.is_empty() { visit.form.text("form_token") } else { &header };
        if !is_same(given, &form_token) {
            return Err(Problem::forbidden(
                "this form is not from a page of your session, or the session is a new one",
            )
            .help("Go back, load the page again and send the form from there.")
            .into());
        }
    }
    Ok(Ctx::new(visit.clone(), person, By::Session(session, form_token))?)
}

/// Where somebody goes who is not signed in.
async fn sign_in_first(app: &App, headers: &HeaderMap, visit: &Visit, is_change: bool) -> Result<Refusal, Refusal> {
    let back = is_change.then(|| page_of(headers)).flatten();
    let is_of_page = is_form(headers) && back.is_some();
    if is_api(&visit.path) || (is_change && !is_of_page) {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "nobody is signed in");
        return Ok(problem.help("Sign in, or send an API token as `Authorization: Bearer …`.").into());
    }
    if !app.store.has_people().await? {
        return Ok(Refusal::Elsewhere("/setup".to_owned()));
    }
    // Back to the page that the form was on: what it asked for is not done by itself after the sign-in.
    let query = visit.query.with("", None);
    let here = match back {
        Some(page) => page,
        None if query.is_empty() => visit.path.clone(),
        None => format!("{}?{query}", visit.path),
    };
    let next = Pairs(vec![("next".to_owned(), here)]).with("", None);
    Ok(Refusal::Elsewhere(format!("/sign-in?{next}")))
}

/// A program with a token.
async fn of_token(app: &App, token: &str, visit: &Visit) -> Result<Ctx, Refusal> {
    if !is_api(&visit.path) {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "API tokens are for addresses under /api/ and for /metrics",
        )
        .into());
    }
    let Some((token, person)) = app.store.api_token(&token_hash(token), visit.now).await? else {
        let problem =
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "the API token is not known, over, or taken back");
        return Err(problem.help("Make a new one under Your account.").into());
    };
    if token.last_used_at.is_none_or(|last| visit.now.duration_since(last) > TOUCH) {
        let (store, id, now) = (app.store.clone(), token.id.clone(), visit.now);
        note(async move { store.touch_api_token(&id, now).await }).await?;
    }
    Ok(Ctx::new(visit.clone(), person, By::Token(token))?)
}

/// A change has to come from one of our own pages. Browsers say where a form was; what says nothing of it is none.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let host = text_of(headers, header::HOST);
    let origin = text_of(headers, header::ORIGIN);
    let site = text_of_name(headers, "sec-fetch-site");
    let is_ours = match origin.as_str() {
        "" => site == "same-origin",
        origin => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
    };
    if is_ours && (site.is_empty() || site == "same-origin" || site == "none") {
        return Ok(());
    }
    Err(Problem::forbidden("this change was not asked for by a page of this console"))
}

/// The page of ours that a form was on, as the browser says.
pub(crate) fn page_of(headers: &HeaderMap) -> Option<String> {
    let page = url::Url::parse(&text_of(headers, header::REFERER)).ok()?;
    let is_ours = page.host_str().is_some_and(|host| {
        let ours = text_of(headers, header::HOST);
        page.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")) == ours
    });
    is_ours.then(|| page[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}

fn is_form(headers: &HeaderMap) -> bool {
    text_of(headers, header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded")
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = text_of(headers, header::AUTHORIZATION);
    value.strip_prefix("Bearer ").map(|token| token.trim().to_owned())
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn text_of_name(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
