//! How fast the inventory is collected and asked, against the bounds of the network and what a user would write today.
//!
//! `cargo bench -p jumpseat --bench inventory -- [users] [full] [memory] [asking] [peers]` runs the named parts (all, if none
//! is named) and prints a Markdown table with ratios. `--scale N` divides every size by N for a quick look.
//! Simulator, sync and peers are processes of their own, so that each one's memory and time are its own.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use collect::{Collector, Settings, SyncOptions, secret_of, silent, tables};
use jumpcloud::{Credential, SystemClock};
use serde_json::{Value, json};
use simulator::{Clock, Config, Simulator};
use store::schema::Reader;
use store::{Connection, LeaseHolder, Location, Marks, MasterKey, NewRow, Store, StreamKind};
use tokio_util::sync::CancellationToken;

/// The program's own allocator, so that the measured process is the one that users run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// Requests in flight, the product's default.
const IN_FLIGHT: f64 = 10.0;

fn main() -> Result<(), Failure> {
    // `cargo bench` adds `--bench`; `cargo test --benches` adds other flags and must not start a benchmark.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("as-simulator") => be_simulator(&args[1..]),
        Some("as-sync") => be_sync(&args[1..]),
        Some("as-years") => be_years(&args[1..]),
        // The part `asking` alone, over a database that `as-sync` and `as-years` have made.
        Some("as-asker") => {
            let mut report = Report(Vec::new());
            ask(Path::new(args.get(1).ok_or("as-asker FOLDER")?), &mut report)?;
            report.print();
            Ok(())
        }
        Some("--test") => Ok(()),
        _ => measure(&args),
    }
}

/// The simulator as a process: prints where it is, then obeys lines on standard input until they end.
#[tokio::main]
async fn be_simulator(args: &[String]) -> Result<(), Failure> {
    let number = |at: usize| args[at].parse::<usize>();
    let config = Config::single(number(0)?, number(1)?, number(2)?, number(2)?);
    let running = Simulator::start(config, Clock::system(), ([127, 0, 0, 1], 0).into()).await?;
    let world = running.world();
    world.faults().set_latency(Duration::from_millis(number(3)? as u64));
    let about = json!({
        "url": running.url(), "key": world.credentials(0).read_only, "org_id": world.organizations()[0].id.to_string(),
    });
    say(&about)?;
    let (lines, mut commands) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    while let Some(line) = commands.recv().await {
        match line.split_once(' ') {
            Some(("mutate", percent)) => {
                world.mutate_percent(0, percent.parse()?);
            }
            Some(("latency", milliseconds)) => world.faults().set_latency(Duration::from_millis(milliseconds.parse()?)),
            _ => {}
        }
        say(&json!({ "requests": world.requests().total, "writes": world.writes_attempted() }))?;
    }
    Ok(())
}

/// One sync as a process: prints what it took.
#[tokio::main]
async fn be_sync(args: &[String]) -> Result<(), Failure> {
    let [url, key, org_id, folder, which] = args else { return Err("as-sync URL KEY ORG FOLDER users|all".into()) };
    let collector = collector(Path::new(folder), which == "users").await?;
    let connection = connection(&collector, url, key, org_id).await?;
    let options = SyncOptions { started_by: "benchmark".to_owned(), accept_shrink: false };
    let report = collector.sync_inventory(&connection, &options, silent(), &CancellationToken::new()).await?;
    let sum = |count: fn(&store::TableRecord) -> u64| report.tables.iter().map(count).sum::<u64>();
    say(&json!({
        "outcome": report.outcome.word(),
        "seconds": report.took.as_secs_f64(),
        "requests": report.calls.iter().map(|call| call.calls).sum::<u64>(),
        "rows": sum(|table| table.held), "new": sum(|table| table.new), "changed": sum(|table| table.changed), "gone": sum(|table| table.gone),
        "peak_mib": peak_memory_mib(),
        "lacking": report.tables.iter().filter_map(store::TableRecord::shortfall).collect::<Vec<_>>(),
    }))?;
    collector.store.close().await;
    Ok(())
}

