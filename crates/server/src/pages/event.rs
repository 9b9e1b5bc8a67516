//! Events: a search with counts over time, and one event as OCSF and as it came, side by side.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use jiff::{SignedDuration, Timestamp};
use ocsf::Mapper;
use posture::harmless::printable;
use serde_json::Value;
use store::Cell;
use store::events::{COLUMNS, EventCursor, EventFilter, EventOutcome, EventTally, Hour, Named, StoredEvent};

use super::asset::{asset_href, pretty};
use super::parts::Histogram;
use crate::frame::{Frame, Section, page, with_org};
use crate::grid::{csv_file, state_tone};
use crate::problem::{Answered, Problem};
use crate::trace::{Traced, trace};
use crate::visit::Ctx;

/// Events on one page, and in one export.
const ROWS: usize = 100;
const MOST_EXPORTED: usize = 50_000;

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    lines: Vec<EventLine>,
    histogram: Histogram,
    fields: Vec<FilterField>,
    ranges: Vec<Choice>,
    outcomes: Vec<Choice>,
    classes: Vec<Choice>,
    types: Vec<Facet>,
    chips: Vec<(String, String)>,
    next: String,
    csv: String,
    org_id: String,
    words: String,
    /// Turns following on or off.
    live_href: String,
    is_live: bool,
    may_follow: bool,
}

struct FilterField {
    name: &'static str,
    label: &'static str,
    value: String,
}

struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

struct Facet {
    label: String,
    count: String,
    href: String,
}

