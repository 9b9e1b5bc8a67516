//! One sync of one connection, from the lease to the last line of its history.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jumpcloud::{Client, Clock};
use store::{
    Action, CallRecord, Connection, Lease, LeaseHolder, MasterKey, Outcome, RunEnd, Store, StreamKind, StreamState,
    TableRecord, stream_lease,
};
use tokio_util::sync::CancellationToken;

use crate::client::{Settings, administrator, credential_of, meant, organizations_seen_by};
use crate::error::Error;
use crate::progress::{Listener, Progress};
use crate::schedule::{Schedule, retry_after};
use crate::snapshot::{Plan, read_all};
use crate::tables::{self, Collected};

/// How often a running sync shows that it is alive, in seconds.
const HEARTBEAT: u64 = 15;

/// One process that syncs.
#[derive(Clone)]
pub struct Collector {
    /// What is remembered.
    pub store: Store,
    /// Opens the credentials.
    pub key: Arc<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Settings for all connections.
    pub settings: Settings,
    /// This process, for leases.
    pub holder: LeaseHolder,
    /// This collector's name: connections may be pinned to it.
    pub name: String,
    /// What is collected.
    pub tables: &'static [&'static Collected],
    /// What follows after each snapshot of an organization, and after its first events.
    pub after_sync: Option<AfterSync>,
}

/// Does something with an organization after what was collected of it was committed, given the organization's id. It tells
/// its own failures: the sync has succeeded.
pub type AfterSync = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a sync is done.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// The person, or `system` for the schedule.
    pub started_by: String,
    /// Believe at once that many rows are gone.
    pub accept_shrink: bool,
}

/// What a sync did.
#[derive(Debug, Clone)]
pub struct SyncReport {
    /// Its number in the history.
    pub run: i64,
    /// The organization.
    pub org_id: String,
    /// How it ended: succeeded or incomplete.
    pub outcome: Outcome,
    /// What was read of each table.
    pub tables: Vec<TableRecord>,
    /// What was asked.
    pub calls: Vec<CallRecord>,
    /// How long it took.
    pub took: SignedDuration,
}

/// Tells whether a run of this action by this collector is allowed and what it is called.
impl Collector {
    /// A collector of this process with the usual tables.
    pub fn new(
        store: Store,
        key: Arc<MasterKey>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        holder: LeaseHolder,
        name: String,
    ) -> Self {
        Self { store, key, clock, settings, holder, name, tables: tables::ALL, after_sync: None }
    }

    /// Syncs the inventory of a connection now. The run, its end and the next time are written down whatever happens.
    ///
    /// # Errors
    /// Nothing was kept of the sync; the error says why.
    pub async fn sync_inventory(
        &self,
        connection: &Connection,
        options: &SyncOptions,
        listener: Listener,
        cancel: &CancellationToken,
    ) -> Result<SyncReport, Error> {
        if let Some(pinned) = connection.collector.as_ref().filter(|pinned| **pinned != self.name) {
            return Err(Error::Pinned(pinned.clone()));
        }
        let started = self.clock.now();
        let (lease, run) = match self.begin(connection, options, started).await {
            Ok(begun) => begun,
            Err(error) => {
                return Err(self
                    .not_begun(connection, StreamKind::Inventory, &options.started_by, started, error)
                    .await);
            }
        };
        let mut clients = Clients::default();
        let result = match self.run(connection, options, &listener, cancel, run, &lease, &mut clients).await {
            Err(error) => Err(self.reason(connection, error).await),
            read => read,
        };
        let (calls, bytes) = (clients.calls(), clients.bytes());
        let ended = self.clock.now();
        let (end, report) = match result {
            Ok((org_id, tables)) => {
                let outcome = if tables.iter().any(|table| table.shortfall().is_some()) {
                    Outcome::Incomplete
                } else {
                    Outcome::Succeeded
                };
                let lacking: Vec<String> = tables.iter().filter_map(TableRecord::shortfall).collect();
                let end = RunEnd {
                    outcome,
                    error_code: (!lacking.is_empty()).then(|| "incomplete".to_owned()),
                    error: (!lacking.is_empty()).then(|| lacking.join("; ")),
                    help: (!lacking.is_empty()).then(|| "The rows of these tables are kept as they were. `jumpseat history` shows each; `jumpseat connection test` says which permission or licence is missing.".to_owned()),
                    tables: tables.clone(),
                    calls: calls.clone(),
                    bytes,
                };
                let took = ended.duration_since(started);
                (end, Ok(SyncReport { run, org_id, outcome, tables, calls, took }))
            }
            Err(error) => (end_by(&error, calls, bytes), Err(error)),
        };
        let error = report.as_ref().err();
        let noting = async {
            let noted = self.note_end(connection, run, &end, error, started, ended).await;
            noted.and(self.store.release_lease(lease).await.map_err(Error::from))
        };
        let noted = self.written_down(error, noting).await;
        // What ended the sync is the news; that it could not be written down either follows from it.
        let report = report?;
        noted?;
        if let Some(after) = &self.after_sync {
            listener(Progress::Stage("checking".to_owned()));
            after(report.org_id.clone()).await;
        }
        Ok(report)
    }

