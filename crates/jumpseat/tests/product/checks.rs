//! Checks, findings and frameworks through the whole program. The simulator decides by its own state what every check must
//! say of every thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulator::Config;
use store::LeaseHolder;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::support::{Ended, Scene};
use crate::unknown::store_of;

/// What is said of each thing, by check.
type Said = BTreeMap<String, BTreeMap<String, String>>;

const OUTCOMES: [&str; 4] = ["pass", "fail", "unknown", "not_applicable"];

/// Two seeds and two sizes, seen with a key that only reads and with one that sees everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_says_of_every_thing_what_the_simulator_knows_small() {
    compare_with_the_oracle(7, Config::single(40, 30, 6, 5), "read-only").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_says_of_every_thing_what_the_simulator_knows_larger() {
    compare_with_the_oracle(4711, Config::single(160, 120, 12, 9), "administrator").await;
}

async fn compare_with_the_oracle(seed: u64, mut config: Config, key: &str) {
    config.seed = seed;
    let scene = Scene::new(config).await;
    let credentials = scene.world().credentials(0);
    let secret = if key == "administrator" { &credentials.administrator } else { &credentials.read_only };
    let scene = scene.connected_by(secret).await;
    let ended = scene.run(&["sync"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let by_default = different(&scene, &format!("key={key}")).await;
    // Once more with parameters under which checks speak that say nothing by default.
    std::fs::write(scene.data_dir().join("posture.toml"), example_parameters(&scene)).unwrap();
    let by_example = different(&scene, &format!("key={key}&parameters=example")).await;
    let nothing = BTreeSet::new();
    assert_eq!((&by_default, &by_example), (&nothing, &nothing), "by default, and with example parameters");
}

/// Prints what every check says, and returns the checks of which program and simulator say different things about anything.
async fn different(scene: &Scene, view: &str) -> BTreeSet<String> {
    let ended = scene.run(&["check", "run", "--rows", "--output", "jsonl"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let connection = scene.run(&["sql", "SELECT id FROM connections", "--output", "json"]).await.json();
    let ours = said_by_us(&ended, connection[0]["id"].as_str().unwrap());
    let (undecided, counted) = counted(scene).await;
    let theirs = said_by_the_simulator(scene, view).await;
    assert!(!theirs.is_empty(), "the simulator says nothing of checks");
    println!("{view}\n{:<38} {:>7} {:>7} {:>8} {:>7}  equal", "check", "pass", "fail", "unknown", "n/a");
    let mut different = BTreeSet::new();
    let nothing = BTreeMap::new();
    for check in theirs.keys() {
        let (own, their) = (ours.get(check).unwrap_or(&nothing), &theirs[check]);
        let counts = OUTCOMES.map(|outcome| their.values().filter(|word| *word == outcome).count());
        // Of what could not be read at all there is no row; that the check is unknown as a whole says the same.
        let is_unread = own.is_empty() && undecided.contains(check) && their.values().all(|word| word == "unknown");
        let counts_of_ours = OUTCOMES.map(|outcome| own.values().filter(|word| *word == outcome).count() as u64);
        let is_counted = undecided.contains(check) || counted.get(check) == Some(&counts_of_ours);
        let is_equal = (own == their || is_unread) && is_counted;
        println!(
            "{check:<38} {:>7} {:>7} {:>8} {:>7}  {}",
            counts[0],
            counts[1],
            counts[2],
            counts[3],
            if is_equal { "yes" } else { "NO" }
        );
        if !is_equal {
            different.insert(check.clone());
            let ids: BTreeSet<&String> = own.keys().chain(their.keys()).collect();
            for id in ids.into_iter().filter(|id| own.get(*id) != their.get(*id)).take(5) {
                println!("    {id}: we say {:?}, the simulator {:?}", own.get(id), their.get(id));
            }
        }
    }
    let unchecked: Vec<&String> = ours.keys().filter(|check| !theirs.contains_key(*check)).collect();
    println!("the simulator can not know: {unchecked:?}");
    different
}

/// The simulator's example parameters, as a user would set them.
fn example_parameters(scene: &Scene) -> String {
    let example = scene.world().example_parameters(0);
    assert_eq!(example.rotation, simulator::Rotation::Required);
    let set: &[(&str, &str, Value)] = &[
        ("org-password-rotation", "stance", "required".into()),
        ("user-password-age", "stance", "required".into()),
        ("admin-external-domain", "allowed_domains", example.allowed_domains.clone().into()),
        ("mdm-apns-personal-apple-id", "allowed_domains", example.allowed_domains.into()),
        ("user-privileged-without-strong-mfa", "sensitive_groups", example.sensitive_groups.into()),
        ("sso-app-open-to-all", "sensitive_apps", example.sensitive_apps.clone().into()),
        ("sso-sensitive-without-mfa", "sensitive_apps", example.sensitive_apps.into()),
        ("device-disk-unencrypted", "include_linux", example.include_linux.into()),
        ("device-antivirus-unhealthy", "edr_names", example.edr_names.into()),
        ("device-antivirus-unhealthy", "required_without_windows", example.require_on_macos.into()),
        ("device-forbidden-software", "deny", example.deny.into()),
        ("radius-mfa-off", "wifi_servers", example.wifi_servers.into()),
    ];
    // A list, a text and a flag are written in TOML as in JSON.
    let lines: Vec<String> = set.iter().map(|(check, name, value)| format!("{check}.{name} = {value}\n")).collect();
    format!("[parameters]\n{}", lines.concat())
}

/// The checks of which nothing can be told as a whole, and each check's numbers, in the order of [`OUTCOMES`], as they are where
/// nobody looks at the rows.
async fn counted(scene: &Scene) -> (BTreeSet<String>, BTreeMap<String, [u64; 4]>) {
    let numbers = scene.run(&["check", "run", "--output", "json"]).await.json();
    let rows = numbers.as_array().unwrap();
    let check = |row: &Value| row["check"].as_str().unwrap().to_owned();
    let undecided = rows.iter().filter(|row| row["reason"].is_string()).map(check).collect();
    let columns = ["passed", "failed", "unknown", "not_applicable"];
    let counts = |row: &Value| columns.map(|column| row[column].as_u64().unwrap());
    (undecided, rows.iter().map(|row| (check(row), counts(row))).collect())
}

/// The simulator knows of no connection and names the organization instead.
fn said_by_us(ended: &Ended, connection: &str) -> Said {
    let mut said = Said::new();
    for line in ended.out.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let id = if text("id") == connection { text("org_id") } else { text("id") };
        let before = said.entry(text("check")).or_default().insert(id, text("outcome"));
        assert_eq!(before, None, "{line}");
    }
    said
}

async fn said_by_the_simulator(scene: &Scene, view: &str) -> Said {
    let path = format!("/__simulator/oracle?checks=1&{view}");
    let all: Value = serde_json::from_str(&get(&scene.url(), &path).await).unwrap();
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

#[tokio::test]
async fn a_check_and_an_evidence_item_read_as_text_on_a_terminal() {
    let scene = Scene::small().await;
    for args in [["check", "show", "device-disk-unencrypted"], ["evidence", "show", "ev-user-list"]] {
        let shown = scene.run(&[&args[..], &["-o", "table"]].concat()).await;
        assert_eq!(shown.code, 0, "{shown:?}");
        for mark in ["do not edit", "##", "```", "**", "|---"] {
            assert!(!shown.out.contains(mark), "{mark}: {}", shown.out);
        }
        assert!(shown.out.contains("\nQUERY\n") && shown.out.contains(args[2]), "{}", shown.out);
    }
    let json = scene.run(&["check", "show", "device-disk-unencrypted", "-o", "json"]).await.json();
    assert!(json["how"].as_str().unwrap().contains("- **Fail**"), "programs get the text as it is: {json}");
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
async fn the_checks_after_a_sync_wait_for_a_run_that_is_on_its_way() {
    let scene = Scene::small().await.synced().await;
    let store = store_of(&scene).await;
    let org_id = store.connections().await.unwrap().remove(0).org_id.unwrap();
    let holder = LeaseHolder::this_process("a test", "here");
    let lease = store.take_lease(&posture::lease_name(&org_id), "the checks", &holder, Timestamp::now()).await.unwrap();
    let mut command = scene.command(&["-v", "sync", "--stream", "inventory"]);
    let mut syncing = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(syncing.stderr.take().unwrap()).lines();
    while !said.next_line().await.unwrap().expect("it ends without having waited").contains("the checks wait for a run")
    {
    }
    let runs = "SELECT COUNT(*) FROM posture_runs";
    assert_eq!(scene.count(runs).await, 1);
    store.release_lease(lease).await.unwrap();
    while said.next_line().await.unwrap().is_some() {}
    assert!(syncing.wait().await.unwrap().success());
    assert_eq!(scene.count(runs).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_all_checks_tell_why_a_thing_passes_as_rows_of_one_check_do() {
    let scene = Scene::small().await.synced().await;
    let rows = ["check", "run", "--rows", "--outcome", "pass", "--output", "jsonl"];
    let of_all = scene.run(&rows).await.out;
    let of_one = scene.run(&[&rows[..], &["user-mfa-not-enrolled"]].concat()).await.out;
    let lines: Vec<&str> = of_all.lines().filter(|line| line.contains("user-mfa-not-enrolled")).collect();
    assert!(lines.len() > 1);
    assert_eq!(lines, of_one.lines().collect::<Vec<_>>());
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
async fn a_gate_does_not_open_because_nothing_was_looked_at() {
    let scene = Scene::small().await;
    assert_eq!(scene.run(&["status", "--check"]).await.code, 6);
    let empty = scene.run(&["check", "run", "--fail-on", "high"]).await;
    assert_eq!(empty.code, 6);
    assert!(empty.err.contains("nothing was collected"), "{empty:?}");
    assert!(scene.run(&["asset", "list", "--type", "device"]).await.err.contains("nothing was collected"));
    let scene = scene.synced().await;
    let before = scene.run(&["check", "run", "--fail-on", "high", "--as-of", "2020-01-01"]).await;
    assert_eq!(before.code, 6);
    assert!(before.err.contains("by 2020-01-01"), "{before:?}");
    let after = scene.run(&["check", "run", "--fail-on", "high", "--as-of", "2100-01-01"]).await;
    assert_eq!(after.code, 2);
    assert!(after.err.contains("future"), "{after:?}");
    assert!(!scene.run(&["asset", "list", "--type", "device"]).await.err.contains("nothing was collected"));
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
    assert!(!taken.err.contains("\\u{"), "no line break that is printed as one: {taken:?}");
    std::fs::remove_file(folder.join("device-disk-unencrypted.md")).unwrap();
    std::fs::write(folder.join("any-device.md"), check("any-device", "severety: low\n")).unwrap();
    let wrong = scene.run(&["check", "list"]).await;
    assert!(wrong.err.contains("any-device.md:8") && wrong.err.contains("did you mean severity?"), "{wrong:?}");
    // It stops no collecting, and the others run.
    let runs = scene.count("SELECT COUNT(*) FROM posture_runs").await;
    let since = (Timestamp::now() - SignedDuration::from_hours(3)).to_string();
    let synced = scene.run(&["sync", "--since", &since]).await;
    assert_eq!(synced.code, 0, "{synced:?}");
    assert!(synced.err.contains("any-device.md:8"), "{synced:?}");
    assert!(scene.count("SELECT COUNT(*) FROM posture_runs").await > runs, "the other checks ran");
    let looked = scene.run(&["doctor"]).await;
    assert!(looked.out.contains("any-device.md:8"), "{looked:?}");
}

/// The check of `docs/own-checks.md`, as it stands there.
fn check_of_the_page() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/own-checks.md")).unwrap();
    let begin = page.find("````markdown\n").unwrap() + "````markdown\n".len();
    let end = begin + page[begin..].find("````\n").unwrap();
    page[begin..end].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_of_the_page_can_be_tried_before_anything_was_collected() {
    let scene = Scene::small().await;
    let file = scene.file("laptop-name-wrong.md", &check_of_the_page());
    let fixture = scene.file(
        "laptops.json",
        r#"{ "devices": [
            { "id": "d1", "hostname": "ACME-1", "last_contact": "2026-11-28T08:00:00Z" },
            { "id": "d2", "hostname": "bobs-mac", "last_contact": "2026-11-28T08:00:00Z" },
            { "id": "d3", "hostname": "ACME-3", "last_contact": "2026-01-01T08:00:00Z" } ] }"#,
    );
    let test = ["check", "test", file.to_str().unwrap()];
    let planned = scene.run(&test).await;
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(planned.err.contains("nothing was collected yet"), "{planned:?}");
    let more = ["--fixture", fixture.to_str().unwrap(), "--now", "2026-11-29", "--output", "json"];
    let tried = scene.run(&[&test[..], &more[..]].concat()).await;
    assert_eq!(tried.code, 0, "{tried:?}");
    let told = |row: &Value| format!("{} {}", row["id"], row["outcome"]).replace('"', "");
    let told: Vec<String> = tried.json().as_array().unwrap().iter().map(told).collect();
    assert_eq!(told, ["d1 pass", "d2 fail", "d3 unknown"]);
    let refused = scene.file("refused.json", r#"{ "!devices": "not_permitted" }"#);
    let tried = scene.run(&[&test[..], &["--fixture", refused.to_str().unwrap()]].concat()).await;
    assert_eq!(tried.code, 0, "a table that can not be read is no fault of the file: {tried:?}");
    assert!(tried.err.contains("all are unknown: the table devices is not complete"), "{tried:?}");
    let wrong = scene.file("wrong.json", r#"{ "device": [] }"#);
    let tried = scene.run(&[&test[..], &["--fixture", wrong.to_str().unwrap()]].concat()).await;
    assert_eq!(tried.code, 2, "{tried:?}");
    assert!(tried.err.contains("did you mean devices?"), "{tried:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_check_is_told_in_words_with_its_place() {
    let scene = Scene::small().await;
    let rows = r#"{ "devices": [
        { "id": "d1", "hostname": "ACME-1", "last_contact": "2026-11-28T08:00:00Z" }, { "id": "d2", "hostname": "x" }] }"#;
    let fixture = scene.file("rows.json", rows);
    let good = check_of_the_page();
    let line_of = |words: &str| good.lines().position(|line| line.contains(words)).unwrap() + 1;
    let query = line_of("SELECT org_id");
    let cases: &[(&str, &str, usize, &[&str])] = &[
        ("hostname LIKE", "hostnam LIKE", query, &["hostnam", "did you mean hostname?"]),
        ("FROM devices", "FROM device", query, &["device", "did you mean devices?"]),
        ("FROM devices", "FROM users", query, &["reads users", "reads"]),
        ("'pass'", "'passed'", query, &["\"passed\"", "pass, fail, unknown or not_applicable"]),
        (
            "THEN 'unknown'\n       WHEN hostname IS",
            "THEN NULL\n       WHEN hostname IS",
            query,
            &["the outcome of d2 is NULL"],
        ),
        ("'it never made contact'", "NULL", query, &["the reason of d2 is NULL"]),
        ("SELECT org_id, id,", "SELECT org_id,", query, &["must give the columns", "org_id, id, name"]),
        ("SELECT org_id, id,", "SELECT org_id, 'x',", query, &["must give the columns"]),
        ("FROM devices", "FROM devices WHERE", query, &["can not be read"]),
        ("CASE WHEN last_contact", "CASE WEN last_contact", query, &["can not be read"]),
        ("SELECT org_id, id,", "DELETE FROM devices; SELECT org_id, id,", query, &["SELECT"]),
        (":prefix", ":prefx", query, &[":prefx"]),
        ("reads: [devices]", "reads: [devicez]", query, &["there is no table devicez", "did you mean devices?"]),
        ("profiles: [ASSET]", "profiles: [ASET]", 2, &["no framework knows the profile ASET", "did you mean ASSET?"]),
        ("id: laptop-name-wrong\n", "", 2, &["the key id is missing"]),
        ("id: laptop-name-wrong", "id: device-disk-unencrypted", 1, &["must be called device-disk-unencrypted.md"]),
        ("severity: low", "severity: bad", line_of("severity:"), &["critical, high, medium, low or info"]),
        ("severity: low", "severety: low", line_of("severity:"), &["did you mean severity?"]),
        ("## How to fix it", "## How to mend it", line_of("## How to fix"), &["## How to fix it"]),
        ("```sql", "```", line_of("```sql") - 1, &["```sql"]),
    ];
    for (from, to, line, words) in cases {
        assert!(good.contains(from), "{from}");
        let file = scene.file("laptop-name-wrong.md", &good.replacen(from, to, 1));
        let test =
            ["check", "test", file.to_str().unwrap(), "--fixture", fixture.to_str().unwrap(), "--now", "2026-11-29"];
        let tried = scene.run(&test).await;
        println!("{to:?}\n    {}", tried.err.trim());
        assert_eq!(tried.code, 2, "{to}: {tried:?}");
        for words in *words {
            assert!(tried.err.contains(words), "{to}: {tried:?}");
        }
        let place = tried.err.split_once("laptop-name-wrong.md:").map(|(_, rest)| rest);
        let told: usize =
            place.unwrap_or_else(|| panic!("{to}: {tried:?}")).split(':').next().unwrap().parse().unwrap();
        assert!(told.abs_diff(*line) <= 2, "{to}: line {told}, not {line}: {tried:?}");
        // Only what can be run although it can not be loaded says something of the rows.
        assert_eq!(tried.out.is_empty(), !to.starts_with("profiles"), "{to}: {tried:?}");
    }
    assert_eq!(scene.world().writes_attempted(), 0);
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
