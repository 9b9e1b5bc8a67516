//! What is badly configured, told from the state: the answer key for checks and reports.
//! Responsible for stating facts with ids. It judges nothing beyond that and knows no product's checks.

use serde::Serialize;

use crate::id::Id;
use crate::state::Organization;
use crate::state::derived::Outcome;
use crate::state::document::Noun;
use crate::state::graph::{Kind, Node};
use crate::state::user::UserState;
use crate::time::{DAY, text};

/// One badly configured thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Misconfiguration {
    /// What is wrong, as a short fixed name such as `user_without_mfa`.
    pub what: &'static str,
    /// The resource in JumpCloud's words (`systemusers`, `systems`, …).
    pub resource: &'static str,
    /// The object; the organization id for settings.
    pub id: Id,
    /// The value that is wrong, for people.
    pub detail: String,
}

/// Everything that is badly configured in an organization.
pub(crate) fn all(organization: &Organization) -> Vec<Misconfiguration> {
    let mut list = List(Vec::new());
    settings(organization, &mut list);
    administrators(organization, &mut list);
    users(organization, &mut list);
    devices(organization, &mut list);
    resources(organization, &mut list);
    list.0
}

struct List(Vec<Misconfiguration>);

impl List {
    fn add(&mut self, when: bool, what: &'static str, resource: &'static str, id: Id, detail: &str) {
        if when {
            self.0.push(Misconfiguration { what, resource, id, detail: detail.to_owned() });
        }
    }
}

fn settings(organization: &Organization, list: &mut List) {
    let id = organization.profile.id;
    let settings = &organization.settings["settings"];
    let password = &settings["passwordPolicy"];
    let mut put = |when: bool, what, detail: &str| list.add(when, what, "organizations", id, detail);
    put(settings["requireAdminMFA"] == false, "admin_mfa_not_required", "requireAdminMFA is false");
    put(settings["systemUsersCanEdit"] == true, "users_can_edit_themselves", "systemUsersCanEdit is true");
    put(password["minLength"].as_i64().is_some_and(|length| length < 12), "short_passwords", "minLength is below 12");
    put(password["enableMaxHistory"] == false, "no_password_history", "enableMaxHistory is false");
    put(password["enableMaxLoginAttempts"] == false, "no_lockout", "enableMaxLoginAttempts is false");
    put(
        password["disallowCommonlyUsedPasswords"] == false,
        "common_passwords_allowed",
        "disallowCommonlyUsedPasswords is false",
    );
    put(password["allowUsernameSubstring"] == true, "username_in_password_allowed", "allowUsernameSubstring is true");
    put(
        password["allowUnenrolledMFAPasswordReset"] == true,
        "reset_without_mfa_allowed",
        "allowUnenrolledMFAPasswordReset is true",
    );
    put(
        settings["userPortal"]["idleSessionDurationMinutes"].as_i64().is_some_and(|minutes| minutes > 60),
        "long_sessions",
        "idleSessionDurationMinutes is above 60",
    );
    put(settings["features"]["directoryInsights"]["enabled"] == false, "directory_insights_off", "not enabled");
    put(settings["features"]["systemInsights"]["enabled"] == false, "system_insights_off", "not enabled");
}

fn administrators(organization: &Organization, list: &mut List) {
    for administrator in organization.documents.iter(Noun::Administrators) {
        let body = &administrator.body;
        let id = administrator.id;
        let mut put = |when: bool, what, detail: &str| list.add(when, what, "administrators", id, detail);
        put(body["enableMultiFactor"] == false, "administrator_without_mfa", "enableMultiFactor is false");
        put(
            body["suspended"] == true && body["apiKeySet"] == true,
            "suspended_administrator_with_key",
            "apiKeySet is true",
        );
        let created = body["apiKeyHash"]["createdAt"].as_str().unwrap_or("");
        let old = !created.is_empty() && created < text(organization.now - 365 * DAY).as_str();
        put(old, "old_api_key", created);
    }
}

fn users(organization: &Organization, list: &mut List) {
    for user in organization.users.iter() {
        let id = user.id;
        let active = user.live();
        // What rows do not tell cannot be held against anyone.
        let told = !user.silent_about_mfa(&organization.profile);
        let mut put = |when: bool, what, detail: &str| list.add(when, what, "systemusers", id, detail);
        put(active && told && !user.mfa.enrolled(), "user_without_mfa", "no factor is enrolled");
        put(active && !user.mfa_required, "mfa_not_required", "enable_user_portal_multifactor is false");
        put(active && user.mfa_excluded_until.is_some(), "mfa_exclusion", "mfa.exclusion is true");
        put(active && user.password_never_expires, "password_never_expires", "password_never_expires is true");
        put(active && user.password_expired, "password_expired", "password_expired is true");
        put(user.sudo, "global_sudo", "sudo is true");
        put(user.passwordless_sudo, "passwordless_sudo", "passwordless_sudo is true");
        put(user.locked_at.is_some(), "account_locked", "account_locked is true");
        put(
            user.state == UserState::Staged && organization.now - user.created_at > 90 * DAY,
            "staged_for_long",
            "staged for more than 90 days",
        );
        let bound = user.state == UserState::Suspended
            && organization.graph.of(Node { kind: Kind::User, id }).any(|binding| binding.removed_at.is_none());
        put(bound, "suspended_user_still_bound", "bindings are left");
    }
}

