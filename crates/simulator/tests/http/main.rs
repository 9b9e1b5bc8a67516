//! The simulator over real HTTP. One test binary with a module for each promise.
#![expect(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod access;
mod checks;
mod client;
mod event_oddities;
mod events;
mod faults;
mod insights;
mod life;
mod lists;
mod oddities;
mod specification;
mod speed;
