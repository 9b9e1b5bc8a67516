//! Events into SQLite with full durability, then the questions that are asked of them.
//!
//! `cargo bench -p store --bench events -- 1000000 10000000` writes up to each number of events in turn and asks after
//! each; with `JUMPSEAT_BENCH_POSTGRES=postgres://…` into an empty database there. The events lie as densely as ten millions in 90 days; the newest hour is written first, a page an hour, as a
//! backfill does. Only the store's work is timed, not the making of the events. `JUMPSEAT_BENCH_DIR` names the folder.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and a panic is the message")]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use store::events::{EventFilter, EventOrder, EventOutcome, EventPage, EventRow, EventWriter, Hour, Party};
use store::{LeaseHolder, Limits, Location, Query, Store};

const PER_HOUR: u64 = 4_630;
const ORG: &str = "64f0a1b2c3d4e5f607182930";
const NEWEST: i64 = 494_000;

/// A small generator of numbers: the benchmark must write the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// Few of many: low numbers come more often.
    fn skewed(&mut self, below: u64) -> u64 {
        self.roll(below).min(self.roll(below))
    }
}

/// An event with the texts that its row borrows.
struct Made {
    uid: [u8; 16],
    id: String,
    time_ms: i64,
    kind: usize,
    outcome: EventOutcome,
    user: Option<(String, String)>,
    administrator: Option<(String, String)>,
    device: Option<(String, String)>,
    application: Option<(String, String)>,
    ip: String,
    country: &'static str,
    raw: String,
}

/// Service, type, class, share in percent.
const KINDS: &[(&str, &str, u16, u64)] = &[
    ("directory", "user_login_attempt", 3002, 38),
    ("sso", "sso_auth", 3002, 20),
    ("systems", "login_attempt", 3002, 20),
    ("radius", "radius_auth_attempt", 3002, 6),
    ("ldap", "ldap_bind", 3002, 4),
    ("directory", "admin_login_attempt", 3002, 3),
    ("directory", "user_update", 3001, 6),
    ("directory", "association_change", 3006, 2),
    ("mdm", "mdm_command_result", 6003, 1),
];
const COUNTRIES: &[&str] = &["US", "DE", "GB", "IN", "FR", "BR"];

fn make(dice: &mut Dice, number: u64, hour: Hour, at: u64) -> Made {
    let mut left = dice.roll(100);
    let kind = KINDS
        .iter()
        .position(|kind| {
            let here = left < kind.3;
            left = left.wrapping_sub(kind.3);
            here
        })
        .unwrap_or(6);
    let (service, event_type, class, _) = KINDS[kind];
    let time_ms = hour.start_ms() + (at * 3_600_000 / PER_HOUR) as i64;
    let mut uid = [0; 16];
    uid[..8].copy_from_slice(&dice.roll(u64::MAX).to_le_bytes());
    uid[8..].copy_from_slice(&(number ^ dice.roll(u64::MAX)).to_le_bytes());
    let id = format!("{:08x}{:016x}", time_ms / 1000, dice.roll(u64::MAX));
    let ids =
        |what: u64, n: u64| format!("{:08x}{:016x}", 0x64f0_a1b2_u64 + what, n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let person = dice.skewed(5_000);
    let user = Some((ids(1, person), format!("first{}.last{person}", person % 300)));
    let is_admin = event_type.starts_with("admin") || class == 3001 || class == 3006;
    let administrator = is_admin.then(|| {
        let n = dice.skewed(20);
        (ids(2, n), format!("admin{n}@example.com"))
    });
    let user = if event_type.starts_with("admin") { None } else { user };
    let device = (service == "systems" || service == "mdm").then(|| (ids(3, person), format!("LAPTOP-{person:05}")));
    let application = (service == "sso").then(|| {
        let n = dice.skewed(80);
        (ids(4, n), format!("app {n}"))
    });
    // Most come from home or the office; some from anywhere.
    let ip = match dice.roll(10) {
        0 => format!("203.{}.{}.{}", dice.roll(4), dice.roll(256), dice.roll(256)),
        1..4 => format!("198.51.100.{}", dice.roll(30)),
        _ => format!("100.{}.{}.{}", 64 + person % 8, person / 8 % 256, person % 256),
    };
    let country = COUNTRIES[ip.len() % COUNTRIES.len()];
    let is_failure = dice.roll(100) < 7;
    let outcome = if is_failure { EventOutcome::Failure } else { EventOutcome::Success };
    let name = |of: &Option<(String, String)>| of.clone().unwrap_or_default();
    let (user_named, admin_named, device_named, app_named) =
        (name(&user), name(&administrator), name(&device), name(&application));
    let second = jiff::Timestamp::from_millisecond(time_ms).unwrap();
    let raw = format!(
        r#"{{"initiated_by":{{"id":"{}","type":"{}","username":"{}"}},"geoip":{{"country_code":"{country}","timezone":"America/Denver","latitude":{}.{:04},"continent_code":"NA","region_name":"Colorado","longitude":-{}.{:04},"region_code":"CO"}},"resource":{{"id":"{}","type":"{}","username":"{}","displayname":"{}"}},"useragent":{{"os":"Mac OS X","minor":"{}","os_minor":"15","os_major":"10","os_version":"10.15.7","version":"{}.0.0.0","os_patch":"7","patch":"0","os_full":"Mac OS X 10.15.7","major":"{}","name":"Chrome","os_name":"Mac OS X","device":"Mac"}},"auth_method":"password","mfa":{},"event_type":"{event_type}","provider":null,"service":"{service}","organization":"{ORG}","@version":"1","client_ip":"{ip}","id":"{id}","success":{},"mfa_meta":{{"type":"push"}},"error_message":"{}","system":{{"id":"{}","hostname":"{}"}},"application":{{"id":"{}","display_label":"{}"}},"timestamp":"{second}"}}"#,
        if is_admin { &admin_named.0 } else { &user_named.0 },
        if is_admin { "admin" } else { "user" },
        if is_admin { &admin_named.1 } else { &user_named.1 },
        30 + dice.roll(20),
        dice.roll(10_000),
        70 + dice.roll(40),
        dice.roll(10_000),
        user_named.0,
        "user",
        user_named.1,
        user_named.1,
        dice.roll(10),
        120 + dice.roll(8),
        120 + dice.roll(8),
        dice.roll(2) == 0,
        !is_failure,
        if is_failure { "invalid credentials" } else { "" },
        device_named.0,
        device_named.1,
        app_named.0,
        app_named.1,
    );
    Made { uid, id, time_ms, kind, outcome, user, administrator, device, application, ip, country, raw }
}

fn party(of: &Option<(String, String)>) -> Party<'_> {
    Party { id: of.as_ref().map(|of| of.0.as_str()), name: of.as_ref().map(|of| of.1.as_str()) }
}

