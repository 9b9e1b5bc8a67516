//! Running an installation: people and tokens, the audit log, backups, the doctor, notifications.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ended, Scene, end_of, program};

impl Scene {
    async fn ok(&self, args: &[&str]) -> Ended {
        let ended = self.run(args).await;
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended
    }

    async fn with_input(&self, args: &[&str], input: &str) -> Ended {
        self.run_with_input(args, input).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_tokens_are_managed_and_every_act_is_in_the_chained_log() {
    let scene = Scene::small().await;
    let password = "correct horse battery";
    let add = ["user", "add", "mara", "--role", "owner", "--password-file", "-"];
    assert_eq!(scene.with_input(&add, password).await.code, 0);
    assert_eq!(scene.with_input(&add, password).await.code, 2, "the name is taken");
    let short = ["user", "add", "noor", "--role", "viewer", "--password-file", "-"];
    assert_eq!(scene.with_input(&short, "short").await.code, 2);
    assert_eq!(scene.with_input(&short, password).await.code, 0);
    let listed = scene.ok(&["user", "list", "-o", "json"]).await.json();
    assert_eq!((&listed[0]["name"], &listed[1]["role"]), (&"mara".into(), &"viewer".into()));
    scene.ok(&["user", "role", "noor", "analyst"]).await;
    assert_ne!(scene.run(&["user", "role", "mara", "viewer"]).await.code, 0, "the last owner stays");
    assert_ne!(scene.run(&["user", "remove", "mara"]).await.code, 0, "the last owner stays");
    assert_eq!(
        scene.with_input(&["user", "password", "noor", "--password-file", "-"], "another horse battery").await.code,
        0
    );

    let token = scene.ok(&["token", "add", "prometheus", "--user", "mara", "-o", "json"]).await.json();
    let secret = token["token"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("jst_"), "{secret}");
    assert_eq!(
        scene.run(&["token", "add", "x", "--user", "noor", "--scope", "owner"]).await.code,
        2,
        "more than noor may"
    );
    let tokens = scene.ok(&["token", "list", "-o", "json"]).await;
    assert!(!tokens.out.contains(&secret) && tokens.json()[0]["state"] == "in use", "{tokens:?}");
    scene.ok(&["token", "revoke", "prometheus"]).await;
    assert_eq!(scene.ok(&["token", "list", "-o", "json"]).await.json()[0]["state"], "taken back");
    assert_eq!(scene.run(&["token", "revoke", "prometheus"]).await.code, 7);
    scene.ok(&["user", "remove", "noor"]).await;

    let log = scene.ok(&["audit", "list", "-o", "json"]).await;
    let actions: Vec<String> =
        log.json().as_array().unwrap().iter().rev().map(|line| line["action"].as_str().unwrap().to_owned()).collect();
    for action in ["person.add", "person.update", "person.remove", "token.add", "token.revoke"] {
        assert!(actions.iter().any(|done| done == action), "{action} in {actions:?}");
    }
    for canary in [password, "another horse battery", &secret] {
        assert!(!log.out.contains(canary), "{canary} is in the log");
    }
    let proof = scene.ok(&["audit", "verify", "-o", "json"]).await.json();
    assert_eq!(proof["broken"], Value::Null);
    let exported = scene.ok(&["audit", "export", "-o", "csv"]).await.out;
    // A heading, and the line about the export itself.
    assert_eq!(exported.lines().count() as u64, proof["lines"].as_u64().unwrap() + 2, "{exported}");
    assert!(exported.contains(proof["head"].as_str().unwrap()));
    let behind = format!("sqlite:{}", scene.data_dir().join("jumpseat.db").display());
    let mut database = <sqlx::SqliteConnection as sqlx::Connection>::connect(&behind).await.unwrap();
    sqlx::raw_sql("UPDATE audit_line SET actor = 'nobody' WHERE number = 2").execute(&mut database).await.unwrap();
    let broken = scene.run(&["audit", "verify", "-o", "json"]).await;
    assert_eq!((broken.code, &broken.json()["broken"]["line"]), (11, &2.into()), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_changes_something_or_takes_data_away_is_a_line_of_the_log() {
    let scene = Scene::small().await.synced().await;
    let key = scene.file("again.txt", &scene.world().credentials(0).read_only);
    let (key, home) = (key.to_str().unwrap(), scene.data_dir().parent().unwrap().to_owned());
    let place = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let (folder, pack, events, backup) = (place("archive"), place("pack.zip"), place("events.jsonl"), place("backup"));
    let number = scene.ok(&["finding", "list", "-o", "json"]).await.json()[0]["number"].to_string();
    let now = jiff::Timestamp::now();
    let (today, since) = (&now.to_string()[..10], (now - jiff::SignedDuration::from_hours(30)).to_string());
    let commands: &[(&[&str], &str)] = &[
        (&["sync", "--stream", "events", "--since", &since], "connection.sync"),
        (&["connection", "edit", "Acme", "--description", "a test"], "connection.update"),
        (&["connection", "test", "Acme"], "connection.test"),
        (&["connection", "disable", "Acme"], "connection.enabled"),
        (&["connection", "rotate", "Acme", "--api-key-file", key], "connection.rotate"),
        (&["check", "run"], "check.run"),
        (&["finding", "assign", &number, "--to", "mara"], "finding.assign"),
        (&["finding", "accept", &number, "--kind", "wont-fix", "--why", "a lab"], "finding.accept"),
        (&["finding", "reopen", &number], "finding.reopen"),
        (&["finding", "export", "--as", "sarif"], "export"),
        (&["event", "export", "--file", &events], "export"),
        (&["event", "reindex"], "event.reindex"),
        (&["archive", "add", "local", &folder], "archive.add"),
        (&["archive", "run"], "archive.run"),
        (&["archive", "remove", "local"], "archive.remove"),
        (&["evidence", "pack", "--framework", "soc2", "--from", today, "--to", today, "--out", &pack], "evidence.pack"),
        (&["evidence", "key", "--replace"], "evidence.key"),
        (&["backup", "make", &backup], "backup.make"),
        (&["connection", "remove", "Acme"], "connection.remove"),
    ];
    let first = scene.ok(&["audit", "list", "-o", "json"]).await.json();
    assert_eq!(first[1]["action"], "connection.add", "{first}");
    for (args, action) in commands {
        let ended = scene.run(args).await;
        assert!([0, 6].contains(&ended.code), "{args:?}: {ended:?}");
        let newest = scene.ok(&["audit", "list", "--limit", "1", "-o", "json"]).await.json();
        let line = (&newest[0]["action"], &newest[0]["kind"], &newest[0]["outcome"]);
        assert_eq!(line, (&(*action).into(), &"command".into(), &"done".into()), "{args:?}: {newest}");
    }
    let secret = std::fs::read_to_string(key).unwrap();
    assert!(!scene.ok(&["audit", "export", "-o", "json"]).await.out.contains(secret.trim()));
    let restored = home.join("restored");
    assert_eq!(at(&restored, &["backup", "restore", &backup]).await.code, 0);
    let newest = at(&restored, &["audit", "list", "--limit", "1", "-o", "json"]).await.json();
    assert_eq!(newest[0]["action"], "backup.restore", "{newest}");
    assert_eq!(at(&restored, &["audit", "verify"]).await.code, 0, "the chain goes on");
}

async fn at(data_dir: &Path, args: &[&str]) -> Ended {
    let mut command = program(data_dir.parent().unwrap());
    command.arg("--data-dir").arg(data_dir).arg("--allow-loopback-upstream").args(args);
    end_of(command, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_while_a_sync_runs_and_what_is_restored_is_whole() {
    let scene = Scene::small().await.synced().await;
    std::fs::create_dir(scene.data_dir().join("checks")).unwrap();
    std::fs::write(scene.data_dir().join("posture.toml"), "").unwrap();
    scene.world().mutate_percent(0, 50.0);
    scene.world().faults().set_latency(std::time::Duration::from_millis(300));
    let asked = scene.world().requests().total + 20;
    let mut syncing = scene.command(&["sync", "--stream", "inventory"]).stdout(Stdio::null()).spawn().unwrap();
    while scene.world().requests().total < asked {
        tokio::task::yield_now().await;
    }
    let home = scene.data_dir().parent().unwrap().to_owned();
    let folder = home.join("backup");
    let shown = folder.to_str().unwrap();
    let made = scene.ok(&["backup", "make", shown, "-o", "json"]).await.json();
    assert!(syncing.try_wait().unwrap().is_none(), "the sync goes on");
    scene.world().faults().set_latency(std::time::Duration::ZERO);
    assert!(syncing.wait().await.unwrap().success());
    assert_eq!((&made["files"], &made["has_master_key"]), (&2.into(), &false.into()));
    assert!(!folder.join("master.key").exists());
    scene.ok(&["backup", "verify", shown]).await;
    assert_eq!(scene.run(&["backup", "make", shown]).await.code, 2, "nothing is overwritten");
    assert_eq!(scene.run(&["backup", "restore", shown]).await.code, 2, "nothing is overwritten");

    let other = home.join("other");
    let restored = at(&other, &["backup", "restore", shown, "-o", "json"]).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(restored.json()["credentials_that_do_not_open"][0], "Acme", "no master key");
    let users = at(&other, &["sql", "SELECT COUNT(*) AS n FROM users", "-o", "json"]).await.json()[0]["n"].clone();
    assert_eq!(users.as_u64().unwrap(), scene.world().oracle(0).counts["systemusers"]);
    // With the right key it goes on where it was.
    std::fs::copy(scene.data_dir().join("master.key"), other.join("master.key")).unwrap();
    assert_eq!(at(&other, &["sync", "--stream", "inventory"]).await.code, 0);

    let with_key = home.join("with-key");
    scene.ok(&["backup", "make", with_key.to_str().unwrap(), "--with-master-key"]).await;
    let third = home.join("third");
    let restored = at(&third, &["backup", "restore", with_key.to_str().unwrap(), "-o", "json"]).await;
    assert_eq!(restored.json()["credentials_that_do_not_open"].as_array().unwrap().len(), 0, "{restored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_changed_is_refused_and_nothing_is_restored() {
    let scene = Scene::small().await.connected().await;
    let home = scene.data_dir().parent().unwrap().to_owned();
    let folder = home.join("backup");
    let shown = folder.to_str().unwrap();
    scene.ok(&["backup", "make", shown]).await;
    let database = folder.join("jumpseat.db");
    let manifest = folder.join("backup.json");
    let (whole, named) = (std::fs::read(&database).unwrap(), std::fs::read_to_string(&manifest).unwrap());
    let refused = async |why: &str| {
        let verified = at(&home.join("data"), &["backup", "verify", shown, "-o", "json"]).await;
        assert_eq!(verified.code, 11, "{why}: {verified:?}");
        let restored = at(&home.join("new"), &["backup", "restore", shown]).await;
        assert_eq!(restored.code, 11, "{why}: {restored:?}");
        assert!(!home.join("new").join("jumpseat.db").exists(), "{why}");
    };
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&database, &flipped).unwrap();
    refused("a bit was flipped").await;
    std::fs::remove_file(&database).unwrap();
    refused("the database is missing").await;
    std::fs::write(&database, &whole).unwrap();
    std::fs::write(&manifest, named.replace("\"jumpseat.db\"", "\"../data/master.key\"")).unwrap();
    refused("a path leads out of the folder").await;
    std::fs::write(&manifest, "{").unwrap();
    refused("the manifest is cut short").await;
    std::fs::write(&manifest, b"{\"format\": 1, \"program\": \"\xff").unwrap();
    refused("the manifest is no text").await;
    std::fs::write(&manifest, &named).unwrap();
    std::fs::write(&database, &whole[..whole.len() / 2]).unwrap();
    refused("the database is cut short").await;
    let verified = at(&home.join("data"), &["backup", "verify", shown, "-o", "table"]).await;
    assert!(verified.out.contains("cut short") && verified.err.contains("another backup"), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_wrong_and_what_to_do_and_changes_nothing() {
    let scene = Scene::small().await;
    let nothing = scene.ok(&["doctor", "-o", "json"]).await;
    assert!(!scene.data_dir().exists(), "it was only looked at: {nothing:?}");
    let scene = scene.synced().await;
    let of = |ended: &Ended, what: &str| -> Value {
        let all = ended.json();
        let found = all.as_array().unwrap().iter().find(|line| line["what"] == what);
        found.unwrap_or_else(|| panic!("{what} in {all}")).clone()
    };
    let well = scene.run(&["doctor", "--thorough", "-o", "json"]).await;
    for what in ["data directory", "master key", "integrity", "schema", "clock", "credentials"] {
        assert_eq!(of(&well, what)["result"], "ok", "{what}: {well:?}");
    }
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    let key = scene.data_dir().join("master.key");
    mode(&key, 0o644);
    let open = scene.run(&["doctor", "-o", "json"]).await;
    assert_eq!((open.code, &of(&open, "master key")["result"]), (1, &"broken".into()), "{open:?}");
    assert!(of(&open, "master key")["said"].as_str().unwrap().contains("chmod 600"));
    mode(&key, 0o600);
    let aside = scene.file("aside.key", &std::fs::read_to_string(&key).unwrap());
    std::fs::write(&key, format!("{}\n", "5a".repeat(32))).unwrap();
    let other = scene.run(&["doctor", "-o", "json"]).await;
    assert_eq!((other.code, &of(&other, "credentials")["result"]), (1, &"broken".into()), "{other:?}");
    std::fs::copy(&aside, &key).unwrap();
    mode(&key, 0o600);
    scene.world().revoke_all_keys();
    assert_ne!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    let dead = scene.run(&["doctor", "-o", "json"]).await;
    let said = dead.json().as_array().unwrap().iter().any(|line| {
        line["what"] == "connections" && line["result"] == "broken" && line["said"].as_str().unwrap().contains("Acme")
    });
    assert!(dead.code == 1 && said, "{dead:?}");
    let database = scene.data_dir().join("jumpseat.db");
    let bytes = std::fs::read(&database).unwrap();
    let mut damaged = bytes.clone();
    let quarter = damaged.len() / 4;
    damaged[quarter..3 * quarter].fill(0x5a);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(scene.data_dir().join(format!("jumpseat.db{suffix}")));
    }
    std::fs::write(&database, damaged).unwrap();
    let ill = scene.run(&["doctor", "--thorough", "-o", "json"]).await;
    assert_eq!(ill.code, 1, "{ill:?}");
    assert!(ill.out.contains("backup restore"), "{ill:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_support_bundle_holds_no_secret_and_no_person() {
    let scene = Scene::small().await.synced().await;
    let canary = "correct horse CANARY battery";
    let add = ["user", "add", "maraCANARY", "--role", "owner", "--email", "CANARY@example.com", "--password-file", "-"];
    assert_eq!(scene.with_input(&add, canary).await.code, 0);
    let file = scene.data_dir().join("support.json");
    scene.run(&["doctor", "--bundle", file.to_str().unwrap()]).await;
    let bundle = std::fs::read_to_string(&file).unwrap();
    let document: Value = serde_json::from_str(&bundle).unwrap();
    assert!(document["answers"]["runs"].as_array().is_some_and(|runs| !runs.is_empty()), "{bundle}");
    let key = scene.world().credentials(0).read_only;
    let master = std::fs::read_to_string(scene.data_dir().join("master.key")).unwrap();
    let users =
        scene.ok(&["sql", "SELECT username, email FROM users WHERE email IS NOT NULL LIMIT 20", "-o", "json"]).await;
    let mut secrets = vec!["CANARY".to_owned(), key[key.len() - 12..].to_owned(), master.trim().to_owned()];
    for user in users.json().as_array().unwrap() {
        secrets.extend(["username", "email"].map(|name| user[name].as_str().unwrap().to_owned()));
    }
    assert!(secrets.len() > 10);
    for secret in secrets {
        assert!(!bundle.contains(&secret), "{secret} is in the bundle");
    }
    assert_eq!(scene.run(&["doctor", "--bundle", file.to_str().unwrap()]).await.code, 2, "nothing is overwritten");
    let shown =
        scene.run(&["--store", "postgres://me:CANARY@127.0.0.1:1/x?password=CANARY", "doctor", "-o", "json"]).await;
    assert!(shown.code == 1 && !format!("{}{}", shown.out, shown.err).contains("CANARY"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_tested_before_it_is_added_and_its_secret_is_not_shown() {
    let scene = Scene::small().await.connected().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let taking = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = vec![0; 64 * 1024];
        let mut read = 0;
        // The body is one JSON object, and the last that comes.
        while !got[..read].ends_with(b"}") {
            read += stream.read(&mut got[read..]).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&got[..read]).into_owned()
    });
    let key = scene.file("signing.txt", "whsec_CANARY\n");
    let add = [
        "notification",
        "add",
        "webhook",
        "soar",
        &url,
        "--key-file",
        key.to_str().unwrap(),
        "--topic",
        "gap,new_finding",
    ];
    scene.ok(&add).await;
    let got = taking.await.unwrap();
    assert!(got.to_lowercase().contains("x-jumpseat-signature: t=") && got.contains("this is a test"), "{got}");
    let listed = scene.ok(&["notification", "list", "-o", "json"]).await;
    assert!(!listed.out.contains("CANARY"), "{listed:?}");
    assert_eq!(listed.json()[0]["topics"], "gap, new_finding");
    // Nobody listens there any more.
    let tested = scene.run(&["notification", "test", "soar"]).await;
    assert_eq!(tested.code, 9, "{tested:?}");
    let far = ["notification", "add", "slack", "x", "--url-file", "-"];
    let refused = scene.with_input(&far, "https://evil.example/CANARY").await;
    assert!(refused.code == 2 && !refused.err.contains("CANARY"), "{refused:?}");
    scene.ok(&["notification", "remove", "soar"]).await;
    assert_eq!(scene.ok(&["notification", "list", "-o", "json"]).await.json().as_array().unwrap().len(), 0);
}
