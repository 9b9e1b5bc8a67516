//! Evidence: what can be given to an auditor, one item with its population, and the packs, with making one.

use askama::Template;
use axum::extract::Path;
use collect::when::{parse_day, parse_moment};
use jiff::{SignedDuration, Timestamp};
use posture::evidence::{ABSENT, Absent, Item, Made, Preview, Sampling, Usage, preview};
use posture::harmless::printable;
use serde_json::Value;
use store::EvidencePack;

use super::parts::Moment;
use super::prose::Prose;
use crate::evidence::{self, Wanted, organization};
use crate::frame::{Frame, Section, page, with_org};
use crate::grid::{Grid, Look, Shown, column, grouped, size_words, state_tone};
use crate::permission::Permission;
use crate::problem::{Answered, Problem};
use crate::sheet::Sheet;
use crate::visit::Ctx;

/// Rows of a population that its page shows.
const SHOWN: usize = 50;
/// A pack is made for a quarter of a year, unless something else is said.
const USUAL_PERIOD: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Template)]
#[template(path = "evidence.html")]
struct EvidencePage {
    frame: Frame,
    grid: Grid,
    frameworks: Vec<Choice>,
    usages: Vec<Choice>,
    absent: &'static [Absent],
    org_id: String,
}

struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "evidence_item.html")]
struct ItemPage {
    frame: Frame,
    id: String,
    kind: &'static str,
    usage: &'static str,
    shows: Prose,
    notes: Prose,
    query: String,
    reads: Vec<String>,
    origin: String,
    requirements: Vec<(String, String, String)>,
    organizations: Vec<Choice>,
    as_of: String,
    population: Option<Population>,
    problem: Option<Problem>,
    may_see: bool,
}

struct Population {
    state: String,
    tone: &'static str,
    missing: Vec<String>,
    snapshot: i64,
    committed: Moment,
    count: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    is_cut: bool,
}

#[derive(Template)]
#[template(path = "evidence_packs.html")]
struct PacksPage {
    frame: Frame,
    grid: Grid,
    has_packs: bool,
    public_key: String,
    may_make: bool,
    frameworks: Vec<Choice>,
    organizations: Vec<Choice>,
    items: Vec<Choice>,
    from: String,
    to: String,
    as_of: String,
    rows: String,
    seed: String,
    error: Option<Problem>,
    made: Option<MadeView>,
}

/// What is told of a pack that was just made.
struct MadeView {
    number: i64,
    digest: String,
    key: String,
    is_whole: bool,
    gaps: usize,
    lacking: Vec<(String, String)>,
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let library = &ctx.app.posture.library;
    let framework = match ctx.query.get("framework") {
        Some(id) => Some(library.framework(id).ok_or_else(|| Problem::not_found("there is no such framework"))?),
        None => None,
    };
    let usage = ctx.query.get("use");
    let mut chosen: Vec<&Item> = match framework {
        Some(framework) => ctx.app.items.serving(framework),
        None => ctx.app.items.iter().collect(),
    };
    chosen.retain(|item| usage.is_none_or(|usage| item.usage.word() == usage));
    let serves = |item: &Item| match framework {
        Some(framework) => {
            item.serves(framework).map(|(requirement, _)| requirement.id.clone()).collect::<Vec<_>>().join(", ")
        }
        None => {
            let served = library.frameworks().iter().filter(|framework| item.serves(framework).next().is_some());
            served.map(|framework| framework.name.clone()).collect::<Vec<_>>().join(", ")
        }
    };
    let row = |item: &Item| {
        let href = with_org(&format!("/evidence/items/{}", item.id), ctx.org_id.as_deref());
        vec![
            Shown::link(item.title.clone(), href).class("wrap"),
            Shown::text(item.id.clone()).class("code"),
            Shown::text(item.usage.name()).class("wrap"),
            Shown::text(item.kind.about()).class("wrap"),
            Shown::text(serves(item)).class("wrap"),
            Shown::text(item.reads.join(", ")).class("wrap"),
        ]
    };
    let mut sheet = Sheet {
        caption: "Evidence items".to_owned(),
        columns: vec![
            column("title", "Item", Look::Plain),
            column("id", "Id", Look::Plain),
            column("asked_for_in", "Asked for in", Look::Plain),
            column("kind", "What it is", Look::Plain),
            column("serves", "Serves", Look::Plain),
            column("reads", "Reads", Look::Plain).more(),
        ],
        rows: chosen.into_iter().map(row).collect(),
        filters: vec![("framework", "Framework"), ("use", "Asked for in")],
        empty: "No item is like that.".to_owned(),
        file: "evidence items".to_owned(),
    };
    if let Some(file) = sheet.export(&ctx).await {
        return file;
    }
    page(&EvidencePage {
        grid: sheet.grid(&ctx),
        frameworks: frameworks(&ctx, ctx.query.text("framework")),
        usages: [Usage::Sso, Usage::EndpointManagement]
            .map(|one| Choice {
                value: one.word().to_owned(),
                label: one.name().to_owned(),
                is_chosen: usage == Some(one.word()),
            })
            .into(),
        absent: ABSENT,
        org_id: ctx.org_id.clone().unwrap_or_default(),
        frame: Frame::of(&ctx, Section::Frameworks, "Evidence").await?,
    })
}

