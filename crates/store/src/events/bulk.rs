//! Many rows in few statements. How PostgreSQL is given them is in `bulk_postgres`.

use std::ops::Range;
use std::task::Poll;

use super::bulk_postgres;
use crate::Result;
use crate::db::Tx;
use crate::schema::Cell;

/// Rows of one statement at most. Each statement is handed to SQLite's thread and waited for, and both cost time.
const MOST_ROWS: usize = 256;

/// A statement that inserts rows, or adds them to those that are there.
pub(crate) struct Bulk {
    /// The table with its columns: `t (a, b)`.
    pub(crate) into: &'static str,
    /// Values in a row.
    pub(crate) width: usize,
    /// `ON CONFLICT …`, or nothing.
    pub(crate) tail: &'static str,
}

impl Bulk {
    /// Runs it over all rows; `cells` holds them one after the other.
    pub(crate) async fn run(&self, tx: &mut Tx, cells: Vec<Cell>) -> Result<()> {
        if let Tx::Postgres(tx) = tx {
            return bulk_postgres::run(self, tx, cells).await;
        }
        let mut left = cells.len() / self.width;
        let mut cells = cells.into_iter();
        while left > 0 {
            // Powers of two keep the number of different statements, and so of preparations, small.
            let rows = MOST_ROWS.min(1 << left.ilog2());
            let sql = self.sql(rows);
            tx.execute(&sql, cells.by_ref().take(rows * self.width).collect()).await?;
            left -= rows;
        }
        Ok(())
    }

    /// Runs it over `rows` rows; `make` makes the cells of some of them, one after the other. The engine is at work on these
    /// while the next ones are made.
    pub(crate) async fn run_made(
        &self,
        tx: &mut Tx,
        rows: usize,
        mut make: impl FnMut(Range<usize>) -> Vec<Cell>,
    ) -> Result<()> {
        let most = if matches!(tx, Tx::Postgres(_)) { bulk_postgres::MOST_ROWS } else { MOST_ROWS };
        let mut end = rows.min(most);
        let mut cells = make(0..end);
        while !cells.is_empty() {
            let begin = end;
            end = rows.min(begin + most);
            let mut running = std::pin::pin!(self.run(tx, cells));
            // This hands them over. (A join of futures would do, but could not be proven to be `Send`.)
            let begun = futures::poll!(running.as_mut());
            let next = make(begin..end);
            match begun {
                Poll::Ready(ran) => ran?,
                Poll::Pending => running.await?,
            }
            cells = next;
        }
        Ok(())
    }

    fn sql(&self, rows: usize) -> String {
        let mut sql = String::with_capacity(self.into.len() + self.tail.len() + 32 + rows * self.width * 2);
        // When a row can not be inserted, the transaction goes: SQLite need not be able to undo the statement alone, for which
        // it would copy every page before it changes it.
        sql.push_str("INSERT OR FAIL INTO ");
        sql.push_str(self.into);
        sql.push_str(" VALUES");
        for row in 0..rows {
            sql.push_str(if row == 0 { " (" } else { ",(" });
            for column in 0..self.width {
                if column > 0 {
                    sql.push(',');
                }
                // SQLite looks every `$n` up by name among all the others; `?` has no name.
                sql.push('?');
            }
            sql.push(')');
        }
        sql.push(' ');
        sql.push_str(self.tail);
        sql
    }
}
