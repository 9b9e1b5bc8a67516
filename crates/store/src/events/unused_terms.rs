//! Removes texts that nothing refers to any more: names of people must not outlive their events. Nobody counts references,
//! so what is left of the index is read, and that is done when enough was removed to be worth it.

use jiff::Timestamp;
use roaring::RoaringTreemap;

use super::hour::DAY_MS;
use super::write::EventWriter;
use crate::Result;

/// The index is read when at least this share of what is left was removed since the last time, so that reading costs at most
/// so many times as much as removing.
const SHARE: i64 = 10;

/// Terms that one transaction removes at most.
const AT_ONCE: usize = 5_000;

impl EventWriter {
    /// Removes the terms that no event and no activity refers to, if enough events were removed since that was done last.
    /// Reads a day at a time and removes in small transactions; stopped in between, it begins again the next time.
    pub(super) async fn remove_unused_terms(&mut self, now: Timestamp) -> Result<u64> {
        let db = self.store.db.clone();
        let sql = "SELECT o.removed_events, CAST(COALESCE(SUM(w.stored), 0) AS BIGINT), MIN(w.hour), MAX(w.hour)
                   FROM event_org o LEFT JOIN event_window w ON w.org = o.org AND w.removed_at IS NULL AND w.stored > 0
                   WHERE o.org = $1 GROUP BY o.removed_events";
        let rows = db.fetch(sql, vec![self.org.into()]).await?;
        let Some(row) = rows.first() else { return Ok(0) };
        let (gone, left) = (row.integer(0), row.integer(1));
        if gone == 0 || gone < left / SHARE {
            return Ok(0);
        }
        let mut used = RoaringTreemap::new();
        if let (Some(first), Some(last)) = (row.maybe_integer(2), row.maybe_integer(3)) {
            for day in first.div_euclid(24)..=last.div_euclid(24) {
                db.each(
                    "SELECT user_term, administrator_term, device_term, application_term, target_term, origin_term, reason_term
                     FROM event WHERE org = $1 AND time_ms >= $2 AND time_ms < $3",
                    vec![self.org.into(), (day * DAY_MS).into(), ((day + 1) * DAY_MS).into()],
                    |row| used.extend((0..row.0.len()).filter_map(|at| row.maybe_integer(at)).map(i64::unsigned_abs)),
                )
                .await?;
            }
        }
        db.each("SELECT DISTINCT term FROM event_activity WHERE org = $1", vec![self.org.into()], |row| {
            used.insert(row.integer(0).unsigned_abs());
        })
        .await?;
        let mut unused = Vec::new();
        db.each("SELECT number FROM event_term WHERE org = $1", vec![self.org.into()], |row| {
            unused.extend(Some(row.integer(0)).filter(|number| !used.contains(number.unsigned_abs())));
        })
        .await?;
        // What this writer remembers may be among them.
        self.dictionary = None;
        for chunk in unused.chunks(AT_ONCE) {
            let numbers: Vec<String> = chunk.iter().map(ToString::to_string).collect();
            let mut tx = self.begin(now).await?;
            tx.execute(
                &format!("DELETE FROM event_term WHERE org = $1 AND number IN ({})", numbers.join(",")),
                vec![self.org.into()],
            )
            .await?;
            tx.commit().await?;
        }
        let mut tx = self.begin(now).await?;
        tx.execute("UPDATE event_org SET removed_events = 0 WHERE org = $1", vec![self.org.into()]).await?;
        tx.commit().await?;
        Ok(unused.len() as u64)
    }
}
