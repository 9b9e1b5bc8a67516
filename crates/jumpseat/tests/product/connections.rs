//! Adding, testing, changing and removing connections from the command line.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use simulator::{Config, Size};

use crate::support::{Scene, end_of};

#[tokio::test]
async fn a_connection_without_a_name_gets_the_next_number() {
    let scene = Scene::new(Config::demo(Size::Small)).await;
    let url = scene.url();
    for number in 0..2 {
        let key = scene.world().credentials(number).read_only;
        let ended = scene
            .run_with_input(&["connection", "add", "--api-url", &url, "--api-key-stdin", "-o", "json"], &key)
            .await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(ended.json()["name"], json!(format!("Connection {}", number + 1)));
    }
}

#[tokio::test]
async fn a_pasted_key_is_trimmed_and_one_with_blanks_inside_is_refused_with_the_reason() {
    let scene = Scene::small().await;
    let url = scene.url();
    let key = scene.world().credentials(0).read_only;
    let broken = format!("{} {}", &key[..8], &key[8..]);
    let refused =
        scene.run_with_input(&["connection", "add", "A", "--api-url", &url, "--api-key-stdin"], &broken).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("space or line break inside"), "{}", refused.err);
    let padded = format!("  {key}\r\n\n");
    let taken = scene.run_with_input(&["connection", "add", "A", "--api-url", &url, "--api-key-stdin"], &padded).await;
    assert_eq!(taken.code, 0, "{taken:?}");
}

#[tokio::test]
async fn a_wrong_key_is_told_before_anything_is_saved() {
    let scene = Scene::small().await;
    let revoked = scene.world().credentials(0).revoked;
    let ended = scene
        .run_with_input(
            &["connection", "add", "A", "--api-url", &scene.url(), "--api-key-stdin", "-o", "json"],
            &revoked,
        )
        .await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("key_rejected"), "{}", ended.err);
    assert!(ended.err.contains("nothing was saved") && ended.err.contains("connection add"), "{}", ended.err);
    assert!(!ended.err.contains("replace it here"), "nothing is there to be replaced: {}", ended.err);
    assert_eq!(scene.run(&["connection", "list", "-o", "json"]).await.json(), json!([]));
}

