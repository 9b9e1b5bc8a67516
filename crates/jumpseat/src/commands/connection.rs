//! `connection …`: adding, testing, changing and removing the links to organizations.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use collect::events::Keep;
use collect::{
    Grade, Settings, TestReport, USUAL_EVENTS, USUAL_INVENTORY, VisibleOrganization, checked_name, checked_schedule,
    inventory_lease_name, new_connection, visible_organizations,
};
use jiff::Timestamp;
use jumpcloud::Credential;
use serde::Deserialize;
use serde_json::{Value, json};
use server::detail_of;
use store::{Action, Connection, Outcome, Place, StreamKind};

use super::{Global, audit};
use crate::condition::Condition;
use crate::context::{Context, clock, settings, this_host, this_person};
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
pub(super) struct PlaceArgs {
    /// JumpCloud's region: us, eu or in.
    #[arg(long, conflicts_with = "api_url")]
    region: Option<String>,
    /// Custom URL of the V1 and V2 API (https).
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// Custom URL of Directory Insights; the API's own, if not said.
    #[arg(long, value_name = "URL", requires = "api_url")]
    insights_url: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub(super) struct CredentialArgs {
    /// Read the API key from this file.
    #[arg(long, value_name = "FILE", group = "credential")]
    api_key_file: Option<PathBuf>,
    /// Read the API key from standard input.
    #[arg(long, group = "credential")]
    api_key_stdin: bool,
    /// A service account's client id.
    #[arg(long, value_name = "ID", group = "credential", requires = "client_secret_file")]
    client_id: Option<String>,
    /// Read the service account's secret from this file.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret_file: Option<PathBuf>,
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

#[derive(Debug, Args)]
pub(super) struct DiscoverArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    credential: CredentialArgs,
    /// Link every organization that is not linked yet.
    #[arg(long, conflicts_with = "add")]
    all: bool,
    /// Link these organizations (id or name), separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ORG,ORG")]
    add: Vec<String>,
    /// How often their inventory is collected.
    #[arg(long, value_name = "SCHEDULE")]
    inventory_every: Option<String>,
    /// Who to ask about them.
    #[arg(long)]
    owner_name: Option<String>,
    /// Their e-mail address.
    #[arg(long)]
    owner_email: Option<String>,
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
            return Err(not_connected(&report, "nothing was saved; use --no-test to save it all the same"));
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
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can not be read", path.display()))?;
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

/// The place that the arguments name, if they name one.
fn place_of(args: &PlaceArgs, settings: &Settings) -> Result<Option<Place>> {
    let place = match (&args.region, &args.api_url) {
        (Some(region), _) => Settings::place_of_region(region),
        (None, Some(url)) => settings.place_of_urls(url, args.insights_url.as_deref()),
        (None, None) => return Ok(None),
    };
    place.map(Some).map_err(|error| Problem::usage(error.to_string()))
}

/// The place that the arguments name, or that the person at the terminal names.
fn place_or_asked(args: &PlaceArgs, settings: &Settings) -> Result<Place> {
    match place_of(args, settings)? {
        Some(place) => Ok(place),
        None => Settings::place_of_region(&ask("Region (us, eu, in)", Some("us"))?)
            .map_err(|error| Problem::usage(error.to_string())),
    }
}

/// The credential that the arguments name, or that the person at the terminal types.
fn credential_or_asked(args: &CredentialArgs) -> Result<Credential> {
    match credential_of(args)? {
        Some(credential) => Ok(credential),
        None => ask_credential(),
    }
}

/// The credential that the arguments name, if they name one.
fn credential_of(args: &CredentialArgs) -> Result<Option<Credential>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("the credential file {} can not be read", path.display()))
    };
    let credential = if let (Some(id), Some(path)) = (&args.client_id, &args.client_secret_file) {
        Credential::service_account(id, &read(path)?)
    } else if let Some(path) = &args.api_key_file {
        Credential::api_key(&read(path)?)
    } else if args.api_key_stdin {
        let mut text = String::new();
        std::io::stdin().take(64 * 1024).read_to_string(&mut text).context("standard input can not be read")?;
        Credential::api_key(&text)
    } else {
        return Ok(None);
    };
    credential.map(Some).map_err(|error| Problem::usage(format!("this can not be a credential: {error}")))
}

/// Asks for an API key without showing it.
fn ask_credential() -> Result<Credential> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::usage(
            "a credential is needed: --api-key-file FILE, --api-key-stdin, or --client-id ID --client-secret-file FILE",
        ));
    }
    let key =
        rpassword::prompt_password("API key (not shown): ").context("the key can not be read from the terminal")?;
    Credential::api_key(&key).map_err(|error| Problem::usage(format!("this can not be a credential: {error}")))
}

