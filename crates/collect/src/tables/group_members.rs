//! Who and what is directly in a group. Effective membership is in `group_memberships.rs`.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, json, text};

use super::{Collected, Id, Redact, Source, graph};

/// `group_members`: one row for each direct member of each user, device and policy group.
#[rustfmt::skip]
pub(super) static GROUP_MEMBERS: Collected = Collected {
    table: Table {
        name: "group_members",
        about: "Direct members of user groups, device groups and policy groups, also those that a rule has put there. Types are JumpCloud's words: system is a device, system_group a device group.",
        asset: None,
        label: "member_id",
        columns: &[
            text("group_id", "/group_id", "The group (user_groups.id, device_groups.id or policy_groups.id)."),
            text("group_type", "/group_type", "user_group, system_group or policy_group."),
            text("member_id", "/member_id", "The member (users.id, devices.id, policies.id)."),
            text("member_type", "/member_type", "user, system, policy, or a group within the group."),
            boolean("sudo_enabled", "/attributes/sudo/enabled", "The membership itself makes the member an administrator."),
            boolean("sudo_without_password", "/attributes/sudo/withoutPassword", "The same without typing a password."),
            json("attributes", "/attributes", "All attributes of the membership."),
        ],
        joined: &[],
    },
    sources: &[
        Source::list_each("user_groups", &endpoints::USERGROUP_MEMBERS, "group_id").part("user_group"),
        Source::list_each("device_groups", &endpoints::SYSTEMGROUP_MEMBERS, "group_id").part("system_group"),
        Source::list_each("policy_groups", &endpoints::POLICYGROUP_MEMBERS, "group_id").part("policy_group"),
    ],
    id: Id::Joined(&["group_id", "member_id"]),
    redact: Redact::Members { drops: &[], sees: &["group_id", "from", "to"], change: graph::member },
    absent: "the member left the group, or one of them was deleted",
    fact: "V2 GET /api/v2/{usergroups,systemgroups,policygroups}/{id}/members",
};
