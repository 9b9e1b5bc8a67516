//! A version, whole or in parts: newer events say "10.15.7", older ones only major "10", minor "15", patch "7".

use crate::json::{Text, Value, Writer};

/// A version number in words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Version<'a> {
    Whole(Text<'a>),
    Parts([Option<Text<'a>>; 3]),
}

impl<'a> Version<'a> {
    /// Reads the version, or puts it together from its parts; nothing without a first part.
    pub(crate) fn read(value: Value<'a>, whole: &str, parts: [&str; 3]) -> Option<Self> {
        if let Some(version) = value.text_of(whole) {
            return Some(Self::Whole(version));
        }
        let [major, minor, patch] = parts.map(|name| value.text_of(name));
        major?;
        Some(Self::Parts([major, minor, if minor.is_some() { patch } else { None }]))
    }

    /// Writes it as the inside of a string.
    pub(crate) fn letters(&self, to: &mut Writer<'_>) {
        match self {
            Self::Whole(version) => to.letters(*version),
            Self::Parts(parts) => {
                for (place, part) in parts.iter().flatten().enumerate() {
                    if place > 0 {
                        to.raw(".");
                    }
                    to.letters(*part);
                }
            }
        }
    }
}
