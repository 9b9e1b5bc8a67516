//! Parts that several pages have: bars over time, a share, a state with its words.

use askama::Template;
use collect::condition::{Condition, State};
use collect::when::relative;
use jiff::Timestamp;
use store::{Connection, Outcome, Run, RunSums, StreamKind};

use crate::grid::{grouped, state_tone};
use crate::reading::Standing;

/// What a kind of credential is called.
pub(crate) fn credential_words(kind: &str) -> &str {
    match kind {
        "api_key" => "API key",
        "service_account" => "service account",
        other => other,
    }
}

/// Bars over time, two parts each, with the same in words.
#[derive(Debug, Template)]
#[template(path = "histogram.html")]
pub(crate) struct Histogram {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
    pub(crate) words: String,
    pub(crate) width: usize,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) most: String,
}

#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) label: String,
    pub(crate) total: u64,
    pub(crate) failures: u64,
    pub(crate) href: String,
    /// From the top, and how high: of the whole bar, and of its lower part.
    pub(crate) y: u64,
    pub(crate) height: u64,
    pub(crate) bad_y: u64,
    pub(crate) bad_height: u64,
}

impl askama::filters::HtmlSafe for Histogram {}

const HIGH: u64 = 96;
const STEP: usize = 12;

impl Histogram {
    /// Bars of (label, in all, failures, link).
    pub(crate) fn of(title: &str, what: &str, counts: Vec<(String, u64, u64, String)>) -> Self {
        let most = counts.iter().map(|(_, total, ..)| *total).max().unwrap_or(0);
        let sum: u64 = counts.iter().map(|(_, total, ..)| total).sum();
        let failures: u64 = counts.iter().map(|(_, _, failures, _)| failures).sum();
        let peak = counts.iter().find(|(_, total, ..)| *total == most && most > 0).map(|(label, ..)| label.clone());
        let scaled = |count: u64| {
            let height = (count * HIGH).checked_div(most).unwrap_or(0);
            // What is there is seen, however little it is.
            if count > 0 { height.max(2) } else { 0 }
        };
        let words = match peak {
            Some(peak) => format!(
                "{} {what}, {} of them failures; most ({}) at {peak}",
                grouped(sum),
                grouped(failures),
                grouped(most)
            ),
            None => format!("no {what}"),
        };
        let label = |at: Option<&(String, u64, u64, String)>| at.map(|(label, ..)| label.clone()).unwrap_or_default();
        Self {
            title: title.to_owned(),
            words,
            width: counts.len() * STEP,
            first: label(counts.first()),
            last: label(counts.last()),
            most: grouped(most),
            bars: counts
                .into_iter()
                .enumerate()
                .map(|(at, (label, total, failures, href))| {
                    let (height, bad_height) = (scaled(total), scaled(failures).min(scaled(total)));
                    Bar {
                        x: at * STEP,
                        label,
                        total,
                        failures,
                        href,
                        y: HIGH - height,
                        height,
                        bad_y: HIGH - bad_height,
                        bad_height,
                    }
                })
                .collect(),
        }
    }
}

/// How much of something is as it should be.
#[derive(Debug, Clone, Template)]
#[template(path = "share.html")]
pub(crate) struct Share {
    pub(crate) good: u64,
    pub(crate) all: u64,
    pub(crate) unknown: u64,
    pub(crate) percent: u64,
}

impl askama::filters::HtmlSafe for Share {}

impl Share {
    /// So many of all that are known, and so many of which nobody can tell.
    pub(crate) fn of(good: u64, all: u64, unknown: u64) -> Self {
        // Rounded down: 99.9 % is not all.
        Self { good, all, unknown, percent: (good * 100).checked_div(all).unwrap_or(0) }
    }
}

/// How a stream or a connection stands, as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct StateView {
    pub(crate) words: String,
    pub(crate) tone: &'static str,
    pub(crate) reason: String,
    pub(crate) help: String,
}

impl StateView {
    pub(crate) fn of_stream(condition: &Condition) -> Self {
        Self::new(condition.state.words(), condition)
    }

    /// How a connection stands, by the worst of its streams.
    pub(crate) fn of_worst(worst: Option<&Standing>) -> Self {
        let never = || Self {
            words: State::Pending.connection_words().to_owned(),
            tone: "unknown",
            reason: String::new(),
            help: String::new(),
        };
        worst.map_or_else(never, |worst| Self::new(worst.condition.state.connection_words(), &worst.condition))
    }

    fn new(words: &str, condition: &Condition) -> Self {
        Self {
            words: words.to_owned(),
            tone: state_tone(words),
            reason: condition.reason.clone().unwrap_or_default(),
            help: condition.help.clone().unwrap_or_default(),
        }
    }
}

/// Whether somebody should look at it.
pub(crate) fn needs_action(state: State) -> bool {
    state <= State::Incomplete
}

/// Whether it is collected as it should be.
fn is_collected(state: State) -> bool {
    matches!(state, State::Active | State::Syncing)
}

/// A moment, as it is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moment {
    pub(crate) words: String,
    pub(crate) exact: String,
}

impl Moment {
    pub(crate) fn of(at: Option<Timestamp>, now: Timestamp) -> Self {
        match at {
            Some(at) => Self { words: relative(at, now), exact: at.to_string() },
            None => Self { words: "–".to_owned(), exact: String::new() },
        }
    }

    /// When a schedule runs next: what is over is due.
    pub(crate) fn next(at: Option<Timestamp>, now: Timestamp) -> Self {
        match at {
            Some(at) if at <= now => Self { words: "now".to_owned(), exact: at.to_string() },
            at => Self::of(at, now),
        }
    }
}

