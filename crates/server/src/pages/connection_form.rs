//! Adding and changing a connection, in the order that people know: fill in, Test Connection, Save, Sync Now. A credential
//! goes in and never comes out again.

use askama::Template;
use axum::extract::Path;
use collect::{Settings, TestReport, USUAL_EVENTS, USUAL_INVENTORY, checked_name, new_connection};
use jumpcloud::Credential;
use serde_json::json;
use store::{Action, Connection, Outcome, Place, StreamKind};
use url::Url;

use super::connection::{Checklist, ConnectionHead, head};
use super::parts::{Moment, credential_words};
use crate::frame::{Frame, Section, page, see};
use crate::problem::{Answered, Problem};
use crate::settings::{CHANGED_MEANWHILE, Fields, change, detail_of, version_of};
use crate::sync_now;
use crate::visit::{Ctx, Pairs};

#[derive(Template)]
#[template(path = "connection_new.html")]
struct NewPage {
    frame: Frame,
    fields: Fields,
    error: Option<Problem>,
    checklist: Option<Checklist>,
    regions: Vec<Choice>,
    draft: String,
    may_use_custom: bool,
}

struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "connection_settings.html")]
struct SettingsPage {
    frame: Frame,
    head: ConnectionHead,
    fields: Fields,
    error: Option<Problem>,
    version: String,
    usual_keep: String,
}

#[derive(Template)]
#[template(path = "connection_credentials.html")]
struct CredentialsPage {
    frame: Frame,
    head: ConnectionHead,
    kind: String,
    last_four: String,
    client_id: String,
    added: Moment,
    expires: Moment,
    last_success: Moment,
    failing_since: Moment,
    failure: String,
    failure_help: String,
    error: Option<Problem>,
    checklist: Option<Checklist>,
}

const REGIONS: &[(&str, &str)] = &[
    ("us", "US: console.jumpcloud.com"),
    ("eu", "EU: console.eu.jumpcloud.com"),
    ("in", "IN: console.in.jumpcloud.com"),
    ("custom", "another API URL"),
];

pub(crate) async fn new(ctx: Ctx) -> Answered {
    let fields = Fields {
        name: ctx.app.collector.free_name().await?,
        region: "us".to_owned(),
        inventory_every: USUAL_INVENTORY.to_owned(),
        events_every: USUAL_EVENTS.to_owned(),
        enabled: true,
        ..Fields::default()
    };
    new_page(&ctx, fields, None, None, String::new()).await
}

async fn new_page(
    ctx: &Ctx,
    fields: Fields,
    error: Option<Problem>,
    report: Option<&TestReport>,
    draft: String,
) -> Answered {
    let regions =
        REGIONS.iter().map(|(value, label)| Choice { value, label, is_chosen: *value == fields.region }).collect();
    let page_of = NewPage {
        frame: Frame::of(ctx, Section::Connections, "Add a connection").await?,
        fields,
        checklist: report.map(Checklist::of),
        regions,
        draft,
        may_use_custom: ctx.app.collector.settings.allow_loopback,
        error,
    };
    page(&page_of)
}

/// What the form asks for, once it was understood.
struct Asked {
    connection: Connection,
    credential: Credential,
    inventory: String,
    events: String,
    keep: Option<String>,
}

pub(crate) async fn add(ctx: Ctx) -> Answered {
    if !ctx.sees_everything() {
        return Err(Problem::forbidden("only who may see all organizations can add one"));
    }
    let asked = match asked(&ctx).await {
        Ok(asked) => asked,
        Err(problem) if problem.status.is_server_error() => return Err(problem),
        Err(problem) => {
            return new_page(&ctx, Fields::of_form(&ctx.form), Some(problem), None, ctx.form.text("draft").to_owned())
                .await;
        }
    };
    let session = session_of(&ctx);
    let draft = ctx.app.drafts.keep(&session, &asked.connection.place, &asked.credential, ctx.now);
    ctx.app.drafts.forget(ctx.form.text("draft"));
    let is_test = ctx.form.get("do") == Some("test");
    let detail = detail_of(&asked.connection);
    let action = if is_test { "connection.test" } else { "connection.add" };
    let (name, org_id) = (asked.connection.name.clone(), asked.connection.org_id.clone());
    ctx.audit_begun(action, &name, org_id.as_deref(), detail).await?;
    let report = ctx.app.collector.test_with(&asked.connection, &asked.credential).await;
    if is_test || !report.connects() {
        let mut unsaved = asked.connection.clone();
        unsaved.name.push_str(" (unsaved settings)");
        ctx.app.collector.note_test(&unsaved, &report, &ctx.by()).await?;
        ctx.audit_ended(action, &name, org_id.as_deref(), report.failure()).await;
        return new_page(&ctx, Fields::of_form(&ctx.form), None, Some(&report), draft).await;
    }
    match save_new(&ctx, asked, &report).await {
        Ok(id) => {
            ctx.audit_ended(action, &name, org_id.as_deref(), None).await;
            ctx.app.drafts.forget(&draft);
            see(format!("/connections/{id}?done=connected"))
        }
        Err(problem) => {
            ctx.audit_ended(action, &name, org_id.as_deref(), Some(problem.message.clone())).await;
            if problem.status.is_server_error() {
                return Err(problem);
            }
            new_page(&ctx, Fields::of_form(&ctx.form), Some(problem), Some(&report), draft).await
        }
    }
}

