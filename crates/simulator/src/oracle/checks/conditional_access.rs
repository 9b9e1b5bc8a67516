//! H. Conditional access and IP lists.

use std::net::IpAddr;

use serde_json::Value;

use super::Outcome::{Fail, Pass, Unknown};
use super::{Check, Look, Outcome, Outcomes, Tier, fail_if};
use crate::id::Id;
use crate::oracle::effective;
use crate::state::document::{Document, Noun};

pub(super) const CHECKS: &[Check] = &[
    Check::of("access-policy-allow-without-mfa", Tier::A, allow_without_mfa),
    Check::of("access-policy-admin-portal-missing", Tier::A, admin_portal_missing),
    Check::of("access-policy-disabled", Tier::A, disabled),
    Check::of("access-policy-exclusion", Tier::A, exclusion),
    Check::of("access-policy-dangling-reference", Tier::A, dangling_reference),
    Check::of("iplist-empty", Tier::A, list_empty),
    Check::of("iplist-too-broad", Tier::A, list_too_broad),
];

/// A policy of conditional access, as questions about it.
#[derive(Clone, Copy)]
pub(super) struct Policy<'a>(&'a Document);

/// All policies.
pub(super) fn policies<'a>(look: &Look<'a>) -> impl Iterator<Item = Policy<'a>> + use<'a> {
    look.organization.documents.iter(Noun::AuthnPolicies).map(Policy)
}

impl Policy<'_> {
    pub(super) fn enabled(self) -> bool {
        self.0.body["disabled"] == false
    }

    pub(super) fn guards(self, kind: &str) -> bool {
        self.0.text("type") == kind
    }

    /// Whether it is for an application: for this one, or for all.
    pub(super) fn guards_application(self, application: Id) -> bool {
        let id = application.to_string();
        let mut resources = list(&self.0.body["targets"]["resources"]).peekable();
        self.guards("application")
            && (resources.peek().is_none()
                || resources.any(|resource| resource["id"].as_str().is_none_or(|wanted| wanted == id)))
    }

    pub(super) fn allows(self) -> bool {
        self.0.body["effect"]["action"] == "allow"
    }

    pub(super) fn mfa(self) -> bool {
        self.0.body["effect"]["obligations"]["mfa"]["required"] == true
    }

    pub(super) fn unconditional(self) -> bool {
        self.0.body["conditions"].as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// Whether it is for a user: included with everybody or by a group, and not excluded by one.
    pub(super) fn covers(self, look: &Look<'_>, user: Id) -> bool {
        let targets = &self.0.body["targets"];
        let groups = look.groups_of(user);
        let any = |name: &str| ids(&targets["userGroups"][name]).any(|id| groups.contains(&id));
        let everybody = list(&targets["users"]["inclusions"]).any(|one| one == "ALL");
        (everybody || any("inclusions")) && !any("exclusions")
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn ids(value: &Value) -> impl Iterator<Item = Id> {
    list(value).filter_map(|id| Id::parse(id.as_str()?))
}

/// The predicates of a tree of conditions, with what each is asked.
fn predicates(conditions: &Value) -> Vec<(&str, &Value)> {
    let Some(fields) = conditions.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in fields {
        match name.as_str() {
            "all" | "any" => found.extend(list(value).flat_map(predicates)),
            "not" => found.extend(predicates(value)),
            name => found.push((name, value)),
        }
    }
    found
}

const KNOWN: [&str; 7] = [
    "deviceManaged",
    "deviceEncrypted",
    "ipAddressIn",
    "ipAddressNotIn",
    "locationIn",
    "locationNotIn",
    "mfaConfigured",
];

/// A condition that is understood makes it a fail of low weight; only where one is not understood it is unknown. What is
/// disabled, denies, or asks for MFA passes whatever its conditions.
fn allow_without_mfa(look: &Look<'_>) -> Outcomes {
    each(look, |policy| {
        let strange = |(name, _): &(&str, &Value)| !KNOWN.contains(name);
        match policy {
            policy if !policy.enabled() || !policy.allows() || policy.mfa() => Pass,
            policy if predicates(&policy.0.body["conditions"]).iter().any(strange) => Unknown,
            _ => Fail,
        }
    })
}

fn each(look: &Look<'_>, judge: impl Fn(Policy<'_>) -> Outcome) -> Outcomes {
    policies(look).map(|policy| (policy.0.id.to_string(), judge(policy))).collect()
}

fn admin_portal_missing(look: &Look<'_>) -> Outcomes {
    look.of_organization(fail_if(!policies(look).any(|policy| policy.enabled() && policy.guards("admin_portal"))))
}

fn disabled(look: &Look<'_>) -> Outcomes {
    each(look, |policy| fail_if(!policy.enabled()))
}

/// Members through groups within groups count. Privileged are users with sudo and those linked to an administrator.
fn exclusion(look: &Look<'_>) -> Outcomes {
    let privileged = look.privileged();
    each(look, |policy| {
        let excluded = ids(&policy.0.body["targets"]["userGroups"]["exclusions"]);
        let members: std::collections::BTreeSet<Id> =
            excluded.flat_map(|group| effective(&look.organization.user_groups, group)).collect();
        fail_if(members.len() > 3 || members.iter().any(|member| privileged.contains(member)))
    })
}

/// Groups, single users, applications, and the IP lists of conditions.
fn dangling_reference(look: &Look<'_>) -> Outcomes {
    let organization = look.organization;
    each(look, |policy| {
        let targets = &policy.0.body["targets"];
        let groups = ["inclusions", "exclusions"].into_iter().flat_map(|name| ids(&targets["userGroups"][name]));
        let no_group = groups.into_iter().any(|id| !organization.user_groups.contains(id));
        let no_user = ids(&targets["users"]["inclusions"]).any(|id| !organization.users.contains(id));
        let no_application = list(&targets["resources"])
            .filter_map(|resource| Id::parse(resource["id"].as_str()?))
            .any(|id| organization.documents.get(Noun::Applications, id).is_none());
        let no_list = predicates(&policy.0.body["conditions"])
            .into_iter()
            .filter(|(name, _)| name.starts_with("ipAddress"))
            .flat_map(|(_, lists)| ids(lists))
            .any(|id| organization.documents.get(Noun::IpLists, id).is_none());
        fail_if(no_group || no_user || no_application || no_list)
    })
}

fn list_empty(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::IpLists, |ips| fail_if(list(&ips.body["ips"]).next().is_none()))
}