struct EventLine {
    href: String,
    time: String,
    exact: String,
    kind: String,
    outcome: &'static str,
    tone: &'static str,
    who: String,
    what: String,
    src_ip: String,
    country: String,
    class: String,
    organization: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    facts: Vec<(&'static str, String, String)>,
    ocsf: String,
    raw: String,
    outcome: &'static str,
    tone: &'static str,
    trace: Vec<TraceLine>,
    mapping: u32,
}

/// A field of the OCSF form, and where it comes from.
struct TraceLine {
    path: String,
    value: String,
    from: String,
}

/// How far back a search goes, in hours.
const RANGES: &[(u32, &str)] =
    &[(1, "1 hour"), (24, "24 hours"), (24 * 7, "7 days"), (24 * 30, "30 days"), (24 * 90, "90 days")];
const USUAL_RANGE: u32 = 24;
/// Up to so many hours are counted by the hour; more are counted by the day.
const BY_HOUR: u32 = 72;

const TEXTS: &[(&str, &str)] = &[
    ("text", "Contains"),
    ("user", "User or administrator"),
    ("device", "Device"),
    ("application", "Application"),
    ("ip", "Address"),
    ("country", "Country"),
];

/// What the address asks for: the time, and the filter of the store.
struct Asked {
    from: Timestamp,
    /// The end: now, where the address names no beginning.
    to: Timestamp,
    hours: u32,
    filter: EventFilter,
}

impl Asked {
    /// Whether it is counted by the day.
    fn by_day(&self) -> bool {
        self.hours > BY_HOUR
    }
}

fn asked(ctx: &Ctx) -> Result<Asked, Problem> {
    let hours = match ctx.query.get("hours") {
        None => USUAL_RANGE,
        Some(hours) => hours
            .parse::<u32>()
            .ok()
            .filter(|hours| (1..=24 * 366).contains(hours))
            .ok_or_else(|| Problem::bad("hours is a number of hours, at most those of a year"))?,
    };
    let span = SignedDuration::from_hours(i64::from(hours));
    let (from, to, end) = match ctx.query.get("from") {
        // What a clock that is ahead of ours has dated is found as well.
        None => (ctx.now - span, ctx.now, None),
        Some(from) => {
            let from = collect::when::parse_day(from).map_err(Problem::bad)?;
            let to = from.checked_add(span).map_err(|_| Problem::bad("that time is too far away"))?;
            (from, to, Some(to))
        }
    };
    let texts = |name: &str| ctx.query.all(name).map(str::to_owned).collect::<Vec<_>>();
    let one = |name: &str| ctx.query.get(name).map(str::to_owned);
    let mut classes = Vec::new();
    for class in ctx.query.all("class") {
        let uid = class.parse().ok().filter(|uid| ocsf::Class::ALL.iter().any(|class| class.uid == *uid));
        classes.push(uid.ok_or_else(|| Problem::bad(format!("{class:?} is no OCSF class that events become")))?);
    }
    let mut outcomes = Vec::new();
    for word in ctx.query.all("outcome") {
        let outcome = EventOutcome::from_word(word);
        outcomes.push(outcome.ok_or_else(|| Problem::bad("an outcome is success, failure, other or unknown"))?);
    }
    let filter = EventFilter {
        org_ids: ctx.read().event_organizations()?,
        from: Some(from),
        to: end,
        services: texts("service"),
        types: texts("type"),
        classes,
        outcomes,
        user: one("user"),
        device: one("device"),
        application: one("application"),
        ip: ctx.query.get("ip").map(collect::origin::parse_address).transpose().map_err(Problem::bad)?,
        country: ctx.query.get("country").map(collect::origin::parse_country).transpose().map_err(Problem::bad)?,
        text: one("text"),
    };
    Ok(Asked { from, to, hours, filter })
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let asked = asked(&ctx)?;
    if ctx.query.get("format") == Some("csv") {
        return export(&ctx, &asked.filter).await;
    }
    let after = match ctx.query.get("after") {
        None => None,
        Some(text) => Some(text.parse::<EventCursor>()?),
    };
    let found = ctx.app.store.search_events(&asked.filter, after, ROWS, false).await?;
    let names = ctx.read().organization_names().await?;
    // Only what is new by now is live: not an older page, and not a time that is over.
    let may_follow = after.is_none() && ctx.query.get("from").is_none();
    let is_live = may_follow && ctx.query.get("live").is_some();
    let here = |query: String| if query.is_empty() { "/events".to_owned() } else { format!("/events?{query}") };
    let without_place = crate::visit::Pairs(ctx.query.0.iter().filter(|(name, _)| name != "after").cloned().collect());
    let tally = ctx.read().event_tally(&asked.filter, (asked.from, asked.to), asked.by_day()).await?;
    let mut chips = Vec::new();
    for (name, label) in TEXTS.iter().chain(&[
        ("type", "Type"),
        ("service", "Service"),
        ("class", "Class"),
        ("outcome", "Outcome"),
        ("from", "From"),
    ]) {
        if let Some(value) = ctx.query.get(name) {
            chips.push((format!("{label}: {}", printable(value)), here(without_place.with(name, None))));
        }
    }
    let mut frame = Frame::of(&ctx, Section::Events, "Events").await?;
    frame.is_live = is_live;
    page(&EventsPage {
        frame,
        live_href: here(without_place.with("live", Some("yes").filter(|_| !is_live))),
        is_live,
        may_follow,
        lines: found.events.iter().map(|event| line(event, &names, &ctx)).collect(),
        histogram: histogram(&ctx, &asked, &tally),
        fields: TEXTS
            .iter()
            .map(|(name, label)| FilterField { name, label, value: ctx.query.text(name).to_owned() })
            .collect(),
        ranges: RANGES
            .iter()
            .map(|(hours, label)| Choice {
                value: hours.to_string(),
                label: format!("last {label}"),
                is_chosen: *hours == asked.hours,
            })
            .collect(),
        outcomes: EventOutcome::ALL
            .iter()
            .map(|outcome| Choice {
                value: outcome.word().to_owned(),
                label: outcome.word().to_owned(),
                is_chosen: ctx.query.get("outcome") == Some(outcome.word()),
            })
            .collect(),
        classes: ocsf::Class::ALL
            .iter()
            .map(|class| Choice {
                value: class.uid.to_string(),
                label: format!("{} ({})", class.name, class.uid),
                is_chosen: ctx.query.get("class") == Some(class.uid.to_string().as_str()),
            })
            .collect(),
        types: types(&ctx, &tally),
        chips,
        next: found.next.map(|next| here(without_place.with("after", Some(&next.to_string())))).unwrap_or_default(),
        csv: here(without_place.with("format", Some("csv"))),
        org_id: ctx.org_id.clone().unwrap_or_default(),
        words: {
            let counted = begun(asked.from, if asked.by_day() { 24 } else { 1 });
            let note = if counted < asked.from { format!(", counted from {counted:.0} on") } else { String::new() };
            format!("{:.0} to {:.0}{note}", asked.from, asked.to)
        },
    })
}

fn named(party: &Named) -> Option<String> {
    party.name.as_ref().or(party.id.as_ref()).map(|name| printable(name))
}

fn class_name(uid: u16) -> String {
    let class = ocsf::Class::ALL.iter().find(|class| class.uid == uid);
    class.map_or_else(|| uid.to_string(), |class| format!("{} {}", class.name, class.uid))
}

fn line(event: &StoredEvent, names: &BTreeMap<String, String>, ctx: &Ctx) -> EventLine {
    let who = [named(&event.user), named(&event.administrator)].into_iter().flatten().collect::<Vec<_>>();
    let what = [named(&event.device), named(&event.application), named(&event.target)];
    EventLine {
        href: format!("/events/{}/{}?at={:.3}", event.org_id, event.uid_text(), event.time()),
        time: collect::when::relative(event.time(), ctx.now),
        exact: format!("{:.3}", event.time()),
        kind: printable(event.event_type.as_deref().unwrap_or("–")),
        outcome: event.outcome.word(),
        tone: state_tone(event.outcome.word()),
        who: who.join(", "),
        what: what.into_iter().flatten().collect::<Vec<_>>().join(", "),
        src_ip: printable(event.src_ip.as_deref().unwrap_or_default()),
        country: printable(event.country.as_deref().unwrap_or_default()),
        class: class_name(event.class_uid),
        organization: names.get(&event.org_id).cloned().unwrap_or_else(|| event.org_id.clone()),
        reason: printable(event.reason.as_deref().unwrap_or_default()),
    }
}

/// Bars by the hour or by the day. Counts know service, type, class and outcome; what else narrows the list down is not
/// counted, and the words say so.
fn histogram(ctx: &Ctx, asked: &Asked, tally: &EventTally) -> Histogram {
    let (by_hour, step) = if asked.by_day() { (false, 24) } else { (true, 1) };
    let mut counts = Vec::new();
    let mut at = begun(asked.from, step);
    while at < asked.to && at <= ctx.now && counts.len() < 400 {
        let text = at.to_string();
        let key = if by_hour { format!("{}:00:00.000Z", &text[..13]) } else { text[..10].to_owned() };
        let (total, failures) = tally.times.get(&Hour::of(at)).copied().unwrap_or_default();
        let query = ctx.query.with("from", Some(&key));
        let query = crate::visit::Pairs::read(query.as_bytes()).with("hours", Some(&step.to_string()));
        let shown = if by_hour { format!("{} UTC", key[5..16].replace('T', " ")) } else { key.clone() };
        counts.push((shown, total, failures, format!("/events?{query}")));
        at += SignedDuration::from_hours(step);
    }
    let is_wider = TEXTS.iter().any(|(name, _)| ctx.query.get(name).is_some());
    let title = if is_wider { "All events of that time, whoever took part" } else { "Events over time" };
    Histogram::of(title, "events", counts)
}

/// When the hour or the day began that a time is in; its fraction of a second stays.
fn begun(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_sub(SignedDuration::from_secs(at.as_second().rem_euclid(hours * 3600))).unwrap_or(at)
}

/// The types that occurred most.
fn types(ctx: &Ctx, tally: &EventTally) -> Vec<Facet> {
    let most = tally.types.iter().take(12);
    most.map(|(kind, events)| Facet {
        href: format!("/events?{}", ctx.query.with("type", Some(kind))),
        count: crate::grid::grouped(*events),
        label: printable(kind),
    })
    .collect()
}

async fn export(ctx: &Ctx, filter: &EventFilter) -> Answered {
    let detail = serde_json::json!({ "query": ctx.query.with("", None) });
    ctx.audit("export", "events", ctx.org_id.as_deref(), detail).await?;
    let found = ctx.app.store.search_events(filter, None, MOST_EXPORTED, false).await?;
    let rows: Vec<Vec<Cell>> = found.events.iter().map(StoredEvent::row).collect();
    csv_file("events", COLUMNS, &rows)
}

pub(crate) async fn show(ctx: Ctx, Path((org_id, uid)): Path<(String, String)>) -> Answered {
    // Links of ours say when it was, since it is found faster then.
    let at = ctx.query.get("at").and_then(|at| at.parse().ok());
    let event = ctx.read().everywhere().event(&org_id, &uid, at).await?;
    let raw = event.raw.as_deref().unwrap_or("null");
    let mut mapped = Vec::new();
    Mapper::default().read(raw).write_ocsf(&deliver::received(&event, true), &mut mapped);
    let names = ctx.read().organization_names().await?;
    let part = |kind: &str, party: &Named| match &party.id {
        Some(id) => asset_href(kind, &org_id, id),
        None => String::new(),
    };
    let plain = |text: &Option<String>| printable(text.as_deref().unwrap_or("–"));
    let facts = vec![
        ("Time", format!("{:.3}", event.time()), String::new()),
        ("Organization", names.get(&org_id).cloned().unwrap_or_else(|| org_id.clone()), with_org("/", Some(&org_id))),
        ("Service", plain(&event.service), String::new()),
        ("Type", plain(&event.event_type), String::new()),
        ("OCSF class", class_name(event.class_uid), String::new()),
        ("User", named(&event.user).unwrap_or_else(|| "–".to_owned()), part("user", &event.user)),
        (
            "Administrator",
            named(&event.administrator).unwrap_or_else(|| "–".to_owned()),
            part("administrator", &event.administrator),
        ),
        ("Device", named(&event.device).unwrap_or_else(|| "–".to_owned()), part("device", &event.device)),
        (
            "Application",
            named(&event.application).unwrap_or_else(|| "–".to_owned()),
            part("application", &event.application),
        ),
        ("Target", named(&event.target).unwrap_or_else(|| "–".to_owned()), String::new()),
        ("Address", plain(&event.src_ip), String::new()),
        ("Country", plain(&event.country), String::new()),
        ("Reason", plain(&event.reason), String::new()),
        ("Identity", event.uid_text(), String::new()),
    ];
    page(&EventPage {
        frame: Frame::of(&ctx, Section::Events, event.event_type.clone().unwrap_or_else(|| "Event".to_owned())).await?,
        facts,
        ocsf: document(&mapped),
        raw: document(raw.as_bytes()),
        trace: trace(raw, &deliver::received(&event, false)).into_iter().map(TraceLine::of).collect(),
        mapping: ocsf::MAPPING_VERSION,
        outcome: event.outcome.word(),
        tone: state_tone(event.outcome.word()),
    })
}

impl TraceLine {
    fn of(traced: Traced) -> Self {
        let text = match traced.value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Self {
            path: printable(&traced.path),
            value: printable(&text),
            from: traced.from.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "),
        }
    }
}

/// A JSON document in lines; what is none is shown as it is.
fn document(bytes: &[u8]) -> String {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => pretty(&value),
        Err(_) => printable(&String::from_utf8_lossy(bytes)),
    }
}
