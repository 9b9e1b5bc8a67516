//! Every table that the inventory collects, one file each; the list at the end is the order in which they are shown.
//!
//! To add a table: write `tables/<name>.rs` like its neighbors (columns, sources, identity, what to remove), add its
//! line to [`ALL`], run `cargo test -p collect`, and regenerate `docs/tables.md` with `cargo run -- sql --tables --output markdown`.
//! A System Insights table is one line in `insights.rs`.

use jumpcloud::Endpoint;
use serde_json::Value;
use store::schema::Table;

/// A table and how it is filled.
#[derive(Debug)]
pub struct Collected {
    /// Columns and meaning.
    pub table: Table,
    /// Where its rows come from. A source that is refused or fails makes the table incomplete, and only the rows of
    /// that source are kept as they were.
    pub sources: &'static [Source],
    /// What identifies a row within its organization.
    pub id: Id,
    /// Changes a received row before anything is stored: removes secrets, and what belongs into another table.
    /// It must be a pure function, since its result is what is compared with the stored row.
    pub redact: fn(&mut Value),
    /// What it means that a row is no longer there after a complete read.
    pub absent: &'static str,
    /// Where the shape of the rows is known from: API document or observation.
    pub fact: &'static str,
}

/// Where rows come from.
#[derive(Debug)]
pub struct Source {
    /// Tells the sources of one table apart; empty where there is only one.
    pub part: &'static str,
    /// How rows are asked for.
    pub ask: Ask,
    /// The table is of use without this source, and some plans or roles do not have it: a refusal (402, 403, 404)
    /// is told as "not permitted" or "not licensed" but does not make the snapshot incomplete.
    pub optional: bool,
}

/// How rows are asked for.
#[derive(Debug)]
pub enum Ask {
    /// Every row of one list.
    List { endpoint: &'static Endpoint, query: &'static [(&'static str, &'static str)] },
    /// One list for each row of another table; the parent's id is the path's parameter and is written into each row.
    ListEach { parents: Parents, endpoint: &'static Endpoint, query: &'static [(&'static str, &'static str)], parent_as: &'static str },
    /// One object for each row of another table, replacing or completing what the list tells.
    ReadEach { parents: Parents, endpoint: &'static Endpoint },
    /// Rows made from each received (not yet redacted) row of another table, e.g. the IP addresses of a device.
    From { table: &'static str, rows: fn(&Value) -> Vec<Value> },
}

/// The rows of another table whose ids are asked one by one.
#[derive(Debug, Clone, Copy)]
pub struct Parents {
    /// The parent table's name.
    pub table: &'static str,
    /// Which of its rows (as received); all of them without it.
    pub only: Option<fn(&Value) -> bool>,
}

/// What identifies a row within its organization.
#[derive(Debug)]
pub enum Id {
    /// The first of these members that is there, e.g. `_id`, then `id`.
    Member(&'static [&'static str]),
    /// Several members joined by `/`; rows that still share it are told apart by a number after `~`.
    Joined(&'static [&'static str]),
}

mod redact;
mod users;

/// Every collected table, in the order in which they are shown.
pub static ALL: &[&Collected] = &[&users::USERS];
