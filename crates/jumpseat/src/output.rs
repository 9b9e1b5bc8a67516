//! Data on standard output: a table for people, JSON, JSON lines or CSV for programs. What comes from a directory is
//! hostile until shown harmless: control characters are made visible, spreadsheet formulas are defused.

use std::io::{self, IsTerminal as _, Write};

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};
use posture::harmless::{defused, is_steering};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub(crate) use posture::harmless::printable;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Events only: an OCSF event a line.
    Ocsf,
    /// Events only: each event as JumpCloud sent it, one a line.
    Raw,
    /// Events only: OCSF events as one Parquet file.
    Parquet,
}

/// Rows under named columns.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// Longest text of one cell in a table for people.
const WIDEST_CELL: usize = 60;
/// Words of a cell are kept together up to so many characters: 26 of a time or an id of JumpCloud if there is room, and 16 of
/// an ordinary word in any case.
const KEPT_WORD: std::ops::RangeInclusive<u16> = 16..=26;
/// Where the name of a column may be broken.
const HEADING_BREAK: char = '_';
/// Blanks between columns.
const GAP: u16 = 2;
/// Width of a table where there is no terminal to ask.
const WIDTH_WITHOUT_TERMINAL: u16 = 200;

impl Format {
    /// What is meant when nothing is said: a table on a terminal, JSON in a pipe.
    pub(crate) fn usual() -> Self {
        if io::stdout().is_terminal() { Self::Table } else { Self::Json }
    }
}

impl Format {
    /// Whether only commands that write events know it.
    pub(crate) fn is_of_events(self) -> bool {
        matches!(self, Self::Ocsf | Self::Raw | Self::Parquet)
    }
}

impl Sheet {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The sheet without columns that have no value in any row.
    pub(crate) fn without_empty_columns(mut self) -> Self {
        let is_used: Vec<bool> =
            (0..self.columns.len()).map(|at| self.rows.iter().any(|row| !row[at].is_null())).collect();
        let mut used = is_used.iter();
        self.columns.retain(|_| used.next().is_some_and(|used| *used));
        for row in &mut self.rows {
            let mut used = is_used.iter();
            row.retain(|_| used.next().is_some_and(|used| *used));
        }
        self
    }

    /// Writes all rows.
    pub(crate) fn write(self, format: Format) -> io::Result<()> {
        let mut writer = RowWriter::new(format, io::stdout().lock());
        writer.columns(&self.columns)?;
        for row in self.rows {
            writer.row(row)?;
        }
        writer.finish()
    }
}

/// Writes rows as they come, so that an answer of any size needs no memory (except as a table, which must be measured).
pub(crate) struct RowWriter<W: Write> {
    format: Format,
    out: W,
    columns: Vec<String>,
    table: Vec<Vec<String>>,
    rows: u64,
}

impl<W: Write> RowWriter<W> {
    pub(crate) fn new(format: Format, out: W) -> Self {
        Self { format, out, columns: Vec::new(), table: Vec::new(), rows: 0 }
    }

    /// Names the columns, before the first row.
    pub(crate) fn columns(&mut self, columns: &[String]) -> io::Result<()> {
        match self.format {
            Format::Csv => self.csv(columns.iter().map(|name| Value::String(name.clone())).collect())?,
            Format::Table => self.columns = columns.to_vec(),
            _ => self.columns = distinct(columns),
        }
        Ok(())
    }

    pub(crate) fn row(&mut self, row: Vec<Value>) -> io::Result<()> {
        match self.format {
            Format::Table => self.table.push(row.iter().map(shown).collect()),
            Format::Csv => self.csv(row)?,
            _ => return self.object(&row),
        }
        self.rows += 1;
        Ok(())
    }

