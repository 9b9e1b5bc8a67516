//! The credential is nowhere: not in files, logs, outputs, nor in what the simulator marked as secret.

use std::path::Path;

use crate::support::{Ended, Scene};

/// Every file under a folder that holds the text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn tells(ended: &Ended, text: &str) -> bool {
    ended.out.contains(text) || ended.err.contains(text)
}

#[tokio::test]
async fn the_key_is_in_no_output_log_or_file() {
    let scene = Scene::small().await;
    let key = scene.world().credentials(0).read_only;
    let added = scene
        .run_with_input(
            &["-vv", "connection", "add", "Acme", "--api-url", &scene.url(), "--api-key-stdin", "-o", "json"],
            &key,
        )
        .await;
    assert_eq!(added.code, 0, "{added:?}");
    assert!(!tells(&added, &key));
    for args in [
        &["-vv", "sync", "--stream", "inventory", "-o", "json"][..],
        &["-vv", "connection", "test", "Acme", "-o", "json"],
        &["connection", "list", "-o", "json"],
        &["connection", "show", "Acme", "-o", "json"],
        &["history", "-o", "json"],
        &["config", "show", "-o", "json"],
        &["sql", "SELECT * FROM connections", "-o", "json"],
        &["sql", "SELECT * FROM runs", "-o", "json"],
    ] {
        let ended = scene.run(args).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(!tells(&ended, &key), "{args:?}");
    }
    // A dead key is told about, but not told.
    scene.world().revoke_all_keys();
    let failed = scene.run(&["-vv", "sync", "--stream", "inventory", "-o", "json"]).await;
    assert_eq!(failed.code, 3);
    assert!(!tells(&failed, &key), "{failed:?}");
    assert_eq!(files_with(&scene.data_dir(), &key), Vec::<String>::new());
}

#[tokio::test]
async fn no_secret_of_the_organization_is_stored_or_shown() {
    let scene = Scene::small().await.synced().await;
    assert_eq!(files_with(&scene.data_dir(), "SIM-SECRET"), Vec::<String>::new());
    let asked: Vec<String> = scene.world().requests().by_endpoint.keys().cloned().collect();
    for never in ["fdekey", "bypasscodes", "recoverylock", "depkey", "passwordmanager"] {
        assert!(!asked.iter().any(|endpoint| endpoint.contains(never)), "{never}");
    }
    assert!(scene.world().forbidden_calls().is_empty());
}

#[tokio::test]
async fn the_database_is_for_its_owner_only_and_useless_without_the_master_key() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::small().await.connected().await;
    let mode = |name: &str| std::fs::metadata(scene.data_dir().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("."), 0o700);
    assert_eq!(mode("jumpseat.db"), 0o600);
    assert_eq!(mode("master.key"), 0o600);
    std::fs::remove_file(scene.data_dir().join("master.key")).unwrap();
    let ended = scene.run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.out.contains("sealed"), "{ended:?}");
}

#[tokio::test]
async fn a_secret_has_no_place_on_the_command_line() {
    let scene = Scene::small().await;
    for flag in ["--api-key", "--client-secret", "--password"] {
        let ended = scene.run(&["connection", "add", "A", flag, "jca_secret"]).await;
        assert_eq!(ended.code, 2, "{flag}");
    }
}
