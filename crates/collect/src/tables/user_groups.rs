//! Groups of users: who may use what is mostly decided here.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, integer, json, text};

use super::{Collected, Id, Redact, Source};

/// `user_groups`: one row for each group of users.
#[rustfmt::skip]
pub(super) static USER_GROUPS: Collected = Collected {
    table: Table {
        name: "user_groups",
        about: "Groups of users. Members are in group_members (direct) and group_memberships (effective); what a group opens is in associations.",
        asset: Some("user_group"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the group."),
            text("description", "/description", "Free text."),
            text("email", "/email", "Address of the group in a connected mail service."),
            text("membership_method", "/membershipMethod", "STATIC, DYNAMIC_AUTOMATED (a rule decides), DYNAMIC_REVIEW_REQUIRED (a rule suggests) or NOTSET; absent in old data."),
            text("rule_type", "/memberQuery/queryType", "Kind of rule that decides or suggests members."),
            json("rule", "/memberQuery", "The whole rule; its filters name the attributes that it reads."),
            json("rule_exemptions", "/memberQueryExemptions", "Users whom the rule does not touch."),
            json("rule_errors", "/memberQueryErrorFlags", "Why the rule can not be evaluated, e.g. CYCLE; membership is wrong while there are any."),
            boolean("suggestions_notify", "/memberSuggestionsNotify", "Administrators are told of suggestions."),
            integer("suggested_additions", "/suggestionCounts/add", "Users whom the rule would add."),
            integer("suggested_removals", "/suggestionCounts/remove", "Members whom the rule would remove."),
            boolean("sudo_enabled", "/attributes/sudo/enabled", "Members are administrators on every device that the group is bound to."),
            boolean("sudo_without_password", "/attributes/sudo/withoutPassword", "The same without typing a password."),
            boolean("samba_enabled", "/attributes/sambaEnabled", "The group is used for Samba."),
            json("ldap_groups", "/attributes/ldapGroups", "Names of the group in LDAP."),
            json("posix_groups", "/attributes/posixGroups", "Groups that members get on Linux devices."),
            json("radius_reply", "/attributes/radius/reply", "Names of the attributes that RADIUS answers carry for members; values are not kept."),
            json("attributes", "/attributes", "All attributes of the group, custom ones too."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::USERGROUPS)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the group was deleted",
    fact: "V2 GET /api/v2/usergroups; attributes null is observed",
};
