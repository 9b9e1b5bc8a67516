//! The client against the simulated JumpCloud: everything that it can ask is answered, what it reads is what
//! is there, and nothing that it sends could change anything.

#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]

use std::{collections::BTreeSet, pin::pin, time::Duration};

use futures::StreamExt;
use jumpcloud::{Client, ClientConfig, Credential, Endpoint, Error, Hosts, Listed, Pass, endpoints};
use serde_json::Value;
use simulator::{Clock, Config, RateLimit, Running, Simulator};

async fn simulated(config: Config) -> Running {
    Simulator::start(config, Clock::system(), ([127, 0, 0, 1], 0).into()).await.unwrap()
}

fn client(running: &Running, credential: Credential, org_id: Option<String>) -> Client {
    let mut config = ClientConfig::new(Hosts::custom(&running.url(), &running.url(), true).unwrap(), credential);
    config.org_id = org_id;
    Client::new(config).unwrap()
}

fn with_key(running: &Running, key: &str) -> Client {
    let organization = running.world().credentials(0).organization.to_string();
    client(running, Credential::api_key(key).unwrap(), Some(organization))
}

/// Reads a list to its end and returns what identifies its rows.
async fn all(
    client: &Client,
    endpoint: &Endpoint,
    ids: &[&str],
    query: &[(&str, &str)],
) -> Result<(Vec<String>, Pass), Error> {
    let mut found = Vec::new();
    let mut stream = pin!(client.list(endpoint, ids, query));
    while let Some(listed) = stream.next().await {
        match listed? {
            Listed::Page(page) => {
                for row in &page.rows {
                    let row: Value = serde_json::from_str(row.get()).unwrap();
                    let id = ["_id", "id", "objectId"].iter().find_map(|name| row[*name].as_str());
                    let id = id.or_else(|| row["to"]["id"].as_str());
                    found.push(id.unwrap_or_default().to_owned());
                }
            }
            Listed::End(pass) => return Ok((found, pass)),
        }
    }
    panic!("the list stopped without an end or an error");
}

