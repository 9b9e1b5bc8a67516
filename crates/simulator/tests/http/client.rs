//! A running simulator with a plain client: follows nothing, decodes nothing, pages as told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde_json::Value;
use simulator::{Clock, Config, Running, Simulator, Size, World};

/// 2026-11-20T08:00:00Z.
pub(crate) const NOW: i64 = 1_795_161_600_000;

/// A simulator and what tests ask it with.
pub(crate) struct Client {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
}

/// An answer, read to the end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Client {
    pub(crate) async fn start(config: Config) -> Self {
        let clock = Clock::manual(Arc::new(AtomicI64::new(NOW)));
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let running = Simulator::start(config, clock, address).await.unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .no_proxy()
            .build()
            .unwrap();
        Self { running, http }
    }

    pub(crate) async fn demo() -> Self {
        Self::start(Config::demo(Size::Small)).await
    }

    pub(crate) fn world(&self) -> Arc<World> {
        self.running.world()
    }

    /// Sends a GET with these headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.http.get(format!("{}{path}", self.running.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await.unwrap()).await
    }

    /// Sends a GET with the read-only key of an organization.
    pub(crate) async fn get(&self, organization: usize, path: &str) -> Answer {
        let key = self.world().credentials(organization).read_only;
        self.get_with(path, &[("x-api-key", &key)]).await
    }

    /// Sends a POST with the read-only key of an organization.
    pub(crate) async fn post(&self, organization: usize, path: &str, body: Value) -> Answer {
        let key = self.world().credentials(organization).read_only;
        let request = self.http.post(format!("{}{path}", self.running.url())).header("x-api-key", key);
        read(request.body(body.to_string()).send().await.unwrap()).await
    }

    /// Reads a whole list page by page. Gives the rows and the total of the last page.
    pub(crate) async fn all(&self, key: &str, path: &str, limit: usize, skip_name: &str) -> (Vec<Value>, Option<u64>) {
        let mut rows = Vec::new();
        let mut skip = 0;
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let answer = self
                .get_with(&format!("{path}{separator}limit={limit}&{skip_name}={skip}"), &[("x-api-key", key)])
                .await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            let (page, total) = open(&answer);
            let done = page.is_empty();
            assert!(page.len() <= limit, "{path}");
            rows.extend(page);
            skip += limit;
            if done || total.is_some_and(|total| skip as u64 >= total) {
                return (rows, total);
            }
        }
    }
}

/// Takes the rows and the total out of an answer of any family.
pub(crate) fn open(answer: &Answer) -> (Vec<Value>, Option<u64>) {
    match answer.json() {
        Value::Array(rows) => (rows, Some(answer.headers["x-total-count"].parse().unwrap())),
        Value::Object(fields) => {
            let total = fields.get("totalCount").or(fields.get("count")).and_then(Value::as_u64);
            let rows = fields.values().find_map(Value::as_array).unwrap().clone();
            (rows, total)
        }
        other => panic!("neither a list nor a wrapped list: {other}"),
    }
}

/// The id of a row of any family.
pub(crate) fn id_of(row: &Value) -> String {
    ["_id", "id", "objectId"].iter().find_map(|name| row[*name].as_str()).unwrap_or("").to_owned()
}

pub(crate) async fn read(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: response.text().await.unwrap(),
    }
}
