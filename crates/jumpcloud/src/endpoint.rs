//! The closed list of everything that may be asked of JumpCloud. An [`Endpoint`] has no public constructor,
//! so a path that is not listed here cannot be sent, and none that is listed changes anything or returns a
//! recovery key. How an endpoint is called is in `client.rs`.
//!
//! To add one: a line in [`endpoints`], in the family whose paging it follows. The tests below refuse
//! duplicates, other methods and every route of the never-call list.

/// One thing that may be asked: a method, a path template and how its lists are paged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    path: &'static str,
    pub(crate) method: Method,
    pub(crate) family: Family,
}

/// The two methods that reading needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

/// How an endpoint answers and pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// One object, no pages.
    One,
    /// V1: `{"totalCount", "results"}`, sorted by `_id`.
    V1,
    /// V2 flat list that accepts `sort`: bare array, total in `x-total-count`.
    Sorted,
    /// V2 flat list without `sort`.
    Plain,
    /// V2 graph list: pages may be short or hold `null` in the middle.
    Graph,
    /// System Insights: bare array, up to 10,000 rows a page.
    Table,
    /// Newer lists: an object that holds one array, and perhaps a total.
    Wrapped,
    /// SaaS management: as `Wrapped`, but paged by `offset`.
    Offset,
    /// A bare array that knows no pages.
    Whole,
    /// Directory Insights: `search_after` in the body, so the caller pages.
    Events,
}

impl Family {
    /// Returns the most rows that a page of this family may hold; more is answered by 400.
    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Table | Self::Events => 10_000,
            _ => 100,
        }
    }

    /// Returns the `sort` that keeps rows in place while paging, where one is accepted.
    pub(crate) const fn sort(self) -> Option<&'static str> {
        match self {
            Self::V1 => Some("_id"),
            Self::Sorted => Some("id"),
            _ => None,
        }
    }

    /// Tells whether the family answers a list that [`crate::Client::list`] can page through.
    pub(crate) const fn is_list(self) -> bool {
        !matches!(self, Self::One | Self::Events)
    }
}

/// Routes above organizations, which refuse `x-org-id` with 403 (observed in JumpCloud's own SDK).
const ABOVE_ORGANIZATIONS: &[&str] = &[
    "/api/search/organizations",
    "/api/organizations",
    "/api/users",
    "/api/v2/organizations",
    "/api/v2/administrators",
    "/api/v2/providers",
    "/api/v2/integrations/",
];

const INSIGHTS: &str = "/insights/directory/v1/";

impl Endpoint {
    const fn get(path: &'static str, family: Family) -> Self {
        Self { path, method: Method::Get, family }
    }

    const fn post(path: &'static str, family: Family) -> Self {
        Self { path, method: Method::Post, family }
    }

    /// Returns the name used in messages and counters: the path template without its API prefix.
    pub fn name(&self) -> &'static str {
        ["/api/v2/", "/api/", INSIGHTS].iter().find_map(|prefix| self.path.strip_prefix(prefix)).unwrap_or(self.path)
    }

    /// Returns the path template, such as `/api/v2/usergroups/{id}/members`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Returns `GET`, or `POST` for the few reads that take a body.
    pub fn method(&self) -> &'static str {
        match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }

    /// Tells whether the endpoint answers a list that [`crate::Client::list`] reads to its end.
    pub fn is_list(&self) -> bool {
        self.family.is_list()
    }

    /// Tells whether the list counts entries in its total that its pages leave out: graph lists drop what vanished.
    pub fn may_drop_rows(&self) -> bool {
        self.family == Family::Graph
    }

    /// Tells whether the endpoint lives on the Directory Insights host.
    pub(crate) fn is_insights(&self) -> bool {
        self.path.starts_with(INSIGHTS)
    }

    /// Tells whether `x-org-id` may be sent. Where it may not, the answer can span every organization that the
    /// credential sees.
    pub fn takes_organization(&self) -> bool {
        !ABOVE_ORGANIZATIONS.iter().any(|prefix| self.path.starts_with(prefix))
    }

    /// Returns the path with `ids` in its places, or why that cannot be.
    pub(crate) fn path_for(&self, ids: &[&str]) -> Result<String, String> {
        let mut path = String::with_capacity(self.path.len() + 24 * ids.len());
        let mut ids = ids.iter();
        for segment in self.path.split('/').skip(1) {
            path.push('/');
            if segment.starts_with('{') {
                let id = ids.next().ok_or("an id is missing for its path")?;
                if !is_id(id) {
                    return Err("the id for its path has characters that no id has".to_owned());
                }
                path.push_str(id);
            } else {
                path.push_str(segment);
            }
        }
        match ids.next() {
            None => Ok(path),
            Some(_) => Err("there are more ids than places in its path".to_owned()),
        }
    }
}

