//! Events from the command line: collected, found, exported, followed, proven; and a process that is killed again and again.

use std::collections::BTreeSet;
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulator::{Config, Effect, EventSpec, FaultRule};

use crate::support::Scene;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

/// The ids of the events that are stored of a range of time, each as often as it is there.
pub(crate) async fn exported(scene: &Scene, from: Timestamp, to: Timestamp) -> Vec<String> {
    let (from, to) = (from.to_string(), to.to_string());
    let ended = scene.run(&["event", "export", "--from", &from, "--to", &to, "--output", "raw"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut ids: Vec<String> = lines(&ended.out).iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// The ids that the simulator issued in the same range.
pub(crate) fn issued(scene: &Scene, from: Timestamp, to: Timestamp) -> Vec<String> {
    let range = from.as_millisecond()..to.as_millisecond() + 1;
    let events = scene.world().events(0, range, Timestamp::now().as_millisecond());
    let mut ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn all_events_of_a_thing_are_found_by_its_id_and_by_every_name_that_the_inventory_knows() {
    let scene = Scene::small().await.synced().await;
    let since = hours_ago(60).to_string();
    assert_eq!(scene.run(&["sync", "--stream", "events", "--since", &since]).await.code, 0);
    for (option, of_id, of_name, table, known_by) in [
        ("--device", "device_id", "device_name", "devices", ["hostname", "display_name"]),
        ("--user", "user_id", "user_name", "users", ["username", "email"]),
    ] {
        // Some events name only the id, and some only the name.
        let sql = format!(
            "SELECT t.id, t.{0} AS one, t.{1} AS other, COUNT(*) AS n, SUM(CASE WHEN e.{of_name} IS NULL THEN 1 ELSE 0 END) AS nameless
             FROM {table} t JOIN events e ON e.org_id = t.org_id
               AND (e.{of_id} = t.id OR (e.{of_id} IS NULL AND LOWER(e.{of_name}) IN (LOWER(t.{0}), LOWER(t.{1}))))
             GROUP BY t.id, t.{0}, t.{1} ORDER BY 5 DESC, 4 DESC LIMIT 1",
            known_by[0], known_by[1]
        );
        let thing = scene.run(&["sql", &sql, "-o", "json"]).await.json()[0].clone();
        for name in ["id", "one", "other"] {
            let word = thing[name].as_str().unwrap();
            let found = scene.run(&["event", "search", option, word, "--limit", "100000", "-o", "json"]).await.json();
            assert!(found.as_array().unwrap().len() as u64 >= thing["n"].as_u64().unwrap(), "{option} {word}: {thing}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_collected_found_exported_and_proven() {
    let scene = Scene::small().await.connected().await;
    let since = hours_ago(30).to_string();
    let ended = scene.run(&["sync", "--stream", "events", "--since", &since, "-o", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = &ended.json()[0];
    assert_eq!((&summary["stream"], &summary["outcome"]), (&"events".into(), &"succeeded".into()));
    assert!(summary["new"].as_u64().unwrap() > 50, "{summary}");

    let (from, to) = (hours_ago(28), hours_ago(1));
    assert_eq!(exported(&scene, from, to).await, issued(&scene, from, to));
    let found = scene.run(&["event", "search", "--limit", "5", "-o", "json"]).await.json();
    assert_eq!(found.as_array().unwrap().len(), 5);
    for nonsense in [["--country", "Germany"], ["--country", "UK"], ["--ip", "192.0.2.0/24"], ["--ip", "here"]] {
        let refused = scene.run(&[&["event", "search"], &nonsense[..]].concat()).await;
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains(nonsense[1]) && refused.err.contains("give "), "{refused:?}");
    }
    let kind = found[0]["type"].as_str().unwrap();
    let same = scene.run(&["event", "search", "--type", kind, "-o", "json"]).await.json();
    assert!(same.as_array().unwrap().iter().all(|event| event["type"] == kind));
    let ocsf = lines(&scene.run(&["event", "search", "--limit", "3", "-o", "ocsf"]).await.out);
    assert!(ocsf.iter().all(|event| event["metadata"]["version"] == "1.8.0"), "{ocsf:?}");
    assert_eq!(lines(&scene.run(&["event", "tail", "-n", "4", "-o", "raw"]).await.out).len(), 4);
    let types = scene.run(&["event", "types", "-o", "json"]).await.json();
    assert!(types.as_array().unwrap().iter().any(|seen| seen["mapped"] == true), "{types}");

    let verified = scene.run(&["event", "verify", "--recount", "-o", "json"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let ledger = verified.json();
    let sealed: Vec<&Value> = ledger.as_array().unwrap().iter().filter(|hour| hour["state"] == "sealed").collect();
    assert!(sealed.len() >= 28, "{}", sealed.len());
    for hour in sealed {
        assert_eq!(hour["counted"], hour["stored"]);
        assert_eq!(hour["counted_now"], hour["stored"]);
        assert_eq!(hour["intact"], true);
    }
    let events = scene.run(&["status", "-o", "json"]).await.stream("events");
    assert_eq!(events["state"], "Active");
    assert!(events["proven_to"].is_string() && events["newest_event"].is_string(), "{events}");
    let unmapped = events["unmapped"].as_object().unwrap();
    let sum: u64 = unmapped.values().map(|events| events.as_u64().unwrap()).sum();
    let in_sql = scene.count("SELECT COALESCE(SUM(events), 0) FROM events_unmapped").await;
    assert_eq!(sum, in_sql as u64, "{unmapped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_that_differs_is_told_and_sets_the_exit_code() {
    let scene = Scene::small().await.connected().await;
    let since = hours_ago(5).to_string();
    assert_eq!(scene.run(&["sync", "--stream", "events", "--since", &since]).await.code, 0);
    let more = Effect::CountOffset { delta: 1, flapping: false };
    scene.world().faults().add(FaultRule::new(more).on("/insights/directory/v1/events/count"));
    assert_eq!(scene.run(&["event", "verify", "-o", "json"]).await.code, 0);
    assert_eq!(scene.run(&["event", "verify", "--recount", "-o", "json"]).await.code, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn formats_of_events_are_refused_where_there_are_none() {
    let scene = Scene::small().await;
    for args in [&["status", "-o", "ocsf"][..], &["event", "verify", "-o", "raw"]] {
        assert_eq!(scene.run(args).await.code, 2);
    }
}

/// Kills in one run of the test.
const KILLS: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_two_hundred_times_neither_loses_nor_doubles_an_event() {
    let mut config = Config::single(25, 15, 4, 3);
    config.organizations[0].events = EventSpec::steady(60);
    let scene = Scene::new(config).await.connected().await;
    let endpoint = "/insights/directory/v1/events";
    scene.world().faults().add(FaultRule::new(Effect::PageLimit { rows: 20 }).on(endpoint));
    // A simple generator is enough to scatter the kills, and the same seed scatters them the same way.
    let mut seed = 20_261_122_u64;
    let mut midway = 0;
    let mut hours = 8;
    for _ in 0..KILLS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let since = hours_ago(hours).to_string();
        let mut child = scene
            .command(&["sync", "--stream", "events", "--since", &since])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let asked = scene.world().requests().total + 1 + (seed >> 33) % 12;
        while scene.world().requests().total < asked && child.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        if child.try_wait().unwrap().is_some() {
            // It had nothing left to do: more of the past keeps the next one busy.
            hours += 12;
        } else {
            midway += 1;
        }
        child.kill().await.unwrap();
    }
    assert!(midway > KILLS / 2, "only {midway} kills fell into a run");
    let ended = scene.run(&["sync", "--stream", "events", "-o", "json"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    // All that was ever asked for, but for the hour that may begin or end meanwhile.
    let (from, to) = (hours_ago(hours - 12).min(hours_ago(7)), hours_ago(1));
    let stored = exported(&scene, from, to).await;
    assert!(stored.len() > 300, "{}", stored.len());
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "events are there twice");
    assert_eq!(stored, issued(&scene, from, to));
    assert_eq!(scene.run(&["event", "verify", "--recount", "-o", "json"]).await.code, 0);
    assert_eq!(scene.count("SELECT COUNT(*) FROM runs WHERE outcome IS NULL").await, 0);
}
