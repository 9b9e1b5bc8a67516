//! What every test of this binary starts from: a simulator on a free port, a store in a temporary folder, a collector
//! that shares the simulator's clock, and one connection for each organization. When a scenario ends, nobody may have
//! tried to write to JumpCloud, or to ask for what is never asked for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use collect::{Collector, Error, Listener, Settings, SyncOptions, SyncReport, silent};
use jumpcloud::{Credential, Limits};
use secrecy::SecretString;
use simulator::{Clock, Config, Effect, FaultRule, Id, Running, Simulator, World};
use store::{
    Cell, Connection, LeaseHolder, Location, MasterKey, Outcome, Query, Store, Stream, StreamKind, TableRecord,
};
use tokio_util::sync::CancellationToken;

use crate::clock::{Shared, TestClock};

/// One simulated JumpCloud, one store, one collector.
pub(crate) struct Scenario {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) simulator: Running,
    pub(crate) world: Arc<World>,
    pub(crate) collector: Collector,
    _folder: tempfile::TempDir,
    /// Some tests break in themselves.
    pub(crate) may_be_refused: bool,
}

/// The tables that most tests need, with every way of reading in them: lists, lists of each, rows made of others.
pub(crate) const CORE: &[&str] = &[
    "users",
    "devices",
    "device_contacts",
    "ip_addresses",
    "user_groups",
    "device_groups",
    "policy_groups",
    "group_members",
];

/// A small organization with something in every table.
pub(crate) fn small() -> Config {
    let mut config = Config::single(24, 20, 5, 4);
    config.seed = 7;
    config
}

/// Starts a scenario with the usual settings.
pub(crate) async fn scenario(config: Config) -> Scenario {
    scenario_with(config, Limits::default()).await
}

