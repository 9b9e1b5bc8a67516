//! Faults on purpose: rules that spoil chosen answers, the rate limiter, and added latency.
//! Responsible for deciding which fault hits which call. How a fault looks on the wire is in `server`.
//!
//! To add a fault: a variant of `Effect`, and its meaning in `Tamper::of` (lists) (pages of
//! events: `EventTamper::take`) or `server::spoil` (everything else).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::Answer;
use crate::dice::Dice;
use crate::listing::{Family, Shape};
use crate::lock;
use crate::oddity::{Oddities, Oddity};

/// A rule: which calls, and what happens to them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only calls that act on this organization (by number); `None` for all, calls without one included.
    #[serde(default)]
    pub organization: Option<usize>,
    /// Only calls whose `METHOD /path/{id}` template, or path alone, matches; `*` stands for anything. `None` for all.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The first matching call that is hit, counted from 1.
    #[serde(default = "one")]
    pub from_call: u64,
    /// How many calls are hit before the rule is spent; `None` for no end.
    #[serde(default)]
    pub times: Option<u64>,
    /// Share of the remaining calls that are hit, 0.0 to 1.0.
    #[serde(default = "always")]
    pub probability: f64,
    /// Where chance comes from when `probability` is below 1.
    #[serde(default)]
    pub seed: u64,
    /// What happens.
    pub effect: Effect,
}

/// What a fault does to an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Answers with a status instead of the real answer.
    Status {
        /// The HTTP status.
        status: u16,
        /// Which body goes with it.
        #[serde(default)]
        body: FaultBody,
        /// Additional headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// Which `Retry-After` header goes with it.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// Answers later.
    Latency {
        /// Milliseconds to wait.
        milliseconds: u64,
    },
    /// Accepts the request and never answers.
    HangBeforeHeaders,
    /// Sends headers and this many bytes of the body, then nothing more.
    HangMidBody {
        /// Bytes sent before the silence.
        after: usize,
    },
    /// Sends the body in small pieces with pauses.
    SlowDrip {
        /// Bytes in a piece.
        bytes: usize,
        /// Milliseconds between pieces.
        milliseconds: u64,
    },
    /// Cuts the connection after this many bytes of the body.
    Cut {
        /// Bytes sent before the cut.
        after: usize,
    },
    /// Announces a body length that is wrong by this many bytes.
    ContentLength {
        /// Added to the true length.
        delta: i64,
    },
    /// Answers 200 with an HTML page, as captive portals and edges do.
    HtmlOk,
    /// Answers 200 with nothing.
    EmptyBody,
    /// Answers 200 with this text.
    Text {
        /// The body.
        body: String,
        /// The content type; JSON when absent.
        #[serde(default)]
        content_type: Option<String>,
    },
    /// Lists never end: every page is full and the total grows with `skip`.
    EndlessPages,
    /// Every page of a list is the first page.
    SamePage,
    /// The total of lists is this text (`-1`, `"42"`, `9223372036854775808`), written as it stands.
    Total {
        /// The text of the total.
        total: String,
    },
    /// Lists are empty, with status 200 and a total of 0.
    EmptyList,
    /// Between two pages a row at the head of the list is deleted, so that later rows move up and one is missed.
    DeleteAtHead,
    /// Between two pages a row is inserted at the head of the list, so that rows move down and one repeats.
    InsertAtHead,
    /// Pages after the first begin with the last row of the page before.
    DuplicateRows,
    /// A compressed body that expands to this many bytes.
    GzipBomb {
        /// Bytes after expansion; use 1 GiB or more.
        bytes: u64,
    },
    /// Sends the client elsewhere.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// The target.
        location: String,
    },
    /// The `Date` header is wrong by this many seconds.
    DateOffset {
        /// Added to the true time.
        seconds: i64,
    },
    /// Sets a header of the answer to this value, or takes it away.
    Header {
        /// The header's name.
        name: String,
        /// Its value; `None` takes the header away.
        value: Option<String>,
    },
    /// Pages of events have at most so many rows, whatever is asked for; `X-Limit` says so.
    PageLimit {
        /// The most rows.
        rows: usize,
    },
    /// Pages of events are cut to so many rows although more follow; `X-Limit` does not say so.
    ShortPages {
        /// The rows that are left.
        rows: usize,
    },
    /// Pages of events have no rows, while their headers count a full page.
    HollowPages,
    /// Every so manieth row of a page of events is missing, and nothing says so.
    DropRows {
        /// The distance between missing rows.
        every: usize,
    },
    /// Every so manieth row of a page of events comes twice in a row.
    RepeatRows {
        /// The distance between repeated rows.
        every: usize,
    },
    /// Counts of events are wrong by this many; negative ones end at 0.
    CountOffset {
        /// Added to the true count.
        delta: i64,
        /// Whether every second count is right.
        #[serde(default)]
        flapping: bool,
    },
    /// Answers from the data of another organization (by number).
    OtherOrganization {
        /// Whose data.
        organization: usize,
    },
}

