//! Laws of lists: pages put together are exactly what the oracle says, limits and totals are as documented.

use std::collections::BTreeSet;

use serde_json::json;
use simulator::{Config, Oddities};

use crate::client::{Client, id_of, open};

/// Every list with ids: path and the oracle's name for it.
const LISTS: &[(&str, &str)] = &[
    ("/api/systemusers", "systemusers"),
    ("/api/systems", "systems"),
    ("/api/applications", "applications"),
    ("/api/application-templates", "application_templates"),
    ("/api/commands", "commands"),
    ("/api/commandresults", "commandresults"),
    ("/api/radiusservers", "radiusservers"),
    ("/api/users", "administrators"),
    ("/api/v2/usergroups", "usergroups"),
    ("/api/v2/systemgroups", "systemgroups"),
    ("/api/v2/policygroups", "policygroups"),
    ("/api/v2/policies", "policies"),
    ("/api/v2/policytemplates", "policytemplates"),
    ("/api/v2/policyresults", "policyresults"),
    ("/api/v2/authn/policies", "authn_policies"),
    ("/api/v2/iplists", "iplists"),
    ("/api/v2/directories", "directories"),
    ("/api/v2/ldapservers", "ldapservers"),
    ("/api/v2/activedirectories", "activedirectories"),
    ("/api/v2/workdays", "workdays"),
    ("/api/v2/applemdms", "applemdms"),
    ("/api/v2/softwareapps", "softwareapps"),
    ("/api/v2/duo/accounts", "duo_accounts"),
    ("/api/v2/service-accounts", "service_accounts"),
    ("/api/v2/roles", "roles"),
    ("/api/v2/identity-providers", "identity_providers"),
    ("/api/v2/notifications/channels", "notification_channels"),
    ("/api/v2/alerts", "alerts"),
    ("/api/v2/healthmonitoring/rules", "healthmonitoring_rules"),
    ("/api/v2/approvalflows", "approvalflows"),
    ("/api/v2/approvalflowrequest", "approvalflowrequests"),
    ("/api/v2/passwordpolicies", "passwordpolicies"),
    ("/api/v2/saas-management/applications", "saas_applications"),
    ("/api/v2/saved-views", "saved_views"),
];

fn skip_name(path: &str) -> &'static str {
    if path.contains("saas-management") { "offset" } else { "skip" }
}

#[tokio::test]
async fn concatenated_pages_are_exactly_the_oracles_ids_for_every_list() {
    let client = Client::demo().await;
    for organization in 0..3 {
        let key = client.world().credentials(organization).administrator;
        let oracle = client.world().oracle(organization);
        for (path, name) in LISTS {
            let passes = if organization == 1 {
                &[(100, ""), (7, ""), (23, "?sort=id"), (9, "?sort=-_id")][..]
            } else {
                &[(100, "")]
            };
            for (limit, sort) in passes.iter().copied() {
                let (rows, total) = client.all(&key, &format!("{path}{sort}"), limit, skip_name(path)).await;
                let ids: Vec<String> = rows.iter().map(id_of).collect();
                let unique: BTreeSet<&String> = ids.iter().collect();
                assert_eq!(unique.len(), ids.len(), "{path} repeats rows");
                let expected: BTreeSet<String> = oracle.ids[*name].iter().map(ToString::to_string).collect();
                assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), expected, "{path}");
                assert_eq!(oracle.counts[*name], ids.len() as u64, "{path}");
                assert!(total.is_none_or(|total| total == ids.len() as u64), "{path}");
            }
        }
    }
    assert_eq!(client.world().writes_attempted(), 0);
    assert_eq!(client.world().forbidden_calls(), []);
}

#[tokio::test]
async fn sorting_by_id_sorts_and_the_natural_order_is_another_stable_one() {
    let client = Client::demo().await;
    let key = client.world().credentials(0).read_only;
    for path in ["/api/systemusers", "/api/systems", "/api/v2/usergroups", "/api/v2/policyresults"] {
        let ids = async |query: &str| -> Vec<String> {
            let (rows, _) = client.all(&key, &format!("{path}{query}"), 50, "skip").await;
            rows.iter().map(id_of).collect()
        };
        let natural = ids("").await;
        let sorted = ids("?sort=_id").await;
        let mut expected = natural.clone();
        expected.sort();
        assert_eq!(sorted, expected, "{path}");
        assert_ne!(natural, sorted, "{path}");
        assert_eq!(natural, ids("").await, "{path}");
    }
}

