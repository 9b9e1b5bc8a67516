//! The declarations against everything that the simulator answers: every value fits its column, no planted secret
//! survives, and no source asks for something that does not exist. How rows are read here is as plain as can be; the
//! engine has tests of its own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use futures::StreamExt;
use jumpcloud::{Client, ClientConfig, Credential, Endpoint, Error, Hosts, Listed};
use serde_json::{Value, json};
use simulator::{Clock, Config, Simulator, Size};

use super::tests::cleaned_seeing_all;
use super::*;

/// How the simulator marks what must never be kept.
const MARK: &str = "SIM-SECRET";

#[tokio::test(flavor = "multi_thread")]
async fn every_value_of_the_simulator_fits_its_column_and_no_secret_survives() {
    let clock = Clock::manual(Arc::new(AtomicI64::new(1_795_000_000_000)));
    let running = Simulator::start(Config::demo(Size::Small), clock, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let world = running.world();
    let mut seen = BTreeSet::new();
    for organization in 0..world.organizations().len() {
        let credentials = world.credentials(organization);
        let org_id = credentials.organization.to_string();
        let hosts = Hosts::custom(&running.url(), &running.url(), true).unwrap();
        let mut config = ClientConfig::new(hosts, Credential::api_key(&credentials.administrator).unwrap());
        config.org_id = Some(org_id.clone());
        let received = read_all(&Client::new(config).unwrap(), &org_id).await;
        for collected in ALL {
            let table = &collected.table;
            let mut identities = HashSet::new();
            for mut row in received[table.name].clone() {
                seen.insert(table.name);
                let mut node = Node::from(row.clone());
                collected.clean_node(&mut node);
                let seeing_all = cleaned_seeing_all(collected, row.clone());
                collected.clean(&mut row);
                assert_eq!(row, node.to_value(), "{}", table.name);
                assert_eq!(row, seeing_all, "{} reads a member that it does not declare", table.name);
                assert!(!row.to_string().contains(MARK), "{}: {row}", table.name);
                let misfits = misfitting(table, &row);
                assert!(misfits.is_empty(), "{}: {misfits:?} in {row}", table.name);
                let identity = identity(collected, &row);
                assert!(!identity.iter().all(Value::is_null), "{}: no identity in {row}", table.name);
                // System Insights has no ids; the same fact can stand in a table twice.
                let once = identities.insert(identity) || table.name.starts_with("insights_");
                assert!(once, "{}: a second row of the same identity: {row}", table.name);
            }
        }
    }
    // What the simulator does not know it counts as forbidden, tables of System Insights among it.
    let forbidden: Vec<_> =
        world.forbidden_calls().into_iter().filter(|call| !call.path.contains("/systeminsights/")).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    let empty: Vec<_> = ALL.iter().map(|collected| collected.table.name).filter(|name| !seen.contains(name)).collect();
    // The one without a source of its own.
    assert_eq!(empty, ["insights_collections"], "no organization has a row in these tables");
}

/// The values that do not fit their column, with the column's name.
fn misfitting(table: &Table, row: &Value) -> Vec<String> {
    let sent = table.columns.iter().filter_map(|column| Some((column, row.pointer(column.at)?)));
    let wrong = sent.filter(|(column, value)| column.kind.read(*value).is_none());
    wrong.map(|(column, value)| format!("{} = {value}", column.name)).collect()
}

fn identity(collected: &Collected, row: &Value) -> Vec<Value> {
    let member = |name: &&str| row.get(*name).cloned();
    match collected.id {
        Id::Member(names) => names.iter().find_map(member).into_iter().collect(),
        Id::Joined(names) | Id::Loose(names) => names.iter().map(|name| member(name).unwrap_or_default()).collect(),
    }
}

/// Every row of every table as received, with the parents' ids written in.
async fn read_all(client: &Client, org_id: &str) -> HashMap<&'static str, Vec<Value>> {
    let mut received: HashMap<&'static str, Vec<Value>> = HashMap::new();
    for collected in ALL {
        let own = collected.table.name;
        received.insert(own, Vec::new());
        for source in collected.sources {
            let rows = match &source.ask {
                Ask::List { endpoint, query } => list(client, endpoint, &[], query).await,
                Ask::ListEach { parents, endpoint, query, parent_as } => {
                    let mut rows = Vec::new();
                    for id in ids(&received, *parents) {
                        let mut some = list(client, endpoint, &[&id], query).await;
                        some.iter_mut().for_each(|row| row[parent_as] = json!(id));
                        rows.extend(some);
                    }
                    rows
                }
                Ask::ReadEach { endpoint, .. } if own == "organizations" => vec![read(client, endpoint, org_id).await],
                Ask::ReadEach { parents, endpoint } => {
                    let mut rows = Vec::new();
                    for id in ids(&received, *parents) {
                        rows.push(read(client, endpoint, &id).await);
                    }
                    if parents.table == own {
                        let listed = received.insert(own, Vec::new()).unwrap();
                        rows = listed.into_iter().zip(rows).map(laid_over).collect();
                    }
                    rows
                }
                Ask::From { table, sees, rows } => {
                    let made = |row: &Value| rows(&Node::from(row.clone()).pick(sees));
                    received[table].iter().flat_map(made).collect()
                }
            };
            received.get_mut(own).unwrap().extend(rows);
        }
    }
    received
}

fn ids(received: &HashMap<&'static str, Vec<Value>>, parents: Parents) -> Vec<String> {
    let wanted = received[parents.table].iter().filter(|row| parents.only.is_none_or(|only| only(row)));
    wanted.map(|row| id_of(row).as_str().or_else(|| row["objectId"].as_str()).unwrap().to_owned()).collect()
}

fn laid_over((mut listed, details): (Value, Value)) -> Value {
    if let (Value::Object(members), Value::Object(details)) = (&mut listed, details) {
        members.extend(details);
    }
    listed
}

async fn list(client: &Client, endpoint: &Endpoint, ids: &[&str], query: Query) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut list = std::pin::pin!(client.list(endpoint, ids, query));
    while let Some(listed) = list.next().await {
        match listed {
            Ok(Listed::Page(page)) => {
                rows.extend(page.rows.iter().map(|row| serde_json::from_str::<Value>(row.get()).unwrap()))
            }
            Ok(Listed::End(_)) => {}
            Err(Error::NotPermitted(_) | Error::NotLicensed(_) | Error::NotFound(_)) => break,
            Err(error) => panic!("{}: {error}", endpoint.path()),
        }
    }
    rows
}

async fn read(client: &Client, endpoint: &Endpoint, id: &str) -> Value {
    let answer = client.read(endpoint, &[id], &[]).await.unwrap_or_else(|error| panic!("{}: {error}", endpoint.path()));
    serde_json::from_str(answer.body.get()).unwrap()
}
