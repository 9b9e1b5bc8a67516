//! `archive`: sealed events as Parquet files in a folder or an object store.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use deliver::{
    Access, Archiver, DifferenceKind, Layout, Opener, PlaceUrl, Report, RunOptions, Settings, Verified, When,
};
use serde_json::{Value, json};
use store::{Archive, ArchiveState, LeaseHolder, Store};
use tokio_util::sync::CancellationToken;

use super::sync::cancel_on_signal;
use super::{Global, audit};
use crate::config::Config;
use crate::context::{Context, access, clock, master_key, this_host};
use crate::exit::{Exit, Problem, eprintln_quietly, exit_for};
use crate::output::{Format, Sheet, printable};

#[derive(Debug, Subcommand)]
pub(super) enum ArchiveCommand {
    /// Add an archive, after trying to write, read and remove an object there.
    Add(AddArgs),
    /// All archives, with what they hold and how their runs went.
    List,
    /// Write now what is sealed, today included. `serve` writes each day when it is over and proven.
    #[command(before_help = "Examples:\n  jumpseat archive run\n  jumpseat archive run lake --again")]
    Run(RunArgs),
    /// Read every object and hold it against the ledger; names what differs and changes nothing.
    #[command(
        after_help = "Exit code 11 when something is missing, changed, too much or different, 6 when sealed days are \
only not written yet, 0 otherwise."
    )]
    Verify(NamesArgs),
    /// Forget an archive. Its objects stay where they are.
    Remove(RemoveArgs),
    /// Every column of the files, as a page in Markdown.
    Columns,
}

#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  jumpseat archive add local /srv/jumpcloud
  jumpseat archive add lake s3://bucket/jumpcloud --region eu-central-1
  jumpseat archive add minio s3://bucket --region us-east-1 --endpoint https://minio.example.com --credential-file minio.env
  jumpseat archive add gcs gs://bucket/jumpcloud --credential-file service-account.json
  jumpseat archive add azure abfss://container@account.dfs.core.windows.net/jumpcloud
  jumpseat archive add security-lake s3://aws-security-data-lake-eu-central-1-abc --layout security-lake --region eu-central-1 --account 123456789012",
    after_help = "Without --credential-file the credential is the environment's whenever the archive is written: AWS_*, \
GOOGLE_* or AZURE_* variables, or what the machine itself is allowed. With it, it is sealed for this archive and its URL."
)]
pub(super) struct AddArgs {
    /// How it is called here.
    name: String,
    /// s3://bucket/prefix, gs://bucket/prefix, abfss://container@account.dfs.core.windows.net/prefix, or a folder.
    url: String,
    /// How it is laid out.
    #[arg(long, value_enum, default_value_t = LayoutName::Hive)]
    layout: LayoutName,
    /// The region of the bucket.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The URL of an object store that is not the cloud's own.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Amazon Security Lake: the account id of the source, or `external`.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Amazon Security Lake: how the custom sources are called; the class is appended.
    #[arg(long, value_name = "NAME", default_value = "jumpcloud")]
    source: String,
    /// Leave `raw_data` out of the files; its size and hash stay.
    #[arg(long)]
    no_raw: bool,
    /// Only these connections; all, also those to come, if not said.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    connection: Vec<String>,
    /// A file with the credential, as the environment would have it (NAME=VALUE), or Google's JSON; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LayoutName {
    /// Partitions by class, organization and day, as Hive names them.
    Hive,
    /// A custom source of Amazon Security Lake for each class.
    SecurityLake,
}

#[derive(Debug, Args)]
pub(super) struct NamesArgs {
    /// Which archives; all, if none is named.
    names: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    which: NamesArgs,
    /// Write also what has not changed, as this version of the program understands it.
    #[arg(long)]
    again: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which archive.
    name: String,
}

