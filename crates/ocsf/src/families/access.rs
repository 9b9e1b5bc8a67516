//! Direct grants to a user -> User Access Management (3005).

use crate::blocks::resource::Resource;
use crate::blocks::user::User;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::Text;
use crate::mapping::Mapping;

/// `user_admin_granted`, `user_admin_revoked`: administrator on devices.
pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    mapping.user = event.get(Field::Resource).and_then(User::read);
    mapping.privilege = Some(Text::ours("sudo"));
    if let Some(system) = event.get(Field::System) {
        mapping.resources.add(Resource::read(system, Some("system")));
        for system in system.elements() {
            mapping.resources.add(Resource::read(system, Some("system")));
        }
    }
    mapping
}
