//! An event as the writer hands it over, and as a reader gets it back.

use jiff::Timestamp;

use super::hour::moment;
use crate::schema::{Cell, Kind};

/// Something that has an identifier, a name, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Party<'a> {
    /// The identifier, if it is known.
    pub id: Option<&'a str>,
    /// What people call it, if it is known.
    pub name: Option<&'a str>,
}

/// How an event ended, by its own words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventOutcome {
    /// The event does not say.
    #[default]
    Unknown,
    /// It says that it succeeded.
    Success,
    /// It says that it failed.
    Failure,
    /// It says something else.
    Other,
}

impl EventOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Success, Self::Failure, Self::Other];

    /// Its number in the store, which is OCSF's `status_id`.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Unknown => 0,
            Self::Success => 1,
            Self::Failure => 2,
            Self::Other => 99,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        Self::ALL.into_iter().find(|outcome| outcome.number() == number).unwrap_or_default()
    }

    /// Its word: `unknown`, `success`, `failure` or `other`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Other => "other",
        }
    }

    /// The outcome of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// One event to be stored. Texts are indexed up to 512 bytes; `raw` is kept to the last byte.
#[derive(Debug, Clone, Copy)]
pub struct EventRow<'a> {
    /// Identity within the organization. Events with the same identity have the same `time_ms`.
    pub uid: [u8; 16],
    /// The source's own id, by which people look for it.
    pub id: Option<&'a str>,
    /// When it happened, in milliseconds since 1970; `None` if it tells no plausible time, and then the hour that was
    /// asked stands for it.
    pub time_ms: Option<i64>,
    /// The service that it names.
    pub service: Option<&'a str>,
    /// Its type.
    pub event_type: Option<&'a str>,
    /// OCSF class; 0 for what is no event at all. 3002 is a sign-in.
    pub class_uid: u16,
    /// OCSF activity within the class.
    pub activity_id: u8,
    /// The activity in words.
    pub activity_name: &'a str,
    /// OCSF severity, 0 to 6.
    pub severity_id: u8,
    /// The mapping knows this type.
    pub is_mapped: bool,
    /// What it states of its outcome.
    pub outcome: EventOutcome,
    /// A second factor was used; `None` if it does not say.
    pub mfa: Option<bool>,
    /// A password crossed the network readable; `None` if it does not say.
    pub is_cleartext: Option<bool>,
    /// It was done with an API key, and not in a session; `None` if it does not say.
    pub by_api_key: Option<bool>,
    /// The user whom it is about, or who acted.
    pub user: Party<'a>,
    /// The administrator who acted, or whom it is about.
    pub administrator: Party<'a>,
    /// The device that it is about, or came from.
    pub device: Party<'a>,
    /// The application that it is about.
    pub application: Party<'a>,
    /// The kind of what was changed (`user_group`, `policy`, …).
    pub target_kind: Option<&'a str>,
    /// What was changed, read or given.
    pub target: Party<'a>,
    /// The address that it came from.
    pub src_ip: Option<&'a str>,
    /// The country of that address, two letters.
    pub country: Option<&'a str>,
    /// Why it failed, or what was answered.
    pub reason: Option<&'a str>,
    /// The event as received.
    pub raw: &'a str,
}

impl EventRow<'_> {
    /// An event of which nothing is known but its identity and its text.
    pub fn bare(uid: [u8; 16], raw: &str) -> EventRow<'_> {
        EventRow {
            uid,
            id: None,
            time_ms: None,
            service: None,
            event_type: None,
            class_uid: 0,
            activity_id: 0,
            activity_name: "",
            severity_id: 0,
            is_mapped: false,
            outcome: EventOutcome::Unknown,
            mfa: None,
            is_cleartext: None,
            by_api_key: None,
            user: Party::default(),
            administrator: Party::default(),
            device: Party::default(),
            application: Party::default(),
            target_kind: None,
            target: Party::default(),
            src_ip: None,
            country: None,
            reason: None,
            raw,
        }
    }
}

/// See [`Party`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The identifier, if it is known.
    pub id: Option<String>,
    /// What people call it, if it is known.
    pub name: Option<String>,
}

/// One event as the index knows it; see [`EventRow`] for what the fields mean.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields that are not explained here are those of EventRow")]
pub struct StoredEvent {
    pub org_id: String,
    pub uid: [u8; 16],
    /// See [`EventRow::time_ms`]; the beginning of the hour that was asked if the event tells no time.
    pub time_ms: i64,
    pub service: Option<String>,
    pub event_type: Option<String>,
    pub class_uid: u16,
    pub activity_id: u8,
    pub activity_name: String,
    pub severity_id: u8,
    pub is_mapped: bool,
    /// The version of the mapping that the index row was made with.
    pub mapping: u32,
    pub outcome: EventOutcome,
    pub mfa: Option<bool>,
    pub user: Named,
    pub administrator: Named,
    pub device: Named,
    pub application: Named,
    pub target_kind: Option<String>,
    pub target: Named,
    pub src_ip: Option<String>,
    pub country: Option<String>,
    pub reason: Option<String>,
    /// The part that holds its text.
    pub part: i64,
    /// Where in that part it stands, from 0.
    pub position: usize,
    /// The event as received, if it was asked for.
    pub raw: Option<String>,
}

/// What people are told of an event as columns, see [`StoredEvent::row`].
pub const COLUMNS: &[&str] = &[
    "time",
    "service",
    "type",
    "outcome",
    "user",
    "administrator",
    "device",
    "application",
    "target",
    "src_ip",
    "country",
    "class",
    "reason",
    "id",
    "org_id",
];

impl StoredEvent {
    /// When it happened.
    pub fn time(&self) -> Timestamp {
        moment(self.time_ms)
    }

    /// Its identity as text, which is OCSF's `metadata.uid`.
    pub fn uid_text(&self) -> String {
        uuid::Uuid::from_bytes(self.uid).to_string()
    }

    /// What the index knows of it, in the order of [`COLUMNS`].
    pub fn row(&self) -> Vec<Cell> {
        let text = |text: Option<&String>| text.map_or(Cell::Null(Kind::Text), |text| text.as_str().into());
        let named = |party: &Named| text(party.name.as_ref().or(party.id.as_ref()));
        vec![
            format!("{:.3}", self.time()).into(),
            text(self.service.as_ref()),
            text(self.event_type.as_ref()),
            self.outcome.word().into(),
            named(&self.user),
            named(&self.administrator),
            named(&self.device),
            named(&self.application),
            named(&self.target),
            text(self.src_ip.as_ref()),
            text(self.country.as_ref()),
            Cell::Integer(self.class_uid.into()),
            text(self.reason.as_ref()),
            self.uid_text().into(),
            self.org_id.as_str().into(),
        ]
    }
}
