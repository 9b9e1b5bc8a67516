//! What the simulator's oracle says that each table must hold. The oracle speaks JumpCloud's words; here they meet ours.

use simulator::Oracle;

use crate::commands::sync::TableSum;

/// One table's rows beside what there is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) table: &'static str,
    pub(super) rows: u64,
    pub(super) expected: u64,
}

/// Which of the oracle's counts make up a table.
const COUNTS: &[(&str, &[&str])] = &[
    ("users", &["systemusers"]),
    ("devices", &["systems"]),
    ("device_contacts", &["systems"]),
    ("device_local_users", &["system_local_users"]),
    ("ip_addresses", &["system_addresses"]),
    ("user_ssh_keys", &["ssh_keys"]),
    ("administrators", &["administrators"]),
    ("roles", &["roles"]),
    ("applications", &["applications"]),
    ("user_groups", &["usergroups"]),
    ("device_groups", &["systemgroups"]),
    ("policy_groups", &["policygroups"]),
    ("group_members", &["usergroup_members", "systemgroup_members", "policygroup_members"]),
    ("group_memberships", &["usergroup_membership", "systemgroup_membership"]),
    ("device_group_users", &["systemgroup_users"]),
    ("policies", &["policies"]),
    ("policy_statuses", &["policystatuses"]),
    ("policy_results", &["policyresults"]),
    ("commands", &["commands"]),
    ("authentication_policies", &["authn_policies"]),
    ("ip_lists", &["iplists"]),
    ("ip_list_entries", &["iplist_entries"]),
    ("identity_providers", &["identity_providers"]),
    ("directories", &["directories"]),
    ("active_directories", &["activedirectories"]),
    ("active_directory_agents", &["activedirectory_agents"]),
    ("google_workspaces", &["gsuites"]),
    ("microsoft_365s", &["office365s"]),
    ("ldap_servers", &["ldapservers"]),
    ("samba_domains", &["sambadomains"]),
    ("radius_servers", &["radiusservers"]),
    ("workdays", &["workdays"]),
    ("apple_mdms", &["applemdms"]),
    ("apple_mdm_devices", &["applemdm_devices"]),
    ("software_apps", &["softwareapps"]),
    ("software_app_statuses", &["softwareapp_statuses"]),
    ("duo_accounts", &["duo_accounts"]),
    ("duo_applications", &["duo_applications"]),
    ("subscriptions", &["subscriptions"]),
    ("password_policies", &["passwordpolicies"]),
    ("scheduled_user_states", &["userstates"]),
];

/// The same of tables that not every administrator may read; what was refused can not be compared.
const RESTRICTED: &[(&str, &[&str])] = &[
    ("service_accounts", &["service_accounts"]),
    ("notification_channels", &["notification_channels"]),
    ("alert_rules", &["healthmonitoring_rules"]),
    ("approval_flows", &["approvalflows"]),
    ("access_requests", &["approvalflowrequests"]),
];

/// The bindings that are collected, each from one of its two ends.
const BINDINGS: &[(&str, &[&str])] = &[
    ("applications", &["user", "user_group"]),
    ("ldapservers", &["user", "user_group"]),
    ("radiusservers", &["user", "user_group"]),
    ("activedirectories", &["user", "user_group"]),
    ("gsuites", &["user", "user_group"]),
    ("office365s", &["user", "user_group"]),
    ("policies", &["system", "system_group"]),
    ("policygroups", &["system", "system_group"]),
    ("softwareapps", &["system", "system_group"]),
    ("commands", &["system", "system_group"]),
    ("usergroups", &["system", "system_group"]),
    ("systemgroups", &["user"]),
    ("systems", &["user"]),
];

/// Compares every table that the oracle can count.
pub(super) fn compare(oracle: &Oracle, sums: &[(String, TableSum)]) -> Vec<Compared> {
    let count = |name: &str| oracle.counts.get(name).copied().unwrap_or(0);
    let sum = |table: &str| sums.iter().find(|(name, _)| name == table).map(|(_, sum)| sum);
    let rows = |table: &str| sum(table).map_or(0, |sum| sum.held);
    let is_read = |table: &str| sum(table).is_some_and(|sum| sum.lacking.is_empty());
    let mut compared: Vec<Compared> = COUNTS
        .iter()
        .chain(RESTRICTED.iter().filter(|(table, _)| is_read(table)))
        .map(|(table, names)| Compared {
            table,
            rows: rows(table),
            expected: names.iter().map(|name| count(name)).sum(),
        })
        .collect();
    compared.push(Compared { table: "organizations", rows: rows("organizations"), expected: 1 });
    let bindings = BINDINGS
        .iter()
        .flat_map(|(collection, targets)| {
            targets.iter().map(move |target| format!("associations/{collection}/{target}"))
        })
        .map(|name| count(&name))
        .sum();
    compared.push(Compared { table: "associations", rows: rows("associations"), expected: bindings });
    let mut reports = 0;
    for collected in collect::tables::ALL {
        let name = collected.table.name;
        if let Some(table) = name.strip_prefix("insights_").filter(|table| *table != "collections") {
            compared.push(Compared {
                table: name,
                rows: rows(name),
                expected: count(&format!("systeminsights/{table}")),
            });
            reports += count(&format!("systeminsights_reports/{table}"));
        }
    }
    compared.push(Compared { table: "insights_collections", rows: rows("insights_collections"), expected: reports });
    compared
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_table_is_forgotten_when_they_are_compared() {
        let mut known = BTreeSet::from(["organizations", "associations"]);
        known.extend(COUNTS.iter().chain(RESTRICTED).map(|(table, _)| *table));
        let tables = collect::tables::ALL.iter().map(|collected| collected.table.name);
        let forgotten: Vec<_> = tables.filter(|name| !name.starts_with("insights_") && !known.contains(name)).collect();
        assert!(forgotten.is_empty(), "add them to a list of this file: {forgotten:?}");
    }
}
