//! Reads every table of one organization into one snapshot.
//!
//! All sources are asked at the same time, bounded by the client's own limit of requests in flight. Received rows are made
//! ready where they arrive, on all cores; one writer stores them in batches. A table whose rows are asked one by one for
//! the rows of another table gets their ids as those arrive. When everything has arrived, each source is judged: only a
//! complete one may mark rows as gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};
use jumpcloud::{Client, Clock, Endpoint, Listed, Stage};
use serde_json::Value;
use serde_json::value::RawValue;
use store::schema::Reader;
use store::{Marks, NewRow, SnapshotWriter, TableRecord, TableState};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::progress::{Listener, Progress};
use crate::rows::{Read, id_hash, organization_of, read_row};
use crate::tables::{self, Ask, Collected, Source};

/// A batch goes to the writer when it has this many rows …
const BATCH_ROWS: usize = 1_000;
/// … or this many bytes of JSON.
const BATCH_BYTES: usize = 3 << 20;
/// Rows that are taken apart at the same time: in pieces, a row takes many times the memory of its text.
const ROWS_AT_ONCE: usize = 200;
/// Lists that are read at the same time. More would only wait for the client's request limit and hold memory.
const LISTS_AT_ONCE: usize = 16;
/// System Insights lists that are read at the same time: their pages hold thousands of rows.
const LARGE_LISTS_AT_ONCE: usize = 2;
/// How often a list whose rows moved while it was paged, or whose count is not the API's own total, is read in all.
const PASSES: u32 = 3;
/// Missing rows are suspicious when they are more than this many and more than [`SHRINK_SHARE`] of what was there.
const SHRINK_ROWS: u64 = 10;
/// In percent.
const SHRINK_SHARE: u64 = 30;
/// Rows that a graph list may count without listing them, when two passes agree: this many …
const DROPPED_ROWS: u64 = 3;
/// … or this share of its total, in percent.
const DROPPED_SHARE: u64 = 5;
/// The table that holds when each device last reported to each System Insights table.
const COLLECTIONS: &str = "insights_collections";

/// What to read, and how.
pub(crate) struct Plan {
    pub(crate) client: Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) org_id: String,
    pub(crate) tables: &'static [&'static Collected],
    pub(crate) listener: Listener,
    /// Believe a suspicious shrink at once.
    pub(crate) accept_shrink: bool,
}

/// One source of one table, and what was met of it.
struct Part {
    collected: &'static Collected,
    name: &'static str,
    source: Option<&'static Source>,
    reader: Reader,
    counts: Mutex<Counts>,
    marks: Mutex<Marks>,
    waiting: Mutex<Batch>,
    /// For a System Insights table: when each device last reported to it.
    collected_at: Mutex<BTreeMap<String, String>>,
}

#[derive(Default)]
struct Counts {
    told: Option<u64>,
    read: u64,
    new: u64,
    changed: u64,
    unchanged: u64,
    duplicates: u64,
    misfits: u64,
    quarantined: u64,
    /// Why the source is not complete; the first reason stays, with a count of how many had one.
    flaw: Option<(TableState, String)>,
    flaws: u64,
    /// What is to be known about a complete source; as with flaws.
    note: Option<String>,
    notes: u64,
}

#[derive(Default)]
struct Batch {
    rows: Vec<NewRow>,
    bytes: usize,
}

/// Rows of one part on their way to the writer.
enum ToWrite {
    Rows(usize, Vec<NewRow>),
    Quarantine(usize, String, String),
    End,
}

struct Reading {
    plan: Plan,
    parts: Vec<Part>,
    /// For each table: the parts that are made from its rows.
    made_from: HashMap<&'static str, Vec<usize>>,
    /// For each table: who wants the ids of its rows.
    watchers: Mutex<HashMap<&'static str, Vec<Watcher>>>,
    to_writer: mpsc::Sender<ToWrite>,
    lists: Semaphore,
    large_lists: Semaphore,
    quarantined: AtomicU64,
}

struct Watcher {
    ids: mpsc::UnboundedSender<String>,
    only: Option<fn(&Value) -> bool>,
    sent: HashSet<u64>,
}

