//! The state of a simulated organization, one file for each noun.
//! Responsible for what there is and how it came about. How it is shown is the business of `v1` and `v2`, but the
//! text of a row is written beside the noun that it shows.
//!
//! To add a noun that exists in tens: add it to `document::Noun`, make it up in the file named after its area, and
//! give it a route. To add a noun that exists in thousands: a compact struct with `grow` and `write`, in a `Table`.

pub(crate) mod access;
pub(crate) mod administrators;
pub(crate) mod alerts;
pub(crate) mod applications;
pub(crate) mod approvals;
pub(crate) mod bindings;
pub(crate) mod certificate;
pub(crate) mod commands;
pub(crate) mod derived;
pub(crate) mod device;
mod device_row;
pub(crate) mod directories;
pub(crate) mod document;
pub(crate) mod graph;
pub(crate) mod group;
pub(crate) mod insights;
pub(crate) mod mdm;
mod organization;
pub(crate) mod plan;
pub(crate) mod policies;
pub(crate) mod settings;
pub(crate) mod software;
pub(crate) mod ssh_key;
pub(crate) mod table;
pub(crate) mod user;
mod user_row;

pub(crate) use organization::{Organization, Profile};