/// The body that goes with a spoiled status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultBody {
    /// `{"message":"…"}` with a text that fits the status.
    #[default]
    Json,
    /// A page of the edge.
    Html,
    /// Nothing.
    Empty,
    /// This text, sent as JSON.
    Text(String),
}

/// Forms of a `Retry-After` header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// A number of seconds; may be negative or huge.
    Seconds(i64),
    /// An HTTP date this many seconds from now.
    Date(i64),
    /// Any text.
    Text(String),
}

/// A token bucket for each organization.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Tokens that come back each second.
    pub rate: f64,
    /// Tokens that can be saved up.
    pub burst: f64,
    /// Whether refusals say when to come back.
    #[serde(default)]
    pub retry_after: bool,
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Active>>,
    next: AtomicU64,
    latency: AtomicU64,
    limit: Mutex<Option<RateLimit>>,
    buckets: Mutex<HashMap<usize, Bucket>>,
    violations: AtomicU64,
    documented_headers: AtomicBool,
}

#[derive(Debug)]
struct Active {
    number: u64,
    rule: FaultRule,
    seen: u64,
    hits: u64,
    dice: Dice,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: i64,
}

/// An effect that hits a call, and which hit of its rule this is (from 1).
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) effect: Effect,
    pub(crate) number: u64,
}

/// What lists must do differently because of faults, and because of oddities that are switched off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tamper {
    full_v1_pages: bool,
    full_mdm_pages: bool,
    endless: bool,
    same_page: bool,
    empty: bool,
    duplicate: bool,
    total: Option<String>,
    /// Rows deleted (positive) or inserted (negative) at the head so far.
    moved: i64,
    pub(crate) events: EventTamper,
}

/// What pages and counts of events must do differently because of faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventTamper {
    pub(crate) endless: bool,
    pub(crate) same_page: bool,
    pub(crate) empty: bool,
    pub(crate) hollow: bool,
    /// Whether pages after the first begin with the last row of the page before.
    pub(crate) overlap: bool,
    pub(crate) page_limit: Option<usize>,
    pub(crate) short: Option<usize>,
    pub(crate) drop_every: Option<usize>,
    pub(crate) repeat_every: Option<usize>,
    pub(crate) count_offset: i64,
    /// The count as JSON text.
    pub(crate) count: Option<String>,
}

/// Which rows a page shows.
pub(crate) struct Cut {
    pub(crate) positions: Vec<usize>,
    /// The total as JSON text.
    pub(crate) total: String,
}

impl FaultRule {
    /// A rule that hits every call.
    pub fn new(effect: Effect) -> Self {
        Self { organization: None, endpoint: None, from_call: 1, times: None, probability: 1.0, seed: 0, effect }
    }

    /// Limits the rule to endpoints that match, such as `GET /api/systemusers` or `/api/v2/usergroups/*/members`.
    #[must_use]
    pub fn on(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// Limits the rule to one organization.
    #[must_use]
    pub fn organization(mut self, number: usize) -> Self {
        self.organization = Some(number);
        self
    }

    /// Hits only the call with this number, counted from 1.
    #[must_use]
    pub fn nth(self, call: u64) -> Self {
        self.from(call).times(1)
    }

    /// Hits from this call on, counted from 1.
    #[must_use]
    pub fn from(mut self, call: u64) -> Self {
        self.from_call = call;
        self
    }

    /// Ends the rule after this many hits.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Hits only a share of the calls, repeatably.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = probability;
        self.seed = seed;
        self
    }

