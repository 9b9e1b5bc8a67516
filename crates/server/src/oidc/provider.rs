//! The provider: where it is asked what (discovery), with which keys it signs, and the way from a code to what it has
//! proven. What it publishes is kept for an hour; a key that is not known is looked for once more.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{Host, Url};

use super::fetch::{Fetcher, answer, json};
use super::flow::Flow;
use super::id_token::{Claims, Expected, Unproven, check};
use super::{CALLBACK, OidcSettings, Proven, unproven, unusable};
use crate::problem::Problem;

/// So long is kept what the provider publishes.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// Sign-ins that ask the provider at the same time: more wait for their turn.
const AT_ONCE: usize = 8;

/// A provider that can be asked.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) settings: OidcSettings,
    redirect_uri: String,
    fetcher: Fetcher,
    metadata: Kept<Metadata>,
    keys: Kept<Vec<Jwk>>,
    turns: Semaphore,
}

/// What the provider says of itself (OpenID Connect Discovery 1.0).
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// It names itself in every answer (RFC 9207).
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// What was read, and when.
#[derive(Debug)]
struct Kept<T>(Mutex<Option<(Timestamp, Arc<T>)>>);

impl<T> Kept<T> {
    fn fresh(&self, now: Timestamp) -> Option<Arc<T>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| now.duration_since(*at) < FRESH).map(|(_, value)| Arc::clone(value))
    }

    fn keep(&self, value: T, now: Timestamp) -> Arc<T> {
        let value = Arc::new(value);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&value)));
        value
    }
}

impl Provider {
    /// `public_url` is the address that people use; `roots` are authorities to trust beside the system's, as PEM.
    ///
    /// # Errors
    /// The settings can not be.
    pub(crate) fn new(settings: OidcSettings, public_url: Option<&Url>, roots: &[Vec<u8>]) -> Result<Self, String> {
        settings.check()?;
        let public_url = public_url.ok_or("the provider has to know where to send people back to: say --public-url")?;
        let redirect_uri =
            public_url.join(CALLBACK).map_err(|error| format!("--public-url can not be used: {error}"))?;
        let issuer = checked_url("oidc.issuer", &settings.issuer, false)?;
        Ok(Self {
            redirect_uri: redirect_uri.into(),
            fetcher: Fetcher::new(settings.patience, roots, is_loopback(&issuer))?,
            metadata: Kept(Mutex::default()),
            keys: Kept(Mutex::default()),
            turns: Semaphore::new(AT_ONCE),
            settings,
        })
    }

    /// What people call it.
    pub(crate) fn label(&self) -> &str {
        &self.settings.label
    }

    /// Where the browser goes to sign in.
    pub(crate) async fn sign_in_url(&self, flow: &Flow, now: Timestamp) -> Result<Url, Problem> {
        let _turn = self.turn().await?;
        let metadata = self.metadata(now).await?;
        let mut url = self.endpoint("authorization_endpoint", &metadata.authorization_endpoint)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", &flow.state())
            .append_pair("nonce", &flow.nonce())
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// That an answer is of this provider and of no other that somebody mixed up with it (RFC 9207).
    pub(crate) async fn check_issuer(&self, told: Option<&str>, now: Timestamp) -> Result<(), Problem> {
        let _turn = self.turn().await?;
        let is_its = match told {
            Some(issuer) => issuer == self.settings.issuer,
            None => !self.metadata(now).await?.authorization_response_iss_parameter_supported,
        };
        if is_its { Ok(()) } else { Err(unproven("this answer is not of the provider that was asked")) }
    }

    /// What the provider has proven of whoever brings this code.
    pub(crate) async fn prove(&self, code: &str, flow: &Flow, now: Timestamp) -> Result<Proven, Problem> {
        let _turn = self.turn().await?;
        let metadata = self.metadata(now).await?;
        let tokens = self.tokens(&metadata, code, flow).await?;
        let claims = self.checked(&metadata, &tokens.id_token, flow, now).await?;
        let mut told = claims.others;
        let lacks = |name: &str| !told.contains_key(name);
        let is_short = lacks("email") || (!self.settings.roles.is_empty() && lacks(&self.settings.groups_claim));
        if let (true, Some(url), Some(token)) = (is_short, &metadata.userinfo_endpoint, &tokens.access_token) {
            let mut more = self.user_info(url, token, &claims.sub).await?;
            if told.contains_key("email") {
                // Whether an address was verified is told together with it, or not at all.
                more.remove("email_verified");
            }
            // What the signed token says counts.
            for (name, value) in more {
                told.entry(name).or_insert(value);
            }
        }
        Ok(proven(claims.sub, &told, &self.settings.groups_claim))
    }

    /// Waits until few enough ask the provider.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.turns.acquire().await.map_err(Problem::internal)
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, Problem> {
        if let Some(metadata) = self.metadata.fresh(now) {
            return Ok(metadata);
        }
        let place = format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let url = self.endpoint("oidc.issuer", &place)?;
        let read = json::<Metadata>(self.fetcher.get(&url)).await;
        let metadata = read.map_err(|why| self.fails("says nothing of itself", &why))?;
        if metadata.issuer != self.settings.issuer {
            let why = format!("it calls itself {:?}: oidc.issuer must be exactly that", metadata.issuer);
            return Err(self.fails("is another one than the settings say", &why));
        }
        Ok(self.metadata.keep(metadata, now))
    }

    async fn keys(&self, metadata: &Metadata, now: Timestamp) -> Result<Arc<Vec<Jwk>>, Problem> {
        let url = self.endpoint("jwks_uri", &metadata.jwks_uri)?;
        let read = json::<KeySet>(self.fetcher.get(&url)).await;
        let set = read.map_err(|why| self.fails("does not tell its keys", &why))?;
        // Keys of kinds that are not known are no reason to refuse the others.
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok(self.keys.keep(keys, now))
    }

    async fn checked(
        &self,
        metadata: &Metadata,
        id_token: &str,
        flow: &Flow,
        now: Timestamp,
    ) -> Result<Claims, Problem> {
        let nonce = flow.nonce();
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &nonce,
            since: flow.started_at(),
            now,
        };
        let kept = self.keys.fresh(now);
        let was_kept = kept.is_some();
        let keys = match kept {
            Some(keys) => keys,
            None => self.keys(metadata, now).await?,
        };
        let mut judged = check(id_token, &keys, &expected);
        if was_kept && matches!(judged, Err(Unproven::UnknownKey)) {
            judged = check(id_token, &self.keys(metadata, now).await?, &expected);
        }
        judged.map_err(|why| unproven(format!("what {} says can not be trusted: {why}", self.label())))
    }

