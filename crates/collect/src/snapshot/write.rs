//! The one writer of a snapshot: stores batches as they come, and only what is not there already.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use store::{NewRow, SnapshotWriter};
use tokio::sync::mpsc;

use super::{Reading, ToWrite, lock};
use crate::error::Error;

/// Stores batches until all are told; looks up first what is there, so that unchanged rows cost no write.
pub(super) async fn write_all(
    reading: &Arc<Reading>,
    mut batches: mpsc::Receiver<ToWrite>,
    writer: &mut SnapshotWriter,
) -> Result<(), Error> {
    let mut failure = None;
    while let Some(batch) = batches.recv().await {
        if failure.is_some() {
            // Keep draining: a full channel would stop the readers from hearing that it is over.
            continue;
        }
        let done = match batch {
            ToWrite::End => break,
            ToWrite::Rows(at, rows) => write_batch(reading, at, rows, writer).await,
            ToWrite::Quarantine(at, reason, raw) => {
                let position = reading.quarantined.fetch_add(1, Relaxed);
                writer
                    .quarantine(&reading.parts[at].collected.table, position, &reason, &raw)
                    .await
                    .map_err(Error::from)
            }
        };
        if let Err(error) = done {
            batches.close();
            failure = Some(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn write_batch(
    reading: &Arc<Reading>,
    at: usize,
    rows: Vec<NewRow>,
    writer: &mut SnapshotWriter,
) -> Result<(), Error> {
    let part = &reading.parts[at];
    let table = &part.collected.table;
    let rows = if part.collected.id.is_unique() { last_of_each(rows) } else { rows };
    let begins_empty = writer.begins_empty(table).await?;
    let ids: Vec<&str> = rows.iter().filter(|row| !(begins_empty && row.first)).map(|row| &*row.id).collect();
    let known = writer.known(table, &ids).await?;
    let mut changed = Vec::new();
    let mut unchanged = 0;
    for mut row in rows {
        match known.get(&*row.id) {
            Some(stored) if stored.content == row.content || row.keep_stored => {
                if !stored.fresh && lock(&part.marks).seen.insert(stored.row_id.cast_unsigned()) {
                    unchanged += 1;
                }
            }
            Some(stored) => {
                row.replaces = (!stored.fresh).then_some(stored.row_id);
                changed.push(row);
            }
            None => changed.push(row),
        }
    }
    let written = if changed.is_empty() {
        store::Written::default()
    } else {
        writer.write(table, changed, known, &part.marks, reading.plan.clock.now()).await?
    };
    let mut counts = lock(&part.counts);
    counts.new += written.new;
    counts.changed += written.changed;
    counts.unchanged += unchanged + written.unchanged;
    Ok(())
}

/// The rows in order, of those with one id the last: held one by one against what is stored, the first of two different
/// ones would look new in every sync.
fn last_of_each(rows: Vec<NewRow>) -> Vec<NewRow> {
    let mut places: HashMap<Arc<str>, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<NewRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&row.id) {
            Some(at) => kept[*at] = row,
            None => {
                places.insert(row.id.clone(), kept.len());
                kept.push(row);
            }
        }
    }
    kept
}
