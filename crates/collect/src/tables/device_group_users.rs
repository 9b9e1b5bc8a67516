//! The users that a device group lets in, with the rights they have there.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, integer, json, text};

use super::{Collected, Id, Redact, Source, graph};

/// `device_group_users`: one row for each user who reaches the devices of a device group.
#[rustfmt::skip]
pub(super) static DEVICE_GROUP_USERS: Collected = Collected {
    table: Table {
        name: "device_group_users",
        about: "Users who can sign in to the devices of a device group, bound to it directly or through a user group. Together with group_memberships and direct bindings in associations this tells who gets into which device.",
        asset: None,
        label: "user_id",
        columns: &[
            text("device_group_id", "/device_group_id", "The device group (device_groups.id).").linking(),
            text("user_id", "/reached_id", "The user (users.id).").linking(),
            boolean("is_direct", "/is_direct", "Bound without a user group in between."),
            integer("path_length", "/path_length", "Steps of the shortest path; NULL when no path was told."),
            boolean("sudo_enabled", "/compiledAttributes/sudo/enabled", "Administrator on these devices, by any of the paths."),
            boolean("sudo_without_password", "/compiledAttributes/sudo/withoutPassword", "The same without typing a password."),
            json("paths", "/paths", "Every path, as a list of connections."),
            json("attributes", "/compiledAttributes", "What the user gets along the paths."),
        ],
        joined: &[],
    },
    sources: &[Source::list_each("device_groups", &endpoints::SYSTEMGROUP_USERS, "device_group_id")],
    id: Id::Joined(&["device_group_id", "reached_id"]),
    redact: Redact::Members { drops: &[], sees: &["device_group_id", "id", "type", "paths"], change: |row| graph::reached(row, "device_group_id") },
    absent: "the user no longer reaches the group's devices",
    fact: "V2 GET /api/v2/systemgroups/{id}/users",
};
