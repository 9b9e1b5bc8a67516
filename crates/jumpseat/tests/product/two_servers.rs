//! Two servers on one PostgreSQL: one is killed in the middle of a sync, the other one ends it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulator::{Config, EventSpec};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use tokio::process::Child;

use crate::support::Scene;

/// A schema of its own in the PostgreSQL of the tests; nothing where there is none.
struct Schema {
    name: String,
    admin: PgConnection,
    /// What `--store` takes.
    url: String,
}

impl Schema {
    async fn new() -> Option<Self> {
        let Ok(url) = std::env::var("JUMPSEAT_TEST_POSTGRES") else {
            let how = "set JUMPSEAT_TEST_POSTGRES=postgres://user@127.0.0.1/database to see two servers on PostgreSQL";
            assert!(std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(), "PostgreSQL is required: {how}");
            println!("skipped: {how}");
            return None;
        };
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let mut admin = PgConnection::connect(&url).await.expect("PostgreSQL at JUMPSEAT_TEST_POSTGRES");
        let make = format!("CREATE SCHEMA {name}; SET search_path TO {name}");
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut admin).await.unwrap();
        let mark = if url.contains('?') { '&' } else { '?' };
        Some(Self { url: format!("{url}{mark}options[search_path]={name}"), name, admin })
    }

    /// The first column of every row.
    async fn column(&mut self, sql: &str) -> Vec<String> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.admin).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    /// Waits until a question has an answer.
    async fn until(&mut self, sql: &str) -> Vec<String> {
        let patience = Instant::now();
        loop {
            let found = self.column(sql).await;
            if !found.is_empty() {
                return found;
            }
            assert!(patience.elapsed() < Duration::from_secs(120), "it did not come to this: {sql}");
            // Asked as often as it can be answered, the database would have nothing left for the servers.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn drop(mut self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.name);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut self.admin).await.unwrap();
    }
}

fn serve(scene: &Scene, url: &str) -> Child {
    let args = ["--store", url, "serve", "--listen", "127.0.0.1:0"];
    scene.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn connected(schema: &Schema) -> Scene {
    let mut config = Config::single(120, 60, 6, 4);
    config.organizations[0].events = EventSpec { retention_days: 3, ..EventSpec::default() };
    let scene = Scene::new(config).await;
    let key = scene.file("key.txt", &scene.world().credentials(0).read_only);
    let (to, key) = (scene.url(), key.to_str().unwrap().to_owned());
    let add = ["--store", &schema.url, "connection", "add", "Acme", "--api-url", &to, "--api-key-file", &key];
    let added = scene.run(&add).await;
    assert_eq!(added.code, 0, "{added:?}");
    scene
}

/// The ids of the stored events of a range of time, each as often as it is there.
async fn stored(scene: &Scene, url: &str, from: Timestamp, to: Timestamp) -> Vec<String> {
    let (from, to) = (from.to_string(), to.to_string());
    let ended = scene.run(&["--store", url, "event", "export", "--from", &from, "--to", &to, "-o", "raw"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = ended.out.lines().map(id).collect();
    ids.sort();
    ids
}

/// The ids that the simulator issued in the same range.
fn issued(scene: &Scene, from: Timestamp, to: Timestamp) -> Vec<String> {
    let range = from.as_millisecond()..to.as_millisecond() + 1;
    let events = scene.world().events(0, range, Timestamp::now().as_millisecond());
    let mut ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_servers_is_killed_in_mid_sync_and_the_other_loses_and_doubles_nothing() {
    let Some(mut schema) = Schema::new().await else { return };
    let scene = connected(&schema).await;
    scene.world().faults().set_latency(Duration::from_millis(20));
    let asked = scene.world().requests().total + 40;
    let mut servers = [serve(&scene, &schema.url), serve(&scene, &schema.url)];
    let running = "SELECT collector FROM run WHERE action = 'sync' AND outcome IS NULL";
    let holder = schema.until(running).await.remove(0);
    while scene.world().requests().total < asked {
        tokio::task::yield_now().await;
    }
    assert_eq!(schema.column(running).await, std::slice::from_ref(&holder), "one of them syncs");
    let is_holder = |server: &Child| holder.contains(&format!("process {} ", server.id().unwrap()));
    let killed = servers.iter().position(is_holder).unwrap();
    servers[killed].kill().await.unwrap();
    let survivor = servers[1 - killed].id().unwrap();
    scene.world().faults().set_latency(Duration::ZERO);

    let ended = "SELECT collector FROM run WHERE action = 'sync' AND outcome = 'succeeded'";
    let by = schema.until(ended).await;
    assert!(by.len() == 1 && by[0].contains(&format!("process {survivor} ")), "{by:?}");
    assert_eq!(
        schema.column("SELECT collector FROM run WHERE outcome = 'interrupted' AND action = 'sync'").await,
        [holder]
    );
    // All hours are read when the next look at events lies ahead.
    let caught_up = "SELECT last_outcome FROM stream WHERE stream = 'events' AND last_outcome = 'succeeded' AND next_run_at > last_success_at";
    schema.until(caught_up).await;

    let count = async |sql: &str| {
        let ended = scene.run(&["--store", &schema.url, "sql", sql, "-o", "json"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.json()[0]["n"].as_u64().unwrap()
    };
    let oracle = scene.world().oracle(0);
    for (table, listed) in [("users", "systemusers"), ("devices", "systems")] {
        assert_eq!(count(&format!("SELECT COUNT(*) AS n FROM {table}")).await, oracle.counts[listed], "{table}");
        assert_eq!(count(&format!("SELECT COUNT(DISTINCT id) AS n FROM {table}")).await, oracle.counts[listed]);
    }
    let now = Timestamp::now();
    let (from, to) = (now - SignedDuration::from_hours(70), now - SignedDuration::from_hours(1));
    let issued = issued(&scene, from, to);
    assert!(issued.len() > 100, "{}", issued.len());
    assert_eq!(stored(&scene, &schema.url, from, to).await, issued);
    let verified = scene.run(&["--store", &schema.url, "event", "verify", "--recount", "-o", "json"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    servers[1 - killed].kill().await.unwrap();
    schema.drop().await;
}
