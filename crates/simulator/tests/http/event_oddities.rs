//! Oddities and faults of Directory Insights show when they are switched on, and only then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use simulator::{
    Character, Config, Effect, EventSpec, FaultRule, IssuedEvent, Oddities, Oddity, OrganizationSpec, RetryAfter,
};

use crate::client::{Client, NOW};
use crate::events::{EVENTS, pages, window};

const COUNT: &str = "/insights/directory/v1/events/count";
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

async fn start(oddities: Oddities) -> Client {
    start_with(oddities, EventSpec { per_user_day: 25.0, ..EventSpec::default() }).await
}

async fn start_with(oddities: Oddities, events: EventSpec) -> Client {
    let mut spec = OrganizationSpec::new("Odd Ltd", "odd.example", Character::Neglected, 80, 80);
    spec.oddities = oddities;
    spec.events = events;
    Client::start(Config { seed: 5, organizations: vec![spec], provider: false }).await
}

/// The texts of some days.
async fn texts(oddities: Oddities) -> Vec<String> {
    let client = start(oddities).await;
    let mut texts = Vec::new();
    client.world().for_each_event_text(0, NOW - 10 * DAY..NOW, i64::MAX, |text| texts.push(text.to_owned()));
    texts
}

async fn events(oddities: Oddities) -> Vec<Value> {
    texts(oddities).await.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[tokio::test]
async fn timestamps_have_as_many_decimals_as_the_service_likes() {
    let decimals = |events: &[Value]| -> BTreeSet<usize> {
        let text = |event: &Value| event["timestamp"].as_str().unwrap().to_owned();
        let fraction = |text: String| text.split_once('.').map_or(0, |(_, rest)| rest.len() - 1);
        events.iter().map(|event| fraction(text(event))).collect()
    };
    assert_eq!(decimals(&events(Oddities::clean()).await), BTreeSet::from([3]));
    let odd = events(Oddities::clean().with(Oddity::VaryingFractions)).await;
    assert_eq!(decimals(&odd), (0..=9).collect());
    let radius: Vec<Value> = odd.into_iter().filter(|event| event["service"] == "radius").collect();
    let whole = radius.iter().filter(|event| event["timestamp"].as_str().unwrap().len() == 20).count();
    assert!(whole * 10 > radius.len() * 9, "{whole} of {}", radius.len());
}

#[tokio::test]
async fn every_shape_oddity_shows_when_it_is_on_and_never_when_it_is_off() {
    type Judge = fn(&Value) -> bool;
    let shows: &[(Oddity, Judge)] = &[
        (Oddity::ChangesChangeShape, |event| event["changes"].is_object() && event["event_type"] != "google_emm_patch"),
        (Oddity::SuccessAbsent, |event| event["event_type"] == "user_update" && event.get("success").is_none()),
        (Oddity::RenamedEvents, |event| {
            matches!(event["event_type"].as_str(), Some("radius_auth_attempt" | "ldap_srch"))
                || !event["mdm_device_id"].is_null()
        }),
        (Oddity::GeoipVaries, |event| !event["geoip"]["geoip"].is_null() || event["geoip"]["latitude"].is_string()),
        (Oddity::SpellingVaries, |event| {
            event["auth_method"] == "api-key" || event["initiated_by"]["type"] == "systemuser"
        }),
        (Oddity::LargeMdmEvents, |event| event.to_string().len() > 200_000),
        (Oddity::UndocumentedEvents, |event| {
            event["service"] == "quantum_desk" || event["event_type"] == "policy_result"
        }),
        (Oddity::EventsWithoutId, |event| event.get("id").is_none()),
        (Oddity::OddTimestamps, |event| {
            event["timestamp"].as_str().is_none_or(|text| !text.ends_with('Z') || text.starts_with('9'))
        }),
        (Oddity::StrayCharacters, |event| {
            event["remark"].as_str().is_some_and(|text| text.contains(['\u{0}', '\u{1b}', '\u{feff}']))
        }),
    ];
    let clean = events(Oddities::clean()).await;
    for (oddity, judge) in shows {
        assert!(!clean.iter().any(judge), "{oddity:?} shows although it is off");
        let odd = events(Oddities::clean().with(*oddity)).await;
        assert!(odd.iter().any(judge), "{oddity:?} does not show");
    }
    // Also what this parser cannot read.
    let odd = texts(Oddities::clean().with(Oddity::OddValues)).await;
    for part in ["1e400", "9007199254740993", "\\ud83d", "[[[[[[[[", "18446744073709551615"] {
        assert!(odd.iter().any(|text| text.contains(part)), "{part}");
    }
    assert!(
        odd.iter().any(|text| text.len() > 100_000) && odd.iter().any(|text| text.contains("\"initiated_by\":null"))
    );
}

#[tokio::test]
async fn repeated_events_are_two_documents_and_are_counted_as_such() {
    let client = start(Oddities::clean().with(Oddity::RepeatedEvents).with(Oddity::LateEvents)).await;
    let (from, to) = (NOW - 4 * DAY, NOW - DAY);
    let rows = pages(&client, 0, &window(from, to)).await;
    let counts = client.world().event_counts(0, from..to, NOW);
    let different: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!((counts.documents, counts.events), (rows.len() as u64, different.len() as u64));
    assert!(counts.documents > counts.events, "{counts:?}");
    assert_eq!(client.post(0, COUNT, window(from, to)).await.json()["count"], rows.len());
}

#[tokio::test]
async fn clocks_of_devices_can_be_ahead_and_the_end_of_a_window_inclusive() {
    let client = start_with(Oddities::clean().with(Oddity::SkewedClocks), EventSpec::steady(20_000)).await;
    let ahead = client.world().events(0, NOW..NOW + HOUR, NOW);
    assert!(!ahead.is_empty() && ahead.iter().all(|event| event.time > NOW - 1 && event.service == "systems"));
    let rows = pages(&client, 0, &window(NOW - 1, NOW + HOUR)).await;
    assert!(rows.len() >= ahead.len(), "what is ahead can be read, too");

    for (inclusive, expected) in [(false, 0), (true, 1)] {
        let oddities = if inclusive { Oddities::clean().with(Oddity::InclusiveEndTime) } else { Oddities::clean() };
        let client = start(oddities).await;
        let event: IssuedEvent = client.world().events(0, NOW - DAY..NOW, NOW)[0];
        let rows = pages(&client, 0, &window(event.time - 1, event.time)).await;
        assert_eq!(rows.len(), expected);
    }
}

/// Pages as a careless client reads them: at most ten, whatever the headers say.
async fn first_pages(client: &Client, limit: usize) -> Vec<(usize, Vec<Value>, BTreeMap<String, String>)> {
    let mut body = window(NOW - 2 * DAY, NOW);
    body["limit"] = json!(limit);
    let mut pages = Vec::new();
    for _ in 0..10 {
        let answer = client.post(0, EVENTS, body.clone()).await;
        let rows = answer.json().as_array().unwrap().clone();
        let told = answer.headers["x-result-count"].parse().unwrap();
        if let Some(cursor) = answer.headers.get("x-search_after") {
            body["search_after"] = serde_json::from_str(cursor).unwrap();
        }
        pages.push((told, rows, answer.headers.into_iter().collect()));
    }
    pages
}

#[tokio::test]
async fn pages_can_be_limited_short_hollow_empty_endless_and_in_a_loop() {
    let client = start(Oddities::clean()).await;
    let faults = client.world();
    let faults = faults.faults();
    let with = async |effect: Effect| {
        faults.clear();
        faults.add(FaultRule::new(effect).on(EVENTS).organization(0));
        first_pages(&client, 200).await
    };
    for (told, rows, headers) in with(Effect::PageLimit { rows: 50 }).await {
        assert_eq!((told, rows.len(), headers["x-limit"].as_str()), (50, 50, "50"));
    }
    for (told, rows, headers) in with(Effect::ShortPages { rows: 50 }).await {
        assert_eq!((told, rows.len(), headers["x-limit"].as_str()), (50, 50, "200"));
    }
    for (told, rows, _) in with(Effect::HollowPages).await {
        assert_eq!((told, rows.len()), (200, 0));
    }
    for (told, rows, _) in with(Effect::EmptyList).await {
        assert_eq!((told, rows.len()), (0, 0));
    }
    let same = with(Effect::SamePage).await;
    assert!(same.iter().all(|(_, rows, _)| *rows == same[0].1) && same[0].1.len() == 200);
    let endless = with(Effect::EndlessPages).await;
    assert!(endless.iter().all(|(_, rows, _)| rows.len() == 200));
    for (_, _, headers) in with(Effect::Header { name: "X-Search_after".to_owned(), value: None }).await {
        assert!(!headers.contains_key("x-search_after"));
    }
    let value = Some("not json".to_owned());
    faults.clear();
    faults.add(FaultRule::new(Effect::Header { name: "X-Search_after".to_owned(), value }).on(EVENTS).nth(1));
    let answer = client.post(0, EVENTS, window(NOW - DAY, NOW)).await;
    assert_eq!(answer.headers["x-search_after"], "not json");
}

#[tokio::test]
async fn rows_can_repeat_or_be_missing_and_counts_can_lie() {
    let client = start(Oddities::clean()).await;
    let world = client.world();
    let body = |limit: usize| {
        let mut body = window(NOW - DAY, NOW);
        body["limit"] = json!(limit);
        body
    };
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let true_ids = ids(&pages(&client, 0, &body(10_000)).await);
    let add = |effect: Effect| {
        world.faults().clear();
        world.faults().add(FaultRule::new(effect).on(EVENTS));
    };
    for effect in [Effect::DuplicateRows, Effect::RepeatRows { every: 7 }] {
        add(effect.clone());
        let mut rows = Vec::new();
        let mut asked = body(300);
        loop {
            let answer = client.post(0, EVENTS, asked.clone()).await;
            let page = answer.json().as_array().unwrap().clone();
            asked["search_after"] = serde_json::from_str(&answer.headers["x-search_after"]).unwrap();
            let done = page.len() < 300;
            rows.extend(page);
            if done {
                break;
            }
        }
        let told = ids(&rows);
        let different: BTreeSet<&String> = told.iter().collect();
        assert!(told.len() > different.len(), "{effect:?}");
        assert_eq!(different, true_ids.iter().collect(), "{effect:?}");
    }
    add(Effect::DropRows { every: 10 });
    let answer = client.post(0, EVENTS, body(10_000)).await;
    assert_eq!(answer.json().as_array().unwrap().len(), true_ids.len() - true_ids.len() / 10);

    let count = async || client.post(0, COUNT, window(NOW - DAY, NOW)).await.json()["count"].clone();
    let truth = json!(true_ids.len());
    world.faults().clear();
    assert_eq!(count().await, truth);
    world.faults().add(FaultRule::new(Effect::CountOffset { delta: 3, flapping: true }).on(COUNT));
    let told = [count().await, count().await, count().await, count().await];
    assert_eq!(told, [json!(true_ids.len() + 3), truth.clone(), json!(true_ids.len() + 3), truth.clone()]);
    world.faults().clear();
    world.faults().add(FaultRule::new(Effect::Total { total: "\"many\"".to_owned() }).on(COUNT));
    assert_eq!(count().await, "many");
    world.faults().clear();
    world.faults().add(FaultRule::new(Effect::too_many_requests(RetryAfter::Seconds(3))).on(EVENTS).nth(2));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.post(0, EVENTS, body(10)).await.status);
    }
    assert_eq!(statuses, [200, 429, 200]);
}

