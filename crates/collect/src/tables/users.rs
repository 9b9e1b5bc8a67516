//! Directory users (JumpCloud's "system users"): people and service-style accounts in every state.

use jumpcloud::endpoints;
use serde_json::Value;
use store::schema::{Table, boolean, integer, json, text, time};

use super::{Ask, Collected, Id, Source, redact};

/// `users`: one row for each directory user, staged, active or suspended.
pub static USERS: Collected = Collected {
    table: Table {
        name: "users",
        about: "Directory users in every state. The API has no last sign-in here: it comes from events.",
        asset: Some("user"),
        label: "username",
        columns: &[
            text("username", "/username", "Sign-in name, unique in the organization."),
            text("email", "/email", "Primary e-mail address."),
            text("state", "/state", "STAGED, ACTIVATED or SUSPENDED; absent on rows from before mid-2021."),
            boolean("suspended", "/suspended", "Access is suspended."),
            boolean("account_locked", "/account_locked", "Locked after failed sign-ins; not the same as suspended."),
            time("account_locked_at", "/account_locked_date", "When the account was locked."),
            boolean("mfa_configured", "/mfa/configured", "At least one factor is set up."),
            text("mfa_status", "/mfaEnrollment/overallStatus", "NOT_ENROLLED, PENDING_ACTIVATION, ENROLLED, …; absent on older rows."),
            integer("unix_uid", "/unix_uid", "POSIX user id on bound devices."),
            json("ssh_keys", "/ssh_keys", "Name, creation time and SHA-256 fingerprint of each key; never the key."),
        ],
        joined: &[],
    },
    sources: &[Source { part: "", ask: Ask::List { endpoint: &endpoints::SYSTEMUSERS, query: &[] }, optional: false }],
    id: Id::Member(&["_id", "id"]),
    redact: |user: &mut Value| redact::ssh_keys(user, "/ssh_keys"),
    absent: "the user was deleted",
    fact: "V1 GET /api/systemusers",
};