/// The id by which a received row's own lists and objects are asked for.
fn path_id(row: &Value) -> Option<&str> {
    row.get("_id").or_else(|| row.get("id")).and_then(Value::as_str)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads everything and judges it. The writer is given back, ready to be committed, with one record for each source.
///
/// # Errors
/// What ends the whole sync: a dead credential, no network, another organization, the store. The caller undoes the snapshot.
pub(crate) async fn read_all(
    plan: Plan,
    mut writer: SnapshotWriter,
) -> (SnapshotWriter, Result<Vec<TableRecord>, Error>) {
    let (to_writer, written) = mpsc::channel(1);
    let mut parts = Vec::new();
    let mut made_from: HashMap<&'static str, Vec<usize>> = HashMap::new();
    for collected in plan.tables {
        if collected.sources.is_empty() {
            parts.push(Part::new(collected, "", None));
        }
        for source in collected.sources {
            if let Ask::From { table, .. } = source.ask {
                made_from.entry(table).or_default().push(parts.len());
            }
            parts.push(Part::new(collected, source.part, Some(source)));
        }
    }
    let reading = Arc::new(Reading {
        plan,
        parts,
        made_from,
        watchers: Mutex::default(),
        to_writer,
        lists: Semaphore::new(LISTS_AT_ONCE),
        large_lists: Semaphore::new(LARGE_LISTS_AT_ONCE),
        quarantined: AtomicU64::new(0),
    });
    let ask = async {
        let asked = ask_all(Arc::clone(&reading)).await;
        // A writer that has failed does not listen any more.
        let _ = reading.to_writer.send(ToWrite::End).await;
        asked
    };
    let outcome = match tokio::join!(ask, write_all(&reading, written, &mut writer)) {
        (Ok(()), Ok(())) => judge_all(&reading, &mut writer).await,
        // When the writer fails, the readers only know that it stopped listening: its own words count.
        (_, Err(error)) | (Err(error), Ok(())) => Err(error),
    };
    (writer, outcome)
}

/// Starts every source and waits for all; the first error that ends the sync stops the others.
async fn ask_all(reading: Arc<Reading>) -> Result<(), Error> {
    let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
    let mut sources_left: HashMap<&'static str, Arc<AtomicU64>> = HashMap::new();
    let mut waiting = Vec::new();
    for (at, part) in reading.parts.iter().enumerate() {
        let Some(source) = part.source else { continue };
        match &source.ask {
            Ask::From { .. } => {}
            Ask::ReadEach { parents, .. } if parents.table == part.table() => {
                if part.collected.sources.len() == 1 {
                    waiting.push((at, None));
                }
            }
            Ask::List { .. } => waiting.push((at, None)),
            Ask::ListEach { parents, .. } | Ask::ReadEach { parents, .. } => {
                let (ids, wanted) = mpsc::unbounded_channel();
                let watcher = Watcher { ids, only: parents.only, sent: HashSet::new() };
                lock(&reading.watchers).entry(parents.table).or_default().push(watcher);
                waiting.push((at, Some(wanted)));
            }
        }
    }
    for (at, _) in &waiting {
        sources_left.entry(reading.parts[*at].table()).or_default().fetch_add(1, Relaxed);
    }
    for (at, wanted) in waiting {
        let reading = Arc::clone(&reading);
        let table = reading.parts[at].table();
        let left = Arc::clone(&sources_left[table]);
        tasks.spawn(async move {
            match wanted {
                None => ask_source(&reading, at).await?,
                Some(ids) => ask_each(&reading, at, ids).await?,
            }
            // What is left does not wait, and hold memory, until all others are read.
            for at in reading.made_from.get(table).map_or(&[][..], Vec::as_slice).iter().chain([&at]) {
                reading.flush(*at).await?;
            }
            if left.fetch_sub(1, Relaxed) == 1 {
                // No more rows of this table: whoever waits for their ids has them all.
                lock(&reading.watchers).remove(table);
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|failure| Error::Store(store::Error::Refused(format!("a reading task died: {failure}"))))??;
    }
    for at in 0..reading.parts.len() {
        reading.flush(at).await?;
    }
    Ok(())
}

/// Asks a source that does not depend on another table.
async fn ask_source(reading: &Arc<Reading>, at: usize) -> Result<(), Error> {
    let part = &reading.parts[at];
    let Some(source) = part.source else { return Ok(()) };
    let client = &reading.plan.client;
    match &source.ask {
        Ask::List { endpoint, query } => {
            let _slot =
                if part.is_insights() { reading.large_lists.acquire().await } else { reading.lists.acquire().await };
            let details = reading.details_of(part.table());
            match read_list(reading, at, client, endpoint, &[], query, None, details).await? {
                // A plan that lacks a feature may lack its route as well.
                Verdict::NotFound(why) if source.optional => part.take_flaw(TableState::NotLicensed, why),
                verdict => part.take(verdict),
            }
            note_collections(reading, part).await?;
        }
        Ask::ReadEach { endpoint, .. } => {
            // The organization is asked for itself: the connection knows its id.
            let org_id = reading.plan.org_id.clone();
            part.take(read_object(reading, at, client, endpoint, &org_id).await?);
            lock(&part.counts).told = Some(1);
        }
        Ask::ListEach { .. } | Ask::From { .. } => {}
    }
    Ok(())
}

/// Asks once for each id that arrives.
async fn ask_each(reading: &Arc<Reading>, at: usize, mut ids: mpsc::UnboundedReceiver<String>) -> Result<(), Error> {
    let part = &reading.parts[at];
    let Some(source) = part.source else { return Ok(()) };
    let client = &reading.plan.client;
    let ask_one = |id: String| async move {
        let _slot = reading.lists.acquire().await;
        let verdict = match &source.ask {
            Ask::ListEach { endpoint, query, parent_as, .. } => {
                read_list(reading, at, client, endpoint, &[&id], query, Some((parent_as, &id)), None).await
            }
            Ask::ReadEach { endpoint, .. } => read_object(reading, at, client, endpoint, &id).await,
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
    vanished: HashMap<String, String>,
) -> Result<(), Error> {
    for parent in reading.parts.iter().filter(|parent| parent.table() == parents) {
        let Some(Source { ask: Ask::List { endpoint, query }, .. }) = parent.source else { continue };
        let mut pages = list_ahead(&reading.plan.client, endpoint, &[], query);
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
enum Verdict {
    Complete,
    /// Complete, with something to know about it.
    CompleteBut(String),
    Flawed(TableState, String),
    /// 404: what that means depends on what was asked for.
    NotFound(String),
}

/// Why a source was not read completely.
type Flaw = Option<(TableState, String)>;

/// Reads a whole list, again if its rows moved or do not add up.
#[expect(clippy::too_many_arguments, reason = "one request's description; a struct would only be taken apart again")]
async fn read_list(
    reading: &Arc<Reading>,
    at: usize,
    client: &Client,
    endpoint: &Endpoint,
    ids: &[&str],
    query: &[(&'static str, &'static str)],
    parent: Option<(&str, &str)>,
    details: Option<(usize, &'static Endpoint)>,
) -> Result<Verdict, Error> {
    let part = &reading.parts[at];
    let mut doubt = String::new();
    let mut met_before = None;
    for pass in 1..=PASSES {
        let mut pages = list_ahead(client, endpoint, ids, query);
        let mut met = Met::default();
        let mut end = None;
        while let Some(listed) = pages.next().await {
            match listed {
                Ok(Listed::Page(page)) => {
                    if pass == 1 && parent.is_none() {
                        lock(&part.counts).told = page.total;
                    }
                    take_page(reading, at, client, page.rows, parent, details, &mut met).await?;
                }
                Ok(Listed::End(pass)) => end = Some(pass),
                Err(error) => return verdict_of(error),
            }
        }
        let Some(end) = end else {
            return Ok(Verdict::Flawed(TableState::Failed, "the list ended without an end".to_owned()));
        };
        if parent.is_none() {
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

/// Pages of a list as they come. Dropping it ends the reading, wherever it waits.
struct Pages {
    pages: mpsc::Receiver<Result<Listed, jumpcloud::Error>>,
    _reader: AbortOnDropHandle<()>,
}

impl Pages {
    async fn next(&mut self) -> Option<Result<Listed, jumpcloud::Error>> {
        self.pages.recv().await
    }
}

/// Reads a list ahead, so that the next requests are under way while a page is worked on.
fn list_ahead(client: &Client, endpoint: &Endpoint, ids: &[&str], query: &[(&'static str, &'static str)]) -> Pages {
    let (sender, pages) = mpsc::channel(1);
    let list = client.list(endpoint, ids, query);
    let reader = tokio::spawn(async move {
        let mut list = std::pin::pin!(list);
        while let Some(listed) = list.next().await {
            if sender.send(listed).await.is_err() {
                break;
            }
        }
    });
    Pages { pages, _reader: AbortOnDropHandle::new(reader) }
}

/// Reads one object, which is one row.
async fn read_object(
    reading: &Arc<Reading>,
    at: usize,
    client: &Client,
    endpoint: &Endpoint,
    id: &str,
) -> Result<Verdict, Error> {
    let answer = match client.read(endpoint, &[id], &[]).await {
        Ok(answer) => answer,
        Err(error) => return verdict_of(error),
    };
    let mut met = Met::default();
    take_page(reading, at, client, vec![answer.body], None, None, &mut met).await?;
    Ok(if met.quarantined > 0 {
        let words = "the object could not be read and is kept aside (quarantine)";
        Verdict::Flawed(TableState::Failed, words.to_owned())
    } else {
        Verdict::Complete
    })
}

/// What one pass over one list has met.
#[derive(Default)]
struct Met {
    /// Rows that have an id.
    rows: u64,
    /// Different ids, where an id is one thing.
    different: HashSet<u64>,
    quarantined: u64,
    /// Rows of other organizations, where a list spans several.
    elsewhere: u64,
}

/// Takes the rows of a page, which may be thousands, few at a time: only their text is held all at once.
async fn take_page(
    reading: &Arc<Reading>,
    at: usize,
    client: &Client,
    received: Vec<Box<RawValue>>,
    parent: Option<(&str, &str)>,
    details: Option<(usize, &'static Endpoint)>,
    met: &mut Met,
) -> Result<(), Error> {
    let mut received = received.into_iter();
    while received.len() > 0 {
        let some = received.by_ref().take(ROWS_AT_ONCE).collect();
        take_rows(reading, at, client, some, parent, details, met).await?;
    }
    let part = &reading.parts[at];
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
    at: usize,
    client: &Client,
    received: Vec<Box<RawValue>>,
    parent: Option<(&str, &str)>,
    details: Option<(usize, &'static Endpoint)>,
    met: &mut Met,
) -> Result<(), Error> {
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
    if let Some((at, endpoint)) = details {
        let flaw;
        (values, flaw) = with_details(client, endpoint, part.collected, values).await?;
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
        if let (Some((name, id)), Value::Object(members)) = (parent, &mut value) {
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

/// What an error means for one source: a flaw of that source, or the end of the sync.
fn verdict_of(error: jumpcloud::Error) -> Result<Verdict, Error> {
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

/// Stores batches until all are told; looks up first what is there, so that unchanged rows cost no write.
async fn write_all(
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
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let known = writer.known(table, &ids).await?;
    let mut changed = Vec::new();
    let mut unchanged = 0;
    for mut row in rows {
        match known.get(&row.id) {
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
    let mut places: HashMap<String, usize> = HashMap::with_capacity(rows.len());
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

/// Judges every source: complete ones mark what is gone.
async fn judge_all(reading: &Arc<Reading>, writer: &mut SnapshotWriter) -> Result<Vec<TableRecord>, Error> {
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

impl Part {
    fn new(collected: &'static Collected, name: &'static str, source: Option<&'static Source>) -> Self {
        Self {
            collected,
            name,
            source,
            reader: Reader::new(collected.table.columns),
            counts: Mutex::default(),
            marks: Mutex::default(),
            waiting: Mutex::default(),
            collected_at: Mutex::default(),
        }
    }

    fn table(&self) -> &'static str {
        self.collected.table.name
    }

    /// It completes the rows of its own table's list, and tells no ids.
    fn is_details(&self) -> bool {
        let own =
            |source: &Source| matches!(&source.ask, Ask::ReadEach { parents, .. } if parents.table == self.table());
        self.collected.sources.len() > 1 && self.source.is_some_and(own)
    }

    fn take(&self, verdict: Verdict) {
        match verdict {
            Verdict::Complete => {}
            Verdict::CompleteBut(note) => {
                let mut counts = lock(&self.counts);
                counts.notes += 1;
                counts.note.get_or_insert(note);
            }
            Verdict::Flawed(state, why) => self.take_flaw(state, why),
            Verdict::NotFound(why) => self.take_flaw(TableState::Failed, why),
        }
    }

    /// Its list stands above organizations, so that it can hold rows of several.
    fn spans_organizations(&self) -> bool {
        matches!(self.source.map(|source| &source.ask), Some(Ask::List { endpoint, .. }) if !endpoint.takes_organization())
    }

    fn take_flaw(&self, state: TableState, why: String) {
        let mut counts = lock(&self.counts);
        counts.flaws += 1;
        counts.flaw.get_or_insert((state, why));
    }

    fn put(&self, row: NewRow, misfits: u64) {
        lock(&self.counts).misfits += misfits;
        let mut waiting = lock(&self.waiting);
        waiting.bytes += row.raw.len();
        waiting.rows.push(row);
    }

    /// Remembers the newest collection time of a device.
    fn note_collection(&self, row: &Value) {
        if !self.is_insights() {
            return;
        }
        let member = |name: &str| row.get(name).and_then(Value::as_str);
        let (Some(device), Some(at)) = (member("system_id"), member("collection_time")) else { return };
        let mut noted = lock(&self.collected_at);
        match noted.get_mut(device) {
            Some(newest) if at > newest.as_str() => at.clone_into(newest),
            Some(_) => {}
            None => {
                noted.insert(device.to_owned(), at.to_owned());
            }
        }
    }

    /// It is a table of System Insights.
    fn is_insights(&self) -> bool {
        self.table().starts_with("insights_")
    }

    fn is_full(&self) -> bool {
        let waiting = lock(&self.waiting);
        waiting.rows.len() >= BATCH_ROWS || waiting.bytes >= BATCH_BYTES
    }
}

impl Reading {
    /// The source that completes each row of a table's list, if there is one: its place and what it asks.
    fn details_of(&self, table: &str) -> Option<(usize, &'static Endpoint)> {
        self.parts.iter().enumerate().find_map(|(at, part)| match part.source.map(|source| &source.ask) {
            Some(Ask::ReadEach { parents, endpoint }) if parents.table == table && part.table() == table => {
                Some((at, *endpoint))
            }
            _ => None,
        })
    }

    /// The first source that this one needs and that is not complete.
    fn lacking_parent<'a>(&self, at: usize, judged: &'a [Option<TableRecord>]) -> Option<&'a TableRecord> {
        let part = &self.parts[at];
        let is_needed = |other: &Part| match part.source.map(|source| &source.ask) {
            Some(Ask::ListEach { parents, .. } | Ask::ReadEach { parents, .. }) => {
                parents.table != part.table() && other.table() == parents.table && !other.is_details()
            }
            Some(Ask::From { table, .. }) => other.table() == *table,
            Some(Ask::List { .. }) => false,
            None => other.source.is_some() && other.is_insights(),
        };
        let needed = self.parts.iter().zip(judged).filter(|(other, _)| is_needed(other));
        needed.filter_map(|(_, record)| record.as_ref()).find(|record| record.shortfall().is_some())
    }

    /// Hands what waits of a part to the writer.
    async fn flush(&self, at: usize) -> Result<(), Error> {
        let batch = std::mem::take(&mut *lock(&self.parts[at].waiting));
        if batch.rows.is_empty() {
            return Ok(());
        }
        // A closed channel means that the writer failed and will say why.
        self.to_writer.send(ToWrite::Rows(at, batch.rows)).await.map_err(|_| Error::Cancelled)
    }

    async fn quarantine(&self, at: usize, met: &mut Met, reason: &str, raw: &str) -> Result<(), Error> {
        met.quarantined += 1;
        lock(&self.parts[at].counts).quarantined += 1;
        // What can not be read can not be redacted either.
        let kept = if tables::may_hold_secret(raw) {
            let hash = data_encoding::HEXLOWER.encode(blake3::hash(raw.as_bytes()).as_bytes());
            format!("withheld, since it may hold a secret: {} bytes, BLAKE3 {hash}", raw.len())
        } else {
            raw.to_owned()
        };
        self.to_writer.send(ToWrite::Quarantine(at, reason.to_owned(), kept)).await.map_err(|_| Error::Cancelled)
    }

    /// Tells the ids of a table's rows to the sources that are asked by them.
    fn tell_watchers(&self, table: &'static str, row: &Value) {
        let mut all = lock(&self.watchers);
        let Some(watchers) = all.get_mut(table) else { return };
        let Some(id) = path_id(row) else { return };
        for watcher in watchers {
            if watcher.only.is_none_or(|wanted| wanted(row)) && watcher.sent.insert(id_hash(id)) {
                // The receiver is gone only when the sync is over.
                let _ = watcher.ids.send(id.to_owned());
            }
        }
    }
}
