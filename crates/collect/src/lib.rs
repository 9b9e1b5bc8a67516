//! The sync engine: reads an organization's inventory and events completely or says what is missing, on demand and on
//! schedule.

mod client;
pub mod condition;
mod error;
pub mod events;
mod linking;
mod node;
pub mod origin;
mod progress;
mod rows;
mod schedule;
mod scheduler;
mod snapshot;
mod sync;
pub mod tables;
mod test;
pub mod when;

pub use client::{Settings, SettingsError, VisibleOrganization, secret_of, visible_organizations};
pub use error::Error;
pub use linking::{
    USUAL_EVENTS, USUAL_INVENTORY, checked_name, checked_schedule, inventory_lease_name, new_connection,
};
pub use progress::{Listener, Progress, silent};
pub use schedule::{Schedule, ScheduleError};
pub use scheduler::run_schedule;
pub use sync::{AfterSync, Collector, SyncOptions, SyncReport};
pub use test::{Check, Grade, TestReport};
