//! Writes JSON straight into a text, because building a tree for every row would make the server the bottleneck.
//! Responsible for punctuation and escaping. Not for what a row contains.

use std::fmt::Write as _;

use crate::id::Id;
use crate::time;

/// An object being written; fields appear in the order of the calls.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

/// An array being written.
pub(crate) struct Array<'a> {
    out: &'a mut String,
    empty: bool,
}

/// Appends an object to `out`.
pub(crate) fn object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, empty: true });
    out.push('}');
}

/// Appends an array to `out`.
pub(crate) fn array(out: &mut String, fill: impl FnOnce(&mut Array<'_>)) {
    out.push('[');
    fill(&mut Array { out, empty: true });
    out.push(']');
}

/// Appends a quoted and escaped string to `out`.
pub(crate) fn string(out: &mut String, value: &str) {
    out.push('"');
    let mut start = 0;
    for (position, byte) in value.bytes().enumerate() {
        let plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
        if plain {
            continue;
        }
        out.push_str(&value[start..position]);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        start = position + 1;
    }
    out.push_str(&value[start..]);
    out.push('"');
}

impl Object<'_> {
    fn key(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        let out = self.key(name);
        string(out, value);
    }

    pub(crate) fn id(&mut self, name: &str, value: Id) {
        let out = self.key(name);
        out.push('"');
        value.write(out);
        out.push('"');
    }

    pub(crate) fn optional_id(&mut self, name: &str, value: Option<Id>) {
        match value {
            Some(id) => self.id(name, id),
            None => self.null(name),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.key(name).push_str(if value { "true" } else { "false" });
    }

    pub(crate) fn number(&mut self, name: &str, value: i64) {
        let _ = write!(self.key(name), "{value}");
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.key(name).push_str("null");
    }

    /// A time as RFC 3339 text with milliseconds.
    pub(crate) fn time(&mut self, name: &str, milliseconds: i64) {
        let out = self.key(name);
        out.push('"');
        time::write(milliseconds, out);
        out.push('"');
    }

    pub(crate) fn optional_time(&mut self, name: &str, milliseconds: Option<i64>) {
        match milliseconds {
            Some(value) => self.time(name, value),
            None => self.null(name),
        }
    }

    /// A string whose inside is appended by `fill` and needs no escaping.
    pub(crate) fn text(&mut self, name: &str, fill: impl FnOnce(&mut String)) {
        let out = self.key(name);
        out.push('"');
        fill(out);
        out.push('"');
    }

    /// Text that is JSON already.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        self.key(name).push_str(value);
    }

    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.key(name), fill);
    }

    pub(crate) fn array(&mut self, name: &str, fill: impl FnOnce(&mut Array<'_>)) {
        array(self.key(name), fill);
    }

    pub(crate) fn strings(&mut self, name: &str, values: &[&str]) {
        self.array(name, |list| values.iter().for_each(|value| list.string(value)));
    }
}

impl Array<'_> {
    fn entry(&mut self) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out
    }

    pub(crate) fn string(&mut self, value: &str) {
        string(self.entry(), value);
    }

    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.entry(), fill);
    }

    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Array<'_>)) {
        array(self.entry(), fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped_and_comes_back_unchanged() {
        let hostile = "a\"b\\c\u{1b}[31m\n\u{0}ünïcode 🚀 </script>";
        let mut out = String::new();
        object(&mut out, |row| row.string("name", hostile));
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["name"], hostile);
    }
}