#[tokio::test]
async fn limits_have_the_defaults_and_maxima_of_their_family() {
    let client = Client::demo().await;
    for (path, default, maximum) in [
        ("/api/systemusers", 10, 100),
        ("/api/v2/usergroups", 10, 100),
        ("/api/v2/policyresults", 10, 100),
        ("/api/v2/applemdms", 1, 100),
        ("/api/v2/systeminsights/apps", 10, 10_000),
    ] {
        assert_eq!(open(&client.get(0, path).await).0.len(), default, "{path}");
        assert_eq!(client.get(0, &format!("{path}?limit={maximum}")).await.status, 200, "{path}");
        let refused = client.get(0, &format!("{path}?limit={}", maximum + 1)).await;
        assert_eq!(refused.status, 400, "{path}");
        let message = format!("Bad Request: request parameter \"limit\" exceeds maximum value of {maximum}");
        assert_eq!(refused.json(), json!({ "message": message }), "{path}");
    }
}

#[tokio::test]
async fn searches_accept_large_pages_except_for_command_results() {
    let client = Client::start(Config::single(1500, 40, 3, 3)).await;
    let answer = client.post(0, "/api/search/systemusers", json!({"limit": 1000})).await;
    let (rows, total) = open(&answer);
    assert_eq!((rows.len(), total), (1000, Some(1500)));
    let refused = client.post(0, "/api/search/commandresults", json!({"limit": 1000})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(client.post(0, "/api/search/commandresults", json!({"limit": 100})).await.status, 200);
    let (rows, total) = open(&client.post(0, "/api/search/systems?limit=5&skip=38", json!({})).await);
    assert_eq!((rows.len(), total), (2, Some(40)));
    for (body, expected) in [
        (json!({"filter": {"state": "SUSPENDED"}, "limit": 1000}), "state"),
        (json!({"filter": [{"state": "SUSPENDED"}], "limit": 1000}), "state"),
        (json!({"filter": ["state:eq:SUSPENDED"], "limit": 1000, "fields": "state"}), "state"),
    ] {
        let (rows, total) = open(&client.post(0, "/api/search/systemusers", body).await);
        assert_eq!(rows.len() as u64, total.unwrap());
        assert!(!rows.is_empty() && rows.iter().all(|row| row[expected] == "SUSPENDED"));
    }
    let body = json!({"searchFilter": {"searchTerm": "mara", "fields": ["username"]}, "limit": 1000});
    let (rows, _) = open(&client.post(0, "/api/search/systemusers", body).await);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["username"].as_str().unwrap().contains("mara")));
}

#[tokio::test]
async fn fields_are_separated_by_blanks_in_v1_and_by_commas_in_v2_and_typos_are_ignored() {
    let client = Client::demo().await;
    let names = |row: &serde_json::Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (rows, _) = open(&client.get(0, "/api/systemusers?fields=email%20username").await);
    assert_eq!(names(&rows[0]), ["_id", "email", "username"]);
    let (rows, _) = open(&client.get(0, "/api/v2/usergroups?fields=name,type").await);
    assert_eq!(names(&rows[0]), ["id", "name", "type"]);
    let (rows, _) = open(&client.get(0, "/api/systemusers?fields=emial").await);
    assert!(names(&rows[0]).len() > 40);
    let (rows, _) = open(&client.get(0, "/api/applications?fields=displayLabel%20sso%20active").await);
    assert!(rows.iter().all(|row| row.get("config").is_none()));
    let full = client.get(0, "/api/applications").await.body;
    assert!(full.contains("idpPrivateKey") && full.contains("SIM-SECRET-"));
}

#[tokio::test]
async fn filters_of_v1_and_v2_are_repeatable_and_narrow_the_total() {
    let client = Client::demo().await;
    let (rows, total) =
        open(&client.get(2, "/api/systems?limit=100&filter=osFamily:$eq:darwin&filter=active:$eq:true").await);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["osFamily"] == "darwin" && row["active"] == true));
    assert!(total.unwrap() < client.world().oracle(2).counts["systems"]);
    let (rows, _) = open(&client.get(2, "/api/v2/usergroups?filter=name:eq:Sales").await);
    assert_eq!(rows.len(), 1);
    let (rows, _) = open(&client.get(2, "/api/systemusers?limit=100&sort=-email").await);
    let emails: Vec<&str> = rows.iter().map(|row| row["email"].as_str().unwrap()).collect();
    assert!(emails.is_sorted_by(|left, right| left >= right));
}

