//! Processes that die or compete: what was committed stays, the next run goes on.

use std::time::Duration;

use serde_json::Value;
use simulator::Config;
use tokio::process::Child;

use crate::support::Scene;

fn start(scene: &Scene, args: &[&str]) -> Child {
    scene.command(args).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_any_moment_loses_nothing_and_the_next_sync_goes_on() {
    let scene = Scene::new(Config::single(120, 60, 6, 4)).await.synced().await;
    let rows = scene.count("SELECT COUNT(*) FROM users").await;
    for attempt in 0..12_u64 {
        // Each time there is something to write, so that the kill falls into the writing.
        scene.world().mutate_percent(0, 50.0);
        let mut child = start(&scene, &["sync", "--stream", "inventory"]);
        let asked = scene.world().requests().total + 20 + attempt * 25;
        while scene.world().requests().total < asked && child.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        child.kill().await.unwrap();
        assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, rows, "attempt {attempt}");
    }
    let ended = scene.run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let oracle = scene.world().oracle(0);
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await as u64, oracle.counts["systemusers"]);
    assert_eq!(scene.count("SELECT COUNT(*) FROM users WHERE id NOT IN (SELECT id FROM users)").await, 0);
    let interrupted = scene.count("SELECT COUNT(*) FROM runs WHERE outcome = 'interrupted'").await;
    assert!(interrupted > 0, "no kill fell into a run");
    assert_eq!(scene.count("SELECT COUNT(*) FROM runs WHERE outcome IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_sync_cleanly_and_nothing_of_it_is_kept() {
    let scene = Scene::new(Config::single(120, 60, 6, 4)).await.connected().await;
    scene.world().faults().set_latency(Duration::from_millis(20));
    let mut child = start(&scene, &["sync", "--stream", "inventory"]);
    let asked = scene.world().requests().total + 40;
    while scene.world().requests().total < asked {
        tokio::task::yield_now().await;
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().await.unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, 0);
    assert_eq!(scene.count("SELECT COUNT(*) FROM runs WHERE outcome = 'cancelled'").await, 1);
    scene.world().faults().set_latency(Duration::ZERO);
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_told_as_interrupted_before_the_next_one_begins() {
    let scene = Scene::new(Config::single(120, 60, 6, 4)).await.connected().await;
    scene.world().faults().set_latency(Duration::from_millis(20));
    let mut child = start(&scene, &["sync", "--stream", "inventory"]);
    let asked = scene.world().requests().total + 40;
    while scene.world().requests().total < asked {
        tokio::task::yield_now().await;
    }
    let outcome = async || scene.run(&["history", "--limit", "1", "-o", "json"]).await.json()[0]["outcome"].clone();
    assert_eq!(outcome().await, "running");
    child.kill().await.unwrap();
    assert_eq!(outcome().await, "interrupted");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_run_one_stream_twice_and_say_who_holds_it() {
    let scene = Scene::new(Config::single(120, 60, 6, 4)).await.connected().await;
    scene.world().faults().set_latency(Duration::from_millis(20));
    let mut first = start(&scene, &["sync", "--stream", "inventory"]);
    let asked = scene.world().requests().total + 40;
    while scene.world().requests().total < asked {
        tokio::task::yield_now().await;
    }
    let second = scene.run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    assert_eq!(second.code, 1, "{second:?}");
    let document = second.json();
    assert_eq!(document[0]["error"]["code"], "held");
    let message = document[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("process {}", first.id().unwrap())), "{message}");
    let status = scene.run(&["status", "-o", "json"]).await;
    assert_eq!(status.stream("inventory")["state"], "Syncing");
    scene.world().faults().set_latency(Duration::ZERO);
    assert!(first.wait().await.unwrap().success());
    assert_eq!(scene.run(&["status", "-o", "json"]).await.stream("inventory")["state"], "Active");
}

/// Leaves the store as a process does that dies between the commit of a snapshot and the end of its checks.
async fn die_before_the_checks(scene: &Scene) {
    let behind = format!("sqlite://{}", scene.data_dir().join("jumpseat.db").display());
    let mut database = <sqlx::SqliteConnection as sqlx::Connection>::connect(&behind).await.unwrap();
    sqlx::raw_sql("UPDATE posture_run SET ended_at = NULL").execute(&mut database).await.unwrap();
    <sqlx::SqliteConnection as sqlx::Connection>::close(database).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_a_process_left_undone_are_told_and_run_by_the_next_one() {
    let scene = Scene::small().await.synced().await;
    let checks = async || scene.run(&["status", "-o", "json"]).await.stream("inventory")["checks"].clone();
    let ended = async || scene.count("SELECT COUNT(*) FROM posture_runs WHERE ended_at IS NOT NULL").await;
    assert_eq!((checks().await, ended().await), (Value::Null, 1));
    let since = crate::events::hours_ago(2).to_string();
    for next in [&["sync", "--stream", "events", "--since", &since][..], &["check", "run"]] {
        die_before_the_checks(&scene).await;
        assert_eq!((checks().await, ended().await), ("not run".into(), 0));
        let told = scene.run(&["status", "-o", "table"]).await;
        assert!(told.out.contains("the checks have not run on what was collected"), "{told:?}");
        let ran = scene.run(next).await;
        assert!([0, 8].contains(&ran.code), "{ran:?}");
        assert_eq!((checks().await, ended().await), (Value::Null, 1), "{next:?}");
    }
    // A server runs them when it starts, also if it has nothing to sync.
    assert_eq!(scene.run(&["connection", "disable", "Acme"]).await.code, 0);
    die_before_the_checks(&scene).await;
    let mut server = start(&scene, &["serve", "--listen", "127.0.0.1:0"]);
    let patience = std::time::Instant::now();
    while ended().await == 0 {
        assert!(patience.elapsed() < Duration::from_secs(60), "the server has not run them");
    }
    server.kill().await.unwrap();
    assert_eq!(checks().await, Value::Null);
}