    /// Changes the code into tokens. A code is good once; the provider sees to that.
    async fn tokens(&self, metadata: &Metadata, code: &str, flow: &Flow) -> Result<Tokens, Problem> {
        let url = self.endpoint("token_endpoint", &metadata.token_endpoint)?;
        let (verifier, id) = (flow.verifier(), self.settings.client_id.as_str());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &verifier),
        ];
        let mut request = self.fetcher.post(&url);
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let takes = |name: &str| methods.is_some_and(|methods| methods.iter().any(|method| method == name));
        match &self.settings.client_secret {
            Some(secret) if takes("client_secret_post") && !takes("client_secret_basic") => {
                form.extend([("client_id", id), ("client_secret", secret.expose_secret())]);
            }
            // Both are encoded before they are put together (RFC 6749 2.3.1).
            Some(secret) => request = request.basic_auth(encoded(id), Some(encoded(secret.expose_secret()))),
            None => form.push(("client_id", id)),
        }
        let answered = answer(request.form(&form)).await;
        let (status, body) = answered.map_err(|why| self.fails("can not be asked about the code", &why))?;
        if status.is_success() {
            let tokens = serde_json::from_slice(&body);
            return tokens.map_err(|_| self.fails("gives no ID token", "its answer is not what OpenID Connect says"));
        }
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(match told["error"].as_str() {
            Some("invalid_grant") => unproven(format!(
                "{} does not take the code: it was used already, or too much time has passed",
                self.label()
            )),
            Some("invalid_client" | "unauthorized_client") => self.fails(
                "does not know this console",
                "oidc.client_id, the secret, or the way in which it is given is another one there",
            ),
            _ => self.fails("does not take the code", &format!("it answers {status}")),
        })
    }

    /// What the provider says of the person beside the ID token (OpenID Connect Core 5.3).
    async fn user_info(&self, url: &str, access_token: &str, subject: &str) -> Result<Map<String, Value>, Problem> {
        let url = self.endpoint("userinfo_endpoint", url)?;
        let read = json::<Map<String, Value>>(self.fetcher.get(&url).bearer_auth(access_token)).await;
        let told = read.map_err(|why| self.fails("says nothing of the person", &why))?;
        if told.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(unproven(format!("{} speaks of another person than the one who signed in", self.label())));
        }
        Ok(told)
    }

    fn endpoint(&self, name: &str, text: &str) -> Result<Url, Problem> {
        let is_local = self.settings.issuer.starts_with("http://");
        let url = checked_url(name, text, !is_local);
        url.map_err(|why| self.fails("names an address that is not asked", &why))
    }

    fn fails(&self, what: &str, why: &str) -> Problem {
        tracing::warn!(issuer = %self.settings.issuer, %why, "the sign-in provider {what}");
        unusable(format!("{} {what}: {why}", self.label()))
    }
}

/// A URL that codes and secrets may be sent to: https; http only on this machine, and only where `https_only` is not said.
pub(super) fn checked_url(name: &str, text: &str, https_only: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{name} can not be used: {error}"))?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && !https_only && is_loopback(&url));
    if !is_safe {
        return Err(format!("{name} must be https, or everybody on the way could sign in as others"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(format!("a user name, a password or a fragment does not belong into {name}"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What claims say of a person, in whichever of the usual ways they are written.
fn proven(subject: String, claims: &Map<String, Value>, groups_claim: &str) -> Proven {
    let email = claims.get("email").and_then(Value::as_str).map(str::trim);
    let groups = match claims.get(groups_claim) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(|group| group.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let is_verified = match claims.get("email_verified") {
        Some(Value::Bool(is_so)) => *is_so,
        // So it comes from providers that can only tell texts.
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    Proven { subject, email: email.filter(|email| is_address(email)).map(str::to_owned), is_verified, groups }
}

fn is_address(text: &str) -> bool {
    let is_plain = !text.chars().any(|letter| letter.is_whitespace() || posture::harmless::is_steering(letter));
    is_plain
        && text.len() <= 254
        && text
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'))
}
