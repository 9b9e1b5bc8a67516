//! B. Administrators, API keys and service accounts.

use std::collections::HashSet;

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::look::time;
use super::{Check, Look, Outcome, Outcomes, Tier, fail_if, organization, verdict};
use crate::events::shapes::deeds::Act;
use crate::id::Id;
use crate::state::document::{Document, Noun};
use crate::state::user::UserState;
use crate::time::DAY;

pub(super) const CHECKS: &[Check] = &[
    Check::of("admin-mfa-not-enrolled", Tier::B, mfa_not_enrolled),
    Check::of("admin-mfa-not-required", Tier::B, mfa_not_required),
    Check::of("admin-billing-too-few", Tier::B, billing_too_few),
    Check::of("admin-billing-too-many", Tier::B, billing_too_many),
    Check::of("admin-dormant", Tier::E, dormant),
    Check::of("admin-owner-offboarded", Tier::B, owner_offboarded),
    Check::of("admin-external-domain", Tier::B, external_domain),
    Check::of("admin-recently-created", Tier::B, recently_created),
    Check::of("admin-suspended-with-api-key", Tier::B, suspended_with_key),
    Check::of("apikey-no-expiry", Tier::B, key_without_expiry),
    Check::of("apikey-expiring", Tier::B, key_expiring),
    Check::of("apikey-old", Tier::B, key_old),
    Check::of("apikey-privileged-owner", Tier::B, key_of_privileged),
    Check::of("service-account-secret-expiring", Tier::B, service_account_expiring),
    Check::of("service-account-privileged", Tier::B, service_account_privileged),
    Check::of("connection-key-expiring", Tier::B, own_key_expiring),
    Check::of("connection-key-over-privileged", Tier::B, own_key_over_privileged),
    Check::of("connection-key-used-elsewhere", Tier::E, own_key_used_elsewhere),
];

const BILLING: &str = "Administrator With Billing";
const FULL: [&str; 2] = ["Administrator", BILLING];

fn administrators(look: &Look<'_>, judge: impl Fn(&Document) -> Outcome) -> Outcomes {
    look.of_documents(Noun::Administrators, judge)
}

fn suspended(administrator: &Document) -> bool {
    administrator.body["suspended"] == true
}

fn mfa_not_enrolled(look: &Look<'_>) -> Outcomes {
    administrators(look, |administrator| match administrator.body["totpEnrolled"].as_bool() {
        _ if suspended(administrator) => NotApplicable,
        enrolled => verdict(enrolled.map(|enrolled| !enrolled)),
    })
}

/// Where the organization does not say whether it requires MFA, it is not taken to.
fn mfa_not_required(look: &Look<'_>) -> Outcomes {
    let required_of_all = organization::admin_mfa(look) == Pass;
    administrators(look, |administrator| match administrator.body["enableMultiFactor"].as_bool() {
        Some(false) => fail_if(!suspended(administrator) && !required_of_all),
        Some(true) => Pass,
        None => Unknown,
    })
}

fn with_billing(look: &Look<'_>) -> usize {
    let administrators = look.organization.documents.iter(Noun::Administrators);
    administrators.filter(|one| one.text("roleName") == BILLING && !suspended(one)).count()
}

fn billing_too_few(look: &Look<'_>) -> Outcomes {
    look.of_organization(fail_if(with_billing(look) < 2))
}

/// Suspended ones do not count, as in the check for too few.
fn billing_too_many(look: &Look<'_>) -> Outcomes {
    look.of_organization(fail_if(with_billing(look) > 4))
}

/// Suspended administrators, and younger ones who have not come yet, are out of scope; whoever was seen passes even when
/// events do not reach back far enough.
fn dormant(look: &Look<'_>) -> Outcomes {
    let days = 45;
    let seen: HashSet<Id> = look
        .deeds(days)
        .filter(|deed| deed.act == Act::AdminSignIn && deed.success)
        .filter_map(|deed| deed.who)
        .collect();
    administrators(look, |administrator| {
        let young = time(&administrator.body["created"]).is_none_or(|at| look.now - at < days * DAY);
        match seen.contains(&administrator.id) {
            _ if suspended(administrator) => NotApplicable,
            true => Pass,
            false if young => NotApplicable,
            false if !look.events_span(days) => Unknown,
            false => Fail,
        }
    })
}

/// Suspended administrators pass, as whatever is not a fail does.
fn owner_offboarded(look: &Look<'_>) -> Outcomes {
    administrators(look, |administrator| {
        let users = || look.organization.users.iter();
        let linked = users().find(|user| user.administrator == Some(administrator.id));
        let address = administrator.text("email").to_lowercase();
        let owner = linked.or_else(|| users().find(|user| look.email(user).to_lowercase() == address));
        let gone = owner.is_none_or(|user| user.state == UserState::Suspended);
        fail_if(!suspended(administrator) && gone)
    })
}