pub(super) async fn run(command: ArchiveCommand, global: &Global) -> Result<Exit> {
    if let ArchiveCommand::Columns = command {
        use std::io::Write as _;
        std::io::stdout().lock().write_all(deliver::reference().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let context = Context::open(global).await?;
    match command {
        ArchiveCommand::Add(args) => add(args, &context).await,
        ArchiveCommand::List => list(&context).await,
        ArchiveCommand::Run(args) => run_now(&args, &context).await,
        ArchiveCommand::Verify(args) => verify(&args, &context).await,
        ArchiveCommand::Remove(args) => remove(&args, &context).await,
        ArchiveCommand::Columns => Ok(Exit::Ok),
    }
}

async fn add(args: AddArgs, context: &Context) -> Result<Exit> {
    let name = args.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) || name.chars().count() > 100 {
        return Err(Problem::usage("an archive's name has 1 to 100 characters and no control characters"));
    }
    let url = PlaceUrl::parse(&args.url, &std::env::current_dir().context("there is no current directory")?)?;
    let credential = match &args.credential_file {
        Some(path) => Some(url.parse_credential(&read_credential(path)?)?),
        None => None,
    };
    let settings = settings(&args, context).await?;
    if let Some(folder) = url.folder() {
        std::fs::create_dir_all(&folder).with_context(|| format!("{} can not be made", folder.display()))?;
    }
    let archive = Archive {
        id: uuid::Uuid::now_v7().to_string(),
        name: name.to_owned(),
        url: url.to_string(),
        settings: settings.to_text(),
        has_credential: credential.is_some(),
        created_at: context.now,
        state: ArchiveState::default(),
    };
    // Somebody is waiting.
    let access = Access { patience: Duration::from_secs(5), ..access(&context.config)? };
    Archiver::open(&context.store, &archive, credential.as_ref(), &access)?.test().await?;
    let after = json!({ "url": archive.url, "settings": archive.settings, "has_credential": archive.has_credential });
    audit::note(context, "archive.add", name, None, json!({ "after": after })).await?;
    context.store.add_archive(&archive, credential.as_ref(), &master_key(&context.config)?).await?;
    if context.format == Format::Table {
        eprintln_quietly(&format!(
            "{} is added; it can be written to. `jumpseat serve` writes every day when it is over and proven, \
             `jumpseat archive run` what is sealed now.",
            printable(name)
        ));
    }
    Ok(Exit::Ok)
}

async fn settings(args: &AddArgs, context: &Context) -> Result<Settings> {
    let layout = match args.layout {
        LayoutName::Hive => Layout::Hive,
        LayoutName::SecurityLake => {
            let needed = |what: &Option<String>, option: &str| {
                what.clone().ok_or_else(|| Problem::usage(format!("Security Lake needs {option}")))
            };
            Layout::SecurityLake {
                source: args.source.clone(),
                region: needed(&args.region, "--region")?,
                account: needed(&args.account, "--account (the account id, or `external`)")?,
            }
        }
    };
    let mut organizations = Vec::new();
    if !args.connection.is_empty() {
        for connection in context.named(&args.connection).await? {
            organizations.push(connection.org_id.ok_or_else(|| {
                Problem::not_found(
                    format!("{} has not collected anything yet, so its organization is not known", connection.name),
                    "`jumpseat sync` collects now.",
                )
            })?);
        }
    }
    Ok(Settings {
        layout,
        region: args.region.clone(),
        endpoint: args.endpoint.clone(),
        without_raw: args.no_raw,
        organizations,
    })
}

fn read_credential(path: &Path) -> Result<String> {
    let most = 64 * 1024;
    let mut text = String::new();
    if path == Path::new("-") {
        if std::io::stdin().is_terminal() {
            eprintln_quietly("the credential, NAME=VALUE line by line, and Ctrl-D:");
        }
        std::io::stdin().take(most).read_to_string(&mut text).context("standard input can not be read")?;
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(most).read_to_string(&mut text))
            .map_err(|error| Problem::unreadable("the credential file", path, &error))?;
    }
    Ok(text)
}

/// The archives that the user names; all if none is named.
async fn named(names: &[String], context: &Context) -> Result<Vec<Archive>> {
    let all = context.store.archives().await?;
    if all.is_empty() {
        return Err(Problem::not_found("there is no archive yet", "Add one with `jumpseat archive add NAME URL`."));
    }
    if names.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let archive = all.iter().find(|archive| archive.name.to_lowercase() == name.to_lowercase());
        let archive = archive.ok_or_else(|| {
            Problem::not_found(format!("there is no archive named {name:?}"), "`jumpseat archive list` shows all.")
        })?;
        found.push(archive.clone());
    }
    Ok(found)
}

