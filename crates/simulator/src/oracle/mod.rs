//! What is true: counts, ids and pairs of every resource, computed from the state by other means than the answers.
//! Responsible for what a complete and correct client must have seen. It never looks at rendered rows.

pub mod checks;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::id::Id;
use crate::life::Change;
use crate::misconfiguration::{self, Misconfiguration};
use crate::state::Organization;
use crate::state::document::Noun;
use crate::state::graph::Kind;
use crate::state::group::Group;
use crate::state::insights;
use crate::state::table::{Identified, Table};
use crate::v2;
use checks::Outcomes;

/// The truth about one organization. Resources are named in JumpCloud's words.
#[derive(Clone, Debug, Serialize)]
pub struct Oracle {
    /// The organization id.
    pub organization: Id,
    /// Its name.
    pub name: String,
    /// Rows of each resource: `systemusers`, `usergroup_members`, `associations/users/system`, `systeminsights/apps`…
    pub counts: BTreeMap<String, u64>,
    /// Ids of each resource that has ids, sorted.
    pub ids: BTreeMap<String, Vec<Id>>,
    /// Pairs of each relation (group and member, source and target), sorted.
    pub pairs: BTreeMap<String, Vec<(Id, Id)>>,
    /// Everything that is badly configured.
    pub misconfigurations: Vec<Misconfiguration>,
    /// What changed since the start, oldest first.
    pub changes: Vec<Change>,
    /// What each check says of each thing, by the check's id; empty unless it was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<&'static str, Outcomes>,
}

/// Documents that are listed under a name.
const DOCUMENTS: &[(&str, Noun)] = &[
    ("activedirectories", Noun::ActiveDirectories),
    ("activedirectory_agents", Noun::ActiveDirectoryAgents),
    ("administrators", Noun::Administrators),
    ("alerts", Noun::Alerts),
    ("applemdms", Noun::AppleMdms),
    ("applications", Noun::Applications),
    ("application_templates", Noun::ApplicationTemplates),
    ("approvalflows", Noun::ApprovalFlows),
    ("approvalflowrequests", Noun::ApprovalRequests),
    ("authn_policies", Noun::AuthnPolicies),
    ("commandresults", Noun::CommandResults),
    ("commands", Noun::Commands),
    ("directories", Noun::Directories),
    ("duo_accounts", Noun::DuoAccounts),
    ("duo_applications", Noun::DuoApplications),
    ("gsuites", Noun::GSuites),
    ("healthmonitoring_rules", Noun::HealthRules),
    ("identity_providers", Noun::IdentityProviders),
    ("iplists", Noun::IpLists),
    ("ldapservers", Noun::LdapServers),
    ("notification_channels", Noun::NotificationChannels),
    ("office365s", Noun::Office365s),
    ("passwordpolicies", Noun::PasswordPolicies),
    ("policies", Noun::Policies),
    ("policytemplates", Noun::PolicyTemplates),
    ("radiusservers", Noun::RadiusServers),
    ("roles", Noun::Roles),
    ("saas_applications", Noun::SaasApplications),
    ("sambadomains", Noun::SambaDomains),
    ("saved_views", Noun::SavedViews),
    ("service_accounts", Noun::ServiceAccounts),
    ("softwareapps", Noun::SoftwareApps),
    ("subscriptions", Noun::Subscriptions),
    ("translationrules", Noun::TranslationRules),
    ("userstates", Noun::UserStates),
    ("workdays", Noun::Workdays),
];

/// Works out the truth about an organization.
pub(crate) fn of(organization: &Organization) -> Oracle {
    let mut oracle = Oracle {
        organization: organization.profile.id,
        name: organization.profile.name.clone(),
        counts: BTreeMap::new(),
        ids: BTreeMap::new(),
        pairs: BTreeMap::new(),
        misconfigurations: misconfiguration::all(organization),
        changes: Vec::new(),
        checks: BTreeMap::new(),
    };
    oracle.put_ids("systemusers", &organization.users);
    oracle.put_ids("systems", &organization.devices);
    for (name, noun) in DOCUMENTS {
        match organization.documents.table(*noun) {
            Some(table) => oracle.put_ids(name, table),
            None => oracle.put_ids::<crate::state::document::Document>(name, &Table::new(Vec::new())),
        }
    }
    // Subscriptions are listed without ids.
    oracle.ids.remove("subscriptions");
    let runs = organization.policy_runs();
    oracle.put_ids("policystatuses", &runs.statuses.all);
    oracle.put_ids("policyresults", &runs.results.all);
    oracle.put_ids("softwareapp_statuses", &organization.software_statuses().all);
    oracle.put_ids("applemdm_devices", organization.mdm_devices());
    for (singular, table) in [
        ("usergroup", &organization.user_groups),
        ("systemgroup", &organization.device_groups),
        ("policygroup", &organization.policy_groups),
    ] {
        oracle.put_ids(&format!("{singular}s"), table);
        oracle.put_pairs(
            &format!("{singular}_members"),
            table.iter().flat_map(|group| group.members.iter().map(|member| (group.id, *member))),
        );
        oracle.put_pairs(
            &format!("{singular}_membership"),
            table.iter().flat_map(|group| effective(table, group.id).into_iter().map(|member| (group.id, member))),
        );
    }
    oracle.put_pairs("systemgroup_users", systemgroup_users(organization));
    oracle.put_associations(organization);
    oracle.put_details(organization);
    for table in insights::names() {
        oracle.put_count(&format!("systeminsights/{table}"), insights::total(organization, table) as usize);
        oracle.put_count(&format!("systeminsights_reports/{table}"), insights::reports(organization, table));
    }
    oracle
}

