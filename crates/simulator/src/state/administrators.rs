//! Administrators, their roles, and service accounts.
//! Responsible for what the listings show. The keys that open the API are in `credentials`.

use serde_json::json;

use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::time::{DAY, ZERO_TIME, text};

/// The built-in roles.
pub(crate) const ROLES: &[&str] = &[
    "Administrator With Billing",
    "Administrator",
    "Manager",
    "Command Runner With Billing",
    "Command Runner",
    "Help Desk",
    "Billing Only",
    "Read Only",
];

/// Makes up administrators, roles and service accounts.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let bad = profile.bad();
    let count = bad(5, 14, 9);
    let mut administrators = Vec::new();
    for number in 0..u64::from(count) {
        let mut dice = profile.dice("administrator", number);
        let created_at = now - (30 + dice.below(1500) as i64) * DAY;
        let id = profile.make_id("administrator", number, created_at);
        let role = if number == 0 { ROLES[0] } else { *dice.pick(ROLES) };
        let role_id = profile.make_id(
            "role",
            ROLES.iter().position(|name| *name == role).unwrap_or(0) as u64,
            profile.created_at,
        );
        let multi_factor = !dice.permille(bad(1, 450, 120));
        let key_set = number % 2 == 0;
        let key_created_at = now - dice.below(bad(80, 700, 200).into()) as i64 * DAY;
        let expires_at = key_created_at + 365 * DAY;
        administrators.push(Document::new(
            id,
            json!({
                "_id": id,
                "id": id,
                "apiKeyAllowed": key_set,
                "apiKeyHash": if key_set {
                    json!({"createdAt": text(key_created_at), "expireAt": text(expires_at), "prefix": "jca_"})
                } else {
                    json!({})
                },
                "apiKeySet": key_set,
                "apiKeyUpdatedAt": text(key_created_at),
                "created": text(created_at),
                "disableIntroduction": true,
                "email": format!("admin{number}@{}", profile.domain),
                "enableMultiFactor": multi_factor,
                "firstname": crate::words::FIRST_NAMES[number as usize % crate::words::FIRST_NAMES.len()],
                "lastname": "Admin",
                "organization": profile.id,
                "provider": null,
                "role": role_id,
                "roleName": role,
                "roleNames": [role],
                "roles": [role_id],
                "sessionCount": dice.below(500),
                "suspended": number > 2 && dice.permille(120),
                "totpEnrolled": multi_factor,
                "totpUpdatedAt": if multi_factor { text(created_at + DAY) } else { String::new() },
                "passwordUpdatedAt": text(now - dice.below(700) as i64 * DAY),
                "usersTimeZone": "UTC",
            }),
        ));
    }
    documents.put(Noun::Administrators, administrators);
    let roles = ROLES.iter().enumerate().map(|(number, name)| {
        let id = profile.make_id("role", number as u64, profile.created_at);
        let scopes = if *name == "Read Only" {
            json!(["organizations.readonly", "users.readonly"])
        } else {
            json!(["organizations", "users"])
        };
        Document::new(
            id,
            json!({"id": id, "name": name, "description": format!("Built-in role: {name}"), "scopes": scopes}),
        )
    });
    documents.put(Noun::Roles, roles.collect());
    let accounts = (0..u64::from(bad(1, 4, 2))).map(|number| {
        let id = profile.make_id("service account", number, now - 200 * DAY);
        let never = profile.oddities.has(Oddity::ZeroTime) && number == 1;
        Document::new(
            id,
            json!({
                "objectId": id,
                "name": format!("integration {number}"),
                "status": if number == 3 { "SUSPENDED" } else { "ACTIVE" },
                "roleId": profile.make_id("role", 7, profile.created_at),
                "roleName": "Read Only",
                "expiresAt": if never { ZERO_TIME.to_owned() } else { text(now + (60 - 40 * number as i64) * DAY) },
                "authConfigList": [{"authType": if number == 0 { "CLIENT_SECRET" } else { "API_KEY" }}],
            }),
        )
    });
    documents.put(Noun::ServiceAccounts, accounts.collect());
}
