//! How many events a second one core normalizes: raw JSON lines -> OCSF JSON lines, with `raw_data`, `unmapped`, hash and
//! uid. `benches/peers/run_normalize.py` runs this beside other programs that do the same.
//!
//! ```sh
//! cargo bench -p ocsf --bench normalize                          # 1,000,000 events in memory, five rounds
//! cargo bench -p ocsf --bench normalize -- --write FILE [COUNT]  # the events as JSON lines, for other programs
//! cargo bench -p ocsf --bench normalize -- --filter FILE         # a file of JSON lines, as other programs read it
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may stop, and tells what it measured")]

mod events;

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::time::Instant;

use ocsf::{Mapper, Received};

const EVENTS: u64 = 1_000_000;
const ROUNDS: usize = 5;
/// When the events were stored.
const LOGGED_MS: i64 = 1_795_162_510_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [write, file, rest @ ..] = &arguments[..]
        && write == "--write"
    {
        let count = rest.first().map_or(EVENTS, |count| count.parse().unwrap());
        let mut out = BufWriter::new(File::create(file).unwrap());
        (0..count).for_each(|number| writeln!(out, "{}", events::event(number)).unwrap());
        return out.flush().unwrap();
    }
    if let [filter, file] = &arguments[..]
        && filter == "--filter"
    {
        return filter_file(file);
    }
    let raw: Vec<String> = (0..EVENTS / 10).map(events::event).collect();
    let bytes: usize = raw.iter().map(String::len).sum();
    println!("{EVENTS} events of {} bytes on average (in {} different ones)", bytes / raw.len(), raw.len());
    report("whole OCSF text", &raw, |mapper, raw, out| {
        mapper.read(raw).write_ocsf(&Received::at(LOGGED_MS), out);
    });
    report("facts only", &raw, |mapper, raw, out| {
        let event = mapper.read(raw);
        let facts = event.facts();
        out.extend_from_slice(facts.user.id.unwrap_or_default().as_bytes());
    });
    report("facts and uid", &raw, |mapper, raw, out| {
        let event = mapper.read(raw);
        let facts = event.facts();
        out.extend_from_slice(facts.user.id.unwrap_or_default().as_bytes());
        out.extend_from_slice(event.uid(&Received::at(LOGGED_MS)).as_bytes());
    });
    report("reading only", &raw, |mapper, raw, out| out.push(u8::from(mapper.read(raw).is_event())));
    report("for comparison: serde_json::Value, reading only", &raw, |_, raw, out| {
        let value: serde_json::Value = serde_json::from_str(raw).unwrap();
        out.push(u8::from(value.is_object()));
    });
}

/// Reads raw lines and writes OCSF lines, as a filter does.
fn filter_file(file: &str) {
    let mut input = BufReader::with_capacity(1 << 20, File::open(file).unwrap());
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let (mut mapper, mut raw, mut line) = (Mapper::new(), Vec::new(), Vec::new());
    while input.read_until(b'\n', &mut raw).unwrap() > 0 {
        let text = std::str::from_utf8(raw.trim_ascii_end()).unwrap();
        mapper.read(text).write_ocsf(&Received::at(LOGGED_MS), &mut line);
        line.push(b'\n');
        out.write_all(&line).unwrap();
        line.clear();
        raw.clear();
    }
    out.flush().unwrap();
}

/// Runs it over all events and tells the best round.
fn report(what: &str, raw: &[String], mut work: impl FnMut(&mut Mapper, &str, &mut Vec<u8>)) {
    let (mut mapper, mut out) = (Mapper::new(), Vec::new());
    let mut best = f64::MAX;
    let mut written = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        written = 0;
        for _ in 0..10 {
            for raw in raw {
                out.clear();
                work(&mut mapper, raw, &mut out);
                written += out.len();
            }
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let each = best / EVENTS as f64;
    println!("{what}: {:.0} events/s, {:.2} us each, {} bytes out", 1.0 / each, each * 1e6, written / EVENTS as usize);
}
