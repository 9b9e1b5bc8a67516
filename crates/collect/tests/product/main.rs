//! The sync engine against the simulator, over real HTTP and into a real store: every promise of completeness in one
//! binary, one file for each topic. Nothing here sleeps; `support.rs` has what every test starts from.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod bodies;
mod canned;
mod clock;
mod completeness;
mod connection_test;
mod credentials;
mod event_faults;
mod event_hostile;
mod event_interruption;
mod event_outages;
mod event_proof;
mod event_reindex;
mod event_retention;
mod event_sharing;
mod event_support;
mod interruption;
mod isolation;
mod living;
mod network;
mod oddities;
mod rates;
mod recordings;
mod refusals;
mod scheduling;
mod support;
mod truth;
