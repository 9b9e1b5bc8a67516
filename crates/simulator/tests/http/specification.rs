//! Every row has only fields that the published specifications know, with the types that they give, except for a list
//! of extras that were observed. Runs where the specifications are kept; elsewhere it says that it was skipped.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use simulator::{Config, Size};

use crate::client::{Client, open};

/// Fields that the service sends although its specification does not say so.
const OBSERVED_EXTRAS: &[&str] = &[
    // V1 list rows repeat `_id` as `id`.
    "systemuserreturn.id",
    "JcSystem.id",
    "application.id",
    "organization.id",
    "userreturn.id",
    "command._id",
    "command.id",
    "commandresult.id",
    "radiusserver.id",
    "applicationtemplate.id",
    "systemuserreturn.systemUsername",
    "JcSystem.tags",
    "commandresult.exitCode",
    "apple-mdm-device.appleMdmId",
];

/// Which definition describes the rows of which route: specification, definition, path.
const ROUTES: &[(&str, &str, &str)] = &[
    ("v1", "systemuserreturn", "/api/systemusers"),
    ("v1", "JcSystem", "/api/systems"),
    ("v1", "application", "/api/applications"),
    ("v1", "applicationtemplate", "/api/application-templates"),
    ("v1", "userreturn", "/api/users"),
    ("v1", "command", "/api/commands"),
    ("v1", "commandresult", "/api/commandresults"),
    ("v1", "radiusserver", "/api/radiusservers"),
    ("v1", "organization", "/api/organizations/{organization}"),
    ("v2", "UserGroup", "/api/v2/usergroups"),
    ("v2", "SystemGroup", "/api/v2/systemgroups"),
    ("v2", "PolicyGroup", "/api/v2/policygroups"),
    ("v2", "Policy", "/api/v2/policies"),
    ("v2", "PolicyWithDetails", "/api/v2/policies/{policies}"),
    ("v2", "PolicyTemplate", "/api/v2/policytemplates"),
    ("v2", "PolicyResult", "/api/v2/policyresults"),
    ("v2", "AuthnPolicy", "/api/v2/authn/policies"),
    ("v2", "IPList", "/api/v2/iplists"),
    ("v2", "Directory", "/api/v2/directories"),
    ("v2", "ldap-server", "/api/v2/ldapservers"),
    ("v2", "samba-domain", "/api/v2/ldapservers/{ldapservers}/sambadomains"),
    ("v2", "active-directory", "/api/v2/activedirectories"),
    ("v2", "active-directory-agent-list", "/api/v2/activedirectories/{activedirectories}/agents"),
    ("v2", "gsuite", "/api/v2/gsuites/{gsuites}"),
    ("v2", "office365", "/api/v2/office365s/{office365s}"),
    ("v2", "workday-output", "/api/v2/workdays"),
    ("v2", "AppleMDM", "/api/v2/applemdms"),
    ("v2", "apple-mdm-device", "/api/v2/applemdms/{applemdms}/devices"),
    ("v2", "software-app", "/api/v2/softwareapps"),
    ("v2", "software-app-status", "/api/v2/softwareapps/{softwareapps}/statuses"),
    ("v2", "DuoAccount", "/api/v2/duo/accounts"),
    ("v2", "DuoApplication", "/api/v2/duo/accounts/{duo_accounts}/applications"),
    ("v2", "subscription", "/api/v2/subscriptions"),
    ("v2", "scheduled-userstate-result", "/api/v2/bulk/userstates"),
    ("v2", "GSuiteTranslationRule", "/api/v2/gsuites/{gsuites}/translationrules"),
    ("v2", "jumpcloud.ingresso.AccessWorkflow", "/api/v2/approvalflows"),
    ("v2", "jumpcloud.ingresso.WorkflowAccessRequest", "/api/v2/approvalflowrequest"),
    ("v2", "GraphConnection", "/api/v2/usergroups/{usergroups}/members"),
    ("v2", "GraphConnection", "/api/v2/systems/{systems}/associations?targets=user"),
    ("v2", "GraphObjectWithPaths", "/api/v2/usergroups/{usergroups}/membership"),
    ("v2", "GraphObjectWithPaths", "/api/v2/systemgroups/{systemgroups}/users"),
    ("v2", "PushEndpointResponse", "/api/v2/users/{systemusers}/pushendpoints"),
];