#[tokio::test]
async fn relations_agree_with_the_oracle_from_both_ends() {
    let mut config = Config::demo(simulator::Size::Small);
    config.organizations[1].oddities = Oddities::clean();
    let client = Client::start(config).await;
    for organization in 0..3 {
        let key = client.world().credentials(organization).administrator;
        let oracle = client.world().oracle(organization);
        for (path, relation, parents) in [
            ("usergroups", "members", "usergroup"),
            ("usergroups", "membership", "usergroup"),
            ("systemgroups", "members", "systemgroup"),
            ("systemgroups", "membership", "systemgroup"),
            ("policygroups", "members", "policygroup"),
        ] {
            let mut pairs = BTreeSet::new();
            for parent in &oracle.ids[path] {
                let (rows, _) = client.all(&key, &format!("/api/v2/{path}/{parent}/{relation}"), 100, "skip").await;
                for row in rows {
                    let member = row["to"]["id"].as_str().or(row["id"].as_str()).unwrap();
                    assert!(pairs.insert((parent.to_string(), member.to_owned())), "{path}/{relation} repeats");
                }
            }
            let expected = &oracle.pairs[&format!("{parents}_{relation}")];
            assert_eq!(pairs, texts(expected), "{path}/{relation}");
        }
        let mut pairs = BTreeSet::new();
        for group in &oracle.ids["systemgroups"] {
            let (rows, _) = client.all(&key, &format!("/api/v2/systemgroups/{group}/users"), 100, "skip").await;
            pairs.extend(rows.iter().map(|row| (group.to_string(), id_of(row))));
        }
        assert_eq!(pairs, texts(&oracle.pairs["systemgroup_users"]));
        for (name, expected) in oracle.pairs.iter().filter(|(name, _)| name.starts_with("associations/")) {
            let parts: Vec<&str> = name.split('/').collect();
            let parents: BTreeSet<_> = expected.iter().map(|(from, _)| *from).collect();
            let mut pairs = BTreeSet::new();
            for parent in parents {
                let path = format!("/api/v2/{}/{parent}/associations?targets={}", parts[1], parts[2]);
                let (rows, _) = client.all(&key, &path, 100, "skip").await;
                pairs.extend(rows.iter().map(|row| (parent.to_string(), row["to"]["id"].as_str().unwrap().to_owned())));
            }
            assert_eq!(pairs, texts(expected), "{name}");
        }
    }
}

#[tokio::test]
async fn results_of_policies_and_software_add_up() {
    let client = Client::demo().await;
    let key = client.world().credentials(2).administrator;
    let oracle = client.world().oracle(2);
    for (parents, relation, name) in [
        ("policies", "policystatuses", "policystatuses"),
        ("policies", "policyresults", "policyresults"),
        ("systems", "policystatuses", "policystatuses"),
        ("softwareapps", "statuses", "softwareapp_statuses"),
        ("applemdms", "devices", "applemdm_devices"),
        ("activedirectories", "agents", "activedirectory_agents"),
        ("ldapservers", "sambadomains", "sambadomains"),
        ("gsuites", "translationrules", "translationrules"),
    ] {
        let mut ids = Vec::new();
        for parent in &oracle.ids[parents] {
            let (rows, _) = client.all(&key, &format!("/api/v2/{parents}/{parent}/{relation}"), 100, "skip").await;
            ids.extend(rows.iter().map(id_of));
        }
        ids.sort();
        let expected: Vec<String> = oracle.ids[name].iter().map(ToString::to_string).collect();
        assert_eq!(ids, expected, "{parents}/{relation}");
    }
    let mut results = 0;
    for command in &oracle.ids["commands"] {
        let (rows, _) = client.all(&key, &format!("/api/commands/{command}/results"), 100, "skip").await;
        results += rows.len() as u64;
    }
    assert_eq!(results, oracle.counts["commandresults"]);
    let (devices, _) = client.all(&key, "/api/systems", 100, "skip").await;
    let bound: u64 = devices.iter().map(|device| device["policyStats"]["total"].as_u64().unwrap()).sum();
    assert_eq!(bound, oracle.counts["policystatuses"]);
    let interfaces: usize = devices.iter().map(|device| device["networkInterfaces"].as_array().unwrap().len()).sum();
    assert_eq!(interfaces as u64, oracle.counts["network_interfaces"]);
}

