//! The simulator's sense of time: the system's, or one that a test moves by hand.
//! Responsible for "what time is it". Not for formatting and not for waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Tells the time in epoch milliseconds. Clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
    /// How far `World::advance` has moved a system clock forward.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self { manual: None, ahead: Arc::default() }
    }

    /// A clock that stands still until someone stores another number of epoch milliseconds.
    pub fn manual(milliseconds: Arc<AtomicI64>) -> Self {
        Self { manual: Some(milliseconds), ahead: Arc::default() }
    }

    /// The time now, in epoch milliseconds.
    pub fn now(&self) -> i64 {
        match &self.manual {
            Some(milliseconds) => milliseconds.load(Ordering::SeqCst),
            None => jiff::Timestamp::now().as_millisecond() + self.ahead.load(Ordering::SeqCst),
        }
    }

    /// Moves this clock (and its clones) forward; a manual clock is moved for the test as well.
    pub(crate) fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.manual.as_ref().unwrap_or(&self.ahead).fetch_add(milliseconds, Ordering::SeqCst);
    }
}
