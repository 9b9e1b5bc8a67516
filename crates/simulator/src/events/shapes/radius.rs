//! Sign-ins to networks (radius).
//! Responsible for `radius_auth` (in the field: `radius_auth_attempt`).

use super::pen::Pen;
use crate::events::part::Thing;
use crate::events::roster::Person;
use crate::json::Object;

/// Whether the sign-in went well.
pub(super) fn succeeds(pen: &Pen<'_>) -> bool {
    pen.succeeds(60)
}

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let who = pen.user_actor(person);
    let part = pen.part();
    let success = succeeds(pen);
    let mfa = part.and_then(|part| part.mfa).unwrap_or(false);
    let peap = pen.permille(70, 700);
    row.boolean("success", success);
    row.string("username", &who.name);
    row.string("auth_type", if pen.other_generation() { "EAP" } else { "eap" });
    row.string("eap_type", if peap { "MSCHAPv2" } else { "TTLS" });
    row.boolean("mfa", mfa);
    let factor = if mfa { person.and_then(Person::factor).unwrap_or("totp") } else { "" };
    if pen.other_generation() && pen.permille(71, 300) {
        // Some generations tell the object as text.
        row.string("mfa_meta", &format!("{{\"type\":\"{factor}\"}}"));
    } else {
        row.object("mfa_meta", |row| row.string("type", factor));
    }
    row.string("nas_mfa_state", pen.pick(72, &["DISABLED", "ALWAYS", "REQUIRED", ""]));
    row.object("outer", |row| {
        row.string("eap_type", "PEAP");
        row.string("username", &who.name);
        row.null("error_message");
    });
    match success {
        true => row.null("error_message"),
        false => row.string(
            "error_message",
            part.and_then(|part| part.error).unwrap_or("mschap: MS-CHAP2-Response is incorrect"),
        ),
    }
    row.object("initiated_by", |row| {
        if who.thing == Thing::User && !pen.permille(73, 400) {
            row.id("id", who.id);
        }
        row.string("type", "user");
        row.string("username", &who.name);
    });
    row.object("auth_meta", |row| {
        row.boolean("user_password_enabled", true);
        row.boolean("device_cert_enabled", false);
        row.boolean("user_cert_enabled", !peap);
        row.string("auth_idp", "JUMPCLOUD");
        row.string("userid_type", "USERNAME");
    });
    // All sign-ins come through the same few access points.
    pen.origin_fields(row, &pen.origin(None), "");
}
