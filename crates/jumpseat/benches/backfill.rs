//! How fast, and in how much memory, the events of an organization are collected from the beginning.
//!
//! `cargo bench -p jumpseat --bench backfill -- [EVENTS]` backfills so many events (10,000,000 if none is said) at 0 ms and at
//! 50 ms latency, as densely as ten millions in 90 days, and prints a Markdown table. Beside it stands what a reader needs that
//! asks the same and keeps nothing. Simulator, reader and sync are processes of their own, so that each one's memory is its own.
//! `JUMPSEAT_BENCH_DIR` names the folder of the database.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use collect::events::EventOptions;
use collect::{Collector, Settings, secret_of, silent};
use futures::StreamExt as _;
use jumpcloud::{Client, ClientConfig, Credential, EventQuery, Hosts, SystemClock};
use serde_json::{Value, json};
use simulator::{Clock, Config, EventSpec, Oddities, Simulator};
use store::events::Hour;
use store::{Connection, LeaseHolder, Location, MasterKey, Store, StreamKind};
use tokio_util::sync::CancellationToken;

/// The program's own allocator, so that the measured process is the one that users run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// Ten millions in 90 days.
const PER_HOUR: u64 = 4_630;
/// Hours that a sync asks for at the same time.
const AT_ONCE: usize = 4;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("as-simulator") => be_simulator(&args[1..]),
        Some("as-reader") => be_reader(&args[1..]),
        Some("as-sync") => be_sync(&args[1..]),
        Some("--test") => Ok(()),
        _ => measure(args.first().map_or(Ok(10_000_000), |text| text.parse())?),
    }
}

