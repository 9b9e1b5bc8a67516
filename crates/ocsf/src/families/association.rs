//! Bindings and memberships -> Group Management (3006), User Access Management (3005) or Entity Management (3004), by
//! the types of the two ends. Which of them is called `from` means nothing: a user who is unbound from a device arrives
//! as from = system, to = user.

use crate::blocks::entity::{self, Entity};
use crate::blocks::group::Group;
use crate::blocks::resource::Resource;
use crate::blocks::user::User;
use crate::class::Class;
use crate::event::Event;
use crate::event_type::EventType;
use crate::field::Field;
use crate::json::{Text, Value};
use crate::mapping::{Labels, Mapping};

pub(super) fn map<'a>(event: &Event<'a>, line: &EventType) -> Mapping<'a> {
    let mut mapping = Mapping::begin(event, line);
    let association = event.get(Field::Association);
    let connection = association.and_then(|association| association.get("connection"));
    let end = |name| connection.and_then(|connection| connection.get(name));
    let (from, to) = (end("from"), end("to"));
    let op = association.and_then(|association| association.text_of("op"));
    if let (Some(from), Some(to)) = (from, to)
        && let Some(association) = association
        && by_group(from, to, op, &mut mapping).or_else(|| by_user(association, from, to, op, &mut mapping)).is_some()
    {
        return mapping;
    }
    by_entity(from, to, op, &mut mapping);
    mapping
}

/// `names` when adding, when removing, and otherwise 99 with a name of its own.
fn activity(op: Option<Text<'_>>, add: (u8, &'static str), remove: (u8, &'static str)) -> (u8, &'static str) {
    match op.map(|op| op.text) {
        Some("add") => add,
        Some("remove") => remove,
        _ => (99, "Association Change"),
    }
}

fn is(end: Value<'_>, kind: &str) -> bool {
    end.text_of("type").is_some_and(|text| text.text == kind)
}

/// The end of that type, and the other one.
fn split<'a>(from: Value<'a>, to: Value<'a>, kind: &str) -> Option<(Value<'a>, Value<'a>)> {
    if is(from, kind) {
        Some((from, to))
    } else if is(to, kind) {
        Some((to, from))
    } else {
        None
    }
}

fn by_group<'a>(from: Value<'a>, to: Value<'a>, op: Option<Text<'a>>, mapping: &mut Mapping<'a>) -> Option<()> {
    let class = Class::GROUP_MANAGEMENT;
    if let Some((group, other)) = split(from, to, "user_group") {
        mapping.group = Some(Group::read(group)?);
        let (id, name) = if is(other, "user") {
            mapping.user = Some(User::read(other)?);
            activity(op, (3, "Add User"), (4, "Remove User"))
        } else if is(other, "user_group") {
            mapping.subgroup = Some(Group::read(other)?);
            activity(op, (7, "Add Subgroup"), (8, "Remove Subgroup"))
        } else {
            mapping.resources.add(Some(Resource::read(other, None)?));
            mapping.privilege = Some(Text::ours("access"));
            activity(op, (1, "Assign Privileges"), (2, "Revoke Privileges"))
        };
        mapping.is(class, id, name, 1);
        return Some(());
    }
    let (group, device) = split(from, to, "system_group").filter(|(_, other)| is(*other, "system"))?;
    mapping.group = Some(Group::read(group)?);
    mapping.resources.add(Some(Resource::read(device, None)?));
    let (id, name) = activity(op, (99, "Add Device"), (99, "Remove Device"));
    mapping.is(class, id, name, 1);
    Some(())
}

fn by_user<'a>(
    association: Value<'a>,
    from: Value<'a>,
    to: Value<'a>,
    op: Option<Text<'a>>,
    mapping: &mut Mapping<'a>,
) -> Option<()> {
    let (user, other) = split(from, to, "user")?;
    let (user, resource) = (User::read(user)?, Resource::read(other, None)?);
    let sudo = association.get("attributes").and_then(|attributes| attributes.get("sudo"));
    let is_sudo = sudo.and_then(|sudo| sudo.get("enabled")).and_then(Value::boolean) == Some(true);
    let (id, name) = activity(op, (1, "Assign Privileges"), (2, "Revoke Privileges"));
    let severity = match (is_sudo, id) {
        (true, 1) => 3,
        (true, 2) => 2,
        _ => 1,
    };
    mapping.is(Class::USER_ACCESS, id, name, severity);
    mapping.user = Some(user);
    mapping.privilege = Some(Text::ours(if is_sudo { "sudo" } else { "access" }));
    mapping.resources.add(Some(resource));
    Some(())
}

/// Something configured was bound to something else: the policy, or the first end, was updated.
fn by_entity<'a>(from: Option<Value<'a>>, to: Option<Value<'a>>, op: Option<Text<'a>>, mapping: &mut Mapping<'a>) {
    mapping.is(Class::ENTITY_MANAGEMENT, 3, "Update", 1);
    mapping.group = None;
    mapping.subgroup = None;
    let ends = from.zip(to).map(|(from, to)| split(from, to, "policy").unwrap_or((from, to)));
    let one = ends.and_then(|(one, _)| Some((one, Resource::read(one, None)?)));
    let other = ends.and_then(|(_, other)| Resource::read(other, None));
    let Some((one, resource)) = one else {
        mapping.labels.add(Labels::SUBJECT_MISSING);
        let kind = Text::ours("Unknown");
        mapping.entity = Some(Entity { uid: None, name: Some(Text::ours("unknown")), kind_id: 0, kind, bound: None });
        return;
    };
    let (kind_id, kind) = entity::type_of(one.text_of("type"));
    let bound = (op.is_some() || other.is_some()).then_some((op, other));
    mapping.entity = Some(Entity { uid: resource.uid, name: resource.name, kind_id, kind, bound });
}
