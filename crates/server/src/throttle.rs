//! Slows down guessing: after a few failures a name, or an address, has to wait, longer each time. It is kept in memory:
//! whoever can restart the server need not guess.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;
/// Longest wait.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// After so long without a failure everything is forgotten.
const FORGET: SignedDuration = SignedDuration::from_hours(1);
/// So many names and addresses are remembered; beyond that the oldest are forgotten.
const MOST: usize = 10_000;

/// Who has failed how often.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Throttle {
    /// How long somebody has to wait before trying again; `None` if not at all.
    pub(crate) fn wait(&self, keys: &[String], now: Timestamp) -> Option<SignedDuration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = keys.iter().filter_map(|key| {
            let failed = failures.get(key)?;
            let until = failed.last + penalty(failed.count)?;
            (until > now).then(|| until.duration_since(now))
        });
        waits.max()
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, keys: &[String], now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST {
            failures.retain(|_, failed| now.duration_since(failed.last) < FORGET);
        }
        if failures.len() >= MOST
            && let Some(oldest) = failures.iter().min_by_key(|(_, failed)| failed.last).map(|(key, _)| key.clone())
        {
            failures.remove(&oldest);
        }
        for key in keys {
            let failed = failures.entry(key.clone()).or_insert(Failures { count: 0, last: now });
            if now.duration_since(failed.last) > FORGET {
                failed.count = 0;
            }
            failed.count = failed.count.saturating_add(1);
            failed.last = now;
        }
    }

    /// Notes a success: that name is known now. The address stays suspect, or one good account would excuse guessing others.
    pub(crate) fn succeeded(&self, key: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// How long the next try has to wait after so many failures.
fn penalty(count: u32) -> Option<SignedDuration> {
    let beyond = count.checked_sub(FREE)?;
    Some(SignedDuration::from_secs(1_i64 << beyond.min(10)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_every_failure_and_ends_with_a_success() {
        let throttle = Throttle::default();
        let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let keys = ["name mara".to_owned(), "address 192.0.2.1".to_owned()];
        for _ in 0..4 {
            throttle.failed(&keys, start);
        }
        assert_eq!(throttle.wait(&keys, start), None);
        throttle.failed(&keys, start);
        assert_eq!(throttle.wait(&keys, start), Some(SignedDuration::from_secs(1)));
        for _ in 0..20 {
            throttle.failed(&keys, start);
        }
        assert_eq!(throttle.wait(&keys, start), Some(LONGEST));
        throttle.succeeded(&keys[0]);
        assert_eq!(throttle.wait(&keys[..1], start), None);
        assert!(throttle.wait(&keys, start).is_some(), "the address has to wait all the same");
        assert_eq!(throttle.wait(&keys, start + SignedDuration::from_mins(16)), None);
    }
}