/// Tells whether `id` can stand in a path without becoming another path.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 200
        && !id.contains("..")
        && id != "."
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Every endpoint that this client can ask, by name.
pub mod endpoints {
    use super::{Endpoint, Family};

    macro_rules! endpoints {
        ($($method:ident $family:ident { $($name:ident = $path:literal;)* })*) => {
            $($(
                #[doc = concat!("`", $path, "`")]
                pub const $name: Endpoint = Endpoint::$method($path, Family::$family);
            )*)*
            const NAMED: &[&Endpoint] = &[$($(&$name,)*)*];
        };
    }

    macro_rules! tables {
        ($($table:literal)*) => {
            /// The System Insights tables, one endpoint each, named `systeminsights/<table>`.
            pub const SYSTEM_INSIGHTS: &[&Endpoint] = &[
                $(&Endpoint::get(concat!("/api/v2/systeminsights/", $table), Family::Table),)*
            ];
        };
    }

    /// Everything that this client can ask.
    pub const ALL: &[&Endpoint] = &JOINED;
    const JOINED: [&Endpoint; NAMED.len() + SYSTEM_INSIGHTS.len()] = {
        let mut all = [NAMED[0]; NAMED.len() + SYSTEM_INSIGHTS.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = if at < NAMED.len() { NAMED[at] } else { SYSTEM_INSIGHTS[at - NAMED.len()] };
            at += 1;
        }
        all
    };

