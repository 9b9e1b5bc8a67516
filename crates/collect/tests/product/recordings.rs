//! Recorded exchanges of a real organization, replayed: every row is collected, and nothing is an error.
//! The recordings are not part of this repository; without them the test says that it was skipped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use collect::{SyncOptions, silent};
use serde_json::Value;
use store::{Outcome, TableState};
use tokio_util::sync::CancellationToken;

use crate::canned::{Canned, canned};
use crate::support::{lacking, record};

/// One recorded exchange.
struct Exchange {
    path: String,
    skip: Option<String>,
    answer: Canned,
}

fn recordings() -> Option<PathBuf> {
    let shared = std::env::var_os("JUMPSEAT_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    Some(shared.join("data/recordings/http/graph-jumpcloud")).filter(|folder| folder.is_dir())
}

fn exchanges(file: &Path) -> Vec<Exchange> {
    let recording: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let entries = recording["log"]["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| {
            let url = url::Url::parse(entry["request"]["url"].as_str().unwrap()).unwrap();
            let headers = entry["response"]["headers"].as_array().unwrap();
            let total =
                headers.iter().find(|header| header["name"].as_str().unwrap().eq_ignore_ascii_case("x-total-count"));
            Exchange {
                path: url.path().to_owned(),
                skip: url.query_pairs().find(|(name, _)| name == "skip").map(|(_, value)| value.into_owned()),
                answer: Canned {
                    body: entry["response"]["content"]["text"].as_str().unwrap().into(),
                    total: total.map(|header| header["value"].as_str().unwrap().to_owned()),
                },
            }
        })
        .collect()
}

/// Rows of the first page of a recorded list.
fn rows(exchanges: &[Exchange], path: &str) -> Vec<Value> {
    let page = exchanges.iter().find(|exchange| exchange.path == path && exchange.skip.as_deref() != Some("1"));
    let Some(page) = page else { return Vec::new() };
    let body: Value = serde_json::from_slice(&page.answer.body).unwrap();
    body.as_array().or_else(|| body["results"].as_array()).unwrap().clone()
}

#[tokio::test]
async fn recorded_exchanges_are_collected_without_an_error_or_a_lost_row() {
    let Some(folder) = recordings() else {
        assert_ne!(std::env::var("JUMPSEAT_REQUIRE_ALL").as_deref(), Ok("1"), "the recordings are not there");
        eprintln!("skipped: the recordings are not there (set JUMPSEAT_SHARED)");
        return;
    };
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut collected = HashMap::from([("users", 0), ("user_groups", 0), ("apple_mdms", 0)]);
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "har")) {
        let told = exchanges(file);
        let organization = rows(&told, "/api/organizations").remove(0);
        let id = organization["_id"].as_str().or(organization["id"].as_str()).unwrap().to_owned();
        let expected =
            [("users", "/api/systemusers"), ("user_groups", "/api/v2/usergroups"), ("apple_mdms", "/api/v2/applemdms")]
                .map(|(table, path)| (table, rows(&told, path).len() as u64));
        let scenario = canned(move |path, query| {
            let exchange = told.iter().find(|exchange| {
                exchange.path == path && exchange.skip.as_ref().is_none_or(|skip| query.get("skip") == Some(skip))
            });
            match exchange {
                Some(exchange) => Some(exchange.answer.clone()),
                None if path == format!("/api/organizations/{id}") => Canned::body(organization.to_string()),
                None if path == "/api/users/getSelf" => Canned::body("{}"),
                None => None,
            }
        })
        .await;
        let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
        for sync in 0..2 {
            let cancel = CancellationToken::new();
            let report =
                scenario.collector.sync_inventory(&scenario.connection, &options, silent(), &cancel).await.unwrap();
            assert_eq!(lacking(&report), [""; 0], "{}", file.display());
            assert_eq!(report.outcome, Outcome::Succeeded);
            for (table, rows) in expected {
                let read = record(&report, table);
                assert_eq!((read.state, read.held), (TableState::Complete, rows), "{table} of {}", file.display());
                assert_eq!((read.misfits, read.quarantined, read.duplicates), (0, 0, 0), "{table}");
                assert_eq!(read.new, if sync == 0 { rows } else { 0 }, "{table}");
                *collected.get_mut(table).unwrap() += read.new;
            }
        }
    }
    assert!(collected.values().all(|rows| *rows > 0), "{collected:?}");
}
