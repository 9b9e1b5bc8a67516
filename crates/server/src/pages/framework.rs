//! Frameworks: how each stands, and its requirements with the checks behind them.

use askama::Template;
use axum::extract::Path;
use jiff::Timestamp;
use posture::framework::{Behind, Framework, RequirementStanding, Standing};
use posture::{Organization, Tally, numbers};
use store::Cell;

use super::parts::Moment;
use crate::frame::{Frame, Section, page, with_org};
use crate::grid::{csv_file, state_tone};
use crate::problem::{Answered, Problem};
use crate::reading::{Parameters, number, text};
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "frameworks.html")]
struct FrameworksPage {
    frame: Frame,
    organizations: Vec<String>,
    lines: Vec<FrameworkLine>,
}

struct FrameworkLine {
    id: String,
    name: String,
    about: String,
    tallies: Vec<TallyView>,
}

struct TallyView {
    href: String,
    met: usize,
    failed: usize,
    unknown: usize,
    /// Of the requirements that something can be said of.
    percent: String,
}

#[derive(Template)]
#[template(path = "framework.html")]
struct FrameworkPage {
    frame: Frame,
    about: String,
    organizations: Vec<OrganizationTab>,
    tally: Option<TallyView>,
    requirements: Vec<RequirementLine>,
    /// The day that it is about, if that is not today.
    as_of: String,
    /// When the checks ran that it goes by.
    checked: Moment,
    exceptions: u64,
    exceptions_href: String,
    csv: String,
    pack_href: String,
    org_id: String,
}

struct OrganizationTab {
    name: String,
    href: String,
    is_here: bool,
}

struct RequirementLine {
    id: String,
    title: String,
    standing: &'static str,
    tone: &'static str,
    demands: String,
    /// How many checks stand how.
    summary: String,
    checks: Vec<BehindLine>,
    /// Evidence items with their pages.
    evidence: Vec<(String, String)>,
}

struct BehindLine {
    id: String,
    marks: String,
    standing: &'static str,
    tone: &'static str,
    failed: u64,
    href: String,
}

async fn organizations(ctx: &Ctx) -> Result<Vec<Organization>, Problem> {
    let mut all = ctx.app.posture.organizations().await?;
    all.retain(|organization| ctx.read().everywhere().sees(Some(&organization.org_id)));
    Ok(all)
}

/// What people call it.
async fn named(ctx: &Ctx, organization: &Organization) -> Result<String, Problem> {
    let names = ctx.read().organization_names().await?;
    Ok(names.get(&organization.org_id).cloned().unwrap_or_else(|| organization.org_id.clone()))
}

fn view(tally: &Tally, href: String) -> TallyView {
    let told = tally.met + tally.failed + tally.unknown;
    TallyView {
        href,
        met: tally.met,
        failed: tally.failed,
        unknown: tally.unknown,
        percent: (tally.met * 100).checked_div(told).map_or_else(|| "–".to_owned(), |percent| format!("{percent} %")),
    }
}

pub(crate) async fn list(ctx: Ctx) -> Answered {
    let posture = &ctx.app.posture;
    let mut shown = organizations(&ctx).await?;
    shown.retain(|organization| ctx.org_id.as_ref().is_none_or(|org_id| *org_id == organization.org_id));
    let mut heads = Vec::new();
    let mut counted = Vec::new();
    for organization in &shown {
        heads.push(named(&ctx, organization).await?);
        counted.push(numbers(&ctx.app.store, &organization.org_id, None).await?);
    }
    let lines = posture.library.frameworks().iter().map(|framework| FrameworkLine {
        id: framework.id.clone(),
        name: format!("{} {}", framework.name, framework.version),
        about: framework.about.clone(),
        tallies: shown
            .iter()
            .zip(&counted)
            .map(|(organization, numbers)| {
                let tally = Tally::of(&posture.stand(framework, organization, numbers));
                view(&tally, with_org(&format!("/frameworks/{}", framework.id), Some(&organization.org_id)))
            })
            .collect(),
    });
    page(&FrameworksPage {
        lines: lines.collect(),
        organizations: heads,
        frame: Frame::of(&ctx, Section::Frameworks, "Frameworks").await?.with_freshness(&ctx).await?,
    })
}