#[tokio::test]
async fn targets_is_required_and_checked_against_the_collection() {
    let client = Client::demo().await;
    let group = client.world().oracle(0).ids["usergroups"][0];
    let path = format!("/api/v2/usergroups/{group}/associations");
    assert_eq!(client.get(0, &path).await.status, 400);
    assert_eq!(client.get(0, &format!("{path}?targets=user")).await.status, 400);
    assert_eq!(client.get(0, &format!("{path}?targets=nonsense")).await.status, 400);
    assert_eq!(client.get(0, &format!("{path}?targets=system")).await.status, 200);
    assert_eq!(client.get(0, "/api/v2/usergroups/000000000000000000000000/members").await.status, 404);
}

fn texts(pairs: &[(simulator::Id, simulator::Id)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(left, right)| (left.to_string(), right.to_string())).collect()
}

#[tokio::test]
async fn single_reads_show_the_object_of_the_list() {
    const WITHOUT: &[&str] = &["/api/v2/directories", "/api/v2/applemdms", "/api/v2/groups"];
    let client = Client::demo().await;
    for (path, name) in LISTS.iter().filter(|(path, _)| !WITHOUT.contains(path)) {
        let key = client.world().credentials(2).administrator;
        for id in client.world().oracle(2).ids[*name].iter().take(3) {
            let answer = client.get_with(&format!("{path}/{id}"), &[("x-api-key", &key)]).await;
            assert_eq!(answer.status, 200, "{path}/{id}");
            let body = answer.json();
            let row = body.get("serviceAccount").unwrap_or(&body);
            assert_eq!(id_of(row), id.to_string(), "{path}");
        }
        let nothing = client.get_with(&format!("{path}/000000000000000000000000"), &[("x-api-key", &key)]).await;
        assert_eq!(nothing.status, 404, "{path}");
    }
    for (path, name) in [("/api/v2/gsuites", "gsuites"), ("/api/v2/office365s", "office365s")] {
        let id = client.world().oracle(2).ids[name][0];
        assert_eq!(id_of(&client.get(2, &format!("{path}/{id}")).await.json()), id.to_string());
    }
    let policy = client.world().oracle(2).ids["policies"][0];
    let (rows, _) = open(&client.get(2, "/api/v2/policies?limit=100").await);
    assert!(rows.iter().all(|row| row.get("values").is_none()));
    let policy = client.get(2, &format!("/api/v2/policies/{policy}")).await.json();
    assert!(policy["values"].is_array() && policy["configFields"].is_array());
    assert_eq!(client.world().forbidden_calls(), []);
}

#[tokio::test]
async fn newer_lists_are_wrapped_under_their_own_names() {
    let client = Client::demo().await;
    let key = client.world().credentials(2).administrator;
    for (path, names) in [
        ("service-accounts", &["results", "totalCount"][..]),
        ("roles", &["results", "totalCount"]),
        ("identity-providers", &["identityProviders", "totalCount"]),
        ("saved-views", &["totalCount", "views"]),
        ("notifications/channels", &["channels", "count"]),
        ("alerts", &["alerts"]),
        ("healthmonitoring/rules", &["count", "rules"]),
        ("passwordpolicies", &["results"]),
        ("saas-management/applications", &["results", "totalCount"]),
    ] {
        let answer = client.get_with(&format!("/api/v2/{path}"), &[("x-api-key", &key)]).await.json();
        let found: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(found, names, "{path}");
    }
}

#[tokio::test]
async fn who_reaches_what_is_the_same_from_both_ends() {
    let client = Client::demo().await;
    let world = client.world();
    let key = world.credentials(0).administrator;
    let oracle = world.oracle(0);
    for (left, right, left_name, right_name) in [
        ("users", "systems", "systemusers", "systems"),
        ("users", "applications", "systemusers", "applications"),
        ("policies", "systems", "policies", "systems"),
        ("users", "radiusservers", "systemusers", "radiusservers"),
    ] {
        let mut pairs = [BTreeSet::new(), BTreeSet::new()];
        for (side, from, name, to) in [(0, left, left_name, right), (1, right, right_name, left)] {
            for id in &oracle.ids[name] {
                let (rows, _) = client.all(&key, &format!("/api/v2/{from}/{id}/{to}"), 100, "skip").await;
                for row in rows {
                    let other = id_of(&row);
                    assert!(row["paths"].as_array().is_some_and(|paths| !paths.is_empty()));
                    let pair = if side == 0 { (id.to_string(), other) } else { (other, id.to_string()) };
                    assert!(pairs[side].insert(pair), "{from}/{to} repeats");
                }
            }
        }
        assert!(!pairs[0].is_empty());
        assert_eq!(pairs[0], pairs[1], "{left} and {right}");
    }
}

