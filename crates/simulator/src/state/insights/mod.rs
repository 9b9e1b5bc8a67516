//! System Insights: what the agent of a device reports, table by table.
//! Responsible for which tables exist, how many rows a device has in each, and what stands in them.
//! Rows are made up when they are asked for; nothing is kept, so a large fleet costs no memory.
//!
//! To add a table: an entry in the list of the file of its area, with the columns of the published specification.

mod accounts;
mod catalog;
mod hardware;
mod network;
mod report;
mod security;
mod software;

pub(crate) use catalog::{Table, at, ends, find, names, reports, total, write};
use report::Report;