#[tokio::test]
async fn every_flat_list_is_read_completely_and_once() {
    let running = simulated(Config::single(1234, 456, 210, 101)).await;
    let world = running.world();
    let oracle = world.oracle(0);
    let client = with_key(&running, &world.credentials(0).administrator);
    for (name, endpoint) in [
        ("systemusers", endpoints::SYSTEMUSERS),
        ("systems", endpoints::SYSTEMS),
        ("systemusers", endpoints::SEARCH_SYSTEMUSERS),
        ("systems", endpoints::SEARCH_SYSTEMS),
        ("usergroups", endpoints::USERGROUPS),
        ("systemgroups", endpoints::SYSTEMGROUPS),
        ("policygroups", endpoints::POLICYGROUPS),
        ("applications", endpoints::APPLICATIONS),
        ("application_templates", endpoints::APPLICATION_TEMPLATES),
        ("commands", endpoints::COMMANDS),
        ("commandresults", endpoints::COMMANDRESULTS),
        ("radiusservers", endpoints::RADIUSSERVERS),
        ("administrators", endpoints::ADMINISTRATORS),
        ("policies", endpoints::POLICIES),
        ("policyresults", endpoints::POLICYRESULTS),
        ("policytemplates", endpoints::POLICYTEMPLATES),
        ("authn_policies", endpoints::AUTHN_POLICIES),
        ("iplists", endpoints::IPLISTS),
        ("directories", endpoints::DIRECTORIES),
        ("ldapservers", endpoints::LDAPSERVERS),
        ("activedirectories", endpoints::ACTIVEDIRECTORIES),
        ("workdays", endpoints::WORKDAYS),
        ("applemdms", endpoints::APPLEMDMS),
        ("softwareapps", endpoints::SOFTWAREAPPS),
        ("duo_accounts", endpoints::DUO_ACCOUNTS),
        ("roles", endpoints::ROLES),
        ("identity_providers", endpoints::IDENTITY_PROVIDERS),
        ("notification_channels", endpoints::NOTIFICATION_CHANNELS),
        ("alerts", endpoints::ALERTS),
        ("healthmonitoring_rules", endpoints::HEALTHMONITORING_RULES),
        ("passwordpolicies", endpoints::PASSWORDPOLICIES),
        ("approvalflows", endpoints::APPROVALFLOWS),
        ("approvalflowrequests", endpoints::APPROVALFLOWREQUESTS),
        ("saas_applications", endpoints::SAAS_APPLICATIONS),
    ] {
        let (found, pass) = all(&client, &endpoint, &[], &[]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected: BTreeSet<_> = oracle.ids[name].iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{name}");
        assert_eq!(BTreeSet::from_iter(found), expected, "{name}");
        assert_eq!(pass.moved, None, "{name}");
        assert!(pass.total.is_none_or(|total| total == pass.rows), "{name}: {pass:?}");
    }
}

#[tokio::test]
async fn members_and_tables_are_read_completely() {
    let running = simulated(Config::single(1500, 400, 40, 20)).await;
    let world = running.world();
    let oracle = world.oracle(0);
    let client = with_key(&running, &world.credentials(0).read_only);
    for (groups, members, endpoint) in [
        ("usergroups", "usergroup_members", endpoints::USERGROUP_MEMBERS),
        ("systemgroups", "systemgroup_members", endpoints::SYSTEMGROUP_MEMBERS),
        ("usergroups", "usergroup_membership", endpoints::USERGROUP_MEMBERSHIP),
        ("systemgroups", "systemgroup_users", endpoints::SYSTEMGROUP_USERS),
    ] {
        let mut pairs = BTreeSet::new();
        for group in &oracle.ids[groups] {
            let group = group.to_string();
            let (found, pass) = all(&client, &endpoint, &[&group], &[]).await.unwrap();
            assert_eq!(pass.total, Some(pass.rows));
            pairs.extend(found.into_iter().map(|member| (group.clone(), member)));
        }
        let expected: BTreeSet<_> =
            oracle.pairs[members].iter().map(|(from, to)| (from.to_string(), to.to_string())).collect();
        assert_eq!(pairs, expected, "{members}");
    }
    for table in endpoints::SYSTEM_INSIGHTS {
        let (_, pass) = all(&client, table, &[], &[]).await.unwrap();
        assert_eq!(oracle.counts.get(table.name()), Some(&pass.rows), "{}", table.name());
    }
}

#[tokio::test]
async fn everything_that_can_be_asked_is_known_and_harmless() {
    let running = simulated(Config::demo(simulator::Size::Small)).await;
    let world = running.world();
    let credentials = world.credentials(0);
    let client = with_key(&running, &credentials.read_only);
    let mut refused = Vec::new();
    for endpoint in endpoints::ALL {
        let ids: &[&str] = if endpoint.path().contains('{') { &["65a1b2c3d4e5f60718293a4b"] } else { &[] };
        let query: &[_] = if endpoint.path().ends_with("associations") { &[("targets", "user")] } else { &[] };
        let result = if endpoint.is_list() {
            all(&client, endpoint, ids, query).await.map(|_| ())
        } else if endpoint.method() == "POST" {
            // `distinct` must have a field and `interval` a unit; others ignore what they do not know.
            let body = serde_json::json!({
                "service": ["all"], "start_time": "2026-11-20T08:00:00Z", "field": "service", "interval_unit": "h",
            });
            client.post(endpoint, &[], &body).await.map(|_| ())
        } else {
            client.read(endpoint, ids, query).await.map(|_| ())
        };
        let has_id = endpoint.path().contains('{');
        match result {
            // The id is invented, and `targets` cannot fit every collection.
            Err(Error::NotFound(_) | Error::BadRequest(_)) if has_id => {}
            Ok(()) | Err(Error::NotPermitted(_)) => {}
            Err(error) => refused.push(error.to_string()),
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!(world.writes_attempted(), 0);
    assert_eq!(world.forbidden_calls(), []);
}

#[tokio::test]
async fn each_kind_of_credential_is_told_apart() {
    let running = simulated(Config::demo(simulator::Size::Small)).await;
    let world = running.world();
    let credentials = world.credentials(0);
    for key in [&credentials.expired, &credentials.revoked, &credentials.wrong_region] {
        let error = all(&with_key(&running, key), &endpoints::SYSTEMUSERS, &[], &[]).await.unwrap_err();
        assert_eq!(error.code(), "key_rejected");
    }
    let mtp = Credential::api_key(credentials.mtp.as_deref().unwrap()).unwrap();
    let error = all(&client(&running, mtp.clone(), None), &endpoints::USERGROUPS, &[], &[]).await.unwrap_err();
    assert_eq!(error.code(), "no_organization");
    let chosen = client(&running, mtp, Some(credentials.organization.to_string()));
    all(&chosen, &endpoints::USERGROUPS, &[], &[]).await.unwrap();
    assert_eq!(all(&chosen, &endpoints::ORGANIZATIONS, &[], &[]).await.unwrap().0.len(), 3);

    for secret in &credentials.service_account.client_secrets {
        let account = Credential::service_account(&credentials.service_account.client_id, secret).unwrap();
        let client = client(&running, account, Some(credentials.organization.to_string()));
        let (found, _) = all(&client, &endpoints::SYSTEMUSERS, &[], &[]).await.unwrap();
        assert_eq!(found.len(), world.oracle(0).ids["systemusers"].len());
    }
    let wrong = Credential::service_account(&credentials.service_account.client_id, "wrong").unwrap();
    let error = all(&client(&running, wrong, None), &endpoints::SYSTEMUSERS, &[], &[]).await.unwrap_err();
    assert_eq!(error.code(), "key_rejected");
}

#[tokio::test]
async fn no_more_requests_run_at_once_than_allowed() {
    let running = simulated(Config::single(3000, 3000, 1, 1)).await;
    let world = running.world();
    world.faults().set_latency(Duration::from_millis(5));
    let organization = world.credentials(0).organization.to_string();
    let hosts = Hosts::custom(&running.url(), &running.url(), true).unwrap();
    let mut config = ClientConfig::new(hosts, Credential::api_key(&world.credentials(0).read_only).unwrap());
    config.org_id = Some(organization);
    config.max_in_flight = 4;
    let client = Client::new(config).unwrap();
    let (users, devices) =
        tokio::join!(all(&client, &endpoints::SYSTEMUSERS, &[], &[]), all(&client, &endpoints::SYSTEMS, &[], &[]));
    assert_eq!((users.unwrap().0.len(), devices.unwrap().0.len()), (3000, 3000));
    let most = world.requests().most_in_flight;
    assert!((2..=4).contains(&most), "{most}");
}

#[tokio::test]
async fn a_rate_limit_of_the_service_costs_no_row() {
    let running = simulated(Config::single(900, 10, 1, 1)).await;
    let world = running.world();
    world.faults().set_rate_limit(Some(RateLimit { rate: 4.0, burst: 3.0, retry_after: true }));
    let client = with_key(&running, &world.credentials(0).read_only);
    let (found, pass) = all(&client, &endpoints::SYSTEMUSERS, &[], &[]).await.unwrap();
    assert_eq!((found.len(), pass.moved), (900, None));
    assert!(client.calls()[0].rate_limited > 0);
}