/// A range is too wide when it covers more than a network that would be. One bad entry is enough, also beside one that
/// cannot be read.
fn list_too_broad(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::IpLists, |ips| {
        let entries: Vec<Option<bool>> =
            list(&ips.body["ips"]).map(|entry| too_broad(entry.as_str().unwrap_or(""))).collect();
        match entries {
            entries if entries.contains(&Some(true)) => Fail,
            entries if entries.contains(&None) => Unknown,
            _ => Pass,
        }
    })
}

/// Whether an entry (an address, `a/n` or `a-b`) trusts too much; `None` when it is none of these.
fn too_broad(entry: &str) -> Option<bool> {
    let address = |text: &str| text.trim().parse::<IpAddr>().ok();
    if let Some((first, last)) = entry.split_once('-') {
        let (IpAddr::V4(first), IpAddr::V4(last)) = (address(first)?, address(last)?) else { return None };
        return Some(u32::from(last).saturating_sub(u32::from(first)) >= 1 << 16 || private(IpAddr::V4(first)));
    }
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (address(network)?, Some(length.parse::<u8>().ok()?)),
        None => (address(entry)?, None),
    };
    let least = if network.is_ipv4() { 16 } else { 32 };
    Some(length.is_some_and(|length| length < least) || private(network))
}

/// RFC 1918 and the networks behind a provider's translation.
fn private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || matches!(address.octets(), [100, 64..=127, ..]),
        IpAddr::V6(_) => false,
    }
}