fn specification(name: &str) -> Option<Value> {
    let shared = std::env::var_os("JUMPSEAT_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join(format!("data/openapi/jumpcloud-{name}.swagger.json"));
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Both specifications; where they are not here, the test is skipped and says so, unless nothing may be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn published() -> Option<(Value, Value)> {
    let both = specification("v1").zip(specification("v2"));
    if both.is_none() {
        let must = std::env::var("JUMPSEAT_REQUIRE_ALL");
        assert_ne!(must.as_deref(), Ok("1"), "the published specifications are not here");
        eprintln!("skipped: the published specifications are not here");
    }
    both
}

#[tokio::test]
async fn every_field_of_every_row_is_in_the_published_specification() {
    let Some((v1, v2)) = published() else { return };
    let client = Client::start(Config::demo(Size::Small)).await;
    let mut problems = BTreeSet::new();
    let mut extras = BTreeSet::new();
    for organization in 0..3 {
        let world = client.world();
        let key = world.credentials(organization).administrator;
        let oracle = world.oracle(organization);
        let mut routes: Vec<(&Value, String, String)> = ROUTES
            .iter()
            .map(|(file, definition, path)| {
                (if *file == "v1" { &v1 } else { &v2 }, (*definition).to_owned(), (*path).to_owned())
            })
            .collect();
        for table in oracle.counts.keys().filter_map(|name| name.strip_prefix("systeminsights/")) {
            let definition = format!("system-insights-{}", table.replace('_', "-"));
            // One table has a route and no definition; it is empty here.
            if v2["definitions"].get(&definition).is_some() {
                routes.push((&v2, definition, format!("/api/v2/systeminsights/{table}")));
            } else {
                assert_eq!(table, "windows_crashes");
            }
        }
        for (file, definition, path) in routes {
            for path in expand(&path, &oracle) {
                let separator = if path.contains('?') { '&' } else { '?' };
                let answer = client.get_with(&format!("{path}{separator}limit=100"), &[("x-api-key", &key)]).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                let single = answer.json().is_object() && answer.json().get("results").is_none();
                let rows = if single { vec![answer.json()] } else { open(&answer).0 };
                let schema = &file["definitions"][definition.as_str()];
                for row in rows {
                    check(file, schema, &row, &definition, &mut problems, &mut extras);
                }
            }
        }
    }
    let provider = client.world().provider().unwrap();
    let mtp = client.world().credentials(0).mtp.unwrap();
    for (definition, path) in [("Administrator", "administrators"), ("Organization", "organizations")] {
        let path = format!("/api/v2/providers/{provider}/{path}");
        for row in open(&client.get_with(&path, &[("x-api-key", &mtp)]).await).0 {
            check(&v2, &v2["definitions"][definition], &row, definition, &mut problems, &mut extras);
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let unused: Vec<_> = OBSERVED_EXTRAS.iter().filter(|name| !extras.contains(**name)).collect();
    assert!(unused.is_empty(), "no longer needed as extras: {unused:?}");
}

/// Puts ids into a path; at most five of them.
fn expand(path: &str, oracle: &simulator::Oracle) -> Vec<String> {
    let Some((start, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (name, end) = rest.split_once('}').unwrap();
    if name == "organization" {
        return vec![format!("{start}{}{end}", oracle.organization)];
    }
    oracle.ids[name].iter().take(5).map(|id| format!("{start}{id}{end}")).collect()
}

fn resolve<'a>(file: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolve(file, &file["definitions"][reference.rsplit('/').next().unwrap()]),
        None => schema,
    }
}

/// The schemas that together describe an object.
fn parts<'a>(file: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(file, schema);
    match schema["allOf"].as_array() {
        Some(all) => all.iter().flat_map(|part| parts(file, part)).collect(),
        None => vec![schema],
    }
}

fn check(
    file: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
    problems: &mut BTreeSet<String>,
    extras: &mut BTreeSet<String>,
) {
    let schemas = parts(file, schema);
    match value {
        // Null stands for "none" in every field of the service.
        Value::Null => {}
        Value::Object(fields) => {
            let described: Vec<&Value> =
                schemas.iter().copied().filter(|part| part.get("properties").is_some()).collect();
            if described.is_empty() {
                if !schemas.iter().any(|part| part["type"].as_str().is_none_or(|kind| kind == "object")) {
                    problems.insert(format!("{path}: an object where the specification has none"));
                }
                return;
            }
            for (name, value) in fields {
                let field = format!("{path}.{name}");
                match described.iter().find_map(|part| part["properties"].get(name)) {
                    Some(schema) => check(file, schema, value, &field, problems, extras),
                    None if OBSERVED_EXTRAS.contains(&field.as_str()) => {
                        extras.insert(field);
                    }
                    // Attributes that administrators invent are allowed in graph answers.
                    None if described
                        .iter()
                        .any(|part| part.get("additionalProperties").is_some_and(|rest| *rest != false)) => {}
                    None => {
                        problems.insert(format!("{field}: unknown"));
                    }
                }
            }
        }
        Value::Array(entries) => match schemas.iter().find(|part| part["type"] == "array") {
            Some(part) => entries
                .iter()
                .for_each(|entry| check(file, &part["items"], entry, &format!("{path}[]"), problems, extras)),
            None => {
                problems.insert(format!("{path}: an array where the specification has none"));
            }
        },
        _ => {
            let kind = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_f64() => "number",
                _ => "integer",
            };
            let fits = schemas.iter().any(|part| {
                let wanted = part["type"].as_str();
                wanted.is_none() || wanted == Some(kind) || (wanted == Some("number") && kind == "integer")
            });
            if !fits {
                problems.insert(format!("{path}: {kind} instead of {}", schemas[0]["type"]));
            }
            let known = schemas.iter().all(|part| part["enum"].as_array().is_none_or(|words| words.contains(value)));
            if !known && value != "" {
                problems.insert(format!("{path}: {value} is not in the list of the specification"));
            }
        }
    }
}

/// Published reads that a collector has no use for: imports and jobs, settings of e-mails, and the secret one.
const NOT_SIMULATED: &[&str] = &[
    "/systemusers/{id}/totpinfo",
    "/users/reactivate/{id}",
    "/applemdms/{apple_mdm_id}/enrollmentprofiles",
    "/applications/{application_id}/import/users",
    "/approvalflowsettings",
    "/approversprogress/{id}",
    "/bulk/users/{job_id}/results",
    "/bulk/userstates/eventlist/next",
    "/customemail/templates",
    "/customemails/{custom_email_type}",
    "/gsuites/{gsuite_id}/import/jumpcloudusers",
    "/gsuites/{gsuite_id}/import/users",
    "/office365s/{office365_id}/import/users",
    "/systems/{system_id}/fdekey",
    "/workdays/{id}/import/{job_id}/results",
    "/workdays/{workday_id}/workers",
];

#[tokio::test]
async fn every_published_list_of_the_inventory_has_a_route() {
    let Some((v1, v2)) = published() else { return };
    let client = Client::start(Config::demo(Size::Small)).await;
    let key = client.world().credentials(2).administrator;
    let oracle = client.world().oracle(2);
    let mut missing = Vec::new();
    for (file, base) in [(&v1, "/api"), (&v2, "/api/v2")] {
        for (path, _) in file["paths"].as_object().unwrap().iter().filter(|(_, item)| item.get("get").is_some()) {
            let mut filled = String::from(base);
            let mut before = "";
            for part in path.split('/').filter(|part| !part.is_empty()) {
                filled.push('/');
                if part.starts_with('{') {
                    let name = match before {
                        "users" => "systemusers",
                        "accounts" => "duo_accounts",
                        "command" => "commands",
                        other => other,
                    };
                    match oracle.ids.get(name).and_then(|ids| ids.first()) {
                        Some(id) => filled.push_str(&id.to_string()),
                        None => filled.push_str("000000000000000000000000"),
                    }
                } else {
                    filled.push_str(part);
                }
                before = part;
            }
            client.world().forget_requests();
            client.get_with(&format!("{filled}?targets=user"), &[("x-api-key", &key)]).await;
            if !client.world().forbidden_calls().is_empty() {
                missing.push(path.clone());
            }
        }
    }
    assert_eq!(missing, NOT_SIMULATED, "published lists without a route here, and those of which that is known");
    let tables = v2["paths"].as_object().unwrap().keys().filter_map(|path| path.strip_prefix("/systeminsights/"));
    for table in tables.filter(|table| !table.contains('{')) {
        assert!(oracle.counts.contains_key(&format!("systeminsights/{table}")), "{table}");
    }
}
