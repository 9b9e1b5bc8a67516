//! Administration: people, sessions and tokens of everybody, the audit log, and this instance.

use askama::Template;
use axum::extract::Path;
use collect::condition::State;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::events::EventFilter;
use store::{AuditLine, Cell, Identity, Person, StreamKind};

use super::parts::{Moment, needs_action};
use crate::accounts::{new_person, password_hash};
use crate::frame::{Frame, Section, page, see};
use crate::grid::{Grid, Look, Shown, column, csv_file, grouped, state_tone};
use crate::permission::{Permission, Role};
use crate::problem::{Answered, Problem};
use crate::reading::{number, text};
use crate::secret::SHORTEST;
use crate::sheet::Sheet;
use crate::visit::Ctx;

/// Lines of the audit log on one page, and in one export.
const LINES: u32 = 100;
const MOST_EXPORTED: u32 = 100_000;

#[derive(Template)]
#[template(path = "administration.html")]
struct AdministrationPage {
    frame: Frame,
    grid: Grid,
    roles: Vec<(&'static str, &'static str, &'static str)>,
    organizations: Vec<(String, String)>,
    error: Option<Problem>,
    shortest: usize,
    name: String,
    email: String,
    /// What the provider is called that people can sign in with.
    provider: Option<String>,
}

pub(crate) struct SessionLine {
    pub(crate) id: String,
    pub(crate) person: String,
    pub(crate) begun: Moment,
    pub(crate) used: Moment,
    pub(crate) ends: Moment,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) is_this: bool,
}

pub(crate) struct TokenLine {
    pub(crate) id: String,
    pub(crate) person: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) scope: String,
    pub(crate) made: Moment,
    pub(crate) expires: Moment,
    pub(crate) used: Moment,
    /// In use, over, or taken back.
    pub(crate) state: &'static str,
    pub(crate) is_usable: bool,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    sessions: Vec<SessionLine>,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<TokenLine>,
}

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    frame: Frame,
    lines: Vec<RetentionLine>,
    usual: String,
    size: String,
}

