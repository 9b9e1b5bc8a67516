//! Sign-ins to the user portal and the admin portal (directory).
//! Responsible for `user_login_attempt`, `admin_login_attempt` and `admin_old_api_key_attempt`.

use super::pen::Pen;
use crate::events::part::{Item, Thing};
use crate::events::roster::Person;
use crate::id::Id;
use crate::json::Object;
use crate::oddity::Oddity;

/// What went wrong, most common first.
const REASONS: &[&str] = &[
    "Incorrect credentials",
    "Incorrect credentials",
    "MFA challenge failed",
    "Account is locked",
    "Access denied by policy",
];

/// Whether a sign-in to a portal went well.
pub(super) fn succeeds(pen: &Pen<'_>) -> bool {
    pen.succeeds(55)
}

/// The administrator who signs in, and whether by MFA.
fn signing_in(pen: &Pen<'_>) -> (Item, bool) {
    let (drawn, protected) = pen.administrator();
    (pen.part().and_then(|part| part.actor.clone()).unwrap_or(drawn), protected)
}

/// The administrator who signs in.
pub(super) fn administrator_who(pen: &Pen<'_>) -> Item {
    signing_in(pen).0
}

pub(super) fn user(pen: &Pen<'_>, row: &mut Object<'_>) {
    let person = pen.person();
    let who = pen.user_actor(person);
    let person = person.filter(|person| person.id == who.id);
    let factor = person.and_then(Person::factor);
    outcome(pen, row, factor);
    context(pen, row, person, factor, "USER_PORTAL");
    row.string("auth_method", if pen.permille(20, 30) { "" } else { "session" });
    pen.initiated_by(row, &who);
    pen.resource(row, "resource", &who);
    row.object("target_resource", |row| row.string("type", "user_portal"));
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(person), "useragent");
}

pub(super) fn administrator(pen: &Pen<'_>, row: &mut Object<'_>) {
    let (who, protected) = signing_in(pen);
    if pen.name() == "admin_old_api_key_attempt" {
        row.boolean("success", false);
        row.string("error_message", "The API key has been replaced");
        row.string("auth_method", "api key");
        pen.initiated_by(row, &who);
        pen.resource(row, "resource", &who);
        pen.provider(row);
        return pen.origin_fields(row, &pen.origin(None).by_program(), "useragent");
    }
    outcome(pen, row, protected.then_some("totp"));
    context(pen, row, None, protected.then_some("totp"), "ADMIN_PORTAL");
    row.string("auth_method", "session");
    pen.initiated_by(row, &who);
    // Newer events have no resource.
    if !pen.other_generation() {
        pen.resource(row, "resource", &who);
    }
    row.object("target_resource", |row| row.string("type", "admin_portal"));
    pen.provider(row);
    pen.origin_fields(row, &pen.origin(None), "useragent");
}

/// `success`, `mfa`, `mfa_meta` and `error_message`.
fn outcome(pen: &Pen<'_>, row: &mut Object<'_>, factor: Option<&'static str>) {
    let success = succeeds(pen);
    let mfa = pen.part().and_then(|part| part.mfa).unwrap_or(factor.is_some());
    row.boolean("success", success);
    row.boolean("mfa", mfa);
    if mfa {
        row.object("mfa_meta", |row| row.string("type", factor.unwrap_or("totp")));
    }
    let planted = pen.part().and_then(|part| part.error);
    if success {
        row.null("error_message");
    } else {
        row.string("error_message", planted.unwrap_or_else(|| pen.pick(21, REASONS)));
    }
}

/// `auth_context`: factors, the device and the policies that were applied.
pub(super) fn context(
    pen: &Pen<'_>,
    row: &mut Object<'_>,
    person: Option<&Person>,
    factor: Option<&'static str>,
    resource: &str,
) {
    let success = pen.succeeds(55);
    row.object("auth_context", |row| {
        row.object("auth_methods", |row| {
            if let Some(factors) = pen.part().and_then(|part| part.factors) {
                for (factor, success) in factors {
                    row.object(factor, |row| row.boolean("success", *success));
                }
                return;
            }
            let wrong_factor = factor.filter(|_| !success && pen.pick(21, REASONS).starts_with("MFA"));
            row.object("password", |row| row.boolean("success", success || wrong_factor.is_some()));
            if let Some(factor) = factor.filter(|_| success || wrong_factor.is_some()) {
                row.object(factor, |row| row.boolean("success", success));
            }
        });
        if let Some(machine) = pen.machine_of(person) {
            let name = machine.hostname(&pen.source.profile);
            let (os, version) = machine.system();
            row.object("system", |row| {
                row.id("id", machine.id);
                row.string("hostname", &name);
                row.string("displayName", &name);
                row.string("os", os);
                row.string("version", version);
            });
        }
        let policy = policy(pen);
        row.array("policies_applied", |list| {
            list.object(|row| {
                row.optional_text_id("id", policy.as_ref().map(|policy| policy.id));
                row.string("name", policy.as_ref().map_or("Global Policy", |policy| policy.name.as_str()));
                row.object("metadata", |row| {
                    row.string("resource_type", resource);
                    row.string("action", "ALLOW");
                });
            });
        });
        if let (Some("jumpcloud_protect"), Some(person)) = (factor, person) {
            phone(pen, row, person);
        }
    });
}

fn policy(pen: &Pen<'_>) -> Option<Item> {
    pen.permille(22, 300).then(|| pen.thing(Thing::AuthnPolicy, 23))
}

/// The telephone that answered a push.
pub(super) fn phone(pen: &Pen<'_>, row: &mut Object<'_>, person: &Person) {
    let who = person.item(&pen.source.profile);
    row.object("jumpcloud_protect_device", |row| {
        // The same device as in the list of the user's push endpoints.
        row.id("id", person.id.child(50));
        row.string("make", "Google");
        row.string("model", "Pixel 9");
        row.string("os", "Android");
        row.string("os_version", "16");
        row.string("app_version", "2.5.1");
        row.id("user_id", who.id);
        row.string("username", &who.name);
        if pen.has(Oddity::GeoipVaries) && pen.permille(24, 500) {
            row.string("ip", "10.1.2.3");
            row.raw("geoip", "{}");
        }
    });
}

impl Object<'_> {
    /// An id, or an empty text where there is none.
    pub(super) fn optional_text_id(&mut self, name: &str, id: Option<Id>) {
        match id {
            Some(id) => self.id(name, id),
            None => self.string(name, ""),
        }
    }

    /// The provider of an administrator of the multi-tenant portal.
    pub(super) fn optional_provider(&mut self, provider: Option<Id>) {
        if let Some(provider) = provider {
            self.id("provider", provider);
        }
    }
}
