//! Cloud services that people use (saas_app_management).
//! Responsible for `saas_management_*`.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let application = pen.thing(Thing::SaasApplication, 160);
    let person = pen.person();
    let by_people = matches!(pen.name(), "saas_management_login_event" | "saas_management_account_discover");
    let who = if by_people { pen.user_actor(person) } else { pen.admin_actor() };
    row.object("resource", |row| {
        row.id("application_id", application.id);
        row.string("application_name", &application.name);
        row.string("application_category", "Productivity");
    });
    row.string("username", &who.name);
    pen.initiated_by(row, &who);
    row.string("detail", "SaaS Management recorded a change.");
    if !by_people {
        pen.changes(row, r#"[{"field":"status","from":"UNAPPROVED","to":"APPROVED"}]"#);
    }
    pen.origin_fields(row, &pen.origin(if by_people { person } else { None }), "");
}
