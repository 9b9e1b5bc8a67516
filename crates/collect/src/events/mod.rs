//! Events: read hour by hour, committed page by page, and held against JumpCloud's own count.
//!
//! - `plan` says what to ask next; it is pure.
//! - `page` turns what JumpCloud sent into what the store takes.
//! - `window` reads one hour and proves it.
//! - `sync` is one run of one connection: lease, history, budget, and how the stream stands after it.
//! - `shared` asks once for several organizations that one key can see.
//! - `keep` removes what is older than it is to be kept.
//! - `ledger` reads the ledger: how far the proof reaches, and what is missing.
//! - `recount` asks JumpCloud again, hour by hour, and changes nothing.
//! - `reindex` reads stored events with the mapping as it is now.

mod keep;
mod ledger;
mod page;
mod plan;
mod recount;
mod reindex;
mod shared;
mod sync;
mod window;

pub use keep::{Keep, KeepError};
pub use ledger::{Coverage, coverage, coverage_of};
pub use plan::Rules;
pub use recount::Recounted;
pub use reindex::ReindexReport;
pub(crate) use shared::{Sharing, may_share};
pub use sync::{EventOptions, EventReport, event_lease_name};
