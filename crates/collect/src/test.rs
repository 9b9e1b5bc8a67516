//! Testing a connection: a checklist in which each line says what was tried, how it went, how long it took, and what to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use jumpcloud::{Client, Clock, Credential, Endpoint, Stage, endpoints};
use serde_json::json;
use store::{Connection, Place};
use url::Url;

use crate::client::{Administrator, Settings, VisibleOrganization, administrator, meant, organizations_seen_by};
use crate::error::Error;
use crate::sync::Clients;
use crate::tables::{Ask, Collected};

/// How one line of the checklist went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Grade {
    Pass,
    Warn,
    Fail,
}

/// One line of the checklist.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was tried, e.g. `name resolution`.
    pub name: String,
    /// How it went.
    pub grade: Grade,
    /// What was found.
    pub said: String,
    /// What to do, where something is to be done.
    pub help: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// The whole checklist.
#[derive(Debug, Clone, Default)]
pub struct TestReport {
    /// The lines, in the order in which they were tried.
    pub checks: Vec<Check>,
    /// The organization that the connection means.
    pub organization: Option<VisibleOrganization>,
    /// When the key was made, where the API tells.
    pub key_created_at: Option<Timestamp>,
    /// When the key expires, where the API tells.
    pub key_expires_at: Option<Timestamp>,
    /// Code of the first failed line's error, see [`Error::code`].
    pub failure_code: Option<&'static str>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// What has asked.
    pub(crate) clients: Clients,
}

/// Clocks further apart than this make event windows and token times doubtful.
const MOST_SKEW: SignedDuration = SignedDuration::from_mins(2);
/// A key that expires sooner than this is worth a warning.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Requests in flight while the endpoint families are tried.
const AT_ONCE: usize = 8;
/// The role that is enough.
const READ_ONLY: &str = "read only";

impl Grade {
    /// The word in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl TestReport {
    /// The worst grade of all lines.
    pub fn grade(&self) -> Grade {
        self.checks.iter().map(|check| check.grade).max().unwrap_or(Grade::Fail)
    }

    /// The connection works: whoever asks can see its organization. Areas that are refused do not count here.
    pub fn connects(&self) -> bool {
        self.organization.is_some()
    }

    fn add(&mut self, name: &str, started: Instant, grade: Grade, said: impl Into<String>, help: Option<String>) {
        self.checks.push(Check { name: name.to_owned(), grade, said: said.into(), help, took: started.elapsed() });
    }

    fn fail(&mut self, name: &str, started: Instant, error: &Error) {
        self.failure_code.get_or_insert(error.code());
        self.add(name, started, Grade::Fail, error.to_string(), Some(error.help()));
    }
}

/// Tries everything that the connection needs. It only reads, and moves hardly any data.
async fn test_connection(
    connection: &Connection,
    credential: &Credential,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    tables: &[&'static Collected],
) -> TestReport {
    let mut report = TestReport { started_at: Some(clock.now()), ..TestReport::default() };
    if !resolve_names(&connection.place, &mut report).await {
        return report;
    }
    let started = Instant::now();
    let org_id = connection.org_id.as_deref();
    let client = match settings.client(&connection.place, credential.clone(), org_id, Arc::clone(clock)) {
        Ok(client) => client,
        Err(error) => {
            report.fail("settings", started, &error);
            return report;
        }
    };
    report.clients.add(&client);
    let seen = try_credential(&client, connection, credential, settings, clock, &mut report).await;
    let Some(seen) = seen else { return report };
    let started = Instant::now();
    let organization = match meant(connection, &seen) {
        Ok(organization) => organization,
        Err(error) => {
            report.fail("organization", started, &error);
            return report;
        }
    };
    let more =
        if seen.len() > 1 { format!("; the credential sees {} organizations", seen.len()) } else { String::new() };
    report.add(
        "organization",
        started,
        Grade::Pass,
        format!("{} ({}){more}", organization.name, organization.id),
        None,
    );
    let client = match settings.client(&connection.place, credential.clone(), Some(&organization.id), Arc::clone(clock))
    {
        Ok(client) => client,
        Err(error) => {
            report.fail("settings", started, &error);
            return report;
        }
    };
    report.clients.add(&client);
    report.organization = Some(organization);
    try_role(&client, credential, clock.now(), &mut report).await;
    try_clock(&client, clock.now(), &mut report).await;
    try_areas(&client, tables, &mut report).await;
    try_events(&client, clock.now(), &mut report).await;
    report
}

/// Whether the names of both hosts have addresses.
async fn resolve_names(place: &Place, report: &mut TestReport) -> bool {
    let mut hosts: Vec<(String, u16)> = [&place.console_url, &place.insights_url]
        .iter()
        .filter_map(|url| Url::parse(url).ok())
        .filter_map(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)))
        .collect();
    hosts.dedup();
    for (host, port) in hosts {
        let started = Instant::now();
        match tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await {
            Ok(addresses) => {
                let count = addresses.count();
                report.add("name resolution", started, Grade::Pass, format!("{host} has {count} address(es)"), None);
            }
            Err(error) => {
                report.failure_code.get_or_insert("unreachable");
                let help = "Check the host name and this machine's DNS server.".to_owned();
                report.add(
                    "name resolution",
                    started,
                    Grade::Fail,
                    format!("{host} can not be resolved: {error}"),
                    Some(help),
                );
                return false;
            }
        }
    }
    true
}