fn external_domain(look: &Look<'_>) -> Outcomes {
    let allowed = &look.parameters().allowed_domains;
    administrators(look, |administrator| {
        let domain = administrator.text("email").rsplit('@').next().unwrap_or("").to_lowercase();
        if allowed.is_empty() { Unknown } else { fail_if(!allowed.contains(&domain)) }
    })
}

fn recently_created(look: &Look<'_>) -> Outcomes {
    administrators(look, |administrator| {
        verdict(time(&administrator.body["created"]).map(|at| look.now - at < 14 * DAY))
    })
}

fn suspended_with_key(look: &Look<'_>) -> Outcomes {
    administrators(look, |administrator| fail_if(suspended(administrator) && administrator.body["apiKeySet"] == true))
}

/// An outcome for each key; administrators without one are not asked about.
fn keys(look: &Look<'_>, judge: impl Fn(&Document) -> Outcome) -> Outcomes {
    administrators(look, |administrator| match administrator.body["apiKeySet"].as_bool() {
        None => Unknown,
        Some(false) => NotApplicable,
        Some(true) => judge(administrator),
    })
}

/// When a key ends: `None` when nothing is kept of it, `Some(None)` for never.
fn key_ends(administrator: &Document) -> Option<Option<i64>> {
    let hash = &administrator.body["apiKeyHash"];
    time(&hash["createdAt"]).map(|_| time(&hash["expireAt"]))
}

fn key_without_expiry(look: &Look<'_>) -> Outcomes {
    keys(look, |administrator| verdict(key_ends(administrator).map(|ends| ends.is_none())))
}

/// A key of which nothing is kept is unknown; one without an end does not expire.
fn key_expiring(look: &Look<'_>) -> Outcomes {
    keys(look, |administrator| match key_ends(administrator) {
        None => Unknown,
        Some(None) => NotApplicable,
        Some(Some(ends)) => fail_if(ends <= look.now + 14 * DAY),
    })
}

fn key_old(look: &Look<'_>) -> Outcomes {
    keys(look, |administrator| {
        let body = &administrator.body;
        let made = time(&body["apiKeyHash"]["createdAt"]).or_else(|| time(&body["apiKeyUpdatedAt"]));
        verdict(made.map(|made| look.now - made > 90 * DAY))
    })
}

fn key_of_privileged(look: &Look<'_>) -> Outcomes {
    administrators(look, |administrator| {
        fail_if(administrator.body["apiKeySet"] == true && FULL.contains(&administrator.text("roleName")))
    })
}

/// An outcome for each service account; all unknown to a key that may not list them.
fn service_accounts(look: &Look<'_>, judge: impl Fn(&Document) -> Outcome) -> Outcomes {
    look.of_documents(
        Noun::ServiceAccounts,
        |account| if look.sees_service_accounts() { judge(account) } else { Unknown },
    )
}

/// The time that stands for "never" elsewhere tells nothing here. Only accounts that are active can fail.
fn service_account_expiring(look: &Look<'_>) -> Outcomes {
    service_accounts(look, |account| {
        let ends = time(&account.body["expiresAt"]);
        verdict(ends.map(|ends| account.text("status") == "ACTIVE" && ends <= look.now + 14 * DAY))
    })
}

/// By the name of the role; that a narrower role may write is not held against it.
fn service_account_privileged(look: &Look<'_>) -> Outcomes {
    service_accounts(look, |account| fail_if(FULL.contains(&account.text("roleName"))))
}

/// A key that never expires passes here; it fails elsewhere.
fn own_key_expiring(look: &Look<'_>) -> Outcomes {
    let ends = look.own_administrator().and_then(key_ends);
    look.of_organization(verdict(ends.map(|ends| ends.is_some_and(|ends| ends <= look.now + 14 * DAY))))
}

fn own_key_over_privileged(look: &Look<'_>) -> Outcomes {
    let role = look.own_administrator().map(|administrator| administrator.text("roleName"));
    let reads_only = |role: &str| {
        let scopes = look.organization.documents.iter(Noun::Roles).find(|one| one.text("name") == role);
        let scopes = scopes.and_then(|role| role.body["scopes"].as_array());
        let harmless = |scopes: &Vec<serde_json::Value>| {
            scopes.iter().all(|scope| scope.as_str().is_some_and(|scope| scope.ends_with(".readonly")))
        };
        role == "Read Only" || scopes.is_some_and(harmless)
    };
    look.of_organization(verdict(role.map(|role| !reads_only(role))))
}

/// Changes through an API key by whoever the reading key belongs to.
fn own_key_used_elsewhere(look: &Look<'_>) -> Outcomes {
    let days = 30;
    let own = look.own_administrator().map(|administrator| administrator.id);
    let used = look.deeds(days).any(|deed| deed.act == Act::ChangeByKey && deed.who == own);
    look.of_organization(match own {
        None => Unknown,
        Some(_) if used => Fail,
        Some(_) if !look.events_span(days) => Unknown,
        Some(_) => Pass,
    })
}
