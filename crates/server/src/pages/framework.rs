//! Frameworks: how each stands, and its requirements with the checks behind them.

use askama::Template;
use axum::extract::Path;
use posture::framework::{RequirementStanding, Standing};
use posture::{Organization, Tally, numbers};

use crate::frame::{Frame, Section, page, with_org};
use crate::grid::state_tone;
use crate::problem::{Answered, Problem};
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
    if let Some(organization) = chosen {
        let numbers = numbers(&ctx.app.store, &organization.org_id, None).await?;
        let standings = posture.stand(framework, organization, &numbers);
        tally = Some(view(&Tally::of(&standings), String::new()));
        requirements = standings
            .iter()
            .map(|standing| RequirementLine {
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
                        failed: behind
                            .numbers
                            .as_ref()
                            .map_or(0, |numbers| numbers.result.failed.saturating_sub(numbers.excused)),
                        href: with_org(&format!("/findings?check={}", behind.check.id), Some(&organization.org_id)),
                    })
                    .collect(),
            })
            .collect();
    }
    page(&FrameworkPage {
        about: framework.about.clone(),
        organizations: tabs,
        tally,
        requirements,
        frame: Frame::of(&ctx, Section::Frameworks, format!("{} {}", framework.name, framework.version)).await?,
    })
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
