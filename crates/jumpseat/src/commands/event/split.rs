//! Cuts an input into raw events without reading all of it: JSON lines, JSON arrays, objects with `results` or `events`,
//! or objects written over several lines. Each event keeps its bytes as they came.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

/// A longer event is left out.
pub(super) const LONGEST_EVENT: usize = 64 << 20;
/// As much is looked at to find out what the input is.
const LOOKED_AT: usize = 64 * 1024;
/// Names under which an answer holds events.
const WRAPPED: [&[u8]; 2] = [b"results", b"events"];

/// The events of one input.
pub(super) struct Events<R> {
    input: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    is_lines: bool,
    buffer: Vec<u8>,
    line: u64,
    scan: Scan,
}

/// One event, or what stands in the place of one.
pub(super) struct Piece<'a> {
    /// The line that it begins in, from 1.
    pub line: u64,
    pub text: &'a [u8],
    /// It was too long, and `text` is only its beginning.
    pub is_cut: bool,
}

/// Where in a document the scan is.
#[derive(Debug, Default)]
struct Scan {
    place: Place,
    /// Brackets of either kind that are open within the event.
    depth: u32,
    in_string: bool,
    after_backslash: bool,
    /// Where in the buffer the last string of depth 1 is.
    string: (usize, usize),
    /// The last key of depth 1 is one of `WRAPPED`.
    key_wraps: bool,
    saw_event_type: bool,
    /// Arrays that are open outside of events.
    arrays: u32,
    /// The events are within an object.
    is_wrapped: bool,
    began: u64,
    is_cut: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between events.
    #[default]
    Between,
    /// In an object that is an event, or an object that holds events.
    Object,
    /// In something that is no object.
    Other,
    /// In what follows the events of an object.
    Rest,
}

impl<R: Read> Events<R> {
    /// Looks at the beginning of the input.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::with_capacity(LOOKED_AT);
        let mut chunk = [0; 8192];
        let is_lines = loop {
            if let Some(decided) = are_lines(without_mark(&head), head.len() >= LOOKED_AT) {
                break decided;
            }
            match input.read(&mut chunk) {
                Ok(0) => break are_lines(without_mark(&head), true).unwrap_or(true),
                Ok(read) => head.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let mark = head.len() - without_mark(&head).len();
        head.drain(..mark);
        let input = BufReader::with_capacity(LOOKED_AT, Cursor::new(head).chain(input));
        Ok(Self { input, is_lines, buffer: Vec::new(), line: 0, scan: Scan::default() })
    }

    /// The next event; None at the end.
    pub(super) fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>> {
        if self.is_lines { self.next_line() } else { self.next_of_document() }
    }

    fn next_line(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let most = LONGEST_EVENT as u64 + 1;
            if self.input.by_ref().take(most).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            let is_cut = self.buffer.len() > LONGEST_EVENT && self.buffer.last() != Some(&b'\n');
            if is_cut {
                skip_line(&mut self.input)?;
            }
            if !self.buffer.trim_ascii().is_empty() {
                break Ok(Some(Piece { line: self.line, text: self.buffer.trim_ascii(), is_cut }));
            }
        }
    }

    fn next_of_document(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.line = self.line.max(1);
        self.buffer.clear();
        loop {
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                let is_open = matches!(self.scan.place, Place::Object | Place::Other);
                self.scan.place = Place::Between;
                return Ok(is_open.then(|| self.scan.piece(&self.buffer)));
            }
            let (mut used, mut ended) = (0, false);
            while used < bytes.len() && !ended {
                let byte = bytes[used];
                let again;
                (ended, again) = self.scan.byte(byte, self.line, &mut self.buffer);
                if !again {
                    used += 1;
                    self.line += u64::from(byte == b'\n');
                }
            }
            self.input.consume(used);
            if ended {
                return Ok(Some(self.scan.piece(&self.buffer)));
            }
        }
    }
}

