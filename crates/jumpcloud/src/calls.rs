//! Counts what was asked, by endpoint: for collection health, and to show that nothing else was.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

/// What was asked of one endpoint since the client was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    /// The endpoint's name, see [`crate::Endpoint::name`].
    pub endpoint: &'static str,
    /// Requests sent, retries included.
    pub calls: u64,
    /// Of those, how many repeated an earlier one.
    pub retries: u64,
    /// Of the answers, how many were 429.
    pub rate_limited: u64,
    /// Bytes of answers, after decompression.
    pub bytes: u64,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// When the last request was sent.
    pub last_at: Option<Timestamp>,
}

#[derive(Default)]
pub(crate) struct Calls(Mutex<BTreeMap<&'static str, CallCount>>);

impl Calls {
    pub(crate) fn sent(&self, endpoint: &'static str, is_retry: bool, now: Timestamp) {
        self.count(endpoint, |count| {
            count.calls += 1;
            count.retries += u64::from(is_retry);
            count.last_at = Some(now);
        });
    }

    pub(crate) fn answered(&self, endpoint: &'static str, status: u16) {
        self.count(endpoint, |count| {
            count.last_status = Some(status);
            count.rate_limited += u64::from(status == 429);
        });
    }

    pub(crate) fn received(&self, endpoint: &'static str, bytes: usize) {
        self.count(endpoint, |count| count.bytes += bytes as u64);
    }

    pub(crate) fn all(&self) -> Vec<CallCount> {
        self.lock().values().cloned().collect()
    }

    fn count(&self, endpoint: &'static str, change: impl FnOnce(&mut CallCount)) {
        change(self.lock().entry(endpoint).or_insert_with(|| CallCount {
            endpoint,
            calls: 0,
            retries: 0,
            rate_limited: 0,
            bytes: 0,
            last_status: None,
            last_at: None,
        }));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, CallCount>> {
        // Additions cannot panic, so a poisoned lock cannot hold half a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
