//! Every table that the inventory collects, one file each; the list at the end is the order in which they are shown.
//!
//! To add a table: write `tables/<name>.rs` like its neighbors (columns, sources, identity, what to remove), add its
//! `mod` line and its line in [`ALL`]. What else belongs to it (the client, the simulator, its oracle, the pages) is in
//! `CONTRIBUTING.md`, "Add a table". A System Insights table is one entry in `insights.rs` and its line in [`ALL`].
//!
//! Declarations are laid out by hand (`rustfmt::skip`): one column, one line, as in the table that they declare.

use std::collections::BTreeMap;

use jumpcloud::Endpoint;
use serde_json::Value;
use store::schema::Table;

use crate::node::Node;

/// A table and how it is filled.
#[derive(Debug)]
pub struct Collected {
    /// Columns and meaning.
    pub table: Table,
    /// Where its rows come from. A source that is refused or fails makes the table incomplete, and only the rows of
    /// that source are kept as they were.
    pub sources: &'static [Source],
    /// What identifies a row within its organization, read from the row as it is after `redact`.
    pub id: Id,
    /// What is changed in a received row before anything is stored. [`Collected::clean`] is how it is meant to be called.
    pub redact: Redact,
    /// What it means that a row is no longer there after a complete read.
    pub absent: &'static str,
    /// Where the shape of the rows is known from: API document or observation.
    pub fact: &'static str,
}

impl Collected {
    /// Makes a received row fit to be stored: what the table itself removes, then every secret that is known by name.
    pub fn clean(&self, row: &mut Value) {
        self.redact.apply(row);
        redact::secrets(row);
    }

    /// Makes a received row fit to be stored in the same way.
    pub(crate) fn clean_node(&self, row: &mut Node<'_>) {
        self.redact.apply_to_node(row);
        if redact::holds_secret(row) {
            let mut value = row.to_value();
            redact::secrets(&mut value);
            *row = value.into();
        }
    }
}

/// Where rows come from.
#[derive(Debug)]
pub struct Source {
    /// Tells the sources of one table apart; empty where there is only one.
    pub part: &'static str,
    /// How rows are asked for.
    pub ask: Ask,
    /// The table is of use without this source, and some plans or roles do not have it: a refusal (402, 403, 404)
    /// is told as "not permitted" or "not licensed" but does not make the snapshot incomplete.
    pub optional: bool,
}

/// Query parameters, name and value.
pub type Query = &'static [(&'static str, &'static str)];

/// How rows are asked for.
#[derive(Debug)]
pub enum Ask {
    /// Every row of one list.
    List {
        /// The list.
        endpoint: &'static Endpoint,
        /// Parameters beside those of paging.
        query: Query,
    },
    /// One list for each row of another table; the parent's id is the path's parameter and is written into each row.
    ListEach {
        /// Whose ids are asked.
        parents: Parents,
        /// The list of one parent.
        endpoint: &'static Endpoint,
        /// Parameters beside those of paging.
        query: Query,
        /// The member of each row, at its top level, that the parent's id is written into before `redact`.
        parent_as: &'static str,
    },
    /// One object for each row of another table, replacing or completing what the list tells.
    ///
    /// Where the parents are the table itself, each object's members are laid over the row that the table's own list
    /// gave (`organizations` has no such list: its parent is the organization of the connection).
    ReadEach {
        /// Whose ids are asked.
        parents: Parents,
        /// The object of one parent.
        endpoint: &'static Endpoint,
    },
    /// Rows made from each received (not yet redacted) row of another table, e.g. the IP addresses of a device.
    From {
        /// The other table.
        table: &'static str,
        /// The members, at the top level, that `rows` sees.
        sees: &'static [&'static str],
        /// Makes the rows, given an object of what there is of those members.
        rows: fn(&Value) -> Vec<Value>,
    },
}

/// The rows of another table whose ids are asked one by one.
#[derive(Debug, Clone, Copy)]
pub struct Parents {
    /// The parent table's name.
    pub table: &'static str,
    /// Which of its rows (as received); all of them without it.
    pub only: Option<fn(&Value) -> bool>,
}