async fn save_new(ctx: &Ctx, asked: Asked, report: &TestReport) -> Result<String, Problem> {
    let Asked { mut connection, credential, inventory, events, keep } = asked;
    report.take_over(&mut connection);
    let collector = &ctx.app.collector;
    collector.refuse_second_link(&connection).await?;
    collector.link(&connection, &credential, Some(&inventory), Some(&events), &ctx.by()).await?;
    if keep.is_some() {
        ctx.app.store.set_keep(&connection.id, StreamKind::Events, keep.as_deref()).await?;
    }
    Ok(connection.id)
}

/// The session that a draft belongs to.
fn session_of(ctx: &Ctx) -> String {
    ctx.session.as_ref().map(|session| session.id.clone()).unwrap_or_default()
}

async fn asked(ctx: &Ctx) -> Result<Asked, Problem> {
    let fields = Fields::of_form(&ctx.form);
    let place = place_of(&ctx.app.collector.settings, &fields)?;
    let credential = match typed_credential(&ctx.form)? {
        Some(credential) => credential,
        None => ctx.app.drafts.find(ctx.form.text("draft"), &session_of(ctx), &place, ctx.now).ok_or_else(|| {
            Problem::bad("the API key is missing").help("A key is kept for a quarter of an hour after a test, and only for the API URL that it was tested with. Paste it again.")
        })?,
    };
    let name = match fields.name.as_str() {
        "" => ctx.app.collector.free_name().await?,
        name => checked_name(name)?,
    };
    let mut connection = new_connection(name, place, &credential, ctx.now);
    fields.apply(&mut connection);
    match fields.organization.as_str() {
        "" => {}
        id if id.len() == 24 && id.chars().all(|digit| digit.is_ascii_hexdigit()) => {
            connection.org_id = Some(id.to_lowercase());
        }
        name => connection.org_name = Some(name.to_owned()),
    }
    ctx.app.collector.refuse_second_link(&connection).await?;
    let (inventory, events, keep) = fields.schedules()?;
    Ok(Asked { connection, credential, inventory, events, keep })
}

/// Where JumpCloud is. Whoever uses the console can not point this machine at hosts of their choice: a host that is not
/// JumpCloud's is set on the command line.
fn place_of(settings: &Settings, fields: &Fields) -> Result<Place, Problem> {
    let refused = |error: collect::SettingsError| Problem::bad(error.to_string());
    if !fields.is_custom() {
        return Settings::place_of_region(&fields.region).map_err(refused);
    }
    let url =
        Url::parse(&fields.api_url).map_err(|error| Problem::bad(format!("the API URL can not be read: {error}")))?;
    let host = url.host_str().unwrap_or_default();
    let is_theirs = host == "jumpcloud.com" || host.ends_with(".jumpcloud.com");
    let is_simulator = settings.allow_loopback && (host == "localhost" || host == "127.0.0.1" || host == "[::1]");
    if !is_theirs && !is_simulator {
        return Err(Problem::bad(format!("{host} is not a host of JumpCloud")).help(
            "A connection to another host is made by whoever runs this server: jumpseat connection add --api-url URL.",
        ));
    }
    settings.place_of_urls(&fields.api_url, None).map_err(refused)
}

/// The credential that was typed, if one was.
fn typed_credential(form: &Pairs) -> Result<Option<Credential>, Problem> {
    let secret = form.exact("secret");
    if secret.trim().is_empty() {
        return Ok(None);
    }
    let credential = match form.text("credential_kind") {
        "service_account" => Credential::service_account(form.text("client_id"), secret),
        _ => Credential::api_key(secret),
    };
    credential.map(Some).map_err(|error| {
        Problem::bad(format!("this can not be a credential: {error}"))
            .help("Copy it again from JumpCloud. A key can not be viewed there a second time; generate a new one if it is lost.")
    })
}

pub(crate) async fn settings(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    settings_page(&ctx, &connection, None, None).await
}

async fn settings_page(ctx: &Ctx, connection: &Connection, fields: Option<Fields>, error: Option<Problem>) -> Answered {
    let streams = ctx.app.store.streams(Some(&connection.id)).await?;
    let page_of = SettingsPage {
        frame: Frame::of(ctx, Section::Connections, format!("{}: settings", connection.name)).await?,
        head: head(ctx, connection, "settings").await?,
        fields: fields.unwrap_or_else(|| Fields::of(connection, &streams)),
        version: ctx.form.get("version").map_or_else(|| version_of(connection, &streams), str::to_owned),
        usual_keep: ctx.app.keep_events.clone(),
        error,
    };
    page(&page_of)
}

