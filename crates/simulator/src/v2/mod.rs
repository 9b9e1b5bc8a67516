//! The V2 API: `/api/v2/…`.
//! Responsible for dispatch and for the collections that are plain documents; the rest has a file for each family.
//! To add a plain collection: a line in `noun` (bare array) or in `newer` (wrapped in an object).

mod graph;
mod groups;
mod insights;
mod mdm;
mod policies;
mod provider;
mod software;

use serde_json::json;

use crate::call::Answer;
use crate::credentials::Role;
use crate::id::Id;
use crate::json;
use crate::listing::{self, Family, SliceRows, TableRows, wrapped};
use crate::oddity::Oddity;
use crate::state::document::{Document, Noun};
use crate::state::user::Mfa;
use crate::time::{DAY, ZERO_TIME};
use crate::world::Scene;

/// Answers a route below `/api/v2`, or `None` when there is no such route.
pub(crate) fn route(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    if scene.call.method != "GET" {
        return None;
    }
    match parts {
        ["systeminsights", rest @ ..] => insights::route(scene, rest),
        ["usergroups" | "systemgroups" | "policygroups" | "groups"]
        | ["usergroups" | "systemgroups" | "policygroups", _] => groups::route(scene, parts),
        ["providers" | "organizations" | "administrators", ..] => provider::route(scene, parts),
        ["policyresults", ..]
        | ["policies", _, "policyresults" | "policystatuses"]
        | ["systems", _, "policystatuses"] => policies::route(scene, parts),
        ["softwareapps", _, "statuses"] => software::route(scene, parts),
        ["applemdms", _, "devices", ..] => mdm::route(scene, parts),
        ["users", id, "pushendpoints", rest @ ..] => push_endpoints(scene, id, rest),
        ["activedirectories", id, "agents", rest @ ..] => {
            children(scene, Noun::ActiveDirectories, id, Noun::ActiveDirectoryAgents, rest)
        }
        ["ldapservers", id, "sambadomains", rest @ ..] => {
            children(scene, Noun::LdapServers, id, Noun::SambaDomains, rest)
        }
        ["duo", "accounts", id, "applications", rest @ ..] => {
            children(scene, Noun::DuoAccounts, id, Noun::DuoApplications, rest)
        }
        ["gsuites", id, "translationrules", rest @ ..] => {
            children(scene, Noun::GSuites, id, Noun::TranslationRules, rest)
        }
        ["office365s", id, "translationrules", rest @ ..] => {
            children(scene, Noun::Office365s, id, Noun::TranslationRules, rest)
        }
        ["passwordpolicies", id] => password_policy(scene, id),
        [_, _, _] => graph::route(scene, parts).or_else(|| collection(scene, parts)),
        _ => collection(scene, parts),
    }
}

/// Lists and single reads of plain documents.
fn collection(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
    let documents = &scene.organization.documents;
    let write = |document: &Document, out: &mut String| out.push_str(&document.row);
    if let Some((noun, family)) = newer(parts) {
        if noun == Noun::ServiceAccounts && scene.access.principal.role != Role::Billing {
            return Some(Answer::forbidden());
        }
        return Some(listing::answer(
            scene.call,
            scene.tamper,
            &family,
            &TableRows { table: documents.table(noun)?, write },
        ));
    }
    if let Some((noun, family)) = noun(parts) {
        if matches!(noun, Noun::GSuites | Noun::Office365s) {
            // These two have single reads only; their ids come from `/directories`.
            return Some(Answer::not_found());
        }
        return Some(listing::answer(
            scene.call,
            scene.tamper,
            &family,
            &TableRows { table: documents.table(noun)?, write },
        ));
    }
    let (id, list) = parts.split_last()?;
    let (noun, _) = noun(list).or_else(|| newer(list))?;
    if matches!(noun, Noun::AppleMdms | Noun::Directories | Noun::Subscriptions | Noun::UserStates) {
        return Some(Answer::not_found());
    }
    if noun == Noun::ServiceAccounts && scene.access.principal.role != Role::Billing {
        return Some(Answer::forbidden());
    }
    let found = Id::parse(id).and_then(|id| documents.get(noun, id));
    Some(found.map_or_else(Answer::not_found, |document| {
        let body = document.body.to_string();
        let body = if noun == Noun::ServiceAccounts { format!("{{\"serviceAccount\":{body}}}") } else { body };
        listing::single(scene.call, &listing::V2, body)
    }))
}

/// Collections that answer a bare array.
fn noun(parts: &[&str]) -> Option<(Noun, Family)> {
    let noun = match parts {
        ["policies"] => Noun::Policies,
        ["policytemplates"] => Noun::PolicyTemplates,
        ["authn", "policies"] => Noun::AuthnPolicies,
        ["iplists"] => Noun::IpLists,
        ["directories"] => Noun::Directories,
        ["ldapservers"] => Noun::LdapServers,
        ["activedirectories"] => Noun::ActiveDirectories,
        ["gsuites"] => Noun::GSuites,
        ["office365s"] => Noun::Office365s,
        ["workdays"] => Noun::Workdays,
        ["applemdms"] => return Some((Noun::AppleMdms, listing::APPLE_MDMS)),
        ["softwareapps"] => Noun::SoftwareApps,
        ["duo", "accounts"] => Noun::DuoAccounts,
        ["subscriptions"] => Noun::Subscriptions,
        ["bulk", "userstates"] => Noun::UserStates,
        _ => return None,
    };
    Some((noun, listing::V2))
}