/// What identifies a row within its organization.
#[derive(Debug)]
pub enum Id {
    /// The first of these members that is there, e.g. `_id`, then `id`.
    Member(&'static [&'static str]),
    /// Several members together, joined by `/`, e.g. both ends of a binding.
    Joined(&'static [&'static str]),
    /// Several members joined by `/` that mostly tell rows apart: where they do not, a hash of the content after `~` does.
    Loose(&'static [&'static str]),
}

impl Id {
    /// One id is one thing, so that two rows with the same id are the same row told twice.
    pub fn is_unique(&self) -> bool {
        !matches!(self, Self::Loose(_))
    }

    /// The id of a received row where a single member holds it.
    pub fn member_of<'a>(&self, row: &'a Value) -> Option<&'a str> {
        let Self::Member(names) = self else { return None };
        names.iter().find_map(|name| row.get(name)?.as_str())
    }
}

impl Source {
    /// The only source of a table: one list.
    const fn list(endpoint: &'static Endpoint) -> Self {
        Self { part: "", ask: Ask::List { endpoint, query: &[] }, optional: false }
    }

    /// The only source of a table: one list for each row of another table.
    const fn list_each(table: &'static str, endpoint: &'static Endpoint, parent_as: &'static str) -> Self {
        let parents = Parents { table, only: None };
        Self { part: "", ask: Ask::ListEach { parents, endpoint, query: &[], parent_as }, optional: false }
    }

    /// One object for each of some rows of another table.
    const fn read_each(parents: Parents, endpoint: &'static Endpoint) -> Self {
        Self { part: "", ask: Ask::ReadEach { parents, endpoint }, optional: false }
    }

