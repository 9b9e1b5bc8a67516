//! The sync engine: reads an organization's inventory and events completely or says what is missing, on demand and on
//! schedule.

mod client;
mod error;
pub mod events;
mod node;
mod progress;
mod rows;
mod schedule;
mod scheduler;
mod snapshot;
mod sync;
pub mod tables;
mod test;

pub use client::{Settings, SettingsError, VisibleOrganization, secret_of, visible_organizations};
pub use error::Error;
pub use progress::{Listener, Progress, silent};
pub use schedule::{Schedule, ScheduleError};
pub use scheduler::run_schedule;
pub use sync::{AfterInventory, Collector, SyncOptions, SyncReport};
pub use test::{Check, Grade, TestReport};
