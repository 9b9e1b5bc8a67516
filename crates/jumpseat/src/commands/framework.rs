//! `framework`: what the checks mean for a framework, requirement by requirement.

use anyhow::Result;
use clap::{Args, Subcommand};
use posture::framework::{Framework, RequirementStanding, Standing};
use posture::{Library, Organization, Posture, Tally, numbers};
use serde_json::{Value, json};
use store::{Cell, Limits, Query};

use super::Global;
use super::asset::org_of;
use crate::config::load;
use crate::context::Context;
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, Sheet};
use crate::posture::load_library;

#[derive(Debug, Subcommand)]
pub(super) enum FrameworkCommand {
    /// The frameworks, and how each stands.
    List(ListArgs),
    /// One framework, requirement by requirement.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only this organization, by id, name or connection.
    #[arg(long, visible_alias = "org")]
    connection: Option<String>,
}

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat framework show soc2
  jumpseat framework show pci-dss --checks --connection Acme
  jumpseat framework show cis --trend")]
pub(super) struct ShowArgs {
    /// Which, e.g. soc2.
    id: String,
    /// Only this organization, by id, name or connection.
    #[arg(long, visible_alias = "org")]
    connection: Option<String>,
    /// Every check behind every requirement.
    #[arg(long)]
    checks: bool,
    /// How many requirements stood how, run by run.
    #[arg(long, conflicts_with = "checks")]
    trend: bool,
}

/// Runs that a trend shows at most.
const TREND: i64 = 30;

/// The framework of an id.
pub(super) fn named<'a>(library: &'a Library, id: &str) -> Result<&'a Framework> {
    let wanted = id.to_lowercase();
    library.framework(&wanted).ok_or_else(|| {
        let all: Vec<&str> = library.frameworks().iter().map(|framework| framework.id.as_str()).collect();
        Problem::not_found(format!("there is no framework {id:?}"), format!("Frameworks: {}.", all.join(", ")))
    })
}

pub(super) async fn run(command: FrameworkCommand, global: &Global) -> Result<Exit> {
    // A wrong name is told before anything is opened.
    if let FrameworkCommand::Show(args) = &command {
        named(&load_library(&load(&global.overrides(), global.config.as_deref())?.config)?, &args.id)?;
    }
    let context = Context::open(global).await?;
    let posture = context.posture("jumpseat framework")?;
    let exit = match command {
        FrameworkCommand::List(args) => list(&args, &posture, &context).await,
        FrameworkCommand::Show(args) if args.trend => trend(&args, &posture, &context).await,
        FrameworkCommand::Show(args) => show(&args, &posture, &context).await,
    }?;
    context.store.close().await;
    Ok(exit)
}

