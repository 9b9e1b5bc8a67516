//! Checks in this program: which are loaded, what is set, and that they run after every inventory sync.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use collect::AfterSync;
use jiff::Timestamp;
use posture::evidence::Items;
use posture::{FileError, Library, Mode, Posture, Request, Settings};
use store::{LeaseHolder, Store};

use crate::config::Config;
use crate::context::this_host;
use crate::exit::Problem;

/// Loads the checks and what is set of them.
pub(crate) fn load_posture(config: &Config, store: Store, what: &str) -> Result<Posture> {
    posture_with(load_library(config)?, config, store, what)
}

/// The same for what must go on: checks that can not be used are left out, and a warning says why.
///
/// # Errors
/// The settings of the checks can not be used.
pub(crate) fn load_usable_posture(config: &Config, store: Store, what: &str) -> Result<Posture> {
    let (library, left_out) = Library::load_usable(Some(&own_checks(config)));
    for error in left_out {
        tracing::warn!("a check is left out: {error}");
    }
    posture_with(library, config, store, what)
}

fn posture_with(library: Library, config: &Config, store: Store, what: &str) -> Result<Posture> {
    let file = settings_file(config);
    if config.posture_file.is_some() && !file.is_file() {
        let help = "Check posture_file in the settings.";
        return Err(Problem::not_found(format!("there is no file {}", file.display()), help));
    }
    let settings = Settings::load(&file, &library).map_err(|error| Problem::usage(error.to_string()))?;
    Ok(Posture {
        store,
        library: Arc::new(library),
        settings: Arc::new(settings),
        holder: LeaseHolder::this_process(what, &this_host()),
        clock: Arc::new(Timestamp::now),
    })
}

/// The checks that come with the program and the user's own.
pub(crate) fn load_library(config: &Config) -> Result<Library> {
    Library::load(Some(&own_checks(config))).map_err(|errors| Problem::usage(words(&errors)))
}

/// The evidence items that come with the program and the user's own.
pub(crate) fn load_items(config: &Config, library: &Library) -> Result<Items> {
    Items::load(Some(&own_items(config)), library).map_err(|errors| Problem::usage(words(&errors)))
}

/// The same for what must go on: items that can not be used are left out, and a warning says why.
pub(crate) fn load_usable_items(config: &Config, library: &Library) -> Items {
    let (items, left_out) = Items::load_usable(Some(&own_items(config)), library);
    for error in left_out {
        tracing::warn!("an evidence item is left out: {error}");
    }
    items
}

fn own_items(config: &Config) -> PathBuf {
    config.data_dir.join("evidence")
}

/// Where parameters of checks and rules for findings are set.
pub(crate) fn settings_file(config: &Config) -> PathBuf {
    config.posture_file.clone().unwrap_or_else(|| config.data_dir.join("posture.toml"))
}

/// The folder of the user's own checks.
pub(crate) fn own_checks(config: &Config) -> PathBuf {
    config.data_dir.join("checks")
}

fn words(errors: &[FileError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    format!("these files can not be used: {}", lines.join("; "))
}

/// Runs all checks over an organization after each of its snapshots, and merges what they find. The checks and their settings
/// are read each time, so that nothing has to be started again for one that was written meanwhile, and what can not be used
/// stops no collecting.
pub(crate) fn tells_after_sync(config: Config, store: Store, what: String) -> AfterSync {
    let config = Arc::new(config);
    Arc::new(move |org_id| {
        let posture = load_usable_posture(&config, store.clone(), &what);
        Box::pin(async move {
            match posture {
                Ok(posture) => check_all(&posture, vec![org_id]).await,
                Err(error) => tracing::error!("the checks did not run: {error:#}"),
            }
        })
    })
}

/// Runs the checks that a process left undone when it died after a snapshot and before its checks; of these organizations
/// only, if they are named.
///
/// # Errors
/// The store can not be read.
pub(crate) async fn check_what_was_left(posture: &Posture, org_ids: Option<&[String]>) -> Result<()> {
    let left = posture.store.unchecked_snapshots().await?.into_iter().map(|snapshot| snapshot.org_id);
    let left: Vec<String> = left.filter(|org_id| org_ids.is_none_or(|wanted| wanted.contains(org_id))).collect();
    if !left.is_empty() {
        tracing::info!(organizations = left.len(), "running the checks that an interrupted process left undone");
        check_all(posture, left).await;
    }
    Ok(())
}

/// How often a run of the checks looks whether another one of the same organization is over, and how often at most: for ten
/// minutes. One that died is over when its lease is.
const LOOK: Duration = Duration::from_secs(2);
const MOST_LOOKS: u32 = 300;

/// Tells its failures by itself: what came before has succeeded. What another run is about just now, which may have begun before
/// there was what these checks are to see, is waited for.
async fn check_all(posture: &Posture, org_ids: Vec<String>) {
    let mut left = org_ids;
    for looks in 1..=MOST_LOOKS {
        match is_held(posture, &left).await {
            Ok(true) if looks < MOST_LOOKS => {
                if looks == 1 {
                    tracing::info!(org_ids = ?left, "the checks wait for a run of them that is on its way");
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Ok(_) => {}
            Err(error) => return tracing::error!(org_ids = ?left, %error, "the checks did not run after the sync"),
        }
        let request = Request {
            checks: posture.library.checks().collect(),
            org_ids: Some(std::mem::take(&mut left)),
            as_of: None,
            started_by: "system".to_owned(),
            mode: Mode::Record,
        };
        let reports = match posture.run(&request, |_, _, _| ()).await {
            Ok(reports) => reports,
            Err(error) => {
                return tracing::error!(org_ids = ?request.org_ids, %error, "the checks did not run after the sync");
            }
        };
        for report in reports {
            let (org_id, not_recorded) = (report.organization.org_id, report.not_recorded);
            let Some(why) = not_recorded else { continue };
            if looks == MOST_LOOKS {
                tracing::warn!(org_id, why, "the checks did not run after the sync");
            }
            left.push(org_id);
        }
        if left.is_empty() {
            return;
        }
    }
}

/// Whether a run of the checks of any of these organizations is on its way.
async fn is_held(posture: &Posture, org_ids: &[String]) -> store::Result<bool> {
    for org_id in org_ids {
        let (name, now) = (posture::lease_name(org_id), (posture.clock)());
        if posture.store.lease_holder(&name, &posture.holder.host, now).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
