//! What a disk does to the store: it is full, it can only be read, or it is taken away. What was committed stays, what
//! went wrong is told, and the next run goes on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use simulator::{Config, EventSpec};

use crate::archive::files;
use crate::events::{exported, hours_ago, issued};
use crate::support::{Ended, Scene};

/// An organization with so many events an hour.
fn busy(events: u64) -> Config {
    let mut config = Config::single(25, 15, 4, 3);
    config.organizations[0].events = EventSpec::steady(events);
    config
}

/// All events from `from` until an hour ago are there, each once, and what is called proven is true.
async fn holds_all_events(scene: &Scene, from: Timestamp) {
    let to = hours_ago(1);
    let stored = exported(scene, from, to).await;
    assert!(stored.len() > 100, "{} events are no test", stored.len());
    assert_eq!(stored, issued(scene, from, to));
    let verified = scene.run(&["event", "verify", "--recount", "-o", "json"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

async fn sync(scene: &Scene, hours: i64) -> Ended {
    let since = hours_ago(hours).to_string();
    scene.run(&["sync", "--stream", "events", "--since", &since, "-o", "json"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_sync_with_words_and_space_lets_it_go_on() {
    stops_and_goes_on("17m").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_before_the_sync_stops_it_with_words_as_well() {
    stops_and_goes_on("14m").await;
}

async fn stops_and_goes_on(size: &str) {
    let Some(disk) = SmallDisk::mount(size) else { return };
    let scene = Scene::new(Config::single(400, 200, 6, 4)).await.at(disk.data()).connected().await;
    let full = scene.run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    tells_of_the_disk(&full);
    let status = scene.run(&["status", "-o", "json"]).await.stream("inventory");
    assert_eq!(status["state"], "Failing", "{status}");
    assert!(status["reason"].as_str().unwrap().contains("no space is left on the disk of"), "{status}");
    assert!(status["what_to_do"].as_str().unwrap().contains("Make room"), "{status}");
    let history = scene.run(&["history", "-o", "json"]).await;
    assert!(history.out.contains("no space is left") && !history.out.contains("interrupted"), "{history:?}");
    disk.remount("size=200m");
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, 0);
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    let users = scene.count("SELECT COUNT(*) FROM users").await;
    assert_eq!(users as u64, scene.world().oracle(0).counts["systemusers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_and_doubles_no_event() {
    let Some(disk) = SmallDisk::mount("14m") else { return };
    let scene = Scene::new(busy(400)).await.at(disk.data()).connected().await;
    for _ in 0..3 {
        tells_of_the_disk(&sync(&scene, 72).await);
    }
    disk.remount("size=200m");
    let before = scene.count("SELECT COUNT(*) FROM events").await;
    let ended = sync(&scene, 72).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let after = scene.count("SELECT COUNT(*) FROM events").await;
    assert!(after > before && after > 25_000, "{before}, then {after}");
    assert_eq!(scene.count("SELECT COUNT(DISTINCT uid) FROM events").await, after);
    holds_all_events(&scene, hours_ago(71)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_and_an_archive_that_do_not_fit_leave_no_half_file() {
    let Some(disk) = SmallDisk::mount("2m") else { return };
    let scene = Scene::new(busy(400)).await.connected().await;
    assert_eq!(sync(&scene, 24).await.code, 0);
    for format in ["raw", "ocsf", "csv", "parquet"] {
        let file = disk.path().join(format);
        let args = ["event", "export", "-o", format, "--file", text(&file)];
        let full = scene.run(&args).await;
        assert_eq!(full.code, 1, "{full:?}");
        assert!(full.err.contains("No space left"), "{full:?}");
        assert_eq!(files(disk.path()), [] as [PathBuf; 0], "{format}");
        disk.remount("size=200m");
        assert_eq!(scene.run(&args).await.code, 0);
        assert!(files(disk.path()).len() == 1 && file.exists());
        std::fs::remove_file(file).unwrap();
        disk.remount("size=300k");
    }
    let lake = disk.path().join("lake");
    assert_eq!(scene.run(&["archive", "add", "lake", text(&lake)]).await.code, 0);
    let full = scene.run(&["archive", "run"]).await;
    assert_ne!(full.code, 0);
    assert!(full.err.contains("No space left"), "{full:?}");
    for file in files(disk.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{} is half a file", file.display());
    }
    let status = scene.run(&["status", "-o", "json"]).await.json();
    let told = status.as_array().unwrap().iter().find(|line| line["stream"] == "archive").unwrap();
    assert!(told["reason"].as_str().unwrap().contains("No space left"), "{told}");
    disk.remount("size=200m");
    assert_eq!(scene.run(&["archive", "run"]).await.code, 0);
    assert_eq!(scene.run(&["archive", "verify"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_can_only_be_read_is_told_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount("100m") else { return };
    let scene = Scene::new(busy(30)).await.at(disk.data()).connected().await;
    assert_eq!(sync(&scene, 6).await.code, 0);
    let stored = scene.count("SELECT COUNT(*) FROM events").await;
    disk.remount("ro");
    for args in [&["sync", "--stream", "events"][..], &["connection", "disable", "Acme"], &["status"]] {
        let refused = scene.run(args).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        let words = format!("{}{}", refused.out, refused.err);
        assert!(words.contains("jumpseat.db") && words.contains("Read-only file system"), "{refused:?}");
    }
    let doctor = scene.run(&["doctor", "-o", "table"]).await;
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(doctor.out.contains("file system that can only be read") && doctor.out.contains("Mount it"), "{doctor:?}");
    assert!(!doctor.out.contains("Restore a backup") && !doctor.out.contains('…'), "{doctor:?}");
    disk.remount("rw");
    assert_eq!(scene.count("SELECT COUNT(*) FROM events").await, stored);
    assert_eq!(sync(&scene, 12).await.code, 0);
    holds_all_events(&scene, hours_ago(11)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_moved_during_a_sync_is_whole_where_it_went() {
    let scene = Scene::new(busy(60)).await.connected().await;
    let (old, new) = (scene.data_dir(), scene.data_dir().with_file_name("moved"));
    scene.world().faults().set_latency(Duration::from_millis(5));
    let since = hours_ago(48).to_string();
    let mut child = scene
        .command(&["sync", "--stream", "events", "--since", &since])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let asked = scene.world().requests().total + 30;
    while scene.world().requests().total < asked && child.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    std::fs::rename(&old, &new).unwrap();
    child.wait().await.unwrap();
    scene.world().faults().set_latency(Duration::ZERO);
    assert!(!old.exists(), "a new installation was begun in the old place");
    let scene = scene.at(new);
    assert_eq!(sync(&scene, 48).await.code, 0);
    holds_all_events(&scene, hours_ago(47)).await;
}

/// Once, in words, with the place and what to do.
fn tells_of_the_disk(full: &Ended) {
    assert_eq!(full.code, 1, "{full:?}");
    let told = format!("{}{}", full.out, full.err);
    assert_eq!(told.matches("no space is left on the disk of").count(), 1, "{full:?}");
    assert!(told.contains("jumpseat.db") && told.contains("Make room"), "{full:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A disk of its own for a data directory.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Nothing where a disk can not be mounted.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let disk = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(disk.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            let required = std::env::var("JUMPSEAT_REQUIRE_ALL").is_ok();
            assert!(!required, "a small disk can not be mounted, and it is required");
            println!("skipped: mounting a small disk needs root; run as root to see this test");
            return None;
        }
        Some(Self(disk))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        let done = std::process::Command::new("mount").args(["-o", &option]).arg(self.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
