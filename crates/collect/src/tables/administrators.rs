//! Portal administrators, with what is known of their MFA and API keys.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, integer, json, text, time};

use super::{Collected, Id, Redact, Source};

/// `administrators`: one row for each person who can sign in to the admin console.
#[rustfmt::skip]
pub(super) static ADMINISTRATORS: Collected = Collected {
    table: Table {
        name: "administrators",
        about: "People who can sign in to the admin console. Not directory users: the same person is a second account in users, if at all (users.administrator_id, or the same e-mail address). No last sign-in here: it comes from events.",
        asset: Some("administrator"),
        label: "email",
        columns: &[
            text("email", "/email", "Sign-in address."),
            text("first_name", "/firstname", "First name."),
            text("last_name", "/lastname", "Last name."),
            text("role_name", "/roleName", "Role as the console names it, e.g. Administrator With Billing, Read Only; custom roles have any name."),
            text("role_id", "/role", "The role's id (roles.id)."),
            json("role_names", "/roleNames", "Names of all roles, where there is more than one."),
            boolean("suspended", "/suspended", "Can not sign in. An API key may still be set."),
            boolean("mfa_required", "/enableMultiFactor", "This administrator must use MFA; organizations.admin_mfa_required may do so for all."),
            boolean("totp_enrolled", "/totpEnrolled", "TOTP is set up. Missing in lists of a provider: not known."),
            time("totp_updated_at", "/totpUpdatedAt", "When TOTP was last changed."),
            time("password_updated_at", "/passwordUpdatedAt", "When the password was last changed."),
            boolean("api_key_allowed", "/apiKeyAllowed", "May have an API key."),
            boolean("api_key_set", "/apiKeySet", "Has an API key, which has all rights of the role."),
            text("api_key_prefix", "/apiKeyHash/prefix", "First characters of the key, to recognize it by."),
            time("api_key_created_at", "/apiKeyHash/createdAt", "When the key was made; missing for keys from before late 2023."),
            time("api_key_expires_at", "/apiKeyHash/expireAt", "When the key expires; NULL with api_key_created_at set means never."),
            time("api_key_updated_at", "/apiKeyUpdatedAt", "When the key was last changed."),
            time("created_at", "/created", "When the administrator was created."),
            integer("session_count", "/sessionCount", "Sign-ins so far."),
            text("provider_id", "/provider", "Set for administrators of a provider (MSP)."),
            text("time_zone", "/usersTimeZone", "Time zone chosen in the console."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::ADMINISTRATORS)],
    id: Id::Member(&["_id", "id"]),
    redact: Redact::Drops(&["growthData", "lastWhatsNewChecked", "disableIntroduction"]),
    absent: "the administrator was deleted",
    fact: "GET /api/users: fields of V1 userreturn; the list itself is observed, not specified",
};