    /// Takes the lease and writes the first line of the history.
    async fn begin(
        &self,
        connection: &Connection,
        options: &SyncOptions,
        started: Timestamp,
    ) -> Result<(Lease, i64), Error> {
        // Two connections to one organization share its snapshots, so they share the lease as well.
        let work = connection.org_id.as_deref().unwrap_or(&connection.id);
        let what = format!("the inventory sync of {}", connection.name);
        let lease =
            self.store.take_lease(&stream_lease(StreamKind::Inventory, work), &what, &self.holder, started).await?;
        let run =
            self.store.start_run(connection, Action::Sync, &options.started_by, &self.holder.words, started).await?;
        self.store.end_interrupted_runs(&connection.id, Action::Sync, run, started).await?;
        Ok((lease, run))
    }

    /// Writes down how a run has ended, on a full disk as well.
    pub(crate) async fn written_down<T>(&self, error: Option<&Error>, noting: impl Future<Output = T>) -> T {
        let is_of_full_disk = matches!(error, Some(Error::Store(store::Error::Full(_))));
        if is_of_full_disk { self.store.in_reserve(noting).await } else { noting.await }
    }

    /// Why a run could not even begin. That the disk is full is written down; what else the store refuses is told only.
    pub(crate) async fn not_begun(
        &self,
        connection: &Connection,
        kind: StreamKind,
        started_by: &str,
        started: Timestamp,
        error: Error,
    ) -> Error {
        if !matches!(error, Error::Store(store::Error::Full(_))) {
            return error;
        }
        let noting = async {
            let (end, ended) = (end_by(&error, Vec::new(), 0), self.clock.now());
            let action = if kind == StreamKind::Events { Action::Events } else { Action::Sync };
            let run = self.store.start_run(connection, action, started_by, &self.holder.words, started).await?;
            self.store.finish_run(run, &end, ended).await?;
            self.note_stream(connection, kind, &end, Some(&error), started, ended, false).await
        };
        if let Err(error) = self.written_down(Some(&error), noting).await {
            tracing::debug!(%error, "that the disk is full could not be written down");
        }
        error
    }

    /// Writes the last line of the history, and how the stream stands.
    async fn note_end(
        &self,
        connection: &Connection,
        run: i64,
        end: &RunEnd,
        error: Option<&Error>,
        started: Timestamp,
        ended: Timestamp,
    ) -> Result<(), Error> {
        self.store.finish_run(run, end, ended).await?;
        if matches!(error, Some(Error::Store(store::Error::LeaseLost))) {
            // Whoever took over the lease tells how the stream stands.
            return Ok(());
        }
        self.note_stream(connection, StreamKind::Inventory, end, error, started, ended, false).await
    }

    /// The work between the first and the last line of the history.
    #[expect(clippy::too_many_arguments, reason = "one run's description; a struct would only be taken apart again")]
    async fn run(
        &self,
        connection: &Connection,
        options: &SyncOptions,
        listener: &Listener,
        cancel: &CancellationToken,
        run: i64,
        lease: &Lease,
        clients: &mut Clients,
    ) -> Result<Read, Error> {
        listener(Progress::Stage("connecting".to_owned()));
        let (client, org_id) = self.open(connection, &options.started_by, cancel, clients).await?;
        if connection.org_id.is_some() {
            return self.read(&client, org_id, connection, options, listener, cancel, run, lease).await;
        }
        // The organization was not known when the first lease was taken: another connection may be syncing it.
        let what = format!("the inventory sync of {}", connection.name);
        let second = self
            .store
            .take_lease(&stream_lease(StreamKind::Inventory, &org_id), &what, &self.holder, self.clock.now())
            .await?;
        let read = self.read(&client, org_id, connection, options, listener, cancel, run, &second).await;
        self.store.release_lease(second).await?;
        read
    }

