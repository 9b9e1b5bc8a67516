//! The first page: is anything wrong, and is it complete?

use std::collections::BTreeMap;

use askama::Template;
use collect::condition::State;
use jiff::SignedDuration;
use store::events::{EventFilter, Hour};
use store::findings::Severity;

use super::parts::{ConnectionLine, Histogram, Share, StateView, needs_action};
use crate::frame::{Frame, Section, page, with_org};
use crate::grid::{grouped, severity_tone};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::{Standing, number, text};
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    attention: Vec<Attention>,
    /// What is not collected on time and needs nobody; empty if there is none.
    waiting: String,
    totals: Vec<Total>,
    organizations: Vec<OrganizationLine>,
    severities: Vec<SeverityCount>,
    events: Option<Histogram>,
    may_connect: bool,
    has_connections: bool,
}

struct Attention {
    title: String,
    tone: &'static str,
    words: String,
    help: String,
    href: String,
}

struct Total {
    label: &'static str,
    count: String,
    href: String,
}

struct SeverityCount {
    word: &'static str,
    tone: &'static str,
    count: String,
    href: String,
}

struct OrganizationLine {
    name: String,
    href: String,
    connection_href: String,
    state: StateView,
    last: super::parts::Moment,
    users: String,
    devices: String,
    findings: Vec<(&'static str, String)>,
    mfa: Share,
    encrypted: Share,
}

/// What is counted of an organization.
#[derive(Debug, Default)]
struct Counts {
    users: u64,
    devices: u64,
    mfa: Part,
    encrypted: Part,
    findings: BTreeMap<String, u64>,
}

/// How many are as they should be, how many are not, and of how many nobody can tell.
type Part = (u64, u64, u64);

/// The checks that say so.
const MFA: &str = "user-mfa-not-enrolled";
const ENCRYPTED: &str = "device-disk-unencrypted";

const TOTALS: &[(&str, &str)] = &[
    ("user", "Users"),
    ("device", "Devices"),
    ("application", "Applications"),
    ("user_group", "User groups"),
    ("device_group", "Device groups"),
    ("policy", "Policies"),
    ("administrator", "Administrators"),
];

pub(crate) async fn show(ctx: Ctx) -> Answered {
    let mut frame = Frame::of(&ctx, Section::Overview, "Overview").await?.with_freshness(&ctx).await?;
    let standings = ctx.read().standings(&ctx.app).await?;
    let connections = ctx.read().connections().await?;
    let lines = ConnectionLine::all(&connections, &standings, ctx.now);
    let mut attention: Vec<Attention> = standings
        .iter()
        .filter(|standing| needs_action(standing.condition.state))
        .map(|standing| {
            let view = StateView::of_stream(&standing.condition);
            Attention {
                title: format!("{}, {}", standing.connection.name, standing.stream.kind.word()),
                tone: view.tone,
                words: if view.reason.is_empty() { view.words } else { format!("{}: {}", view.words, view.reason) },
                help: view.help,
                href: with_org(&format!("/connections/{}", standing.connection.id), ctx.org_id.as_deref()),
            }
        })
        .collect();
    let waiting = waiting(&standings);
    attention.extend(connections.iter().filter_map(|connection| {
        let at = connection.credential_expires_at?;
        (at < ctx.now + SignedDuration::from_hours(30 * 24)).then(|| Attention {
            title: connection.name.clone(),
            tone: "warn",
            words: format!("its credential expires {}", collect::when::relative(at, ctx.now)),
            help: "Make a new key in JumpCloud and give it under Credentials; nothing is lost in between.".to_owned(),
            href: format!("/connections/{}/credentials", connection.id),
        })
    }));
    frame.is_live = standings.iter().any(|standing| standing.condition.state == State::Syncing);
    let counts = counts(&ctx).await?;
    let may_read_assets = ctx.may(Permission::ReadAssets);
    let totals = if may_read_assets { totals(&ctx).await? } else { Vec::new() };
    let mut by_severity: BTreeMap<&str, u64> = BTreeMap::new();
    for organization in counts.values() {
        for (severity, count) in &organization.findings {
            *by_severity.entry(severity.as_str()).or_default() += count;
        }
    }
    let severities = Severity::ALL.iter().rev().map(|severity| SeverityCount {
        word: severity.word(),
        tone: severity_tone(severity.word()),
        count: grouped(by_severity.get(severity.word()).copied().unwrap_or(0)),
        href: with_org(&format!("/findings?severity={}", severity.word()), ctx.org_id.as_deref()),
    });
    let organizations = lines
        .into_iter()
        .map(|line| {
            let counts = counts.get(&line.org_id);
            let of = |count: fn(&Counts) -> u64| counts.map_or_else(|| "–".to_owned(), |counts| grouped(count(counts)));
            let share = |part: fn(&Counts) -> Part| {
                let (good, bad, unknown) = counts.map_or((0, 0, 0), part);
                Share::of(good, good + bad, unknown)
            };
            OrganizationLine {
                href: with_org("/", Some(&line.org_id).filter(|id| !id.is_empty()).map(String::as_str)),
                connection_href: format!("/connections/{}", line.id),
                name: if line.org_id.is_empty() { line.name } else { line.organization },
                state: line.state,
                last: line.last_run,
                users: of(|counts| counts.users),
                devices: of(|counts| counts.devices),
                // The lesser ones stand in the card above.
                findings: Severity::ALL
                    .iter()
                    .rev()
                    .take(3)
                    .filter_map(|severity| {
                        let count = *counts?.findings.get(severity.word())?;
                        Some((severity_tone(severity.word()), grouped(count)))
                    })
                    .collect(),
                mfa: share(|counts| counts.mfa),
                encrypted: share(|counts| counts.encrypted),
            }
        })
        .collect();
    let events = if ctx.may(Permission::ReadEvents) { Some(events_of_the_day(&ctx).await?) } else { None };
    page(&OverviewPage {
        attention,
        waiting,
        totals,
        organizations,
        severities: severities.collect(),
        events,
        may_connect: ctx.may(Permission::ManageConnections),
        has_connections: !connections.is_empty(),
        frame,
    })
}

/// Of which streams nobody can say that they are collected on time, though nobody has to do anything.
fn waiting(standings: &[Standing]) -> String {
    let count = |state| standings.iter().filter(|standing| standing.condition.state == state).count();
    let parts: Vec<String> = [(State::Pending, "not synced yet"), (State::Paused, "paused")]
        .into_iter()
        .map(|(state, words)| (count(state), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    match parts.as_slice() {
        [] => String::new(),
        parts => format!("Of {} streams: {}; the others are collected on time.", standings.len(), parts.join(", ")),
    }
}

async fn totals(ctx: &Ctx) -> Result<Vec<Total>, Problem> {
    let tables: Vec<(&str, &str, &str)> = TOTALS
        .iter()
        .filter_map(|(kind, label)| {
            let table = ctx.app.store.tables().iter().find(|table| table.asset == Some(*kind))?;
            Some((*kind, *label, table.name))
        })
        .collect();
    let parts: Vec<String> = tables
        .iter()
        .map(|(kind, _, table)| format!("SELECT '{kind}' AS kind, COUNT(*) AS assets FROM {table}"))
        .collect();
    let rows = ctx.read().rows(parts.join(" UNION ALL ")).await?;
    Ok(TOTALS
        .iter()
        .filter_map(|(kind, label)| {
            let row = rows.iter().find(|row| text(row, 0) == *kind)?;
            Some(Total {
                label,
                count: grouped(number(row, 1).unsigned_abs()),
                href: with_org(&format!("/assets?type={kind}"), ctx.org_id.as_deref()),
            })
        })
        .collect())
}

/// What is counted of each organization.
async fn counts(ctx: &Ctx) -> Result<BTreeMap<String, Counts>, Problem> {
    let mut all: BTreeMap<String, Counts> = BTreeMap::new();
    let sql = "SELECT org_id, COUNT(*) FROM users WHERE NOT COALESCE(suspended, 1 = 0) GROUP BY org_id";
    for row in ctx.read().rows(sql).await? {
        all.entry(text(&row, 0)).or_default().users = number(&row, 1).unsigned_abs();
    }
    let sql = "SELECT org_id, COUNT(*) FROM devices GROUP BY org_id";
    for row in ctx.read().rows(sql).await? {
        all.entry(text(&row, 0)).or_default().devices = number(&row, 1).unsigned_abs();
    }
    // As the checks judge it, so that no page says otherwise than another.
    let sql = format!(
        "SELECT org_id, check_id, passed, failed, unknown FROM check_results
         WHERE until_run IS NULL AND check_id IN ('{MFA}', '{ENCRYPTED}')"
    );
    for row in ctx.read().rows(sql).await? {
        let counts = all.entry(text(&row, 0)).or_default();
        let part = if text(&row, 1) == MFA { &mut counts.mfa } else { &mut counts.encrypted };
        *part = (number(&row, 2).unsigned_abs(), number(&row, 3).unsigned_abs(), number(&row, 4).unsigned_abs());
    }
    let sql =
        "SELECT org_id, severity, SUM(findings) FROM finding_counts WHERE state = 'open' GROUP BY org_id, severity";
    for row in ctx.read().rows(sql).await? {
        let counts = all.entry(text(&row, 0)).or_default();
        counts.findings.insert(text(&row, 1), number(&row, 2).unsigned_abs());
    }
    Ok(all)
}

async fn events_of_the_day(ctx: &Ctx) -> Result<Histogram, Problem> {
    let hours = (0..24).rev().map(|back| ctx.now - SignedDuration::from_hours(back));
    let span = (ctx.now - SignedDuration::from_hours(23), ctx.now);
    let tally = ctx.read().event_tally(&EventFilter::default(), span, false).await?;
    let counts = hours
        .map(|at| {
            let hour = format!("{}:00:00.000Z", &at.to_string()[..13]);
            let (total, failures) = tally.times.get(&Hour::of(at)).copied().unwrap_or_default();
            let href = with_org(&format!("/events?from={hour}&hours=1"), ctx.org_id.as_deref());
            (format!("{} UTC", &hour[11..16]), total, failures, href)
        })
        .collect();
    Ok(Histogram::of("Events of the last 24 hours", "events", counts))
}
