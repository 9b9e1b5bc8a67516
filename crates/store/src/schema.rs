//! What a collected table is: its columns, where each comes from, and what it means.
//! Pure declarations and the reading of one row by them; the SQL that follows from a declaration is in `layout`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use crate::json::{Json, Shape};

/// One collected table: the single source of its SQL schema, its documentation and its loading.
///
/// Every table has, beside the declared columns, `org_id`, `id` (unique within the organization) and `raw`
/// (the JSON as received, secrets removed). Columns are a pure function of `raw`, so a column that is added later
/// can be filled for the past as well.
#[derive(Debug)]
pub struct Table {
    /// The SQL name, plural, e.g. `users`.
    pub name: &'static str,
    /// What one row is, and what to know before trusting it; one to three sentences.
    pub about: &'static str,
    /// The kind of asset a row is (`user`, `device`, …), or `None` for links and details of other assets.
    pub asset: Option<&'static str>,
    /// The column that a person knows a row by.
    pub label: &'static str,
    /// The declared columns, in the order in which they are shown.
    pub columns: &'static [Column],
    /// Columns read from a sister table that holds what changes too often to make a new version of the row.
    pub joined: &'static [Joined],
}

/// Columns of another table that are shown as if they stood in this one.
///
/// `devices.last_contact` moves with every heartbeat; kept in `device_contacts` it does not make a new version of
/// the whole device every time.
#[derive(Debug)]
pub struct Joined {
    /// The sister table's name.
    pub table: &'static str,
    /// The column of this table that holds the sister's `id`, or `id`.
    pub by: &'static str,
    /// The sister's columns that are shown here, under the same names.
    pub columns: &'static [&'static str],
}

/// One typed column of a table.
#[derive(Debug)]
pub struct Column {
    /// The SQL name, lower case with underscores, named for what it means.
    pub name: &'static str,
    /// How the JSON value is read.
    pub kind: Kind,
    /// JSON pointer into the row's `raw`.
    pub at: &'static str,
    /// What the value means, its unit, and its trap.
    pub about: &'static str,
    /// Whether rows are found by this column without reading them all.
    pub index: Index,
}

/// A column's index. Each one is paid for with every row that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// It has none; a column that people know an asset by ([`Table::label`]) has one all the same.
    None,
    /// Finds the rows that have a value.
    Rows,
    /// Tells whether there are such rows and their ids without reading them: for the id of another table's row, by which
    /// queries join and ask what exists. Three times as large.
    Links,
}

/// How a JSON value becomes a column's value. What does not fit becomes NULL and is counted as a warning; `raw` keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text. Numbers and booleans are written out; `""` is NULL, since the API uses it for "none".
    Text,
    /// 64-bit integer. Also reads a decimal number written as text.
    Integer,
    /// Floating-point number. Also reads a number written as text.
    Real,
    /// True or false. Also reads 0/1 and their text forms; -1 is NULL (System Insights' "not known").
    Boolean,
    /// An instant, kept as RFC 3339 text in UTC with milliseconds, so that text order is time order.
    /// Reads RFC 3339 with any fraction and offset, and numbers as seconds since 1970; year 1 means "never" and is NULL.
    Time,
    /// Any JSON, kept as compact text. `null`, `[]` and `{}` are NULL, since the API uses them for "none".
    Json,
}

impl Kind {
    /// Its word, as the documentation of the tables has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Json => "json",
        }
    }
}

/// Declares a [`Kind::Text`] column.
pub const fn text(name: &'static str, at: &'static str, about: &'static str) -> Column {
    Column::new(name, Kind::Text, at, about)
}

/// Declares a [`Kind::Integer`] column.
pub const fn integer(name: &'static str, at: &'static str, about: &'static str) -> Column {
    Column::new(name, Kind::Integer, at, about)
}

/// Declares a [`Kind::Real`] column.
pub const fn real(name: &'static str, at: &'static str, about: &'static str) -> Column {
    Column::new(name, Kind::Real, at, about)
}

/// Declares a [`Kind::Boolean`] column.
pub const fn boolean(name: &'static str, at: &'static str, about: &'static str) -> Column {
    Column::new(name, Kind::Boolean, at, about)
}

