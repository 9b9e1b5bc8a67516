//! What an evidence item shows of one organization at a time, without a pack: for looking before one is made.

use jiff::Timestamp;
use serde_json::Value;
use store::{Cell, Limits};

use super::PackError;
use super::item::Item;
use super::reading::{Reading, integer};
use super::rows::value_of;
use super::sources::Sources;
use crate::run::{Organization, Posture};

/// The population of an item, as it would be in a pack.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The snapshot that it is read from.
    pub snapshot: i64,
    /// When that was committed.
    pub committed_at: Timestamp,
    /// `complete`, `incomplete` or `not_collected`, as far as the snapshot tells. Whether every event of a period is there
    /// only a pack proves.
    pub state: &'static str,
    /// What is missing, in words.
    pub missing: Vec<String>,
    /// The query's columns.
    pub columns: Vec<String>,
    /// The first rows.
    pub rows: Vec<Vec<Value>>,
    /// How many rows there are; `None` when nothing was collected.
    pub count: Option<u64>,
}

/// Reads the first `most` rows of an item's population as it was at `as_of`, for a period of `from` to `to`.
///
/// # Errors
/// There was no snapshot yet, the item's file is wrong, or the store fails.
pub async fn preview(
    posture: &Posture,
    item: &Item,
    organization: &Organization,
    period: (Timestamp, Timestamp),
    as_of: Timestamp,
    most: usize,
) -> Result<Preview, PackError> {
    let store = &posture.store;
    let snapshots = store.snapshots_held(Some(as_of), Some(&organization.org_id)).await?;
    let Some(snapshot) = snapshots.into_iter().next() else {
        return Err(PackError::Refused(format!("nothing was collected of {} by {as_of:.0}", organization.names[0])));
    };
    let reading = Reading::new(store, (organization.org_id.clone(), snapshot.number), period, as_of);
    let (number, committed_at) = (snapshot.number, snapshot.committed_at);
    let completeness = Sources::read(&reading, snapshot, &std::collections::BTreeMap::new()).await?.completeness(item);
    let mut preview = Preview {
        snapshot: number,
        committed_at,
        state: completeness.word(),
        missing: completeness.reasons().to_vec(),
        columns: Vec::new(),
        rows: Vec::new(),
        count: None,
    };
    if preview.state == "not_collected" {
        return Ok(preview);
    }
    let wrong = |error: store::Error| PackError::Item {
        id: item.id.clone(),
        file: item.origin.to_string(),
        what: error.to_string(),
    };
    let counted = reading.query(&format!("SELECT COUNT(*) FROM (\n{}\n) population", item.query));
    let counted = store.query(&counted, &Limits::default()).await.map_err(wrong)?;
    let count = counted.rows.first().and_then(|row| row.first()).map_or(0, integer);
    preview.count = Some(count.unsigned_abs());
    let first = reading.query(&format!("SELECT * FROM (\n{}\n) population ORDER BY id LIMIT {most}", item.query));
    let answer = store.query(&first, &Limits::default()).await.map_err(wrong)?;
    preview.columns = answer.columns.into_iter().map(|column| column.name).collect();
    preview.rows = answer.rows.into_iter().map(|row: Vec<Cell>| row.into_iter().map(value_of).collect()).collect();
    Ok(preview)
}