fn devices(organization: &Organization, list: &mut List) {
    let mut serials: std::collections::HashMap<u32, u32> = std::collections::HashMap::new();
    for device in organization.devices.iter() {
        *serials.entry(device.number).or_default() += 1;
    }
    for device in organization.devices.iter() {
        let id = device.id;
        let mut put = |when: bool, what, detail: &str| list.add(when, what, "systems", id, detail);
        put(device.encrypted == Some(false), "disk_not_encrypted", "fde.active is false");
        put(
            device.encrypted == Some(true) && !device.key_escrowed,
            "recovery_key_not_escrowed",
            "fde.keyPresent is false",
        );
        // What rows do not tell cannot be held against anyone.
        let contact = device.told_contact(&organization.profile);
        put(contact == Some(None), "never_contacted", "lastContact is null");
        let stale = contact.flatten().is_some_and(|at| organization.now - at > 14 * DAY);
        put(stale, "stale_device", "no contact for more than 14 days");
        put(device.ssh_root, "ssh_root_login", "allowSshRootLogin is true");
        put(device.ssh_password, "ssh_password_login", "allowSshPasswordAuthentication is true");
        put(
            device.platform.has_agent() && !device.mfa_login,
            "device_login_without_mfa",
            "allowMultiFactorAuthentication is false",
        );
        put(device.unmanaged_admin, "unmanaged_local_admin", "localadmin");
        put(device.behind > 1, "outdated_system", &device.version());
        put(
            serials.get(&device.number).is_some_and(|count| *count > 1),
            "duplicate_serial",
            "the agent was installed anew",
        );
        put(organization.policy_counts(id).total == 0, "no_policy_bound", "isPolicyBound is false");
    }
}

fn resources(organization: &Organization, list: &mut List) {
    let now = text(organization.now);
    let soon = text(organization.now + 30 * DAY);
    let documents = &organization.documents;
    for application in documents.iter(Noun::Applications) {
        let ends = application.body["sso"]["idpCertExpirationAt"].as_str().unwrap_or("");
        list.add(!ends.is_empty() && ends < soon.as_str(), "certificate_ends", "applications", application.id, ends);
        list.add(
            application.body["active"] == false,
            "inactive_application",
            "applications",
            application.id,
            "active is false",
        );
    }
    for server in documents.iter(Noun::RadiusServers) {
        list.add(server.text("mfa") == "DISABLED", "radius_without_mfa", "radiusservers", server.id, "mfa is DISABLED");
    }
    for policy in documents.iter(Noun::AuthnPolicies) {
        let body = &policy.body;
        list.add(body["disabled"] == true, "access_policy_disabled", "authn_policies", policy.id, "disabled is true");
        let open = body["effect"]["action"] == "allow" && body["effect"]["obligations"]["mfa"]["required"] == false;
        list.add(open, "access_policy_without_mfa", "authn_policies", policy.id, "mfa is not required");
    }
    for ips in documents.iter(Noun::IpLists) {
        let everything =
            ips.body["ips"].as_array().is_some_and(|entries| entries.iter().any(|entry| entry == "0.0.0.0/0"));
        list.add(everything, "ip_list_allows_everything", "iplists", ips.id, "0.0.0.0/0");
    }
    for mdm in documents.iter(Noun::AppleMdms) {
        let ends = mdm.text("apnsCertExpiry");
        list.add(!ends.is_empty() && ends < now.as_str(), "push_certificate_ended", "applemdms", mdm.id, ends);
        list.add(
            mdm.text("depServerTokenState") == "expired",
            "enrollment_token_expired",
            "applemdms",
            mdm.id,
            "expired",
        );
    }
    for agent in documents.iter(Noun::ActiveDirectoryAgents) {
        let contact = agent.text("contactAt");
        let stale = contact < text(organization.now - 7 * DAY).as_str();
        list.add(stale, "directory_agent_silent", "activedirectory_agents", agent.id, contact);
    }
    for directory in documents.iter(Noun::Directories) {
        let error = directory.body["oAuthStatus"]["error"].as_str().unwrap_or("");
        list.add(!error.is_empty(), "directory_token_broken", "directories", directory.id, error);
    }
    for workday in documents.iter(Noun::Workdays) {
        list.add(
            workday.body["auth"]["basic"]["isValid"] == false,
            "workday_login_refused",
            "workdays",
            workday.id,
            "isValid is false",
        );
    }
    for group in organization.user_groups.iter().chain(organization.device_groups.iter()) {
        let resource = if group.kind == Kind::UserGroup { "usergroups" } else { "systemgroups" };
        list.add(group.members.is_empty() && group.nested.is_empty(), "empty_group", resource, group.id, "no members");
    }
    for status in organization.policy_runs().statuses.all.iter() {
        list.add(
            status.outcome == Outcome::Failed,
            "policy_failed",
            "policystatuses",
            status.id,
            &status.device.to_string(),
        );
    }
}
