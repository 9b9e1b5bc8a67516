//! Registers that administrators keep: assets and reports (asset_management, reports).
//! Responsible for `asset_management_*` and `report_*`.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;

pub(super) fn asset(pen: &Pen<'_>, row: &mut Object<'_>) {
    let who = pen.admin_actor();
    let id = pen.machine().map_or_else(|| pen.thing(Thing::Device, 180).id, |machine| machine.id.child(90));
    row.object("resource", |row| {
        row.id("id", id);
        row.string("type", pen.pick(181, &["DEVICE", "ACCESSORY"]));
    });
    row.string("username", &who.name);
    row.string("detail", "The asset register has changed.");
    pen.initiated_by(row, &who);
    pen.changes(row, r#"[{"field":"Name","from":"Desktop-01","to":"Desktop-02"}]"#);
    pen.origin_fields(row, &pen.origin(None), "");
}

pub(super) fn report(pen: &Pen<'_>, row: &mut Object<'_>) {
    let name = pen.pick(182, &["users-to-devices", "users-to-sso-applications", "os-version", "users-account-health"]);
    row.object("resource", |row| {
        row.id("id", pen.source.profile.make_id(name, 0, pen.source.profile.created_at));
        row.string("name", name);
        row.string("description", "");
        row.strings("resources", &["users", "devices"]);
        row.raw("search_request", "{}");
        row.raw("configuration", "{}");
    });
    pen.initiated_by(row, &pen.admin_actor());
    pen.auth_method(row);
    pen.changes(row, "");
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(None), "user_agent");
}
