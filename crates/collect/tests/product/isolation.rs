//! Organizations in one store do not touch each other, even where their ids are the same.

use std::sync::Arc;

use collect::{SyncOptions, silent};
use jumpcloud::Limits;
use store::{Outcome, Query};
use tokio_util::sync::CancellationToken;

use crate::canned::{Answers, Canned, connect, serve};
use crate::clock::TestClock;
use crate::support::{collector, lacking, record};

/// An organization with the same ids as every other one made here.
fn organization(id: &'static str, user: &'static str, users: usize) -> Arc<Answers> {
    Arc::new(move |path, _| match path {
        "/api/organizations" => Canned::body(format!(r#"{{"totalCount":1,"results":[{{"_id":"{id}"}}]}}"#)),
        "/api/users/getSelf" => Canned::body("{}"),
        "/api/systemusers" => {
            let row = |number| format!(r#"{{"_id":"user-{number}","username":"{user}","organization":"{id}"}}"#);
            let rows: Vec<String> = (0..users).map(row).collect();
            Canned::body(format!(r#"{{"totalCount":{users},"results":[{}]}}"#, rows.join(",")))
        }
        "/api/v2/usergroups" => Canned::body(r#"[{"id":"group-1","name":"all"}]"#),
        "/api/v2/usergroups/group-1/members" => {
            let body = r#"[{"to":{"id":"user-0","type":"user"}}]"#;
            Some(Canned { body: body.into(), total: Some("1".to_owned()) })
        }
        path if path.starts_with("/api/organizations/") => Canned::body(format!(r#"{{"_id":"{id}"}}"#)),
        _ => None,
    })
}

#[tokio::test]
async fn the_same_ids_in_two_organizations_are_different_rows() {
    const FIRST: &str = "aaaaaaaaaaaaaaaaaaaaaaaa";
    const SECOND: &str = "bbbbbbbbbbbbbbbbbbbbbbbb";
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(&TestClock::new(), &folder, Limits::default()).await;
    let (first, _first) = serve(organization(FIRST, "ann", 3)).await;
    let (second, _second) = serve(organization(SECOND, "bob", 2)).await;
    let options = SyncOptions { started_by: "test".to_owned(), accept_shrink: false };
    let connections = [connect(&collector, &first, 1).await, connect(&collector, &second, 2).await];
    let sync = async |number: usize| {
        let cancel = CancellationToken::new();
        collector.sync_inventory(&connections[number], &options, silent(), &cancel).await.unwrap()
    };
    for (number, new) in [(0, 3), (1, 2)] {
        let report = sync(number).await;
        assert_eq!(lacking(&report), [""; 0]);
        assert_eq!((report.outcome, record(&report, "users").new), (Outcome::Succeeded, new));
    }
    for number in [0, 1, 0] {
        let report = sync(number).await;
        let users = record(&report, "users");
        assert_eq!((users.new, users.changed, users.gone, users.duplicates), (0, 0, 0, 0), "organization {number}");
    }
    let query = Query {
        sql: "SELECT org_id, username, COUNT(*) FROM users GROUP BY 1, 2 ORDER BY 1".into(),
        ..Query::default()
    };
    let answer = collector.store.query(&query, &store::Limits::default()).await.unwrap();
    let rows: Vec<String> = answer.rows.iter().map(|row| format!("{row:?}")).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].contains(FIRST) && rows[0].contains("ann") && rows[0].contains("Integer(3)"), "{rows:?}");
    assert!(rows[1].contains(SECOND) && rows[1].contains("bob") && rows[1].contains("Integer(2)"), "{rows:?}");
    collector.store.purge_organization(FIRST).await.unwrap();
    assert_eq!(collector.store.rows_held(SECOND).await.unwrap()["group_members"], 1);
}
