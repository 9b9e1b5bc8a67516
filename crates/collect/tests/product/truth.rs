//! What the simulator's oracle says that each table must hold. The oracle speaks JumpCloud's words; here they meet ours.

use std::collections::BTreeSet;

use simulator::Oracle;

use crate::support::{Scenario, texts};

/// Which of the oracle's resources make up a table whose rows keep their ids.
const IDS: &[(&str, &str)] = &[
    ("users", "systemusers"),
    ("devices", "systems"),
    ("device_contacts", "systems"),
    ("administrators", "administrators"),
    ("roles", "roles"),
    ("applications", "applications"),
    ("user_groups", "usergroups"),
    ("device_groups", "systemgroups"),
    ("policy_groups", "policygroups"),
    ("policies", "policies"),
    ("policy_results", "policyresults"),
    ("commands", "commands"),
    ("authentication_policies", "authn_policies"),
    ("ip_lists", "iplists"),
    ("directories", "directories"),
    ("active_directories", "activedirectories"),
    ("active_directory_agents", "activedirectory_agents"),
    ("google_workspaces", "gsuites"),
    ("microsoft_365s", "office365s"),
    ("ldap_servers", "ldapservers"),
    ("samba_domains", "sambadomains"),
    ("radius_servers", "radiusservers"),
    ("workdays", "workdays"),
    ("apple_mdms", "applemdms"),
    ("apple_mdm_devices", "applemdm_devices"),
    ("software_apps", "softwareapps"),
    ("approval_flows", "approvalflows"),
    ("access_requests", "approvalflowrequests"),
    ("notification_channels", "notification_channels"),
    ("alert_rules", "healthmonitoring_rules"),
];

/// Tables that are held against a number of rows, and the resource that has it.
const COUNTS: &[(&str, &str)] = &[
    ("device_local_users", "system_local_users"),
    ("ip_addresses", "system_addresses"),
    ("user_ssh_keys", "ssh_keys"),
    ("ip_list_entries", "iplist_entries"),
    ("policy_statuses", "policystatuses"),
    ("software_app_statuses", "softwareapp_statuses"),
    ("identity_providers", "identity_providers"),
    ("subscriptions", "subscriptions"),
    ("duo_accounts", "duo_accounts"),
    ("duo_applications", "duo_applications"),
    ("password_policies", "passwordpolicies"),
    ("scheduled_user_states", "userstates"),
];

/// Tables of pairs: their two columns, and the relations that make them up.
const PAIRS: &[(&str, [&str; 2], &[&str])] = &[
    ("group_members", ["group_id", "member_id"], &["usergroup_members", "systemgroup_members", "policygroup_members"]),
    ("group_memberships", ["group_id", "member_id"], &["usergroup_membership", "systemgroup_membership"]),
    ("device_group_users", ["device_group_id", "user_id"], &["systemgroup_users"]),
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

/// Tables that are compared in a way of their own, or not at all: the organization is one row, and the role of these
/// tests may not read service accounts.
const OTHERWISE: &[&str] = &["organizations", "service_accounts", "associations"];

#[test]
fn no_table_is_forgotten_when_they_are_held_against_the_oracle() {
    let mut known: BTreeSet<&str> = OTHERWISE.iter().copied().collect();
    known.extend(IDS.iter().chain(COUNTS).map(|(table, _)| *table));
    known.extend(PAIRS.iter().map(|(table, ..)| *table));
    let tables = collect::tables::ALL.iter().map(|collected| collected.table.name);
    let forgotten: Vec<_> = tables.filter(|name| !name.starts_with("insights_") && !known.contains(name)).collect();
    assert!(forgotten.is_empty(), "add them to a list of this file: {forgotten:?}");
}

/// Compares every collected table that the oracle knows, id by id and pair by pair.
pub(crate) async fn compare(scenario: &Scenario, number: usize) {
    let oracle = scenario.world.oracle(number);
    let org_id = oracle.organization.to_string();
    let held = scenario.collector.store.rows_held(&org_id).await.unwrap();
    let collected = |table: &str| scenario.collector.tables.iter().any(|collected| collected.table.name == table);
    for (table, resource) in IDS.iter().filter(|(table, _)| collected(table)) {
        let ids = scenario.column(&format!("SELECT id FROM {table} WHERE org_id = '{org_id}'")).await;
        assert_eq!(ids, texts(&oracle.ids[*resource]), "{table}");
    }
    for (table, resource) in COUNTS.iter().filter(|(table, _)| collected(table)) {
        assert_eq!(held[table], oracle.counts[*resource], "{table}");
    }
    for (table, [first, second], relations) in PAIRS.iter().filter(|(table, ..)| collected(table)) {
        let expected = relations.iter().flat_map(|relation| pairs(&oracle, relation)).collect::<BTreeSet<_>>();
        let sql = format!("SELECT {first}, {second} FROM {table} WHERE org_id = '{org_id}'");
        let stored = scenario.ask(&sql).await;
        assert_eq!(stored.len() as u64, held[table], "{table}");
        let stored: BTreeSet<_> = stored.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        assert_eq!(stored, expected, "{table}");
    }
    if collected("associations") {
        let names = BINDINGS.iter().flat_map(|(from, to)| to.iter().map(move |to| format!("associations/{from}/{to}")));
        let expected: BTreeSet<_> =
            names.flat_map(|name| pairs(&oracle, &name)).map(|(from, to)| sorted(from, to)).collect();
        let sql = format!("SELECT from_id, to_id FROM associations WHERE org_id = '{org_id}'");
        let stored: BTreeSet<_> =
            scenario.ask(&sql).await.into_iter().map(|row| sorted(row[0].clone(), row[1].clone())).collect();
        assert_eq!(stored, expected, "associations");
    }
    for (table, rows) in held.iter().filter(|(table, _)| collected(table)) {
        if let Some(insights) = table.strip_prefix("insights_").filter(|table| *table != "collections") {
            let expected = oracle.counts.get(&format!("systeminsights/{insights}")).copied().unwrap_or(0);
            assert_eq!(*rows, expected, "{table}");
        }
    }
}

fn pairs(oracle: &Oracle, relation: &str) -> Vec<(String, String)> {
    let pairs = oracle.pairs.get(relation).map_or(&[][..], Vec::as_slice);
    pairs.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect()
}

/// A binding can be read from either end.
fn sorted(one: String, other: String) -> (String, String) {
    if one <= other { (one, other) } else { (other, one) }
}