    fn concerns(&self, endpoint: &str, path: &str, organization: Option<usize>) -> bool {
        let here = self.organization.is_none_or(|number| organization == Some(number));
        let pattern = self.endpoint.as_deref().unwrap_or("*");
        let template = endpoint.split_once(' ').map_or(endpoint, |(_, template)| template);
        here && [endpoint, template, path].into_iter().any(|text| glob(text, pattern))
    }
}

impl Effect {
    /// The status that the client sees because of this effect; 0 for none at all.
    pub(crate) fn status_shown(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Redirect { status, .. } => Some(*status),
            Self::HtmlOk | Self::EmptyBody | Self::Text { .. } => Some(200),
            Self::HangBeforeHeaders => Some(0),
            _ => None,
        }
    }

    /// A plain refusal with this status.
    pub fn status(status: u16) -> Self {
        Self::Status { status, body: FaultBody::Json, headers: Vec::new(), retry_after: None }
    }

    /// 429 with a `Retry-After` header.
    pub fn too_many_requests(retry_after: RetryAfter) -> Self {
        Self::Status { status: 429, body: FaultBody::Json, headers: Vec::new(), retry_after: Some(retry_after) }
    }
}

impl Faults {
    /// Puts a rule in force and returns its number.
    pub fn add(&self, rule: FaultRule) -> u64 {
        let number = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        let dice = Dice::of(rule.seed, "fault", 0);
        lock(&self.rules).push(Active { number, rule, seen: 0, hits: 0, dice });
        number
    }

    /// Takes a rule out of force.
    pub fn remove(&self, number: u64) {
        lock(&self.rules).retain(|active| active.number != number);
    }

    /// Takes all rules out of force, and the rate limit, the latency and the spelling of headers as well.
    pub fn clear(&self) {
        lock(&self.rules).clear();
        *lock(&self.limit) = None;
        lock(&self.buckets).clear();
        self.latency.store(0, Ordering::SeqCst);
        self.documented_headers.store(false, Ordering::SeqCst);
    }

    /// Spells the names of headers as the documentation does (`X-Search_after`), on connections that are opened from now
    /// on; otherwise they are in lower case, as HTTP/2 and most proxies have them.
    pub fn spell_headers_as_documented(&self, documented: bool) {
        self.documented_headers.store(documented, Ordering::SeqCst);
    }

    pub(crate) fn spells_headers_as_documented(&self) -> bool {
        self.documented_headers.load(Ordering::SeqCst)
    }

    /// How many calls a rule has hit.
    pub fn hits(&self, number: u64) -> u64 {
        lock(&self.rules).iter().find(|active| active.number == number).map_or(0, |active| active.hits)
    }

    /// The rules in force with their numbers and hits.
    pub fn rules(&self) -> Vec<(u64, FaultRule, u64)> {
        lock(&self.rules).iter().map(|active| (active.number, active.rule.clone(), active.hits)).collect()
    }

    /// Adds the same latency to every answer; measured in real time, meant for benchmarks.
    pub fn set_latency(&self, latency: Duration) {
        self.latency.store(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Limits the rate of each organization, by the simulator's clock; `None` lifts the limit.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        *lock(&self.limit) = limit;
        lock(&self.buckets).clear();
    }

    /// How many calls came faster than the rate limit allows.
    pub fn rate_limit_violations(&self) -> u64 {
        self.violations.load(Ordering::SeqCst)
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency.load(Ordering::SeqCst))
    }

    /// All effects that hit this call.
    pub(crate) fn hit(&self, endpoint: &str, path: &str, organization: Option<usize>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for active in lock(&self.rules).iter_mut() {
            if !active.rule.concerns(endpoint, path, organization) {
                continue;
            }
            active.seen += 1;
            let spent = active.rule.times.is_some_and(|times| active.hits >= times);
            if active.seen < active.rule.from_call || spent {
                continue;
            }
            let share = (active.rule.probability * 1000.0) as u32;
            if share < 1000 && !active.dice.permille(share) {
                continue;
            }
            active.hits += 1;
            hits.push(Hit { effect: active.rule.effect.clone(), number: active.hits });
        }
        hits
    }

