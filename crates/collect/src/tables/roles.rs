//! Administrator roles, built-in and custom.

use jumpcloud::endpoints;
use store::schema::{Table, json, text};

use super::{Collected, Id, Redact, Source};

/// `roles`: one row for each administrator role.
#[rustfmt::skip]
pub(super) static ROLES: Collected = Collected {
    table: Table {
        name: "roles",
        about: "Roles that administrators and service accounts can have. What a role may do is its scopes, not its name.",
        asset: Some("role"),
        label: "name",
        columns: &[
            text("name", "/name", "Name in the console."),
            text("description", "/description", "What the role is for."),
            json("scopes", "/scopes", "What the role may do; names without an ending such as .readonly can be rights to change."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::ROLES)],
    id: Id::Member(&["id", "objectId", "_id"]),
    redact: Redact::Nothing,
    absent: "the role was deleted",
    fact: "V2 GET /api/v2/roles, observed",
};
