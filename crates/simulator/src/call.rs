//! A request as routes see it, and the answer they give.
//! Responsible for both plain structures and for the texts of refusals. Not for the wire (see `server`).

use std::fmt::Write as _;

use bytes::Bytes;

/// A request, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Path segments without empty ones, `["api", "v2", "usergroups"]`.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// An answer before faults touch it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// Content type of ordinary answers.
pub(crate) const JSON: &str = "application/json; charset=utf-8";
/// Content type of pages of the edge.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

impl Call {
    /// Takes a request apart. `target` is path and query as they stood in the request line.
    pub(crate) fn new(method: &str, target: &str, headers: Vec<(String, String)>, body: Bytes) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            segments: path.split('/').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body,
        }
    }

    /// The first query parameter of that name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All query parameters of that name.
    pub(crate) fn parameters(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first header of that name (names are compared in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The segments as plain texts, for matching.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The path with ids replaced by `{id}`: what calls are counted by.
    pub(crate) fn template(&self) -> String {
        let mut template = String::with_capacity(self.path.len());
        for segment in &self.segments {
            let id = segment.len() >= 24 && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
            let _ = write!(template, "/{}", if id { "{id}" } else { segment });
        }
        template
    }

    /// The body as JSON; an empty body counts as an empty object.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Some(serde_json::json!({}));
        }
        serde_json::from_slice(&self.body).ok()
    }
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json(body: String) -> Self {
        Self { status: 200, headers: Vec::new(), content_type: JSON, body }
    }

    /// A refusal with a message alone.
    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self { status, ..Self::json(serde_json::json!({ "message": message }).to_string()) }
    }

    /// A refusal that tells its reason twice, as the service does for keys and headers.
    pub(crate) fn error(status: u16, error: &str, message: &str) -> Self {
        Self { status, ..Self::json(serde_json::json!({ "error": error, "message": message }).to_string()) }
    }

    /// 404 for an object or route that is not there.
    pub(crate) fn not_found() -> Self {
        Self::message(404, "Not Found")
    }

    /// 403 as a role that lacks a right sees it.
    pub(crate) fn forbidden() -> Self {
        Self::message(403, "Forbidden")
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
