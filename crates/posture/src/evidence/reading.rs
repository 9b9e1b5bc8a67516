//! Reading for a pack: one organization, one snapshot, one period, row by row.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;

use jiff::Timestamp;
use store::schema::time_text;
use store::{Cell, Parameter, Query, Store};

use super::PackError;
use crate::evaluate::LIMITS;

/// What a pack's queries see.
pub(super) struct Reading<'a> {
    pub store: &'a Store,
    /// The organization and the snapshot.
    pub at: (String, i64),
    /// `:now`, `:from`, `:to`, and what else the queries name.
    parameters: BTreeMap<String, Parameter>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        store: &'a Store,
        at: (String, i64),
        (from, to): (Timestamp, Timestamp),
        as_of: Timestamp,
    ) -> Self {
        let times = [("now", as_of), ("from", from), ("to", to)];
        let parameters = times.map(|(name, at)| (name.to_owned(), Parameter::Text(time_text(at)))).into();
        Self { store, at, parameters }
    }

    /// The same with one more name.
    pub(super) fn with(&self, name: &str, value: Parameter) -> Self {
        let mut parameters = self.parameters.clone();
        parameters.insert(name.to_owned(), value);
        Self { store: self.store, at: self.at.clone(), parameters }
    }

    /// A query as it will run.
    pub(super) fn query(&self, sql: &str) -> Query {
        Query {
            sql: sql.to_owned(),
            at: Some(vec![self.at.clone()]),
            parameters: self.parameters.clone(),
            // A population of any size is put in order.
            sorts_on_disk: true,
            ..Query::default()
        }
    }

    /// Hands out the names of the columns, then every row.
    pub(super) async fn each(
        &self,
        sql: &str,
        mut each: impl FnMut(Seen<'_>) -> Result<(), PackError>,
    ) -> Result<(), PackError> {
        let mut failed = None;
        let cut = self
            .store
            .query_each(&self.query(sql), &LIMITS, |columns, row| {
                let seen = match row {
                    None => Seen::Columns(columns.iter().map(|column| column.name.as_str()).collect()),
                    Some(cells) => Seen::Row(cells),
                };
                match each(seen) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })
            .await?;
        match failed {
            Some(error) => Err(error),
            None if cut => Err(io::Error::other("a query gave more rows than can be counted").into()),
            None => Ok(()),
        }
    }

    /// Hands out every row.
    pub(super) async fn rows(
        &self,
        sql: &str,
        mut each: impl FnMut(Vec<Cell>) -> Result<(), PackError>,
    ) -> Result<(), PackError> {
        self.each(sql, |seen| match seen {
            Seen::Columns(_) => Ok(()),
            Seen::Row(cells) => each(cells),
        })
        .await
    }
}

/// What a query gives.
pub(super) enum Seen<'a> {
    /// First the names of its columns.
    Columns(Vec<&'a str>),
    /// Then its rows.
    Row(Vec<Cell>),
}

/// A cell as text; `None` where it is NULL.
pub(super) fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.to_string()),
        Cell::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A cell as a whole number; 0 where it is none.
pub(super) fn integer(cell: &Cell) -> i64 {
    match cell {
        Cell::Integer(number) => *number,
        Cell::Boolean(flag) => i64::from(*flag),
        // PostgreSQL gives sums as text.
        Cell::Text(text) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

/// A cell as a time.
pub(super) fn moment(cell: &Cell) -> Option<Timestamp> {
    text(cell).and_then(|text| text.parse().ok())
}