async fn list(args: &ListArgs, posture: &Posture, context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&["framework", "name", "organization", "met", "failed", "unknown", "not_applicable"]);
    let organizations = organizations(args.connection.as_deref(), posture, context).await?;
    for framework in posture.library.frameworks() {
        for organization in &organizations {
            let numbers = numbers(&context.store, &organization.org_id, None).await?;
            let tally = Tally::of(&posture.stand(framework, organization, &numbers));
            sheet.push(vec![
                json!(framework.id),
                json!(format!("{} {}", framework.name, framework.version)),
                json!(organization.names.first()),
                json!(tally.met),
                json!(tally.failed),
                json!(tally.unknown),
                json!(tally.not_applicable),
            ]);
        }
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

async fn show(args: &ShowArgs, posture: &Posture, context: &Context) -> Result<Exit> {
    let framework = named(&posture.library, &args.id)?;
    let organizations = organizations(args.connection.as_deref(), posture, context).await?;
    let people = context.format == Format::Table;
    let columns: &[&str] = match (args.checks, people) {
        (true, _) => &[
            "organization",
            "requirement",
            "check",
            "marks",
            "standing",
            "failed",
            "unknown",
            "passed",
            "accepted",
            "why_unknown",
        ],
        (false, true) => &["organization", "requirement", "standing", "title", "because"],
        (false, false) => {
            &["organization", "org_id", "requirement", "title", "standing", "because", "checks", "demands"]
        }
    };
    let mut sheet = Sheet::new(columns);
    for organization in &organizations {
        let numbers = numbers(&context.store, &organization.org_id, None).await?;
        for standing in posture.stand(framework, organization, &numbers) {
            match (args.checks, people) {
                (true, _) => check_rows(organization, &standing).into_iter().for_each(|row| sheet.push(row)),
                (false, true) => sheet.push(vec![
                    json!(organization.names.first()),
                    json!(standing.requirement.id),
                    json!(standing.standing.word()),
                    json!(standing.requirement.title),
                    json!(because(&standing)),
                ]),
                (false, false) => {
                    let checks: Vec<Value> = standing
                        .checks
                        .iter()
                        .map(|behind| json!({ "check": behind.check.id, "marks": behind.marks, "standing": behind.standing.word() }))
                        .collect();
                    sheet.push(vec![
                        json!(organization.names.first()),
                        json!(organization.org_id),
                        json!(standing.requirement.id),
                        json!(standing.requirement.title),
                        json!(standing.standing.word()),
                        json!(because(&standing)),
                        json!(checks),
                        json!(standing.demands),
                    ]);
                }
            }
        }
    }
    sheet.write(context.format)?;
    if people {
        eprintln_quietly(&framework.about);
        eprintln_quietly(
            "A requirement is met as far as these checks can see; --checks shows them and how sure each link is.",
        );
    }
    Ok(Exit::Ok)
}

fn check_rows(organization: &Organization, standing: &RequirementStanding<'_>) -> Vec<Vec<Value>> {
    standing
        .checks
        .iter()
        .map(|behind| {
            let numbers = behind.numbers.as_ref();
            vec![
                json!(organization.names.first()),
                json!(standing.requirement.id),
                json!(behind.check.id),
                json!(behind.marks),
                json!(behind.standing.word()),
                json!(numbers.map(|numbers| numbers.result.failed)),
                json!(numbers.map(|numbers| numbers.result.unknown)),
                json!(numbers.map(|numbers| numbers.result.passed)),
                json!(numbers.map(|numbers| numbers.excused)),
                json!(numbers.map_or(Some("it has not run yet".to_owned()), |numbers| numbers.result.reason.clone())),
            ]
        })
        .collect()
}

/// What decides how a requirement stands.
fn because(standing: &RequirementStanding<'_>) -> String {
    if !standing.demands.is_empty() {
        return standing.demands.join("; ");
    }
    let deciding: Vec<String> = standing
        .checks
        .iter()
        .filter(|behind| {
            behind.standing == standing.standing && matches!(behind.standing, Standing::Failed | Standing::Unknown)
        })
        .map(|behind| match (&behind.numbers, behind.standing) {
            (Some(numbers), Standing::Failed) => {
                format!("{} ({})", behind.check.id, numbers.result.failed - numbers.excused)
            }
            _ => behind.check.id.clone(),
        })
        .collect();
    deciding.join(", ")
}

async fn trend(args: &ShowArgs, posture: &Posture, context: &Context) -> Result<Exit> {
    let framework = named(&posture.library, &args.id)?;
    let mut sheet = Sheet::new(&["organization", "run", "at", "met", "failed", "unknown", "not_applicable"]);
    for organization in organizations(args.connection.as_deref(), posture, context).await? {
        let sql = format!("SELECT number, started_at FROM posture_runs ORDER BY number DESC LIMIT {TREND}");
        let query = Query { sql, org_id: Some(organization.org_id.clone()), ..Query::default() };
        let answer = context.store.query(&query, &Limits::default()).await?;
        for row in answer.rows {
            let [Cell::Integer(run), Cell::Text(at)] = row.as_slice() else { continue };
            let numbers = numbers(&context.store, &organization.org_id, Some(*run)).await?;
            let tally = Tally::of(&posture.stand(framework, &organization, &numbers));
            sheet.push(vec![
                json!(organization.names.first()),
                json!(run),
                json!(&**at),
                json!(tally.met),
                json!(tally.failed),
                json!(tally.unknown),
                json!(tally.not_applicable),
            ]);
        }
    }
    sheet.write(context.format)?;
    Ok(Exit::Ok)
}

async fn organizations(name: Option<&str>, posture: &Posture, context: &Context) -> Result<Vec<Organization>> {
    let org_id = org_of(context, name).await?;
    let mut all = posture.organizations().await?;
    all.retain(|organization| org_id.as_ref().is_none_or(|org_id| *org_id == organization.org_id));
    Ok(all)
}