fn frameworks(ctx: &Ctx, chosen: &str) -> Vec<Choice> {
    let all = ctx.app.posture.library.frameworks().iter();
    all.map(|framework| Choice {
        is_chosen: framework.id == chosen,
        value: framework.id.clone(),
        label: format!("{} {}", framework.name, framework.version),
    })
    .collect()
}

/// The organizations that something was collected of.
async fn organizations(ctx: &Ctx, chosen: &str) -> Result<Vec<Choice>, Problem> {
    let names = ctx.read().organization_names().await?;
    let mut all = ctx.app.posture.organizations().await?;
    all.retain(|organization| ctx.read().everywhere().sees(Some(&organization.org_id)));
    Ok(all
        .into_iter()
        .map(|organization| Choice {
            is_chosen: organization.org_id == chosen,
            label: names.get(&organization.org_id).cloned().unwrap_or_else(|| organization.org_id.clone()),
            value: organization.org_id,
        })
        .collect())
}

pub(crate) async fn show(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let nothing = || match ABSENT.iter().find(|absent| absent.id == id) {
        Some(absent) => Problem::not_found(format!("{id} is not collected: {}", absent.title)).help(absent.why),
        None => Problem::not_found("there is no such evidence item"),
    };
    let item = ctx.app.items.get(&id).ok_or_else(nothing)?;
    let of_events = item.reads.iter().any(|table| posture::evidence::is_of_events(table));
    let may_see = ctx.may(Permission::ReadAssets)
        && ctx.may(Permission::ReadFindings)
        && (!of_events || ctx.may(Permission::ReadEvents));
    let all = organizations(&ctx, ctx.query.text("org")).await?;
    let chosen = ctx.org_id.clone().or_else(|| all.first().map(|first| first.value.clone())).filter(|_| may_see);
    let (mut population, mut problem) = (None, None);
    if let Some(org_id) = chosen {
        match population_of(&ctx, item, &org_id).await {
            Ok(found) => population = Some(found),
            Err(why) if why.status.is_server_error() => return Err(why),
            Err(why) => problem = Some(why),
        }
    }
    let served = ctx.app.posture.library.frameworks().iter().flat_map(|framework| {
        item.serves(framework).map(|(requirement, _)| {
            let href = with_org(&format!("/frameworks/{}", framework.id), ctx.org_id.as_deref());
            (format!("{} {}", framework.name, requirement.id), requirement.title.clone(), href)
        })
    });
    page(&ItemPage {
        kind: item.kind.about(),
        usage: item.usage.name(),
        shows: Prose::of(&item.shows),
        notes: Prose::of(&item.notes),
        query: item.query.clone(),
        reads: item.reads.clone(),
        origin: item.origin.to_string(),
        requirements: served.collect(),
        organizations: all,
        as_of: ctx.query.text("as_of").to_owned(),
        population,
        problem,
        may_see,
        frame: Frame::of(&ctx, Section::Frameworks, item.title.clone()).await?,
        id,
    })
}