#[tokio::test]
async fn answers_carry_the_headers_that_were_recorded() {
    let client = Client::demo().await;
    let answer = client.get(0, "/api/v2/usergroups").await;
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    assert!(answer.headers["etag"].starts_with("W/\""));
    assert!(answer.headers["x-response-time"].ends_with("ms"));
    for name in ["date", "cf-ray", "x-total-count", "x-envoy-upstream-service-time", "strict-transport-security"] {
        assert!(answer.headers.contains_key(name), "{name}");
    }
    assert!(!answer.headers.keys().any(|name| name.contains("ratelimit") || name == "link" || name == "retry-after"));
    assert!(!client.get(0, "/api/systemusers").await.headers.contains_key("x-total-count"));
}

#[tokio::test]
async fn secrets_stand_where_the_service_has_them_and_nowhere_else() {
    let client = Client::demo().await;
    let key = client.world().credentials(0).administrator;
    for (path, secret) in [
        ("/api/applications?limit=100", true),
        ("/api/commands?limit=100", true),
        ("/api/radiusservers", true),
        ("/api/commandresults?limit=100", true),
        ("/api/systemusers?limit=100", true),
        ("/api/v2/usergroups?limit=100", true),
        ("/api/v2/policies?limit=100", false),
        ("/api/systems?limit=100", false),
        ("/api/users?limit=100", false),
    ] {
        let answer = client.get_with(path, &[("x-api-key", &key)]).await;
        assert_eq!(answer.body.contains("SIM-SECRET-"), secret, "{path}");
    }
}

#[tokio::test]
async fn ids_are_unique_in_the_whole_world_and_rows_name_their_own_organization() {
    let client = Client::start(Config::demo(simulator::Size::Medium)).await;
    let mut seen = BTreeSet::new();
    for organization in 0..3 {
        let oracle = client.world().oracle(organization);
        for (name, ids) in oracle.ids.iter().filter(|(name, _)| !is_listed_twice(name)) {
            assert!(ids.iter().all(|id| seen.insert(*id)), "{name}");
        }
        let (rows, _) = open(&client.get(organization, "/api/systems?limit=100").await);
        assert!(rows.iter().all(|row| row["organization"] == oracle.organization.to_string()));
    }
}

/// Directories have their own collections too, and the latest results are among all results.
fn is_listed_twice(name: &str) -> bool {
    matches!(name, "directories" | "policystatuses")
}

#[tokio::test]
async fn demonstrations_have_the_promised_sizes_and_a_single_organization_the_exact_ones() {
    for (size, range) in [(simulator::Size::Small, 60..=250), (simulator::Size::Medium, 500..=2500)] {
        let client = Client::start(Config::demo(size)).await;
        for organization in 0..3 {
            assert!(range.contains(&client.world().oracle(organization).counts["systemusers"]));
        }
    }
    let client = Client::start(Config::single(123, 45, 6, 7)).await;
    let counts = client.world().oracle(0).counts;
    let found = ["systemusers", "systems", "usergroups", "systemgroups"].map(|name| counts[name]);
    assert_eq!(found, [123, 45, 6, 7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_readers_and_the_passing_of_life_do_not_stand_in_each_others_way() {
    let client = std::sync::Arc::new(Client::demo().await);
    let readers = (0..3).map(|organization| {
        let client = std::sync::Arc::clone(&client);
        tokio::spawn(async move {
            let key = client.world().credentials(organization).read_only;
            for path in ["/api/systemusers", "/api/systems", "/api/v2/usergroups", "/api/v2/systeminsights/apps"] {
                let (rows, _) = client.all(&key, path, 20, "skip").await;
                assert!(!rows.is_empty());
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..10 {
        client.world().advance(std::time::Duration::from_secs(3600));
        client.world().oracle(0);
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