struct RetentionLine {
    connection: String,
    href: String,
    keep: String,
    is_own: bool,
    events: String,
    a_day: String,
    oldest: Moment,
    newest: Moment,
    removed: Moment,
    snapshots: String,
    first_snapshot: Moment,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    id: String,
    name: String,
    email: String,
    role: String,
    active: bool,
    roles: Vec<(&'static str, &'static str, &'static str)>,
    sees_all: bool,
    organizations: Vec<(String, String, bool)>,
    error: Option<Problem>,
    may_change: bool,
    shortest: usize,
    /// At which providers they sign in, and as what.
    identities: Vec<(String, String, Moment)>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    lines: Vec<AuditView>,
    search: String,
    before: String,
    csv: String,
    proof: Option<(bool, String)>,
}

struct AuditView {
    number: i64,
    at: Moment,
    actor: String,
    kind: String,
    address: String,
    action: String,
    object: String,
    outcome: String,
    tone: &'static str,
    detail: String,
    hash: String,
}

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage {
    frame: Frame,
    facts: Vec<(&'static str, String)>,
    health: Vec<(&'static str, String)>,
}

/// The sessions of some people.
pub(crate) async fn sessions(ctx: &Ctx, of: impl Fn(&str) -> bool) -> Result<Vec<SessionLine>, Problem> {
    let people = ctx.app.store.people().await?;
    let this = ctx.session.as_ref().map(|session| session.id.as_str());
    let all = ctx.app.store.sessions(ctx.now).await?;
    Ok(all
        .into_iter()
        .filter(|session| of(&session.person_id))
        .map(|session| SessionLine {
            person: name_of(&people, &session.person_id),
            begun: Moment::of(Some(session.created_at), ctx.now),
            used: Moment::of(Some(session.last_seen_at), ctx.now),
            ends: Moment::of(Some(session.expires_at), ctx.now),
            address: session.address,
            agent: posture::harmless::printable(&session.agent),
            is_this: Some(session.id.as_str()) == this,
            id: session.id,
        })
        .collect())
}

/// The tokens of some people.
pub(crate) async fn tokens(ctx: &Ctx, of: impl Fn(&str) -> bool) -> Result<Vec<TokenLine>, Problem> {
    let people = ctx.app.store.people().await?;
    let all = ctx.app.store.api_tokens().await?;
    Ok(all
        .into_iter()
        .filter(|token| of(&token.person_id))
        .map(|token| {
            let state = match token.revoked_at {
                Some(_) => "taken back",
                None if token.expires_at <= ctx.now => "over",
                None => "in use",
            };
            TokenLine {
                person: name_of(&people, &token.person_id),
                made: Moment::of(Some(token.created_at), ctx.now),
                expires: Moment::of(Some(token.expires_at), ctx.now),
                used: Moment::of(token.last_used_at, ctx.now),
                is_usable: state == "in use",
                scope: Role::of_word(&token.scope).map_or_else(|| token.scope.clone(), |role| role.label().to_owned()),
                id: token.id,
                name: token.name,
                prefix: token.prefix,
                state,
            }
        })
        .collect())
}

fn name_of(people: &[Person], id: &str) -> String {
    people.iter().find(|person| person.id == id).map_or_else(|| id.to_owned(), |person| person.name.clone())
}

fn roles(ctx: &Ctx) -> Vec<(&'static str, &'static str, &'static str)> {
    // Only owners make owners.
    let may = |role: &Role| *role != Role::Owner || ctx.role == Role::Owner;
    Role::ALL.into_iter().filter(may).map(|role| (role.word(), role.label(), role.about())).collect()
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    if !ctx.may(Permission::ManagePeople) {
        return see("/administration/audit");
    }
    administration_page(&ctx, None).await
}

async fn administration_page(ctx: &Ctx, error: Option<Problem>) -> Answered {
    whole_only(ctx)?;
    let names = ctx.read().organization_names().await?;
    let people = ctx.app.store.people().await?;
    let named = |ids: &Option<Vec<String>>| match ids {
        None => "all".to_owned(),
        Some(ids) => ids.iter().map(|id| names.get(id).unwrap_or(id).clone()).collect::<Vec<_>>().join(", "),
    };
    let row = |person: &Person| {
        vec![
            Shown::link(person.name.clone(), format!("/administration/people/{}", person.id)),
            Shown::text(person.email.clone().unwrap_or_default()),
            Shown::text(Role::of_word(&person.role).map_or("unknown", Role::label)),
            Shown::text(named(&person.org_ids)).class("wrap"),
            Shown::text(if person.active { "yes" } else { "no" }),
            Shown::moment(Moment::of(person.last_sign_in_at, ctx.now)),
        ]
    };
    let mut sheet = Sheet {
        caption: "People".to_owned(),
        columns: vec![
            column("name", "Name", Look::Plain),
            column("email", "E-mail", Look::Plain),
            column("role", "Role", Look::Plain),
            column("sees", "Sees", Look::Plain),
            column("may_sign_in", "May sign in", Look::Plain),
            column("last_sign_in", "Signed in last", Look::Time),
        ],
        rows: people.iter().map(row).collect(),
        file: "people".to_owned(),
        ..Sheet::default()
    };
    if let Some(file) = sheet.export(ctx).await {
        return file;
    }
    page(&AdministrationPage {
        frame: Frame::of(ctx, Section::Administration, "Administration").await?,
        grid: sheet.grid(ctx),
        roles: roles(ctx),
        organizations: names.into_iter().collect(),
        shortest: SHORTEST,
        name: ctx.form.text("name").to_owned(),
        email: ctx.form.text("email").to_owned(),
        provider: ctx.app.oidc.as_ref().map(|provider| provider.label().to_owned()),
        error,
    })
}

pub(crate) async fn all_sessions(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    page(&SessionsPage {
        sessions: sessions(&ctx, |_| true).await?,
        frame: Frame::of(&ctx, Section::Administration, "Sessions").await?,
    })
}

pub(crate) async fn all_tokens(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    page(&TokensPage {
        tokens: tokens(&ctx, |_| true).await?,
        frame: Frame::of(&ctx, Section::Administration, "API tokens").await?,
    })
}

/// How long what was collected is kept, and how much of it there is.
pub(crate) async fn retention(ctx: Ctx) -> Answered {
    let store = &ctx.app.store;
    let streams = store.streams(None).await?;
    let mut lines = Vec::new();
    for connection in ctx.read().connections().await? {
        let org_id = connection.org_id.clone().unwrap_or_default();
        let own =
            streams.iter().find(|stream| stream.connection_id == connection.id && stream.kind == StreamKind::Events);
        let own = own.and_then(|stream| stream.keep.clone());
        let held = store.events_held(&org_id).await?;
        let week = (ctx.now - jiff::SignedDuration::from_hours(7 * 24), ctx.now);
        let of_week = ctx.read().of(&org_id).event_tally(&EventFilter::default(), week, true).await?;
        let of_week: u64 = of_week.times.values().map(|(events, _)| events).sum();
        let sql = "SELECT COUNT(*), MIN(committed_at) FROM snapshots";
        let snapshots = ctx.read().of(&org_id).rows(sql).await?;
        let snapshots = snapshots.first().map(|row| (number(row, 0), text(row, 1))).unwrap_or_default();
        lines.push(RetentionLine {
            href: format!("/connections/{}/settings", connection.id),
            connection: connection.name,
            is_own: own.is_some(),
            keep: own.unwrap_or_else(|| ctx.app.keep_events.clone()),
            events: grouped(held.events),
            a_day: grouped(of_week / 7),
            oldest: Moment::of(held.oldest, ctx.now),
            newest: Moment::of(held.newest, ctx.now),
            removed: Moment::of(store.events_kept_from(&org_id).await?, ctx.now),
            snapshots: grouped(snapshots.0.unsigned_abs()),
            first_snapshot: Moment::of(snapshots.1.parse().ok(), ctx.now),
        });
    }
    page(&RetentionPage {
        lines,
        usual: ctx.app.keep_events.clone(),
        size: mebibytes(store.size().await?),
        frame: Frame::of(&ctx, Section::Administration, "Retention").await?,
    })
}

pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", grouped(bytes.div_ceil(1 << 20)))
}

/// Memory of this process that is in use, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// People are of the whole installation: who sees only some organizations does not manage them.
pub(super) fn whole_only(ctx: &Ctx) -> Result<(), Problem> {
    match ctx.sees_everything() {
        true => Ok(()),
        false => Err(Problem::forbidden("only who may see all organizations may do this")),
    }
}

/// What a form says of a person: the role and the organizations.
fn asked_role(ctx: &Ctx) -> Result<(Role, Option<Vec<String>>), Problem> {
    let role = Role::of_word(ctx.form.text("role")).ok_or_else(|| Problem::bad("choose a role"))?;
    if role == Role::Owner && ctx.role != Role::Owner {
        return Err(Problem::forbidden("only an owner makes owners"));
    }
    let org_ids: Vec<String> = ctx.form.all("org_id").map(str::to_owned).collect();
    let all = ctx.form.text("sees") != "some";
    Ok((role, (!all).then_some(org_ids)))
}

fn described(person: &Person) -> Value {
    json!({ "role": person.role, "email": person.email, "organizations": person.org_ids, "active": person.active })
}

pub(crate) async fn add_person(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    match add_asked_person(&ctx).await {
        Ok(()) => see("/administration?done=person"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => administration_page(&ctx, Some(problem)).await,
    }
}

async fn add_asked_person(ctx: &Ctx) -> Result<(), Problem> {
    let (role, org_ids) = asked_role(ctx)?;
    let person = new_person(ctx.form.text("name"), role, ctx.form.get("email").map(str::to_owned), org_ids, ctx.now)?;
    let hash = match ctx.form.exact("password") {
        // Who signs in with the provider needs none; the address is what they are known by there.
        "" if ctx.app.oidc.is_some() && person.email.is_some() => None,
        password => Some(password_hash(password, &person.name).await?),
    };
    ctx.audit_begun("person.add", &person.name, None, json!({ "after": described(&person) })).await?;
    let added = ctx.app.store.add_person(&person, hash.as_deref()).await;
    ctx.audit_ended("person.add", &person.name, None, added.as_ref().err().map(ToString::to_string)).await;
    Ok(added?)
}

async fn person_of(ctx: &Ctx, id: &str) -> Result<Person, Problem> {
    whole_only(ctx)?;
    ctx.app.store.person(id).await?.ok_or_else(|| Problem::not_found("there is no such person"))
}

pub(crate) async fn person(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let person = person_of(&ctx, &id).await?;
    person_page(&ctx, &person, None).await
}

async fn person_page(ctx: &Ctx, person: &Person, error: Option<Problem>) -> Answered {
    let names = ctx.read().organization_names().await?;
    let identity =
        |identity: Identity| (identity.issuer, identity.subject, Moment::of(Some(identity.linked_at), ctx.now));
    let chosen = |id: &String| person.org_ids.as_ref().is_some_and(|ids| ids.contains(id));
    page(&PersonPage {
        frame: Frame::of(ctx, Section::Administration, person.name.clone()).await?,
        id: person.id.clone(),
        name: person.name.clone(),
        email: person.email.clone().unwrap_or_default(),
        role: person.role.clone(),
        active: person.active,
        roles: roles(ctx),
        sees_all: person.org_ids.is_none(),
        organizations: names.into_iter().map(|(id, name)| (id.clone(), name, chosen(&id))).collect(),
        may_change: may_change(ctx, person),
        shortest: SHORTEST,
        identities: ctx.app.store.identities(&person.id).await?.into_iter().map(identity).collect(),
        error,
    })
}

/// Only owners change owners.
fn may_change(ctx: &Ctx, person: &Person) -> bool {
    ctx.role == Role::Owner || person.role != Role::Owner.word()
}

pub(crate) async fn save_person(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let before = person_of(&ctx, &id).await?;
    match change_person(&ctx, &before).await {
        Ok(()) => see("/administration?done=person"),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => person_page(&ctx, &before, Some(problem)).await,
    }
}

async fn change_person(ctx: &Ctx, before: &Person) -> Result<(), Problem> {
    if !may_change(ctx, before) {
        return Err(Problem::forbidden("only an owner changes owners"));
    }
    let (role, org_ids) = asked_role(ctx)?;
    let after = Person {
        email: ctx.form.get("email").map(str::to_owned),
        role: role.word().to_owned(),
        org_ids,
        active: ctx.form.get("active").is_some(),
        ..before.clone()
    };
    let password = ctx.form.exact("password");
    let new_hash = match password {
        "" => None,
        password => Some(password_hash(password, &before.name).await?),
    };
    let forgets = ctx.form.get("forget_identities").is_some();
    let detail = json!({
        "before": described(before),
        "after": described(&after),
        "new_password": new_hash.is_some(),
        "identities_forgotten": forgets,
    });
    ctx.audit_begun("person.update", &before.name, None, detail).await?;
    let updated = ctx.app.store.update_person(&after, ctx.now).await;
    ctx.audit_ended("person.update", &before.name, None, updated.as_ref().err().map(ToString::to_string)).await;
    updated?;
    if let Some(hash) = new_hash {
        ctx.app.store.set_password(&before.id, &hash, "", ctx.now).await?;
    }
    if forgets {
        ctx.app.store.forget_identities(&before.id).await?;
    }
    Ok(())
}

pub(crate) async fn end_session(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    let id = ctx.form.text("session");
    ctx.audit("session.end", id, None, json!({})).await?;
    if !ctx.app.store.end_session(id).await? {
        return Err(Problem::not_found("there is no such session"));
    }
    see("/administration/sessions?done=ended")
}

pub(crate) async fn revoke_token(ctx: Ctx) -> Answered {
    whole_only(&ctx)?;
    let id = ctx.form.text("token");
    ctx.audit("token.revoke", id, None, json!({})).await?;
    if !ctx.app.store.revoke_api_token(id, ctx.now).await? {
        return Err(Problem::not_found("there is no such token"));
    }
    see("/administration/tokens?done=revoked")
}

pub(crate) async fn audit(ctx: Ctx) -> Answered {
    audit_page(&ctx, None).await
}

async fn audit_page(ctx: &Ctx, proof: Option<(bool, String)>) -> Answered {
    let before = ctx.query.get("before").and_then(|number| number.parse().ok());
    let search = ctx.query.text("q");
    let within = ctx.person.org_ids.as_deref();
    if ctx.query.get("format") == Some("csv") {
        ctx.audit("export", "audit log", None, json!({ "search": search })).await?;
        return export(&ctx.app.store.audit_lines(None, search, within, MOST_EXPORTED).await?);
    }
    let lines = ctx.app.store.audit_lines(before, search, within, LINES).await?;
    let last = lines.last().filter(|_| lines.len() == LINES as usize).map(|line| line.number);
    page(&AuditPage {
        frame: Frame::of(ctx, Section::Administration, "Audit log").await?,
        search: search.to_owned(),
        before: last
            .map(|number| format!("/administration/audit?{}", ctx.query.with("before", Some(&number.to_string()))))
            .unwrap_or_default(),
        csv: format!("/administration/audit?{}", ctx.query.with("format", Some("csv"))),
        lines: lines.iter().map(|line| audit_view(line, ctx.now)).collect(),
        proof,
    })
}

fn audit_view(line: &AuditLine, now: Timestamp) -> AuditView {
    let printable = posture::harmless::printable;
    let entry = &line.entry;
    AuditView {
        number: line.number,
        at: Moment::of(Some(entry.at), now),
        actor: printable(&entry.actor),
        kind: entry.actor_kind.clone(),
        address: entry.address.clone(),
        action: entry.action.clone(),
        object: printable(&entry.object),
        outcome: entry.outcome.clone(),
        tone: state_tone(&entry.outcome),
        detail: match &entry.detail {
            Value::Object(members) if members.is_empty() => String::new(),
            detail => printable(&detail.to_string()),
        },
        hash: line.hash.chars().take(12).collect(),
    }
}

fn export(lines: &[AuditLine]) -> Answered {
    let rows: Vec<Vec<Cell>> = lines
        .iter()
        .map(|line| {
            let entry = &line.entry;
            let (at, detail) = (entry.at.to_string(), entry.detail.to_string());
            let texts = [
                at.as_str(),
                &entry.actor,
                &entry.actor_kind,
                &entry.address,
                entry.org_id.as_deref().unwrap_or_default(),
                &entry.action,
                &entry.object,
                &detail,
                &entry.outcome,
                &entry.request_id,
                &line.previous,
                &line.hash,
            ];
            let mut row = vec![Cell::Integer(line.number)];
            row.extend(texts.into_iter().map(Cell::from));
            row
        })
        .collect();
    csv_file("audit log", &AuditLine::COLUMNS, &rows)
}

pub(crate) async fn verify(ctx: Ctx) -> Answered {
    ctx.audit("audit.verify", "audit log", None, json!({})).await?;
    let proof = ctx.app.store.verify_audit().await?;
    let words = match &proof.broken {
        None => format!(
            "The chain is whole: {} lines, each follows the one before. Its head is {}.",
            grouped(proof.lines),
            proof.head
        ),
        Some((number, how)) => format!("The chain is broken at line {number}: {how}."),
    };
    audit_page(&ctx, Some((proof.broken.is_none(), words))).await
}

pub(crate) async fn about(ctx: Ctx) -> Answered {
    let app = &ctx.app;
    let connections = ctx.read().everywhere().connections().await?.len();
    let checks = app.posture.library.checks().count();
    let facts = vec![
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("This machine", app.host.clone()),
        ("Collector", app.collector.name.clone()),
        ("Connections", connections.to_string()),
        ("Checks", checks.to_string()),
        ("Frameworks", app.posture.library.frameworks().len().to_string()),
        ("Evidence items", app.items.iter().count().to_string()),
        ("Events are kept", app.keep_events.clone()),
        ("Sign-in provider", app.oidc.as_ref().map_or_else(|| "none".to_owned(), |oidc| oidc.settings.issuer.clone())),
        ("OCSF mapping", ocsf::MAPPING_VERSION.to_string()),
        ("License", "Apache-2.0".to_owned()),
    ];
    let standings = ctx.read().everywhere().standings(app).await?;
    let needing = standings.iter().filter(|standing| needs_action(standing.condition.state)).count();
    let syncing = standings.iter().filter(|standing| standing.condition.state == State::Syncing).count();
    let running = collect::when::span(ctx.now.duration_since(app.started_at));
    let last_backup = match super::backup::last_made(app).await? {
        Some(at) => format!("{}, {at:.0}", collect::when::relative(at, ctx.now)),
        None if app.store.is_embedded() => "none was made".to_owned(),
        None => "made with the programs of PostgreSQL".to_owned(),
    };
    let health = vec![
        ("Running for", format!("{running}, since {:.0}", app.started_at)),
        ("Memory in use", resident().map_or_else(|| "the system does not tell".to_owned(), mebibytes)),
        ("Database", format!("{}, {}", app.store.engine(), mebibytes(app.store.size().await?))),
        ("Last backup", last_backup),
        ("Streams that sync now", syncing.to_string()),
        ("Streams that need somebody", format!("{needing} of {}", standings.len())),
    ];
    let frame = Frame::of(&ctx, Section::Administration, "About and health").await?;
    page(&AboutPage { frame, facts, health })
}
