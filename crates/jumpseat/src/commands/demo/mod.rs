//! `demo`: everything at once on simulated organizations, in a data directory of its own that each start makes anew.

mod events;
mod evidence;
mod posture;
mod truth;

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ::posture::{Mode, Request};
use anyhow::{Context as _, Result};
use clap::Args;
use collect::events::EventOptions;
use collect::{Collector, SyncOptions, new_connection};
use jiff::SignedDuration;
use jumpcloud::Credential;
use serde_json::{Value, json};
use server::Server;
use simulator::{Clock, Running, Simulator, World};
use store::{Connection, Limits, Outcome, Query};

use super::serve::PACKS;
use super::simulate::Size;
use super::sync::{
    Synced, cancel_on_signal, exit_of, exit_of_events, summary_json, sync_all, sync_all_events, table_sums,
    tell_failures, worst,
};
use super::{Global, serve};
use crate::config::{Config, demo_data_dir, load};
use crate::context::{collector, open_store, settings, this_person};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, printable, write_json, write_lines};
use crate::posture::load_posture;
use crate::when::span;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How large the organizations are.
    #[arg(long, value_enum, default_value_t = Size::Small)]
    size: Size,
    /// End after the summary instead of going on: within 20 seconds at the usual size.
    #[arg(long)]
    once: bool,
    /// Names in the organizations attack whoever shows them: markup, terminal sequences, formulas.
    #[arg(long)]
    hostile: bool,
    /// The address that the console is at, on this machine; a free port if the usual one is taken.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,
}

/// Whom the link signs in.
const VISITOR: &str = "demo";

/// A file that says that a folder is the demonstration's and may be wiped.
const MARK: &str = "this-is-a-jumpseat-demo";
/// So far back events are collected.
const EVENTS_OF: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often the demonstration syncs when it goes on, and how often life goes on there.
const INTERVAL: &str = "60s";
const LIFE: Duration = Duration::from_secs(30);

pub(super) async fn run(args: DemoArgs, global: &Global) -> Result<Exit> {
    let begun = Instant::now();
    let mut global = global.clone();
    let folder = global.data_dir.take().unwrap_or_else(demo_data_dir);
    let _lock = fresh_folder(&folder)?;
    let mut overrides = global.overrides();
    overrides.data_dir = Some(folder.clone());
    overrides.allow_loopback_upstream = Some(true);
    let config = load(&overrides, global.config.as_deref())?.config;
    if config.store.is_some() {
        return Err(Problem::usage("the demonstration keeps its data in a folder of its own; leave --store away"));
    }
    let mut simulated = simulator::Config::demo(args.size.into());
    simulated.organizations.iter_mut().for_each(|organization| organization.hostile = args.hostile);
    let running = Simulator::start(simulated, Clock::system(), ([127, 0, 0, 1], 0).into())
        .await
        .context("the simulator can not listen on this machine")?;
    let world = running.world();
    let store = open_store(&config).await?;
    let mut collector = collector(&config, store, "jumpseat demo")?;
    // The checks run once, when the events that some of them look at are there too.
    let after_sync = collector.after_sync.take();
    let checks = load_posture(&config, collector.store.clone(), "jumpseat demo")?;
    let connections = connect(&collector, &settings(&config)?, &running, &world).await?;
    let cancel = cancel_on_signal();
    let options = SyncOptions { started_by: this_person(), accept_shrink: false };
    let org_ids: Vec<Option<String>> = connections.iter().map(|connection| connection.org_id.clone()).collect();
    let synced = sync_all(&collector, connections.clone(), &options, &cancel).await;
    let now = collector.clock.now();
    let events = EventOptions { since: now.checked_sub(EVENTS_OF).ok(), ..EventOptions::by(&this_person()) };
    let events = sync_all_events(&collector, connections, &events, &cancel).await;
    let format = global.output();
    if cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let commands = commands_to_try(&collector, &folder).await?;
    let proofs = events::proofs(&collector, &events, &world).await?;
    let request = Request {
        checks: checks.library.checks().collect(),
        org_ids: None,
        as_of: None,
        started_by: this_person(),
        mode: Mode::Record,
    };
    checks.run(&request, |_, _, _| ()).await?;
    let glances = posture::glances(&checks, &org_ids).await?;
    let period = (EVENTS_OF, collector.clock.now());
    let first = org_ids.first().and_then(Option::as_ref);
    let evidence = evidence::proof(&checks, &config, &folder, first, period).await?;
    let told = Told { proofs, glances, evidence };
    if format == Format::Table {
        write_lines(&summary(&synced, &told, &world, begun, &commands))?;
    } else {
        write_json(&summary_document(&synced, &told, &world, begun, &commands))?;
    }
    let exits: Vec<Exit> = [exit_of(&synced)].into_iter().chain(events.iter().map(exit_of_events)).collect();
    let exit = worst(&exits);
    if !args.once {
        collector.after_sync = after_sync;
        let server = open_console(args.listen, &config, &collector).await?;
        go_on(server, &collector, &config, &running, &cancel).await?;
    } else if exit != Exit::Ok {
        tell_failures(&synced);
    }
    collector.store.close().await;
    running.stop().await;
    Ok(exit)
}

