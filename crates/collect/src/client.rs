//! From a connection and its credential to a client that can ask, and who that credential is.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use jumpcloud::{Client, ClientConfig, Clock, Credential, Hosts, Limits, Listed, Region, endpoints};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use store::{Connection, Place};

use crate::error::Error;
use crate::events::Keep;

/// A person who waits is told after about so long that nothing works. Two or three attempts, so that a blip is survived.
const FIRST_SUCCESS: Duration = Duration::from_secs(10);

/// Settings that hold for all connections of this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most requests in flight at once, for each connection.
    pub max_in_flight: usize,
    /// The most requests a second, for each connection; JumpCloud's own limit is found by itself.
    pub requests_per_second: Option<f64>,
    /// Accept plain http on loopback addresses (simulator, recordings).
    pub allow_loopback: bool,
    /// Certificate authorities to trust beside the system's, as PEM.
    pub extra_root_certificates: Vec<Vec<u8>>,
    /// How long events are kept, where a connection does not say otherwise.
    pub keep_events: Keep,
    /// Bounds of time and size for each request.
    pub limits: Limits,
}

/// What can not be used in the settings of a connection.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

/// An organization that a credential can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleOrganization {
    /// 24 hexadecimal digits.
    pub id: String,
    /// Its name; empty where it has none.
    pub name: String,
}

/// The administrator behind an API key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Administrator {
    pub(crate) email: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) is_provider: bool,
    /// When the key was last changed, also where nothing else is told of it.
    pub(crate) key_changed_at: Option<Timestamp>,
    /// Told with the expiry date: with this one and without that one, the key never expires.
    pub(crate) key_created_at: Option<Timestamp>,
    pub(crate) key_expires_at: Option<Timestamp>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_in_flight: 10,
            requests_per_second: None,
            allow_loopback: false,
            extra_root_certificates: Vec::new(),
            keep_events: Keep::Forever,
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// The place of a region (`us`, `eu`, `in`).
    ///
    /// # Errors
    /// The region is none of these.
    pub fn place_of_region(region: &str) -> Result<Place, SettingsError> {
        let known: Region =
            region.parse().map_err(|error: jumpcloud::UnknownRegion| SettingsError(error.to_string()))?;
        let hosts = Hosts::region(known);
        Ok(Place {
            region: Some(known.to_string()),
            console_url: hosts.console.to_string(),
            insights_url: hosts.insights.to_string(),
        })
    }

    /// The place of custom URLs. Directory Insights is at the same URL unless told otherwise.
    ///
    /// # Errors
    /// A URL is not https, or could carry the credential to a host that must not get it.
    pub fn place_of_urls(&self, api_url: &str, insights_url: Option<&str>) -> Result<Place, SettingsError> {
        let hosts = Hosts::custom(api_url, insights_url.unwrap_or(api_url), self.allow_loopback).map_err(|error| {
            let hint = if self.allow_loopback {
                ""
            } else {
                "; a plain-http URL on this machine needs --allow-loopback-upstream"
            };
            SettingsError(format!("{api_url} can not be used: {error}{hint}"))
        })?;
        Ok(Place { region: None, console_url: hosts.console.to_string(), insights_url: hosts.insights.to_string() })
    }

    /// The hosts of a place.
    ///
    /// # Errors
    /// They may not be given a credential, or not any more.
    pub fn hosts(&self, place: &Place) -> Result<Hosts, Error> {
        Ok(match &place.region {
            Some(region) => Hosts::region(
                region.parse().map_err(|error: jumpcloud::UnknownRegion| Error::Place(error.to_string()))?,
            ),
            None => Hosts::custom(&place.console_url, &place.insights_url, self.allow_loopback).map_err(|error| {
                let hint = if self.allow_loopback {
                    ""
                } else {
                    " (plain http on this machine needs --allow-loopback-upstream)"
                };
                Error::Place(format!("{} can not be used: {error}{hint}", place.console_url))
            })?,
        })
    }

    /// The same when a person waits for the answer: that nothing can be reached, or that JumpCloud is down, is told within
    /// seconds. The schedule has more patience, and comes back by itself.
    #[must_use]
    pub fn for_a_person(&self) -> Self {
        let limits = Limits { first_success: Some(FIRST_SUCCESS), ..self.limits.clone() };
        Self { limits, ..self.clone() }
    }

    /// Those for a run that was started by a person, or by the schedule (`system`).
    pub(crate) fn for_run_by(&self, started_by: &str) -> Self {
        if started_by == "system" { self.clone() } else { self.for_a_person() }
    }

    /// Makes a client for a place and a credential.
    pub(crate) fn client(
        &self,
        place: &Place,
        credential: Credential,
        org_id: Option<&str>,
        clock: Arc<dyn Clock>,
    ) -> Result<Client, Error> {
        self.client_for(place, credential, org_id, &[], clock)
    }

    /// Makes a client whose requests for events are about several organizations at once: the first and the `others`.
    pub(crate) fn client_for(
        &self,
        place: &Place,
        credential: Credential,
        org_id: Option<&str>,
        others: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<Client, Error> {
        let mut config = ClientConfig::new(self.hosts(place)?, credential);
        config.org_id = org_id.map(str::to_owned);
        config.more_org_ids = others.to_vec();
        config.max_in_flight = self.max_in_flight;
        config.requests_per_second = self.requests_per_second;
        config.clock = clock;
        config.limits = self.limits.clone();
        config.extra_root_certificates.clone_from(&self.extra_root_certificates);
        Ok(Client::new(config)?)
    }
}

