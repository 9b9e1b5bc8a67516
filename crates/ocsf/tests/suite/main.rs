//! The mapper against what it must give: golden pairs, recordings, the table, arbitrary input, and an independent checker.
//! What lies outside of this repository is found through `JUMPSEAT_SHARED`.
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod golden;
mod support;
