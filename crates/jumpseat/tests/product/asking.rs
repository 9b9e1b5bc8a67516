//! Asking: assets, SQL, the past, formats and exit codes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Scene, end_of, path_of_program};

#[tokio::test]
async fn lists_filters_and_single_assets_answer() {
    let scene = Scene::small().await.synced().await;
    let users = scene.run(&["asset", "list", "--type", "users", "-o", "json"]).await.json();
    assert_eq!(users.as_array().unwrap().len() as u64, scene.world().oracle(0).counts["systemusers"]);
    let locked = scene.run(&["asset", "list", "--type", "user", "--where", "account_locked", "-o", "jsonl"]).await;
    assert_eq!(locked.code, 0);
    let name = users[0]["username"].as_str().unwrap();
    let shown = scene.run(&["asset", "show", name, "-o", "json"]).await.json();
    assert_eq!(shown["username"], name);
    assert!(shown["raw"].is_object());
    let access = scene.run(&["asset", "access", name, "-o", "json"]).await;
    assert_eq!(access.code, 0, "{access:?}");
    let counts = scene.run(&["asset", "list", "-o", "json"]).await.json();
    assert!(counts.as_array().unwrap().iter().any(|row| row["type"] == "device"));
}

#[tokio::test]
async fn access_tells_ways_rights_reach_and_what_reaches_nobody() {
    let scene = Scene::small().await;
    let key = scene.world().credentials(0).administrator;
    let scene = scene.connected_by(&key).await;
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(25 * 24)).to_string();
    assert_eq!(scene.run(&["sync", "--since", &since]).await.code, 0);
    let rows = async |args: &[&str]| -> Vec<Value> {
        let ended = scene.run(&[args, &["-o", "json"]].concat()).await;
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended.json().as_array().unwrap().clone()
    };
    // The same ways, asked from both ends and from the middle.
    let pick = "SELECT user_id, target_type, target_id, via_group_id, path FROM access_paths
                WHERE via_group_id IS NOT NULL AND target_type = 'application' ORDER BY 1, 2, 3, 4 LIMIT 1";
    let way = rows(&["sql", pick]).await.remove(0);
    let text = |name: &str| way[name].as_str().unwrap();
    for id in [text("user_id"), text("target_id"), text("via_group_id")] {
        let found = rows(&["asset", "access", id]).await;
        let has = |row: &&Value| {
            row["user_id"] == way["user_id"] && row["target_id"] == way["target_id"] && row["through"] == way["path"]
        };
        assert_eq!(found.iter().filter(has).count(), 1, "{id}: {found:?}");
    }
    for (kind, rights) in [("device", true), ("application", false)] {
        let sql = format!("SELECT user_id FROM access_paths WHERE target_type = '{kind}' LIMIT 1");
        let user = rows(&["sql", &sql]).await[0]["user_id"].as_str().unwrap().to_owned();
        let found = rows(&["asset", "access", &user]).await;
        let of_kind: Vec<&Value> = found.iter().filter(|row| row["reaches"] == kind).collect();
        assert!(!of_kind.is_empty() && of_kind.iter().all(|row| row["rights"].is_string() == rights), "{found:?}");
    }
    // How far a policy reaches: as many devices as its bindings and groups lead to.
    let sql =
        "SELECT policy_id, COUNT(DISTINCT device_id) AS devices FROM policy_targets GROUP BY 1 ORDER BY 2 DESC LIMIT 1";
    let policy = rows(&["sql", sql]).await.remove(0);
    let found = rows(&["asset", "access", policy["policy_id"].as_str().unwrap(), "--type", "policy"]).await;
    let devices: std::collections::BTreeSet<&str> =
        found.iter().map(|row| row["target_id"].as_str().unwrap()).collect();
    assert_eq!(json!(devices.len()), policy["devices"]);
    assert!(devices.len() > 1, "{policy}");
    // What is granted and not used: with the events, each application of a user is either used or told.
    let unused = rows(&["asset", "access", "--unused-days", "20"]).await;
    assert!(
        !unused.is_empty() && unused.iter().all(|row| row["used"].as_str().unwrap().starts_with("not since")),
        "{unused:?}"
    );
    let sql = "SELECT COUNT(*) AS n FROM (SELECT DISTINCT user_id, target_type, target_id FROM access_paths
               WHERE target_type IN ('application', 'device')) w";
    let granted = rows(&["sql", sql]).await[0]["n"].as_u64().unwrap();
    let distinct: std::collections::BTreeSet<String> =
        unused.iter().map(|row| format!("{} {}", row["user_id"], row["target_id"])).collect();
    assert!((distinct.len() as u64) < granted, "{} of {granted}", distinct.len());
    let beyond = rows(&["asset", "access", "--unused-days", "400"]).await;
    assert!(
        beyond.iter().all(|row| row["used"].as_str().unwrap().starts_with("unknown: events reach back")),
        "{beyond:?}"
    );
    // What reaches nobody is what the check of empty groups finds, and what has no way.
    let orphaned = rows(&["asset", "access", "--orphaned"]).await;
    let empty = rows(&["finding", "list", "--check", "group-empty"]).await.len();
    let groups = orphaned.iter().filter(|row| row["why"] == "no members").count();
    assert_eq!(groups, empty, "{orphaned:?}");
    assert_eq!(scene.run(&["asset", "access"]).await.code, 2);
}