/// Starts a scenario with other limits for requests.
pub(crate) async fn scenario_with(config: Config, limits: Limits) -> Scenario {
    let clock = TestClock::new();
    let simulated = Clock::manual(Arc::clone(&clock.wall));
    let simulator = Simulator::start(config, simulated, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let world = simulator.world();
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(&clock, &folder, limits).await;
    let scenario = Scenario { clock, simulator, world, collector, _folder: folder, may_be_refused: false };
    for number in 0..scenario.world.organizations().len() {
        let key = scenario.world.credentials(number).read_only;
        let connection = scenario.connection(number, &Credential::api_key(&key).unwrap());
        scenario.add(&connection, &key).await;
    }
    scenario
}

/// How many minutes of a wait begin: each connection's turn comes a little earlier than after whole ones.
pub(crate) fn started_minutes(wait: jiff::SignedDuration) -> u64 {
    wait.as_secs().unsigned_abs().div_ceil(60)
}

/// A collector with a store of its own in `folder`.
pub(crate) async fn collector(clock: &Arc<TestClock>, folder: &tempfile::TempDir, limits: Limits) -> Collector {
    let tables: Vec<_> = collect::tables::ALL.iter().map(|collected| &collected.table).collect();
    let store = Store::open(&Location::File(folder.path().join("store.db")), &tables).await.unwrap();
    let key =
        MasterKey::find(&PathBuf::new(), |name| (name == "JUMPSEAT_MASTER_KEY").then(|| "5a".repeat(32))).unwrap();
    let settings = Settings { allow_loopback: true, limits, ..Settings::default() };
    let holder = LeaseHolder::this_process("test", "here");
    let clock = Arc::new(Shared(Arc::clone(clock)));
    Collector::new(store, Arc::new(key), clock, settings, holder, "here".to_owned())
}

/// A connection named after its number.
pub(crate) fn connection_to(url: &str, number: usize, credential: &Credential, now: jiff::Timestamp) -> Connection {
    let settings = Settings { allow_loopback: true, ..Settings::default() };
    let (kind, client_id) = match credential {
        Credential::ApiKey(_) => ("api_key", None),
        Credential::ServiceAccount { client_id, .. } => ("service_account", Some(client_id.clone())),
    };
    Connection {
        id: format!("connection-{number}"),
        name: format!("Connection {number}"),
        description: None,
        place: settings.place_of_urls(url, None).unwrap(),
        org_id: None,
        org_name: None,
        owner_name: None,
        owner_email: None,
        collector: None,
        enabled: true,
        credential_kind: kind.to_owned(),
        credential_last_four: credential.last_four(),
        credential_client_id: client_id,
        credential_added_at: now,
        credential_created_at: None,
        credential_expires_at: None,
        created_at: now,
    }
}

impl Scenario {
    /// A connection to an organization, not stored yet.
    pub(crate) fn connection(&self, number: usize, credential: &Credential) -> Connection {
        let mut connection = connection_to(&self.simulator.url(), number, credential, self.collector.clock.now());
        connection.org_id = Some(self.world.organizations()[number].id.to_string());
        connection
    }

    /// Stores a connection with an hourly inventory stream, and a stream of events that nothing starts by itself.
    pub(crate) async fn add(&self, connection: &Connection, secret: &str) {
        let now = Some(self.collector.clock.now());
        let streams = [(StreamKind::Inventory, "1h".to_owned(), now), (StreamKind::Events, "60s".to_owned(), None)];
        let secret = SecretString::from(secret.to_owned());
        self.collector.store.add_connection(connection, &secret, &self.collector.key, &streams).await.unwrap();
    }

    /// The connection to an organization as it is stored now.
    pub(crate) async fn stored(&self, number: usize) -> Connection {
        self.collector.store.find_connection(&format!("connection-{number}")).await.unwrap().unwrap()
    }

    /// The usual small scenario, of the usual tables.
    pub(crate) async fn core() -> Self {
        let mut scenario = scenario(small()).await;
        scenario.only(CORE);
        scenario
    }

    /// One table of many users: lists of several pages.
    pub(crate) async fn many_users() -> Self {
        let mut scenario = scenario(Config::single(250, 2, 2, 2)).await;
        scenario.only(&["users"]);
        scenario
    }

    /// Collects only these tables (and what they are read by must be among them).
    pub(crate) fn only(&mut self, names: &[&str]) {
        let chosen: Vec<_> =
            collect::tables::ALL.iter().copied().filter(|collected| names.contains(&collected.table.name)).collect();
        assert_eq!(chosen.len(), names.len(), "{names:?}");
        self.collector.tables = chosen.leak();
    }

    /// Syncs an organization.
    pub(crate) async fn try_sync(&self, number: usize) -> Result<SyncReport, Error> {
        self.sync_as(number, false, silent(), &CancellationToken::new()).await
    }

    /// Syncs an organization in a way.
    pub(crate) async fn sync_as(
        &self,
        number: usize,
        accept_shrink: bool,
        listener: Listener,
        cancel: &CancellationToken,
    ) -> Result<SyncReport, Error> {
        // A second later, so that no two snapshots have the same time.
        self.clock.pass(Duration::from_secs(1));
        let options = SyncOptions { started_by: "test".to_owned(), accept_shrink };
        self.collector.sync_inventory(&self.stored(number).await, &options, listener, cancel).await
    }

    /// Syncs the first organization; something is committed.
    pub(crate) async fn sync(&self) -> SyncReport {
        self.try_sync(0).await.unwrap()
    }

    /// Syncs the first organization; everything is read, and the store equals the oracle.
    pub(crate) async fn sync_completely(&self) -> SyncReport {
        let report = self.sync().await;
        assert_eq!(lacking(&report), [""; 0]);
        assert_eq!(report.outcome, Outcome::Succeeded);
        self.equals_oracle(0).await;
        report
    }

    /// Spoils answers of the first organization from now on.
    pub(crate) fn spoil(&self, endpoint: &str, effect: Effect) -> u64 {
        self.world.faults().add(FaultRule::new(effect).on(endpoint))
    }

    /// The rows of a table as they are stored, as the body of a V1 list with more rows behind.
    pub(crate) async fn as_list(&self, table: &str, more: &[String]) -> String {
        let mut rows = self.column(&format!("SELECT raw FROM {table}")).await;
        rows.extend_from_slice(more);
        format!("{{\"totalCount\":{},\"results\":[{}]}}", rows.len(), rows.join(","))
    }

    /// How many requests have been sent.
    pub(crate) fn asked(&self) -> u64 {
        self.world.requests().total
    }

    /// The inventory stream of a connection.
    pub(crate) async fn stream(&self, number: usize) -> Stream {
        self.stream_of(number, StreamKind::Inventory).await
    }

    /// A stream of a connection.
    pub(crate) async fn stream_of(&self, number: usize, kind: StreamKind) -> Stream {
        let id = format!("connection-{number}");
        let streams = self.collector.store.streams(Some(&id)).await.unwrap();
        streams.into_iter().find(|stream| stream.kind == kind).unwrap()
    }

    /// Answers a question about what is stored, each row as text.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let query = Query { sql: sql.to_owned(), ..Query::default() };
        let limits = store::Limits { rows: 10_000_000, ..store::Limits::default() };
        let answer = self.collector.store.query(&query, &limits).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        answer.rows.iter().map(|row| row.iter().map(word).collect()).collect()
    }

    /// The first column of an answer, sorted.
    pub(crate) async fn column(&self, sql: &str) -> Vec<String> {
        let mut column: Vec<String> = self.ask(sql).await.into_iter().map(|mut row| row.remove(0)).collect();
        column.sort();
        column
    }

    /// The ids that a table holds of the first organization.
    pub(crate) async fn ids(&self, table: &str) -> Vec<String> {
        let org_id = self.world.organizations()[0].id;
        self.column(&format!("SELECT id FROM {table} WHERE org_id = '{org_id}'")).await
    }

    /// Everything that can be seen of the usual tables, for comparing before and after.
    pub(crate) async fn visible(&self) -> Vec<Vec<Vec<String>>> {
        let mut seen = vec![self.ask("SELECT number, org_id, complete FROM snapshots ORDER BY number").await];
        for table in ["users", "devices", "ip_addresses", "user_groups", "group_members", "associations"] {
            if self.collector.tables.iter().any(|collected| collected.table.name == table) {
                seen.push(self.ask(&format!("SELECT org_id, id, raw FROM {table} ORDER BY org_id, id")).await);
            }
        }
        seen
    }

    /// The store holds exactly what the simulator knows of an organization.
    pub(crate) async fn equals_oracle(&self, number: usize) {
        crate::truth::compare(self, number).await;
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.world.writes_attempted(), 0);
        // Tables of System Insights that the simulator does not know are asked for nevertheless.
        let calls = self.world.forbidden_calls();
        let forbidden: BTreeSet<_> =
            calls.iter().map(|call| &call.path).filter(|path| !path.contains("/systeminsights/")).collect();
        assert!(forbidden.is_empty() || self.may_be_refused, "{forbidden:?}");
    }
}

