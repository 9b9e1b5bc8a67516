//! Checks, findings and frameworks through the whole program. The simulator decides by its own state what every check must
//! say of every thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use simulator::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Ended, Scene};

/// What is said of each thing, by check.
type Said = BTreeMap<String, BTreeMap<String, String>>;

const OUTCOMES: [&str; 4] = ["pass", "fail", "unknown", "not_applicable"];

/// Checks of which program and simulator say different things about some asset, each a question of which is right. The list
/// may only become shorter: a check that is not in it must agree about everything.
const NOT_DECIDED_YET: &[&str] = &[
    "connection-key-expiring",
    "connection-key-over-privileged",
    "connection-key-used-elsewhere",
    "device-authorized-key-unknown",
    "device-fde-key-not-escrowed",
    "device-mobile-passcode-missing",
    "device-os-patch-lag",
    "device-os-unsupported",
    "device-owner-inactive",
    "device-unsupervised",
    "device-volume-unprotected",
    "directory-sync-broken",
    "group-removal-suggestions-pending",
    "iplist-too-broad",
    "ldap-cleartext-bind",
    "policy-coverage-low",
    "service-account-privileged",
    "service-account-secret-expiring",
    "sso-weak-signature",
    "user-dormant",
    "user-mfa-not-required",
    "user-mfa-weak-factor-only",
    "user-privileged-without-strong-mfa",
];

