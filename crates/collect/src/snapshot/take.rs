//! Taking received rows: completed, cleaned and read where they arrive, with the rows of other tables that are made from
//! them, and handed to the writer in batches.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use jumpcloud::{Client, Endpoint};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{NewRow, TableState};
use tokio_util::task::AbortOnDropHandle;

use super::ask::{Flaw, Verdict, verdict_of};
use super::own::is_elsewhere;
use super::{LISTS_AT_ONCE, Reading, lock, task_died};
use crate::error::Error;
use crate::node::{Node, Order};
use crate::progress::Progress;
use crate::rows::{Read, id_hash, organization_of, read_node, read_row};
use crate::tables::{Ask, Collected, Source};

/// Rows that are taken apart at the same time: in pieces, a row takes many times the memory of its text.
const ROWS_AT_ONCE: usize = 200;
/// Pieces of one list that are made ready side by side: no more than bring a few processors to work, since they wait in
/// memory for those before them.
const PIECES_AT_ONCE: usize = 3;
/// So many rows and fewer are made ready at once, since a task of their own would cost more.
const FEW_ROWS: usize = 20;

/// Whose rows are taken, and what belongs to them that does not stand in them.
#[derive(Clone)]
pub(super) struct Taken {
    /// The source.
    pub(super) at: usize,
    /// The parent whose list it is: the member that its id is written into, and the id.
    pub(super) parent: Option<(&'static str, Arc<str>)>,
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

/// Takes the pages of one pass over one list: makes their rows ready on all processors, and hands them on in the order in
/// which they came.
pub(super) struct Taking<'a> {
    reading: &'a Arc<Reading>,
    taken: Taken,
    met: Met,
    /// No other pass and no other source brings rows of this table.
    is_only_reading: bool,
    under_way: FuturesOrdered<BoxFuture<'static, Result<Ready, Error>>>,
}

/// Rows that can be stored, and those that can not.
#[derive(Default)]
struct Ready {
    /// Of which part, and how many of its values were of another type than declared.
    rows: Vec<(usize, NewRow, u64)>,
    /// Of which part, why not, and the row.
    unreadable: Vec<(usize, String, String)>,
    elsewhere: u64,
}

impl<'a> Taking<'a> {
    /// `pass` counts from 1.
    pub(super) fn new(reading: &'a Arc<Reading>, taken: Taken, pass: u32) -> Self {
        let part = &reading.parts[taken.at];
        let is_only_reading = pass == 1 && taken.parent.is_none() && part.collected.sources.len() == 1;
        Self { reading, taken, met: Met::default(), is_only_reading, under_way: FuturesOrdered::new() }
    }

    /// Takes the rows of a page, which may be thousands, few at a time: only their text is held all at once.
    pub(super) async fn page(&mut self, received: Vec<Box<RawValue>>) -> Result<(), Error> {
        let part = &self.reading.parts[self.taken.at];
        lock(&part.counts).read += received.len() as u64;
        let is_short = received.len() <= FEW_ROWS;
        let mut received = received.into_iter();
        while received.len() > 0 {
            let some: Vec<_> = received.by_ref().take(ROWS_AT_ONCE).collect();
            let ready = make_ready(Arc::clone(self.reading), self.taken.clone(), some);
            self.under_way.push_back(match is_short {
                true => ready.boxed(),
                false => joined(AbortOnDropHandle::new(tokio::spawn(ready))).boxed(),
            });
            while self.under_way.len() >= PIECES_AT_ONCE {
                self.settle_next().await?;
            }
        }
        let (read, told) = {
            let counts = lock(&part.counts);
            (counts.read, counts.told)
        };
        (self.reading.plan.listener)(Progress::Rows { table: part.table(), read, told });
        Ok(())
    }

    /// Takes what is still under way, and tells what was met.
    pub(super) async fn end(mut self) -> Result<Met, Error> {
        while !self.under_way.is_empty() {
            self.settle_next().await?;
        }
        Ok(self.met)
    }

