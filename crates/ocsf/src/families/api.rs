//! Reads, runs, MDM commands, LDAP searches, vault items, and every event type that is not in the table -> API Activity
//! (6003).

use crate::blocks::api::Api;
use crate::blocks::caption;
use crate::blocks::resource::Resource;
use crate::blocks::user::User;
use crate::class::Class;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::Text;
use crate::mapping::{Labels, Mapping};

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    fill(event, Text::ours(line.name), &mut mapping);
    if line.name == "mdm_command_result" {
        mdm(event, &mut mapping);
    }
    mapping
}

/// A type that is not in the table: what it did is guessed from its last word, and a label says so.
pub(super) fn unknown<'a>(event: &Event<'a>, name: Text<'a>) -> Mapping<'a> {
    let (id, activity) = match name.text.rsplit('_').next().unwrap_or_default() {
        "create" | "created" | "add" | "added" => (1, Text::ours("Create")),
        "read" | "view" | "list" | "get" | "download" | "export" => (2, Text::ours("Read")),
        "update" | "updated" | "modified" | "change" | "changed" => (3, Text::ours("Update")),
        "delete" | "deleted" | "remove" | "removed" => (4, Text::ours("Delete")),
        _ => (99, caption::other(name)),
    };
    let mut mapping = Mapping::of_class(event, Class::API_ACTIVITY, id, activity, 1);
    mapping.labels.add(Labels::EVENT_TYPE_UNMAPPED);
    fill(event, name, &mut mapping);
    mapping
}

fn fill<'a>(event: &Event<'a>, operation: Text<'a>, mapping: &mut Mapping<'a>) {
    if mapping.actor.user.is_none()
        && let Some(name) = event.text(Field::Username)
    {
        mapping.actor.user = Some(User { of_tenant: false, ..User::called(name) });
        mapping.maps(Field::Username);
    }
    mapping.api =
        Some(Api { operation, request_uid: event.text(Field::CommandUuid), service: event.text(Field::Service) });
    let read = |field, kind| event.get(field).and_then(|value| Resource::read(value, kind));
    mapping.resources.add(read(Field::Resource, None));
    mapping.resources.add(read(Field::System, Some("system")));
    let device = event.text(Field::MdmDeviceId).or_else(|| event.text(Field::DeviceObjectId));
    mapping.resources.add(Resource::with_id(device, "device"));
    if let Some(base) = event.text(Field::Base) {
        let kind = Some(Text::ours("ldap_dn"));
        mapping.resources.add(Some(Resource { name: Some(base), kind, ..Resource::default() }));
    }
    if let Some(item) = Resource::with_id(event.text(Field::StorageItemId), "storage_item") {
        mapping.resources.add(Some(Resource { name: event.text(Field::StorageItemName), ..item }));
    }
}

/// What an MDM command did, by its name.
fn mdm<'a>(event: &Event<'a>, mapping: &mut Mapping<'a>) {
    let of_command = || event.get(Field::Command)?.text_of("request_type");
    let Some(request) = event.text(Field::RequestType).or_else(of_command) else { return };
    if let Some(api) = &mut mapping.api {
        api.operation = request;
    }
    let name = request.text;
    let is_read = ["List", "Information", "Info", "Query"].iter().any(|end| name.ends_with(end));
    let (id, activity) = if name.starts_with("Install") {
        (1, "Create")
    } else if name.starts_with("Remove") {
        (4, "Delete")
    } else if is_read {
        (2, "Read")
    } else {
        return;
    };
    mapping.is(mapping.class, id, activity, mapping.severity_id);
}
