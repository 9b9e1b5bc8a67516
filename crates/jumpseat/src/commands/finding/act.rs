//! `finding accept`, `reopen` and `assign`: what people decide, with who and when.

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::findings::{Acceptance, AcceptanceKind, Assignment};

use super::choose::{Choice, StateArg, numbered};
use crate::commands::audit;
use crate::context::{Context, this_person};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Format, write_json};
use crate::when::parse_moment;

/// Which findings an act is about.
#[derive(Debug, Args)]
struct Which {
    /// The findings' numbers.
    numbers: Vec<i64>,
    #[command(flatten)]
    choice: Choice,
    /// Act on all findings that the conditions choose.
    #[arg(long)]
    all: bool,
}

/// Why a finding may stay.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// Something else covers the risk.
    CompensatingControl,
    /// The check is wrong about this thing.
    FalsePositive,
    /// The risk is taken.
    WontFix,
}

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat finding accept 12 13 --kind compensating-control --why \"kiosk in a locked room\" --until 2027-03-31
  jumpseat finding accept --check device-no-owner --resource lab- --all --kind wont-fix --why \"lab devices have no owner\"")]
pub(in crate::commands) struct AcceptArgs {
    #[command(flatten)]
    which: Which,
    /// Why, in one of three words.
    #[arg(long, value_enum)]
    kind: KindArg,
    /// Why, in your words.
    #[arg(long)]
    why: String,
    /// Until when (date or RFC 3339 time); then the findings are open again.
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    until: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ReopenArgs {
    #[command(flatten)]
    which: Which,
    /// Why.
    #[arg(long)]
    why: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct AssignArgs {
    #[command(flatten)]
    which: Which,
    /// Who is to mend them; an empty text for nobody.
    #[arg(long = "to", required_unless_present = "due")]
    to: Option<String>,
    /// Until which date; an empty text for none.
    #[arg(long, value_name = "DATE")]
    due: Option<String>,
}

impl Which {
    async fn of(&self, context: &Context, state: StateArg) -> Result<Vec<i64>> {
        if !self.numbers.is_empty() {
            if self.all || !self.choice.is_empty() {
                return Err(Problem::usage("name findings by number or by conditions, not both"));
            }
            return Ok(numbered(context, &self.numbers).await?.iter().map(|finding| finding.number).collect());
        }
        if !self.all || self.choice.is_empty() {
            return Err(Problem::usage("name findings by number, or by conditions together with --all"));
        }
        let findings = self.choice.findings(context, state, u64::MAX).await?;
        if findings.is_empty() {
            return Err(Problem::not_found(
                "no finding is like that",
                "`jumpseat finding list` takes the same conditions.",
            ));
        }
        Ok(findings.iter().map(|finding| finding.number).collect())
    }
}

pub(super) async fn accept(args: AcceptArgs, context: &Context) -> Result<Exit> {
    let numbers = args.which.of(context, StateArg::Open).await?;
    let kind = match args.kind {
        KindArg::CompensatingControl => AcceptanceKind::CompensatingControl,
        KindArg::FalsePositive => AcceptanceKind::FalsePositive,
        KindArg::WontFix => AcceptanceKind::WontFix,
    };
    let acceptance = Acceptance { kind, why: args.why, by: this_person(), until: args.until, rule: None };
    let detail = json!({ "kind": kind.word(), "why": acceptance.why, "until": acceptance.until });
    note(context, "finding.accept", &numbers, detail).await?;
    context.store.accept_findings(&numbers, &acceptance, context.now).await.map_err(usage)?;
    tell("accepted", &numbers, context)
}

pub(super) async fn reopen(args: ReopenArgs, context: &Context) -> Result<Exit> {
    let numbers = args.which.of(context, StateArg::Accepted).await?;
    note(context, "finding.reopen", &numbers, json!({ "why": args.why })).await?;
    context.store.reopen_findings(&numbers, &this_person(), args.why.as_deref(), context.now).await.map_err(usage)?;
    tell("open again", &numbers, context)
}

pub(super) async fn assign(args: AssignArgs, context: &Context) -> Result<Exit> {
    if let Some(due) = args.due.as_ref().filter(|due| !due.is_empty()) {
        due.parse::<jiff::civil::Date>().map_err(|_| Problem::usage(format!("{due:?} is no date like 2026-11-30")))?;
    }
    let numbers = args.which.of(context, StateArg::Open).await?;
    note(context, "finding.assign", &numbers, json!({ "owner": args.to, "due": args.due })).await?;
    let assignment = Assignment { owner: args.to, due: args.due };
    context.store.assign_findings(&numbers, &assignment, &this_person(), context.now).await.map_err(usage)?;
    tell("assigned", &numbers, context)
}

/// Writes down what is about to be decided of findings.
async fn note(context: &Context, action: &str, numbers: &[i64], detail: Value) -> Result<()> {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    audit::note(context, action, &format!("findings {}", numbers.join(", ")), None, detail).await
}

/// What the store refuses is the user's to mend.
fn usage(error: store::Error) -> anyhow::Error {
    match error {
        store::Error::Refused(why) => Problem::usage(why),
        other => other.into(),
    }
}

fn tell(what: &str, numbers: &[i64], context: &Context) -> Result<Exit> {
    if context.format == Format::Table {
        eprintln_quietly(&format!("{} findings {what}", numbers.len()));
    } else {
        write_json(&json!({ "done": what, "findings": numbers }))?;
    }
    Ok(Exit::Ok)
}
