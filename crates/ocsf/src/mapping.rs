//! What an event becomes: the blocks of one OCSF event. Families fill it, `envelope` writes it, `facts` reads it.

use crate::blocks::actor::Actor;
use crate::blocks::api::Api;
use crate::blocks::app::App;
use crate::blocks::device::Device;
use crate::blocks::endpoint::Endpoint;
use crate::blocks::entity::Entity;
use crate::blocks::factors::Factors;
use crate::blocks::finding::Finding;
use crate::blocks::group::Group;
use crate::blocks::http::Http;
use crate::blocks::location::Location;
use crate::blocks::resource::Resource;
use crate::blocks::service::Service;
use crate::blocks::user::User;
use crate::class::Class;
use crate::event::Event;
use crate::event_type::EventType;
use crate::facts::{Named, Target};
use crate::field::{Field, FieldSet};
use crate::json::{Text, Value};
use crate::status::Status;

/// What is wrong with an event or unknown about it (`metadata.labels`). Count them: they are the mapper's health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Labels(u8);

impl Labels {
    /// The event type is not in the table.
    pub const EVENT_TYPE_UNMAPPED: Self = Self(1);
    /// The event has no `id`; a hash of its text stands in for it.
    pub const ID_MISSING: Self = Self(2);
    /// It is not an event at all.
    pub const MALFORMED: Self = Self(4);
    /// The class needs somebody or something that the event does not name.
    pub const SUBJECT_MISSING: Self = Self(8);
    /// The event tells no plausible time; that of the collection stands in for it.
    pub const TIME_SUBSTITUTED: Self = Self(16);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::EVENT_TYPE_UNMAPPED, "event_type_unmapped"),
        (Self::ID_MISSING, "id_missing"),
        (Self::MALFORMED, "malformed"),
        (Self::SUBJECT_MISSING, "subject_missing"),
        (Self::TIME_SUBSTITUTED, "time_substituted"),
    ];

    /// Whether all of the other's labels are there.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The labels as one number, for storing.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The labels in words, in alphabetical order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(label, _)| self.contains(*label)).map(|(_, name)| name)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// One OCSF event, as blocks. What is `None` or empty is not written.
#[derive(Debug)]
pub(crate) struct Mapping<'a> {
    pub class: Class,
    pub activity_id: u8,
    pub activity_name: Text<'a>,
    pub severity_id: u8,
    pub outcome: Status<'a>,
    pub labels: Labels,
    /// The fields of which nothing is lost, so that `unmapped` need not hold them.
    pub mapped: FieldSet,

    /// Whom it is about.
    pub user: Option<User<'a>>,
    /// Who did it.
    pub actor: Actor<'a>,
    pub src: Endpoint<'a>,
    pub dst: Endpoint<'a>,
    pub http: Http<'a>,
    pub service: Option<Service<'a>>,
    pub group: Option<Group<'a>>,
    pub subgroup: Option<Group<'a>>,
    pub privilege: Option<Text<'a>>,
    pub resources: Resources<'a>,
    pub entity: Option<Entity<'a>>,
    pub device: Option<Device<'a>>,
    pub app: Option<App<'a>>,
    pub api: Option<Api<'a>>,
    pub finding: Option<Finding<'a>>,
    pub factors: Factors<'a>,

    pub auth_protocol_id: Option<u8>,
    pub logon_type_id: Option<u8>,
    pub is_mfa: Option<bool>,
    pub is_remote: Option<bool>,
    pub is_cleartext: Option<bool>,
    pub session: Option<Text<'a>>,
    pub comment: Option<&'static str>,
}

/// The few resources that an event names.
#[derive(Debug, Default)]
pub(crate) struct Resources<'a> {
    items: [Option<Resource<'a>>; 4],
}

impl<'a> Resources<'a> {
    /// Adds one, if there is one and it is not there already.
    pub(crate) fn add(&mut self, resource: Option<Resource<'a>>) {
        let Some(resource) = resource else { return };
        let same =
            |known: &Resource<'a>| known.uid.is_some() && known.uid.map(|t| t.text) == resource.uid.map(|t| t.text);
        if !self.iter().any(same)
            && let Some(free) = self.items.iter_mut().find(|item| item.is_none())
        {
            *free = Some(resource);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Resource<'a>> {
        self.items.iter().flatten()
    }
}

impl<'a> Mapping<'a> {
    /// What all events of a class have in common: outcome, actor, where it came from.
    pub(crate) fn begin(event: &Event<'a>, line: &EventType) -> Self {
        Self::of_class(event, line.class, line.activity_id, Text::ours(line.activity_name), line.severity_id)
    }

