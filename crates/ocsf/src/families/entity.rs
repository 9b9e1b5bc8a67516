//! Create, update, delete of anything configured -> Entity Management (3004).

use crate::blocks::entity::Entity;
use crate::blocks::resource::Resource;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::Text;
use crate::mapping::{Labels, Mapping};

/// Where the thing stands, in this order.
const PLACES: &[Field] = &[Field::Resource, Field::Workflow, Field::Application];
/// Fields that hold nothing but its id.
const IDS: &[Field] = &[Field::ChannelObjectId, Field::MdmDeviceId, Field::DeviceObjectId];

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let (kind_id, kind) = line.entity.unwrap_or((0, "Unknown"));
    let thing = thing(event);
    let (mut uid, mut name) = thing.map_or((None, None), |thing| (thing.uid, thing.name.or(thing.hostname)));
    if uid.is_none() && name.is_none() && kind_id == 4 {
        uid = event.text(Field::Organization);
    }
    if uid.is_none() && name.is_none() {
        name = Some(Text::ours("unknown"));
        mapping.labels.add(Labels::SUBJECT_MISSING);
    }
    mapping.entity = Some(Entity { uid, name, kind_id, kind: Text::ours(kind), bound: None });
    if line.name == "system_fde_key_update" {
        mapping.comment = Some("full disk encryption key");
    }
    mapping
}

fn thing<'a>(event: &Event<'a>) -> Option<Resource<'a>> {
    let of_place = |field: &Field| event.get(*field).and_then(|value| Resource::read(value, None));
    let of_id = |field: &Field| {
        let uid = event.text(*field)?;
        Some(Resource { uid: Some(uid), name: event.text(Field::Name), ..Resource::default() })
    };
    PLACES
        .iter()
        .find_map(of_place)
        .or_else(|| IDS.iter().find_map(of_id))
        .or_else(|| event.get(Field::System).and_then(|system| Resource::read(system, None)))
        .or_else(|| Some(Resource { name: Some(event.text(Field::Name)?), ..Resource::default() }))
}