/// The newer collections, whose rows stand inside an object.
fn newer(parts: &[&str]) -> Option<(Noun, Family)> {
    Some(match parts {
        ["service-accounts"] => (Noun::ServiceAccounts, wrapped("results", Some("totalCount"), "objectId")),
        ["roles"] => (Noun::Roles, wrapped("results", Some("totalCount"), "id")),
        ["identity-providers"] => (Noun::IdentityProviders, wrapped("identityProviders", Some("totalCount"), "id")),
        ["saved-views"] => (Noun::SavedViews, wrapped("views", Some("totalCount"), "id")),
        ["notifications", "channels"] => (Noun::NotificationChannels, wrapped("channels", Some("count"), "objectId")),
        ["alerts"] => (Noun::Alerts, wrapped("alerts", None, "objectId")),
        ["healthmonitoring", "rules"] => (Noun::HealthRules, wrapped("rules", Some("count"), "objectId")),
        ["approvalflows"] => (Noun::ApprovalFlows, wrapped("results", Some("totalCount"), "id")),
        ["approvalflowrequest"] => (Noun::ApprovalRequests, wrapped("results", Some("totalCount"), "id")),
        ["passwordpolicies"] => (Noun::PasswordPolicies, wrapped("results", None, "objectId")),
        ["saas-management", "applications"] => (Noun::SaasApplications, listing::SAAS),
        _ => return None,
    })
}

/// Documents that belong to another one: the list, or the one with the id in `rest`.
fn children(scene: &Scene<'_>, parent_noun: Noun, parent: &str, noun: Noun, rest: &[&str]) -> Option<Answer> {
    let documents = &scene.organization.documents;
    let Some(parent) = Id::parse(parent).and_then(|id| documents.get(parent_noun, id)) else {
        return Some(Answer::not_found());
    };
    let rows: Vec<&Document> = documents.iter(noun).filter(|document| document.parent == Some(parent.id)).collect();
    match rest {
        [] => {
            let rows =
                SliceRows { slice: &rows, write: |document: &&Document, out: &mut String| out.push_str(&document.row) };
            Some(listing::answer(scene.call, scene.tamper, &listing::V2, &rows))
        }
        [id] => {
            let found = rows.into_iter().find(|document| Some(document.id) == Id::parse(id));
            Some(found.map_or_else(Answer::not_found, |document| {
                listing::single(scene.call, &listing::V2, document.body.to_string())
            }))
        }
        _ => None,
    }
}

/// The values of a password policy, which the list does not show.
fn password_policy(scene: &Scene<'_>, id: &str) -> Option<Answer> {
    let organization = scene.organization;
    let policy = Id::parse(id).and_then(|id| organization.documents.get(Noun::PasswordPolicies, id));
    Some(policy.map_or_else(Answer::not_found, |policy| {
        let group = organization.user_groups.iter().next().filter(|_| policy.body["default"] == false);
        let groups: Vec<_> = group.iter().map(|group| json!({"groupId": group.id, "name": group.name})).collect();
        let values = &organization.settings["settings"]["passwordPolicy"];
        Answer::json(json!({"cached": false, "objectId": policy.id, "groups": groups, "policy": values}).to_string())
    }))
}

/// The phones on which a user confirms sign-ins.
fn push_endpoints(scene: &Scene<'_>, id: &str, rest: &[&str]) -> Option<Answer> {
    let organization = scene.organization;
    let Some(user) = Id::parse(id).and_then(|id| organization.users.get(id)) else {
        return Some(Answer::not_found());
    };
    let phones: &[()] =
        if matches!(user.mfa, Mfa::Push | Mfa::PushAndWebAuthn | Mfa::JumpCloudGo) { &[()] } else { &[] };
    let never = organization.profile.oddities.has(Oddity::ZeroTime) && user.number.is_multiple_of(3);
    let write = |(): &(), out: &mut String| {
        json::object(out, |row| {
            row.id("id", user.id.child(50));
            row.string("name", "Phone");
            row.string("state", "active");
            row.time("enrollmentDate", user.created_at + DAY);
            if never {
                row.string("lastUsedDate", ZERO_TIME);
            } else {
                row.time("lastUsedDate", organization.now - i64::from(user.number % 30) * DAY);
            }
            row.object("device", |device| {
                device.string("make", "Google");
                device.string("model", "Pixel 9");
                device.string("os", "android");
                device.string("osVersion", "16");
                device.string("appVersion", "2.5.1");
                device.boolean("uvEnabled", true);
            });
        });
    };
    match rest {
        [] => Some(listing::answer(scene.call, scene.tamper, &listing::V2, &SliceRows { slice: phones, write })),
        [phone] if Id::parse(phone) == Some(user.id.child(50)) && !phones.is_empty() => {
            let mut row = String::new();
            write(&(), &mut row);
            Some(listing::single(scene.call, &listing::V2, row))
        }
        _ => Some(Answer::not_found()),
    }
}
