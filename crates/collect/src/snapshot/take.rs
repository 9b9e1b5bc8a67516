//! Taking received rows: completed, cleaned and read where they arrive, with the rows of other tables that are made from
//! them, and handed to the writer in batches.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::StreamExt;
use jumpcloud::{Client, Endpoint};
use serde_json::Value;
use serde_json::value::RawValue;
use store::TableState;

use super::ask::{Flaw, Verdict, verdict_of};
use super::{LISTS_AT_ONCE, Reading, lock};
use crate::error::Error;
use crate::progress::Progress;
use crate::rows::{Read, id_hash, organization_of, read_row};
use crate::tables::{Ask, Collected, Source};

/// Rows that are taken apart at the same time: in pieces, a row takes many times the memory of its text.
const ROWS_AT_ONCE: usize = 200;

/// Whose rows are taken, and what belongs to them that does not stand in them.
pub(super) struct Taken<'a> {
    /// The source.
    pub(super) at: usize,
    /// The parent whose list it is: the member that its id is written into, and the id.
    pub(super) parent: Option<(&'a str, &'a str)>,
    /// The source that completes each row, and what it asks.
    pub(super) details: Option<(usize, &'static Endpoint)>,
}

/// What one pass over one list has met.
#[derive(Default)]
pub(super) struct Met {
    /// Rows that have an id.
    pub(super) rows: u64,
    /// Different ids, where an id is one thing.
    pub(super) different: HashSet<u64>,
    pub(super) quarantined: u64,
    /// Rows of other organizations, where a list spans several.
    pub(super) elsewhere: u64,
}

/// Takes the rows of a page, which may be thousands, few at a time: only their text is held all at once.
pub(super) async fn take_page(
    reading: &Arc<Reading>,
    taken: &Taken<'_>,
    received: Vec<Box<RawValue>>,
    met: &mut Met,
) -> Result<(), Error> {
    let mut received = received.into_iter();
    while received.len() > 0 {
        let some = received.by_ref().take(ROWS_AT_ONCE).collect();
        take_rows(reading, taken, some, met).await?;
    }
    let part = &reading.parts[taken.at];
    let (read, told) = {
        let counts = lock(&part.counts);
        (counts.read, counts.told)
    };
    (reading.plan.listener)(Progress::Rows { table: part.table(), read, told });
    Ok(())
}

/// Makes received rows ready, with the rows of other tables that are made from them, and hands full batches to the writer.
async fn take_rows(
    reading: &Arc<Reading>,
    taken: &Taken<'_>,
    received: Vec<Box<RawValue>>,
    met: &mut Met,
) -> Result<(), Error> {
    let at = taken.at;
    let part = &reading.parts[at];
    let mut values = Vec::with_capacity(received.len());
    for raw in received {
        lock(&part.counts).read += 1;
        match serde_json::from_str::<Value>(raw.get()) {
            Ok(Value::Object(row)) => values.push((Value::Object(row), false)),
            Ok(_) => reading.quarantine(at, met, "it is not an object", raw.get()).await?,
            Err(error) => reading.quarantine(at, met, &error.to_string(), raw.get()).await?,
        }
    }
    if let Some((at, endpoint)) = taken.details {
        let flaw;
        (values, flaw) = with_details(&reading.plan.client, endpoint, part.collected, values).await?;
        if let Some((state, why)) = flaw {
            reading.parts[at].take_flaw(state, why);
        }
    }
    let children = reading.made_from.get(part.table()).map_or(&[][..], Vec::as_slice);
    for (mut value, poor) in values {
        if let Some(found) = organization_of(&value).filter(|found| *found != reading.plan.org_id) {
            if part.spans_organizations() {
                // A provider's key lists the administrators of all its organizations; the others are not ours to keep.
                met.elsewhere += 1;
                continue;
            }
            return Err(Error::OrganizationChanged {
                table: part.table(),
                expected: reading.plan.org_id.clone(),
                found: found.to_owned(),
            });
        }
        if let (Some((name, id)), Value::Object(members)) = (taken.parent, &mut value) {
            members.insert(name.to_owned(), Value::String(id.to_owned()));
        }
        reading.tell_watchers(part.table(), &value);
        part.note_collection(&value);
        for child in children {
            let Some(Source { ask: Ask::From { rows, .. }, .. }) = reading.parts[*child].source else { continue };
            let child_part = &reading.parts[*child];
            for row in rows(&value) {
                lock(&child_part.counts).read += 1;
                match read_row(child_part.collected, &child_part.reader, child_part.name, row) {
                    Read::Row(mut row, misfits) => {
                        row.keep_stored = poor;
                        child_part.put(row, misfits);
                    }
                    Read::Nameless(row) => {
                        reading.quarantine(*child, &mut Met::default(), "it has no id", &row.to_string()).await?;
                        child_part.take_flaw(TableState::Failed, format!("a row made from {} has no id", part.table()));
                    }
                }
            }
        }
        match read_row(part.collected, &part.reader, part.name, value) {
            Read::Row(mut row, misfits) => {
                row.keep_stored = poor;
                met.rows += 1;
                if !row.distinguish && !met.different.insert(id_hash(&row.id)) {
                    lock(&part.counts).duplicates += 1;
                }
                part.put(row, misfits);
            }
            Read::Nameless(row) => reading.quarantine(at, met, "it has no id", &row.to_string()).await?,
        }
    }
    for at in std::iter::once(&at).chain(children) {
        if reading.parts[*at].is_full() {
            reading.flush(*at).await?;
        }
    }
    Ok(())
}

/// Lays each row's own object over the row that the list gave. A row whose object is refused is marked: it is poorer than
/// what may be stored already.
async fn with_details(
    client: &Client,
    endpoint: &Endpoint,
    collected: &Collected,
    rows: Vec<(Value, bool)>,
) -> Result<(Vec<(Value, bool)>, Flaw), Error> {
    let mut first = None;
    let mut detailed = Vec::with_capacity(rows.len());
    let mut reads = futures::stream::iter(rows)
        .map(|(mut row, _)| async move {
            let Some(id) = collected.id.member_of(&row).map(str::to_owned) else { return Ok((row, Verdict::Complete)) };
            let answer = match client.read(endpoint, &[&id], &[]).await {
                Ok(answer) => answer,
                Err(error) => return verdict_of(error).map(|verdict| (row, verdict)),
            };
            let verdict = match (&mut row, serde_json::from_str::<Value>(answer.body.get())) {
                (Value::Object(members), Ok(Value::Object(details))) => {
                    members.extend(details);
                    Verdict::Complete
                }
                (_, Ok(_)) => Verdict::Flawed(TableState::Failed, format!("{id} is not an object")),
                (_, Err(error)) => Verdict::Flawed(TableState::Failed, format!("{id} could not be read: {error}")),
            };
            Ok((row, verdict))
        })
        .buffered(LISTS_AT_ONCE);
    while let Some(read) = reads.next().await {
        let (row, verdict): (Value, Verdict) = read?;
        // What was deleted after it was listed is no flaw, but what is stored of it is richer all the same.
        detailed.push((row, !matches!(verdict, Verdict::Complete)));
        if let Verdict::Flawed(state, why) = verdict {
            first.get_or_insert((state, why));
        }
    }
    Ok((detailed, first))
}