/// A connection as a line of a list, with the worst of its streams.
#[derive(Debug)]
pub(crate) struct ConnectionLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) organization: String,
    pub(crate) org_id: String,
    pub(crate) region: String,
    pub(crate) credential: String,
    pub(crate) expires: Moment,
    pub(crate) expires_soon: bool,
    pub(crate) enabled: bool,
    pub(crate) state: StateView,
    /// What runs now, in words.
    pub(crate) current: String,
    pub(crate) last_outcome: String,
    pub(crate) last_tone: &'static str,
    pub(crate) last_run: Moment,
    pub(crate) next_run: Moment,
    pub(crate) healthy: usize,
    pub(crate) streams: usize,
    pub(crate) owner: String,
    pub(crate) rank: State,
}

impl ConnectionLine {
    /// The lines of all connections, from how their streams stand (worst first).
    pub(crate) fn all(connections: &[Connection], standings: &[Standing], now: Timestamp) -> Vec<Self> {
        let soon = jiff::SignedDuration::from_hours(30 * 24);
        let mut lines: Vec<Self> = connections
            .iter()
            .map(|connection| {
                let own: Vec<&Standing> =
                    standings.iter().filter(|standing| standing.connection.id == connection.id).collect();
                let inventory = own.iter().find(|standing| standing.stream.kind == StreamKind::Inventory);
                let worst = own.first();
                let running: Vec<&str> = own
                    .iter()
                    .filter(|standing| standing.condition.state == State::Syncing)
                    .map(|standing| standing.stream.kind.word())
                    .collect();
                let last = own.iter().max_by_key(|standing| standing.stream.state.last_started_at);
                let outcome = last.and_then(|last| last.stream.state.last_outcome).map_or("–", Outcome::word);
                let next = own.iter().filter_map(|standing| standing.stream.next_run_at).min();
                Self {
                    id: connection.id.clone(),
                    name: connection.name.clone(),
                    organization: connection
                        .org_name
                        .clone()
                        .unwrap_or_else(|| "found out at the first sync".to_owned()),
                    org_id: connection.org_id.clone().unwrap_or_default(),
                    region: connection
                        .place
                        .region
                        .clone()
                        .map_or_else(|| "custom".to_owned(), |region| region.to_uppercase()),
                    credential: format!("****{}", connection.credential_last_four),
                    expires: Moment::of(connection.credential_expires_at, now),
                    expires_soon: connection.credential_expires_at.is_some_and(|at| at < now + soon),
                    enabled: connection.enabled,
                    state: StateView::of_worst(worst.copied()),
                    current: if running.is_empty() {
                        "–".to_owned()
                    } else {
                        format!("{} running", running.join(", "))
                    },
                    last_outcome: outcome.to_owned(),
                    last_tone: state_tone(outcome),
                    last_run: Moment::of(last.and_then(|last| last.stream.state.last_started_at), now),
                    next_run: if connection.enabled { Moment::next(next, now) } else { Moment::of(None, now) },
                    healthy: own.iter().filter(|standing| is_collected(standing.condition.state)).count(),
                    streams: own.len(),
                    owner: connection.owner_name.clone().unwrap_or_default(),
                    rank: worst.or(inventory).map_or(State::Pending, |standing| standing.condition.state),
                }
            })
            .collect();
        lines.sort_by_key(|line| (line.rank, line.name.to_lowercase()));
        lines
    }
}

/// A run as a line of a history.
#[derive(Debug)]
pub(crate) struct RunLine {
    pub(crate) number: i64,
    pub(crate) connection: String,
    pub(crate) action: &'static str,
    pub(crate) started: Moment,
    pub(crate) by: String,
    pub(crate) duration: String,
    pub(crate) status: String,
    pub(crate) tone: &'static str,
    pub(crate) stage: String,
    pub(crate) read: String,
    pub(crate) new: String,
    pub(crate) changed: String,
    pub(crate) gone: String,
    pub(crate) calls: String,
    pub(crate) retries: String,
    pub(crate) rate_limited: String,
    pub(crate) error: String,
}

impl RunLine {
    /// A run with the sums of what it read; `is_alive` says whether one without an end is still going on.
    pub(crate) fn of(run: &Run, sums: RunSums, is_alive: bool, now: Timestamp) -> Self {
        let (status, word) = match run.outcome {
            Some(Outcome::Succeeded) => ("Success".to_owned(), "succeeded"),
            Some(Outcome::Incomplete) => ("Incomplete".to_owned(), "incomplete"),
            Some(Outcome::Failed) => ("Failed".to_owned(), "failed"),
            Some(Outcome::Cancelled) => ("Cancelled".to_owned(), "cancelled"),
            None if is_alive => ("In Progress".to_owned(), "running"),
            Some(Outcome::Interrupted) | None => ("Interrupted".to_owned(), "interrupted"),
        };
        let ended = run.ended_at.or_else(|| is_alive.then_some(now));
        Self {
            number: run.id,
            connection: run.connection_name.clone(),
            action: match run.action {
                store::Action::Test => "test connection",
                store::Action::Update => "update",
                store::Action::Sync => "sync",
                store::Action::Events => "sync events",
            },
            started: Moment::of(Some(run.started_at), now),
            by: run.started_by.clone(),
            duration: ended
                .map_or_else(|| "–".to_owned(), |ended| collect::when::span(ended.duration_since(run.started_at))),
            tone: state_tone(word),
            status,
            stage: run.stage.clone(),
            read: grouped(sums.read),
            new: grouped(sums.new),
            changed: grouped(sums.changed),
            gone: grouped(sums.gone),
            calls: grouped(run.calls),
            retries: grouped(run.retries),
            rate_limited: grouped(run.rate_limited),
            error: run.error.clone().unwrap_or_default(),
        }
    }
}
