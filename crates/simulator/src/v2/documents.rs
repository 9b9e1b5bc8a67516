//! The V2 collections that are plain documents, and documents that belong to others.
//! Responsible for their lists and single reads. To add a collection: a line in `noun` (bare array) or in `newer`
//! (wrapped in an object).

use crate::call::Answer;
use crate::credentials::Role;
use crate::id::Id;
use crate::listing::{self, Family, SliceRows, TableRows, wrapped};
use crate::state::document::{Document, Noun};
use crate::world::Scene;

/// Lists and single reads of plain documents.
pub(super) fn collection(scene: &Scene<'_>, parts: &[&str]) -> Option<Answer> {
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
pub(super) fn children(
    scene: &Scene<'_>,
    parent_noun: Noun,
    parent: &str,
    noun: Noun,
    rest: &[&str],
) -> Option<Answer> {
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
