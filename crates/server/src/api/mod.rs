//! The REST API under `/api/v1`: the nouns of the console for programs. Lists have `items` and, if there are more, `next`,
//! which is given back as `after`. A refusal is problem+json.
//!
//! To add an endpoint: a handler in its noun's file with an [`Operation`] beside it, and its line in `routes.rs`; a test
//! holds the description against the routes.

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod checks;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod notifications;
pub(crate) mod openapi;
pub(crate) mod schema;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{Answer, Cell, Parameter};

use crate::problem::{Answered, Problem};
use crate::reading::Parameters;
use crate::visit::Ctx;

/// Items of a list, unless `limit` says otherwise.
const USUAL: u64 = 100;
/// Most items of a list.
const MOST: u64 = 1_000;

/// What the description says of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// Query parameters.
    pub(crate) query: &'static [Param],
    /// The schema of the body that is sent, if there is one.
    pub(crate) body: Option<fn() -> Value>,
    /// The schema of the answer.
    pub(crate) answer: fn() -> Value,
    /// The change is made only to the version that `If-Match` names.
    pub(crate) if_match: bool,
    /// The answer is a file and not JSON.
    pub(crate) is_file: bool,
}

/// A query parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: fn() -> Value,
}

pub(crate) const fn param(name: &'static str, about: &'static str, schema: fn() -> Value) -> Param {
    Param { name, about, schema }
}

/// An endpoint that is asked with GET.
pub(crate) const fn get(
    path: &'static str,
    summary: &'static str,
    query: &'static [Param],
    answer: fn() -> Value,
) -> Operation {
    Operation { method: "GET", path, summary, query, body: None, answer, if_match: false, is_file: false }
}

/// An endpoint that does something.
pub(crate) const fn post(
    path: &'static str,
    summary: &'static str,
    body: Option<fn() -> Value>,
    answer: fn() -> Value,
) -> Operation {
    Operation { method: "POST", path, summary, query: &[], body, answer, if_match: false, is_file: false }
}

pub(crate) const LIMIT: Param = param(
    "limit",
    "Most items; 100 if it is not said.",
    || json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL }),
);
pub(crate) const AFTER: Param = param("after", "The `next` of the page before.", || json!({ "type": "string" }));
pub(crate) const ORG: Param = param("org", "Only this organization.", || json!({ "type": "string" }));
/// What every list takes.
pub(crate) const LIST: &[Param] = &[LIMIT, AFTER, ORG];

/// What was given back as `after` is not what a page had as its `next`.
pub(crate) fn not_a_place() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "place", "after is not the next of a page of this list")
}

/// How many items are asked for.
pub(crate) fn limit(ctx: &Ctx) -> Result<u64, Problem> {
    if !ctx.query.has("limit") {
        return Ok(USUAL);
    }
    let limit = ctx.query.text("limit").parse::<u64>().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::bad(format!("limit is a number from 1 to {MOST}")))
}

/// Answers with JSON. Its `ETag` is a hash of it: who has it already is told so, without its being sent again.
pub(crate) fn json_answer(value: &Value) -> Answered {
    let text = value.to_string();
    let tag = format!("\"{}\"", &HEXLOWER.encode(&Sha256::digest(text.as_bytes()))[..32]);
    tagged(text, &tag)
}

/// The same with a tag that is the version of what it is about.
pub(crate) fn tagged(text: String, tag: &str) -> Answered {
    let tag = HeaderValue::from_str(tag).map_err(Problem::internal)?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind), (header::ETAG, tag)], text).into_response())
}

/// Answers a request for something that the client has already: nothing is sent.
pub(crate) fn unless_known(request: &HeaderMap, response: Response) -> Response {
    let Some(tag) = response.headers().get(header::ETAG).filter(|_| response.status() == StatusCode::OK).cloned()
    else {
        return response;
    };
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|known| known.to_str().ok());
    let mut known = known.flat_map(|known| known.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    if known.any(|known| known == "*" || known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    response
}

/// A database value as JSON.
pub(crate) fn value_of(cell: &Cell) -> Value {
    match cell {
        Cell::Null(_) => Value::Null,
        Cell::Text(text) => json!(&**text),
        Cell::Integer(number) => json!(number),
        Cell::Real(number) => json!(number),
        Cell::Boolean(flag) => json!(flag),
        Cell::Bytes(bytes) => json!(format!("{} bytes", bytes.len())),
    }
}

/// The rows of an answer as objects.
pub(crate) fn objects(answer: &Answer) -> Vec<Value> {
    answer
        .rows
        .iter()
        .map(|row| {
            let members = answer.columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), value_of(cell)));
            Value::Object(members.collect())
        })
        .collect()
}

