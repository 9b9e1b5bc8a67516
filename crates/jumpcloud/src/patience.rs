//! When a failed request is sent again, and when it is given up. What a failure means was decided before, in
//! `client.rs`; how long to wait by rule is in `retry.rs`.

use std::time::Duration;

use backon::ExponentialBackoff;
use jiff::Timestamp;

use crate::{client::Inner, clock::until, error::Error, retry::backoff};

/// How often an answer that is damaged (not JSON) is asked for, at most.
const DAMAGED_ATTEMPTS: u32 = 3;

/// A failed attempt, and whether another one can help.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) again: Again,
}

pub(crate) enum Again {
    Never,
    /// After a while, which the answer may have told.
    Later(Option<Duration>),
    /// Perhaps it was only damaged on the way.
    Damaged,
    /// When the gate opens.
    Limited,
    /// At once, with a new token.
    NewToken,
}

impl Failure {
    pub(crate) fn never(error: Error) -> Self {
        Self { error, again: Again::Never }
    }
}

/// How long one request still tries.
pub(crate) struct Patience<'a> {
    client: &'a Inner,
    waits: ExponentialBackoff,
    /// Requests sent.
    pub(crate) attempts: u32,
    failures: u32,
    damaged: u32,
    renewed: bool,
    since: Option<Timestamp>,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(client: &'a Inner) -> Self {
        Self { client, waits: backoff(), attempts: 0, failures: 0, damaged: 0, renewed: false, since: None }
    }

    /// Waits until another attempt makes sense, or gives the error back.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), Error> {
        self.attempts += 1;
        let limits = &self.client.limits;
        let now = self.client.clock.now();
        let since = *self.since.get_or_insert(now);
        let spent = until(since, now);
        let wait = match failure.again {
            Again::Never => return Err(failure.error),
            Again::NewToken if self.renewed => {
                let context = failure.error.context().cloned();
                return Err(context.map_or(failure.error, |context| self.client.reject(context)));
            }
            Again::NewToken => {
                self.renewed = true;
                return Ok(());
            }
            Again::Limited => {
                // The gate does the waiting, together with everybody else's.
                let held = self.client.pace.held_until().map_or(Duration::ZERO, |at| until(now, at));
                return if spent + held > limits.total_wait { Err(failure.error) } else { Ok(()) };
            }
            Again::Damaged => {
                self.damaged += 1;
                if self.damaged >= DAMAGED_ATTEMPTS {
                    return Err(failure.error);
                }
                self.next_wait()
            }
            Again::Later(told) => self.next_wait().max(told.unwrap_or_default()),
        };
        self.failures += 1;
        if self.failures >= limits.max_attempts || spent + wait > self.client.patience() {
            return Err(failure.error);
        }
        self.client.clock.sleep(wait).await;
        Ok(())
    }

    fn next_wait(&mut self) -> Duration {
        self.waits.next().unwrap_or(Duration::from_secs(60))
    }
}