    /// A row of the database; its texts, of which there may be many, are not copied on their way into JSON.
    pub(crate) fn cells(&mut self, row: Vec<store::Cell>) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Csv => self.row(row.into_iter().map(to_json).collect()),
            _ => self.object(&row.iter().map(InJson).collect::<Vec<_>>()),
        }
    }

    /// Ends the output.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.format {
            Format::Table => {
                let table = aligned(&self.columns, self.table, terminal_width());
                writeln!(self.out, "{table}")?;
            }
            Format::Json if self.rows == 0 => writeln!(self.out, "[]")?,
            Format::Json => writeln!(self.out, "\n]")?,
            Format::Jsonl | Format::Csv | Format::Ocsf | Format::Raw | Format::Parquet => {}
        }
        self.out.flush()
    }

    /// A row as an object of its own, or one of the document's.
    fn object(&mut self, row: &[impl Serialize]) -> io::Result<()> {
        let is_document = self.format == Format::Json;
        if is_document {
            self.out.write_all(if self.rows == 0 { b"[\n  " } else { b",\n  " })?;
        }
        write_compact(&mut self.out, &Object { names: &self.columns, row })?;
        if !is_document {
            self.out.write_all(b"\n")?;
        }
        self.rows += 1;
        Ok(())
    }

    fn csv(&mut self, row: Vec<Value>) -> io::Result<()> {
        let cells: Vec<String> = row
            .into_iter()
            .map(|value| match value {
                Value::Null => String::new(),
                Value::String(text) => defused(text),
                Value::Array(_) | Value::Object(_) => defused(value.to_string()),
                other => other.to_string(),
            })
            .collect();
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut self.out);
        writer.write_record(&cells)?;
        writer.flush()
    }
}

/// Writes one JSON document, or its plain rendering for people.
pub(crate) fn write_json(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, Escaping(serde_json::ser::PrettyFormatter::new()));
    value.serialize(&mut serializer)?;
    out.write_all(&bytes)?;
    writeln!(out)
}

/// Writes lines for people.
pub(crate) fn write_lines(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// How many characters a line of this terminal has.
pub(crate) fn terminal_width() -> u16 {
    // Some terminals have no width that they know of, and say 0.
    Table::new().width().filter(|width| *width > 0).unwrap_or(WIDTH_WITHOUT_TERMINAL)
}

/// Rows as a table of so many characters, in which no word is broken but the longest. Where there is not that much room, each
/// row becomes lines of its own.
fn aligned(columns: &[String], rows: Vec<Vec<String>>, width: u16) -> String {
    let headings: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    let longest = |text: &str, between: char| text.split(between).map(width_of).max().unwrap_or_default();
    let least_of = |at: usize, longest_kept: u16| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| longest(cell, ' ').min(longest_kept));
        cells.chain([longest(&headings[at], HEADING_BREAK)]).max().unwrap_or_default()
    };
    let fits =
        |least: &Vec<u16>| least.iter().map(|least| usize::from(least + GAP)).sum::<usize>() <= usize::from(width);
    let mut tried = KEPT_WORD.rev().map(|kept| (0..columns.len()).map(|at| least_of(at, kept)).collect());
    let Some(least) = tried.find(fits) else { return records(columns, &rows) };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(headings.iter().map(|heading| Cell::new(heading).set_delimiter(HEADING_BREAK)));
    for row in rows {
        table.add_row(row);
    }
    for (column, least) in table.column_iter_mut().zip(least) {
        column.set_padding((0, GAP)).set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least + GAP)));
    }
    table.to_string().lines().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Rows one below the other, a line for each value.
fn records(columns: &[String], rows: &[Vec<String>]) -> String {
    let widest = columns.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let record = |row: &Vec<String>| {
        let lines = columns.iter().zip(row).map(|(name, value)| format!("{name:widest$}  {value}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n\n")
}

/// How many characters of a terminal a text takes, about.
fn width_of(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}

/// A value as a cell of a table for people.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::Bool(true) => return "yes".to_owned(),
        Value::Bool(false) => return "no".to_owned(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    };
    if text.chars().count() > WIDEST_CELL { text.chars().take(WIDEST_CELL - 1).chain(['…']).collect() } else { text }
}

/// A JSON value on one line, with every character escaped that a terminal would obey.
pub(crate) fn json_text(value: &Value) -> String {
    let mut bytes = Vec::new();
    write_compact(&mut bytes, value).expect("a JSON value can be written to memory");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

fn write_compact(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Escaping(serde_json::ser::CompactFormatter));
    Ok(value.serialize(&mut serializer)?)
}

/// A row under its columns' names, as a JSON object.
struct Object<'a, T> {
    names: &'a [String],
    row: &'a [T],
}

impl<T: Serialize> Serialize for Object<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.row))
    }
}

/// A database value as JSON.
pub(crate) fn to_json(cell: store::Cell) -> Value {
    serde_json::to_value(InJson(&cell)).unwrap_or_default()
}

/// A database value on its way into JSON; of bytes no more than how many they are.
struct InJson<'a>(&'a store::Cell);

