//! One run of the events of one connection, from the lease to how the stream stands.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use jumpcloud::{Client, EventQuery};
use ocsf::Mapper;
use store::events::Hour;
use store::{
    Action, CallRecord, Connection, Lease, Outcome, RunEnd, StreamKind, TableRecord, TableState, stream_lease,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::keep::Keep;
use super::ledger::{LOST, known};
use super::page::write_position;
use super::plan::{Position, Rules, TOO_OLD, Work, plan};
use super::shared::Share;
use super::window::{Fetched, Hours, Tally, fetch, taken};
use crate::client::credential_of;
use crate::error::Error;
use crate::progress::{Listener, Progress, silent};
use crate::sync::{Clients, Collector};

/// Hours that are asked for at the same time.
const AT_ONCE: usize = 4;
/// As many hours in a row that can not be read end the run: something is wrong with more than one answer.
const MOST_BAD_HOURS: usize = 3;
/// How far back is looked for the oldest event. Longer than any plan keeps them.
const LONGEST_RETENTION: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);
/// A plan that took longer than this to work off is followed by another one: a new hour may have begun.
const PLAN_AGE: SignedDuration = SignedDuration::from_secs(60);
/// Events that follow each other in a page and differ by more, in milliseconds, are suspected of telling a wrong time.
const ODD: i64 = 2 * super::plan::DAY;
/// Hours that were not proven so long after they should have been are suspected of being lost.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);

/// How events are synced.
#[derive(Debug, Clone)]
pub struct EventOptions {
    /// The person, or `system` for the schedule.
    pub started_by: String,
    /// Begin here instead of with the oldest event that JumpCloud keeps; only ever makes the ledger longer.
    pub since: Option<Timestamp>,
    /// Stop after so long, and say that there is more; without it, all is done that there is to do.
    pub budget: Option<Duration>,
    /// When hours are read and proven.
    pub rules: Rules,
}

/// How a run is done, and what it is given.
struct Given<'a> {
    options: &'a EventOptions,
    /// What was read for this organization together with others.
    share: Option<Share>,
}

impl EventOptions {
    /// All that there is to do, by the usual rules.
    pub fn by(person: &str) -> Self {
        Self { started_by: person.to_owned(), since: None, budget: None, rules: Rules::default() }
    }
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct EventReport {
    /// Its number in the history; quiet runs of the schedule have none.
    pub run: Option<i64>,
    /// The organization.
    pub org_id: String,
    /// Succeeded, or incomplete.
    pub outcome: Outcome,
    /// Events that were not there before.
    pub new: u64,
    /// Events that came again.
    pub duplicates: u64,
    /// New events of hours that had been sealed.
    pub late: u64,
    /// Hours that were sealed, or sealed again.
    pub sealed: u64,
    /// Hours that could not be read or proven, with the reason.
    pub unproven: Vec<(Hour, String)>,
    /// Hours that are left to do because the budget was used up.
    pub left: usize,
    /// Events that were older than they are to be kept, and were removed.
    pub removed: u64,
    /// What was asked.
    pub calls: Vec<CallRecord>,
    /// How long it took.
    pub took: SignedDuration,
}

/// The name of the lease for the events of an organization, or of a connection that does not know its own yet.
pub fn event_lease_name(connection: &Connection) -> String {
    event_lease(connection.org_id.as_deref().unwrap_or(&connection.id))
}

pub(super) fn event_lease(work: &str) -> String {
    stream_lease(StreamKind::Events, work)
}

/// A run on its way: what it was told, and what it has to show so far, also when it fails.
struct Run<'a> {
    collector: &'a Collector,
    connection: &'a Connection,
    options: &'a EventOptions,
    listener: &'a Listener,
    started: Timestamp,
    /// Its number in the history, once it has one.
    number: Option<i64>,
    org_id: Option<String>,
    clients: Clients,
    tally: Tally,
    left: usize,
    share: Option<Share>,
    /// Old events that were removed, and whether there are more.
    removed: store::events::Removed,
}

impl Collector {
    /// Syncs the events of a connection now. What was stored before an error stays, with the position behind it. The
    /// run and the next time are written down whatever happens; a run of the schedule that proves nothing and does not
    /// fail leaves no line in the history.
    ///
    /// # Errors
    /// Why it ended early.
    pub async fn sync_events(
        &self,
        connection: &Connection,
        options: &EventOptions,
        listener: Listener,
        cancel: &CancellationToken,
    ) -> Result<EventReport, Error> {
        self.sync_events_given(connection, Given { options, share: None }, listener, cancel).await
    }