impl Made {
    fn row(&self) -> EventRow<'_> {
        let (service, event_type, class_uid, _) = KINDS[self.kind];
        EventRow {
            id: Some(&self.id),
            time_ms: Some(self.time_ms),
            service: Some(service),
            event_type: Some(event_type),
            class_uid,
            activity_id: 1,
            activity_name: "Logon",
            severity_id: 1,
            is_mapped: true,
            outcome: self.outcome,
            mfa: Some(self.uid[0] & 1 == 0),
            user: party(&self.user),
            administrator: party(&self.administrator),
            device: party(&self.device),
            application: party(&self.application),
            src_ip: Some(&self.ip),
            country: Some(self.country),
            reason: (self.outcome == EventOutcome::Failure).then_some("invalid credentials"),
            ..EventRow::bare(self.uid, &self.raw)
        }
    }
}

struct Bench {
    store: Store,
    writer: EventWriter,
    dice: Dice,
    written: u64,
    hour: Hour,
    sample: (String, String),
    raw_bytes: u64,
}

impl Bench {
    /// Writes until so many events are stored; prints the rate of each million.
    async fn write(&mut self, until: u64) {
        let (mut spent, mut since) = (Duration::ZERO, self.written);
        while self.written < until {
            let events: Vec<Made> =
                (0..PER_HOUR).map(|at| make(&mut self.dice, self.written + at, self.hour, at)).collect();
            self.raw_bytes += events.iter().map(|event| event.raw.len() as u64).sum::<u64>();
            if let Some(event) = events.iter().find(|event| event.user.is_some()) {
                self.sample = (event.id.clone(), self.sample.1.clone());
            }
            let rows: Vec<EventRow<'_>> = events.iter().map(Made::row).collect();
            let page = EventPage {
                window: self.hour,
                rows: &rows,
                position: Some("[1767225600000,\"x\"]"),
                is_last: true,
                mapping: 1,
            };
            let begun = Instant::now();
            let written = self.writer.write_page(&page, self.hour.end()).await.unwrap();
            spent += begun.elapsed();
            assert_eq!(written.stored, PER_HOUR);
            self.written += PER_HOUR;
            self.hour = self.hour.previous();
            if self.written - since >= 1_000_000 || self.written >= until {
                let rate = (self.written - since) as f64 / spent.as_secs_f64();
                println!("  {:>11} events: {rate:>9.0} events/s", self.written);
                (spent, since) = (Duration::ZERO, self.written);
            }
        }
    }

