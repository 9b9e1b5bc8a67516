//! `connection …`: adding, testing, changing and removing the links to organizations.

mod asking;
mod discover;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use collect::events::Keep;
use collect::{
    Grade, TestReport, USUAL_EVENTS, USUAL_INVENTORY, checked_name, checked_schedule, inventory_lease_name,
    new_connection,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use server::detail_of;
use store::{Action, Connection, Outcome, StreamKind};

use self::asking::{
    CredentialArgs, PlaceArgs, ask, ask_credential, credential_of, credential_or_asked, place_of, place_or_asked,
};
use self::discover::{DiscoverArgs, discover};
use super::{Global, audit};
use crate::condition::Condition;
use crate::context::{Context, settings, this_host, this_person};
use crate::exit::{Exit, Problem, eprintln_quietly, exit_for};
use crate::output::{Format, Sheet, printable, write_json, write_lines};
use crate::when::relative;

#[derive(Debug, Subcommand)]
pub(super) enum ConnectionCommand {
    /// Link an organization. Asks for what is not said.
    #[command(
        before_help = "Examples:\n  jumpseat connection add Acme --region us --api-key-file key.txt\n  pass show jumpcloud | jumpseat connection add Acme --region eu --api-key-stdin\n  jumpseat connection add --from acme.toml"
    )]
    Add(AddArgs),
    /// List all connections.
    List,
    /// Show one connection. The credential is never shown.
    Show { name: String },
    /// Change settings, e.g. how long events are kept. A changed region or URL needs the credential again.
    Edit(EditArgs),
    /// Try everything that a connection needs, line by line.
    Test { name: String },
    /// Let the schedule run it.
    Enable { name: String },
    /// Keep it, but do not sync it.
    Disable { name: String },
    /// Give a new credential: it is tested first, then takes the old one's place.
    Rotate(RotateArgs),
    /// Remove a connection. What it has collected stays, unless --purge.
    Remove {
        name: String,
        /// Remove everything that was collected of its organization as well.
        #[arg(long)]
        purge: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// List every organization that a multi-tenant credential sees, and link the chosen ones.
    Discover(DiscoverArgs),
}

#[derive(Debug, Clone, Default, Args)]
pub(super) struct DetailArgs {
    /// What it is for.
    #[arg(long)]
    description: Option<String>,
    /// The organization's id (24 hexadecimal digits).
    #[arg(long, conflicts_with = "org_name")]
    org_id: Option<String>,
    /// The organization's name.
    #[arg(long)]
    org_name: Option<String>,
    /// Who to ask about it.
    #[arg(long)]
    owner_name: Option<String>,
    /// Their e-mail address.
    #[arg(long)]
    owner_email: Option<String>,
    /// How often the inventory is collected: an interval (12h) or a cron expression in UTC. Default 12h.
    #[arg(long, value_name = "SCHEDULE")]
    inventory_every: Option<String>,
    /// How often events are collected: an interval (60s) or a cron expression in UTC. Default 60s.
    #[arg(long, value_name = "SCHEDULE")]
    events_every: Option<String>,
    /// How long events are kept: a number of days (400d), forever, or default for what `config show` says.
    #[arg(long, value_name = "DAYS")]
    keep_events: Option<String>,
    /// The only collector that may run it.
    #[arg(long)]
    collector: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Its name; "Connection 1", "Connection 2", … if not said.
    name: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    credential: CredentialArgs,
    #[command(flatten)]
    details: DetailArgs,
    /// Do not sync it on schedule yet.
    #[arg(long)]
    disabled: bool,
    /// Do not test it first.
    #[arg(long)]
    no_test: bool,
    /// Read all of this from a TOML file with the same names (region = "eu", api_key_file = "key.txt", …).
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// The connection.
    name: String,
    /// Its new name.
    #[arg(long)]
    rename: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    credential: CredentialArgs,
    #[command(flatten)]
    details: DetailArgs,
    /// Any collector may run it.
    #[arg(long, conflicts_with = "collector")]
    any_collector: bool,
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The connection.
    name: String,
    #[command(flatten)]
    credential: CredentialArgs,
    /// Take it even if it does not work.
    #[arg(long)]
    no_test: bool,
}

