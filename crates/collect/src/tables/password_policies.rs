//! Password policies of user groups, which override the organization's own.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, integer, json, text};

use super::{Collected, Id, Parents, Redact, Source};

/// `password_policies`: one row for each policy, the default among them.
#[rustfmt::skip]
pub(super) static PASSWORD_POLICIES: Collected = Collected {
    table: Table {
        name: "password_policies",
        about: "Password policies by user group; the one with the lowest precedence number wins. Only the frame is documented, so the settings themselves are JSON: a number counts only where its enable flag is true.",
        asset: Some("password_policy"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the policy; the default one has none."),
            integer("precedence", "/precedence", "Order in which policies are tried."),
            boolean("is_default", "/default", "Holds for everybody whom no other policy covers."),
            integer("group_count", "/groupCount", "User groups that it holds for."),
            json("user_groups", "/groups", "Ids and names of these groups."),
            json("settings", "/policy", "Its settings, named like those of organizations."),
        ],
        joined: &[],
    },
    sources: &[
        Source::list(&endpoints::PASSWORDPOLICIES).part("list").optional(),
        Source::read_each(Parents::all("password_policies"), &endpoints::PASSWORDPOLICY).part("details").optional(),
    ],
    id: Id::Member(&["objectId", "id"]),
    redact: Redact::Drops(&["cached"]),
    absent: "the policy was deleted",
    fact: "V2 GET /api/v2/passwordpolicies and /api/v2/passwordpolicies/{id}, observed",
};
