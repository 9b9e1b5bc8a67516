//! A clock for tests, in which waiting costs nothing.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::clock::{Clock, after};

/// Time that moves only when somebody waits, or when told to.
pub(crate) struct ManualClock {
    now: Mutex<Timestamp>,
    me: std::sync::Weak<Self>,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|me| Self { now: Mutex::new("2026-11-22T10:00:00Z".parse().unwrap()), me: me.clone() })
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = after(*now, duration);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let deadline = after(self.now(), duration);
        let me = self.me.upgrade();
        Box::pin(async move {
            // Others that are ready go first, so that those who wait less wake up first.
            tokio::task::yield_now().await;
            if let Some(me) = me {
                let mut now = me.now.lock().unwrap();
                *now = deadline.max(*now);
            }
        })
    }
}