async fn population_of(ctx: &Ctx, item: &Item, org_id: &str) -> Result<Population, Problem> {
    let organization = organization(ctx, org_id).await?;
    let as_of = ctx.as_of()?.unwrap_or(ctx.now);
    let period = (as_of - USUAL_PERIOD, as_of);
    let Preview { snapshot, committed_at, state, missing, columns, rows, count } =
        preview(&ctx.app.posture, item, &organization, period, as_of, SHOWN).await?;
    let text = |value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    };
    Ok(Population {
        tone: state_tone(state),
        state: state.replace('_', " "),
        missing,
        snapshot,
        committed: Moment::of(Some(committed_at), ctx.now),
        is_cut: count.is_some_and(|count| count > rows.len() as u64),
        count: count.map_or_else(|| "–".to_owned(), grouped),
        columns,
        rows: rows.iter().map(|row| row.iter().map(text).collect()).collect(),
    })
}

pub(crate) async fn packs(ctx: Ctx) -> Answered {
    packs_page(&ctx, None, None).await
}

async fn packs_page(ctx: &Ctx, error: Option<Problem>, made: Option<Made>) -> Answered {
    let names = ctx.read().organization_names().await?;
    let packs = evidence::packs(ctx).await?;
    let asked = |name: &str| ctx.form.get(name).or_else(|| ctx.query.get(name)).unwrap_or_default().to_owned();
    let date = |at: Timestamp| at.to_string()[..10].to_owned();
    let or = |name: &str, usual: String| if asked(name).is_empty() { usual } else { asked(name) };
    let org_id = asked("org_id");
    let org_id = if org_id.is_empty() { ctx.org_id.clone().unwrap_or_default() } else { org_id };
    let chosen: Vec<&str> = ctx.form.all("item").collect();
    let mut sheet = Sheet {
        caption: "Packs, newest first".to_owned(),
        columns: vec![
            column("number", "Number", Look::Number),
            column("framework", "Framework", Look::Plain),
            column("organization", "Organization", Look::Plain),
            column("period", "Period", Look::Plain),
            column("as_of", "As of", Look::Plain),
            column("made", "Made", Look::Time),
            column("by", "By", Look::Plain),
            column("files", "Files", Look::Number),
            column("size", "Size", Look::Plain),
            column("download", "Pack", Look::Act),
            column("sha256", "SHA-256", Look::Plain),
            column("previous_sha256", "The one before", Look::Plain),
        ],
        rows: packs.iter().map(|pack| pack_row(ctx, pack, names.get(&pack.org_id))).collect(),
        empty:
            "No pack was made yet. A pack is a signed archive of populations, findings and the proof of how they were \
                collected; an auditor verifies it offline."
                .to_owned(),
        file: "evidence packs".to_owned(),
        ..Sheet::default()
    };
    if let Some(file) = sheet.export(ctx).await {
        return file;
    }
    page(&PacksPage {
        has_packs: !packs.is_empty(),
        public_key: packs.first().map(|pack| pack.public_key.clone()).unwrap_or_default(),
        grid: sheet.grid(ctx),
        may_make: ctx.may(Permission::MakeEvidence),
        frameworks: frameworks(ctx, &asked("framework")),
        organizations: organizations(ctx, &org_id).await?,
        items: ctx
            .app
            .items
            .iter()
            .map(|item| Choice {
                is_chosen: chosen.contains(&item.id.as_str()),
                value: item.id.clone(),
                label: item.title.clone(),
            })
            .collect(),
        from: or("from", date(ctx.now - USUAL_PERIOD)),
        to: or("to", date(ctx.now)),
        as_of: asked("as_of"),
        rows: asked("rows"),
        seed: asked("seed"),
        error,
        made: made.map(|made| MadeView {
            number: made.pack.number,
            digest: made.pack.digest,
            key: made.key.line(),
            is_whole: made.gaps.is_empty() && made.items.values().all(|(state, _)| *state == "complete"),
            gaps: made.gaps.len(),
            lacking: made
                .items
                .into_iter()
                .filter(|(_, (state, _))| *state != "complete")
                .map(|(id, (state, _))| (id, state.replace('_', " ")))
                .collect(),
        }),
        frame: Frame::of(ctx, Section::Frameworks, "Evidence packs").await?,
    })
}

