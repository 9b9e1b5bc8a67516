//! Direct bindings between things: who may use what, and what is put onto which device.
//! What follows from them through groups is not here.

use jumpcloud::{Endpoint, endpoints};
use serde_json::Value;
use store::schema::{Table, boolean, json, text};

use super::{Ask, Collected, Id, Parents, Query, Redact, Source, directories, graph};

/// `associations`: one row for each direct binding, whichever of its ends it was read from.
#[rustfmt::skip]
pub(super) static ASSOCIATIONS: Collected = Collected {
    table: Table {
        name: "associations",
        about: "Direct bindings in JumpCloud's words (system is a device, system_group a device group). Written from people and policies to devices, applications and directories. A removed binding can linger for a moment.",
        asset: None,
        label: "to_type",
        columns: &[
            text("from_type", "/from_type", "user, user_group, policy, policy_group, command, software_app, or system."),
            text("from_id", "/from_id", "Id in the table of that type.").linking(),
            text("to_type", "/to_type", "system, system_group, application, active_directory, g_suite, ldap_server, office_365 or radius_server."),
            text("to_id", "/to_id", "Id in the table of that type; directories hold g_suite and office_365.").linking(),
            boolean("sudo_enabled", "/attributes/sudo/enabled", "Bindings to devices: the user is an administrator there."),
            boolean("sudo_without_password", "/attributes/sudo/withoutPassword", "The same without typing a password."),
            json("attributes", "/attributes", "All attributes of the binding."),
        ],
        joined: &[],
    },
    // Each pair of types is read from the side that takes fewer calls: there are fewer applications than users.
    // Devices and users can only be read device by device, since there are fewer of them.
    sources: &[
        bound("application to user", "applications", &endpoints::APPLICATION_ASSOCIATIONS, TO_USER, "application"),
        bound("application to user_group", "applications", &endpoints::APPLICATION_ASSOCIATIONS, TO_USER_GROUP, "application"),
        bound("ldap_server to user", "ldap_servers", &endpoints::LDAPSERVER_ASSOCIATIONS, TO_USER, "ldap_server"),
        bound("ldap_server to user_group", "ldap_servers", &endpoints::LDAPSERVER_ASSOCIATIONS, TO_USER_GROUP, "ldap_server"),
        bound("radius_server to user", "radius_servers", &endpoints::RADIUSSERVER_ASSOCIATIONS, TO_USER, "radius_server"),
        bound("radius_server to user_group", "radius_servers", &endpoints::RADIUSSERVER_ASSOCIATIONS, TO_USER_GROUP, "radius_server"),
        bound("active_directory to user", "active_directories", &endpoints::ACTIVEDIRECTORY_ASSOCIATIONS, TO_USER, "active_directory"),
        bound("active_directory to user_group", "active_directories", &endpoints::ACTIVEDIRECTORY_ASSOCIATIONS, TO_USER_GROUP, "active_directory"),
        bound("g_suite to user", "directories", &endpoints::GSUITE_ASSOCIATIONS, TO_USER, "g_suite").only(directories::is_google_workspace),
        bound("g_suite to user_group", "directories", &endpoints::GSUITE_ASSOCIATIONS, TO_USER_GROUP, "g_suite").only(directories::is_google_workspace),
        bound("office_365 to user", "directories", &endpoints::OFFICE365_ASSOCIATIONS, TO_USER, "office_365").only(directories::is_microsoft_365),
        bound("office_365 to user_group", "directories", &endpoints::OFFICE365_ASSOCIATIONS, TO_USER_GROUP, "office_365").only(directories::is_microsoft_365),
        bound("policy to system", "policies", &endpoints::POLICY_ASSOCIATIONS, TO_DEVICE, "policy"),
        bound("policy to system_group", "policies", &endpoints::POLICY_ASSOCIATIONS, TO_DEVICE_GROUP, "policy"),
        bound("policy_group to system", "policy_groups", &endpoints::POLICYGROUP_ASSOCIATIONS, TO_DEVICE, "policy_group"),
        bound("policy_group to system_group", "policy_groups", &endpoints::POLICYGROUP_ASSOCIATIONS, TO_DEVICE_GROUP, "policy_group"),
        // The Read Only role has been refused what software and commands are bound to.
        bound("software_app to system", "software_apps", &endpoints::SOFTWAREAPP_ASSOCIATIONS, TO_DEVICE, "software_app"),
        bound("software_app to system_group", "software_apps", &endpoints::SOFTWAREAPP_ASSOCIATIONS, TO_DEVICE_GROUP, "software_app"),
        bound("command to system", "commands", &endpoints::COMMAND_ASSOCIATIONS, TO_DEVICE, "command"),
        bound("command to system_group", "commands", &endpoints::COMMAND_ASSOCIATIONS, TO_DEVICE_GROUP, "command"),
        bound("user_group to system", "user_groups", &endpoints::USERGROUP_ASSOCIATIONS, TO_DEVICE, "user_group"),
        bound("user_group to system_group", "user_groups", &endpoints::USERGROUP_ASSOCIATIONS, TO_DEVICE_GROUP, "user_group"),
        bound("system_group to user", "device_groups", &endpoints::SYSTEMGROUP_ASSOCIATIONS, TO_USER, "system_group"),
        bound("system to user", "devices", &endpoints::SYSTEM_ASSOCIATIONS, TO_USER, "system"),
    ],
    id: Id::Joined(&["from_type", "from_id", "to_type", "to_id"]),
    redact: Redact::Members { drops: &[], sees: graph::BINDING, change: graph::binding },
    absent: "the binding was removed, or one of its ends was deleted",
    fact: "V2 GET /api/v2/{collection}/{id}/associations?targets=",
};

const TO_USER: Query = &[("targets", "user")];
const TO_USER_GROUP: Query = &[("targets", "user_group")];
const TO_DEVICE: Query = &[("targets", "system")];
const TO_DEVICE_GROUP: Query = &[("targets", "system_group")];

/// The bindings of every row of a table to one type. The id goes into a member named by the row's own type, since
/// the answer often leaves it out.
const fn bound(
    part: &'static str,
    table: &'static str,
    endpoint: &'static Endpoint,
    query: Query,
    own_type: &'static str,
) -> Source {
    let parents = Parents::all(table);
    Source { part, ask: Ask::ListEach { parents, endpoint, query, parent_as: own_type }, optional: false }
}

impl Source {
    const fn only(mut self, which: fn(&Value) -> bool) -> Self {
        if let Ask::ListEach { parents, .. } = &mut self.ask {
            parents.only = Some(which);
        }
        self
    }
}
