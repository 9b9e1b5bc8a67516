//! How fast one client asks: a gate that a rate limit closes for every request, and a pace that falls when
//! JumpCloud says 429 and slowly rises again. JumpCloud publishes no limit, so the pace finds it.
//! How many requests run at once is not decided here.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use backon::ExponentialBackoff;
use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::{Clock, after, until},
    retry::{backoff, jitter},
};

/// Near the rate that was refused last, each success raises the pace by a very small share of it, so that
/// about one request in two hundred finds the limit; elsewhere it rises by a tenth of it a second, because
/// below nothing speaks against more, and above the limit has proven to be higher.
const NEAR: std::ops::Range<f64> = 0.95..1.05;
const SLOW_RISE: f64 = 0.0005;
const FAST_RISE: f64 = 0.1;
/// What remains of a pace that was refused after it had worked for a while, or at once.
const AFTER_A_WHILE: f64 = 0.9;
const AT_ONCE: f64 = 0.5;
/// Successes that count as "a while".
const A_WHILE: u32 = 5;
/// The slowest pace, in requests a second: one a minute.
const SLOWEST: f64 = 1.0 / 60.0;
/// The rate that is taken for refused when too few requests were sent to measure it.
const FIRST_GUESS: f64 = 10.0;
/// Starts remembered to measure how fast requests really went.
const REMEMBERED: usize = 64;

pub(crate) struct Pace {
    clock: Arc<dyn Clock>,
    ceiling: f64,
    state: Mutex<State>,
}

struct State {
    /// Requests a second; infinite until the first refusal, unless a ceiling is set.
    rate: f64,
    /// The rate that was refused last after it had worked for a while: about the limit.
    limit: Option<f64>,
    /// When the next request may start.
    next_at: Timestamp,
    /// Until when nothing may start.
    hold_until: Option<Timestamp>,
    /// Counts refusals, so that those of requests that ran together count once.
    storm: u64,
    successes: u32,
    /// Since when `successes` are counted: the gate's last opening.
    opened_at: Timestamp,
    waits: ExponentialBackoff,
    starts: VecDeque<Timestamp>,
}

/// Permission to send one request; says in which storm it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    storm: u64,
}

