//! Findings: grouped by check or one by one, one of them with its life, and what people decide about them.

use askama::Template;
use axum::extract::Path;
use jiff::Timestamp;
use posture::harmless::printable;
use serde_json::Value;
use store::Cell;
use store::findings::{AcceptanceKind, Severity};

use super::asset::{asset_href, pretty};
use super::parts::Moment;
use super::prose::Prose;
use crate::frame::{Frame, Section, page, see};
use crate::grid::{Grid, Look, Shown, Spec, column, grouped, severity_tone, state_tone};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, maybe_text, number, text};
use crate::sheet::Sheet;
use crate::triage::{Decision, decide};
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    frame: Frame,
    is_grouped: bool,
    grid: Grid,
    state: String,
    states: Vec<Tab>,
    severities: Vec<SeverityChoice>,
    search: String,
    check: String,
    org_id: String,
    may_triage: bool,
    kinds: Vec<(&'static str, &'static str)>,
    flat_href: String,
    grouped_href: String,
    here: String,
    last_run: Moment,
}

struct Tab {
    label: &'static str,
    href: String,
    count: String,
    is_here: bool,
}

struct SeverityChoice {
    value: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    frame: Frame,
    number: i64,
    check: String,
    severity: String,
    severity_tone: &'static str,
    state: String,
    state_tone: &'static str,
    organization: String,
    resource: String,
    resource_kind: String,
    resource_href: String,
    reason: String,
    evidence: String,
    opened: Moment,
    last_seen: Moment,
    resolved: Moment,
    reopened: i64,
    owner: String,
    due: String,
    accepted: String,
    accepted_why: String,
    accepted_until: Moment,
    why: Prose,
    how: Prose,
    fix: Prose,
    requirements: Vec<String>,
    history: Vec<HistoryLine>,
    may_triage: bool,
    is_open: bool,
    is_accepted: bool,
    kinds: Vec<(&'static str, &'static str)>,
}

struct HistoryLine {
    at: Moment,
    actor: String,
    action: String,
    detail: String,
}

/// Why a finding may stay, in the words of the form.
const KINDS: &[(&str, &str)] = &[
    ("compensating_control", "Compensating control: something else covers the risk"),
    ("false_positive", "False positive: the check is wrong about this"),
    ("wont_fix", "Won't fix: the risk is taken"),
];

const STATES: &[(&str, &str)] = &[("open", "Open"), ("accepted", "Accepted"), ("resolved", "Resolved"), ("any", "All")];

/// Where findings are counted: from the counts that are kept, or one by one where a search asks for what those do not know.
struct Counted {
    from: &'static str,
    count: &'static str,
    opened: &'static str,
}

impl Counted {
    fn of(ctx: &Ctx) -> Self {
        match ["owner", "q", "news"].iter().any(|name| ctx.query.get(name).is_some()) {
            true => Self { from: "findings", count: "COUNT(*)", opened: "opened_at" },
            false => Self { from: "finding_counts", count: "SUM(findings)", opened: "first_opened_at" },
        }
    }
}

