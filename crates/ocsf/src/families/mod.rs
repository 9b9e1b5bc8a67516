//! Families of event types: each turns an event into a mapping. A family is one file and one line in `ALL`; which event
//! types belong to it is column `family` of `event_types.csv`.

mod access;
mod account;
mod alert;
mod api;
mod association;
mod authentication;
mod changes;
mod device_state;
mod entity;
mod group;
mod software;
mod unrecognised;

use crate::event::Event;
use crate::event_type::{self, EventType};
use crate::field::Field;
use crate::mapping::Mapping;

/// Maps the events of one family.
pub(crate) type Family = for<'a> fn(&Event<'a>, &EventType) -> Mapping<'a>;

const ALL: &[(&str, Family)] = &[
    ("access", access::map),
    ("account", account::map),
    ("alert", alert::map),
    ("api", api::map),
    ("association", association::map),
    ("authentication", authentication::map),
    ("device_state", device_state::map),
    ("entity", entity::map),
    ("group", group::map),
    ("software", software::map),
];

/// The family of that name.
pub(crate) fn named(name: &str) -> Option<Family> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, family)| *family)
}

/// Maps an event, whatever it is.
pub(crate) fn map<'a>(event: &Event<'a>) -> Mapping<'a> {
    let mapping = match event.text(Field::EventType) {
        None => unrecognised::map(event),
        Some(name) => match event_type::find(name.text) {
            Some(line) => (line.map)(event, line),
            None => api::unknown(event, name),
        },
    };
    mapping.finish()
}
