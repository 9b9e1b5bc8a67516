//! Administrators, their roles, and service accounts.
//! Responsible for what the listings show. The keys that open the API are in `credentials`.

use serde_json::{Value, json};

use crate::config::Character;
use crate::id::Id;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::state::user::username;
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

/// How the API key of an administrator stands.
enum Key {
    None,
    /// Made and ending so many days before or after now.
    Days(i64, i64),
    /// Made so many days ago, without an end.
    Endless(i64),
    /// From a time when neither prefix nor dates were kept; only the last change is known, if that.
    Old(Option<i64>),
}

/// What checks must find in an administrator, by number.
struct Plan {
    role: &'static str,
    key: Key,
    multi_factor: bool,
    /// Whether the list says if TOTP is set up.
    told: bool,
    suspended: bool,
    /// Never signs in.
    dormant: bool,
    email: String,
    days_old: i64,
}

/// Makes a plan: the first ones are what every organization has, the others what goes wrong in most.
fn plan(profile: &Profile, number: u64) -> Plan {
    let tidy = profile.character == Character::Tidy;
    let neglected = profile.character == Character::Neglected;
    let mut dice = profile.dice("administrator", number);
    let days_old = 60 + dice.below(1500) as i64;
    let role = *dice.pick(&ROLES[2..]);
    let own = format!("admin{number}@{}", profile.domain);
    // Most administrators are users too, under the same address.
    let users = format!("{}@{}", username(profile, number as u32), profile.domain);
    let email = if number < 3 || (number == 4 && !tidy) { own } else { users };
    let multi_factor = !dice.permille(profile.bad()(0, 300, 60));
    let plan =
        Plan { role, key: Key::None, multi_factor, told: true, suspended: false, dormant: false, email, days_old };
    match number {
        0 => Plan { role: ROLES[0], key: Key::Days(-40, 325), multi_factor: true, ..plan },
        1 if tidy => Plan { role: ROLES[0], ..plan },
        1 => Plan {
            role: if neglected { ROLES[0] } else { ROLES[1] },
            multi_factor: false,
            key: Key::Days(-200, 165),
            ..plan
        },
        // Whoever reads for others: the owner of the read-only key (see `own_key`).
        2 if neglected => Plan { role: READ_ONLY, key: Key::Old(Some(500)), multi_factor: true, ..plan },
        2 => Plan { role: READ_ONLY, key: Key::Days(-30, if tidy { 300 } else { 5 }), multi_factor: true, ..plan },
        3 => Plan { suspended: true, key: if tidy { Key::None } else { Key::Days(-90 - 10, 100) }, ..plan },
        4 if !tidy => Plan { dormant: true, multi_factor: true, ..plan },
        5 => Plan { told: false, ..plan },
        6 => Plan { email: "contractor@partner.example".to_owned(), ..plan },
        7 => Plan { role: ROLES[1], key: Key::Endless(20), ..plan },
        8 => Plan { days_old: 5, ..plan },
        9..=11 => Plan {
            role: ROLES[0],
            key: [Key::Days(-362, 3), Key::Days(-400, -35), Key::Old(None)]
                .into_iter()
                .nth(number as usize - 9)
                .unwrap_or(Key::None),
            ..plan
        },
        12 => Plan { key: Key::Days(-700, 30), ..plan },
        13 => Plan { role: ROLES[0], dormant: true, multi_factor: true, ..plan },
        _ => plan,
    }
}

/// The role that may change nothing.
pub(crate) const READ_ONLY: &str = "Read Only";

/// The administrators who can sign in and sometimes do: not suspended, and not dormant.
pub(crate) fn signs_in(administrator: &Document) -> bool {
    administrator.body["suspended"] == false && administrator.body["sessionCount"] != 0
}

/// Who a key of this role belongs to: the first administrator of the role.
pub(crate) fn owner(documents: &Documents, role: &str) -> Option<Id> {
    let found = documents.iter(Noun::Administrators).find(|administrator| administrator.text("roleName") == role);
    found.map(|administrator| administrator.id)
}

