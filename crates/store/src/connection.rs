//! Connections: the configured links to organizations, their sealed credentials, and the state of their streams.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::db::Row;
use crate::lease::end_syncs;
use crate::run::Outcome;
use crate::seal::{MasterKey, Sealed};
use crate::{Error, Result, Store};

/// A configured link to one organization.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Stable identity (UUID), never shown unless asked for.
    pub id: String,
    /// Unique without regard to case.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Where JumpCloud is.
    pub place: Place,
    /// The organization's id, once known.
    pub org_id: Option<String>,
    /// The organization's name, once known.
    pub org_name: Option<String>,
    /// Who to ask about it.
    pub owner_name: Option<String>,
    /// Their e-mail address.
    pub owner_email: Option<String>,
    /// The only collector that may run it; any, if `None`.
    pub collector: Option<String>,
    /// Syncs run on their schedule.
    pub enabled: bool,
    /// `api_key` or `service_account`.
    pub credential_kind: String,
    /// The last four characters of key or secret.
    pub credential_last_four: String,
    /// A service account's client id.
    pub credential_client_id: Option<String>,
    /// When this credential was given to us.
    pub credential_added_at: Timestamp,
    /// When JumpCloud says that it was made. With this and without an expiry date it never expires.
    pub credential_created_at: Option<Timestamp>,
    /// When it expires, where the API tells.
    pub credential_expires_at: Option<Timestamp>,
    /// When the connection was made.
    pub created_at: Timestamp,
}

/// Where JumpCloud is: a region, or custom URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `us`, `eu`, `in`, or `None` for custom URLs.
    pub region: Option<String>,
    /// V1 and V2 host.
    pub console_url: String,
    /// Directory Insights host.
    pub insights_url: String,
}

/// What a connection collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Snapshots of everything but events.
    Inventory,
    /// Directory Insights events.
    Events,
}

/// One stream's schedule and condition.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The connection.
    pub connection_id: String,
    /// Which stream.
    pub kind: StreamKind,
    /// Interval (`12h`) or cron expression.
    pub schedule: String,
    /// How long its events are kept, as a person said it for this connection; `None`: as the program is set.
    pub keep: Option<String>,
    /// Next time that the schedule starts it.
    pub next_run_at: Option<Timestamp>,
    /// Who wants it to run now, until it has.
    pub asked: Option<Asked>,
    /// How it went.
    pub state: StreamState,
}

/// Somebody wants a stream to run now, whatever its schedule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When they asked.
    pub at: Timestamp,
    /// The person, as the history shall name them.
    pub by: String,
}

/// How a stream's runs went.
#[derive(Debug, Clone, Default)]
pub struct StreamState {
    /// Start of the newest run.
    pub last_started_at: Option<Timestamp>,
    /// How the newest run ended.
    pub last_outcome: Option<Outcome>,
    /// End of the newest run that committed data.
    pub last_success_at: Option<Timestamp>,
    /// Since when runs fail.
    pub failing_since: Option<Timestamp>,
    /// How many runs in a row have failed.
    pub failures: i64,
    /// Stable code of the newest failure.
    pub failure_code: Option<String>,
    /// The newest failure in words.
    pub failure: Option<String>,
    /// What to do about it.
    pub failure_help: Option<String>,
}

impl StreamKind {
    /// The word in the database and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Events => "events",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "inventory" => Some(Self::Inventory),
            "events" => Some(Self::Events),
            _ => None,
        }
    }
}

impl Place {
    /// The hosts that a credential is bound to: it goes to both, so neither can be changed without giving it again.
    fn hosts(&self) -> String {
        format!("{} {}", self.console_url, self.insights_url)
    }
}

const COLUMNS: &str = "id, name, description, region, console_url, insights_url, org_id, org_name, owner_name, owner_email,
    collector, enabled, credential_kind, credential_last_four, credential_client_id, credential_added_at, credential_expires_at, created_at,
    credential_created_at";

