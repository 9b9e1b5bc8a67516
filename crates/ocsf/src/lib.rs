//! Directory Insights event -> OCSF, as pure functions: no clock, no file, no network, and no input that fails.
//!
//! ```
//! let mut mapper = ocsf::Mapper::new();
//! let event = mapper.read(r#"{"id":"1","event_type":"sso_auth","service":"sso","timestamp":"2026-11-20T08:15:10.3Z"}"#);
//! let facts = event.facts();
//! assert_eq!((facts.class_uid, facts.outcome), (3002, ocsf::Outcome::Unknown));
//! let mut line = Vec::new();
//! event.write_ocsf(&ocsf::Received::at(1_795_162_510_000), &mut line);
//! ```
//!
//! How it is put together: `json` reads the text once into borrowed values; a **family** (`families`, one file each)
//! turns an event into a [`mapping`] of **blocks** (`blocks`, one file each: user, endpoint, device, …); `envelope`
//! writes what all events have in common and every block that is there. Which class an event type has, with which
//! activity and severity, is data: `event_types.csv`. [`Facts`] is read from the same mapping without writing anything.
//!
//! **To add an event type**: one line in `event_types.csv`, and `cargo run -- event types --reference >
//! docs/ocsf-mapping.md`. **To add a family**: one file in `families` and one line in its list.

mod blocks;
mod class;
mod envelope;
mod event;
mod event_type;
mod facts;
mod families;
mod field;
mod json;
mod mapping;
mod reference;
mod status;
mod time;
mod uid;
mod unmapped;

pub use class::Class;
pub use event::{Event, Mapper, Received};
pub use event_type::{EventType, event_types};
pub use facts::{Facts, Named, PersonKind, Target};
pub use mapping::Labels;
pub use reference::reference;
pub use status::Outcome;
pub use time::parse_time;

/// The version of OCSF that is written.
pub const OCSF_VERSION: &str = "1.8.0";

/// Raised with every change of what a mapping or a fact says, so that an index can tell with which it was made.
pub const MAPPING_VERSION: u32 = 2;
