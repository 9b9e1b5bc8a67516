//! Upgrades and rollbacks of a device's system -> Device Config State Change (5019). The versions stay in `changes`.

use crate::blocks::device::Device;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::Text;
use crate::mapping::{Labels, Mapping};

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let device = event.get(Field::System).or_else(|| event.get(Field::Resource)).map(Device::read);
    mapping.device = Some(device.filter(Device::is_identified).unwrap_or_else(|| {
        mapping.labels.add(Labels::SUBJECT_MISSING);
        Device { name: Some(Text::ours("unknown")), ..Device::default() }
    }));
    mapping
}
