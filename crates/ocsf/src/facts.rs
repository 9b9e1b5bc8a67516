//! What an index row says of an event. Read from the same mapping as the OCSF text, so that the two never disagree.

use crate::blocks::user::User;
use crate::class::Class;
use crate::event::Event;
use crate::field::Field;
use crate::json::Text;
use crate::mapping::{Labels, Mapping};
use crate::status::Outcome;

/// Something that has an identifier, a name, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named<'a> {
    /// JumpCloud's identifier, usually 24 hexadecimal digits.
    pub id: Option<&'a str>,
    /// What people call it. Of a person: the user name, else the e-mail address.
    pub name: Option<&'a str>,
}

impl<'a> Named<'a> {
    pub(crate) fn new(id: Option<Text<'a>>, name: Option<Text<'a>>) -> Self {
        Self { id: id.map(|text| text.text), name: name.map(|text| text.text) }
    }

    /// Whether neither identifier nor name is known.
    pub fn is_unknown(&self) -> bool {
        self.id.is_none() && self.name.is_none()
    }
}

/// What somebody who acts or is acted upon is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PersonKind {
    /// The event does not say.
    #[default]
    Unknown,
    /// A user of the organization (`user`, `systemuser`).
    User,
    /// An administrator (`admin`).
    Administrator,
    /// JumpCloud itself (`system`).
    System,
    /// A service account, or anything else.
    Other,
}

/// What an event is about, if that is not (only) a person: a group, a policy, an application, a device, a session, …
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// JumpCloud's word (`user_group`, `system`, `policy`, `application`, …) or the table's ("Command").
    pub kind: Option<&'a str>,
    /// See [`Named::id`].
    pub id: Option<&'a str>,
    /// See [`Named::name`].
    pub name: Option<&'a str>,
}

/// What an index needs of an event. Every text is borrowed from the event (or static) and never empty; what the event
/// does not say is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    /// `id` as received: 24 hexadecimal digits or an upper-case UUID. Not unique across organizations, and (for
    /// computed ids) perhaps not even within one: the identity of an event is [`Event::uid`].
    pub id: Option<&'a str>,
    /// When it happened, in milliseconds since 1970, cut off and not rounded; `None` if `timestamp` is missing or no
    /// plausible time.
    pub time_ms: Option<i64>,
    /// `timestamp` as received.
    pub time_text: Option<&'a str>,
    /// The tenant that the event names: `organization`, else `provider`, else the initiator's provider.
    pub organization: Option<&'a str>,
    /// `service` as received.
    pub service: Option<&'a str>,
    /// `event_type` as received.
    pub event_type: Option<&'a str>,
    /// OCSF class, 0 for what is not an event at all.
    pub class_uid: u16,
    /// OCSF activity within the class; 99 has a name of its own.
    pub activity_id: u8,
    /// The activity in words.
    pub activity_name: &'a str,
    /// What the event states of its outcome; a finding (class 2004) has none.
    pub outcome: Outcome,
    /// OCSF severity: 0 unknown, 1 informational, 2 low, 3 medium, 4 high, 5 critical.
    pub severity_id: u8,
    /// The user whom the event is about; else the user who acted. Never an administrator.
    pub user: Named<'a>,
    /// The administrator who acted; else the one whom the event is about.
    pub administrator: Named<'a>,
    /// Who acted, whatever they are: on a sign-in the one who signs in.
    pub actor: Named<'a>,
    /// What the one who acted is.
    pub actor_kind: PersonKind,
    /// What was changed, read or given.
    pub target: Target<'a>,
    /// The device that the event is about or came from.
    pub device: Named<'a>,
    /// The application that was signed in to, installed, granted or changed.
    pub application: Named<'a>,
    /// Where it came from: a valid IP address, or nothing.
    pub src_ip: Option<&'a str>,
    /// Two upper-case letters.
    pub country: Option<&'a str>,
    /// "US-CO": country and region.
    pub region: Option<(&'a str, &'a str)>,
    /// As JumpCloud writes it.
    pub city: Option<&'a str>,
    /// Whether a second factor was used; on a sign-in only.
    pub mfa: Option<bool>,
    /// Whether a password crossed the network readable; on an LDAP bind only.
    pub is_cleartext: Option<bool>,
    /// Whether it was done with an API key, and not in a session at the console.
    pub by_api_key: Option<bool>,
    /// Why it failed (or what was answered), as JumpCloud says it.
    pub reason: Option<&'a str>,
    /// `message` or `detail` as received.
    pub message: Option<&'a str>,
    /// What is wrong with the event or unknown about it.
    pub labels: Labels,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(event: &Event<'a>, mapping: &Mapping<'a>) -> Self {
        let user = mapping.user.as_ref();
        let acting = if mapping.class == Class::AUTHENTICATION { user } else { mapping.actor.user.as_ref() };
        let people = [user, acting];
        let first = |wanted: &dyn Fn(PersonKind) -> bool, people: [Option<&User<'a>>; 2]| {
            people.into_iter().flatten().find(|person| wanted(person.kind())).map(User::named).unwrap_or_default()
        };
        let is_user = |kind| matches!(kind, PersonKind::User | PersonKind::Unknown);
        let is_administrator = |kind| kind == PersonKind::Administrator;
        let place = mapping.place();
        Self {
            id: event.text_of(Field::Id),
            time_ms: event.time_ms(),
            time_text: event.text_of(Field::Timestamp),
            organization: event.tenant().map(|text| text.text),
            service: event.text_of(Field::Service),
            event_type: event.text_of(Field::EventType),
            class_uid: mapping.class.uid,
            activity_id: mapping.activity_id,
            activity_name: mapping.activity_name.text,
            outcome: mapping.outcome.of_event(),
            severity_id: mapping.severity_id,
            user: first(&is_user, people),
            administrator: first(&is_administrator, [acting, user]),
            actor: acting.map(User::named).unwrap_or_default(),
            actor_kind: acting.map(User::kind).unwrap_or_default(),
            target: mapping.target(),
            device: mapping.device_fact(event),
            application: mapping.application(event),
            src_ip: mapping.src.ip.map(|text| text.text),
            country: place.and_then(|place| place.country()),
            region: place.and_then(|place| Some((place.country()?, place.region_code?.text))),
            city: place.and_then(|place| place.city).map(|text| text.text),
            mfa: mapping.is_mfa,
            is_cleartext: mapping.is_cleartext,
            by_api_key: match event.text_of(Field::AuthMethod) {
                Some("api key" | "api-key") => Some(true),
                Some("session") => Some(false),
                _ => None,
            },
            reason: mapping.outcome.detail.map(|text| text.text),
            message: event.message().map(|text| text.text),
            labels: mapping.labels,
        }
    }
}