    /// Counts the rows that came first of those that are not counted yet, and hands full batches to the writer.
    async fn settle_next(&mut self) -> Result<(), Error> {
        let Some(ready) = self.under_way.next().await else { return Ok(()) };
        let Ready { rows, unreadable, elsewhere } = ready?;
        let reading = self.reading;
        self.met.elsewhere += elsewhere;
        for (at, why, row) in unreadable {
            if at == self.taken.at {
                self.met.quarantined += 1;
            } else {
                let why = format!("a row made from {} has no id", reading.parts[self.taken.at].table());
                reading.parts[at].take_flaw(TableState::Failed, why);
            }
            reading.quarantine(at, &why, &row).await?;
        }
        for (at, mut row, misfits) in rows {
            let part = &reading.parts[at];
            if at == self.taken.at {
                self.met.rows += 1;
                if !row.distinguish {
                    if self.met.different.insert(id_hash(&row.id)) {
                        row.first = self.is_only_reading;
                    } else {
                        lock(&part.counts).duplicates += 1;
                    }
                }
            }
            part.put(row, misfits);
        }
        let children = reading.made_from.get(reading.parts[self.taken.at].table()).map_or(&[][..], Vec::as_slice);
        for at in std::iter::once(&self.taken.at).chain(children) {
            if reading.parts[*at].is_full() {
                reading.flush(*at).await?;
            }
        }
        Ok(())
    }
}

/// What a task has made.
async fn joined(task: AbortOnDropHandle<Result<Ready, Error>>) -> Result<Ready, Error> {
    task.await.unwrap_or_else(|failure| Err(task_died(&failure)))
}

/// Makes received rows ready, with the rows of other tables that are made from them.
async fn make_ready(reading: Arc<Reading>, taken: Taken, received: Vec<Box<RawValue>>) -> Result<Ready, Error> {
    let at = taken.at;
    let mut ready = Ready { rows: Vec::with_capacity(received.len()), ..Ready::default() };
    let is_watched = lock(&reading.watchers).contains_key(reading.parts[at].table());
    let mut order = Order::default();
    let Some((details_at, endpoint)) = taken.details else {
        for raw in &received {
            match object_in(raw.get(), &mut order) {
                Ok(row) if is_elsewhere(&reading, &reading.parts[at], &row).await? => ready.elsewhere += 1,
                Ok(row) => ready.take(&reading, &taken, is_watched, row, raw.get().len(), false)?,
                Err(why) => ready.unreadable.push((at, why, raw.get().to_owned())),
            }
        }
        return Ok(ready);
    };
    let mut values = Vec::with_capacity(received.len());
    for raw in &received {
        match object_in(raw.get(), &mut order) {
            Ok(row) => values.push((row.to_value(), false)),
            Err(why) => ready.unreadable.push((at, why, raw.get().to_owned())),
        }
    }
    let (values, flaw) = with_details(&reading.plan.client, endpoint, reading.parts[at].collected, values).await?;
    if let Some((state, why)) = flaw {
        reading.parts[details_at].take_flaw(state, why);
    }
    for (value, poor) in values {
        ready.take(&reading, &taken, is_watched, value.into(), 0, poor)?;
    }
    Ok(ready)
}

/// The object that a text is, or why it is none.
fn object_in<'a>(text: &'a str, order: &mut Order) -> Result<Node<'a>, String> {
    let row = match Node::parse(text, order) {
        Ok(row) => row,
        // Its reasons are those of the plain way, which also knows names that only serde_json uses.
        Err(_) => serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?.into(),
    };
    if matches!(row, Node::Object(_)) { Ok(row) } else { Err("it is not an object".to_owned()) }
}

impl Ready {
    /// Takes a received row, whose text is so long, and what is made from it. A poor one lacks its details.
    fn take(
        &mut self,
        reading: &Reading,
        taken: &Taken,
        is_watched: bool,
        mut row: Node<'_>,
        length: usize,
        poor: bool,
    ) -> Result<(), Error> {
        let part = &reading.parts[taken.at];
        if let Some(found) = organization_of(&row).filter(|found| *found != reading.plan.org_id) {
            if part.spans_organizations() {
                // A provider's key lists the administrators of all its organizations; the others are not ours to keep.
                self.elsewhere += 1;
                return Ok(());
            }
            return Err(Error::OrganizationChanged {
                table: part.table(),
                expected: reading.plan.org_id.clone(),
                found: found.to_owned(),
            });
        }
        if let Some((name, id)) = &taken.parent {
            row.insert(name, Node::Text(Cow::Owned((**id).to_owned())));
        }
        if is_watched {
            reading.tell_watchers(part.table(), &row);
        }
        part.note_collection(&row);
        for child in reading.made_from.get(part.table()).map_or(&[][..], Vec::as_slice) {
            let made_in = &reading.parts[*child];
            let Some(Source { ask: Ask::From { sees, rows, .. }, .. }) = made_in.source else { continue };
            let rows = rows(&row.pick(sees));
            lock(&made_in.counts).read += rows.len() as u64;
            for row in rows {
                self.put(*child, read_row(made_in.collected, &made_in.reader, made_in.name, row), poor);
            }
        }
        self.put(taken.at, read_node(part.collected, &part.reader, part.name, row, length), poor);
        Ok(())
    }

    fn put(&mut self, at: usize, read: Read, poor: bool) {
        match read {
            Read::Row(mut row, misfits) => {
                row.keep_stored = poor;
                self.rows.push((at, row, misfits));
            }
            Read::Nameless(row) => self.unreadable.push((at, "it has no id".to_owned(), row)),
        }
    }
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
