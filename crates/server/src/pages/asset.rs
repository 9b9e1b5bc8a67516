//! Assets: a list of each type, and everything that is known of one.

use askama::Template;
use axum::extract::Path;
use posture::access;
use posture::harmless::printable;
use serde_json::Value;
use store::schema::{Kind, Table};
use store::{Cell, Version};

use super::asset_facets::{Facet, columns_of, facets, narrow};
use super::asset_picture::Picture;
use super::parts::Moment;
use crate::frame::{Frame, Section, page, with_org};
use crate::grid::{Column, Grid, Look, Spec, column, grouped, severity_tone, shown};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, maybe_text, number, text};
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "assets.html")]
struct AssetsPage {
    frame: Frame,
    types: Vec<TypeCount>,
    kind: String,
    label: String,
    search: String,
    cards: Vec<Card>,
    grid: Grid,
    org_id: String,
    facets: Vec<Facet>,
    /// What the address says beside the search, for its form.
    kept_by_search: Vec<(String, String)>,
    as_of: String,
}

struct TypeCount {
    label: String,
    count: String,
    href: String,
    is_here: bool,
}

struct Card {
    label: &'static str,
    count: String,
    href: String,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "asset.html")]
struct AssetPage {
    frame: Frame,
    kind: String,
    id: String,
    organization: String,
    is_gone: bool,
    facts: Vec<Fact>,
    more: Vec<Fact>,
    groups: Vec<Related>,
    bindings: Vec<Related>,
    reaches: Vec<Reach>,
    picture: Option<Picture>,
    findings: Vec<FindingLine>,
    events_href: String,
    history: Vec<Change>,
    raw: String,
    list_href: String,
}

struct Fact {
    label: String,
    text: String,
    hover: String,
    tone: &'static str,
}

struct Related {
    label: String,
    href: String,
    about: String,
}

/// One way from a user to a thing.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) who: String,
    pub(crate) what: String,
    /// The groups on the way, in words, or `access::DIRECT`.
    pub(crate) via: String,
    pub(crate) rights: String,
}

struct FindingLine {
    number: i64,
    check: String,
    severity: String,
    tone: &'static str,
    state: String,
    reason: String,
}

struct Change {
    at: Moment,
    what: String,
    field: String,
    before: String,
    after: String,
}

/// The columns that a list shows, by type; the others show the first of their table.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "user",
        &[
            "username",
            "email",
            "display_name",
            "state",
            "mfa_configured",
            "sudo",
            "password_never_expires",
            "department",
            "created_at",
        ],
    ),
    (
        "device",
        &[
            "display_name",
            "hostname",
            "os_family",
            "os_version",
            "serial_number",
            "disk_encrypted",
            "active",
            "last_contact",
            "agent_version",
        ],
    ),
    (
        "administrator",
        &[
            "email",
            "role_name",
            "totp_enrolled",
            "mfa_required",
            "api_key_set",
            "api_key_expires_at",
            "suspended",
            "created_at",
        ],
    ),
];
/// So many columns a list shows of a type that is not named above.
const FEW: usize = 8;
/// Columns where yes is good.
const GOOD: &[&str] =
    &["mfa_configured", "disk_encrypted", "activated", "totp_enrolled", "recovery_key_escrowed", "active"];
/// Most lines of a change history, of access and of what is bound.
const MOST: usize = 500;

/// The tables of assets, with their types.
fn kinds(ctx: &Ctx) -> Vec<(&'static str, &'static Table)> {
    ctx.app.store.tables().iter().filter_map(|table| Some((table.asset?, *table))).collect()
}

fn table_of(ctx: &Ctx, kind: &str) -> Result<&'static Table, Problem> {
    let found = kinds(ctx).into_iter().find(|(known, _)| *known == kind);
    found.map(|(_, table)| table).ok_or_else(|| Problem::not_found("there is no such type of asset"))
}

fn look_of(table: &Table, name: &str) -> Look {
    let kind = table.columns.iter().find(|column| column.name == name).map(|column| column.kind);
    match kind {
        Some(Kind::Boolean) if GOOD.contains(&name) => Look::Good,
        Some(Kind::Boolean) => Look::Flag,
        // A number that is a name is not counted with.
        Some(Kind::Integer) if name.starts_with("unix_") => Look::Plain,
        Some(Kind::Integer | Kind::Real) => Look::Number,
        Some(Kind::Time) => Look::Time,
        // A column of a sister table: told by its name.
        None if name.ends_with("_at") || name == "last_contact" => Look::Time,
        None if GOOD.contains(&name) => Look::Good,
        _ => Look::Plain,
    }
}

