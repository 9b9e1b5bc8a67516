//! What a running sync tells about itself, for progress bars and pages.

use std::sync::Arc;

/// One piece of news from a running sync.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The sync has a new stage: what it does now, in words.
    Stage(String),
    /// Rows of a table were read.
    Rows {
        /// The table.
        table: &'static str,
        /// Rows read in all so far.
        read: u64,
        /// The API's own total, where it gave one.
        told: Option<u64>,
    },
    /// A rate limit holds the sync back until then.
    Waiting(jiff::Timestamp),
}

/// Where news goes.
pub type Listener = Arc<dyn Fn(Progress) + Send + Sync>;

/// A listener that does not care.
pub fn silent() -> Listener {
    Arc::new(|_| ())
}
