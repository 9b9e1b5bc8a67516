//! What was bought and configured around the core: subscriptions, Duo, password policies, SaaS discovery, schedules.
//! Responsible for these small documents only.

use serde_json::json;

use crate::config::Character;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::state::table::Table;
use crate::state::user::User;
use crate::time::{DAY, text};

/// Makes up subscriptions, Duo accounts, password policies, SaaS applications and scheduled user states.
pub(crate) fn grow(profile: &Profile, now: i64, users: &Table<User>, documents: &mut Documents) {
    let mut features = vec![
        "cloudDirectory",
        "deviceManagement",
        "ldap",
        "mdm",
        "mfa",
        "radius",
        "sso",
        "softwareManagement",
        "zeroTrust",
    ];
    if profile.directory_insights {
        features.push("cloudInsights");
    }
    if profile.system_insights {
        features.push("systemInsights");
    }
    let features: Vec<_> = features.into_iter().map(|name| json!({"name": name})).collect();
    let id = profile.make_id("subscription", 0, profile.created_at);
    documents.put(Noun::Subscriptions, vec![Document::new(id, json!({
        "productCode": "JCPlatformPlus", "displayName": "Platform Plus", "features": features, "listPrice": 24, "annualPrice": 20,
    }))]);

    let account = profile.make_id("duo account", 0, now - 300 * DAY);
    let application = profile.make_id("duo application", 0, now - 300 * DAY);
    documents.put(Noun::DuoAccounts, vec![Document::new(account, json!({"id": account, "name": "Duo"}))]);
    documents.put(
        Noun::DuoApplications,
        vec![
            Document::new(
                application,
                json!({
                    "id": application, "name": "User Portal", "apiHost": "api-00000000.duo.example",
                    "integrationKey": format!("SIM-SECRET-{}", application.child(46)),
                }),
            )
            .of(account),
        ],
    );

    let policies = ["", "Executives"].into_iter().enumerate().map(|(number, name)| {
        let id = profile.make_id("password policy", number as u64, now - 400 * DAY);
        Document::new(
            id,
            json!({"objectId": id, "name": name, "precedence": number, "default": number == 0, "groupCount": number}),
        )
    });
    documents.put(Noun::PasswordPolicies, policies.collect());

    let count = if profile.character == Character::Tidy { 12 } else { 130 };
    let applications = (0..count).map(|number| {
        let id = profile.make_id("saas application", number, now - 100 * DAY);
        let status = ["APPROVED", "UNAPPROVED", "IGNORED"][number as usize % 3];
        Document::new(
            id,
            json!({
                "id": id, "name": format!("Cloud service {number}"), "status": status,
                "category": "Productivity", "accountsCount": number % 17,
            }),
        )
    });
    documents.put(Noun::SaasApplications, applications.collect());

    let tidy = profile.character == Character::Tidy;
    let states =
        users.iter().enumerate().filter(|(position, _)| position % 50 == 9).take(150).map(|(position, user)| {
            let id = user.id.child(47);
            Document::new(
                id,
                json!({
                    "scheduledJobId": id, "systemUserId": user.id,
                    "state": if position % 100 == 9 { "SUSPENDED" } else { "ACTIVATED" },
                    // Elsewhere than with the tidy, one suspension was due and did not happen.
                    "scheduledDate": text(now + if position == 9 && !tidy { -3 * DAY } else { (position as i64 % 60) * DAY }),
                }),
            )
        });
    documents.put(Noun::UserStates, states.collect());
}
