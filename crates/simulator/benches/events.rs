//! How fast events are drawn, written and served: `cargo bench -p simulator --bench events [-- MILLIONS]`.
//! The measure that counts is the second: one core must write far more events than any client can read.
#![expect(clippy::print_stdout, reason = "a benchmark is there to be read")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use simulator::{Clock, Config, EventSpec, Oddities, Simulator};

/// 2026-11-20T08:00:00Z.
const NOW: i64 = 1_795_161_600_000;
const HOUR: i64 = 3_600_000;
const PER_HOUR: u64 = 50_000;

fn main() {
    let millions: u64 = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(2);
    let hours = (millions * 1_000_000 / PER_HOUR) as i64;
    for (name, oddities) in [("clean", Oddities::clean()), ("field", Oddities::field())] {
        let mut config = Config::single(2000, 1500, 20, 20);
        config.organizations[0].events = EventSpec::steady(PER_HOUR);
        config.organizations[0].oddities = oddities;
        let clock = Clock::manual(Arc::new(AtomicI64::new(NOW)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let running = runtime.block_on(Simulator::start(config, clock, ([127, 0, 0, 1], 0).into())).unwrap();
        let world = running.world();
        let range = NOW - hours * HOUR..NOW;
        let wanted = millions * 1_000_000;

        let started = Instant::now();
        let counts = world.event_counts(0, range.clone(), i64::MAX);
        tell(name, "drawn, counted and hashed", counts.events, 0, started);
        assert_eq!(counts.documents, wanted);

        let started = Instant::now();
        let (mut events, mut bytes) = (0, 0);
        world.for_each_event_text(0, range.clone(), i64::MAX, |text| {
            events += 1;
            bytes += text.len() as u64;
        });
        tell(name, "drawn and written", events, bytes, started);

        let started = Instant::now();
        // Late events are not all there yet.
        let readable = world.event_counts(0, range.clone(), NOW).documents;
        let (events, bytes) = read(&running.url(), &world.credentials(0).read_only, range);
        tell(name, "served in pages of 10,000", events, bytes, started);
        assert_eq!(events, readable);
        runtime.block_on(running.stop());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("memory unknown"));
}

fn tell(name: &str, what: &str, events: u64, bytes: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let rate = events as f64 / seconds;
    let size = bytes / events.max(1);
    println!("{name}: {what}: {events} events in {seconds:.2} s, {rate:.0} events/s, {size} bytes each");
}

/// Pages through a range on a thread of its own; gives events and bytes.
fn read(url: &str, key: &str, range: std::ops::Range<i64>) -> (u64, u64) {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let at = |time: i64| jiff::Timestamp::from_millisecond(time).unwrap().to_string();
    let mut body = serde_json::json!({
        "service": ["all"], "start_time": at(range.start), "end_time": at(range.end), "limit": 10_000,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut events, mut bytes) = (0, 0);
        loop {
            let request = client.post(format!("{url}/insights/directory/v1/events")).header("x-api-key", key);
            let answer = request.body(body.to_string()).send().await.unwrap();
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            let (rows, cursor) = (header("x-result-count").parse::<u64>().unwrap(), header("x-search_after"));
            bytes += answer.bytes().await.unwrap().len() as u64;
            events += rows;
            body["search_after"] = serde_json::from_str(&cursor).unwrap();
            if rows < 10_000 {
                return (events, bytes);
            }
        }
    })
}
