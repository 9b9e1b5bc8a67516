//! The mapper against what it must give: golden pairs, recordings, the table, arbitrary input, and an independent checker.
//! What lies outside of this repository is found through `JUMPSEAT_SHARED`.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that fails says where, and a skipped one says so")]

mod checker;
mod event_types;
mod facts;
mod golden;
mod recordings;
mod sameness;
mod support;
mod totality;
mod unmapped;
