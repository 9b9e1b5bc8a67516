//! Evidence packs through the whole program: made of what was collected, checked by nothing but the key, and every change of
//! one found and named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::{Character, Config, Effect, FaultRule, OrganizationSpec};

use crate::support::{Ended, Scene, end_of, program};
use crate::tsa::{self, Authority};

/// A period that begins two days ago and ends now.
struct Period {
    from: String,
    to: String,
}

impl Period {
    fn of_days(days: i64) -> Self {
        let to = Timestamp::now();
        Self { from: (to - SignedDuration::from_hours(24 * days)).to_string(), to: to.to_string() }
    }
}

/// Inventory, two days of events, and the checks.
async fn collected(scene: Scene) -> Scene {
    let scene = scene.connected().await;
    let since = (Timestamp::now() - SignedDuration::from_hours(48)).to_string();
    for args in [vec!["sync", "--stream", "events", "--since", &since], vec!["sync", "--stream", "inventory"]] {
        let ended = scene.run(&args).await;
        assert!(ended.code == 0 || ended.code == 6, "{ended:?}");
    }
    scene
}

async fn pack(scene: &Scene, period: &Period, out: &Path, more: &[&str]) -> Ended {
    let mut args = vec!["evidence", "pack", "--framework", "soc2", "--from", &period.from, "--to", &period.to, "--out"];
    args.push(out.to_str().unwrap());
    args.extend(more);
    args.extend(["--output", "json"]);
    scene.run(&args).await
}

/// Makes a pack, and tells what was said of it.
async fn packed(scene: &Scene, period: &Period, out: &Path, more: &[&str]) -> Value {
    let ended = pack(scene, period, out, more).await;
    assert!(ended.code == 0 || ended.code == 6, "{ended:?}");
    ended.json()
}

/// Checks a pack on another machine: no data directory, no settings, no network is needed.
async fn verify(out: &Path, more: &[&str]) -> Ended {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = program(elsewhere.path());
    command.args(["evidence", "verify"]).arg(out).args(more).args(["--output", "json"]);
    let ended = end_of(command, "").await;
    assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0, "checking a pack leaves nothing behind");
    ended
}

