//! Groups of devices (JumpCloud's "system groups").

use jumpcloud::endpoints;
use store::schema::{Table, boolean, json, text};

use super::{Collected, Id, Redact, Source};

/// `device_groups`: one row for each group of devices.
#[rustfmt::skip]
pub(super) static DEVICE_GROUPS: Collected = Collected {
    table: Table {
        name: "device_groups",
        about: "Groups of devices; policies and users are bound to them. Members are in group_members and group_memberships, the users that get in are in device_group_users.",
        asset: Some("device_group"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the group."),
            text("description", "/description", "Free text."),
            text("email", "/email", "Address of the group; rarely set."),
            text("membership_method", "/membershipMethod", "STATIC, DYNAMIC_AUTOMATED (a rule decides), DYNAMIC_REVIEW_REQUIRED (a rule suggests) or NOTSET; absent in old data."),
            text("rule_type", "/memberQuery/queryType", "Kind of rule that decides or suggests members."),
            json("rule", "/memberQuery", "The whole rule."),
            json("rule_exemptions", "/memberQueryExemptions", "Devices that the rule does not touch."),
            json("rule_errors", "/memberQueryErrorFlags", "Why the rule can not be evaluated; membership is wrong while there are any."),
            boolean("suggestions_notify", "/memberSuggestionsNotify", "Administrators are told of suggestions."),
            json("attributes", "/attributes", "Attributes of the group."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::SYSTEMGROUPS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the group was deleted",
    fact: "V2 GET /api/v2/systemgroups",
};