/// A table of the store as a list: ordered by `keys`, which no two rows share, and gone on with behind the last one.
pub(crate) struct Keyset<'a> {
    pub(crate) table: &'a str,
    pub(crate) columns: Vec<String>,
    pub(crate) keys: &'a [&'a str],
    pub(crate) conditions: Vec<String>,
    pub(crate) parameters: Parameters,
}

impl Keyset<'_> {
    /// Answers with a page of it.
    pub(crate) async fn answer(self, ctx: &Ctx) -> Answered {
        json_answer(&self.read(ctx).await?)
    }

    /// Reads a page of it.
    pub(crate) async fn read(mut self, ctx: &Ctx) -> Result<Value, Problem> {
        let limit = limit(ctx)?;
        if let Some(after) = ctx.query.get("after") {
            let place = read_place(after).filter(|place| place.len() == self.keys.len());
            let place = place.ok_or_else(not_a_place)?;
            // (a, b) > (x, y), spelled out: both engines take the first key's index then.
            let mut alternatives = Vec::new();
            for at in 0..self.keys.len() {
                let mut all: Vec<String> =
                    (0..at).map(|before| format!("\"{}\" = :after_{before}", self.keys[before])).collect();
                all.push(format!("\"{}\" > :after_{at}", self.keys[at]));
                alternatives.push(format!("({})", all.join(" AND ")));
            }
            self.conditions.push(format!("({})", alternatives.join(" OR ")));
            for (at, value) in place.into_iter().enumerate() {
                self.parameters.insert(format!("after_{at}"), value);
            }
        }
        let condition = if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        };
        let quoted = |name: &str| format!("\"{name}\"");
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        let keys: Vec<String> = self.keys.iter().map(|name| quoted(name)).collect();
        let sql = format!(
            "SELECT {}, {} FROM {}{condition} ORDER BY {} LIMIT {}",
            columns.join(", "),
            keys.iter().enumerate().map(|(at, key)| format!("{key} AS key_{at}")).collect::<Vec<_>>().join(", "),
            self.table,
            keys.join(", "),
            limit + 1
        );
        let mut answer = ctx.read().ask(sql, self.parameters).await?;
        let has_more = answer.rows.len() as u64 > limit;
        answer.rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = answer.rows.last().filter(|_| has_more).map(|row| place_of(&row[self.columns.len()..]));
        answer.columns.truncate(self.columns.len());
        Ok(json!({ "items": objects(&answer), "next": next }))
    }
}

/// A place in a list as text that nobody needs to read.
fn place_of(keys: &[Cell]) -> String {
    let values: Vec<Value> = keys.iter().map(value_of).collect();
    BASE64URL_NOPAD.encode(Value::Array(values).to_string().as_bytes())
}

fn read_place(text: &str) -> Option<Vec<Parameter>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let Value::Array(values) = serde_json::from_slice(&bytes).ok()? else { return None };
    values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => Some(Parameter::Text(text)),
            Value::Number(number) => Some(Parameter::Integer(number.as_i64()?)),
            _ => None,
        })
        .collect()
}

/// Reads a body of JSON, with a clear word if it is none.
pub(crate) fn body_of(bytes: &[u8]) -> Result<Value, Problem> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if has_nul(&value) => Err(Problem::bad("there is a NUL in the body")),
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Problem::bad("the body is a JSON object")),
        Err(error) => Err(Problem::bad(format!("the body is no JSON: {error}"))),
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// A whole number, which JSON may write with a point as well: `12` and `12.0` are the same.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    let rounded = || {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        // Every number between these two powers of two fits; the upper one is the first that does not.
        (-TOO_LARGE..TOO_LARGE).contains(&number).then_some(number as i64)
    };
    value.as_i64().or_else(rounded)
}

/// 2 to the power of 63.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Refuses members that an endpoint does not know: a typing error must not be taken for a wish that was fulfilled.
pub(crate) fn only<'a>(body: &Value, known: impl IntoIterator<Item = &'a str>) -> Result<(), Problem> {
    let known: Vec<&str> = known.into_iter().collect();
    let unknown = body.as_object().and_then(|members| members.keys().find(|name| !known.contains(&name.as_str())));
    match unknown {
        Some(name) => Err(Problem::bad(format!("{name:?} is not known here; there is {}", known.join(", ")))),
        None => Ok(()),
    }
}