/// Two seeds and two sizes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_says_of_every_thing_what_the_simulator_knows_small() {
    compare_with_the_oracle(7, Config::single(40, 30, 6, 5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_says_of_every_thing_what_the_simulator_knows_larger() {
    compare_with_the_oracle(4711, Config::single(160, 120, 12, 9)).await;
}

async fn compare_with_the_oracle(seed: u64, mut config: Config) {
    config.seed = seed;
    let scene = Scene::new(config).await.connected().await;
    let ended = scene.run(&["sync"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = scene.run(&["check", "run", "--rows", "--output", "jsonl"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let ours = said_by_us(&ended);
    let undecided = undecided(&scene).await;
    let theirs = said_by_the_simulator(&scene).await;
    if theirs.is_empty() {
        assert!(std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(), "the simulator says nothing of checks");
        println!("skipped: the simulator says nothing of checks");
        return;
    }
    println!("{:<38} {:>7} {:>7} {:>8} {:>7}  equal", "check", "pass", "fail", "unknown", "n/a");
    let mut different = Vec::new();
    let nothing = BTreeMap::new();
    for check in theirs.keys() {
        let (own, their) = (ours.get(check).unwrap_or(&nothing), &theirs[check]);
        let set = |said: &BTreeMap<String, String>, outcome: &str| -> BTreeSet<String> {
            said.iter().filter(|(_, word)| *word == outcome).map(|(id, _)| id.clone()).collect()
        };
        let counts = OUTCOMES.map(|outcome| set(their, outcome).len());
        // Of what could not be read at all there is no row; that the check is unknown as a whole says the same.
        let is_unread = own.is_empty() && undecided.contains(check) && their.values().all(|word| word == "unknown");
        let is_equal = own == their || is_unread;
        println!(
            "{check:<38} {:>7} {:>7} {:>8} {:>7}  {}",
            counts[0],
            counts[1],
            counts[2],
            counts[3],
            if is_equal { "yes" } else { "NO" }
        );
        if !is_equal {
            different.push(check.clone());
            let ids: BTreeSet<&String> = own.keys().chain(their.keys()).collect();
            for id in ids.into_iter().filter(|id| own.get(*id) != their.get(*id)).take(5) {
                println!("    {id}: we say {:?}, the simulator {:?}", own.get(id), their.get(id));
            }
        }
    }
    different.retain(|check| !NOT_DECIDED_YET.contains(&check.as_str()));
    let unchecked: Vec<&String> = ours.keys().filter(|check| !theirs.contains_key(*check)).collect();
    println!("the simulator can not know: {unchecked:?}");
    assert!(different.is_empty(), "{} checks differ: {different:?}", different.len());
}

/// The checks of which nothing can be told as a whole.
async fn undecided(scene: &Scene) -> BTreeSet<String> {
    let numbers = scene.run(&["check", "run", "--output", "json"]).await.json();
    let undecided = numbers.as_array().unwrap().iter().filter(|row| row["reason"].is_string());
    undecided.map(|row| row["check"].as_str().unwrap().to_owned()).collect()
}

fn said_by_us(ended: &Ended) -> Said {
    let mut said = Said::new();
    for line in ended.out.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let before = said.entry(text("check")).or_default().insert(text("id"), text("outcome"));
        assert_eq!(before, None, "{line}");
    }
    said
}

async fn said_by_the_simulator(scene: &Scene) -> Said {
    let all: Value = serde_json::from_str(&get(&scene.url(), "/__simulator/oracle?checks=1").await).unwrap();
    let organization = all.get(0).unwrap_or(&all);
    let Some(checks) = organization.get("checks").and_then(Value::as_object) else { return Said::new() };
    checks
        .iter()
        .map(|(check, outcomes)| {
            let outcomes = outcomes.as_object().unwrap();
            (check.clone(), outcomes.iter().map(|(id, word)| (id.clone(), word.as_str().unwrap().to_owned())).collect())
        })
        .collect()
}

/// The body of an answer on this machine.
async fn get(url: &str, path: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8(answer).unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_leaves_findings_that_can_be_accepted_assigned_and_opened_again() {
    let scene = Scene::small().await.synced().await;
    let open = scene.run(&["finding", "list", "--output", "json"]).await.json();
    let first = &open.as_array().unwrap()[0];
    let number = first["number"].to_string();
    let no_rationale = scene.run(&["finding", "accept", &number, "--kind", "wont-fix", "--why", " "]).await;
    assert_eq!(no_rationale.code, 2, "{no_rationale:?}");
    let accepted = scene
        .run(&["finding", "accept", &number, "--kind", "wont-fix", "--why", "a lab", "--until", "2999-01-01"])
        .await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    let assigned = scene.run(&["finding", "assign", &number, "--to", "ann", "--due", "2999-01-01"]).await;
    assert_eq!(assigned.code, 0, "{assigned:?}");
    let shown = scene.run(&["finding", "show", &number, "--output", "json"]).await.json();
    assert_eq!(
        (&shown["state"], &shown["owner"], &shown["accepted_by"]),
        (&"accepted".into(), &"ann".into(), &"tester".into())
    );
    // A sync that sees the same leaves what people said.
    assert_eq!(scene.run(&["sync", "--stream", "inventory"]).await.code, 0);
    let shown = scene.run(&["finding", "show", &number, "--output", "json"]).await.json();
    assert_eq!(shown["state"], "accepted");
    let reopened = scene.run(&["finding", "reopen", &number, "--why", "the lab is closed"]).await;
    assert_eq!(reopened.code, 0, "{reopened:?}");
    let shown = scene.run(&["finding", "show", &number, "--output", "json"]).await.json();
    assert_eq!(shown["state"], "open");
    let actions: Vec<&str> =
        shown["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    for action in ["opened", "accepted", "assigned", "due_set", "acceptance_withdrawn"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    assert_eq!(scene.run(&["finding", "show", "99999999"]).await.code, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_tells_whether_something_fails_badly_enough() {
    let scene = Scene::small().await.synced().await;
    let all = scene.run(&["check", "run", "--fail-on", "info", "--output", "json"]).await;
    assert_eq!(all.code, 8, "{all:?}");
    // What is accepted does not count.
    let accept =
        ["finding", "accept", "--severity", "info", "--all", "--kind", "false-positive", "--why", "a simulation"];
    assert_eq!(scene.run(&accept).await.code, 0);
    let none = scene.run(&["check", "run", "--fail-on", "info", "--output", "json"]).await;
    assert_eq!(none.code, 0, "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_check_runs_beside_ours_and_can_not_take_an_id() {
    let scene = Scene::small().await.synced().await;
    let folder = scene.data_dir().join("checks");
    std::fs::create_dir_all(&folder).unwrap();
    let check = |id: &str, more: &str| {
        format!(
            "---\nid: {id}\ntitle: A device\nseverity: low\nresource: device\ntier: A\nreads: [devices]\n{more}---\n\n## Why it matters\n\nx\n\n\
             ## How it is decided\n\nx\n\n## How to fix it\n\nx\n\n## Query\n\n```sql\nSELECT org_id, id, hostname AS name, 'fail' AS outcome, 'it is one' AS reason FROM devices\n```\n"
        )
    };
    std::fs::write(folder.join("any-device.md"), check("any-device", "")).unwrap();
    let devices = scene.count("SELECT COUNT(*) FROM devices").await;
    let ran = scene.run(&["check", "run", "any-device", "--output", "json"]).await;
    assert_eq!(ran.json()[0]["failed"], devices, "{ran:?}");
    std::fs::write(folder.join("device-disk-unencrypted.md"), check("device-disk-unencrypted", "")).unwrap();
    let taken = scene.run(&["check", "list"]).await;
    assert_eq!(taken.code, 2, "{taken:?}");
    assert!(taken.err.contains("device-disk-unencrypted.md:2") && taken.err.contains("is taken by"), "{taken:?}");
    std::fs::remove_file(folder.join("device-disk-unencrypted.md")).unwrap();
    std::fs::write(folder.join("any-device.md"), check("any-device", "severety: low\n")).unwrap();
    let wrong = scene.run(&["check", "list"]).await;
    assert!(wrong.err.contains("any-device.md:8") && wrong.err.contains("did you mean severity?"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_leave_as_sarif_and_as_ocsf() {
    let scene = Scene::small().await.synced().await;
    let open = scene.run(&["finding", "list", "--state", "any", "--output", "json"]).await.json();
    let count = open.as_array().unwrap().len();
    assert!(count > 0);
    let sarif = scene.run(&["finding", "export", "--as", "sarif"]).await.json();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), count);
    let ocsf = scene.run(&["finding", "export", "--as", "ocsf"]).await;
    let events: Vec<Value> = ocsf.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), count);
    for event in &events {
        assert_eq!((&event["class_uid"], &event["category_uid"]), (&2003.into(), &2.into()), "{event}");
        assert_eq!(event["type_uid"].as_i64().unwrap(), 200_300 + event["activity_id"].as_i64().unwrap());
    }
    let uids: BTreeSet<&str> = events.iter().map(|event| event["finding_info"]["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), count);
    hold_against_the_schema(&scene, &ocsf.out);
}

/// Asks the independent checker, where the shared folder is.
fn hold_against_the_schema(scene: &Scene, events: &str) {
    let Some(shared) = std::env::var_os("JUMPSEAT_SHARED").map(PathBuf::from) else {
        assert!(std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(), "JUMPSEAT_SHARED is required");
        println!("skipped: the checker of OCSF is not there (set JUMPSEAT_SHARED)");
        return;
    };
    let file = scene.file("findings.jsonl", events);
    let checker = shared.join("tools/ocsf-validate");
    let arguments = ["--strict", "--require", "2003", "--allow-versions", "1.8.0"];
    let output = std::process::Command::new("python3").arg(checker).args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_framework_stands_as_its_checks_do_and_a_looser_parameter_fails_it() {
    let scene = Scene::small().await.synced().await;
    let requirement = async |id: &str| {
        let shown = scene.run(&["framework", "show", "pci-dss", "--output", "json"]).await.json();
        shown.as_array().unwrap().iter().find(|row| row["requirement"] == id).unwrap().clone()
    };
    let before = requirement("8.3.6").await;
    assert!(before["demands"].as_array().unwrap().is_empty(), "{before}");
    std::fs::write(scene.data_dir().join("posture.toml"), "[parameters.org-password-min-length]\nmin_length = 6\n")
        .unwrap();
    let after = requirement("8.3.6").await;
    assert_eq!(after["standing"], "failed");
    assert!(after["demands"][0].as_str().unwrap().contains("at least 12"), "{after}");
    std::fs::write(scene.data_dir().join("posture.toml"), "[parameters.org-password-min-length]\nmin_lenght = 6\n")
        .unwrap();
    let wrong = scene.run(&["framework", "show", "pci-dss"]).await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("did you mean min_length?"), "{wrong:?}");
}
