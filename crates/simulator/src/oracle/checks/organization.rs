//! A. Settings of the organization.

use super::Outcome::{Fail, NotApplicable, Pass, Unknown};
use super::{Check, Look, Outcome, Outcomes, Rotation, Tier, fail_if, verdict};
use crate::state::device::Platform;
use crate::state::user::Source;

pub(super) const CHECKS: &[Check] = &[
    Check::of("org-admin-mfa-required", Tier::A, admin_mfa_required),
    Check::of("org-google-admin-sign-in-allowed", Tier::A, google_sign_in),
    Check::of("org-password-min-length", Tier::A, min_length),
    Check::of("org-password-complexity", Tier::A, complexity),
    Check::of("org-password-common-list", Tier::A, common_list),
    Check::of("org-password-history", Tier::A, history),
    Check::of("org-password-rotation", Tier::A, rotation),
    Check::of("org-lockout-threshold", Tier::A, lockout_threshold),
    Check::of("org-lockout-duration", Tier::A, lockout_duration),
    Check::of("org-reset-without-mfa", Tier::A, reset_without_mfa),
    Check::of("org-portal-idle-timeout", Tier::A, idle_timeout),
    Check::of("org-user-self-edit", Tier::A, self_edit),
    Check::of("org-directory-insights-off", Tier::A, directory_insights),
    Check::of("org-system-insights-off", Tier::A, system_insights),
];

/// The outcome of a setting that must be on.
pub(super) fn admin_mfa(look: &Look<'_>) -> Outcome {
    must_be(look, "requireAdminMFA", true)
}

fn must_be(look: &Look<'_>, path: &str, wanted: bool) -> Outcome {
    verdict(look.setting(path).as_bool().map(|value| value != wanted))
}

/// A number that counts only while its flag is on; `Some(None)` when it is off.
fn counted(look: &Look<'_>, flag: &str, number: &str) -> Option<Option<i64>> {
    match look.setting(flag).as_bool()? {
        true => look.setting(number).as_i64().map(Some),
        false => Some(None),
    }
}

fn admin_mfa_required(look: &Look<'_>) -> Outcomes {
    look.of_organization(admin_mfa(look))
}

/// An attestation that Google asks for MFA is an accepted finding, not a pass.
fn google_sign_in(look: &Look<'_>) -> Outcomes {
    look.of_organization(must_be(look, "disableGoogleLogin", true))
}

fn min_length(look: &Look<'_>) -> Outcomes {
    let mut live = look.organization.users.iter().filter(|user| user.live()).peekable();
    let delegated = live.peek().is_some() && live.all(|user| user.source == Source::ActiveDirectory);
    let length = counted(look, "passwordPolicy/enableMinLength", "passwordPolicy/minLength");
    look.of_organization(match delegated {
        true => NotApplicable,
        false => verdict(length.map(|length| length.is_none_or(|length| length < 12))),
    })
}

/// A length that is not enforced does not make the classes needless.
fn complexity(look: &Look<'_>) -> Outcomes {
    let length = counted(look, "passwordPolicy/enableMinLength", "passwordPolicy/minLength").flatten();
    let long = length.is_some_and(|length| length >= 16);
    let refused = look.setting("passwordPolicy/disallowCommonlyUsedPasswords") == true;
    let flags = ["needsLowercase", "needsUppercase", "needsNumeric", "needsSymbolic"]
        .map(|name| look.setting(&format!("passwordPolicy/{name}")).as_bool());
    let classes = flags.iter().filter(|flag| **flag == Some(true)).count();
    look.of_organization(match classes {
        _ if long && refused => NotApplicable,
        3.. => Pass,
        _ if flags.contains(&None) => Unknown,
        _ => Fail,
    })
}

fn common_list(look: &Look<'_>) -> Outcomes {
    look.of_organization(must_be(look, "passwordPolicy/disallowCommonlyUsedPasswords", true))
}

fn history(look: &Look<'_>) -> Outcomes {
    let history = counted(look, "passwordPolicy/enableMaxHistory", "passwordPolicy/maxHistory");
    look.of_organization(verdict(history.map(|history| history.is_none_or(|history| history < 5))))
}

fn rotation(look: &Look<'_>) -> Outcomes {
    let days =
        counted(look, "passwordPolicy/enablePasswordExpirationInDays", "passwordPolicy/passwordExpirationInDays");
    look.of_organization(match look.parameters().rotation {
        Rotation::Ignore => NotApplicable,
        Rotation::Required => verdict(days.map(|days| days.is_none_or(|days| days > 90))),
        Rotation::Forbidden => verdict(days.map(|days| days.is_some())),
    })
}

fn lockout_threshold(look: &Look<'_>) -> Outcomes {
    let attempts = counted(look, "passwordPolicy/enableMaxLoginAttempts", "passwordPolicy/maxLoginAttempts");
    let bad = |attempts: Option<i64>| attempts.is_none_or(|attempts| attempts == 0 || attempts > 10);
    look.of_organization(verdict(attempts.map(bad)))
}

/// Without a time an administrator has to unlock, which is long enough.
fn lockout_duration(look: &Look<'_>) -> Outcomes {
    let seconds = counted(look, "passwordPolicy/enableLockoutTimeInSeconds", "passwordPolicy/lockoutTimeInSeconds");
    look.of_organization(match look.setting("passwordPolicy/enableMaxLoginAttempts").as_bool() {
        None => Unknown,
        Some(false) => NotApplicable,
        Some(true) => verdict(seconds.map(|seconds| seconds.is_some_and(|seconds| seconds < 1800))),
    })
}

fn reset_without_mfa(look: &Look<'_>) -> Outcomes {
    look.of_organization(must_be(look, "passwordPolicy/allowUnenrolledMFAPasswordReset", false))
}

fn idle_timeout(look: &Look<'_>) -> Outcomes {
    let minutes = look.setting("userPortal/idleSessionDurationMinutes").as_i64();
    look.of_organization(verdict(minutes.map(|minutes| minutes == 0 || minutes > 60)))
}

/// Rules of user groups, whether they decide or only suggest; where there is none the check does not apply.
fn self_edit(look: &Look<'_>) -> Outcomes {
    let mut ruled = look.organization.user_groups.iter().filter(|group| group.ruled()).peekable();
    let restricted: Vec<&str> = look
        .setting("systemUserDefaults/restrictedFields")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| field["field"].as_str())
        .collect();
    look.of_organization(match look.setting("systemUsersCanEdit").as_bool() {
        _ if ruled.peek().is_none() => NotApplicable,
        None => Unknown,
        Some(false) => Pass,
        Some(true) => fail_if(ruled.any(|group| !restricted.contains(&group.rule_attribute()))),
    })
}

fn directory_insights(look: &Look<'_>) -> Outcomes {
    look.of_organization(must_be(look, "features/directoryInsights/enabled", true))
}

fn system_insights(look: &Look<'_>) -> Outcomes {
    let feature = "features/systemInsights";
    let families = [
        (Platform::Mac, "enableNewDarwin"),
        (Platform::Windows, "enableNewWindows"),
        (Platform::Linux, "enableNewLinux"),
    ];
    let has = |platform| look.organization.devices.iter().any(|device| device.platform == platform);
    let flags: Vec<Option<bool>> = std::iter::once("enabled")
        .chain(families.into_iter().filter(|(platform, _)| has(*platform)).map(|(_, name)| name))
        .map(|name| look.setting(&format!("{feature}/{name}")).as_bool())
        .collect();
    look.of_organization(match flags {
        flags if flags.contains(&Some(false)) => Fail,
        flags if flags.contains(&None) => Unknown,
        _ => Pass,
    })
}