/// The conditions that the address asks for.
fn choice(ctx: &Ctx) -> (Vec<String>, Parameters) {
    let mut conditions = Vec::new();
    let mut parameters = Parameters::new();
    let mut equal = |name: &str, condition: &str| {
        if let Some(value) = ctx.query.get(name) {
            conditions.push(condition.to_owned());
            parameters.insert(name.to_owned(), value.into());
        }
    };
    equal("check", "check_id = :check");
    equal("severity", "severity = :severity");
    equal("type", "resource_type = :type");
    equal("owner", "owner = :owner");
    if let Some(search) = ctx.query.get("q") {
        conditions.push(
            "(LOWER(name) LIKE '%' || :search || '%' OR resource_id = :search OR check_id LIKE '%' || :search || '%')"
                .to_owned(),
        );
        parameters.insert("search".to_owned(), search.to_lowercase().replace('%', "").as_str().into());
    }
    match ctx.query.get("news") {
        Some("new") => {
            conditions.push("opened_at >= (SELECT MAX(started_at) FROM posture_runs)".to_owned());
        }
        Some("resolved") => {
            conditions.push("resolved_at >= (SELECT MAX(started_at) FROM posture_runs)".to_owned());
        }
        _ => {}
    }
    (conditions, parameters)
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let state = ctx.query.get("state").unwrap_or("open").to_owned();
    if !STATES.iter().any(|(known, _)| *known == state) {
        return Err(Problem::bad("findings are open, accepted, resolved, or any"));
    }
    let (mut conditions, parameters) = choice(&ctx);
    let counts = state_counts(&ctx, &conditions, &parameters).await?;
    if state != "any" {
        conditions.push(format!("state = '{state}'"));
    }
    let is_grouped = ctx.query.get("view") != Some("flat") && ctx.query.get("check").is_none();
    let mut spec = Spec {
        caption: "Findings".to_owned(),
        from: "findings".to_owned(),
        keys: vec!["number".to_owned()],
        columns: vec![
            column("name", "Resource", Look::Plain),
            column("severity", "Severity", Look::Severity),
            column("state", "State", Look::State),
            column("check_id", "Check", Look::Plain),
            column("opened_at", "Failing for", Look::Time),
            column("reason", "Why", Look::Plain),
            column("owner", "Assignee", Look::Plain),
            column("last_seen_at", "Last seen", Look::Time),
            column("resource_type", "Type", Look::State),
        ],
        conditions: conditions.clone(),
        parameters: parameters.clone(),
        order: "severity_id DESC, opened_at, number".to_owned(),
        filters: vec![
            ("check", "Check"),
            ("severity", "Severity"),
            ("type", "Type"),
            ("q", "Search"),
            ("owner", "Assignee"),
            ("news", "Since the last run"),
        ],
        empty: match state.as_str() {
            "open" => "No open finding is like that. If a connection has never been synced, nothing was checked yet."
                .to_owned(),
            state => format!("No {state} finding is like that."),
        },
        file: "findings".to_owned(),
        as_of: None,
        tick: ctx.may(Permission::Triage).then_some("finding"),
    };
    if ctx.read().organization_names().await?.len() > 1 && ctx.org_id.is_none() {
        spec.columns.insert(1, column("org_id", "Organization", Look::Organization));
    }
    let grid = match is_grouped {
        true => {
            let mut sheet = groups(&ctx, &conditions, &parameters).await?;
            sheet.filters = spec.filters;
            sheet.empty = spec.empty;
            if let Some(file) = sheet.export(&ctx).await {
                return file;
            }
            sheet.grid(&ctx)
        }
        false => {
            if let Some(file) = spec.export(&ctx).await {
                return file;
            }
            spec.load(&ctx, Some(counted(&counts, &state)), |row| format!("/findings/{}", number(row, 0))).await?
        }
    };
    let here = |query: String| if query.is_empty() { "/findings".to_owned() } else { format!("/findings?{query}") };
    let last_run = ctx.read().rows("SELECT MAX(started_at) FROM posture_runs").await?;
    let last_run = last_run.first().and_then(|row| text(row, 0).parse::<Timestamp>().ok());
    page(&FindingsPage {
        frame: Frame::of(&ctx, Section::Findings, "Findings").await?.with_freshness(&ctx).await?,
        is_grouped,
        grid,
        states: STATES
            .iter()
            .map(|(word, label)| Tab {
                label,
                href: here(ctx.query.with("state", Some(word))),
                count: grouped(counted(&counts, word)),
                is_here: *word == state,
            })
            .collect(),
        severities: Severity::ALL
            .iter()
            .rev()
            .map(|severity| SeverityChoice {
                value: severity.word(),
                is_chosen: ctx.query.get("severity") == Some(severity.word()),
            })
            .collect(),
        search: ctx.query.text("q").to_owned(),
        check: ctx.query.text("check").to_owned(),
        org_id: ctx.org_id.clone().unwrap_or_default(),
        may_triage: ctx.may(Permission::Triage),
        kinds: KINDS.to_vec(),
        flat_href: here(ctx.query.with("view", Some("flat"))),
        grouped_href: here(ctx.query.with("view", None)),
        here: here(ctx.query.with("done", None)),
        last_run: Moment::of(last_run, ctx.now),
        state,
    })
}

/// How many are in a state.
fn counted(counts: &[(String, u64)], state: &str) -> u64 {
    counts.iter().filter(|(other, _)| state == "any" || other == state).map(|(_, count)| count).sum()
}

async fn state_counts(
    ctx: &Ctx,
    conditions: &[String],
    parameters: &Parameters,
) -> Result<Vec<(String, u64)>, Problem> {
    let condition = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let Counted { from, count, .. } = Counted::of(ctx);
    let sql = format!("SELECT state, {count} FROM {from} {condition} GROUP BY state");
    let rows = ctx.read().ask(sql, parameters.clone()).await?.rows;
    Ok(rows.iter().map(|row| (text(row, 0), number(row, 1).unsigned_abs())).collect())
}

