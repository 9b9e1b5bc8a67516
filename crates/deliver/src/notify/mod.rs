//! Telling people: one message to one place. What is news, to whom, and when, is decided elsewhere.
//!
//! To add a kind of place: a file with a function that turns a [`Message`] into what the place takes, escaped as it needs
//! it, and its line in [`Kind`] and [`Place::send`].

mod email;
mod post;
mod slack;
mod teams;
mod webhook;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use email::{Security, Smtp};
pub use webhook::signature;

use crate::place::Access;

/// Things that one message spells out; of more it tells the number.
const MOST_ITEMS: usize = 20;
/// Longest text of one thing, in characters.
const LONGEST_TEXT: usize = 600;

/// What people can be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "`about` says it")]
pub enum Topic {
    CredentialRejected,
    CredentialExpiring,
    StreamLate,
    Gap,
    NewFinding,
    AcceptanceExpired,
    VolumeDrop,
    UnknownEventType,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The same for the same thing, whoever notices it and however often.
    pub key: String,
    /// What it is about.
    pub topic: Topic,
    /// Of findings, OCSF's number; 0 elsewhere.
    pub severity: i64,
    /// The organization's name, or the connection's.
    pub organization: String,
    /// What has happened, in one line.
    pub title: String,
    /// Why, and what to do.
    pub text: String,
    /// The page of the console, from `/` on.
    pub path: String,
}

/// What is sent at once.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it is about, in one line.
    pub subject: String,
    /// What has happened.
    pub news: Vec<News>,
    /// Where the console is, with a slash at the end, if people can open it.
    pub console: Option<String>,
    /// The name of the place, as it is called here.
    pub to: String,
    /// When it is sent.
    pub at: jiff::Timestamp,
}

/// What kind of place people are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Email,
    Slack,
    Teams,
    Webhook,
}

/// A place, with what is needed to reach it.
#[derive(Debug, Clone)]
pub enum Place {
    /// Mail through a server.
    Email(Smtp, Option<SecretString>),
    /// An incoming webhook of Slack; its URL is the secret.
    Slack(SecretString),
    /// A webhook of Microsoft Teams (Workflows); its URL is the secret.
    Teams(SecretString),
    /// Any program: JSON, signed with the key.
    Webhook(Webhook, SecretString),
}

/// Where a program listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its URL.
    pub url: String,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// It is not given as it has to be.
    #[error("{0}")]
    Unusable(String),
    /// The place did not take it.
    #[error("{host} did not take the message: {what}")]
    NotTaken {
        /// Where it was sent to.
        host: String,
        /// What came of it.
        what: String,
    },
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CredentialRejected,
        Self::CredentialExpiring,
        Self::StreamLate,
        Self::Gap,
        Self::NewFinding,
        Self::AcceptanceExpired,
        Self::VolumeDrop,
        Self::UnknownEventType,
    ];

    /// Its word in settings and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::CredentialRejected => "credential_rejected",
            Self::CredentialExpiring => "credential_expiring",
            Self::StreamLate => "stream_late",
            Self::Gap => "gap",
            Self::NewFinding => "new_finding",
            Self::AcceptanceExpired => "acceptance_expired",
            Self::VolumeDrop => "volume_drop",
            Self::UnknownEventType => "unknown_event_type",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == word)
    }

    /// When people are told.
    pub fn about(self) -> &'static str {
        match self {
            Self::CredentialRejected => "JumpCloud rejects a credential, or only a person can make a stream go on",
            Self::CredentialExpiring => "a credential expires within 30 days, within 7 days and within a day",
            Self::StreamLate => "a stream is late or stalled, or can not reach JumpCloud",
            Self::Gap => "an hour of events can not be proven complete",
            Self::NewFinding => "a check finds something at or above the severity, or it has come back",
            Self::AcceptanceExpired => "the acceptance of a finding is over and it is open again",
            Self::VolumeDrop => "a day has less than a third of the events of the same weekday before",
            Self::UnknownEventType => "an organization emits a type of event that the mapping does not know",
        }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Email, Self::Slack, Self::Teams, Self::Webhook];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Webhook => "webhook",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::Slack => "Slack",
            Self::Teams => "Microsoft Teams",
            Self::Webhook => "Webhook",
        }
    }
}

