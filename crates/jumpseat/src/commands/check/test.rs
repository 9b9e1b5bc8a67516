//! `check test`: reads a check's file, plans its query, runs it on a fixture or on what was collected, and says in words what
//! is wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use jiff::Timestamp;
use posture::{Check, Library, Mode, Posture, Readiness, Request, Settings};
use serde_json::{Value, json};
use store::{LeaseHolder, Location, Store};

use super::Global;
use super::run::percent;
use crate::context::{Context, this_host};
use crate::exit::{Exit, Problem, eprintln_quietly};
use crate::output::{Sheet, printable};
use crate::when::parse_moment;

#[derive(Debug, Args)]
#[command(before_help = "Examples:
  jumpseat check test checks/laptop-named.md
  jumpseat check test checks/laptop-named.md --fixture laptops.json")]
pub(in crate::commands) struct TestArgs {
    /// The check's file.
    file: PathBuf,
    /// Rows to try it on, a JSON object of tables, instead of what was collected.
    #[arg(long, value_name = "FILE")]
    fixture: Option<PathBuf>,
    /// With --fixture: the time that it is then, if not now.
    #[arg(long, value_name = "TIME", value_parser = parse_moment, requires = "fixture")]
    now: Option<Timestamp>,
}

pub(super) async fn run(args: TestArgs, global: &Global) -> Result<Exit> {
    let check = Library::read_file(&args.file).map_err(|error| Problem::usage(error.to_string()))?;
    let shipped = Library::load(None).map_err(|errors| Problem::usage(format!("{errors:?}")))?;
    // One of ours can be tried from where it lies.
    let is_ours = shipped.check(&check.id).is_some_and(|ours| ours.query == check.query);
    let objections = if is_ours { Vec::new() } else { shipped.objections(&check) };
    for objection in &objections {
        eprintln_quietly(&format!("it can be tried, but not be loaded: {}", printable(&objection.to_string())));
    }
    let ended = try_out(&check, &args, global).await?;
    Ok(if objections.is_empty() { ended } else { Exit::Usage })
}

async fn try_out(check: &Check, args: &TestArgs, global: &Global) -> Result<Exit> {
    let context = Context::open(global).await?;
    let rows = match &args.fixture {
        Some(fixture) => read(fixture)?,
        None if context.store.snapshots_held(None, None).await?.is_empty() => json!({}),
        None => return tried(check, context.store.clone(), None, &context).await,
    };
    if args.fixture.is_none() {
        eprintln_quietly("nothing was collected yet, so the query is only planned; try it on a --fixture");
    }
    let folder = std::env::temp_dir().join(format!("jumpseat-check-test-{}", std::process::id()));
    let tables: Vec<_> = context.store.tables().to_vec();
    let store =
        Store::open(&Location::File(folder.join("fixture.db")), &tables).await?.with_views(context.store.views());
    let now = args.now.unwrap_or(context.now);
    let holder = LeaseHolder::this_process("jumpseat check test", &this_host());
    let written = posture::fixture::write(&store, "fixture", &rows, &holder, now).await;
    let ended = match written {
        Ok(()) => tried(check, store.clone(), Some(now), &context).await,
        Err(error) => Err(Problem::usage(error.to_string())),
    };
    store.close().await;
    std::fs::remove_dir_all(&folder).with_context(|| format!("{} can not be removed", folder.display()))?;
    ended
}

fn read(fixture: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(fixture).map_err(|error| Problem::unreadable("the fixture", fixture, &error))?;
    serde_json::from_str(&text).map_err(|error| Problem::usage(format!("{} is no JSON: {error}", fixture.display())))
}

/// Runs the check and shows every row.
async fn tried(check: &Check, store: Store, now: Option<Timestamp>, context: &Context) -> Result<Exit> {
    let library = Library::of_checks([check.clone()]).map_err(|errors| Problem::usage(format!("{errors:?}")))?;
    let posture = Posture {
        store,
        library: Arc::new(library),
        settings: Arc::new(Settings::default()),
        holder: LeaseHolder::this_process("jumpseat check test", &this_host()),
        clock: match now {
            Some(now) => Arc::new(move || now),
            None => Arc::new(Timestamp::now),
        },
    };
    let request = Request {
        checks: posture.library.checks().collect(),
        org_ids: None,
        as_of: None,
        started_by: String::new(),
        mode: Mode::Show,
    };
    let mut sheet = Sheet::new(&["org_id", "id", "name", "outcome", "reason"]);
    let reports = posture
        .run(&request, |_, row, _| {
            sheet.push(vec![
                json!(row.org_id),
                json!(row.id),
                json!(row.name),
                json!(row.outcome.word()),
                json!(row.reason),
            ]);
        })
        .await?;
    let mut exit = Exit::Ok;
    let mut told = BTreeSet::new();
    for report in &reports {
        let Some(result) = report.results.get(&check.id) else { continue };
        match &result.reason {
            Some(why) => {
                let org_id = &report.organization.org_id;
                let readiness = Readiness::of(&posture.store, &report.snapshot).await?;
                if readiness.shortfall(check).is_some_and(|shortfall| shortfall.to_string() == *why) {
                    // The check does what it must: that is no fault of the file.
                    eprintln_quietly(&format!("{org_id}: all are unknown: {}", printable(why)));
                    continue;
                }
                exit = Exit::Usage;
                // What is wrong with the query is the same everywhere.
                if told.insert(why) {
                    let at = format!("{}:{}", check.origin, check.query_line);
                    eprintln_quietly(&format!("{at}: {org_id}: {}", printable(why)));
                }
            }
            None => eprintln_quietly(&format!(
                "{}: {} pass, {} fail, {} unknown, {} not applicable; coverage {}",
                report.organization.org_id,
                result.passed,
                result.failed,
                result.unknown,
                result.not_applicable,
                percent(result).unwrap_or_else(|| "-".to_owned())
            )),
        }
    }
    if exit == Exit::Ok {
        sheet.write(context.format)?;
    }
    Ok(exit)
}
