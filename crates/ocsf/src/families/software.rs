//! Software added to, changed on or removed from a device -> Application Lifecycle (6002).

use crate::blocks::app::App;
use crate::blocks::device::Device;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::mapping::{Labels, Mapping};

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let device = event.get(Field::System).or_else(|| event.get(Field::Resource)).map(Device::read);
    mapping.device = device.filter(Device::is_identified);
    mapping.app = event.get(Field::Application).and_then(App::read);
    if mapping.app.is_none() {
        mapping.app = Some(App::unknown());
        mapping.labels.add(Labels::SUBJECT_MISSING);
    }
    mapping
}