/// Declares a [`Kind::Time`] column.
pub const fn time(name: &'static str, at: &'static str, about: &'static str) -> Column {
    Column::new(name, Kind::Time, at, about)
}

/// Declares a [`Kind::Json`] column.
pub const fn json(name: &'static str, at: &'static str, about: &'static str) -> Column {
    Column::new(name, Kind::Json, at, about)
}

/// One value of one row, as the database keeps it. Texts are shared: SQLite's thread gets them as they are, at the price of one
/// piece of memory each.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the SQL type of its name")]
pub enum Cell {
    Null(Kind),
    Text(Arc<str>),
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Bytes(Vec<u8>),
}

/// Reads the declared columns of one table out of its rows' JSON.
///
/// Made once for a table and used for all of its rows: the columns are sorted by where they stand, and an object's
/// members are sorted by name, so that one walk through both finds all values.
#[derive(Debug)]
pub struct Reader {
    kinds: Vec<Kind>,
    places: Vec<Place>,
}

/// What is declared of one member of an object.
#[derive(Debug)]
struct Place {
    name: &'static str,
    /// The columns that are this member itself.
    columns: Vec<usize>,
    /// What is declared of its own members.
    places: Vec<Place>,
}

impl Reader {
    /// Sorts columns, which are all of a table or some.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Self {
        let (mut kinds, mut places) = (Vec::new(), Vec::new());
        for (at, column) in columns.into_iter().enumerate() {
            // The pointers are our own and have no escapes, so none are looked for.
            let path: Vec<&'static str> = column.at.split('/').skip(1).collect();
            put(&mut places, &path, at);
            kinds.push(column.kind);
        }
        Self { kinds, places }
    }

    /// Reads the columns of one row, in the order in which they were given. The second part counts values whose type was not the
    /// declared one.
    pub fn cells(&self, raw: &impl Json) -> (Vec<Cell>, u64) {
        let mut cells: Vec<Cell> = self.kinds.iter().copied().map(Cell::Null).collect();
        let misfits = self.read(&self.places, raw, &mut cells);
        (cells, misfits)
    }

    fn read<V: Json>(&self, places: &[Place], value: &V, cells: &mut [Cell]) -> u64 {
        let mut misfits = 0;
        let mut found = |place: &Place, value: &V| {
            for at in &place.columns {
                match self.kinds[*at].read(value) {
                    Some(cell) => cells[*at] = cell,
                    None => misfits += 1,
                }
            }
            if !place.places.is_empty() {
                misfits += self.read(&place.places, value, cells);
            }
        };
        match value.shape() {
            Shape::Object(members) => {
                let mut places = places.iter();
                let Some(mut place) = places.next() else { return 0 };
                'members: for (name, value) in members {
                    loop {
                        match place.name.cmp(name) {
                            Ordering::Less => match places.next() {
                                Some(next) => place = next,
                                None => break 'members,
                            },
                            Ordering::Equal => break found(place, value),
                            Ordering::Greater => break,
                        }
                    }
                }
            }
            Shape::List(items) => {
                for place in places {
                    if let Some(item) = place.name.parse::<usize>().ok().and_then(|at| items.get(at)) {
                        found(place, item);
                    }
                }
            }
            _ => {}
        }
        misfits
    }
}

impl Column {
    const fn new(name: &'static str, kind: Kind, at: &'static str, about: &'static str) -> Self {
        Self { name, kind, at, about, index: Index::None }
    }

    /// The same column with [`Index::Rows`].
    #[must_use]
    pub const fn indexed(self) -> Self {
        Self { index: Index::Rows, ..self }
    }

    /// The same column with [`Index::Links`].
    #[must_use]
    pub const fn linking(self) -> Self {
        Self { index: Index::Links, ..self }
    }
}

