//! How fast a program may ask: so many requests a second for each token, and some more at once. It is kept in memory: it
//! protects this process, not the data.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Time that one request takes of what is allowed: 50 a second.
const EACH: SignedDuration = SignedDuration::from_millis(20);
/// Requests that may come at once.
pub(crate) const AT_ONCE: i32 = 200;
/// So many tokens are remembered before those that are quiet are forgotten.
const MOST: usize = 10_000;

/// Until when each token has used up what it may.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    used: Mutex<HashMap<String, Timestamp>>,
}

impl Rate {
    /// Takes one request of a token; if that is too much, how long to wait.
    pub(crate) fn take(&self, token: &str, now: Timestamp) -> Result<(), SignedDuration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST {
            used.retain(|_, until| *until > now);
        }
        let until = used.get(token).copied().unwrap_or(now).max(now) + EACH;
        let excess = until.duration_since(now) - EACH * AT_ONCE;
        if excess.is_positive() {
            return Err(excess);
        }
        used.insert(token.to_owned(), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_as_many_as_time_allows() {
        let rate = Rate::default();
        let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for _ in 0..AT_ONCE {
            assert_eq!(rate.take("a", start), Ok(()));
        }
        assert_eq!(rate.take("a", start), Err(EACH), "one too many");
        assert_eq!(rate.take("b", start), Ok(()), "another token is not slowed down");
        assert_eq!(rate.take("a", start + EACH), Ok(()));
        assert!(rate.take("a", start + EACH).is_err());
        let later = start + SignedDuration::from_secs(60);
        let taken = (0..2 * AT_ONCE).filter(|_| rate.take("a", later).is_ok()).count();
        assert_eq!(taken, AT_ONCE as usize, "quiet time is not saved up beyond a burst");
    }
}