/// The file behind `connection add --from`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddFile {
    name: Option<String>,
    description: Option<String>,
    region: Option<String>,
    api_url: Option<String>,
    insights_url: Option<String>,
    api_key_file: Option<PathBuf>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    org_id: Option<String>,
    org_name: Option<String>,
    owner_name: Option<String>,
    owner_email: Option<String>,
    inventory_every: Option<String>,
    events_every: Option<String>,
    keep_events: Option<String>,
    collector: Option<String>,
    enabled: Option<bool>,
}

pub(super) async fn run(command: ConnectionCommand, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    match command {
        ConnectionCommand::Add(args) => add(args, &context).await,
        ConnectionCommand::List => list(&context).await,
        ConnectionCommand::Show { name } => show(&name, &context).await,
        ConnectionCommand::Edit(args) => edit(args, &context).await,
        ConnectionCommand::Test { name } => test(&name, &context).await,
        ConnectionCommand::Enable { name } => set_enabled(&name, true, &context).await,
        ConnectionCommand::Disable { name } => set_enabled(&name, false, &context).await,
        ConnectionCommand::Rotate(args) => rotate(args, &context).await,
        ConnectionCommand::Remove { name, purge, yes } => remove(&name, purge, yes, &context).await,
        ConnectionCommand::Discover(args) => discover(args, &context).await,
    }
}

async fn add(mut args: AddArgs, context: &Context) -> Result<Exit> {
    if let Some(path) = args.from.take() {
        fill_from_file(&mut args, &path)?;
    }
    let settings = settings(&context.config)?;
    let place = place_or_asked(&args.place, &settings)?;
    let credential = credential_or_asked(&args.credential)?;
    let collector = context.collector("jumpseat connection add")?;
    let name = match args.name.take().filter(|name| !name.trim().is_empty()) {
        Some(name) => checked_name(&name)?,
        None => collector.free_name().await?,
    };
    let mut connection = new_connection(name, place, &credential, context.now);
    apply_details(&mut connection, &args.details);
    connection.enabled = !args.disabled;
    // Where the organization is named, nothing needs to be asked of JumpCloud to know that it is linked.
    collector.refuse_second_link(&connection).await?;
    let keep = args.details.keep_events.as_deref().map(keep_of).transpose()?.flatten();
    if !args.no_test {
        let report = collector.test_with(&connection, &credential).await;
        show_checklist(&report, Format::Table, true)?;
        if !report.connects() {
            return Err(not_connected(
                &report,
                "nothing was saved; use --no-test to save it all the same",
                context.format,
            ));
        }
        report.take_over(&mut connection);
    }
    collector.refuse_second_link(&connection).await?;
    note(context, "connection.add", &connection, detail_of(&connection)).await?;
    let (inventory, events) = (args.details.inventory_every.as_deref(), args.details.events_every.as_deref());
    collector.link(&connection, &credential, inventory, events, &this_person()).await?;
    if keep.is_some() {
        context.store.set_keep(&connection.id, StreamKind::Events, keep.as_deref()).await?;
    }
    tell_connection(context, &connection, "connected")?;
    Ok(Exit::Ok)
}

/// Writes down what is about to be done to a connection.
async fn note(context: &Context, action: &str, connection: &Connection, detail: Value) -> Result<()> {
    audit::note(context, action, &connection.name, connection.org_id.as_deref(), detail).await
}

fn fill_from_file(args: &mut AddArgs, path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem::unreadable("the file", path, &error))?;
    let file: AddFile = toml::from_str(&text)
        .map_err(|error| Problem::usage(format!("{} can not be used: {error}", path.display())))?;
    let AddArgs { name, place, credential, details, disabled, .. } = args;
    *name = name.take().or(file.name);
    place.region = place.region.take().or(file.region);
    place.api_url = place.api_url.take().or(file.api_url);
    place.insights_url = place.insights_url.take().or(file.insights_url);
    credential.api_key_file = credential.api_key_file.take().or(file.api_key_file);
    credential.client_id = credential.client_id.take().or(file.client_id);
    credential.client_secret_file = credential.client_secret_file.take().or(file.client_secret_file);
    details.description = details.description.take().or(file.description);
    details.org_id = details.org_id.take().or(file.org_id);
    details.org_name = details.org_name.take().or(file.org_name);
    details.owner_name = details.owner_name.take().or(file.owner_name);
    details.owner_email = details.owner_email.take().or(file.owner_email);
    details.inventory_every = details.inventory_every.take().or(file.inventory_every);
    details.events_every = details.events_every.take().or(file.events_every);
    details.keep_events = details.keep_events.take().or(file.keep_events);
    details.collector = details.collector.take().or(file.collector);
    *disabled |= file.enabled == Some(false);
    Ok(())
}