    /// The same for the schedule, which may have read the newest minutes together with those of other organizations.
    pub(crate) async fn sync_shared_events(
        &self,
        connection: &Connection,
        options: &EventOptions,
        share: Option<Share>,
        cancel: &CancellationToken,
    ) -> Result<EventReport, Error> {
        self.sync_events_given(connection, Given { options, share }, silent(), cancel).await
    }

    async fn sync_events_given(
        &self,
        connection: &Connection,
        given: Given<'_>,
        listener: Listener,
        cancel: &CancellationToken,
    ) -> Result<EventReport, Error> {
        let Given { options, share } = given;
        if let Some(pinned) = connection.collector.as_ref().filter(|pinned| **pinned != self.name) {
            return Err(Error::Pinned(pinned.clone()));
        }
        let started = self.clock.now();
        let what = format!("the events sync of {}", connection.name);
        let lease = match self.store.take_lease(&event_lease_name(connection), &what, &self.holder, started).await {
            Ok(lease) => lease,
            Err(error) => {
                let (kind, by) = (StreamKind::Events, &options.started_by);
                return Err(self.not_begun(connection, kind, by, started, error.into()).await);
            }
        };
        let streams = self.store.streams(Some(&connection.id)).await?;
        let are_first =
            streams.iter().any(|stream| stream.kind == StreamKind::Events && stream.state.last_success_at.is_none());
        let mut run = Run {
            collector: self,
            connection,
            options,
            listener: &listener,
            started,
            number: None,
            org_id: None,
            clients: Clients::default(),
            tally: Tally::default(),
            left: 0,
            share,
            removed: Default::default(),
        };
        let result = match run.run(&lease, cancel).await {
            Err(error) => Err(self.reason(connection, error).await),
            done => done,
        };
        let error = result.as_ref().err();
        let noting = async {
            let noted = run.note_end(error).await;
            let released = self.store.release_lease(lease).await;
            noted.and_then(|report| released.map(|()| report).map_err(Error::from))
        };
        let noted = self.written_down(error, noting).await;
        result?;
        let report = noted?;
        // Checks that ask for events could not be decided before. What follows later does so with the next snapshot.
        if let Some(after) = self.after_sync.as_ref().filter(|_| are_first) {
            listener(Progress::Stage("checking".to_owned()));
            after(report.org_id.clone()).await;
        }
        Ok(report)
    }

    /// A client for events. Where the organization is known, nothing needs to be asked for it.
    pub(crate) async fn open_for_events(
        &self,
        connection: &Connection,
        started_by: &str,
        clients: &mut Clients,
    ) -> Result<(Client, String), Error> {
        let Some(org_id) = connection.org_id.clone() else {
            return self.open(connection, started_by, &CancellationToken::new(), clients).await;
        };
        let secret = self.store.open_credential(connection, &self.key).await?;
        let credential = credential_of(connection, &secret)?;
        let settings = self.settings.for_run_by(started_by);
        let client = settings.client(&connection.place, credential, Some(&org_id), Arc::clone(&self.clock))?;
        clients.add(&client);
        Ok((client, org_id))
    }
}