/// The findings of each check, the worst first.
async fn groups(ctx: &Ctx, conditions: &[String], parameters: &Parameters) -> Result<Sheet, Problem> {
    let condition = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let Counted { from, count, opened } = Counted::of(ctx);
    let sql = format!(
        "SELECT check_id, MAX(severity_id), {count}, COUNT(DISTINCT org_id), MIN({opened}) FROM {from} {condition}
         GROUP BY check_id ORDER BY 2 DESC, 3 DESC, check_id"
    );
    let rows = ctx.read().ask(sql, parameters.clone()).await?.rows;
    let populations = ctx
        .read()
        .rows("SELECT check_id, SUM(passed + failed + unknown) FROM check_results WHERE until_run IS NULL GROUP BY check_id")
        .await?;
    let row = |row: &Vec<Cell>| {
        let check = text(row, 0);
        let severity = Severity::ALL.into_iter().find(|severity| *severity as i64 == number(row, 1));
        let severity = severity.map_or("info", Severity::word);
        let population = populations.iter().find(|other| text(other, 0) == check).map_or(0, |row| number(row, 1));
        let known = ctx.app.posture.library.check(&check);
        let title = known.map_or_else(|| check.clone(), |check| check.title.clone());
        vec![
            Shown::link(title, format!("/findings?{}", ctx.query.with("check", Some(&check)))).class("wrap"),
            Shown::badge(severity, severity_tone(severity)),
            Shown::text(check).class("code"),
            Shown::number(number(row, 2)),
            Shown::number(population),
            Shown::number(number(row, 3)),
            Shown::moment(Moment::of(text(row, 4).parse().ok(), ctx.now)),
        ]
    };
    Ok(Sheet {
        caption: "Findings by check".to_owned(),
        columns: vec![
            column("finding", "Finding", Look::Plain),
            column("severity", "Severity", Look::Severity),
            column("check_id", "Check", Look::Plain),
            column("resources", "Resources", Look::Number),
            column("of", "Of", Look::Number),
            column("organizations", "Organizations", Look::Number),
            column("oldest", "Oldest", Look::Time),
        ],
        rows: rows.iter().map(row).collect(),
        file: "findings by check".to_owned(),
        ..Sheet::default()
    })
}

const ONE: &str = "SELECT number, org_id, check_id, resource_type, resource_id, name, severity, state, reason, evidence, opened_at,
    last_seen_at, resolved_at, reopened, owner, due_at, accepted_kind, accepted_why, accepted_by, accepted_until, outcome
    FROM findings WHERE number = :number";

/// What findings call a kind of thing, where assets are called otherwise.
const CALLED: [(&str, &str); 5] = [
    ("user_group", "device_group"),
    ("access_policy", "authentication_policy"),
    ("ad_agent", "active_directory_agent"),
    ("ldap_server", "directory"),
    ("mdm", "apple_mdm"),
];

/// Where the page of a finding's thing is; empty if there is none. A part of a thing may have the whole's id before a slash.
async fn href_of(ctx: &Ctx, kind: &str, org_id: &str, resource_id: &str) -> Result<String, Problem> {
    let kinds = CALLED.iter().filter(|(called, _)| *called == kind).map(|(_, asset)| *asset);
    let whole = resource_id.split('/').next().unwrap_or_default();
    for kind in std::iter::once(kind).chain(kinds) {
        let Some(table) = ctx.app.store.tables().iter().find(|table| table.asset == Some(kind)) else { continue };
        let sql = format!("SELECT id FROM {} WHERE id IN (:id, :whole) ORDER BY LENGTH(id) DESC LIMIT 1", table.name);
        let ids = Parameters::from([("id".to_owned(), resource_id.into()), ("whole".to_owned(), whole.into())]);
        if let Some(row) = ctx.read().everywhere().of(org_id).ask(sql, ids).await?.rows.first() {
            return Ok(asset_href(kind, org_id, &text(row, 0)));
        }
    }
    Ok(String::new())
}

