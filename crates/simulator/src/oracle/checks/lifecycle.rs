//! D. The life of users, and groups.

use std::collections::HashSet;

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::look::time;
use super::{Check, Look, Outcomes, Tier, fail_if};
use crate::events::shapes::deeds::Act;
use crate::id::Id;
use crate::state::document::Noun;
use crate::state::graph::{Kind, Node};
use crate::state::group::Method;
use crate::state::user::UserState;
use crate::time::{DAY, HOUR};

pub(super) const CHECKS: &[Check] = &[
    Check::of("user-never-activated", Tier::A, never_activated),
    Check::of("user-dormant", Tier::E, dormant),
    Check::of("user-suspended-with-bindings", Tier::A, suspended_with_bindings),
    Check::of("user-scheduled-suspension-overdue", Tier::A, suspension_overdue),
    Check::of("user-offboarding-late", Tier::E, offboarding_late),
    Check::of("user-direct-binding", Tier::A, direct_binding),
    Check::of("group-grants-sudo", Tier::A, grants_sudo),
    Check::of("group-dynamic-rule-error", Tier::A, rule_error),
    Check::of("group-removal-suggestions-pending", Tier::A, removals_pending),
];

/// A row without a state whose user never was active could be staged as well as invited.
fn never_activated(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| {
        let activated = user.state != UserState::Staged && !user.invited;
        match user.state {
            _ if !activated && user.old_row(look.profile()) => Unknown,
            UserState::Staged => NotApplicable,
            _ => fail_if(!activated && look.now - user.created_at > 14 * DAY),
        }
    })
}

/// From events alone: accounts on devices have names of their own. Service-style accounts are exempt, and users who are
/// younger than the window are out of scope. Whoever was seen passes even when events do not reach back far enough.
fn dormant(look: &Look<'_>) -> Outcomes {
    let days = 45;
    let seen: HashSet<Id> = look
        .deeds(days)
        .filter(|deed| matches!(deed.act, Act::SignIn | Act::AppSignIn | Act::LdapBind { .. }) && deed.success)
        .filter_map(|deed| deed.who)
        .collect();
    look.of_users(|user| {
        let young = look.now - user.created_at < days * DAY;
        match seen.contains(&user.id) {
            _ if !user.live() || young || user.ldap_binding || user.samba_service => NotApplicable,
            true => Pass,
            false if !look.events_span(days) => Unknown,
            false => Fail,
        }
    })
}

/// Who was suspended before anybody looked counts as suspended for longer than the grace. Being in a group that opens
/// nothing is no binding.
fn suspended_with_bindings(look: &Look<'_>) -> Outcomes {
    look.of_users(|user| {
        let lately = user.suspended_at.is_some_and(|at| look.now - at <= 7 * DAY);
        match user.state {
            UserState::Suspended if !lately => fail_if(look.reaches(user.id, &Kind::ALL)),
            _ => NotApplicable,
        }
    })
}

/// Users for whom nothing is planned pass.
fn suspension_overdue(look: &Look<'_>) -> Outcomes {
    let late = |state: &&crate::state::document::Document| {
        let due = time(&state.body["scheduledDate"]);
        state.text("state") == "SUSPENDED" && due.is_some_and(|due| due < look.now - 2 * HOUR)
    };
    let overdue: HashSet<&str> = look
        .organization
        .documents
        .iter(Noun::UserStates)
        .filter(late)
        .map(|state| state.text("systemUserId"))
        .collect();
    look.of_users(|user| fail_if(user.state != UserState::Suspended && overdue.contains(user.id.to_string().as_str())))
}

/// Nobody here tells when somebody's work ended.
fn offboarding_late(look: &Look<'_>) -> Outcomes {
    look.of_users(|_| Unknown)
}

fn direct_binding(look: &Look<'_>) -> Outcomes {
    let watched = [Kind::Application, Kind::LdapServer, Kind::RadiusServer];
    look.of_users(|user| {
        fail_if(look.bound(Node { kind: Kind::User, id: user.id }).any(|target| watched.contains(&target.kind)))
    })
}

/// A row without attributes grants nothing.
fn grants_sudo(look: &Look<'_>) -> Outcomes {
    let groups = look.organization.user_groups.iter();
    groups.map(|group| (group.id.to_string(), fail_if(group.grants_sudo()))).collect()
}

/// User groups and device groups. Groups without a rule are out of scope whether they say STATIC or NOTSET; those whose
/// row does not say how members get in are unknown.
fn rule_error(look: &Look<'_>) -> Outcomes {
    let organization = look.organization;
    let groups = organization.user_groups.iter().chain(organization.device_groups.iter());
    groups
        .map(|group| {
            let outcome = match group.method {
                _ if group.old_row(look.profile()) => Unknown,
                Method::Static | Method::NotSet => NotApplicable,
                Method::Dynamic | Method::Reviewed => fail_if(group.rule_error(look.profile()).is_some()),
            };
            (group.id.to_string(), outcome)
        })
        .collect()
}

/// Suggestions stand since before anybody looked, hence for longer than is allowed. All other groups pass.
fn removals_pending(look: &Look<'_>) -> Outcomes {
    let groups = look.organization.user_groups.iter();
    groups
        .map(|group| (group.id.to_string(), fail_if(group.suggested_removals().is_some_and(|removals| removals > 0))))
        .collect()
}
