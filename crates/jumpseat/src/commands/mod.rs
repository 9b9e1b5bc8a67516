//! The command line: what can be said, and which file does it.

mod archive;
mod asset;
mod audit;
mod backup;
mod check;
mod completion;
mod config;
mod connection;
mod demo;
mod doctor;
mod event;
mod evidence;
mod finding;
mod framework;
mod history;
mod notification;
mod secret;
mod serve;
mod simulate;
mod sql;
mod status;
mod sync;
mod token;
mod user;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::config::{Overrides, demo_data_dir};
use crate::exit::Exit;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  jumpseat demo --once                                  everything at once, on simulated organizations
  jumpseat connection add Acme --region eu --api-key-file key.txt
  jumpseat connection test Acme
  jumpseat sync
  jumpseat status --check
  jumpseat asset list --type device --where \"disk_encrypted IS NOT TRUE\"
  jumpseat asset access mara.lind
  jumpseat event search --user mara.lind --outcome failure
  jumpseat event verify
  jumpseat archive add lake s3://bucket/jumpcloud --region eu-central-1
  jumpseat check run --fail-on high
  jumpseat finding list --severity high
  jumpseat framework show soc2
  jumpseat evidence pack --framework soc2 --from 2026-07-01 --to 2026-09-30 --out soc2-q3.zip
  jumpseat sql \"SELECT username, mfa_status FROM users WHERE NOT mfa_configured\"";

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 error, 2 usage, 3 credential refused, 4 not permitted, 5 rate limited, 6 partial, 7 not found,
 8 findings at or above --fail-on, 9 unreachable, 11 integrity check failed, 130 interrupted.";

/// Reads your JumpCloud organizations completely, and can not change them.
#[derive(Debug, Parser)]
#[command(name = "jumpseat", version, before_help = EXAMPLES, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What can be said with every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// How data is written; a table on a terminal and JSON in a pipe, if not said.
    #[arg(long, short, global = true, value_enum)]
    pub output: Option<Format>,
    /// The folder that holds the database and the master key.
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Use what `jumpseat demo` has collected.
    #[arg(long, global = true, conflicts_with = "data_dir")]
    pub demo: bool,
    /// PostgreSQL instead of a file: postgres://user@host/database.
    #[arg(long, global = true, value_name = "URL")]
    store: Option<String>,
    /// Read settings from this file instead of ./jumpseat.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Accept a plain-http upstream on this machine (simulator, recordings).
    #[arg(long, global = true)]
    allow_loopback_upstream: bool,
    /// Say more on standard error; twice for every request.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything at once on simulated organizations: simulator, sync, summary.
    Demo(demo::DemoArgs),
    /// The server: console, REST API, and syncs on schedule, until stopped.
    Serve(serve::ServeArgs),
    /// Manage the links to your organizations.
    #[command(subcommand)]
    Connection(connection::ConnectionCommand),
    /// Collect now, with progress.
    Sync(sync::SyncArgs),
    /// Every connection and stream, worst first.
    Status(status::StatusArgs),
    /// What ran, who started it, what it read, how it ended.
    History(history::HistoryArgs),
    /// Ask for users, devices, applications, groups and all other assets.
    #[command(subcommand)]
    Asset(asset::AssetCommand),
    /// What happened: Directory Insights events.
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Events as Parquet files in a folder or an object store, for every other program.
    #[command(subcommand)]
    Archive(archive::ArchiveCommand),
    /// Rules over what was collected: run them, read them, write your own.
    #[command(subcommand)]
    Check(check::CheckCommand),
    /// What the checks found, with its life: accept, assign, export.
    #[command(subcommand)]
    Finding(finding::FindingCommand),
    /// SOC 2, ISO 27001 and others, requirement by requirement.
    #[command(subcommand)]
    Framework(framework::FrameworkCommand),
    /// What an auditor asks for, as signed packs that anybody can verify offline.
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Where people are told what they should know: e-mail, Slack, Teams, webhooks.
    #[command(subcommand)]
    Notification(notification::NotificationCommand),
    /// Read-only SQL over everything that was collected, now or in the past.
    Sql(sql::SqlArgs),
    /// People who sign in to the console.
    #[command(subcommand)]
    User(user::UserCommand),
    /// What programs show to the REST API.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// The log of what was done to Jumpseat itself.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copies of an embedded installation: made while it runs, verified, put back.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Look at the installation, change nothing, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// The settings and where each came from.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// A simulated JumpCloud alone, for trying things out.
    Simulate(simulate::SimulateArgs),
    /// Completions for your shell.
    Completion(completion::CompletionArgs),
    /// The manual page, in roff.
    Man,
}

