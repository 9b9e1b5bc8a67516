//! Time in the tests: one clock for collector and simulator that moves only when somebody waits, or when told to.
//! Network timeouts are not its business: they guard real sockets and use real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use jumpcloud::Clock;
use tokio::sync::watch;

/// A clock for tests.
#[derive(Debug)]
pub(crate) struct TestClock {
    /// What time it is, in epoch milliseconds; shared with the simulator.
    pub(crate) wall: Arc<AtomicI64>,
    /// Milliseconds that have passed, whatever the wall clock was set to: what waiting goes by.
    passed: watch::Sender<i64>,
    /// Waiting makes the time pass; else only [`TestClock::pass`] does.
    pub(crate) waiting_is_free: AtomicBool,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        Arc::new(Self {
            wall: Arc::new(AtomicI64::new(start.as_millisecond())),
            passed: watch::Sender::new(0),
            waiting_is_free: AtomicBool::new(true),
        })
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap();
        self.wall.fetch_add(milliseconds, SeqCst);
        self.passed.send_modify(|passed| *passed += milliseconds);
    }

    /// Somebody sets the wall clock forward or back; no time passes.
    pub(crate) fn set_by(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1000, SeqCst);
    }
}

/// The clock as the collector sees it.
#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<TestClock>);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.wall.load(SeqCst)).unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.0);
        let wait = i64::try_from(duration.as_micros().div_ceil(1000)).unwrap();
        let ends = *clock.passed.borrow() + wait;
        Box::pin(async move {
            // Others that are ready go first, so that those who wait less wake up first.
            tokio::task::yield_now().await;
            if clock.waiting_is_free.load(SeqCst) {
                let left = ends - *clock.passed.borrow();
                clock.pass(Duration::from_millis(u64::try_from(left).unwrap_or(0)));
            }
            clock.passed.subscribe().wait_for(|passed| *passed >= ends).await.unwrap();
        })
    }
}
