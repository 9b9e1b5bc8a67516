//! Life of groups, and administrators of groups -> Group Management (3006).

use crate::blocks::group::Group;
use crate::blocks::user::User;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::Text;
use crate::mapping::{Labels, Mapping};

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let resource = event.get(Field::Resource);
    let is_person = resource
        .and_then(|resource| resource.text_of("type"))
        .is_some_and(|kind| matches!(kind.text, "user" | "systemuser" | "admin"));
    if is_person {
        mapping.user = resource.and_then(User::read);
    } else {
        mapping.group = resource.and_then(Group::read);
    }
    if matches!(line.name, "user_group_admin_grant" | "user_group_admin_revoke") {
        mapping.privilege = Some(Text::ours("administrator"));
    }
    if mapping.group.is_none() {
        mapping.group = Some(Group::unknown());
        mapping.labels.add(Labels::SUBJECT_MISSING);
    }
    mapping
}