/// Words that are written in capitals.
const ABBREVIATIONS: &[&str] =
    &["mfa", "os", "id", "uid", "gid", "ip", "ssh", "mdm", "sso", "radius", "ldap", "api", "totp", "url", "tpm", "cpu"];
/// Words that are written as their owners write them.
const NAMES: &[(&str, &str)] = &[("jumpcloud", "JumpCloud"), ("webauthn", "WebAuthn")];
/// Types that people look for first, in this order.
const FIRST: &[&str] =
    &["user", "device", "application", "user_group", "device_group", "policy", "administrator", "ip_address"];

/// A column's name as a heading.
fn heading(name: &str) -> String {
    let words = name.strip_suffix("_at").unwrap_or(name).replace('_', " ");
    let words: Vec<String> = words
        .split(' ')
        .map(|word| match NAMES.iter().find(|(name, _)| *name == word) {
            Some((_, written)) => (*written).to_owned(),
            None if ABBREVIATIONS.contains(&word) => word.to_uppercase(),
            None => word.to_owned(),
        })
        .collect();
    let words = words.join(" ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn all_columns(table: &'static Table) -> Vec<&'static str> {
    let own = table.columns.iter().map(|column| column.name);
    own.chain(table.joined.iter().flat_map(|joined| joined.columns.iter().copied())).collect()
}

/// The columns of a list: what names a thing first, then those that are shown, then the others.
fn columns_of_list(table: &'static Table) -> Vec<Column> {
    let all = all_columns(table);
    let named = COLUMNS.iter().find(|(kind, _)| Some(*kind) == table.asset).map(|(_, names)| *names);
    let few = || all.iter().copied().filter(|name| *name != table.label).take(FEW - 1).collect();
    let shown: Vec<&str> = named.map_or_else(few, <[_]>::to_vec);
    let first = if shown.contains(&table.label) { None } else { Some(table.label) };
    let shown: Vec<&str> = first.into_iter().chain(shown).filter(|name| all.contains(name)).collect();
    let one = |name: &&str| column(name, &heading(name), look_of(table, name));
    let more = all.iter().filter(|name| !shown.contains(name)).map(|name| one(name).more());
    shown.iter().map(one).chain(more).collect()
}

fn label_of(kind: &str) -> String {
    heading(kind)
}

fn plural(label: &str) -> String {
    match label.strip_suffix('y') {
        Some(stem) if !stem.ends_with('e') => format!("{stem}ies"),
        _ if label.ends_with("ss") => format!("{label}es"),
        _ => format!("{label}s"),
    }
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let kind = ctx.query.get("type").unwrap_or("user").to_owned();
    let table = table_of(&ctx, &kind)?;
    let search = ctx.query.text("q").to_owned();
    let mut spec = Spec {
        caption: plural(&label_of(&kind)),
        from: table.name.to_owned(),
        keys: vec!["org_id".to_owned(), "id".to_owned()],
        columns: columns_of_list(table),
        order: format!("\"{}\", id", table.label),
        filters: vec![("q", "Search"), ("with", "Only"), ("as_of", "As of")],
        empty: match ctx.query.get("as_of") {
            Some(day) => format!(
                "No {} here as of {day}. What is known begins with the first sync.",
                plural(&label_of(&kind)).to_lowercase()
            ),
            None => format!(
                "No {} here. If a sync has run, none is known or none matches; Connections tells what was read.",
                plural(&label_of(&kind)).to_lowercase()
            ),
        },
        file: plural(&kind),
        as_of: ctx.as_of()?,
        ..Spec::default()
    };
    if ctx.read().organization_names().await?.len() > 1 && ctx.org_id.is_none() {
        spec.columns.push(column("org_id", "Organization", Look::Organization));
    }
    if !search.is_empty() {
        let names = all_columns(table);
        let searched = [table.label, "id", "email", "hostname", "serial_number", "display_name", "name", "username"];
        let conditions: Vec<String> = searched
            .iter()
            .filter(|name| **name == "id" || names.contains(name))
            .map(|name| format!("LOWER(CAST(\"{name}\" AS TEXT)) LIKE '%' || :search || '%'"))
            .collect();
        spec.conditions.push(format!("({})", conditions.join(" OR ")));
        spec.parameters.insert("search".to_owned(), search.to_lowercase().replace('%', "").as_str().into());
    }
    match ctx.query.get("with") {
        Some("findings") => spec.conditions.push(with_findings(table)),
        Some("no findings") => spec.conditions.push(format!("NOT {}", with_findings(table))),
        _ => {}
    }
    spec.filters.extend(columns_of(table).iter().map(|name| (*name, *name)));
    narrow(&ctx, table, &mut spec);
    if let Some(file) = spec.export(&ctx).await {
        return file;
    }
    let title = plural(&label_of(&kind));
    let frame = async { Frame::of(&ctx, Section::Assets, title).await?.with_freshness(&ctx).await };
    // None of these waits for another.
    let (facets, cards, types) = (facets(&ctx, table, &spec, heading), cards(&ctx, &kind, table), types(&ctx, &kind));
    let ((facets, total), cards, types, frame) = tokio::try_join!(facets, cards, types, frame)?;
    let href_kind = kind.clone();
    let grid = spec.load(&ctx, total, |row| asset_href(&href_kind, &text(row, 0), &text(row, 1))).await?;
    page(&AssetsPage {
        facets,
        kept_by_search: kept(&ctx, &["q", "as_of", "page", "type", "org"]),
        as_of: ctx.query.text("as_of").to_owned(),
        types,
        label: plural(&label_of(&kind)),
        org_id: ctx.org_id.clone().unwrap_or_default(),
        frame,
        kind,
        search,
        cards,
        grid,
    })
}

pub(crate) fn asset_href(kind: &str, org_id: &str, id: &str) -> String {
    let part =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    format!("/assets/{kind}/{}/{}", part(org_id), part(id))
}

/// What the address says but for some names, for a form that says those anew.
fn kept(ctx: &Ctx, but: &[&str]) -> Vec<(String, String)> {
    ctx.query.0.iter().filter(|(name, _)| !but.contains(&name.as_str())).cloned().collect()
}

/// The condition that an asset has an open finding.
fn with_findings(table: &Table) -> String {
    format!(
        "EXISTS (SELECT 1 FROM findings f WHERE f.org_id = {0}.org_id AND f.resource_id = {0}.id AND f.state = 'open')",
        table.name
    )
}

/// How many there are, and how many have open findings.
async fn cards(ctx: &Ctx, kind: &str, table: &Table) -> Result<Vec<Card>, Problem> {
    let sql = format!("SELECT COUNT(*), SUM(CASE WHEN {} THEN 1 ELSE 0 END) FROM {}", with_findings(table), table.name);
    let rows = ctx.read().at(ctx.as_of()?).rows(sql).await?;
    let all = rows.first().map_or(0, |row| number(row, 0).unsigned_abs());
    let with = rows.first().map_or(0, |row| number(row, 1).unsigned_abs());
    let chosen = ctx.query.get("with");
    let then = as_of_part(ctx);
    let card = |label, count, only: Option<&str>| Card {
        label,
        count: grouped(count),
        href: with_org(
            &match only {
                Some(only) => format!("/assets?type={kind}{then}&with={}", only.replace(' ', "+")),
                None => format!("/assets?type={kind}{then}"),
            },
            ctx.org_id.as_deref(),
        ),
        is_here: chosen == only,
    };
    Ok(vec![
        card("in all", all, None),
        card("with open findings", with, Some("findings")),
        card("without", all.saturating_sub(with), Some("no findings")),
    ])
}

/// The part of an address that keeps the time that is looked at.
fn as_of_part(ctx: &Ctx) -> String {
    let Some(day) = ctx.query.get("as_of") else { return String::new() };
    format!("&as_of={}", url::form_urlencoded::byte_serialize(day.as_bytes()).collect::<String>())
}

async fn types(ctx: &Ctx, here: &str) -> Result<Vec<TypeCount>, Problem> {
    let parts: Vec<String> = kinds(ctx)
        .iter()
        .map(|(kind, table)| format!("SELECT '{kind}' AS kind, COUNT(*) AS assets FROM {}", table.name))
        .collect();
    let rows = ctx.read().at(ctx.as_of()?).rows(parts.join(" UNION ALL ")).await?;
    let count =
        |kind: &str| rows.iter().find(|row| text(row, 0) == kind).map_or(0, |row| number(row, 1).unsigned_abs());
    let mut all = kinds(ctx);
    all.sort_by_key(|(kind, _)| FIRST.iter().position(|first| first == kind).unwrap_or(FIRST.len()));
    let then = as_of_part(ctx);
    // Types of which there is nothing would only be in the way.
    Ok(all
        .into_iter()
        .map(|(kind, _)| (kind, count(kind)))
        .filter(|(kind, count)| *count > 0 || *kind == here)
        .map(|(kind, count)| TypeCount {
            label: plural(&label_of(kind)),
            count: grouped(count),
            href: with_org(&format!("/assets?type={kind}{then}"), ctx.org_id.as_deref()),
            is_here: kind == here,
        })
        .collect())
}

pub(crate) async fn show(ctx: Ctx, Path((kind, org_id, id)): Path<(String, String, String)>) -> Answered {
    let table = table_of(&ctx, &kind)?;
    if !ctx.read().everywhere().sees(Some(&org_id)) {
        return Err(Problem::not_found("there is no such asset"));
    }
    let reading = ctx.read().of(&org_id);
    let this = || Parameters::from([("id".to_owned(), id.as_str().into())]);
    let answer = reading.ask(format!("SELECT * FROM {} WHERE id = :id", table.name), this()).await?;
    let versions = ctx.app.store.versions(table, &id, Some(&org_id)).await?;
    let Some(last) = versions.last() else { return Err(Problem::not_found("there is no such asset")) };
    let row = answer.rows.first();
    let (facts, more) = facts(table, &answer.columns, row, &ctx);
    let raw = row
        .and_then(|row| {
            answer.columns.iter().position(|column| column.name == "raw").and_then(|at| maybe_text(row, at))
        })
        .and_then(|raw| serde_json::from_str::<Value>(&raw).ok())
        .map(|raw| pretty(&raw))
        .unwrap_or_default();
    let label_at = answer.columns.iter().position(|column| column.name == table.label);
    let label = row.zip(label_at).and_then(|(row, at)| maybe_text(row, at));
    let label = label.map_or_else(|| id.clone(), |label| printable(&label));
    let groups = reading
        .ask(
            "SELECT COALESCE(ug.name, dg.name, m.group_id), m.group_id, CASE WHEN ug.id IS NOT NULL THEN 'user_group' ELSE 'device_group' END
             FROM group_memberships m
             LEFT JOIN user_groups ug ON ug.org_id = m.org_id AND ug.id = m.group_id
             LEFT JOIN device_groups dg ON dg.org_id = m.org_id AND dg.id = m.group_id
             WHERE m.member_id = :id ORDER BY 1 LIMIT 500",
            this(),
        )
        .await?
        .rows
        .iter()
        .map(|row| Related {
            label: printable(&text(row, 0)),
            href: asset_href(&text(row, 2), &org_id, &text(row, 1)),
            about: text(row, 2).replace('_', " "),
        })
        .collect();
    let bindings = reading
        .ask(
            "SELECT from_type, from_id, to_type, to_id FROM associations WHERE from_id = :id OR to_id = :id ORDER BY 1, 2, 3, 4 LIMIT 500",
            this(),
        )
        .await?
        .rows
        .iter()
        .map(|row| {
            let (kind, other) = if text(row, 1) == id { (text(row, 2), text(row, 3)) } else { (text(row, 0), text(row, 1)) };
            let kind = match kind.as_str() {
                "system" => "device".to_owned(),
                "system_group" => "device_group".to_owned(),
                _ => kind,
            };
            let is_known = kinds(&ctx).iter().any(|(known, _)| *known == kind);
            Related {
                label: printable(&other),
                href: if is_known { asset_href(&kind, &org_id, &other) } else { String::new() },
                about: kind.replace('_', " "),
            }
        })
        .collect();
    let reached = reading.ask(format!("{} LIMIT {MOST}", access::of(&kind)), this()).await?.rows;
    let reaches: Vec<Reach> = reached
        .iter()
        .map(|row| Reach {
            who: printable(&text(row, 0)),
            what: format!("{} ({})", printable(&text(row, 2)), text(row, 1).replace('_', " ")),
            via: printable(&text(row, 3)),
            rights: text(row, 6),
        })
        .collect();
    let findings = if ctx.may(Permission::ReadFindings) {
        reading
            .ask(
                "SELECT number, check_id, severity, state, reason FROM findings WHERE resource_id = :id AND state <> 'resolved'
                 ORDER BY severity_id DESC, number LIMIT 500",
                this(),
            )
            .await?
            .rows
            .iter()
            .map(|row| FindingLine {
                number: number(row, 0),
                check: text(row, 1),
                tone: severity_tone(&text(row, 2)),
                severity: text(row, 2),
                state: text(row, 3),
                reason: printable(&text(row, 4)),
            })
            .collect()
    } else {
        Vec::new()
    };
    let names = ctx.read().organization_names().await?;
    let events_href = match kind.as_str() {
        "user" | "device" | "application" => with_org(
            &format!("/events?{kind}={}", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>()),
            Some(&org_id),
        ),
        _ => String::new(),
    };
    page(&AssetPage {
        frame: Frame::of(&ctx, Section::Assets, label).await?,
        organization: names.get(&org_id).cloned().unwrap_or_else(|| org_id.clone()),
        is_gone: last.until.is_some(),
        facts,
        more,
        groups,
        bindings,
        picture: Picture::of(&reaches),
        reaches,
        findings,
        events_href: if ctx.may(Permission::ReadEvents) { events_href } else { String::new() },
        history: changes(&versions, &ctx),
        raw,
        list_href: with_org(&format!("/assets?type={kind}"), ctx.org_id.as_deref()),
        kind: label_of(&kind),
        id,
    })
}

/// A JSON document in lines, with what could mislead a reader made visible.
pub(crate) fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// What the columns say: first what is told, then what is empty.
fn facts(
    table: &'static Table,
    columns: &[store::AnswerColumn],
    row: Option<&Vec<Cell>>,
    ctx: &Ctx,
) -> (Vec<Fact>, Vec<Fact>) {
    let Some(row) = row else { return (Vec::new(), Vec::new()) };
    let (mut told, mut empty) = (Vec::new(), Vec::new());
    for (column, cell) in
        columns.iter().zip(row).filter(|(column, _)| !["raw", "org_id"].contains(&column.name.as_str()))
    {
        let view = shown(cell, look_of(table, &column.name), ctx.now);
        let is_empty = matches!(cell, Cell::Null(_));
        let hover = match look_of(table, &column.name) {
            Look::Time => view.hover.clone(),
            _ => String::new(),
        };
        let text = if view.hover.is_empty() || !hover.is_empty() { view.text } else { view.hover };
        let fact = Fact { label: heading(&column.name), text, hover, tone: view.tone };
        if is_empty { empty.push(fact) } else { told.push(fact) }
    }
    (told, empty)
}

/// What changed from version to version, the newest first.
fn changes(versions: &[Version], ctx: &Ctx) -> Vec<Change> {
    let mut all = Vec::new();
    let mut before: Option<&Version> = None;
    let plain = |at, what: &str| Change {
        at: Moment::of(Some(at), ctx.now),
        what: what.to_owned(),
        field: String::new(),
        before: String::new(),
        after: String::new(),
    };
    for version in versions {
        match before.filter(|before| before.until == Some(version.from)) {
            None => {
                if let Some(gone) = before.and_then(|before| before.until) {
                    all.push(plain(gone, "gone"));
                }
                all.push(plain(version.from, if before.is_some() { "back" } else { "first seen" }));
            }
            Some(before) => {
                for (field, old, new) in differences(&before.raw, &version.raw) {
                    all.push(Change { field, before: old, after: new, ..plain(version.from, "changed") });
                }
            }
        }
        before = Some(version);
    }
    if let Some(gone) = before.and_then(|before| before.until) {
        all.push(plain(gone, "gone"));
    }
    all.reverse();
    all.truncate(MOST);
    all
}

/// The fields in which two rows differ, with both values.
fn differences(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return vec![(String::new(), brief(Some(before)), brief(Some(after)))];
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| (printable(name), brief(old.get(name)), brief(new.get(name))))
        .collect()
}

fn brief(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(other) => printable(&other.to_string()),
    };
    text.chars().take(300).collect()
}
