//! The organization object with all its settings.
//! Responsible for the single read of `/api/organizations/{id}`; the list row is cut from it by `v1::organizations`.

use serde_json::{Value, json};

use crate::config::Character;
use crate::state::Profile;
use crate::time::{DAY, text};

/// Makes up the settings of an organization; the neglected one has weak ones.
pub(crate) fn grow(profile: &Profile, now: i64) -> Value {
    let missing: &[&str] = if profile.character == Character::Growing {
        &[
            "/settings/requireAdminMFA",
            "/settings/passwordPolicy/allowUnenrolledMFAPasswordReset",
            "/settings/passwordPolicy/disallowCommonlyUsedPasswords",
            "/settings/userPortal/idleSessionDurationMinutes",
        ]
    } else {
        &[]
    };
    json!({
        "_id": profile.id,
        "id": profile.id,
        "accountsReceivable": "CURRENT",
        "created": text(profile.created_at),
        "customEmailSettings": {"enabled": profile.character == Character::Tidy},
        "displayName": profile.name,
        "entitlement": {
            "billingModel": "annual",
            "capUserQuantity": false,
            "isManuallyBilled": false,
            "maxUserQuantity": 20_000,
            "pricePerUserSum": 24,
            "entitlementProducts": [],
        },
        "hasCreditCard": true,
        "hasStripeCustomerId": true,
        "logoUrl": null,
        "totalBillingEstimate": 0,
        "settings": settings(profile, now),
    })
    .without(missing)
}

/// Takes settings out that came up after the organization was made and never were set.
trait Without {
    fn without(self, paths: &[&str]) -> Self;
}

impl Without for Value {
    fn without(mut self, paths: &[&str]) -> Self {
        for path in paths {
            let Some((parent, name)) = path.rsplit_once('/') else { continue };
            if let Some(Value::Object(fields)) = self.pointer_mut(parent) {
                fields.remove(name);
            }
        }
        self
    }
}

fn password_policy(tidy: bool, neglected: bool) -> Value {
    json!({
        "allowUnenrolledMFAPasswordReset": neglected,
        "allowUsernameSubstring": neglected,
        "daysAfterExpirationToSelfRecover": 10,
        "daysBeforeExpirationToForceReset": 7,
        "disallowCommonlyUsedPasswords": !neglected,
        "disallowSequentialOrRepetitiveChars": tidy,
        "displayComplexityOnResetScreen": true,
        "effectiveDate": "",
        "enableDaysAfterExpirationToSelfRecover": false,
        "enableDaysBeforeExpirationToForceReset": false,
        "enableLockoutTimeInSeconds": !neglected,
        "enableMaxHistory": !neglected,
        "enableMaxLoginAttempts": !neglected,
        "enableMinChangePeriodInDays": false,
        "enableMinLength": true,
        "enablePasswordExpirationInDays": !tidy && !neglected,
        "enableRecoveryEmail": true,
        "enableResetLockoutCounter": tidy,
        "gracePeriodDate": "",
        "lockoutTimeInSeconds": if tidy { 1800 } else { 900 },
        "maxHistory": if tidy { 10 } else { 5 },
        "maxLoginAttempts": 6,
        "minChangePeriodInDays": 0,
        "minLength": if tidy { 16 } else if neglected { 8 } else { 12 },
        "needsLowercase": true,
        "needsNumeric": true,
        "needsSymbolic": tidy,
        "needsUppercase": !neglected,
        "passwordExpirationInDays": 90,
        "resetLockoutCounterMinutes": 30,
    })
}

fn settings(profile: &Profile, now: i64) -> Value {
    let tidy = profile.character == Character::Tidy;
    let neglected = profile.character == Character::Neglected;
    // Where another directory owns the fields that rules of groups look at, nobody can grant anything to themselves.
    let restricted: Vec<Value> = ["department", "location", "employeeType", "costCenter"]
        .iter()
        .filter(|_| !tidy && !neglected)
        .map(|field| json!({"field": field, "id": profile.id.child(8), "type": "scim"}))
        .collect();
    json!({
        "agentVersion": "2.61.0",
        "chromeDTCEnabled": false,
        "contactEmail": format!("it@{}", profile.domain),
        "contactName": "IT",
        "deviceIdentificationEnabled": tidy,
        "disableCommandRunner": tidy,
        "disableGoogleLogin": tidy,
        "disableLdap": false,
        "disableUM": false,
        "duplicateLDAPGroups": false,
        "emailDisclaimer": "",
        "enableGoogleApps": true,
        "enableManagedUID": false,
        "enableO365": true,
        "enableUserPortalAgentInstall": neglected,
        "features": features(profile, now),
        "logo": "",
        "maxSystemUsers": 20_000,
        "name": profile.name,
        "newSystemUserStateDefaults": {
            "manualEntry": if neglected { "ACTIVATED" } else { "STAGED" },
            "csvImport": "STAGED",
            "applicationImport": "STAGED",
        },
        "passwordCompliance": "custom",
        "passwordPolicy": password_policy(tidy, neglected),
        "requireAdminMFA": !neglected,
        "showIntro": false,
        "systemUserDefaults": {"restrictedFields": restricted},
        "systemUserPasswordExpirationInDays": 90,
        "systemUsersCanEdit": !tidy,
        "trustedAppConfig": {"checksum": "", "trustedApps": []},
        "userPortal": {
            "cookieExpirationType": if neglected { "date" } else { "session" },
            "idleSessionDurationMinutes": if neglected { 1440 } else { 60 },
        },
        "windowsMDM": {"enabled": true, "autoEnroll": tidy},
    })
}

fn features(profile: &Profile, now: i64) -> Value {
    json!({
        "directoryInsights": {"enabled": profile.directory_insights},
        "directoryInsightsPremium": {
            "enabled": profile.premium_events,
            "createdAt": text(profile.created_at),
            "updatedAt": text(profile.created_at),
        },
        "systemInsights": {
            "enabled": profile.system_insights,
            "enableNewDarwin": true,
            "enableNewLinux": profile.character != Character::Neglected,
            "enableNewWindows": true,
            "createdAt": text(profile.created_at),
            "updatedAt": text(now - 90 * DAY),
        },
    })
}
