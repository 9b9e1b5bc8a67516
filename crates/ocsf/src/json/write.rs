//! Writes JSON into a byte buffer. Every member ends with a comma, which the end of its container replaces.

use std::collections::HashMap;

use super::tape::{Kind, Text, Value, is_special, special_marks};

/// `"name":` of a member, put together when compiling.
macro_rules! key {
    ($name:literal) => {
        concat!("\"", $name, "\":")
    };
}
pub(crate) use key;

/// Writes members of objects and elements of arrays.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    pub out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    /// What is JSON already.
    #[inline]
    pub(crate) fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A string with its comma.
    #[inline]
    pub(crate) fn string(&mut self, text: Text<'_>) {
        self.out.push(b'"');
        self.letters(text);
        self.raw("\",");
    }

    /// The inside of a string.
    #[inline]
    pub(crate) fn letters(&mut self, text: Text<'_>) {
        if text.plain {
            self.raw(text.text);
        } else {
            escape(self.out, text.text);
        }
    }

    /// A member that is text.
    #[inline]
    pub(crate) fn text(&mut self, key: &str, text: Text<'_>) {
        self.raw(key);
        self.string(text);
    }

    /// A member that is text, if there is one.
    #[inline]
    pub(crate) fn text_if(&mut self, key: &str, text: Option<Text<'_>>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A member that is text of ours.
    #[inline]
    pub(crate) fn ours(&mut self, key: &str, text: &'static str) {
        self.text(key, Text::ours(text));
    }

    #[inline]
    pub(crate) fn integer(&mut self, key: &str, number: impl itoa::Integer) {
        self.raw(key);
        self.raw(itoa::Buffer::new().format(number));
        self.out.push(b',');
    }

    /// A finite number.
    pub(crate) fn float(&mut self, key: &str, number: f64) {
        self.raw(key);
        self.raw(ryu::Buffer::new().format_finite(number));
        self.out.push(b',');
    }

    #[inline]
    pub(crate) fn boolean(&mut self, key: &str, flag: bool) {
        self.raw(key);
        self.raw(if flag { "true," } else { "false," });
    }

    /// A member that is an object.
    #[inline]
    pub(crate) fn object(&mut self, key: &str, members: impl FnOnce(&mut Self)) {
        self.raw(key);
        self.element(members);
    }

    /// An object in an array.
    #[inline]
    pub(crate) fn element(&mut self, members: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        members(self);
        self.close(b'}');
        self.out.push(b',');
    }

    /// A member that is an array.
    #[inline]
    pub(crate) fn array(&mut self, key: &str, elements: impl FnOnce(&mut Self)) {
        self.raw(key);
        self.out.push(b'[');
        elements(self);
        self.close(b']');
        self.out.push(b',');
    }

    /// Ends a container in place of its last comma.
    #[inline]
    pub(crate) fn close(&mut self, bracket: u8) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.out.push(bracket),
        }
    }

    /// A value of the event with its comma, without what is empty in it; nothing if it is empty itself.
    pub(crate) fn value(&mut self, value: Value<'_>) {
        if value.is_empty() {
            return;
        }
        let kind = value.kind();
        if value.is_verbatim() {
            match kind {
                Kind::Text => {
                    self.out.push(b'"');
                    self.raw(value.source());
                    self.raw("\",");
                }
                _ => {
                    self.raw(value.source());
                    self.out.push(b',');
                }
            }
        } else if kind == Kind::Number || value.is_deep() {
            self.string(Text::any(value.source()));
        } else if let Some(text) = value.string() {
            self.string(text);
        } else if kind == Kind::Array {
            self.out.push(b'[');
            for element in value.elements() {
                self.value(element);
            }
            self.close(b']');
            self.out.push(b',');
        } else {
            self.out.push(b'{');
            let last = value.may_repeat().then(|| last_places(value));
            for (place, (key, member)) in value.members().enumerate() {
                let counts = last.as_ref().is_none_or(|last| last.get(key.text) == Some(&place));
                if counts && !member.is_empty() {
                    self.member(key, member);
                }
            }
            self.close(b'}');
            self.out.push(b',');
        }
    }

    /// A member of the event that is not empty.
    pub(crate) fn member(&mut self, key: Text<'_>, value: Value<'_>) {
        self.out.push(b'"');
        self.letters(key);
        self.raw("\":");
        self.value(value);
    }
}

/// Where each key of an object stands last, of those that are not empty.
pub(crate) fn last_places<'a>(object: Value<'a>) -> HashMap<&'a str, usize> {
    let members = object.members().enumerate().filter(|(_, (_, value))| !value.is_empty());
    members.map(|(place, (key, _))| (key.text, place)).collect()
}

/// Writes text as the inside of a JSON string.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut to = out.len();
    // Eight bytes are written at a time, and those after a special one are overwritten.
    out.resize(to + 2 * bytes.len() + 16, 0);
    while let Some(chunk) = bytes.get(from..).and_then(<[u8]>::first_chunk::<8>) {
        let mut word = u64::from_le_bytes(*chunk);
        let mut marks = special_marks(word);
        let mut left = 8;
        while marks != 0 {
            let plain = (marks.trailing_zeros() / 8) as usize;
            out[to..to + 8].copy_from_slice(&word.to_le_bytes());
            to += plain;
            let byte = word.to_le_bytes()[plain];
            if byte >= 0x20 {
                out[to..to + 2].copy_from_slice(&[b'\\', byte]);
                to += 2;
            } else {
                to = escape_byte(out, to, byte, bytes.len() - from);
            }
            // In two steps, since all eight bytes may be done.
            word = word >> (8 * plain) >> 8;
            marks = marks >> (8 * plain) >> 8;
            left -= plain + 1;
        }
        out[to..to + 8].copy_from_slice(&word.to_le_bytes());
        to += left;
        from += 8;
    }
    for (place, byte) in bytes[from..].iter().enumerate() {
        if is_special(*byte) {
            to = escape_byte(out, to, *byte, bytes.len() - from - place);
        } else {
            out[to] = *byte;
            to += 1;
        }
    }
    out.truncate(to);
}

/// Writes one special byte at `to`, with `left` bytes (this one included) to come; returns where to go on.
fn escape_byte(out: &mut Vec<u8>, to: usize, byte: u8, left: usize) -> usize {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let needed = to + 6 + 2 * left + 16;
            if out.len() < needed {
                out.resize(needed, 0);
            }
            let digits = b"0123456789abcdef";
            let hex = [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
            out[to..to + 6].copy_from_slice(&[b'\\', b'u', b'0', b'0', hex[0], hex[1]]);
            return to + 6;
        }
    };
    out[to..to + 2].copy_from_slice(&[b'\\', short]);
    to + 2
}