impl Store {
    /// Adds a connection with its sealed credential and its streams.
    ///
    /// # Errors
    /// [`Error::Refused`] when the name is taken.
    pub async fn add_connection(
        &self,
        connection: &Connection,
        secret: &SecretString,
        key: &MasterKey,
        streams: &[(StreamKind, String, Option<Timestamp>)],
    ) -> Result<()> {
        let sealed = key.seal(&connection.id, &connection.place.hosts(), secret)?;
        let mut tx = self.db.begin().await?;
        tx.execute(
            "INSERT INTO connection (id, name, name_key, description, region, console_url, insights_url, org_id, org_name,
                owner_name, owner_email, collector, enabled, credential_kind, credential_sealed, credential_last_four,
                credential_client_id, credential_added_at, credential_expires_at, created_at, updated_at, credential_created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20, $21)",
            vec![
                connection.id.as_str().into(),
                connection.name.as_str().into(),
                name_key(&connection.name).into(),
                connection.description.clone().into(),
                connection.place.region.clone().into(),
                connection.place.console_url.as_str().into(),
                connection.place.insights_url.as_str().into(),
                connection.org_id.clone().into(),
                connection.org_name.clone().into(),
                connection.owner_name.clone().into(),
                connection.owner_email.clone().into(),
                connection.collector.clone().into(),
                connection.enabled.into(),
                connection.credential_kind.as_str().into(),
                sealed.0.into(),
                connection.credential_last_four.as_str().into(),
                connection.credential_client_id.clone().into(),
                connection.credential_added_at.into(),
                connection.credential_expires_at.into(),
                connection.created_at.into(),
                connection.credential_created_at.into(),
            ],
        )
        .await
        .map_err(|error| name_taken(error, &connection.name))?;
        for (kind, schedule, next_run_at) in streams {
            tx.execute(
                "INSERT INTO stream (connection_id, stream, schedule, next_run_at, failures) VALUES ($1, $2, $3, $4, 0)",
                vec![connection.id.as_str().into(), kind.word().into(), schedule.as_str().into(), (*next_run_at).into()],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Writes a connection's changed settings. The credential is not touched: see [`Store::replace_credential`]. If it is
    /// another organization than before, its streams begin anew: what is known of them is of the one before.
    pub async fn update_connection(&self, connection: &Connection, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE stream SET last_started_at = NULL, last_outcome = NULL, last_success_at = NULL, failing_since = NULL, failures = 0,
                failure_code = NULL, failure = NULL, failure_help = NULL, next_run_at = $1
             WHERE connection_id = $2 AND EXISTS (SELECT 1 FROM connection WHERE id = $2 AND org_id <> $3)",
            vec![now.into(), connection.id.as_str().into(), connection.org_id.clone().into()],
        )
        .await?;
        let touched = tx
            .execute(
                "UPDATE connection SET name = $1, name_key = $2, description = $3, region = $4, console_url = $5, insights_url = $6,
                    org_id = $7, org_name = $8, owner_name = $9, owner_email = $10, collector = $11, enabled = $12,
                    credential_expires_at = $13, updated_at = $14, credential_created_at = $16
                 WHERE id = $15 AND removed_at IS NULL",
                vec![
                    connection.name.as_str().into(),
                    name_key(&connection.name).into(),
                    connection.description.clone().into(),
                    connection.place.region.clone().into(),
                    connection.place.console_url.as_str().into(),
                    connection.place.insights_url.as_str().into(),
                    connection.org_id.clone().into(),
                    connection.org_name.clone().into(),
                    connection.owner_name.clone().into(),
                    connection.owner_email.clone().into(),
                    connection.collector.clone().into(),
                    connection.enabled.into(),
                    connection.credential_expires_at.into(),
                    now.into(),
                    connection.id.as_str().into(),
                    connection.credential_created_at.into(),
                ],
            )
            .await
            .map_err(|error| name_taken(error, &connection.name))?;
        still_there(touched, connection)?;
        tx.commit().await
    }

    /// Puts a new credential in the old one's place, in one statement: there is no moment without one.
    /// A stream that waited for a person goes on at once.
    pub async fn replace_credential(
        &self,
        connection: &Connection,
        secret: &SecretString,
        key: &MasterKey,
        now: Timestamp,
    ) -> Result<()> {
        let sealed = key.seal(&connection.id, &connection.place.hosts(), secret)?;
        let mut tx = self.db.begin().await?;
        let touched = tx.execute(
            "UPDATE connection SET credential_sealed = $1, credential_kind = $2, credential_last_four = $3, credential_client_id = $4,
                credential_added_at = $5, credential_expires_at = $6, updated_at = $5, credential_created_at = $8
             WHERE id = $7 AND removed_at IS NULL",
            vec![
                sealed.0.into(),
                connection.credential_kind.as_str().into(),
                connection.credential_last_four.as_str().into(),
                connection.credential_client_id.clone().into(),
                now.into(),
                connection.credential_expires_at.into(),
                connection.id.as_str().into(),
                connection.credential_created_at.into(),
            ],
        )
        .await?;
        still_there(touched, connection)?;
        tx.execute(
            "UPDATE stream SET next_run_at = $1 WHERE connection_id = $2 AND failures > 0",
            vec![now.into(), connection.id.as_str().into()],
        )
        .await?;
        tx.commit().await
    }

    /// Opens a connection's credential.
    pub async fn open_credential(&self, connection: &Connection, key: &MasterKey) -> Result<SecretString> {
        let rows = self
            .db
            .fetch("SELECT credential_sealed FROM connection WHERE id = $1", vec![connection.id.as_str().into()])
            .await?;
        let sealed =
            rows.first().and_then(|row| row.maybe_text(0)).ok_or_else(|| Error::Seal("there is none".to_owned()))?;
        key.open(&connection.id, &connection.place.hosts(), &Sealed(sealed))
    }

    /// All connections, by name.
    pub async fn connections(&self) -> Result<Vec<Connection>> {
        let sql = format!("SELECT {COLUMNS} FROM connection WHERE removed_at IS NULL ORDER BY name_key");
        Ok(self.db.fetch(&sql, vec![]).await?.iter().map(connection_of).collect())
    }

    /// A connection by name (without regard to case) or id.
    pub async fn find_connection(&self, name_or_id: &str) -> Result<Option<Connection>> {
        let sql = format!("SELECT {COLUMNS} FROM connection WHERE removed_at IS NULL AND (name_key = $1 OR id = $2)");
        Ok(self.db.fetch(&sql, vec![name_key(name_or_id).into(), name_or_id.into()]).await?.first().map(connection_of))
    }

    /// Removes a connection and wipes its credential; what it syncs at this moment commits nothing more. What it collected
    /// stays.
    pub async fn remove_connection(&self, connection: &Connection, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "UPDATE connection SET removed_at = $1, name_key = $2, credential_sealed = NULL, enabled = $3 WHERE id = $4",
            vec![now.into(), format!("removed {}", connection.id).into(), false.into(), connection.id.as_str().into()],
        )
        .await?;
        tx.execute("DELETE FROM stream WHERE connection_id = $1", vec![connection.id.as_str().into()]).await?;
        for id in [Some(&connection.id), connection.org_id.as_ref()].into_iter().flatten() {
            end_syncs(&mut tx, id).await?;
        }
        tx.commit().await
    }

