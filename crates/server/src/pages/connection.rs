//! Connections: the list, and one of them with its streams, its history and what it reads; Test Connection and Sync Now.

use askama::Template;
use axum::extract::Path;
use collect::condition::State;
use collect::events::coverage_of;
use collect::{Grade, TestReport};
use jiff::{SignedDuration, Timestamp};
use posture::harmless::printable;
use serde_json::json;
use store::events::{Hour, WindowState};
use store::{Connection, StreamKind};

use super::parts::{ConnectionLine, Moment, RunLine, StateView, credential_words, needs_action};
use crate::frame::{Frame, Section, page, see};
use crate::grid::{Column, Grid, Look, Shown, Spec, column, grouped, size_words, state_tone};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::Parameters;
use crate::settings::{Fields, change, version_of};
use crate::sheet::Sheet;
use crate::sync_now;
use crate::visit::Ctx;

/// As many runs, the newest, a history shows.
const RUNS: u32 = 1_000;
/// Runs in the strip of bars.
const STRIP: usize = 30;

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    grid: Grid,
    all: usize,
    needing: usize,
    search: String,
    only_action: bool,
    may_manage: bool,
}

/// Enables a connection in the list, or disables it.
#[derive(Template)]
#[template(path = "connection_switch.html")]
struct Switch<'a> {
    form_token: &'a str,
    id: &'a str,
    name: &'a str,
    enabled: bool,
}

/// What stands above every page of one connection.
#[derive(Debug)]
pub(crate) struct ConnectionHead {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) organization: String,
    pub(crate) org_id: String,
    pub(crate) place: String,
    pub(crate) enabled: bool,
    pub(crate) state: StateView,
    pub(crate) is_running: bool,
    pub(crate) may_run: bool,
    pub(crate) may_manage: bool,
    pub(crate) tab: &'static str,
}

#[derive(Template)]
#[template(path = "connection_status.html")]
struct StatusPage {
    frame: Frame,
    head: ConnectionHead,
    streams: Vec<StreamLine>,
    strip: Vec<StripBar>,
    checklist: Option<Checklist>,
    credential: String,
    expires: Moment,
    owner: String,
    description: String,
}

struct StreamLine {
    stream: &'static str,
    state: StateView,
    schedule: String,
    last_success: Moment,
    last_run: Moment,
    next_run: Moment,
    failing_since: Moment,
    failures: i64,
}

struct StripBar {
    x: usize,
    tone: &'static str,
    words: String,
    href: String,
}

/// The answer of Test Connection.
#[derive(Debug)]
pub(crate) struct Checklist {
    pub(crate) connects: bool,
    pub(crate) words: String,
    pub(crate) lines: Vec<CheckLine>,
}

#[derive(Debug)]
pub(crate) struct CheckLine {
    pub(crate) name: String,
    pub(crate) result: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) said: String,
    pub(crate) help: String,
    pub(crate) milliseconds: u128,
}

#[derive(Template)]
#[template(path = "connection_history.html")]
struct HistoryPage {
    frame: Frame,
    head: ConnectionHead,
    grid: Grid,
}