impl Run<'_> {
    async fn run(&mut self, lease: &Lease, cancel: &CancellationToken) -> Result<(), Error> {
        let collector = self.collector;
        if self.options.started_by != "system" {
            self.begin_history().await?;
        }
        (self.listener)(Progress::Stage("connecting".to_owned()));
        let (client, org_id) = tokio::select! {
            opened = collector.open_for_events(self.connection, &self.options.started_by, &mut self.clients) => opened?,
            () = cancel.cancelled() => return Err(Error::Cancelled),
        };
        self.org_id = Some(org_id.clone());
        let listener = Arc::clone(self.listener);
        let second;
        let lease = if self.connection.org_id.is_some() {
            lease
        } else {
            // The organization was not known when the first lease was taken: another connection may be syncing it.
            let what = format!("the events sync of {}", self.connection.name);
            let now = collector.clock.now();
            second = collector.store.take_lease(&event_lease(&org_id), &what, &collector.holder, now).await?;
            &second
        };
        let writer = collector.store.event_writer(&org_id, lease, collector.clock.now()).await?;
        let mut hours = Hours {
            client: client.clone(),
            writer,
            clock: Arc::clone(&collector.clock),
            rules: self.options.rules,
            listener: Arc::clone(&listener),
            tally: Tally::default(),
        };
        let keep = self.keep().await?;
        let cancel = cancel.child_token();
        let result = tokio::select! {
            result = self.all_and_no_more(&mut hours, keep) => result,
            () = cancel.cancelled() => Err(Error::Cancelled),
            error = collector.heartbeat(lease, &client, &listener, &cancel) => Err(error),
        };
        self.tally = hours.tally;
        if self.connection.org_id.is_none() {
            collector.store.release_lease(lease.clone()).await?;
        }
        result
    }

    /// How long this connection's events are kept.
    async fn keep(&self) -> Result<Keep, Error> {
        let streams = self.collector.store.streams(Some(&self.connection.id)).await?;
        let own = streams.into_iter().find(|stream| stream.kind == StreamKind::Events).and_then(|stream| stream.keep);
        Ok(match own {
            // A text that this version does not read removes nothing.
            Some(text) => text.parse().unwrap_or_default(),
            None => self.collector.settings.keep_events,
        })
    }

    /// Reads and proves what there is to, then removes what is older than it is to be kept.
    async fn all_and_no_more(&mut self, hours: &mut Hours, keep: Keep) -> Result<(), Error> {
        self.all(hours, keep).await?;
        self.removed = hours.remove_old(keep, self.options.budget.is_some()).await?;
        if self.removed.windows > 0 {
            self.begin_history().await?;
        }
        Ok(())
    }

    /// Works off one plan after the other, until there is nothing left to do or no time.
    async fn all(&mut self, hours: &mut Hours, keep: Keep) -> Result<(), Error> {
        let start = self.start(hours, keep).await?;
        loop {
            let begun = self.collector.clock.now();
            let works = self.plan(hours, start).await?;
            let result = self.work_off(hours, &works).await;
            if let Err(Error::Ask(error @ (jumpcloud::Error::NotLicensed(_) | jumpcloud::Error::NotPermitted(_)))) =
                &result
            {
                let missing: Vec<Hour> =
                    works.iter().filter(|work| matches!(work, Work::Prove { .. })).map(hour_of).collect();
                hours.writer.mark_gaps(&missing, &error.to_string(), self.collector.clock.now()).await?;
            }
            result?;
            let took = self.collector.clock.now().duration_since(begun);
            // What could not be read or proven is for another run.
            if self.left > 0 || took < PLAN_AGE || !hours.tally.unproven.is_empty() {
                return Ok(());
            }
        }
    }

    async fn plan(&mut self, hours: &mut Hours, start: Hour) -> Result<Vec<Work>, Error> {
        let now = hours.now();
        let mut works = self.planned(hours, start, now).await?;
        if self.find_lost(hours, &works, now).await? {
            // Asking has also told JumpCloud's time, which may not be what this machine believes.
            works = self.planned(hours, start, hours.now()).await?;
        }
        if works.iter().any(|work| !matches!(work, Work::Read { .. })) {
            self.begin_history().await?;
        }
        Ok(works)
    }

    async fn planned(&self, hours: &mut Hours, start: Hour, now: Timestamp) -> Result<Vec<Work>, Error> {
        // An hour that is counted again is younger than that, and its time came after its end.
        let due = now.checked_sub(SignedDuration::from_millis(TOO_OLD)).unwrap_or(Timestamp::MIN)..=now;
        let clock = self.collector.clock.now();
        let outstanding = hours.writer.outstanding(start, Hour::of(now), due, clock).await?;
        Ok(plan(&known(&outstanding), now.as_millisecond(), &hours.rules))
    }

    async fn work_off(&mut self, hours: &mut Hours, works: &[Work]) -> Result<(), Error> {
        let client = hours.client.clone();
        let org_id: Arc<str> = hours.writer.org_id().into();
        let shared = self.shared(works, &org_id);
        let ask =
            move |work: Work| AbortOnDropHandle::new(tokio::spawn(fetch(client.clone(), Arc::clone(&org_id), work)));
        let works = if shared.is_some() { &works[1..] } else { works };
        let mut bad_before = hours.tally.unproven.len();
        if let Some(shared) = shared {
            hours.work(shared.await).await?;
        }
        let Some((first, others)) = works.split_first() else { return Ok(()) };
        // Alone, because its answer tells whether the credential lives: a dead one is shown once, not four times.
        hours.work(joined(ask(first.clone()).await)).await?;
        let mut coming = futures::stream::iter(others.to_vec()).map(ask).buffered(AT_ONCE);
        let mut bad_hours = hours.tally.unproven.len() - bad_before;
        let mut done = 1;
        while let Some(fetched) = coming.next().await {
            bad_before = hours.tally.unproven.len();
            hours.work(joined(fetched)).await?;
            done += 1;
            bad_hours = if hours.tally.unproven.len() > bad_before { bad_hours + 1 } else { 0 };
            if bad_hours >= MOST_BAD_HOURS {
                return Ok(());
            }
            if self.is_spent() {
                self.left = works.len() - done;
                break;
            }
        }
        Ok(())
    }

    /// The first piece of work, if it was done together with others'.
    fn shared(&mut self, works: &[Work], org_id: &Arc<str>) -> Option<impl Future<Output = Fetched> + use<>> {
        let share = self.share.take()?;
        let Work::Read { hour, pass } = works.first()? else { return None };
        let pass = share.pass(*hour, pass)?;
        Some(taken(*hour, pass, share, Arc::clone(org_id)))
    }

    fn is_spent(&self) -> bool {
        let spent = self.collector.clock.now().duration_since(self.started);
        self.options.budget.is_some_and(|budget| Duration::try_from(spent).is_ok_and(|spent| spent >= budget))
    }

    /// The first hour of the ledger. A new ledger begins with the oldest event that JumpCloud keeps.
    async fn start(&self, hours: &mut Hours, keep: Keep) -> Result<Hour, Error> {
        let (store, org_id) = (&self.collector.store, hours.writer.org_id().to_owned());
        let now = hours.now();
        let first = store.first_event_window(&org_id).await?;
        let since = self.options.since.map(Hour::of);
        if let Some(since) = since {
            // Somebody asks for what was given up: a plan may keep events for longer now.
            hours.writer.retry_lost(since, self.collector.clock.now()).await?;
        }
        if let Some(first) = first
            && since.is_none_or(|since| since >= first)
        {
            // What was removed is not read again.
            return Ok(first.max(Hour::of(hours.writer.kept_from())));
        }
        let Some(oldest) = oldest(&hours.client, now).await? else {
            // Nothing has happened yet: the ledger will begin with the hour in which it does.
            return Ok(first.unwrap_or(Hour::of(now)));
        };
        // JumpCloud has told its time by now. What would be removed at once is not read.
        let kept_from = keep.since(hours.now()).map(Hour::of);
        let kept_from = kept_from.into_iter().chain([Hour::of(hours.writer.kept_from())]).max();
        let oldest = kept_from.map_or(Hour::of_ms(oldest), |kept_from| kept_from.max(Hour::of_ms(oldest)));
        let start = since.map_or(oldest, |since| since.max(oldest));
        let start = first.map_or(start, |first| first.min(start));
        if first != Some(start) {
            // Written down at once: where the ledger begins is part of the promise.
            write_position(&mut hours.writer, start, &Position::default(), false, self.collector.clock.now()).await?;
        }
        Ok(start)
    }

    /// Notes the hours that can not be read any more because JumpCloud has dropped their events; says whether it had to ask.
    /// The ledger began with an event that was there, so an oldest event after it means that the older ones are gone.
    async fn find_lost(&self, hours: &mut Hours, works: &[Work], now: Timestamp) -> Result<bool, Error> {
        let behind = Hour::of(now.checked_sub(BEHIND).unwrap_or(now));
        let old: Vec<Hour> = works
            .iter()
            .filter(|work| matches!(work, Work::Prove { .. }))
            .map(hour_of)
            .filter(|hour| *hour < behind)
            .collect();
        let Some(newest) = old.first() else { return Ok(false) };
        let Some(oldest) = oldest(&hours.client, now).await? else { return Ok(true) };
        let kept_from = Hour::of_ms(oldest);
        let lost: Vec<Hour> = old.iter().copied().filter(|hour| *hour < kept_from).collect();
        if lost.is_empty() {
            return Ok(true);
        }
        tracing::warn!(hours = lost.len(), until = %newest, "events are lost: JumpCloud keeps them no longer");
        let reason = format!("{LOST}: its oldest event is of {}", kept_from);
        hours.writer.mark_lost(&lost, &reason, self.collector.clock.now()).await?;
        Ok(true)
    }

    /// Gives the run its line in the history, if it has none.
    async fn begin_history(&mut self) -> Result<(), Error> {
        if self.number.is_none() {
            let (collector, connection) = (self.collector, self.connection);
            let store = &collector.store;
            let words = &collector.holder.words;
            let number =
                store.start_run(connection, Action::Events, &self.options.started_by, words, self.started).await?;
            store.end_interrupted_runs(&connection.id, Action::Events, number, self.started).await?;
            self.number = Some(number);
        }
        Ok(())
    }

    /// Writes the last line of the history, and how the stream stands.
    async fn note_end(&mut self, error: Option<&Error>) -> Result<EventReport, Error> {
        let ended = self.collector.clock.now();
        if error.is_some_and(|error| !matches!(error, Error::Cancelled)) {
            self.begin_history().await?;
        }
        let end = self.end(error);
        if let Some(number) = self.number {
            self.collector.store.finish_run(number, &end, ended).await?;
        }
        // Whoever took over the lease tells how the stream stands.
        if !matches!(error, Some(Error::Store(store::Error::LeaseLost))) {
            let has_more = error.is_none() && (self.left > 0 || self.removed.has_more);
            self.collector
                .note_stream(self.connection, StreamKind::Events, &end, error, self.started, ended, has_more)
                .await?;
        }
        let tally = &self.tally;
        Ok(EventReport {
            run: self.number,
            org_id: self.org_id.clone().unwrap_or_default(),
            outcome: end.outcome,
            new: tally.stored,
            duplicates: tally.duplicates,
            late: tally.late,
            sealed: tally.sealed,
            unproven: tally.unproven.clone(),
            left: self.left,
            removed: self.removed.events,
            calls: end.calls,
            took: ended.duration_since(self.started),
        })
    }

    fn end(&self, error: Option<&Error>) -> RunEnd {
        let tally = &self.tally;
        let (calls, bytes) = (self.clients.calls(), self.clients.bytes());
        let lacking = tally.unproven.first().map(|(hour, why)| match tally.unproven.len() {
            1 => format!("events of {hour}: {why}"),
            more => format!("events of {more} hours, such as {hour}: {why}"),
        });
        let (outcome, code, said, help) = match (error, &lacking) {
            (Some(error @ (Error::Cancelled | Error::Removed(_))), _) => {
                (Outcome::Cancelled, Some(error.code()), Some(error.to_string()), None)
            }
            (Some(error), _) => (Outcome::Failed, Some(error.code()), Some(error.to_string()), Some(error.help())),
            (None, Some(lacking)) => (
                Outcome::Incomplete,
                Some("incomplete"),
                Some(lacking.clone()),
                Some("These hours are tried again by themselves. `jumpseat event verify` shows the ledger.".to_owned()),
            ),
            (None, None) => (Outcome::Succeeded, None, None, None),
        };
        let record = TableRecord {
            table: "events".to_owned(),
            part: String::new(),
            state: match (error, &lacking) {
                (Some(Error::Ask(jumpcloud::Error::NotLicensed(_))), _) => TableState::NotLicensed,
                (Some(Error::Ask(jumpcloud::Error::NotPermitted(_))), _) => TableState::NotPermitted,
                (Some(_), _) => TableState::Failed,
                (None, Some(_)) => TableState::Short,
                (None, None) => TableState::Complete,
            },
            reason: error.map(ToString::to_string).or(lacking),
            optional: false,
            told: None,
            read: tally.documents,
            new: tally.stored,
            changed: 0,
            gone: self.removed.events,
            unchanged: 0,
            duplicates: tally.duplicates,
            misfits: 0,
            quarantined: 0,
            held: tally.counted,
        };
        RunEnd { outcome, error_code: code.map(str::to_owned), error: said, help, tables: vec![record], calls, bytes }
    }
}

fn hour_of(work: &Work) -> Hour {
    Hour::from_number(work.hour())
}

/// What a task gave; one that panicked panics here.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The time of the oldest event that JumpCloud gives, in milliseconds since 1970: how far back it keeps them is found
/// out, because plans differ.
async fn oldest(client: &Client, now: Timestamp) -> Result<Option<i64>, Error> {
    let from = now.checked_sub(LONGEST_RETENTION).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut pages = client.events(EventQuery { page: 10, ..EventQuery::range(from, now) });
    let Some(page) = pages.next().await else { return Ok(None) };
    let page = page?;
    let mut mapper = Mapper::new();
    let range = from.as_millisecond()..=now.as_millisecond();
    let times = page.rows().filter_map(|row| mapper.read(row).facts().time_ms);
    let times: Vec<i64> = times.filter(|at| range.contains(at)).collect();
    // They are sorted by the time under which they are filed. One that tells a wrong time does not fit to its successor.
    let fits = |two: &[i64]| two[0] <= two[1] && two[1] - two[0] < ODD;
    let first = times.windows(2).find(|two| fits(two)).map(|two| two[0]);
    Ok(first.or_else(|| times.last().copied()))
}