impl Scan {
    fn piece<'a>(&self, buffer: &'a [u8]) -> Piece<'a> {
        Piece { line: self.began, text: buffer.trim_ascii(), is_cut: self.is_cut }
    }

    /// Takes one byte; returns whether it ended an event, and whether it is to be looked at again.
    fn byte(&mut self, byte: u8, line: u64, buffer: &mut Vec<u8>) -> (bool, bool) {
        match self.place {
            Place::Between => {
                match byte {
                    b' ' | b'\t' | b'\n' | b'\r' | b',' => {}
                    b'[' => self.arrays += 1,
                    b']' => {
                        self.arrays = self.arrays.saturating_sub(1);
                        if self.arrays == 0 && self.is_wrapped {
                            (self.place, self.depth, self.is_wrapped) = (Place::Rest, 1, false);
                        }
                    }
                    _ => {
                        self.place = if byte == b'{' { Place::Object } else { Place::Other };
                        (self.depth, self.in_string, self.after_backslash) = (0, false, false);
                        (self.key_wraps, self.saw_event_type, self.is_cut) = (false, false, false);
                        self.began = line;
                        return (false, true);
                    }
                }
                (false, false)
            }
            Place::Object => {
                self.keep(byte, buffer);
                let ended = self.nest(byte, buffer);
                if ended {
                    self.place = Place::Between;
                } else if byte == b'[' && !self.in_string && self.depth == 2 && self.begins_events() {
                    buffer.clear();
                    (self.place, self.arrays, self.is_wrapped) = (Place::Between, 1, true);
                }
                (ended, false)
            }
            Place::Other => {
                let ends = matches!(byte, b',' | b']' | b'\n') && !self.in_string;
                if ends {
                    self.place = Place::Between;
                    return (true, true);
                }
                self.keep(byte, buffer);
                self.in_string = self.goes_on_in_string(byte);
                (false, false)
            }
            Place::Rest => {
                if self.nest(byte, buffer) {
                    self.place = Place::Between;
                }
                (false, false)
            }
        }
    }

    fn keep(&mut self, byte: u8, buffer: &mut Vec<u8>) {
        if buffer.len() < LONGEST_EVENT {
            buffer.push(byte);
        } else {
            self.is_cut = true;
        }
    }

    /// Follows strings and brackets; returns whether the object has ended.
    fn nest(&mut self, byte: u8, buffer: &[u8]) -> bool {
        let was_in_string = self.in_string;
        self.in_string = self.goes_on_in_string(byte);
        if was_in_string || self.in_string {
            if self.depth == 1 {
                if !was_in_string {
                    self.string.0 = buffer.len();
                } else if !self.in_string {
                    self.string.1 = buffer.len().saturating_sub(1);
                }
            }
            return false;
        }
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b':' if self.depth == 1 => {
                let key = buffer.get(self.string.0..self.string.1).unwrap_or_default();
                self.key_wraps = WRAPPED.contains(&key);
                self.saw_event_type |= key == b"event_type";
            }
            _ => {}
        }
        self.depth == 0
    }

    fn goes_on_in_string(&mut self, byte: u8) -> bool {
        if !self.in_string {
            return byte == b'"';
        }
        if self.after_backslash {
            self.after_backslash = false;
            return true;
        }
        self.after_backslash = byte == b'\\';
        byte != b'"'
    }

    /// Whether the array that has just begun holds the events of an answer, and is no field of an event.
    fn begins_events(&self) -> bool {
        self.key_wraps && !self.saw_event_type && self.arrays == 0 && !self.is_wrapped
    }
}

/// An input without the mark of UTF-8 at its beginning.
fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head)
}

/// Whether each line of an input that begins so is for itself; `None` while more of it has to be seen.
fn are_lines(head: &[u8], is_all: bool) -> Option<bool> {
    let head = head.trim_ascii_start();
    if head.first() == Some(&b'[') {
        return Some(false);
    }
    let (line, rest) = match head.iter().position(|byte| *byte == b'\n') {
        Some(end) => head.split_at(end),
        None if is_all => (head, &[][..]),
        None => return None,
    };
    if line.first() != Some(&b'{') {
        return Some(true);
    }
    let mut scan = Scan { place: Place::Object, ..Scan::default() };
    let mut buffer = Vec::new();
    for byte in line {
        let (ended, _) = scan.byte(*byte, 1, &mut buffer);
        if scan.is_wrapped {
            return Some(false);
        }
        if ended {
            return Some(true);
        }
    }
    // An object that goes on and on is a long line, and one whose line ends within a string is a broken line.
    if scan.in_string || rest.is_empty() {
        return Some(true);
    }
    // It is written over several lines, or its line is broken. Then the next one is whole.
    let rest = rest.trim_ascii_start();
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => Some(is_whole_event(&rest[..end])),
        None => is_all.then(|| is_whole_event(rest)),
    }
}