pub(crate) async fn save(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let before = ctx.read().connection(&id).await?;
    let fields = Fields::of_form(&ctx.form);
    match change(&ctx, "connection.update", &id, ctx.form.text("version"), |_| Ok(fields)).await {
        Ok(()) => see(format!("/connections/{id}?done=saved")),
        Err(problem) if problem.status.is_server_error() || problem.code == CHANGED_MEANWHILE => Err(problem),
        Err(problem) => settings_page(&ctx, &before, Some(Fields::of_form(&ctx.form)), Some(problem)).await,
    }
}

pub(crate) async fn credentials(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    credentials_page(&ctx, &connection, None, None).await
}

async fn credentials_page(
    ctx: &Ctx,
    connection: &Connection,
    error: Option<Problem>,
    report: Option<&TestReport>,
) -> Answered {
    let streams = ctx.app.store.streams(Some(&connection.id)).await?;
    let failing = streams.iter().find(|stream| stream.state.failing_since.is_some());
    let page_of = CredentialsPage {
        frame: Frame::of(ctx, Section::Connections, format!("{}: credentials", connection.name)).await?,
        head: head(ctx, connection, "credentials").await?,
        kind: credential_words(&connection.credential_kind).to_owned(),
        last_four: connection.credential_last_four.clone(),
        client_id: connection.credential_client_id.clone().unwrap_or_default(),
        added: Moment::of(Some(connection.credential_added_at), ctx.now),
        expires: Moment::of(connection.credential_expires_at, ctx.now),
        last_success: Moment::of(streams.iter().filter_map(|stream| stream.state.last_success_at).max(), ctx.now),
        failing_since: Moment::of(failing.and_then(|stream| stream.state.failing_since), ctx.now),
        failure: failing.and_then(|stream| stream.state.failure.clone()).unwrap_or_default(),
        failure_help: failing.and_then(|stream| stream.state.failure_help.clone()).unwrap_or_default(),
        checklist: report.map(Checklist::of),
        error,
    };
    page(&page_of)
}

pub(crate) async fn rotate(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let mut connection = ctx.read().connection(&id).await?;
    let credential = match typed_credential(&ctx.form) {
        Ok(Some(credential)) => credential,
        Ok(None) => {
            return credentials_page(&ctx, &connection, Some(Problem::bad("the new credential is missing")), None)
                .await;
        }
        Err(problem) => return credentials_page(&ctx, &connection, Some(problem), None).await,
    };
    let detail = json!({
        "before": format!("{} ****{}", connection.credential_kind, connection.credential_last_four),
        "after": format!("****{}", credential.last_four()),
    });
    let (name, org_id) = (connection.name.clone(), connection.org_id.clone());
    ctx.audit_begun("connection.rotate", &name, org_id.as_deref(), detail).await?;
    connection.credential_created_at = None;
    connection.credential_expires_at = None;
    let collector = &ctx.app.collector;
    let report = collector.test_with(&connection, &credential).await;
    if !report.connects() {
        let why = "the new credential does not work; the old one stays in place";
        let failure = report.failure();
        let told = failure.as_ref().map_or_else(|| why.to_owned(), |failure| format!("{why} ({failure})"));
        ctx.audit_ended("connection.rotate", &name, org_id.as_deref(), Some(told.clone())).await;
        let told = Some(("rotate".to_owned(), told));
        collector.note(&connection, Action::Update, Outcome::Failed, told, &ctx.by()).await?;
        return credentials_page(&ctx, &connection, Some(Problem::bad(why)), Some(&report)).await;
    }
    report.take_over(&mut connection);
    let swapped = collector.swap_credential(connection.clone(), &credential).await;
    ctx.audit_ended("connection.rotate", &name, org_id.as_deref(), swapped.as_ref().err().map(ToString::to_string))
        .await;
    swapped?;
    collector.note(&connection, Action::Update, Outcome::Succeeded, None, &ctx.by()).await?;
    see(format!("/connections/{id}?done=rotated"))
}

pub(crate) async fn remove(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    if ctx.form.text("confirm") != connection.name {
        let problem = Problem::bad("nothing was removed: the name does not match");
        return settings_page(&ctx, &connection, None, Some(problem)).await;
    }
    let detail = json!({ "before": detail_of(&connection) });
    ctx.audit("connection.remove", &connection.name, connection.org_id.as_deref(), detail).await?;
    sync_now::cancel(&ctx, &connection).await?;
    ctx.app.collector.note(&connection, Action::Update, Outcome::Succeeded, None, &ctx.by()).await?;
    ctx.app.store.remove_connection(&connection, ctx.now).await?;
    see("/connections?done=removed")
}
