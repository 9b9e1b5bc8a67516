//! From the bytes of an answer to rows. Rows stay text, exactly as sent; nothing here builds a tree, so that
//! neither depth nor size of one row matters. What is not a list is never taken for an empty one.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
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
    /// JSON that is not what its own headers say; possibly damaged on the way.
    Damaged(String),
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
    objects(serde_json::from_str(text).map_err(|_| Flaw::NotJson)?)
}

/// Checks that every row is an object or `null`.
fn objects(rows: Vec<Box<RawValue>>) -> Result<Vec<Box<RawValue>>, Flaw> {
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
    let Members { results, others } = serde_json::from_str(text).map_err(|_| Flaw::NotJson)?;
    let member = |name: &str| others.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let total = member("totalCount").or_else(|| member("count")).and_then(|value| total(value.get()));
    let lists: Vec<&str> = others.iter().map(|(_, value)| value.get()).filter(|value| value.starts_with('[')).collect();
    let list = match (results, family) {
        (Results::List(rows), _) => Some(objects(rows)),
        (Results::Odd, _) | (Results::None, Family::V1) => None,
        _ if member("message").or_else(|| member("error")).is_some() => None,
        _ => {
            if let [only] = lists[..] {
                Some(bare(only))
            } else {
                None
            }
        }
    };
    match list {
        Some(rows) => Ok(Rows { rows: rows?, total }),
        // Servers written in Go may leave an empty list out; only the explicit zero proves it.
        None if total == Some(0) && lists.is_empty() => Ok(Rows { rows: Vec::new(), total }),
        None => Err(Flaw::Shape("an object without a list".to_owned())),
    }
}

/// The members of the object around a list.
#[derive(Default)]
struct Members<'a> {
    results: Results,
    /// All others in order, their values unread.
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// The member `results`, taken apart while it is met: a body is long, and to be looked at byte by byte only once.
#[derive(Default)]
enum Results {
    #[default]
    None,
    /// Its items, unread.
    List(Vec<Box<RawValue>>),
    /// It is no array.
    Odd,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if name == "results" && matches!(members.results, Results::None) {
                        members.results = map.next_value()?;
                    } else {
                        members.others.push((name, map.next_value()?));
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

impl<'de> Deserialize<'de> for Results {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sort;

        impl<'de> Visitor<'de> for Sort {
            type Value = Results;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Results, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = items.next_element()? {
                    rows.push(row);
                }
                Ok(Results::List(rows))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Results, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Results::Odd)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Results, E> {
                Ok(Results::Odd)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Results, E> {
                Ok(Results::Odd)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Results, E> {
                Ok(Results::Odd)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Results, E> {
                Ok(Results::Odd)
            }

            fn visit_str<E>(self, _: &str) -> Result<Results, E> {
                Ok(Results::Odd)
            }

            fn visit_unit<E>(self) -> Result<Results, E> {
                Ok(Results::Odd)
            }
        }

        deserializer.deserialize_any(Sort)
    }
}

/// Returns the body as text, without a byte-order mark.
fn text(body: &[u8]) -> Result<&str, Flaw> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|_| Flaw::NotJson)
}

/// Returns the flaw of an answer that is not `expected`: not JSON at all, or JSON of another kind.
pub(crate) fn unexpected(text: &str, expected: &str) -> Flaw {
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