#[tokio::test]
async fn header_names_are_in_lower_case_or_spelled_as_documented() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let client = start(Oddities::clean()).await;
    let key = client.world().credentials(0).read_only;
    let body = window(NOW - HOUR, NOW).to_string();
    for documented in [false, true] {
        client.world().faults().spell_headers_as_documented(documented);
        let address = client.running.url().replace("http://", "");
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {EVENTS} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for name in ["X-Result-Count", "X-Search_after", "X-Limit", "Content-Type"] {
            assert_eq!(answer.contains(&format!("\r\n{name}: ")), documented, "{name}");
            assert_eq!(answer.contains(&format!("\r\n{}: ", name.to_lowercase())), !documented, "{name}");
        }
    }
}

#[tokio::test]
async fn the_truth_about_events_is_told_over_http_too() {
    let client = start(Oddities::clean()).await;
    let answer = client
        .get_with(&format!("/__simulator/events?organization=0&from={}&to={NOW}&ids=1", NOW - HOUR), &[])
        .await
        .json();
    let issued = client.world().events(0, NOW - HOUR..NOW, NOW);
    assert_eq!(answer[0]["counts"], json!(client.world().event_counts(0, NOW - HOUR..NOW, NOW)));
    assert_eq!(answer[0]["events"], json!(issued));
    let episodes = client.get_with(&format!("/__simulator/episodes?from={}", NOW - 28 * DAY), &[]).await.json();
    assert_eq!(episodes, json!(client.world().episodes(0, NOW - 28 * DAY..NOW)));
    let burst = client.http.post(format!("{}/__simulator/burst", client.running.url()));
    let burst = burst.body(json!({"organization": 0, "at": NOW - 5, "count": 40}).to_string());
    assert_eq!(burst.send().await.unwrap().status(), 200);
    assert!(client.world().events(0, NOW - 5..NOW - 4, NOW).len() >= 40);
}
