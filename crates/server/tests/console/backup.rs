//! The page of backups: who sees it, who makes one, and what is in it.

use axum::http::StatusCode;
use store::{Location, Store};

use crate::support::Scene;

#[tokio::test]
async fn a_backup_is_made_from_the_page_without_the_master_key_and_the_page_tells_when() {
    let scene = Scene::synced().await;
    let owner = scene.sign_in("owner").await;
    let before = scene.get("/administration/backup", Some(&owner)).await;
    assert!(before.body.contains("No backup was ever made"), "{}", before.body);
    assert!(scene.get("/administration/about", Some(&owner)).await.body.contains("none was made"));
    let made = scene.post("/administration/backup", &[], Some(&owner)).await;
    assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/administration/backup?done=backup"));
    let lines = scene.audit().await;
    let line = &lines.iter().find(|line| line.entry.action == "backup.make").unwrap().entry;
    assert_eq!((line.actor.as_str(), line.outcome.as_str()), ("owner", "done"));
    let after = scene.get("/administration/backup", Some(&owner)).await.body;
    assert!(after.contains("The last backup was made") && after.contains(&line.object), "{after}");
    let folder = std::path::Path::new(&line.object);
    assert_eq!(folder.parent().unwrap(), scene.data_dir().join("backups"));
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["backup.json", "jumpseat.db"]);
    let copy = Store::open(&Location::File(folder.join("jumpseat.db")), &[]).await.unwrap();
    assert_eq!(copy.connections().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_auditor_sees_when_it_was_and_makes_none_and_one_that_failed_is_not_the_last() {
    let scene = Scene::empty().await;
    let owner = scene.sign_in("owner").await;
    // Where the folder should be is a file.
    std::fs::write(scene.data_dir().join("backups"), "").unwrap();
    let failed = scene.post("/administration/backup", &[], Some(&owner)).await;
    assert!(failed.status.is_server_error() && !failed.body.contains("panicked"), "{}", failed.body);
    let auditor = scene.sign_in("auditor").await;
    let page = scene.get("/administration/backup", Some(&auditor)).await.body;
    assert!(page.contains("No backup was ever made") && page.contains(">failed<"), "{page}");
    assert!(!page.contains("Make a backup now"), "{page}");
    assert!(page.contains("backup restore"), "{page}");
    let outside = scene.sign_in("outside owner").await;
    assert_eq!(scene.get("/administration/backup", Some(&outside)).await.status, StatusCode::FORBIDDEN);
}
