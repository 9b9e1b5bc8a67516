//! Conditional access: policies for sign-in, IP lists, and routing to other identity providers.
//! Responsible for their documents only.

use serde_json::{Value, json};

use crate::config::Character;
use crate::id::Id;
use crate::state::Profile;
use crate::state::bindings::{BOARD, INTERNS};
use crate::state::document::{Document, Documents, Noun};
use crate::state::group::Group;
use crate::state::table::{Identified, Table};
use crate::time::DAY;

/// Makes up access policies, IP lists and identity providers.
pub(crate) fn grow(profile: &Profile, now: i64, groups: &Table<Group>, documents: &mut Documents) {
    let neglected = profile.character == Character::Neglected;
    let tidy = profile.character == Character::Tidy;
    let lists: Vec<Document> = [
        ("Offices", json!(["198.51.100.0/24", "203.0.113.10-203.0.113.20"])),
        ("VPN", json!(["192.0.2.4", "2001:db8:1::/48"])),
        ("Everything", json!(["0.0.0.0/0"])),
        ("Old office", json!([])),
        ("Intranet", json!(["10.0.0.0/8", "192.0.2.9"])),
        ("Partners", json!(["198.51.100.7", "gateway.partner.example"])),
    ]
    .into_iter()
    .enumerate()
    .filter(|(number, _)| *number < 2 || !tidy && (*number > 2 || neglected))
    .map(|(number, (name, ips))| {
        let id = profile.make_id("ip list", number as u64, now - 400 * DAY);
        Document::new(id, json!({"id": id, "name": name, "description": "", "ips": ips}))
    })
    .collect();
    let offices = lists[0].id();
    let excluded: Vec<Value> = groups.iter().skip(5).take(1).map(|group| json!(group.id)).collect();
    let empty: Vec<Value> = groups.iter().last().map(|group| json!(group.id)).into_iter().collect();
    let application = documents.ids(Noun::Applications).first().copied();
    // Something that was deleted long ago.
    let gone = profile.make_id("former thing", 0, now - 500 * DAY);
    let managed = json!({"all": [{"deviceManaged": true}, {"deviceEncrypted": true}]});
    let policies = [
        // Name, type, disabled, conditions, effect, id of the one application it is for, place of the one group.
        (
            "Require MFA outside the office",
            "user_portal",
            false,
            json!({"not": {"ipAddressIn": [offices]}}),
            mfa("allow", true),
            None,
            None,
        ),
        ("Managed devices only", "application", neglected, managed, mfa("allow", true), None, None),
        (
            "Block countries",
            "user_portal",
            false,
            json!({"locationIn": {"countries": ["KP", "IR"]}}),
            json!({"action": "deny"}),
            None,
            None,
        ),
        ("Administrators always use MFA", "admin_portal", neglected, json!({}), mfa("allow", !neglected), None, None),
        ("Directory sign-in", "ldap", neglected, json!({}), mfa("allow", true), None, None),
        ("Allow all (temporary)", "application", false, json!({}), mfa("allow", false), application, None),
        ("Interns, first weeks", "user_portal", false, json!({}), mfa("allow", false), None, Some(INTERNS)),
        ("The board always uses MFA", "user_portal", false, json!({}), mfa("allow", true), None, Some(BOARD)),
        ("On the intranet", "application", false, json!({"ipAddressIn": [offices]}), mfa("allow", false), None, None),
        ("Low risk", "application", false, json!({"riskBelow": {"level": "MEDIUM"}}), mfa("allow", false), None, None),
        ("Production", "application", false, json!({"ipAddressIn": [gone]}), mfa("allow", true), Some(gone), None),
        ("Applications always use MFA", "application", false, json!({}), mfa("allow", true), None, None),
    ]
    .into_iter()
    .enumerate()
    .filter(|(number, policy)| {
        let of_nobody = policy.6.is_some_and(|place| place + 1 >= groups.len());
        match number {
            0..5 => true,
            11 => tidy,
            5 => neglected,
            _ => !tidy && !of_nobody,
        }
    })
    .map(|(number, (name, kind, disabled, conditions, effect, application, place))| {
        let id = profile.make_id("authn policy", number as u64, now - 300 * DAY);
        let exclusions = match number {
            0 => excluded.clone(),
            // A group that nobody is in.
            1 if !tidy => empty.clone(),
            _ => Vec::new(),
        };
        let included: Vec<Id> =
            place.and_then(|place| groups.iter().nth(place)).map(|group| group.id).into_iter().collect();
        let users = if included.is_empty() { json!({"inclusions": ["ALL"]}) } else { json!({"inclusions": []}) };
        let resource = match application {
            Some(application) => json!({"type": kind, "id": application}),
            None => json!({"type": kind}),
        };
        let body = json!({
            "id": id,
            "name": name,
            "description": "",
            "disabled": disabled,
            "type": kind,
            "conditions": conditions,
            "effect": effect,
            "targets": {
                "users": users,
                "userGroups": {"inclusions": included, "exclusions": exclusions},
                "resources": [resource],
            },
        });
        Document::new(id, body)
    });
    documents.put(Noun::AuthnPolicies, policies.collect());
    documents.put(Noun::IpLists, lists);
    let providers = (0..u64::from(profile.character == Character::Growing)).map(|number| {
        let id = profile.make_id("identity provider", number, now - 100 * DAY);
        Document::new(
            id,
            json!({
                "id": id,
                "name": "Corporate login",
                "type": "OIDC",
                "oidc": {"clientId": "simulated-client", "url": "https://login.corp.example"},
            }),
        )
    });
    documents.put(Noun::IdentityProviders, providers.collect());
}

fn mfa(action: &str, required: bool) -> Value {
    json!({
        "action": action,
        "obligations": {"mfa": {"required": required}, "userVerification": {"requirement": "none"}},
    })
}
