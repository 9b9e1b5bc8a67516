//! Around everything: a number for each request, the host that was asked for, headers that every answer has, and the
//! shape of every refusal.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::App;
use crate::api::unless_known;
use crate::gate::{RequestId, is_api, page_of};
use crate::problem::Problem;

/// Nothing but our own style sheet, script and pictures; no inline script, no frame, no form that goes elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

pub(crate) async fn outermost(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let request_id = uuid::Uuid::now_v7().simple().to_string();
    let is_api = is_api(request.uri().path());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let known = host.is_some_and(|host| is_known_host(&app, host));
    let form_page = if request.method().is_safe() { None } else { page_of(request.headers()) };
    let mut response = if known {
        request.extensions_mut().insert(RequestId(request_id.clone()));
        let asked = is_api.then(|| request.headers().clone());
        let response = next.run(request).await;
        match asked {
            Some(headers) => unless_known(&headers, response),
            None => response,
        }
    } else {
        let help = "Use the address that the server printed, or set --public-url to the one that people use.";
        let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "this server has another name");
        axum::response::IntoResponse::into_response(problem.help(help))
    };
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.form_page = form_page;
        response = problem.render(is_api, &request_id);
    } else if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = response.headers().get(header::ALLOW).cloned();
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this can not be asked for in that way");
        response = problem.render(is_api, &request_id);
        if let Some(allowed) = allowed {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
    } else if response.status().is_client_error() && is_plain(&response) {
        response = unreadable(response.status()).render(is_api, &request_id);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.is_https() {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert("x-request-id", value);
    }
    response
}

/// Whether it is an answer of the framework, which speaks to nobody in particular.
fn is_plain(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_none_or(|kind| kind.starts_with("text/plain"))
}

/// What could not even be given to a handler.
fn unreadable(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "too_large", "the body is larger than any that is taken"),
        _ => Problem::new(status, "bad_request", "the address can not be read: it names something that can not be"),
    }
}

/// A name that somebody else gave to this machine is refused: a page of theirs could read ours under it. An address that
/// is a number can not be given to anybody.
fn is_known_host(app: &App, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || app.public_host().is_some_and(|public| public.eq_ignore_ascii_case(name))
}

/// What is not there.
pub(crate) async fn nothing_here() -> Problem {
    Problem::not_found("there is no such page")
}
