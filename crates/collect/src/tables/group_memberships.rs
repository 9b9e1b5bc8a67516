//! Who is in a group in effect, and over which path. Direct members alone are in `group_members.rs`.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, integer, json, text};

use super::{Collected, Id, Redact, Source, graph};

/// `group_memberships`: one row for each effective member of each user group and device group.
#[rustfmt::skip]
pub(super) static GROUP_MEMBERSHIPS: Collected = Collected {
    table: Table {
        name: "group_memberships",
        about: "Effective members of user groups and device groups, through other groups and rules as well. Can lag a little behind group_members after a change.",
        asset: None,
        label: "member_id",
        columns: &[
            text("group_id", "/group_id", "The group (user_groups.id or device_groups.id).").linking(),
            text("member_id", "/reached_id", "The member (users.id or devices.id).").linking(),
            text("member_type", "/reached_type", "user or system (a device)."),
            boolean("is_direct", "/is_direct", "One of the paths is a single step."),
            integer("path_length", "/path_length", "Steps of the shortest path; NULL when no path was told."),
            json("paths", "/paths", "Every path, as a list of connections."),
            json("attributes", "/compiledAttributes", "What the member gets along the paths."),
        ],
        joined: &[],
    },
    sources: &[
        Source::list_each("user_groups", &endpoints::USERGROUP_MEMBERSHIP, "group_id").part("user_group"),
        Source::list_each("device_groups", &endpoints::SYSTEMGROUP_MEMBERSHIP, "group_id").part("system_group"),
    ],
    id: Id::Joined(&["group_id", "reached_id"]),
    redact: Redact::Members { drops: &[], sees: &["group_id", "id", "type", "paths"], change: |row| graph::reached(row, "group_id") },
    absent: "the member is no longer in the group, or one of them was deleted",
    fact: "V2 GET /api/v2/{usergroups,systemgroups}/{id}/membership",
};
