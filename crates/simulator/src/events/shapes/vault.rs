//! The password manager (password_manager).
//! Responsible for `passwordmanager_*`.

use super::pen::Pen;
use crate::events::part::Thing;
use crate::json::Object;

/// Types that only administrators cause.
const BY_ADMINISTRATORS: &[&str] = &[
    "passwordmanager_enable",
    "passwordmanager_disable",
    "passwordmanager_user_enable",
    "passwordmanager_user_disable",
    "passwordmanager_user_remove",
    "passwordmanager_backup_request_approve",
    "passwordmanager_backup_request_reject",
];

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let name = pen.name();
    let by_administrator = BY_ADMINISTRATORS.contains(&name) || name.contains("sharedfolders_policy");
    let who = if by_administrator { pen.admin_actor() } else { pen.user_actor(person) };
    pen.initiated_by(row, &who);
    row.boolean("success", pen.succeeds(6));
    if name.contains("folder") || name.contains("item") {
        let to = if name.contains("folder") { "Shared folder" } else { "Item" };
        pen.changes(row, &format!(r#"[{{"field":"name","from":"","to":"{to} {}"}}]"#, pen.draw(130) % 40));
    }
    if by_administrator || name.contains("member") {
        let target =
            pen.person().map_or_else(|| pen.thing(Thing::User, 131), |person| person.item(&pen.source.profile));
        row.object("association", |row| {
            row.string("type", target.thing.as_str());
            row.id("id", target.id);
            row.string("email", &format!("{}@{}", target.name, pen.source.profile.domain));
        });
    }
    row.string("error_message", "");
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(if by_administrator { None } else { person }), "user_agent");
}