/// Writes the beginning of a key into the row of its owner, where rows tell such beginnings.
pub(crate) fn own_key(documents: &mut Documents, role: &str, key: &str) {
    let Some(owner) = owner(documents, role) else { return };
    let Some(administrator) = documents.table_mut(Noun::Administrators).and_then(|table| table.get_mut(owner)) else {
        return;
    };
    let mut hash = administrator.body["apiKeyHash"].clone();
    if hash["prefix"].is_string() {
        hash["prefix"] = key.chars().take(8).collect::<String>().into();
        administrator.set("apiKeyHash", hash);
    }
}

/// Gives the owner of a role's key a new one, as the console does: it is known by its beginning, and ends in 90 days.
pub(crate) fn renew_key(documents: &mut Documents, role: &str, key: &str, now: i64) {
    let Some(owner) = owner(documents, role) else { return };
    let Some(administrator) = documents.table_mut(Noun::Administrators).and_then(|table| table.get_mut(owner)) else {
        return;
    };
    let prefix: String = key.chars().take(8).collect();
    let hash = json!({"createdAt": text(now), "expireAt": text(now + 90 * DAY), "prefix": prefix});
    administrator.set("apiKeyHash", hash);
    administrator.set("apiKeyUpdatedAt", text(now).into());
}

/// Makes up administrators, roles and service accounts.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let bad = profile.bad();
    let mut administrators = Vec::new();
    for number in 0..u64::from(bad(5, 14, 9)) {
        let Plan { role, key, multi_factor, told, suspended, dormant, email, days_old } = plan(profile, number);
        let mut dice = profile.dice("administrator details", number);
        let created_at = now - days_old * DAY;
        let id = profile.make_id("administrator", number, created_at);
        let role_id = profile.make_id(
            "role",
            ROLES.iter().position(|name| *name == role).unwrap_or(0) as u64,
            profile.created_at,
        );
        let at = |days: i64| text(now + days * DAY);
        let prefix = format!("jca_{:04x}", dice.next() & 0xffff);
        let (hash, updated) = match key {
            Key::None => (json!({}), String::new()),
            Key::Days(made, ends) => (json!({"createdAt": at(made), "expireAt": at(ends), "prefix": prefix}), at(made)),
            Key::Endless(days) => (json!({"createdAt": at(-days), "expireAt": null, "prefix": prefix}), at(-days)),
            Key::Old(changed) => (json!({}), changed.map(|days| at(-days)).unwrap_or_default()),
        };
        let set = !matches!(key, Key::None);
        let mut body = json!({
            "_id": id,
            "id": id,
            "apiKeyAllowed": set,
            "apiKeyHash": hash,
            "apiKeySet": set,
            "apiKeyUpdatedAt": updated,
            "created": text(created_at),
            "disableIntroduction": true,
            "email": email,
            "enableMultiFactor": multi_factor,
            "firstname": crate::words::FIRST_NAMES[number as usize % crate::words::FIRST_NAMES.len()],
            "lastname": "Admin",
            "organization": profile.id,
            "provider": null,
            "role": role_id,
            "roleName": role,
            "roleNames": [role],
            "roles": [role_id],
            // Whoever never signs in has none.
            "sessionCount": if dormant { 0 } else { 1 + dice.below(500) },
            "suspended": suspended,
            "totpEnrolled": multi_factor,
            "totpUpdatedAt": if multi_factor { text(created_at + DAY) } else { String::new() },
            "passwordUpdatedAt": text(now - dice.below(700) as i64 * DAY),
            "usersTimeZone": "UTC",
        });
        if let (false, Value::Object(fields)) = (told, &mut body) {
            fields.remove("totpEnrolled");
        }
        administrators.push(Document::new(id, body));
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
                "roleId": profile.make_id("role", if number == 2 { 1 } else { 7 }, profile.created_at),
                // One of them may do everything.
                "roleName": if number == 2 { ROLES[1] } else { READ_ONLY },
                "expiresAt": if never { ZERO_TIME.to_owned() } else { text(now + (60 - 40 * number as i64) * DAY) },
                "authConfigList": [{"authType": if number == 0 { "CLIENT_SECRET" } else { "API_KEY" }}],
            }),
        )
    });
    documents.put(Noun::ServiceAccounts, accounts.collect());
}