    /// Reads the organization into one snapshot and commits it, or undoes it.
    #[expect(clippy::too_many_arguments, reason = "one run's description; a struct would only be taken apart again")]
    async fn read(
        &self,
        client: &Client,
        org_id: String,
        connection: &Connection,
        options: &SyncOptions,
        listener: &Listener,
        cancel: &CancellationToken,
        run: i64,
        lease: &Lease,
    ) -> Result<Read, Error> {
        let writer = self.store.begin_snapshot(&org_id, &connection.id, run, lease, self.clock.now()).await?;
        listener(Progress::Stage("reading".to_owned()));
        self.store.set_stage(run, "reading").await?;
        let plan = Plan {
            client: client.clone(),
            clock: Arc::clone(&self.clock),
            org_id: org_id.clone(),
            tables: self.tables,
            listener: Arc::clone(listener),
            accept_shrink: options.accept_shrink,
        };
        let number = writer.number;
        let cancel = cancel.child_token();
        let outcome = tokio::select! {
            read = read_all(plan, writer) => Some(read),
            () = cancel.cancelled() => None,
            error = self.heartbeat(lease, client, listener, &cancel) => return Err(error),
        };
        let (writer, records) = match outcome {
            Some((writer, Ok(records))) => (writer, records),
            Some((writer, Err(error))) => {
                // A store that has failed, or a lease that is lost, can not be tidied now: the next run does it.
                let _ = writer.undo().await;
                return Err(error);
            }
            None => {
                tracing::info!(run, number, "sync cancelled; its rows are removed");
                self.store.undo_open_snapshots(&org_id, lease).await?;
                return Err(Error::Cancelled);
            }
        };
        listener(Progress::Stage("committing".to_owned()));
        writer.commit(&records, self.clock.now()).await?;
        Ok((org_id, records))
    }

    /// Opens the credential, makes the client and finds out which organization is meant. Clients that ask something are noted
    /// in `clients` before they do.
    pub(crate) async fn open(
        &self,
        connection: &Connection,
        started_by: &str,
        cancel: &CancellationToken,
        clients: &mut Clients,
    ) -> Result<(Client, String), Error> {
        let settings = self.settings.for_run_by(started_by);
        let secret = self.store.open_credential(connection, &self.key).await?;
        let credential = credential_of(connection, &secret)?;
        let first = settings.client(
            &connection.place,
            credential.clone(),
            connection.org_id.as_deref(),
            Arc::clone(&self.clock),
        )?;
        clients.add(&first);
        let seen = tokio::select! {
            seen = organizations_seen_by(&first) => seen?,
            () = cancel.cancelled() => return Err(Error::Cancelled),
        };
        let organization = meant(connection, &seen)?;
        let known_before = connection.org_id.as_deref() == Some(organization.id.as_str());
        let client = if known_before {
            first
        } else {
            let second =
                settings.client(&connection.place, credential, Some(&organization.id), Arc::clone(&self.clock))?;
            clients.add(&second);
            second
        };
        let administrator = match administrator(&client).await {
            Ok(administrator) => administrator.unwrap_or_default(),
            // What it would tell (the key's expiry) is no reason to give up the sync.
            Err(Error::Ask(error)) if !matches!(error, jumpcloud::Error::KeyRejected(_)) => Default::default(),
            Err(error) => return Err(error),
        };
        let name = (!organization.name.is_empty()).then_some(organization.name);
        let dates = |connection: &Connection| (connection.credential_created_at, connection.credential_expires_at);
        // Where it is not told when the key was made, nothing is told of its end either.
        let told = match administrator.key_created_at {
            Some(_) => (administrator.key_created_at, administrator.key_expires_at),
            None => {
                (connection.credential_created_at, administrator.key_expires_at.or(connection.credential_expires_at))
            }
        };
        if !known_before || connection.org_name != name || dates(connection) != told {
            // A person may have changed the connection since it was read, also to another organization.
            let now = self.store.find_connection(&connection.id).await?;
            if let Some(mut learned) = now.filter(|now| now.org_id == connection.org_id) {
                learned.org_id = Some(organization.id.clone());
                learned.org_name = name.or(learned.org_name);
                (learned.credential_created_at, learned.credential_expires_at) = told;
                self.store.update_connection(&learned, self.clock.now()).await?;
            }
        }
        Ok((client, organization.id))
    }

    /// Why a run has ended: what the store refuses to a connection that is gone, it refuses because that was removed.
    pub(crate) async fn reason(&self, connection: &Connection, error: Error) -> Error {
        let is_gone =
            matches!(error, Error::Store(_)) && matches!(self.store.find_connection(&connection.id).await, Ok(None));
        if is_gone { Error::Removed(connection.name.clone()) } else { error }
    }