fn ask(what: &str, usual: Option<&str>) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return match usual {
            Some(_) if what.starts_with("Region") => {
                Err(Problem::usage("say where JumpCloud is: --region us|eu|in, or --api-url URL"))
            }
            _ => Err(Problem::usage(format!("{what} is needed"))),
        };
    }
    let hint = usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
    eprint_prompt(&format!("{what}{hint}: "));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the answer can not be read")?;
    let line = line.trim();
    Ok(if line.is_empty() { usual.unwrap_or_default().to_owned() } else { line.to_owned() })
}

fn eprint_prompt(text: &str) {
    use std::io::Write as _;
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{text}").and_then(|()| err.flush());
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
            return Err(not_connected(report, "nothing was changed"));
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

fn not_connected(report: &TestReport, consequence: &str) -> anyhow::Error {
    let failed = report.checks.iter().find(|check| check.grade == Grade::Fail);
    let said = failed.map_or("the connection does not work", |check| check.said.as_str());
    let code = report.failure_code.unwrap_or("error");
    Problem {
        exit: exit_for(code),
        code: code.to_owned(),
        message: format!("{said}; {consequence}"),
        help: failed.and_then(|check| check.help.clone()),
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
            let problem = not_connected(&report, "the old credential stays in place");
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

async fn discover(args: DiscoverArgs, context: &Context) -> Result<Exit> {
    let settings = settings(&context.config)?;
    let place = place_or_asked(&args.place, &settings)?;
    let credential = credential_or_asked(&args.credential)?;
    let seen = visible_organizations(&settings, &place, credential.clone(), clock()).await?;
    let linked = context.store.connections().await?;
    let connection_of = |id: &str| {
        linked
            .iter()
            .find(|connection| connection.org_id.as_deref() == Some(id))
            .map(|connection| connection.name.clone())
    };
    let chosen = chosen_organizations(&args, &seen, |id| connection_of(id).is_some())?;
    let collector = context.collector("jumpseat connection discover")?;
    // Of each chosen organization: its id, how its test went, and the name of its connection, if it was linked.
    let mut tried: Vec<(String, TestReport, Option<String>)> = Vec::new();
    for organization in chosen {
        let name = if organization.name.is_empty() || context.store.find_connection(&organization.name).await?.is_some()
        {
            collector.free_name().await?
        } else {
            checked_name(&organization.name)?
        };
        let mut connection = new_connection(name, place.clone(), &credential, context.now);
        connection.org_id = Some(organization.id.clone());
        connection.org_name = Some(organization.name.clone()).filter(|name| !name.is_empty());
        connection.owner_name.clone_from(&args.owner_name);
        connection.owner_email.clone_from(&args.owner_email);
        let report = collector.test_with(&connection, &credential).await;
        eprintln_quietly(&format!("{} ({})", printable(&connection.name), printable(&organization.id)));
        show_checklist(&report, Format::Table, true)?;
        let is_linked = report.connects();
        if is_linked {
            report.take_over(&mut connection);
            note(context, "connection.add", &connection, detail_of(&connection)).await?;
            collector.link(&connection, &credential, args.inventory_every.as_deref(), None, &this_person()).await?;
        }
        tried.push((organization.id.clone(), report, is_linked.then_some(connection.name)));
    }
    let mut sheet = Sheet::new(&["organization", "org_id", "connection", "added", "test"]);
    for organization in &seen {
        let own = tried.iter().find(|(id, ..)| *id == organization.id);
        let new = own.and_then(|(_, _, name)| name.clone());
        let test = own.map(|(_, report, _)| report.grade().word());
        let connection = new.clone().or_else(|| connection_of(&organization.id));
        sheet.push(vec![
            json!(organization.name),
            json!(organization.id),
            json!(connection),
            json!(new.is_some()),
            json!(test),
        ]);
    }
    let sheet = if context.format == Format::Table { sheet.without_empty_columns() } else { sheet };
    sheet.write(context.format)?;
    if tried.is_empty() && context.format == Format::Table {
        eprintln_quietly("to link some: add --all, or --add NAME,NAME");
    }
    match tried.iter().find(|(_, report, _)| !report.connects()) {
        Some((_, report, _)) => Err(not_connected(report, "that organization was not linked")),
        None => Ok(Exit::Ok),
    }
}

fn chosen_organizations<'a>(
    args: &DiscoverArgs,
    seen: &'a [VisibleOrganization],
    is_linked: impl Fn(&str) -> bool,
) -> Result<Vec<&'a VisibleOrganization>> {
    if args.all {
        return Ok(seen.iter().filter(|organization| !is_linked(&organization.id)).collect());
    }
    let mut chosen = Vec::new();
    for wanted in &args.add {
        let wanted = wanted.trim();
        let found = seen.iter().find(|organization| {
            organization.id == wanted || organization.name.to_lowercase() == wanted.to_lowercase()
        });
        match found {
            Some(organization) if is_linked(&organization.id) => {
                return Err(Problem::usage(format!("{wanted} is linked already")));
            }
            Some(organization) => chosen.push(organization),
            None => {
                return Err(Problem::not_found(
                    format!("the credential sees no organization {wanted}"),
                    "Run it without --add to see them all.",
                ));
            }
        }
    }
    Ok(chosen)
}