fn word(cell: &Cell) -> String {
    match cell {
        Cell::Null(_) => "NULL".to_owned(),
        Cell::Text(text) => text.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Boolean(flag) => flag.to_string(),
        Cell::Bytes(bytes) => format!("{bytes:?}"),
    }
}

/// An answer of 200 with this text as JSON.
pub(crate) fn text(body: impl Into<String>) -> Effect {
    Effect::Text { body: body.into(), content_type: None }
}

/// What a sync lacks, in words.
pub(crate) fn lacking(report: &SyncReport) -> Vec<String> {
    report.tables.iter().filter_map(TableRecord::shortfall).collect()
}

/// What a sync read of the first source of a table.
pub(crate) fn record<'a>(report: &'a SyncReport, table: &str) -> &'a TableRecord {
    report.tables.iter().find(|record| record.table == table).unwrap()
}

/// How many rows a sync wrote: new, changed and gone ones.
pub(crate) fn written(report: &SyncReport) -> u64 {
    report.tables.iter().map(|record| record.new + record.changed + record.gone).sum()
}

/// What a sync read of one source of a table.
pub(crate) fn part<'a>(report: &'a SyncReport, table: &str, part: &str) -> &'a TableRecord {
    report.tables.iter().find(|record| record.table == table && record.part == part).unwrap()
}

/// Ids as sorted text.
pub(crate) fn texts(ids: &[Id]) -> Vec<String> {
    let mut texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}