fn apply_details(connection: &mut Connection, details: &DetailArgs) {
    let set = |target: &mut Option<String>, value: &Option<String>| {
        if let Some(value) = value {
            *target = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    };
    set(&mut connection.description, &details.description);
    set(&mut connection.owner_name, &details.owner_name);
    set(&mut connection.owner_email, &details.owner_email);
    set(&mut connection.collector, &details.collector);
    if details.org_id.is_some() || details.org_name.is_some() {
        connection.org_id = None;
        connection.org_name = None;
        set(&mut connection.org_id, &details.org_id);
        set(&mut connection.org_name, &details.org_name);
    }
}

/// How long a connection's events are kept, as it is stored; nothing for the program's own setting.
fn keep_of(text: &str) -> Result<Option<String>> {
    if text.trim().eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    let keep: Keep = text.parse().map_err(|error| Problem::usage(format!("--keep-events: {error}, or default")))?;
    Ok(Some(keep.to_string()))
}

fn tell_connection(context: &Context, connection: &Connection, what: &str) -> Result<()> {
    if context.format == Format::Table {
        let organization = connection
            .org_name
            .as_deref()
            .or(connection.org_id.as_deref())
            .unwrap_or("an organization to be found out at the first sync");
        write_lines(&[
            format!("{} {what}: {}", printable(&connection.name), printable(organization)),
            format!("next: jumpseat sync {:?}", connection.name),
        ])?;
    } else {
        write_json(&connection_json(connection))?;
    }
    Ok(())
}

fn connection_json(connection: &Connection) -> Value {
    json!({
        "id": connection.id,
        "name": connection.name,
        "description": connection.description,
        "region": connection.place.region,
        "api_url": connection.place.console_url,
        "insights_url": connection.place.insights_url,
        "org_id": connection.org_id,
        "org_name": connection.org_name,
        "owner_name": connection.owner_name,
        "owner_email": connection.owner_email,
        "collector": connection.collector,
        "enabled": connection.enabled,
        "credential": {
            "kind": connection.credential_kind,
            "last_four": connection.credential_last_four,
            "client_id": connection.credential_client_id,
            "added_at": connection.credential_added_at.to_string(),
            "expires_at": connection.credential_expires_at.map(|at| at.to_string()),
        },
        "created_at": connection.created_at.to_string(),
    })
}

async fn list(context: &Context) -> Result<Exit> {
    let streams = context.store.streams(None).await?;
    let host = this_host();
    let mut sheet = Sheet::new(&[
        "name",
        "organization",
        "org_id",
        "region",
        "credential",
        "key_expires",
        "enabled",
        "state",
        "last_run",
        "last_success",
        "next_run",
    ]);
    for connection in context.store.connections().await? {
        let stream =
            streams.iter().find(|stream| stream.connection_id == connection.id && stream.kind == StreamKind::Inventory);
        let holder = context.store.lease_holder(&inventory_lease_name(&connection), &host, context.now).await?;
        let condition = stream.map(|stream| Condition::of(&connection, stream, holder.as_deref(), context.now));
        let moment = |at: Option<Timestamp>| match (at, context.format) {
            (None, _) => Value::Null,
            (Some(at), Format::Table) => json!(relative(at, context.now)),
            (Some(at), _) => json!(at.to_string()),
        };
        sheet.push(vec![
            json!(connection.name),
            json!(connection.org_name),
            json!(connection.org_id),
            json!(connection.place.region.as_deref().unwrap_or("custom")),
            json!(format!("****{}", connection.credential_last_four)),
            moment(connection.credential_expires_at),
            json!(connection.enabled),
            json!(condition.map(|condition| condition.state.connection_words())),
            json!(stream.and_then(|stream| stream.state.last_outcome).map(Outcome::word)),
            moment(stream.and_then(|stream| stream.state.last_success_at)),
            moment(stream.filter(|_| connection.enabled).and_then(|stream| stream.next_run_at)),
        ]);
    }
    if sheet.is_empty() && context.format == Format::Table {
        write_lines(&[
            "no connection yet; add one with `jumpseat connection add`, or look around with `jumpseat demo`".to_owned(),
        ])?;
        return Ok(Exit::Ok);
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

async fn show(name: &str, context: &Context) -> Result<Exit> {
    let connection = context.one(name).await?;
    let mut value = connection_json(&connection);
    let streams = context.store.streams(Some(&connection.id)).await?;
    let kept_from = match &connection.org_id {
        Some(org_id) => context.store.events_kept_from(org_id).await?,
        None => None,
    };
    value["streams"] = streams
        .iter()
        .map(|stream| {
            json!({
                "stream": stream.kind.word(),
                "schedule": stream.schedule,
                "keep": (stream.kind == StreamKind::Events)
                    .then(|| stream.keep.as_deref().unwrap_or(&context.config.keep_events)),
                "kept_from": kept_from.filter(|_| stream.kind == StreamKind::Events).map(|at| at.to_string()),
                "next_run_at": stream.next_run_at.map(|at| at.to_string()),
                "last_success_at": stream.state.last_success_at.map(|at| at.to_string()),
                "failing_since": stream.state.failing_since.map(|at| at.to_string()),
                "failure": stream.state.failure,
            })
        })
        .collect();
    if context.format == Format::Table {
        write_lines(&described(&value, ""))?;
    } else {
        write_json(&value)?;
    }
    Ok(Exit::Ok)
}

/// A JSON object as aligned lines for people.
pub(super) fn described(value: &Value, indent: &str) -> Vec<String> {
    let Value::Object(members) = value else { return vec![format!("{indent}{}", printable(&value.to_string()))] };
    let width = members.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (key, value) in members {
        match value {
            Value::Null => lines.push(format!("{indent}{key:width$}  -")),
            Value::Object(inner) if inner.is_empty() => lines.push(format!("{indent}{key:width$}  -")),
            Value::Object(_) => {
                lines.push(format!("{indent}{key}"));
                lines.extend(described(value, &format!("{indent}  ")));
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for item in items {
                    lines.push(format!("{indent}{key}"));
                    lines.extend(described(item, &format!("{indent}  ")));
                }
            }
            Value::String(text) => lines.push(format!("{indent}{key:width$}  {}", printable(text))),
            other => lines.push(format!("{indent}{key:width$}  {}", printable(&other.to_string()))),
        }
    }
    lines
}

async fn edit(args: EditArgs, context: &Context) -> Result<Exit> {
    let mut connection = context.one(&args.name).await?;
    let before = detail_of(&connection);
    let settings = settings(&context.config)?;
    let collector = context.collector("jumpseat connection edit")?;
    if let Some(name) = args.rename {
        connection.name = checked_name(&name)?;
    }
    if args.any_collector {
        connection.collector = None;
    }
    apply_details(&mut connection, &args.details);
    let place = place_of(&args.place, &settings)?.filter(|place| *place != connection.place);
    let credential = match credential_of(&args.credential)? {
        Some(credential) => Some(credential),
        // A key belongs to the host that it was given for; another host must be given it again.
        None if place.is_some() => {
            if !std::io::stdin().is_terminal() {
                return Err(Problem::usage(
                    "a changed region or URL needs the credential again, since it is bound to its host: add --api-key-file, --api-key-stdin or --client-id with --client-secret-file",
                ));
            }
            Some(ask_credential()?)
        }
        None => None,
    };
    if let Some(place) = place {
        connection.place = place;
    }
    let inventory = args
        .details
        .inventory_every
        .as_deref()
        .map(|text| checked_schedule(Some(text), USUAL_INVENTORY))
        .transpose()?;
    let events =
        args.details.events_every.as_deref().map(|text| checked_schedule(Some(text), USUAL_EVENTS)).transpose()?;
    let keep = args.details.keep_events.as_deref().map(keep_of).transpose()?;
    // Where the organization is named, nothing needs to be asked of JumpCloud to know that it is linked.
    collector.refuse_second_link(&connection).await?;
    let is_aimed_anew = args.details.org_id.is_some() || args.details.org_name.is_some();
    let report = match &credential {
        Some(credential) => Some(collector.test_with(&connection, credential).await),
        // Whether the credential sees that organization, only JumpCloud knows.
        None if is_aimed_anew => Some(collector.test(&connection).await?),
        None => None,
    };
    if let Some(report) = &report {
        show_checklist(report, Format::Table, true)?;
        if !report.connects() {
            return Err(not_connected(report, "nothing was changed", context.format));
        }
        report.take_over(&mut connection);
    }
    collector.refuse_second_link(&connection).await?;
    let mut after = detail_of(&connection);
    if let Some(credential) = &credential {
        after["credential"] = json!(format!("****{}", credential.last_four()));
    }
    let spoken = |schedule: &Option<String>| schedule.as_ref().map(|text| json!(text));
    for (name, value) in [
        ("inventory_every", spoken(&args.details.inventory_every)),
        ("events_every", spoken(&args.details.events_every)),
        ("keep_events", spoken(&args.details.keep_events)),
    ] {
        if let Some(value) = value {
            after[name] = value;
        }
    }
    note(context, "connection.update", &connection, json!({ "before": before, "after": after })).await?;
    context.store.update_connection(&connection, context.now).await?;
    if let Some(credential) = &credential {
        collector.swap_credential(connection.clone(), credential).await?;
    }
    for (kind, schedule) in [(StreamKind::Inventory, inventory), (StreamKind::Events, events)] {
        let Some(schedule) = schedule else { continue };
        collector.reschedule(&connection, kind, &schedule).await?;
    }
    if let Some(keep) = keep {
        context.store.set_keep(&connection.id, StreamKind::Events, keep.as_deref()).await?;
    }
    collector.note(&connection, Action::Update, Outcome::Succeeded, None, &this_person()).await?;
    tell_connection(context, &connection, "changed")?;
    Ok(Exit::Ok)
}

async fn test(name: &str, context: &Context) -> Result<Exit> {
    let connection = context.one(name).await?;
    let collector = context.collector("jumpseat connection test")?;
    note(context, "connection.test", &connection, json!({})).await?;
    let report = collector.test_and_note(&connection, &this_person()).await?;
    show_checklist(&report, context.format, false)?;
    Ok(match report.grade() {
        Grade::Pass | Grade::Warn if report.connects() => Exit::Ok,
        _ => report.failure_code.map_or(Exit::Error, exit_for),
    })
}

/// The checklist: for people line by line (only what matters when `brief`), for programs as JSON.
fn show_checklist(report: &TestReport, format: Format, brief: bool) -> Result<()> {
    if format != Format::Table {
        let checks: Vec<Value> = report
            .checks
            .iter()
            .map(|check| {
                json!({ "check": check.name, "result": check.grade.word(), "said": check.said, "help": check.help, "ms": check.took.as_millis() as u64 })
            })
            .collect();
        write_json(&json!({ "result": report.grade().word(), "connects": report.connects(), "checks": checks }))?;
        return Ok(());
    }
    let width = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for check in &report.checks {
        if brief && check.grade == Grade::Pass && check.name.starts_with("reads ") {
            continue;
        }
        lines.push(format!(
            "{}  {:width$}  {:>6} ms  {}",
            check.grade.word(),
            check.name,
            check.took.as_millis(),
            printable(&check.said)
        ));
        if let Some(help) = check.help.as_ref().filter(|_| check.grade != Grade::Pass) {
            lines.push(format!("      {:width$}             {}", "", printable(help)));
        }
    }
    if brief {
        // The answer to `add` is the connection; the way there is words.
        lines.iter().for_each(|line| eprintln_quietly(line));
    } else {
        write_lines(&lines)?;
    }
    Ok(())
}

/// What has come of a test that failed. To people its checklist was shown just before, with what to do.
fn not_connected(report: &TestReport, consequence: &str, format: Format) -> anyhow::Error {
    let failed = report.checks.iter().find(|check| check.grade == Grade::Fail);
    let said = failed.map_or("the connection does not work", |check| check.said.as_str());
    let code = report.failure_code.unwrap_or("error");
    Problem {
        exit: exit_for(code),
        code: code.to_owned(),
        message: format!("{said}; {consequence}"),
        help: failed.and_then(|check| check.help.clone()).filter(|_| format != Format::Table),
    }
    .into()
}

async fn set_enabled(name: &str, enabled: bool, context: &Context) -> Result<Exit> {
    let mut connection = context.one(name).await?;
    let detail = json!({ "before": { "enabled": connection.enabled }, "after": { "enabled": enabled } });
    note(context, "connection.enabled", &connection, detail).await?;
    connection.enabled = enabled;
    context.store.update_connection(&connection, context.now).await?;
    let collector = context.collector("jumpseat connection")?;
    collector.note(&connection, Action::Update, Outcome::Succeeded, None, &this_person()).await?;
    tell_connection(context, &connection, if enabled { "enabled" } else { "disabled" })?;
    Ok(Exit::Ok)
}

async fn rotate(args: RotateArgs, context: &Context) -> Result<Exit> {
    let mut connection = context.one(&args.name).await?;
    let credential = credential_or_asked(&args.credential)?;
    let collector = context.collector("jumpseat connection rotate")?;
    let detail = json!({
        "before": format!("{} ****{}", connection.credential_kind, connection.credential_last_four),
        "after": format!("****{}", credential.last_four()),
    });
    note(context, "connection.rotate", &connection, detail).await?;
    connection.credential_created_at = None;
    connection.credential_expires_at = None;
    if !args.no_test {
        let report = collector.test_with(&connection, &credential).await;
        show_checklist(&report, Format::Table, true)?;
        if !report.connects() {
            let problem = not_connected(&report, "the old credential stays in place", context.format);
            let (object, org_id) = (&connection.name, connection.org_id.as_deref());
            audit::note_failed(context, "connection.rotate", object, org_id, &problem.to_string()).await;
            let told = Some(("rotate".to_owned(), problem.to_string()));
            collector.note(&connection, Action::Update, Outcome::Failed, told, &this_person()).await?;
            return Err(problem);
        }
        report.take_over(&mut connection);
    }
    collector.swap_credential(connection.clone(), &credential).await?;
    collector.note(&connection, Action::Update, Outcome::Succeeded, None, &this_person()).await?;
    tell_connection(context, &connection, "has its new credential")?;
    Ok(Exit::Ok)
}

async fn remove(name: &str, purge: bool, yes: bool, context: &Context) -> Result<Exit> {
    // What a removed connection has left is known by its organization's id alone.
    let is_left_over =
        context.store.find_connection(name).await?.is_none() && !context.store.snapshots(name, 1).await?.is_empty();
    if purge && is_left_over {
        return purge_left_over(name, yes, context).await;
    }
    let connection = context.one(name).await?;
    if purge && !yes {
        confirm_purge(&connection.name)?;
    }
    let collector = context.collector("jumpseat connection remove")?;
    // Whoever has to type a name takes their time, in which its first sync may have found out its organization.
    let connection = context.one(&connection.id).await?;
    note(context, "connection.remove", &connection, json!({ "before": detail_of(&connection), "purge": purge }))
        .await?;
    collector.note(&connection, Action::Update, Outcome::Succeeded, None, &this_person()).await?;
    context.store.remove_connection(&connection, context.now).await?;
    if let Some(org_id) = connection.org_id.as_ref().filter(|_| purge) {
        context.store.purge_organization(org_id).await?;
    }
    let kept = match &connection.org_id {
        Some(_) if purge => " and everything that was collected of its organization".to_owned(),
        Some(org_id) => {
            format!("; what it has collected stays, until `jumpseat connection remove {org_id} --purge`")
        }
        None => String::new(),
    };
    eprintln_quietly(&format!("{} is removed{}", printable(&connection.name), printable(&kept)));
    Ok(Exit::Ok)
}

/// Removes what was collected of an organization whose connection is gone.
async fn purge_left_over(org_id: &str, yes: bool, context: &Context) -> Result<Exit> {
    let connections = context.store.connections().await?;
    if let Some(other) = connections.iter().find(|connection| connection.org_id.as_deref() == Some(org_id)) {
        let name = &other.name;
        return Err(Problem::usage(format!("{name} is connected to this organization: remove {name} with --purge")));
    }
    if !yes {
        confirm_purge(org_id)?;
    }
    audit::note(context, "organization.purge", org_id, Some(org_id), json!({})).await?;
    context.store.purge_organization(org_id).await?;
    eprintln_quietly(&format!("everything that was collected of the organization {} is removed", printable(org_id)));
    Ok(Exit::Ok)
}

/// Has a person type the name of what is to be removed.
fn confirm_purge(name: &str) -> Result<()> {
    let answer = ask(&format!("Everything collected of {name} will be removed. Type its name to go on"), None)
        .map_err(|_| {
            Problem::usage("--purge removes everything that was collected; add --yes to do it without being asked")
        })?;
    if answer == name { Ok(()) } else { Err(Problem::usage("nothing was removed: the name does not match")) }
}
