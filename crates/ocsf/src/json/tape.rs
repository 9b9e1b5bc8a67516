//! Reads one JSON text into a tape: a flat list of nodes that point into the text. Nothing is copied but strings that
//! hold escapes, and nothing is allocated once the tape has grown to the size of the events that it sees.
//!
//! Accepts exactly RFC 8259. Nesting costs memory, never stack.

use std::ops::Range;

/// Containers nested deeper than this are handed on as text: readers of JSON have limits of their own.
const DEEPEST: usize = 64;
/// The longest number that every reader of JSON takes.
const LONGEST_NUMBER: usize = 300;

/// The value holds nothing: null, "", or a container of nothing else.
const EMPTY: u8 = 1;
/// The text of this value is not what is written: it holds blanks, empty values, a name twice, a broken surrogate.
const REWRITE: u8 = 2;
/// A string that holds escapes; `next` is its place in `Tape::escaped`.
const ESCAPED: u8 = 4;
/// An object that may name a key twice.
const TWICE: u8 = 8;
/// A container that is nested too deep to be written as it is.
const DEEP: u8 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    False,
    True,
    Number,
    Text,
    Array,
    Object,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    flags: u8,
    /// Where the value begins in the text; of a string: its first letter.
    start: u32,
    /// Where it ends; of a string: before its closing quote.
    end: u32,
    /// Of a container: the node after its last.
    next: u32,
}

/// A container that is not closed yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    node: u32,
    /// Where its keys begin in `Tape::prints`.
    prints: u32,
}

/// Working memory for reading one text after another.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    nodes: Vec<Node>,
    open: Vec<Open>,
    prints: Vec<u64>,
    arena: String,
    escaped: Vec<Range<u32>>,
}

/// The text is not JSON, from about this byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJson {
    pub at: usize,
}

type Outcome<T> = Result<T, NotJson>;

impl Tape {
    /// Reads a text. The value it returns is the text's.
    pub(crate) fn read<'a>(&'a mut self, raw: &'a str) -> Outcome<Value<'a>> {
        self.nodes.clear();
        self.open.clear();
        self.prints.clear();
        self.arena.clear();
        self.escaped.clear();
        if u32::try_from(raw.len()).is_err() {
            return Err(NotJson { at: 0 });
        }
        self.text(raw.as_bytes(), raw)?;
        Ok(Value { raw, tape: self, index: 0 })
    }

    fn text(&mut self, bytes: &[u8], raw: &str) -> Outcome<()> {
        let mut at = blanks(bytes, 0);
        loop {
            at = self.value(bytes, raw, at)?;
            // A value has ended; what follows depends on what it is in.
            loop {
                at = self.blanks_within(bytes, at);
                let Some(open) = self.open.last().copied() else {
                    return if at == bytes.len() { Ok(()) } else { Err(NotJson { at }) };
                };
                let in_object = self.nodes[open.node as usize].kind == Kind::Object;
                match (bytes.get(at), in_object) {
                    (Some(b','), true) => {
                        at = self.blanks_within(bytes, at + 1);
                        at = self.key(bytes, raw, at)?;
                        break;
                    }
                    (Some(b','), false) => {
                        at = self.blanks_within(bytes, at + 1);
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        at += 1;
                        self.close(at);
                    }
                    _ => return Err(NotJson { at }),
                }
            }
        }
    }

