//! What clients asked: counters, a log, and everything that a read-only client must never do.
//! Responsible for keeping the books. Which calls are allowed is decided here as well, by method and path.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many requests the log keeps.
const LOG_LENGTH: usize = 10_000;

/// One request as it was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// When it came, epoch milliseconds by the simulator's clock.
    pub at: i64,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Number of the organization it acted on, if any.
    pub organization: Option<usize>,
    /// The status it was given; 0 when the answer was spoiled on the wire.
    pub status: u16,
}

/// A request that a read-only client must never send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forbidden {
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
}

/// Everything counted so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Requests {
    /// All requests, the control face left out.
    pub total: u64,
    /// Requests by `METHOD /path/{id}`.
    pub by_endpoint: BTreeMap<String, u64>,
    /// Requests by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests with a method or path that could change something.
    pub writes_attempted: u64,
    /// Requests outside the list of allowed reads.
    pub forbidden: Vec<Forbidden>,
    /// Requests in work at this moment.
    pub in_flight: u64,
    /// The most requests that were in work at the same time.
    pub most_in_flight: u64,
    /// Calls that came faster than the rate limit.
    pub rate_limit_violations: u64,
    /// The latest requests, oldest first.
    pub log: VecDeque<Seen>,
}

impl Requests {
    pub(crate) fn begin(&mut self, endpoint: &str) {
        self.total += 1;
        *self.by_endpoint.entry(endpoint.to_owned()).or_default() += 1;
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    pub(crate) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn note(&mut self, seen: Seen) {
        *self.by_status.entry(seen.status).or_default() += 1;
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(seen);
    }

    pub(crate) fn forbid(&mut self, method: &str, path: &str, write: bool) {
        self.writes_attempted += u64::from(write);
        self.forbidden.push(Forbidden { method: method.to_owned(), path: path.to_owned() });
    }
}

/// How a call is judged before anything else is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// A read of the allowed kinds.
    Read,
    /// A method that changes something.
    Write,
    /// A read that gives secrets away or starts something.
    Secret,
}

/// Judges a call by its method and path segments.
pub(crate) fn judge(method: &str, parts: &[&str]) -> Judgement {
    let secret = |part: &&str| {
        matches!(
            *part,
            "fdekey"
                | "bypasscodes"
                | "getrecoverylockpassword"
                | "getrecoverylockconfig"
                | "depkey"
                | "csr"
                | "passwordmanager"
                | "runCommand"
                | "trigger"
        )
    };
    match (method, parts) {
        ("GET", parts) if parts.iter().any(secret) => Judgement::Secret,
        ("GET", _)
        | ("POST", ["api", "search", _] | ["oauth2", "token"] | ["insights", "directory", "v1", "events"])
        | ("POST", ["insights", "directory", "v1", "events", _]) => Judgement::Read,
        _ => Judgement::Write,
    }
}