/// Connects and shows the credential: the lines for network, TLS and credential.
async fn try_credential(
    client: &Client,
    connection: &Connection,
    credential: &Credential,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    report: &mut TestReport,
) -> Option<Vec<VisibleOrganization>> {
    let started = Instant::now();
    let seen = organizations_seen_by(client).await;
    let secure = connection.place.console_url.starts_with("https://");
    let tls = if secure { "the certificate is valid for the host" } else { "plain http on this machine, as allowed" };
    match seen {
        Ok(seen) => {
            report.add("TLS", started, Grade::Pass, tls, None);
            report.add("credential", started, Grade::Pass, format!("accepted ({})", kind_of(credential)), None);
            Some(seen)
        }
        Err(Error::Ask(error @ jumpcloud::Error::Unreachable { stage, .. })) => {
            let line = if stage == Stage::Tls { "TLS" } else { "network" };
            report.fail(line, started, &error.into());
            None
        }
        Err(Error::Ask(error @ jumpcloud::Error::KeyRejected(_))) => {
            report.add("TLS", started, Grade::Pass, tls, None);
            let elsewhere = other_region(&connection.place, credential, settings, clock).await;
            match elsewhere {
                Some(region) => {
                    report.failure_code.get_or_insert("wrong_region");
                    let here = connection.place.region.as_deref().unwrap_or("here");
                    let said = format!("JumpCloud rejected it in region {here}, but region {region} knows it");
                    let help = format!("Say `--region {region}` with `jumpseat connection add` or `edit`.");
                    report.add("credential", started, Grade::Fail, said, Some(help));
                }
                None => report.fail("credential", started, &error.into()),
            }
            None
        }
        Err(error) => {
            report.add("TLS", started, Grade::Pass, tls, None);
            report.fail("credential", started, &error);
            None
        }
    }
}

fn kind_of(credential: &Credential) -> &'static str {
    match credential {
        Credential::ApiKey(_) => "API key",
        Credential::ServiceAccount { .. } => "service account",
    }
}