/// What is wrong: kind and file.
fn wrong(ended: &Ended) -> Vec<(String, String)> {
    assert_eq!(ended.code, 11, "{ended:?}");
    let text = |difference: &Value, name: &str| difference[name].as_str().unwrap().to_owned();
    let differences = ended.json()["differences"].as_array().unwrap().clone();
    differences.iter().map(|difference| (text(difference, "difference"), text(difference, "file"))).collect()
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder, by path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn json_of(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_checked_on_another_machine_with_nothing_but_the_key() {
    let scene = collected(Scene::small().await).await;
    let folder = tempfile::tempdir().unwrap();
    let period = Period::of_days(2);
    let key =
        scene.run(&["evidence", "key", "--output", "json"]).await.json()["public_key"].as_str().unwrap().to_owned();
    for name in ["pack", "pack.zip"] {
        let out = folder.path().join(name);
        let made = packed(&scene, &period, &out, &[]).await;
        assert_eq!(made["public_key"], key.as_str());
        let ended = verify(&out, &["--public-key", &key, "--digest", made["digest"].as_str().unwrap()]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let said = ended.json();
        assert_eq!((&said["intact"], &said["key_given"]), (&json!(true), &json!(true)));
        assert_eq!(said["files"], made["files"]);
        assert!(said["files"].as_u64().unwrap() > 100, "{said}");
    }
    // The key as it comes out of a pipe is a file that the auditor can use.
    let auditor = tempfile::tempdir().unwrap();
    let file = auditor.path().join("jumpseat.pub");
    std::fs::write(&file, scene.run(&["evidence", "key"]).await.out).unwrap();
    let ended = verify(&folder.path().join("pack"), &["--public-key", file.to_str().unwrap()]).await;
    assert_eq!((ended.code, &ended.json()["key_given"]), (0, &json!(true)), "{ended:?}");
    // The signature by another program's rules, over the file as it lies there.
    let read = |name: &str| std::fs::read(folder.path().join("pack").join(name)).unwrap();
    let signature =
        minisign_verify::Signature::decode(&String::from_utf8(read("manifest.json.minisig")).unwrap()).unwrap();
    let own = minisign_verify::PublicKey::from_base64(&key).unwrap();
    own.verify(&read("manifest.json"), &signature, false).unwrap();
    assert!(signature.trusted_comment().contains("soc2"), "{}", signature.trusted_comment());
    let taken = pack(&scene, &period, &folder.path().join("pack"), &[]).await;
    assert_eq!(taken.code, 1, "{taken:?}");
    assert!(taken.err.contains("never overwritten"), "{}", taken.err);
    let left: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_population_is_every_user_and_the_totals_are_told() {
    let scene = collected(Scene::small().await).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    let made = packed(&scene, &Period::of_days(2), &out, &["--sample", "5", "--seed", "word"]).await;
    let users = scene.count("SELECT COUNT(*) AS n FROM users").await;
    assert_eq!(made["items"]["ev-user-list"], json!({ "state": "complete", "rows": users }));
    let item = json_of(out.join("items/ev-user-list/item.json"));
    let source = &item["sources"][0];
    assert_eq!(
        (&source["told_by_jumpcloud"], &source["read"], &source["held"]),
        (&json!(users), &json!(users), &json!(users))
    );
    assert_eq!(item["counts"].as_object().unwrap().values().map(|count| count.as_i64().unwrap()).sum::<i64>(), users);
    let population = json_of(out.join("items/ev-user-list/population.json"));
    let population = population.as_array().unwrap();
    assert_eq!(population.len() as i64, users);
    let mut reader = csv::Reader::from_path(out.join("items/ev-user-list/population.csv")).unwrap();
    assert_eq!(reader.records().count() as i64, users);
    let sample = json_of(out.join("items/ev-user-list/sample.json"));
    let sample = sample.as_array().unwrap();
    assert_eq!(sample.len(), 5);
    assert!(sample.iter().all(|row| population.contains(row)), "what was drawn is of the population");
    // Joiners are events and the inventory, leavers and administrators' doings are events.
    let events = scene.count("SELECT COUNT(*) AS n FROM windows WHERE state = 'sealed'").await;
    assert!(events > 40, "{events}");
    assert!(made["items"]["ev-privileged-activity"]["rows"].as_u64().unwrap() > 0, "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_pack_is_found_and_named() {
    let scene = collected(Scene::small().await).await;
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = (folder.path().join("older"), folder.path().join("newer"));
    let first = packed(&scene, &Period::of_days(2), &older, &[]).await;
    let second = packed(&scene, &Period::of_days(2), &newer, &[]).await;
    let chain = scene.run(&["evidence", "packs", "--output", "json"]).await;
    let chain_file = scene.file("chain.json", &chain.out);
    let chain_file = chain_file.to_str().unwrap();
    let key = first["public_key"].as_str().unwrap();
    let digest = |made: &Value| made["digest"].as_str().unwrap().to_owned();
    assert_eq!(second["previous"], first["digest"]);
    assert_eq!(verify(&newer, &["--public-key", key, "--chain", chain_file]).await.code, 0);
    assert_eq!(verify(&newer, &["--previous-digest", &digest(&first)]).await.code, 0);

    let spoiled = |number: usize| {
        let copy = folder.path().join(format!("copy{number}"));
        copied(&newer, &copy);
        copy
    };
    // One bit of one byte, in each kind of file.
    for (number, name) in [
        "index.html",
        "items/ev-user-list/population.csv",
        "items/ev-user-list/item.json",
        "keys/jumpseat.pub",
        "ledger/hours.json",
        "oscal/assessment-results.json",
    ]
    .into_iter()
    .enumerate()
    {
        let copy = spoiled(number);
        let mut bytes = std::fs::read(copy.join(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(copy.join(name), bytes).unwrap();
        assert_eq!(wrong(&verify(&copy, &["--public-key", key]).await), [("changed".to_owned(), name.to_owned())]);
    }
    let pair = |kind: &str, file: &str| (kind.to_owned(), file.to_owned());
    let copy = spoiled(10);
    std::fs::remove_file(copy.join("items/ev-leavers/population.json")).unwrap();
    std::fs::write(copy.join("items/ev-leavers/more.csv"), "id\r\n").unwrap();
    let found = wrong(&verify(&copy, &[]).await);
    assert_eq!(
        found,
        [pair("missing", "items/ev-leavers/population.json"), pair("added", "items/ev-leavers/more.csv")]
    );
    let copy = spoiled(11);
    std::os::unix::fs::symlink("/etc/hostname", copy.join("items/link")).unwrap();
    assert_eq!(wrong(&verify(&copy, &[]).await), [pair("added", "items/link")]);

    // The older manifest with its own good signatures, over the newer files.
    let copy = spoiled(12);
    for name in ["manifest.json", "manifest.json.minisig", "manifest.dsse.json"] {
        std::fs::copy(older.join(name), copy.join(name)).unwrap();
    }
    let found = wrong(&verify(&copy, &["--public-key", key]).await);
    assert!(found.contains(&pair("changed", "oscal/assessment-results.json")), "{found:?}");
    // The manifest alone.
    let copy = spoiled(13);
    std::fs::copy(older.join("manifest.json"), copy.join("manifest.json")).unwrap();
    let found = wrong(&verify(&copy, &["--public-key", key]).await);
    for signature in ["manifest.json.minisig", "manifest.dsse.json"] {
        assert!(found.contains(&pair("signature", signature)), "{found:?}");
    }
    for name in ["manifest.json", "manifest.json.minisig", "manifest.dsse.json"] {
        let copy = spoiled(20 + name.len());
        std::fs::remove_file(copy.join(name)).unwrap();
        assert_eq!(wrong(&verify(&copy, &["--public-key", key]).await), [pair("missing", name)]);
    }

    // An older pack is intact, and is not the one that was told of.
    assert_eq!(verify(&older, &["--public-key", key]).await.code, 0);
    for told in [["--digest", &digest(&second)], ["--previous-digest", &digest(&first)], ["--chain", chain_file]] {
        assert_eq!(wrong(&verify(&older, &told).await), [pair("chain", "manifest.json")], "{told:?}");
    }
    // A newer pack of another time takes nobody's place.
    let mut chain = chain.json();
    for pack in chain.as_array_mut().unwrap().iter_mut().filter(|pack| pack["number"] == second["number"]) {
        (pack["from"], pack["to"]) = ("2031-01-01T00:00:00Z".into(), "2031-03-31T23:59:59Z".into());
    }
    let later = scene.file("later.json", &chain.to_string());
    assert_eq!(verify(&older, &["--chain", later.to_str().unwrap()]).await.code, 0);

    // Somebody else's installation can make a good pack, but not with this key.
    let other = collected(Scene::small().await).await;
    let forged = folder.path().join("forged");
    packed(&other, &Period::of_days(2), &forged, &[]).await;
    assert_eq!(verify(&forged, &[]).await.code, 0);
    let found = wrong(&verify(&forged, &["--public-key", key]).await);
    assert!(found.contains(&pair("key", "manifest.json")), "{found:?}");
    assert!(found.contains(&pair("signature", "manifest.json.minisig")), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_an_archive_is_found_as_well() {
    let scene = collected(Scene::small().await).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack.zip");
    packed(&scene, &Period::of_days(2), &out, &["--item", "ev-user-list"]).await;
    let bytes = std::fs::read(&out).unwrap();
    let mut found = 0;
    for step in 1..20 {
        let mut spoiled = bytes.clone();
        let at = spoiled.len() * step / 20;
        spoiled[at] ^= 0x20;
        let copy = folder.path().join(format!("{step}.zip"));
        std::fs::write(&copy, spoiled).unwrap();
        let ended = verify(&copy, &[]).await;
        // What is about the archive alone (a time, a place) can be read in more than one way.
        assert!([0, 11].contains(&ended.code), "{ended:?}");
        found += usize::from(ended.code != 0);
    }
    assert!(found >= 15, "{found} of 19 were found");
    let cut = folder.path().join("cut.zip");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let cut_short = verify(&cut, &[]).await;
    assert_eq!(cut_short.code, 11, "{cut_short:?}");
    assert_eq!(wrong(&cut_short), [("unreadable".to_owned(), "cut.zip".to_owned())]);
    assert!(cut_short.out.contains("cut short or damaged"), "{cut_short:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_an_older_key_is_led_to_the_new_one_and_older_packs_are_checked_as_before() {
    let scene = collected(Scene::small().await).await;
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = (folder.path().join("older"), folder.path().join("newer"));
    let small = ["--item", "ev-user-list"];
    let before = packed(&scene, &Period::of_days(2), &older, &small).await;
    let ended = scene.run(&["evidence", "key", "--replace", "--output", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let (old, new) = (before["public_key"].as_str().unwrap(), ended.json()["public_key"].as_str().unwrap().to_owned());
    assert_ne!(old, new);
    let after = packed(&scene, &Period::of_days(2), &newer, &small).await;
    assert_eq!((&after["public_key"], &after["previous"]), (&json!(new), &before["digest"]));
    assert_eq!(verify(&older, &["--public-key", old]).await.code, 0);
    assert_eq!(verify(&newer, &["--public-key", &new]).await.code, 0);
    let led = verify(&newer, &["--public-key", old]).await;
    assert_eq!((led.code, &led.json()["led_by"]), (0, &json!(old)), "{led:?}");
    // The new key says nothing of what was signed before it.
    let pair = |kind: &str, file: &str| (kind.to_owned(), file.to_owned());
    assert!(wrong(&verify(&older, &["--public-key", &new]).await).contains(&pair("key", "manifest.json")));
    let all = scene.run(&["evidence", "key", "--all", "--output", "json"]).await.json();
    assert_eq!(
        (&all[0]["public_key"], &all[1]["public_key"], all.as_array().unwrap().len()),
        (&json!(old), &json!(new), 2)
    );
    // By hand: the old key has signed the new one's file, by another program's rules.
    let read = |name: &str| std::fs::read_to_string(newer.join(name)).unwrap();
    let vouched = minisign_verify::Signature::decode(&read("keys/jumpseat.pub.minisig")).unwrap();
    let key = minisign_verify::PublicKey::from_base64(old).unwrap();
    key.verify(read("keys/jumpseat.pub").as_bytes(), &vouched, false).unwrap();
    // A thief's list of keys convinces nobody.
    let copy = folder.path().join("copy");
    copied(&newer, &copy);
    let mut history = json_of(copy.join("keys/history.json"));
    history[1]["vouched"] = history[0]["vouched"].clone();
    std::fs::write(copy.join("keys/history.json"), history.to_string()).unwrap();
    let found = wrong(&verify(&copy, &["--public-key", old]).await);
    assert!(
        found.contains(&pair("key", "manifest.json")) && found.contains(&pair("changed", "keys/history.json")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_of_an_authority_binds_the_manifest_and_nothing_else_passes_for_one() {
    if !tsa::is_there() {
        return;
    }
    let scene = collected(Scene::small().await).await;
    let folder = tempfile::tempdir().unwrap();
    let small = ["--item", "ev-user-list"];
    let pair = |kind: &str, file: &str| (kind.to_owned(), file.to_owned());
    let mut stranger = None;
    for (number, kind) in tsa::KINDS.into_iter().enumerate() {
        let authority = Authority::start(kind).await;
        let ca = authority.certificate();
        let ca = ca.to_str().unwrap();
        for name in [format!("{number}"), format!("{number}.zip")] {
            let out = folder.path().join(&name);
            let made =
                packed(&scene, &Period::of_days(2), &out, &[&small[..], &["--tsa", &authority.url]].concat()).await;
            assert!(made["time_stamp"].is_string(), "{kind:?}: {made}");
            for (trust, is_trusted) in [(&["--tsa-ca", ca][..], true), (&[][..], false)] {
                let ended = verify(&out, trust).await;
                assert_eq!(ended.code, 0, "{kind:?}: {ended:?}");
                let stamp = &ended.json()["time_stamp"];
                assert_eq!((&stamp["at"], &stamp["trusted"]), (&made["time_stamp"], &json!(is_trusted)));
            }
            let again = scene.run(&["evidence", "stamp", out.to_str().unwrap(), "--tsa", &authority.url]).await;
            assert!(again.code == 1 && again.err.contains("has a time stamp already"), "{again:?}");
        }
        let pack = folder.path().join(number.to_string());
        assert!(authority.agrees(&pack), "openssl does not take it: {kind:?}");
        // Any bit of it: what is not the time is the signature, the certificate or the frame. (What stands in a certificate is
        // covered where certificates are held against an authority.)
        let good = std::fs::read(pack.join("manifest.json.tsr")).unwrap();
        // The authority's own certificate is sent along, but it is the auditor's copy that is trusted.
        let sent_along = authority.certificate_in(&good);
        for at in (0..good.len()).step_by(29).filter(|at| !sent_along.contains(at)) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(pack.join("manifest.json.tsr"), bad).unwrap();
            let ended = verify(&pack, &["--tsa-ca", ca]).await;
            if ended.code == 11 {
                assert_eq!(wrong(&ended), [pair("time stamp", "manifest.json.tsr")], "byte {at}");
            } else {
                let without_place = authority.agrees(&pack);
                assert!(
                    ended.code == 0 && without_place,
                    "byte {at} of {kind:?}: only what openssl takes as well: {ended:?}"
                );
            }
        }
        std::fs::write(pack.join("manifest.json.tsr"), &good).unwrap();
        // Another authority's certificate, and another pack's time stamp.
        if let Some((other_ca, other_stamp)) = stranger.replace((std::fs::read(ca).unwrap(), good)) {
            let other = scene.file("other.pem", &String::from_utf8(other_ca).unwrap());
            let found = wrong(&verify(&pack, &["--tsa-ca", other.to_str().unwrap()]).await);
            assert_eq!(found, [pair("time stamp", "manifest.json.tsr")]);
            std::fs::write(pack.join("manifest.json.tsr"), other_stamp).unwrap();
            let ended = verify(&pack, &[]).await;
            assert!(ended.out.contains("about another content"), "{ended:?}");
        }
        std::fs::remove_file(pack.join("manifest.json.tsr")).unwrap();
        assert_eq!(verify(&pack, &[]).await.code, 0);
        assert_eq!(wrong(&verify(&pack, &["--tsa-ca", ca]).await), [pair("missing", "manifest.json.tsr")]);
    }
    // An authority that is not there leaves a pack without a time stamp, and says so.
    let out = folder.path().join("unstamped");
    let ended =
        pack(&scene, &Period::of_days(2), &out, &[&small[..], &["--tsa", "http://127.0.0.1:9/"]].concat()).await;
    assert!(ended.code == 1 && ended.err.contains("evidence stamp"), "{ended:?}");
    assert_eq!(verify(&out, &[]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_gives_the_same_bytes() {
    let scene = collected(Scene::small().await).await;
    // The key belongs to the input.
    assert_eq!(scene.run(&["evidence", "key"]).await.code, 0);
    let folder = tempfile::tempdir().unwrap();
    let period = Period::of_days(2);
    let made_at = Timestamp::now().to_string();
    for copy in ["a", "b"] {
        copied(&scene.data_dir(), &folder.path().join(copy));
    }
    for (copy, name) in [("a", "pack"), ("b", "pack"), ("a", "pack.zip"), ("b", "pack.zip"), ("a", "again")] {
        let data = folder.path().join(copy);
        let mut command = program(folder.path());
        command.arg("--data-dir").arg(&data).args(["evidence", "pack", "--framework", "soc2", "--made-at", &made_at]);
        command.args(["--from", &period.from, "--to", &period.to, "--sample", "3", "--seed", "x", "--out"]);
        command.arg(data.join(name)).stdout(Stdio::null());
        let ended = end_of(command, "").await;
        assert!(ended.code == 0 || ended.code == 6, "{ended:?}");
    }
    let [one, two] = ["a", "b"].map(|copy| files(&folder.path().join(copy).join("pack")));
    assert!(one.len() > 100);
    for (name, content) in &one {
        assert!(two.get(name) == Some(content), "{name} differs");
    }
    assert_eq!(one.len(), two.len());
    let [one_archive, two_archive] =
        ["a", "b"].map(|copy| std::fs::read(folder.path().join(copy).join("pack.zip")).unwrap());
    assert!(one_archive == two_archive, "the archives differ");
    // A second pack of the same database has another place in the chain, and nothing else.
    let again = files(&folder.path().join("a/again"));
    let differs: Vec<&String> = one.keys().filter(|name| again.get(*name) != one.get(*name)).collect();
    assert_eq!(differs, ["manifest.dsse.json", "manifest.json", "manifest.json.minisig"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_and_what_was_refused_stand_on_the_first_page() {
    let scene = Scene::small().await;
    scene.world().faults().add(FaultRule::new(Effect::status(403)).on("/api/applications"));
    let scene = collected(scene).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    let ended = pack(&scene, &Period::of_days(30), &out, &[]).await;
    assert_eq!(ended.code, 6, "{ended:?}");
    let made = ended.json();
    assert!(!made["gaps"].as_array().unwrap().is_empty());
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    let first = page.split("<h2").next().unwrap();
    for words in ["This period has gaps", "nothing was collected before", "events were not collected"] {
        assert!(first.contains(words), "the first page does not say {words:?}");
    }
    // Applications were refused by a fault, service accounts are refused to every key that only reads.
    for item in ["ev-sso-applications", "ev-service-accounts"] {
        assert_eq!(made["items"][item], json!({ "state": "not_collected", "rows": null }), "{item}");
        let title = json_of(out.join("items").join(item).join("item.json"))["title"].as_str().unwrap().to_owned();
        let line = first.lines().find(|line| line.contains("<li>") && line.contains(&title)).unwrap();
        assert!(line.contains("not collected"), "{line}");
        assert!(!out.join("items").join(item).join("population.csv").exists(), "{item} has no population");
    }
    assert_eq!(made["items"]["ev-app-access"]["state"], "incomplete");
    let oscal = json_of(out.join("oscal/assessment-results.json"));
    let result = &oscal["assessment-results"]["results"][0];
    for finding in result["findings"].as_array().unwrap() {
        let says = finding["props"][0]["value"].as_str().unwrap();
        let status = &finding["target"]["status"];
        let expected = match says {
            "met" => ("satisfied", "pass"),
            "failed" => ("not-satisfied", "fail"),
            _ => ("not-satisfied", "other"),
        };
        assert_eq!((status["state"].as_str().unwrap(), status["reason"].as_str().unwrap()), expected, "{finding}");
    }
    let text = oscal.to_string();
    assert!(text.contains("Not collected: applications was not collected"), "OSCAL says it as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_findings_are_exceptions_with_their_rationale() {
    let scene = Scene::new(Config { organizations: vec![neglected(false)], seed: 11, provider: false }).await;
    let scene = collected(scene).await;
    let findings = scene.run(&["finding", "list", "--output", "json"]).await.json();
    let chosen: Vec<&Value> = findings.as_array().unwrap().iter().take(2).collect();
    let numbers: Vec<String> = chosen.iter().map(|finding| finding["number"].to_string()).collect();
    let accept = |number: &str, why: &str| {
        let args = ["finding", "accept", number, "--kind", "compensating-control", "--why", why].map(str::to_owned);
        let scene = &scene;
        async move { scene.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    assert_eq!(accept(&numbers[0], "kiosk, until it is <b>moved</b>").await.code, 0);
    assert_eq!(accept(&numbers[1], "a mistake").await.code, 0);
    let ended = scene.run(&["finding", "reopen", &numbers[1]]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    packed(&scene, &Period::of_days(2), &out, &[]).await;
    let decisions = json_of(out.join("exceptions/decisions.json"));
    let decisions: Vec<(i64, &str)> = decisions
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| (decision["finding"].as_i64().unwrap(), decision["action"].as_str().unwrap()))
        .collect();
    assert_eq!(decisions.len(), 3, "{decisions:?}");
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(
        page.contains("One finding was accepted") && page.contains("kiosk, until it is &#60;b&#62;moved"),
        "exceptions"
    );
    let check = chosen[0]["check"].as_str().unwrap();
    let checks = json_of(out.join("findings/checks.json"));
    let check = checks.as_array().unwrap().iter().find(|line| line["check"] == check).unwrap();
    assert_eq!(check["accepted"], 1, "{check}");
    let oscal = json_of(out.join("oscal/assessment-results.json"));
    let risks = oscal["assessment-results"]["results"][0]["risks"].as_array().unwrap().clone();
    assert_eq!(risks.len(), 1);
    assert_eq!(risks[0]["status"], "deviation-approved");
}

/// A Python that has what `oscal.py` needs, and the published schema.
fn oscal_validator() -> Option<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("JUMPSEAT_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let schema = shared.join("data/oscal/oscal_assessment-results_schema.json");
    let python = std::env::var("OSCAL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let can =
        std::process::Command::new(&python).args(["-c", "import jsonschema, regex"]).stderr(Stdio::null()).status();
    let lacking = if !schema.is_file() {
        format!("{} is not there (set JUMPSEAT_SHARED)", schema.display())
    } else if !can.is_ok_and(|status| status.success()) {
        format!("{python} has no jsonschema and regex (set OSCAL_PYTHON)")
    } else {
        return Some((python, schema));
    };
    assert!(std::env::var_os("JUMPSEAT_REQUIRE_ALL").is_none(), "{lacking}");
    println!("skipped: {lacking}");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oscal_document_is_valid_by_the_published_schema_also_with_hostile_names() {
    let Some((python, schema)) = oscal_validator() else { return };
    let scene = Scene::new(Config { organizations: vec![neglected(true)], seed: 7, provider: false }).await;
    let scene = collected(scene).await;
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/product/oscal.py");
    let validate =
        |document: &Path| std::process::Command::new(&python).arg(&script).arg(&schema).arg(document).output().unwrap();
    for framework in ["soc2", "nist-800-53", "hipaa"] {
        let out = folder.path().join(framework);
        let period = Period::of_days(2);
        let args = [
            "evidence",
            "pack",
            "--framework",
            framework,
            "--from",
            &period.from,
            "--to",
            &period.to,
            "--out",
            out.to_str().unwrap(),
        ];
        let ended = scene.run(&args).await;
        assert!(ended.code == 0 || ended.code == 6, "{ended:?}");
        let document = out.join("oscal/assessment-results.json");
        let said = validate(&document);
        assert!(said.status.success(), "{framework}: {}", String::from_utf8_lossy(&said.stdout));
        // It can fail.
        let mut spoiled = json_of(document);
        spoiled["assessment-results"]["results"][0]["observations"][0]["uuid"] = json!("no");
        let path = folder.path().join("spoiled.json");
        std::fs::write(&path, spoiled.to_string()).unwrap();
        assert!(!validate(&path).status.success());
    }
}

fn neglected(hostile: bool) -> OrganizationSpec {
    let mut spec = OrganizationSpec::new("Hostile Inc", "hostile.example", Character::Neglected, 40, 30);
    spec.hostile = hostile;
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_do_nothing_in_the_report_and_in_spreadsheets_and_are_unchanged_in_json() {
    let scene = Scene::new(Config { organizations: vec![neglected(true)], seed: 7, provider: false }).await;
    let scene = collected(scene).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    packed(&scene, &Period::of_days(2), &out, &["--sample", "40", "--seed", "\"><script>alert(1)</script>"]).await;
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    // Everything that is markup is ours: the names of all tags and attributes are known.
    let known = [
        "!doctype", "html", "head", "meta", "title", "style", "body", "p", "h1", "h2", "h3", "h4", "table", "thead",
        "tbody", "tr", "th", "td", "div", "ul", "li", "code", "pre", "section", "strong", "span", "em", "br", "wbr",
        "a",
    ];
    for tag in page.split('<').skip(1) {
        let name: String =
            tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric() || *c == '!').collect();
        assert!(known.contains(&name.as_str()), "<{}", tag.chars().take(60).collect::<String>());
        let inside = tag.split('>').next().unwrap();
        assert!(!inside.contains(" on") && !inside.contains("javascript"), "<{inside}");
    }
    assert!(page.contains("&#60;script"), "the simulator planted nothing hostile");
    let steers = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!page.chars().any(steers));
    let mut defused = 0;
    for (name, content) in files(&out) {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)), "{name:?}");
        if !name.ends_with(".csv") {
            continue;
        }
        for record in csv::Reader::from_reader(content.as_slice()).records() {
            for cell in &record.unwrap() {
                let number = cell.parse::<f64>().is_ok();
                assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {cell:?}");
                defused += usize::from(["'=", "'+", "'-", "'@"].iter().any(|start| cell.starts_with(start)));
            }
        }
    }
    assert!(defused > 0, "the simulator planted no formula");
    let query = "SELECT id, username AS name FROM users ORDER BY id";
    let users = scene.run(&["sql", query, "--output", "json"]).await.json();
    let packed = json_of(out.join("items/ev-user-list/population.json"));
    for (user, row) in users.as_array().unwrap().iter().zip(packed.as_array().unwrap()) {
        assert_eq!((&user["id"], &user["name"]), (&row["id"], &row["name"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_given_and_what_is_wrong_is_told_in_words() {
    let scene = Scene::small().await.synced().await;
    for (args, code, words) in [
        (vec!["evidence", "show", "ev-access-review"], 7, "no review workflow"),
        (vec!["evidence", "show", "ev-user-lst"], 7, "Did you mean ev-user-list?"),
        (
            vec!["evidence", "pack", "--framework", "soc3", "--from", "2026-01-01", "--to", "2026-01-31", "--out", "x"],
            7,
            "there is no framework",
        ),
        (
            vec!["evidence", "pack", "--framework", "soc2", "--from", "2026-02-01", "--to", "2026-01-31", "--out", "x"],
            2,
            "--from must lie before --to",
        ),
        (
            vec!["evidence", "pack", "--framework", "soc2", "--from", "2020-02-01", "--to", "2020-03-31", "--out", "x"],
            1,
            "nothing was collected",
        ),
        (vec!["evidence", "verify", "nowhere"], 7, "there is no pack at nowhere"),
        (vec!["evidence", "verify", ".", "--public-key", "abc"], 2, "begins with RW"),
        (vec!["evidence", "verify", ".", "--digest", "abc"], 2, "64 hexadecimal digits"),
    ] {
        let ended = scene.run(&args).await;
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        assert!(ended.err.contains(words), "{args:?}: {}", ended.err);
    }
    // The user's own item is loaded beside ours, and takes no other's place.
    let own = scene.data_dir().join("evidence");
    std::fs::create_dir(&own).unwrap();
    let text = "---\nid: ev-own\ntitle: Our own\nuse: sso\ntype: P\npopulation: [users]\nreads: [users]\nprofiles: [IDENTITY]\n---\n\n## What it shows\n\na\n\n## What to know\n\nb\n\n## Query\n\n```sql\nSELECT id, username AS name FROM users\n```\n";
    std::fs::write(own.join("ev-own.md"), text).unwrap();
    let out = scene.data_dir().join("own");
    let made = packed(&scene, &Period::of_days(1), &out, &["--item", "ev-own"]).await;
    assert_eq!(made["items"]["ev-own"]["rows"], scene.count("SELECT COUNT(*) AS n FROM users").await);
    std::fs::write(own.join("ev-user-list.md"), text.replace("ev-own", "ev-user-list")).unwrap();
    let ended = scene.run(&["evidence", "list"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("is taken by content/evidence/ev-user-list.md"), "{}", ended.err);
}