#[tokio::test]
async fn the_past_can_be_read_and_a_history_tells_what_changed() {
    let scene = Scene::small().await.synced().await;
    let before = scene.count("SELECT COUNT(*) FROM users").await;
    let at = scene.run(&["sql", "SELECT MAX(committed_at) AS at FROM snapshots", "-o", "json"]).await.json();
    let at = at[0]["at"].as_str().unwrap().to_owned();
    let changed = scene.world().mutate_percent(0, 20.0);
    scene.world().advance(Duration::from_secs(40 * 86_400));
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    let now = scene.count("SELECT COUNT(*) FROM users").await;
    assert_eq!(now as u64, scene.world().oracle(0).counts["systemusers"]);
    let past = scene.run(&["sql", "SELECT COUNT(*) AS n FROM users", "--as-of", &at, "-o", "json"]).await.json();
    assert_eq!(past, json!([{ "n": before }]));
    let long_ago =
        scene.run(&["sql", "SELECT COUNT(*) AS n FROM users", "--as-of", "2020-01-01", "-o", "json"]).await.json();
    assert_eq!(long_ago, json!([{ "n": 0 }]));
    let id = changed.users_changed[0].to_string();
    let history = scene.run(&["asset", "history", &id, "-o", "json"]).await.json();
    let changes: Vec<&Value> = history.as_array().unwrap().iter().map(|row| &row["change"]).collect();
    assert_eq!(changes[0], "first seen");
    assert!(changes.len() > 1, "{history}");
}

#[tokio::test]
async fn nothing_that_is_no_select_gets_through_and_nothing_secret_is_in_reach() {
    let scene = Scene::small().await.synced().await;
    for sql in [
        "DELETE FROM users",
        "SELECT 1; DROP TABLE connection",
        "SELECT credential_sealed FROM connection",
        "SELECT * FROM main.connection",
        "WITH x AS (SELECT 1) INSERT INTO run SELECT * FROM x",
        "ATTACH '/etc/passwd' AS p",
        "PRAGMA table_info(connection)",
        "SELECT * FROM pragma_table_info('connection')",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "VACUUM INTO '/tmp/stolen.db'",
    ] {
        let ended = scene.run(&["sql", sql, "-o", "json"]).await;
        assert_eq!(ended.code, 2, "{sql}: {ended:?}");
        assert!(ended.err.contains("\"code\":\"query\""), "{sql}: {}", ended.err);
        assert!(ended.out.is_empty());
    }
}

#[tokio::test]
async fn an_endless_query_is_stopped() {
    let scene = Scene::small().await.synced().await;
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";
    let ended = scene.run(&["sql", endless, "--timeout", "1", "-o", "json"]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("query_limit"), "{}", ended.err);
}

#[tokio::test]
async fn every_table_and_column_is_described() {
    let scene = Scene::small().await;
    let tables = scene.run(&["sql", "--tables", "-o", "json"]).await.json();
    assert!(tables.as_array().unwrap().len() > 70);
    for name in ["users", "devices", "snapshots", "associations"] {
        let columns = scene.run(&["sql", "--describe", name, "-o", "json"]).await.json();
        assert!(
            columns.as_array().unwrap().iter().all(|column| !column["meaning"].as_str().unwrap().is_empty()),
            "{name}"
        );
    }
    let unknown = scene.run(&["sql", "--describe", "usrs"]).await;
    assert_eq!(unknown.code, 7);
    assert!(unknown.err.contains("users"), "{}", unknown.err);
}