impl Pace {
    /// `ceiling` is the highest allowed rate in requests a second.
    pub(crate) fn new(clock: Arc<dyn Clock>, ceiling: Option<f64>) -> Self {
        let ceiling = ceiling.unwrap_or(f64::INFINITY);
        let now = clock.now();
        Self {
            clock,
            ceiling,
            state: Mutex::new(State {
                rate: ceiling,
                limit: None,
                next_at: now,
                hold_until: None,
                storm: 0,
                successes: 0,
                opened_at: now,
                waits: backoff(),
                starts: VecDeque::with_capacity(REMEMBERED),
            }),
        }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn turn(&self) -> Turn {
        loop {
            let (wait, storm, held) = self.reserve();
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            // A refusal during the wait closed the gate and made the reserved place worthless.
            let mut state = self.state();
            if !held && state.storm == storm {
                if state.starts.len() == REMEMBERED {
                    state.starts.pop_front();
                }
                state.starts.push_back(self.clock.now());
                return Turn { storm };
            }
        }
    }

    /// Returns how long to wait, the storm, and whether the wait is for the gate rather than for a place.
    fn reserve(&self) -> (Duration, u64, bool) {
        let mut state = self.state();
        let now = self.clock.now();
        if let Some(hold) = state.hold_until.filter(|hold| *hold > now) {
            return (until(now, hold), state.storm, true);
        }
        if let Some(opened_at) = state.hold_until.take() {
            state.opened_at = opened_at;
        }
        let at = state.next_at.max(now);
        state.next_at = if state.rate.is_finite() { after(at, Duration::from_secs_f64(1.0 / state.rate)) } else { now };
        (until(now, at), state.storm, false)
    }

    /// Notes an answer that was no refusal.
    pub(crate) fn succeeded(&self, turn: Turn) {
        let mut state = self.state();
        if turn.storm != state.storm {
            return;
        }
        state.waits = backoff();
        state.successes = state.successes.saturating_add(1);
        // While requests are slower than the pace, their success says nothing about it.
        if state.storm > 0 && state.next_at >= self.clock.now() {
            let rise = match state.limit {
                Some(limit) if NEAR.contains(&(state.rate / limit)) => SLOW_RISE * limit,
                // `rate` successes come in a second; when they are few, each may not raise it by much.
                _ => FAST_RISE * state.rate / state.rate.max(5.0),
            };
            state.rate = (state.rate + rise).min(self.ceiling);
        }
    }

    /// Notes a 429: closes the gate for everybody and lowers the pace. `told` is the answer's own wait.
    pub(crate) fn refused(&self, turn: Turn, told: Option<Duration>) {
        let mut state = self.state();
        let now = self.clock.now();
        let first_of_storm = turn.storm == state.storm;
        if first_of_storm {
            state.storm += 1;
            let had_worked = state.successes >= A_WHILE;
            let rate = if state.rate.is_infinite() {
                state.measured(now)
            } else if had_worked {
                state.accepted(now)
            } else {
                state.rate
            };
            state.limit = had_worked.then_some(rate);
            let keep = if had_worked { AFTER_A_WHILE } else { AT_ONCE };
            state.rate = (rate * keep).max(SLOWEST);
            state.successes = 0;
        }
        let hold = match told {
            // Told to come back at once and refused again: the header is not to be believed.
            Some(told) if !told.is_zero() => told + jitter(),
            _ if first_of_storm => state.waits.next().unwrap_or(Duration::from_secs(60)),
            _ => return,
        };
        let hold_until = after(now, hold);
        state.hold_until = Some(state.hold_until.map_or(hold_until, |at| at.max(hold_until)));
        state.next_at = state.next_at.min(hold_until);
    }

    /// Returns until when the gate is closed, if it is.
    pub(crate) fn held_until(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        self.state().hold_until.filter(|hold| *hold > now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in this file panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns how fast requests were answered since the gate opened, which is what the server grants; but
    /// not much less than the pace of now, which may have risen from far below.
    fn accepted(&self, now: Timestamp) -> f64 {
        let seconds = until(self.opened_at, now).as_secs_f64().max(1.0);
        (f64::from(self.successes) / seconds).clamp(0.85 * self.rate, self.rate)
    }

    /// Returns how fast requests started lately, over at least one and at most ten seconds. A few starts say
    /// little, and a pace far too low takes long to rise, so at least ten a second are assumed.
    fn measured(&self, now: Timestamp) -> f64 {
        let window = SignedDuration::from_secs(10);
        let mut recent = self.starts.iter().filter(|start| now.duration_since(**start) <= window).peekable();
        let seconds = recent.peek().map_or(1.0, |first| now.duration_since(**first).as_secs_f64());
        (recent.count() as f64 / seconds.max(1.0)).max(FIRST_GUESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::clock::ManualClock;

    /// A server that refills `rate` tokens a second up to `burst`.
    struct Bucket {
        rate: f64,
        burst: f64,
        tokens: f64,
        at: Timestamp,
    }

    impl Bucket {
        fn take(&mut self, now: Timestamp) -> bool {
            self.tokens = (self.tokens + self.rate * until(self.at, now).as_secs_f64()).min(self.burst);
            self.at = now;
            let ok = self.tokens >= 1.0;
            self.tokens -= if ok { 1.0 } else { 0.0 };
            ok
        }
    }

    async fn run(rate: f64, burst: f64, requests: usize, told: Option<Duration>) -> (f64, usize) {
        let clock = ManualClock::new();
        let pace = Pace::new(clock.clone(), None);
        let mut bucket = Bucket { rate, burst, tokens: burst, at: clock.now() };
        let (begin, mut done, mut refused) = (clock.now(), 0, 0);
        while done < requests {
            let turn = pace.turn().await;
            clock.advance(Duration::from_millis(5));
            if bucket.take(clock.now()) {
                pace.succeeded(turn);
                done += 1;
            } else {
                pace.refused(turn, told);
                refused += 1;
            }
        }
        (until(begin, clock.now()).as_secs_f64(), refused)
    }

    #[tokio::test]
    async fn the_pace_settles_just_below_the_limit_of_the_server() {
        for (rate, burst) in [(5.0, 5.0), (5.0, 50.0), (20.0, 1.0), (1.0, 10.0)] {
            for told in [None, Some(Duration::from_secs(1)), Some(Duration::ZERO)] {
                let (seconds, refused) = run(rate, burst, 3000, told).await;
                let ideal = (3000.0 - burst) / rate;
                assert!(seconds < ideal * 1.35, "{rate}/{burst} {told:?}: {seconds} of {ideal}");
                assert!(refused < 60, "{rate}/{burst} {told:?}: {refused} refusals");
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_holds_back_everybody_until_the_told_time() {
        let clock = ManualClock::new();
        let pace = Pace::new(clock.clone(), None);
        let (one, two) = (pace.turn().await, pace.turn().await);
        pace.refused(one, Some(Duration::from_secs(30)));
        pace.refused(two, Some(Duration::from_secs(10)));
        let held = pace.held_until().unwrap();
        assert!(until(clock.now(), held) >= Duration::from_secs(30));
        pace.turn().await;
        assert!(clock.now() >= held);
        assert_eq!(pace.held_until(), None);
    }

    #[tokio::test]
    async fn requests_refused_together_lower_the_pace_once() {
        let clock = ManualClock::new();
        let pace = Pace::new(clock.clone(), Some(8.0));
        let turns = [pace.turn().await, pace.turn().await, pace.turn().await];
        for turn in turns {
            pace.refused(turn, None);
        }
        assert_eq!(pace.state().storm, 1);
    }

    #[tokio::test]
    async fn a_configured_rate_is_a_ceiling() {
        let clock = ManualClock::new();
        let pace = Pace::new(clock.clone(), Some(4.0));
        let begin = clock.now();
        for _ in 0..41 {
            let turn = pace.turn().await;
            pace.succeeded(turn);
        }
        assert!(until(begin, clock.now()) >= Duration::from_secs(10));
    }
}