pub(crate) async fn show(ctx: Ctx, Path(wanted): Path<i64>) -> Answered {
    let this = || Parameters::from([("number".to_owned(), store::Parameter::Integer(wanted))]);
    let reading = ctx.read().everywhere();
    let answer = reading.ask(ONE, this()).await?;
    let row = answer.rows.first().ok_or_else(|| Problem::not_found(format!("there is no finding {wanted}")))?;
    let (org_id, check_id, kind, resource_id) = (text(row, 1), text(row, 2), text(row, 3), text(row, 4));
    let check = ctx.app.posture.library.check(&check_id);
    let names = reading.organization_names().await?;
    let history = reading
        .ask("SELECT at, actor, action, detail FROM finding_history WHERE finding = :number ORDER BY at DESC", this())
        .await?;
    let requirements = check.map(|check| {
        let served = ctx.app.posture.library.frameworks().iter().flat_map(|framework| {
            framework.served_by(check).map(|(requirement, _)| format!("{} {}", framework.name, requirement.id))
        });
        served.collect()
    });
    let state = text(row, 7);
    let resource_href = href_of(&ctx, &kind, &org_id, &resource_id).await?;
    let accepted = maybe_text(row, 16).map(|kind| {
        let words = KINDS.iter().find(|(word, _)| *word == kind).map_or(kind.as_str(), |(_, words)| words);
        format!("{words}, by {}", printable(&text(row, 18)))
    });
    let title = check.map_or_else(|| check_id.clone(), |check| check.title.clone());
    page(&FindingPage {
        frame: Frame::of(&ctx, Section::Findings, title).await?,
        number: wanted,
        severity_tone: severity_tone(&text(row, 6)),
        severity: text(row, 6),
        state_tone: state_tone(&state),
        is_open: state == "open",
        is_accepted: state == "accepted",
        state: state_words(&state, &text(row, 20)),
        organization: names.get(&org_id).cloned().unwrap_or_else(|| org_id.clone()),
        resource: printable(&text(row, 5)),
        resource_kind: kind.replace('_', " "),
        resource_href,
        reason: printable(&text(row, 8)),
        evidence: serde_json::from_str::<Value>(&text(row, 9)).map(|value| pretty(&value)).unwrap_or_default(),
        opened: Moment::of(text(row, 10).parse().ok(), ctx.now),
        last_seen: Moment::of(text(row, 11).parse().ok(), ctx.now),
        resolved: Moment::of(text(row, 12).parse().ok(), ctx.now),
        reopened: number(row, 13),
        owner: printable(&text(row, 14)),
        due: text(row, 15),
        accepted: accepted.unwrap_or_default(),
        accepted_why: printable(&text(row, 17)),
        accepted_until: Moment::of(text(row, 19).parse().ok(), ctx.now),
        why: Prose::of(check.map_or("", |check| &check.why)),
        how: Prose::of(check.map_or("", |check| &check.how)),
        fix: Prose::of(check.map_or("", |check| &check.fix)),
        requirements: requirements.unwrap_or_default(),
        history: history
            .rows
            .iter()
            .map(|row| HistoryLine {
                at: Moment::of(text(row, 0).parse().ok(), ctx.now),
                actor: printable(&text(row, 1)),
                action: text(row, 2).replace('_', " "),
                detail: printable(&text(row, 3)),
            })
            .collect(),
        may_triage: ctx.may(Permission::Triage),
        kinds: KINDS.to_vec(),
        check: check_id,
    })
}

/// Open findings whose things passed, or of which nobody can tell at the moment, are told as such.
fn state_words(state: &str, outcome: &str) -> String {
    match (state, outcome) {
        ("open", "pass" | "not_applicable") => "open, passes since the last sync".to_owned(),
        ("open", "gone") => "open, not there since the last sync".to_owned(),
        ("open", "unknown") => "open, not known now".to_owned(),
        (state, _) => state.to_owned(),
    }
}

pub(crate) async fn act(ctx: Ctx) -> Answered {
    let numbers: Vec<i64> = ctx.form.all("finding").filter_map(|number| number.parse().ok()).collect();
    if numbers.is_empty() {
        return Err(Problem::bad("no finding is ticked").help("Tick the findings that it is about, then try again."));
    }
    let text = |name: &str| ctx.form.text(name).to_owned();
    let (decision, done) = match ctx.form.text("do") {
        "accept" => {
            let kind = AcceptanceKind::of_word(ctx.form.text("kind"))
                .ok_or_else(|| Problem::bad("say why it may stay: choose one of the three reasons"))?;
            (Decision::Accept { kind, why: text("why"), until: until_of(ctx.form.text("until"))? }, "accepted")
        }
        "reopen" => (Decision::Reopen { why: ctx.form.get("why").map(str::to_owned) }, "reopened"),
        "assign" => (Decision::Assign { owner: Some(text("owner")), due: Some(text("due")) }, "assigned"),
        _ => return Err(Problem::bad("findings can be accepted, reopened or assigned")),
    };
    decide(&ctx, &numbers, decision).await?;
    let back = crate::session::safe_next(ctx.form.text("back"));
    let back = if back.starts_with("/findings") { back } else { "/findings" };
    let mark = if back.contains('?') { '&' } else { '?' };
    see(format!("{back}{mark}done={done}"))
}

/// Until when an acceptance holds: the end of a day in UTC.
fn until_of(text: &str) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    collect::when::parse_moment(text).map(Some).map_err(Problem::bad)
}