    pub(crate) fn of_class(
        event: &Event<'a>,
        class: Class,
        activity_id: u8,
        activity_name: Text<'a>,
        severity_id: u8,
    ) -> Self {
        let mut mapping = Self {
            class,
            activity_id,
            activity_name,
            severity_id,
            outcome: Status::of(event),
            labels: Labels::default(),
            mapped: FieldSet::default(),
            user: None,
            actor: Actor::of(event),
            src: Endpoint::source(event),
            dst: Endpoint::default(),
            http: Http::of(event),
            service: None,
            group: None,
            subgroup: None,
            privilege: None,
            resources: Resources::default(),
            entity: None,
            device: None,
            app: None,
            api: None,
            finding: None,
            factors: Factors::default(),
            auth_protocol_id: None,
            logon_type_id: None,
            is_mfa: None,
            is_remote: None,
            is_cleartext: None,
            session: None,
            comment: None,
        };
        for (field, is_mapped) in [
            (Field::Success, event.get(Field::Success).and_then(Value::boolean).is_some()),
            (Field::ErrorCode, event.text(Field::ErrorCode).is_some()),
            (Field::ErrorMessage, event.string(Field::ErrorMessage).is_some()),
            (Field::SsoTokenSuccess, is_told_by_status(event)),
        ] {
            if is_mapped {
                mapping.mapped.add(field);
            }
        }
        mapping
    }

    /// A field is mapped without loss.
    pub(crate) fn maps(&mut self, field: Field) {
        self.mapped.add(field);
    }

    /// Class, activity and severity by what the event holds, instead of what the table says.
    pub(crate) fn is(&mut self, class: Class, activity_id: u8, activity_name: &'static str, severity_id: u8) {
        (self.class, self.activity_id, self.severity_id) = (class, activity_id, severity_id);
        self.activity_name = Text::ours(activity_name);
    }

    /// What holds for every family: a class gets what it requires, and a failure is at least of low severity.
    pub(crate) fn finish(mut self) -> Self {
        if self.outcome.is_failure() && self.severity_id < 2 {
            self.severity_id = 2;
        }
        let needs_user = matches!(self.class.uid, 3001 | 3002 | 3005);
        if needs_user && self.user.is_none() {
            self.user = Some(User::unknown());
            self.labels.add(Labels::SUBJECT_MISSING);
        }
        if self.class == Class::API_ACTIVITY {
            self.actor.require();
            if !self.src.is_identified() {
                self.src.stand_in();
            }
        }
        self
    }

    /// Where it happened, if that is told.
    pub(crate) fn place(&self) -> Option<Location<'a>> {
        self.src.location.or(self.dst.location)
    }

    pub(crate) fn target(&self) -> Target<'a> {
        let letters = |text: Option<Text<'a>>| text.map(|text| text.text);
        if let Some(entity) = &self.entity {
            return Target { kind: Some(entity.kind.text), id: letters(entity.uid), name: letters(entity.name) };
        }
        if let Some(group) = &self.group {
            return Target { kind: letters(group.kind), id: letters(group.uid), name: letters(group.name) };
        }
        if let Some(finding) = &self.finding {
            return Target { kind: Some("alert"), id: Some(finding.uid.text), name: letters(finding.title) };
        }
        if let Some(resource) = self.resources.iter().next() {
            return Target { kind: letters(resource.kind), id: letters(resource.uid), name: letters(resource.name) };
        }
        let service = self.service.as_ref().map(Service::named).unwrap_or_default();
        let kind = (!service.is_unknown()).then_some("service");
        Target { kind, id: service.id, name: service.name }
    }

    pub(crate) fn device_fact(&self, event: &Event<'a>) -> Named<'a> {
        if let Some(device) = &self.device {
            return device.named();
        }
        let is_system =
            |kind: Option<Text<'_>>| matches!(kind.map(|kind| kind.text), Some("system" | "device" | "Device"));
        let of_resource = || self.resources.iter().find(|resource| is_system(resource.kind)).map(Resource::named);
        let of_entity = || self.entity.as_ref().filter(|entity| entity.kind_id == 1).map(Entity::named);
        let of_endpoint = |endpoint: &Endpoint<'a>| Some(endpoint.named()).filter(|named| !named.is_unknown());
        let of_system = || event.get(Field::System).map(|system| Device::read(system).named());
        of_endpoint(&self.dst)
            .or_else(of_resource)
            .or_else(of_entity)
            .or_else(|| of_endpoint(&self.src))
            .or_else(of_system)
            .unwrap_or_default()
    }

    pub(crate) fn application(&self, event: &Event<'a>) -> Named<'a> {
        let application = event.get(Field::Application);
        let named = application.map(|application| {
            let name = application.text_of("display_label").or_else(|| application.text_of("name"));
            Named::new(application.text_of("id"), name)
        });
        let of_resource = || {
            let is_application = |kind: Option<Text<'_>>| kind.is_some_and(|kind| kind.text == "application");
            self.resources.iter().find(|resource| is_application(resource.kind)).map(Resource::named)
        };
        let of_saas = || {
            let resource = event.get(Field::Resource)?;
            Some(Named::new(resource.text_of("application_id"), resource.text_of("application_name")))
        };
        let of_service = || self.service.as_ref().filter(|_| event.is(Field::Service, "sso")).map(Service::named);
        let known = |named: &Named<'a>| !named.is_unknown();
        named.filter(known).or_else(of_resource).or_else(of_service).or_else(of_saas).unwrap_or_default()
    }
}

/// Whether nothing is lost of `sso_token_success` by leaving it out: it is the outcome, or says the same.
fn is_told_by_status(event: &Event<'_>) -> bool {
    let token = event.get(Field::SsoTokenSuccess).and_then(Value::boolean);
    let success = event.get(Field::Success).and_then(Value::boolean);
    token.is_some() && (success.is_none() || success == token)
}