async fn open(config: &Config, store: &Store, archive: &Archive) -> deliver::Result<Archiver> {
    let told = |error: anyhow::Error| match error.downcast::<store::Error>() {
        Ok(error) => deliver::Error::Store(error),
        Err(error) => deliver::Error::Place(format!("{error:#}")),
    };
    let credential = match archive.has_credential {
        true => store.archive_credential(archive, &master_key(config).map_err(told)?).await?,
        false => None,
    };
    Archiver::open(store, archive, credential.as_ref(), &access(config).map_err(told)?)
}

async fn list(context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&[
        "name",
        "url",
        "layout",
        "credential",
        "organizations",
        "objects",
        "events",
        "bytes",
        "newest",
        "last_run",
        "failing_since",
        "failure",
    ]);
    for archive in context.store.archives().await? {
        let settings = Settings::parse(&archive.settings)?;
        let objects = context.store.archived_objects(&archive.id, None).await?;
        let units = context.store.archived_units(&archive.id, None).await?;
        let mut organizations: Vec<&str> = units.iter().map(|unit| unit.key.org_id.as_str()).collect();
        organizations.dedup();
        let newest = units.iter().filter_map(|unit| unit.written_at).max();
        let moment = |at: Option<jiff::Timestamp>| json!(at.map(store::schema::time_text));
        sheet.push(vec![
            json!(archive.name),
            json!(archive.url),
            json!(settings.layout.word()),
            json!(if archive.has_credential { "sealed" } else { "environment" }),
            json!(organizations.len()),
            json!(objects.len()),
            json!(objects.iter().map(|object| object.events).sum::<u64>()),
            json!(objects.iter().map(|object| object.bytes).sum::<u64>()),
            moment(newest),
            moment(archive.state.last_run_at),
            moment(archive.state.failing_since),
            json!(archive.state.failure),
        ]);
    }
    if sheet.is_empty() && context.format == Format::Table {
        eprintln_quietly("there is no archive yet: add one with `jumpseat archive add NAME URL`");
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

async fn run_now(args: &RunArgs, context: &Context) -> Result<Exit> {
    let archives = named(&args.which.names, context).await?;
    let (clock, stop) = (clock(), cancel_on_signal());
    let holder = LeaseHolder::this_process("jumpseat archive run", &this_host());
    let options = RunOptions { when: When::Now, again: args.again };
    let mut sheet = Sheet::new(&["archive", "outcome", "objects", "removed", "events", "bytes", "waiting", "failure"]);
    let mut first_failure = None;
    let mut exit = Exit::Ok;
    for archive in archives {
        audit::note(context, "archive.run", &archive.name, None, json!({ "again": args.again })).await?;
        let done = match open(&context.config, &context.store, &archive).await {
            Ok(archiver) => archiver.run(options, &holder, || clock.now(), &stop).await,
            Err(error) => Err(error),
        };
        let line = |outcome: &str, report: &Report, failure: Value| {
            vec![
                json!(archive.name),
                json!(outcome),
                json!(report.objects),
                json!(report.removed),
                json!(report.events),
                json!(report.bytes),
                json!(report.waiting),
                failure,
            ]
        };
        match done {
            Ok(report) if report.is_stopped => {
                exit = Exit::Interrupted;
                sheet.push(line("interrupted", &report, Value::Null));
            }
            Ok(report) if !report.problems.is_empty() => {
                exit = Exit::Partial;
                sheet.push(line("incomplete", &report, json!(report.problems.join("; "))));
            }
            Ok(report) => sheet.push(line("written", &report, Value::Null)),
            Err(error) => {
                sheet.push(line("failed", &Report::default(), json!(error.to_string())));
                first_failure.get_or_insert(error);
            }
        }
    }
    sheet.write(context.format)?;
    // Told with what to do about it; the others of several are in the table.
    match first_failure {
        Some(error) => Err(error.into()),
        None => Ok(exit),
    }
}

async fn verify(args: &NamesArgs, context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&["archive", "difference", "organization", "what", "detail"]);
    let mut exit = Exit::Ok;
    let mut sums = Vec::new();
    for archive in named(&args.names, context).await? {
        let archiver = open(&context.config, &context.store, &archive).await?;
        let verified = archiver.verify(context.now).await?;
        for difference in &verified.differences {
            sheet.push(vec![
                json!(archive.name),
                json!(difference.kind.word()),
                json!(difference.org_id),
                json!(difference.what),
                json!(difference.detail),
            ]);
        }
        let is_spoiled = |kind| matches!(kind, DifferenceKind::Missing | DifferenceKind::Changed);
        if verified.differences.iter().any(|difference| is_spoiled(difference.kind)) {
            eprintln_quietly(&format!(
                "What is missing or changed in {0} is written anew by `jumpseat archive run {0} --again`.",
                printable(&archive.name)
            ));
        }
        let is_behind = |kind: DifferenceKind| kind == DifferenceKind::Behind;
        if verified.differences.iter().any(|difference| !is_behind(difference.kind)) {
            exit = Exit::Integrity;
        } else if !verified.differences.is_empty() && exit == Exit::Ok {
            exit = exit_for("incomplete");
        }
        sums.push((archive, verified));
    }
    if context.format == Format::Json {
        let archives: Vec<Value> = sums.iter().map(|(archive, verified)| document(archive, verified)).collect();
        crate::output::write_json(&json!(archives))?;
        return Ok(exit);
    }
    if context.format != Format::Table || !sheet.is_empty() {
        sheet.write(context.format)?;
    }
    for (archive, verified) in &sums {
        eprintln_quietly(&format!(
            "{}: {} objects with {} events ({} bytes) were read; {} sealed hours are in them, each event once; {} differences",
            printable(&archive.name),
            verified.objects,
            verified.events,
            verified.bytes,
            verified.windows,
            verified.differences.len()
        ));
    }
    Ok(exit)
}