    /// The streams of one connection, or of all.
    pub async fn streams(&self, connection_id: Option<&str>) -> Result<Vec<Stream>> {
        let rows = self
            .db
            .fetch(
                "SELECT connection_id, stream, schedule, next_run_at, last_started_at, last_outcome, last_success_at,
                        failing_since, failures, failure_code, failure, failure_help, keep, asked_at, asked_by
                 FROM stream WHERE $1 = '' OR connection_id = $1 ORDER BY connection_id, stream",
                vec![connection_id.unwrap_or_default().into()],
            )
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(Stream {
                    connection_id: row.text(0),
                    kind: StreamKind::from_word(&row.text(1))?,
                    schedule: row.text(2),
                    keep: row.maybe_text(12),
                    next_run_at: row.maybe_time(3),
                    asked: row.maybe_time(13).map(|at| Asked { at, by: row.text(14) }),
                    state: StreamState {
                        last_started_at: row.maybe_time(4),
                        last_outcome: Outcome::from_word(&row.text(5)),
                        last_success_at: row.maybe_time(6),
                        failing_since: row.maybe_time(7),
                        failures: row.integer(8),
                        failure_code: row.maybe_text(9),
                        failure: row.maybe_text(10),
                        failure_help: row.maybe_text(11),
                    },
                })
            })
            .collect())
    }

    /// Asks for a run of a stream now, of whichever process may do it. False if somebody has asked already.
    pub async fn ask_for_run(&self, connection_id: &str, kind: StreamKind, asked: &Asked) -> Result<bool> {
        let touched = self
            .db
            .execute(
                "UPDATE stream SET asked_at = $1, asked_by = $2 WHERE connection_id = $3 AND stream = $4 AND asked_at IS NULL",
                vec![asked.at.into(), asked.by.as_str().into(), connection_id.into(), kind.word().into()],
            )
            .await?;
        Ok(touched > 0)
    }

    /// A run that was asked for has ended, or is no longer wanted. Until this is said, a process that dies leaves the
    /// request to the next one. True if it was still open.
    pub async fn end_asked_run(&self, connection_id: &str, kind: StreamKind, asked: &Asked) -> Result<bool> {
        let touched = self
            .db
            .execute(
                "UPDATE stream SET asked_at = NULL, asked_by = NULL WHERE connection_id = $1 AND stream = $2 AND asked_at = $3",
                vec![connection_id.into(), kind.word().into(), asked.at.into()],
            )
            .await?;
        Ok(touched > 0)
    }

    /// Changes a stream's schedule.
    pub async fn set_schedule(
        &self,
        connection_id: &str,
        kind: StreamKind,
        schedule: &str,
        next: Option<Timestamp>,
    ) -> Result<()> {
        self.db
            .execute(
                "UPDATE stream SET schedule = $1, next_run_at = $2 WHERE connection_id = $3 AND stream = $4",
                vec![schedule.into(), next.into(), connection_id.into(), kind.word().into()],
            )
            .await
            .map(drop)
    }

    /// Changes how long a stream's events are kept; `None`: as the program is set.
    pub async fn set_keep(&self, connection_id: &str, kind: StreamKind, keep: Option<&str>) -> Result<()> {
        self.db
            .execute(
                "UPDATE stream SET keep = $1 WHERE connection_id = $2 AND stream = $3",
                vec![keep.map(str::to_owned).into(), connection_id.into(), kind.word().into()],
            )
            .await
            .map(drop)
    }

    /// Writes down how a stream stands after a run, and when it runs next.
    pub async fn set_stream_state(
        &self,
        connection_id: &str,
        kind: StreamKind,
        state: &StreamState,
        next: Option<Timestamp>,
    ) -> Result<()> {
        self.db
            .execute(
                "UPDATE stream SET last_started_at = $1, last_outcome = $2, last_success_at = $3, failing_since = $4, failures = $5,
                    failure_code = $6, failure = $7, failure_help = $8, next_run_at = $9 WHERE connection_id = $10 AND stream = $11",
                vec![
                    state.last_started_at.into(),
                    state.last_outcome.map(|outcome| outcome.word().to_owned()).into(),
                    state.last_success_at.into(),
                    state.failing_since.into(),
                    state.failures.into(),
                    state.failure_code.clone().into(),
                    state.failure.clone().into(),
                    state.failure_help.clone().into(),
                    next.into(),
                    connection_id.into(),
                    kind.word().into(),
                ],
            )
            .await
            .map(drop)
    }
}