impl Oracle {
    fn put_ids<T: Identified>(&mut self, name: &str, table: &Table<T>) {
        let mut ids: Vec<Id> = table.iter().map(Identified::id).collect();
        ids.sort_unstable();
        self.counts.insert(name.to_owned(), ids.len() as u64);
        self.ids.insert(name.to_owned(), ids);
    }

    fn put_count(&mut self, name: &str, count: usize) {
        self.counts.insert(name.to_owned(), count as u64);
    }

    /// What stands inside of the rows of users, devices and IP lists.
    fn put_details(&mut self, organization: &Organization) {
        let with_agent = || organization.devices.iter().filter(|device| device.platform.has_agent());
        // A card and the loopback, with an address of each family.
        let interfaces = with_agent().count() * 4;
        self.put_count("network_interfaces", interfaces);
        // Beside those, every device was seen from somewhere.
        self.put_count("system_addresses", interfaces + organization.devices.iter().count());
        // Every agent finds the account that comes with the system.
        let accounts = with_agent()
            .map(|device| 1 + usize::from(device.primary_user.is_some()) + usize::from(device.unmanaged_admin))
            .sum();
        self.put_count("system_local_users", accounts);
        self.put_count("ssh_keys", organization.users.iter().map(|user| usize::from(user.ssh_keys)).sum());
        let lists = organization.documents.table(Noun::IpLists);
        let entries = lists.iter().flat_map(|lists| lists.iter()).filter_map(|list| list.body["ips"].as_array());
        self.put_count("iplist_entries", entries.map(Vec::len).sum());
    }

    fn put_pairs(&mut self, name: &str, pairs: impl IntoIterator<Item = (Id, Id)>) {
        let mut pairs: Vec<(Id, Id)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        self.counts.insert(name.to_owned(), pairs.len() as u64);
        self.pairs.insert(name.to_owned(), pairs);
    }

    /// Associations are readable from both ends; each end has its own name.
    fn put_associations(&mut self, organization: &Organization) {
        let mut found: BTreeMap<String, Vec<(Id, Id)>> = BTreeMap::new();
        for (collection, targets) in v2::association_targets() {
            for target in targets {
                found.insert(format!("associations/{collection}/{}", target.as_str()), Vec::new());
            }
        }
        for binding in organization.graph.bindings() {
            for (from, to) in [(binding.from, binding.to), (binding.to, binding.from)] {
                // No route shows software from the side of a device.
                if to.kind == Kind::SoftwareApp {
                    continue;
                }
                let name = format!("associations/{}/{}", collection(from.kind), to.kind.as_str());
                found.entry(name).or_default().push((from.id, to.id));
            }
        }
        for (name, pairs) in found {
            self.put_pairs(&name, pairs);
        }
    }
}

/// The members of a group and of the groups nested in it, each once.
pub(crate) fn effective(table: &Table<Group>, group: Id) -> BTreeSet<Id> {
    let mut members = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut pending = vec![group];
    while let Some(group) = pending.pop().and_then(|id| table.get(id)) {
        if seen.insert(group.id) {
            members.extend(&group.members);
            pending.extend(&group.nested);
        }
    }
    members
}

/// Device group and user, for everyone who gets onto the group's devices by a binding of the group.
fn systemgroup_users(organization: &Organization) -> BTreeSet<(Id, Id)> {
    let mut pairs = BTreeSet::new();
    for binding in organization.graph.bindings() {
        for (group, holder) in [(binding.from, binding.to), (binding.to, binding.from)] {
            match (group.kind, holder.kind) {
                (Kind::SystemGroup, Kind::User) => {
                    pairs.insert((group.id, holder.id));
                }
                (Kind::SystemGroup, Kind::UserGroup) => {
                    pairs.extend(
                        effective(&organization.user_groups, holder.id).into_iter().map(|user| (group.id, user)),
                    );
                }
                _ => {}
            }
        }
    }
    pairs
}

/// The path name of a kind's collection.
fn collection(kind: Kind) -> &'static str {
    match kind {
        Kind::ActiveDirectory => "activedirectories",
        Kind::Application => "applications",
        Kind::Command => "commands",
        Kind::GSuite => "gsuites",
        Kind::IdpRoutingPolicy => "idp-routing-policies",
        Kind::LdapServer => "ldapservers",
        Kind::Office365 => "office365s",
        Kind::PasswordManagerItem => "passwordmanager",
        Kind::Policy => "policies",
        Kind::PolicyGroup => "policygroups",
        Kind::RadiusServer => "radiusservers",
        Kind::SoftwareApp => "softwareapps",
        Kind::System => "systems",
        Kind::SystemGroup => "systemgroups",
        Kind::User => "users",
        Kind::UserGroup => "usergroups",
    }
}
