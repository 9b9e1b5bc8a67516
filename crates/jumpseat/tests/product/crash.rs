//! Processes that die or compete: what was committed stays, the next run goes on.

use std::time::Duration;

use simulator::{Config, EventSpec};
use tokio::process::Child;

use crate::support::{Ended, Scene};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_sync_with_words_and_space_lets_it_go_on() {
    let scene = Scene::new(Config::single(400, 200, 6, 4)).await;
    let Some(disk) = SmallDisk::mount(&scene).await else { return };
    let run = async |args: &[&str]| disk.run(args).await;
    let full = run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    assert_ne!(full.code, 0);
    assert!(format!("{}{}", full.out, full.err).contains("full"), "{full:?}");
    disk.grow().await;
    let empty = run(&["sql", "SELECT COUNT(*) AS n FROM users", "-o", "json"]).await;
    assert_eq!(empty.json()[0]["n"], 0);
    assert_eq!(run(&["sync", "--stream", "inventory"]).await.code, 0);
    let users = run(&["sql", "SELECT COUNT(*) AS n FROM users", "-o", "json"]).await;
    assert_eq!(users.json()[0]["n"].as_u64().unwrap(), scene.world().oracle(0).counts["systemusers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_and_doubles_no_event() {
    let mut config = Config::single(25, 15, 4, 3);
    config.organizations[0].events = EventSpec::steady(400);
    let scene = Scene::new(config).await;
    let Some(disk) = SmallDisk::mount(&scene).await else { return };
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72)).to_string();
    let sync = ["sync", "--stream", "events", "--since", &since, "-o", "json"];
    for _ in 0..3 {
        let full = disk.run(&sync).await;
        assert_ne!(full.code, 0);
        assert!(format!("{}{}", full.out, full.err).contains("full"), "{full:?}");
    }
    disk.grow().await;
    let before = disk.count("SELECT COUNT(*) AS n FROM events").await;
    let ended = disk.run(&sync).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let after = disk.count("SELECT COUNT(*) AS n FROM events").await;
    assert!(after > before && after > 25_000, "{before}, then {after}");
    assert_eq!(disk.count("SELECT COUNT(DISTINCT uid) AS n FROM events").await, after);
    // The store counts and hashes anew what it holds, and JumpCloud counts what it has.
    let verified = disk.run(&["event", "verify", "--recount", "-o", "json"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

/// A data directory on a disk of its own that is almost too small for the tables, with a connection in it.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Nothing where a disk can not be mounted.
    async fn mount(scene: &Scene) -> Option<Self> {
        let disk = tempfile::tempdir().unwrap();
        let mounted = tokio::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=14m", "tmpfs"])
            .arg(disk.path())
            .output()
            .await
            .is_ok_and(|output| output.status.success());
        if !mounted {
            let required = std::env::var("JUMPSEAT_REQUIRE_ALL").is_ok();
            assert!(!required, "a small disk can not be mounted, and it is required");
            println!("skipped: mounting a small disk needs root; run as root to see this test");
            return None;
        }
        let disk = Self(disk);
        let key = scene.file("key.txt", &scene.world().credentials(0).read_only);
        let added = disk
            .run(&["connection", "add", "Acme", "--api-url", &scene.url(), "--api-key-file", key.to_str().unwrap()])
            .await;
        assert_eq!(added.code, 0, "{added:?}");
        Some(disk)
    }

    async fn run(&self, args: &[&str]) -> Ended {
        let mut command = crate::support::program(self.0.path());
        command.arg("--data-dir").arg(self.0.path().join("data")).arg("--allow-loopback-upstream").args(args);
        crate::support::end_of(command, "").await
    }

    async fn count(&self, sql: &str) -> u64 {
        self.run(&["sql", sql, "-o", "json"]).await.json()[0]["n"].as_u64().unwrap()
    }

    async fn grow(&self) {
        let remount = ["-o", "remount,size=200m"];
        let grown = tokio::process::Command::new("mount").args(remount).arg(self.0.path()).status().await.unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