impl Place {
    /// A place as the store keeps it: its kind, its settings as JSON, and its secret.
    ///
    /// # Errors
    /// The settings can not be read, or a secret is missing.
    pub fn of(kind: &str, settings: &str, secret: Option<SecretString>) -> Result<Self, NotifyError> {
        let unusable =
            |what: &str| NotifyError::Unusable(format!("the settings of this {kind} can not be used: {what}"));
        let read = |error: serde_json::Error| unusable(&error.to_string());
        let needed = secret.clone().ok_or_else(|| unusable("its secret is missing; remove it and add it again"));
        Ok(match Kind::of_word(kind).ok_or_else(|| unusable("this version does not know it"))? {
            Kind::Email => Self::Email(serde_json::from_str(settings).map_err(read)?, secret),
            Kind::Slack => Self::Slack(needed?),
            Kind::Teams => Self::Teams(needed?),
            Kind::Webhook => Self::Webhook(serde_json::from_str(settings).map_err(read)?, needed?),
        })
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Email(..) => Kind::Email,
            Self::Slack(_) => Kind::Slack,
            Self::Teams(_) => Kind::Teams,
            Self::Webhook(..) => Kind::Webhook,
        }
    }

    /// Its settings as the store keeps them.
    pub fn settings(&self) -> String {
        match self {
            Self::Email(smtp, _) => serde_json::json!(smtp).to_string(),
            Self::Slack(_) | Self::Teams(_) => "{}".to_owned(),
            Self::Webhook(webhook, _) => serde_json::json!(webhook).to_string(),
        }
    }

    /// What is secret of it.
    pub fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::Email(_, secret) => secret.as_ref(),
            Self::Slack(secret) | Self::Teams(secret) | Self::Webhook(_, secret) => Some(secret),
        }
    }

    /// The host that the secret goes to, and no other; checks that it may.
    ///
    /// # Errors
    /// It is not an address of this kind of place, or not https.
    pub fn address(&self, access: &Access) -> Result<String, NotifyError> {
        Ok(match self {
            Self::Email(smtp, _) => smtp.address(access)?,
            Self::Slack(url) => slack::url(url, access)?.1,
            Self::Teams(url) => teams::url(url, access)?.1,
            Self::Webhook(webhook, _) => post::checked(&webhook.url, access)?.1,
        })
    }

    /// Sends a message. Redirects are not followed, and what is answered is not repeated to anybody.
    ///
    /// # Errors
    /// It was not taken; the error says why, without any secret.
    pub async fn send(&self, message: &Message, access: &Access) -> Result<(), NotifyError> {
        match self {
            Self::Email(smtp, password) => email::send(smtp, password.as_ref(), message, access).await,
            Self::Slack(url) => slack::send(url, message, access).await,
            Self::Teams(url) => teams::send(url, message, access).await,
            Self::Webhook(webhook, key) => webhook::send(webhook, key, message, access).await,
        }
    }
}

impl Message {
    /// The same for the same news: a receiver that gets it twice can tell.
    pub fn id(&self) -> String {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        for part in std::iter::once(&self.to).chain(self.news.iter().map(|news| &news.key)) {
            hash.update(part.as_bytes());
            hash.update(b"\0");
        }
        if self.news.is_empty() {
            hash.update(self.at.to_string().as_bytes());
        }
        data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// The things that are spelled out.
    fn items(&self) -> &[News] {
        &self.news[..self.news.len().min(MOST_ITEMS)]
    }

    /// What is said of those that are not, if there are any.
    fn rest(&self) -> Option<String> {
        let rest = self.news.len().checked_sub(MOST_ITEMS).filter(|rest| *rest > 0)?;
        Some(format!("… and {rest} more"))
    }

    /// Where one reads more about something.
    fn link(&self, news: &News) -> Option<String> {
        self.console.as_ref().map(|console| format!("{}{}", console.trim_end_matches('/'), news.path))
    }
}

impl News {
    /// Who it is about and what has happened, in one line that steers nothing.
    fn headline(&self) -> String {
        plain(&format!("{}: {}", self.organization, self.title))
    }

    /// Why, and what to do, in one line that steers nothing.
    fn body(&self) -> String {
        plain(&self.text)
    }
}

/// Text without characters that steer a reader's program or mislead the reader, and not too long.
fn plain(text: &str) -> String {
    let cut: String =
        text.chars().take(LONGEST_TEXT).map(|letter| if is_steering(letter) { '\u{fffd}' } else { letter }).collect();
    if text.chars().nth(LONGEST_TEXT).is_some() { cut + "…" } else { cut }
}

/// Control characters, direction overrides, zero-width characters.
fn is_steering(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// News with a name that attacks every kind of reader.
    pub(super) fn hostile() -> News {
        News {
            key: "finding 1 2026-11-20T12:00:00Z".to_owned(),
            topic: Topic::NewFinding,
            severity: 5,
            organization: "Evil\r\nBcc: all@example.com".to_owned(),
            title: "<!channel> [click](https://evil.example) \u{202e}**x**".to_owned(),
            text: "<script>alert(1)</script>\u{1b}[2J".to_owned(),
            path: "/findings/1".to_owned(),
        }
    }

    pub(super) fn message(news: Vec<News>) -> Message {
        Message {
            subject: format!("Jumpseat: {} things", news.len()),
            news,
            console: Some("https://jumpseat.example.com/".to_owned()),
            to: "on call".to_owned(),
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn nothing_that_steers_is_told() {
        let news = hostile();
        assert!(!news.headline().chars().chain(news.body().chars()).any(is_steering));
        assert!(plain(&"x".repeat(10_000)).chars().count() <= LONGEST_TEXT + 1);
    }

    #[test]
    fn the_same_news_has_the_same_number_for_the_same_place() {
        let (one, mut other) = (message(vec![hostile()]), message(vec![hostile()]));
        other.at = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(one.id(), other.id());
        other.to = "somebody else".to_owned();
        assert_ne!(one.id(), other.id());
    }

    #[test]
    fn a_place_is_read_back_as_it_was_kept() {
        let key = SecretString::from("key");
        let webhook = Place::Webhook(Webhook { url: "https://example.com/x".to_owned() }, key.clone());
        let again = Place::of("webhook", &webhook.settings(), Some(key)).unwrap();
        assert_eq!(again.settings(), webhook.settings());
        assert_eq!(again.address(&Access::default()).unwrap(), "example.com");
        assert!(Place::of("webhook", &webhook.settings(), None).is_err());
        assert!(Place::of("pigeon", "{}", None).is_err());
    }
}
