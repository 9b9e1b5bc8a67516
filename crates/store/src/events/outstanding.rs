//! What an organization's ledger may ask work for, found without reading what is settled: a ledger grows with the
//! retention, and it is asked every minute.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::hour::Hour;
use super::window::{COLUMNS, Window};
use super::write::EventWriter;
use crate::Result;
use crate::db::Row;
use crate::schema::Cell;

/// The hours of a ledger that may need work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outstanding {
    /// Lines that are not proven (lost ones and those whose events were removed left out), and sealed ones that are to
    /// be counted again; in no order.
    pub windows: Vec<Window>,
    /// Hours without a line, oldest first.
    pub missing: Vec<Hour>,
}

impl EventWriter {
    /// What may need work in the hours from `start` to `through`: not proven, without a line, or sealed and to be counted
    /// again at a time in `due`. Costs as much as there is outstanding, and no more where the ledger is longer.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    pub async fn outstanding(
        &mut self,
        start: Hour,
        through: Hour,
        due: RangeInclusive<Timestamp>,
        now: Timestamp,
    ) -> Result<Outstanding> {
        let missing = self.missing(start, through, now).await?;
        // The conditions are those of the indexes, word by word: else SQLite would not use them.
        let sql = format!(
            "SELECT {COLUMNS} FROM event_org o JOIN event_window w ON w.org = o.org
             WHERE o.org = $1 AND w.hour IN (SELECT u.hour FROM event_window u WHERE u.org = $1 AND u.state <> 'sealed'
               AND u.removed_at IS NULL AND NOT u.lost AND u.hour >= $2 AND u.hour <= $3)
             UNION ALL SELECT {COLUMNS} FROM event_org o JOIN event_window w ON w.org = o.org
             WHERE o.org = $1 AND w.next_check_at IS NOT NULL AND w.next_check_at >= $4 AND w.next_check_at <= $5
               AND w.state = 'sealed' AND w.removed_at IS NULL"
        );
        let args = vec![
            Cell::Integer(self.org),
            start.number().into(),
            through.number().into(),
            (*due.start()).into(),
            (*due.end()).into(),
        ];
        let rows = self.store.db.fetch(&sql, args).await?;
        Ok(Outstanding { windows: rows.iter().map(Window::of).collect(), missing })
    }

    /// Hours that have no line. Up to where every hour has one is remembered, so that nobody looks there again.
    pub(super) async fn missing(&mut self, start: Hour, through: Hour, now: Timestamp) -> Result<Vec<Hour>> {
        let (from, to) = match self.unbroken {
            (from, to) if from == start.number() => (from, to.max(from)),
            _ => (start.number(), start.number()),
        };
        let sql = "SELECT hour FROM event_window WHERE org = $1 AND hour >= $2 AND hour <= $3 ORDER BY hour";
        let rows = self.store.db.fetch(sql, vec![self.org.into(), to.into(), through.number().into()]).await?;
        let missing = not_among(&rows, to, through.number());
        let unbroken = (from, missing.first().copied().unwrap_or(to.max(through.number().saturating_add(1))));
        if unbroken != self.unbroken {
            let mut tx = self.begin(now).await?;
            tx.execute(
                "UPDATE event_org SET unbroken_from = $2, unbroken_to = $3 WHERE org = $1",
                vec![self.org.into(), unbroken.0.into(), unbroken.1.into()],
            )
            .await?;
            tx.commit().await?;
            self.unbroken = unbroken;
        }
        Ok(missing.into_iter().map(Hour::from_number).collect())
    }
}

/// The hours of a span, both ends included, that are not among these rows, which are in order.
fn not_among(rows: &[Row], from: i64, through: i64) -> Vec<i64> {
    let mut lines = rows.iter().map(|row| row.integer(0)).peekable();
    (from..=through).filter(|hour| lines.next_if(|line| line == hour).is_none()).collect()
}
