//! Directory Insights over HTTP: pages, counts and buckets are what the oracle says, for any page size and order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Character, Config, EventCounts, EventSpec, IssuedEvent, Lateness, Oddities, Oddity, OrganizationSpec};

use crate::client::{Answer, Client, NOW, read};

pub(crate) const EVENTS: &str = "/insights/directory/v1/events";
const COUNT: &str = "/insights/directory/v1/events/count";
const DISTINCT: &str = "/insights/directory/v1/events/distinct";
const INTERVAL: &str = "/insights/directory/v1/events/interval";
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A time as RFC 3339 text.
pub(crate) fn at(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).unwrap().to_string()
}

/// A body that asks for everything in a range.
pub(crate) fn window(from: i64, to: i64) -> Value {
    json!({"service": ["all"], "start_time": at(from), "end_time": at(to)})
}

/// One organization with these oddities.
fn one(oddities: Oddities, events: EventSpec) -> Config {
    let mut spec = OrganizationSpec::new("Event Ltd", "event.example", Character::Growing, 60, 60);
    spec.oddities = oddities;
    spec.events = events;
    Config { seed: 11, organizations: vec![spec], provider: true }
}

/// Reads all pages as the documentation says: until a page is shorter than its limit.
pub(crate) async fn pages(client: &Client, organization: usize, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    let mut rows = Vec::new();
    loop {
        let answer = client.post(organization, EVENTS, body.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page = answer.json().as_array().unwrap().clone();
        let limit: usize = answer.headers["x-limit"].parse().unwrap();
        assert_eq!(answer.headers["x-result-count"], page.len().to_string());
        assert!(page.len() <= limit);
        let done = page.len() < limit;
        body["search_after"] = serde_json::from_str(&answer.headers["x-search_after"]).unwrap();
        rows.extend(page);
        if done {
            return rows;
        }
    }
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn issued_ids(events: &[IssuedEvent]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

#[tokio::test]
async fn pages_of_any_size_in_both_orders_give_exactly_the_issued_events() {
    let client = Client::demo().await;
    let (from, to) = (NOW - 30 * HOUR, NOW - 17 * MINUTE);
    for organization in 0..3 {
        let issued = issued_ids(&client.world().events(organization, from..to, NOW));
        assert!(issued.len() > 200, "{}", issued.len());
        for limit in [1000, 10_000, issued.len(), 97] {
            let mut body = window(from, to);
            body["limit"] = json!(limit);
            assert_eq!(ids(&pages(&client, organization, &body).await), issued, "limit {limit}");
            body["sort"] = json!("desc");
            let backwards: Vec<String> = ids(&pages(&client, organization, &body).await);
            assert_eq!(backwards, issued.iter().rev().cloned().collect::<Vec<_>>(), "limit {limit}");
        }
        let count = client.post(organization, COUNT, window(from, to)).await.json();
        assert_eq!(count, json!({"count": issued.len()}));
        let counts = client.world().event_counts(organization, from..to, NOW);
        assert_eq!((counts.documents, counts.events), (issued.len() as u64, issued.len() as u64));
        let hash = issued.iter().fold(0_u64, |sum, id| sum.wrapping_add(EventCounts::hash_of(id)));
        assert_eq!(counts.hash, hash);
    }
}

#[tokio::test]
async fn thirty_days_hold_every_documented_type_in_a_rhythm_of_work() {
    let client = Client::demo().await;
    let world = client.world();
    let range = NOW - 30 * DAY..NOW;
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for organization in [0, 2] {
        seen.extend(
            world.events(organization, range.clone(), NOW).iter().map(|event| (event.service, event.event_type)),
        );
    }
    seen.extend(world.portal_events(range.clone(), NOW).iter().map(|event| (event.service, event.event_type)));
    if let Some(list) = shared("data/openapi/derived/di-event-types.csv") {
        let published: Vec<Vec<&str>> = list.lines().map(|line| line.split(',').collect()).collect();
        let missing: Vec<&Vec<&str>> =
            published.iter().filter(|row| row.get(3) == Some(&"spec") && !seen.contains(&(row[0], row[1]))).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(published.len() > 280);
    }
    let counts = world.event_counts(2, range.clone(), NOW);
    let share = |service: &str| counts.by_service[service] as f64 / counts.events as f64;
    assert!((15_000..120_000).contains(&counts.events), "{}", counts.events);
    for (service, least, most) in
        [("sso", 0.15, 0.35), ("directory", 0.1, 0.3), ("systems", 0.1, 0.25), ("ldap", 0.05, 0.15)]
    {
        assert!((least..most).contains(&share(service)), "{service} {}", share(service));
    }
    // 2026-11-18 was a Wednesday, the 15th a Sunday.
    let day = |number: i64| {
        world.event_counts(2, NOW - 8 * HOUR - number * DAY..NOW - 8 * HOUR - (number - 1) * DAY, NOW).events
    };
    assert!(day(2) > 2 * day(5), "{} {}", day(2), day(5));
}

/// A file of the collected facts, or nothing when they are not here.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn shared(path: &str) -> Option<String> {
    let shared = std::env::var_os("JUMPSEAT_SHARED").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let found = std::fs::read_to_string(shared.join(path)).ok();
    if found.is_none() {
        assert_ne!(std::env::var("JUMPSEAT_REQUIRE_ALL").as_deref(), Ok("1"), "{path} is not here");
        eprintln!("skipped: {path} is not here");
    }
    found
}

/// Which table of the specification describes which service, and fields that recorded events have beside it.
const TABLES: &[(&str, &str, &str)] = &[
    ("access_management", "Access Management Attributes", ""),
    ("alerts", "Alert Attributes", "resource"),
    ("asset_management", "Asset Management Attributes", ""),
    ("directory", "Directory Attributes", "detail"),
    ("ldap", "LDAP Attributes", "id client_ip geoip operation_type"),
    ("mdm", "MDM Attributes", "profile_list query_responses security_info available_os_updates client_ip"),
    ("notifications", "Notification Attributes", "service geoip"),
    ("object_storage", "Object Storage Attributes", ""),
    ("password_manager", "Password Manager Attributes", ""),
    ("radius", "RADIUS Attributes", "geoip auth_meta"),
    ("reports", "Reports Attributes", "resource"),
    ("saas_app_management", "SaaS App Management Attributes", ""),
    ("software", "Software Attributes", "initiated_by success"),
    ("sso", "SSO Attributes", "sso_token_success mfa error_message auth_context provider"),
    ("systems", "Systems Attributes", "geoip auth_method command correlation"),
];

#[tokio::test]
async fn clean_events_have_only_the_published_fields_and_those_that_were_recorded() {
    let Some(tables) = shared("data/recordings/docs-examples/directory-insights-attributes-by-service.json") else {
        return;
    };
    let tables: Value = serde_json::from_str(&tables).unwrap();
    let client = Client::start(one(Oddities::clean(), EventSpec { per_user_day: 40.0, ..EventSpec::default() })).await;
    let mut known: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for (service, table, extras) in TABLES {
        let fields = tables[*table].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap());
        known.insert(service, fields.chain(extras.split(' ')).chain(["@version"]).collect());
    }
    let (mut problems, mut times) = (BTreeSet::new(), 0);
    client.world().for_each_event_text(0, NOW - 28 * DAY..NOW, NOW, |text| {
        let event: Value = serde_json::from_str(text).unwrap();
        let service = event["service"].as_str().unwrap();
        for name in event.as_object().unwrap().keys() {
            if !known[service].contains(name.as_str()) {
                problems.insert(format!("{service}: {name} in {}", event["event_type"]));
            }
        }
        let time = event["timestamp"].as_str().unwrap();
        times += usize::from(time.len() == 24 && time.ends_with('Z'));
        assert_eq!(event["organization"].as_str().map(str::len), Some(24));
        assert_eq!(event["success"].is_boolean(), !event["success"].is_null());
    });
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(times > 20_000, "{times}");
}

#[tokio::test]
async fn events_speak_of_people_and_things_that_existed_at_their_time() {
    let client = Client::start(one(Oddities::clean(), EventSpec { episodes: false, ..EventSpec::default() })).await;
    for step in 0..3 {
        let oracle = client.world().oracle(0);
        let known: HashMap<&str, BTreeSet<String>> =
            [("user", "systemusers"), ("admin", "administrators"), ("system", "systems")]
                .map(|(kind, name)| (kind, oracle.ids[name].iter().map(ToString::to_string).collect()))
                .into();
        let now = NOW + step * DAY;
        let mut judged = 0;
        // Since the last step of life, and far back before the first.
        let from = if step == 0 { now - 20 * DAY } else { now - 2 * HOUR };
        let gone: BTreeSet<String> = oracle
            .changes
            .iter()
            .flat_map(|change| change.users_left.iter().chain(&change.devices_removed))
            .map(ToString::to_string)
            .collect();
        client.world().for_each_event_text(0, from..now, now, |text| {
            let event: Value = serde_json::from_str(text).unwrap();
            for field in ["initiated_by", "resource", "system"] {
                let (kind, id) = (event[field]["type"].as_str(), event[field]["id"].as_str());
                let (Some(ids), Some(id)) = (kind.and_then(|kind| known.get(kind)), id) else { continue };
                assert!(ids.contains(id) || gone.contains(id), "{text}");
                judged += 1;
                let second = i64::from_str_radix(&id[..8], 16).unwrap();
                let time: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
                assert!(second <= time.as_second(), "it did not exist yet: {text}");
            }
        });
        assert!(judged > 10, "{judged}");
        client.world().advance(Duration::from_secs(86_400));
    }
}

#[tokio::test]
async fn the_past_reads_the_same_after_life_went_on_and_changes_of_life_are_told() {
    let client = Client::demo().await;
    let world = client.world();
    let range = NOW - 3 * DAY..NOW;
    let texts = |organization: usize| {
        let mut texts = Vec::new();
        world.for_each_event_text(organization, range.clone(), i64::MAX, |text| texts.push(text.to_owned()));
        texts
    };
    let before = [texts(0), texts(1), texts(2)];
    for step in 1..=3 {
        let changes = world.advance(Duration::from_secs(86_400));
        for (organization, change) in changes.iter().enumerate() {
            assert_eq!(texts(organization), before[organization], "the past has changed");
            let (mut created, mut deleted) = (BTreeSet::new(), BTreeSet::new());
            let now = NOW + step * DAY;
            world.for_each_event_text(organization, now - 3 * HOUR..now, i64::MAX, |text| {
                let event: Value = serde_json::from_str(text).unwrap();
                let id = event["resource"]["id"].as_str().unwrap_or("").to_owned();
                match event["event_type"].as_str() {
                    Some("user_create") => created.insert(id),
                    Some("user_delete") => deleted.insert(id),
                    _ => false,
                };
            });
            assert!(change.users_joined.iter().all(|id| created.contains(&id.to_string())), "{created:?}");
            assert!(change.users_left.iter().all(|id| deleted.contains(&id.to_string())), "{deleted:?}");
        }
    }
    let again = Client::demo().await;
    let mut same = Vec::new();
    again.world().for_each_event_text(1, range.clone(), i64::MAX, |text| same.push(text.to_owned()));
    assert_eq!(same, before[1], "the same seed gives the same events");
}

#[tokio::test]
async fn late_events_appear_at_their_publication_and_never_before() {
    let lateness = Lateness { share: 0.3, ..Lateness::field() };
    let client =
        Client::start(one(Oddities::clean(), EventSpec { lateness: Some(lateness), ..EventSpec::default() })).await;
    let world = client.world();
    let (from, to) = (NOW - 6 * HOUR, NOW);
    let all = world.events(0, from..to, i64::MAX);
    assert!(all.iter().any(|event| event.published - event.time > 10 * HOUR));
    assert!(all.iter().filter(|event| event.published - event.time > 5 * SECOND).count() > all.len() / 5);
    let mut counts = Vec::new();
    for hours in [1, 6, 25, 0] {
        let now = world.clock().now();
        let rows = pages(&client, 0, &window(from, to)).await;
        let issued = world.events(0, from..to, now);
        assert_eq!(ids(&rows), issued_ids(&issued));
        assert!(issued.iter().all(|event| event.published <= now));
        assert_eq!(client.post(0, COUNT, window(from, to)).await.json()["count"], issued.len());
        counts.push(issued.len());
        world.advance(Duration::from_secs(3600 * hours));
    }
    assert!(counts[0] < counts[1] && counts[1] < counts[3], "{counts:?}");
    // Life in the first hour told nothing about the time before.
    assert_eq!(counts[3], all.len());
}

#[tokio::test]
async fn thirty_thousand_events_in_one_millisecond_can_be_paged_through() {
    let client = Client::start(one(Oddities::clean(), EventSpec::default())).await;
    let time = NOW - 2 * HOUR;
    client.world().burst_of_events(0, time, 30_000);
    let mut body = window(time, time + 1);
    body["limit"] = json!(10_000);
    let rows = pages(&client, 0, &body).await;
    let different: BTreeSet<String> = ids(&rows).into_iter().collect();
    assert!(different.len() == rows.len() && rows.len() >= 30_000, "{}", rows.len());
    assert_eq!(ids(&rows), issued_ids(&client.world().events(0, time..time + 1, NOW)));
    assert!(rows.iter().all(|row| row["timestamp"] == "2026-11-20T06:00:00.000Z"));
    assert_eq!(client.post(0, COUNT, window(time, time + 1)).await.json()["count"], rows.len());
}

#[tokio::test]
async fn several_organizations_and_the_portal_are_read_by_headers() {
    let client = Client::demo().await;
    let world = client.world();
    let mtp = world.credentials(0).mtp.unwrap();
    let ask = async |key: &str, headers: &[(&str, String)], path: &str| -> Answer {
        let mut body = window(NOW - 2 * DAY, NOW);
        body["limit"] = json!(10_000);
        let mut request = client.http.post(format!("{}{path}", client.running.url())).header("x-api-key", key);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        read(request.body(body.to_string()).send().await.unwrap()).await
    };
    let organization = |number: usize| ("x-org-id", world.organizations()[number].id.to_string());
    let both = ask(&mtp, &[organization(0), organization(1)], EVENTS).await.json();
    let rows = both.as_array().unwrap();
    for number in [0, 1] {
        let own: Vec<Value> =
            rows.iter().filter(|row| row["organization"] == organization(number).1).cloned().collect();
        assert_eq!(ids(&own), issued_ids(&world.events(number, NOW - 2 * DAY..NOW, NOW)));
    }
    let times: Vec<&str> = rows.iter().map(|row| row["timestamp"].as_str().unwrap()).collect();
    assert!(times.iter().map(|time| time.parse::<jiff::Timestamp>().unwrap().as_millisecond()).is_sorted());
    let count = ask(&mtp, &[organization(0), organization(1)], COUNT).await.json();
    assert_eq!(count["count"], rows.len());

    let provider = ("x-provider-id", world.provider().unwrap().to_string());
    let portal = ask(&mtp, std::slice::from_ref(&provider), EVENTS).await.json();
    let portal = portal.as_array().unwrap();
    assert_eq!(ids(portal), issued_ids(&world.portal_events(NOW - 2 * DAY..NOW, NOW)));
    assert!(portal.len() > 20 && portal.iter().all(|row| row["provider"] == provider.1.as_str()));
    assert!(portal.iter().any(|row| row["organization"].is_null()));

    let own = world.credentials(0).read_only;
    assert_eq!(ask(&own, &[organization(0), organization(1)], EVENTS).await.status, 401);
    assert_eq!(ask(&own, &[provider], EVENTS).await.status, 403);
    assert_eq!(ask(&mtp, &[("x-provider-id", "0".repeat(24))], EVENTS).await.status, 403);
    assert_eq!(ask(&mtp, &[], EVENTS).await.status, 401);
    assert_eq!(ask(&world.credentials(0).command_runner, &[], EVENTS).await.status, 403);
}

#[tokio::test]
async fn what_is_older_than_the_plan_keeps_is_gone() {
    let client = Client::start(one(Oddities::clean(), EventSpec { retention_days: 15, ..EventSpec::default() })).await;
    let world = client.world();
    let count =
        async |from: i64, to: i64| client.post(0, COUNT, window(from, to)).await.json()["count"].as_u64().unwrap();
    let edge = world.clock().now() - 15 * DAY;
    assert_eq!(count(edge - 10 * DAY, edge).await, 0);
    let kept = world.events(0, edge..NOW, NOW).len() as u64;
    assert_eq!(count(edge - 10 * DAY, NOW).await, kept);
    assert!(kept > 1000, "{kept}");
    let before = count(edge, edge + DAY).await;
    world.advance(Duration::from_secs(43_200));
    assert!(count(edge, edge + DAY).await < before);
    let answer = client.post(0, EVENTS, window(edge - DAY, edge)).await;
    assert_eq!((answer.body.as_str(), answer.headers["x-result-count"].as_str()), ("[]", "0"));
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_refused_with_a_reason() {
    let client = Client::start(one(Oddities::clean(), EventSpec::default())).await;
    let day = window(NOW - DAY, NOW);
    let with = |name: &str, value: Value| {
        let mut body = day.clone();
        body[name] = value;
        body
    };
    for (body, reason) in [
        (json!({"start_time": at(NOW - DAY)}), "service"),
        (json!({"service": ["all"]}), "start_time"),
        (with("service", json!(["all", "nonsense"])), "nonsense"),
        (with("start_time", json!("yesterday")), "start_time"),
        (with("start_time", json!(at(NOW + HOUR))), "future"),
        (with("end_time", json!(at(NOW - DAY))), "End Time"),
        (with("end_time", json!(at(NOW - 2 * DAY))), "End Time"),
        (with("fields", json!([])), "fields"),
        (with("fields", json!(["no_such_field"])), "fields"),
        (with("search_after", json!(["x"])), "search_after"),
        (with("search_after", json!([1, 2, 3])), "search_after"),
        (with("search_term", json!("root")), "search_term"),
    ] {
        for path in [EVENTS, COUNT] {
            let answer = client.post(0, path, body.clone()).await;
            assert_eq!(answer.status, 400, "{body}");
            assert!(answer.json()["message"].as_str().unwrap().contains(reason), "{}", answer.body);
        }
    }
    let broken = client.http.post(format!("{}{EVENTS}", client.running.url()));
    let broken = broken.header("x-api-key", client.world().credentials(0).read_only).body("{");
    assert_eq!(broken.send().await.unwrap().status(), 400);
    // What is not known is not noticed.
    let answer = client.post(0, EVENTS, with("sortOrder", json!("DESC"))).await;
    assert_eq!((answer.status, answer.headers["x-sort"].as_str()), (200, "ASC"));
    let answer = client.post(0, EVENTS, with("limit", json!(10_001))).await;
    assert_eq!((answer.status, answer.headers["x-limit"].as_str()), (200, "1000"));
    assert_eq!(client.world().writes_attempted(), 0);
}

#[tokio::test]
async fn services_search_terms_fields_and_skip_choose_rows() {
    let client = Client::start(one(Oddities::clean(), EventSpec::default())).await;
    let mut body = window(NOW - 3 * DAY, NOW);
    body["limit"] = json!(10_000);
    let all = pages(&client, 0, &body).await;
    let ask = async |name: &str, value: Value| {
        let mut asked = body.clone();
        asked[name] = value;
        let count = client.post(0, COUNT, asked.clone()).await.json()["count"].as_u64().unwrap();
        let rows = pages(&client, 0, &asked).await;
        if name != "skip" {
            assert_eq!(count, rows.len() as u64, "{asked}");
        }
        rows
    };
    let chosen = |judge: &dyn Fn(&Value) -> bool| all.iter().filter(|row| judge(row)).cloned().collect::<Vec<_>>();
    assert_eq!(
        ask("service", json!(["sso", "radius"])).await,
        chosen(&|row| row["service"] == "sso" || row["service"] == "radius")
    );
    let failed =
        ask("search_term", json!({"and": {"success": "false", "event_type": ["user_login_attempt", "radius_auth"]}}))
            .await;
    assert_eq!(
        failed,
        chosen(&|row| row["success"] == false
            && (row["event_type"] == "user_login_attempt" || row["event_type"] == "radius_auth"))
    );
    assert!(!failed.is_empty());
    let person = failed[0]["initiated_by"]["username"].as_str().unwrap().to_owned();
    let of_person = ask("search_term", json!({"or": [{"initiated_by.username": person}, {"username": person}]})).await;
    assert_eq!(
        of_person,
        chosen(&|row| row["initiated_by"]["username"] == person.as_str() || row["username"] == person.as_str())
    );
    assert_eq!(ask("search_term", json!({"not": {"service": "sso"}})).await, chosen(&|row| row["service"] != "sso"));
    assert!(ask("q", json!(person.to_uppercase())).await.len() >= of_person.len());
    assert_eq!(ask("skip", json!(5)).await, all[5..]);
    let shown = ask("fields", json!(["id", "initiated_by.type", "no_such_field"])).await;
    assert_eq!(shown.len(), all.len());
    assert!(shown.iter().zip(&all).all(|(row, full)| row["id"] == full["id"] && row.get("service").is_none()));
}

#[tokio::test]
async fn distinct_and_interval_count_every_event_once() {
    for wrapped in [false, true] {
        let oddities = if wrapped { Oddities::clean().with(Oddity::DistinctWrapped) } else { Oddities::clean() };
        let client = Client::start(one(oddities, EventSpec::default())).await;
        let (from, to) = (NOW - 2 * DAY - 7 * MINUTE, NOW);
        let counts = client.world().event_counts(0, from..to, NOW);
        let with = |fields: Value| {
            let mut body = window(from, to);
            for (name, value) in fields.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        let answer = client.post(0, DISTINCT, with(json!({"field": "event_type"}))).await.json();
        let buckets = &answer[if wrapped { "event_type" } else { "buckets" }];
        let told: BTreeMap<&str, u64> = buckets
            .as_array()
            .unwrap()
            .iter()
            .map(|bucket| (bucket["key"].as_str().unwrap(), bucket["doc_count"].as_u64().unwrap()))
            .collect();
        assert_eq!(told, counts.by_type);
        let searched = with(json!({"field": "service", "search_term": {"not": {"service": "x"}}}));
        let answer = client.post(0, DISTINCT, searched).await.json();
        let sum: u64 = answer[if wrapped { "service" } else { "buckets" }]
            .as_array()
            .unwrap()
            .iter()
            .map(|bucket| bucket["doc_count"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, counts.events);
        assert_eq!(client.post(0, DISTINCT, with(json!({}))).await.status, 400);

        for (unit, value, zone, length) in [
            ("h", "1", "", HOUR),
            ("h", "2", "-0500", 2 * HOUR),
            ("d", "1", "+0530", DAY),
            ("w", "1", "", 7 * DAY),
            ("m", "15", "", 15 * MINUTE),
        ] {
            let asked = with(json!({"interval_unit": unit, "interval_value": value, "timezone": zone}));
            let answer = client.post(0, INTERVAL, asked).await.json();
            let buckets = answer["buckets"].as_array().unwrap();
            let sum: u64 = buckets.iter().map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum();
            assert_eq!(sum, counts.events, "{unit}{value}");
            for pair in buckets.windows(2) {
                assert_eq!(pair[1]["key"].as_i64().unwrap() - pair[0]["key"].as_i64().unwrap(), length);
            }
            let first = &buckets[0];
            let told: jiff::Timestamp = first["key_as_string"].as_str().unwrap().parse().unwrap();
            assert_eq!(told.as_millisecond(), first["key"].as_i64().unwrap());
            let start = first["key"].as_i64().unwrap();
            let expected = client.world().events(0, start.max(from)..(start + length).min(to), NOW).len();
            assert_eq!(first["doc_count"], expected);
        }
        for bad in [
            json!({"interval_unit": "y"}),
            json!({"interval_unit": "h", "interval_value": 1}),
            json!({"interval_unit": "h", "timezone": "CET"}),
            json!({"interval_unit": "s"}),
        ] {
            assert_eq!(client.post(0, INTERVAL, with(bad.clone())).await.status, 400, "{bad}");
        }
    }
}

#[tokio::test]
async fn attacks_are_planted_told_by_the_oracle_and_readable() {
    let client = Client::demo().await;
    let world = client.world();
    let range = NOW - 29 * DAY..NOW;
    let mut kinds = BTreeSet::new();
    for organization in 0..3 {
        let by_id: HashMap<String, IssuedEvent> = world
            .events(organization, range.start - DAY..range.end + 2 * DAY, i64::MAX)
            .into_iter()
            .map(|event| (event.id.to_string(), event))
            .collect();
        for episode in world.episodes(organization, range.clone()) {
            kinds.insert((episode.kind, episode.near_miss));
            assert!(!episode.events.is_empty() && !episode.actors.is_empty(), "{episode:?}");
            for id in &episode.events {
                let event = by_id.get(&id.to_string()).unwrap_or_else(|| panic!("{} is not there: {episode:?}", id));
                assert!((episode.from..=episode.to).contains(&event.time));
            }
        }
    }
    assert!(kinds.len() >= 44, "{}: {kinds:?}", kinds.len());
    if let Some(catalogue) = shared("detections-catalogue.md") {
        for (kind, _) in &kinds {
            assert!(catalogue.contains(&format!("`{kind}`")), "{kind} is no detection of the catalogue");
        }
    }
    let spray = world
        .episodes(0, range)
        .into_iter()
        .find(|episode| episode.kind == "password-spray" && !episode.near_miss)
        .unwrap();
    let mut body = window(spray.from, spray.to + 1);
    body["search_term"] = json!({"and": {"client_ip": spray.addresses[0], "success": false}});
    let rows = pages(&client, 0, &body).await;
    assert_eq!(ids(&rows), spray.events.iter().map(ToString::to_string).collect::<Vec<_>>());
    let people: BTreeSet<&str> = rows.iter().map(|row| row["initiated_by"]["username"].as_str().unwrap()).collect();
    assert!(people.len() >= 7 && spray.to - spray.from < 30 * MINUTE, "{people:?}");
}

#[tokio::test]
async fn nobody_travels_impossibly_fast_except_in_planted_attacks() {
    let client = Client::start(one(Oddities::clean(), EventSpec { episodes: false, ..EventSpec::default() })).await;
    let mut last: HashMap<String, (i64, f64, f64)> = HashMap::new();
    client.world().for_each_event_text(0, NOW - 20 * DAY..NOW, NOW, |text| {
        let event: Value = serde_json::from_str(text).unwrap();
        if !matches!(event["event_type"].as_str(), Some("user_login_attempt" | "sso_auth" | "admin_login_attempt")) {
            return;
        }
        let who = event["initiated_by"]["id"].as_str().unwrap().to_owned();
        let time: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
        let at = (event["geoip"]["latitude"].as_f64().unwrap(), event["geoip"]["longitude"].as_f64().unwrap());
        if let Some((_, latitude, longitude)) = last.insert(who, (time.as_millisecond(), at.0, at.1)) {
            assert!((latitude - at.0).abs() < 4.0 && (longitude - at.1).abs() < 7.0, "{text}");
        }
    });
    assert!(last.len() > 20, "{}", last.len());
}

#[tokio::test]
async fn the_reports_that_exist_can_be_listed_and_read_but_not_asked_for() {
    let client = Client::demo().await;
    let list = client.get(0, "/insights/directory/v1/reports").await.json();
    let reports = list.as_array().unwrap();
    let times: Vec<&str> = reports.iter().map(|row| row["created_at"].as_str().unwrap()).collect();
    assert!(times.iter().rev().is_sorted() && reports.len() == 5, "{times:?}");
    let sorted = client.get(0, "/insights/directory/v1/reports?sort=-TYPE").await.json();
    assert!(sorted.as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap().to_owned()).is_sorted());
    let done = reports.iter().find(|row| row["status"] == "COMPLETED").unwrap();
    for artifact in done["artifacts"].as_array().unwrap() {
        let path = format!(
            "/insights/directory/v1/reports/{}/artifacts/{}/content",
            done["id"].as_str().unwrap(),
            artifact["id"].as_str().unwrap()
        );
        assert_eq!(client.get(0, &path).await.status, 200);
    }
    let path = format!("/insights/directory/v1/reports/{}/artifacts/nothing/content", done["id"].as_str().unwrap());
    assert_eq!(client.get(0, &path).await.status, 404);
    assert_eq!(client.world().writes_attempted(), 0);
    assert_eq!(client.post(0, "/insights/directory/v1/reports/os-version", json!({})).await.status, 405);
    assert_eq!(client.world().writes_attempted(), 1);
}
