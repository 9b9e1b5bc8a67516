//! Object ids as JumpCloud shows them: 24 hexadecimal digits whose first eight are the creation second.
//! Responsible for making, parsing and printing them. Not for UUIDs, which a few newer resources use.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::dice::mix;

/// A 12-byte object id, printed as 24 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 12]);

impl Id {
    /// Makes an id from a creation time (epoch milliseconds) and 64 bits that make it unique.
    pub(crate) fn new(created_at: i64, entropy: u64) -> Self {
        let mut bytes = [0; 12];
        let seconds = u32::try_from(created_at.max(0) / 1000).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        bytes[4..].copy_from_slice(&entropy.to_be_bytes());
        Self(bytes)
    }

    /// Makes the id of something that belongs to this object (a status row, a key of a user).
    pub(crate) fn child(self, salt: u64) -> Self {
        let mut bytes = self.0;
        let entropy = mix(self.entropy() ^ mix(salt));
        bytes[4..].copy_from_slice(&entropy.to_be_bytes());
        Self(bytes)
    }

    /// The part of the id that is not time; a good seed for everything told about the object.
    pub(crate) fn entropy(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[4..]);
        u64::from_be_bytes(bytes)
    }

    /// The second of creation, counted from 1970.
    pub(crate) fn seconds(self) -> i64 {
        let [a, b, c, d, ..] = self.0;
        i64::from(u32::from_be_bytes([a, b, c, d]))
    }

    /// Reads 24 hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 24 {
            return None;
        }
        let mut id = [0; 12];
        for (target, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *target = (high * 16 + low) as u8;
        }
        Some(Self(id))
    }

    /// Appends the 24 digits to a text.
    pub(crate) fn write(self, out: &mut String) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in self.0 {
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.write(&mut text);
        formatter.write_str(&text)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_printing_and_parsing() {
        let id = Id::new(1_763_628_845_921, 0x00ab_cdef_0123_4567);
        assert_eq!(id.to_string().len(), 24);
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(Id::parse("getSelf"), None);
    }
}
