//! Connected directories: Active Directory, Google Workspace, Microsoft 365, LDAP and Workday.
//! Responsible for their documents and for the mixed list `/directories`.

use serde_json::json;

use crate::config::Character;
use crate::oddity::Oddity;
use crate::state::Profile;
use crate::state::document::{Document, Documents, Noun};
use crate::time::{DAY, HOUR, MINUTE, ZERO_TIME, text};

/// Makes up all connected directories.
pub(crate) fn grow(profile: &Profile, now: i64, documents: &mut Documents) {
    let neglected = profile.character == Character::Neglected;
    let since = now - 800 * DAY;
    let mut directories = Vec::new();
    let domain = json!({"id": profile.make_id("domain", 0, since), "domain": profile.domain});

    let id = profile.make_id("g suite", 0, since);
    documents.put(
        Noun::GSuites,
        vec![Document::new(
            id,
            json!({
                "id": id, "name": "Workspace", "defaultDomain": domain, "groupsEnabled": true,
                "organizationObjectId": profile.id,
                "userLockoutAction": if neglected { "maintain" } else { "suspend" },
                "userPasswordExpirationAction": if profile.character == Character::Tidy { "suspend" } else { "maintain" },
            }),
        )],
    );
    let oauth = if neglected {
        json!({"error": "invalid_grant", "errorMessage": "the token was revoked"})
    } else {
        json!({"error": "", "errorMessage": ""})
    };
    directories
        .push(json!({"id": id, "name": "Workspace", "type": "g_suite", "defaultDomain": domain, "oAuthStatus": oauth}));

    let rule = profile.make_id("translation rule", 0, since);
    documents.put(
        Noun::TranslationRules,
        vec![
            Document::new(
                rule,
                json!({
                    "id": rule, "builtIn": "user_home_addresses", "direction": "export",
                }),
            )
            .of(id),
        ],
    );

    let id = profile.make_id("office 365", 0, since);
    documents.put(
        Noun::Office365s,
        vec![Document::new(
            id,
            json!({
                "id": id, "name": "Microsoft 365", "defaultDomain": domain, "groupsEnabled": false,
                "userLockoutAction": "suspend", "userPasswordExpirationAction": "maintain",
            }),
        )],
    );
    directories.push(
        json!({"id": id, "name": "Microsoft 365", "type": "office_365", "defaultDomain": domain, "oAuthStatus": {}}),
    );

    let id = profile.make_id("ldap server", 0, profile.created_at);
    documents.put(
        Noun::LdapServers,
        vec![Document::new(
            id,
            json!({
                "id": id,
                "name": "jumpcloud",
                "userLockoutAction": "remove",
                "userPasswordExpirationAction": if neglected { "disable" } else { "remove" },
            }),
        )],
    );
    let samba = profile.make_id("samba domain", 0, since);
    documents.put(
        Noun::SambaDomains,
        vec![
            Document::new(
                samba,
                json!({"id": samba, "name": "CORP", "sid": "S-1-5-21-1004336348-1177238915-682003330"}),
            )
            .of(id),
        ],
    );
    directories.push(
        json!({"id": id, "name": "jumpcloud", "type": "ldap_server", "defaultDomain": null, "oAuthStatus": null}),
    );

    grow_active_directory(profile, now, documents, &mut directories);

    let id = profile.make_id("workday", 0, since);
    let message = if neglected { "login refused" } else { "" };
    let workdays = if profile.character == Character::Growing || neglected {
        directories
            .push(json!({"id": id, "name": "HR", "type": "workday", "defaultDomain": null, "oAuthStatus": null}));
        vec![Document::new(
            id,
            json!({
                "id": id, "name": "HR", "lastImport": text(now - if neglected { 90 * DAY } else { DAY }),
                "reportUrl": "https://hr.example/report",
                "auth": {
                    "basic": {"isValid": !neglected, "expiry": text(now + 30 * DAY), "message": message},
                    "oauth": {"isValid": false, "expiry": "", "message": ""},
                },
            }),
        )]
    } else {
        Vec::new()
    };
    documents.put(Noun::Workdays, workdays);
    let directories = directories.into_iter().map(|row| {
        let id = row["id"].as_str().and_then(crate::id::Id::parse).expect("every directory above has an id");
        Document::new(id, row)
    });
    documents.put(Noun::Directories, directories.collect());
}

fn grow_active_directory(
    profile: &Profile,
    now: i64,
    documents: &mut Documents,
    directories: &mut Vec<serde_json::Value>,
) {
    let neglected = profile.character == Character::Neglected;
    let id = profile.make_id("active directory", 0, now - 500 * DAY);
    let never = neglected && profile.oddities.has(Oddity::ZeroTime);
    let mut agents = Vec::new();
    for (number, (kind, state)) in
        [("SYNC", "active"), ("IMPORT", "active"), ("SYNC", "inactive")].into_iter().enumerate()
    {
        let agent = profile.make_id("ad agent", number as u64, now - 500 * DAY);
        let stale = neglected && number > 0;
        let silence = match state {
            _ if stale => 40 * DAY,
            "inactive" => 9 * HOUR,
            _ => 2 * MINUTE,
        };
        agents.push(
            Document::new(
                agent,
                json!({
                    "id": agent,
                    "hostname": format!("dc{}.corp.example", number + 1),
                    "agentType": kind,
                    "state": if stale { "inactive" } else { state },
                    "contactAt": text(now - silence),
                    "version": if neglected { "3.2.1" } else { "4.1.0" },
                    "source_ip": format!("10.20.0.{}", number + 5),
                    "idSourceId": id,
                }),
            )
            .of(id),
        );
    }
    let row = json!({
        "id": id,
        "domain": "DC=corp;DC=example",
        "useCase": if neglected { "UNSET" } else { "TWOWAYSYNC" },
        "delegationState": if neglected { "DISABLED" } else { "ENABLED" },
        "groupsEnabled": true,
        "permission": "PERMISSION_OWNER",
        "primaryAgent": agents[0].id,
        "primaryImportAgent": agents[1].id,
        "updatedAt": if never { ZERO_TIME.to_owned() } else { text(now - 3 * DAY) },
    });
    documents.put(Noun::ActiveDirectories, vec![Document::new(id, row)]);
    documents.put(Noun::ActiveDirectoryAgents, agents);
    directories.push(json!({
        "id": id, "name": "corp.example", "type": "active_directory", "defaultDomain": null, "oAuthStatus": null,
    }));
}