/// The region that knows a credential which this one rejects. Only JumpCloud's own hosts are tried, never custom ones.
async fn other_region(
    place: &Place,
    credential: &Credential,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Option<String> {
    region_that_knows(place, |region| async move {
        let Ok(place) = Settings::place_of_region(region) else { return false };
        let Ok(client) = settings.client(&place, credential.clone(), None, Arc::clone(clock)) else { return false };
        organizations_seen_by(&client).await.is_ok()
    })
    .await
}

/// Asks the regions other than the place's own one after the other; none for a place that is no region.
///
/// It takes a function that gives a future, not an async closure: of that the compiler can not tell that it may be sent to
/// another thread, and the server answers on several.
async fn region_that_knows<F: Future<Output = bool>>(
    place: &Place,
    knows: impl Fn(&'static str) -> F,
) -> Option<String> {
    let here = place.region.as_deref()?;
    for region in ["us", "eu", "in"] {
        if region != here && knows(region).await {
            return Some(region.to_owned());
        }
    }
    None
}

/// Who the key belongs to, what it may do, and how long it lives.
async fn try_role(client: &Client, credential: &Credential, now: Timestamp, report: &mut TestReport) {
    let started = Instant::now();
    if matches!(credential, Credential::ServiceAccount { .. }) {
        let help = "Make sure in JumpCloud that the service account's role is Read Only; that is enough.".to_owned();
        report.add("role", started, Grade::Pass, "a service account does not tell its role to itself", Some(help));
        return;
    }
    match administrator(client).await {
        Ok(Some(administrator)) => {
            role_line(&administrator, started, report);
            key_line(&administrator, now, started, report);
        }
        Ok(None) => report.add("role", started, Grade::Warn, "the API does not tell whose key this is", None),
        Err(error) => report.fail("role", started, &error),
    }
}

fn role_line(administrator: &Administrator, started: Instant, report: &mut TestReport) {
    let who = administrator.email.as_deref().unwrap_or("an administrator");
    let whose = if administrator.is_provider { format!("{who}, of a provider (multi-tenant)") } else { who.to_owned() };
    match administrator.role.as_deref() {
        Some(role) if role.to_lowercase() == READ_ONLY => {
            report.add("role", started, Grade::Pass, format!("{role}, of {whose}"), None);
        }
        Some(role) => {
            let help = "Read Only is enough. Make an administrator with the role Read Only and use its key: what a key can not do, nobody who steals it can do.".to_owned();
            report.add("role", started, Grade::Warn, format!("{role}, of {whose}: this key can write"), Some(help));
        }
        None => report.add("role", started, Grade::Warn, format!("of {whose}; the API does not tell the role"), None),
    }
}

fn key_line(administrator: &Administrator, now: Timestamp, started: Instant, report: &mut TestReport) {
    report.key_created_at = administrator.key_created_at;
    report.key_expires_at = administrator.key_expires_at;
    let age = administrator.key_changed_at.map(|made| format!("made {} days ago", days(now.duration_since(made))));
    match administrator.key_expires_at {
        Some(expires) => {
            let left = expires.duration_since(now);
            let said = match &age {
                Some(age) => format!("{age}, expires in {} days", days(left)),
                None => format!("expires in {} days", days(left)),
            };
            let help =
                "Make a new key and give it with `jumpseat connection rotate`; a new key ends the old one at once."
                    .to_owned();
            let soon = left < EXPIRES_SOON;
            report.add("key age", started, if soon { Grade::Warn } else { Grade::Pass }, said, soon.then_some(help));
        }
        None => {
            let said = match (age, administrator.key_created_at) {
                (Some(age), Some(_)) => format!("{age}, never expires"),
                (Some(age), None) => age,
                (None, _) => "not told by the API".to_owned(),
            };
            report.add("key age", started, Grade::Pass, said, None);
        }
    }
}

fn days(span: SignedDuration) -> i64 {
    span.as_hours() / 24
}

/// How far this machine's clock is from JumpCloud's.
async fn try_clock(client: &Client, now: Timestamp, report: &mut TestReport) {
    let started = Instant::now();
    let answer = client.read(&endpoints::USERGROUPS, &[], &[("limit", "1")]).await;
    match answer.ok().and_then(|answer| answer.date) {
        Some(date) => {
            let skew = now.duration_since(date);
            if skew.abs() > MOST_SKEW {
                let help = "Set this machine's clock (NTP).".to_owned();
                report.add(
                    "clock",
                    started,
                    Grade::Warn,
                    format!("this machine's clock is {} s off", skew.as_secs()),
                    Some(help),
                );
            } else {
                report.add("clock", started, Grade::Pass, "in step with JumpCloud's", None);
            }
        }
        None => {
            let help =
                "A proxy on the way may take the `Date` header away; compare this machine's clock by hand.".to_owned();
            report.add("clock", started, Grade::Warn, "not known: JumpCloud's time was not told", Some(help));
        }
    }
}

/// Asks every list that the inventory begins with for one row.
async fn try_areas(client: &Client, tables: &[&'static Collected], report: &mut TestReport) {
    let areas = tables.iter().flat_map(|table| {
        table.sources.iter().filter_map(|source| match &source.ask {
            Ask::List { endpoint, .. } => Some((table.table.name, *endpoint, source.optional)),
            _ => None,
        })
    });
    // A list of futures: a closure that lives on while they are waited for would keep this one from being sent to a thread.
    let asked: Vec<_> = areas.map(|(name, endpoint, optional)| try_area(client, name, endpoint, optional)).collect();
    let tried: Vec<Tried> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
    for (name, optional, started, took, answer) in tried {
        let (grade, said, help) = match answer {
            Ok(()) => (Grade::Pass, "readable".to_owned(), None),
            Err(error) => {
                let refused = matches!(
                    error,
                    Error::Ask(
                        jumpcloud::Error::NotPermitted(_)
                            | jumpcloud::Error::NotLicensed(_)
                            | jumpcloud::Error::NotFound(_)
                    )
                );
                if optional && refused {
                    (Grade::Pass, format!("{error}; the product works without it"), None)
                } else {
                    report.failure_code.get_or_insert(error.code());
                    (if refused { Grade::Warn } else { Grade::Fail }, error.to_string(), Some(error.help()))
                }
            }
        };
        report.add(&format!("reads {name}"), started, grade, said, help);
        if let Some(check) = report.checks.last_mut() {
            check.took = took;
        }
    }
}

/// Name, whether it can be done without, when it began, how long it took, and how it went.
type Tried = (&'static str, bool, Instant, Duration, Result<(), Error>);

async fn try_area(client: &Client, name: &'static str, endpoint: &'static Endpoint, optional: bool) -> Tried {
    let started = Instant::now();
    let answer = try_one(client, endpoint).await;
    (name, optional, started, started.elapsed(), answer)
}

async fn try_one(client: &Client, endpoint: &'static Endpoint) -> Result<(), Error> {
    client.read(endpoint, &[], &[("limit", "1")]).await.map(drop).map_err(Error::from)
}

/// Whether Directory Insights answers: asked for a count of the last hour, which moves no event.
async fn try_events(client: &Client, now: Timestamp, report: &mut TestReport) {
    let started = Instant::now();
    let hour_ago = now - SignedDuration::from_hours(1);
    let body = json!({ "service": ["all"], "start_time": hour_ago.to_string(), "end_time": now.to_string() });
    match client.post(&endpoints::EVENTS_COUNT, &[], &body).await {
        Ok(_) => report.add("Directory Insights", started, Grade::Pass, "licensed and readable", None),
        Err(error @ (jumpcloud::Error::NotLicensed(_) | jumpcloud::Error::NotPermitted(_))) => {
            let help = error.help();
            report.add(
                "Directory Insights",
                started,
                Grade::Warn,
                format!("{error}: the inventory works, events do not"),
                Some(help),
            );
        }
        Err(error) => report.fail("Directory Insights", started, &error.into()),
    }
}

impl crate::Collector {
    /// Tests a connection with its stored credential.
    ///
    /// # Errors
    /// The credential can not be opened.
    pub async fn test(&self, connection: &Connection) -> Result<TestReport, Error> {
        let secret = self.store.open_credential(connection, &self.key).await?;
        let credential = crate::client::credential_of(connection, &secret)?;
        Ok(self.test_with(connection, &credential).await)
    }

    /// Tests a connection with a credential that is not stored (yet).
    pub async fn test_with(&self, connection: &Connection, credential: &Credential) -> TestReport {
        // Somebody is waiting for the answer: what fails twice is told, not tried for minutes.
        let mut impatient = self.settings.clone();
        impatient.limits.max_attempts = impatient.limits.max_attempts.min(2);
        test_connection(connection, credential, &impatient, &self.clock, self.tables).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// The region that is found from `here` when only `home` knows the key, and which regions were asked.
    async fn found(here: Option<&str>, home: &str) -> (Option<String>, Vec<String>) {
        let place = Place {
            region: here.map(str::to_owned),
            console_url: "https://console.example/".to_owned(),
            insights_url: "https://console.example/".to_owned(),
        };
        let asked = Mutex::new(Vec::new());
        let region = region_that_knows(&place, |region| {
            asked.lock().unwrap().push(region.to_owned());
            std::future::ready(region == home)
        })
        .await;
        (region, asked.into_inner().unwrap())
    }

    #[tokio::test]
    async fn the_region_that_knows_the_key_is_named_and_the_rejecting_one_is_not_asked_again() {
        assert_eq!(found(Some("us"), "eu").await, (Some("eu".to_owned()), vec!["eu".to_owned()]));
        let (region, asked) = found(Some("eu"), "in").await;
        assert_eq!((region.as_deref(), asked), (Some("in"), vec!["us".to_owned(), "in".to_owned()]));
        assert_eq!(found(Some("in"), "nowhere").await.0, None);
    }

    #[tokio::test]
    async fn a_key_for_custom_hosts_is_never_shown_to_a_region() {
        assert_eq!(found(None, "us").await, (None, Vec::new()));
    }
}
