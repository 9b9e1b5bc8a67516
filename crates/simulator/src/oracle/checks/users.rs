//! C. Users, their credentials and MFA.

use std::collections::{HashMap, HashSet};

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::conditional_access::{Policy, policies};
use super::{Check, Look, Outcome, Outcomes, Rotation, Tier, fail_if, verdict};
use crate::id::Id;
use crate::state::graph::Kind;
use crate::state::ssh_key::{self, SshKey};
use crate::state::user::{Mfa, Source, User, UserState};
use crate::time::DAY;

pub(super) const CHECKS: &[Check] = &[
    Check::of("user-mfa-not-enrolled", Tier::A, mfa_not_enrolled),
    Check::of("org-mfa-adoption", Tier::A, mfa_adoption),
    Check::of("user-mfa-not-required", Tier::A, mfa_not_required),
    Check::of("user-mfa-exclusion-active", Tier::A, exclusion_active),
    Check::of("user-mfa-weak-factor-only", Tier::A, weak_factor_only),
    Check::of("user-privileged-without-strong-mfa", Tier::A, privileged_without_strong_mfa),
    Check::of("user-password-age", Tier::A, password_age),
    Check::of("user-global-sudo", Tier::A, global_sudo),
    Check::of("user-passwordless-sudo", Tier::A, passwordless_sudo),
    Check::of("user-ssh-key-weak", Tier::A, ssh_key_weak),
    Check::of("user-ssh-key-shared", Tier::A, ssh_key_shared),
    Check::of("user-ssh-key-on-suspended", Tier::A, ssh_key_on_suspended),
    Check::of("user-ldap-bind-account-human", Tier::A, bind_account_human),
    Check::of("user-owner-attributes-missing", Tier::A, owner_attributes_missing),
];

/// Old rows fall back to the flags that they have; without a state, activated and not suspended is enough.
fn enrolled(look: &Look<'_>, user: &User) -> Outcome {
    match user {
        user if !user.live() || user.ldap_binding || user.samba_service => NotApplicable,
        user if user.silent_about_mfa(look.profile()) => Unknown,
        user => fail_if(!user.mfa.enrolled()),
    }
}

fn mfa_not_enrolled(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| enrolled(look, user))
}

/// Less than everybody is a fail, of a severity that follows the gap. Users of whom nothing is told keep it from a pass.
fn mfa_adoption(look: &Look<'_>) -> Outcomes {
    let outcomes: Vec<Outcome> = look.organization.users.iter().map(|user| enrolled(look, user)).collect();
    look.of_organization(match outcomes {
        outcomes if outcomes.contains(&Fail) => Fail,
        outcomes if outcomes.contains(&Unknown) => Unknown,
        outcomes if outcomes.contains(&Pass) => Pass,
        _ => NotApplicable,
    })
}

/// Of all users: the catalogue names no scope, and what forces nobody today forces nobody after an activation. The
/// fallback cannot be read; but where a policy without conditions lets a user in without MFA and none asks for it, the
/// fallback is not asked, and nothing forces the user.
fn mfa_not_required(look: &Look<'_>) -> Outcomes {
    let portal: Vec<Policy<'_>> = policies(look)
        .filter(|policy| policy.enabled() && policy.guards("user_portal") && policy.allows() && policy.unconditional())
        .collect();
    look.of_users(|user| {
        let covering = |mfa: bool| portal.iter().any(|policy| policy.mfa() == mfa && policy.covers(look, user.id));
        match user {
            user if user.mfa_required || covering(true) => Pass,
            _ if covering(false) => Fail,
            _ => Unknown,
        }
    })
}

fn exclusion_active(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| fail_if(user.mfa_excluded_until.is_some_and(|until| until > look.now)))
}

/// Only a factor that cannot be phished passes. Who has push alone has neither that nor TOTP, and is not asked about.
/// Rows that do not tell factor by factor are unknown.
fn weak_factor_only(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| match user.mfa {
        _ if user.old_row(look.profile()) => Unknown,
        Mfa::Totp => Fail,
        mfa if strong(mfa) => Pass,
        _ => NotApplicable,
    })
}

/// Whether one of the factors cannot be phished.
fn strong(mfa: Mfa) -> bool {
    matches!(mfa, Mfa::WebAuthn | Mfa::PushAndWebAuthn | Mfa::JumpCloudGo)
}

/// Sudo with a password or without; administrators are those that the row links, and not whoever has the same address.
fn privileged_without_strong_mfa(look: &Look<'_>) -> Outcomes {
    let sensitive: HashSet<&str> = look.parameters().sensitive_groups.iter().map(String::as_str).collect();
    look.of_users(|user| {
        let grouped = || look.groups_of(user.id).iter().any(|group| sensitive.contains(group.to_string().as_str()));
        let sudo = user.sudo || user.passwordless_sudo;
        let privileged = sudo || user.administrator.is_some() || !sensitive.is_empty() && grouped();
        match privileged {
            false => NotApplicable,
            true if user.old_row(look.profile()) => Unknown,
            true => fail_if(!strong(user.mfa)),
        }
    })
}

fn password_age(look: &Look<'_>) -> Outcomes {
    let required = look.parameters().rotation == Rotation::Required;
    look.of_users(|user| match user {
        user if !required || user.source == Source::ActiveDirectory || !user.live() => NotApplicable,
        user => verdict(user.password_set_at.map(|at| look.now - at > 90 * DAY)),
    })
}

fn global_sudo(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| fail_if(user.sudo && user.live()))
}

fn passwordless_sudo(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| fail_if(user.passwordless_sudo && user.live()))
}

/// The keys of all users with their ids.
fn keys<'a>(look: &'a Look<'_>) -> impl Iterator<Item = (String, &'a User, SshKey)> + 'a {
    look.organization.users.iter().flat_map(move |user| {
        (0..user.ssh_keys).map(move |number| {
            (format!("{}/{}", user.id, user.ssh_key_id(number)), user, user.ssh_key(look.profile(), number))
        })
    })
}

/// RSA from 2048 to 3071 bits is a fail too, of a lower severity.
fn ssh_key_weak(look: &Look<'_>) -> Outcomes {
    keys(look)
        .map(|(id, _, key)| {
            let weak = match key.kind {
                ssh_key::Kind::Unreadable => None,
                ssh_key::Kind::Dsa => Some(true),
                ssh_key::Kind::Rsa(bits) => Some(bits < 3072),
                ssh_key::Kind::Ed25519 | ssh_key::Kind::Ecdsa => Some(false),
            };
            (id, verdict(weak))
        })
        .collect()
}

/// A key that cannot be read can not be compared.
fn ssh_key_shared(look: &Look<'_>) -> Outcomes {
    let mut owners: HashMap<u64, HashSet<Id>> = HashMap::new();
    for (_, user, key) in keys(look) {
        owners.entry(key.seed).or_default().insert(user.id);
    }
    keys(look)
        .map(|(id, _, key)| match key.kind {
            ssh_key::Kind::Unreadable => (id, Unknown),
            _ => (id, fail_if(owners[&key.seed].len() > 1)),
        })
        .collect()
}

fn ssh_key_on_suspended(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| fail_if(user.state == UserState::Suspended && user.ssh_keys > 0))
}

fn bind_account_human(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| match user.ldap_binding {
        false => NotApplicable,
        true => fail_if(user.sudo || user.administrator.is_some() || look.reaches(user.id, &[Kind::Application])),
    })
}

/// Every simulated user has a department.
fn owner_attributes_missing(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| fail_if(user.live() && user.manager.is_none()))
}