    /// Returns the endpoint of a System Insights table (`apps`, `os_version`, …).
    pub fn systeminsights(table: &str) -> Option<&'static Endpoint> {
        SYSTEM_INSIGHTS.iter().copied().find(|endpoint| endpoint.name().strip_prefix("systeminsights/") == Some(table))
    }

    endpoints! {
        get V1 {
            SYSTEMUSERS = "/api/systemusers";
            SYSTEMS = "/api/systems";
            APPLICATIONS = "/api/applications";
            APPLICATION_TEMPLATES = "/api/application-templates";
            ORGANIZATIONS = "/api/organizations";
            ADMINISTRATORS = "/api/users";
            COMMANDS = "/api/commands";
            COMMANDRESULTS = "/api/commandresults";
            RADIUSSERVERS = "/api/radiusservers";
        }
        get One {
            SYSTEMUSER = "/api/systemusers/{id}";
            SYSTEM = "/api/systems/{id}";
            APPLICATION = "/api/applications/{id}";
            ORGANIZATION = "/api/organizations/{id}";
            ADMINISTRATOR_SELF = "/api/users/getSelf";
            COMMAND = "/api/commands/{id}";
            COMMANDRESULT = "/api/commandresults/{id}";
            RADIUSSERVER = "/api/radiusservers/{id}";
            USERGROUP = "/api/v2/usergroups/{id}";
            SYSTEMGROUP = "/api/v2/systemgroups/{id}";
            POLICYGROUP = "/api/v2/policygroups/{id}";
            POLICY = "/api/v2/policies/{id}";
            POLICYTEMPLATE = "/api/v2/policytemplates/{id}";
            AUTHN_POLICY = "/api/v2/authn/policies/{id}";
            IPLIST = "/api/v2/iplists/{id}";
            LDAPSERVER = "/api/v2/ldapservers/{id}";
            ACTIVEDIRECTORY = "/api/v2/activedirectories/{id}";
            GSUITE = "/api/v2/gsuites/{id}";
            OFFICE365 = "/api/v2/office365s/{id}";
            WORKDAY = "/api/v2/workdays/{id}";
            SOFTWAREAPP = "/api/v2/softwareapps/{id}";
            DUO_ACCOUNT = "/api/v2/duo/accounts/{id}";
            SERVICE_ACCOUNT = "/api/v2/service-accounts/{id}";
            PASSWORDPOLICY = "/api/v2/passwordpolicies/{id}";
            PROVIDER = "/api/v2/providers/{id}";
        }
        get Sorted {
            USERGROUPS = "/api/v2/usergroups";
            SYSTEMGROUPS = "/api/v2/systemgroups";
            POLICYGROUPS = "/api/v2/policygroups";
            GROUPS = "/api/v2/groups";
            POLICIES = "/api/v2/policies";
            POLICYRESULTS = "/api/v2/policyresults";
            POLICYTEMPLATES = "/api/v2/policytemplates";
            POLICY_POLICYSTATUSES = "/api/v2/policies/{id}/policystatuses";
            POLICY_POLICYRESULTS = "/api/v2/policies/{id}/policyresults";
            SYSTEM_POLICYSTATUSES = "/api/v2/systems/{id}/policystatuses";
            AUTHN_POLICIES = "/api/v2/authn/policies";
            IPLISTS = "/api/v2/iplists";
            DIRECTORIES = "/api/v2/directories";
            LDAPSERVERS = "/api/v2/ldapservers";
            LDAPSERVER_SAMBADOMAINS = "/api/v2/ldapservers/{id}/sambadomains";
            ACTIVEDIRECTORIES = "/api/v2/activedirectories";
            ACTIVEDIRECTORY_AGENTS = "/api/v2/activedirectories/{id}/agents";
            GSUITE_TRANSLATIONRULES = "/api/v2/gsuites/{id}/translationrules";
            OFFICE365_TRANSLATIONRULES = "/api/v2/office365s/{id}/translationrules";
            WORKDAYS = "/api/v2/workdays";
            APPLEMDM_DEVICES = "/api/v2/applemdms/{id}/devices";
            SOFTWAREAPPS = "/api/v2/softwareapps";
            SOFTWAREAPP_STATUSES = "/api/v2/softwareapps/{id}/statuses";
        }
        get Plain {
            APPLEMDMS = "/api/v2/applemdms";
            BULK_USERSTATES = "/api/v2/bulk/userstates";
            ORGANIZATION_ADMINISTRATORLINKS = "/api/v2/organizations/{id}/administratorlinks";
        }
        get Graph {
            USERGROUP_MEMBERS = "/api/v2/usergroups/{id}/members";
            USERGROUP_MEMBERSHIP = "/api/v2/usergroups/{id}/membership";
            USERGROUP_ASSOCIATIONS = "/api/v2/usergroups/{id}/associations";
            USERGROUP_APPLICATIONS = "/api/v2/usergroups/{id}/applications";
            USERGROUP_SYSTEMS = "/api/v2/usergroups/{id}/systems";
            USERGROUP_SYSTEMGROUPS = "/api/v2/usergroups/{id}/systemgroups";
            USERGROUP_DIRECTORIES = "/api/v2/usergroups/{id}/directories";
            USERGROUP_LDAPSERVERS = "/api/v2/usergroups/{id}/ldapservers";
            USERGROUP_RADIUSSERVERS = "/api/v2/usergroups/{id}/radiusservers";
            USERGROUP_GSUITES = "/api/v2/usergroups/{id}/gsuites";
            USERGROUP_OFFICE365S = "/api/v2/usergroups/{id}/office365s";
            USERGROUP_ACTIVEDIRECTORIES = "/api/v2/usergroups/{id}/activedirectories";
            SYSTEMGROUP_MEMBERS = "/api/v2/systemgroups/{id}/members";
            SYSTEMGROUP_MEMBERSHIP = "/api/v2/systemgroups/{id}/membership";
            SYSTEMGROUP_ASSOCIATIONS = "/api/v2/systemgroups/{id}/associations";
            SYSTEMGROUP_USERS = "/api/v2/systemgroups/{id}/users";
            SYSTEMGROUP_USERGROUPS = "/api/v2/systemgroups/{id}/usergroups";
            SYSTEMGROUP_POLICIES = "/api/v2/systemgroups/{id}/policies";
            SYSTEMGROUP_POLICYGROUPS = "/api/v2/systemgroups/{id}/policygroups";
            SYSTEMGROUP_COMMANDS = "/api/v2/systemgroups/{id}/commands";
            POLICYGROUP_MEMBERS = "/api/v2/policygroups/{id}/members";
            POLICYGROUP_MEMBERSHIP = "/api/v2/policygroups/{id}/membership";
            POLICYGROUP_ASSOCIATIONS = "/api/v2/policygroups/{id}/associations";
            POLICYGROUP_SYSTEMS = "/api/v2/policygroups/{id}/systems";
            POLICYGROUP_SYSTEMGROUPS = "/api/v2/policygroups/{id}/systemgroups";
            USER_MEMBEROF = "/api/v2/users/{id}/memberof";
            USER_ASSOCIATIONS = "/api/v2/users/{id}/associations";
            USER_SYSTEMS = "/api/v2/users/{id}/systems";
            USER_APPLICATIONS = "/api/v2/users/{id}/applications";
            SYSTEM_MEMBEROF = "/api/v2/systems/{id}/memberof";
            SYSTEM_USERS = "/api/v2/systems/{id}/users";
            SYSTEM_USERGROUPS = "/api/v2/systems/{id}/usergroups";
            SYSTEM_POLICIES = "/api/v2/systems/{id}/policies";
            SYSTEM_ASSOCIATIONS = "/api/v2/systems/{id}/associations";
            POLICY_ASSOCIATIONS = "/api/v2/policies/{id}/associations";
            POLICY_SYSTEMS = "/api/v2/policies/{id}/systems";
            POLICY_SYSTEMGROUPS = "/api/v2/policies/{id}/systemgroups";
            APPLICATION_ASSOCIATIONS = "/api/v2/applications/{id}/associations";
            APPLICATION_USERS = "/api/v2/applications/{id}/users";
            APPLICATION_USERGROUPS = "/api/v2/applications/{id}/usergroups";
            ACTIVEDIRECTORY_ASSOCIATIONS = "/api/v2/activedirectories/{id}/associations";
            GSUITE_ASSOCIATIONS = "/api/v2/gsuites/{id}/associations";
            OFFICE365_ASSOCIATIONS = "/api/v2/office365s/{id}/associations";
            LDAPSERVER_ASSOCIATIONS = "/api/v2/ldapservers/{id}/associations";
            RADIUSSERVER_ASSOCIATIONS = "/api/v2/radiusservers/{id}/associations";
            SOFTWAREAPP_ASSOCIATIONS = "/api/v2/softwareapps/{id}/associations";
            SOFTWAREAPP_SYSTEMS = "/api/v2/softwareapps/{id}/systems";
            SOFTWAREAPP_SYSTEMGROUPS = "/api/v2/softwareapps/{id}/systemgroups";
            COMMAND_ASSOCIATIONS = "/api/v2/commands/{id}/associations";
            COMMAND_SYSTEMS = "/api/v2/commands/{id}/systems";
            COMMAND_SYSTEMGROUPS = "/api/v2/commands/{id}/systemgroups";
        }
        get Wrapped {
            SERVICE_ACCOUNTS = "/api/v2/service-accounts";
            ROLES = "/api/v2/roles";
            IDENTITY_PROVIDERS = "/api/v2/identity-providers";
            NOTIFICATION_CHANNELS = "/api/v2/notifications/channels";
            ALERTS = "/api/v2/alerts";
            HEALTHMONITORING_RULES = "/api/v2/healthmonitoring/rules";
            PASSWORDPOLICIES = "/api/v2/passwordpolicies";
            APPROVALFLOWS = "/api/v2/approvalflows";
            APPROVALFLOWREQUESTS = "/api/v2/approvalflowrequest";
            PROVIDERS = "/api/v2/providers";
            PROVIDER_ORGANIZATIONS = "/api/v2/providers/{id}/organizations";
            PROVIDER_ADMINISTRATORS = "/api/v2/providers/{id}/administrators";
        }
        get Offset {
            SAAS_APPLICATIONS = "/api/v2/saas-management/applications";
        }
        get Whole {
            SUBSCRIPTIONS = "/api/v2/subscriptions";
            DUO_ACCOUNTS = "/api/v2/duo/accounts";
            DUO_APPLICATIONS = "/api/v2/duo/accounts/{id}/applications";
            USER_PUSHENDPOINTS = "/api/v2/users/{id}/pushendpoints";
        }
        post V1 {
            SEARCH_SYSTEMUSERS = "/api/search/systemusers";
            SEARCH_SYSTEMS = "/api/search/systems";
            SEARCH_COMMANDS = "/api/search/commands";
            SEARCH_COMMANDRESULTS = "/api/search/commandresults";
            SEARCH_ORGANIZATIONS = "/api/search/organizations";
        }
        post Events {
            EVENTS = "/insights/directory/v1/events";
        }
        post One {
            EVENTS_COUNT = "/insights/directory/v1/events/count";
            EVENTS_DISTINCT = "/insights/directory/v1/events/distinct";
            EVENTS_INTERVAL = "/insights/directory/v1/events/interval";
        }
    }

    tables! {
        "alf" "alf_exceptions" "alf_explicit_auths" "appcompat_shims" "apps" "authorized_keys"
        "azure_instance_metadata" "azure_instance_tags" "battery" "bitlocker_info" "browser_plugins"
        "certificates" "chassis_info" "chrome_extensions" "connectivity" "crashes" "cups_destinations"
        "disk_encryption" "disk_info" "dns_resolvers" "etc_hosts" "firefox_addons" "groups"
        "ie_extensions" "interface_addresses" "interface_details" "kernel_info" "launchd"
        "linux_packages" "logged_in_users" "logical_drives" "managed_policies" "mounts" "os_version"
        "patches" "programs" "python_packages" "safari_extensions" "scheduled_tasks" "secureboot"
        "services" "shadow" "shared_folders" "shared_resources" "sharing_preferences" "sip_config"
        "startup_items" "system_controls" "system_info" "tpm_info" "uptime" "usb_devices" "user_groups"
        "user_ssh_keys" "userassist" "users" "wifi_networks" "wifi_status" "windows_security_center"
        "windows_security_products"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_reads_are_listed_and_nothing_of_the_never_call_list() {
        const NEVER: &[&str] = &[
            "fdekey",
            "bypasscodes",
            "recoverylock",
            "depkey",
            "csr",
            "passwordmanager",
            "runcommand",
            "trigger",
            "totpinfo",
            "sshkeys",
            "erase",
            "lock/",
            "restart",
            "shutdown",
            "reports",
        ];
        for endpoint in endpoints::ALL {
            let path = endpoint.path();
            if endpoint.method() == "POST" {
                assert!(
                    path.starts_with("/api/search/") || path.starts_with("/insights/directory/v1/events"),
                    "{path}"
                );
            } else {
                assert_eq!(endpoint.method(), "GET");
            }
            let lower = path.to_lowercase();
            assert!(!NEVER.iter().any(|word| lower.contains(word)), "{path}");
        }
    }

    #[test]
    fn every_endpoint_has_its_own_name_and_a_plain_path() {
        let names: BTreeSet<_> = endpoints::ALL.iter().map(|e| e.name()).collect();
        assert_eq!(names.len(), endpoints::ALL.len());
        for endpoint in endpoints::ALL {
            let path = endpoint.path();
            assert!(path.starts_with("/api/") || path.starts_with("/insights/"), "{path}");
            assert!(!path.ends_with('/') && !path.contains("//") && !path.contains(['?', '#']), "{path}");
            assert!(!endpoint.name().starts_with('/'), "{path}");
        }
    }

    #[test]
    fn system_insights_tables_are_found_by_name() {
        assert_eq!(endpoints::SYSTEM_INSIGHTS.len(), 60);
        let apps = endpoints::systeminsights("apps").unwrap();
        assert_eq!(apps.path(), "/api/v2/systeminsights/apps");
        assert_eq!(apps.family.limit(), 10_000);
        assert_eq!(endpoints::systeminsights("nope"), None);
    }

    #[test]
    fn ids_cannot_leave_their_place_in_the_path() {
        let members = endpoints::USERGROUP_MEMBERS;
        assert_eq!(
            members.path_for(&["65a1b2c3d4e5f60718293a4b"]).unwrap(),
            "/api/v2/usergroups/65a1b2c3d4e5f60718293a4b/members"
        );
        for bad in ["", "..", ".", "a/b", "a?b", "a#b", "%2e%2e", "a b", "a\nb", "ä", "a..b"] {
            assert!(members.path_for(&[bad]).is_err(), "{bad}");
        }
        assert!(members.path_for(&[]).is_err());
        assert!(members.path_for(&["a", "b"]).is_err());
    }

    #[test]
    fn the_organization_header_stays_away_from_routes_above_organizations() {
        assert!(endpoints::SYSTEMUSERS.takes_organization());
        assert!(endpoints::EVENTS.takes_organization());
        for endpoint in [
            endpoints::ORGANIZATIONS,
            endpoints::ORGANIZATION,
            endpoints::ADMINISTRATORS,
            endpoints::ADMINISTRATOR_SELF,
            endpoints::SEARCH_ORGANIZATIONS,
            endpoints::PROVIDER_ORGANIZATIONS,
        ] {
            assert!(!endpoint.takes_organization(), "{}", endpoint.path());
        }
    }
}