/// Whether a line is an event from its beginning to its end.
fn is_whole_event(line: &[u8]) -> bool {
    let mut scan = Scan { place: Place::Object, ..Scan::default() };
    let mut buffer = Vec::new();
    let line = line.trim_ascii_end();
    let end = line.iter().position(|byte| scan.byte(*byte, 1, &mut buffer).0);
    line.first() == Some(&b'{') && end == Some(line.len().saturating_sub(1)) && scan.saw_event_type
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (used, done) = end.map_or((bytes.len(), bytes.is_empty()), |end| (end + 1, true));
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every cut is tried.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let many = usize::from(!self.0.is_empty());
            buffer[..many].copy_from_slice(&self.0[..many]);
            self.0 = &self.0[many..];
            Ok(many)
        }
    }

    fn pieces(text: &str) -> Vec<(u64, String)> {
        let mut events = Events::new(Slow(text.as_bytes())).unwrap();
        let mut found = Vec::new();
        while let Some(piece) = events.next_piece().unwrap() {
            assert!(!piece.is_cut);
            found.push((piece.line, String::from_utf8(piece.text.to_vec()).unwrap()));
        }
        found
    }

    fn texts(text: &str) -> Vec<String> {
        pieces(text).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn every_form_of_input_gives_the_same_events() {
        let events = [r#"{"event_type":"a","x":"]}\"{["}"#, r#"{"event_type":"b","events":[1,{"y":[]}]}"#];
        let [one, two] = events;
        for input in [
            format!("{one}\n{two}\n"),
            format!("\n  {one}  \r\n\n{two}"),
            format!("\u{feff}{one}\n{two}\n"),
            format!("[{one},{two}]"),
            format!("[\n  {one},\n  {two}\n]\n"),
            format!("[{one}]\n[{two}]\n"),
            format!(r#"{{"results":[{one},{two}]}}"#),
            format!(r#"{{"totalCount":2,"nested":{{"results":[1]}},"events":[{one},{two}],"more":{{"a":["]"]}}}}"#),
            format!("{{\n \"results\": [\n{one},{two}]\n}}\n"),
        ] {
            assert_eq!(texts(&input), events, "{input}");
        }
    }

    #[test]
    fn an_object_over_several_lines_is_one_event() {
        let input = "{\n \"event_type\": \"a\",\n \"results\": [1]\n}\n{\n \"event_type\": \"b\"\n}\n";
        assert_eq!(pieces(input).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn a_broken_line_takes_no_other_with_it() {
        let input = "{\"event_type\":\"a\"}\n{\"event_type\":\"b\nnonsense\n{\"event_type\":\"c\"}\n";
        assert_eq!(pieces(input).len(), 4);
        assert_eq!(pieces(input)[3], (4, "{\"event_type\":\"c\"}".to_owned()));
        // Wherever the first line breaks off.
        for broken in ["{", "{\"id\":\"1\",", "{\"id\":", "{\"id\":\"1\",\"event_type\":\"x\",", "{\"changes\":[{"] {
            let input = format!("{broken}\n{{\"event_type\":\"a\"}}\n\n{{\"event_type\":\"b\"}}");
            assert_eq!(texts(&input), [broken, "{\"event_type\":\"a\"}", "{\"event_type\":\"b\"}"], "{input}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_too() {
        assert_eq!(
            texts("[1, \"a,b\", {\"event_type\":\"a\"}, null]"),
            ["1", "\"a,b\"", "{\"event_type\":\"a\"}", "null"]
        );
        assert_eq!(texts("[{\"event_type\":\"a\"},{\"event"), ["{\"event_type\":\"a\"}", "{\"event"]);
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(texts("[]\n"), [""; 0]);
    }
}
