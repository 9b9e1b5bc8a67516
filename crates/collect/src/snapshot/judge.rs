//! Judging what was read: which sources are complete, why others are not, and what is gone.

use std::sync::Arc;

use store::{SnapshotWriter, TableRecord, TableState};

use super::ask::Flaw;
use super::{Counts, Part, Reading, lock};
use crate::error::Error;
use crate::progress::Progress;

/// Missing rows are suspicious when they are more than this many and more than [`SHRINK_SHARE`] of what was there.
const SHRINK_ROWS: u64 = 10;
/// In percent.
const SHRINK_SHARE: u64 = 30;

/// Judges every source: complete ones mark what is gone.
pub(super) async fn judge_all(reading: &Arc<Reading>, writer: &mut SnapshotWriter) -> Result<Vec<TableRecord>, Error> {
    (reading.plan.listener)(Progress::Stage("comparing with the last snapshot".to_owned()));
    let mut records: Vec<Option<TableRecord>> = vec![None; reading.parts.len()];
    let mut order: Vec<usize> = (0..reading.parts.len()).collect();
    // What has no source of its own is made of the others, wherever it is shown.
    order.sort_by_key(|at| reading.parts[*at].source.is_none());
    for at in order {
        records[at] = Some(judge(reading, at, &records, writer).await?);
    }
    Ok(records.into_iter().flatten().collect())
}

async fn judge(
    reading: &Arc<Reading>,
    at: usize,
    judged: &[Option<TableRecord>],
    writer: &mut SnapshotWriter,
) -> Result<TableRecord, Error> {
    let part = &reading.parts[at];
    let table = &part.collected.table;
    let held_before = writer.held_before(table, part.name).await?;
    let marks = std::mem::take(&mut *lock(&part.marks));
    let mut counts = std::mem::take(&mut *lock(&part.counts));
    let mut flaw = counts.told_flaw();
    let mut gone = 0;
    if flaw.is_none() {
        let missing = writer.missing(table, part.name, &marks).await?.len() as u64;
        let suspicious = missing > SHRINK_ROWS && missing * 100 > held_before * SHRINK_SHARE;
        let held_back = || {
            let words =
                format!("{missing} of {held_before} rows are missing; they are kept until a second sync confirms it");
            Some((TableState::Shrunken, words))
        };
        flaw = match reading.lacking_parent(at, judged) {
            // The rows went with their parents, and are confirmed with them.
            Some(parent) if parent.state == TableState::Shrunken && suspicious => held_back(),
            Some(parent) => {
                let words = format!("it is read by way of {}, which is not complete", parent.table);
                Some((TableState::Dependent, words))
            }
            None if suspicious && !reading.plan.accept_shrink && !confirmed(writer, part).await? => held_back(),
            None => None,
        };
        if flaw.is_none() && missing > 0 {
            gone = writer.mark_gone(table, part.name, &marks, reading.plan.clock.now()).await?;
        }
    }
    let note = counts.told_note();
    let (state, reason) = flaw.map_or((TableState::Complete, note), |(state, why)| (state, Some(why)));
    Ok(TableRecord {
        table: table.name.to_owned(),
        part: part.name.to_owned(),
        state,
        reason,
        optional: part.source.is_some_and(|source| source.optional),
        told: counts.told,
        read: counts.read,
        new: counts.new,
        changed: counts.changed,
        gone,
        unchanged: counts.unchanged,
        duplicates: counts.duplicates,
        misfits: counts.misfits,
        quarantined: counts.quarantined,
        held: held_before + counts.new - gone.min(held_before + counts.new),
    })
}

/// Whether the snapshot before held this source back for the same suspicion: then the shrink is real.
async fn confirmed(writer: &SnapshotWriter, part: &Part) -> Result<bool, Error> {
    let last = writer.store().last_table_state(writer.org_id(), part.table(), part.name).await?;
    Ok(last.is_some_and(|(state, _)| state == TableState::Shrunken))
}

impl Counts {
    fn told_flaw(&mut self) -> Flaw {
        let (state, why) = self.flaw.take()?;
        Some((state, and_more(why, self.flaws)))
    }

    fn told_note(&mut self) -> Option<String> {
        Some(and_more(self.note.take()?, self.notes))
    }
}

/// The first of several reasons, with how many there are.
fn and_more(first: String, all: u64) -> String {
    if all > 1 { format!("{first} (and {} more like it)", all - 1) } else { first }
}
