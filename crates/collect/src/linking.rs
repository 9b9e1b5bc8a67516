//! Making and changing the links to organizations: what the command line and the console both do, so that it is done in
//! one way and always leaves a line in the history.

use jiff::Timestamp;
use jumpcloud::Credential;
use store::{Action, Connection, Outcome, Place, RunEnd, StreamKind, stream_lease};

use crate::client::secret_of;
use crate::error::Error;
use crate::schedule::Schedule;
use crate::sync::Collector;
use crate::test::{Grade, TestReport};

/// How often the inventory is collected, if nothing else is said.
pub const USUAL_INVENTORY: &str = "12h";
/// How often events are collected, if nothing else is said.
pub const USUAL_EVENTS: &str = "60s";
/// Longest name of a connection, in characters.
const LONGEST_NAME: usize = 100;

/// A connection's name as it is kept.
///
/// # Errors
/// It is too long, or holds control characters.
pub fn checked_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().any(char::is_control) || name.chars().count() > LONGEST_NAME {
        return Err(Error::Unusable(format!(
            "a connection's name has at most {LONGEST_NAME} characters and no control characters"
        )));
    }
    Ok(name.to_owned())
}

/// A schedule as it is kept: what was said, or what is usual.
///
/// # Errors
/// It is neither an interval nor a cron expression.
pub fn checked_schedule(text: Option<&str>, usual: &str) -> Result<String, Error> {
    let text = text.unwrap_or(usual);
    text.parse::<Schedule>().map_err(|error| Error::Unusable(error.to_string()))?;
    Ok(text.trim().to_owned())
}

/// A connection that is not saved yet.
pub fn new_connection(name: String, place: Place, credential: &Credential, now: Timestamp) -> Connection {
    let (kind, client_id) = match credential {
        Credential::ApiKey(_) => ("api_key", None),
        Credential::ServiceAccount { client_id, .. } => ("service_account", Some(client_id.clone())),
    };
    Connection {
        id: uuid::Uuid::now_v7().to_string(),
        name,
        description: None,
        place,
        org_id: None,
        org_name: None,
        owner_name: None,
        owner_email: None,
        collector: None,
        enabled: true,
        credential_kind: kind.to_owned(),
        credential_last_four: credential.last_four(),
        credential_client_id: client_id,
        credential_added_at: now,
        credential_created_at: None,
        credential_expires_at: None,
        created_at: now,
    }
}

/// The name of the lease that a connection's inventory sync holds.
pub fn inventory_lease_name(connection: &Connection) -> String {
    stream_lease(StreamKind::Inventory, connection.org_id.as_deref().unwrap_or(&connection.id))
}

impl TestReport {
    /// What the test has found out becomes part of the connection.
    pub fn take_over(&self, connection: &mut Connection) {
        if let Some(organization) = &self.organization {
            connection.org_id = Some(organization.id.clone());
            if !organization.name.is_empty() {
                connection.org_name = Some(organization.name.clone());
            }
        }
        connection.credential_created_at = self.key_created_at;
        connection.credential_expires_at = self.key_expires_at;
    }

    /// The first line that failed, in words.
    pub fn failure(&self) -> Option<String> {
        let failed = self.checks.iter().find(|check| check.grade == Grade::Fail)?;
        Some(format!("{}: {}", failed.name, failed.said))
    }

    /// How the history tells it: the outcome, and the first line that failed as code and words.
    fn told(&self) -> (Outcome, Option<(String, String)>) {
        let failure = self.failure();
        let outcome = if self.connects() && failure.is_none() { Outcome::Succeeded } else { Outcome::Failed };
        (outcome, failure.map(|words| (self.failure_code.unwrap_or("error").to_owned(), words)))
    }
}

impl Collector {
    /// "Connection N" with the first free number.
    ///
    /// # Errors
    /// The store can not be read.
    pub async fn free_name(&self) -> Result<String, Error> {
        let taken: Vec<String> =
            self.store.connections().await?.into_iter().map(|connection| connection.name.to_lowercase()).collect();
        let free =
            (1..).map(|number| format!("Connection {number}")).find(|name| !taken.contains(&name.to_lowercase()));
        Ok(free.expect("there is always a next number"))
    }

