//! Archives on schedule: beside the syncs, what is sealed goes out. Costs a look at a small table while there is no archive.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Archive, LeaseHolder, Store};
use tokio_util::sync::CancellationToken;

use crate::archive::{Archiver, RunOptions};
use crate::plan::When;
use crate::{Error, Result};

/// How often is looked for windows that were sealed.
const LOOK: Duration = Duration::from_secs(60);
/// An archive that fails is tried again after this time at first, and after twice the time whenever it fails again.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Opens an archive with its credential, which is the program's to find.
pub trait Opener {
    /// Opens it.
    fn open(&self, archive: &Archive) -> impl Future<Output = Result<Archiver>>;
}

/// Runs all archives until `stop`. One archive's failure is its own; what fails is tried again later, and told in the log
/// when it begins to fail.
///
/// # Errors
/// The store can not be read any more.
pub async fn run_schedule(
    store: &Store,
    opener: &impl Opener,
    holder: &LeaseHolder,
    clock: impl Fn() -> Timestamp,
    stop: &CancellationToken,
) -> Result<()> {
    let mut failing = HashMap::new();
    while !stop.is_cancelled() {
        for archive in store.archives().await? {
            let retry_at = failing.get(&archive.id).map(|(at, _): &(Timestamp, SignedDuration)| *at);
            if retry_at.is_some_and(|at| clock() < at) || stop.is_cancelled() {
                continue;
            }
            let done = match opener.open(&archive).await {
                Ok(archiver) => {
                    let options = RunOptions { when: When::DayIsOver, again: false };
                    archiver.run(options, holder, &clock, stop).await
                }
                Err(error) => {
                    store.note_archive_run(&archive.id, clock(), Some((error.code(), &error.to_string()))).await?;
                    Err(error)
                }
            };
            match done {
                Ok(report) => {
                    failing.remove(&archive.id);
                    if report.units + report.removed > 0 {
                        tracing::info!(
                            archive = archive.name,
                            objects = report.objects,
                            events = report.events,
                            bytes = report.bytes,
                            waiting = report.waiting,
                            "archive written"
                        );
                    }
                    for problem in report.problems {
                        tracing::warn!(archive = archive.name, "{problem}");
                    }
                }
                // Another process is at it.
                Err(Error::Store(store::Error::Held { holder, .. })) => {
                    tracing::debug!(archive = archive.name, holder, "archive is being written elsewhere");
                }
                Err(error @ Error::Store(store::Error::LayoutChanged { .. } | store::Error::Database(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    let waited = failing.get(&archive.id).map(|(_, waited)| *waited);
                    let wait = waited.map_or(FIRST_RETRY, |waited| (waited * 2).min(LONGEST_RETRY));
                    if waited.is_none() {
                        tracing::warn!(archive = archive.name, code = error.code(), "archive not written: {error}");
                    }
                    failing.insert(archive.id.clone(), (clock().checked_add(wait).unwrap_or(Timestamp::MAX), wait));
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}