/// Notes that a column stands at the end of a path.
fn put(places: &mut Vec<Place>, path: &[&'static str], column: usize) {
    let Some((name, rest)) = path.split_first() else { return };
    let at = places.binary_search_by(|place| place.name.cmp(name)).unwrap_or_else(|at| {
        places.insert(at, Place { name, columns: Vec::new(), places: Vec::new() });
        at
    });
    if rest.is_empty() { places[at].columns.push(column) } else { put(&mut places[at].places, rest, column) }
}

impl Kind {
    /// Reads one JSON value as this kind; `None` when it is something else altogether.
    pub fn read<V: Json>(self, value: &V) -> Option<Cell> {
        match (self, value.shape()) {
            (_, Shape::Null) => Some(Cell::Null(self)),
            (Self::Text, Shape::Text("")) => Some(Cell::Null(self)),
            (Self::Text, Shape::Text(text)) => Some(storable(text).into()),
            (Self::Text, Shape::Number(number)) => Some(number.to_string().into()),
            (Self::Text, Shape::Bool(flag)) => Some(flag.to_string().into()),
            (Self::Json, Shape::List([])) => Some(Cell::Null(self)),
            (Self::Json, Shape::Object(members)) if members.len() == 0 => Some(Cell::Null(self)),
            (Self::Json, _) => Some(value.to_text(128).into()),
            (_, Shape::Text("")) => Some(Cell::Null(self)),
            (Self::Integer, Shape::Number(number)) => number.as_i64().map(Cell::Integer),
            (Self::Integer, Shape::Text(text)) => text.trim().parse().ok().map(Cell::Integer),
            (Self::Integer, Shape::Bool(flag)) => Some(Cell::Integer(i64::from(flag))),
            (Self::Real, Shape::Number(number)) => number.as_f64().map(Cell::Real),
            (Self::Real, Shape::Text(text)) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()).map(Cell::Real),
            (Self::Boolean, Shape::Bool(flag)) => Some(Cell::Boolean(flag)),
            (Self::Boolean, Shape::Number(number)) => match number.as_i64() {
                Some(0) => Some(Cell::Boolean(false)),
                Some(1) => Some(Cell::Boolean(true)),
                Some(-1) => Some(Cell::Null(self)),
                _ => None,
            },
            (Self::Boolean, Shape::Text(text)) => match text.trim() {
                "0" | "false" => Some(Cell::Boolean(false)),
                "1" | "true" => Some(Cell::Boolean(true)),
                "-1" => Some(Cell::Null(self)),
                _ => None,
            },
            (Self::Time, Shape::Text(text)) => instant(text).map(|at| at.map_or(Cell::Null(self), Cell::from)),
            (Self::Time, Shape::Number(number)) => {
                let seconds = number.as_f64()?;
                if seconds <= 0.0 {
                    return Some(Cell::Null(self));
                }
                let at = Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()?;
                Some(time_text(at).into())
            }
            (Self::Integer | Self::Real | Self::Boolean | Self::Time | Self::Text, _) => None,
        }
    }
}

/// The moment before which a date means "never": Go-backed endpoints send year 1 for an unset date.
static NEVER: LazyLock<Timestamp> = LazyLock::new(|| "1900-01-01T00:00:00Z".parse().expect("a fixed valid date"));

/// Reads an instant. `None`: not an instant; `Some(None)`: the API's way of saying "never".
fn instant(text: &str) -> Option<Option<Cow<'_, str>>> {
    let text = text.trim();
    let at: Timestamp = text
        .parse()
        .ok()
        // A date without a time, as System Insights has it in places, is that day's midnight in UTC.
        .or_else(|| format!("{text}T00:00:00Z").parse().ok())?;
    if at < *NEVER {
        return Some(None);
    }
    // Most are written already as they are kept. All others that have this shape as well are leap seconds.
    let bytes = text.as_bytes();
    let is_kept_form = text.len() == 24 && (bytes[10], bytes[19], bytes[23]) == (b'T', b'.', b'Z') && bytes[17] != b'6';
    Some(Some(if is_kept_form { text.into() } else { time_text(at).into() }))
}