    /// Reads the value at `at`, or down to the first one within it. Returns where to go on.
    fn value(&mut self, bytes: &[u8], raw: &str, mut at: usize) -> Outcome<usize> {
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    let (node, after) = self.string(bytes, raw, at)?;
                    self.nodes.push(node);
                    self.ended(node.flags);
                    return Ok(after);
                }
                Some(b'{') => {
                    self.begin(Kind::Object, at);
                    at = self.blanks_within(bytes, at + 1);
                    if bytes.get(at) == Some(&b'}') {
                        self.close(at + 1);
                        return Ok(at + 1);
                    }
                    at = self.key(bytes, raw, at)?;
                }
                Some(b'[') => {
                    self.begin(Kind::Array, at);
                    at = self.blanks_within(bytes, at + 1);
                    if bytes.get(at) == Some(&b']') {
                        self.close(at + 1);
                        return Ok(at + 1);
                    }
                }
                Some(b't') => return self.word(bytes, at, b"true", Kind::True, 0),
                Some(b'f') => return self.word(bytes, at, b"false", Kind::False, 0),
                Some(b'n') => return self.word(bytes, at, b"null", Kind::Null, EMPTY),
                Some(b'-' | b'0'..=b'9') => {
                    let after = number(bytes, at)?;
                    let text = &raw[at..after];
                    let harmless = text.len() < 16 && !text.bytes().any(|byte| matches!(byte, b'e' | b'E'));
                    let flags = if harmless || is_common(text) { 0 } else { REWRITE };
                    self.push(Kind::Number, flags, at, after);
                    return Ok(after);
                }
                _ => return Err(NotJson { at }),
            }
        }
    }

    fn word(&mut self, bytes: &[u8], at: usize, word: &[u8], kind: Kind, flags: u8) -> Outcome<usize> {
        let after = at + word.len();
        if bytes.get(at..after) != Some(word) {
            return Err(NotJson { at });
        }
        self.push(kind, flags, at, after);
        Ok(after)
    }

    fn push(&mut self, kind: Kind, flags: u8, start: usize, end: usize) {
        self.nodes.push(Node { kind, flags, start: start as u32, end: end as u32, next: 0 });
        self.ended(flags);
    }

    fn begin(&mut self, kind: Kind, at: usize) {
        let deep = if self.open.len() >= DEEPEST { DEEP | REWRITE } else { 0 };
        self.open.push(Open { node: self.nodes.len() as u32, prints: self.prints.len() as u32 });
        self.nodes.push(Node { kind, flags: EMPTY | deep, start: at as u32, end: 0, next: 0 });
    }

    fn close(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        let next = self.nodes.len() as u32;
        let prints = &mut self.prints[open.prints as usize..];
        let twice = if has_twice(prints) { TWICE | REWRITE } else { 0 };
        self.prints.truncate(open.prints as usize);
        let node = &mut self.nodes[open.node as usize];
        (node.end, node.next) = (end as u32, next);
        node.flags |= twice;
        let flags = node.flags;
        self.ended(flags);
    }

    /// Tells the container what ended in it.
    #[inline]
    fn ended(&mut self, flags: u8) {
        if let Some(open) = self.open.last() {
            let container = &mut self.nodes[open.node as usize].flags;
            if flags & EMPTY == 0 {
                *container &= !EMPTY;
                *container |= flags & REWRITE;
            } else {
                *container |= REWRITE;
            }
        }
    }

    /// Reads `"key" :` and the blanks around it.
    fn key(&mut self, bytes: &[u8], raw: &str, at: usize) -> Outcome<usize> {
        if bytes.get(at) != Some(&b'"') {
            return Err(NotJson { at });
        }
        let (node, after) = self.string(bytes, raw, at)?;
        self.nodes.push(node);
        if node.flags & REWRITE != 0 {
            self.mark(REWRITE);
        }
        let print = if node.flags & ESCAPED == 0 {
            fingerprint(&bytes[node.start as usize..node.end as usize])
        } else {
            fingerprint(self.decoded(raw, node).as_bytes())
        };
        self.prints.push(print);
        let colon = self.blanks_within(bytes, after);
        if bytes.get(colon) != Some(&b':') {
            return Err(NotJson { at: colon });
        }
        Ok(self.blanks_within(bytes, colon + 1))
    }

    #[inline]
    fn mark(&mut self, flags: u8) {
        if let Some(open) = self.open.last() {
            self.nodes[open.node as usize].flags |= flags;
        }
    }

    /// Skips blanks, and remembers them: a container with blanks is not written as it is.
    #[inline]
    fn blanks_within(&mut self, bytes: &[u8], at: usize) -> usize {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => {
                self.mark(REWRITE);
                blanks(bytes, at)
            }
            _ => at,
        }
    }

    /// Reads the string whose opening quote is at `at`.
    #[inline]
    fn string(&mut self, bytes: &[u8], raw: &str, at: usize) -> Outcome<(Node, usize)> {
        let start = at + 1;
        let end = plain_end(bytes, start);
        let node =
            |flags, end: usize, next| Node { kind: Kind::Text, flags, start: start as u32, end: end as u32, next };
        match bytes.get(end) {
            Some(b'"') => Ok((node(if end == start { EMPTY } else { 0 }, end, 0), end + 1)),
            Some(b'\\') => {
                let begins = self.arena.len() as u32;
                let (end, broken) = self.unescape(bytes, raw, start, end)?;
                self.escaped.push(begins..self.arena.len() as u32);
                let flags = ESCAPED | if broken { REWRITE } else { 0 };
                Ok((node(flags, end, self.escaped.len() as u32 - 1), end + 1))
            }
            _ => Err(NotJson { at: end }),
        }
    }

    /// Decodes a string into the arena from its first escape on; returns where it ends and whether a surrogate stood
    /// alone (it becomes U+FFFD, since it is no character).
    fn unescape(&mut self, bytes: &[u8], raw: &str, start: usize, first: usize) -> Outcome<(usize, bool)> {
        self.arena.push_str(&raw[start..first]);
        let (mut at, mut broken) = (first, false);
        loop {
            match bytes.get(at) {
                Some(b'"') => return Ok((at, broken)),
                Some(b'\\') => {
                    let short = match bytes.get(at + 1) {
                        Some(b'"') => '"',
                        Some(b'\\') => '\\',
                        Some(b'/') => '/',
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{c}',
                        Some(b'n') => '\n',
                        Some(b'r') => '\r',
                        Some(b't') => '\t',
                        Some(b'u') => {
                            let (letter, after) = unicode(bytes, at)?;
                            broken |= letter.is_none();
                            self.arena.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
                            at = after;
                            continue;
                        }
                        _ => return Err(NotJson { at }),
                    };
                    self.arena.push(short);
                    at += 2;
                }
                _ => {
                    let end = plain_end(bytes, at);
                    if end == at {
                        return Err(NotJson { at });
                    }
                    self.arena.push_str(&raw[at..end]);
                    at = end;
                }
            }
        }
    }

    #[inline]
    fn decoded<'a>(&'a self, raw: &'a str, node: Node) -> &'a str {
        if node.flags & ESCAPED == 0 {
            &raw[node.start as usize..node.end as usize]
        } else {
            let range = &self.escaped[node.next as usize];
            &self.arena[range.start as usize..range.end as usize]
        }
    }
}

