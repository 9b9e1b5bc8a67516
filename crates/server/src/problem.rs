//! What is answered when something can not be done: a page for people, problem+json (RFC 9457) for programs. What the
//! client is told and what the log keeps are two things.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// A stable word for the kind of problem.
    pub(crate) code: &'static str,
    /// What went wrong, on what, and why.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// Seconds until another try makes sense.
    pub(crate) retry_after: Option<u64>,
    /// The page with the form that was sent, if it was one of ours.
    pub(crate) form_page: Option<String>,
}

/// What a handler answers.
pub(crate) type Answered = Result<Response, Problem>;

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), help: None, retry_after: None, form_page: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What was named is not there, or not for this person to see: both look the same.
    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// The request can not be understood.
    pub(crate) fn bad(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", what)
    }

    /// The request is understood, and what it asks for can not be.
    pub(crate) fn unusable(what: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "usage", what)
    }

    /// The person may not.
    pub(crate) fn forbidden(what: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", what)
    }

    /// Something of ours failed: the log keeps what.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Jumpseat could not answer this")
            .help("Try again. If it stays so, look for the request's number in the log.")
    }

    /// The problem as a page of its own, or as JSON.
    pub(crate) fn render(&self, is_api: bool, request_id: &str) -> Response {
        if is_api {
            let body = json!({
                "type": "about:blank",
                "title": self.status.canonical_reason().unwrap_or("Error"),
                "status": self.status.as_u16(),
                "code": self.code,
                "detail": self.message,
                "help": self.help,
                "request_id": request_id,
            });
            let kind = HeaderValue::from_static("application/problem+json");
            let mut response = (self.status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response();
            if self.status == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            if let Some(seconds) = self.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            return response;
        }
        let page = ProblemPage { problem: self, request_id, styles: crate::assets::styles_href() };
        match page.render() {
            Ok(html) => (self.status, axum::response::Html(html)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    problem: &'a Problem,
    request_id: &'a str,
    styles: &'static str,
}

impl IntoResponse for Problem {
    /// The problem travels on the response; whoever knows what was asked for renders it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match &error {
            store::Error::Refused(why) => Self::new(StatusCode::CONFLICT, "refused", why.clone()),
            store::Error::Query(why) => Self::new(StatusCode::BAD_REQUEST, "query", why.clone()),
            store::Error::QueryLimit(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "query_limit", error.to_string())
                    .help("Ask for less: a shorter time, fewer columns, a condition.")
            }
            store::Error::Held { .. } => {
                Self::new(StatusCode::CONFLICT, "held", error.to_string()).help("Wait for it to end.")
            }
            _ => Self::internal(error),
        }
    }
}

impl From<collect::Error> for Problem {
    fn from(error: collect::Error) -> Self {
        match error {
            collect::Error::Store(error) => error.into(),
            collect::Error::Unusable(why) => Self::unusable(why),
            collect::Error::Linked { .. } => Self::unusable(error.to_string()).help(error.help()),
            error => {
                let help = error.help();
                Self::new(StatusCode::BAD_GATEWAY, "upstream", error.to_string()).help(help)
            }
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::internal(error)
    }
}