/// Says it in words when an error means that another connection has the name.
fn name_taken(error: Error, name: &str) -> Error {
    match error {
        Error::Database(inner) if inner.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
            Error::Refused(format!("there is a connection named {name} already; choose another name"))
        }
        other => other,
    }
}

/// A change that touched no row came too late.
fn still_there(touched: u64, connection: &Connection) -> Result<()> {
    if touched == 0 {
        return Err(Error::Refused(format!("the connection {} was removed in the meantime", connection.name)));
    }
    Ok(())
}

/// Names are unique without regard to case, so that nobody has `acme` and `Acme` side by side.
fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

fn connection_of(row: &Row) -> Connection {
    Connection {
        id: row.text(0),
        name: row.text(1),
        description: row.maybe_text(2),
        place: Place { region: row.maybe_text(3), console_url: row.text(4), insights_url: row.text(5) },
        org_id: row.maybe_text(6),
        org_name: row.maybe_text(7),
        owner_name: row.maybe_text(8),
        owner_email: row.maybe_text(9),
        collector: row.maybe_text(10),
        enabled: row.boolean(11),
        credential_kind: row.text(12),
        credential_last_four: row.text(13),
        credential_client_id: row.maybe_text(14),
        credential_added_at: row.maybe_time(15).unwrap_or(Timestamp::UNIX_EPOCH),
        credential_expires_at: row.maybe_time(16),
        created_at: row.maybe_time(17).unwrap_or(Timestamp::UNIX_EPOCH),
        credential_created_at: row.maybe_time(18),
    }
}