    async fn ask(&self) {
        let to = Hour::from_number(NEWEST);
        let day = to.previous().start().to_string()[..10].to_owned();
        let user = "first7.last1507".to_owned();
        let of_user = EventFilter { user: Some(user), ..EventFilter::default() };
        let failed = format!(
            "SELECT user_name, COUNT(*) FROM logins WHERE outcome = 'failure' AND day = '{day}' GROUP BY user_name ORDER BY 2 DESC"
        );
        self.timed("failed logins by user in a day (sql)", 100, async || self.sql(&failed).await).await;
        let by_time = failed.replace(&format!("day = '{day}'"), &format!("time >= '{day}' AND time < '{day}Z'"));
        self.timed("the same by a span of time", 100, async || self.sql(&by_time).await).await;
        self.timed("newest 100 events of one user", 100, async || {
            self.store.search_events(&of_user, None, 100, false).await.unwrap().events.len()
        })
        .await;
        self.timed("the same with their texts", 0, async || {
            self.store.search_events(&of_user, None, 100, true).await.unwrap().events.len()
        })
        .await;
        self.timed("one event by id, with its text", 100, async || {
            self.store.events_by_id(&self.sample.0, &[]).await.unwrap().len()
        })
        .await;
        self.timed("counts by class and day over 90 days", 100, async || {
            let mut by_class = std::collections::BTreeMap::new();
            for count in self.store.event_counts(ORG, Hour::from_number(NEWEST - 2_160), to.next(), true).await.unwrap()
            {
                *by_class.entry((count.from, count.class_uid)).or_insert(0) += count.events;
            }
            by_class.len()
        })
        .await;
        self.timed("the same in sql", 0, async || {
            self.sql("SELECT day, class_uid, SUM(events) FROM event_counts GROUP BY day, class_uid").await
        })
        .await;
        self.timed("all events of one user in 90 days", 1_000, async || self.export(&of_user).await).await;
        let failures = EventFilter {
            outcomes: vec![EventOutcome::Failure],
            types: vec!["ldap_bind".to_owned()],
            ..EventFilter::default()
        };
        self.timed("newest 100 failed binds", 0, async || {
            self.store.search_events(&failures, None, 100, false).await.unwrap().events.len()
        })
        .await;
        self.timed("last sign-in of every user (sql over activity)", 0, async || {
            self.sql("SELECT id, MAX(last_sign_in_at) FROM activity WHERE role = 'user' GROUP BY id").await
        })
        .await;
        self.timed("full scan by sql", 15_000, async || {
            self.sql("SELECT outcome, COUNT(*) FROM events GROUP BY outcome").await
        })
        .await;
    }

    async fn sql(&self, sql: &str) -> usize {
        let query = Query { sql: sql.to_owned(), ..Query::default() };
        let limits = Limits { time: Duration::from_secs(120), ..Limits::default() };
        self.store.query(&query, &limits).await.unwrap().rows.len()
    }

    async fn export(&self, filter: &EventFilter) -> usize {
        let count =
            self.store.export_events(filter, EventOrder::NewestFirst, false, |_| ControlFlow::Continue(())).await;
        usize::try_from(count.unwrap()).unwrap()
    }

    /// The median of five, or of three if it takes long. `bar` is in milliseconds; 0 is none.
    async fn timed(&self, what: &str, bar: u128, ask: impl AsyncFn() -> usize) {
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..5 {
            let begun = Instant::now();
            rows = ask().await;
            times.push(begun.elapsed());
            if times.len() == 3 && times.iter().sum::<Duration>() > Duration::from_secs(6) {
                break;
            }
        }
        times.sort_unstable();
        let median = times[times.len() / 2];
        let verdict = match bar {
            0 => String::new(),
            bar if median.as_millis() < bar => format!("under {bar}"),
            bar => format!("NOT under {bar}"),
        };
        println!("  {what:<48} {:>9.1} ms  {rows:>7} rows  {verdict}", median.as_secs_f64() * 1e3);
    }
}

fn size_of(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let steps: Vec<u64> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let steps = if steps.is_empty() { vec![1_000_000] } else { steps };
    let parent = std::env::var_os("JUMPSEAT_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let postgres = std::env::var("JUMPSEAT_BENCH_POSTGRES").ok();
    let location = match &postgres {
        Some(url) => Location::Postgres(url.clone()),
        None => Location::File(folder.path().join("jumpseat.db")),
    };
    let mut store = Store::open(&location, &[]).await.unwrap();
    let now = Hour::from_number(NEWEST).end();
    let holder = LeaseHolder::this_process("bench", "here");
    let lease = store.take_lease("events", "bench", &holder, now).await.unwrap();
    let mut hour = Hour::from_number(NEWEST);
    let (mut dice, mut written, mut raw_bytes) = (Dice(1), 0, 0);
    for until in steps {
        let writer = store.event_writer(ORG, &lease, now).await.unwrap();
        let mut bench = Bench { store, writer, dice, written, hour, sample: Default::default(), raw_bytes };
        println!("up to {until} events");
        bench.write(until).await;
        (written, hour, raw_bytes) = (bench.written, bench.hour, bench.raw_bytes);
        bench.store.close().await;
        if postgres.is_none() {
            println!(
                "  {:.1} bytes an event in all, of {:.0} received",
                size_of(folder.path()) as f64 / written as f64,
                raw_bytes as f64 / written as f64
            );
        }
        bench.store = Store::open(&location, &[]).await.unwrap();
        bench.ask().await;
        (store, dice) = (bench.store, bench.dice);
    }
    store.close().await;
}
