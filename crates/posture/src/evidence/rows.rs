//! Rows on their way into a pack: as CSV that no spreadsheet takes for formulas, and as canonical JSON (RFC 8785), both at
//! once and none of them kept.

use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::{Map, Value};
use store::Cell;

use super::folder::{PackFile, PackFolder};
use crate::harmless::defused;

/// The largest whole number that every reader of JSON reads as it is: 2^53 - 1.
const LARGEST_EXACT: u64 = (1 << 53) - 1;

/// A table that is written as `PATH.csv` and `PATH.json`.
pub(super) struct RowFiles {
    csv: csv::Writer<PackFile>,
    json: PackFile,
    columns: Vec<String>,
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
        Ok(Self { csv, json, columns: columns.to_vec(), rows: 0 })
    }

    /// Writes a row.
    pub(super) fn push(&mut self, row: &[Value]) -> io::Result<()> {
        self.csv.write_record(row.iter().map(csv_text))?;
        let object: Map<String, Value> = self.columns.iter().cloned().zip(row.iter().cloned()).collect();
        if self.rows > 0 {
            self.json.write_all(b",")?;
        }
        self.json.write_all(&canonical(&object)?)?;
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
