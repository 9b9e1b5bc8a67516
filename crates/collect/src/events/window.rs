//! One hour: its pages into the store, and the proof that they are all. What to do about which hour is said by `plan`.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use jumpcloud::{Client, Clock, Error as AskError, EventPage, EventQuery, SearchAfter};
use store::events::{EventWriter, Hour, SealOutcome};

use super::page::{Behind, MappedPage, write_position};
use super::plan::{Pass, Position, Rules, Work};
use super::recount::count;
use super::shared::Share;
use crate::error::Error;
use crate::progress::{Listener, Progress};

/// Pages as they come.
type Coming = BoxStream<'static, Result<MappedPage, Error>>;

/// What was asked about an hour before its turn came.
pub(crate) struct Fetched {
    work: Work,
    first: Option<Result<MappedPage, Error>>,
    more: Coming,
    counted: Option<Result<u64, AskError>>,
}

/// Asks what a piece of work needs first: a page, and the count where that is all.
pub(crate) async fn fetch(client: Client, org_id: Arc<str>, work: Work) -> Fetched {
    let hour = Hour::from_number(work.hour());
    let pass = match &work {
        Work::Read { pass, .. } => Some(pass),
        Work::Prove { rest, .. } => rest.as_ref(),
        Work::Check { .. } => None,
    };
    let mut fetched =
        Fetched { work: work.clone(), first: None, more: futures::stream::empty().boxed(), counted: None };
    let mut is_all_read = true;
    if let Some(pass) = pass {
        let mut pages = ask(&client, pass, false);
        let mut first = pages.next().await;
        if pass.after.is_some() && matches!(first, Some(Err(AskError::BadRequest(_)))) {
            // Positions can expire. The time does not: what was read already is recognised.
            pages = ask(&client, &Pass { after: None, ..pass.clone() }, false);
            first = pages.next().await;
        }
        is_all_read = first.as_ref().is_none_or(|page| page.as_ref().is_ok_and(|page| page.is_last));
        fetched.first = match first {
            Some(Ok(page)) => Some(MappedPage::beside(page, Arc::clone(&org_id), hour).await),
            Some(Err(error)) => Some(Err(error.into())),
            None => None,
        };
        fetched.more = mapped(pages, org_id, hour);
    }
    if is_all_read && !matches!(work, Work::Read { .. }) {
        fetched.counted = Some(count(&client, hour).await);
    }
    fetched
}

/// What a piece of work gets without asking: a share of what was asked for several organizations.
pub(crate) async fn taken(hour: i64, pass: Pass, share: Share, org_id: Arc<str>) -> Fetched {
    let pages = futures::stream::iter(share.into_pages().into_iter().map(Ok));
    let mut pages = mapped(pages, org_id, Hour::from_number(hour));
    Fetched { work: Work::Read { hour, pass }, first: pages.next().await, more: pages, counted: None }
}

fn ask(
    client: &Client,
    pass: &Pass,
    until_empty: bool,
) -> impl Stream<Item = Result<EventPage, AskError>> + Send + Unpin + use<> {
    let query = EventQuery {
        after: pass.after.as_deref().and_then(SearchAfter::parse),
        until_empty,
        ..EventQuery::range(moment(pass.from), moment(pass.to))
    };
    client.events(query)
}

/// Pages of an organization's hour as rows of the index.
fn mapped(
    pages: impl Stream<Item = Result<EventPage, AskError>> + Send + 'static,
    org_id: Arc<str>,
    hour: Hour,
) -> Coming {
    let map = move |page: Result<EventPage, AskError>| {
        let org_id = Arc::clone(&org_id);
        async move { MappedPage::beside(page?, org_id, hour).await }
    };
    pages.then(map).boxed()
}

/// What a run has done so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    /// Events received, each time that they came.
    pub documents: u64,
    pub stored: u64,
    pub duplicates: u64,
    pub late: u64,
    /// Events of all hours that were held against a count, by that count.
    pub counted: u64,
    pub sealed: u64,
    /// Hours that could not be proven, with the reason.
    pub unproven: Vec<(Hour, String)>,
}