    /// Keeps the lease alive, cancels when somebody wants the sync to stop, and tells when a rate limit holds it back;
    /// ends only when the lease is lost.
    pub(crate) async fn heartbeat(
        &self,
        lease: &Lease,
        client: &Client,
        listener: &Listener,
        cancel: &CancellationToken,
    ) -> Error {
        for second in 1_u64.. {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Some(until) = client.waiting() {
                listener(Progress::Waiting(until));
            }
            match self.store.is_asked_to_stop(lease).await {
                Ok(true) => cancel.cancel(),
                Err(error @ store::Error::LeaseLost) => return error.into(),
                // A store that does not answer now may answer the next time.
                Ok(false) | Err(_) => {}
            }
            if !second.is_multiple_of(HEARTBEAT) {
                continue;
            }
            match self.store.keep_lease(lease, self.clock.now()).await {
                Ok(()) => {}
                Err(error @ store::Error::LeaseLost) => return error.into(),
                // A store that does not answer now may answer the next time; the writes will tell.
                Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
            }
        }
        Error::Cancelled
    }

    /// Writes down how a stream stands, and when it runs next: at once, if it `has_more` to do.
    #[expect(clippy::too_many_arguments, reason = "one run's end; a struct would only be taken apart again")]
    pub(crate) async fn note_stream(
        &self,
        connection: &Connection,
        kind: StreamKind,
        end: &RunEnd,
        error: Option<&Error>,
        started: Timestamp,
        ended: Timestamp,
        has_more: bool,
    ) -> Result<(), Error> {
        let is_of_another = |now: &Connection| now.org_id != connection.org_id && connection.org_id.is_some();
        if self.store.find_connection(&connection.id).await?.is_some_and(|now| is_of_another(&now)) {
            // A person has chosen another organization meanwhile, of which this run says nothing.
            return Ok(());
        }
        let streams = self.store.streams(Some(&connection.id)).await?;
        let Some(stream) = streams.into_iter().find(|stream| stream.kind == kind) else {
            return Ok(());
        };
        let before = stream.state;
        let failed = end.outcome == Outcome::Failed;
        let cancelled = end.outcome == Outcome::Cancelled;
        let failures = if failed {
            before.failures + 1
        } else if cancelled {
            before.failures
        } else {
            0
        };
        let state = StreamState {
            last_started_at: Some(started),
            last_outcome: Some(end.outcome),
            last_success_at: if failed || cancelled { before.last_success_at } else { Some(ended) },
            failing_since: if failed {
                before.failing_since.or(Some(started))
            } else if cancelled {
                before.failing_since
            } else {
                None
            },
            failures,
            failure_code: if cancelled { before.failure_code } else { end.error_code.clone() },
            failure: if cancelled { before.failure } else { end.error.clone() },
            failure_help: if cancelled { before.failure_help } else { end.help.clone() },
        };
        let next = match stream.schedule.parse::<Schedule>() {
            Ok(_) if has_more => Some(ended),
            Ok(schedule) if failed => {
                let wait = retry_after(failures, error, schedule.interval(ended), &connection.id);
                ended.checked_add(wait).ok()
            }
            Ok(schedule) => schedule.next_of(&connection.id, started, ended),
            Err(_) => None,
        };
        self.store.set_stream_state(&connection.id, kind, &state, next).await?;
        Ok(())
    }
}

/// The end of a run that an error has ended.
fn end_by(error: &Error, calls: Vec<CallRecord>, bytes: u64) -> RunEnd {
    let was_stopped = matches!(error, Error::Cancelled | Error::Removed(_));
    RunEnd {
        outcome: if was_stopped { Outcome::Cancelled } else { Outcome::Failed },
        error_code: Some(error.code().to_owned()),
        error: Some(error.to_string()),
        help: Some(error.help()),
        tables: Vec::new(),
        calls,
        bytes,
    }
}

/// Organization, and what was read of each table.
type Read = (String, Vec<TableRecord>);

/// The clients of one run, of which there are two where the organization had to be found out: what they asked is told
/// together, also when the first request has failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// Notes another one.
    pub(crate) fn add(&mut self, client: &Client) {
        self.0.push(client.clone());
    }

    /// What was asked, by endpoint.
    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        let mut calls: Vec<CallRecord> = Vec::new();
        for count in self.0.iter().flat_map(Client::calls) {
            match calls.iter_mut().find(|known| known.endpoint == count.endpoint) {
                Some(known) => {
                    known.calls += count.calls;
                    known.retries += count.retries;
                    known.rate_limited += count.rate_limited;
                    known.last_status = count.last_status;
                }
                None => calls.push(CallRecord {
                    endpoint: count.endpoint.to_owned(),
                    calls: count.calls,
                    retries: count.retries,
                    rate_limited: count.rate_limited,
                    last_status: count.last_status,
                }),
            }
        }
        calls
    }

    /// Bytes received.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().flat_map(Client::calls).map(|count| count.bytes).sum()
    }
}