fn pack_row(ctx: &Ctx, pack: &EvidencePack, name: Option<&String>) -> Vec<Shown> {
    let framework = ctx.app.posture.library.framework(&pack.framework);
    let day = |at: Timestamp| at.to_string()[..10].to_owned();
    let digest = |digest: String| Shown { hover: digest.clone(), ..Shown::text(digest).class("digest") };
    let size = Shown { order: Some(pack.bytes as f64), ..Shown::figure(size_words(pack.bytes.unsigned_abs())) };
    vec![
        Shown::number(pack.number),
        Shown::text(framework.map_or_else(|| pack.framework.clone(), |framework| framework.name.clone())),
        Shown::text(name.cloned().unwrap_or_else(|| pack.org_id.clone())),
        Shown::text(format!("{} to {}", day(pack.from), day(pack.to))).class("wrap"),
        Shown::text(day(pack.as_of)),
        Shown::moment(Moment::of(Some(pack.made_at), ctx.now)),
        Shown::text(&pack.made_by),
        Shown::number(pack.files),
        size,
        match (ctx.may(Permission::MakeEvidence), evidence::is_kept(&ctx.app, pack.number)) {
            (true, true) => Shown::link("Download", format!("/evidence/packs/{}", pack.number)),
            (true, false) => Shown::text("not kept here"),
            (false, _) => Shown::default(),
        },
        digest(pack.digest.clone()),
        digest(pack.previous.clone().unwrap_or_else(|| "none: it is the first".to_owned())),
    ]
}

pub(crate) async fn make(ctx: Ctx) -> Answered {
    let made = match wanted(&ctx) {
        Ok(wanted) => evidence::make(&ctx, &wanted).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => packs_page(&ctx, None, Some(made)).await,
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) if problem.status == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => packs_page(&ctx, Some(problem), None).await,
    }
}

/// What the form asks for.
fn wanted(ctx: &Ctx) -> Result<Wanted, Problem> {
    let form = &ctx.form;
    let rows = match form.get("rows") {
        None => None,
        Some(rows) => {
            let rows = rows.parse::<usize>().ok().filter(|rows| (1..=1_000).contains(rows));
            Some(rows.ok_or_else(|| Problem::bad("a sample has 1 to 1000 rows"))?)
        }
    };
    let sampling = match (rows, form.get("seed")) {
        (None, None) => None,
        (Some(size), Some(seed)) => Some(Sampling { size, seed: seed.to_owned() }),
        _ => return Err(Problem::bad("a sample needs both: how many rows, and the auditor's word")),
    };
    // A period that ends today ends now: what has not happened yet is no gap.
    let end = |name: &str| parse_moment(form.text(name)).map(|end| end.min(ctx.now)).map_err(Problem::bad);
    Ok(Wanted {
        framework: form.text("framework").to_owned(),
        org_id: form.text("org_id").to_owned(),
        from: parse_day(form.text("from")).map_err(Problem::bad)?,
        to: end("to")?,
        as_of: if form.get("as_of").is_some() { Some(end("as_of")?) } else { None },
        sampling,
        items: form.all("item").map(str::to_owned).collect(),
    })
}

pub(crate) async fn download(ctx: Ctx, Path(number): Path<i64>) -> Answered {
    evidence::download(&ctx, number).await
}
