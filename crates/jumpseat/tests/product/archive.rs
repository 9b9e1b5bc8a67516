//! Archives from the command line: added, written, verified, and a process that is killed again and again; Parquet files of a
//! search, and of events that were never collected.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{Ended, Scene, end_of, program};

const SEALED: &str =
    "SELECT COUNT(*) FROM events e JOIN windows w ON w.org_id = e.org_id AND w.hour = e.hour WHERE w.state = 'sealed'";

/// An organization with some days of events, and an archive of it that is not written yet.
async fn archived(days: i64) -> (Scene, PathBuf) {
    let scene = Scene::small().await.connected().await;
    let since = (Timestamp::now() - SignedDuration::from_hours(24 * days)).to_string();
    assert_eq!(scene.run(&["sync", "--stream", "events", "--since", &since]).await.code, 0);
    let folder = scene.file("archive", "").with_file_name("lake");
    let ended = scene.run(&["archive", "add", "local", folder.to_str().unwrap()]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    (scene, folder)
}

/// The files in a folder and the folders in it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

async fn verify(scene: &Scene) -> (i32, Value) {
    let ended = scene.run(&["archive", "verify", "-o", "json"]).await;
    (ended.code, ended.json()[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_added_written_verified_and_forgotten() {
    let (scene, folder) = archived(2).await;
    let sealed = scene.count(SEALED).await;
    assert!(sealed > 50, "{sealed}");
    let ended = scene.run(&["archive", "run", "-o", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.json()[0]["events"], sealed);
    assert_eq!(scene.run(&["archive", "run", "-o", "json"]).await.json()[0]["objects"], 0);
    let (code, verified) = verify(&scene).await;
    assert_eq!((code, &verified["events"]), (0, &sealed.into()), "{verified}");
    assert_eq!(verified["differences"], serde_json::json!([]));
    let listed = scene.run(&["archive", "list", "-o", "json"]).await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["events"]), (&"local".into(), &sealed.into()));
    assert_eq!(listed[0]["objects"], files(&folder).len());

    let lost = files(&folder).remove(0);
    std::fs::remove_file(&lost).unwrap();
    let (code, verified) = verify(&scene).await;
    assert_eq!(code, 11);
    assert_eq!(verified["differences"].as_array().unwrap().len(), 1, "{verified}");
    let name = lost.strip_prefix(&folder).unwrap().to_str().unwrap();
    assert_eq!(
        (&verified["differences"][0]["difference"], &verified["differences"][0]["what"]),
        (&"missing".into(), &name.into())
    );
    assert_eq!(scene.run(&["archive", "run", "--again"]).await.code, 0);
    assert_eq!(verify(&scene).await.0, 0);

    assert_eq!(scene.run(&["archive", "remove", "LOCAL"]).await.code, 0);
    assert!(!files(&folder).is_empty());
    assert_eq!(scene.run(&["archive", "verify"]).await.code, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_writes_every_day_that_is_over_and_proven() {
    let (scene, folder) = archived(3).await;
    let mut serving = scene
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let objects = async || scene.run(&["archive", "list", "-o", "json"]).await.json()[0]["objects"].as_u64().unwrap();
    while objects().await == 0 {
        assert!(serving.try_wait().unwrap().is_none(), "serve has ended");
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(serving.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(serving.wait().await.unwrap().success());
    let today = Timestamp::now().strftime("day=%Y-%m-%d").to_string();
    let written = files(&folder);
    assert!(written.iter().all(|path| !path.to_str().unwrap().contains(&today)), "{written:?}");
    assert_eq!(objects().await, written.len() as u64);
    // Days that wait are neither missing nor behind.
    let (code, verified) = verify(&scene).await;
    assert!(verified["hours_proven"].as_u64().unwrap() >= 24, "{verified}");
    assert!(code == 0 || code == 6, "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_killed_again_and_again_has_every_event_once() {
    let (scene, folder) = archived(3).await;
    for attempt in 0..20_u32 {
        let mut child =
            scene.command(&["archive", "run", "--again"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Until so many files have been made or replaced.
        let stamp = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
        let before: Vec<_> = files(&folder).iter().map(|path| (path.clone(), stamp(path))).collect();
        let changed = || {
            let now = files(&folder);
            now.iter().filter(|path| !before.contains(&((*path).clone(), stamp(path)))).count() as u32
        };
        while changed() < attempt * 2 && child.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        child.kill().await.unwrap();
    }
    assert_eq!(scene.run(&["archive", "run", "--again"]).await.code, 0);
    let (code, verified) = verify(&scene).await;
    assert_eq!(code, 0, "{verified}");
    assert_eq!(verified["events"], scene.count(SEALED).await);
    assert_eq!(verified["objects"], files(&folder).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_does_not_work_is_not_added_and_its_secret_not_shown() {
    let scene = Scene::small().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{free}");
    let secret = scene.file("minio.env", "AWS_ACCESS_KEY_ID=AKIACANARY\nAWS_SECRET_ACCESS_KEY=SECRETCANARY\n");
    let add = async |more: &[&str]| -> Ended {
        let args = ["archive", "add", "lake", "s3://bucket/x", "--region", "eu", "--endpoint", &endpoint];
        scene.run(&[&args[..], more].concat()).await
    };
    let refused = add(&["--credential-file", secret.to_str().unwrap()]).await;
    assert_eq!(refused.code, 9, "{refused:?}");
    assert!(!format!("{refused:?}").contains("CANARY"), "{refused:?}");
    assert!(refused.err.contains("s3://bucket/x"), "{refused:?}");
    assert_eq!(scene.run(&["archive", "list", "-o", "json"]).await.json(), serde_json::json!([]));
    for wrong in [
        &["archive", "add", "lake", "https://example.com/x"][..],
        &["archive", "add", "lake", "s3://key:secret@bucket"],
        &["archive", "add", "lake", "s3://bucket", "--layout", "security-lake"],
        &["archive", "add", "lake", "s3://bucket", "--region", "eu", "--endpoint", "http://192.0.2.1"],
    ] {
        let ended = scene.run(wrong).await;
        assert_eq!(ended.code, 2, "{wrong:?}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_and_an_export_can_be_parquet_files() {
    let (scene, folder) = archived(1).await;
    for command in [&["event", "search", "--limit", "10"][..], &["event", "export"]] {
        let path = folder.join("out.parquet");
        let mut child = scene.command(&[command, &["-o", "parquet"]].concat());
        let status = child.stdout(std::fs::File::create(&path).unwrap()).status().await.unwrap();
        assert!(status.success());
        let file = std::fs::read(&path).unwrap();
        assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1") && file.len() > 1_000, "{command:?}");
    }
    assert_eq!(scene.run(&["event", "tail", "-o", "parquet"]).await.code, 2);
    assert_eq!(scene.run(&["status", "-o", "parquet"]).await.code, 2);
}

#[tokio::test]
async fn raw_events_become_parquet_files_without_an_installation() {
    let home = tempfile::tempdir().unwrap();
    let event = |number: u32, kind: &str, day: u32| {
        format!(
            r#"{{"id":"{number}","event_type":"{kind}","service":"directory","organization":"o","timestamp":"2026-05-{day:02}T09:03:00Z"}}"#
        )
    };
    let input: String = (0..90)
        .map(|number| {
            event(number, ["user_lockout", "sso_auth", "unheard_of"][number as usize % 3], 1 + number % 2) + "\n"
        })
        .collect();
    let normalize = async |folder: &str| {
        let mut command = program(home.path());
        command.args(["event", "normalize", "--logged", "2026-05-04T12:00:00Z", "--parquet", folder]);
        end_of(command, &input).await
    };
    let ended = normalize("first").await;
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{ended:?}");
    assert!(ended.err.contains("90 events in 6 files"), "{ended:?}");
    let first = files(&home.path().join("first"));
    assert_eq!(first.len(), 6);
    assert!(first[0].ends_with("class=3001/org_id=o/day=2026-05-01/jumpseat-20260501-0001.parquet"), "{first:?}");
    assert_eq!(normalize("first").await.code, 2);
    assert_eq!(normalize("second").await.code, 0);
    for (one, other) in first.iter().zip(files(&home.path().join("second"))) {
        assert!(std::fs::read(one).unwrap() == std::fs::read(&other).unwrap(), "{}", other.display());
    }
    assert_eq!(home.path().read_dir().unwrap().count(), 2, "something was left behind");
}