/// Makes the demonstration's folder anew, and keeps a second demonstration out of it.
///
/// # Errors
/// The folder holds something else, or a demonstration is running in it.
fn fresh_folder(folder: &Path) -> Result<File> {
    let occupied = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !folder.join(MARK).exists() {
        return Err(Problem::usage(format!(
            "{} holds something else than a demonstration and will not be touched; choose another --data-dir",
            folder.display()
        )));
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} can not be made", folder.display()))?;
    let mark = File::options()
        .create(true)
        .append(true)
        .open(folder.join(MARK))
        .with_context(|| format!("{} can not be written", folder.display()))?;
    match mark.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Problem::usage(format!(
                "a demonstration is running in {} already; stop it, or choose another --data-dir",
                folder.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(error).context("the demonstration's folder can not be locked"),
    }
    for name in [evidence::FOLDER, PACKS] {
        match std::fs::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("the last demonstration's evidence can not be removed");
            }
            _ => {}
        }
    }
    for name in ["jumpseat.db", "jumpseat.db-wal", "jumpseat.db-shm", "master.key"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("the last demonstration can not be removed");
            }
            _ => {}
        }
    }
    Ok(mark)
}

/// Links every simulated organization with its read-only key.
async fn connect(
    collector: &Collector,
    settings: &collect::Settings,
    running: &Running,
    world: &World,
) -> Result<Vec<Connection>> {
    let place = settings.place_of_urls(&running.url(), None).map_err(|error| Problem::usage(error.to_string()))?;
    let mut connections = Vec::new();
    for (number, organization) in world.organizations().iter().enumerate() {
        let credential =
            Credential::api_key(&world.credentials(number).read_only).context("the simulator's key is not usable")?;
        let mut connection =
            new_connection(organization.name.clone(), place.clone(), &credential, collector.clock.now());
        connection.org_id = Some(organization.id.to_string());
        connection.org_name = Some(organization.name.clone());
        collector.link(&connection, &credential, Some(INTERVAL), Some(INTERVAL), &this_person()).await?;
        connections.push(connection);
    }
    Ok(connections)
}

/// Some commands that show something here.
async fn commands_to_try(collector: &Collector, folder: &Path) -> Result<Vec<String>> {
    let program = std::env::args().next().unwrap_or_else(|| "jumpseat".to_owned());
    let place =
        if folder == demo_data_dir() { "--demo".to_owned() } else { format!("--data-dir {}", folder.display()) };
    let query = Query {
        sql: "SELECT u.username FROM users u WHERE u.id = (SELECT m.member_id FROM group_memberships m WHERE m.member_type = 'user'
              AND m.group_id IN (SELECT a.from_id FROM associations a WHERE a.from_type = 'user_group' AND a.to_type = 'application')
              ORDER BY m.member_id LIMIT 1)"
            .to_owned(),
        ..Query::default()
    };
    let answer = collector.store.query(&query, &Limits::default()).await?;
    let user = match answer.rows.first().and_then(|row| row.first()) {
        Some(store::Cell::Text(name)) => name.to_string(),
        _ => "USER".to_owned(),
    };
    Ok(vec![
        format!("{program} {place} asset list --type device --where \"disk_encrypted IS NOT TRUE\""),
        format!("{program} {place} asset access {user}"),
        format!("{program} {place} finding list --severity high"),
        format!("{program} {place} framework show soc2"),
        format!("{program} {place} event search --class 3002 --outcome failure"),
        format!(
            "{program} {place} sql \"SELECT o.name, COUNT(*) AS without_mfa FROM users u JOIN connections o ON o.org_id = u.org_id WHERE NOT u.mfa_configured GROUP BY o.name\""
        ),
    ])
}

/// What is told of each organization beside its sync, and of the evidence pack of the first.
struct Told {
    proofs: Vec<events::Proof>,
    glances: Vec<Option<posture::Glance>>,
    evidence: Option<evidence::Proof>,
}