/// The simulator as a process: prints where it is, and lives until its standard input ends.
#[tokio::main]
async fn be_simulator(args: &[String]) -> Result<(), Failure> {
    let mut config = Config::single(2_000, 1_500, 20, 20);
    config.organizations[0].oddities = Oddities::clean();
    config.organizations[0].events = EventSpec { retention_days: 200, ..EventSpec::steady(PER_HOUR) };
    let running = Simulator::start(config, Clock::system(), ([127, 0, 0, 1], 0).into()).await?;
    let world = running.world();
    world.faults().set_latency(Duration::from_millis(args[0].parse()?));
    say(&json!({
        "url": running.url(), "key": world.credentials(0).read_only, "org_id": world.organizations()[0].id.to_string(),
    }))?;
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

/// Asks what a sync asks, and keeps nothing.
#[tokio::main]
async fn be_reader(args: &[String]) -> Result<(), Failure> {
    let [url, key, org_id, hours] = args else { return Err("as-reader URL KEY ORG HOURS".into()) };
    let mut config = ClientConfig::new(Hosts::custom(url, url, true)?, Credential::api_key(key)?);
    config.org_id = Some(org_id.clone());
    let client = Client::new(config)?;
    let newest = Hour::of(jiff::Timestamp::now()).previous().number();
    let begun = Instant::now();
    let mut reads = futures::stream::iter(0..hours.parse::<i64>()?)
        .map(|back| {
            let client = client.clone();
            tokio::spawn(async move {
                let hour = Hour::from_number(newest - back);
                let query = EventQuery::range(hour.start(), hour.end());
                let mut pages = client.events(query.clone());
                let mut events = 0;
                while let Some(page) = pages.next().await {
                    events += page?.len() as u64;
                }
                assert_eq!(client.count_events(&query).await?, events);
                Ok::<u64, jumpcloud::Error>(events)
            })
        })
        .buffered(AT_ONCE);
    let mut events = 0;
    while let Some(read) = reads.next().await {
        events += read??;
    }
    say(&json!({ "seconds": begun.elapsed().as_secs_f64(), "events": events, "peak_mib": peak_memory_mib() }))?;
    Ok(())
}

/// One sync of the events as a process.
#[tokio::main]
async fn be_sync(args: &[String]) -> Result<(), Failure> {
    let [url, key, org_id, hours, folder] = args else { return Err("as-sync URL KEY ORG HOURS FOLDER".into()) };
    let folder = Path::new(folder);
    let store = Store::open(&Location::File(folder.join("jumpseat.db")), &[]).await?;
    let master = Arc::new(MasterKey::find(&folder.join("master.key"), |_| None)?);
    let holder = LeaseHolder::this_process("benchmark", "this machine");
    let settings = Settings { allow_loopback: true, ..Settings::default() };
    let collector = Collector::new(store, master, Arc::new(SystemClock), settings, holder, "benchmark".to_owned());
    let connection = connection(&collector, url, key, org_id).await?;
    let since = Hour::from_number(Hour::of(jiff::Timestamp::now()).number() - hours.parse::<i64>()?);
    let options = EventOptions { since: Some(since.start()), ..EventOptions::by("benchmark") };
    let begun = Instant::now();
    let report = collector.sync_events(&connection, &options, silent(), &CancellationToken::new()).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let held = collector.store.events_held(org_id).await?;
    collector.store.close().await;
    say(&json!({
        "seconds": seconds, "outcome": report.outcome.word(), "events": report.new, "held": held.events,
        "sealed": report.sealed, "requests": report.calls.iter().map(|call| call.calls).sum::<u64>(),
        "peak_mib": peak_memory_mib(),
        "bytes": std::fs::metadata(folder.join("jumpseat.db"))?.len(),
    }))?;
    Ok(())
}

async fn connection(collector: &Collector, url: &str, key: &str, org_id: &str) -> Result<Connection, Failure> {
    let credential = Credential::api_key(key)?;
    let now = jiff::Timestamp::now();
    let connection = Connection {
        id: uuid::Uuid::now_v7().to_string(),
        name: "benchmark".to_owned(),
        description: None,
        place: collector.settings.place_of_urls(url, None)?,
        org_id: Some(org_id.to_owned()),
        org_name: None,
        owner_name: None,
        owner_email: None,
        collector: None,
        enabled: true,
        credential_kind: "api_key".to_owned(),
        credential_last_four: credential.last_four(),
        credential_client_id: None,
        credential_added_at: now,
        credential_created_at: None,
        credential_expires_at: None,
        created_at: now,
    };
    let streams = [(StreamKind::Events, "60s".to_owned(), None)];
    collector.store.add_connection(&connection, &secret_of(&credential), &collector.key, &streams).await?;
    Ok(connection)
}

fn measure(events: u64) -> Result<(), Failure> {
    let hours = events.div_ceil(PER_HOUR).to_string();
    let parent = std::env::var_os("JUMPSEAT_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    println!("| backfill of {events} events | measured | bar | |\n|---|---|---|---|");
    for latency in [0_u64, 50] {
        let simulator = Simulated::start(latency)?;
        let folder = tempfile::tempdir_in(&parent)?;
        let at = [simulator.text("url"), simulator.text("key"), simulator.text("org_id"), &hours];
        let read = own("as-reader", &at, None)?;
        let sync = own("as-sync", &at, Some(folder.path()))?;
        let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or(f64::NAN);
        let (seconds, peak) = (number(&sync, "seconds"), number(&sync, "peak_mib"));
        let rate = |value: &Value| number(value, "events") / number(value, "seconds");
        println!(
            "| {latency} ms: stored and proven | {:.0} events, {} hours sealed, {} requests, {seconds:.1} s, {:.0} events/s, {:.0} bytes an event | all of them | {} |",
            number(&sync, "events"),
            sync["sealed"],
            sync["requests"],
            rate(&sync),
            number(&sync, "bytes") / number(&sync, "held"),
            verdict(sync["outcome"] == "succeeded" && sync["events"] == sync["held"]),
        );
        println!(
            "| {latency} ms: a reader that keeps nothing | {:.1} s, {:.0} events/s; the sync takes {:.2} x as long | | |",
            number(&read, "seconds"),
            rate(&read),
            seconds / number(&read, "seconds"),
        );
        if latency > 0 {
            let bound = number(&sync, "requests") * latency as f64 / 1000.0 / AT_ONCE as f64;
            println!(
                "| {latency} ms: against requests x latency / {AT_ONCE} | {:.2} x ({bound:.1} s) | 1.3 x | {} |",
                seconds / bound,
                verdict(seconds <= bound * 1.3),
            );
        }
        println!("| {latency} ms: memory | {peak:.0} MiB | 300 MiB | {} |", verdict(peak < 300.0));
        eprintln!("{read}\n{sync}");
    }
    Ok(())
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**not met**" }
}

/// A simulator process.
struct Simulated {
    child: Child,
    input: Option<ChildStdin>,
    about: Value,
}

impl Simulated {
    fn start(latency: u64) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["as-simulator", &latency.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { input: child.stdin.take(), child, about: serde_json::from_str(&line)? })
    }

    fn text(&self, name: &str) -> &str {
        self.about[name].as_str().unwrap_or_default()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs this program in another role; its last line is the answer.
fn own(role: &str, args: &[&str], folder: Option<&Path>) -> Result<Value, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg(role).args(args).args(folder).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{role} ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.lines().last().unwrap_or_default())?)
}

/// The most memory that this process has had, in MiB.
fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn say(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}").and_then(|()| out.flush())
}