#[derive(Template)]
#[template(path = "connection_state.html")]
struct StatePage {
    frame: Frame,
    head: ConnectionHead,
    inventory: Vec<(&'static str, String)>,
    events: Vec<(&'static str, String)>,
    gaps: Vec<(String, String)>,
    windows: Grid,
    states: Vec<(&'static str, String, bool)>,
}

#[derive(Template)]
#[template(path = "what_we_read.html")]
struct WhatWeReadPage {
    frame: Frame,
    head: ConnectionHead,
    endpoints: Vec<EndpointLine>,
    tables: Vec<(&'static str, &'static str)>,
    from_run: i64,
}

struct EndpointLine {
    request: String,
    calls: String,
    retries: String,
    rate_limited: String,
    status: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    run: RunLine,
    error: String,
    help: String,
    bytes: String,
    collector: String,
    ended: Moment,
    tables: Vec<RunTable>,
    calls: Vec<EndpointLine>,
    connection_id: String,
}

struct RunTable {
    name: String,
    state: &'static str,
    tone: &'static str,
    told: String,
    read: String,
    new: String,
    changed: String,
    gone: String,
    unchanged: String,
    reason: String,
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let mut frame = Frame::of(&ctx, Section::Connections, "Connections").await?;
    let standings = ctx.read().standings(&ctx.app).await?;
    let mut lines = ConnectionLine::all(&ctx.read().connections().await?, &standings, ctx.now);
    frame.is_live = lines.iter().any(|line| line.current != "–");
    let all = lines.len();
    let needing = lines.iter().filter(|line| needs_action(line.rank)).count();
    let search = ctx.query.text("q").to_owned();
    let only_action = ctx.query.get("show") == Some("action");
    let wanted = search.to_lowercase();
    lines.retain(|line| {
        let texts = [&line.name, &line.organization, &line.org_id, &line.owner];
        (wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted)))
            && (!only_action || needs_action(line.rank))
    });
    let mut sheet = Sheet {
        caption: "Connections".to_owned(),
        columns: list_columns(),
        rows: lines.into_iter().map(|line| list_row(&ctx, line)).collect::<Result<_, _>>()?,
        filters: vec![("q", "Search")],
        empty: match all {
            0 => "No connection yet. To add one you need the API URL, the organization and a read-only API key."
                .to_owned(),
            _ => "No connection is like that.".to_owned(),
        },
        file: "connections".to_owned(),
    };
    if let Some(file) = sheet.export(&ctx).await {
        return file;
    }
    page(&ConnectionsPage {
        frame,
        grid: sheet.grid(&ctx),
        all,
        needing,
        search,
        only_action,
        may_manage: ctx.may(Permission::ManageConnections),
    })
}

fn list_columns() -> Vec<Column> {
    vec![
        column("connection", "Connection", Look::Plain),
        column("enabled", "Enabled", Look::Plain),
        column("state", "State", Look::Plain),
        column("key", "Key, expires", Look::Plain),
        column("current_run", "Current run", Look::Plain),
        column("last_run_status", "Last run status", Look::Plain),
        column("last_run", "Last run time", Look::Time),
        column("next_run", "Next run", Look::Time),
        column("streams", "Streams", Look::Plain),
        column("organization", "Organization", Look::Plain).more(),
        column("org_id", "Organization ID", Look::Plain).more(),
        column("region", "Region", Look::Plain).more(),
        column("owner", "Owner", Look::Plain).more(),
        column("key_expires", "Key expires", Look::Time).more(),
        column("reason", "Why", Look::Plain).more(),
    ]
}

fn list_row(ctx: &Ctx, line: ConnectionLine) -> Result<Vec<Shown>, Problem> {
    let place = match line.organization == line.name {
        true => line.region.clone(),
        false => format!("{}, {}", line.organization, line.region),
    };
    let mut enabled = Shown::text(if line.enabled { "yes" } else { "no" });
    if ctx.may(Permission::RunConnections) {
        let switch = Switch { form_token: &ctx.form_token, id: &line.id, name: &line.name, enabled: line.enabled };
        enabled.markup = switch.render().map_err(Problem::internal)?;
    }
    let mut key = Shown { hover: line.expires.exact.clone(), class: "code", ..Shown::text(line.credential) };
    if !line.expires.exact.is_empty() {
        key.small.clone_from(&line.expires.words);
        key.small_tone = if line.expires_soon { "warn" } else { "" };
    }
    Ok(vec![
        Shown::link(line.name, format!("/connections/{}", line.id)).above(place),
        enabled,
        Shown::state(&line.state),
        key,
        Shown::text(line.current),
        Shown::badge(line.last_outcome, line.last_tone),
        Shown::moment(line.last_run),
        Shown::moment(line.next_run),
        Shown::figure(format!("{}/{}", line.healthy, line.streams)),
        Shown::text(line.organization),
        Shown::text(line.org_id),
        Shown::text(line.region),
        Shown::text(line.owner),
        Shown::moment(line.expires),
        Shown::text(line.state.reason).class("wrap"),
    ])
}

pub(crate) async fn head(ctx: &Ctx, connection: &Connection, tab: &'static str) -> Result<ConnectionHead, Problem> {
    let standings = ctx.read().everywhere().standings(&ctx.app).await?;
    let own = standings.iter().filter(|standing| standing.connection.id == connection.id);
    let worst = own.min_by_key(|standing| standing.condition.state);
    Ok(ConnectionHead {
        id: connection.id.clone(),
        name: connection.name.clone(),
        organization: connection.org_name.clone().unwrap_or_else(|| "found out at the first sync".to_owned()),
        org_id: connection.org_id.clone().unwrap_or_default(),
        place: match &connection.place.region {
            Some(region) => format!("region {}", region.to_uppercase()),
            None => connection.place.console_url.clone(),
        },
        enabled: connection.enabled,
        state: StateView::of_worst(worst),
        is_running: standings.iter().any(|standing| {
            let is_syncing = standing.condition.state == State::Syncing || standing.stream.asked.is_some();
            standing.connection.id == connection.id && is_syncing
        }),
        may_run: ctx.may(Permission::RunConnections),
        may_manage: ctx.may(Permission::ManageConnections),
        tab,
    })
}

pub(crate) async fn status(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    status_page(&ctx, &connection, None).await
}

async fn status_page(ctx: &Ctx, connection: &Connection, report: Option<&TestReport>) -> Answered {
    let mut frame = Frame::of(ctx, Section::Connections, connection.name.clone()).await?;
    let head = head(ctx, connection, "status").await?;
    frame.is_live = head.is_running && report.is_none();
    let standings = ctx.read().everywhere().standings(&ctx.app).await?;
    let streams = standings
        .iter()
        .filter(|standing| standing.connection.id == connection.id)
        .map(|standing| {
            let state = &standing.stream.state;
            StreamLine {
                stream: standing.stream.kind.word(),
                state: StateView::of_stream(&standing.condition),
                schedule: standing.stream.schedule.clone(),
                last_success: Moment::of(state.last_success_at, ctx.now),
                last_run: Moment::of(state.last_started_at, ctx.now),
                next_run: Moment::next(standing.stream.next_run_at.filter(|_| connection.enabled), ctx.now),
                failing_since: Moment::of(state.failing_since, ctx.now),
                failures: state.failures,
            }
        })
        .collect();
    let runs = ctx.read().runs(connection, 4 * STRIP as u32).await?;
    let last: Vec<_> = runs
        .iter()
        .filter(|run| matches!(run.action, store::Action::Sync | store::Action::Events))
        .take(STRIP)
        .collect();
    let strip = last
        .iter()
        .enumerate()
        .map(|(at, run)| {
            let word = run.outcome.map_or("running", store::Outcome::word);
            StripBar {
                // The newest stands at the right.
                x: (last.len() - 1 - at) * 12,
                tone: state_tone(word),
                words: format!("run {}, {}: {word}", run.id, collect::when::relative(run.started_at, ctx.now)),
                href: format!("/runs/{}", run.id),
            }
        })
        .collect();
    page(&StatusPage {
        frame,
        head,
        streams,
        strip,
        checklist: report.map(Checklist::of),
        credential: format!(
            "{}, ****{}",
            credential_words(&connection.credential_kind),
            connection.credential_last_four
        ),
        expires: Moment::of(connection.credential_expires_at, ctx.now),
        owner: [&connection.owner_name, &connection.owner_email]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(", "),
        description: connection.description.clone().unwrap_or_default(),
    })
}

impl Checklist {
    pub(crate) fn of(report: &TestReport) -> Self {
        let failed = report.checks.iter().filter(|check| check.grade == Grade::Fail).count();
        let warned = report.checks.iter().filter(|check| check.grade == Grade::Warn).count();
        let words = match (report.connects(), failed, warned) {
            (true, 0, 0) => "Verified: everything that is needed can be read.".to_owned(),
            (true, 0, warned) => format!("Verified: the connection works. {warned} things are worth a look."),
            (true, failed, _) => format!("The connection works, but {failed} things can not be read."),
            (false, ..) => "The connection does not work yet. The first failed line says why.".to_owned(),
        };
        Self {
            connects: report.connects(),
            words,
            lines: report
                .checks
                .iter()
                .map(|check| CheckLine {
                    name: check.name.clone(),
                    result: check.grade.word(),
                    tone: state_tone(check.grade.word()),
                    said: printable(&check.said),
                    help: check.help.clone().filter(|_| check.grade != Grade::Pass).unwrap_or_default(),
                    milliseconds: check.took.as_millis(),
                })
                .collect(),
        }
    }
}

/// Tests a connection, which is written down before and afterwards.
pub(crate) async fn tested(ctx: &Ctx, connection: &Connection) -> Result<TestReport, Problem> {
    let org_id = connection.org_id.as_deref();
    ctx.audit_begun("connection.test", &connection.name, org_id, json!({})).await?;
    let report = ctx.app.collector.test_and_note(connection, &ctx.by()).await;
    let failure = match &report {
        Ok(report) => report.failure(),
        Err(error) => Some(error.to_string()),
    };
    ctx.audit_ended("connection.test", &connection.name, org_id, failure).await;
    Ok(report?)
}

pub(crate) async fn test(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let report = tested(&ctx, &connection).await?;
    let connection = ctx.read().connection(&id).await?;
    status_page(&ctx, &connection, Some(&report)).await
}

pub(crate) async fn sync(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let kinds: &[StreamKind] = match ctx.form.get("stream").map(StreamKind::from_word) {
        None => sync_now::BOTH,
        Some(Some(StreamKind::Inventory)) => &[StreamKind::Inventory],
        Some(Some(StreamKind::Events)) => &[StreamKind::Events],
        Some(None) => return Err(Problem::bad("a connection has the streams inventory and events")),
    };
    let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    ctx.audit("connection.sync", &connection.name, connection.org_id.as_deref(), json!({ "streams": words })).await?;
    let started = sync_now::ask(&ctx, &connection, kinds).await?;
    see(format!("/connections/{id}?done={}", if started.is_empty() { "busy" } else { "sync" }))
}

pub(crate) async fn cancel(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    ctx.audit("connection.cancel", &connection.name, connection.org_id.as_deref(), json!({})).await?;
    let cancelled = sync_now::cancel(&ctx, &connection).await?;
    see(format!("/connections/{id}?done={}", if cancelled > 0 { "cancelled" } else { "not_here" }))
}

pub(crate) async fn set_enabled(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let enabled = match ctx.form.text("enabled") {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::bad("enabled is yes or no")),
    };
    let version = version_of(&connection, &ctx.app.store.streams(Some(&id)).await?);
    change(&ctx, "connection.enabled", &id, &version, |fields| Ok(Fields { enabled, ..fields })).await?;
    let done = if enabled { "enabled" } else { "disabled" };
    let back =
        if ctx.form.get("back") == Some("list") { "/connections".to_owned() } else { format!("/connections/{id}") };
    see(format!("{back}?done={done}"))
}

