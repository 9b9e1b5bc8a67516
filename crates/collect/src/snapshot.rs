//! Reads every table of one organization into one snapshot.
//!
//! All sources are asked at the same time, bounded by the client's own limit of requests in flight. Received rows are made
//! ready where they arrive, on all cores; one writer stores them in batches. A table whose rows are asked one by one for
//! the rows of another table gets their ids as those arrive. When everything has arrived, each source is judged: only a
//! complete one may mark rows as gone.

mod ask;
mod judge;
mod own;
mod take;
mod write;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jumpcloud::{Client, Clock, Endpoint};
use serde_json::Value;
use store::json::Json;
use store::schema::Reader;
use store::{Marks, NewRow, SnapshotWriter, TableRecord, TableState};
use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio::task::JoinSet;

use self::ask::{Verdict, ask_each, ask_source};
use self::judge::judge_all;
use self::own::Own;
use self::write::write_all;
use crate::error::Error;
use crate::node::Node;
use crate::progress::Listener;
use crate::rows::id_hash;
use crate::tables::{self, Ask, Collected, Source};

/// A batch goes to the writer when it has this many rows …
const BATCH_ROWS: usize = 1_000;
/// … or this many bytes of JSON.
const BATCH_BYTES: usize = 2 << 20;
/// Lists that are read at the same time. More would only wait for the client's request limit and hold memory.
const LISTS_AT_ONCE: usize = 16;
/// System Insights lists that are read at the same time: their pages hold thousands of rows.
const LARGE_LISTS_AT_ONCE: usize = 2;

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
    /// Found out when the first administrator comes that names no organization.
    own_administrators: OnceCell<Own>,
}

struct Watcher {
    ids: mpsc::UnboundedSender<Arc<str>>,
    only: Option<fn(&Value) -> bool>,
    sent: HashSet<u64>,
}

/// The id by which a received row's own lists and objects are asked for.
fn path_id(row: &impl Json) -> Option<&str> {
    row.member("_id").or_else(|| row.member("id")).and_then(Json::as_text)
}

/// A task that panicked ends the sync: what it had in hand is lost.
fn task_died(failure: &tokio::task::JoinError) -> Error {
    Error::Store(store::Error::Refused(format!("a reading task died: {failure}")))
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
        own_administrators: OnceCell::new(),
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
        done.map_err(|failure| task_died(&failure))??;
    }
    for at in 0..reading.parts.len() {
        reading.flush(at).await?;
    }
    Ok(())
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
    fn note_collection(&self, row: &Node<'_>) {
        if !self.is_insights() {
            return;
        }
        let member = |name: &str| row.member(name).and_then(Json::as_text);
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

    async fn quarantine(&self, at: usize, reason: &str, raw: &str) -> Result<(), Error> {
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
    fn tell_watchers(&self, table: &'static str, row: &Node<'_>) {
        let mut all = lock(&self.watchers);
        let Some(watchers) = all.get_mut(table) else { return };
        let Some(id) = path_id(row) else { return };
        // Many ids wait here until it is their turn: each is held once, whoever waits for it.
        let mut shared = None;
        for watcher in watchers {
            if watcher.only.is_none_or(|wanted| wanted(&row.to_value())) && watcher.sent.insert(id_hash(id)) {
                // The receiver is gone only when the sync is over.
                let _ = watcher.ids.send(Arc::clone(shared.get_or_insert_with(|| Arc::from(id))));
            }
        }
    }
}