/// A text, and whether it can stand between quotes in JSON as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub text: &'a str,
    pub plain: bool,
}

impl Text<'static> {
    /// A text of ours, which holds neither quotes nor control characters.
    pub(crate) const fn ours(text: &'static str) -> Self {
        Text { text, plain: true }
    }
}

impl<'a> Text<'a> {
    /// A text of which nothing is known.
    pub(crate) const fn any(text: &'a str) -> Self {
        Text { text, plain: false }
    }
}

/// A value within a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    raw: &'a str,
    tape: &'a Tape,
    index: u32,
}

impl<'a> Value<'a> {
    #[inline]
    fn node(self) -> Node {
        self.tape.nodes[self.index as usize]
    }

    /// The value at that place of the tape.
    #[inline]
    pub(crate) fn at(self, index: u32) -> Self {
        Self { index, ..self }
    }

    /// The node after this value.
    #[inline]
    fn after(self) -> u32 {
        match self.node().kind {
            Kind::Array | Kind::Object => self.node().next,
            _ => self.index + 1,
        }
    }

    /// Its place on the tape; 0 is the whole text.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        self.node().kind
    }

    /// Null, "", or a container of nothing else.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.node().flags & EMPTY != 0
    }

    /// Whether the text of this value is what is written of it.
    #[inline]
    pub(crate) fn is_verbatim(self) -> bool {
        self.node().flags & REWRITE == 0
    }

    /// Whether an object may name a key twice.
    pub(crate) fn may_repeat(self) -> bool {
        self.node().flags & TWICE != 0
    }

    /// Whether a container is nested too deep to be written as one.
    pub(crate) fn is_deep(self) -> bool {
        self.node().flags & DEEP != 0
    }

    /// The value as it stands in the text; of a string without its quotes.
    #[inline]
    pub(crate) fn source(self) -> &'a str {
        let node = self.node();
        &self.raw[node.start as usize..node.end as usize]
    }

    /// A string that is not empty.
    #[inline]
    pub(crate) fn string(self) -> Option<Text<'a>> {
        let node = self.node();
        (node.kind == Kind::Text && node.flags & EMPTY == 0)
            .then(|| Text { text: self.tape.decoded(self.raw, node), plain: node.flags & ESCAPED == 0 })
    }

    /// A string that is not empty, or a number as text.
    #[inline]
    pub(crate) fn text(self) -> Option<Text<'a>> {
        match self.node().kind {
            Kind::Number => Some(Text { text: self.source(), plain: true }),
            _ => self.string(),
        }
    }

    #[inline]
    pub(crate) fn boolean(self) -> Option<bool> {
        match self.node().kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// A number, or a string that holds one; always finite.
    pub(crate) fn float(self) -> Option<f64> {
        self.text()?.text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A whole number, or a string that holds one.
    pub(crate) fn integer(self) -> Option<i64> {
        self.text()?.text.parse().ok()
    }

    /// The members of an object, in order; nothing if it is none.
    #[inline]
    pub(crate) fn members(self) -> Members<'a> {
        let end = if self.kind() == Kind::Object { self.node().next } else { 0 };
        Members { value: self, at: self.index + 1, end }
    }

    /// The elements of an array, in order; nothing if it is none.
    pub(crate) fn elements(self) -> Elements<'a> {
        let end = if self.kind() == Kind::Array { self.node().next } else { 0 };
        Elements { value: self, at: self.index + 1, end }
    }

    /// The last member of that name that is not empty.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        let object = self.node();
        if object.kind != Kind::Object {
            return None;
        }
        let (mut at, mut found) = (self.index + 1, None);
        while at < object.next {
            let key = self.tape.nodes[at as usize];
            let value = self.at(at + 1);
            let same = if key.flags & ESCAPED == 0 {
                self.raw.as_bytes()[key.start as usize..key.end as usize] == *name.as_bytes()
            } else {
                self.tape.decoded(self.raw, key) == name
            };
            if same && !value.is_empty() {
                found = Some(value);
            }
            at = value.after();
        }
        found
    }

    /// A member's text (or number as text).
    #[inline]
    pub(crate) fn text_of(self, name: &str) -> Option<Text<'a>> {
        self.get(name)?.text()
    }
}

