//! Sign-ins to applications (sso).
//! Responsible for `sso_auth`. It tells its outcome in `sso_token_success`, never in `success`.

use super::login::context;
use super::pen::Pen;
use crate::events::part::{Item, Thing};
use crate::events::roster::Person;
use crate::json::Object;
use crate::oddity::Oddity;

/// Whether the sign-in went well.
pub(super) fn succeeds(pen: &Pen<'_>) -> bool {
    pen.succeeds(25)
}

/// What was signed in to.
pub(super) fn application(pen: &Pen<'_>) -> Item {
    if let Some(planted) = pen.part().and_then(|part| part.target.clone()) {
        return planted;
    }
    pen.application(60)
}

/// Whether the application could not be reached, so that the event does not name it.
pub(super) fn unreachable(pen: &Pen<'_>) -> bool {
    !succeeds(pen) && pen.permille(61, 300)
}

pub(super) fn write(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let who = pen.user_actor(person);
    let person = person.filter(|person| person.id == who.id);
    let part = pen.part();
    let success = succeeds(pen);
    let factor = person.and_then(Person::factor);
    let application = application(pen);
    let unknown = unreachable(pen);
    row.boolean("sso_token_success", success);
    row.boolean("idp_initiated", pen.permille(62, 400));
    row.boolean("mfa", part.and_then(|part| part.mfa).unwrap_or(success && factor.is_some()));
    let reason = if unknown { "application unreachable" } else { "user is not authorized to access the application" };
    row.string("error_message", if success { "" } else { part.and_then(|part| part.error).unwrap_or(reason) });
    row.object("application", |row| {
        // An application that could not be reached is told without its names.
        row.optional_text_id("id", (!unknown).then_some(application.id));
        row.string("name", if unknown { "" } else { &application.name });
        row.string("display_label", if unknown { "" } else { &application.name });
        row.string("sso_type", if pen.permille(63, 800) { "saml" } else { "oidc" });
        row.string("sso_url", &format!("https://sso.simulator.example/saml2/{}", application.name));
    });
    context(pen, row, person, factor, "APPLICATION");
    row.object("initiated_by", |row| {
        row.id("id", who.id);
        row.string("type", if who.thing == Thing::Admin { "admin" } else { "user" });
        row.string("username", &who.name);
        // Fields of the newest generation.
        if pen.other_generation() {
            row.boolean("administrator", false);
        }
    });
    if pen.other_generation() {
        row.time("server_timestamp", pen.slot.time + 203);
        row.string("timestamp_source", "server");
        row.object("target_resource", |row| row.string("type", "APPLICATION"));
    }
    if pen.has(Oddity::SuccessAbsent) && pen.permille(64, 30) {
        row.null("error_code");
    }
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(person), "useragent");
}
