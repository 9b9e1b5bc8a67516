//! The REST API under `/api/v1`: the nouns of the console for programs. Lists have `items` and, if there are more, `next`,
//! which is given back as `after`. A refusal is problem+json.
//!
//! To add an endpoint: a handler in its noun's file with an [`Operation`] beside it, and its line in `routes.rs`; a test
//! holds the description against the routes.

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod notifications;
pub(crate) mod openapi;

use axum::response::{IntoResponse as _, Json};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
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
    /// Query parameters with their meanings.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// An example of the body that is sent, as JSON; empty if there is none.
    pub(crate) body: &'static str,
    /// An example of the answer, as JSON.
    pub(crate) answer: &'static str,
}

/// What every list takes.
pub(crate) const LIST: [(&str, &str); 3] = [
    ("limit", "Most items, 1 to 1000; 100 if it is not said."),
    ("after", "The `next` of the page before."),
    ("org", "Only this organization."),
];

/// How many items are asked for.
pub(crate) fn limit(ctx: &Ctx) -> Result<u64, Problem> {
    match ctx.query.get("limit") {
        None => Ok(USUAL),
        Some(limit) => {
            let limit = limit.parse::<u64>().ok().filter(|limit| (1..=MOST).contains(limit));
            limit.ok_or_else(|| Problem::bad(format!("limit is a number from 1 to {MOST}")))
        }
    }
}

pub(crate) fn json_answer(value: Value) -> Answered {
    Ok(Json(value).into_response())
}

/// A database value as JSON.
pub(crate) fn value_of(cell: &Cell) -> Value {
    match cell {
        Cell::Null(_) => Value::Null,
        Cell::Text(text) => json!(text),
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
    /// Reads a page of it.
    pub(crate) async fn answer(mut self, ctx: &Ctx) -> Answered {
        let limit = limit(ctx)?;
        if let Some(after) = ctx.query.get("after") {
            let place = read_place(after).filter(|place| place.len() == self.keys.len());
            let place = place.ok_or_else(|| Problem::bad("after is not the next of a page"))?;
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
        json_answer(json!({ "items": objects(&answer), "next": next }))
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
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Problem::bad("the body is a JSON object")),
        Err(error) => Err(Problem::bad(format!("the body is no JSON: {error}"))),
    }
}

/// Refuses members that an endpoint does not know: a typing error must not be taken for a wish that was fulfilled.
pub(crate) fn only(body: &Value, known: &[&str]) -> Result<(), Problem> {
    let unknown = body.as_object().and_then(|members| members.keys().find(|name| !known.contains(&name.as_str())));
    match unknown {
        Some(name) => Err(Problem::bad(format!("{name:?} is not known here; there is {}", known.join(", ")))),
        None => Ok(()),
    }
}
