//! What Jumpseat remembers, and reading it with SQL.
pub mod schema;