/// Many snapshots in which one percent of users and devices changed, written through the store itself.
#[tokio::main]
async fn be_years(args: &[String]) -> Result<(), Failure> {
    let [folder, snapshots] = args else { return Err("as-years FOLDER SNAPSHOTS".into()) };
    let collector = collector(Path::new(folder), false).await?;
    let connection = collector.store.connections().await?.remove(0);
    let org_id = connection.org_id.clone().ok_or("no organization")?;
    let begun = Instant::now();
    let mut ids_of: Vec<(&str, Vec<String>)> = Vec::new();
    for name in ["users", "devices"] {
        let sql = format!("SELECT id FROM {name} ORDER BY id");
        let all = collector.store.query(&store::Query { sql, ..Default::default() }, &wide()).await?;
        ids_of.push((name, all.rows.iter().filter_map(|row| text_of(&row[0])).collect()));
    }
    for round in 0..snapshots.parse::<usize>()? {
        let now = jiff::Timestamp::now();
        let run = collector.store.start_run(&connection, store::Action::Sync, "benchmark", "benchmark", now).await?;
        let lease = collector.store.take_lease("benchmark", "benchmark", &collector.holder, now).await?;
        let mut writer = collector.store.begin_snapshot(&org_id, &connection.id, run, &lease, now).await?;
        for (name, ids) in &ids_of {
            let table = collector.store.table(name).ok_or("no table")?;
            let share: Vec<String> = ids.iter().skip(round % 100).step_by(100).map(|id| format!("'{id}'")).collect();
            let sql = format!("SELECT id, raw FROM {name} WHERE id IN ({})", share.join(","));
            let share = collector.store.query(&store::Query { sql, ..Default::default() }, &wide()).await?;
            let changed: Vec<(String, Value)> = share.rows.iter().filter_map(|row| changed_row(row, round)).collect();
            let ids: Vec<&str> = changed.iter().map(|(id, _)| id.as_str()).collect();
            let known = writer.known(table, &ids).await?;
            let rows = changed
                .into_iter()
                .map(|(id, raw)| NewRow {
                    replaces: known.get(&id).map(|known| known.row_id),
                    part: "",
                    content: blake_like(&raw.to_string()),
                    cells: Reader::new(table.columns).cells(&raw).0,
                    raw: raw.to_string().into(),
                    distinguish: false,
                    keep_stored: false,
                    first: false,
                    id: id.into(),
                })
                .collect();
            writer.write(table, rows, known, &std::sync::Mutex::new(Marks::default()), now).await?;
        }
        writer.commit(&[], now).await?;
        collector.store.release_lease(lease).await?;
    }
    say(&json!({ "seconds": begun.elapsed().as_secs_f64() }))?;
    collector.store.close().await;
    Ok(())
}

fn text_of(cell: &store::Cell) -> Option<String> {
    if let store::Cell::Text(text) = cell { Some(text.to_string()) } else { None }
}

fn changed_row(row: &[store::Cell], round: usize) -> Option<(String, Value)> {
    let (id, raw) = (text_of(&row[0])?, text_of(&row[1])?);
    let mut raw: Value = serde_json::from_str(&raw).ok()?;
    raw["description"] = json!(format!("changed in round {round}"));
    Some((id, raw))
}

/// Any sixteen bytes that differ with the text.
fn blake_like(text: &str) -> [u8; 16] {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    u128::from(hasher.finish()).to_le_bytes()
}

fn wide() -> store::Limits {
    store::Limits { rows: 10_000_000, time: Duration::from_secs(600), ..store::Limits::default() }
}

async fn collector(folder: &Path, only_users: bool) -> Result<Collector, Failure> {
    std::fs::create_dir_all(folder)?;
    let declared: Vec<_> = tables::ALL.iter().map(|collected| &collected.table).collect();
    let store = Store::open(&Location::File(folder.join("jumpseat.db")), &declared).await?;
    let key = Arc::new(MasterKey::find(&folder.join("master.key"), |_| None)?);
    let holder = LeaseHolder::this_process("benchmark", "this machine");
    let settings = Settings { allow_loopback: true, ..Settings::default() };
    let mut collector = Collector::new(store, key, Arc::new(SystemClock), settings, holder, "benchmark".to_owned());
    if only_users {
        let users = tables::ALL.iter().copied().filter(|collected| collected.table.name == "users");
        collector.tables = Vec::leak(users.collect());
    }
    Ok(collector)
}