pub(crate) async fn history(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let frame = Frame::of(&ctx, Section::Connections, format!("{}: history", connection.name)).await?;
    let head = head(&ctx, &connection, "history").await?;
    let alive = alive(&ctx, &connection).await?;
    let runs = ctx.read().runs(&connection, RUNS).await?;
    let sums = ctx.app.store.run_sums(&runs.iter().map(|run| run.id).collect::<Vec<_>>()).await?;
    let rows = runs.iter().map(|run| {
        let took = run.ended_at.unwrap_or(ctx.now).duration_since(run.started_at);
        let sums = sums.get(&run.id).copied().unwrap_or_default();
        history_row(RunLine::of(run, sums, alive.contains(&run.collector), ctx.now), took)
    });
    let count = |name, label| column(name, label, Look::Number);
    let mut sheet = Sheet {
        caption: "History".to_owned(),
        columns: vec![
            count("run", "Run"),
            column("action", "Action", Look::Plain),
            column("started", "Started", Look::Time),
            column("started_by", "Started By", Look::Plain),
            column("status", "Status", Look::Plain),
            count("duration", "Duration"),
            count("read", "Read"),
            count("new", "New"),
            count("changed", "Changed"),
            count("gone", "Gone"),
            count("calls", "Calls"),
            count("retries", "Retries"),
            count("rate_limited", "429s"),
            column("error", "Error", Look::Plain),
            column("stage", "Stage", Look::Plain).more(),
        ],
        rows: rows.collect(),
        empty: "Nothing has run yet. Test Connection or Sync Now leaves the first line here.".to_owned(),
        file: format!("history of {}", connection.name),
        ..Sheet::default()
    };
    if let Some(file) = sheet.export(&ctx).await {
        return file;
    }
    page(&HistoryPage { frame, head, grid: sheet.grid(&ctx) })
}

