//! I. Directories, LDAP and RADIUS.

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::look::time;
use super::{Check, Look, Outcomes, Tier, fail_if, verdict};
use crate::config::Character;
use crate::events::shapes::deeds::Act;
use crate::state::document::Noun;
use crate::time::{DAY, HOUR};

pub(super) const CHECKS: &[Check] = &[
    Check::of("ldap-cleartext-bind", Tier::E, cleartext_bind),
    Check::of("directory-keeps-locked-users", Tier::A, keeps_locked_users),
    Check::of("directory-sync-broken", Tier::A, sync_broken),
    Check::of("ad-agent-down", Tier::A, agent_down),
    Check::of("radius-mfa-off", Tier::A, radius_mfa_off),
    Check::of("radius-ca-expiring", Tier::A, radius_ca_expiring),
    Check::of("radius-weak-shared-secret", Tier::A, weak_shared_secret),
];

/// Events do not tell which server was asked: all of an organization share an outcome.
fn cleartext_bind(look: &Look<'_>) -> Outcomes {
    let days = 30;
    let (mut binds, mut clear) = (0, 0);
    for deed in look.deeds(days).filter(|deed| deed.success) {
        if let Act::LdapBind { in_clear } = deed.act {
            binds += 1;
            clear += u32::from(in_clear);
        }
    }
    look.of_documents(Noun::LdapServers, |_| match (binds, clear) {
        (_, 1..) => Fail,
        (0, _) => Unknown,
        _ if !look.events_span(days) => Unknown,
        _ => Pass,
    })
}

/// Google Workspace, Microsoft 365 and LDAP; other directories are out of scope. Keeping users whose password has
/// expired is a fail too, of a lower severity.
fn keeps_locked_users(look: &Look<'_>) -> Outcomes {
    let documents = &look.organization.documents;
    look.of_documents(Noun::Directories, |directory| {
        let noun = match directory.text("type") {
            "g_suite" => Noun::GSuites,
            "office_365" => Noun::Office365s,
            "ldap_server" => Noun::LdapServers,
            _ => return NotApplicable,
        };
        let keeps = |details: &crate::state::document::Document| {
            ["userLockoutAction", "userPasswordExpirationAction"].iter().any(|name| details.text(name) == "maintain")
        };
        verdict(documents.get(noun, directory.id).map(keeps))
    })
}

/// LDAP and Active Directory are no cloud directories and have no permission that could break. Workday tells of its
/// credentials elsewhere: one that works is enough. An empty object and null tell nothing.
fn sync_broken(look: &Look<'_>) -> Outcomes {
    let documents = &look.organization.documents;
    look.of_documents(Noun::Directories, |directory| {
        let status = &directory.body["oAuthStatus"];
        let error = status["error"].as_str().is_some_and(|error| !error.is_empty());
        let expired = time(&status["expiry"]).is_some_and(|at| at < look.now);
        match (directory.text("type"), status.as_object()) {
            ("ldap_server" | "active_directory", _) => NotApplicable,
            ("workday", _) => {
                let workday = documents.get(Noun::Workdays, directory.id);
                let valid = |kind: &str| workday.and_then(|one| one.body["auth"][kind]["isValid"].as_bool());
                let told = [valid("basic"), valid("oauth")];
                verdict(told.iter().any(Option::is_some).then(|| !told.contains(&Some(true))))
            }
            (_, None) => Unknown,
            (_, Some(status)) if status.is_empty() => Unknown,
            (_, Some(_)) => fail_if(error || expired),
        }
    })
}

fn agent_down(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::ActiveDirectoryAgents, |agent| {
        let contact = time(&agent.body["contactAt"]);
        match agent.text("state") {
            "active" => verdict(contact.map(|at| look.now - at > 4 * HOUR)),
            _ => Fail,
        }
    })
}

/// MFA that only those with a factor must use is a fail too, of a lower severity. Certificates alone, or passwords that
/// another provider checks, are out of scope.
fn radius_mfa_off(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::RadiusServers, |server| {
        let wifi = look.parameters().wifi_servers.contains(&server.id.to_string());
        let password = server.body["userPasswordEnabled"] == true;
        match server.text("mfa") {
            _ if wifi || !password || server.text("authIdp") == "AZURE" => NotApplicable,
            "ALWAYS" => Pass,
            "DISABLED" | "ENABLED" | "REQUIRED" => Fail,
            _ => Unknown,
        }
    })
}

/// By what was planted, as the ends of authorities stand in certificates only.
fn radius_ca_expiring(look: &Look<'_>) -> Outcomes {
    let servers = look.organization.documents.iter(Noun::RadiusServers).enumerate();
    servers
        .map(|(number, server)| {
            // Days from the beginning of the organization to the end of the authority.
            let days = match (look.profile().character, number) {
                (Character::Tidy, 1) => Some(300),
                (Character::Neglected, 0) => None,
                (Character::Neglected, 1) => Some(-6),
                (Character::Growing, 0) => Some(12),
                (Character::Growing, 2) => Some(400),
                _ => return (server.id.to_string(), NotApplicable),
            };
            let grown_at = look.profile().created_at + 7 * 365 * DAY;
            let outcome = verdict(days.map(|days| grown_at + days * DAY <= look.now + 30 * DAY));
            (server.id.to_string(), outcome)
        })
        .collect()
}

/// Too short, or the same as another server's.
fn weak_shared_secret(look: &Look<'_>) -> Outcomes {
    let servers = || look.organization.documents.iter(Noun::RadiusServers);
    look.of_documents(Noun::RadiusServers, |server| {
        let secret = server.body["sharedSecret"].as_str();
        let reused = servers().any(|other| other.id != server.id && other.body["sharedSecret"].as_str() == secret);
        verdict(secret.map(|secret| secret.chars().count() < 22 || reused))
    })
}