/// Writes an instant the way every time column holds it: `2026-11-20T06:31:05.412Z`.
pub fn time_text(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// PostgreSQL can not hold NUL in text; the escape that JSON itself uses stands in for it.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\\u0000").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(kind: Kind, value: Value) -> Option<Cell> {
        kind.read(&value)
    }

    #[test]
    fn nothing_in_its_many_spellings_is_null() {
        assert_eq!(read(Kind::Text, json!("")), Some(Cell::Null(Kind::Text)));
        assert_eq!(read(Kind::Json, json!([])), Some(Cell::Null(Kind::Json)));
        assert_eq!(read(Kind::Json, json!({})), Some(Cell::Null(Kind::Json)));
        assert_eq!(read(Kind::Time, json!("")), Some(Cell::Null(Kind::Time)));
        assert_eq!(read(Kind::Time, json!("0001-01-01T00:00:00Z")), Some(Cell::Null(Kind::Time)));
        assert_eq!(read(Kind::Boolean, json!(-1)), Some(Cell::Null(Kind::Boolean)));
    }

    #[test]
    fn times_of_every_precision_and_offset_become_the_same_sortable_text() {
        for text in [
            "2026-11-20T06:31:05.412Z",
            "2026-11-20T06:31:05.412999999Z",
            "2026-11-20t06:31:05.412z",
            "2026-11-20T12:01:05.412+05:30",
        ] {
            assert_eq!(read(Kind::Time, json!(text)), Some(Cell::from("2026-11-20T06:31:05.412Z")), "{text}");
        }
        assert_eq!(read(Kind::Time, json!("2026-11-20T06:31:05Z")), Some(Cell::from("2026-11-20T06:31:05.000Z")));
        assert_eq!(read(Kind::Time, json!("yesterday")), None);
    }

    #[test]
    fn a_value_of_another_type_is_null_and_counted_not_an_error() {
        static COLUMNS: [Column; 3] = [text("name", "/name", ""), boolean("on", "/on", ""), integer("n", "/n", "")];
        let table = Table { name: "t", about: "", asset: None, label: "name", columns: &COLUMNS, joined: &[] };
        let (cells, misfits) = Reader::new(table.columns).cells(&json!({"name": {"a": 1}, "on": "perhaps", "n": "12"}));
        assert_eq!(cells, vec![Cell::Null(Kind::Text), Cell::Null(Kind::Boolean), Cell::Integer(12)]);
        assert_eq!(misfits, 2);
    }

    #[test]
    fn a_reader_finds_members_items_and_what_lies_in_them_in_declared_order() {
        static COLUMNS: [Column; 6] = [
            text("z", "/z", ""),
            text("deep", "/a/b/c", ""),
            json("whole", "/a", ""),
            text("second", "/list/1/name", ""),
            text("missing", "/a/x", ""),
            text("again", "/z", ""),
        ];
        let row = json!({"a": {"b": {"c": "1"}}, "list": [{"name": "no"}, {"name": "2"}], "other": 0, "z": "3"});
        let text = |text: &str| Cell::from(text);
        let expected =
            vec![text("3"), text("1"), text(r#"{"b":{"c":"1"}}"#), text("2"), Cell::Null(Kind::Text), text("3")];
        assert_eq!(Reader::new(&COLUMNS).cells(&row), (expected, 0));
        let (cells, misfits) = Reader::new(&COLUMNS).cells(&json!({"a": [], "z": {}}));
        assert!(cells.iter().all(|cell| matches!(cell, Cell::Null(_))));
        assert_eq!(misfits, 2);
    }

    #[test]
    fn a_time_in_the_kept_form_is_checked_all_the_same() {
        assert_eq!(read(Kind::Time, json!("2026-11-31T06:31:05.412Z")), None);
        assert_eq!(read(Kind::Time, json!("2016-12-31T23:59:60.000Z")), Some(Cell::from("2016-12-31T23:59:59.000Z")));
    }

    #[test]
    fn numbers_keep_their_precision() {
        assert_eq!(read(Kind::Integer, json!(9_007_199_254_740_993_i64)), Some(Cell::Integer(9_007_199_254_740_993)));
        assert_eq!(read(Kind::Text, json!(9_007_199_254_740_993_i64)), Some(Cell::from("9007199254740993")));
        assert_eq!(read(Kind::Integer, json!(1.5)), None);
    }
}
