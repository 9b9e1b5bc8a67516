//! DER, as much as time stamps need: taking values apart without copying, and putting a question together.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// Values one after the other. Whatever is not DER gives `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) tag: u8,
    /// What is in it.
    pub(super) content: &'a [u8],
    /// The same with tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Der<'a> {
    /// The next value's content, if it has this tag.
    pub(super) fn get(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.part(tag).map(|part| part.content)
    }

    /// The next value, if it has this tag.
    pub(super) fn part(&mut self, tag: u8) -> Option<Part<'a>> {
        let mut ahead = *self;
        let part = ahead.next().filter(|part| part.tag == tag)?;
        *self = ahead;
        Some(part)
    }

    /// The values within the next one, if it has this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.get(tag).map(Self)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let [tag, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            // Two bytes are the most that a length of ours has: a time stamp is small.
            0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
            0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
            _ => return None,
        };
        let (content, behind) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - behind.len()];
        self.0 = behind;
        Some(Part { tag: *tag, content, whole })
    }
}

/// One value of less than 128 bytes.
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80).expect("our values are short");
    [&[tag, length], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_apart_and_what_is_no_value_is_none() {
        let text = value(SEQUENCE, &[value(INTEGER, &[1]), value(OCTETS, b"abc")].concat());
        let mut inside = Der(&text).enter(SEQUENCE).unwrap();
        assert_eq!(inside.get(OCTETS), None, "the next one is a number");
        assert_eq!((inside.get(INTEGER), inside.get(OCTETS)), (Some(&[1][..]), Some(&b"abc"[..])));
        assert_eq!(inside.next(), None);
        let long = [&[OCTETS, 0x82, 0x01, 0x00][..], &[7; 256], b"behind"].concat();
        let mut parts = Der(&long);
        assert_eq!(parts.next().unwrap().content.len(), 256);
        assert_eq!(parts.0, b"behind");
        for broken in
            [&[OCTETS][..], &[OCTETS, 3, 1], &[OCTETS, 0x82, 1], &[OCTETS, 0x80, 0, 0], &[OCTETS, 0x84, 0, 0, 0, 1, 1]]
        {
            assert_eq!(Der(broken).next(), None, "{broken:?}");
        }
    }
}
