//! Many rows into PostgreSQL: by COPY where they are only added, else as one array for each column.

use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::bulk::Bulk;
use crate::Result;
use crate::schema::{Cell, Kind};

/// Rows that are handed over at once. They are text meanwhile, of about 100 bytes each.
pub(super) const MOST_ROWS: usize = 16_384;

/// Runs a statement over all rows; `cells` holds them one after the other.
pub(super) async fn run(bulk: &Bulk, tx: &mut Transaction<'static, Postgres>, cells: Vec<Cell>) -> Result<()> {
    if cells.is_empty() {
        return Ok(());
    }
    if bulk.tail.is_empty() { copy(bulk, tx, &cells).await } else { merge(bulk, tx, cells).await }
}

async fn copy(bulk: &Bulk, tx: &mut Transaction<'static, Postgres>, cells: &[Cell]) -> Result<()> {
    let mut text = Vec::with_capacity(cells.len() * 8);
    for row in cells.chunks_exact(bulk.width) {
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                text.push(b'\t');
            }
            write(&mut text, cell);
        }
        text.push(b'\n');
    }
    let mut copying = tx.copy_in_raw(&format!("COPY {} FROM STDIN", bulk.into)).await?;
    if let Err(error) = copying.send(text).await {
        copying.abort("it could not be sent").await?;
        return Err(error.into());
    }
    copying.finish().await?;
    Ok(())
}

/// A value in COPY's text format.
fn write(text: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::Null(_) => text.extend_from_slice(b"\\N"),
        Cell::Text(value) => {
            for byte in value.bytes() {
                match byte {
                    b'\\' => text.extend_from_slice(b"\\\\"),
                    b'\n' => text.extend_from_slice(b"\\n"),
                    b'\r' => text.extend_from_slice(b"\\r"),
                    b'\t' => text.extend_from_slice(b"\\t"),
                    byte => text.push(byte),
                }
            }
        }
        Cell::Integer(value) => text.extend_from_slice(value.to_string().as_bytes()),
        Cell::Real(value) => text.extend_from_slice(value.to_string().as_bytes()),
        Cell::Boolean(value) => text.push(if *value { b't' } else { b'f' }),
        Cell::Bytes(value) => {
            text.extend_from_slice(b"\\\\x");
            text.extend_from_slice(data_encoding::HEXLOWER.encode(value).as_bytes());
        }
    }
}

/// The values of one column.
enum Column<'c> {
    Texts(Vec<Option<&'c str>>),
    Integers(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Booleans(Vec<Option<bool>>),
    Bytes(Vec<Option<&'c [u8]>>),
}

impl<'c> Column<'c> {
    /// A column for values like this one.
    fn of(cell: &Cell, rows: usize) -> Self {
        match cell {
            Cell::Integer(_) | Cell::Null(Kind::Integer) => Self::Integers(Vec::with_capacity(rows)),
            Cell::Real(_) | Cell::Null(Kind::Real) => Self::Reals(Vec::with_capacity(rows)),
            Cell::Boolean(_) | Cell::Null(Kind::Boolean) => Self::Booleans(Vec::with_capacity(rows)),
            Cell::Bytes(_) => Self::Bytes(Vec::with_capacity(rows)),
            Cell::Text(_) | Cell::Null(Kind::Text | Kind::Time | Kind::Json) => Self::Texts(Vec::with_capacity(rows)),
        }
    }

    /// Adds a value; one of another kind than the column's is NULL.
    fn push(&mut self, cell: &'c Cell) {
        match (self, cell) {
            (Self::Texts(values), Cell::Text(value)) => values.push(Some(value)),
            (Self::Integers(values), Cell::Integer(value)) => values.push(Some(*value)),
            (Self::Reals(values), Cell::Real(value)) => values.push(Some(*value)),
            (Self::Booleans(values), Cell::Boolean(value)) => values.push(Some(*value)),
            (Self::Bytes(values), Cell::Bytes(value)) => values.push(Some(value)),
            (Self::Texts(values), _) => values.push(None),
            (Self::Integers(values), _) => values.push(None),
            (Self::Reals(values), _) => values.push(None),
            (Self::Booleans(values), _) => values.push(None),
            (Self::Bytes(values), _) => values.push(None),
        }
    }
}

async fn merge(bulk: &Bulk, tx: &mut Transaction<'static, Postgres>, cells: Vec<Cell>) -> Result<()> {
    let rows = cells.len() / bulk.width;
    let mut columns: Vec<Column<'_>> = cells.iter().take(bulk.width).map(|cell| Column::of(cell, rows)).collect();
    for (at, cell) in cells.iter().enumerate() {
        columns[at % bulk.width].push(cell);
    }
    let places: Vec<String> = (1..=bulk.width).map(|number| format!("${number}")).collect();
    let sql = format!("INSERT INTO {} SELECT * FROM UNNEST({}) {}", bulk.into, places.join(","), bulk.tail);
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for column in columns {
        query = match column {
            Column::Texts(values) => query.bind(values),
            Column::Integers(values) => query.bind(values),
            Column::Reals(values) => query.bind(values),
            Column::Booleans(values) => query.bind(values),
            Column::Bytes(values) => query.bind(values),
        };
    }
    query.execute(&mut **tx).await?;
    Ok(())
}
