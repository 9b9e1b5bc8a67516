//! Leases: at most one process does a piece of work at a time, and one that died is replaced at once or after a minute.
//! Each taking has a token (a fencing number); a writer whose token is no longer the newest can not commit.

use jiff::{SignedDuration, Timestamp};

use crate::db::Tx;
use crate::migration::check_layout;
use crate::{Error, Result, Store};

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
    /// Process id.
    pub process: u32,
}

impl LeaseHolder {
    /// This process on this machine, doing `what`.
    pub fn this_process(what: &str, host: &str) -> Self {
        let process = std::process::id();
        Self { words: format!("{what} (process {process} on {host})"), host: host.to_owned(), process }
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
                "SELECT holder, host, process, process_started, since, until FROM lease WHERE name = $1",
                vec![name.into()],
            )
            .await?;
        if let Some(row) = rows.first() {
            let alive = row.maybe_time(5).is_some_and(|until| until > now)
                && !(row.text(1) == holder.host && is_gone(row.integer(2), row.integer(3)));
            if alive {
                return Err(Error::Held { what: what.to_owned(), holder: row.text(0), since: row.text(4) });
            }
        }
        let token = tx.next_numbers("lease", 1).await?;
        let process = i64::from(holder.process);
        tx.execute(
            "INSERT INTO lease (name, token, holder, host, process, process_started, since, until, stop_asked)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE)
             ON CONFLICT (name) DO UPDATE SET token = $2, holder = $3, host = $4, process = $5, process_started = $6,
                 since = $7, until = $8, stop_asked = FALSE",
            vec![
                name.into(),
                token.into(),
                holder.words.as_str().into(),
                holder.host.as_str().into(),
                process.into(),
                started_at(process).unwrap_or(0).into(),
                now.into(),
                (now + TERM).into(),
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
            .fetch("SELECT holder, host, process, process_started, until FROM lease WHERE name = $1", vec![name.into()])
            .await?;
        Ok(rows.first().and_then(|row| {
            let alive = row.maybe_time(4).is_some_and(|until| until > now)
                && !(row.text(1) == host && is_gone(row.integer(2), row.integer(3)));
            alive.then(|| row.text(0))
        }))
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
    pub async fn is_asked_to_stop(&self, lease: &Lease) -> Result<bool> {
        let sql = "SELECT stop_asked FROM lease WHERE name = $1 AND token = $2";
        let rows = self.db.fetch(sql, vec![lease.name.as_str().into(), lease.token.into()]).await?;
        Ok(rows.first().is_some_and(|row| row.boolean(0)))
    }

    /// Gives a lease back; nothing happens if it was lost already.
    pub async fn release_lease(&self, lease: Lease) -> Result<()> {
        self.db
            .execute("DELETE FROM lease WHERE name = $1 AND token = $2", vec![lease.name.into(), lease.token.into()])
            .await?;
        Ok(())
    }
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

/// Whether a process of this machine has ended. Process ids are used again, so the start time must match as well.
fn is_gone(process: i64, started: i64) -> bool {
    cfg!(target_os = "linux") && started_at(process) != Some(started)
}

/// When a process started, in clock ticks since boot (field 22 of `/proc/PID/stat`); `None` if there is no such process.
fn started_at(process: i64) -> Option<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold blanks.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