/// The text of a credential that is sealed: the API key, or the service account's secret.
pub fn secret_of(credential: &Credential) -> SecretString {
    match credential {
        Credential::ApiKey(key) => key.clone(),
        Credential::ServiceAccount { client_secret, .. } => client_secret.clone(),
    }
}

/// A connection's credential from its opened secret.
pub(crate) fn credential_of(connection: &Connection, secret: &SecretString) -> Result<Credential, Error> {
    match connection.credential_client_id.as_deref() {
        Some(id) => Credential::service_account(id, secret.expose_secret()),
        None => Credential::api_key(secret.expose_secret()),
    }
    .map_err(|error| Error::Credential(error.to_string()))
}

/// Lists the organizations that a credential can see.
///
/// # Errors
/// The credential is refused, or JumpCloud can not be reached.
pub async fn visible_organizations(
    settings: &Settings,
    place: &Place,
    credential: Credential,
    clock: Arc<dyn Clock>,
) -> Result<Vec<VisibleOrganization>, Error> {
    // Only people ask this.
    let client = settings.for_a_person().client(place, credential, None, clock)?;
    organizations_seen_by(&client).await
}

pub(crate) async fn organizations_seen_by(client: &Client) -> Result<Vec<VisibleOrganization>, Error> {
    let mut seen = Vec::new();
    let mut list = std::pin::pin!(client.list(&endpoints::ORGANIZATIONS, &[], &[]));
    while let Some(listed) = list.next().await {
        let Listed::Page(page) = listed? else { continue };
        for row in page.rows {
            let row: Value = serde_json::from_str(row.get()).unwrap_or_default();
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let id = if text("_id").is_empty() { text("id") } else { text("_id") };
            if !id.is_empty() {
                seen.push(VisibleOrganization { id, name: text("displayName") });
            }
        }
    }
    Ok(seen)
}

/// Which of the visible organizations a connection means.
///
/// # Errors
/// [`Error::Organization`] lists what there is to choose from.
pub(crate) fn meant(connection: &Connection, seen: &[VisibleOrganization]) -> Result<VisibleOrganization, Error> {
    let visible = || {
        let names: Vec<String> = seen
            .iter()
            .take(20)
            .map(|org| format!("{} ({})", if org.name.is_empty() { "unnamed" } else { &org.name }, org.id))
            .collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    if let Some(id) = &connection.org_id {
        return seen.iter().find(|org| org.id == *id).cloned().ok_or_else(|| Error::Organization {
            why: format!("organization {id} is not one that this credential can see"),
            visible: visible(),
        });
    }
    if let Some(name) = &connection.org_name {
        let mut named = seen.iter().filter(|org| org.name.to_lowercase() == name.to_lowercase());
        return match (named.next(), named.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => {
                Err(Error::Organization { why: format!("no organization is named {name}"), visible: visible() })
            }
            _ => Err(Error::Organization {
                why: format!("several organizations are named {name}; use the id"),
                visible: visible(),
            }),
        };
    }
    match seen {
        [one] => Ok(one.clone()),
        [] => Err(Error::Organization { why: "this credential sees no organization".to_owned(), visible: visible() }),
        _ => Err(Error::Organization {
            why: "this credential sees several organizations and none is chosen".to_owned(),
            visible: visible(),
        }),
    }
}

/// Asks who the API key belongs to. A service account is no administrator; that and a refusal give an empty answer.
pub(crate) async fn administrator(client: &Client) -> Result<Option<Administrator>, Error> {
    let answer = match client.read(&endpoints::ADMINISTRATOR_SELF, &[], &[]).await {
        Ok(answer) => answer,
        Err(jumpcloud::Error::NotFound(_) | jumpcloud::Error::NotPermitted(_) | jumpcloud::Error::BadRequest(_)) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let body: Value = serde_json::from_str(answer.body.get()).unwrap_or_default();
    let text = |at: &str| body.pointer(at).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let time = |at: &str| text(at).and_then(|text| text.parse::<Timestamp>().ok()).filter(|at| at.as_second() > 0);
    Ok(Some(Administrator {
        email: text("/email"),
        role: text("/roleName").or_else(|| text("/role")),
        is_provider: text("/provider").is_some(),
        key_changed_at: time("/apiKeyHash/createdAt").or_else(|| time("/apiKeyUpdatedAt")),
        key_created_at: time("/apiKeyHash/createdAt"),
        key_expires_at: time("/apiKeyHash/expireAt"),
    }))
}
