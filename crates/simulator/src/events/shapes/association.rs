//! Memberships and bindings that come and go (directory).
//! Responsible for `association_change`, in the recorded form and in the older one of the specification.

use super::pen::Pen;
use crate::events::part::{Item, Thing};
use crate::json::Object;

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let part = pen.part();
    let (drawn_from, drawn_to) = ends(pen);
    let from = part.and_then(|part| part.target.clone()).unwrap_or(drawn_from);
    let to = part.and_then(|part| part.other.clone()).unwrap_or(drawn_to);
    let drawn = if pen.permille(50, 600) { "add" } else { "remove" };
    let op = part.and_then(|part| part.word).unwrap_or(drawn);
    pen.initiated_by(row, &pen.admin_actor());
    let by_program = pen.auth_method(row);
    row.object("association", |row| {
        if pen.other_generation() && pen.permille(51, 200) {
            row.string("type", to.thing.as_str());
            row.id("id", to.id);
            row.string("email", &format!("{}@{}", to.name, pen.source.profile.domain));
            return;
        }
        row.string("op", op);
        row.string("action_source", pen.pick(52, &["", "manual", "dynamic group"]));
        row.null("attributes");
        row.object("connection", |row| {
            for (name, end) in [("from", &from), ("to", &to)] {
                row.object(name, |row| {
                    row.string("type", end.thing.as_str());
                    row.id("object_id", end.id);
                    row.string("name", &end.name);
                });
            }
        });
    });
    row.null("changes");
    pen.success(row);
    pen.provider(row);
    let origin = pen.origin(None);
    let origin = if by_program { origin.by_program() } else { origin };
    pen.origin_fields(row, &origin, "useragent");
}

fn ends(pen: &Pen<'_>) -> (Item, Item) {
    let profile = &pen.source.profile;
    let user = || pen.person().map_or_else(|| pen.thing(Thing::User, 53), |person| person.item(profile));
    let device = || pen.machine().map_or_else(|| pen.thing(Thing::Device, 54), |machine| machine.item(profile));
    let thing = |thing| pen.thing(thing, 55);
    match pen.draw(56) % 10 {
        0..=3 => (thing(Thing::UserGroup), user()),
        4 | 5 => (thing(Thing::DeviceGroup), device()),
        6 => (device(), user()),
        7 => (thing(Thing::UserGroup), pen.thing(Thing::Application, 57)),
        8 => (thing(Thing::Policy), pen.thing(Thing::DeviceGroup, 57)),
        _ => (thing(Thing::Command), device()),
    }
}