    /// The only source of a table: rows made from those of another.
    const fn from(table: &'static str, sees: &'static [&'static str], rows: fn(&Value) -> Vec<Value>) -> Self {
        Self { part: "", ask: Ask::From { table, sees, rows }, optional: false }
    }

    /// One of several sources of a table.
    const fn part(mut self, part: &'static str) -> Self {
        self.part = part;
        self
    }

    /// A source that some plans or roles do not have.
    const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

impl Parents {
    /// Every row of a table.
    const fn all(table: &'static str) -> Self {
        Self { table, only: None }
    }
}

/// The id of a received row in either of its spellings: `_id` (V1) or `id`.
fn id_of(row: &Value) -> &Value {
    row.get("_id").or_else(|| row.get("id")).unwrap_or(&Value::Null)
}

mod address;
mod certificate;
mod graph;
mod redact;
mod secret_scan;
mod ssh_key;

#[cfg(test)]
pub(crate) use redact::holds_secret;
pub use redact::{Redact, may_hold_secret, secrets};

mod access_requests;
mod active_directories;
mod administrators;
mod alert_rules;
mod apple_mdms;
mod applications;
mod approval_flows;
mod associations;
mod authentication_policies;
mod commands;
mod device_contacts;
mod device_group_users;
mod device_groups;
mod device_local_users;
mod devices;
mod directories;
mod duo_accounts;
mod google_workspaces;
mod group_members;
mod group_memberships;
mod identity_providers;
mod insights;
mod ip_addresses;
mod ip_list_entries;
mod ip_lists;
mod ldap_servers;
mod microsoft_365s;
mod notification_channels;
mod organizations;
mod password_policies;
mod policies;
mod policy_groups;
mod policy_statuses;
mod radius_servers;
mod roles;
mod scheduled_user_states;
mod service_accounts;
mod software_apps;
mod subscriptions;
mod user_groups;
mod user_ssh_keys;
mod users;
mod workdays;

/// Every collected table, in the order in which they are shown. Parents come before what is read by their ids.
pub static ALL: &[&Collected] = &[
    &organizations::ORGANIZATIONS,
    &subscriptions::SUBSCRIPTIONS,
    &administrators::ADMINISTRATORS,
    &roles::ROLES,
    &service_accounts::SERVICE_ACCOUNTS,
    &users::USERS,
    &user_ssh_keys::USER_SSH_KEYS,
    &scheduled_user_states::SCHEDULED_USER_STATES,
    &devices::DEVICES,
    &device_contacts::DEVICE_CONTACTS,
    &device_local_users::DEVICE_LOCAL_USERS,
    &ip_addresses::IP_ADDRESSES,
    &user_groups::USER_GROUPS,
    &device_groups::DEVICE_GROUPS,
    &policy_groups::POLICY_GROUPS,
    &group_members::GROUP_MEMBERS,
    &group_memberships::GROUP_MEMBERSHIPS,
    &device_group_users::DEVICE_GROUP_USERS,
    &applications::APPLICATIONS,
    &authentication_policies::AUTHENTICATION_POLICIES,
    &ip_lists::IP_LISTS,
    &ip_list_entries::IP_LIST_ENTRIES,
    &password_policies::PASSWORD_POLICIES,
    &approval_flows::APPROVAL_FLOWS,
    &access_requests::ACCESS_REQUESTS,
    &identity_providers::IDENTITY_PROVIDERS,
    &directories::DIRECTORIES,
    &active_directories::ACTIVE_DIRECTORIES,
    &active_directories::ACTIVE_DIRECTORY_AGENTS,
    &google_workspaces::GOOGLE_WORKSPACES,
    &microsoft_365s::MICROSOFT_365S,
    &ldap_servers::LDAP_SERVERS,
    &ldap_servers::SAMBA_DOMAINS,
    &radius_servers::RADIUS_SERVERS,
    &workdays::WORKDAYS,
    &policies::POLICIES,
    &policy_statuses::POLICY_STATUSES,
    &policy_statuses::POLICY_RESULTS,
    &commands::COMMANDS,
    &software_apps::SOFTWARE_APPS,
    &software_apps::SOFTWARE_APP_STATUSES,
    &apple_mdms::APPLE_MDMS,
    &apple_mdms::APPLE_MDM_DEVICES,
    &duo_accounts::DUO_ACCOUNTS,
    &duo_accounts::DUO_APPLICATIONS,
    &notification_channels::NOTIFICATION_CHANNELS,
    &alert_rules::ALERT_RULES,
    &associations::ASSOCIATIONS,
    &insights::INSIGHTS_COLLECTIONS,
    &insights::INSIGHTS_OS_VERSION,
    &insights::INSIGHTS_SYSTEM_INFO,
    &insights::INSIGHTS_DISK_ENCRYPTION,
    &insights::INSIGHTS_BITLOCKER_INFO,
    &insights::INSIGHTS_ALF,
    &insights::INSIGHTS_WINDOWS_SECURITY_CENTER,
    &insights::INSIGHTS_WINDOWS_SECURITY_PRODUCTS,
    &insights::INSIGHTS_PATCHES,
    &insights::INSIGHTS_USERS,
    &insights::INSIGHTS_AUTHORIZED_KEYS,
    &insights::INSIGHTS_USER_SSH_KEYS,
    &insights::INSIGHTS_USER_GROUPS,
    &insights::INSIGHTS_GROUPS,
    &insights::INSIGHTS_LOGGED_IN_USERS,
    &insights::INSIGHTS_APPS,
    &insights::INSIGHTS_PROGRAMS,
    &insights::INSIGHTS_LINUX_PACKAGES,
    &insights::INSIGHTS_CHROME_EXTENSIONS,
    &insights::INSIGHTS_FIREFOX_ADDONS,
    &insights::INSIGHTS_SAFARI_EXTENSIONS,
    &insights::INSIGHTS_BROWSER_PLUGINS,
    &insights::INSIGHTS_SIP_CONFIG,
    &insights::INSIGHTS_SECUREBOOT,
    &insights::INSIGHTS_TPM_INFO,
    &insights::INSIGHTS_KERNEL_INFO,
    &insights::INSIGHTS_SHARING_PREFERENCES,
    &insights::INSIGHTS_INTERFACE_DETAILS,
    &insights::INSIGHTS_CERTIFICATES,
    &insights::INSIGHTS_SERVICES,
    &insights::INSIGHTS_USB_DEVICES,
    &insights::INSIGHTS_SHARED_FOLDERS,
    &insights::INSIGHTS_MANAGED_POLICIES,
];

/// What each table is asked by, for evidence.
pub fn asked_by() -> BTreeMap<String, String> {
    ALL.iter().map(|collected| (collected.table.name.to_owned(), collected.fact.to_owned())).collect()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_simulated;
