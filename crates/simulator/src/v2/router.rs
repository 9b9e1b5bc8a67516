//! Which file answers which V2 route.
//! Responsible for dispatch by path, nothing else.

use crate::call::Answer;
use crate::state::document::Noun;
use crate::v2::{
    documents, graph, groups, insights, mdm, password_policies, policies, provider, push_endpoints, software,
};
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
        ["users", id, "pushendpoints", rest @ ..] => push_endpoints::route(scene, id, rest),
        ["activedirectories", id, "agents", rest @ ..] => {
            documents::children(scene, Noun::ActiveDirectories, id, Noun::ActiveDirectoryAgents, rest)
        }
        ["ldapservers", id, "sambadomains", rest @ ..] => {
            documents::children(scene, Noun::LdapServers, id, Noun::SambaDomains, rest)
        }
        ["duo", "accounts", id, "applications", rest @ ..] => {
            documents::children(scene, Noun::DuoAccounts, id, Noun::DuoApplications, rest)
        }
        ["gsuites", id, "translationrules", rest @ ..] => {
            documents::children(scene, Noun::GSuites, id, Noun::TranslationRules, rest)
        }
        ["office365s", id, "translationrules", rest @ ..] => {
            documents::children(scene, Noun::Office365s, id, Noun::TranslationRules, rest)
        }
        ["passwordpolicies", id] => password_policies::route(scene, id),
        [_, _, _] => graph::route(scene, parts).or_else(|| documents::collection(scene, parts)),
        _ => documents::collection(scene, parts),
    }
}
