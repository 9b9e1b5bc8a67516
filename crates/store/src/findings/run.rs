//! Runs of the checks over one organization's snapshot.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::count::recount;
use super::{Line, note};
use crate::inventory::OPEN;
use crate::lease::Lease;
use crate::{Result, SnapshotInfo, Store};

/// One run of all checks over one snapshot of one organization.
#[derive(Debug, Clone)]
pub struct PostureRun {
    /// Its number: higher is later, across all organizations.
    pub number: i64,
    /// The organization.
    pub org_id: String,
    /// The snapshot's number.
    pub snapshot: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// When the run before it began; what was failing then was last seen then.
    pub before: Option<Timestamp>,
}

impl Store {
    /// Begins a run, and ends the acceptances whose time is over.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] when another process has taken over.
    pub async fn begin_posture_run(
        &self,
        org_id: &str,
        snapshot: i64,
        checks: u64,
        started_by: &str,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<PostureRun> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        let before = tx
            .fetch(
                "SELECT started_at FROM posture_run WHERE org_id = $1 AND ended_at IS NOT NULL ORDER BY number DESC LIMIT 1",
                vec![org_id.into()],
            )
            .await?;
        let number = tx.next_numbers("posture_run", 1).await?;
        tx.execute(
            "INSERT INTO posture_run (number, org_id, snapshot, started_by, started_at, checks, opened, resolved, reopened)
             VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0)",
            vec![number.into(), org_id.into(), snapshot.into(), started_by.into(), now.into(), checks.into()],
        )
        .await?;
        let over = tx
            .fetch(
                "SELECT number, accepted_until, check_id FROM finding WHERE accepted_until <= $1 AND org_id = $2",
                vec![now.into(), org_id.into()],
            )
            .await?;
        let mut checks = BTreeSet::new();
        for row in over {
            checks.insert((org_id.to_owned(), row.text(2)));
            let at = row.maybe_time(1).unwrap_or(now);
            let finding = row.integer(0);
            super::acts::clear_acceptance(&mut tx, finding).await?;
            let action = "acceptance_expired";
            note(&mut tx, Line { finding, run: Some(number), at, actor: "system", action, detail: None }).await?;
        }
        if !checks.is_empty() {
            recount(&mut tx, &checks).await?;
        }
        tx.commit().await?;
        let before = before.first().and_then(|row| row.maybe_time(0));
        Ok(PostureRun { number, org_id: org_id.to_owned(), snapshot, started_at: now, before })
    }

    /// Ends a run of these checks: from now on it is the newest. Of findings of other checks, whose files are no longer
    /// there, nobody can tell.
    pub async fn end_posture_run(
        &self,
        run: &PostureRun,
        checks: &[&str],
        lease: &Lease,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        let open = tx
            .fetch(
                "SELECT DISTINCT check_id FROM check_result WHERE org_id = $1 AND until_run = $2",
                vec![run.org_id.as_str().into(), OPEN.into()],
            )
            .await?;
        let mut gone = BTreeSet::new();
        for check in open.iter().map(|row| row.text(0)).filter(|check| !checks.contains(&check.as_str())) {
            let key = || vec![run.org_id.as_str().into(), check.as_str().into()];
            let end = "UPDATE check_result SET until_run = $3 WHERE org_id = $1 AND check_id = $2 AND until_run = $4";
            tx.execute(end, [key(), vec![run.number.into(), OPEN.into()]].concat()).await?;
            super::merge::forget(&mut tx, run, &check).await?;
            gone.insert((run.org_id.clone(), check));
        }
        tx.execute(
            "UPDATE posture_run SET ended_at = $1,
               opened = (SELECT COUNT(*) FROM finding WHERE opened_run = $2 AND org_id = $3),
               resolved = (SELECT COUNT(*) FROM finding_event WHERE run = $2 AND action = 'resolved'),
               reopened = (SELECT COUNT(*) FROM finding_event WHERE run = $2 AND action = 'reopened')
             WHERE number = $2",
            vec![now.into(), run.number.into(), run.org_id.as_str().into()],
        )
        .await?;
        recount(&mut tx, &gone).await?;
        tx.commit().await
    }

    /// The newest snapshots that no run has checked to its end: the process that made one died before it had, or is at it.
    pub async fn unchecked_snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        let mut unchecked = Vec::new();
        for snapshot in self.snapshots_held(None, None).await? {
            let newest = self.newest_posture_run(&snapshot.org_id).await?;
            if newest.is_none_or(|(_, checked, _)| checked < snapshot.number) {
                unchecked.push(snapshot);
            }
        }
        Ok(unchecked)
    }

    /// The newest ended run of an organization: its number, its snapshot, and when it began.
    pub async fn newest_posture_run(&self, org_id: &str) -> Result<Option<(i64, i64, Timestamp)>> {
        let rows = self
            .db
            .fetch(
                "SELECT number, snapshot, started_at FROM posture_run WHERE org_id = $1 AND ended_at IS NOT NULL
                 ORDER BY number DESC LIMIT 1",
                vec![org_id.into()],
            )
            .await?;
        Ok(rows.first().and_then(|row| Some((row.integer(0), row.integer(1), row.maybe_time(2)?))))
    }
}
