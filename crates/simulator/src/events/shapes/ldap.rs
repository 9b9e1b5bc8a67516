//! Directory clients (ldap).
//! Responsible for `ldap_bind` and `ldap_search` (in the field: `ldap_srch`).

use super::pen::Pen;
use crate::config::Character;
use crate::events::part::{Item, Thing};
use crate::events::roster::Person;
use crate::json::Object;

/// Whether the bind went well.
pub(super) fn succeeds(pen: &Pen<'_>) -> bool {
    pen.succeeds(45)
}

/// Whether the connection is not encrypted. Nobody is let in so where things are tidy.
pub(super) fn in_clear(pen: &Pen<'_>) -> bool {
    pen.source.profile.character != Character::Tidy && pen.permille(85, 80)
}

pub(super) fn bind(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let who = pen.user_actor(person);
    let success = succeeds(pen);
    connection(pen, row, &who, "bind");
    row.boolean("success", success);
    row.number("error_code", if success { 0 } else { 49 });
    let reason = pen.part().and_then(|part| part.error).unwrap_or("invalid credentials");
    row.string("error_message", if success { "" } else { reason });
    row.string("auth_method", pen.pick(80, &["simple", "simple", "simple", "sasl"]));
    row.string("mech", "simple");
    if pen.part().is_none()
        && let Some(factor) = person.and_then(Person::factor).filter(|_| pen.permille(81, 200))
    {
        row.object("auth_meta", |row| {
            row.object("auth_methods", |row| {
                row.object("password", |row| row.boolean("success", success));
                row.object(factor, |row| row.boolean("success", success));
            });
        });
    }
    pen.origin_fields(row, &pen.origin(None), "");
}

pub(super) fn search(pen: &Pen<'_>, row: &mut Object<'_>) {
    let who = pen.user_actor(pen.person());
    connection(pen, row, &who, "search");
    row.boolean("success", pen.succeeds(3));
    row.number("error_code", 0);
    row.string("error_message", "");
    row.string("base", &format!("ou=Users,o={},dc=jumpcloud,dc=com", pen.source.profile.id));
    row.number("scope", (pen.draw(82) % 3) as i64);
    row.number("deref", 0);
    row.string(
        "filter",
        pen.pick(
            83,
            &["(&(objectClass=inetOrgPerson)(uid=*))", "(objectClass=groupOfNames)", "(memberOf=cn=VPN Users)"],
        ),
    );
    row.string("attr", "uid mail memberOf");
    row.number("number_of_results", (pen.draw(84) % 250) as i64);
    pen.origin_fields(row, &pen.origin(None), "");
}

fn connection(pen: &Pen<'_>, row: &mut Object<'_>, who: &Item, operation: &str) {
    let clear = in_clear(pen);
    row.string("dn", &format!("uid={},ou=Users,o={},dc=jumpcloud,dc=com", who.name, pen.source.profile.id));
    row.string("username", &who.name);
    // The specification's example has texts here; the type column says boolean.
    if pen.other_generation() {
        row.string("start_tls", "false");
        row.string("tls_established", if clear { "false" } else { "true" });
    } else {
        row.boolean("start_tls", false);
        row.boolean("tls_established", !clear);
    }
    row.text("connection_id", |out| pen.slot.document().child(pen.draw(86) % 4).write(out));
    row.number("operation_number", (pen.draw(87) % 7) as i64);
    row.string("operation_type", operation);
    row.string("oid", "");
    match who.thing {
        Thing::User => pen.initiated_by(row, who),
        _ => row.object("initiated_by", |row| row.string("username", &who.name)),
    }
}
