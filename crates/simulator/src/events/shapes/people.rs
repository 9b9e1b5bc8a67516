//! What happens to users and administrators (directory): their life, passwords, factors and privileges.
//! Responsible for `user_*`, `totp_*` and `admin_*` except sign-ins.

use super::pen::Pen;
use crate::events::part::{Item, Thing};
use crate::json::Object;
use crate::oddity::Oddity;

/// Types that people cause themselves; everything else is an administrator's or the service's doing.
pub(super) const BY_THEMSELVES: &[&str] = &[
    "totp_start_enrollment",
    "totp_finish_enrollment",
    "user_password_change",
    "user_password_set",
    "user_password_reset_request",
    "user_activated",
];

/// Types that nobody causes.
pub(super) const BY_NOBODY: &[&str] =
    &["user_password_expired", "user_password_warning_email", "user_mfa_exclusion_expired", "user_lockout"];

pub(super) fn user(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let drawn = || person.map_or_else(|| pen.thing(Thing::User, 30), |person| person.item(&pen.source.profile));
    let target = pen.part().and_then(|part| part.target.clone()).unwrap_or_else(drawn);
    let name = pen.name();
    let themselves = BY_THEMSELVES.contains(&name);
    let actor = if themselves {
        pen.part().and_then(|part| part.actor.clone()).unwrap_or_else(|| target.clone())
    } else {
        pen.admin_actor()
    };
    resource(pen, row, &target, name);
    if !BY_NOBODY.contains(&name) {
        initiated_by(pen, row, &actor);
        pen.auth_method(row);
    }
    match name {
        "user_create_provision" | "user_update_provision" | "user_delete_provision" => provisioning(pen, row),
        "user_admin_granted" | "user_admin_revoked" => {
            if let Some(machine) = pen.machine_of(person).or(pen.machine()) {
                pen.resource(row, "system", &machine.item(&pen.source.profile));
            }
        }
        _ => {}
    }
    pen.changes(row, &changes(pen, name));
    if !(name == "user_update" && pen.has(Oddity::SuccessAbsent)) {
        pen.success(row);
    }
    pen.provider(row);
    let origin = pen.origin(if themselves { person } else { None });
    pen.origin_fields(row, &origin, "useragent");
}

pub(super) fn administrator(pen: &Pen<'_>, row: &mut Object<'_>) {
    let target = pen.part().and_then(|part| part.target.clone()).unwrap_or_else(|| pen.thing(Thing::Admin, 31));
    pen.resource(row, "resource", &target);
    pen.initiated_by(row, &pen.admin_actor());
    pen.auth_method(row);
    let drawn = match pen.name() {
        "admin_update" => r#"[{"field":"lastname","from":"","to":"Edited"}]"#,
        "admin_create" => r#"[{"field":"roleName","to":"Read Only"}]"#,
        _ => "",
    };
    pen.changes(row, drawn);
    row.boolean("mfa", true);
    pen.success(row);
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(None), "useragent");
}

fn resource(pen: &Pen<'_>, row: &mut Object<'_>, target: &Item, name: &str) {
    if !matches!(name, "user_password_warning_email" | "user_activation_email" | "user_password_reset_request") {
        return pen.resource(row, "resource", target);
    }
    row.object("resource", |row| {
        row.id("id", target.id);
        row.string("type", "user");
        row.string("username", &target.name);
        row.string("recipient_email", &format!("{}@{}", target.name, pen.source.profile.domain));
        row.string("email_type", "company");
    });
}

/// An administrator, and at times an identity source that acts in the administrator's name.
fn initiated_by(pen: &Pen<'_>, row: &mut Object<'_>, actor: &Item) {
    let source = pen.part().is_none() && actor.thing == Thing::Admin && pen.permille(32, 80);
    if !source {
        return pen.initiated_by(row, actor);
    }
    row.object("initiated_by", |row| {
        row.id("id", actor.id);
        row.string("type", "admin");
        row.string("email", &actor.name);
        row.string("source", if pen.permille(33, 500) { "jumpcloud:scim" } else { "scim" });
        row.object("source_metadata", |row| row.string("name", "okta"));
    });
}

fn provisioning(pen: &Pen<'_>, row: &mut Object<'_>) {
    let application = pen.thing(Thing::Application, 34);
    row.object("application", |row| {
        row.id("id", application.id);
        row.string("name", &application.name);
    });
    row.object("correlation", |row| {
        row.id("id", application.id.child(pen.draw(35)));
        row.string("type", "user_export");
    });
    row.object("message_chain", |row| {
        row.string("response_code", "200");
        row.string("response_message", "User successfully provisioned");
        row.string("message_details", "OK");
    });
    row.id("idm_client_id", application.id.child(36));
}

fn changes(pen: &Pen<'_>, name: &str) -> String {
    match name {
        "user_update" => match pen.draw(37) % 9 {
            0 => r#"[{"field":"lastname","from":"Old","to":"New"}]"#.to_owned(),
            1 => r#"[{"field":"department","from":null,"to":"Sales"},{"field":"costCenter","from":"","to":"4711"}]"#.to_owned(),
            2 => r#"[{"field":"password_date","from":"2026-01-01T00:00:00.000Z","to":"2026-06-01T00:00:00.000Z"}]"#.to_owned(),
            3 => r#"[{"field":"mfa.exclusion","from":false,"to":true},{"field":"mfa.exclusionUntil","to":"2026-12-31T00:00:00.000Z"}]"#.to_owned(),
            4 => r#"[{"field":"enable_user_portal_multifactor","from":false,"to":true}]"#.to_owned(),
            5 => format!(
                r#"[{{"field":"attributes","from":[{{"name":"Division","_id":"{id}","value":"Marketing"}}],"to":[{{"name":"Division","_id":"{id}","value":"Sales"}}]}}]"#,
                id = pen.slot.document().child(38)
            ),
            6 => r#"[{"field":"account_locked","from":true,"to":false}]"#.to_owned(),
            7 => String::new(),
            _ => r#"[{"field":"jobTitle","from":"Engineer","to":"Senior Engineer"}]"#.to_owned(),
        },
        "user_suspended" => r#"[{"field":"suspended","from":false,"to":true},{"field":"state","from":"ACTIVATED","to":"SUSPENDED"}]"#.to_owned(),
        "user_unsuspended" => r#"[{"field":"suspended","from":true,"to":false},{"field":"state","from":"SUSPENDED","to":"ACTIVATED"}]"#.to_owned(),
        "user_create" => r#"[{"field":"activated","to":false},{"field":"sudo","to":false}]"#.to_owned(),
        "user_unlocked" => r#"[{"field":"account_locked","from":true,"to":false}]"#.to_owned(),
        "user_password_change" => r#"[{"field":"password"}]"#.to_owned(),
        _ => String::new(),
    }
}
