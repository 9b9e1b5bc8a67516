//! Requests for access and their approval (access_management).
//! Responsible for `access_management_*` under both generations of names.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let flow = pen.thing(Thing::Flow, 170);
    let name = pen.name();
    let by_person = name == "access_management_access_request";
    let who = if by_person { pen.user_actor(person) } else { pen.admin_actor() };
    let request = pen.part().and_then(|part| part.reference);
    row.id("access_request_id", request.unwrap_or_else(|| pen.slot.document().child(80)));
    row.text("pid", |out| crate::events::slot::uuid(pen.draw(171), pen.draw(172), b"0123456789abcdef", out));
    row.object("workflow", |row| {
        row.id("id", flow.id);
        row.string("type", "access-workflow");
        row.string("name", &flow.name);
        row.string("desc", "");
    });
    let target = person.map_or_else(|| pen.thing(Thing::User, 173), |person| person.item(&pen.source.profile));
    row.object("resource", |row| {
        row.id("id", target.id);
        row.string("type", "systemuser");
        row.string("name", &target.name);
    });
    pen.initiated_by(row, &who);
    let drawn =
        if name.ends_with("approval") { r#"[{"field":"status","from":"PENDING","to":"APPROVED"}]"# } else { "" };
    pen.changes(row, drawn);
    row.boolean("success", pen.succeeds(10));
    row.string("error_message", "");
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(if by_person { person } else { None }), "user_agent");
}
