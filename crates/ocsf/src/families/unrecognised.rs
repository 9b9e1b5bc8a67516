//! What is not a Directory Insights event at all (no JSON, no object, no `event_type`) -> Base Event (0). Never dropped,
//! never in the way.

use crate::class::Class;
use crate::event::Event;
use crate::field::FieldSet;
use crate::json::Text;
use crate::mapping::{Labels, Mapping};
use crate::status::Status;

pub(super) fn map<'a>(event: &Event<'a>) -> Mapping<'a> {
    let mut mapping = Mapping::of_class(event, Class::BASE, 99, Text::ours("Unrecognised Record"), 0);
    mapping.labels.add(Labels::MALFORMED);
    mapping.outcome = Status::default();
    mapping.mapped = FieldSet::default();
    mapping
}