    /// One organization is linked once: two links would sync it twice for nothing.
    ///
    /// # Errors
    /// [`Error::Linked`] names the connection that is there already.
    pub async fn refuse_second_link(&self, connection: &Connection) -> Result<(), Error> {
        let others = self.store.connections().await?;
        match others
            .iter()
            .find(|other| other.id != connection.id && other.org_id.is_some() && other.org_id == connection.org_id)
        {
            Some(other) => {
                let id = other.org_id.as_deref().unwrap_or_default();
                let organization = match &other.org_name {
                    Some(name) => format!("{name} ({id})"),
                    None => format!("the organization {id}"),
                };
                Err(Error::Linked { organization, connection: other.name.clone() })
            }
            None => Ok(()),
        }
    }

    /// Saves a new connection; both of its streams are due at once.
    ///
    /// # Errors
    /// The name is taken, a schedule is none, or the store fails.
    pub async fn link(
        &self,
        connection: &Connection,
        credential: &Credential,
        inventory: Option<&str>,
        events: Option<&str>,
        by: &str,
    ) -> Result<(), Error> {
        let streams = [
            (StreamKind::Inventory, checked_schedule(inventory, USUAL_INVENTORY)?, Some(self.clock.now())),
            (StreamKind::Events, checked_schedule(events, USUAL_EVENTS)?, Some(self.clock.now())),
        ];
        self.store.add_connection(connection, &secret_of(credential), &self.key, &streams).await?;
        self.note(connection, Action::Update, Outcome::Succeeded, None, by).await
    }

    /// Tests a connection with its stored credential, keeps what was found out, and writes it into the history.
    ///
    /// # Errors
    /// The credential can not be opened, or the store fails.
    pub async fn test_and_note(&self, connection: &Connection, by: &str) -> Result<TestReport, Error> {
        let report = self.test(connection).await?;
        if report.connects() {
            let mut learned = connection.clone();
            report.take_over(&mut learned);
            self.store.update_connection(&learned, self.clock.now()).await?;
        }
        self.note_test(connection, &report, by).await?;
        Ok(report)
    }

    /// Writes a test into the history.
    ///
    /// # Errors
    /// The store fails.
    pub async fn note_test(&self, connection: &Connection, report: &TestReport, by: &str) -> Result<(), Error> {
        let (outcome, error) = report.told();
        let now = self.clock.now();
        let began = report.started_at.unwrap_or(now);
        let run = self.store.start_run(connection, Action::Test, by, &self.holder.words, began).await?;
        let (error_code, error) = error.unzip();
        let (calls, bytes) = (report.clients.calls(), report.clients.bytes());
        let end = RunEnd { outcome, error_code, error, help: None, tables: Vec::new(), calls, bytes };
        Ok(self.store.finish_run(run, &end, now).await?)
    }

    /// Puts a credential in the old one's place. It is not tested here.
    ///
    /// # Errors
    /// The store fails.
    pub async fn swap_credential(&self, mut connection: Connection, credential: &Credential) -> Result<(), Error> {
        let fresh = new_connection(String::new(), connection.place.clone(), credential, self.clock.now());
        connection.credential_kind = fresh.credential_kind;
        connection.credential_last_four = fresh.credential_last_four;
        connection.credential_client_id = fresh.credential_client_id;
        let secret = secret_of(credential);
        Ok(self.store.replace_credential(&connection, &secret, &self.key, self.clock.now()).await?)
    }

    /// Gives a stream another schedule, counted from its last run.
    ///
    /// # Errors
    /// The store fails.
    pub async fn reschedule(&self, connection: &Connection, kind: StreamKind, schedule: &str) -> Result<(), Error> {
        let streams = self.store.streams(Some(&connection.id)).await?;
        let last = streams.iter().find(|stream| stream.kind == kind).and_then(|stream| stream.state.last_started_at);
        let next = schedule.parse::<Schedule>().ok().and_then(|parsed| parsed.next(last, self.clock.now()));
        Ok(self.store.set_schedule(&connection.id, kind, schedule, next).await?)
    }

    /// Writes what a person did to a connection into the history.
    ///
    /// # Errors
    /// The store fails.
    pub async fn note(
        &self,
        connection: &Connection,
        action: Action,
        outcome: Outcome,
        error: Option<(String, String)>,
        by: &str,
    ) -> Result<(), Error> {
        let run = self.store.start_run(connection, action, by, &self.holder.words, self.clock.now()).await?;
        let (error_code, error) = error.unzip();
        let end = RunEnd { outcome, error_code, error, help: None, tables: Vec::new(), calls: Vec::new(), bytes: 0 };
        Ok(self.store.finish_run(run, &end, self.clock.now()).await?)
    }
}
