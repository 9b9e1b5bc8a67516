//! G. Single sign-on applications.

use std::collections::HashSet;

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::conditional_access::{Policy, policies};
use super::look::time;
use super::{Check, Look, Outcome, Outcomes, Tier, fail_if, verdict};
use crate::events::shapes::deeds::Act;
use crate::id::Id;
use crate::state::document::{Document, Noun};
use crate::state::graph::{Kind, Node};
use crate::time::DAY;

pub(super) const CHECKS: &[Check] = &[
    Check::of("sso-certificate-expiring", Tier::A, certificate_expiring),
    Check::of("sso-weak-signature", Tier::A, weak_signature),
    Check::of("sso-assertion-unsigned", Tier::A, assertion_unsigned),
    Check::of("sso-acs-not-https", Tier::A, acs_not_https),
    Check::of("sso-app-open-to-all", Tier::A, open_to_all),
    Check::of("sso-app-unused", Tier::E, unused),
    Check::of("sso-sensitive-without-mfa", Tier::A, sensitive_without_mfa),
];

/// An outcome for each application that speaks SAML; the others are out of scope.
fn saml(look: &Look<'_>, judge: impl Fn(&Document) -> Outcome) -> Outcomes {
    look.of_documents(Noun::Applications, |application| match application.body["sso"]["type"].as_str() {
        Some("saml") => judge(application),
        Some(_) => NotApplicable,
        None => Unknown,
    })
}

fn certificate_expiring(look: &Look<'_>) -> Outcomes {
    saml(look, |application| {
        let ends = time(&application.body["sso"]["idpCertExpirationAt"]);
        verdict(ends.map(|ends| ends <= look.now + 30 * DAY))
    })
}

/// Of SAML alone: OpenID Connect signs otherwise.
fn weak_signature(look: &Look<'_>) -> Outcomes {
    saml(look, |application| {
        let algorithm = &application.body["config"]["signatureAlgorithm"];
        let options = algorithm["options"].as_array().map_or(&[][..], Vec::as_slice);
        // The choice is told as text, the options count.
        let chosen: Option<i64> = algorithm["value"].as_str().and_then(|text| text.parse().ok());
        let option = options.iter().find(|option| chosen.is_some() && option["value"].as_i64() == chosen);
        verdict(option.and_then(|option| option["text"].as_str()).map(|text| text.contains("SHA1")))
    })
}

/// One that is told is enough for a pass; both untold, or one untold and the other off, is unknown.
fn assertion_unsigned(look: &Look<'_>) -> Outcomes {
    saml(look, |application| {
        let signed = ["signAssertion", "signResponse"].map(|name| application.body["config"][name]["value"].as_bool());
        match signed {
            signed if signed.contains(&Some(true)) => Pass,
            signed if signed.contains(&None) => Unknown,
            _ => Fail,
        }
    })
}

/// An application without such an address is out of scope, hence all that do not speak SAML.
fn acs_not_https(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::Applications, |application| {
        let address = application.body["config"]["acsUrl"]["value"].as_str().unwrap_or("").to_lowercase();
        let host = address.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or(""));
        match host {
            _ if address.is_empty() => NotApplicable,
            Some(host) => fail_if(host != "localhost" && host != "127.0.0.1"),
            None => Pass,
        }
    })
}

fn sensitive(look: &Look<'_>, application: &Document) -> bool {
    look.parameters().sensitive_apps.contains(&application.id.to_string())
}

fn users_of(look: &Look<'_>, application: &Document) -> HashSet<Id> {
    let people = look.people_of(Node { kind: Kind::Application, id: application.id });
    let live = |id: &Id| look.organization.users.get(*id).is_some_and(|user| user.live());
    people.into_iter().filter(live).collect()
}

/// The share of users who can sign in.
fn open_to_all(look: &Look<'_>) -> Outcomes {
    let live = look.organization.users.iter().filter(|user| user.live()).count();
    look.of_documents(Noun::Applications, |application| match sensitive(look, application) {
        false => NotApplicable,
        true => fail_if(users_of(look, application).len() * 10 > live * 8),
    })
}

/// Applications that are switched off are out of scope. An attempt that failed counts as use; one that does not name the
/// application can not.
fn unused(look: &Look<'_>) -> Outcomes {
    let days = 90;
    let used: HashSet<Id> =
        look.deeds(days).filter(|deed| deed.act == Act::AppSignIn).filter_map(|deed| deed.application).collect();
    look.of_documents(Noun::Applications, |application| match used.contains(&application.id) {
        _ if application.body["active"] != true => NotApplicable,
        true => Pass,
        false if !look.events_span(days) => Unknown,
        false => Fail,
    })
}

/// Policies without conditions that ask for MFA or deny, over the users who can sign in. Users of whom only the fallback
/// tells make it unknown where no policy is for the application at all.
fn sensitive_without_mfa(look: &Look<'_>) -> Outcomes {
    look.of_documents(Noun::Applications, |application| {
        if !sensitive(look, application) {
            return NotApplicable;
        }
        let own: Vec<Policy<'_>> = policies(look)
            .filter(|policy| policy.enabled() && policy.guards_application(application.id))
            .filter(|policy| policy.unconditional())
            .collect();
        let safe =
            |user: &Id| own.iter().any(|policy| (policy.mfa() || !policy.allows()) && policy.covers(look, *user));
        match users_of(look, application) {
            users if users.iter().all(safe) => Pass,
            _ if own.is_empty() => Unknown,
            _ => Fail,
        }
    })
}
