//! Groups of policies, bound to devices as one.

use jumpcloud::endpoints;
use store::schema::{Table, json, text};

use super::{Collected, Id, Redact, Source};

/// `policy_groups`: one row for each group of policies.
#[rustfmt::skip]
pub(super) static POLICY_GROUPS: Collected = Collected {
    table: Table {
        name: "policy_groups",
        about: "Groups of policies. The policies are in group_members, the devices and device groups in associations.",
        asset: Some("policy_group"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the group."),
            text("description", "/description", "Free text."),
            text("email", "/email", "Address of the group; rarely set."),
            json("attributes", "/attributes", "Attributes of the group."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::POLICYGROUPS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the group was deleted",
    fact: "V2 GET /api/v2/policygroups",
};