    /// Takes a token of the organization; answers 429 when there is none.
    pub(crate) fn refuse(&self, organization: usize, now: i64) -> Option<Answer> {
        let limit = (*lock(&self.limit))?;
        let mut buckets = lock(&self.buckets);
        let bucket = buckets.entry(organization).or_insert(Bucket { tokens: limit.burst, at: now });
        let elapsed = (now - bucket.at).max(0) as f64 / 1000.0;
        bucket.tokens = (bucket.tokens + elapsed * limit.rate).min(limit.burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return None;
        }
        self.violations.fetch_add(1, Ordering::SeqCst);
        let answer = Answer::message(429, "Too Many Requests");
        let seconds = ((1.0 - bucket.tokens) / limit.rate.max(0.000_001)).ceil() as u64;
        Some(if limit.retry_after { answer.with_header("retry-after", seconds.to_string()) } else { answer })
    }
}

impl RetryAfter {
    /// The header text at this time.
    pub(crate) fn text(&self, now: i64) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date(seconds) => crate::time::http_date(now + seconds * 1000),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Tamper {
    /// Collects what the hits, and the oddities of the organization, mean for lists.
    pub(crate) fn of(hits: &[Hit], oddities: Oddities) -> Self {
        let mut tamper = Self {
            full_v1_pages: !oddities.has(Oddity::DefaultPageOfTen),
            full_mdm_pages: !oddities.has(Oddity::AppleMdmLimitOne),
            ..Self::default()
        };
        for hit in hits {
            match &hit.effect {
                Effect::EndlessPages => tamper.endless = true,
                Effect::SamePage => tamper.same_page = true,
                Effect::EmptyList => tamper.empty = true,
                Effect::DuplicateRows => tamper.duplicate = true,
                Effect::Total { total } => tamper.total = Some(total.clone()),
                Effect::DeleteAtHead => tamper.moved += hit.number as i64 - 1,
                Effect::InsertAtHead => tamper.moved -= hit.number as i64 - 1,
                _ => {}
            }
            tamper.events.take(hit);
        }
        tamper
    }

    /// How many rows a page has when no limit is sent.
    pub(crate) fn default_limit(&self, family: &Family) -> usize {
        let v1 = matches!(family.shape, Shape::Totals) && self.full_v1_pages;
        let mdm = family.default_limit == 1 && self.full_mdm_pages;
        if v1 || mdm { family.max_limit } else { family.default_limit }
    }

    /// Cuts a page out of `count` rows.
    pub(crate) fn cut(&self, skip: usize, limit: usize, count: usize) -> Cut {
        let total = |total: i64| self.total.clone().unwrap_or_else(|| total.to_string());
        if self.empty || count == 0 {
            return Cut { positions: Vec::new(), total: total(0) };
        }
        if self.endless {
            let positions = (skip..skip + limit).map(|position| position % count).collect();
            return Cut { positions, total: total((skip + 2 * limit) as i64) };
        }
        let skip = if self.same_page { 0 } else { skip };
        let start = (skip as i64 + self.moved).max(0) as usize;
        let Range { start, end } = start.min(count)..start.saturating_add(limit).min(count);
        let again = (self.duplicate && start > 0 && start < count).then(|| start - 1);
        Cut { positions: again.into_iter().chain(start..end).collect(), total: total(count as i64 - self.moved) }
    }
}

impl EventTamper {
    fn take(&mut self, hit: &Hit) {
        match &hit.effect {
            Effect::EndlessPages => self.endless = true,
            Effect::SamePage => self.same_page = true,
            Effect::EmptyList => self.empty = true,
            Effect::HollowPages => self.hollow = true,
            Effect::DuplicateRows => self.overlap = true,
            Effect::Total { total } => self.count = Some(total.clone()),
            Effect::PageLimit { rows } => self.page_limit = Some(*rows),
            Effect::ShortPages { rows } => self.short = Some(*rows),
            Effect::DropRows { every } => self.drop_every = Some(*every),
            Effect::RepeatRows { every } => self.repeat_every = Some(*every),
            Effect::CountOffset { delta, flapping } if !flapping || hit.number % 2 == 1 => self.count_offset += delta,
            _ => {}
        }
    }
}

fn glob(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).any(|position| text.is_char_boundary(position) && glob(&text[position..], rest))
}

fn one() -> u64 {
    1
}

fn always() -> f64 {
    1.0
}