impl Global {
    /// How data is written.
    pub(crate) fn output(&self) -> Format {
        self.output.unwrap_or_else(Format::usual)
    }

    /// What the command line says of the settings.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            data_dir: if self.demo { Some(demo_data_dir()) } else { self.data_dir.clone() },
            store: self.store.clone(),
            collector: None,
            allow_loopback_upstream: (self.allow_loopback_upstream || self.demo).then_some(true),
            log: match self.verbose {
                0 => None,
                1 => Some("info".to_owned()),
                _ => Some("debug,sqlx=warn,hyper_util=info,rustls=info,h2=info".to_owned()),
            },
        }
    }
}

/// Runs a command on a runtime of its own.
pub(crate) fn run(cli: Cli) -> Result<Exit> {
    match &cli.command {
        Command::Completion(args) => return completion::completion(args),
        Command::Man => return completion::man(),
        _ => {}
    }
    if cli.global.output().is_of_events() && !matches!(cli.command, Command::Event(_)) {
        return Err(crate::exit::Problem::usage("--output ocsf, raw and parquet are for `jumpseat event`"));
    }
    let loaded = crate::config::load(&cli.global.overrides(), cli.global.config.as_deref())?;
    start_log(&loaded.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let global = &cli.global;
    runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::run(args, global).await,
            Command::Serve(args) => serve::run(args, global).await,
            Command::Connection(command) => connection::run(command, global).await,
            Command::Sync(args) => sync::run(args, global).await,
            Command::Status(args) => status::run(args, global).await,
            Command::History(args) => history::run(args, global).await,
            Command::Asset(command) => asset::run(command, global).await,
            Command::Event(command) => event::run(command, global).await,
            Command::Archive(command) => archive::run(command, global).await,
            Command::Check(command) => check::run(command, global).await,
            Command::Finding(command) => finding::run(command, global).await,
            Command::Framework(command) => framework::run(command, global).await,
            Command::Evidence(command) => evidence::run(command, global).await,
            Command::Notification(command) => notification::run(command, global).await,
            Command::Sql(args) => sql::run(args, global).await,
            Command::User(command) => user::run(command, global).await,
            Command::Token(command) => token::run(command, global).await,
            Command::Audit(command) => audit::run(command, global).await,
            Command::Backup(command) => backup::run(command, global).await,
            Command::Doctor(args) => doctor::run(args, global).await,
            Command::Config(command) => config::run(&command, &loaded, global.output()),
            Command::Simulate(args) => simulate::run(args).await,
            Command::Completion(_) | Command::Man => Ok(Exit::Ok),
        }
    })
}

/// Logs go to standard error, as text or JSON.
fn start_log(config: &crate::config::Config) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log)
        .map_err(|error| crate::exit::Problem::usage(format!("log can not be {:?}: {error}", config.log)))?;
    // A log that goes into a file has no colors.
    let is_colored = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_colored);
    match config.log_format.as_str() {
        "json" => log.json().init(),
        "text" => log.with_target(false).init(),
        other => return Err(crate::exit::Problem::usage(format!("log_format can be text or json, not {other:?}"))),
    }
    Ok(())
}