/// See [`Value::members`].
#[derive(Debug, Clone)]
pub(crate) struct Members<'a> {
    value: Value<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let key = self.value.at(self.at).node();
        let text = Text { text: self.value.tape.decoded(self.value.raw, key), plain: key.flags & ESCAPED == 0 };
        let value = self.value.at(self.at + 1);
        self.at = value.after();
        Some((text, value))
    }
}

/// See [`Value::elements`].
#[derive(Debug, Clone)]
pub(crate) struct Elements<'a> {
    value: Value<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let value = self.value.at(self.at);
        self.at = value.after();
        Some(value)
    }
}

fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Whether a byte can not stand in a string as it is.
pub(super) const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The highest bit of each of eight bytes that is special.
#[inline]
pub(super) const fn special_marks(word: u64) -> u64 {
    // Adding 0x7F to the lower seven bits reaches the highest one unless they are all zero.
    const fn zeros(word: u64) -> u64 {
        !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
    }
    // Control characters are those without any of the upper three bits.
    zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64)) | zeros(word & (ONES * 0xE0))
}

/// How many of eight bytes (lowest first) stand before the first special one; 8 if none is special.
#[inline]
const fn plain_bytes(word: u64) -> usize {
    // A byte becomes zero where it equals, and the lowest zero byte is found by the borrow that it causes.
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let found = (quote.wrapping_sub(ONES) & !quote)
        | (slash.wrapping_sub(ONES) & !slash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    ((found & HIGHS).trailing_zeros() / 8) as usize
}

/// Where the run of plain bytes that begins at `at` ends.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let plain = plain_bytes(u64::from_le_bytes(*chunk));
        at += plain;
        if plain < 8 {
            return at;
        }
    }
    while bytes.get(at).is_some_and(|byte| !is_special(*byte)) {
        at += 1;
    }
    at
}

/// The letter of the `\uXXXX` at `at` (or of the pair), None for a surrogate that stands alone, and where it ends.
fn unicode(bytes: &[u8], at: usize) -> Outcome<(Option<char>, usize)> {
    let first = hex4(bytes, at + 2)?;
    let after = at + 6;
    if (0xD800..0xDC00).contains(&first) && bytes.get(after..after + 2) == Some(b"\\u") {
        let second = hex4(bytes, after + 2)?;
        if (0xDC00..0xE000).contains(&second) {
            let letter = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return Ok((char::from_u32(letter), after + 6));
        }
    }
    Ok((char::from_u32(first), after))
}

fn hex4(bytes: &[u8], at: usize) -> Outcome<u32> {
    let digits = bytes.get(at..at + 4).ok_or(NotJson { at })?;
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?)).ok_or(NotJson { at })
}

/// Where the number at `at` ends.
fn number(bytes: &[u8], mut at: usize) -> Outcome<usize> {
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if bytes[at] == b'-' {
        at += 1;
    }
    match digits(at) {
        0 => return Err(NotJson { at }),
        many if many > 1 && bytes[at] == b'0' => return Err(NotJson { at }),
        many => at += many,
    }
    if bytes.get(at) == Some(&b'.') {
        match digits(at + 1) {
            0 => return Err(NotJson { at }),
            many => at += 1 + many,
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        match digits(at) {
            0 => return Err(NotJson { at }),
            many => at += many,
        }
    }
    Ok(at)
}

/// Whether every reader of JSON takes this number.
fn is_common(number: &str) -> bool {
    number.len() <= LONGEST_NUMBER && number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A number that differs for most keys that differ.
#[inline]
pub(crate) fn fingerprint(key: &[u8]) -> u64 {
    let mixed = match (key.first_chunk::<8>(), key.last_chunk::<8>(), key.first_chunk::<4>(), key.last_chunk::<4>()) {
        (Some(head), Some(tail), ..) => u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(29),
        (_, _, Some(head), Some(tail)) => {
            u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32
        }
        _ => key.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    (mixed ^ ((key.len() as u64) << 58)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Whether a fingerprint is there twice.
fn has_twice(prints: &mut [u64]) -> bool {
    if prints.len() > 40 {
        prints.sort_unstable();
        return prints.windows(2).any(|pair| pair[0] == pair[1]);
    }
    prints
        .iter()
        .enumerate()
        .any(|(place, print)| prints[..place].iter().fold(false, |found, other| found | (other == print)))
}