async fn connection(collector: &Collector, url: &str, key: &str, org_id: &str) -> Result<Connection, Failure> {
    if let Some(connection) = collector.store.find_connection("benchmark").await? {
        return Ok(connection);
    }
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
    let streams = [(StreamKind::Inventory, "12h".to_owned(), None)];
    collector.store.add_connection(&connection, &secret_of(&credential), &collector.key, &streams).await?;
    Ok(connection)
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

/// A simulator process.
struct Simulated {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
    about: Value,
}

impl Simulated {
    fn start(users: usize, devices: usize, groups: usize, latency: u64) -> Result<Self, Failure> {
        let args = [users, devices, groups, usize::try_from(latency)?].map(|number| number.to_string());
        let mut child = Command::new(std::env::current_exe()?)
            .arg("as-simulator")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        Ok(Self { input: child.stdin.take(), child, output, about: serde_json::from_str(&line)? })
    }

    fn tell(&mut self, command: &str) -> Result<Value, Failure> {
        let input = self.input.as_mut().ok_or("no input")?;
        writeln!(input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn text(&self, name: &str) -> &str {
        self.about[name].as_str().unwrap_or_default()
    }

    fn sync(&self, folder: &Path, which: &str) -> Result<Value, Failure> {
        let folder = folder.to_string_lossy();
        own(&["as-sync", self.text("url"), self.text("key"), self.text("org_id"), &folder, which])
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs this program in another role; its one line of JSON is the answer.
fn own(args: &[&str]) -> Result<Value, Failure> {
    last_json(Command::new(std::env::current_exe()?).args(args))
}

fn last_json(command: &mut Command) -> Result<Value, Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.lines().last().unwrap_or_default())?)
}

/// What was measured, as the lines of a Markdown table.
struct Report(Vec<[String; 4]>);

impl Report {
    fn line(&mut self, what: impl Into<String>, measured: impl Into<String>, bar: impl Into<String>, verdict: bool) {
        let row =
            [what.into(), measured.into(), bar.into(), if verdict { "met".to_owned() } else { "NOT met".to_owned() }];
        eprintln!("{} | {} | {} | {}", row[0], row[1], row[2], row[3]);
        self.0.push(row);
    }

    fn print(&self) {
        println!("| what | measured | bar | |\n|---|---|---|---|");
        for [what, measured, bar, verdict] in &self.0 {
            println!("| {what} | {measured} | {bar} | {verdict} |");
        }
    }
}

fn seconds(value: &Value) -> f64 {
    value["seconds"].as_f64().unwrap_or(f64::NAN)
}

fn measure(args: &[String]) -> Result<(), Failure> {
    let scale = args
        .iter()
        .position(|arg| arg == "--scale")
        .and_then(|at| args.get(at + 1))
        .map_or(Ok(1), |text| text.parse())?;
    let parts = ["users", "full", "memory", "asking", "peers"];
    let wanted =
        |part: &str| !args.iter().any(|arg| parts.contains(&arg.as_str())) || args.iter().any(|arg| arg == part);
    let place = tempfile::tempdir()?;
    let mut report = Report(Vec::new());
    if wanted("users") || wanted("peers") {
        users(place.path(), scale, wanted("peers"), &mut report)?;
    }
    if wanted("memory") {
        memory(place.path(), scale, &mut report)?;
    }
    if wanted("full") || wanted("asking") {
        everything(place.path(), scale, wanted("full"), wanted("asking"), &mut report)?;
    }
    report.print();
    Ok(())
}

/// 100,000 users alone, as the peers read them.
fn users(place: &Path, scale: usize, with_peers: bool, report: &mut Report) -> Result<(), Failure> {
    let count = 100_000 / scale;
    for latency in [0_u64, 50] {
        let simulator = Simulated::start(count, 10, 1, latency)?;
        let ours = simulator.sync(&place.join(format!("users-{latency}")), "users")?;
        let rate = count as f64 / seconds(&ours);
        report.line(
            format!("{count} users, {latency} ms"),
            format!("{:.2} s, {rate:.0} users/s, {:.0} MiB", seconds(&ours), ours["peak_mib"].as_f64().unwrap_or(0.0)),
            "-",
            ours["outcome"] == "succeeded",
        );
        if latency > 0 {
            bound_line(&format!("{count} users, {latency} ms"), &ours, latency, report);
        }
        if !with_peers {
            continue;
        }
        let python = peers_environment(place)?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers");
        let run = |script: &str, target: &Path| {
            last_json(
                Command::new(&python)
                    .arg(root.join(script))
                    .args([simulator.text("url"), simulator.text("key")])
                    .arg(target),
            )
        };
        let requests = run("requests_loop.py", &place.join(format!("peer-{latency}.db")))?;
        let bar = if latency == 0 { 2.5 } else { 10.0 };
        let ratio = seconds(&requests) / seconds(&ours);
        report.line(
            format!("against a Python requests loop, {latency} ms"),
            format!("{ratio:.1} x faster ({:.1} s for {} rows)", seconds(&requests), requests["rows"]),
            format!("{bar} x"),
            ratio >= bar,
        );
        let folder = place.join(format!("dlt-{latency}"));
        std::fs::create_dir_all(&folder)?;
        let dlt = run("dlt_pipeline.py", &folder)?;
        let ratio = seconds(&dlt) / seconds(&ours);
        report.line(
            format!("against dlt with its Parquet loader, {latency} ms"),
            format!("{ratio:.1} x faster ({:.1} s for {} rows)", seconds(&dlt), dlt["rows"]),
            "-",
            ratio >= 1.0,
        );
    }
    Ok(())
}

/// A Python virtual environment with the peers in it.
fn peers_environment(place: &Path) -> Result<PathBuf, Failure> {
    let folder = place.join("venv");
    let python = folder.join("bin/python");
    if !python.exists() {
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers/requirements.txt");
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status()?;
        let installed =
            Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements).status()?;
        if !made.success() || !installed.success() {
            return Err("the peers can not be installed".into());
        }
    }
    Ok(python)
}

/// How near a sync came to what pages, latency and concurrency allow.
fn bound_line(what: &str, sync: &Value, latency: u64, report: &mut Report) {
    let bound = sync["requests"].as_f64().unwrap_or(0.0) * latency as f64 / 1000.0 / IN_FLIGHT;
    let ratio = seconds(sync) / bound;
    report.line(
        format!("{what}: against the bound of {} requests", sync["requests"]),
        format!("{ratio:.2} x ({:.1} s of {bound:.1} s)", seconds(sync)),
        "1.2 x",
        ratio <= 1.2,
    );
}

/// Memory at 100,000 and at 1,000,000 users.
fn memory(place: &Path, scale: usize, report: &mut Report) -> Result<(), Failure> {
    let mut peaks = Vec::new();
    for count in [100_000 / scale, 1_000_000 / scale] {
        let simulator = Simulated::start(count, 10, 1, 0)?;
        let folder = place.join(format!("memory-{count}"));
        let synced = simulator.sync(&folder, "users")?;
        let again = simulator.sync(&folder, "users")?;
        for (which, sync) in [("first", &synced), ("second", &again)] {
            let peak = sync["peak_mib"].as_f64().unwrap_or(f64::NAN);
            peaks.push(peak);
            report.line(
                format!("memory, {which} sync of {count} users"),
                format!("{peak:.0} MiB in {:.1} s", seconds(sync)),
                "200 MiB",
                peak < 200.0,
            );
        }
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// The whole inventory: 100,000 users, 50,000 devices, 2,000 groups.
fn everything(place: &Path, scale: usize, full: bool, asking: bool, report: &mut Report) -> Result<(), Failure> {
    let (users, devices, groups) = (100_000 / scale, 50_000 / scale, 1_000 / scale);
    let what = format!("everything of {users} users, {devices} devices, {} groups", groups * 2);
    let folder = place.join("everything");
    let mut simulator = Simulated::start(users, devices, groups, 0)?;
    let first = simulator.sync(&folder, "all")?;
    report.line(
        format!("{what}, 0 ms"),
        format!(
            "{:.1} s, {} rows, {} requests, {:.0} MiB",
            seconds(&first),
            first["rows"],
            first["requests"],
            first["peak_mib"].as_f64().unwrap_or(0.0)
        ),
        "200 MiB",
        first["outcome"] == "succeeded" && first["peak_mib"].as_f64().unwrap_or(f64::NAN) < 200.0,
    );
    let writes =
        |sync: &Value| ["new", "changed", "gone"].iter().map(|name| sync[*name].as_u64().unwrap_or(0)).sum::<u64>();
    let second = simulator.sync(&folder, "all")?;
    report.line(
        "a second sync with nothing changed",
        format!("{} rows written, {:.1} s", writes(&second), seconds(&second)),
        "0 rows",
        writes(&second) == 0,
    );
    simulator.tell("mutate 1")?;
    let third = simulator.sync(&folder, "all")?;
    let share = (users + devices) as u64 / 100;
    report.line(
        "a sync with 1 % of users and devices changed",
        format!("{} rows written, {:.1} s", writes(&third), seconds(&third)),
        format!("about {share}"),
        writes(&third) >= share && writes(&third) <= share * 2,
    );
    if asking {
        let years = own(&["as-years", &folder.to_string_lossy(), "500"])?;
        eprintln!("500 snapshots with 1 % changed each took {:.0} s", seconds(&years));
        ask(&folder, report)?;
    }
    if full {
        for latency in [50_u64, 200] {
            simulator.tell(&format!("latency {latency}"))?;
            let folder = place.join(format!("everything-{latency}"));
            let synced = simulator.sync(&folder, "all")?;
            bound_line(&format!("{what}, {latency} ms"), &synced, latency, report);
            std::fs::remove_dir_all(folder)?;
        }
    }
    let counted = simulator.tell("count")?;
    report.line("requests that tried to write", counted["writes"].to_string(), "0", counted["writes"] == 0);
    Ok(())
}

/// Questions from the command line, process start included, over a history of snapshots.
fn ask(folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let user = first_of(folder, "SELECT id FROM users ORDER BY id LIMIT 1")?;
    let snapshot = |share: &str| {
        let place = format!("(SELECT CAST(COUNT(*) * {share} AS INTEGER) FROM snapshots)");
        first_of(folder, &format!("SELECT committed_at FROM snapshots ORDER BY number LIMIT 1 OFFSET {place}"))
    };
    let times = [("late", snapshot("0.9")?), ("middle", snapshot("0.5")?), ("early", snapshot("0")?)];
    for (what, args) in [
        ("asset list with a filter", &["asset", "list", "--type", "user", "--where", FILTER][..]),
        ("sql, join on organization and id", &["sql", JOIN]),
        ("sql, join on another column", &["sql", JOIN_ON_A_COLUMN]),
        ("sql, NOT IN", &["sql", NOT_IN]),
        ("sql, a correlated EXISTS", &["sql", EXISTS]),
        ("sql, filter on a column of a sister table", &["sql", SISTER]),
        ("sql, one row by its id", &["sql", &format!("SELECT * FROM users WHERE id = '{user}'")]),
    ] {
        time(folder, &format!("{what}, now"), args, report)?;
        for (when, at) in &times {
            time(folder, &format!("{what}, {when}"), &[args, &["--as-of", at]].concat(), report)?;
        }
    }
    time(folder, "asset history after 500 snapshots", &["asset", "history", &user], report)?;
    time(folder, "asset list without a type", &["asset", "list"], report)?;
    time(folder, "--version", &["--version"], report)
}

const FILTER: &str = "NOT mfa_configured AND department = 'Sales'";

const JOIN: &str = "SELECT u.department, COUNT(*) FROM devices d \
    JOIN users u ON u.org_id = d.org_id AND u.id = d.primary_user_id WHERE NOT d.disk_encrypted GROUP BY u.department";

const JOIN_ON_A_COLUMN: &str =
    "SELECT COUNT(*) FROM users u LEFT JOIN devices d ON d.primary_user_id = u.id WHERE d.id IS NULL";

const NOT_IN: &str = "SELECT COUNT(*) FROM users WHERE id NOT IN \
    (SELECT primary_user_id FROM devices WHERE primary_user_id IS NOT NULL)";

const EXISTS: &str =
    "SELECT COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM devices d WHERE d.primary_user_id = u.id)";

const SISTER: &str = "SELECT COUNT(*) FROM devices WHERE last_contact < '2026-11-01'";

/// Runs the program twenty times: half of the runs are faster than p50, one in twenty is slower than p95.
fn time(folder: &Path, what: &str, args: &[&str], report: &mut Report) -> Result<(), Failure> {
    let mut took = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_jumpseat")).arg("--data-dir").arg(folder).args(args).output()?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
    }
    took.sort_by(f64::total_cmp);
    let (p50, p95) = (took[9], took[18]);
    let bar = if what == "--version" { 20.0 } else { 200.0 };
    report.line(what, format!("{p50:.0} ms, p95 {p95:.0} ms"), format!("{bar:.0} ms"), p95 < bar);
    Ok(())
}

fn first_of(folder: &Path, sql: &str) -> Result<String, Failure> {
    let output = Command::new(env!("CARGO_BIN_EXE_jumpseat"))
        .arg("--data-dir")
        .arg(folder)
        .args(["sql", sql, "-o", "json"])
        .output()?;
    let rows: Value = serde_json::from_slice(&output.stdout)?;
    let value = rows[0].as_object().and_then(|row| row.values().next()).and_then(Value::as_str);
    Ok(value.unwrap_or_default().to_owned())
}
