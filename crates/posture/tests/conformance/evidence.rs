//! What holds for every evidence item that comes with the program, on both engines.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use posture::evidence::{Item, Items, Made, PackRequest, Verified, pack, verify};
use posture::{Mode, Posture};
use serde_json::{Map, Value, json};
use store::{MasterKey, Parameter, Query};

use crate::bed::{Bed, run};
use crate::shipped::{library, one_of_everything, sources};

on_both_engines!(
    every_item_runs_and_reads_what_it_says,
    a_refused_population_is_not_collected_whatever_was_held_before,
    a_short_table_makes_an_item_incomplete,
    the_report_tells_every_time_with_its_zone_and_what_its_letters_mean,
    a_pack_over_the_past_shows_the_past,
    a_query_that_gives_an_id_twice_makes_no_pack,
);

fn items() -> Items {
    Items::load(None, &library()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn master(folder: &Path) -> MasterKey {
    MasterKey::find(&folder.join("master.key"), |_| None).unwrap()
}

/// Packs items over the two days before now.
async fn packed(bed: &Bed, posture: &Posture, items: Vec<&Item>, out: &Path) -> Result<Made, String> {
    let organizations = posture.organizations().await.unwrap();
    let framework = posture.library.framework("soc2").unwrap();
    let request = PackRequest {
        items,
        framework,
        organization: &organizations[0],
        from: bed.now() - SignedDuration::from_hours(48),
        to: bed.now(),
        as_of: bed.now(),
        sampling: None,
        made_at: bed.now(),
        made_by: "tester".to_owned(),
        product: "Jumpseat".to_owned(),
        asked: BTreeMap::new(),
        out,
    };
    pack(posture, &master(out.parent().unwrap()), &request).await.map_err(|error| error.to_string())
}

fn intact(out: &Path) -> Verified {
    let verified = verify(out, &Default::default()).unwrap();
    assert!(verified.is_intact(), "{:?}", verified.differences);
    verified
}

fn population(out: &Path, item: &str) -> Vec<Value> {
    let text = std::fs::read(out.join("items").join(item).join("population.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

async fn every_item_runs_and_reads_what_it_says(bed: &Bed) {
    bed.snapshot(&Value::Object(one_of_everything(bed))).await;
    let posture = bed.posture(library(), "");
    run(&posture, Mode::Record, |_, _| ()).await;
    let items = items();
    assert!(items.iter().count() > 25);
    let mut wrong = Vec::new();
    for item in items.iter() {
        let times = ["now", "from", "to"].map(|name| (name.to_owned(), Parameter::from("2026-11-20T00:00:00.000Z")));
        let query = Query { sql: item.query.clone(), parameters: times.into(), ..Query::default() };
        match bed.store.tables_read(&query).await {
            Err(error) => wrong.push(format!("{}: {error}", item.id)),
            Ok(read) => {
                let mut named: Vec<&String> = item.reads.iter().collect();
                named.sort();
                if !read.iter().eq(named.iter().copied()) {
                    wrong.push(format!("{} reads {read:?} and names {named:?}", item.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    let made = packed(bed, &posture, items.iter().collect(), &out).await.unwrap();
    intact(&out);
    for item in items.iter() {
        let (state, rows) = made.items[&item.id];
        let is_of_events = item.reads.iter().any(|table| sources(table).is_empty() && table != "runs");
        match state {
            "complete" => assert!(!is_of_events, "{} is complete without events", item.id),
            _ => assert!(is_of_events, "{} is {state}", item.id),
        }
        assert_eq!(rows.is_none(), state == "not_collected", "{}", item.id);
    }
}

async fn a_refused_population_is_not_collected_whatever_was_held_before(bed: &Bed) {
    bed.snapshot(&Value::Object(one_of_everything(bed))).await;
    let posture = bed.posture(library(), "");
    let items = items();
    let folder = tempfile::tempdir().unwrap();
    let mut tables: BTreeMap<&String, Vec<&Item>> = BTreeMap::new();
    for item in items.iter() {
        for table in item.population.iter().filter(|table| sources(table) == [table.as_str()]) {
            tables.entry(table).or_default().push(item);
        }
    }
    assert!(tables.len() > 10);
    for (table, items) in tables {
        let mut fixture = one_of_everything(bed);
        fixture.insert(format!("!{table}"), json!("not_permitted"));
        bed.snapshot(&Value::Object(fixture)).await;
        let out = folder.path().join(table);
        let made = packed(bed, &posture, items.clone(), &out).await.unwrap();
        for item in items {
            assert_eq!(made.items[&item.id], ("not_collected", None), "{} with {table} refused", item.id);
            assert!(!out.join("items").join(&item.id).join("population.csv").exists());
        }
        let page = std::fs::read_to_string(out.join("index.html")).unwrap();
        assert!(
            page.contains("was not collected") && !page.contains("Every item of this pack was collected"),
            "{table}"
        );
    }
}

async fn the_report_tells_every_time_with_its_zone_and_what_its_letters_mean(bed: &Bed) {
    let mut fixture = one_of_everything(bed);
    fixture.insert(
        "users".to_owned(),
        json!([{ "id": "u1", "username": "ann", "state": "ACTIVATED", "created_at": "2026-11-02T07:08:09.123Z" }]),
    );
    bed.snapshot(&Value::Object(fixture)).await;
    let posture = bed.posture(library(), "");
    run(&posture, Mode::Record, |_, _| ()).await;
    let items = items();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    let item = items.iter().find(|item| item.id == "ev-user-list").unwrap();
    packed(bed, &posture, vec![item], &out).await.unwrap();
    // A time and its zone stay on one line.
    let page = std::fs::read_to_string(out.join("index.html")).unwrap().replace('\u{a0}', " ");
    let is_time = |text: &str| {
        text.len() >= 8
            && text
                .bytes()
                .take(8)
                .enumerate()
                .all(|(at, byte)| if at % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() })
    };
    let times: Vec<&str> = page.char_indices().map(|(at, _)| &page[at..]).filter(|rest| is_time(rest)).collect();
    assert!(times.iter().any(|rest| rest.starts_with("07:08:09")), "the time of a row is there");
    for rest in times {
        assert!(rest[8..].starts_with(" UTC"), "{}", &rest[..40]);
    }
    assert!(page.contains("<strong>J</strong> our judgement"), "what the letters behind a requirement mean");
    // A line may break between words, not within one.
    assert!(page.contains("<th>created_<wbr>at</th>"), "{page}");
    assert!(page.contains("<td>ACTIVATED</td>"), "{page}");
}

async fn a_short_table_makes_an_item_incomplete(bed: &Bed) {
    let posture = bed.posture(library(), "");
    let items = items();
    let folder = tempfile::tempdir().unwrap();
    for (number, (table, state)) in
        [("users", "short"), ("users", "failed"), ("policies", "shrunken"), ("apple_mdm_devices", "not_licensed")]
            .into_iter()
            .enumerate()
    {
        let mut fixture = one_of_everything(bed);
        fixture.insert(format!("!{table}"), json!(state));
        bed.snapshot(&Value::Object(fixture)).await;
        run(&posture, Mode::Record, |_, _| ()).await;
        let of_table: Vec<&Item> = items.iter().filter(|item| item.reads.iter().any(|name| name == table)).collect();
        assert!(!of_table.is_empty());
        let out = folder.path().join(number.to_string());
        let made = packed(bed, &posture, of_table.clone(), &out).await.unwrap();
        for item in of_table {
            let (told, rows) = made.items[&item.id];
            if item.population.iter().all(|table| table != "events") {
                assert_eq!((told, rows.is_some()), ("incomplete", true), "{} with {table} {state}", item.id);
            }
        }
    }
}

async fn a_pack_over_the_past_shows_the_past(bed: &Bed) {
    let users = |names: &[&str]| -> Value {
        let rows: Vec<Value> = names.iter().map(|name| json!({ "id": name, "username": name })).collect();
        let mut fixture: Map<String, Value> = one_of_everything(bed);
        fixture.insert("users".to_owned(), json!(rows));
        Value::Object(fixture)
    };
    bed.snapshot(&users(&["ann", "bob"])).await;
    let then = bed.now();
    bed.pass_hours(12);
    bed.snapshot(&users(&["ann", "cid"])).await;
    let posture = bed.posture(library(), "");
    let (items, folder) = (items(), tempfile::tempdir().unwrap());
    let organizations = posture.organizations().await.unwrap();
    let request = PackRequest {
        items: vec![items.get("ev-user-list").unwrap()],
        framework: posture.library.framework("iso27001").unwrap(),
        organization: &organizations[0],
        from: then - SignedDuration::from_hours(48),
        to: bed.now(),
        as_of: then,
        sampling: None,
        made_at: bed.now(),
        made_by: "tester".to_owned(),
        product: "Jumpseat".to_owned(),
        asked: BTreeMap::new(),
        out: &folder.path().join("past"),
    };
    let master = master(folder.path());
    pack(&posture, &master, &request).await.unwrap();
    let names = |out: &Path| -> Vec<String> {
        population(out, "ev-user-list").iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(request.out), ["ann", "bob"]);
    let now = folder.path().join("now.zip");
    let made = pack(&posture, &master, &PackRequest { as_of: bed.now(), out: &now, ..request }).await.unwrap();
    assert_eq!(made.pack.number, 2);
    assert_eq!(intact(&now).manifest.unwrap().previous, made.pack.previous);
}

async fn a_query_that_gives_an_id_twice_makes_no_pack(bed: &Bed) {
    bed.snapshot(&Value::Object(one_of_everything(bed))).await;
    let posture = bed.posture(library(), "");
    let (items, folder) = (items(), tempfile::tempdir().unwrap());
    for (query, words) in [
        ("SELECT id, username AS name FROM users UNION ALL SELECT id, username FROM users", "more than once"),
        ("SELECT username AS name, id FROM users", "id and name first"),
        ("SELECT id, id AS name FROM devices", "does not name under reads"),
        ("SELECT id, nothing AS name FROM users", "nothing"),
    ] {
        let spoiled = Item { query: query.to_owned(), counts: None, ..items.get("ev-user-mfa").unwrap().clone() };
        let refused = packed(bed, &posture, vec![&spoiled], &folder.path().join("pack")).await.unwrap_err();
        assert!(refused.contains(words) && refused.contains("content/evidence/ev-user-mfa.md"), "{refused}");
    }
    // Nothing of it is left, but for the key that seals the signing key.
    let left: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["master.key"]);
    assert!(bed.store.evidence_packs().await.unwrap().is_empty());
}
