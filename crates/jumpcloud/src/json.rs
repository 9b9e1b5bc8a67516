//! From the bytes of an answer to rows. Rows stay text, exactly as sent; nothing here builds a tree, so that
//! neither depth nor size of one row matters. What is not a list is never taken for an empty one.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::endpoint::Family;

/// Why an answer cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Not JSON, or not only JSON; possibly damaged on the way.
    NotJson,
    /// JSON of another shape than documented.
    Shape(String),
}

/// The rows of one answer.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// As sent, `null` included.
    pub(crate) rows: Vec<Box<RawValue>>,
    /// What the body says about the length of the whole list, if that makes sense.
    pub(crate) total: Option<u64>,
}

/// Totals above this are taken for nonsense.
const MOST: u64 = 100_000_000;

/// Reads a list of `family`.
pub(crate) fn rows(body: &[u8], family: Family) -> Result<Rows, Flaw> {
    if body.is_empty() {
        // A device without bound users was seen to answer with an empty body.
        return match family {
            Family::Graph => Ok(Rows::default()),
            _ => Err(Flaw::Shape("an empty body".to_owned())),
        };
    }
    let text = text(body)?;
    match (text.trim_start().as_bytes().first(), family) {
        (Some(b'{'), Family::V1 | Family::Wrapped | Family::Offset) => wrapped(text, family),
        (Some(b'['), Family::V1) => Err(unexpected(text, "an object with results")),
        (Some(b'['), _) => bare(text).map(|rows| Rows { rows, total: None }),
        _ => Err(unexpected(text, "a list")),
    }
}

/// Reads one object (or, from a list endpoint, whatever list it gives).
pub(crate) fn object(body: &[u8], may_be_array: bool) -> Result<Box<RawValue>, Flaw> {
    if body.is_empty() {
        return Err(Flaw::Shape("an empty body".to_owned()));
    }
    let text = text(body)?;
    let raw: Box<RawValue> = serde_json::from_str(text).map_err(|_| Flaw::NotJson)?;
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(raw),
        Some(b'[') if may_be_array => Ok(raw),
        _ => Err(unexpected(text, "an object")),
    }
}

/// Reads a bare array of objects, `null` standing for rows that vanished.
pub(crate) fn bare(text: &str) -> Result<Vec<Box<RawValue>>, Flaw> {
    let rows: Vec<Box<RawValue>> = serde_json::from_str(text).map_err(|_| Flaw::NotJson)?;
    match rows.iter().find(|row| !row.get().starts_with('{') && !is_null(row)) {
        None => Ok(rows),
        Some(odd) => Err(Flaw::Shape(format!("{} among the rows", kind(odd.get())))),
    }
}

/// Tells whether a row vanished after its page was cut.
pub(crate) fn is_null(row: &RawValue) -> bool {
    row.get() == "null"
}

/// Returns what identifies a row: its id, or else all of it.
pub(crate) fn key(row: &RawValue) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Ids<'a> {
        #[serde(borrow, rename = "_id")]
        v1: Option<Cow<'a, str>>,
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
        #[serde(borrow, rename = "objectId")]
        object: Option<Cow<'a, str>>,
    }
    serde_json::from_str::<Ids>(row.get())
        .ok()
        .and_then(|ids| ids.v1.or(ids.id).or(ids.object))
        .unwrap_or(Cow::Borrowed(row.get()))
}

/// Reads a total as it stands in a header or body; `None` when it makes no sense.
pub(crate) fn total(text: &str) -> Option<u64> {
    let text = text.trim().trim_matches('"').trim();
    text.parse().ok().filter(|total| *total <= MOST)
}

fn wrapped(text: &str, family: Family) -> Result<Rows, Flaw> {
    let Members(members) = serde_json::from_str(text).map_err(|_| Flaw::NotJson)?;
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let total = member("totalCount").or_else(|| member("count")).and_then(|value| total(value.get()));
    let is_array = |value: &RawValue| value.get().starts_with('[');
    let list = match (member("results"), family) {
        (Some(results), _) => Some(results).filter(|results| is_array(results)),
        (None, Family::V1) => None,
        _ if member("message").or_else(|| member("error")).is_some() => None,
        _ => {
            let mut arrays = members.iter().filter(|(_, value)| is_array(value));
            match (arrays.next(), arrays.next()) {
                (Some((_, only)), None) => Some(*only),
                _ => None,
            }
        }
    };
    match list {
        Some(list) => Ok(Rows { rows: bare(list.get())?, total }),
        // Servers written in Go may leave an empty list out; only the explicit zero proves it.
        None if total == Some(0) && !members.iter().any(|(_, value)| is_array(value)) => {
            Ok(Rows { rows: Vec::new(), total })
        }
        None => Err(Flaw::Shape("an object without a list".to_owned())),
    }
}

/// The members of an object in order, their values unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Returns the body as text, without a byte-order mark.
fn text(body: &[u8]) -> Result<&str, Flaw> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|_| Flaw::NotJson)
}

/// Returns the flaw of an answer that is not `expected`: not JSON at all, or JSON of another kind.
fn unexpected(text: &str, expected: &str) -> Flaw {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Flaw::Shape(format!("{} instead of {expected}", kind(text.trim_start()))),
        Err(_) => Flaw::NotJson,
    }
}

fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