#[tokio::test]
async fn an_organization_that_is_linked_already_is_told_before_it_is_tested_and_as_clearly_after() {
    let scene = Scene::small().await.connected().await;
    let (url, key) = (scene.url(), scene.world().credentials(0).read_only);
    let organization = scene.world().organizations()[0].id.to_string();
    let add = ["connection", "add", "Again", "--api-url", &url, "--api-key-stdin"];
    let asked = scene.world().requests().total;
    let early = scene.run_with_input(&[&add[..], &["--org-id", &organization]].concat(), &key).await;
    assert_eq!(scene.world().requests().total, asked, "there was nothing to ask");
    let late = scene.run_with_input(&add, &key).await;
    for refused in [early, late] {
        assert_eq!(refused.code, 2, "{refused:?}");
        for words in ["linked already, by the connection \\\"Acme\\\"", "Nothing was saved", "connection rotate"] {
            assert!(refused.err.contains(words), "{words}: {refused:?}");
        }
    }
    assert_eq!(scene.run(&["connection", "list", "-o", "json"]).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_organization_is_tested_first_and_is_not_called_active_before_it_was_synced() {
    let scene = Scene::new(Config::demo(Size::Small)).await;
    let mtp = scene.world().credentials(0).mtp.unwrap();
    let ids: Vec<String> = scene.world().organizations().iter().map(|info| info.id.to_string()).collect();
    let (url, key) = (scene.url(), scene.file("mtp.txt", &mtp));
    let key = key.to_str().unwrap();
    let added =
        scene.run(&["connection", "add", "Acme", "--api-url", &url, "--api-key-file", key, "--org-id", &ids[0]]).await;
    assert_eq!(added.code, 0, "{added:?}");
    let list = scene.run(&["connection", "list", "-o", "json"]).await.json();
    assert_eq!(list[0]["state"], "Not synced yet", "its test has just connected");
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    assert_eq!(scene.run(&["status", "-o", "json"]).await.stream("inventory")["state"], "Active");
    let foreign = scene.run(&["connection", "edit", "Acme", "--org-id", "5f00000000000000000000ff"]).await;
    assert_eq!(foreign.code, 3, "{foreign:?}");
    assert!(foreign.err.contains("nothing was changed"), "{foreign:?}");
    assert_eq!(scene.run(&["connection", "show", "Acme", "-o", "json"]).await.json()["org_id"], json!(ids[0]));
    let other = scene.run(&["connection", "edit", "Acme", "--org-id", &ids[1], "-o", "json"]).await;
    assert_eq!(other.code, 0, "{other:?}");
    assert_eq!(other.json()["org_name"], json!(scene.world().organizations()[1].name));
    let status = scene.run(&["status", "-o", "json"]).await.stream("inventory");
    assert_eq!((&status["state"], &status["last_success"]), (&json!("Pending"), &json!(null)), "{status}");
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    assert_eq!(scene.run(&["status", "-o", "json"]).await.stream("inventory")["state"], "Active");
}

#[tokio::test]
async fn a_plain_http_upstream_needs_the_switch() {
    let scene = Scene::small().await;
    let home = tempfile::tempdir().unwrap();
    let mut command = crate::support::program(home.path());
    command.args(["connection", "add", "A", "--api-url", &scene.url(), "--api-key-stdin"]);
    let ended = crate::support::end_of(command, "key").await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("--allow-loopback-upstream"), "{}", ended.err);
}

#[tokio::test]
async fn hosts_that_must_not_get_a_key_are_refused() {
    let scene = Scene::small().await;
    for url in [
        "http://169.254.169.254",
        "https://169.254.169.254",
        "https://10.0.0.8",
        "https://[fd00::1]",
        "file:///etc/passwd",
        "gopher://console.jumpcloud.com",
        "https://console.jumpcloud.com@evil.example",
        "https://console.jumpcloud.com.evil.example",
        "https://console.jumpcloud.com/path",
        "http://console.jumpcloud.com",
    ] {
        let ended =
            scene.run_with_input(&["connection", "add", "A", "--api-url", url, "--api-key-stdin"], "jca_key").await;
        assert_eq!(ended.code, 2, "{url}: {ended:?}");
    }
}

#[tokio::test]
async fn the_checklist_warns_of_a_key_that_can_write_and_passes_a_read_only_one() {
    let scene = Scene::small().await.connected().await;
    let checks = |ended: &crate::support::Ended| ended.json()["checks"].as_array().unwrap().clone();
    let role = |checks: &[serde_json::Value]| {
        checks.iter().find(|check| check["check"] == "role").map(|check| check["result"].clone()).unwrap()
    };
    let ended = scene.run(&["connection", "test", "acme", "-o", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(role(&checks(&ended)), "pass");
    for line in ["name resolution", "TLS", "credential", "organization", "clock", "reads users", "Directory Insights"] {
        assert!(
            checks(&ended).iter().any(|check| check["check"] == line && check["result"] == "pass"),
            "{line}: {ended:?}"
        );
    }
    let asked = scene.count("SELECT calls FROM runs WHERE action = 'test' ORDER BY id DESC LIMIT 1").await;
    assert!(asked > 20, "the history knows what was asked: {asked}");
    let admin = scene.file("admin.txt", &scene.world().credentials(0).administrator);
    let ended = scene.run(&["connection", "rotate", "Acme", "--api-key-file", admin.to_str().unwrap()]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = scene.run(&["connection", "test", "Acme", "-o", "json"]).await;
    assert_eq!(role(&checks(&ended)), "warn");
}

#[tokio::test]
async fn rotating_tests_the_new_key_first_and_keeps_the_old_one_when_it_fails() {
    let scene = Scene::small().await.synced().await;
    let revoked = scene.file("revoked.txt", &scene.world().credentials(0).revoked);
    let nowhere = scene.run(&["connection", "rotate", "Acme", "--api-key-file", "/no/such/key"]).await;
    assert!(nowhere.code == 2 && nowhere.err.contains("/no/such/key can not be read"), "{nowhere:?}");
    let refused = scene.run(&["connection", "rotate", "Acme", "--api-key-file", revoked.to_str().unwrap()]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    // The old key dies with the new one; nothing has to be made anew.
    let fresh = scene.world().replace_api_key(0);
    let dead = scene.run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    assert_eq!(dead.code, 3, "{dead:?}");
    let status = scene.run(&["status", "--check", "-o", "json"]).await;
    assert_eq!(status.code, 3);
    assert_eq!(status.json()[0]["state"], "Action required");
    let fresh = scene.file("fresh.txt", &fresh);
    let rotated = scene.run(&["connection", "rotate", "Acme", "--api-key-file", fresh.to_str().unwrap()]).await;
    assert_eq!(rotated.code, 0, "{rotated:?}");
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3)).to_string();
    assert_eq!(scene.run(&["sync", "--since", &since]).await.code, 0);
    assert_eq!(scene.run(&["status", "--check"]).await.code, 0);
}

#[tokio::test]
async fn a_changed_host_needs_the_credential_again() {
    let scene = Scene::small().await.connected().await;
    let ended = scene.run(&["connection", "edit", "Acme", "--region", "eu"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("credential again"), "{}", ended.err);
    let shown = scene.run(&["connection", "show", "Acme", "-o", "json"]).await.json();
    assert_eq!(shown["region"], serde_json::Value::Null);
}

#[tokio::test]
async fn discover_links_every_organization_of_a_multi_tenant_key() {
    let scene = Scene::new(Config::demo(Size::Small)).await;
    let url = scene.url();
    let mtp = scene.world().credentials(0).mtp.unwrap();
    let found = scene
        .run_with_input(&["connection", "discover", "--api-url", &url, "--api-key-stdin", "-o", "json"], &mtp)
        .await;
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(found.json().as_array().unwrap().len(), 3);
    assert_eq!(scene.run(&["connection", "list", "-o", "json"]).await.json(), json!([]));
    let added = scene
        .run_with_input(&["connection", "discover", "--all", "--api-url", &url, "--api-key-stdin", "-o", "json"], &mtp)
        .await;
    for organization in added.json().as_array().unwrap() {
        assert_eq!(organization["added"], true, "{added:?}");
        assert_eq!(organization["test"], "pass", "{added:?}");
        assert!(added.err.contains(organization["organization"].as_str().unwrap()), "{added:?}");
    }
    assert!(added.err.contains("role") && added.err.contains("credential"), "{added:?}");
    let synced = scene.run(&["sync", "--stream", "inventory", "-o", "json"]).await;
    for (number, organization) in synced.json().as_array().unwrap().iter().enumerate() {
        let name = organization["connection"].as_str().unwrap();
        let place = scene.world().organizations().iter().position(|info| info.name == name).unwrap();
        let users = scene.world().oracle(place).counts["systemusers"];
        assert_eq!(organization["tables"]["users"]["rows"], users, "{number} {name}");
        // A list over several says whose each line is; of one it needs not.
        let list = ["asset", "list", "--type", "user", "-o", "table"];
        let all = scene.run(&[&list[..], &["--where", "state = 'ACTIVATED'"]].concat()).await;
        assert!(all.out.starts_with("ORGANIZATION") && all.out.contains(name), "{all:?}");
        let one = scene.run(&[&list[..], &["--org", name]].concat()).await;
        assert!(one.out.starts_with("USERNAME") && !one.out.contains(name), "{one:?}");
    }
    // The organization's own name, however its connection is called; of one whose connection is gone its id.
    let names: Vec<String> = scene.world().organizations().iter().map(|info| info.name.clone()).collect();
    assert_eq!(scene.run(&["connection", "edit", &names[0], "--rename", "Renamed"]).await.code, 0);
    assert_eq!(scene.run(&["connection", "remove", &names[1]]).await.code, 0);
    let all = scene.run(&["asset", "list", "--type", "user", "-o", "table"]).await;
    assert!(all.out.contains(&names[0]) && !all.out.contains("Renamed"), "{all:?}");
    assert!(
        !all.out.contains(&names[1]) && all.out.contains(&scene.world().organizations()[1].id.to_string()),
        "{all:?}"
    );
}

#[tokio::test]
async fn removing_keeps_the_data_unless_it_is_purged() {
    let scene = Scene::small().await.synced().await;
    let users = scene.count("SELECT COUNT(*) FROM users").await;
    assert!(users > 0);
    assert_eq!(scene.run(&["connection", "remove", "Acme"]).await.code, 0);
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, users);
    let scene = scene.connected().await;
    assert_eq!(scene.run(&["connection", "remove", "Acme", "--purge"]).await.code, 2);
    assert_eq!(scene.run(&["connection", "remove", "Acme", "--purge", "--yes"]).await.code, 0);
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_a_connection_that_is_removed_stops_and_writes_nothing_behind_the_purge() {
    for stream in ["events", "inventory"] {
        let scene = Scene::small().await.connected().await;
        scene.world().faults().set_latency(Duration::from_millis(20));
        let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(300)).to_string();
        let since = if stream == "events" { vec!["--since", &since] } else { vec![] };
        let mut sync = scene.command(&[&["sync", "--stream", stream][..], &since].concat());
        let running = tokio::spawn(async move { sync.stdin(Stdio::null()).output().await.unwrap() });
        let asked = scene.world().requests().total + 30;
        while scene.world().requests().total < asked && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        let removed = scene.run(&["connection", "remove", "Acme", "--purge", "--yes"]).await;
        assert_eq!(removed.code, 0, "{removed:?}");
        let ended = running.await.unwrap();
        let told = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{stream}: {told}");
        assert!(told.contains("was removed"), "{stream}: {told}");
        for table in ["events", "users", "snapshots"] {
            assert_eq!(scene.count(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{stream}: {table}");
        }
    }
}

#[tokio::test]
async fn what_a_removed_connection_has_left_can_be_purged_without_its_key() {
    let scene = Scene::small().await.synced().await;
    let org_id = scene.world().organizations()[0].id.to_string();
    let purge = ["connection", "remove", &org_id, "--purge", "--yes"];
    let connected = scene.run(&purge).await;
    assert_eq!(connected.code, 2);
    assert!(connected.err.contains("Acme"), "{connected:?}");
    let removed = scene.run(&["connection", "remove", "Acme"]).await;
    assert!(removed.err.contains(&format!("connection remove {org_id} --purge")), "{removed:?}");
    assert_eq!(scene.run(&purge[..4]).await.code, 2, "it asks first");
    assert!(scene.count("SELECT COUNT(*) FROM users").await > 0);
    assert_eq!(scene.run(&purge).await.code, 0);
    assert_eq!(scene.count("SELECT COUNT(*) FROM users").await, 0);
    assert_eq!(scene.run(&purge).await.code, 7, "there is nothing left");
}

#[tokio::test]
async fn an_unknown_name_is_answered_with_the_nearest_one() {
    let scene = Scene::small().await.connected().await;
    let ended = scene.run(&["connection", "show", "acmee", "-o", "table"]).await;
    assert_eq!(ended.code, 7);
    assert!(ended.err.contains("Did you mean Acme?"), "{}", ended.err);
    let ended = scene.run(&["connection", "show", "wholly different", "-o", "table"]).await;
    assert!(!ended.err.contains("mean") && ended.err.contains("connection list"), "{}", ended.err);
}

#[tokio::test]
async fn a_file_describes_a_connection_and_an_unknown_key_in_it_is_named() {
    let scene = Scene::small().await;
    scene.file("key.txt", &scene.world().credentials(0).read_only);
    let text = format!(
        "name = \"From file\"\napi_url = \"{}\"\napi_key_file = \"key.txt\"\ninventory_every = \"0 6 * * *\"\n",
        scene.url()
    );
    let good = scene.file("good.toml", &text);
    let ended = scene.run(&["connection", "add", "--from", good.to_str().unwrap(), "-o", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let shown = scene.run(&["connection", "show", "From file", "-o", "json"]).await.json();
    assert!(shown["streams"].as_array().unwrap().iter().any(|stream| stream["schedule"] == "0 6 * * *"), "{shown}");
    let bad = scene.file("bad.toml", "nmae = \"x\"\n");
    let ended = scene.run(&["connection", "add", "--from", bad.to_str().unwrap()]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("nmae"), "{}", ended.err);
}

#[tokio::test]
async fn a_service_account_connects_and_syncs() {
    let scene = Scene::small().await;
    let account = scene.world().credentials(0).service_account;
    let secret = scene.file("secret.txt", &account.client_secrets[0]);
    let organization = scene.world().organizations()[0].id.to_string();
    let ended = scene
        .run(&[
            "connection",
            "add",
            "Service",
            "--api-url",
            &scene.url(),
            "--client-id",
            &account.client_id,
            "--client-secret-file",
            secret.to_str().unwrap(),
            "--org-id",
            &organization,
        ])
        .await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_events_are_kept_is_set_for_all_or_for_one_connection_and_shown() {
    let scene = Scene::small().await.connected().await;
    let kept = async |setting: &str| {
        let mut command = scene.command(&["connection", "show", "Acme", "-o", "json"]);
        command.env("JUMPSEAT_KEEP_EVENTS", setting);
        let shown = end_of(command, "").await.json();
        let streams = shown["streams"].as_array().unwrap().clone();
        streams.iter().find(|stream| stream["stream"] == "events").unwrap()["keep"].clone()
    };
    assert_eq!((kept("forever").await, kept("400d").await), ("forever".into(), "400d".into()));
    assert_eq!(scene.run(&["connection", "edit", "Acme", "--keep-events", "2d"]).await.code, 0);
    assert_eq!(kept("400d").await, "2d");
    for bad in ["soon", "0d", "12h"] {
        let refused = scene.run(&["connection", "edit", "Acme", "--keep-events", bad]).await;
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("400d"), "{refused:?}");
        let mut command = scene.command(&["status"]);
        command.env("JUMPSEAT_KEEP_EVENTS", bad);
        assert_eq!(end_of(command, "").await.code, 2);
    }
    // Nothing older is collected, and it is told since when there is something.
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(100)).to_string();
    assert_eq!(scene.run(&["sync", "--stream", "events", "--since", &since]).await.code, 0);
    let status = scene.run(&["status", "-o", "json"]).await.stream("events");
    assert_eq!(status["kept"], "2d");
    let kept_from: jiff::Timestamp = status["kept_from"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(kept_from).as_hours();
    assert!((48..=49).contains(&age), "{age} hours");
    let old = scene.count(&format!("SELECT COUNT(*) FROM events WHERE time < '{kept_from:.3}'")).await;
    assert_eq!(old, 0);
    let told = format!("Acme: events before {kept_from:.0} were removed by the retention");
    for (from, is_told) in [(&since, true), (&kept_from.to_string(), false)] {
        for command in ["search", "export"] {
            let found = scene.run(&["event", command, "--text", "nothing is like this", "--from", from]).await;
            assert_eq!((found.code, found.err.contains(&told)), (0, is_told), "{command} --from {from}: {found:?}");
        }
    }
    assert_eq!(scene.run(&["connection", "edit", "Acme", "--keep-events", "default"]).await.code, 0);
    assert_eq!(kept("forever").await, "forever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let scene = Scene::small().await.connected().await;
    let path = scene.file("key.txt", &scene.world().credentials(0).read_only);
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let ended = scene.run(&["connection", "rotate", "Acme", "--api-key-file", path.to_str().unwrap()]).await;
        assert_eq!((ended.code, ended.err.contains("other users of this machine can read")), (0, is_told), "{ended:?}");
    }
}