pub(crate) async fn show(ctx: Ctx, Path(id): Path<String>) -> Answered {
    let posture = &ctx.app.posture;
    let framework = posture.library.framework(&id).ok_or_else(|| Problem::not_found("there is no such framework"))?;
    let all = organizations(&ctx).await?;
    let chosen = match &ctx.org_id {
        Some(org_id) => all.iter().find(|organization| organization.org_id == *org_id),
        None => all.first(),
    };
    let mut tabs = Vec::new();
    for organization in &all {
        tabs.push(OrganizationTab {
            name: named(&ctx, organization).await?,
            href: with_org(&format!("/frameworks/{id}"), Some(&organization.org_id)),
            is_here: chosen.is_some_and(|chosen| chosen.org_id == organization.org_id),
        });
    }
    let (mut requirements, mut tally) = (Vec::new(), None);
    let (mut checked, mut exceptions, mut org_id) = (Moment::default(), 0, String::new());
    if let Some(organization) = chosen {
        org_id.clone_from(&organization.org_id);
        let run = run_at(&ctx, &org_id).await?;
        checked = Moment::of(run.map(|(_, at)| at), ctx.now);
        // What was accepted, and how each check stood, is asked of the newest run differently than of a past one.
        let past = ctx.query.get("as_of").and(run).map(|(number, _)| number);
        let numbers = numbers(&ctx.app.store, &org_id, past).await?;
        let standings = posture.stand(framework, organization, &numbers);
        if ctx.query.get("format") == Some("csv") {
            return export(&ctx, &framework.id, &org_id, &standings).await;
        }
        exceptions = numbers
            .iter()
            .filter(|(id, _)| framework.checks(&posture.library).any(|check| check.id == **id))
            .map(|(_, numbers)| numbers.excused)
            .sum();
        tally = Some(view(&Tally::of(&standings), String::new()));
        requirements = standings.iter().map(|standing| requirement_line(&ctx, framework, &org_id, standing)).collect();
    }
    let here = |query: String| format!("/frameworks/{id}?{query}");
    page(&FrameworkPage {
        about: framework.about.clone(),
        organizations: tabs,
        tally,
        requirements,
        as_of: ctx.query.text("as_of").to_owned(),
        checked,
        exceptions,
        exceptions_href: with_org("/findings?state=accepted&view=flat", Some(&org_id)),
        csv: here(ctx.query.with("format", Some("csv"))),
        pack_href: with_org(&format!("/evidence/packs?framework={id}"), Some(&org_id)),
        org_id,
        frame: Frame::of(&ctx, Section::Frameworks, format!("{} {}", framework.name, framework.version)).await?,
    })
}

/// The newest run of the checks, or the last one of the day that the address asks for.
async fn run_at(ctx: &Ctx, org_id: &str) -> Result<Option<(i64, Timestamp)>, Problem> {
    let until = ctx.as_of()?.unwrap_or(ctx.now);
    let sql = "SELECT number, started_at FROM posture_runs WHERE started_at <= :until ORDER BY number DESC LIMIT 1";
    let parameters = Parameters::from([("until".to_owned(), store::schema::time_text(until).as_str().into())]);
    let rows = ctx.read().of(org_id).ask(sql, parameters).await?.rows;
    let found = rows.first().and_then(|row| Some((number(row, 0), text(row, 1).parse().ok()?)));
    match (found, ctx.query.get("as_of")) {
        (None, Some(day)) => Err(Problem::not_found(format!("no check had run by {day}"))),
        (found, _) => Ok(found),
    }
}

fn requirement_line(
    ctx: &Ctx,
    framework: &Framework,
    org_id: &str,
    standing: &RequirementStanding<'_>,
) -> RequirementLine {
    let items = ctx
        .app
        .items
        .serving(framework)
        .into_iter()
        .filter(|item| item.serves(framework).any(|(requirement, _)| requirement.id == standing.requirement.id));
    RequirementLine {
        id: standing.requirement.id.clone(),
        title: standing.requirement.title.clone(),
        standing: standing.standing.word(),
        tone: tone(standing.standing),
        demands: standing.demands.join("; "),
        summary: summary(standing),
        checks: standing
            .checks
            .iter()
            .map(|behind| BehindLine {
                id: behind.check.id.clone(),
                marks: behind.marks.clone(),
                standing: behind.standing.word(),
                tone: tone(behind.standing),
                failed: failed(behind),
                href: with_org(&format!("/findings?check={}", behind.check.id), Some(org_id)),
            })
            .collect(),
        evidence: items
            .map(|item| (item.title.clone(), with_org(&format!("/evidence/items/{}", item.id), Some(org_id))))
            .collect(),
    }
}

/// How many things fail a check that were not excused.
fn failed(behind: &Behind<'_>) -> u64 {
    behind.numbers.as_ref().map_or(0, |numbers| numbers.result.failed.saturating_sub(numbers.excused))
}

async fn export(ctx: &Ctx, id: &str, org_id: &str, standings: &[RequirementStanding<'_>]) -> Answered {
    ctx.audit("export", &format!("framework {id}"), Some(org_id), serde_json::json!({})).await?;
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for standing in standings {
        let requirement = [standing.requirement.id.as_str(), &standing.requirement.title, standing.standing.word()];
        let requirement: Vec<Cell> = requirement.into_iter().map(Cell::from).collect();
        if standing.checks.is_empty() {
            rows.push([requirement, vec!["".into(), "".into(), "".into(), "".into()]].concat());
            continue;
        }
        for behind in &standing.checks {
            let check = vec![
                behind.check.id.as_str().into(),
                behind.standing.word().into(),
                Cell::Integer(failed(behind).cast_signed()),
                behind.marks.as_str().into(),
            ];
            rows.push([requirement.clone(), check].concat());
        }
    }
    let columns = ["requirement", "asks", "standing", "check", "check_standing", "failed", "marks"];
    csv_file(&format!("framework {id}"), &columns, &rows)
}

fn summary(standing: &RequirementStanding<'_>) -> String {
    let order = [Standing::Failed, Standing::Unknown, Standing::Met, Standing::NotApplicable];
    let count = |wanted: Standing| standing.checks.iter().filter(|behind| behind.standing == wanted).count();
    let told: Vec<String> = order
        .into_iter()
        .filter(|wanted| count(*wanted) > 0)
        .map(|wanted| format!("{} {}", count(wanted), wanted.word()))
        .collect();
    told.join(", ")
}

fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Failed => "bad",
        other => state_tone(other.word()),
    }
}
