//! Asking the sources of a snapshot: lists to their end and again if they do not add up, objects one by one.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use jumpcloud::{Endpoint, Listed, Stage};
use serde_json::Value;
use store::TableState;
use tokio::sync::mpsc;

use super::take::{Taken, Taking};
use super::{LISTS_AT_ONCE, Part, Reading, lock, path_id};
use crate::error::Error;
use crate::rows::{Read, read_row};
use crate::tables::{Ask, Source};

/// How often a list whose rows moved while it was paged, or whose count is not the API's own total, is read in all.
const PASSES: u32 = 3;
/// Rows that a graph list may count without listing them, when two passes agree: this many …
const DROPPED_ROWS: u64 = 3;
/// … or this share of its total, in percent.
const DROPPED_SHARE: u64 = 5;
/// The table that holds when each device last reported to each System Insights table.
const COLLECTIONS: &str = "insights_collections";

/// Asks a source that does not depend on another table.
pub(super) async fn ask_source(reading: &Arc<Reading>, at: usize) -> Result<(), Error> {
    let part = &reading.parts[at];
    let Some(source) = part.source else { return Ok(()) };
    match &source.ask {
        Ask::List { endpoint, query } => {
            let _slot =
                if part.is_insights() { reading.large_lists.acquire().await } else { reading.lists.acquire().await };
            let taken = Taken { at, parent: None, details: reading.details_of(part.table()) };
            match read_list(reading, taken, endpoint, query).await? {
                // A plan that lacks a feature may lack its route as well.
                Verdict::NotFound(why) if source.optional => part.take_flaw(TableState::NotLicensed, why),
                verdict => part.take(verdict),
            }
            note_collections(reading, part).await?;
        }
        Ask::ReadEach { endpoint, .. } => {
            // The organization is asked for itself: the connection knows its id.
            let org_id = reading.plan.org_id.clone();
            part.take(read_object(reading, at, endpoint, &org_id).await?);
            lock(&part.counts).told = Some(1);
        }
        Ask::ListEach { .. } | Ask::From { .. } => {}
    }
    Ok(())
}

/// Asks once for each id that arrives.
pub(super) async fn ask_each(
    reading: &Arc<Reading>,
    at: usize,
    mut ids: mpsc::UnboundedReceiver<Arc<str>>,
) -> Result<(), Error> {
    let part = &reading.parts[at];
    let Some(source) = part.source else { return Ok(()) };
    let ask_one = |id: Arc<str>| async move {
        let _slot = reading.lists.acquire().await;
        let verdict = match &source.ask {
            Ask::ListEach { endpoint, query, parent_as, .. } => {
                let parent = Some((*parent_as, Arc::clone(&id)));
                read_list(reading, Taken { at, parent, details: None }, endpoint, query).await
            }
            Ask::ReadEach { endpoint, .. } => read_object(reading, at, endpoint, &id).await,
            Ask::List { .. } | Ask::From { .. } => Ok(Verdict::Complete),
        };
        verdict.map(|verdict| (id, verdict))
    };
    let mut vanished = HashMap::new();
    let mut asked = FuturesUnordered::new();
    let mut open = true;
    while open || !asked.is_empty() {
        tokio::select! {
            id = ids.recv(), if open && asked.len() < LISTS_AT_ONCE => match id {
                Some(id) => asked.push(ask_one(id)),
                None => open = false,
            },
            Some(read) = asked.next(), if !asked.is_empty() => match read? {
                (id, Verdict::NotFound(why)) => {
                    vanished.insert(id, why);
                }
                (_, verdict) => part.take(verdict),
            },
        }
    }
    if let (Ask::ListEach { parents, .. } | Ask::ReadEach { parents, .. }, false) = (&source.ask, vanished.is_empty()) {
        refute_vanished(reading, part, parents.table, vanished).await?;
    }
    Ok(())
}

/// A parent that answered 404 has no rows if it was deleted after it was listed. If it is listed still, its rows could
/// not be read, which is something else.
async fn refute_vanished(
    reading: &Arc<Reading>,
    part: &Part,
    parents: &str,
    vanished: HashMap<Arc<str>, String>,
) -> Result<(), Error> {
    for parent in reading.parts.iter().filter(|parent| parent.table() == parents) {
        let Some(Source { ask: Ask::List { endpoint, query }, .. }) = parent.source else { continue };
        let mut pages = pin!(reading.plan.client.list(endpoint, &[], query));
        while let Some(listed) = pages.next().await {
            let rows = match listed {
                Ok(Listed::Page(page)) => page.rows,
                Ok(Listed::End(_)) => break,
                Err(error) => {
                    part.take(verdict_of(error)?);
                    break;
                }
            };
            let listed = rows.iter().filter_map(|row| serde_json::from_str::<Value>(row.get()).ok());
            for why in listed.filter_map(|row| vanished.get(path_id(&row)?)) {
                part.take_flaw(TableState::Failed, format!("{why}, though it is still listed in {parents}"));
            }
        }
    }
    Ok(())
}

/// How one list or object was read.
pub(super) enum Verdict {
    Complete,
    /// Complete, with something to know about it.
    CompleteBut(String),
    Flawed(TableState, String),
    /// 404: what that means depends on what was asked for.
    NotFound(String),
}

/// Why a source was not read completely.
pub(super) type Flaw = Option<(TableState, String)>;