#[tokio::test]
async fn an_empty_answer_is_an_empty_list_and_a_csv_with_its_header() {
    let scene = Scene::small().await.synced().await;
    let none = "SELECT username, email FROM users WHERE 1 = 0";
    assert_eq!(scene.run(&["sql", none, "-o", "json"]).await.json(), json!([]));
    assert_eq!(scene.run(&["sql", none, "-o", "csv"]).await.out.trim(), "username,email");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_the_program_quietly() {
    let scene = Scene::small().await.synced().await;
    let script = format!(
        "{} --data-dir {} sql \"SELECT a.raw FROM users a, users b\" -o csv | head -1",
        path_of_program().display(),
        scene.data_dir().display()
    );
    let output = tokio::process::Command::new("bash").args(["-o", "pipefail", "-c", &script]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn status_and_history_tell_who_did_what() {
    let scene = Scene::small().await.synced().await;
    let history = scene.run(&["history", "-o", "json"]).await.json();
    let newest = &history[0];
    assert_eq!(
        (&newest["action"], &newest["outcome"], &newest["started_by"]),
        (&json!("sync"), &json!("succeeded"), &json!("tester"))
    );
    assert!(newest["calls"].as_u64().unwrap() > 10);
    assert!(newest["new"].as_u64().unwrap() > 25);
    let run = scene.run(&["history", "--run", &newest["run"].to_string(), "-o", "json"]).await.json();
    assert!(run["tables"].as_array().unwrap().len() > 70);
    assert!(run["calls"].as_array().unwrap().iter().all(|call| call["last_status"].as_u64().is_some()));
    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3);
    let events = ["sync", "--stream", "events", "--since", &since.to_string()];
    assert_eq!(scene.run(&events).await.code, 0);
    let status = scene.run(&["status", "--check", "-o", "json"]).await;
    assert_eq!(status.code, 0);
    assert_eq!(status.json()[0]["state"], "Active");
    assert_eq!(scene.run(&["connection", "disable", "Acme"]).await.code, 0);
    assert_eq!(scene.run(&["status", "-o", "json"]).await.json()[0]["state"], "Paused");
}

#[tokio::test]
async fn an_unknown_setting_names_the_nearest_known_one() {
    let scene = Scene::small().await;
    let file = scene.file("settings.toml", "max_in_fligth = 5\n");
    let ended = scene.run(&["--config", file.to_str().unwrap(), "status"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("max_in_fligth") && ended.err.contains("max_in_flight"), "{}", ended.err);
}

#[tokio::test]
async fn a_sign_in_provider_is_set_in_a_file_or_the_environment_and_never_shown_with_its_secret() {
    let scene = Scene::small().await;
    let secret = scene.file("oidc-secret", "canary\n");
    let text = format!(
        "[oidc]\nissuer = \"https://id.example/\"\nclient_id = \"one\"\nclient_secret_file = {secret:?}\n\n[oidc.roles]\n\"The team\" = \"viewer\"\n"
    );
    let file = scene.file("settings.toml", &text);
    let file = file.to_str().unwrap();
    let mut command = scene.command(&["--config", file, "config", "show", "-o", "json"]);
    command.env("JUMPSEAT_OIDC_CLIENT_ID", "two").env("JUMPSEAT_OIDC_DOMAINS", "[example.com, example.org]");
    let shown = end_of(command, "").await;
    let shown = shown.json();
    let value = |name: &str| {
        let found = shown.as_array().unwrap().iter().find(|setting| setting["setting"] == name);
        found.unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert_eq!((value("oidc.issuer"), value("oidc.client_id")), ("https://id.example/".to_owned(), "two".to_owned()));
    assert_eq!(value("oidc.domains"), "[\"example.com\",\"example.org\"]");
    assert_eq!(value("oidc.roles"), "{\"The team\":\"viewer\"}");
    assert!(!shown.to_string().contains("canary"));

    let ended = scene.run(&["--config", file, "serve", "--listen", "127.0.0.1:0"]).await;
    assert!(ended.code != 0 && ended.err.contains("--public-url"), "{ended:?}");
    assert!(!ended.err.contains("canary"), "{}", ended.err);
    for (before, after, words) in [
        ("\"viewer\"", "\"visitor\"", "there is no role"),
        ("client_id", "client_ids", "oidc.client_id"),
        ("oidc-secret", "no-such-file", "can not be read"),
    ] {
        let file = scene.file("wrong.toml", &text.replace(before, after));
        let ended = scene.run(&["--config", file.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"]).await;
        assert!(ended.code != 0 && ended.err.contains(words), "{words}: {ended:?}");
    }
}
