//! From a received row to a row that can be stored: identity, redaction, columns, content hash.
//! Pure functions; nothing here asks or writes.

use std::sync::Arc;

use serde_json::Value;
use store::NewRow;
use store::json::{Json, Shape};
use store::schema::Reader;

use crate::node::Node;
use crate::tables::{Collected, Id};

/// What became of one received row.
pub(crate) enum Read {
    /// It can be stored.
    Row(NewRow, Misfits),
    /// It has nothing that could be its identity. The row's text, secrets removed.
    Nameless(String),
}

/// How many of its values were of another type than declared.
pub(crate) type Misfits = u64;

/// Makes a row ready to be stored.
pub(crate) fn read_row(collected: &Collected, reader: &Reader, part: &'static str, mut row: Value) -> Read {
    collected.clean(&mut row);
    read_clean(collected, reader, part, &row, 0)
}

/// Makes a received row ready to be stored, whose text is so long: the same, at a smaller price.
pub(crate) fn read_node(
    collected: &Collected,
    reader: &Reader,
    part: &'static str,
    mut row: Node<'_>,
    length: usize,
) -> Read {
    collected.clean_node(&mut row);
    read_clean(collected, reader, part, &row, length)
}

fn read_clean(collected: &Collected, reader: &Reader, part: &'static str, row: &impl Json, length: usize) -> Read {
    let raw: Arc<str> = row.to_text(length).into();
    let id = match &collected.id {
        Id::Member(names) => names.iter().find_map(|name| row.member(name).and_then(word)),
        Id::Joined(names) | Id::Loose(names) => {
            let words: Vec<String> =
                names.iter().map(|name| row.member(name).and_then(word).unwrap_or_default()).collect();
            words.iter().any(|word| !word.is_empty()).then(|| words.join("/"))
        }
    };
    let distinguish = !collected.id.is_unique();
    let Some(id) = id.map(stored_id) else { return Read::Nameless(raw.as_ref().to_owned()) };
    let (cells, misfits) = reader.cells(row);
    let content = short_hash(raw.as_bytes());
    Read::Row(
        NewRow {
            id: id.into(),
            part,
            content,
            cells,
            raw,
            replaces: None,
            distinguish,
            keep_stored: false,
            first: false,
        },
        misfits,
    )
}

/// The row's organization, where the row tells it.
pub(crate) fn organization_of(row: &impl Json) -> Option<&str> {
    row.member("organization").and_then(Json::as_text).filter(|id| !id.is_empty())
}

/// Longer ids are cut, and their hash put behind: an index can hold only so much, and ids made of names and paths are
/// as long as whoever named them liked.
const LONGEST_ID: usize = 400;

/// An id as it is stored: bounded, and without NUL, which PostgreSQL can not hold.
fn stored_id(id: String) -> String {
    if id.len() <= LONGEST_ID && !id.contains('\0') {
        return id;
    }
    let beginning = id.chars().filter(|c| *c != '\0').take(LONGEST_ID / 8).collect::<String>();
    format!("{beginning}~{}", data_encoding::HEXLOWER.encode(&short_hash(id.as_bytes())))
}

/// A scalar as the text that it is in an id.
fn word(value: &impl Json) -> Option<String> {
    match value.shape() {
        Shape::Text(text) if !text.is_empty() => Some(text.to_owned()),
        Shape::Number(number) => Some(number.to_string()),
        Shape::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The first half of a BLAKE3 hash: enough to tell contents apart for good.
pub(crate) fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    short
}

/// Eight bytes of an id's hash, to count different ids without keeping them.
pub(crate) fn id_hash(id: &str) -> u64 {
    u64::from_le_bytes(blake3::hash(id.as_bytes()).as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}
