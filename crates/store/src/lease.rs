//! Leases: at most one process does a piece of work at a time, and one that died is replaced at once or after a minute.
//! Each taking has a token (a fencing number); a writer whose token is no longer the newest can not commit.
//!
//! That a process is dead is believed at once only where its number says so for sure: on the same machine since the same
//! start of its system and in the same PID namespace, or in a file that a system wrote which has been started anew since.

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, test_kill_process};

use crate::db::{Row, Tx};
use crate::migration::check_layout;
use crate::{Error, Result, Store, StreamKind};

/// How long a lease holds after the last sign of life.
const TERM: SignedDuration = SignedDuration::from_secs(60);

/// The right to do one piece of work.
#[derive(Debug, Clone)]
pub struct Lease {
    name: String,
    token: i64,
}

/// Who takes a lease; what others are told.
#[derive(Debug, Clone)]
pub struct LeaseHolder {
    /// For people, e.g. `jumpseat sync (process 4711 on atlas)`.
    pub words: String,
    /// The machine's name.
    pub host: String,
    /// Where process ids mean what they mean here.
    pub numbering: Numbering,
    /// Process id.
    pub process: u32,
}

/// Where a process id means one process: a start of a system, and in it a PID namespace. Containers on one machine, and two
/// machines of one name, number their processes each for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbering {
    /// The id that the system gave itself when it started; empty where there is none.
    pub boot: String,
    /// The namespace's name, such as `pid:[4026531836]`; empty where there is none.
    pub namespace: String,
}

impl LeaseHolder {
    /// This process on this machine, doing `what`.
    pub fn this_process(what: &str, host: &str) -> Self {
        let process = std::process::id();
        Self {
            words: format!("{what} (process {process} on {host})"),
            host: host.to_owned(),
            numbering: Numbering::here().clone(),
            process,
        }
    }
}

impl Numbering {
    /// That of this process.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Numbering> = OnceLock::new();
        HERE.get_or_init(|| {
            let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
            Self { boot: boot.trim().to_owned(), namespace: namespace.to_string_lossy().into_owned() }
        })
    }

    fn text(&self) -> String {
        format!("{} {}", self.boot, self.namespace)
    }
}

