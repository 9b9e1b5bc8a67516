//! JSON as the mapper needs it: one pass over the text that leaves borrowed values (`tape`), and a writer into a byte
//! buffer (`write`). Why not a library: docs/decisions/0007-json-tape.md.

mod tape;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use tape::{Kind, Tape, Text, Value, fingerprint};
pub(crate) use write::{Writer, escape, key, last_places};
