//! Posture: checks over what was collected, the lives of what they find, and what that means for frameworks.
//!
//! A check is one Markdown file (`content/checks`), a framework one TOML file (`content/frameworks`); the user's own checks
//! lie beside ours. To add one: write the file; `jumpseat check test FILE` says what is wrong with it.

pub mod access;
mod check;
mod content;
pub mod derived;
mod evaluate;
pub mod evidence;
mod file;
pub mod fixture;
pub mod framework;
pub mod harmless;
mod lives;
mod markdown;
pub mod ocsf;
mod pages;
mod parameters;
mod peers;
mod readiness;
mod run;
pub mod sarif;
mod settings;
mod standing;

pub use check::{Check, Origin, Tier};
pub use content::{FileError, Library};
pub use evaluate::{Evaluated, Row};
pub use pages::{
    check_page, check_text, evidence_index_page, framework_page, index_page, item_page, item_text, peers_page,
};
pub use parameters::ParameterSet;
pub use peers::{Peer, PeerCheck, peers};
pub use readiness::{Readiness, Shortfall};
pub use run::{Mode, Organization, OrganizationReport, Posture, Request, lease_name};
pub use settings::{Mute, Settings};
pub use standing::{Tally, numbers};