fn document(archive: &Archive, verified: &Verified) -> Value {
    let differences: Vec<Value> = verified
        .differences
        .iter()
        .map(|difference| {
            json!({
                "difference": difference.kind.word(),
                "organization": difference.org_id,
                "what": difference.what,
                "detail": difference.detail,
            })
        })
        .collect();
    json!({
        "archive": archive.name,
        "objects": verified.objects,
        "events": verified.events,
        "bytes": verified.bytes,
        "hours_proven": verified.windows,
        "differences": differences,
    })
}

async fn remove(args: &RemoveArgs, context: &Context) -> Result<Exit> {
    let archive = named(std::slice::from_ref(&args.name), context).await?.remove(0);
    let holder = LeaseHolder::this_process("jumpseat archive remove", &this_host());
    // Without opening its place: that may be gone for ever.
    let lease = deliver::take_lease(&context.store, &archive, &holder, context.now).await?;
    let before = json!({ "url": archive.url, "settings": archive.settings });
    audit::note(context, "archive.remove", &archive.name, None, json!({ "before": before })).await?;
    context.store.remove_archive(&archive, &lease, context.now).await?;
    context.store.release_lease(lease).await?;
    eprintln_quietly(&format!(
        "{} is removed; its objects stay at {}",
        printable(&archive.name),
        printable(&archive.url)
    ));
    Ok(Exit::Ok)
}

/// Runs all archives beside the syncs of `serve` and `demo`, until told to stop. If one of the two can not go on, the other
/// ends as well: nothing runs on unseen.
pub(super) async fn beside(
    syncs: impl Future<Output = Result<(), collect::Error>>,
    config: &Config,
    store: &Store,
    program: &str,
    stop: &CancellationToken,
) -> Result<()> {
    let holder = LeaseHolder::this_process(program, &this_host());
    let clock = clock();
    let opener = OfProgram { config, store };
    let syncs = async {
        let done = syncs.await;
        stop.cancel();
        done
    };
    let archives = async {
        let done = deliver::run_schedule(store, &opener, &holder, || clock.now(), stop).await;
        stop.cancel();
        done
    };
    let (synced, archived) = tokio::join!(syncs, archives);
    synced?;
    Ok(archived?)
}

/// Opens archives with the credentials that this installation keeps.
struct OfProgram<'a> {
    config: &'a Config,
    store: &'a Store,
}

impl Opener for OfProgram<'_> {
    async fn open(&self, archive: &Archive) -> deliver::Result<Archiver> {
        open(self.config, self.store, archive).await
    }
}