fn history_row(run: RunLine, took: SignedDuration) -> Vec<Shown> {
    let href = format!("/runs/{}", run.number);
    vec![
        Shown { is_number: true, ..Shown::link(run.number.to_string(), href.clone()) },
        Shown::text(run.action),
        Shown::moment(run.started),
        Shown::text(run.by),
        Shown { href, ..Shown::badge(run.status, run.tone) },
        Shown { order: Some(took.as_secs_f64()), ..Shown::figure(run.duration) },
        Shown::figure(run.read),
        Shown::figure(run.new),
        Shown::figure(run.changed),
        Shown::figure(run.gone),
        Shown::figure(run.calls),
        Shown::figure(run.retries),
        Shown::figure(run.rate_limited),
        Shown { hover: printable(&run.error), ..Shown::text(run.error).class("cut") },
        Shown::text(run.stage),
    ]
}

/// The processes that work on a connection now. A run without an end that none of them does was killed.
async fn alive(ctx: &Ctx, connection: &Connection) -> Result<Vec<String>, Problem> {
    let mut alive = Vec::new();
    for &kind in sync_now::BOTH {
        let lease = sync_now::lease_name(connection, kind);
        alive.extend(ctx.app.store.lease_holder(&lease, &ctx.app.host, ctx.now).await?);
    }
    Ok(alive)
}