impl Serialize for InJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            store::Cell::Null(_) => serializer.serialize_unit(),
            store::Cell::Text(text) => serializer.serialize_str(text),
            store::Cell::Integer(number) => serializer.serialize_i64(*number),
            store::Cell::Real(number) => serializer.serialize_f64(*number),
            store::Cell::Boolean(flag) => serializer.serialize_bool(*flag),
            store::Cell::Bytes(bytes) => serializer.collect_str(&format_args!("{} bytes", bytes.len())),
        }
    }
}

/// Names of which none comes twice, since an object would lose a value: `id`, `id_2`.
fn distinct(names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut free = name.clone();
        let mut number = 2;
        while all.contains(&free) || (number > 2 && names.contains(&free)) {
            free = format!("{name}_{number}");
            number += 1;
        }
        all.push(free);
    }
    all
}

/// JSON with the steering characters that JSON itself would leave as they are written as escapes.
struct Escaping<F>(F);

impl<F: serde_json::ser::Formatter> serde_json::ser::Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Most are plain ASCII, which is told without taking letters apart.
        if fragment.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !fragment.chars().any(is_steering) {
            return self.0.write_string_fragment(writer, fragment);
        }
        for character in fragment.chars() {
            if is_steering(character) {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: Format, rows: Vec<Vec<Value>>) -> String {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(format, &mut out);
        writer.columns(&["name".to_owned(), "n".to_owned()]).unwrap();
        for row in rows {
            writer.row(row).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    const HOSTILE: &str = "\u{1b}]52;c;aGk=\u{7}\u{9b}31m\r\u{202e}evil\u{200b}";

    #[test]
    fn no_format_lets_an_escape_sequence_through() {
        for format in [Format::Table, Format::Json, Format::Jsonl] {
            let text = written(format, vec![vec![json!(HOSTILE), json!(1)]]);
            assert!(!text.chars().any(|c| is_steering(c) && c != '\n'), "{format:?}: {text:?}");
        }
    }

    #[test]
    fn escaped_json_reads_back_as_what_it_was() {
        let text = written(Format::Json, vec![vec![json!(HOSTILE), json!(-1)]]);
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back, json!([{ "name": HOSTILE, "n": -1 }]));
    }

    #[test]
    fn a_json_object_has_its_columns_in_their_order_and_loses_none_of_one_name() {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(Format::Jsonl, &mut out);
        writer.columns(&["z", "id", "id", "id_2", "a"].map(str::to_owned)).unwrap();
        writer.row((1..=5).map(|n| json!(n)).collect()).unwrap();
        writer.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"z\":1,\"id\":2,\"id_3\":3,\"id_2\":4,\"a\":5}\n");
    }

    #[test]
    fn csv_defuses_formulas_and_leaves_numbers_alone() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"] {
            let text = written(Format::Csv, vec![vec![json!(formula), json!(-5)]]);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(&record[0], format!("'{formula}"));
            assert_eq!(&record[1], "-5");
        }
    }

    #[test]
    fn headings_are_broken_between_words_and_a_terminal_too_narrow_gets_lines() {
        let columns = ["connection", "last_success", "what_to_do"].map(str::to_owned);
        let row =
            ["Acme", "2 minutes ago", "look at the disk and at its permissions, then sync again"].map(str::to_owned);
        let table = |width| aligned(&columns, vec![row.to_vec()], width);
        for width in 44..120 {
            let text = table(width);
            let head: Vec<&str> = text.lines().take_while(|line| !line.contains("Acme")).collect();
            let words: Vec<&str> = head.iter().flat_map(|line| line.split([' ', '_'])).collect();
            for word in ["CONNECTION", "LAST", "SUCCESS", "WHAT", "DO"] {
                assert!(words.contains(&word), "{width}: {word} in\n{text}");
            }
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}:\n{text}");
        }
        let lines = "connection    Acme\nlast_success  2 minutes ago\nwhat_to_do    look at the disk";
        assert!(table(24).starts_with(lines), "{}", table(24));
    }

    #[test]
    fn an_empty_answer_is_an_empty_list() {
        assert_eq!(written(Format::Json, vec![]).trim(), "[]");
        assert_eq!(written(Format::Jsonl, vec![]), "");
        assert_eq!(written(Format::Csv, vec![]).trim(), "name,n");
    }
}
