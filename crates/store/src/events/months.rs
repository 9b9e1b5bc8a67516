//! On PostgreSQL the index is one table a month, so that old months are small and quick to leave.

use std::collections::HashSet;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::hour::moment;
use crate::Result;
use crate::db::{Db, Tx, is_locked_out};

/// Locks out other processes that make a month at the same time.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7206574)";

/// The first month that gets a table of its own; JumpCloud is younger. Times outside, which only broken clocks tell, share one.
const FIRST: i64 = 2010 * 12;

/// Makes sure that the months of these times have their tables. Returns those that were not known to have.
pub(crate) async fn ensure_months(
    db: &Db,
    known: &HashSet<i64>,
    times: impl Iterator<Item = i64>,
    now: Timestamp,
) -> Result<Vec<i64>> {
    if !db.is_postgres() {
        return Ok(Vec::new());
    }
    let last = month_of(now.as_millisecond()) + 1;
    let months: HashSet<i64> =
        times.map(month_of).filter(|month| (FIRST..=last).contains(month) && !known.contains(month)).collect();
    for month in &months {
        let mut tx = db.begin().await?;
        tx.run_script(LOCK).await?;
        let (begin, end) = (begin_of(*month), begin_of(month + 1));
        tx.run_script(&format!(
            "CREATE TABLE IF NOT EXISTS {} PARTITION OF event FOR VALUES FROM ({begin}) TO ({end})",
            name_of(*month)
        ))
        .await?;
        tx.commit().await?;
    }
    Ok(months.into_iter().collect())
}

/// Empties a month's table, if no other organization has events in it, and says whether it did. It must be the first thing
/// that a transaction does to events: one that others hold up is given up, and then it has to be dropped. The table stays, so
/// that a writer that knows of it need not be told.
pub(crate) async fn empty_month(tx: &mut Tx, org: i64, month: i64) -> Result<bool> {
    let name = name_of(month);
    let exists = tx.fetch("SELECT to_regclass($1) IS NOT NULL", vec![name.as_str().into()]).await?;
    if !exists.first().is_some_and(|row| row.boolean(0)) {
        return Ok(false);
    }
    // Those who read the month wait for as long as we wait for those who read it already.
    tx.run_script("SET LOCAL lock_timeout = '2s'").await?;
    match tx.run_script(&format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")).await {
        Err(error) if is_locked_out(&error) => return Ok(false),
        locked => locked?,
    }
    let sql =
        format!("SELECT EXISTS (SELECT 1 FROM {name} WHERE org < $1) OR EXISTS (SELECT 1 FROM {name} WHERE org > $1)");
    if tx.fetch(&sql, vec![org.into()]).await?.first().is_none_or(|row| row.boolean(0)) {
        return Ok(false);
    }
    tx.run_script(&format!("TRUNCATE TABLE {name}")).await?;
    Ok(true)
}

/// The table of a month.
pub(crate) fn name_of(month: i64) -> String {
    format!("event_month_{:04}_{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// A month as a number: years * 12 + months, January being 0.
pub(crate) fn month_of(ms: i64) -> i64 {
    let date = moment(ms).to_zoned(TimeZone::UTC).date();
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// The first millisecond of a month.
pub(crate) fn begin_of(month: i64) -> i64 {
    let first = Date::constant(2010, 1, 1).checked_add((month - FIRST).months());
    let begin = first.and_then(|date| date.to_zoned(TimeZone::UTC));
    begin.map_or(i64::MAX, |begin| begin.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other_without_a_gap() {
        for month in FIRST..FIRST + 40 * 12 {
            assert_eq!(month_of(begin_of(month)), month);
            assert_eq!(month_of(begin_of(month + 1) - 1), month);
        }
        assert_eq!(name_of(month_of(1_777_858_848_953)), "event_month_2026_05");
    }
}