pub(crate) async fn run(ctx: Ctx, Path(number): Path<i64>) -> Answered {
    let run = ctx.read().run(number).await?;
    let frame = Frame::of(&ctx, Section::Connections, format!("Run {number}")).await?;
    let tables = ctx.app.store.run_tables(number).await?;
    let calls = ctx.app.store.run_calls(number).await?;
    let sums = ctx.app.store.run_sums(&[number]).await?;
    let connection = ctx.app.store.find_connection(&run.connection_id).await?;
    let alive = match &connection {
        Some(connection) => alive(&ctx, connection).await?.contains(&run.collector),
        None => false,
    };
    page(&RunPage {
        frame,
        error: run.error.clone().unwrap_or_default(),
        help: run.help.clone().unwrap_or_default(),
        bytes: size_words(run.bytes),
        collector: run.collector.clone(),
        ended: Moment::of(run.ended_at, ctx.now),
        connection_id: connection.map(|connection| connection.id).unwrap_or_default(),
        run: RunLine::of(&run, sums.get(&number).copied().unwrap_or_default(), alive, ctx.now),
        tables: tables
            .iter()
            .map(|table| RunTable {
                name: if table.part.is_empty() {
                    table.table.clone()
                } else {
                    format!("{} ({})", table.table, table.part)
                },
                state: table.state.word(),
                tone: state_tone(table.state.word()),
                told: table.told.map_or_else(|| "–".to_owned(), grouped),
                read: grouped(table.read),
                new: grouped(table.new),
                changed: grouped(table.changed),
                gone: grouped(table.gone),
                unchanged: grouped(table.unchanged),
                reason: table.reason.clone().unwrap_or_default(),
            })
            .collect(),
        calls: calls.iter().map(endpoint_line).collect(),
    })
}

fn endpoint_line(call: &store::CallRecord) -> EndpointLine {
    EndpointLine {
        request: call.endpoint.clone(),
        calls: grouped(call.calls),
        retries: grouped(call.retries),
        rate_limited: grouped(call.rate_limited),
        status: call.last_status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
        tone: match call.last_status {
            Some(200..=299) => "good",
            Some(402..=404) => "warn",
            Some(_) => "bad",
            None => "unknown",
        },
    }
}

/// Gaps that are named one by one.
const MOST_GAPS: usize = 20;

