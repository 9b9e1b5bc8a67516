//! Directory Insights over HTTP: pages, counts and buckets are what the oracle says, for any page size and order.

use serde_json::{Value, json};
use simulator::{EventCounts, IssuedEvent};

use crate::client::{Client, NOW};

pub(crate) const EVENTS: &str = "/insights/directory/v1/events";
const COUNT: &str = "/insights/directory/v1/events/count";
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A time as RFC 3339 text.
pub(crate) fn at(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).unwrap().to_string()
}

/// A body that asks for everything in a range.
pub(crate) fn window(from: i64, to: i64) -> Value {
    json!({"service": ["all"], "start_time": at(from), "end_time": at(to)})
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
