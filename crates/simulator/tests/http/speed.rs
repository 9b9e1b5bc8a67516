//! How fast the simulator serves. Not part of ordinary test runs; meant for
//! `cargo test --release -p simulator -- --ignored --nocapture speed`.

use std::time::Instant;

use simulator::Config;

use crate::client::Client;

#[tokio::test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "a measurement is there to be read")]
async fn speed_of_user_device_and_insights_pages() {
    let started = Instant::now();
    let client = Client::start(Config::single(100_000, 50_000, 1000, 1000)).await;
    eprintln!("grown in {:?}", started.elapsed());
    let key = client.world().credentials(0).read_only;
    let group = client.world().oracle(0).ids["usergroups"][0];
    for (path, limit) in [
        ("/api/systemusers?sort=_id", 100),
        ("/api/systems?sort=_id", 100),
        ("/api/v2/usergroups", 100),
        (&format!("/api/v2/usergroups/{group}/members"), 100),
        (&format!("/api/v2/usergroups/{group}/membership"), 100),
        ("/api/v2/systeminsights/apps", 10_000),
        ("/api/v2/policyresults", 100),
    ] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut bytes) = (0, 0);
        let started = Instant::now();
        for page in 0..100 {
            let url = format!("{}{path}{separator}limit={limit}&skip={}", client.running.url(), page * limit);
            let response = client.http.get(url).header("x-api-key", &key).send().await.unwrap();
            bytes += response.bytes().await.unwrap().len();
            rows += limit;
            if started.elapsed().as_secs() > 5 {
                break;
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("{path}: {:.0} rows/s, {:.1} MB/s", rows as f64 / seconds, bytes as f64 / seconds / 1e6);
    }
}

#[tokio::test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "a measurement is there to be read")]
async fn speed_of_growing_and_changing_a_million_users() {
    let started = Instant::now();
    let client = Client::start(Config::single(1_000_000, 50_000, 1000, 1000)).await;
    eprintln!("grown in {:?}", started.elapsed());
    let started = Instant::now();
    client.get(0, "/api/systemusers?sort=_id&limit=100&skip=999900").await;
    eprintln!("the last page in {:?}", started.elapsed());
    let started = Instant::now();
    client.world().advance(std::time::Duration::from_secs(86_400));
    eprintln!("a day of life in {:?}", started.elapsed());
    let started = Instant::now();
    client.world().mutate_percent(0, 1.0);
    eprintln!("one percent changed in {:?}", started.elapsed());
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    eprintln!("{}", memory.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("memory unknown"));
    let started = Instant::now();
    client.world().oracle(0);
    eprintln!("the oracle in {:?}", started.elapsed());
}