/// How far each stream has come: the newest snapshot, and the ledger of the events' hours.
pub(crate) async fn state(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let mut head = head(&ctx, &connection, "state").await?;
    let org_id = connection.org_id.clone().unwrap_or_default();
    let mut spec = Spec {
        caption: "Hours of events".to_owned(),
        from: "windows".to_owned(),
        columns: WINDOWS.iter().map(|(name, label, look)| column(name, label, *look)).collect(),
        conditions: vec!["org_id = :this".to_owned()],
        parameters: Parameters::from([("this".to_owned(), org_id.as_str().into())]),
        order: "hour DESC".to_owned(),
        filters: vec![("state", "State")],
        empty: "No hour is like that. The first sync of the events begins the ledger.".to_owned(),
        file: format!("windows of {}", connection.name),
        ..Spec::default()
    };
    let asked = ctx.query.get("state");
    if let Some(state) = asked {
        spec.conditions.push("state = :state".to_owned());
        spec.parameters.insert("state".to_owned(), state.into());
    }
    if let Some(file) = spec.export(&ctx).await {
        return file;
    }
    let windows = spec.load(&ctx, None, |_| String::new()).await?;
    let proof = coverage_of(&ctx.app.store, &org_id, ctx.now).await?;
    let at = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| format!("{at:.0}"));
    let snapshots = ctx.app.store.snapshots(&org_id, 1).await?;
    let alive = alive(&ctx, &connection).await?;
    head.is_running |= !alive.is_empty();
    let newest = snapshots.first();
    let inventory = vec![
        ("Newest snapshot", newest.map_or_else(|| "none yet".to_owned(), |one| one.number.to_string())),
        ("Committed", at(newest.map(|one| one.committed_at))),
        ("Complete", newest.map_or("–", |one| if one.complete { "yes" } else { "no" }).to_owned()),
        ("Being worked on by", if alive.is_empty() { "nobody".to_owned() } else { alive.join(", ") }),
    ];
    let events = vec![
        ("Begins with the hour", at(proof.start.map(Hour::start))),
        ("Newest event", at(proof.newest)),
        ("Everything is proven to", at(proof.sealed_to)),
        ("Events stored", grouped(proof.stored)),
        ("Hours sealed, open, not proven", format!("{}, {}, {}", proof.sealed, proof.open, proof.unproven)),
        ("Hours that are gaps", proof.gaps.len().to_string()),
        ("Removed by the retention before", at(ctx.app.store.events_kept_from(&org_id).await?)),
    ];
    let gaps = proof.gaps.iter().rev().take(MOST_GAPS);
    let states = WindowState::ALL.map(|state| {
        let href = format!("/connections/{id}/state?state={}", state.word());
        (state.word(), href, asked == Some(state.word()))
    });
    page(&StatePage {
        frame: Frame::of(&ctx, Section::Connections, format!("{}: state", connection.name)).await?,
        head,
        inventory,
        events,
        gaps: gaps.map(|(hour, why)| (format!("{:.0}", hour.start()), why.clone())).collect(),
        windows,
        states: states.into(),
    })
}

/// What is shown of each hour of the ledger.
const WINDOWS: &[(&str, &str, Look)] = &[
    ("hour", "Hour", Look::Plain),
    ("state", "State", Look::State),
    ("stored", "Stored", Look::Number),
    ("counted", "Counted by JumpCloud", Look::Number),
    ("duplicates", "Came again", Look::Number),
    ("late", "Late", Look::Number),
    ("sealed_at", "Sealed", Look::Time),
    ("verified_at", "Counted last", Look::Time),
    ("next_check_at", "Counted next", Look::Time),
    ("reason", "Why", Look::Plain),
];

pub(crate) async fn what_we_read(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let connection = ctx.read().connection(&id).await?;
    let frame = Frame::of(&ctx, Section::Connections, format!("{}: what we read", connection.name)).await?;
    let head = head(&ctx, &connection, "what-we-read").await?;
    let runs = ctx.read().runs(&connection, RUNS).await?;
    let last = runs.iter().find(|run| run.action == store::Action::Sync && run.ended_at.is_some());
    let calls = match last {
        Some(run) => ctx.app.store.run_calls(run.id).await?,
        None => Vec::new(),
    };
    page(&WhatWeReadPage {
        frame,
        head,
        endpoints: calls.iter().map(endpoint_line).collect(),
        tables: collect::tables::ALL.iter().map(|collected| (collected.table.name, collected.table.about)).collect(),
        from_run: last.map_or(0, |run| run.id),
    })
}