/// Works on one organization's hours, one at a time.
pub(crate) struct Hours {
    pub client: Client,
    pub writer: EventWriter,
    pub clock: Arc<dyn Clock>,
    pub rules: Rules,
    pub listener: Listener,
    pub tally: Tally,
}

/// What one pass over a range gave.
#[derive(Debug, Default)]
struct PassTally {
    documents: u64,
    not_of_hour: u64,
}

impl Hours {
    /// The time by which windows go: this machine's, or JumpCloud's if that is behind it. A clock that is ahead must
    /// neither ask for the future nor prove an hour that is not over.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let ahead = self.client.clock_ahead().filter(|ahead| ahead.as_secs() >= 2);
        ahead.and_then(|ahead| now.checked_sub(ahead).ok()).unwrap_or(now)
    }

    /// Does one piece of work with what was fetched for it.
    ///
    /// # Errors
    /// What ends the run. An hour that can not be read or proven for reasons of its own does not: it is noted.
    pub(crate) async fn work(&mut self, fetched: Fetched) -> Result<(), Error> {
        let hour = Hour::from_number(fetched.work.hour());
        (self.listener)(Progress::Stage(format!("events of {hour}")));
        let line = self.writer_line(hour).await?;
        let position = Position::of(line.and_then(|line| line.position).as_deref());
        let is_reading = matches!(fetched.work, Work::Read { .. });
        let result = match fetched.work {
            Work::Read { ref pass, .. } => {
                let pass = pass.clone();
                self.read(hour, &pass, &position, fetched.first, fetched.more).await.map(drop)
            }
            Work::Prove { rest: Some(ref pass), .. } => {
                let pass = pass.clone();
                let is_whole = pass.after.is_none() && pass.from == hour.start_ms() && pass.to == hour.end_ms();
                match self.read(hour, &pass, &position, fetched.first, fetched.more).await {
                    Ok(tally) => self.prove(hour, is_whole.then_some(tally), fetched.counted).await,
                    Err(error) => Err(error),
                }
            }
            Work::Prove { rest: None, .. } | Work::Check { .. } => self.prove(hour, None, fetched.counted).await,
        };
        match result {
            Err(Error::Ask(error)) if is_of_one_hour(&error) => {
                tracing::warn!(%hour, %error, code = error.code(), "an hour of events can not be read");
                self.tally.unproven.push((hour, error.to_string()));
                if !is_reading {
                    let waiting = position.unproven(self.now().as_millisecond());
                    write_position(&mut self.writer, hour, &waiting, false, self.clock.now()).await?;
                }
                Ok(())
            }
            result => result,
        }
    }

    async fn writer_line(&self, hour: Hour) -> Result<Option<store::events::Window>, Error> {
        Ok(self.writer.store().event_window(self.writer.org_id(), hour).await?)
    }

    /// Stores the pages of a pass, each with the position behind it.
    async fn read(
        &mut self,
        hour: Hour,
        pass: &Pass,
        before: &Position,
        first: Option<Result<MappedPage, Error>>,
        more: Coming,
    ) -> Result<PassTally, Error> {
        let mut tally = PassTally::default();
        let mut seen = HashSet::new();
        let mut coming = futures::stream::iter(first).chain(more);
        while let Some(mapped) = coming.next().await {
            let mapped = mapped?;
            let page = mapped.page();
            let is_last = page.is_last;
            let position = if is_last {
                let read_to = pass.to.min(self.now().as_millisecond()).max(before.read_to.unwrap_or(pass.from));
                Position { read_to: Some(read_to), pass: None, ..before.clone() }
            } else {
                let after = page.next.as_ref().map(|next| next.as_str().to_owned());
                Position { pass: Some(Pass { after, ..pass.clone() }), ..before.clone() }
            };
            let is_empty = page.is_empty();
            if is_empty && tally.documents == 0 {
                // Nothing came, so there is nothing to write down; an hour that is over is noted when it is proven.
                continue;
            }
            let behind = Behind { hour, position: &position, is_end: is_last && pass.to >= hour.end_ms() };
            let now = self.clock.now();
            let taken = mapped.write(&mut self.writer, behind, &mut seen, now).await?;
            if taken.new == 0 && tally.documents > 0 && !is_empty {
                let why = "a page has only events that earlier ones of the same pass had".to_owned();
                let endpoint = jumpcloud::endpoints::EVENTS.name();
                let context = jumpcloud::Context { endpoint, status: None, message: None, attempts: 1 };
                return Err(AskError::Endless { why, context }.into());
            }
            tally.documents += taken.documents;
            tally.not_of_hour += taken.not_of_hour;
            self.tally.documents += taken.documents;
            self.tally.stored += taken.written.stored;
            self.tally.duplicates += taken.written.duplicates;
            self.tally.late += taken.written.late;
            (self.listener)(Progress::Rows { table: "events", read: self.tally.documents, told: None });
        }
        Ok(tally)
    }

    /// Holds an hour against JumpCloud's count; reads all of it once more if they differ.
    async fn prove(
        &mut self,
        hour: Hour,
        whole: Option<PassTally>,
        counted: Option<Result<u64, AskError>>,
    ) -> Result<(), Error> {
        let counted = match counted {
            Some(counted) => counted?,
            None => count(&self.client, hour).await?,
        };
        let stored = self.writer_line(hour).await?.map_or(0, |line| line.stored);
        let events = events_of(counted, whole.as_ref());
        if events == stored {
            return self.seal(hour, events).await;
        }
        // Events that came late, a page that was cut short, or documents that say the same twice: all of it again, and
        // this time no short page is believed to be the last.
        let pass = Pass { from: hour.start_ms(), to: hour.end_ms(), after: None };
        let pages = mapped(ask(&self.client, &pass, true), self.writer.org_id().into(), hour);
        let whole = self.read(hour, &pass, &Position::default(), None, pages).await?;
        let counted = count(&self.client, hour).await?;
        self.seal(hour, events_of(counted, Some(&whole))).await
    }

    async fn seal(&mut self, hour: Hour, events: u64) -> Result<(), Error> {
        let now = self.now();
        let next = self.rules.next_check(hour.end_ms(), now.as_millisecond()).map(moment);
        match self.writer.seal(hour, events, next, self.clock.now()).await? {
            SealOutcome::Sealed(_) => {
                self.tally.sealed += 1;
                self.tally.counted += events;
            }
            SealOutcome::Differs(line) => {
                let why = line.reason.unwrap_or_default();
                tracing::warn!(%hour, why, "an hour of events can not be proven yet");
                let waiting = Position::of(line.position.as_deref()).unproven(now.as_millisecond());
                write_position(&mut self.writer, hour, &waiting, true, self.clock.now()).await?;
                self.tally.unproven.push((hour, why));
            }
        }
        Ok(())
    }
}

/// How many different events of its own an hour has, by JumpCloud's count. That count is of documents: one event can be
/// two, and the first moment of the next hour may be counted in. A pass that saw as many documents as were counted has
/// seen which.
fn events_of(counted: u64, whole: Option<&PassTally>) -> u64 {
    match whole {
        Some(pass) if pass.documents == counted => counted.saturating_sub(pass.not_of_hour),
        _ => counted,
    }
}

/// What is wrong with one answer need not be wrong with the next hour's.
pub(crate) fn is_of_one_hour(error: &AskError) -> bool {
    matches!(
        error,
        AskError::UnexpectedShape { .. }
            | AskError::NotJson { .. }
            | AskError::Endless { .. }
            | AskError::TooLarge { .. }
            | AskError::BadRequest(_)
    )
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