/// Reads a whole list, again if its rows moved or do not add up. The list of a parent has its id in the path.
async fn read_list(
    reading: &Arc<Reading>,
    taken: Taken,
    endpoint: &Endpoint,
    query: &[(&'static str, &'static str)],
) -> Result<Verdict, Error> {
    let part = &reading.parts[taken.at];
    let ids: Vec<&str> = taken.parent.iter().map(|(_, id)| &**id).collect();
    let mut doubt = String::new();
    let mut met_before = None;
    for pass in 1..=PASSES {
        let mut pages = pin!(reading.plan.client.list(endpoint, &ids, query));
        let mut taking = Taking::new(reading, taken.clone(), pass);
        let mut end = None;
        while let Some(listed) = pages.next().await {
            match listed {
                Ok(Listed::Page(page)) => {
                    if pass == 1 && taken.parent.is_none() {
                        lock(&part.counts).told = page.total;
                    }
                    taking.page(page.rows).await?;
                }
                Ok(Listed::End(pass)) => end = Some(pass),
                Err(error) => {
                    let verdict = verdict_of(error)?;
                    // The pages before it came whole, and some of their rows may still be made ready.
                    taking.end().await?;
                    return Ok(verdict);
                }
            }
        }
        let Some(end) = end else {
            return Ok(Verdict::Flawed(TableState::Failed, "the list ended without an end".to_owned()));
        };
        let met = taking.end().await?;
        if taken.parent.is_none() {
            lock(&part.counts).told = end.total;
        }
        let things = if part.collected.id.is_unique() { met.different.len() as u64 } else { met.rows };
        let counted = things + met.quarantined + met.elsewhere + end.nulls;
        if met.quarantined > 0 {
            let words =
                format!("{} of {counted} rows could not be read and are kept aside (quarantine)", met.quarantined);
            return Ok(Verdict::Flawed(TableState::Failed, words));
        }
        doubt = match (end.total, &end.moved) {
            (Some(total), None) if endpoint.may_drop_rows() && met_before.as_ref() == Some(&met.different) => {
                match dropped(total, counted) {
                    Some(why) => return Ok(Verdict::CompleteBut(why)),
                    None => format!("the API tells {total} rows but listed {counted}"),
                }
            }
            (Some(total), _) if total != counted => format!("the API tells {total} rows but listed {counted}"),
            (_, Some(why)) => format!("rows moved while they were read: {why}"),
            _ => return Ok(Verdict::Complete),
        };
        met_before = Some(met.different);
        tracing::debug!(table = part.table(), pass, doubt, "reading the list again");
    }
    Ok(Verdict::Flawed(TableState::Short, format!("{doubt}, in {PASSES} passes")))
}

/// Whether few enough rows are missing to be the entries that graph lists count but no longer show.
fn dropped(total: u64, listed: u64) -> Option<String> {
    let missing = total.checked_sub(listed).filter(|missing| *missing > 0)?;
    let entries = if missing == 1 { "1 entry" } else { &format!("{missing} entries") };
    (missing <= DROPPED_ROWS.max(total * DROPPED_SHARE / 100))
        .then(|| format!("the API's total of {total} counts {entries} that it no longer lists"))
}

/// Reads one object, which is one row.
async fn read_object(reading: &Arc<Reading>, at: usize, endpoint: &Endpoint, id: &str) -> Result<Verdict, Error> {
    let answer = match reading.plan.client.read(endpoint, &[id], &[]).await {
        Ok(answer) => answer,
        Err(error) => return verdict_of(error),
    };
    let mut taking = Taking::new(reading, Taken { at, parent: None, details: None }, 1);
    taking.page(vec![answer.body]).await?;
    Ok(if taking.end().await?.quarantined > 0 {
        let words = "the object could not be read and is kept aside (quarantine)";
        Verdict::Flawed(TableState::Failed, words.to_owned())
    } else {
        Verdict::Complete
    })
}

/// What an error means for one source: a flaw of that source, or the end of the sync.
pub(super) fn verdict_of(error: jumpcloud::Error) -> Result<Verdict, Error> {
    use jumpcloud::Error as Ask;
    let state = match &error {
        Ask::KeyRejected(_) | Ask::NoOrganization(_) | Ask::Redirected { .. } => return Err(error.into()),
        Ask::Unreachable { stage: Stage::Dns | Stage::Connect | Stage::Tls, .. } => return Err(error.into()),
        Ask::NotPermitted(_) | Ask::OrganizationHeaderRefused(_) => TableState::NotPermitted,
        Ask::NotLicensed(_) => TableState::NotLicensed,
        Ask::NotFound(_) => return Ok(Verdict::NotFound(error.to_string())),
        // Among them an id that can not stand in a path: whoever sent it must not end the sync by it.
        _ => TableState::Failed,
    };
    Ok(Verdict::Flawed(state, error.to_string()))
}

/// Fills the table of collection times from what the rows of one System Insights table told.
async fn note_collections(reading: &Arc<Reading>, part: &Part) -> Result<(), Error> {
    let Some(at) = reading.parts.iter().position(|part| part.table() == COLLECTIONS) else { return Ok(()) };
    let collections = &reading.parts[at];
    let (noted, table_name) = (std::mem::take(&mut *lock(&part.collected_at)), part.table());
    for (device_id, collected_at) in noted {
        let row = serde_json::json!({ "device_id": device_id, "table_name": table_name, "collected_at": collected_at });
        lock(&collections.counts).read += 1;
        if let Read::Row(row, misfits) = read_row(collections.collected, &collections.reader, "", row) {
            collections.put(row, misfits);
        }
        if collections.is_full() {
            reading.flush(at).await?;
        }
    }
    Ok(())
}