impl Store {
    /// Takes a lease, also from a holder that has shown no life for a minute or whose process on this machine is gone.
    ///
    /// # Errors
    /// [`Error::Held`] names who holds it; [`Error::LayoutChanged`] when another version of the program has taken over the
    /// database.
    pub async fn take_lease(&self, name: &str, what: &str, holder: &LeaseHolder, now: Timestamp) -> Result<Lease> {
        let mut tx = self.db.begin().await?;
        // All work that writes begins with a lease.
        check_layout(self, &mut tx).await?;
        if self.db.is_postgres() {
            tx.execute("LOCK TABLE lease IN EXCLUSIVE MODE", vec![]).await?;
        }
        let rows = tx
            .fetch(
                "SELECT until, host, numbering, process, process_started, holder, since FROM lease WHERE name = $1",
                vec![name.into()],
            )
            .await?;
        if let Some(row) = rows.first().filter(|row| self.is_held(row, &holder.host, now)) {
            return Err(Error::Held { what: what.to_owned(), holder: row.text(5), since: row.text(6) });
        }
        let token = tx.next_numbers("lease", 1).await?;
        let process = i64::from(holder.process);
        tx.execute(
            "INSERT INTO lease (name, token, holder, host, process, process_started, since, until, stop_asked, numbering)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE, $9)
             ON CONFLICT (name) DO UPDATE SET token = $2, holder = $3, host = $4, process = $5, process_started = $6,
                 since = $7, until = $8, stop_asked = FALSE, numbering = $9",
            vec![
                name.into(),
                token.into(),
                holder.words.as_str().into(),
                holder.host.as_str().into(),
                process.into(),
                stat(process).map(|(_, started)| started).unwrap_or(NOT_TOLD).into(),
                now.into(),
                (now + TERM).into(),
                holder.numbering.text().into(),
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(Lease { name: name.to_owned(), token })
    }

    /// Who holds a lease now, for status pages.
    pub async fn lease_holder(&self, name: &str, host: &str, now: Timestamp) -> Result<Option<String>> {
        let rows = self
            .db
            .fetch(
                "SELECT until, host, numbering, process, process_started, holder FROM lease WHERE name = $1",
                vec![name.into()],
            )
            .await?;
        Ok(rows.first().filter(|row| self.is_held(row, host, now)).map(|row| row.text(5)))
    }

    /// Whether the lease of a row (until, host, numbering, process, process_started, …) is held, seen from this machine.
    fn is_held(&self, row: &Row, host: &str, now: Timestamp) -> bool {
        if row.maybe_time(0).is_none_or(|until| until <= now) {
            return false;
        }
        let (here, numbering) = (Numbering::here(), row.text(2));
        let is_of_another_boot = numbering.split(' ').next().is_some_and(|boot| !boot.is_empty() && boot != here.boot);
        if self.file.is_some() && !here.boot.is_empty() && is_of_another_boot {
            // Only the machine that has the file writes into it, and it was started anew since.
            return false;
        }
        let is_numbered_alike = row.text(1) == host && numbering == here.text() && !here.namespace.is_empty();
        !(is_numbered_alike && is_gone(row.integer(3), row.integer(4)))
    }

    /// Shows life, so that the lease holds for another minute.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when somebody else has taken over.
    pub async fn keep_lease(&self, lease: &Lease, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lease.check(&mut tx, Some(now)).await?;
        tx.commit().await
    }

    /// Asks whoever holds a lease to stop that work. False if nobody does.
    pub async fn ask_to_stop(&self, name: &str) -> Result<bool> {
        let touched = self.db.execute("UPDATE lease SET stop_asked = TRUE WHERE name = $1", vec![name.into()]).await?;
        Ok(touched > 0)
    }

    /// Whether somebody wants this work to stop.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when somebody else has taken over, or the connection was removed.
    pub async fn is_asked_to_stop(&self, lease: &Lease) -> Result<bool> {
        let sql = "SELECT stop_asked FROM lease WHERE name = $1 AND token = $2";
        let rows = self.db.fetch(sql, vec![lease.name.as_str().into(), lease.token.into()]).await?;
        rows.first().map(|row| row.boolean(0)).ok_or(Error::LeaseLost)
    }

    /// Gives a lease back; nothing happens if it was lost already.
    pub async fn release_lease(&self, lease: Lease) -> Result<()> {
        self.db
            .execute("DELETE FROM lease WHERE name = $1 AND token = $2", vec![lease.name.into(), lease.token.into()])
            .await?;
        Ok(())
    }
}

/// The name of the lease under which a stream is synced: of an organization, or of a connection that does not know its own
/// yet.
pub fn stream_lease(kind: StreamKind, id: &str) -> String {
    format!("{} {id}", kind.word())
}

/// Ends the syncs of an organization or a connection, in whichever process: they can not commit any more.
pub(crate) async fn end_syncs(tx: &mut Tx, id: &str) -> Result<()> {
    for kind in [StreamKind::Inventory, StreamKind::Events] {
        tx.execute("DELETE FROM lease WHERE name = $1", vec![stream_lease(kind, id).into()]).await?;
    }
    Ok(())
}

/// Ends all work on an organization, its checks as well: leases bear the organization's id at their end.
pub(crate) async fn end_work(tx: &mut Tx, org_id: &str) -> Result<()> {
    tx.execute("DELETE FROM lease WHERE name LIKE $1", vec![format!("% {org_id}").into()]).await.map(drop)
}

impl Lease {
    /// Makes sure, inside the transaction that is about to write, that this lease is still ours.
    pub(crate) async fn check(&self, tx: &mut Tx, now: Option<Timestamp>) -> Result<()> {
        let kept = match now {
            Some(now) => {
                tx.execute(
                    "UPDATE lease SET until = $3 WHERE name = $1 AND token = $2",
                    vec![self.name.as_str().into(), self.token.into(), (now + TERM).into()],
                )
                .await?
            }
            None => {
                tx.execute(
                    "UPDATE lease SET token = token WHERE name = $1 AND token = $2",
                    vec![self.name.as_str().into(), self.token.into()],
                )
                .await?
            }
        };
        if kept == 1 { Ok(()) } else { Err(Error::LeaseLost) }
    }
}

/// Stands for the time of a start that was not told.
const NOT_TOLD: i64 = 0;

/// Whether a process has ended. Process ids are used again, so the start time must match as well. One that was killed and
/// that its parent has not asked after yet does nothing more, though it is still listed.
fn is_gone(process: i64, started: i64) -> bool {
    match stat(process) {
        Some((state, at)) => matches!(state, 'Z' | 'X') || (at != started && started != NOT_TOLD),
        // Perhaps it is only not shown to this user.
        None => i32::try_from(process)
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|process| test_kill_process(process) == Err(rustix::io::Errno::SRCH)),
    }
}

/// The state of a process, and when it started in clock ticks since boot (fields 3 and 22 of `/proc/PID/stat`); `None` if
/// it is not there.
fn stat(process: i64) -> Option<(char, i64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold blanks.
    let fields = stat.rsplit_once(')')?.1;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}
