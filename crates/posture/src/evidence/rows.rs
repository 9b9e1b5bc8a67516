//! Rows on their way into a pack: as CSV that no spreadsheet takes for formulas, and as canonical JSON (RFC 8785), both at
//! once and none of them kept.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;
use store::Cell;

use super::folder::{PackFile, PackFolder};
use crate::harmless::defused;

/// The largest whole number that every reader of JSON reads as it is: 2^53 - 1.
const LARGEST_EXACT: u64 = (1 << 53) - 1;

/// A table that is written as `PATH.csv` and `PATH.json`.
pub(super) struct RowFiles {
    csv: csv::Writer<PackFile>,
    json: PackFile,
    members: Vec<(String, usize)>,
    rows: u64,
}

impl RowFiles {
    /// Begins both files.
    pub(super) fn begin(folder: &PackFolder, path: &str, columns: &[String]) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(folder.create(&format!("{path}.csv"))?);
        csv.write_record(columns)?;
        let mut json = folder.create(&format!("{path}.json"))?;
        json.write_all(b"[")?;
        Ok(Self { csv, json, members: members_of(columns), rows: 0 })
    }

    /// Writes a row.
    pub(super) fn push(&mut self, row: &[Value]) -> io::Result<()> {
        self.csv.write_record(row.iter().map(csv_text))?;
        if self.rows > 0 {
            self.json.write_all(b",")?;
        }
        write_object(&mut self.json, &self.members, row)?;
        self.rows += 1;
        Ok(())
    }

    /// Ends both files; tells how many rows they have.
    pub(super) fn finish(mut self, folder: &mut PackFolder) -> io::Result<u64> {
        self.json.write_all(b"]")?;
        folder.close(self.json)?;
        let csv = self.csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        folder.close(csv)?;
        Ok(self.rows)
    }
}

/// The members of a row's object in their canonical order: what stands before each value, and which one it is.
fn members_of(columns: &[String]) -> Vec<(String, usize)> {
    // Canonical is the order of UTF-16. A name that comes twice has its last value.
    let by_name: BTreeMap<Vec<u16>, usize> =
        columns.iter().enumerate().map(|(at, name)| (name.encode_utf16().collect(), at)).collect();
    by_name.into_values().map(|at| (format!("{}:", Value::from(columns[at].as_str())), at)).collect()
}

/// Writes a row in canonical form. All of them are alike, so that their names are put in order once and not for each.
fn write_object(json: &mut impl io::Write, members: &[(String, usize)], row: &[Value]) -> io::Result<()> {
    for (number, (name, at)) in members.iter().enumerate() {
        json.write_all(if number == 0 { b"{" } else { b"," })?;
        json.write_all(name.as_bytes())?;
        match &row[*at] {
            // Written out as everywhere: only of numbers and objects is the canonical form another one.
            value @ (Value::Null | Value::Bool(_) | Value::String(_)) => serde_json::to_writer(&mut *json, value)?,
            Value::Number(number) if number.is_i64() || number.is_u64() => write!(json, "{number}")?,
            other => json.write_all(&canonical(other)?)?,
        }
    }
    json.write_all(b"}")
}

/// A value as the store has it, as JSON that every reader reads the same.
pub(super) fn value_of(cell: Cell) -> Value {
    match cell {
        Cell::Integer(number) if number.unsigned_abs() > LARGEST_EXACT => Value::String(number.to_string()),
        other => crate::evaluate::json_of_cell(&other),
    }
}

/// JSON in its one canonical form.
pub(super) fn canonical(value: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).map_err(io::Error::other)
}

/// A value as people read it; empty for none.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn csv_text(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => defused(text_of(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_written_as_the_canonical_form_of_its_object() {
        let columns =
            ["id", "name", "é", "\u{10000}", "\u{ffff}", "n\"", "f", "big", "is", "none", "id2"].map(str::to_owned);
        let row = [
            json!("u1"),
            json!("a\u{0}\u{1f}\u{7f}\t\u{8}\"\\/é\u{2028}"),
            json!(1),
            json!(-5),
            json!(0),
            json!("x"),
            json!(1e21),
            json!(LARGEST_EXACT),
            json!(true),
            Value::Null,
            json!(0.1),
        ];
        let object: serde_json::Map<String, Value> = columns.iter().cloned().zip(row.iter().cloned()).collect();
        let mut written = Vec::new();
        write_object(&mut written, &members_of(&columns), &row).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(canonical(&object).unwrap()).unwrap());
    }
}