fn summary(synced: &[Synced], told: &Told, world: &World, begun: Instant, commands: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, (connection, result)) in synced.iter().enumerate() {
        let name = printable(&connection.name);
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                lines.push(format!("{name}: failed: {}", printable(&error.to_string())));
                continue;
            }
        };
        let sums = table_sums(&report.tables);
        let rows: u64 = sums.iter().map(|(_, sum)| sum.held).sum();
        let requests: u64 = report.calls.iter().map(|call| call.calls).sum();
        let complete = if report.outcome == Outcome::Succeeded { "complete" } else { "incomplete" };
        lines.push(format!("{name}  ({})", report.org_id));
        lines.push(format!(
            "  {complete} in {}: {rows} rows in {} tables, {requests} requests",
            span(report.took),
            sums.len()
        ));
        let mut of_note: Vec<String> = Vec::new();
        for (table, words) in NOTABLE {
            let held = sums.iter().find(|(name, _)| name == table).map_or(0, |(_, sum)| sum.held);
            of_note.push(format!("{held} {words}"));
        }
        lines.push(format!("  {}", of_note.join(", ")));
        for (table, sum) in &sums {
            for (counts, why) in &sum.lacking {
                lines.push(format!("  {} {table}: {}", if *counts { "missing" } else { "without" }, printable(why)));
            }
        }
        let compared = truth::compare(&world.oracle(number), &sums);
        let wrong: Vec<&truth::Compared> = compared.iter().filter(|table| table.rows != table.expected).collect();
        if wrong.is_empty() {
            lines.push(format!(
                "  proven: all {} tables that can be counted hold exactly what the simulator holds",
                compared.len()
            ));
        }
        for table in wrong {
            lines.push(format!(
                "  DIFFERENT {}: {} rows, the simulator holds {}",
                table.table, table.rows, table.expected
            ));
        }
        lines.extend(told.proofs.get(number).map(events::Proof::lines).unwrap_or_default());
        lines.extend(told.glances.get(number).and_then(Option::as_ref).map(posture::Glance::lines).unwrap_or_default());
        lines.push(String::new());
    }
    if let Some(evidence) = &told.evidence {
        lines.extend(evidence.lines());
        lines.push(String::new());
    }
    lines.push(format!(
        "done in {:.1} s; {} requests tried to change something (0 is the promise)",
        begun.elapsed().as_secs_f64(),
        world.writes_attempted()
    ));
    lines.push(String::new());
    lines.push("try next:".to_owned());
    lines.extend(commands.iter().map(|command| format!("  {command}")));
    lines
}

/// What a summary tells first.
const NOTABLE: &[(&str, &str)] = &[
    ("users", "users"),
    ("devices", "devices"),
    ("ip_addresses", "IP addresses"),
    ("applications", "applications"),
    ("user_groups", "user groups"),
    ("device_groups", "device groups"),
    ("policies", "policies"),
    ("administrators", "administrators"),
    ("associations", "bindings"),
];

fn summary_document(synced: &[Synced], told: &Told, world: &World, begun: Instant, commands: &[String]) -> Value {
    let organizations: Vec<Value> = synced
        .iter()
        .enumerate()
        .map(|(number, (connection, result))| {
            let mut document = summary_json(connection, result);
            if let Ok(report) = result {
                let compared = truth::compare(&world.oracle(number), &table_sums(&report.tables));
                document["simulator"] = Value::Object(
                    compared.iter().map(|table| (table.table.to_owned(), json!(table.expected))).collect(),
                );
                document["equals_simulator"] = json!(compared.iter().all(|table| table.rows == table.expected));
            }
            document["events"] = told.proofs.get(number).map_or(Value::Null, events::Proof::document);
            let glance = told.glances.get(number).and_then(Option::as_ref);
            document["posture"] = glance.map_or(Value::Null, posture::Glance::document);
            document
        })
        .collect();
    json!({
        "organizations": organizations,
        "evidence": told.evidence.as_ref().map(evidence::Proof::document),
        "seconds": begun.elapsed().as_secs_f64(),
        "writes_attempted": world.writes_attempted(),
        "try_next": commands,
    })
}

/// The console of the demonstration. It is open to whoever has the link, so it is on this machine only.
async fn open_console(listen: Option<SocketAddr>, config: &Config, collector: &Collector) -> Result<Server> {
    let entry = || serve::Entry { oidc: None, open_to: Some(VISITOR.to_owned()) };
    if let Some(address) = listen {
        if !address.ip().is_loopback() {
            return Err(Problem::usage(format!(
                "the demonstration is open to whoever has its link, so it listens on this machine only, not on {address}"
            )));
        }
        return serve::bind(address, config, collector, None, entry()).await;
    }
    let usual: SocketAddr = serve::USUAL_ADDRESS.parse().context("the usual address can not be read")?;
    match serve::bind(usual, config, collector, None, entry()).await {
        Ok(server) => Ok(server),
        Err(_) => serve::bind(SocketAddr::new(usual.ip(), 0), config, collector, None, entry()).await,
    }
}

/// Keeps the simulator up, lets life go on there, syncs on schedule, and answers the console.
async fn go_on(
    server: Server,
    collector: &Collector,
    config: &Config,
    running: &Running,
    cancel: &tokio_util::sync::CancellationToken,
) -> Result<()> {
    eprintln_quietly(&format!(
        "the simulated JumpCloud stays up at {} and is synced every {INTERVAL}; use the commands above in another terminal. Ctrl-C stops it.\n\nopen the console: {}",
        running.url(),
        server.entry_link().unwrap_or_else(|| server.url())
    ));
    let world = running.world();
    let living = async {
        loop {
            tokio::time::sleep(LIFE).await;
            world.advance(LIFE);
        }
    };
    tokio::select! {
        stopped = serve::serve(server, collector, config, true, cancel) => stopped?,
        () = living => {}
    }
    Ok(())
}
