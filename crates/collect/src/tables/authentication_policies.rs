//! Authentication policies (conditional access): who may sign in to what, under which conditions, with which proof.

use jumpcloud::endpoints;
use store::schema::{Table, boolean, json, text};

use super::{Collected, Id, Redact, Source};

/// `authentication_policies`: one row for each policy.
#[rustfmt::skip]
pub(super) static AUTHENTICATION_POLICIES: Collected = Collected {
    table: Table {
        name: "authentication_policies",
        about: "Conditional access policies. What holds where none of them applies (the default) can not be read. Users are targets with ALL written in any case, or through groups.",
        asset: Some("authentication_policy"),
        label: "name",
        columns: &[
            text("name", "/name", "Name of the policy."),
            text("description", "/description", "Free text."),
            boolean("disabled", "/disabled", "Switched off."),
            text("policy_type", "/type", "What it guards: user_portal, admin_portal, application or ldap."),
            text("effect", "/effect/action", "allow or deny."),
            boolean("mfa_required", "/effect/obligations/mfa/required", "MFA must be used when it allows."),
            json("mfa_factors", "/effect/obligations/mfaFactors", "Factors that are accepted (DURT, WEBAUTHN, PUSH, DUO, TOTP); NULL presumably means any."),
            text("user_verification", "/effect/obligations/userVerification/requirement", "none, optional or required: a PIN or fingerprint with the factor."),
            json("conditions", "/conditions", "When it applies: deviceEncrypted, deviceManaged, ipAddressIn (ip_lists.id), locationIn, combined by not, all, any; NULL is always."),
            json("resources", "/targets/resources", "Type and id of what it guards; without an id everything of that type."),
            json("users_included", "/targets/users/inclusions", "ALL for every user."),
            json("user_groups_included", "/targets/userGroups/inclusions", "Groups that it applies to (user_groups.id)."),
            json("user_groups_excluded", "/targets/userGroups/exclusions", "Groups that it does not apply to."),
            json("user_attributes_included", "/targets/userAttributes/inclusions", "User attributes that it applies to."),
            json("user_attributes_excluded", "/targets/userAttributes/exclusions", "User attributes that it does not apply to."),
        ],
        joined: &[],
    },
    sources: &[Source::list(&endpoints::AUTHN_POLICIES)],
    id: Id::Member(&["id"]),
    redact: Redact::Nothing,
    absent: "the policy was deleted",
    fact: "V2 GET /api/v2/authn/policies; grammar of conditions from JumpCloud's model text",
};
